"""MNIST and the sets that share its files' names and format."""

import string
from pathlib import Path

from ...errors import FileFormatError
from .arrays import ImageArrays
from .download import download, extract
from .idx import read_idx


class MNIST(ImageArrays):
    """
    MNIST: 60,000 training and 10,000 test images of handwritten digits, 28x28.

    Read from the four original files, compressed or not, in ``root/MNIST/raw`` (torchvision's
    layout) or in ``root`` itself.

    Parameters
    ----------
    root : str or os.PathLike
        The folder.
    train : bool, default True
        ``train-*`` files or ``t10k-*`` files.
    transform, target_transform : callable, optional
        Applied to each image (numpy, uint8, (28, 28)) and each label (int) on access.
    download : bool, default False
        Fetch files that are not there, into ``root/MNIST/raw``.

    Raises
    ------
    FileNotFoundError
        A file is missing. The message lists where it was looked for.
    FileFormatError
        A file is damaged, or images and labels do not fit together.
    DownloadError
        A file could not be fetched.

    Notes
    -----
    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to
    document recognition", Proceedings of the IEEE 86(11), 1998.
    """

    mirrors = [
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ]
    resources = [
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ]
    classes = ["0 - zero", "1 - one", "2 - two", "3 - three", "4 - four"]
    classes += ["5 - five", "6 - six", "7 - seven", "8 - eight", "9 - nine"]

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        self.root = Path(root)
        self.train = train
        if download:
            self.download()
        part = "train" if train else "t10k"
        self._load(f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte")
        self.transform, self.target_transform = transform, target_transform

    def _load(self, image_name, label_name):
        image_file, label_file = self._find(image_name), self._find(label_name)
        images = read_idx(image_file, item_shape=(28, 28))
        labels = self._read_labels(label_file)
        if len(images) != len(labels):
            raise FileFormatError(
                f"{label_file}: {len(labels)} labels for the {len(images)} images of {image_file}"
            )
        if len(labels) and not 0 <= labels.min() <= labels.max() < len(self.classes):
            wrong = labels.max() if labels.max() >= len(self.classes) else labels.min()
            raise FileFormatError(
                f"{label_file}: label {wrong}, but there are {len(self.classes)} classes"
            )
        super().__init__(images, labels)

    def _read_labels(self, path):
        return read_idx(path, item_shape=())

    @property
    def raw_folder(self):
        """The folder that `download` fills."""
        return self.root / type(self).__name__ / "raw"

    def _candidates(self, name):
        return [
            folder / (name + end) for folder in (self.raw_folder, self.root) for end in ("", ".gz")
        ]

    def _find(self, name):
        candidates = self._candidates(name)
        for path in candidates:
            if path.is_file():
                return path
        looked = "".join(f"\n  {path}" for path in candidates)
        raise FileNotFoundError(f"{type(self).__name__}: file not found; looked for{looked}")

    def download(self):
        """Fetch the files that are not there."""
        for name, md5 in self.resources:
            stem = name.removesuffix(".gz")
            if not any(path.is_file() for path in self._candidates(stem)):
                download([mirror + name for mirror in self.mirrors], self.raw_folder / name, md5)


class FashionMNIST(MNIST):
    """
    Fashion-MNIST: 60,000 training and 10,000 test images of clothes, 28x28.

    Parameters, layout and errors as of `MNIST`, with ``root/FashionMNIST/raw``.

    Notes
    -----
    Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking
    machine learning algorithms", arXiv:1708.07747, 2017.
    """

    mirrors = ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ]
    classes = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"]
    classes += ["Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]


class KMNIST(MNIST):
    """
    Kuzushiji-MNIST: 60,000 training and 10,000 test images of cursive Japanese characters, 28x28.

    Parameters, layout and errors as of `MNIST`, with ``root/KMNIST/raw``.

    Notes
    -----
    Source: T. Clanuwat, M. Bober-Irizar, A. Kitamoto, A. Lamb, K. Yamamoto, D. Ha, "Deep Learning
    for Classical Japanese Literature", arXiv:1812.01718, 2018.
    """

    mirrors = ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
        ("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
        ("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
        ("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"),
    ]
    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]


class EMNIST(MNIST):
    """
    EMNIST: handwritten digits and letters, 28x28, in six divisions.

    Read from ``emnist-<split>-<train or test>-images-idx3-ubyte`` and the file of labels beside it,
    compressed or not, in ``root/EMNIST/raw`` or in ``root`` itself.

    Parameters
    ----------
    root : str or os.PathLike
        The folder.
    split : str
        ``"byclass"``, ``"bymerge"``, ``"balanced"``, ``"letters"`` (labels from 1), ``"digits"`` or
        ``"mnist"``.
    train, transform, target_transform, download
        As of :class:`MNIST`. The images of the original files are mirrored along the diagonal.

    Notes
    -----
    Source: G. Cohen, S. Afshar, J. Tapson, A. van Schaik, "EMNIST: an extension of MNIST to
    handwritten letters", arXiv:1702.05373, 2017.
    """

    url = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
    md5 = "58c8d27c78d21e728a6bc7b3cc06412e"
    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    _merged = set("cijklmopsuvwxyz")
    _all = set(string.digits + string.ascii_letters)
    classes_split_dict = {
        "byclass": sorted(_all),
        "bymerge": sorted(_all - _merged),
        "balanced": sorted(_all - _merged),
        "letters": ["N/A", *string.ascii_lowercase],
        "digits": list(string.digits),
        "mnist": list(string.digits),
    }

    def __init__(
        self, root, split, train=True, transform=None, target_transform=None, download=False
    ):
        if split not in self.splits:
            raise ValueError(f"EMNIST: split should be one of {self.splits}, got {split!r}")
        self.root, self.split, self.train = Path(root), split, train
        self.classes = self.classes_split_dict[split]
        prefix = f"emnist-{split}-{'train' if train else 'test'}"
        names = f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"
        if download and not all(any(p.is_file() for p in self._candidates(n)) for n in names):
            self.download()
        self._load(*names)
        self.transform, self.target_transform = transform, target_transform

    def _candidates(self, name):
        folders = (self.raw_folder, self.raw_folder / "gzip", self.root)
        return [folder / (name + end) for folder in folders for end in ("", ".gz")]

    def download(self):
        """Fetch and unpack the archive of all divisions."""
        archive = download([self.url], self.raw_folder / "gzip.zip", self.md5)
        extract(archive, self.raw_folder, remove=True)


class QMNIST(MNIST):
    """
    QMNIST: MNIST made anew from its source, with 60,000 test images, 28x28.

    Parameters
    ----------
    root : str or os.PathLike
        The folder; the files are in ``root/QMNIST/raw`` or in ``root`` itself.
    what : str, optional
        ``"train"``, ``"test"``, ``"test10k"`` (those of MNIST) or ``"test50k"`` (the others);
        chosen by `train` unless given.
    compat : bool, default True
        False: labels are all eight numbers that are known of a digit (Tensor, int64).
    train, transform, target_transform, download
        As of :class:`MNIST`.

    Notes
    -----
    Source: C. Yadav, L. Bottou, "Cold Case: The Lost MNIST Digits", NeurIPS 2019.
    """

    mirrors = ["https://raw.githubusercontent.com/facebookresearch/qmnist/master/"]
    subsets = {"train": "train", "test": "test", "test10k": "test", "test50k": "test"}
    _files = {
        "train": [
            ("qmnist-train-images-idx3-ubyte.gz", "ed72d4157d28c017586c42bc6afe6370"),
            ("qmnist-train-labels-idx2-int.gz", "0058f8dd561b90ffdd0f734c6a30e5e4"),
        ],
        "test": [
            ("qmnist-test-images-idx3-ubyte.gz", "1394631089c404de565df7b7aeaf9412"),
            ("qmnist-test-labels-idx2-int.gz", "5b5b05890a5e13444e108efe57b788aa"),
        ],
    }

    def __init__(
        self,
        root,
        what=None,
        compat=True,
        train=True,
        transform=None,
        target_transform=None,
        download=False,
    ):
        what = ("train" if train else "test") if what is None else what
        if what not in self.subsets:
            raise ValueError(f"QMNIST: what should be one of {tuple(self.subsets)}, got {what!r}")
        self.root, self.what, self.compat, self.train = Path(root), what, compat, train
        self.resources = self._files[self.subsets[what]]
        if download:
            self.download()
        self._load(*(name.removesuffix(".gz") for name, _ in self.resources))
        part = {"test10k": slice(10000), "test50k": slice(10000, None)}.get(what, slice(None))
        known = self.known[part]
        super(MNIST, self).__init__(self.data.numpy()[part], known[:, 0])
        if not compat:
            self.targets = type(self.data)._wrap(known.astype("int64"))
        self.transform, self.target_transform = transform, target_transform

    def _read_labels(self, path):
        self.known = read_idx(path, item_shape=(8,), dtype="int32")
        return self.known[:, 0]

    def _label(self, index):
        return int(self.targets[index]) if self.compat else self.targets[index]
