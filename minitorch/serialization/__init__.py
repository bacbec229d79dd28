"""Save and load tensors: PyTorch's ``.pth`` (with no PyTorch), ``.safetensors`` and ``.npz``."""

import contextlib
import os
import warnings

from ..device import check as check_device
from ..errors import FileFormatError
from . import arrays
from .atomic import replacing
from .pth_read import SIGNS_OF_DAMAGE, read_pth
from .pth_write import describe, write_archive

__all__ = ["add_safe_globals", "load", "safe_globals", "save"]


def save(obj, f, pickle_module=None, pickle_protocol=2, _use_new_zipfile_serialization=True):
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
        Where to. A name that ends in ``.safetensors`` or ``.npz`` chooses that format, which holds
        a flat dict of tensors by name; anything else becomes a ``.pth`` file.
    pickle_module, pickle_protocol, _use_new_zipfile_serialization : optional
        Accepted for code written for PyTorch, and not used.

    Raises
    ------
    TypeError
        Something else is in `obj`; the message names its type. Nothing has been written.
    ImportError
        A ``.safetensors`` file without the safetensors package.
    """
    write = _writer(obj, _ending(f))
    if hasattr(f, "write"):
        write(f)
        return
    with replacing(f) as file:
        write(file)


def _writer(obj, ending):
    """Return the function that writes an object, which it has checked."""
    if ending == ".npz":
        content = arrays.arrays_of(obj, ending)
        return lambda file: arrays.write_npz(file, content)
    if ending == ".safetensors":
        content = arrays.arrays_of(obj, ending)
        return lambda file: arrays.write_safetensors(file, content)
    data, storages = describe(obj)
    return lambda file: write_archive(file, data, storages)


def _ending(f):
    """Return how the name of a file ends, which chooses its format."""
    name = getattr(f, "name", "") if hasattr(f, "read") or hasattr(f, "write") else os.fspath(f)
    return os.path.splitext(name)[1].lower() if isinstance(name, str) else ""


def load(f, map_location=None, pickle_module=None, *, weights_only=True, mmap=None):
    """
    Read a file that `save`, ``torch.save``, ``numpy.savez`` or the safetensors package wrote.

    Nothing in the file is run: tensors, plain values and containers of them are rebuilt, and any
    other class or function that the file names is refused by name. What the file says about sizes
    and strides is checked against the bytes that are there.

    Parameters
    ----------
    f : str, os.PathLike or binary file object
        What to read; a name that ends in ``.safetensors`` or ``.npz`` tells the format. A file
        object must be seekable. Of PyTorch's formats both are read: the zip archive and the legacy
        file before version 1.6.
    map_location : optional
        Accepted for code written for PyTorch: everything is loaded to the CPU, wherever it was
        saved. Naming another device is an error.
    pickle_module : optional
        Accepted for code written for PyTorch, and not used.
    weights_only : bool, default True
        Accepted for code written for PyTorch. Loading is always as restricted as PyTorch's
        ``weights_only=True``.
    mmap : bool, optional
        Map the file into memory instead of reading it, copying a page when it is written to. Only
        for a ``.pth`` file given by name, which must not change while the tensors live. Checksums
        are not verified then.

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
        result, was_half = _read(f, getattr(f, "name", "file object"), map_path=None)
    else:
        with open(f, "rb") as file:
            result, was_half = _read(file, f, map_path=f if mmap else None)
    if was_half:
        kinds = " and ".join(sorted(was_half))
        warnings.warn(f"load: {f}: {kinds} tensors were converted to float32", stacklevel=2)
    return result


def _read(file, name, map_path):
    try:
        ending = _ending(name) if not hasattr(file, "getvalue") else ""
        if ending == ".npz":
            return arrays.tensors_of(arrays.read_npz(file)), set()
        if ending == ".safetensors":
            content, was_half = arrays.read_safetensors(file)
            return arrays.tensors_of(content), was_half
        return read_pth(file, map_path)
    except ValueError as error:
        raise FileFormatError(f"{name}: {error}") from error
    except (*SIGNS_OF_DAMAGE, *arrays.DAMAGE) as error:
        reason = f"damaged, or not a PyTorch zip file ({type(error).__name__}: {error})"
        raise FileFormatError(f"{name}: {reason}") from error


def _check_location(map_location):
    """Refuse to be told to load to a device that is not there."""
    if map_location is None or callable(map_location):
        return
    wanted = map_location.values() if isinstance(map_location, dict) else [map_location]
    for place in wanted:
        check_device("load", place)


def add_safe_globals(safe_globals):
    """
    Accept a list of classes, as ``torch.serialization.add_safe_globals`` does, and ignore it.

    The set of what `load` rebuilds is closed: nothing can be added to it.

    Parameters
    ----------
    safe_globals : list
        Classes and functions.
    """


@contextlib.contextmanager
def safe_globals(safe_globals):
    """Return a context in which a list of classes is accepted as by `add_safe_globals`: ignored.

    Accept a list of classes for a while, as `add_safe_globals` does, and ignore it.

    Parameters
    ----------
    safe_globals : list
        Classes and functions.
    """
    yield
