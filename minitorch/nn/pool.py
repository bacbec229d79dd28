"""Pooling layers: maxima and averages under a window, or of a given number of parts."""

from __future__ import annotations

from . import functional as F
from .module import Module

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
]


class _MaxPoolNd(Module):
    """Maxima under a window; the function is the subclass's."""

    def __init__(
        self,
        kernel_size,
        stride=None,
        padding=0,
        dilation=1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input):
        return self._function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPoolNd):
    """Maxima over a window of signals (batch, channels, length); see `MaxPool2d`."""

    _function = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPoolNd):
    """Maxima over a window of images (batch, channels, height, width).

    Parameters
    ----------
    kernel_size : int or tuple of int
        Size of the window.
    stride : int or tuple of int, optional
        Step of the window. Default: `kernel_size`.
    padding : int or tuple of int
        How far the window reaches over the border, where nothing counts.
    dilation : int or tuple of int
        Distance between the elements under the window.
    return_indices : bool
        Also return where the maxima were.
    ceil_mode : bool
        Let the last window reach over the border rather than leave elements out.
    """

    _function = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPoolNd):
    """Maxima over a window of volumes (batch, channels, depth, height, width); see `MaxPool2d`."""

    _function = staticmethod(F.max_pool3d)


class _AvgPoolNd(Module):
    """Averages under a window; the function is the subclass's."""

    def __init__(
        self,
        kernel_size,
        stride=None,
        padding=0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override=None,
    ):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input):
        return self._function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPoolNd):
    """Averages over a window of signals (batch, channels, length).

    Parameters
    ----------
    kernel_size, stride, padding, ceil_mode, count_include_pad
        See `AvgPool2d`.
    """

    def __init__(
        self,
        kernel_size,
        stride=None,
        padding=0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ):
        Module.__init__(self)
        # Tuples, as PyTorch shows them for this class alone.
        single = [
            (n,) if isinstance(n, int) else tuple(n)
            for n in (kernel_size, stride if stride is not None else kernel_size, padding)
        ]
        self.kernel_size, self.stride, self.padding = single
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input):
        return F.avg_pool1d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )


class AvgPool2d(_AvgPoolNd):
    """Averages over a window of images (batch, channels, height, width).

    Parameters
    ----------
    kernel_size : int or tuple of int
        Size of the window.
    stride : int or tuple of int, optional
        Step of the window. Default: `kernel_size`.
    padding : int or tuple of int
        How far the window reaches over the border, onto zeros.
    ceil_mode : bool
        Let the last window reach over the border rather than leave elements out.
    count_include_pad : bool
        Whether those zeros count in the average.
    divisor_override : int, optional
        What sums are divided by, instead of the number of elements.
    """

    _function = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPoolNd):
    """Averages over a window of volumes (N, C, D, H, W); see `AvgPool2d`."""

    _function = staticmethod(F.avg_pool3d)


class _AdaptiveAvgPoolNd(Module):
    """Averages of parts; the function is the subclass's."""

    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def forward(self, input):
        return self._function(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd):
    """Averages of a given number of parts of signals (batch, channels, length).

    See `AdaptiveAvgPool2d`.
    """

    _function = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    """Averages of a given number of parts of images (batch, channels, height, width).

    Parameters
    ----------
    output_size : int, None or tuple of those
        Number of parts, one for both spatial dimensions or one each; None keeps the size.
    """

    _function = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    """Averages of a given number of parts of volumes (batch, channels, depth, height, width).

    See `AdaptiveAvgPool2d`.
    """

    _function = staticmethod(F.adaptive_avg_pool3d)


class _AdaptiveMaxPoolNd(Module):
    """Maxima of parts; the function is the subclass's."""

    def __init__(self, output_size, return_indices: bool = False):
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, input):
        return self._function(input, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """Maxima of a given number of parts of signals (batch, channels, length).

    See `AdaptiveMaxPool2d`.
    """

    _function = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """Maxima of a given number of parts of images (batch, channels, height, width).

    Parameters
    ----------
    output_size : int, None or tuple of those
        Number of parts, one for both spatial dimensions or one each; None keeps the size.
    return_indices : bool
        Also return where the maxima were.
    """

    _function = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """Maxima of a given number of parts of volumes (batch, channels, depth, height, width).

    See `AdaptiveMaxPool2d`.
    """

    _function = staticmethod(F.adaptive_max_pool3d)
