"""Measure families of cases in both libraries, in turn, and compare.

Each library runs in a process of its own, so that neither's settings reach the other. For every
case the processes take turns, several rounds of them; the ratio of a round is that of its medians,
the ratio of the case that of the medians over all rounds, its spread those of the rounds. The peak
of multiply-adds is measured after each round, with the clock that the programs leave.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import math
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from .shapes import FAMILIES

__all__ = ["Bench", "plot", "summary", "table"]

PEER = "torch"
UNITS = ("GFLOP/s", "GB/s")
ROUNDS = 3
SECONDS = 0.2  # per round, case and library
_PAUSE = 0.05  # for the threads of the one that has just run to stop waiting and sleep
_PEAK_SECONDS = 0.02
_BUSY = "while True: pass"


class Process:
    """A worker, and the way to talk to it.

    Parameters
    ----------
    library : str
    settings : dict
        Environment variables beside those of this process.
    """

    def __init__(self, library, settings):
        here = Path(__file__).resolve().parent
        # minitorch itself is looked for where this file is from; torch's worker must not load it
        paths = [str(here.parent), str(here.parent.parent.parent)]
        code = f"import sys; sys.path[:0] = {paths!r}; from bench.worker import main; "
        self.child = subprocess.Popen(
            [sys.executable, "-c", code + f"main({library!r})"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | settings,
            text=True,
        )

    def ask(self, do, **arguments):
        """Have a method of `worker.Worker` called; return its result.

        Raises
        ------
        RuntimeError
            With the message of the exception there.
        """
        try:
            self.child.stdin.write(json.dumps({"do": do} | arguments) + "\n")
            self.child.stdin.flush()
            line = self.child.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError(f"the process has ended with exit code {self.child.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def close(self):
        """End the process."""
        self.child.stdin.close()
        self.child.stdout.close()
        try:
            self.child.wait(5)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


class Bench:
    """A run over families of cases; a context manager, which ends the processes.

    Parameters
    ----------
    threads : int, optional
        Of both libraries; by default as many as minitorch takes by itself.
    isa : str, optional
        Instruction set, for both libraries as far as PyTorch knows it ("avx2").
    peer : bool
        Measure PyTorch too, if it is installed.
    report : callable
        Called with each line of the table as soon as it is known.

    Attributes
    ----------
    results : dict
        What has been measured, ready for JSON.
    """

    def __init__(self, threads=None, isa=None, peer=True, report=print):
        self.report = report
        settings = {"MINITORCH_ISA": isa} if isa else {}
        if isa == "avx2":
            settings["ATEN_CPU_CAPABILITY"] = "avx2"
            settings["ONEDNN_MAX_CPU_ISA"] = settings["MKL_ENABLE_INSTRUCTIONS"] = "AVX2"
        self.settings, self.threads = settings, threads
        libraries = ["minitorch"]
        if peer and importlib.util.find_spec(PEER) is not None:
            libraries.append(PEER)
        self.processes = {}
        for library in libraries:
            self.processes[library] = self._start(library)
        ours = self.processes["minitorch"]
        self.threads = ours.ask("about")["threads"]
        if PEER in self.processes:
            self.processes[PEER].ask("threads", count=self.threads)
        self.peak = {unit: ours.ask("peak", unit=unit, seconds=0.3) for unit in UNITS}
        self.results = {
            "about": {name: p.ask("about") for name, p in self.processes.items()},
            "peak": self.peak,
            "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
            "families": {},
        }

    def _start(self, library):
        process = Process(library, self.settings)
        if self.threads:
            process.ask("threads", count=self.threads)
        return process

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for process in self.processes.values():
            process.close()

    def heading(self):
        """Return lines that say what is compared, and on what."""
        return _heading(self.results)

    def family(self, name, cases=None, seconds=SECONDS, budget=None):
        """Measure a family.

        Parameters
        ----------
        name : str
            A key of `shapes.FAMILIES`.
        cases : list of str, optional
            Only these.
        seconds : float
            Per round, case and library.
        budget : float, optional
            Seconds for the whole family: rounds are shortened, and cases that are left when time
            is up are left out.

        Returns
        -------
        list of dict
            One per case.
        """
        family = FAMILIES[name]
        cases = list(family.cases if cases is None else cases)
        end = time.monotonic() + (budget or math.inf)
        if budget:
            seconds = min(seconds, 0.6 * budget / (ROUNDS * len(cases) * len(self.processes)))
        self.report(_header(name, family, self.processes))
        rows = self.results["families"][name] = []
        for case in cases:
            if time.monotonic() > end:
                self.report("  the time is up: the others were left out")
                break
            row = self.case(name, case, seconds)
            rows.append(row)
            self.report(_line(row, family.unit))
        if PEER in self.processes:
            self.report(summary(name, rows))
        return rows

    def case(self, family, case, seconds):
        """Measure one case; return its row."""
        row = {"case": case}
        for name, process in self.processes.items():
            try:
                prepared = process.ask("prepare", family=family, case=case)
                row.setdefault("work", prepared["work"])
                row[name] = []
            except RuntimeError as error:
                row.setdefault("errors", {})[name] = str(error)
        if family == "contention" and "minitorch" in row:
            row["alone"] = self._alone(seconds)
        with _busy_process() if family == "contention" else contextlib.nullcontext():
            for _ in range(ROUNDS):
                for name in self.processes:
                    if name in row:
                        time.sleep(_PAUSE)
                        row[name].append(self.processes[name].ask("time", seconds=seconds))
                self._peak(row, FAMILIES[family].unit)
        return _condensed(row)

    def _peak(self, row, unit):
        """Add the peak of this moment: a core that has just computed for long has a lower clock."""
        if unit == "GFLOP/s" and "minitorch" in row:
            now = self.processes["minitorch"].ask("peak", unit=unit, seconds=_PEAK_SECONDS)
            row.setdefault("peak", []).append(now)
        elif unit:
            row["peak"] = [self.peak[unit]]

    def _alone(self, seconds):
        """Return our time with one thread and nobody else."""
        ours = self.processes["minitorch"]
        before = ours.ask("threads", count=1)
        times = ours.ask("time", seconds=seconds)
        ours.ask("threads", count=before)
        return times["median"]

    def memory(self, family="train", case="resnet18 8", seconds=4.0):
        """Measure the peak memory of fresh processes that do nothing but run one case."""
        peaks = {}
        for name in self.processes:
            process = self._start(name)
            try:
                process.ask("threads", count=self.threads)
                process.ask("prepare", family=family, case=case)
                process.ask("time", seconds=seconds)
                peaks[name] = process.ask("about")["peak_memory"]
            finally:
                process.close()
        self.results["peak_memory"] = {"family": family, "case": case, **peaks}
        self.report(_memory_line(self.results["peak_memory"]))
        return peaks


@contextlib.contextmanager
def _busy_process():
    """Keep one CPU busy."""
    child = subprocess.Popen([sys.executable, "-c", _BUSY])
    try:
        time.sleep(0.1)
        yield
    finally:
        child.kill()
        child.wait()


def _condensed(row):
    """Replace the rounds of each library by what they say together, and compare."""
    rounds = {name: row[name] for name in ("minitorch", PEER) if name in row}
    for name, times in rounds.items():
        row[name] = {
            "seconds": statistics.median(t["median"] for t in times),
            "low": min(t["low"] for t in times),
            "high": max(t["high"] for t in times),
            "faults": min(t["faults"] for t in times),
        }
    if len(rounds) == 2:
        ratios = [
            theirs["median"] / ours["median"]
            for ours, theirs in zip(rounds["minitorch"], rounds[PEER], strict=True)
        ]
        row["ratio"] = row[PEER]["seconds"] / row["minitorch"]["seconds"]
        row["spread"] = [min(ratios), max(ratios)]
    if "peak" in row:
        row["peak"] = max(row["peak"])
    return row


# ---- what is printed


def table(results):
    """Return what `Bench` has reported, line by line.

    Parameters
    ----------
    results : dict
        `Bench.results`, or what was written as JSON.

    Yields
    ------
    str
    """
    yield from _heading(results)
    for name, rows in results["families"].items():
        family = FAMILIES[name]
        yield _header(name, family, results["about"])
        for row in rows:
            yield _line(row, family.unit)
        if PEER in results["about"]:
            yield summary(name, rows)
    if "peak_memory" in results:
        yield _memory_line(results["peak_memory"])


def _heading(results):
    for about in results["about"].values():
        isa = f", {about['isa']}" if "isa" in about else ""
        yield f"{about['library']} {about['version']}, {about['threads']} threads{isa}"
    yield (
        f"peak measured: {results['peak']['GFLOP/s']:.0f} GFLOP/s float32 on rested cores, "
        f"{results['peak']['GB/s']:.1f} GB/s; load average {results['load'] or 0:.2f}"
    )


def _memory_line(measured):
    peaks = {name: peak for name, peak in measured.items() if name in ("minitorch", PEER)}
    listed = ", ".join(f"{name} {peak / 1e6:.0f} MB" for name, peak in peaks.items())
    return f"\npeak memory, {measured['family']} {measured['case']}: {listed}"


def _header(name, family, libraries):
    columns = f"  {'':34} {'ours':>9}"
    if PEER in libraries:
        columns += f" {PEER:>9} {'ratio':>6} {'spread':>11}"
    if family.unit:
        columns += f" {family.unit:>8} {'of peak':>7}"
    columns += f" {'faults':>6}"
    if name == "contention":
        columns += f" {'of one thread alone':>20}"
    return f"\n{name}: {family.title}\n{columns}"


def _line(row, unit):
    line = f"  {row['case']:34}"
    if "minitorch" not in row:
        return f"{line} {row['errors']['minitorch']}"
    ours = row["minitorch"]
    line += f" {_time(ours['seconds']):>9}"
    if "ratio" in row:
        low, high = row["spread"]
        line += f" {_time(row[PEER]['seconds']):>9} {row['ratio']:6.2f} {low:5.2f}-{high:5.2f}"
    if unit:
        rate = row["work"] / ours["seconds"] / 1e9
        line += f" {rate:8.1f} {rate / row['peak']:7.0%}"
    line += f" {ours['faults']:6.0f}"
    if "alone" in row:
        line += f" {ours['seconds'] / row['alone']:19.2f}x"
    return line


def _time(seconds):
    for unit, scale in (("s", 1), ("ms", 1e3)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.2f} {unit}"
    return f"{seconds * 1e6:.2f} us"


def summary(name, rows):
    """Return the line that judges a family."""
    ratios = {row["case"]: row["ratio"] for row in rows if "ratio" in row}
    if not ratios:
        return f"  {name}: nothing to compare"
    family = FAMILIES[name]
    mean = statistics.geometric_mean(ratios.values())
    worst = min(ratios, key=ratios.get)
    verdict = "below the bar" if mean < family.bar else "above the bar"
    if mean >= family.aim:
        verdict = "at the aim"
    return (
        f"  {name}: geometric mean {mean:.2f} of {len(ratios)}, {verdict} ({family.bar}, aim "
        f"{family.aim}); least {ratios[worst]:.2f} ({worst})"
    )


def plot(results):
    """Draw the ratios of all families as points on a logarithmic scale.

    Parameters
    ----------
    results : dict
        `Bench.results`, or what was written as JSON.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        There is nothing to compare.
    """
    import matplotlib.pyplot as plt

    families = {}
    for name, rows in results["families"].items():
        ratios = [row["ratio"] for row in rows if "ratio" in row]
        if ratios:
            families[name] = ratios
    if not families:
        raise ValueError("--plot needs a comparison: install torch")
    figure, axes = plt.subplots(figsize=(8, 0.5 * len(families) + 1.2), layout="constrained")
    for y, (name, ratios) in enumerate(reversed(families.items())):
        mean = statistics.geometric_mean(ratios)
        axes.plot(ratios, [y] * len(ratios), "|", color="tab:blue", markersize=10, alpha=0.6)
        axes.plot(mean, y, "D", color="tab:blue")
        axes.plot(FAMILIES[name].bar, y, "s", color="tab:gray", markerfacecolor="none")
    axes.axvline(1, color="tab:gray", linewidth=0.8)
    axes.set_yticks(range(len(families)), list(reversed(families)))
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:g}x")
    axes.set_xlabel("time of PyTorch / time of minitorch (diamond: geometric mean; square: bar)")
    return figure
