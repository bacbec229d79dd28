"""Sampling images at the points of a grid, and grids of affine maps.

An element of the result is a weighted sum of the pixels around a point. The sum is linear in the
pixels and in the weights; it and its two gradients are differentiated with one another, and the
weights are differentiated as what they are, polynomials of the coordinates.
"""

from __future__ import annotations

import math
import warnings

import numpy as np

from .. import kernels
from ..autograd import op as _op
from ..errors import ShapeError
from .common import is_tensor
from .elementwise import add, mul, rsub, sub
from .matmul import matmul
from .shape import reshape, select, stack, transpose

__all__ = ["affine_grid", "grid_sample"]


class Sample(_op.Op):
    """Weighted sums of pixels at given places."""

    formula = "dx = w g added at the places, dw = x g at the places"
    reads = {0: (1,), 1: (0,)}

    def __init__(self, index):
        self.index = index  # (batch, points, taps)

    def forward(self, input, weight):
        self.plane = input.shape[2]
        return kernels.sample(input, self.index, weight)

    def backward(self, grad, needs):
        input, weight = self.inputs
        return (
            SampleAdd(self.index, self.plane)(grad, weight) if needs[0] else None,
            SampleDot(self.index)(input, grad) if needs[1] else None,
        )


class SampleAdd(_op.Op):
    """Elements added to the pixels at given places, weighted."""

    formula = "dy = w g at the places, dw = g y at the places"
    reads = {0: (1,), 1: (0,)}

    def __init__(self, index, plane):
        self.index, self.plane = index, plane

    def forward(self, input, weight):
        return kernels.sample_add(input, self.index, weight, self.plane)

    def backward(self, grad, needs):
        input, weight = self.inputs
        return (
            Sample(self.index)(grad, weight) if needs[0] else None,
            SampleDot(self.index)(grad, input) if needs[1] else None,
        )


class SampleDot(_op.Op):
    """Products of pixels at given places and elements, added over the channels."""

    formula = "dx = g y added at the places, dy = g x at the places"
    reads = {0: (1,), 1: (0,)}

    def __init__(self, index):
        self.index = index

    def forward(self, input, output):
        self.plane = input.shape[2]
        return kernels.sample_dot(input, self.index, output)

    def backward(self, grad, needs):
        input, output = self.inputs
        return (
            SampleAdd(self.index, self.plane)(output, grad) if needs[0] else None,
            Sample(self.index)(input, grad) if needs[1] else None,
        )


class Coordinates(_op.Op):
    """Pixel coordinates of points from -1 to 1, with what lies outside brought inside."""

    formula = "dx = slope g"

    def __init__(self, size, padding_mode, align_corners):
        self.size = size
        self.padding_mode = padding_mode
        self.align_corners = align_corners

    def forward(self, input):
        size, corners = self.size, self.align_corners
        scale = (size - 1) / 2 if corners else size / 2
        places = (input + 1) * scale - (0 if corners else 0.5)
        slope = np.full_like(places, scale)
        if self.padding_mode == "reflection":
            low, span = (0, size - 1) if corners else (-0.5, size)
            places, turned = _reflected(places, low, span)
            slope *= turned
        if self.padding_mode != "zeros":
            slope[(places <= 0) | (places >= size - 1)] = 0
            places = places.clip(0, size - 1)
        self.slope = slope
        return places.astype(input.dtype, copy=False)

    def backward(self, grad, needs):
        return mul(grad, self.slope)


def _reflected(places, low, span):
    """Reflect coordinates at both ends of a range; return them and the sign of the derivative."""
    if span == 0:
        return np.zeros_like(places), 0
    away = places - low
    sign = np.where(away < 0, -1, 1)
    away = np.abs(away)
    turns, rest = np.floor(away / span), np.fmod(away, span)
    even = turns % 2 == 0
    return np.where(even, rest, span - rest) + low, np.where(even, sign, -sign)


def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """Sample images at the points of a grid.

    Parameters
    ----------
    input : Tensor
        Shape (batch, channels, height, width) or (batch, channels, depth, height, width).
    grid : Tensor
        Points, shape (batch, *size, 2) or (batch, *size, 3), in the order x, y(, z): -1 and 1 are
        the ends of the image.
    mode : str
        ``'bilinear'`` (of volumes: trilinear), ``'nearest'`` (ties to even) or ``'bicubic'`` (of
        images).
    padding_mode : str
        What lies outside: ``'zeros'``, ``'border'`` (the nearest pixel of the border) or
        ``'reflection'``.
    align_corners : bool, optional
        Whether -1 and 1 are the centres of the corner pixels, or (default) their outer edges.

    Returns
    -------
    Tensor
        Shape (batch, channels, *size).

    Raises
    ------
    ValueError
        If a mode is unknown.
    ShapeError
        If shapes do not fit together.

    Notes
    -----
    Jaderberg et al. 2015, Spatial Transformer Networks (arXiv 1506.02025), equation 5.
    """
    op = "grid_sample"
    _check_modes(op, mode, padding_mode)
    _check_operands(op, input, grid, mode)
    align_corners = _corners(op, align_corners)
    ndim, size = input.ndim - 2, tuple(input.shape[2:])
    batch, channels, points = input.shape[0], input.shape[1], tuple(grid.shape[1:-1])
    coordinates = reshape(grid, (batch, math.prod(points), ndim))
    # Cubic interpolation brings each tap inside by itself, not the coordinate.
    inside = "zeros" if mode == "bicubic" else padding_mode
    index, weight = np.zeros((batch, math.prod(points), 1), np.int64), None
    for axis, n in enumerate(size):
        along = Coordinates(n, inside, align_corners)(select(coordinates, 2, ndim - 1 - axis))
        places, factors = _taps(along, mode)
        if mode == "bicubic":
            places = _tapped(places, n, padding_mode, align_corners)
        index, weight = _combined(index, weight, places, factors, n)
    flat = reshape(input, (batch, channels, math.prod(size)))
    result = Sample(np.ascontiguousarray(index))(flat, weight)
    return reshape(result, (batch, channels, *points))


def _corners(op, align_corners):
    if align_corners is None:
        warnings.warn(
            f"{op}: align_corners is not given and counts as False; PyTorch before 1.3 took True.",
            stacklevel=3,
        )
    return bool(align_corners)


def _taps(along, mode):
    """Return the places (batch, points, taps) and weights of the taps along one dimension."""
    place = along._array.astype(np.float64)
    place = np.where(np.isfinite(place), place, -100).clip(-1e9, 1e9)
    wrap = _op.Tensor._wrap
    if mode == "nearest":
        ones = np.ones((*place.shape, 1), along._array.dtype)
        return np.rint(place).astype(np.int64)[..., None], wrap(ones)
    floor = np.floor(place)
    t = sub(along, wrap(floor.astype(along._array.dtype)))
    first = floor.astype(np.int64)[..., None]
    if mode == "bilinear":
        return first + np.arange(2), stack([rsub(t, 1.0), t], -1)
    weights = [_far(add(t, 1.0)), _near(t), _near(rsub(t, 1.0)), _far(rsub(t, 2.0))]
    return first + np.arange(-1, 3), stack(weights, -1)


_A = -0.75  # of the cubic kernel, as PyTorch has it


def _near(x):
    """Return ((a + 2) x - (a + 3)) x² + 1."""
    return add(mul(mul(sub(mul(x, _A + 2), _A + 3), x), x), 1.0)


def _far(x):
    """Return ((x - 5) x + 8) x a - 4 a."""
    return sub(mul(mul(add(mul(sub(x, 5.0), x), 8.0), x), _A), 4 * _A)


def _tapped(places, size, padding_mode, align_corners):
    """Bring whole coordinates of taps inside."""
    if padding_mode == "reflection":
        low, span = (0, size - 1) if align_corners else (-0.5, size)
        places = _reflected(places.astype(np.float64), low, span)[0].astype(np.int64)
    return places if padding_mode == "zeros" else places.clip(0, size - 1)


def _combined(index, weight, places, factors, size):
    """Combine the taps of the dimensions so far with those of another one."""
    places = np.where((places < 0) | (places >= size), -1, places)
    taken, here = index[..., :, None], places[..., None, :]
    taken = np.where((taken < 0) | (here < 0), -1, taken * size + here)
    index = taken.reshape(*taken.shape[:2], -1)
    if weight is None:
        return index, factors
    product = mul(
        reshape(weight, (*weight.shape, 1)),
        reshape(factors, (*factors.shape[:2], 1, factors.shape[2])),
    )
    return index, reshape(product, index.shape)


def _check_modes(op, mode, padding_mode):
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            f"{op}: expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            f"{op}: expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )


def _check_operands(op, input, grid, mode):
    for name, x in (("input", input), ("grid", grid)):
        if not is_tensor(x):
            raise TypeError(f"{op}: {name} must be a Tensor, got {type(x).__name__}")
    shapes = f"input {tuple(input.shape)}, grid {tuple(grid.shape)}"
    if not input.dtype.is_floating_point or input.dtype is not grid.dtype:
        raise RuntimeError(
            f"{op}: input and grid must have one floating-point type, got {input.dtype.name} and "
            f"{grid.dtype.name}"
        )
    ndim = input.ndim - 2
    if ndim not in (2, 3) or grid.ndim != input.ndim:
        raise ShapeError(
            f"{op}: expected 4D or 5D input and grid with same number of dimensions, but got "
            f"{shapes}"
        )
    if grid.shape[-1] != ndim:
        raise ShapeError(f"{op}: expected grid to have size {ndim} in last dimension: {shapes}")
    if grid.shape[0] != input.shape[0]:
        raise ShapeError(f"{op}: expected input and grid to have same batch size: {shapes}")
    if 0 in input.shape[2:]:
        raise ShapeError(f"{op}: expected input to have non-empty spatial dimensions: {shapes}")
    if mode == "bicubic" and ndim != 2:
        raise ShapeError(f"{op}: bicubic interpolation only supports 4D input: {shapes}")


def affine_grid(theta, size, align_corners=None):
    """Return the points of a grid, mapped by affine maps, for `grid_sample`.

    Parameters
    ----------
    theta : Tensor
        Maps, shape (batch, 2, 3) for images or (batch, 3, 4) for volumes.
    size : tuple of int
        Shape of the images to sample: (batch, channels, height, width) or
        (batch, channels, depth, height, width).
    align_corners : bool, optional
        Whether -1 and 1 are the centres of the corner pixels, or (default) their outer edges.

    Returns
    -------
    Tensor
        Shape (batch, height, width, 2) or (batch, depth, height, width, 3).

    Raises
    ------
    ShapeError
        If shapes do not fit together.

    Notes
    -----
    Jaderberg et al. 2015, Spatial Transformer Networks (arXiv 1506.02025), equation 1.
    """
    op = "affine_grid"
    if not is_tensor(theta):
        raise TypeError(f"{op}: theta must be a Tensor, got {type(theta).__name__}")
    if not theta.dtype.is_floating_point:
        raise ValueError(
            f"{op}: Expected theta to have floating point type, but got {theta.dtype.name}"
        )
    size = tuple(size)
    ndim = len(size) - 2
    if ndim not in (2, 3):
        raise NotImplementedError(
            f"{op} only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. "
            f"Got size {size}."
        )
    if tuple(theta.shape) != (size[0], ndim, ndim + 1):
        raise ShapeError(
            f"{op}: Expected a batch of affine matrices of shape {(size[0], ndim, ndim + 1)} for "
            f"size {size}. Got {tuple(theta.shape)}."
        )
    if min(size) <= 0:
        raise ShapeError(f"{op}: Expected non-zero, positive output size. Got {size}")
    align_corners = _corners(op, align_corners)
    kind = theta._array.dtype
    axes = []
    for n in size[2:]:
        ends = np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
        axes.append(ends if align_corners else ends * (n - 1) / n)
    points = np.stack([*reversed(np.meshgrid(*axes, indexing="ij")), np.ones(size[2:])], -1)
    base = _op.Tensor._wrap(points.reshape(-1, ndim + 1).astype(kind))
    return reshape(matmul(base, transpose(theta, 1, 2)), (*size[:1], *size[2:], ndim))
