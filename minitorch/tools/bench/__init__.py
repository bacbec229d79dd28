"""Measurements of layers and whole networks, beside PyTorch when it is installed.

`shapes` lists what is measured, `programs` makes programs of it for either library, `worker` runs
them in a process of its own, and `run` takes the processes in turn and compares.

Nothing is imported here: the worker of one library must not load the other.
"""
