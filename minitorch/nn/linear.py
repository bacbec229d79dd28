"""Linear layers."""

from __future__ import annotations

import math

from ..creation import empty
from ..ops import doc
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

__all__ = ["Bilinear", "Identity", "Linear"]


@doc.same_shape
class Identity(Module):
    """Returns its input. Any arguments are accepted, so that it can stand for another layer.

    Parameters
    ----------
    *args, **kwargs
        Ignored.
    """

    def __init__(self, *args, **kwargs):
        super().__init__()

    def forward(self, input):
        return input


class Linear(Module):
    """Linear map with a bias: ``input @ weight.T + bias``.

    Parameters
    ----------
    in_features, out_features : int
        Size of the last dimension of the input and of the result.
    bias : bool
        Whether a bias is added.
    device, dtype : optional
        Of the parameters.

    Attributes
    ----------
    weight : Parameter
        Shape (out_features, in_features), uniform within 1 / sqrt(in_features) at the start.
    bias : Parameter or None
        Shape (out_features,), drawn likewise.
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device=None, dtype=None
    ):
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        factory = {"device": device, "dtype": dtype}
        self.weight = Parameter(empty((out_features, in_features), **factory))
        if bias:
            self.bias = Parameter(empty(out_features, **factory))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias from U(-b, b) with b = 1 / sqrt(in_features)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input):
        return F.linear(input, self._own("weight"), self._own("bias"))

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class NonDynamicallyQuantizableLinear(Linear):
    """`Linear` under the name that `MultiheadAttention` shows in PyTorch."""


class Bilinear(Module):
    """Bilinear map of two inputs with a bias: ``input1 @ weight[k] @ input2 + bias[k]``.

    Parameters
    ----------
    in1_features, in2_features : int
        Sizes of the last dimensions of the two inputs.
    out_features : int
        Size of the last dimension of the result.
    bias : bool
        Whether a bias is added.
    device, dtype : optional
        Of the parameters.

    Attributes
    ----------
    weight : Parameter
        Shape (out_features, in1_features, in2_features), uniform within 1 / sqrt(in1_features) at
        the start.
    bias : Parameter or None
        Shape (out_features,), drawn likewise.
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device=None,
        dtype=None,
    ):
        super().__init__()
        if in1_features <= 0:
            raise ValueError(f"in1_features must be > 0, but got {in1_features}")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        factory = {"device": device, "dtype": dtype}
        self.weight = Parameter(empty((out_features, in1_features, in2_features), **factory))
        if bias:
            self.bias = Parameter(empty(out_features, **factory))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias from U(-b, b) with b = 1 / sqrt(in1_features)."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1, input2):
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
