"""Files in PyTorch's format: both ways against PyTorch itself, damaged, hostile, interrupted."""

import collections
import contextlib
import io
import os
import pickle
import random
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minitorch
from minitorch.device import device
from minitorch.errors import FileFormatError
from minitorch.nn import Parameter
from minitorch.pickles import Call, Name, PersistentId, Pickler
from minitorch.serialization import load, save
from minitorch.tensor import Size, Tensor

KEYS = st.one_of(st.text(), st.integers(), st.booleans(), st.none(), st.binary())
PLAIN = st.recursive(
    st.one_of(KEYS, st.floats(allow_nan=False), st.complex_numbers(allow_nan=False)),
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(KEYS, inner),
        st.dictionaries(KEYS, inner).map(collections.OrderedDict),
        st.sets(KEYS),
    ),
    max_leaves=30,
)
DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float32", "float64"]


def tensor(array):
    return Tensor._wrap(np.asarray(array))


def sample(dtype, shape=(3, 4)):
    values = np.random.default_rng(0).integers(0, 100, shape)
    return values.astype(dtype)


def roundtrip(value):
    file = io.BytesIO()
    save(value, file)
    file.seek(0)
    return load(file)


class TestFromTorch:
    """What torch.save wrote, we read."""

    @pytest.mark.parametrize("mmap", [False, True])
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_dtypes(self, torch, tmp_path, dtype, mmap):
        array = sample(dtype)
        torch.save(torch.from_numpy(array), tmp_path / "a.pth")
        result = load(tmp_path / "a.pth", mmap=mmap)
        assert result._array.dtype == array.dtype and np.array_equal(result._array, array)
        assert result._array.flags.writeable

    def test_shapes_and_strides(self, torch, tmp_path):
        base = torch.arange(24.0).reshape(2, 3, 4)
        tensors = [
            base, base[1], base[:, ::2], base.permute(2, 1, 0), base[0, 0, 0], base[2:],
            torch.tensor(7), torch.empty(0), torch.ones(1).expand(5, 3), base.permute(2, 0, 1)[1:],
        ]  # fmt: skip
        torch.save(tensors, tmp_path / "a.pth")
        for ours, theirs in zip(load(tmp_path / "a.pth"), tensors, strict=True):
            assert ours.shape == tuple(theirs.shape)
            assert np.array_equal(ours._array, theirs.numpy())

    def test_shared_storage_stays_shared(self, torch, tmp_path):
        base = torch.zeros(3, 4)
        torch.save({"whole": base, "row": base[1], "same": base}, tmp_path / "a.pth")
        loaded = load(tmp_path / "a.pth")
        assert loaded["same"] is loaded["whole"]
        loaded["row"]._array[:] = 5
        assert loaded["whole"]._array[1].tolist() == [5, 5, 5, 5]
        assert loaded["whole"]._cell is loaded["row"]._cell

    @pytest.mark.parametrize("kind", ["float16", "bfloat16"])
    def test_half_arrives_as_float32_with_one_warning(self, torch, tmp_path, kind):
        values = torch.tensor([0.1, -2.5, 1e30, float("inf"), float("nan"), 6e-8])
        halves = values.to(getattr(torch, kind))
        torch.save([halves, halves[1:], halves.clone()], tmp_path / "a.pth")
        with pytest.warns(UserWarning, match=f"{kind} tensors were converted to float32") as seen:
            first, second, third = load(tmp_path / "a.pth")
        assert len(seen) == 1
        expected = halves.float().numpy()
        for ours, theirs in ((first, expected), (second, expected[1:]), (third, expected)):
            assert ours._array.dtype == np.float32
            assert np.array_equal(ours._array, theirs, equal_nan=True)

    def test_training_state(self, torch, tmp_path):
        model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
        adam = torch.optim.Adam(model.parameters(), lr=0.01)
        schedule = torch.optim.lr_scheduler.MultiStepLR(adam, [2, 3])
        for _ in range(3):
            model(torch.randn(2, 1, 5, 5)).square().sum().backward()
            adam.step()
            schedule.step()
        state = {
            "model": model.state_dict(),
            "adam": adam.state_dict(),
            "schedule": schedule.state_dict(),
            "parameters": list(model.parameters()),
            "misc": [
                torch.float32,
                torch.Size([2, 3]),
                torch.device("cpu"),
                1.5,
                None,
                "é",
                b"\xff",
            ],
        }
        torch.save(state, tmp_path / "a.pth")
        loaded = load(tmp_path / "a.pth")
        assert type(loaded["model"]) is collections.OrderedDict
        assert loaded["model"]._metadata == model.state_dict()._metadata
        for name, value in model.state_dict().items():
            assert np.array_equal(loaded["model"][name]._array, value.numpy())
        for index, moments in adam.state_dict()["state"].items():
            for name, value in moments.items():
                assert np.array_equal(loaded["adam"]["state"][index][name]._array, value.numpy())
        assert loaded["adam"]["param_groups"] == adam.state_dict()["param_groups"]
        assert loaded["schedule"] == schedule.state_dict()
        assert all(type(p) is Parameter and p.requires_grad for p in loaded["parameters"])
        assert loaded["misc"][:2] == [minitorch.float32, (2, 3)]
        assert loaded["misc"][3:] == [1.5, None, "é", b"\xff"]

    def test_requires_grad(self, torch, tmp_path):
        torch.save([torch.ones(2, requires_grad=True), torch.ones(2)], tmp_path / "a.pth")
        first, second = load(tmp_path / "a.pth")
        assert first.requires_grad and first.is_leaf and not second.requires_grad

    def test_other_kinds_are_refused_by_name(self, torch, tmp_path):
        cases = {
            "ComplexFloatStorage": torch.ones(2, dtype=torch.complex64),
            "_rebuild_sparse_tensor": torch.eye(2).to_sparse(),
            "torch.nn.modules.linear.Linear": torch.nn.Linear(2, 2),
        }
        for name, value in cases.items():
            torch.save(value, tmp_path / "a.pth")
            with pytest.raises(FileFormatError, match=rf"a\.pth: .*{name} is not among"):
                load(tmp_path / "a.pth", weights_only=False)


class TestFromLegacyTorch:
    """What torch.save wrote before version 1.6, we read."""

    @staticmethod
    def write(torch, value):
        file = io.BytesIO()
        torch.save(value, file, _use_new_zipfile_serialization=False)
        return file.getvalue()

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("mmap", [False, True])
    def test_dtypes(self, torch, tmp_path, dtype, mmap):
        array = sample(dtype)
        (tmp_path / "a.pth").write_bytes(self.write(torch, [1, torch.from_numpy(array)]))
        _, result = load(tmp_path / "a.pth", mmap=mmap)
        assert result._array.dtype == array.dtype and np.array_equal(result._array, array)
        result._array[0] = 0  # writable, and the file stays
        assert np.array_equal(load(tmp_path / "a.pth")[1]._array, array)

    def test_a_model_and_its_optimiser(self, torch):
        model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
        adam = torch.optim.Adam(model.parameters())
        model(torch.randn(2, 1, 5, 5)).square().sum().backward()
        adam.step()
        state = {"model": model.state_dict(), "adam": adam.state_dict(), "epoch": 3}
        loaded = load(io.BytesIO(self.write(torch, state)))
        assert loaded["epoch"] == 3 and type(loaded["model"]) is collections.OrderedDict
        for name, value in model.state_dict().items():
            assert np.array_equal(loaded["model"][name]._array, value.numpy())
        assert loaded["adam"]["param_groups"] == adam.state_dict()["param_groups"]

    def test_sharing_views_and_halves(self, torch):
        base = torch.arange(24.0).reshape(2, 3, 4)
        half = torch.tensor([0.5, -2.0, 1e30]).bfloat16()
        value = [base, base[1], base.permute(2, 1, 0), half, torch.empty(0), torch.tensor(7)]
        with pytest.warns(UserWarning, match="bfloat16 tensors were converted"):
            loaded = load(io.BytesIO(self.write(torch, value)))
        for ours, theirs in zip(loaded, value, strict=True):
            assert np.array_equal(ours._array, theirs.float().numpy())
        loaded[1].fill_(-1)
        assert (loaded[0][1]._array == -1).all() and loaded[0]._version == 1

    def test_what_python_2_wrote(self):
        """Strings of bytes, an OrderedDict of pairs, tensors without requires_grad, and a piece."""
        piece = b"(U\x015K\x01K\x03t"  # of storage 9: from its element 1 three elements
        storage = b"(U\x07storagectorch\nFloatStorage\nU\x019U\x03cpuK\x04" + piece + b"tQ"
        weight = b"ctorch._utils\n_rebuild_tensor\n(" + storage + b"K\x00K\x03\x85K\x01\x85tR"
        structure = b"\x80\x02ccollections\nOrderedDict\n]](U\x06weight" + weight + b"ea\x85R."
        head = b"".join(pickle.dumps(v, 2) for v in (0x1950A86A20F9469CFC6C, 1001, {}))
        content = np.arange(4, dtype=">f4").tobytes()
        tail = pickle.dumps(["9"], 2) + (4).to_bytes(8, "little") + content
        loaded = load(io.BytesIO(head + structure + tail))
        assert type(loaded) is collections.OrderedDict
        assert loaded["weight"].tolist() == [1, 2, 3]

    def test_damage_and_lies(self, torch):
        good = self.write(torch, {"a": torch.arange(6.0), "b": [torch.ones(2), "text"]})
        for end in range(0, len(good), 11):
            with pytest.raises(FileFormatError, match="file object"):
                load(io.BytesIO(good[:end]))
        for old, new in [
            (b"FloatStorage", b"LongStorage\n"),
            (b"FloatStorage", b"FloatStoragf"),
            (b"K\x06Ntq", b"K\x07Ntq"),
            (b"K\x06\x85q", b"K\x07\x85q"),
            (b"ctorch._utils\n_rebuild_tensor_v2\n", b"cos\nsystem\n"),
        ]:
            bad = good.replace(old, new, 1)
            assert bad != good
            with pytest.raises(FileFormatError):
                load(io.BytesIO(bad))
        chooser = random.Random(4)
        for _ in range(1000):
            bad = bytearray(good)
            bad[chooser.randrange(len(bad))] ^= 1 << chooser.randrange(8)
            with contextlib.suppress(FileFormatError):
                load(io.BytesIO(bytes(bad)))


class TestToTorch:
    """What we wrote, torch.load reads."""

    @pytest.mark.parametrize("mmap", [False, True])
    @pytest.mark.parametrize("dtype", [*DTYPES, "float16"])
    def test_dtypes(self, torch, tmp_path, dtype, mmap):
        array = sample(dtype)
        save(tensor(array), tmp_path / "a.pth")
        result = torch.load(tmp_path / "a.pth", mmap=mmap)
        assert str(result.dtype) == f"torch.{dtype}"
        assert np.array_equal(result.numpy(), array)

    def test_shapes_strides_and_sharing(self, torch, tmp_path):
        base = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4)
        arrays = [
            base, base[1], base[:, ::2], base.T, base[0, 0, 0:1], base[::-1], base[2:],
            np.zeros((0, 3), np.float32), np.broadcast_to(np.float32(2), (3, 2)),
            base.astype(">f4"), np.array(3),
        ]  # fmt: skip
        save([tensor(array) for array in arrays], tmp_path / "a.pth")
        loaded = torch.load(tmp_path / "a.pth")
        for theirs, ours in zip(loaded, arrays, strict=True):
            assert tuple(theirs.shape) == ours.shape and np.array_equal(theirs.numpy(), ours)
        loaded[1].fill_(-1)
        assert (loaded[0][1] == -1).all() and (loaded[3][:, :, 1] == -1).all()

    def test_structure(self, torch, tmp_path):
        state = collections.OrderedDict(w=Parameter(tensor(np.ones(2, np.float32))))
        state._metadata = {"": {"version": 1}}
        value = {
            "state": state,
            "plain": [1, -1, 2**40, 2**70, -(2**3000), 1.5, None, True, "é", b"\xff", b"", 1j],
            "containers": [(), [], {}, {1, 2}, collections.Counter("aab"), (1, (2, [3]))],
            "named": [minitorch.float64, device("cpu"), Size([2, 3])],
            "numpy": [np.float64(0.5), np.int64(7), np.bool_(True)],
        }
        save(value, tmp_path / "a.pth")
        loaded = torch.load(tmp_path / "a.pth", weights_only=False)
        assert loaded["plain"] == value["plain"] and loaded["containers"] == value["containers"]
        assert loaded["named"] == [torch.float64, torch.device("cpu"), torch.Size([2, 3])]
        assert loaded["numpy"] == [0.5, 7, True]
        assert (
            type(loaded["state"]["w"]) is torch.nn.Parameter and loaded["state"]["w"].requires_grad
        )
        assert loaded["state"]._metadata == {"": {"version": 1}}


class TestOurOwn:
    def test_small_views_make_small_files(self, tmp_path):
        big = np.zeros(1_000_000, np.float32)
        save(tensor(big[10:20]), tmp_path / "a.pth")
        assert os.path.getsize(tmp_path / "a.pth") < 2000

    def test_equal_content_makes_equal_files(self):
        files = []
        for _ in range(2):
            file = io.BytesIO()
            save({"a": tensor(sample("float32")), "b": [1, "x"]}, file)
            files.append(file.getvalue())
        assert files[0] == files[1]

    def test_cycles_and_identity(self):
        inner = [1]
        cyclic = {"a": inner, "b": inner}
        cyclic["self"] = cyclic
        loaded = roundtrip(cyclic)
        assert loaded["self"] is loaded and loaded["a"] is loaded["b"]

    @given(PLAIN)
    @settings(max_examples=200, deadline=None)
    def test_plain_values(self, value):
        data = Pickler(None).dump(value)
        assert roundtrip(value) == value == pickle.loads(data)

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            (object(), "cannot save a object: only tensors"),
            (np.ones(3), r"cannot save a numpy.ndarray: .*from_numpy"),
            ({"a": [print]}, "cannot save a builtin_function_or_method"),
            ({(1, (2,)): 3}, "a tuple as a key"),
            (collections.defaultdict(int), "cannot save a collections.defaultdict"),
        ],
    )
    def test_other_types_cannot_be_saved(self, tmp_path, value, message):
        with pytest.raises(TypeError, match=message):
            save(value, tmp_path / "a.pth")
        assert os.listdir(tmp_path) == []

    def test_a_module_is_refused_with_advice(self, tmp_path):
        with pytest.raises(TypeError, match=r"MaxPool2d: save module.state_dict\(\)"):
            save(minitorch.nn.MaxPool2d(2), tmp_path / "a.pth")

    def test_mmap_copies_on_write(self, tmp_path):
        save(tensor(np.zeros(4, np.float32)), tmp_path / "a.pth")
        before = (tmp_path / "a.pth").read_bytes()
        load(tmp_path / "a.pth", mmap=True)._array[:] = 1
        assert (tmp_path / "a.pth").read_bytes() == before
        with pytest.raises(ValueError, match="mmap=True needs the name of a file"):
            load(io.BytesIO(before), mmap=True)

    def test_map_location(self, tmp_path):
        save(tensor(np.ones(2)), tmp_path / "a.pth")
        for place in (None, "cpu", device("cpu"), {"cuda:0": "cpu"}, lambda s, _: s):
            assert load(tmp_path / "a.pth", map_location=place).tolist() == [1, 1]
        with pytest.raises(RuntimeError, match="'cuda' is not available"):
            load(tmp_path / "a.pth", map_location="cuda")

    def test_missing_file(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            load(tmp_path / "nothing.pth")
        with pytest.raises(FileNotFoundError):
            save(1, tmp_path / "no folder" / "a.pth")


def archive(data, storages=None, root="archive/", compression=zipfile.ZIP_STORED):
    """Return a file with this pickle and these storages."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as out:
        out.writestr(f"{root}data.pkl", data)
        for key, content in (storages or {}).items():
            out.writestr(f"{root}data/{key}", content)
    file.seek(0)
    return file


def stated(size=(2,), stride=(1,), offset=0, numel=4, kind="FloatStorage", key="0", flag=False):
    """Return a file that states this about a tensor whose storage is four floats, 0."""
    storage = PersistentId("storage", Name("torch", kind), key, "cpu", numel)
    call = Call("torch._utils", "_rebuild_tensor_v2", storage, offset, size, stride, flag, None)
    return archive(Pickler(None).dump(call), {"0": np.arange(4, dtype=np.float32).tobytes()})


class TestHostileFiles:
    """Nothing is run, nothing is believed."""

    def test_the_crafted_file_is_fine_when_honest(self):
        assert load(stated(size=(2, 2), stride=(2, 1))).tolist() == [[0, 1], [2, 3]]

    @pytest.mark.parametrize(
        "statement",
        [
            {"size": (5,)},
            {"size": (2, 2), "stride": (3, 1)},
            {"size": (1,), "offset": 4},
            {"size": (1,), "offset": -1},
            {"size": (-1,)},
            {"stride": (-1,)},
            {"stride": ()},
            {"size": (1 << 62,), "stride": (1 << 62,)},
            {"size": (1 << 70,)},
            {"size": (True,)},
            {"size": [2]},
            {"size": (2.0,)},
            {"size": (0, 1 << 62, 1 << 62), "stride": (1, 1, 1)},
            {"size": (1,) * 100, "stride": (1,) * 100},
            {"numel": 8},
            {"numel": "4"},
            {"kind": "DoubleStorage"},
            {"kind": "LongStorage", "numel": 2, "flag": True},
            {"kind": "float32"},
            {"kind": "UntypedStorage"},
            {"key": "1"},
            {"key": 0},
            {"key": "../../secret"},
        ],
    )
    def test_sizes_are_checked(self, statement):
        with pytest.raises(FileFormatError, match="file object"):
            load(stated(**statement))

    @pytest.mark.parametrize(
        "value",
        [
            Call("os", "system", "touch HACKED"),
            Call("builtins", "eval", "open('HACKED', 'w')"),
            Call("__builtin__", "getattr", 1, "real"),
            Call("torch", "load", "x"),
            Call("collections", "OrderedDict", [("a", 1)]),
            Call("collections", "OrderedDict", 3),
            Call("collections", "OrderedDict", [[[], 1]]),
            Call("collections", "OrderedDict.fromkeys", [1]),
            Call("numpy.core.multiarray", "_reconstruct", 1),
            Name("os", "system"),
            PersistentId("module", "os", "system"),
            PersistentId("storage", Call("os", "system", "touch HACKED"), "0", "cpu", 4),
            Call("torch._utils", "_rebuild_parameter", 3, True, None),
            Call("torch", "device", "cuda;"),
            Call("__builtin__", "set", [(1, (2, 3))]),
        ],
    )
    def test_nothing_is_called(self, value, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(FileFormatError):
            load(archive(Pickler(None).dump(value)))
        assert os.listdir(tmp_path) == []

    def test_the_refused_name_is_told(self):
        evil = archive(Pickler(None).dump({"a": Call("os", "system", "true")}))
        with pytest.raises(FileFormatError, match=r"os\.system is not among the types"):
            load(evil)

    @pytest.mark.parametrize(
        "program",
        [
            b"ccollections\nOrderedDict\n}X\x01\x00\x00\x00aK\x01sb.",  # attributes of a function
            b"ccollections\nOrderedDict\n)R}X\x05\x00\x00\x00itemsK\x01sb.",  # of an OrderedDict
            b"]K\x01K\x02s.",  # a list has no keys
            b"}]K\x01s.",  # a list is no key
            b"K\x01K\x02a.",  # a number is no list
            b"(.", b".", b"e.", b"q\x00.", b"h\x00.", b"\x94.", b"R.", b"Q.", b"", b"K", b"c",
            b"cos\n", b"X\xff\xff\xff\xff.", b"\x8b\xff\xff\xff\x7f.", b"r\xff\xff\xff\xff.",
        ],
    )  # fmt: skip
    def test_bad_programs(self, program):
        with pytest.raises(FileFormatError):
            load(archive(b"\x80\x02" + program))

    def test_archives_of_other_kinds(self):
        good = stated().getvalue()
        with zipfile.ZipFile(io.BytesIO(good)) as inner:
            data = inner.read("archive/data.pkl")
        for bad, reason in [
            (archive(data, {"0": bytes(16)}, compression=zipfile.ZIP_DEFLATED), "compressed"),
            (archive(data), "data/0 is missing"),
            (archive(data, root=""), "holds no folder/data.pkl"),
            (io.BytesIO(b"PK\x05\x06" + bytes(18)), "holds no folder/data.pkl"),
            (io.BytesIO(pickle.dumps({})), "not a PyTorch zip file"),
            (io.BytesIO(b""), "not a PyTorch zip file"),
        ]:
            with pytest.raises(FileFormatError, match=reason):
                load(bad)

    def test_deep_nesting(self):
        deep = archive(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".")
        value = load(deep)
        for _ in range(99_999):
            (value,) = value
        tuples = archive(b"\x80\x02}K\x01" + b"\x85" * 100_000 + b"K\x01s.")
        with pytest.raises(FileFormatError, match="a tuple as a key"):
            load(tuples)


@pytest.fixture(scope="module")
def good():
    """A small file."""
    file = io.BytesIO()
    save({"a": tensor(sample("float32")), "b": [tensor(sample("int64")), "text", 1.5]}, file)
    return file.getvalue()


class TestDamagedFiles:
    @staticmethod
    def assert_same(value):
        assert np.array_equal(value["a"]._array, sample("float32"))
        assert np.array_equal(value["b"][0]._array, sample("int64"))
        assert value["b"][1:] == ["text", 1.5]

    def test_cut_short(self, good):
        for end in range(0, len(good), 7):
            with pytest.raises(FileFormatError):
                load(io.BytesIO(good[:end]))

    def test_flipped_bits(self, good):
        """Whatever is flipped: the same values, or a clear error."""
        chooser = random.Random(1)
        for _ in range(500):
            bad = bytearray(good)
            bad[chooser.randrange(len(bad))] ^= 1 << chooser.randrange(8)
            try:
                value = load(io.BytesIO(bytes(bad)))
            except FileFormatError:
                continue
            self.assert_same(value)

    def test_flipped_bits_in_the_pickle(self, good):
        """A wrong pickle under a right checksum: data of some kind, or a clear error."""
        with zipfile.ZipFile(io.BytesIO(good)) as file:
            entries = {name: file.read(name) for name in file.namelist()}
        data = entries.pop("archive/data.pkl")
        storages = {name.removeprefix("archive/data/"): c for name, c in entries.items()}
        chooser = random.Random(2)
        loaded = 0
        for _ in range(2000):
            bad = bytearray(data)
            for _ in range(chooser.randrange(1, 4)):
                bad[chooser.randrange(len(bad))] = chooser.randrange(256)
            try:
                load(archive(bytes(bad), storages))
                loaded += 1
            except FileFormatError:
                pass
        assert 0 < loaded < 2000


class TestAtomicity:
    def test_a_failed_save_leaves_the_old_file(self, tmp_path, monkeypatch):
        save([1], tmp_path / "a.pth")

        def fail(*args):
            raise OSError("disk full")

        for name in ("fsync", "replace"):
            with monkeypatch.context() as patch:
                patch.setattr(os, name, fail)
                with pytest.raises(OSError, match="disk full"):
                    save([2], tmp_path / "a.pth")
            assert load(tmp_path / "a.pth") == [1]
            assert os.listdir(tmp_path) == ["a.pth"]

    def test_links_modes_and_devices(self, tmp_path):
        save([1], tmp_path / "a.pth")
        os.chmod(tmp_path / "a.pth", 0o640)
        os.symlink(tmp_path / "a.pth", tmp_path / "link.pth")
        save([2], tmp_path / "link.pth")
        assert os.path.islink(tmp_path / "link.pth") and load(tmp_path / "a.pth") == [2]
        assert os.stat(tmp_path / "a.pth").st_mode & 0o777 == 0o640
        save([3], os.devnull)
        assert not os.path.isfile(os.devnull)

    def test_killed_while_saving(self, tmp_path):
        """After a kill at any moment the file is one of the versions that were being saved."""
        program = (
            "import sys, numpy as np\n"
            "from minitorch.serialization import save\n"
            "from minitorch.tensor import Tensor\n"
            "print('ready', flush=True)\n"
            "for n in range(10**9):\n"
            "    save([n, Tensor._wrap(np.full(200_000, n, np.float32))], sys.argv[1])\n"
        )
        path = tmp_path / "a.pth"
        chooser = random.Random(3)
        for _ in range(8):
            process = subprocess.Popen(
                [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE
            )
            with process:
                process.stdout.readline()
                while not path.exists():
                    time.sleep(0.001)
                time.sleep(chooser.random() * 0.03)
                process.send_signal(signal.SIGKILL)
            number, values = load(path)
            assert (values._array == number).all()


ARRAYS = {
    "w": np.arange(12, dtype=np.float32).reshape(3, 4),
    "file": np.array(7),
    "deep/name": np.zeros((0, 3), np.uint8),
    "b": np.array([True, False]),
    "order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
}


def named_tensors():
    return {name: tensor(array) for name, array in ARRAYS.items()}


def assert_named(loaded):
    assert sorted(loaded) == sorted(ARRAYS)
    for name, array in ARRAYS.items():
        assert loaded[name].dtype.numpy == array.dtype
        assert np.array_equal(loaded[name]._array, array)


class TestOtherFormats:
    def test_npz_both_ways(self, tmp_path):
        save(named_tensors(), tmp_path / "ours.npz")
        with np.load(tmp_path / "ours.npz") as theirs:
            assert {name: theirs[name].tolist() for name in theirs.files} == {
                name: array.tolist() for name, array in ARRAYS.items()
            }
        assert_named(load(tmp_path / "ours.npz"))
        for writer in (np.savez, np.savez_compressed):
            writer(tmp_path / "numpy.npz", w=ARRAYS["w"], order=ARRAYS["order"])
            loaded = load(tmp_path / "numpy.npz")
            assert np.array_equal(loaded["order"]._array, ARRAYS["order"])

    def test_safetensors_both_ways(self, tmp_path):
        theirs = pytest.importorskip("safetensors.numpy")
        save(named_tensors(), tmp_path / "ours.safetensors")
        for name, array in theirs.load_file(tmp_path / "ours.safetensors").items():
            assert array.dtype == ARRAYS[name].dtype and np.array_equal(array, ARRAYS[name])
        theirs.save_file(ARRAYS | {"order": ARRAYS["order"].copy()}, tmp_path / "a.safetensors")
        assert_named(load(tmp_path / "a.safetensors"))

    def test_safetensors_halves_from_torch(self, torch, tmp_path):
        theirs = pytest.importorskip("safetensors.torch")
        values = torch.tensor([0.1, -2.5, 1e30, float("inf")])
        halves = {"b": values.bfloat16(), "h": values.half()}
        theirs.save_file(halves, tmp_path / "a.safetensors")
        with pytest.warns(UserWarning, match="bfloat16 and float16 tensors were converted"):
            loaded = load(tmp_path / "a.safetensors")
        for name, half in halves.items():
            assert np.array_equal(loaded[name]._array, half.float().numpy())

    @pytest.mark.parametrize("ending", [".npz", ".safetensors"])
    def test_only_flat_dicts_of_tensors(self, tmp_path, ending):
        path = tmp_path / f"a{ending}"
        with pytest.raises(TypeError, match=f"a {ending} file holds a dict of tensors, not a list"):
            save([1], path)
        with pytest.raises(TypeError, match=r"not a dict under 'model'; \.pth files hold nested"):
            save({"model": {}}, path)
        assert os.listdir(tmp_path) == []

    def test_npz_lies(self, tmp_path):
        path = tmp_path / "a.npz"
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": "<f4", "fortran_order": False, "shape": (1 << 40,)}
        )
        for content, reason in [
            (header.getvalue() + bytes(64), "not of the size that its shape"),
            (b"no array", "magic string"),
        ]:
            with zipfile.ZipFile(path, "w") as file:
                file.writestr("x.npy", content)
            with pytest.raises(FileFormatError, match=rf"a\.npz: .*{reason}"):
                load(path)
        np.savez(path, x=np.array([print], object))
        with pytest.raises(FileFormatError, match="Python objects"):
            load(path)
        np.savez(path, x=np.ones(2, np.complex64))
        with pytest.raises(FileFormatError, match="x is of dtype complex64"):
            load(path)
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("x.txt", b"text")
        with pytest.raises(FileFormatError, match=r"no \.npy entry"):
            load(path)


FUZZ = """
import os, random, resource, sys, warnings
import minitorch
from minitorch.errors import FileFormatError
warnings.simplefilter("ignore")
path, seed, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
good = open(path, "rb").read()
minitorch.load(path)
chooser = random.Random(seed)
bad_path = os.path.join(os.path.dirname(path), "bad" + os.path.splitext(path)[1])
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
limit = used + 2 * len(good) + (64 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
counts = {"loaded": 0, "refused": 0}
for _ in range(rounds):
    bad = bytearray(good)
    kind = chooser.randrange(4)
    if kind == 0:
        del bad[chooser.randrange(len(bad)):]
    elif kind == 1:
        at = chooser.randrange(len(bad))
        bad[at : at + 8] = chooser.choice([b"\\xff" * 8, bytes(8), (1 << 40).to_bytes(8, "little")])
    else:
        for _ in range(chooser.randrange(1, 5)):
            bad[chooser.randrange(len(bad))] ^= 1 << chooser.randrange(8)
    open(bad_path, "wb").write(bad)
    try:
        minitorch.load(bad_path)
        counts["loaded"] += 1
    except FileFormatError as error:
        assert "bad." in str(error), error
        counts["refused"] += 1
print(counts["loaded"], counts["refused"])
"""


class TestFuzz:
    """Every format, damaged in every way, in little memory: values or a clear error."""

    @pytest.mark.parametrize(
        "ending", [".pth", ".legacy.pth", ".npz", ".deflated.npz", ".safetensors"]
    )
    def test_damaged(self, tmp_path, ending):
        path = tmp_path / f"good{ending}"
        if ending == ".safetensors":
            pytest.importorskip("safetensors")
        if ending == ".legacy.pth":
            torch = pytest.importorskip("torch")
            value = {name: torch.from_numpy(array.copy()) for name, array in ARRAYS.items()}
            torch.save(value, path, _use_new_zipfile_serialization=False)
        elif ending == ".deflated.npz":
            np.savez_compressed(path, **{n: a for n, a in ARRAYS.items() if n != "file"})
        else:
            save(named_tensors(), path)
        run = subprocess.run(
            [sys.executable, "-c", FUZZ, str(path), "5", "400"],
            capture_output=True, text=True,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr[-2000:]
        loaded, refused = map(int, run.stdout.split())
        assert loaded + refused == 400 and refused > 100
