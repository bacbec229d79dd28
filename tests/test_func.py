"""Transformations of functions, and hooks for what is saved: the same test for both libraries."""

import numpy as np
import pytest

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

RNG = np.random.default_rng(0)
X, Y, W = RNG.standard_normal((3, 4)), RNG.standard_normal(4), RNG.standard_normal((2, 4))


@pytest.fixture
def func(lib):
    if lib.is_torch:
        return lib.module.func
    import minitorch.func

    return minitorch.func


def close(tensor, array):
    np.testing.assert_allclose(tensor.detach().numpy(), array, rtol=1e-9, atol=1e-12)


def energy(x, scale=2.0):
    return (x.sin() * x * scale).sum()


def slope(x, scale=2.0):
    return scale * (np.sin(x) + x * np.cos(x))


class TestGrad:
    def test_value(self, lib, func):
        x = lib.wrap(X, False)
        gradient = func.grad(energy)(x, scale=3.0)
        close(gradient, slope(X, 3.0))
        assert not gradient.requires_grad
        gradient, value = func.grad_and_value(energy)(x)
        close(value, (np.sin(X) * X * 2).sum())
        assert not value.requires_grad

    def test_nested(self, lib, func):
        x = lib.wrap(np.array(0.7), False)
        third = func.grad(func.grad(func.grad(lambda t: t.sin())))(x)
        close(third, -np.cos(0.7))
        assert not third.requires_grad

    def test_closed_over_by_an_outer_one(self, lib, func):
        x, y = lib.wrap(np.array(0.7), False), lib.wrap(np.array(1.3), False)
        mixed = func.grad(lambda b: func.grad(lambda a: (a * b).sin())(x))(y)
        close(mixed, np.cos(0.91) - 0.91 * np.sin(0.91))

    def test_several_and_trees(self, lib, func):
        x, y = lib.wrap(X, False), lib.wrap(Y, False)
        by_x, by_y = func.grad(lambda a, b: (a * b).sum(), argnums=(0, 1))(x, y)
        close(by_x, np.broadcast_to(Y, X.shape))
        close(by_y, X.sum(0))
        tree = {"w": x, "b": (y,)}
        result, extra = func.grad(lambda t: ((t["w"] * t["b"][0]).sum(), t["w"] * 2), has_aux=True)(
            tree
        )
        close(result["b"][0], X.sum(0))
        close(extra, X * 2)
        assert not extra.requires_grad

    def test_needs_a_scalar(self, lib, func):
        with pytest.raises(RuntimeError):
            func.grad(lambda x: x * 2)(lib.wrap(X, False))

    def test_leads_to_parameters(self, lib, func):
        w = lib.wrap(Y)
        func.grad(lambda x: (x * w).sum() ** 2)(lib.wrap(Y, False)).sum().backward()
        assert w.grad is not None


class TestProducts:
    def test_vjp(self, lib, func):
        value, pull = func.vjp(lambda x: x.sin(), lib.wrap(X, False))
        close(value, np.sin(X))
        (result,) = pull(lib.wrap(X, False))
        close(result, np.cos(X) * X)

    def test_jvp(self, lib, func):
        x = lib.wrap(X, False)
        value, push = func.jvp(lambda t: t.sin(), (x,), (x,))
        close(value, np.sin(X))
        close(push, np.cos(X) * X)

    @pytest.mark.parametrize("name", ["jacrev", "jacfwd"])
    def test_jacobian(self, lib, func, name):
        w, y = lib.wrap(W, False), lib.wrap(Y, False)
        close(getattr(func, name)(lambda v: w @ v)(y), W)
        by_w, by_v = getattr(func, name)(lambda m, v: m @ v, argnums=(0, 1))(w, y)
        close(by_v, W)
        close(by_w, np.einsum("ik,l->ikl", np.eye(2), Y))

    def test_hessian(self, lib, func):
        y = lib.wrap(Y, False)
        close(func.hessian(lambda v: (v**3).sum())(y), np.diag(6 * Y))


class TestVmap:
    def test_values(self, lib, func):
        x, y = lib.wrap(X, False), lib.wrap(Y, False)
        close(func.vmap(lambda row: row.sum())(x), X.sum(1))
        close(func.vmap(lambda row, v: row * v, in_dims=(0, None))(x, y), X * Y)
        close(func.vmap(lambda column: column * 2, in_dims=1, out_dims=1)(x), X * 2)

    def test_gradients_per_sample(self, lib, func):
        x, y = lib.wrap(X, False), lib.wrap(Y, False)
        per_sample = func.vmap(func.grad(lambda w, row: ((w * row).sum()) ** 2), in_dims=(None, 0))
        close(per_sample(y, x), 2 * (X @ Y)[:, None] * X)


class TestFunctionalCall:
    def test_is_called_with_others(self, lib, func):
        m = lib.module
        layer = m.nn.Linear(4, 2).double()
        w, b = lib.wrap(W), lib.wrap(np.zeros(2))
        before = layer.weight
        result = func.functional_call(layer, {"weight": w, "bias": b}, (lib.wrap(X, False),))
        close(result, X @ W.T)
        result.sum().backward()
        assert w.grad is not None
        assert layer.weight is before
        assert layer.weight.grad is None
        close(m.nn.utils.stateless.functional_call(layer, {"bias": b}, lib.wrap(X, False)),
              X @ before.detach().numpy().T)  # fmt: skip

    def test_gradients_by_name(self, lib, func):
        m = lib.module
        layer = m.nn.Sequential(m.nn.Linear(4, 2).double())
        params = dict(layer.named_parameters())

        x = lib.wrap(X, False)

        def loss(p):
            return func.functional_call(layer, p, (x,)).sum()

        gradient = func.grad(loss)({k: v.detach() for k, v in params.items()})
        close(gradient["0.weight"], np.broadcast_to(X.sum(0), (2, 4)))

    def test_errors(self, lib, func):
        layer = lib.module.nn.Linear(4, 2)
        with pytest.raises(RuntimeError):
            func.functional_call(layer, {"bias": layer.bias}, (lib.wrap(X),), strict=True)

    def test_stack_module_state(self, lib, func):
        layers = [lib.module.nn.Linear(3, 2) for _ in range(4)]
        params, buffers = func.stack_module_state(layers)
        assert params["weight"].shape == (4, 2, 3)
        assert params["weight"].requires_grad
        assert buffers == {}


class TestSavedTensorsHooks:
    def test_pack_and_unpack(self, lib):
        hooks = lib.module.autograd.graph.saved_tensors_hooks
        calls = []

        def pack(x):
            calls.append("pack")
            return x * 2

        def unpack(x):
            calls.append("unpack")
            return x / 2

        a, b = lib.wrap(X), lib.wrap(X + 1)
        with hooks(pack, unpack):
            y = (a * b).exp()
        assert calls == ["pack"] * 3
        y.sum().backward()
        assert calls == ["pack"] * 3 + ["unpack"] * 3
        close(a.grad, np.exp(X * (X + 1)) * (X + 1))
        close(b.grad, np.exp(X * (X + 1)) * X)

    def test_changes_the_gradient(self, lib):
        hooks = lib.module.autograd.graph.saved_tensors_hooks
        a = lib.wrap(X)
        with hooks(lambda x: x, lambda x: x * 10):
            y = a * a
        y.sum().backward()
        close(a.grad, 20 * X)

    def test_only_inside(self, lib):
        hooks = lib.module.autograd.graph.saved_tensors_hooks
        a, calls = lib.wrap(X), []
        with hooks(lambda x: calls.append(1) or x, lambda x: x):
            a + 1
        a * a
        assert calls == []

    def test_what_needs_no_gradient_is_not_packed(self, lib):
        """Every kind of operation also runs outside of a graph while the hooks are set."""
        hooks = lib.module.autograd.graph.saved_tensors_hooks
        a, constant, calls = lib.wrap(X), lib.module.ones(X.shape).double(), []
        with hooks(lambda x: calls.append(1) or x, lambda x: x):
            constant * constant + constant[0].exp()
            constant.mul_(2)
            with lib.module.no_grad():
                a * a
            y = a * constant[:]
        assert calls == [1]  # the constant, for the gradient of a
        y.sum().backward()
        close(a.grad, np.full(X.shape, 2.0))

    def test_layers(self, lib):
        """Through a network the gradients stay what they are."""
        m = lib.module
        net = m.nn.Sequential(
            m.nn.Conv2d(1, 3, 3), m.nn.BatchNorm2d(3), m.nn.ReLU(), m.nn.MaxPool2d(2)
        ).double()
        x = lib.wrap(RNG.standard_normal((2, 1, 8, 8)))
        net(x).sum().backward()
        expected = net[0].weight.grad.numpy().copy()
        net.zero_grad()
        with m.autograd.graph.save_on_cpu():
            y = net(x)
        y.sum().backward()
        close(net[0].weight.grad, expected)
