"""What each operation is in ONNX.

A converter gets the graph, the step as it was recorded and the same step of the second trace (the
same step, if the batch size is fixed). It adds nodes, and returns the name of the result or a list
of the names of the results.
"""

import math
from itertools import pairwise

import numpy as np

from ..ops import activation as act
from ..ops import common, elementwise, index, pool, reduce, shape
from ..ops.conv import Conv, ConvTranspose
from ..ops.embedding import Embedding
from ..ops.fold import ColumnsToImage, ImageToColumns
from ..ops.matmul import Bmm, Dot, Linear, Mm, Mv
from ..ops.norm import GroupNorm
from ..ops.pad import ConstantPad, MapPad
from ..ops.resample import Nearest, Resample
from .graph import ExportError

CONVERTERS = {}


def _converts(*ops):
    def register(function):
        for op in ops:
            CONVERTERS[op] = function
        return function

    return register


# ---- one node


def _elementwise(kind, **fixed):
    """
    Return the converter to one node.

    Its attributes are given, or named after an attribute of the step, or an int: the number of a
    parameter of the activation.
    """

    def convert(graph, step, other):
        like = next(x for x in step.inputs if hasattr(x, "shape"))
        inputs = [graph.name(x, like) for x in step.inputs]
        attributes = {key: _attribute(step, value) for key, value in fixed.items()}
        return graph.node(kind, *inputs, **attributes)

    return convert


def _attribute(step, value):
    if isinstance(value, str):
        return step.attributes[value]
    return float(step.attributes["parameters"][value]) if isinstance(value, int) else value


_SAME = {
    elementwise: (
        "Add Sub Mul Div Pow Neg Abs Sqrt Reciprocal Exp Log Sin Cos Tan Asin Acos Atan Sinh Cosh "
        "Tanh Asinh Acosh Atanh Sigmoid Erf Sign Ceil Floor Where"
    ),
    act: "Relu Selu Mish Softsign",
}
for _module, _names in _SAME.items():
    for _name in _names.split():
        CONVERTERS[getattr(_module, _name)] = _elementwise(_name)
_RENAMED = {
    elementwise.Maximum: "Max", elementwise.Minimum: "Min", elementwise.Eq: "Equal",
    elementwise.Lt: "Less", elementwise.Le: "LessOrEqual", elementwise.Gt: "Greater",
    elementwise.Ge: "GreaterOrEqual", elementwise.IsNan: "IsNaN", elementwise.IsInf: "IsInf",
    act.Hardswish: "HardSwish", act.PRelu: "PRelu", Mm: "MatMul", Bmm: "MatMul", Dot: "MatMul",
    Mv: "MatMul", shape.Clone: "Identity",
}  # fmt: skip
CONVERTERS |= {op: _elementwise(kind) for op, kind in _RENAMED.items()}
CONVERTERS |= {
    act.LeakyRelu: _elementwise("LeakyRelu", alpha=0),
    act.Elu: _elementwise("Elu", alpha=0),
    act.Celu: _elementwise("Celu", alpha=0),
    act.Hardsigmoid: _elementwise("HardSigmoid", alpha=1 / 6, beta=0.5),
    act.Hardshrink: _elementwise("Shrink", lambd=0, bias=0.0),
    act.Softshrink: _elementwise("Shrink", lambd=0, bias=0),
    act.Softmax: _elementwise("Softmax", axis="dim"),
    act.LogSoftmax: _elementwise("LogSoftmax", axis="dim"),
    shape.Cat: _elementwise("Concat", axis="dim"),
    index.Gather: _elementwise("GatherElements", axis="dim"),
}


# ---- a few nodes for one function


def _composed(function):
    """Return the converter for a function of one tensor, written over `_Maths`."""

    def convert(graph, step, other):
        (input,) = step.inputs
        maths = _Maths(graph, input)
        return function(maths, graph.name(input), step.attributes)

    return convert


class _Maths:
    """Arithmetic on names: ``m.mul(x, 0.5)`` adds a node and returns its name."""

    def __init__(self, graph, like):
        self.graph, self.like = graph, like

    def __getattr__(self, kind):
        def apply(*inputs, **attributes):
            names = [x if isinstance(x, str) else self.graph.name(x, self.like) for x in inputs]
            return self.graph.node(kind[0].upper() + kind[1:], *names, **attributes)

        return apply


def _gelu_tanh(m, x, _):
    inner = m.mul(m.add(x, m.mul(m.mul(m.mul(x, x), x), 0.044715)), math.sqrt(2 / math.pi))
    return m.mul(m.mul(x, 0.5), m.add(m.tanh(inner), 1.0))


def _softplus(m, x, a):
    beta, _threshold = a["parameters"]
    return m.div(m.softplus(m.mul(x, beta)), beta)


CONVERTERS |= {
    op: _composed(function)
    for op, function in {
        act.Gelu: lambda m, x, _: m.mul(m.mul(x, 0.5), m.add(m.erf(m.mul(x, math.sqrt(0.5))), 1.0)),
        act.GeluTanh: _gelu_tanh,
        act.Silu: lambda m, x, _: m.mul(x, m.sigmoid(x)),
        act.Softplus: _softplus,
        act.Logsigmoid: lambda m, x, _: m.neg(m.softplus(m.neg(x))),
        act.Tanhshrink: lambda m, x, _: m.sub(x, m.tanh(x)),
        act.Threshold: lambda m, x, a: m.where(
            m.greater(x, a["parameters"][0]), x, a["parameters"][1]
        ),
        act.Relu6: lambda m, x, _: m.clip(x, 0, 6),
        act.Hardtanh: lambda m, x, a: m.clip(x, *a["parameters"]),
        elementwise.Scale: lambda m, x, a: m.add(m.mul(x, a["factor"]), a["offset"]),
        elementwise.Square: lambda m, x, _: m.mul(x, x),
        elementwise.Rsqrt: lambda m, x, _: m.reciprocal(m.sqrt(x)),
        elementwise.Exp2: lambda m, x, _: m.pow(2.0, x),
        elementwise.Expm1: lambda m, x, _: m.sub(m.exp(x), 1.0),
        elementwise.Log2: lambda m, x, _: m.div(m.log(x), math.log(2)),
        elementwise.Log10: lambda m, x, _: m.div(m.log(x), math.log(10)),
        elementwise.Log1p: lambda m, x, _: m.log(m.add(x, 1.0)),
    }.items()
}


@_converts(act.Glu)
def _glu(graph, step, other):
    input, gate = map(graph.name, step.inputs)
    return graph.node("Mul", input, graph.node("Sigmoid", gate))


@_converts(elementwise.Clamp)
def _clamp(graph, step, other):
    input, low, high = step.inputs
    result = graph.name(input)
    for kind, bound in (("Max", low), ("Min", high)):
        if bound is not None:
            result = graph.node(kind, result, graph.name(bound, input))
    return result


@_converts(elementwise.Ne)
def _ne(graph, step, other):
    return graph.node("Not", _elementwise("Equal")(graph, step, other))


def _logic(kind):
    def convert(graph, step, other):
        return graph.node(kind, *[_as_bool(graph, x) for x in step.inputs])

    return convert


def _bits(kind):
    """Return the converter of an operator on bits, which on bools is one of logic."""

    def convert(graph, step, other):
        if step.outputs[0]._array.dtype == bool:
            return _logic(kind)(graph, step, other)
        return _elementwise(f"Bitwise{kind}")(graph, step, other)

    return convert


for _kind in ("And", "Or", "Xor", "Not"):
    CONVERTERS[getattr(elementwise, f"Logical{_kind}")] = _logic(_kind)
    CONVERTERS[getattr(elementwise, f"Bitwise{_kind}")] = _bits(_kind)


def _as_bool(graph, tensor):
    return graph.node("Cast", graph.name(tensor), to=graph.onnx.TensorProto.BOOL)


@_converts(index.MaskedFill)
def _masked_fill(graph, step, other):
    input, value, mask = step.inputs
    return graph.node("Where", graph.name(mask), graph.name(value, input), graph.name(input))


@_converts(common.Cast)
def _cast(graph, step, other):
    return _cast_to(graph, graph.name(step.inputs[0]), step.outputs[0])


def _cast_to(graph, name, like):
    kind = graph.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(like._array.dtype))
    return graph.node("Cast", name, to=kind)


# ---- layers


def _padding(window):
    return [before for before, _ in window.padding] + [after for _, after in window.padding]


def _uncropped(graph, name, window):
    """Return the input without what a negative padding takes away, and the padding that is left."""
    pads = _padding(window)
    if min(pads) >= 0:
        return name, pads
    cut = [0, 0, *[min(0, p) for p in pads[: window.ndim]]]
    cut += [0, 0, *[min(0, p) for p in pads[window.ndim :]]]
    return graph.node("Pad", name, graph.integers(*cut)), [max(0, p) for p in pads]


@_converts(Conv)
def _conv(graph, step, other):
    input, *parameters = step.inputs
    window = step.attributes["window"]
    name, pads = _uncropped(graph, graph.name(input), window)
    return graph.node(
        "Conv", name, *[graph.name(p) for p in parameters],
        kernel_shape=window.kernel, strides=window.stride, dilations=window.dilation,
        pads=pads, group=window.groups,
    )  # fmt: skip


@_converts(ConvTranspose)
def _conv_transpose(graph, step, other):
    input = step.inputs[0]
    window, size = step.attributes["window"], step.attributes["size"]
    pads = _padding(window)
    if min(pads) < 0:
        raise ExportError(f"negative padding {window.padding}")
    extra = [
        n - ((m - 1) * stride + extent - sum(pad))
        for n, m, stride, extent, pad in zip(
            size, input.shape[2:], window.stride, window.extent, window.padding, strict=True
        )
    ]
    return graph.node(
        "ConvTranspose", *[graph.name(x) for x in step.inputs],
        kernel_shape=window.kernel, strides=window.stride, dilations=window.dilation,
        pads=pads, group=window.groups, output_padding=extra,
    )  # fmt: skip


@_converts(Linear)
def _linear(graph, step, other):
    return graph.node("Gemm", *[graph.name(x) for x in step.inputs], transB=1)


def convert_batch_norm(graph, step, other, readers):
    """
    Convert a batch norm with given statistics.

    If `readers` says that nobody else reads the convolution before it, it goes into that
    convolution's weights (https://arxiv.org/abs/1712.05877, section 3.2). `readers` is None if
    this is not wanted.
    """
    input, weight, bias = step.inputs
    if step.attributes["statistics"] is None:
        return _by_the_batch(graph, step)
    mean, variance = (np.asarray(v) for v in step.attributes["statistics"])
    weight = np.ones_like(mean) if weight is None else weight._array
    bias = np.zeros_like(mean) if bias is None else bias._array
    name = graph.name(input)
    eps = step.attributes["eps"]
    producer = graph.nodes[-1] if graph.nodes else None
    alone = readers and readers[id(input)] == 1 and producer.output[0] == name
    if alone and producer.op_type == "Conv" and producer.input[1] in graph.initializers:
        _fold(graph, producer, weight / np.sqrt(variance + eps), mean, bias)
        return name
    names = [
        graph.constant(array, f"{step.module}.{label}" if step.module else None)
        for label, array in (
            ("weight", weight), ("bias", bias), ("running_mean", mean), ("running_var", variance),
        )
    ]  # fmt: skip
    return graph.node("BatchNormalization", name, *names, epsilon=eps)


def _by_the_batch(graph, step):
    """Normalise channels by the statistics of the batch itself."""
    input, *parameters = step.inputs
    axes = graph.integers(0, *range(2, input.dim()))
    centred = graph.node(
        "Sub", graph.name(input), graph.node("ReduceMean", graph.name(input), axes)
    )
    variance = graph.node("ReduceMean", graph.node("Mul", centred, centred), axes)
    root = graph.node(
        "Sqrt", graph.node("Add", variance, graph.name(step.attributes["eps"], input))
    )
    result = graph.node("Div", centred, root)
    for operator, parameter in zip(("Mul", "Add"), parameters, strict=True):
        if parameter is not None:
            sizes = graph.integers(-1, *[1] * (input.dim() - 2))
            shaped = graph.node("Reshape", graph.name(parameter), sizes)
            result = graph.node(operator, result, shaped)
    return result


def _fold(graph, conv, scale, mean, bias):
    weight = graph.initializers[conv.input[1]]
    before = graph.initializers[conv.input[2]] if len(conv.input) > 2 else 0.0
    scaled = weight * scale.reshape(-1, *(1,) * (weight.ndim - 1))
    folded = [scaled, bias + (before - mean) * scale]
    names = [graph.constant(array.astype(weight.dtype), "folded") for array in folded]
    conv.input[:] = [conv.input[0], *names]


@_converts(GroupNorm)
def _group_norm(graph, step, other):
    """Normalise rows, one per sample and group; then scale and shift channels."""
    input, weight, bias = step.inputs
    _, groups, channels, elements = step.attributes["sizes"]
    kind, eps = input._array.dtype, step.attributes["eps"]
    rows = graph.node("Reshape", graph.name(input), graph.integers(-1, groups, channels * elements))
    if step.attributes["centred"]:
        ones = graph.constant(np.ones(channels * elements, kind))
        rows = graph.node("LayerNormalization", rows, ones, axis=2, epsilon=eps)
    else:
        square = graph.node("ReduceMean", graph.node("Mul", rows, rows), graph.integers(2))
        root = graph.node("Sqrt", graph.node("Add", square, graph.constant(np.array(eps, kind))))
        rows = graph.node("Div", rows, root)
    if weight is not None or bias is not None:
        rows = graph.node("Reshape", rows, graph.integers(-1, groups, channels, elements))
    for operator, parameter in (("Mul", weight), ("Add", bias)):
        if parameter is not None:
            sizes = graph.integers(groups, channels, 1)
            shaped = graph.node("Reshape", graph.name(parameter), sizes)
            rows = graph.node(operator, rows, shaped)
    return graph.node("Reshape", rows, _sizes(graph, step, other))


@_converts(pool.MaxPool)
def _max_pool(graph, step, other):
    window = step.attributes["window"]
    name, pads = _uncropped(graph, graph.name(step.inputs[0]), window)
    return [
        graph.node(
            "MaxPool", name, kernel_shape=window.kernel, strides=window.stride,
            dilations=window.dilation, pads=pads, ceil_mode=int(window.ceil_mode),
        )
    ]  # fmt: skip


@_converts(pool.AvgPool)
def _avg_pool(graph, step, other):
    (input,) = step.inputs
    window, divisor = step.attributes["window"], step.attributes["divisor"]
    name, pads = _uncropped(graph, graph.name(input), window)
    result = graph.node(
        "AveragePool", name, kernel_shape=window.kernel, strides=window.stride, pads=pads,
        ceil_mode=int(window.ceil_mode),
        count_include_pad=int(step.attributes["count_include_pad"] or divisor is not None),
    )  # fmt: skip
    if divisor is None:
        return result
    return graph.node("Mul", result, graph.name(math.prod(window.kernel) / divisor, input))


@_converts(pool.AdaptiveMaxPool)
def _adaptive_max_pool(graph, step, other):
    sizes, counts = step.inputs[0].shape[2:], step.attributes["output_size"]
    if any(size % count for size, count in zip(sizes, counts, strict=True)):
        raise ExportError(f"maxima of {counts} parts of different sizes, of {tuple(sizes)}")
    kernel = [size // count for size, count in zip(sizes, counts, strict=True)]
    name = graph.name(step.inputs[0])
    return [graph.node("MaxPool", name, kernel_shape=kernel, strides=kernel)]


@_converts(ImageToColumns)
def _image_to_columns(graph, step, other):
    """Convolve every channel with kernels of a single one, which ONNX has no operator for."""
    (input,) = step.inputs
    window, channels = step.attributes["window"], input.shape[1]
    taps = math.prod(window.kernel)
    ones = np.eye(taps, dtype=input._array.dtype).reshape(taps, 1, *window.kernel)
    weight = graph.constant(np.concatenate([ones] * channels))
    columns = graph.node(
        "Conv", graph.name(input), weight,
        kernel_shape=window.kernel, strides=window.stride, dilations=window.dilation,
        pads=_padding(window), group=channels,
    )  # fmt: skip
    return graph.node("Reshape", columns, _sizes(graph, step, other))


@_converts(ColumnsToImage)
def _columns_to_image(graph, step, other):
    window, size = step.attributes["window"], step.attributes["size"]
    return graph.node(
        "Col2Im", graph.name(step.inputs[0]), graph.integers(*size), graph.integers(*window.kernel),
        strides=window.stride, dilations=window.dilation, pads=_padding(window),
    )  # fmt: skip


@_converts(pool.AdaptiveAvgPool)
def _adaptive_avg_pool(graph, step, other):
    """Average parts of different sizes, which no operator of ONNX does."""
    sizes = zip(step.inputs[0].shape[2:], step.attributes["output_size"], strict=True)
    return _multiplied(graph, step.inputs[0], [_averages(*pair) for pair in sizes])


@_converts(Resample)
def _resample(graph, step, other):
    """Weighted sums as the tables say: exact in every mode, unlike ONNX's Resize."""
    tables = step.attributes["tables"]
    return _multiplied(graph, step.inputs[0], [t and _matrix(t) for t in tables])


@_converts(Nearest, MapPad)
def _nearest(graph, step, other):
    """Choose elements along the last dimensions."""
    (input,) = step.inputs
    tables = step.attributes["tables"]
    name = graph.name(input)
    for axis, table in enumerate(tables, input.dim() - len(tables)):
        index = table.index[:, 0]
        if not np.array_equal(index, np.arange(table.size)):
            name = graph.node("Gather", name, graph.constant(index), axis=axis)
    return name


@_converts(ConstantPad)
def _constant_pad(graph, step, other):
    (input,) = step.inputs
    lead = [0] * (input.dim() - len(step.attributes["padding"]))
    before, after = zip(*step.attributes["padding"], strict=True)
    pads = graph.integers(*lead, *before, *lead, *after)
    value = step.attributes["value"]
    return graph.node("Pad", graph.name(input), pads, graph.name(value, input))


def _multiplied(graph, input, matrices):
    """Multiply the last dimensions by matrices (None: leave a dimension as it is)."""
    name, last = graph.name(input), input.dim() - 1
    for axis, matrix in enumerate(matrices, input.dim() - len(matrices)):
        if matrix is None:
            continue
        swap = list(range(input.dim()))
        swap[axis], swap[last] = last, axis
        factor = graph.constant(matrix.astype(input._array.dtype))
        turned = name if axis == last else graph.node("Transpose", name, perm=swap)
        product = graph.node("MatMul", turned, factor)
        name = product if axis == last else graph.node("Transpose", product, perm=swap)
    return name


def _matrix(table):
    """Return what a table does as a matrix (input size, output size)."""
    matrix = np.zeros((table.size, len(table.index)))
    places, taps = np.nonzero(table.index >= 0)
    np.add.at(matrix, (table.index[places, taps], places), table.weight[places, taps])
    return matrix


def _averages(size, count):
    matrix = np.zeros((size, count))
    for i in range(count):
        begin, end = i * size // count, -(-(i + 1) * size // count)
        matrix[begin:end, i] = 1 / (end - begin)
    return matrix


# ---- reductions


def _reduces(kind):
    def convert(graph, step, other):
        return graph.node(
            kind, graph.name(step.inputs[0]), graph.integers(*step.attributes["dims"]),
            keepdims=int(step.attributes["keepdim"]),
        )  # fmt: skip

    return convert


CONVERTERS |= {
    reduce.Sum: _reduces("ReduceSum"),
    reduce.Mean: _reduces("ReduceMean"),
    reduce.Prod: _reduces("ReduceProd"),
    reduce.LogSumExp: _reduces("ReduceLogSumExp"),
}


@_converts(reduce.Extremum)
def _extremum(graph, step, other):
    kind = {"max": "ReduceMax", "min": "ReduceMin"}[step.attributes["kernel"]]
    return _reduces(kind)(graph, step, other)


@_converts(reduce.Norm)
def _norm(graph, step, other):
    kind = {1: "ReduceL1", 2: "ReduceL2"}.get(step.attributes["p"])
    if kind is None:
        raise ExportError(f"a norm with p={step.attributes['p']}")
    return _reduces(kind)(graph, step, other)


@_converts(reduce.Var, reduce.Std)
def _var(graph, step, other):
    (input,) = step.inputs
    dims, keepdim = step.attributes["dims"], step.attributes["keepdim"]
    name, axes = graph.name(input), graph.integers(*dims)
    count = math.prod(input.shape[d] for d in dims)
    centred = graph.node("Sub", name, graph.node("ReduceMean", name, axes))
    total = graph.node("ReduceSumSquare", centred, axes, keepdims=int(keepdim))
    result = graph.node("Div", total, graph.name(count - step.attributes["correction"], input))
    return graph.node("Sqrt", result) if step.op is reduce.Std else result


@_converts(reduce.PickExtremum)
def _pick_extremum(graph, step, other):
    kernel, dim = step.attributes["kernel"], step.attributes["dim"]
    name, keep = graph.name(step.inputs[0]), int(step.attributes["keepdim"])
    kind = kernel.capitalize()
    return [
        graph.node(f"Reduce{kind}", name, graph.integers(dim), keepdims=keep),
        graph.node(f"Arg{kind}", name, axis=dim, keepdims=keep),
    ]


@_converts(reduce.ArgReduce)
def _arg_reduce(graph, step, other):
    name, dim = graph.name(step.inputs[0]), step.attributes["dim"]
    if dim is None:
        name, dim = graph.node("Reshape", name, graph.integers(-1)), 0
    kind = "ArgMax" if "max" in step.attributes["kernel"] else "ArgMin"
    return graph.node(kind, name, axis=dim, keepdims=int(step.attributes["keepdim"]))


@_converts(reduce.CumSum)
def _cumsum(graph, step, other):
    dim = graph.constant(np.array(step.attributes["dim"], np.int64))
    return graph.node(
        "CumSum", graph.name(step.inputs[0]), dim, reverse=int(step.attributes["reverse"])
    )


# ---- shapes


@_converts(shape.View, shape.Squeeze, shape.Unsqueeze)
def _view(graph, step, other):
    return graph.node("Reshape", graph.name(step.inputs[0]), _sizes(graph, step, other))


def _sizes(graph, step, other):
    """Return the name of the sizes of a result, for a Reshape."""
    one, two = step.outputs[0].shape, other.outputs[0].shape
    differ = [i for i, (a, b) in enumerate(zip(one, two, strict=True)) if a != b]
    if len(differ) == 1:
        return graph.integers(*[-1 if i == differ[0] else n for i, n in enumerate(one)])
    return graph.sizes(one, two)


@_converts(shape.Expand)
def _expand(graph, step, other):
    sizes = graph.sizes(step.outputs[0].shape, other.outputs[0].shape)
    return graph.node("Expand", graph.name(step.inputs[0]), sizes)


@_converts(shape.Copy)
def _copy(graph, step, other):
    target, source = step.inputs
    name = graph.name(source, target)
    if getattr(source, "dtype", target.dtype) is not target.dtype:
        name = _cast_to(graph, name, target)
    return graph.node("Expand", name, graph.sizes(target.shape, other.inputs[0].shape))


@_converts(shape.Permute)
def _permute(graph, step, other):
    return graph.node("Transpose", graph.name(step.inputs[0]), perm=step.attributes["dims"])


@_converts(shape.Transpose, shape.T)
def _transpose(graph, step, other):
    perm = list(range(step.inputs[0].dim()))
    one, two = step.attributes["dim0"], step.attributes["dim1"]
    perm[one], perm[two] = perm[two], perm[one]
    return graph.node("Transpose", graph.name(step.inputs[0]), perm=perm)


@_converts(shape.Slice)
def _slice(graph, step, other):
    if step.attributes["index"] != other.attributes["index"]:
        raise ExportError("the part that is taken depends on the batch size")
    return _part(graph, graph.name(step.inputs[0]), step.inputs[0], step.attributes["index"])


def _part(graph, name, input, index):
    """Take the part of a tensor that basic indexing means."""
    taken = sum(i is not None and i is not Ellipsis for i in index)
    if Ellipsis not in index:
        index = (*index, Ellipsis)
    at = index.index(Ellipsis)
    index = (*index[:at], *[slice(None)] * (input.dim() - taken), *index[at + 1 :])
    axis, place, cuts, dropped, added = 0, 0, [], [], []
    for item in index:
        if item is None:
            added.append(place)
            place += 1
            continue
        if isinstance(item, slice):
            if item.indices(input.shape[axis]) != (0, input.shape[axis], 1):
                begin, end, step = item.indices(input.shape[axis])
                cuts.append((begin, end, axis, step))
            place += 1
        else:
            begin = int(item) % input.shape[axis]
            cuts.append((begin, begin + 1, axis, 1))
            dropped.append(axis)
        axis += 1
    if cuts:
        begins, ends, axes, steps = (graph.integers(*part) for part in zip(*cuts, strict=True))
        name = graph.node("Slice", name, begins, ends, axes, steps)
    if dropped:
        name = graph.node("Squeeze", name, graph.integers(*dropped))
    if added:
        name = graph.node("Unsqueeze", name, graph.integers(*added))
    return name


@_converts(shape.Split)
def _split(graph, step, other):
    (input,) = step.inputs
    parts, dim = step.attributes["parts"], step.attributes["dim"]
    if parts != other.attributes["parts"]:
        raise ExportError("the parts depend on the batch size")
    name = graph.name(input)
    whole = [part for part in parts if isinstance(part, slice)]
    if whole and all(a.stop == b.start for a, b in pairwise(whole)) and whole[0].start == 0:
        sizes = graph.integers(*[tensor.shape[dim] for tensor in step.outputs])
        result = graph.node("Split", name, sizes, outputs=len(parts), axis=dim)
        return [result] if isinstance(result, str) else result
    before = (slice(None),) * dim
    return [_part(graph, name, input, (*before, part)) for part in parts]


@_converts(shape.Stack)
def _stack(graph, step, other):
    dim = step.attributes["dim"]
    axes = graph.integers(dim)
    parts = [graph.node("Unsqueeze", graph.name(x), axes) for x in step.inputs]
    return graph.node("Concat", *parts, axis=dim)


@_converts(shape.Flip)
def _flip(graph, step, other):
    dims = step.attributes["dims"]
    ones = graph.integers(*[-1] * len(dims))
    ends = graph.integers(*[-(2**62)] * len(dims))
    return graph.node("Slice", graph.name(step.inputs[0]), ones, ends, graph.integers(*dims), ones)


@_converts(shape.Triangle)
def _triangle(graph, step, other):
    diagonal = graph.constant(np.array(step.attributes["diagonal"], np.int64))
    return graph.node(
        "Trilu", graph.name(step.inputs[0]), diagonal, upper=int(step.attributes["upper"])
    )


@_converts(index.Index, index.IndexSelect)
def _index(graph, step, other):
    input, *indices = step.inputs
    if len(indices) != 1:
        raise ExportError("indices along several dimensions at once")
    return graph.node(
        "Gather", graph.name(input), graph.name(indices[0]), axis=step.attributes["dims"][0]
    )


@_converts(Embedding)
def _embedding(graph, step, other):
    weight, indices = step.inputs
    return graph.node("Gather", graph.name(weight), graph.name(indices), axis=0)


@_converts(index.OneHot)
def _one_hot(graph, step, other):
    classes = graph.integers(step.outputs[0].shape[-1])
    values = graph.constant(np.array([0, 1], step.outputs[0]._array.dtype))
    return graph.node("OneHot", graph.name(step.inputs[0]), classes, values, axis=-1)


@_converts(index.Sort)
def _sort(graph, step, other):
    dim = step.attributes["dim"]
    count = step.outputs[0].shape[dim]
    return graph.node(
        "TopK", graph.name(step.inputs[0]), graph.integers(count), outputs=2, axis=dim,
        largest=int(step.attributes["descending"]), sorted=1,
    )  # fmt: skip


@_converts(shape.Roll)
def _roll(graph, step, other):
    (input,) = step.inputs
    shifts, dims = (np.atleast_1d(step.attributes[key]).tolist() for key in ("shifts", "dims"))
    name = graph.name(input)
    for shift, dim in zip(shifts, dims, strict=True):
        axis = graph.integers(dim)
        at = graph.integers(-shift % input.shape[dim])
        end, begin = graph.integers(2**62), graph.integers(0)
        parts = graph.node("Slice", name, at, end, axis), graph.node("Slice", name, begin, at, axis)
        name = graph.node("Concat", *parts, axis=dim)
    return name
