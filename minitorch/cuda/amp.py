"""``torch.cuda.amp``: mixed precision of CUDA devices, disabled with a warning."""

from .. import amp as _amp
from ..amp import custom_bwd, custom_fwd

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]


class autocast(_amp.autocast):
    """`minitorch.amp.autocast` for CUDA."""

    def __init__(self, enabled: bool = True, dtype=None, cache_enabled: bool = True):
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(_amp.GradScaler):
    """`minitorch.amp.GradScaler` for CUDA."""

    def __init__(self, *args, **kwargs):
        super().__init__("cuda", *args, **kwargs)
