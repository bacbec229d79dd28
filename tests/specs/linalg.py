"""Linear algebra with derivatives."""

import numpy as np
from opspecs import OpSpec, bad, sample

from minitorch.errors import ShapeError


def matrices(rng):
    x = rng.standard_normal((3, 3)) + 2 * np.eye(3)
    return [sample(x), sample(rng.standard_normal((2, 2, 2)) + 2 * np.eye(2))]


def singular(rng):
    return [
        *matrices(rng),
        sample(np.outer([1.0, 2.0, -1.0], [0.5, 1.0, 3.0]) + np.diag([0.0, 0.0, 1.0])),
    ]


def not_square(name):
    return bad(ShapeError, f"{name}: input must be batches of square matrices", np.ones((2, 3)))


SPECS = [
    OpSpec(
        "inverse",
        np.linalg.inv,
        matrices,
        errors=[not_square("inverse"), bad(RuntimeError, "inverse: Singular", np.zeros((2, 2)))],
    ),
    OpSpec("det", np.linalg.det, singular, errors=[not_square("det")]),
    OpSpec("slogdet", lambda x: tuple(np.linalg.slogdet(x)), matrices),
]
