"""Storage: the memory of a tensor as a row of elements, for code that looks behind tensors."""

from __future__ import annotations

import numpy as np

from . import dtypes

__all__ = ["NAMES", "Storage", "is_storage"]


class Storage:
    """The memory that a tensor, and what it is a view of, share.

    Parameters
    ----------
    tensor : Tensor
    """

    def __init__(self, tensor):
        base = tensor if tensor._base is None else tensor._base
        self._tensor = base
        self._row = base._array.reshape(-1)

    @property
    def dtype(self) -> dtypes.dtype:
        """Type of the elements."""
        return self._tensor.dtype

    @property
    def device(self):
        """Where it is: the CPU."""
        return self._tensor.device

    @property
    def is_cuda(self) -> bool:
        """Whether it is on a CUDA device: never."""
        return False

    def data_ptr(self) -> int:
        """Return the address of the first element."""
        return self._tensor.data_ptr()

    def size(self) -> int:
        """Return the number of elements."""
        return self._row.size

    __len__ = size

    def nbytes(self) -> int:
        """Return the number of bytes."""
        return self._row.nbytes

    def element_size(self) -> int:
        """Return the bytes per element."""
        return self._row.itemsize

    def tolist(self) -> list:
        """Return the elements as a list."""
        return self._row.tolist()

    def __iter__(self):
        return iter(self._row.tolist())

    def __getitem__(self, index):
        found = self._row[index]
        return found.tolist() if isinstance(index, slice) else found.item()

    def __setitem__(self, index, value):
        self._row[index] = value
        self._tensor._cell[0] += 1

    def fill_(self, value) -> Storage:
        """Set every element, and return the storage.

        Parameters
        ----------
        value : number
        """
        self[:] = value
        return self

    def copy_(self, source, non_blocking=None) -> Storage:
        """Take over the elements of another storage, and return this one.

        Parameters
        ----------
        source : Storage
            As long as this one.
        non_blocking : optional
            Accepted.
        """
        self[:] = source._row
        return self

    def clone(self) -> Storage:
        """Return a copy."""
        return Storage(self._tensor.clone())

    def cpu(self) -> Storage:
        """Return the storage itself: it is on the CPU."""
        return self

    def share_memory_(self) -> Storage:
        """Return the storage, and do nothing: processes do not share tensors."""
        return self

    def is_shared(self) -> bool:
        """Whether other processes share it: no."""
        return False

    def untyped(self) -> Storage:
        """Return the storage itself."""
        return self

    def __repr__(self) -> str:
        rows = "".join(f" {value}\n" for value in self._row.tolist())
        return f"{rows}[minitorch.Storage of {self.dtype.name}, size {len(self)}]"


class _OfType(type):
    """Class of the storages per type: what they make are Storages, and count as their instances."""

    def __instancecheck__(cls, instance):
        return isinstance(instance, Storage) and instance.dtype is cls.dtype

    def __call__(cls, data=0):
        array = np.zeros(data) if isinstance(data, int) else np.array(list(data))
        return Storage(_tensor(array.astype(cls.dtype.numpy)))

    def from_buffer(cls, buffer, byte_order="native", count=-1, offset=0):
        """Return a storage of the bytes of `buffer`, from `offset` on."""
        kind = cls.dtype.numpy.newbyteorder({"native": "=", "little": "<", "big": ">"}[byte_order])
        return Storage(_tensor(np.frombuffer(buffer, kind, count, offset).astype(cls.dtype.numpy)))


def _tensor(array):
    from .creation import from_numpy

    return from_numpy(array)


NAMES = {
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


def _storage_of(name):
    dtype = NAMES[name]
    text = f"A `Storage` of {dtype.name}: of so many elements, or of a sequence of numbers."
    return _OfType(name, (), {"dtype": dtype, "__doc__": text, "__module__": __name__})


BoolStorage = _storage_of("BoolStorage")
ByteStorage = _storage_of("ByteStorage")
CharStorage = _storage_of("CharStorage")
ShortStorage = _storage_of("ShortStorage")
IntStorage = _storage_of("IntStorage")
LongStorage = _storage_of("LongStorage")
HalfStorage = _storage_of("HalfStorage")
FloatStorage = _storage_of("FloatStorage")
DoubleStorage = _storage_of("DoubleStorage")
TypedStorage = UntypedStorage = Storage


def is_storage(obj) -> bool:
    """Whether `obj` is a `Storage`.

    Parameters
    ----------
    obj : object
    """
    return isinstance(obj, Storage)


def set_(input, source=None, storage_offset=0, size=None, stride=None):
    """Have `input` use the memory of another tensor, or of a storage.

    Parameters
    ----------
    input : Tensor
    source : Tensor or Storage, optional
        Default: no memory, no elements.
    storage_offset : int
    size, stride : sequence of int, optional
        The shape; default: all of it, in one row (of a tensor: its shape).

    Returns
    -------
    Tensor
        `input`
    """
    if source is None:
        input._use_memory(np.empty(0, input._array.dtype), input._cell)
        return input
    if isinstance(source, Storage):
        tensor = source._tensor.reshape(-1)
        size = (len(source) - storage_offset,) if size is None else size
    else:
        tensor = source
    if size is not None:
        if stride is None:
            stride = [int(np.prod(size[i + 1 :])) for i in range(len(size))]
        tensor = tensor.detach().as_strided(size, stride, storage_offset)
    input._use_memory(tensor._array, tensor._cell)
    return input
