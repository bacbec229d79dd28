"""Backward passes, looked at: every step explained, the graph drawn."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from ..autograd.api import grad
from ..autograd.engine import AccumulateGrad, count_children
from ..nn import Module
from ..tensor import Tensor
from .layout import Box, layered_svg
from .picture import Drawing

__all__ = ["BackwardStep", "draw", "explain", "step"]


@dataclass
class BackwardStep:
    """
    What one node did in a backward pass.

    Attributes
    ----------
    node : Node
        The node.
    name, formula : str
        Its name and derivative; the formula of a user's Function is "".
    grad_outputs, grad_inputs : tuple
        The gradients that arrived, and those that it made, as arrays; None where there is none.
    targets : tuple of str
        Where each gradient goes: the name of a node or of a leaf.
    """

    node: object
    name: str
    formula: str
    grad_outputs: tuple
    grad_inputs: tuple
    targets: tuple

    def __str__(self):
        lines = [f"{self.name}   {self.formula}".rstrip()]
        lines += [f"    gradient {show_values(g)}" for g in self.grad_outputs if g is not None]
        for target, gradient in zip(self.targets, self.grad_inputs, strict=False):
            if gradient is not None:
                lines.append(f"    to {target}: {show_values(gradient)}")
        return "\n".join(lines)


def step(loss, names=None):
    """
    Go through a backward pass one node at a time.

    The graph stays as it is and no ``.grad`` is changed.

    Parameters
    ----------
    loss : Tensor
        A scalar with a graph.
    names : Module or dict of str to Tensor, optional
        Names of leaves; a module gives those of its parameters.

    Yields
    ------
    BackwardStep
        In the order in which the engine runs them.

    Raises
    ------
    RuntimeError
        The tensor has no graph, or has more than one element.
    """
    if not isinstance(loss, Tensor) or loss.grad_fn is None:
        raise RuntimeError("step: the tensor has no graph: no operation on it was recorded")
    nodes = list(count_children([loss.grad_fn]))
    labels = _leaf_names(nodes, names)
    found, handles = [], []

    def watch(node):
        def after(grad_inputs, grad_outputs):
            targets = [None if edge is None else labels.get(edge[0], edge[0].name())
                       for edge in node.parents]  # fmt: skip
            found.append(
                BackwardStep(
                    node, node.name(), getattr(node, "formula", ""),
                    _arrays(grad_outputs), _arrays(grad_inputs), tuple(targets),
                )
            )  # fmt: skip

        return node.register_hook(after)

    leaves = [node.variable for node in nodes if isinstance(node, AccumulateGrad)]
    try:
        handles = [watch(node) for node in nodes if not isinstance(node, AccumulateGrad)]
        grad(loss, leaves, retain_graph=True, allow_unused=True)
    finally:
        for handle in handles:
            handle.remove()
    yield from found


def explain(loss, names=None, file=None):
    """
    Print every step of a backward pass: its formula, what arrives, what it makes and for whom.

    Parameters
    ----------
    loss : Tensor
        A scalar with a graph, which stays as it is.
    names : Module or dict of str to Tensor, optional
        Names of leaves; a module gives those of its parameters.
    file : file object, optional
        Where to; standard output unless given.
    """
    for number, one in enumerate(step(loss, names), 1):
        print(f"{number:3}. {one}", file=file or sys.stdout)


def draw(subject, x=None, *, names=None, depth=None):
    """
    Draw a model, or the graph behind a tensor.

    Parameters
    ----------
    subject : Module or Tensor
        A model is run in evaluation mode: its layers are drawn from the input down, with names and
        the shapes of results. Of a tensor the graph is drawn, results on top and leaves at the
        bottom, with the formulas of the derivatives.
    x : Tensor, sequence of arguments, shape, or sequence of shapes
        The inputs of the model, or their shapes with batch dimension. Of a tensor, `names`.
    names : Module or dict of str to Tensor, optional
        Names of the leaves of a graph; a module gives those of its parameters.
    depth : int, optional
        How deep modules inside of modules are shown; all unless given. 1 draws a box for each of
        the modules that the model itself consists of.

    Returns
    -------
    Drawing
        SVG, laid out in layers (Sugiyama, Tagawa and Toda 1981) without any other program, by day
        and by night.

    Raises
    ------
    TypeError
        The model failed on `x`; the message says how to give inputs.
    RuntimeError
        The tensor has no graph.
    """
    if isinstance(subject, Module):
        from .network import network_boxes

        return Drawing(layered_svg(*network_boxes(subject, x, depth)))
    if not isinstance(subject, Tensor) or subject.grad_fn is None:
        raise RuntimeError("draw: the tensor has no graph: no operation on it was recorded")
    return Drawing(layered_svg(graph_boxes(subject, x if names is None else names)))


def graph_boxes(loss, names=None):
    """Return a box for every node of the graph behind a tensor, by node."""
    nodes = list(count_children([loss.grad_fn]))
    labels = _leaf_names(nodes, names)
    boxes = {}
    for number, node in enumerate(nodes):
        parents = [edge[0] for edge in node.parents if edge is not None]
        if isinstance(node, AccumulateGrad):
            title, text, kind = labels[node], str(tuple(node.variable.shape)), "leaf"
        else:
            title = node.name().removesuffix("Backward0")
            text, kind = getattr(node, "formula", ""), "node"
        boxes[node] = Box(title, text, kind, parents, f"node{number}")
    return boxes


def _leaf_names(nodes, names):
    """Return what to call the ends of the graph."""
    if isinstance(names, Module):
        names = dict(names.named_parameters())
    known = {id(tensor): name for name, tensor in (names or {}).items()}
    labels = {}
    for node in nodes:
        if isinstance(node, AccumulateGrad):
            labels[node] = known.get(id(node.variable), f"leaf {len(labels) + 1}")
    return labels


def _arrays(values):
    return tuple(None if v is None else getattr(v, "_array", v) for v in values)


def show_values(array):
    """Show shape and first values of an array."""
    shown = ", ".join(f"{v:.4g}" for v in array.reshape(-1)[:4].tolist())
    more = ", ..." if array.size > 4 else ""
    return f"{tuple(array.shape)} [{shown}{more}]"
