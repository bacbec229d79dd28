"""What each ONNX operator is in minitorch.

An operator gets the module, its inputs (None where left out) and its attributes, and returns a
tensor or a list of tensors. The definitions are those of https://onnx.ai/onnx/operators/.
"""

import builtins
import math

import numpy as np

import minitorch as mt

from .. import dtypes
from ..nn import functional as F
from ..tensor import Tensor

OPERATORS = {}
STATISTICS = {"BatchNormalization": (3, 4)}  # inputs that are no weights, by operator


def _operator(*kinds):
    def register(function):
        for kind in kinds:
            OPERATORS[kind] = function
        return function

    return register


def _ints(tensor):
    """Return the integers in a tensor of sizes or axes."""
    return [int(n) for n in tensor.reshape(-1).tolist()]


# ---- elementwise


def _plain(function):
    return lambda module, inputs, attributes: function(*inputs)


def _over_all(kind):
    """Return the function for ``Sum``, ``Max`` or ``Min`` of any number of tensors."""

    def apply(*tensors):
        result = tensors[0]
        for tensor in tensors[1:]:
            result = kind(result, tensor)
        return result

    return apply


def _div(x, y):
    return mt.div(x, y, rounding_mode=None if x.dtype.is_floating_point else "trunc")


OPERATORS |= {
    kind: _plain(function)
    for kind, function in {
        "Abs": mt.abs, "Acos": mt.acos, "Acosh": mt.acosh, "Add": mt.add, "And": mt.logical_and,
        "Asin": mt.asin, "Asinh": mt.asinh, "Atan": mt.atan, "Atanh": mt.atanh, "Ceil": mt.ceil,
        "Cos": mt.cos, "Cosh": mt.cosh, "Div": _div, "Equal": mt.eq, "Erf": mt.erf, "Exp": mt.exp,
        "Floor": mt.floor, "Greater": mt.gt, "GreaterOrEqual": mt.ge, "HardSwish": F.hardswish,
        "Identity": lambda x: x, "IsInf": mt.isinf, "IsNaN": mt.isnan, "Less": mt.lt,
        "LessOrEqual": mt.le, "Log": mt.log, "MatMul": mt.matmul, "Mish": F.mish, "Mul": mt.mul,
        "Neg": mt.neg, "Not": mt.logical_not, "Or": mt.logical_or, "Pow": mt.pow,
        "PRelu": lambda x, slope: mt.where(x > 0, x, x * slope), "Reciprocal": mt.reciprocal,
        "Relu": F.relu, "Round": mt.round, "Sigmoid": mt.sigmoid, "Sign": mt.sign, "Sin": mt.sin,
        "Sinh": mt.sinh, "Softplus": F.softplus, "Softsign": F.softsign, "Sqrt": mt.sqrt,
        "Sub": mt.sub, "Tan": mt.tan, "Tanh": mt.tanh, "Where": mt.where, "Xor": mt.logical_xor,
        "BitwiseAnd": mt.bitwise_and, "BitwiseOr": mt.bitwise_or, "BitwiseXor": mt.bitwise_xor,
        "BitwiseNot": mt.bitwise_not, "Sum": _over_all(mt.add), "Max": _over_all(mt.maximum),
        "Min": _over_all(mt.minimum),
    }.items()
}  # fmt: skip
OPERATORS |= {
    "LeakyRelu": lambda m, i, a: F.leaky_relu(i[0], a.get("alpha", 0.01)),
    "Elu": lambda m, i, a: F.elu(i[0], a.get("alpha", 1.0)),
    "Celu": lambda m, i, a: F.celu(i[0], a.get("alpha", 1.0)),
    "Selu": lambda m, i, a: F.selu(i[0]),
    "Gelu": lambda m, i, a: F.gelu(i[0], approximate=a.get("approximate", "none")),
    "Softmax": lambda m, i, a: F.softmax(i[0], a.get("axis", -1)),
    "LogSoftmax": lambda m, i, a: F.log_softmax(i[0], a.get("axis", -1)),
    "Dropout": lambda m, i, a: F.dropout(i[0], _ratio(i, a), m.training),
}


def _ratio(inputs, attributes):
    given = inputs[1] if len(inputs) > 1 else None
    return attributes.get("ratio", 0.5) if given is None else float(given.item())


@_operator("Mod")
def _mod(module, inputs, attributes):
    return (mt.fmod if attributes.get("fmod", 0) else mt.remainder)(*inputs)


@_operator("Clip")
def _clip(module, inputs, attributes):
    input, low, high = (*inputs, None, None)[:3]
    low = attributes.get("min") if low is None else low.item()
    high = attributes.get("max") if high is None else high.item()
    return input if low is None and high is None else mt.clamp(input, low, high)


@_operator("HardSigmoid")
def _hard_sigmoid(module, inputs, attributes):
    alpha, beta = attributes.get("alpha", 0.2), attributes.get("beta", 0.5)
    return mt.clamp(inputs[0] * alpha + beta, 0, 1)


@_operator("Shrink")
def _shrink(module, inputs, attributes):
    (x,) = inputs
    lambd, bias = attributes.get("lambd", 0.5), attributes.get("bias", 0.0)
    return mt.where(x < -lambd, x + bias, mt.where(x > lambd, x - bias, x * 0))


@_operator("Cast")
def _cast(module, inputs, attributes):
    from .graph import package

    kind = package().helper.tensor_dtype_to_np_dtype(attributes["to"])
    return inputs[0].to(dtypes.of(np.dtype(kind)))


# ---- layers


def _pads(attributes, input, kernel, stride, dilation):
    """Return the padding before and after each spatial dimension."""
    ndim = len(kernel)
    mode = attributes.get("auto_pad", "NOTSET")
    if mode in ("NOTSET", "VALID"):
        pads = attributes.get("pads", [0] * 2 * ndim) if mode == "NOTSET" else [0] * 2 * ndim
        return list(zip(pads[:ndim], pads[ndim:], strict=True))
    result = []
    for size, k, s, d in zip(input.shape[2:], kernel, stride, dilation, strict=True):
        total = max(0, (-(-size // s) - 1) * s + d * (k - 1) + 1 - size)
        less, more = total // 2, total - total // 2
        result.append((less, more) if mode == "SAME_UPPER" else (more, less))
    return result


def _padded(input, pads, value=0.0):
    """Return the input with the part of its padding that is not symmetric, and the other part."""
    if all(before == after for before, after in pads):
        return input, tuple(before for before, _ in pads)
    flat = [n for pair in reversed(pads) for n in pair]
    return F.pad(input, flat, value=value), (0,) * len(pads)


_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_CONV_TRANSPOSE = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
_MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_AVG_POOL = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


def _window(input, attributes, kernel):
    ndim = len(kernel)
    stride = tuple(attributes.get("strides", [1] * ndim))
    dilation = tuple(attributes.get("dilations", [1] * ndim))
    return stride, dilation, _pads(attributes, input, kernel, stride, dilation)


@_operator("Conv")
def _conv(module, inputs, attributes):
    input, weight, bias = (*inputs, None)[:3]
    stride, dilation, pads = _window(input, attributes, weight.shape[2:])
    input, padding = _padded(input, pads)
    convolve = _CONV[weight.dim() - 2]
    return convolve(input, weight, bias, stride, padding, dilation, attributes.get("group", 1))


@_operator("ConvTranspose")
def _conv_transpose(module, inputs, attributes):
    input, weight, bias = (*inputs, None)[:3]
    stride, dilation, pads = _window(input, attributes, weight.shape[2:])
    ndim = len(stride)
    extra = attributes.get("output_padding", [0] * ndim)
    if "output_shape" in attributes or attributes.get("auto_pad", "NOTSET") != "NOTSET":
        raise NotImplementedError("ConvTranspose with output_shape or auto_pad")
    convolve = _CONV_TRANSPOSE[ndim]
    whole = convolve(
        input, weight, bias, stride, 0, tuple(extra), attributes.get("group", 1), dilation
    )
    for i, (before, after) in enumerate(pads, 2):
        whole = whole.narrow(i, before, whole.shape[i] - before - after)
    return whole


@_operator("Gemm")
def _gemm(module, inputs, attributes):
    a, b, c = (*inputs, None)[:3]
    a = a.t() if attributes.get("transA", 0) else a
    alpha, beta = attributes.get("alpha", 1.0), attributes.get("beta", 1.0)
    if attributes.get("transB", 0) and alpha == beta == 1 and (c is None or c.dim() == 1):
        return F.linear(a, b, c)
    result = a.matmul(b.t() if attributes.get("transB", 0) else b)
    result = result if alpha == 1 else result * alpha
    return result if c is None else result + (c if beta == 1 else c * beta)


@_operator("BatchNormalization")
def _batch_norm(module, inputs, attributes):
    input, weight, bias, mean, variance = inputs
    momentum = 1 - attributes.get("momentum", 0.9)
    epsilon = attributes.get("epsilon", 1e-5)
    return F.batch_norm(input, mean, variance, weight, bias, module.training, momentum, epsilon)


@_operator("InstanceNormalization")
def _instance_norm(module, inputs, attributes):
    input, weight, bias = inputs
    return F.instance_norm(input, weight=weight, bias=bias, eps=attributes.get("epsilon", 1e-5))


@_operator("LayerNormalization")
def _layer_norm(module, inputs, attributes):
    input, weight, bias = (*inputs, None)[:3]
    shape = input.shape[attributes.get("axis", -1) :]
    return F.layer_norm(input, tuple(shape), weight, bias, attributes.get("epsilon", 1e-5))


@_operator("GroupNormalization")
def _group_norm(module, inputs, attributes):
    groups, epsilon = attributes["num_groups"], attributes.get("epsilon", 1e-5)
    input, weight, bias = inputs
    if weight.shape[0] != input.shape[1]:  # one number per group, before version 21
        each = input.shape[1] // groups
        weight, bias = weight.repeat_interleave(each), bias.repeat_interleave(each)
    return F.group_norm(input, groups, weight, bias, epsilon)


@_operator("LRN")
def _lrn(module, inputs, attributes):
    return F.local_response_norm(
        inputs[0], attributes["size"], attributes.get("alpha", 1e-4),
        attributes.get("beta", 0.75), attributes.get("bias", 1.0),
    )  # fmt: skip


@_operator("MaxPool")
def _max_pool(module, inputs, attributes):
    (input,) = inputs
    kernel = tuple(attributes["kernel_shape"])
    stride, dilation, pads = _window(input, attributes, kernel)
    if any(2 * max(pair) > k for pair, k in zip(pads, kernel, strict=True)):
        pads, input = [(0, 0)] * len(kernel), _padded_fully(input, pads, -math.inf)
    input, padding = _padded(input, pads, -math.inf)
    ceil = bool(attributes.get("ceil_mode", 0))
    return _MAX_POOL[len(kernel)](input, kernel, stride, padding, dilation, ceil)


def _padded_fully(input, pads, value):
    return F.pad(input, [n for pair in reversed(pads) for n in pair], value=value)


@_operator("AveragePool")
def _average_pool(module, inputs, attributes):
    (input,) = inputs
    kernel = tuple(attributes["kernel_shape"])
    stride, _, pads = _window(input, attributes, kernel)
    average = _AVG_POOL[len(kernel)]
    ceil, counted = bool(attributes.get("ceil_mode", 0)), bool(attributes.get("count_include_pad"))
    if all(a == b and 2 * a <= k for (a, b), k in zip(pads, kernel, strict=True)):
        return average(input, kernel, stride, tuple(a for a, _ in pads), ceil, counted)
    total = average(_padded_fully(input, pads, 0.0), kernel, stride, 0, ceil)
    if counted:
        return total
    ones = mt.ones(1, 1, *input.shape[2:], dtype=input.dtype)
    return total / average(_padded_fully(ones, pads, 0.0), kernel, stride, 0, ceil)


OPERATORS |= {
    "GlobalAveragePool": lambda m, i, a: i[0].mean(tuple(range(2, i[0].dim())), keepdim=True),
    "GlobalMaxPool": lambda m, i, a: i[0].amax(tuple(range(2, i[0].dim())), keepdim=True),
}


@_operator("Resize")
def _resize(module, inputs, attributes):
    input, _, scales, sizes = (*inputs, None, None, None)[:4]
    mode = attributes.get("mode", "nearest")
    where = attributes.get("coordinate_transformation_mode", "half_pixel")
    rounding = attributes.get("nearest_mode", "round_prefer_floor")
    size = _ints(sizes) if sizes is not None else None
    if size is None:
        size = [int(n * s) for n, s in zip(input.shape, scales.tolist(), strict=True)]
    if tuple(size[:2]) != tuple(input.shape[:2]):
        raise NotImplementedError("Resize along the batch or the channels")
    if mode == "nearest" and (where, rounding) != ("asymmetric", "floor"):
        mode = "nearest-exact"
    elif mode == "linear":
        mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[input.dim() - 2]
    elif mode == "cubic":
        mode = "bicubic"
    corners = where == "align_corners" if "nearest" not in mode else None
    return F.interpolate(input, tuple(size[2:]), mode=mode, align_corners=corners)


@_operator("Upsample")
def _upsample(module, inputs, attributes):
    scales = inputs[1] if len(inputs) > 1 else mt.tensor(attributes["scales"])
    return _resize(
        module, [inputs[0], None, scales],
        {"mode": attributes.get("mode", "nearest"), "nearest_mode": "floor",
         "coordinate_transformation_mode": "asymmetric"},
    )  # fmt: skip


@_operator("Pad")
def _pad(module, inputs, attributes):
    input = inputs[0]
    pads = _ints(inputs[1]) if len(inputs) > 1 else list(attributes["pads"])
    value = inputs[2].item() if len(inputs) > 2 and inputs[2] is not None else 0
    value = attributes.get("value", value)
    ndim = input.dim()
    if len(inputs) > 3 and inputs[3] is not None:
        chosen = [axis % ndim for axis in _ints(inputs[3])]
        whole = [0] * 2 * ndim
        for i, axis in enumerate(chosen):
            whole[axis], whole[ndim + axis] = pads[i], pads[len(chosen) + i]
        pads = whole
    pairs = list(zip(pads[:ndim], pads[ndim:], strict=True))
    mode = {"edge": "replicate", "wrap": "circular"}.get(
        attributes.get("mode", "constant"), attributes.get("mode", "constant")
    )
    if mode != "constant":
        pairs = pairs[2:]  # of batch and channels only a constant padding exists
    flat = [n for pair in reversed(pairs) for n in pair]
    return F.pad(input, flat, mode, value if mode == "constant" else None)


OPERATORS |= {
    "DepthToSpace": lambda m, i, a: _depth_to_space(i[0], a["blocksize"], a.get("mode", "DCR")),
    "SpaceToDepth": lambda m, i, a: _space_to_depth(i[0], a["blocksize"]),
}


def _depth_to_space(input, block, mode):
    n, c, h, w = input.shape
    each = c // block**2
    if mode == "CRD":
        parts = input.reshape(n, each, block, block, h, w).permute(0, 1, 4, 2, 5, 3)
    else:
        parts = input.reshape(n, block, block, each, h, w).permute(0, 3, 4, 1, 5, 2)
    return parts.reshape(n, each, h * block, w * block)


def _space_to_depth(input, block):
    n, c, h, w = input.shape
    parts = input.reshape(n, c, h // block, block, w // block, block).permute(0, 3, 5, 1, 2, 4)
    return parts.reshape(n, c * block**2, h // block, w // block)


# ---- reductions


def _axes(inputs, attributes):
    if len(inputs) > 1 and inputs[1] is not None:
        return _ints(inputs[1])
    return attributes.get("axes")


def _reduction(function):
    def reduce(module, inputs, attributes):
        axes = _axes(inputs, attributes)
        if not axes and attributes.get("noop_with_empty_axes", 0):
            return inputs[0]
        axes = tuple(axes) if axes else tuple(range(inputs[0].dim()))
        return function(inputs[0], axes, bool(attributes.get("keepdims", 1)))

    return reduce


def _prod(x, axes, keepdim):
    for axis in sorted((axis % x.dim() for axis in axes), reverse=True):
        x = x.prod(axis, keepdim)
    return x


OPERATORS |= {
    kind: _reduction(function)
    for kind, function in {
        "ReduceMean": lambda x, axes, keep: x.mean(axes, keep),
        "ReduceSum": lambda x, axes, keep: x.sum(axes, keep),
        "ReduceMax": lambda x, axes, keep: x.amax(axes, keep),
        "ReduceMin": lambda x, axes, keep: x.amin(axes, keep),
        "ReduceProd": _prod,
        "ReduceL1": lambda x, axes, keep: x.abs().sum(axes, keep),
        "ReduceL2": lambda x, axes, keep: x.square().sum(axes, keep).sqrt(),
        "ReduceSumSquare": lambda x, axes, keep: x.square().sum(axes, keep),
        "ReduceLogSum": lambda x, axes, keep: x.sum(axes, keep).log(),
        "ReduceLogSumExp": lambda x, axes, keep: x.logsumexp(axes, keep),
    }.items()
}
OPERATORS |= {
    "ArgMax": lambda m, i, a: i[0].argmax(a.get("axis", 0), bool(a.get("keepdims", 1))),
    "ArgMin": lambda m, i, a: i[0].argmin(a.get("axis", 0), bool(a.get("keepdims", 1))),
}


@_operator("CumSum")
def _cumsum(module, inputs, attributes):
    input, axis = inputs[0], int(inputs[1].item())
    if attributes.get("exclusive", 0):
        raise NotImplementedError("CumSum with exclusive=1")
    if attributes.get("reverse", 0):
        return input.flip(axis).cumsum(axis).flip(axis)
    return input.cumsum(axis)


# ---- shapes

OPERATORS |= {
    "Concat": lambda m, i, a: mt.cat(i, a["axis"]),
    "Gather": lambda m, i, a: _gather(i[0], i[1], a.get("axis", 0)),
    "GatherElements": lambda m, i, a: i[0].gather(a.get("axis", 0), i[1]),
    "Shape": lambda m, i, a: mt.tensor(
        i[0].shape[a.get("start", 0) : a.get("end")], dtype=mt.int64
    ),
    "Size": lambda m, i, a: mt.tensor(i[0].numel()),
    "Tile": lambda m, i, a: i[0].repeat(*_ints(i[1])),
    "Transpose": lambda m, i, a: i[0].permute(*a.get("perm", range(i[0].dim())[::-1])),
    "Range": lambda m, i, a: mt.arange(*[x.item() for x in i], dtype=i[0].dtype),
}


def _gather(input, index, axis):
    axis %= input.dim()
    index = index.long()
    index = mt.where(index < 0, index + input.shape[axis], index)
    result = input.index_select(axis, index.reshape(-1))
    return result.reshape(*input.shape[:axis], *index.shape, *input.shape[axis + 1 :])


@_operator("Constant")
def _constant(module, inputs, attributes):
    ((name, value),) = attributes.items()
    if isinstance(value, Tensor):
        return value
    return mt.tensor(value, dtype=mt.float32 if "float" in name else mt.int64)


@_operator("ConstantOfShape")
def _constant_of_shape(module, inputs, attributes):
    value = attributes.get("value", mt.zeros(1))
    return mt.full(_ints(inputs[0]), value.reshape(-1)[0].item(), dtype=value.dtype)


@_operator("Reshape")
def _reshape(module, inputs, attributes):
    input, sizes = inputs
    sizes = _ints(sizes)
    if not attributes.get("allowzero", 0):
        sizes = [input.shape[i] if n == 0 else n for i, n in enumerate(sizes)]
    return input.reshape(sizes)


@_operator("Flatten")
def _flatten(module, inputs, attributes):
    (input,) = inputs
    axis = attributes.get("axis", 1)
    axis = axis + input.dim() if axis < 0 else axis
    return input.reshape(math.prod(input.shape[:axis]), math.prod(input.shape[axis:]))


@_operator("Squeeze")
def _squeeze(module, inputs, attributes):
    axes = _axes(inputs, attributes)
    return inputs[0].squeeze() if axes is None else inputs[0].squeeze(tuple(axes))


@_operator("Unsqueeze")
def _unsqueeze(module, inputs, attributes):
    axes = _axes(inputs, attributes)
    ndim = inputs[0].dim() + len(axes)
    result = inputs[0]
    for axis in sorted(axis % ndim for axis in axes):
        result = result.unsqueeze(axis)
    return result


@_operator("Expand")
def _expand(module, inputs, attributes):
    input, sizes = inputs
    return input.expand(np.broadcast_shapes(tuple(input.shape), tuple(_ints(sizes))))


@_operator("Slice")
def _slice(module, inputs, attributes):
    input = inputs[0]
    if len(inputs) > 1:
        begins, ends = _ints(inputs[1]), _ints(inputs[2])
        axes = _ints(inputs[3]) if len(inputs) > 3 and inputs[3] is not None else None
        steps = _ints(inputs[4]) if len(inputs) > 4 and inputs[4] is not None else None
    else:
        begins, ends, axes, steps = attributes["starts"], attributes["ends"], None, None
        axes = attributes.get("axes")
    axes = axes if axes is not None else range(len(begins))
    for i, axis in enumerate(axes):
        step = steps[i] if steps else 1
        places = range(*slice(begins[i], ends[i], step).indices(input.shape[axis]))
        if step > 0:
            cut = builtins.slice(places.start, max(places.start, places.stop), step)
            input = input[(slice(None),) * (axis % input.dim()) + (cut,)]
        else:
            input = input.index_select(axis, mt.tensor(list(places), dtype=mt.int64))
    return input


@_operator("Split")
def _split(module, inputs, attributes):
    input, axis = inputs[0], attributes.get("axis", 0)
    sizes = _ints(inputs[1]) if len(inputs) > 1 and inputs[1] is not None else None
    sizes = attributes.get("split", sizes)
    if sizes is None:
        return list(input.chunk(attributes["num_outputs"], axis))
    return list(input.split(sizes, axis))


@_operator("Trilu")
def _trilu(module, inputs, attributes):
    diagonal = int(inputs[1].item()) if len(inputs) > 1 and inputs[1] is not None else 0
    return (mt.triu if attributes.get("upper", 1) else mt.tril)(inputs[0], diagonal)


@_operator("TopK")
def _top_k(module, inputs, attributes):
    count, dim = int(inputs[1].item()), attributes.get("axis", -1)
    return list(inputs[0].topk(count, dim, bool(attributes.get("largest", 1))))


@_operator("OneHot")
def _one_hot(module, inputs, attributes):
    index, depth, values = inputs
    if attributes.get("axis", -1) != -1:
        raise NotImplementedError("OneHot along another axis than the last")
    hot = F.one_hot(index.long(), int(depth.item()))
    off, on = values.unbind()
    return mt.where(hot == 1, on, off)


@_operator("Col2Im")
def _col2im(module, inputs, attributes):
    input, size, kernel = inputs[0], _ints(inputs[1]), _ints(inputs[2])
    ndim = len(kernel)
    pads = attributes.get("pads", [0] * 2 * ndim)
    if pads[:ndim] != pads[ndim:]:
        raise NotImplementedError("Col2Im with padding that is not symmetric")
    return F.fold(
        input, size, kernel, attributes.get("dilations", 1), tuple(pads[:ndim]),
        attributes.get("strides", 1),
    )  # fmt: skip
