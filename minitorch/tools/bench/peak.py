"""What the machine can do at most."""

from __future__ import annotations

import time

import numpy as np

from minitorch import kernels

__all__ = ["measure_peak"]


def measure_peak(unit, seconds=0.3, dtype="float32"):
    """
    Measure multiply-adds on registers, or scaling a large array, on all threads.

    Parameters
    ----------
    unit : {"GFLOP/s", "GB/s"}
    seconds : float
    dtype : {"float32", "float64"}
        Of the multiply-adds.

    Returns
    -------
    float
        The best of all runs.
    """
    run = _scaling() if unit == "GB/s" else _multiply_adds(dtype)
    clock = time.perf_counter
    rates, end = [], clock() + seconds
    while len(rates) < 3 or clock() < end:
        start = clock()
        amount = run()
        rates.append(amount / (clock() - start) / 1e9)
    return max(rates)


def _scaling():
    x = np.ones(64 << 20 >> 2, np.float32)
    out = np.ones_like(x)

    def run():
        kernels.unary("scale", x, out=out, a=1.5)
        return 2 * x.nbytes

    return run


def _multiply_adds(dtype):
    pieces = 4 * kernels.get_num_threads()
    return lambda: kernels.peak(dtype, pieces)
