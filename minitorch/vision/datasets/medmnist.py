"""Images and volumes in the format of MedMNIST."""

from pathlib import Path

import numpy as np

from ...errors import FileFormatError
from .arrays import ImageArrays
from .npz import read_npz


class MedMNIST(ImageArrays):
    """
    A set of 2-D or 3-D images in the format of MedMNIST: an ``.npz`` file of six arrays.

    They are ``train_images``, ``train_labels``, and the same of ``val`` and ``test``: images
    (N, height, width), (N, height, width, 3) or volumes (N, depth, height, width), bytes; labels
    (N, 1), or (N, tasks) of zeros and ones.

    Parameters
    ----------
    path : str or os.PathLike
        The file.
    split : str, default "train"
        ``"train"``, ``"val"`` or ``"test"``.
    transform, target_transform : callable, optional
        Applied to each image (numpy, uint8) and each label (int; Tensor where there are several
        tasks) on access.
    max_bytes : int, optional
        The most that the arrays may take in memory. Unless given, 48 MB and eight times the file:
        raise it for volumes that are mostly empty.

    Attributes
    ----------
    data : Tensor
        All images, uint8.
    targets : Tensor
        All labels, int64, (N,) or (N, tasks).
    classes : list of str
        The numbers of the classes.

    Raises
    ------
    FileNotFoundError, FileFormatError
        The file is missing or damaged.

    Notes
    -----
    Source: J. Yang et al., "MedMNIST v2 - A large-scale lightweight benchmark for 2D and 3D
    biomedical image classification", Scientific Data 10:41, 2023.
    """

    def __init__(self, path, split="train", transform=None, target_transform=None, max_bytes=None):
        if split not in ("train", "val", "test"):
            raise ValueError(f"MedMNIST: split should be train, val or test, got {split!r}")
        self.path, self.split = Path(path), split
        names = f"{split}_images", f"{split}_labels"
        found = read_npz(path, names, max_bytes)
        images, labels = found[names[0]], found[names[1]]
        if images.ndim not in (3, 4) or images.dtype != np.uint8:
            raise FileFormatError(
                f"{path}: {names[0]} should be bytes in 3 or 4 dimensions, got {images.dtype} "
                f"{images.shape}"
            )
        if labels.ndim not in (1, 2) or labels.dtype.kind not in "iu" or 0 in labels.shape[1:]:
            raise FileFormatError(
                f"{path}: {names[1]} should be integers in 1 or 2 dimensions, got {labels.dtype} "
                f"{labels.shape}"
            )
        if len(images) != len(labels):
            raise FileFormatError(f"{path}: {len(labels)} labels for {len(images)} images")
        if len(labels) and labels.min() < 0:
            raise FileFormatError(f"{path}: a label of {labels.min()}")
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        super().__init__(images, labels, transform, target_transform)
        tasks = labels.shape[1] if labels.ndim == 2 else int(labels.max(initial=0)) + 1
        self.classes = [str(number) for number in range(tasks)]

    def _label(self, index):
        return int(self.targets[index]) if self.targets.ndim == 1 else self.targets[index]

    def __getbatch__(self, indices):
        """Return [images, labels]; volumes go through a transform one by one."""
        if self.transform is not None and self.data.ndim == 4 and self.data.shape[-1] not in (3, 4):
            return None
        return super().__getbatch__(indices)
