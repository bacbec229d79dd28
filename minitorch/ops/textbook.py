"""What the textbooks define and frameworks leave out: true convolution, its matrix, and kin."""

from __future__ import annotations

import numpy as np

from .. import geometry
from ..autograd import op as _op
from ..errors import ShapeError
from .common import dimension, is_tensor, tensor
from .conv import conv1d, conv2d, conv3d
from .elementwise import add, div, mul, sqrt
from .reduce import amax, mean, sum
from .shape import flip, reshape, t

__all__ = [
    "conv_matrix",
    "convolve1d",
    "convolve2d",
    "convolve3d",
    "global_response_norm",
    "maxout",
]


def convolve1d(input, weight, bias=None, mode="full"):
    """Convolve signals with flipped kernels; see `convolve2d`."""
    return _convolve(1, conv1d, input, weight, bias, mode)


def convolve2d(input, weight, bias=None, mode="full"):
    """Convolve images in the sense of mathematics: with flipped kernels.

    ``y[i] = sum over j of x[i - j] w[j]``, summed over the input channels too. (`conv2d` does not
    flip, and is called cross-correlation in mathematics.)

    Parameters
    ----------
    input : Tensor
        Shape (batch, in_channels, height, width), or without a batch.
    weight : Tensor
        Shape (out_channels, in_channels, *kernel).
    bias : Tensor, optional
        Shape (out_channels,).
    mode : str
        ``'full'``: wherever kernel and image overlap, size ``n + k - 1``. ``'same'``: the middle of
        that, of the size of the image. ``'valid'``: where the kernel lies inside the image.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If the mode is unknown.
    ShapeError
        If sizes do not fit together.

    Notes
    -----
    Goodfellow, Bengio and Courville 2016, Deep Learning, equations 9.4 to 9.6.
    """
    return _convolve(2, conv2d, input, weight, bias, mode)


def convolve3d(input, weight, bias=None, mode="full"):
    """Convolve volumes with flipped kernels; see `convolve2d`."""
    return _convolve(3, conv3d, input, weight, bias, mode)


def _convolve(ndim, correlate, input, weight, bias, mode):
    op = f"convolve{ndim}d"
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"{op}: mode must be 'full', 'same' or 'valid', got {mode!r}")
    if not is_tensor(weight):
        raise TypeError(f"{op}: weight must be a Tensor, got {type(weight).__name__}")
    if weight.ndim != ndim + 2:
        raise ShapeError(
            f"{op}: weight must have {ndim + 2} dimensions, got weight {tuple(weight.shape)}"
        )
    kernel = tuple(weight.shape[2:])
    padding = {
        "full": tuple((k - 1, k - 1) for k in kernel),
        "same": tuple((k // 2, (k - 1) // 2) for k in kernel),
        "valid": 0,
    }[mode]
    flipped = flip(weight, tuple(range(2, ndim + 2)))
    return correlate(input, flipped, bias, 1, padding)


def conv_matrix(weight, input_size, stride=1, padding=0, dilation=1, groups=1):
    """Return the matrix of a convolution.

    With ``M = conv_matrix(w, x.shape[2:])``, ``conv(x, w)`` is ``M @ x.flatten()`` for each image,
    and the transposed convolution of y is ``M.T @ y.flatten()``.

    Parameters
    ----------
    weight : Tensor
        Kernels, shape (out_channels, in_channels / groups, *kernel), for 1 to 3 dimensions.
    input_size : tuple of int
        Spatial sizes of the images.
    stride, padding, dilation, groups
        As for `conv2d`.

    Returns
    -------
    Tensor
        Shape (out_channels * positions, in_channels * pixels), dense.

    Raises
    ------
    ShapeError
        If sizes do not fit together.

    Notes
    -----
    Dumoulin and Visin 2016 (arXiv 1603.07285), section 4.1.
    """
    op = "conv_matrix"
    if not is_tensor(weight):
        raise TypeError(f"{op}: weight must be a Tensor, got {type(weight).__name__}")
    ndim = weight.ndim - 2
    if ndim not in (1, 2, 3):
        raise ShapeError(
            f"{op}: weight must have 3 to 5 dimensions, got weight {tuple(weight.shape)}"
        )
    size = geometry.integers(op, "input_size", input_size, ndim)
    channels = weight.shape[1] * geometry.integer(op, "groups", groups)
    pixels = channels * int(np.prod(size))
    basis = np.eye(pixels, dtype=weight._array.dtype).reshape(pixels, channels, *size)
    convolve = (conv1d, conv2d, conv3d)[ndim - 1]
    images = _op.Tensor._wrap(basis)
    result = convolve(images, weight, None, stride, padding, dilation, groups)
    return t(reshape(result, (pixels, -1)))


def maxout(input, pieces, dim=1):
    """Take the maximum of every `pieces` neighbours along a dimension.

    Parameters
    ----------
    input : Tensor
    pieces : int
        Number of neighbours, which divides the size of the dimension.
    dim : int
        The dimension: that of the channels by default.

    Returns
    -------
    Tensor
        As `input`, with the size of `dim` divided by `pieces`. Equal maxima share the gradient.

    Raises
    ------
    ShapeError
        If the dimension cannot be divided.

    Notes
    -----
    Goodfellow et al. 2013, Maxout Networks (arXiv 1302.4389), section 2.
    """
    tensor("maxout", input)
    pieces = geometry.integer("maxout", "pieces", pieces)
    dim = dimension("maxout", input, dim)
    shape = tuple(input.shape)
    if shape[dim] % pieces:
        raise ShapeError(
            f"maxout: dimension {dim} cannot be divided into pieces of {pieces}: input {shape}"
        )
    grouped = (*shape[:dim], shape[dim] // pieces, pieces, *shape[dim + 1 :])
    return amax(reshape(input, grouped), dim + 1)


def global_response_norm(input, weight=None, bias=None, eps=1e-6, dim=1):
    """Let the channels of images compete: scale each by its norm relative to the others.

    ``y = x + weight * x * n + bias`` with ``n = |x| / (mean of |x| over the channels + eps)``,
    where ``|x|`` is the root of the sum of squares of a channel over the image.

    Parameters
    ----------
    input : Tensor
        Shape (batch, channels, *size), or with the channels at `dim`.
    weight, bias : Tensor, optional
        One value per channel. Default: 1 and 0.
    eps : float
    dim : int
        Dimension of the channels.

    Returns
    -------
    Tensor

    Raises
    ------
    ShapeError
        If the input has no spatial dimensions.

    Notes
    -----
    Woo et al. 2023, ConvNeXt V2 (arXiv 2301.00808), equations 1 to 3.
    """
    op = "global_response_norm"
    tensor(op, input)
    if input.ndim < 3:
        raise ShapeError(f"{op}: input must have at least 3 dimensions, got {tuple(input.shape)}")
    dim = dimension(op, input, dim)
    image = tuple(d for d in range(1, input.ndim) if d != dim)
    norm = sqrt(sum(mul(input, input), image, True))
    scaled = mul(input, div(norm, add(mean(norm, dim, True), eps)))
    per_channel = (-1, *(1,) * (input.ndim - 1 - dim))
    if weight is not None:
        scaled = mul(scaled, reshape(weight, per_channel))
    if bias is not None:
        scaled = add(scaled, reshape(bias, per_channel))
    return add(input, scaled)
