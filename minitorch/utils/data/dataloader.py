"""DataLoader: batches of a dataset, loaded inline or by workers."""

from __future__ import annotations

import itertools
import multiprocessing
import operator

from ...random import Generator, standing_in
from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .fetch import Setup, Task
from .sampler import BatchSampler, RandomSampler, SequentialSampler
from .streams import draw_seed, order_generator
from .workers import Pool, context_of, get_worker_info

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]


class _Endless:
    """What stands in for a sampler beside an iterable dataset."""

    def __iter__(self):
        return itertools.repeat(None)


class DataLoader:
    """
    Iterates over a dataset in batches.

    Parameters
    ----------
    dataset : Dataset or IterableDataset
        Anything with ``__getitem__`` and ``__len__``, or an `IterableDataset`. Where it has
        ``__getitems__`` (a list of samples) or ``__getbatch__`` (a collated batch), a batch is
        fetched in one call.
    batch_size : int or None, default 1
        Samples per batch. None: single samples, not collated.
    shuffle : bool, default False
        Visit the samples in a new random order each time.
    sampler : iterable of int, optional
        The order, instead of `shuffle`.
    batch_sampler : iterable of list of int, optional
        The batches, instead of `batch_size`, `shuffle`, `sampler` and `drop_last`.
    num_workers : int, default 0
        How many processes load; 0: this one, when a batch is asked for.
    collate_fn : callable, optional
        Makes a batch of a list of samples; `default_collate` unless given (`default_convert` for
        single samples).
    pin_memory : bool
        Accepted for compatibility; there is no other memory.
    drop_last : bool, default False
        Leave out a last batch that is smaller.
    timeout : float, default 0
        Seconds to wait for a batch from workers; 0: without end.
    worker_init_fn : callable, optional
        Called in each worker with its number before it loads anything.
    multiprocessing_context : str or context, optional
        How workers start: ``"fork"`` (the default on Linux), ``"forkserver"`` or ``"spawn"``; with
        ``"thread"`` they are threads.
    generator : Generator, optional
        What the seed of each epoch, and the order of `shuffle`, are drawn from; the default
        generator unless given.
    prefetch_factor : int, optional
        Batches that each worker loads ahead; 2 unless given.
    persistent_workers : bool, default False
        Keep the workers from one epoch to the next.
    pin_memory_device : str
        Accepted for compatibility.
    in_order : bool, default True
        False: return the batches of workers as they come.

    Raises
    ------
    ValueError, TypeError
        Arguments that exclude each other or are out of range.

    Notes
    -----
    **Random numbers.** Each epoch draws one seed, from which follow the order and, for every sample
    by its place in the epoch, a stream of random numbers of its own: whatever draws from
    minitorch's default generator (as `minitorch.vision.transforms` do) gives the same results for
    any number of workers, and loading ahead does not shift the numbers of the model. Python's and
    numpy's own generators are seeded per worker, as PyTorch does.

    **Resuming.** `state_dict` says where in the epoch the loop is, counting the batches it was
    given, not those that workers have loaded ahead; after `load_state_dict` the next loop goes on
    with the batch after them.

    **Workers** send large arrays through memory that is shared; a batch's arrays may lie in it as
    long as they live. An exception in a worker is raised here, with its traceback; a worker that
    was killed is a RuntimeError. The workers end with the loop.
    """

    _fixed = False

    def __init__(
        self,
        dataset,
        batch_size=1,
        shuffle=None,
        sampler=None,
        batch_sampler=None,
        num_workers=0,
        collate_fn=None,
        pin_memory=False,
        drop_last=False,
        timeout=0,
        worker_init_fn=None,
        multiprocessing_context=None,
        generator=None,
        *,
        prefetch_factor=None,
        persistent_workers=False,
        pin_memory_device="",
        in_order=True,
    ):
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        iterable = isinstance(dataset, IterableDataset)
        if iterable:
            _check_iterable(shuffle, sampler, batch_sampler)
        _check_batches(batch_size, shuffle, sampler, batch_sampler, drop_last)
        self.dataset = dataset
        self.num_workers = num_workers
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        if batch_sampler is not None:
            batch_size = None
        if sampler is None:
            if iterable:
                sampler = _Endless()
            else:
                sampler = (
                    RandomSampler(dataset, generator=generator)
                    if shuffle
                    else SequentialSampler(dataset)
                )
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.collate_fn = collate_fn
        self._iterable = iterable
        self._iterator = None
        self._progress = None
        self._resume = None
        self._fixed = True

    def __setattr__(self, name, value):
        if self._fixed and name in _FIXED:
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized"
            )
        super().__setattr__(name, value)

    def __class_getitem__(cls, item):
        return cls  # DataLoader[Sample], as annotations write it

    @property
    def multiprocessing_context(self):
        """How workers start, as given."""
        return self._context

    @multiprocessing_context.setter
    def multiprocessing_context(self, choice):
        if choice is not None:
            if self.num_workers == 0:
                raise ValueError(
                    "DataLoader: multiprocessing_context can only be used with multi-process "
                    f"loading (num_workers > 0), but got num_workers={self.num_workers}"
                )
            known = [*multiprocessing.get_all_start_methods(), "thread"]
            if isinstance(choice, str) and choice not in known:
                raise ValueError(
                    "DataLoader: multiprocessing_context should specify a valid start method in "
                    f"{known}, but got {choice!r}"
                )
            if not isinstance(choice, (str, multiprocessing.context.BaseContext)):
                raise TypeError(
                    "DataLoader: multiprocessing_context should be a context or the name of a "
                    f"start method, but got {choice!r}"
                )
        self._context = choice

    def __iter__(self):
        if not (self.persistent_workers and self.num_workers):
            return _Iterator(self)
        if self._iterator is None or not self._iterator.usable:
            self._iterator = _Iterator(self)
        else:
            self._iterator.restart(self)
        return self._iterator

    def __len__(self):
        if not self._iterable:
            return len(self._indices)
        count = len(self.dataset)
        if self.batch_size is None:
            return count
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)

    @property
    def _indices(self):
        """What says which samples to load: lists of indices, or single ones."""
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def _setup(self):
        return Setup(
            self.dataset,
            self.collate_fn,
            self.batch_sampler is not None,
            self._iterable,
            self.drop_last,
            self.worker_init_fn,
            self.num_workers,
        )

    def _generators(self):
        """Return the generators, other than the default one, that an epoch draws from."""
        holders = (self, self.sampler, self.batch_sampler, getattr(self._indices, "sampler", None))
        found = {}
        for holder in holders:
            generator = getattr(holder, "generator", None)
            if isinstance(generator, Generator):
                found.setdefault(id(generator), generator)
        return list(found.values())

    def state_dict(self):
        """
        Return where the loop over this loader is.

        Returns
        -------
        dict
            Plain numbers: ``seed`` of the epoch (None between epochs), ``batches`` that the loop
            was given, and the states of the ``generators`` of the loader and its samplers when the
            epoch began (now, between epochs). The default generator is the program's to save.
        """
        progress = self._progress
        if progress is None or progress.finished:
            states = [[g._seed, g._offset] for g in self._generators()]
            return {"seed": None, "batches": 0, "generators": states}
        return {
            "seed": progress.seed,
            "batches": progress.batches,
            "generators": [list(state) for state in progress.generators],
        }

    def load_state_dict(self, state_dict):
        """
        Let the next loop go on where a state says.

        Parameters
        ----------
        state_dict : dict
            From `state_dict` of a loader made in the same way. (The number of workers may differ
            unless the dataset is iterable.)

        Raises
        ------
        ValueError
            It is no such state, or of a loader with other generators.
        """
        try:
            seed, batches, states = (state_dict[k] for k in ("seed", "batches", "generators"))
            seed = None if seed is None else operator.index(seed)
            batches = operator.index(batches)
            states = [(operator.index(a), operator.index(b)) for a, b in states]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"DataLoader: not a state of a loader: {error!r}") from error
        generators = self._generators()
        if len(states) != len(generators) or batches < 0:
            raise ValueError(
                f"DataLoader: a state of {len(states)} generators and {batches} batches, for a "
                f"loader of {len(generators)} generators"
            )
        for generator, (key, offset) in zip(generators, states, strict=True):
            generator._seed, generator._offset = key, offset
        self._progress = None
        self._resume = None if seed is None else (seed, batches)


_FIXED = {
    "batch_size",
    "batch_sampler",
    "sampler",
    "drop_last",
    "dataset",
    "persistent_workers",
}


def _check_workers(num_workers, timeout, prefetch_factor, persistent_workers):
    if num_workers < 0:
        raise ValueError(
            "DataLoader: num_workers option should be non-negative; use num_workers=0 to load in "
            f"the main process, got {num_workers}"
        )
    if timeout < 0:
        raise ValueError(f"DataLoader: timeout option should be non-negative, got {timeout}")
    if num_workers == 0 and timeout > 0:
        raise ValueError("DataLoader: timeout needs num_workers > 0")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError("DataLoader: prefetch_factor option needs num_workers > 0")
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("DataLoader: prefetch_factor option should be non-negative")
    if persistent_workers and num_workers == 0:
        raise ValueError("DataLoader: persistent_workers option needs num_workers > 0")


def _check_iterable(shuffle, sampler, batch_sampler):
    for name, value in [
        ("shuffle", shuffle),
        ("sampler", sampler),
        ("batch_sampler", batch_sampler),
    ]:
        if value is not None and value is not False:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got "
                f"{name}={value}"
            )


def _check_batches(batch_size, shuffle, sampler, batch_sampler, drop_last):
    if sampler is not None and shuffle:
        raise ValueError("DataLoader: sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError(
                "DataLoader: batch_sampler option is mutually exclusive with batch_size, shuffle, "
                "sampler, and drop_last"
            )
    elif batch_size is None and drop_last:
        raise ValueError(
            "DataLoader: batch_size=None option disables auto-batching and is mutually exclusive "
            "with drop_last"
        )


class _Progress:
    """How far a loop over a loader is."""

    def __init__(self, seed, generators):
        self.seed = seed
        self.generators = generators
        self.batches = 0
        self.finished = False


class _Iterator:
    """One loop over a loader (with persistent workers: one after the other)."""

    def __init__(self, loader):
        self._pool = self._fetch = None
        self.restart(loader)

    def restart(self, loader):
        """Begin an epoch, or go on with the one of a state that was loaded."""
        resume, loader._resume = loader._resume, None
        states = [(g._seed, g._offset) for g in loader._generators()]
        seed, skipped = resume or (draw_seed(loader.generator), 0)
        if resume and loader.generator is not None:
            draw_seed(loader.generator)  # as the epoch did when it began
        self._progress = loader._progress = _Progress(seed, states)
        self._progress.batches = skipped
        generator = order_generator(seed)
        with standing_in(generator):
            indices = iter(loader._indices)
        self._tasks = _tasks(indices, generator, loader.batch_sampler is not None)
        self._keeps_workers = loader.persistent_workers
        if not loader._iterable:
            next(itertools.islice(self._tasks, skipped, skipped), None)
        setup = loader._setup()
        if not loader.num_workers:
            self._fetch = setup.fetcher(seed)
        else:
            if self._pool is None:
                self._pool = Pool(
                    setup,
                    seed,
                    context_of(loader.multiprocessing_context),
                    loader.prefetch_factor,
                    loader.timeout,
                    loader.in_order,
                )
            self._pool.start(seed, self._tasks)
        if loader._iterable:
            for _ in range(skipped):
                self._next()

    @property
    def usable(self):
        """Whether the workers are still there."""
        return self._pool.close.alive

    def __iter__(self):
        return self

    def _next(self):
        return self._fetch(next(self._tasks)) if self._pool is None else self._pool.next()

    def __next__(self):
        try:
            batch = self._next()
        except StopIteration:
            self._progress.finished = True
            if self._pool is not None and not self._keeps_workers:
                self._pool.close()
            raise
        self._progress.batches += 1
        return batch


def _tasks(indices, generator, batched):
    """Yield the tasks of an epoch; samplers draw from a generator of the epoch."""
    first = 0
    for number in itertools.count():
        with standing_in(generator):
            try:
                chosen = next(indices)
            except StopIteration:
                return
        if batched and not hasattr(chosen, "__len__"):
            chosen = list(chosen)
        yield Task(number, first, chosen)
        first += len(chosen) if batched else 1
