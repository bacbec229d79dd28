"""Properties of networks: how far outputs see, how evenly they draw, what moves along."""

from __future__ import annotations

import copy
import itertools
import math

import numpy as np

from .. import random
from ..geometry import LARGEST_SIZE, integers
from ..tensor import Tensor
from ..vision.transforms.functional import affine
from ..vision.transforms.interpolation import InterpolationMode
from .inputs import check_module, given_inputs
from .picture import Picture, coloured, grid
from .receptive import run_with_fields
from .summary import Summary, summarised

__all__ = [
    "ReceptiveFields",
    "checkerboard",
    "equivariance_error",
    "receptive_field",
]


class ReceptiveFields(Summary):
    """
    What `receptive_field` found: a `Summary` that shows these alone; arguments as of `Summary`.

    Its items are the layers, by number or path: ``fields[-1].size``, ``fields["layer4"].jump``.
    """

    def __getitem__(self, key):
        if isinstance(key, str):
            return {layer.path: layer for layer in self.layers}[key]
        return self.layers[key]

    def _table(self):
        head, rows = super()._table()
        return [*head[:3], "size", *head[7:]], [[*row[:3], *row[6:]] for row in rows]

    def _remarks(self):
        return list(super()._remarks())[:1]


def receptive_field(model, input_size=None, *, input_data=None):
    """
    Tell which part of the image the outputs of every layer can depend on.

    Parameters
    ----------
    model : Module
        Run in evaluation mode; its mode is the same afterwards.
    input_size, input_data
        As of `summary`, of which this is a part.

    Returns
    -------
    ReceptiveFields
        Prints as a table. Its items are the layers, by number or path.

    Notes
    -----
    Araujo, Norris and Sim 2019 (https://distill.pub/2019/computing-receptive-fields), on any graph.
    Output i sees the pixels from ``start + i jump`` to less than ``start + i jump + size``, in each
    dimension; with a jump of 0 all outputs see the same. Where branches meet, it is the smallest
    region that contains those of all. In enlarged images, and where it is not known what an
    operation looks at, it is a bound. What padding repeats of the image counts as padding.

    Examples
    --------
    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3))
    >>> receptive_field(model, (1, 1, 32, 32))[-1].size
    (8, 8)
    """
    x = input_data if input_size is None else input_size
    return summarised(ReceptiveFields, "receptive_field", model, x)


def checkerboard(layer, size=None):
    """
    Count how many taps of a transposed convolution reach each element of its output.

    Where the stride does not divide the kernel, the counts are uneven, and images made so tend to
    have a pattern of that period.

    Parameters
    ----------
    layer : Module
        A transposed convolution, a `ResizeConv2d`, or several layers that enlarge and convolve, one
        after the other: then the ways through all of them are counted. Of any kernel, stride,
        padding and dilation, in 1 to 3 dimensions. Its weights do not matter.
    size : int or sequence of int, optional
        Of the input; enough for an interior unless given.

    Returns
    -------
    Picture
        Its values are the counts, int64, one per element (of three dimensions the planes are drawn
        one by one). Its ``interior`` are the slices of what the ends of the image do not concern;
        ``even`` tells whether that is reached alike everywhere, ``even_along`` the same of each
        dimension.

    Raises
    ------
    ValueError
        There is no convolution, or every element sees the end of the image.

    Notes
    -----
    Odena, Dumoulin and Olah 2016, "Deconvolution and Checkerboard Artifacts"
    (https://distill.pub/2016/deconv-checkerboard).
    """
    channels, ndim = _first_convolution("checkerboard", layer)
    layer = copy.deepcopy(layer).double()
    for module in filter(_is_convolution, layer.modules()):  # sums over taps, means over channels
        module.weight._array[...] = module.groups / module.in_channels
        if module.bias is not None:
            module.bias._array[...] = 0
    reach = 0
    for _ in range(2 if size is None else 1):  # the field is known after the first run
        sizes = integers("checkerboard", "size", 8 + reach if size is None else size, ndim)
        image = Tensor._wrap(np.ones((1, channels, *sizes)))
        output, fields = run_with_fields("checkerboard", layer, [image])
        field = fields.of(output)
        reach = math.ceil(max(field[0]))
    interior = _inside(field, output.shape[2:], (0,) * ndim, sizes)
    counts = np.rint(output._array[0].mean(0)).astype(np.int64)
    inside = counts[interior]
    if inside.size == 0:
        raise ValueError(f"checkerboard: every element sees the end of the image {sizes}")
    planes = counts.reshape(-1, *(1, *counts.shape)[-2:])
    picture = Picture(counts, grid(coloured(planes / max(1, counts.max()))))
    picture.interior = interior
    picture.even_along = tuple(not np.diff(inside, axis=d).any() for d in range(ndim))
    picture.even = all(picture.even_along)
    return picture


def equivariance_error(
    model, shift=None, *, rotate=None, scale=None, input_size=None, input_data=None, border=None
):
    """
    Measure whether the output moves with the image: ``f(move(x))`` against ``move(f(x))``.

    The output moves by as many elements as its jump (see `receptive_field`) tells; between two
    places, the closer counts. Of an output that is no image, such as scores of classes, it is
    measured whether it stays as it is: ``f(move(x))`` against ``f(x)``.

    Parameters
    ----------
    model : Module
        Run in evaluation mode; its mode is the same afterwards.
    shift : int or sequence of int, optional
        Pixels, for all spatial dimensions or each. What leaves at the end enters at the start.
    rotate : float, optional
        Instead: degrees against the clock, about the middle. Images only, as for `scale`.
    scale : float, optional
        Instead: how many times larger, about the middle.
    input_size, input_data
        As of `summary`; only the first input moves. Unless given, noise of 64 pixels (32 of a
        volume) per dimension.
    border : int, optional
        How many elements at the ends of the output are left out; unless given, those whose
        receptive fields reach over the ends of the image, or to what was not in it before.

    Returns
    -------
    float
        ``|f(move(x)) - move(f(x))| / |move(f(x))|``, with Euclidean norms.

    Raises
    ------
    ValueError
        Not one of `shift`, `rotate` and `scale` is given; or no element is left to compare, as the
        receptive fields are too large.

    Notes
    -----
    Rotation and scaling interpolate bilinearly, which has an error of its own unless the image is
    smooth, or turned by multiples of 90 degrees.

    Examples
    --------
    >>> equivariance_error(nn.Conv2d(3, 8, 3, stride=2), 2)  # a whole stride
    0.0
    """
    tool = "equivariance_error"
    if (shift, rotate, scale).count(None) != 2:
        raise ValueError(f"{tool}: give one of shift, rotate and scale")
    if input_size is None and input_data is None:
        channels, ndim = _first_convolution(tool, model)
        input_size = (1, channels, *(64 if ndim < 3 else 32,) * ndim)
    with random.fork_rng():
        random.manual_seed(0)
        data = input_data if input_size is None else input_size
        x, *others = given_inputs(tool, model, data, random=True)
    sizes = np.array(x.shape[2:])
    if len(sizes) == 0 or (shift is None and len(sizes) != 2):
        raise ValueError(f"{tool}: the input {tuple(x.shape)} is no image")
    here, fields = run_with_fields(tool, model, [x, *others])
    angle, factor = rotate or 0, 1 if scale is None else scale
    if shift is not None:
        shift = np.array(integers(tool, "shift", shift, len(sizes), -LARGEST_SIZE))
        moved = _rolled(x, shift)
    else:
        moved = _turned(x, angle, factor, sizes / 2)
    there, _ = run_with_fields(tool, model, [moved, *others])
    if here.dim() != x.dim() or max(here.shape[2:]) == 1:
        return _difference(there, [here])
    field = size, jump, start = np.array(fields.of(here), float)
    jump = np.where(jump > 0, jump, sizes / here.shape[2:])
    if shift is not None:
        low, high = np.maximum(0, shift), sizes + np.minimum(0, shift)
        steps = zip(np.floor(shift / jump), np.ceil(shift / jump), strict=True)
        expected = [_rolled(here, step) for step in itertools.product(*steps)]
    else:  # what has turned stays inside of a square in the middle, which its neighbours touch
        half = min(sizes) / 2 * min(factor, 1) / (1 if angle % 90 == 0 else math.sqrt(2)) - jump
        low, high = sizes / 2 - half, sizes / 2 + half
        expected = [_turned(here, angle, factor, (sizes / 2 - start - size / 2) / jump + 0.5)]
    inside = _inside(field, here.shape[2:], low, high)
    if border is not None:
        inside = tuple(slice(border, n - border) for n in here.shape[2:])
    inside = (..., *inside)
    if 0 in there[inside].shape:
        raise ValueError(
            f"{tool}: every element of the output sees an end of the image: its receptive field is "
            f"{size.tolist()}, the image {sizes.tolist()}. Give a larger input_size, or a border "
            "(0: compare all)"
        )
    return _difference(there[inside], [y[inside] for y in expected])


def _rolled(x, shift):
    return Tensor._wrap(np.roll(x._array, np.int64(shift), range(2, x.dim())))


def _turned(x, angle, factor, middle):
    """Turn and scale about a middle, (y, x) from the upper left corner."""
    bilinear = InterpolationMode.BILINEAR
    return affine(x, -angle, [0, 0], factor, [0.0], bilinear, center=middle[::-1].tolist())


def _difference(found, expected):
    """Return the distance to the closest, relative to its length."""
    errors = []
    for other in expected:
        error = np.linalg.norm(found._array.astype(np.float64) - other._array)
        length = np.linalg.norm(other._array)
        errors.append(float(error / max(length, 1e-30)))
    return min(errors)


def _inside(field, sizes, low, high):
    """Return the elements, a slice per dimension, that see nothing outside of [low, high)."""
    slices = []
    for size, jump, start, count, first, end in zip(*field, sizes, low, high, strict=True):
        place = start + jump * np.arange(count)
        # Of a region that begins or ends between pixels, the pixels in it count.
        seen = np.flatnonzero((place > first - 1 + 1e-6) & (place + size < end + 1 - 1e-6))
        slices.append(slice(int(seen[0]), int(seen[-1]) + 1) if len(seen) else slice(0))
    return tuple(slices)


def _is_convolution(module):
    return hasattr(module, "kernel_size") and hasattr(module, "groups")


def _first_convolution(tool, model):
    """Return the number of channels and of spatial dimensions that a model takes."""
    check_module(tool, model)
    for module in filter(_is_convolution, model.modules()):
        return module.in_channels, len(module.kernel_size)
    raise ValueError(f"{tool}: {type(model).__name__} contains no convolution")
