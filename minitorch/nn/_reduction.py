"""Ways of reducing a loss, by number: what code written against ``F._Reduction`` asks for."""

from __future__ import annotations

from ..ops.loss import _reduction

__all__ = ["get_enum", "legacy_get_enum", "legacy_get_string"]


def get_enum(reduction: str) -> int:
    """Return the number of a reduction: none 0, mean 1, sum 2."""
    if reduction == "elementwise_mean":
        reduction = "mean"
    return ("none", "mean", "sum").index(_reduction("get_enum", reduction, None, None))


def legacy_get_string(size_average, reduce, emit_warning: bool = True) -> str:
    """Return the reduction that two arguments of old meant."""
    if reduce is not None and not reduce:
        return "none"
    return "mean" if size_average is None or size_average else "sum"


def legacy_get_enum(size_average, reduce, emit_warning: bool = True) -> int:
    """Return the number of the reduction that two arguments of old meant."""
    return get_enum(legacy_get_string(size_average, reduce))
