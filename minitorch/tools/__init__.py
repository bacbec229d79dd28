"""Tools to look at networks and their training."""

from .curves import plot_curves

__all__ = ["plot_curves"]
