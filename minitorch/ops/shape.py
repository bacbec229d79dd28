"""Operations that move or view elements and compute nothing."""

from __future__ import annotations

import numpy as np

from .. import kernels
from ..autograd.op import Op
from ..errors import ShapeError
from .common import broadcast_shape, convert, is_tensor

__all__ = ["clone", "copy_", "expand", "reshape", "view"]


class Clone(Op):
    """A copy."""

    formula = "dx = g"

    def forward(self, input):
        return kernels.copy(input)

    def backward(self, grad, needs):
        return grad


class Copy(Op):
    """Overwrite the first input with the second."""

    formula = "dx = 0, dy = g"
    broadcasts = True

    def forward(self, input, source):
        np.copyto(self.out, source)
        return self.out

    def backward(self, grad, needs):
        return None, grad


class View(Op):
    """The same elements in memory order, in another shape."""

    formula = "dx = g, in the shape of x"
    is_view = True

    def __init__(self, shape):
        self.shape = shape

    def forward(self, input):
        self.source = input.shape
        return input.reshape(self.shape, copy=False)

    def backward(self, grad, needs):
        return reshape(grad, self.source)


class Expand(Op):
    """A view in which dimensions of size 1 are repeated."""

    formula = "dx = sum of g over the repeated dimensions"
    is_view = True
    broadcasts = True

    def __init__(self, shape):
        self.shape = shape

    def forward(self, input):
        return np.broadcast_to(input, self.shape)

    def backward(self, grad, needs):
        return grad


def clone(input, *, memory_format=None):
    """Return a copy of a tensor, which gradients flow through.

    Parameters
    ----------
    input : Tensor
    memory_format : optional
        Accepted for compatibility; the copy is contiguous.

    Returns
    -------
    Tensor
    """
    return Clone()(input)


def copy_(input, src, non_blocking=False):
    """Overwrite `input` with `src`, broadcast and cast to it; gradients flow to `src`.

    Parameters
    ----------
    input : Tensor
        What is written.
    src : Tensor or number
    non_blocking : bool
        Accepted for compatibility.

    Returns
    -------
    Tensor
        `input`.
    """
    if not is_tensor(input):  # arrays, inside a first-order backward
        np.copyto(input, src)
        return input
    shape = tuple(getattr(src, "shape", ()))
    if broadcast_shape("copy_", input.shape, shape) != input.shape:
        raise ShapeError(f"copy_: src {shape} does not broadcast to input {tuple(input.shape)}")
    return Copy().inplace(input, convert(src, input.dtype))


def _inferred(name, input, shape):
    """Replace the -1 in a shape by what is left of the elements."""
    if len(shape) == 1 and not isinstance(shape[0], (int, np.integer)):
        shape = shape[0]
    shape = tuple(int(n) for n in shape)
    known = 1
    for n in shape:
        if n < -1:
            raise ShapeError(f"{name}: invalid shape dimension {n} in {shape}")
        known *= n if n != -1 else 1
    if shape.count(-1) > 1:
        raise ShapeError(f"{name}: only one dimension can be inferred, got {shape}")
    size = input.size if isinstance(input, np.ndarray) else input.numel()
    if -1 in shape:
        if known == 0:
            raise ShapeError(f"{name}: the -1 in {shape} is ambiguous, {size} elements to divide")
        shape = tuple(size // known if n == -1 else n for n in shape)
        known *= shape[0] if len(shape) == 1 else 1
    total = 1
    for n in shape:
        total *= n
    if total != size:
        raise ShapeError(
            f"{name}: shape {shape} is invalid for input of size {size}: input {tuple(input.shape)}"
        )
    return shape


def view(input, *shape):
    """Return the same memory in another shape."""
    shape = _inferred("view", input, shape)
    return View(shape)(input)


def reshape(input, *shape):
    """Return the same elements in another shape: a view if possible, else a copy.

    Parameters
    ----------
    input : Tensor
    *shape : int or sequence of int
        One size may be -1: it is what is left.

    Returns
    -------
    Tensor
    """
    shape = _inferred("reshape", input, shape)
    array = input._array if is_tensor(input) else np.asarray(input)
    if not array.flags.c_contiguous:
        try:
            array.reshape(shape, copy=False)
        except ValueError:
            input = clone(input)
    return View(shape)(input)


def expand(input, *sizes):
    """Return a view in which dimensions of size 1 are repeated to `sizes` (-1 keeps a size)."""
    if len(sizes) == 1 and not isinstance(sizes[0], (int, np.integer)):
        sizes = sizes[0]
    extra = len(sizes) - input.ndim
    shape = tuple(
        input.shape[i - extra] if n == -1 and i >= extra else n for i, n in enumerate(sizes)
    )
    if extra < 0 or broadcast_shape("expand", input.shape, shape) != shape:
        raise ShapeError(f"expand: input {tuple(input.shape)} cannot be expanded to {tuple(sizes)}")
    return Expand(shape)(input)
