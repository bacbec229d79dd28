"""How tensors are printed."""

from __future__ import annotations

import numpy as np


def tensor_repr(tensor) -> str:
    """Return the text that ``print(tensor)`` shows."""
    return "tensor(" + np.array2string(tensor._array, separator=", ", prefix="tensor(") + ")"
