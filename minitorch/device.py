"""Devices. There is one, the CPU; others have names, so that asking for them says why not."""

from __future__ import annotations

import functools
import warnings

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

_lenient = False


def lenient(setting=None) -> bool:
    """Return whether programs written for other devices run on the CPU, and set it if given.

    `minitorch.compat` sets it.
    """
    global _lenient
    if setting is not None:
        _lenient = setting
    return _lenient


def check(name, wanted) -> None:
    """Raise if `wanted`, the device argument of the function `name`, is not the CPU."""
    if wanted is None or device(wanted).type == "cpu":
        return
    if not lenient():
        raise RuntimeError(
            f"{name}: minitorch computes on the CPU only, device '{wanted}' is not available. "
            "Use device='cpu', or leave the argument out."
        )
    _say_once(device(wanted).type)


@functools.cache
def _say_once(kind):
    warnings.warn(f"device '{kind}' is the CPU here", UserWarning, stacklevel=4)


# What becomes of names that have to do with other devices. A "no-op" has nothing to do on a CPU
# and changes no result; a "pass-through" returns what it was given, or runs it unchanged; an
# "error" says that the thing does not exist here. The page of the documentation and the tests are
# made from this table.
NAMES = {
    "Tensor.cpu": ("no-op", "returns the tensor"),
    "Tensor.to('cpu')": ("no-op", "returns the tensor"),
    "Tensor.cuda": ("error", "there is no CUDA device"),
    "Tensor.to('cuda')": ("error", "there is no CUDA device"),
    "Tensor.pin_memory": ("no-op", "returns the tensor: nothing is copied to a device"),
    "Tensor.is_cuda": ("no-op", "False"),
    "Tensor.is_sparse": ("no-op", "False"),
    "Tensor.is_quantized": ("no-op", "False"),
    "Tensor.get_device": ("no-op", "-1, the CPU"),
    "nn.Module.cpu": ("no-op", "returns the module"),
    "nn.Module.to('cpu')": ("no-op", "returns the module"),
    "nn.Module.cuda": ("error", "there is no CUDA device"),
    "nn.Module.to('cuda')": ("error", "there is no CUDA device"),
    "cuda.is_available": ("no-op", "False"),
    "cuda.is_initialized": ("no-op", "False"),
    "cuda.is_bf16_supported": ("no-op", "False"),
    "cuda.device_count": ("no-op", "0"),
    "cuda.get_arch_list": ("no-op", "an empty list"),
    "cuda.empty_cache": ("no-op", ""),
    "cuda.synchronize": ("no-op", "every operation has finished when its call returns"),
    "cuda.manual_seed": ("no-op", "seeds CUDA's generators, of which there are none"),
    "cuda.manual_seed_all": ("no-op", "seeds CUDA's generators, of which there are none"),
    "cuda.memory_allocated": ("no-op", "0"),
    "cuda.max_memory_allocated": ("no-op", "0"),
    "cuda.memory_reserved": ("no-op", "0"),
    "cuda.max_memory_reserved": ("no-op", "0"),
    "cuda.reset_peak_memory_stats": ("no-op", ""),
    "cuda.init": ("error", "there is no CUDA device"),
    "cuda.set_device": ("error", "there is no CUDA device"),
    "cuda.current_device": ("error", "there is no CUDA device"),
    "cuda.get_device_name": ("error", "there is no CUDA device"),
    "cuda.get_device_properties": ("error", "there is no CUDA device"),
    "cuda.get_device_capability": ("error", "there is no CUDA device"),
    "cuda.mem_get_info": ("error", "there is no CUDA device"),
    "cuda.Stream": ("error", "there is no CUDA device"),
    "cuda.Event": ("error", "there is no CUDA device"),
    "cuda.amp.autocast": ("pass-through", "disabled, with a warning, as PyTorch without CUDA"),
    "cuda.amp.GradScaler": ("pass-through", "disabled, with a warning, as PyTorch without CUDA"),
    "amp.autocast('cuda')": ("pass-through", "disabled, with a warning, as PyTorch without CUDA"),
    "amp.autocast('cpu')": ("error", "there is no bfloat16; enabled=False runs unchanged"),
    "amp.GradScaler('cuda')": ("pass-through", "disabled, with a warning, as PyTorch without CUDA"),
    "amp.GradScaler('cpu')": ("error", "there is no mixed precision; enabled=False runs unchanged"),
    "backends.cudnn.is_available": ("no-op", "False"),
    "backends.cudnn.version": ("no-op", "None"),
    "backends.cudnn.enabled": ("no-op", "can be set"),
    "backends.cudnn.benchmark": ("no-op", "can be set"),
    "backends.cudnn.deterministic": ("no-op", "can be set; minitorch always is"),
    "backends.cudnn.allow_tf32": ("no-op", "can be set; of CUDA devices only"),
    "backends.cudnn.flags": ("pass-through", "a context that changes nothing"),
    "backends.cuda.matmul.allow_tf32": ("no-op", "can be set; of CUDA devices only"),
    "backends.mps.is_available": ("no-op", "False"),
    "backends.mps.is_built": ("no-op", "False"),
    "use_deterministic_algorithms": ("no-op", "minitorch always is deterministic"),
    "are_deterministic_algorithms_enabled": ("no-op", "True"),
    "set_float32_matmul_precision": ("no-op", "float32 is computed in float32"),
    "get_float32_matmul_precision": ("no-op", "'highest'"),
    "nn.DataParallel": ("pass-through", "calls its module, which is at .module"),
    "nn.parallel.DistributedDataParallel": ("error", "there are no process groups"),
    "compile": ("pass-through", "returns what it is given"),
    "jit.is_scripting": ("no-op", "False"),
    "jit.is_tracing": ("no-op", "False"),
    "jit.ignore": ("pass-through", "returns the function"),
    "jit.unused": ("pass-through", "returns the function"),
    "jit.export": ("pass-through", "returns the function"),
    "jit.script": ("pass-through", "returns the function or module, which Python runs"),
    "jit.script_if_tracing": ("pass-through", "returns the function"),
    "jit.annotate": ("pass-through", "returns the value"),
    "jit.trace": ("error", "there is no TorchScript"),
    "jit.save": ("error", "there is no TorchScript"),
    "jit.load": ("error", "there is no TorchScript"),
    "accelerator.is_available": ("no-op", "False"),
    "accelerator.current_accelerator": ("no-op", "None"),
    "accelerator.device_count": ("no-op", "0"),
    "accelerator.synchronize": ("no-op", "every operation has finished when its call returns"),
    "cuda.memory_summary": ("no-op", "an empty text"),
    "accelerator.set_device_index": ("no-op", ""),
    "jit.ScriptModule": ("pass-through", "nn.Module, which Python runs"),
    "jit.script_method": ("pass-through", "returns the function"),
    "distributed.is_nccl_available": ("no-op", "False"),
    "distributed.is_available": ("no-op", "False"),
    "distributed.is_initialized": ("no-op", "False"),
    "distributed.init_process_group": ("error", "there are no process groups"),
    "distributed.destroy_process_group": ("error", "there are no process groups"),
    "distributed.new_group": ("error", "there are no process groups"),
    "distributed.get_rank": ("error", "there are no process groups"),
    "distributed.get_world_size": ("error", "there are no process groups"),
    "distributed.barrier": ("error", "there are no process groups"),
    "distributed.broadcast": ("error", "there are no process groups"),
    "distributed.all_reduce": ("error", "there are no process groups"),
    "distributed.all_gather": ("error", "there are no process groups"),
    "distributed.reduce": ("error", "there are no process groups"),
    "distributed.gather": ("error", "there are no process groups"),
    "distributed.scatter": ("error", "there are no process groups"),
    "distributed.all_gather_object": ("error", "there are no process groups"),
    "distributed.broadcast_object_list": ("error", "there are no process groups"),
    "distributed.get_backend": ("error", "there are no process groups"),
}


# What becomes of the errors when `minitorch.compat` runs a program written for PyTorch.
COMPAT = {
    "Tensor.cuda": "returns the tensor",
    "Tensor.to('cuda')": "returns the tensor",
    "nn.Module.cuda": "returns the module",
    "nn.Module.to('cuda')": "returns the module",
    "cuda.init": "does nothing",
    "cuda.set_device": "does nothing",
    "cuda.current_device": "0",
    "cuda.get_device_name": "'cpu'",
    "cuda.get_device_capability": "(0, 0)",
    "cuda.mem_get_info": "(0, 0)",
    "cuda.Stream": "a context that changes nothing",
    "cuda.Event": "reads the clock",
    "amp.autocast('cpu')": "runs the code unchanged, in float32",
    "amp.GradScaler('cpu')": "scales nothing",
    "nn.parallel.DistributedDataParallel": "calls its module, which is at .module",
    "jit.trace": "returns the function or module",
    "distributed.init_process_group": "does nothing: the group is this process",
    "distributed.destroy_process_group": "does nothing",
    "distributed.new_group": "does nothing",
    "distributed.get_rank": "0",
    "distributed.get_world_size": "1",
    "distributed.barrier": "does nothing",
    "distributed.broadcast": "does nothing: the tensor is this process's",
    "distributed.all_reduce": "does nothing: the tensor is the sum",
    "distributed.all_gather": "copies the tensor to the list",
    "distributed.reduce": "does nothing: the tensor is the sum",
    "distributed.gather": "copies the tensor to the list",
    "distributed.scatter": "copies the list's only tensor",
    "distributed.all_gather_object": "puts the object into the list",
    "distributed.broadcast_object_list": "does nothing: the objects are this process's",
    "distributed.get_backend": "'gloo'",
}


def _nothing(*args, **kwargs):
    return None


def refuse(name: str, advice: str, compat=_nothing):
    """Make the function for a name that is an error: calling it raises RuntimeError.

    `compat` is what it does instead under `minitorch.compat`, for the names in `COMPAT`.
    """

    def refused(*args, **kwargs):
        if lenient() and name in COMPAT:
            return compat(*args, **kwargs)
        raise RuntimeError(f"{name}: {NAMES[name][1]}. {advice}")

    refused.__name__ = name.rpartition(".")[2]
    refused.__doc__ = f"Raise RuntimeError: {NAMES[name][1]}."
    return refused
