"""Fetching batches: the part of a loader that runs where the dataset is."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

from ...random import standing_in
from .collate import default_collate
from .dataset import batch_of, samples_of
from .streams import Streams, worker_generator


class Task(NamedTuple):
    """What to load: batch `number` of the epoch, whose first sample is sample `first`."""

    number: int
    first: int
    indices: Any


class Setup(NamedTuple):
    """What is loaded and how: the same for all workers."""

    dataset: Any
    collate_fn: Any
    batched: bool  # several samples to a batch, or single ones
    iterable: bool
    drop_last: bool
    worker_init_fn: Any = None
    num_workers: int = 0

    def fetcher(self, seed, worker=0):
        """Return a function that loads the batch of a task, in the epoch of a seed.

        It raises StopIteration at the end of an iterable dataset.
        """
        return (_IterableFetcher if self.iterable else _MapFetcher)(self, seed, worker)


class _MapFetcher:
    def __init__(self, setup, seed, worker):
        self.setup = setup
        self.streams = Streams(seed)

    def __call__(self, task):
        setup, indices = self.setup, task.indices
        size = len(indices) if setup.batched else 1
        self.streams.start_batch(task.number, task.first, size)
        with standing_in(self.streams):
            if not setup.batched:
                (sample,) = self.streams.one_by_one(setup.dataset.__getitem__, [indices])
                return setup.collate_fn(sample)
            if setup.collate_fn is default_collate:
                batch = batch_of(setup.dataset, indices)
                if batch is not None:
                    return batch
            return setup.collate_fn(samples_of(setup.dataset, indices))


class _IterableFetcher:
    def __init__(self, setup, seed, worker):
        self.setup = setup
        self.generator = worker_generator(seed, worker)
        with standing_in(self.generator):
            self.samples = iter(setup.dataset)

    def __call__(self, task):
        setup = self.setup
        with standing_in(self.generator):
            if not setup.batched:
                return setup.collate_fn(next(self.samples))
            size = len(task.indices)
            samples = list(itertools.islice(self.samples, size))
            if not samples or (setup.drop_last and len(samples) < size):
                raise StopIteration
            return setup.collate_fn(samples)
