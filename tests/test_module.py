"""Module and the containers: every behaviour with minitorch and with torch, side by side.

A scenario is a function of one framework that returns what it observed: texts, names, numbers,
errors. The observations have to be equal.
"""

import copy
import gc
import pickle
import re
import warnings
import weakref
from collections import OrderedDict

import numpy as np
import pytest

import minitorch
from minitorch import nn
from minitorch.autograd.trace import Recorder

SCENARIOS = []


def scenario(function):
    SCENARIOS.append(pytest.param(function, id=function.__name__))
    return function


def text(value):
    """Make texts of the two frameworks comparable."""
    value = re.sub(r"<class '[^']*\.(\w+)'>", r"<\1>", str(value))
    return value.replace("minitorch", "torch").replace("torch.nn.modules.module.", "torch.nn.")


def error(call, *args, **kwargs):
    """Return the type and text of the error that a call raises."""
    try:
        call(*args, **kwargs)
    except Exception as e:
        return type(e).__name__, text(e)
    return None


def numbers(t):
    if t is None or isinstance(t, (str, int)):
        return t
    if isinstance(t, (tuple, list)):
        return [numbers(x) for x in t]
    return t.detach().numpy().tolist()


def ones(F, *shape):
    return F.ones(shape)


def leaf(F, F_nn, *shape):
    return F_nn.Parameter(ones(F, *shape))


def classes(F):
    """Define the modules that scenarios use, on one framework."""

    class Scale(F.nn.Module):
        def __init__(self, value=2.0):
            super().__init__()
            self.weight = F.nn.Parameter(F.tensor([value, value]))
            self.register_buffer("shift", F.tensor([1.0, 1.0]))
            self.register_buffer("cache", F.tensor([5.0]), persistent=False)
            self.register_parameter("bias", None)

        def forward(self, x, factor=1.0):
            return (x * self.weight + self.shift) * factor

        def extra_repr(self):
            return "scale"

    class Net(F.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = Scale()
            self.rest = F.nn.Sequential(Scale(3.0), F.nn.Identity())
            self.twin = self.first
            self.rest.shared = self.rest[0].weight
            self.none = None

        def forward(self, x):
            return self.rest(self.first(x))

    return Scale, Net


def net(F):
    return classes(F)[1]()


@scenario
def names(F):
    m = net(F)
    return [
        [n for n, _ in m.named_parameters()],
        [n for n, _ in m.named_parameters(prefix="p", recurse=False)],
        [n for n, _ in m.named_parameters(prefix="p", remove_duplicate=False)],
        [n for n, _ in m.named_buffers()],
        [n for n, _ in m.named_modules()],
        [n for n, _ in m.named_modules(prefix="x", remove_duplicate=False)],
        [n for n, _ in m.named_children()],
        len(list(m.parameters())),
        len(list(m.buffers())),
        len(list(m.modules())),
        len(list(m.children())),
    ]


@scenario
def representation(F):
    Scale, _ = classes(F)

    class Two(F.nn.Module):
        def extra_repr(self):
            return "one\ntwo"

    nested = F.nn.ModuleList([Two(), Scale(), Scale(), F.nn.Sequential(Two(), net(F)), Scale()])
    return [
        repr(x)
        for x in (
            F.nn.Module(),
            net(F),
            Two(),
            nested,
            F.nn.ModuleList(),
            F.nn.Sequential(OrderedDict(a=Scale(), b=nested)),
            F.nn.ModuleDict({"x": Scale(), "y": Two()}),
        )
    ]


@scenario
def registration_errors(F):
    Scale, _ = classes(F)
    m = Scale()
    p = leaf(F, F.nn, 2)
    found = [
        error(m.register_parameter, "a.b", p),
        error(m.register_parameter, "forward", p),
        error(m.register_parameter, "shift", p),
        error(m.register_buffer, "a.b", p),
        error(m.register_buffer, "weight", p),
        error(m.register_module, "a.b", Scale()),
        error(m.register_module, "", Scale()),
        error(m.add_module, "shift", Scale()),
        error(m.register_parameter, "q", 3),
        error(m.register_buffer, "q", "s"),
        error(m.register_parameter, 3, p),
        error(m.add_module, 3, Scale()),
        error(m.add_module, "q", 3),
        error(m.register_parameter, "q", p * 2),
        error(setattr, m, "weight", 3),
        error(setattr, m, "weight", "text"),
        error(setattr, m, "shift", 3),
        error(setattr, net(F), "first", 3),
        error(getattr, m, "missing"),
        error(delattr, m, "missing"),
        error(F.nn.Module, 1),
        error(F.nn.Module, a=1),
        error(m, 1, 2, 3),
        error(F.nn.Module(), 1),
        error(m.train, 1),
    ]
    return [(e[0], re.sub(", got: [^']*", "", e[1])) for e in found]


@scenario
def before_init(F):
    Scale, _ = classes(F)

    class Early(F.nn.Module):
        def __init__(self, name, value):
            setattr(self, name, value)

    late = Early("number", 3)
    return [
        error(Early, "p", leaf(F, F.nn, 1)),
        error(Early, "m", Scale()),
        error(F.nn.Module.register_buffer, late, "b", ones(F, 1)),
        error(F.nn.Module.register_parameter, late, "b", leaf(F, F.nn, 1))[0],
        error(getattr, late, "missing"),
        late.number,
    ]


@scenario
def attributes_change_kind(F):
    Scale, _ = classes(F)
    m = F.nn.Module()
    seen = []

    def note():
        seen.append(
            [
                list(m._parameters),
                list(m._buffers),
                list(m._modules),
                sorted(k for k in m.__dict__ if k == "x"),
                sorted(m._non_persistent_buffers_set),
            ]
        )

    for value in (1, leaf(F, F.nn, 2), None, leaf(F, F.nn, 2), Scale(), None):
        seen.append(error(setattr, m, "x", value))
        note()
    del m.x
    note()
    for value in (Scale(), None, leaf(F, F.nn, 2)):
        m.x = value
        note()
    del m.x
    m.register_buffer("x", ones(F, 1), persistent=False)
    m.x = ones(F, 2)
    note()
    m.x = None
    note()
    m.x = F.nn.Buffer(ones(F, 2))
    note()
    m.x = leaf(F, F.nn, 2)
    note()
    del m.x
    m.x = F.nn.Buffer(ones(F, 2), persistent=False)
    note()
    return [*seen, list(m.state_dict())]


@scenario
def lookups(F):
    m = net(F)
    return [
        m.get_submodule("") is m,
        m.get_submodule("rest.0") is m.rest[0],
        m.get_parameter("rest.0.weight") is m.rest[0].weight,
        numbers(m.get_buffer("first.shift")),
        error(m.get_submodule, "rest.7"),
        error(m.get_submodule, "first.weight"),
        error(m.get_parameter, "first.missing"),
        error(m.get_parameter, "first.shift"),
        error(m.get_buffer, "first.weight"),
        m.set_submodule("rest.0", F.nn.Identity()),
        repr(m.rest),
        error(m.set_submodule, "", F.nn.Identity()),
        "weight" in dir(m.first) and "0" not in dir(m.rest) and "first" in dir(m),
    ]


@scenario
def state_dict(F):
    m = net(F)
    state = m.state_dict(prefix="p.")
    kept = m.state_dict(keep_vars=True)
    target = OrderedDict(old=1)
    m.state_dict(destination=target)
    return [
        list(state),
        dict(state._metadata),
        numbers(list(state.values())),
        [v.requires_grad for v in state.values()],
        [v.requires_grad for v in kept.values()],
        kept["first.weight"] is m.first.weight,
        list(target),
    ]


@scenario
def load(F):
    m = net(F)
    source = net(F)
    with F.no_grad():
        source.first.weight.mul_(7)
    weight = m.first.weight
    result = m.load_state_dict(source.state_dict())
    return [
        str(result),
        result.missing_keys,
        result.unexpected_keys,
        numbers(m.first.weight),
        m.first.weight is weight,
        weight.requires_grad,
    ]


@scenario
def load_errors(F):
    m = net(F)
    state = m.state_dict()
    missing = OrderedDict(list(state.items())[2:])
    extra = OrderedDict(state, unknown=ones(F, 1))
    extra["first.unknown"] = ones(F, 1)
    extra["first.weight.deeper"] = ones(F, 1)
    mismatch = OrderedDict(state)
    mismatch["first.weight"] = ones(F, 3)
    wrong = OrderedDict(state)
    wrong["first.shift"] = [1.0, 1.0]
    partial = net(F)
    incompatible = partial.load_state_dict({**missing, "unknown": ones(F, 1)}, strict=False)
    return [
        error(m.load_state_dict, missing),
        error(m.load_state_dict, extra),
        error(m.load_state_dict, mismatch),
        error(m.load_state_dict, mismatch, strict=False),
        error(m.load_state_dict, {**missing, **mismatch, "unknown": 1}),
        error(m.load_state_dict, wrong),
        error(m.load_state_dict, 3),
        incompatible.missing_keys,
        incompatible.unexpected_keys,
        str(incompatible).replace("_Incompatible", "Incompatible"),
    ]


@scenario
def load_by_assignment(F):
    Scale, _ = classes(F)
    m = Scale()
    m.weight.requires_grad_(False)
    state = OrderedDict(weight=F.tensor([4.0, 5.0]).double(), shift=F.tensor([6.0, 7.0]))
    m.load_state_dict(state, assign=True)
    return [
        str(m.weight.dtype).split(".")[1],
        numbers(m.weight),
        type(m.weight).__name__,
        m.weight.requires_grad,
        m.shift is state["shift"],
    ]


@scenario
def state_hooks(F):
    Scale, _ = classes(F)
    calls = []

    class Versioned(Scale):
        _version = 3

        def get_extra_state(self):
            return {"seen": 1}

        def set_extra_state(self, state):
            calls.append(state)

        def _load_from_state_dict(self, state_dict, prefix, local_metadata, *args):
            calls.append((prefix, local_metadata.get("version"), sorted(state_dict)))
            super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)

    m = F.nn.Sequential(Versioned())
    inner = m[0]
    inner.register_state_dict_pre_hook(lambda mod, prefix, keep: calls.append((prefix, keep)))
    inner.register_state_dict_post_hook(
        lambda mod, state, prefix, meta: calls.append((list(state), prefix, dict(meta)))
    )
    inner.register_load_state_dict_pre_hook(
        lambda mod, state, prefix, *rest: calls.append(("pre", mod is inner, prefix))
    )
    inner._register_load_state_dict_pre_hook(
        lambda state, prefix, *rest: calls.append(("old", prefix, len(rest)))
    )

    def forgive(mod, keys):
        calls.append((list(keys.missing_keys), list(keys.unexpected_keys)))
        keys.missing_keys.clear()

    inner.register_load_state_dict_post_hook(forgive)
    state = m.state_dict()
    del state["0.weight"]
    m.load_state_dict(state)
    m._register_state_dict_hook(lambda mod, state, prefix, meta: {"replaced": 1})
    replaced = m.state_dict()
    inner.register_state_dict_post_hook(lambda *args: 3)
    inner.register_load_state_dict_post_hook(lambda *args: 3)
    return [
        calls,
        replaced,
        error(m.state_dict),
        error(m.load_state_dict, state)[0],
        error(F.nn.Module().get_extra_state)[0],
    ]


@scenario
def deprecated_positional_state_dict(F):
    target = OrderedDict()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net(F).state_dict(target, "p.", True)
    return [list(target), [w.category.__name__ for w in caught]]


@scenario
def forward_hooks(F):
    Scale, _ = classes(F)
    m = Scale()
    calls = []
    x = F.tensor([1.0, 2.0])
    handles = [
        m.register_forward_pre_hook(lambda mod, args: calls.append(("pre", numbers(args)))),
        m.register_forward_pre_hook(lambda mod, args: (args[0] + 1,), prepend=True),
        m.register_forward_pre_hook(lambda mod, args: args[0] * 2),
        m.register_forward_pre_hook(
            lambda mod, args, kwargs: (args, {**kwargs, "factor": 10.0}), with_kwargs=True
        ),
        m.register_forward_hook(
            lambda mod, args, kwargs, out: calls.append((numbers(args), kwargs, numbers(out))),
            with_kwargs=True,
        ),
        m.register_forward_hook(lambda mod, args, out: out + 0.5),
        m.register_forward_hook(lambda mod, args, out: calls.append(numbers(out)), prepend=True),
    ]
    first = numbers(m(x, factor=1.0))
    for handle in handles[1:]:
        handle.remove()
    second = numbers(m(x))
    handles[0].remove()
    m.register_forward_pre_hook(lambda mod, args, kwargs: 3, with_kwargs=True)
    return [calls, first, second, error(m, x)]


@scenario
def always_called_hooks(F):
    class Fails(F.nn.Module):
        def forward(self, x):
            raise KeyError("x")

    m = Fails()
    calls = []

    def bad(*args):
        raise ValueError("bad")

    m.register_forward_hook(lambda mod, args, out: calls.append("never"))
    m.register_forward_hook(lambda mod, args, out: calls.append(out), always_call=True)
    m.register_forward_hook(
        lambda mod, args, kwargs, out: calls.append((kwargs, out)),
        always_call=True,
        with_kwargs=True,
    )
    m.register_forward_hook(bad, always_call=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = error(m, x=1)
    return [found, calls, len(caught)]


@scenario
def backward_hooks(F):
    Scale, _ = classes(F)
    m = Scale()
    calls = []
    m.register_full_backward_hook(
        lambda mod, grad_in, grad_out: calls.append((mod is m, numbers(grad_in), numbers(grad_out)))
    )
    m.register_full_backward_pre_hook(lambda mod, grad_out: calls.append(numbers(grad_out)))
    x = F.tensor([1.0, 2.0], requires_grad=True)
    m(x * 3).sum().backward()
    once = numbers(x.grad)
    handle = m.register_full_backward_hook(lambda mod, grad_in, grad_out: (grad_in[0] * 10,))
    m.register_full_backward_pre_hook(lambda mod, grad_out: (grad_out[0] * 2,), prepend=True)
    m(x * 3).sum().backward()
    handle.remove()
    with F.no_grad():
        m(x)
    return [calls, once, numbers(x.grad), numbers(m.weight.grad)]


@scenario
def backward_hooks_with_several_values(F):
    class Split(F.nn.Module):
        def forward(self, x, n, y):
            return x * n, y * x, "text"

    m = Split()
    calls = []
    m.register_full_backward_hook(
        lambda mod, grad_in, grad_out: calls.append((numbers(grad_in), numbers(grad_out)))
    )
    x = F.tensor([1.0, 2.0], requires_grad=True)
    y = F.tensor([3.0, 4.0])
    a, b, _ = m(x, 2.0, y)
    (a.sum() + 5 * b.sum()).backward()
    m(x, 3.0, y)[1].sum().backward()
    return [calls, numbers(x.grad)]


@scenario
def backward_hook_without_input_gradient(F):
    Scale, _ = classes(F)
    m = Scale()
    calls = []
    m.register_full_backward_hook(
        lambda mod, grad_in, grad_out: calls.append((numbers(grad_in), numbers(grad_out)))
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        m(F.tensor([1.0, 2.0])).sum().backward()
        m.register_full_backward_hook(lambda mod, grad_in, grad_out: grad_out)
        found = error(m(F.tensor([1.0, 2.0])).sum().backward)
    return [calls, found[0], numbers(m.weight.grad)]


@scenario
def backward_hook_of_the_wrong_size(F):
    Scale, _ = classes(F)
    m = Scale()
    m.register_full_backward_hook(lambda mod, grad_in, grad_out: (grad_in[0], None))
    x = F.tensor([1.0, 2.0], requires_grad=True)
    return error(m(x).sum().backward)


@scenario
def legacy_backward_hooks(F):
    Scale, _ = classes(F)
    m = Scale()
    calls = []
    m.register_backward_hook(lambda mod, gi, go: calls.append((mod is m, numbers(go))))
    x = F.tensor([1.0, 2.0], requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        m(x).sum().backward()
    mixed = error(m.register_full_backward_hook, print)
    full = Scale()
    full.register_full_backward_hook(print)
    return [calls, mixed, error(full.register_backward_hook, print)]


@scenario
def modes(F):
    m = net(F)
    m.eval()
    seen = [x.training for x in m.modules()]
    m.train()
    m.first.eval()
    return [seen, [x.training for x in m.modules()]]


@scenario
def conversions(F):
    m = net(F)
    m.first.register_buffer("count", F.tensor(3))
    m(F.tensor([1.0, 2.0])).sum().backward()
    weight = m.first.weight
    seen = []

    def kinds():
        tensors = [*m.parameters(), *m.buffers(), weight.grad]
        seen.append([str(t.dtype).split(".")[1] for t in tensors])

    m.double()
    kinds()
    m.to(F.float16)
    kinds()
    m.to("cpu", F.float64)
    kinds()
    m.float()
    kinds()
    m.to(ones(F, 1).double())
    kinds()
    m.type(F.float32)
    kinds()
    m.half()
    kinds()
    return [seen, m.first.weight is weight, numbers(weight), error(m.to, F.int64)[0]]


@scenario
def gradients(F):
    m = net(F)
    m(F.tensor([1.0, 2.0])).sum().backward()
    grad = m.first.weight.grad
    m.zero_grad(set_to_none=False)
    zero = [m.first.weight.grad is grad, numbers(grad)]
    m.zero_grad()
    m.requires_grad_(False)
    off = [p.requires_grad for p in m.parameters()]
    return [zero, m.first.weight.grad, off, m.requires_grad_() is m]


@scenario
def apply(F):
    order = []
    m = net(F)
    assert m.apply(lambda x: order.append(type(x).__name__)) is m
    return order


@scenario
def copies(F):
    m = net(F)
    m(F.tensor([1.0, 2.0])).sum().backward()
    other = copy.deepcopy(m)
    with F.no_grad():
        other.first.weight.mul_(2)
    shallow = copy.copy(m)
    return [
        numbers(m.first.weight),
        numbers(other.first.weight),
        other.twin is other.first,
        other.rest.shared is other.rest[0].weight,
        other.first.weight.grad,
        shallow.first is m.first,
        type(other.first.weight).__name__,
    ]


@scenario
def parameter(F):
    plain = F.tensor([1.0, 2.0])
    p = F.nn.Parameter(plain)
    frozen = F.nn.Parameter(F.tensor([1]), requires_grad=False)
    with F.no_grad():
        p.mul_(2)
    return [
        repr(frozen),
        numbers(plain),
        p.requires_grad,
        p.is_leaf,
        tuple(F.nn.Parameter().shape),
        type(p * 2).__name__,
        type(p.data).__name__,
        isinstance(p, F.Tensor),
        error(F.nn.Parameter, F.tensor([1]))[0],
        repr(p).partition("\n")[0],
        type(copy.deepcopy(p)).__name__,
    ]


@scenario
def sequential(F):
    Scale, _ = classes(F)

    def make(*values):
        return F.nn.Sequential(*[Scale(float(v)) for v in values])

    def values(m):
        return [(n, numbers(x.weight)[0]) for n, x in m._modules.items()]

    m = make(1, 2, 3, 4)
    seen = [values(m[1:3]), values(m[::2]), values(m[-1:]), len(m), numbers(m[-1].weight)]
    del m[1]
    seen.append(values(m))
    del m[0:2]
    seen.append(values(m))
    m.append(Scale(9.0)).insert(0, Scale(8.0))
    seen.append(values(m))
    m.insert(-1, Scale(7.0))
    seen.append(values(m))
    m.extend(make(5, 6))
    seen.append(values(m))
    m[1] = Scale(0.5)
    seen.append([values(m), numbers(m.pop(2).weight), values(m)])
    seen.append([values(make(1) + make(2, 3)), values(make(1, 2) * 2), values(2 * make(3))])
    m = make(1)
    m += make(2)
    m *= 2
    seen.append(values(m))
    named = F.nn.Sequential(OrderedDict(a=Scale(), b=Scale(3.0)))
    seen.append([values(named), values(named[:1]), numbers(named(F.tensor([1.0, 1.0])))])
    del named[0]
    seen.append(values(named))
    seen.append(numbers(F.nn.Sequential()(F.tensor([1.0]))))
    seen += [
        error(lambda: m[9]),
        error(lambda: make(1) + 3),
        error(lambda: make(1) * 0),
        error(lambda: make(1) * 1.5),
        error(m.insert, 9, Scale()),
        error(m.append, 3),
        error(F.nn.Sequential, 3),
    ]
    return [text(x) for x in seen]


@scenario
def module_list(F):
    Scale, _ = classes(F)

    def make(*values):
        return F.nn.ModuleList([Scale(float(v)) for v in values])

    def values(m):
        return [(n, numbers(x.weight)[0]) for n, x in m._modules.items()]

    m = make(1, 2, 3)
    seen = [values(m[1:]), values(m[::-1]), len(m), [numbers(x.weight) for x in m]]
    m.append(Scale(4.0))
    m.insert(1, Scale(5.0))
    seen.append(values(m))
    m += [Scale(6.0)]
    m.extend(make(7))
    seen.append(values(m))
    del m[0]
    del m[-2:]
    seen.append(values(m))
    m[-1] = Scale(0.5)
    seen.append([values(m), numbers(m.pop(0).weight), values(m + make(1)), m[0] in m])
    seen += [
        error(lambda: m[9]),
        error(m.extend, 3),
        error(m, 1)[0],
        list(make(1, 2).state_dict()),
        sorted(set(dir(m)) & {"0", "1"}),
    ]
    return [text(x) for x in seen]


@scenario
def module_dict(F):
    Scale, _ = classes(F)
    m = F.nn.ModuleDict({"a": Scale(1.0), "b": Scale(2.0)})
    m["c"] = Scale(3.0)
    m.update([("d", Scale(4.0)), ("a", Scale(5.0))])
    m.update(F.nn.ModuleDict({"e": Scale(6.0)}))
    popped = numbers(m.pop("b").weight)
    del m["c"]
    seen = [
        list(m),
        list(m.keys()),
        [(k, numbers(v.weight)) for k, v in m.items()],
        len(list(m.values())),
        popped,
        "a" in m,
        "b" in m,
        len(m),
        error(lambda: m["b"]),
        error(m.update, 3),
        error(m.update, [3])[0],
        error(m.update, [(1, 2, 3)]),
    ]
    m.clear()
    return [*seen, len(m)]


@scenario
def parameter_list(F):
    m = F.nn.ParameterList([leaf(F, F.nn, 2), ones(F, 3)])
    m.append(ones(F, 2, 3))
    m.extend([leaf(F, F.nn, 1), 7, "text"])
    m += [leaf(F, F.nn, 4)]
    m[0] = leaf(F, F.nn, 5)
    seen = [
        repr(m),
        len(m),
        [n for n, _ in m.named_parameters()],
        list(m.state_dict()),
        tuple(m[-1].shape),
        repr(m[1:3]),
        m[4],
        [type(x).__name__ for x in m],
        repr(F.nn.ParameterList()),
    ]
    return [*seen, error(lambda: m[9]), error(m.extend, ones(F, 2))[0], error(m, 1)]


@scenario
def parameter_dict(F):
    m = F.nn.ParameterDict({"b": leaf(F, F.nn, 2), "a": ones(F, 3)})
    m["c"] = ones(F, 1)
    m.update([("d", leaf(F, F.nn, 2, 2)), ("n", 7)])
    m.update(OrderedDict(z=ones(F, 1), y=ones(F, 2)))
    merged = m | F.nn.ParameterDict({"q": ones(F, 1)})
    seen = [
        repr(m),
        list(m),
        list(reversed(m)),
        len(m),
        [n for n, _ in m.named_parameters()],
        list(m.keys()),
        [k for k, _ in m.items()],
        len(list(m.values())),
        m.get("n"),
        m.get("missing", 3),
        m.setdefault("n", 8),
        m.setdefault("new", 9),
        m.pop("new"),
        m.popitem()[0],
        list(merged),
        list(m.copy()),
        list(m.fromkeys(["u", "v"], 1)),
        "a" in m,
        error(lambda: m[3])[0],
        error(m.update, 3)[0],
    ]
    del m["a"]
    m |= F.nn.ParameterDict({"last": ones(F, 1)})
    seen.append(list(m))
    m.clear()
    return [*seen, len(m), error(m, 1)]


@pytest.mark.parametrize("observe", SCENARIOS)
def test_as_torch(torch, observe):
    ours, theirs = observe(minitorch), observe(torch)
    assert len(ours) == len(theirs)
    for mine, wanted in zip(ours, theirs, strict=True):
        assert text(mine) == text(wanted)


# ---- what is not compared


def scale(value=2.0):
    return Scale(value)


class Scale(nn.Module):
    def __init__(self, value=2.0):
        super().__init__()
        self.weight = nn.Parameter(minitorch.tensor([value, value]))
        self.register_buffer("shift", minitorch.tensor([1.0, 1.0]))

    def forward(self, x):
        return x * self.weight + self.shift


def test_pickle():
    module = nn.Sequential(Scale(3.0), Scale())
    module[0].register_forward_hook(_hook)
    module.eval()
    other = pickle.loads(pickle.dumps(module))
    assert repr(other) == repr(module)
    assert not other[1].training
    x = minitorch.tensor([1.0, 2.0])
    assert other(x).tolist() == module(x).tolist()
    assert other[0].weight.requires_grad


def _hook(module, args, output):
    return output * 2


def test_global_hooks():
    from minitorch.nn import hooks

    calls = []
    x = minitorch.tensor([1.0, 2.0], requires_grad=True)
    module = nn.Sequential(Scale())
    handles = [
        hooks.register_module_forward_pre_hook(lambda m, a: calls.append("pre")),
        hooks.register_module_forward_hook(lambda m, a, out: calls.append("post")),
        hooks.register_module_full_backward_pre_hook(lambda m, go: calls.append("backward pre")),
        hooks.register_module_full_backward_hook(lambda m, gi, go: calls.append("backward")),
    ]
    module(x).sum().backward()
    for handle in handles:
        handle.remove()
    module(x).sum().backward()
    assert calls == ["pre", "pre", "post", "post"] + ["backward pre"] * 2 + ["backward"] * 2


def test_writing_over_a_hooked_input_is_refused():
    """The written tensor would have two histories; PyTorch refuses too."""
    module = nn.Module()
    module.forward = lambda x: x.mul_(2)
    module.register_full_backward_hook(lambda *args: None)
    x = minitorch.tensor([1.0, 2.0], requires_grad=True) * 1
    with pytest.raises(RuntimeError, match=r"in.?place"):
        module(x)


def test_recorder_knows_the_path():
    net = nn.Sequential(OrderedDict(a=Scale(), b=nn.Sequential(Scale())))
    with Recorder() as recorder:
        net(minitorch.tensor([1.0, 2.0]))
    assert [step.module for step in recorder.steps] == ["a", "a", "b.0", "b.0"]


def test_module_is_freed_without_the_garbage_collector():
    gc.disable()
    try:
        module = nn.Sequential(Scale())
        module.register_full_backward_hook(lambda *args: None)
        x = minitorch.tensor([1.0, 2.0], requires_grad=True)
        module(x).sum().backward()
        reference = weakref.ref(module)
        del module
        assert reference() is None
    finally:
        gc.enable()


def test_share_memory():
    module = Scale()
    module.share_memory()
    assert module.weight.tolist() == [2.0, 2.0]
    assert module.weight.requires_grad
    pid = __import__("os").fork()
    if pid == 0:
        module.weight._array[...] = 9.0
        __import__("os")._exit(0)
    __import__("os").waitpid(pid, 0)
    assert module.weight.tolist() == [9.0, 9.0]


def test_parameters_of_several_places_are_converted_once():
    module = nn.Module()
    module.a = module.b = nn.Parameter(minitorch.ones(2))
    module.double()
    assert module.a is module.b
    assert module.a.dtype is minitorch.float64


@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_optimised_parameter_stays_the_same_object(dtype):
    module = Scale()
    weight = module.weight
    module.to(getattr(minitorch, dtype))
    assert module.weight is weight
    assert weight._array.dtype == np.dtype(dtype)
