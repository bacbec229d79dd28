"""Exceptions that are not Python's own."""


class ShapeError(ValueError, RuntimeError):
    """Sizes that do not fit together, or that no computation could have.

    PyTorch raises RuntimeError where Python code would expect ValueError; this is both, so that
    code written for either style catches it.
    """


class RangeError(IndexError, RuntimeError):
    """An index in a tensor of indices that leads nowhere.

    PyTorch raises RuntimeError where Python code would expect IndexError; this is both.
    """


class FileFormatError(ValueError, RuntimeError):
    """A file that is damaged, not of the expected format, or holds what may not be loaded."""
