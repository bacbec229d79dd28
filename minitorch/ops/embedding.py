"""Tables of vectors: looking them up, one at a time or summed in bags."""

from __future__ import annotations

import numpy as np

from ..autograd.op import Op
from ..errors import ShapeError
from .common import is_tensor
from .elementwise import div, mul
from .index import IndexAccumulate, index_add, index_select, scatter_reduce
from .shape import expand, reshape, unsqueeze, zeros_for

__all__ = ["embedding", "embedding_bag"]


class Embedding(Op):
    """The rows of a table at integer indices."""

    formula = "dw = g added to the rows at the indices, 0 elsewhere"

    def __init__(self, padding_idx, scale_grad_by_freq):
        self.padding_idx = padding_idx
        self.scale_grad_by_freq = scale_grad_by_freq

    @classmethod
    def kept_inputs(cls, needs):
        return (1,)

    def forward(self, weight, index):
        self.source = weight.shape
        self.scale = self._scale(index, weight.dtype)
        return weight.take(index, 0)

    def _scale(self, index, dtype):
        """Return what the gradient of each looked up row is multiplied with; None for 1."""
        scale = None
        if self.scale_grad_by_freq:
            counts = np.bincount(index.ravel(), minlength=1)
            scale = 1 / np.maximum(counts, 1)[index]
        if self.padding_idx is not None:
            used = index != self.padding_idx
            scale = used if scale is None else scale * used
        return None if scale is None else np.asarray(scale, dtype)[..., None]

    def backward(self, grad, needs):
        _, index = self.inputs
        if self.scale is not None:
            grad = mul(grad, self.scale)
        return IndexAccumulate(self.source, (0,))(grad, index), None


def embedding(
    input,
    weight,
    padding_idx=None,
    max_norm=None,
    norm_type=2.0,
    scale_grad_by_freq=False,
    sparse=False,
):
    """Look up rows of a table.

    Parameters
    ----------
    input : Tensor
        Indices, int32 or int64, of any shape.
    weight : Tensor
        The table, shape (count, size).
    padding_idx : int, optional
        A row that gets no gradient; negative numbers count from the end.
    max_norm : float, optional
        Rows that are looked up are first shortened to this norm, in place.
    norm_type : float
        The p of that norm.
    scale_grad_by_freq : bool
        Divide the gradient of a row by how often it was looked up.
    sparse : bool
        Accepted; gradients are dense.

    Returns
    -------
    Tensor
        Shape (*input.shape, size).

    Raises
    ------
    IndexError
        If an index is not one of a row.
    """
    op = "embedding"
    index = _indices(op, input, weight)
    padding_idx = _padding(op, padding_idx, weight)
    if max_norm is not None:
        _shorten(weight, index, max_norm, norm_type)
    return Embedding(padding_idx, bool(scale_grad_by_freq))(weight, input)


def _indices(op, input, weight):
    for name, x in (("input", input), ("weight", weight)):
        if not is_tensor(x):
            raise TypeError(f"{op}: {name} must be a Tensor, got {type(x).__name__}")
    index = input._array
    if index.dtype not in (np.int64, np.int32):
        raise RuntimeError(
            f"{op}: Expected tensor for argument 'indices' to have one of the following scalar "
            f"types: Long, Int; but got {input.dtype.name}"
        )
    if weight.ndim != 2:
        raise ShapeError(f"{op}: 'weight' must be 2-D, got weight {tuple(weight.shape)}")
    count = weight.shape[0]
    if index.size and not (index.min() >= 0 and index.max() < count):
        wrong = index[(index < 0) | (index >= count)].flat[0]
        raise IndexError(f"{op}: index out of range in self: {wrong} is not one of {count} rows")
    return index


def _padding(op, padding_idx, weight):
    """Return `padding_idx` counted from the start."""
    if padding_idx is None:
        return None
    count = weight.shape[0]
    if not -count <= padding_idx < count:
        raise ValueError(f"{op}: Padding_idx must be within num_embeddings, got {padding_idx}")
    return padding_idx % count


def _shorten(weight, index, max_norm, norm_type):
    """Shorten the rows at indices to a norm, in place."""
    array = weight._array
    rows = np.unique(index)
    chosen = array[rows]
    norms = np.linalg.norm(chosen.astype(np.float64), norm_type, axis=1)
    long = norms > max_norm
    factors = (max_norm / (norms[long] + 1e-7)).astype(array.dtype)
    array[rows[long]] = chosen[long] * factors[:, None]
    weight._cell[0] += 1


def embedding_bag(
    input,
    weight,
    offsets=None,
    max_norm=None,
    norm_type=2,
    scale_grad_by_freq=False,
    mode="mean",
    sparse=False,
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
    """Look up rows of a table, and take the sum, mean or maximum of those of a bag.

    Parameters
    ----------
    input : Tensor
        Indices, int32 or int64: (bags, length), or one-dimensional with `offsets`.
    weight : Tensor
        The table, shape (count, size).
    offsets : Tensor, optional
        Where each bag begins in a one-dimensional `input`.
    max_norm, norm_type, scale_grad_by_freq, sparse
        As for `embedding`.
    mode : str
        ``'sum'``, ``'mean'`` or ``'max'``. An empty bag gives zeros.
    per_sample_weights : Tensor, optional
        Of the shape of `input`: factors of the rows, in mode ``'sum'``.
    include_last_offset : bool
        Whether `offsets` ends with the end of the last bag.
    padding_idx : int, optional
        A row that does not count.

    Returns
    -------
    Tensor
        Shape (bags, size).

    Raises
    ------
    IndexError
        If an index is not one of a row.
    ValueError
        If the arguments do not fit together.
    """
    op = "embedding_bag"
    index = _indices(op, input, weight)
    padding_idx = _padding(op, padding_idx, weight)
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"{op}: mode has to be one of sum, mean or max, got {mode!r}")
    if per_sample_weights is not None:
        if mode != "sum":
            raise NotImplementedError(
                f"{op}: per_sample_weights was not None. per_sample_weights is only supported for "
                f"mode='sum' (got mode={mode!r})."
            )
        if per_sample_weights.shape != input.shape:
            raise ValueError(
                f"{op}: expected per_sample_weights to have the same shape as input, got "
                f"{tuple(per_sample_weights.shape)} and {tuple(input.shape)}"
            )
    bags, count = _bags(op, index, offsets, include_last_offset)
    if max_norm is not None:
        _shorten(weight, index, max_norm, norm_type)
    flat = reshape(input, (index.size,))
    factors = None if per_sample_weights is None else reshape(per_sample_weights, (index.size,))
    if padding_idx is not None or len(bags) < index.size:
        kept = np.arange(len(bags))
        if padding_idx is not None:
            kept = np.flatnonzero(flat._array[: len(bags)] != padding_idx)
        bags, places = bags[kept], _constant(input, kept)
        flat = index_select(flat, 0, places)
        factors = None if factors is None else index_select(factors, 0, places)
    rows = Embedding(None, bool(scale_grad_by_freq))(weight, flat)
    if factors is not None:
        rows = mul(rows, unsqueeze(factors, 1))
    empty = zeros_for(weight, (count, weight.shape[1]))
    where = _constant(input, bags)
    if mode == "max":
        where = expand(unsqueeze(where, 1), tuple(rows.shape))
        return scatter_reduce(empty, 0, where, rows, "amax", include_self=False)
    result = index_add(empty, 0, where, rows)
    if mode == "sum":
        return result
    sizes = np.maximum(np.bincount(bags, minlength=count), 1).astype(weight._array.dtype)
    return div(result, _constant(input, sizes[:, None]))


def _constant(like, array):
    return type(like)._wrap(array)


def _bags(op, index, offsets, include_last_offset):
    """Return the bag of every index, and the number of bags."""
    if index.ndim == 2:
        if offsets is not None:
            raise ValueError(
                f"{op}: if input is 2D, then offsets has to be None, as input is treated is a "
                "mini-batch of fixed length sequences."
            )
        return np.repeat(np.arange(len(index)), index.shape[1]), len(index)
    if index.ndim != 1:
        raise ValueError(
            f"{op}: input has to be 1D or 2D Tensor, but got Tensor of dimension {index.ndim}"
        )
    if not is_tensor(offsets):
        raise ValueError(f"{op}: offsets has to be a 1D Tensor but got {offsets!r}")
    starts = offsets._array
    if starts.ndim != 1:
        raise ValueError(f"{op}: offsets has to be a 1D Tensor")
    if starts.size and starts[0] != 0:
        raise ValueError(
            f"{op}: offsets[0] has to be 0, i.e., the first sequence in the "
            f"mini-batch has to start from position 0. However, got {starts[0]}"
        )
    if starts.size and starts[-1] > len(index):
        raise ValueError(
            f"{op}: offsets[-1] can not be greater than input's length "
            f"{len(index)}, got {starts[-1]}"
        )
    ends = starts[1:] if include_last_offset else np.append(starts[1:], len(index))
    count = len(ends)
    return np.repeat(np.arange(count), np.maximum(ends - starts[:count], 0)), count
