"""Tools to look at networks and trainings."""

from .backward import BackwardStep, Drawing, HeldArray, draw, explain, memory, step
from .curves import plot_curves
from .gradients import CheckedTensor, CheckReport, check
from .profiling import LayerProfile, Profile, profile
from .summary import LayerSummary, Summary, summary
from .watch import watch

__all__ = [
    "BackwardStep",
    "CheckReport",
    "CheckedTensor",
    "Drawing",
    "HeldArray",
    "LayerProfile",
    "LayerSummary",
    "Profile",
    "Summary",
    "check",
    "draw",
    "explain",
    "memory",
    "plot_curves",
    "profile",
    "step",
    "summary",
    "watch",
]
