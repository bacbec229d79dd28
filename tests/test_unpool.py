"""Unpooling, pooling at random places, lazy layers and kin: against PyTorch."""

import copy
import inspect

import numpy as np
import pytest
from compare import compare

import minitorch
import minitorch.nn.functional as F
from minitorch import nn


def both(torch, make):
    """Return what `make` makes of PyTorch and of this package, as arrays."""
    return [make(package).detach().numpy() for package in (torch, minitorch)]


@pytest.mark.parametrize("ndim", [1, 2, 3])
@pytest.mark.parametrize("settings", [(2,), (3, 2), (3, 2, 1), ((2, 3, 2), 2)])
def test_unpool_what_was_pooled(torch, ndim, settings):
    settings = tuple(s[:ndim] if isinstance(s, tuple) else s for s in settings)
    x = np.random.default_rng(0).standard_normal((2, 3, *(7,) * ndim))

    def there_and_back(package):
        functional = package.nn.functional
        pool = getattr(functional, f"max_pool{ndim}d")
        unpool = getattr(functional, f"max_unpool{ndim}d")
        y, indices = pool(package.from_numpy(x), *settings, return_indices=True)
        return unpool(y, indices, *settings, output_size=x.shape)

    theirs, ours = both(torch, there_and_back)
    np.testing.assert_array_equal(ours, theirs)


def test_unpool_module(torch):
    x = np.random.default_rng(0).standard_normal((1, 2, 5, 6))

    def there_and_back(package):
        y, indices = package.nn.MaxPool2d(2, return_indices=True)(package.from_numpy(x))
        unpool = package.nn.MaxUnpool2d(2)
        assert repr(unpool) == "MaxUnpool2d(kernel_size=(2, 2), stride=(2, 2), padding=(0, 0))"
        return unpool(y, indices, output_size=(5, 6))

    theirs, ours = both(torch, there_and_back)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fractional_max_pool(torch, ndim, dtype):
    rng = np.random.default_rng(0)
    pair = [
        getattr(package.nn.functional, f"fractional_max_pool{ndim}d")
        for package in (minitorch, torch)
    ]
    x = rng.standard_normal((2, 3, *(9,) * ndim)).astype(dtype)
    drawn = rng.integers(0, 1000, (2, 3, ndim)) / 1024
    for settings in ({"output_size": 4}, {"output_ratio": (0.7,) * ndim}, {"output_size": 1}):

        def call(function, x, settings=settings):
            package = minitorch if isinstance(x, minitorch.Tensor) else torch
            samples = package.from_numpy(drawn.astype(dtype))
            return function(x, 3, **settings, return_indices=True, _random_samples=samples)

        ours, theirs = (lambda x, f=f: call(f, x) for f in pair)
        compare(torch, ours, theirs, x)


def test_fractional_max_pool_draws_its_places():
    minitorch.manual_seed(0)
    x = minitorch.arange(400.0).reshape(1, 1, 20, 20)
    layer = nn.FractionalMaxPool2d(2, output_ratio=(0.6, 0.7), return_indices=True)
    results = [layer(x) for _ in range(5)]
    for values, indices in results:
        assert values.shape == (1, 1, 12, 14)
        assert (values == indices).all()  # of an increasing image
    assert len({tuple(values.flatten().tolist()) for values, _ in results}) > 1
    with pytest.raises(ValueError, match="either an output size"):
        nn.FractionalMaxPool2d(2)
    with pytest.raises(ValueError, match="between 0 and 1"):
        nn.FractionalMaxPool3d(2, output_ratio=1.5)


def test_rrelu_draws_slopes():
    minitorch.manual_seed(0)
    x = minitorch.full((10_000,), -2.0).requires_grad_()
    y = F.rrelu(x, 0.1, 0.3, training=True)
    slopes = (y / x).detach().numpy()
    assert 0.1 <= slopes.min() < 0.101
    assert 0.299 < slopes.max() <= 0.3001
    assert abs(slopes.mean() - 0.2) < 0.002
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), slopes, rtol=1e-6)
    layer = nn.RReLU(0.1, 0.3, inplace=True)
    z = minitorch.full((5,), -1.0)
    assert layer(z) is z
    assert repr(layer) == "RReLU(lower=0.1, upper=0.3, inplace=True)"
    np.testing.assert_allclose(layer.eval()(minitorch.full((1,), -1.0)).numpy(), -0.2)


def test_cross_map_norm(torch):
    x = np.random.default_rng(0).standard_normal((2, 7, 3, 2))
    for size in range(1, 10):
        theirs, ours = both(
            torch, lambda p, n=size: p.nn.CrossMapLRN2d(n, 0.3, 0.6, 1.5)(p.from_numpy(x))
        )
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


LAZY = [
    ("LazyLinear", (3,), (2, 5)),
    ("LazyConv1d", (4, 3), (2, 5, 7)),
    ("LazyConv2d", (4, 3), (2, 5, 7, 6)),
    ("LazyConv3d", (4, 2), (2, 5, 3, 4, 3)),
    ("LazyConvTranspose1d", (4, 3), (2, 5, 7)),
    ("LazyConvTranspose2d", (4, 3), (2, 5, 4, 3)),
    ("LazyConvTranspose3d", (4, 2), (2, 5, 2, 2, 2)),
    ("LazyBatchNorm1d", (), (4, 5)),
    ("LazyBatchNorm2d", (), (2, 5, 3, 3)),
    ("LazyBatchNorm3d", (), (2, 5, 2, 2, 2)),
    ("LazyInstanceNorm1d", (), (2, 5, 4)),
    ("LazyInstanceNorm2d", (), (2, 5, 3, 3)),
    ("LazyInstanceNorm3d", (), (2, 5, 2, 2, 2)),
]


@pytest.mark.parametrize(("name", "args", "shape"), LAZY)
def test_lazy(torch, name, args, shape):
    ours, theirs = getattr(nn, name)(*args), getattr(torch.nn, name)(*args)
    assert repr(ours) == repr(theirs)
    assert ours.has_uninitialized_params()
    names = list(inspect.signature(theirs.__init__).parameters)
    assert list(inspect.signature(ours.__init__).parameters) == names
    assert list(ours.state_dict()) == list(theirs.state_dict())
    with pytest.raises(RuntimeError, match="uninitialized"):
        _ = ours.weight.shape
    weight, copied = ours.weight, copy.deepcopy(ours)
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    ours(minitorch.from_numpy(x))
    theirs(torch.from_numpy(x))
    assert ours.weight is weight  # an optimiser may hold it
    assert repr(ours) == repr(theirs)
    assert type(ours).__name__ == name.removeprefix("Lazy")
    assert copied.has_uninitialized_params()
    state = {
        k: minitorch.from_numpy(v.detach().numpy().copy()) for k, v in theirs.state_dict().items()
    }
    copied.load_state_dict(state)
    for layer in (ours, copied):
        layer.load_state_dict(state)
        result = layer.eval()(minitorch.from_numpy(x)).detach().numpy()
        wanted = theirs.eval()(torch.from_numpy(x)).detach().numpy()
        np.testing.assert_allclose(result, wanted, rtol=1e-4, atol=1e-5)
    assert repr(copied) == repr(ours)


def test_convert_sync_batchnorm():
    net = nn.Sequential(nn.BatchNorm2d(2), nn.ReLU(), nn.Sequential(nn.BatchNorm2d(2)))
    weight = net[0].weight
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(net)
    assert converted is net
    assert type(net[0]) is type(net[2][0]) is nn.SyncBatchNorm
    assert net[0].weight is weight
    assert net(minitorch.ones(2, 2, 3, 3)).shape == (2, 2, 3, 3)


def test_embedding_shortens_what_it_looks_up():
    table = nn.Embedding(3, 2, max_norm=1.0)
    with minitorch.no_grad():
        table.weight.fill_(3.0)
    table(minitorch.tensor([1]))
    norms = table.weight.detach().norm(dim=1)
    np.testing.assert_allclose(norms.numpy(), [18**0.5, 1, 18**0.5], rtol=1e-5)
