"""Augmentation that mixes the images of a batch: MixUp and CutMix."""

from __future__ import annotations

import math

import numpy as np

from ... import ops
from ...tensor import Tensor
from ...utils.data import default_collate
from . import draw
from .transforms import Transform

__all__ = ["CutMix", "MixUp"]


def _beta(alpha):
    """Draw from the symmetric Beta distribution."""
    return float(ops.random.numpy_generator(None, 1 << 8).beta(alpha, alpha))


class _Mixing(Transform):
    _shown = ("alpha", "num_classes")

    def __init__(self, *, alpha=1.0, num_classes=None, labels_getter="default"):
        super().__init__()
        name = type(self).__name__
        if not alpha > 0:
            raise ValueError(f"{name}: alpha should be positive, got {alpha}")
        if labels_getter != "default":
            raise ValueError(f"{name}: the labels are the second element of a batch")
        self.alpha, self.num_classes = float(alpha), num_classes

    def __call__(self, *inputs):
        return self.forward(*inputs)

    def forward(self, *inputs):
        """
        Mix each image with the one before it in the batch.

        Parameters
        ----------
        *inputs
            ``images, labels``; or one batch with them as its first two elements; or a list of
            samples, which is collated first: the transform can be a loader's `collate_fn`.

        Returns
        -------
        images : Tensor
            (N, channels, height, width), floating point.
        labels : Tensor
            (N, num_classes): the parts of the classes.
        """
        batch = inputs if len(inputs) > 1 else inputs[0]
        samples = isinstance(batch, list) and len(batch) > 0 and isinstance(batch[0], (tuple, list))
        if samples:
            batch = default_collate(batch)
        images, labels, *rest = batch
        name = type(self).__name__
        if not isinstance(images, Tensor) or images.ndim != 4:
            shape = tuple(getattr(images, "shape", ()))
            raise ValueError(
                f"{name}: Expected a batch of images of shape (N, C, H, W), got {shape}"
            )
        if not isinstance(labels, Tensor) or labels.ndim not in (1, 2):
            raise ValueError(f"{name}: labels should be a tensor of shape (N,) or (N, classes)")
        if len(images) != len(labels):
            raise ValueError(f"{name}: {len(images)} images, {len(labels)} labels")
        images, part = self._mix(images._array, _beta(self.alpha))
        parts = self._shares(labels._array)
        mixed = part * parts + (1 - part) * np.roll(parts, 1, 0)
        result = (Tensor._wrap(images), Tensor._wrap(mixed.astype(parts.dtype)), *rest)
        return list(result) if isinstance(batch, list) else result

    def _shares(self, labels):
        """Return labels as parts of classes."""
        if labels.ndim == 2:
            return labels.astype(np.float32, copy=False)
        name = type(self).__name__
        if self.num_classes is None:
            raise ValueError(f"{name}: num_classes must be passed if labels are class numbers")
        if len(labels) and not 0 <= labels.min() <= labels.max() < self.num_classes:
            raise ValueError(
                f"{name}: labels from {labels.min()} to {labels.max()} where there are "
                f"{self.num_classes} classes"
            )
        return np.eye(self.num_classes, dtype=np.float32)[labels]


class MixUp(_Mixing):
    """
    Mix whole images, and their labels, in random proportion.

    Parameters
    ----------
    alpha : float, default 1.0
        The proportion is drawn from Beta(alpha, alpha).
    num_classes : int, optional
        Needed where labels are class numbers.
    labels_getter
        Accepted for compatibility.

    Notes
    -----
    Source: H. Zhang, M. Cisse, Y. N. Dauphin, D. Lopez-Paz, "mixup: Beyond Empirical Risk
    Minimization", ICLR 2018.
    """

    def _mix(self, images, part):
        if images.dtype.kind != "f":
            raise ValueError(f"MixUp: images should be floating-point, got {images.dtype}")
        part = images.dtype.type(part)
        return part * images + (1 - part) * np.roll(images, 1, 0), float(part)


class CutMix(_Mixing):
    """
    Paste a rectangle of another image, and mix the labels in proportion to the areas.

    Parameters
    ----------
    alpha : float, default 1.0
        The proportion is drawn from Beta(alpha, alpha).
    num_classes : int, optional
        Needed where labels are class numbers.
    labels_getter
        Accepted for compatibility.

    Notes
    -----
    Source: S. Yun, D. Han, S. J. Oh, S. Chun, J. Choe, Y. Yoo, "CutMix: Regularization Strategy to
    Train Strong Classifiers with Localizable Features", ICCV 2019.
    """

    def _mix(self, images, part):
        height, width = images.shape[-2:]
        column, row = draw.integer(0, width), draw.integer(0, height)
        half = 0.5 * math.sqrt(1.0 - part)
        half_width, half_height = int(half * width), int(half * height)
        left, right = max(column - half_width, 0), min(column + half_width, width)
        top, bottom = max(row - half_height, 0), min(row + half_height, height)
        result = images.copy()
        pasted = np.roll(images, 1, 0)[..., top:bottom, left:right]
        result[..., top:bottom, left:right] = pasted
        return result, 1.0 - (right - left) * (bottom - top) / (width * height)
