"""Reader of ``.npz`` files from sources that are not trusted."""

import errno
import math
import os
import struct
import zipfile
import zlib

import numpy as np

from ...errors import FileFormatError

_CHUNK = 1 << 18
_ALWAYS_ALLOWED = 48 << 20
_EXPANSION = 8


def read_npz(path, names, max_bytes=None):
    """
    Read arrays of numbers from an ``.npz`` file.

    Memory stays bounded by what the file can be expected to hold, whatever its headers claim, and
    no pickle in it is read.

    Parameters
    ----------
    path : str or os.PathLike
    names : sequence of str
        The arrays.
    max_bytes : int, optional
        The most that they may take, all together. Unless given, 48 MB and eight times the file.

    Returns
    -------
    dict of numpy.ndarray
        By name; writable.

    Raises
    ------
    FileFormatError
        The file is no ``.npz`` file or damaged, an array is missing, larger than allowed, or not
        of numbers. The message names the file and the reason.
    """
    path = os.fspath(path)
    left = _ALWAYS_ALLOWED + _EXPANSION * os.path.getsize(path) if max_bytes is None else max_bytes
    result = {}
    try:
        with zipfile.ZipFile(path) as file:
            known = {info.filename: info for info in file.infolist()}
            for name in names:
                info = known.get(name + ".npy")
                if info is None:
                    listed = ", ".join(sorted(known)[:12])
                    raise ValueError(f"no array {name!r} in it; it has {listed or 'nothing'}")
                result[name] = _read_array(file, info, name, left)
                left -= result[name].nbytes
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        ValueError,
        TypeError,
        KeyError,
        SyntaxError,
        NotImplementedError,
        RuntimeError,
        OverflowError,
        UnicodeError,
        struct.error,
        MemoryError,
        OSError,
    ) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # a seek to nowhere
            raise
        reason = str(error)[:300] or type(error).__name__  # zipfile may quote all of the file
        raise FileFormatError(f"{path}: {reason}") from error
    return result


def _read_array(file, info, name, limit):
    if info.flag_bits & 1:
        raise ValueError(f"{name} is encrypted")
    with file.open(info) as member:
        version = np.lib.format.read_magic(member)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"{name} is of version {version} of the format")
        read = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
        shape, fortran, dtype = read(member)
        if dtype.kind not in "biuf" or dtype.itemsize > 8:
            raise ValueError(f"{name} is an array of {dtype}, not of numbers")
        if any(n < 0 for n in shape):
            raise ValueError(f"{name} claims the shape {shape}")
        count = math.prod(shape)
        if count * dtype.itemsize > limit:
            raise ValueError(
                f"{name} claims {count * dtype.itemsize} bytes, where {limit} are allowed"
            )
        if count * dtype.itemsize > info.file_size:
            raise ValueError(f"{name} claims {shape} values but is cut short")
        values = np.empty(count, dtype)
        target = memoryview(values).cast("B") if count else memoryview(bytearray())
        done = 0
        while done < len(target) and (chunk := member.read(min(_CHUNK, len(target) - done))):
            target[done : done + len(chunk)] = chunk
            done += len(chunk)
        if done < len(target) or member.read(1):
            raise ValueError(f"{name} is not of the size that its header states")
    values = values.astype(dtype.newbyteorder("="), copy=False)
    return values.reshape(shape[::-1]).T if fortran else values.reshape(shape)
