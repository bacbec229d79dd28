"""True convolution, its matrix, and kin."""

import numpy as np
import reference
from opspecs import OpSpec, bad, sample

from minitorch.errors import ShapeError


def convolve(ndim):
    def fn(input, weight, bias=None, mode="full"):
        image = input if input.ndim == ndim + 2 else input[None]
        size, kernel = image.shape[2:], weight.shape[2:]
        full = tuple(n + k - 1 for n, k in zip(size, kernel, strict=True))
        result = np.zeros((len(image), len(weight), *full))
        for at in np.ndindex(*size):  # every pixel adds its multiple of the kernel
            here = tuple(slice(a, a + k) for a, k in zip(at, kernel, strict=True))
            pixels = image[(slice(None), slice(None), *at)]
            result[(slice(None), slice(None), *here)] += np.tensordot(pixels, weight, (1, 1))
        starts = {
            "full": tuple((0, n) for n in full),
            "same": tuple(((k - 1) // 2, n) for n, k in zip(size, kernel, strict=True)),
            "valid": tuple((k - 1, n - k + 1) for n, k in zip(size, kernel, strict=True)),
        }[mode]
        cut = tuple(slice(start, start + count) for start, count in starts)
        result = result[(slice(None), slice(None), *cut)]
        if bias is not None:
            result = result + bias.reshape(-1, *(1,) * ndim)
        return result if input.ndim == ndim + 2 else result[0]

    return fn


def convolve_samples(ndim):
    size, kernel = (5, 4, 3)[:ndim], (3, 2, 2)[:ndim]

    def make(rng):
        normal = rng.standard_normal
        return [
            sample(normal((2, 2, *size)), normal((3, 2, *kernel)), normal(3)),
            sample(normal((1, 1, *size)), normal((1, 1, *kernel)), mode="same"),
            sample(normal((2, *size)), normal((1, 2, *kernel)), None, "valid"),
        ]

    return make


def conv_matrix(weight, input_size, stride=1, padding=0, dilation=1, groups=1):
    channels = weight.shape[1] * groups
    columns = []
    for place in np.ndindex(channels, *input_size):
        image = np.zeros((1, channels, *input_size))
        image[(0, *place)] = 1
        result = reference.conv(image, weight, None, stride, padding, dilation, groups)
        columns.append(result.ravel())
    return np.stack(columns, 1)


def maxout(input, pieces, dim=1):
    parts = [np.take(input, range(i, input.shape[dim], pieces), dim) for i in range(pieces)]
    return np.max(parts, 0)


def global_response_norm(input, weight=None, bias=None, eps=1e-6, dim=1):
    input = np.moveaxis(input, dim, 1)
    result = np.empty_like(input)
    for n, image in enumerate(input):
        norms = np.array([np.sqrt((channel**2).sum()) for channel in image])
        for c, channel in enumerate(image):
            factor = norms[c] / (norms.mean() + eps) * (1 if weight is None else weight[c])
            result[n, c] = channel + channel * factor + (0 if bias is None else bias[c])
    return np.moveaxis(result, 1, dim)


SPECS = [
    *(
        OpSpec(
            f"nn.functional.convolve{ndim}d",
            ref=convolve(ndim),
            samples=convolve_samples(ndim),
            errors=[
                bad(ValueError, f"convolve{ndim}d: mode must", np.ones(3), np.ones(3), None, "x"),
                bad(ShapeError, f"convolve{ndim}d: weight must have", np.ones(3), np.ones(3)),
                bad(TypeError, f"convolve{ndim}d: weight must be a Tensor", np.ones(3), 1),
            ],
        )
        for ndim in (1, 2, 3)
    ),
    OpSpec(
        "nn.functional.conv_matrix",
        ref=conv_matrix,
        samples=lambda rng: [
            sample(rng.standard_normal((2, 1, 3)), (5,)),
            sample(rng.standard_normal((2, 2, 2, 2)), (3, 4), 2, 1, groups=1),
            sample(rng.standard_normal((2, 1, 2, 1)), (4, 3), dilation=2, groups=2),
            sample(rng.standard_normal((1, 1, 2, 1, 2)), (2, 2, 3)),
        ],
        errors=[
            bad(TypeError, "conv_matrix: weight must be a Tensor", 1, (3,)),
            bad(ShapeError, "conv_matrix: weight must have 3 to 5", np.ones((2, 2)), (3,)),
            bad(ShapeError, "conv_matrix: input_size must have", np.ones((1, 1, 2)), (3, 4)),
        ],
    ),
    OpSpec(
        "nn.functional.maxout",
        ref=maxout,
        samples=lambda rng: [
            sample(rng.permutation(24).reshape(2, 6, 2) / 7.0, 3),
            sample(rng.permutation(12).reshape(3, 4) / 7.0, 2, dim=-1),
        ],
        errors=[bad(ShapeError, "maxout: dimension 1 cannot", np.ones((2, 5)), 2)],
    ),
    OpSpec(
        "nn.functional.global_response_norm",
        ref=global_response_norm,
        samples=lambda rng: [
            sample(rng.standard_normal((2, 3, 2, 2))),
            sample(
                rng.standard_normal((1, 3, 4)), rng.standard_normal(3), rng.standard_normal(3), 0.1
            ),
            sample(rng.standard_normal((2, 2, 3, 4)), rng.standard_normal(4), dim=-1),
        ],
        errors=[bad(ShapeError, "global_response_norm: input must have", np.ones((2, 5)))],
    ),
]
