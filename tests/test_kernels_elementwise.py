"""Elementwise kernels: accuracy, special values, layouts, instruction sets, threads."""

import numpy as np
import pytest

from minitorch import kernels

RNG = np.random.default_rng(0)
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 0.5, -0.5, 1e-45, -1e-45, 1e-40, 5e-324]
SPECIAL += [88.7, 88.73, -87.4, -103.9, -104.1, 709.7, 709.8, -708.5, -745.1, -745.2, 1e10, -1e30]
SPECIAL += [127.9, 128, -149, -150, 1023.9, 1024, -1074, -1075, 20, -20, 1e300]


@pytest.fixture(params=kernels.info()["available"])
def isa(request):
    before = kernels.info()["isa"]
    kernels.set_isa(request.param)
    yield request.param
    kernels.set_isa(before)


def samples(dtype):
    """Numbers of every size, float32 by a stride over all bit patterns."""
    if dtype == np.float32:
        bits = np.arange(0, 2**32, 40_009, dtype=np.uint32).view(np.float32)
    else:
        bits = RNG.integers(0, 2**64, 60_000, dtype=np.uint64).view(np.float64)
    with np.errstate(over="ignore"):
        ends = np.array(SPECIAL).astype(dtype)
    return np.concatenate([bits, np.linspace(-20, 20, 20_001).astype(dtype), ends])


def ulps(got, want):
    """Largest distance in units in the last place; infinite where only one is NaN."""
    dtype = got.dtype.type
    with np.errstate(all="ignore"):
        rounded = want.astype(dtype)
        unit = np.maximum(np.spacing(np.abs(rounded)), np.spacing(dtype(0)))
        distance = np.abs(got.astype(np.longdouble) - want) / unit
    distance[(got == rounded) | (np.isnan(got) & np.isnan(want))] = 0
    distance[np.isnan(distance)] = np.inf
    return distance.max()


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


EXACT = {
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log2": np.log2,
    "log10": np.log10, "log1p": np.log1p, "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh,
    "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
    "sqrt": np.sqrt, "rsqrt": lambda x: 1 / np.sqrt(x), "reciprocal": lambda x: 1 / x,
    "square": np.square, "abs": np.abs, "neg": np.negative, "floor": np.floor, "ceil": np.ceil,
    "round": np.rint, "trunc": np.trunc, "sigmoid": sigmoid,
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_accuracy(dtype, isa):
    x = samples(dtype)
    with np.errstate(all="ignore"):
        for name, exact in EXACT.items():
            # numpy turns denormal results of float64 division and squares exactly; so must C
            assert ulps(kernels.unary(name, x), exact(x.astype(np.longdouble))) <= 4, name


def test_accuracy_of_error_functions(torch, isa):
    for dtype in (np.float32, np.float64):
        x = samples(dtype)
        for name in ("erf", "erfc", "erfinv"):
            with np.errstate(invalid="ignore"):
                want = getattr(torch, name)(torch.from_numpy(x.astype(np.float64))).numpy()
            limit = 4 if dtype == np.float32 or name == "erf" else 8  # torch's own error
            assert ulps(kernels.unary(name, x), want.astype(np.longdouble)) <= limit, name


def test_signs_of_zero(isa):
    x = np.array([0.0, -0.0])
    for name in ("sin", "tan", "tanh", "expm1", "log1p", "erf", "floor", "ceil", "round", "trunc"):
        assert np.signbit(kernels.unary(name, x)).tolist() == [False, True], name


ACTIVATIONS = {
    "relu": ("relu", ()), "relu6": ("relu6", ()), "leaky_relu": ("leaky_relu", (0.1,)),
    "elu": ("elu", (0.7,)), "selu": ("selu", ()), "celu": ("celu", (0.7,)), "gelu": ("gelu", ()),
    "silu": ("silu", ()), "mish": ("mish", ()), "hardsigmoid": ("hardsigmoid", ()),
    "hardswish": ("hardswish", ()), "hardtanh": ("hardtanh", (-0.5, 2.0)),
    "softplus": ("softplus", (2.0, 20.0)), "softsign": ("softsign", ()),
    "tanhshrink": ("tanhshrink", ()), "hardshrink": ("hardshrink", (0.4,)),
    "softshrink": ("softshrink", (0.4,)), "threshold": ("threshold", (0.1, 5.0)),
    "logsigmoid": ("logsigmoid", ()), "sigmoid": ("sigmoid", ()), "tanh": ("tanh", ()),
}  # fmt: skip
READS_OUTPUT = {"sigmoid", "tanh"}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_and_derivatives(torch, name, isa):
    theirs, parameters = ACTIVATIONS[name]
    how = dict(zip("ab", parameters, strict=False))
    for dtype, tolerance in ((np.float32, 2e-6), (np.float64, 1e-14)):
        x = np.concatenate([RNG.standard_normal(2000) * 4, [0, np.nan, 100, -100]]).astype(dtype)
        g = RNG.standard_normal(x.shape).astype(dtype)
        leaf = torch.tensor(x, requires_grad=True)
        want = getattr(torch.nn.functional, theirs)(leaf, *parameters)
        want.backward(torch.from_numpy(g))
        y = kernels.unary(name, x, **how)
        np.testing.assert_allclose(y, want.detach().numpy(), rtol=tolerance, atol=tolerance)
        seen = y if name in READS_OUTPUT else x
        got = kernels.binary(name + "_backward", g, seen, **how)
        # torch's derivatives of the elu family at NaN differ between its own code paths
        keep = (x != 0) & ~np.isnan(x)
        if name in ("hardsigmoid", "celu"):
            tolerance = 1e-6  # torch's 1/6 and 1/alpha are float32, also in float64
        np.testing.assert_allclose(
            got[keep], leaf.grad.numpy()[keep], rtol=tolerance * 4, atol=tolerance * 4
        )


def test_relu_at_zero_and_nan():
    g, y = np.ones(4, np.float32), np.array([0, -0.0, np.nan, 2], np.float32)
    assert kernels.binary("relu_backward", g, y).tolist() == [0, 0, 1, 1]
    assert kernels.unary("sign", y).tolist() == [0, 0, 0, 1]


def test_gelu_tanh(torch, isa):
    x = (RNG.standard_normal(1000) * 4).astype(np.float64)
    leaf = torch.tensor(x, requires_grad=True)
    want = torch.nn.functional.gelu(leaf, approximate="tanh")
    want.sum().backward()
    np.testing.assert_allclose(kernels.unary("gelu_tanh", x), want.detach(), atol=1e-14)
    got = kernels.binary("gelu_tanh_backward", np.ones_like(x), x)
    np.testing.assert_allclose(got, leaf.grad, atol=1e-14)


BINARY = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "pow": np.power,
    "fmod": np.fmod, "remainder": np.remainder, "floor_divide": np.floor_divide,
    "maximum": np.maximum, "minimum": np.minimum, "atan2": np.arctan2, "hypot": np.hypot,
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal,
}  # fmt: skip


def pairs(dtype):
    """Inputs of every kind of layout whose results are large enough to go to C."""
    x = RNG.standard_normal((6, 5, 37, 70)).astype(dtype)
    y = RNG.standard_normal((6, 5, 37, 70)).astype(dtype)
    x[0, 0, 0, :9] = [np.nan, np.inf, -np.inf, 0, -0.0, 1, np.nan, np.inf, 0]
    y[0, 0, 0, :9] = [1, np.inf, 1, 0, 2, np.nan, np.nan, -np.inf, -1]
    yield x, y
    yield x, 2.5
    yield -1.5, y
    yield x, y[:1, :, :1, :1]
    yield x[:, :1], y[..., :1]
    yield x.T, y.T
    yield x.transpose(0, 2, 3, 1), y[0, :, 0, 0]
    yield x[::-1, :, ::2], y[:, :, ::2, ::-1]
    yield x, np.broadcast_to(y[:, :, :1], y.shape)
    yield x[:, :, :, :60].reshape(-1, 6), y[0, 0, 0, 10:16]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_binary_layouts(dtype, isa):
    with np.errstate(all="ignore"):
        for x, y in pairs(dtype):
            for name, function in BINARY.items():
                want = function(x, y)
                got = kernels.binary(name, x, y)
                assert got.dtype == want.dtype and got.shape == want.shape
                assert got.flags.c_contiguous or got.strides == want.strides
                np.testing.assert_allclose(
                    got,
                    want,
                    rtol=4 * np.finfo(dtype).eps if name in ("pow", "atan2", "hypot") else 0,
                )


@pytest.mark.parametrize("last", [1, 2, 5, 16, 17])
@pytest.mark.parametrize("near", [1, 7, 64])
def test_copy_with_short_last_dimension(last, near):
    for dtype in (np.uint8, np.float16, np.float32, np.float64):
        x = np.arange(last * near * 3 * 401 % 60000).astype(dtype)
        x = np.resize(x, (3, last, 401, near)).transpose(2, 0, 3, 1)
        np.testing.assert_array_equal(kernels.copy(x), x)
        np.testing.assert_array_equal(kernels.copy(x[:, ::-1]), x[:, ::-1])


def test_unary_copy_and_where_layouts(isa):
    for x, y in pairs(np.float32):
        x = np.asarray(x, np.float32)
        np.testing.assert_array_equal(kernels.copy(x), x)
        np.testing.assert_array_equal(kernels.unary("square", x), np.square(x))
        mask = np.asarray(x) > np.asarray(y, np.float32)
        np.testing.assert_array_equal(kernels.where(mask, x, y), np.where(mask, x, y))
    for dtype in (bool, np.int8, np.int16, np.int32, np.int64, np.float16, np.complex128):
        x = np.arange(40_000).reshape(20, 40, 50).astype(dtype)
        for view in (
            x,
            x.T,
            x.transpose(1, 2, 0),
            x[:, ::-1, ::3],
            np.broadcast_to(x[:1], x.shape),
        ):
            np.testing.assert_array_equal(kernels.copy(view), view)


def test_out_in_place_and_overlapping(isa):
    for n in (50, 40_000):
        x, y = (RNG.standard_normal(n).astype(np.float32) for _ in range(2))
        for make in (np.copy, lambda v: np.repeat(v, 2)[::2]):
            a, b = make(x), make(y)
            assert kernels.binary("add", a, b, out=a) is a
            np.testing.assert_array_equal(a, x + y)
            assert kernels.binary("sub", a, b, out=b) is b
            np.testing.assert_array_equal(b, x + y - y)
            assert kernels.unary("relu", b, out=b) is b
            np.testing.assert_array_equal(b, np.maximum(x + y - y, 0))
        a = x.copy()
        kernels.binary("add", a[1:], a[:-1], out=a[1:])
        np.testing.assert_array_equal(a[1:], x[1:] + x[:-1])
        a = x.copy()
        kernels.unary("exp", a[:-1], out=a[1:])
        np.testing.assert_array_equal(a[1:], kernels.unary("exp", x[:-1]))


def test_tails_touch_nothing_else(isa):
    for dtype in (np.float32, np.float64):
        for n in (*range(41), 8192, 8195):
            x = np.full(n + 2, np.nan, dtype)
            x[1:-1] = np.arange(n)
            out = np.full(n + 2, 7, dtype)
            kernels.unary("relu", x[1:-1], out=out[1:-1])
            kernels.binary("leaky_relu_backward", out[1:-1], out[1:-1], out=out[1:-1], a=2.0)
            assert out[0] == out[-1] == 7
            assert (out[1:-1] == [max(i, 0) for i in range(n)]).all()


def test_numbers_other_types_and_scalars():
    assert kernels.binary("add", np.arange(3), 2).tolist() == [2, 3, 4]
    assert kernels.binary("remainder", np.arange(-2, 2), 3).tolist() == [1, 2, 0, 1]
    half = kernels.unary("exp", np.ones(3, np.float16))
    assert half.dtype == np.float16 and half[0] == np.float16(np.e)
    assert kernels.binary("mul", np.ones(3, np.float32), 0.1).dtype == np.float32
    for x in (np.ones((), np.float32), np.ones((0, 3))):
        assert type(kernels.binary("add", x, x)) is np.ndarray
        assert kernels.binary("pow", x, x).shape == kernels.unary("exp", x).shape == x.shape
    # division by zero is no error, whatever the user's settings are
    with np.errstate(all="raise"):
        assert kernels.binary("div", np.ones(2), 0.0).tolist() == [np.inf, np.inf]


def test_bits_do_not_depend_on_threads(isa):
    x = RNG.standard_normal((3, 50_001)).astype(np.float32)
    before = kernels.get_num_threads()
    results = []
    for threads in (1, 2, 7):
        kernels.set_num_threads(threads)
        arrays = (kernels.unary("exp", x), kernels.binary("mul", x.T, x[0, :3]), kernels.copy(x.T))
        results.append([v.tobytes() for v in arrays])
    kernels.set_num_threads(before)
    assert results[0] == results[1] == results[2]
