"""Gamma functions, and other functions of one or two numbers with a derivative of their own."""

import math

import numpy as np
from opspecs import OpSpec, bad, sample

TINY = {"float64": 1e-8, "float32": 1e-4}


def each(function):
    """Apply a function of a Python number to every element."""
    return lambda x, *rest: np.array([function(v) for v in x.ravel()], x.dtype).reshape(x.shape)


def signed(rng):
    return [sample(rng.uniform(0.3, 6, (2, 3))), sample(np.array([-0.5, -1.3, -4.6, 7.7]))]


def digamma(x):
    """By the recurrence, far out where the logarithm is nearly it."""
    far = 200000
    k = np.arange(far)
    return math.log(x + far) - 0.5 / (x + far) - np.sum(1.0 / (x + k))


def trigamma(n, x):
    far = 200000
    k = np.arange(far).reshape(-1, *[1] * x.ndim)
    return np.sum((x + k) ** -2.0, 0) + 1 / (x + far) + 0.5 / (x + far) ** 2


def bessel(x):
    angle = (np.arange(4000) + 0.5) * math.pi / 4000
    return np.mean(np.exp(x[..., None] * np.cos(angle)), -1)


def pairs(rng):
    x = rng.uniform(0.3, 3, (2, 3))
    return [sample(x, rng.uniform(0.3, 3, (2, 3))), sample(x, rng.uniform(0.3, 3, (3,)))]


SPECS = [
    OpSpec("lgamma", each(math.lgamma), signed),
    OpSpec("digamma", each(digamma), signed, rtol=TINY, atol=TINY),
    OpSpec(
        "polygamma",
        trigamma,
        lambda rng: [sample(1, call.args[0]) for call in signed(rng)],
        errors=[bad(RuntimeError, "polygamma: polygamma(n, x) does not support", -1, np.ones(2))],
        rtol=TINY,
        atol=TINY,
        method=False,
    ),
    OpSpec(
        "i0", bessel, lambda rng: [sample(rng.standard_normal((2, 3)) * 4), sample(np.zeros(2))]
    ),
    OpSpec("xlogy", lambda x, y: x * np.log(y), pairs),
    OpSpec(
        "nextafter",
        lambda x, y: x,
        pairs,
        rtol={"float64": 1e-12, "float32": 1e-5},
    ),
]
