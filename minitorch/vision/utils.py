"""Pictures of tensors: grids of images, and PNG files."""

from __future__ import annotations

import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np

from ..errors import ShapeError
from ..tensor import Tensor

__all__ = ["make_grid", "save_image"]


def make_grid(
    tensor, nrow=8, padding=2, normalize=False, value_range=None, scale_each=False, pad_value=0.0
):
    """
    Put images side by side.

    Parameters
    ----------
    tensor : Tensor or list of Tensor
        (N, channels, height, width), one image, or a list of images of one size. Grey images become
        three equal channels.
    nrow : int, default 8
        Images in a row.
    padding : int, default 2
        Pixels between images, and around them.
    normalize : bool, default False
        Shift and scale the values to the range from 0 to 1.
    value_range : (float, float), optional
        What becomes 0 and 1; the least and the greatest value unless given.
    scale_each : bool, default False
        Use the range of each image instead of that of all.
    pad_value : float, default 0.0
        The value between the images.

    Returns
    -------
    Tensor
        (channels, height, width).

    Raises
    ------
    TypeError
        `tensor` is something else, or `value_range` not a tuple of two numbers.
    ShapeError
        The images have not two to four dimensions, or differ in size.
    """
    if isinstance(tensor, (list, tuple)):
        if not tensor or not all(isinstance(image, Tensor) for image in tensor):
            raise TypeError(f"make_grid: tensor or list of tensors expected, got {type(tensor)}")
        if len({tuple(image.shape) for image in tensor}) > 1:
            shapes = sorted({tuple(image.shape) for image in tensor})
            raise ShapeError(f"make_grid: images of different shapes: {shapes}")
        array = np.stack([image._array for image in tensor])
    elif isinstance(tensor, Tensor):
        array = tensor._array
    else:
        raise TypeError(f"make_grid: tensor or list of tensors expected, got {type(tensor)}")
    images = _stack_of_images(array)
    if normalize:
        images = _normalized(images, value_range, scale_each)
    elif value_range is not None and not isinstance(value_range, tuple):
        raise TypeError("make_grid: value_range has to be a tuple (min, max) of numbers")
    count, channels, height, width = images.shape
    if count == 1:
        return Tensor._wrap(images[0].copy())
    columns = min(nrow, count)
    rows = math.ceil(count / columns)
    height, width = height + padding, width + padding
    size = (channels, height * rows + padding, width * columns + padding)
    grid = np.full(size, pad_value, images.dtype)
    for place, image in enumerate(images):
        top = place // columns * height + padding
        left = place % columns * width + padding
        grid[:, top : top + height - padding, left : left + width - padding] = image
    return Tensor._wrap(grid)


def _stack_of_images(array):
    """Return images of three (or more) channels, (N, channels, height, width)."""
    if array.ndim == 2:
        array = array[None]
    if array.ndim == 3:
        array = array[None]
    if array.ndim != 4:
        raise ShapeError(f"make_grid: images of 2 to 4 dimensions expected, got {array.shape}")
    return np.repeat(array, 3, axis=1) if array.shape[1] == 1 else array


def _normalized(images, value_range, scale_each):
    if value_range is not None and (not isinstance(value_range, tuple) or len(value_range) != 2):
        raise TypeError("make_grid: value_range has to be a tuple (min, max) of numbers")
    images = images.astype(images.dtype if images.dtype.kind == "f" else np.float32)
    for part in images if scale_each else [images]:
        if not part.size:
            continue
        low, high = value_range or (part.min(), part.max())
        np.clip(part, low, high, out=part)
        part -= part.dtype.type(low)
        part /= part.dtype.type(max(float(high) - float(low), 1e-5))
    return images


def save_image(tensor, fp, format=None, **kwargs):
    r"""
    Write images to a file, as a grid if there are several.

    Parameters
    ----------
    tensor : Tensor or list of Tensor
        As of `make_grid`. Values from 0 to 1 become bytes.
    fp : str, os.PathLike or file object
        Where to. PNG files are written by minitorch; other kinds by Pillow.
    format : str, optional
        The kind of file; by the end of its name unless given (PNG for file objects).
    \**kwargs
        As of `make_grid`.

    Raises
    ------
    ImportError
        Another kind than PNG is wanted, and Pillow is not installed.
    """
    grid = make_grid(tensor, **kwargs)._array
    # as torchvision: full brightness is 255, and halves are rounded up
    values = np.clip(grid.astype(np.float32) * 255 + 0.5, 0, 255)
    pixels = np.nan_to_num(values).astype(np.uint8).transpose(1, 2, 0)
    is_path = isinstance(fp, (str, os.PathLike))
    kind = (format or (Path(fp).suffix[1:] if is_path else "png")).lower()
    if kind != "png" or pixels.shape[2] not in (3, 4):
        try:
            from PIL import Image
        except ImportError as error:
            raise ImportError(
                f"save_image: {kind} files need Pillow: pip install pillow"
            ) from error
        Image.fromarray(np.ascontiguousarray(pixels)).save(fp, format=format)
        return
    content = encode_png(pixels)
    if is_path:
        Path(fp).write_bytes(content)
    else:
        fp.write(content)


def encode_png(pixels):
    """
    Return an image as the bytes of a PNG file.

    Parameters
    ----------
    pixels : numpy.ndarray
        uint8, (height, width), or (height, width, channels) with 1 to 4 channels: grey, grey and
        opacity, colour, colour and opacity.

    Returns
    -------
    bytes

    Notes
    -----
    Source of the format: ISO/IEC 15948, "Portable Network Graphics". Every line is stored as the
    difference from the one above (filter 2).
    """
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3):
        raise ShapeError(f"encode_png: bytes in 2 or 3 dimensions expected, got {pixels.shape}")
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    height, width, channels = pixels.shape
    if not height or not width or not 1 <= channels <= 4:
        raise ShapeError(f"encode_png: an image of shape {pixels.shape}")
    lines = np.empty((height, 1 + width * channels), np.uint8)
    lines[:, 0] = 2
    flat = pixels.reshape(height, -1)
    lines[0, 1:] = flat[0]
    np.subtract(flat[1:], flat[:-1], out=lines[1:, 1:])
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", zlib.compress(lines.tobytes(), 6)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind, content):
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
