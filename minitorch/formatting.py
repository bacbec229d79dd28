"""How tensors are printed: as PyTorch prints them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from . import dtypes

__all__ = ["set_printoptions"]


@dataclass
class _Options:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_options = _Options()
_PROFILES = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(
    precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None
) -> None:
    """Set how tensors are printed. What is not given stays as it is.

    Parameters
    ----------
    precision : int, optional
        Digits after the point. Default: 4.
    threshold : int, optional
        Tensors of more elements are summarised. Default: 1000.
    edgeitems : int, optional
        Elements shown at each end of a dimension of a summary. Default: 3.
    linewidth : int, optional
        Characters per line. Default: 80.
    profile : str, optional
        ``"default"``, ``"short"`` or ``"full"``: all of these at once; others given count more.
    sci_mode : bool, optional
        Whether numbers are printed as in ``1.0000e+00``. Default (None): decided per tensor.
    """
    if profile is not None and profile not in _PROFILES:
        raise ValueError(f"set_printoptions: profile must be one of {', '.join(_PROFILES)}")
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    for name, value in {**_PROFILES.get(profile, {}), **chosen}.items():
        setattr(_options, name, value)
    _options.sci_mode = sci_mode


class _Style:
    """How the elements of one tensor are written: all in the same way and as wide as the widest."""

    def __init__(self, values):
        self.floating = values.dtype.kind == "f"
        self.whole = True  # all are whole numbers: written as in "3."
        self.scientific = False
        if self.floating:
            values = values[np.isfinite(values) & (values != 0)]
            if values.size:
                self._choose(np.abs(values, dtype=np.float64))
        self.width = max([1, *map(len, map(self.text, values.ravel().tolist()))])

    def _choose(self, sizes):
        smallest, largest = float(sizes.min()), float(sizes.max())
        self.whole = bool((sizes == np.ceil(sizes)).all())
        self.scientific = largest / smallest > 1000 or largest > 1e8
        self.scientific |= not self.whole and smallest < 1e-4
        if _options.sci_mode is not None:
            self.scientific = _options.sci_mode

    def text(self, value):
        """Write one element."""
        if not self.floating:
            return str(value)
        if self.scientific:
            return f"{value:.{_options.precision}e}"
        if self.whole:
            return f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}"
        return f"{value:.{_options.precision}f}"

    def padded(self, value):
        """Write one element in the width of all."""
        return self.text(value).rjust(self.width)


def _edges(array):
    """Return the elements of an array that its summary shows."""
    n = _options.edgeitems
    for axis, size in enumerate(array.shape):
        if size > 2 * n:
            shown = [*range(n), *range(size - n, size)]
            array = array.take(shown, axis)
    return array


def _parts(array, summarised, write, gap):
    """Write the parts of an array along its first dimension, those in the middle left out."""
    n = _options.edgeitems
    if not summarised or len(array) <= 2 * n:
        return [write(part) for part in array]
    return [*map(write, array[:n]), gap, *map(write, array[len(array) - n :])]


def _nested(array, indent, summarised, style):
    if array.ndim == 0:
        return style.padded(array.item())
    if array.ndim == 1:
        items = _parts(array.tolist(), summarised, style.padded, " ...")
        per_line = max(1, (_options.linewidth - indent) // (style.width + 2))
        lines = [items[i : i + per_line] for i in range(0, len(items), per_line)]
        separator = ",\n" + " " * (indent + 1)
        return "[" + separator.join(", ".join(line) for line in lines) + "]"
    rows = _parts(array, summarised, lambda a: _nested(a, indent + 1, summarised, style), "...")
    separator = "," + "\n" * (array.ndim - 1) + " " * (indent + 1)
    return "[" + separator.join(rows) + "]"


def _with_suffixes(text, suffixes, indent):
    length = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if length + len(suffix) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + suffix
            length = indent + len(suffix)
        else:
            text += ", " + suffix
            length += len(suffix) + 2
    return text + ")"


def array_text(array, indent=0) -> str:
    """Write the elements of an array, lines after the first indented."""
    if not array.size:
        return "[]"
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    summarised = array.size > _options.threshold
    return _nested(array, indent, summarised, _Style(_edges(array) if summarised else array))


def tensor_repr(tensor) -> str:
    """Return the text that ``print(tensor)`` shows."""
    suffixes, kind, default = [], tensor.dtype, dtypes.get_default_dtype()
    if not tensor._array.size:
        if tensor.ndim != 1:
            suffixes.append(f"size={tuple(tensor.shape)}")
        if kind is not default:
            suffixes.append(f"dtype={kind}")
    elif kind not in (default, dtypes.int64, dtypes.bool):
        suffixes.append(f"dtype={kind}")
    if tensor.grad_fn is not None:
        suffixes.append(f"grad_fn=<{tensor.grad_fn.name()}>")
    elif tensor.requires_grad:
        suffixes.append("requires_grad=True")
    prefix = "tensor("
    text = prefix + array_text(tensor._array, len(prefix))
    return _with_suffixes(text, suffixes, len(prefix))
