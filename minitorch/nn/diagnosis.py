"""How a shape error came about: the layers and sizes that led there, and what would fit.

Nothing is recorded while all goes well. When a `ShapeError` leaves the outermost module that is
being called, that module is called once more with the same arguments and the recorder on; it fails
at the same place, and the recording says what came before. Buffers, plain attributes, random
numbers and the program's output are as if that had not happened.
"""

from __future__ import annotations

import contextlib
import io
import math
import random
import re
import sys
import threading
import warnings

from .. import random as _random
from ..autograd.grad_mode import no_grad
from ..autograd.trace import Recorder
from ..tensor import Tensor

_LINES = 16  # of the chain that are shown: the last ones
_local = threading.local()


def explain(module, args, kwargs, error) -> None:
    """Add to the message of `error`, which leaves the call of `module`, how it came about.

    Called for each module that the error leaves, the innermost first.
    """
    if getattr(_local, "busy", False):
        return
    if not hasattr(error, "failed"):
        error.failed = (module, args)
    if _is_inside_a_module():
        return
    failed, inputs = error.failed
    del error.failed  # it keeps tensors alive
    _local.busy = True
    try:
        chain = _chain(module, args, kwargs)
    finally:
        _local.busy = False
    lines = [str(error), f"  in {_place(module, failed)}", *chain]
    fit = advice(failed, inputs)
    if fit:
        lines.append(f"  to fit: {fit}")
    error.args = ("\n".join(lines),)


def _is_inside_a_module() -> bool:
    """Whether the call that failed was made by another module."""
    frame = sys._getframe(2)
    code = frame.f_code
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code is code:
            return True
    return False


def _place(outer, module) -> str:
    """Return the path of a module below the outermost one, with its own description."""
    name = next((name for name, m in outer.named_modules() if m is module), None)
    path = ".".join(filter(None, (type(outer).__name__, name)))
    return path if module is outer else f"{path}: {_brief(module)}"


def _brief(module) -> str:
    """Describe a module in one line."""
    return f"{type(module).__name__}({module.extra_repr()})"


# ---- the chain


def _chain(module, args, kwargs) -> list[str]:
    """Return the lines that tell the layers and sizes before the failure."""
    entries, modules = [], dict(module.named_modules())

    def on_step(step):
        shapes = [tuple(x.shape) if isinstance(x, Tensor) else () for x in step.inputs]
        output = tuple(step.outputs[0].shape)
        leaf = modules.get(step.module)
        if leaf is None or next(leaf.children(), None) is not None:
            if output != shapes[0]:
                entries.append((_snake(step.name), output, _arithmetic(step, shapes[0])))
            return
        title = f"{step.module}: {_brief(leaf)}"
        sums = _arithmetic(step, shapes[0])
        if entries and entries[-1][0] == title:
            entries[-1] = (title, output, entries[-1][2] or sums)
        elif step.outputs[0].ndim:  # not the counters of a normalisation
            entries.append((title, output, sums))

    with _undone(module), contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with no_grad(), Recorder(on_step):
            try:
                module(*args, **kwargs)
            except Exception as again:  # the same error
                del again
    given = [x for x in (*args, *kwargs.values()) if isinstance(x, Tensor)]
    start = ", ".join(str(tuple(x.shape)) for x in given)
    entries.insert(0, ("input", start, ""))
    return _table(entries)


def _table(entries) -> list[str]:
    lines = ["  the sizes on the way:"]
    if len(entries) > _LINES:
        lines.append(f"    ... {len(entries) - _LINES} before")
        entries = entries[-_LINES:]
    width = max(len(str(shape)) for _, shape, _ in entries)
    for title, shape, sums in entries:
        line = f"    {shape!s:<{width}}  {title}"
        lines.append(f"{line}  [{sums}]" if sums else line)
    return lines


def _snake(name) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _arithmetic(step, size) -> str:
    """Return how the sizes of the output of a window follow from those of the input."""
    window = step.attributes.get("window")
    if window is None or step.name.startswith("ConvTranspose"):
        return ""
    sums = []
    for n, pads, kernel, spread, step_ in zip(
        size[-window.ndim :],
        window.padding,
        window.kernel,
        window.dilation,
        window.stride,
        strict=True,
    ):
        extent = spread * (kernel - 1) + 1
        text = f"{n} + {sum(pads)} - {extent}" if sum(pads) else f"{n} - {extent}"
        text = f"({text}) // {step_} + 1" if step_ > 1 else f"{text} + 1"
        result = (n + sum(pads) - extent) // step_ + 1
        sums.append(f"{text} = {result}")
    return ", ".join(dict.fromkeys(sums))


# ---- calling once more without consequences


@contextlib.contextmanager
def _undone(module):
    """Undo what the block does to the state of modules and of random numbers."""
    state, python = _random.get_rng_state(), random.getstate()
    before = []
    for m in module.modules():
        buffers = {k: (b, b._array.copy()) for k, b in m._buffers.items() if b is not None}
        before.append((m, dict(m.__dict__), dict(m._buffers), buffers))
    try:
        yield
    finally:
        for m, attributes, names, buffers in before:
            m.__dict__.clear()
            m.__dict__.update(attributes)
            m._buffers.update(names)
            for name, (buffer, array) in buffers.items():
                buffer._array[...] = array
                m._buffers[name] = buffer
        _random.set_rng_state(state)
        random.setstate(python)


# ---- what would fit


def advice(module, args) -> str:
    """Return what to change in `module` so that it fits its first argument, or an empty string."""
    shape = tuple(args[0].shape) if args and isinstance(args[0], Tensor) else None
    if not shape:
        return ""
    for attribute, function in _ADVICE:
        if hasattr(module, attribute):
            return function(module, shape) or ""
    return ""


def _linear(module, shape):
    if len(shape) > 2 and math.prod(shape[1:]) == module.in_features:
        return f"flatten the input first: x.flatten(1) has {module.in_features} features"
    if len(shape) > 2:
        flat = math.prod(shape[1:])
        return f"in_features={shape[-1]}, or flatten the input first, and in_features={flat}"
    return f"in_features={shape[-1]}"


def _bilinear(module, shape):
    return f"in1_features={shape[-1]}" if shape[-1] != module.in1_features else ""


def _conv(module, shape):
    ndim = len(module.kernel_size)
    if len(shape) not in (ndim + 1, ndim + 2):
        return f"an input of {ndim + 2} dimensions (batch, channels, {ndim} sizes)"
    channels = shape[-ndim - 1]
    if channels != module.in_channels:
        if len(shape) == ndim + 2 and shape[-1] == module.in_channels != shape[-2]:
            order = ", ".join(map(str, (0, ndim + 1, *range(1, ndim + 1))))
            return f"in_channels={channels}, or channels first: x.permute({order})"
        return f"in_channels={channels}"
    if type(module).__name__.startswith("ConvTranspose"):
        return ""
    return _larger(shape[-ndim:], module)


def _larger(sizes, module):
    """Return the least input for the window of a module, and the padding that makes up for it."""
    extents = [
        d * (k - 1) + 1
        for d, k in zip(
            _tuple(module.dilation, sizes), _tuple(module.kernel_size, sizes), strict=True
        )
    ]
    if isinstance(getattr(module, "padding", 0), str):
        return ""
    pads = _tuple(getattr(module, "padding", 0), sizes)
    if any(not isinstance(p, int) for p in pads):
        return ""
    missing = [e - n - 2 * p for e, n, p in zip(extents, sizes, pads, strict=True)]
    if max(missing) <= 0:
        return ""
    least = tuple(e - 2 * p for e, p in zip(extents, pads, strict=True))
    enough = tuple(
        max(p, math.ceil((e - n) / 2)) for e, n, p in zip(extents, sizes, pads, strict=True)
    )
    text = f"an input of at least {least}"
    if hasattr(module, "in_channels"):
        text += f", or padding={enough}"
    return text


def _tuple(value, sizes):
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * len(sizes)


def _features(module, shape):
    return f"num_features={shape[1]}" if len(shape) > 1 and shape[1] != module.num_features else ""


def _groups(module, shape):
    if len(shape) > 1 and shape[1] != module.num_channels:
        return f"num_channels={shape[1]}"
    return ""


def _normalized(module, shape):
    last = shape[-len(module.normalized_shape) :]
    return f"normalized_shape={last}" if last != tuple(module.normalized_shape) else ""


def _pool(module, shape):
    ndim = len(module.kernel_size) if isinstance(module.kernel_size, (tuple, list)) else None
    if ndim is None:
        found = re.search(r"([123])d$", type(module).__name__)
        ndim = int(found[1]) if found else 0
    if not ndim or len(shape) not in (ndim + 1, ndim + 2):
        return f"an input of {ndim + 2} dimensions (batch, channels, {ndim} sizes)" if ndim else ""
    if not hasattr(module, "dilation"):
        sizes = shape[-ndim:]
        kernel = _tuple(module.kernel_size, sizes)
        pads = _tuple(module.padding, sizes)
        if all(n + 2 * p >= k for n, p, k in zip(sizes, pads, kernel, strict=True)):
            return ""
        least = tuple(k - 2 * p for k, p in zip(kernel, pads, strict=True))
        return f"an input of at least {least}"
    return _larger(shape[-ndim:], module)


def _unflatten(module, shape):
    dim = module.dim if isinstance(module.dim, int) else 0
    return f"sizes whose product is {shape[dim]}" if -len(shape) <= dim < len(shape) else ""


# By an attribute that modules of a kind have; the first that is there decides.
_ADVICE = (
    ("in_features", _linear),
    ("in1_features", _bilinear),
    ("in_channels", _conv),
    ("num_features", _features),
    ("num_channels", _groups),
    ("normalized_shape", _normalized),
    ("unflattened_size", _unflatten),
    ("kernel_size", _pool),
)
