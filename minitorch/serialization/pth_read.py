"""Read PyTorch's ``.pth`` formats: the zip archive, and the legacy file before PyTorch 1.6.

Nothing that a file says is believed: names are looked up in a closed table, and sizes, strides and
offsets are checked against the bytes that are there.

A legacy file is a row of pickles (a magic number, the protocol, facts about the writer, the
structure, the keys of the storages), followed by each storage: its number of elements as eight
bytes, then the elements.
"""

import os
import struct
import zipfile
import zlib

import numpy as np

from ..device import device
from ..nn.parameter import Parameter
from ..pickles import Function, Unpickler
from ..tensor import Size, Tensor
from .pth_write import STORAGES

SIGNS_OF_DAMAGE = (
    zipfile.BadZipFile, struct.error, ArithmeticError, AttributeError, EOFError, LookupError,
    MemoryError, OSError, RuntimeError, TypeError,
)  # fmt: skip
_CHUNK = 1 << 20
_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_START = b"\x80\x02\x8a\x0a" + _MAGIC.to_bytes(10, "little")
_LEGACY_PROTOCOL = 1001


def read_pth(file, map_path=None):
    """
    Rebuild what a file holds.

    Parameters
    ----------
    file : binary file object
        Seekable.
    map_path : str, optional
        The name of the file, if it is to be mapped into memory.

    Returns
    -------
    object
        What was saved.
    set of str
        The dtypes that were converted to float32.
    """
    start = file.read(len(_LEGACY_START))
    file.seek(0)
    if start == _LEGACY_START:
        reader = _Legacy(file, map_path)
        return reader.load(), reader.was_half
    with zipfile.ZipFile(file) as archive:
        reader = _Archive(archive, map_path)
        return reader.load(), reader.was_half


class _Kind:
    """A type of storage, as a file names it."""

    def __init__(self, name, stored):
        self.name = name
        self.stored = stored


_KINDS = {
    **{f"torch.{name}": _Kind(name, kind.numpy) for name, kind in STORAGES.items()},
    "torch.BFloat16Storage": _Kind("BFloat16Storage", np.dtype("uint16")),
}


class _Loaded:
    """A storage in memory, and the count of writes to it that its tensors share."""

    def __init__(self, array):
        self.array = array
        self.cell = [0]


class _Reader:
    """What both formats share: the meaning of their pickles and of the bytes of a storage."""

    byteorder = "<"

    def __init__(self):
        self.was_half = set()

    def _named(self):
        """Return what a file may name."""
        return {
            **_KINDS,
            **{f"torch.{kind.name}": kind for kind in STORAGES.values()},
            "torch.Size": Function(lambda sizes: Size(_sizes(sizes, "sizes"))),
            "torch.device": Function(lambda *arguments: device(*arguments)),
            "torch._utils._rebuild_tensor": Function(_rebuild_tensor),
            "torch._utils._rebuild_tensor_v2": Function(_rebuild_tensor),
            "torch._utils._rebuild_parameter": Function(_rebuild_parameter),
        }

    def _decode(self, kind, content, where):
        """Return the elements that these bytes are."""
        if content.size % kind.stored.itemsize:
            raise ValueError(f"{where}: {content.size} bytes are no whole number of {kind.name}")
        if kind.name == "BoolStorage":
            return content != 0
        if content.ctypes.data % kind.stored.itemsize:
            content = content.copy()
        array = content.view(kind.stored.newbyteorder(self.byteorder))
        array = array.astype(kind.stored, copy=False)
        if kind.name == "BFloat16Storage":
            self.was_half.add("bfloat16")
            return widen_bfloat16(array)
        if kind.name == "HalfStorage":
            self.was_half.add("float16")
            return array.astype(np.float32)
        return array


class _Archive(_Reader):
    """A zip archive being loaded."""

    def __init__(self, archive, map_path):
        super().__init__()
        self.archive = archive
        self.file = archive.fp
        self.root = self._find_root()
        self.size = self.file.seek(0, os.SEEK_END)
        self.unread = self.size
        self.mapped = _map(map_path)
        order = self._entry("byteorder").tobytes() if self._has("byteorder") else b"little"
        self.byteorder = {b"little": "<", b"big": ">"}[order]
        self.storages = {}

    def load(self):
        return Unpickler(self._entry("data.pkl"), self._named(), self._storage).load()

    def _find_root(self):
        """Return the folder of the archive that holds everything."""
        names = self.archive.namelist()
        found = [n for n in names if n.endswith("/data.pkl") and n.count("/") == 1]
        if len(found) != 1:
            raise ValueError("a zip file, but not one of PyTorch's: it holds no folder/data.pkl")
        return found[0].removesuffix("data.pkl")

    def _has(self, name):
        return self.root + name in self.archive.NameToInfo

    def _entry(self, name):
        """Return the bytes of an entry, as a writable array."""
        info = self.archive.NameToInfo.get(self.root + name)
        if info is None:
            raise ValueError(f"{name} is missing")
        self.unread -= info.file_size
        stored = info.compress_type == zipfile.ZIP_STORED and info.compress_size == info.file_size
        if not stored or self.unread < 0:
            raise ValueError(f"{name} is compressed, or larger than the file that holds it")
        begin = self._begin(info)
        if begin + info.file_size > self.size:
            raise ValueError(f"{info.filename} is cut short")
        if self.mapped is not None:
            return self.mapped[begin : begin + info.file_size]
        self.file.seek(begin)
        content = _read(self.file, info.file_size)
        if zlib.crc32(content) != info.CRC:
            raise ValueError(f"{info.filename} is damaged: its checksum is wrong")
        return content

    def _begin(self, info):
        """Return where the bytes of an entry begin: behind its own header."""
        self.file.seek(info.header_offset)
        signature, name_size, extra_size = struct.unpack("<4s22xHH", self.file.read(30))
        if signature != b"PK\3\4":
            raise ValueError(f"{info.filename} is not where the archive says")
        return info.header_offset + 30 + name_size + extra_size

    def _storage(self, pid):
        """Return the 1-d array for a persistent id."""
        kind, key, numel = _parse(pid, 5)
        if key not in self.storages:
            where = f"data/{key}"
            self.storages[key] = kind, _Loaded(self._decode(kind, self._entry(where), where))
        known, loaded = self.storages[key]
        if known is not kind or loaded.array.size != numel:
            raise ValueError(
                f"data/{key} holds {loaded.array.size} elements of {known.name}, "
                f"not {numel} of {kind.name} as stated"
            )
        return loaded


class _Legacy(_Reader):
    """
    A legacy file being loaded.

    The structure stands before the storages it needs, and only it tells their types. So its pickle
    is read twice: first for the types alone, then, when the storages are known, for good.
    """

    def __init__(self, file, map_path):
        super().__init__()
        self.content = _map(map_path)
        if self.content is None:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            self.content = _read(file, size)
        self.position = 0
        self.kinds = {}  # key -> (kind, number of elements)
        self.storages = {}

    def load(self):
        if self._pickle() != _MAGIC or self._pickle() != _LEGACY_PROTOCOL:
            raise ValueError("a legacy PyTorch file of an unknown protocol")
        if self._pickle().get("little_endian") is not True:
            self.byteorder = ">"
        structure = self.position
        nothing = Function(lambda *arguments: None)
        unbuilt = {name: nothing for name in self._named() if name.startswith("torch._utils.")}
        self._pickle({**self._named(), **unbuilt}, self._note)
        for key in self._pickle():
            self.storages[key] = _Loaded(self._next_storage(key))
        self.position = structure
        return self._pickle(self._named(), self._storage)

    def _pickle(self, named=None, persistent_load=None):
        """Return the object that the next pickle makes."""
        unpickler = Unpickler(self.content, named or {}, persistent_load, self.position)
        value = unpickler.load()
        self.position = unpickler.position
        return value

    def _note(self, pid):
        kind, key, numel = _parse(pid, 6)
        if self.kinds.setdefault(key, (kind, numel)) != (kind, numel):
            raise ValueError(f"storage {key} is stated in two ways")

    def _next_storage(self, key):
        kind, numel = self.kinds[key]
        begin = self.position + 8
        self.position = begin + numel * kind.stored.itemsize
        stated = int.from_bytes(self.content[begin - 8 : begin].tobytes(), "little")
        if stated != numel or self.position > self.content.size:
            raise ValueError(f"storage {key}: {numel} elements of {kind.name} are not there")
        return self._decode(kind, self.content[begin : self.position], f"storage {key}")

    def _storage(self, pid):
        loaded = self.storages[_parse(pid, 6)[1]]
        if (part := pid[5]) is None:
            return loaded
        _key, offset, size = part  # a storage that is a piece of another: before PyTorch 0.4
        offset, size = _sizes((offset, size), "pieces of a storage")
        if offset + size > loaded.array.size:
            raise ValueError("a piece of a storage that reaches beyond it")
        piece = _Loaded(loaded.array[offset : offset + size])
        piece.cell = loaded.cell
        return piece


def _map(path):
    return None if path is None else np.memmap(path, np.uint8, mode="c").view(np.ndarray)


def _read(file, size):
    """Return the next bytes of a file, as a writable array."""
    content = np.empty(size, np.uint8)
    rest = memoryview(content)
    while rest and (chunk := file.read(min(_CHUNK, len(rest)))):
        rest[: len(chunk)] = chunk
        rest = rest[len(chunk) :]
    if rest:
        raise ValueError("the file is cut short")
    return content


def _parse(pid, length):
    """Return type, key and number of elements of the storage that a persistent id names."""
    if type(pid) is not tuple or len(pid) != length or pid[0] != "storage":
        raise ValueError("an external object that is not the storage of a tensor")
    _tag, kind, key, _location, numel = pid[:5]
    if type(kind) is not _Kind or type(key) is not str:
        raise ValueError("an external object that is not the storage of a tensor")
    _sizes((numel,), "numbers of elements")
    return kind, key, numel


def widen_bfloat16(bits):
    """Return the float32 numbers whose upper halves these uint16 are."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def _rebuild_tensor(storage, offset, size, stride, requires_grad=False, hooks=None, metadata=None):
    if type(storage) is not _Loaded or metadata:
        raise ValueError("a tensor that is not plain memory")
    size, stride = _sizes(size, "sizes"), _sizes(stride, "strides")
    (offset,) = _sizes((offset,), "offsets")
    if len(size) != len(stride):
        raise ValueError(f"a tensor with {len(size)} sizes and {len(stride)} strides")
    if 0 in size:
        array = np.empty(size, storage.array.dtype)
    else:
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if last >= storage.array.size:
            raise ValueError(
                f"a tensor that reaches to element {last} of a storage of {storage.array.size}"
            )
        steps = [step * storage.array.itemsize for step in stride]
        array = np.lib.stride_tricks.as_strided(storage.array[offset:], size, steps)
    tensor = Tensor._wrap(array)
    tensor._cell = storage.cell
    return tensor.requires_grad_(requires_grad is True)


def _rebuild_parameter(data, requires_grad, hooks):
    if type(data) is not Tensor:
        raise ValueError("a parameter that is no tensor")
    return Parameter(data, requires_grad is True)


def _sizes(values, what):
    if type(values) is not tuple or not all(type(n) is int and 0 <= n < 2**63 for n in values):
        raise ValueError(f"{what} that are not non-negative integers")
    return values
