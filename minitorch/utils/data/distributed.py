"""The part of a dataset that one of several processes visits."""

from __future__ import annotations

import math

from ... import distributed, ops
from ...random import Generator
from .sampler import Sampler

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler):
    """Share the samples of a dataset out among processes: each visits every n-th of an order.

    Parameters
    ----------
    dataset : Dataset
    num_replicas : int, optional
        How many processes there are; 1 unless given.
    rank : int, optional
        Which of them this is, from 0; 0 unless given.
    shuffle : bool, default True
        Take them from an order drawn from `seed` and the epoch, the same in every process.
    seed : int, default 0
    drop_last : bool, default False
        False: repeat the first samples so that all processes visit equally many. True: leave out
        the last ones for that.

    Raises
    ------
    ValueError
        `rank` is not from 0 to ``num_replicas - 1``.
    """

    def __init__(
        self, dataset, num_replicas=None, rank=None, shuffle=True, seed=0, drop_last=False
    ):
        started = distributed.is_initialized()
        if num_replicas is None:
            num_replicas = distributed.get_world_size() if started else 1
        if rank is None:
            rank = distributed.get_rank() if started else 0
        if not 0 <= rank < num_replicas:
            raise ValueError(
                f"DistributedSampler: Invalid rank {rank}, rank should be in the interval "
                f"[0, {num_replicas - 1}]"
            )
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        self.shuffle = shuffle
        self.seed = seed
        count = len(dataset)
        self.num_samples = count // num_replicas if drop_last else math.ceil(count / num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self):
        count = len(self.dataset)
        if self.shuffle:
            generator = Generator().manual_seed(self.seed + self.epoch)
            indices = ops.random.randperm(count, generator=generator).tolist()
        else:
            indices = list(range(count))
        while indices and len(indices) < self.total_size:
            indices += indices[: self.total_size - len(indices)]
        return iter(indices[self.rank : self.total_size : self.num_replicas])

    def __len__(self):
        return self.num_samples

    def set_epoch(self, epoch):
        """Choose the order of an epoch: the same number gives the same order.

        Parameters
        ----------
        epoch : int
        """
        self.epoch = epoch
