"""Hooks: functions of the user that see, and may replace, gradients on their way."""

from __future__ import annotations

import weakref

from . import anomaly
from .grad_mode import state

Tensor = None  # the class, set by minitorch.tensor when it is defined


class RemovableHandle:
    """What registering a hook returns: `remove` takes the hook out again (also as a context).

    Parameters
    ----------
    hooks : dict
        Where the hook is kept.
    hook : callable
    """

    _next_id = 0

    def __init__(self, hooks: dict, hook):
        self._hooks = weakref.ref(hooks)
        self.id = RemovableHandle._next_id
        RemovableHandle._next_id += 1
        hooks[self.id] = hook

    def remove(self) -> None:
        """Take the hook out; calling it again does nothing."""
        hooks = self._hooks()
        if hooks is not None:
            hooks.pop(self.id, None)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()


def run_tensor_hooks(node, grads):
    """Show the gradients of a node's outputs to the hooks of those tensors."""
    for number, last in sorted(node.tensor_hooks):
        for hook in list(node.tensor_hooks[number, last].values()):
            if grads[number] is not None:
                replaced = hook(_as_tensor(grads[number]))
                if replaced is not None:
                    grads[number] = _checked(hook, replaced, grads[number])


def _checked(hook, replaced, grad):
    """Return what a tensor hook put in the place of a gradient, if it can take that place."""
    name = getattr(hook, "__name__", repr(hook))
    if not isinstance(replaced, Tensor):
        raise TypeError(
            f"hook '{name}' must return a Tensor or None, got {type(replaced).__name__}"
        )
    if replaced.shape != grad.shape:
        raise RuntimeError(
            f"hook '{name}' has changed the size of value: the gradient has shape "
            f"{tuple(grad.shape)}, the hook returned {tuple(replaced.shape)}"
        )
    value = _from_tensor(replaced)
    if value.dtype != grad.dtype:
        raise RuntimeError(
            f"hook '{name}' has changed the type of value (was {grad.dtype} got {value.dtype})"
        )
    return value


def run_with_hooks(node, grads, needs):
    """Run a node, with its hooks before and after, checked in anomaly mode."""
    for hook in list((node.pre_hooks or {}).values()):
        replaced = hook(tuple(map(_as_tensor, grads)))
        if replaced is not None:
            grads = _all_checked(hook, replaced, grads)
    before = tuple(map(_as_tensor, grads)) if node.hooks else ()
    run = anomaly.run_checked if state.anomaly else type(node).run
    results = run(node, grads, needs)
    for hook in list((node.hooks or {}).values()):
        replaced = hook(tuple(map(_as_tensor, results)), before)
        if replaced is not None:
            results = _all_checked(hook, replaced, results)
    return results


def _all_checked(hook, replaced, grads):
    """Return what a node's hook put in the place of all gradients, None for those it left out."""
    name = getattr(hook, "__name__", repr(hook))
    if not isinstance(replaced, tuple):
        raise TypeError(f"expected tuple, but hook '{name}' returned '{type(replaced).__name__}'")
    if len(replaced) != len(grads):
        raise RuntimeError(
            f"hook '{name}' has returned an incorrect number of values (got {len(replaced)}, but "
            f"expected {len(grads)})"
        )
    return [
        _from_tensor(new) if new is None or old is None else _checked(hook, new, old)
        for new, old in zip(replaced, grads, strict=True)
    ]


def _as_tensor(grad):
    return grad if grad is None or state.grad else Tensor._wrap(grad)


def _from_tensor(grad):
    return grad if grad is None or state.grad else grad._array
