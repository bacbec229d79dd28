"""What the public functions of several op families check and normalise in the same way."""

from __future__ import annotations

import functools

import numpy as np

from .. import dtypes
from ..autograd import op as _op
from ..errors import ShapeError


def is_tensor(x) -> bool:
    """Whether `x` is a Tensor (inside a first-order backward operands are arrays)."""
    return isinstance(x, _op.Tensor)


def dimension(name: str, input, dim: int) -> int:
    """Return `dim` as a number from 0 to ``input.ndim - 1``.

    Raises
    ------
    IndexError
        If `input` has no such dimension.
    """
    ndim = input.ndim or 1  # a 0-d tensor counts as having one dimension, as in PyTorch
    try:
        inside = -ndim <= dim < ndim
    except TypeError:
        raise TypeError(f"{name}: dim must be an int, got {type(dim).__name__}") from None
    if not inside:
        raise IndexError(
            f"{name}: Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], "
            f"but got {dim}): input {tuple(input.shape)}"
        )
    return int(dim) % ndim


def dimensions(name: str, input, dim) -> tuple[int, ...]:
    """Return `dim` (None: all, an int, or several) as a sorted tuple without repetitions."""
    if dim is None:
        return tuple(range(input.ndim))
    if not isinstance(dim, (tuple, list)):
        dim = (dim,)
    dims = [dimension(name, input, d) for d in dim]
    if len(set(dims)) != len(dims):
        raise RuntimeError(f"{name}: dim {tuple(dim)} appears multiple times in the list of dims")
    return tuple(sorted(dims)) if input.ndim else ()


@functools.lru_cache(maxsize=1024)
def broadcast_shape(name: str, *shapes) -> tuple[int, ...]:
    """Return the shape several shapes broadcast to.

    Raises
    ------
    ShapeError
        If a dimension differs and is 1 in neither.
    """
    ndim = max(map(len, shapes))
    result = [1] * ndim
    for shape in shapes:
        for i, n in enumerate(shape, ndim - len(shape)):
            if n != 1 and result[i] != n:
                if result[i] != 1:
                    raise ShapeError(
                        f"{name}: sizes {result[i]} and {n} of dimension {i} do not match and "
                        f"neither is 1: {' and '.join(str(tuple(s)) for s in shapes)}"
                    )
                result[i] = n
    return tuple(result)


def result_type(name: str, *operands) -> dtypes.dtype:
    """Return the type of an operation on tensors, arrays and Python numbers."""
    ranks = ([], [], [])
    for x in operands:
        if is_tensor(x):
            ranks[0 if x.ndim else 1].append(x.dtype)
        elif isinstance(x, (np.ndarray, np.generic)):
            ranks[0 if x.ndim else 1].append(dtypes.of(x.dtype))
        else:
            try:
                ranks[2].append(dtypes.of_number(x))
            except TypeError as error:
                raise TypeError(f"{name}: {error}") from None
    return dtypes.combine(*ranks)


def convert(x, dtype: dtypes.dtype):
    """Bring one operand to `dtype`: a differentiable cast, or a number of the right kind."""
    if is_tensor(x):
        return x if x.dtype is dtype else cast(x, dtype)
    if isinstance(x, (np.ndarray, np.generic)):
        return _op.Tensor._wrap(np.asarray(x, dtype=dtype.numpy))
    if dtype.category == 1:  # integers wrap around, as a tensor of that type would
        return int(np.array(int(x)).astype(dtype.numpy))
    return bool(x) if dtype is dtypes.bool else float(x)


def operands(name: str, input, other, floating: bool = False):
    """Bring two operands to the type of their result, and check that they broadcast.

    Parameters
    ----------
    name : str
        The operation, for messages.
    input, other : Tensor, array or number
    floating : bool
        The result is floating-point even for integers (true division).
    """
    Tensor = _op.Tensor
    if isinstance(input, Tensor):
        a = input._array
        if isinstance(other, Tensor):
            b = other._array
            if a.shape != b.shape:
                broadcast_shape(name, a.shape, b.shape)
            if a.dtype is b.dtype and (not floating or a.dtype.kind == "f"):
                return input, other
        elif (type(other) is float or type(other) is int) and a.dtype.kind == "f":
            return input, float(other)
    elif not isinstance(other, Tensor):
        if type(input) is not np.ndarray:
            input = np.asarray(input, getattr(other, "dtype", None))
        return input, other  # arrays, inside a first-order backward
    elif isinstance(input, np.ndarray):
        broadcast_shape(name, input.shape, other.shape)
    kind = result_type(name, input, other)
    if floating and not kind.is_floating_point:
        kind = dtypes.get_default_dtype()
    return convert(input, kind), convert(other, kind)


def inplace_operands(name: str, input, other, floating: bool = False):
    """As `operands`, for an operation whose result is written into `input`."""
    Tensor = _op.Tensor
    if not isinstance(input, Tensor):
        raise TypeError(f"{name}: input must be a Tensor, got {type(input).__name__}")
    a = input._array
    if isinstance(other, Tensor):  # the common cases, quickly
        b = other._array
        if a.dtype is b.dtype and a.dtype.kind == "f" and a.shape == b.shape:
            return input, other
    elif (type(other) is float or type(other) is int) and a.dtype.kind == "f":
        return input, float(other)
    kind = result_type(name, input, other)
    if floating and not kind.is_floating_point:
        kind = dtypes.get_default_dtype()
    if not dtypes.can_cast(kind, input.dtype):
        raise RuntimeError(
            f"{name}: result type {kind.name} can't be cast to the desired output type "
            f"{input.dtype.name}"
        )
    shape = getattr(other, "shape", ())
    if broadcast_shape(name, input.shape, shape) != input.shape:
        raise ShapeError(
            f"{name}: output with shape {tuple(input.shape)} doesn't match the broadcast shape of "
            f"{tuple(input.shape)} and {tuple(shape)}"
        )
    return input, convert(other, input.dtype)


def cast(input, dtype: dtypes.dtype):
    """Return `input` as a tensor of another type."""
    return Cast(dtype)(input)


class Cast(_op.Op):
    """Change of the element type."""

    formula = "dx = g, in the type of x"

    def __init__(self, dtype):
        self.dtype = dtype
        self.differentiable = dtype.is_floating_point

    def forward(self, input):
        self.source = dtypes.of(input.dtype)
        with np.errstate(all="ignore"):  # numpy warns of what does not fit
            return input.astype(self.dtype.numpy)

    def backward(self, grad, needs):
        return cast(grad, self.source)


def floating(name: str, input):
    """Check that `input` is a tensor; integers and bool become floating-point."""
    if type(input) is np.ndarray:
        return input
    if isinstance(input, _op.Tensor) and input._array.dtype.kind == "f":
        return input
    return cast(tensor(name, input), dtypes.get_default_dtype())


def tensor(name: str, input, argument: str = "input"):
    """Check that an argument is a tensor (an array inside a first-order backward)."""
    if not isinstance(input, _op.Tensor) and not isinstance(input, np.ndarray):
        raise TypeError(f"{name}: {argument} must be a Tensor, got {type(input).__name__}")
    return input


def writable_type(name: str, kind: dtypes.dtype, input) -> None:
    """Check that a result of type `kind` may be written into the tensor `input`."""
    if not is_tensor(input):
        raise TypeError(f"{name}: input must be a Tensor, got {type(input).__name__}")
    if not dtypes.can_cast(kind, input.dtype):
        raise RuntimeError(
            f"{name}: result type {kind.name} can't be cast to the desired output type "
            f"{input.dtype.name}"
        )


def only_floating(name: str, input) -> None:
    """Check that a floating-point result may be written into `input`."""
    if not (is_tensor(input) and input._array.dtype.kind == "f"):
        writable_type(name, dtypes.get_default_dtype(), input)


def in_place(op, check=only_floating, name: str = ""):
    """Make the in-place variant, ``name_``, of a function of one tensor.

    Parameters
    ----------
    op : class
        The operation; its kernel has the name of the function, unless `name` is given.
    check : callable
        ``check(name, input)`` raises if `input` must not be written.
    """
    name = name or op.kernel

    def function(input):
        check(name + "_", input)
        return op().inplace(input)

    function.__name__ = function.__qualname__ = name + "_"
    function.__doc__ = f"Apply `{name}` to every element of `input`, in place, and return it."
    return function


def zeros(like):
    """Return zeros of the shape and type of a gradient."""
    if is_tensor(like):
        return _op.Tensor._zeros(like.shape, like.dtype)
    return np.zeros(like.shape, like.dtype)


def numpy_names(function):
    """Accept numpy's names, `axis` and `keepdims`, for `dim` and `keepdim`, as PyTorch does.

    For what users call: the functions themselves are called by derivatives too, and quicker.
    """

    @functools.wraps(function)
    def with_names(*args, **kwargs):
        if not kwargs:
            return function(*args)
        if "axis" in kwargs:
            kwargs["dim"] = kwargs.pop("axis")
        if "keepdims" in kwargs:
            kwargs["keepdim"] = kwargs.pop("keepdims")
        return function(*args, **kwargs)

    return with_names
