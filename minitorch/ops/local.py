"""Locally connected layers: convolutions with another kernel at every position."""

from __future__ import annotations

from .. import geometry, kernels
from ..autograd.op import Op
from ..errors import ShapeError
from .common import is_tensor
from .elementwise import add
from .shape import reshape

__all__ = ["local_conv1d", "local_conv2d", "local_conv3d"]


class LocalConv(Op):
    """Convolution with another kernel at every position."""

    formula = "dx = sum of w g over the positions that read it, dw = x g at every position"
    reads = {0: (1,), 1: (0,)}

    def __init__(self, window):
        self.window = window

    def forward(self, input, weight):
        self.size = input.shape[2:]
        return kernels.local_forward(input, weight, self.window)

    def backward(self, grad, needs):
        input, weight = self.inputs
        return (
            LocalInput(self.window, self.size)(grad, weight) if needs[0] else None,
            LocalWeight(self.window)(input, grad) if needs[1] else None,
        )


class LocalInput(Op):
    """The gradient of `LocalConv` with respect to its input."""

    formula = "dy = local_conv(g, w), dw = g y at every position"
    reads = {0: (1,), 1: (0,)}

    def __init__(self, window, size):
        self.window, self.size = window, size

    def forward(self, input, weight):
        return kernels.local_grad_input(input, weight, self.window, self.size)

    def backward(self, grad, needs):
        input, weight = self.inputs
        return (
            LocalConv(self.window)(grad, weight) if needs[0] else None,
            LocalWeight(self.window)(grad, input) if needs[1] else None,
        )


class LocalWeight(Op):
    """The gradient of `LocalConv` with respect to its weight."""

    formula = "dx = sum of g y over the positions that read it, dy = local_conv(x, g)"
    reads = {0: (1,), 1: (0,)}

    def __init__(self, window):
        self.window = window

    def forward(self, input, output):
        self.size = input.shape[2:]
        return kernels.local_grad_weight(input, output, self.window)

    def backward(self, grad, needs):
        input, output = self.inputs
        return (
            LocalInput(self.window, self.size)(output, grad) if needs[0] else None,
            LocalConv(self.window)(input, grad) if needs[1] else None,
        )


def local_conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1):
    """Convolve signals with another kernel at every position; see `local_conv2d`."""
    return _local_conv(1, input, weight, bias, stride, padding, dilation)


def local_conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1):
    """Convolve images with another kernel at every position.

    Parameters
    ----------
    input : Tensor
        Shape (batch, in_channels, height, width), or without a batch.
    weight : Tensor
        Kernels, shape (rows, columns, out_channels, in_channels, *kernel): one for each position of
        the result.
    bias : Tensor, optional
        Shape (out_channels, rows, columns), or what broadcasts to it.
    stride, padding, dilation : int or tuple
        As for `conv2d`.

    Returns
    -------
    Tensor
        Shape (batch, out_channels, rows, columns).

    Raises
    ------
    ShapeError
        If sizes do not fit together.

    Notes
    -----
    LeCun 1989, Generalization and Network Design Strategies; Taigman et al. 2014 (DeepFace),
    section 3.
    """
    return _local_conv(2, input, weight, bias, stride, padding, dilation)


def local_conv3d(input, weight, bias=None, stride=1, padding=0, dilation=1):
    """Convolve volumes with another kernel at every position; see `local_conv2d`."""
    return _local_conv(3, input, weight, bias, stride, padding, dilation)


def _local_conv(ndim, input, weight, bias, stride, padding, dilation):
    op = f"local_conv{ndim}d"
    for name, x in (("input", input), ("weight", weight)):
        if not is_tensor(x):
            raise TypeError(f"{op}: {name} must be a Tensor, got {type(x).__name__}")
    if not input.dtype.is_floating_point or input.dtype is not weight.dtype:
        raise RuntimeError(
            f"{op}: input and weight must have one floating-point type, got {input.dtype.name} and "
            f"{weight.dtype.name}"
        )
    shape, kernels_shape = tuple(input.shape), tuple(weight.shape)
    if len(kernels_shape) != 2 * ndim + 2:
        raise ShapeError(
            f"{op}: weight must have {2 * ndim + 2} dimensions (positions, out_channels, "
            f"in_channels, kernel), got weight {kernels_shape}"
        )
    positions, filters = kernels_shape[:ndim], kernels_shape[ndim:]
    window = geometry.conv_window(op, ndim, shape, filters, None, stride, padding, dilation, 1)
    expected = window.output_size(shape[-ndim:])
    if positions != expected:
        raise ShapeError(
            f"{op}: weight has kernels for {positions} positions but the input has {expected}: "
            f"input {shape}, weight {kernels_shape}"
        )
    single = len(shape) == ndim + 1
    result = LocalConv(window)(reshape(input, (1, *shape)) if single else input, weight)
    if bias is not None:
        result = add(result, bias)
    return reshape(result, result.shape[1:]) if single else result
