"""Samplers: in which order a loader visits the samples of a dataset."""

from __future__ import annotations

import itertools

from ... import ops
from ...creation import as_tensor
from ...dtypes import float64
from ...errors import ShapeError
from ...random import Generator

__all__ = [
    "BatchSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]


def _is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


class Sampler:
    """The order in which samples are visited: an iterable of indices (or of lists of them).

    Subclasses define ``__iter__``, and ``__len__`` where the number is known.

    Parameters
    ----------
    data_source : optional
        Ignored, as by PyTorch.
    """

    def __init__(self, data_source=None):
        pass

    def __class_getitem__(cls, item):
        return cls  # Sampler[int], as annotations write it

    def __iter__(self):
        raise NotImplementedError("Subclasses of Sampler should implement __iter__.")


class SequentialSampler(Sampler):
    """Visit every sample, in order.

    Parameters
    ----------
    data_source : Dataset
        Something that has a length.
    """

    def __init__(self, data_source):
        self.data_source = data_source

    def __iter__(self):
        return iter(range(len(self.data_source)))

    def __len__(self):
        return len(self.data_source)


class RandomSampler(Sampler):
    """Visit samples in random order.

    Parameters
    ----------
    data_source : Dataset
        Something that has a length.
    replacement : bool, default False
        True: draw each sample from all of them, whatever was drawn before.
    num_samples : int, optional
        How many to draw; all unless given. More than there are, without replacement, start over
        with another order.
    generator : Generator, optional
        What to draw from; the default generator unless given.

    Raises
    ------
    TypeError
        `replacement` is not a bool.
    ValueError
        `num_samples` is not a positive integer.
    """

    def __init__(self, data_source, replacement=False, num_samples=None, generator=None):
        if not isinstance(replacement, bool):
            raise TypeError(
                f"RandomSampler: replacement should be a boolean value, got {replacement!r}"
            )
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not _is_count(self.num_samples):
            raise ValueError(
                "RandomSampler: num_samples should be a positive integer value, got "
                f"num_samples={self.num_samples}"
            )

    @property
    def num_samples(self):
        """How many samples are drawn."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self):
        count = len(self.data_source)
        generator = self.generator
        if generator is None:  # the order is fixed by one draw, whenever it is then asked for
            generator = Generator().manual_seed(int(ops.random.randint(1 << 62, (1,)).item()))
        if self.replacement:
            yield from ops.random.randint(count, (self.num_samples,), generator=generator).tolist()
            return
        for start in range(0, self.num_samples, max(count, 1)):
            order = ops.random.randperm(count, generator=generator).tolist()
            yield from order[: self.num_samples - start]

    def __len__(self):
        return self.num_samples


class SubsetRandomSampler(Sampler):
    """Visit the samples of a list of indices in random order.

    Parameters
    ----------
    indices : sequence of int
    generator : Generator, optional
        What to draw from; the default generator unless given.
    """

    def __init__(self, indices, generator=None):
        self.indices = indices
        self.generator = generator

    def __iter__(self):
        for place in ops.random.randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[place]

    def __len__(self):
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """Draw samples with given probabilities.

    Parameters
    ----------
    weights : sequence of float
        One per sample; they need not add up to 1.
    num_samples : int
        How many to draw.
    replacement : bool, default True
        False: no sample twice.
    generator : Generator, optional
        What to draw from; the default generator unless given.

    Raises
    ------
    ValueError
        `num_samples` is not a positive integer, `replacement` is not a bool, or `weights` is not
        one-dimensional.
    """

    def __init__(self, weights, num_samples, replacement=True, generator=None):
        if not _is_count(num_samples):
            raise ValueError(
                "WeightedRandomSampler: num_samples should be a positive integer value, got "
                f"num_samples={num_samples}"
            )
        if not isinstance(replacement, bool):
            raise ValueError(
                "WeightedRandomSampler: replacement should be a boolean value, got "
                f"replacement={replacement}"
            )
        self.weights = as_tensor(weights, dtype=float64)
        if self.weights.ndim != 1:
            raise ShapeError(
                "WeightedRandomSampler: weights should be a 1d sequence but given weights have "
                f"shape {tuple(self.weights.shape)}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self):
        drawn = ops.random.multinomial(
            self.weights, self.num_samples, self.replacement, generator=self.generator
        )
        yield from drawn.tolist()

    def __len__(self):
        return self.num_samples


class BatchSampler(Sampler):
    """Gather the indices of another sampler into lists.

    Parameters
    ----------
    sampler : iterable
        Of indices.
    batch_size : int
        Indices per list.
    drop_last : bool
        True: leave out a last list that is shorter.

    Raises
    ------
    ValueError
        `batch_size` is not a positive integer or `drop_last` is not a bool.
    """

    def __init__(self, sampler, batch_size, drop_last):
        if not _is_count(batch_size):
            raise ValueError(
                "BatchSampler: batch_size should be a positive integer value, but got "
                f"batch_size={batch_size}"
            )
        if not isinstance(drop_last, bool):
            raise ValueError(
                f"BatchSampler: drop_last should be a boolean value, but got drop_last={drop_last}"
            )
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self):
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self):
        count = len(self.sampler)
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)
