"""Sampling at the points of a grid."""

import itertools
import math

import numpy as np
from opspecs import OpSpec, bad, sample
from reference import _cubic_weight, _linear_weight

from minitorch.errors import ShapeError


def reflected(place, size, align_corners):
    low, span = (0, size - 1) if align_corners else (-0.5, size)
    while span and not low <= place <= low + span:
        place = 2 * low - place if place < low else 2 * (low + span) - place
    return place if span else 0


def brought_inside(place, size, padding_mode, align_corners):
    if padding_mode == "reflection":
        place = reflected(place, size, align_corners)
    return place if padding_mode == "zeros" else min(max(place, 0), size - 1)


def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=False):
    ndim, size = input.ndim - 2, input.shape[2:]
    result = np.zeros((*input.shape[:2], *grid.shape[1:-1]))
    for n, *at in np.ndindex(*grid.shape[:-1]):
        taps = []
        for axis, count in enumerate(size):
            x = (grid[(n, *at)][ndim - 1 - axis] + 1) / 2
            place = x * (count - 1) if align_corners else x * count - 0.5
            if mode != "bicubic":
                place = brought_inside(place, count, padding_mode, align_corners)
            first = math.floor(place)
            if mode == "nearest":
                taps.append([(round(place), 1)])
            elif mode == "bilinear":
                taps.append([(i, _linear_weight(i - place)) for i in (first, first + 1)])
            else:
                places = range(first - 1, first + 3)
                weights = [_cubic_weight(i - place, -0.75) for i in places]
                inside = [
                    int(brought_inside(i, count, padding_mode, align_corners)) for i in places
                ]
                taps.append(list(zip(inside, weights, strict=True)))
        for tap in itertools.product(*taps):
            where = tuple(i for i, _ in tap)
            if all(0 <= i < count for i, count in zip(where, size, strict=True)):
                factor = math.prod(w for _, w in tap)
                result[(n, slice(None), *at)] += factor * input[(n, slice(None), *where)]
    return result


def affine_grid(theta, size, align_corners=False):
    ndim = len(size) - 2
    result = np.empty((size[0], *size[2:], ndim))
    for at in np.ndindex(*size[2:]):
        point = []
        for i, n in zip(at, size[2:], strict=True):
            if align_corners:
                point.insert(0, 2 * i / (n - 1) - 1 if n > 1 else 0)
            else:
                point.insert(0, (2 * i + 1) / n - 1)
        result[(slice(None), *at)] = theta @ np.array([*point, 1])
    return result


def points(rng, size, count, spread=1.2):
    """Points whose coordinates are at least a tenth of a pixel away from where a rule changes."""
    made = []
    while len(made) < count:
        point = rng.uniform(-spread, spread, len(size))
        pixels = [(x + 1) / 2 * np.array([n, n - 1]) * 2 for x, n in zip(point, size, strict=True)]
        if all((abs(p - np.round(p)) > 0.2).all() for p in pixels):
            made.append(point)
    return np.array(made)[:, ::-1]


def samples(rng):
    image, volume = rng.standard_normal((2, 2, 3, 4)), rng.standard_normal((1, 2, 3, 2, 3))
    grid = points(rng, (3, 4), 8).reshape(2, 2, 2, 2)
    room = points(rng, (3, 2, 3), 4).reshape(1, 2, 1, 2, 3)
    return [
        *(
            sample(image, grid, mode, padding_mode, align_corners=corners)
            for mode, padding_mode, corners in (
                ("bilinear", "zeros", False),
                ("bilinear", "border", True),
                ("bilinear", "reflection", False),
                ("nearest", "zeros", True),
                ("nearest", "reflection", False),
                ("bicubic", "zeros", False),
                ("bicubic", "border", False),
                ("bicubic", "reflection", True),
            )
        ),
        sample(volume, room, align_corners=False),
        sample(volume, room, "nearest", "border", True),
        sample(volume, room, "bilinear", "reflection", align_corners=True),
    ]


IMAGE, GRID = np.ones((1, 1, 3, 3)), np.ones((1, 2, 2, 2))

SPECS = [
    OpSpec(
        "nn.functional.grid_sample",
        ref=grid_sample,
        samples=samples,
        errors=[
            bad(TypeError, "grid_sample: grid must be a Tensor", IMAGE, 1),
            bad(ValueError, "grid_sample: expected mode to be", IMAGE, GRID, "cubic"),
            bad(ValueError, "grid_sample: expected padding_mode", IMAGE, GRID, "nearest", "mean"),
            bad(ShapeError, "grid_sample: expected 4D or 5D", IMAGE, GRID[0]),
            bad(
                ShapeError,
                "grid_sample: expected grid to have size 2",
                IMAGE,
                np.ones((1, 2, 2, 3)),
            ),
            bad(ShapeError, "grid_sample: expected input and grid", IMAGE, np.ones((2, 2, 2, 2))),
            bad(ShapeError, "grid_sample: expected input to have", np.ones((1, 1, 0, 3)), GRID),
            bad(
                ShapeError,
                "grid_sample: bicubic",
                np.ones((1, 1, 2, 2, 2)),
                np.ones((1, 1, 1, 1, 3)),
                "bicubic",
            ),
            bad(RuntimeError, "grid_sample: input and grid must", IMAGE.astype(int), GRID),
        ],
    ),
    OpSpec(
        "nn.functional.affine_grid",
        ref=affine_grid,
        samples=lambda rng: [
            sample(rng.standard_normal((2, 2, 3)), (2, 1, 2, 3), True),
            sample(rng.standard_normal((1, 2, 3)), (1, 5, 1, 3), align_corners=False),
            sample(rng.standard_normal((1, 3, 4)), (1, 1, 2, 3, 1), align_corners=True),
        ],
        errors=[
            bad(TypeError, "affine_grid: theta must be", 1, (1, 1, 2, 2)),
            bad(NotImplementedError, "affine_grid only supports 4D", np.ones((1, 2, 3)), (1, 2, 2)),
            bad(ShapeError, "affine_grid: Expected a batch", np.ones((2, 2, 3)), (1, 1, 2, 2)),
            bad(ShapeError, "affine_grid: Expected non-zero", np.ones((1, 2, 3)), (1, 1, 0, 2)),
            bad(ValueError, "affine_grid: Expected theta", np.ones((1, 2, 3), int), (1, 1, 2, 2)),
        ],
    ),
]
