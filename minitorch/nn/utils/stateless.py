"""Calls of a module with other parameters than its own."""

from __future__ import annotations

from ...tensor import Tensor

__all__ = ["functional_call"]


def functional_call(module, parameters_and_buffers, args=None, kwargs=None, *, tie_weights=True,
                    strict=False):  # fmt: skip
    """Call a module as if its parameters and buffers were the given tensors.

    Parameters
    ----------
    module : Module
    parameters_and_buffers : dict or sequence of dict
        From names, as in `Module.state_dict`, to tensors.
    args : any, optional
        A tuple of arguments, or a single one.
    kwargs : dict, optional
    tie_weights : bool
        Replace a tensor that has several names under all of them.
    strict : bool
        Require that all parameters and buffers are given, and no others.

    Returns
    -------
    any
        What the module returns; gradients flow to the given tensors.
    """
    if isinstance(parameters_and_buffers, (tuple, list)):
        merged = {}
        for part in parameters_and_buffers:
            merged.update(part)
        parameters_and_buffers = merged
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    places = _places(module)
    given = dict(parameters_and_buffers)
    unknown, missing = given.keys() - places.keys(), places.keys() - given.keys()
    if strict and (unknown or missing):
        raise RuntimeError(
            f"functional_call: missing key(s): {sorted(missing)}, unexpected: {sorted(unknown)}"
        )
    if unknown:
        raise KeyError(f"functional_call: {sorted(unknown)} are no parameters or buffers")
    if tie_weights:
        owners = {id(table[key]): name for name, (table, key) in places.items() if name in given}
        for name, (table, key) in places.items():
            if name not in given and id(table[key]) in owners:
                given[name] = given[owners[id(table[key])]]
    before = [(*places[name], places[name][0][places[name][1]]) for name in given]
    try:
        for name, value in given.items():
            if not isinstance(value, Tensor):
                raise TypeError(f"{name} must be a Tensor, got {type(value).__name__}")
            table, key = places[name]
            table[key] = value
        return module(*args, **(kwargs or {}))
    finally:
        for table, key, value in before:
            table[key] = value


def _places(module):
    """Return, by name, the table and the key of every parameter and buffer."""
    found = {}
    for prefix, inner in module.named_modules(remove_duplicate=False):
        for table in (inner._parameters, inner._buffers):
            for key, value in table.items():
                if value is not None:
                    found[f"{prefix}.{key}" if prefix else key] = (table, key)
    return found
