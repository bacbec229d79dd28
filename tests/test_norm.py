"""Normalisation against PyTorch: values, first and second derivatives, running statistics."""

import numpy as np
import pytest
from compare import compare_derivatives

import minitorch
from minitorch.errors import ShapeError
from minitorch.nn import functional as F

SHAPES = [(5, 3), (4, 3, 6), (2, 3, 4, 5), (2, 3, 2, 3, 4)]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_batch_norm_in_training(torch, rng, shape, affine):
    arrays = [rng.normal(2, 3, shape)]
    names = ["weight", "bias"] if affine else []
    arrays += [rng.normal(size=3) for _ in names]

    def run(library):
        def function(input, *parameters):
            named = dict(zip(names, parameters, strict=True))
            functional = library.nn.functional
            return functional.batch_norm(input, None, None, training=True, **named)

        return function

    compare_functions(torch, run, arrays)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_batch_norm_with_given_statistics(torch, rng, shape):
    arrays = [rng.normal(2, 3, shape), rng.normal(size=3), rng.normal(size=3)]
    statistics = rng.normal(size=3), rng.uniform(0.5, 2, 3)

    def run(library):
        given = [library.from_numpy(v.copy()) for v in statistics]
        functional = library.nn.functional
        return lambda input, weight, bias: functional.batch_norm(input, *given, weight, bias)

    compare_functions(torch, run, arrays)


def compare_functions(torch, run, arrays):
    compare_derivatives(torch, None, arrays, {}, functions=(run(torch), run(minitorch)))


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_layer_norm(torch, rng, dims):
    shape = (2, 3, 4, 5)
    sizes = shape[-dims:]
    arrays = [rng.normal(2, 3, shape), rng.normal(size=sizes), rng.normal(size=sizes)]

    def run(library):
        functional = library.nn.functional
        return lambda input, weight, bias: functional.layer_norm(input, sizes, weight, bias)

    compare_functions(torch, run, arrays)


@pytest.mark.parametrize("rows", [3, 70])
def test_layer_norm_of_wide_rows(torch, rng, rows):
    arrays = [rng.normal(2, 3, (rows, 8199)), rng.normal(size=8199), rng.normal(size=8199)]
    grad = rng.normal(size=(rows, 8199))
    results = []
    for library in (torch, minitorch):
        leaves = [library.tensor(array, requires_grad=True) for array in arrays]
        output = library.nn.functional.layer_norm(leaves[0], (8199,), *leaves[1:])
        output.backward(library.tensor(grad))
        results.append([output.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)])
    for theirs, ours in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_group_norm(torch, rng, groups):
    arrays = [rng.normal(2, 3, (2, 6, 3, 4)), rng.normal(size=6), rng.normal(size=6)]

    def run(library):
        functional = library.nn.functional
        return lambda input, weight, bias: functional.group_norm(input, groups, weight, bias)

    compare_functions(torch, run, arrays)


def test_instance_norm(torch, rng):
    arrays = [rng.normal(2, 3, (2, 6, 3, 4)), rng.normal(size=6), rng.normal(size=6)]

    def run(library):
        functional = library.nn.functional
        return lambda input, weight, bias: functional.instance_norm(input, weight=weight, bias=bias)

    compare_functions(torch, run, arrays)


@pytest.mark.parametrize("name", ["batch_norm", "instance_norm"])
def test_running_statistics(torch, rng, name):
    x = rng.normal(2, 3, (4, 3, 5))
    settings = {"momentum": 0.3}
    if name == "batch_norm":
        settings["training"] = True
    kept = []
    for library in (minitorch, torch):
        average, variance = library.zeros(3).double(), library.ones(3).double()
        getattr(library.nn.functional, name)(
            library.from_numpy(x.copy()), average, variance, **settings
        )
        kept.append((average.numpy(), variance.numpy()))
    np.testing.assert_allclose(*kept, rtol=1e-12)


def test_rms_norm(torch, rng):
    for eps in (None, 0.1):
        compare_functions(
            torch,
            lambda library, eps=eps: lambda x, w: library.nn.functional.rms_norm(x, (3, 4), w, eps),
            [rng.normal(size=(2, 3, 4)), rng.normal(size=(3, 4))],
        )


@pytest.mark.parametrize("shape", [(2, 5, 3), (2, 5, 3, 2), (1, 4, 2, 2, 2)], ids=str)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_local_response_norm(torch, rng, shape, size):
    compare_functions(
        torch,
        lambda library: lambda x: library.nn.functional.local_response_norm(x, size, 0.5, 0.7, 2.0),
        [rng.normal(size=shape)],
    )


@pytest.mark.parametrize("arguments", [(), (1.0, 0), (3.0, -1)], ids=str)
def test_normalize(torch, rng, arguments):
    compare_functions(
        torch,
        lambda library: lambda x: library.nn.functional.normalize(x, *arguments),
        [rng.normal(size=(3, 4))],
    )


def test_float32_statistics_survive_a_large_mean(rng):
    x = rng.normal(10000, 1, (64, 2, 50)).astype(np.float32)
    output = F.batch_norm(minitorch.from_numpy(x), None, None, training=True, eps=0.0)
    exact = x.astype(np.float64)
    exact = (exact - exact.mean((0, 2), keepdims=True)) / exact.std((0, 2), keepdims=True)
    np.testing.assert_allclose(output.numpy(), exact, atol=2e-3)


def test_an_empty_batch(torch):
    for library in (minitorch, torch):
        average = library.zeros(3)
        x = library.zeros(0, 3, 4)
        output = library.nn.functional.batch_norm(x, average, library.ones(3), training=True)
        assert tuple(output.shape) == (0, 3, 4)
        assert not average.numpy().any()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: F.batch_norm(minitorch.zeros(2, 3), minitorch.zeros(4), minitorch.ones(3)),
            ShapeError,
            r"batch_norm: running_mean must have one element per channel, shape \(3,\), got \(4,\)",
        ),
        (
            lambda: F.batch_norm(minitorch.zeros(1, 3), None, None, training=True),
            ValueError,
            r"batch_norm: Expected more than 1 value per channel when training, got input size "
            r"\(1, 3\)",
        ),
        (
            lambda: F.batch_norm(minitorch.zeros(3), None, None, training=True),
            ShapeError,
            r"batch_norm: input must be \(N, C\) or \(N, C, \*spatial\), got \(3,\)",
        ),
        (
            lambda: F.batch_norm(minitorch.zeros(2, 3), None, None),
            RuntimeError,
            "running_mean and running_var must be given when training=False",
        ),
        (
            lambda: F.layer_norm(minitorch.zeros(2, 3), (4,)),
            ShapeError,
            r"layer_norm: input must end in normalized_shape \(4,\), got \(2, 3\)",
        ),
        (
            lambda: F.group_norm(minitorch.zeros(2, 6), 4),
            ShapeError,
            r"group_norm: num_groups 4 must divide the 6 channels of input \(2, 6\)",
        ),
        (
            lambda: F.batch_norm(minitorch.zeros(2, 3).int(), None, None, training=True),
            RuntimeError,
            "input must be floating-point, got minitorch.int32",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
