"""Reader of IDX files, the format of MNIST and its relatives."""

import gzip
import math
import os
import struct
import zlib

import numpy as np

from ...errors import FileFormatError

_CHUNK = 1 << 20
# A gzip stream can expand a thousandfold; digits expand about fivefold. What claims more than
# this is refused before it fills the memory.
_LARGEST_EXPANSION = 8
_ALWAYS_ALLOWED = 48 << 20


def read_idx(path, item_shape=None, dtype=np.uint8):
    r"""
    Read an IDX file, plain or compressed with gzip.

    Memory stays bounded by what the file really holds, whatever its header claims.

    Parameters
    ----------
    path : str or os.PathLike
        The file. Compression is recognised by content, not by name.
    item_shape : tuple of int, optional
        The shape that every item must have: ``(28, 28)`` for images, ``()`` for labels. None
        accepts any.
    dtype : numpy.dtype, default uint8
        The type that the values must have: uint8 or int32.

    Returns
    -------
    numpy.ndarray
        Of that type, shape (items, \*item_shape), writable.

    Raises
    ------
    FileFormatError
        The file is not IDX, is damaged or cut short, or holds items of another shape or type. The
        message names the file and the reason.
    FileNotFoundError
        There is no such file.

    Notes
    -----
    The format: two zero bytes, one byte for the type (8: unsigned bytes, 12: int32), one for the
    number of dimensions, the dimensions as big-endian 32-bit integers, then the values in C order.
    (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".)
    """
    path = os.fspath(path)
    size = os.path.getsize(path)
    with open(path, "rb") as raw:
        compressed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        limit = _ALWAYS_ALLOWED + _LARGEST_EXPANSION * size if compressed else size
        file = gzip.GzipFile(fileobj=raw) if compressed else raw
        try:
            return _parse(file, item_shape, np.dtype(dtype), limit)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise FileFormatError(f"{path}: damaged gzip file: {error}") from error
        except (ValueError, MemoryError) as error:
            raise FileFormatError(f"{path}: {error or 'too large for the memory'}") from error


_CODES = {"uint8": 8, "int32": 12}


def _parse(file, item_shape, dtype, limit):
    magic = file.read(4)
    if len(magic) < 4 or magic[:3] != bytes([0, 0, _CODES[dtype.name]]) or magic[3] == 0:
        kind = "bytes" if dtype == np.uint8 else dtype.name
        raise ValueError(f"not an IDX file of {kind}: it starts with {magic!r}")
    ndim = magic[3]
    if ndim > 8:
        raise ValueError(f"not an IDX file: it claims {ndim} dimensions")
    sizes = file.read(4 * ndim)
    if len(sizes) < 4 * ndim:
        raise ValueError(f"cut short: its {ndim} sizes need {4 * ndim} bytes, found {len(sizes)}")
    shape = struct.unpack(f">{ndim}I", sizes)
    if item_shape is not None and shape[1:] != tuple(item_shape):
        raise ValueError(f"items of shape {shape[1:]} where {tuple(item_shape)} is expected")
    result = _read_exactly(file, math.prod(shape), dtype.newbyteorder(">"), limit)
    return result.astype(dtype, copy=False).reshape(shape)


def _read_exactly(file, count, dtype, limit):
    if count * dtype.itemsize > limit:
        raise ValueError(f"its header claims {count} values, more than a file of its size holds")
    values = np.empty(count, dtype)  # the system gives memory as it is written
    target = memoryview(values).cast("B") if count else memoryview(bytearray())
    done = 0
    while done < len(target) and (got := file.readinto(target[done : done + _CHUNK])):
        done += got
    if done < len(target):
        found = done // dtype.itemsize
        raise ValueError(f"cut short: {count} values expected, {found} found")
    if file.read(1):
        raise ValueError(f"data left over after the {count} values that the header states")
    return values
