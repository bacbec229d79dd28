"""The names of ``torch.jit`` in model code: Python runs what TorchScript would have compiled."""

from __future__ import annotations

import builtins
from typing import Any, Dict, Final, List, Optional, Tuple, Union  # noqa: F401, UP035 (names of it)

from .device import refuse
from .nn.module import Module as ScriptModule  # noqa: F401

_ADVICE = "Export the model with minitorch.onnx, or save its state_dict."


def is_scripting() -> bool:
    """Whether this runs in TorchScript: False."""
    return False


def is_tracing() -> bool:
    """Whether this is being traced: False."""
    return False


def _decorator(name):
    def decorate(function=None, **kwargs):
        return function if callable(function) else (lambda f: f)

    decorate.__name__ = decorate.__qualname__ = name
    decorate.__doc__ = "Return the function unchanged; as a decorator, with or without arguments."
    return decorate


ignore = _decorator("ignore")
unused = _decorator("unused")
export = _decorator("export")
script_method = _decorator("script_method")
script_if_tracing = _decorator("script_if_tracing")
_overload = _decorator("_overload")
_overload_method = _decorator("_overload_method")


def script(obj, *args, **kwargs):
    """Return a function or module unchanged."""
    return obj


def annotate(the_type, the_value):
    """Return the value."""
    return the_value


freeze = optimize_for_inference = interface = script


def isinstance(obj, target_type) -> bool:
    """Whether `obj` is of a type."""
    return builtins.isinstance(obj, target_type)


class TracerWarning(Warning):
    """A warning for programs to filter; nothing is traced."""


class ScriptFunction:
    """What compiled functions would be: nothing is an instance."""


RecursiveScriptModule = TopLevelTracedModule = ScriptFunction


trace = refuse("jit.trace", _ADVICE, script)
trace_module = trace
save = refuse("jit.save", _ADVICE)
load = refuse("jit.load", _ADVICE)


# ---- names of torch._C in model code


def _get_tracing_state() -> None:
    """Return the trace that is being recorded: None."""


def _log_api_usage_once(event) -> None:
    """Do nothing."""
