"""Image transforms, under torchvision's names.

They take numpy arrays (height, width[, channels]), tensors ([N,] channels, height, width) and,
where Pillow is installed, PIL images, and return the same kind. Random ones draw from minitorch's
generator.
"""

from . import autoaugment, functional, mixing, transforms, v2
from .autoaugment import *
from .mixing import *
from .transforms import *

__all__ = [*autoaugment.__all__, *mixing.__all__, *transforms.__all__]
