"""What is not part of a network: checkpointing, data loading."""
