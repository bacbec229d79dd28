"""Initial values: exact fills against PyTorch, random ones by their distribution."""

import math

import numpy as np
import pytest

import minitorch
from minitorch import nn
from minitorch.nn import init

LARGE = (64, 32, 3, 3)


def empty(*shape, dtype="float32"):
    return minitorch.empty(shape, dtype=getattr(minitorch, dtype))


def assert_uniform(values, low, high):
    """Compare with the uniform distribution: bounds and the distribution function."""
    values = np.sort(np.ravel(values)).astype(np.float64)
    assert values[0] >= low
    assert values[-1] <= high
    assert_distribution(values, lambda x: (x - low) / (high - low))


def assert_normal(values, mean, std):
    assert_distribution(
        np.sort(np.ravel(values)).astype(np.float64), lambda x: normal_cdf((x - mean) / std)
    )


def normal_cdf(z):
    return np.array([(1 + math.erf(v / math.sqrt(2))) / 2 for v in np.ravel(z)])


def assert_distribution(values, cdf):
    """Kolmogorov-Smirnov test at a level of about 1e-6."""
    n = len(values)
    expected = cdf(values)
    steps = np.arange(n + 1) / n
    distance = max(np.abs(steps[1:] - expected).max(), np.abs(steps[:-1] - expected).max())
    assert distance < 2.7 / math.sqrt(n)


@pytest.fixture(autouse=True)
def seed():
    minitorch.manual_seed(7)


def test_uniform():
    assert_uniform(init.uniform_(empty(20000), -2.0, 3.0).numpy(), -2.0, 3.0)


def test_normal():
    assert_normal(init.normal_(empty(20000), 3.0, 0.5).numpy(), 3.0, 0.5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("mean", "std", "a", "b"),
    [(0, 1, -2, 2), (0, 0.02, -2, 2), (1, 2, 0.5, 1), (0, 1, 1.5, 1.6), (0, 1, 1.9, 100.0)],
)
def test_truncated_normal(mean, std, a, b, dtype):
    t = empty(100, 100, dtype=dtype)
    values = np.sort(np.ravel(init.trunc_normal_(t, mean, std, a, b).numpy())).astype(np.float64)
    assert values[0] >= a
    assert values[-1] <= b
    low, high = normal_cdf((np.array([a, b]) - mean) / std)
    assert_distribution(values, lambda x: (normal_cdf((x - mean) / std) - low) / (high - low))


def test_truncated_normal_far_from_its_mean():
    with pytest.warns(UserWarning, match="mean is more than 2 std"):
        values = init.trunc_normal_(empty(5000), 0.0, 1.0, 6.0, 20.0).numpy()
    assert values.min() >= 6.0
    # The tail of the normal distribution: 1 - cdf(x), by its continued fraction, over that at 6.
    assert_distribution(np.sort(values).astype(np.float64), lambda x: 1 - tail(x) / tail(6.0))


def tail(x):
    x = np.asarray(x, dtype=float)
    return np.array([math.erfc(v / math.sqrt(2)) for v in np.ravel(x)]).reshape(x.shape)


def test_truncated_normal_needs_bounds_in_order():
    with pytest.raises(ValueError, match="a must be less than b"):
        init.trunc_normal_(empty(3), a=2.0, b=1.0)


@pytest.mark.parametrize("name", ["ones_", "zeros_"])
def test_constants(name):
    t = getattr(init, name)(empty(3, 4))
    assert np.array_equal(t.numpy(), np.full((3, 4), name == "ones_"))
    assert np.array_equal(init.constant_(t, 0.25).numpy(), np.full((3, 4), 0.25))


@pytest.mark.parametrize("shape", [(3, 3), (2, 5), (5, 2)])
def test_eye(torch, shape):
    assert np.array_equal(init.eye_(empty(*shape)), torch.nn.init.eye_(torch.empty(shape)))


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("shape", [(4, 3, 3), (4, 6, 2, 3), (6, 2, 1, 4, 3)])
def test_dirac(torch, shape, groups):
    expected = torch.nn.init.dirac_(torch.empty(shape), groups)
    assert np.array_equal(init.dirac_(empty(*shape), groups), expected)


def test_dirac_keeps_the_input():
    x = minitorch.rand(1, 4, 5, 5)
    layer = nn.Conv2d(4, 4, 3, padding=1, bias=False)
    init.dirac_(layer.weight)
    assert np.array_equal(layer(x).detach(), x)


@pytest.mark.parametrize("gain", [1.0, math.sqrt(2)])
def test_xavier(gain):
    std = gain * math.sqrt(2 / ((32 + 64) * 9))
    bound = math.sqrt(3) * std
    assert_uniform(init.xavier_uniform_(empty(*LARGE), gain).numpy(), -bound, bound)
    assert_normal(init.xavier_normal_(empty(*LARGE), gain).numpy(), 0, std)


@pytest.mark.parametrize(("mode", "fan"), [("fan_in", 32 * 9), ("FAN_OUT", 64 * 9)])
@pytest.mark.parametrize(
    ("options", "gain"),
    [({}, math.sqrt(2)), ({"a": 0.5}, math.sqrt(1.6)), ({"nonlinearity": "relu"}, math.sqrt(2))],
)
def test_kaiming(mode, fan, options, gain):
    std = gain / math.sqrt(fan)
    bound = math.sqrt(3) * std
    values = init.kaiming_uniform_(empty(*LARGE), mode=mode, **options).numpy()
    assert_uniform(values, -bound, bound)
    assert_normal(init.kaiming_normal_(empty(*LARGE), mode=mode, **options).numpy(), 0, std)


@pytest.mark.parametrize("name", ["kaiming_uniform_", "kaiming_normal_"])
def test_empty_tensors_warn(name):
    with pytest.warns(UserWarning, match="zero-element tensors is a no-op"):
        getattr(init, name)(empty(0, 3))


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (64, 10, 3, 3), (200, 200), (1, 5), (70, 7, 11)])
@pytest.mark.parametrize("gain", [1, 2.5])
def test_orthogonal(shape, gain):
    matrix = init.orthogonal_(empty(*shape, dtype="float64"), gain).numpy().reshape(shape[0], -1)
    if matrix.shape[0] > matrix.shape[1]:
        matrix = matrix.T
    product = matrix @ matrix.T
    np.testing.assert_allclose(product, gain**2 * np.eye(len(product)), atol=1e-12)


def test_orthogonal_is_uniform_over_rotations():
    angles = [np.arctan2(*init.orthogonal_(empty(2, 2)).numpy()[0]) for _ in range(3000)]
    assert_uniform(angles, -math.pi, math.pi)
    signs = [np.linalg.det(init.orthogonal_(empty(2, 2)).numpy()) > 0 for _ in range(1000)]
    assert 400 < sum(signs) < 600


def test_orthogonal_of_nothing():
    assert init.orthogonal_(empty(0, 3)).shape == (0, 3)


@pytest.mark.parametrize("sparsity", [0.0, 0.15, 0.5, 1.0])
def test_sparse(sparsity):
    values = init.sparse_(empty(40, 300), sparsity, std=0.1).numpy()
    zeros = math.ceil(sparsity * 40)
    assert ((values == 0).sum(axis=0) == zeros).all()
    if zeros < 40:
        assert_normal(values[values != 0], 0, 0.1)
    if 0 < zeros < 40:
        assert ((values == 0).sum(axis=1) > 0).all()  # all rows are chosen now and then


NONLINEARITIES = [
    ("linear", None),
    ("conv1d", None),
    ("conv3d", None),
    ("conv_transpose2d", None),
    ("sigmoid", None),
    ("tanh", None),
    ("relu", None),
    ("selu", None),
    ("leaky_relu", None),
    ("leaky_relu", 0.3),
    ("leaky_relu", 2),
]


@pytest.mark.parametrize(("name", "param"), NONLINEARITIES)
def test_gain(torch, name, param):
    assert init.calculate_gain(name, param) == torch.nn.init.calculate_gain(name, param)


@pytest.mark.parametrize("shape", [(2, 3), (5, 4, 3), (5, 4, 3, 2), (2, 3, 4, 5, 6)])
def test_fans(torch, shape):
    ours = init._calculate_fan_in_and_fan_out(empty(*shape))
    assert ours == torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))


ERRORS = {
    "unknown": (lambda: init.calculate_gain("swish"), "Unsupported nonlinearity swish"),
    "slope": (lambda: init.calculate_gain("leaky_relu", "a"), "negative_slope a not a valid"),
    "bool": (lambda: init.calculate_gain("leaky_relu", True), "negative_slope True not a valid"),
    "fan": (lambda: init.xavier_uniform_(empty(3)), "fewer than 2 dimensions"),
    "mode": (lambda: init.kaiming_normal_(empty(3, 3), mode="x"), "Mode x not supported"),
    "eye": (lambda: init.eye_(empty(3)), "2 dimensions"),
    "sparse": (lambda: init.sparse_(empty(3), 0.1), "2 dimensions"),
    "orthogonal": (lambda: init.orthogonal_(empty(3)), "2 or more dimensions"),
    "dirac": (lambda: init.dirac_(empty(3, 3)), "3, 4, or 5 dimensions"),
    "groups": (lambda: init.dirac_(empty(3, 3, 3), 2), "divisible by groups"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(torch, name):
    call, message = ERRORS[name]
    with pytest.raises(ValueError, match=message):
        call()


OLD = {
    "uniform": (),
    "normal": (),
    "constant": (0.5,),
    "eye": (),
    "xavier_uniform": (),
    "xavier_normal": (),
    "kaiming_uniform": (),
    "kaiming_normal": (),
    "orthogonal": (),
    "sparse": (0.5,),
}


@pytest.mark.parametrize("name", OLD)
def test_deprecated_names(name):
    t = empty(4, 4)
    message = rf"`nn\.init\.{name}` is now deprecated in favor of `nn\.init\.{name}_`"
    with pytest.warns(FutureWarning, match=message):
        assert getattr(init, name)(t, *OLD[name]) is t
    assert getattr(init, name).__name__ == name


RANDOM = {
    "uniform_": (),
    "normal_": (),
    "trunc_normal_": (),
    "xavier_uniform_": (),
    "xavier_normal_": (),
    "kaiming_uniform_": (),
    "kaiming_normal_": (),
    "orthogonal_": (),
    "sparse_": (0.5,),
}


@pytest.mark.parametrize("name", RANDOM)
def test_generator(name):
    """The same seed gives the same values, and the global generator is left alone."""
    function, args = getattr(init, name), RANDOM[name]
    before = minitorch.get_rng_state()
    first, second = (
        function(empty(5, 6), *args, generator=minitorch.Generator().manual_seed(3)).numpy()
        for _ in range(2)
    )
    assert np.array_equal(first, second)
    assert np.array_equal(minitorch.get_rng_state(), before)
    function(empty(5, 6), *args)
    assert not np.array_equal(minitorch.get_rng_state(), before)


@pytest.mark.parametrize("name", [*RANDOM, "ones_", "zeros_", "eye_"])
def test_fills_parameters_outside_of_the_graph(name):
    p = nn.Parameter(empty(3, 3))
    assert getattr(init, name)(p, *RANDOM.get(name, ())) is p
    assert p.is_leaf
    assert p.requires_grad
    assert p.grad_fn is None
