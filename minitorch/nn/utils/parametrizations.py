"""Ready parametrisations: weight and spectral normalisation."""

from __future__ import annotations

from ...autograd.grad_mode import no_grad
from ...ops import mv
from ..functional import normalize
from ..module import Module
from .parametrize import register_parametrization
from .weight_norm import norm_except_dim

__all__ = ["spectral_norm", "weight_norm"]


class _WeightNorm(Module):
    """A weight of its length and direction."""

    def __init__(self, dim: int = 0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g, weight_v):
        return weight_v * (weight_g / norm_except_dim(weight_v, 2, self.dim))

    def right_inverse(self, weight):
        return norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module, name: str = "weight", dim: int = 0):
    """Replace a parameter by its length and its direction, which are trained instead.

    Parameters
    ----------
    module : Module
    name : str
    dim : int, optional
        The dimension that has a length per index. None: one length for all.

    Returns
    -------
    Module
        `module`

    Notes
    -----
    Salimans and Kingma 2016 (arXiv 1602.07868), equation 2.
    """
    return register_parametrization(module, name, _WeightNorm(dim), unsafe=True)


class _SpectralNorm(Module):
    """A weight over its greatest singular value."""

    def __init__(self, weight, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12):
        super().__init__()
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.dim, self.eps, self.n_power_iterations = dim, eps, n_power_iterations
        if weight.ndim > 1:
            matrix = self._matrix(weight)
            u = weight.new_empty(matrix.shape[0]).normal_(0, 1)
            v = weight.new_empty(matrix.shape[1]).normal_(0, 1)
            self.register_buffer("_u", normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", normalize(v, dim=0, eps=eps))
            self._iterate(matrix, 15)

    def _matrix(self, weight):
        if self.dim:
            weight = weight.permute(self.dim, *[d for d in range(weight.ndim) if d != self.dim])
        return weight.flatten(1)

    def _iterate(self, matrix, times):
        with no_grad():
            for _ in range(times):
                self._u.copy_(normalize(mv(matrix, self._v), dim=0, eps=self.eps))
                self._v.copy_(normalize(mv(matrix.t(), self._u), dim=0, eps=self.eps))

    def forward(self, weight):
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            self._iterate(matrix, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()
        return weight / u.dot(mv(matrix, v))

    def right_inverse(self, value):
        return value


def spectral_norm(
    module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim=None
):
    """Divide a parameter by its greatest singular value, found by power iteration.

    Parameters
    ----------
    module : Module
    name : str
    n_power_iterations : int
        Steps per call in training mode.
    eps : float
        Least length that is divided by.
    dim : int, optional
        The dimension of outputs. Default: 0, for transposed convolutions 1.

    Returns
    -------
    Module
        `module`

    Notes
    -----
    Miyato et al. 2018 (arXiv 1802.05957), algorithm 1.
    """
    if dim is None:
        dim = 1 if type(module).__name__.startswith("ConvTranspose") else 0
    weight = getattr(module, name)
    norm = _SpectralNorm(weight, n_power_iterations, dim, eps)
    return register_parametrization(module, name, norm)
