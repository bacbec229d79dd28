"""The names of ``torch.profiler``: the time of every operation of a piece of a program.

For networks, `minitorch.tools.profile` says more: layers, forward and backward, memory, limits.
"""

from __future__ import annotations

import enum
import functools
import json
import os
import time

from .autograd.trace import Recorder

__all__ = [
    "ProfilerAction",
    "ProfilerActivity",
    "profile",
    "record_function",
    "schedule",
    "tensorboard_trace_handler",
]

_clock = time.perf_counter
_profiles = []  # those that are on, for `record_function`


class ProfilerActivity(enum.Enum):
    """What is recorded: there is only the CPU."""

    CPU, CUDA, XPU = range(3)


class ProfilerAction(enum.Enum):
    """What a profiler does in a step."""

    NONE, WARMUP, RECORD, RECORD_AND_SAVE = range(4)


def schedule(*, wait, warmup, active, repeat=0, skip_first=0, **options):
    """Return a function from the number of a step to what is done in it.

    Parameters
    ----------
    wait, warmup, active : int
        Steps to leave out, to run without keeping, and to record, again and again.
    repeat : int, default 0
        How often; 0: for ever.
    skip_first : int, default 0
        Steps to leave out before.
    **options
        Accepted.
    """

    def action(step):
        step -= skip_first
        period = wait + warmup + active
        if step < 0 or (repeat and step // period >= repeat) or step % period < wait:
            return ProfilerAction.NONE
        if step % period < wait + warmup:
            return ProfilerAction.WARMUP
        last = step % period == period - 1
        return ProfilerAction.RECORD_AND_SAVE if last else ProfilerAction.RECORD

    return action


def tensorboard_trace_handler(dir_name, worker_name=None, use_gzip=False):
    """Return an ``on_trace_ready`` that writes each trace to a file of its own in a folder.

    Parameters
    ----------
    dir_name : path
    worker_name : str, optional
        Start of the file names.
    use_gzip : bool
        Compress.
    """

    def handler(prof):
        os.makedirs(dir_name, exist_ok=True)
        name = f"{worker_name or 'minitorch'}.{time.time_ns()}.pt.trace.json"
        prof.export_chrome_trace(os.path.join(dir_name, name))

    return handler


class _Averages(list):
    """Rows (key, count, cpu_time_total), of which `table` is the text; times in microseconds."""

    def table(self, sort_by=None, row_limit=100, **options) -> str:
        """Return a table of the rows, those with most time first."""
        total = self.total_average().cpu_time_total or 1
        heads = f"{'CPU total %':>11} {'CPU total':>12} {'CPU time avg':>12} {'# of Calls':>10}"
        lines = [f"{'Name':40} {heads}"]
        by_count = sort_by == "count"
        rows = sorted(self, key=lambda r: r.count if by_count else r.cpu_time_total, reverse=True)
        for row in rows[: row_limit if row_limit > 0 else None]:
            share = 100 * row.cpu_time_total / total
            average = row.cpu_time_total / row.count
            lines.append(
                f"{row.key:40.40} {share:10.2f}% {row.cpu_time_total:10.1f}us {average:10.1f}us "
                f"{row.count:10}"
            )
        return "\n".join([*lines, f"CPU time total: {total:.1f}us"])

    __str__ = table

    def total_average(self):
        """Return one row: the sum of all operations."""
        rows = [row for row in self if not row.is_user_annotation]
        return _Average("Total", sum(r.count for r in rows), sum(r.cpu_time_total for r in rows))


class _Average:
    def __init__(self, key, count, cpu_time_total, is_user_annotation=False):
        self.key, self.count, self.cpu_time_total = key, count, cpu_time_total
        self.self_cpu_time_total = cpu_time_total
        self.is_user_annotation = is_user_annotation
        self.cpu_time = cpu_time_total / max(count, 1)


class profile:
    """Context manager that times the operations run inside it.

    What passes between two operations counts for the second. Operations of backward passes are
    timed where ``create_graph=True``; `minitorch.tools.profile` times others too.

    Parameters
    ----------
    activities, record_shapes, profile_memory, with_stack, with_flops, with_modules : optional
        Accepted for compatibility.
    schedule : callable, optional
        From the number of a step to a `ProfilerAction`; see `schedule`. Default: record all.
    on_trace_ready : callable, optional
        Called with the profiler at the end of every recording.

    Examples
    --------
    >>> with profile() as prof:
    ...     model(x)
    >>> print(prof.key_averages().table(row_limit=10))
    """

    def __init__(self, activities=None, *, schedule=None, on_trace_ready=None, **options):
        self._schedule = schedule or (lambda step: ProfilerAction.RECORD)
        self._ready = on_trace_ready
        self.step_num = 0
        self._events, self._named, self._recorder = [], set(), None

    def _note(self, step):
        now = _clock()
        self._events.append((step.name, self._last, now - self._last))
        self._last = _clock()

    def _record(self, on):
        if on and self._recorder is None:
            self._events, self._last = [], _clock()
            self._recorder = Recorder(self._note).__enter__()
        elif not on and self._recorder is not None:
            self._recorder.__exit__()
            self._recorder = None

    @property
    def _action(self):
        return self._schedule(self.step_num)

    def start(self) -> None:
        """Begin to record."""
        _profiles.append(self)
        self._record(self._action.value >= 2)

    def step(self) -> None:
        """Say that a step of the program has ended."""
        if self._action is ProfilerAction.RECORD_AND_SAVE:
            self._finish()
        self.step_num += 1
        self._record(self._action.value >= 2)

    def stop(self) -> None:
        """End recording."""
        _profiles.remove(self)
        if self._recorder is not None:
            self._finish()

    def _finish(self):
        self._record(False)
        if self._ready is not None:
            self._ready(self)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.stop()

    def events(self) -> list:
        """Return (name, beginning, seconds) of what was recorded."""
        return list(self._events)

    def key_averages(self, group_by_input_shape=False, group_by_stack_n=0):
        """Return a row per name, with its ``table``.

        Parameters
        ----------
        group_by_input_shape, group_by_stack_n : optional
            Not used.
        """
        sums = {}
        for name, _, seconds in self._events:
            count, total = sums.get(name, (0, 0.0))
            sums[name] = count + 1, total + seconds * 1e6
        return _Averages([_Average(n, *both, n in self._named) for n, both in sums.items()])

    def total_average(self):
        """Return one row: the sum of all."""
        return self.key_averages().total_average()

    def table(self, **options) -> str:
        """Return the table of `key_averages`.

        Parameters
        ----------
        **options
            Of its ``table``.
        """
        return self.key_averages().table(**options)

    def export_chrome_trace(self, path) -> None:
        """Write what was recorded as JSON for Perfetto or chrome://tracing.

        Parameters
        ----------
        path : path
        """
        begin = min((start for _, start, _ in self._events), default=0.0)
        events = [
            {"name": n, "ph": "X", "ts": (t - begin) * 1e6, "dur": d * 1e6, "pid": 0, "tid": 0}
            for n, t, d in self._events
        ]
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": events}, file)


class record_function:
    """Context manager and decorator that gives a name to a piece of a program in profiles.

    Parameters
    ----------
    name : str
    args : str, optional
        Not used.
    """

    def __init__(self, name: str, args=None):
        self.name = name

    def __enter__(self):
        self._begin = _clock()
        return self

    def __exit__(self, *exc):
        for prof in _profiles:
            if prof._recorder is not None:
                prof._named.add(self.name)
                prof._events.append((self.name, self._begin, _clock() - self._begin))

    def __call__(self, function):
        @functools.wraps(function)
        def inside(*args, **kwargs):
            with record_function(self.name):
                return function(*args, **kwargs)

        return inside
