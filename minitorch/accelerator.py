"""The names of ``torch.accelerator``: the device beside the CPU, of which there is none."""

from __future__ import annotations

import contextlib


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


set_device_idx = set_device_index


def current_device_index() -> int:
    """Return the index of the current device: 0, as if the CPU were one."""
    return 0


current_device_idx = current_device_index


@contextlib.contextmanager
def device_index(device):
    """Return a context that changes nothing."""
    yield


def empty_cache() -> None:
    """Do nothing: there is no memory of a device."""


reset_peak_memory_stats = reset_accumulated_memory_stats = set_device_index


def memory_allocated(device_index=None) -> int:
    """Return the bytes in use on a device: 0."""
    return 0


memory_reserved = max_memory_allocated = max_memory_reserved = memory_allocated
