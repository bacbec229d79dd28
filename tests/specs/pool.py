"""Pooling."""

import numpy as np
import reference
from opspecs import OpSpec, bad, sample

from minitorch.errors import ShapeError
from minitorch.ops.pool import TakeAt

SIZES = {1: (7,), 2: (5, 4), 3: (3, 4, 3)}  # of images, per number of spatial dimensions


def batched(ndim, fn):
    """Let a reference for batches take a single image."""

    def on_any(input, *args, **kwargs):
        if input.ndim == ndim + 2:
            return fn(input, *args, **kwargs)
        result = fn(input[None], *args, **kwargs)
        return tuple(part[0] for part in result) if isinstance(result, tuple) else result[0]

    return on_any


def distinct(rng, shape):
    """Values far enough apart that a finite difference does not change which one is largest."""
    return rng.permutation(np.prod(shape, dtype=int)).reshape(shape) / 7.0


def max_pool(ndim):
    def fn(input, kernel_size, *args, return_indices=False, **kwargs):
        output, indices = reference.max_pool(input, kernel_size, *args, **kwargs)
        return (output, indices) if return_indices else output

    return batched(ndim, fn)


def adaptive_max_pool(ndim):
    def fn(input, output_size, return_indices=False):
        size = adaptive_sizes(input, output_size)
        output, indices = reference.adaptive_max_pool(input, size)
        return (output, indices) if return_indices else output

    return batched(ndim, fn)


def adaptive_avg_pool(ndim):
    def fn(input, output_size):
        return reference.adaptive_avg_pool(input, adaptive_sizes(input, output_size))

    return batched(ndim, fn)


def adaptive_sizes(input, wanted):
    size = input.shape[2:]
    wanted = wanted if isinstance(wanted, tuple) else (wanted,) * len(size)
    return tuple(n if m is None else m for n, m in zip(size, wanted, strict=True))


def max_pool_samples(ndim):
    size = SIZES[ndim]
    mixed, pairs = (2, 3, 2)[:ndim], ((0, 1), (1, 0), (1, 1))[:ndim]

    def make(rng):
        return [
            sample(distinct(rng, (2, 2, *size)), 2),
            sample(distinct(rng, (1, 2, *size)), mixed, 1, return_indices=True),
            sample(distinct(rng, (1, 1, *size)), 3, 2, 1),
            sample(distinct(rng, (1, 1, *size)), 2, 3, 1, 1, True, return_indices=True),
            sample(distinct(rng, (1, 1, *size)), 2, 1, dilation=2),
            sample(distinct(rng, (1, 1, *size)), 2, padding=pairs),
            sample(distinct(rng, (2, *size)), 2, return_indices=True),
            sample(distinct(rng, (0, 2, *size)), 2, return_indices=True),
        ]

    return make


def avg_pool_samples(ndim, with_divisor):
    size = SIZES[ndim]
    mixed, pairs = (2, 3, 2)[:ndim], ((0, 1), (1, 0), (1, 1))[:ndim]

    def make(rng):
        normal = rng.standard_normal
        samples = [
            sample(normal((2, 2, *size)), 2),
            sample(normal((1, 2, *size)), mixed, 1),
            sample(normal((1, 1, *size)), 3, 2, 1),
            sample(normal((1, 1, *size)), 3, 2, 1, count_include_pad=False),
            sample(normal((1, 1, *size)), 2, 3, 1, True),
            sample(normal((1, 1, *size)), 2, 3, 1, True, False),
            sample(normal((1, 1, *size)), 2, padding=pairs, ceil_mode=True),
            sample(normal((2, *size)), 2),
            sample(normal((0, 2, *size)), 2),
        ]
        if with_divisor:
            samples.append(sample(normal((1, 1, *size)), 3, 2, 1, divisor_override=-5))
        return samples

    return make


def adaptive_samples(ndim, values, **kwargs):
    size = SIZES[ndim]
    uneven, divided = tuple(n - 1 for n in size), (1, *size[1:])

    def make(rng):
        return [
            sample(values(rng, (1, 2, *size)), 1, **kwargs),
            sample(values(rng, (1, 2, *size)), uneven, **kwargs),
            sample(values(rng, (1, 1, *size)), divided, **kwargs),
            sample(values(rng, (1, 1, *size)), (None, *uneven[1:]), **kwargs),
            sample(values(rng, (1, 1, *size)), (2 * size[0] - 1, *(2,) * (ndim - 1)), **kwargs),
            sample(values(rng, (2, *size)), 2, **kwargs),
            sample(values(rng, (0, 2, *size)), 2, **kwargs),
            sample(values(rng, (1, 2, *size)), 0, **kwargs),
        ]

    return make


def window_errors(name, ndim):
    x = np.ones((1, 2, *SIZES[ndim]))
    return [
        bad(ShapeError, f"{name}: kernel_size must be positive, got 0", x, 0),
        bad(ShapeError, f"{name}: stride must be positive, got -1", x, 2, -1),
        bad(ShapeError, f"{name}: padding must be at most half of the kernel", x, 2, 1, 2),
        bad(ShapeError, f"{name}: the output would have size ", x, 9),
        bad(ShapeError, f"{name}: kernel_size must have 1 ", x, (1,) * (ndim + 1)),
        bad(ShapeError, f"{name}: input must have {ndim + 2} dimensions, or", x[0, 0], 2),
        bad(ShapeError, f"{name}: input has no elements in a spatial", x[..., :0], 2),
        bad(TypeError, f"{name}: kernel_size must be an integer, got 2.0", x, 2.0),
        bad(TypeError, f"{name}: padding must be numbers, got 'same'", x, 2, 2, "same"),
        bad(TypeError, f"{name}: input must be a Tensor, got int", 1, 2),
        bad(NotImplementedError, f"{name}: not implemented for bool", x > 0, 2),
    ]


def adaptive_errors(name, ndim):
    x = np.ones((1, 2, *SIZES[ndim]))
    return [
        bad(ShapeError, f"{name}: output_size must be at least 0, got -1", x, -1),
        bad(ShapeError, f"{name}: output_size must have {ndim} numbers", x, (1,) * (ndim + 1)),
        bad(ShapeError, f"{name}: input must have {ndim + 2} dimensions, or", x[0, 0], 2),
        bad(TypeError, f"{name}: output_size must be an integer, got 2.5", x, 2.5),
        bad(TypeError, f"{name}: input must be a Tensor, got str", "x", 2),
        bad(NotImplementedError, f"{name}: not implemented for int32", x.astype("int32"), 2),
    ]


def normal(rng, shape):
    return rng.standard_normal(shape)


def make_specs():
    all_types = ("float64", "float32", "float16")
    for ndim in (1, 2, 3):
        name = f"max_pool{ndim}d"
        yield OpSpec(
            f"nn.functional.{name}",
            ref=max_pool(ndim),
            samples=max_pool_samples(ndim),
            errors=window_errors(name, ndim),
            dtypes=all_types,
        )
        name = f"avg_pool{ndim}d"
        x = np.ones((1, 1, *SIZES[ndim]))
        divisor_errors = [
            bad(ShapeError, f"{name}: divisor_override must not be zero", x, 2, divisor_override=0),
            bad(TypeError, f"{name}: divisor_override must be an", x, 2, divisor_override=2.5),
        ]
        yield OpSpec(
            f"nn.functional.{name}",
            ref=batched(ndim, reference.avg_pool),
            samples=avg_pool_samples(ndim, with_divisor=ndim > 1),
            errors=window_errors(name, ndim) + (divisor_errors if ndim > 1 else []),
            dtypes=all_types,
        )
        name = f"adaptive_avg_pool{ndim}d"
        yield OpSpec(
            f"nn.functional.{name}",
            ref=adaptive_avg_pool(ndim),
            samples=adaptive_samples(ndim, normal),
            errors=adaptive_errors(name, ndim),
            dtypes=all_types,
        )
        name = f"adaptive_max_pool{ndim}d"
        yield OpSpec(
            f"nn.functional.{name}",
            ref=adaptive_max_pool(ndim),
            samples=adaptive_samples(ndim, distinct, return_indices=True),
            errors=adaptive_errors(name, ndim),
            dtypes=all_types,
        )
    yield take_spec()
    yield from nd_specs()


def take_spec():
    """Reading at the places of maxima: what the second derivative of max pooling does."""
    places = np.array([[[[3, 3], [0, 11]], [[7, 5], [2, 2]]]])

    def take(image):
        flat = image.reshape(1, 2, 12)
        return np.take_along_axis(flat, places.reshape(1, 2, 4), 2).reshape(1, 2, 2, 2)

    return OpSpec(
        "nn.functional.max_pool2d",
        fn=lambda image: TakeAt(places)(image),
        ref=take,
        samples=lambda rng: [sample(rng.standard_normal((1, 2, 3, 4)))],
    )


def nd_specs():
    """The functions for any number of dimensions: those above, by another name."""
    for name, setting in (
        ("max_pool", 2),
        ("avg_pool", 2),
        ("adaptive_avg_pool", 1),
        ("adaptive_max_pool", 1),
    ):
        references = {
            "max_pool": lambda x, k: reference.max_pool(x, k)[0],
            "avg_pool": reference.avg_pool,
            "adaptive_avg_pool": lambda x, m: reference.adaptive_avg_pool(x, (m,) * (x.ndim - 2)),
            "adaptive_max_pool": lambda x, m: reference.adaptive_max_pool(x, (m,) * (x.ndim - 2))[
                0
            ],
        }
        yield OpSpec(
            f"nn.functional.{name}_nd",
            ref=references[name],
            samples=lambda rng, setting=setting: [
                sample(distinct(rng, (1, 1, *size)), setting) for size in SIZES.values()
            ],
            errors=[
                bad(ShapeError, f"{name}_nd: input must have 3 to 5 dimensions", np.ones(3), 1),
                bad(TypeError, f"{name}_nd: input must be a Tensor, got int", 1, 1),
            ],
        )


SPECS = list(make_specs())
