"""Element types, and which type an operation on several of them has.

The rules are PyTorch's: a type belongs to a category (bool < integer < floating), and of the
operands of an operation tensors with dimensions count more than 0-d tensors, and those more than
Python numbers; a weaker operand changes the result only if its category is higher.
"""

from __future__ import annotations

import builtins

import numpy as np

__all__ = [
    "bfloat16",
    "bool",
    "can_cast",
    "cdouble",
    "cfloat",
    "chalf",
    "complex32",
    "complex64",
    "complex128",
    "double",
    "dtype",
    "finfo",
    "float",
    "float8_e4m3fn",
    "float8_e5m2",
    "float16",
    "float32",
    "float64",
    "get_default_dtype",
    "half",
    "iinfo",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "long",
    "promote_types",
    "qint8",
    "qint32",
    "quint8",
    "set_default_dtype",
    "short",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]


class dtype:
    """Type of the elements of a tensor.

    Attributes
    ----------
    name : str
        For example ``"float32"``.
    numpy : numpy.dtype
        The same type for numpy.
    itemsize : int
        Bytes per element.
    is_floating_point : bool
        Whether gradients can flow through tensors of this type.
    """

    __slots__ = ("category", "is_floating_point", "is_signed", "itemsize", "name", "numpy")

    is_complex = False

    def __init__(self, name: str):
        self.name = name
        self.numpy = np.dtype(name)
        self.itemsize = self.numpy.itemsize
        self.is_floating_point = self.numpy.kind == "f"
        self.is_signed = self.numpy.kind in "if"
        self.category = {"b": 0, "u": 1, "i": 1, "f": 2}[self.numpy.kind]

    def __repr__(self) -> str:
        return f"minitorch.{self.name}"

    def __reduce__(self):
        return of, (self.name,)


bool = dtype("bool")
uint8 = dtype("uint8")
int8 = dtype("int8")
int16 = short = dtype("int16")
int32 = int = dtype("int32")
int64 = long = dtype("int64")
float16 = half = dtype("float16")
float32 = float = dtype("float32")
float64 = double = dtype("float64")


class Absent(dtype):
    """A type that minitorch does not compute in: it can be named and compared, but not used."""

    __slots__ = ("advice",)

    def __init__(self, name: str, advice: str, category: builtins.int, itemsize: builtins.int):
        self.name, self.advice, self.category = name, advice, category
        self.is_floating_point = category == 2
        self.is_signed = not name.startswith("u")
        self.itemsize = itemsize

    @property
    def is_complex(self) -> builtins.bool:
        """Whether it is a complex type."""
        return self.category == 3

    @property
    def numpy(self):
        """Raise: there are no arrays of this type."""
        raise NotImplementedError(f"{self.name} is not supported; {self.advice}")

    def __reduce__(self):
        return self.name


bfloat16 = Absent("bfloat16", "use float32", 2, 2)
complex32 = chalf = Absent("complex32", "use two real tensors", 3, 4)
complex64 = cfloat = Absent("complex64", "use two real tensors", 3, 8)
complex128 = cdouble = Absent("complex128", "use two real tensors", 3, 16)
uint16 = Absent("uint16", "use int32", 1, 2)
uint32 = Absent("uint32", "use int64", 1, 4)
uint64 = Absent("uint64", "use int64", 1, 8)
qint8 = Absent("qint8", "use int8 and a scale", 1, 1)
quint8 = Absent("quint8", "use uint8 and a scale", 1, 1)
qint32 = Absent("qint32", "use int32 and a scale", 1, 4)
float8_e4m3fn = Absent("float8_e4m3fn", "use float16", 2, 1)
float8_e5m2 = Absent("float8_e5m2", "use float16", 2, 1)

_ALL = (bool, uint8, int8, int16, int32, int64, float16, float32, float64)
BY_NUMPY = {d.numpy: d for d in _ALL}
_default = float32


def of(kind) -> dtype:
    """Return the `dtype` for a `dtype`, a numpy type, a name or a Python type.

    Raises
    ------
    TypeError
        If minitorch has no such element type.
    """
    if isinstance(kind, dtype):
        return kind
    if kind is builtins.float:
        return _default
    if kind is builtins.int:
        return int64
    try:
        return BY_NUMPY[np.dtype(kind).newbyteorder("=")]
    except (KeyError, TypeError):
        known = ", ".join(d.name for d in _ALL)
        raise TypeError(f"no minitorch dtype for {kind!r}; there are {known}") from None


def get_default_dtype() -> dtype:
    """Return the type of new floating-point tensors, float32 unless changed."""
    return _default


def set_default_dtype(d: dtype) -> None:
    """Set the type of new floating-point tensors.

    Parameters
    ----------
    d : dtype
        ``float16``, ``float32`` or ``float64``.

    Raises
    ------
    TypeError
        If `d` is not a floating-point type.
    """
    global _default
    if not isinstance(d, dtype) or not d.is_floating_point:
        raise TypeError(f"set_default_dtype: only floating-point types can be default, got {d!r}")
    _default = d


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """Return the smallest type that holds both, by PyTorch's rule (integer with float: that float).

    Parameters
    ----------
    type1, type2 : dtype

    Returns
    -------
    dtype
    """
    if type1 is type2:
        return type1
    if type1.category != type2.category:
        return type1 if type1.category > type2.category else type2
    return BY_NUMPY[np.promote_types(type1.numpy, type2.numpy)]


def can_cast(from_: dtype, to: dtype) -> builtins.bool:
    """Whether a result of type `from_` may be written in place into a tensor of type `to`.

    Parameters
    ----------
    from_, to : dtype
    """
    return from_.category <= to.category


def of_number(value) -> dtype:
    """Type a Python number counts as among the operands of an operation."""
    if isinstance(value, builtins.bool):
        return bool
    if isinstance(value, builtins.int):
        return int64
    if isinstance(value, builtins.float):
        return _default
    raise TypeError(f"expected a Tensor or a real number, got {type(value).__name__}")


def _stronger(higher: dtype | None, lower: dtype | None) -> dtype | None:
    """Combine the types of two ranks of operands, `higher` counting more."""
    if higher is None or lower is None:
        return higher or lower
    return higher if higher.category >= lower.category else promote_types(higher, lower)


def combine(dimensioned, zero_dim, numbers) -> dtype:
    """Return the type of a result, given the types of the three ranks of its operands."""
    ranks = []
    for kinds in (dimensioned, zero_dim, numbers):
        result = None
        for kind in kinds:
            result = kind if result is None else promote_types(result, kind)
        ranks.append(result)
    return _stronger(ranks[0], _stronger(ranks[1], ranks[2]))


def finfo(type: dtype | None = None):
    """Return numpy's ``finfo`` (eps, max, min, tiny, ...) of a floating-point type.

    Parameters
    ----------
    type : dtype, optional
        The default dtype if not given.
    """
    return np.finfo((type or _default).numpy)


def iinfo(type: dtype):
    """Return numpy's ``iinfo`` (max, min, bits) of an integer type.

    Parameters
    ----------
    type : dtype
        Of integers.
    """
    return np.iinfo(type.numpy)
