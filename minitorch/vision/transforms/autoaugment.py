"""Augmentation by lists of operations: AutoAugment, RandAugment, TrivialAugmentWide."""

from __future__ import annotations

import math
from enum import Enum

import numpy as np

from ...tensor import Tensor
from . import draw
from . import functional as F
from .interpolation import InterpolationMode, mode_of
from .transforms import Transform

__all__ = ["AutoAugment", "AutoAugmentPolicy", "RandAugment", "TrivialAugmentWide"]


def _sheared(img, x, y, options):
    angles = [math.degrees(math.atan(value)) for value in (x, y)]
    return F.affine(img, 0.0, [0, 0], 1.0, angles, center=[0, 0], **options)


def _moved(img, x, y, options):
    return F.affine(img, 0.0, [int(x), int(y)], 1.0, [0.0, 0.0], **options)


_OPERATIONS = {
    "Identity": lambda img, m, options: img,
    "ShearX": lambda img, m, options: _sheared(img, m, 0.0, options),
    "ShearY": lambda img, m, options: _sheared(img, 0.0, m, options),
    "TranslateX": lambda img, m, options: _moved(img, m, 0, options),
    "TranslateY": lambda img, m, options: _moved(img, 0, m, options),
    "Rotate": lambda img, m, options: F.rotate(img, m, **options),
    "Brightness": lambda img, m, options: F.adjust_brightness(img, 1.0 + m),
    "Color": lambda img, m, options: F.adjust_saturation(img, 1.0 + m),
    "Contrast": lambda img, m, options: F.adjust_contrast(img, 1.0 + m),
    "Sharpness": lambda img, m, options: F.adjust_sharpness(img, 1.0 + m),
    "Posterize": lambda img, m, options: F.posterize(img, int(m)),
    "Solarize": lambda img, m, options: F.solarize(img, m),
    "AutoContrast": lambda img, m, options: F.autocontrast(img),
    "Equalize": lambda img, m, options: F.equalize(img),
    "Invert": lambda img, m, options: F.invert(img),
}
_COLOURS = ("Brightness", "Color", "Contrast", "Sharpness")
_WITHOUT_MAGNITUDE = ("Identity", "AutoContrast", "Equalize", "Invert")


def _magnitude(operation, level, bins, ranges):
    """Return the strength of a level from 0 to ``bins - 1``, and whether it has a sign."""
    if operation in _WITHOUT_MAGNITUDE:
        return 0.0, False
    part = level / (bins - 1) if bins > 1 else 0.0
    if operation == "Posterize":
        return float(8 - round(part * ranges["Posterize"])), False
    if operation == "Solarize":
        return 255.0 * (1 - part), False
    return part * ranges[operation], True


def _ranges(shear, right, down, rotate, colour, posterize):
    ranges = {"ShearX": shear, "ShearY": shear, "TranslateX": right, "TranslateY": down}
    ranges.update({"Rotate": rotate, "Posterize": posterize}, **dict.fromkeys(_COLOURS, colour))
    return ranges


class _Augment(Transform):
    """What the three have in common."""

    def __init__(self, interpolation, fill):
        super().__init__()
        self.interpolation = mode_of(type(self).__name__, interpolation)
        self.fill = fill

    def _apply(self, img, operation, magnitude):
        fill = self.fill
        if isinstance(img, (Tensor, np.ndarray)) and isinstance(fill, (int, float)):
            fill = [float(fill)] * F.get_image_num_channels(img)
        options = {"interpolation": self.interpolation, "fill": fill}
        return _OPERATIONS[operation](img, magnitude, options)


def _signed(magnitude, signed):
    return -magnitude if signed and draw.uniform() < 0.5 else magnitude


class RandAugment(_Augment):
    """
    Apply randomly chosen operations, all of one strength, to an image of bytes.

    Parameters
    ----------
    num_ops : int, default 2
        How many.
    magnitude : int, default 9
        Their strength, less than `num_magnitude_bins`.
    num_magnitude_bins : int, default 31
    interpolation : InterpolationMode
    fill : number or sequence, optional
        The value outside of the image; 0 unless given.

    Notes
    -----
    Source: E. D. Cubuk, B. Zoph, J. Shlens, Q. V. Le, "RandAugment: Practical automated data
    augmentation with a reduced search space", arXiv:1909.13719, 2019.
    """

    _shown = ("num_ops", "magnitude", "num_magnitude_bins", "interpolation", "fill")
    _names = [name for name in _OPERATIONS if name != "Invert"]

    def __init__(
        self,
        num_ops=2,
        magnitude=9,
        num_magnitude_bins=31,
        interpolation=InterpolationMode.NEAREST,
        fill=None,
    ):
        super().__init__(interpolation, fill)
        self.num_ops, self.magnitude = num_ops, magnitude
        self.num_magnitude_bins = num_magnitude_bins

    def forward(self, img):
        for _ in range(self.num_ops):
            _, height, width = F.get_dimensions(img)
            ranges = _ranges(0.3, 150 / 331 * width, 150 / 331 * height, 30.0, 0.9, 4)
            name = self._names[draw.integer(0, len(self._names))]
            strength = _magnitude(name, self.magnitude, self.num_magnitude_bins, ranges)
            img = self._apply(img, name, _signed(*strength))
        return img


class TrivialAugmentWide(_Augment):
    """
    Apply one randomly chosen operation of random strength to an image of bytes.

    Parameters
    ----------
    num_magnitude_bins : int, default 31
    interpolation : InterpolationMode
    fill : number or sequence, optional
        The value outside of the image; 0 unless given.

    Notes
    -----
    Source: S. G. Mueller, F. Hutter, "TrivialAugment: Tuning-free Yet State-of-the-Art Data
    Augmentation", arXiv:2103.10158, 2021.
    """

    _shown = ("num_magnitude_bins", "interpolation", "fill")
    _names = RandAugment._names

    def __init__(self, num_magnitude_bins=31, interpolation=InterpolationMode.NEAREST, fill=None):
        super().__init__(interpolation, fill)
        self.num_magnitude_bins = num_magnitude_bins

    def forward(self, img):
        ranges = _ranges(0.99, 32.0, 32.0, 135.0, 0.99, 6)
        name = self._names[draw.integer(0, len(self._names))]
        level = draw.integer(0, self.num_magnitude_bins)
        strength = _magnitude(name, level, self.num_magnitude_bins, ranges)
        return self._apply(img, name, _signed(*strength))


class AutoAugmentPolicy(Enum):
    """The policies of AutoAugment, by the dataset they were found on."""

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


_SHORT = {
    "SX": "ShearX", "SY": "ShearY", "TX": "TranslateX", "TY": "TranslateY", "Ro": "Rotate",
    "Br": "Brightness", "Co": "Color", "Ct": "Contrast", "Sh": "Sharpness", "Po": "Posterize",
    "So": "Solarize", "Ac": "AutoContrast", "Eq": "Equalize", "In": "Invert",
}  # fmt: skip

# Two operations each: name, tenths of the probability, level. (Appendix of the paper.)
_POLICIES = {
    AutoAugmentPolicy.IMAGENET: """
        Po4.8 Ro6.9  So6.5 Ac6.-  Eq8.- Eq6.-  Po6.7 Po6.6  Eq4.- So2.4  Eq4.- Ro8.8  So6.3 Eq6.-
        Po8.5 Eq10.- Ro2.3 So6.8  Eq6.- Po4.6  Ro8.8 Co4.0  Ro4.9 Eq6.-  Eq0.- Eq8.-  In6.- Eq10.-
        Co6.4 Ct10.8 Ro8.8 Co10.2 Co8.8 So8.7  Sh4.7 In6.-  SX6.5 Eq10.- Co4.0 Eq6.-  Eq4.- So2.4
        So6.5 Ac6.-  In6.- Eq10.- Co6.4 Ct10.8 Eq8.- Eq6.-""",
    AutoAugmentPolicy.CIFAR10: """
        In1.- Ct2.6  Ro7.2 TX3.9  Sh8.1 Sh9.3  SY5.8 TY7.9  Ac5.- Eq9.-  SY2.7 Po3.7  Co4.3 Br6.7
        Sh3.9 Br7.9  Eq6.- Eq5.-  Ct6.7 Sh6.5  Co7.7 TX5.8  Eq3.- Ac4.-  TY4.3 Sh2.6  Br9.6 Co2.8
        So5.2 In0.-  Eq2.- Ac6.-  Eq2.- Eq6.-  Co9.9 Eq6.-  Ac8.- So2.8  Br1.3 Co7.0  So4.5 Ac9.-
        TY9.9 TY7.9  Ac9.- So8.3  Eq8.- In1.-  TY7.9 Ac9.-""",
    AutoAugmentPolicy.SVHN: """
        SX9.4 In2.-  SY9.8 In7.-  Eq6.- So6.6  In9.- Eq6.-  Eq6.- Ro9.3  SX9.4 Ac8.-  SY9.8 In4.-
        SY9.5 So2.6  In9.- Ac8.-  Eq6.- Ro9.3  SX9.4 So3.3  SY8.8 In7.-  Eq9.- TY6.6  In9.- Eq6.-
        Ct3.3 Ro8.4  In8.- TY0.2  SY7.6 So4.8  In6.- Ro8.4  SY3.7 TX9.3  SX1.6 In6.-  So7.2 TY6.7
        SY8.4 In8.-  SX7.9 TY8.3  SY8.5 Ac7.-  SX7.2 In1.-""",
}


def _parsed(policy):
    """Return pairs of (operation, probability, level or None)."""
    steps = []
    for word in _POLICIES[policy].split():
        tenths, level = word[2:].split(".")
        steps.append((_SHORT[word[:2]], int(tenths) / 10, None if level == "-" else int(level)))
    return list(zip(steps[::2], steps[1::2], strict=True))


class AutoAugment(_Augment):
    """
    Apply a randomly chosen pair of operations that was found good for a dataset.

    Parameters
    ----------
    policy : AutoAugmentPolicy
    interpolation : InterpolationMode
    fill : number or sequence, optional
        The value outside of the image; 0 unless given.

    Notes
    -----
    Source: E. D. Cubuk, B. Zoph, D. Mane, V. Vasudevan, Q. V. Le, "AutoAugment: Learning
    Augmentation Strategies from Data", CVPR 2019.
    """

    _shown = ("policy", "fill")

    def __init__(
        self,
        policy=AutoAugmentPolicy.IMAGENET,
        interpolation=InterpolationMode.NEAREST,
        fill=None,
    ):
        super().__init__(interpolation, fill)
        self.policy = AutoAugmentPolicy(policy)
        self.policies = _parsed(self.policy)

    @staticmethod
    def get_params(transform_num):
        """Draw which pair, and two numbers each for probability and sign.

        Parameters
        ----------
        transform_num : int
            How many pairs there are.

        Returns
        -------
        policy, probabilities, signs
        """
        which = draw.integer(0, transform_num)
        probabilities = [draw.uniform(), draw.uniform()]
        return which, probabilities, [draw.integer(0, 2), draw.integer(0, 2)]

    def forward(self, img):
        _, height, width = F.get_dimensions(img)
        ranges = _ranges(0.3, 150 / 331 * width, 150 / 331 * height, 30.0, 0.9, 4)
        which, probabilities, signs = self.get_params(len(self.policies))
        steps = zip(self.policies[which], probabilities, signs, strict=True)
        for (name, probability, level), drawn, sign in steps:
            if drawn < probability:
                strength, signed = _magnitude(name, level or 0, 10, ranges)
                img = self._apply(img, name, -strength if signed and not sign else strength)
        return img
