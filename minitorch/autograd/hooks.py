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
    for number, hooks in list(node.tensor_hooks.items()):
        for hook in list(hooks.values()):
            if grads[number] is None:
                break
            replaced = hook(_as_tensor(grads[number]))
            if replaced is None:
                continue
            if not isinstance(replaced, Tensor) or replaced.shape != grads[number].shape:
                raise RuntimeError(
                    "a tensor hook must return None or a Tensor of the gradient's shape "
                    f"{tuple(grads[number].shape)}, got {getattr(replaced, 'shape', replaced)}"
                )
            grads[number] = _from_tensor(replaced)


def run_with_hooks(node, grads, needs):
    """Run a node, with its hooks before and after, checked in anomaly mode."""
    for hook in list((node.pre_hooks or {}).values()):
        replaced = hook(tuple(map(_as_tensor, grads)))
        if replaced is not None:
            grads = list(map(_from_tensor, replaced))
    before = tuple(map(_as_tensor, grads)) if node.hooks else ()
    run = anomaly.run_checked if state.anomaly else type(node).run
    results = run(node, grads, needs)
    for hook in list((node.hooks or {}).values()):
        replaced = hook(tuple(map(_as_tensor, results)), before)
        if replaced is not None:
            results = tuple(map(_from_tensor, replaced))
    return results


def _as_tensor(grad):
    return grad if grad is None or state.grad else Tensor._wrap(grad)


def _from_tensor(grad):
    return grad if grad is None or state.grad else grad._array
