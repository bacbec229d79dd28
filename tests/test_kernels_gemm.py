"""The kernels of matrix multiplication: exact on small integers, on every instruction set.

Sums of small integers are exact whatever their order, so results are compared for equality.
"""

import itertools

import numpy as np
import pytest

from minitorch import kernels

ISAS = kernels.info()["available"]


@pytest.fixture(autouse=True)
def restored():
    """Leave instruction set and thread count as they were."""
    before = kernels.info()
    yield
    kernels.set_isa(before["isa"])
    kernels.set_num_threads(before["threads"])


SIZES = [  # rows, columns, depth: one element, tails of every tile, skinny, deep, empty
    (1, 1, 1),
    (3, 5, 7),
    (8, 48, 192),
    (9, 49, 193),
    (64, 64, 64),
    (100, 1, 300),
    (1, 100, 300),
    (1, 600, 1000),
    (2, 70, 1000),
    (4, 4, 500),
    (5, 3, 129),
    (200, 300, 700),
    (400, 130, 300),
    (257, 129, 1),
    (16, 16, 20000),
    (300, 1000, 13),
    (1000, 3, 64),
    (33, 65, 9000),
    (5, 5, 0),
    (0, 4, 4),
    (4, 0, 4),
]


def matrix(rng, rows, columns, layout, dtype):
    """Return small integers stored by rows, by columns, or with gaps and backwards."""
    if layout == "columns":
        return matrix(rng, columns, rows, "rows", dtype).T
    if layout == "gaps":
        return rng.integers(-3, 4, (2 * rows, 2 * columns)).astype(dtype)[::-2, ::2]
    return rng.integers(-3, 4, (rows, columns)).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", SIZES, ids=lambda v: "x".join(map(str, v)))
def test_exact(size, dtype):
    rng = np.random.default_rng(0)
    m, n, k = size
    layouts = ("rows", "columns", "gaps")
    for layout_a, layout_b, with_bias in itertools.product(layouts, layouts, (False, True)):
        a, b = matrix(rng, m, k, layout_a, dtype), matrix(rng, k, n, layout_b, dtype)
        bias = rng.integers(-3, 4, n).astype(dtype) if with_bias else None
        # int64 products are exact and foreign to us
        want = np.int64(a) @ np.int64(b) + (0 if bias is None else np.int64(bias))
        for isa, threads in itertools.product(ISAS, (1, 2, 7)):
            kernels.set_isa(isa)
            kernels.set_num_threads(threads)
            result = kernels.gemm(a, b, bias)
            assert result.dtype == dtype
            np.testing.assert_array_equal(result, want, f"{isa} {threads} {layout_a} {layout_b}")


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((5,), (5,)),
        ((5,), (5, 3)),
        ((4, 5), (5,)),
        ((2, 4, 5), (5, 3)),
        ((4, 5), (2, 5, 3)),
        ((7, 4, 5), (7, 5, 3)),
        ((7, 1, 4, 5), (3, 5, 6)),
        ((2, 4, 5), (5,)),
        ((5,), (2, 5, 3)),
        ((0, 4, 5), (5, 3)),
        ((0, 4, 5), (0, 5, 3)),
        ((2, 4, 0), (2, 0, 3)),
        ((3, 70, 80), (3, 80, 90)),
    ],
)
def test_matmul_shapes(a, b):
    rng = np.random.default_rng(0)
    a, b = (rng.integers(-3, 4, shape).astype(np.float32) for shape in (a, b))
    want = np.matmul(np.int64(a), np.int64(b))
    for x, y in ((a, b), (np.asfortranarray(a), np.asfortranarray(b))):
        result = kernels.matmul(x, y)
        assert result.shape == want.shape
        np.testing.assert_array_equal(result, want)
    out = np.full(want.shape, 7, np.float32)
    assert kernels.matmul(a, b, out=out) is out
    np.testing.assert_array_equal(out, want)


def test_unusual_steps():
    """Rows that are one row, rows that collide in the caches, fields of records."""
    rng = np.random.default_rng(0)
    wide = rng.integers(-3, 4, (260, 2048)).astype(np.float32)
    records = np.zeros((3, 260, 300), [("x", np.float32), ("y", np.int16)])
    records["x"] = rng.integers(-3, 4, records.shape)
    others = (np.broadcast_to(wide[:1, :100], (260, 100)), wide[:, 1:101], records["x"])
    for rows, b in itertools.product((1, 20, 300), others):
        a = rng.integers(-3, 4, (rows, 260)).astype(np.float32)
        np.testing.assert_array_equal(kernels.matmul(a, b), np.int64(a) @ np.int64(b))


@pytest.mark.parametrize("size", [(70, 90, 500), (200, 300, 1000), (64, 64, 30000), (1, 900, 700)])
def test_bits_do_not_depend_on_threads(size):
    m, n, k = size
    rng = np.random.default_rng(0)
    a = rng.standard_normal((m, k)).astype(np.float32)
    b = rng.standard_normal((k, n)).astype(np.float32)
    for isa in ISAS:
        kernels.set_isa(isa)
        seen = set()
        for threads in (1, 2, 3, 7):
            kernels.set_num_threads(threads)
            seen.add(kernels.gemm(a, b).tobytes())
        assert len(seen) == 1
        np.testing.assert_allclose(kernels.gemm(a, b), np.float64(a) @ b, rtol=0, atol=1e-3)


def test_non_finite_values_meet_zeros():
    a, b = np.zeros((9, 70), np.float32), np.ones((70, 50), np.float32)
    a[:, :2] = 1
    b[30, 7] = np.inf
    b[31, 8] = np.nan
    result = kernels.gemm(a, b)
    assert np.isnan(result[:, 7:9]).all()  # 0 * inf and 0 * nan
    assert (np.delete(result, [7, 8], 1) == 2).all()


def test_float16_is_computed_in_float32():
    a = np.full((3, 400), 0.1, np.float16)
    want = np.float16((np.float32(a) * np.float32(a)).sum(1)[0])
    assert kernels.matmul(a, a.T).dtype == np.float16
    assert (kernels.gemm(a, a.T) == want).all()


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("activation", [None, ("relu",), ("clamp", -2, 3), ("leaky_relu", 0.25)])
@pytest.mark.parametrize(
    "size", [(9, 70, 300), (1, 70, 90), (3, 4, 90), (16, 16, 20000), (5, 1, 7)]
)
def test_epilogue(size, activation, accumulate):
    m, n, k = size
    rng = np.random.default_rng(0)
    a, b = matrix(rng, m, k, "rows", "float32"), matrix(rng, k, n, "rows", "float32")
    bias, before = (rng.integers(-3, 4, shape).astype(np.float32) for shape in (n, (m, n)))
    a[0] = b[:, 0] = before[0] = bias[0] = 0
    before[0, 0] = np.nan
    want = np.float64(a) @ np.float64(b) + bias + before * accumulate
    if not accumulate:
        want[0, 0] = 0  # nan * 0
    if activation:
        name, *values = activation
        want = {
            "relu": lambda x: np.maximum(x, 0),
            "clamp": np.clip,
            "leaky_relu": lambda x, slope: np.where(x < 0, slope * x, x),
        }[name](want, *values)
    for isa, b_layout in itertools.product(ISAS, "CF"):
        kernels.set_isa(isa)
        out = before.copy()
        epilogue = kernels.epilogue(activation, accumulate)
        result = kernels.gemm(a, np.asarray(b, order=b_layout), bias, out, epilogue)
        assert result is out
        np.testing.assert_array_equal(result, want, isa)
