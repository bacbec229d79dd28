"""Reading and writing elements by index, and finding, sorting and counting them."""

from __future__ import annotations

import math
import operator
from builtins import bool as _bool
from builtins import int as _int
from builtins import max as _max
from typing import NamedTuple

import numpy as np

from .. import dtypes
from ..autograd import anomaly, views
from ..autograd.grad_mode import state
from ..autograd.op import Op
from ..errors import RangeError, ShapeError
from .common import broadcast_shape, convert, dimension, is_tensor, result_type
from .shape import (
    Slice,
    clone,
    copy_,
    expand,
    place,
    ravel,
    require_tensor,
    reshape,
    zeros,
)

__all__ = [
    "argsort",
    "argwhere",
    "bincount",
    "bucketize",
    "gather",
    "getitem",
    "histc",
    "index_add",
    "index_add_",
    "index_copy",
    "index_copy_",
    "index_fill",
    "index_fill_",
    "index_put",
    "index_put_",
    "index_select",
    "kthvalue",
    "masked_fill",
    "masked_fill_",
    "masked_scatter",
    "masked_scatter_",
    "masked_select",
    "msort",
    "nonzero",
    "put",
    "put_",
    "scatter",
    "scatter_",
    "scatter_add",
    "scatter_add_",
    "scatter_reduce",
    "scatter_reduce_",
    "searchsorted",
    "setitem",
    "sort",
    "take",
    "take_along_dim",
    "topk",
    "unique",
    "unique_consecutive",
]


def _array(x):
    return x._array if is_tensor(x) else np.asarray(x)


def _like(array, input):
    """Return `array` as a Tensor if `input` is one."""
    return convert(array, dtypes.of(array.dtype)) if is_tensor(input) else array


# ---- what an index means


def _parse(shape, index):
    """Take an index apart into a basic one, which makes a view, and advanced ones on that view.

    Parameters
    ----------
    shape : tuple of int
        Of what is indexed.
    index : object
        What stands between the brackets.

    Returns
    -------
    basic : tuple
        Ints, slices and None, one Ellipsis at the end.
    advanced : dict
        ``{dimension of the view: array or Tensor of integers}``.
    """
    items = index if type(index) is tuple else (index,)
    items = [_item(x) for x in items]
    used = 0
    for x in items:
        used += _consumed(x)
    if used > len(shape):
        raise IndexError(
            f"too many indices for tensor of dimension {len(shape)}: got {used}, shape "
            f"{tuple(shape)}"
        )
    basic, advanced, dim, out, ellipsis = [], {}, 0, 0, False
    for x in items:
        kind = type(x)
        if kind is _int:
            n = shape[dim]
            if not -n <= x < n:
                raise IndexError(f"index {x} is out of bounds for dimension {dim} with size {n}")
            basic.append(x)
            dim += 1
        elif kind is slice:
            basic.append(_slice(x, shape[dim]))
            dim += 1
            out += 1
        elif x is None:
            basic.append(None)
            out += 1
        elif x is Ellipsis:
            skipped = 0 if ellipsis else len(shape) - used
            ellipsis = True
            basic.extend([slice(None)] * skipped)
            dim += skipped
            out += skipped
        else:
            for one in _advanced(x, shape, dim):
                advanced[out] = one
                out += 1
            basic.extend([slice(None) if x.ndim else None] * _max(x.ndim if _is_mask(x) else 1, 1))
            dim += _consumed(x)
    while basic and basic[-1] == slice(None):
        basic.pop()
    return (*basic, Ellipsis), advanced


def _item(x):
    """Bring one item of an index to one of: int, slice, None, Ellipsis, Tensor, array."""
    kind = type(x)
    if kind is _int or kind is slice or x is None or x is Ellipsis:
        return x
    if kind is _bool or kind is np.bool_:
        return np.array(x)
    if is_tensor(x) or isinstance(x, np.ndarray):
        code = _array(x).dtype.kind
        if code not in "iub":
            raise IndexError(
                f"tensors used as indices must be long, int, byte or bool tensors, got {x.dtype}"
            )
        if x.ndim == 0 and not _is_mask(x):
            return _int(_array(x))
        return x if is_tensor(x) else x.copy()  # whoever made it may change it
    if isinstance(x, (list, tuple, range)):
        array = np.array([_array(v) if is_tensor(v) else v for v in x])
        if array.size == 0:
            array = array.astype(np.int64)
        if array.dtype.kind not in "ib":
            raise TypeError(f"an index must hold integers or bools, got {array.dtype}: {x}")
        return array
    try:
        return operator.index(x)
    except TypeError:
        raise IndexError(
            "tensors can be indexed with integers, slices (`:`), ellipsis (`...`), None, bools, "
            f"lists, arrays and Tensors, got {kind.__name__}"
        ) from None


def _is_mask(x):
    return _array(x).dtype in (np.bool_, np.uint8)


def _consumed(x):
    """Return how many dimensions an item of an index stands for."""
    if x is None or x is Ellipsis:
        return 0
    if type(x) is _int or type(x) is slice:
        return 1
    return x.ndim if _is_mask(x) else 1


def _slice(x, size):
    if x == slice(None):
        return x
    step = 1 if x.step is None else operator.index(x.step)
    if step <= 0:
        raise ValueError(f"step must be greater than zero, got {step} (flip reverses a dimension)")
    return slice(*x.indices(size))


def _advanced(x, shape, dim):
    """Return the integer indices for the dimensions from `dim` on that `x` stands for."""
    if not _is_mask(x):
        if _array(x).dtype != np.int64:
            return [_array(x).astype(np.int64)]
        return [x]
    mask = _array(x) != 0
    if mask.ndim == 0:
        return [np.arange(_int(mask))]
    if mask.shape != tuple(shape[dim : dim + mask.ndim]):
        raise IndexError(
            f"The shape of the mask {list(mask.shape)} at dimension {dim} does not match the shape "
            f"of the indexed tensor {list(shape)}"
        )
    return list(mask.nonzero())


# ---- the elements at integer indices


def _key(ndim, dims, indices):
    key = [slice(None)] * ndim
    for dim, index in zip(dims, indices, strict=True):
        key[dim] = index
    return tuple(key)


def _out_of_range(shape, dims, indices, name=""):
    """Return the exception that tells which index is wrong."""
    for dim, index in zip(dims, indices, strict=True):
        size = shape[dim]
        wrong = index[(index < -size) | (index >= size)]
        if wrong.size:
            return IndexError(
                f"{name}index {wrong[0]} is out of bounds for dimension {dim} with size {size}"
            )
    shapes = ", ".join(str(list(index.shape)) for index in indices)
    return IndexError(
        f"{name}shape mismatch: indexing tensors could not be broadcast together with shapes "
        f"{shapes}"
    )


def _check_range(name, shape, dims, indices):
    for dim, index in zip(dims, indices, strict=True):
        if index.size and not (-shape[dim] <= index.min() and index.max() < shape[dim]):
            raise _out_of_range(shape, dims, indices, name)


def _linear(shape, dims, indices):
    """Return one index per element into the dimensions `dims`, taken as one."""
    linear = 0
    for dim, index in zip(dims, indices, strict=True):
        linear = linear * shape[dim] + np.where(index < 0, index + shape[dim], index)
    return np.asarray(linear)


_ROUNDS = 16  # repetitions of an index up to which rows are better added in rounds


def add_rows(result, index, rows):
    """Add ``rows[i]`` to ``result[index[i]]``, repeated indices included, always in one order.

    Parameters
    ----------
    result : numpy.ndarray
        (count, width), contiguous; written.
    index : numpy.ndarray
        (n,), from 0 to count - 1.
    rows : numpy.ndarray
        (n, width).
    """
    count, width = result.shape
    if not rows.size:
        return
    if result.dtype.kind != "f":
        np.add.at(result, index, rows)
        return
    if width < 8 and count * width <= 16 * rows.size + 1024:
        flat = (index[:, None] * width + np.arange(width)).ravel()
        sums = np.bincount(flat, rows.ravel(), count * width)  # in float64
        result += sums.reshape(count, width).astype(result.dtype)
        return
    order = np.argsort(index, kind="stable")
    ordered = index[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    counts = np.diff(starts, append=len(index))
    if counts.max() <= _ROUNDS and rows.dtype != np.float16:
        for round in range(counts.max()):  # the first row of each index, the second, and so on
            taken = starts[counts > round] + round
            result[ordered[taken]] += rows[order[taken]]
        return
    rows = rows[order]
    if len(starts) < len(index):
        wide = np.float32 if rows.dtype == np.float16 else rows.dtype
        rows = np.add.reduceat(rows, starts, axis=0, dtype=wide)
    result[ordered[starts]] += rows.astype(result.dtype, copy=False)


def _accumulate(result, dims, indices, values):
    """Add `values` to the elements of `result` at indices, repeated ones included."""
    shape = result.shape
    first = _first_place(dims)
    linear = _linear(shape, dims, indices)
    rest = [d for d in range(len(shape)) if d not in dims]
    # What numpy's indexing gives: the shape of the indices where the dims were, or in front.
    values = np.broadcast_to(
        values,
        [*[shape[d] for d in rest[:first]], *linear.shape, *[shape[d] for d in rest[first:]]],
    )
    values = np.moveaxis(values, range(first, first + linear.ndim), range(linear.ndim))
    order = (*dims, *rest)
    front = result.transpose(order)
    width = math.prod(shape[d] for d in rest)
    flat = np.ascontiguousarray(front).reshape(-1, width) if width else front.reshape(0, 0)
    add_rows(flat, linear.ravel(), values.reshape(linear.size, width))
    if not np.may_share_memory(flat, result):
        front[...] = flat.reshape(front.shape)


class Index(Op):
    """The elements at integer indices along some dimensions."""

    formula = "dx = g added at the indices, 0 elsewhere"

    def __init__(self, dims):
        self.dims = dims

    @classmethod
    def kept_inputs(cls, needs):
        return range(1, len(needs))

    def forward(self, input, *indices):
        self.source = input.shape
        try:
            if len(indices) == 1:
                return input.take(indices[0], self.dims[0])
            return np.ascontiguousarray(input[_key(input.ndim, self.dims, indices)])
        except IndexError:
            raise _out_of_range(input.shape, self.dims, indices) from None

    def backward(self, grad, needs):
        return IndexAccumulate(self.source, self.dims)(grad, *self.inputs[1:])


class IndexSelect(Index):
    """The parts at integer indices along one dimension."""


class IndexAccumulate(Op):
    """Zeros, with elements added at integer indices along some dimensions."""

    formula = "dx = g at the indices"
    kept_inputs = Index.kept_inputs

    def __init__(self, shape, dims):
        self.shape, self.dims = shape, dims

    def forward(self, input, *indices):
        result = zeros(self.shape, input.dtype)
        _accumulate(result, self.dims, indices, input)
        return result

    def backward(self, grad, needs):
        return Index(self.dims)(grad, *self.inputs[1:])


class IndexPut(Op):
    """Elements at integer indices overwritten, or added to."""

    formula = "dx = g, 0 at what was overwritten; dy = g at the indices"

    def __init__(self, dims, accumulate):
        self.dims, self.accumulate = dims, accumulate

    @classmethod
    def kept_inputs(cls, needs):
        return range(2, len(needs))

    def forward(self, input, values, *indices):
        self.values_shape = getattr(values, "shape", ())
        result = np.array(input) if self.out is None else self.out
        if self.accumulate:
            _accumulate(result, self.dims, indices, values)
        else:
            result[_key(input.ndim, self.dims, indices)] = values
        return result

    def backward(self, grad, needs):
        indices = self.inputs[2:]
        by_input = by_values = None
        if needs[0]:
            by_input = grad if self.accumulate else IndexPut(self.dims, False)(grad, 0, *indices)
        if needs[1]:
            by_values = Index(self.dims)(grad, *indices)
            if not self.accumulate:
                position = _linear(grad.shape, self.dims, [_array(x) for x in indices])
                lost = _overwritten(math.prod(grad.shape[d] for d in self.dims), position)
                if lost is not None:
                    first = _first_place(self.dims)
                    rest = (1,) * (by_values.ndim - first - position.ndim)
                    lost = _like(lost.reshape(*position.shape, *rest), grad)
                    by_values = masked_fill(by_values, lost, 0)
            by_values = views.sum_to(by_values, self.values_shape)
        return by_input, by_values


def _first_place(dims):
    """Return where the dimensions of the indices are in what numpy's indexing gives."""
    return dims[0] if dims == tuple(range(dims[0], dims[0] + len(dims))) else 0


def _overwritten(count, position):
    """Return which of the writes to positions below `count` a later one undoes; None if none."""
    flat = position.ravel()
    numbers = np.arange(flat.size)
    last = np.zeros(count, np.int64)
    last[flat] = numbers  # numpy assigns in order
    lost = last[flat] != numbers
    return lost.reshape(position.shape) if lost.any() else None


def getitem(input, index):
    """Return the part of a tensor that an index stands for: what ``input[index]`` calls.

    Parameters
    ----------
    input : Tensor
    index : int, slice, None, Ellipsis, bool, Tensor, array or list, or a tuple of these
        Slices have positive steps. A Tensor of bools selects where it is True.

    Returns
    -------
    Tensor
        A view, unless a Tensor, array, list or bool is among the indices.
    """
    if type(index) is _int and is_tensor(input):
        shape = input._array.shape
        if shape and -shape[0] <= index < shape[0]:
            return Slice((index, Ellipsis))(input)
    basic, advanced = _parse(input.shape, index)
    if not advanced:
        return Slice(basic)(input)
    if basic != (Ellipsis,):
        input = Slice(basic)(input)
    indices = [x if is_tensor(x) else _like(x, input) for x in advanced.values()]
    return Index(tuple(advanced))(input, *indices)


def _value(input, value):
    """Bring what is assigned to a Tensor of the type of `input`, or a number."""
    if isinstance(value, (list, tuple)):
        value = np.array(value)
    return convert(value, input.dtype)


def _without_leading_ones(value, ndim):
    """Remove leading dimensions of size 1 beyond `ndim`, as PyTorch does for assignment."""
    if is_tensor(value) and value.ndim > ndim:
        extra = value.ndim - ndim
        if value.shape[:extra] == (1,) * extra:
            return reshape(value, tuple(value.shape[extra:]))
    return value


def _check_value(name, value, shape):
    given = tuple(getattr(value, "shape", ()))
    if given == () or broadcast_shape(name, given, shape) == shape:
        return
    raise ShapeError(
        f"{name}: shape mismatch: value of shape {given} cannot be broadcast to the indexed part, "
        f"of shape {tuple(shape)}"
    )


def setitem(input, index, value):
    """Overwrite the part of a tensor that an index stands for: what ``input[index] = ...`` calls.

    Parameters
    ----------
    input : Tensor
    index : object
        As in `getitem`.
    value : Tensor, array, list or number
        Broadcast to that part and cast to the type of `input`; gradients flow to it.
    """
    basic, advanced = _parse(input.shape, index)
    value = _value(input, value)
    records = state.recorder is not None or (
        state.grad and (input.requires_grad or (is_tensor(value) and value.requires_grad))
    )
    if records:
        part = Slice(basic)(input) if basic != (Ellipsis,) else input
        shape = part.shape
    else:
        views.check_writable("setitem", input)
        part = input._array[basic]
        shape = part.shape
    value = _without_leading_ones(value, len(shape) if not advanced else 1 << 30)
    if not advanced:
        _check_value("setitem", value, tuple(shape))
        if records:
            copy_(part, value)
        else:
            part[...] = value._array if is_tensor(value) else value
            input._cell[0] += 1
            if state.anomaly:
                anomaly.note_write(input._cell)
        return
    part = part if records else input[basic].detach()
    _put("setitem", part, tuple(advanced), list(advanced.values()), value, False, in_place=True)


def _put(name, input, dims, indices, value, accumulate, in_place):
    """Check and apply `IndexPut`."""
    arrays = [_array(x) for x in indices]
    _check_range(f"{name}: ", input.shape, dims, arrays)
    try:
        count = np.broadcast_shapes(*[x.shape for x in arrays])
    except ValueError:
        raise _out_of_range(input.shape, dims, arrays, f"{name}: ") from None
    first = _first_place(dims)
    rest = [n for d, n in enumerate(input.shape) if d not in dims]
    shape = (*rest[:first], *count, *rest[first:])
    value = _without_leading_ones(value, len(shape))
    _check_value(name, value, shape)
    op = IndexPut(dims, accumulate)
    indices = [x if is_tensor(x) else _like(x, input) for x in indices]
    return (op.inplace if in_place else op)(input, value, *indices)


def index_put_(input, indices, values, accumulate=False):
    """Overwrite, or add to, the elements at indices, in place.

    Parameters
    ----------
    input : Tensor
    indices : sequence of Tensor or None
        One per dimension (None: all of it); bool Tensors select where they are True.
    values : Tensor
        Broadcasts to what is indexed.
    accumulate : bool
        Add instead; repeated indices then count repeatedly.

    Returns
    -------
    Tensor
        `input`.
    """
    return _index_put("index_put_", input, indices, values, accumulate, True)


def index_put(input, indices, values, accumulate=False):
    """Return a copy with the elements at indices overwritten, or added to; see `index_put_`."""
    return _index_put("index_put", input, indices, values, accumulate, False)


def _index_put(name, input, indices, values, accumulate, in_place):
    if is_tensor(values) and is_tensor(input) and values.dtype is not input.dtype:
        raise RuntimeError(
            f"{name}: Index put requires the source and destination dtypes match, got "
            f"{input.dtype} for the destination and {values.dtype} for the source"
        )
    items = tuple(slice(None) if x is None else x for x in indices)
    items = tuple(
        x if isinstance(x, slice) or x.ndim or _is_mask(x) else reshape(x, (1,)) for x in items
    )
    _, advanced = _parse(input.shape, items)
    if not advanced:
        raise RuntimeError(f"{name}: at least one of the indices must be a Tensor")
    value = _value(input, values)
    return _put(name, input, tuple(advanced), list(advanced.values()), value, accumulate, in_place)


def _index_argument(name, input, dim, index):
    """Check a dimension and a 1-d integer index into it."""
    require_tensor(name, input)
    require_tensor(name, index, "index")
    dim = dimension(name, input, dim)
    if _array(index).dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}: expected dtype int32/int64 for index, got {index.dtype}")
    if index.ndim > 1:
        raise IndexError(
            f"{name}: index is supposed to be a vector, got shape {tuple(index.shape)}"
        )
    shape = tuple(input.shape) or (1,)
    _check_range(f"{name}: ", shape, (dim,), (_array(index),))
    if index.ndim == 0:
        index = reshape(index, (1,))
    return dim, index


def index_select(input, dim, index):
    """Return the parts at integer indices along a dimension.

    Parameters
    ----------
    input : Tensor
    dim : int
    index : Tensor
        1-d, int32 or int64.

    Returns
    -------
    Tensor
        A copy.

    Raises
    ------
    IndexError
        If an index is out of range.
    """
    dim, index = _index_argument("index_select", input, dim, index)
    if not input.ndim:
        return reshape(IndexSelect((0,))(reshape(input, (1,)), index), ())
    return IndexSelect((dim,))(input, index)


def _along(name, input, dim, index, source, accumulate, in_place):
    """Write or add `source` at integer indices along one dimension."""
    dim, index = _index_argument(name, input, dim, index)
    if is_tensor(source) and source.dtype is not input.dtype:
        raise RuntimeError(
            f"{name}: self and source expected to have the same dtype, but got (self) "
            f"{input.dtype} and (source) {source.dtype}"
        )
    if not is_tensor(source) and not isinstance(source, np.ndarray):
        source = convert(source, input.dtype)
    else:
        expected = (*input.shape[:dim], index.shape[0], *input.shape[dim + 1 :])
        if tuple(source.shape) != expected and (input.ndim or math.prod(source.shape) != 1):
            raise ShapeError(
                f"{name}: source must have shape {expected} for input {tuple(input.shape)}, dim "
                f"{dim} and {index.shape[0]} indices, got {tuple(source.shape)}"
            )
    if not input.ndim:
        raise RuntimeError(f"{name}: needs an input of at least one dimension")
    op = IndexPut((dim,), accumulate)
    return (op.inplace if in_place else op)(input, source, index)


def _scaled(source, alpha):
    return source if alpha == 1 else source * alpha


def index_add(input, dim, index, source, *, alpha=1):
    """Return a copy of `input` with parts of `source` added at indices along a dimension.

    Parameters
    ----------
    input : Tensor
    dim : int
    index : Tensor
        1-d; repeated indices add repeatedly.
    source : Tensor
        The shape of `input`, but as long as `index` along `dim`.
    alpha : number
        Factor of `source`.

    Returns
    -------
    Tensor
    """
    return _along("index_add", input, dim, index, _scaled(source, alpha), True, False)


def index_add_(input, dim, index, source, *, alpha=1):
    """Add parts of `source` at indices along a dimension, in place; see `index_add`."""
    return _along("index_add_", input, dim, index, _scaled(source, alpha), True, True)


def index_copy(input, dim, index, source):
    """Return a copy of `input` with the parts at indices along a dimension replaced.

    Parameters
    ----------
    input : Tensor
    dim : int
    index : Tensor
        (n,), of integers.
    source : Tensor
        As `input`, but of size n along `dim`; of the same type.

    Returns
    -------
    Tensor
    """
    return _along("index_copy", input, dim, index, source, False, False)


def index_copy_(input, dim, index, source):
    """Replace the parts at indices along a dimension, in place; see `index_copy`."""
    return _along("index_copy_", input, dim, index, source, False, True)


def _fill_value(name, value):
    if is_tensor(value) and value.ndim:
        raise RuntimeError(
            f"{name}: only supports a 0-dimensional value tensor, but got tensor of shape "
            f"{tuple(value.shape)}"
        )
    return value


def index_fill(input, dim, index, value):
    """Return a copy of `input` with the parts at indices along a dimension set to a number.

    Parameters
    ----------
    input : Tensor
    dim : int
    index : Tensor
        (n,), of integers.
    value : number or Tensor
        A tensor of one element, 0-d.

    Returns
    -------
    Tensor
    """
    return _index_fill("index_fill", input, dim, index, value, False)


def index_fill_(input, dim, index, value):
    """Set the parts at indices along a dimension to a number, in place; see `index_fill`."""
    return _index_fill("index_fill_", input, dim, index, value, True)


def _index_fill(name, input, dim, index, value, in_place):
    dim, index = _index_argument(name, input, dim, index)
    op = IndexPut((dim,), False)
    value = convert(_fill_value(name, value), dtypes.of(input.dtype))
    return (op.inplace if in_place else op)(input, value, index)


# ---- gather and scatter: per element its own index along one dimension


def _corner(array, shape, dim):
    """Cut `array` to `shape` in all dimensions but `dim`."""
    return array[tuple(slice(None) if d == dim else slice(n) for d, n in enumerate(shape))]


def _flat_index(shape, dim, index):
    """Return, per element of `index`, the position in an array of `shape` it stands for."""
    position = 0
    for d, n in enumerate(shape):
        along = [1] * index.ndim
        along[d] = -1
        here = index if d == dim else np.arange(index.shape[d]).reshape(along)
        position = position * n + here
    return np.broadcast_to(position, index.shape).ravel()


class Gather(Op):
    """Elements at an index of their own along one dimension."""

    formula = "dx = g added at the indices, 0 elsewhere"
    reads = {0: (1,)}

    def __init__(self, dim):
        self.dim = dim

    def forward(self, input, index):
        self.source = input.shape
        return np.take_along_axis(_corner(input, index.shape, self.dim), index, self.dim)

    def backward(self, grad, needs):
        return GatherBackward(self.source, self.dim)(grad, self.inputs[1])


class GatherBackward(Op):
    """Zeros, with each element added at an index of its own along one dimension."""

    formula = "dx = g at the indices"
    reads = {0: (1,)}

    def __init__(self, shape, dim):
        self.shape, self.dim = shape, dim

    def forward(self, input, index):
        result = zeros(self.shape, input.dtype)
        add_rows(
            result.reshape(-1, 1), _flat_index(self.shape, self.dim, index), input.reshape(-1, 1)
        )
        return result

    def backward(self, grad, needs):
        return Gather(self.dim)(grad, self.inputs[1])


class Scatter(Op):
    """Elements at an index of their own along one dimension overwritten, or added to."""

    formula = "dx = g, 0 at what was overwritten; dy = g at the indices"
    reads = {0: (2,), 1: (2,)}

    def __init__(self, dim, accumulate):
        self.dim, self.accumulate = dim, accumulate

    def forward(self, input, source, index):
        self.source = getattr(source, "shape", ())
        result = np.array(input, order="C") if self.out is None else self.out
        if self.source:
            source = source[tuple(map(slice, index.shape))]
        if self.accumulate:
            flat = np.ascontiguousarray(result)
            rows = np.broadcast_to(source, index.shape).reshape(-1, 1)
            add_rows(flat.reshape(-1, 1), _flat_index(input.shape, self.dim, index), rows)
            if flat is not result:
                result[...] = flat
        elif index.size:
            np.put_along_axis(_corner(result, index.shape, self.dim), index, source, self.dim)
        return result

    def backward(self, grad, needs):
        index = self.inputs[2]
        by_input = by_source = None
        if needs[0]:
            by_input = grad if self.accumulate else Scatter(self.dim, False)(grad, 0, index)
        if needs[1]:
            by_source = Gather(self.dim)(grad, index)
            if not self.accumulate:
                position = _flat_index(grad.shape, self.dim, _array(index))
                lost = _overwritten(math.prod(grad.shape), position)
                if lost is not None:
                    lost = _like(lost.reshape(index.shape), grad)
                    by_source = masked_fill(by_source, lost, 0)
            if not self.source:
                by_source = views.sum_to(by_source, ())
            elif by_source.shape != self.source:
                corner = Slice((*map(slice, by_source.shape), Ellipsis))
                by_source = place(by_source, self.source, corner)
        return by_input, by_source


def _along_index(name, input, dim, index, source=None):
    """Check the arguments of gather and scatter; 0-d ones become 1-d."""
    require_tensor(name, input)
    require_tensor(name, index, "index")
    if _array(index).dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}: Expected dtype int32/int64 for index, got {index.dtype}")
    dim = dimension(name, input, dim)
    index_shape = tuple(index.shape) or (1,)
    shape = tuple(input.shape) or (1,)
    fits = len(index_shape) == len(shape) and not any(
        n > have for d, (n, have) in enumerate(zip(index_shape, shape, strict=True)) if d != dim
    )
    if source is not None and fits:
        source_shape = tuple(source.shape) or (1,)
        fits = len(source_shape) == len(shape) and not any(
            n > have for n, have in zip(index_shape, source_shape, strict=True)
        )
    if not fits and math.prod(index_shape):
        text = f" and src {tuple(source.shape)}" if source is not None else ""
        raise ShapeError(
            f"{name}: index {tuple(index.shape)} must have as many dimensions as input "
            f"{tuple(input.shape)}{text}, and be no larger apart from dimension {dim}"
        )
    if not fits:  # an empty index may have any shape
        index = reshape(index, (0,) * len(shape))
    array = _array(index)
    if array.size and not (array.min() >= 0 and array.max() < shape[dim]):
        wrong = array[(array < 0) | (array >= shape[dim])][0]
        raise RangeError(
            f"{name}: index {wrong} is out of bounds for dimension {dim} with size {shape[dim]}"
        )
    if array.dtype != np.int64:
        index = _like(array.astype(np.int64), index)
    return dim, (index if index.ndim else reshape(index, (1,)))


def gather(input, dim, index, *, sparse_grad=False):
    """Return, per element of `index`, the element of `input` there along dimension `dim`.

    Parameters
    ----------
    input : Tensor
    dim : int
    index : Tensor
        Integers; as many dimensions as `input`, no larger except along `dim`.
    sparse_grad : bool
        Accepted for compatibility; gradients are dense.

    Returns
    -------
    Tensor
        The shape of `index`: ``out[i][j] = input[index[i][j]][j]`` for ``dim=0``.

    Raises
    ------
    IndexError
        If an index is out of range.
    """
    shape = tuple(index.shape)
    dim, index = _along_index("gather", input, dim, index)
    if input.ndim and tuple(index.shape) == shape:
        return Gather(dim)(input, index)
    source = input if input.ndim else reshape(input, (1,))
    return reshape(Gather(dim)(source, index), shape)


def _scatter(name, input, dim, index, src, value, accumulate, in_place):
    if (src is None) == (value is None):
        raise TypeError(f"{name}: give either src or value")
    source = value if src is None else src
    whole = is_tensor(source) or isinstance(source, np.ndarray)
    if src is None:
        _fill_value(name, source)
    if src is not None and not whole:
        raise TypeError(f"{name}: src must be a Tensor, got {type(src).__name__}")
    if src is not None and source.dtype != input.dtype:
        raise RuntimeError(
            f"{name}: Expected self.dtype to be equal to src.dtype, got {input.dtype} and "
            f"{source.dtype}"
        )
    dim, index = _along_index(name, input, dim, index, source if src is not None else None)
    if src is None:
        source = convert(source, dtypes.of(input.dtype))
    op = Scatter(dim, accumulate)
    if not input.ndim:
        if in_place:
            return copy_(input, _scatter(name, input, dim, index, src, value, accumulate, False))
        source = reshape(source, (1,)) if src is not None else source
        return reshape(op(reshape(input, (1,)), source, index), ())
    return (op.inplace if in_place else op)(input, source, index)


def _reduced_scatter(name, input, dim, index, src, value, reduce, in_place):
    """Choose what scatter(reduce=...) means."""
    if reduce is None:
        if src is not None and not (is_tensor(src) or isinstance(src, np.ndarray)):
            src, value = None, src
        return _scatter(name, input, dim, index, src, value, False, in_place)
    if reduce not in ("add", "multiply"):
        raise RuntimeError(
            f"{name}: reduce argument must be either add or multiply, got {reduce!r}"
        )
    if src is None or not is_tensor(src):
        number = value if src is None else src
        filled = np.full(tuple(index.shape), number, dtypes.of(input.dtype).numpy)
        src = _like(filled, input)
    if reduce == "add":
        return _scatter(name, input, dim, index, src, None, True, in_place)
    function = scatter_reduce_ if in_place else scatter_reduce
    return function(input, dim, index, src, "prod")


def scatter(input, dim, index, src=None, *, value=None, reduce=None):
    """Return a copy of `input` with elements overwritten at indices along dimension `dim`.

    Parameters
    ----------
    input : Tensor
    dim : int
    index : Tensor
        Integers; as many dimensions as `input`, no larger except along `dim`.
    src : Tensor or number
        At least as large as `index`; ``out[index[i][j]][j] = src[i][j]`` for ``dim=0``.
    value : number
        Instead of `src`.
    reduce : str, optional
        ``"add"`` or ``"multiply"``: combine with what is there.

    Returns
    -------
    Tensor
    """
    return _reduced_scatter("scatter", input, dim, index, src, value, reduce, False)


def scatter_(input, dim, index, src=None, *, value=None, reduce=None):
    """Overwrite elements at indices along dimension `dim`, in place; see `scatter`."""
    return _reduced_scatter("scatter_", input, dim, index, src, value, reduce, True)


def scatter_add(input, dim, index, src):
    """Return a copy of `input` with elements of `src` added at indices along dimension `dim`.

    Parameters
    ----------
    input : Tensor
    dim : int
    index : Tensor
        Integers; repeated ones add repeatedly.
    src : Tensor
        At least as large as `index`.

    Returns
    -------
    Tensor
    """
    return _scatter("scatter_add", input, dim, index, src, None, True, False)


def scatter_add_(input, dim, index, src):
    """Add elements of `src` at indices along dimension `dim`, in place; see `scatter_add`."""
    return _scatter("scatter_add_", input, dim, index, src, None, True, True)


_REDUCTIONS = {"prod": np.multiply, "amax": np.maximum, "amin": np.minimum}


class ScatterExtremum(Op):
    """Largest or smallest of what is there and of what arrives at an index."""

    formula = "dx, dy = g, shared equally by the elements that are the extremum"
    reads = {0: (0, 1, 2), 1: (0, 1, 2)}
    reads_output = True

    def __init__(self, dim, reduce):
        self.dim, self.reduce = dim, reduce

    def forward(self, input, source, index):
        return _scatter_at(self, input, source, index)

    def backward(self, grad, needs):
        from .elementwise import add, div, eq, mul

        input, source, index = self.inputs
        result = self.output
        source = Slice((*map(slice, index.shape), Ellipsis))(source)
        dtype = dtypes.of(grad.dtype)
        mine = _cast(eq(input, result), dtype)
        theirs = _cast(eq(source, Gather(self.dim)(result, index)), dtype)
        count = add(mine, GatherBackward(tuple(input.shape), self.dim)(theirs, index))
        share = div(grad, count)
        by_source = mul(Gather(self.dim)(share, index), theirs)
        whole = self.inputs[1].shape
        if tuple(by_source.shape) != tuple(whole):
            by_source = place(
                by_source, tuple(whole), Slice((*map(slice, by_source.shape), Ellipsis))
            )
        return mul(share, mine), by_source


def _cast(x, dtype):
    return convert(x, dtype) if is_tensor(x) else x.astype(dtype.numpy)


def _scatter_at(op, input, source, index):
    result = np.array(input, order="C")
    source = source[tuple(map(slice, index.shape))]
    flat = _flat_index(input.shape, op.dim, index)
    _REDUCTIONS[op.reduce].at(result.reshape(-1), flat, source.ravel())
    if op.out is None:
        return result
    op.out[...] = result
    return op.out


class ScatterProd(Op):
    """Product of what is there and of what arrives at an index."""

    formula = "dx, dy = g times the product of the other factors"
    reads = {0: (0, 1, 2), 1: (0, 1, 2)}

    def __init__(self, dim, reduce):
        self.dim, self.reduce = dim, reduce

    def forward(self, input, source, index):
        return _scatter_at(self, input, source, index)

    def backward(self, grad, needs):
        from .elementwise import add, div, eq, mul, where

        input, source, index = self.inputs
        whole = tuple(source.shape)
        source = Slice((*map(slice, index.shape), Ellipsis))(source)
        dtype = dtypes.of(grad.dtype)
        mine, theirs = _cast(eq(input, 0.0), dtype), _cast(eq(source, 0.0), dtype)
        zeros_at = add(mine, GatherBackward(tuple(input.shape), self.dim)(theirs, index))
        if is_tensor(grad) and zeros_at._array.any():
            raise NotImplementedError(
                "scatter_reduce: the second derivative of reduce='prod' is not implemented where a "
                "factor is zero"
            )
        # A zero has the product of the others if it is the only one; then the others have 0.
        input, source = where(eq(input, 0.0), 1.0, input), where(eq(source, 0.0), 1.0, source)
        product = mul(grad, ScatterProd(self.dim, self.reduce)(input, source, index))
        by_input = div(mul(product, _cast(eq(zeros_at, mine), dtype)), input)
        if not needs[1]:
            return by_input, None, None
        alone = _cast(eq(Gather(self.dim)(zeros_at, index), theirs), dtype)
        by_source = div(mul(Gather(self.dim)(product, index), alone), source)
        if tuple(by_source.shape) != whole:
            by_source = place(by_source, whole, Slice((*map(slice, by_source.shape), Ellipsis)))
        return by_input, by_source, None


def scatter_reduce(input, dim, index, src, reduce, *, include_self=True):
    """Return `input` combined with elements of `src` at indices along dimension `dim`.

    Parameters
    ----------
    input : Tensor
    dim : int
    index : Tensor
        Integers.
    src : Tensor
        At least as large as `index`.
    reduce : str
        ``"sum"``, ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``. Of ``"prod"`` there is no
        second derivative where a factor is zero.
    include_self : bool
        Whether the elements of `input` take part where something arrives.

    Returns
    -------
    Tensor
    """
    name = "scatter_reduce"
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError(
            f"{name}: reduce argument must be either sum, prod, mean, amax or amin, got {reduce!r}"
        )
    dim, index = _along_index(name, input, dim, index, src)
    if src.dtype != input.dtype:
        raise RuntimeError(
            f"{name}: Expected self.dtype to be equal to src.dtype, got {input.dtype} and "
            f"{src.dtype}"
        )
    if not input.ndim:
        whole = scatter_reduce(
            reshape(input, (1,)), 0, index, reshape(src, (1,)), reduce, include_self=include_self
        )
        return reshape(whole, ())
    if not include_self:
        info = (np.finfo if input.dtype.is_floating_point else np.iinfo)(input.dtype.numpy)
        low, high = (-math.inf, math.inf) if info.dtype.kind == "f" else (info.min, info.max)
        start = {"sum": 0, "mean": 0, "prod": 1, "amax": low, "amin": high}[reduce]
        input = scatter(input, dim, index, value=start)
    if reduce in ("amax", "amin"):
        return ScatterExtremum(dim, reduce)(input, src, index)
    if reduce == "prod":
        return ScatterProd(dim, reduce)(input, src, index)
    total = scatter_add(input, dim, index, src)
    if reduce == "sum":
        return total
    counts = np.bincount(
        _flat_index(tuple(input.shape), dim, _array(index)), minlength=input.numel()
    ).reshape(input.shape)
    counts = np.maximum(counts + 1 if include_self else counts, 1).astype(input.dtype.numpy)
    if input.dtype.is_floating_point:
        return total / _like(counts, input)
    return _like(_array(total) // counts, input)


def scatter_reduce_(input, dim, index, src, reduce, *, include_self=True):
    """Combine with elements of `src` at indices, in place; see `scatter_reduce`."""
    before = clone(input)  # the derivative reads it
    return copy_(input, scatter_reduce(before, dim, index, src, reduce, include_self=include_self))


# ---- masks


class MaskedFill(Op):
    """A number where a mask is true."""

    formula = "dx = g where the mask is false; dv = sum of g where it is true"
    reads = {0: (2,), 1: (2,)}
    broadcasts = True

    def forward(self, input, value, mask):
        if self.out is not None:
            np.copyto(self.out, value, where=mask)
            return self.out
        return np.where(mask, np.asarray(value, input.dtype), input)

    def backward(self, grad, needs):
        mask = self.inputs[2]
        by_input = by_value = None
        if needs[0]:
            by_input = masked_fill(grad, mask, 0)
        if needs[1]:
            by_value = masked_fill(grad, _like(~_array(mask), grad), 0)
        return by_input, by_value, None


def _mask(name, input, mask):
    require_tensor(name, input)
    require_tensor(name, mask, "mask")
    if _array(mask).dtype != np.bool_:
        raise RuntimeError(f"{name}: expects mask to be boolean, got {mask.dtype}")
    return broadcast_shape(name, input.shape, mask.shape)


def masked_fill(input, mask, value):
    """Return a copy of `input` with `value` where `mask` is True.

    Parameters
    ----------
    input : Tensor
    mask : Tensor
        Bools; broadcasts with `input`.
    value : number or 0-d Tensor

    Returns
    -------
    Tensor
    """
    _mask("masked_fill", input, mask)
    value = convert(_fill_value("masked_fill", value), dtypes.of(input.dtype))
    return MaskedFill()(input, value, mask)


def masked_fill_(input, mask, value):
    """Set elements to `value` where `mask` is True, in place; see `masked_fill`."""
    if _mask("masked_fill_", input, mask) != tuple(input.shape):
        raise ShapeError(
            f"masked_fill_: mask {tuple(mask.shape)} does not broadcast to input "
            f"{tuple(input.shape)}"
        )
    value = convert(_fill_value("masked_fill_", value), input.dtype)
    return MaskedFill().inplace(input, value, mask)


def masked_select(input, mask):
    """Return the elements where `mask` is True, in one dimension.

    Parameters
    ----------
    input : Tensor
    mask : Tensor
        Bools; broadcasts with `input`.

    Returns
    -------
    Tensor
    """
    shape = _mask("masked_select", input, mask)
    input = input if tuple(input.shape) == shape else expand(input, shape)
    return reshape(getitem(input, _like(np.broadcast_to(_array(mask), shape), input)), (-1,))


def _masked_scatter(name, input, mask, source, in_place):
    shape = _mask(name, input, mask)
    if source.dtype != input.dtype:
        raise RuntimeError(
            f"{name}: expected self and source to have same dtypes but got {input.dtype} and "
            f"{source.dtype}"
        )
    where = np.broadcast_to(_array(mask), shape)
    count = np.count_nonzero(where)
    if count > math.prod(source.shape):
        raise ShapeError(
            f"{name}: source has {math.prod(source.shape)} elements, fewer than the {count} where "
            "mask is True"
        )
    if in_place and shape != tuple(input.shape):
        raise ShapeError(
            f"{name}: mask {tuple(mask.shape)} does not broadcast to input {tuple(input.shape)}"
        )
    values = getitem(ravel(source), slice(0, count))
    if not shape:
        input = input if in_place else input + 0
        return masked_fill_(input, mask, reshape(values, ())) if count else input
    input = input if tuple(input.shape) == shape else expand(input, shape)
    dims = tuple(range(len(shape)))
    return _put(name, input, dims, list(where.nonzero()), values, False, in_place)


def masked_scatter(input, mask, source):
    """Return a copy of `input` with elements of `source`, in order, where `mask` is True.

    Parameters
    ----------
    input : Tensor
    mask : Tensor
        Bools; broadcasts with `input`.
    source : Tensor
        At least as many elements as `mask` has True ones.

    Returns
    -------
    Tensor
    """
    return _masked_scatter("masked_scatter", input, mask, source, False)


def masked_scatter_(input, mask, source):
    """Write elements of `source`, in order, where `mask` is True; see `masked_scatter`."""
    return _masked_scatter("masked_scatter_", input, mask, source, True)


# ---- flat indices


def take(input, index):
    """Return the elements at indices into `input` taken as flat.

    Parameters
    ----------
    input : Tensor
    index : Tensor
        int64, any shape.

    Returns
    -------
    Tensor
        The shape of `index`.
    """
    require_tensor("take", input)
    require_tensor("take", index, "index")
    if _array(index).dtype != np.int64:
        raise RuntimeError(f"take: expected a long tensor for index, but got {index.dtype}")
    flat = ravel(input)
    _check_range("take: ", flat.shape, (0,), (_array(index),))
    return Index((0,))(flat, index)


def take_along_dim(input, indices, dim=None):
    """Return elements at indices along a dimension; other dimensions broadcast. See `gather`.

    Parameters
    ----------
    input : Tensor
    indices : Tensor
        int64.
    dim : int, optional
        Default: both are flattened.

    Returns
    -------
    Tensor
    """
    if dim is None:
        return gather(ravel(input), 0, ravel(indices))
    dim = dimension("take_along_dim", input, dim)
    if input.ndim != indices.ndim:
        raise RuntimeError(
            "take_along_dim: input and indices should have the same number of dimensions, got "
            f"{tuple(input.shape)} and {tuple(indices.shape)}"
        )
    ours, theirs = list(input.shape), list(indices.shape)
    ours[dim] = theirs[dim] = 1
    common = list(broadcast_shape("take_along_dim", tuple(ours), tuple(theirs)))
    common[dim] = input.shape[dim]
    input = expand(input, tuple(common))
    common[dim] = indices.shape[dim]
    return gather(input, dim, expand(indices, tuple(common)))


def _put_flat(name, input, index, source, accumulate, in_place):
    if is_tensor(source) and source.dtype is not input.dtype:
        raise RuntimeError(f"{name}: source must have the type of input, {input.dtype}")
    if math.prod(index.shape) != math.prod(source.shape):
        raise ShapeError(
            f"{name}: index and source must have as many elements, got {tuple(index.shape)} and "
            f"{tuple(source.shape)}"
        )
    array = _array(index).ravel()
    size = math.prod(input.shape)
    _check_range(f"{name}: ", (size,), (0,), (array,))
    indices = np.unravel_index(np.where(array < 0, array + size, array), tuple(input.shape) or (1,))
    source = reshape(source, (-1,)) if array.size else reshape(source, (0,))
    if not input.ndim:
        raise RuntimeError(f"{name}: needs an input of at least one dimension")
    dims = tuple(range(input.ndim))
    return _put(name, input, dims, list(indices), source, accumulate, in_place)


def put(input, index, source, accumulate=False):
    """Return a copy with elements replaced (or added to) at indices into `input` taken as flat.

    Parameters
    ----------
    input : Tensor
    index : Tensor
        Of integers.
    source : Tensor
        As many elements as `index`, of the type of `input`.
    accumulate : bool
        Add, instead of replacing.

    Returns
    -------
    Tensor
    """
    return _put_flat("put", input, index, source, accumulate, False)


def put_(input, index, source, accumulate=False):
    """Replace (or add to) elements at indices into `input` taken as flat, in place; see `put`."""
    return _put_flat("put_", input, index, source, accumulate, True)


# ---- finding


class NonZero(Op):
    """Indices of the elements that are not zero."""

    differentiable = False

    def forward(self, input):
        return np.argwhere(input) if input.ndim else np.zeros((_int(input != 0), 0), np.int64)


def nonzero(input, *, as_tuple=False):
    """Return the indices of the elements that are not zero.

    Parameters
    ----------
    input : Tensor
    as_tuple : bool
        Return one Tensor per dimension, fit for indexing.

    Returns
    -------
    Tensor or tuple of Tensor
        (count, ndim), int64; or `ndim` times (count,).
    """
    require_tensor("nonzero", input)
    if not as_tuple:
        return NonZero()(input)
    if not input.ndim:
        input = reshape(input, (1,))
    found = NonZero()(input)
    return tuple(found[:, i] for i in range(input.ndim))


def argwhere(input):
    """Return the indices of the elements that are not zero, one row each; see `nonzero`."""
    return nonzero(input)


class SearchSorted(Op):
    """Where elements would be inserted."""

    differentiable = False

    def __init__(self, right, dtype):
        self.right, self.dtype = right, dtype

    def forward(self, sequence, values):
        side = "right" if self.right else "left"
        if sequence.ndim == 1:
            return np.searchsorted(sequence, values, side).astype(self.dtype)
        rows = sequence.reshape(-1, sequence.shape[-1])
        wanted = values.reshape(len(rows), -1)
        found = [np.searchsorted(a, v, side) for a, v in zip(rows, wanted, strict=True)]
        return np.array(found, self.dtype).reshape(values.shape)


def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None, sorter=None):
    """Return where elements would have to be inserted to keep a sequence sorted.

    Parameters
    ----------
    sorted_sequence : Tensor
        Sorted along its last dimension; 1-d, or the leading dimensions of `input`.
    input : Tensor or number
    out_int32 : bool
        Return int32 instead of int64.
    right : bool
        Insert after equal elements.
    side : str, optional
        ``"left"`` or ``"right"``, another way to say it.
    sorter : Tensor, optional
        Indices that sort an unsorted sequence.

    Returns
    -------
    Tensor
        The shape of `input`.
    """
    name = "searchsorted"
    if side not in (None, "left", "right"):
        raise RuntimeError(f"{name}: side can only be 'left' or 'right' but got {side!r}")
    if side == "left" and right:
        raise RuntimeError(f"{name}: side and right can't be set to opposites")
    require_tensor(name, sorted_sequence, "sorted_sequence")
    if not is_tensor(input):
        kind = result_type(name, input)
        input = _like(np.asarray(input, kind.numpy), sorted_sequence)
    if sorter is not None:
        sorted_sequence = gather(sorted_sequence, -1, sorter)
    if sorted_sequence.ndim != 1 and sorted_sequence.shape[:-1] != input.shape[:-1]:
        raise ShapeError(
            f"{name}: sorted_sequence should be 1 dimension or the first N-1 dimensions of both "
            f"must match, got {tuple(sorted_sequence.shape)} and {tuple(input.shape)}"
        )
    dtype = np.int32 if out_int32 else np.int64
    return SearchSorted(right or side == "right", dtype)(sorted_sequence, input)


def bucketize(input, boundaries, *, out_int32=False, right=False):
    """Return which of the intervals between `boundaries` each element is in; see `searchsorted`.

    Parameters
    ----------
    boundaries : Tensor
        (n,), rising.
    """
    if boundaries.ndim != 1:
        raise ShapeError(
            f"bucketize: boundaries must be 1 dimension, got {tuple(boundaries.shape)}"
        )
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


# ---- sorting


class SortResult(NamedTuple):
    """Sorted elements, and where they came from."""

    values: object
    indices: object


class Sort(Op):
    """Some or all elements along a dimension, in order, and where they came from."""

    formula = "dx = g at where each element came from, 0 elsewhere"

    def __init__(self, dim, count, descending, ordered=True):
        self.dim, self.count, self.descending, self.ordered = dim, count, descending, ordered

    def forward(self, input):
        self.source = input.shape
        if not input.ndim:
            self.constants = np.zeros((), np.int64)
            return input.copy(), self.constants
        index = _order(input, self.dim, self.count, self.descending)
        self.constants = index
        return np.take_along_axis(input, index, self.dim), index

    def backward(self, grad, *rest):
        if not self.source:
            return grad
        return GatherBackward(self.source, self.dim)(grad, _like(self.constants, grad))


def _order(array, dim, count, descending):
    """Return the indices of the first `count` elements in order; NaN counts as the largest."""
    size = array.shape[dim]
    if 0 < 8 * count < size and size > 256:
        kth = size - count if descending else count - 1
        part = np.argpartition(array, kth, dim)
        part = np.take(part, range(size - count, size) if descending else range(count), dim)
        part = np.sort(part, dim)  # equal elements in their order
        chosen = np.take_along_axis(array, part, dim)
        return np.take_along_axis(part, _order(chosen, dim, count, descending), dim)
    if descending:  # backwards twice, so that equal elements keep their order
        index = size - 1 - np.flip(np.argsort(np.flip(array, dim), dim, kind="stable"), dim)
    else:
        index = np.argsort(array, dim, kind="stable")
    if count < size:
        index = np.take(index, range(count), dim)
    return np.ascontiguousarray(index)


def sort(input, dim=-1, descending=False, stable=False):
    """Sort along a dimension.

    Parameters
    ----------
    input : Tensor
        NaN counts as larger than everything.
    dim : int
    descending : bool
    stable : bool
        Accepted for compatibility: equal elements always keep their order.

    Returns
    -------
    (values, indices)
        A named tuple; ``input.gather(dim, indices)`` equals `values`.
    """
    require_tensor("sort", input)
    dim = dimension("sort", input, dim)
    return SortResult(*Sort(dim, input.shape[dim] if input.ndim else 1, _bool(descending))(input))


def argsort(input, dim=-1, descending=False, stable=False):
    """Return the indices that sort a tensor along a dimension; see `sort`."""
    return sort(input, dim, descending, stable).indices


def msort(input):
    """Sort along dimension 0; see `sort`."""
    return sort(input, 0).values


def topk(input, k, dim=-1, largest=True, sorted=True):
    """Return the `k` largest (or smallest) elements along a dimension, in order.

    Parameters
    ----------
    input : Tensor
    k : int
    dim : int
    largest : bool
    sorted : bool
        Accepted for compatibility: they are always in order.

    Returns
    -------
    (values, indices)
        A named tuple. Of equal elements the first come first.
    """
    require_tensor("topk", input)
    dim = dimension("topk", input, dim)
    size = input.shape[dim] if input.ndim else 1
    if not 0 <= k <= size:
        raise RuntimeError(
            f"topk: selected index k out of range: k={k}, dimension {dim} of input "
            f"{tuple(input.shape)} has size {size}"
        )
    return SortResult(*Sort(dim, operator.index(k), _bool(largest))(input))


def kthvalue(input, k, dim=-1, keepdim=False):
    """Return the `k`-th smallest element along a dimension, and where it is.

    Parameters
    ----------
    input : Tensor
    k : int
        From 1.
    dim : int
    keepdim : bool
        Keep the dimension, with size 1.

    Returns
    -------
    (values, indices)
        A named tuple.
    """
    require_tensor("kthvalue", input)
    dim = dimension("kthvalue", input, dim)
    size = input.shape[dim] if input.ndim else 1
    if not 1 <= k <= size:
        raise RuntimeError(
            f"kthvalue: selected number k out of range for dimension {dim}: k={k}, size {size}"
        )
    values, indices = Sort(dim, k, False)(input)
    if input.ndim:
        last = (*[slice(None)] * dim, slice(k - 1, k) if keepdim else k - 1)
        values, indices = values[last], indices[last]
    return SortResult(values, indices)


# ---- counting


class Unique(Op):
    """The different elements, sorted."""

    differentiable = False

    def __init__(self, dim, consecutive):
        self.dim, self.consecutive = dim, consecutive

    def forward(self, input):
        if self.consecutive:
            return _runs(input, self.dim)
        values, inverse, counts = np.unique(
            input, return_inverse=True, return_counts=True, axis=self.dim, equal_nan=False
        )
        shape = input.shape if self.dim is None else -1
        return values, inverse.reshape(shape), counts


def _runs(input, dim):
    rows = input.reshape(-1) if dim is None else np.moveaxis(input, dim, 0)
    differs = (rows[1:] != rows[:-1]).reshape(_max(len(rows) - 1, 0), -1).any(1)
    starts = np.concatenate(([True], differs))[: len(rows)]
    inverse = np.cumsum(starts) - 1
    values = rows[starts]
    counts = np.bincount(inverse, minlength=0)
    if dim is None:
        return values, inverse.reshape(input.shape), counts
    return np.ascontiguousarray(np.moveaxis(values, 0, dim)), inverse, counts


def _unique(name, input, dim, consecutive, return_inverse, return_counts):
    require_tensor(name, input)
    if dim is not None:
        dim = dimension(name, input, dim)
    values, inverse, counts = Unique(dim, consecutive)(input)
    wanted = (values, *[inverse] * _bool(return_inverse), *[counts] * _bool(return_counts))
    return wanted if len(wanted) > 1 else values


def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """Return the different elements, sorted.

    Parameters
    ----------
    input : Tensor
    sorted : bool
        Accepted for compatibility: the result is always sorted.
    return_inverse : bool
        Also return, for each element, where in the result it is.
    return_counts : bool
        Also return how often each occurs.
    dim : int, optional
        Compare the parts along this dimension. Default: single elements.

    Returns
    -------
    Tensor or tuple of Tensor
        values, inverse if wanted, counts if wanted.
    """
    return _unique("unique", input, dim, False, return_inverse, return_counts)


def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """Drop all but the first of equal elements that follow each other; see `unique`."""
    return _unique("unique_consecutive", input, dim, True, return_inverse, return_counts)


class BinCount(Op):
    """How often each number occurs."""

    differentiable = False

    def __init__(self, minlength):
        self.minlength = minlength

    def forward(self, input, weights=None):
        counts = np.bincount(input, weights, self.minlength)
        if weights is not None and weights.dtype == np.float32:
            counts = counts.astype(np.float32)
        return counts


def bincount(input, weights=None, minlength=0):
    """Count how often each non-negative integer occurs.

    Parameters
    ----------
    input : Tensor
        1-d, integers that are not negative.
    weights : Tensor, optional
        What each element counts, instead of 1.
    minlength : int
        At least so many counts are returned.

    Returns
    -------
    Tensor
        int64, or floating-point with weights.
    """
    require_tensor("bincount", input)
    array = _array(input)
    if array.dtype.kind == "f":
        raise NotImplementedError(f"bincount: not implemented for {input.dtype}")
    if array.ndim != 1 or array.dtype.kind not in "iu" or (array.size and array.min() < 0):
        raise RuntimeError("bincount: only supports 1-d non-negative integral inputs.")
    if minlength < 0:
        raise RuntimeError(f"bincount: minlength should be >= 0, got {minlength}")
    if weights is None:
        return BinCount(minlength)(input)
    if weights.shape != input.shape:
        raise ShapeError(
            f"bincount: weights should be 1-d and have the same length as input, got "
            f"{tuple(weights.shape)} and {tuple(input.shape)}"
        )
    return BinCount(minlength)(input, weights)


class Histc(Op):
    """How many elements are in each of some equal intervals."""

    differentiable = False

    def __init__(self, bins, low, high):
        self.bins, self.low, self.high = bins, low, high

    def forward(self, input):
        values = input.ravel().astype(np.float64)
        values = values[(values >= self.low) & (values <= self.high)]
        position = ((values - self.low) / (self.high - self.low) * self.bins).astype(np.int64)
        counts = np.bincount(np.minimum(position, self.bins - 1), minlength=self.bins)
        return counts.astype(input.dtype)


def histc(input, bins=100, min=0, max=0):
    """Count the elements in equal intervals from `min` to `max`.

    Parameters
    ----------
    input : Tensor
        Floating-point.
    bins : int
        How many intervals.
    min, max : number
        Both included; elements outside are not counted. If equal, those of the data are taken.

    Returns
    -------
    Tensor
        (bins,), of the type of `input`.
    """
    require_tensor("histc", input)
    if bins <= 0:
        raise RuntimeError(f"histc: bins must be > 0, got {bins}")
    if not input.dtype.is_floating_point:
        raise NotImplementedError(f"histc: not implemented for {input.dtype}")
    low, high = float(min), float(max)
    array = _array(input)
    if low == high and array.size:
        low, high = float(array.min()), float(array.max())
    if low == high:
        low, high = low - 1, high + 1
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"histc: range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError("histc: max must be larger than min")
    return Histc(bins, low, high)(input)


class OneHot(Op):
    """For each class number a vector of zeros with a one at that place."""

    differentiable = False

    def __init__(self, classes):
        self.classes = classes

    def forward(self, input):
        result = zeros((*input.shape, self.classes), np.int64)
        np.put_along_axis(result, input[..., None], 1, -1)
        return result


def one_hot(tensor, num_classes=-1):
    """Turn class numbers into vectors of zeros with a one at the place of the class.

    Parameters
    ----------
    tensor : Tensor
        int64, from 0 to ``num_classes - 1``.
    num_classes : int
        -1: one more than the largest.

    Returns
    -------
    Tensor
        int64, one more dimension than `tensor`.
    """
    require_tensor("one_hot", tensor, "tensor")
    array = _array(tensor)
    if array.dtype != np.int64:
        raise RuntimeError(
            f"one_hot: is only applicable to index tensor of type LongTensor, got {tensor.dtype}"
        )
    if array.size and array.min() < 0:
        raise RuntimeError("one_hot: Class values must be non-negative.")
    if num_classes == -1:
        if not array.size:
            raise RuntimeError("one_hot: Can not infer total number of classes from empty tensor.")
        num_classes = _int(array.max()) + 1
    elif array.size and array.max() >= num_classes:
        raise RuntimeError("one_hot: Class values must be smaller than num_classes.")
    return OneHot(num_classes)(tensor)
