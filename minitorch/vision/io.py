"""``torchvision.io``: images from files and into them, through Pillow."""

from __future__ import annotations

import enum
import io as _io

import numpy as np

from ..creation import from_numpy

__all__ = ["ImageReadMode", "decode_image", "read_image", "write_jpeg", "write_png"]


class ImageReadMode(enum.Enum):
    """What `read_image` makes of the colours."""

    UNCHANGED, GRAY, GRAY_ALPHA, RGB, RGB_ALPHA = range(5)


_MODES = {"GRAY": "L", "GRAY_ALPHA": "LA", "RGB": "RGB", "RGB_ALPHA": "RGBA"}


def read_image(path, mode=ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False):
    """Read an image.

    Parameters
    ----------
    path : path or binary file
    mode : ImageReadMode or str
    apply_exif_orientation : bool
        Turn the image as its EXIF data says.

    Returns
    -------
    Tensor
        uint8, (channels, height, width).
    """
    from PIL import Image, ImageOps

    with Image.open(path) as image:
        if apply_exif_orientation:
            image = ImageOps.exif_transpose(image)
        wanted = _MODES.get(mode if isinstance(mode, str) else mode.name)
        if wanted or image.mode in ("P", "1"):
            image = image.convert(wanted or "RGB")
        array = np.array(image)
    return from_numpy(np.ascontiguousarray(np.atleast_3d(array).transpose(2, 0, 1)))


def decode_image(input, mode=ImageReadMode.UNCHANGED, device="cpu", apply_exif_orientation=False):
    """Read an image from a uint8 tensor of a file's bytes, or from a path; see `read_image`.

    Parameters
    ----------
    input : Tensor or path
    device : optional
        ``"cpu"``.
    """
    source = _io.BytesIO(input.numpy().tobytes()) if hasattr(input, "numpy") else input
    return read_image(source, mode, apply_exif_orientation)


def _write(input, filename, **options):
    try:
        from PIL import Image
    except ImportError:
        raise ImportError("vision.io: writing images needs Pillow: pip install pillow") from None
    array = input.numpy().transpose(1, 2, 0)
    Image.fromarray(array[..., 0] if array.shape[2] == 1 else array).save(filename, **options)


def write_png(input, filename, compression_level: int = 6) -> None:
    """Write a uint8 tensor (1 or 3 channels, height, width) as PNG.

    Parameters
    ----------
    input : Tensor
    filename : path
    compression_level : int
        From 0 to 9.
    """
    _write(input, filename, format="PNG", compress_level=compression_level)


def write_jpeg(input, filename, quality: int = 75) -> None:
    """Write a uint8 tensor (1 or 3 channels, height, width) as JPEG.

    Parameters
    ----------
    input : Tensor
    filename : path
    quality : int
        From 1 to 100.
    """
    _write(input, filename, format="JPEG", quality=quality)
