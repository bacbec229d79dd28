"""Building blocks of vision networks, and operations on boxes, under torchvision's names."""

from .boxes import *
from .misc import *
from .stochastic_depth import *
