"""Unpooling, power-average pooling, and pooling under windows drawn at random."""

from __future__ import annotations

from .. import geometry
from . import functional as F
from .module import Module

__all__ = [
    "FractionalMaxPool2d",
    "FractionalMaxPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]


class _MaxUnpoolNd(Module):
    """Maxima put back at their places; number of dimensions and function are the subclass's."""

    _ndim: int

    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        name, ndim = type(self).__name__, self._ndim
        self.kernel_size = geometry.integers(name, "kernel_size", kernel_size, ndim)
        stride = kernel_size if stride is None else stride
        self.stride = geometry.integers(name, "stride", stride, ndim)
        self.padding = geometry.integers(name, "padding", padding, ndim, 0)

    def forward(self, input, indices, output_size=None):
        settings = self.kernel_size, self.stride, self.padding
        return self._function(input, indices, *settings, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpoolNd):
    """Undo `MaxPool1d` as far as possible; see `MaxUnpool2d`."""

    _ndim = 1
    _function = staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpoolNd):
    """Undo `MaxPool2d` as far as possible: maxima at their places, zeros elsewhere.

    Called with the maxima, their indices (of a pooling with ``return_indices=True``) and, where
    several sizes are pooled to one, `output_size`.

    Parameters
    ----------
    kernel_size : int or tuple of int
        Size of the window of the pooling.
    stride : int or tuple of int, optional
        Its step. Default: `kernel_size`.
    padding : int or tuple of int
        How far it reached over the border.
    """

    _ndim = 2
    _function = staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpoolNd):
    """Undo `MaxPool3d` as far as possible; see `MaxUnpool2d`."""

    _ndim = 3
    _function = staticmethod(F.max_unpool3d)


class _LPPoolNd(Module):
    """Power averages; the function is the subclass's."""

    def __init__(self, norm_type: float, kernel_size, stride=None, ceil_mode: bool = False):
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input):
        settings = float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode
        return self._function(input, *settings)

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPoolNd):
    """The p-norm of what is under a window of signals; see `LPPool2d`."""

    _function = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPoolNd):
    """The p-norm of what is under a window of images (batch, channels, height, width).

    Parameters
    ----------
    norm_type : float
        The power p.
    kernel_size : int or tuple of int
        Size of the window.
    stride : int or tuple of int, optional
        Step of the window. Default: `kernel_size`.
    ceil_mode : bool
        Let the last window reach over the border rather than leave elements out.
    """

    _function = staticmethod(F.lp_pool2d)


class LPPool3d(_LPPoolNd):
    """The p-norm of what is under a window of volumes; see `LPPool2d`."""

    _function = staticmethod(F.lp_pool3d)


class _FractionalMaxPool(Module):
    """Maxima under windows drawn at random; the function is the subclass's."""

    _ndim: int

    def __init__(
        self,
        kernel_size,
        output_size=None,
        output_ratio=None,
        return_indices: bool = False,
        _random_samples=None,
    ):
        super().__init__()
        name, ndim = type(self).__name__, self._ndim
        self.kernel_size = geometry.integers(name, "kernel_size", kernel_size, ndim)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = self.output_ratio = None
        if output_size is None and output_ratio is None:
            raise ValueError(
                f"{name} requires specifying either an output size, or a pooling ratio"
            )
        if output_size is not None and output_ratio is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        if output_size is not None:
            self.output_size = geometry.integers(name, "output_size", output_size, ndim)
        else:
            several = isinstance(output_ratio, (tuple, list))
            self.output_ratio = tuple(output_ratio) if several else (output_ratio,) * ndim
            if not all(0 < ratio < 1 for ratio in self.output_ratio):
                raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    def forward(self, input):
        return self._function(
            input,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            self._random_samples,
        )


class FractionalMaxPool2d(_FractionalMaxPool):
    """Maxima under windows drawn at random over images (batch, channels, height, width).

    Parameters
    ----------
    kernel_size : int or tuple of int
        Size of the window.
    output_size : int or tuple of int, optional
        Spatial sizes of the result.
    output_ratio : float or tuple of float, optional
        Instead: their ratio to those of the input, between 0 and 1.
    return_indices : bool
        Also return where the maxima were.

    Notes
    -----
    Graham 2014 (arXiv 1412.6071).
    """

    _ndim = 2
    _function = staticmethod(F.fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPool):
    """Maxima under windows drawn at random over volumes; see `FractionalMaxPool2d`."""

    _ndim = 3
    _function = staticmethod(F.fractional_max_pool3d)
