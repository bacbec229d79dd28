"""Activation functions: what stands between the linear layers of a network."""

from __future__ import annotations

import math
import warnings

import numpy as np

from .. import dtypes, kernels
from ..autograd.op import Op
from ..errors import ShapeError
from . import doc, random
from .common import cast, dimension, floating, is_tensor, tensor
from .elementwise import (
    Unary,
    abs,
    add,
    clamp,
    div,
    erf,
    exp,
    ge,
    gt,
    le,
    logical_or,
    lt,
    mul,
    neg,
    scale,
    sigmoid,
    square,
    sub,
    tanh,
    where,
)
from .reduce import sum
from .shape import chunk, reshape

__all__ = [
    "celu",
    "celu_",
    "elu",
    "elu_",
    "gelu",
    "glu",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "leaky_relu",
    "leaky_relu_",
    "log_softmax",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanhshrink",
    "threshold",
    "threshold_",
]


class Activation(Unary):
    """A function of one number with up to two parameters; its derivative has a kernel too."""

    reads = {0: (0,)}
    overwrites_grad = True
    parameters = ()

    def forward(self, input):
        return kernels.unary(self.kernel, input, self.out, *self.parameters)

    def fused_backward(self, grad, needs, out=None):
        name = self.kernel + "_backward"
        return kernels.binary(name, grad, self.inputs[0], out, *self.parameters)


class Relu(Unary):
    """Positive part."""

    formula = "d relu(x) = dx where x > 0, else 0"
    kernel = "relu"
    reads_output = True
    overwrites_grad = True

    def backward(self, grad, needs):
        return where(le(self.output, 0.0), 0.0, grad)

    def fused_backward(self, grad, needs, out=None):
        return kernels.binary("relu_backward", grad, self.output, out)


class Relu6(Activation):
    """Positive part, at most 6."""

    formula = "d relu6(x) = dx where 0 < x < 6, else 0"
    kernel = "relu6"
    result_serves = True

    def backward(self, grad, needs):
        x = self.inputs[0]
        return where(logical_or(le(x, 0.0), ge(x, 6.0)), 0.0, grad)


class LeakyRelu(Activation):
    """The number itself if positive, else multiplied by a small slope."""

    formula = "dy = dx where x > 0, else slope dx"
    kernel = "leaky_relu"
    result_serves = property(lambda self: self.parameters[0] >= 0)  # else it flips the signs

    def __init__(self, negative_slope):
        self.parameters = (negative_slope,)

    def backward(self, grad, needs):
        return where(gt(self.inputs[0], 0.0), grad, mul(grad, self.parameters[0]))


class Rrelu(Op):
    """The number itself if positive, else multiplied by a slope drawn for it."""

    formula = "dy = dx where x > 0, else slope dx"

    def __init__(self, lower, upper):
        self.bounds = lower, upper

    def forward(self, input):
        drawn = random._uniform(input.shape, input.dtype, None, *self.bounds)
        self.slopes = kernels.where(input > 0, np.ones((), input.dtype), drawn)
        return kernels.binary("mul", input, self.slopes, out=self.out)

    def backward(self, grad, needs):
        return mul(grad, self.slopes)


class Elu(Activation):
    """The number itself if positive, else α (eˣ - 1)."""

    formula = "dy = dx where x > 0, else α eˣ dx"
    kernel = "elu"

    def __init__(self, alpha):
        self.parameters = (alpha,)

    def backward(self, grad, needs):
        x = self.inputs[0]
        return where(gt(x, 0.0), grad, mul(mul(grad, self.parameters[0]), _exp_below_zero(x)))


class Selu(Activation):
    """A scaled ELU, whose outputs tend to mean 0 and variance 1."""

    formula = "dy = λ dx where x > 0, else λ α eˣ dx"
    kernel = "selu"
    ALPHA = 1.6732632423543772848170429916717
    SCALE = 1.0507009873554804934193349852946

    def backward(self, grad, needs):
        x = self.inputs[0]
        below = mul(mul(grad, self.SCALE * self.ALPHA), _exp_below_zero(x))
        return where(gt(x, 0.0), mul(grad, self.SCALE), below)


class Celu(Activation):
    """The number itself if positive, else α (exp(x / α) - 1)."""

    formula = "dy = dx where x > 0, else exp(x / α) dx"
    kernel = "celu"

    def __init__(self, alpha):
        self.parameters = (alpha,)

    def backward(self, grad, needs):
        x = self.inputs[0]
        below = exp(div(clamp(x, None, 0.0), self.parameters[0]))
        return where(gt(x, 0.0), grad, mul(grad, below))


class Gelu(Activation):
    """The number times the probability that a normal variable is below it."""

    formula = "dy = (Φ(x) + x φ(x)) dx, with Φ and φ the normal distribution and density"
    kernel = "gelu"

    def backward(self, grad, needs):
        x = self.inputs[0]
        probability = scale(erf(mul(x, math.sqrt(0.5))), 0.5, 0.5)
        density = mul(exp(mul(square(x), -0.5)), 1 / math.sqrt(2 * math.pi))
        return mul(grad, add(probability, mul(x, density)))


class GeluTanh(Activation):
    """GELU by an approximation with tanh."""

    formula = "dy = ((1 + t) / 2 + x (1 - t²) u' / 2) dx, with t = tanh u"
    kernel = "gelu_tanh"

    def backward(self, grad, needs):
        x = self.inputs[0]
        c, square_x = math.sqrt(2 / math.pi), square(x)
        t = tanh(mul(x, scale(square_x, 0.044715 * c, c)))
        slope = scale(square_x, 3 * 0.044715 * c, c)
        part = mul(mul(x, scale(square(t), -0.5, 0.5)), slope)
        return mul(grad, add(scale(t, 0.5, 0.5), part))


class Silu(Activation):
    """The number times its logistic function."""

    formula = "dy = s (1 + x (1 - s)) dx, with s = sigmoid(x)"
    kernel = "silu"

    def backward(self, grad, needs):
        x = self.inputs[0]
        s = sigmoid(x)
        return mul(grad, mul(s, scale(mul(x, scale(s, -1.0, 1.0)), 1.0, 1.0)))


class Mish(Activation):
    """The number times the tanh of its softplus."""

    formula = "dy = (t + x (1 - t²) sigmoid(x)) dx, with t = tanh(softplus(x))"
    kernel = "mish"

    def backward(self, grad, needs):
        x = self.inputs[0]
        t = tanh(softplus(x))
        return mul(grad, add(t, mul(mul(x, sigmoid(x)), scale(square(t), -1.0, 1.0))))


class Hardsigmoid(Activation):
    """Logistic function made of straight lines."""

    formula = "dy = dx / 6 where -3 < x < 3, else 0"
    kernel = "hardsigmoid"

    def backward(self, grad, needs):
        x = self.inputs[0]
        return where(logical_or(le(x, -3.0), ge(x, 3.0)), 0.0, mul(grad, 1 / 6))


class Hardswish(Activation):
    """The number times its hardsigmoid."""

    formula = "dy = (x / 3 + 1/2) dx where -3 < x < 3; 0 below, dx above"
    kernel = "hardswish"

    def backward(self, grad, needs):
        x = self.inputs[0]
        above = where(lt(x, 3.0), mul(grad, scale(x, 1 / 3, 0.5)), grad)
        return where(le(x, -3.0), 0.0, above)


class Hardtanh(Activation):
    """Numbers cut off at two bounds."""

    formula = "dy = dx where low < x < high, else 0"
    kernel = "hardtanh"
    result_serves = True

    def __init__(self, low, high):
        self.parameters = (low, high)

    def backward(self, grad, needs):
        x = self.inputs[0]
        low, high = self.parameters
        return where(logical_or(le(x, low), ge(x, high)), 0.0, grad)


class Softplus(Activation):
    """Logarithm of one plus the exponential; the number itself where that makes no difference."""

    formula = "dy = sigmoid(β x) dx where β x ≤ threshold, else dx"
    kernel = "softplus"

    def __init__(self, beta, threshold):
        self.parameters = (beta, threshold)

    def backward(self, grad, needs):
        beta, threshold = self.parameters
        x = mul(self.inputs[0], beta)
        return where(gt(x, threshold), grad, mul(grad, sigmoid(x)))


class Softsign(Activation):
    """The number divided by one plus its magnitude."""

    formula = "dy = dx / (1 + |x|)²"
    kernel = "softsign"

    def backward(self, grad, needs):
        return div(grad, square(scale(abs(self.inputs[0]), 1.0, 1.0)))


class Logsigmoid(Activation):
    """Logarithm of the logistic function."""

    formula = "dy = sigmoid(-x) dx"
    kernel = "logsigmoid"

    def backward(self, grad, needs):
        return mul(grad, sigmoid(neg(self.inputs[0])))


class Tanhshrink(Activation):
    """The number minus its tanh."""

    formula = "dy = tanh² x dx"
    kernel = "tanhshrink"

    def backward(self, grad, needs):
        return mul(grad, square(tanh(self.inputs[0])))


class Hardshrink(Activation):
    """Zero for small numbers."""

    formula = "dy = dx where |x| > λ, else 0"
    kernel = "hardshrink"

    def __init__(self, lambd):
        self.parameters = (lambd,)

    def backward(self, grad, needs):
        return where(le(abs(self.inputs[0]), self.parameters[0]), 0.0, grad)


class Softshrink(Hardshrink):
    """Zero for small numbers, and all others brought nearer to zero."""

    kernel = "softshrink"


class Threshold(Activation):
    """A constant in place of numbers that do not exceed a threshold."""

    formula = "dy = dx where x > threshold, else 0"
    kernel = "threshold"

    def __init__(self, threshold, value):
        self.parameters = (threshold, value)

    def backward(self, grad, needs):
        return where(le(self.inputs[0], self.parameters[0]), 0.0, grad)


class Softmax(Op):
    """Positive numbers that sum to one along a dimension."""

    formula = "dxᵢ = yᵢ (gᵢ - Σⱼ gⱼ yⱼ)"
    reads_output = True

    def __init__(self, dim):
        self.dim = dim

    def forward(self, input):
        return kernels.softmax(input, self.dim)

    def backward(self, grad, needs):
        output = self.output
        return mul(output, sub(grad, sum(mul(grad, output), self.dim, True)))

    def fused_backward(self, grad, needs):
        return kernels.softmax_backward(grad, self.output, self.dim)


class LogSoftmax(Op):
    """Logarithm of the softmax."""

    formula = "dxᵢ = gᵢ - exp(yᵢ) Σⱼ gⱼ"
    reads_output = True

    def __init__(self, dim):
        self.dim = dim

    def forward(self, input):
        return kernels.softmax(input, self.dim, True)

    def backward(self, grad, needs):
        return sub(grad, mul(exp(self.output), sum(grad, self.dim, True)))

    def fused_backward(self, grad, needs):
        return kernels.softmax_backward(grad, self.output, self.dim, True)


def _exp_below_zero(x):
    """Exponential of negative numbers; where others are masked, an overflow would be NaN."""
    return exp(clamp(x, None, 0.0))


def _apply(name, op, input, inplace=False):
    """Check that `input` is a floating-point tensor, and apply the operation to it."""
    if is_tensor(tensor(name, input)) and input._array.dtype.kind != "f":
        raise NotImplementedError(f"{name}: not implemented for {input.dtype}")
    return op.inplace(input) if inplace else op(input)


def relu(input, inplace=False):
    """Positive part of every element, ``max(x, 0)``.

    Parameters
    ----------
    input : Tensor
    inplace : bool
        Write the result into `input`.

    Returns
    -------
    Tensor
    """
    if type(input) is not np.ndarray and tensor("relu", input)._array.dtype.kind == "b":
        raise RuntimeError("relu: Boolean inputs not supported for relu")
    return Relu().inplace(input) if inplace else Relu()(input)


def relu6(input, inplace=False):
    """Positive part of every element, at most 6 (Krizhevsky 2010, "Convolutional deep belief
    networks on CIFAR-10").

    Parameters
    ----------
    input : Tensor
    inplace : bool
        Write the result into `input`.

    Returns
    -------
    Tensor
    """
    return _apply("relu6", Relu6(), input, inplace)


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """Every element if positive, else multiplied by `negative_slope`.

    Parameters
    ----------
    input : Tensor
    negative_slope : float
    inplace : bool
        Write the result into `input`.

    Returns
    -------
    Tensor
    """
    return _apply("leaky_relu", LeakyRelu(negative_slope), input, inplace)


def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, inplace=False):
    """Every element if positive, else multiplied by a slope drawn for it (Xu et al. 2015).

    Parameters
    ----------
    input : Tensor
    lower, upper : float
        The slopes are uniform between these.
    training : bool
        Draw slopes; else the slope is the mean of the bounds.
    inplace : bool
        Write the result into `input`.

    Returns
    -------
    Tensor

    Raises
    ------
    RuntimeError
        If `lower` is greater than `upper`.

    Notes
    -----
    Xu et al. 2015 (arXiv 1505.00853), section 2.4.
    """
    if lower > upper:
        raise RuntimeError("rrelu: Lower bound should be less than or equal to the upper bound")
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    return _apply("rrelu", Rrelu(lower, upper), input, inplace)


def elu(input, alpha=1.0, inplace=False):
    """Every element if positive, else ``alpha * (exp(x) - 1)`` (Clevert et al. 2015).

    Parameters
    ----------
    input : Tensor
    alpha : float
    inplace : bool
        Write the result into `input`.

    Returns
    -------
    Tensor
    """
    return _apply("elu", Elu(alpha), input, inplace)


def selu(input, inplace=False):
    """Scaled ELU with the constants that keep mean 0 and variance 1 (Klambauer et al. 2017).

    Parameters
    ----------
    input : Tensor
    inplace : bool
        Write the result into `input`.

    Returns
    -------
    Tensor
    """
    return _apply("selu", Selu(), input, inplace)


def celu(input, alpha=1.0, inplace=False):
    """Every element if positive, else ``alpha * (exp(x / alpha) - 1)`` (Barron 2017).

    Parameters
    ----------
    input : Tensor
    alpha : float
        Not zero.
    inplace : bool
        Write the result into `input`.

    Returns
    -------
    Tensor

    Raises
    ------
    RuntimeError
        If `alpha` is zero.
    """
    if alpha == 0:
        raise RuntimeError("celu: alpha cannot be 0")
    return _apply("celu", Celu(alpha), input, inplace)


def gelu(input, approximate="none"):
    """Every element times the normal distribution function of it (Hendrycks and Gimpel 2016).

    Parameters
    ----------
    input : Tensor
    approximate : {"none", "tanh"}
        Whether to use the approximation with tanh.

    Returns
    -------
    Tensor

    Raises
    ------
    RuntimeError
        If `approximate` is neither.
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError(
            f"gelu: approximate argument must be either none or tanh, got {approximate!r}"
        )
    return _apply("gelu", Gelu() if approximate == "none" else GeluTanh(), input)


def silu(input, inplace=False):
    """Every element times its logistic function; also called swish.

    Parameters
    ----------
    input : Tensor
    inplace : bool
        Write the result into `input`.

    Returns
    -------
    Tensor
    """
    return _apply("silu", Silu(), input, inplace)


def mish(input, inplace=False):
    """Every element times ``tanh(softplus(x))`` (Misra 2019).

    Parameters
    ----------
    input : Tensor
    inplace : bool
        Write the result into `input`.

    Returns
    -------
    Tensor
    """
    return _apply("mish", Mish(), input, inplace)


def hardsigmoid(input, inplace=False):
    """Logistic function made of straight lines, ``relu6(x + 3) / 6``.

    Parameters
    ----------
    input : Tensor
    inplace : bool
        Write the result into `input`.

    Returns
    -------
    Tensor
    """
    return _apply("hardsigmoid", Hardsigmoid(), input, inplace)


def hardswish(input, inplace=False):
    """Every element times its hardsigmoid (Howard et al. 2019, MobileNetV3).

    Parameters
    ----------
    input : Tensor
    inplace : bool
        Write the result into `input`.

    Returns
    -------
    Tensor
    """
    return _apply("hardswish", Hardswish(), input, inplace)


def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    """Every element brought between two bounds.

    Parameters
    ----------
    input : Tensor
    min_val, max_val : float
    inplace : bool
        Write the result into `input`.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If `min_val` is larger than `max_val`.
    """
    if min_val > max_val:
        raise ValueError(
            f"hardtanh: min_val cannot be greater than max_val, got {min_val} and {max_val}"
        )
    return _apply("hardtanh", Hardtanh(min_val, max_val), input, inplace)


def softplus(input, beta=1.0, threshold=20.0):
    """Smooth positive part, ``log(1 + exp(beta * x)) / beta``.

    Parameters
    ----------
    input : Tensor
    beta : float
    threshold : float
        Where ``beta * x`` is larger, the result is ``x``.

    Returns
    -------
    Tensor
    """
    return _apply("softplus", Softplus(beta, threshold), input)


@doc.only_floating
def softsign(input):
    """Every element divided by one plus its magnitude, ``x / (1 + |x|)``."""
    return _apply("softsign", Softsign(), input)


@doc.only_floating
def logsigmoid(input):
    """Logarithm of the logistic function, ``log(1 / (1 + exp(-x)))``, of every element."""
    return _apply("logsigmoid", Logsigmoid(), input)


@doc.only_floating
def tanhshrink(input):
    """Every element minus its tanh, ``x - tanh(x)``."""
    return _apply("tanhshrink", Tanhshrink(), input)


def hardshrink(input, lambd=0.5):
    """Every element, or zero where its magnitude does not exceed `lambd`.

    Parameters
    ----------
    input : Tensor
        Floating-point, of any shape.
    lambd : float
        The threshold.

    Returns
    -------
    Tensor
        Of the same shape and type.
    """
    return _apply("hardshrink", Hardshrink(lambd), input)


def softshrink(input, lambd=0.5):
    """Every element brought nearer to zero by `lambd`, which is not negative.

    Parameters
    ----------
    input : Tensor
        Floating-point, of any shape.
    lambd : float

    Returns
    -------
    Tensor
        Of the same shape and type.

    Raises
    ------
    RuntimeError
        If `lambd` is negative.
    """
    if lambd < 0:
        raise RuntimeError(f"softshrink: lambda must not be negative, got {lambd}")
    return _apply("softshrink", Softshrink(lambd), input)


def threshold(input, threshold, value, inplace=False):
    """Every element, or `value` where it does not exceed `threshold`.

    Parameters
    ----------
    input : Tensor
    threshold, value : float
    inplace : bool
        Write the result into `input`.

    Returns
    -------
    Tensor
    """
    return _apply("threshold", Threshold(threshold, value), input, inplace)


class PRelu(Op):
    """The number itself if positive, else multiplied by a slope that is learned."""

    formula = "dy = dx where x > 0, else w dx + x dw"
    reads = {0: (0, 1), 1: (0,)}
    broadcasts = True

    def forward(self, input, weight):
        return kernels.binary("prelu", input, weight)

    def backward(self, grad, needs):
        input, weight = self.inputs
        positive = gt(input, 0.0)
        return (
            where(positive, grad, mul(grad, weight)) if needs[0] else None,
            where(positive, 0.0, mul(grad, input)) if needs[1] else None,
        )

    def fused_backward(self, grad, needs):
        input, weight = self.inputs
        by_input = by_weight = None
        if needs[0]:
            by_input = kernels.binary("prelu_slope", input, weight)
            by_input = kernels.binary("mul", by_input, grad, by_input)
        if needs[1]:
            by_weight = kernels.binary("prelu_backward", grad, input)
        return by_input, by_weight


class Glu(Op):
    """Product of a number and the logistic function of another."""

    formula = "d(x σ(y)) = σ(y) dx + x σ(y) σ(-y) dy"
    reads = {0: (1,), 1: (0, 1)}

    def forward(self, input, gate):
        return kernels.binary("glu", input, gate)

    def backward(self, grad, needs):
        input, gate = self.inputs
        by_input = mul(grad, sigmoid(gate))
        by_gate = mul(mul(by_input, input), sigmoid(neg(gate))) if needs[1] else None
        return by_input, by_gate

    def fused_backward(self, grad, needs):
        input, gate = self.inputs
        by_input = kernels.binary("glu", grad, gate)
        if not needs[1]:
            return by_input, None
        # x σ(-y) is also the derivative of the logarithm of σ(y)
        slope = kernels.binary("mul", by_input, input)
        return by_input, kernels.binary("logsigmoid_backward", slope, gate, slope)


def prelu(input, weight):
    """Every element if positive, else multiplied by a learned slope (He et al. 2015).

    Parameters
    ----------
    input : Tensor
        (N, C, ...)
    weight : Tensor
        (C,), or one slope for all.

    Returns
    -------
    Tensor

    Raises
    ------
    ShapeError
        If there are neither one slope nor as many as channels.
    """
    tensor("prelu", input)
    if tensor("prelu", weight, "weight").dtype != input.dtype:
        raise RuntimeError(f"prelu: input is {input.dtype} but weight is {weight.dtype}")
    slopes = weight.shape[0] if weight.ndim else 1
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.ndim > 1 or slopes not in (1, channels):
        raise ShapeError(
            f"prelu: weight must hold 1 slope or one per channel ({channels}): input "
            f"{tuple(input.shape)}, weight {tuple(weight.shape)}"
        )
    if slopes > 1:
        weight = reshape(weight, (-1, *[1] * (input.ndim - 2)))
    return PRelu()(floating("prelu", input), floating("prelu", weight))


def glu(input, dim=-1):
    """One half of a tensor times the logistic function of the other (Dauphin et al. 2017).

    Parameters
    ----------
    input : Tensor
    dim : int
        The dimension that is halved; its size is even.

    Returns
    -------
    Tensor

    Raises
    ------
    ShapeError
        If the size is odd.
    """
    input = floating("glu", input)
    dim = dimension("glu", input, dim)
    if input.ndim == 0:
        raise RuntimeError("glu: does not support 0-dimensional tensors")
    if input.shape[dim] % 2:
        raise ShapeError(
            f"glu: dimension {dim}, which is halved, must be even: input {tuple(input.shape)}"
        )
    return Glu()(*chunk(input, 2, dim))


def softmax(input, dim=None, _stacklevel=3, dtype=None):
    """Exponentials, divided by their sum along a dimension.

    Parameters
    ----------
    input : Tensor
    dim : int
        The dimension along which the results sum to one.
    dtype : dtype, optional
        Type to which `input` is converted first.

    Returns
    -------
    Tensor
    """
    return _softmax("softmax", Softmax, input, dim, _stacklevel, dtype)


def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """Logarithm of the softmax along a dimension, without loss of accuracy.

    Parameters
    ----------
    input : Tensor
    dim : int
        The dimension along which the exponentials of the results sum to one.
    dtype : dtype, optional
        Type to which `input` is converted first.

    Returns
    -------
    Tensor
    """
    return _softmax("log_softmax", LogSoftmax, input, dim, _stacklevel, dtype)


def softmin(input, dim=None, _stacklevel=3, dtype=None):
    """Softmax of the negated elements; see `softmax`."""
    return softmax(neg(input), dim, _stacklevel, dtype)


def _softmax(name, op, input, dim, stacklevel, dtype):
    if isinstance(stacklevel, dtypes.dtype):  # torch.softmax takes the dtype in this place
        dtype = stacklevel
    tensor(name, input)
    if dim is None:
        dim = 0 if input.ndim in (0, 1, 3) else 1
        warnings.warn(
            f"{name}: the implicit choice of dim is deprecated. Give dim=... in the call",
            stacklevel=3,
        )
    if dtype is not None and is_tensor(input):
        input = cast(input, dtype)
    return _apply(name, op(dimension(name, input, dim)), input)


def relu_(input):
    """Apply `relu` in place."""
    return relu(input, True)


def leaky_relu_(input, negative_slope=0.01):
    """Apply `leaky_relu` in place."""
    return leaky_relu(input, negative_slope, True)


def rrelu_(input, lower=1.0 / 8, upper=1.0 / 3, training=False):
    """Apply `rrelu` in place."""
    return rrelu(input, lower, upper, training, True)


def elu_(input, alpha=1.0):
    """Apply `elu` in place."""
    return elu(input, alpha, True)


def selu_(input):
    """Apply `selu` in place."""
    return selu(input, True)


def celu_(input, alpha=1.0):
    """Apply `celu` in place."""
    return celu(input, alpha, True)


def hardtanh_(input, min_val=-1.0, max_val=1.0):
    """Apply `hardtanh` in place."""
    return hardtanh(input, min_val, max_val, True)


def threshold_(input, threshold_, value):
    """Apply `threshold` in place.

    Parameters
    ----------
    input : Tensor
    threshold_, value : float
        As of `threshold`.

    Returns
    -------
    Tensor
        `input`.
    """
    return threshold(input, threshold_, value, True)
