"""Patches of images as columns of a matrix, and images as sums of patches."""

from __future__ import annotations

import math

import numpy as np

from .. import geometry, kernels, memory
from ..autograd.op import Op
from ..errors import ShapeError
from .common import is_tensor
from .shape import reshape

__all__ = ["fold", "unfold"]


class ImageToColumns(Op):
    """All patches under a window, each a column."""

    formula = "dx = sum of g over the patches that show an element"

    def __init__(self, window):
        self.window = window

    def forward(self, input):
        window, self.size = self.window, input.shape[2:]
        image = _bordered(input, window)
        positions = window.output_size(self.size)
        batch, channels, *steps = image.strides
        patches = np.lib.stride_tricks.as_strided(
            image,
            (*image.shape[:2], *window.kernel, *positions),
            (
                batch,
                channels,
                *(s * d for s, d in zip(steps, window.dilation, strict=True)),
                *(s * d for s, d in zip(steps, window.stride, strict=True)),
            ),
            writeable=False,
        )
        rows = image.shape[1] * math.prod(window.kernel)
        return kernels.copy(patches).reshape(image.shape[0], rows, math.prod(positions))

    def backward(self, grad, needs):
        return ColumnsToImage(self.window, self.size)(grad)


class ColumnsToImage(Op):
    """The sum of patches, each added at its place."""

    formula = "dx = the patches of g"

    def __init__(self, window, size):
        self.window = window
        self.size = size

    def forward(self, input):
        window, size = self.window, self.size
        positions = window.output_size(size)
        batch, rows, _ = input.shape
        channels = rows // math.prod(window.kernel)
        patches = input.reshape(batch, channels, *window.kernel, *positions)
        bordered = [n + b + a for n, (b, a) in zip(size, window.padding, strict=True)]
        image = memory.empty((batch, channels, *bordered), input.dtype)
        image[...] = 0
        for tap in np.ndindex(*window.kernel):
            here = tuple(
                slice(t * d, t * d + (n - 1) * s + 1, s)
                for t, d, n, s in zip(tap, window.dilation, positions, window.stride, strict=True)
            )
            image[(..., *here)] += patches[(slice(None), slice(None), *tap)]
        inner = (slice(b, b + n) for n, (b, _) in zip(size, window.padding, strict=True))
        result = image[(slice(None), slice(None), *inner)]
        return kernels.copy(result) if any(map(sum, window.padding)) else result

    def backward(self, grad, needs):
        return ImageToColumns(self.window)(grad)


def _bordered(input, window):
    if not any(map(sum, window.padding)):
        return input
    maps = []
    for size, (before, after) in zip(input.shape[2:], window.padding, strict=True):
        places = np.arange(-before, size + after)
        places[(places < 0) | (places >= size)] = -1
        maps.append(places)
    return kernels.remap(input, maps, 0)


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """Take all patches under a sliding window out of images, each as a column.

    The matrix that convolution is a product with: ``weight.view(O, -1) @ unfold(x, kernel)``. This
    library's own convolutions never build it.

    Parameters
    ----------
    input : Tensor
        Shape (batch, channels, height, width), or without a batch.
    kernel_size : int or tuple of int
        Size of the patches.
    dilation : int or tuple of int
        Distance between their elements.
    padding : int or tuple of int
        Zeros around the images.
    stride : int or tuple of int
        Step between patches.

    Returns
    -------
    Tensor
        Shape (batch, channels * height of the kernel * width of the kernel, patches).

    Raises
    ------
    ShapeError
        If sizes do not fit together.
    """
    op = "unfold"
    shape = _checked(op, input)
    if len(shape) not in (3, 4) or 0 in shape[-3:]:
        raise ShapeError(
            f"{op}: expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other "
            f"non-zero dimensions for input, but got input {shape}"
        )
    window = geometry.Window.of(2, kernel_size, stride, padding, dilation, op=op)
    positions = window.output_size(shape[-2:])
    if min(positions) < 1:
        raise ShapeError(
            f"{op}: given input {shape}, kernel_size {window.kernel}, dilation {window.dilation}, "
            f"padding {padding}, stride {window.stride}: the patches would have the positions "
            f"{positions}, but must have at least one in each dimension"
        )
    if len(shape) == 3:
        columns = ImageToColumns(window)(reshape(input, (1, *shape)))
        return reshape(columns, columns.shape[1:])
    return ImageToColumns(window)(input)


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Add patches to images, each at its place: the transpose of `unfold`.

    Parameters
    ----------
    input : Tensor
        Shape (batch, channels * height of the kernel * width of the kernel, patches), or without a
        batch.
    output_size : int or tuple of int
        Height and width of the images.
    kernel_size, dilation, padding, stride : int or tuple of int
        As for `unfold`.

    Returns
    -------
    Tensor
        Shape (batch, channels, *output_size).

    Raises
    ------
    ShapeError
        If sizes do not fit together.
    """
    op = "fold"
    shape = _checked(op, input)
    if len(shape) not in (2, 3) or 0 in shape[-2:]:
        raise ShapeError(
            f"{op}: expected 2D or 3D (batch mode) tensor with possibly 0 batch size and non-zero "
            f"dimensions for input, but got input {shape}"
        )
    size = geometry.integers(op, "output_size", output_size, 2)
    window = geometry.Window.of(2, kernel_size, stride, padding, dilation, op=op)
    taps = math.prod(window.kernel)
    if shape[-2] % taps:
        raise ShapeError(
            f"{op}: expected size of input's dimension 1 to be divisible by the product of "
            f"kernel_size, but got input {shape} and kernel_size {window.kernel}"
        )
    positions = window.output_size(size)
    if min(positions) < 1 or math.prod(positions) != shape[-1]:
        raise ShapeError(
            f"{op}: given output_size {size}, kernel_size {window.kernel}, dilation "
            f"{window.dilation}, padding {padding}, stride {window.stride}, expected "
            f"{' * '.join(map(str, positions))} patches, got input {shape}"
        )
    if len(shape) == 2:
        image = ColumnsToImage(window, size)(reshape(input, (1, *shape)))
        return reshape(image, image.shape[1:])
    return ColumnsToImage(window, size)(input)


def _checked(op, input):
    if not is_tensor(input):
        raise TypeError(f"{op}: input must be a Tensor, got {type(input).__name__}")
    if not input.dtype.is_floating_point:
        raise NotImplementedError(f"{op}: not implemented for {input.dtype.name}")
    return tuple(input.shape)
