"""Choosing elements and weighted sums, on every instruction set and number of threads."""

import numpy as np
import pytest

from minitorch import kernels
from minitorch.ops.resample import Table

RNG = np.random.default_rng(0)


@pytest.fixture(params=kernels.info()["available"])
def isa(request):
    before = kernels.info()["isa"]
    kernels.set_isa(request.param)
    yield request.param
    kernels.set_isa(before)


def random_table(size, count, taps, near):
    """Return a table with places close together or anywhere, some missing."""
    if near:
        start = np.sort(RNG.integers(0, size, count))[:, None]
        index = np.minimum(start + np.arange(taps), size - 1)
    else:
        index = RNG.integers(0, size, (count, taps))
    index[RNG.random(index.shape) < 0.1] = -1
    return Table(size, index, RNG.integers(-3, 4, index.shape))


def matrix(table):
    result = np.zeros((len(table.index), table.size))
    for o, (places, weights) in enumerate(zip(table.index, table.weight, strict=True)):
        for place, weight in zip(places, weights, strict=True):
            if place >= 0:
                result[o, place] += weight
    return result


CASES = [
    (1, 1, 1, 1, 1, True),
    (5, 9, 7, 30, 2, True),
    (9, 5, 40, 17, 3, True),
    (40, 300, 33, 70, 2, False),
    (300, 4, 1100, 5, 70, True),
    (6, 13, 20, 2500, 4, True),
    (3, 0, 4, 5, 1, True),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
def test_resample(case, dtype, isa):
    rows, high, columns, wide, taps, near = case
    x = RNG.integers(-3, 4, (2, 3, rows, columns)).astype(dtype)
    h, w = random_table(rows, high, taps, near), random_table(columns, wide, taps, near)
    by_h = np.einsum("oi,ncij->ncoj", matrix(h), x)
    both = np.einsum("oj,ncij->ncio", matrix(w), by_h)
    np.testing.assert_array_equal(kernels.resample(x, (h, w)), both)
    np.testing.assert_array_equal(kernels.resample(x, (h, None)), by_h)
    np.testing.assert_array_equal(
        kernels.resample(x, (None, w)), np.einsum("oj,ncij->ncio", matrix(w), x)
    )
    back = kernels.resample(both.astype(dtype), (h.transposed, w.transposed))
    expected = np.einsum("oi,oncj->ncij", matrix(h), np.moveaxis(both, 2, 0))
    np.testing.assert_array_equal(back, np.einsum("oj,ncio->ncij", matrix(w), expected))


def test_resample_three_dimensions(isa):
    x = RNG.integers(-3, 4, (2, 5, 6, 7)).astype(np.float32)
    tables = [random_table(n, 4, 2, False) for n in x.shape[1:]]
    expected = np.einsum("ai,bj,ck,nijk->nabc", *map(matrix, tables), x)
    np.testing.assert_array_equal(kernels.resample(x, tables), expected)


def test_threads_make_no_difference(isa):
    x = RNG.standard_normal((3, 200, 300)).astype(np.float32)
    before = kernels.get_num_threads()
    for high, wide in ((400, 600), (90, 70)):
        tables = random_table(200, high, 4, True), random_table(300, wide, 4, True)
        results = []
        for threads in (1, 2, 7):
            kernels.set_num_threads(threads)
            results.append(kernels.resample(x, tables))
        assert all(np.array_equal(results[0], other) for other in results)
    kernels.set_num_threads(before)


def test_nothing_spreads_to_where_no_tap_reads(isa):
    x = np.full((4, 40), np.nan, np.float32)
    x[:, ::2] = 1
    index = np.arange(0, 40, 2)[:, None] + np.array([[0, -100]])
    table = Table(40, np.where(index < 0, -1, index), np.ones((20, 2)))
    np.testing.assert_array_equal(kernels.resample(x, (table,)), np.ones((4, 20)))


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.int64])
def test_remap(dtype):
    x = RNG.integers(1, 9, (3, 4, 5, 60)).astype(dtype)
    maps = [RNG.integers(-1, n, m) for n, m in zip(x.shape[1:], (6, 3, 90), strict=True)]
    maps[2][10:40] = np.arange(7, 37)
    expected = x[:, maps[0]][:, :, maps[1]][:, :, :, maps[2]]
    expected[:, maps[0] < 0] = 7
    expected[:, :, maps[1] < 0] = 7
    expected[:, :, :, maps[2] < 0] = 7
    np.testing.assert_array_equal(kernels.remap(x, maps, 7), expected)
    doubled = kernels.remap(x, [np.arange(10) // 2, np.arange(120) // 2])
    np.testing.assert_array_equal(doubled, x.repeat(2, 2).repeat(2, 3))
    with pytest.raises(RuntimeError):
        kernels.remap(x, [np.array([60])])
