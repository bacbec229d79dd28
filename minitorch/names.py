"""Names of ``torch`` that are no operations: constants, questions about tensors, settings."""

from __future__ import annotations

import math

import numpy as np

from . import creation, dtypes
from .autograd import anomaly
from .autograd.anomaly import is_anomaly_enabled
from .device import CPU, check, device
from .ops import doc
from .ops.common import result_type as _result_type

__all__ = [
    "bartlett_window",
    "blackman_window",
    "channels_last",
    "channels_last_3d",
    "clear_autocast_cache",
    "compiled_with_cxx11_abi",
    "conj",
    "conj_physical",
    "conj_physical_",
    "contiguous_format",
    "detach",
    "detach_",
    "e",
    "empty_strided",
    "fill",
    "frobenius_norm",
    "frombuffer",
    "get_autocast_cpu_dtype",
    "get_autocast_dtype",
    "get_autocast_gpu_dtype",
    "get_default_device",
    "get_deterministic_debug_mode",
    "get_device",
    "get_num_interop_threads",
    "hamming_window",
    "hann_window",
    "has_lapack",
    "has_mkl",
    "has_openmp",
    "has_spectral",
    "imag",
    "inf",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_autocast_cache_enabled",
    "is_autocast_cpu_enabled",
    "is_autocast_enabled",
    "is_complex",
    "is_conj",
    "is_deterministic_algorithms_warn_only_enabled",
    "is_distributed",
    "is_floating_point",
    "is_inference",
    "is_neg",
    "is_nonzero",
    "is_same_size",
    "is_signed",
    "is_vulkan_available",
    "is_warn_always_enabled",
    "jagged",
    "kaiser_window",
    "layout",
    "legacy_contiguous_format",
    "memory_format",
    "nan",
    "narrow_copy",
    "newaxis",
    "numel",
    "pi",
    "preserve_format",
    "range",
    "real",
    "resolve_conj",
    "resolve_neg",
    "result_type",
    "set_anomaly_enabled",
    "set_default_device",
    "set_default_tensor_type",
    "set_deterministic_debug_mode",
    "set_flush_denormal",
    "set_num_interop_threads",
    "set_warn_always",
    "sparse_bsc",
    "sparse_bsr",
    "sparse_coo",
    "sparse_csc",
    "sparse_csr",
    "strided",
    "to_dlpack",
    "typename",
    "unsafe_chunk",
    "unsafe_split",
    "unsafe_split_with_sizes",
]

inf, nan, pi, e, newaxis = math.inf, math.nan, math.pi, math.e, None


class _Named:
    """A value that has nothing but a name."""

    def __init__(self, name):
        self.name = name

    def __repr__(self) -> str:
        return f"minitorch.{self.name}"

    def __reduce__(self):
        return self.name


class memory_format(_Named):
    """Order of dimensions in memory; minitorch keeps its own and accepts any wish.

    Parameters
    ----------
    name : str
    """


class layout(_Named):
    """How a tensor is stored: always ``strided``. See `memory_format`."""


contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")
legacy_contiguous_format = contiguous_format
strided = layout("strided")
# Layouts that no tensor has, to compare with.
sparse_coo, sparse_csr = layout("sparse_coo"), layout("sparse_csr")
sparse_csc = layout("sparse_csc")
sparse_bsr, sparse_bsc = layout("sparse_bsr"), layout("sparse_bsc")
jagged = layout("jagged")


# ---- questions about tensors


def numel(input) -> int:
    """Return the number of elements.

    Parameters
    ----------
    input : Tensor

    Returns
    -------
    int
    """
    return input.numel()


_question = doc.kind("input : Tensor", "", returned="bool")


@_question
def is_floating_point(input) -> bool:
    """Whether the elements are floating-point numbers."""
    return input.is_floating_point()


@_question
def is_complex(input) -> bool:
    """Whether the elements are complex numbers: never."""
    return False


@_question
def is_signed(input) -> bool:
    """Whether the elements can be negative."""
    return input.is_signed()


def is_nonzero(input) -> bool:
    """Whether the only element is not zero.

    Parameters
    ----------
    input : Tensor
        Of one element.

    Returns
    -------
    bool

    Raises
    ------
    RuntimeError
        If there is not exactly one element.
    """
    if input.numel() != 1:
        kind = "no values" if input.numel() == 0 else "more than one value"
        raise RuntimeError(f"Boolean value of Tensor with {kind} is ambiguous")
    return bool(input.item())


def is_same_size(input, other) -> bool:
    """Whether two tensors have one shape.

    Parameters
    ----------
    input, other : Tensor

    Returns
    -------
    bool
    """
    return input.shape == other.shape


@_question
def is_conj(input) -> bool:
    """Whether a conjugation is pending: never."""
    return False


@_question
def is_neg(input) -> bool:
    """Whether a negation is pending: never."""
    return False


@_question
def is_distributed(input) -> bool:
    """Whether the tensor is spread over processes: never."""
    return False


@_question
def is_inference(input) -> bool:
    """Whether the tensor was made in inference mode: such tensors are like any other here."""
    return False


def get_device(input) -> int:
    """Return the number of the device: -1, the CPU.

    Parameters
    ----------
    input : Tensor
    """
    return -1


def result_type(tensor1, tensor2) -> dtypes.dtype:
    """Return the type of an operation on two tensors or numbers.

    Parameters
    ----------
    tensor1, tensor2 : Tensor or number

    Returns
    -------
    dtype
    """
    return _result_type("result_type", tensor1, tensor2)


def typename(obj) -> str:
    """Return the full name of the type of an object; of a tensor as of `Tensor.type`.

    Parameters
    ----------
    obj : object
    """
    if isinstance(obj, creation.Tensor):
        return obj.type()
    kind = obj if isinstance(obj, type) else type(obj)
    module = getattr(obj, "__module__", None) or kind.__module__
    name = getattr(obj, "__qualname__", kind.__qualname__)
    return name if module in ("builtins", None) else f"{module}.{name}"


# ---- the same tensor


def detach(input):
    """Return a tensor of the same memory outside the graph.

    Parameters
    ----------
    input : Tensor
    """
    return input.detach()


def detach_(input):
    """Cut `input` from the graph that made it, and return it; see `detach`."""
    return input.detach_()


def conj(input):
    """Return the complex conjugate: for real numbers `input` itself.

    Parameters
    ----------
    input : Tensor
    """
    return input


def real(input):
    """Return the real part: for real numbers `input` itself. See `conj`."""
    return input


def imag(input):
    """Raise: there are no complex tensors."""
    raise RuntimeError("imag: is not implemented for tensors with non-complex dtypes")


resolve_conj = resolve_neg = conj_physical = conj_physical_ = conj


# ---- other forms of operations


def fill(input, value):
    """Return a tensor of the shape and type of `input`, all elements `value`.

    Parameters
    ----------
    input : Tensor
    value : number
    """
    return input.clone().fill_(value)


def frobenius_norm(input, dim=None, keepdim=False):
    """Return the square root of the sum of the squares, along dimensions; see `norm`."""
    return input.norm(2, dim or None, keepdim)


def narrow_copy(input, dim, start, length):
    """Return a copy of `length` elements of a dimension; see `narrow`."""
    return input.narrow(dim, start, length).clone()


def unsafe_chunk(input, chunks, dim=0):
    """Return the parts as `chunk` does."""
    return input.chunk(chunks, dim)


def unsafe_split(tensor, split_size, dim=0):
    """Return the parts as `split` does.

    Parameters
    ----------
    tensor, split_size, dim
        As of `split`.
    """
    return tensor.split(split_size, dim)


unsafe_split_with_sizes = unsafe_split


def to_dlpack(tensor):
    """Return a DLPack capsule of the memory of a tensor.

    Parameters
    ----------
    tensor : Tensor
    """
    return tensor.__dlpack__()


# ---- new tensors


def range(start=0, end=None, step=1, **options):
    """Make a vector from `start` to `end`, which is included; deprecated in favour of `arange`."""
    if end is None:
        start, end = 0, start
    options.setdefault("dtype", dtypes.get_default_dtype())
    count = math.floor((end - start) / step) + 1
    return creation.arange(0, count, **options) * step + start


def empty_strided(size, stride, *, dtype=None, device=None, requires_grad=False, **options):
    """Make a tensor that is not set, of given sizes and strides.

    Parameters
    ----------
    size, stride : sequence of int
        Strides count elements.
    dtype, device, requires_grad, **options : optional
        As of `zeros`.

    Returns
    -------
    Tensor
    """
    check("empty_strided", device)
    count = 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if all(size) else 0
    result = creation.empty(max(count, 0), dtype=dtype).as_strided(size, stride)
    return result.detach().requires_grad_(requires_grad)


def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False):
    """Make a vector that shares the memory of a Python buffer.

    Parameters
    ----------
    buffer : object
        With the buffer protocol, such as bytes.
    dtype : dtype
    count : int
        How many elements; -1 for all.
    offset : int
        How many bytes come before.
    requires_grad : bool

    Returns
    -------
    Tensor
    """
    array = np.frombuffer(buffer, dtype.numpy, count, offset)
    return creation.Tensor._wrap(array).requires_grad_(requires_grad)


_WINDOW = """

    Parameters
    ----------
    window_length : int
    periodic : bool
        Leave out the last element, which the next period starts with.
    *args : float
        ``alpha`` and ``beta`` of a Hamming, ``beta`` of a Kaiser window.
    dtype : dtype, optional
        Default: the default dtype.
    requires_grad : bool
    **options
        As of `zeros`, and the names of the above.

    Returns
    -------
    Tensor
        (window_length,)
    """


def _window(name, function):
    def window(window_length, periodic=True, *args, dtype=None, requires_grad=False, **options):
        size = window_length + bool(periodic)
        values = (
            function(size, *args, **options)[:window_length]
            if window_length > 1
            else np.ones(window_length)
        )
        kind = dtype or dtypes.get_default_dtype()
        return creation.Tensor._wrap(values.astype(kind.numpy)).requires_grad_(requires_grad)

    window.__name__ = window.__qualname__ = f"{name}_window"
    window.__doc__ = f"Make a {name.capitalize()} window.{_WINDOW}"
    return window


def _cosines(size, alpha, beta):
    return alpha - beta * np.cos(2 * math.pi * np.arange(size) / (size - 1))


bartlett_window = _window("bartlett", np.bartlett)
blackman_window = _window("blackman", np.blackman)
hann_window = _window("hann", lambda size: _cosines(size, 0.5, 0.5))
hamming_window = _window("hamming", lambda size, alpha=0.54, beta=0.46: _cosines(size, alpha, beta))
kaiser_window = _window("kaiser", lambda size, beta=12.0: np.kaiser(size, beta))


# ---- settings


def set_default_tensor_type(t) -> None:
    """Set the type of new floating-point tensors by a legacy class; see `set_default_dtype`.

    Parameters
    ----------
    t : class or str
    """
    if isinstance(t, str):
        legacy = getattr(creation, t.rpartition(".")[2], None)
        if legacy is None:
            raise TypeError(f"set_default_tensor_type: invalid type {t!r}")
        t = legacy
    dtypes.set_default_dtype(t if isinstance(t, dtypes.dtype) else t.dtype)


def get_default_device() -> device:
    """Return the device of new tensors: the CPU."""
    return CPU


def set_default_device(device) -> None:
    """Set the device of new tensors, which can only be the CPU.

    Parameters
    ----------
    device : str, device or None
    """
    check("set_default_device", device)


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """Switch anomaly mode on or off; see `minitorch.autograd.set_detect_anomaly`."""
    anomaly.set_detect_anomaly(mode, check_nan)


def set_flush_denormal(mode: bool) -> bool:
    """Do nothing and return False: kernels flush denormals themselves, where it matters.

    Parameters
    ----------
    mode : bool
        Not used.
    """
    return False


def is_warn_always_enabled() -> bool:
    """Whether every warning is shown each time: False."""
    return False


def set_warn_always(b: bool) -> None:
    """Do nothing: how often warnings are shown is for Python's `warnings` to say."""


def get_num_interop_threads() -> int:
    """Return the number of operations that run at a time: 1."""
    return 1


def set_num_interop_threads(n: int) -> None:
    """Do nothing: operations run one after the other."""


def set_deterministic_debug_mode(debug_mode) -> None:
    """Do nothing: everything is deterministic."""


def get_deterministic_debug_mode() -> int:
    """Return 2: what is not deterministic would be an error. Everything is."""
    return 2


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether what is not deterministic only warns: False."""
    return False


def is_anomaly_check_nan_enabled() -> bool:
    """Whether gradients are checked for NaN; see `minitorch.autograd.detect_anomaly`."""
    return is_anomaly_enabled()


def is_autocast_enabled(device_type=None) -> bool:
    """Whether mixed precision is on: False, there is none.

    Parameters
    ----------
    device_type : str, optional
        Any.
    """
    return False


def get_autocast_dtype(device_type="cuda") -> dtypes.dtype:
    """Return the type that mixed precision would compute in: float16.

    Parameters
    ----------
    device_type : str
        Any.
    """
    return dtypes.float16


is_autocast_cpu_enabled = is_autocast_cache_enabled = is_autocast_enabled
get_autocast_gpu_dtype = get_autocast_cpu_dtype = get_autocast_dtype


def clear_autocast_cache() -> None:
    """Do nothing: there is no mixed precision."""


def is_vulkan_available() -> bool:
    """Whether there is a Vulkan device: False."""
    return False


def compiled_with_cxx11_abi() -> bool:
    """Whether this was built with the C++11 ABI: there is no C++."""
    return False


has_mkl = has_spectral = False
has_lapack = has_openmp = True


def _assert(condition, message) -> None:
    """Raise AssertionError unless a condition holds: an ``assert`` for code to be traced."""
    assert condition, message


def copied(name: str):
    """Make ``<name>_copy``: a method that returns a view, and its result or results copied."""

    def function(input, *args, **kwargs):
        result = getattr(input, name)(*args, **kwargs)
        return tuple(v.clone() for v in result) if isinstance(result, tuple) else result.clone()

    function.__name__ = function.__qualname__ = f"{name}_copy"
    return function


_CLAMPS = {"maximum": "clamp_min", "minimum": "clamp_max"}


def foreach(name: str):
    """Make ``_foreach_<name>``: a method of all tensors of a list, with one argument each.

    Parameters
    ----------
    name : str
        Of a method; with ``_`` at its end it works in place.

    Returns
    -------
    callable
        Takes lists of tensors, lists of numbers, or what is the same for all.
    """
    plain = name.removesuffix("_")
    tensor = type(creation.empty(0))
    if not (hasattr(tensor, plain) or hasattr(tensor, name)):
        raise AttributeError(f"module 'minitorch' has no attribute '_foreach_{name}'")

    def one(input, *args, **kwargs):
        if plain in ("addcdiv", "addcmul") and len(args) == 3:
            args, kwargs = args[:2], {"value": args[2]}
        if not hasattr(input, plain):
            return getattr(input, name)(*args, **kwargs)
        clamped = plain in _CLAMPS and isinstance(args[0], int | float)
        result = getattr(input, _CLAMPS[plain] if clamped else plain)(*args, **kwargs)
        return input.copy_(result) if name.endswith("_") else result

    def function(tensors, *args, **kwargs):
        columns = [a if isinstance(a, list | tuple) else [a] * len(tensors) for a in args]
        return [one(*row, **kwargs) for row in zip(tensors, *columns, strict=True)]

    function.__name__ = function.__qualname__ = f"_foreach_{name}"
    return function
