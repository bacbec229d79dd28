"""The engine: how `backward()` walks the graph.

A `Node` is one step of a recorded computation. Its `parents` say where its inputs came from: one
edge ``(node, output number)`` per input, or None where no gradient is wanted. A tensor points to
the node that made it, never the other way round, so a graph that nobody needs is freed by
reference counting, at once. Where the graph ends, at a tensor the user made, stands an
`AccumulateGrad` node that adds what arrives to the tensor's ``.grad``.

Walking back is three steps: count how many gradients each node will receive; start at the roots;
run a node when all of its gradients have arrived, and send the results to its parents. No
recursion, so a chain of a hundred thousand nodes is no problem, and every node runs once.

The engine knows no operation. In first order gradients are numpy arrays and nothing is recorded;
under ``create_graph=True`` they are Tensors, and the walk itself is recorded.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections import OrderedDict
from itertools import zip_longest

from .. import kernels
from . import anomaly
from .grad_mode import _Mode, state
from .hooks import RemovableHandle, run_tensor_hooks, run_with_hooks
from .selection import Selection

ALL = [(True,) * count for count in range(9)]  # `needs` where every input has an edge
LARGE = 1 << 14  # bytes: below, adding in place takes as long as allocating the sum

Tensor = None  # the class, set by minitorch.tensor when it is defined


class Node:
    """One step of the recorded computation.

    Attributes
    ----------
    parents : sequence
        Per input an edge ``(node, output number)``, or None.
    needs : tuple of bool
        Per input whether it has an edge.
    outputs : int
        How many results gradients can arrive for.
    """

    __slots__ = ("__dict__", "__weakref__", "needs", "parents")  # what every node of a graph has

    outputs = 1

    # Defaults of the other fields, so that a new node sets only what differs.
    tensor_hooks = hooks = pre_hooks = None
    hooked = False  # whether any of these have been set
    site = walked = None  # in anomaly mode: the lines that created the node, and that freed it

    def _connect(self, edges):
        """Become part of a graph."""
        self.parents = edges
        self.needs = ALL[len(edges)] if all(edges) and len(edges) < 9 else tuple(map(bool, edges))
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
        """Name as PyTorch prints it, for example ``MulBackward0``."""
        return type(self).__name__ + "Backward0"

    @property
    def next_functions(self):
        """Per input the pair (node, output number), ``(None, 0)`` where no gradient flows."""
        return tuple(edge or (None, 0) for edge in self.parents)

    def register_hook(self, hook):
        """Call ``hook(grad_inputs, grad_outputs)`` after each run; it may replace grad_inputs."""
        if self.hooks is None:
            self.hooks, self.hooked = OrderedDict(), True
        return RemovableHandle(self.hooks, hook)

    def register_prehook(self, hook):
        """Call ``hook(grad_outputs)`` before each run; its result replaces them."""
        if self.pre_hooks is None:
            self.pre_hooks, self.hooked = OrderedDict(), True
        return RemovableHandle(self.pre_hooks, hook)

    def add_tensor_hook(self, number, hook, last=False):
        """Call ``hook(grad)`` with the complete gradient of output `number`, before the run."""
        if self.tensor_hooks is None:
            self.tensor_hooks, self.hooked = {}, True
        return RemovableHandle(self.tensor_hooks.setdefault((number, last), OrderedDict()), hook)

    def __repr__(self) -> str:
        return f"<{self.name()}>"


class AccumulateGrad(Node):
    """The end of the graph at a leaf: adds the gradient that arrives to ``variable.grad``.

    The leaf holds its node, for good. The node must not hold the leaf, or only the garbage
    collector could free the two; so it remembers the memory by which to show the leaf.
    """

    _lock = threading.Lock()  # two threads may walk graphs that end at the same parameter
    parents = needs = ()
    hooked_leaf = None  # held after all, where hooks want to see it

    def __init__(self, variable):
        self._leaf = weakref.ref(variable)
        self.memory = variable._array, variable._cell

    @property
    def variable(self):
        """The leaf; a new Tensor of the same memory if nobody holds the leaf any more."""
        leaf = self._leaf()
        if leaf is None:
            leaf = Tensor._make(Tensor, *self.memory, (self, 0))
            self._leaf = weakref.ref(leaf)
        return leaf

    def name(self) -> str:
        return "AccumulateGrad"

    def run(self, grads, needs):
        variable = self._leaf()
        if variable is not None:
            with AccumulateGrad._lock:
                self._add(variable, grads)
            if variable._post_hooks:
                for hook in list(variable._post_hooks.values()):
                    hook(variable)
        return ()

    def _add(self, variable, grads):
        total = variable._grad
        if state.grad:
            variable._grad = grads[0].clone() if total is None else total + grads[0]
        elif total is None:
            # Copied unless ours, so that nobody else sees what is later added to it.
            array = grads[0] if is_ours(grads, 0) else kernels.copy(grads[0])
            variable._grad = Tensor._wrap(array)
        elif total._edge is not None or not total._array.flags.writeable:
            variable._grad = Tensor._wrap(kernels.binary("add", total._array, grads[0]))
        else:
            kernels.binary("add", total._array, grads[0], out=total._array)
            total._cell[0] += 1


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
        waiting = count_children([edge[0] for edge, _ in roots])
        selection = Selection(wanted, waiting, accumulate) if wanted is not None else None
        walk(roots, waiting, retain_graph, selection)
    return selection.captured if selection is not None else {}


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


def walk(roots, waiting, retain_graph, selection):
    """Run each node once all its gradients have arrived; `waiting` counts those still to come."""
    arrived = {}  # per node the gradients of its outputs
    checked = bool(state.anomaly)
    site = anomaly.creation_site() if checked else None
    ready = [node for node, count in waiting.items() if count == 0]
    for edge, grad in roots:
        send(edge, grad, arrived)
    del roots, edge, grad  # a gradient only the engine holds can become a leaf's `.grad` uncopied
    while ready:
        node = ready.pop()
        needs = node.needs
        results = grad = ()  # hold on to no gradient: see AccumulateGrad
        grads = arrived.pop(node, None)
        if grads is not None:
            if node.hooked and node.tensor_hooks:
                run_tensor_hooks(node, grads)
            if selection is not None:
                grads, needs = selection.visit(node, grads)
        if grads is not None:
            if checked or node.hooked:
                results = run_with_hooks(node, grads, needs)
            else:
                results = node.run(grads, needs)
            if not retain_graph:
                node.release()
                if checked:
                    anomaly.note_walk(node, site)
        for edge, needed, grad in zip_longest(node.parents, needs, results):
            if edge:
                parent = edge[0]
                if needed and grad is not None:
                    if parent.outputs == 1 and parent not in arrived:
                        arrived[parent] = [grad]
                    else:
                        send(edge, grad, arrived)
                left = waiting[parent] = waiting[parent] - 1
                if not left:
                    ready.append(parent)


def send(edge, grad, arrived):
    """Add a gradient to what has arrived at an edge: in place, if that is large and ours."""
    node, number = edge
    grads = arrived.get(node)
    if grads is None:
        grads = arrived[node] = [None] * node.outputs
    if grads[number] is None:
        grads[number] = grad
    elif state.grad:
        grads[number] = grads[number] + grad
    elif grads[number].nbytes >= LARGE and is_ours(grads, number):
        kernels.binary("add", grads[number], grad, grads[number])
    else:
        grads[number] = kernels.binary("add", grads[number], grad)


def is_ours(grads, number) -> bool:
    """Whether a gradient may be overwritten or given away: only this list holds it and its memory.

    What the user gave or can see, and what went along two edges, has other holders.
    """
    if sys.getrefcount(grads[number]) > 2:  # the list and the argument of this call
        return False
    array = grads[number]
    return array.flags.carray and type(array.base) is not type(array)
