"""Less common functions of one or two numbers: gamma functions, logarithms without overflow."""

from __future__ import annotations

import functools
import math

import numpy as np

from .. import dtypes
from ..autograd import op as _op
from ..autograd.op import Op
from ..errors import ShapeError
from . import doc
from .common import cast, floating, is_tensor, operands, tensor, writable_type, zeros
from .elementwise import (
    abs,
    clamp,
    div,
    eq,
    exp,
    exp2,
    isinf,
    isnan,
    le,
    log,
    log1p,
    logical_and,
    lt,
    maximum,
    mul,
    neg,
    sign,
    sin,
    sub,
    where,
)
from .shape import clone, copy_

__all__ = [
    "angle",
    "copysign",
    "deg2rad",
    "digamma",
    "frexp",
    "gcd",
    "heaviside",
    "i0",
    "isneginf",
    "isposinf",
    "isreal",
    "lcm",
    "ldexp",
    "lgamma",
    "logaddexp",
    "logaddexp2",
    "logit",
    "mvlgamma",
    "nextafter",
    "polygamma",
    "rad2deg",
    "sgn",
    "signbit",
    "sinc",
    "xlogy",
]

# Coefficients of Lanczos' approximation of the gamma function, g = 7.
_LANCZOS = (
    0.99999999999980993,
    676.5203681218851,
    -1259.1392167224028,
    771.32342877765313,
    -176.61502916214059,
    12.507343278686905,
    -0.13857109526572012,
    9.9843695780195716e-6,
    1.5056327351493116e-7,
)
# B(2k) / (2k)!, for the remainder of a sum by Euler and Maclaurin.
_BERNOULLI = (
    1 / 12,
    -1 / 720,
    1 / 30240,
    -1 / 1209600,
    1 / 47900160,
    -691 / 1307674368000,
    1 / 74724249600,
)


class Lgamma(Op):
    """Logarithm of the magnitude of the gamma function."""

    formula = "dy = ψ(x) dx"
    reads = {0: (0,)}

    def forward(self, input):
        with np.errstate(all="ignore"):
            return _lgamma(input.astype(np.float64)).astype(input.dtype)

    def backward(self, grad, needs):
        return mul(grad, Polygamma(0)(self.inputs[0]))


def _lgamma(x):
    mirrored = x < 0.5  # Γ(x) Γ(1 - x) = π / sin(π x)
    z = np.where(mirrored, 1 - x, x) - 1
    total = _LANCZOS[0] + sum(c / (z + i) for i, c in enumerate(_LANCZOS[1:], 1))
    t = z + 7.5
    result = (z + 0.5) * np.log(t) - t + np.log(total) + 0.5 * math.log(2 * math.pi)
    result = np.where((z == 0) | (z == 1), 0.0, result)
    result = np.where(mirrored, math.log(math.pi) - np.log(np.abs(_sin_pi(x))) - result, result)
    return np.where(np.isinf(x), np.inf, result)


def _sin_pi(x):
    """Return sin(π x), exactly 0 for integers."""
    return np.sin(math.pi * np.remainder(x, 2.0)) * (x != np.floor(x))


class Polygamma(Op):
    """Derivative of order n + 1 of the logarithm of the gamma function."""

    formula = "dψₙ(x) = ψₙ₊₁(x) dx"
    reads = {0: (0,)}

    def __init__(self, order):
        self.order = order

    def forward(self, input):
        compute = _polygamma if self.order else _digamma
        with np.errstate(all="ignore"):
            return np.asarray(compute(input.astype(np.float64), self.order), input.dtype)

    def backward(self, grad, needs):
        return mul(grad, Polygamma(self.order + 1)(self.inputs[0]))


def _digamma(x, order):
    mirrored = x < 0.5  # ψ(1 - x) - ψ(x) = π / tan(π x)
    z = np.where(mirrored, 1 - x, x)
    result = np.zeros_like(z)
    for _ in range(10):
        small = z < 10
        result = np.where(small, result - 1 / z, result)
        z = np.where(small, z + 1, z)
    inverse = 1 / (z * z)
    series = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760)
    tail = sum(c * inverse ** (i + 1) for i, c in enumerate(series))
    result += np.log(z) - 0.5 / z - tail
    reflected = result - math.pi / np.tan(math.pi * np.remainder(x, 1.0))
    pole = np.where(x == 0, np.copysign(np.inf, -x), np.nan)
    result = np.where(mirrored, np.where(x == np.floor(x), pole, reflected), result)
    return np.where(x == np.inf, np.inf, result)


def _polygamma(x, order):
    """Return (-1)ⁿ⁺¹ n! ζ(n + 1, x), the zeta function by Euler and Maclaurin."""
    if order == 1 and (x < 0.5).any():  # ψ₁(1 - x) + ψ₁(x) = π² / sin²(π x)
        mirrored = (math.pi / _sin_pi(x)) ** 2 - _zeta(np.where(x < 0.5, 1 - x, 1.0), 2)
        return np.where(x < 0.5, mirrored, _zeta(np.where(x < 0.5, 1.0, x), 2))
    return (-1) ** (order + 1) * math.factorial(order) * _zeta(x, order + 1)


def _zeta(x, s):
    total = np.zeros_like(x)
    for _ in range(min(12 - math.floor(x.min(initial=0.0)), 1000) if np.isfinite(x).all() else 12):
        total += x ** -float(s)
        x = x + 1
    total += x ** (1.0 - s) / (s - 1) + 0.5 * x ** -float(s)
    factor = float(s)
    for k, bernoulli in enumerate(_BERNOULLI):
        total += bernoulli * factor * x ** -float(s + 2 * k + 1)
        factor *= (s + 2 * k + 1) * (s + 2 * k + 2)
    return total


class Bessel(Op):
    """Modified Bessel function of the first kind, of order 0 or 1."""

    formula = "dI₀(x) = I₁(x) dx, dI₁(x) = (I₀(x) - I₁(x) / x) dx"
    reads = {0: (0,)}

    def __init__(self, order):
        self.order = order

    def forward(self, input):
        with np.errstate(all="ignore"):
            return np.asarray(_bessel(input.astype(np.float64), self.order), input.dtype)

    def backward(self, grad, needs):
        (input,) = self.inputs
        if self.order == 0:
            return mul(grad, Bessel(1)(input))
        ratio = div(Bessel(1)(input), where(eq(input, 0.0), 1.0, input))
        return mul(grad, sub(Bessel(0)(input), where(eq(input, 0.0), 0.5, ratio)))


def _bessel(x, order):
    """Return Iₙ(x): its power series up to 30, the expansion for large arguments beyond."""
    small = np.minimum(np.abs(x), 30.0)
    term = (small / 2) ** order
    series = term
    for k in range(1, 80):
        term = term * (small / 2) ** 2 / (k * (k + order))
        series = series + term
    large = np.maximum(np.abs(x), 30.0)
    term = tail = np.ones_like(large)
    for k in range(1, 20):
        term = term * -(4 * order**2 - (2 * k - 1) ** 2) / (8 * k * large)
        tail = tail + term
    tail = np.exp(large) / np.sqrt(2 * math.pi * large) * tail
    result = np.where(np.abs(x) <= 30, series, tail)
    return result * np.sign(x) if order else result


class Pointwise(Op):
    """A function of numpy's without derivative."""

    formula = "piecewise constant"
    differentiable = False

    def __init__(self, ufunc):
        self.ufunc = ufunc

    def forward(self, *inputs):
        with np.errstate(all="ignore"):
            return np.asarray(self.ufunc(*inputs))


# ---- of one number


@doc.floating
def lgamma(input):
    """Logarithm of the gamma function of every element, ``log |Γ(x)|`` (Lanczos 1964)."""
    return Lgamma()(floating("lgamma", input))


@doc.floating
def digamma(input):
    """Derivative of `lgamma` of every element, ``Γ'(x) / Γ(x)`` (Abramowitz and Stegun 6.3.1)."""
    return Polygamma(0)(floating("digamma", input))


def polygamma(n, input):
    """Derivative of order n of `digamma` of every element.

    Parameters
    ----------
    n : int
        From 0 on.
    input : Tensor

    Returns
    -------
    Tensor

    Raises
    ------
    RuntimeError
        If `n` is negative.
    """
    if is_tensor(n):  # the method: the number comes second
        n, input = input, n
    if n < 0:
        raise RuntimeError(f"polygamma: polygamma(n, x) does not support negative n, got {n}")
    return Polygamma(int(n))(floating("polygamma", input))


def mvlgamma(input, p):
    """Logarithm of the multivariate gamma function of dimension `p`, of every element.

    ``log(π^(p (p - 1) / 4) Π Γ(x - i / 2))``, i from 0 to p - 1.

    Parameters
    ----------
    input : Tensor
        Elements above ``(p - 1) / 2``.
    p : int
        At least 1.

    Returns
    -------
    Tensor
        Floating-point.
    """
    input = floating("mvlgamma", input)
    total = p * (p - 1) / 4 * math.log(math.pi)
    for i in range(p):
        total = lgamma(input - i / 2) + total
    return total


@doc.floating
def i0(input):
    """Modified Bessel function of order 0, ``Σ (x²/4)ᵏ / k!²`` (Abramowitz and Stegun 9.6.12)."""
    return Bessel(0)(floating("i0", input))


def logit(input, eps=None):
    """Logarithm of the odds, ``log(x / (1 - x))``: the inverse of `sigmoid`.

    Parameters
    ----------
    input : Tensor
        From 0 to 1.
    eps : float, optional
        Elements are clamped from `eps` to ``1 - eps`` first. Default: they are not, and outside of
        0 to 1 the result is NaN.

    Returns
    -------
    Tensor
    """
    input = floating("logit", input)
    if eps is not None:
        input = clamp(input, eps, 1 - eps)
    return sub(log(input), log1p(neg(input)))


@doc.floating
def sinc(input):
    """Normalised sine cardinal, ``sin(π x) / (π x)``, of every element; 1 at 0."""
    input = floating("sinc", input)
    zero = eq(input, 0.0)
    angle_ = mul(where(zero, 1.0, input), math.pi)
    return where(zero, 1.0, div(sin(angle_), angle_))


@doc.floating
def deg2rad(input):
    """Convert angles from degrees to radians, ``x π / 180``."""
    return mul(floating("deg2rad", input), math.pi / 180)


@doc.floating
def rad2deg(input):
    """Convert angles from radians to degrees, ``x 180 / π``."""
    return mul(floating("rad2deg", input), 180 / math.pi)


@doc.same
def sgn(input):
    """Sign of every element; the same as `sign` for real numbers."""
    return sign(input)


@doc.floating
def angle(input):
    """Angle in the complex plane: 0, or π for negative numbers."""
    input = floating("angle", input)
    flat = where(lt(input, 0.0), math.pi, mul(input, 0.0))
    return where(isnan(input), input, flat)


@doc.predicate
def signbit(input):
    """Whether the sign of every element is negative; that of -0.0 is."""
    return Pointwise(lambda x: np.signbit(x) if x.dtype.kind == "f" else x < 0)(
        tensor("signbit", input)
    )


@doc.predicate
def isposinf(input):
    """Whether every element is plus infinity."""
    return Pointwise(lambda x: x == np.inf)(tensor("isposinf", input))


@doc.predicate
def isneginf(input):
    """Whether every element is minus infinity."""
    return Pointwise(lambda x: x == -np.inf)(tensor("isneginf", input))


@doc.predicate
def isreal(input):
    """Whether every element is a real number: always."""
    return Pointwise(lambda x: np.ones(x.shape, np.bool_))(tensor("isreal", input))


def frexp(input):
    """Split every element into a mantissa from 0.5 to 1 and a power of two.

    Parameters
    ----------
    input : Tensor
        Floating-point.

    Returns
    -------
    mantissa : Tensor
    exponent : Tensor
        int32. ``input == mantissa * 2 ** exponent``.
    """
    if not tensor("frexp", input).dtype.is_floating_point:
        raise RuntimeError(f"frexp: only supports floating-point dtypes, got {input.dtype}")
    exponent = Pointwise(lambda x: np.frexp(x)[1])(input)
    return mul(input, exp2(neg(cast(exponent, input.dtype)))), exponent


# ---- of two numbers


def _pair(name, input, other):
    """Bring two operands to one floating-point type."""
    if not is_tensor(input) and not is_tensor(other):
        raise TypeError(f"{name}: an argument must be a Tensor, got {type(input).__name__}")
    return operands(name, input, other, floating=True)


def _as_tensors(input, other):
    """Make the number among two operands a tensor of the type of the other."""
    kind = input.dtype if is_tensor(input) else other.dtype
    return [
        x if is_tensor(x) else _op.Tensor._wrap(np.array(x, kind.numpy)) for x in (input, other)
    ]


class XLogY(Op):
    """Product of a number and the logarithm of another, 0 for 0."""

    formula = "d(x ln y) = ln y dx + x / y dy"
    reads = {0: (0, 1), 1: (0, 1)}
    broadcasts = True

    def forward(self, input, other):
        with np.errstate(all="ignore"):
            product = input * np.log(other)
        return np.asarray(np.where((input == 0) & ~np.isnan(other), input.dtype.type(0), product))

    def backward(self, grad, needs):
        input, other = self.inputs
        by_input = None
        if needs[0]:
            flat = logical_and(eq(input, 0.0), le(other, 0.0))
            by_input = mul(grad, where(flat, 0.0, log(where(flat, 1.0, other))))
        return by_input, mul(grad, div(input, other)) if needs[1] else None


class NextAfter(Op):
    """The next floating-point number in a direction."""

    formula = "dy = dx"
    broadcasts = True

    def forward(self, input, other):
        return np.asarray(np.nextafter(input, other))

    def backward(self, grad, needs):
        return grad, zeros(grad) if needs[1] else None


def xlogy(input, other):
    """Return ``input * log(other)``, 0 where `input` is 0 (unless `other` is NaN).

    Parameters
    ----------
    input, other : Tensor or number
        Shapes that broadcast.

    Returns
    -------
    Tensor
    """
    return XLogY()(*_as_tensors(*_pair("xlogy", input, other)))


def logaddexp(input, other):
    """Return ``log(exp(input) + exp(other))`` without overflow.

    Parameters
    ----------
    input, other : Tensor
        Shapes that broadcast.

    Returns
    -------
    Tensor
    """
    input, other = _pair("logaddexp", input, other)
    return _log_of_sum(input, other, exp, log1p)


def logaddexp2(input, other):
    """Return ``log2(2 ** input + 2 ** other)`` without overflow; see `logaddexp`."""
    input, other = _pair("logaddexp2", input, other)
    return _log_of_sum(input, other, exp2, lambda x: div(log1p(x), math.log(2)))


def _log_of_sum(input, other, power, logarithm):
    same = logical_and(eq(input, other), isinf(input))  # infinities: their difference is NaN
    distance = where(same, 0.0, abs(sub(input, other)))
    largest = maximum(input, other)
    return where(same, largest, largest + logarithm(power(neg(distance))))


def copysign(input, other):
    """Return the magnitude of `input` with the sign of `other`.

    Parameters
    ----------
    input : Tensor
    other : Tensor or number
        Shapes that broadcast.

    Returns
    -------
    Tensor
    """
    input, other = _pair("copysign", input, other)
    size = abs(input)
    negative = signbit(other) if is_tensor(other) else math.copysign(1.0, other) < 0
    if not is_tensor(negative):
        return neg(size) if negative else size
    return where(negative, neg(size), size)


def ldexp(input, other):
    """Return ``input * 2 ** other``, with broadcasting.

    Parameters
    ----------
    input : Tensor
    other : Tensor or number
        The exponents; shapes that broadcast.

    Returns
    -------
    Tensor
        Floating-point.
    """
    power = exp2(floating("ldexp", other)) if is_tensor(other) else 2.0**other
    return mul(floating("ldexp", input), power)


def heaviside(input, values):
    """Step function: 0 below 0, 1 above, `values` at 0.

    Parameters
    ----------
    input, values : Tensor
        Of one type; shapes that broadcast.

    Returns
    -------
    Tensor
    """
    if tensor("heaviside", input).dtype != tensor("heaviside", values, "values").dtype:
        raise RuntimeError("heaviside: input and values must have one dtype")
    pair = operands("heaviside", input, values)
    return Pointwise(lambda x, v: np.where(x == 0, v, x > 0).astype(x.dtype))(*pair)


def nextafter(input, other):
    """Return the floating-point number after `input` towards `other`.

    Parameters
    ----------
    input, other : Tensor
        Floating-point; shapes that broadcast.

    Returns
    -------
    Tensor
    """
    return NextAfter()(*operands("nextafter", input, other))


def gcd(input, other):
    """Greatest common divisor of integers, element by element.

    Parameters
    ----------
    input, other : Tensor
        Integers; shapes that broadcast.

    Returns
    -------
    Tensor
        Of the type that both promote to; not negative.

    Raises
    ------
    NotImplementedError
        If an operand is floating-point or bool.
    """
    return Pointwise(np.gcd)(*_integers("gcd", input, other))


def lcm(input, other):
    """Least common multiple of integers, element by element; arguments as of `gcd`."""
    return Pointwise(np.lcm)(*_integers("lcm", input, other))


def _integers(name, input, other):
    pair = operands(name, tensor(name, input), tensor(name, other, "other"))
    if pair[0].dtype.category != 1:
        raise NotImplementedError(f"{name}: not implemented for {pair[0].dtype}")
    return pair


# ---- in place


def written(function, name=""):
    """Make the in-place variant of a function: its result is written into its first argument."""
    name = name or function.__name__ + "_"

    @functools.wraps(function)
    def variant(input, *args, **kwargs):
        tensor(name, input)
        result = function(clone(input), *args, **kwargs)  # the derivative reads what was there
        writable_type(name, dtypes.of(result.dtype), input)
        if result.shape != input.shape:
            raise ShapeError(
                f"{name}: output with shape {tuple(input.shape)} doesn't match the broadcast "
                f"shape {tuple(result.shape)}"
            )
        return copy_(input, result)

    variant.__name__ = variant.__qualname__ = name
    variant.__doc__ = f"Apply `{function.__name__}` in place, and return `input`."
    return variant


copysign_, deg2rad_, digamma_ = written(copysign), written(deg2rad), written(digamma)
gcd_, heaviside_, i0_, lcm_ = written(gcd), written(heaviside), written(i0), written(lcm)
ldexp_, lgamma_, logit_ = written(ldexp), written(lgamma), written(logit)
mvlgamma_, nextafter_, polygamma_ = written(mvlgamma), written(nextafter), written(polygamma)
rad2deg_, sgn_, sinc_, xlogy_ = written(rad2deg), written(sgn), written(sinc), written(xlogy)
