"""Devices. There is one, the CPU; others have names, so that asking for them says why not."""

from __future__ import annotations

__all__ = ["device"]


class device:
    """Where a tensor lives: always ``cpu``.

    Other devices can be named (``device("cuda")``), so that code which only compares names runs,
    but nothing can be put on them.

    Parameters
    ----------
    type : str or device
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...
    index : int, optional
        Number of the device of that type.

    Raises
    ------
    RuntimeError
        If no such type of device exists.
    """

    __slots__ = ("index", "type")

    _TYPES = ("cpu", "cuda", "mps", "xpu", "meta")

    def __init__(self, type, index=None):
        if isinstance(type, device):
            type, index = type.type, type.index
        if isinstance(type, int):
            type, index = "cuda", type
        name, _, number = type.partition(":")
        if name not in self._TYPES or (number and not number.isdigit()):
            raise RuntimeError(f"device: expected one of {', '.join(self._TYPES)}, got {type!r}")
        self.type = name
        self.index = int(number) if number else index

    def __eq__(self, other):
        return isinstance(other, device) and str(self) == str(other)

    def __hash__(self):
        return hash(str(self))

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{index})"

    def __reduce__(self):
        return device, (self.type, self.index)


CPU = device("cpu")


def check(name, wanted) -> None:
    """Raise if `wanted`, the device argument of the function `name`, is not the CPU."""
    if wanted is not None and device(wanted).type != "cpu":
        raise RuntimeError(
            f"{name}: minitorch computes on the CPU only, device '{wanted}' is not available. "
            "Use device='cpu', or leave the argument out."
        )
