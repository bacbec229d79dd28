"""The layers of a network as boxes of a drawing."""

from __future__ import annotations

from ..autograd.grad_mode import no_grad
from ..tensor import Tensor
from .calls import CallRecorder
from .held import owner_of
from .inputs import evaluation, given_inputs, remarks_on, run_model, tensors_in
from .layout import Box
from .text import shape_text

_KINDS = ("conv", "linear", "norm", "activation", "pool")


def network_boxes(model, x, depth=None):
    """
    Run a model, and return a box for each layer and operation.

    Parameters
    ----------
    model : Module
        Run in evaluation mode and without gradients.
    x : Tensor, sequence of arguments, shape, or sequence of shapes
        Its inputs.
    depth : int, optional
        Modules that are deeper inside of others are part of the boxes of those.

    Returns
    -------
    tuple
        The boxes, by key, and remarks.
    """
    inputs = given_inputs("draw", model, x)
    network = _Network(model, depth)
    for number, value in enumerate(inputs):
        if isinstance(value, Tensor):
            title = "input" if len(inputs) == 1 else f"input {number}"
            network.add(("input", number), Box(title, shape_text(value.shape), "end"), value)
    with evaluation("draw", model), no_grad(), network.recorder:
        outputs = run_model("draw", model, inputs)
    remarks = list(network.finish(outputs))
    return network.used(), [*remarks, *remarks_on(network.recorder.reads)]


class _Network:
    """Collects boxes from a recording."""

    def __init__(self, model, depth):
        self.modules, self.depth = dict(model.named_modules()), depth
        self.recorder = CallRecorder(self.step)
        self.boxes, self.made, self.memory, self.alive, self.parts = {}, {}, {}, [], {}

    def add(self, key, box, *results):
        """Take note of who made a tensor, and of what is in its memory (for ``detach``)."""
        self.boxes[key] = box
        for tensor in results:
            self.made[id(tensor)] = self.memory[id(owner_of(tensor._array))] = key
        self.alive += results

    def maker(self, tensor):
        return self.made.get(id(tensor)) or self.memory.get(id(owner_of(tensor._array)))

    def step(self, step):
        path, module = self._shown(step.module)
        makers = [self.maker(x) for x in step.inputs if isinstance(x, Tensor)]
        makers = dict.fromkeys(maker for maker in makers if maker is not None)
        if module is None:
            key = ("operation", len(self.boxes))
            stem = step.op.__module__.rpartition(".")[2].replace("matmul", "linear")
            kind = stem if stem in _KINDS else "node"
            box = Box(step.name, shape_text(step.outputs[0].shape), kind)
        else:
            call = (path, self.recorder.calls.get(path, 0))
            key = self.parts.get(call, call)
            if key in self.boxes and any(
                self.leads(key, maker) for maker in makers if maker != key
            ):
                key = self.parts[call] = (
                    *call,
                    len(self.boxes),
                )  # what it left, it comes back from
            box = self.boxes.get(key) or Box(path, "", _kind(module))
            shape = shape_text(step.outputs[0].shape)
            box.text = f"{_about(module)}  →  {shape}"
        self.add(key, box, *step.outputs)
        for maker in makers:
            if maker != key:
                self.link(maker, key)

    def leads(self, key, other):
        """Tell whether one box leads to another."""
        stack, seen = [key], {key}
        while stack:
            for below in self.boxes[stack.pop()].below:
                if below == other:
                    return True
                if below not in seen:
                    seen.add(below)
                    stack.append(below)
        return False

    def link(self, maker, key):
        if key not in self.boxes[maker].below:
            self.boxes[maker].below.append(key)

    def _shown(self, path):
        """Return path and module of the box that an operation belongs to; None: its own."""
        parts = path.split(".") if path else []
        if self.depth is not None and len(parts) >= self.depth:
            path = ".".join(parts[: self.depth])
            return path, self.modules.get(path)
        module = self.modules.get(path)
        inner = path == "" or module is None or any(True for _ in module.children())
        return path, None if inner else module

    def finish(self, outputs):
        """Add boxes for the results; yield remarks."""
        found = list(tensors_in(outputs))
        for number, tensor in enumerate(found):
            title = "output" if len(found) == 1 else f"output {number}"
            maker = self.maker(tensor)
            self.add(("output", number), Box(title, shape_text(tensor.shape), "end"), tensor)
            if maker is not None:
                self.link(maker, ("output", number))
            else:
                yield f"{title} comes from no operation that is recorded: from numpy?"

    def used(self):
        """Return the boxes that lead to a result."""
        above = {key: [] for key in self.boxes}
        for key, box in self.boxes.items():
            for other in box.below:
                above[other].append(key)
        stack = [key for key in self.boxes if key[0] in ("input", "output")]
        kept = set(stack)
        while stack:
            for other in above[stack.pop()]:
                if other not in kept:
                    kept.add(other)
                    stack.append(other)
        for box in self.boxes.values():
            box.below = [key for key in box.below if key in kept]
        return {key: box for key, box in self.boxes.items() if key in kept}


def _kind(module):
    if any(True for _ in module.children()):
        return "block"
    stem = type(module).__module__.rpartition(".")[2]
    return stem if stem in _KINDS else "node"


def _about(module):
    """Say what a module is, in few words: Conv2d 3x3 /2."""
    words = [type(module).__name__]
    kernel, stride = (getattr(module, name, None) for name in ("kernel_size", "stride"))
    for mark, value in (("", kernel), ("/", stride)):
        values = value if isinstance(value, tuple) else (value,)
        if all(isinstance(n, int) for n in values) and (mark == "" or max(values) > 1):
            text = "x".join(map(str, values if len(set(values)) > 1 or not mark else values[:1]))
            words.append(mark + (f"{text}x{text}" if mark == "" and len(values) == 1 else text))
    return " ".join(words)
