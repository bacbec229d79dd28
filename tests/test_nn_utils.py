"""Helpers of nn.utils against PyTorch."""

import math

import numpy as np
import pytest

import minitorch
from minitorch.nn import Parameter, utils

SHAPES = [(3, 4), (5,), (), (2, 1, 3)]


def parameters(dtype="float32", scale=1.0):
    generator = np.random.default_rng(0)
    made = []
    for shape in SHAPES:
        p = Parameter(minitorch.from_numpy(np.zeros(shape, dtype)))
        p.grad = minitorch.from_numpy(np.array(scale * generator.standard_normal(shape), dtype))
        made.append(p)
    return [*made, Parameter(minitorch.ones(2))]  # the last has no gradient


def as_torch(torch, params):
    made = []
    for p in params:
        t = torch.nn.Parameter(torch.from_numpy(p.detach().numpy().copy()))
        t.grad = None if p.grad is None else torch.from_numpy(p.grad.numpy().copy())
        made.append(t)
    return made


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("order", [2, 1, 3.5, math.inf, -math.inf, 0])
@pytest.mark.parametrize("limit", [0.5, 100.0])
def test_clip_grad_norm(torch, order, limit, dtype):
    ours = parameters(dtype)
    theirs = as_torch(torch, ours)
    norm = utils.clip_grad_norm_(ours, limit, order)
    norm_t = torch.nn.utils.clip_grad_norm_(theirs, limit, order)
    tolerance = 1e-12 if dtype == "float64" else 1e-6
    np.testing.assert_allclose(norm.numpy(), norm_t.numpy(), rtol=tolerance)
    assert norm.numpy().dtype == norm_t.numpy().dtype
    for p, t in zip(ours[:-1], theirs[:-1], strict=True):
        np.testing.assert_allclose(p.grad.numpy(), t.grad.numpy(), rtol=tolerance)
    assert ours[-1].grad is None


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_norm_that_is_not_finite(torch, bad):
    ours = parameters()
    ours[1].grad.fill_(bad)
    before = ours[0].grad.numpy().copy()
    with pytest.raises(RuntimeError, match="non-finite"):
        utils.clip_grad_norm_(ours, 1.0, error_if_nonfinite=True)
    assert np.array_equal(ours[0].grad.numpy(), before)
    theirs = as_torch(torch, ours)
    utils.clip_grad_norm_(ours, 1.0)
    torch.nn.utils.clip_grad_norm_(theirs, 1.0)
    for p, t in zip(ours[:-1], theirs[:-1], strict=True):
        np.testing.assert_array_equal(p.grad.numpy(), t.grad.numpy())


def test_large_gradients_do_not_overflow():
    ours = parameters(scale=1e25)
    norm = utils.clip_grad_norm_(ours, 1.0)
    assert 1e25 < norm.item() < 1e26
    assert utils.get_total_norm([p.grad for p in ours[:-1]]).item() == pytest.approx(1.0, rel=1e-5)


def test_clip_grad_value(torch):
    ours = parameters()
    theirs = as_torch(torch, ours)
    utils.clip_grad_value_(ours, 0.5)
    torch.nn.utils.clip_grad_value_(theirs, 0.5)
    for p, t in zip(ours[:-1], theirs[:-1], strict=True):
        assert np.array_equal(p.grad.numpy(), t.grad.numpy())


def test_one_tensor_and_none():
    p = parameters()[0]
    assert utils.clip_grad_norm_(p, 0.1).item() > 0.1
    assert utils.clip_grad_norm_([], 0.1).item() == 0.0
    with pytest.warns(UserWarning, match="empty generator"):
        utils.clip_grad_norm_((q for q in ()), 0.1)


def test_vector():
    params = parameters()
    vector = utils.parameters_to_vector(params)
    assert vector.shape == (26,)
    vector.sum().backward()
    assert params[-1].grad.tolist() == [1.0, 1.0]
    values = minitorch.arange(26.0)
    utils.vector_to_parameters(values, params)
    assert params[0].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert params[-1].tolist() == [24, 25]
    assert np.array_equal(utils.parameters_to_vector(params).detach(), values)


@pytest.mark.parametrize("shape", [(25,), (2, 13)])
def test_vector_of_the_wrong_size(shape):
    params = parameters()
    with pytest.raises(ValueError, match="26 elements"):
        utils.vector_to_parameters(minitorch.ones(shape), params)
    assert not params[0].detach().numpy().any()
    with pytest.raises(TypeError, match="Tensor"):
        utils.vector_to_parameters([1.0], params)
