"""Weight and spectral norm, parametrisations, averaged models, folded norms: both libraries."""

import copy

import numpy as np
import pytest

import minitorch

RNG = np.random.default_rng(4)
X = RNG.standard_normal((5, 4))


def layers(torch, name="Linear", *args):
    """Make a layer of both libraries, with the same parameters."""
    made = [getattr(m.nn, name)(*args).double() for m in (minitorch, torch)]
    for mine, theirs in zip(made[0].parameters(), made[1].parameters(), strict=True):
        mine.data = minitorch.from_numpy(theirs.detach().numpy().copy())
    return made


def same(ours, theirs):
    np.testing.assert_allclose(
        ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-10, atol=1e-12
    )


def names(module):
    return [(k, tuple(v.shape)) for k, v in module.state_dict().items()]


def compare_calls(torch, pair, array):
    results = [
        layer(m.from_numpy(array)) for m, layer in zip((minitorch, torch), pair, strict=True)
    ]
    same(*results)
    for result in results:
        (result**2).sum().backward()
    for mine, theirs in zip(*(layer.parameters() for layer in pair), strict=True):
        same(mine.grad, theirs.grad)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dim", [0, 1, None])
@pytest.mark.parametrize("new", [False, True])
def test_weight_norm(torch, dim, new):
    pair = layers(torch, "Linear", 4, 3)
    for m, layer in zip((minitorch, torch), pair, strict=True):
        place = m.nn.utils.parametrizations if new else m.nn.utils
        assert place.weight_norm(layer, dim=dim) is layer
    assert names(pair[0]) == names(pair[1])
    compare_calls(torch, pair, X)
    if not new:
        for m, layer in zip((minitorch, torch), pair, strict=True):
            m.nn.utils.remove_weight_norm(layer)
        assert names(pair[0]) == names(pair[1])
        same(pair[0].weight, pair[1].weight)
        for m, layer in zip((minitorch, torch), pair, strict=True):
            with pytest.raises(ValueError, match="not found"):
                m.nn.utils.remove_weight_norm(layer)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("new", [False, True])
@pytest.mark.parametrize(
    ("name", "args", "shape"),
    [
        ("Linear", (4, 3), (5, 4)),
        ("Conv2d", (2, 3, 3), (2, 2, 5, 5)),
        ("ConvTranspose2d", (2, 3, 3), (2, 2, 5, 5)),
    ],
)
def test_spectral_norm(torch, new, name, args, shape):
    pair = layers(torch, name, *args)
    for m, layer in zip((minitorch, torch), pair, strict=True):
        place = m.nn.utils.parametrizations if new else m.nn.utils
        place.spectral_norm(layer)
    assert sorted(names(pair[0])) == sorted(names(pair[1]))
    state = {k: minitorch.from_numpy(v.numpy().copy()) for k, v in pair[1].state_dict().items()}
    pair[0].load_state_dict(state)
    for _ in range(2):
        for layer in pair:
            layer.zero_grad()
        compare_calls(torch, pair, RNG.standard_normal(shape))
    for layer in pair:
        layer.eval()
    compare_calls(torch, pair, RNG.standard_normal(shape))
    if not new:
        for m, layer in zip((minitorch, torch), pair, strict=True):
            m.nn.utils.remove_spectral_norm(layer)
        same(pair[0].weight, pair[1].weight)


class TestParametrize:
    def symmetric(self, m, invertible=True):
        class Symmetric(m.nn.Module):
            def forward(self, x):
                return x.triu() + x.triu(1).transpose(-1, -2)

        if invertible:
            Symmetric.right_inverse = lambda self, x: x.triu()
        return Symmetric()

    def test_is_computed(self, lib):
        m = lib.module
        parametrize = m.nn.utils.parametrize
        layer = m.nn.Linear(3, 3)
        assert not parametrize.is_parametrized(layer)
        parametrize.register_parametrization(layer, "weight", self.symmetric(m))
        assert parametrize.is_parametrized(layer, "weight")
        weight = layer.weight
        assert weight.tolist() == weight.t().tolist()
        assert [n for n, _ in layer.named_parameters()] == [
            "bias", "parametrizations.weight.original"
        ]  # fmt: skip
        layer(m.ones(2, 3)).sum().backward()
        assert layer.parametrizations.weight.original.grad is not None
        assert type(layer).__name__ == "ParametrizedLinear"
        assert isinstance(layer, m.nn.Linear)

    def test_assignment(self, lib):
        m = lib.module
        parametrize = m.nn.utils.parametrize
        layer = m.nn.Linear(2, 2)
        parametrize.register_parametrization(layer, "weight", self.symmetric(m))
        layer.weight = m.tensor([[1.0, 2.0], [2.0, 3.0]])
        assert layer.weight.tolist() == [[1.0, 2.0], [2.0, 3.0]]
        other = m.nn.Linear(2, 2)
        parametrize.register_parametrization(other, "weight", self.symmetric(m, False))
        with pytest.raises(RuntimeError, match="does not implement right_inverse"):
            other.weight = m.zeros(2, 2)

    @pytest.mark.parametrize("leave", [True, False])
    def test_remove(self, lib, leave):
        m = lib.module
        parametrize = m.nn.utils.parametrize
        layer = m.nn.Linear(3, 3)
        parametrize.register_parametrization(layer, "weight", self.symmetric(m))
        wanted = layer.weight if leave else layer.parametrizations.weight.original
        wanted = wanted.tolist()
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=leave)
        assert layer.weight.tolist() == wanted
        assert isinstance(layer.weight, m.nn.Parameter)
        assert type(layer) is m.nn.Linear
        assert not hasattr(layer, "parametrizations")

    def test_chain_cache_and_copy(self, lib):
        m = lib.module
        parametrize = m.nn.utils.parametrize

        class Double(m.nn.Module):
            calls = 0

            def forward(self, x):
                Double.calls += 1
                return 2 * x

        layer = m.nn.Linear(2, 2)
        parametrize.register_parametrization(layer, "bias", Double())
        parametrize.register_parametrization(layer, "bias", Double())
        assert layer.bias.tolist() == [4 * v for v in layer.parametrizations.bias.original.tolist()]
        before = Double.calls
        with parametrize.cached():
            assert layer.bias is layer.bias
        assert Double.calls == before + 2
        copied = copy.deepcopy(layer)
        assert copied.bias.tolist() == layer.bias.tolist()
        assert copied.parametrizations.bias.original is not layer.parametrizations.bias.original

    def test_errors(self, lib):
        m = lib.module
        parametrize = m.nn.utils.parametrize

        class Shorter(m.nn.Module):
            def forward(self, x):
                return x[:1]

        layer = m.nn.Linear(2, 2)
        with pytest.raises(ValueError, match="may not change the shape"):
            parametrize.register_parametrization(layer, "bias", Shorter())
        with pytest.raises(ValueError, match="does not have a parameter"):
            parametrize.register_parametrization(layer, "nothing", Shorter())
        with pytest.raises(ValueError, match="does not have a parametrization"):
            parametrize.remove_parametrizations(layer, "bias")


class TestAverages:
    @pytest.mark.parametrize("kind", ["mean", "ema", "ema list", "swa"])
    def test_average(self, torch, kind):
        averages = []
        pair = layers(torch, "Linear", 4, 3)
        for m, layer in zip((minitorch, torch), pair, strict=True):
            utils = __import__(f"{m.__name__}.optim.swa_utils", fromlist=["x"])
            options = {
                "mean": {},
                "ema": {"avg_fn": utils.get_ema_avg_fn(0.8)},
                "ema list": {"multi_avg_fn": utils.get_ema_multi_avg_fn(0.8)},
                "swa": {"avg_fn": utils.get_swa_avg_fn()},
            }[kind]
            average = utils.AveragedModel(layer, **options)
            for step in range(4):
                with m.no_grad():
                    layer.weight.add_(step * 0.3)
                average.update_parameters(layer)
            averages.append(average)
        assert names(averages[0]) == names(averages[1])
        for mine, theirs in zip(*(a.parameters() for a in averages), strict=True):
            same(mine, theirs)
        assert averages[0].n_averaged.item() == 4

    def test_update_bn(self, torch):
        found = []
        batches = [RNG.standard_normal((6, 3)) for _ in range(3)]
        for m in (minitorch, torch):
            utils = __import__(f"{m.__name__}.optim.swa_utils", fromlist=["x"])
            net = m.nn.Sequential(m.nn.BatchNorm1d(3).double())
            utils.update_bn([m.from_numpy(b.copy()) for b in batches], net)
            found.append(net[0].running_var)
            assert net[0].momentum == 0.1
        same(*found)

    @pytest.mark.parametrize("strategy", ["cos", "linear"])
    @pytest.mark.parametrize("epochs", [0, 4])
    def test_swalr(self, torch, strategy, epochs):
        rates = []
        for m in (minitorch, torch):
            opt = m.optim.SGD([m.nn.Parameter(m.ones(1))], lr=0.5)
            utils = __import__(f"{m.__name__}.optim.swa_utils", fromlist=["x"])
            schedule = utils.SWALR(opt, 0.05, epochs, strategy)
            for _ in range(7):
                rates.append(opt.param_groups[0]["lr"])
                opt.step()
                schedule.step()
        np.testing.assert_allclose(rates[:7], rates[7:], rtol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
def test_fused_norms(lib, bias):
    m = lib.module
    conv, bn = m.nn.Conv2d(2, 3, 3, bias=bias), m.nn.BatchNorm2d(3)
    linear, bn1 = m.nn.Linear(4, 3, bias=bias), m.nn.BatchNorm1d(3)
    up = m.nn.ConvTranspose2d(2, 3, 3, bias=bias)
    for norm in (bn, bn1):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    for module in (conv, bn, linear, bn1, up):
        module.eval()
    x = m.rand(2, 2, 6, 6)
    utils = m.nn.utils
    pairs = [
        (utils.fuse_conv_bn_eval(conv, bn)(x), bn(conv(x))),
        (utils.fuse_conv_bn_eval(up, bn, transpose=True)(x), bn(up(x))),
        (utils.fuse_linear_bn_eval(linear, bn1)(m.ones(2, 4)), bn1(linear(m.ones(2, 4)))),
    ]
    for fused, plain in pairs:
        np.testing.assert_allclose(fused.tolist(), plain.tolist(), rtol=1e-4, atol=1e-5)


def test_old_clip_grad_norm(lib):
    p = lib.ones(3)
    p.sum().backward()
    with pytest.warns(FutureWarning, match="deprecated"):
        lib.module.nn.utils.clip_grad_norm([p], 1.0)
    assert abs(p.grad.norm().item() - 1.0) < 1e-5
