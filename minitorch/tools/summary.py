"""What a network consists of: shapes, parameters, work, memory and receptive field per layer."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ..autograd.grad_mode import no_grad
from ..autograd.trace import Recorder
from ..nn import Module
from ..tensor import Tensor
from .inputs import evaluation, given_inputs, remarks_on, run_model
from .receptive import Fields
from .text import bytes_text, html_table, shape_text, table

__all__ = ["LayerSummary", "Summary", "summary"]


@dataclass
class LayerSummary:
    """
    One row of a `Summary`.

    Attributes
    ----------
    path, kind : str
        Where the module is in the model, and its class.
    output_shape : tuple of int
        Of what it returned, the first tensor.
    parameters : int
        Its own; those of a module that occurs twice are counted where it occurs first.
    macs : int
        Multiplications with following addition in its convolutions and matrix products.
    activation_bytes : int
        Of the results it computed (views take none).
    field, jump, start : tuple or None
        Per spatial dimension, in pixels of the input: size of the region that an output can depend
        on, distance of the regions of neighbouring outputs, and begin of the first region
        (negative: in the padding). None where it is not a region.
    lost : tuple
        Per spatial dimension, the rows and columns at the end of its input that no window reaches.
    kept : float or None
        Number of elements per image behind it over that before it, where it makes images smaller.
    """

    path: str
    kind: str
    output_shape: tuple = ()
    parameters: int = 0
    macs: int = 0
    activation_bytes: int = 0
    field: tuple | None = None
    jump: tuple | None = None
    start: tuple | None = None
    lost: tuple = ()
    kept: float | None = None

    @property
    def size(self):
        """The size of the receptive field; see `field`."""
        return self.field


@dataclass
class Summary:
    """
    What `summary` found. Printing it shows a table; in a notebook it shows as HTML.

    Attributes
    ----------
    layers : list of LayerSummary
        The modules that compute something themselves, in the order they were called.
    input_shapes : list of tuple
        Of the inputs the model was run on.
    parameters, trainable, buffers : int
        Numbers of elements, each tensor counted once.
    parameter_bytes : int
        Of all parameters.
    reads : list of str
        The lines of the program that looked at values, on which the way through the model may
        depend: what is shown is one of several ways then.
    """

    layers: list
    input_shapes: list
    parameters: int
    trainable: int
    buffers: int
    parameter_bytes: int
    reads: list = field(default_factory=list)

    @property
    def macs(self):
        """Multiply-adds of one run."""
        return sum(layer.macs for layer in self.layers)

    @property
    def activation_bytes(self):
        """Memory of all results of one run."""
        return sum(layer.activation_bytes for layer in self.layers)

    def to_dict(self):
        """Return everything as plain values."""
        return {
            "layers": [vars(layer) for layer in self.layers],
            "input_shapes": self.input_shapes,
            "parameters": self.parameters,
            "trainable": self.trainable,
            "buffers": self.buffers,
            "parameter_bytes": self.parameter_bytes,
            "macs": self.macs,
            "activation_bytes": self.activation_bytes,
            "reads": self.reads,
        }

    def _table(self):
        head = ["layer", "kind", "output", "parameters", "MACs", "memory", "field", "jump", "start"]
        rows = [
            [
                layer.path or "(the model)", layer.kind, shape_text(layer.output_shape),
                f"{layer.parameters:,}", f"{layer.macs:,}", bytes_text(layer.activation_bytes),
                _sizes(layer.field), _sizes(layer.jump), _sizes(layer.start),
            ]
            for layer in self.layers
        ]  # fmt: skip
        return head, rows

    def _remarks(self):
        """Yield what is to be said below the table."""
        yield f"input           {', '.join(map(shape_text, self.input_shapes))}"
        frozen = self.parameters - self.trainable
        extra = f", {frozen:,} of them frozen" if frozen else ""
        yield f"parameters      {self.parameters:,} ({bytes_text(self.parameter_bytes)}){extra}"
        if self.buffers:
            yield f"buffers         {self.buffers:,}"
        yield f"multiply-adds   {self.macs:,}"
        yield f"activations     {bytes_text(self.activation_bytes)}"
        for layer in self.layers:
            if layer.kept is not None:
                yield f"{layer.path or layer.kind} keeps {layer.kept:.1%} of the elements"
            if any(layer.lost):
                yield (
                    f"{layer.path or layer.kind} does not look at the last {_sizes(layer.lost)} "
                    "rows and columns of its input: its windows do not tile it"
                )
        yield from remarks_on(self.reads)

    def __str__(self):
        head, rows = self._table()
        return "\n".join([*table(head, rows, left=3), *self._remarks()])

    def _repr_html_(self):
        head, rows = self._table()
        return html_table(head, rows, self._remarks(), "summary")

    def to_html(self):
        """Return the table as HTML."""
        return self._repr_html_()


def summary(model, input_size=None, *, input_data=None, dtype=None):
    """
    Run a model once and tell what each of its layers is and does.

    Parameters
    ----------
    model : Module
        Run in evaluation mode and without gradients; its mode is the same afterwards.
    input_size : sequence of int, or sequence of such
        Shape of the input with its batch dimension, ``(1, 3, 224, 224)``; or one shape for each
        input.
    input_data : Tensor or sequence of Tensor, optional
        Inputs to run it on, in place of `input_size`.
    dtype : dtype, optional
        Of inputs made from `input_size`; that of the first parameter unless given.

    Returns
    -------
    Summary
        Prints as a table; `Summary.to_dict` and `Summary.to_html` give other forms.

    Raises
    ------
    TypeError
        Neither `input_size` nor `input_data` was given, or the model failed on the input; the
        message says how to give it.

    Notes
    -----
    Receptive fields follow Araujo, Norris and Sim 2019 (https://distill.pub/2019/
    computing-receptive-fields), on any graph: where branches meet, the region is the smallest that
    contains those of all branches.
    """
    return summarised(
        Summary, "summary", model, input_data if input_size is None else input_size, dtype
    )


def summarised(kind, tool, model, x, dtype=None):
    """Return what `tool` finds about a model run on inputs or their shapes, a Summary of a kind."""
    inputs = given_inputs(tool, model, x, dtype)
    collector = _Collector(model, inputs)
    recorder = Recorder(on_step=collector.step)
    with evaluation(tool, model), no_grad(), recorder:
        run_model(tool, model, inputs)
    parameters = list(model.parameters())
    return kind(
        collector.finish(),
        [tuple(x.shape) for x in inputs if isinstance(x, Tensor)],
        sum(p.numel() for p in parameters),
        sum(p.numel() for p in parameters if p.requires_grad),
        sum(b.numel() for b in model.buffers()),
        sum(p._array.nbytes for p in parameters),
        list(recorder.reads),
    )


class _Collector:
    """Attributes what is recorded to the modules that did it."""

    def __init__(self, model, inputs):
        self.modules = dict(model.named_modules())
        self.fields = Fields(inputs)
        self.rows = {}
        self.counted = set()  # parameters
        self.spatial = {}  # elements per image before a module

    def step(self, step):
        row = self.rows.get(step.module)
        if row is None:
            module = self.modules.get(step.module)
            kind = step.module if module is None else type(module).__name__
            row = self.rows[step.module] = LayerSummary(step.module, kind)
            row.parameters = self._own_parameters(module)
        self.rows[step.module] = self.rows.pop(step.module)  # a container comes after what is in it
        row.macs += macs(step)
        if not (step.op.is_view or step.in_place):
            row.activation_bytes += sum(y._array.nbytes for y in step.outputs)
        window = self.fields.step(step)
        row.output_shape = tuple(step.outputs[0].shape)
        found = self.fields.of(step.outputs[0])
        row.field, row.jump, row.start = found or (None, None, None)
        if window is not None:
            row.lost, row.kept = window

    def _own_parameters(self, module):
        if not isinstance(module, Module):
            return 0
        own = [p for p in module._parameters.values() if p is not None]
        new = [p for p in own if id(p) not in self.counted]
        self.counted.update(map(id, new))
        return sum(p.numel() for p in new)

    def finish(self):
        return list(self.rows.values())


def macs(step):
    """
    Return how many multiplications with following addition an operation needs.

    Counted are convolutions (in padding too) and matrix products; everything else is 0.

    Parameters
    ----------
    step : minitorch.autograd.trace.Step
        An operation that was recorded.

    Returns
    -------
    int
        Of the direct method, whatever algorithm runs.
    """
    shapes = [tuple(x.shape) for x in step.inputs if isinstance(x, Tensor)]
    output = step.outputs[0].numel()
    if step.name == "Conv":
        return output * math.prod(shapes[1][1:])
    if step.name == "ConvTranspose":
        return math.prod(shapes[0]) * math.prod(shapes[1][1:])
    if step.name == "Linear":
        return output * shapes[1][1]
    if step.name in ("Mm", "Bmm", "Mv", "Dot"):
        return output * shapes[0][-1]
    return 0


def _sizes(values):
    if values is None:
        return "-"
    texts = [f"{v:g}" for v in values]
    return texts[0] if len(set(texts)) == 1 else "x".join(texts)
