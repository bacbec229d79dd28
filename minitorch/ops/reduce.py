"""Reductions: sums, extrema, statistics along dimensions."""

from __future__ import annotations

from .. import dtypes, kernels
from ..autograd.op import Op
from .common import cast, dimensions
from .shape import expand, reshape

__all__ = ["sum"]


class Sum(Op):
    """Sum along dimensions."""

    formula = "dx = g, repeated along the summed dimensions"

    def __init__(self, dims, keepdim):
        self.dims, self.keepdim = dims, keepdim

    def forward(self, input):
        self.source = input.shape
        return kernels.reduce("sum", input, self.dims, self.keepdim)

    def backward(self, grad, needs):
        return spread(grad, self.source, self.dims)


def spread(grad, shape, dims):
    """Repeat a reduced gradient along the dimensions that were reduced."""
    kept = tuple(1 if i in dims else n for i, n in enumerate(shape))
    return expand(reshape(grad, kept), shape)


def sum(input, dim=None, keepdim=False, *, dtype=None):
    """Sum elements, along all dimensions or some.

    Parameters
    ----------
    input : Tensor
    dim : int or tuple of int, optional
        The dimensions to sum along. Default: all.
    keepdim : bool
        Keep the summed dimensions, with size 1.
    dtype : dtype, optional
        Sum in this type. Default: that of `input`, int64 for integers and bool.

    Returns
    -------
    Tensor
    """
    dims = dimensions("sum", input, dim or None if dim != 0 else 0)
    if dtype is not None:
        input = cast(input, dtype)
    elif dtypes.of(input.dtype).category < 2:
        input = cast(input, dtypes.int64)
    return Sum(dims, keepdim)(input)
