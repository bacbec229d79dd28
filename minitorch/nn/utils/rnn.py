"""Sequences of different lengths: padded, and packed without padding."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...errors import ShapeError
from ...ops import cat, stack
from ...tensor import Tensor

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpad_sequence",
]


class PackedSequence(NamedTuple):
    """Sequences without padding: first all first elements, then all second ones, ...

    Attributes
    ----------
    data : Tensor
        (sum of lengths, ...)
    batch_sizes : Tensor
        How many sequences have a first, second ... element.
    sorted_indices, unsorted_indices : Tensor, optional
        The order by falling length, and back.
    """

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None

    def to(self, *args, **kwargs) -> PackedSequence:
        """Convert the data; see `Tensor.to`."""
        return self._replace(data=self.data.to(*args, **kwargs))

    @property
    def is_cuda(self) -> bool:
        """Whether it is on a CUDA device: never."""
        return False


def invert_permutation(permutation):
    """Return the permutation that undoes one; None for None.

    Parameters
    ----------
    permutation : Tensor or None
        (n,), of integers.
    """
    if permutation is None:
        return None
    return Tensor._wrap(np.argsort(permutation._array))


def pad_sequence(sequences, batch_first: bool = False, padding_value: float = 0.0,
                 padding_side: str = "right"):  # fmt: skip
    """Return sequences as one tensor, padded to the longest.

    Parameters
    ----------
    sequences : iterable of Tensor
        (length, ...)
    batch_first : bool
        (N, L, ...) and not (L, N, ...).
    padding_value : float
    padding_side : str
        ``"right"`` or ``"left"``.

    Returns
    -------
    Tensor
    """
    sequences = list(sequences)
    longest = max(len(x) for x in sequences)
    padded = []
    for x in sequences:
        missing = x.new_full((longest - len(x), *x.shape[1:]), padding_value)
        padded.append(cat([x, missing] if padding_side == "right" else [missing, x]))
    return stack(padded, 0 if batch_first else 1)


def unpad_sequence(padded_sequences, lengths, batch_first: bool = False) -> list:
    """Return the sequences of a padded tensor, each of its own length.

    Parameters
    ----------
    padded_sequences : Tensor
        (T, N, ...), or (N, T, ...) with `batch_first`.
    lengths : Tensor
        (N,)
    batch_first : bool
    """
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [x[: int(n)] for x, n in zip(padded_sequences, lengths, strict=True)]


def pack_padded_sequence(input, lengths, batch_first: bool = False, enforce_sorted: bool = True):
    """Pack a padded tensor.

    Parameters
    ----------
    input : Tensor
        (L, N, ...), or (N, L, ...) if `batch_first`.
    lengths : Tensor or list of int
    batch_first : bool
    enforce_sorted : bool
        Require that lengths fall; otherwise they are sorted here.

    Returns
    -------
    PackedSequence
    """
    lengths = lengths._array if isinstance(lengths, Tensor) else np.asarray(lengths)
    lengths = lengths.astype(np.int64)
    if batch_first:
        input = input.transpose(0, 1)
    if lengths.shape != (input.shape[1],):
        raise ShapeError(
            f"pack_padded_sequence: Expected `len(lengths)` to be equal to batch_size, but got "
            f"{lengths.size} (batch_size={input.shape[1]})"
        )
    if (lengths <= 0).any():
        raise RuntimeError("Length of all samples has to be greater than 0")
    order = None
    if enforce_sorted:
        if (np.diff(lengths) > 0).any():
            raise RuntimeError(
                "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. "
                "You can pass `enforce_sorted=False` to pack_padded_sequence to sidestep this "
                "requirement."
            )
    else:
        order = Tensor._wrap(np.argsort(-lengths, kind="stable"))
        input, lengths = input.index_select(1, order), lengths[order._array]
    sizes = (lengths[None, :] > np.arange(lengths[0])[:, None]).sum(1)
    data = cat([input[t, : int(n)] for t, n in enumerate(sizes)])
    return PackedSequence(data, Tensor._wrap(sizes), order, invert_permutation(order))


def pad_packed_sequence(sequence, batch_first: bool = False, padding_value: float = 0.0,
                        total_length: int | None = None):  # fmt: skip
    """Undo `pack_padded_sequence`.

    Parameters
    ----------
    sequence : PackedSequence
    batch_first : bool
    padding_value : float
    total_length : int, optional
        Pad to this length.

    Returns
    -------
    padded : Tensor
    lengths : Tensor
        int64
    """
    sizes = sequence.batch_sizes._array
    length = len(sizes) if total_length is None else total_length
    if length < len(sizes):
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but "
            f"got total_length={total_length} and max sequence length being {len(sizes)}"
        )
    rows, start = [], 0
    rest = tuple(sequence.data.shape[1:])
    batch = int(sizes[0])
    for n in sizes:
        part = sequence.data[start : start + int(n)]
        start += int(n)
        missing = sequence.data.new_full((batch - int(n), *rest), padding_value)
        rows.append(cat([part, missing]))
    rows += [sequence.data.new_full((batch, *rest), padding_value)] * (length - len(sizes))
    padded = stack(rows)
    lengths = Tensor._wrap((sizes[:, None] > np.arange(batch)).sum(0))
    if sequence.unsorted_indices is not None:
        padded = padded.index_select(1, sequence.unsorted_indices)
        lengths = lengths.index_select(0, sequence.unsorted_indices)
    return (padded.transpose(0, 1) if batch_first else padded), lengths


def pack_sequence(sequences, enforce_sorted: bool = True):
    """Pack a list of sequences; see `pack_padded_sequence`.

    Parameters
    ----------
    sequences : list of Tensor
        (length, ...) each.
    """
    lengths = [len(x) for x in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)
