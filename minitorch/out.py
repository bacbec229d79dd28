"""``out=``: the functions of PyTorch that write their result into a tensor given to them.

The functions themselves do not know of it, nor do methods, as in PyTorch. `accepting_out` puts it
around those that the package offers at its top.
"""

from __future__ import annotations

import functools
import warnings

import numpy as np

from . import dtypes
from .autograd import anomaly
from .autograd.grad_mode import no_grad, state
from .ops import doc
from .tensor import Tensor

__all__ = ["accepting_out"]

# The functions of which PyTorch has a form that writes into a tensor.
NAMES = """
    abs absolute acos acosh add addbmm addcdiv addcmul addmm addmv addr all amax amin
    aminmax any arccos arccosh arcsin arcsinh arctan arctanh argmax argmin argsort asin
    asinh atan atan2 atanh baddbmm bernoulli bitwise_and bitwise_left_shift bitwise_not
    bitwise_or bitwise_right_shift bitwise_xor bmm bucketize cat cdist ceil chain_matmul
    cholesky clamp clip column_stack concat concatenate copysign cos cosh cross cummax
    cummin cumprod cumsum deg2rad diag diff digamma div divide dot dstack eq erf erfc erfinv
    exp exp2 expm1 fix float_power floor floor_divide fmax fmin fmod frac frexp gather gcd
    ge ger greater greater_equal gt heaviside histc histogram hstack hypot i0 index_select
    inner inverse isin isneginf isposinf kron kthvalue lcm ldexp le lerp less less_equal
    lgamma log log10 log1p log2 logaddexp logaddexp2 logcumsumexp logical_and logical_not
    logical_or logical_xor logit logsumexp lt masked_select matmul matrix_power max maximum
    mean median min minimum mm mode msort mul multinomial multiply mv mvlgamma nan_to_num
    nanmean nanmedian nanquantile nansum ne neg negative nextafter nonzero norm not_equal
    outer polygamma pow prod quantile reciprocal remainder renorm round row_stack rsqrt
    scatter searchsorted sgn sigmoid sign signbit sin sinc sinh sort sqrt square stack std
    std_mean sub subtract sum svd take take_along_dim tan tanh topk trapezoid tril triu
    true_divide trunc var var_mean vdot vstack where xlogy
"""

_OUT = doc.section(
    "Other Parameters",
    "out : Tensor or tuple of Tensor, optional\n    Receives the result; nothing is recorded.\n",
)


@functools.cache  # several names of one function stay one function
def accepting_out(function):
    """Return `function` with the additional argument ``out``.

    Parameters
    ----------
    function : callable
        Returns a Tensor, or a tuple of Tensors.

    Returns
    -------
    callable
        Given ``out`` (a Tensor, or a tuple of as many as there are results) it writes there, and
        returns it. Nothing is recorded.
    """
    name = function.__name__

    @functools.wraps(function)
    def with_out(*args, **kwargs):
        if not kwargs:
            return function(*args)
        out = kwargs.pop("out", None)
        if "axis" in kwargs:
            kwargs["dim"] = kwargs.pop("axis")
        if out is None:
            return function(*args, **kwargs)
        targets = (out,) if isinstance(out, Tensor) else tuple(out)
        _refuse_gradients(name, (*_tensors(args), *_tensors(kwargs.values()), *targets))
        with no_grad():
            results = function(*args, **kwargs)
        results = (results,) if isinstance(results, Tensor) else tuple(results)
        if len(results) != len(targets):
            raise TypeError(f"{name}: {len(results)} results, but {len(targets)} tensors in out")
        for result, target in zip(results, targets, strict=True):
            _write(name, result, target)
        return out

    doc.append(with_out, _OUT)
    return with_out


def _tensors(values):
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _tensors(value)


def _refuse_gradients(name, tensors):
    if state.grad and any(x.requires_grad for x in tensors):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, "
            "but one of the arguments requires grad."
        )


def _write(name, result, target):
    """Write a result into `target`, which is given its shape."""
    if not isinstance(target, Tensor):
        raise TypeError(f"{name}: out must be a Tensor, got {type(target).__name__}")
    if not dtypes.can_cast(result.dtype, target.dtype):
        raise RuntimeError(
            f"{name}: result type {result.dtype.name} can't be cast to the desired output type "
            f"{target.dtype.name}"
        )
    if target.shape != result.shape:
        if target.numel():
            warnings.warn(
                f"{name}: An output with one or more elements was resized since it had shape "
                f"{tuple(target.shape)}, which does not match the required output shape "
                f"{tuple(result.shape)}.",
                stacklevel=4,
            )
        target._array = np.empty(result.shape, target._array.dtype)
    np.copyto(target._array, result._array, casting="unsafe")
    target._cell[0] += 1
    if state.anomaly:
        anomaly.note_write(target._cell)
