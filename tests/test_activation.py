"""Activation functions against torch: values, types, gradients and errors."""

import numpy as np
import pytest
from compare import compare

import minitorch
import minitorch.nn.functional as F

VALUES = np.array([0.0, -0.0, 6.0, -3.0, 3.0, 0.5, -0.5, 1.0, -1.0, 2.2, -7.5, 40.0, -40.0, 0.1])
WILD = np.array([np.inf, -np.inf, np.nan, 1e30, -1e30])
CALLS = [
    ("relu", {}),
    ("relu6", {}),
    ("leaky_relu", {}),
    ("leaky_relu", {"negative_slope": 0.2}),
    ("elu", {}),
    ("elu", {"alpha": 0.5}),
    ("selu", {}),
    ("celu", {}),
    ("celu", {"alpha": 2.0}),
    ("celu", {"alpha": 0.0}),
    ("gelu", {}),
    ("gelu", {"approximate": "tanh"}),
    ("gelu", {"approximate": "other"}),
    ("silu", {}),
    ("mish", {}),
    ("hardsigmoid", {}),
    ("hardswish", {}),
    ("hardtanh", {}),
    ("hardtanh", {"min_val": -3.0, "max_val": 0.5}),
    ("hardtanh", {"min_val": 3.0, "max_val": 0.5}),
    ("softplus", {}),
    ("softplus", {"beta": 2.0, "threshold": 1.0}),
    ("softsign", {}),
    ("logsigmoid", {}),
    ("tanhshrink", {}),
    ("hardshrink", {}),
    ("hardshrink", {"lambd": 1.0}),
    ("softshrink", {}),
    ("softshrink", {"lambd": 1.0}),
    ("softshrink", {"lambd": -1.0}),
    ("threshold", {"threshold": 0.5, "value": 7.0}),
]
SINGLE = ("mish", "logsigmoid", "hardsigmoid", "hardswish")  # torch's constants are float32
IN_PLACE = "relu relu6 leaky_relu elu selu celu silu mish hardsigmoid hardswish hardtanh threshold"


def ids(call):
    return f"{call[0]}-{'-'.join(map(str, call[1].values()))}"


@pytest.mark.parametrize("kind", ["float64", "float32", "float16"])
@pytest.mark.parametrize("call", CALLS, ids=ids)
def test_activation(torch, call, kind):
    name, options = call
    function, theirs = getattr(F, name), getattr(torch.nn.functional, name)
    rtol = 1e-7 if kind == "float64" and name in SINGLE else None
    compare(torch, function, theirs, VALUES.astype(kind), rtol=rtol, **options)
    compare(torch, function, theirs, VALUES[:0].astype(kind), **options)
    if kind != "float16" and name != "gelu":  # torch's depend on the processor
        compare(torch, function, theirs, WILD.astype(kind), grad=False, **options)


@pytest.mark.parametrize("call", CALLS, ids=ids)
def test_integers(torch, call):
    name, options = call
    if name in ("softsign", "tanhshrink", "relu6", "hardtanh", "threshold"):
        return  # torch takes integers because it composes these of others
    function, theirs = getattr(F, name), getattr(torch.nn.functional, name)
    compare(torch, function, theirs, np.array([1, -2]), **options)
    compare(torch, function, theirs, np.array([True, False]), **options)


@pytest.mark.parametrize("call", [c for c in CALLS if c[0] in IN_PLACE.split()], ids=ids)
def test_in_place(torch, call):
    name, options = call

    def ours(x):
        y = x * 1
        assert getattr(F, name)(y, **options, inplace=True) is y
        return y

    def theirs(x):
        return getattr(torch.nn.functional, name)(x * 1, **options, inplace=True)

    compare(torch, ours, theirs, VALUES, rtol=1e-7 if name in SINGLE else None)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
def test_softmax(torch, name):
    function, theirs = getattr(F, name), getattr(torch.nn.functional, name)
    rng = np.random.default_rng(0)
    for kind in ("float64", "float32"):
        for dim in (0, 1, -1, 3, -4):
            x = rng.standard_normal((3, 4, 5)).astype(kind) * 5
            compare(torch, function, theirs, x, dim)
        compare(torch, function, theirs, np.array([1e4, -1e4, 0, 1e4], kind), 0)
        compare(torch, function, theirs, np.array([-np.inf, 0.0, 1.0], kind), 0)
        compare(torch, function, theirs, np.array([np.nan, 0.0, 1.0], kind), 0)
    compare(torch, function, theirs, np.array([1, 2]), 0)
    compare(torch, function, theirs, rng.standard_normal((2, 3)))
    compare(torch, function, theirs, np.array(1.0), 0)
    large = rng.standard_normal((64, 1000)).astype(np.float32)
    compare(torch, function, theirs, large, 1)
    compare(torch, function, theirs, large, 0)


def test_softmax_types():
    x = minitorch.tensor([1, 2])
    assert F.softmax(x, 0, dtype=minitorch.float64).dtype is minitorch.float64
    assert minitorch.softmax(x, 0, minitorch.float32).dtype is minitorch.float32
    assert x.log_softmax(0, dtype=minitorch.float32).dtype is minitorch.float32
    with pytest.warns(UserWarning, match="softmax: the implicit choice of dim"):
        F.softmax(minitorch.ones(2, 3))


def test_prelu(torch):
    theirs = torch.nn.functional.prelu
    x = np.array([[1.0, -2.0, 0.0], [-1.0, 3.0, -0.5]])
    compare(torch, F.prelu, theirs, x, np.array([0.1, 0.2, 0.3]))
    compare(torch, F.prelu, theirs, x, np.array([0.25]))
    compare(torch, F.prelu, theirs, x[0], np.array([0.25]))
    compare(torch, F.prelu, theirs, x, np.array([0.1, 0.2]))
    compare(torch, F.prelu, theirs, x, np.array([0.1], np.float32))
    compare(torch, F.prelu, theirs, x.reshape(1, 2, 3), np.array([0.1, 0.2]))


def test_glu(torch):
    theirs = torch.nn.functional.glu
    x = np.arange(8.0).reshape(2, 4) - 4
    compare(torch, F.glu, theirs, x)
    compare(torch, F.glu, theirs, x, 0)
    compare(torch, F.glu, theirs, x[:1], 0)
    compare(torch, F.glu, theirs, x, 2)
