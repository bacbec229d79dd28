"""Tools to look at networks and trainings."""

from .backward import BackwardStep, draw, explain, step
from .curves import curves, plot_curves
from .gradients import CheckedTensor, CheckReport, check
from .held import HeldArray, HeldArrays, memory
from .picture import Chart, Drawing, Picture
from .pictures import confusion_matrix, feature_maps, filters, grad_cam, maximise, saliency
from .profiling import LayerProfile, Profile, profile
from .properties import (
    ReceptiveFields,
    checkerboard,
    equivariance_error,
    receptive_field,
)
from .summary import LayerSummary, Summary, summary
from .watch import watch

__all__ = [
    "BackwardStep",
    "Chart",
    "CheckReport",
    "CheckedTensor",
    "Drawing",
    "HeldArray",
    "HeldArrays",
    "LayerProfile",
    "LayerSummary",
    "Picture",
    "Profile",
    "ReceptiveFields",
    "Summary",
    "check",
    "checkerboard",
    "confusion_matrix",
    "curves",
    "draw",
    "equivariance_error",
    "explain",
    "feature_maps",
    "filters",
    "grad_cam",
    "maximise",
    "memory",
    "plot_curves",
    "profile",
    "receptive_field",
    "saliency",
    "step",
    "summary",
    "watch",
]
