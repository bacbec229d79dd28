"""Inputs of models, and what to say when a model cannot be run on them."""

from __future__ import annotations

import contextlib

from .. import creation, dtypes
from ..nn import Module
from ..ops.random import randn
from ..tensor import Tensor
from .text import shape_text

HOW = (
    "A model with several inputs needs a shape for each, {0}(model, [(1, 3, 8, 8), (1, 4)]), or "
    "the inputs themselves, {0}(model, [image, numbers])"
)


def check_module(tool, model):
    """Raise TypeError unless `model` is a module."""
    if not isinstance(model, Module):
        raise TypeError(f"{tool}: expected a Module, got {type(model).__name__}")


@contextlib.contextmanager
def evaluation(tool, model):
    """Context manager: the model is in evaluation mode inside, and in its own mode afterwards."""
    check_module(tool, model)
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def given_inputs(tool, model, x, dtype=None, random=False):
    """
    Return the inputs to run a model on.

    Parameters
    ----------
    tool : str
        Named in errors.
    model : Module
        Its first parameter has the type of what is made here.
    x : Tensor, shape, or list of Tensor, of arguments or of shapes
        The inputs, or their shapes with batch dimension.
    dtype : dtype, optional
        In place of that of the parameter.
    random : bool
        Make random numbers rather than zeros.

    Returns
    -------
    list
        The arguments of the model.

    Raises
    ------
    TypeError
        `x` is neither, or `model` no module.
    """
    check_module(tool, model)
    if isinstance(x, Tensor):
        return [x]
    if not isinstance(x, (list, tuple)) or not x:
        raise TypeError(
            f"{tool}: needs the shape of the input with batch, such as (1, 3, 224, 224), or the "
            f"input itself. {HOW.format(tool)}"
        )
    if any(isinstance(value, Tensor) for value in x):
        return list(x)
    sizes = [x] if all(isinstance(n, int) for n in x) else x
    if not all(isinstance(s, (tuple, list)) and all(isinstance(n, int) for n in s) for s in sizes):
        raise TypeError(f"{tool}: {x!r} is no shape. {HOW.format(tool)}")
    if dtype is None:
        dtype = next((p.dtype for p in model.parameters()), dtypes.get_default_dtype())
    make = randn if random else creation.zeros
    return [make(tuple(size), dtype=dtype) for size in sizes]


def run_model(tool, model, inputs):
    """
    Run a model on inputs.

    Raises
    ------
    TypeError
        It failed; the message says how else inputs can be given.
    """
    try:
        return model(*inputs)
    except (TypeError, ValueError, RuntimeError, IndexError, AttributeError) as error:
        shapes = ", ".join(shape_text(getattr(x, "shape", ())) for x in inputs)
        raise TypeError(
            f"{tool}: the model failed on inputs of shape {shapes}: {error}. {HOW.format(tool)}"
        ) from error


def tensors_in(value):
    """Yield the tensors in what a model returned: dicts, lists and tuples of them."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (dict, list, tuple)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from tensors_in(part)


def remarks_on(reads):
    """Say that the way through a model, or what it computes outside of it, depends on values."""
    for line in reads:
        yield f"looks at values: {line}; another input may take another way"
