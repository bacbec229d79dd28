"""A lightweight deep-learning framework for convolutional networks."""

import importlib

from . import autograd
from .autograd.grad_mode import *
from .dtypes import *
from .errors import ShapeError
from .ops import *
from .tensor import Size, Tensor

__version__ = "0.1.0"

# Imported when first used, so that `import minitorch` stays fast.
_LAZY = {"nn", "optim"}


def __getattr__(name):
    if name in _LAZY:
        return importlib.import_module("." + name, __name__)
    raise AttributeError(f"module 'minitorch' has no attribute '{name}'")


def __dir__():
    return sorted({*globals(), *_LAZY})
