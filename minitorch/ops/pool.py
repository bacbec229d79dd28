"""Max and average pooling, with windows or adaptive, in 1, 2 and 3 spatial dimensions.

The backward of max pooling adds each gradient to the place that the maximum came from, and the
derivative of that reads the same places: `AddAt` and `TakeAt`, differentiated with one another.
Average pooling is linear, so the second derivative is the pooling again.
"""

from __future__ import annotations

import functools

import numpy as np

from .. import geometry, kernels
from ..autograd.grad_mode import state
from ..autograd.op import Op
from ..errors import ShapeError
from .common import is_tensor
from .shape import reshape

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_avg_pool_nd",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "adaptive_max_pool_nd",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "avg_pool_nd",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_pool_nd",
]


# ------------------------------------------------------------------------------------------------
# Maxima


class _Maxima(Op):
    """Maxima, and where they were if the places are asked for, or needed by the derivative."""

    formula = "dx = g, each at the place of its maximum (the first of equals)"

    def __init__(self, return_indices, keep):
        self.return_indices = return_indices
        self.keep = keep

    def forward(self, input):
        self.size = input.shape[2:]
        output, places = self.maxima(input, self.keep or self.return_indices)
        self.constants = places
        # the operation keeps its own places: the user may write to his
        return (output, places.astype(np.int64)) if self.return_indices else output

    def backward(self, grad, needs):
        return AddAt(self.constants, self.size)(grad)


class MaxPool(_Maxima):
    """Maxima under a window."""

    def __init__(self, window, return_indices, keep):
        super().__init__(return_indices, keep)
        self.window = window

    def maxima(self, input, want_places):
        return kernels.max_pool(input, self.window, want_places)


class AdaptiveMaxPool(_Maxima):
    """Maxima of the parts that an image is divided into."""

    def __init__(self, output_size, return_indices, keep):
        super().__init__(return_indices, keep)
        self.output_size = output_size

    def maxima(self, input, want_places):
        return kernels.adaptive_pool("max", input, self.output_size, want_places)


class AddAt(Op):
    """Add each element to its place in an image of zeros: the gradient of max pooling."""

    formula = "dx = g at the places"

    def __init__(self, indices, size):
        self.indices = indices  # into the flattened spatial dimensions
        self.size = size

    def forward(self, input):
        return kernels.max_pool_backward(input, self.indices, self.size)

    def backward(self, grad, needs):
        return TakeAt(self.indices)(grad)


class TakeAt(Op):
    """Read an image at given places."""

    formula = "dx = g, each added at its place"

    def __init__(self, indices):
        self.indices = indices  # into the flattened spatial dimensions

    def forward(self, input):
        self.size = input.shape[2:]
        return kernels.take_planes(input, self.indices)

    def backward(self, grad, needs):
        return AddAt(self.indices, self.size)(grad)


def max_pool_nd(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """Take the maximum under a window, in 1, 2 or 3 spatial dimensions.

    The number of spatial dimensions is that of `input` less 2; `max_pool1d`, `max_pool2d` and
    `max_pool3d` are this function for one number of them, and take an input without a batch too.

    Parameters
    ----------
    input : Tensor
        Shape (batch, channels, *size).
    kernel_size : int or tuple of int
        Size of the window, one number for all spatial dimensions or one each.
    stride : int or tuple of int, optional
        Step of the window. Default: `kernel_size`.
    padding : int or tuple
        Implicit elements around the image, which never are the maximum, at most half of the window:
        a number for all spatial dimensions, or one entry each, which is a number for both sides or
        a pair (before, after).
    dilation : int or tuple of int
        Distance between the taps of the window.
    ceil_mode : bool
        Round the number of positions up, so that a last window may reach over the end. It must
        start in the image or in the padding before it.
    return_indices : bool
        Return the places of the maxima too.

    Returns
    -------
    Tensor, or (Tensor, Tensor)
        Maxima, shape (batch, channels, *positions), with ``(size + before + after - dilation *
        (kernel_size - 1) - 1) / stride + 1`` positions, rounded down (up in ceil mode); and the
        places, int64, as indices into the flattened spatial dimensions. Among equals the first
        counts, among NaNs the last.

    Raises
    ------
    ShapeError
        If sizes do not fit together.
    TypeError
        If an argument is not a tensor, or not an integer.

    Notes
    -----
    Scherer, Müller and Behnke 2010, Evaluation of Pooling Operations in Convolutional Architectures
    for Object Recognition.
    """
    ndim = _ndim("max_pool_nd", input)
    settings = (kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool("max_pool_nd", ndim, input, *settings, return_indices)


def max_pool1d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """Take maxima over a window of (batch, channels, length); see `max_pool_nd`."""
    settings = (kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool("max_pool1d", 1, input, *settings, return_indices)


def max_pool2d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """Take maxima over a window of (batch, channels, height, width); see `max_pool_nd`."""
    settings = (kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool("max_pool2d", 2, input, *settings, return_indices)


def max_pool3d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """Take maxima over a window of (batch, channels, depth, height, width); see `max_pool_nd`."""
    settings = (kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool("max_pool3d", 3, input, *settings, return_indices)


def _max_pool(op, ndim, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices):
    shape = _checked_shape(op, input)
    window = geometry.pool_window(
        op, ndim, shape, kernel_size, stride, padding, dilation, ceil_mode
    )
    return _applied(MaxPool(window, return_indices, _differentiated(input)), ndim, input)


def adaptive_max_pool_nd(input, output_size, return_indices=False):
    """Take the maxima of the parts of an image, in 1, 2 or 3 spatial dimensions.

    The image is divided into `output_size` parts as in `adaptive_avg_pool_nd`. The number of
    spatial dimensions is that of `input` less 2; `adaptive_max_pool1d`, `adaptive_max_pool2d` and
    `adaptive_max_pool3d` take an input without a batch too.

    Parameters
    ----------
    input : Tensor
        Shape (batch, channels, *size).
    output_size : int, None or tuple of those
        Number of parts, one for all spatial dimensions or one each; None keeps the size.
    return_indices : bool
        Return the places of the maxima too.

    Returns
    -------
    Tensor, or (Tensor, Tensor)
        Maxima, shape (batch, channels, *output_size), and their places, int64, as indices into the
        flattened spatial dimensions. Among equals the first counts.

    Raises
    ------
    ShapeError
        If sizes do not fit together.
    TypeError
        If an argument is not a tensor, or not an integer.
    """
    ndim = _ndim("adaptive_max_pool_nd", input)
    return _adaptive_max_pool("adaptive_max_pool_nd", ndim, input, output_size, return_indices)


def adaptive_max_pool1d(input, output_size, return_indices=False):
    """Take maxima of parts of (batch, channels, length); see `adaptive_max_pool_nd`."""
    return _adaptive_max_pool("adaptive_max_pool1d", 1, input, output_size, return_indices)


def adaptive_max_pool2d(input, output_size, return_indices=False):
    """Take maxima of parts of (batch, channels, height, width); see `adaptive_max_pool_nd`."""
    return _adaptive_max_pool("adaptive_max_pool2d", 2, input, output_size, return_indices)


def adaptive_max_pool3d(input, output_size, return_indices=False):
    """Take maxima of parts of volumes (batch, channels, depth, height, width).

    See `adaptive_max_pool2d`."""
    return _adaptive_max_pool("adaptive_max_pool3d", 3, input, output_size, return_indices)


def _adaptive_max_pool(op, ndim, input, output_size, return_indices):
    shape = _checked_shape(op, input)
    size = geometry.adaptive_size(op, ndim, shape, output_size)
    return _applied(AdaptiveMaxPool(size, return_indices, _differentiated(input)), ndim, input)


def _differentiated(input):
    """Whether a gradient of what is computed from the input may be asked for."""
    return state.grad and input.requires_grad


# ------------------------------------------------------------------------------------------------
# Averages


class AvgPool(Op):
    """Averages under a window."""

    formula = "dx = g / divisor, spread over the window"

    def __init__(self, window, count_include_pad, divisor):
        self.window = window
        self.count_include_pad = count_include_pad
        self.divisor = divisor  # None: the number of elements

    def forward(self, input):
        self.size = input.shape[2:]
        return kernels.avg_pool(input, self.window, self.count_include_pad, self.divisor)

    def backward(self, grad, needs):
        return AvgSpread(self.window, self.size, self.count_include_pad, self.divisor)(grad)


class AvgSpread(Op):
    """Spread each element evenly under the window: the gradient of average pooling."""

    formula = "dx = avg_pool(g)"

    def __init__(self, window, size, count_include_pad, divisor):
        self.window = window
        self.size = size
        self.count_include_pad = count_include_pad
        self.divisor = divisor

    def forward(self, input):
        return kernels.avg_pool_backward(
            input, self.window, self.size, self.count_include_pad, self.divisor
        )

    def backward(self, grad, needs):
        return AvgPool(self.window, self.count_include_pad, self.divisor)(grad)


class AdaptiveAvgPool(Op):
    """Averages of the parts that an image is divided into."""

    formula = "dx = g / size of the part, spread over the part"

    def __init__(self, output_size):
        self.output_size = output_size

    def forward(self, input):
        self.size = input.shape[2:]
        return kernels.adaptive_pool("avg", input, self.output_size)[0]

    def backward(self, grad, needs):
        return AdaptiveAvgSpread(self.size)(grad)


class AdaptiveAvgSpread(Op):
    """Spread each element evenly over its part: the gradient of adaptive average pooling."""

    formula = "dx = adaptive_avg_pool(g)"

    def __init__(self, size):
        self.size = size

    def forward(self, input):
        self.output_size = input.shape[2:]
        return kernels.adaptive_avg_pool_backward(input, self.size)

    def backward(self, grad, needs):
        return AdaptiveAvgPool(self.output_size)(grad)


def avg_pool_nd(
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """Take the average under a window, in 1, 2 or 3 spatial dimensions.

    The number of spatial dimensions is that of `input` less 2; `avg_pool1d`, `avg_pool2d` and
    `avg_pool3d` are this function for one number of them, and take an input without a batch too.

    Parameters
    ----------
    input : Tensor
        Shape (batch, channels, *size).
    kernel_size : int or tuple of int
        Size of the window, one number for all spatial dimensions or one each.
    stride : int or tuple of int, optional
        Step of the window. Default: `kernel_size`.
    padding : int or tuple
        Zeros around the image, at most half of the window: a number for all spatial dimensions, or
        one entry each, which is a number for both sides or a pair (before, after).
    ceil_mode : bool
        Round the number of positions up, so that a last window may reach over the end. It must
        start in the image or in the padding before it.
    count_include_pad : bool
        Divide by the number of elements in the window with the padding, or without. What lies
        beyond the padding (in ceil mode) never counts.
    divisor_override : int, optional
        Divide by this instead.

    Returns
    -------
    Tensor
        Shape (batch, channels, *positions), with ``(size + before + after - kernel_size) / stride +
        1`` positions, rounded down (up in ceil mode).

    Raises
    ------
    ShapeError
        If sizes do not fit together.
    TypeError
        If an argument is not a tensor, or not an integer.

    Notes
    -----
    LeCun et al. 1998, Gradient-Based Learning Applied to Document Recognition, section II, where
    the average also has a trainable factor and bias.
    """
    ndim = _ndim("avg_pool_nd", input)
    settings = (kernel_size, stride, padding, ceil_mode, count_include_pad)
    return _avg_pool("avg_pool_nd", ndim, input, *settings, divisor_override)


def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """Take averages over a window of (batch, channels, length); see `avg_pool_nd`."""
    settings = (kernel_size, stride, padding, ceil_mode, count_include_pad)
    return _avg_pool("avg_pool1d", 1, input, *settings, None)


def avg_pool2d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """Take averages over a window of (batch, channels, height, width); see `avg_pool_nd`."""
    settings = (kernel_size, stride, padding, ceil_mode, count_include_pad)
    return _avg_pool("avg_pool2d", 2, input, *settings, divisor_override)


def avg_pool3d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """Take averages over a window of (batch, channels, depth, height, width); see `avg_pool2d`."""
    settings = (kernel_size, stride, padding, ceil_mode, count_include_pad)
    return _avg_pool("avg_pool3d", 3, input, *settings, divisor_override)


def _avg_pool(op, ndim, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor):
    shape = _checked_shape(op, input)
    window = geometry.pool_window(op, ndim, shape, kernel_size, stride, padding, 1, ceil_mode)
    if divisor is not None:
        limit = geometry.LARGEST_SIZE
        divisor = geometry.integer(op, "divisor_override", divisor, -limit)
        if divisor == 0:
            raise ShapeError(f"{op}: divisor_override must not be zero")
    return _applied(AvgPool(window, bool(count_include_pad), divisor), ndim, input)


def adaptive_avg_pool_nd(input, output_size):
    """Take the averages of the parts of an image, in 1, 2 or 3 spatial dimensions.

    The image is divided into `output_size` parts: of a size n divided into m, part i is from
    ``floor(i n / m)`` to before ``ceil((i + 1) n / m)``; parts overlap where m does not divide n.
    An `output_size` of 1 is global average pooling. The number of spatial dimensions is that of
    `input` less 2; `adaptive_avg_pool1d`, `adaptive_avg_pool2d` and `adaptive_avg_pool3d` take an
    input without a batch too.

    Parameters
    ----------
    input : Tensor
        Shape (batch, channels, *size).
    output_size : int, None or tuple of those
        Number of parts, one for all spatial dimensions or one each; None keeps the size.

    Returns
    -------
    Tensor
        Shape (batch, channels, *output_size).

    Raises
    ------
    ShapeError
        If sizes do not fit together.
    TypeError
        If an argument is not a tensor, or not an integer.

    Notes
    -----
    The division is PyTorch's; the idea of a fixed number of parts is from He et al. 2014, Spatial
    Pyramid Pooling (arXiv 1406.4729), section 2.2. Global average pooling: Lin, Chen and Yan 2013,
    Network In Network (arXiv 1312.4400), section 3.2.
    """
    ndim = _ndim("adaptive_avg_pool_nd", input)
    return _adaptive_avg_pool("adaptive_avg_pool_nd", ndim, input, output_size)


def adaptive_avg_pool1d(input, output_size):
    """Take averages of parts of (batch, channels, length); see `adaptive_avg_pool_nd`."""
    return _adaptive_avg_pool("adaptive_avg_pool1d", 1, input, output_size)


def adaptive_avg_pool2d(input, output_size):
    """Take averages of parts of (batch, channels, height, width); see `adaptive_avg_pool_nd`."""
    return _adaptive_avg_pool("adaptive_avg_pool2d", 2, input, output_size)


def adaptive_avg_pool3d(input, output_size):
    """Take averages of parts of volumes (batch, channels, depth, height, width).

    See `adaptive_avg_pool2d`."""
    return _adaptive_avg_pool("adaptive_avg_pool3d", 3, input, output_size)


def _adaptive_avg_pool(op, ndim, input, output_size):
    shape = _checked_shape(op, input)
    size = geometry.adaptive_size(op, ndim, shape, output_size)
    spatial = shape[-ndim:]
    window = _equal_parts(spatial, size)
    if window is not None:
        return _applied(AvgPool(window, True, None), ndim, input)
    return _applied(AdaptiveAvgPool(size), ndim, input)


@functools.lru_cache(maxsize=1024)
def _equal_parts(spatial, size):
    """Return the window whose steps are the parts, if these are equal and do not overlap."""
    if 0 in size or any(n % m for n, m in zip(spatial, size, strict=True)):
        return None
    kernel = tuple(n // m for n, m in zip(spatial, size, strict=True))
    return geometry.Window.of(len(size), kernel, stride=kernel)


# ------------------------------------------------------------------------------------------------
# Common


def _applied(operation, ndim, input):
    """Apply an operation to a batch, or to one image as a batch of one."""
    if input.ndim == ndim + 2:
        return operation(input)
    results = operation(reshape(input, (1, *input.shape)))
    if isinstance(results, tuple):
        return tuple(reshape(result, result.shape[1:]) for result in results)
    return reshape(results, results.shape[1:])


def _ndim(op, input):
    if not is_tensor(input):
        raise TypeError(f"{op}: input must be a Tensor, got {type(input).__name__}")
    if not 3 <= input.ndim <= 5:
        raise ShapeError(
            f"{op}: input must have 3 to 5 dimensions, for 1 to 3 spatial ones, "
            f"got input {tuple(input.shape)}"
        )
    return input.ndim - 2


def _checked_shape(op, input):
    """Return the shape of the input; check that it is a floating-point tensor."""
    if not is_tensor(input):
        raise TypeError(f"{op}: input must be a Tensor, got {type(input).__name__}")
    if input._array.dtype.kind != "f":
        raise NotImplementedError(f"{op}: not implemented for {input.dtype.name}")
    return input._array.shape
