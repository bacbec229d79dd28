"""Padding."""

import numpy as np
import reference
from opspecs import OpSpec, bad, sample

from minitorch.errors import ShapeError


def pads(rng):
    normal = rng.standard_normal
    return [
        sample(normal((2, 3)), (1, 2)),
        sample(normal((2, 1, 3, 4)), (1, 0, 2, 1), "constant", 1.5),
        sample(normal((2, 1, 3, 4)), (-1, 2, 1, -2)),
        sample(normal((2, 2, 2, 2)), (1, 0, 0, 1, 1, 1, 0, 2), value=-1),
        sample(normal((3,)), (0, 0)),
        sample(normal((0, 2)), (1, 1, 2, 0)),
        sample(normal((2, 3)), (2, 1), "reflect"),
        sample(normal((1, 2, 3, 4)), (3, 2, 1, 2), "reflect"),
        sample(normal((1, 4, 5)), (4, -1, -1, 2), "reflect"),
        sample(normal((1, 2, 3, 2, 3)), (2, 1, 1, 0, 2, 2), "reflect"),
        sample(normal((1, 2, 3)), (4, 1), "replicate"),
        sample(normal((1, 2, 3, 2)), (3, 1, 0, 2), mode="replicate"),
        sample(normal((1, 2, 2, 3)), (-1, 2, 1, -1, 1, 1), "replicate"),
        sample(normal((1, 2, 3)), (3, 2), "circular"),
        sample(normal((1, 1, 3, 4)), (2, -1, 3, 0), "circular"),
        sample(normal((1, 1, 2, 3, 2)), (1, 2, 0, 1, 1, 1), "circular"),
        sample(normal((2, 2, 3)), (1, 2), "mean"),
        sample(normal((1, 2, 2, 3)), (1, -1, 0, 2), "mean"),
    ]


SPECS = [
    OpSpec(
        "nn.functional.pad",
        ref=reference.pad,
        samples=pads,
        errors=[
            bad(TypeError, "pad: input must be a Tensor", 3, (1, 1)),
            bad(TypeError, "pad: pad must be a tuple", np.ones(3), 1),
            bad(ShapeError, "pad: Padding length must be divisible by 2", np.ones(3), (1,)),
            bad(ShapeError, "pad: Padding length should be less", np.ones(3), (1, 1, 1, 1)),
            bad(ShapeError, "pad: The input size 3, plus negative", np.ones(3), (-2, -2)),
            bad(ValueError, "pad: Padding mode", np.ones((1, 1, 3)), (1, 1), "reflect", 2.0),
            bad(NotImplementedError, "pad: unrecognised", np.ones((1, 1, 3)), (1, 1), "mirror"),
            bad(NotImplementedError, "pad: mode 'reflect' takes", np.ones(3), (1, 1), "reflect"),
            bad(
                ShapeError,
                "pad: mode 'reflect' can add less than the size of the dimension, got padding "
                "(0, 3) at dimension 2 of input (1, 1, 3)",
                np.ones((1, 1, 3)),
                (0, 3),
                "reflect",
            ),
            bad(ShapeError, "pad: mode 'circular'", np.ones((1, 1, 3)), (4, 0), "circular"),
            bad(ShapeError, "pad: more is cut off", np.ones((1, 3)), (-4, 0), "replicate"),
            bad(ShapeError, "pad: nothing would be left", np.ones((1, 3)), (-3, 0), "replicate"),
            bad(ShapeError, "pad: mode 'replicate' needs", np.ones((1, 0)), (1, 0), "replicate"),
            bad(ShapeError, "pad: mode 'mean' needs", np.ones((1, 0)), (1, 0), "mean"),
        ],
    ),
    OpSpec(
        "nn.functional.pad",
        ref=reference.pad,
        differentiable=False,
        samples=lambda rng: [
            sample(rng.integers(0, 9, (2, 3)), (1, -1), value=4),
            sample(rng.integers(0, 2, (2, 3)) > 0, (1, 1), value=True),
            sample(rng.integers(0, 9, (1, 2, 3)), (2, 1), "reflect"),
        ],
    ),
]
