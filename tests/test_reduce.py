"""Reductions against torch: values, types, gradients and errors."""

import math

import numpy as np
import pytest
from compare import compare

import minitorch

KINDS = ("float64", "float32", "int64", "uint8", "bool")
ALL = [
    "sum",
    "mean",
    "prod",
    "max",
    "min",
    "amax",
    "amin",
    "argmax",
    "argmin",
    "any",
    "all",
    "count_nonzero",
    "nansum",
    "median",
]
DIMENSION = ["max", "min", "argmax", "argmin", "prod", "cumsum", "cumprod", "cummax", "cummin"]
DIMENSIONS = ["sum", "mean", "amax", "amin", "any", "all", "count_nonzero", "nansum", "logsumexp"]


def values(kind, shape=(3, 4, 2), seed=0):
    rng = np.random.default_rng(seed)
    if kind.startswith("float"):
        return rng.standard_normal(shape).astype(kind)
    return rng.integers(0 if kind == "uint8" else -3, 4, shape).astype(kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ALL)
def test_all(torch, name, kind):
    if (name, kind) == ("median", "bool"):
        return  # numpy sorts bool, torch does not
    function, theirs = getattr(minitorch, name), getattr(torch, name)
    compare(torch, function, theirs, values(kind))
    compare(torch, function, theirs, np.array(values(kind)[0, 0, 0]))
    compare(torch, function, theirs, values(kind).transpose(2, 0, 1)[:, ::2])
    if kind.startswith("float") or name != "median":
        compare(torch, function, theirs, values(kind)[:0])


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", DIMENSION)
def test_one_dimension(torch, name, kind, keepdim):
    function, theirs = getattr(minitorch, name), getattr(torch, name)
    options = {} if name.startswith("cum") else {"keepdim": keepdim}
    for dim in (0, 1, -1, 3, -4):
        compare(torch, function, theirs, values(kind), dim, **options)
    compare(torch, function, theirs, values(kind)[:0], 0, **options)
    compare(torch, function, theirs, values(kind)[:0], 1, **options)
    compare(torch, function, theirs, np.array(values(kind)[0, 0, 0]), 0, **options)


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", DIMENSIONS)
def test_dimensions(torch, name, kind, keepdim):
    function, theirs = getattr(minitorch, name), getattr(torch, name)
    options = {"keepdim": keepdim} if name != "count_nonzero" else {}
    for dim in (0, -1, (0, 2), (2, 0), (0, 1, 2), 3, (0, 0), [1]):
        compare(torch, function, theirs, values(kind), dim, **options)
    compare(torch, function, theirs, values(kind)[:0], 0, **options)
    compare(torch, function, theirs, values(kind)[:0], (1, 2), **options)
    compare(torch, function, theirs, np.array(values(kind)[0, 0, 0]), 0, **options)


@pytest.mark.parametrize("name", ["max", "min", "amax", "amin", "argmax", "argmin", "median"])
def test_ties_and_nan(torch, name):
    function, theirs = getattr(minitorch, name), getattr(torch, name)
    ties = np.array([[1.0, 3.0, 3.0, 1.0], [2.0, 2.0, 2.0, 2.0], [3.0, 1.0, 1.0, 3.0]])
    holes = np.array([[1.0, np.nan, 5.0, np.nan], [np.nan, 1.0, 2.0, 9.0]])
    signs = np.array([[0.0, -0.0], [-0.0, 0.0], [np.inf, -np.inf]])
    for x in (ties, signs):
        compare(torch, function, theirs, x)
        if name != "median":  # which of equal elements torch takes is not defined
            compare(torch, function, theirs, x, 0)
            compare(torch, function, theirs, x, 1)
    for args in ((), (0,), (1,)):  # torch's gradient of amax is NaN everywhere
        compare(torch, function, theirs, holes, *args, grad=name not in ("amax", "amin"))


def test_max_of_two(torch):
    x, y = values("float64"), values("float64", seed=1)
    for name in ("max", "min"):
        compare(torch, getattr(minitorch, name), getattr(torch, name), x, y)
        compare(torch, getattr(minitorch, name), getattr(torch, name), x, y[0])


def test_named_tuples():
    x = minitorch.tensor([[1.0, 5.0], [7.0, 2.0]])
    result = x.max(1)
    assert result.values.tolist() == [5.0, 7.0]
    assert result.indices.tolist() == [1, 0]
    values, indices = minitorch.min(x, dim=0, keepdim=True)
    assert values.tolist() == [[1.0, 2.0]]
    assert indices.dtype is minitorch.int64
    assert x.aminmax().min.item() == 1.0


@pytest.mark.parametrize("name", ["var", "std", "var_mean", "std_mean"])
@pytest.mark.parametrize("kind", ["float64", "float32", "int64"])
def test_variance(torch, name, kind):
    function, theirs = getattr(minitorch, name), getattr(torch, name)
    x = values(kind)
    compare(torch, function, theirs, x)
    compare(torch, function, theirs, x, unbiased=False)
    compare(torch, function, theirs, x, False)
    compare(torch, function, theirs, x, 1, True, True)
    compare(torch, function, theirs, x, (0, 2), unbiased=False)
    for correction in (0, 1, 2.5):
        compare(torch, function, theirs, x, (0, 1), correction=correction, keepdim=True)
    compare(torch, function, theirs, x, 2, correction=2, grad=False)
    compare(torch, function, theirs, x[:1], 0, grad=False)
    compare(torch, function, theirs, x[:0], 0, grad=False)
    compare(torch, function, theirs, np.zeros((2, 3), kind), 1)


def test_variance_far_from_zero(torch):
    x = (values("float64", (50, 40)) + 1e4).astype(np.float32)
    compare(torch, minitorch.var, torch.var, x, 0, rtol=1e-3)


def test_variance_of_one_element_warns():
    with pytest.warns(UserWarning, match="var: degrees of freedom is <= 0"):
        assert math.isnan(minitorch.tensor([1.0]).var().item())


@pytest.mark.parametrize("p", ["fro", None, 0, 1, 2, 3, 0.5, 1.5, math.inf, -math.inf])
def test_norm(torch, p):
    for kind in ("float64", "float32"):
        x = values(kind)
        compare(torch, minitorch.norm, torch.norm, x, p)
        for dim in (0, (0, 2)):
            compare(torch, minitorch.norm, torch.norm, x, p, dim)
            compare(torch, minitorch.norm, torch.norm, x, p, dim, True)
    if p is None or p in ("fro", 0, 1, 2, 3):
        compare(torch, minitorch.norm, torch.norm, np.zeros((2, 3)), p, 1)
    compare(torch, minitorch.norm, torch.norm, np.array([1, 2]), p)


@pytest.mark.parametrize("name", ["prod", "cumprod"])
def test_products_with_zeros(torch, name):
    function, theirs = getattr(minitorch, name), getattr(torch, name)
    x = np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 5.0], [1.0, 4.0, -1.0]])
    for dim in (0, 1):
        compare(torch, function, theirs, x, dim)
        compare(torch, function, theirs, x[:, :1], dim)


def test_logsumexp(torch):
    function, theirs = minitorch.logsumexp, torch.logsumexp
    compare(torch, function, theirs, np.array([1e4, -1e4, 1e4]), 0)
    lost = np.array([[-np.inf, -np.inf], [0.0, -np.inf]])
    compare(torch, function, theirs, lost, 1, grad=False)  # torch's gradient is NaN
    compare(torch, function, theirs, np.array([np.inf, 1.0]), 0, grad=False)
    compare(torch, function, theirs, np.array([np.nan, 1.0]), 0, grad=False)


def test_dtype():
    x = minitorch.tensor([1, 2])
    assert x.sum(dtype=minitorch.float32).dtype is minitorch.float32
    assert x.mean(dtype=minitorch.float64).item() == 1.5
    assert x.prod(dtype=minitorch.int32).dtype is minitorch.int32
    assert x.cumsum(0, dtype=minitorch.float64).dtype is minitorch.float64
    assert minitorch.ones(2).norm(dtype=minitorch.float64).dtype is minitorch.float64


def test_numpy_names(torch):
    x = values("float32")
    for name in ("sum", "mean", "amax", "argmax", "std", "cumsum", "prod"):
        options = {"axis": 1} if name == "cumsum" else {"axis": 1, "keepdims": True}
        compare(torch, getattr(minitorch, name), getattr(torch, name), x, **options)


def test_nanmean_and_nanmedian(torch):
    x = np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, 2.0]])
    for args in ((), (0,), (1,)):
        compare(torch, minitorch.nanmean, torch.nanmean, x, *args, grad=args == (1,))
        compare(torch, minitorch.nanmedian, torch.nanmedian, x, *args, grad=False)


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_large(torch, kind):
    x = values(kind, (40, 30, 50))
    for name in ("sum", "mean", "amax", "var", "norm", "logsumexp"):
        for dim in ((0,), (1, 2), (0, 2)):
            args = (x, 2.0, dim) if name == "norm" else (x, dim)
            compare(torch, getattr(minitorch, name), getattr(torch, name), *args)
    for name in ("max", "argmin"):
        for dim in (0, 1, 2):
            compare(torch, getattr(minitorch, name), getattr(torch, name), x, dim)
