"""Tools to look at networks and trainings."""

from .curves import plot_curves
from .summary import LayerSummary, Summary, summary

__all__ = ["LayerSummary", "Summary", "plot_curves", "summary"]
