"""A page in which a forward and a backward pass can be watched, node by node."""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files

from ..autograd.engine import AccumulateGrad
from ..autograd.trace import Recorder
from ..serialization.atomic import replacing
from .backward import graph_boxes, show_values, step
from .layout import layered_svg

__all__ = ["watch"]


def watch(function, path, names=None, title="Watch the graph"):
    """
    Run a function, and write a page that shows the run and its backward pass.

    The page stands alone: it needs no server and no network. Arrow keys, Home and End step through
    it, as do its buttons.

    Parameters
    ----------
    function : callable
        Called without arguments; returns the loss, a scalar with a graph.
    path : str or os.PathLike
        Where to, should end in ``.html``.
    names : Module or dict of str to Tensor, optional
        Names of leaves; a module gives those of its parameters.
    title : str
        Of the page.

    Returns
    -------
    int
        The number of steps that the page shows.

    Raises
    ------
    RuntimeError
        What the function returns has no graph, or more than one element.
    """
    with Recorder() as recorder:
        loss = function()
    if getattr(loss, "grad_fn", None) is None:
        raise RuntimeError("watch: the function must return a tensor with a graph")
    boxes = graph_boxes(loss, names)
    frames = [*_forward(recorder, boxes), *_backward(loss, boxes, names)]
    page = files(__package__).joinpath("watch.html").read_text(encoding="utf-8")
    for mark, content in (
        ("TITLE", escape(title)),
        ("GRAPH", layered_svg(boxes)),
        ("FRAMES", json.dumps(frames).replace("<", "\\u003c")),
    ):
        page = page.replace(f"{{{{{mark}}}}}", content)
    with replacing(path) as file:
        file.write(page.encode())
    return len(frames)


def _forward(recorder, boxes):
    """Yield a frame for every leaf, and for every operation in the order they ran."""
    for node, box in boxes.items():
        if isinstance(node, AccumulateGrad):
            yield _frame("forward", box, "a leaf: nothing computed it", node.variable._array)
    for done in recorder.steps:
        node = done.outputs[0].grad_fn
        if node in boxes:
            yield _frame("forward", boxes[node], done.op.__doc__ or "", done.outputs[0]._array)


def _backward(loss, boxes, names):
    """Yield a frame for every node in the order the engine runs them."""
    arriving = {}
    for done in step(loss, names):
        box = boxes[done.node]
        yield _frame("backward", box, done.formula, done.grad_outputs[0])
        for edge, gradient in zip(done.node.parents, done.grad_inputs, strict=False):
            if edge is None or gradient is None or not isinstance(edge[0], AccumulateGrad):
                continue
            leaf = edge[0]
            known = arriving.get(leaf)
            arriving[leaf] = gradient if known is None else known + gradient
            text = "a gradient arrives" if known is None else "another gradient arrives: the sum"
            yield _frame("backward", boxes[leaf], text, arriving[leaf])


def _frame(phase, box, text, array):
    values = "" if array is None else show_values(array)
    return {"phase": phase, "id": box.id, "name": box.title, "text": text.strip(), "values": values}
