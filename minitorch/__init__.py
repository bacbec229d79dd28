"""A lightweight deep-learning framework for convolutional networks."""

from .autograd.grad_mode import *
from .dtypes import *
from .errors import ShapeError
from .ops import *
from .tensor import Size, Tensor

__version__ = "0.1.0"
