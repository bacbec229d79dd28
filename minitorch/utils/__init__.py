"""What is not part of a network: data loading, checkpointing."""

from . import checkpoint, data
