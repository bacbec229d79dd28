"""Convolution and transposed convolution."""

import numpy as np
import reference
from opspecs import OpSpec, bad, sample

from minitorch.errors import ShapeError

SIZES = {1: (5,), 2: (4, 3), 3: (3, 2, 3)}  # of images, per number of spatial dimensions


def batched(fn):
    """Let a reference for batches take a single image."""

    def on_any(input, weight, *args, **kwargs):
        if input.ndim == weight.ndim:
            return fn(input, weight, *args, **kwargs)
        return fn(input[None], weight, *args, **kwargs)[0]

    return on_any


@batched
def conv(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    if padding == "valid":
        padding = 0
    if padding == "same":
        spread = dilation if isinstance(dilation, tuple) else (dilation,) * (weight.ndim - 2)
        totals = [d * (k - 1) for d, k in zip(spread, weight.shape[2:], strict=True)]
        padding = tuple((total // 2, total - total // 2) for total in totals)
    return reference.conv(input, weight, bias, stride, padding, dilation, groups)


conv_transpose = batched(reference.conv_transpose)


def conv_samples(ndim):
    """The families: plain, 1x1, strided, padded more than the kernel, grouped, depthwise..."""
    size = SIZES[ndim]
    twos, threes = (2,) * ndim, (3,) * (ndim - 1) + (2,)
    pairs = ((0, 2), (1, 0), (2, 1))[:ndim]

    def make(rng):
        normal = rng.standard_normal
        return [
            sample(normal((2, 2, *size)), normal((3, 2, *twos)), normal(3)),
            sample(normal((2, 3, *size)), normal((2, 3, *(1,) * ndim)), None, 2),
            sample(normal((1, 1, *size)), normal((2, 1, *threes)), normal(2), 2, 1),
            sample(normal((1, 2, *size)), normal((1, 2, *twos)), padding=3, stride=3),
            sample(normal((1, 1, *size)), normal((1, 1, *twos)), padding=pairs),
            sample(normal((2, 4, *size)), normal((4, 2, *twos)), normal(4), groups=2),
            sample(normal((2, 2, *size)), normal((4, 1, *twos)), groups=2, padding=1),
            sample(normal((1, 2, *size)), normal((2, 2, *twos)), padding=1, dilation=2),
            sample(normal((1, 1, *size)), normal((1, 1, *twos)), padding="same"),
            sample(normal((1, 1, *size)), normal((1, 1, *twos)), padding="valid"),
            sample(normal((2, *size)), normal((3, 2, *twos)), normal(3), padding=1),
            sample(normal((0, 2, *size)), normal((3, 2, *twos)), normal(3)),
        ]

    return make


def conv_transpose_samples(ndim):
    size = SIZES[ndim]
    twos, threes = (2,) * ndim, (3,) * (ndim - 1) + (2,)
    pairs = ((0, 1), (1, 0), (0, 0))[:ndim]

    def make(rng):
        normal = rng.standard_normal
        return [
            sample(normal((2, 2, *size)), normal((2, 3, *twos)), normal(3)),
            sample(normal((2, 3, *size)), normal((3, 2, *(1,) * ndim)), None, 2),
            sample(normal((1, 2, *size)), normal((2, 1, *threes)), None, 2, 1, 1),
            sample(normal((1, 1, *size)), normal((1, 2, *twos)), padding=pairs),
            sample(normal((1, 4, *size)), normal((4, 1, *twos)), normal(2), groups=2),
            sample(normal((1, 2, *size)), normal((2, 1, *twos)), dilation=2, output_padding=1),
            sample(normal((2, *size)), normal((2, 1, *twos)), normal(1)),
            sample(normal((0, 2, *size)), normal((2, 3, *twos)), normal(3)),
        ]

    return make


def conv_errors(name, ndim):
    size, taps = SIZES[ndim], (2,) * ndim
    x, w, b = np.ones((2, 4, *size)), np.ones((6, 2, *taps)), np.ones(6)
    two = {"groups": 2}
    shapes = f"input {x.shape}, weight {w.shape}"
    return [
        bad(ShapeError, f"{name}: input has 4 channels but weight expects 2: {shapes}", x, w),
        bad(
            ShapeError,
            f"{name}: input has 4 channels but weight expects 6 (groups=3): {shapes}",
            x,
            w,
            groups=3,
        ),
        bad(
            ShapeError,
            f"{name}: out_channels (5) must be divisible by groups (2): ",
            x,
            w[:5],
            **two,
        ),
        bad(
            ShapeError,
            f"{name}: bias must have shape (6,), got bias (5,), weight {w.shape}",
            x,
            w,
            b[:5],
            **two,
        ),
        bad(ShapeError, f"{name}: the kernel covers ", x, w, b, dilation=9, **two),
        bad(ShapeError, f"{name}: input must have {ndim + 2} dimensions, or", x[0, 0], w, **two),
        bad(ShapeError, f"{name}: stride must be positive, got 0", x, w, stride=0, **two),
        bad(ShapeError, f"{name}: padding must be at least 0, got -1", x, w, padding=-1, **two),
        bad(TypeError, f"{name}: stride must be an integer, got 1.0", x, w, stride=1.0, **two),
        bad(TypeError, f"{name}: weight must be a Tensor, got float", x, 1.0),
        bad(TypeError, f"{name}: input must be a Tensor, got NoneType", None, w),
        bad(TypeError, f"{name}: bias must be a Tensor, got int", x, w, 1, **two),
        bad(
            RuntimeError,
            f"{name}: input and weight must have the same type, got float64 and float32",
            x,
            w.astype("float32"),
            **two,
        ),
        bad(
            RuntimeError,
            f"{name}: input and bias must have the same type, got float64 and int64",
            x,
            w,
            b.astype("int64"),
            **two,
        ),
        bad(
            NotImplementedError,
            f"{name}: not implemented for int64",
            x.astype("int64"),
            w.astype("int64"),
            **two,
        ),
    ]


def conv_transpose_errors(name, ndim):
    size, taps = SIZES[ndim], (2,) * ndim
    x, w, b = np.ones((2, 4, *size)), np.ones((4, 3, *taps)), np.ones(6)
    two = {"groups": 2}
    return [
        bad(
            ShapeError,
            f"{name}: input has 3 channels but weight expects 4: ",
            x[:, :3],
            w,
        ),
        bad(
            ShapeError,
            f"{name}: in_channels (4) must be divisible by groups (3): input {x.shape}",
            x,
            w,
            groups=3,
        ),
        bad(ShapeError, f"{name}: bias must have shape (6,), got bias (3,)", x, w, b[:3], **two),
        bad(
            ShapeError,
            f"{name}: output_padding must be smaller than stride or dilation",
            x,
            w,
            b,
            output_padding=1,
            **two,
        ),
        bad(ShapeError, f"{name}: the output would have size ", x, w, b, padding=4, **two),
        bad(TypeError, f"{name}: padding must be numbers, got 'same'", x, w, padding="same"),
        bad(TypeError, f"{name}: groups must be an integer, got True", x, w, groups=True),
        bad(
            RuntimeError,
            f"{name}: input and weight must have the same type, got float32 and float64",
            x.astype("float32"),
            w,
        ),
    ]


def make_specs():
    for ndim in (1, 2, 3):
        name = f"conv{ndim}d"
        yield OpSpec(
            f"nn.functional.{name}",
            ref=conv,
            samples=conv_samples(ndim),
            errors=conv_errors(name, ndim),
            dtypes=("float64", "float32", "float16"),
        )
        name = f"conv_transpose{ndim}d"
        yield OpSpec(
            f"nn.functional.{name}",
            ref=conv_transpose,
            samples=conv_transpose_samples(ndim),
            errors=conv_transpose_errors(name, ndim),
            dtypes=("float64", "float32", "float16"),
        )
    yield OpSpec(
        "nn.functional.conv_nd",
        ref=conv,
        samples=lambda rng: [
            sample(*(rng.standard_normal(s) for s in ((2, 2, *size), (1, 2, *size), (1,))))
            for size in SIZES.values()
        ],
        errors=[
            bad(
                ShapeError,
                "conv_nd: weight must have 3 to 5 dimensions, for 1 to 3 spatial ones, "
                "got weight (2, 2)",
                np.ones((2, 2)),
                np.ones((2, 2)),
            ),
            bad(TypeError, "conv_nd: weight must be a Tensor, got int", np.ones((2, 2, 2)), 1),
        ],
    )
    yield OpSpec(
        "nn.functional.conv_transpose_nd",
        ref=conv_transpose,
        samples=lambda rng: [
            sample(*(rng.standard_normal(s) for s in ((2, 2, *size), (2, 1, *size), (1,))))
            for size in SIZES.values()
        ],
        errors=[
            bad(
                ShapeError,
                "conv_transpose_nd: weight must have 3 to 5 dimensions",
                np.ones((2, 2)),
                np.ones((2, 2)),
            ),
        ],
    )


SPECS = list(make_specs())
