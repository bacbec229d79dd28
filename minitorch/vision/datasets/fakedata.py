"""Random images."""

import numpy as np

from ... import kernels
from ...random import Generator
from .vision import VisionDataset


class FakeData(VisionDataset):
    """
    Random images with random labels, the same each time.

    Parameters
    ----------
    size : int, default 1000
        How many.
    image_size : tuple of int
        (channels, height, width).
    num_classes : int, default 10
    transform, target_transform : callable, optional
        Applied to each image (numpy, uint8, (height, width, channels)) and each label (int).
    random_offset : int, default 0
        Sets with another offset have other images.
    """

    def __init__(
        self,
        size=1000,
        image_size=(3, 224, 224),
        num_classes=10,
        transform=None,
        target_transform=None,
        random_offset=0,
    ):
        super().__init__(None, transform=transform, target_transform=target_transform)
        self.size, self.image_size, self.num_classes = size, tuple(image_size), num_classes
        self.random_offset = random_offset

    def __getitem__(self, index):
        """Return (image, label)."""
        if index < 0:
            index += self.size
        if not 0 <= index < self.size:
            raise IndexError(f"FakeData: index out of range of {self.size} images")
        channels, height, width = self.image_size
        shape = (height, width, channels)
        generator = Generator().manual_seed(index + self.random_offset)
        place = generator.take(kernels.random_counters(shape, np.float32))
        image = kernels.random_uniform(shape, np.dtype(np.float32), *place, 0.0, 256.0)
        image = image.astype(np.uint8)
        first = kernels.random_uniform((1,), np.dtype(np.float64), *generator.take(1))
        label = int(first[0] * self.num_classes)
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            label = self.target_transform(label)
        return image, label

    def __len__(self):
        return self.size
