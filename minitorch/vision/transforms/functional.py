"""Image transforms as functions.

Images are tensors of shape (..., channels, height, width), numpy arrays of shape (height, width) or
(height, width, channels), or PIL images; the result is of the same kind. The definitions are
torchvision's: for tensors and arrays those of its tensors, for PIL images Pillow's.
"""

from __future__ import annotations

import math
import numbers

import numpy as np

from ... import dtypes
from ...errors import ShapeError
from ...tensor import Tensor
from . import pil, planes
from .interpolation import InterpolationMode, mode_of

__all__ = [
    "InterpolationMode",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "adjust_sharpness",
    "affine",
    "autocontrast",
    "center_crop",
    "convert_image_dtype",
    "crop",
    "equalize",
    "erase",
    "five_crop",
    "gaussian_blur",
    "get_dimensions",
    "get_image_num_channels",
    "get_image_size",
    "hflip",
    "invert",
    "normalize",
    "pad",
    "perspective",
    "pil_to_tensor",
    "posterize",
    "resize",
    "resized_crop",
    "rgb_to_grayscale",
    "rotate",
    "solarize",
    "ten_crop",
    "to_grayscale",
    "to_pil_image",
    "to_tensor",
    "vflip",
]


def _check(name, image):
    if isinstance(image, Tensor):
        if image.ndim < 2:
            raise TypeError(
                f"{name}: Tensor is not a torch image: it has shape {tuple(image.shape)}"
            )
    elif isinstance(image, np.ndarray):
        if image.ndim not in (2, 3):
            raise ValueError(
                f"{name}: an array should be (height, width) or (height, width, channels), got "
                f"shape {image.shape}"
            )
    elif not pil.is_pil(image):
        raise TypeError(
            f"{name}: img should be a Tensor, a numpy array or a PIL image, got {type(image)}"
        )


def _apply(name, image, function):
    """Apply a function of planes to a tensor or an array."""
    _check(name, image)
    if isinstance(image, Tensor):
        array = image._array
        flat = array.ndim == 2
        result = function(array[None] if flat else array)
        return Tensor._wrap(np.ascontiguousarray(result[0] if flat else result))
    flat = image.ndim == 2
    result = function(image[None] if flat else image.transpose(2, 0, 1))
    return np.ascontiguousarray(result[0] if flat else result.transpose(1, 2, 0))


def _pair(name, value, what):
    if isinstance(value, numbers.Number):
        return int(value), int(value)
    if len(value) not in (1, 2):
        raise ValueError(f"{name}: {what} should be a number or 1 or 2 of them, got {value}")
    return int(value[0]), int(value[-1])


# ---- sizes


def get_dimensions(img):
    """Return [channels, height, width] of an image; see `hflip`."""
    _check("get_dimensions", img)
    if pil.is_pil(img):
        return [pil.channels(img), img.size[1], img.size[0]]
    if isinstance(img, Tensor):
        return [1 if img.ndim == 2 else img.shape[-3], *img.shape[-2:]]
    return [1 if img.ndim == 2 else img.shape[2], *img.shape[:2]]


def get_image_size(img):
    """Return [width, height] of an image; see `hflip`."""
    _, height, width = get_dimensions(img)
    return [width, height]


def get_image_num_channels(img):
    """Return how many channels an image has; see `hflip`."""
    return get_dimensions(img)[0]


# ---- kinds


def to_tensor(pic):
    """
    Make a tensor of an image.

    Parameters
    ----------
    pic : PIL image or numpy.ndarray
        (height, width) or (height, width, channels).

    Returns
    -------
    Tensor
        (channels, height, width). Bytes become floats from 0 to 1; other types stay.
    """
    if pil.is_pil(pic):
        array = pil.to_array(pic)
    elif isinstance(pic, np.ndarray):
        array = pic
    else:
        raise TypeError(f"to_tensor: pic should be PIL Image or ndarray. Got {type(pic)}")
    if array.ndim not in (2, 3):
        raise ValueError(f"to_tensor: pic should be 2/3 dimensional. Got {array.ndim} dimensions.")
    array = array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)
    if array.dtype == np.uint16:
        array = array.astype(np.int32)
    if array.dtype != np.uint8:
        return Tensor._wrap(array.copy(order="C"))
    return Tensor._wrap(unit(array))


def unit(array):
    """Return bytes as floats from 0 to 1, in C order."""
    kind = dtypes.get_default_dtype().numpy
    result = np.empty(array.shape, kind)
    np.divide(array, kind.type(255), out=result, dtype=kind)
    return result


def pil_to_tensor(pic):
    """Make a tensor of a PIL image, its values as they are.

    Parameters
    ----------
    pic : PIL image

    Returns
    -------
    Tensor
        (channels, height, width)
    """
    if not pil.is_pil(pic):
        raise TypeError(f"pil_to_tensor: pic should be PIL Image. Got {type(pic)}")
    array = np.array(pic, copy=True)
    if array.dtype == np.uint16:
        array = array.astype(np.int32)
    array = array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)
    return Tensor._wrap(np.ascontiguousarray(array))


def to_pil_image(pic, mode=None):
    """
    Make a PIL image.

    Parameters
    ----------
    pic : Tensor or numpy.ndarray
        A tensor (channels, height, width) or (height, width), an array (height, width, channels) or
        (height, width). Floats of a tensor, from 0 to 1, become bytes.
    mode : str, optional
        Pillow's mode; chosen by channels and type unless given.

    Returns
    -------
    PIL.Image.Image
    """
    Image = pil.require("to_pil_image")[0]
    if isinstance(pic, Tensor):
        if pic.ndim not in (2, 3):
            raise ValueError(
                f"to_pil_image: pic should be 2/3 dimensional. Got {pic.ndim} dimensions."
            )
        array = pic._array if pic.ndim == 3 else pic._array[None]
        if array.shape[0] > 4:
            raise ValueError(
                f"to_pil_image: pic should not have > 4 channels. Got {array.shape[0]} channels."
            )
        if array.dtype.kind == "f" and mode != "F":
            array = (array * 255).astype(np.uint8)
        array = np.moveaxis(array, 0, -1)
    elif isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(
                f"to_pil_image: pic should be 2/3 dimensional. Got {pic.ndim} dimensions."
            )
        array = pic if pic.ndim == 3 else pic[..., None]
        if array.shape[2] > 4:
            raise ValueError(
                f"to_pil_image: pic should not have > 4 channels. Got {array.shape[2]} channels."
            )
    else:
        raise TypeError(f"to_pil_image: pic should be Tensor or ndarray. Got {type(pic)}.")
    array = np.ascontiguousarray(array)
    count = array.shape[2]
    if count == 1:
        array = array[..., 0]
        known = {"uint8": "L", "int16": "I;16", "int32": "I", "float32": "F"}
        own = known.get(array.dtype.name)
        if own is None:
            raise TypeError(f"to_pil_image: Input type {array.dtype} is not supported")
        if mode is not None and mode != own:
            raise ValueError(
                f"to_pil_image: Incorrect mode ({mode}) supplied for input type {array.dtype}. "
                f"Should be {own}"
            )
        if own == "I;16":
            array = array.astype(np.uint16)
        return Image.fromarray(array)
    allowed = {2: ["LA"], 3: ["RGB", "YCbCr", "HSV"], 4: ["RGBA", "CMYK", "RGBX"]}[count]
    if mode is not None and mode not in allowed:
        raise ValueError(f"to_pil_image: Only modes {allowed} are supported for {count}D inputs")
    if array.dtype != np.uint8:
        raise TypeError(f"to_pil_image: Input type {array.dtype} is not supported")
    if mode in (None, allowed[0]):
        return Image.fromarray(array)
    size = (array.shape[1], array.shape[0])
    return Image.frombytes(mode, size, array.tobytes())


def convert_image_dtype(image, dtype=dtypes.float32):
    """
    Convert an image to another type: full brightness stays full brightness.

    Parameters
    ----------
    image : Tensor or numpy.ndarray
        Floats are from 0 to 1, integers from 0 to their largest value.
    dtype : dtype

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    RuntimeError
        The floats are not precise enough for the integers.
    """
    if not isinstance(image, (Tensor, np.ndarray)):
        raise TypeError(f"convert_image_dtype: Input img should be Tensor Image, got {type(image)}")
    kind = dtypes.of(dtype)
    if isinstance(image, Tensor):
        return Tensor._wrap(planes.convert(image._array, kind.numpy))
    return planes.convert(image, kind.numpy)


def normalize(tensor, mean, std, inplace=False):
    """
    Subtract a mean from each channel and divide by a standard deviation.

    Parameters
    ----------
    tensor : Tensor or numpy.ndarray
        Floating point.
    mean, std : sequence of float
        One number per channel.
    inplace : bool, default False
        Change `tensor` itself.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        The image is not floating-point.
    ValueError
        `std` has a zero.
    ShapeError
        There are neither one nor as many numbers as channels.
    """
    if not isinstance(tensor, (Tensor, np.ndarray)):
        raise TypeError(f"normalize: img should be Tensor Image. Got {type(tensor)}")
    array = tensor._array if isinstance(tensor, Tensor) else tensor
    if array.dtype.kind != "f":
        raise TypeError(
            f"normalize: Input tensor should be a float tensor. Got {array.dtype}. (ToTensor first)"
        )
    if array.ndim < 3 and isinstance(tensor, Tensor):
        raise ShapeError(
            "normalize: Expected tensor to be a tensor image of size (..., C, H, W). Got "
            f"tensor.size() = {tuple(array.shape)}"
        )
    mean, std = (np.atleast_1d(np.asarray(v, dtype=array.dtype)) for v in (mean, std))
    if not std.all():
        raise ValueError(f"normalize: std evaluated to zero, leading to division by zero: {std}")
    count = get_image_num_channels(tensor)
    for name, values in (("mean", mean), ("std", std)):
        if len(values) not in (1, count):
            raise ShapeError(
                f"normalize: {len(values)} values of {name} for an image of {count} channels"
            )
    if isinstance(tensor, Tensor):
        mean, std = mean[:, None, None], std[:, None, None]
    result = np.subtract(array, mean, out=array if inplace else None)
    result /= std
    if inplace:
        return tensor
    return Tensor._wrap(result) if isinstance(tensor, Tensor) else result


# ---- cutting and padding


def crop(img, top, left, height, width):
    """
    Cut out a rectangle; what lies outside of the image is 0.

    Parameters
    ----------
    img : Tensor, numpy.ndarray or PIL image
    top, left : int
        The first row and column.
    height, width : int

    Returns
    -------
    of the same kind as `img`
    """
    if pil.is_pil(img):
        return img.crop((left, top, left + width, top + height))
    return _apply("crop", img, lambda p: planes.crop(p, top, left, height, width))


def _padding(name, padding):
    if isinstance(padding, numbers.Number):
        return (int(padding),) * 4
    if len(padding) not in (1, 2, 4):
        raise ValueError(
            f"{name}: Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} "
            "element tuple"
        )
    values = [int(value) for value in padding]
    return (values * 4)[:4] if len(values) < 4 else values


def pad(img, padding, fill=0, padding_mode="constant"):
    """
    Add pixels around an image.

    Parameters
    ----------
    img : Tensor, numpy.ndarray or PIL image
    padding : int or sequence of int
        All sides; (left and right, top and bottom); or (left, top, right, bottom). Negative numbers
        cut off.
    fill : number or sequence, default 0
        The value of new pixels, or one per channel.
    padding_mode : str
        ``"constant"``; ``"edge"`` repeats the last pixel; ``"reflect"`` mirrors without repeating
        it; ``"symmetric"`` mirrors and repeats it.

    Returns
    -------
    of the same kind as `img`
    """
    left, top, right, bottom = _padding("pad", padding)
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError(
            "pad: Padding mode should be either constant, edge, reflect or symmetric, got "
            f"{padding_mode!r}"
        )
    if pil.is_pil(img):
        return pil.pad(img, left, top, right, bottom, fill, padding_mode)
    return _apply("pad", img, lambda p: planes.pad(p, left, top, right, bottom, fill, padding_mode))


def center_crop(img, output_size):
    """Cut out the middle; smaller images are padded with 0. See `hflip`.

    Parameters
    ----------
    output_size : int or (int, int)
        Side of a square, or height and width.
    """
    height, width = _pair("center_crop", output_size, "output_size")
    _, rows, columns = get_dimensions(img)
    if width > columns or height > rows:
        left, top = max(width - columns, 0) // 2, max(height - rows, 0) // 2
        right, bottom = (max(width - columns, 0) + 1) // 2, (max(height - rows, 0) + 1) // 2
        img = pad(img, [left, top, right, bottom], fill=0)
        _, rows, columns = get_dimensions(img)
    return crop(img, round((rows - height) / 2.0), round((columns - width) / 2.0), height, width)


def five_crop(img, size):
    """Return the four corners and the middle; see `hflip`.

    Parameters
    ----------
    size : int or (int, int)
        Side of squares, or height and width.
    """
    height, width = _pair("five_crop", size, "size")
    _, rows, columns = get_dimensions(img)
    if width > columns or height > rows:
        raise ValueError(
            f"five_crop: Requested crop size {(height, width)} is bigger than input size "
            f"{(rows, columns)}"
        )
    corners = [(0, 0), (0, columns - width), (rows - height, 0), (rows - height, columns - width)]
    crops = [crop(img, top, left, height, width) for top, left in corners]
    return (*crops, center_crop(img, [height, width]))


def ten_crop(img, size, vertical_flip=False):
    """Return `five_crop` of an image and of its mirror image; see `five_crop`.

    Parameters
    ----------
    vertical_flip : bool
        Mirror top to bottom.
    """
    mirrored = vflip(img) if vertical_flip else hflip(img)
    return five_crop(img, size) + five_crop(mirrored, size)


def resized_crop(
    img, top, left, height, width, size, interpolation=InterpolationMode.BILINEAR, antialias=True
):
    """Cut out a rectangle and resize it; arguments as of `crop` and `resize`."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def hflip(img):
    """Mirror left and right.

    Parameters
    ----------
    img : Tensor, numpy.ndarray or PIL image

    Returns
    -------
    of the same kind as `img`
    """
    return pil.hflip(img) if pil.is_pil(img) else _apply("hflip", img, lambda p: p[..., ::-1])


def vflip(img):
    """Mirror top and bottom; see `hflip`."""
    return pil.vflip(img) if pil.is_pil(img) else _apply("vflip", img, lambda p: p[..., ::-1, :])


def erase(img, i, j, h, w, v, inplace=False):
    """
    Overwrite a rectangle.

    Parameters
    ----------
    img : Tensor or numpy.ndarray
    i, j : int
        The first row and column.
    h, w : int
        Height and width.
    v : Tensor, numpy.ndarray or number
        What is written.
    inplace : bool, default False
        Change `img` itself.

    Returns
    -------
    Tensor or numpy.ndarray
    """
    if not isinstance(img, (Tensor, np.ndarray)):
        raise TypeError(f"erase: img should be Tensor Image. Got {type(img)}")
    result = img if inplace else img.copy() if isinstance(img, np.ndarray) else img.clone()
    value = v._array if isinstance(v, Tensor) else v
    if isinstance(result, Tensor):
        result._array[..., i : i + h, j : j + w] = value
    else:
        result[i : i + h, j : j + w] = value
    return result


# ---- resizing


def _resized(name, size, rows, columns, max_size):
    """Return the new (height, width)."""
    if isinstance(size, numbers.Number):
        size = [int(size)]
    if size is None:
        if max_size is None:
            raise ValueError(f"{name}: max_size must be an integer when size is None")
        scale = max_size / max(rows, columns)
        return max(1, int(rows * scale)), max(1, int(columns * scale))
    if len(size) not in (1, 2):
        raise ValueError(
            f"{name}: Size must be an int or a 1 or 2 element tuple/list, not a "
            f"{len(size)} element tuple/list"
        )
    if len(size) == 2:
        if max_size is not None:
            raise ValueError(
                f"{name}: max_size should only be passed if size specifies the length of the "
                "smaller edge"
            )
        return int(size[0]), int(size[1])
    (short,) = size
    low, high = (columns, rows) if columns <= rows else (rows, columns)
    new_low, new_high = short, int(short * high / low)
    if max_size is not None:
        if max_size <= short:
            raise ValueError(
                f"{name}: max_size = {max_size} must be strictly greater than the requested size "
                f"for the smaller edge size = {short}"
            )
        if new_high > max_size:
            new_low, new_high = int(max_size * new_low / new_high), max_size
    return (new_high, new_low) if columns <= rows else (new_low, new_high)


def resize(img, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
    """
    Resize an image.

    Parameters
    ----------
    img : Tensor, numpy.ndarray or PIL image
    size : int or sequence of int
        (height, width); or the smaller of them, the other in proportion.
    interpolation : InterpolationMode
        ``NEAREST``, ``NEAREST_EXACT``, ``BILINEAR`` or ``BICUBIC``; for PIL images also the others.
    max_size : int, optional
        A bound for the larger side when `size` is one number.
    antialias : bool, default True
        Average over all pixels that a smaller one covers. (Pillow always does.)

    Returns
    -------
    of the same kind as `img`
    """
    mode = mode_of("resize", interpolation)
    _, rows, columns = get_dimensions(img)
    height, width = _resized("resize", size, rows, columns, max_size)
    if height < 1 or width < 1:
        raise ShapeError(f"resize: the size ({height}, {width}) is empty: image {(rows, columns)}")
    if (height, width) == (rows, columns):
        return img
    if pil.is_pil(img):
        return pil.resize(img, height, width, mode)
    if mode.value not in ("nearest", "nearest-exact", "bilinear", "bicubic"):
        raise ValueError(f"resize: interpolation {mode.value} is for PIL images only")
    return _apply(
        "resize", img, lambda p: planes.resize(p, height, width, mode.value, bool(antialias))
    )


# ---- maps of the plane


def _inverse_affine(center, angle, translate, scale, shear):
    """Return the map from new to old coordinates, as six numbers.

    The image is scaled, sheared and rotated about `center`, then moved.
    """
    turn, sx, sy = (math.radians(value) for value in (angle, *shear))
    a = math.cos(turn - sy) / math.cos(sy)
    b = -a * math.tan(sx) - math.sin(turn)
    c = math.sin(turn - sy) / math.cos(sy)
    d = -c * math.tan(sx) + math.cos(turn)
    m = [d / scale, -b / scale, -c / scale, a / scale]
    x, y = -center[0] - translate[0], -center[1] - translate[1]
    return [
        m[0], m[1], m[0] * x + m[1] * y + center[0],
        m[2], m[3], m[2] * x + m[3] * y + center[1],
    ]  # fmt: skip


def _sampled(name, interpolation):
    mode = mode_of(name, interpolation)
    if mode.value not in ("nearest", "bilinear"):
        raise ValueError(
            f"{name}: interpolation should be nearest or bilinear for tensors and arrays, got "
            f"{mode.value}"
        )
    return mode.value


def rotate(
    img, angle, interpolation=InterpolationMode.NEAREST, expand=False, center=None, fill=None
):
    """
    Rotate an image.

    Parameters
    ----------
    img : Tensor, numpy.ndarray or PIL image
    angle : float
        Degrees, against the clock.
    interpolation : InterpolationMode
        ``NEAREST`` or ``BILINEAR``; for PIL images also ``BICUBIC``.
    expand : bool, default False
        Make the result large enough to hold all of the image.
    center : sequence of float, optional
        (x, y), from the upper left corner; the middle unless given.
    fill : number or sequence, optional
        The value outside of the image; 0 unless given.

    Returns
    -------
    of the same kind as `img`
    """
    if not isinstance(angle, numbers.Number):
        raise TypeError(f"rotate: Argument angle should be int or float, got {angle!r}")
    if center is not None and (isinstance(center, numbers.Number) or len(center) != 2):
        raise TypeError(f"rotate: Argument center should be a sequence of 2, got {center!r}")
    if pil.is_pil(img):
        mode = mode_of("rotate", interpolation)
        return pil.rotate(img, angle, mode, expand, center, fill)
    mode = _sampled("rotate", interpolation)
    _, rows, columns = get_dimensions(img)
    middle = [0.0, 0.0]
    if center is not None:
        middle = [center[0] - columns * 0.5, center[1] - rows * 0.5]
    matrix = _inverse_affine(middle, -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    height, width = _expanded(matrix, rows, columns) if expand else (rows, columns)
    return _apply("rotate", img, lambda p: planes.affine(p, matrix, height, width, mode, fill))


def _expanded(matrix, rows, columns):
    """Return the size that holds a whole rotated image."""
    x = np.array([-0.5, -0.5, 0.5, 0.5]) * columns
    y = np.array([-0.5, 0.5, 0.5, -0.5]) * rows
    places = np.stack([
        matrix[0] * x + matrix[1] * y + matrix[2] + columns * 0.5,
        matrix[3] * x + matrix[4] * y + matrix[5] + rows * 0.5,
    ])  # fmt: skip
    width, height = np.ceil(places.max(1) - 1e-4) - np.floor(places.min(1) + 1e-4)
    return int(height), int(width)


def affine(
    img,
    angle,
    translate,
    scale,
    shear,
    interpolation=InterpolationMode.NEAREST,
    fill=None,
    center=None,
):
    """
    Rotate, move, scale and shear an image.

    Parameters
    ----------
    img : Tensor, numpy.ndarray or PIL image
    angle : float
        Degrees, with the clock.
    translate : sequence of int
        Pixels to the right and down.
    scale : float
        Above 0.
    shear : float or sequence of float
        Degrees, along x and y.
    interpolation, fill, center
        As of `rotate`.

    Returns
    -------
    of the same kind as `img`
    """
    if not isinstance(angle, numbers.Number):
        raise TypeError(f"affine: Argument angle should be int or float, got {angle!r}")
    if isinstance(translate, numbers.Number) or len(translate) != 2:
        raise ValueError(f"affine: translate should be a sequence of length 2, got {translate}")
    if scale <= 0.0:
        raise ValueError(f"affine: Argument scale should be positive, got {scale}")
    shear = [shear] if isinstance(shear, numbers.Number) else list(shear)
    if len(shear) not in (1, 2):
        raise ValueError(f"affine: Shear should be a sequence containing two values. Got {shear}")
    shear = [shear[0], shear[1] if len(shear) == 2 else 0.0]
    _, rows, columns = get_dimensions(img)
    if pil.is_pil(img):
        middle = [columns * 0.5, rows * 0.5] if center is None else center
        matrix = _inverse_affine(middle, angle, translate, scale, shear)
        mode = mode_of("affine", interpolation)
        return pil.affine(img, matrix, rows, columns, mode, fill)
    mode = _sampled("affine", interpolation)
    middle = [0.0, 0.0]
    if center is not None:
        middle = [center[0] - columns * 0.5, center[1] - rows * 0.5]
    matrix = _inverse_affine(middle, angle, translate, scale, shear)
    return _apply("affine", img, lambda p: planes.affine(p, matrix, rows, columns, mode, fill))


def perspective(img, startpoints, endpoints, interpolation=InterpolationMode.BILINEAR, fill=None):
    """
    Apply the projective map that takes four points to four others.

    Parameters
    ----------
    img : Tensor, numpy.ndarray or PIL image
    startpoints, endpoints : sequence of four (x, y)
        Corners: upper left, upper right, lower right, lower left.
    interpolation, fill
        As of `rotate`.

    Returns
    -------
    of the same kind as `img`
    """
    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ValueError("perspective: startpoints and endpoints should be four points each")
    rows = []
    for (x, y), (u, v) in zip(endpoints, startpoints, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    targets = np.array(startpoints, np.float64).reshape(8)
    coefficients = np.linalg.lstsq(np.array(rows, np.float64), targets, rcond=None)[0].tolist()
    if pil.is_pil(img):
        return pil.perspective(img, coefficients, mode_of("perspective", interpolation), fill)
    mode = _sampled("perspective", interpolation)
    return _apply("perspective", img, lambda p: planes.perspective(p, coefficients, mode, fill))


# ---- colours


def _check_factor(name, what, value):
    if value < 0:
        raise ValueError(f"{name}: {what} ({value}) is not non-negative")


def _coloured(name, img):
    count = get_image_num_channels(img)
    if count not in (1, 3):
        raise TypeError(
            f"{name}: Input image tensor permitted channel values are 1 or 3, but found {count}"
        )


def adjust_brightness(img, brightness_factor):
    """Mix an image with black; see `hflip`.

    Parameters
    ----------
    brightness_factor : float
        0 gives black, 1 the image, 2 twice its brightness.
    """
    _check_factor("adjust_brightness", "brightness_factor", brightness_factor)
    if pil.is_pil(img):
        return pil.brightness(img, brightness_factor)
    _coloured("adjust_brightness", img)
    return _apply("adjust_brightness", img, lambda p: planes.brightness(p, brightness_factor))


def adjust_contrast(img, contrast_factor):
    """Mix an image with its mean brightness; see `hflip`.

    Parameters
    ----------
    contrast_factor : float
        0 gives uniform grey, 1 the image.
    """
    _check_factor("adjust_contrast", "contrast_factor", contrast_factor)
    if pil.is_pil(img):
        return pil.contrast(img, contrast_factor)
    _coloured("adjust_contrast", img)
    return _apply("adjust_contrast", img, lambda p: planes.contrast(p, contrast_factor))


def adjust_saturation(img, saturation_factor):
    """Mix an image with its grey version; see `hflip`.

    Parameters
    ----------
    saturation_factor : float
        0 gives grey, 1 the image.
    """
    _check_factor("adjust_saturation", "saturation_factor", saturation_factor)
    if pil.is_pil(img):
        return pil.saturation(img, saturation_factor)
    _coloured("adjust_saturation", img)
    return _apply("adjust_saturation", img, lambda p: planes.saturation(p, saturation_factor))


def adjust_hue(img, hue_factor):
    """Turn the circle of colours; see `hflip`.

    Parameters
    ----------
    hue_factor : float
        The fraction of the circle, from -0.5 to 0.5.
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"adjust_hue: hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    if pil.is_pil(img):
        return pil.hue(img, hue_factor)
    _coloured("adjust_hue", img)
    return _apply("adjust_hue", img, lambda p: planes.hue(p, hue_factor))


def adjust_gamma(img, gamma, gain=1):
    """Raise the brightness, from 0 to 1, to a power: ``gain * img ** gamma``; see `hflip`.

    Parameters
    ----------
    gamma, gain : float
        Not negative.
    """
    _check_factor("adjust_gamma", "gamma", gamma)
    if pil.is_pil(img):
        return pil.gamma(img, gamma, gain)
    return _apply("adjust_gamma", img, lambda p: planes.gamma(p, gamma, gain))


def adjust_sharpness(img, sharpness_factor):
    """Mix an image with a blurred version; see `hflip`.

    Parameters
    ----------
    sharpness_factor : float
        0 gives the blurred one, 1 the image.
    """
    _check_factor("adjust_sharpness", "sharpness_factor", sharpness_factor)
    if pil.is_pil(img):
        return pil.sharpness(img, sharpness_factor)
    return _apply("adjust_sharpness", img, lambda p: planes.sharpness(p, sharpness_factor))


def rgb_to_grayscale(img, num_output_channels=1):
    """Return the brightness of an RGB image, ``0.2989 r + 0.587 g + 0.114 b``; see `hflip`.

    Parameters
    ----------
    num_output_channels : int
        1 or 3.
    """
    if num_output_channels not in (1, 3):
        raise ValueError("rgb_to_grayscale: num_output_channels should be either 1 or 3")
    if pil.is_pil(img):
        return pil.grey(img, num_output_channels)
    _coloured("rgb_to_grayscale", img)
    return _apply(
        "rgb_to_grayscale",
        img,
        lambda p: np.repeat(planes.grey(p), num_output_channels, axis=-3),
    )


def to_grayscale(img, num_output_channels=1):
    """Return the brightness of an image; see `rgb_to_grayscale`."""
    return rgb_to_grayscale(img, num_output_channels)


def invert(img):
    """Return the negative; see `hflip`."""
    return pil.invert(img) if pil.is_pil(img) else _apply("invert", img, planes.invert)


def _bytes_only(name, img):
    dtype = img._array.dtype if isinstance(img, Tensor) else img.dtype
    if dtype != np.uint8:
        raise TypeError(f"{name}: Only torch.uint8 image tensors are supported, but found {dtype}")


def posterize(img, bits):
    """Keep the highest bits of bytes; see `hflip`.

    Parameters
    ----------
    bits : int
        From 0 to 8.
    """
    if not 0 <= bits <= 8:
        raise ValueError(f"posterize: The number if bits should be between 0 and 8. Got {bits}")
    if pil.is_pil(img):
        return pil.posterize(img, bits)
    _check("posterize", img)
    _bytes_only("posterize", img)
    return _apply("posterize", img, lambda p: planes.posterize(p, bits))


def solarize(img, threshold):
    """Invert all values that are high; see `hflip`.

    Parameters
    ----------
    threshold : number
        The least that is inverted.
    """
    if pil.is_pil(img):
        return pil.solarize(img, threshold)
    _check("solarize", img)
    limit = planes.bound((img._array if isinstance(img, Tensor) else img).dtype)
    if threshold > limit:
        raise TypeError(f"solarize: Threshold should be less than bound of img: {limit}")
    return _apply("solarize", img, lambda p: planes.solarize(p, threshold))


def autocontrast(img):
    """Stretch the values of each channel over the whole range; see `hflip`."""
    return (
        pil.autocontrast(img)
        if pil.is_pil(img)
        else _apply("autocontrast", img, planes.autocontrast)
    )


def equalize(img):
    """Even out the histogram of each channel of bytes; see `hflip`."""
    if pil.is_pil(img):
        return pil.equalize(img)
    _check("equalize", img)
    _bytes_only("equalize", img)
    return _apply("equalize", img, planes.equalize)


def gaussian_blur(img, kernel_size, sigma=None):
    """
    Blur with a Gaussian; the border is mirrored.

    Parameters
    ----------
    img : Tensor, numpy.ndarray or PIL image
    kernel_size : int or sequence of int
        (width, height), odd.
    sigma : float or sequence of float, optional
        Along x and y; ``0.3 ((size - 1) / 2 - 1) + 0.8`` unless given.

    Returns
    -------
    of the same kind as `img`
    """
    size = _pair("gaussian_blur", kernel_size, "kernel_size")
    if any(k < 1 or k % 2 == 0 for k in size):
        raise ValueError(
            f"gaussian_blur: kernel_size should have odd and positive integers. Got {kernel_size}"
        )
    if sigma is None:
        sigma = [k * 0.15 + 0.35 for k in size]
    elif isinstance(sigma, numbers.Number):
        sigma = [float(sigma)] * 2
    elif len(sigma) not in (1, 2):
        raise ValueError(
            f"gaussian_blur: If sigma is a sequence, its length should be 2. Got {len(sigma)}"
        )
    if any(s <= 0 for s in sigma):
        raise ValueError(f"gaussian_blur: sigma should have positive values. Got {sigma}")
    sigma = [float(sigma[0]), float(sigma[-1])]
    _, rows, columns = get_dimensions(img)
    if size[0] // 2 >= columns or size[1] // 2 >= rows:
        raise ShapeError(
            f"gaussian_blur: a kernel of {size} needs a larger image than {(rows, columns)}"
        )
    if pil.is_pil(img):
        array = _apply("gaussian_blur", np.array(img), lambda p: planes.blur(p, size, sigma))
        return to_pil_image(array, img.mode if array.ndim == 3 else None)
    return _apply("gaussian_blur", img, lambda p: planes.blur(p, size, sigma))
