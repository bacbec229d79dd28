"""The names of ``torch.distributed`` that single-process programs meet."""

from __future__ import annotations

from .device import refuse

_ADVICE = "Run as a single process; ask distributed.is_available() first."


def is_available() -> bool:
    """Whether there are process groups: False."""
    return False


def is_nccl_available() -> bool:
    """Whether there is NCCL: False."""
    return False


is_gloo_available = is_mpi_available = is_nccl_available


def is_initialized() -> bool:
    """Whether this process is in a group: False."""
    return False


class ReduceOp:
    """How the values of several processes become one."""

    SUM, PRODUCT, MIN, MAX, AVG = "sum", "product", "min", "max", "avg"


def _gather(tensor_list, tensor, *args, **kwargs):
    """Copy the tensor to the list of one."""
    tensor_list[0].copy_(tensor)


init_process_group = refuse("distributed.init_process_group", _ADVICE)
destroy_process_group = refuse("distributed.destroy_process_group", _ADVICE)
new_group = refuse("distributed.new_group", _ADVICE)
get_rank = refuse("distributed.get_rank", _ADVICE, lambda group=None: 0)
get_world_size = refuse("distributed.get_world_size", _ADVICE, lambda group=None: 1)
barrier = refuse("distributed.barrier", _ADVICE)
broadcast = refuse("distributed.broadcast", _ADVICE)
all_reduce = refuse("distributed.all_reduce", _ADVICE)
all_gather = refuse("distributed.all_gather", _ADVICE, _gather)
reduce = refuse("distributed.reduce", _ADVICE)
