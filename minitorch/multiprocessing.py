"""``torch.multiprocessing``: Python's multiprocessing, and `spawn`."""

from __future__ import annotations

import multiprocessing as _multiprocessing

__all__ = [
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "set_sharing_strategy",
    "spawn",
    "start_processes",
]


def __getattr__(name):
    return getattr(_multiprocessing, name)


_strategies = {"file_descriptor", "file_system"}
_strategy = "file_descriptor"


def get_all_sharing_strategies() -> set:
    """Return the names that `set_sharing_strategy` accepts."""
    return set(_strategies)


def get_sharing_strategy() -> str:
    """Return the name that was set last; ``'file_descriptor'`` at first."""
    return _strategy


def set_sharing_strategy(new_strategy: str) -> None:
    """Set how tensors are shared: a name that is kept, since tensors are sent as copies.

    Parameters
    ----------
    new_strategy : str

    Raises
    ------
    AssertionError
        If there is no strategy of that name, as in PyTorch.
    """
    global _strategy
    if new_strategy not in _strategies:
        raise AssertionError(f"set_sharing_strategy: expected one of {sorted(_strategies)}")
    _strategy = new_strategy


def spawn(fn, args=(), nprocs: int = 1, join: bool = True, daemon: bool = False, start_method=None):
    """Run ``fn(i, *args)`` for `i` from 0 below `nprocs`, each in a process of its own.

    One process is this one: nothing is started for ``nprocs=1``.

    Parameters
    ----------
    fn : callable
        Defined at the top of a module.
    args : tuple
        Its further arguments.
    nprocs : int, default 1
        Number of processes; below 1 counts as 1, as on a machine without CUDA devices.
    join : bool, default True
        Wait for all.
    daemon : bool, default False
        End the processes when this one ends.
    start_method : str, optional
        ``'spawn'`` unless given.

    Returns
    -------
    list of Process, or None
        With ``join=False`` the processes.

    Raises
    ------
    RuntimeError
        If a process fails.
    """
    if nprocs <= 1:
        fn(0, *args)
        return None
    context = _multiprocessing.get_context(start_method or "spawn")
    processes = [
        context.Process(target=fn, args=(rank, *args), daemon=daemon) for rank in range(nprocs)
    ]
    for process in processes:
        process.start()
    if not join:
        return processes
    for rank, process in enumerate(processes):
        process.join()
        if process.exitcode:
            raise RuntimeError(f"spawn: process {rank} ended with exit code {process.exitcode}")
    return None


def start_processes(
    fn, args=(), nprocs: int = 1, join: bool = True, daemon: bool = False, start_method="spawn"
):
    """Run a function in several processes; see `spawn`."""
    return spawn(fn, args, nprocs, join, daemon, start_method)
