"""Layers that papers and textbooks name and that are otherwise put together by hand."""

from __future__ import annotations

from ..creation import zeros
from ..ops import cat
from . import functional as F
from .container import ModuleList, Sequential
from .conv import Conv1d, Conv2d, Conv3d
from .module import Module
from .parameter import Parameter
from .upsample import Upsample

__all__ = [
    "CopyUnpool1d",
    "CopyUnpool2d",
    "CopyUnpool3d",
    "GlobalResponseNorm",
    "MaskedConv1d",
    "MaskedConv2d",
    "MaskedConv3d",
    "Maxout",
    "MultiDilatedConv1d",
    "MultiDilatedConv2d",
    "MultiDilatedConv3d",
    "ResizeConv1d",
    "ResizeConv2d",
    "ResizeConv3d",
    "SeparableConv1d",
    "SeparableConv2d",
    "SeparableConv3d",
]


class _CopyUnpool(Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.kernel_size = kernel_size

    def forward(self, input):
        if input.ndim != self._ndim + 2:
            raise ValueError(
                f"{type(self).__name__}: expected {self._ndim + 2}D input (got {input.ndim}D input)"
            )
        return F.interpolate(input, scale_factor=self.kernel_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}"


class CopyUnpool1d(_CopyUnpool):
    """Copy every element of signals; see `CopyUnpool2d`."""

    _ndim = 1


class CopyUnpool2d(_CopyUnpool):
    """Copy every pixel to a block: unpooling without places (those use `MaxUnpool2d`).

    Input (N, C, H, W), output (N, C, H k, W k).

    Parameters
    ----------
    kernel_size : int or tuple of int
        Size of the blocks.
    """

    _ndim = 2


class CopyUnpool3d(_CopyUnpool):
    """Copy every element of volumes to a block; see `CopyUnpool2d`."""

    _ndim = 3


class _ResizeConv(Sequential):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size,
        scale_factor=2,
        mode: str = "nearest",
        padding="same",
        **settings,
    ):
        conv = self._conv(in_channels, out_channels, kernel_size, padding=padding, **settings)
        super().__init__(Upsample(scale_factor=scale_factor, mode=mode), conv)


class ResizeConv1d(_ResizeConv):
    """Enlarge signals (N, C, L), then convolve; see `ResizeConv2d`."""

    _conv = Conv1d


class ResizeConv2d(_ResizeConv):
    """Enlarge images, then convolve: larger without the checkerboards of `ConvTranspose2d`.

    Parameters
    ----------
    in_channels, out_channels : int
        Number of channels of the input and of the result.
    kernel_size : int or tuple of int
        Size of the kernel.
    scale_factor : float or tuple of float
        How many times larger the result is.
    mode : str
        How images are enlarged; see `Upsample`.
    padding, **settings
        Of the convolution; see `Conv2d`.

    Notes
    -----
    Odena, Dumoulin and Olah 2016, Deconvolution and Checkerboard Artifacts (Distill).
    """

    _conv = Conv2d


class ResizeConv3d(_ResizeConv):
    """Enlarge volumes (N, C, D, H, W), then convolve; see `ResizeConv2d`."""

    _conv = Conv3d


class _MultiDilatedConv(Module):
    def __init__(
        self, in_channels: int, out_channels: int, kernel_size, dilations=(1, 2, 4), **settings
    ):
        super().__init__()
        if out_channels % len(dilations):
            raise ValueError(
                f"{type(self).__name__}: out_channels ({out_channels}) must be divisible by the "
                f"number of dilations ({len(dilations)})"
            )
        self.dilations = tuple(dilations)
        each = out_channels // len(dilations)
        self.branches = ModuleList(
            self._conv(
                in_channels, each, kernel_size, padding="same", dilation=dilation, **settings
            )
            for dilation in dilations
        )

    def forward(self, input):
        return cat([branch(input) for branch in self.branches], -self._conv._ndim - 1)


class MultiDilatedConv1d(_MultiDilatedConv):
    """Convolutions of several dilations side by side (N, C, L); see `MultiDilatedConv2d`."""

    _conv = Conv1d


class MultiDilatedConv2d(_MultiDilatedConv):
    """Convolutions of several dilations of the same images, their channels concatenated.

    Parameters
    ----------
    in_channels : int
        Number of channels of the input.
    out_channels : int
        Number of channels of the result, divided evenly among the dilations.
    kernel_size : int or tuple of int
        Size of the kernels.
    dilations : sequence of int
        Distances between the taps, one convolution for each.
    **settings
        Of the convolutions; see `Conv2d`.

    Notes
    -----
    Yu and Koltun 2015 (arXiv 1511.07122); in parallel: Chen et al. 2017 (arXiv 1606.00915),
    section 3.2.
    """

    _conv = Conv2d


class MultiDilatedConv3d(_MultiDilatedConv):
    """Convolutions of several dilations side by side (N, C, D, H, W); see `MultiDilatedConv2d`."""

    _conv = Conv3d


class _SeparableConv(Sequential):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        depth_multiplier: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device=None,
        dtype=None,
    ):
        factory = {"device": device, "dtype": dtype}
        middle = in_channels * depth_multiplier
        depthwise = self._conv(
            in_channels,
            middle,
            kernel_size,
            stride,
            padding,
            dilation,
            in_channels,
            False,
            padding_mode,
            **factory,
        )
        super().__init__(depthwise, self._conv(middle, out_channels, 1, bias=bias, **factory))


class SeparableConv1d(_SeparableConv):
    """A depthwise convolution and a pointwise one, of (N, C, L); see `SeparableConv2d`."""

    _conv = Conv1d


class SeparableConv2d(_SeparableConv):
    """A depthwise convolution, then a pointwise one that mixes the channels.

    Parameters
    ----------
    in_channels, out_channels : int
        Number of channels of the input and of the result.
    kernel_size, stride, padding, dilation, padding_mode
        Of the depthwise convolution; see `Conv2d`.
    depth_multiplier : int
        Number of depthwise kernels per channel.
    bias : bool
        Whether the pointwise convolution adds a bias.
    device, dtype : optional
        Of the parameters.

    Notes
    -----
    Chollet 2017, Xception (arXiv 1610.02357), section 1.2.
    """

    _conv = Conv2d


class SeparableConv3d(_SeparableConv):
    """A depthwise convolution and a pointwise one, of (N, C, D, H, W); see `SeparableConv2d`."""

    _conv = Conv3d


class _MaskedConv:
    """A convolution that sees and makes nothing where a mask is zero."""

    def forward(self, input, mask=None):
        if mask is None:
            return super().forward(input)
        mask = mask.to(input.dtype)
        result = super().forward(input * mask)
        size = tuple(result.shape[-self._ndim :])
        if tuple(mask.shape[-self._ndim :]) != size:
            mask = getattr(F, f"adaptive_max_pool{self._ndim}d")(mask, size)
        return result * mask, mask


class MaskedConv1d(_MaskedConv, Conv1d):
    """A convolution of signals that ignores what a mask hides; see `MaskedConv2d`."""


class MaskedConv2d(_MaskedConv, Conv2d):
    """A convolution of images that ignores what a mask hides.

    Called with images and a mask (batch, 1, height, width) of ones where they are visible, it
    returns the result, which is zero where the mask is, and the mask for the next layer: where the
    layer changes the size, the parts with a visible pixel. On what is visible that is what a sparse
    convolution computes. Without a mask it is a `Conv2d`.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode
        As for `Conv2d`.
    device, dtype : optional
        Of the parameters.

    Notes
    -----
    Woo et al. 2023, ConvNeXt V2 (arXiv 2301.00808), section 3.1.
    """


class MaskedConv3d(_MaskedConv, Conv3d):
    """A convolution of volumes that ignores what a mask hides; see `MaskedConv2d`."""


class Maxout(Module):
    """The maximum of every few neighbouring channels: (N, C, ...) becomes (N, C / pieces, ...).

    Parameters
    ----------
    pieces : int
        Number of channels that become one.
    dim : int
        The dimension of the channels.

    Notes
    -----
    Goodfellow et al. 2013 (arXiv 1302.4389), section 2.
    """

    def __init__(self, pieces: int, dim: int = 1):
        super().__init__()
        self.pieces = pieces
        self.dim = dim

    def forward(self, input):
        return F.maxout(input, self.pieces, self.dim)

    def extra_repr(self) -> str:
        return f"pieces={self.pieces}, dim={self.dim}"


class GlobalResponseNorm(Module):
    """Scale every channel by its norm relative to the others; see `global_response_norm`.

    Parameters
    ----------
    num_channels : int
        Number of channels.
    eps : float
        Added to the mean of the norms.
    device, dtype : optional
        Of the parameters.

    Attributes
    ----------
    weight, bias : Parameter
        Shape (num_channels,), zero at the start: then the layer returns its input.

    Notes
    -----
    Woo et al. 2023, ConvNeXt V2 (arXiv 2301.00808), equations 1 to 3.
    """

    def __init__(self, num_channels: int, eps: float = 1e-6, device=None, dtype=None):
        super().__init__()
        self.num_channels = num_channels
        self.eps = eps
        self.weight = Parameter(zeros(num_channels, device=device, dtype=dtype))
        self.bias = Parameter(zeros(num_channels, device=device, dtype=dtype))

    def forward(self, input):
        return F.global_response_norm(input, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_channels}, eps={self.eps}"
