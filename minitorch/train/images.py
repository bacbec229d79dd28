"""Images held in memory, made ready a whole batch at once."""

import numpy as np

from ..errors import ShapeError
from ..ops.random import randint
from ..tensor import Tensor
from ..utils.data import Dataset

__all__ = ["ImageBatches"]


class ImageBatches(Dataset):
    """
    A dataset of normalised floating-point images, for a `DataLoader`.

    Converting and normalising a batch in one piece takes a small part of the time that transforms
    need for its images one by one.

    Parameters
    ----------
    dataset : object
        Its ``data`` are uint8 images, shape (N, height, width) or (N, height, width, channels), as
        a tensor or an array; its ``targets`` the labels (N,). So have the datasets of
        `minitorch.vision.datasets` that are held in memory.
    mean, std : float or sequence of float, optional
        Per channel, on a scale of 0 to 1: every pixel p becomes (p / 255 - mean) / std. Those of
        the images unless given.
    shift : int, default 0
        Move each image by up to so many pixels at random in both directions; what comes in from
        the edge is black.
    flip : bool, default False
        Mirror half of the images at random.
    channels : int, optional
        Repeat images of one channel to have so many.
    """

    def __init__(self, dataset, mean=None, std=None, shift=0, flip=False, channels=None):
        images = np.asarray(dataset.data)
        if images.ndim not in (3, 4) or images.dtype != np.uint8:
            raise ShapeError(
                "ImageBatches: data must be uint8 of shape (N, height, width) or (N, height, "
                f"width, channels), got {images.dtype} {images.shape}"
            )
        # Channels before height and width, as a view.
        self.images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
        if channels is not None and channels != self.images.shape[1]:
            count, _, *size = self.images.shape
            self.images = np.broadcast_to(self.images, (count, channels, *size))
        self.labels = np.asarray(dataset.targets).astype(np.int64)
        axes = tuple(range(images.ndim - 1)) if images.ndim == 4 else None
        self.mean = _per_channel(images.mean(axes, np.float64) / 255 if mean is None else mean)
        self.std = _per_channel(images.std(axes, np.float64) / 255 if std is None else std)
        self.shift = shift
        self.flip = flip

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        images, labels = self.__getbatch__([index])
        return images[0], int(labels[0])

    def __getbatch__(self, indices):
        """Return images (N, channels, height, width), float32, and labels (N,), int64."""
        images = self.images[indices]
        if self.shift:
            images = _shifted(images, self.shift)
        if self.flip:
            chosen = randint(2, (len(images),)).numpy().astype(bool)
            images = np.where(chosen[:, None, None, None], images[..., ::-1], images)
        scale = (1 / (255 * self.std)).astype(np.float32).reshape(-1, 1, 1)
        shift = (self.mean / self.std).astype(np.float32).reshape(-1, 1, 1)
        # A new array, laid out as the model reads it.
        ready = np.array(images, np.float32, order="C")
        ready *= scale
        ready -= shift
        return Tensor._wrap(ready), Tensor._wrap(self.labels[indices])


def _per_channel(value):
    return np.atleast_1d(np.asarray(value, np.float64))


def _shifted(images, most):
    """Return each image moved at random, by up to `most` pixels along height and width."""
    count, _, height, width = images.shape
    wide = np.pad(images, ((0, 0), (0, 0), (most, most), (most, most)))
    corners = randint(2 * most + 1, (2, count)).numpy()
    windows = np.lib.stride_tricks.sliding_window_view(wide, (height, width), (2, 3))
    return windows[np.arange(count), :, corners[0], corners[1]]
