"""Making tensors: of data, of other libraries' arrays, of a size, of a range; conversions."""

from __future__ import annotations

import math
import numbers
import operator
from builtins import float as _float
from builtins import int as _int

import numpy as np

from . import device as _device
from . import dtypes, memory
from .errors import ShapeError
from .ops.common import cast

__all__ = [
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
    "arange",
    "as_tensor",
    "asarray",
    "empty",
    "empty_like",
    "eye",
    "from_dlpack",
    "from_numpy",
    "full",
    "full_like",
    "is_tensor",
    "linspace",
    "logspace",
    "ones",
    "ones_like",
    "scalar_tensor",
    "tensor",
    "tril_indices",
    "triu_indices",
    "zeros",
    "zeros_like",
]

Tensor = None  # the class, set by minitorch.tensor when it is defined


def is_tensor(obj) -> bool:
    """Whether `obj` is a Tensor.

    Parameters
    ----------
    obj : object
    """
    return isinstance(obj, Tensor)


# ---- of data


def _leaf_types(data, found):
    """Collect the types of the elements of nested sequences."""
    kinds = set(map(type, data))
    if any(issubclass(kind, (list, tuple)) for kind in kinds):
        for item in data:
            if isinstance(item, (list, tuple)):
                _leaf_types(item, found)
            else:
                found.setdefault(type(item), item)
    else:
        for item in data:
            found.setdefault(type(item), item)
            if len(found) >= len(kinds):
                break
        for item in data if len(kinds) > 1 else ():
            found.setdefault(type(item), item)


def _inferred(found) -> dtypes.dtype:
    """Return the type of a tensor of elements such as those found."""
    result = None
    for item in found.values():
        if isinstance(item, Tensor):
            kind = item.dtype
        elif isinstance(item, (np.generic, np.ndarray)):
            kind = dtypes.of(item.dtype)
        elif isinstance(item, numbers.Number) and not isinstance(item, complex):
            kind = dtypes.of_number(item)
        elif isinstance(item, str):
            raise TypeError("tensor: invalid data type 'str'")
        else:
            raise RuntimeError(f"tensor: Could not infer dtype of {type(item).__name__}")
        result = kind if result is None else dtypes.promote_types(result, kind)
    return result or dtypes.get_default_dtype()


def _plain(data):
    """Replace the Tensors in nested sequences by numbers and arrays."""
    if isinstance(data, Tensor):
        return data._array if data.ndim else data.item()
    if isinstance(data, (list, tuple)):
        return [_plain(item) for item in data]
    return data


def _array_of(name, data, dtype):
    """Return a new array of anything that `tensor` takes."""
    if isinstance(data, Tensor):
        data = data._array
    elif not isinstance(data, (np.ndarray, np.generic)) and hasattr(data, "__array__"):
        data = np.asarray(data)
    if isinstance(data, (np.ndarray, np.generic)):
        kind = dtypes.of(dtype or data.dtype)
        with np.errstate(invalid="ignore", over="ignore"):
            return np.array(data, kind.numpy, order="C", subok=False)
    if not isinstance(data, (list, tuple, numbers.Number, str, type(None))) and hasattr(
        data, "__len__"
    ):
        data = [data[i] for i in range(len(data))]
    found = {}
    _leaf_types([data], found)
    kind = _inferred(found)
    if Tensor in found:
        data = _plain(data)
    wanted = dtypes.of(dtype) if dtype is not None else kind
    try:
        with np.errstate(invalid="ignore", over="ignore"):
            return np.array(data, dtype=wanted.numpy)
    except OverflowError:
        raise ShapeError(
            f"{name}: a value cannot be converted to {wanted} without overflow"
        ) from None
    except ValueError as error:
        if "inhomogeneous" in str(error) or "sequence" in str(error):
            raise ValueError(f"{name}: {_ragged(data)}") from None
        raise RuntimeError(f"{name}: a value cannot be converted to {wanted}: {error}") from None


def _ragged(data):
    """Say where nested sequences differ in length."""
    level, dim = [data], 0
    while level:
        lengths = [len(x) if isinstance(x, (list, tuple, np.ndarray)) else None for x in level]
        for n in lengths:
            if n != lengths[0]:
                return f"expected sequence of length {lengths[0]} at dim {dim} (got {n})"
        if lengths[0] is None:
            break
        level = [item for x in level for item in x]
        dim += 1
    return "nested sequences differ in length"


def _finished(array, requires_grad=False):
    result = Tensor._wrap(array)
    return result.requires_grad_() if requires_grad else result


def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """Make a tensor of a copy of some data.

    Parameters
    ----------
    data : number, nested sequence, array or Tensor
        Python floats become the default dtype, ints int64; arrays and Tensors keep their type.
    dtype : dtype, optional
    device : optional
        ``"cpu"``.
    requires_grad : bool
    pin_memory : bool
        Accepted for compatibility.

    Returns
    -------
    Tensor
        A leaf.

    Raises
    ------
    ValueError
        If nested sequences differ in length.
    RuntimeError
        If a value does not fit the type.
    """
    _device.check("tensor", device)
    return _finished(_array_of("tensor", data, dtype), requires_grad)


def as_tensor(data, dtype=None, device=None):
    """Make a tensor of some data, sharing the memory of an array or Tensor where possible.

    Parameters
    ----------
    data : number, nested sequence, array or Tensor
    dtype : dtype, optional
    device : optional
        ``"cpu"``.

    Returns
    -------
    Tensor
        `data` itself if it is a Tensor of that type.
    """
    _device.check("as_tensor", device)
    if isinstance(data, Tensor):
        return data if dtype is None else to(data, dtype)
    if isinstance(data, np.ndarray):
        shared = from_numpy(data) if _can_share(data) else tensor(data)
        return shared if dtype is None else to(shared, dtype)
    return tensor(data, dtype=dtype)


def _can_share(array):
    return (
        array.dtype.isnative
        and not any(s < 0 or s % array.itemsize for s in array.strides)
        and array.dtype in dtypes.BY_NUMPY
    )


def from_numpy(ndarray):
    """Make a tensor that shares the memory of a numpy array.

    Parameters
    ----------
    ndarray : numpy.ndarray
        If it is read-only, writing to the tensor in place is an error.

    Returns
    -------
    Tensor

    Raises
    ------
    TypeError
        If it is not an array, or of a type that tensors do not have.
    ValueError
        If its strides are negative or no multiple of the item size, or its byte order is foreign.
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"from_numpy: expected np.ndarray (got {type(ndarray).__name__})")
    if not ndarray.dtype.isnative:
        raise ValueError(
            "from_numpy: given numpy array has byte order different from the native byte order: "
            "convert it with array.astype(array.dtype.newbyteorder('='))"
        )
    if ndarray.dtype not in dtypes.BY_NUMPY:
        dtypes.of(ndarray.dtype)  # raises, and says which types there are
    if any(s < 0 for s in ndarray.strides):
        raise ValueError(
            "from_numpy: At least one stride in the given numpy array is negative, and tensors "
            f"with negative strides are not supported: make a copy with array.copy(): strides "
            f"{ndarray.strides}"
        )
    if any(s % ndarray.itemsize for s in ndarray.strides):
        raise ValueError(
            "from_numpy: given numpy array strides not a multiple of the element byte size: make "
            f"a copy with array.copy(): strides {ndarray.strides}, item size {ndarray.itemsize}"
        )
    return Tensor._wrap(ndarray.view(np.ndarray))


def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=False):
    """Make a tensor of an object, sharing its memory unless told otherwise.

    Parameters
    ----------
    obj : Tensor, array, DLPack capsule owner, buffer, number or nested sequence
    dtype : dtype, optional
    device : optional
        ``"cpu"``.
    copy : bool, optional
        True: always copy. False: never; an error if that cannot be. None: only if needed.
    requires_grad : bool

    Returns
    -------
    Tensor
    """
    _device.check("asarray", device)
    kind = None if dtype is None else dtypes.of(dtype)
    if isinstance(obj, Tensor):
        shared = obj if requires_grad else obj.detach()
    elif isinstance(obj, np.ndarray):
        shared = from_numpy(obj) if copy is False or _can_share(obj) else None
    elif hasattr(obj, "__dlpack__"):
        shared = from_dlpack(obj)
    elif isinstance(obj, (bytes, bytearray, memoryview)):
        shared = Tensor._wrap(np.frombuffer(obj, (kind or dtypes.get_default_dtype()).numpy))
    else:
        shared = None
    needed = shared is None or (kind is not None and shared.dtype is not kind)
    if copy is False and needed:
        raise ValueError("asarray: cannot avoid a copy, as copy=False asks for")
    if needed or copy:
        shared = _finished(_array_of("asarray", obj if shared is None else shared, kind))
    if requires_grad and not shared.requires_grad:
        shared.requires_grad_()
    return shared


def from_dlpack(ext_tensor):
    """Make a tensor that shares the memory of another library's, through DLPack.

    Parameters
    ----------
    ext_tensor : object with ``__dlpack__`` and ``__dlpack_device__``
        On the CPU.

    Returns
    -------
    Tensor
    """
    if isinstance(ext_tensor, Tensor):
        return ext_tensor.detach()
    if not hasattr(ext_tensor, "__dlpack__"):
        raise TypeError(
            f"from_dlpack: expected an object with __dlpack__, got {type(ext_tensor).__name__}"
        )
    array = np.from_dlpack(ext_tensor)
    dtypes.of(array.dtype)
    return Tensor._wrap(array)


# ---- of a size


def _size(name, args, size=None, itemsize=1):
    """Return sizes, given one by one, as a sequence or by keyword, as a tuple of ints."""
    if size is not None:
        args = (size,)
    if len(args) == 1 and isinstance(args[0], (tuple, list, np.ndarray)):
        args = args[0]
    try:
        shape = tuple([operator.index(n) for n in args])
    except TypeError:
        raise TypeError(f"{name}: size must be ints, got {tuple(args)}") from None
    for n in shape:
        if n < 0:
            raise ShapeError(
                f"{name}: Trying to create tensor with negative dimension {n}: {shape}"
            )
    if math.prod(shape) * itemsize >= 1 << 63 or any(n >= 1 << 63 for n in shape):
        raise ShapeError(f"{name}: Storage size calculation overflowed with sizes={list(shape)}")
    return shape


def _empty(shape, kind):
    if len(shape) > 64:
        raise ShapeError(f"a tensor has at most 64 dimensions, got {len(shape)}")
    return memory.empty(shape, kind.numpy)


def _made(name, args, kwargs, value=None):
    """Make a tensor of a size: uninitialised, or filled with a value."""
    size, out, dtype, requires_grad = _options(name, **kwargs)
    kind = dtypes.of(dtype) if dtype is not None else None
    if out is not None:
        kind = kind or out.dtype
    kind = kind or dtypes.get_default_dtype()
    array = _empty(_size(name, args, size, kind.itemsize), kind)
    if value is not None:
        array.fill(value)
    if out is not None:
        out._array = array
        return out
    return _finished(array, requires_grad)


def _options(
    name,
    size=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    memory_format=None,
    names=None,
):
    _device.check(name, device)
    return size, out, dtype, requires_grad


def zeros(*size, **options):
    """Make a tensor of zeros.

    Parameters
    ----------
    *size : int or sequence of int
    dtype : dtype, optional
        Default: the default dtype.
    device : optional
        ``"cpu"``.
    requires_grad : bool
    out, layout, pin_memory : optional
        For compatibility.

    Returns
    -------
    Tensor

    Raises
    ------
    ShapeError
        If a size is negative, or their product overflows.
    MemoryError
        If there is not enough memory.
    """
    return _made("zeros", size, options, 0)


def ones(*size, **options):
    """Make a tensor of ones; arguments as of `zeros`."""
    return _made("ones", size, options, 1)


def empty(*size, **options):
    """Make a tensor whose elements are not set; arguments as of `zeros`."""
    return _made("empty", size, options)


def full(size, fill_value, **options):
    """Make a tensor filled with one value.

    Parameters
    ----------
    size : int or sequence of int
    fill_value : number or 0-d Tensor
    dtype : dtype, optional
        Default: bool, int64 or the default dtype, as the value is.
    **options
        As of `zeros`.

    Returns
    -------
    Tensor
    """
    if isinstance(fill_value, Tensor):
        fill_value = fill_value.item()
    if not isinstance(fill_value, (numbers.Real, np.generic)):
        raise TypeError(f"full: fill_value must be a number, got {type(fill_value).__name__}")
    if options.get("dtype") is None and options.get("out") is None:
        is_scalar = isinstance(fill_value, np.generic)
        number = fill_value.item() if is_scalar else fill_value
        options["dtype"] = dtypes.of_number(number)
    return _filled("full", (size,), options, fill_value)


def _filled(name, size, options, fill_value):
    try:
        return _made(name, size, options, fill_value)
    except OverflowError:
        raise RuntimeError(
            f"{name}: value {fill_value} cannot be converted to {options.get('dtype')} without "
            "overflow"
        ) from None


def _like(name, input, options, value=None):
    if not isinstance(input, Tensor):
        raise TypeError(f"{name}: input must be a Tensor, got {type(input).__name__}")
    if options.get("dtype") is None:
        options["dtype"] = input.dtype
    return _filled(name, (tuple(input.shape),), options, value)


def zeros_like(input, **options):
    """Make a tensor of zeros of the shape and type of `input`.

    Parameters
    ----------
    input : Tensor
    **options
        As of `zeros`.

    Returns
    -------
    Tensor
    """
    return _like("zeros_like", input, options, 0)


def ones_like(input, **options):
    """Make a tensor of ones of the shape and type of `input`; arguments as of `zeros_like`."""
    return _like("ones_like", input, options, 1)


def empty_like(input, **options):
    """Make a tensor of the shape and type of `input`, not set; arguments as of `zeros_like`."""
    return _like("empty_like", input, options)


def full_like(input, fill_value, **options):
    """Make a tensor of the shape and type of `input`, of one value; arguments as of `zeros_like`.

    Parameters
    ----------
    fill_value : number
    """
    if isinstance(fill_value, Tensor):
        fill_value = fill_value.item()
    return _like("full_like", input, options, fill_value)


def scalar_tensor(s, **options):
    """Make a 0-d tensor of a number, of the default dtype unless told otherwise.

    Parameters
    ----------
    s : number
    **options
        As of `zeros`.

    Returns
    -------
    Tensor
        0-d.
    """
    return _filled("scalar_tensor", ((),), options, s)


def eye(n, m=None, **options):
    """Make a matrix with ones on the diagonal and zeros elsewhere.

    Parameters
    ----------
    n : int
        Rows.
    m : int, optional
        Columns. Default: `n`.
    **options
        As of `zeros`.

    Returns
    -------
    Tensor
    """
    requires_grad = options.pop("requires_grad", False)
    result = zeros(n, n if m is None else m, **options)
    np.fill_diagonal(result._array, 1)
    return result.requires_grad_(requires_grad)


# ---- of a range


def _numbers(name, **values):
    for what, value in values.items():
        if isinstance(value, Tensor):
            value = value.item()
        if isinstance(value, np.generic):
            value = value.item()
        if not isinstance(value, numbers.Real):
            raise TypeError(f"{name}: {what} must be a number, got {type(value).__name__}")
        yield value


def arange(start, end=None, step=1, **options):
    """Make a vector of numbers from `start` up to, not including, `end`.

    Parameters
    ----------
    start : number
        If it is the only one it is `end`, and the start is 0.
    end : number
    step : number
        May be negative.
    dtype : dtype, optional
        Default: int64 if all three are ints, else the default dtype.
    **options
        As of `zeros`.

    Returns
    -------
    Tensor
        ``ceil((end - start) / step)`` elements.
    """
    if end is None:
        start, end = 0, start
    start, end, step = _numbers("arange", start=start, end=end, step=step)
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"arange: unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise RuntimeError(
            f"arange: upper bound and lower bound inconsistent with step sign: {start}, {end}, "
            f"{step}"
        )
    whole = all(isinstance(v, _int) for v in (start, end, step))
    _, out, dtype, requires_grad = _options("arange", **options)
    kind = dtypes.of(dtype) if dtype is not None else out.dtype if out is not None else None
    if kind is None:
        kind = dtypes.int64 if whole else dtypes.get_default_dtype()
    if not whole and not kind.is_floating_point:
        start, end, step = _int(start), _int(end), _int(step)
        whole = True
    if step == 0:
        raise RuntimeError("arange: step must be nonzero")
    size = -((start - end) // step) if whole else math.ceil((end - start) / step)
    _size("arange", (size,), itemsize=8)
    if whole:
        values = np.arange(start, start + size * step, step)
    else:
        values = start + np.arange(size) * _float(step)
    array = values.astype(kind.numpy)
    if out is not None:
        out._array = array
        return out
    return _finished(array, requires_grad)


def linspace(start, end, steps, **options):
    """Make a vector of `steps` numbers from `start` to `end`, both included, evenly spaced.

    Parameters
    ----------
    start, end : number
    steps : int
    **options
        As of `zeros`.

    Returns
    -------
    Tensor
    """
    return _spaced("linspace", start, end, steps, options, lambda values: values)


def logspace(start, end, steps, base=10.0, **options):
    """Make a vector of powers of `base`, their exponents evenly spaced; see `linspace`.

    Parameters
    ----------
    base : float
    """
    return _spaced("logspace", start, end, steps, options, lambda values: base**values)


def _spaced(name, start, end, steps, options, function):
    start, end = _numbers(name, start=start, end=end)
    steps = operator.index(steps)
    if steps < 0:
        raise RuntimeError(f"{name}: number of steps must be non-negative, got {steps}")
    _, out, dtype, requires_grad = _options(name, **options)
    kind = dtypes.of(dtype) if dtype is not None else dtypes.get_default_dtype()
    values = function(np.linspace(start, end, steps))
    array = values.astype(kind.numpy)
    if out is not None:
        out._array = array
        return out
    return _finished(array, requires_grad)


def tril_indices(row, col, offset=0, **options):
    """Return the indices of the lower triangle of a matrix, (2, count), in row order.

    Parameters
    ----------
    row, col : int
        Its size.
    offset : int
        The diagonal up to which: above the main one if positive.
    **options
        As of `zeros`.

    Returns
    -------
    Tensor
        Of int64.
    """
    _options("tril_indices", **options)
    return _finished(np.stack(np.tril_indices(row, offset, col)))


def triu_indices(row, col, offset=0, **options):
    """Return the indices of the upper triangle of a matrix, (2, count), in row order.

    See `tril_indices`.
    """
    _options("triu_indices", **options)
    return _finished(np.stack(np.triu_indices(row, offset, col)))


# ---- methods of Tensor: new ones of the same type, conversions


def new(input, *data, device=None):
    """Make a tensor of the type of this one, of sizes or of data: the legacy constructor.

    Parameters
    ----------
    *data : int, sequence or Tensor
    device : optional
        ``"cpu"``.
    """
    if len(data) == 1 and isinstance(data[0], Tensor):
        return Tensor._wrap(data[0]._array)
    return Tensor(*data, dtype=input.dtype, device=device)


def new_tensor(input, data, *, dtype=None, device=None, requires_grad=False):
    """Make a tensor of a copy of `data`, of the type of this one by default; see `tensor`."""
    return tensor(data, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad)


def new_zeros(input, *size, **options):
    """Make a tensor of zeros, of the type of this one unless told otherwise; see `zeros`."""
    return zeros(*size, **{"dtype": input.dtype, **options})


def new_ones(input, *size, **options):
    """Make a tensor of ones, of the type of this one unless told otherwise; see `zeros`."""
    return ones(*size, **{"dtype": input.dtype, **options})


def new_empty(input, *size, **options):
    """Make a tensor that is not set, of the type of this one unless told otherwise; see `zeros`."""
    return empty(*size, **{"dtype": input.dtype, **options})


def new_full(input, size, fill_value, **options):
    """Make a tensor of one value, of the type of this one unless told otherwise; see `full`."""
    return full(size, fill_value, **{"dtype": input.dtype, **options})


def to(input, *args, **kwargs):
    """Convert a tensor: ``to(dtype)``, ``to(device)``, ``to(device, dtype)``, ``to(other)``.

    Parameters
    ----------
    *args
        A dtype, a device (only the CPU exists), or a tensor whose type is wanted.
    dtype, device, other : optional
        The same by name.
    non_blocking, memory_format : optional
        Accepted for compatibility.
    copy : bool
        Copy even if nothing changes.

    Returns
    -------
    Tensor
        The tensor itself if nothing changes. Gradients flow through.
    """
    names = ["device", "dtype", "non_blocking", "copy"]
    if args and isinstance(args[0], dtypes.dtype):
        names = ["dtype", "non_blocking", "copy"]
    elif args and isinstance(args[0], Tensor):
        names = ["other", "non_blocking", "copy"]
    if len(args) > len(names):
        raise TypeError(f"to: takes at most {len(names)} positional arguments, got {len(args)}")
    for name, value in zip(names, args, strict=False):
        if name in kwargs:
            raise TypeError(f"to: got two values for {name}")
        kwargs[name] = value
    return _to(input, **kwargs)


def _to(
    input,
    device=None,
    dtype=None,
    non_blocking=False,
    copy=False,
    *,
    other=None,
    memory_format=None,
):
    _device.check("to", device)
    if other is not None:
        dtype = other.dtype
    if dtype is not None and not isinstance(dtype, dtypes.dtype):
        raise TypeError(f"to: dtype must be a minitorch dtype, got {dtype!r}")
    if dtype is not None and dtype is not input.dtype:
        return cast(input, dtype)
    return input.clone() if copy else input


def type_(input, dtype=None, non_blocking=False):
    """Return the name of the tensor's type, or the tensor converted to another type.

    Parameters
    ----------
    input : Tensor
    dtype : dtype, str or legacy class, optional
        For example ``minitorch.float64``, ``"minitorch.DoubleTensor"`` or ``DoubleTensor``.
    non_blocking : bool
        Accepted for compatibility.
    """
    if dtype is None:
        return f"minitorch.{_LEGACY_NAMES[input.dtype]}"
    if isinstance(dtype, str):
        name = dtype.rpartition(".")[2]
        found = [kind for kind, legacy in _LEGACY_NAMES.items() if legacy == name]
        if not found:
            raise ValueError(f"type: invalid type: {dtype!r}")
        dtype = found[0]
    elif isinstance(dtype, _Legacy):
        dtype = dtype.dtype
    return to(input, dtype)


def type_as(input, other):
    """Return `input` converted to the type of `other`.

    Parameters
    ----------
    other : Tensor
    """
    return to(input, other.dtype)


# ---- PyTorch's legacy constructors


class _Legacy(type):
    """Class of the legacy classes: what they make are Tensors, and count as their instances."""

    def __instancecheck__(cls, instance):
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype

    def __call__(cls, *data, device=None):
        return Tensor(*data, dtype=cls.dtype, device=device)


_LEGACY_NAMES = {
    dtypes.float32: "FloatTensor",
    dtypes.float64: "DoubleTensor",
    dtypes.float16: "HalfTensor",
    dtypes.uint8: "ByteTensor",
    dtypes.int8: "CharTensor",
    dtypes.int16: "ShortTensor",
    dtypes.int32: "IntTensor",
    dtypes.int64: "LongTensor",
    dtypes.bool: "BoolTensor",
}


def _legacy(kind):
    name = _LEGACY_NAMES[kind]
    text = f"Legacy constructor of {kind.name} tensors, of sizes or of data; see `tensor`."
    return _Legacy(name, (), {"dtype": kind, "__doc__": text, "__module__": __name__})


FloatTensor = _legacy(dtypes.float32)
DoubleTensor = _legacy(dtypes.float64)
HalfTensor = _legacy(dtypes.float16)
ByteTensor = _legacy(dtypes.uint8)
CharTensor = _legacy(dtypes.int8)
ShortTensor = _legacy(dtypes.int16)
IntTensor = _legacy(dtypes.int32)
LongTensor = _legacy(dtypes.int64)
BoolTensor = _legacy(dtypes.bool)
