"""Less common ways to arrange elements: strided views, writes into slices, products of sets."""

from __future__ import annotations

import builtins
import itertools
import math
import operator

import numpy as np

from ..autograd import op as _op
from ..autograd import views
from ..autograd.op import Op
from ..errors import ShapeError
from .common import broadcast_shape, dimension, is_tensor, tensor
from .index import put, take
from .shape import (
    cat,
    clone,
    copy_,
    diag_embed,
    diagonal,
    expand,
    narrow,
    reshape,
    select,
    stack,
    transpose_,
    zeros_for,
)

__all__ = [
    "as_strided",
    "as_strided_scatter",
    "block_diag",
    "broadcast_shapes",
    "cartesian_prod",
    "combinations",
    "diagflat",
    "diagonal_scatter",
    "index_reduce",
    "isin",
    "select_scatter",
    "slice_scatter",
    "unravel_index",
    "vander",
]


def _like(array):
    return _op.Tensor._wrap(array)


# ---- strided views


class AsStrided(Op):
    """A view of memory with sizes and strides of its own."""

    formula = "dx = g, added where it was read"
    is_view = True

    def __init__(self, size, stride, offset):
        self.size, self.stride, self.offset = size, stride, offset

    def forward(self, input):
        self.source = input.shape
        step = input.itemsize
        flat = _memory(input)
        return np.lib.stride_tricks.as_strided(
            flat[self.offset :], self.size, [s * step for s in self.stride]
        )

    def backward(self, grad, needs):
        index = _places(self.size, self.stride, self.offset).reshape(-1)
        flat = zeros_for(grad, (math.prod(self.source),))
        flat = _add_at(flat, index, reshape(grad, (-1,)))
        return reshape(flat, self.source)


def _add_at(flat, index, values):
    if is_tensor(flat):
        return put(flat, _like(index), values, True)
    np.add.at(flat, index, values)
    return flat


def _memory(array):
    """Return a contiguous array, or the one that an array is a view of, as one row."""
    while not array.flags.c_contiguous:
        base = array.base
        if not isinstance(base, np.ndarray) or base.dtype != array.dtype:
            raise RuntimeError(f"as_strided: the memory of this view {array.shape} is not known")
        array = base
    return array.reshape(-1)


def _places(size, stride, offset):
    index = np.full(size, offset, np.int64)
    for dim, (n, step) in enumerate(zip(size, stride, strict=True)):
        line = [1] * len(size)
        line[dim] = n
        index += (np.arange(n) * step).reshape(line)
    return index


def as_strided(input, size, stride, storage_offset=None):
    """Return a view of the memory of `input` with sizes and strides of its own.

    Parameters
    ----------
    input : Tensor
    size : sequence of int
    stride : sequence of int
        In elements.
    storage_offset : int, optional
        The first element, counted from the start of the memory. Default: that of `input`.

    Returns
    -------
    Tensor
        Writing to elements that share one place is undefined.

    Raises
    ------
    ShapeError
        If the view would reach outside of the memory.
    RuntimeError
        If a gradient is wanted and `input` is no part of a contiguous tensor.
    """
    name = "as_strided"
    size, stride = tuple(map(operator.index, size)), tuple(map(operator.index, stride))
    if len(size) != len(stride):
        raise ShapeError(f"{name}: mismatch in length of strides and shape: {stride}, {size}")
    array = tensor(name, input)._array
    base = input if input._base is None else input._base
    memory = _memory(base._array)
    offset = storage_offset
    if offset is None:
        first = memory.__array_interface__["data"][0]
        offset = (array.__array_interface__["data"][0] - first) // array.itemsize
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if min((*stride, offset, *size), default=0) < 0:
        raise RuntimeError(f"{name}: negative sizes, strides and offsets are not supported")
    if math.prod(size) and last >= memory.size:
        raise ShapeError(
            f"{name}: setStorage: sizes {size}, strides {stride}, storage offset {offset} require "
            f"{last + 1} elements, the memory of input {tuple(input.shape)} has {memory.size}"
        )
    if base.requires_grad and not base._array.flags.c_contiguous:
        raise RuntimeError(f"{name}: to differentiate, the memory must be in order")
    return AsStrided(size, stride, offset)(base)


def as_strided_(input, size, stride, storage_offset=None):
    """Give `input` itself other sizes and strides; see `as_strided`."""
    return views.become(input, as_strided(input, size, stride, storage_offset))


def as_strided_scatter(input, src, size, stride, storage_offset=None):
    """Return a copy of `input` with `src` in the place that `as_strided` shows; see `as_strided`.

    Parameters
    ----------
    src : Tensor
        Of the shape `size`.
    """
    result = clone(input)
    copy_(as_strided(result, size, stride, storage_offset), src)
    return result


# ---- copies with a part replaced


def _replaced(name, input, src, view):
    """Return a copy of `input` with `src` in the part that ``view(tensor)`` shows."""
    result = clone(tensor(name, input))
    part = view(result)
    if tuple(part.shape) != tuple(src.shape):
        raise ShapeError(
            f"{name}: expected src to have a size equal to the slice of input. src size = "
            f"{tuple(src.shape)}, slice size = {tuple(part.shape)}"
        )
    copy_(part, src)
    return result


def select_scatter(input, src, dim, index):
    """Return a copy of `input` with `src` at one index of a dimension.

    Parameters
    ----------
    input : Tensor
    src : Tensor
        Of the shape of ``input.select(dim, index)``.
    dim, index : int

    Returns
    -------
    Tensor
    """
    return _replaced("select_scatter", input, src, lambda x: select(x, dim, index))


def diagonal_scatter(input, src, offset=0, dim1=0, dim2=1):
    """Return a copy of `input` with `src` on a diagonal; see `diagonal`.

    Parameters
    ----------
    src : Tensor
        Of the shape of that diagonal.
    """
    return _replaced("diagonal_scatter", input, src, lambda x: diagonal(x, offset, dim1, dim2))


def slice_scatter(input, src, dim=0, start=None, end=None, step=1):
    """Return a copy of `input` with `src` in a slice of a dimension.

    Parameters
    ----------
    input : Tensor
    src : Tensor
        Of the shape of the slice.
    dim : int
    start, end, step : int, optional
        As of Python's slices.

    Returns
    -------
    Tensor
    """
    dim = dimension("slice_scatter", tensor("slice_scatter", input), dim)
    key = (*[builtins.slice(None)] * dim, builtins.slice(start, end, step))
    return _replaced("slice_scatter", input, src, lambda x: x[key])


def fill_diagonal_(input, fill_value, wrap=False):
    """Fill the diagonal of a tensor in place.

    Parameters
    ----------
    input : Tensor
        A matrix, or a tensor of more dimensions of one size.
    fill_value : number
    wrap : bool
        Whether the diagonal of a tall matrix begins again after a row of no diagonal.

    Returns
    -------
    Tensor
        `input`
    """
    if tensor("fill_diagonal_", input).ndim < 2:
        raise RuntimeError("fill_diagonal_: dimensions must larger than 1")
    if input.ndim > 2 and len(set(input.shape)) > 1:
        raise ShapeError(
            f"fill_diagonal_: all dimensions of input must be of equal length, got "
            f"{tuple(input.shape)}"
        )
    mask = np.zeros(tuple(input.shape), np.bool_)
    np.fill_diagonal(mask, True, wrap=wrap)
    return input.masked_fill_(_like(mask), fill_value)


def index_reduce(input, dim, index, source, reduce, *, include_self=True):
    """Return `input` combined with slices of `source` at indices of a dimension.

    Parameters
    ----------
    input : Tensor
    dim : int
    index : Tensor
        (n,) integers.
    source : Tensor
        Of the shape of `input`, but n along `dim`.
    reduce : str
        ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``.
    include_self : bool
        Whether the elements of `input` take part where something arrives.

    Returns
    -------
    Tensor
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(
            f"index_reduce: reduce argument must be either prod, mean, amax or amin, got {reduce!r}"
        )
    dim = dimension("index_reduce", tensor("index_reduce", input), dim)
    line = [1] * input.ndim
    line[dim] = -1
    every = expand(reshape(index, line), tuple(source.shape))
    return input.scatter_reduce(dim, every, source, reduce, include_self=include_self)


# ---- new arrangements


def diagflat(input, offset=0):
    """Return a matrix with the elements of `input` on a diagonal, zeros elsewhere.

    Parameters
    ----------
    input : Tensor
        Taken as flat.
    offset : int
        0 is the main diagonal; positive ones are above it.

    Returns
    -------
    Tensor
        Square.
    """
    return diag_embed(reshape(tensor("diagflat", input), (-1,)), offset)


def block_diag(*tensors):
    """Return a matrix with the given matrices along its diagonal, zeros elsewhere.

    Parameters
    ----------
    *tensors : Tensor
        Of at most two dimensions; vectors are rows.

    Returns
    -------
    Tensor
    """
    blocks = [x if x.ndim == 2 else reshape(x, (1, -1)) for x in tensors]
    columns = sum(x.shape[1] for x in blocks)
    rows, left = [], 0
    for x in blocks:
        right = columns - left - x.shape[1]
        parts = [x.new_zeros(x.shape[0], left), x, x.new_zeros(x.shape[0], right)]
        rows.append(cat(parts, 1))
        left += x.shape[1]
    return cat(rows, 0)


def broadcast_shapes(*shapes):
    """Return the shape that shapes broadcast to.

    Parameters
    ----------
    *shapes : int or tuple of int

    Returns
    -------
    Size

    Raises
    ------
    ShapeError
        If they do not broadcast.
    """
    from ..tensor import Size

    shapes = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    return Size(broadcast_shape("broadcast_shapes", (), *shapes))


def cartesian_prod(*tensors):
    """Return all combinations of elements, one of each vector: (count, number of vectors).

    Parameters
    ----------
    *tensors : Tensor
        Vectors of one type.

    Returns
    -------
    Tensor
    """
    from .shape import meshgrid

    if len(tensors) == 1:
        return tensors[0]
    return stack([reshape(x, (-1,)) for x in meshgrid(*tensors, indexing="ij")], 1)


def combinations(input, r=2, with_replacement=False):
    """Return all combinations of `r` elements of a vector, (count, r), in order.

    Parameters
    ----------
    input : Tensor
        (n,)
    r : int
    with_replacement : bool
        Whether an element may be taken several times.

    Returns
    -------
    Tensor
    """
    if input.ndim != 1:
        raise ShapeError(f"combinations: expected a vector, got shape {tuple(input.shape)}")
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    index = np.array(list(choose(range(input.shape[0]), r)), np.int64).reshape(-1, r)
    return take(input, _like(index))


def vander(x, N=None, increasing=False):
    """Return the matrix of powers of a vector (Vandermonde): (n, N).

    Parameters
    ----------
    x : Tensor
        (n,)
    N : int, optional
        The number of columns. Default: n.
    increasing : bool
        Whether powers rise from left to right.

    Returns
    -------
    Tensor
    """
    count = x.shape[0] if N is None else N
    powers = range(count) if increasing else range(count - 1, -1, -1)
    columns = [x**p if p else x.new_ones(x.shape) for p in powers]
    return stack(columns, 1) if columns else x.new_zeros(x.shape[0], 0)


def isin(elements, test_elements, *, assume_unique=False, invert=False):
    """Whether every element is among `test_elements`.

    Parameters
    ----------
    elements, test_elements : Tensor or number
    assume_unique : bool
        Accepted: concerns speed only.
    invert : bool
        Tell which are not.

    Returns
    -------
    Tensor
        bool, of the shape of `elements`.
    """
    arrays = [x._array if is_tensor(x) else np.asarray(x) for x in (elements, test_elements)]
    return _like(np.asarray(np.isin(*arrays, invert=invert)))


def unravel_index(indices, shape):
    """Return a tuple of indices per dimension, for indices that count through all elements.

    Parameters
    ----------
    indices : Tensor
        Of integers.
    shape : int or sequence of int

    Returns
    -------
    tuple of Tensor
        Of int64, of the shape of `indices`.
    """
    found = np.unravel_index(indices._array, tuple(shape) if not isinstance(shape, int) else shape)
    return tuple(_like(np.asarray(i, np.int64)) for i in found)


# ---- methods of Tensor


def sum_to_size(input, *size):
    """Sum over the dimensions along which `size` would be broadcast to the shape of `input`.

    Parameters
    ----------
    *size : int or sequence of int

    Returns
    -------
    Tensor
        Of this size.
    """
    size = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
    if input.ndim < len(size) or any(
        n not in (1, m) for n, m in zip(size[::-1], input.shape[::-1], strict=False)
    ):
        raise ShapeError(f"sum_to_size: size {size} is not expandable to size {tuple(input.shape)}")
    return views.sum_to(input, tuple(size))


def narrow_copy(input, dim, start, length):
    """Return a copy of `length` elements of a dimension; see `narrow`."""
    return clone(narrow(input, dim, start, length))


def _resize(name, input, size):
    """Give `input` another shape in place; what is added is not set."""
    if input.requires_grad:
        raise RuntimeError(f"{name}: cannot resize variables that require grad")
    if min(size, default=0) < 0:
        raise RuntimeError(f"{name}: sizes must not be negative, got {size}")
    count, array = math.prod(size), input._array
    if count > array.size:
        larger = np.empty(count, array.dtype)
        larger[: array.size] = array.reshape(-1)
        array = larger
    input._array = array.reshape(-1)[:count].reshape(size)
    return input


def resize_(input, *sizes, memory_format=None):
    """Give `input` another shape in place; elements that are added are not set.

    Parameters
    ----------
    input : Tensor
        One that does not require grad.
    *sizes : int or sequence of int
    memory_format : optional
        Accepted.

    Returns
    -------
    Tensor
        `input`
    """
    if len(sizes) == 1 and not isinstance(sizes[0], int):
        sizes = tuple(sizes[0])
    return _resize("resize_", input, tuple(map(int, sizes)))


def resize_as_(input, other, memory_format=None):
    """Give `input` the shape of `other` in place; see `resize_`.

    Parameters
    ----------
    other : Tensor
    """
    return _resize("resize_as_", input, tuple(other.shape))


def swapaxes_(input, axis0, axis1):
    """Swap two dimensions in place; see `transpose_`.

    Parameters
    ----------
    axis0, axis1 : int
    """
    return transpose_(input, axis0, axis1)


swapdims_ = swapaxes_
