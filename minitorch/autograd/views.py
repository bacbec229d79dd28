"""Views and in-place writes under autograd.

A view shares the memory of its base and the cell that counts writes to it. It remembers the base
and the chain of view operations that leads to it. When a view is written in place, it is the base
whose history changes: it becomes the result of a `CopySlices` node. Every view notices by the
count that its own history is out of date, and on its next use replays its chain on the base.
"""

from __future__ import annotations

import numpy as np

from .engine import Node
from .grad_mode import _Mode, state

Tensor = None  # the class, set by minitorch.tensor when it is defined
_may_overlap = np.may_share_memory


def wrap_view(op, array, source):
    """Make the Tensor for `array`, a view of `source` made by `op`."""
    cell, base, chain = source._cell, source._base, source._chain
    result = Tensor._make(Tensor, array, cell)
    result._base = base = source if base is None else base
    if (base is source or chain is not None) and state.grad:
        # Class and attributes, not the op itself, which would keep its graph alive.
        step = (type(op), op.__dict__.copy())
        result._chain = (step,) if chain is None else (*chain, step)
        result._edge_version = cell[0]
        result._base_array = base._array
    return result


def replay(chain, base):
    """Apply a chain of view operations to a Tensor or an array."""
    for cls, attributes in chain:
        op = cls.__new__(cls)
        op.__dict__.update(attributes)
        base = op(base)
    return base


def refresh(view):
    """Bring the edge of a view up to date after a write to the memory it shares."""
    version = view._cell[0]
    if view._edge_version == version or view._chain is None:
        return
    view._edge_version = version
    _check_base(view)
    if view._base._edge is not None:
        with _Mode(True, False):
            fresh = replay(view._chain, view._base)
        set_edge(view, fresh._edge)


def set_edge(tensor, edge):
    """Give a tensor another history; what `retain_grad` asked for holds for the latest."""
    tensor._edge = edge
    if tensor._retained is not None:
        tensor._retain(edge)


def _check_base(view):
    """Raise if the chain of a view no longer applies, because the base itself was transformed."""
    if view._base._array is not view._base_array and view._base._edge is not None:
        raise RuntimeError(
            f"the base of a view of shape {view._array.shape} has been given another shape in "
            "place (squeeze_, unsqueeze_, transpose_, .data = ...) and its memory was written: the "
            "gradient of this view can no longer be told. Use the forms without underscore."
        )


def become(target, view):
    """Turn `target` itself into `view`, which is a view of it (squeeze_, transpose_ ...)."""
    if state.grad and target.requires_grad and target.is_leaf:
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation."
        )
    target._array = view._array
    if view._edge is not None:
        set_edge(target, view._edge)
    if target._base is not None:
        target._chain, target._edge_version = view._chain, view._edge_version
    return target


def check_writable(name, target):
    """Raise if `target` must not be written in place."""
    if not isinstance(target, Tensor):
        raise TypeError(
            f"{name}: can only write in place into a Tensor, got {type(target).__name__}"
        )
    array = target._array
    if not array.flags.writeable:
        raise RuntimeError(
            f"{name}: the tensor of shape {array.shape} cannot be written in place: its memory is "
            "read-only, or several of its elements share one place (expand). Use clone() first."
        )
    if not state.grad or (target._edge is None and target._base is None):
        return
    if target._base is None:
        if target.is_leaf:
            raise RuntimeError(
                f"{name}: a leaf Variable that requires grad is being used in an in-place "
                "operation."
            )
    elif target._base.requires_grad and target._base.is_leaf:
        raise RuntimeError(
            f"{name}: a view of a leaf Variable that requires grad is being used in an in-place "
            "operation."
        )
    elif target._base.requires_grad:
        check_followed(name, target)


def check_followed(name, target):
    """Raise if `target`, about to get a history, is a view that its base cannot share it with."""
    if target._base is not None and target._chain is None:
        raise RuntimeError(
            f"{name}: a view is being modified inplace which was created in no_grad mode or inside "
            "a custom Function (or because that returned an input as is): the gradient of what it "
            "is a view of could not be followed. Use clone() on the view first."
        )


def without_overlap(x, array):
    """Copy an operand that overlaps `array`, about to be written, but not the same elements."""
    other = x._array if isinstance(x, Tensor) else x
    if other is array or not isinstance(other, np.ndarray) or not _may_overlap(other, array):
        return x
    interface, written = other.__array_interface__, array.__array_interface__
    if all(interface[k] == written[k] for k in ("data", "shape", "strides", "typestr")):
        return x
    if not isinstance(x, Tensor):
        return other.copy()
    copied = Tensor._wrap(other.copy())
    copied._edge = x._gradient_edge()
    return copied


def rebase(target, node, position=0):
    """Make `node`, which overwrote `target`, the history of target and of what it is a view of.

    `target` was the input of `node` at `position`, and is its only result.
    """
    if target._base is None:
        set_edge(target, (node, 0))
        return
    base = target._base
    node = CopySlices(
        base._gradient_edge(), target._chain, node, position, _memory_order(base._array)
    )
    set_edge(base, (node, 0))
    target._edge_version = None
    refresh(target)


def _memory_order(array):
    """Return the dimensions of an array from the widest to the narrowest step in memory."""
    if array.flags.c_contiguous:
        return None
    return tuple(sorted(range(array.ndim), key=lambda dim: -abs(array.strides[dim])))


class CopySlices(Node):
    """History of a base one of whose views was overwritten by the operation `inner`.

    The gradient of the old base is that of the new one, except in the written part, where it is
    what `inner` makes of that part's gradient.
    """

    def __init__(self, old_base, chain, inner, position, order):
        edges = list(inner.parents)
        edges[position] = old_base
        self._connect(edges)
        self.chain = chain
        self.inner = inner
        self.position = position  # of the written part among the inputs of `inner`
        self.order = order  # of the dimensions in memory: the chain may need the same

    def name(self) -> str:
        return "CopySlices"

    def run(self, grads, needs):
        from ..ops import clone, copy_, permute  # the ones that this module needs

        whole = grads[0]
        if self.order is None:
            whole = clone(whole)
        else:
            back = tuple(sorted(range(len(self.order)), key=self.order.__getitem__))
            whole = permute(clone(permute(whole, self.order)), back)
        part = replay(self.chain, whole)
        needs = list(needs)
        needs[self.position] = self.inner.needs[self.position]
        results = list(self.inner.run([clone(part)], tuple(needs)))
        written = results[self.position]
        copy_(part, 0 if written is None else written)
        results[self.position] = whole
        return results

    def release(self):
        self.inner.release()


def sum_to(grad, shape):
    """Undo broadcasting: sum a gradient over the dimensions along which `shape` was repeated."""
    from ..ops import reshape, sum

    if grad.shape == shape:
        return grad
    extra = grad.ndim - len(shape)
    dims = list(range(extra))
    dims += [i + extra for i, n in enumerate(shape) if n == 1 and grad.shape[i + extra] != 1]
    if dims:
        grad = sum(grad, tuple(dims), True)
    return reshape(grad, shape)
