"""Checkpointing, under PyTorch's path; see `minitorch.autograd.checkpoint`."""

from ..autograd.checkpoint import CheckpointError, checkpoint, checkpoint_sequential

__all__ = ["CheckpointError", "checkpoint", "checkpoint_sequential"]
