"""The handwritten digits that ship with the package."""

from pathlib import Path

import numpy as np

from .arrays import ImageArrays

_FILE = Path(__file__).parent / "data" / "digits.npz"


class Digits(ImageArrays):
    """
    1,797 handwritten digits of 8x8 pixels, inside the package: no file, no network.

    Of each class every fifth image (in the order of the file) is held back for testing: 1,442
    images train, 355 test. Both parts hold digits of the same 13 writers.

    Parameters
    ----------
    train : bool, default True
        The training part or the held-back part.
    transform, target_transform : callable, optional
        Applied to each image (numpy, uint8, (8, 8)) and each label (int) on access.

    Notes
    -----
    The values 0 to 16 of the original are spread over 0 to 255, as in other image sets.
    Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
    Learning Repository, 1998 (CC BY 4.0); see ``data/README.md`` beside this file.
    """

    classes = [str(digit) for digit in range(10)]

    def __init__(self, train=True, transform=None, target_transform=None):
        with np.load(_FILE) as file:
            images, labels = file["images"], file["labels"]
        self.train = train
        part = _held_back(labels) != train
        spread = np.round(images[part] * (255 / 16)).astype(np.uint8)
        super().__init__(spread, labels[part], transform, target_transform)


def _held_back(labels):
    """Mark every fifth image of each class."""
    held = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        held[np.flatnonzero(labels == label)[4::5]] = True
    return held
