"""Flat collections of named tensors in the formats of others: ``.npz`` and ``.safetensors``."""

import math
import zipfile
import zlib

import numpy as np

from .. import dtypes
from ..tensor import Tensor
from .pth_read import widen_bfloat16

_CHUNK = 1 << 20
_MOST_DEFLATED = 1032  # deflate makes nothing smaller than by this factor
_HEADERS = {(1, 0): "read_array_header_1_0", (2, 0): "read_array_header_2_0"}


# ---- .npz


def read_npz(file):
    """
    Return the arrays in an ``.npz`` file, by name.

    Nothing in the file is run (arrays of Python objects are refused), and no memory is taken for
    more than the archive really holds.

    Parameters
    ----------
    file : str, os.PathLike or binary file object
        What to read.

    Returns
    -------
    dict of str to numpy.ndarray
        The arrays.

    Raises
    ------
    ValueError, zipfile.BadZipFile, zlib.error
        The file is damaged or not of this format.
    """
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        size = archive.fp.seek(0, 2)
        if sum(info.compress_size for info in entries) > size:
            raise ValueError("the entries are larger than the file that holds them")
        return {_name(info): _read_npy(archive, info) for info in entries}


def _name(info):
    if not info.filename.endswith(".npy"):
        raise ValueError(f"{info.filename} is no .npy entry")
    return info.filename.removesuffix(".npy")


def _read_npy(archive, info):
    if info.file_size > _MOST_DEFLATED * info.compress_size:
        raise ValueError(f"{info.filename} is stated to be larger than it can be")
    with archive.open(info) as stream:
        version = np.lib.format.read_magic(stream)
        if version not in _HEADERS:
            raise ValueError(f"{info.filename} is of the unknown version {version}")
        shape, fortran, kind = getattr(np.lib.format, _HEADERS[version])(stream)
        if kind.hasobject:
            raise ValueError(f"{info.filename} holds Python objects, which are not loaded")
        count = math.prod(shape)
        if min(shape, default=0) < 0 or stream.tell() + count * kind.itemsize != info.file_size:
            raise ValueError(f"{info.filename} is not of the size that its shape {shape} needs")
        array = np.empty(count, kind)
        rest = memoryview(array.view(np.uint8) if array.size else b"")
        while rest and (chunk := stream.read(min(_CHUNK, len(rest)))):
            rest[: len(chunk)] = chunk
            rest = rest[len(chunk) :]
        if rest or stream.read(1):  # reading to the end checks the checksum
            raise ValueError(f"{info.filename} is cut short")
    return array.reshape(shape, order="F" if fortran else "C")


def write_npz(file, arrays):
    """
    Write arrays as ``numpy.savez`` does, whatever their names.

    Parameters
    ----------
    file : binary file object
        Where to.
    arrays : dict of str to numpy.ndarray
        What.
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            info = zipfile.ZipInfo(f"{name}.npy")  # dated 1980: equal content makes equal files
            with archive.open(info, "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.asanyarray(array), allow_pickle=False)


# ---- .safetensors

_SAFE_TYPES = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64",
    "F16": "float16", "F32": "float32", "F64": "float64", "BF16": "uint16",
}  # fmt: skip


def read_safetensors(file):
    """
    Return the arrays in a ``.safetensors`` file, by name.

    The header is read and checked by the safetensors package. float16 and bfloat16 become float32.

    Parameters
    ----------
    file : binary file object
        What to read.

    Returns
    -------
    dict of str to numpy.ndarray
        The arrays.
    set of str
        The dtypes that were converted to float32.
    """
    safetensors = _package()
    try:
        entries = safetensors.deserialize(file.read())
    except safetensors.SafetensorError as error:
        raise ValueError(f"no safetensors file: {error}") from error
    arrays, was_half = {}, set()
    for name, entry in entries:
        if entry["dtype"] not in _SAFE_TYPES:
            raise ValueError(f"{name} is of dtype {entry['dtype']}, which minitorch has not")
        kind = np.dtype(_SAFE_TYPES[entry["dtype"]]).newbyteorder("<")
        array = np.frombuffer(bytearray(entry["data"]), kind).reshape(entry["shape"])
        array = array.astype(kind.newbyteorder("="), copy=False)
        if entry["dtype"] == "BF16":
            was_half.add("bfloat16")
            array = widen_bfloat16(array)
        elif entry["dtype"] == "F16":
            was_half.add("float16")
            array = array.astype(np.float32)
        arrays[name] = array
    return arrays, was_half


def write_safetensors(file, arrays):
    """
    Write arrays by the safetensors package.

    Parameters
    ----------
    file : binary file object
        Where to.
    arrays : dict of str to numpy.ndarray
        What. Arrays that share memory are written one by one.
    """
    _package()
    from safetensors.numpy import save

    file.write(save({name: np.array(array, order="C") for name, array in arrays.items()}))


def _package():
    try:
        import safetensors
    except ImportError:
        raise ImportError(
            ".safetensors files need the safetensors package: pip install 'minitorch[io]'"
        ) from None
    return safetensors


# ---- between tensors and arrays


def arrays_of(obj, ending):
    """
    Return the arrays of a flat dictionary of named tensors.

    Raises
    ------
    TypeError
        It is something else, which these formats have no room for.
    """
    if not isinstance(obj, dict):
        raise TypeError(
            f"save: a {ending} file holds a dict of tensors, not a {type(obj).__name__}"
        )
    for name, value in obj.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise TypeError(
                f"save: a {ending} file holds tensors by name, not a {type(value).__name__} "
                f"under {name!r}; .pth files hold nested containers and other values"
            )
    return {name: value._array for name, value in obj.items()}


def tensors_of(arrays):
    """
    Return the arrays as tensors, by name.

    Raises
    ------
    ValueError
        One is of a dtype that minitorch has not.
    """
    result = {}
    for name, array in arrays.items():
        try:
            dtypes.of(array.dtype)
        except (TypeError, KeyError):
            raise ValueError(f"{name} is of dtype {array.dtype}, which minitorch has not") from None
        result[name] = Tensor._wrap(array)
    return result


DAMAGE = (zlib.error, EOFError, NotImplementedError)
