"""Image transforms as objects. What they draw at random comes from minitorch's generator."""

from __future__ import annotations

import math
import numbers

import numpy as np

from ...nn import Module
from ...tensor import Tensor
from . import draw, pil
from . import functional as F
from .interpolation import InterpolationMode, mode_of

__all__ = [
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "ConvertImageDtype",
    "Cutout",
    "FiveCrop",
    "GaussianBlur",
    "Grayscale",
    "InterpolationMode",
    "Lambda",
    "Normalize",
    "PILToTensor",
    "Pad",
    "RandomAdjustSharpness",
    "RandomAffine",
    "RandomApply",
    "RandomAutocontrast",
    "RandomChoice",
    "RandomCrop",
    "RandomEqualize",
    "RandomErasing",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomInvert",
    "RandomOrder",
    "RandomPerspective",
    "RandomPosterize",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomSizedCrop",
    "RandomSolarize",
    "RandomVerticalFlip",
    "Resize",
    "Scale",
    "TenCrop",
    "ToPILImage",
    "ToTensor",
]


class Transform(Module):
    """What all transforms share: a module whose call is its forward."""

    _shown = ()  # the names of the attributes that repr shows

    def __call__(self, *args, **kwargs):
        return self.forward(*args, **kwargs)

    def forward(self, img):
        """Return the transformed image.

        Parameters
        ----------
        img : Tensor, numpy.ndarray or PIL image
            (..., channels, height, width), or as of `functional`.
        """
        return super().forward(img)

    def __repr__(self):
        shown = []
        for name in self._shown:
            value = getattr(self, name)
            shown.append(f"{name}={getattr(value, 'value', value)}")
        return f"{type(self).__name__}({', '.join(shown)})"


class _List(Transform):
    """Several transforms."""

    def __init__(self, transforms):
        super().__init__()
        self.transforms = transforms

    def __repr__(self):
        inner = "".join(f"\n    {t}" for t in self.transforms)
        return f"{type(self).__name__}({inner}\n)"


class Compose(_List):
    """
    Apply transforms one after the other.

    Parameters
    ----------
    transforms : sequence of callable
    """

    def forward(self, img):
        for transform in self.transforms:
            img = transform(img)
        return img


def _pair_of(value):
    if isinstance(value, numbers.Number):
        return (int(value), int(value))
    if len(value) == 1:
        return (value[0], value[0])
    if len(value) != 2:
        raise ValueError("Please provide only two dimensions (h, w) for size.")
    return tuple(value)


# ---- kinds and values


class ToTensor(Transform):
    """Make a tensor (channels, height, width) of a PIL image or array; bytes become 0 to 1."""

    def forward(self, pic):
        """See `functional.to_tensor`."""
        return F.to_tensor(pic)


class PILToTensor(Transform):
    """Make a tensor (channels, height, width) of a PIL image, its values as they are."""

    def forward(self, pic):
        """See `functional.pil_to_tensor`."""
        return F.pil_to_tensor(pic)


class ToPILImage(Transform):
    """
    Make a PIL image of a tensor or array.

    Parameters
    ----------
    mode : str, optional
        Pillow's mode; chosen by channels and type unless given.
    """

    _shown = ("mode",)

    def __init__(self, mode=None):
        super().__init__()
        self.mode = mode

    def forward(self, pic):
        """See `functional.to_pil_image`."""
        return F.to_pil_image(pic, self.mode)


class ConvertImageDtype(Transform):
    """
    Convert to another type; full brightness stays full brightness.

    Parameters
    ----------
    dtype : dtype
    """

    _shown = ("dtype",)

    def __init__(self, dtype):
        super().__init__()
        self.dtype = dtype

    def forward(self, image):
        """See `functional.convert_image_dtype`."""
        return F.convert_image_dtype(image, self.dtype)


class Normalize(Transform):
    """
    Subtract a mean from each channel and divide by a standard deviation.

    Parameters
    ----------
    mean, std : sequence of float
        One number per channel.
    inplace : bool, default False
        Change the given tensor itself.
    """

    _shown = ("mean", "std")

    def __init__(self, mean, std, inplace=False):
        super().__init__()
        self.mean, self.std, self.inplace = mean, std, inplace

    def forward(self, tensor):
        """See `functional.normalize`."""
        return F.normalize(tensor, self.mean, self.std, self.inplace)


class Lambda(Transform):
    """
    Apply a function.

    Parameters
    ----------
    lambd : callable
    """

    def __init__(self, lambd):
        super().__init__()
        if not callable(lambd):
            raise TypeError(
                f"Lambda: Argument lambd should be callable, got {type(lambd).__name__}"
            )
        self.lambd = lambd

    def forward(self, img):
        return self.lambd(img)


class Grayscale(Transform):
    """
    Keep the brightness only.

    Parameters
    ----------
    num_output_channels : int, default 1
        1 or 3.
    """

    _shown = ("num_output_channels",)

    def __init__(self, num_output_channels=1):
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, img):
        """See `functional.rgb_to_grayscale`."""
        return F.rgb_to_grayscale(img, self.num_output_channels)


# ---- sizes


class Resize(Transform):
    """
    Resize an image.

    Parameters
    ----------
    size : int or sequence of int
        (height, width); or the smaller of them, the other in proportion.
    interpolation : InterpolationMode
    max_size : int, optional
        A bound for the larger side when `size` is one number.
    antialias : bool, default True
    """

    _shown = ("size", "interpolation", "max_size", "antialias")

    def __init__(
        self, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True
    ):
        super().__init__()
        if not isinstance(size, (int, list, tuple)) and size is not None:
            raise TypeError(f"Resize: Size should be int or sequence. Got {type(size)}")
        if isinstance(size, (list, tuple)) and len(size) not in (1, 2):
            raise ValueError(
                f"Resize: If size is a sequence, it should have 1 or 2 values, got {size}"
            )
        self.size, self.max_size = size, max_size
        self.interpolation = mode_of("Resize", interpolation)
        self.antialias = antialias

    def forward(self, img):
        """See `functional.resize`."""
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)


class Scale(Resize):
    """The old name of `Resize`."""


class CenterCrop(Transform):
    """
    Cut out the middle; smaller images are padded with 0.

    Parameters
    ----------
    size : int or sequence of int
        (height, width), or of a square.
    """

    _shown = ("size",)

    def __init__(self, size):
        super().__init__()
        self.size = _pair_of(size)

    def forward(self, img):
        """See `functional.center_crop`."""
        return F.center_crop(img, self.size)


class Pad(Transform):
    """
    Add pixels around an image.

    Parameters
    ----------
    padding : int or sequence of int
        All sides; (left and right, top and bottom); or (left, top, right, bottom).
    fill : number or sequence, default 0
    padding_mode : str
        ``"constant"``, ``"edge"``, ``"reflect"`` or ``"symmetric"``.
    """

    _shown = ("padding", "fill", "padding_mode")

    def __init__(self, padding, fill=0, padding_mode="constant"):
        super().__init__()
        F._padding("Pad", padding)
        if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
            raise ValueError(
                "Pad: Padding mode should be either constant, edge, reflect or symmetric, got "
                f"{padding_mode!r}"
            )
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    def forward(self, img):
        """See `functional.pad`."""
        return F.pad(img, self.padding, self.fill, self.padding_mode)


class FiveCrop(Transform):
    """
    Return the four corners and the middle.

    Parameters
    ----------
    size : int or sequence of int
        (height, width), or of squares.
    """

    _shown = ("size",)

    def __init__(self, size):
        super().__init__()
        self.size = _pair_of(size)

    def forward(self, img):
        """See `functional.five_crop`."""
        return F.five_crop(img, self.size)


class TenCrop(Transform):
    """
    Return the four corners and the middle, of the image and its mirror image.

    Parameters
    ----------
    size : int or sequence of int
        (height, width), or of squares.
    vertical_flip : bool, default False
        Mirror top and bottom instead.
    """

    _shown = ("size", "vertical_flip")

    def __init__(self, size, vertical_flip=False):
        super().__init__()
        self.size, self.vertical_flip = _pair_of(size), vertical_flip

    def forward(self, img):
        """See `functional.ten_crop`."""
        return F.ten_crop(img, self.size, self.vertical_flip)


class RandomCrop(Transform):
    """
    Cut out a rectangle at a random place.

    Parameters
    ----------
    size : int or sequence of int
        (height, width), or of a square.
    padding : int or sequence of int, optional
        Added before; as of `Pad`.
    pad_if_needed : bool, default False
        Pad images that are smaller.
    fill : number or sequence, default 0
    padding_mode : str
        As of `Pad`.
    """

    _shown = ("size", "padding")

    def __init__(self, size, padding=None, pad_if_needed=False, fill=0, padding_mode="constant"):
        super().__init__()
        self.size = tuple(int(n) for n in _pair_of(size))
        self.padding, self.pad_if_needed = padding, pad_if_needed
        self.fill, self.padding_mode = fill, padding_mode

    @staticmethod
    def get_params(img, output_size):
        """Draw (top, left, height, width).

        Parameters
        ----------
        img : Tensor, numpy.ndarray or PIL image
        output_size : (int, int)
            Height and width.

        Returns
        -------
        top, left, height, width
        """
        _, rows, columns = F.get_dimensions(img)
        height, width = output_size
        if rows < height or columns < width:
            raise ValueError(
                f"RandomCrop: Required crop size {(height, width)} is larger than input image size "
                f"{(rows, columns)}"
            )
        if (rows, columns) == (height, width):
            return 0, 0, rows, columns
        top = draw.integer(0, rows - height + 1)
        return top, draw.integer(0, columns - width + 1), height, width

    def forward(self, img):
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        _, rows, columns = F.get_dimensions(img)
        height, width = self.size
        if self.pad_if_needed and columns < width:
            img = F.pad(img, [width - columns, 0], self.fill, self.padding_mode)
        if self.pad_if_needed and rows < height:
            img = F.pad(img, [0, height - rows], self.fill, self.padding_mode)
        return F.crop(img, *self.get_params(img, self.size))


class RandomResizedCrop(Transform):
    """
    Cut out a rectangle of random size and shape, and resize it.

    Parameters
    ----------
    size : int or sequence of int
        The result's (height, width), or of a square.
    scale : tuple of float
        The least and the largest part of the area that is cut out.
    ratio : tuple of float
        The least and the largest width over height.
    interpolation : InterpolationMode
    antialias : bool, default True
    """

    _shown = ("size", "scale", "ratio", "interpolation", "antialias")

    def __init__(
        self,
        size,
        scale=(0.08, 1.0),
        ratio=(3.0 / 4.0, 4.0 / 3.0),
        interpolation=InterpolationMode.BILINEAR,
        antialias=True,
    ):
        super().__init__()
        if scale[0] > scale[1] or ratio[0] > ratio[1]:
            raise ValueError(
                f"RandomResizedCrop: scale and ratio should be (min, max), got {scale}, {ratio}"
            )
        self.size, self.scale, self.ratio = _pair_of(size), scale, ratio
        self.interpolation = mode_of("RandomResizedCrop", interpolation)
        self.antialias = antialias

    @staticmethod
    def get_params(img, scale, ratio):
        """Draw (top, left, height, width).

        Parameters
        ----------
        img : Tensor, numpy.ndarray or PIL image
        scale, ratio : (float, float)
            As of the class.

        Returns
        -------
        top, left, height, width
        """
        _, rows, columns = F.get_dimensions(img)
        for _ in range(10):
            area = rows * columns * draw.uniform(*scale)
            shape = math.exp(draw.uniform(math.log(ratio[0]), math.log(ratio[1])))
            width, height = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if 0 < width <= columns and 0 < height <= rows:
                top = draw.integer(0, rows - height + 1)
                return top, draw.integer(0, columns - width + 1), height, width
        shape = min(max(columns / rows, ratio[0]), ratio[1])  # the middle, as large as possible
        width = min(columns, round(rows * shape))
        height = min(rows, round(columns / shape))
        return (rows - height) // 2, (columns - width) // 2, height, width

    def forward(self, img):
        place = self.get_params(img, self.scale, self.ratio)
        return F.resized_crop(img, *place, self.size, self.interpolation, self.antialias)


class RandomSizedCrop(RandomResizedCrop):
    """The old name of `RandomResizedCrop`."""


# ---- flips and maps of the plane


class _WithProbability(Transform):
    """Applies `change` with probability p."""

    _shown = ("p",)

    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, img):
        return self.change(img) if draw.uniform() < self.p else img


class RandomHorizontalFlip(_WithProbability):
    """
    Mirror left and right with probability `p`.

    Parameters
    ----------
    p : float, default 0.5
    """

    def change(self, img):
        """See `functional.hflip`."""
        return F.hflip(img)


class RandomVerticalFlip(_WithProbability):
    """
    Mirror top and bottom with probability `p`.

    Parameters
    ----------
    p : float, default 0.5
    """

    def change(self, img):
        """See `functional.vflip`."""
        return F.vflip(img)


class RandomGrayscale(_WithProbability):
    """
    Keep the brightness only with probability `p`; the number of channels stays.

    Parameters
    ----------
    p : float, default 0.1
    """

    def __init__(self, p=0.1):
        super().__init__(p)

    def change(self, img):
        """See `functional.rgb_to_grayscale`."""
        return F.rgb_to_grayscale(img, F.get_image_num_channels(img))


class RandomInvert(_WithProbability):
    """Invert with probability `p`; see `RandomHorizontalFlip`."""

    def change(self, img):
        """See `functional.invert`."""
        return F.invert(img)


class RandomAutocontrast(_WithProbability):
    """Stretch the contrast with probability `p`; see `RandomHorizontalFlip`."""

    def change(self, img):
        """See `functional.autocontrast`."""
        return F.autocontrast(img)


class RandomEqualize(_WithProbability):
    """Even out the histogram with probability `p`; see `RandomHorizontalFlip`."""

    def change(self, img):
        """See `functional.equalize`."""
        return F.equalize(img)


class RandomPosterize(_WithProbability):
    """Keep the highest bits with probability `p`; see `RandomHorizontalFlip`.

    Parameters
    ----------
    bits : int
        From 0 to 8.
    """

    _shown = ("bits", "p")

    def __init__(self, bits, p=0.5):
        super().__init__(p)
        self.bits = bits

    def change(self, img):
        """See `functional.posterize`."""
        return F.posterize(img, self.bits)


class RandomSolarize(_WithProbability):
    """Invert high values with probability `p`; see `RandomHorizontalFlip`.

    Parameters
    ----------
    threshold : number
        The least value that is inverted.
    """

    _shown = ("threshold", "p")

    def __init__(self, threshold, p=0.5):
        super().__init__(p)
        self.threshold = threshold

    def change(self, img):
        """See `functional.solarize`."""
        return F.solarize(img, self.threshold)


class RandomAdjustSharpness(_WithProbability):
    """Change the sharpness with probability `p`; see `RandomHorizontalFlip`.

    Parameters
    ----------
    sharpness_factor : float
        See `functional.adjust_sharpness`.
    """

    _shown = ("sharpness_factor", "p")

    def __init__(self, sharpness_factor, p=0.5):
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def change(self, img):
        """See `functional.adjust_sharpness`."""
        return F.adjust_sharpness(img, self.sharpness_factor)


def _angles(name, value, what="degrees", lengths=(2,)):
    """Return a range: a number stands for its negative and itself."""
    if isinstance(value, numbers.Number):
        if value < 0:
            raise ValueError(f"{name}: If {what} is a single number, it must be positive.")
        return (-float(value), float(value))
    if len(value) not in lengths:
        raise ValueError(f"{name}: {what} should be a sequence of length {lengths}, got {value}")
    return tuple(float(v) for v in value)


class RandomRotation(Transform):
    """
    Rotate by a random angle.

    Parameters
    ----------
    degrees : float or (float, float)
        The range; a number d stands for (-d, d).
    interpolation : InterpolationMode
    expand : bool, default False
        Make the result large enough to hold all of the image.
    center : sequence of float, optional
        (x, y); the middle unless given.
    fill : number or sequence, default 0
    """

    _shown = ("degrees", "interpolation", "expand", "fill")

    def __init__(
        self,
        degrees,
        interpolation=InterpolationMode.NEAREST,
        expand=False,
        center=None,
        fill=0,
    ):
        super().__init__()
        self.degrees = _angles("RandomRotation", degrees)
        self.interpolation = mode_of("RandomRotation", interpolation)
        self.expand, self.center, self.fill = expand, center, fill

    @staticmethod
    def get_params(degrees):
        """Draw the angle.

        Parameters
        ----------
        degrees : (float, float)
            The bounds.

        Returns
        -------
        float
        """
        return draw.uniform(*degrees)

    def forward(self, img):
        angle = self.get_params(self.degrees)
        return F.rotate(img, angle, self.interpolation, self.expand, self.center, self.fill)


class RandomAffine(Transform):
    """
    Rotate, move, scale and shear at random.

    Parameters
    ----------
    degrees : float or (float, float)
        The range of angles; a number d stands for (-d, d).
    translate : (float, float), optional
        The largest move, as fractions of width and height.
    scale : (float, float), optional
        The range of scales.
    shear : float or sequence of 2 or 4 floats, optional
        The range of shears along x (and along y), in degrees.
    interpolation : InterpolationMode
    fill : number or sequence, default 0
    center : sequence of float, optional
        (x, y); the middle unless given.
    """

    _shown = ("degrees", "translate", "scale", "shear", "interpolation", "fill")

    def __init__(
        self,
        degrees,
        translate=None,
        scale=None,
        shear=None,
        interpolation=InterpolationMode.NEAREST,
        fill=0,
        center=None,
    ):
        super().__init__()
        self.degrees = _angles("RandomAffine", degrees)
        if translate is not None and not all(0.0 <= t <= 1.0 for t in translate):
            raise ValueError("RandomAffine: translation values should be between 0 and 1")
        if scale is not None and any(s <= 0 for s in scale):
            raise ValueError("RandomAffine: scale values should be positive")
        self.translate, self.scale = translate, scale
        self.shear = None if shear is None else _angles("RandomAffine", shear, "shear", (2, 4))
        self.interpolation = mode_of("RandomAffine", interpolation)
        self.fill, self.center = fill, center

    @staticmethod
    def get_params(degrees, translate, scale_ranges, shears, img_size):
        """Draw (angle, (right, down), scale, (shear x, shear y)); `img_size` is (width, height).

        Parameters
        ----------
        degrees : (float, float)
            The bounds.
        translate, scale_ranges, shears : sequence of float, optional
            As of the class.
        img_size : (int, int)

        Returns
        -------
        tuple
        """
        angle = draw.uniform(*degrees)
        move = (0, 0)
        if translate is not None:
            reach = [float(t * n) for t, n in zip(translate, img_size, strict=True)]
            move = tuple(round(draw.uniform(-r, r)) for r in reach)
        scale = 1.0 if scale_ranges is None else draw.uniform(*scale_ranges)
        along_x = along_y = 0.0
        if shears is not None:
            along_x = draw.uniform(shears[0], shears[1])
            if len(shears) == 4:
                along_y = draw.uniform(shears[2], shears[3])
        return angle, move, scale, (along_x, along_y)

    def forward(self, img):
        size = F.get_image_size(img)
        parameters = self.get_params(self.degrees, self.translate, self.scale, self.shear, size)
        return F.affine(img, *parameters, self.interpolation, self.fill, self.center)


class RandomPerspective(Transform):
    """
    Look at the image from another side, with probability `p`.

    Parameters
    ----------
    distortion_scale : float, default 0.5
        How far the corners move, as a part of half the image.
    p : float, default 0.5
    interpolation : InterpolationMode
    fill : number or sequence, default 0
    """

    _shown = ("p", "distortion_scale", "interpolation", "fill")

    def __init__(
        self, distortion_scale=0.5, p=0.5, interpolation=InterpolationMode.BILINEAR, fill=0
    ):
        super().__init__()
        self.p, self.distortion_scale, self.fill = p, distortion_scale, fill
        self.interpolation = mode_of("RandomPerspective", interpolation)

    @staticmethod
    def get_params(width, height, distortion_scale):
        """Draw where the corners come from and go to.

        Parameters
        ----------
        width, height : int
            Of the image.
        distortion_scale : float
            From 0 to 1.

        Returns
        -------
        startpoints, endpoints : list of (int, int)
        """
        x, y = (int(distortion_scale * (n // 2)) for n in (width, height))
        corners = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]
        moved = []
        for column, row in corners:  # each goes inwards
            right, down = draw.integer(0, x + 1), draw.integer(0, y + 1)
            moved.append([column - right if column else right, row - down if row else down])
        return corners, moved

    def forward(self, img):
        if draw.uniform() >= self.p:
            return img
        points = self.get_params(*F.get_image_size(img), self.distortion_scale)
        return F.perspective(img, *points, self.interpolation, self.fill)


# ---- colours


def _factors(name, value, what, middle=1.0, low=0.0, high=math.inf):
    """Return the range of a factor, or None if it is just `middle`."""
    if isinstance(value, numbers.Number):
        if value < 0:
            raise ValueError(f"{name}: If {what} is a single number, it must be non negative.")
        value = (middle - value, middle + value)
        if low == 0.0:
            value = (max(value[0], 0.0), value[1])
    if len(value) != 2:
        raise TypeError(f"{name}: {what} should be a single number or a list/tuple of length 2.")
    if not low <= value[0] <= value[1] <= high:
        raise ValueError(f"{name}: {what} values should be between {low} and {high}, got {value}")
    return None if value[0] == value[1] == middle else (float(value[0]), float(value[1]))


class ColorJitter(Transform):
    """
    Change brightness, contrast, saturation and hue at random, in random order.

    Parameters
    ----------
    brightness, contrast, saturation : float or (float, float), default 0
        The range of the factor; a number x stands for ``(max(0, 1 - x), 1 + x)``.
    hue : float or (float, float), default 0
        The range of the turn, from -0.5 to 0.5; a number x stands for (-x, x).
    """

    _shown = ("brightness", "contrast", "saturation", "hue")

    def __init__(self, brightness=0, contrast=0, saturation=0, hue=0):
        super().__init__()
        self.brightness = _factors("ColorJitter", brightness, "brightness")
        self.contrast = _factors("ColorJitter", contrast, "contrast")
        self.saturation = _factors("ColorJitter", saturation, "saturation")
        self.hue = _factors("ColorJitter", hue, "hue", 0.0, -0.5, 0.5)

    @staticmethod
    def get_params(brightness, contrast, saturation, hue):
        """Draw the order, and the four factors (None for those that stay).

        Parameters
        ----------
        brightness, contrast, saturation, hue : (float, float) or None
            The bounds.

        Returns
        -------
        tuple
        """
        order = draw.order(4)
        ranges = (brightness, contrast, saturation, hue)
        return (order, *(None if r is None else draw.uniform(*r) for r in ranges))

    def forward(self, img):
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        steps = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for which in order:
            if factors[which] is not None:
                img = steps[which](img, factors[which])
        return img


class GaussianBlur(Transform):
    """
    Blur with a Gaussian of random width.

    Parameters
    ----------
    kernel_size : int or sequence of int
        (width, height), odd.
    sigma : float or (float, float)
        The range of its standard deviation.
    """

    _shown = ("kernel_size", "sigma")

    def __init__(self, kernel_size, sigma=(0.1, 2.0)):
        super().__init__()
        self.kernel_size = _pair_of(kernel_size)
        if any(k <= 0 or k % 2 == 0 for k in self.kernel_size):
            raise ValueError("GaussianBlur: Kernel size value should be an odd and positive number")
        self.sigma = (sigma, sigma) if isinstance(sigma, numbers.Number) else tuple(sigma)
        if not 0.0 < self.sigma[0] <= self.sigma[1]:
            raise ValueError(
                "GaussianBlur: sigma values should be positive and of the form (min, "
                f"max), got {sigma}"
            )

    @staticmethod
    def get_params(sigma_min, sigma_max):
        """Draw the standard deviation.

        Parameters
        ----------
        sigma_min, sigma_max : float
            The bounds.

        Returns
        -------
        float
        """
        return draw.uniform(sigma_min, sigma_max)

    def forward(self, img):
        width = self.get_params(*self.sigma)
        return F.gaussian_blur(img, self.kernel_size, [width, width])


# ---- erasing


class RandomErasing(Transform):
    """
    Overwrite a random rectangle with probability `p`.

    Parameters
    ----------
    p : float, default 0.5
    scale : (float, float)
        The least and the largest part of the area.
    ratio : (float, float)
        The least and the largest height over width.
    value : number, sequence or "random", default 0
        What is written; one number per channel, or normally distributed ones.
    inplace : bool, default False
        Change the given tensor itself.

    Notes
    -----
    Source: Z. Zhong, L. Zheng, G. Kang, S. Li, Y. Yang, "Random Erasing Data Augmentation",
    arXiv:1708.04896, 2017.
    """

    _shown = ("p", "scale", "ratio", "value", "inplace")

    def __init__(self, p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0, inplace=False):
        super().__init__()
        if isinstance(value, str) and value != "random":
            raise ValueError("RandomErasing: If value is str, it should be 'random'")
        if not isinstance(value, (numbers.Number, str, tuple, list)):
            raise TypeError(
                "RandomErasing: Argument value should be either a number or str or a sequence"
            )
        if not 0 <= scale[0] <= scale[1] <= 1:
            raise ValueError(f"RandomErasing: Scale should be between 0 and 1, got {scale}")
        if not 0 < ratio[0] <= ratio[1]:
            raise ValueError(f"RandomErasing: ratio should be (min, max), got {ratio}")
        if not 0 <= p <= 1:
            raise ValueError(f"RandomErasing: probability should be between 0 and 1, got {p}")
        self.p, self.scale, self.ratio = p, scale, ratio
        self.value, self.inplace = value, inplace

    @staticmethod
    def get_params(img, scale, ratio, value=None):
        """Draw (top, left, height, width, values); height 0 when no rectangle fitted.

        Parameters
        ----------
        img : Tensor or numpy.ndarray
        scale, ratio : (float, float)
            As of the class.
        value : list of float, optional
            Default: random numbers.

        Returns
        -------
        tuple
        """
        channels, rows, columns = F.get_dimensions(img)
        for _ in range(10):
            area = rows * columns * draw.uniform(*scale)
            shape = math.exp(draw.uniform(math.log(ratio[0]), math.log(ratio[1])))
            height, width = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if not (height < rows and width < columns):
                continue
            if value is None:
                values = draw.normal((channels, height, width))
            else:
                values = np.asarray(value).reshape(-1, 1, 1)
            top = draw.integer(0, rows - height + 1)
            return top, draw.integer(0, columns - width + 1), height, width, values
        return 0, 0, 0, 0, 0

    def forward(self, img):
        if draw.uniform() >= self.p:
            return img
        value = None if self.value == "random" else self.value
        if isinstance(value, (tuple, list)) and len(value) not in (1, F.get_dimensions(img)[0]):
            raise ValueError(
                "RandomErasing: If value is a sequence, it should have either a single value or "
                f"{F.get_dimensions(img)[0]} (number of input channels)"
            )
        top, left, height, width, values = self.get_params(img, self.scale, self.ratio, value)
        if not height:
            return img
        if isinstance(img, np.ndarray):
            values = np.moveaxis(values, 0, -1) if img.ndim == 3 else values[0]
        return F.erase(img, top, left, height, width, values, self.inplace)


class Cutout(Transform):
    """
    Overwrite squares around random pixels with 0; they may reach over the border.

    Parameters
    ----------
    n_holes : int, default 1
    length : int, default 16
        The side of a square.

    Notes
    -----
    Source: T. DeVries, G. W. Taylor, "Improved Regularization of Convolutional Neural Networks with
    Cutout", arXiv:1708.04552, 2017.
    """

    _shown = ("n_holes", "length")

    def __init__(self, n_holes=1, length=16):
        super().__init__()
        if n_holes < 0 or length < 1:
            raise ValueError(f"Cutout: {n_holes} holes of length {length}")
        self.n_holes, self.length = n_holes, length

    def forward(self, img):
        _, rows, columns = F.get_dimensions(img)
        for _ in range(self.n_holes):
            row, column = draw.integer(0, rows), draw.integer(0, columns)
            top, left = max(row - self.length // 2, 0), max(column - self.length // 2, 0)
            bottom = min(row - self.length // 2 + self.length, rows)
            right = min(column - self.length // 2 + self.length, columns)
            img = F.erase(img, top, left, bottom - top, right - left, 0)
        return img


# ---- choices


class RandomApply(_List):
    """
    Apply a list of transforms with probability `p`, or none of them.

    Parameters
    ----------
    transforms : sequence of callable
    p : float, default 0.5
    """

    def __init__(self, transforms, p=0.5):
        super().__init__(transforms)
        self.p = p

    def forward(self, img):
        if draw.uniform() >= self.p:
            return img
        for transform in self.transforms:
            img = transform(img)
        return img


class RandomOrder(_List):
    """
    Apply transforms in random order.

    Parameters
    ----------
    transforms : sequence of callable
    """

    def forward(self, img):
        for which in draw.order(len(self.transforms)):
            img = self.transforms[which](img)
        return img


class RandomChoice(_List):
    """
    Apply one of several transforms.

    Parameters
    ----------
    transforms : sequence of callable
    p : sequence of float, optional
        Their weights; equal unless given.
    """

    def __init__(self, transforms, p=None):
        super().__init__(transforms)
        if p is not None and len(p) != len(transforms):
            raise ValueError(f"RandomChoice: {len(p)} weights for {len(transforms)} transforms")
        self.p = p

    def forward(self, img):
        return self.transforms[draw.choice(self.p or [1.0] * len(self.transforms))](img)


# ---- many images at once


_ON_TENSORS = (Normalize, ConvertImageDtype, Resize, Scale, CenterCrop, Pad, Grayscale)


def split(transform):
    """
    Divide a transform into what has to see single images and what can do a whole batch.

    Returns
    -------
    (list, list) or None
        The second begins with a `ToTensor`, and draws nothing at random. None: all of it has to see
        single images.
    """
    steps = list(transform.transforms) if type(transform) is Compose else [transform]
    kinds = [type(step) for step in steps]
    if ToTensor not in kinds:
        return None
    first = kinds.index(ToTensor)
    if not all(kind in _ON_TENSORS for kind in kinds[first + 1 :]):
        return None
    return steps[:first], steps[first:]


def apply_to_batch(steps, images):
    """Apply the second part of `split` to a list of images; None if they are not of one size."""
    if any(pil.is_pil(image) and image.mode not in ("L", "RGB", "RGBA") for image in images):
        return None
    arrays = [np.asarray(image) for image in images]
    first = arrays[0]
    if first.dtype != np.uint8 or first.ndim not in (2, 3):
        return None
    if any(a.shape != first.shape or a.dtype != first.dtype for a in arrays):
        return None
    return finish_batch(steps, np.stack(arrays))


def finish_batch(steps, stack):
    """Apply the second part of `split` to images (N, height, width) or with channels last."""
    stack = stack[:, None] if stack.ndim == 3 else np.moveaxis(stack, -1, 1)
    batch = Tensor._wrap(F.unit(stack))
    for step in steps[1:]:
        batch = step(batch)
    return batch
