"""Reductions: sums, extrema, statistics along dimensions; running sums and products."""

from __future__ import annotations

import builtins
import functools
import math
import warnings
from typing import NamedTuple

import numpy as np

from .. import dtypes, kernels
from ..autograd.op import Op
from .common import (
    cast,
    convert,
    dimension,
    dimensions,
    floating,
    is_tensor,
    numpy_names,
    tensor,
    zeros,
)
from .elementwise import (
    abs,
    div,
    eq,
    exp,
    isnan,
    logical_and,
    logical_or,
    maximum,
    minimum,
    mul,
    pow,
    sign,
    sub,
    where,
)
from .index import gather
from .shape import clone, expand, reshape, unsqueeze

__all__ = [
    "all",
    "amax",
    "amin",
    "aminmax",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "logsumexp",
    "max",
    "mean",
    "median",
    "min",
    "nanmean",
    "nanmedian",
    "nansum",
    "norm",
    "prod",
    "std",
    "std_mean",
    "sum",
    "var",
    "var_mean",
]


class Along(NamedTuple):
    """What a reduction along one dimension finds: values, and where they are."""

    values: object
    indices: object


class MinMax(NamedTuple):
    """Least and greatest values."""

    min: object
    max: object


class Reduction(Op):
    """One value in place of those along some dimensions."""

    kernel = ""

    def __init__(self, dims, keepdim):
        self.dims, self.keepdim = dims, keepdim

    def forward(self, input):
        self.source = input.shape
        result = kernels.reduce(self.kernel, input, self.dims, self.keepdim)
        return result if result.dtype is input.dtype else result.astype(input.dtype)

    def kept(self, reduced):
        """Give a reduced tensor the dimensions that were reduced, with size 1."""
        shape = tuple(1 if i in self.dims else n for i, n in enumerate(self.source))
        return reduced if reduced.shape == shape else reshape(reduced, shape)

    def spread(self, reduced):
        """Repeat a reduced tensor along the dimensions that were reduced."""
        return expand(self.kept(reduced), self.source)

    @property
    def count(self):
        """How many elements became one."""
        return math.prod(self.source[i] for i in self.dims)


class Sum(Reduction):
    """Sum along dimensions."""

    formula = "dx = g, repeated along the summed dimensions"
    kernel = "sum"

    def backward(self, grad, needs):
        return self.spread(grad)


class Mean(Reduction):
    """Mean along dimensions."""

    formula = "dx = g / n, repeated along the n elements"
    kernel = "mean"

    def backward(self, grad, needs):
        return self.spread(div(grad, float(self.count)))


class Prod(Reduction):
    """Product along dimensions."""

    formula = "dxᵢ = g Πⱼ xⱼ over j ≠ i"
    kernel = "prod"
    reads = {0: (0,)}

    def backward(self, grad, needs):
        input = self.inputs[0]
        if _array(input).all():
            return div(mul(self.spread(grad), Prod(self.dims, True)(input)), input)
        # A factor is zero: for every element multiply the others, with a one in its own place.
        line, dim = (input, self.dims[0]) if len(self.dims) == 1 else (reshape(input, -1), 0)
        others = Prod((dim + 1,), False)(_with_ones(line, dim))
        return mul(self.spread(grad), reshape(others, self.source))

    def fused_backward(self, grad, needs):
        input = self.inputs[0]
        is_zero = input == 0
        count = is_zero.sum(axis=self.dims, keepdims=True)
        rest = kernels.reduce(
            "prod", np.where(is_zero, input.dtype.type(1), input), self.dims, True
        )
        with np.errstate(all="ignore"):
            others = np.where(is_zero, (count == 1) * rest, (count == 0) * rest / input)
        return self.kept(grad) * others.astype(grad.dtype, copy=False)


def _with_ones(input, dim):
    """Repeat `input` for each index along `dim`, with a one there (in what is now dim + 1)."""
    n = input.shape[dim]
    repeated = expand(unsqueeze(input, dim), (*input.shape[:dim], n, *input.shape[dim:]))
    return where(_square(np.eye(n, dtype=builtins.bool), dim, input.ndim), 1.0, repeated)


def _square(matrix, dim, ndim):
    """Place a matrix at dimensions dim and dim + 1 of ndim + 1."""
    return matrix.reshape(*matrix.shape, *[1] * (ndim - dim - 1))


class Extremum(Reduction):
    """Greatest or least value; equal ones share the gradient."""

    formula = "dxᵢ = g / n for the n elements that equal the result, 0 for the others"
    reads = {0: (0,)}
    reads_output = True

    def __init__(self, kernel, dims, keepdim):
        super().__init__(dims, keepdim)
        self.kernel = kernel

    def backward(self, grad, needs):
        input, output = self.inputs[0], self.kept(self.output)
        chosen = logical_or(eq(input, output), logical_and(isnan(input), isnan(output)))
        share = cast(chosen, dtypes.of(grad.dtype))
        return mul(share, div(self.kept(grad), sum(share, self.dims, True)))


class Median(Extremum):
    """Median of all elements, the lower one of two; equal ones share the gradient."""

    def __init__(self, ignore_nan):
        self.ignore_nan = ignore_nan

    def forward(self, input):
        self.source, self.dims = input.shape, tuple(range(input.ndim))
        index = _median_index(input.reshape(-1), 0, self.ignore_nan)
        return np.asarray(input.reshape(-1)[index[0]])


class Pick(Op):
    """One element along a dimension, found by `find`, and where it was."""

    formula = "dxᵢ = g for the element that was picked, 0 for the others"

    def __init__(self, dim, keepdim):
        self.dim, self.keepdim = dim, keepdim

    def find(self, input):
        """Return the indices (int64) of the elements along `dim`, which stays with size 1."""
        raise NotImplementedError

    def forward(self, input):
        self.source = input.shape
        if input.ndim == 0:
            return input.copy(), np.zeros((), np.int64)
        self.constants = indices = self.find(input)
        values = np.take_along_axis(input, indices, self.dim)
        if self.keepdim:
            return values, indices
        return values.squeeze(self.dim), indices.squeeze(self.dim)

    def backward(self, grad, needs):
        if not self.source:
            return grad
        indices = self.constants
        line = [1] * len(self.source)
        line[self.dim] = -1
        places = np.arange(self.source[self.dim]).reshape(line)
        return where(eq(indices, places), reshape(grad, indices.shape), 0.0)

    def fused_backward(self, grad, needs):
        if not self.source:
            return grad
        result = np.zeros(self.source, grad.dtype)
        np.put_along_axis(result, self.constants, grad.reshape(self.constants.shape), self.dim)
        return result


class PickExtremum(Pick):
    """The first greatest or least element along a dimension."""

    def __init__(self, kernel, dim, keepdim):
        super().__init__(dim, keepdim)
        self.kernel = kernel

    def find(self, input):
        return kernels.arg_reduce(self.kernel, input, self.dim, True)


class PickMedian(Pick):
    """The median along a dimension, the lower one of two."""

    def __init__(self, ignore_nan, dim, keepdim):
        super().__init__(dim, keepdim)
        self.ignore_nan = ignore_nan

    def find(self, input):
        return _median_index(input, self.dim, self.ignore_nan)


def _median_index(input, dim, ignore_nan):
    order = np.argsort(input, axis=dim, kind="stable")  # NaN come last
    is_nan = np.isnan(input)
    count = input.shape[dim] - np.sum(is_nan, axis=dim, keepdims=True)
    middle = np.maximum((count - 1) // 2, 0)
    if not ignore_nan:
        first_nan = np.minimum(count, input.shape[dim] - 1)
        middle = np.where(count < input.shape[dim], first_nan, middle)
    return np.take_along_axis(order, middle, dim)


class ArgReduce(Op):
    """Where the greatest or least element is."""

    formula = "piecewise constant"
    differentiable = False

    def __init__(self, kernel, dim, keepdim):
        self.kernel, self.dim, self.keepdim = kernel, dim, keepdim

    def forward(self, input):
        if input.ndim == 0:
            return np.zeros((), np.int64)
        return kernels.arg_reduce(self.kernel, input, self.dim, self.keepdim)


class Truth(Reduction):
    """Whether any, or all, elements are not zero."""

    formula = "piecewise constant"
    differentiable = False

    def __init__(self, kernel, dims, keepdim):
        super().__init__(dims, keepdim)
        self.kernel = kernel

    def forward(self, input):
        return kernels.reduce(self.kernel, input, self.dims, self.keepdim)


class CountNonzero(Op):
    """How many elements are not zero."""

    formula = "piecewise constant"
    differentiable = False

    def __init__(self, dims):
        self.dims = dims

    def forward(self, input):
        return np.asarray(np.count_nonzero(input, axis=self.dims), np.int64)


class Var(Reduction):
    """Variance: mean square distance from the mean, with n - correction in place of n."""

    formula = "dx = 2 (x - mean) / (n - correction) g"
    reads = {0: (0,)}

    def __init__(self, dims, keepdim, correction):
        super().__init__(dims, keepdim)
        self.correction = correction

    def forward(self, input):
        self.source = input.shape
        variance = kernels.moments(input, self.dims, self.keepdim)[1]
        divisor = self.count - self.correction
        factor = self.count / divisor if divisor > 0 else math.inf
        return kernels.binary("mul", variance, factor)

    def backward(self, grad, needs):
        input = self.inputs[0]
        divisor = self.count - self.correction
        factor = 2.0 / divisor if divisor else math.inf
        return mul(sub(input, mean(input, self.dims, True)), mul(self.kept(grad), factor))


class Std(Var):
    """Standard deviation: square root of the variance."""

    formula = "dx = (x - mean) / ((n - correction) std) g"
    reads_output = True

    def forward(self, input):
        return kernels.unary("sqrt", super().forward(input))

    def backward(self, grad, needs):
        output = self.output
        by_variance = where(eq(output, 0.0), 0.0, div(grad, mul(output, 2.0)))
        return super().backward(by_variance, needs)


class Norm(Reduction):
    """Norm of order p: the p-th root of the sum of the p-th powers of the magnitudes."""

    formula = "dx = sign(x) |x|ᵖ⁻¹ / normᵖ⁻¹ g"
    reads = {0: (0,)}
    reads_output = True

    def __init__(self, p, dims, keepdim):
        super().__init__(dims, keepdim)
        self.p = p

    def forward(self, input):
        self.source = input.shape
        p = self.p
        if p == 2:
            return kernels.unary("sqrt", self._reduced("sumsq", input))
        if p == 1:
            return self._reduced("sumabs", input)
        if p == 0:
            return self._reduced("sum", (input != 0).astype(input.dtype))
        magnitude = kernels.unary("abs", input)
        if p in (math.inf, -math.inf):
            return self._reduced("max" if p > 0 else "min", magnitude)
        total = self._reduced("sum", kernels.binary("pow", magnitude, p))
        return kernels.binary("pow", total, 1 / p)

    def _reduced(self, name, array):
        return kernels.reduce(name, array, self.dims, self.keepdim)

    def backward(self, grad, needs):
        input, output, grad = self.inputs[0], self.kept(self.output), self.kept(grad)
        p = self.p
        if p == 0:
            return zeros(input)
        if p == 1:
            return mul(sign(input), grad)
        if p == 2:
            return mul(input, where(eq(output, 0.0), 0.0, div(grad, output)))
        if p in (math.inf, -math.inf):
            chosen = cast(eq(abs(input), output), dtypes.of(grad.dtype))
            share = div(mul(sign(input), chosen), sum(chosen, self.dims, True))
            return mul(share, grad)
        scaled = where(eq(output, 0.0), 0.0, mul(grad, pow(output, 1.0 - p)))
        if p > 2:
            return mul(mul(input, pow(abs(input), p - 2.0)), scaled)
        slope = mul(sign(input), pow(abs(input), p - 1.0))
        return mul(where(eq(input, 0.0), 0.0, slope), scaled)


class LogSumExp(Reduction):
    """Logarithm of the sum of exponentials."""

    formula = "dx = exp(x - y) g"
    reads = {0: (0,)}
    reads_output = True

    def forward(self, input):
        self.source = input.shape
        if input.size == 0:
            total = kernels.reduce("sum", input, self.dims, self.keepdim)
            return kernels.unary("log", total)
        largest = kernels.reduce("max", input, self.dims, True)
        largest = np.where(np.isfinite(largest), largest, largest.dtype.type(0))
        powers = kernels.unary("exp", kernels.binary("sub", input, largest))
        total = kernels.unary("log", kernels.reduce("sum", powers, self.dims, self.keepdim))
        return kernels.binary("add", total, largest.reshape(total.shape))

    def backward(self, grad, needs):
        output = self.output
        output = where(eq(output, -math.inf), 0.0, output)
        return mul(self.kept(grad), exp(sub(self.inputs[0], self.kept(output))))


class CumSum(Op):
    """Running sums, from the first element on or (in reverse) from the last."""

    formula = "dxᵢ = Σⱼ gⱼ over j ≥ i"

    def __init__(self, dim, reverse=False):
        self.dim, self.reverse = dim, reverse

    def forward(self, input):
        if input.ndim == 0:
            return input.copy()
        if not self.reverse:
            return kernels.cumsum(input, self.dim)
        return np.flip(kernels.cumsum(np.flip(input, self.dim), self.dim), self.dim)

    def backward(self, grad, needs):
        return CumSum(self.dim, not self.reverse)(grad)


class CumProd(Op):
    """Running products."""

    formula = "dxᵢ = Σⱼ gⱼ yⱼ / xᵢ over j ≥ i"
    reads = {0: (0,)}

    def __init__(self, dim):
        self.dim = dim

    def forward(self, input):
        if input.ndim == 0:
            return input.copy()
        return np.cumprod(input, axis=self.dim, dtype=input.dtype)

    def backward(self, grad, needs):
        input = self.inputs[0]
        if _array(input).all():
            products = CumProd(self.dim)(input)
            return div(CumSum(self.dim, True)(mul(grad, products)), input)
        if input.ndim == 0:
            return grad
        # A factor is zero: for every element multiply the others, with a one in its own place.
        dim, n = self.dim, input.shape[self.dim]
        products = CumProd(dim + 1)(_with_ones(input, dim))
        later = _square(np.triu(np.ones((n, n), builtins.bool)), dim, input.ndim)
        return sum(where(later, mul(products, unsqueeze(grad, dim)), 0.0), dim + 1)


def _array(x):
    return x._array if is_tensor(x) else x


def _other_name(function):
    """Accept `other`, a tensor, for `dim`."""

    @functools.wraps(function)
    def with_other(*args, **kwargs):
        if not kwargs:
            return function(*args)
        if "other" in kwargs:
            kwargs["dim"] = kwargs.pop("other")
        return function(*args, **kwargs)

    return with_other


def _dims(name, input, dim):
    """Return `dim` as a tuple of dimensions; None and the empty tuple stand for all."""
    array = input._array if is_tensor(input) else tensor(name, input)
    if dim is None or (type(dim) in (tuple, list) and not dim):
        return tuple(range(array.ndim))
    return (
        (dimension(name, array, dim),)
        if array.ndim and type(dim) is int
        else dimensions(name, array, dim)
    )


def _require_elements(name, input, dims, all_given):
    """There is no greatest of no elements."""
    if all_given and _array(input).size == 0:
        raise RuntimeError(
            f"{name}: expected reduction dim to be specified for an input without elements: input "
            f"{tuple(input.shape)}. Specify the reduction dim with the 'dim' argument"
        )
    for dim in dims:
        if input.ndim and input.shape[dim] == 0:
            raise IndexError(
                f"{name}: expected reduction dim {dim} to have non-zero size: input "
                f"{tuple(input.shape)}"
            )


def _require_floating(name, input):
    if _array(tensor(name, input)).dtype.kind != "f":
        kind = dtypes.of(input.dtype)
        raise RuntimeError(f"{name}: the input must be floating-point, got {kind}")


def _summable(name, input, dtype):
    """Convert what is summed or multiplied: to `dtype`, integers and bool to int64."""
    array = input._array if is_tensor(input) else tensor(name, input)
    if dtype is not None:
        return input if dtypes.of(array.dtype) is dtype else cast(input, dtype)
    return input if array.dtype.kind == "f" else cast(input, dtypes.int64)


@numpy_names
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
    if type(input) is np.ndarray and dtype is None and input.dtype.kind == "f":
        # a frequent step of a backward
        return kernels.reduce("sum", input, None if dim == () else dim, keepdim)
    dims = _dims("sum", input, dim)
    return Sum(dims, keepdim)(_summable("sum", input, dtype))


@numpy_names
def mean(input, dim=None, keepdim=False, *, dtype=None):
    """Average elements, along all dimensions or some.

    Parameters
    ----------
    input : Tensor
        Floating-point, unless `dtype` is given.
    dim : int or tuple of int, optional
        The dimensions to average along. Default: all.
    keepdim : bool
        Keep these dimensions, with size 1.
    dtype : dtype, optional
        Floating-point type to compute in. Default: that of `input`.

    Returns
    -------
    Tensor
        NaN where there is nothing to average.

    Raises
    ------
    RuntimeError
        If the type is not floating-point.
    """
    if dtype is not None:
        input = cast(tensor("mean", input), dtype)
    _require_floating("mean", input)
    dims = _dims("mean", input, dim)
    return Mean(dims, keepdim)(input)


@numpy_names
def prod(input, dim=None, keepdim=False, *, dtype=None):
    """Multiply elements, along all dimensions or one.

    Parameters
    ----------
    input : Tensor
    dim : int, optional
        The dimension to multiply along. Default: all.
    keepdim : bool
        Keep this dimension, with size 1.
    dtype : dtype, optional
        Multiply in this type. Default: that of `input`, int64 for integers and bool.

    Returns
    -------
    Tensor
    """
    if isinstance(dim, (tuple, list)):
        raise TypeError(f"prod: dim must be an int, got {dim}")
    dims = _dims("prod", input, dim)
    return Prod(dims, keepdim)(_summable("prod", input, dtype))


@numpy_names
def nansum(input, dim=None, keepdim=False, *, dtype=None):
    """Sum elements, counting NaN as zero; see `sum`."""
    return sum(where(isnan(tensor("nansum", input)), 0, input), dim, keepdim, dtype=dtype)


@numpy_names
def nanmean(input, dim=None, keepdim=False, *, dtype=None):
    """Average the elements that are not NaN; see `mean`."""
    _require_floating("nanmean", input)
    total = nansum(input, dim, keepdim, dtype=dtype)
    count = sum(eq(input, input), dim, keepdim)  # NaN does not equal itself
    return div(total, cast(count, total.dtype))


@_other_name
@numpy_names
def max(input, dim=None, keepdim=False):
    """Greatest element, of all or along a dimension; or the greater of two, element by element.

    Parameters
    ----------
    input : Tensor
    dim : int or Tensor, optional
        The dimension; given a tensor, this is `maximum`. Default: all elements.
    keepdim : bool
        Keep the dimension, with size 1.

    Returns
    -------
    Tensor or (values, indices)
        With `dim` a named tuple; the first of equal elements is found, and receives the gradient.
        Without `dim` equal elements share the gradient. NaN is greater than any number.

    Raises
    ------
    RuntimeError, IndexError
        If there is no element.
    """
    return _extremum("max", maximum, input, dim, keepdim)


@_other_name
@numpy_names
def min(input, dim=None, keepdim=False):
    """Least element, of all or along a dimension; or the lesser of two, element by element.

    Parameters
    ----------
    input : Tensor
    dim : int or Tensor, optional
        The dimension; given a tensor, this is `minimum`. Default: all elements.
    keepdim : bool
        Keep the dimension, with size 1.

    Returns
    -------
    Tensor or (values, indices)
        With `dim` a named tuple; the first of equal elements is found, and receives the gradient.
        Without `dim` equal elements share the gradient. NaN is less than any number.

    Raises
    ------
    RuntimeError, IndexError
        If there is no element.
    """
    return _extremum("min", minimum, input, dim, keepdim)


def _extremum(name, elementwise, input, dim, keepdim):
    tensor(name, input)
    if dim is None:
        dims = tuple(range(input.ndim))
        _require_elements(name, input, (), True)
        return Extremum(name, dims, False)(input)
    if is_tensor(dim):
        return elementwise(input, dim)
    dim = dimension(name, input, dim)
    _require_elements(name, input, (dim,), False)
    return Along(*PickExtremum(name, dim, keepdim)(input))


@numpy_names
def amax(input, dim=(), keepdim=False):
    """Greatest elements along dimensions; equal ones share the gradient.

    Parameters
    ----------
    input : Tensor
    dim : int or tuple of int, optional
        Default: all.
    keepdim : bool
        Keep these dimensions, with size 1.

    Returns
    -------
    Tensor
    """
    return _shared_extremum("amax", "max", input, dim, keepdim)


@numpy_names
def amin(input, dim=(), keepdim=False):
    """Least elements along dimensions; equal ones share the gradient.

    Parameters
    ----------
    input : Tensor
    dim : int or tuple of int, optional
        Default: all.
    keepdim : bool
        Keep these dimensions, with size 1.

    Returns
    -------
    Tensor
    """
    return _shared_extremum("amin", "min", input, dim, keepdim)


def _shared_extremum(name, kernel, input, dim, keepdim):
    dims = _dims(name, input, dim)
    _require_elements(name, input, dims, dim is None or dim == ())
    return Extremum(kernel, dims, keepdim)(input)


def aminmax(input, *, dim=None, keepdim=False):
    """Least and greatest elements, of all or along a dimension.

    Parameters
    ----------
    input : Tensor
    dim : int, optional
        Default: all.
    keepdim : bool
        Keep the dimension, of size 1.

    Returns
    -------
    (min, max)
        A named tuple of Tensor.
    """
    dim = () if dim is None else dim
    return MinMax(amin(input, dim, keepdim), amax(input, dim, keepdim))


@numpy_names
def argmax(input, dim=None, keepdim=False):
    """Index of the greatest element, the first of equal ones.

    Parameters
    ----------
    input : Tensor
    dim : int, optional
        The dimension. Default: the index counts through all elements.
    keepdim : bool
        Keep the dimension, with size 1.

    Returns
    -------
    Tensor
        int64
    """
    return _arg_reduce("argmax", "max", input, dim, keepdim)


@numpy_names
def argmin(input, dim=None, keepdim=False):
    """Index of the least element, the first of equal ones.

    Parameters
    ----------
    input : Tensor
    dim : int, optional
        The dimension. Default: the index counts through all elements.
    keepdim : bool
        Keep the dimension, with size 1.

    Returns
    -------
    Tensor
        int64
    """
    return _arg_reduce("argmin", "min", input, dim, keepdim)


def _arg_reduce(name, kernel, input, dim, keepdim):
    if tensor(name, input).dtype is dtypes.bool:
        raise RuntimeError(f"{name}: does not support bool input")
    if dim is None:
        if input.numel() == 0:
            raise IndexError(
                f"{name}: expected reduction dim to be specified for an input without elements: "
                f"input {tuple(input.shape)}"
            )
    else:
        dim = dimension(name, input, dim)
        _require_elements(name, input, (dim,), False)
    return ArgReduce(kernel, dim, keepdim)(input)


@numpy_names
def any(input, dim=None, keepdim=False):
    """Whether any element is not zero, of all or along dimensions.

    Parameters
    ----------
    input : Tensor
    dim : int or sequence of int, optional
        Default: all.
    keepdim : bool
        Keep these dimensions, of size 1.

    Returns
    -------
    Tensor
        Of bool; of uint8 for uint8.
    """
    return _truth("any", input, dim, keepdim)


@numpy_names
def all(input, dim=None, keepdim=False):
    """Whether all elements are not zero, of all or along dimensions; arguments as of `any`."""
    return _truth("all", input, dim, keepdim)


def _truth(name, input, dim, keepdim):
    result = Truth(name, _dims(name, input, dim), keepdim)(input)
    return cast(result, dtypes.uint8) if input.dtype is dtypes.uint8 else result


def count_nonzero(input, dim=None):
    """Number of elements that are not zero, of all or along dimensions.

    Parameters
    ----------
    input : Tensor
    dim : int or sequence of int, optional
        Default: all.

    Returns
    -------
    Tensor
        Of int64.
    """
    return CountNonzero(_dims("count_nonzero", input, dim))(input)


@numpy_names
def var(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """Variance, of all elements or along dimensions.

    Parameters
    ----------
    input : Tensor
        Floating-point.
    dim : int or tuple of int, optional
        Default: all.
    unbiased : bool, optional
        Old name: True stands for `correction` 1, False for 0. May be the first argument.
    keepdim : bool
        Keep these dimensions, with size 1.
    correction : number
        The sum of squares is divided by the number of elements less this. Default: 1.

    Returns
    -------
    Tensor
        NaN where the number of elements does not exceed the correction, with a warning.

    Raises
    ------
    RuntimeError
        If `input` is not floating-point.
    """
    return Var(*_variance_arguments("var", input, dim, unbiased, keepdim, correction))(input)


@numpy_names
def std(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """Standard deviation, the square root of the variance; arguments as of `var`."""
    return Std(*_variance_arguments("std", input, dim, unbiased, keepdim, correction))(input)


@numpy_names
def var_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """Return variance and mean; arguments as of `var`."""
    arguments = _variance_arguments("var_mean", input, dim, unbiased, keepdim, correction)
    return Var(*arguments)(input), Mean(*arguments[:2])(input)


@numpy_names
def std_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """Return standard deviation and mean; arguments as of `std`."""
    arguments = _variance_arguments("std_mean", input, dim, unbiased, keepdim, correction)
    return Std(*arguments)(input), Mean(*arguments[:2])(input)


def _variance_arguments(name, input, dim, unbiased, keepdim, correction):
    _require_floating(name, input)
    if isinstance(dim, builtins.bool):
        dim, unbiased = None, dim
    dims = _dims(name, input, dim)
    if correction is None:
        correction = 0 if unbiased is False else 1
    if math.prod(input.shape[i] for i in dims) <= correction:
        warnings.warn(
            f"{name}: degrees of freedom is <= 0. Correction should be strictly less than the "
            f"number of elements that are reduced: input {tuple(input.shape)}",
            stacklevel=4,
        )
    return dims, keepdim, correction


@numpy_names
def norm(input, p="fro", dim=None, keepdim=False, dtype=None):
    """Norm of the elements as a vector: ``sum(abs(x) ** p) ** (1 / p)``.

    Parameters
    ----------
    input : Tensor
        Floating-point.
    p : number or "fro"
        The order; "fro" and None stand for 2, infinity for the greatest magnitude, 0 for the
        number of elements that are not zero.
    dim : int or tuple of int, optional
        Default: all.
    keepdim : bool
        Keep these dimensions, with size 1.
    dtype : dtype, optional
        Type to which `input` is converted first.

    Returns
    -------
    Tensor
    """
    tensor("norm", input)
    if dtype is not None:
        input = cast(input, dtype)
    _require_floating("norm", input)
    if isinstance(p, str) and p != "fro":
        raise NotImplementedError(f"norm: p must be a number or 'fro', got {p!r}")
    order = 2.0 if p in ("fro", None) else float(p)
    dims = _dims("norm", input, dim)
    if order in (math.inf, -math.inf):
        _require_elements("norm", input, dims, dim is None)
    return Norm(order, dims, keepdim)(input)


@numpy_names
def logsumexp(input, dim, keepdim=False):
    """Logarithm of the sum of exponentials along dimensions, without overflow.

    Parameters
    ----------
    input : Tensor
    dim : int or tuple of int
    keepdim : bool
        Keep these dimensions, with size 1.

    Returns
    -------
    Tensor
    """
    input = floating("logsumexp", input)
    return LogSumExp(dimensions("logsumexp", input, dim), keepdim)(input)


@numpy_names
def median(input, dim=None, keepdim=False):
    """Median, the lower one of two, of all elements or along a dimension; NaN if there is a NaN.

    Parameters
    ----------
    input : Tensor
    dim : int, optional
        Default: all.
    keepdim : bool
        Keep this dimension, with size 1.

    Returns
    -------
    Tensor or (values, indices)
        With `dim` a named tuple.
    """
    return _median("median", False, input, dim, keepdim)


@numpy_names
def nanmedian(input, dim=None, keepdim=False):
    """Median of the elements that are not NaN; see `median`."""
    return _median("nanmedian", True, input, dim, keepdim)


def _median(name, ignore_nan, input, dim, keepdim):
    tensor(name, input)
    if dim is None:
        if input.numel() == 0:
            return type(input)._wrap(np.array(math.nan, input.dtype.numpy))
        return Median(ignore_nan)(input)
    dim = dimension(name, input, dim)
    _require_elements(name, input, (dim,), False)
    return Along(*PickMedian(ignore_nan, dim, keepdim)(input))


@numpy_names
def cumsum(input, dim, *, dtype=None):
    """Running sums along a dimension.

    Parameters
    ----------
    input : Tensor
    dim : int
    dtype : dtype, optional
        Sum in this type. Default: that of `input`, int64 for integers and bool.

    Returns
    -------
    Tensor
    """
    dim = dimension("cumsum", tensor("cumsum", input), dim)
    return CumSum(dim)(_summable("cumsum", input, dtype))


@numpy_names
def cumprod(input, dim, *, dtype=None):
    """Running products along a dimension.

    Parameters
    ----------
    input : Tensor
    dim : int
    dtype : dtype, optional
        Multiply in this type. Default: that of `input`, int64 for integers and bool.

    Returns
    -------
    Tensor
    """
    dim = dimension("cumprod", tensor("cumprod", input), dim)
    return CumProd(dim)(_summable("cumprod", input, dtype))


@numpy_names
def cummax(input, dim):
    """Greatest elements so far along a dimension, and where they are (the last of equal ones).

    Parameters
    ----------
    input : Tensor
    dim : int

    Returns
    -------
    (values, indices)
        A named tuple of Tensor, of the shape of `input`; indices of int64.
    """
    return _cumulative("cummax", np.maximum, input, dim)


@numpy_names
def cummin(input, dim):
    """Least elements so far along a dimension, and where they are; see `cummax`."""
    return _cumulative("cummin", np.minimum, input, dim)


def _cumulative(name, ufunc, input, dim):
    dim = dimension(name, tensor(name, input), dim)
    array = input._array
    if array.ndim == 0:
        return Along(clone(input), convert(np.zeros((), np.int64), dtypes.int64))
    best = ufunc.accumulate(array, axis=dim)
    line = [1] * array.ndim
    line[dim] = -1
    found = (array == best) | np.isnan(array)
    places = np.where(found, np.arange(array.shape[dim]).reshape(line), 0)
    indices = convert(np.maximum.accumulate(places, axis=dim), dtypes.int64)
    return Along(gather(input, dim, indices), indices)
