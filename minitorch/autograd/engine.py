"""The engine: how `backward()` walks the graph.

A `Node` is one step of a recorded computation. Its `parents` say where its inputs came from: one
edge ``(node, output number)`` per input, or None where no gradient is wanted. A tensor points to
the node that made it, never the other way round, so a graph that nobody needs is freed by
reference counting, at once. Where the graph ends, at a tensor the user made, stands an
`AccumulateGrad` node that adds what arrives to the tensor's ``.grad``.

Walking back is three steps: count how many gradients each node will receive; start at the roots;
run a node when all of its gradients have arrived and hand the results to its parents. No
recursion, so a chain of a hundred thousand nodes is no problem, and every node runs once.

The engine knows no operation. In first order gradients are numpy arrays and nothing is recorded;
under ``create_graph=True`` they are Tensors and the walk itself is recorded.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections import OrderedDict

from .. import kernels
from . import anomaly
from .grad_mode import _Mode, state

Tensor = None  # the class, set by minitorch.tensor when it is defined


class Node:
    """One step of the recorded computation.

    Attributes
    ----------
    parents : tuple
        Per input an edge ``(node, output number)``, or None.
    needs : tuple of bool
        Per input whether it has an edge.
    """

    outputs = 1  # how many results gradients can arrive for

    # Defaults of the fields, so that a new node sets only what differs.
    parents = needs = ()
    tensor_hooks = hooks = pre_hooks = None
    site = None  # in anomaly mode: the lines of the program that created the node

    def _connect(self, edges, needs):
        """Become part of a graph."""
        self.parents = tuple(edges)
        self.needs = tuple(needs)
        if state.anomaly:
            self.site = anomaly.creation_site()

    def run(self, grads, needs):
        """Turn gradients of the outputs into gradients of the inputs.

        Parameters
        ----------
        grads : list
            Per output an array (a Tensor under ``create_graph``), or None for zero.
        needs : tuple of bool
            Which inputs' gradients are wanted.
        """
        raise NotImplementedError

    def release(self):
        """Let go of what was kept for the backward pass."""

    def name(self) -> str:
        """Name as PyTorch prints it, for example ``MulBackward``."""
        return type(self).__name__ + "Backward"

    @property
    def next_functions(self):
        """Per input the pair (node, output number), ``(None, 0)`` where no gradient flows."""
        return tuple(edge or (None, 0) for edge in self.parents)

    def register_hook(self, hook):
        """Call ``hook(grad_inputs, grad_outputs)`` after each run; its result replaces the first."""
        if self.hooks is None:
            self.hooks = OrderedDict()
        return RemovableHandle(self.hooks, hook)

    def register_prehook(self, hook):
        """Call ``hook(grad_outputs)`` before each run; a result replaces grad_outputs."""
        if self.pre_hooks is None:
            self.pre_hooks = OrderedDict()
        return RemovableHandle(self.pre_hooks, hook)

    def add_tensor_hook(self, number, hook):
        """Call ``hook(grad)`` with the complete gradient of output `number`, before the run."""
        if self.tensor_hooks is None:
            self.tensor_hooks = {}
        return RemovableHandle(self.tensor_hooks.setdefault(number, OrderedDict()), hook)

    def __repr__(self) -> str:
        return f"<{self.name()}>"


class RemovableHandle:
    """What registering a hook returns: `remove` takes the hook out again (also as a context)."""

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


class AccumulateGrad(Node):
    """The end of the graph at a leaf: adds the gradient that arrives to ``variable.grad``."""

    _lock = threading.Lock()  # two threads may walk graphs that end at the same parameter

    def __init__(self, variable):
        self.variable = variable

    def name(self) -> str:
        return "AccumulateGrad"

    def run(self, grads, needs):
        if grads[0] is not None:
            with AccumulateGrad._lock:
                self._add(grads)
            for hook in list((self.variable._post_hooks or {}).values()):
                hook(self.variable)
        return ()

    def _add(self, grads):
        variable = self.variable
        if state.grad:
            total = variable._grad
            variable._grad = grads[0] if total is None else total + grads[0]
        elif variable._grad is None:
            # Taken over when the engine's list is its only holder and nobody could write to it or
            # see it otherwise; else copied, so that `.grad` is the leaf's own.
            if not (sys.getrefcount(grads[0]) == 2 and _owns_its_memory(grads[0])):
                grads[0] = kernels.copy(grads[0])
            variable._grad = Tensor._wrap(grads[0])
        elif variable._grad._requires_grad:
            variable._grad = Tensor._wrap(kernels.binary("add", variable._grad._array, grads[0]))
        else:
            total = variable._grad._array
            kernels.binary("add", total, grads[0], out=total)
            variable._grad._cell[0] += 1


def _owns_its_memory(array) -> bool:
    flags = array.flags
    return flags.c_contiguous and flags.writeable and type(array.base) is not type(array)


def count_children(roots):
    """Return how many gradients each node below `roots` will receive: its incoming edges."""
    counts = dict.fromkeys(roots, 0)
    stack = list(counts)
    while stack:
        for edge in stack.pop().parents:
            if edge:
                parent = edge[0]
                if parent in counts:
                    counts[parent] += 1
                else:
                    counts[parent] = 1
                    stack.append(parent)
    return counts


def nodes_leading_to(wanted, counts):
    """Return the nodes of the graph from which a node in `wanted` can be reached."""
    children = {node: [] for node in counts}
    for node in counts:
        for edge in node.parents:
            if edge is not None:
                children[edge[0]].append(node)
    stack = [node for node in wanted if node in counts]
    useful = set(stack)
    while stack:
        for child in children[stack.pop()]:
            if child not in useful:
                useful.add(child)
                stack.append(child)
    return useful


def add(total, grad, in_place):
    """Add up two gradients that arrived at the same edge."""
    if state.grad:
        return total + grad
    return kernels.binary("add", total, grad, out=total if in_place else None)


def run_backward(roots, *, retain_graph, create_graph, wanted=None, accumulate=True):
    """Walk the graph backward from `roots`.

    Parameters
    ----------
    roots : list of (edge, gradient)
        Where to start, and with which gradients (arrays, or Tensors under `create_graph`).
    retain_graph : bool
        Keep what the nodes hold, so that the graph can be walked again.
    create_graph : bool
        Record the walk, so that the gradients can be differentiated.
    wanted : list of edges, optional
        Compute only the gradients that arrive there. By default those of all leaves.
    accumulate : bool
        Whether leaves add what arrives to their ``.grad``.

    Returns
    -------
    dict
        The gradient per edge in `wanted`.
    """
    with _Mode(create_graph):
        return _walk(roots, retain_graph, wanted, accumulate)


def _walk(roots, retain_graph, wanted, accumulate):
    waiting = count_children([edge[0] for edge, _ in roots])
    ready = [node for node, count in waiting.items() if count == 0]
    useful, captured = None, {}
    if wanted is not None:
        captured = dict.fromkeys(wanted)
        useful = nodes_leading_to([node for node, _ in wanted], waiting)
    arrived = {}  # per node the gradients of its outputs
    owned = set()  # edges whose gradient is a sum of ours, which may be added to in place

    def send(edge, grad):
        # The first to arrive is borrowed (its maker may share it), the second allocates the sum,
        # and later ones are added to that in place.
        node, number = edge
        grads = arrived.get(node)
        if grads is None:
            grads = arrived[node] = [None] * node.outputs
        if grads[number] is None:
            grads[number] = grad
        else:
            grads[number] = add(grads[number], grad, edge in owned)
            owned.add(edge)

    for edge, grad in roots:
        send(edge, grad)
    while ready:
        node = ready.pop()
        grads = arrived.pop(node, None)
        needs = node.needs
        results = ()
        if grads is not None and node.tensor_hooks:
            _run_tensor_hooks(node, grads)
        if useful is not None:
            if node not in useful:
                continue
            for number, grad in enumerate(grads or ()):
                if (node, number) in captured:
                    captured[node, number] = grad
            needs = tuple([edge is not None and edge[0] in useful for edge in node.parents])
            if not (any(needs) or (accumulate and not node.parents)):
                grads = None
        if grads is not None:
            if node.hooks or node.pre_hooks or node.site:
                results = _run_with_hooks(node, grads, needs)
            else:
                results = node.run(grads, needs)
            if not retain_graph:
                node.release()
        for edge, needed, grad in zip(node.parents, needs, results or node.parents, strict=False):
            if edge:
                if results and needed and grad is not None:
                    send(edge, grad)
                parent = edge[0]
                left = waiting[parent] = waiting[parent] - 1
                if not left:
                    ready.append(parent)
    return captured


def _run_with_hooks(node, grads, needs):
    if node.pre_hooks:
        for hook in list(node.pre_hooks.values()):
            replaced = hook(tuple(_as_tensor(g) for g in grads))
            if replaced is not None:
                grads = [_from_tensor(g) for g in replaced]
    before = list(grads) if node.hooks else None
    if state.anomaly:
        results = anomaly.run_checked(node, grads, needs)
    else:
        results = node.run(grads, needs)
    if node.hooks:
        for hook in list(node.hooks.values()):
            replaced = hook(
                tuple(_as_tensor(g) for g in results), tuple(_as_tensor(g) for g in before)
            )
            if replaced is not None:
                results = [_from_tensor(g) for g in replaced]
    return results


def _run_tensor_hooks(node, grads):
    for number, hooks in list(node.tensor_hooks.items()):
        if grads[number] is None:
            continue
        for hook in list(hooks.values()):
            replaced = hook(_as_tensor(grads[number]))
            if replaced is not None:
                if not isinstance(replaced, Tensor) or replaced.shape != grads[number].shape:
                    raise RuntimeError(
                        f"a tensor hook must return None or a Tensor of the gradient's shape "
                        f"{tuple(grads[number].shape)}, got {getattr(replaced, 'shape', replaced)}"
                    )
                grads[number] = _from_tensor(replaced)


def _as_tensor(grad):
    return grad if grad is None or state.grad else Tensor._wrap(grad)


def _from_tensor(grad):
    return grad if grad is None or state.grad else grad._array
