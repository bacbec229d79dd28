"""Batch normalisation folded into the layer before it."""

from __future__ import annotations

import copy

from ...autograd.grad_mode import no_grad
from ..parameter import Parameter

__all__ = [
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
]


def _folded(weight, bias, mean, var, eps, gain, shift, channel_dim):
    with no_grad():
        bias = mean * 0 if bias is None else bias
        gain = mean * 0 + 1 if gain is None else gain
        shift = mean * 0 if shift is None else shift
        factor = gain * (var + eps).rsqrt()
        shape = [1] * weight.ndim
        shape[channel_dim] = -1
        new_bias = (bias - mean) * factor + shift
        return Parameter(weight * factor.reshape(shape)), Parameter(new_bias)


def fuse_conv_bn_weights(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, transpose: bool = False):
    """Return weight and bias of a convolution that does what it and a batch norm did.

    Parameters
    ----------
    conv_w, conv_b : Tensor
        Of the convolution; the bias may be None.
    bn_rm, bn_rv : Tensor
        Running mean and variance.
    bn_eps : float
    bn_w, bn_b : Tensor
        Of the batch norm; may be None.
    transpose : bool
        Whether the convolution is a transposed one.

    Returns
    -------
    weight, bias : Parameter
    """
    return _folded(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, int(transpose))


def fuse_linear_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b):
    """Return weight and bias of a linear layer that does what it and a batch norm did.

    Parameters
    ----------
    linear_w, linear_b : Tensor
        (m, n), and (m,) or None.
    bn_rm, bn_rv : Tensor
        The running mean and variance, (m,).
    bn_eps : float
    bn_w, bn_b : Tensor
        The scale and the shift, (m,).
    """
    return _folded(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, 0)


def _fused(layer, bn, **options):
    if layer.training or bn.training:
        raise RuntimeError("fuse: both modules must be in evaluation mode, call eval() first")
    fused = copy.deepcopy(layer)
    statistics = bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    fuse = fuse_conv_bn_weights if options else fuse_linear_bn_weights
    fused.weight, fused.bias = fuse(fused.weight, fused.bias, *statistics, **options)
    return fused


def fuse_conv_bn_eval(conv, bn, transpose: bool = False):
    """Return a convolution that does what `conv` and `bn` do in evaluation mode.

    Parameters
    ----------
    conv : Conv1d, Conv2d, Conv3d or transposed
    bn : BatchNorm1d, BatchNorm2d or BatchNorm3d
        In evaluation mode, as `conv` is.
    transpose : bool
        Whether `conv` is transposed.
    """
    return _fused(conv, bn, transpose=transpose)


def fuse_linear_bn_eval(linear, bn):
    """Return a linear layer that does what `linear` and `bn` do in evaluation mode.

    Parameters
    ----------
    linear : Linear
    bn : BatchNorm1d
        In evaluation mode, as `linear` is.
    """
    return _fused(linear, bn)
