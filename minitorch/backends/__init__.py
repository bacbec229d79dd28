"""The names of ``torch.backends``: settings of devices that are not there."""

from . import cuda, cudnn, mps

_PRECISIONS = ("highest", "high", "medium")


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Do nothing: minitorch is always deterministic."""


def are_deterministic_algorithms_enabled() -> bool:
    """Whether results are deterministic: True."""
    return True


def set_float32_matmul_precision(precision: str) -> None:
    """Do nothing: float32 is always computed in float32, which every precision permits.

    Raises
    ------
    RuntimeError
        If `precision` is not ``'highest'``, ``'high'`` or ``'medium'``.
    """
    if precision not in _PRECISIONS:
        raise RuntimeError(
            f"set_float32_matmul_precision: expected one of {_PRECISIONS}, got {precision!r}"
        )


def get_float32_matmul_precision() -> str:
    """Return the precision of float32 matrix products: ``'highest'``."""
    return "highest"


def compile(model=None, **options):
    """Return a model or function unchanged; as a decorator too.

    Parameters
    ----------
    model : callable, optional
    **options
        Accepted.
    """
    return model if model is not None else lambda function: function
