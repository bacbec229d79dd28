"""Where the time of a network goes: layers forward and backward, and the machine's limit."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import time
from dataclasses import dataclass, field

import numpy as np

from .. import kernels, random
from ..autograd.api import backward as run_backward
from ..autograd.engine import AccumulateGrad, count_children
from ..autograd.grad_mode import enable_grad, no_grad
from ..tensor import Tensor
from .bench.peak import measure_peak
from .calls import CallRecorder
from .held import kept_arrays, owner_of
from .inputs import given_inputs, remarks_on, run_model, tensors_in
from .summary import macs
from .text import bytes_text, html_table, shape_text, table, time_text

__all__ = ["LayerProfile", "Profile", "profile"]

_clock = time.perf_counter


@functools.cache
def _peak(dtype, threads):
    return {unit: measure_peak(unit, dtype=dtype) for unit in ("GFLOP/s", "GB/s")}


@dataclass
class LayerProfile:
    """
    One row of a `Profile`.

    Attributes
    ----------
    path, kind : str
        Where the module is in the model, and its class.
    calls : int
        How often it was called.
    forward, backward : float
        Seconds in the operations that it did itself, and in their derivatives.
    macs, backward_macs : int
        Multiply-adds of the direct method, forward and backward.
    activation_bytes, kept_bytes : int
        Of the results it computed, and of what was kept of them and others for its backward pass
        (parameters are not counted, nor what an earlier layer keeps already).
    forward_limit, backward_limit : float
        Seconds that the machine needs at least, by the roofline: the longer of the time for the
        multiply-adds, and of the time to read every input and write every result once; 0 where
        that was not asked for.
    """

    path: str
    kind: str
    calls: int = 0
    forward: float = 0.0
    backward: float = 0.0
    macs: int = 0
    backward_macs: int = 0
    activation_bytes: int = 0
    kept_bytes: int = 0
    forward_limit: float = 0.0
    backward_limit: float = 0.0


@dataclass
class Profile:
    """
    What `profile` found. Printing it shows a table; in a notebook it shows as HTML.

    Attributes
    ----------
    layers : list of LayerProfile
        The modules that compute something themselves, in the order they were first called; what
        ends outside of them, such as the gradient of an input, has the path "".
    forward, backward : float
        Seconds of the whole run, observed: the one with the median of all runs.
    unobserved : float
        Seconds of a run, forward and backward, that nobody watches.
    macs : int
        Multiply-adds of the forward pass.
    peak : dict
        Measured: ``"GFLOP/s"`` of multiply-adds, ``"GB/s"`` of memory. Empty if not asked for.
    events : list of dict
        Every operation: ``name``, ``path``, ``phase``, ``start`` and ``seconds``, ``shape`` of
        its result, ``macs``.
    reads : list of str
        The lines of the program that looked at values.
    """

    layers: list
    forward: float
    backward: float
    unobserved: float
    macs: int
    peak: dict
    events: list = field(repr=False)
    reads: list = field(default_factory=list)

    def to_dict(self):
        """Return everything but the events as plain values."""
        found = {name: value for name, value in vars(self).items() if name != "events"}
        return found | {"layers": [vars(layer) for layer in self.layers]}

    def _table(self):
        head = ["layer", "kind", "calls", "forward", "backward", "share", "MACs", "memory", "kept"]
        total = max(self.forward + self.backward, 1e-12)
        rows = []
        for layer in self.layers:
            row = [
                layer.path or "(the model)", layer.kind, f"{layer.calls}",
                time_text(layer.forward), time_text(layer.backward),
                f"{(layer.forward + layer.backward) / total:.1%}", f"{layer.macs:,}",
                bytes_text(layer.activation_bytes), bytes_text(layer.kept_bytes),
            ]  # fmt: skip
            if self.peak:
                row += [_percent(layer.forward_limit, layer.forward)]
                row += [_percent(layer.backward_limit, layer.backward)]
            rows.append(row)
        return head + (["of roofline", "backward"] if self.peak else []), rows

    def _remarks(self):
        both = self.forward + self.backward
        yield f"forward         {time_text(self.forward)}"
        if self.backward:
            yield f"backward        {time_text(self.backward)}"
        yield f"unobserved      {time_text(self.unobserved)} instead of {time_text(both)}"
        work = 2 * sum(layer.macs + layer.backward_macs for layer in self.layers)
        yield f"multiply-adds   {self.macs:,} forward; {work / both / 1e9:.1f} GFLOP/s"
        kept = sum(layer.kept_bytes for layer in self.layers)
        yield f"memory          {bytes_text(kept)} kept for the backward pass"
        if self.peak:
            limit = sum(layer.forward_limit + layer.backward_limit for layer in self.layers)
            yield (
                f"limit           {limit / both:.0%} of the roofline of this machine: "
                f"{self.peak['GFLOP/s']:.0f} GFLOP/s, {self.peak['GB/s']:.1f} GB/s"
            )
        yield from remarks_on(self.reads)

    def __str__(self):
        return "\n".join([*table(*self._table(), left=2), *self._remarks()])

    def _repr_html_(self):
        return html_table(*self._table(), self._remarks(), "profile")

    def save(self, path):
        """
        Write a trace that chrome://tracing and https://ui.perfetto.dev open.

        Parameters
        ----------
        path : str or os.PathLike
            Where to; should end in ``.json``.
        """
        name = {"name": "process_name", "ph": "M", "pid": 1, "args": {"name": "minitorch"}}
        with open(os.fspath(path), "w", encoding="utf-8") as file:
            json.dump({"displayTimeUnit": "ms", "traceEvents": [name, *_spans(self.events)]}, file)


def profile(model, x, *, backward=True, runs=5, roofline=True):
    """
    Run a model, and tell where the time goes.

    Parameters
    ----------
    model : Module
        In the mode it is in. Buffers, gradients and the state of the random generator are
        afterwards what they were.
    x : Tensor, sequence of arguments, shape, or sequence of shapes
        Its inputs, or their shapes with batch dimension: ``(32, 3, 224, 224)``.
    backward : bool
        Also run backward, from ones as gradients of all results, to the parameters.
    runs : int
        Of so many observed runs that with the median of the total time is shown.
    roofline : bool
        Measure (once per process, 0.6 s) what the machine can do, and compare.

    Returns
    -------
    Profile
        Prints as a table; `Profile.save` writes a trace for Chrome and Perfetto.

    Raises
    ------
    TypeError
        `x` is neither, or the model failed on it; the message says how to give inputs.

    Notes
    -----
    The time of an operation is that since the one before, Python's included, without that of
    observing. The limit is the roofline (Williams, Waterman and Patterson 2009): the time for the
    multiply-adds at the rate of registers, or that for reading inputs and writing results at the
    rate of memory. More than 100 % are possible: Winograd's convolution multiplies less than the
    direct method that is counted, and small arrays come from caches, not memory.
    """
    inputs = given_inputs("profile", model, x, random=True)
    inputs = [x.detach() if isinstance(x, Tensor) and not x.is_leaf else x for x in inputs]
    observed, alone = [], []
    with _restored(model, inputs), enable_grad() if backward else no_grad():
        run_model("profile", model, inputs)  # buffers settle
        for _ in range(max(1, runs)):
            alone.append(_Run(model, inputs, backward).unobserved())
            run = _Run(model, inputs, backward)
            run.observed()
            observed.append(run)
    observed.sort(key=lambda run: run.forward + run.backward)
    run = observed[(len(observed) - 1) // 2]
    peak = {}
    if roofline:
        first = next((p for p in model.parameters()), None)
        dtype = "float64" if first is not None and first._array.dtype == np.float64 else "float32"
        peak = _peak(dtype, kernels.get_num_threads())
    rows = run.rows(peak)
    return Profile(
        rows, run.forward, run.backward, float(np.median(alone)), sum(row.macs for row in rows),
        dict(peak), run.events, list(run.recorder.reads),
    )  # fmt: skip


@contextlib.contextmanager
def _restored(model, inputs):
    """Put gradients, buffers and random numbers back to what they were."""
    leaves = [*model.parameters(), *(x for x in inputs if isinstance(x, Tensor))]
    grads = [leaf._grad for leaf in leaves]
    buffers = [(buffer, buffer._array.copy()) for buffer in model.buffers()]
    try:
        with random.fork_rng():
            yield
    finally:
        for buffer, array in buffers:
            buffer._array[...] = array
        for leaf, gradient in zip(leaves, grads, strict=True):
            leaf._grad = gradient


class _Run:
    """One run of a model, forward and backward."""

    def __init__(self, model, inputs, backward):
        self.model, self.inputs, self.needs_backward = model, inputs, backward
        for leaf in [*model.parameters(), *inputs]:
            if isinstance(leaf, Tensor):
                leaf._grad = None
        self.modules = dict(model.named_modules())
        self.events, self.own, self.works = [], {}, {}  # works: of a node, (path, macs, bytes)
        self.last = ""  # path of the latest operation
        self.recorder = CallRecorder(self._step)
        self.forward = self.backward = 0.0

    def unobserved(self):
        """Return the seconds of a run."""
        begin = _clock()
        roots = self._roots(self.model(*self.inputs))
        if roots:
            run_backward(roots, [_ones(y) for y in roots])
        return _clock() - begin

    def _roots(self, outputs):
        return [y for y in tensors_in(outputs) if y.requires_grad] if self.needs_backward else []

    def observed(self):
        """Run, and note what every operation and every node takes."""
        self.own = {id(p): path for path, m in self.modules.items() for p in m._parameters.values()}
        begin = self.clock = _clock()
        self.begin = begin
        with self.recorder:
            outputs = self.model(*self.inputs)
        self.forward = _clock() - begin
        roots = self._roots(outputs)
        if not roots:
            return
        ones = [_ones(y) for y in roots]
        nodes = list(count_children([y.grad_fn for y in roots if y.grad_fn is not None]))
        self.kept = _kept(nodes)
        handles, starts = [], []
        for node in nodes:
            # Before a node only: a hook after it would hold its gradients.
            handles.append(node.register_prehook(functools.partial(_note, starts, node)))
        try:
            begin = _clock()
            run_backward(roots, ones)
            end = _clock()
        finally:
            for handle in handles:
                handle.remove()
        self.backward = end - begin
        ends = [start for start, _ in starts[1:]] + [end]
        for (start, node), stop in zip(starts, ends, strict=True):
            self._backward_step(node, start, stop - start)
        self.works = self.kept = None

    def _step(self, step):
        now = _clock()
        for x in step.inputs:  # a user's Function is the node of what its operations made
            node = x.grad_fn if isinstance(x, Tensor) else None
            if node is not None and node not in self.works:
                self.works[node] = (self.last, 0, 0, ())
        self.last = step.module
        work, output = macs(step), step.outputs[0]
        moved = 0 if step.op.is_view else _bytes(*step.inputs, *step.outputs)
        computed = 0 if step.op.is_view or step.in_place else _bytes(*step.outputs)
        if output.grad_fn is not None:
            node, sizes = output.grad_fn, [_bytes(x) for x in step.inputs]
            self.works[node] = (step.module, work, _bytes(output), sizes, step.op.is_view)
        self._event(
            step.name, step.module, "forward", self.clock, now - self.clock, output.shape, work,
            moved, computed,
        )  # fmt: skip
        self.clock = _clock()

    def _backward_step(self, node, start, seconds):
        if isinstance(node, AccumulateGrad):
            path = self.own.get(id(node.variable), "")
            moved, work, shape = 2 * node.variable._array.nbytes, 0, node.variable.shape
        else:
            path, work, output, sizes, *view = self.works.get(node, ("", 0, 0, ()))
            wanted = [s for s, need in zip(sizes, node.needs, strict=False) if need]
            work *= sum(node.needs[:2])
            passed_on = any(view) or node.name() == "AddBackward0"
            moved = 0 if passed_on else output + sum(wanted) + self.kept.get(node, (0, 0))[0]
            shape = ()
        name = node.name().removesuffix("Backward0") + ("" if not node.parents else " backward")
        self._event(name, path, "backward", start, seconds, shape, work, moved, 0)
        self.events[-1]["kept"] = self.kept.get(node, (0, 0))[1]

    def _event(self, name, path, phase, start, seconds, shape, work, moved, computed):
        self.events.append({
            "name": name, "path": path, "phase": phase, "start": start - self.begin,
            "seconds": seconds, "shape": tuple(shape), "macs": work, "moved": moved,
            "computed": computed, "kept": 0,
        })  # fmt: skip

    def rows(self, peak):
        """Return the rows of the table."""
        rows = {}
        for event in self.events:
            path, phase = event["path"], event["phase"]
            module = self.modules.get(path)
            kind = path if module is None else type(module).__name__
            row = rows.setdefault(path, LayerProfile(path, kind, self.recorder.calls.get(path, 0)))
            limit = 0.0
            if peak:
                work = 2 * event["macs"] / peak["GFLOP/s"]
                limit = max(work, event["moved"] / peak["GB/s"]) / 1e9
            setattr(row, phase, getattr(row, phase) + event["seconds"])
            name = f"{phase}_limit"
            setattr(row, name, getattr(row, name) + limit)
            name = "macs" if phase == "forward" else "backward_macs"
            setattr(row, name, getattr(row, name) + event["macs"])
            row.activation_bytes += event["computed"]
            row.kept_bytes += event["kept"]
        return list(rows.values())


def _note(starts, node, gradients):
    starts.append((_clock(), node))


def _kept(nodes):
    """Return per node what it reads of what was kept, and what of that no other node keeps yet."""
    own = {id(owner_of(n.variable._array)) for n in nodes if isinstance(n, AccumulateGrad)}
    seen, found = set(own), {}
    for node in reversed(nodes):
        arrays = list(kept_arrays(node))
        new = {id(owner_of(a)): owner_of(a).nbytes for a in arrays if id(owner_of(a)) not in seen}
        seen |= set(new)
        found[node] = sum(a.nbytes for a in arrays), sum(new.values())
    return found


def _ones(y):
    return Tensor._wrap(np.ones_like(y._array))


def _bytes(*values):
    return sum(value._array.nbytes for value in values if isinstance(value, Tensor))


def _percent(limit, seconds):
    return f"{limit / seconds:.0%}" if limit and seconds else "-"


def _spans(events):
    """Yield the events of a trace: operations, inside of the modules and passes they belong to."""
    open_spans, end = [], 0.0

    def span(name, category, start, seconds, arguments):
        return {
            "name": name, "cat": category, "ph": "X", "pid": 1, "tid": 1, "args": arguments,
            "ts": round(start * 1e6, 3), "dur": round(seconds * 1e6, 3),
        }  # fmt: skip

    for event in [*events, None]:
        parts = [] if event is None else [event["phase"], *filter(None, event["path"].split("."))]
        shared = 0
        while shared < min(len(parts), len(open_spans)) and open_spans[shared][0] == parts[shared]:
            shared += 1
        while len(open_spans) > shared:
            path = ".".join(name for name, _ in open_spans[1:])
            name, start = open_spans.pop()
            yield span(name, "module", start, end - start, {"path": path})
        if event is not None:
            start, end = event["start"], event["start"] + event["seconds"]
            open_spans += [(name, start) for name in parts[shared:]]
            about = {"output": shape_text(event["shape"]), "multiply-adds": event["macs"]}
            yield span(event["name"], event["phase"], start, event["seconds"], about)
