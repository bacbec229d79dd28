"""Pooling: against PyTorch and itself (against the naive reference: tests/specs/pool.py)."""

import itertools

import numpy as np
import pytest
import reference
from compare import compare_derivatives, leaves

import minitorch
import minitorch.nn.functional as F
from minitorch import Tensor, kernels

SIZES = {1: (11,), 2: (7, 8), 3: (5, 6, 4)}


def settings_of(ndim, dilations):
    """Yield settings of windows; those which PyTorch has, too."""
    mixed = tuple(range(3, 3 - ndim, -1))
    for kernel, stride, padding, dilation, ceil_mode in itertools.product(
        (2, 3, mixed), (None, 1, 3), (0, 1), dilations, (False, True)
    ):
        if padding and kernel == mixed and ndim == 3:
            continue  # more than half of the kernel
        if dilation > 1 and min(SIZES[ndim]) < 5:
            continue
        settings = {"kernel_size": kernel, "stride": stride, "padding": padding}
        if dilations != (1,):
            settings["dilation"] = dilation
        yield {**settings, "ceil_mode": ceil_mode}


CASES = {
    kind: [(ndim, settings) for ndim in (1, 2, 3) for settings in settings_of(ndim, dilations)]
    for kind, dilations in (("max", (1, 2)), ("avg", (1,)))
}


def image(ndim, seed=0):
    rng = np.random.default_rng(seed)
    shape = (2, 3, *SIZES[ndim])
    return rng.permutation(np.prod(shape)).reshape(shape) / 7.0


@pytest.mark.parametrize(("ndim", "settings"), CASES["max"])
def test_max_pool_equals_torch(torch, ndim, settings):
    x, name = image(ndim), f"max_pool{ndim}d"
    compare_derivatives(torch, name, [x], settings)
    _, ours = getattr(F, name)(Tensor._wrap(x), return_indices=True, **settings)
    fn = getattr(torch.nn.functional, name)
    _, theirs = fn(torch.from_numpy(x), return_indices=True, **settings)
    np.testing.assert_array_equal(ours._array, theirs.numpy())
    assert ours.dtype is minitorch.int64


@pytest.mark.parametrize("count_include_pad", [False, True])
@pytest.mark.parametrize(("ndim", "settings"), CASES["avg"])
def test_avg_pool_equals_torch(torch, ndim, settings, count_include_pad):
    settings = {**settings, "count_include_pad": count_include_pad}
    compare_derivatives(torch, f"avg_pool{ndim}d", [image(ndim)], settings)
    if ndim > 1:
        compare_derivatives(
            torch, f"avg_pool{ndim}d", [image(ndim)], {**settings, "divisor_override": -3}
        )


@pytest.mark.parametrize("size", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("kind", ["avg", "max"])
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_adaptive_pool_equals_torch(torch, ndim, kind, size):
    name = f"adaptive_{kind}_pool{ndim}d"
    compare_derivatives(torch, name, [image(ndim)], {"output_size": size})
    compare_derivatives(torch, name, [image(ndim)[0]], {"output_size": (size, 2, 1)[:ndim]})


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_ties_and_nan_equal_torch(torch, ndim, dtype):
    """The first of equal maxima counts; NaN above all, the last of several."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, (4, 3, *SIZES[ndim])).astype(dtype)
    x[rng.random(x.shape) < 0.1] = np.nan
    x[rng.random(x.shape) < 0.1] = -np.inf
    x[rng.random(x.shape) < 0.1] = np.inf
    for settings in ({"kernel_size": 3, "stride": 2}, {"kernel_size": 2, "padding": 1}):
        ours = getattr(F, f"max_pool{ndim}d")(Tensor._wrap(x), return_indices=True, **settings)
        fn = getattr(torch.nn.functional, f"max_pool{ndim}d")
        theirs = fn(torch.from_numpy(x), return_indices=True, **settings)
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one._array, other.numpy())


def test_all_minus_infinity():
    """The padding never is the maximum, even where nothing is larger."""
    x = np.full((1, 1, 4, 4), -np.inf, "float32")
    values, indices = F.max_pool2d(Tensor._wrap(x), 3, 2, 1, return_indices=True)
    np.testing.assert_array_equal(values._array, np.full((1, 1, 2, 2), -np.inf))
    np.testing.assert_array_equal(indices._array, [[[[0, 1], [4, 5]]]])


def test_asymmetric_padding(torch):
    x = image(2)
    padded = torch.nn.functional.pad(torch.from_numpy(x), (0, 1, 1, 0), value=-np.inf)
    ours = F.max_pool2d(Tensor._wrap(x), 3, 2, ((1, 0), (0, 1)))
    theirs = torch.nn.functional.max_pool2d(padded, 3, 2)
    np.testing.assert_array_equal(ours._array, theirs.numpy())
    padded = torch.nn.functional.pad(torch.from_numpy(x), (0, 1, 1, 0))
    ours = F.avg_pool2d(Tensor._wrap(x), 3, 2, ((1, 0), (0, 1)))
    theirs = torch.nn.functional.avg_pool2d(padded, 3, 2)
    np.testing.assert_allclose(ours._array, theirs.numpy(), 1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "shape", [(8, 16, 33, 31), (1, 3, 200, 170), (2, 5, 4000), (2, 4, 9, 17, 15)]
)
def test_large_images_equal_torch(torch, shape, dtype):
    """Sizes at which the kernels divide the work over threads."""
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    ndim = len(shape) - 2
    for name, settings in (
        ("max_pool", {"kernel_size": 2}),
        ("max_pool", {"kernel_size": 3, "stride": 2, "padding": 1}),
        ("avg_pool", {"kernel_size": 3, "stride": 2, "padding": 1}),
        ("adaptive_avg_pool", {"output_size": 1}),
        ("adaptive_avg_pool", {"output_size": 7}),
    ):
        tolerance = 1e-4 if dtype == "float32" else 1e-9
        compare_derivatives(torch, f"{name}{ndim}d", [x], settings, rtol=tolerance, atol=tolerance)


def test_writing_to_returned_indices_leaves_the_gradient_right():
    x = leaves([image(2)])[0]
    output, indices = F.max_pool2d(x, 2, return_indices=True)
    kept = indices._array.copy()
    indices._array[...] = 0
    grad = np.ones(output.shape)
    output.backward(Tensor._wrap(grad))
    expected = reference.max_pool_grad(grad, kept, x.shape[2:])
    np.testing.assert_array_equal(x.grad._array, expected)


@pytest.fixture
def restored_isa():
    before, threads = kernels.info()["isa"], kernels.get_num_threads()
    yield
    kernels.set_isa(before)
    kernels.set_num_threads(threads)


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_adjoint_identity(restored_isa, ndim):
    """<pool(x), g> = <x, gradient>, exactly, on every ISA and number of threads."""
    rng = np.random.default_rng(0)
    x = rng.integers(-40, 40, (2, 3, *SIZES[ndim])).astype("float32")
    for name, settings in (
        ("max_pool", {"kernel_size": 3, "stride": 2, "padding": 1}),
        ("max_pool", {"kernel_size": 2, "dilation": 2, "stride": 1}),
        ("avg_pool", {"kernel_size": 2, "stride": 1}),  # divides by a power of 2: exact
        ("avg_pool", {"kernel_size": 2, "padding": 1, "ceil_mode": True}),
    ):
        pool, grad, first = getattr(F, f"{name}{ndim}d"), None, None
        for isa, threads in itertools.product(kernels.info()["available"], (1, 2, 7)):
            kernels.set_isa(isa)
            kernels.set_num_threads(threads)
            (leaf,) = leaves([x])
            output = pool(leaf, **settings)
            if grad is None:
                grad = rng.integers(-4, 5, output.shape).astype("float32")
            output.backward(Tensor._wrap(grad))
            results = [output.detach()._array, leaf.grad._array]
            products = [np.sum(np.float64(a) * b) for a, b in zip(results, (grad, x), strict=True)]
            assert products[0] == products[1], (name, isa, threads)
            first = results if first is None else first
            for one, other in zip(results, first, strict=True):
                np.testing.assert_array_equal(one, other)


def test_float16_is_computed_in_float32():
    x = np.random.default_rng(0).standard_normal((2, 3, 16, 16)).astype("float16")
    for pool in (lambda t: F.avg_pool2d(t, 8), lambda t: F.adaptive_avg_pool2d(t, (3, 1))):
        half = pool(Tensor._wrap(x))
        single = pool(Tensor._wrap(x.astype("float32")))
        np.testing.assert_array_equal(half._array, single._array.astype("float16"))


@pytest.mark.parametrize("kind", ["avg", "max"])
def test_enormous_numbers(kind):
    """What makes no difference costs nothing; what cannot be had is refused."""
    x = leaves([image(2)])[0]
    pool, adaptive = getattr(F, f"{kind}_pool2d"), getattr(F, f"adaptive_{kind}_pool2d")
    output = pool(x, 2**40, padding=3, ceil_mode=True)
    output.backward(Tensor._wrap(np.ones(output.shape)))
    assert output.shape == (2, 3, 1, 1)
    assert pool(x, 3, 2**40).shape == (2, 3, 1, 1)
    assert adaptive(x.detach()[:0], (2**40, 1)).shape == (0, 3, 2**40, 1)
    with pytest.raises(MemoryError):
        adaptive(x, (2**40, 1))
    with pytest.raises(minitorch.ShapeError, match="too large"):
        adaptive(x, 2**40)
