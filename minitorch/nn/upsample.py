"""Layers that change the size of images: interpolation, and moving between channels and space."""

from __future__ import annotations

from . import functional as F
from .module import Module

__all__ = [
    "ChannelShuffle",
    "PixelShuffle",
    "PixelUnshuffle",
    "Upsample",
    "UpsamplingBilinear2d",
    "UpsamplingNearest2d",
]


class Upsample(Module):
    """Resample images to another size; see `minitorch.nn.functional.interpolate`.

    Parameters
    ----------
    size : int or tuple of int, optional
        Spatial sizes of the result.
    scale_factor : float or tuple of float, optional
        Instead: how many times larger it is.
    mode : str
        ``'nearest'``, ``'linear'``, ``'bilinear'``, ``'bicubic'``, ``'trilinear'``, ...
    align_corners : bool, optional
        Whether the centres of the corners of input and result coincide.
    recompute_scale_factor : bool, optional
        Compute the scale anew from the rounded size.
    """

    def __init__(
        self,
        size=None,
        scale_factor=None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ):
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        if isinstance(scale_factor, tuple):
            self.scale_factor = tuple(float(factor) for factor in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input):
        return F.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        if self.scale_factor is not None:
            return f"scale_factor={self.scale_factor!r}, mode={self.mode!r}"
        return f"size={self.size!r}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Resample images (batch, channels, height, width) by their nearest elements.

    Parameters
    ----------
    size : int or tuple of int, optional
        Spatial sizes of the result.
    scale_factor : float or tuple of float, optional
        Instead: how many times larger it is.
    """

    def __init__(self, size=None, scale_factor=None):
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Resample images (N, C, H, W) bilinearly, the centres of the corners aligned.

    Parameters
    ----------
    size : int or tuple of int, optional
        Spatial sizes of the result.
    scale_factor : float or tuple of float, optional
        Instead: how many times larger it is.
    """

    def __init__(self, size=None, scale_factor=None):
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


class PixelShuffle(Module):
    """Make blocks of pixels of channels: the layer of sub-pixel convolution.

    Input (..., C r², H, W), output (..., C, H r, W r).

    Parameters
    ----------
    upscale_factor : int
        How many times larger the result is.

    Notes
    -----
    Shi et al. 2016 (arXiv 1609.05158), equation 4.
    """

    def __init__(self, upscale_factor: int):
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input):
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Make channels of blocks of pixels: the inverse of `PixelShuffle`.

    Input (..., C, H r, W r), output (..., C r², H, W).

    Parameters
    ----------
    downscale_factor : int
        How many times smaller the result is.
    """

    def __init__(self, downscale_factor: int):
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input):
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Reorder channels, so that every group gets some of every group: (batch, channels, ...).

    Parameters
    ----------
    groups : int
        Number of groups.

    Notes
    -----
    Zhang et al. 2017, ShuffleNet (arXiv 1707.01083), section 3.1.
    """

    def __init__(self, groups: int):
        super().__init__()
        self.groups = groups

    def forward(self, input):
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
