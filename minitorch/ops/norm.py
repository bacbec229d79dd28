"""Normalisation: subtract a mean, divide by a deviation, over the batch, a layer or a group."""

from __future__ import annotations

import math

import numpy as np

from .. import kernels
from ..autograd.grad_mode import state
from ..autograd.op import Op
from ..errors import ShapeError
from .common import is_tensor
from .elementwise import add, clamp_min, div, mul, pow, rsqrt, scale, square, sub
from .pool import avg_pool2d
from .reduce import mean, norm, sum
from .shape import reshape

__all__ = [
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "normalize",
    "rms_norm",
]


def _gradient_through_statistics(grad, normal, inverse, dims):
    """Gradient of ``(x - mean(x)) / deviation(x)``, where mean and deviation go over `dims`."""
    along = mean(mul(grad, normal), dims, True)
    return mul(sub(sub(grad, mean(grad, dims, True)), mul(normal, along)), inverse)


def _normal(input, dims, eps):
    """Return the normalised input and the inverse deviation, as functions of `input`."""
    centred = sub(input, mean(input, dims, True))
    inverse = rsqrt(add(mean(square(centred), dims, True), eps))
    return mul(centred, inverse), inverse


class BatchNorm(Op):
    """Normalisation of every channel, then scale and shift.

    In training the mean and variance are those of the batch; the kept ones serve the fused
    backward, and `backward` computes them again, because they depend on the input.
    """

    formula = "dx = γ/σ (g - mean(g) - x̂ mean(g x̂)),  dγ = Σ g x̂,  dβ = Σ g"
    reads = {0: (0, 1), 1: (0,), 2: ()}

    def __init__(self, eps, statistics):
        self.eps = eps
        self.statistics = statistics  # (mean, variance) given, or None: those of the batch

    def forward(self, input, weight, bias):
        self.shape = (1, -1) + (1,) * (input.ndim - 2)
        if self.statistics is None:
            result, *self.constants = kernels.batch_norm_train(input, weight, bias, self.eps)
            return result
        self.constants = self.statistics
        return kernels.batch_norm(input, *self.statistics, weight, bias, self.eps)

    def backward(self, grad, needs):
        input, weight, _ = self.inputs
        dims = _channel_dims(grad)
        if self.statistics is None:
            normal, inverse = _normal(input, dims, self.eps)
            grad_input = _gradient_through_statistics(grad, normal, inverse, dims)
        else:
            average, variance = (v.reshape(self.shape) for v in self.statistics)
            inverse = (1 / np.sqrt(variance + self.eps)).astype(variance.dtype)
            normal = mul(sub(input, average), inverse) if needs[1] else None
            grad_input = mul(grad, inverse)
        if weight is not None:
            grad_input = mul(grad_input, reshape(weight, self.shape))
        grad_weight = sum(mul(grad, normal), dims) if needs[1] else None
        return grad_input, grad_weight, sum(grad, dims) if needs[2] else None

    def fused_backward(self, grad, needs):
        input, weight, _ = self.inputs
        if input is None:  # only the shift is wanted
            return None, None, sum(grad, _channel_dims(grad))
        if input.size == 0:  # the statistics are NaN, but nothing was normalised by them
            return self.backward(grad, needs)
        training = self.statistics is None
        return kernels.batch_norm_backward(grad, input, *self.constants, weight, self.eps, training)


class GroupNorm(Op):
    """Normalisation of groups of channels within each sample, then scale and shift.

    Layer, group, instance and RMS norm are this operation: the input is seen as `sizes`, (samples,
    groups, channels of a group, elements of a channel), and parameters belong to channels. In a
    layer norm every element is a channel; an RMS norm is not centred.
    """

    formula = "dx = 1/σ (γ g - mean(γ g) - x̂ mean(γ g x̂)),  dγ = Σ g x̂,  dβ = Σ g"
    reads = {0: (0, 1), 1: (0,), 2: ()}

    def __init__(self, sizes, eps, centred=True):
        self.sizes = sizes
        self.eps = eps
        self.centred = centred

    def forward(self, input, weight, bias):
        self.parameter_shape = next((v.shape for v in (weight, bias) if v is not None), None)
        settings = self.sizes, weight, bias, self.eps, self.centred
        result, *self.constants = kernels.group_norm(input, *settings)
        return result

    def backward(self, grad, needs):
        input, weight, _ = self.inputs
        shape, sizes, of_parameter = grad.shape, self.sizes, (1, *self.sizes[1:3], 1)
        grad = reshape(grad, sizes)
        grad_bias = reshape(sum(grad, (0, 3)), self.parameter_shape) if needs[2] else None
        if input is None:
            return None, None, grad_bias
        input = reshape(input, sizes)
        if self.centred:
            normal, inverse = _normal(input, (2, 3), self.eps)
        else:
            inverse = rsqrt(add(mean(square(input), (2, 3), True), self.eps))
            normal = mul(input, inverse)
        by_weight = mul(grad, normal) if needs[1] else None
        if weight is not None:
            grad = mul(grad, reshape(weight, of_parameter))
        if self.centred:
            grad_input = _gradient_through_statistics(grad, normal, inverse, (2, 3))
        else:
            along = mean(mul(grad, normal), (2, 3), True)
            grad_input = mul(sub(grad, mul(normal, along)), inverse)
        grad_weight = reshape(sum(by_weight, (0, 3)), self.parameter_shape) if needs[1] else None
        return reshape(grad_input, shape), grad_weight, grad_bias

    def fused_backward(self, grad, needs):
        input, weight, _ = self.inputs
        if input is None:  # only the shift is wanted
            return self.backward(grad, needs)
        settings = self.sizes, *self.constants, weight, self.eps, self.centred
        grad_input, *grads = kernels.group_norm_backward(grad, input, *settings)
        shape = self.parameter_shape
        if weight is None and shape is not None:
            grads = [v.reshape(shape) for v in grads]
        return grad_input, *grads


def _channel_dims(input):
    return (0, *range(2, input.ndim))


def _check_floating(name, input):
    if not is_tensor(input):
        raise TypeError(f"{name}: input must be a Tensor, got {type(input).__name__}")
    if input._array.dtype.kind != "f":
        raise RuntimeError(f"{name}: input must be floating-point, got {input.dtype}")


def _check_channels(name, input, **parameters):
    expected = input._array.shape[1:2]
    for label, value in parameters.items():
        if value is not None and value._array.shape != expected:
            raise ShapeError(
                f"{name}: {label} must have one element per channel, shape ({input.shape[1]},), "
                f"got {tuple(value.shape)}: input {tuple(input.shape)}"
            )


def _check_enough(name, input, values):
    if values == 1:
        raise ShapeError(
            f"{name}: Expected more than 1 value per channel when training, got input size "
            f"{tuple(input.shape)}"
        )


def _blend(running, value, momentum):
    """Move a running statistic towards the value of this batch, in place."""
    array = running._array
    array *= 1 - momentum
    array += value * momentum
    running._cell[0] += 1


def batch_norm(
    input,
    running_mean,
    running_var,
    weight=None,
    bias=None,
    training=False,
    momentum=0.1,
    eps=1e-5,
):
    """Normalise every channel over the batch, then scale and shift.

    Parameters
    ----------
    input : Tensor
        (N, C) or (N, C, \\*spatial), floating-point.
    running_mean, running_var : Tensor or None
        (C,). Used when `training` is False; when it is True and they are given, they are moved
        towards the statistics of the batch (the variance unbiased).
    weight, bias : Tensor or None
        (C,): scale and shift.
    training : bool
        Use the statistics of the batch.
    momentum : float
        Weight of the batch in the running statistics.
    eps : float
        Added to the variance.

    Returns
    -------
    Tensor
        Of the shape of `input`.

    Raises
    ------
    ShapeError
        If a parameter does not have one element per channel.
    ValueError
        If there is a single value per channel in training.

    Notes
    -----
    Ioffe and Szegedy 2015, "Batch Normalization", algorithms 1 and 2 (arXiv 1502.03167).
    """
    _check_floating("batch_norm", input)
    if input.ndim < 2:
        raise ShapeError(
            f"batch_norm: input must be (N, C) or (N, C, *spatial), got {tuple(input.shape)}"
        )
    _check_channels(
        "batch_norm",
        input,
        running_mean=running_mean,
        running_var=running_var,
        weight=weight,
        bias=bias,
    )
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError(
                "batch_norm: running_mean and running_var must be given when training=False"
            )
        given = running_mean._array, running_var._array
        if state.grad:  # copies: a later training step writes into the running statistics
            given = given[0].copy(), given[1].copy()
        return BatchNorm(eps, given)(input, weight, bias)
    count = input.numel() // max(1, input._array.shape[1])
    _check_enough("batch_norm", input, count)
    op = BatchNorm(eps, None)
    output = op(input, weight, bias)
    if running_mean is not None or running_var is not None:
        average, variance = op.constants
        if running_mean is not None and count:
            _blend(running_mean, average, momentum)
        if running_var is not None and count:
            _blend(running_var, variance * (count / (count - 1)), momentum)
    return output


def _normalized_sizes(name, input, normalized_shape, **parameters):
    """Return `normalized_shape` as a tuple, which `input` ends in and the parameters have."""
    _check_floating(name, input)
    sizes = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not sizes or tuple(input.shape[-len(sizes) :]) != sizes:
        raise ShapeError(
            f"{name}: input must end in normalized_shape {sizes}, got {tuple(input.shape)}"
        )
    for label, value in parameters.items():
        if value is not None and tuple(value.shape) != sizes:
            raise ShapeError(
                f"{name}: {label} must have normalized_shape {sizes}, got {tuple(value.shape)}"
            )
    return sizes


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Normalise over the last dimensions, then scale and shift every element.

    Parameters
    ----------
    input : Tensor
        (\\*, \\*normalized_shape), floating-point.
    normalized_shape : int or sequence of int
        Sizes of the last dimensions.
    weight, bias : Tensor or None
        Of shape `normalized_shape`.
    eps : float
        Added to the variance.

    Returns
    -------
    Tensor
        Of the shape of `input`.

    Raises
    ------
    ShapeError
        If the last dimensions of `input`, or the parameters, have other sizes.

    Notes
    -----
    Ba, Kiros and Hinton 2016, "Layer Normalization" (arXiv 1607.06450).
    """
    sizes = _normalized_sizes("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    return GroupNorm(_rows(input, sizes), eps)(input, weight, bias)


def _rows(input, sizes):
    """Return the sizes for `GroupNorm` of an input whose last dimensions are normalised."""
    shape = input.shape
    return math.prod(shape[: len(shape) - len(sizes)]), 1, math.prod(sizes), 1


def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    """Normalise every group of channels of every sample, then scale and shift channels.

    Parameters
    ----------
    input : Tensor
        (N, C, \\*), floating-point.
    num_groups : int
        Divides C.
    weight, bias : Tensor or None
        (C,)
    eps : float
        Added to the variance.

    Returns
    -------
    Tensor
        Of the shape of `input`.

    Raises
    ------
    ShapeError
        If the channels cannot be divided, or a parameter has another size.

    Notes
    -----
    Wu and He 2018, "Group Normalization" (arXiv 1803.08494).
    """
    _check_floating("group_norm", input)
    if input.ndim < 2:
        raise ShapeError(f"group_norm: input must be (N, C, *), got {tuple(input.shape)}")
    channels = input.shape[1]
    if num_groups <= 0 or channels % num_groups:
        raise ShapeError(
            f"group_norm: num_groups {num_groups} must divide the {channels} channels of input "
            f"{tuple(input.shape)}"
        )
    _check_channels("group_norm", input, weight=weight, bias=bias)
    sizes = input.shape[0], num_groups, channels // num_groups, math.prod(input.shape[2:])
    return GroupNorm(sizes, eps)(input, weight, bias)


def instance_norm(
    input,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    use_input_stats=True,
    momentum=0.1,
    eps=1e-5,
):
    """Normalise every channel of every sample, then scale and shift.

    Parameters
    ----------
    input : Tensor
        (N, C, \\*spatial), floating-point.
    running_mean, running_var : Tensor or None
        (C,). Used when `use_input_stats` is False, else moved towards the mean over the batch of
        the samples' statistics.
    weight, bias : Tensor or None
        (C,)
    use_input_stats : bool
        Use the statistics of each sample.
    momentum : float
        Weight of the batch in the running statistics.
    eps : float
        Added to the variance.

    Returns
    -------
    Tensor
        Of the shape of `input`.

    Notes
    -----
    Ulyanov, Vedaldi and Lempitsky 2016, "Instance Normalization" (arXiv 1607.08022).
    """
    _check_floating("instance_norm", input)
    if input.ndim < 3:
        raise ShapeError(f"instance_norm: input must be (N, C, *spatial), got {tuple(input.shape)}")
    _check_channels(
        "instance_norm",
        input,
        running_mean=running_mean,
        running_var=running_var,
        weight=weight,
        bias=bias,
    )
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    batch, channels = input.shape[:2]
    count = math.prod(input.shape[2:])
    _check_enough("instance_norm", input, count)
    op = GroupNorm((batch, channels, 1, count), eps)
    output = op(input, weight, bias)
    if running_mean is not None and batch:
        average, variance = op.constants
        _blend(running_mean, average.mean(0), momentum)
        _blend(running_var, variance.mean(0) * (count / (count - 1)), momentum)
    return output


def rms_norm(input, normalized_shape, weight=None, eps=None):
    """Divide by the root of the mean square over the last dimensions (Zhang and Sennrich 2019).

    Parameters
    ----------
    input : Tensor
    normalized_shape : sequence of int
        The sizes of these dimensions.
    weight : Tensor, optional
        Of that shape.
    eps : float, optional
        Added to the mean square. Default: the machine epsilon of the type.

    Returns
    -------
    Tensor
    """
    sizes = _normalized_sizes("rms_norm", input, normalized_shape, weight=weight)
    eps = float(np.finfo(input.dtype.numpy).eps) if eps is None else eps
    return GroupNorm(_rows(input, sizes), eps, centred=False)(input, weight, None)


def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    """Divide by a power of the mean square over neighbouring channels.

    Parameters
    ----------
    input : Tensor
        (N, C, ...), with at least three dimensions.
    size : int
        How many channels are neighbours.
    alpha, beta, k : float
        The divisor is ``(k + alpha * mean_square) ** beta``.

    Returns
    -------
    Tensor

    Notes
    -----
    Krizhevsky et al. 2012, section 3.3; there the sum takes the place of the mean.
    """
    _check_floating("local_response_norm", input)
    if input.ndim < 3:
        raise ShapeError(
            f"local_response_norm: input must be (N, C, *spatial), got {tuple(input.shape)}"
        )
    if size < 1:
        raise ValueError(f"local_response_norm: size must be at least 1, got {size}")
    if input.numel() == 0:
        return mul(input, 1.0)
    n, channels = input.shape[:2]
    squares = reshape(square(input), (n, 1, channels, -1))
    padding = ((size // 2, (size - 1) // 2), (0, 0))
    means = reshape(avg_pool2d(squares, (size, 1), 1, padding), input.shape)
    return mul(input, pow(scale(means, float(alpha), float(k)), -float(beta)))


def normalize(input, p=2.0, dim=1, eps=1e-12):
    """Divide by the norm along a dimension.

    Parameters
    ----------
    input : Tensor
    p : float
        Order of the norm.
    dim : int or tuple of int
    eps : float
        The least divisor.

    Returns
    -------
    Tensor
    """
    _check_floating("normalize", input)
    return div(input, clamp_min(norm(input, p, dim, True), eps))
