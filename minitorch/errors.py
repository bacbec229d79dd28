"""Exceptions that are not Python's own."""


class ShapeError(ValueError, RuntimeError):
    """Sizes that do not fit together, or that no computation could have.

    PyTorch raises RuntimeError where Python code would expect ValueError; this is both, so that
    code written for either style catches it.
    """
