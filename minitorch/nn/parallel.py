"""Modules that run another one on several devices, of which there is one."""

from __future__ import annotations

from ..device import refuse
from .module import Module

__all__ = ["DataParallel", "DistributedDataParallel"]


class DataParallel(Module):
    """Calls a module, as PyTorch's does where there are no devices to spread the batch over.

    Parameters
    ----------
    module : Module
        The module; state dicts have its names after ``"module."``.
    device_ids, output_device, dim
        Not used.
    """

    def __init__(self, module, device_ids=None, output_device=None, dim: int = 0):
        super().__init__()
        self.dim = dim
        self.module = module
        self.device_ids = []

    def forward(self, *inputs, **kwargs):
        return self.module(*inputs, **kwargs)


_refused = refuse("nn.parallel.DistributedDataParallel", "Train in a single process.")


class DistributedDataParallel(DataParallel):
    """Raises RuntimeError: there are no process groups. Under `minitorch.compat`, calls its module.

    Parameters
    ----------
    module : Module
        The module; state dicts have its names after ``"module."``.
    *args, **kwargs
        Ignored.
    """

    def __init__(self, module=None, *args, **kwargs):
        _refused()
        super().__init__(module)
