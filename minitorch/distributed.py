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


def _gather_object(object_list, obj, *args, **kwargs):
    """Put the object into the list of one."""
    object_list[0] = obj


def _to_root(tensor, gather_list=None, *args, **kwargs):
    _gather(gather_list, tensor)


def _from_root(tensor, scatter_list=None, *args, **kwargs):
    tensor.copy_(scatter_list[0])


class group:
    """Names of groups."""

    WORLD = None


class ProcessGroup:
    """What groups would be: nothing is an instance."""


GroupMember = group
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
gather = refuse("distributed.gather", _ADVICE, _to_root)
scatter = refuse("distributed.scatter", _ADVICE, _from_root)
all_gather_object = refuse("distributed.all_gather_object", _ADVICE, _gather_object)
broadcast_object_list = refuse("distributed.broadcast_object_list", _ADVICE)
get_backend = refuse("distributed.get_backend", _ADVICE, lambda group=None: "gloo")
