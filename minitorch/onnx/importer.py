"""Load an ONNX file as a Module that runs its graph, and can be trained further."""

import os

import numpy as np

from ..errors import FileFormatError
from ..nn import Module, Parameter
from ..tensor import Tensor
from .graph import package
from .operators import OPERATORS, STATISTICS

__all__ = ["OnnxModule", "load"]


def load(f):
    """
    Return a Module that does what an ONNX file says.

    Floating-point weights become parameters, so the module can be fine-tuned; the statistics of
    batch norms become buffers, and are updated in training mode.

    Parameters
    ----------
    f : str, os.PathLike or binary file object
        What to read.

    Returns
    -------
    OnnxModule
        In evaluation mode. It is called with the graph's inputs, in their order or by name.

    Raises
    ------
    FileFormatError
        The file is damaged or no ONNX file.
    NotImplementedError
        The graph uses operators that minitorch has not; the message names all of them.
    ImportError
        The onnx package is not installed.
    """
    onnx = package()
    name = getattr(f, "name", "file object") if hasattr(f, "read") else os.fspath(f)
    try:
        model = onnx.load(f)
        onnx.checker.check_model(model)
        missing = sorted({node.op_type for node in model.graph.node} - set(OPERATORS))
        if not missing:
            return OnnxModule(model.graph)
    except FileNotFoundError:
        raise
    except Exception as error:  # protobuf's and the checker's own, which share no class
        raise FileFormatError(f"{name}: no valid ONNX file: {error}") from error
    raise NotImplementedError(f"{name}: minitorch has no ONNX operator {', '.join(missing)}")


class _Step:
    """One node: its operator, names and attributes."""

    def __init__(self, onnx, node):
        self.kind = node.op_type
        self.run = OPERATORS[node.op_type]
        self.inputs = list(node.input)
        self.outputs = list(node.output)
        values = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        self.attributes = {name: _plain(onnx, value) for name, value in values.items()}


def _plain(onnx, value):
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, onnx.TensorProto):
        return Tensor._wrap(np.array(onnx.numpy_helper.to_array(value)))
    return list(value) if isinstance(value, (list, tuple)) or hasattr(value, "append") else value


class OnnxModule(Module):
    """
    The graph of an ONNX file as a Module; made by `load`.

    Parameters and buffers have the names of the file, with ``_`` for every dot and slash.

    Parameters
    ----------
    graph : onnx.GraphProto
        The graph, checked.

    Attributes
    ----------
    input_names, output_names : list of str
        As the file has them.
    """

    def __init__(self, graph):
        super().__init__()
        onnx = package()
        self._steps = [_Step(onnx, node) for node in graph.node]
        self._stored = {}  # name in the file -> name of the parameter or buffer
        trained = self._roles()
        for proto in graph.initializer:
            array = np.array(onnx.numpy_helper.to_array(proto))
            self._store(proto.name, Tensor._wrap(array), proto.name in trained)
        self.input_names = [x.name for x in graph.input if x.name not in self._stored]
        self.output_names = [x.name for x in graph.output]
        self._last_use = self._count_uses()
        self.eval()

    def _roles(self):
        """Return the names that are weights, and not statistics or sizes."""
        read = {name for step in self._steps for name in step.inputs}
        fixed = {
            name
            for step in self._steps
            for place in STATISTICS.get(step.kind, ())
            for name in step.inputs[place : place + 1]
        }
        return read - fixed

    def _store(self, name, tensor, trained):
        own = name.replace(".", "_").replace("/", "_").replace(":", "_") or "_"
        while own in self._stored.values() or hasattr(self, own):
            own += "_"
        self._stored[name] = own
        if trained and tensor.dtype.is_floating_point:
            self.register_parameter(own, Parameter(tensor))
        else:
            self.register_buffer(own, tensor)

    def _count_uses(self):
        """Return, per step, the values that nobody reads after it."""
        last = {name: i for i, step in enumerate(self._steps) for name in step.inputs}
        kept = set(self.output_names)
        free = [[] for _ in self._steps]
        for name, i in last.items():
            if name not in kept and name not in self._stored:
                free[i].append(name)
        return free

    def forward(self, *args, **kwargs):
        """
        Run the graph.

        Parameters
        ----------
        *args : Tensor
            The first inputs of the graph.
        **kwargs : Tensor
            The others, by name.

        Returns
        -------
        Tensor or tuple of Tensor
            The outputs of the graph.
        """
        values = dict(zip(self.input_names, args, strict=False)) | kwargs
        missing = [name for name in self.input_names if name not in values]
        if len(args) > len(self.input_names) or missing or len(values) > len(self.input_names):
            raise TypeError(f"the graph takes the inputs {self.input_names}, got {len(values)}")
        for step, free in zip(self._steps, self._last_use, strict=True):
            inputs = [self._value(values, name) for name in step.inputs]
            results = step.run(self, inputs, step.attributes)
            results = results if isinstance(results, (tuple, list)) else (results,)
            values.update(zip(step.outputs, results, strict=False))
            for name in free:
                values.pop(name, None)
        outputs = tuple(self._value(values, name) for name in self.output_names)
        return outputs[0] if len(outputs) == 1 else outputs

    def _value(self, values, name):
        if not name:
            return None
        return values[name] if name in values else getattr(self, self._stored[name])

    def extra_repr(self):
        return f"inputs={self.input_names}, outputs={self.output_names}, nodes={len(self._steps)}"
