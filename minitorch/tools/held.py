"""What a graph holds in memory, and whether it grows from step to step."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ..autograd.engine import AccumulateGrad, count_children
from ..autograd.op import Op
from ..tensor import Tensor
from .text import bytes_text, shape_text, table

__all__ = ["HeldArray", "HeldArrays", "memory"]


@dataclass
class HeldArray:
    """
    An array that a graph keeps for its backward pass.

    Attributes
    ----------
    bytes : int
        Its size.
    shape : tuple of int
        Its shape.
    holders : list of str
        The nodes that keep it; in anomaly mode with the lines that made them.
    """

    bytes: int
    shape: tuple
    holders: list


def memory(loss):
    """
    Tell which arrays the graph behind a tensor holds, and for whom.

    Parameters
    ----------
    loss : Tensor
        With a graph.

    Returns
    -------
    HeldArrays
        A list of HeldArray, the largest first; an array that several nodes keep is there once. The
        values of leaves, such as parameters, are not counted: they would be there without the
        graph. Its remarks say where the graph reaches back into earlier steps of a training, and so
        grows: ``total += loss`` keeps the graph of every loss.

    Raises
    ------
    RuntimeError
        The tensor has no graph.
    """
    if not isinstance(loss, Tensor) or loss.grad_fn is None:
        raise RuntimeError("memory: the tensor has no graph: no operation on it was recorded")
    nodes = list(count_children([loss.grad_fn]))
    own = {id(owner_of(n.variable._array)) for n in nodes if isinstance(n, AccumulateGrad)}
    held = {}
    for node in nodes:
        for array in kept_arrays(node):
            whole = owner_of(array)
            if id(whole) not in own:
                entry = held.setdefault(id(whole), HeldArray(whole.nbytes, array.shape, []))
                made = f" made at {_line(node)}" if node.site else ""
                entry.holders.append(node.name() + made)
    return HeldArrays(
        sorted(held.values(), key=lambda entry: -entry.bytes), [*_earlier(nodes), *_totals(nodes)]
    )


class HeldArrays(list):
    """
    What a graph holds: a list of `HeldArray`. Printing it shows a table.

    Parameters
    ----------
    arrays : iterable of HeldArray
        The arrays.
    remarks : list of str
        Signs that the history of a tensor grows from step to step.
    """

    def __init__(self, arrays, remarks):
        super().__init__(arrays)
        self.remarks = remarks

    def __str__(self):
        rows = [[", ".join(x.holders), shape_text(x.shape), bytes_text(x.bytes)] for x in self]
        rows.append(["together", "", bytes_text(sum(x.bytes for x in self))])
        return "\n".join([*table(["held for", "shape", "memory"], rows, left=1), *self.remarks])


_INSTEAD = "Use the number, loss.item(), or loss.detach()."
_UNSEEN = "a line that autograd.detect_anomaly() would show"


def _line(node):
    """Say where a node was made: file, line and text."""
    if not node.site:
        return _UNSEEN
    file, line, text = re.match(r' *File "(.*)", line (\d+).*\n? *(.*)', node.site[-1]).groups()
    return f"{file}:{line} ({text})"


def _earlier(nodes):
    """Say whether parts of a graph were walked, and freed, by an earlier backward pass."""
    freed = {node for node in nodes if _is_freed(node)}
    if not freed:
        return
    keepers = [n for n in nodes if n not in freed
               and any(edge is not None and edge[0] in freed for edge in n.parents)]  # fmt: skip
    lines = dict.fromkeys(f"{node.name()} made at {_line(node)}" for node in keepers)
    yield (
        f"{len(freed)} of {len(nodes)} nodes are of an earlier backward(), kept alive by "
        f"{' and '.join(list(lines)[:3]) or 'the tensor itself'}. {_INSTEAD}"
    )


def _is_freed(node):
    if isinstance(node, Op):
        return node._kept is None and node._packed is None
    if isinstance(node, AccumulateGrad):
        return False
    ctx = vars(node).get("ctx")
    return node.walked is not None or (ctx is not None and ctx._saved is None)


def _totals(nodes):
    """Say which sums have grown by a graph at a time, one addition after the other."""
    sums = {node for node in nodes if node.name() in ("AddBackward0", "SubBackward0")}
    inner = {edge[0] for node in sums for edge in node.parents if edge is not None}
    for node in sums - inner:
        first, count, line = node, 0, node.site
        while node in sums and node.site == line:
            others = [edge[0] for edge in node.parents if edge is not None]
            added = [other for other in others if other not in sums and other.parents]
            before = next((other for other in others if other in sums), None)
            if not added or before in count_children(added):  # x + f(x) is no total
                break
            node, count = before, count + 1
        if count >= (3 if line else 8):  # unseen, they may be on different lines
            yield f"{count} graphs were added up one after the other at {_line(first)}. {_INSTEAD}"


def kept_arrays(node):
    """Yield the arrays that a node keeps."""
    kept = [getattr(node, "_kept", None), getattr(node, "_kept_output", None)]
    stack = [*kept, getattr(node, "_constants", None)]
    while stack:
        value = stack.pop()
        if isinstance(value, np.ndarray):
            yield value
        elif isinstance(value, Tensor):
            yield value._array
        elif isinstance(value, (list, tuple)):
            stack += value


def owner_of(array):
    """Return the array whose memory an array is a view of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
