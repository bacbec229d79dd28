"""The names of ``torch.distributed`` that single-process programs meet."""

from __future__ import annotations

from .device import refuse

_ADVICE = "Run as a single process; ask distributed.is_available() first."


def is_available() -> bool:
    """Whether there are process groups: False."""
    return False


def is_initialized() -> bool:
    """Whether this process is in a group: False."""
    return False


init_process_group = refuse("distributed.init_process_group", _ADVICE)
destroy_process_group = refuse("distributed.destroy_process_group", _ADVICE)
new_group = refuse("distributed.new_group", _ADVICE)
get_rank = refuse("distributed.get_rank", _ADVICE)
get_world_size = refuse("distributed.get_world_size", _ADVICE)
barrier = refuse("distributed.barrier", _ADVICE)
broadcast = refuse("distributed.broadcast", _ADVICE)
all_reduce = refuse("distributed.all_reduce", _ADVICE)
all_gather = refuse("distributed.all_gather", _ADVICE)
reduce = refuse("distributed.reduce", _ADVICE)
