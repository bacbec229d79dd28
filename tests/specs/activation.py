"""Activation functions."""

import math

import numpy as np
import reference
from opspecs import OpSpec, bad, sample

from minitorch.errors import ShapeError

KINKS = (0.0, 6.0, 3.0, -3.0, 1.0, -1.0, 0.5, -0.5)


def smooth(rng, shape):
    """Numbers from -5 to 8 that are not near a kink of any activation."""
    x = rng.uniform(-5, 8, shape)
    for kink in KINKS:
        x = np.where(np.abs(x - kink) < 0.05, x + 0.1, x)
    return x


def samples(*settings, **named):
    """Samples of several shapes, one with each setting."""

    def make(rng):
        calls = [sample(smooth(rng, shape)) for shape in ((2, 7), (), (0, 2))]
        calls += [sample(smooth(rng, 6), *values) for values in settings]
        return calls + [sample(smooth(rng, 6), **{k: v}) for k, v in named.items()]

    return make


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gelu(x, approximate="none"):
    if approximate == "tanh":
        return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return x / 2 * np.array([1 + math.erf(v / 2**0.5) for v in x.ravel()]).reshape(x.shape)


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(x))


def selu(x):
    return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)


def softshrink(x, lambd=0.5):
    return np.where(np.abs(x) > lambd, x - lambd * np.sign(x), 0)


def prelu(x, weight):
    slopes = weight.reshape(-1, *[1] * (x.ndim - 2)) if x.ndim > 1 else weight
    return np.where(x > 0, x, slopes * x)


def prelu_samples(rng):
    return [
        sample(smooth(rng, (2, 3, 2)), rng.standard_normal(3)),
        sample(smooth(rng, (2, 3)), rng.standard_normal(3)),
        sample(smooth(rng, (2, 3)), rng.standard_normal(1)),
        sample(smooth(rng, 4), rng.standard_normal(1)),
        sample(smooth(rng, (0, 3)), rng.standard_normal(3)),
    ]


def glu(x, dim=-1):
    a, b = np.split(x, 2, dim)
    return a * sigmoid(b)


def softmax(x, dim):
    return reference.softmax(x, dim) if x.ndim and x.size else np.ones(x.shape)


def log_softmax(x, dim):
    return reference.log_softmax(x, dim) if x.ndim and x.size else np.zeros(x.shape)


def along(rng):
    normal = rng.standard_normal
    return [
        sample(normal((2, 3)), 1),
        sample(normal((2, 3)), 0),
        sample(normal((2, 3, 2)), -2),
        sample(normal(4), 0),
        sample(normal(()), 0),
        sample(normal((0, 3)), 1),
        sample(normal((2, 0)), 1),
    ]


# name, reference, samples
FUNCTIONS = [
    ("relu", lambda x: np.maximum(x, 0), samples()),
    ("relu6", lambda x: np.clip(x, 0, 6), samples()),
    ("leaky_relu", lambda x, a=0.01: np.where(x > 0, x, a * x), samples((0.2,))),
    ("elu", elu, samples((0.7,))),
    ("selu", selu, samples()),
    ("celu", lambda x, a=1.0: np.where(x > 0, x, a * np.expm1(x / a)), samples((0.7,))),
    ("gelu", gelu, samples(approximate="tanh")),
    ("silu", lambda x: x * sigmoid(x), samples()),
    ("mish", lambda x: x * np.tanh(np.log1p(np.exp(x))), samples()),
    ("hardsigmoid", lambda x: np.clip(x + 3, 0, 6) / 6, samples()),
    ("hardswish", lambda x: x * np.clip(x + 3, 0, 6) / 6, samples()),
    ("hardtanh", lambda x, a=-1, b=1: np.clip(x, a, b), samples((-2.0, 0.7))),
    (
        "softplus",
        lambda x, beta=1, threshold=20: np.where(
            x * beta > threshold, x, np.log1p(np.exp(x * beta)) / beta
        ),
        samples((2.0, 4.0)),
    ),
    ("softsign", lambda x: x / (1 + np.abs(x)), samples()),
    ("logsigmoid", lambda x: np.log(sigmoid(x)), samples()),
    ("tanhshrink", lambda x: x - np.tanh(x), samples()),
    ("hardshrink", lambda x, a=0.5: np.where(np.abs(x) > a, x, 0), samples((0.8,))),
    ("softshrink", softshrink, samples((0.8,))),
    (
        "threshold",
        lambda x, a, b: np.where(x > a, x, b),
        lambda rng: [sample(smooth(rng, (2, 3)), 1.0, -7.0), sample(smooth(rng, ()), 0.0, 1.0)],
    ),
]

SPECS = [
    *[
        OpSpec(
            f"nn.functional.{name}",
            ref,
            samples=make,
            errors=[bad(TypeError, f"{name}: input must be a Tensor, got float", 1.5)]
            if name != "threshold"
            else (),
        )
        for name, ref, make in FUNCTIONS
    ],
    OpSpec(
        "nn.functional.prelu",
        prelu,
        samples=prelu_samples,
        errors=[
            bad(
                ShapeError,
                "prelu: weight must hold 1 slope or one per channel (3): input (2, 3), weight (2,)",
                np.ones((2, 3)),
                np.ones(2),
            )
        ],
    ),
    OpSpec(
        "nn.functional.glu",
        glu,
        samples=lambda rng: [
            sample(rng.standard_normal((2, 4))),
            sample(rng.standard_normal((4, 3)), 0),
        ],
        errors=[
            bad(
                ShapeError,
                "glu: dimension 0, which is halved, must be even: input (3,)",
                np.ones(3),
            )
        ],
    ),
    OpSpec(
        "softmax",
        softmax,
        samples=along,
        errors=[bad(IndexError, "softmax: Dimension out of range", np.ones((3, 4)), dim=2)],
    ),
    OpSpec(
        "log_softmax",
        log_softmax,
        samples=along,
        errors=[bad(IndexError, "log_softmax: Dimension out of range", np.ones((3, 4)), dim=2)],
    ),
    OpSpec("nn.functional.softmin", lambda x, dim: softmax(-x, dim), samples=along),
    OpSpec(
        "nn.functional.rrelu",
        lambda x, lower=1 / 8, upper=1 / 3, training=False: np.where(
            x > 0, x, x * (lower + upper) / 2
        ),
        samples=lambda rng: [
            sample(rng.standard_normal((3, 4))),
            sample(rng.standard_normal((3, 4)), 0.2, 0.6),
            sample(rng.standard_normal((3, 4)), 0.5, 0.5, True),  # drawn between equal bounds
        ],
        errors=[bad(RuntimeError, "rrelu: Lower bound", np.ones(3), 0.5, 0.2)],
    ),
]
