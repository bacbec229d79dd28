"""Pooling, optimiser steps and random numbers, on every instruction set and number of threads."""

import numpy as np
import pytest
import reference

from minitorch import kernels
from minitorch.geometry import Window

RNG = np.random.default_rng(0)


@pytest.fixture(params=kernels.info()["available"])
def isa(request):
    before = kernels.info()["isa"]
    kernels.set_isa(request.param)
    yield request.param
    kernels.set_isa(before)


def for_threads(compute):
    """Return the result, after checking that the number of threads makes no difference to it."""
    before = kernels.get_num_threads()
    results = []
    for threads in (1, 2, 7):
        kernels.set_num_threads(threads)
        results.append(compute())
    kernels.set_num_threads(before)
    assert all(np.array_equal(results[0], other, equal_nan=True) for other in results[1:])
    return results[0]


CASES = [
    ((9,), 3, 1, 1, 1, False),
    ((40,), 2, 2, 0, 1, False),
    ((31,), 5, 3, 2, 2, True),
    ((7, 9), 2, 2, 0, 1, False),
    ((8, 7), 3, 2, 1, 1, True),
    ((6, 10), (2, 3), (1, 2), (1, 0), (2, 1), False),
    ((3, 5, 6), 2, 2, 1, 1, True),
    ((5, 4, 5), 3, 1, 1, 1, False),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("images", [2, 6])  # few planes, line by line; many, by a table of places
def test_max_pool(case, images, dtype, isa):
    size, kernel, stride, padding, dilation, ceil_mode = case
    window = Window.of(len(size), kernel, stride, padding, dilation, 1, ceil_mode)
    x = RNG.integers(-3, 4, (images, 3, *size)).astype(dtype)
    x.ravel()[RNG.integers(0, x.size, 9)] = np.nan
    x.ravel()[RNG.integers(0, x.size, 9)] = -np.inf
    want, places = reference.max_pool(x, kernel, stride, padding, dilation, ceil_mode)
    got, indices = kernels.max_pool(x, window)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(indices, places)
    grad = RNG.integers(-3, 4, got.shape).astype(dtype)
    back = kernels.max_pool_backward(grad, indices, size)
    np.testing.assert_array_equal(back, reference.max_pool_grad(grad, places, size))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", [case for case in CASES if case[4] == 1])
def test_avg_pool(case, dtype, isa):
    size, kernel, stride, padding, _, ceil_mode = case
    window = Window.of(len(size), kernel, stride, padding, 1, 1, ceil_mode)
    x = RNG.integers(-3, 4, (2, 3, *size)).astype(dtype)
    for include, divisor in ((True, None), (False, None), (True, 5)):
        want = reference.avg_pool(x, kernel, stride, padding, ceil_mode, include, divisor)
        got = kernels.avg_pool(x, window, include, divisor)
        np.testing.assert_allclose(got, want, rtol=4 * np.finfo(dtype).eps)
        grad = RNG.standard_normal(got.shape).astype(dtype)
        back = kernels.avg_pool_backward(grad, window, size, include, divisor)
        np.testing.assert_allclose((back * x).sum(), (grad * want).sum(), rtol=1e-3, atol=1e-4)


PARTS = [
    ((40,), (7,)),
    ((9, 30), (4, 7)),
    ((6, 33), (9, 40)),
    ((5, 8, 21), (2, 3, 1)),
    ((7, 7), (1, 1)),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("size", "output_size"), PARTS)
def test_adaptive_pool(size, output_size, dtype, isa):
    x = RNG.integers(-3, 4, (2, 3, *size)).astype(dtype)
    want = reference.adaptive_avg_pool(x, output_size)
    got = for_threads(lambda: kernels.adaptive_pool("avg", x, output_size)[0])
    np.testing.assert_allclose(got, want, rtol=8 * np.finfo(dtype).eps, atol=1e-6)
    grad = RNG.standard_normal(got.shape).astype(dtype)
    back = for_threads(lambda: kernels.adaptive_avg_pool_backward(grad, size))
    np.testing.assert_allclose((back * x).sum(), (grad * want).sum(), rtol=1e-3, atol=1e-4)
    x.ravel()[RNG.integers(0, x.size, 9)] = np.nan
    x.ravel()[RNG.integers(0, x.size, 9)] = -np.inf
    want, places = reference.adaptive_max_pool(x, output_size)
    got, indices = kernels.adaptive_pool("max", x, output_size)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(indices, places)
    np.testing.assert_array_equal(kernels.adaptive_pool("max", x, output_size, False)[0], want)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_pooling_of_very_long_rows(stride, isa):
    x = RNG.integers(-9, 10, (1, 2, 13_001)).astype(np.float32)
    window = Window.of(1, 3, stride, 1)
    want, places = reference.max_pool(x, 3, stride, 1)
    got, indices = kernels.max_pool(x, window)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(indices, places)
    grad = RNG.integers(-9, 10, got.shape).astype(np.float32)
    back = kernels.avg_pool_backward(grad, window, x.shape[2:], divisor=1)
    assert (back * x).sum() == (grad * kernels.avg_pool(x, window, divisor=1)).sum()


def test_pooling_of_wide_rows_and_threads(isa):
    x = RNG.standard_normal((2, 8, 20, 700)).astype(np.float32)
    window = Window.of(2, 3, 2, 1)
    for_threads(lambda: kernels.max_pool(x, window)[1])
    y, indices = kernels.max_pool(x, window)
    np.testing.assert_array_equal(
        y, np.take_along_axis(x.reshape(2, 8, -1), indices.reshape(2, 8, -1), 2).reshape(y.shape)
    )
    for_threads(lambda: kernels.max_pool_backward(y, indices, x.shape[2:]))
    for_threads(lambda: kernels.avg_pool(x, window))
    for_threads(lambda: kernels.avg_pool_backward(y, window, x.shape[2:]))


def test_pooling_of_no_images():
    window = Window.of(2, 2, 2)
    y, indices = kernels.max_pool(np.empty((0, 3, 4, 4), np.float32), window)
    assert y.shape == indices.shape == (0, 3, 2, 2)
    assert kernels.max_pool_backward(y, indices, (4, 4)).shape == (0, 3, 4, 4)
    assert kernels.avg_pool(np.empty((2, 0, 4, 4)), window).shape == (2, 0, 2, 2)
    with pytest.raises(IndexError):
        kernels.max_pool_backward(np.ones((1, 1, 1)), np.full((1, 1, 1), 9), (3,))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sgd(torch, dtype, isa):
    for momentum, dampening, decay, nesterov, maximize in [
        (0, 0, 0, False, False), (0.9, 0, 0.1, True, False), (0.9, 0.3, 0.1, False, True),
    ]:  # fmt: skip
        starts = [RNG.standard_normal(n).astype(dtype) for n in (0, 1, 17, 40_000)]
        theirs = [torch.tensor(p, requires_grad=True) for p in starts]
        optimizer = torch.optim.SGD(
            theirs, 0.1, momentum, dampening, decay, nesterov, maximize=maximize
        )
        ours = [p.copy() for p in starts]
        buffers = [np.full_like(p, np.nan) for p in ours] if momentum else None
        for step in range(3):
            grads = [RNG.standard_normal(p.shape).astype(dtype) for p in ours]
            for p, g in zip(theirs, grads, strict=True):
                p.grad = torch.from_numpy(g)
            optimizer.step()
            kernels.sgd_step(
                ours, grads, buffers, [step == 0] * 4, lr=0.1, momentum=momentum,
                dampening=dampening, weight_decay=decay, nesterov=nesterov, maximize=maximize,
            )  # fmt: skip
        for p, q in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(p, q.detach().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adam(torch, dtype, isa):
    for decoupled, amsgrad, maximize in [
        (False, False, False),
        (True, True, False),
        (False, True, True),
    ]:
        starts = [RNG.standard_normal(n).astype(dtype) for n in (3, 40_001)]
        theirs = [torch.tensor(p, requires_grad=True) for p in starts]
        make = torch.optim.AdamW if decoupled else torch.optim.Adam
        optimizer = make(theirs, 0.01, weight_decay=0.1, amsgrad=amsgrad, maximize=maximize)
        ours = [p.copy() for p in starts]
        means, squares, maxima = ([np.zeros_like(p) for p in ours] for _ in range(3))
        for step in range(1, 4):
            grads = [RNG.standard_normal(p.shape).astype(dtype) for p in ours]
            for p, g in zip(theirs, grads, strict=True):
                p.grad = torch.from_numpy(g)
            optimizer.step()
            kernels.adam_step(
                ours, grads, means, squares, maxima if amsgrad else None, [step] * 2, lr=0.01,
                beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.1, decoupled=decoupled,
                maximize=maximize,
            )  # fmt: skip
        for p, q in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(p, q.detach().numpy(), rtol=2e-5, atol=2e-6)


def test_steps_write_back_to_strided_and_half_parameters():
    grid = np.ones((4, 6), np.float32)
    half = np.ones(5, np.float16)
    how = dict(momentum=0, dampening=0, weight_decay=0, nesterov=False, maximize=False)  # noqa: C408
    kernels.sgd_step([grid[:, ::2], half], [np.ones((4, 3)), half], None, None, lr=0.5, **how)
    assert (grid[:, ::2] == 0.5).all() and (grid[:, 1::2] == 1).all() and (half == 0.5).all()


def philox(counter, key):
    """One block of Philox 4x32-10 in Python's integers (Salmon et al. 2011)."""
    c, k = list(counter), list(key)
    for _ in range(10):
        p, q = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [q >> 32 ^ c[1] ^ k[0], q & 0xFFFFFFFF, p >> 32 ^ c[3] ^ k[1], p & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def test_philox_is_the_published_one(isa):
    # test vectors of the authors' Random123 library
    assert philox([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    seed, offset = 0x0123456789ABCDEF, (7 << 32) - 3
    x = kernels.random_uniform((2048,), np.float32, seed, offset)
    for i in (0, 1, 255, 256, 700, 1023, 1024, 2047):
        counter = offset + i // 1024 * 256 + i % 256
        words = philox([counter & 0xFFFFFFFF, counter >> 32, 0, 0], [seed & 0xFFFFFFFF, seed >> 32])
        assert x[i] == (words[i % 1024 // 256] >> 8) / 2**24


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_distributions(dtype, isa):
    shape = (100_001,)
    uniform = for_threads(lambda: kernels.random_uniform(shape, dtype, 1, 0, -1, 3))
    assert uniform.dtype == dtype and uniform.min() >= -1 and uniform.max() <= 3
    np.testing.assert_allclose([uniform.mean(), uniform.var()], [1, 16 / 12], atol=0.02)
    normal = for_threads(lambda: kernels.random_normal(shape, dtype, 1, 0, 2, 3))
    z = np.sort((normal.astype(np.float64) - 2) / 3)
    np.testing.assert_allclose(
        [z.mean(), z.var(), (z**3).mean(), (z**4).mean()], [0, 1, 0, 3], atol=0.1
    )
    assert abs(np.corrcoef(normal[:-1], normal[1:])[0, 1]) < 0.02
    bits = kernels.random_bernoulli(shape, dtype, 1, 0, 0.3)
    assert set(np.unique(bits)) == {0, 1} and abs(bits.mean() - 0.3) < 0.01
    x = np.arange(1, 100_002, dtype=dtype)
    y = for_threads(lambda: kernels.dropout(x, 0.3, 2.0, 1, 0))
    np.testing.assert_array_equal(y, np.where(bits == 1, 0, x * 2))


def test_streams_do_not_overlap_and_tails_fit():
    for dtype in (np.float32, np.float64):
        whole = kernels.random_uniform((5000,), dtype, 3, 100)
        assert len(np.unique(whole)) > 4990
        for n in (0, 1, 255, 256, 513, 1024, 1025):
            guarded = kernels.random_uniform((n,), dtype, 3, 100)
            np.testing.assert_array_equal(guarded, whole[:n])
        used = kernels.random_counters((1000,), dtype)
        after = kernels.random_uniform((1000,), dtype, 3, 100 + used)
        assert not np.intersect1d(whole[:1000], after).size > 2
    assert (kernels.dropout(np.ones(9, np.float16), 0.0, 1.0, 0, 0) == 1).all()
    assert kernels.random_normal((3, 0), np.float32, 0, 0).shape == (3, 0)
