"""The engine: every shape of graph, accumulation, memory, threads; compared with PyTorch."""

import gc
import os
import random
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest
from compare import Library, values

import minitorch
from minitorch import Tensor

ours = Library(minitorch)
grad = minitorch.autograd.grad


@pytest.fixture
def no_gc():
    """Without the garbage collector: what is freed is freed by reference counts."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


# ---- shapes of graphs ----------------------------------------------------------------------------


def test_fan_out_and_fan_in(lib):
    x, w = lib.tensor(3), lib.tensor(3, seed=1)
    h = x * w
    (h + h * h + x * h).sum().backward()
    X, W = np.array(values(x)), np.array(values(w))
    assert np.allclose(values(x.grad), W + 2 * X * W**2 + 2 * X * W)
    assert np.allclose(values(w.grad), X + 2 * W * X**2 + X**2)


def test_the_same_tensor_as_both_operands(lib):
    x = lib.tensor(3)
    (x * x + x + x).sum().backward()
    assert np.allclose(values(x.grad), 2 * np.array(values(x)) + 2)


def test_diamonds(lib):
    x = lib.wrap(np.full(2, 0.5))
    y = x
    for _ in range(100):  # 2^100 paths, 200 steps
        y = (y + y) * 0.5
    y.sum().backward()
    assert values(x.grad) == [1, 1]


def test_a_long_branch_beside_a_short_one(lib):
    x = lib.ones(2)
    y = x * 1
    for _ in range(50):
        y = y * 1
    ((x + y) * y).sum().backward()
    assert values(x.grad) == [4, 4]


def random_program(lib, seed):
    """Run a random program of operations on a few leaves; return the leaves and a scalar."""
    choose = random.Random(seed)
    leaves = [lib.tensor(3, seed=i, grad=i != 2) for i in range(4)]
    pool = list(leaves)
    for _ in range(choose.randint(1, 30)):
        a, b = choose.choice(pool), choose.choice(pool)
        kind = choose.randrange(8)
        if kind == 0:
            made = a + b
        elif kind == 1:
            made = a - b
        elif kind == 2:
            made = a * b * 0.5
        elif kind == 3:
            made = a / (b * b + 1.5)
        elif kind == 4:
            made = a.sum() * b
        elif kind == 5:
            made = a.reshape(3, 1).expand(3, 3).sum(0) * 0.3
        elif kind == 6:
            made = a.detach() * b
        else:
            made = a.clone()
            made.mul_(0.5).add_(b) if choose.random() < 0.5 else made.view(3, 1).mul_(0.3)
        pool.append(made)
    result = (pool[-1] * pool[len(pool) // 2]).sum() + leaves[0].sum()
    return [x for x in leaves if x.requires_grad], result


@pytest.mark.parametrize("seed", range(60))
def test_random_programs(torch, seed):
    results = []
    for lib in (ours, Library(torch)):
        leaves, y = random_program(lib, seed)
        first = lib.autograd.grad(y, leaves, create_graph=True, allow_unused=True)
        used = [g for g in first if g is not None and g.requires_grad]
        found = [values(y), *[None if g is None else values(g) for g in first]]
        if used:
            total = used[0].sum()
            for g in used[1:]:
                total = total + (g * g).sum()
            total.backward()
            found += [None if x.grad is None else values(x.grad) for x in leaves]
        results.append(found)
    for mine, theirs in zip(*results, strict=True):
        assert (mine is None) == (theirs is None)
        assert mine is None or np.allclose(mine, theirs, rtol=1e-9, atol=1e-12)


def test_derivatives_to_the_fourth_order(lib):
    x = lib.wrap(np.array([0.5, -2.0]))
    y = (x * x * x * x / (x * x + 1)).sum()
    found = []
    for _ in range(4):
        (g,) = lib.autograd.grad(y, x, create_graph=True)
        found.append(values(g))
        y = g.sum()
    a = np.array(values(x))
    # x^4 / (x^2 + 1) = x^2 - 1 + 1 / (x^2 + 1)
    d = a * a + 1
    assert np.allclose(found[0], 2 * a - 2 * a / d**2)
    assert np.allclose(found[1], 2 + (6 * a**2 - 2) / d**3)
    assert np.allclose(found[2], 24 * (a - a**3) / d**4)
    assert np.allclose(found[3], 24 * (5 * a**4 - 10 * a**2 + 1) / d**5)


# ---- backward() and grad() -----------------------------------------------------------------------


def test_several_roots(lib):
    x = lib.ones(2)
    y, z = x * 2, x * 3
    lib.autograd.backward([y, z.sum()], [lib.ones(2, grad=False), None])
    assert values(x.grad) == [5, 5]
    y = x * 2
    x.grad = None
    lib.autograd.backward([y, y], [lib.ones(2, grad=False)] * 2)
    assert values(x.grad) == [4, 4]


def test_a_root_that_leads_to_another(lib):
    x = lib.ones(2)
    y = x * 2
    z = (y * 3).sum()
    got = lib.autograd.grad([z, y], [x, y], [None, lib.ones(2, grad=False)])
    assert [values(g) for g in got] == [[8, 8], [4, 4]]


def test_a_leaf_as_root(lib):
    x = lib.wrap(np.array(3.0))
    x.backward()
    assert x.grad.item() == 1
    assert lib.autograd.grad(x, x)[0].item() == 1


def test_grad_leaves_dot_grad_alone(lib):
    x, w = lib.ones(2), lib.ones(2)
    y = x * w
    (g,) = lib.autograd.grad((y * y).sum(), y)
    assert values(g) == [2, 2]
    assert x.grad is None
    assert w.grad is None
    assert not g.requires_grad


def test_gradients_of_intermediate_results(lib):
    x = lib.ones(2)
    y = x * 2
    z = y * y
    got = lib.autograd.grad((z * y).sum(), [x, y, z])
    assert [values(g) for g in got] == [[24, 24], [12, 12], [2, 2]]


def test_unused_inputs(lib):
    x, other = lib.ones(2), lib.ones(3)

    def run(**options):
        return lib.autograd.grad((x * 2).sum(), [x, other], **options)

    with pytest.raises(RuntimeError, match="not have been used in the graph"):
        run()
    assert run(allow_unused=True)[1] is None
    assert values(run(materialize_grads=True)[1]) == [0, 0, 0]
    with pytest.raises(ValueError, match="allow_unused"):
        run(materialize_grads=True, allow_unused=False)


def test_backward_into_chosen_inputs(lib):
    x, w, v = lib.ones(2), lib.ones(2), lib.ones(2)
    y = x * w
    z = (y * v).sum()
    z.backward(inputs=[x, v], retain_graph=True)
    assert values(x.grad) == values(v.grad) == [1, 1]
    assert w.grad is None
    z.backward(inputs=w, retain_graph=True)
    assert values(w.grad) == [1, 1]
    y.retain_grad()
    z.backward(inputs=[y])
    assert values(y.grad) == [1, 1]
    assert values(x.grad) == [1, 1]


def test_retained_and_freed_graphs(lib):
    x = lib.ones(2)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward(retain_graph=True)
    y.backward()
    assert values(x.grad) == [6, 6]
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()
    (x + 1).sum().backward()  # nothing kept, nothing freed
    z = (x + 1).sum()
    z.backward()
    z.backward()
    assert values(x.grad) == [9, 9]


def test_parts_of_a_graph_that_were_not_walked_stay_usable():
    x = ours.ones(2)
    y = x * x
    a, b = (y * 1).sum(), y.sum()
    a.backward(inputs=[y])  # does not walk below y
    b.backward()
    assert values(x.grad) == [2, 2]


@pytest.mark.filterwarnings("ignore:Using backward")
def test_create_graph_through_backward(lib):
    x = lib.ones(2)
    (x * x * x).sum().backward(create_graph=True)
    assert x.grad.requires_grad
    x.grad.sum().backward()
    assert values(x.grad) == [3 + 6, 3 + 6]


def test_gradient_penalty(lib):
    """A norm of a gradient in the loss: mixed derivatives with respect to other leaves."""
    x, w = lib.tensor(4, 3), lib.tensor(3, seed=1)
    y = ((x * w) * (x * w)).sum(1)
    (g,) = lib.autograd.grad(y.sum(), x, create_graph=True)
    (g * g).sum().backward()
    X, W = np.array(values(x)), np.array(values(w))
    assert np.allclose(values(w.grad), (16 * X**2 * W**3).sum(0))  # of sum (2 x w^2)^2
    assert np.allclose(values(x.grad), 8 * X * W**4)


def test_error_cases_leave_nothing_behind(lib):
    x = lib.ones(3)
    y = x * x
    ones = lib.ones(3, grad=False)
    for attempt, error, message in [
        (lambda: y.backward(), RuntimeError, "implicitly created only for scalar"),
        (lambda: ones.sum().backward(), RuntimeError, "does not require grad"),
        (lambda: lib.autograd.grad(y.sum(), ones), RuntimeError, "does not require grad"),
        (lambda: y.backward(lib.ones(2, grad=False)), RuntimeError, "Mismatch in shape"),
        (lambda: y.sum().backward(inputs=[]), RuntimeError, "empty"),
        (lambda: lib.autograd.grad(y.sum(), []), RuntimeError, "empty"),
        (lambda: lib.autograd.backward([y, y], [ones]), RuntimeError, "got 2 tensors and 1"),
        (lambda: lib.autograd.grad((y.sum(), ones), x), RuntimeError, "does not require grad"),
        (lambda: y.backward(2.0), TypeError, "."),
    ]:
        with pytest.raises(error, match=message):
            attempt()
        assert x.grad is None
        assert lib.module.is_grad_enabled()
    y.backward(ones)
    assert values(x.grad) == [2, 2, 2]


def test_a_given_gradient_is_brought_to_the_type(lib):
    x = lib.ones(3)
    (x * 2).backward(lib.wrap(np.ones(3, np.float32), False))
    (x * 2).backward(lib.wrap(np.ones(3, np.int64), False))
    assert values(x.grad) == [4, 4, 4]
    assert x.grad.dtype == lib.module.float64


def test_the_type_of_gradients_is_that_of_the_tensor(lib):
    m = lib.module
    for first, second in [("float32", "float64"), ("float64", "float32"), ("float32", "float16")]:
        a = lib.wrap(np.ones(3, first))
        b = lib.wrap(np.ones((), second))
        c = lib.wrap(np.arange(3), False)
        (a * b * c + a / b).sum().backward()
        assert a.grad.dtype == getattr(m, first)
        assert b.grad.dtype == getattr(m, second)


def test_the_interface_is_pytorchs(torch):
    import inspect

    for name in ("backward", "grad"):
        mine = inspect.signature(getattr(minitorch.autograd, name)).parameters
        theirs = inspect.signature(getattr(torch.autograd, name)).parameters
        assert list(mine) == list(theirs)
        for key, parameter in theirs.items():
            assert mine[key].default == parameter.default
    mine = inspect.signature(Tensor.backward).parameters
    assert list(mine) == list(inspect.signature(torch.Tensor.backward).parameters)


# ---- accumulation --------------------------------------------------------------------------------


def test_accumulation_adds_in_place(lib):
    x = lib.ones(2)
    (x * 2).sum().backward()
    first = x.grad
    (x * 3).sum().backward()
    assert x.grad is first
    assert values(first) == [5, 5]


def test_gradients_do_not_share_memory():
    """Whoever changes one gradient in place must not change another tensor."""
    g = ours.ones(2, grad=False)
    for create_graph in (False, True):
        a, b, c = ours.ones(2), ours.ones(2), ours.ones(2)
        y = a + b
        z = y + c
        for t in (y, z):
            t.retain_grad()
        z.backward(g, create_graph=create_graph)
        tensors = [a.grad, b.grad, c.grad, y.grad, z.grad, g]
        for i, one in enumerate(tensors):
            for other in tensors[i + 1 :]:
                assert not np.shares_memory(one._array, other._array)


def test_gradients_of_grad_do_not_share_memory():
    a, b = ours.ones(2), ours.ones(2)
    first, second = grad((a + b).sum(), [a, b])
    first.mul_(5)
    assert values(second) == [1, 1]


def test_a_kept_tensor_is_not_taken_over():
    """The gradient of x is w itself, which must not become x.grad."""

    class Hand(minitorch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.w = w
            return x * w

        @staticmethod
        def backward(ctx, g):
            return ctx.w, None

    x, w = ours.ones(2), ours.ones(2, grad=False)
    Hand.apply(x, w).sum().backward()
    x.grad.mul_(9)
    assert values(w) == [1, 1]


def test_the_gradient_of_a_leaf_is_contiguous_and_writable():
    x = ours.ones(3, 4)
    x.sum().backward()  # a broadcast scalar
    assert x.grad._array.flags.c_contiguous
    assert x.grad._array.flags.writeable
    x = ours.ones(3, 4)
    y = x.reshape(4, 3)
    y.backward(Tensor._wrap(np.asfortranarray(np.ones((4, 3)))))
    assert x.grad._array.flags.c_contiguous
    z = ours.ones(2)
    read_only = np.ones(2)
    read_only.flags.writeable = False
    z.backward(Tensor._wrap(read_only))
    assert z.grad._array.flags.writeable


def test_a_gradient_set_by_the_user(lib):
    x = lib.ones(3)
    mine = lib.ones(3, grad=False)
    x.grad = mine
    x.sum().backward()
    assert x.grad is mine
    assert values(mine) == [2, 2, 2]
    with pytest.raises(RuntimeError):
        x.grad = lib.ones(4, grad=False)
    with pytest.raises(TypeError):
        x.grad = 3.0
    del x.grad
    assert x.grad is None


def test_a_gradient_that_has_a_history_is_not_changed_in_place():
    # PyTorch adds in place, which leaves a value with the history of another.
    x = ours.ones(3)
    (x * x).sum().backward(create_graph=True)
    before = x.grad
    x.sum().backward()
    assert values(before) == [2, 2, 2]
    assert values(x.grad) == [3, 3, 3]
    assert not x.grad.requires_grad


def test_a_gradient_that_cannot_be_written():
    x = ours.ones(3)
    x.grad = Tensor._wrap(np.broadcast_to(np.ones(1), (3,)))
    x.sum().backward()
    assert values(x.grad) == [2, 2, 2]


def test_accumulation_counts_as_a_write(lib):
    x = lib.ones(3)
    x.sum().backward()
    w = lib.ones(3)
    y = w * x.grad  # kept
    x.sum().backward()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_the_cotangent_is_not_modified():
    g = ours.ones(3, grad=False)
    x = ours.ones(3)
    y = x + x
    (y + y + y).backward(g)
    assert values(g) == [1, 1, 1]
    assert values(x.grad) == [6, 6, 6]


# ---- size and memory -----------------------------------------------------------------------------


def run(program):
    """Run a program of its own: a crash is a failure, not the end of the tests."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]


CHAIN = """
import gc, numpy as np, minitorch
gc.disable()  # it would look at all nodes again and again
x = minitorch.Tensor._wrap(np.ones(2)).requires_grad_()
y = x
for _ in range({steps}):
    y = y {operation}
"""


def test_gradients_that_somebody_holds_are_not_overwritten():
    # Activations write into the memory of their gradient, and sums into that of the first.
    x = minitorch.randn(3, 5, requires_grad=True)
    given = minitorch.randn(3, 5)
    before = given.clone()
    x.relu().backward(given)
    assert minitorch.equal(given, before)

    seen, copies = [], []

    def look(gradient):
        seen.append(gradient)
        copies.append(gradient.clone())

    h = x * 2
    h.register_hook(look)
    y = minitorch.nn.functional.relu6(h * 3, inplace=True)
    y.register_hook(look)
    z = (y * y + y).tanh() + h.relu()
    z.register_hook(look)
    wanted = grad(z.sum(), [x, h, y], retain_graph=True)
    kept = [v.clone() for v in wanted]
    h.retain_grad()
    z.sum().backward()
    for gradient, copy in zip(seen + list(wanted), copies + kept, strict=True):
        assert minitorch.equal(gradient, copy)
    assert minitorch.equal(h.grad, wanted[1])


def test_both_branches_of_a_sum_get_its_gradient():
    # One array goes along two edges; neither activation may write into it.
    x = minitorch.randn(4, 4, requires_grad=True)
    (minitorch.relu(x) + minitorch.relu(-x) + x).sum().backward()
    assert minitorch.equal(x.grad, x.detach().sign() + 1)


def test_a_chain_of_100_000_nodes():
    x = ours.ones(2)
    y = x
    for _ in range(100_000):
        y = y * 1.0
    y.sum().backward()
    assert values(x.grad) == [1, 1]


@pytest.mark.parametrize("operation", ["* 1.0", "+ x"])
def test_freeing_a_long_chain_does_not_recurse(operation):
    run(CHAIN.format(steps=300_000, operation=operation) + "del y")


def test_freeing_other_long_chains_does_not_recurse():
    in_place = "y = x * 1\nfor _ in range(100_000): y.mul_(1.0)\ndel y"
    views = (
        "y = x * 1\nv = y.view(2, 1)\nfor _ in range(3_000): v.mul_(1.0)\n"
        "v.sum().backward()\ndel v, y"
    )
    functions = (
        "class F(minitorch.autograd.Function):\n"
        "    forward = staticmethod(lambda ctx, x: ctx.save_for_backward(x) or x * 1)\n"
        "    backward = staticmethod(lambda ctx, g: g)\n"
        "y = x\nfor _ in range(100_000): y = F.apply(y)\ny.sum().backward()\ndel y"
    )
    for program in (in_place, views, functions):
        run(CHAIN.format(steps=0, operation="") + program)


def test_freeing_a_chain_after_backward_does_not_recurse():
    run(CHAIN.format(steps=100_000, operation="* x") + "y.sum().backward(); del y")
    run(CHAIN.format(steps=100_000, operation="* x") + "z = y.sum(); del y; z.backward(); del z")


def test_a_graph_is_freed_by_reference_counts(no_gc):
    x = ours.ones(2)
    y = x * x
    z = y * y
    tensors = [weakref.ref(t) for t in (y, z)]
    nodes = [weakref.ref(t.grad_fn) for t in (y, z)]
    arrays = weakref.ref(y._array)
    s = z.sum()
    del y, z
    assert [t() for t in tensors] == [None, None]
    assert nodes[0]() is not None
    del s
    assert [n() for n in nodes] == [None, None]
    assert arrays() is None


def test_what_was_kept_is_freed_by_the_walk(no_gc):
    x = ours.ones(2)
    y = x * x
    kept = weakref.ref(y._array)
    s = (y * y).sum()
    del y
    assert kept() is not None
    s.backward(retain_graph=True)
    assert kept() is not None
    s.backward()
    assert kept() is None


def test_no_cycles_after_a_training_step(no_gc):
    gc.collect()
    x, w = ours.ones(4, 3), ours.ones(3)
    for create_graph in (False, True):
        y = (x * w).sum(1)
        (g,) = grad((y * y).sum(), w, create_graph=create_graph)
        v = (w * 1).view(3, 1)
        v.mul_(2.0)
        v.sum().backward()
        del y, g, v
        w.grad = None
    assert gc.collect() == 0


def test_a_leaf_that_dies_before_the_walk(no_gc):
    x = ours.ones(2)
    y = (x * 2).sum()
    memory = weakref.ref(x._array)
    del x
    y.backward()
    leaf = y.grad_fn.next_functions[0][0].next_functions[0][0].variable  # made anew
    assert leaf.tolist() == [1.0, 1.0] and leaf.is_leaf and leaf.requires_grad
    assert (leaf * 3).grad_fn.next_functions[0][0].variable is leaf
    del leaf, y
    assert memory() is None


def test_hooks_of_a_leaf_that_dies_before_the_walk():
    seen = []
    x = ours.ones(2)
    x.register_hook(lambda g: seen.append(g.tolist()))
    x.register_post_accumulate_grad_hook(lambda leaf: seen.append(leaf.grad.tolist()))
    y = (x * 2).sum()
    del x
    y.backward()
    assert seen == [[2.0, 2.0], [2.0, 2.0]]


@pytest.mark.parametrize("off", [lambda x: x.requires_grad_(False), Tensor.detach_])
def test_hooks_stay_while_requires_grad_is_off(off):
    seen = []
    x = ours.ones(2)
    x.register_hook(lambda g: seen.append(g.tolist()))
    off(x)
    assert x.is_leaf and not (x * 2).requires_grad
    x.requires_grad_(True)
    (x * 3).sum().backward()
    assert seen == [[3.0, 3.0]] and x.grad.tolist() == [3.0, 3.0]


def test_data_of_a_leaf_can_be_replaced(no_gc):
    x = ours.ones(2)
    old = weakref.ref(x._array)
    x.data = minitorch.zeros(3)
    assert old() is None  # nor does its node hold the old memory
    y = (x * 2).sum()
    y.backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


# ---- threads -------------------------------------------------------------------------------------


def test_threads_walk_into_the_same_parameters():
    w = ours.ones(1000)
    start = threading.Barrier(4)
    errors = []

    def work(factor):
        try:
            start.wait()
            for _ in range(50):
                (w * factor + w).sum().backward()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(float(i),)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert np.all(w.grad._array == 50 * (0 + 1 + 2 + 3) + 200)


def test_threads_walk_one_graph():
    x = ours.ones(100)
    y = (x * x).sum()
    threads = [threading.Thread(target=y.backward, kwargs={"retain_graph": True}) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.all(x.grad._array == 8)


# ---- leaves --------------------------------------------------------------------------------------


def test_requires_grad(lib):
    x = lib.ones(2, grad=False)
    assert not (x * 2).requires_grad
    y = x * lib.ones(2)
    assert y.requires_grad
    assert not y.is_leaf
    with pytest.raises(RuntimeError, match="leaf variables"):
        y.requires_grad_(False)
    with pytest.raises(RuntimeError, match="floating point"):
        lib.wrap(np.arange(2), False).requires_grad_()
    y.detach_()
    assert y.is_leaf
    assert not y.requires_grad


def test_detach_cuts(lib):
    x = lib.ones(2)
    y = x * 2
    (y.detach() * x).sum().backward()
    assert values(x.grad) == [2, 2]
    d = y.detach()
    z = y * y
    d.mul_(2)  # the same memory
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_a_leaf_may_not_be_written(lib):
    x = lib.ones(2)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        x.mul_(2)
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad"):
        x.view(2, 1).mul_(2)
    assert values(x) == [1, 1]
    assert x._version == 0


# ---- names ---------------------------------------------------------------------------------------


def test_variable(lib):
    Variable = lib.autograd.Variable
    x = lib.ones(2, grad=False)
    v = Variable(x, requires_grad=True)
    assert isinstance(v, type(x))
    assert isinstance(x, Variable)
    assert not isinstance(3.0, Variable)
    assert v.requires_grad
    assert v.is_leaf
    assert v.data_ptr() == x.data_ptr()
    assert not Variable(v * 2).requires_grad
    (v * 2).sum().backward()
    assert values(v.grad) == [2, 2]
    with pytest.raises(TypeError):
        Variable(3.0)


def test_volatile_has_no_effect():
    with pytest.warns(UserWarning, match="volatile was removed"):
        minitorch.autograd.Variable(ours.ones(2, grad=False), volatile=True)


def test_names_are_pytorchs(torch):
    # Not here: the machinery of other devices and layouts.
    absent = {
        "NestedIOFunction",
        "enforce_grad_layout_policy",
        "set_multithreading_enabled",
        "variable",
    }
    assert set(torch.autograd.__all__) - absent <= set(minitorch.autograd.__all__)
    for name in minitorch.autograd.__all__:
        assert hasattr(minitorch.autograd, name)
