"""Strided views."""

import numpy as np
from opspecs import OpSpec, bad, sample

from minitorch.errors import ShapeError


def as_strided(x, size, stride, offset=0):
    flat = x.ravel()
    result = np.zeros(size, x.dtype)
    for place in np.ndindex(*size):
        result[place] = flat[offset + sum(i * s for i, s in zip(place, stride, strict=True))]
    return result


def contiguous(x, size, stride, offset=0):
    """The function on the elements in order, so that strides do not depend on the layout."""
    import minitorch

    return minitorch.as_strided(minitorch.clone(x).contiguous().view(x.shape), size, stride, offset)


SPECS = [
    OpSpec(
        "as_strided",
        as_strided,
        lambda rng: [
            sample(rng.standard_normal(8), (3, 2), (2, 1), 1),
            sample(rng.standard_normal((3, 4)), (2, 3), (1, 2)),
            sample(rng.standard_normal((3, 4)), (2, 2), (0, 4), 3),
        ],
        errors=[
            bad(ShapeError, "as_strided: setStorage: sizes (9, 9)", np.ones(3), (9, 9), (9, 9)),
        ],
        fn=contiguous,
    ),
]
