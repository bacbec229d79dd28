"""Workers of a loader: processes, or threads, that load batches.

How processes are started: by fork on Linux, else as Python does by default. A forked worker needs
no pickling of the dataset, shares its memory, works in programs without a guard around their main
part, and starts in milliseconds. It is safe after OpenMP, because this library runs serially in a
forked child. With ``multiprocessing_context="forkserver"`` or ``"spawn"`` workers start from a
fresh interpreter: for datasets that use other libraries which do not survive a fork.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import multiprocessing
import os
import pickle
import queue
import random
import signal
import sys
import threading
import time
import traceback
import warnings
import weakref
from multiprocessing import connection
from typing import Any

from ... import kernels
from ...random import default_generator
from .transport import Receiver, Sender

_GRACE = 5.0  # seconds that a worker has to end by itself


@dataclasses.dataclass(frozen=True)
class WorkerInfo:
    """What a worker knows about itself: see `get_worker_info`.

    Attributes
    ----------
    id : int
        Its number, from 0.
    num_workers : int
        How many there are.
    seed : int
        What its random numbers were seeded with.
    dataset : object
        Its copy of the dataset (with threads: the dataset).
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


_local = threading.local()


def get_worker_info():
    """Return what the worker that calls this knows about itself.

    Returns
    -------
    WorkerInfo or None
        With the attributes ``id``, ``num_workers``, ``seed`` and ``dataset``. None outside of the
        workers of a DataLoader.
    """
    return getattr(_local, "info", None)


class KeyErrorMessage(str):
    """Text that a KeyError shows with its line breaks."""

    __slots__ = ()

    def __repr__(self):
        return str(self)


class Failure:
    """An exception on its way from a worker to the program, with its traceback as text."""

    def __init__(self, error, where):
        self.kind = type(error)
        self.text = "".join(traceback.format_exception(error))
        self.where = where
        try:
            pickle.dumps(self.kind)
        except Exception:  # a class made inside of a function, say
            self.kind = RuntimeError

    def reraise(self):
        """Raise an exception of the same type whose message holds the traceback."""
        message = f"Caught {self.kind.__name__} in {self.where}.\nOriginal {self.text}"
        if issubclass(self.kind, StopIteration):  # would end the loop as if all were well
            raise RuntimeError(message)
        if issubclass(self.kind, KeyError):
            message = KeyErrorMessage(message)
        try:
            error = self.kind(message)
        except Exception:  # it wants other arguments
            raise RuntimeError(message) from None
        raise error


# ---- the worker's side


def _serve(setup, worker, seed, get, put, where):
    """Load what is asked for until told to end.

    Messages are ``(epoch, seed or task)``; what is put are ``(epoch, number, kind, value)``.
    """
    _local.info = WorkerInfo(worker, setup.num_workers, seed, setup.dataset)
    failure = fetch = None
    try:
        if setup.worker_init_fn is not None:
            setup.worker_init_fn(worker)
    except Exception as error:
        failure = Failure(error, where)
    while (message := get()) is not None:
        epoch, what = message
        if isinstance(what, int):
            fetch = None
            if failure is None:
                try:
                    fetch = setup.fetcher(what, worker)
                except Exception as error:
                    fetch = Failure(error, where)
            continue
        if isinstance(failure or fetch, Failure):
            put(epoch, what.number, "error", failure or fetch)
            continue
        try:
            put(epoch, what.number, "data", fetch(what))
        except StopIteration as error:
            if setup.iterable:
                put(epoch, what.number, "end", None)
            else:
                put(epoch, what.number, "error", Failure(error, where))
        except Exception as error:
            put(epoch, what.number, "error", Failure(error, where))


def _process(setup, worker, seed, pipe):
    """Be a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C: the program ends the workers
    kernels.set_num_threads(1)
    worker_seed = seed + worker
    random.seed(worker_seed)
    default_generator.manual_seed(worker_seed)
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed([worker_seed & 0xFFFFFFFF, worker_seed >> 32])
    sender = Sender(pipe)
    messages = queue.SimpleQueue()
    newest = [0]

    def read():
        # A thread, so that the program never waits for a worker that is itself waiting to send.
        try:
            while (message := pipe.recv()) is not None:
                epoch, what, freed = message
                newest[0] = epoch
                sender.free.extend(freed)
                messages.put((epoch, what))
        except (EOFError, OSError):  # the program is gone, or has no use for this worker
            pass
        newest[0] = None
        messages.put(None)

    def get():
        while (message := messages.get()) is not None:
            if newest[0] is None:
                return None
            if message[0] == newest[0]:  # not of an epoch that was left
                return message
        return None

    def put(epoch, number, kind, value):
        encoded, file = sender.encode(value)
        sender.send((epoch, number, kind), encoded, file)

    threading.Thread(target=read, daemon=True).start()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # nobody listens any more
        _serve(setup, worker, worker_seed, get, put, f"DataLoader worker process {worker}")


# ---- the loader's side

_OPEN = weakref.WeakSet()  # the ends of pipes to workers that this process holds


def _close_inherited():
    """Close them in a forked child: a worker must see when the program, which owns them, ends."""
    for pipe in list(_OPEN):
        pipe.close()
    _OPEN.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_inherited)


class Processes:
    """Worker processes, each with a pipe of its own: none can block or damage another's.

    Parameters
    ----------
    setup : Setup
    seed : int
        For the generators of the workers.
    context : multiprocessing context
    """

    def __init__(self, setup, seed, context):
        self.owner = os.getpid()
        self.workers, self.receivers = [], []
        try:
            for worker in range(setup.num_workers):
                ours, theirs = context.Pipe()
                _OPEN.add(ours)
                process = context.Process(
                    target=_process, args=(setup, worker, seed, theirs), daemon=True
                )
                self.receivers.append(Receiver(ours))
                with warnings.catch_warnings():  # of threads that a fork would leave: see above
                    warnings.filterwarnings("ignore", ".*multi-threaded.*", DeprecationWarning)
                    process.start()
                theirs.close()
                self.workers.append(process)
        except BaseException:
            self.close()
            raise

    def send(self, worker, epoch, what):
        """Ask a worker for a task, or tell it the seed of an epoch."""
        receiver = self.receivers[worker]
        try:
            receiver.connection.send((epoch, what, receiver.take_freed()))
        except (BrokenPipeError, ConnectionResetError):
            self._died(worker)

    def receive(self, epoch, timeout):
        """Return (worker, number, kind, value) of a result; None after `timeout` seconds.

        Raises
        ------
        RuntimeError
            A worker has ended.
        """
        end = None if timeout is None else time.monotonic() + timeout
        pipes = {r.connection: worker for worker, r in enumerate(self.receivers)}
        while True:
            left = _GRACE if end is None else max(0.0, min(_GRACE, end - time.monotonic()))
            for pipe in connection.wait(list(pipes), left):
                worker = pipes[pipe]
                try:
                    header, message = self.receivers[worker].receive()
                except (EOFError, OSError):
                    self._died(worker)
                if header[0] != epoch:
                    self.receivers[worker].discard(message)
                    continue
                return worker, header[1], header[2], self.receivers[worker].decode(message)
            if end is not None and time.monotonic() >= end:
                return None
            for worker, process in enumerate(self.workers):
                if not process.is_alive() and not self.receivers[worker].connection.poll():
                    self._died(worker)

    def _died(self, worker):
        process = self.workers[worker]
        process.join(_GRACE)
        code = process.exitcode
        if code is not None and code < 0:
            how = f"was killed by signal: {signal.Signals(-code).name}"
        else:
            how = f"exited unexpectedly with exit code {code}"
        raise RuntimeError(f"DataLoader worker {worker} (pid {process.pid}) {how}")

    def close(self):
        """End the workers. Batches that were received stay valid."""
        if os.getpid() != self.owner:  # a forked child's copy of this object
            return
        for receiver in self.receivers:
            with contextlib.suppress(OSError):
                receiver.connection.send(None)
            receiver.close()
        end = time.monotonic() + _GRACE
        for process in self.workers:
            process.join(max(0.0, end - time.monotonic()))
        for process in self.workers:
            if process.is_alive():
                process.terminate()
                process.join(_GRACE)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
        self.workers, self.receivers = [], []


class Threads:
    """Worker threads. Beside Python code a thread loses more to the interpreter's lock than it
    gains; reading files and decoding images releases the lock.

    Parameters
    ----------
    setup : Setup
    seed : int
    """

    def __init__(self, setup, seed, context=None):
        self.results = queue.SimpleQueue()
        self.tasks = [queue.SimpleQueue() for _ in range(setup.num_workers)]
        self.newest = [0]
        for worker, tasks in enumerate(self.tasks):
            arguments = (setup, worker, seed, tasks, self.results, self.newest)
            threading.Thread(target=self._run, args=arguments, daemon=True).start()

    @staticmethod
    def _run(setup, worker, seed, tasks, results, newest):
        def get():
            while (message := tasks.get()) is not None:
                if newest[0] is None:
                    return None
                if message[0] == newest[0]:
                    return message
            return None

        def put(*result):
            results.put((worker, *result))

        _serve(setup, worker, seed + worker, get, put, f"DataLoader worker thread {worker}")

    def send(self, worker, epoch, what):
        """Ask a worker for a task, or tell it the seed of an epoch."""
        self.newest[0] = epoch
        self.tasks[worker].put((epoch, what))

    def receive(self, epoch, timeout):
        """Return (worker, number, kind, value) of a result; None after `timeout` seconds."""
        while True:
            try:
                worker, of, number, kind, value = self.results.get(timeout=timeout)
            except queue.Empty:
                return None
            if of == epoch:
                return worker, number, kind, value

    def close(self):
        """Let the threads end after what they are doing."""
        self.newest[0] = None
        for tasks in self.tasks:
            tasks.put(None)


class Pool:
    """The workers of an iterator: hands out tasks, in turn, and returns their batches in order.

    Parameters
    ----------
    setup : Setup
    seed : int
    context : multiprocessing context or None
        None: threads.
    prefetch_factor : int
        Batches that each worker loads ahead.
    timeout : float
        Seconds to wait for a batch; 0: without end.
    in_order : bool
        False: batches as they come.
    """

    def __init__(self, setup, seed, context, prefetch_factor, timeout, in_order):
        self.size = setup.num_workers
        self.ahead = max(1, prefetch_factor) * self.size
        self.timeout = timeout
        self.in_order = in_order
        self.epoch = 0
        self.team = (Threads if context is None else Processes)(setup, seed, context)
        self.close = weakref.finalize(self, self.team.close)

    def start(self, seed, tasks):
        """Begin an epoch: load ahead what the iterator `tasks` says."""
        self.epoch += 1
        self.tasks = tasks
        self.active = [True] * self.size  # not at the end of an iterable dataset
        self.turn = 0
        self.waiting = collections.OrderedDict()  # by number: the worker
        self.done = {}  # by number: (kind, value), of batches whose turn has not come
        for worker in range(self.size):
            self._send(worker, seed)
        for _ in range(self.ahead):
            self._ask()

    def _ask(self):
        """Give the next task to the next worker that is not at its end."""
        if not any(self.active):
            return
        task = next(self.tasks, None)
        if task is None:
            return
        while not self.active[self.turn]:
            self.turn = (self.turn + 1) % self.size
        worker, self.turn = self.turn, (self.turn + 1) % self.size
        self.waiting[task.number] = worker
        self._send(worker, task)

    def _send(self, worker, what):
        try:
            self.team.send(worker, self.epoch, what)
        except RuntimeError:  # it has ended
            self.close()
            raise

    def next(self):
        """Return the next batch; StopIteration at the end of the epoch.

        Raises
        ------
        RuntimeError
            A worker ended, or did not answer in time. (Other exceptions are the dataset's.)
        """
        while self.waiting or self.done:
            number = self._ready()
            if number is None:
                self._receive()
                continue
            kind, value = self.done.pop(number)
            self._ask()
            if kind == "data":
                return value
            if kind == "error":
                value.reraise()
        raise StopIteration

    def _ready(self):
        """Return the number of a batch whose turn it is and that is here, or None."""
        if not self.done:
            return None
        if not self.in_order:
            return next(iter(self.done))
        first = min(self.done)
        return None if self.waiting and next(iter(self.waiting)) < first else first

    def _receive(self):
        if not self.close.alive:
            raise RuntimeError("DataLoader: the workers of this iterator have ended")
        try:
            result = self.team.receive(self.epoch, self.timeout or None)
        except RuntimeError:  # one has ended
            self.close()
            raise
        if result is None:
            raise RuntimeError(f"DataLoader timed out after {self.timeout} seconds")
        worker, number, kind, value = result
        if kind == "end":
            self.active[worker] = False
        del self.waiting[number]
        self.done[number] = kind, value


def context_of(choice):
    """Return the multiprocessing context that a loader's argument means; None for threads."""
    if choice == "thread":
        return None
    if choice is None:
        chosen = multiprocessing.get_start_method(allow_none=True)
        forks = sys.platform == "linux" and "fork" in multiprocessing.get_all_start_methods()
        return multiprocessing.get_context(chosen or ("fork" if forks else None))
    return multiprocessing.get_context(choice) if isinstance(choice, str) else choice
