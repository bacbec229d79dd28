"""The names of ``torch.compiler`` in model code: nothing is compiled, Python runs."""

from __future__ import annotations

import contextlib


def disable(fn=None, recursive=True, *, reason=None):
    """Return the function unchanged; as a decorator, with or without arguments."""
    return fn if fn is not None else (lambda f: f)


def allow_in_graph(fn):
    """Return the function unchanged."""
    return fn


substitute_in_graph = assume_constant_result = allow_in_graph


def is_compiling() -> bool:
    """Whether this is being compiled: False."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


def reset() -> None:
    """Do nothing: there are no caches."""


cudagraph_mark_step_begin = reset


def list_backends(exclude_tags=()) -> list:
    """Return the names of the backends: none."""
    return []


def set_stance(stance="default", **options):
    """Return a context that changes nothing."""
    return contextlib.nullcontext()
