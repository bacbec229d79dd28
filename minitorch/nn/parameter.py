"""Parameter and Buffer: the tensors that a module holds."""

from __future__ import annotations

from ..tensor import Tensor

__all__ = ["Buffer", "Parameter"]


def _leaf(cls, data, requires_grad):
    """Make a leaf of class `cls` that shares the memory of `data`."""
    if data is None:
        data = Tensor(())
    elif not isinstance(data, Tensor):
        raise TypeError(f"{cls.__name__}: data must be a Tensor, got {type(data).__name__}")
    self = Tensor._make(cls, data._array, data._cell)
    self.requires_grad_(requires_grad)
    return self


class Parameter(Tensor):
    """A tensor that is a parameter of a module when it is assigned as an attribute of one.

    Parameters
    ----------
    data : Tensor, optional
        The values; memory is shared, the graph that made them is not.
    requires_grad : bool
        Whether gradients are computed for it.

    Raises
    ------
    RuntimeError
        If `data` is not floating-point and requires_grad is not False.
    """

    def __new__(cls, data=None, requires_grad=True):
        return _leaf(cls, data, requires_grad)

    def __init__(self, data=None, requires_grad=True):
        pass

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __deepcopy__(self, memo):
        # As in PyTorch the values alone are copied: a copied network starts without gradients.
        result = memo[id(self)] = self._like(self._array.copy())
        return result


class Buffer(Tensor):
    """A tensor that is a buffer of a module when it is assigned as an attribute of one.

    Buffers are moved and saved with the module, and not trained.

    Parameters
    ----------
    data : Tensor, optional
        The values; memory is shared.
    persistent : bool
        Whether `Module.state_dict` contains it.
    """

    def __new__(cls, data=None, *, persistent=True):
        self = _leaf(cls, data, False)
        self.persistent = persistent
        return self

    def __init__(self, data=None, *, persistent=True):
        pass
