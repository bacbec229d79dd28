"""Weight and spectral normalisation by hooks: the weight is computed anew before each call."""

from __future__ import annotations

from ...autograd.grad_mode import no_grad
from ...ops import mv, norm
from ..functional import normalize
from ..parameter import Parameter

__all__ = [
    "SpectralNorm",
    "WeightNorm",
    "norm_except_dim",
    "remove_spectral_norm",
    "remove_weight_norm",
    "spectral_norm",
    "weight_norm",
]


def norm_except_dim(v, pow: int = 2, dim: int = 0):
    """Return the norm over all dimensions but one, which stays; -1 for dim: over all."""
    if dim == -1:
        return norm(v, pow)
    dims = tuple(d for d in range(v.ndim) if d != dim % v.ndim)
    return norm(v, pow, dims, True) if dims else v.abs()


class WeightNorm:
    """The hook of `weight_norm`.

    Parameters
    ----------
    name : str
    dim : int, optional
    """

    def __init__(self, name: str, dim: int):
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module):
        """Return the weight, of its length and direction.

        Parameters
        ----------
        module : Module
        """
        g, v = (getattr(module, self.name + end) for end in ("_g", "_v"))
        return v * (g / norm_except_dim(v, 2, self.dim))

    def __call__(self, module, inputs):
        setattr(module, self.name, self.compute_weight(module))


def _find(module, kind, name):
    for number, hook in module._forward_pre_hooks.items():
        if isinstance(hook, kind) and hook.name == name:
            return number, hook
    return None, None


def weight_norm(module, name: str = "weight", dim: int = 0):
    """Replace a parameter by its length and its direction, which are trained instead.

    Parameters
    ----------
    module : Module
    name : str
        The parameter; ``name_g`` and ``name_v`` take its place.
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
    if _find(module, WeightNorm, name)[1] is not None:
        raise RuntimeError(f"Cannot register two weight_norm hooks on the same parameter {name}")
    hook = WeightNorm(name, dim)
    weight = getattr(module, name)
    del module._parameters[name]
    module.register_parameter(name + "_g", Parameter(norm_except_dim(weight, 2, hook.dim).detach()))
    module.register_parameter(name + "_v", Parameter(weight.detach()))
    setattr(module, name, hook.compute_weight(module))
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module, name: str = "weight"):
    """Undo `weight_norm`: the weight is a parameter again.

    Raises
    ------
    ValueError
        If the parameter is not normalised.
    """
    number, hook = _find(module, WeightNorm, name)
    if hook is None:
        raise ValueError(f"weight_norm of '{name}' not found in {module}")
    weight = hook.compute_weight(module)
    delattr(module, name)
    del module._parameters[name + "_g"], module._parameters[name + "_v"]
    setattr(module, name, Parameter(weight.detach()))
    del module._forward_pre_hooks[number]
    return module


class SpectralNorm:
    """The hook of `spectral_norm`.

    Parameters
    ----------
    name : str
    n_power_iterations, dim : int
    eps : float
    """

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float):
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.name, self.dim, self.eps = name, dim, eps
        self.n_power_iterations = n_power_iterations

    def matrix(self, weight):
        """Return the weight as a matrix whose rows belong to the dimension.

        Parameters
        ----------
        weight : Tensor
        """
        if self.dim:
            others = [d for d in range(weight.ndim) if d != self.dim]
            weight = weight.permute(self.dim, *others)
        return weight.reshape(weight.shape[0], -1)

    def compute_weight(self, module, iterate: bool):
        """Return the weight over its greatest singular value, by power iteration.

        Parameters
        ----------
        module : Module
        iterate : bool
            Whether to improve the estimate first.
        """
        weight = getattr(module, self.name + "_orig")
        u, v = (getattr(module, self.name + end) for end in ("_u", "_v"))
        matrix = self.matrix(weight)
        if iterate:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(normalize(mv(matrix.t(), u), dim=0, eps=self.eps))
                    u.copy_(normalize(mv(matrix, v), dim=0, eps=self.eps))
            u, v = u.clone(), v.clone()
        return weight / u.dot(mv(matrix, v))

    def __call__(self, module, inputs):
        setattr(module, self.name, self.compute_weight(module, module.training))


def spectral_norm(
    module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim=None
):
    """Divide a parameter by its greatest singular value, found by power iteration.

    Parameters
    ----------
    module : Module
    name : str
        The parameter; ``name_orig`` takes its place, ``name_u`` and ``name_v`` are buffers.
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
    if _find(module, SpectralNorm, name)[1] is not None:
        raise RuntimeError(f"Cannot register two spectral_norm hooks on the same parameter {name}")
    hook = SpectralNorm(name, n_power_iterations, dim, eps)
    weight = module._parameters[name]
    if weight is None:
        raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
    with no_grad():
        height, width = hook.matrix(weight).shape
        u = normalize(weight.new_empty(height).normal_(0, 1), dim=0, eps=eps)
        v = normalize(weight.new_empty(width).normal_(0, 1), dim=0, eps=eps)
    del module._parameters[name]
    module.register_parameter(name + "_orig", weight)
    setattr(module, name, weight.detach())
    module.register_buffer(name + "_u", u)
    module.register_buffer(name + "_v", v)
    module.register_forward_pre_hook(hook)
    return module


def remove_spectral_norm(module, name: str = "weight"):
    """Undo `spectral_norm`: the divided weight is a parameter again.

    Raises
    ------
    ValueError
        If the parameter is not normalised.
    """
    number, hook = _find(module, SpectralNorm, name)
    if hook is None:
        raise ValueError(f"spectral_norm of '{name}' not found in {module}")
    with no_grad():
        weight = hook.compute_weight(module, False)
    delattr(module, name)
    del module._buffers[name + "_u"], module._buffers[name + "_v"]
    del module._parameters[name + "_orig"]
    module.register_parameter(name, Parameter(weight.detach()))
    del module._forward_pre_hooks[number]
    return module
