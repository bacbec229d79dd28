"""Receptive fields: which pixels of the input an element can depend on."""

from __future__ import annotations

import math

from ..tensor import Tensor

_WINDOWS = ("Conv", "MaxPool", "AvgPool")


class Fields:
    """
    The receptive field of every tensor of a run.

    The region of output element i, per dimension, is ``[low + i jump, high + i jump]`` in pixels of
    the input. Operations that are no window keep the region, where they keep the spatial sizes;
    others have no region of their own ("-" in tables).

    Parameters
    ----------
    inputs : list of Tensor
        Of the model. Images (N, C, ...) with 1 to 3 spatial dimensions have a field.
    """

    def __init__(self, inputs):
        self._known = {}  # id of a tensor -> (sizes, [(low, high, jump) per dimension])
        for tensor in inputs:
            if tensor.dim() >= 3:
                sizes = tuple(tensor.shape[2:])
                self._known[id(tensor)] = sizes, [(0, 0, 1) for _ in sizes]

    def of(self, tensor):
        """Return (size, jump, start), each per dimension, or None."""
        known = self._known.get(id(tensor))
        if known is None:
            return None
        regions = known[1]
        return (
            tuple(high - low + 1 for low, high, _ in regions),
            tuple(jump for _, _, jump in regions),
            tuple(low for low, _, _ in regions),
        )

    def step(self, step):
        """
        Take an operation into account.

        Returns
        -------
        tuple or None
            For a window with stride: the rows and columns it loses, and the fraction of elements
            it keeps (None if it makes nothing smaller).
        """
        known = [
            self._known[id(x)]
            for x in step.inputs
            if isinstance(x, Tensor) and id(x) in self._known
        ]
        if not known:
            return None
        if step.name in _WINDOWS:
            return self._window(step, known[0])
        output = step.outputs[0]
        sizes = tuple(output.shape[2:])
        jumps = {tuple(jump for _, _, jump in regions) for _, regions in known}
        if any(own != sizes for own, _ in known) or len(jumps) != 1:
            return None
        merged = [
            (min(low for low, _, _ in parts), max(high for _, high, _ in parts), parts[0][2])
            for parts in zip(*[regions for _, regions in known], strict=True)
        ]
        for tensor in step.outputs:
            if tuple(tensor.shape[2:]) == sizes:
                self._known[id(tensor)] = sizes, merged
        return None

    def _window(self, step, known):
        (input, *_), window, (output, *_) = step.inputs, step.attributes["window"], step.outputs
        sizes, regions = known
        found, lost = [], []
        for size, count, region, extent, stride, (before, _) in zip(
            sizes, output.shape[2:], regions, window.extent, window.stride, window.padding,
            strict=True,
        ):  # fmt: skip
            low, high, jump = region
            start = low - before * jump
            found.append((start, high + (extent - 1 - before) * jump, jump * stride))
            lost.append(max(0, size + before - extent - (count - 1) * stride))  # not the padding
        self._known[id(output)] = tuple(output.shape[2:]), found
        for tensor in step.outputs[1:]:
            self._known[id(tensor)] = tuple(tensor.shape[2:]), found
        if max(window.stride) == 1:
            return None
        kept = math.prod(output.shape[1:]) / max(1, math.prod(input.shape[1:]))
        return tuple(lost), kept if kept < 1 else None
