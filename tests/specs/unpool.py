"""Unpooling, power averages, and pooling at random places."""

import numpy as np
import reference
from opspecs import OpSpec, bad, constant, sample
from specs.pool import SIZES, adaptive_max_pool, distinct, max_pool

from minitorch.errors import ShapeError


def max_unpool(ndim):
    def fn(input, indices, kernel_size, stride=None, padding=0, output_size=None):
        if output_size is None:
            stride = kernel_size if stride is None else stride
            output_size = tuple(
                (n - 1) * stride - 2 * padding + kernel_size for n in input.shape[-ndim:]
            )
        lead = input.shape[:-ndim]
        result = np.zeros((*lead, *output_size[-ndim:]))
        for plane in np.ndindex(*lead):
            for place, value in zip(indices[plane].ravel(), input[plane].ravel(), strict=True):
                result[plane].flat[place] = value
        return result

    return fn


def unpool_samples(ndim):
    def make(rng):
        made = []
        for lead, size in (((2, 2), 2), ((1,), 3), ((0, 2), 2)):
            shape = (*lead, *(size,) * ndim)
            limit = (2 * size) ** ndim
            places = [rng.permutation(limit)[: size**ndim] for _ in range(int(np.prod(lead)))]
            indices = np.array(places, np.int64).reshape(shape)
            made.append(sample(rng.standard_normal(shape), indices, 2))
        shape = (1, 1, *(2,) * ndim)
        indices = rng.permutation(4**ndim)[: 2**ndim].reshape(shape)
        for size in ((4,) * ndim, (1, 1, *(4,) * ndim)):
            made.append(sample(rng.standard_normal(shape), indices, 3, 2, 1, size))
        return made

    return make


UNPOOL_ERRORS = {
    2: [
        bad(RuntimeError, "max_unpool2d: elements in", np.ones((1, 1, 2)), np.ones((1, 1, 2)), 2),
        bad(
            ShapeError,
            "max_unpool2d: expected shape of indices",
            np.ones((1, 1, 2)),
            np.ones((1, 2, 1), int),
            2,
        ),
        bad(
            RuntimeError,
            "max_unpool2d: Found an invalid max index: 8 (output volumes are of size 2x4)",
            np.ones((1, 1, 2)),
            np.array([[[0, 8]]]),
            2,
        ),
        bad(
            ValueError,
            "max_unpool2d: invalid output_size [2, 9]",
            np.ones((1, 1, 2)),
            np.array([[[0, 1]]]),
            2,
            output_size=(2, 9),
        ),
        bad(TypeError, "max_unpool2d: indices must be a Tensor", np.ones((1, 1, 2)), 1, 2),
        bad(ShapeError, "max_unpool2d: input must have", np.ones(2), np.ones(2, int), 2),
    ]
}


def lp_pool(ndim):
    def fn(input, norm_type, kernel_size, stride=None, ceil_mode=False):
        image = input if input.ndim == ndim + 2 else input[None]
        kernel = kernel_size if isinstance(kernel_size, tuple) else (kernel_size,) * ndim
        mean = reference.avg_pool(image**norm_type, kernel, stride or kernel, 0, ceil_mode)
        result = (np.maximum(mean, 0) * np.prod(kernel)) ** (1 / norm_type)
        return result if input.ndim == ndim + 2 else result[0]

    return fn


def lp_samples(ndim):
    def make(rng):
        image = rng.uniform(0.5, 2, (1, 2, *SIZES[ndim]))
        return [
            sample(image, 2, 2),
            sample(image[0], 3.0, 2, 1),
            sample(image, 1.5, (2, 1, 2)[:ndim], 2, True),
        ]

    return make


def fractional(ndim):
    def fn(
        input,
        kernel_size,
        output_size=None,
        output_ratio=None,
        return_indices=False,
        _random_samples=None,
    ):
        size = input.shape[-ndim:]
        if output_size is None:
            output_size = tuple(int(n * output_ratio) for n in size)
        output = np.empty((*input.shape[:2], *output_size))
        indices = np.empty(output.shape, np.int64)
        for at in np.ndindex(*output.shape):
            window = []
            for axis in range(ndim):
                u = _random_samples[at[0], at[1], 1 - axis if ndim == 2 else axis]
                count, last = output_size[axis], size[axis] - kernel_size
                start = last
                if at[2 + axis] < count - 1:
                    alpha = last / (count - 1)
                    start = int((at[2 + axis] + u) * alpha) - int(u * alpha)
                window.append(range(start, start + kernel_size))
            best = -np.inf
            for place in np.ndindex(*(kernel_size,) * ndim):
                here = tuple(w[p] for w, p in zip(window, place, strict=True))
                if input[at[:2]][here] > best:
                    best = input[at[:2]][here]
                    indices[at] = np.ravel_multi_index(here, size)
            output[at] = best
        return (output, indices) if return_indices else output

    return fn


def fractional_samples(ndim):
    def make(rng):
        image = distinct(rng, (2, 2, *SIZES[ndim]))
        drawn = constant(rng.integers(0, 64, (2, 2, ndim)) / 64)  # the same in every type
        return [
            sample(image, 2, (2,) * ndim, _random_samples=drawn),
            sample(image, 2, None, 0.5, _random_samples=drawn),
        ]

    return make


def with_indices(fn):
    def both(*args, **kwargs):
        return fn(*args, return_indices=True, **kwargs)

    return both


SPECS = [
    *(
        OpSpec(
            f"nn.functional.max_unpool{ndim}d",
            ref=max_unpool(ndim),
            samples=unpool_samples(ndim),
            errors=UNPOOL_ERRORS.get(ndim, ()),
        )
        for ndim in (1, 2, 3)
    ),
    *(
        OpSpec(
            f"nn.functional.lp_pool{ndim}d",
            ref=lp_pool(ndim),
            samples=lp_samples(ndim),
            errors=[bad(TypeError, f"lp_pool{ndim}d: input must be", 1, 2, 2)],
        )
        for ndim in (1, 2, 3)
    ),
    *(
        OpSpec(
            f"nn.functional.max_pool{ndim}d_with_indices",
            ref=with_indices(max_pool(ndim)),
            samples=lambda rng, ndim=ndim: [
                sample(distinct(rng, (1, 2, *SIZES[ndim])), 2),
                sample(distinct(rng, (1, 2, *SIZES[ndim])), 2, 1, 1, ceil_mode=True),
            ],
        )
        for ndim in (1, 2, 3)
    ),
    *(
        OpSpec(
            f"nn.functional.adaptive_max_pool{ndim}d_with_indices",
            ref=with_indices(adaptive_max_pool(ndim)),
            samples=lambda rng, ndim=ndim: [sample(distinct(rng, (1, 2, *SIZES[ndim])), 2)],
        )
        for ndim in (1, 2, 3)
    ),
    *(
        OpSpec(
            f"nn.functional.fractional_max_pool{ndim}d{end}",
            ref=with_indices(fractional(ndim)) if end else fractional(ndim),
            samples=fractional_samples(ndim),
            errors=[
                bad(ValueError, f"fractional_max_pool{ndim}d requires", np.ones((1, 4, 4)), 2),
                bad(ShapeError, f"fractional_max_pool{ndim}d: expected a", np.ones(4), 2, 2),
                bad(
                    ShapeError,
                    f"fractional_max_pool{ndim}d: a window of 2",
                    np.ones((1, *(4,) * ndim)),
                    2,
                    4,
                ),
            ],
        )
        for ndim in (2, 3)
        for end in ("", "_with_indices")
    ),
]
