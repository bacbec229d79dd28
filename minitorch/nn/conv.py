"""Convolution layers: 1, 2 or 3 spatial dimensions, plain and transposed."""

from __future__ import annotations

import math

from .. import geometry
from ..creation import empty
from ..errors import ShapeError
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular", "mean")


class _ConvNd(Module):
    """What all convolution layers have in common."""

    _ndim: int
    _transposed = False

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride,
        padding,
        dilation,
        output_padding,
        groups,
        bias,
        padding_mode,
        device,
        dtype,
    ):
        super().__init__()
        name, ndim = type(self).__name__, self._ndim
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        if padding_mode not in _PADDING_MODES:
            raise ValueError(
                f"padding_mode must be one of {set(_PADDING_MODES)}, but got "
                f"padding_mode='{padding_mode}'"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = geometry.integers(name, "kernel_size", kernel_size, ndim)
        self.stride = geometry.integers(name, "stride", stride, ndim)
        self.dilation = geometry.integers(name, "dilation", dilation, ndim)
        self.padding = _checked_padding(name, padding, ndim)
        if padding in ("same_upper", "same_lower") and padding_mode != "zeros":
            raise ValueError(
                f"padding='{padding}' needs padding_mode='zeros', got '{padding_mode}'"
            )
        self.transposed = self._transposed
        self.output_padding = geometry.integers(name, "output_padding", output_padding, ndim, 0)
        self.groups = groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = self._padding_for_pad()
        channels = (out_channels, in_channels // groups)
        if self._transposed:
            channels = (in_channels, out_channels // groups)
        factory = {"device": device, "dtype": dtype}
        self.weight = Parameter(empty((*channels, *self.kernel_size), **factory))
        if bias:
            self.bias = Parameter(empty(out_channels, **factory))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias from U(-b, b) with b = 1 / sqrt(fan_in)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in != 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def _padding_for_pad(self) -> list[int]:
        """Return the padding as `F.pad` takes it: (before, after) from the last dimension on."""
        if self.padding == "valid":
            return [0] * (2 * self._ndim)
        if self.padding in ("same", "same_upper", "same_lower"):
            total = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            sides = [(n // 2, n - n // 2) for n in total]
        else:
            sides = [n if isinstance(n, tuple) else (n, n) for n in self.padding]
        return [n for pair in reversed(sides) for n in pair]

    def extra_repr(self) -> str:
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        if self.padding != (0,) * self._ndim:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * self._ndim:
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * self._ndim:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


def _checked_padding(name, padding, ndim):
    """Return the padding as 'same', 'valid', or a tuple of one entry per dimension."""
    if isinstance(padding, str):
        if padding not in ("same", "same_upper", "same_lower", "valid"):
            raise ValueError(
                f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}"
            )
        return padding
    if isinstance(padding, (tuple, list)) and any(isinstance(p, (tuple, list)) for p in padding):
        return tuple(p if isinstance(p, int) else tuple(p) for p in padding)  # checked by the op
    return geometry.integers(name, "padding", padding, ndim, 0)


class _Conv(_ConvNd):
    """Convolution of one number of dimensions: `_ndim` and the function are the subclass's."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device=None,
        dtype=None,
    ):
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            0,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def _conv_forward(self, input, weight, bias):
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, self.padding_mode)
            padding = 0
        return self._function(input, weight, bias, self.stride, padding, self.dilation, self.groups)

    def forward(self, input):
        return self._conv_forward(input, self._own("weight"), self._own("bias"))


class Conv1d(_Conv):
    """Convolution of signals (batch, channels, length); see `Conv2d` for the parameters."""

    _ndim = 1
    _function = staticmethod(F.conv1d)


class Conv2d(_Conv):
    """Convolution of images (batch, channels, height, width).

    Parameters
    ----------
    in_channels, out_channels : int
        Number of channels of the input and of the result.
    kernel_size : int or tuple of int
        Size of the kernel, one for all spatial dimensions or one each.
    stride : int or tuple of int
        Step of the kernel.
    padding : int, tuple of int, 'same', 'same_upper', 'same_lower' or 'valid'
        How far the image is extended on both sides; an entry may be a pair (before, after). The
        names are explained at `minitorch.nn.functional.conv_nd`.
    dilation : int or tuple of int
        Distance between the taps of the kernel.
    groups : int
        Number of blocks that the channels are divided into.
    bias : bool
        Whether a number per output channel is added.
    padding_mode : str
        With what: ``'zeros'``, ``'reflect'``, ``'replicate'``, ``'circular'``, or (not in PyTorch)
        ``'mean'``, the mean of each channel of each image.
    device, dtype : optional
        Of the parameters.

    Attributes
    ----------
    weight : Parameter
        Shape (out_channels, in_channels / groups, *kernel_size).
    bias : Parameter or None
        Shape (out_channels,).

    Notes
    -----
    `minitorch.nn.functional.conv_nd` gives the formula. Weight and bias start uniform within
    1 / sqrt(fan_in), as in PyTorch.
    """

    _ndim = 2
    _function = staticmethod(F.conv2d)


class Conv3d(_Conv):
    """Convolution of volumes (batch, channels, depth, height, width); see `Conv2d`."""

    _ndim = 3
    _function = staticmethod(F.conv3d)


class _ConvTransposeNd(_ConvNd):
    """Transposed convolution of one number of dimensions."""

    _transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size,
        stride=1,
        padding=0,
        output_padding=0,
        groups: int = 1,
        bias: bool = True,
        dilation=1,
        padding_mode: str = "zeros",
        device=None,
        dtype=None,
    ):
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            output_padding,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input, output_size=None):
        output_padding = self.output_padding
        if output_size is not None:
            output_padding = self._output_padding(input, output_size)
        return self._function(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            output_padding,
            self.groups,
            self.dilation,
        )

    def _output_padding(self, input, output_size):
        """Return the output padding that gives `output_size`."""
        ndim, name = self._ndim, type(self).__name__
        other = input.ndim - ndim  # dimensions that are not spatial
        size = tuple(output_size)
        if len(size) == other + ndim:
            size = size[other:]
        if len(size) != ndim:
            raise ValueError(
                f"{name}: for {input.ndim}D input, output_size must have {ndim} or {other + ndim} "
                f"elements (got {len(size)})"
            )
        window = geometry.Window.of(
            ndim, self.kernel_size, self.stride, self.padding, self.dilation
        )
        least = window.input_size(tuple(input.shape[other:]))
        most = tuple(n + s - 1 for n, s in zip(least, self.stride, strict=True))
        if any(not a <= n <= b for a, n, b in zip(least, size, most, strict=True)):
            raise ShapeError(
                f"{name}: requested an output size of {list(size)}, but valid sizes range from "
                f"{list(least)} to {list(most)} (for an input of {tuple(input.shape)[other:]})"
            )
        return tuple(n - a for n, a in zip(size, least, strict=True))


class ConvTranspose1d(_ConvTransposeNd):
    """Transposed convolution of signals (N, C, L); see `ConvTranspose2d`."""

    _ndim = 1
    _function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTransposeNd):
    """Transposed convolution ("deconvolution") of images (batch, channels, height, width).

    Parameters
    ----------
    in_channels, out_channels : int
        Number of channels of the input and of the result.
    kernel_size : int or tuple of int
        Size of the kernel.
    stride : int or tuple of int
        Step of the kernel over the result.
    padding : int or tuple of int
        How much is cut off on both sides of the result.
    output_padding : int or tuple of int
        How much is added after the result, to choose among the sizes that a convolution maps to
        one. Calling the layer with ``output_size`` computes it.
    groups : int
        Number of blocks that the channels are divided into.
    bias : bool
        Whether a number per output channel is added.
    dilation : int or tuple of int
        Distance between the taps of the kernel.
    padding_mode : str
        Only ``'zeros'``.
    device, dtype : optional
        Of the parameters.

    Attributes
    ----------
    weight : Parameter
        Shape (in_channels, out_channels / groups, *kernel_size).
    bias : Parameter or None
        Shape (out_channels,).
    """

    _ndim = 2
    _function = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_ConvTransposeNd):
    """Transposed convolution of volumes (N, C, D, H, W); see `ConvTranspose2d`."""

    _ndim = 3
    _function = staticmethod(F.conv_transpose3d)
