"""Helpers for gradients and parameters."""

from . import parametrizations, parametrize, prune, rnn, stateless
from .clip import (
    clip_grad_norm,
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from .convert import parameters_to_vector, vector_to_parameters
from .fusion import (
    fuse_conv_bn_eval,
    fuse_conv_bn_weights,
    fuse_linear_bn_eval,
    fuse_linear_bn_weights,
)
from .weight_norm import (
    SpectralNorm,
    WeightNorm,
    remove_spectral_norm,
    remove_weight_norm,
    spectral_norm,
    weight_norm,
)


def convert_conv2d_weight_memory_format(module, memory_format):
    """Return the module: memory formats have no effect.

    Parameters
    ----------
    module : Module
    memory_format : optional
        Not used.
    """
    return module


convert_conv3d_weight_memory_format = convert_conv2d_weight_memory_format


def skip_init(module_cls, *args, **kwargs):
    """Make a module; its parameters are initialised as always, which costs little on a CPU.

    Parameters
    ----------
    module_cls : class
    *args, **kwargs
        Of its constructor.

    Returns
    -------
    Module
    """
    kwargs.pop("device", None)
    return module_cls(*args, **kwargs)
