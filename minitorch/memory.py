"""Memory for outputs: small arrays from numpy, large ones from a pool in C.

Memory fresh from the system costs a page fault per 4 KB when it is first written, often more than
the computation that writes it. Blocks of the pool are handed out again as soon as the last array
that uses them (views included) is gone; ``csrc/memory.c`` states the bound on what is kept.
"""

import math

import numpy as np

from ._library import ffi, lib

# Below this many bytes numpy's own allocator is as good and its call is cheaper.
SMALL = 1 << 16

_give = lib.mt_pool_give
_prod, _empty = math.prod, np.empty


def empty(shape, dtype):
    """Return an uninitialised C-contiguous array.

    Parameters
    ----------
    shape : tuple of int
    dtype : numpy.dtype or type

    Returns
    -------
    numpy.ndarray
        64-byte aligned when it is larger than 64 KB.

    Raises
    ------
    MemoryError
        The memory cannot be had, or the size is beyond what can be addressed.
    """
    if type(dtype) is type:
        dtype = np.dtype(dtype)
    nbytes = _prod(shape) * dtype.itemsize
    if nbytes <= SMALL:
        return _empty(shape, dtype)
    block = lib.mt_pool_take(nbytes) if nbytes < 1 << 60 else ffi.NULL
    if block == ffi.NULL:
        raise MemoryError(f"cannot allocate {nbytes} bytes for an array of shape {tuple(shape)}")
    # the array keeps the buffer alive, the buffer the cdata, whose end gives the block back
    return np.ndarray(shape, dtype, ffi.buffer(ffi.gc(block, _give), nbytes))


def trim():
    """Hand memory that is kept for reuse back to the system."""
    lib.mt_pool_trim()
