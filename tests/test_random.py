"""Random numbers: streams, distributions, dropout."""

import math
import pickle
import threading

import numpy as np
import pytest

import minitorch
from minitorch.ops import random as draws

COUNT = 100_000


@pytest.fixture(autouse=True)
def seeded():
    with minitorch.fork_rng():
        minitorch.manual_seed(0)
        yield


def close_to_cdf(values, cdf):
    """Kolmogorov-Smirnov: the largest distance between two distribution functions."""
    values = np.sort(np.asarray(values, np.float64).ravel())
    expected = np.array([cdf(x) for x in values[:: max(1, values.size // 2000)]])
    steps = np.arange(values.size)[:: max(1, values.size // 2000)] / values.size
    return np.abs(expected - steps).max() < 2.5 / math.sqrt(values.size)


def normal_cdf(x, mean=0.0, std=1.0):
    return 0.5 * (1 + math.erf((x - mean) / std / math.sqrt(2)))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_rand_and_randn(dtype):
    dtype = getattr(minitorch, dtype)
    x = minitorch.rand(COUNT, dtype=dtype)
    assert x.dtype is dtype and x.numpy().min() >= 0 and x.numpy().max() < 1
    assert close_to_cdf(x.numpy(), lambda v: v)
    assert close_to_cdf(minitorch.randn(COUNT, dtype=dtype).numpy(), normal_cdf)


def test_shapes_and_options():
    assert minitorch.rand(2, 3).shape == (2, 3)
    assert minitorch.randn((2, 3), requires_grad=True).requires_grad
    assert minitorch.rand(size=(4,)).dtype is minitorch.float32
    assert minitorch.rand(()).shape == () and minitorch.randn(0, 3).shape == (0, 3)
    assert minitorch.rand_like(minitorch.zeros(2, dtype=minitorch.float64)).dtype is (
        minitorch.float64
    )
    assert minitorch.randn_like(minitorch.zeros(2), dtype=minitorch.float16).dtype is (
        minitorch.float16
    )
    with pytest.raises(NotImplementedError, match=r"rand: not implemented for minitorch\.int64"):
        minitorch.rand(2, dtype=minitorch.int64)
    with pytest.raises(RuntimeError, match="negative dimension -1"):
        minitorch.randn(-1)
    with pytest.raises(RuntimeError, match="not available"):
        minitorch.rand(2, device="cuda")


def test_randint():
    x = minitorch.randint(3, 9, (COUNT,))
    assert x.dtype is minitorch.int64
    counts = np.bincount(x.numpy(), minlength=9)
    assert (counts[:3] == 0).all() and np.abs(counts[3:] - COUNT / 6).max() < 5 * COUNT**0.5
    assert minitorch.randint(5, (2, 2)).numpy().max() < 5
    assert minitorch.randint(low=2, high=3, size=(4,)).tolist() == [2] * 4
    assert minitorch.randint(0, 3, (2,), dtype=minitorch.float32).dtype is minitorch.float32
    assert minitorch.randint_like(x, 4).numpy().max() == 3
    with pytest.raises(RuntimeError, match="randint"):
        minitorch.randint(3, 3, (1,))


def test_randperm():
    assert sorted(minitorch.randperm(1000).tolist()) == list(range(1000))
    first = np.array([minitorch.randperm(4)[0].item() for _ in range(4000)])
    assert np.abs(np.bincount(first) - 1000).max() < 150
    assert minitorch.randperm(0).shape == (0,)


def test_normal():
    x = minitorch.normal(2.0, 3.0, (COUNT,))
    assert close_to_cdf(x.numpy(), lambda v: normal_cdf(v, 2, 3))
    mean, std = minitorch.arange(3.0), minitorch.tensor([[0.0], [1.0]])
    x = minitorch.normal(mean, std)
    assert x.shape == (2, 3) and x[0].tolist() == [0, 1, 2]
    with pytest.raises(RuntimeError, match="std >= 0"):
        minitorch.normal(0.0, -1.0, (2,))


def test_bernoulli_and_multinomial():
    p = minitorch.tensor([0.0, 0.25, 1.0]).double()
    x = minitorch.bernoulli(p.expand(COUNT, 3)).numpy().mean(0)
    assert x[0] == 0 and abs(x[1] - 0.25) < 0.01 and x[2] == 1
    with pytest.raises(RuntimeError, match="expected p from 0 to 1"):
        minitorch.bernoulli(p * 2)
    weights = minitorch.tensor([[1.0, 0.0, 3.0], [2.0, 2.0, 0.0]])
    x = minitorch.multinomial(weights, COUNT, replacement=True).numpy()
    assert abs((x[0] == 2).mean() - 0.75) < 0.01 and (x[0] != 1).all()
    assert abs((x[1] == 0).mean() - 0.5) < 0.01 and (x[1] != 2).all()
    x = minitorch.multinomial(minitorch.ones(5000, 3), 2).numpy()
    assert (x[:, 0] != x[:, 1]).all()
    assert np.abs(np.bincount(x.ravel()) / 10000 - 1 / 3).max() < 0.03
    with pytest.raises(RuntimeError, match="without replacement"):
        minitorch.multinomial(minitorch.ones(3), 4)
    with pytest.raises(RuntimeError, match="element < 0"):
        minitorch.multinomial(minitorch.tensor([-1.0, 2.0]), 1)


def test_writes():
    x = minitorch.empty(COUNT)
    assert close_to_cdf(x.uniform_(-2, 6).numpy(), lambda v: (v + 2) / 8)
    assert close_to_cdf(x.normal_(1, 0.5).numpy(), lambda v: normal_cdf(v, 1, 0.5))
    assert close_to_cdf(x.exponential_(2).numpy(), lambda v: 1 - math.exp(-2 * v))
    low, high = normal_cdf(-1), normal_cdf(2)
    minitorch.nn.init.trunc_normal_(x, a=-1, b=2)
    assert close_to_cdf(x.numpy(), lambda v: (normal_cdf(v) - low) / (high - low))
    assert x.numpy().min() >= -1 and x.numpy().max() <= 2
    assert close_to_cdf(x.cauchy_(1, 2).numpy(), lambda v: 0.5 + math.atan((v - 1) / 2) / math.pi)
    assert close_to_cdf(x.log_normal_(0.5, 0.7).log_().numpy(), lambda v: normal_cdf(v, 0.5, 0.7))
    trials = x.geometric_(0.3).numpy()
    assert [abs((trials == k).mean() - 0.7 ** (k - 1) * 0.3) < 0.02 for k in (1, 2, 3)] == [
        True
    ] * 3
    for call in (lambda: x.cauchy_(0, 0), lambda: x.log_normal_(0, 0), lambda: x.geometric_(1)):
        with pytest.raises(RuntimeError):
            call()
    assert abs(x.bernoulli_(0.3).numpy().mean() - 0.3) < 0.01
    assert set(x.random_(3).tolist()) == {0, 1, 2}
    assert set(minitorch.empty(100, dtype=minitorch.int32).random_(5, 7).tolist()) == {5, 6}
    assert x.uniform_(**{"from": 1, "to": 2}).numpy().min() >= 1
    with pytest.raises(NotImplementedError):
        minitorch.zeros(2, dtype=minitorch.int64).normal_()


def test_writes_cut_the_gradient(torch):
    x = minitorch.ones(4, requires_grad=True)
    y = x * 1
    y[:2].uniform_()
    y.sum().backward()
    assert x.grad.tolist() == [0, 0, 1, 1]
    with pytest.raises(RuntimeError, match="leaf Variable"):
        x.normal_()


def test_streams():
    one, other = minitorch.Generator(), minitorch.Generator()
    one.manual_seed(5)
    other.manual_seed(5)
    assert one.initial_seed() == 5
    a = minitorch.rand(10, generator=one)
    assert a.tolist() == minitorch.rand(10, generator=other).tolist()
    state = one.get_state()
    b = minitorch.rand(10, generator=one)
    assert b.tolist() != a.tolist()
    one.set_state(state)
    assert b.tolist() == minitorch.rand(10, generator=one).tolist()
    copy = pickle.loads(pickle.dumps(one))
    assert minitorch.rand(3, generator=one).tolist() == minitorch.rand(3, generator=copy).tolist()
    assert one.seed() == one.initial_seed()
    with pytest.raises(RuntimeError):
        minitorch.manual_seed(1 << 64)
    with pytest.raises(TypeError):
        minitorch.set_rng_state(3)
    with pytest.raises(RuntimeError, match="16 bytes"):
        minitorch.set_rng_state(minitorch.zeros(3, dtype=minitorch.uint8))
    assert minitorch.Generator().manual_seed(-1).initial_seed() == (1 << 64) - 1


def test_default_stream():
    minitorch.manual_seed(1)
    a = minitorch.randn(5).tolist()
    minitorch.manual_seed(1)
    with minitorch.fork_rng():
        assert minitorch.randn(5).tolist() == a
    assert minitorch.randn(5).tolist() == a
    state = minitorch.get_rng_state()
    assert state.dtype is minitorch.uint8
    b = minitorch.randn(5).tolist()
    minitorch.set_rng_state(state)
    assert minitorch.randn(5).tolist() == b


def test_threads_share_a_stream_without_repeating_it():
    found = []

    def work():
        for _ in range(200):
            found.append(minitorch.rand(1).item())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) > 790


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_dropout(p):
    x = minitorch.ones(COUNT, requires_grad=True)
    y = draws.dropout(x, p)
    values = y.detach().numpy()
    scale = 1 / (1 - p) if p < 1 else 0
    assert set(np.unique(values)) <= {np.float32(0), np.float32(scale)}
    assert abs((values == 0).mean() - p) < 0.01
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), values)
    assert draws.dropout(x, p, training=False) is x
    z = x * 1
    assert draws.dropout(z, p, inplace=True) is z


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_channel_dropout(ndim):
    function = getattr(draws, f"dropout{ndim}d")
    for shape in ((50, 40), (2000,)) if ndim != 2 else ((50, 40),):
        y = function(minitorch.ones(*shape, *(2,) * ndim), 0.25).numpy()
        channels = y.reshape(math.prod(shape), -1)
        assert (channels == channels[:, :1]).all()
        assert abs((channels[:, 0] == 0).mean() - 0.25) < 0.05
    with pytest.raises(ValueError, match=f"dropout{ndim}d: input must have"):
        function(minitorch.tensor(2.0), 0.5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        function(minitorch.ones(2, 2, *(2,) * ndim), 1.5)


@pytest.mark.parametrize("name", ["dropout", "dropout2d", "alpha_dropout"])
@pytest.mark.parametrize("inplace", [False, True])
def test_dropout_of_nothing_does_nothing(lib, name, inplace):
    """Not even count as a change: the softmax before it can still be differentiated."""
    x = lib.tensor(2, 3, 4, 4)
    y = x.softmax(1)
    z = getattr(lib.module.nn.functional, name)(y, 0.0, True, inplace)
    assert z is y
    (z * lib.tensor(2, 3, 4, 4, seed=1)).sum().backward()
    assert x.grad.any()


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("ndim", [1, 2, 3])
@pytest.mark.filterwarnings("ignore:dropout")
def test_what_a_channel_is(torch, ndim, dimensions):
    """The dimensions along which whole channels go are PyTorch's, for any number of them."""
    constant = []
    for library in (minitorch, torch):
        library.manual_seed(0)
        x = library.ones((4,) * dimensions)
        try:
            y = getattr(library.nn.functional, f"dropout{ndim}d")(x, 0.5).numpy()
        except (RuntimeError, IndexError):
            constant.append("refused")
            continue
        constant.append([bool((np.diff(y, axis=d) == 0).all()) for d in range(dimensions)])
    assert constant[0] == constant[1]


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_alpha_dropout_keeps_mean_and_variance(p):
    x = minitorch.randn(COUNT)
    y = draws.alpha_dropout(x, p, training=True).numpy()
    assert abs(y.mean()) < 0.02 and abs(y.std() - 1) < 0.02
    x = minitorch.randn(400, 300, 3).requires_grad_()
    y = draws.feature_alpha_dropout(x, p, training=True)
    assert abs(y.detach().numpy().mean()) < 0.03
    y.sum().backward()
    factors = np.unique(x.grad.numpy())
    assert len(factors) == 2 and factors[0] == 0


def test_second_derivative_of_dropout():
    x = minitorch.ones(6, dtype=minitorch.float64, requires_grad=True)

    def program(x):
        with minitorch.fork_rng():
            return draws.dropout(x * x, 0.5)

    assert minitorch.autograd.gradcheck(program, (x,))
    assert minitorch.autograd.gradgradcheck(program, (x,))
