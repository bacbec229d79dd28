"""Computer vision: datasets, transforms, models and their blocks, under torchvision's names."""

from . import datasets, io, models, ops, transforms, utils

__all__ = ["datasets", "io", "models", "ops", "transforms", "utils"]


_backend = "PIL"


def get_image_backend() -> str:
    """Return the name that `set_image_backend` set last; ``'PIL'`` at first."""
    return _backend


def set_image_backend(backend: str) -> None:
    """Set the package that loads images; there is one, ``'PIL'``.

    Raises
    ------
    ValueError
        If it is another one.
    """
    if backend not in ("PIL", "accimage"):
        raise ValueError(f"Invalid backend '{backend}'. Options are 'PIL' and 'accimage'")
    if backend != "PIL":
        raise ValueError("set_image_backend: accimage is not supported, use 'PIL'")
