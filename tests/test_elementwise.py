"""Elementwise operations against torch: values, types, gradients and errors."""

import operator

import numpy as np
import pytest
from compare import compare

import minitorch

SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1e-3, -40.0, 200.0, 0.25, 1.5, 2.5])
WILD = np.array([np.inf, -np.inf, np.nan, 1e38, -1e-38])
KINDS = ("float64", "float32", "int64", "int32", "uint8", "bool")


def words(text):
    """Split names at blanks."""
    return text.split()


PAIRS = [
    *[(kind, kind) for kind in KINDS],
    ("float64", "float32"),
    ("float32", "int64"),
    ("int64", "float64"),
    ("uint8", "int32"),
    ("bool", "uint8"),
    ("int64", "bool"),
    ("bool", "float32"),
]

UNARY = words(
    """
    abs sign square sqrt rsqrt reciprocal exp exp2 expm1 log log2 log10 log1p sin cos tan asin
    acos atan sinh cosh tanh asinh acosh atanh sigmoid erf erfc erfinv ceil floor trunc round
    frac neg logical_not bitwise_not isnan isinf isfinite nan_to_num absolute negative arcsin
    arctanh fix positive
    """
)
BINARY = words(
    """
    add sub mul div floor_divide remainder fmod maximum minimum fmax fmin atan2 hypot pow eq ne
    lt le gt ge logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor greater
    less_equal true_divide multiply subtract not_equal float_power
    """
)
OPERATORS = words("add sub mul truediv floordiv mod pow and_ or_ xor eq ne lt le gt ge")
IN_PLACE = [
    *words("abs_ sign_ square_ sqrt_ rsqrt_ reciprocal_ exp_ exp2_ expm1_ log_ log2_ log10_"),
    *words("log1p_ sin_ cos_ tan_ asin_ acos_ atan_ sinh_ cosh_ tanh_ asinh_ acosh_ atanh_"),
    *words("sigmoid_ erf_ erfc_ erfinv_ ceil_ floor_ trunc_ round_ frac_ neg_ logical_not_"),
    *words("bitwise_not_ nan_to_num_ zero_"),
]
IN_PLACE_BINARY = [
    *words("add_ sub_ mul_ div_ floor_divide_ remainder_ fmod_ pow_ atan2_ eq_ ne_ lt_ le_ gt_"),
    *words("ge_ logical_and_ logical_or_ logical_xor_ bitwise_and_ bitwise_or_ bitwise_xor_"),
]


def values(kind, n=13, seed=0):
    """Numbers of a type: floating-point ones with some that are special."""
    rng = np.random.default_rng(seed)
    if kind.startswith("float"):
        return rng.permutation(SPECIAL)[:n].astype(kind)
    if kind == "bool":
        return rng.random(n) < 0.5
    return rng.integers(0 if kind == "uint8" else -4, 6, n).astype(kind)


def nonzero(array):
    return array if array.dtype.kind in "fb" else np.where(array == 0, 3, array).astype(array.dtype)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", UNARY)
def test_unary(torch, name, kind):
    function, theirs = getattr(minitorch, name), getattr(torch, name)
    compare(torch, function, theirs, values(kind))
    compare(torch, function, theirs, values(kind)[:0])
    compare(torch, function, theirs, values(kind).reshape(13, 1)[3])
    compare(torch, function, theirs, np.array(values(kind)[2]))
    if kind.startswith("float"):
        compare(torch, function, theirs, np.linspace(-0.95, 0.95, 20).astype(kind))
        compare(torch, function, theirs, WILD.astype(kind), grad=False)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", IN_PLACE)
def test_unary_in_place(torch, name, kind):
    def apply(x):
        x = x.clone()
        assert getattr(x, name)() is x
        return x

    if (name, kind) != ("sign_", "bool"):
        compare(torch, apply, apply, values(kind))


@pytest.mark.parametrize(("kind", "other"), PAIRS)
@pytest.mark.parametrize("name", BINARY)
def test_binary(torch, name, kind, other):
    function, theirs = getattr(minitorch, name), getattr(torch, name)
    x, y = values(kind), nonzero(values(other, seed=1))
    compare(torch, function, theirs, x, y)
    compare(torch, function, theirs, x[:6].reshape(2, 3), y[:3])
    compare(torch, function, theirs, x[:6].reshape(2, 3, 1), y[:4].reshape(1, 4))
    compare(torch, function, theirs, x[:0], y[:1])
    compare(torch, function, theirs, x[:4], np.array(y[1]))
    compare(torch, function, theirs, np.array(x[3]), y[:4])
    compare(torch, function, theirs, x[:4], y[:3])


@pytest.mark.parametrize("number", [2, 2.5, True, 0.0, -1])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", OPERATORS)
def test_operator_with_number(torch, name, kind, number):
    if name == "pow" and kind == "bool" and isinstance(number, bool):
        return  # torch refuses it for tensors, not for numbers
    x, function = values(kind), getattr(operator, name)
    compare(torch, lambda x: function(x, number), lambda x: function(x, number), x)
    x = nonzero(np.abs(x) if name in ("pow", "floordiv", "mod") else x)
    compare(torch, lambda x: function(number, x), lambda x: function(number, x), x)


@pytest.mark.parametrize(("kind", "other"), PAIRS)
@pytest.mark.parametrize("name", IN_PLACE_BINARY)
def test_binary_in_place(torch, name, kind, other):
    def apply(x, y):
        x = x.clone()
        assert getattr(x, name)(y) is x
        return x

    x, y = values(kind), nonzero(values(other, seed=2))
    if name == "pow_":
        y = np.abs(y)
    if (kind, other) in (("float32", "float64"), ("uint8", "int32")):
        y = y.astype(kind)  # torch computes in the wider type and converts, ours converts first
    compare(torch, apply, apply, x, y, grad=not name.startswith("logical"))
    compare(torch, apply, apply, x[:6].reshape(2, 3), y[:3], grad=not name.startswith("logical"))
    compare(torch, apply, apply, x[:3], y[:6].reshape(2, 3))


@pytest.mark.parametrize("kind", ["float64", "float32", "int64", "bool"])
@pytest.mark.parametrize("mode", [None, "floor", "trunc", "round"])
def test_div_rounding(torch, kind, mode):
    x, y = values(kind), nonzero(values(kind, seed=4))
    compare(torch, minitorch.div, torch.div, x, y, rounding_mode=mode)
    compare(torch, minitorch.div, torch.div, x, 2, rounding_mode=mode)
    compare(torch, minitorch.div, torch.div, x, 0, rounding_mode=mode)
    compare(torch, lambda x, **k: x.clone().div_(2, **k), lambda x, **k: x.clone().div_(2, **k), x)


@pytest.mark.parametrize("alpha", [2, 2.5, True, -1])
@pytest.mark.parametrize("name", ["add", "sub", "rsub"])
@pytest.mark.parametrize("kind", ["float64", "float32", "int64", "uint8"])
def test_alpha(torch, name, kind, alpha):
    x, y = values(kind), values(kind, seed=4)
    compare(torch, getattr(minitorch, name), getattr(torch, name), x, y, alpha=alpha)
    compare(torch, getattr(minitorch, name), getattr(torch, name), x, 3, alpha=alpha)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, -1, -2, 0.5, -0.5, 1.5, 0.0, 4.0, 1 / 3])
@pytest.mark.parametrize("kind", ["float64", "float32", "int64"])
def test_pow_number(torch, kind, exponent):
    for x in (np.abs(values(kind)), values(kind)):
        compare(torch, minitorch.pow, torch.pow, x, exponent)
        compare(torch, minitorch.pow, torch.pow, exponent, x)


def test_pow_at_zero(torch):
    base, exponent = np.meshgrid([0.0, 1.0, -1.0, 2.0], [0.0, 1.0, 2.0, -1.0, 0.5])
    compare(torch, minitorch.pow, torch.pow, base, exponent)


@pytest.mark.parametrize("bounds", [(-1, 2), (None, 1.5), (0.5, None), (2, -2), (None, None)])
@pytest.mark.parametrize("kind", ["float64", "float32", "int64", "uint8"])
def test_clamp(torch, kind, bounds):
    x = values(kind)
    for name in ("clamp", "clip"):
        compare(torch, getattr(minitorch, name), getattr(torch, name), x, *bounds)
        method = lambda x, a, b, name=name: getattr(x.clone(), name + "_")(a, b)  # noqa: E731
        compare(torch, method, method, x, *bounds)


@pytest.mark.parametrize("kind", ["float64", "int64"])
def test_clamp_by_tensors(torch, kind):
    x, low, high = values(kind), values(kind, seed=1), values(kind, seed=2)
    compare(torch, minitorch.clamp, torch.clamp, x, low, high)
    compare(torch, minitorch.clamp, torch.clamp, x, low)
    compare(torch, minitorch.clamp, torch.clamp, x, None, high)
    compare(torch, minitorch.clamp, torch.clamp, x.reshape(13, 1), low[:4], high[:1])
    compare(torch, minitorch.clamp, torch.clamp, x, np.array(low[0]), np.array(2.5))
    compare(torch, minitorch.clamp_min, torch.clamp_min, x, 1)
    compare(torch, minitorch.clamp_max, torch.clamp_max, x, high)


@pytest.mark.parametrize(("kind", "other"), PAIRS)
def test_where(torch, kind, other):
    x, y = values(kind), values(other, seed=1)
    condition = values("bool", seed=2)
    compare(torch, minitorch.where, torch.where, condition, x, y)
    compare(torch, minitorch.where, torch.where, condition.reshape(13, 1), x, y[:1])
    for number in (1, 2.5, True):
        compare(torch, minitorch.where, torch.where, condition, x, number)
        compare(torch, minitorch.where, torch.where, condition, number, y)
    compare(torch, minitorch.where, torch.where, condition, 1, 2)
    compare(torch, minitorch.where, torch.where, condition, 1.0, 2)
    compare(torch, minitorch.where, torch.where, condition.reshape(1, 13))
    compare(torch, minitorch.where, torch.where, x, x, y)
    compare(torch, minitorch.where, torch.where, condition[:3], x, y)


@pytest.mark.parametrize("kind", ["float64", "float32", "int64"])
def test_three_operands(torch, kind):
    x, y, z = values(kind), values(kind, seed=1), nonzero(values(kind, seed=2))
    for name in ("addcmul", "addcdiv"):
        function, theirs = getattr(minitorch, name), getattr(torch, name)
        compare(torch, function, theirs, x, y, z)
        compare(torch, function, theirs, x, y, z, value=2)
        if kind.startswith("f"):
            compare(torch, function, theirs, x, y[:1], z, value=0.5)
    for weight in (0.3, 0.8, z):
        compare(torch, minitorch.lerp, torch.lerp, x, y, weight)


@pytest.mark.parametrize("decimals", [0, 1, 2, -1])
def test_round(torch, decimals):
    x = np.array([0.5, 1.5, 2.5, -0.5, 1.25, 123.456, -17.5])
    compare(torch, minitorch.round, torch.round, x, decimals=decimals)
    if decimals:
        compare(torch, minitorch.round, torch.round, x.astype(np.int64), decimals=decimals)


def test_close_and_equal(torch):
    x = np.array([1.0, 2.0, np.nan, np.inf, 0.0])
    y = np.array([1.0 + 1e-7, 2.1, np.nan, np.inf, 1e-9])
    for name in ("isclose", "allclose", "equal"):
        function, theirs = getattr(minitorch, name), getattr(torch, name)
        compare(torch, function, theirs, x, y, grad=False)
        compare(torch, function, theirs, x[:1], y[:1], grad=False)
        compare(torch, function, theirs, x[:2], y[:1].astype(np.float32), grad=False)
    compare(torch, minitorch.isclose, torch.isclose, x, y, equal_nan=True)
    compare(torch, minitorch.isclose, torch.isclose, x, y, rtol=0.1, atol=1.0)
    compare(torch, minitorch.equal, torch.equal, x[:2], x[:3], grad=False)


def test_shifts(torch):
    x, n = np.array([1, 5, -8, 100]), np.array([0, 1, 2, 3])
    for name in ("bitwise_left_shift", "bitwise_right_shift"):
        compare(torch, getattr(minitorch, name), getattr(torch, name), x, n)
    compare(torch, lambda x: (x << 2, x >> 1), lambda x: (x << 2, x >> 1), x)
    compare(torch, lambda x: x << 2, lambda x: x << 2, x.astype(float))


@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv", "eq", "lt", "pow"])
def test_numpy_array_on_the_left(torch, name):
    x = np.array([1.0, 2.0, 3.0])
    y = minitorch.Tensor._wrap(np.array([2.0, 1.0, 3.0]))
    result = getattr(operator, name)(x, y)
    assert isinstance(result, minitorch.Tensor)
    np.testing.assert_array_equal(result.numpy(), getattr(operator, name)(x, y.numpy()))


def test_comparison_with_what_is_no_number():
    x = minitorch.Tensor([1.0, 2.0])
    assert (x == None) is False  # noqa: E711
    assert (x != "a") is True
    with pytest.raises(TypeError, match="'<' not supported"):
        x < "a"  # noqa: B015
    with pytest.raises(TypeError, match="add: expected a Tensor or a real number, got str"):
        x + "a"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", words("double float half long int short char byte bool"))
def test_casts(torch, name, kind):
    method = lambda x: getattr(x, name)()  # noqa: E731
    compare(torch, method, method, np.abs(values(kind)))


def test_large_arrays_agree_with_small(torch):
    """Above some size the work is done in C, possibly on several threads."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 300, 400)).astype(np.float32)
    for name in ("exp", "tanh", "sigmoid", "abs", "sin", "erf", "floor", "square"):
        compare(torch, getattr(minitorch, name), getattr(torch, name), x)
    for name in ("add", "sub", "mul", "div", "maximum", "lt", "atan2"):
        compare(torch, getattr(minitorch, name), getattr(torch, name), x, y, atol=1e-4)
        row = np.abs(y[:, :300].T[:1]) + 1
        compare(torch, getattr(minitorch, name), getattr(torch, name), x.T, row, atol=2e-3)


@pytest.mark.parametrize("rows", [5, 300])
def test_results_keep_the_layout_of_their_inputs(torch, rows):
    """Whatever the size: small arrays take another way than large ones."""
    for library in (minitorch, torch):
        x = library.rand(rows, 200, 3).permute(2, 0, 1)
        for result in (x * 2.0, x + x, x.exp(), library.relu(x), x * x):
            assert result.stride() == x.stride()
    a = x.numpy()
    ours = minitorch.from_numpy(a)
    np.testing.assert_array_equal((ours * ours).numpy(), a * a)
    np.testing.assert_array_equal((ours - 2.0).numpy(), a - np.float32(2))
