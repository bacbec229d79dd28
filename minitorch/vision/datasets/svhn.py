"""Street View House Numbers."""

import zipfile
from pathlib import Path

import numpy as np

from ...errors import FileFormatError
from .arrays import ImageArrays
from .download import download
from .npz import read_npz


class SVHN(ImageArrays):
    """
    Street View House Numbers: photographs of digits, 32x32.

    Read from ``root/<split>_32x32.mat`` (by scipy) or ``root/<split>_32x32.npz`` (arrays ``X`` and
    ``y`` as in the original: X (32, 32, 3, N), y (N, 1), in which 10 stands for the digit 0).

    Parameters
    ----------
    root : str or os.PathLike
        The folder.
    split : str, default "train"
        ``"train"`` (73,257 images), ``"test"`` (26,032) or ``"extra"`` (531,131).
    transform, target_transform : callable, optional
        Applied to each image (numpy, uint8, (32, 32, 3)) and each label (int) on access.
    download : bool, default False
        Fetch the file if it is not there.

    Attributes
    ----------
    data : numpy.ndarray
        All images, uint8, (N, 3, 32, 32).
    labels : numpy.ndarray
        All labels, int64, 0 to 9.

    Raises
    ------
    FileNotFoundError, FileFormatError, DownloadError
        A file is missing, is damaged, or could not be fetched.
    ImportError
        Reading ``.mat`` files needs scipy, which is not installed.

    Notes
    -----
    Source: Y. Netzer, T. Wang, A. Coates, A. Bissacco, B. Wu, A. Y. Ng, "Reading Digits in Natural
    Images with Unsupervised Feature Learning", NIPS Workshop 2011.
    """

    split_list = {
        "train": [
            "http://ufldl.stanford.edu/housenumbers/train_32x32.mat",
            "train_32x32.mat",
            "e26dedcc434d2e4c54c9b2d4a06d8373",
        ],
        "test": [
            "http://ufldl.stanford.edu/housenumbers/test_32x32.mat",
            "test_32x32.mat",
            "eb5a983be6a315427106f1b164d9cef3",
        ],
        "extra": [
            "http://ufldl.stanford.edu/housenumbers/extra_32x32.mat",
            "extra_32x32.mat",
            "a93ce644f1a588dc4d68dda5feec44a7",
        ],
    }
    classes = [str(digit) for digit in range(10)]

    def __init__(self, root, split="train", transform=None, target_transform=None, download=False):
        if split not in self.split_list:
            raise ValueError(f"SVHN: split should be one of {list(self.split_list)}, got {split!r}")
        self.root, self.split = Path(root), split
        url, name, md5 = self.split_list[split]
        self._file = (url, self.root / name, md5)
        if download:
            self.download()
        self.data, self.labels = _read(self.root / name)
        self.transform, self.target_transform = transform, target_transform

    @property
    def targets(self):
        """The labels."""
        return self.labels

    def _images(self, which):
        return np.moveaxis(self.data[which], -3, -1)

    def download(self):
        """Fetch the file."""
        url, path, md5 = self._file
        if not path.with_suffix(".npz").is_file():
            download([url], path, md5)


def _read(path):
    arrays = path.with_suffix(".npz")
    if path.is_file():
        found = _read_mat(path)
    elif arrays.is_file():
        path, found = arrays, read_npz(arrays, ("X", "y"))
    else:
        raise FileNotFoundError(
            f"SVHN: file not found (download=True fetches it); looked for\n  {path}\n  {arrays}"
        )
    images, labels = found["X"], found["y"]
    if images.ndim != 4 or images.shape[:3] != (32, 32, 3) or images.dtype != np.uint8:
        raise FileFormatError(
            f"{path}: X should be bytes of shape (32, 32, 3, N), got {images.dtype} {images.shape}"
        )
    if labels.size != images.shape[3]:
        raise FileFormatError(f"{path}: {labels.size} labels for {images.shape[3]} images")
    labels = labels.reshape(-1).astype(np.int64)
    if len(labels) and not 0 <= labels.min() <= labels.max() <= 10:
        raise FileFormatError(f"{path}: labels from {labels.min()} to {labels.max()}")
    return np.ascontiguousarray(images.transpose(3, 2, 0, 1)), labels % 10


def _read_mat(path):
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise ImportError(
            f"SVHN: reading {path} needs scipy: pip install scipy; or save its arrays X and y as "
            f"{path.with_suffix('.npz').name}"
        ) from error
    try:
        return loadmat(path, variable_names=("X", "y"), verify_compressed_data_integrity=True)
    except (ValueError, TypeError, KeyError, OSError, zipfile.BadZipFile, MemoryError) as error:
        raise FileFormatError(f"{path}: not a MATLAB file: {error}") from error
    except Exception as error:  # scipy's reader raises zlib.error and its own kinds, too
        raise FileFormatError(f"{path}: damaged MATLAB file: {error}") from error
