"""The names of ``torch.cuda`` that CPU programs meet; `minitorch.device` lists what each does."""

import contextlib
import importlib
import time

from ..device import lenient, refuse
from . import amp

_ADVICE = "minitorch computes on the CPU only; ask cuda.is_available() first."


def is_available() -> bool:
    """Whether there is a CUDA device: False."""
    return False


def is_initialized() -> bool:
    """Whether CUDA is in use: False."""
    return False


_initialized = False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether a CUDA device computes in bfloat16: False."""
    return False


def device_count() -> int:
    """Return the number of CUDA devices: 0."""
    return 0


def get_arch_list() -> list:
    """Return the CUDA architectures this was built for: none."""
    return []


def empty_cache() -> None:
    """Do nothing: there is no memory of a device."""


def synchronize(device=None) -> None:
    """Do nothing: every operation has finished when its call returns."""


def manual_seed(seed: int) -> None:
    """Do nothing: CUDA has no generators here."""


def manual_seed_all(seed: int) -> None:
    """Do nothing: CUDA has no generators here."""


def memory_allocated(device=None) -> int:
    """Return the bytes in use on a CUDA device: 0."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def reset_peak_memory_stats(device=None) -> None:
    """Do nothing: there is no memory of a device."""


def memory_summary(device=None, abbreviated: bool = False) -> str:
    """Return a report of the memory of a CUDA device: empty."""
    return ""


class OutOfMemoryError(RuntimeError):
    """What PyTorch raises when the memory of a device is full; never raised here."""


class _Event:
    """Reads the clock, which under `minitorch.compat` is what an event is for."""

    def __init__(self, *args, **kwargs):
        self._time = 0.0

    def record(self, stream=None) -> None:
        self._time = time.perf_counter()

    def elapsed_time(self, end_event) -> float:
        return (end_event._time - self._time) * 1e3

    def query(self) -> bool:
        return True

    def synchronize(self) -> None:
        pass

    wait = synchronize


class _Stream:
    """A stream of work that is done at once."""

    def __init__(self, *args, **kwargs):
        pass

    def synchronize(self, *args) -> None:
        pass

    wait_stream = wait_event = record_event = synchronize


def stream(stream):
    """Return a context that changes nothing: there is one stream."""
    return contextlib.nullcontext()


init = refuse("cuda.init", _ADVICE)
set_device = refuse("cuda.set_device", _ADVICE)
current_device = refuse("cuda.current_device", _ADVICE, lambda: 0)
get_device_name = refuse("cuda.get_device_name", _ADVICE, lambda device=None: "cpu")
get_device_properties = refuse("cuda.get_device_properties", _ADVICE)
get_device_capability = refuse("cuda.get_device_capability", _ADVICE, lambda device=None: (0, 0))
mem_get_info = refuse("cuda.mem_get_info", _ADVICE, lambda device=None: (0, 0))
current_stream = refuse("cuda.Stream", _ADVICE, _Stream)
Stream = refuse("cuda.Stream", _ADVICE, _Stream)
Event = refuse("cuda.Event", _ADVICE, _Event)


@contextlib.contextmanager
def device(device):
    """Return a context in which `device` is the current one."""
    set_device(device)
    yield


def __getattr__(name):
    if name.endswith("Tensor") and lenient():
        return getattr(importlib.import_module("minitorch"), name)  # cuda.FloatTensor, ...
    raise AttributeError(f"module 'minitorch.cuda' has no attribute '{name}'")
