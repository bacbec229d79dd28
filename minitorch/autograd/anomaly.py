"""Anomaly mode: every node remembers the line that made it, every gradient is checked for NaN."""

from __future__ import annotations

import os
import traceback
import warnings

import numpy as np

from .grad_mode import state

__all__ = ["detect_anomaly", "is_anomaly_enabled", "set_detect_anomaly"]

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class set_detect_anomaly:
    """Switch anomaly mode on or off in this thread: at once, and back as a context manager.

    While it is on, an error in a backward pass, or a NaN that a step of it produces, is reported
    with the lines of the user's program that created the step. A second backward pass through a
    graph is reported with the lines of the first, a saved tensor that was changed in place with
    the lines that changed it.

    Parameters
    ----------
    mode : bool
        On or off.
    check_nan : bool
        Whether a NaN in a gradient is an error.
    """

    def __init__(self, mode: bool, check_nan: bool = True):
        self._before = state.anomaly
        state.anomaly = ("check" if check_nan else "trace") if mode else False

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        state.anomaly = self._before


class detect_anomaly:
    """Context manager for anomaly mode; see `set_detect_anomaly`.

    Parameters
    ----------
    check_nan : bool
        Whether a NaN in a gradient is an error.
    """

    def __init__(self, check_nan: bool = True):
        self._check_nan = check_nan

    def __enter__(self):
        self._mode = set_detect_anomaly(True, self._check_nan)
        return self

    def __exit__(self, *exc):
        self._mode.__exit__()


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on in this thread."""
    return bool(state.anomaly)


def creation_site() -> list[str]:
    """Return the lines of the user's program being executed, innermost last."""
    frames = traceback.extract_stack()
    outside = [f for f in frames if not f.filename.startswith(_PACKAGE + os.sep)]
    return traceback.format_list(outside[-4:])


def note_walk(node, site) -> None:
    """Note the line whose backward pass freed what a node kept."""
    node.walked = site
    inner = getattr(node, "inner", None)
    if inner is not None:
        inner.walked = site


def note_write(cell) -> None:
    """Note the line that has just written the memory that a version counter belongs to."""
    cell.append((cell[0], creation_site()))
    del cell[1:-16]


def writer(cell, version):
    """Return the lines of the first write after a version, as far as they were noted."""
    return next((site for count, site in cell[1:] if count > version), None)


def history(*lines) -> str:
    """Return what is known of (what happened, lines of the program), for the end of a message."""
    if not any(site for _, site in lines):
        return " (autograd.detect_anomaly() shows the lines.)"
    unknown = ["  outside of anomaly mode\n"]
    return "".join(f"\n{what} here:\n{''.join(site or unknown)}" for what, site in lines)


def lines_of_freed(node) -> str:
    """Return what is known of a node whose graph was freed, for the end of a message."""
    lines = [getattr(node, name, None) for name in ("walked", "site")]
    return history(("The first pass was", lines[0]), ("This was recorded", lines[1]))


def run_checked(node, grads, needs):
    """Run a node; on an error or a NaN say which line of the forward pass created the node."""
    made = "".join(node.site or ["  (recorded before anomaly mode was switched on)\n"])
    try:
        results = node.run(grads, needs)
    except Exception:
        warnings.warn(
            f"Error detected in {node.name()}. It was created here in the forward pass:\n{made}",
            stacklevel=2,
        )
        raise
    for i, result in enumerate(results if state.anomaly == "check" else ()):
        array = getattr(result, "_array", result)
        if array is not None and np.isnan(array).any():
            raise RuntimeError(
                f"Function '{node.name()}' returned nan values in its {i}th output, the gradient "
                f"of input {i}. It was created here in the forward pass:\n{made}"
            )
    return results
