"""Optimisers: every trajectory step by step against PyTorch, states exchanged with it, errors."""

import copy
import pickle

import numpy as np
import pytest

import minitorch
from minitorch import optim
from minitorch.nn import Parameter

SHAPES = [(3, 4), (5,), (), (2, 3, 1, 2), (0, 3)]

CASES = {
    "sgd": ("SGD", {"lr": 0.1}),
    "sgd momentum": ("SGD", {"lr": 0.1, "momentum": 0.9}),
    "sgd dampening": ("SGD", {"lr": 0.1, "momentum": 0.8, "dampening": 0.3}),
    "sgd nesterov": ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    "sgd decay": ("SGD", {"lr": 0.1, "weight_decay": 0.1}),
    "sgd all": (
        "SGD",
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.2, "maximize": True},
    ),
    "adam": ("Adam", {}),
    "adam decay": ("Adam", {"lr": 0.01, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    "adam amsgrad": ("Adam", {"lr": 0.05, "betas": (0.7, 0.6), "amsgrad": True}),
    "adam maximize": ("Adam", {"lr": 0.05, "maximize": True, "weight_decay": 0.1}),
    "adam decoupled": ("Adam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    "adamw": ("AdamW", {"lr": 0.05}),
    "rmsprop": ("RMSprop", {}),
    "rmsprop momentum": ("RMSprop", {"momentum": 0.9, "weight_decay": 0.1, "maximize": True}),
    "rmsprop centered": ("RMSprop", {"centered": True, "alpha": 0.7, "momentum": 0.5}),
    "adadelta": ("Adadelta", {}),
    "adadelta decay": ("Adadelta", {"lr": 0.5, "rho": 0.5, "weight_decay": 0.1, "maximize": True}),
    "adagrad": ("Adagrad", {}),
    "adagrad decay": (
        "Adagrad",
        {"lr": 0.1, "lr_decay": 0.2, "weight_decay": 0.1, "initial_accumulator_value": 0.5},
    ),
    "adamax": ("Adamax", {}),
    "adamax decay": ("Adamax", {"lr": 0.1, "weight_decay": 0.1, "maximize": True}),
    "nadam": ("NAdam", {}),
    "nadam decay": ("NAdam", {"lr": 0.1, "weight_decay": 0.1, "momentum_decay": 0.1}),
    "nadam decoupled": (
        "NAdam",
        {"weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True},
    ),
    "radam": ("RAdam", {"lr": 0.1, "betas": (0.5, 0.8)}),
    "radam decay": ("RAdam", {"lr": 0.1, "weight_decay": 0.1, "maximize": True}),
    "radam decoupled": ("RAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    "rprop": ("Rprop", {}),
    "rprop sizes": ("Rprop", {"lr": 0.1, "etas": (0.3, 1.7), "step_sizes": (0.05, 0.2)}),
    "asgd": ("ASGD", {}),
    "asgd average": ("ASGD", {"lr": 0.1, "t0": 2, "lambd": 0.1, "weight_decay": 0.1}),
    "adamw amsgrad": ("AdamW", {"lr": 0.05, "amsgrad": True, "maximize": True}),
}


def parameters(dtype="float64", seed=0):
    generator = np.random.default_rng(seed)
    return [Parameter(tensor(generator.standard_normal(shape).astype(dtype))) for shape in SHAPES]


def tensor(array):
    return minitorch.Tensor._wrap(np.array(array))


def torch_like(torch, params):
    return [torch.nn.Parameter(torch.from_numpy(p._array.copy())) for p in params]


def set_gradients(params, step, torch=None):
    """Give every parameter its gradient of one step; the second has none in the first step."""
    generator = np.random.default_rng(100 + step)
    for i, p in enumerate(params):
        grad = generator.standard_normal(tuple(p.shape))
        if i == 1 and step == 0:
            p.grad = None
        elif torch is None:
            p.grad = tensor(np.asarray(grad, p._array.dtype))
        else:
            p.grad = torch.from_numpy(np.array(grad)).to(p.dtype)


def assert_equal(params, params_t, tolerance):
    for p, p_t in zip(params, params_t, strict=True):
        np.testing.assert_allclose(
            p._array, p_t.detach().numpy(), rtol=tolerance, atol=tolerance * 0.1
        )


def flat(state_dict):
    return {(i, k): v for i, s in state_dict["state"].items() for k, v in s.items()}


def assert_same_state(ours, theirs, tolerance):
    assert list(ours["state"]) == list(theirs["state"])
    ours_flat, theirs_flat = flat(ours), flat(theirs)
    assert ours_flat.keys() == theirs_flat.keys()
    for key, value in theirs_flat.items():
        mine = ours_flat[key]
        assert str(mine.dtype).split(".")[1] == str(value.dtype).split(".")[1], key
        assert tuple(mine.shape) == tuple(value.shape)
        np.testing.assert_allclose(mine._array, value.numpy(), rtol=tolerance, atol=1e-7)
    assert ours["param_groups"] == theirs["param_groups"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_trajectory(torch, name, dtype):
    cls, options = CASES[name]
    params = parameters(dtype)
    params_t = torch_like(torch, params)
    optimizer = getattr(optim, cls)(params, **options)
    optimizer_t = getattr(torch.optim, cls)(params_t, foreach=False, **options)
    optimizer_t.param_groups[0]["foreach"] = None
    tolerance = 1e-12 if dtype == "float64" else 2e-5
    for step in range(20):
        set_gradients(params, step)
        set_gradients(params_t, step, torch)
        optimizer.step()
        optimizer_t.step()
        assert_equal(params, params_t, tolerance)
    assert_same_state(optimizer.state_dict(), optimizer_t.state_dict(), tolerance)
    assert repr(optimizer) == repr(optimizer_t)


def to_torch(torch, state):
    """Rebuild a state dict with torch's tensors."""
    if isinstance(state, minitorch.Tensor):
        return torch.from_numpy(np.array(state._array))
    if isinstance(state, dict):
        return {k: to_torch(torch, v) for k, v in state.items()}
    return [to_torch(torch, v) for v in state] if isinstance(state, list) else state


def from_torch(torch, state):
    if isinstance(state, torch.Tensor):
        return tensor(state.numpy())
    if isinstance(state, dict):
        return {k: from_torch(torch, v) for k, v in state.items()}
    return [from_torch(torch, v) for v in state] if isinstance(state, list) else state


@pytest.mark.parametrize("name", CASES)
def test_state_is_exchanged_with_torch(torch, name):
    """A run goes on in the other framework, and back, as if nothing had happened."""
    cls, options = CASES[name]
    params = parameters()
    optimizer = getattr(optim, cls)(params, **options)
    for step in range(3):
        set_gradients(params, step)
        optimizer.step()
    params_t = torch_like(torch, params)
    optimizer_t = getattr(torch.optim, cls)(params_t, lr=123.0)
    optimizer_t.load_state_dict(to_torch(torch, optimizer.state_dict()))
    for step in range(3, 5):
        for p, t, o in ((params, None, optimizer), (params_t, torch, optimizer_t)):
            set_gradients(p, step, t)
            o.step()
    # Torch rounds the product of momenta to the type of the parameter when it loads it.
    tolerance = 1e-6 if cls == "NAdam" else 1e-12
    assert_equal(params, params_t, tolerance)
    back = [Parameter(tensor(p.detach().numpy())) for p in params_t]
    optimizer_back = getattr(optim, cls)(back, lr=123.0)
    optimizer_back.load_state_dict(from_torch(torch, optimizer_t.state_dict()))
    for p, t, o in ((params, None, optimizer), (back, None, optimizer_back)):
        set_gradients(p, 5, t)
        o.step()
    for p, q in zip(params, back, strict=True):
        np.testing.assert_allclose(p._array, q._array, rtol=tolerance)


def test_loaded_state_is_a_copy_in_the_type_of_the_parameter():
    params = parameters("float64")
    optimizer = optim.Adam(params)
    set_gradients(params, 1)
    optimizer.step()
    other = parameters("float32")
    loaded = optim.Adam(other)
    state = optimizer.state_dict()
    loaded.load_state_dict(state)
    assert loaded.state[other[0]]["exp_avg"].dtype is minitorch.float32
    assert loaded.state[other[0]]["step"].dtype is minitorch.float32
    before = state["state"][0]["exp_avg"]._array.copy()
    set_gradients(other, 2)
    loaded.step()
    np.testing.assert_array_equal(state["state"][0]["exp_avg"]._array, before)


def test_groups_have_their_own_options(torch):
    params = parameters()
    params_t = torch_like(torch, params)

    def groups(p):
        return [{"params": p[:2], "lr": 0.5, "momentum": 0.0}, {"params": iter(p[2:])}]

    optimizer = optim.SGD(groups(params), lr=0.1, momentum=0.9)
    optimizer_t = torch.optim.SGD(groups(params_t), lr=0.1, momentum=0.9)
    for step in range(3):
        set_gradients(params, step)
        set_gradients(params_t, step, torch)
        optimizer.step()
        optimizer_t.step()
    assert_equal(params, params_t, 1e-12)
    assert repr(optimizer) == repr(optimizer_t)
    assert_same_state(optimizer.state_dict(), optimizer_t.state_dict(), 1e-12)


def test_named_parameters(torch):
    params = parameters()
    names = [f"p{i}" for i in range(len(params))]
    optimizer = optim.SGD(zip(names, params, strict=True), lr=0.1)
    optimizer_t = torch.optim.SGD(zip(names, torch_like(torch, params), strict=True), lr=0.1)
    assert optimizer.state_dict() == optimizer_t.state_dict()


def test_strided_parameters():
    base = np.arange(12.0).reshape(3, 4)
    for cls in (optim.SGD, optim.Adam):
        plain, strided = Parameter(tensor(base.T.copy())), Parameter(tensor(base.copy()))
        strided.data = minitorch.Tensor._wrap(strided._array.T)
        for p in (plain, strided):
            p.grad = tensor(np.arange(12.0).reshape(4, 3))
            cls([p], lr=0.1).step()
        np.testing.assert_array_equal(plain._array, strided._array)


def test_step_counts_as_a_write():
    p = Parameter(tensor(np.ones(3)))
    loss = (p * p).sum()
    loss.backward(retain_graph=True)
    optim.SGD([p], lr=0.1).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_learning_rate_tensor():
    p = Parameter(tensor(np.ones(3)))
    p.grad = tensor(np.ones(3))
    rate = tensor(np.array(0.5))
    optimizer = optim.SGD([p], lr=rate)
    optimizer.step()
    np.testing.assert_array_equal(p._array, [0.5] * 3)
    assert optimizer.param_groups[0]["lr"] is rate


def test_closure():
    p = Parameter(tensor(np.array([2.0])))
    optimizer = optim.SGD([p], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with minitorch.no_grad():
        assert optimizer.step(closure).item() == 4.0
    assert p.item() == 1.0


def test_zero_grad():
    params = parameters()
    optimizer = optim.SGD(params, lr=0.1)
    set_gradients(params, 1)
    grads = [p.grad for p in params]
    optimizer.zero_grad(set_to_none=False)
    for p, grad in zip(params, grads, strict=True):
        assert p.grad is grad
        assert not grad._array.any()
    optimizer.zero_grad()
    assert all(p.grad is None for p in params)


def test_hooks():
    p = Parameter(tensor(np.ones(1)))
    p.grad = tensor(np.ones(1))
    optimizer = optim.SGD([p], lr=0.5)
    seen = []
    handles = [
        optimizer.register_step_pre_hook(lambda o, a, k: seen.append(("pre", p.item()))),
        optimizer.register_step_post_hook(lambda o, a, k: seen.append(("post", p.item()))),
    ]
    optimizer.step()
    assert seen == [("pre", 1.0), ("post", 0.5)]
    for handle in handles:
        handle.remove()
    optimizer.step()
    assert len(seen) == 2


def test_state_dict_hooks():
    optimizer = optim.SGD(parameters(), lr=0.5)
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "extra": 1})
    state = optimizer.state_dict()
    assert state["extra"] == 1
    seen = []
    optimizer.register_load_state_dict_pre_hook(lambda o, state: seen.append(state["extra"]))
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append(o))
    optimizer.load_state_dict(state)
    assert seen == [1, optimizer]


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_copy(copier):
    params = parameters()
    optimizer = optim.Adam(params)
    set_gradients(params, 1)
    optimizer.step()
    other = copier(optimizer)
    copied = other.param_groups[0]["params"]
    assert copied[0] is not params[0]
    assert set(other.state) == set(copied)
    for p in (params, copied):
        set_gradients(p, 2)
    optimizer.step()
    other.step()
    for p, q in zip(params, copied, strict=True):
        np.testing.assert_array_equal(p._array, q._array)


def test_subclass():
    class Signs(optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.data.sub_(group["lr"])
                    self.state[p]["count"] = self.state[p].get("count", 0) + 1

    p = Parameter(tensor(np.ones(2)))
    optimizer = Signs([p], 0.25)
    called = []
    optimizer.register_step_post_hook(lambda *args: called.append(args))
    optimizer.step()
    assert called
    np.testing.assert_array_equal(p._array, [0.75, 0.75])
    assert optimizer.state_dict()["state"] == {0: {"count": 1}}


P = Parameter(tensor(np.ones(2)))
Q = Parameter(tensor(np.ones(2)))

ERRORS = {
    "empty": (lambda: optim.SGD([]), ValueError, "empty parameter list"),
    "a tensor": (lambda: optim.SGD(P), TypeError, "iterable of Tensors or dicts"),
    "a number": (lambda: optim.SGD([3]), TypeError, "can only optimize Tensors.*int"),
    "a set": (lambda: optim.SGD([{"params": {P}}]), TypeError, "ordered collections"),
    "not a leaf": (lambda: optim.SGD([P * 2]), ValueError, "non-leaf"),
    "lr": (lambda: optim.SGD([P], lr=-1), ValueError, "Invalid learning rate: -1"),
    "momentum": (lambda: optim.SGD([P], momentum=-1), ValueError, "Invalid momentum value: -1"),
    "decay": (lambda: optim.SGD([P], weight_decay=-1), ValueError, "Invalid weight_decay value"),
    "nesterov": (lambda: optim.SGD([P], nesterov=True), ValueError, "requires a momentum"),
    "adam lr": (lambda: optim.Adam([P], lr=-1), ValueError, "Invalid learning rate: -1"),
    "beta": (lambda: optim.Adam([P], betas=(0.1, 1.0)), ValueError, "index 1: 1.0"),
    "eps": (lambda: optim.AdamW([P], eps=-1), ValueError, "Invalid epsilon value: -1"),
    "nan": (lambda: optim.SGD([P], lr=float("nan")), ValueError, "Invalid learning rate: nan"),
    "differentiable": (
        lambda: optim.SGD([P], differentiable=True),
        NotImplementedError,
        "differentiable",
    ),
    "capturable": (lambda: optim.Adam([P], capturable=True), RuntimeError, "capturable"),
    "both": (lambda: optim.SGD([P], foreach=True, fused=True), RuntimeError, "together"),
    "in two groups": (
        lambda: optim.SGD([{"params": [P]}, {"params": [Q, P]}]),
        ValueError,
        "more than one parameter group",
    ),
    "no dict": (lambda: optim.SGD([P]).add_param_group([Q]), TypeError, "must be a dict"),
    "names missing": (lambda: optim.SGD([("p", P), Q]), ValueError, "names are missing"),
    "names mixed": (
        lambda: optim.SGD([("p", P)]).add_param_group({"params": [Q]}),
        ValueError,
        "without names",
    ),
    "required": (
        lambda: optim.Optimizer([P], {"lr": optim.optimizer.required}),
        ValueError,
        "required optimization parameter lr",
    ),
    "groups": (
        lambda: optim.SGD([P]).load_state_dict(optim.SGD(_two_groups()).state_dict()),
        ValueError,
        "different number of parameter groups",
    ),
    "sizes": (
        lambda: optim.SGD([P]).load_state_dict(optim.SGD([P, Q]).state_dict()),
        ValueError,
        "doesn't match the size",
    ),
}


def _two_groups():
    return [{"params": [P]}, {"params": [Q]}]


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    call, error, text = ERRORS[name]
    with pytest.raises(error, match=text):
        call()


def test_duplicates_warn():
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optim.SGD([P, P])


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad")
class TestLBFGS:
    """Rosenbrock's function, and a quadratic one."""

    @staticmethod
    def run(package, steps=6, load=None, **options):
        x = package.nn.Parameter(package.tensor([-1.2, 1.0], dtype=package.float64))
        y = package.nn.Parameter(package.tensor([[0.5]], dtype=package.float64))
        optimizer = package.optim.LBFGS([x, y], **options)

        def closure():
            optimizer.zero_grad()
            loss = 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2 + (y * x[0]).sum() ** 2
            loss.backward()
            return loss

        path = []
        for _ in range(steps):
            loss = optimizer.step(closure)
            path.append([float(loss), *x.tolist(), y.item()])
        return np.array(path), optimizer

    @pytest.mark.parametrize(
        "options",
        [
            {"lr": 0.01},
            {"lr": 0.01, "max_iter": 7, "history_size": 3},
            {"line_search_fn": "strong_wolfe"},
            {"line_search_fn": "strong_wolfe", "max_iter": 4, "history_size": 2},
            {"line_search_fn": "strong_wolfe", "lr": 0.1, "tolerance_grad": 1e-3},
        ],
    )
    def test_trajectory(self, torch, options):
        (ours, one), (theirs, other) = (self.run(p, **options) for p in (minitorch, torch))
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)
        mine, wanted = one.state_dict()["state"][0], other.state_dict()["state"][0]
        assert mine["n_iter"] == wanted["n_iter"]
        assert mine["func_evals"] == wanted["func_evals"]
        assert set(mine) == set(wanted)

    def test_errors(self, lib):
        m = lib.module
        x = [m.nn.Parameter(m.ones(1)), m.nn.Parameter(m.ones(1))]
        with pytest.raises(ValueError, match="doesn't support per-parameter options"):
            m.optim.LBFGS([{"params": x[:1]}, {"params": x[1:]}])
        with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
            self.run(m, line_search_fn="armijo")
