"""autograd.functional, the same call here and in PyTorch."""

import inspect

import numpy as np
import pytest
from compare import Library

import minitorch
from minitorch import Tensor
from minitorch.autograd import functional

NAMES = ["vjp", "jvp", "jacobian", "hessian", "vhp", "hvp"]


def several(x, y):
    return x * y, (x * x).sum(), y / (x * x + 1)


def scalar(x, y):
    return (x * x * x * y).sum() + (y * y * x[0]).sum()


def arrays(result):
    """Turn a nested tuple of tensors into one of arrays, with their shapes."""
    if isinstance(result, (tuple, list)):
        return [arrays(r) for r in result]
    return result.detach().numpy()


def assert_same(mine, theirs):
    if isinstance(theirs, list):
        assert isinstance(mine, list)
        assert len(mine) == len(theirs)
        for a, b in zip(mine, theirs, strict=True):
            assert_same(a, b)
    else:
        assert mine.shape == theirs.shape
        assert np.allclose(mine, theirs, rtol=1e-10, atol=1e-12)


def both(torch, run):
    mine = arrays(run(Library(minitorch), functional))
    assert_same(mine, arrays(run(Library(torch), torch.autograd.functional)))


def test_products_with_the_jacobian(torch):
    def point(lib):
        return lib.tensor(3, grad=False), lib.tensor(3, seed=1, grad=False)

    def cotangents(lib):
        return (
            lib.tensor(3, seed=2, grad=False),
            lib.tensor(seed=3, grad=False),
            lib.tensor(3, seed=4, grad=False),
        )

    both(torch, lambda lib, f: f.vjp(several, point(lib), cotangents(lib)))
    both(torch, lambda lib, f: f.jvp(several, point(lib), point(lib)))
    both(torch, lambda lib, f: f.jvp(lambda x: x * x, point(lib)[0], point(lib)[1]))
    both(torch, lambda lib, f: f.vjp(lambda x: (x * x).sum(), point(lib)[0]))
    both(torch, lambda lib, f: f.jvp(lambda x: x * x, lib.tensor(1, grad=False)))


def test_jacobians(torch):
    def point(lib):
        return lib.tensor(3, grad=False), lib.tensor(3, seed=1, grad=False)

    both(torch, lambda lib, f: f.jacobian(several, point(lib)))
    both(torch, lambda lib, f: f.jacobian(several, point(lib), vectorize=True))
    both(torch, lambda lib, f: f.jacobian(lambda x: x * x, lib.tensor(2, 3, grad=False)))
    both(torch, lambda lib, f: f.jacobian(lambda x: x.sum(0), lib.tensor(2, 3)))
    both(torch, lambda lib, f: f.jacobian(lambda x, y: x * 1, point(lib)))


def test_hessians(torch):
    def point(lib):
        return lib.tensor(3, grad=False), lib.tensor(3, seed=1, grad=False)

    both(torch, lambda lib, f: f.hessian(scalar, point(lib)))
    both(torch, lambda lib, f: f.hessian(lambda x: (x * x * x).sum(), lib.tensor(2, 2)))
    both(torch, lambda lib, f: f.hessian(lambda x: x.sum(), lib.tensor(2)))
    both(torch, lambda lib, f: f.vhp(scalar, point(lib), point(lib)))
    both(torch, lambda lib, f: f.hvp(scalar, point(lib), point(lib)))
    both(torch, lambda lib, f: f.hvp(lambda x: x.sum(), lib.tensor(2), lib.tensor(2)))
    both(torch, lambda lib, f: f.vhp(lambda x: (x * x).sum(), lib.tensor(1)))


@pytest.mark.parametrize("name", NAMES)
def test_results_are_recorded_only_if_asked_for(lib, name):
    function = getattr(lib.autograd.functional, name)
    x, v = lib.tensor(3), lib.tensor(3, seed=1)

    def cube(x):
        y = x * x * x
        return y if name in ("vjp", "jvp", "jacobian") else y.sum()

    arguments = (cube, x) if name in ("jacobian", "hessian") else (cube, x, v)
    for create_graph in (False, True):
        results = function(*arguments, create_graph=create_graph)
        for result in results if isinstance(results, tuple) else (results,):
            assert result.requires_grad == create_graph
    assert x.grad is None
    results = function(*arguments, create_graph=True)
    last = results[-1] if isinstance(results, tuple) else results
    (g,) = lib.autograd.grad(last.sum(), x)
    a, b = np.array(x.tolist()), np.array(v.tolist())
    expected = {"jacobian": 6 * a, "hessian": 6 + 0 * a, "vjp": 6 * a * b, "jvp": 6 * a * b}
    assert np.allclose(g.tolist(), expected.get(name, 6 * b))


def test_without_recording_around(lib):
    with lib.module.no_grad():
        j = lib.autograd.functional.jacobian(lambda x: x * 2, lib.tensor(2))
    assert j.tolist() == [[2, 0], [0, 2]]


def test_what_is_not_used(lib):
    f = lib.autograd.functional
    x, v = lib.tensor(2), lib.tensor(2)
    constant = lib.tensor(2, grad=False)
    assert f.vjp(lambda x: constant, x, v)[1].tolist() == [0, 0]
    assert f.jvp(lambda x: constant, x, v)[1].tolist() == [0, 0]
    with pytest.raises(RuntimeError, match="does not require gradients"):
        f.vjp(lambda x: constant, x, v, strict=True)
    with pytest.raises(RuntimeError, match="independent of input 1"):
        f.vjp(lambda x, y: x * 2, (x, x), v, strict=True)
    with pytest.raises(RuntimeError, match="independent of input 1"):
        f.jacobian(lambda x, y: x * 2, (x, x), strict=True)
    for attempt in (
        lambda: f.hessian(lambda x: x.sum(), x, strict=True),
        lambda: f.vhp(lambda x: x.sum(), x, v, strict=True),
        lambda: f.hvp(lambda x: x.sum(), x, v, strict=True),
        lambda: f.jacobian(lambda x: x * 2, x, strict=True, create_graph=True),
    ):
        with pytest.raises(RuntimeError, match=r"independent of (the )?input"):
            attempt()


def test_wrong_arguments(lib):
    f = lib.autograd.functional
    x = lib.tensor(3)
    for attempt, error, message in [
        (lambda: f.vjp(lambda x: x * 2, x), RuntimeError, "v can only be None"),
        (lambda: f.jvp(lambda x: x * 2, x), RuntimeError, "v can only be None"),
        (lambda: f.vjp(lambda x: x * 2, x, lib.tensor(2)), RuntimeError, "v has invalid size"),
        (lambda: f.vjp(lambda x: x, x, (x, x)), RuntimeError, "v "),
        (lambda: f.hessian(lambda x: x * 2, x), RuntimeError, "should contain a single element"),
        (lambda: f.hessian(lambda x: (x, x), x), RuntimeError, "should return a single Tensor"),
        (lambda: f.vjp(lambda x: x, 3.0), TypeError, "The inputs given to vjp must be either"),
        (lambda: f.vjp(lambda x: x, [x]), TypeError, "The inputs given to vjp must be either"),
        (lambda: f.vjp(lambda x: 3.0, x), TypeError, "The outputs of the user-provided function"),
        (lambda: f.jacobian(lambda x: x, x, strategy="forward-mode"), NotImplementedError, "."),
    ]:
        with pytest.raises(error, match=message):
            attempt()


def test_empty_tensors():
    x = Tensor._wrap(np.zeros((0, 2)))
    assert functional.jacobian(lambda x: x * 2, x).shape == (0, 2, 0, 2)
    assert functional.jacobian(lambda x: x.sum(), x).shape == (0, 2)


@pytest.mark.parametrize("name", NAMES)
def test_signatures(torch, name):
    mine = inspect.signature(getattr(functional, name)).parameters
    theirs = inspect.signature(getattr(torch.autograd.functional, name)).parameters
    assert [(p.name, p.default) for p in mine.values()] == [
        (p.name, p.default) for p in theirs.values()
    ]
