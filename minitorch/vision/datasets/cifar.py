"""CIFAR-10 and CIFAR-100, in the Python and the binary format."""

import pickle
import struct
from pathlib import Path

import numpy as np

from ...errors import FileFormatError
from ...pickles import Function, Unpickler
from .arrays import ImageArrays
from .download import download, extract

_PIXELS = 3 * 32 * 32


class CIFAR10(ImageArrays):
    """
    CIFAR-10: 50,000 training and 10,000 test photographs of 10 classes, 32x32.

    Read from ``root/cifar-10-batches-py`` (the Python format; nothing in the files is run) or
    ``root/cifar-10-batches-bin`` (the binary format), or from these files in ``root`` itself.

    Parameters
    ----------
    root : str or os.PathLike
        The folder.
    train : bool, default True
        The training part or the test part.
    transform, target_transform : callable, optional
        Applied to each image (numpy, uint8, (32, 32, 3)) and each label (int) on access.
    download : bool, default False
        Fetch and unpack the archive if the files are not there.

    Attributes
    ----------
    data : numpy.ndarray
        All images, uint8, (N, 32, 32, 3).
    targets : list of int
        All labels.

    Raises
    ------
    FileNotFoundError
        A file is missing.
    FileFormatError
        A file is damaged.
    DownloadError
        The archive could not be fetched.

    Notes
    -----
    Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
    """

    base_folder = "cifar-10-batches-py"
    binary_folder = "cifar-10-batches-bin"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    classes = ["airplane", "automobile", "bird", "cat", "deer"]
    classes += ["dog", "frog", "horse", "ship", "truck"]
    _label_key = b"labels"
    _label_bytes = 1  # before the pixels of a record; the last of them counts
    _train = [f"data_batch_{k}" for k in range(1, 6)]
    _test = ["test_batch"]

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        self.root = Path(root)
        self.train = train
        names = self._train if train else self._test
        if download and not self._places(names):
            self.download()
        paths = self._places(names)
        if not paths:
            looked = "".join(f"\n  {folder / name}" for folder, name in self._candidates(names[0]))
            raise FileNotFoundError(
                f"{type(self).__name__}: file not found (download=True fetches it); looked "
                f"for{looked}"
            )
        parts = [self._read(path) for path in paths]
        self.data = np.concatenate([images for images, _ in parts])
        self.targets = [label for _, labels in parts for label in labels]
        self.transform, self.target_transform = transform, target_transform

    def _candidates(self, name):
        return [
            (self.root / self.base_folder, name),
            (self.root / self.binary_folder, name + ".bin"),
            (self.root, name),
            (self.root, name + ".bin"),
        ]

    def _places(self, names):
        """Return the paths of all files in the first folder that has them."""
        for columns in zip(*(self._candidates(name) for name in names), strict=True):
            paths = [folder / name for folder, name in columns]
            if all(path.is_file() for path in paths):
                return paths
        return []

    def _read(self, path):
        if path.suffix == ".bin":
            images, labels = read_binary(path, self._label_bytes)
        else:
            images, labels = read_python(path, self._label_key)
        wrong = [label for label in labels if not 0 <= label < len(self.classes)]
        if wrong:
            raise FileFormatError(
                f"{path}: label {wrong[0]}, but there are {len(self.classes)} classes"
            )
        return images, labels

    def download(self):
        """Fetch and unpack the archive."""
        archive = download([self.url], self.root / self.filename, self.tgz_md5)
        extract(archive, self.root)


class CIFAR100(CIFAR10):
    """
    CIFAR-100: 50,000 training and 10,000 test photographs of 100 classes, 32x32.

    Parameters, attributes and errors as of `CIFAR10`, with the folders
    ``root/cifar-100-python`` and ``root/cifar-100-binary``.
    """

    base_folder = "cifar-100-python"
    binary_folder = "cifar-100-binary"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    classes = [
        "apple",
        "aquarium_fish",
        "baby",
        "bear",
        "beaver",
        "bed",
        "bee",
        "beetle",
        "bicycle",
        "bottle",
        "bowl",
        "boy",
        "bridge",
        "bus",
        "butterfly",
        "camel",
        "can",
        "castle",
        "caterpillar",
        "cattle",
        "chair",
        "chimpanzee",
        "clock",
        "cloud",
        "cockroach",
        "couch",
        "crab",
        "crocodile",
        "cup",
        "dinosaur",
        "dolphin",
        "elephant",
        "flatfish",
        "forest",
        "fox",
        "girl",
        "hamster",
        "house",
        "kangaroo",
        "keyboard",
        "lamp",
        "lawn_mower",
        "leopard",
        "lion",
        "lizard",
        "lobster",
        "man",
        "maple_tree",
        "motorcycle",
        "mountain",
        "mouse",
        "mushroom",
        "oak_tree",
        "orange",
        "orchid",
        "otter",
        "palm_tree",
        "pear",
        "pickup_truck",
        "pine_tree",
        "plain",
        "plate",
        "poppy",
        "porcupine",
        "possum",
        "rabbit",
        "raccoon",
        "ray",
        "road",
        "rocket",
        "rose",
        "sea",
        "seal",
        "shark",
        "shrew",
        "skunk",
        "skyscraper",
        "snail",
        "snake",
        "spider",
        "squirrel",
        "streetcar",
        "sunflower",
        "sweet_pepper",
        "table",
        "tank",
        "telephone",
        "television",
        "tiger",
        "tractor",
        "train",
        "trout",
        "tulip",
        "turtle",
        "wardrobe",
        "whale",
        "willow_tree",
        "wolf",
        "woman",
        "worm",
    ]
    _label_key = b"fine_labels"
    _label_bytes = 2
    _train = ["train"]
    _test = ["test"]


# ---- the formats


def read_binary(path, label_bytes=1):
    """
    Read a file of the binary format.

    Parameters
    ----------
    path : str or os.PathLike
    label_bytes : int, default 1
        Bytes before the pixels of each record; the last of them is the label.

    Returns
    -------
    images : numpy.ndarray
        uint8, (N, 32, 32, 3).
    labels : list of int

    Raises
    ------
    FileFormatError
        The file does not consist of whole records.
    """
    record = label_bytes + _PIXELS
    size = Path(path).stat().st_size
    if size == 0 or size % record:
        raise FileFormatError(
            f"{path}: {size} bytes, which are not whole records of {record} bytes"
        )
    records = np.fromfile(path, np.uint8).reshape(-1, record)
    return _upright(records[:, label_bytes:]), records[:, label_bytes - 1].tolist()


def _upright(pixels):
    """Return rows of pixels, channel after channel, as images with channels last."""
    return np.ascontiguousarray(pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))


def read_python(path, label_key=b"labels"):
    """
    Read a file of the Python format: a pickle, of which nothing is run.

    Parameters
    ----------
    path : str or os.PathLike
    label_key : bytes

    Returns
    -------
    images : numpy.ndarray
        uint8, (N, 32, 32, 3).
    labels : list of int

    Raises
    ------
    FileFormatError
        The file is damaged, or holds something else.
    """
    try:
        content = _ArrayUnpickler(Path(path).read_bytes()).load()
        if type(content) is not dict:
            raise ValueError(f"it holds a {type(content).__name__}")
        content = {_as_bytes(key): value for key, value in content.items()}
        if not {b"data", label_key} <= set(content):
            raise ValueError(f"it has no {label_key.decode()}, or no data")
        data, labels = content[b"data"], content[label_key]
        pixels = data.finished() if isinstance(data, _Array) else None
        if pixels is None or pixels.dtype != np.uint8 or pixels.ndim != 2:
            raise ValueError("its data are not an array of bytes in two dimensions")
        if pixels.shape[1] != _PIXELS:
            raise ValueError(f"rows of {pixels.shape[1]} pixels where {_PIXELS} are expected")
        if type(labels) is not list or not all(type(label) is int for label in labels):
            raise ValueError("its labels are not a list of integers")
        if len(labels) != len(pixels):
            raise ValueError(f"{len(labels)} labels for {len(pixels)} images")
    except (
        ValueError, IndexError, KeyError, TypeError, AttributeError, struct.error, OverflowError,
        RecursionError,
    ) as error:  # fmt: skip
        raise FileFormatError(f"{path}: not a batch of CIFAR: {str(error)[:200]}") from error
    return _upright(pixels), labels


def _as_bytes(key):
    return key.encode() if isinstance(key, str) else key


class _Array:
    """An array while it is put together."""

    def __init__(self):
        self.state = None

    def finished(self):
        _, shape, dtype, fortran, data = self.state
        if dtype is not np.uint8 or type(data) is not bytes:
            raise ValueError("an array of something else than bytes")
        if type(shape) is not tuple or not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError("an array of no possible shape")  # (the shape may be huge to print)
        array = np.frombuffer(data, np.uint8)
        if fortran:
            return array.reshape(shape[::-1]).T
        return array.reshape(shape)


class _Bytes:
    """The type of the elements, while it is put together."""


def _element_type(name, *flags):
    if name not in ("u1", b"u1"):
        raise ValueError("an array of something else than bytes")
    return _Bytes


def _encoded(text, encoding):
    if encoding not in ("latin1", "latin-1"):
        raise ValueError("bytes in another encoding")
    return text.encode("latin1")


class _ArrayUnpickler(Unpickler):
    """Reads what Python 2 and 3 write for dicts of lists, strings and one array of bytes."""

    def __init__(self, data):
        array = Function(lambda *arguments: _Array())
        named = {f"{name}.multiarray._reconstruct": array for name in ("numpy.core", "numpy._core")}
        named.update({"numpy.ndarray": None, "numpy.dtype": Function(_element_type)})
        named["_codecs.encode"] = Function(_encoded)
        super().__init__(data, named, self._refuse)

    def _refuse(self, identity):
        raise ValueError("something stored outside of the pickle")

    def _build_array(self):
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, _Array):
            if type(state) is not tuple or len(state) != 5:
                raise ValueError("an array without a state")
            version, shape, dtype, fortran, data = state
            target.state = (version, shape, np.uint8 if dtype is _Bytes else None, fortran, data)
        elif target is not _Bytes:
            raise ValueError(f"attributes of a {type(target).__name__}")

    def _bytes(self, form):
        self._push(self._take(self._unpack(form)))

    _STEPS = {
        **Unpickler._STEPS,
        pickle.BUILD: _build_array,
        pickle.SHORT_BINSTRING: lambda self: self._bytes("<B"),
        pickle.BINSTRING: lambda self: self._bytes("<I"),
        pickle.SHORT_BINBYTES: lambda self: self._bytes("<B"),
        pickle.BINBYTES: lambda self: self._bytes("<I"),
    }
