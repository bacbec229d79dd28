"""Readers of data sets: the real files, files made by hand, and damaged ones."""

import io
import os
import pickle
import random
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import minitorch
from minitorch.errors import FileFormatError
from minitorch.utils.data import DataLoader, Subset, default_collate
from minitorch.vision import datasets
from minitorch.vision import transforms as T
from minitorch.vision.datasets.cifar import read_binary, read_python
from minitorch.vision.datasets.idx import read_idx
from minitorch.vision.datasets.npz import read_npz
from minitorch.vision.datasets.ucr import read_series

DATA = os.environ.get("MINITORCH_DATA")
needs_data = pytest.mark.skipif(DATA is None, reason="MINITORCH_DATA names no folder of data sets")


def python2_batch(images, labels, key=b"labels"):
    """Write a batch of CIFAR as Python 2 did: strings as bytes, the array by its parts."""
    text = lambda s: b"U" + bytes([len(s)]) + s  # noqa: E731
    number = lambda n: b"J" + struct.pack("<i", n)  # noqa: E731
    pixels = images.transpose(0, 3, 1, 2).tobytes()
    out = b"\x80\x02}q\x01(" + text(b"batch_label") + text(b"training batch 1 of 5")
    out += text(key) + b"](" + b"".join(number(n) for n in labels) + b"e"
    out += text(b"data") + b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
    out += b"K\x00\x85" + text(b"b") + b"\x87R(K\x01" + number(len(images)) + number(3072) + b"\x86"
    out += b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R(K\x03" + text(b"|")
    out += b"NNN" + number(-1) + number(-1) + b"K\x00tb\x89"
    out += b"T" + struct.pack("<i", len(pixels)) + pixels + b"tb"
    out += text(b"filenames") + b"](" + text(b"a.png") * len(images) + b"eu."
    return out


def some_images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


def fake_cifar(root, kind=datasets.CIFAR10, binary=False):
    """Write all files of a small CIFAR."""
    folder = root / (kind.binary_folder if binary else kind.base_folder)
    folder.mkdir(parents=True)
    made = {}
    for part in (kind._train, kind._test):
        for place, name in enumerate(part):
            images = some_images(4, place + 10 * (part is kind._test))
            labels = [(k + place) % 10 for k in range(4)]
            made[name] = images, labels
            if binary:
                columns = [np.full((4, 1), 99, np.uint8)] * (kind._label_bytes - 1)
                columns += [np.array(labels, np.uint8)[:, None]]
                columns += [images.transpose(0, 3, 1, 2).reshape(4, -1)]
                (folder / f"{name}.bin").write_bytes(np.hstack(columns).tobytes())
            else:
                (folder / name).write_bytes(python2_batch(images, labels, kind._label_key))
    return made


class TestCifar:
    @pytest.mark.parametrize("kind", [datasets.CIFAR10, datasets.CIFAR100])
    @pytest.mark.parametrize("binary", [False, True])
    def test_both_formats(self, tmp_path, kind, binary):
        made = fake_cifar(tmp_path, kind, binary)
        train, test = kind(tmp_path), kind(tmp_path, train=False)
        assert len(train) == 4 * len(kind._train) and len(test) == 4
        expected = np.concatenate([made[name][0] for name in kind._train])
        assert np.array_equal(train.data, expected)
        assert train.targets == [n for name in kind._train for n in made[name][1]]
        image, label = train[2]
        assert np.array_equal(image, expected[2]) and label == train.targets[2]
        assert len(train.classes) == (10 if kind is datasets.CIFAR10 else 100)
        assert train.class_to_idx[train.classes[3]] == 3

    def test_the_hand_made_pickle_is_a_pickle(self):
        images = some_images(3)
        content = pickle.loads(python2_batch(images, [1, 2, 3]), encoding="bytes")
        assert content[b"labels"] == [1, 2, 3]
        pixels = content[b"data"].reshape(3, 3, 32, 32).transpose(0, 2, 3, 1)
        assert np.array_equal(pixels, images)

    @pytest.mark.parametrize("protocol", [2, 3])
    def test_pickles_of_python_3(self, tmp_path, protocol):
        images = some_images(2)
        flat = images.transpose(0, 3, 1, 2).reshape(2, -1).copy()
        path = tmp_path / "batch"
        path.write_bytes(pickle.dumps({"data": flat, "labels": [4, 5]}, protocol))
        found, labels = read_python(path)
        assert np.array_equal(found, images) and labels == [4, 5]

    @needs_data
    def test_the_real_images(self, tmp_path):
        import gzip

        packed = Path(DATA) / "cifar10_subset" / "cifar10_subset_test_2000.bin.gz"
        (tmp_path / "test_batch.bin").write_bytes(gzip.decompress(packed.read_bytes()))
        test = datasets.CIFAR10(tmp_path, train=False)
        assert np.bincount(test.targets).tolist() == [200] * 10
        assert test.data.shape == (2000, 32, 32, 3)
        assert np.allclose(test.data.mean((0, 1, 2)) / 255, [0.49, 0.48, 0.45], atol=0.02)

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "cut short"),
            (b"not a pickle", "pickle opcode"),
            (python2_batch(some_images(2), [1, 2])[:-3000], "cut short"),
            (python2_batch(some_images(2), [1]), "1 labels for 2 images"),
            (pickle.dumps([1, 2], 2), "it holds a list"),
            (pickle.dumps({"labels": [1]}, 2), "it has no labels, or no data"),
            (pickle.dumps({"labels": [1], "data": 3}, 2), "not an array of bytes"),
            (pickle.dumps({"labels": [1], "data": np.zeros((1, 5), np.uint8)}, 2), "rows of 5"),
            (pickle.dumps({"labels": [1], "data": np.zeros((1, 3072))}, 2), "array"),
            (pickle.dumps({"labels": ["a"], "data": np.zeros((1, 3072), np.uint8)}, 2), "list of"),
            (b"cos\nsystem\n(S'touch stolen'\ntR.", "os.system is not among the types"),
            (b"cnumpy\nndarray\n(K\x01tR.", "a call of a NoneType"),
        ],
        ids=range(12),
    )
    def test_refused(self, tmp_path, content, reason):
        path = tmp_path / "data_batch"
        path.write_bytes(content)
        with pytest.raises(FileFormatError, match=reason) as caught:
            read_python(path)
        assert "data_batch" in str(caught.value)

    def test_wrong_labels_and_sizes(self, tmp_path):
        fake_cifar(tmp_path)
        batch = tmp_path / "cifar-10-batches-py" / "data_batch_3"
        batch.write_bytes(python2_batch(some_images(1), [10]))
        with pytest.raises(FileFormatError, match=r"data_batch_3: label 10, but there are 10"):
            datasets.CIFAR10(tmp_path)
        batch.unlink()
        with pytest.raises(FileNotFoundError, match="data_batch_1"):
            datasets.CIFAR10(tmp_path)
        for size in (0, 3072, 3074):
            (tmp_path / "x.bin").write_bytes(bytes(size))
            with pytest.raises(FileFormatError, match="not whole records of 3073 bytes"):
                read_binary(tmp_path / "x.bin")

    def test_what_it_prints_stays_small(self, tmp_path):
        """Tuples of tuples, doubled 60 times by the memo, must not be written out."""
        bomb = b"\x80\x02}(U\x06labels](e" + b"U\x04data)" + b"q\x01" + b"h\x01h\x01\x86q\x01" * 60
        bomb += b"cnumpy\ndtype\n(h\x01tR" + b"u."
        path = tmp_path / "bomb"
        path.write_bytes(bomb)
        with pytest.raises(FileFormatError) as caught:
            read_python(path)
        assert len(str(caught.value)) < 500


def damaged_copies(good, count, seed=0):
    """Yield copies with flipped bits, cut short, made longer, with wrong bytes in a row."""
    chooser = random.Random(seed)
    for _ in range(count):
        bad = bytearray(good)
        kind = chooser.randrange(4)
        # half of the time near the start, where the headers are
        reach = len(bad) if chooser.random() < 0.5 else min(len(bad), 300)
        if kind == 0:
            for _ in range(chooser.choice([1, 1, 2, 8])):
                bad[chooser.randrange(reach)] ^= 1 << chooser.randrange(8)
        elif kind == 1:
            del bad[chooser.randrange(len(bad)) :]
        elif kind == 2:
            bad[chooser.randrange(reach) : 0] = chooser.randbytes(chooser.choice([1, 4, 1000]))
        else:
            start = chooser.randrange(reach)
            bad[start : start + 4] = chooser.choice([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"])
        yield bytes(bad)


def small_npz(compressed=True):
    file = io.BytesIO()
    save = np.savez_compressed if compressed else np.savez
    images = np.random.default_rng(0).integers(0, 256, (6, 9, 9), dtype=np.uint8)
    labels = np.arange(6)[:, None] % 3
    parts = {
        f"{part}_{what}": a
        for part in ("train", "val", "test")
        for what, a in (("images", images), ("labels", labels))
    }
    save(file, **parts)
    return file.getvalue()


def small_idx():
    return bytes([0, 0, 8, 3]) + struct.pack(">3I", 4, 28, 28) + random.Random(0).randbytes(3136)


def small_ts():
    lines = ["@problemName x", "@timeStamps false", "@classLabel true a b", "@data"]
    lines += [f"{k}.5,{k},1:0.25,{k},7,8:{'ab'[k % 2]}" for k in range(20)]
    return "\n".join(lines).encode()


def small_tsv():
    return "\n".join(f"{k % 3}\t" + "\t".join(f"{k + j / 7:.6f}" for j in range(12))
                     for k in range(20)).encode()  # fmt: skip


def gzipped(content):
    import gzip

    return gzip.compress(content)


READERS = {
    "idx": (small_idx, lambda path: read_idx(path, (28, 28))),
    "idx.gz": (lambda: gzipped(small_idx()), lambda path: read_idx(path, (28, 28))),
    "cifar": (lambda: python2_batch(some_images(3), [1, 2, 3]), read_python),
    "bin": (lambda: bytes(3073 * 3), read_binary),
    "npz": (small_npz, lambda path: datasets.MedMNIST(path)),
    "stored.npz": (lambda: small_npz(False), lambda path: datasets.MedMNIST(path)),
    "ts": (small_ts, read_series),
    "tsv": (small_tsv, read_series),
}


class TestFuzz:
    """Damaged files are read as something, or refused with their name and a reason."""

    @pytest.mark.parametrize("kind", READERS)
    def test_damaged(self, tmp_path, kind):
        make, read = READERS[kind]
        path = tmp_path / f"some-file.{kind}"
        good = make()
        path.write_bytes(good)
        read(path)
        refused = 0
        count = int(os.environ.get("MINITORCH_FUZZ", "150"))
        for bad in damaged_copies(good, count):
            path.write_bytes(bad)
            try:
                read(path)
            except FileFormatError as error:
                refused += 1
                assert "some-file" in str(error) and len(str(error)) < 1000
        assert refused > count // 10

    def test_memory_is_bounded(self, tmp_path):
        """All of it with no more memory than twice the file and 64 MB."""
        program = (
            "import os, resource, sys\n"
            "import minitorch, minitorch.vision.datasets\n"
            "sys.path.insert(0, 'tests')\n"
            "import test_dataset_files as t\n"
            "from pathlib import Path\n"
            "t.np.random.default_rng(0); [make() for make, _ in t.READERS.values()]\n"
            "pages = int(open('/proc/self/statm').read().split()[0])\n"
            "base = pages * resource.getpagesize()\n"
            "for kind, (make, read) in t.READERS.items():\n"
            "    path = Path(sys.argv[1]) / f'some-file.{kind}'\n"
            "    good = make()\n"
            "    limit = base + 2 * len(good) + (64 << 20)\n"
            "    resource.setrlimit(resource.RLIMIT_AS, (limit, -1))\n"
            "    for bad in t.damaged_copies(good, 60, seed=1):\n"
            "        path.write_bytes(bad)\n"
            "        try: read(path)\n"
            "        except t.FileFormatError: pass\n"
        )
        root = Path(__file__).parents[1]
        if not Path("/proc/self/statm").exists():
            pytest.skip("the system does not say how much memory is in use")
        environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
        subprocess.run(
            [sys.executable, "-c", program, tmp_path], check=True, cwd=root, env=environment
        )

    def test_what_headers_claim(self, tmp_path):
        """Sizes far beyond the file are refused before memory is taken."""
        path = tmp_path / "claims.npz"
        for shape, reason in [
            ((1 << 40,), "claims"),
            ((1 << 25, 9), "claims"),
            ((60, 1000, 1000), "claims"),
            ((1000, 1000), "cut short"),
            ((-5, 3), "claims the shape|damaged|shape"),
        ]:
            header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
            header = header.encode().ljust(117) + b"\n"
            content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(1000)
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
                file.writestr("train_images.npy", content)
            with pytest.raises(FileFormatError, match=reason):
                read_npz(path, ["train_images"])

    def test_npz_never_runs_a_pickle(self, tmp_path):
        path = tmp_path / "objects.npz"
        np.savez(path, train_images=np.array([{"a": 1}], object))
        with pytest.raises(FileFormatError, match="not of numbers"):
            read_npz(path, ["train_images"])

    def test_compressed_zeros(self, tmp_path):
        """A small file of many zeros: within the bound it is read, beyond it is a choice."""
        path = tmp_path / "zeros.npz"
        np.savez_compressed(path, a=np.zeros(60 << 20, np.uint8))
        with pytest.raises(FileFormatError, match="are allowed"):
            read_npz(path, ["a"])
        assert read_npz(path, ["a"], max_bytes=1 << 30)["a"].nbytes == 60 << 20


class TestMedMNIST:
    def test_a_small_file(self, tmp_path):
        path = tmp_path / "set.npz"
        path.write_bytes(small_npz())
        for split in ("train", "val", "test"):
            dataset = datasets.MedMNIST(path, split)
            image, label = dataset[4]
            assert image.shape == (9, 9) and label == 1 and dataset.classes == ["0", "1", "2"]
        with pytest.raises(ValueError, match="split should be"):
            datasets.MedMNIST(path, "all")
        with pytest.raises(FileNotFoundError):
            datasets.MedMNIST(tmp_path / "nothing.npz")

    def test_several_tasks(self, tmp_path):
        path = tmp_path / "set.npz"
        images, labels = np.zeros((3, 8, 8, 3), np.uint8), np.array([[0, 1], [1, 1], [0, 0]])
        np.savez(path, train_images=images, train_labels=labels)
        dataset = datasets.MedMNIST(path, transform=T.ToTensor())
        assert dataset[1][0].shape == (3, 8, 8) and dataset[1][1].tolist() == [1, 1]
        ((_, batch),) = DataLoader(dataset, batch_size=3)
        assert batch.tolist() == labels.tolist()

    @pytest.mark.parametrize(
        ("images", "labels", "reason"),
        [
            (np.zeros((3, 8, 8), np.float32), np.zeros((3, 1), int), "should be bytes in"),
            (np.zeros((3, 8), np.uint8), np.zeros((3, 1), int), "in 3 or 4 dimensions"),
            (np.zeros((3, 8, 8), np.uint8), np.zeros((2, 1), int), "2 labels for 3 images"),
            (np.zeros((3, 8, 8), np.uint8), np.zeros(3), "should be integers"),
            (np.zeros((3, 8, 8), np.uint8), -np.ones((3, 1), int), "a label of -1"),
        ],
    )
    def test_refused(self, tmp_path, images, labels, reason):
        path = tmp_path / "set.npz"
        np.savez(path, train_images=images, train_labels=labels)
        with pytest.raises(FileFormatError, match=reason):
            datasets.MedMNIST(path)

    @needs_data
    def test_the_real_volumes(self):
        path = Path(DATA) / "adrenalmnist3d" / "adrenalmnist3d.npz"
        counts = {}
        for split in ("train", "val", "test"):
            dataset = datasets.MedMNIST(path, split)
            counts[split] = np.bincount(dataset.targets.numpy()).tolist()
            assert dataset.data.shape[1:] == (28, 28, 28)
        assert counts == {"train": [929, 259], "val": [76, 22], "test": [229, 69]}
        volumes, _ = next(iter(DataLoader(dataset, batch_size=5)))
        assert volumes.shape == (5, 28, 28, 28)


class TestUCR:
    SETS = [
        ("GunPoint", 50, 150, 2),
        ("ECG200", 100, 96, 2),
        ("ItalyPowerDemand", 67, 24, 2),
        ("ArrowHead", 36, 251, 3),
        ("OSULeaf", 200, 427, 6),
        ("Adiac", 390, 176, 37),
    ]

    @needs_data
    @pytest.mark.parametrize(("name", "count", "length", "classes"), SETS)
    def test_the_real_sets(self, name, count, length, classes):
        train = datasets.UCR(Path(DATA) / "ucr_tsc", name)
        test = datasets.UCR(Path(DATA) / "ucr_tsc", name, train=False)
        assert train.data.shape == (count, 1, length) and len(train.classes) == classes
        assert test.classes == train.classes and test.data.shape[2] == length
        assert np.isfinite(train.data.numpy()).all()
        assert set(train.targets.tolist()) == set(range(classes))

    @needs_data
    def test_the_distances_that_the_archive_publishes(self):
        """The error of the nearest neighbour depends on every value and label."""
        for name, error in (("GunPoint", 0.0867), ("ECG200", 0.1200)):
            train, test = (datasets.UCR(Path(DATA) / "ucr_tsc", name, train=t) for t in (1, 0))
            a, b = train.data.numpy()[:, 0], test.data.numpy()[:, 0]
            nearest = ((b[:, None] - a) ** 2).sum(2).argmin(1)
            wrong = train.targets.numpy()[nearest] != test.targets.numpy()
            assert round(float(wrong.mean()), 4) == error

    @needs_data
    def test_several_channels_of_unequal_length(self):
        train = datasets.UCR(Path(DATA) / "ucr_tsc", "JapaneseVowels")
        assert train.data.shape == (270, 12, 26) and len(train.classes) == 9
        assert train.lengths.numpy().min() == 7 and train.lengths.numpy().max() == 26
        series, label = train[3]
        end = int(train.lengths[3])
        assert series.shape == (12, 26) and not series[:, end:].any() and label == 0

    def test_labels_and_missing_values(self, tmp_path):
        (tmp_path / "Toy_TRAIN.tsv").write_text("-1.0\t1\t2\n1.0\t3\tNaN\n")
        (tmp_path / "Toy_TEST.tsv").write_text("1.0\t5\t6\n")
        train, test = (datasets.UCR(tmp_path, "Toy", train=t) for t in (True, False))
        assert train.classes == test.classes == ["-1", "1"] and test[0][1] == 1
        assert train.lengths.tolist() == [2, 1] and train.data.tolist()[1] == [[3.0, 0.0]]
        (tmp_path / "Toy_TEST.tsv").write_text("7\t5\t6\n")
        with pytest.raises(FileFormatError, match="label '7', but the classes are"):
            datasets.UCR(tmp_path, "Toy", train=False)
        with pytest.raises(FileNotFoundError, match=r"Other_TRAIN\.tsv"):
            datasets.UCR(tmp_path, "Other")

    @pytest.mark.parametrize(
        ("name", "text", "reason"),
        [
            ("a.tsv", "", "no cases"),
            ("a.tsv", "1\t2\n1\tx\n", "line 2: could not convert"),
            ("a.tsv", "1\n", "line 1: a case without values"),
            ("a.ts", "1,2:a\n", "not a line of a header"),
            ("a.ts", "@timestamps true\n@data\n1,2:a\n", "time stamps are not supported"),
            ("a.ts", "@classLabel maybe\n", "true or false"),
            ("a.ts", "@data\n:a\n", "line 2"),
        ],
    )
    def test_refused(self, tmp_path, name, text, reason):
        path = tmp_path / name
        path.write_text(text)
        with pytest.raises(FileFormatError, match=reason) as caught:
            read_series(path)
        assert name in str(caught.value)


class TestOtherSets:
    def test_emnist(self, tmp_path):
        folder = tmp_path / "EMNIST" / "raw"
        folder.mkdir(parents=True)
        images, labels = some_images(5)[:, :28, :28, 0], np.array([1, 2, 26, 3, 1], np.uint8)
        header = bytes([0, 0, 8, 3]) + struct.pack(">3I", 5, 28, 28)
        (folder / "emnist-letters-test-images-idx3-ubyte").write_bytes(header + images.tobytes())
        header = bytes([0, 0, 8, 1]) + struct.pack(">I", 5)
        (folder / "emnist-letters-test-labels-idx1-ubyte").write_bytes(header + labels.tobytes())
        letters = datasets.EMNIST(tmp_path, "letters", train=False)
        assert letters[2][1] == 26 and letters.classes[26] == "z" and len(letters.classes) == 27
        sizes = {split: len(c) for split, c in datasets.EMNIST.classes_split_dict.items()}
        assert sizes == {
            "byclass": 62, "bymerge": 47, "balanced": 47, "letters": 27, "digits": 10, "mnist": 10,
        }  # fmt: skip
        with pytest.raises(ValueError, match="split should be one of"):
            datasets.EMNIST(tmp_path, "numbers")

    def test_qmnist(self, tmp_path):
        images = some_images(6)[:, :28, :28, 0]
        known = np.arange(48).reshape(6, 8) % 10
        header = bytes([0, 0, 8, 3]) + struct.pack(">3I", 6, 28, 28)
        (tmp_path / "qmnist-test-images-idx3-ubyte").write_bytes(header + images.tobytes())
        header = bytes([0, 0, 12, 2]) + struct.pack(">2I", 6, 8)
        (tmp_path / "qmnist-test-labels-idx2-int").write_bytes(
            header + known.astype(">i4").tobytes()
        )
        test = datasets.QMNIST(tmp_path, train=False)
        assert [test[k][1] for k in range(6)] == known[:, 0].tolist()
        full = datasets.QMNIST(tmp_path, "test10k", compat=False)
        assert full[2][1].tolist() == known[2].tolist() and len(full) == 6
        assert len(datasets.QMNIST(tmp_path, "test50k")) == 0
        ((_, labels),) = DataLoader(full, batch_size=6)
        assert labels.tolist() == known.tolist()

    def test_kmnist_and_fashion_share_the_reader(self):
        assert datasets.KMNIST.classes[0] == "o" and len(datasets.FashionMNIST.classes) == 10

    @pytest.mark.parametrize("end", [".mat", ".npz"])
    def test_svhn(self, tmp_path, end):
        images = some_images(5)
        labels = np.array([[1], [10], [3], [9], [2]], np.uint8)
        original = images.transpose(1, 2, 3, 0)
        path = tmp_path / f"test_32x32{end}"
        if end == ".mat":
            pytest.importorskip("scipy.io").savemat(path, {"X": original, "y": labels})
        else:
            np.savez(path, X=original, y=labels)
        dataset = datasets.SVHN(tmp_path, "test")
        assert dataset.labels.tolist() == [1, 0, 3, 9, 2] and dataset.data.shape == (5, 3, 32, 32)
        assert np.array_equal(dataset[1][0], images[1]) and dataset[1][1] == 0
        ((batch, _),) = DataLoader(
            datasets.SVHN(tmp_path, "test", transform=T.ToTensor()), batch_size=5
        )
        assert batch.shape == (5, 3, 32, 32)
        path.write_bytes(path.read_bytes()[:300])
        with pytest.raises(FileFormatError, match="test_32x32"):
            datasets.SVHN(tmp_path, "test")
        with pytest.raises(FileNotFoundError, match=r"train_32x32\.mat"):
            datasets.SVHN(tmp_path)
        with pytest.raises(ValueError, match="split should be one of"):
            datasets.SVHN(tmp_path, "all")

    def test_fake_data(self):
        fake = datasets.FakeData(7, (3, 10, 12), 4, transform=T.ToTensor())
        assert len(fake) == 7 and fake[3][0].shape == (3, 10, 12)
        assert np.array_equal(fake[3][0].numpy(), fake[3][0].numpy())
        assert not np.array_equal(fake[3][0].numpy(), fake[4][0].numpy())
        assert {fake[k][1] for k in range(7)} <= set(range(4))
        with pytest.raises(IndexError):
            fake[7]


class TestFolder:
    def make(self, root, files):
        image = pytest.importorskip("PIL.Image").fromarray(some_images(1)[0])
        for name in files:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path)

    def test_images(self, tmp_path):
        self.make(tmp_path, ["dog/b.png", "dog/a.PNG", "cat/deep/x.jpg", "cat/y.bmp"])
        (tmp_path / "dog" / "notes.txt").write_text("no image")
        (tmp_path / "README").write_text("no class")
        folder = datasets.ImageFolder(tmp_path, transform=T.ToTensor())
        assert folder.classes == ["cat", "dog"] and folder.class_to_idx == {"cat": 0, "dog": 1}
        names = [Path(path).name for path, _ in folder.samples]
        assert names == ["y.bmp", "x.jpg", "a.PNG", "b.png"]
        assert folder.targets == [0, 0, 1, 1] and folder.imgs is folder.samples
        assert folder[3][0].shape == (3, 32, 32) and folder[3][1] == 1
        ((images, labels),) = DataLoader(folder, batch_size=4)
        assert images.shape == (4, 3, 32, 32) and labels.tolist() == [0, 0, 1, 1]
        assert "Number of datapoints: 4" in repr(folder)

    def test_empty_classes(self, tmp_path):
        self.make(tmp_path, ["dog/b.png"])
        (tmp_path / "cat").mkdir()
        (tmp_path / "eel").mkdir()
        with pytest.raises(FileNotFoundError, match="for the classes cat, eel"):
            datasets.ImageFolder(tmp_path)
        assert len(datasets.ImageFolder(tmp_path, allow_empty=True)) == 1
        with pytest.raises(FileNotFoundError, match="Couldn't find any class folder"):
            datasets.ImageFolder(tmp_path / "dog")
        with pytest.raises(FileNotFoundError):
            datasets.ImageFolder(tmp_path / "nowhere")

    @pytest.mark.parametrize("content", [b"", b"not an image", b"cut"])
    @pytest.mark.parametrize("workers", [0, 1])
    def test_unreadable_images_are_named(self, tmp_path, content, workers):
        self.make(tmp_path, ["dog/a.png"])
        path = tmp_path / "dog" / "a.png"
        path.write_bytes(path.read_bytes()[:200] if content == b"cut" else content)
        folder = datasets.ImageFolder(tmp_path, transform=T.ToTensor())
        with pytest.raises(FileFormatError, match=r"dog.a\.png: not a readable image"):
            list(DataLoader(folder, num_workers=workers))

    def test_own_loader(self, tmp_path):
        for k in range(3):
            (tmp_path / "x").mkdir(exist_ok=True)
            np.save(tmp_path / "x" / f"{k}.npy", np.full(2, k))
        folder = datasets.DatasetFolder(tmp_path, np.load, (".npy",))
        assert folder[2][0].tolist() == [2, 2]
        only = datasets.DatasetFolder(
            tmp_path, np.load, is_valid_file=lambda p: "1" in Path(p).name
        )
        assert len(only) == 1
        with pytest.raises(ValueError, match="Both extensions and is_valid_file"):
            datasets.DatasetFolder(tmp_path, np.load)


class Prepared(T.Lambda):
    """A transform that no batch knows."""


class TestBatches:
    """What comes at once is what the samples, one by one, would give: bit for bit."""

    CHAINS = [
        None,
        T.ToTensor(),
        T.Compose([T.ToTensor(), T.Normalize([0.3], [0.2])]),
        T.Compose([T.RandomCrop(8, padding=2), T.RandomHorizontalFlip(), T.ToTensor()]),
        T.Compose([T.RandomRotation(20), T.ToTensor(), T.Resize(5), T.CenterCrop(4)]),
        T.Compose([T.ToTensor(), T.RandomErasing(0.9)]),
        T.Compose([T.ToPILImage(), T.RandomHorizontalFlip(), T.ToTensor(), T.Pad(1)]),
        T.Compose([Prepared(lambda image: image), T.ToTensor()]),
        T.Compose([T.ToTensor(), Prepared(lambda image: image * minitorch.rand(1))]),
        Prepared(lambda image: float(image.sum())),
    ]

    @pytest.mark.parametrize("chain", CHAINS, ids=range(len(CHAINS)))
    @pytest.mark.parametrize("colour", [False, True])
    def test_equal(self, chain, colour, tmp_path):
        if "ToPILImage" in repr(chain):
            pytest.importorskip("PIL")
        if colour:
            fake_cifar(tmp_path)
            kind, arguments = datasets.CIFAR10, {"root": tmp_path}
        else:
            kind, arguments = datasets.Digits, {}

        class OneByOne(kind):
            def __getitem__(self, index):
                return super().__getitem__(index)

        batches = []
        for dataset in (kind(transform=chain, **arguments), OneByOne(transform=chain, **arguments)):
            assert (dataset.__getbatch__([0]) is None) == (
                type(dataset) is OneByOne or type(chain) is Prepared or "Erasing" in repr(chain)
                or (chain is self.CHAINS[8])
            )  # fmt: skip
            for part in (dataset, Subset(dataset, range(3, 18))):
                minitorch.manual_seed(1)
                batches.append(list(DataLoader(part, batch_size=6, shuffle=True))[:9])
        for ours, theirs in ((batches[0], batches[2]), (batches[1], batches[3])):
            assert len(ours) == len(theirs)
            for (a, b), (c, d) in zip(ours, theirs, strict=True):
                assert a.dtype == c.dtype and np.array_equal(a.numpy(), c.numpy())
                assert b.dtype == d.dtype and b.tolist() == d.tolist()

    def test_changed_data_and_targets(self):
        digits = datasets.Digits(target_transform=lambda label: label * 10)
        digits.data, digits.targets = digits.data[:5], digits.targets[:5].tolist()
        ((images, labels),) = DataLoader(digits, batch_size=10)
        assert images.shape == (5, 8, 8) and labels.tolist() == [10 * n for n in digits.targets]
        with pytest.raises(IndexError):
            list(DataLoader(digits, sampler=[7]))

    def test_as_default_collate(self):
        digits = datasets.Digits()
        expected = default_collate([digits[k] for k in (5, 2, 9)])
        result = digits.__getbatch__([5, 2, 9])
        assert type(result) is type(expected)
        for a, b in zip(result, expected, strict=True):
            assert a.dtype == b.dtype and a.tolist() == b.tolist()
