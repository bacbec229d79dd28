"""Padding: with a constant, or with the image's own elements.

All modes choose elements along each dimension by a map from the places of the result to those of
the input. Padding with a constant is differentiated by padding the other way round: cropping. In
the other modes an element may be read several times, and its gradients are added up.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from .. import dtypes, geometry, kernels, memory
from ..autograd import op as _op
from ..errors import ShapeError
from .common import is_tensor, tensor
from .elementwise import add, mul
from .reduce import mean
from .resample import Table, resample

__all__ = ["pad"]

# Below this many elements numpy copies sooner than C is called.
_SMALL = 1 << 12


class ConstantPad(_op.Op):
    """A tensor with elements of one value added around it, or with its border cut off."""

    formula = "dx = g without what was added, 0 where something was cut off"

    def __init__(self, padding, value):
        self.padding = padding  # (before, after) of each of the last dimensions, in their order
        self.value = value

    def forward(self, input):
        return _padded(input, self.padding, self.value)

    def backward(self, grad, needs):
        return ConstantPad(tuple((-before, -after) for before, after in self.padding), 0)(grad)


class MapPad(_op.Op):
    """A tensor extended by its own elements."""

    formula = "dx = sum of g over the places that show an element"

    def __init__(self, padding, mode):
        self.padding = padding
        self.mode = mode

    def forward(self, input):
        lead = input.ndim - len(self.padding)
        self.tables = tuple(
            _places(size, before, after, self.mode)
            for size, (before, after) in zip(input.shape[lead:], self.padding, strict=True)
        )
        return kernels.remap(input, tuple(table.index[:, 0] for table in self.tables))

    def backward(self, grad, needs):
        return resample(grad, tuple(table.transposed for table in self.tables))


def _padded(input, padding, value):
    """Return an array padded with a constant."""
    lead = input.ndim - len(padding)
    if input.size > _SMALL and len(padding) <= 3:
        sizes = input.shape[lead:]
        maps = [
            _places(size, before, after, "constant").index[:, 0]
            for size, (before, after) in zip(sizes, padding, strict=True)
        ]
        return kernels.remap(input, maps, value)
    shape, here, there = list(input.shape), [slice(None)] * lead, [slice(None)] * lead
    for dim, (before, after) in enumerate(padding, lead):
        size = shape[dim]
        shape[dim] = size + before + after
        here.append(slice(max(before, 0), max(before, 0) + max(size + min(before, 0), 0)))
        here[-1] = slice(here[-1].start, shape[dim] - max(after, 0))
        there.append(slice(max(-before, 0), size - max(-after, 0)))
    result = memory.empty(tuple(shape), input.dtype)
    with np.errstate(all="ignore"):
        result[...] = np.asarray(value).astype(input.dtype)
    result[tuple(here)] = input[tuple(there)]
    return result


@functools.lru_cache(maxsize=1024)
def _places(size, before, after, mode):
    """Return the table of the places that a padded dimension shows."""
    places = np.arange(-before, size + after)
    if mode == "constant":
        places[(places < 0) | (places >= size)] = -1
    elif mode == "reflect":
        places = np.abs(places)
        places = size - 1 - np.abs(size - 1 - places)
    elif mode == "replicate":
        places = places.clip(0, size - 1)
    else:  # what is cut off does not come back at the other end
        start, end = max(-before, 0), size - max(-after, 0)
        places = (places - start) % (end - start) + start
    return Table(size, places[:, None], np.ones((len(places), 1)))


def pad(input, pad, mode="constant", value=None):
    """Pad a tensor, or cut off its border.

    Parameters
    ----------
    input : Tensor
        With a constant: of any shape and type. In the other modes: (batch, channels, *size) or
        (channels, *size).
    pad : tuple of int
        How many elements are added before and after the last dimension, then before and after the
        one before it, and so on. Negative numbers cut off as many. All modes but the constant one
        extend all spatial dimensions, one to three.
    mode : str
        ``'constant'``: with `value`. ``'reflect'``: with the elements mirrored at the border, which
        is not repeated. ``'replicate'``: with the border. ``'circular'``: with the elements at the
        other end. ``'mean'`` (not in PyTorch): with the mean of each channel of each image, for one
        to three spatial dimensions.
    value : float, optional
        Default: 0.

    Returns
    -------
    Tensor

    Raises
    ------
    ShapeError
        If sizes do not fit together.
    ValueError
        If `value` is given in another mode.
    NotImplementedError
        If a mode is unknown or does not take that number of dimensions.
    """
    tensor("pad", input)
    padding = _pairs(input, pad)
    if mode == "constant":
        _check_sizes(input, padding)
        return ConstantPad(padding, _constant(input, value))(input)
    if value is not None and value != 0:
        raise ValueError(f'pad: Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in ("reflect", "replicate", "circular", "mean"):
        raise NotImplementedError(f"pad: unrecognised padding mode {mode!r}")
    spatial = len(padding)
    if not 1 <= spatial <= 3 or input.ndim not in (spatial + 1, spatial + 2):
        raise NotImplementedError(
            f"pad: mode {mode!r} takes 2, 4 or 6 numbers for an input with 1, 2 or 3 dimensions "
            f"after batch and channels, got pad {tuple(pad)} for input {tuple(input.shape)}"
        )
    if mode == "mean":
        return _mean_padded(input, padding)
    _check_own_elements(input, padding, mode)
    return MapPad(padding, mode)(input)


def _pairs(input, pad):
    """Return (before, after) for each dimension that is padded, in the order of the dimensions."""
    if not isinstance(pad, (tuple, list)):
        raise TypeError(f"pad: pad must be a tuple of ints, got {type(pad).__name__}")
    limit = geometry.LARGEST_SIZE
    numbers = [geometry.integer("pad", "pad", n, -limit) for n in pad]
    if len(numbers) % 2:
        raise ShapeError(f"pad: Padding length must be divisible by 2, got pad {tuple(pad)}")
    if len(numbers) > 2 * input.ndim:
        raise ShapeError(
            f"pad: Padding length should be less than or equal to two times the input dimension "
            f"but got padding length {len(numbers)} and input of dimension {input.ndim}: "
            f"pad {tuple(pad)}, input {tuple(input.shape)}"
        )
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    return tuple(reversed(pairs))


def _constant(input, value):
    """Return the value to pad with, as a number."""
    if value is None:
        return 0
    if is_tensor(value):
        value = value.item()
    if not isinstance(value, (bool, int, float, np.generic)):
        raise TypeError(f"pad: value must be a number, got {type(value).__name__}")
    if not input.dtype.is_floating_point and input.dtype is not dtypes.bool:
        return int(value)
    return value


def _check_sizes(input, padding):
    lead = input.ndim - len(padding)
    for dim, (before, after) in enumerate(padding, lead):
        size = input.shape[dim]
        if size + before + after < 0 or min(before + size, after + size) < 0:
            raise ShapeError(
                f"pad: The input size {size}, plus negative padding {before} and {after}, resulted "
                f"in a negative output size, which is invalid. Check dimension {dim} of input "
                f"{tuple(input.shape)}"
            )
    if math.prod(n + b + a for n, (b, a) in zip(input.shape[lead:], padding, strict=True)) > (
        geometry.LARGEST_COUNT
    ):
        raise ShapeError(f"pad: the output of input {tuple(input.shape)} is too large")


def _check_own_elements(input, padding, mode):
    """Check that an image has the elements that it is to be extended by."""
    lead = input.ndim - len(padding)
    if 0 in input.shape[1:]:
        raise ShapeError(
            f"pad: mode {mode!r} needs elements to pad with, got input {tuple(input.shape)}"
        )
    for dim, (before, after) in enumerate(padding, lead):
        size = input.shape[dim]
        left = size + min(before, 0) + min(after, 0)  # after cutting off
        most = {"reflect": size - 1, "circular": left}.get(mode, max(before, after))
        if max(before, after) > most:
            rule = "less than the size" if mode == "reflect" else "at most the size"
            raise ShapeError(
                f"pad: mode {mode!r} can add {rule} of the dimension, got padding "
                f"({before}, {after}) at dimension {dim} of input {tuple(input.shape)}"
            )
        if size + before + after < 0:
            raise ShapeError(
                f"pad: more is cut off than there is of dimension {dim} of input "
                f"{tuple(input.shape)}: padding ({before}, {after})"
            )
    sizes = zip(input.shape[lead:], padding, strict=True)
    if mode != "circular" and not any(n + before + after for n, (before, after) in sizes):
        raise ShapeError(
            f"pad: nothing would be left of input {tuple(input.shape)}: padding {padding}"
        )


def _mean_padded(input, padding):
    """Pad with the mean over the spatial dimensions."""
    _check_sizes(input, padding)
    dims = tuple(range(input.ndim - len(padding), input.ndim))
    if 0 in (input.shape[d] for d in dims):
        raise ShapeError(f"pad: mode 'mean' needs elements, got input {tuple(input.shape)}")
    shape = tuple(input.shape[d] for d in dims)
    border = _padded(np.zeros(shape, input._array.dtype), padding, 1)
    inside = ConstantPad(padding, 0)(input)
    return add(inside, mul(mean(input, dims, keepdim=True), _op.Tensor._wrap(border)))
