"""Locally connected layers: convolutions whose kernels are not shared between positions."""

from __future__ import annotations

import math

from .. import geometry
from ..creation import empty
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

__all__ = ["LocallyConnected1d", "LocallyConnected2d", "LocallyConnected3d"]


class _LocallyConnected(Module):
    """Number of dimensions and function are the subclass's."""

    _ndim: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        input_size,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        bias: bool = True,
        device=None,
        dtype=None,
    ):
        super().__init__()
        name, ndim = type(self).__name__, self._ndim
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.input_size = geometry.integers(name, "input_size", input_size, ndim)
        window = geometry.Window.of(ndim, kernel_size, stride, padding, dilation, op=name)
        self.kernel_size, self.stride = window.kernel, window.stride
        self.padding, self.dilation = padding, window.dilation
        self.output_size = window.output_size(self.input_size)
        if min(self.output_size) < 1:
            raise ValueError(
                f"{name}: the kernel covers {window.extent}, more than the padded input of size "
                f"{self.input_size}"
            )
        factory = {"device": device, "dtype": dtype}
        shape = (*self.output_size, out_channels, in_channels, *self.kernel_size)
        self.weight = Parameter(empty(shape, **factory))
        if bias:
            self.bias = Parameter(empty((out_channels, *self.output_size), **factory))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias from U(-b, b) with b = 1 / sqrt(elements under the kernel)."""
        bound = 1 / math.sqrt(max(1, self.in_channels * math.prod(self.kernel_size)))
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input):
        settings = self.stride, self.padding, self.dilation
        return self._function(input, self.weight, self.bias, *settings)

    def extra_repr(self) -> str:
        text = (
            f"{self.in_channels}, {self.out_channels}, input_size={self.input_size}, "
            f"kernel_size={self.kernel_size}, stride={self.stride}"
        )
        if self.padding not in (0, (0,) * self._ndim):
            text += f", padding={self.padding}"
        if self.dilation != (1,) * self._ndim:
            text += f", dilation={self.dilation}"
        return text + ", bias=False" * (self.bias is None)


class LocallyConnected1d(_LocallyConnected):
    """Another kernel at every position of signals; see `LocallyConnected2d`."""

    _ndim = 1
    _function = staticmethod(F.local_conv1d)


class LocallyConnected2d(_LocallyConnected):
    """A convolution of images whose kernels are not shared between positions.

    Parameters
    ----------
    in_channels, out_channels : int
        Number of channels of the input and of the result.
    input_size : int or tuple of int
        Height and width of the images: they determine the number of kernels.
    kernel_size : int or tuple of int
        Size of the kernels.
    stride, padding, dilation : int or tuple
        As for `Conv2d`.
    bias : bool
        Whether a number is added, another one for each channel and position.
    device, dtype : optional
        Of the parameters.

    Attributes
    ----------
    weight : Parameter
        Shape (rows, columns, out_channels, in_channels, *kernel_size).
    bias : Parameter or None
        Shape (out_channels, rows, columns).

    Notes
    -----
    LeCun 1989, Generalization and Network Design Strategies; Taigman et al. 2014 (DeepFace),
    section 3.
    """

    _ndim = 2
    _function = staticmethod(F.local_conv2d)


class LocallyConnected3d(_LocallyConnected):
    """Another kernel at every position of volumes; see `LocallyConnected2d`."""

    _ndim = 3
    _function = staticmethod(F.local_conv3d)
