"""Pruning: parts of parameters set to zero by masks, which are applied before each call."""

from __future__ import annotations

import numpy as np

from ...autograd.grad_mode import no_grad
from ...tensor import Tensor

__all__ = [
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]


class _Pruning:
    """The hook that multiplies a parameter with its mask."""

    def __init__(self, name):
        self.name = name

    def __call__(self, module, inputs):
        setattr(module, self.name, self.masked(module))

    def masked(self, module):
        """Return the parameter, zero where the mask is."""
        return getattr(module, self.name + "_mask") * getattr(module, self.name + "_orig")


def _hook(module, name):
    """Return number and hook of a pruned parameter, or a pair of None."""
    for number, hook in module._forward_pre_hooks.items():
        if isinstance(hook, _Pruning) and hook.name == name:
            return number, hook
    return None, None


def is_pruned(module) -> bool:
    """Whether a parameter of a module, or of one inside, is pruned.

    Parameters
    ----------
    module : Module
    """
    hooks = (h for m in module.modules() for h in m._forward_pre_hooks.values())
    return any(isinstance(hook, _Pruning) for hook in hooks)


def custom_from_mask(module, name: str, mask):
    """Prune a parameter by a mask; what was pruned before stays so.

    Parameters
    ----------
    module : Module
    name : str
        The parameter; ``name_orig`` takes its place, ``name_mask`` is a buffer.
    mask : Tensor
        Of its shape: 1 where it stays, 0 where it is pruned.

    Returns
    -------
    Module
        `module`
    """
    _, hook = _hook(module, name)
    if hook is None:
        original = module._parameters[name]
        del module._parameters[name]
        module.register_parameter(name + "_orig", original)
        module.register_buffer(name + "_mask", mask.to(original.dtype).clone())
        hook = _Pruning(name)
        module.register_forward_pre_hook(hook)
    else:
        with no_grad():
            present = getattr(module, name + "_mask")
            setattr(module, name + "_mask", present * mask.to(present.dtype))
    setattr(module, name, hook.masked(module))
    return module


def remove(module, name: str):
    """Make the pruned parameter, zeros included, an ordinary one again; arguments as of `identity`.

    Raises
    ------
    ValueError
        If it is not pruned.
    """
    number, hook = _hook(module, name)
    if hook is None:
        raise ValueError(
            f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed"
        )
    with no_grad():
        value = hook.masked(module)
    original = module._parameters.pop(name + "_orig")
    del module._buffers[name + "_mask"], module._forward_pre_hooks[number]
    delattr(module, name)
    original.data = value.detach()
    module.register_parameter(name, original)
    return module


def _count(amount, size: int) -> int:
    """Return how many of `size` a share or a number stands for."""
    if not isinstance(amount, (int, float)) or isinstance(amount, bool):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    if amount < 0 or (isinstance(amount, float) and amount > 1):
        raise ValueError(
            f"amount={amount} should either be a float in the range [0, 1] or a non-negative "
            "integer"
        )
    if isinstance(amount, int) and amount > size:
        raise ValueError(
            f"amount={amount} should be smaller than the number of parameters ({size})"
        )
    return amount if isinstance(amount, int) else round(amount * size)


def _present(module, name):
    """Return a parameter as an array, and the mask of what is left of it."""
    _, hook = _hook(module, name)
    if hook is None:
        array = module._parameters[name]._array
        return array, np.ones(array.shape, np.bool_)
    array = getattr(module, name + "_orig")._array
    return array, getattr(module, name + "_mask")._array != 0


def _unstructured(module, name, amount, scores):
    """Prune the elements with the least scores of those that are left."""
    array, left = _present(module, name)
    importance = scores(array)[left]
    mask = np.ones(array.shape, np.bool_)
    chosen = np.argsort(importance, kind="stable")[: _count(amount, importance.size)]
    inside = np.ones(importance.size, np.bool_)
    inside[chosen] = False
    mask[left] = inside
    return custom_from_mask(module, name, Tensor._wrap(mask))


def _structured(module, name, amount, dim, scores):
    """Prune the slices along a dimension with the least scores of those that are left."""
    array, left = _present(module, name)
    if array.ndim < 2:
        raise ValueError(
            f"Structured pruning can only be applied to multidimensional tensors, got {array.ndim}"
        )
    rows = np.moveaxis(array * left, dim, 0).reshape(array.shape[dim], -1)
    kept = np.flatnonzero(np.moveaxis(left, dim, 0).reshape(len(rows), -1).any(1))
    importance = scores(rows)[kept]
    chosen = kept[np.argsort(importance, kind="stable")[: _count(amount, len(kept))]]
    mask = np.ones(array.shape, np.bool_)
    np.moveaxis(mask, dim, 0)[chosen] = False
    return custom_from_mask(module, name, Tensor._wrap(mask))


def _random_scores(array):
    from ...ops import rand

    return rand(*array.shape)._array


def identity(module, name: str):
    """Prune nothing, but give the parameter the form of a pruned one.

    Parameters
    ----------
    module : Module
    name : str
        Of the parameter.

    Returns
    -------
    Module
        `module`.
    """
    array, _ = _present(module, name)
    return custom_from_mask(module, name, Tensor._wrap(np.ones(array.shape, np.bool_)))


def l1_unstructured(module, name: str, amount, importance_scores=None):
    """Prune the elements that are closest to zero.

    Parameters
    ----------
    module : Module
    name : str
        The parameter.
    amount : int or float
        How many, or which share of those left.
    importance_scores : Tensor, optional
        What counts in place of the magnitude of the elements.

    Returns
    -------
    Module
        `module`
    """
    given = importance_scores
    return _unstructured(
        module, name, amount, lambda x: np.abs(x if given is None else given.detach()._array)
    )


def random_unstructured(module, name: str, amount):
    """Prune elements at random; see `l1_unstructured`."""
    return _unstructured(module, name, amount, _random_scores)


def ln_structured(module, name: str, amount, n, dim: int, importance_scores=None):
    """Prune the slices along a dimension whose norm is least.

    Parameters
    ----------
    module : Module
    name : str
        The parameter.
    amount : int or float
        How many, or which share of those left.
    n : float
        Order of the norm.
    dim : int
    importance_scores : Tensor, optional
        Of the shape of the parameter: what the norm is taken of.

    Returns
    -------
    Module
        `module`
    """
    if importance_scores is None:
        return _structured(module, name, amount, dim, lambda rows: np.linalg.norm(rows, n, axis=1))
    given = importance_scores.detach()._array
    rows = np.moveaxis(given, dim, 0).reshape(given.shape[dim], -1)
    return _structured(module, name, amount, dim, lambda _: np.linalg.norm(rows, n, axis=1))


def random_structured(module, name: str, amount, dim: int):
    """Prune slices along a dimension at random; see `ln_structured`."""
    return _structured(module, name, amount, dim, lambda rows: _random_scores(rows[:, 0]))


def global_unstructured(parameters, pruning_method=None, importance_scores=None, *, amount):
    """Prune the elements of several parameters that are closest to zero among them all.

    Parameters
    ----------
    parameters : iterable of (Module, str)
    pruning_method : class, optional
        `L1Unstructured`, the default, or `RandomUnstructured`.
    importance_scores : None
        Not supported.
    amount : int or float
        How many, or which share of those left.
    """
    if importance_scores is not None:
        raise NotImplementedError("global_unstructured: importance_scores are not supported")
    pairs = list(parameters)
    scores = _random_scores if pruning_method is RandomUnstructured else np.abs
    found = [_present(module, name) for module, name in pairs]
    joined = np.concatenate([scores(array)[left].ravel() for array, left in found])
    inside = np.ones(joined.size, np.bool_)
    inside[np.argsort(joined, kind="stable")[: _count(amount, joined.size)]] = False
    start = 0
    for (module, name), (array, left) in zip(pairs, found, strict=True):
        mask = np.ones(array.shape, np.bool_)
        size = int(left.sum())
        mask[left] = inside[start : start + size]
        start += size
        custom_from_mask(module, name, Tensor._wrap(mask))


class L1Unstructured:
    """Names the method of `l1_unstructured` for `global_unstructured`."""

    apply = staticmethod(l1_unstructured)


class RandomUnstructured:
    """Names the method of `random_unstructured` for `global_unstructured`."""

    apply = staticmethod(random_unstructured)
