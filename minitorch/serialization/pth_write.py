"""Write PyTorch's ``.pth`` format.

A ``.pth`` file is an uncompressed zip archive: ``data.pkl`` holds the structure as a pickle in
which tensors are calls of ``torch._utils._rebuild_tensor_v2(storage, offset, size, stride, ...)``,
and ``data/<key>`` the bytes of each storage. Several tensors may share a storage; they share it
again when loaded.
"""

import struct
import sys
import zipfile
from collections import OrderedDict

import numpy as np

from .. import dtypes
from ..device import device
from ..nn.parameter import Parameter
from ..pickles import Call, Name, PersistentId, Pickler
from ..storage import NAMES as STORAGES
from ..tensor import Size, Tensor

_STORAGE_OF = {kind: name for name, kind in STORAGES.items()}
_ALIGNMENT = 64  # of every storage in the file, as PyTorch's


def describe(obj):
    """Return the pickle of the structure, and the storages by key."""
    storages = _Storages(obj)

    def describe_one(value):
        if isinstance(value, Tensor):
            return _describe_tensor(value, storages)
        if isinstance(value, _Storage):
            kind = Name("torch", _STORAGE_OF[dtypes.of(value.array.dtype)])
            return PersistentId("storage", kind, value.key, "cpu", value.array.size)
        if isinstance(value, Size):
            return Call("torch", "Size", tuple(value))
        if isinstance(value, dtypes.dtype):
            return Name("torch", value.name)
        if isinstance(value, device):
            return Call("torch", "device", str(value))
        raise TypeError(_why_not(value))

    return Pickler(describe_one).dump(obj), storages


def _why_not(value):
    from ..nn import Module

    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    advice = "only tensors, plain values and containers of them can be saved"
    if isinstance(value, Module):
        advice = "save module.state_dict() and load it with module.load_state_dict(...)"
    elif isinstance(value, np.ndarray):
        advice = "turn it into a tensor with minitorch.from_numpy"
    return f"save: cannot save a {name}: {advice}"


def _describe_tensor(tensor, storages):
    if isinstance(tensor, Parameter):
        plain = tensor.detach()
        return Call(
            "torch._utils", "_rebuild_parameter", plain, tensor.requires_grad, OrderedDict()
        )
    storage, offset, strides = storages.place(tensor._array)
    shape = tuple(tensor._array.shape)
    return Call(
        "torch._utils", "_rebuild_tensor_v2",
        storage, offset, shape, strides, tensor.requires_grad, OrderedDict(),
    )  # fmt: skip


class _Storage:
    """A contiguous piece of memory that one tensor or several live in."""

    def __init__(self, key):
        self.key = key
        self.first = None  # the array that starts lowest
        self.begin = self.end = 0  # addresses

    def widen(self, array):
        begin, end = np.lib.array_utils.byte_bounds(array)
        if self.first is None or begin < self.begin:
            self.first, self.begin = array, begin
        self.end = max(self.end, end)

    @property
    def array(self):
        """The memory as a 1-d array."""
        if self.first.size == 0:
            return self.first.reshape(-1)
        size = (self.end - self.begin) // self.first.itemsize
        return np.lib.stride_tricks.as_strided(self.first, (size,), (self.first.itemsize,))


class _Storages:
    """
    The pieces of memory that the tensors of an object live in.

    Tensors that are views of one another get one storage, which spans all of them and no more: a
    small slice of a large tensor makes a small file.
    """

    def __init__(self, obj):
        self._by_memory = {}
        self._placed = {}  # id of a tensor's array -> (storage, array as it is written)
        for tensor in _tensors_in(obj, set()):
            self._add(tensor._array)

    def _add(self, array):
        written = array
        if not _can_be_strided(array):
            written = np.array(array, array.dtype.newbyteorder("="), order="C")
        storage = self._by_memory.setdefault(_memory(written), _Storage(str(len(self._by_memory))))
        storage.widen(written)
        self._placed[id(array)] = storage, written

    def place(self, array):
        """Return the storage of a tensor's array, its offset there and its strides, in elements."""
        storage, written = self._placed[id(array)]
        begin = np.lib.array_utils.byte_bounds(written)[0] if written.size else storage.begin
        offset = (begin - storage.begin) // written.itemsize
        return storage, offset, tuple(stride // written.itemsize for stride in written.strides)

    def __iter__(self):
        return iter(self._by_memory.values())


def _can_be_strided(array):
    """Whether PyTorch could express the layout: whole, non-negative strides, native bytes."""
    whole = all(stride >= 0 and stride % array.itemsize == 0 for stride in array.strides)
    return whole and array.size > 0 and array.dtype.isnative


def _memory(array):
    """Identify the memory of an array: arrays of one type with the same owner may overlap."""
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    return id(owner), array.dtype


def _tensors_in(obj, seen):
    """Yield every tensor in nested containers, once."""
    if isinstance(obj, Tensor):
        if id(obj._array) not in seen:
            seen.add(id(obj._array))
            yield obj
    elif isinstance(obj, (dict, list, tuple)) and id(obj) not in seen:
        seen.add(id(obj))
        for item in obj.values() if isinstance(obj, dict) else obj:
            yield from _tensors_in(item, seen)


def write_archive(file, data, storages):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        _write_entry(archive, "data.pkl", data)
        _write_entry(archive, "byteorder", sys.byteorder.encode())
        for storage in storages:
            _write_entry(archive, f"data/{storage.key}", storage.array.view(np.uint8))
        _write_entry(archive, "version", b"3\n")


def _write_entry(archive, name, content):
    info = zipfile.ZipInfo(f"archive/{name}")  # dated 1980: equal content makes equal files
    header = archive.fp.tell() + zipfile.sizeFileHeader + len(info.filename) + 4
    padding = -header % _ALIGNMENT
    info.extra = struct.pack("<2sH", b"FB", padding) + b"Z" * padding
    archive.writestr(info, content)
