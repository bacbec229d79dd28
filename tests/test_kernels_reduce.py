"""Reductions, normalisation, softmax and cross-entropy against numpy, torch and the reference."""

import itertools

import numpy as np
import pytest
import reference

from minitorch import kernels

RNG = np.random.default_rng(0)
ISAS = kernels.info()["available"]


@pytest.fixture(params=ISAS)
def isa(request):
    before = kernels.info()["isa"]
    kernels.set_isa(request.param)
    yield request.param
    kernels.set_isa(before)


def same_for_threads(compute):
    """Return the result, after checking that the number of threads makes no difference to it."""
    before = kernels.get_num_threads()
    results = []
    for threads in (1, 2, 7):
        kernels.set_num_threads(threads)
        results.append(compute())
    kernels.set_num_threads(before)
    for other in results[1:]:
        pairs = (
            zip(results[0], other, strict=True) if type(other) is tuple else [(results[0], other)]
        )
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)
    return results[0]


FUNCTIONS = {
    "sum": np.sum,
    "mean": np.mean,
    "max": np.max,
    "min": np.min,
    "prod": np.prod,
    "sumsq": lambda x, **how: np.sum(x * x, **how),
    "sumabs": lambda x, **how: np.sum(np.abs(x), **how),
}


def layouts(dtype):
    """Arrays of one shape and every kind of strides."""
    x = (RNG.standard_normal((4, 9, 3, 40)) * 0.05 + 1).astype(dtype)
    yield x
    yield np.asfortranarray(x)
    yield x.transpose(3, 1, 0, 2).copy().transpose(2, 1, 3, 0)
    yield np.repeat(x, 2, axis=3)[..., ::2]
    yield x[::-1, :, ::-1]
    yield np.broadcast_to(x[:, :1], x.shape)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_axes_and_layout(dtype, isa):
    axes = [a for n in range(5) for a in itertools.combinations(range(4), n)]
    for x in layouts(dtype):
        for name, function in FUNCTIONS.items():
            for a in axes:
                got = kernels.reduce(name, x, a)
                want = function(x.astype(np.longdouble), axis=a)
                np.testing.assert_allclose(got, want, rtol=200 * np.finfo(dtype).eps)
                assert got.dtype == dtype and type(got) is np.ndarray


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tails(dtype, isa):
    for n in (*range(41), 129, 1000, 2047, 2049, 70001):
        x = RNG.integers(-3, 4, n).astype(dtype)
        guarded = np.full(n + 2, np.nan, dtype)
        guarded[1:-1] = x
        assert kernels.reduce("sum", guarded[1:-1], None) == x.sum()
        columns = np.stack([x, x + 1, -x])
        np.testing.assert_array_equal(kernels.reduce("sum", columns, (0,)), columns.sum(0))
        np.testing.assert_array_equal(kernels.reduce("sum", columns.T, (0,)), columns.sum(1))
        if n:
            assert kernels.reduce("max", guarded[1:-1], None) == x.max()
            np.testing.assert_array_equal(kernels.reduce("min", columns, (0,)), columns.min(0))
            assert kernels.arg_reduce("max", x, 0) == x.argmax()
            np.testing.assert_array_equal(kernels.arg_reduce("min", columns, 0), columns.argmin(0))


def test_bits_do_not_depend_on_threads(isa):
    x = RNG.standard_normal((3, 7, 20_011)).astype(np.float32)

    def compute():
        results = [
            kernels.reduce(name, view, axes)
            for name in FUNCTIONS
            for axes in ((0,), (2,), (0, 2), (0, 1), None)
            for view in (x, x.T)
        ]
        results += [*kernels.moments(x, (0, 2)), *kernels.moments(x.transpose(2, 0, 1), (0, 1))]
        return np.concatenate([result.ravel() for result in results])

    same_for_threads(compute)


def test_sums_are_accurate(isa):
    x = RNG.random(1_000_003, dtype=np.float32) + 1
    exact = x.sum(dtype=np.longdouble)
    assert abs(kernels.reduce("sum", x, None) - exact) <= np.spacing(np.float32(exact))
    tall = x[:1_000_000].reshape(-1, 8)
    np.testing.assert_allclose(
        kernels.reduce("sum", tall, (0,)), tall.sum(0, dtype=np.float64), rtol=1.3e-7
    )


def test_special_values(isa):
    nan, inf = np.nan, np.inf
    for dtype in (np.float32, np.float64):
        for where in (0, 5, 60, 299):
            x = np.arange(300, dtype=dtype)
            x[where] = nan
            assert np.isnan(kernels.reduce("max", x, None)) and np.isnan(
                kernels.reduce("min", x, None)
            )
            assert kernels.arg_reduce("max", x, 0) == where == kernels.arg_reduce("min", x, 0)
            grid = np.repeat(x[:, None], 20, axis=1)
            assert np.isnan(kernels.reduce("max", grid, (0,))).all()
            assert (kernels.arg_reduce("max", grid, 0) == where).all()
            x[where] = inf
            assert kernels.reduce("sum", x, None) == inf
            x[where - 1] = -inf
            assert np.isnan(kernels.reduce("sum", x, None))
    ties = np.array([1, 5, 2, 5, 5], np.float32)
    assert kernels.arg_reduce("max", ties, 0) == 1
    assert kernels.arg_reduce("max", np.stack([ties, ties]), None) == 1
    assert kernels.arg_reduce("max", np.full(9, -inf), 0) == 0


def test_empty():
    x = np.empty((0, 3), np.float32)
    assert kernels.reduce("sum", x, (0,)).tolist() == [0, 0, 0]
    assert kernels.reduce("prod", x, None) == 1
    assert np.isnan(kernels.reduce("mean", x, (0,))).all()
    assert kernels.reduce("sum", x, (1,)).shape == (0,)
    assert kernels.reduce("sum", x, (0, 1), True).shape == (1, 1)
    assert all(np.isnan(v).all() for v in kernels.moments(x, (0,)))
    assert kernels.reduce("sum", np.float32(3)[()] * np.ones((), np.float32), ()) == 3


def test_integers_and_float16():
    assert kernels.reduce("sum", np.arange(10), None) == 45
    assert kernels.reduce("any", np.array([False, True]), None)
    half = np.full(100_000, 0.5, np.float16)
    assert kernels.reduce("mean", half, None) == 0.5
    assert kernels.reduce("mean", half, None).dtype == np.float16


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_moments(dtype, isa):
    for x in layouts(dtype):
        for axes in ((0, 2, 3), (3,), (0,), None, (1, 2)):
            mean, var = kernels.moments(x, axes)
            wide = x.astype(np.longdouble)
            np.testing.assert_allclose(mean, wide.mean(axes), rtol=5 * np.finfo(dtype).eps)
            np.testing.assert_allclose(
                var, wide.var(axes), rtol=50 * np.finfo(dtype).eps, atol=1e-14
            )
    far = (RNG.standard_normal(100_000) + 1000).astype(dtype)
    mean, var = kernels.moments(far, None)
    np.testing.assert_allclose(var, far.astype(np.longdouble).var(), rtol=1e-5)


SHAPES = [(5, 3, 7, 6), (40, 20), (7, 17, 1), (3, 2, 90, 1000), (0, 3, 2), (2, 3, 0), (1000, 33)]
SHAPES += [(70, 24, 51), (200, 1030), (3, 40, 2100)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm(dtype, shape, isa):
    x, g = (RNG.standard_normal(shape).astype(dtype) + i for i in (3, 0))
    w, b = (RNG.standard_normal(shape[1]).astype(dtype) for _ in range(2))
    mean, var = same_for_threads(lambda: kernels.moments(x, (0, *range(2, x.ndim))))
    y = kernels.batch_norm(x, mean, var, w, b, 1e-5)
    assert y.shape == x.shape
    trained = same_for_threads(lambda: kernels.batch_norm_train(x, w, b, 1e-5))
    for got, want in zip(trained, (y, mean, var), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    gx, gw, gb = kernels.batch_norm_backward(g, x, mean, var, w, 1e-5, True)
    if not x.size:
        return
    tolerance = 200 * np.finfo(dtype).eps
    np.testing.assert_allclose(
        y, reference.batch_norm(x, w, b), rtol=tolerance, atol=tolerance * 10
    )
    wanted = reference.batch_norm_grads(x, w, g)
    for got, want in zip((gx, gw, gb), wanted, strict=True):
        scale = np.abs(want).max()
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * max(scale, 1) * 5)
    same_for_threads(lambda: kernels.batch_norm_backward(g, x, mean, var, w, 1e-5, True)[0])
    fixed = kernels.batch_norm_backward(g, x, mean, var, w, 1e-5, False)[0]
    scale = (w / np.sqrt(var.astype(np.float64) + 1e-5)).reshape(-1, *(1,) * (x.ndim - 2))
    np.testing.assert_allclose(fixed, g * scale, rtol=1e-5)


GROUPS = [
    (3, 2, 5, 7),
    (2, 3, 33, 1),
    (70, 1, 515, 1),
    (5, 4, 1, 2100),
    (2, 2, 3, 20_000),
    (0, 2, 3, 4),
]


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", GROUPS, ids=str)
def test_group_norm(sizes, dtype, centred, isa):
    x, g = (RNG.standard_normal(sizes).astype(dtype) + i for i in (3, 0))
    w, b = (RNG.standard_normal(sizes[1:3]).astype(dtype) for _ in range(2))
    eps, tolerance = 1e-3, 100 * np.finfo(dtype).eps
    y, *statistics = same_for_threads(lambda: kernels.group_norm(x, sizes, w, b, eps, centred))
    wide, gamma = x.astype(np.float64), w[None, :, :, None]
    mean = wide.mean((2, 3), keepdims=True) if centred else 0
    inverse = 1 / np.sqrt(((wide - mean) ** 2).mean((2, 3), keepdims=True) + eps)
    normal = (wide - mean) * inverse
    near = {"rtol": tolerance, "atol": tolerance * 10}
    np.testing.assert_allclose(y, normal * gamma + b[None, :, :, None], **near)
    settings = x, sizes, *statistics, w, eps, centred
    got = same_for_threads(lambda: kernels.group_norm_backward(g, *settings))
    product = g * gamma
    along = (product * normal).mean((2, 3), keepdims=True) * normal
    grad = product - along - (product.mean((2, 3), keepdims=True) if centred else 0)
    np.testing.assert_allclose(got[0], grad * inverse, **near)
    for one, want in zip(got[1:], (g * normal, g), strict=True):
        scale = np.abs(want).sum((0, 3)).max(initial=1)
        np.testing.assert_allclose(one, want.sum((0, 3)), rtol=0, atol=tolerance * scale)
    plain = kernels.group_norm(x, sizes, None, None, eps, centred)[0]
    np.testing.assert_allclose(plain, normal, **near)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax(dtype, isa):
    for shape, axis in [
        ((6, 10), 1), ((6, 10), 0), ((3, 21, 5, 7), 1), ((2, 1000), 1), ((50, 3, 300), 1),
        ((0, 4), 1), ((3, 1), 1), ((700,), 0), *(((2, n), 1) for n in range(1, 40)),
    ]:  # fmt: skip
        x, g = (RNG.standard_normal(shape).astype(dtype) * 5 for _ in range(2))
        for log in (False, True):
            y = same_for_threads(lambda: kernels.softmax(x, axis, log))  # noqa: B023
            want = (reference.log_softmax if log else reference.softmax)(x, axis)
            tolerance = 20 * np.finfo(dtype).eps
            np.testing.assert_allclose(y, want, rtol=tolerance * 3, atol=tolerance)
            got = kernels.softmax_backward(g, y, axis, log)
            if log:
                want = g - np.exp(want) * g.sum(axis, keepdims=True, dtype=np.float64)
            else:
                want = want * (g - (want * g).sum(axis, keepdims=True))
            np.testing.assert_allclose(got, want, rtol=tolerance * 20, atol=tolerance * 30)


def test_softmax_of_extremes(torch, isa):
    inf, nan = np.inf, np.nan
    x = np.array(
        [[-inf, 0, 1], [inf, 0, 1], [-inf] * 3, [nan, 0, 1], [1e30, -1e30, 0], [200, 0, -200]],
        np.float32,
    )
    for log in (False, True):
        want = (torch.log_softmax if log else torch.softmax)(torch.from_numpy(x), 1).numpy()
        for got in (
            kernels.softmax(x, 1, log),
            kernels.softmax(x.T, 0, log).T,
        ):
            np.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "shape", [(7, 10), (3, 4, 5, 6), (2, 3, 400), (64, 1000), (0, 3), (2, 3, 0)]
)
def test_cross_entropy(torch, dtype, shape, isa):
    x = RNG.standard_normal(shape).astype(dtype) * 3
    target = RNG.integers(0, shape[1], (shape[0], *shape[2:]))
    target[:1] = np.where(RNG.random(target[:1].shape) < 0.5, 1, target[:1])
    weight = RNG.random(shape[1]).astype(dtype) + 0.5
    for w, smoothing in itertools.product((None, weight), (0.0, 0.1)):
        how = {"weight": w, "ignore_index": 1, "label_smoothing": smoothing}
        loss, lse = same_for_threads(lambda: kernels.cross_entropy(x, target, **how))  # noqa: B023
        logits = torch.tensor(x, requires_grad=True)
        tw = None if w is None else torch.from_numpy(w)
        want = torch.nn.functional.cross_entropy(
            logits, torch.from_numpy(target), weight=tw, ignore_index=1,
            label_smoothing=smoothing, reduction="none",
        )  # fmt: skip
        tolerance = 100 * np.finfo(dtype).eps
        np.testing.assert_allclose(loss, want.detach().numpy(), rtol=tolerance, atol=tolerance)
        c = RNG.standard_normal(target.shape).astype(dtype)
        want.backward(torch.from_numpy(c))
        got = kernels.cross_entropy_backward(c, x, target, lse, **how)
        np.testing.assert_allclose(got, logits.grad.numpy(), rtol=tolerance, atol=tolerance)


def test_cross_entropy_rejects_targets():
    with pytest.raises(IndexError, match="target 3 is not one of 3 classes"):
        kernels.cross_entropy(np.zeros((2, 3), np.float32), np.array([0, 3]))
