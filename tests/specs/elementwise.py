"""Elementwise operations."""

import math

import numpy as np
from opspecs import OpSpec, bad, sample

from minitorch.errors import ShapeError


def away_from_zero(rng, shape):
    return rng.uniform(0.5, 2, shape) * rng.choice([-1, 1], shape)


def pairs(rng):
    """Two operands: equal shapes, broadcast in several ways, numbers, empty."""
    a, b = (lambda *shape: away_from_zero(rng, shape) for _ in range(2))
    return [
        sample(a(2, 3), b(2, 3)),
        sample(a(2, 3), b(3)),
        sample(a(2, 1, 2), b(3, 1)),
        sample(a(), b(2)),
        sample(a(), b()),
        sample(a(2, 3), 1.5),
        sample(-2, b(3)),
        sample(a(0, 3), b(3)),
        sample(a(2, 0), b(2, 1)),
    ]


def tensor_pairs(rng):
    """Pairs without numbers."""
    return [call for call in pairs(rng) if all(isinstance(x, np.ndarray) for x in call.args)]


def scaled(rng):
    """Pairs, and one with alpha."""
    return pairs(rng) + [sample(rng.random((2, 2)), rng.random(2), alpha=-0.5)]


def far_from_steps(rng):
    """Pairs whose quotients are not near integers."""
    quotients = rng.integers(-3, 3, (2, 3)) + rng.uniform(0.2, 0.8, (2, 3))
    divisors = away_from_zero(rng, 3)
    return [
        sample(quotients * divisors, divisors),
        sample(quotients * 1.5, 1.5),
        sample(np.zeros((0, 3)), divisors),
    ]


def rounded_quotients(rng):
    return [
        sample(*call.args, rounding_mode=mode)
        for call in far_from_steps(rng)
        for mode in ("floor", "trunc")
    ]


def powers(rng):
    positive = rng.uniform(0.5, 2, (2, 3))
    return [
        sample(positive, away_from_zero(rng, (2, 3))),
        sample(positive, away_from_zero(rng, 3)),
        sample(2.5, away_from_zero(rng, 3)),
        sample(positive, 1.7),
        *[sample(away_from_zero(rng, 3), n) for n in (0, 1, 2, 3, -1, -2)],
        sample(positive, 0.5),
        sample(positive, -0.5),
        sample(np.zeros((0, 3)), 2),
        sample(np.array([0.0, 1.0]), 2),
    ]


def broadcast_errors(name):
    return [
        bad(
            ShapeError,
            f"{name}: sizes 3 and 2 of dimension 1 do not match and neither is 1: "
            "(2, 3) and (2, 2)",
            np.ones((2, 3)),
            np.ones((2, 2)),
        )
    ]


def singles(low, high):
    """One operand with values between two bounds."""

    def make(rng):
        return [sample(rng.uniform(low, high, shape)) for shape in ((2, 3), (), (0, 2))]

    return make


def signed(rng):
    """One operand, away from zero and from integers."""
    whole = rng.integers(-3, 3, (2, 3))
    return [
        sample(whole + rng.uniform(0.1, 0.4, (2, 3))),
        sample(np.array(-1.3)),
        sample(np.zeros((0, 2))),
    ]


def flags(rng):
    """Two operands some of which are equal, or zero."""
    a, b = rng.integers(-1, 2, (2, 2, 3)).astype(float)
    return [sample(a, b), sample(a, b[0]), sample(a, 1.0), sample(a[:0], b[0])]


def integers(rng):
    a, b = rng.integers(0, 6, (2, 2, 3))
    return [sample(a, b), sample(a, b[0]), sample(a, 2), sample(a[:0], b[0])]


def wild(rng):
    return [sample(np.array([[1.0, np.inf, -np.inf], [np.nan, 0.0, -2.0]]))]


def clamped(rng):
    x = np.array([[-2.0, -0.4, 0.3], [0.7, 1.9, 2.6]])
    low, high = np.array([-1.0, -0.5, 0.5]), np.array([[0.9], [2.1]])
    return [
        sample(x, -1.0, 1.5),
        sample(x, 0.1),
        sample(x, max=1),
        sample(x, low, high),
        sample(x, low),
        sample(x, None, high),
        sample(x, -1.0, high),
        sample(x[:0], -1, 1),
    ]


def clamp(x, min=None, max=None):
    x = x if min is None else np.maximum(x, min)
    return x if max is None else np.minimum(x, max)


def choices(rng):
    condition = rng.random((2, 3)) < 0.5
    x, y = rng.standard_normal((2, 2, 3))
    return [
        sample(condition, x, y),
        sample(condition, x[0], y[:, :1]),
        sample(condition[0], x, 1.5),
        sample(condition, 2.0, y),
        sample(condition[:0], x[:0], y[0]),
    ]


def triples(rng):
    x, y, z = (away_from_zero(rng, (2, 3)) for _ in range(3))
    return [sample(x, y, z), sample(x, y[0], z[:, :1]), sample(x[:0], y[:0], z[0])]


def triples_with_value(rng):
    return triples(rng) + [sample(*(rng.uniform(1, 2, 3) for _ in range(3)), value=-0.5)]


def interpolations(rng):
    return triples(rng) + [sample(*rng.random((2, 3)), 0.3), sample(*rng.random((2, 3)), 0.8)]


def each(fn):
    """Let a function of Python numbers take arrays."""
    return lambda x: np.array([fn(v) for v in x.ravel()]).reshape(x.shape)


def erfinv(y):
    """Solve erf(x) = y by bisection."""
    low, high = -6.0, 6.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if math.erf(middle) < y else (low, middle)
    return low


# name, reference, bounds of the samples
FUNCTIONS = [
    ("exp", np.exp, -2, 2),
    ("exp2", np.exp2, -2, 2),
    ("expm1", np.expm1, -2, 2),
    ("log", np.log, 0.3, 3),
    ("log2", np.log2, 0.3, 3),
    ("log10", np.log10, 0.3, 3),
    ("log1p", np.log1p, -0.5, 3),
    ("sqrt", np.sqrt, 0.3, 3),
    ("rsqrt", lambda x: 1 / np.sqrt(x), 0.3, 3),
    ("reciprocal", lambda x: 1 / x, 0.3, 3),
    ("square", np.square, -2, 2),
    ("sin", np.sin, -3, 3),
    ("cos", np.cos, -3, 3),
    ("tan", np.tan, -1, 1),
    ("asin", np.arcsin, -0.8, 0.8),
    ("acos", np.arccos, -0.8, 0.8),
    ("atan", np.arctan, -2, 2),
    ("sinh", np.sinh, -2, 2),
    ("cosh", np.cosh, -2, 2),
    ("tanh", np.tanh, -2, 2),
    ("asinh", np.arcsinh, -2, 2),
    ("acosh", np.arccosh, 1.3, 3),
    ("atanh", np.arctanh, -0.8, 0.8),
    ("sigmoid", lambda x: 1 / (1 + np.exp(-x)), -3, 3),
    ("erf", each(math.erf), -2, 2),
    ("erfc", each(math.erfc), -2, 2),
    ("erfinv", each(erfinv), -0.8, 0.8),
]
STEPS = [
    ("ceil", np.ceil),
    ("floor", np.floor),
    ("trunc", np.trunc),
    ("round", np.round),
    ("sign", np.sign),
    ("abs", np.abs),
    ("frac", lambda x: x - np.trunc(x)),
    ("neg", np.negative),
]
PREDICATES = [
    ("isnan", np.isnan),
    ("isinf", np.isinf),
    ("isfinite", np.isfinite),
    ("logical_not", np.logical_not),
]
COMPARISONS = [
    ("eq", np.equal),
    ("ne", np.not_equal),
    ("lt", np.less),
    ("le", np.less_equal),
    ("gt", np.greater),
    ("ge", np.greater_equal),
    ("logical_and", np.logical_and),
    ("logical_or", np.logical_or),
    ("logical_xor", np.logical_xor),
]
BITS = [
    ("bitwise_and", np.bitwise_and),
    ("bitwise_or", np.bitwise_or),
    ("bitwise_xor", np.bitwise_xor),
    ("bitwise_left_shift", np.left_shift),
    ("bitwise_right_shift", np.right_shift),
]
PAIRS = [
    ("maximum", np.maximum),
    ("minimum", np.minimum),
    ("fmax", np.fmax),
    ("fmin", np.fmin),
    ("atan2", np.arctan2),
    ("hypot", np.hypot),
]


def not_a_tensor(name):
    return [bad(TypeError, f"{name}: input must be a Tensor, got float", 1.5)]


SPECS = [
    OpSpec(
        "add",
        ref=lambda x, y, alpha=1: x + alpha * y,
        samples=scaled,
        errors=broadcast_errors("add"),
    ),
    OpSpec(
        "sub",
        ref=lambda x, y, alpha=1: x - alpha * y,
        samples=scaled,
        errors=[
            *broadcast_errors("sub"),
            bad(RuntimeError, "sub: not supported for bool tensors", np.array([True]), 1),
        ],
    ),
    OpSpec("rsub", ref=lambda x, y, alpha=1: y - alpha * x, samples=scaled),
    OpSpec("mul", ref=np.multiply, samples=pairs, errors=broadcast_errors("mul")),
    OpSpec(
        "div",
        ref=lambda x, y, rounding_mode=None: {
            None: np.asarray,
            "floor": np.floor,
            "trunc": np.trunc,
        }[rounding_mode](x / y),
        samples=lambda rng: pairs(rng) + rounded_quotients(rng),
        errors=[
            *broadcast_errors("div"),
            bad(
                RuntimeError,
                "div: expected rounding_mode to be one of None, 'trunc', or 'floor', got 'up'",
                np.ones(2),
                np.ones(2),
                rounding_mode="up",
            ),
        ],
    ),
    OpSpec(
        "floor_divide",
        ref=np.floor_divide,
        samples=far_from_steps,
        errors=[bad(RuntimeError, "div: ZeroDivisionError", np.array([3]), np.array([0]))],
    ),
    OpSpec(
        "remainder",
        ref=np.remainder,
        samples=far_from_steps,
        errors=[bad(RuntimeError, "remainder: ZeroDivisionError", np.array([3]), 0)],
    ),
    OpSpec(
        "fmod",
        ref=np.fmod,
        samples=far_from_steps,
        errors=[bad(RuntimeError, "fmod: ZeroDivisionError", np.array([3]), 0)],
    ),
    OpSpec(
        "pow",
        ref=np.power,
        samples=powers,
        errors=[
            *broadcast_errors("pow"),
            bad(
                RuntimeError,
                "pow: integers to negative integer powers are not allowed, got exponent -2",
                np.array([2]),
                -2,
            ),
        ],
    ),
    OpSpec("float_power", ref=np.power, samples=powers, dtypes=("float64",)),
    *[
        OpSpec(name, ref, samples=singles(low, high), errors=not_a_tensor(name))
        for name, ref, low, high in FUNCTIONS
    ],
    *[OpSpec(name, ref, samples=signed) for name, ref in STEPS],
    *[
        OpSpec(name, ref, samples=wild, errors=not_a_tensor(name), differentiable=False)
        for name, ref in PREDICATES
    ],
    *[
        OpSpec(name, ref, samples=flags, errors=broadcast_errors(name), differentiable=False)
        for name, ref in COMPARISONS
    ],
    *[
        OpSpec(
            name,
            ref,
            samples=integers,
            errors=[
                bad(
                    NotImplementedError,
                    f"{name}: not implemented for floating-point",
                    np.ones(2),
                    1,
                )
            ],
            differentiable=False,
        )
        for name, ref in BITS
    ],
    OpSpec(
        "bitwise_not",
        np.bitwise_not,
        samples=lambda rng: [sample(rng.integers(0, 9, (2, 3))), sample(rng.random((2, 3)) < 0.5)],
        errors=[
            bad(NotImplementedError, "bitwise_not: not implemented for floating-point", np.ones(2))
        ],
        differentiable=False,
    ),
    *[OpSpec(name, ref, samples=tensor_pairs) for name, ref in PAIRS],
    OpSpec(
        "nan_to_num",
        ref=np.nan_to_num,
        samples=lambda rng: [sample(rng.random((2, 3))), sample(rng.random(0), 1.0, 2.0, 3.0)],
    ),
    OpSpec(
        "isclose",
        ref=np.isclose,
        samples=lambda rng: flags(rng)[:2],
        errors=[
            bad(
                RuntimeError,
                "isclose: minitorch.float64 did not match minitorch.int64",
                np.ones(2),
                np.ones(2, np.int64),
            )
        ],
        differentiable=False,
    ),
    OpSpec(
        "clamp",
        ref=clamp,
        samples=clamped,
        errors=[
            bad(
                RuntimeError,
                "clamp: at least one of 'min' or 'max' must not be None",
                np.ones(2),
            )
        ],
    ),
    OpSpec("clamp_min", ref=np.maximum, samples=lambda rng: [clamped(rng)[1]]),
    OpSpec("clamp_max", ref=np.minimum, samples=lambda rng: [sample(np.array([1.0, 3.0]), 2)]),
    OpSpec(
        "where",
        ref=np.where,
        samples=choices,
        method=False,
        errors=[
            bad(
                RuntimeError,
                "where: expected condition to be a boolean tensor, but got minitorch.float64",
                np.ones(2),
                np.ones(2),
                np.ones(2),
            )
        ],
    ),
    OpSpec("lerp", ref=lambda x, y, w: x + w * (y - x), samples=interpolations),
    OpSpec("addcmul", ref=lambda x, y, z, value=1: x + value * y * z, samples=triples_with_value),
    OpSpec(
        "addcdiv",
        ref=lambda x, y, z, value=1: x + value * y / z,
        samples=triples_with_value,
        errors=[
            bad(
                RuntimeError,
                "addcdiv: integer division is not supported",
                np.ones(2),
                np.array([1, 2]),
                np.array([1, 2]),
            )
        ],
    ),
]
