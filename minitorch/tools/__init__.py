"""Tools to look at networks and trainings."""

from .backward import BackwardStep, Drawing, HeldArray, draw, explain, memory, step
from .curves import plot_curves
from .gradients import CheckedTensor, CheckReport, check
from .summary import LayerSummary, Summary, summary
from .watch import watch

__all__ = [
    "BackwardStep",
    "CheckReport",
    "CheckedTensor",
    "Drawing",
    "HeldArray",
    "LayerSummary",
    "Summary",
    "check",
    "draw",
    "explain",
    "memory",
    "plot_curves",
    "step",
    "summary",
    "watch",
]
