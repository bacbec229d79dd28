"""Printed tensors, against PyTorch."""

import re

import numpy as np
import pytest

import minitorch


@pytest.fixture(autouse=True)
def default_options(torch):
    yield
    for module in (minitorch, torch):
        module.set_printoptions(profile="default")


def texts(torch, array, requires_grad=False):
    ours, theirs = minitorch.from_numpy(array), torch.from_numpy(array)
    if requires_grad:
        ours, theirs = ours.requires_grad_(), theirs.requires_grad_()
    return comparable(ours), comparable(theirs)


def comparable(tensor):
    """The text of a tensor, but for the name of the library and the line break it may cause."""
    text = repr(tensor).replace("minitorch.", "torch.")
    return re.sub(r",\n +(dtype|grad_fn)=", r", \1=", text)


SHAPES = [(), (1,), (0,), (3,), (25,), (2, 3), (0, 3), (2, 0), (3, 1, 2), (2, 2, 2, 2), (1, 30)]
SHAPES += [(1001,), (40, 40), (3, 400), (400, 3), (7, 7, 30), (2, 2, 300), (5, 6, 7, 8), (1000,)]


def contents(rng, shape):
    """Yield arrays of all kinds of numbers."""
    normal = rng.standard_normal(shape)
    yield normal
    yield normal * 1e5
    yield normal * 1e-6
    yield np.round(normal * 3)
    yield np.round(normal * 3000)
    yield np.round(normal * 3e9)
    yield np.exp(normal * 20)
    yield np.where(rng.random(shape) < 0.3, np.nan, normal)
    yield np.where(rng.random(shape) < 0.5, np.inf, np.round(normal * 9))
    yield np.where(rng.random(shape) < 0.5, -np.inf, normal * 1e7)
    yield np.full(shape, np.nan)
    yield np.zeros(shape)
    yield np.full(shape, -0.0)
    yield normal * 0 + 99999999.5


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_floating_point(torch, shape, dtype):
    rng = np.random.default_rng(0)
    for array in contents(rng, shape):
        with np.errstate(over="ignore"):
            array = np.array(array).astype(dtype)
        ours, theirs = texts(torch, array)
        assert ours == theirs


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int16", "int32", "int64"])
def test_integers(torch, shape, dtype):
    rng = np.random.default_rng(0)
    for high in (2, 10, 1000, 1 << 40):
        array = np.array(rng.integers(-high, high, shape)).astype(dtype)
        ours, theirs = texts(torch, array)
        assert ours == theirs


OPTIONS = [
    {"precision": 2},
    {"precision": 8, "linewidth": 40},
    {"precision": 0},
    {"threshold": 5},
    {"threshold": 5, "edgeitems": 1},
    {"edgeitems": 2, "threshold": 20, "linewidth": 30},
    {"sci_mode": True},
    {"sci_mode": False},
    {"profile": "short"},
    {"profile": "full"},
    {"profile": "full", "precision": 1},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options(torch, options):
    minitorch.set_printoptions(**options)
    torch.set_printoptions(**options)
    for shape in ((), (3,), (30,), (3, 4), (2, 3, 9), (50, 30)):
        for array in contents(np.random.default_rng(1), shape):
            ours, theirs = texts(torch, np.array(array, dtype=np.float32))
            assert ours == theirs
        ours, theirs = texts(torch, np.arange(int(np.prod(shape))).reshape(shape))
        assert ours == theirs


def test_unknown_profile():
    with pytest.raises(ValueError, match="profile"):
        minitorch.set_printoptions(profile="none")


PROGRAMS = [
    lambda x: x + x,
    lambda x: x * 2,
    lambda x: x - 1,
    lambda x: x / 3,
    lambda x: -x,
    lambda x: x.sum(),
    lambda x: x @ x.t(),
    lambda x: x.t(),
    lambda x: x.view(-1),
    lambda x: x.reshape(3, 2),
    lambda x: x.transpose(0, 1),
    lambda x: x.permute(1, 0),
    lambda x: x[0],
    lambda x: x[:, 1],
    lambda x: x[1:],
    lambda x: x[..., None],
    lambda x: x[[0, 0]],
    lambda x: x.clone(),
    lambda x: x.expand(4, 2, 3),
    lambda x: x.diagonal(),
    lambda x: x.split(1)[0],
    lambda x: x.unbind()[0],
    lambda x: x.flip(0),
    lambda x: x.tril(),
    lambda x: x.index_select(0, type(x)([0]).long()),
    lambda x: x.masked_fill(x > 0, 0.0),
    lambda x: x.sort().values,
    lambda x: x.unfold(1, 2, 1),
]


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_names_of_nodes(torch, number):
    program = PROGRAMS[number]
    results = []
    for module in (minitorch, torch):
        x = module.arange(6.0).reshape(2, 3).requires_grad_()
        results.append(comparable(program(x)))
    assert results[0] == results[1]


def test_requires_grad(torch):
    for shape in ((2,), (0,), (20,), (3, 40)):
        ours, theirs = texts(torch, np.zeros(shape, np.float32), True)
        assert ours == theirs
    for module in (minitorch, torch):
        module.set_default_dtype(module.float64)
    try:
        for dtype in ("float32", "float64", "int64"):
            for shape in ((2,), (0,)):
                ours, theirs = texts(torch, np.zeros(shape, dtype))
                assert ours == theirs
    finally:
        for module in (minitorch, torch):
            module.set_default_dtype(module.float32)


def test_format_of_a_number(torch):
    for module in (minitorch, torch):
        assert f"{module.tensor(1.5):.3f}" == "1.500"
        assert f"{module.tensor(7):03d}" == "007"
        assert f"{module.tensor([1, 2])}" == "tensor([1, 2])"
