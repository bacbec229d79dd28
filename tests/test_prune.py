"""Pruning with PyTorch's weights: the same masks, names and results."""

import importlib

import numpy as np
import pytest

import minitorch

RNG = np.random.default_rng(6)


def prune_of(module):
    return importlib.import_module(f"{module.__name__}.nn.utils.prune")


@pytest.fixture
def nets(torch):
    made = [
        m.nn.Sequential(m.nn.Conv2d(2, 6, 3), m.nn.ReLU(), m.nn.Conv2d(6, 4, 3)).double()
        for m in (minitorch, torch)
    ]
    state = made[1].state_dict()
    made[0].load_state_dict({k: minitorch.from_numpy(v.numpy().copy()) for k, v in state.items()})
    return list(zip((minitorch, torch), made, strict=True))


def same(nets):
    one, other = (net for _, net in nets)
    mine, wanted = one.state_dict(), other.state_dict()
    assert sorted(mine) == sorted(wanted)
    for key, value in wanted.items():
        np.testing.assert_array_equal(mine[key].numpy(), value.numpy(), err_msg=key)
    x = RNG.standard_normal((1, 2, 6, 6))
    results = [net(m.from_numpy(x)) for m, net in nets]
    np.testing.assert_allclose(results[0].detach().numpy(), results[1].detach().numpy(), rtol=1e-10)


@pytest.mark.parametrize("amount", [0.3, 5, 0.0, 1.0])
def test_l1(nets, amount):
    for m, net in nets:
        assert prune_of(m).l1_unstructured(net[0], "weight", amount) is net[0]
        assert prune_of(m).is_pruned(net)
    same(nets)


def test_again_and_structured(nets):
    for m, net in nets:
        prune = prune_of(m)
        prune.l1_unstructured(net[0], "weight", 0.3)
        prune.l1_unstructured(net[0], "weight", 0.5)
        prune.ln_structured(net[2], "weight", 0.5, n=2, dim=0)
        prune.ln_structured(net[2], "weight", 2, n=1, dim=1)
    same(nets)


def test_global(nets):
    for m, net in nets:
        pairs = [(net[0], "weight"), (net[2], "weight")]
        prune = prune_of(m)
        prune.global_unstructured(pairs, pruning_method=prune.L1Unstructured, amount=0.4)
    same(nets)


def test_remove(nets):
    for m, net in nets:
        prune = prune_of(m)
        prune.l1_unstructured(net[0], "bias", 2)
        prune.remove(net[0], "bias")
        assert not prune.is_pruned(net)
        with pytest.raises(ValueError, match="has to be pruned"):
            prune.remove(net[0], "bias")
    same(nets)


def test_trains(lib):
    m = lib.module
    layer = prune_of(m).l1_unstructured(m.nn.Linear(4, 3), "weight", 0.5)
    optimizer = m.optim.SGD(layer.parameters(), lr=0.1)
    layer(m.ones(2, 4)).sum().backward()
    optimizer.step()
    layer(m.ones(2, 4))
    assert int((layer.weight == 0).sum()) == 6


def test_random_and_identity(lib):
    m = lib.module
    layer = m.nn.Conv2d(4, 8, 3)
    prune_of(m).random_unstructured(layer, "weight", 0.25)
    assert int((layer.weight_mask == 0).sum()) == 72
    prune_of(m).random_structured(layer, "weight", 3, dim=0)
    assert int((layer.weight_mask.flatten(1).sum(1) == 0).sum()) == 3
    prune_of(m).identity(layer, "bias")
    assert layer.bias_mask.tolist() == [1.0] * 8


@pytest.mark.parametrize("amount", [-1, 1.5, 100])
def test_amounts(lib, amount):
    with pytest.raises(ValueError):
        prune_of(lib.module).l1_unstructured(lib.module.nn.Linear(2, 2), "weight", amount)
