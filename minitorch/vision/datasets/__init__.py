"""Image datasets that are read from local files, and one that ships with the package."""

from .digits import Digits
from .mnist import MNIST, FashionMNIST

__all__ = ["MNIST", "Digits", "FashionMNIST"]
