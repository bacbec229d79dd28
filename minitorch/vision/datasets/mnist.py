"""MNIST and the sets that share its files' names and format."""

from pathlib import Path

from ...errors import FileFormatError
from .arrays import ImageArrays
from .idx import read_idx


class MNIST(ImageArrays):
    """
    MNIST: 60,000 training and 10,000 test images of handwritten digits, 28x28.

    Read from the four original files, compressed or not, in ``root/MNIST/raw`` (torchvision's
    layout) or in ``root`` itself. Nothing is downloaded.

    Parameters
    ----------
    root : str or os.PathLike
        The folder.
    train : bool, default True
        ``train-*`` files or ``t10k-*`` files.
    transform, target_transform : callable, optional
        Applied to each image (numpy, uint8, (28, 28)) and each label (int) on access.

    Raises
    ------
    FileNotFoundError
        A file is missing. The message lists where it was looked for.
    FileFormatError
        A file is damaged, or images and labels do not fit together.

    Notes
    -----
    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to
    document recognition", Proceedings of the IEEE 86(11), 1998.
    """

    classes = ["0 - zero", "1 - one", "2 - two", "3 - three", "4 - four"]
    classes += ["5 - five", "6 - six", "7 - seven", "8 - eight", "9 - nine"]

    def __init__(self, root, train=True, transform=None, target_transform=None):
        self.root = Path(root)
        self.train = train
        part = "train" if train else "t10k"
        image_file = self._find(f"{part}-images-idx3-ubyte")
        label_file = self._find(f"{part}-labels-idx1-ubyte")
        images = read_idx(image_file, item_shape=(28, 28))
        labels = read_idx(label_file, item_shape=())
        if len(images) != len(labels):
            raise FileFormatError(
                f"{label_file}: {len(labels)} labels for the {len(images)} images of {image_file}"
            )
        if len(labels) and not 0 <= labels.min() <= labels.max() < len(self.classes):
            raise FileFormatError(
                f"{label_file}: label {labels.max()}, but there are {len(self.classes)} classes"
            )
        super().__init__(images, labels, transform, target_transform)

    def _find(self, name):
        folders = [self.root / type(self).__name__ / "raw", self.root]
        candidates = [folder / (name + end) for folder in folders for end in ("", ".gz")]
        for path in candidates:
            if path.is_file():
                return path
        looked = "".join(f"\n  {path}" for path in candidates)
        raise FileNotFoundError(f"{type(self).__name__}: file not found; looked for{looked}")


class FashionMNIST(MNIST):
    """
    Fashion-MNIST: 60,000 training and 10,000 test images of clothes, 28x28.

    Parameters, layout and errors are :class:`MNIST`'s, with ``root/FashionMNIST/raw``.

    Notes
    -----
    Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking
    machine learning algorithms", arXiv:1708.07747, 2017.
    """

    classes = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"]
    classes += ["Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
