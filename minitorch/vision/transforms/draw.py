"""Random choices of the transforms: single numbers from minitorch's default generator."""

import numpy as np

from ... import kernels
from ...random import default_generator


def uniform(low=0.0, high=1.0):
    """Draw a float from `low` (included) to `high` (not)."""
    seed, offset = default_generator.take(1)
    unit = kernels.random_uniform((1,), np.float64, seed, offset)
    return low + (high - low) * float(unit[0])


def integer(low, high):
    """Draw an int from `low` (included) to `high` (not)."""
    return low + min(int(uniform() * (high - low)), high - low - 1)


def order(count):
    """Draw an order of the numbers from 0 to ``count - 1``."""
    rest = list(range(count))
    return [rest.pop(integer(0, len(rest))) for _ in range(count)]


def choice(weights):
    """Draw a place with a probability in proportion to its weight."""
    total = np.cumsum(weights)
    return int(min(np.searchsorted(total, uniform() * total[-1], "right"), len(weights) - 1))


def normal(shape):
    """Draw an array of standard normally distributed float32 numbers."""
    counters = kernels.random_counters(shape, np.float32)
    return kernels.random_normal(shape, np.dtype(np.float32), *default_generator.take(counters))
