"""Computer vision: datasets and models, under torchvision's names."""

from . import datasets, models

__all__ = ["datasets", "models"]
