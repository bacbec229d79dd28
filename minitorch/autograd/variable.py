"""Variable: what Tensors that require grad were once wrapped in."""

from __future__ import annotations

import warnings

from . import api

__all__ = ["Variable"]


class _VariableMeta(type):
    def __instancecheck__(cls, instance):
        return isinstance(instance, api.Tensor)


class Variable(metaclass=_VariableMeta):
    """Old name of a Tensor in a graph: ``Variable(x)`` returns a Tensor, and every Tensor is one.

    Parameters
    ----------
    data : Tensor
        Its memory is shared, its history is not.
    requires_grad : bool
        Whether operations on the result are recorded.
    volatile : optional
        Without effect, as in PyTorch; use `no_grad`.
    """

    def __new__(cls, data, requires_grad=False, volatile=None):
        if not isinstance(data, api.Tensor):
            raise TypeError(f"Variable: data must be a Tensor, got {type(data).__name__}")
        if volatile:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with no_grad():` instead.",
                stacklevel=2,
            )
        return data.detach().requires_grad_(requires_grad)
