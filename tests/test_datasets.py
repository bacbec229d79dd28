"""Datasets: the embedded digits, and the reader of IDX files."""

import gzip
import os
import random
import struct
from pathlib import Path

import numpy as np
import pytest

from minitorch.errors import FileFormatError
from minitorch.vision.datasets import MNIST, Digits, FashionMNIST
from minitorch.vision.datasets.idx import read_idx

DATA = os.environ.get("MINITORCH_DATA")
needs_data = pytest.mark.skipif(DATA is None, reason="MINITORCH_DATA names no folder of data sets")


def idx(array, ndim=None):
    """Return an array in the IDX format, made independently of the reader."""
    header = bytes([0, 0, 8, array.ndim if ndim is None else ndim])
    return header + b"".join(struct.pack(">i", n) for n in array.shape) + array.tobytes()


def fake_mnist(folder, count=7, compress=True):
    generator = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for part in ("train", "t10k"):
        images = generator.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = generator.integers(0, 10, count, dtype=np.uint8)
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            content = gzip.compress(idx(array)) if compress else idx(array)
            (folder / f"{part}-{name}-ubyte{'.gz' if compress else ''}").write_bytes(content)
        made[part] = images, labels
    return made


class TestDigits:
    def test_counts_and_split(self):
        train, test = Digits(train=True), Digits(train=False)
        assert len(train) == 1442 and len(test) == 355
        every = np.concatenate([train.targets.numpy(), test.targets.numpy()])
        # class counts of the test part, from the description by the authors of the data
        assert np.bincount(every).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
        assert np.bincount(test.targets.numpy()).tolist() == [
            35,
            36,
            35,
            36,
            36,
            36,
            36,
            35,
            34,
            36,
        ]

    def test_samples(self):
        digits = Digits()
        image, label = digits[0]
        assert image.dtype == np.uint8 and image.shape == (8, 8) and type(label) is int
        assert digits.data.shape == (1442, 8, 8) and digits.data.numpy().max() == 255
        assert digits[-1][1] == digits.targets.numpy()[-1]
        with pytest.raises(IndexError):
            digits[1442]

    def test_same_images_as_scikit_learn(self):
        original = pytest.importorskip("sklearn.datasets").load_digits()
        train, test = Digits(train=True), Digits(train=False)
        ours = np.concatenate([train.data.numpy(), test.data.numpy()]).reshape(-1, 64)
        labels = np.concatenate([train.targets.numpy(), test.targets.numpy()])
        theirs = np.round(original.data * 255 / 16).astype(np.uint8)
        rows = sorted(map(tuple, np.column_stack([ours, labels]).tolist()))
        expected = np.column_stack([theirs, original.target.astype(np.uint8)])
        assert rows == sorted(map(tuple, expected.tolist()))

    def test_transforms(self):
        digits = Digits(transform=lambda image: image / 255, target_transform=str)
        image, label = digits[3]
        assert image.dtype == np.float64 and isinstance(label, str)

    def test_repr_and_classes(self):
        digits = Digits(train=False)
        assert repr(digits) == "Digits(355 images, 8x8, 10 classes)"
        assert digits.class_to_idx["7"] == 7


class TestMNIST:
    @pytest.mark.parametrize("compress", [True, False])
    @pytest.mark.parametrize("layout", ["", "MNIST/raw"])
    def test_both_layouts(self, tmp_path, compress, layout):
        made = fake_mnist(tmp_path / layout, compress=compress)
        for part, train in (("train", True), ("t10k", False)):
            dataset = MNIST(tmp_path, train=train)
            assert np.array_equal(dataset.data.numpy(), made[part][0])
            assert dataset.targets.numpy().dtype == np.int64
            assert np.array_equal(dataset.targets.numpy(), made[part][1])
        assert dataset.classes[3] == "3 - three"

    def test_torchvision_layout_is_per_class(self, tmp_path):
        fake_mnist(tmp_path / "FashionMNIST" / "raw")
        assert len(FashionMNIST(str(tmp_path))) == 7
        with pytest.raises(FileNotFoundError):
            MNIST(tmp_path)

    def test_missing_files_are_listed(self, tmp_path):
        with pytest.raises(FileNotFoundError) as caught:
            MNIST(tmp_path / "nowhere")
        for end in ("", ".gz"):
            for folder in (tmp_path / "nowhere", tmp_path / "nowhere" / "MNIST" / "raw"):
                assert str(folder / f"train-images-idx3-ubyte{end}") in str(caught.value)

    def test_counts_must_agree(self, tmp_path):
        fake_mnist(tmp_path)
        path = tmp_path / "train-labels-idx1-ubyte.gz"
        path.write_bytes(gzip.compress(idx(np.zeros(6, np.uint8))))
        with pytest.raises(FileFormatError, match=r"labels.*6 labels for the 7 images of .*images"):
            MNIST(tmp_path)

    def test_labels_must_be_classes(self, tmp_path):
        fake_mnist(tmp_path)
        path = tmp_path / "train-labels-idx1-ubyte.gz"
        path.write_bytes(gzip.compress(idx(np.full(7, 11, np.uint8))))
        with pytest.raises(FileFormatError, match="label 11, but there are 10 classes"):
            MNIST(tmp_path)

    @needs_data
    def test_the_real_files(self):
        train = MNIST(Path(DATA) / "mnist")
        test = MNIST(Path(DATA) / "mnist", train=False)
        assert (len(train), len(test)) == (60000, 10000)
        pixels = train.data.numpy() / 255
        assert abs(pixels.mean() - 0.1307) < 1e-4 and abs(pixels.std() - 0.3081) < 1e-4
        assert train.targets.tolist()[:5] == [5, 0, 4, 1, 9]
        assert np.bincount(FashionMNIST(Path(DATA) / "fashion_mnist").targets.numpy()).tolist() == (
            [6000] * 10
        )


class TestIdx:
    """Damaged files are refused with their name and the reason."""

    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)

    def read(self, tmp_path, content, **kwargs):
        path = tmp_path / "some-file"
        path.write_bytes(content)
        return read_idx(path, **kwargs)

    @pytest.mark.parametrize("shape", [(24,), (2, 3, 4), (0, 28, 28), (1, 1, 1, 1, 1)])
    def test_roundtrip(self, tmp_path, shape):
        array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
        for content in (idx(array), gzip.compress(idx(array))):
            result = self.read(tmp_path, content)
            assert np.array_equal(result, array) and result.shape == shape
            assert result.flags.writeable

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "not an IDX file of bytes: it starts with b''"),
            (b"\x89PNG\r\n", "not an IDX file"),
            (bytes([0, 0, 13, 1, 0, 0, 0, 0]), "not an IDX file of bytes"),
            (bytes([0, 0, 8, 0]), "not an IDX file"),
            (bytes([0, 0, 8, 3, 0, 0, 0, 2]), "cut short: its 3 sizes need 12 bytes, found 4"),
            (idx(array)[:-1], "more than a file of its size holds|cut short"),
            (idx(array) + b"\0", "data left over after the 24 values"),
            (gzip.compress(idx(array)[:-1]), "cut short: 24 values expected, 23 found"),
            (gzip.compress(idx(array) + b"\0"), "data left over"),
            (gzip.compress(idx(array))[:-9], "damaged gzip file"),
            (gzip.compress(idx(array))[:-4] + b"xxxx", "damaged gzip file"),
            (gzip.compress(idx(array))[:10] + b"\xff" * 9, "damaged gzip file"),
            (bytes([0, 0, 8, 3]) + b"\xff" * 12, "values, more than a file of its size holds"),
            (
                gzip.compress(bytes([0, 0, 8, 3]) + b"\xff" * 12),
                "more than a file of its size holds",
            ),
        ],
    )
    def test_refused(self, tmp_path, content, reason):
        with pytest.raises(FileFormatError, match=reason) as caught:
            self.read(tmp_path, content)
        assert "some-file" in str(caught.value)

    def test_item_shape(self, tmp_path):
        assert self.read(tmp_path, idx(self.array), item_shape=(3, 4)).shape == (2, 3, 4)
        with pytest.raises(FileFormatError, match=r"items of shape \(3, 4\) where \(28, 28\)"):
            self.read(tmp_path, idx(self.array), item_shape=(28, 28))

    def test_a_bomb_is_refused(self, tmp_path):
        header = bytes([0, 0, 8, 1]) + struct.pack(">I", 1 << 30)
        bomb = gzip.compress(header + bytes(1 << 20), compresslevel=9)
        with pytest.raises(FileFormatError, match="more than a file of its size holds"):
            self.read(tmp_path, bomb)

    def test_flipped_bits(self, tmp_path):
        """Whatever is flipped: the right values (in gzip's unchecked fields) or a clear error."""
        chooser = random.Random(0)
        array = np.frombuffer(chooser.randbytes(28 * 28 * 5), np.uint8).reshape(5, 28, 28)
        good = gzip.compress(idx(array))
        for _ in range(300):
            bad = bytearray(good)
            bad[chooser.randrange(len(bad))] ^= 1 << chooser.randrange(8)
            try:
                result = self.read(tmp_path, bytes(bad), item_shape=(28, 28))
            except FileFormatError:
                continue
            assert np.array_equal(result, array)
