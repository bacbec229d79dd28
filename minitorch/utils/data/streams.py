"""The random numbers of a loader: a stream for every sample, whatever loads it.

All numbers of an epoch follow from its seed, which is drawn once when the epoch starts. Sample n of
the epoch (in the order of the sampler) has a stream of its own, and so have the order itself and
every batch (for its collate function), so the numbers do not depend on the number of workers, nor
on which of them loads what.
"""

from __future__ import annotations

from ... import ops
from ...random import Generator, stand_in

_LIMIT = 1 << 64
# The seeds of the streams of samples, batches and order differ by these; each sample or batch has
# 2**36 counters of its stream, and there is room for 2**28 of them.
_BATCHES, _ORDER = 1, 2
_SHIFT = 36


def draw_seed(generator=None):
    """Draw the seed of an epoch."""
    return int(ops.random.randint(1 << 62, (1,), generator=generator).item())


def order_generator(seed):
    """Return what the order of an epoch is drawn from."""
    return Generator().manual_seed((seed + _ORDER) % _LIMIT)


def worker_generator(seed, worker):
    """Return what an iterable dataset draws from in one worker."""
    generator = Generator().manual_seed(seed)
    generator._offset = (worker << _SHIFT) % _LIMIT
    return generator


class Streams(Generator):
    """The numbers of an epoch's samples and batches, as one generator that is moved about.

    Parameters
    ----------
    seed : int
        That of the epoch.
    """

    def __init__(self, seed):
        super().__init__()
        self.epoch_seed = seed
        self._places = None
        self._batch = 0

    def start_batch(self, number, first, count):
        """Draw for a batch: its number, the place of its first sample in the epoch, its size."""
        self._batch = (number << _SHIFT) % _LIMIT
        self._places = [((first + k) << _SHIFT) % _LIMIT for k in range(count)]
        self._go(_BATCHES, self._batch)

    def _go(self, kind, offset):
        self._seed, self._offset = (self.epoch_seed + kind) % _LIMIT, offset

    def one_by_one(self, function, indices):
        """Call a function for each index of the batch, each with the numbers of its sample.

        Where one sample asks for several others, they draw its numbers.
        """
        places, self._places = self._places, None
        if places is None or len(places) != len(indices):
            self._places = places
            return [function(index) for index in indices]
        batch = self._offset
        results = []
        try:
            for k, index in enumerate(indices):
                self._go(0, places[k])
                results.append(function(index))
                places[k] = self._offset  # a second pass over the samples goes on from here
        finally:
            self._places = places
            self._go(_BATCHES, batch)
        return results


def one_by_one(function, indices):
    """Call a function for each index, where a loader asks with the numbers of its sample."""
    streams = stand_in()
    if isinstance(streams, Streams):
        return streams.one_by_one(function, indices)
    return [function(index) for index in indices]
