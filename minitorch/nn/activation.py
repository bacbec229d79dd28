"""Activation layers: element by element, and the softmax family."""

from __future__ import annotations

import warnings

from ..creation import empty
from ..ops import doc
from . import functional as F
from . import init as init_
from .module import Module
from .parameter import Parameter

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]


class _Plain(Module):
    """A function without settings; arguments of the constructor are refused."""

    def forward(self, input):
        return self._function(input)


@doc.same_shape
class Sigmoid(_Plain):
    """``1 / (1 + exp(-x))``."""

    _function = staticmethod(F.sigmoid)


@doc.same_shape
class Tanh(_Plain):
    """Hyperbolic tangent."""

    _function = staticmethod(F.tanh)


@doc.same_shape
class LogSigmoid(_Plain):
    """``log(1 / (1 + exp(-x)))``."""

    _function = staticmethod(F.logsigmoid)


@doc.same_shape
class Softsign(_Plain):
    """``x / (1 + |x|)``."""

    _function = staticmethod(F.softsign)


@doc.same_shape
class Tanhshrink(_Plain):
    """``x - tanh(x)``."""

    _function = staticmethod(F.tanhshrink)


class _InPlace(Module):
    """A function whose only setting is whether it changes its input.

    Parameters
    ----------
    inplace : bool
        Change the input itself.
    """

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        return self._function(input, inplace=self.inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


@doc.same_shape
class ReLU(_InPlace):
    """``max(x, 0)``.

    Parameters
    ----------
    inplace : bool
        Change the input itself.
    """

    _function = staticmethod(F.relu)


@doc.same_shape
class SELU(_InPlace):
    """ELU scaled to keep mean 0 and variance 1 (Klambauer et al. 2017, equation 2). See `ReLU`."""

    _function = staticmethod(F.selu)


@doc.same_shape
class SiLU(_InPlace):
    """``x sigmoid(x)``, also called swish (Elfwing et al. 2017, arXiv 1702.03118). See `ReLU`."""

    _function = staticmethod(F.silu)


@doc.same_shape
class Mish(_InPlace):
    """``x tanh(softplus(x))`` (Misra 2019, arXiv 1908.08681). See `ReLU`."""

    _function = staticmethod(F.mish)


@doc.same_shape
class Hardsigmoid(_InPlace):
    """``clamp(x / 6 + 1/2, 0, 1)``; see `ReLU`."""

    _function = staticmethod(F.hardsigmoid)
    extra_repr = Module.extra_repr  # PyTorch shows no settings


@doc.same_shape
class Hardswish(_InPlace):
    """``x clamp(x / 6 + 1/2, 0, 1)`` (Howard et al. 2019, arXiv 1905.02244). See `ReLU`."""

    _function = staticmethod(F.hardswish)
    extra_repr = Module.extra_repr  # PyTorch shows no settings


@doc.same_shape
class RReLU(Module):
    """``x`` where positive, else x times a random slope (in evaluation: the mean slope).

    Parameters
    ----------
    lower, upper : float
        The slopes are uniform between these.
    inplace : bool
        Change the input itself.

    Notes
    -----
    Xu et al. 2015 (arXiv 1505.00853), section 2.4.
    """

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False):
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input):
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"lower={self.lower}, upper={self.upper}" + ", inplace=True" * self.inplace


@doc.same_shape
class Hardtanh(Module):
    """``clamp(x, min_val, max_val)``.

    Parameters
    ----------
    min_val, max_val : float
        The bounds.
    inplace : bool
        Change the input itself.
    min_value, max_value : float, optional
        Old names of the bounds.
    """

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ):
        super().__init__()
        if min_value is not None:
            warnings.warn(
                "keyword argument `min_value` is deprecated and rename to `min_val`",
                FutureWarning,
                stacklevel=2,
            )
            min_val = min_value
        if max_value is not None:
            warnings.warn(
                "keyword argument `max_value` is deprecated and rename to `max_val`",
                FutureWarning,
                stacklevel=2,
            )
            max_val = max_value
        if max_val <= min_val:
            raise AssertionError(f"max_val ({max_val}) must be larger than min_val ({min_val})")
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace

    def forward(self, input):
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val}, max_val={self.max_val}{_inplace_text(self)}"


@doc.same_shape
class ReLU6(Hardtanh):
    """``clamp(x, 0, 6)``.

    Parameters
    ----------
    inplace : bool
        Change the input itself.
    """

    def __init__(self, inplace: bool = False):
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


@doc.same_shape
class LeakyReLU(Module):
    """``max(x, 0) + negative_slope min(x, 0)``.

    Parameters
    ----------
    negative_slope : float
        Slope below zero.
    inplace : bool
        Change the input itself.
    """

    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False):
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input):
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}{_inplace_text(self)}"


class PReLU(Module):
    """Leaky ReLU whose slope is learned.

    Parameters
    ----------
    num_parameters : int
        1, or the number of channels: one slope each.
    init : float
        The slope at the start.
    device, dtype : optional
        Of the parameter.

    Attributes
    ----------
    weight : Parameter
        Shape (num_parameters,).

    Notes
    -----
    He et al. 2015 (arXiv 1502.01852), equation 1.
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device=None, dtype=None):
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the slopes to `init`."""
        init_.constant_(self.weight, self.init)

    def forward(self, input):
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


@doc.same_shape
class ELU(Module):
    """``x`` where positive, else ``alpha (exp(x) - 1)``.

    Parameters
    ----------
    alpha : float
        The negative of the limit to the left.
    inplace : bool
        Change the input itself.

    Notes
    -----
    Clevert et al. 2015 (arXiv 1511.07289), equation 15.
    """

    _function = staticmethod(F.elu)

    def __init__(self, alpha: float = 1.0, inplace: bool = False):
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input):
        return self._function(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}{_inplace_text(self)}"


@doc.same_shape
class CELU(ELU):
    """``x`` where positive, else ``alpha (exp(x / alpha) - 1)`` (Barron 2017). See `ELU`."""

    _function = staticmethod(F.celu)


@doc.same_shape
class GELU(Module):
    """``x Φ(x)``, with the distribution function Φ of the normal distribution.

    Parameters
    ----------
    approximate : str
        ``'none'``, or ``'tanh'`` for an approximation.

    Notes
    -----
    Hendrycks and Gimpel 2016 (arXiv 1606.08415).
    """

    def __init__(self, approximate: str = "none"):
        super().__init__()
        self.approximate = approximate

    def forward(self, input):
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class GLU(Module):
    """First half times the sigmoid of the second half (Dauphin et al. 2016, arXiv 1612.08083).

    Input (..., 2 n, ...), output (..., n, ...).

    Parameters
    ----------
    dim : int
        The dimension that is halved.
    """

    def __init__(self, dim: int = -1):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


@doc.same_shape
class Softplus(Module):
    """``log(1 + exp(beta x)) / beta``, and x itself above a threshold.

    Parameters
    ----------
    beta : float
        Sharpness of the bend.
    threshold : float
        Value of ``beta x`` above which the result is x.
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0):
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input):
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


@doc.same_shape
class Threshold(Module):
    """``x`` where above a threshold, else a constant.

    Parameters
    ----------
    threshold, value : float
        The threshold and the constant.
    inplace : bool
        Change the input itself.
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False):
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input):
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        return f"threshold={self.threshold}, value={self.value}{_inplace_text(self)}"


@doc.same_shape
class Hardshrink(Module):
    """``x`` where ``|x| > lambd``, else 0.

    Parameters
    ----------
    lambd : float
        The bound.
    """

    _function = staticmethod(F.hardshrink)

    def __init__(self, lambd: float = 0.5):
        super().__init__()
        self.lambd = lambd

    def forward(self, input):
        return self._function(input, self.lambd)

    def extra_repr(self) -> str:
        return str(self.lambd)


@doc.same_shape
class Softshrink(Hardshrink):
    """``x`` moved towards 0 by `lambd`, 0 where ``|x| <= lambd``; see `Hardshrink`."""

    _function = staticmethod(F.softshrink)


class _Softmax(Module):
    """A function along one dimension."""

    def __init__(self, dim: int | None = None):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return self._function(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


@doc.same_shape
class Softmax(_Softmax):
    """``exp(x)`` over its sum along a dimension.

    Parameters
    ----------
    dim : int
        The dimension. Without it 1 or 0 is taken by PyTorch's old rule, with a warning.
    """

    _function = staticmethod(F.softmax)


@doc.same_shape
class LogSoftmax(_Softmax):
    """Logarithm of the softmax along a dimension; see `Softmax`."""

    _function = staticmethod(F.log_softmax)


@doc.same_shape
class Softmin(_Softmax):
    """Softmax of -x along a dimension; see `Softmax`."""

    _function = staticmethod(F.softmin)


class Softmax2d(Module):
    """Softmax over the channels of images (batch, channels, height, width)."""

    def forward(self, input):
        if input.ndim not in (3, 4):
            raise ValueError(
                "Softmax2d: expected input to be 3D or 4D, got shape " + str(tuple(input.shape))
            )
        return F.softmax(input, -3)


def _inplace_text(module) -> str:
    return ", inplace=True" if module.inplace else ""
