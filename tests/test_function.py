"""Function, the operation users write: the same code is run here and in PyTorch."""

import gc
import weakref

import numpy as np
import pytest
from compare import Library, values

import minitorch
from minitorch import Tensor
from minitorch.autograd import Function, gradcheck, gradgradcheck
from minitorch.autograd.function import once_differentiable

tensor = Library(minitorch).tensor


def make(backward, forward=lambda ctx, *args: args[0] * 2, base=Function):
    """Make a Function of two functions."""
    members = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type("My", (base,), members)


def make_in(lib, backward, forward=lambda ctx, *args: args[0] * 2):
    """Make a Function of either library."""
    return make(backward, forward, lib.Function)


class Scale(Function):
    """x times y, both needed by backward; written as in the PyTorch tutorials."""

    @staticmethod
    def forward(ctx, x, y, factor=1.0):
        ctx.save_for_backward(x, y)
        ctx.factor = factor
        return x * y * factor

    @staticmethod
    def backward(ctx, grad):
        x, y = ctx.saved_tensors
        return grad * y * ctx.factor, grad * x * ctx.factor, None


class Ratio(Function):
    """x / y in the style with setup_context; the result is saved."""

    @staticmethod
    def forward(x, y):
        return x / y

    @staticmethod
    def setup_context(ctx, inputs, output):
        _, y = inputs
        ctx.save_for_backward(y, output)

    @staticmethod
    def backward(ctx, grad):
        y, ratio = ctx.saved_tensors
        return grad / y, -grad * ratio / y


def test_both_styles_and_their_second_derivatives():
    x, y = tensor(3), tensor(3, seed=1)
    for function in (Scale.apply, Ratio.apply, lambda x, y: Scale.apply(x, y, 3.0)):
        assert gradcheck(function, (x, y))
        assert gradgradcheck(function, (x, y))
        assert gradcheck(function, (x.detach(), y))


def test_chains_of_functions_to_the_third_order():
    x = tensor(3)
    grad = Ratio.apply(Scale.apply(x, x), Scale.apply(x, x, 2.0) + 3.0).sum()
    for _ in range(3):
        (grad,) = minitorch.autograd.grad(grad, x, create_graph=True)
        grad = grad.sum()
    a = x.detach().numpy()

    def third(a):  # of a² / (2a² + 3) = 1/2 - 3/2 / (2a² + 3), by hand
        d = 2 * a**2 + 3
        return 144 * a / d**3 * (1 - 4 * a**2 / d) - 144 * a / d**3 * 2 + 0 * a

    eps = 1e-3
    f = lambda a: a**2 / (2 * a**2 + 3)  # noqa: E731
    numerical = (f(a + 2 * eps) - 2 * f(a + eps) + 2 * f(a - eps) - f(a - 2 * eps)) / (2 * eps**3)
    assert np.allclose(float(grad), numerical.sum(), atol=1e-4)


def test_context_in_forward(lib):
    seen = []

    def forward(ctx, x, number, y):
        seen.append((ctx.needs_input_grad, x.requires_grad, lib.module.is_grad_enabled()))
        assert not (x * y).requires_grad
        return x * number

    f = make_in(lib, lambda ctx, g: (g * 3, None, None), forward)
    x = lib.tensor(3)
    y = f.apply(x, 3, lib.tensor(3, grad=False))
    with lib.module.no_grad():
        assert not f.apply(x, 3, x).requires_grad
    assert seen[0] == ((True, False, False), True, False)
    assert y.requires_grad
    assert type(y.grad_fn).__name__ == "MyBackward"
    y.sum().backward()
    assert values(x.grad) == [3, 3, 3]


def test_repr_names_the_function():
    y = Scale.apply(tensor(2), tensor(2))
    assert repr(y.grad_fn) == "<ScaleBackward>"
    assert y.grad_fn.name() == "ScaleBackward"
    assert y.grad_fn.factor == 1.0
    assert len(y.grad_fn.saved_tensors) == 2
    with pytest.raises(AttributeError):
        y.grad_fn.nothing  # noqa: B018


def test_arguments_by_keyword_and_default(lib):
    f = make_in(
        lib, lambda ctx, g: (g * ctx.k, None), lambda ctx, x, k=3: setattr(ctx, "k", k) or x * k
    )
    x = lib.tensor(2)
    f.apply(x).sum().backward()
    f.apply(x, 4).sum().backward()
    f.apply(x, k=5).sum().backward()
    assert values(x.grad) == [12, 12]

    class Setup(lib.Function):
        @staticmethod
        def forward(x, k=7):
            return x * k

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.k = inputs[1]

        @staticmethod
        def backward(ctx, g):
            return g * ctx.k, None

    x.grad = None
    Setup.apply(x).sum().backward()
    Setup.apply(x, k=2).sum().backward()
    assert values(x.grad) == [9, 9]


def test_several_outputs_some_of_which_are_no_tensors(lib):
    got = []

    def backward(ctx, *grads):
        got.extend(grads)
        return grads[0] * 2 + grads[1]

    def forward(ctx, x):
        return x * 2, x * 1, "text", None, 5

    x = lib.tensor(2)
    a, b, *rest = make_in(lib, backward, forward).apply(x)
    assert rest == ["text", None, 5]
    assert (a.output_nr, b.output_nr) == (0, 1)
    (a * 3).sum().backward()
    assert values(got[0]) == [3, 3]
    assert values(got[1]) == [0, 0]  # materialised
    assert got[2:] == [None, None, None]
    assert values(x.grad) == [6, 6]


def test_gradients_that_are_not_materialised(lib):
    got = []

    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 2, x * 3

    def backward(ctx, g, h):
        got.append((g, h))
        return h * 3

    x = lib.tensor(2)
    make_in(lib, backward, forward).apply(x)[1].sum().backward()
    assert got[0][0] is None
    assert values(x.grad) == [3, 3]


def test_not_differentiable_outputs(lib):
    got = []

    def forward(ctx, x):
        y = x * 2
        z = x * 3
        ctx.mark_non_differentiable(z)
        return y, z, lib.module.ones(2, dtype=lib.module.int64)

    def backward(ctx, *grads):
        got.extend(grads)
        return grads[0] * 2

    if not hasattr(lib.module, "ones"):
        pytest.skip("needs ones()")
    x = lib.tensor(2)
    y, z, i = make_in(lib, backward, forward).apply(x)
    assert [t.requires_grad for t in (y, z, i)] == [True, False, False]
    (y * z).sum().backward()
    assert values(got[1]) == values(got[2]) == [0, 0]


def test_gradients_that_are_none(lib):
    f = make_in(lib, lambda ctx, g: (g * 2, None), lambda ctx, x, y: x * 2 + y)
    x, y = lib.tensor(2), lib.tensor(2)
    f.apply(x, y).sum().backward()
    assert values(x.grad) == [2, 2]
    assert y.grad is None
    excess = make_in(lib, lambda ctx, g: (g, None, None))
    excess.apply(x).sum().backward()
    assert values(x.grad) == [3, 3]


NUMBER = r"MyBackward returned an incorrect number of gradients \(expected %d, got %d\)"
SHAPE = (
    r"MyBackward returned an invalid gradient at index 0 - got \[2\] but expected shape .* \[3\]"
)


@pytest.mark.parametrize(
    ("arguments", "returned", "message"),
    [
        (1, lambda g: (g, g), NUMBER % (1, 2)),
        (2, lambda g: g, NUMBER % (2, 1)),
        (1, lambda g: g.sum().expand(2), SHAPE),
        (1, lambda g: 5, r"got int"),
        (1, lambda g: [g], r"got list"),
    ],
)
def test_wrong_gradients_are_named(lib, arguments, returned, message):
    f = make_in(lib, lambda ctx, g: returned(g))
    y = f.apply(*[lib.tensor(3) for _ in range(arguments)]).sum()
    with pytest.raises(RuntimeError, match=message):
        y.backward()


def test_a_gradient_for_what_is_no_tensor(lib):
    f = make_in(lib, lambda ctx, g: (g, g))
    f.apply(lib.tensor(3), lib.tensor(3, grad=False)).sum().backward()
    with pytest.raises(RuntimeError, match="different than None at position 2"):
        f.apply(lib.tensor(3), 2.0).sum().backward()


def test_gradients_are_brought_to_shape_and_type(lib):
    x = lib.tensor(1, 3)
    f = make_in(lib, lambda ctx, g: g.expand(4, 3) * 2, lambda ctx, x: x * 1)
    f.apply(x).sum().backward()
    assert values(x.grad) == [[8, 8, 8]]
    if lib.is_torch:
        return
    single = Tensor([1.0, 2.0]).requires_grad_()
    f = make_in(lib, lambda ctx, g: Tensor._wrap(g._array.astype(np.float64)))
    f.apply(single).sum().backward()
    assert single.grad.dtype is minitorch.float32


def test_returning_an_input(lib):
    f = make_in(lib, lambda ctx, g: g * 5, lambda ctx, x: x)
    x = lib.tensor(3)
    y = f.apply(x)
    assert y is not x
    assert y.data_ptr() == x.data_ptr()
    assert y._base is x
    assert x.is_leaf
    y.sum().backward()
    assert values(x.grad) == [5, 5, 5]
    with pytest.raises(RuntimeError, match="inplace"):
        f.apply(x * 1).mul_(2)
    with lib.module.no_grad():
        assert not f.apply(x).requires_grad
    constant = lib.tensor(3, grad=False)
    assert f.apply(constant) is not constant


def test_an_output_that_is_a_view_cannot_be_overwritten(lib):
    f = make_in(lib, lambda ctx, g: g.view(3), lambda ctx, x: x.view(3, 1))
    with pytest.raises(RuntimeError, match="view"):
        f.apply(lib.tensor(3) * 1).mul_(2)
    x = lib.tensor(3)
    f.apply(x).sum().backward()
    assert values(x.grad) == [1, 1, 1]


def test_returning_the_same_tensor_twice(lib):
    f = make_in(lib, lambda ctx, g, h: (g + h) * 2, lambda ctx, x: (lambda y: (y, y))(x * 2))
    x = lib.tensor(3)
    a, b = f.apply(x)
    (a + b * 2).sum().backward()
    assert values(x.grad) == [6, 6, 6]


def test_recording_inside_forward_is_forgotten(lib):
    def forward(ctx, x):
        with lib.module.enable_grad():
            return x * 2

    x = lib.tensor(3)
    make_in(lib, lambda ctx, g: g * 7, forward).apply(x).sum().backward()
    assert values(x.grad) == [7, 7, 7]


def double_in_place(ctx, x, *rest):
    x.mul_(2)
    ctx.mark_dirty(x)
    return x


def test_dirty_inputs(lib):
    f = make_in(lib, lambda ctx, g: g * 2, double_in_place)
    x = lib.tensor(3)
    b = x * 1
    y = f.apply(b)
    assert y is b
    assert type(b.grad_fn).__name__ == "MyBackward"
    assert b._version == 2
    (y * y).sum().backward()
    assert np.allclose(values(x.grad), 8 * np.array(values(x)))
    constant = lib.tensor(3, grad=False)
    assert f.apply(constant) is constant
    assert constant._version == 2


def test_dirty_inputs_that_are_views(lib):
    f = make_in(lib, lambda ctx, g: g * 2, double_in_place)
    x = lib.tensor(4)
    b = x * 1
    v = b.view(2, 2)
    y = f.apply(v)
    assert y is v
    (b * b).sum().backward()
    assert np.allclose(values(x.grad), 8 * np.array(values(x)))


def test_dirty_view_as_second_argument():  # PyTorch's gradients are wrong here
    lib = Library(minitorch)

    def forward(ctx, w, v):
        ctx.save_for_backward(w, v.clone())
        v.mul_(w)
        ctx.mark_dirty(v)
        return v

    def backward(ctx, g):
        w, v = ctx.saved_tensors
        return g * v, g * w

    f = make_in(lib, backward, forward)
    x, w = lib.tensor(4), lib.tensor(2, 2, seed=1)
    b = x * 1
    f.apply(w, b.view(2, 2))
    (b * b).sum().backward()
    X, W = np.array(values(x)), np.array(values(w))
    assert np.allclose(values(x.grad), 2 * X * W.ravel() ** 2)
    assert np.allclose(values(w.grad), 2 * W * X.reshape(2, 2) ** 2)


def test_a_saved_dirty_input_is_the_output(lib):
    def forward(ctx, x):  # exp-like: the derivative of x² at x is 2 sqrt(y)
        x.mul_(x)
        ctx.mark_dirty(x)
        ctx.save_for_backward(x)
        return x

    x = lib.tensor(3)
    b = x * 1
    y = make_in(lib, lambda ctx, g: g * ctx.saved_tensors[0], forward).apply(b)
    y.sum().backward()
    assert np.allclose(values(x.grad), np.array(values(x)) ** 2)


def test_dirty_errors(lib):
    f = make_in(lib, lambda ctx, g: g * 2, double_in_place)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        f.apply(lib.tensor(3))

    def not_returned(ctx, x):
        return double_in_place(ctx, x) * 1

    with pytest.raises(RuntimeError, match="must all be outputs of the Function"):
        make_in(lib, lambda ctx, g: g, not_returned).apply(lib.tensor(3) * 1)
    two = make_in(lib, lambda ctx, g, h: g, lambda ctx, x: (double_in_place(ctx, x), x * 1))
    with pytest.raises(RuntimeError, match="inplace an input that is a view of another Tensor"):
        two.apply((lib.tensor(4) * 1).view(2, 2))

    def no_input(ctx, x):
        y = x * 2
        ctx.mark_dirty(y)
        return y

    with pytest.warns(UserWarning, match="was not an input"):
        make_in(lib, lambda ctx, g: g, no_input).apply(lib.tensor(3))


def save_both(ctx, x, y):
    ctx.save_for_backward(x, y, None)
    return x * y


def test_saved_tensors(lib):
    seen = []

    def backward(ctx, g):
        x, y, nothing = ctx.saved_tensors
        seen.append((x, x.requires_grad, y.requires_grad, nothing))
        assert not g.requires_grad
        assert not lib.module.is_grad_enabled()
        return g * y, g * x

    x, y = lib.tensor(3), lib.tensor(3, grad=False)
    out = make_in(lib, backward, save_both).apply(x, y)
    out.sum().backward(retain_graph=True)
    assert seen == [(x, True, False, None)] or seen[0][0] is x
    loss = out.sum()
    loss.backward()
    with pytest.raises(RuntimeError, match=r"(?i)trying to backward through the graph a second"):
        out.sum().backward()
    with pytest.raises(RuntimeError, match="freed"):
        out.grad_fn.saved_tensors  # noqa: B018
    with pytest.raises(TypeError, match="can only save variables, but argument 1 is of type int"):
        make_in(lib, backward, lambda ctx, x: ctx.save_for_backward(x, 3)).apply(x)


def test_without_saved_tensors_it_can_run_again(lib):
    x = lib.tensor(3)
    y = make_in(lib, lambda ctx, g: g * 2).apply(x)
    y.backward(lib.tensor(3, grad=False))
    y.backward(lib.tensor(3, grad=False))


def test_saved_tensors_changed_in_place(lib):
    f = make_in(lib, lambda ctx, g: (g * ctx.saved_tensors[1], None), save_both)
    x, y = lib.tensor(3), lib.tensor(3, grad=False)
    out = f.apply(x, y)
    y.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()

    def save_output(ctx, x):
        y = x * 2
        ctx.save_for_backward(y)
        return y

    out = make_in(lib, lambda ctx, g: g * ctx.saved_tensors[0], save_output).apply(x)
    with lib.module.no_grad():
        out.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_intermediate_results_are_constants():
    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            twice = x * 2
            ctx.save_for_backward(twice)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (twice,) = ctx.saved_tensors
            assert not twice.requires_grad
            return g * twice

    assert gradcheck(Square.apply, tensor(3))
    assert not gradgradcheck(Square.apply, tensor(3), raise_exception=False)


def test_saved_outputs_make_no_cycle():
    gc.disable()
    try:
        x, y = tensor(3), tensor(3, seed=1)
        out = Ratio.apply(x, y)
        node, result = weakref.ref(out.grad_fn), weakref.ref(out)
        context = weakref.ref(out.grad_fn.ctx)
        loss = out.sum()
        del out
        loss.backward()
        del loss
        assert node() is None
        assert result() is None
        assert context() is None
        b = x * 1
        make(lambda ctx, g: g, double_in_place).apply(b)
        node = weakref.ref(b.grad_fn)
        del b
        assert node() is None
    finally:
        gc.enable()


def test_what_was_saved_is_freed_by_the_walk():
    gc.disable()
    try:
        x = tensor(3)
        inner = x * 2
        kept = weakref.ref(inner._array)
        loss = Scale.apply(inner, inner).sum()
        del inner
        assert kept() is not None
        loss.backward()
        assert kept() is None
    finally:
        gc.enable()


def test_once_differentiable(lib):
    once = lib.module.autograd.function.once_differentiable
    f = make_in(lib, once(lambda ctx, g: g * 2))
    x = lib.tensor(3)
    y = x * 2
    loss = (f.apply(y) * y).sum()
    (grad,) = lib.module.autograd.grad(loss, x, create_graph=True)
    assert np.allclose(values(grad), 16 * np.array(values(x)))
    with pytest.raises(RuntimeError, match="marked with @once_differentiable"):
        grad.sum().backward()
    x.grad = None
    f.apply(x).sum().backward()
    assert values(x.grad) == [2, 2, 2]


def test_once_differentiable_is_never_silently_wrong():
    # The gradient of f depends on x though nothing that reaches its backward requires grad.
    square = make(
        once_differentiable(lambda ctx, g: g * 2 * ctx.saved_tensors[0]),
        lambda ctx, x: ctx.save_for_backward(x) or x * x,
    )
    x = tensor(3)
    (grad,) = minitorch.autograd.grad(square.apply(x).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="marked with @once_differentiable"):
        (grad * x).sum().backward()


def test_functions_in_functions(lib):
    inner = make_in(lib, lambda ctx, g: g * 100, lambda ctx, x: x * 2)
    outer = make_in(lib, lambda ctx, g: inner.apply(g) + g, lambda ctx, x: inner.apply(x) * 2)
    x = lib.tensor(2)
    (grad,) = lib.module.autograd.grad(outer.apply(x).sum(), x, create_graph=True)
    assert values(grad) == [3, 3]


def test_grad_inside_backward(lib):
    """Checkpointing by hand: backward records and differentiates the forward again."""

    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    def backward(ctx, g):
        x = ctx.saved_tensors[0].detach().requires_grad_()
        with lib.module.enable_grad():
            y = x * x * x
        y.backward(g)
        return x.grad

    x = lib.tensor(3)
    make_in(lib, backward, forward).apply(x).sum().backward()
    assert np.allclose(values(x.grad), 3 * np.array(values(x)) ** 2)


def test_calling_it_the_old_way(lib):
    f = make_in(lib, lambda ctx, g: g)
    with pytest.warns(DeprecationWarning, match="should not be instantiated"):
        instance = f()
    with pytest.raises(RuntimeError, match="Legacy autograd function with non-static forward"):
        instance(lib.tensor(3))


def test_missing_methods(lib):
    class Nothing(lib.Function):
        pass

    class NoBackward(lib.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    with pytest.raises(NotImplementedError, match="must implement the forward function"):
        Nothing.apply(lib.tensor(3))
    y = NoBackward.apply(lib.tensor(3)).sum()
    with pytest.raises(NotImplementedError, match="either the backward or vjp method"):
        y.backward()


def test_vjp_is_another_name_of_backward(lib):
    class Vjp(lib.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def vjp(ctx, g):
            return g * 9

    class Both(Vjp):
        @staticmethod
        def backward(ctx, g):
            return g

    x = lib.tensor(2)
    Vjp.apply(x).sum().backward()
    assert values(x.grad) == [9, 9]
    with pytest.raises(RuntimeError, match="only implement one of them"):
        Both.apply(x).sum().backward()


def test_hooks_and_methods_of_its_node(lib):
    calls = []
    x = lib.tensor(2)
    y = make_in(lib, lambda ctx, g: g * 3).apply(x)
    y.grad_fn.register_hook(lambda grads, outs: calls.append((values(grads[0]), values(outs[0]))))
    y.sum().backward()
    assert calls == [([3, 3], [1, 1])]
    assert len(y.grad_fn.next_functions) == 1


def test_ctx_may_have_any_attributes(lib):
    def forward(ctx, x):
        ctx.outputs = ctx.inputs = ctx.parents = ctx.hooks = ctx.needs = ctx.results = "mine"
        ctx.name_, ctx.shape = "a", x.shape
        return x * 2

    def backward(ctx, g):
        assert ctx.outputs == ctx.parents == ctx.needs == ctx.results == "mine"
        assert tuple(ctx.shape) == (2,)
        return g * 2

    x = lib.tensor(2)
    make_in(lib, backward, forward).apply(x).sum().backward()
    assert values(x.grad) == [2, 2]


def test_an_error_in_backward_is_passed_on(lib):
    def backward(ctx, g):
        raise ZeroDivisionError("mine")

    x = lib.tensor(2)
    y = make_in(lib, backward).apply(x).sum()
    with pytest.raises(ZeroDivisionError, match="mine"):
        y.backward()
    assert x.grad is None
    assert lib.module.is_grad_enabled()
