"""saved_tensors_hooks: let the program decide how what a backward pass needs is kept.

It takes the place of the recorder, which is told of each operation after it became a node: no
operation asks for it when it is not in use. What a user's `Function` saves is not affected.
"""

from __future__ import annotations

import contextlib

from . import op as _op
from .grad_mode import no_grad, state

__all__ = ["save_on_cpu", "saved_tensors_hooks"]


class saved_tensors_hooks:
    """Context manager: what operations inside keep for the backward pass goes through two hooks.

    Parameters
    ----------
    pack_hook : callable
        Given a Tensor that is kept, returns anything, which is kept in its place.
    unpack_hook : callable
        Given that, returns the Tensor, when the backward pass needs it.

    Examples
    --------
    >>> with saved_tensors_hooks(lambda x: x.half(), lambda x: x.float()):
    ...     loss = model(x).sum()
    """

    def __init__(self, pack_hook, unpack_hook):
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self):
        self._outer, state.recorder = state.recorder, self
        return self

    def __exit__(self, *exc):
        state.recorder = self._outer

    def record(self, op, inputs, results):
        """Pack what `op` keeps, if it became a node of the graph; called by the funnel.

        Parameters
        ----------
        op : Op
        inputs, results : tuple
            Of Tensors and arrays.
        """
        state.recorder = self._outer
        try:
            with no_grad():
                self._pack(op)
            if self._outer is not None:
                self._outer.record(op, inputs, results)
        finally:
            state.recorder = self

    def _emit(self, step):
        if self._outer is not None:
            self._outer._emit(step)

    def read(self):
        """Tell the recorder outside that the value of a tensor is asked for."""
        if self._outer is not None:
            self._outer.read()

    def inside(self, module):
        """Tell the recorder outside of the call of a module, and return its context.

        Parameters
        ----------
        module : Module
        """
        return contextlib.nullcontext() if self._outer is None else self._outer.inside(module)

    def _pack(self, op):
        if not hasattr(op, "parents") or op._packed is not None:  # no node, or packed before
            return
        packed = {}
        if op._kept is not None and op._cells:
            numbers = [i for i, _, _ in op._cells]
            packed["inputs"] = {i: self._packed(op._kept[i]) for i in numbers}
            packed["others"] = [None if i in numbers else x for i, x in enumerate(op._kept)]
        if op._kept_output is not None:
            packed["output"] = self._packed(op._kept_output[0])
        if packed:
            op._packed = (packed, self.unpack_hook)
            if "inputs" in packed:
                op._kept = None
            if "output" in packed:
                op._kept_output = (None, *op._kept_output[1:])

    def _packed(self, array):
        return self.pack_hook(_op.Tensor._wrap(array))


def unpack(op) -> None:
    """Give an operation back what it kept."""
    packed, unpack_hook = op._packed
    op._packed = None

    def array(value):
        tensor = unpack_hook(value)
        if not isinstance(tensor, _op.Tensor):
            raise TypeError(
                f"saved_tensors_hooks: unpack_hook must return a Tensor, got "
                f"{type(tensor).__name__}"
            )
        return tensor._array

    recorder, state.recorder = state.recorder, None
    try:
        with no_grad():
            if "inputs" in packed:
                kept = packed["others"]
                for i, value in packed["inputs"].items():
                    kept[i] = array(value)
                op._kept = kept
            if "output" in packed:
                op._kept_output = (array(packed["output"]), *op._kept_output[1:])
    finally:
        state.recorder = recorder


class save_on_cpu(saved_tensors_hooks):
    """Keep everything on the CPU, where it is: nothing changes.

    Parameters
    ----------
    pin_memory : bool
        Accepted.
    device_type : str
        Accepted.
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda"):
        super().__init__(lambda tensor: tensor, lambda tensor: tensor)
