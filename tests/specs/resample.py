"""Resampling."""

import numpy as np
import reference
from opspecs import OpSpec, bad, sample

from minitorch.errors import ShapeError


def samples(rng):
    normal = rng.standard_normal
    made = [
        sample(normal((1, 2, 5)), 8),
        sample(normal((1, 2, 5)), scale_factor=0.5, mode="nearest-exact"),
        sample(normal((0, 2, 5)), 8, mode="linear"),
        sample(normal((2, 1, 5)), 8, mode="linear"),
        sample(normal((2, 1, 5)), scale_factor=2.5, mode="linear", align_corners=True),
        sample(normal((1, 1, 3, 2)), (6, 5)),
        sample(normal((1, 2, 4, 3)), scale_factor=2),
        sample(normal((1, 1, 3, 2)), (2, 1), mode="area"),
        sample(normal((1, 1, 2, 3)), (2, 5), mode="bilinear"),
        sample(normal((1, 1, 2, 3)), (5, 1), mode="bilinear", align_corners=True),
        sample(normal((1, 1, 2, 3)), (2, 3), mode="bilinear"),
        sample(normal((1, 1, 7, 9)), (3, 4), mode="bilinear", antialias=True),
        sample(normal((1, 1, 3, 4)), (5, 7), mode="bicubic"),
        sample(normal((1, 1, 4, 3)), scale_factor=(1.7, 2.6), mode="bicubic"),
        sample(normal((1, 1, 3, 4)), (5, 2), mode="bicubic", align_corners=True),
        sample(normal((1, 1, 9, 4)), (4, 6), mode="bicubic", antialias=True),
        sample(
            normal((1, 1, 5, 3)), scale_factor=1.5, mode="bilinear", recompute_scale_factor=True
        ),
        sample(normal((1, 1, 2, 3, 2)), (3, 2, 4)),
        sample(normal((1, 1, 2, 3, 2)), (3, 2, 4), mode="trilinear"),
        sample(normal((1, 1, 3, 2, 2)), scale_factor=1.5, mode="trilinear", align_corners=True),
        sample(normal((1, 1, 4, 3, 2)), (2, 2, 1), mode="area"),
    ]
    return made


def old(mode, align_corners=None):
    def fn(input, size=None, scale_factor=None):
        return reference.interpolate(input, size, scale_factor, mode, align_corners)

    return fn


def quiet(name):
    """Return a function under its old name, without its warning."""

    def fn(*args, **kwargs):
        import warnings

        from opspecs import resolve

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return resolve(name)(*args, **kwargs)

    return fn


IMAGE = np.ones((1, 1, 3, 4))

SPECS = [
    OpSpec(
        "nn.functional.interpolate",
        ref=reference.interpolate,
        samples=samples,
        errors=[
            bad(TypeError, "interpolate: input must be a Tensor", 3, 4),
            bad(NotImplementedError, "interpolate: unknown mode 'cubic'", IMAGE, 4, mode="cubic"),
            bad(
                NotImplementedError,
                "interpolate: mode 'linear' takes 3-d inputs (batch, channels, *size), got input "
                "(1, 1, 3, 4)",
                IMAGE,
                4,
                mode="linear",
            ),
            bad(ValueError, "interpolate: align_corners option", IMAGE, 4, align_corners=True),
            bad(ValueError, "interpolate: only one of size", IMAGE, 4, 2.0),
            bad(ValueError, "interpolate: either size or", IMAGE),
            bad(ValueError, "interpolate: recompute", IMAGE, 4, recompute_scale_factor=True),
            bad(ValueError, "interpolate: Input and output must have", IMAGE, (4, 4, 4)),
            bad(ValueError, "interpolate: Anti-alias option", IMAGE, 4, antialias=True),
            bad(TypeError, "interpolate: scale_factor must be", IMAGE, scale_factor="2"),
            bad(TypeError, "interpolate: size must be an integer", IMAGE, 2.5),
            bad(ShapeError, "interpolate: Input and output sizes", IMAGE, (0, 3)),
            bad(ShapeError, "interpolate: Input and output sizes", np.ones((1, 1, 0, 3)), 2),
            bad(ShapeError, "interpolate: the output", IMAGE, 2**40),
            bad(
                NotImplementedError,
                "interpolate: mode 'area' is",
                np.ones((1, 1, 3), int),
                2,
                mode="area",
            ),
        ],
    ),
    *(
        OpSpec(
            f"nn.functional.{name}",
            ref=old(mode, align_corners),
            fn=quiet(f"nn.functional.{name}"),
            samples=lambda rng: [
                sample(rng.standard_normal((1, 2, 3, 2)), (4, 5)),
                sample(rng.standard_normal((1, 2, 3, 2)), scale_factor=2),
            ],
        )
        for name, mode, align_corners in (
            ("upsample", "nearest", None),
            ("upsample_nearest", "nearest", None),
            ("upsample_bilinear", "bilinear", True),
        )
    ),
]
