"""gradcheck and gradgradcheck accept what is right and notice what is wrong."""

import numpy as np
import pytest

import minitorch
from minitorch import Tensor, ops
from minitorch.autograd import GradcheckError, gradcheck, gradgradcheck
from minitorch.autograd.op import Op


class Cube(Op):
    """x cubed, with a derivative that can be wrong in several ways."""

    reads = {0: (0,)}

    def __init__(self, factor=3.0, detached=False, noisy=False):
        self.factor, self.detached, self.noisy = factor, detached, noisy

    def forward(self, input):
        return input**3

    def backward(self, grad, needs):
        (input,) = self.inputs
        if self.detached and isinstance(input, Tensor):
            input = input.detach()
        factor = self.factor
        if self.noisy:
            Cube.calls = getattr(Cube, "calls", 0) + 1
            factor += 1e-9 * Cube.calls
        return ops.mul(grad, ops.mul(ops.mul(input, input), factor))


def leaf(*shape, seed=0):
    array = np.random.default_rng(seed).standard_normal(shape)
    return Tensor(array, dtype=minitorch.float64).requires_grad_()


both = pytest.mark.parametrize("fast_mode", [False, True])


@both
def test_right_derivatives_pass(fast_mode):
    x, y = leaf(2, 3), leaf(3, seed=1)
    assert gradcheck(ops.mul, (x, y), fast_mode=fast_mode)
    assert gradgradcheck(ops.mul, (x, y), fast_mode=fast_mode)
    assert gradcheck(Cube(), x, fast_mode=fast_mode)
    assert gradgradcheck(Cube(), x, fast_mode=fast_mode)


@both
def test_several_outputs_and_constants(fast_mode):
    def function(x, number, constant):
        return ops.mul(x, constant), ops.sum(x) * number, Tensor([1], dtype=minitorch.int64)

    x, constant = leaf(3), leaf(3, seed=1).detach()
    assert gradcheck(function, (x, 2.0, constant), fast_mode=fast_mode)
    assert gradgradcheck(function, (x, 2.0, constant), fast_mode=fast_mode)
    assert x.grad is None


@both
def test_a_wrong_factor_is_noticed(fast_mode):
    with pytest.raises(GradcheckError, match=r"of input 0 is wrong|with respect to input 0"):
        gradcheck(lambda x: Cube(3.01)(x), leaf(2, 3), fast_mode=fast_mode)
    assert not gradcheck(
        lambda x: Cube(3.01)(x), leaf(2, 3), fast_mode=fast_mode, raise_exception=False
    )


def test_the_message_names_the_element():
    def function(x):
        return ops.sum(Cube(-3.0)(x))

    x = Tensor([[0.0, 0.0], [2.0, 0.0]], dtype=minitorch.float64).requires_grad_()
    message = (
        r"Jacobian mismatch for output 0 with respect to input 0: 1 of 4 entries are wrong, "
        r"the first at output element \(\), input element \(1, 0\): numerical 12(\.0+\d*)?, "
        r"analytical -12"
    )
    with pytest.raises(GradcheckError, match=message):
        gradcheck(function, x)


@both
def test_a_second_derivative_cut_off_is_noticed(fast_mode):
    def function(x):
        return Cube(detached=True)(x)

    assert gradcheck(function, leaf(3), fast_mode=fast_mode)
    with pytest.raises(GradcheckError):
        gradgradcheck(function, leaf(3), fast_mode=fast_mode)


@both
def test_a_gradient_that_changes_is_noticed(fast_mode):
    def function(x):
        return Cube(noisy=True)(x)

    with pytest.raises(GradcheckError, match="backward is not reentrant"):
        gradcheck(function, leaf(3), fast_mode=fast_mode)
    assert gradcheck(function, leaf(3), fast_mode=fast_mode, nondet_tol=1e-5)


@both
def test_nan_is_noticed(fast_mode):
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: Cube(float("nan"))(x), leaf(3), fast_mode=fast_mode, nondet_tol=1)


def test_inputs_are_restored():
    x = leaf(2, 3)
    before = x.detach()._array.copy()
    gradcheck(Cube(), x)
    gradcheck(Cube(), x, fast_mode=True)
    assert np.array_equal(before, x._array)


def test_given_and_strided_grad_outputs():
    x = leaf(4)
    assert gradgradcheck(Cube(), x, leaf(4, seed=3))
    assert gradgradcheck(Cube(), x, gen_non_contig_grad_outputs=True)


def test_unsuitable_inputs():
    with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
        gradcheck(Cube(), leaf(2).detach())
    expanded = ops.expand(leaf(1).detach(), 3).requires_grad_()
    with pytest.raises(RuntimeError, match=r"input #0, .* share memory"):
        gradcheck(Cube(), expanded)
    single = Tensor([1.0, 2.0]).requires_grad_()
    with pytest.warns(UserWarning, match=r"input #0 .* minitorch\.float32"):
        gradcheck(Cube(), single, eps=1e-2, atol=0.1, rtol=0.1)


class Wrong(Op):
    """x times y with one mistake in the backward."""

    def __init__(self, mistake):
        self.mistake = mistake

    reads = {0: (1,), 1: (0,)}

    def forward(self, x, y):
        return x * y

    def backward(self, grad, needs):
        x, y = self.inputs
        by_y = ops.mul(grad, x)
        if not needs[0]:
            return None, by_y
        return MISTAKES[self.mistake](ops.mul(grad, y), grad, x, y), by_y


MISTAKES = {
    "sign": lambda right, grad, x, y: ops.neg(right),
    "scale": lambda right, grad, x, y: ops.mul(right, 1.001 + 1e-3),
    "transposed": lambda right, grad, x, y: ops.mul(grad, y.T if hasattr(y, "T") else y),
    "swapped": lambda right, grad, x, y: ops.mul(grad, x),
    "not multiplied by grad": lambda right, grad, x, y: ops.mul(y, 1.0),
    "grad squared": lambda right, grad, x, y: ops.mul(ops.mul(grad, grad), y),
    "sum of grad": lambda right, grad, x, y: ops.mul(ops.sum(grad), y),
    "none": lambda right, grad, x, y: None,
}


@both
@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_noticed(mistake, fast_mode):
    x, y = leaf(3, 3), leaf(3, 3, seed=1)
    with pytest.raises(GradcheckError, match="input 0"):
        gradcheck(Wrong(mistake), (x, y), fast_mode=fast_mode)
    assert gradcheck(Wrong(mistake), (x.detach(), y), fast_mode=fast_mode)


class NotReduced(Op):
    """x + y, broadcast, whose backward forgets to sum over the repeated dimension."""

    def __init__(self, summed):
        self.summed = summed

    def forward(self, x, y):
        return x + y

    def backward(self, grad, needs):
        return grad, ops.sum(grad, 0) if self.summed else grad[0]


def test_a_missing_broadcast_reduction_is_noticed():
    x, y = leaf(3, 2), leaf(2, seed=1)
    assert gradcheck(NotReduced(True), (x, y))
    with pytest.raises(GradcheckError, match=r"with respect to input 1|random cotangent"):
        gradcheck(NotReduced(False), (x, y))


class WrongShape(Op):
    """x + y, broadcast, whose gradient keeps the broadcast shape."""

    def forward(self, x, y):
        return x + y

    def backward(self, grad, needs):
        return grad, grad


def test_a_gradient_of_the_wrong_shape_is_noticed():
    with pytest.raises(RuntimeError, match=r"gradient.*shape \(3, 2\)"):
        gradcheck(WrongShape(), (leaf(3, 2), leaf(2, seed=1)))


def test_nonlinear_backward_right_for_unit_vectors():
    class Squared(Op):
        def forward(self, x):
            return x * 1.0

        def backward(self, grad, needs):
            return ops.mul(grad, grad)

    with pytest.raises(GradcheckError, match="is backward linear in the gradient"):
        gradcheck(lambda x: Squared()(x), leaf(3))


@both
def test_not_contiguous_inputs(fast_mode):
    array = np.random.default_rng(3).standard_normal((4, 6))
    before = array.copy()
    x = Tensor._wrap(array[::2, ::-3].T).requires_grad_()
    assert gradcheck(lambda x: ops.mul(x, x), x, fast_mode=fast_mode)
    assert gradgradcheck(Cube(), x, fast_mode=fast_mode)
    assert np.array_equal(array, before)
    read_only = np.zeros(3)
    read_only.flags.writeable = False
    with pytest.raises(RuntimeError, match="read-only"):
        gradcheck(Cube(), Tensor._wrap(read_only).requires_grad_())


@both
def test_outputs_that_are_not_differentiable_are_left_out(fast_mode):
    def function(x, index):
        return ops.mul(x, x).detach(), ops.mul(x, 3.0), index

    index = Tensor._wrap(np.arange(3))
    assert gradcheck(function, (leaf(3), index), fast_mode=fast_mode)
    with pytest.raises(GradcheckError, match="input 0"):  # nothing requires grad, but something is
        gradcheck(lambda x: ops.mul(x, x).detach(), (leaf(3),), fast_mode=fast_mode)
    assert gradcheck(lambda x: ops.mul(x.detach(), 0.0), (leaf(3),), fast_mode=fast_mode)


@both
def test_empty_inputs_and_outputs(fast_mode):
    assert gradcheck(lambda x, y: (ops.mul(x, x), ops.sum(y)), (leaf(0, 3), leaf()))
    assert gradcheck(Cube(), leaf(0), fast_mode=fast_mode)
    assert gradgradcheck(Cube(), leaf(0), fast_mode=fast_mode)


def test_tensors_reached_by_closure_are_moved():
    weight = leaf(3)
    assert gradcheck(lambda x, w: ops.mul(x, weight), (leaf(3, seed=1), weight))


def test_unsupported_modes():
    x = leaf(2)
    with pytest.raises(NotImplementedError):
        gradcheck(Cube(), x, check_forward_ad=True)
    with pytest.raises(NotImplementedError):
        gradgradcheck(Cube(), x, check_batched_grad=True)
    with pytest.raises(ValueError, match="at least one"):
        gradcheck(Cube(), x, check_backward_ad=False)
    with pytest.raises(ValueError, match="must return Tensors"):
        gradcheck(lambda x: 1.0, x)


def test_signatures_are_pytorchs(torch):
    import inspect

    for ours, theirs in [
        (gradcheck, torch.autograd.gradcheck),
        (gradgradcheck, torch.autograd.gradgradcheck),
    ]:
        mine, reference = inspect.signature(ours).parameters, inspect.signature(theirs).parameters
        assert list(mine) == list(reference)
        for name, parameter in reference.items():
            assert mine[name].default == parameter.default
            assert mine[name].kind == parameter.kind
