"""Pooling with a twist: unpooling, power averages, and maxima under windows drawn at random."""

from __future__ import annotations

import math

import numpy as np

from .. import geometry, kernels
from ..autograd.op import Op
from ..errors import ShapeError
from . import random
from .activation import relu
from .common import is_tensor
from .elementwise import abs, mul, pow, sign
from .pool import (
    TakeAt,
    _applied,
    _checked_shape,
    _Maxima,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)

__all__ = [
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d_with_indices",
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d_with_indices",
    "max_pool2d_with_indices",
    "max_pool3d_with_indices",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
]


# ------------------------------------------------------------------------------------------------
# Unpooling


class MaxUnpool(Op):
    """Elements written to their places in an image of zeros."""

    formula = "dx = g at the places"

    def __init__(self, indices, size):
        self.indices = indices  # into the flattened spatial dimensions
        self.size = size

    def forward(self, input):
        return kernels.put_planes(input, self.indices, self.size)

    def backward(self, grad, needs):
        return TakeAt(self.indices)(grad)


def max_unpool1d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Undo `max_pool1d` as far as possible; see `max_unpool2d`."""
    return _max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Undo `max_pool2d` as far as possible: maxima at their places, zeros elsewhere.

    Parameters
    ----------
    input : Tensor
        Maxima, shape (batch, channels, *positions), or without a batch.
    indices : Tensor
        Where they were, int64, as the pooling returns them. Where several go to one place the last
        one counts.
    kernel_size, stride, padding
        Of the pooling.
    output_size : tuple of int, optional
        Spatial sizes of the result (or its whole shape): several sizes are pooled to one. Default:
        ``(positions - 1) * stride - 2 * padding + kernel_size``.

    Returns
    -------
    Tensor
        Shape (batch, channels, *output_size).

    Raises
    ------
    ShapeError
        If shapes do not fit together.
    RuntimeError
        If an index lies outside.
    ValueError
        If `output_size` is not one that the pooling maps to the size of `input`.

    Notes
    -----
    Zeiler and Fergus 2014 (arXiv 1311.2901), section 2.1.
    """
    return _max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Undo `max_pool3d` as far as possible; see `max_unpool2d`."""
    return _max_unpool(3, input, indices, kernel_size, stride, padding, output_size)


def _max_unpool(ndim, input, indices, kernel_size, stride, padding, output_size):
    op = f"max_unpool{ndim}d"
    shape = _checked_shape(op, input)
    if not is_tensor(indices):
        raise TypeError(f"{op}: indices must be a Tensor, got {type(indices).__name__}")
    places = indices._array
    if places.dtype != np.int64:
        raise RuntimeError(
            f"{op}: elements in indices should be type int64 but got: {indices.dtype.name}"
        )
    if places.shape != shape:
        raise ShapeError(
            f"{op}: expected shape of indices to be the same as that of the input tensor "
            f"({shape}) but got indices tensor with shape: {places.shape}"
        )
    if len(shape) not in (ndim + 1, ndim + 2):
        raise ShapeError(
            f"{op}: input must have {ndim + 1} or {ndim + 2} dimensions, got input {shape}"
        )
    size = _unpooled_size(op, ndim, shape, kernel_size, stride, padding, output_size)
    if len(shape) == ndim + 1:
        places = places[None]
    try:
        # A copy: what the user does to his indices must not change the gradient.
        return _applied(MaxUnpool(places.copy(), size), ndim, input)
    except IndexError:
        limit = math.prod(size)
        wrong = places[(places < 0) | (places >= limit)][0]
        raise RuntimeError(
            f"{op}: Found an invalid max index: {wrong} (output volumes are of size "
            f"{'x'.join(map(str, size))})"
        ) from None


def _unpooled_size(op, ndim, shape, kernel_size, stride, padding, output_size):
    kernel = geometry.integers(op, "kernel_size", kernel_size, ndim)
    step = kernel if stride is None else geometry.integers(op, "stride", stride, ndim)
    border = geometry.integers(op, "padding", padding, ndim, 0)
    positions = zip(shape[-ndim:], kernel, step, border, strict=True)
    default = tuple((n - 1) * s - 2 * p + k for n, k, s, p in positions)
    if output_size is None:
        size = default
    else:
        size = tuple(output_size)
        if len(size) == ndim + 2:
            size = size[2:]
        if len(size) != ndim:
            raise ValueError(
                f"{op}: output_size should be a sequence containing {ndim} or {ndim + 2} elements, "
                f"but it has a length of '{len(size)}'"
            )
        for n, expected, s in zip(size, default, step, strict=True):
            if not expected - s < n < expected + s:
                raise ValueError(
                    f"{op}: invalid output_size {list(size)} (for each dimension: between "
                    f"{[d - s for d, s in zip(default, step, strict=True)]} and "
                    f"{[d + s for d, s in zip(default, step, strict=True)]}, both excluded)"
                )
    if min(size) < 1:
        raise ShapeError(f"{op}: the output would have size {size}: input {shape}")
    return size


# ------------------------------------------------------------------------------------------------
# Power averages


def lp_pool1d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """Take the p-norm under a window of (batch, channels, length); see `lp_pool2d`."""
    return _lp_pool(1, avg_pool1d, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """Take the p-norm of what is under a window: the p-th root of the sum of p-th powers.

    A sum that is negative (odd p, negative elements) gives 0, as in PyTorch.

    Parameters
    ----------
    input : Tensor
        Shape (batch, channels, height, width), or without a batch.
    norm_type : float
        The power p: 1 is the sum, infinity would be the maximum.
    kernel_size : int or tuple of int
        Size of the window.
    stride : int or tuple of int, optional
        Step of the window. Default: `kernel_size`.
    ceil_mode : bool
        Let the last window reach over the border rather than leave elements out.

    Returns
    -------
    Tensor

    Notes
    -----
    Sermanet, Chintala and LeCun 2012 (arXiv 1204.3968), section 3.2.
    """
    return _lp_pool(2, avg_pool2d, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """Take the p-norm under a window of volumes; see `lp_pool2d`."""
    return _lp_pool(3, avg_pool3d, input, norm_type, kernel_size, stride, ceil_mode)


def _lp_pool(ndim, average, input, norm_type, kernel_size, stride, ceil_mode):
    op = f"lp_pool{ndim}d"
    _checked_shape(op, input)
    kernel = geometry.integers(op, "kernel_size", kernel_size, ndim)
    mean = average(pow(input, norm_type), kernel, stride, 0, ceil_mode)
    positive = mul(sign(mean), relu(abs(mean)))
    return pow(mul(positive, float(math.prod(kernel))), 1.0 / norm_type)


# ------------------------------------------------------------------------------------------------
# Windows drawn at random


class FractionalMaxPool(_Maxima):
    """Maxima under windows that start at given places."""

    def __init__(self, kernel, starts, return_indices):
        super().__init__(return_indices, True)
        self.kernel = kernel
        self.starts = starts  # per spatial dimension: (batch, channels, positions)

    def maxima(self, input, want_places):
        return kernels.max_pool_at(input, self.kernel, self.starts)


def fractional_max_pool2d(
    input,
    kernel_size,
    output_size=None,
    output_ratio=None,
    return_indices=False,
    _random_samples=None,
):
    """Take maxima under windows whose places are drawn at random, so that any size can result.

    Parameters
    ----------
    input : Tensor
        Shape (batch, channels, height, width), or without a batch.
    kernel_size : int or tuple of int
        Size of the window.
    output_size : int or tuple of int, optional
        Spatial sizes of the result.
    output_ratio : float or tuple of float, optional
        Instead: their ratio to those of `input`, between 0 and 1.
    return_indices : bool
        Return the places of the maxima too.

    Returns
    -------
    Tensor, or (Tensor, Tensor)

    Raises
    ------
    ValueError
        If not exactly one of `output_size` and `output_ratio` is given.
    ShapeError
        If sizes do not fit together.

    Notes
    -----
    Graham 2014 (arXiv 1412.6071), section 2, the overlapping pseudo-random kind.
    """
    settings = kernel_size, output_size, output_ratio, return_indices, _random_samples
    return _fractional(2, input, *settings)


def fractional_max_pool3d(
    input,
    kernel_size,
    output_size=None,
    output_ratio=None,
    return_indices=False,
    _random_samples=None,
):
    """Take maxima under windows drawn at random over volumes; see `fractional_max_pool2d`."""
    settings = kernel_size, output_size, output_ratio, return_indices, _random_samples
    return _fractional(3, input, *settings)


def _fractional(ndim, input, kernel_size, output_size, output_ratio, return_indices, samples):
    op = f"fractional_max_pool{ndim}d"
    shape = _checked_shape(op, input)
    if (output_size is None) == (output_ratio is None):
        raise ValueError(
            f"{op} requires specifying either an output_size or an output_ratio (and not both)"
        )
    if len(shape) not in (ndim + 1, ndim + 2) or 0 in shape[1:]:
        raise ShapeError(
            f"{op}: expected a non-empty input with {ndim + 1} or {ndim + 2} dimensions, got input "
            f"{shape}"
        )
    kernel = geometry.integers(op, "kernel_size", kernel_size, ndim)
    if output_size is None:
        ratios = output_ratio if isinstance(output_ratio, (tuple, list)) else [output_ratio] * ndim
        output_size = [int(n * r) for n, r in zip(shape[-ndim:], ratios, strict=True)]
    size = geometry.integers(op, "output_size", output_size, ndim)
    for n, wanted, taps in zip(shape[-ndim:], size, kernel, strict=True):
        if wanted + taps - 1 > n:
            raise ShapeError(
                f"{op}: a window of {taps} at {wanted} places does not fit into {n} elements: "
                f"input {shape}, kernel_size {kernel}, output_size {size}"
            )
    lead = shape[: -ndim - 1] or (1,)
    planes = (*lead, shape[-ndim - 1])
    if samples is None:
        drawn = random.rand((*planes, ndim))._array.astype(np.float64)
    else:
        drawn = samples._array.astype(np.float64).reshape(*planes, ndim)
    starts = []
    for axis, (n, wanted, taps) in enumerate(zip(shape[-ndim:], size, kernel, strict=True)):
        # PyTorch draws the width first for images, the depth first for volumes.
        part = drawn[..., 1 - axis if ndim == 2 else axis]
        starts.append(_random_starts(part[..., None], n, wanted, taps))
    return _applied(FractionalMaxPool(kernel, starts, return_indices), ndim, input)


def _random_starts(sample, size, count, taps):
    """Return the first elements of `count` windows, for each number drawn."""
    last = np.full(sample.shape, size - taps)
    if count == 1:
        return last
    step = (size - taps) / (count - 1)
    steps = np.arange(count - 1)
    first = ((steps + sample) * step).astype(np.int64) - (sample * step).astype(np.int64)
    return np.concatenate((first, last), -1)


# ------------------------------------------------------------------------------------------------
# Names that always return the places


def max_pool1d_with_indices(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """Return `max_pool1d` and the places of the maxima."""
    return max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool2d_with_indices(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """Return `max_pool2d` and the places of the maxima."""
    return max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool3d_with_indices(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """Return `max_pool3d` and the places of the maxima."""
    return max_pool3d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def adaptive_max_pool1d_with_indices(input, output_size, return_indices=False):
    """Return `adaptive_max_pool1d` and the places of the maxima."""
    return adaptive_max_pool1d(input, output_size, True)


def adaptive_max_pool2d_with_indices(input, output_size, return_indices=False):
    """Return `adaptive_max_pool2d` and the places of the maxima."""
    return adaptive_max_pool2d(input, output_size, True)


def adaptive_max_pool3d_with_indices(input, output_size, return_indices=False):
    """Return `adaptive_max_pool3d` and the places of the maxima."""
    return adaptive_max_pool3d(input, output_size, True)


def fractional_max_pool2d_with_indices(
    input,
    kernel_size,
    output_size=None,
    output_ratio=None,
    return_indices=False,
    _random_samples=None,
):
    """Return `fractional_max_pool2d` and the places of the maxima."""
    return _fractional(2, input, kernel_size, output_size, output_ratio, True, _random_samples)


def fractional_max_pool3d_with_indices(
    input,
    kernel_size,
    output_size=None,
    output_ratio=None,
    return_indices=False,
    _random_samples=None,
):
    """Return `fractional_max_pool3d` and the places of the maxima."""
    return _fractional(3, input, kernel_size, output_size, output_ratio, True, _random_samples)
