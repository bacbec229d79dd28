"""Elementwise operations."""

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


def scaled(rng):
    """Pairs, and one with alpha."""
    return pairs(rng) + [sample(rng.random((2, 2)), rng.random(2), alpha=-0.5)]


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


def singles(rng):
    return [sample(away_from_zero(rng, shape)) for shape in ((2, 3), (), (0, 2))]


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
        errors=broadcast_errors("sub"),
    ),
    OpSpec("mul", ref=np.multiply, samples=pairs, errors=broadcast_errors("mul")),
    OpSpec("div", ref=np.divide, samples=pairs, errors=broadcast_errors("div")),
    OpSpec("neg", ref=np.negative, samples=singles),
]
