"""What all datasets that fit in memory have in common."""

import numpy as np

from ...tensor import Tensor
from ...utils.data import Dataset, default_collate
from ...utils.data.dataset import rows_of
from ...utils.data.streams import one_by_one
from ..transforms.transforms import apply_to_batch, finish_batch, split


class ImageArrays(Dataset):
    """
    Images and labels held in memory: the common part of the datasets of this package.

    A `DataLoader` fetches whole batches: without a transform, and with one that ends in `ToTensor`
    and steps that draw nothing at random, which are then applied to all images at once.

    Attributes
    ----------
    data : Tensor
        All images, uint8, shape (N, height, width), values 0 to 255.
    targets : Tensor
        All labels, int64, shape (N,).
    """

    classes: list = []

    def __init__(self, images, labels, transform=None, target_transform=None):
        self.data = Tensor._wrap(images)
        self.targets = Tensor._wrap(labels.astype("int64"))
        self.transform = transform
        self.target_transform = target_transform

    def __len__(self):
        return len(self.data)

    def _images(self, which):
        """Return one image, or those of an array of indices: channels, if any, are last."""
        return self.data.numpy()[which] if isinstance(self.data, Tensor) else self.data[which]

    def _label(self, index):
        return int(self.targets[index])

    def _labels(self, rows):
        targets = self.targets
        if isinstance(targets, (Tensor, np.ndarray)) and self.target_transform is None:
            array = targets._array if isinstance(targets, Tensor) else targets
            return Tensor._wrap(array[rows].astype(np.int64, copy=False))
        labels = [self._label(row) for row in rows.tolist()]
        if self.target_transform is not None:
            labels = one_by_one(self.target_transform, labels)
        return default_collate(labels)

    def __getitem__(self, index):
        """
        Return one sample.

        Parameters
        ----------
        index : int
            Which one; negative counts from the end.

        Returns
        -------
        image : object
            ``transform(image)``; without a transform the image as a numpy array, uint8, shape
            (height, width) or (height, width, 3).
        label : object
            ``target_transform(label)``; without one an int.
        """
        image, label = self._images(index), self._label(index)
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            label = self.target_transform(label)
        return image, label

    def __getbatch__(self, indices):
        """Return [images, labels] as a `DataLoader` would collate them; None: one by one."""
        if type(self).__getitem__ is not ImageArrays.__getitem__ or hasattr(self, "__getitems__"):
            return None
        rows = rows_of(indices, len(self))
        if rows is None or not len(rows):
            return None
        if self.transform is None:
            return [Tensor._wrap(np.ascontiguousarray(self._images(rows))), self._labels(rows)]
        steps = split(self.transform)
        if steps is None:
            return None
        single, whole = steps
        if not single:
            images = self._images(rows)
            if images.dtype != np.uint8 or images.ndim not in (3, 4):
                return None
            return [finish_batch(whole, images), self._labels(rows)]
        images = one_by_one(lambda row: self._prepared(single, row), rows.tolist())
        batch = apply_to_batch(whole, images)
        if batch is None:
            batch = default_collate([_applied(whole, image) for image in images])
        return [batch, self._labels(rows)]

    def _prepared(self, steps, row):
        return _applied(steps, self._images(row))

    @property
    def class_to_idx(self):
        """Map from the name of a class to its label."""
        return {name: label for label, name in enumerate(self.classes)}

    def __repr__(self):
        shape = "x".join(str(n) for n in self._images(slice(0, 0)).shape[1:])
        return f"{type(self).__name__}({len(self)} images, {shape}, {len(self.classes)} classes)"


def _applied(steps, image):
    for step in steps:
        image = step(image)
    return image
