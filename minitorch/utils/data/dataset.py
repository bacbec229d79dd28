"""Datasets: what has samples, and ways to combine and divide them.

Besides PyTorch's ``__getitems__(indices)``, which returns a list of samples, a dataset may define
``__getbatch__(indices)``: it returns at once what `default_collate` would make of the samples, or
None when it cannot. A loader that collates by default asks it first.
"""

from __future__ import annotations

import bisect
import itertools
import math
import warnings

import numpy as np

from ... import ops
from ...errors import ShapeError
from ...tensor import Tensor
from .streams import one_by_one

__all__ = [
    "ChainDataset",
    "ConcatDataset",
    "Dataset",
    "IterableDataset",
    "StackDataset",
    "Subset",
    "TensorDataset",
    "random_split",
]


class Dataset:
    """Samples by index: subclasses define ``__getitem__``, and ``__len__`` for most loaders."""

    def __class_getitem__(cls, item):
        return cls  # Dataset[Sample], as annotations write it

    def __getitem__(self, index):
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other):
        return ConcatDataset([self, other])


class IterableDataset(Dataset):
    """Samples one after the other: subclasses define ``__iter__``.

    With several workers each one iterates over a copy; `get_worker_info` says which part is its.
    """

    def __iter__(self):
        raise NotImplementedError("Subclasses of IterableDataset should implement __iter__.")

    def __add__(self, other):
        return ChainDataset([self, other])


def batch_of(dataset, indices):
    """Return the collated samples at `indices` as the dataset makes them at once, or None."""
    get = getattr(dataset, "__getbatch__", None)
    return None if get is None else get(indices)


def samples_of(dataset, indices):
    """Return the samples at `indices`, at once where the dataset can."""
    get = getattr(dataset, "__getitems__", None)
    return get(indices) if callable(get) else one_by_one(dataset.__getitem__, indices)


class TensorDataset(Dataset):
    r"""Tensors whose i-th rows together are sample i.

    Parameters
    ----------
    \*tensors : Tensor
        The same size in the first dimension.

    Raises
    ------
    ShapeError
        They are of different sizes there.
    """

    def __init__(self, *tensors):
        if len({t.shape[0] for t in tensors}) > 1:
            shapes = ", ".join(str(tuple(t.shape)) for t in tensors)
            raise ShapeError(f"TensorDataset: Size mismatch between tensors: {shapes}")
        self.tensors = tensors

    def __getitem__(self, index):
        return tuple(tensor[index] for tensor in self.tensors)

    def __getbatch__(self, indices):
        if type(self).__getitem__ is not TensorDataset.__getitem__ or hasattr(self, "__getitems__"):
            return None
        if not all(type(t) is Tensor and not t.requires_grad for t in self.tensors):
            return None
        rows = rows_of(indices, len(self))
        if rows is None:
            return None
        return [Tensor._wrap(tensor._array[rows]) for tensor in self.tensors]

    def __len__(self):
        return self.tensors[0].shape[0]


def rows_of(indices, count):
    """Return the indices of a batch as an array; None when they are something else.

    Raises
    ------
    IndexError
        One is outside of a dataset of `count` samples.
    """
    rows = np.asarray(indices)
    if rows.dtype.kind not in "iu" or rows.ndim != 1:
        return None
    outside = (rows < -count) | (rows >= count)
    if outside.any():
        raise IndexError(
            f"index {rows[outside][0]} is out of range for a dataset of {count} samples"
        )
    return rows


class StackDataset(Dataset):
    r"""Datasets whose i-th samples together are sample i.

    Parameters
    ----------
    \*args : Dataset
        Samples are tuples. Or instead:
    \**kwargs : Dataset
        Samples are dicts.

    Raises
    ------
    ValueError
        Their lengths differ, there are none, or both forms are used.
    """

    def __init__(self, *args, **kwargs):
        if args and kwargs:
            raise ValueError(
                "StackDataset: Supported either tuple- (via args) or dict- (via kwargs) like "
                "input/output, but both types are given."
            )
        if not args and not kwargs:
            raise ValueError("StackDataset: At least one dataset should be passed")
        self.datasets = args or kwargs
        lengths = [len(dataset) for dataset in args or kwargs.values()]
        if len(set(lengths)) > 1:
            raise ValueError(f"StackDataset: Size mismatch between datasets: {lengths}")
        self._length = lengths[0]

    def __getitem__(self, index):
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)

    def __getitems__(self, indices):
        if isinstance(self.datasets, dict):
            columns = [self._column(dataset, indices) for dataset in self.datasets.values()]
            return [
                dict(zip(self.datasets, row, strict=True)) for row in zip(*columns, strict=True)
            ]
        columns = [self._column(dataset, indices) for dataset in self.datasets]
        return list(zip(*columns, strict=True))

    def _column(self, dataset, indices):
        column = samples_of(dataset, indices)
        if len(column) != len(indices):
            raise ValueError(
                f"Nested dataset's output size mismatch. Expected {len(indices)}, got {len(column)}"
            )
        return column

    def __len__(self):
        return self._length


class ConcatDataset(Dataset):
    """Datasets one after the other.

    Parameters
    ----------
    datasets : iterable of Dataset

    Raises
    ------
    ValueError
        There are none.
    TypeError
        One is an `IterableDataset`.
    """

    def __init__(self, datasets):
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: datasets should not be an empty iterable")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise TypeError("ConcatDataset does not support IterableDataset: use ChainDataset")
        self.cumulative_sizes = list(itertools.accumulate(len(d) for d in self.datasets))

    @staticmethod
    def cumsum(sequence):
        """Return the running sums of the lengths of datasets.

        Parameters
        ----------
        sequence : sequence of Dataset
        """
        return list(itertools.accumulate(len(dataset) for dataset in sequence))

    def _place(self, index):
        count = len(self)
        if index < 0:
            if -index > count:
                raise ValueError("absolute value of index should not exceed dataset length")
            index += count
        which = bisect.bisect_right(self.cumulative_sizes, index)
        if which == len(self.datasets):
            raise IndexError(f"index {index} is out of range for a dataset of {count} samples")
        return which, index - (self.cumulative_sizes[which - 1] if which else 0)

    def __getitem__(self, index):
        which, inner = self._place(index)
        return self.datasets[which][inner]

    def __len__(self):
        return self.cumulative_sizes[-1]


class ChainDataset(IterableDataset):
    """Iterable datasets one after the other.

    Parameters
    ----------
    datasets : iterable of IterableDataset
    """

    def __init__(self, datasets):
        self.datasets = datasets

    def __iter__(self):
        for dataset in self.datasets:
            self._check(dataset)
            yield from dataset

    def __len__(self):
        for dataset in self.datasets:
            self._check(dataset)
        return sum(len(dataset) for dataset in self.datasets)

    @staticmethod
    def _check(dataset):
        if not isinstance(dataset, IterableDataset):
            raise TypeError(
                f"ChainDataset only supports IterableDataset, got {type(dataset).__name__}"
            )


class Subset(Dataset):
    """Some samples of a dataset.

    Parameters
    ----------
    dataset : Dataset
    indices : sequence of int
        Sample i is ``dataset[indices[i]]``.
    """

    def __init__(self, dataset, indices):
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index):
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices):
        return samples_of(self.dataset, [self.indices[i] for i in indices])

    def __getbatch__(self, indices):
        if type(self).__getitem__ is not Subset.__getitem__:
            return None
        if type(self).__getitems__ is not Subset.__getitems__:
            return None
        return batch_of(self.dataset, [self.indices[i] for i in indices])

    def __len__(self):
        return len(self.indices)


def random_split(dataset, lengths, generator=None):
    """Divide a dataset at random.

    Parameters
    ----------
    dataset : Dataset
    lengths : sequence of int or float
        Samples of each part, adding up to the length of the dataset; or fractions that add up to 1
        (rounded down, what is left goes to the first parts, one each).
    generator : Generator, optional
        What to draw from; the default generator unless given.

    Returns
    -------
    list of Subset

    Raises
    ------
    ValueError
        The lengths do not add up to that of the dataset, or a fraction is not from 0 to 1.
    """
    count = len(dataset)
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        lengths = _from_fractions(lengths, count)
    if sum(lengths) != count:
        raise ValueError(
            "random_split: Sum of input lengths does not equal the length of the input dataset! "
            f"lengths {list(lengths)}, dataset of {count}"
        )
    order = ops.random.randperm(count, generator=generator).tolist()
    ends = itertools.accumulate(lengths)
    return [
        Subset(dataset, order[end - length : end])
        for end, length in zip(ends, lengths, strict=True)
    ]


def _from_fractions(fractions, count):
    for place, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ValueError(f"random_split: Fraction at index {place} is not between 0 and 1")
    lengths = [math.floor(count * fraction) for fraction in fractions]
    for place in range(count - sum(lengths)):
        lengths[place % len(lengths)] += 1
    for place, length in enumerate(lengths):
        if length == 0:
            warnings.warn(
                f"Length of split at index {place} is 0. This might result in an empty dataset.",
                stacklevel=3,
            )
    return lengths
