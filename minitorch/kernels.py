"""Arrays in, arrays out: the way from numpy to the C library.

Nothing outside this file (and ``memory``) calls C. Functions here take arrays of any strides that
their callers may have, copy where they must, take their outputs from the pool, and turn a C status
into an exception. They do not check shapes: the public functions in ``ops`` have done that.

float32 and float64 go to C. float16 is computed in float32 and rounded.
"""

import numpy as np

from . import memory
from ._library import ffi, isa_names, lib

# ---- infrastructure ------------------------------------------------------------------------------

_CODES = {np.dtype(np.float32): lib.MT_F32, np.dtype(np.float64): lib.MT_F64}
_from_buffer = ffi.from_buffer
_FLOAT16 = np.dtype(np.float16)


def check(status):
    """Raise the exception that belongs to a C status."""
    if status == lib.MT_OK:
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
    if array.flags.c_contiguous:
        return _from_buffer(array)
    # cffi takes contiguous buffers only; an empty slice is one, and starts where the array starts
    return _from_buffer(array[:0])


def contiguous(array, dtype=None):
    """Return a C-contiguous and aligned array, copying only when needed."""
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


# ---- elementwise ---------------------------------------------------------------------------------

_UNARY = _names(lib.mt_unary_count, lib.mt_unary_name)
_BINARY = _names(lib.mt_binary_count, lib.mt_binary_name)
_UFUNCS = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "neg": np.negative,
}


def unary(name, x, out=None, a=0.0, b=0.0):
    """Apply the elementwise operation ``name`` to an array.

    Parameters
    ----------
    name : str
        A name in ``csrc/kernels.def``.
    x : numpy.ndarray
        float16, float32 or float64, any strides.
    out : numpy.ndarray, optional
        Where the result goes; may be `x`.
    a, b : float
        Parameters of the operation.
    """
    if name in _UFUNCS:
        result = _UFUNCS[name](x, out=out)
        return result if type(result) is np.ndarray else np.asarray(result)
    op = _UNARY[name]
    if x.dtype == _FLOAT16:
        return _store(unary(name, x.astype(np.float32), a=a, b=b), np.float16, out)
    x = contiguous(x)
    result = out if _usable(out, x.shape, x.dtype) else memory.empty(x.shape, x.dtype)
    check(lib.mt_unary(op, _CODES[x.dtype], x.size, _from_buffer(x), _from_buffer(result), a, b))
    return _store(result, result.dtype, out)


def binary(name, x, y, out=None, a=0.0, b=0.0):
    """Apply the elementwise operation ``name`` to two arrays, broadcasting as numpy does.

    Parameters
    ----------
    name : str
        A name in ``csrc/kernels.def``.
    x, y : numpy.ndarray or float
        float16, float32 or float64; one of them may be a Python number.
    out : numpy.ndarray, optional
        Where the result goes; may be `x` or `y`.
    a, b : float
        Parameters of the operation.
    """
    if name in _UFUNCS:
        result = _UFUNCS[name](x, y, out=out)
        return result if type(result) is np.ndarray else np.asarray(result)
    op = _BINARY[name]
    dtype = np.result_type(x, y)
    if dtype == _FLOAT16:
        x, y = (v.astype(np.float32) if isinstance(v, np.ndarray) else v for v in (x, y))
        return _store(binary(name, x, y, a=a, b=b), np.float16, out)
    x, y = np.asarray(x, dtype), np.asarray(y, dtype)
    shape = np.broadcast_shapes(x.shape, y.shape)
    x, y = (v if v.size == 1 else contiguous(np.broadcast_to(v, shape)) for v in (x, y))
    result = out if _usable(out, shape, dtype) else memory.empty(shape, dtype)
    check(
        lib.mt_binary(
            op,
            _CODES[dtype],
            result.size,
            pointer(x),
            int(x.size > 1),
            pointer(y),
            int(y.size > 1),
            _from_buffer(result),
            a,
            b,
        )
    )
    return _store(result, dtype, out)


def _usable(out, shape, dtype):
    """Say whether C can write straight into ``out``."""
    return out is not None and out.flags.carray and out.shape == shape and out.dtype == dtype


def _store(result, dtype, out):
    """Return the result as ``dtype``, in ``out`` when that was asked for."""
    if out is None:
        return result.astype(dtype, copy=False)
    if out is not result:
        out[...] = result
    return out


def copy(x):
    return np.array(x, order="C")


def reduce(name, x, axes, keepdims=False):
    return np.asarray(getattr(np, name)(x, axis=axes, keepdims=keepdims))
