"""Receptive fields: which pixels of the input an element can depend on."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from ..autograd.grad_mode import no_grad
from ..autograd.trace import Recorder
from ..geometry import adaptive_ranges
from ..tensor import Tensor
from .inputs import evaluation, run_model, tensors_in

_LOSING = ("Conv", "MaxPool", "AvgPool")
_SHAPES = ("View", "Squeeze", "Unsqueeze")
_MIXED = {"Linear": 1, "Mm": 2, "Bmm": 2, "Mv": 2, "Dot": 2}  # so many axes, the last
_ANYWHERE = ("Sample", "AddAt", "TakeAt", "MaxUnpool", "FractionalMaxPool", "ColumnsToImage")


class _Way(NamedTuple):
    """
    How a dimension of the image lies in a tensor, and what its places see of it.

    Place i of `count`, which is ``axis index // inner % count``, sees ``[low + i jump, high + i
    jump]``. The axis counts from the end; None: all elements see the same.
    """

    axis: int | None
    count: int
    inner: int = 1
    low: Fraction = Fraction(0)
    high: Fraction = Fraction(0)
    jump: Fraction = Fraction(1)


class Fields:
    """
    The receptive field of every tensor of a run.

    The region of output element i, per dimension, is ``[low + i jump, high + i jump]`` in pixels of
    the input; with a jump of 0, all see the same. Where a region does not move evenly (in an
    enlarged image), or what an operation looks at is not known, it is a bound.

    Parameters
    ----------
    inputs : list of Tensor
        Of the model. Images (N, C, ...) with 1 to 3 spatial dimensions have a field.
    """

    def __init__(self, inputs):
        self._known = {}  # id of a tensor -> a way per spatial dimension
        self._steps = []  # keep alive the tensors whose identity counts
        for tensor in inputs:
            if isinstance(tensor, Tensor) and tensor.dim() >= 3:
                sizes = tensor.shape[2:]
                ways = [_Way(axis, n) for axis, n in zip(range(-len(sizes), 0), sizes, strict=True)]
                self._known[id(tensor)] = ways

    def of(self, tensor):
        """Return (size, jump, start), each per dimension, or None."""
        ways = self._known.get(id(tensor))
        if ways is None:
            return None
        axes = [way.axis for way in ways]
        ways = [
            _everywhere(way)  # of an axis made of several dimensions, too
            if axes.count(way.axis) > 1 or way.axis is None
            else _along(way, tensor.shape[way.axis])
            for way in ways
        ]
        found = [(way.high - way.low + 1, way.jump, way.low) for way in ways]
        return tuple(tuple(map(_number, values)) for values in zip(*found, strict=True))

    def step(self, step):
        """
        Take an operation into account.

        Returns
        -------
        tuple or None
            For a window with stride: the rows and columns it loses, and the fraction of elements
            it keeps (None if it makes nothing smaller).
        """
        self._steps.append(step)
        known = [
            (x, self._known[id(x)])
            for x in step.inputs
            if isinstance(x, Tensor) and id(x) in self._known
        ]
        if not known or len({len(ways) for _, ways in known}) > 1:
            return None
        for number, output in enumerate(step.outputs):
            parts = [[_through(step, number, x, way) for way in ways] for x, ways in known]
            ways = [_merged(ways) for ways in zip(*parts, strict=True)]
            self._known[id(output)] = ways
            if step.in_place and output._base is not None:  # some of it was written
                parts = [ways, self._known.get(id(output._base), ways)]
                parts = [map(_everywhere, ways) for ways in parts]
                self._known[id(output._base)] = list(map(_merged, zip(*parts, strict=True)))
        return _lost(step) if step.name in _LOSING else None


def run_with_fields(tool, model, inputs):
    """Run a model in evaluation mode; return the first tensor of its result, and the `Fields`."""
    fields = Fields(inputs)
    with evaluation(tool, model), no_grad(), Recorder(on_step=fields.step):
        output = next(tensors_in(run_model(tool, model, inputs)))
    return output, fields


def _number(value):
    return int(value) if value == int(value) else float(value)


def _everywhere(way):
    """All elements see what all places see together."""
    return _Way(None, 1, 1, way.low, way.high + (way.count - 1) * way.jump, Fraction(0))


def _merged(ways):
    """The smallest region that moves evenly and contains all."""
    if len({way[:3] for way in ways}) > 1:
        ways = list(map(_everywhere, ways))
    jump, last = ways[0].jump, ways[0].count - 1
    low = min(way.low + min(0, (way.jump - jump) * last) for way in ways)
    high = max(way.high + max(0, (way.jump - jump) * last) for way in ways)
    return ways[0]._replace(low=low, high=high, jump=jump)


def _along(way, size):
    """What the elements of an axis of a size see of a dimension that is all or part of it."""
    if way.inner == 1 and way.count == size:
        return way
    if way.count * way.inner != size:
        return _everywhere(way)
    places = np.arange(size) // way.inner
    return _mapped(way._replace(inner=1), way.axis, places, places, Fraction(1, way.inner))


def _mapped(way, axis, low, high, slope):
    """Element o of `axis` sees places low[o] to high[o], which are about slope * o."""
    slope = Fraction(slope)
    up, down = slope.as_integer_ratio()
    centre = up * np.arange(len(low))
    below = Fraction(int((low * down - centre).min()), down)
    above = Fraction(int((high * down - centre).max()), down)
    low, high = way.low + below * way.jump, way.high + above * way.jump
    return _Way(axis, centre.size, 1, low, high, slope * way.jump)


def _sampled(way, size, axis, low, high, slope):
    """As `_mapped`, of the elements of an axis of a size, of which `way` may be a part."""
    if np.array_equal(low, np.arange(size)) and np.array_equal(high, low):
        return way._replace(axis=axis)
    way = _along(way, size)
    return way if way.axis is None else _mapped(way, axis, low, high, slope)


def _through(step, number, x, way):
    """Return the way in an output, as far as it depends on the input `x`."""
    shape, output, axis = tuple(x.shape), tuple(step.outputs[number].shape), way.axis
    if axis is None or 0 in output:
        return _everywhere(way)
    if step.name in _SHAPES:
        return _reshaped(way, shape, output)
    if step.op.is_view and step.name not in ("AsStrided", "ViewAs"):
        return _viewed(step, number, way, shape)
    if len(shape) == len(output) and (seen := _seen(step, axis, shape, output)) is not None:
        same = x is step.inputs[0]  # and not a kernel that was computed
        return _sampled(way, shape[axis], axis, *seen) if same else _everywhere(way)
    # Else elements see those at their own place, but for axes that the operation works along.
    mixed, kept = _mixed(step, shape), step.attributes.get("keepdim", True)
    alike = len(shape) == len(output) or step.op.broadcasts or not kept
    moved = axis if kept else axis + sum(a > axis for a in mixed)
    if axis in mixed or not alike or output[moved] != shape[axis]:
        return _everywhere(way)
    return way._replace(axis=moved)


def _reshaped(way, shape, output):
    apart = math.prod(shape[way.axis :][1:]) * way.inner  # elements from one place to the next
    total, after = apart * way.count, 1
    for axis in range(-1, -len(output) - 1, -1):
        size = output[axis]
        if apart % after == 0 and after * size % total == 0 and way.count > 1:
            return way._replace(axis=axis, inner=apart // after)
        if after % apart == 0 and after * size == total:  # the first of several
            each = after // apart
            first = np.arange(size) * each
            return _mapped(way, axis, first, first + each - 1, each)
        after *= size
    return _everywhere(way)


def _viewed(step, number, way, shape):
    """Let a view operation move the numbers of places."""
    op = step.op.__new__(step.op)
    op.__dict__.update(step.attributes)
    places = np.arange(shape[way.axis]).reshape(-1, *(1,) * (-1 - way.axis))
    result = op.forward(np.broadcast_to(places, shape))
    result = result[number] if isinstance(result, tuple) else result
    axis = next((a for a, n in enumerate(result.shape) if n > 1 and result.strides[a]), None)
    if axis is None:  # one place
        seen = np.array([result.flat[0]])
        return _everywhere(_sampled(way, shape[way.axis], None, seen, seen, 1))
    rows = np.moveaxis(result, axis, 0)
    low, high = (rows[(slice(None), *[end] * (rows.ndim - 1))] for end in (0, -1))
    return _sampled(way, shape[way.axis], axis - result.ndim, low, high, int(low[1] - low[0]))


def _seen(step, axis, shape, output):
    """Return what the elements along an axis see, (first, last, slope), if it is sampled."""
    name, attributes, here = step.name, step.attributes, np.arange(output[axis])
    slope = Fraction(shape[axis], output[axis]) if shape[axis] > 1 else 0
    window, tables = attributes.get("window"), attributes.get("tables", ())
    if window is not None and -axis <= window.ndim:
        stride, reach = window.stride[axis], window.extent[axis] - 1
        before = window.padding[axis][0]
        if name == "ConvTranspose":
            last = (here + before) // stride
            return -((reach - before - here) // stride), last, Fraction(1, stride)
        first = here * stride - before
        return first, first + reach, stride
    if name in ("ConstantPad", "MapPad") and -axis <= len(attributes["padding"]):
        first = here - attributes["padding"][axis][0]
        return first, first, 1
    if -axis <= len(tables) and tables[axis] is not None:
        index = tables[axis].index
        first = np.where(index < 0, shape[axis], index).min(1)
        return first, index.max(1), slope
    if name.startswith("Adaptive") and -axis <= len(attributes["output_size"]):
        first, end = np.array(adaptive_ranges(shape[axis], output[axis])).T
        return first, end - 1, slope
    return None


def _mixed(step, shape):
    """Return the axes of an input, counted from the end, that an operation works along."""
    name, attributes, axes = step.name, step.attributes, range(-len(shape), 0)
    if name in _ANYWHERE or (name == "BatchNorm" and attributes["statistics"] is None):
        return axes
    if name in _MIXED:
        return axes[-_MIXED[name] :]
    if name == "GroupNorm":
        row = math.prod(attributes["sizes"][2:])
        return [a for a in axes if math.prod(shape[a:][1:]) < row]
    dims = attributes.get("dims", attributes.get("dim", ()))
    dims = range(len(shape)) if dims is None else [dims] if isinstance(dims, int) else dims
    return {d % max(len(shape), 1) - len(shape) for d in dims}


def _lost(step):
    input, output, window = step.inputs[0], step.outputs[0], step.attributes["window"]
    if max(window.stride) == 1:
        return None
    lost = tuple(
        max(0, size + before - extent - (count - 1) * stride)  # not the padding
        for size, count, extent, stride, (before, _) in zip(
            input.shape[-window.ndim :], output.shape[-window.ndim :], window.extent,
            window.stride, window.padding, strict=True,
        )
    )  # fmt: skip
    kept = math.prod(output.shape[1:]) / max(1, math.prod(input.shape[1:]))
    return lost, kept if kept < 1 else None
