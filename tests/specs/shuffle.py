"""Moving elements between channels and space."""

import numpy as np
from opspecs import OpSpec, bad, sample

from minitorch.errors import ShapeError


def pixel_shuffle(input, r):
    *lead, channels, height, width = input.shape
    result = np.empty((*lead, channels // r**2, height * r, width * r), input.dtype)
    for c in range(channels // r**2):
        for y in range(height * r):
            for x in range(width * r):
                source = c * r**2 + y % r * r + x % r
                result[..., c, y, x] = input[..., source, y // r, x // r]
    return result


def pixel_unshuffle(input, r):
    *lead, channels, height, width = input.shape
    result = np.empty((*lead, channels * r**2, height // r, width // r), input.dtype)
    for c in range(channels * r**2):
        row, column = divmod(c % r**2, r)
        result[..., c, :, :] = input[..., c // r**2, row::r, column::r]
    return result


def channel_shuffle(input, groups):
    count = input.shape[1] // groups
    order = [g * count + i for i in range(count) for g in range(groups)]
    return input[:, order]


def shuffled(rng):
    return [
        sample(rng.standard_normal((2, 6, 2)), 3),
        sample(rng.standard_normal((1, 4, 2, 3)), 2),
        sample(rng.standard_normal((1, 4, 2, 1, 2)), 4),
    ]


SPECS = [
    OpSpec(
        "nn.functional.pixel_shuffle",
        ref=pixel_shuffle,
        samples=lambda rng: [
            sample(rng.standard_normal((1, 8, 2, 3)), 2),
            sample(rng.standard_normal((9, 1, 2)), 3),
            sample(rng.standard_normal((2, 1, 4, 0, 2)), 2),
        ],
        errors=[
            bad(TypeError, "pixel_shuffle: input must be", 2, 2),
            bad(ShapeError, "pixel_shuffle expects input to have", np.ones((4, 4)), 2),
            bad(ShapeError, "pixel_shuffle expects its input's 'channel'", np.ones((6, 2, 2)), 2),
            bad(ShapeError, "pixel_shuffle: upscale_factor must", np.ones((4, 2, 2)), 0),
        ],
    ),
    OpSpec(
        "nn.functional.pixel_unshuffle",
        ref=pixel_unshuffle,
        samples=lambda rng: [
            sample(rng.standard_normal((1, 2, 4, 6)), 2),
            sample(rng.standard_normal((1, 3, 6)), 3),
        ],
        errors=[
            bad(ShapeError, "pixel_unshuffle expects height", np.ones((1, 3, 4)), 2),
            bad(ShapeError, "pixel_unshuffle expects width", np.ones((1, 4, 3)), 2),
        ],
    ),
    *(
        OpSpec(
            f"nn.functional.{name}",
            ref=channel_shuffle,
            samples=shuffled,
            errors=[
                bad(ShapeError, "channel_shuffle expects input with", np.ones((1, 4)), 2),
                bad(ShapeError, "channel_shuffle: Number of", np.ones((1, 4, 2)), 3),
                bad(ShapeError, "channel_shuffle: groups must", np.ones((1, 4, 2)), 0),
            ],
        )
        for name in ("channel_shuffle", "native_channel_shuffle")
    ),
]
