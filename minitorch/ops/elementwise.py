"""Operations element by element, with broadcasting: arithmetic, comparison, functions of one."""

from __future__ import annotations

from numpy import ndarray

from .. import kernels
from ..autograd.op import Op
from .common import inplace_operands, operands

__all__ = ["add", "add_", "div", "div_", "mul", "mul_", "neg", "neg_", "sub", "sub_"]


class Add(Op):
    """Sum of two tensors."""

    formula = "d(x + y) = dx + dy"
    broadcasts = True

    def forward(self, input, other):
        return kernels.binary("add", input, other, out=self.out)

    def backward(self, grad, needs):
        return grad, grad


class Sub(Op):
    """Difference of two tensors."""

    formula = "d(x - y) = dx - dy"
    broadcasts = True

    def forward(self, input, other):
        return kernels.binary("sub", input, other, out=self.out)

    def backward(self, grad, needs):
        return grad, neg(grad) if needs[1] else None


class Mul(Op):
    """Product of two tensors."""

    formula = "d(x y) = y dx + x dy"
    reads = {0: (1,), 1: (0,)}
    broadcasts = True

    def forward(self, input, other):
        return kernels.binary("mul", input, other, out=self.out)

    def backward(self, grad, needs):
        input, other = self.inputs
        return mul(grad, other) if needs[0] else None, mul(grad, input) if needs[1] else None


class Div(Op):
    """Quotient of two tensors."""

    formula = "d(x / y) = dx / y - x / y² dy"
    reads = {0: (1,), 1: (0, 1)}
    broadcasts = True

    def forward(self, input, other):
        return kernels.binary("div", input, other, out=self.out)

    def backward(self, grad, needs):
        input, other = self.inputs
        by_input = div(grad, other)
        by_other = neg(mul(by_input, div(input, other))) if needs[1] else None
        return by_input, by_other


class Neg(Op):
    """Negation."""

    formula = "d(-x) = -dx"

    def forward(self, input):
        return kernels.unary("neg", input, out=self.out)

    def backward(self, grad, needs):
        return neg(grad)


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
    if alpha != 1:
        other = mul(other, alpha)
    return Add()(*operands("add", input, other))


def add_(input, other, *, alpha=1):
    """Add `other` times `alpha` to `input`, in place; see `add`."""
    if alpha != 1:
        other = mul(other, alpha)
    return Add().inplace(*inplace_operands("add_", input, other))


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
    """
    if alpha != 1:
        other = mul(other, alpha)
    return Sub()(*operands("sub", input, other))


def sub_(input, other, *, alpha=1):
    """Subtract `other` times `alpha` from `input`, in place; see `sub`."""
    if alpha != 1:
        other = mul(other, alpha)
    return Sub().inplace(*inplace_operands("sub_", input, other))


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
    if type(input) is ndarray:  # the commonest step of a first-order backward
        return kernels.binary("mul", input, other)
    return Mul()(*operands("mul", input, other))


def mul_(input, other):
    """Multiply `input` by `other`, in place; see `mul`."""
    return Mul().inplace(*inplace_operands("mul_", input, other))


def div(input, other):
    """Divide `input` by `other`, with broadcasting; integers give a floating-point result.

    Parameters
    ----------
    input, other : Tensor or number
        Shapes that broadcast.

    Returns
    -------
    Tensor
    """
    return Div()(*operands("div", input, other, floating=True))


def div_(input, other):
    """Divide `input` by `other`, in place; see `div`."""
    return Div().inplace(*inplace_operands("div_", input, other, floating=True))


def neg(input):
    """Negate every element."""
    return Neg()(input)


def neg_(input):
    """Negate every element in place."""
    return Neg().inplace(input)
