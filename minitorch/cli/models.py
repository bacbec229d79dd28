"""Models and inputs named on the command line."""

import runpy
from pathlib import Path


def add_model(parser, size):
    """Add the arguments that name a model and the shape of its input."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="a function of minitorch.vision.models, or FILE.py:NAME, a module in a program, or "
        "what makes one without arguments",
    )
    parser.add_argument(
        "--size",
        default=size,
        help=f"of the input, with batch; several with commas between; default: {size}",
    )


def load_model(name):
    """
    Return the model of a name.

    Raises
    ------
    ValueError
        There is no such model, file or name in it.
    """
    from ..nn import Module
    from ..vision import models

    path, colon, attribute = name.rpartition(":")
    if not colon:
        if name not in models.list_models():
            known = ", ".join(models.list_models())
            raise ValueError(f"{name} is unknown; FILE.py:NAME, or one of {known}")
        return models.get_model(name)
    if not Path(path).is_file():
        raise ValueError(f"{path}: file not found")
    found = runpy.run_path(path)
    if attribute not in found:
        raise ValueError(f"{path}: has no name {attribute}")
    model = found[attribute]
    if not isinstance(model, Module) and callable(model):
        model = model()
    if not isinstance(model, Module):
        raise ValueError(f"{name}: is no module and makes none, but {type(model).__name__}")
    return model


def sizes_of(text):
    """Return the shapes of inputs written as 1x3x224x224,1x10."""
    try:
        return [tuple(int(n) for n in size.split("x")) for size in text.lower().split(",")]
    except ValueError:
        raise ValueError(f"--size {text}: needs numbers, such as 1x3x224x224") from None
