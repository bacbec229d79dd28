"""Locally connected layers."""

import numpy as np
from opspecs import OpSpec, bad, sample

from minitorch.errors import ShapeError


def local_conv(ndim):
    def fn(input, weight, bias=None, stride=1, padding=0, dilation=1):
        image = input if input.ndim == ndim + 2 else input[None]
        each = (
            value if isinstance(value, tuple) else (value,) * ndim
            for value in (stride, padding, dilation)
        )
        stride, padding, dilation = each
        pairs = [p if isinstance(p, tuple) else (p, p) for p in padding]
        padded = np.pad(image, [(0, 0), (0, 0), *pairs])
        positions, kernel = weight.shape[:ndim], weight.shape[ndim + 2 :]
        result = np.zeros((len(image), weight.shape[ndim], *positions))
        for at in np.ndindex(*positions):
            for tap in np.ndindex(*kernel):
                steps = zip(at, stride, tap, dilation, strict=True)
                where = tuple(a * s + t * d for a, s, t, d in steps)
                factors = weight[(*at, slice(None), slice(None), *tap)]
                result[(..., *at)] += padded[(slice(None), slice(None), *where)] @ factors.T
        result = result if bias is None else result + bias
        return result if input.ndim == ndim + 2 else result[0]

    return fn


def samples(ndim):
    size, more = (5, 4, 3)[:ndim], (3, 2, 2)[:ndim]

    def make(rng):
        normal = rng.standard_normal
        inner = tuple(n - 1 for n in size)
        twos = (2,) * ndim
        strided = tuple((n + 2 - 2 * (k - 1) - 1) // 2 + 1 for n, k in zip(size, twos, strict=True))
        pairs = tuple((1, 0) for _ in size)
        return [
            sample(normal((2, 2, *size)), normal((*inner, 3, 2, *twos)), normal((3, *inner))),
            sample(normal((2, *size)), normal((*strided, 1, 2, *twos)), None, 2, 1, 2),
            sample(
                normal((1, 1, *size)),
                normal((*(n + 1 - k + 1 for n, k in zip(size, more, strict=True)), 2, 1, *more)),
                padding=pairs,
            ),
        ]

    return make


X = np.ones((1, 2, 4))

SPECS = [
    OpSpec(
        f"nn.functional.local_conv{ndim}d",
        ref=local_conv(ndim),
        samples=samples(ndim),
        errors=[
            bad(TypeError, "local_conv1d: weight must be a Tensor", X, 1),
            bad(RuntimeError, "local_conv1d: input and weight must", X, np.ones((3, 1, 2, 2), int)),
            bad(ShapeError, "local_conv1d: weight must have 4", X, np.ones((3, 1, 2))),
            bad(ShapeError, "local_conv1d: weight has kernels for (2,)", X, np.ones((2, 1, 2, 2))),
            bad(ShapeError, "local_conv1d: input has 2 channels", X, np.ones((3, 1, 3, 2))),
        ]
        if ndim == 1
        else (),
    )
    for ndim in (1, 2, 3)
]
