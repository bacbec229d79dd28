"""The transforms' computations on PIL images, by Pillow (imported when the first one comes)."""

import sys

import numpy as np

from .interpolation import InterpolationMode

_RESAMPLING = {
    InterpolationMode.NEAREST: 0,
    InterpolationMode.LANCZOS: 1,
    InterpolationMode.BILINEAR: 2,
    InterpolationMode.BICUBIC: 3,
    InterpolationMode.BOX: 4,
    InterpolationMode.HAMMING: 5,
    InterpolationMode.NEAREST_EXACT: 0,
}


def is_pil(image):
    """Whether something is a PIL image; does not import Pillow."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(image, module.Image)


def require(what):
    """Import Pillow."""
    try:
        from PIL import Image, ImageEnhance, ImageFilter, ImageOps
    except ImportError as error:
        raise ImportError(f"{what}: PIL images need Pillow: pip install pillow") from error
    return Image, ImageEnhance, ImageFilter, ImageOps


def to_array(image):
    """Return the pixels, (height, width) or (height, width, channels)."""
    kinds = {"I": np.int32, "I;16": np.uint16, "F": np.float32}
    array = np.array(image, kinds.get(image.mode), copy=True)
    return array.astype(np.uint8) * 255 if image.mode == "1" else array


def channels(image):
    """Return how many channels an image has."""
    return len(image.getbands())


def filled(fill, image, name="fill"):
    """Return what Pillow takes as the value outside of an image."""
    count = channels(image)
    if fill is None:
        fill = 0
    if isinstance(fill, (int, float)):
        return (int(fill) if image.mode != "F" else fill,) * count if count > 1 else fill
    fill = tuple(fill)
    if len(fill) == 1:
        fill = fill * count
    if len(fill) != count:
        raise ValueError(
            f"{name}: the number of elements in 'fill' does not match the number of channels of "
            f"the image ({len(fill)} != {count})"
        )
    if image.mode != "F":
        fill = tuple(int(value) for value in fill)
    return fill if count > 1 else fill[0]


def pad(image, left, top, right, bottom, fill, mode):
    """Add pixels around."""
    Image, _, _, ImageOps = require("pad")
    if mode == "constant" and min(left, top, right, bottom) >= 0 and image.mode != "P":
        return ImageOps.expand(image, (left, top, right, bottom), filled(fill, image))
    if min(left, top, right, bottom) < 0:
        width, height = image.size
        cut = [max(-n, 0) for n in (left, top, right, bottom)]
        image = image.crop((cut[0], cut[1], width - cut[2], height - cut[3]))
        left, top, right, bottom = (max(n, 0) for n in (left, top, right, bottom))
        if mode == "constant":
            return pad(image, left, top, right, bottom, fill, mode)
    array = np.asarray(image)
    around = [(top, bottom), (left, right)] + [(0, 0)] * (array.ndim - 2)
    if mode == "constant":
        array = np.pad(array, around, constant_values=fill or 0)
    else:
        array = np.pad(array, around, mode=mode)
    result = Image.fromarray(array)
    if image.mode == "P":
        result.putpalette(image.getpalette())
    return result


def resize(image, height, width, interpolation):
    """Resize; Pillow always antialiases."""
    return image.resize((width, height), _RESAMPLING[interpolation])


def affine(image, matrix, height, width, interpolation, fill):
    """Apply the map from new to old pixel coordinates."""
    Image = require("affine")[0]
    return image.transform(
        (width, height),
        Image.Transform.AFFINE,
        matrix,
        _RESAMPLING[interpolation],
        fillcolor=filled(fill, image),
    )


def rotate(image, angle, interpolation, expand, center, fill):
    """Rotate against the clock."""
    return image.rotate(
        angle, _RESAMPLING[interpolation], expand, center, fillcolor=filled(fill, image)
    )


def perspective(image, coefficients, interpolation, fill):
    """Apply the projective map from new to old pixel coordinates."""
    Image = require("perspective")[0]
    return image.transform(
        image.size,
        Image.Transform.PERSPECTIVE,
        coefficients,
        _RESAMPLING[interpolation],
        fillcolor=filled(fill, image),
    )


def hflip(image):
    """Mirror left and right."""
    return image.transpose(require("hflip")[0].Transpose.FLIP_LEFT_RIGHT)


def vflip(image):
    """Mirror top and bottom."""
    return image.transpose(require("vflip")[0].Transpose.FLIP_TOP_BOTTOM)


def brightness(image, factor):
    """Mix with black."""
    return require("adjust_brightness")[1].Brightness(image).enhance(factor)


def contrast(image, factor):
    """Mix with the mean brightness."""
    return require("adjust_contrast")[1].Contrast(image).enhance(factor)


def saturation(image, factor):
    """Mix with the grey image."""
    return require("adjust_saturation")[1].Color(image).enhance(factor)


def sharpness(image, factor):
    """Mix with a blurred image."""
    return require("adjust_sharpness")[1].Sharpness(image).enhance(factor)


def hue(image, factor):
    """Turn the circle of colours by a fraction."""
    Image = require("adjust_hue")[0]
    if image.mode in ("L", "1", "I", "F"):
        return image
    h, s, v = image.convert("HSV").split()
    turned = np.asarray(h) + np.uint8(int(factor * 255) % 256)
    return Image.merge("HSV", (Image.fromarray(turned), s, v)).convert(image.mode)


def gamma(image, exponent, gain):
    """Raise the brightness to a power."""
    table = [int((255 + 1 - 1e-3) * gain * (value / 255.0) ** exponent) for value in range(256)]
    table = [max(0, min(255, value)) for value in table] * channels(image.convert("RGB"))
    return image.convert("RGB").point(table).convert(image.mode)


def invert(image):
    """Return the negative."""
    return require("invert")[3].invert(image)


def posterize(image, bits):
    """Keep the highest bits."""
    return require("posterize")[3].posterize(image, bits)


def solarize(image, threshold):
    """Return the negative of what is at least `threshold`."""
    return require("solarize")[3].solarize(image, threshold)


def autocontrast(image):
    """Stretch the values over the whole range."""
    return require("autocontrast")[3].autocontrast(image)


def equalize(image):
    """Even out the histogram."""
    return require("equalize")[3].equalize(image)


def grey(image, count):
    """Return the brightness, `count` times."""
    Image = require("to_grayscale")[0]
    single = image.convert("L")
    return single if count == 1 else Image.merge("RGB", (single,) * 3)
