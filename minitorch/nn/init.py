"""Initial values of parameters.

Every function fills a tensor in place, outside of any graph, and returns it. The rules are those of
``torch.nn.init``; "fan" is the number of inputs, or of outputs, of one unit.
"""

from __future__ import annotations

import functools
import math
import warnings

import numpy as np

from .. import kernels
from ..autograd.grad_mode import no_grad
from ..tensor import Tensor

__all__ = [
    "calculate_gain",
    "constant",
    "constant_",
    "dirac",
    "dirac_",
    "eye",
    "eye_",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "normal",
    "normal_",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "sparse",
    "sparse_",
    "trunc_normal_",
    "uniform",
    "uniform_",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
    "xavier_uniform_",
    "zeros_",
]

_GAINS = {
    "linear": 1,
    "conv1d": 1,
    "conv2d": 1,
    "conv3d": 1,
    "conv_transpose1d": 1,
    "conv_transpose2d": 1,
    "conv_transpose3d": 1,
    "sigmoid": 1,
    "tanh": 5.0 / 3,
    "relu": math.sqrt(2.0),
    "selu": 3.0 / 4,
}


def calculate_gain(nonlinearity: str, param=None) -> float:
    """Return the factor of the standard deviation that makes up for a nonlinearity.

    Parameters
    ----------
    nonlinearity : str
        Name of the function, such as ``'relu'``.
    param : float, optional
        The slope of ``'leaky_relu'``, 0.01 by default.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the name is unknown or the slope is no number.
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    return _GAINS[nonlinearity]


def uniform_(tensor, a: float = 0.0, b: float = 1.0, generator=None):
    """Fill with numbers from the uniform distribution on [a, b), and return the tensor.

    Parameters
    ----------
    tensor : Tensor
    a, b : float
        The bounds.
    generator : Generator, optional
        Where the numbers come from. Default: the global one.
    """
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor, mean: float = 0.0, std: float = 1.0, generator=None):
    """Fill with numbers from the normal distribution, and return the tensor.

    Parameters
    ----------
    tensor : Tensor
    mean, std : float
        Mean and standard deviation.
    generator : Generator, optional
        Where the numbers come from. Default: the global one.
    """
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(
    tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator=None
):
    """Fill with numbers from the normal distribution restricted to [a, b], and return the tensor.

    Parameters
    ----------
    tensor : Tensor
    mean, std : float
        Of the distribution before the restriction.
    a, b : float
        The bounds.
    generator : Generator, optional
        Where the numbers come from. Default: the global one.

    Notes
    -----
    By rejection: from the normal distribution where most of it lies within the bounds, else from
    a uniform one, as Robert 1995 (arXiv 0907.4010).
    """
    if not a < b:
        raise ValueError(f"trunc_normal_: a must be less than b, got a={a}, b={b}")
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of "
            "values may be incorrect.",
            stacklevel=2,
        )

    def below(x):
        return (1.0 + math.erf((x - mean) / (std * math.sqrt(2.0)))) / 2.0

    def from_normal(count):
        values = normal_(_scratch(tensor, count), mean, std, generator)._array
        return values, (a <= values) & (values <= b)

    # Where the density is largest; further out than `reach` it is less than exp(-40) of that.
    peak = ((min(max(mean, a), b) - mean) / std) ** 2
    reach = std * math.sqrt(peak + 80)
    low, high = max(a, mean - reach), min(b, mean + reach)

    def from_uniform(count):
        values = uniform_(_scratch(tensor, count), low, high, generator)._array
        heights = uniform_(_scratch(tensor, count), generator=generator)._array
        return values, heights < np.exp((peak - ((values - mean) / std) ** 2) / 2)

    draw = from_normal if below(b) - below(a) > 0.3 else from_uniform
    result = np.empty(tensor.numel(), tensor._array.dtype)
    missing = np.arange(result.size)
    while missing.size:
        values, accepted = draw(missing.size)
        result[missing[accepted]] = values[accepted]
        missing = missing[~accepted]
    return _fill(tensor, result.reshape(tensor.shape))


def constant_(tensor, val: float):
    """Fill with one value, and return the tensor.

    Parameters
    ----------
    tensor : Tensor
    val : float
        The value.
    """
    return _fill(tensor, np.asarray(val))


def ones_(tensor):
    """Fill with ones, and return the tensor.

    Parameters
    ----------
    tensor : Tensor
        Of any shape.
    """
    return constant_(tensor, 1.0)


def zeros_(tensor):
    """Fill with zeros, and return the tensor; see `ones_`."""
    return constant_(tensor, 0.0)


def eye_(tensor):
    """Make a matrix the identity, as far as its shape allows.

    Parameters
    ----------
    tensor : Tensor
        Two dimensions.
    """
    _check_matrix(tensor)
    return _fill(tensor, np.eye(*tensor.shape))


def dirac_(tensor, groups: int = 1):
    """Make the weight of a convolution keep as many input channels unchanged as possible.

    Parameters
    ----------
    tensor : Tensor
        Shape (out_channels, in_channels / groups, *kernel_size), 1 to 3 spatial dimensions.
    groups : int
        Groups of the convolution; every one keeps its channels.
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    if tensor.shape[0] % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    outputs = tensor.shape[0] // groups
    kept = np.arange(min(outputs, tensor.shape[1]))
    centre = tuple(n // 2 for n in tensor.shape[2:])
    values = np.zeros(tensor.shape)
    for group in range(groups):
        values[(group * outputs + kept, kept, *centre)] = 1
    return _fill(tensor, values)


def _calculate_fan_in_and_fan_out(tensor) -> tuple[int, int]:
    """Return the number of inputs and of outputs of one unit."""
    if tensor.ndim < 2:
        raise ValueError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"
        )
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _calculate_correct_fan(tensor, mode: str) -> int:
    """Return the fan that `mode` names."""
    modes = ["fan_in", "fan_out"]
    if mode.lower() not in modes:
        raise ValueError(f"Mode {mode.lower()} not supported, please use one of {modes}")
    return _calculate_fan_in_and_fan_out(tensor)[modes.index(mode.lower())]


def _xavier_std(tensor, gain):
    return gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor))))


def xavier_uniform_(tensor, gain: float = 1.0, generator=None):
    """Fill from U(-b, b) with b = gain sqrt(6 / (fan_in + fan_out)).

    Parameters
    ----------
    tensor : Tensor
        At least two dimensions.
    gain : float
        See `calculate_gain`.
    generator : Generator, optional
        Where the numbers come from. Default: the global one.

    Notes
    -----
    Glorot and Bengio 2010, Understanding the difficulty of training deep feedforward neural
    networks, equation 16.
    """
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor, gain: float = 1.0, generator=None):
    """Fill from N(0, std²) with std = gain sqrt(2 / (fan_in + fan_out)); see `xavier_uniform_`."""
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), generator)


def _kaiming_std(tensor, a, mode, nonlinearity):
    """Return the standard deviation of Kaiming's rule, or None (warned of) for an empty tensor."""
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return None
    return calculate_gain(nonlinearity, a) / math.sqrt(_calculate_correct_fan(tensor, mode))


def kaiming_uniform_(
    tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator=None
):
    """Fill from U(-b, b) with b = gain sqrt(3 / fan).

    Parameters
    ----------
    tensor : Tensor
        At least two dimensions.
    a : float
        Slope of the leaky ReLU that follows.
    mode : str
        ``'fan_in'`` keeps the variance in the forward pass, ``'fan_out'`` in the backward pass.
    nonlinearity : str
        What follows; see `calculate_gain`.
    generator : Generator, optional
        Where the numbers come from. Default: the global one.

    Notes
    -----
    He et al. 2015 (arXiv 1502.01852), equations 10 and 14.
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    if std is None:
        return tensor
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator=None
):
    """Fill from N(0, std²) with std = gain / sqrt(fan); see `kaiming_uniform_`."""
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    return tensor if std is None else normal_(tensor, 0.0, std, generator)


def orthogonal_(tensor, gain: float = 1, generator=None):
    """Fill with a random orthogonal matrix times a gain, and return the tensor.

    Parameters
    ----------
    tensor : Tensor
        At least two dimensions; all but the first count as one. The rows are orthonormal, or the
        columns where there are fewer of them.
    gain : float
        The factor.
    generator : Generator, optional
        Where the numbers come from. Default: the global one.

    Notes
    -----
    Saxe et al. 2013 (arXiv 1312.6120). The Gram-Schmidt process of a matrix of normal numbers is
    uniformly distributed: it is the QR decomposition whose R has a positive diagonal
    (Mezzadri 2006, arXiv math-ph/0609050).
    """
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    matrix = normal_(_scratch(tensor, tensor.numel()), generator=generator)._array
    matrix = matrix.reshape(rows, -1).astype(np.float64)
    wide = rows < matrix.shape[1]
    matrix = _orthonormal_columns(matrix.T if wide else matrix)
    return _fill(tensor, gain * (matrix.T if wide else matrix).reshape(tensor.shape))


def _orthonormal_columns(matrix, block_size=32):
    """Apply the Gram-Schmidt process to the columns, in blocks, each twice for full accuracy."""
    result = np.array(matrix, order="C")
    for start in range(0, result.shape[1], block_size):
        block = result[:, start : start + block_size].copy()
        done = result[:, :start]
        for _ in range(2):
            if start:
                block -= kernels.matmul(done, kernels.matmul(done.T, block))
            for j in range(block.shape[1]):
                column, others = block[:, j : j + 1], block[:, :j]
                if j:
                    column -= kernels.matmul(others, kernels.matmul(others.T, column))
                column /= math.sqrt((column * column).sum())
        result[:, start : start + block_size] = block
    return result


def sparse_(tensor, sparsity: float, std: float = 0.01, generator=None):
    """Fill from N(0, std²), then set a share of every column to zero; return the tensor.

    Parameters
    ----------
    tensor : Tensor
        Two dimensions.
    sparsity : float
        The share.
    std : float
        Standard deviation of the others.
    generator : Generator, optional
        Where the numbers come from. Default: the global one.

    Notes
    -----
    Martens 2010, Deep learning via Hessian-free optimization.
    """
    _check_matrix(tensor)
    rows = tensor.shape[0]
    values = normal_(_scratch(tensor, tensor.numel()), 0.0, std, generator)._array
    order = uniform_(_scratch(tensor, tensor.numel()), generator=generator)._array
    rows_of_zeros = np.argsort(order.reshape(tensor.shape), axis=0)[: math.ceil(sparsity * rows)]
    values = values.reshape(tensor.shape)
    np.put_along_axis(values, rows_of_zeros, 0, axis=0)
    return _fill(tensor, values)


def _check_matrix(tensor):
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")


def _scratch(tensor, count):
    """Return a vector of the type of a tensor."""
    return Tensor._wrap(np.empty(count, tensor._array.dtype))


def _fill(tensor, values):
    """Copy an array into a tensor."""
    with no_grad():
        return tensor.copy_(Tensor._wrap(values))


def _deprecated(function):
    """Make the spelling without underscore, which warns."""
    old = function.__name__[:-1]

    @functools.wraps(function)
    def renamed(*args, **kwargs):
        warnings.warn(
            f"`nn.init.{old}` is now deprecated in favor of `nn.init.{old}_`.",
            FutureWarning,
            stacklevel=2,
        )
        return function(*args, **kwargs)

    renamed.__name__ = renamed.__qualname__ = old
    renamed.__doc__ = f"Old name of `{old}_`; deprecated. Return the tensor."
    return renamed


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)


def _no_grad_trunc_normal_(tensor, mean, std, a, b, generator=None):
    """Call `trunc_normal_`: a name that programs import."""
    return trunc_normal_(tensor, mean, std, a, b, generator)
