"""How values between pixels are computed."""

from enum import Enum


class InterpolationMode(Enum):
    """Interpolation modes. ``BOX``, ``HAMMING`` and ``LANCZOS`` exist for PIL images only."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


# Pillow's numbers, which older code passes.
_NUMBERS = {
    0: InterpolationMode.NEAREST,
    1: InterpolationMode.LANCZOS,
    2: InterpolationMode.BILINEAR,
    3: InterpolationMode.BICUBIC,
    4: InterpolationMode.BOX,
    5: InterpolationMode.HAMMING,
}


def mode_of(name, interpolation):
    """Return the mode that an argument means: a mode, its value, or Pillow's number."""
    if isinstance(interpolation, InterpolationMode):
        return interpolation
    try:
        if isinstance(interpolation, int):
            return _NUMBERS[int(interpolation)]
        return InterpolationMode(interpolation)
    except (KeyError, ValueError):
        raise TypeError(
            f"{name}: interpolation should be an InterpolationMode, got {interpolation!r}"
        ) from None
