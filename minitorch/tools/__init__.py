"""Tools to look at networks and trainings."""

from .backward import BackwardStep, Drawing, HeldArray, draw, explain, memory, step
from .curves import plot_curves
from .summary import LayerSummary, Summary, summary
from .watch import watch

__all__ = [
    "BackwardStep",
    "Drawing",
    "HeldArray",
    "LayerSummary",
    "Summary",
    "draw",
    "explain",
    "memory",
    "plot_curves",
    "step",
    "summary",
    "watch",
]
