"""Padding layers."""

from __future__ import annotations

from . import functional as F
from .module import Module

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


class _Pad(Module):
    """Padding of a number of dimensions, `_ndim`, in the mode `_mode`: both the subclass's."""

    _ndim: int
    _mode: str

    def __init__(self, padding):
        super().__init__()
        if isinstance(padding, int):
            padding = (padding,) * (2 * self._ndim)
        self.padding = tuple(padding)
        if len(self.padding) != 2 * self._ndim:
            raise ValueError(
                f"{type(self).__name__}: padding must be an int or {2 * self._ndim} of them, "
                f"got {self.padding}"
            )

    def _check_input(self, input):
        if input.ndim not in (self._ndim + 1, self._ndim + 2):
            raise ValueError(
                f"{type(self).__name__}: expected {self._ndim + 1}D or {self._ndim + 2}D input "
                f"(got {input.ndim}D input, shape {tuple(input.shape)})"
            )

    def forward(self, input):
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPadNd(_Pad):
    _mode = "constant"

    def __init__(self, padding, value: float):
        super().__init__(padding)
        self.value = value

    def forward(self, input):
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """Pad the last dimension, (..., length), with a value; see `ConstantPad2d`."""

    _ndim = 1


class ConstantPad2d(_ConstantPadNd):
    """Pad the last two dimensions, (..., height, width), with a value.

    Parameters
    ----------
    padding : int or tuple of int
        One number for all sides, or (left, right, top, bottom). Negative numbers cut off.
    value : float
        What to pad with.
    """

    _ndim = 2


class ConstantPad3d(_ConstantPadNd):
    """Pad the last three dimensions, (..., D, H, W), with a value; see `ConstantPad2d`."""

    _ndim = 3


class _ZeroPad(_ConstantPadNd):
    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_ZeroPad):
    """Pad the last dimension, (..., length), with zeros; see `ZeroPad2d`."""

    _ndim = 1


class ZeroPad2d(_ZeroPad):
    """Pad the last two dimensions, (..., height, width), with zeros.

    Parameters
    ----------
    padding : int or tuple of int
        One number for all sides, or (left, right, top, bottom). Negative numbers cut off.
    """

    _ndim = 2


class ZeroPad3d(_ZeroPad):
    """Pad the last three dimensions, (..., depth, height, width), with zeros; see `ZeroPad2d`."""

    _ndim = 3


class _ReflectionPadNd(_Pad):
    _mode = "reflect"


class ReflectionPad1d(_ReflectionPadNd):
    """Pad signals with their elements mirrored at the border; see `ReflectionPad2d`."""

    _ndim = 1


class ReflectionPad2d(_ReflectionPadNd):
    """Pad images (batch, channels, height, width) with their elements mirrored at the border.

    Parameters
    ----------
    padding : int or tuple of int
        One number for all sides, or (left, right, top, bottom), less than the sizes.
    """

    _ndim = 2


class ReflectionPad3d(_ReflectionPadNd):
    """Pad volumes with their elements mirrored at the border; see `ReflectionPad2d`."""

    _ndim = 3


class _ReplicationPadNd(_Pad):
    _mode = "replicate"


class ReplicationPad1d(_ReplicationPadNd):
    """Pad signals with the elements at the border; see `ReplicationPad2d`."""

    _ndim = 1


class ReplicationPad2d(_ReplicationPadNd):
    """Pad images (batch, channels, height, width) with the elements at the border.

    Parameters
    ----------
    padding : int or tuple of int
        One number for all sides, or (left, right, top, bottom).
    """

    _ndim = 2


class ReplicationPad3d(_ReplicationPadNd):
    """Pad volumes with the elements at the border; see `ReplicationPad2d`."""

    _ndim = 3


class _CircularPadNd(_Pad):
    _mode = "circular"

    def forward(self, input):
        self._check_input(input)
        return super().forward(input)


class CircularPad1d(_CircularPadNd):
    """Pad signals with the elements at their other end; see `CircularPad2d`."""

    _ndim = 1


class CircularPad2d(_CircularPadNd):
    """Pad images (batch, channels, height, width) with the elements at the opposite side.

    Parameters
    ----------
    padding : int or tuple of int
        One number for all sides, or (left, right, top, bottom), at most the sizes.
    """

    _ndim = 2


class CircularPad3d(_CircularPadNd):
    """Pad volumes with the elements at the opposite side; see `CircularPad2d`."""

    _ndim = 3
