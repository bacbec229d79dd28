"""Dropout layers."""

from __future__ import annotations

from ..ops import doc
from . import functional as F
from .module import Module

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]


class _DropoutNd(Module):
    """What the dropout layers have in common."""

    def __init__(self, p: float = 0.5, inplace: bool = False):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def forward(self, input):
        return self._function(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


@doc.same_shape
class Dropout(_DropoutNd):
    """In training, set elements to zero at random and scale the others by 1 / (1 - p).

    Parameters
    ----------
    p : float
        Probability of an element to be zeroed.
    inplace : bool
        Change the input itself.

    Notes
    -----
    Hinton et al. 2012 (arXiv 1207.0580).
    """

    _function = staticmethod(F.dropout)


class Dropout1d(_DropoutNd):
    """Dropout of whole channels of signals (batch, channels, length); see `Dropout2d`."""

    _function = staticmethod(F.dropout1d)


@doc.same_shape
class Dropout2d(_DropoutNd):
    """In training, set whole channels of images to zero at random; the others are scaled.

    Parameters
    ----------
    p : float
        Probability of a channel to be zeroed.
    inplace : bool
        Change the input itself.

    Notes
    -----
    Tompson et al. 2015 (arXiv 1411.4280).
    """

    _function = staticmethod(F.dropout2d)


class Dropout3d(_DropoutNd):
    """Dropout of whole channels of volumes (batch, channels, ...); see `Dropout2d`."""

    _function = staticmethod(F.dropout3d)


@doc.same_shape
class AlphaDropout(_DropoutNd):
    """Dropout that keeps mean and variance of what goes through `SELU`.

    Parameters
    ----------
    p : float
        Probability of an element to be replaced.
    inplace : bool
        Change the input itself.

    Notes
    -----
    Klambauer et al. 2017 (arXiv 1706.02515).
    """

    _function = staticmethod(F.alpha_dropout)


class FeatureAlphaDropout(_DropoutNd):
    """Replace whole channels (batch, channels, ...) as `AlphaDropout` does elements."""

    _function = staticmethod(F.feature_alpha_dropout)
