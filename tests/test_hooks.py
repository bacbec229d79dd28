"""Hooks on tensors and nodes: when they run, what they see, what they may replace."""

import gc
import weakref

import numpy as np
import pytest
from compare import values

import minitorch


def test_hooks_on_leaves_and_between(lib):
    seen = []
    x = lib.ones(2)
    y = x * 2
    x.register_hook(lambda g: seen.append(("x", values(g))))
    y.register_hook(lambda g: seen.append(("y", values(g))))
    y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: seen.append(("y again", values(g))))
    (y * 3).sum().backward()
    assert seen == [("y", [3, 3]), ("y again", [30, 30]), ("x", [60, 60])]
    assert values(x.grad) == [60, 60]


def test_a_hook_sees_the_complete_gradient_once(lib):
    seen = []
    x = lib.ones(2)
    y = x * 2
    y.register_hook(lambda g: seen.append(values(g)))
    (y * 3 + y * y + y).sum().backward()
    assert seen == [[8, 8]]


def test_hooks_stay_on_leaves(lib):
    x = lib.ones(2)
    x.register_hook(lambda g: g * 2)
    for _ in range(3):
        (x * 1).sum().backward()
        gc.collect()
    assert values(x.grad) == [6, 6]
    assert values(lib.autograd.grad(x.sum(), x)[0]) == [2, 2]


def test_removal(lib):
    seen = []
    x = lib.ones(2)
    handle = x.register_hook(lambda g: seen.append(1))
    with x.register_hook(lambda g: seen.append(2)):
        x.sum().backward()
    x.sum().backward()
    handle.remove()
    handle.remove()
    x.sum().backward()
    assert seen == [1, 2, 1]


def test_removal_and_addition_while_hooks_run(lib):
    seen = []
    x = lib.ones(2)

    def first(g):
        seen.append(1)
        own.remove()
        other.remove()
        x.register_hook(lambda g: seen.append(3))

    own = x.register_hook(first)
    other = x.register_hook(lambda g: seen.append(2))
    x.sum().backward()
    assert seen == [1, 2]
    x.sum().backward()
    assert seen == [1, 2, 3]


def test_what_a_hook_may_return(lib):
    for wrong, error, message in [
        (lambda g: 1, TypeError, "hook"),
        (lambda g: g.sum(), RuntimeError, "has changed the size of value"),
        (lambda g: lib.wrap(np.ones(2, np.float32), False), RuntimeError, "changed the type of va"),
    ]:
        x = lib.ones(2)
        x.register_hook(wrong)
        with pytest.raises(error, match=message):
            (x * 2).sum().backward()
        assert x.grad is None


def test_hooks_need_a_gradient(lib):
    for method in ("register_hook", "register_post_accumulate_grad_hook"):
        with pytest.raises(RuntimeError, match=r"hook"):
            getattr(lib.ones(2, grad=False), method)(print)
    with pytest.raises(RuntimeError, match="leaf"):
        (lib.ones(2) * 2).register_post_accumulate_grad_hook(print)


def test_retain_grad_comes_after_all_hooks(lib):
    for retain_first in (True, False):
        x = lib.ones(2)
        y = x * 2
        if retain_first:
            y.retain_grad()
        y.register_hook(lambda g: g * 10)
        y.retain_grad()
        y.register_hook(lambda g: g + 1)
        assert y.retains_grad
        (y * 3).sum().backward(retain_graph=True)
        assert values(y.grad) == [31, 31]
        assert values(x.grad) == [62, 62]


def test_retain_grad_accumulates(lib):
    y = lib.ones(2) * 2
    y.retain_grad()
    z = (y * 3).sum()
    z.backward(retain_graph=True)
    z.backward()
    assert values(y.grad) == [6, 6]


def test_retain_grad_and_in_place(lib):
    seen = []
    x = lib.ones(2)
    y = x * 2
    y.register_hook(lambda g: seen.append(("before", values(g))))
    y.retain_grad()
    y.mul_(3)
    y.register_hook(lambda g: seen.append(("after", values(g))))
    (y * 5).sum().backward()
    assert seen == [("after", [5, 5]), ("before", [15, 15])]
    assert values(y.grad) == [5, 5]
    assert values(x.grad) == [30, 30]


def test_retain_grad_and_in_place_through_views(lib):
    x = lib.ones(4)
    y = x * 2
    y.retain_grad()
    v = y.view(2, 2)
    v.retain_grad()
    v.mul_(3)
    (y * 5).sum().backward()
    assert values(y.grad) == [5, 5, 5, 5]
    assert values(x.grad) == [30, 30, 30, 30]


def test_retain_grad_on_leaves_and_constants(lib):
    x = lib.ones(2)
    x.retain_grad()
    assert not x.retains_grad
    with pytest.raises(RuntimeError, match="can't retain_grad on Tensor that has requires_grad="):
        lib.ones(2, grad=False).retain_grad()


def test_a_retained_gradient_is_the_tensors_own(lib):
    x = lib.ones(2)
    y = x * 1
    z = y + 0
    y.retain_grad()
    z.retain_grad()
    g = lib.ones(2, grad=False)
    z.backward(g)
    y.grad.mul_(7)
    assert values(z.grad) == values(x.grad) == values(g) == [1, 1]


def test_the_gradient_of_what_is_no_leaf_warns(lib):
    y = lib.ones(2) * 2
    with pytest.warns(UserWarning, match="not a leaf Tensor is being accessed"):
        assert y.grad is None


def test_post_accumulate_hooks(lib):
    seen = []
    x = lib.ones(2)

    def hook(tensor):
        seen.append((tensor is x, values(tensor.grad)))

    x.register_hook(lambda g: g * 2)
    handle = x.register_post_accumulate_grad_hook(hook)
    (x * x).sum().backward()
    (x * x).sum().backward()
    lib.autograd.grad((x * x).sum(), x)
    assert seen == [(True, [4, 4]), (True, [8, 8])]
    (x * x).sum().backward(inputs=[x])
    handle.remove()
    (x * x).sum().backward()
    assert len(seen) == 3


def test_an_optimiser_step_in_a_post_accumulate_hook(lib):
    x = lib.ones(2)

    def step(tensor):
        with lib.module.no_grad():
            tensor.sub_(tensor.grad * 0.5)
        tensor.grad = None

    x.register_post_accumulate_grad_hook(step)
    for _ in range(2):
        x.sum().backward()
    assert values(x) == [0, 0]
    assert x.grad is None


def test_hooks_when_gradients_are_asked_for(lib):
    x = lib.ones(2)
    y = x * 2
    y.register_hook(lambda g: g * 7)
    y.retain_grad()
    z = (y * 3).sum()
    assert values(lib.autograd.grad(z, y, retain_graph=True)[0]) == [21, 21]
    assert values(lib.autograd.grad(z, x, retain_graph=True)[0]) == [42, 42]
    z.backward(inputs=[x], retain_graph=True)
    assert values(x.grad) == [42, 42]


@pytest.mark.filterwarnings("ignore:Using backward")  # PyTorch's
def test_hooks_under_create_graph(lib):
    seen = []
    x = lib.ones(2)

    def run(**options):
        y = x * x
        y.register_hook(lambda g: seen.append((g.requires_grad, lib.module.is_grad_enabled())))
        y.register_hook(lambda g: g * x)
        (y * y).sum().backward(**options)

    run()
    x.grad = None
    run(create_graph=True)
    assert seen == [(False, False), (True, True)]
    assert values(x.grad) == [4, 4]  # 2 x^2 * x * 2 x
    x.grad.sum().backward()
    assert values(x.grad) == [4 + 16, 4 + 16]  # its derivative is 16 x^3


def test_node_hooks(lib):
    seen = []
    x = lib.ones(2)
    y = x * 2
    y.register_hook(lambda g: seen.append(("tensor", values(g))))
    node = y.grad_fn
    node.register_prehook(lambda gs: seen.append(("before", values(gs[0]))))
    node.register_prehook(lambda gs: (gs[0] * 2,))
    node.register_hook(lambda gi, go: seen.append(("after", values(gi[0]), gi[1], values(go[0]))))
    handle = node.register_hook(lambda gi, go: (gi[0] * 5, None))
    y.sum().backward(retain_graph=True)
    handle.remove()
    assert seen == [("tensor", [1, 1]), ("before", [1, 1]), ("after", [4, 4], None, [2, 2])]
    assert values(x.grad) == [20, 20]
    y.sum().backward()
    assert values(x.grad) == [24, 24]


def test_what_a_node_hook_may_return(lib):
    x = lib.ones(2)

    def attempt(error, message, hook, prehook=False):
        y = x * 2
        (y.grad_fn.register_prehook if prehook else y.grad_fn.register_hook)(hook)
        with pytest.raises(error, match=message):
            y.sum().backward()

    attempt(RuntimeError, "incorrect number of values", lambda gi, go: (gi[0],))
    attempt(TypeError, "expected tuple", lambda gi, go: 5)
    attempt(TypeError, "expected tuple", lambda gs: gs[0], prehook=True)


def test_hooks_on_the_node_of_a_leaf(lib):
    seen = []
    x = lib.ones(2)
    accumulate = x.expand_as(x).grad_fn if hasattr(x, "expand_as") else (x * 1).grad_fn
    accumulate = accumulate.next_functions[0][0]
    accumulate.register_hook(lambda gi, go: seen.append((gi, values(go[0]), values(x.grad))))
    (x * 2).sum().backward()
    assert seen == [((), [2, 2], [2, 2])]


def test_a_hook_that_raises(lib):
    def hook(g):
        raise ZeroDivisionError("mine")

    x = lib.ones(2)
    y = x * 2
    y.register_hook(hook)
    with pytest.raises(ZeroDivisionError, match="mine"):
        y.sum().backward()
    assert x.grad is None
    assert lib.module.is_grad_enabled()


def test_a_hook_may_start_a_backward(lib):
    x, w = lib.ones(2), lib.ones(2)
    (x * 2).sum().backward()
    y = w * 3
    inner = (x * 5).sum()
    y.register_hook(lambda g: inner.backward())
    y.sum().backward()
    assert values(x.grad) == [7, 7]
    assert values(w.grad) == [3, 3]


def test_hooks_do_not_keep_tensors_alive():
    gc.disable()
    try:
        x = minitorch.Tensor._wrap(np.ones(2)).requires_grad_()
        y = x * 2
        y.retain_grad()
        y.register_hook(lambda g: None)
        kept, node = weakref.ref(y), weakref.ref(y.grad_fn)
        del y
        assert kept() is None
        assert node() is None
    finally:
        gc.enable()


def test_a_gradient_saved_by_a_hook_is_not_changed_later(lib):
    kept = []
    x = lib.ones(2)
    x.register_hook(kept.append)
    (x * 2 + x).sum().backward()
    x.grad.mul_(100)
    (x * 2).sum().backward()
    assert [values(g) for g in kept] == [[3, 3], [2, 2]]
