"""Save and load tensors in PyTorch's ``.pth`` format, with no PyTorch installed.

A ``.pth`` file is an uncompressed zip archive: ``data.pkl`` holds the structure as a pickle in
which tensors are calls of ``torch._utils._rebuild_tensor_v2(storage, offset, size, stride, ...)``,
and ``data/<key>`` the bytes of each storage. Several tensors may share a storage; they share it
again when loaded.
"""

import contextlib
import os
import shutil
import struct
import sys
import warnings
import zipfile
import zlib
from collections import OrderedDict

import numpy as np

from . import dtypes
from .device import check as check_device
from .device import device
from .errors import FileFormatError
from .nn.parameter import Parameter
from .pickles import Call, Function, Name, PersistentId, Pickler, Unpickler
from .tensor import Size, Tensor

_STORAGES = {
    "BoolStorage": dtypes.bool,
    "ByteStorage": dtypes.uint8,
    "CharStorage": dtypes.int8,
    "ShortStorage": dtypes.int16,
    "IntStorage": dtypes.int32,
    "LongStorage": dtypes.int64,
    "HalfStorage": dtypes.float16,
    "FloatStorage": dtypes.float32,
    "DoubleStorage": dtypes.float64,
}
_STORAGE_OF = {kind: name for name, kind in _STORAGES.items()}
_CHUNK = 1 << 20
_ALIGNMENT = 64  # of every storage in the file, as PyTorch's


# ---- save


def save(obj, f):
    """
    Write tensors, and containers of them, to a file that PyTorch can read.

    A file given by name is replaced in one step: the data goes to a temporary file in the same
    folder, which is synced and renamed. Whenever the process dies, either the old file or the new
    one is there, whole.

    Parameters
    ----------
    obj : object
        A Tensor, Parameter, number, string, bytes, None, dtype, Size or device, or a list, tuple,
        dict, OrderedDict, Counter or set of such. A model is saved by its ``state_dict()``. numpy
        scalars are written as Python numbers.
    f : str, os.PathLike or binary file object
        Where to.

    Raises
    ------
    TypeError
        Something else is in `obj`; the message names its type. Nothing has been written.
    """
    data, storages = _describe(obj)
    if hasattr(f, "write"):
        _write_archive(f, data, storages)
        return
    path = os.path.realpath(os.fspath(f))  # of a link the target is replaced
    with _replacing(path) as file:
        _write_archive(file, data, storages)


def _describe(obj):
    """Return the pickle of the structure, and the storages by key."""
    storages = _Storages(obj)

    def describe(value):
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

    return Pickler(describe).dump(obj), storages


def _why_not(value):
    from .nn import Module

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


@contextlib.contextmanager
def _replacing(path):
    """Give a file that takes the place of `path` when, and only when, it has been written."""
    if os.path.exists(path) and not os.path.isfile(path):  # a device or a pipe
        with open(path, "wb") as file:
            yield file
        return
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{os.urandom(4).hex()}.tmp")
    try:
        with open(temporary, "xb") as file:
            if os.path.exists(path):
                shutil.copymode(path, temporary)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def _sync_folder(folder):
    """Make the renaming itself survive a power cut, where the system allows it."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _write_archive(file, data, storages):
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


# ---- load


def load(f, map_location=None, *, weights_only=True, mmap=None):
    """
    Read a file that `save` or ``torch.save`` wrote.

    Nothing in the file is run: tensors, plain values and containers of them are rebuilt, and any
    other class or function that the file names is refused by name. What the file says about sizes
    and strides is checked against the bytes that are there.

    Parameters
    ----------
    f : str, os.PathLike or binary file object
        What to read. A file object must be seekable.
    map_location : optional
        Accepted for code written for PyTorch: everything is loaded to the CPU, wherever it was
        saved. Naming another device is an error.
    weights_only : bool, default True
        Accepted for code written for PyTorch. Loading is always as restricted as PyTorch's
        ``weights_only=True``.
    mmap : bool, optional
        Map the file into memory instead of reading it, copying a page when it is written to. Only
        for a file given by name, which must not change while the tensors live. Checksums are not
        verified then.

    Returns
    -------
    object
        What was saved. Tensors that shared memory share it again. float16 and bfloat16 tensors
        arrive as float32, with one warning.

    Raises
    ------
    FileFormatError
        The file is damaged, not of this format, or holds something that may not be loaded. The
        message names the file and the reason.
    """
    _check_location(map_location)
    if hasattr(f, "read"):
        if mmap:
            raise ValueError("load: mmap=True needs the name of a file")
        result, was_half = _load_archive(f, getattr(f, "name", "file object"), map_path=None)
    else:
        with open(f, "rb") as file:
            result, was_half = _load_archive(file, f, map_path=f if mmap else None)
    if was_half:
        kinds = " and ".join(sorted(was_half))
        warnings.warn(f"load: {f}: {kinds} tensors were converted to float32", stacklevel=2)
    return result


def _load_archive(file, name, map_path):
    try:
        with zipfile.ZipFile(file) as archive:
            reader = _Reader(archive, map_path)
            return reader.load(), reader.was_half
    except ValueError as error:
        raise FileFormatError(f"{name}: {error}") from error
    except _SIGNS_OF_DAMAGE as error:
        reason = f"damaged, or not a PyTorch zip file ({type(error).__name__}: {error})"
        raise FileFormatError(f"{name}: {reason}") from error


_SIGNS_OF_DAMAGE = (
    zipfile.BadZipFile, struct.error, ArithmeticError, AttributeError, EOFError, LookupError,
    OSError, RuntimeError, TypeError,
)  # fmt: skip


def _check_location(map_location):
    """Refuse to be told to load to a device that is not there."""
    if map_location is None or callable(map_location):
        return
    wanted = map_location.values() if isinstance(map_location, dict) else [map_location]
    for place in wanted:
        check_device("load", place)


class _Reader:
    """An archive being loaded."""

    def __init__(self, archive, map_path):
        self.archive = archive
        self.file = archive.fp
        self.root = self._find_root()
        self.size = self.file.seek(0, os.SEEK_END)
        self.unread = self.size
        self.mapped = None
        if map_path is not None:
            self.mapped = np.memmap(map_path, np.uint8, mode="c").view(np.ndarray)
        order = self._entry("byteorder").tobytes() if self._has("byteorder") else b"little"
        self.byteorder = {b"little": "<", b"big": ">"}[order]
        self.storages = {}
        self.was_half = set()

    def load(self):
        named = {f"torch.{name}": _Kind(name, kind.numpy) for name, kind in _STORAGES.items()}
        named["torch.BFloat16Storage"] = _Kind("BFloat16Storage", np.dtype("uint16"))
        named |= {f"torch.{kind.name}": kind for kind in _STORAGES.values()}
        named["torch.Size"] = Function(lambda sizes: Size(_sizes(sizes, "sizes")))
        named["torch.device"] = Function(lambda *arguments: device(*arguments))
        named["torch._utils._rebuild_tensor_v2"] = Function(self._rebuild_tensor)
        named["torch._utils._rebuild_parameter"] = Function(_rebuild_parameter)
        return Unpickler(self._entry("data.pkl").tobytes(), named, self._storage).load()

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
        if self.mapped is None:
            return self._read(info, begin)
        content = self.mapped[begin : begin + info.file_size]
        return content if begin % 8 == 0 else content.copy()

    def _begin(self, info):
        """Return where the bytes of an entry begin: behind its own header."""
        self.file.seek(info.header_offset)
        signature, name_size, extra_size = struct.unpack("<4s22xHH", self.file.read(30))
        if signature != b"PK\3\4":
            raise ValueError(f"{info.filename} is not where the archive says")
        return info.header_offset + 30 + name_size + extra_size

    def _read(self, info, begin):
        content = np.empty(info.file_size, np.uint8)
        rest, checksum = memoryview(content), 0
        self.file.seek(begin)
        while rest and (chunk := self.file.read(min(_CHUNK, len(rest)))):
            rest[: len(chunk)] = chunk
            rest = rest[len(chunk) :]
            checksum = zlib.crc32(chunk, checksum)
        if rest or checksum != info.CRC:
            raise ValueError(f"{info.filename} is damaged: its checksum is wrong")
        return content

    def _storage(self, pid):
        """Return the 1-d array for a persistent id."""
        tag, kind, key, _location, numel = pid
        if tag != "storage" or type(kind) is not _Kind or type(key) is not str:
            raise ValueError("an external object that is not the storage of a tensor")
        if key not in self.storages:
            self.storages[key] = kind, _Loaded(self._load_storage(kind, key))
        known, loaded = self.storages[key]
        if known is not kind or loaded.array.size != numel:
            raise ValueError(
                f"data/{key} holds {loaded.array.size} elements of {known.name}, "
                f"not {numel} of {kind.name} as stated"
            )
        return loaded

    def _load_storage(self, kind, key):
        content = self._entry(f"data/{key}")
        if content.size % kind.stored.itemsize:
            raise ValueError(f"data/{key}: {content.size} bytes are no whole number of {kind.name}")
        if kind.name == "BoolStorage":
            return content != 0
        array = content.view(kind.stored.newbyteorder(self.byteorder))
        array = array.astype(kind.stored, copy=False)
        if kind.name == "BFloat16Storage":
            self.was_half.add("bfloat16")
            return (array.astype(np.uint32) << 16).view(np.float32)
        if kind.name == "HalfStorage":
            self.was_half.add("float16")
            return array.astype(np.float32)
        return array

    def _rebuild_tensor(self, storage, offset, size, stride, requires_grad, hooks, metadata=None):
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
                    f"a tensor of size {size}, stride {stride}, offset {offset} reaches element "
                    f"{last} of a storage of {storage.array.size}"
                )
            steps = [step * storage.array.itemsize for step in stride]
            array = np.lib.stride_tricks.as_strided(storage.array[offset:], size, steps)
        tensor = Tensor._wrap(array)
        tensor._cell = storage.cell
        return tensor.requires_grad_(requires_grad is True)


class _Kind:
    """A type of storage, as a file names it."""

    def __init__(self, name, stored):
        self.name = name
        self.stored = stored


class _Loaded:
    """A storage in memory, and the count of writes to it that its tensors share."""

    def __init__(self, array):
        self.array = array
        self.cell = [0]


def _rebuild_parameter(data, requires_grad, hooks):
    if type(data) is not Tensor:
        raise ValueError("a parameter that is no tensor")
    return Parameter(data, requires_grad is True)


def _sizes(values, what):
    if type(values) is not tuple or not all(type(n) is int and 0 <= n < 2**63 for n in values):
        raise ValueError(f"{what} that are not non-negative integers")
    return values
