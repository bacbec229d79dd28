"""Export a model to ONNX: run it once under the recorder, and write down what it did."""

import contextlib
import os

import numpy as np

from .. import creation
from ..autograd.grad_mode import no_grad
from ..autograd.trace import Recorder
from ..ops.shape import cat
from ..serialization.atomic import replacing
from ..tensor import Tensor
from .converters import CONVERTERS, convert_batch_norm
from .graph import ExportError, Graph, package

__all__ = ["export"]

_OPSET = 18
_IR_VERSION = 8


def export(
    model,
    args,
    f,
    *,
    input_names=None,
    output_names=None,
    opset_version=None,
    dynamic_batch=True,
    dynamic_axes=None,
    fold_batch_norm=False,
    export_params=True,
    do_constant_folding=True,
    keep_initializers_as_inputs=False,
    verbose=False,
    training=None,
    operator_export_type=None,
):
    """
    Write a model to an ONNX file, in evaluation mode.

    The model is run on `args` and every operation is written down, so Python's control flow is
    frozen as these inputs take it. Parameters keep their names. The file passes ONNX's own checker
    before it takes its place.

    Parameters
    ----------
    model : Module
        What to export. Its mode (training or evaluation) is the same afterwards.
    args : Tensor or tuple of Tensor
        Inputs to run it on, such as ``minitorch.zeros(1, 3, 224, 224)``.
    f : str, os.PathLike or binary file object
        Where to.
    input_names, output_names : list of str, optional
        Names of the inputs and outputs; ``input``, ``output`` or ``input_0``, ... by default.
    opset_version : int, optional
        18, the version that is written. Older numbers are accepted for code written for PyTorch,
        and 18 is written.
    dynamic_batch : bool, default True
        Whether the first size of the inputs may be any number when the file is used. The model is
        then run a second time, with one sample more, to see what depends on it.
    dynamic_axes : dict, optional
        PyTorch's way to say so: given, `dynamic_batch` is whether it names axis 0 anywhere.
    fold_batch_norm : bool, default False
        Multiply the batch norms that follow a convolution into its weights.
    export_params, do_constant_folding, keep_initializers_as_inputs, verbose : optional
        Accepted for code written for PyTorch, and not used.
    training, operator_export_type : optional
        Accepted for code written for PyTorch, and not used.

    Raises
    ------
    ExportError
        The model does something that ONNX cannot express; the message names operation and module.
        Nothing has been written.
    ImportError
        The onnx package is not installed.

    Notes
    -----
    The format is described at https://onnx.ai/onnx/operators/.
    """
    package()
    if opset_version is not None and opset_version > _OPSET:
        raise ValueError(f"onnx.export: opset_version {opset_version} is beyond {_OPSET}")
    if dynamic_axes is not None:
        dynamic_batch = any(0 in axes for axes in dynamic_axes.values())
    inputs = args if isinstance(args, (tuple, list)) else (args,)
    if not inputs or not all(isinstance(x, Tensor) for x in inputs):
        raise TypeError("onnx.export: args must be a tensor or a tuple of tensors")
    first, second = _traces(model, inputs, dynamic_batch)
    graph = _build(model, inputs, first, second, fold_batch_norm, input_names, output_names)
    content = graph.SerializeToString()
    if hasattr(f, "write"):
        f.write(content)
        return
    with replacing(os.fspath(f)) as file:
        file.write(content)


class _Trace:
    """One run of a model: what was done, and what came out."""

    def __init__(self, model, inputs):
        with no_grad(), Recorder() as recorder:
            self.outputs = _flatten(model(*inputs))
        self.steps = recorder.steps


def _flatten(value):
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [tensor for item in value for tensor in _flatten(item)]
    raise ExportError(f"onnx.export: the model returns a {type(value).__name__}")


def _traces(model, inputs, dynamic_batch):
    """Return two traces of the model, which differ only in their batch size if that is free."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        first = _Trace(model, inputs)
        if not dynamic_batch:
            return first, first
        larger = tuple(cat([x, x[:1]]) if x.dim() else x for x in inputs)
        second = _Trace(model, larger)
    finally:
        for module, training in modes:
            module.training = training
    if [step.op for step in first.steps] != [step.op for step in second.steps]:
        raise ExportError(
            "onnx.export: what the model does depends on the batch size; "
            "export with dynamic_batch=False"
        )
    return first, second


def _build(model, inputs, first, second, fold_batch_norm, input_names, output_names):
    onnx = package()
    named = {id(t._array): name for name, t in [*model.named_parameters(), *model.named_buffers()]}
    batches = None
    if first is not second:
        batches = inputs[0].shape[0], inputs[0].shape[0] + 1
    graph = Graph(named, batches)
    input_names = _names("input", input_names, len(inputs))
    output_names = _names("output", output_names, len(first.outputs))
    for name, tensor in zip(input_names, inputs, strict=True):
        graph.bind(tensor, name)
    graph.batch_input = input_names[0]
    readers = _readers(first)
    for step, other in zip(first.steps, second.steps, strict=True):
        fixed = all(a.shape == b.shape for a, b in zip(step.outputs, other.outputs, strict=True))
        if fixed and not any(graph.computed(x) for x in step.inputs):
            continue  # its results are constants
        with _blame(step):
            _convert(graph, step, other, readers if fold_batch_norm else None)
    for name, tensor in zip(output_names, first.outputs, strict=True):
        graph.nodes.append(onnx.helper.make_node("Identity", [graph.name(tensor)], [name]))
    return _model(graph, inputs, input_names, first.outputs, second.outputs, output_names)


def _readers(trace):
    """Return how many steps (and outputs) read each tensor, by its id."""
    count = {}
    for tensor in [x for step in trace.steps for x in step.inputs] + trace.outputs:
        count[id(tensor)] = count.get(id(tensor), 0) + 1
    return count


def _convert(graph, step, other, readers):
    for one, two in zip(step.inputs, other.inputs, strict=True):
        _check_input(graph, one, two)
    if step.name == "BatchNorm":
        results = convert_batch_norm(graph, step, other, readers)
    elif step.op in CONVERTERS:
        results = CONVERTERS[step.op](graph, step, other)
    else:
        raise ExportError("there is no ONNX operator for it yet")
    if step.in_place:
        graph.overwrite(step.outputs[0], step.name)
    results = [results] if isinstance(results, str) else results
    for tensor, name in zip(step.outputs, results, strict=False):
        graph.bind(tensor, name)


def _check_input(graph, one, two):
    """Look for what follows the batch size without having been computed from the inputs."""
    if not isinstance(one, Tensor):
        if one != two:
            raise ExportError(f"a number that depends on the batch size: {one}, then {two}")
    elif one.shape != two.shape and not graph.computed(one):
        values = np.unique(np.append(one._array.reshape(-1), two._array.reshape(-1)))
        if values.size != 1:
            raise ExportError("a constant whose shape depends on the batch size")
        sizes = graph.sizes(one.shape, two.shape)
        graph.bind(one, graph.node("Expand", graph.constant(values), sizes))


@contextlib.contextmanager
def _blame(step):
    """Let an error say where in the model it is."""
    try:
        yield
    except ExportError as error:
        place = f" in module {step.module!r}" if step.module else ""
        raise ExportError(f"onnx.export: {step.name}{place}: {error}") from None


def _names(stem, given, count):
    if given is None:
        return [stem] if count == 1 else [f"{stem}_{i}" for i in range(count)]
    if len(given) != count:
        raise ValueError(f"onnx.export: {len(given)} names for {count} {stem}s")
    return list(given)


def _model(graph, inputs, input_names, first, second, output_names):
    onnx = graph.onnx
    larger = [creation.empty(_grown(x, graph.batches), dtype=x.dtype) for x in inputs]
    read = {name for node in graph.nodes for name in node.input}
    weights = {name: array for name, array in graph.initializers.items() if name in read}
    made = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            "minitorch",
            [_info(onnx, *each) for each in zip(input_names, inputs, larger, strict=True)],
            [_info(onnx, *each) for each in zip(output_names, first, second, strict=True)],
            [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()],
        ),
        opset_imports=[onnx.helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="minitorch",
    )
    onnx.checker.check_model(made, full_check=True)
    return made


def _grown(tensor, batches):
    shape = list(tensor.shape)
    if batches is not None and shape:
        shape[0] += 1
    return shape


def _info(onnx, name, tensor, larger):
    """Describe an input or output: a size that differs between the traces has a name."""
    shape = [
        size if size == other else ("batch" if i == 0 else f"{name}_{i}")
        for i, (size, other) in enumerate(zip(tensor.shape, larger.shape, strict=True))
    ]
    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(tensor._array.dtype))
    return onnx.helper.make_tensor_value_info(name, kind, shape)
