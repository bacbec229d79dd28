"""Operations element by element: arithmetic, comparison, logic, functions of one number."""

from __future__ import annotations

import builtins
import math

import numpy as np
from numpy import ndarray

from .. import dtypes, kernels
from ..autograd.op import Op
from ..errors import ShapeError
from . import doc
from .common import (
    broadcast_shape,
    cast,
    convert,
    floating,
    in_place,
    inplace_operands,
    is_tensor,
    operands,
    result_type,
    tensor,
    writable_type,
    zeros,
)
from .shape import Copy, clone, copy_

__all__ = [
    "abs",
    "absolute",
    "acos",
    "acosh",
    "add",
    "addcdiv",
    "addcmul",
    "allclose",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "ceil",
    "clamp",
    "clamp_max",
    "clamp_min",
    "clip",
    "cos",
    "cosh",
    "div",
    "divide",
    "eq",
    "equal",
    "erf",
    "erfc",
    "erfinv",
    "exp",
    "exp2",
    "expm1",
    "fix",
    "float_power",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "frac",
    "ge",
    "greater",
    "greater_equal",
    "gt",
    "hypot",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "le",
    "lerp",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log2",
    "log10",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "lt",
    "maximum",
    "minimum",
    "mul",
    "multiply",
    "nan_to_num",
    "ne",
    "neg",
    "negative",
    "not_equal",
    "positive",
    "pow",
    "reciprocal",
    "remainder",
    "round",
    "rsqrt",
    "rsub",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "sub",
    "subtract",
    "tan",
    "tanh",
    "true_divide",
    "trunc",
    "where",
]


class Unary(Op):
    """A function of one number; `kernel` is its name among the kernels."""

    kernel = ""

    def forward(self, input):
        return kernels.unary(self.kernel, input, self.out)


class Binary(Op):
    """A function of two numbers, broadcast against each other."""

    kernel = ""
    broadcasts = True

    def forward(self, input, other):
        return kernels.binary(self.kernel, input, other, self.out)


# ---- arithmetic


class Add(Binary):
    """Sum of two tensors."""

    formula = "d(x + y) = dx + dy"
    kernel = "add"

    def backward(self, grad, needs):
        return grad, grad


class Sub(Binary):
    """Difference of two tensors."""

    formula = "d(x - y) = dx - dy"
    kernel = "sub"

    def backward(self, grad, needs):
        return grad, neg(grad) if needs[1] else None


class Mul(Binary):
    """Product of two tensors."""

    formula = "d(x y) = y dx + x dy"
    kernel = "mul"
    reads = {0: (1,), 1: (0,)}

    def backward(self, grad, needs):
        input, other = self.inputs
        return mul(grad, other) if needs[0] else None, mul(grad, input) if needs[1] else None


class Div(Binary):
    """Quotient of two tensors."""

    formula = "d(x / y) = dx / y - x / y² dy"
    kernel = "div"
    reads = {0: (1,), 1: (0, 1)}

    def backward(self, grad, needs):
        input, other = self.inputs
        by_input = div(grad, other)
        by_other = neg(mul(by_input, div(input, other))) if needs[1] else None
        return by_input, by_other


class RoundedDiv(Op):
    """Quotient rounded to an integer, down or towards zero."""

    formula = "d⌊x / y⌋ = 0"
    broadcasts = True

    def __init__(self, rounding_mode):
        self.rounding_mode = rounding_mode

    def forward(self, input, other):
        if self.rounding_mode == "floor":
            return kernels.binary("floor_divide", input, other, out=self.out)
        if _kind(input, other) == "f":
            return kernels.unary("trunc", kernels.binary("div", input, other), out=self.out)
        exact = kernels.binary("sub", input, kernels.binary("fmod", input, other))
        return kernels.binary("floor_divide", exact, other, out=self.out)

    def backward(self, grad, needs):
        return zeros(grad), zeros(grad)


class Remainder(Binary):
    """What division rounded down leaves; it has the sign of the divisor."""

    formula = "d(x mod y) = dx - ⌊x / y⌋ dy"
    kernel = "remainder"
    rounding_mode = "floor"
    reads = {1: (0, 1)}

    def backward(self, grad, needs):
        if not needs[1]:
            return grad, None
        input, other = self.inputs
        return grad, neg(mul(grad, div(input, other, rounding_mode=self.rounding_mode)))


class Fmod(Remainder):
    """What division rounded towards zero leaves; it has the sign of the dividend."""

    formula = "d fmod(x, y) = dx - trunc(x / y) dy"
    kernel = "fmod"
    rounding_mode = "trunc"


class Scale(Op):
    """Product with one number plus another."""

    formula = "d(a x + b) = a dx"

    def __init__(self, factor, offset):
        self.factor, self.offset = factor, offset

    def forward(self, input):
        return kernels.unary("scale", input, a=self.factor, b=self.offset)

    def backward(self, grad, needs):
        return mul(grad, self.factor)


class Neg(Unary):
    """Negation."""

    formula = "d(-x) = -dx"
    kernel = "neg"

    def backward(self, grad, needs):
        return neg(grad)


class Pow(Op):
    """Power; the base or the exponent may be a number."""

    formula = "d(xʸ) = y xʸ⁻¹ dx + xʸ ln x dy"
    reads = {0: (0, 1), 1: (0, 1)}
    broadcasts = True
    # Exponents for which there is something better than the general power.
    SPECIAL = {2.0: "square", 3.0: "cube", 0.5: "sqrt", -0.5: "rsqrt", -1.0: "reciprocal"}

    def forward(self, input, exponent):
        if type(exponent) is float and exponent in self.SPECIAL:
            return kernels.unary(self.SPECIAL[exponent], input, out=self.out)
        if _kind(input, exponent) in "iu":
            return _integer_power(input, exponent)
        return kernels.binary("pow", input, exponent, out=self.out)

    def backward(self, grad, needs):
        input, exponent = self.inputs
        by_input = mul(grad, self._slope(input, exponent)) if needs[0] else None
        by_exponent = self._by_exponent(grad, input, exponent) if needs[1] else None
        return by_input, by_exponent

    @staticmethod
    def _slope(input, exponent):
        if not isinstance(exponent, (int, float)):
            # x⁰ is flat at x = 0 too, where 0 · 0⁻¹ would be NaN.
            slope = mul(exponent, pow(input, sub(exponent, 1.0)))
            return where(eq(exponent, 0.0), 0.0, slope)
        if exponent == 0:
            return zeros(input)
        if exponent == 2:
            return mul(input, 2.0)
        return mul(pow(input, exponent - 1.0), float(exponent))

    @staticmethod
    def _by_exponent(grad, input, exponent):
        if isinstance(input, (int, float)):
            # The logarithm that libm would give; a number has no sign of zero worth keeping.
            logarithm = math.log(input) if input > 0 else (-math.inf if input == 0 else math.nan)
            at_zero = input == 0
        else:
            logarithm, at_zero = log(input), eq(input, 0.0)
        slope = mul(grad, mul(pow(input, exponent), logarithm))
        if at_zero is False:
            return slope
        # 0ʸ is 0 for every positive y: flat, where 0 · ln 0 would be NaN.
        flat = ge(exponent, 0.0)
        return where(flat if at_zero is True else logical_and(at_zero, flat), 0.0, slope)


def _integer_power(input, exponent):
    """Power of integers; negative exponents leave 1, -1 and zeros."""
    negative = np.less(exponent, 0)
    if not negative.any():
        return np.power(input, exponent)
    magnitude = np.power(input, np.abs(exponent))
    return np.where(negative & (np.abs(input) != 1), 0, magnitude).astype(magnitude.dtype)


def _kind(input, other) -> str:
    """Return numpy's letter for the kind of two operands of one type, one of them an array."""
    return (input if isinstance(input, ndarray) else other).dtype.kind


def _array(x):
    return x._array if is_tensor(x) else x


def _pair_kind(pair) -> str:
    return _kind(*map(_array, pair))


def _with_alpha(name, pair, alpha):
    """Multiply the second operand by `alpha`."""
    kind = _pair_kind(pair)
    if isinstance(alpha, builtins.bool) and kind != "b":
        raise RuntimeError(f"{name}: Boolean alpha only supported for Boolean results")
    if isinstance(alpha, float) and kind != "f":
        raise RuntimeError(
            f"{name}: for integral input tensors, argument alpha must not be a floating point "
            f"number, got {alpha}"
        )
    input, other = pair
    if kind == "b":
        return (input, logical_and(other, builtins.bool(alpha)))
    if isinstance(_array(other), ndarray):
        return input, mul(other, alpha)
    return input, convert(other * alpha, dtypes.of(_array(input).dtype))


_BOOL = np.dtype(builtins.bool)


def _refuse_bool(name, operands, instead):
    for x in operands:
        array = _array(x)
        if array.dtype is _BOOL if type(array) is ndarray else isinstance(array, builtins.bool):
            raise RuntimeError(f"{name}: not supported for bool tensors. Use {instead} instead")


def _check_divisor(name, pair):
    """Integers have no infinity: dividing them by zero is an error."""
    if _pair_kind(pair) == "b":
        raise NotImplementedError(f"{name}: not implemented for bool tensors")
    if _pair_kind(pair) != "f" and np.size(_array(pair[0])) and not np.all(_array(pair[1])):
        raise RuntimeError(f"{name}: ZeroDivisionError: integer division by zero")


def add(input, other, *, alpha=1):
    """Add two tensors, or a tensor and a number, with broadcasting.

    Parameters
    ----------
    input, other : Tensor or number
        Shapes that broadcast.
    alpha : number
        Factor of `other`.

    Returns
    -------
    Tensor
        ``input + alpha * other``.
    """
    pair = operands("add", input, other)
    return Add()(*(pair if alpha == 1 and alpha is not True else _with_alpha("add", pair, alpha)))


def add_(input, other, *, alpha=1):
    """Add `other` times `alpha` to `input`, in place; see `add`."""
    pair = inplace_operands("add_", input, other)
    return Add().inplace(
        *(pair if alpha == 1 and alpha is not True else _with_alpha("add_", pair, alpha))
    )


def sub(input, other, *, alpha=1):
    """Subtract ``alpha * other`` from `input`, with broadcasting.

    Parameters
    ----------
    input, other : Tensor or number
        Shapes that broadcast.
    alpha : number
        Factor of `other`.

    Returns
    -------
    Tensor

    Raises
    ------
    RuntimeError
        If an operand is bool.
    """
    if type(input) is ndarray and (type(other) is ndarray or type(other) is float) and alpha == 1:
        return kernels.binary("sub", input, other)
    pair = a, b = operands("sub", input, other)
    if a is not input or b is not other or (b if is_tensor(b) else a).dtype is dtypes.bool:
        _refuse_bool("sub", (input, other), "~ or ^")
    return Sub()(*(pair if alpha == 1 and alpha is not True else _with_alpha("sub", pair, alpha)))


def sub_(input, other, *, alpha=1):
    """Subtract `other` times `alpha` from `input`, in place; see `sub`."""
    _refuse_bool("sub_", (input, other), "~ or ^")
    pair = inplace_operands("sub_", input, other)
    return Sub().inplace(
        *(pair if alpha == 1 and alpha is not True else _with_alpha("sub_", pair, alpha))
    )


def rsub(input, other, *, alpha=1):
    """Return ``other - alpha * input``; see `sub`."""
    return sub(other, input, alpha=alpha)


def mul(input, other):
    """Multiply two tensors, or a tensor and a number, with broadcasting.

    Parameters
    ----------
    input, other : Tensor or number
        Shapes that broadcast.

    Returns
    -------
    Tensor
    """
    if type(input) is ndarray and (type(other) is ndarray or type(other) is float):
        return kernels.binary("mul", input, other)  # the commonest step of a backward
    return Mul()(*operands("mul", input, other))


def mul_(input, other):
    """Multiply `input` by `other`, in place; see `mul`."""
    return Mul().inplace(*inplace_operands("mul_", input, other))


def div(input, other, *, rounding_mode=None):
    """Divide `input` by `other`, with broadcasting.

    Parameters
    ----------
    input, other : Tensor or number
        Shapes that broadcast.
    rounding_mode : {None, "trunc", "floor"}
        How the quotient is rounded: not (then integers give a floating-point result), towards
        zero, or down. The derivative of a rounded quotient is zero.

    Returns
    -------
    Tensor

    Raises
    ------
    RuntimeError
        If integers are divided by zero with rounding, or there is no such mode.
    """
    if rounding_mode is None:
        return Div()(*operands("div", input, other, floating=True))
    _check_rounding("div", rounding_mode)
    pair = operands("div", input, other)
    _check_divisor("div", pair)
    return RoundedDiv(rounding_mode)(*pair)


def div_(input, other, *, rounding_mode=None):
    """Divide `input` by `other`, in place; see `div`."""
    pair = inplace_operands("div_", input, other, floating=rounding_mode is None)
    if rounding_mode is None:
        return Div().inplace(*pair)
    _check_rounding("div_", rounding_mode)
    _check_divisor("div_", pair)
    return RoundedDiv(rounding_mode).inplace(*pair)


def _check_rounding(name, mode):
    if mode not in ("trunc", "floor"):
        raise RuntimeError(
            f"{name}: expected rounding_mode to be one of None, 'trunc', or 'floor', got {mode!r}"
        )


def floor_divide(input, other):
    """Divide and round down: Python's ``//``.

    Parameters
    ----------
    input, other : Tensor or number
        Shapes that broadcast.

    Returns
    -------
    Tensor
    """
    return div(input, other, rounding_mode="floor")


def floor_divide_(input, other):
    """Divide `input` by `other` and round down, in place; see `floor_divide`."""
    return div_(input, other, rounding_mode="floor")


def remainder(input, other):
    """Remainder of division rounded down: Python's ``%``. It has the sign of `other`.

    Parameters
    ----------
    input, other : Tensor or number
        Shapes that broadcast.

    Returns
    -------
    Tensor

    Raises
    ------
    RuntimeError
        If integers are divided by zero.
    """
    pair = operands("remainder", input, other)
    _check_divisor("remainder", pair)
    return Remainder()(*pair)


def remainder_(input, other):
    """Replace `input` by its remainder modulo `other`, in place; see `remainder`."""
    pair = inplace_operands("remainder_", input, other)
    _check_divisor("remainder_", pair)
    return Remainder().inplace(*pair)


def fmod(input, other):
    """Remainder of division rounded towards zero: C's fmod. It has the sign of `input`.

    Parameters
    ----------
    input : Tensor
    other : Tensor or number
        Shapes that broadcast.

    Returns
    -------
    Tensor

    Raises
    ------
    RuntimeError
        If integers are divided by zero.
    """
    pair = operands("fmod", tensor("fmod", input), other)
    _check_divisor("fmod", pair)
    return Fmod()(*pair)


def fmod_(input, other):
    """Replace `input` by its fmod by `other`, in place; see `fmod`."""
    pair = inplace_operands("fmod_", input, other)
    _check_divisor("fmod_", pair)
    return Fmod().inplace(*pair)


def scale(input, factor, offset=0.0):
    """Return ``factor * input + offset`` for floating-point `input` and two numbers, in one pass.

    A step of other functions and their derivatives.
    """
    return Scale(factor, offset)(input)


def neg(input):
    """Return every element with the opposite sign.

    Parameters
    ----------
    input : Tensor
        Of any shape.

    Returns
    -------
    Tensor
        Of the same shape and type.

    Raises
    ------
    RuntimeError
        If `input` is bool.
    """
    if type(input) is not ndarray:
        _refuse_bool("neg", (tensor("neg", input),), "~ or logical_not()")
    return Neg()(input)


def neg_(input):
    """Negate every element in place; see `neg`."""
    _refuse_bool("neg_", (input,), "~ or logical_not()")
    return Neg().inplace(input)


def positive(input):
    """Return `input` itself; the unary ``+``. See `neg`."""
    _refuse_bool("positive", (input,), "the tensor itself")
    return input


def pow(input, exponent):
    """Raise to a power, with broadcasting.

    Parameters
    ----------
    input, exponent : Tensor or number
        Shapes that broadcast; at least one is a tensor.

    Returns
    -------
    Tensor

    Raises
    ------
    RuntimeError
        If integers are raised to a negative number.
    """
    if type(input) is ndarray and not is_tensor(exponent):
        return Pow.forward(_POW, input, exponent)
    if type(exponent) is ndarray and not is_tensor(input):
        return Pow.forward(_POW, input, exponent)
    pair = operands("pow", input, exponent)
    _check_power("pow", pair, exponent)
    return Pow()(*pair)


def pow_(input, exponent):
    """Raise every element to a power, in place; see `pow`."""
    pair = inplace_operands("pow_", input, exponent)
    _check_power("pow_", pair, exponent)
    return Pow().inplace(*pair)


_POW = Pow()  # its forward has no state


def _check_power(name, pair, exponent):
    kind = _pair_kind(pair)
    if kind == "b":
        raise NotImplementedError(f"{name}: not implemented for bool tensors")
    if kind in "iu" and isinstance(exponent, int) and exponent < 0:
        raise RuntimeError(
            f"{name}: integers to negative integer powers are not allowed, got exponent {exponent}"
        )


def float_power(input, exponent):
    """Raise to a power in float64; see `pow`."""
    return pow(*[cast(x, dtypes.float64) if is_tensor(x) else float(x) for x in (input, exponent)])


# ---- functions of one number


class Steps(Unary):
    """A function that is constant between its steps."""

    formula = "df(x) = 0"

    def backward(self, grad, needs):
        return zeros(grad)


class Sign(Steps):
    """Sign: -1, 0 or 1."""

    kernel = "sign"


class Ceil(Steps):
    """Smallest integer not below."""

    kernel = "ceil"


class Floor(Steps):
    """Largest integer not above."""

    kernel = "floor"


class Trunc(Steps):
    """Integer part."""

    kernel = "trunc"


class Round(Steps):
    """Nearest number with so many decimals, halves to even."""

    kernel = "round"

    def __init__(self, decimals=0):
        self.decimals = decimals

    def forward(self, input):
        if self.decimals == 0:
            return kernels.unary("round", input, out=self.out)
        power = 10.0 ** builtins.abs(self.decimals)
        there, back = ("mul", "div") if self.decimals > 0 else ("div", "mul")
        shifted = kernels.unary("round", kernels.binary(there, input, power))
        return kernels.binary(back, shifted, power, out=self.out)


class Abs(Unary):
    """Absolute value."""

    formula = "d|x| = sign(x) dx"
    kernel = "abs"
    reads = {0: (0,)}

    def backward(self, grad, needs):
        return mul(grad, sign(self.inputs[0]))


class Frac(Unary):
    """Fractional part, with the sign of the number."""

    formula = "d frac(x) = dx"
    kernel = "frac"

    def backward(self, grad, needs):
        return grad


class Square(Unary):
    """Square."""

    formula = "dx² = 2 x dx"
    kernel = "square"
    reads = {0: (0,)}

    def backward(self, grad, needs):
        return mul(grad, mul(self.inputs[0], 2.0))


class Sqrt(Unary):
    """Square root."""

    formula = "d√x = dx / (2 √x)"
    kernel = "sqrt"
    reads_output = True

    def backward(self, grad, needs):
        return div(grad, mul(self.output, 2.0))


class Rsqrt(Unary):
    """Reciprocal of the square root."""

    formula = "dy = -y³ / 2 dx for y = 1 / √x"
    kernel = "rsqrt"
    reads_output = True

    def backward(self, grad, needs):
        return mul(mul(grad, -0.5), pow(self.output, 3.0))


class Reciprocal(Unary):
    """Reciprocal."""

    formula = "dy = -y² dx for y = 1 / x"
    kernel = "reciprocal"
    reads_output = True

    def backward(self, grad, needs):
        return neg(mul(grad, square(self.output)))


class Exp(Unary):
    """Exponential."""

    formula = "d eˣ = eˣ dx"
    kernel = "exp"
    reads_output = True

    def backward(self, grad, needs):
        return mul(grad, self.output)


class Exp2(Unary):
    """Power of two."""

    formula = "d 2ˣ = 2ˣ ln 2 dx"
    kernel = "exp2"
    reads_output = True

    def backward(self, grad, needs):
        return mul(grad, mul(self.output, math.log(2)))


class Expm1(Unary):
    """Exponential minus one."""

    formula = "d(eˣ - 1) = eˣ dx"
    kernel = "expm1"
    reads_output = True

    def backward(self, grad, needs):
        return mul(grad, scale(self.output, 1.0, 1.0))


class Log(Unary):
    """Natural logarithm."""

    formula = "d ln x = dx / x"
    kernel = "log"
    reads = {0: (0,)}

    def backward(self, grad, needs):
        return div(grad, self.inputs[0])


class Log2(Unary):
    """Logarithm to base 2."""

    formula = "d log₂ x = dx / (x ln 2)"
    kernel = "log2"
    reads = {0: (0,)}

    def backward(self, grad, needs):
        return div(grad, mul(self.inputs[0], math.log(2)))


class Log10(Unary):
    """Logarithm to base 10."""

    formula = "d log₁₀ x = dx / (x ln 10)"
    kernel = "log10"
    reads = {0: (0,)}

    def backward(self, grad, needs):
        return div(grad, mul(self.inputs[0], math.log(10)))


class Log1p(Unary):
    """Logarithm of one plus a number."""

    formula = "d ln(1 + x) = dx / (1 + x)"
    kernel = "log1p"
    reads = {0: (0,)}

    def backward(self, grad, needs):
        return div(grad, scale(self.inputs[0], 1.0, 1.0))


class Sin(Unary):
    """Sine."""

    formula = "d sin x = cos x dx"
    kernel = "sin"
    reads = {0: (0,)}

    def backward(self, grad, needs):
        return mul(grad, cos(self.inputs[0]))


class Cos(Unary):
    """Cosine."""

    formula = "d cos x = -sin x dx"
    kernel = "cos"
    reads = {0: (0,)}

    def backward(self, grad, needs):
        return neg(mul(grad, sin(self.inputs[0])))


class Tan(Unary):
    """Tangent."""

    formula = "d tan x = (1 + tan² x) dx"
    kernel = "tan"
    reads_output = True

    def backward(self, grad, needs):
        return mul(grad, scale(square(self.output), 1.0, 1.0))


class Asin(Unary):
    """Inverse sine."""

    formula = "d asin x = dx / √(1 - x²)"
    kernel = "asin"
    reads = {0: (0,)}

    def backward(self, grad, needs):
        return mul(grad, rsqrt(scale(square(self.inputs[0]), -1.0, 1.0)))


class Acos(Unary):
    """Inverse cosine."""

    formula = "d acos x = -dx / √(1 - x²)"
    kernel = "acos"
    reads = {0: (0,)}

    def backward(self, grad, needs):
        return neg(mul(grad, rsqrt(scale(square(self.inputs[0]), -1.0, 1.0))))


class Atan(Unary):
    """Inverse tangent."""

    formula = "d atan x = dx / (1 + x²)"
    kernel = "atan"
    reads = {0: (0,)}

    def backward(self, grad, needs):
        return div(grad, scale(square(self.inputs[0]), 1.0, 1.0))


class Sinh(Unary):
    """Hyperbolic sine."""

    formula = "d sinh x = cosh x dx"
    kernel = "sinh"
    reads = {0: (0,)}

    def backward(self, grad, needs):
        return mul(grad, cosh(self.inputs[0]))


class Cosh(Unary):
    """Hyperbolic cosine."""

    formula = "d cosh x = sinh x dx"
    kernel = "cosh"
    reads = {0: (0,)}

    def backward(self, grad, needs):
        return mul(grad, sinh(self.inputs[0]))


class Tanh(Unary):
    """Hyperbolic tangent."""

    formula = "d tanh x = (1 - tanh² x) dx"
    kernel = "tanh"
    reads_output = True

    def backward(self, grad, needs):
        return mul(grad, scale(square(self.output), -1.0, 1.0))

    def fused_backward(self, grad, needs):
        return kernels.binary("tanh_backward", grad, self.output)


class Asinh(Unary):
    """Inverse hyperbolic sine."""

    formula = "d asinh x = dx / √(x² + 1)"
    kernel = "asinh"
    reads = {0: (0,)}

    def backward(self, grad, needs):
        return mul(grad, rsqrt(scale(square(self.inputs[0]), 1.0, 1.0)))


class Acosh(Unary):
    """Inverse hyperbolic cosine."""

    formula = "d acosh x = dx / √(x² - 1)"
    kernel = "acosh"
    reads = {0: (0,)}

    def backward(self, grad, needs):
        return mul(grad, rsqrt(scale(square(self.inputs[0]), 1.0, -1.0)))


class Atanh(Unary):
    """Inverse hyperbolic tangent."""

    formula = "d atanh x = dx / (1 - x²)"
    kernel = "atanh"
    reads = {0: (0,)}

    def backward(self, grad, needs):
        return div(grad, scale(square(self.inputs[0]), -1.0, 1.0))


class Sigmoid(Unary):
    """Logistic function."""

    formula = "dy = y (1 - y) dx for y = 1 / (1 + e⁻ˣ)"
    kernel = "sigmoid"
    reads_output = True

    def backward(self, grad, needs):
        return mul(mul(grad, scale(self.output, -1.0, 1.0)), self.output)

    def fused_backward(self, grad, needs):
        return kernels.binary("sigmoid_backward", grad, self.output)


class Erf(Unary):
    """Error function."""

    formula = "d erf x = 2 / √π e^(-x²) dx"
    kernel = "erf"
    reads = {0: (0,)}

    def backward(self, grad, needs):
        return mul(grad, _bell(self.inputs[0], 2 / math.sqrt(math.pi)))


class Erfc(Unary):
    """One minus the error function."""

    formula = "d erfc x = -2 / √π e^(-x²) dx"
    kernel = "erfc"
    reads = {0: (0,)}

    def backward(self, grad, needs):
        return mul(grad, _bell(self.inputs[0], -2 / math.sqrt(math.pi)))


class Erfinv(Unary):
    """Inverse of the error function."""

    formula = "dy = √π / 2 e^(y²) dx for y = erfinv x"
    kernel = "erfinv"
    reads_output = True

    def backward(self, grad, needs):
        return mul(grad, mul(exp(square(self.output)), math.sqrt(math.pi) / 2))


def _bell(input, height):
    return mul(exp(neg(square(input))), height)


class NanToNum(Op):
    """Finite numbers in place of NaN and infinities."""

    formula = "dy = dx where x is finite"
    reads = {0: (0,)}

    def __init__(self, nan, posinf, neginf):
        self.nan, self.posinf, self.neginf = nan, posinf, neginf

    def forward(self, input):
        return np.asarray(
            np.nan_to_num(input, nan=self.nan, posinf=self.posinf, neginf=self.neginf)
        )

    def backward(self, grad, needs):
        return where(isfinite(self.inputs[0]), grad, 0.0)


@doc.numeric
def abs(input):
    """Absolute value of every element."""
    _numeric("abs", input)
    return Abs()(input)


@doc.same
def sign(input):
    """Sign of every element: -1, 0 or 1."""
    if _array(tensor("sign", input)).dtype.kind == "b":
        return clone(input)
    return Sign()(input)


@doc.numeric
def ceil(input):
    """Round every element up to an integer."""
    _numeric("ceil", input)
    return Ceil()(input)


@doc.numeric
def floor(input):
    """Round every element down to an integer."""
    _numeric("floor", input)
    return Floor()(input)


@doc.numeric
def trunc(input):
    """Round every element towards zero to an integer."""
    _numeric("trunc", input)
    return Trunc()(input)


def round(input, *, decimals=0):
    """Round every element to the nearest number with so many decimals, halves to even.

    Parameters
    ----------
    input : Tensor
    decimals : int
        Negative ones round to tens, hundreds and so on.

    Returns
    -------
    Tensor
    """
    _check_round("round", input, decimals)
    return Round(decimals)(input)


def round_(input, *, decimals=0):
    """Round every element in place; see `round`."""
    _check_round("round_", input, decimals)
    return Round(decimals).inplace(input)


def _check_round(name, input, decimals):
    _numeric(name, input)
    if decimals and _array(input).dtype.kind != "f":
        raise NotImplementedError(f"{name}: decimals is not implemented for integer tensors")


def _numeric(name, input):
    if _array(tensor(name, input)).dtype.kind == "b":
        raise NotImplementedError(f"{name}: not implemented for bool tensors")


@doc.only_floating
def frac(input):
    """Fractional part of every element, with its sign."""
    if _array(tensor("frac", input)).dtype.kind != "f":
        raise NotImplementedError("frac: not implemented for integer tensors")
    return Frac()(input)


def square(input):
    """Square of every element.

    Parameters
    ----------
    input : Tensor
        Of any shape.

    Returns
    -------
    Tensor
        Of the same shape and type; of int64 for bool.
    """
    if type(input) is ndarray:
        return kernels.unary("square", input)
    if tensor("square", input)._array.dtype.kind == "b":
        input = cast(input, dtypes.int64)
    return Square()(input)


@doc.floating
def sqrt(input):
    """Square root of every element; NaN for negative ones."""
    return Sqrt()(floating("sqrt", input))


@doc.floating
def rsqrt(input):
    """Reciprocal of the square root of every element."""
    return Rsqrt()(floating("rsqrt", input))


@doc.floating
def reciprocal(input):
    """Reciprocal of every element."""
    return Reciprocal()(floating("reciprocal", input))


@doc.floating
def exp(input):
    """Exponential of every element."""
    return Exp()(floating("exp", input))


@doc.floating
def exp2(input):
    """Two to the power of every element."""
    return Exp2()(floating("exp2", input))


@doc.floating
def expm1(input):
    """Exponential of every element minus one, exact for small ones."""
    return Expm1()(floating("expm1", input))


@doc.floating
def log(input):
    """Natural logarithm of every element; NaN for negative ones."""
    return Log()(floating("log", input))


@doc.floating
def log2(input):
    """Logarithm to base 2 of every element."""
    return Log2()(floating("log2", input))


@doc.floating
def log10(input):
    """Logarithm to base 10 of every element."""
    return Log10()(floating("log10", input))


@doc.floating
def log1p(input):
    """Logarithm of one plus every element, exact for small ones."""
    return Log1p()(floating("log1p", input))


@doc.floating
def sin(input):
    """Sine of every element, in radians."""
    return Sin()(floating("sin", input))


@doc.floating
def cos(input):
    """Cosine of every element, in radians."""
    return Cos()(floating("cos", input))


@doc.floating
def tan(input):
    """Tangent of every element, in radians."""
    return Tan()(floating("tan", input))


@doc.floating
def asin(input):
    """Inverse sine of every element, from -π/2 to π/2."""
    return Asin()(floating("asin", input))


@doc.floating
def acos(input):
    """Inverse cosine of every element, from 0 to π."""
    return Acos()(floating("acos", input))


@doc.floating
def atan(input):
    """Inverse tangent of every element, from -π/2 to π/2."""
    return Atan()(floating("atan", input))


@doc.floating
def sinh(input):
    """Hyperbolic sine of every element, ``(exp(x) - exp(-x)) / 2``."""
    return Sinh()(floating("sinh", input))


@doc.floating
def cosh(input):
    """Hyperbolic cosine of every element, ``(exp(x) + exp(-x)) / 2``."""
    return Cosh()(floating("cosh", input))


@doc.floating
def tanh(input):
    """Hyperbolic tangent of every element, ``sinh(x) / cosh(x)``."""
    return Tanh()(floating("tanh", input))


@doc.floating
def asinh(input):
    """Inverse hyperbolic sine of every element, ``log(x + sqrt(x² + 1))``."""
    return Asinh()(floating("asinh", input))


@doc.floating
def acosh(input):
    """Inverse hyperbolic cosine of every element, ``log(x + sqrt(x² - 1))``; NaN below 1."""
    return Acosh()(floating("acosh", input))


@doc.floating
def atanh(input):
    """Inverse hyperbolic tangent of every element, ``log((1 + x) / (1 - x)) / 2``."""
    return Atanh()(floating("atanh", input))


@doc.floating
def sigmoid(input):
    """Logistic function ``1 / (1 + exp(-x))`` of every element."""
    return Sigmoid()(floating("sigmoid", input))


@doc.floating
def erf(input):
    """Error function of every element, ``2/√π ∫₀ˣ exp(-t²) dt`` (Abramowitz and Stegun 7.1.1)."""
    return Erf()(floating("erf", input))


@doc.floating
def erfc(input):
    """One minus the error function of every element, exact for large ones (ibid. 7.1.2)."""
    return Erfc()(floating("erfc", input))


@doc.floating
def erfinv(input):
    """Inverse of the error function, the y with ``erf(y) = x``; NaN outside -1 to 1."""
    return Erfinv()(floating("erfinv", input))


def nan_to_num(input, nan=0.0, posinf=None, neginf=None):
    """Replace NaN and infinities by numbers.

    Parameters
    ----------
    input : Tensor
    nan : float
        What replaces NaN.
    posinf, neginf : float, optional
        What replaces the infinities. Default: the largest and smallest finite number of the type.

    Returns
    -------
    Tensor
    """
    return NanToNum(nan or 0.0, posinf, neginf)(tensor("nan_to_num", input))


def nan_to_num_(input, nan=0.0, posinf=None, neginf=None):
    """Replace NaN and infinities by numbers, in place; see `nan_to_num`."""
    return NanToNum(nan or 0.0, posinf, neginf).inplace(input)


abs_, square_ = in_place(Abs, _numeric), in_place(Square, _numeric)
sign_ = in_place(Sign, _numeric)
ceil_, floor_, trunc_ = (
    in_place(Ceil, _numeric),
    in_place(Floor, _numeric),
    in_place(Trunc, _numeric),
)
frac_ = in_place(Frac)
sqrt_, rsqrt_, reciprocal_ = in_place(Sqrt), in_place(Rsqrt), in_place(Reciprocal)
exp_, exp2_, expm1_ = in_place(Exp), in_place(Exp2), in_place(Expm1)
log_, log2_, log10_, log1p_ = in_place(Log), in_place(Log2), in_place(Log10), in_place(Log1p)
sin_, cos_, tan_ = in_place(Sin), in_place(Cos), in_place(Tan)
asin_, acos_, atan_ = in_place(Asin), in_place(Acos), in_place(Atan)
sinh_, cosh_, tanh_ = in_place(Sinh), in_place(Cosh), in_place(Tanh)
asinh_, acosh_, atanh_ = in_place(Asinh), in_place(Acosh), in_place(Atanh)
sigmoid_ = in_place(Sigmoid)
erf_, erfc_, erfinv_ = in_place(Erf), in_place(Erfc), in_place(Erfinv)


# ---- functions of several numbers


class Maximum(Binary):
    """The larger of two numbers; NaN if one is."""

    formula = "d max(x, y) = dx where x > y, dy where y > x, half of each where x = y"
    kernel = "maximum"
    reads = {0: (0, 1), 1: (0, 1)}

    def backward(self, grad, needs):
        input, other = self.inputs
        half = where(eq(input, other), mul(grad, 0.5), grad)
        by_input = where(self._beaten(input, other), 0.0, half) if needs[0] else None
        by_other = where(self._beaten(other, input), 0.0, half) if needs[1] else None
        return by_input, by_other

    @staticmethod
    def _beaten(one, other):
        return lt(one, other)


class Minimum(Maximum):
    """The smaller of two numbers; NaN if one is."""

    formula = "d min(x, y) = dx where x < y, dy where y < x, half of each where x = y"
    kernel = "minimum"

    @staticmethod
    def _beaten(one, other):
        return gt(one, other)


class Fmax(Op):
    """The larger of two numbers; a NaN loses."""

    formula = "d fmax(x, y) = dx where x ≥ y or y is NaN, dy elsewhere"
    reads = {0: (0, 1), 1: (0, 1)}
    broadcasts = True
    ufunc, wins = np.fmax, "ge"

    def forward(self, input, other):
        return np.asarray(self.ufunc(input, other))

    def backward(self, grad, needs):
        input, other = self.inputs
        first = ge(input, other) if self.wins == "ge" else le(input, other)
        first = logical_or(first, isnan(other))
        return where(first, grad, 0.0), where(first, 0.0, grad)


class Fmin(Fmax):
    """The smaller of two numbers; a NaN loses."""

    formula = "d fmin(x, y) = dx where x ≤ y or y is NaN, dy elsewhere"
    ufunc, wins = np.fmin, "le"


class Atan2(Binary):
    """Angle of a point, given y and x."""

    formula = "d atan2(y, x) = (x dy - y dx) / (x² + y²)"
    kernel = "atan2"
    reads = {0: (0, 1), 1: (0, 1)}

    def backward(self, grad, needs):
        input, other = self.inputs
        square_sum = add(square(input), square(other))
        scaled = where(eq(square_sum, 0.0), 0.0, div(grad, square_sum))
        by_input = mul(scaled, other) if needs[0] else None
        by_other = neg(mul(scaled, input)) if needs[1] else None
        return by_input, by_other


class Hypot(Binary):
    """Length of the hypotenuse."""

    formula = "dr = (x dx + y dy) / r for r = √(x² + y²)"
    kernel = "hypot"
    reads = {0: (0,), 1: (1,)}
    reads_output = True

    def backward(self, grad, needs):
        input, other = self.inputs
        output = self.output
        by_input = mul(grad, div(input, output)) if needs[0] else None
        by_other = mul(grad, div(other, output)) if needs[1] else None
        return by_input, by_other


class Clamp(Op):
    """Numbers brought between two bounds, each a number, a tensor or None."""

    formula = "dy = dx inside, that of the bound outside"
    reads = {0: (0, 1, 2), 1: (0, 1, 2), 2: (0, 1, 2)}
    broadcasts = True

    def forward(self, input, low, high):
        if _numbers(low, high) and input.dtype.kind == "f":
            a, b = self._bounds(low, high)
            return kernels.unary("clamp", input, out=self.out, a=a, b=b)
        if low is not None:
            input = kernels.binary("maximum", input, low)
        return input if high is None else kernels.binary("minimum", input, high)

    def fused_backward(self, grad, needs):
        input, low, high = self.inputs
        if not _numbers(low, high):
            return self.backward(grad, needs)
        a, b = self._bounds(low, high)
        return kernels.binary("clamp_backward", grad, input, a=a, b=b), None, None

    def backward(self, grad, needs):
        input, low, high = self.inputs
        return (
            self._by_input(grad, input, low, high) if needs[0] else None,
            self._by_low(grad, input, low, high) if needs[1] else None,
            self._by_high(grad, input, low, high) if needs[2] else None,
        )

    @staticmethod
    def _bounds(low, high):
        return -math.inf if low is None else low, math.inf if high is None else high

    @staticmethod
    def _by_input(grad, input, low, high):
        if low is not None:
            grad = where(ge(input, low), grad, 0.0)
        return grad if high is None else where(le(input, high), grad, 0.0)

    @staticmethod
    def _by_low(grad, input, low, high):
        used = lt(input, low)
        if high is not None:
            used = logical_and(used, _less(low, high))
        return where(used, grad, 0.0)

    @staticmethod
    def _by_high(grad, input, low, high):
        used = gt(input, high)
        if low is not None:
            used = logical_or(used, _less(high, low))
        return where(used, grad, 0.0)


def _numbers(low, high) -> builtins.bool:
    return not isinstance(low, ndarray) and not isinstance(high, ndarray)


def _less(one, other):
    return gt(other, one) if isinstance(one, (int, float)) else lt(one, other)


class Where(Op):
    """A choice between two tensors, element by element."""

    formula = "dz = dx where the condition holds, dy elsewhere"
    reads = {1: (0,), 2: (0,)}
    broadcasts = True

    def forward(self, condition, input, other):
        return kernels.where(condition, input, other)

    def backward(self, grad, needs):
        condition = self.inputs[0]
        by_input = where(condition, grad, 0.0) if needs[1] else None
        by_other = where(condition, 0.0, grad) if needs[2] else None
        return None, by_input, by_other


def maximum(input, other):
    """The larger of two numbers, element by element; NaN if one of them is.

    Parameters
    ----------
    input, other : Tensor
        Shapes that broadcast. Where they are equal each receives half of the gradient.

    Returns
    -------
    Tensor
    """
    return Maximum()(*_tensor_operands("maximum", input, other))


def minimum(input, other):
    """The smaller of two numbers, element by element; NaN if one of them is.

    Parameters
    ----------
    input, other : Tensor
        Shapes that broadcast. Where they are equal each receives half of the gradient.

    Returns
    -------
    Tensor
    """
    return Minimum()(*_tensor_operands("minimum", input, other))


@doc.pair
def fmax(input, other):
    """The larger of two numbers, element by element; the other one if one is NaN."""
    return Fmax()(*_tensor_operands("fmax", input, other))


@doc.pair
def fmin(input, other):
    """The smaller of two numbers, element by element; the other one if one is NaN."""
    return Fmin()(*_tensor_operands("fmin", input, other))


@doc.pair_floating
def atan2(input, other):
    """Angle, from -π to π, of the points (x, y) = (`other`, `input`)."""
    pair = _tensor_operands("atan2", input, other)
    return Atan2()(*[floating("atan2", x) for x in pair])


def atan2_(input, other):
    """Replace `input` by its angle with `other`, in place; see `atan2`."""
    return Atan2().inplace(*inplace_operands("atan2_", input, other, floating=True))


def hypot(input, other):
    """Length of the hypotenuse, ``sqrt(input² + other²)``, without overflow.

    Parameters
    ----------
    input, other : Tensor
        Floating-point; shapes that broadcast.

    Returns
    -------
    Tensor

    Raises
    ------
    NotImplementedError
        If both are integers.
    """
    pair = _tensor_operands("hypot", input, other)
    if _pair_kind(pair) != "f":
        raise NotImplementedError("hypot: not implemented for integer tensors")
    return Hypot()(*pair)


def _tensor_operands(name, input, other):
    return operands(name, tensor(name, input), tensor(name, other, "other"))


def lerp(input, end, weight):
    """Interpolate: ``input + weight * (end - input)``.

    Parameters
    ----------
    input, end : Tensor
        Floating-point, of one type.
    weight : Tensor or number
        0 gives `input`, 1 gives `end`.

    Returns
    -------
    Tensor
    """
    _check_lerp("lerp", input, end)
    return add(input, mul(sub(end, input), weight))


def lerp_(input, end, weight):
    """Interpolate in place; see `lerp`."""
    _check_lerp("lerp_", input, end)
    return add_(input, mul(sub(end, input), weight))


def _check_lerp(name, input, end):
    if tensor(name, input).dtype != tensor(name, end, "end").dtype:
        raise RuntimeError(f"{name}: expected dtype {input.dtype} for end but got {end.dtype}")
    if _array(input).dtype.kind != "f":
        raise NotImplementedError(f"{name}: not implemented for integer tensors")


def addcmul(input, tensor1, tensor2, *, value=1):
    """Return ``input + value * tensor1 * tensor2``, with broadcasting.

    Parameters
    ----------
    input, tensor1, tensor2 : Tensor
        Shapes that broadcast.
    value : number
        An integer for integers.

    Returns
    -------
    Tensor
    """
    return add(input, mul(tensor1, tensor2), alpha=value)


def addcmul_(input, tensor1, tensor2, *, value=1):
    """Add ``value * tensor1 * tensor2`` to `input`, in place, and return it; see `addcmul`."""
    return add_(input, mul(tensor1, tensor2), alpha=value)


def addcdiv(input, tensor1, tensor2, *, value=1):
    """Return ``input + value * tensor1 / tensor2``, with broadcasting; arguments as of `addcmul`.

    Raises
    ------
    RuntimeError
        If `tensor1` and `tensor2` are both integers.
    """
    _check_addcdiv("addcdiv", tensor1, tensor2)
    return add(input, div(tensor1, tensor2), alpha=value)


def addcdiv_(input, tensor1, tensor2, *, value=1):
    """Add ``value * tensor1 / tensor2`` to `input`, in place, and return it; see `addcdiv`."""
    _check_addcdiv("addcdiv_", tensor1, tensor2)
    return add_(input, div(tensor1, tensor2), alpha=value)


def _check_addcdiv(name, tensor1, tensor2):
    if not (tensor1.dtype.is_floating_point or tensor2.dtype.is_floating_point):
        raise RuntimeError(f"{name}: integer division is not supported: use div() and add()")


def clamp(input, min=None, max=None):
    """Bring every element between two bounds.

    Parameters
    ----------
    input : Tensor
    min, max : Tensor or number, optional
        The bounds, broadcast; at least one is given. Where `min` is above `max` the result is
        `max`.

    Returns
    -------
    Tensor

    Raises
    ------
    RuntimeError
        If no bound is given.
    """
    return Clamp()(*_clamp_inputs("clamp", input, min, max))


def clamp_(input, min=None, max=None):
    """Bring every element between two bounds, in place; see `clamp`."""
    inputs = _clamp_inputs("clamp_", input, min, max)
    if inputs[0] is not input:  # it had to be converted
        writable_type("clamp_", inputs[0].dtype, input)
        bounds = [None if b is None else convert(b, input.dtype) for b in (min, max)]
        inputs = (input, *bounds)
    shapes = [x.shape for x in inputs if is_tensor(x)]
    if broadcast_shape("clamp_", *shapes) != input.shape:
        raise ShapeError(f"clamp_: the bounds do not broadcast to input {tuple(input.shape)}")
    return Clamp().inplace(*inputs)


def _is_float(input) -> builtins.bool:
    return _array(input).dtype.kind == "f"


def _is_bound(x) -> builtins.bool:
    """Whether a bound needs no conversion to a floating-point type."""
    return x is None or type(x) is float or type(x) is int


def _clamp_inputs(name, input, min, max):
    if min is None and max is None:
        raise RuntimeError(f"{name}: at least one of 'min' or 'max' must not be None")
    if _is_float(tensor(name, input)) and _is_bound(min) and _is_bound(max):
        return input, min, max
    if type(input) is ndarray:  # inside a first-order backward
        return input, min, max
    given = [x for x in (tensor(name, input), min, max) if x is not None]
    broadcast_shape(name, *[x.shape for x in given if hasattr(x, "shape")])
    kind = result_type(name, *given)
    return [None if x is None else convert(x, kind) for x in (input, min, max)]


def clamp_min(input, min):
    """Return `input` with every element at least `min`; see `clamp`."""
    return clamp(input, min)


def clamp_min_(input, min):
    """Raise every element to at least `min`, in place; see `clamp`."""
    return clamp_(input, min)


def clamp_max(input, max):
    """Return `input` with every element at most `max`; see `clamp`."""
    return clamp(input, None, max)


def clamp_max_(input, max):
    """Lower every element to at most `max`, in place; see `clamp`."""
    return clamp_(input, None, max)


def where(condition, input=None, other=None):
    """Choose elements of `input` where `condition` holds, and of `other` elsewhere.

    Parameters
    ----------
    condition : Tensor
        Of bool.
    input, other : Tensor or number, optional
        All three broadcast. If neither is given, the indices of the elements that are true.

    Returns
    -------
    Tensor
        Or, with the condition alone, one int64 tensor of indices per dimension.

    Raises
    ------
    RuntimeError
        If `condition` is not bool.
    """
    if type(condition) is ndarray:
        if not is_tensor(input) and not is_tensor(other):
            return kernels.where(condition, input, other)
        condition = convert(condition, dtypes.bool)  # a mask that a node kept
    if not is_tensor(condition):
        raise TypeError(f"where: condition must be a Tensor, got {type(condition).__name__}")
    if condition._array.dtype.kind not in "bu":
        raise RuntimeError(
            f"where: expected condition to be a boolean tensor, but got {condition.dtype}"
        )
    if input is None and other is None:
        wrap = type(condition)._wrap
        return tuple(wrap(indices) for indices in np.nonzero(condition._array))
    if is_tensor(input) and is_tensor(other):  # the usual case in the fewest steps
        mask, a, b = condition._array, input._array, other._array
        if a.dtype is b.dtype and mask.dtype.kind == "b" and mask.shape == a.shape == b.shape:
            return Where()(condition, input, other)
    shapes = [x.shape for x in (condition, input, other) if hasattr(x, "shape")]
    broadcast_shape("where", *shapes)
    kind = result_type("where", input, other)
    if not hasattr(input, "shape") and not hasattr(other, "shape"):
        input = np.asarray(input)  # two numbers: `kind` is decided, not left to numpy
    return Where()(cast(condition, dtypes.bool), convert(input, kind), convert(other, kind))


def zero_(input):
    """Set every element to zero, in place.

    Parameters
    ----------
    input : Tensor

    Returns
    -------
    Tensor
        `input`.
    """
    return Copy().inplace(input, False)  # which every type can hold


def fill_(input, value):
    """Set every element to one value, in place.

    Parameters
    ----------
    input : Tensor
    value : number or Tensor
        A tensor of one element, 0-d.

    Returns
    -------
    Tensor
        `input`.
    """
    if getattr(value, "ndim", 0) != 0:
        raise RuntimeError(
            f"fill_: only supports a number or a 0-d tensor, got shape {tuple(value.shape)}"
        )
    return copy_(input, value)


# ---- comparison and logic: nothing to differentiate


class Compare(Op):
    """A comparison."""

    formula = "piecewise constant"
    differentiable = False
    kernel = ""

    def forward(self, input, other):
        return kernels.binary(self.kernel, input, other)


class Eq(Compare):
    """Whether two numbers are equal."""

    kernel = "eq"


class Ne(Compare):
    """Whether two numbers differ."""

    kernel = "ne"


class Lt(Compare):
    """Whether the first number is smaller."""

    kernel = "lt"


class Le(Compare):
    """Whether the first number is not larger."""

    kernel = "le"


class Gt(Compare):
    """Whether the first number is larger."""

    kernel = "gt"


class Ge(Compare):
    """Whether the first number is not smaller."""

    kernel = "ge"


class Logic(Op):
    """An operation on truth values or bits, by a function of numpy."""

    formula = "piecewise constant"
    differentiable = False
    ufunc = None

    def forward(self, *inputs):
        return np.asarray(self.ufunc(*inputs))


class LogicalAnd(Logic):
    """Both."""

    ufunc = np.logical_and


class LogicalOr(Logic):
    """At least one."""

    ufunc = np.logical_or


class LogicalXor(Logic):
    """Exactly one."""

    ufunc = np.logical_xor


class LogicalNot(Logic):
    """Not."""

    ufunc = np.logical_not


class BitwiseAnd(Logic):
    """Bits set in both."""

    ufunc = np.bitwise_and


class BitwiseOr(Logic):
    """Bits set in one of the two."""

    ufunc = np.bitwise_or


class BitwiseXor(Logic):
    """Bits set in exactly one."""

    ufunc = np.bitwise_xor


class BitwiseNot(Logic):
    """Bits not set."""

    ufunc = np.bitwise_not


class LeftShift(Logic):
    """Bits moved up."""

    ufunc = np.left_shift


class RightShift(Logic):
    """Bits moved down."""

    ufunc = np.right_shift


class IsNan(Logic):
    """Whether a number is NaN."""

    ufunc = np.isnan


class IsInf(Logic):
    """Whether a number is infinite."""

    ufunc = np.isinf


class IsFinite(Logic):
    """Whether a number is neither NaN nor infinite."""

    ufunc = np.isfinite


@doc.comparison
def eq(input, other):
    """Whether elements are equal, as a bool tensor."""
    return Eq()(*operands("eq", input, other))


@doc.comparison
def ne(input, other):
    """Whether elements differ, as a bool tensor."""
    return Ne()(*operands("ne", input, other))


@doc.comparison
def lt(input, other):
    """Whether elements of `input` are smaller, as a bool tensor."""
    return Lt()(*operands("lt", input, other))


@doc.comparison
def le(input, other):
    """Whether elements of `input` are smaller or equal, as a bool tensor."""
    return Le()(*operands("le", input, other))


@doc.comparison
def gt(input, other):
    """Whether elements of `input` are larger, as a bool tensor."""
    return Gt()(*operands("gt", input, other))


@doc.comparison
def ge(input, other):
    """Whether elements of `input` are larger or equal, as a bool tensor."""
    return Ge()(*operands("ge", input, other))


@doc.comparison
def logical_and(input, other):
    """Whether both elements are not zero, as a bool tensor."""
    return LogicalAnd()(*operands("logical_and", input, other))


@doc.comparison
def logical_or(input, other):
    """Whether at least one of the elements is not zero, as a bool tensor."""
    return LogicalOr()(*operands("logical_or", input, other))


@doc.comparison
def logical_xor(input, other):
    """Whether exactly one of the elements is not zero, as a bool tensor."""
    return LogicalXor()(*operands("logical_xor", input, other))


@doc.predicate
def logical_not(input):
    """Whether elements are zero, as a bool tensor."""
    return LogicalNot()(tensor("logical_not", input))


@doc.pair_bits
def bitwise_and(input, other):
    """Bits set in both integers; for bool: and."""
    return BitwiseAnd()(*_integers("bitwise_and", input, other))


@doc.pair_bits
def bitwise_or(input, other):
    """Bits set in at least one of the integers; for bool: or."""
    return BitwiseOr()(*_integers("bitwise_or", input, other))


@doc.pair_bits
def bitwise_xor(input, other):
    """Bits set in exactly one of the integers; for bool: exclusive or."""
    return BitwiseXor()(*_integers("bitwise_xor", input, other))


@doc.bits
def bitwise_not(input):
    """Bits not set in the integer; for bool: not."""
    _integral("bitwise_not", input)
    return BitwiseNot()(input)


def bitwise_left_shift(input, other):
    """Move bits up by `other` places.

    Parameters
    ----------
    input, other : Tensor or number
        Integers; shapes that broadcast.

    Returns
    -------
    Tensor
        Of the integer type that both promote to.

    Raises
    ------
    NotImplementedError
        If an operand is floating-point.
    """
    return LeftShift()(*_integers("bitwise_left_shift", input, other))


def bitwise_right_shift(input, other):
    """Move bits down by `other` places, keeping the sign; arguments as of `bitwise_left_shift`."""
    return RightShift()(*_integers("bitwise_right_shift", input, other))


def _integral(name, input):
    if _array(tensor(name, input)).dtype.kind == "f":
        raise NotImplementedError(f"{name}: not implemented for floating-point operands")


def _integers(name, input, other):
    pair = operands(name, input, other)
    if _pair_kind(pair) == "f":
        raise NotImplementedError(f"{name}: not implemented for floating-point operands")
    return pair


@doc.predicate
def isnan(input):
    """Whether elements are NaN, as a bool tensor."""
    return IsNan()(tensor("isnan", input))


@doc.predicate
def isinf(input):
    """Whether elements are infinite, as a bool tensor."""
    return IsInf()(tensor("isinf", input))


@doc.predicate
def isfinite(input):
    """Whether elements are neither NaN nor infinite, as a bool tensor."""
    return IsFinite()(tensor("isfinite", input))


def isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether ``|input - other| <= atol + rtol * |other|``, as a bool tensor.

    Parameters
    ----------
    input, other : Tensor
        Of one type; shapes that broadcast.
    rtol, atol : float
        Relative and absolute tolerance.
    equal_nan : bool
        Whether two NaN count as close.

    Returns
    -------
    Tensor

    Raises
    ------
    RuntimeError
        If the types differ.
    """
    tensor("isclose", input)
    if input.dtype != tensor("isclose", other, "other").dtype:
        raise RuntimeError(f"isclose: {input.dtype} did not match {other.dtype}")
    broadcast_shape("isclose", input.shape, other.shape)
    with np.errstate(invalid="ignore"):
        close = np.isclose(input._array, other._array, rtol, atol, equal_nan)
    return type(input)._wrap(np.asarray(close))


def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False) -> builtins.bool:
    """Whether all elements are close; see `isclose`."""
    return builtins.bool(isclose(input, other, rtol, atol, equal_nan)._array.all())


def equal(input, other) -> builtins.bool:
    """Whether two tensors have the same shape and equal elements.

    Parameters
    ----------
    input, other : Tensor
        Of any shapes and types.

    Returns
    -------
    bool
    """
    tensor("equal", input)
    return np.array_equal(input._array, tensor("equal", other, "other")._array)


def _in_place_of(function):
    """Make the in-place variant of a function of two operands whose result is bool or integer."""
    name = function.__name__ + "_"

    def variant(input, other):
        result = function(tensor(name, input), other)
        writable_type(name, result.dtype, input)
        if result.shape != input.shape:
            raise ShapeError(
                f"{name}: output with shape {tuple(input.shape)} doesn't match the broadcast "
                f"shape {tuple(result.shape)}"
            )
        return copy_(input, result)

    variant.__name__ = variant.__qualname__ = name
    variant.__doc__ = f"Apply `{function.__name__}` in place, and return `input`."
    return variant


eq_, ne_, lt_, le_, gt_, ge_ = (_in_place_of(f) for f in (eq, ne, lt, le, gt, ge))
logical_and_, logical_or_ = _in_place_of(logical_and), _in_place_of(logical_or)
logical_xor_ = _in_place_of(logical_xor)
logical_not_ = in_place(LogicalNot, tensor, "logical_not")
bitwise_and_, bitwise_or_ = _in_place_of(bitwise_and), _in_place_of(bitwise_or)
bitwise_xor_ = _in_place_of(bitwise_xor)
bitwise_not_ = in_place(BitwiseNot, _integral, "bitwise_not")
bitwise_left_shift_ = _in_place_of(bitwise_left_shift)
bitwise_right_shift_ = _in_place_of(bitwise_right_shift)

# Other names of the same functions.
subtract, subtract_ = sub, sub_
multiply, multiply_ = mul, mul_
divide = true_divide = div
divide_ = true_divide_ = div_
negative, negative_ = neg, neg_
absolute, absolute_ = abs, abs_
clip, clip_ = clamp, clamp_
arcsin, arccos, arctan, arctan2 = asin, acos, atan, atan2
arcsinh, arccosh, arctanh = asinh, acosh, atanh
fix = trunc
greater, greater_equal, less, less_equal, not_equal = gt, ge, lt, le, ne
