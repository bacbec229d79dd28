"""What the machine can do at most."""

from __future__ import annotations

import time

import numpy as np

from minitorch import kernels

__all__ = ["measure_peak"]


def measure_peak(seconds=0.3, dtype="float32"):
    """
    Measure multiply-adds on registers, and scaling a large array, on all threads.

    Parameters
    ----------
    seconds : float
        For each of the two.
    dtype : {"float32", "float64"}
        Of the multiply-adds.

    Returns
    -------
    dict
        ``"GFLOP/s"`` and ``"GB/s"``.
    """
    clock = time.perf_counter

    def best(run):
        rates, end = [], clock() + seconds
        while len(rates) < 3 or clock() < end:
            start = clock()
            amount = run()
            rates.append(amount / (clock() - start) / 1e9)
        return max(rates)

    x = np.ones(64 << 20 >> 2, np.float32)
    out = np.ones_like(x)

    def scale():
        kernels.unary("scale", x, out=out, a=1.5)
        return 2 * x.nbytes

    pieces = 4 * kernels.get_num_threads()
    return {"GFLOP/s": best(lambda: kernels.peak(dtype, pieces)), "GB/s": best(scale)}
