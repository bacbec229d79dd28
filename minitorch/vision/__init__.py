"""Computer vision: datasets, under torchvision's names."""

from . import datasets

__all__ = ["datasets"]
