"""Operations: an `Op` computes on arrays, knows its derivative, and is the node of the graph.

An op object is made with its attributes and called on its inputs. The call is the one funnel
every operation passes: it unwraps Tensors to arrays, calls `forward`, and, if a gradient may be
wanted, turns the object into a node whose edges lead to where its inputs came from.

The `backward` of an op is one expression over the functions of `minitorch.ops`. Those work on
arrays as well as on Tensors: handed arrays (first order) they return arrays and record nothing;
handed Tensors (``create_graph=True``) they record, and so the derivative has a derivative.
"""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from .. import dtypes, kernels
from . import anomaly, views
from .engine import Node, is_ours
from .grad_mode import state

_new = object.__new__
Tensor = None  # the class, set by minitorch.tensor when it is defined


class Op(Node):
    """An operation on arrays, with its derivative.

    Subclasses define `forward` and `backward`, and say with class attributes what the engine must
    know. An instance is one application of the operation: its instance attributes are the
    arguments that are not tensors.

    Attributes
    ----------
    formula : str
        The derivative in mathematical notation.
    reads : dict
        ``{i: (j, ...)}``: the gradient of input i reads inputs j. Nothing else is kept.
    reads_output : bool
        Whether `backward` reads `output`.
    result_serves : bool
        After an in-place application `backward` may read the result where it reads input 0.
    broadcasts : bool
        Inputs are broadcast against each other; `run` undoes it in the gradients.
    is_view : bool
        The result shares the memory of input 0.
    overwrites_grad : bool
        `fused_backward` takes an argument `out`, where it may write its result: the memory of its
        gradient, when nobody else holds that.
    differentiable : bool
        False for operations whose result is piecewise constant (comparisons, argmax).
    outputs : int
        How many results of `forward`, the first ones, carry gradients.
    """

    __slots__ = (
        "_cells",  # of the kept tensors: (number, cell, how often it had been written)
        "_kept",  # the inputs, None in place of what `backward` does not read
    )

    formula = ""
    reads: dict = {}
    reads_output = result_serves = False
    broadcasts = False
    is_view = False
    differentiable = True
    fused_backward = None
    overwrites_grad = False
    # Fields of an instance.
    out = None  # where `forward` may write the result (in-place operations)
    _kept_output = None
    _constants = None
    _packed = None  # what saved_tensors_hooks keep in place of the tensors
    _shapes = None  # of the inputs, if they were broadcast

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls._first_order = cls.fused_backward or cls.backward
        cls._choices = {}  # what `_choose` returned

    def forward(self, *inputs):
        """Compute the result (an array, or a tuple of arrays) from arrays and numbers."""
        raise NotImplementedError

    def backward(self, grad, needs):
        """Return the gradient of each input, None where ``needs[i]`` is False.

        Written over the functions of `minitorch.ops`, so that it runs on arrays and on Tensors.
        `grad` is the gradient of the result (one argument per output if there are several).
        """
        raise NotImplementedError

    # ---- forward: the funnel

    def __call__(self, *inputs):
        if type(inputs[0]) is ndarray:
            return self.forward(*inputs)  # a first-order backward: arrays in, arrays out
        here = state.__dict__
        recording = here["grad"] and self.differentiable
        arrays, edges = [], []
        for x in inputs:
            if isinstance(x, Tensor):
                if recording and x._chain is not None:
                    views.refresh(x)
                edges.append(x._edge)
                arrays.append(x._array)
            else:
                edges.append(None)
                arrays.append(x)
        result = self.forward(*arrays)
        if type(result) is tuple:
            results = tuple([self._wrap(array, inputs) for array in result])
            first = results[0]
        elif self.is_view or type(result) is not ndarray:
            results = first = self._wrap(result, inputs)
        else:
            results = first = _new(Tensor)  # Tensor._wrap, without the call
            first._array = result
            first._cell = [0]
            first._edge = first._base = first._chain = None
        if recording and any(edges):
            self._record(inputs, arrays, edges, first)
            first._edge = (self, 0)
            if self.outputs > 1:
                for number, tensor in enumerate(results[: self.outputs]):
                    tensor._edge = (self, number)
        if here["recorder"] is not None:
            here["recorder"].record(self, inputs, results)
        return results

    def inplace(self, target, *others):
        """Apply the operation and write its result into `target`, its first input.

        The caller has checked that the result has the shape of `target` and a type that may be
        written there.
        """
        views.check_writable(type(self).__name__, target)
        here, array = state.__dict__, target._array
        inputs, arrays, edges = [target], [array], ()
        for x in others:
            x = views.without_overlap(x, array)
            inputs.append(x)
            arrays.append(x._array if isinstance(x, Tensor) else x)
        if here["grad"] and self.differentiable:
            edges = [x._gradient_edge() if isinstance(x, Tensor) else None for x in inputs]
        records = any(edges)
        if records:
            views.check_followed(type(self).__name__, target)
            kept = inputs, list(arrays)
            if 0 in self.kept_inputs(tuple(map(bool, edges))) and not self.result_serves:
                before = Tensor._wrap(kernels.copy(array))  # of what is about to be overwritten
                kept = (before, *inputs[1:]), [before._array, *arrays[1:]]
            self._record(*kept, edges, target)
        self.out = array
        result = self.forward(*arrays)
        self.out = None
        if result is not array:
            np.copyto(array, result, casting="unsafe")
        target._cell[0] += 1
        if here["anomaly"]:
            anomaly.note_write(target._cell)
        if records:
            if self.result_serves:
                self._cells = [(i, cell, cell[0]) for i, cell, _ in self._cells]
            if self.reads_output:
                self._keep_output(target)
            views.rebase(target, self)
        if here["recorder"] is not None:
            here["recorder"].record(self, inputs, target)
        return target

    def _wrap(self, array, inputs):
        if type(array) is not ndarray:
            array = np.asarray(array)  # numpy makes scalars of 0-d results
        return views.wrap_view(self, array, inputs[0]) if self.is_view else Tensor._wrap(array)

    def _record(self, inputs, arrays, edges, result):
        """Become a node of the graph: set the edges, keep what `backward` reads.

        `arrays` becomes the list of what is kept.
        """
        self._connect(edges)
        if self.broadcasts:
            shape = result._array.shape
            for array in arrays:
                if type(array) is ndarray and array.shape != shape:
                    self._shapes = [getattr(a, "shape", ()) for a in arrays]
        keep, drop = self._choices.get(self.needs) or self._choose()
        for i in drop:
            arrays[i] = None
        self._kept = arrays
        self._cells = cells = []
        for i in keep:
            x = inputs[i]
            if isinstance(x, Tensor):
                cell = x._cell
                cells.append((i, cell, cell[0]))
        if self.reads_output:
            self._keep_output(result)

    def _choose(self):
        """Return the numbers of the inputs to keep and of the others; once per pattern of needs."""
        needs = self.needs
        keep = list(self.kept_inputs(needs))
        self._choices[needs] = choice = keep, [i for i in range(len(needs)) if i not in keep]
        return choice

    def _keep_output(self, result):
        self._kept_output = (result._array, result._cell, result._cell[0])

    @classmethod
    def kept_inputs(cls, needs):
        """Return the numbers of the inputs to keep, when gradients of those in `needs` may come."""
        wanted = [read for i, read in cls.reads.items() if i < len(needs) and needs[i]]
        return sorted({j for read in wanted for j in read})

    # ---- backward

    def run(self, grads, needs):
        if state.grad:
            results = self.backward(*grads, needs)
        elif self.overwrites_grad and is_ours(grads, 0):
            results = self.fused_backward(grads[0], needs, out=grads[0])
        else:
            results = self._first_order(*grads, needs)
        if type(results) is not tuple:
            results = (results,)
        if self._shapes is not None:
            results = [
                None if g is None else views.sum_to(g, shape)
                for g, shape in zip(results, self._shapes, strict=True)
            ]
        return results

    @property
    def inputs(self) -> list:
        """The kept inputs (None where not kept): arrays, or Tensors if the walk is recorded."""
        values = self._kept
        if values is None:
            self._freed()
            values = self._kept
        for i, cell, version in self._cells:
            if cell[0] != version:
                self._overwritten(f"input {i}", values[i], cell, version)
        if state.grad:
            values = list(values)
            for i, cell, _ in self._cells:
                values[i] = Tensor._make(Tensor, values[i], cell, self.parents[i])
        return values

    @property
    def output(self):
        """The kept result: an array, or a Tensor if the walk is recorded."""
        if self._kept_output is None or self._packed is not None:
            self._freed()
        array, cell, version = self._kept_output
        if cell[0] != version:
            self._overwritten("the result", array, cell, version)
        return Tensor._make(Tensor, array, cell, (self, 0)) if state.grad else array

    @property
    def constants(self):
        """What `forward` left for `backward` beside inputs and output (indices, a mask)."""
        if self._constants is None:
            self._freed()
        return self._constants

    @constants.setter
    def constants(self, value):
        self._constants = value

    def release(self):
        self._kept = self._kept_output = self._constants = self._packed = None

    def _freed(self):
        """Raise, because what was kept is gone; unless `saved_tensors_hooks` have it."""
        if self._packed is not None:
            from .graph import unpack

            unpack(self)
            return
        raise RuntimeError(
            f"{self.name()}: trying to backward through the graph a second time: what the nodes "
            "kept was freed by the first walk. Use retain_graph=True in the first backward() or "
            "grad() if the graph is needed again; if it is not, detach() what is left over from an "
            "earlier step (a total, a hidden state)." + anomaly.lines_of_freed(self)
        )

    def _overwritten(self, what, array, cell, version):
        changed = anomaly.writer(cell, version)
        raise RuntimeError(
            f"{self.name()}: one of the variables needed for gradient computation has been "
            f"modified by an inplace operation: {what}, shape {array.shape}, "
            f"{dtypes.of(array.dtype)}, is at version {cell[0]}; expected version {version}."
            + anomaly.history(("It was kept", self.site), ("It was changed", changed))
        )
