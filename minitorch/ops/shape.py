"""Operations that move or view elements and compute nothing."""

from __future__ import annotations

import copy
import math
import operator
from builtins import all as _all
from builtins import sum as _sum

import numpy as np

from .. import dtypes, kernels, memory
from ..autograd import views
from ..autograd.op import Op
from ..errors import ShapeError
from .common import broadcast_shape, cast, convert, dimension, dimensions, is_tensor, result_type
from .common import dimension as _dimension

__all__ = [
    "adjoint",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "broadcast_tensors",
    "broadcast_to",
    "cat",
    "chunk",
    "clone",
    "column_stack",
    "concat",
    "concatenate",
    "contiguous",
    "copy_",
    "diag",
    "diag_embed",
    "diagonal",
    "dsplit",
    "dstack",
    "expand",
    "expand_as",
    "flatten",
    "flip",
    "fliplr",
    "flipud",
    "hsplit",
    "hstack",
    "meshgrid",
    "moveaxis",
    "movedim",
    "narrow",
    "permute",
    "ravel",
    "repeat",
    "repeat_interleave",
    "reshape",
    "reshape_as",
    "roll",
    "rot90",
    "row_stack",
    "select",
    "split",
    "split_with_sizes",
    "squeeze",
    "squeeze_",
    "stack",
    "swapaxes",
    "swapdims",
    "t",
    "t_",
    "tensor_split",
    "tile",
    "transpose",
    "transpose_",
    "tril",
    "tril_",
    "triu",
    "triu_",
    "unbind",
    "unflatten",
    "unfold",
    "unsqueeze",
    "unsqueeze_",
    "view",
    "view_as",
    "vsplit",
    "vstack",
]


def require_tensor(name, x, what="input"):
    """Raise TypeError unless `x` is a Tensor (or an array, inside a first-order backward)."""
    if not is_tensor(x) and not isinstance(x, np.ndarray):
        raise TypeError(f"{name}: {what} must be a Tensor, got {type(x).__name__}")


def zeros(shape, dtype):
    """Return an array of zeros."""
    result = memory.empty(shape, dtype)
    result.fill(0)
    return result


def _unpacked(args):
    """Return ``f(2, 3)`` and ``f((2, 3))`` both as (2, 3)."""
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        return tuple(args[0])
    return args


def _sizes(name, args):
    """Return sizes given one by one or as one sequence as a tuple of ints."""
    try:
        return tuple(map(operator.index, _unpacked(args)))
    except TypeError:
        raise TypeError(f"{name}: sizes must be ints, got {_unpacked(args)}") from None


def _numel(x):
    return x.size if isinstance(x, np.ndarray) else x.numel()


# ---- copies


class Clone(Op):
    """A copy."""

    formula = "dx = g"

    def forward(self, input):
        return kernels.copy(input)

    def backward(self, grad, needs):
        return grad


class Copy(Op):
    """Overwrite the first input with the second."""

    formula = "dx = 0, dy = g"
    broadcasts = True

    def forward(self, input, source):
        np.copyto(self.out, source)
        return self.out

    def backward(self, grad, needs):
        return zeros_for(grad, tuple(grad.shape)) if needs[0] else None, grad


def clone(input, *, memory_format=None):
    """Return a copy of a tensor, which gradients flow through.

    Parameters
    ----------
    input : Tensor
    memory_format : optional
        Accepted for compatibility; the copy is contiguous.

    Returns
    -------
    Tensor
    """
    return Clone()(input)


def contiguous(input, memory_format=None):
    """Return the tensor itself if its elements lie in memory in order, else a copy where they do.

    Parameters
    ----------
    input : Tensor
    memory_format : optional
        Accepted for compatibility; the result is contiguous in the order of the dimensions.

    Returns
    -------
    Tensor
    """
    array = input._array if is_tensor(input) else input
    return input if array.flags.c_contiguous else clone(input)


def copy_(input, src, non_blocking=False):
    """Overwrite `input` with `src`, broadcast and cast to it; gradients flow to `src`.

    Parameters
    ----------
    input : Tensor
        What is written.
    src : Tensor or number
    non_blocking : bool
        Accepted for compatibility.

    Returns
    -------
    Tensor
        `input`.
    """
    if not is_tensor(input):  # arrays, inside a first-order backward
        np.copyto(input, src)
        return input
    shape = tuple(getattr(src, "shape", ()))
    if broadcast_shape("copy_", input.shape, shape) != input.shape:
        raise ShapeError(f"copy_: src {shape} does not broadcast to input {tuple(input.shape)}")
    return Copy().inplace(input, convert(src, input.dtype))


# ---- the same elements in another shape


class View(Op):
    """The same elements in memory order, in another shape."""

    formula = "dx = g, in the shape of x"
    is_view = True

    def __init__(self, shape):
        self.shape = shape

    def forward(self, input):
        self.source = input.shape
        return input.reshape(self.shape, copy=False)

    def backward(self, grad, needs):
        return reshape(grad, self.source)


class Squeeze(View):
    """The same elements without dimensions of size 1."""


class Unsqueeze(View):
    """The same elements with one more dimension of size 1."""


class Expand(Op):
    """A view in which dimensions of size 1 are repeated."""

    formula = "dx = sum of g over the repeated dimensions"
    is_view = True
    broadcasts = True

    def __init__(self, shape):
        self.shape = shape

    def forward(self, input):
        if input.size == math.prod(self.shape):  # nothing is repeated: it may be written to
            return input.reshape(self.shape, copy=False)
        return np.broadcast_to(input, self.shape)

    def backward(self, grad, needs):
        return grad


def _inferred(name, input, shape):
    """Replace the -1 in a shape by what is left of the elements."""
    shape = _sizes(name, shape)
    size = input.size if type(input) is np.ndarray else input._array.size
    product = math.prod(shape)
    if product == size and (not shape or min(shape) >= 0):
        return shape
    if min(shape, default=0) < -1:
        raise ShapeError(f"{name}: invalid shape dimension {min(shape)} in {shape}")
    unknown = shape.count(-1)
    if unknown > 1:
        raise ShapeError(f"{name}: only one dimension can be inferred, got {shape}")
    if unknown and product == 0:
        raise ShapeError(f"{name}: the -1 in {shape} is ambiguous, {size} elements to divide")
    if unknown and size % -product == 0:
        rest = size // -product
        return tuple([rest if n == -1 else n for n in shape])
    raise ShapeError(
        f"{name}: shape {shape} is invalid for input of size {size}: input {tuple(input.shape)}"
        f"{_what_fits(shape, tuple(input.shape), size)}"
    )


def _what_fits(shape, source, size):
    """Return the end of a message: why a shape does not hold the elements, and one that does."""
    product = abs(math.prod(shape))
    if -1 in shape:
        text = f"; {size} / {product} = {size / product:.4g} is no integer"
    else:
        text = f"; {' * '.join(map(str, shape)) or 1} = {product}"
    if len(shape) < 2 or not size or not source or not source[0]:
        return text
    rest = shape[1:]
    per_item = size // source[0]
    if len(shape) == 2:
        return f"{text}; {(shape[0] if shape[0] == source[0] else -1, per_item)} fits"
    known = math.prod(n for n in rest if n != -1)
    fits = f"{per_item} elements per item, {' * '.join(map(str, rest))} has {known}"
    return f"{text}; {fits}" if -1 not in rest else text


def _can_view(array, shape):
    if array.flags.c_contiguous:
        return True
    try:
        array.reshape(shape, copy=False)
    except ValueError:
        return False
    return True


def view(input, *shape, size=None):
    """Return the same memory in another shape, or as another type of the same size.

    Parameters
    ----------
    input : Tensor
    *shape : int or sequence of int, or one dtype
        One size may be -1: it is what is left.
    size : sequence of int, optional
        The same by name.

    Returns
    -------
    Tensor

    Raises
    ------
    ShapeError
        If the number of elements differs, or the elements do not lie in memory such that the shape
        can be had without a copy.
    """
    if size is not None:
        shape = (size,)
    if len(shape) == 1 and isinstance(shape[0], dtypes.dtype):
        return ViewAs(shape[0])(input)
    shape = _inferred("view", input, shape)
    array = input._array if is_tensor(input) else input
    if not _can_view(array, shape):
        raise ShapeError(
            f"view: view size is not compatible with input tensor's size and stride (at least one "
            f"dimension spans across two contiguous subspaces). Use .reshape(...) instead: input "
            f"{tuple(input.shape)}, shape {shape}"
        )
    return View(shape)(input)


class ViewAs(Op):
    """The same memory, read as another type."""

    is_view = True
    differentiable = False

    def __init__(self, dtype):
        self.dtype = dtype

    def forward(self, input):
        try:
            return input.view(self.dtype.numpy)
        except ValueError as error:
            raise ShapeError(f"view: cannot view {input.dtype} as {self.dtype}: {error}") from None


def reshape(input, *sizes, shape=None):
    """Return the same elements in another shape: a view if possible, else a copy.

    Parameters
    ----------
    input : Tensor
    *sizes : int or sequence of int
        One size may be -1: it is what is left.
    shape : sequence of int, optional
        The same by name.

    Returns
    -------
    Tensor
    """
    if shape is not None:
        sizes = (shape,)
    if type(input) is np.ndarray and len(sizes) == 1 and type(sizes[0]) is tuple:
        return input.reshape(sizes[0])  # inside a first-order backward
    shape = _inferred("reshape", input, sizes)
    if not _can_view(input._array if is_tensor(input) else input, shape):
        input = clone(input)
    return View(shape)(input)


def view_as(input, other):
    """Return `input` viewed in the shape of a tensor `other`; see `view`.

    Parameters
    ----------
    other : Tensor
    """
    return view(input, other.shape)


def reshape_as(input, other):
    """Return `input` in the shape of a tensor `other`; see `reshape`.

    Parameters
    ----------
    other : Tensor
    """
    return reshape(input, other.shape)


def flatten(input, start_dim=0, end_dim=-1):
    """Merge dimensions `start_dim` to `end_dim` (both included) into one.

    Parameters
    ----------
    input : Tensor
        0-d becomes 1-d.
    start_dim, end_dim : int

    Returns
    -------
    Tensor
        A view if possible; the tensor itself if there is nothing to merge.
    """
    require_tensor("flatten", input)
    start, end = dimension("flatten", input, start_dim), dimension("flatten", input, end_dim)
    if start > end:
        raise RuntimeError(
            f"flatten: start_dim cannot come after end_dim, got {start_dim} and {end_dim}: input "
            f"{tuple(input.shape)}"
        )
    shape = input.shape
    if not shape:
        return reshape(input, (1,))
    if start == end:
        return input
    merged = math.prod(shape[start : end + 1])
    return reshape(input, (*shape[:start], merged, *shape[end + 1 :]))


def ravel(input):
    """Return all elements in one dimension; see `flatten`."""
    return reshape(input, (-1,)) if _numel(input) else reshape(input, (0,))


def unflatten(input, dim, sizes):
    """Split dimension `dim` into several.

    Parameters
    ----------
    input : Tensor
    dim : int
    sizes : sequence of int
        Their product is the size of `dim`; one may be -1.

    Returns
    -------
    Tensor
    """
    dim = dimension("unflatten", input, dim)
    sizes = _sizes("unflatten", (sizes,) if isinstance(sizes, (tuple, list)) else sizes)
    if not sizes:
        raise ShapeError("unflatten: sizes must not be empty")
    size = input.shape[dim]
    known = math.prod(n for n in sizes if n != -1)
    if sizes.count(-1) == 1 and known:
        sizes = tuple(size // known if n == -1 else n for n in sizes)
    if math.prod(sizes) != size or min(sizes) < 0:
        raise ShapeError(
            f"unflatten: provided sizes {sizes} don't multiply up to the size of dim {dim} ({size})"
            f" in the input tensor {tuple(input.shape)}"
        )
    return view(input, (*input.shape[:dim], *sizes, *input.shape[dim + 1 :]))


def squeeze(input, dim=None):
    """Remove dimensions of size 1.

    Parameters
    ----------
    input : Tensor
    dim : int or tuple of int, optional
        Which; those of another size stay. Default: all.

    Returns
    -------
    Tensor
        A view.
    """
    dims = dimensions("squeeze", input, dim)
    shape = tuple(n for i, n in enumerate(input.shape) if n != 1 or i not in dims)
    return Squeeze(shape)(input)


def unsqueeze(input, dim):
    """Insert a dimension of size 1 before dimension `dim`.

    Parameters
    ----------
    input : Tensor
    dim : int
        ``-1`` inserts it at the end.

    Returns
    -------
    Tensor
        A view.
    """
    ndim = input.ndim + 1
    if not isinstance(dim, (int, np.integer)):
        raise TypeError(f"unsqueeze: dim must be an int, got {type(dim).__name__}")
    if not -ndim <= dim < ndim:
        raise IndexError(
            f"unsqueeze: Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], "
            f"but got {dim}): input {tuple(input.shape)}"
        )
    dim %= ndim
    return Unsqueeze((*input.shape[:dim], 1, *input.shape[dim:]))(input)


def squeeze_(input, dim=None):
    """Remove dimensions of size 1 from `input` itself; see `squeeze`."""
    return views.become(input, squeeze(input, dim))


def unsqueeze_(input, dim):
    """Insert a dimension of size 1 into `input` itself; see `unsqueeze`."""
    return views.become(input, unsqueeze(input, dim))


def expand(input, *sizes, size=None):
    """Return a view in which dimensions of size 1 are repeated.

    Parameters
    ----------
    input : Tensor
    *sizes : int or sequence of int
        -1 keeps a size. New dimensions may be added in front.
    size : sequence of int, optional
        The same by name.

    Returns
    -------
    Tensor
        Its elements share places in memory: it cannot be written in place.
    """
    if size is not None:
        sizes = (size,)
    sizes = _sizes("expand", sizes)
    extra = len(sizes) - input.ndim
    shape = tuple(
        [input.shape[i - extra] if n == -1 and i >= extra else n for i, n in enumerate(sizes)]
    )
    fits = extra >= 0 and _all(
        n == have or (have == 1 and n >= 0)
        for have, n in zip(input.shape, shape[extra:], strict=True)
    )
    if not fits or (shape and min(shape) < 0):
        raise ShapeError(
            f"expand: input {tuple(input.shape)} cannot be expanded to {sizes}: sizes must match "
            "or be 1 in input"
        )
    return Expand(shape)(input)


def expand_as(input, other):
    """Expand `input` to the shape of a tensor `other`; see `expand`.

    Parameters
    ----------
    other : Tensor
    """
    return expand(input, other.shape)


def broadcast_to(input, size):
    """Expand `input` to `size`; see `expand`."""
    return expand(input, size)


def broadcast_tensors(*tensors):
    """Expand tensors to the shape they broadcast to.

    Parameters
    ----------
    *tensors : Tensor

    Returns
    -------
    tuple of Tensor
        Views.
    """
    tensors = _unpacked(tensors)
    shape = broadcast_shape("broadcast_tensors", *[x.shape for x in tensors])
    return tuple(expand(x, shape) for x in tensors)


# ---- order of dimensions


class Permute(Op):
    """The dimensions in another order."""

    formula = "dx = g, with the dimensions in their old order"
    is_view = True

    def __init__(self, dims):
        self.dims = dims

    def forward(self, input):
        return input.transpose(self.dims)

    def backward(self, grad, needs):
        back = [0] * len(self.dims)
        for i, dim in enumerate(self.dims):
            back[dim] = i
        return permute(grad, tuple(back))


class Transpose(Op):
    """Two dimensions exchanged."""

    formula = "dx = g, with the dimensions exchanged"
    is_view = True

    def __init__(self, dim0, dim1):
        self.dim0, self.dim1 = dim0, dim1

    def forward(self, input):
        return input.swapaxes(self.dim0, self.dim1) if input.ndim else input[...]

    def backward(self, grad, needs):
        return transpose(grad, self.dim0, self.dim1)


class T(Transpose):
    """A matrix transposed."""


def permute(input, *order, dims=None):
    """Put dimensions in another order.

    Parameters
    ----------
    input : Tensor
    *order : int or sequence of int
        For each dimension of the result its number in `input`.
    dims : sequence of int, optional
        The same by name.

    Returns
    -------
    Tensor
        A view.
    """
    if dims is not None:
        order = (dims,)
    given = _unpacked(order)
    if len(given) != input.ndim:
        raise ShapeError(
            f"permute: number of dimensions in the tensor input does not match the length of the "
            f"desired ordering of dimensions: input {tuple(input.shape)}, dims {given}"
        )
    dims = tuple([dimension("permute", input, d) for d in given])
    if len(set(dims)) != len(dims):
        raise RuntimeError(f"permute: duplicate dims are not allowed: {given}")
    return Permute(dims)(input)


def transpose(input, dim0, dim1):
    """Exchange two dimensions.

    Parameters
    ----------
    input : Tensor
    dim0, dim1 : int

    Returns
    -------
    Tensor
        A view.
    """
    array = input._array if is_tensor(input) else input
    dim0, dim1 = dimension("transpose", array, dim0), dimension("transpose", array, dim1)
    return Transpose(dim0, dim1)(input)


def transpose_(input, dim0, dim1):
    """Exchange two dimensions of `input` itself; see `transpose`."""
    return views.become(input, transpose(input, dim0, dim1))


def swapaxes(input, axis0, axis1):
    """Exchange two dimensions; see `transpose`.

    Parameters
    ----------
    axis0, axis1 : int
    """
    return transpose(input, axis0, axis1)


def swapdims(input, dim0, dim1):
    """Exchange two dimensions; see `transpose`."""
    return transpose(input, dim0, dim1)


def t(input):
    """Transpose a matrix; a tensor of fewer than two dimensions stays as it is.

    Parameters
    ----------
    input : Tensor
        Of at most two dimensions.

    Returns
    -------
    Tensor
        A view.
    """
    if input.ndim > 2:
        raise RuntimeError(
            f"t: expects a tensor with <= 2 dimensions, but self is {input.ndim}D: "
            f"input {tuple(input.shape)}"
        )
    return T(0, input.ndim - 1)(input) if input.ndim else Transpose(0, 0)(input)


def t_(input):
    """Transpose the matrix `input` itself; see `t`."""
    return views.become(input, t(input))


def adjoint(input):
    """Exchange the last two dimensions (of real matrices the adjoint is the transpose).

    Parameters
    ----------
    input : Tensor
        Of at least two dimensions.

    Returns
    -------
    Tensor
        A view.
    """
    if input.ndim < 2:
        raise RuntimeError(
            "adjoint: tensor.mT is only supported on matrices or batches of matrices, got a "
            f"{input.ndim}-D tensor"
        )
    return transpose(input, -2, -1)


def movedim(input, source, destination):
    """Move dimensions to other places; the others keep their order.

    Parameters
    ----------
    input : Tensor
    source, destination : int or sequence of int
        Where they are and where they go.

    Returns
    -------
    Tensor
        A view.
    """
    source = (source,) if isinstance(source, int) else tuple(source)
    destination = (destination,) if isinstance(destination, int) else tuple(destination)
    if len(source) != len(destination):
        raise RuntimeError(
            f"movedim: source {source} and destination {destination} must have the same number of "
            "elements"
        )
    from_ = [dimension("movedim", input, d) for d in source]
    to = [dimension("movedim", input, d) for d in destination]
    if len(set(from_)) != len(from_) or len(set(to)) != len(to):
        raise RuntimeError(f"movedim: repeated dim in source {source} or destination {destination}")
    dims = [i for i in range(input.ndim) if i not in from_]
    for place, dim in sorted(zip(to, from_, strict=True)):
        dims.insert(place, dim)
    return permute(input, tuple(dims))


def moveaxis(input, source, destination):
    """Move dimensions to other places; see `movedim`."""
    return movedim(input, source, destination)


# ---- parts


class Place(Op):
    """Zeros, with a tensor in the place that a view operation shows."""

    formula = "dx = the view of g"

    def __init__(self, shape, view):
        self.shape, self.view = shape, view

    def forward(self, input):
        result = zeros(self.shape, input.dtype)
        self.view.forward(result)[...] = input
        return result

    def backward(self, grad, needs):
        return copy.copy(self.view)(grad)


def place(input, shape, view):
    """Return zeros of `shape` with `input` in the place that the operation `view` shows."""
    return Place(shape, view)(input)


class Slice(Op):
    """A part of a tensor: basic indexing."""

    formula = "dx = g in that part, 0 elsewhere"
    is_view = True

    def __init__(self, index):
        self.index = index  # of ints, slices, None and one Ellipsis: numpy then returns a view

    def forward(self, input):
        self.source = input.shape
        return input[self.index]

    def backward(self, grad, needs):
        return place(grad, self.source, type(self)(self.index))

    def name(self) -> str:
        last = [i for i in self.index if i != slice(None) and i is not Ellipsis]
        kind = last[-1] if last else 0
        return {slice: "Slice", type(None): "Unsqueeze"}.get(type(kind), "Select") + "Backward0"


class Diagonal(Op):
    """The diagonal of the matrices in two dimensions, as the last dimension."""

    formula = "dx = g on the diagonal, 0 elsewhere"
    is_view = True

    def __init__(self, offset, dim1, dim2):
        self.offset, self.dim1, self.dim2 = offset, dim1, dim2

    def forward(self, input):
        self.source = input.shape
        result = np.diagonal(input, self.offset, self.dim1, self.dim2)
        result.flags.writeable = input.flags.writeable
        return result

    def backward(self, grad, needs):
        return place(grad, self.source, Diagonal(self.offset, self.dim1, self.dim2))


def narrow(input, dim, start, length):
    """Return `length` elements of dimension `dim`, from `start` on.

    Parameters
    ----------
    input : Tensor
    dim, start, length : int

    Returns
    -------
    Tensor
        A view.
    """
    if not input.ndim:
        raise RuntimeError("narrow: cannot be applied to a 0-dim tensor")
    dim = dimension("narrow", input, dim)
    size, start, length = input.shape[dim], operator.index(start), operator.index(length)
    if not -size <= start <= size:
        raise IndexError(f"narrow: start {start} is out of range for dim {dim} of size {size}")
    start += size if start < 0 else 0
    if length < 0 or start + length > size:
        raise ShapeError(
            f"narrow: start ({start}) + length ({length}) exceeds dimension size ({size}): "
            f"input {tuple(input.shape)}, dim {dim}"
        )
    return Slice((*[slice(None)] * dim, slice(start, start + length), Ellipsis))(input)


def select(input, dim, index):
    """Return the part of `input` at one `index` of dimension `dim`, which disappears.

    Parameters
    ----------
    input : Tensor
    dim, index : int

    Returns
    -------
    Tensor
        A view.
    """
    if not input.ndim:
        raise IndexError("select: cannot be applied to a 0-dim tensor")
    dim = dimension("select", input, dim)
    index, size = operator.index(index), input.shape[dim]
    if not -size <= index < size:
        raise IndexError(
            f"select: index {index} is out of bounds for dimension {dim} with size {size}: input "
            f"{tuple(input.shape)}"
        )
    return Slice((*[slice(None)] * dim, index, Ellipsis))(input)


class Split(Op):
    """Parts of a tensor along one dimension."""

    formula = "dx = the gradients of the parts, put together again"
    is_view = True

    def __init__(self, dim, parts):
        self.dim, self.parts = dim, parts  # parts: all ints (unbind), or all slices
        self.outputs = len(parts)

    def forward(self, input):
        before = (slice(None),) * self.dim
        self.views = iter([Slice((*before, part, Ellipsis)) for part in self.parts])
        result = tuple([input[(*before, part, Ellipsis)] for part in self.parts])
        self.shapes = [array.shape for array in result]
        return result

    def _wrap(self, array, inputs):
        # What each part remembers, to be shown again after a write, is itself, not all parts.
        return views.wrap_view(next(self.views), array, inputs[0])

    def backward(self, *grads_and_needs):
        grads = list(grads_and_needs[:-1])
        like = next(grad for grad in grads if grad is not None)
        for i, shape in enumerate(self.shapes):
            if grads[i] is None:
                grads[i] = zeros_for(like, shape)
        join = cat if isinstance(self.parts[0], slice) else stack
        return join(grads, self.dim)

    def name(self) -> str:
        return "SplitBackward0" if isinstance(self.parts[0], slice) else "UnbindBackward0"


def zeros_for(like, shape):
    """Return zeros of `shape`: an array if `like` is one, else a Tensor."""
    result = np.zeros(shape, dtypes.of(like.dtype).numpy)
    return convert(result, dtypes.of(like.dtype)) if is_tensor(like) else result


def _split_at(input, dim, sizes):
    if not sizes:
        return ()
    ends = np.cumsum(sizes).tolist()
    parts = [slice(end - n, end) for n, end in zip(sizes, ends, strict=True)]
    return Split(dim, tuple(parts))(input)


def split(tensor, split_size_or_sections, dim=0):
    """Split a tensor along a dimension.

    Parameters
    ----------
    tensor : Tensor
    split_size_or_sections : int or sequence of int
        The size of each part (the last may be smaller), or all sizes.
    dim : int

    Returns
    -------
    tuple of Tensor
        Views.
    """
    require_tensor("split", tensor, "tensor")
    if not tensor.ndim:
        raise RuntimeError("split: expects at least a 1-dimensional tensor")
    dim = dimension("split", tensor, dim)
    size = tensor.shape[dim]
    if isinstance(split_size_or_sections, (tuple, list)):
        sizes = _sizes("split", (split_size_or_sections,))
        if _sum(sizes) != size or min(sizes, default=0) < 0:
            raise ShapeError(
                f"split: split_sizes {sizes} must be non-negative and sum exactly to {size}, the "
                f"size of dimension {dim} of input {tuple(tensor.shape)}"
            )
        return _split_at(tensor, dim, sizes)
    step = operator.index(split_size_or_sections)
    if step < 0 or (step == 0 and size):
        raise ShapeError(f"split: split_size must be positive, got {step}")
    sizes = [min(step, size - start) for start in range(0, size, step)] if size else [0]
    return _split_at(tensor, dim, sizes)


def split_with_sizes(input, split_sizes, dim=0):
    """Split a tensor into parts of given sizes; see `split`.

    Parameters
    ----------
    input : Tensor
    split_sizes : sequence of int
        Their sum is the size of dimension `dim`.

    Returns
    -------
    tuple of Tensor
        Views.
    """
    return split(input, list(split_sizes), dim)


def chunk(input, chunks, dim=0):
    """Split a tensor into at most `chunks` parts of equal size (the last may be smaller).

    Parameters
    ----------
    input : Tensor
    chunks, dim : int

    Returns
    -------
    tuple of Tensor
        Views.
    """
    require_tensor("chunk", input)
    if not input.ndim:
        raise RuntimeError("chunk: expects at least a 1-dimensional tensor")
    dim = dimension("chunk", input, dim)
    if chunks < 1:
        raise RuntimeError(f"chunk: expects `chunks` to be greater than 0, got: {chunks}")
    size = input.shape[dim]
    if not size:
        return _split_at(input, dim, [0] * chunks)
    return split(input, -(-size // chunks), dim)


def tensor_split(input, indices_or_sections, dim=0):
    """Split a tensor into parts of nearly equal size, or at given indices.

    Parameters
    ----------
    input : Tensor
    indices_or_sections : int, sequence of int or Tensor
        The number of parts, or where each but the first begins.
    dim : int

    Returns
    -------
    tuple of Tensor
        Views.
    """
    if not input.ndim:
        raise RuntimeError("tensor_split: expected at least a 1-dimensional tensor")
    dim = dimension("tensor_split", input, dim)
    size = input.shape[dim]
    if is_tensor(indices_or_sections):
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, (tuple, list)):
        places = [slice(None, i).indices(size)[1] for i in indices_or_sections]
        starts, ends = [0, *places], [*places, size]
        before = (slice(None),) * dim  # each by itself: parts in any order may overlap
        parts = [slice(a, max(a, b)) for a, b in zip(starts, ends, strict=True)]
        return tuple([Slice((*before, part, Ellipsis))(input) for part in parts])
    sections = operator.index(indices_or_sections)
    if sections < 1:
        raise RuntimeError(
            f"tensor_split: number of sections must be larger than 0, got {sections}"
        )
    return _split_at(
        input, dim, [size // sections + (i < size % sections) for i in range(sections)]
    )


def hsplit(input, indices_or_sections):
    """Split along the columns (dimension 1, or 0 of a vector); see `tensor_split`."""
    if input.ndim < 1:
        raise RuntimeError("hsplit: expected at least a 1-dimensional tensor")
    return _equal_split("hsplit", input, indices_or_sections, 0 if input.ndim == 1 else 1)


def vsplit(input, indices_or_sections):
    """Split along the rows (dimension 0); see `tensor_split`."""
    return _equal_split("vsplit", input, indices_or_sections, 0, 2)


def dsplit(input, indices_or_sections):
    """Split along the depth (dimension 2); see `tensor_split`."""
    return _equal_split("dsplit", input, indices_or_sections, 2, 3)


def _equal_split(name, input, indices_or_sections, dim, ndim=1):
    if input.ndim < ndim:
        raise RuntimeError(f"{name}: expected at least {ndim} dimensions, got {input.ndim}")
    if isinstance(indices_or_sections, int) and (
        indices_or_sections < 1 or input.shape[dim] % indices_or_sections
    ):
        raise RuntimeError(
            f"{name}: dimension {dim} of input {tuple(input.shape)} is not divisible by "
            f"{indices_or_sections}"
        )
    return tensor_split(input, indices_or_sections, dim)


def unbind(input, dim=0):
    """Return the parts of a tensor at each index of a dimension, which disappears.

    Parameters
    ----------
    input : Tensor
    dim : int

    Returns
    -------
    tuple of Tensor
        Views.
    """
    if not input.ndim:
        raise RuntimeError("unbind: dimension specified as 0 but tensor has no dimensions")
    dim = dimension("unbind", input, dim)
    size = input.shape[dim]
    return Split(dim, tuple(range(size)))(input) if size else ()


def diagonal(input, offset=0, dim1=0, dim2=1):
    """Return the diagonals of the matrices in two dimensions, as the last dimension.

    Parameters
    ----------
    input : Tensor
        At least 2-d.
    offset : int
        Which diagonal: above the main one if positive.
    dim1, dim2 : int

    Returns
    -------
    Tensor
        A view.
    """
    dim1, dim2 = dimension("diagonal", input, dim1), dimension("diagonal", input, dim2)
    if input.ndim < 2 or dim1 == dim2:
        raise RuntimeError(
            f"diagonal: diagonal dimensions cannot be identical, got {dim1} and {dim2}: input "
            f"{tuple(input.shape)}"
        )
    return Diagonal(int(offset), dim1, dim2)(input)


def diag_embed(input, offset=0, dim1=-2, dim2=-1):
    """Put the last dimension on the diagonal of new matrices of zeros.

    Parameters
    ----------
    input : Tensor
    offset : int
        Which diagonal: above the main one if positive.
    dim1, dim2 : int
        The dimensions of the matrices in the result.

    Returns
    -------
    Tensor
    """
    if not input.ndim:
        raise RuntimeError("diag_embed: expected at least a 1-dimensional tensor")
    ndim = input.ndim + 1
    bad = [d for d in (dim1, dim2) if not -ndim <= d < ndim]
    if bad:
        raise IndexError(
            f"diag_embed: Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}]"
            f", but got {bad[0]})"
        )
    dim1, dim2 = dim1 % ndim, dim2 % ndim
    if dim1 == dim2:
        raise RuntimeError(f"diag_embed: diagonal dimensions cannot be identical, got {dim1} twice")
    size = input.shape[-1] + abs(offset)
    shape = list(input.shape[:-1])
    for d in sorted((dim1, dim2)):
        shape.insert(d, size)
    return place(input, tuple(shape), Diagonal(offset, dim1, dim2))


def diag(input, diagonal=0):
    """Return a matrix with `input` on a diagonal, or that diagonal of a matrix (a copy).

    Parameters
    ----------
    input : Tensor
        1-d or 2-d.
    diagonal : int
        Which diagonal: above the main one if positive.

    Returns
    -------
    Tensor
    """
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim != 2:
        raise RuntimeError(f"diag: expected a 1-d or 2-d tensor, got input {tuple(input.shape)}")
    return clone(Diagonal(diagonal, 0, 1)(input))


class Unfold(Op):
    """A view of all windows of a size along a dimension, as a new last dimension."""

    formula = "dx = sum of g over the windows that show an element"
    is_view = True

    def __init__(self, dim, size, step):
        self.dim, self.size, self.step = dim, size, step

    def forward(self, input):
        self.source = input.shape
        if not input.ndim:
            return input.reshape(1, copy=False)[: self.size]
        windows = np.lib.stride_tricks.sliding_window_view(
            input, self.size, self.dim, writeable=input.flags.writeable and self.step >= self.size
        )
        return windows[(*[slice(None)] * self.dim, slice(None, None, self.step))]

    def backward(self, grad, needs):
        return Refold(self.dim, self.size, self.step, self.source)(grad)


class Refold(Op):
    """The sum of the windows `Unfold` shows, each at its place."""

    formula = "dx = the windows of g"

    def __init__(self, dim, size, step, shape):
        self.dim, self.size, self.step, self.shape = dim, size, step, shape

    def forward(self, input):
        result = zeros(self.shape, input.dtype)
        if not self.shape:
            result[...] = input.sum()
            return result
        along = np.moveaxis(result, self.dim, 0)
        windows = np.moveaxis(input, self.dim, 0)
        count = len(windows)
        for i in range(self.size):
            along[i : i + (count - 1) * self.step + 1 : self.step] += windows[..., i]
        return result

    def backward(self, grad, needs):
        return Unfold(self.dim, self.size, self.step)(grad)


def unfold(input, dimension, size, step):
    """Return all windows of `size` elements along a dimension, `step` apart, as a last dimension.

    Parameters
    ----------
    input : Tensor
    dimension : int
    size, step : int

    Returns
    -------
    Tensor
        A view. It can be written in place only if the windows do not overlap.
    """
    dim = _dimension("unfold", input, dimension)
    length = input.shape[dim] if input.ndim else 1
    if not 0 <= size <= length:
        raise ShapeError(
            f"unfold: maximum size for tensor at dimension {dim} is {length} but size is {size}"
        )
    if step < 1:
        raise ShapeError(f"unfold: step is {step} but must be > 0")
    return Unfold(dim, size, step)(input)


# ---- putting together


class Cat(Op):
    """Tensors one after the other along a dimension."""

    formula = "dx_i = part i of g"

    def __init__(self, dim):
        self.dim = dim

    def forward(self, *inputs):
        self.sizes = [x.shape[self.dim] for x in inputs]
        return kernels.concatenate(inputs, self.dim)

    def backward(self, grad, needs):
        results, start = [], 0
        for needed, n in zip(needs, self.sizes, strict=True):
            results.append(narrow(grad, self.dim, start, n) if needed else None)
            start += n
        return tuple(results)


class Stack(Op):
    """Tensors of one shape along a new dimension."""

    formula = "dx_i = g at index i"

    def __init__(self, dim):
        self.dim = dim

    def forward(self, *inputs):
        shape = inputs[0].shape
        shape = (*shape[: self.dim], len(inputs), *shape[self.dim :])
        return np.stack(inputs, self.dim, out=memory.empty(shape, inputs[0].dtype))

    def backward(self, grad, needs):
        return tuple(
            [select(grad, self.dim, i) if needed else None for i, needed in enumerate(needs)]
        )


def _sequence(name, tensors):
    """Check a sequence of tensors and bring them to one type."""
    if is_tensor(tensors) or not isinstance(tensors, (tuple, list)):
        raise TypeError(
            f"{name}: tensors must be a tuple or list of Tensors, got {type(tensors).__name__}"
        )
    if not tensors:
        raise ShapeError(f"{name}: expected a non-empty list of Tensors")
    if not is_tensor(tensors[0]) and isinstance(tensors[0], np.ndarray):
        return list(tensors)
    kinds = set()
    for i, x in enumerate(tensors):
        if not is_tensor(x):
            raise TypeError(f"{name}: tensors[{i}] must be a Tensor, got {type(x).__name__}")
        kinds.add(x._array.dtype)
    if len(kinds) == 1:
        return tensors
    kind = result_type(name, *tensors)
    return [x if x.dtype is kind else cast(x, kind) for x in tensors]


def cat(tensors, dim=0):
    """Put tensors one after the other along a dimension.

    Parameters
    ----------
    tensors : sequence of Tensor
        Of equal sizes in all other dimensions. 1-d tensors without elements are ignored.
    dim : int

    Returns
    -------
    Tensor
    """
    tensors = _sequence("cat", tensors)
    arrays = [x._array if is_tensor(x) else x for x in tensors]
    shapes = [x.shape for x in arrays]
    if (0,) in shapes:
        kept = [i for i, shape in enumerate(shapes) if shape != (0,)] or [0]
        tensors, shapes = [tensors[i] for i in kept], [shapes[i] for i in kept]
        arrays = [arrays[i] for i in kept]
    shape = shapes[0]
    if not shape:
        raise RuntimeError("cat: zero-dimensional tensor (at position 0) cannot be concatenated")
    dim = dimension("cat", arrays[0], dim)
    rest = shape[:dim] + shape[dim + 1 :]
    for i, other in enumerate(shapes):
        if other != shape and (len(other) != len(shape) or other[:dim] + other[dim + 1 :] != rest):
            raise ShapeError(
                f"cat: Sizes of tensors must match except in dimension {dim}: tensor 0 has shape "
                f"{shape}, tensor {i} {other}"
            )
    return Cat(dim)(*tensors)


def concat(tensors, dim=0):
    """Put tensors one after the other along a dimension; see `cat`."""
    return cat(tensors, dim)


def concatenate(tensors, dim=0):
    """Put tensors one after the other along a dimension; see `cat`."""
    return cat(tensors, dim)


def stack(tensors, dim=0):
    """Put tensors of one shape together along a new dimension.

    Parameters
    ----------
    tensors : sequence of Tensor
    dim : int
        Where the new dimension is in the result.

    Returns
    -------
    Tensor
    """
    tensors = _sequence("stack", tensors)
    first = tensors[0]
    ndim = first.ndim + 1
    if not -ndim <= dim < ndim:
        raise IndexError(
            f"stack: Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but "
            f"got {dim}): tensors of shape {tuple(first.shape)}"
        )
    for i, x in enumerate(tensors):
        if x.shape != first.shape:
            raise ShapeError(
                f"stack: expects each tensor to be equal size, but got {tuple(first.shape)} at "
                f"entry 0 and {tuple(x.shape)} at entry {i}"
            )
    return Stack(dim % ndim)(*tensors)


def hstack(tensors):
    """Put tensors side by side: along dimension 1, or 0 if they are vectors. See `vstack`."""
    tensors = [atleast_1d(x) for x in _sequence("hstack", tensors)]
    return cat(tensors, 0 if tensors[0].ndim == 1 else 1)


def vstack(tensors):
    """Put tensors one below the other: along dimension 0, vectors being rows.

    Parameters
    ----------
    tensors : sequence of Tensor
        Equal in the other dimensions.

    Returns
    -------
    Tensor
        A copy, of the type they promote to.
    """
    return cat([atleast_2d(x) for x in _sequence("vstack", tensors)], 0)


def row_stack(tensors):
    """Put tensors one below the other; see `vstack`."""
    return vstack(tensors)


def dstack(tensors):
    """Put tensors one behind the other: along dimension 2. See `vstack`."""
    return cat([atleast_3d(x) for x in _sequence("dstack", tensors)], 2)


def column_stack(tensors):
    """Put tensors side by side, vectors being columns; see `vstack`."""
    tensors = _sequence("column_stack", tensors)
    return hstack([reshape(x, (_numel(x), 1)) if x.ndim < 2 else x for x in tensors])


def _each(function, tensors):
    tensors = _unpacked(tensors)
    return function(tensors[0]) if len(tensors) == 1 else tuple(map(function, tensors))


def atleast_1d(*tensors):
    """Return tensors with at least one dimension: 0-d ones become 1-d.

    Parameters
    ----------
    *tensors : Tensor or sequence of Tensor

    Returns
    -------
    Tensor or tuple of Tensor
        One for one tensor; views.
    """
    return _each(lambda x: x if x.ndim else reshape(x, (1,)), tensors)


def atleast_2d(*tensors):
    """Return tensors with at least two dimensions: vectors become rows. See `atleast_1d`."""
    return _each(lambda x: x if x.ndim > 1 else reshape(x, (1, _numel(x))), tensors)


def atleast_3d(*tensors):
    """Return tensors with at least three dimensions: (n, m) becomes (n, m, 1). See `atleast_1d`."""

    def deepened(x):
        if x.ndim > 2:
            return x
        return unsqueeze(x, -1) if x.ndim == 2 else reshape(x, (1, _numel(x), 1))

    return _each(deepened, tensors)


def meshgrid(*tensors, indexing="ij"):
    """Return grids of coordinates from the coordinates along each axis.

    Parameters
    ----------
    *tensors : Tensor
        0-d or 1-d.
    indexing : str
        ``"ij"``: grid i varies along dimension i. ``"xy"``: the first two exchanged.

    Returns
    -------
    tuple of Tensor
        Views, all of one shape.
    """
    tensors = _unpacked(tensors)
    if not tensors:
        raise RuntimeError("meshgrid: expects a non-empty TensorList")
    for x in tensors:
        require_tensor("meshgrid", x, "each of tensors")
        if x.ndim > 1:
            raise ShapeError(
                f"meshgrid: expected scalar or 1D tensors but got shape {tuple(x.shape)}"
            )
    if indexing not in ("ij", "xy"):
        raise RuntimeError(
            f'meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    swap = indexing == "xy" and len(tensors) > 1
    if swap:
        tensors = (tensors[1], tensors[0], *tensors[2:])
    shape = tuple(_numel(x) for x in tensors)
    grids = []
    for i, x in enumerate(tensors):
        along = tuple(n if j == i else 1 for j, n in enumerate(shape))
        grids.append(expand(reshape(x, along), shape))
    if swap:
        grids[:2] = grids[1::-1]
    return tuple(grids)


# ---- repetition and rearrangement


def repeat(input, *counts, repeats=None):
    """Repeat a tensor along each dimension, as a whole.

    Parameters
    ----------
    input : Tensor
    *counts : int or sequence of int
        At least as many as `input` has dimensions; more add dimensions in front.
    repeats : sequence of int, optional
        The same by name.

    Returns
    -------
    Tensor
        A copy.
    """
    if repeats is not None:
        counts = (repeats,)
    repeats = _sizes("repeat", counts)
    extra = len(repeats) - input.ndim
    if extra < 0:
        raise ShapeError(
            "repeat: number of dimensions of repeat dims can not be smaller than number of "
            f"dimensions of tensor: input {tuple(input.shape)}, repeats {repeats}"
        )
    if min(repeats, default=0) < 0:
        raise ShapeError(f"repeat: repeats must not be negative, got {repeats}")
    shape = (1,) * extra + tuple(input.shape)
    apart = [n for size in shape for n in (1, size)]
    repeated = [n for pair in zip(repeats, shape, strict=True) for n in pair]
    final = tuple(r * n for r, n in zip(repeats, shape, strict=True))
    copies = clone(expand(reshape(input, tuple(apart)), tuple(repeated)))
    return reshape(copies, final)


def tile(input, *counts, dims=None):
    """Repeat a tensor along its dimensions; missing numbers count as 1. See `repeat`.

    Parameters
    ----------
    dims : sequence of int, optional
        The numbers of repetitions by name.
    """
    if dims is not None:
        counts = (dims,)
    dims = _sizes("tile", counts)
    return repeat(input, (1,) * (input.ndim - len(dims)) + dims)


def repeat_interleave(input, repeats, dim=None, *, output_size=None):
    """Repeat each element along a dimension.

    Parameters
    ----------
    input : Tensor
    repeats : int or Tensor
        How often: one number, or one per element along `dim`.
    dim : int, optional
        Default: `input` is flattened first.
    output_size : int, optional
        The size that results, checked.

    Returns
    -------
    Tensor
    """
    from .index import index_select

    if dim is None:
        input, dim = ravel(input), 0
    dim = dimension("repeat_interleave", input, dim)
    size = input.shape[dim] if input.ndim else 1
    counts = np.asarray(repeats._array if is_tensor(repeats) else repeats)
    if counts.dtype.kind not in "iu":
        raise RuntimeError(f"repeat_interleave: repeats must be integers, got {counts.dtype}")
    if counts.ndim > 1 or (counts.ndim == 1 and len(counts) not in (1, size)):
        raise ShapeError(
            f"repeat_interleave: repeats must have the same size as input along dim {dim}: repeats "
            f"{counts.shape}, input {tuple(input.shape)}"
        )
    if (counts < 0).any():
        raise RuntimeError("repeat_interleave: repeats can not be negative")
    index = np.repeat(np.arange(size), counts if counts.ndim == 0 or len(counts) > 1 else counts[0])
    if output_size is not None and output_size != len(index):
        raise RuntimeError(f"repeat_interleave: output_size {output_size} is not {len(index)}")
    return index_select(input, dim, convert(index, dtypes.int64) if is_tensor(input) else index)


class Flip(Op):
    """The order of elements reversed along dimensions."""

    formula = "dx = g, reversed"

    def __init__(self, dims):
        self.dims = dims

    def forward(self, input):
        return kernels.copy(np.flip(input, self.dims))

    def backward(self, grad, needs):
        return flip(grad, self.dims)


def flip(input, *order, dims=None):
    """Reverse the order of elements along dimensions.

    Parameters
    ----------
    input : Tensor
    *order : int or sequence of int
    dims : sequence of int, optional
        The same by name.

    Returns
    -------
    Tensor
        A copy.
    """
    if dims is not None:
        order = (dims,)
    return Flip(dimensions("flip", input, _sizes("flip", order)))(input)


def fliplr(input):
    """Reverse the order of columns (dimension 1).

    Parameters
    ----------
    input : Tensor
        Of at least two dimensions.

    Returns
    -------
    Tensor
        A copy.
    """
    if input.ndim < 2:
        raise RuntimeError(f"fliplr: input must be >= 2-d, got {tuple(input.shape)}")
    return flip(input, (1,))


def flipud(input):
    """Reverse the order of rows (dimension 0).

    Parameters
    ----------
    input : Tensor
        Of at least one dimension.

    Returns
    -------
    Tensor
        A copy.
    """
    if input.ndim < 1:
        raise RuntimeError("flipud: input must be >= 1-d")
    return flip(input, (0,))


class Roll(Op):
    """Elements moved along dimensions; what leaves at the end enters at the start."""

    formula = "dx = g, moved back"

    def __init__(self, shifts, dims):
        self.shifts, self.dims = shifts, dims

    def forward(self, input):
        return np.roll(input, self.shifts, self.dims)

    def backward(self, grad, needs):
        return roll(grad, tuple(-n for n in self.shifts), self.dims)


def roll(input, shifts, dims=None):
    """Move elements along dimensions; what leaves at the end enters at the start.

    Parameters
    ----------
    input : Tensor
    shifts : int or sequence of int
    dims : int or sequence of int, optional
        As many as `shifts`. Default: as if `input` were flat.

    Returns
    -------
    Tensor
    """
    shifts = _sizes("roll", (shifts,))
    if dims is None or dims == ():
        if len(shifts) != 1:
            raise RuntimeError(f"roll: shifts {shifts} need as many dims")
        return reshape(Roll(shifts, (0,))(ravel(input)), tuple(input.shape))
    dims = _sizes("roll", (dims,))
    if len(shifts) != len(dims):
        raise RuntimeError(f"roll: shifts and dimensions must align: {shifts} and {dims}")
    return Roll(shifts, tuple(dimension("roll", input, d) for d in dims))(input)


def rot90(input, k=1, dims=(0, 1)):
    """Rotate by 90 degrees, `k` times, from the first of two dimensions to the second.

    Parameters
    ----------
    input : Tensor
        At least 2-d.
    k : int
    dims : sequence of two ints

    Returns
    -------
    Tensor
        A copy.
    """
    if len(dims) != 2:
        raise RuntimeError(f"rot90: expected total rotation dims == 2, but got {tuple(dims)}")
    first, second = (dimension("rot90", input, d) for d in dims)
    if input.ndim < 2 or first == second:
        raise RuntimeError(
            f"rot90: expected two different dims of at least 2, got {tuple(dims)}: input "
            f"{tuple(input.shape)}"
        )
    k %= 4
    if k == 0:
        return clone(input)
    if k == 2:
        return flip(input, (first, second))
    flipped = flip(input, (second if k == 1 else first,))
    return contiguous(transpose(flipped, first, second))


class Triangle(Op):
    """One triangle of matrices; zeros in the other."""

    formula = "dx = that triangle of g"

    def __init__(self, diagonal, upper):
        self.diagonal, self.upper = diagonal, upper

    def forward(self, input):
        return (np.triu if self.upper else np.tril)(input, self.diagonal)

    def backward(self, grad, needs):
        return Triangle(self.diagonal, self.upper)(grad)

    def name(self) -> str:
        return "TriuBackward0" if self.upper else "TrilBackward0"


def _triangle(name, input, diagonal, upper):
    require_tensor(name, input)
    if input.ndim < 2:
        raise RuntimeError(
            f"{name}: input tensor must have at least 2 dimensions, got {tuple(input.shape)}"
        )
    return Triangle(operator.index(diagonal), upper)


def tril(input, diagonal=0):
    """Return the lower triangle of matrices, zeros above it.

    Parameters
    ----------
    input : Tensor
        At least 2-d.
    diagonal : int
        The last diagonal that is kept: above the main one if positive.

    Returns
    -------
    Tensor
    """
    return _triangle("tril", input, diagonal, False)(input)


def triu(input, diagonal=0):
    """Return the upper triangle of matrices, zeros below it.

    Parameters
    ----------
    input : Tensor
        At least 2-d.
    diagonal : int
        The first diagonal that is kept: above the main one if positive.

    Returns
    -------
    Tensor
    """
    return _triangle("triu", input, diagonal, True)(input)


def tril_(input, diagonal=0):
    """Zero what is above the lower triangle in place; see `tril`."""
    return _triangle("tril_", input, diagonal, False).inplace(input)


def triu_(input, diagonal=0):
    """Zero what is below the upper triangle in place; see `triu`."""
    return _triangle("triu_", input, diagonal, True).inplace(input)
