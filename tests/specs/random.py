"""Dropout. What is drawn is tested in tests/test_random.py, here that it is differentiated."""

import numpy as np
from opspecs import OpSpec, bad, resolve, sample

import minitorch
from minitorch.errors import ShapeError


def drawn_alike(name):
    """Return the function, drawing the same numbers at every call."""

    def function(input, *args, **kwargs):
        with minitorch.random.fork_rng():
            minitorch.manual_seed(0)
            return resolve(name)(input, *args, **kwargs)

    return function


def drop(name, shapes, wrong_shape=None):
    errors = [
        bad(
            ValueError,
            f"{name}: dropout probability has to be between 0 and 1, but got 1.5",
            np.ones((2, 3, 4, 4, 4)[: len(shapes[0])]),
            1.5,
        ),
        bad(TypeError, f"{name}: input must be a Tensor, got int", 1),
    ]
    if wrong_shape is not None:
        errors.append(bad(ShapeError, f"{name}: input must have ", np.ones(wrong_shape), 0.5, True))

    def training(rng):
        arrays = [rng.standard_normal(shape) for shape in shapes]
        return [sample(array, p, True) for array in arrays for p in (0, 0.4, 1)]

    return [
        OpSpec(
            f"nn.functional.{name}",
            ref=None,
            samples=training,
            errors=errors,
            fn=drawn_alike(f"nn.functional.{name}"),
        ),
        OpSpec(
            f"nn.functional.{name}",
            ref=lambda input, p, training: input,
            samples=lambda rng: [sample(rng.standard_normal(shapes[0]), 0.4, False)],
        ),
    ]


SPECS = [
    OpSpec(
        "bernoulli",
        ref=None,
        samples=lambda rng: [sample(rng.uniform(0.1, 0.9, (2, 3)))],
        fn=drawn_alike("bernoulli"),
    ),
    *drop("dropout", [(2, 3), (), (0, 3)]),
    *drop("dropout1d", [(2, 3, 2), (3, 2), (0, 3, 2)], (2, 3)[:1]),
    *drop("dropout2d", [(2, 3, 2, 1), (1, 3, 2, 2)], (3,)),
    *drop("dropout3d", [(2, 2, 1, 2, 2), (3, 2, 1, 2)], ()),
    *drop("alpha_dropout", [(2, 3), (0, 3)]),
    *drop("feature_alpha_dropout", [(2, 3, 2), (3, 2)], (3,)),
]
