"""From samples to batches."""

from __future__ import annotations

import collections.abc
import copy

import numpy as np

from ... import creation, dtypes
from ...errors import ShapeError
from ...ops.shape import stack
from ...tensor import Tensor

__all__ = ["collate", "default_collate", "default_collate_fn_map", "default_convert"]


def default_convert(data):
    """Make tensors of the arrays in a sample, and leave everything else as it is.

    Parameters
    ----------
    data : object
        Arrays, Tensors, and mappings and sequences of them at any depth.

    Returns
    -------
    object
        Of the same structure.
    """
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return data if data.dtype.kind in "SUO" else creation.as_tensor(np.asarray(data))
    if isinstance(data, collections.abc.Mapping):
        return _like_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(item) for item in data))
    if isinstance(data, tuple):
        return [default_convert(item) for item in data]
    if isinstance(data, collections.abc.Sequence) and not isinstance(data, (str, bytes)):
        return _like_sequence(data, [default_convert(item) for item in data])
    return data


def collate(batch, *, collate_fn_map=None):
    """Combine a list of samples into one batch, by functions for the types of elements.

    Parameters
    ----------
    batch : list
        The samples.
    collate_fn_map : dict, optional
        From a type, or a tuple of types, to ``function(batch, *, collate_fn_map)``.

    Returns
    -------
    object

    Raises
    ------
    TypeError
        There is no function for a type.
    RuntimeError
        Sequences among the samples differ in length.
    """
    first = batch[0]
    kind = type(first)
    functions = collate_fn_map or {}
    if kind in functions:
        return functions[kind](batch, collate_fn_map=functions)
    for known, function in functions.items():
        if isinstance(first, known):
            return function(batch, collate_fn_map=functions)
    if isinstance(first, collections.abc.Mapping):
        columns = {key: collate([s[key] for s in batch], collate_fn_map=functions) for key in first}
        return _like_mapping(first, columns)
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return kind(*_columns(batch, functions))
    if isinstance(first, tuple):
        return _columns(batch, functions)
    if isinstance(first, collections.abc.Sequence):
        return _like_sequence(first, _columns(batch, functions))
    raise TypeError(
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found "
        f"{kind}"
    )


def _columns(batch, functions):
    lengths = [len(sample) for sample in batch]
    if len(set(lengths)) > 1:
        raise RuntimeError(
            f"each element in list of batch should be of equal size, got sizes {lengths}"
        )
    return [collate(column, collate_fn_map=functions) for column in zip(*batch, strict=True)]


def _like_mapping(original, items):
    """Return the items as a mapping of the original's type where it can be made, else as a dict."""
    if type(original) is dict:
        return items
    try:
        if isinstance(original, collections.abc.MutableMapping):
            result = copy.copy(original)  # keeps what the type has besides its items
            result.update(items)
            return result
        return type(original)(items)
    except TypeError:
        return items


def _like_sequence(original, items):
    if type(original) is list:
        return items
    try:
        if isinstance(original, collections.abc.MutableSequence):
            result = copy.copy(original)
            for place, item in enumerate(items):
                result[place] = item
            return result
        return type(original)(items)
    except TypeError:
        return items


def _stacked(arrays):
    if len({array.shape for array in arrays}) > 1:
        place = next(i for i, array in enumerate(arrays) if array.shape != arrays[0].shape)
        raise ShapeError(
            "default_collate: stack expects each tensor to be equal size, but got "
            f"{arrays[0].shape} at entry 0 and {arrays[place].shape} at entry {place}"
        )
    return np.stack(arrays)


def collate_tensors(batch, *, collate_fn_map=None):
    """Stack tensors along a new first dimension."""
    if any(tensor.requires_grad for tensor in batch):
        return stack(list(batch))
    return Tensor._wrap(_stacked([tensor._array for tensor in batch]))


def collate_arrays(batch, *, collate_fn_map=None):
    """Stack numpy arrays, or numpy's numbers, as a tensor."""
    array = _stacked([np.asarray(item) for item in batch])
    if array.dtype.newbyteorder("=") not in dtypes.BY_NUMPY:
        raise TypeError(
            "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; "
            f"found {array.dtype}"
        )
    return creation.as_tensor(array)


def collate_floats(batch, *, collate_fn_map=None):
    """Make a float64 tensor of Python's floats."""
    return creation.tensor(batch, dtype=dtypes.float64)


def collate_ints(batch, *, collate_fn_map=None):
    """Make an integer tensor of Python's integers."""
    return creation.tensor(batch)


def collate_strings(batch, *, collate_fn_map=None):
    """Leave strings as they are."""
    return batch


default_collate_fn_map = {
    Tensor: collate_tensors,
    np.ndarray: collate_arrays,
    (np.bool_, np.number): collate_arrays,
    float: collate_floats,
    int: collate_ints,
    str: collate_strings,
    bytes: collate_strings,
}


def default_collate(batch):
    """Combine a list of samples into one batch: tensors with a new first dimension.

    Parameters
    ----------
    batch : list
        The samples: tensors, arrays, numbers, strings, and mappings, tuples and sequences of them
        at any depth.

    Returns
    -------
    object
        Of the structure of one sample (a list for a tuple), with the values of all samples
        together in the place of one: Tensors and arrays are stacked, floats become a float64
        Tensor, ints an int64 one, strings a list.

    Raises
    ------
    TypeError
        Something else is in a sample.
    RuntimeError
        Samples differ in structure or shape.
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)
