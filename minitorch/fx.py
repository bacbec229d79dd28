"""``torch.fx``, of which model code uses little: models are not traced into graphs here.

`wrap` marks functions for the tracer and does nothing; the classes have no instances, so that
``isinstance(x, torch.fx.Proxy)`` is False; to make one raises NotImplementedError.
"""

from __future__ import annotations

_ADVICE = "there are no symbolic graphs; use hooks, named_modules() or minitorch.onnx.export"


def wrap(fn_or_name):
    """Return the function, or the name of one, unchanged."""
    return fn_or_name


def symbolic_trace(root, concrete_args=None):
    """Raise NotImplementedError: there are no symbolic graphs."""
    raise NotImplementedError(f"fx.symbolic_trace: {_ADVICE}")


class Tracer:
    """What would trace a module; calling it raises NotImplementedError."""

    def __init__(self, *args, **kwargs):
        raise NotImplementedError(f"fx.{type(self).__name__}: {_ADVICE}")


class Graph(Tracer):
    """What would be a graph."""


class GraphModule(Tracer):
    """What would be a module made of a graph."""


class Interpreter(Tracer):
    """What would run a graph node by node."""


class Node(Tracer):
    """What would be a node of a graph."""


class Proxy(Tracer):
    """What would stand for a value while tracing."""


class Transformer(Tracer):
    """What would rewrite a graph."""
