"""The names of ``torch.cuda`` that CPU programs meet; `minitorch.device` lists what each does."""

from . import amp as _amp
from .device import refuse

_ADVICE = "minitorch computes on the CPU only; ask cuda.is_available() first."


def is_available() -> bool:
    """Whether there is a CUDA device: False."""
    return False


def is_initialized() -> bool:
    """Whether CUDA is in use: False."""
    return False


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


class amp:
    """``torch.cuda.amp``: mixed precision of CUDA devices, disabled with a warning."""

    class autocast(_amp.autocast):
        """`minitorch.amp.autocast` for CUDA."""

        def __init__(self, enabled: bool = True, dtype=None, cache_enabled: bool = True):
            super().__init__("cuda", dtype, enabled, cache_enabled)

    class GradScaler(_amp.GradScaler):
        """`minitorch.amp.GradScaler` for CUDA."""

        def __init__(self, *args, **kwargs):
            super().__init__("cuda", *args, **kwargs)


init = refuse("cuda.init", _ADVICE)
set_device = refuse("cuda.set_device", _ADVICE)
current_device = refuse("cuda.current_device", _ADVICE)
get_device_name = refuse("cuda.get_device_name", _ADVICE)
get_device_properties = refuse("cuda.get_device_properties", _ADVICE)
get_device_capability = refuse("cuda.get_device_capability", _ADVICE)
mem_get_info = refuse("cuda.mem_get_info", _ADVICE)
Stream = refuse("cuda.Stream", _ADVICE)
Event = refuse("cuda.Event", _ADVICE)
