"""Convolution and transposed convolution in 1, 2 and 3 spatial dimensions.

Three operations, closed under differentiation. A convolution y = conv(x, w) is linear in x and in
w, so its two gradients are linear maps too: `ConvTranspose`, which takes (y, w) to an x, and
`ConvWeight`, which takes (x, y) to a w. Each of the three is differentiated with the other two.
"""

from __future__ import annotations

from .. import geometry, kernels
from ..autograd.op import Op
from ..errors import ShapeError
from .common import is_tensor
from .reduce import sum
from .shape import reshape

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_nd",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "conv_transpose_nd",
]


class Conv(Op):
    """Convolution of images with kernels, plus a bias."""

    formula = "dx = conv_transpose(g, w), dw = conv_weight(x, g), db = sum of g over positions"
    reads = {0: (1,), 1: (0,)}

    def __init__(self, window):
        self.window = window

    def forward(self, input, weight, bias=None):
        self.size = input.shape[2:]
        return kernels.conv_forward(input, weight, bias, self.window)

    def backward(self, grad, needs):
        input, weight, *_ = self.inputs
        return (
            ConvTranspose(self.window, self.size)(grad, weight) if needs[0] else None,
            ConvWeight(self.window)(input, grad) if needs[1] else None,
            *_bias_gradient(grad, needs),
        )


class ConvTranspose(Op):
    """Transposed convolution, plus a bias: the gradient of `Conv` with respect to its input."""

    formula = "dx = conv(g, w), dw = conv_weight(g, x), db = sum of g over positions"
    reads = {0: (1,), 1: (0,)}

    def __init__(self, window, size):
        self.window = window
        self.size = size  # spatial sizes of the result, which the input does not determine

    def forward(self, input, weight, bias=None):
        output = kernels.conv_grad_input(input, weight, self.window, self.size)
        if bias is not None:
            per_channel = bias.reshape(-1, *(1,) * self.window.ndim)
            kernels.binary("add", output, per_channel, out=output)
        return output

    def backward(self, grad, needs):
        input, weight, *_ = self.inputs
        return (
            Conv(self.window)(grad, weight) if needs[0] else None,
            ConvWeight(self.window)(grad, input) if needs[1] else None,
            *_bias_gradient(grad, needs),
        )


class ConvWeight(Op):
    """The kernels that correlate images with outputs: the gradient of `Conv` by its weight."""

    formula = "dx = conv_transpose(y, g), dy = conv(x, g)"
    reads = {0: (1,), 1: (0,)}

    def __init__(self, window):
        self.window = window

    def forward(self, input, output):
        self.size = input.shape[2:]
        return kernels.conv_grad_weight(input, output, self.window)

    def backward(self, grad, needs):
        input, output = self.inputs
        return (
            ConvTranspose(self.window, self.size)(output, grad) if needs[0] else None,
            Conv(self.window)(input, grad) if needs[1] else None,
        )


def _bias_gradient(grad, needs):
    """Return what belongs at the end of the gradients: nothing where there is no bias."""
    if len(needs) == 2:
        return ()
    return (sum(grad, (0, *range(2, grad.ndim))) if needs[2] else None,)


def conv_nd(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolve images with kernels (cross-correlation), in 1, 2 or 3 spatial dimensions.

    The number of spatial dimensions is that of `weight` less 2; `conv1d`, `conv2d` and `conv3d` are
    this function for one number of them.

    Parameters
    ----------
    input : Tensor
        Images, shape (batch, in_channels, *size), or (in_channels, *size) for one image.
    weight : Tensor
        Kernels, shape (out_channels, in_channels / groups, *kernel).
    bias : Tensor, optional
        Shape (out_channels,).
    stride : int or tuple of int
        Step of the kernel, one number for all spatial dimensions or one each.
    padding : int, tuple, 'same' or 'valid'
        Zeros around the image: a number for all spatial dimensions, or one entry each, which is a
        number for both sides or a pair (before, after). 'same' keeps the size for stride 1; the
        extra zero of an even kernel goes after the image. For other strides (PyTorch refuses them)
        it adds as many zeros as for stride 1, while 'same_upper' and 'same_lower' add just what
        ``ceil(size / stride)`` positions need, an odd one after (as TensorFlow's 'SAME') or before
        the image. 'valid' is 0.
    dilation : int or tuple of int
        Distance between the taps of the kernel.
    groups : int
        Number of blocks that the channels are divided into: outputs of a block see only the inputs
        of the same block. ``groups=in_channels`` is a depthwise convolution.

    Returns
    -------
    Tensor
        Shape (batch, out_channels, *positions), without a batch if `input` has none. There are
        ``(size + before + after - dilation * (kernel - 1) - 1) // stride + 1`` positions.

    Raises
    ------
    ShapeError
        If sizes do not fit together.
    TypeError
        If an argument is not a tensor, or not an integer.
    RuntimeError
        If the types of the tensors differ.

    Notes
    -----
    Goodfellow, Bengio and Courville 2016, Deep Learning, equation 9.6 with the strides and zeros of
    section 9.5; Dumoulin and Visin 2016 (arXiv 1603.07285) for the sizes.
    """
    return _conv(
        "conv_nd", _ndim("conv_nd", weight), input, weight, bias, stride, padding, dilation, groups
    )


def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolve signals (batch, channels, length) with kernels; see `conv_nd`."""
    return _conv("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolve images (batch, channels, height, width) with kernels; see `conv_nd`."""
    return _conv("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolve volumes (batch, channels, depth, height, width) with kernels; see `conv_nd`."""
    return _conv("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


def conv_transpose_nd(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """Transposed convolution ("deconvolution"), in 1, 2 or 3 spatial dimensions.

    The gradient of `conv_nd` with respect to its input, as an operation of its own: every element
    of `input` adds its multiple of the kernel to the output. The number of spatial dimensions is
    that of `weight` less 2; `conv_transpose1d`, `conv_transpose2d` and `conv_transpose3d` are this
    function for one number of them.

    Parameters
    ----------
    input : Tensor
        Shape (batch, in_channels, *size), or (in_channels, *size).
    weight : Tensor
        Kernels, shape (in_channels, out_channels / groups, *kernel).
    bias : Tensor, optional
        Shape (out_channels,).
    stride : int or tuple of int
        Step of the kernel over the output.
    padding : int or tuple
        Elements cut off around the output: a number for all spatial dimensions, or one entry each,
        which is a number for both sides or a pair (before, after).
    output_padding : int or tuple of int
        Elements added after the output, fewer than `stride` or `dilation`. A convolution maps
        several sizes to one; this chooses among them.
    groups : int
        Number of blocks that the channels are divided into.
    dilation : int or tuple of int
        Distance between the taps of the kernel.

    Returns
    -------
    Tensor
        Shape (batch, out_channels, *positions), without a batch if `input` has none, with
        ``(size - 1) * stride - before - after + dilation * (kernel - 1) + output_padding + 1``
        positions.

    Raises
    ------
    ShapeError
        If sizes do not fit together.
    TypeError
        If an argument is not a tensor, or not an integer.
    RuntimeError
        If the types of the tensors differ.

    Notes
    -----
    Dumoulin and Visin 2016, A guide to convolution arithmetic (arXiv 1603.07285), chapter 4.
    """
    op = "conv_transpose_nd"
    return _conv_transpose(
        op,
        _ndim(op, weight),
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
    )


def conv_transpose1d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """Transposed convolution of (batch, channels, length); see `conv_transpose_nd`."""
    return _conv_transpose(
        "conv_transpose1d",
        1,
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
    )


def conv_transpose2d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """Transposed convolution of (batch, channels, height, width); see `conv_transpose_nd`."""
    return _conv_transpose(
        "conv_transpose2d",
        2,
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
    )


def conv_transpose3d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """Transposed convolution of (batch, channels, depth, height, width); see `conv_transpose2d`."""
    return _conv_transpose(
        "conv_transpose3d",
        3,
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
    )


def _conv(op, ndim, input, weight, bias, stride, padding, dilation, groups):
    shapes = _checked_shapes(op, input, weight, bias)
    window = geometry.conv_window(op, ndim, *shapes, stride, padding, dilation, groups)
    return _applied(Conv(window), ndim, input, weight, bias)


def _conv_transpose(
    op, ndim, input, weight, bias, stride, padding, output_padding, groups, dilation
):
    shapes = _checked_shapes(op, input, weight, bias)
    window, size = geometry.conv_transpose_window(
        op, ndim, *shapes, stride, padding, output_padding, groups, dilation
    )
    return _applied(ConvTranspose(window, size), ndim, input, weight, bias)


def _applied(operation, ndim, input, weight, bias):
    """Apply an operation to a batch, or to one image as a batch of one."""
    single = input.ndim == ndim + 1
    if single:
        input = reshape(input, (1, *input.shape))
    result = operation(input, weight) if bias is None else operation(input, weight, bias)
    return reshape(result, result.shape[1:]) if single else result


def _ndim(op, weight):
    if not is_tensor(weight):
        raise TypeError(f"{op}: weight must be a Tensor, got {type(weight).__name__}")
    if not 3 <= weight.ndim <= 5:
        raise ShapeError(
            f"{op}: weight must have 3 to 5 dimensions, for 1 to 3 spatial ones, "
            f"got weight {tuple(weight.shape)}"
        )
    return weight.ndim - 2


def _checked_shapes(op, input, weight, bias):
    """Return the shapes of the operands; check that they are tensors of one floating type."""
    if not is_tensor(input):
        raise TypeError(f"{op}: input must be a Tensor, got {type(input).__name__}")
    array, shapes = input._array, [input._array.shape]
    for name, tensor in (("weight", weight), ("bias", bias)):
        if tensor is None and name == "bias":
            shapes.append(None)
            continue
        if not is_tensor(tensor):
            raise TypeError(f"{op}: {name} must be a Tensor, got {type(tensor).__name__}")
        if tensor._array.dtype != array.dtype:
            raise RuntimeError(
                f"{op}: input and {name} must have the same type, got {input.dtype.name} and "
                f"{tensor.dtype.name}"
            )
        shapes.append(tensor._array.shape)
    if array.dtype.kind != "f":
        raise NotImplementedError(f"{op}: not implemented for {input.dtype.name}")
    return shapes
