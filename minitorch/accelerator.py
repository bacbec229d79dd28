"""The names of ``torch.accelerator``: the device beside the CPU, of which there is none."""

from __future__ import annotations


def is_available() -> bool:
    """Whether there is an accelerator: False."""
    return False


def current_accelerator(check_available: bool = False) -> None:
    """Return the accelerator: None."""
    return None


def device_count() -> int:
    """Return the number of accelerators: 0."""
    return 0


def synchronize(device=None) -> None:
    """Do nothing: every operation has finished when its call returns."""


def set_device_index(device) -> None:
    """Do nothing: there are no devices to choose from."""
