"""Random numbers: generators whose state is two integers.

A generator is a seed and an offset. Numbers are a function of both and of nothing else (Philox, a
counter-based generator: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), so
their state is saved and restored as two integers, and they do not depend on the number of threads.
"""

from __future__ import annotations

import contextlib
import os
import threading

import numpy as np

from .device import CPU
from .device import check as check_device

__all__ = [
    "Generator",
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]

Tensor = None  # the class, set by minitorch.tensor when it is defined

_DEFAULT_SEED = 67280421310721  # PyTorch's
_LIMIT = 1 << 64


class Generator:
    """A stream of random numbers.

    Parameters
    ----------
    device : optional
        ``"cpu"``.
    """

    def __init__(self, device="cpu"):
        check_device("Generator", device)
        self.device = CPU
        self._lock = threading.Lock()
        self._seed, self._offset = _DEFAULT_SEED, 0

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream that belongs to a seed, and return the generator.

        Parameters
        ----------
        seed : int
            From -2**63 to 2**64 - 1; negative ones count as ``2**64 + seed``.
        """
        number = int(seed)
        if not -(_LIMIT // 2) <= number < _LIMIT:
            raise RuntimeError(f"manual_seed: seed must be from -2**63 to 2**64 - 1, got {seed}")
        with self._lock:
            self._seed, self._offset = number % _LIMIT, 0
        return self

    def seed(self) -> int:
        """Start a stream that cannot be foreseen, and return its seed."""
        number = int.from_bytes(os.urandom(8), "little")
        self.manual_seed(number)
        return number

    def initial_seed(self) -> int:
        """Return the seed of the stream."""
        return self._seed

    def get_state(self):
        """Return the state as a Tensor of bytes."""
        with self._lock:
            state = np.array([self._seed, self._offset], np.uint64)
        return Tensor._wrap(state.view(np.uint8))

    def set_state(self, new_state) -> None:
        """Go to a state that `get_state` returned.

        Parameters
        ----------
        new_state : Tensor
            Of uint8.

        Raises
        ------
        TypeError
            If it is no Tensor of bytes.
        RuntimeError
            If it has another size than a state has.
        """
        array = getattr(new_state, "_array", None)
        if array is None or array.dtype != np.uint8:
            raise TypeError("set_state: expected a state from get_state(), a Tensor of uint8")
        if array.size != 16:
            raise RuntimeError(f"set_state: a state has 16 bytes, got {array.size}")
        state = np.ascontiguousarray(array).view(np.uint64)
        with self._lock:
            self._seed, self._offset = int(state[0]), int(state[1])

    def take(self, count: int) -> tuple[int, int]:
        """Reserve `count` counters of the stream; return the seed and the first of them.

        Parameters
        ----------
        count : int
        """
        with self._lock:
            offset = self._offset
            self._offset = (offset + max(count, 1)) % _LIMIT
            return self._seed, offset

    def __getstate__(self):
        return {"state": self.get_state()}

    def __setstate__(self, state):
        self.__init__()
        self.set_state(state["state"])


_local = threading.local()  # .generator: what stands in for the default generator in a thread


class _DefaultGenerator(Generator):
    """The generator used where none is given; inside of `standing_in` it is another one."""

    def manual_seed(self, seed):
        other = getattr(_local, "generator", None)
        return super().manual_seed(seed) if other is None else other.manual_seed(seed)

    def initial_seed(self):
        other = getattr(_local, "generator", None)
        return super().initial_seed() if other is None else other.initial_seed()

    def get_state(self):
        other = getattr(_local, "generator", None)
        return super().get_state() if other is None else other.get_state()

    def set_state(self, new_state):
        other = getattr(_local, "generator", None)
        return super().set_state(new_state) if other is None else other.set_state(new_state)

    def take(self, count):
        other = getattr(_local, "generator", None)
        return super().take(count) if other is None else other.take(count)


default_generator = _DefaultGenerator()

if hasattr(os, "register_at_fork"):  # another thread may hold the lock at that moment
    os.register_at_fork(
        after_in_child=lambda: setattr(default_generator, "_lock", threading.Lock())
    )


class standing_in:
    """Context manager: in this thread the default generator is `generator`.

    That is how a data loader gives every sample numbers of its own, which depend neither on the
    process that loads it nor on what else is drawn meanwhile.
    """

    def __init__(self, generator: Generator):
        self.generator = generator

    def __enter__(self):
        self.outer = getattr(_local, "generator", None)
        _local.generator = self.generator
        return self.generator

    def __exit__(self, *exception):
        _local.generator = self.outer


def stand_in():
    """Return what stands in for the default generator in this thread, or None."""
    return getattr(_local, "generator", None)


def manual_seed(seed: int) -> Generator:
    """Start the stream of random numbers that belongs to a seed; see `Generator.manual_seed`.

    Returns
    -------
    Generator
        The one that is used where none is given.
    """
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Start a stream of random numbers that cannot be foreseen, and return its seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """Return the seed of the stream of random numbers."""
    return default_generator.initial_seed()


def get_rng_state():
    """Return the state of the default generator as a Tensor of bytes."""
    return default_generator.get_state()


def set_rng_state(new_state) -> None:
    """Go to a state that `get_rng_state` returned; see `Generator.set_state`."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(devices=None, enabled=True, device_type="cpu"):
    """Return a context after which the default generator is where it was before.

    Parameters
    ----------
    devices, device_type : optional
        Accepted for compatibility.
    enabled : bool
        ``False``: do nothing.
    """
    if not enabled:
        yield
        return
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)
