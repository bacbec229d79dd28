"""The process that runs the programs of one library: commands in, answers out, a line of JSON each.

``prepare`` makes a program and warms it up, ``time`` runs it for a while, ``peak`` tells what the
machine can do, ``about`` what the library is, ``threads`` sets how many it uses.
"""

from __future__ import annotations

import importlib
import json
import os
import statistics
import sys
import time

from .programs import build

__all__ = ["main"]

clock = time.perf_counter

_SAMPLE = 100e-6  # seconds a sample takes at least, so that reading the clock is nothing


class Worker:
    """What one process knows.

    Parameters
    ----------
    name : str
        "minitorch" or "torch".
    """

    def __init__(self, name):
        self.name = name
        self.lib = importlib.import_module(name)
        self.program = None
        self.calls = 1  # per sample

    def about(self):
        """Return version, threads and peak memory."""
        about = {
            "library": self.name,
            "version": self.lib.__version__,
            "threads": self.lib.get_num_threads(),
            "peak_memory": _peak_memory(),
        }
        if self.name == "minitorch":
            about["isa"] = importlib.import_module("minitorch.kernels").info()["isa"]
        return about

    def threads(self, count):
        """Set the number of threads; return the one before."""
        before = self.lib.get_num_threads()
        self.lib.set_num_threads(count)
        return before

    def prepare(self, family, case):
        """Make a program and run it until it is warm; return its work and time of a call."""
        self.program = None
        self.lib.manual_seed(0)
        program = build(self.lib, family, case)
        for _ in range(3):  # buffers settle in the first runs
            start = clock()
            program.run()
            once = clock() - start
        if once < _SAMPLE:
            self.calls = max(1, int(_SAMPLE / max(once, 1e-7)))
            for _ in range(self.calls):
                program.run()
        else:
            self.calls = 1
        self.program = program
        return {"work": program.work / program.repeats, "seconds": once}

    def time(self, seconds):
        """Run for so long, at least twice; return times of a call and page faults of a call."""
        run, calls, samples = self.program.run, self.calls, []
        faults, end = _faults(), clock() + seconds
        while len(samples) < 2 or clock() < end:
            start = clock()
            for _ in range(calls):
                run()
            samples.append((clock() - start) / calls / self.program.repeats)
        faults = (_faults() - faults) / len(samples) / calls
        quarters = statistics.quantiles(samples, n=4)
        return {"low": quarters[0], "median": quarters[1], "high": quarters[2], "faults": faults}

    def peak(self, unit, seconds):
        """Return GFLOP/s of multiply-adds on registers, or GB/s of scaling a large array."""
        from .peak import measure_peak  # torch's process does not load minitorch

        return measure_peak(unit, seconds)


def _faults():
    """Return how many minor page faults this process has had."""
    try:
        import resource
    except ImportError:  # not on this system
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def _peak_memory():
    """Return the most memory in bytes that was resident at a time; 0 where that cannot be told."""
    try:
        with open("/proc/self/status") as status:
            for line in status:
                if line.startswith("VmHWM"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def main(name):
    """Answer commands until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed must not be taken for an answer
    worker = None
    for line in sys.stdin:
        command = json.loads(line)
        try:
            if worker is None:
                worker = Worker(name)
            result = {"result": getattr(worker, command.pop("do"))(**command)}
        except Exception as error:
            result = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), file=answers, flush=True)
