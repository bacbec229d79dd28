"""Arrays in, arrays out: the way from numpy to the C library.

Nothing outside this file (and ``memory``) calls C. Functions here take arrays of any strides that
their callers may have, copy where they must, take their outputs from the pool, and turn a C status
into an exception. They do not check shapes: the public functions in ``ops`` have done that.

float32 and float64 go to C. float16 is computed in float32 and rounded.
"""

import contextlib
import contextvars
import functools
import math
import operator

import numpy as np

from . import memory
from ._library import ffi, isa_names, lib

# ---- infrastructure ------------------------------------------------------------------------------

_CODES = {np.dtype(np.float32): lib.MT_F32, np.dtype(np.float64): lib.MT_F64}
_from_buffer = ffi.from_buffer
_empty = memory.empty
_FLOAT16 = np.dtype(np.float16)
_FLOAT64 = np.dtype(np.float64)
_INT64, _INT32 = np.dtype(np.int64), np.dtype(np.int32)
_BOOL = np.dtype(bool)


def check(status):
    """Raise the exception that belongs to a C status."""
    if not status:
        return
    text = ffi.string(lib.mt_status_text(status)).decode()
    if status == lib.MT_ERR_NOMEM:
        raise MemoryError("minitorch: out of memory for workspace")
    if status == lib.MT_ERR_OVERFLOW:
        raise OverflowError(f"minitorch: {text}")
    raise RuntimeError(f"minitorch: {text}")


def pointer(array):
    """Return a C pointer to the first element of an array of any strides.

    The caller keeps the array alive during the call.
    """
    # cffi takes contiguous buffers only; an empty slice is one, and starts where the array starts
    return _from_buffer(array if array.flags.c_contiguous else array[:0])


def contiguous(array, dtype=None):
    """Return a C-contiguous and aligned array, copying only when needed."""
    # numpy.require takes longer to find out that there is nothing to do than small kernels run
    flags = array.flags
    same = dtype is None or array.dtype is dtype or array.dtype == dtype
    if same and flags.c_contiguous and flags.aligned:
        return array
    return np.require(array, dtype, "CA")


def _names(count, name):
    return {ffi.string(name(i)).decode(): i for i in range(count())}


# ---- runtime -------------------------------------------------------------------------------------


def set_num_threads(n):
    """Set how many threads the C kernels use.

    Parameters
    ----------
    n : int
        At least 1. Above 256 counts as 256. The bits of results do not depend on it.
    """
    n = int(n)
    if n < 1:
        raise ValueError(f"set_num_threads: expected at least 1 thread, got {n}")
    lib.mt_set_num_threads(min(n, 256))


def get_num_threads():
    """Return how many threads the C kernels use."""
    return lib.mt_get_num_threads()


def info():
    """Return what the C library is and runs on.

    Returns
    -------
    dict
        ``isa`` (instruction set in use), ``available`` (list of those that can be chosen with the
        environment variable ``MINITORCH_ISA``), ``threads``, ``openmp`` (bool), ``compiler``.
    """
    return {
        "isa": ffi.string(lib.mt_isa_name(lib.mt_isa_active())).decode(),
        "available": isa_names(True),
        "threads": get_num_threads(),
        "openmp": bool(lib.mt_openmp()),
        "compiler": ffi.string(lib.mt_compiler()).decode(),
    }


def set_isa(name):
    """Choose the instruction set by name; for tests, not while kernels run in other threads."""
    names = isa_names(False)
    if name not in names or lib.mt_set_isa(names.index(name)) != lib.MT_OK:
        raise RuntimeError(f"set_isa: {name!r} is not one of {', '.join(isa_names(True))}")


# ---- matrix multiplication -----------------------------------------------------------------------


def matmul(a, b, out=None):
    """Multiply matrices with numpy.matmul's rules for shapes.

    Parameters
    ----------
    a, b : numpy.ndarray
        float16, float32 or float64, both of one dtype, at least 1-d. Transposed views are read in
        place.
    out : numpy.ndarray, optional
        Where the result goes; must not overlap the inputs.
    """
    dtype = a.dtype
    if a.ndim == b.ndim == 2 and out is None:
        return gemm(a, b)
    if dtype == _FLOAT16:
        a, b = a.astype(np.float32), b.astype(np.float32)
    rows = a[None] if a.ndim == 1 else a
    columns = b[:, None] if b.ndim == 1 else b
    if columns.ndim == 2 and rows.ndim > 2:  # one matrix for the whole batch: more rows
        result = gemm(rows.reshape(-1, rows.shape[-1]), columns)
        result = result.reshape(*rows.shape[:-1], columns.shape[1])
    else:
        result = _batched(rows, columns)
    if a.ndim == 1:
        result = result[..., 0, :]
    if b.ndim == 1:
        result = result[..., 0]
    return _store(result, dtype, out)


def epilogue(activation=None, accumulate=False):
    """Return what a product does with its sums before it stores them, for `gemm`.

    Parameters
    ----------
    activation : tuple, optional
        ``("relu",)``, ``("clamp", low, high)`` or ``("leaky_relu", slope)``.
    accumulate : bool
        Add to what the output holds, before the activation.
    """
    name, *values = activation or ("",)
    code, low, high = {
        "": lambda: (lib.MT_LINEAR, 0, 0),
        "relu": lambda: (lib.MT_CLAMP, 0, math.inf),
        "clamp": lambda low, high: (lib.MT_CLAMP, low, high),
        "leaky_relu": lambda slope: (lib.MT_LEAKY, slope, 0),
    }[name](*values)
    return ffi.new("mt_epilogue *", (accumulate, code, low, high))


def gemm(a, b, bias=None, out=None, epilogue=ffi.NULL):
    """Return ``a @ b``, plus ``bias`` for each column.

    Parameters
    ----------
    a, b : numpy.ndarray
        2-d; transposed views are read in place.
    bias : numpy.ndarray, optional
        One value per column of `b`.
    out : numpy.ndarray, optional
        Where the result goes: contiguous, not overlapping the inputs, not float16.
    epilogue : optional
        From `epilogue`, not for float16.
    """
    if a.dtype not in _CODES:
        wide = gemm(*(v if v is None else v.astype(np.float32) for v in (a, b, bias)))
        return wide.astype(_FLOAT16)
    if out is None:
        out = _empty((a.shape[0], b.shape[1]), a.dtype)
    _gemm(1, a, b, None if bias is None else contiguous(bias), out, epilogue=epilogue)
    return out


def _batched(a, b):
    """Multiply matrices whose leading dimensions broadcast against each other."""
    if a.ndim == 2 and b.ndim == 2:
        return gemm(a, b)
    a, b = _whole_steps(a), _whole_steps(b)
    batch = a.shape[:-2]
    if batch != b.shape[:-2]:
        batch = np.broadcast_shapes(batch, b.shape[:-2])
    result = _empty((*batch, a.shape[-2], b.shape[-1]), a.dtype)
    _gemm(
        math.prod(batch) if result.size else 0,
        a,
        b,
        None,
        result,
        _offsets(a, batch),
        _offsets(b, batch),
        _offsets(result, batch),
    )
    return result


def _whole_steps(array):
    """Return the array, or a copy when its steps are not whole elements: a field of a record."""
    return array if array.flags.aligned else array.copy()


def _offsets(array, batch):
    """Return the distance of each matrix of a batch from the first, in elements."""
    sizes, strides = array.shape[:-2], array.strides[:-2]
    if len(sizes) == len(batch) == 1 and sizes == batch and sizes[0] <= 4096:  # the usual case
        return _offset_table(batch, (strides[0] // array.itemsize,))
    steps = [0] * (len(batch) - len(sizes))
    steps += [
        0 if size == 1 else stride // array.itemsize
        for size, stride in zip(sizes, strides, strict=True)
    ]
    if math.prod(batch) > 4096:
        return _offset_table.__wrapped__(batch, tuple(steps))
    return _offset_table(batch, tuple(steps))


@functools.lru_cache(64)  # for a batch of small matrices making it takes as long as multiplying
def _offset_table(batch, steps):
    offsets = np.zeros((), np.int64)
    for size, step in zip(batch, steps, strict=True):
        offsets = np.add.outer(offsets, np.arange(size) * step)
    return ffi.from_buffer("int64_t[]", np.ascontiguousarray(offsets))


def _gemm(
    problems,
    a,
    b,
    bias,
    result,
    a_offsets=ffi.NULL,
    b_offsets=ffi.NULL,
    c_offsets=ffi.NULL,
    epilogue=ffi.NULL,
):
    m, k, n = a.shape[-2], a.shape[-1], b.shape[-1]
    a_start, a_row, a_k = _matrix(a)
    b_start, b_k, b_column = _matrix(b)
    # numpy leaves the stride of a dimension of size 1 open: choose what reads contiguously
    status = lib.mt_gemm(
        _CODES[a.dtype],
        problems,
        m,
        n,
        k,
        a_start,
        a_row,
        1 if k == 1 else a_k,
        a_offsets,
        b_start,
        b_k if k > 1 else n,
        1 if n == 1 and k == 1 else b_column,
        b_offsets,
        ffi.NULL if bias is None else _from_buffer(bias),
        epilogue,
        _from_buffer(result),
        n,
        c_offsets,
    )
    if status:
        check(status)


def _matrix(x):
    """Return a pointer to a matrix, and its steps in elements."""
    flags, columns = x.flags, x.shape[-1]
    if columns > 1 and flags.c_contiguous and flags.aligned:
        return _from_buffer(x), columns, 1
    size, (row, column) = x.itemsize, x.strides[-2:]
    if row % size or column % size or not flags.aligned:  # a field of a record
        x = x.copy()
        row, column = x.strides[-2:]
    return pointer(x), row // size, column // size


# ---- convolution ---------------------------------------------------------------------------------


def conv_forward(input, weight, bias, window):
    """Convolve (cross-correlate) images with a bank of kernels.

    Parameters
    ----------
    input : numpy.ndarray
        (N, C, *spatial) with 1, 2 or 3 spatial dimensions, any strides.
    weight : numpy.ndarray
        (O, C / groups, *kernel).
    bias : numpy.ndarray or None
        (O,).
    window : minitorch.geometry.Window

    Returns
    -------
    numpy.ndarray
        (N, O, *output), contiguous.
    """
    if input.dtype == _FLOAT16:
        wide = (None if v is None else v.astype(np.float32) for v in (input, weight, bias))
        return conv_forward(*wide, window).astype(_FLOAT16)
    input, weight = _steps(input), contiguous(weight)
    bias = None if bias is None else contiguous(bias)
    desc, shape = _forward_desc(window, *_layout(input), weight.shape[0])
    result = _empty(shape, input.dtype)
    check(
        lib.mt_conv_forward(
            _CODES[input.dtype],
            desc,
            pointer(input),
            _from_buffer(weight),
            ffi.NULL if bias is None else _from_buffer(bias),
            _from_buffer(result),
        )
    )
    return result


def conv_grad_input(grad_output, weight, window, input_size):
    """Return the gradient of a convolution for its input; also a transposed convolution.

    Parameters
    ----------
    grad_output : numpy.ndarray
        (N, O, *output), any strides.
    weight : numpy.ndarray
        (O, C / groups, *kernel).
    window : minitorch.geometry.Window
    input_size : tuple of int
        Spatial sizes of the result.

    Returns
    -------
    numpy.ndarray
        (N, C, *input_size), contiguous.
    """
    if grad_output.dtype == _FLOAT16:
        grad_output, weight = grad_output.astype(np.float32), weight.astype(np.float32)
        return conv_grad_input(grad_output, weight, window, input_size).astype(_FLOAT16)
    channels = weight.shape[1] * window.groups
    result = memory.empty((grad_output.shape[0], channels, *input_size), grad_output.dtype)
    grad_output, weight = _steps(grad_output), contiguous(weight)
    check(
        lib.mt_conv_grad_input(
            _CODES[result.dtype],
            _conv_desc(window, result.shape, None, *_layout(grad_output)),
            pointer(grad_output),
            _from_buffer(weight),
            _from_buffer(result),
        )
    )
    return result


def conv_grad_weight(input, grad_output, window):
    """Return the gradient of a convolution for its weight.

    Parameters
    ----------
    input : numpy.ndarray
        (N, C, *spatial), any strides.
    grad_output : numpy.ndarray
        (N, O, *output), any strides.
    window : minitorch.geometry.Window

    Returns
    -------
    numpy.ndarray
        (O, C / groups, *kernel), contiguous.
    """
    if input.dtype == _FLOAT16:
        input, grad_output = input.astype(np.float32), grad_output.astype(np.float32)
        return conv_grad_weight(input, grad_output, window).astype(_FLOAT16)
    shape = (grad_output.shape[1], input.shape[1] // window.groups, *window.kernel)
    result = memory.empty(shape, input.dtype)
    input, grad_output = _steps(input), _steps(grad_output)
    check(
        lib.mt_conv_grad_weight(
            _CODES[result.dtype],
            _conv_desc(window, *_layout(input), *_layout(grad_output)),
            pointer(input),
            pointer(grad_output),
            _from_buffer(result),
        )
    )
    return result


def _steps(array):
    """Return the array, or a copy when its strides are not whole elements."""
    flags = array.flags
    if flags.aligned:
        size = array.itemsize
        if flags.c_contiguous or not any(stride % size for stride in array.strides):
            return array
    return array.copy()


def _layout(array):
    """Return shape, and the strides where they do not follow from it."""
    if array.flags.c_contiguous:
        return array.shape, None
    return array.shape, tuple(stride // array.itemsize for stride in array.strides)


@functools.lru_cache(maxsize=1024)
def _forward_desc(window, in_shape, in_steps, channels):
    """Describe a convolution by its input; return that and the shape of the output."""
    shape = (in_shape[0], channels, *window.output_size(in_shape[2:]))
    return _conv_desc(window, in_shape, in_steps, shape, None), shape


@functools.lru_cache(maxsize=1024)
def _conv_desc(window, in_shape, in_steps, out_shape, out_steps):
    """Describe a convolution to C: two dimensions are three with a leading size 1."""
    missing = 3 - window.ndim

    def padded(values, fill):
        return [fill] * missing + list(values)

    in_steps, out_steps = in_steps or _steps_of(in_shape), out_steps or _steps_of(out_shape)
    return ffi.new(
        "mt_conv_desc *",
        {
            "mb": in_shape[0],
            "groups": window.groups,
            "ic": in_shape[1],
            "oc": out_shape[1],
            "in": padded(in_shape[2:], 1),
            "out": padded(out_shape[2:], 1),
            "kernel": padded(window.kernel, 1),
            "stride": padded(window.stride, 1),
            "pad": padded((before for before, _ in window.padding), 0),
            "dilation": padded(window.dilation, 1),
            "in_mb_step": in_steps[0],
            "in_c_step": in_steps[1],
            "in_step": padded(in_steps[2:], 0),
            "out_mb_step": out_steps[0],
            "out_c_step": out_steps[1],
            "out_step": padded(out_steps[2:], 0),
        },
    )


def _steps_of(shape):
    """Return the strides, in elements, of a contiguous array."""
    return [math.prod(shape[i + 1 :]) for i in range(len(shape))]


# ---- elementwise ---------------------------------------------------------------------------------

_UNARY = _names(lib.mt_unary_count, lib.mt_unary_name)
_BINARY = _names(lib.mt_binary_count, lib.mt_binary_name)
_COMPARE = _names(lib.mt_compare_count, lib.mt_compare_name)

# Below this many elements a call of C with its preparations costs more than numpy's whole loop.
_SMALL = 1 << 13

# Operations that numpy rounds as C does, so that it makes no difference who computes them.
_NUMPY_BINARY = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.true_divide,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}


def _negative(x, out=None):
    # numpy 2.4 reads the wrong elements when both arrays have a step of 16 (64) bytes per float
    # (double), so it is not let to write with steps.
    if out is None or out.flags.c_contiguous:
        return np.negative(x, out)
    out[...] = np.negative(x)
    return out


_NUMPY_UNARY = {
    "neg": _negative,
    "abs": np.absolute,
    "square": np.square,
    "sqrt": np.sqrt,
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "round": np.rint,
}
# What numpy has for integers and bool besides.
_INTEGER_BINARY = _NUMPY_BINARY | {
    "pow": np.power,
    "fmod": np.fmod,
    "remainder": np.remainder,
    "floor_divide": np.floor_divide,
}
_INTEGER_UNARY = _NUMPY_UNARY | {
    "sign": np.sign,
    "floor": np.positive,
    "ceil": np.positive,
    "trunc": np.positive,
    "round": np.positive,
    "relu": lambda x: np.maximum(x, 0),
}

_ndarray = np.ndarray
_asarray = np.asarray
_unary_kernel = lib.mt_unary

# Division by zero and the like are no errors here. numpy.errstate costs four times as much as a
# small operation. To run it in a context that has been told so once costs next to nothing: in a
# copy, because a context lets in one call at a time.
_calm = contextvars.Context()
_calm.run(np.seterr, all="ignore")
_calmed = _calm.copy


def unary(name, x, out=None, a=0.0, b=0.0):
    """Apply the elementwise operation ``name`` to an array.

    Parameters
    ----------
    name : str
        A name in ``csrc/kernels.def``.
    x : numpy.ndarray
        Any strides. Integers and bool only for operations that numpy has for them.
    out : numpy.ndarray, optional
        Where the result goes; may be `x`.
    a, b : float
        Parameters of the operation.

    Returns
    -------
    numpy.ndarray
    """
    code, n = _CODES.get(x.dtype), x.size
    if code is not None and n < _SMALL and name in _NUMPY_UNARY:
        result = _calmed().run(_NUMPY_UNARY[name], x, out=out)
        return result if type(result) is _ndarray else _asarray(result)
    # the usual cases in the fewest steps
    if code is not None and (out is None or out is x) and x.flags.carray:
        if out is x or n < _SMALL:
            result = x if out is x else x.copy()
            source = to = _from_buffer(result)
        else:
            result = _empty(x.shape, x.dtype)
            source, to = _from_buffer(x), _from_buffer(result)
        status = _unary_kernel(_UNARY[name], code, n, source, to, a, b)
        if status:
            check(status)
        return result
    return _unary(name, x, code, out, a, b)


def _unary(name, x, code, out, a, b):
    dtype = x.dtype
    if code is None:
        if dtype == _FLOAT16:
            return _store(unary(name, x.astype(np.float32), a=a, b=b), _FLOAT16, out)
        return _by_numpy(_INTEGER_UNARY, name, out, x)
    op = _UNARY[name]
    if not x.flags.aligned:
        x = contiguous(x)
    order = _dense_order(x) if out is None else None
    if order is not None:
        return _unary(name, x.transpose(order), code, None, a, b).transpose(_inverse(order))
    shape = x.shape
    if out is None:
        result = memory.empty(shape, dtype)
    elif _usable(out, shape, dtype) and (out is x or not np.may_share_memory(out, x)):
        result = out
    else:
        result = memory.empty(shape, dtype)
    if x.flags.c_contiguous:
        status = lib.mt_unary(op, code, x.size, _from_buffer(x), _from_buffer(result), a, b)
    else:
        status = lib.mt_unary_strided(
            op, code, x.ndim, shape, pointer(x), x.strides, _from_buffer(result), a, b
        )
    check(status)
    return result if out is None else _store(result, dtype, out)


def binary(name, x, y, out=None, a=0.0, b=0.0):
    """Apply the elementwise operation ``name`` to two arrays, broadcasting as numpy does.

    Parameters
    ----------
    name : str
        A name in ``csrc/kernels.def``.
    x, y : numpy.ndarray or float
        Any strides; one of them may be a Python number. Integers and bool only for operations
        that numpy has for them.
    out : numpy.ndarray, optional
        Where the result goes; may be `x` or `y`.
    a, b : float
        Parameters of the operation.

    Returns
    -------
    numpy.ndarray
        bool for comparisons.
    """
    ufunc = _NUMPY_BINARY.get(name)
    if (
        ufunc is not None
        and (type(x) is not _ndarray or x.size < _SMALL)
        and (type(y) is not _ndarray or y.size < _SMALL)
    ):
        quietly = _calmed().run
        result = quietly(ufunc, x, y) if out is None else quietly(ufunc, x, y, out=out)
        return result if type(result) is _ndarray else _asarray(result)
    return _binary(name, x, y, out, a, b)


def _binary(name, x, y, out, a, b):
    if type(x) is _ndarray and type(y) is _ndarray and x.dtype is y.dtype:
        dtype = x.dtype
    else:
        dtype = np.result_type(x, y)
    code = _CODES.get(dtype)
    compare = _COMPARE.get(name)
    if code is None:
        if dtype == _FLOAT16 and compare is None:
            x, y = (v.astype(np.float32) if isinstance(v, np.ndarray) else v for v in (x, y))
            return _store(binary(name, x, y, a=a, b=b), _FLOAT16, out)
        return _by_numpy(_INTEGER_BINARY, name, out, x, y)
    op = _BINARY[name] if compare is None else compare + len(_BINARY)
    usual = compare is None and _alike(x, y)
    if usual and (out is None or (out is x and (y is x or not np.may_share_memory(x, y)))):
        result = _empty(x.shape, dtype) if out is None else out
        start = _from_buffer(x)
        to = start if out is x else _from_buffer(result)
        check(lib.mt_binary(op, code, x.size, start, 1, _from_buffer(y), 1, to, a, b))
        return result
    out_dtype = dtype if compare is None else _BOOL
    x, y = _operand(x, dtype), _operand(y, dtype)
    shape = x.shape
    if shape != y.shape:
        shape = np.broadcast_shapes(shape, y.shape)
    if out is None and (x.ndim == 0 or y.ndim == 0 or x.strides == y.strides):
        order = _dense_order(x if x.ndim else y)
        if order is not None:
            x, y = (v.transpose(order) if v.ndim else v for v in (x, y))
            return _binary(name, x, y, None, a, b).transpose(_inverse(order))
    if out is not None and _usable(out, shape, out_dtype) and _in_place(out, x, y):
        result = out
    else:
        result = memory.empty(shape, out_dtype)
    to = _from_buffer(result)
    xshape, yshape = x.shape, y.shape
    incx = 1 if xshape == shape else 0 if x.size == 1 else 2
    incy = 1 if yshape == shape else 0 if y.size == 1 else 2
    if (
        compare is None
        and incx + incy < 3
        and incx < 2
        and incy < 2
        and x.flags.c_contiguous
        and y.flags.c_contiguous
    ):
        n = result.size
        status = lib.mt_binary(op, code, n, _from_buffer(x), incx, _from_buffer(y), incy, to, a, b)
    else:
        status = lib.mt_binary_strided(
            op,
            code,
            result.ndim,
            shape,
            pointer(x),
            x.ndim,
            xshape,
            x.strides,
            pointer(y),
            y.ndim,
            yshape,
            y.strides,
            to,
            a,
            b,
        )
    check(status)
    return result if out is None else _store(result, out_dtype, out)


def _alike(x, y):
    """Say whether two arrays of one type and shape both lie in memory in order."""
    if type(x) is not _ndarray or type(y) is not _ndarray or x.dtype is not y.dtype:
        return False
    return x.shape == y.shape and x.flags.carray and y.flags.carray


def _dense_order(x):
    """Return the order of dimensions in which `x` lies in memory without gaps, if it is not C's.

    Elementwise results keep the layout of their inputs, as PyTorch's and numpy's do.
    """
    if x.flags.c_contiguous:
        return None
    strides = x.strides
    order = sorted(range(x.ndim), key=lambda i: -strides[i])
    return order if x.transpose(order).flags.c_contiguous else None


def _inverse(order):
    return sorted(range(len(order)), key=order.__getitem__)


def where(condition, x, y):
    """Choose elementwise: `x` where `condition` holds, else `y`; all three broadcast.

    Parameters
    ----------
    condition : numpy.ndarray of bool
    x, y : numpy.ndarray or number

    Returns
    -------
    numpy.ndarray
    """
    same = type(x) is _ndarray and type(y) is _ndarray and x.dtype is y.dtype
    dtype = x.dtype if same else np.result_type(x, y)
    code = _CODES.get(dtype)
    if code is None or condition.dtype != _BOOL or max(np.size(x), np.size(y)) < _SMALL:
        result = np.where(condition, x, y)
        return result if same else np.asarray(result, dtype)
    arrays = np.broadcast_arrays(condition, _operand(x, dtype), _operand(y, dtype))
    result = memory.empty(arrays[0].shape, dtype)
    pointers = [argument for v in arrays for argument in (pointer(v), v.strides)]
    pointers[0] = ffi.cast("uint8_t *", pointers[0])
    check(lib.mt_where(code, result.ndim, result.shape, *pointers, _from_buffer(result)))
    return result


def copy(x):
    """Return a C-contiguous copy of an array of any dtype and strides."""
    if x.size < _SMALL or x.itemsize > 8 or not x.flags.aligned:
        result = memory.empty(x.shape, x.dtype)
        result[...] = x
        return result
    result = memory.empty(x.shape, x.dtype)
    check(lib.mt_copy(x.itemsize, x.ndim, x.shape, pointer(x), x.strides, _from_buffer(result)))
    return result


def concatenate(arrays, axis):
    """Return arrays of one dtype, one after the other along a dimension."""
    if sum([x.size for x in arrays]) < _SMALL:
        return np.concatenate(arrays, axis)
    shape = list(arrays[0].shape)
    shape[axis] = sum([x.shape[axis] for x in arrays])
    dtype = arrays[0].dtype
    result = _empty(tuple(shape), dtype)
    if any(x.dtype is not dtype or not x.flags.c_contiguous for x in arrays):
        return np.concatenate(arrays, axis, out=result)
    outer = math.prod(shape[:axis])
    check(
        lib.mt_concatenate(
            len(arrays),
            outer,
            [x.nbytes // outer for x in arrays],
            ffi.new("void *[]", [_from_buffer(x) for x in arrays]),
            _from_buffer(result),
        )
    )
    return result


def _operand(v, dtype):
    """Return an aligned array of this dtype."""
    if type(v) is not _ndarray or v.dtype is not dtype:
        v = np.asarray(v, dtype)
    return v if v.flags.aligned else contiguous(v)


def _by_numpy(ufuncs, name, out, *inputs):
    given = {} if out is None else {"out": out}
    return np.asarray(_calmed().run(ufuncs[name], *inputs, **given))


def _in_place(out, x, y):
    """Say whether `out` is an input as a whole, or no part of one."""
    return all(
        (v is out or not np.may_share_memory(v, out)) and (v is not out or v.shape == out.shape)
        for v in (x, y)
    )


def _usable(out, shape, dtype):
    """Say whether C can write straight into ``out``."""
    return out is not None and out.flags.carray and out.shape == shape and out.dtype == dtype


def _store(result, dtype, out):
    """Return the result as ``dtype``, in ``out`` when that was asked for."""
    if out is None:
        return result if result.dtype is dtype else result.astype(dtype)
    if out is not result:
        out[...] = result
    return out


# ---- reductions ----------------------------------------------------------------------------------

_REDUCE = _names(lib.mt_reduce_count, lib.mt_reduce_name)
_NUMPY_REDUCE = {
    "sum": np.sum,
    "mean": np.mean,
    "max": np.max,
    "min": np.min,
    "prod": np.prod,
    "any": np.any,
    "all": np.all,
    "sumsq": lambda x, axis, keepdims: np.sum(x * x, axis=axis, keepdims=keepdims),
    "sumabs": lambda x, axis, keepdims: np.sum(np.abs(x), axis=axis, keepdims=keepdims),
}


def reduce(name, x, axes, keepdims=False):
    """Reduce dimensions of an array.

    Sums carry more digits than the type of the data, in an order that follows from the shape
    alone.

    Parameters
    ----------
    name : str
        sum, mean, sumsq (of squares), sumabs (of magnitudes), max, min, prod, any or all. A NaN is
        the result of max and min wherever there is one.
    x : numpy.ndarray
        Any strides.
    axes : tuple of int or None
        Dimensions to reduce; None for all.
    keepdims : bool
        Whether these stay, with size 1.

    Returns
    -------
    numpy.ndarray
        Of nothing: sum 0, prod 1, mean NaN, max -inf, min inf.
    """
    code, kind = _CODES.get(x.dtype), _REDUCE.get(name)
    if code is None or kind is None:
        if x.dtype == _FLOAT16 and kind is not None:
            return reduce(name, x.astype(np.float32), axes, keepdims).astype(_FLOAT16)
        return np.asarray(_NUMPY_REDUCE[name](x, axis=axes, keepdims=keepdims))
    if not x.flags.aligned:
        x = contiguous(x)
    ndim, sizes, steps, mask, shape = _reduction(x.shape, x.strides, axes, keepdims)
    result = _empty(shape, x.dtype)
    to = _from_buffer(result)
    status = lib.mt_reduce(kind, code, ndim, sizes, pointer(x), steps, mask, to)
    if status:
        check(status)
    return result


def moments(x, axes, keepdims=False):
    """Return the mean and the biased variance over dimensions of a floating-point array.

    Accurate also where the mean is much larger than the deviations. NaN where there is nothing.

    Parameters
    ----------
    x : numpy.ndarray
        Any strides.
    axes : tuple of int or None
    keepdims : bool

    Returns
    -------
    mean, variance : numpy.ndarray

    Notes
    -----
    Chan, Golub and LeVeque 1979, "Updating Formulae and a Pairwise Algorithm for Computing Sample
    Variances".
    """
    if x.dtype == _FLOAT16:
        mean, variance = moments(x.astype(np.float32), axes, keepdims)
        return mean.astype(_FLOAT16), variance.astype(_FLOAT16)
    if not x.flags.aligned:
        x = contiguous(x)
    ndim, sizes, steps, mask, shape = _reduction(x.shape, x.strides, axes, keepdims)
    mean, variance = memory.empty(shape, x.dtype), memory.empty(shape, x.dtype)
    check(
        lib.mt_moments(
            _CODES[x.dtype],
            ndim,
            sizes,
            pointer(x),
            steps,
            mask,
            _from_buffer(mean),
            _from_buffer(variance),
        )
    )
    return mean, variance


def arg_reduce(name, x, axis, keepdims=False):
    """Return where the greatest or least value lies: the first of equals, the first NaN before all.

    Parameters
    ----------
    name : str
        "max" or "min".
    x : numpy.ndarray
        Not empty along the dimension.
    axis : int or None
        None: in the flattened array.
    keepdims : bool

    Returns
    -------
    numpy.ndarray of int64
    """
    code = _CODES.get(x.dtype)
    if code is None:
        find = np.argmax if name == "max" else np.argmin
        return np.asarray(find(x, axis=axis, keepdims=keepdims), np.int64)
    shape = list(x.shape)
    outer, n, inner = (1, x.size, 1) if axis is None else _middle(x, axis)
    x = contiguous(x)
    if axis is None:
        shape = [1] * x.ndim if keepdims else []
    elif keepdims:
        shape[axis] = 1
    else:
        del shape[axis]
    result = memory.empty(tuple(shape), np.int64)
    check(
        lib.mt_arg_reduce(
            name == "min",
            code,
            outer,
            n,
            inner,
            _from_buffer(x),
            ffi.from_buffer("int64_t[]", result),
        )
    )
    return result


def cumsum(x, axis, out=None):
    """Return the running sums along a dimension."""
    return np.cumsum(x, axis=axis, dtype=x.dtype, out=out)


@functools.lru_cache(maxsize=1024)
def _reduction(shape, strides, axes, keepdims):
    """Return what C wants to know of a reduction, and the shape of the result."""
    ndim = len(shape)
    axes = range(ndim) if axes is None else (axes,) if isinstance(axes, int) else axes
    mask = 0
    for axis in axes:
        mask |= 1 << (axis % ndim)
    if keepdims:
        result = tuple(1 if mask >> d & 1 else n for d, n in enumerate(shape))
    else:
        result = tuple(n for d, n in enumerate(shape) if not mask >> d & 1)
    return ndim, ffi.new("int64_t[]", shape), ffi.new("int64_t[]", strides), mask, result


def _middle(x, axis):
    """Return the sizes before, at and after a dimension."""
    return _sizes_around(x.shape, axis)


@functools.lru_cache(maxsize=1024)
def _sizes_around(shape, axis):
    axis %= len(shape)
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])


# ---- normalisation -------------------------------------------------------------------------------


def batch_norm(x, mean, variance, weight, bias, eps):
    """Normalise every channel of (N, C, \\*spatial) with statistics that are given.

    Parameters
    ----------
    x : numpy.ndarray
    mean, variance : numpy.ndarray
        (C,)
    weight, bias : numpy.ndarray or None
        (C,)
    eps : float

    Returns
    -------
    numpy.ndarray
    """
    dtype = np.float32 if x.dtype == _FLOAT16 else x.dtype
    statistics = contiguous(mean, dtype), contiguous(variance, dtype)
    return _batch_norm(x, statistics, weight, bias, eps, False)


def batch_norm_train(x, weight, bias, eps):
    """Normalise every channel of (N, C, \\*spatial) with its own mean and variance.

    Returns
    -------
    y, mean, variance : numpy.ndarray
        The statistics are (C,), the variance biased.
    """
    dtype = np.float32 if x.dtype == _FLOAT16 else x.dtype
    statistics = np.empty(x.shape[1], dtype), np.empty(x.shape[1], dtype)
    return _batch_norm(x, statistics, weight, bias, eps, True), *statistics


def _batch_norm(x, statistics, weight, bias, eps, training):
    if x.dtype == _FLOAT16:
        y = _batch_norm(x.astype(np.float32), statistics, weight, bias, eps, training)
        return y.astype(_FLOAT16)
    x = contiguous(x)
    weight, bias = _parameter(weight, x.dtype), _parameter(bias, x.dtype)
    result = memory.empty(x.shape, x.dtype)
    check(
        lib.mt_batch_norm(
            _CODES[x.dtype],
            *_middle(x, 1),
            eps,
            training,
            _from_buffer(x),
            weight,
            bias,
            _from_buffer(statistics[0]),
            _from_buffer(statistics[1]),
            _from_buffer(result),
        )
    )
    return result


def batch_norm_backward(grad, x, mean, variance, weight, eps, training):
    """Return the gradients of a batch norm with respect to x, weight and bias.

    Parameters
    ----------
    grad, x : numpy.ndarray
    mean, variance : numpy.ndarray
        The statistics that were used.
    weight : numpy.ndarray or None
    eps : float
    training : bool
        Whether the statistics are those of `x`, so that the gradient goes through them too.

    Notes
    -----
    Ioffe and Szegedy 2015, section 3 (arXiv 1502.03167).
    """
    if x.dtype == _FLOAT16:
        arrays = (v.astype(np.float32) for v in (grad, x))
        results = batch_norm_backward(*arrays, mean, variance, weight, eps, training)
        return tuple(v.astype(_FLOAT16) for v in results)
    dtype = x.dtype
    x, grad = contiguous(x), contiguous(grad, dtype)
    mean, variance = contiguous(mean, dtype), contiguous(variance, dtype)
    result = memory.empty(x.shape, dtype)
    grads = np.empty(x.shape[1], dtype), np.empty(x.shape[1], dtype)  # each may become a .grad
    check(
        lib.mt_batch_norm_grad(
            _CODES[dtype],
            *_middle(x, 1),
            eps,
            training,
            _from_buffer(grad),
            _from_buffer(x),
            _parameter(weight, dtype),
            _from_buffer(mean),
            _from_buffer(variance),
            _from_buffer(result),
            _from_buffer(grads[0]),
            _from_buffer(grads[1]),
        )
    )
    return result, grads[0], grads[1]


def group_norm(x, sizes, weight, bias, eps, centred=True):
    """Normalise groups of channels within every sample, then scale and shift.

    Parameters
    ----------
    x : numpy.ndarray
    sizes : tuple of int
        (samples, groups, channels of a group, elements of a channel).
    weight, bias : numpy.ndarray or None
        One number for each channel of a sample.
    eps : float
    centred : bool
        False: the mean is not subtracted, and the mean square takes the place of the variance.

    Returns
    -------
    y, mean, variance : numpy.ndarray
        The statistics are (samples, groups).
    """
    if x.dtype == _FLOAT16:
        y, *statistics = group_norm(x.astype(np.float32), sizes, weight, bias, eps, centred)
        return y.astype(_FLOAT16), *statistics
    x = contiguous(x)
    result = memory.empty(x.shape, x.dtype)
    mean, variance = np.empty(sizes[:2], x.dtype), np.empty(sizes[:2], x.dtype)
    check(
        lib.mt_group_norm(
            _CODES[x.dtype],
            sizes,
            eps,
            centred,
            _from_buffer(x),
            _parameter(weight, x.dtype),
            _parameter(bias, x.dtype),
            _from_buffer(mean),
            _from_buffer(variance),
            _from_buffer(result),
        )
    )
    return result, mean, variance


def group_norm_backward(grad, x, sizes, mean, variance, weight, eps, centred=True):
    """Return the gradients of `group_norm` with respect to x, weight, bias, in weight's shape."""
    if x.dtype == _FLOAT16:
        arrays = (v.astype(np.float32) for v in (grad, x))
        results = group_norm_backward(*arrays, sizes, mean, variance, weight, eps, centred)
        return tuple(v.astype(_FLOAT16) for v in results)
    x, grad = contiguous(x), contiguous(grad, x.dtype)
    result = _empty(x.shape, x.dtype)
    shape = (sizes[1] * sizes[2],) if weight is None else weight.shape
    grads = _empty(shape, x.dtype), _empty(shape, x.dtype)
    check(
        lib.mt_group_norm_grad(
            _CODES[x.dtype],
            sizes,
            eps,
            centred,
            _from_buffer(grad),
            _from_buffer(x),
            _parameter(weight, x.dtype),
            _from_buffer(mean),
            _from_buffer(variance),
            _from_buffer(result),
            _from_buffer(grads[0]),
            _from_buffer(grads[1]),
        )
    )
    return result, grads[0], grads[1]


def _parameter(array, dtype):
    """Return a pointer to a parameter that may be absent."""
    return ffi.NULL if array is None else _from_buffer(contiguous(array, dtype))


# ---- softmax and cross-entropy -------------------------------------------------------------------


def softmax(x, axis, log=False):
    """Return the softmax along a dimension, or its logarithm."""
    if x.dtype == _FLOAT16:
        return softmax(x.astype(np.float32), axis, log).astype(_FLOAT16)
    x = contiguous(x)
    result = memory.empty(x.shape, x.dtype)
    sizes = _middle(x, axis) if x.ndim else (1, 1, 1)
    check(lib.mt_softmax(log, _CODES[x.dtype], *sizes, _from_buffer(x), _from_buffer(result)))
    return result


def softmax_backward(grad, y, axis, log=False):
    """Return the gradient of `softmax`, whose result was `y`."""
    if y.dtype == _FLOAT16:
        arrays = (v.astype(np.float32) for v in (grad, y))
        return softmax_backward(*arrays, axis, log).astype(_FLOAT16)
    y, grad = contiguous(y), contiguous(grad, y.dtype)
    result = memory.empty(y.shape, y.dtype)
    sizes = _middle(y, axis) if y.ndim else (1, 1, 1)
    pointers = _from_buffer(grad), _from_buffer(y), _from_buffer(result)
    check(lib.mt_softmax_grad(log, _CODES[y.dtype], *sizes, *pointers))
    return result


def cross_entropy(logits, target, weight=None, ignore_index=-100, label_smoothing=0.0):
    """Return the cross-entropy of every distribution, before any reduction, in one pass.

    Parameters
    ----------
    logits : numpy.ndarray
        (N, C, \\*spatial), float32 or float64.
    target : numpy.ndarray of int64
        (N, \\*spatial)
    weight : numpy.ndarray, optional
        (C,)
    ignore_index : int
        Targets of this value have loss 0 and no gradient.
    label_smoothing : float

    Returns
    -------
    loss : numpy.ndarray
        (N, \\*spatial)
    lse : numpy.ndarray of float64
        Logarithm of the sum of the exponentials, for `cross_entropy_backward`.

    Raises
    ------
    IndexError
        A target is not a class.
    """
    logits, target = contiguous(logits), contiguous(target, _INT64)
    result = memory.empty(target.shape, logits.dtype)
    lse = memory.empty(target.shape, _FLOAT64)
    status = lib.mt_cross_entropy(
        *_entropy_arguments(logits, target, weight, ignore_index, label_smoothing),
        _from_buffer(result),
        ffi.from_buffer("double[]", lse),
    )
    if status == lib.MT_ERR_ARGUMENT:
        classes = logits.shape[1]
        wrong = target[(target != ignore_index) & ((target < 0) | (target >= classes))]
        raise IndexError(f"cross_entropy: target {wrong[0]} is not one of {classes} classes")
    check(status)
    return result, lse


def cross_entropy_backward(
    coefficient, logits, target, lse, weight=None, ignore_index=-100, label_smoothing=0.0
):
    """Return the gradient of `cross_entropy` with respect to the logits.

    Parameters
    ----------
    coefficient : numpy.ndarray
        The gradient of every loss: (N, \\*spatial), or a single number for all.
    logits, target, lse, weight, ignore_index, label_smoothing
        As given to `cross_entropy` and returned by it.
    """
    logits, target = contiguous(logits), contiguous(target, _INT64)
    if coefficient.shape != target.shape:
        coefficient = np.full(target.shape, coefficient)
    coefficient = contiguous(coefficient, logits.dtype)
    result = memory.empty(logits.shape, logits.dtype)
    check(
        lib.mt_cross_entropy_grad(
            *_entropy_arguments(logits, target, weight, ignore_index, label_smoothing),
            ffi.from_buffer("double[]", lse),
            _from_buffer(coefficient),
            _from_buffer(result),
        )
    )
    return result


def _entropy_arguments(logits, target, weight, ignore_index, label_smoothing):
    weight = ffi.NULL if weight is None else _from_buffer(contiguous(weight, logits.dtype))
    return (
        _CODES[logits.dtype],
        *_middle(logits, 1),
        _from_buffer(logits),
        ffi.from_buffer("int64_t[]", target),
        weight,
        ignore_index,
        label_smoothing,
    )


# ---- pooling -------------------------------------------------------------------------------------


def max_pool(x, window, want_places=True):
    """Return the maxima under a window, and where they were.

    Parameters
    ----------
    x : numpy.ndarray
        (N, C, \\*spatial), float16, float32 or float64.
    window : geometry.Window
    want_places : bool

    Returns
    -------
    output : numpy.ndarray
    places : numpy.ndarray of int32, or None
        In the flattened spatial dimensions: the first of equal maxima, the last NaN.
    """
    if x.dtype == _FLOAT16:
        output, places = max_pool(x.astype(np.float32), window, want_places)
        return output.astype(_FLOAT16), places
    x = contiguous(x)
    size = window.output_size(x.shape[2:])
    output = memory.empty((*x.shape[:2], *size), x.dtype)
    places = memory.empty(output.shape, _INT32) if want_places else None
    check(
        lib.mt_max_pool(
            _CODES[x.dtype],
            x.shape[0] * x.shape[1],
            _pool_geometry(window, x.shape[2:], size),
            _from_buffer(x),
            _from_buffer(output),
            _places_pointer(places),
        )
    )
    return output, places


def _places_pointer(places):
    return ffi.NULL if places is None else _from_buffer("int32_t[]", places)


def max_pool_backward(grad, places, size):
    """Add every gradient to the place that its maximum came from.

    Parameters
    ----------
    grad : numpy.ndarray
        (N, C, \\*output)
    places : numpy.ndarray of int32 or int64
        As `max_pool` returned them.
    size : tuple of int
        Spatial sizes of the input.

    Returns
    -------
    numpy.ndarray
        (N, C, \\*size)

    Raises
    ------
    IndexError
        A place lies outside.
    """
    if grad.dtype == _FLOAT16:
        return max_pool_backward(grad.astype(np.float32), places, size).astype(_FLOAT16)
    plane = math.prod(size)
    if places.dtype != _INT32:
        places = np.where((places >= 0) & (places < plane), places, -1)  # what 32 bits cannot hold
    grad, places = contiguous(grad), contiguous(places, _INT32)
    result = memory.empty((*grad.shape[:2], *size), grad.dtype)
    status = lib.mt_max_pool_backward(
        _CODES[grad.dtype],
        grad.shape[0] * grad.shape[1],
        plane,
        math.prod(grad.shape[2:]),
        _from_buffer(grad),
        _places_pointer(places),
        _from_buffer(result),
    )
    if status == lib.MT_ERR_ARGUMENT:
        raise IndexError(f"an index lies outside an image of size {tuple(size)}")
    check(status)
    return result


def avg_pool(x, window, count_include_pad=True, divisor=None):
    """Return the averages under a window.

    Parameters
    ----------
    x : numpy.ndarray
        (N, C, \\*spatial), float16, float32 or float64.
    window : geometry.Window
    count_include_pad : bool
        Whether elements of the padding count.
    divisor : int, optional
        Divides every sum instead of the count.
    """
    if x.dtype == _FLOAT16:
        return avg_pool(x.astype(np.float32), window, count_include_pad, divisor).astype(_FLOAT16)
    x = contiguous(x)
    size = window.output_size(x.shape[2:])
    result = memory.empty((*x.shape[:2], *size), x.dtype)
    check(
        lib.mt_avg_pool(
            _CODES[x.dtype],
            x.shape[0] * x.shape[1],
            _pool_geometry(window, x.shape[2:], size),
            count_include_pad,
            divisor or 0,
            _from_buffer(x),
            _from_buffer(result),
        )
    )
    return result


def avg_pool_backward(grad, window, size, count_include_pad=True, divisor=None):
    """Return the gradient of `avg_pool` with respect to an input of spatial sizes `size`."""
    if grad.dtype == _FLOAT16:
        grad = grad.astype(np.float32)
        result = avg_pool_backward(grad, window, size, count_include_pad, divisor)
        return result.astype(_FLOAT16)
    grad = contiguous(grad)
    result = memory.empty((*grad.shape[:2], *size), grad.dtype)
    check(
        lib.mt_avg_pool_backward(
            _CODES[grad.dtype],
            grad.shape[0] * grad.shape[1],
            _pool_geometry(window, size, grad.shape[2:]),
            count_include_pad,
            divisor or 0,
            _from_buffer(grad),
            _from_buffer(result),
        )
    )
    return result


def adaptive_pool(name, x, output_size, want_places=True):
    """Return the averages ("avg") or maxima ("max") of the parts that an image is divided into.

    Parameters
    ----------
    name : str
    x : numpy.ndarray
        (N, C, \\*spatial), float16, float32 or float64.
    output_size : tuple of int
        Numbers of parts.
    want_places : bool

    Returns
    -------
    output : numpy.ndarray
    places : numpy.ndarray of int32, or None
        Of maxima, as in `max_pool`.
    """
    if x.dtype == _FLOAT16:
        output, places = adaptive_pool(name, x.astype(np.float32), output_size, want_places)
        return output.astype(_FLOAT16), places
    x = contiguous(x)
    output = memory.empty((*x.shape[:2], *output_size), x.dtype)
    places = memory.empty(output.shape, np.int32) if want_places and name == "max" else None
    if output.size:
        check(
            lib.mt_adaptive_pool(
                _CODES[x.dtype],
                x.shape[0] * x.shape[1],
                _in_three(x.shape[2:]) + _in_three(output_size),
                name == "avg",
                _from_buffer(x),
                _from_buffer(output),
                _places_pointer(places),
            )
        )
    return output, places


def adaptive_avg_pool_backward(grad, size):
    """Return the gradient of adaptive average pooling for an input of spatial sizes `size`."""
    if grad.dtype == _FLOAT16:
        return adaptive_avg_pool_backward(grad.astype(np.float32), size).astype(_FLOAT16)
    grad = contiguous(grad)
    if not grad.size:
        return np.zeros((*grad.shape[:2], *size), grad.dtype)
    result = memory.empty((*grad.shape[:2], *size), grad.dtype)
    check(
        lib.mt_adaptive_avg_pool_backward(
            _CODES[grad.dtype],
            grad.shape[0] * grad.shape[1],
            _in_three(size) + _in_three(grad.shape[2:]),
            _from_buffer(grad),
            _from_buffer(result),
        )
    )
    return result


def _in_three(values, neutral=1):
    """Return sizes with dimensions of size 1 before the given ones."""
    return [neutral] * (3 - len(values)) + list(values)


@functools.lru_cache(maxsize=1024)
def _pool_geometry(window, input_size, output_size):
    """Return the numbers that C wants, three for each of seven properties."""
    before, after = zip(*window.padding, strict=True)
    sizes = (input_size, output_size, window.kernel, window.stride, window.dilation)
    numbers = [n for values in sizes for n in _in_three(values)]
    return ffi.new("int64_t[]", numbers + _in_three(before, 0) + _in_three(after, 0))


# ---- locally connected layers --------------------------------------------------------------------


def local_forward(x, weight, window):
    """Convolve with another kernel at every position.

    Parameters
    ----------
    x : numpy.ndarray
        (N, C, \\*spatial), float16, float32 or float64.
    weight : numpy.ndarray
        (\\*positions, O, C, \\*kernel)
    window : geometry.Window

    Returns
    -------
    numpy.ndarray
        (N, O, \\*positions)
    """
    size = window.output_size(x.shape[2:])
    shape = (len(x), weight.shape[window.ndim], *size)
    return _local(lib.mt_local_forward, x, weight, shape, window, x.shape[2:], x.shape[1])


def local_grad_input(grad, weight, window, size):
    """Return the gradient of `local_forward` with respect to `x`, of spatial sizes `size`."""
    channels = weight.shape[window.ndim + 1]
    shape = (len(grad), channels, *size)
    return _local(lib.mt_local_grad_input, grad, weight, shape, window, size, channels)


def local_grad_weight(x, grad, window):
    """Return the gradient of `local_forward` with respect to `weight`."""
    shape = (*grad.shape[2:], grad.shape[1], x.shape[1], *window.kernel)
    return _local(lib.mt_local_grad_weight, x, grad, shape, window, x.shape[2:], x.shape[1])


def _local(function, first, second, shape, window, size, channels):
    if first.dtype == _FLOAT16:
        wide = first.astype(np.float32), second.astype(np.float32)
        return _local(function, *wide, shape, window, size, channels).astype(_FLOAT16)
    first, second = contiguous(first), contiguous(second)
    result = memory.empty(shape, first.dtype)
    positions = window.output_size(size)
    filters = first.shape[1] if function is lib.mt_local_grad_input else None
    if filters is None:
        filters = shape[1] if function is lib.mt_local_forward else shape[window.ndim]
    before = tuple(b for b, _ in window.padding)
    fields = (size, 1), (positions, 1), (window.kernel, 1), (window.stride, 1)
    fields += (window.dilation, 1), (before, 0)
    lead = 3 - window.ndim
    geometry = [n for values, neutral in fields for n in ((neutral,) * lead + tuple(values))]
    check(
        function(
            _CODES[first.dtype],
            len(first),
            channels,
            filters,
            geometry,
            _from_buffer(first),
            _from_buffer(second),
            _from_buffer(result),
        )
    )
    return result


# ---- places in planes ----------------------------------------------------------------------------


def take_planes(x, indices):
    """Return the elements of every plane at given places.

    Parameters
    ----------
    x : numpy.ndarray
        (N, C, \\*size)
    indices : numpy.ndarray of int64
        (N, C, \\*output), places in the flattened spatial dimensions.

    Raises
    ------
    IndexError
        A place lies outside.
    """
    return _move_planes(x, indices, x.shape[2:], True)


def put_planes(x, indices, size):
    """Return planes of zeros with elements at given places; of several the last counts.

    Parameters
    ----------
    x : numpy.ndarray
        (N, C, \\*input)
    indices : numpy.ndarray of int64
        The same shape, places in the flattened spatial dimensions.
    size : tuple of int
        Spatial sizes of the result.

    Raises
    ------
    IndexError
        A place lies outside.
    """
    return _move_planes(x, indices, size, False)


def _move_planes(x, indices, size, reading):
    if x.dtype == _FLOAT16:
        return _move_planes(x.astype(np.float32), indices, size, reading).astype(_FLOAT16)
    x, indices = contiguous(x), contiguous(indices, np.int64)
    result = memory.empty(indices.shape if reading else (*x.shape[:2], *size), x.dtype)
    status = lib.mt_move_planes(
        _CODES[x.dtype],
        reading,
        x.shape[0] * x.shape[1],
        math.prod(size),
        math.prod(indices.shape[2:]),
        ffi.from_buffer("int64_t[]", indices),
        _from_buffer(x),
        _from_buffer(result),
    )
    if status == lib.MT_ERR_ARGUMENT:
        raise IndexError(f"an index lies outside an image of size {tuple(size)}")
    check(status)
    return result


def max_pool_at(x, kernel, starts):
    """Return the maxima under windows at given places, and where they were.

    Parameters
    ----------
    x : numpy.ndarray
        (N, C, \\*spatial)
    kernel : tuple of int
        Sizes of the window.
    starts : list of numpy.ndarray of int64
        For each spatial dimension the first elements of the windows, (N, C, count).
    """
    if x.dtype == _FLOAT16:
        output, indices = max_pool_at(x.astype(np.float32), kernel, starts)
        return output.astype(_FLOAT16), indices
    x = contiguous(x)
    missing = 3 - len(kernel)
    first = np.zeros((*x.shape[:2], 1), np.int64)
    every = contiguous(np.concatenate([first] * missing + starts, 2), np.int64)
    size = tuple(part.shape[2] for part in starts)
    output = memory.empty((*x.shape[:2], *size), x.dtype)
    indices = memory.empty(output.shape, np.int64)
    ones = (1,) * missing
    check(
        lib.mt_max_pool_at(
            _CODES[x.dtype],
            x.shape[0] * x.shape[1],
            ones + x.shape[2:],
            ones + size,
            ones + tuple(kernel),
            ffi.from_buffer("int64_t[]", every),
            _from_buffer(x),
            _from_buffer(output),
            ffi.from_buffer("int64_t[]", indices),
        )
    )
    return output, indices


# ---- padding and resampling ----------------------------------------------------------------------


def remap(x, maps, fill=0):
    """Choose elements along the last dimensions, each by its map.

    Parameters
    ----------
    x : numpy.ndarray
        Elements of 1, 2, 4 or 8 bytes.
    maps : tuple of numpy.ndarray
        int64, contiguous; for each of the last 1 to 3 dimensions the places that are read; -1 where
        nothing is.
    fill : number
        What stands there then.
    """
    x = contiguous(x)
    lead = x.shape[: x.ndim - len(maps)]
    shape = (*lead, *(len(m) for m in maps))
    result = memory.empty(shape, x.dtype)
    missing = (1,) * (3 - len(maps))
    every = np.concatenate((*(_FIRST for _ in missing), *maps))
    with np.errstate(all="ignore"):
        value = np.asarray(fill).astype(x.dtype)
    check(
        lib.mt_remap(
            x.itemsize,
            math.prod(lead),
            missing + x.shape[len(lead) :],
            missing + shape[len(lead) :],
            ffi.from_buffer("int64_t[]", every),
            _from_buffer(value),
            _from_buffer(x),
            _from_buffer(result),
        )
    )
    return result


_FIRST = np.zeros(1, np.int64)


def resample(x, tables):
    """Take weighted sums of elements along the last dimensions.

    Parameters
    ----------
    x : numpy.ndarray
        float16, float32 or float64.
    tables : tuple
        For each of the last dimensions a table with `size` (of that dimension), `index` and
        `weight`, contiguous arrays (int64, float64) of shape (output size, taps), where a negative
        index stands for nothing; or None, where the dimension stays as it is.
    """
    if x.dtype == _FLOAT16:
        return resample(x.astype(np.float32), tables).astype(_FLOAT16)
    x = contiguous(x)
    tables = list(tables)
    unchanged = all(table is None for table in tables)
    while len(tables) > 2:  # one at a time, in planes of that dimension and all after it
        first, dim = tables.pop(0), x.ndim - len(tables) - 1
        if first is not None:
            inner = math.prod(x.shape[dim + 1 :])
            result = (*x.shape[:dim], len(first.index), *x.shape[dim + 1 :])
            planes = x.reshape(math.prod(x.shape[:dim]), x.shape[dim], inner)
            x = _resample_planes(planes, first, None).reshape(result)
    if all(table is None for table in tables):
        return x.copy() if unchanged else x
    h, w = (None, *tables)[-2:]
    rows = x.shape[-2] if len(tables) == 2 else 1
    lead = x.shape[: x.ndim - len(tables)]
    sizes = [
        n if table is None else len(table.index)
        for n, table in zip(x.shape[len(lead) :], tables, strict=True)
    ]
    planes = x.reshape(math.prod(lead), rows, x.shape[-1])
    return _resample_planes(planes, h, w).reshape(*lead, *sizes)


def _resample_planes(x, h, w):
    planes, rows, columns = x.shape
    if h is None:  # the planes do not matter
        planes, rows = 1, planes * rows
    high = rows if h is None else len(h.index)
    wide = columns if w is None else len(w.index)
    result = memory.empty((planes, high, wide), x.dtype)
    check(
        lib.mt_resample(
            _CODES[x.dtype],
            planes,
            *_table(h, rows, high),
            *_table(w, columns, wide),
            _from_buffer(x),
            _from_buffer(result),
        )
    )
    return result


def _table(table, size, count):
    if table is None:
        return size, count, 0, ffi.NULL, ffi.NULL
    index = ffi.from_buffer("int64_t[]", table.index)
    return size, count, table.index.shape[1], index, ffi.from_buffer("double[]", table.weight)


def sample(x, index, weight):
    """Take weighted sums of elements of planes, at other places for every element of the result.

    Parameters
    ----------
    x : numpy.ndarray
        (N, C, plane)
    index : numpy.ndarray of int64
        (N, count, taps); a negative index stands for nothing.
    weight : numpy.ndarray
        The same shape.

    Returns
    -------
    numpy.ndarray
        (N, C, count)
    """
    return _sample(lib.mt_sample, x, index, weight, x.shape[2], index.shape[1])


def sample_add(grad, index, weight, plane):
    """Return the gradient of `sample` with respect to `x`, whose planes have `plane` elements."""
    return _sample(lib.mt_sample_add, grad, index, weight, plane, plane)


def _sample(function, x, index, weight, plane, result_plane):
    if x.dtype == _FLOAT16:
        wide = _sample(function, x.astype(np.float32), index, weight, plane, result_plane)
        return wide.astype(_FLOAT16)
    x, weight = contiguous(x), contiguous(weight, np.float64)
    result = memory.empty((*x.shape[:2], result_plane), x.dtype)
    check(
        function(
            _CODES[x.dtype],
            *x.shape[:2],
            plane,
            *index.shape[1:],
            ffi.from_buffer("int64_t[]", index),
            ffi.from_buffer("double[]", weight),
            _from_buffer(x),
            _from_buffer(result),
        )
    )
    return result


def sample_dot(x, index, grad):
    """Return the gradient of `sample` with respect to `weight`."""
    if x.dtype == _FLOAT16:
        return sample_dot(x.astype(np.float32), index, grad.astype(np.float32)).astype(_FLOAT16)
    x, grad = contiguous(x), contiguous(grad, x.dtype)
    result = memory.empty(index.shape, np.float64)
    check(
        lib.mt_sample_dot(
            _CODES[x.dtype],
            *x.shape,
            *index.shape[1:],
            ffi.from_buffer("int64_t[]", index),
            _from_buffer(x),
            _from_buffer(grad),
            ffi.from_buffer("double[]", result),
        )
    )
    return result.astype(x.dtype)


# ---- optimiser steps -----------------------------------------------------------------------------


def sgd_step(
    params,
    grads,
    buffers,
    fresh,
    *,
    lr,
    momentum,
    dampening,
    weight_decay,
    nesterov,
    maximize,
):
    """Update parameters in place by stochastic gradient descent.

    Parameters
    ----------
    params, grads : list of numpy.ndarray
        Per parameter its values and gradient, of one type.
    buffers : list of numpy.ndarray or None
        Per parameter its momentum, updated in place; None without momentum.
    fresh : list of bool or None
        Per parameter whether its momentum is zero because nothing was added yet: then the gradient
        enters without dampening.
    lr, momentum, dampening, weight_decay : float
    nesterov, maximize : bool
    """
    arrays = [params, grads] + ([] if buffers is None else [buffers])
    for dtype, chosen, lists in _by_type(arrays):
        flags = ffi.NULL if buffers is None else [bool(fresh[i]) for i in chosen]
        with _updated(lists, dtype) as (sizes, pointers):
            check(
                lib.mt_sgd_step(
                    _CODES[dtype],
                    len(chosen),
                    sizes,
                    *pointers,
                    *(() if buffers is not None else (ffi.NULL,)),
                    flags,
                    lr,
                    momentum,
                    dampening,
                    weight_decay,
                    nesterov,
                    maximize,
                )
            )


def adam_step(
    params,
    grads,
    means,
    squares,
    maxima,
    steps,
    *,
    lr,
    beta1,
    beta2,
    eps,
    weight_decay,
    decoupled,
    maximize,
):
    """Update parameters in place by Adam.

    Parameters
    ----------
    params, grads : list of numpy.ndarray
        Per parameter its values and gradient, of one type.
    means, squares : list of numpy.ndarray
        Per parameter the running mean of its gradient and of the squares, updated in place.
    maxima : list of numpy.ndarray or None
        Per parameter the largest `squares` so far, updated in place (AMSGrad).
    steps : list of float
        Per parameter the number of its updates, this one included.
    lr, beta1, beta2, eps, weight_decay : float
    decoupled, maximize : bool
    """
    arrays = [params, grads, means, squares] + ([] if maxima is None else [maxima])
    for dtype, chosen, lists in _by_type(arrays):
        with _updated(lists, dtype) as (sizes, pointers):
            check(
                lib.mt_adam_step(
                    _CODES[dtype],
                    len(chosen),
                    sizes,
                    *pointers,
                    *(() if maxima is not None else (ffi.NULL,)),
                    [float(steps[i]) for i in chosen],
                    lr,
                    beta1,
                    beta2,
                    eps,
                    weight_decay,
                    decoupled,
                    maximize,
                )
            )


def rule_step(rule, params, grads, states, rates, settings, *, weight_decay, shrink, maximize):
    """Update parameters in place by a rule that keeps running values of the gradient.

    Parameters
    ----------
    rule : str
        rmsprop, adadelta, adagrad, adamax, nadam, radam, asgd or rprop.
    params, grads : list of numpy.ndarray
        Per parameter its values and gradient, of one type.
    states : sequence of (list of numpy.ndarray or None)
        The rule's running values, updated in place; up to three of every parameter.
    rates : list of tuple of float
        Per parameter up to three numbers that depend on how many steps it has made.
    settings : tuple of float
        Up to three numbers of the rule; ``csrc/optim_rules.inc`` says which.
    weight_decay, shrink : float
        Factor of the parameter in its gradient; factor of the parameter itself.
    maximize : bool
    """
    given = [i for i, arrays in enumerate(states) if arrays is not None]
    for dtype, chosen, lists in _by_type([params, grads, *[states[i] for i in given]]):
        with _updated(lists, dtype) as (sizes, pointers):
            state = [ffi.NULL] * 3
            for i, arrays in zip(given, pointers[2:], strict=True):
                state[i] = arrays
            check(
                lib.mt_rule_step(
                    getattr(lib, "MT_" + rule.upper()),
                    _CODES[dtype],
                    len(chosen),
                    sizes,
                    *pointers[:2],
                    *state,
                    [number for i in chosen for number in (*rates[i], 0.0, 0.0)[:3]],
                    (*settings, 0.0, 0.0, 0.0)[:3],
                    weight_decay,
                    shrink,
                    maximize,
                )
            )


def _by_type(lists):
    """Yield (type that C computes in, positions of such parameters, lists of their arrays)."""
    types = [p.dtype for p in lists[0]]
    if len(set(types)) == 1 and types[0] in _CODES:  # as almost always
        yield types[0], range(len(types)), lists
        return
    types = [np.dtype(np.float64 if dtype == np.float64 else np.float32) for dtype in types]
    for dtype in dict.fromkeys(types):
        chosen = [i for i, other in enumerate(types) if other is dtype]
        yield dtype, chosen, [[arrays[i] for i in chosen] for arrays in lists]


@contextlib.contextmanager
def _updated(lists, dtype):
    """Give C arrays of pointers to contiguous arrays; all but the gradients (the second list) are
    written back where that needed a copy."""
    work = [[contiguous(v, dtype) for v in arrays] for arrays in lists]
    sizes = [v.size for v in work[0]]
    buffers = [[_from_buffer(v) for v in arrays] for arrays in work]
    yield sizes, [ffi.new("void *[]", pointers) for pointers in buffers]
    for number, arrays in enumerate(lists):
        if number == 1 or not any(map(operator.is_not, arrays, work[number])):
            continue
        for array, copied in zip(arrays, work[number], strict=True):
            if array is not copied:
                array[...] = copied


# ---- random numbers ------------------------------------------------------------------------------
#
# The numbers are a function of (seed, offset, place in the array): the same with any number of
# threads and on every machine (normal numbers up to rounding). A generator adds
# `random_counters(shape, dtype)` to its offset after each call.


def random_counters(shape, dtype):
    """Return how many counters of a stream an array of random numbers uses up."""
    return lib.mt_random_counters(_random_code(dtype), math.prod(shape))


def random_uniform(shape, dtype, seed, offset, low=0.0, high=1.0):
    """Return an array of numbers from [low, high), of 24 random bits (float64: 53)."""
    return _random(0, shape, dtype, seed, offset, low, high)


def random_normal(shape, dtype, seed, offset, mean=0.0, std=1.0):
    """Return an array of normally distributed numbers (Box and Muller)."""
    return _random(1, shape, dtype, seed, offset, mean, std)


def random_bernoulli(shape, dtype, seed, offset, p):
    """Return an array of 1 with probability `p` and else 0."""
    return _random(2, shape, dtype, seed, offset, p, 0.0)


def dropout(x, p, scale, seed, offset):
    """Multiply every element by `scale`, or by 0 with probability `p`.

    Nothing has to be kept for the backward pass, nor for those after it: the gradient of the result
    goes through the same function with the same seed and offset.
    """
    if x.dtype == _FLOAT16:
        return dropout(x.astype(np.float32), p, scale, seed, offset).astype(_FLOAT16)
    return _random(3, x.shape, x.dtype, seed, offset, p, scale, contiguous(x))


def _random_code(dtype):
    dtype = np.dtype(dtype)
    return lib.MT_F64 if dtype == np.float64 else lib.MT_F32


def _random(kind, shape, dtype, seed, offset, a, b, x=None):
    code = _random_code(dtype)
    result = memory.empty(shape, np.float64 if code == lib.MT_F64 else np.float32)
    source = ffi.NULL if x is None else _from_buffer(x)
    check(
        lib.mt_random(
            kind,
            code,
            result.size,
            seed & _WORD,
            offset & _WORD,
            a,
            b,
            source,
            _from_buffer(result),
        )
    )
    return result.astype(dtype, copy=False)


_WORD = (1 << 64) - 1


# ---- benchmarks ----------------------------------------------------------------------------------


def peak(dtype, pieces):
    """Do multiply-adds on registers alone, on all threads; return how many operations they were."""
    operations = ffi.new("int64_t *")
    check(lib.mt_peak(_CODES[np.dtype(dtype)], pieces, operations))
    return operations[0]
