"""Resampling: interpolation to another size, and the tables of weights it is made with.

Along each dimension an element of the result is a weighted sum of elements of the input, by a table
of places and weights. The gradient is resampled by the transposed tables.
"""

from __future__ import annotations

import functools
import math
import warnings

import numpy as np

from .. import geometry, kernels
from ..autograd.op import Op
from ..errors import ShapeError
from .common import tensor

__all__ = ["interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]


class Table:
    """Places and weights of the elements that make each element of a resampled dimension.

    Parameters
    ----------
    size : int
        Size of the dimension that is read.
    index : array_like of int
        (output size, taps); negative where there is nothing.
    weight : array_like of float
        The same shape.
    """

    def __init__(self, size, index, weight):
        self.size = size
        self.index = np.ascontiguousarray(index, np.int64)
        self.weight = np.ascontiguousarray(weight, np.float64)

    @functools.cached_property
    def transposed(self):
        """The table of the gradient: for each element of the input those that it went to."""
        count = len(self.index)
        here, _ = used = np.nonzero(self.index >= 0)
        there = self.index[used]
        order = np.argsort(there, kind="stable")
        here, there, weight = here[order], there[order], self.weight[used][order]
        # Merge what one element gives another through several taps.
        fresh = np.ones(len(there), bool)
        fresh[1:] = (there[1:] != there[:-1]) | (here[1:] != here[:-1])
        starts = np.flatnonzero(fresh)
        weight = np.add.reduceat(weight, starts) if len(starts) else weight
        here, there = here[starts], there[starts]
        first = np.searchsorted(there, np.arange(self.size + 1))
        taps = max(int(np.diff(first).max(initial=1)), 1)
        index = np.full((self.size, taps), -1, np.int64)
        weights = np.zeros((self.size, taps))
        place = there, np.arange(len(there)) - first[there]
        index[place], weights[place] = here, weight
        result = Table(count, index, weights)
        result.transposed = self
        return result


class Resample(Op):
    """Weighted sums along the last dimensions."""

    formula = "dx = g resampled by the transposed tables"

    def __init__(self, tables):
        self.tables = tables

    def forward(self, input):
        return kernels.resample(input, self.tables)

    def backward(self, grad, needs):
        return resample(grad, tuple(t if t is None else t.transposed for t in self.tables))


class Nearest(Op):
    """The nearest element, along the last dimensions."""

    formula = "dx = sum of g over the places that show an element"

    def __init__(self, tables):
        self.tables = tables

    def forward(self, input):
        return kernels.remap(input, [table.index[:, 0] for table in self.tables])

    def backward(self, grad, needs):
        return resample(grad, tuple(table.transposed for table in self.tables))


def resample(input, tables):
    """Resample the last dimensions by tables (None: leave a dimension as it is)."""
    return Resample(tables)(input)


# ------------------------------------------------------------------------------------------------
# Tables


def _scale(size, count, factor, align_corners, kind=np.float64):
    """Return how far apart two neighbours of the result lie in the input."""
    if align_corners:
        return kind(size - 1) / kind(count - 1) if count > 1 else kind(0)
    return kind(1 / factor) if factor else kind(size) / kind(count)


@functools.lru_cache(maxsize=1024)
def nearest_table(size, count, factor, exact, single):
    """Return the table of the nearest elements; `single`: positions in single precision."""
    kind = np.float32 if single else np.float64  # PyTorch's, which decides where they are halfway
    scale = _scale(size, count, factor, False, kind)
    positions = np.arange(count, dtype=kind)
    positions = (positions + kind(0.5 if exact else 0)) * scale
    places = np.floor(positions.astype(np.float32)).astype(np.int64)
    return Table(size, np.minimum(places, size - 1)[:, None], np.ones((count, 1)))


@functools.lru_cache(maxsize=1024)
def linear_table(size, count, factor, align_corners):
    """Return the table of linear interpolation."""
    scale = _scale(size, count, factor, align_corners)
    positions = np.arange(count) * scale
    if not align_corners:
        positions = np.maximum((np.arange(count) + 0.5) * scale - 0.5, 0)
    left = np.minimum(positions.astype(np.int64), size - 1)
    share = np.clip(positions - left, 0, 1)
    index = np.stack((left, np.minimum(left + 1, size - 1)), 1)
    return Table(size, index, np.stack((1 - share, share), 1))


def _cubic(x, a):
    """Return the cubic convolution kernel (Keys 1981, equation 4, with a for -1/2)."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


@functools.lru_cache(maxsize=1024)
def cubic_table(size, count, factor, align_corners):
    """Return the table of cubic interpolation with a = -3/4."""
    scale = _scale(size, count, factor, align_corners)
    positions = np.arange(count) * scale
    if not align_corners:
        positions = (np.arange(count) + 0.5) * scale - 0.5
    left = np.floor(positions).astype(np.int64)
    taps = np.arange(-1, 3)
    weight = _cubic((positions - left)[:, None] - taps, -0.75)
    return Table(size, (left[:, None] + taps).clip(0, size - 1), weight)


@functools.lru_cache(maxsize=1024)
def smooth_table(size, count, factor, align_corners, cubic):
    """Return the table of linear or cubic (a = -1/2) interpolation, widened when shrinking."""
    scale = _scale(size, count, factor, align_corners)
    widened = max(scale, 1.0)
    support = (2.0 if cubic else 1.0) * widened
    centres = scale * (np.arange(count) + 0.5)
    start = np.maximum((centres - support + 0.5).astype(np.int64), 0)
    end = np.minimum((centres + support + 0.5).astype(np.int64), size)
    taps = np.arange(max(int((end - start).max(initial=1)), 1))
    places = start[:, None] + taps
    distance = (places - centres[:, None] + 0.5) / widened
    weight = _cubic(distance, -0.5) if cubic else np.maximum(1 - np.abs(distance), 0)
    weight[places >= end[:, None]] = 0
    total = weight.sum(1, keepdims=True)
    return Table(
        size,
        np.where(places < end[:, None], places, -1),
        np.divide(weight, total, out=weight, where=total != 0),
    )


@functools.lru_cache(maxsize=1024)
def area_table(size, count):
    """Return the table of the averages of `count` parts, as adaptive average pooling divides."""
    ranges = geometry.adaptive_ranges(size, count)
    start, end = np.array(ranges, np.int64).reshape(count, 2).T[:, :, None]
    places = start + np.arange((end - start).max(initial=1))
    inside = places < end
    return Table(size, np.where(inside, places, -1), inside / (end - start))


# ------------------------------------------------------------------------------------------------
# The public function

_MODES = ("nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic", "area")
_NDIM = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}


def interpolate(
    input,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias=False,
):
    """Resample images to another size.

    Parameters
    ----------
    input : Tensor
        Shape (batch, channels, *size) with 1, 2 or 3 spatial dimensions; floating-point, or uint8
        (rounded) in the modes nearest, nearest-exact, bilinear and bicubic.
    size : int or tuple of int, optional
        Spatial sizes of the result.
    scale_factor : float or tuple of float, optional
        Instead: how many times larger it is, rounded down.
    mode : str
        ``'nearest'`` (position rounded down), ``'nearest-exact'`` (nearest centre), ``'linear'``,
        ``'bilinear'``, ``'trilinear'`` (for 1, 2 and 3 spatial dimensions), ``'bicubic'`` (for 2)
        or ``'area'`` (averages of parts).
    align_corners : bool, optional
        In the linear and cubic modes: whether the centres of the corners of input and result
        coincide, or (default) the corners themselves.
    recompute_scale_factor : bool, optional
        Compute the scale anew from the rounded size, rather than use `scale_factor` as it is.
    antialias : bool
        Widen the weights when shrinking, for bilinear and bicubic.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If not exactly one of `size` and `scale_factor` is given, or an option does not go with the
        mode.
    NotImplementedError
        If the mode does not take that number of dimensions or that type.

    Notes
    -----
    Cubic interpolation: Keys 1981, Cubic Convolution Interpolation for Digital Image Processing,
    equation 4, with -3/4 in place of -1/2 (with `antialias`: -1/2), as PyTorch has it.
    """
    op = "interpolate"
    tensor(op, input)
    if mode not in _MODES:
        raise NotImplementedError(f"{op}: unknown mode {mode!r}; one of {', '.join(_MODES)}")
    if mode in ("nearest", "area", "nearest-exact") and align_corners is not None:
        raise ValueError(
            f"{op}: align_corners option can only be set with the interpolating modes: "
            "linear | bilinear | bicubic | trilinear"
        )
    align_corners = bool(align_corners)
    ndim = _check_mode(op, input, mode, antialias)
    sizes, factors = _sizes(op, input, ndim, size, scale_factor, recompute_scale_factor, mode)
    kind = input._array.dtype
    _check_type(op, kind, mode)
    spatial = tuple(input.shape[2:])
    if min(spatial) < 1 or min(sizes) < (0 if mode == "area" else 1):
        raise ShapeError(
            f"{op}: Input and output sizes should be greater than 0, but got input "
            f"{tuple(input.shape)} and output size {sizes}"
        )
    if math.prod((*input.shape[:2], *sizes)) > geometry.LARGEST_COUNT:
        raise ShapeError(f"{op}: the output {(*input.shape[:2], *sizes)} is too large")
    if mode in ("nearest", "nearest-exact"):
        exact, single = mode == "nearest-exact", kind != np.float64
        return Nearest(
            tuple(
                nearest_table(n, m, f, exact, single)
                for n, m, f in zip(spatial, sizes, factors, strict=True)
            )
        )(input)
    copies = not antialias and mode != "bicubic"  # whatever the factor, as PyTorch
    tables = tuple(
        None
        if n == m and (copies or f is None)
        else _table(mode, n, m, f, align_corners, antialias)
        for n, m, f in zip(spatial, sizes, factors, strict=True)
    )
    if kind == np.uint8:
        return _rounded(input, tables)
    return resample(input, tables)


def _table(mode, size, count, factor, align_corners, antialias):
    if mode == "area":
        return area_table(size, count)
    if antialias:
        return smooth_table(size, count, factor, align_corners, mode == "bicubic")
    make = cubic_table if mode == "bicubic" else linear_table
    return make(size, count, factor, align_corners)


class Rounded(Op):
    """Resampling of bytes: rounded to the nearest."""

    differentiable = False

    def __init__(self, tables):
        self.tables = tables

    def forward(self, input):
        result = kernels.resample(input.astype(np.float32), self.tables)
        return np.rint(result).clip(0, 255).astype(input.dtype)


def _rounded(input, tables):
    return Rounded(tables)(input)


def _check_mode(op, input, mode, antialias):
    """Return the number of spatial dimensions."""
    ndim = input.ndim - 2
    if not 1 <= ndim <= 3 or _NDIM.get(mode, ndim) != ndim:
        takes = f"{_NDIM[mode] + 2}-d" if mode in _NDIM else "3-d, 4-d and 5-d"
        raise NotImplementedError(
            f"{op}: mode {mode!r} takes {takes} inputs (batch, channels, *size), got input "
            f"{tuple(input.shape)}"
        )
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ValueError(
            f"{op}: Anti-alias option is restricted to bilinear and bicubic modes and requires a "
            "4-D tensor as input"
        )
    return ndim


def _check_type(op, kind, mode):
    if kind.kind == "f":
        return
    if kind != np.uint8 or mode not in ("nearest", "nearest-exact", "bilinear", "bicubic"):
        raise NotImplementedError(f"{op}: mode {mode!r} is not implemented for {kind.name}")


def _sizes(op, input, ndim, size, scale_factor, recompute, mode):
    """Return the sizes of the result, and the factors to use (None: the ratio of the sizes)."""
    none = (None,) * ndim
    spatial = tuple(input.shape[2:])
    if size is not None and scale_factor is not None:
        raise ValueError(f"{op}: only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError(f"{op}: either size or scale_factor should be defined")
    if size is not None:
        if recompute:
            raise ValueError(
                f"{op}: recompute_scale_factor is not meaningful with an explicit size."
            )
        wanted = _each(op, "size", size, ndim, spatial)
        limit = geometry.LARGEST_SIZE
        return tuple(geometry.integer(op, "size", n, -limit) for n in wanted), none
    factors = _each(op, "scale_factor", scale_factor, ndim, spatial)
    if not all(isinstance(f, (int, float, np.number)) for f in factors):
        raise TypeError(f"{op}: scale_factor must be numbers, got {scale_factor!r}")
    factors = tuple(float(f) for f in factors)
    sizes = tuple(math.floor(n * f) for n, f in zip(spatial, factors, strict=True))
    return sizes, none if recompute or mode == "area" else factors


def _each(op, name, value, ndim, spatial):
    if not isinstance(value, (tuple, list)):
        return (value,) * ndim
    if len(value) != ndim:
        raise ValueError(
            f"{op}: Input and output must have the same number of spatial dimensions, but got "
            f"input with spatial dimensions of {list(spatial)} and {name} {tuple(value)}"
        )
    return tuple(value)


def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """Resample images to another size; the old name of `interpolate`."""
    warnings.warn(
        "`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input, size=None, scale_factor=None):
    """Resample images by their nearest elements; an old name, see `interpolate`."""
    warnings.warn(
        "`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input, size=None, scale_factor=None):
    """Resample images bilinearly, corners aligned; an old name, see `interpolate`."""
    warnings.warn(
        "`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
