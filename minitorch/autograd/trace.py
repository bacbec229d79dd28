"""The recorder: one list of the operations a program ran, for every tool that needs it.

Every operation passes one funnel (`Op.__call__` and `Op.inplace`), which tells the recorder that is
on in the thread. Export, summary, profile, explain and draw all read this one recording. It does
not depend on gradients: it works under `no_grad` too. Backward passes of first order run on arrays
and are not recorded; those under ``create_graph=True`` are.

What a recording holds are the operations, so a user's `Function` shows up as the operations its
forward is made of.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass

from .grad_mode import state

__all__ = ["Recorder", "Step"]

# What an operation holds as a node of the graph; its other public attributes are its arguments.
_OF_THE_NODE = {"tensor_hooks", "hooks", "pre_hooks", "hooked", "site", "out"}

_READERS = ("minitorch.tensor", "minitorch.autograd.trace", "minitorch.autograd.graph")


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One operation that was run.

    Attributes
    ----------
    op : type
        The class of the operation: its ``formula``, its documentation.
    inputs : tuple
        Tensors, and numbers where a number took the place of a tensor.
    attributes : dict
        The arguments that are not tensors, by name.
    outputs : tuple of Tensor
        The results. Tensors are the same object where one step reads what another wrote.
    module : str
        Path of the module that ran it, as in `Module.named_modules`; "" outside of one.
    """

    op: type
    inputs: tuple
    attributes: dict
    outputs: tuple
    module: str

    @property
    def name(self) -> str:
        """Name of the operation."""
        return self.op.__name__

    @property
    def in_place(self) -> bool:
        """Whether the operation wrote its result into its first input."""
        return self.outputs[0] is self.inputs[0]

    def __repr__(self) -> str:
        where = f"{self.module}: " if self.module else ""
        arguments = [_text(x) for x in self.inputs]
        arguments += [f"{name}={_text(value)}" for name, value in self.attributes.items()]
        results = ", ".join(_text(y) for y in self.outputs)
        return f"{where}{self.name}({', '.join(arguments)}) -> {results}"


def _text(value) -> str:
    if hasattr(value, "shape"):
        return f"{value.dtype}{list(value.shape)}".removeprefix("minitorch.")
    return repr(value)


class Recorder:
    """Context manager that records the operations run inside it, in this thread.

    Recorders nest: the outer one records what the inner one does. Tensors that were recorded stay
    alive as long as the recorder does, unless `on_step` is given.

    Parameters
    ----------
    on_step : callable, optional
        Called with each `Step` as soon as it has run, in place of collecting it in `steps`.

    Attributes
    ----------
    steps : list of Step
        What has been recorded, in order.
    reads : dict
        The lines of the program, outside of this package, that asked for values of a tensor
        (``if x > 0``, ``item()``, ``numpy()``): what was recorded may depend on them.

    Examples
    --------
    >>> with Recorder() as recorder:
    ...     y = model(x)
    >>> for step in recorder.steps:
    ...     print(step)
    """

    def __init__(self, on_step=None):
        self.steps, self.reads, self._names = [], {}, {}
        self._on_step = on_step or self.steps.append
        self._on = False
        self._outer = None  # the recorder that was on before
        self._modules = []  # (module, path) of the calls being executed, innermost last

    def __enter__(self):
        if self._on:
            raise RuntimeError("Recorder: is on already and cannot be entered again")
        self._on, self._outer = True, state.recorder
        self._modules = [] if self._outer is None else list(self._outer._modules)
        state.recorder = self
        return self

    def __exit__(self, *exc):
        self._on, state.recorder, self._outer = False, self._outer, None

    def record(self, op, inputs, results):
        """Record one application of `op`; called by the funnel."""
        given = {
            name: value
            for name, value in vars(op).items()
            if name not in _OF_THE_NODE and not name.startswith("_")
        }
        outputs = tuple(results) if isinstance(results, (list, tuple)) else (results,)
        path = self._modules[-1][1] if self._modules else ""
        # The class and not the object, which is a node of the graph and would keep that alive.
        step = Step(type(op), tuple(inputs), given, outputs, path)
        state.recorder = None  # what a listener computes is not part of the program
        try:
            self._emit(step)
        finally:
            state.recorder = self

    def read(self):
        """Note who asks for the value of a tensor; called by the tensor."""
        frame = sys._getframe(1)
        while frame.f_globals.get("__name__") in _READERS:
            frame = frame.f_back
        if not frame.f_globals.get("__name__", "").startswith("minitorch."):
            self.reads[f"{frame.f_code.co_filename}:{frame.f_lineno}"] = True
        if self._outer is not None:
            self._outer.read()

    def _emit(self, step):
        self._on_step(step)
        if self._outer is not None:
            self._outer._emit(step)

    @contextlib.contextmanager
    def inside(self, module):
        """Attribute what is recorded in the block to `module`; for the call of a module.

        The path is that of `module` below the outermost module being called. A module called by
        one that does not contain it gets its class for a name.
        """
        path = ""
        if self._modules:
            caller, base = self._modules[-1]
            names = self._names.get(caller, {})
            if module not in names:
                names = self._names[caller] = {m: name for name, m in caller.named_modules()}
            path = ".".join(filter(None, (base, names.get(module, type(module).__name__))))
        self._modules.append((module, path))
        try:
            yield
        finally:
            self._modules.pop()
