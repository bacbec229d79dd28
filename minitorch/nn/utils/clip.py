"""Limits for gradients."""

from __future__ import annotations

import types
import warnings

import numpy as np

from ...autograd.grad_mode import no_grad
from ...tensor import Tensor

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
]


def _norm(array, order: float):
    """Return the p-norm of all elements, summed in float64."""
    sizes = np.abs(array).astype(np.float64)
    if order == np.inf:
        return sizes.max(initial=0.0)
    if order == -np.inf:
        return sizes.min(initial=np.inf)
    if order == 0:
        return float(np.count_nonzero(sizes))
    if order == 2:
        return np.sqrt(np.square(sizes).sum())
    return (sizes**order).sum() ** (1 / order)


def _gradients(parameters):
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    return [p.grad for p in parameters if p.grad is not None]


def get_total_norm(tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach=None):
    """Return the norm of several tensors as if they were one vector.

    Parameters
    ----------
    tensors : Tensor or iterable of Tensor
    norm_type : float
        The p of the p-norm; may be ``inf``.
    error_if_nonfinite : bool
        Raise if the result is infinite or NaN.
    foreach : bool, optional
        Accepted: there is one implementation.

    Returns
    -------
    Tensor
        No dimensions.

    Raises
    ------
    RuntimeError
        If the norm is not finite and `error_if_nonfinite`.
    """
    tensors = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    order = float(norm_type)
    if not tensors:
        return Tensor._wrap(np.zeros((), np.float32))
    norms = np.array([_norm(tensor._array, order) for tensor in tensors])
    total = _norm(norms, order)
    if error_if_nonfinite and not np.isfinite(total):
        raise RuntimeError(
            f"The total norm of order {order} for gradients from `parameters` is non-finite, so it "
            "cannot be clipped. To disable this error and scale the gradients by the non-finite "
            "norm anyway, set `error_if_nonfinite=False`"
        )
    dtype = np.result_type(*[tensor._array.dtype for tensor in tensors])
    with np.errstate(over="ignore"):
        return Tensor._wrap(np.array(total, dtype))


def clip_grads_with_norm_(parameters, max_norm: float, total_norm, foreach=None) -> None:
    """Scale gradients in place so that their norm, given as `total_norm`, becomes `max_norm`.

    Nothing is scaled up.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
    max_norm : float
    total_norm : Tensor
        As `get_total_norm` returns it.
    foreach : bool, optional
        Accepted: there is one implementation.
    """
    norm = total_norm._array
    factor = (norm.dtype.type(max_norm) / (norm + norm.dtype.type(1e-6))).item()
    if not factor >= 1:  # NaN too goes into the gradients, as in PyTorch
        with no_grad():
            for grad in _gradients(parameters):
                grad.mul_(factor)


def clip_grad_norm_(
    parameters,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
):
    """Scale gradients in place so that their norm, as one vector, is at most `max_norm`.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Those without gradient do not count.
    max_norm : float
    norm_type : float
        The p of the p-norm; may be ``inf``.
    error_if_nonfinite : bool
        Raise if the norm is infinite or NaN.
    foreach : bool, optional
        Accepted: there is one implementation.

    Returns
    -------
    Tensor
        The norm before.

    Raises
    ------
    RuntimeError
        If the norm is not finite and `error_if_nonfinite`.

    Notes
    -----
    Pascanu et al. 2012 (arXiv 1211.5063), algorithm 1.
    """
    if not isinstance(parameters, Tensor):
        generator = isinstance(parameters, types.GeneratorType)
        parameters = list(parameters)
        if generator and not parameters:
            warnings.warn(
                "`parameters` is an empty generator, no gradient clipping will occur.",
                stacklevel=2,
            )
    total = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


def clip_grad_value_(parameters, clip_value: float, foreach: bool | None = None) -> None:
    """Limit every element of the gradients to [-clip_value, clip_value], in place.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Those without gradient do not count.
    clip_value : float
    foreach : bool, optional
        Accepted: there is one implementation.
    """
    bound = float(clip_value)
    with no_grad():
        for grad in _gradients(parameters):
            grad.clamp_(-bound, bound)


def clip_grad_norm(
    parameters,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
):
    """Old name of `clip_grad_norm_`."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of "
        "`torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)
