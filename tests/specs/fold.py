"""Patches of images as columns."""

import numpy as np
from opspecs import OpSpec, bad, sample

from minitorch.errors import ShapeError


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


def walked(size, kernel_size, dilation, padding, stride):
    """Yield (row of the columns within a channel, column, place in the padded image)."""
    (kh, kw), (dh, dw) = pair(kernel_size), pair(dilation)
    (ph, pw), (sh, sw) = pair(padding), pair(stride)
    rows = range(0, size[0] + 2 * ph - dh * (kh - 1), sh)
    columns = range(0, size[1] + 2 * pw - dw * (kw - 1), sw)
    for number, (y, x) in enumerate((y, x) for y in rows for x in columns):
        for i in range(kh):
            for j in range(kw):
                yield i * kw + j, number, (y + i * dh, x + j * dw)


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    image = input if input.ndim == 4 else input[None]
    (ph, pw), taps = pair(padding), int(np.prod(pair(kernel_size)))
    padded = np.pad(image, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    steps = list(walked(image.shape[2:], kernel_size, dilation, padding, stride))
    result = np.empty((*image.shape[:2], taps, steps[-1][1] + 1))
    for row, column, (y, x) in steps:
        result[:, :, row, column] = padded[:, :, y, x]
    result = result.reshape(len(image), image.shape[1] * taps, -1)
    return result if input.ndim == 4 else result[0]


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    columns = input if input.ndim == 3 else input[None]
    (ph, pw), size = pair(padding), pair(output_size)
    taps = int(np.prod(pair(kernel_size)))
    columns = columns.reshape(len(columns), -1, taps, columns.shape[-1])
    padded = np.zeros((*columns.shape[:2], size[0] + 2 * ph, size[1] + 2 * pw))
    for row, column, (y, x) in walked(size, kernel_size, dilation, padding, stride):
        padded[:, :, y, x] += columns[:, :, row, column]
    result = padded[:, :, ph : ph + size[0], pw : pw + size[1]]
    return result if input.ndim == 3 else result[0]


IMAGE = np.ones((1, 2, 4, 5))

SPECS = [
    OpSpec(
        "nn.functional.unfold",
        ref=unfold,
        samples=lambda rng: [
            sample(rng.standard_normal((2, 2, 3, 4)), 2),
            sample(rng.standard_normal((2, 4, 3)), (3, 1), padding=(1, 0)),
            sample(rng.standard_normal((1, 1, 5, 4)), 2, 2, 1, (2, 1)),
        ],
        errors=[
            bad(TypeError, "unfold: input must be a Tensor", 1, 2),
            bad(ShapeError, "unfold: expected 3D or 4D", np.ones((2, 3)), 2),
            bad(ShapeError, "unfold: given input (1, 2, 4, 5)", IMAGE, 5),
            bad(ShapeError, "unfold: kernel_size must be positive", IMAGE, 0),
            bad(
                NotImplementedError, "unfold: not implemented for int64", np.ones((1, 2, 2), int), 2
            ),
        ],
    ),
    OpSpec(
        "nn.functional.fold",
        ref=fold,
        samples=lambda rng: [
            sample(rng.standard_normal((1, 8, 6)), (3, 4), 2),
            sample(rng.standard_normal((3, 12)), (4, 3), (3, 1), padding=(1, 0)),
            sample(rng.standard_normal((1, 4, 12)), (5, 4), 2, 2, 1, (2, 1)),
        ],
        errors=[
            bad(ShapeError, "fold: expected 2D or 3D", IMAGE, 4, 2),
            bad(ShapeError, "fold: expected size of input's", np.ones((1, 6, 9)), 4, 2),
            bad(ShapeError, "fold: given output_size (4, 4)", np.ones((1, 8, 8)), 4, 2),
        ],
    ),
]
