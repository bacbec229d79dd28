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
        r"Jacobian mismatch for output 0 with respect to input 0: 1 of 4 entries, the first "
        r"for output element \(\) and input element \(1, 0\): numerical 12(\.0+\d*)?, "
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

    with pytest.raises(GradcheckError, match="two backward passes give different gradients"):
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
    with pytest.raises(ValueError, match="at least one input must require grad"):
        gradcheck(Cube(), leaf(2).detach())
    expanded = ops.expand(leaf(1).detach(), 3).requires_grad_()
    with pytest.raises(ValueError, match="input 0 has elements that share memory"):
        gradcheck(Cube(), expanded)
    single = Tensor([1.0, 2.0]).requires_grad_()
    with pytest.warns(UserWarning, match=r"input 0 is minitorch\.float32"):
        gradcheck(Cube(), single, eps=1e-2, atol=0.1, rtol=0.1)
