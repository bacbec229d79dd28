"""What is not part of a network: checkpointing."""

from . import checkpoint
