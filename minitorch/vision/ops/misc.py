"""Blocks that many networks share."""

from __future__ import annotations

from collections.abc import Sequence

from ... import creation, nn
from ...nn.tuples import _ntuple

__all__ = [
    "MLP",
    "Conv2dNormActivation",
    "Conv3dNormActivation",
    "FrozenBatchNorm2d",
    "Permute",
    "SqueezeExcitation",
]


def _same_padding(kernel_size, dilation):
    """Return the padding that keeps the size at stride 1, for odd kernels."""
    if isinstance(kernel_size, int) and isinstance(dilation, int):
        return (kernel_size - 1) // 2 * dilation
    count = len(kernel_size if isinstance(kernel_size, Sequence) else dilation)
    pairs = zip(_ntuple(count)(kernel_size), _ntuple(count)(dilation), strict=True)
    return tuple((k - 1) // 2 * d for k, d in pairs)


class ConvNormActivation(nn.Sequential):
    """Convolution, normalisation, activation: the base of the classes for 2 and 3 dimensions."""

    _conv = nn.Conv2d
    _norm = nn.BatchNorm2d

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size=3,
        stride=1,
        padding=None,
        groups=1,
        norm_layer="batch",
        activation_layer=nn.ReLU,
        dilation=1,
        inplace=True,
        bias=None,
    ):
        norm = self._norm if norm_layer == "batch" else norm_layer
        if padding is None:
            padding = _same_padding(kernel_size, dilation)
        if bias is None:
            bias = norm is None
        layers = [
            self._conv(
                in_channels,
                out_channels,
                kernel_size,
                stride,
                padding,
                dilation=dilation,
                groups=groups,
                bias=bias,
            )
        ]
        if norm is not None:
            layers.append(norm(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer(**({} if inplace is None else {"inplace": inplace})))
        super().__init__(*layers)
        self.out_channels = out_channels


class Conv2dNormActivation(ConvNormActivation):
    """Convolution, normalisation and activation, in this order.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels.
    kernel_size : int or tuple, default 3
    stride : int or tuple, default 1
    padding : int, tuple or str, optional
        Unless given, what keeps the size at stride 1 for odd kernels.
    groups : int, default 1
    norm_layer : callable, optional
        Makes the normalisation from the number of channels; `nn.BatchNorm2d` unless given. None
        leaves it out.
    activation_layer : callable, optional
        Makes the activation; `nn.ReLU` unless given. None leaves it out.
    dilation : int or tuple, default 1
    inplace : bool, optional
        Passed to `activation_layer`; True unless given, None passes nothing.
    bias : bool, optional
        Of the convolution; unless given, there is one where there is no normalisation.
    """


class Conv3dNormActivation(ConvNormActivation):
    """`Conv2dNormActivation` for 3 dimensions, with `nn.BatchNorm3d` unless told otherwise.

    Arguments as of `Conv2dNormActivation`.
    """

    _conv = nn.Conv3d
    _norm = nn.BatchNorm3d


class SqueezeExcitation(nn.Module):
    r"""Scale every channel by a number that depends on the means of all channels.

    .. math:: y = x \cdot \sigma(W_2 \delta(W_1 \operatorname{mean}(x)))

    Parameters
    ----------
    input_channels : int
    squeeze_channels : int
        Channels between the two linear maps, which are 1x1 convolutions.
    activation : callable
        Makes the first activation; `nn.ReLU` unless given.
    scale_activation : callable
        Makes the second; `nn.Sigmoid` unless given.

    Notes
    -----
    Source: J. Hu, L. Shen, S. Albanie, G. Sun, E. Wu, "Squeeze-and-excitation networks",
    arXiv:1709.01507, equations 2 to 4.
    """

    def __init__(
        self, input_channels, squeeze_channels, activation=nn.ReLU, scale_activation=nn.Sigmoid
    ):
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = nn.Conv2d(squeeze_channels, input_channels, 1)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def forward(self, input):
        squeezed = self.activation(self.fc1(self.avgpool(input)))
        return self.scale_activation(self.fc2(squeezed)) * input


class MLP(nn.Sequential):
    """Linear layers with normalisation, activation and dropout between them.

    Parameters
    ----------
    in_channels : int
    hidden_channels : list of int
        Outputs of each layer.
    norm_layer : callable, optional
        Makes the normalisation from the number of channels; none unless given.
    activation_layer : callable
        `nn.ReLU` unless given.
    inplace : bool, optional
        Passed to activations and dropouts, if given.
    bias : bool, default True
    dropout : float, default 0
        Probability.
    """

    def __init__(
        self,
        in_channels,
        hidden_channels,
        norm_layer=None,
        activation_layer=nn.ReLU,
        inplace=None,
        bias=True,
        dropout=0.0,
    ):
        options = {} if inplace is None else {"inplace": inplace}
        layers = []
        for number, channels in enumerate(hidden_channels, 1):
            layers.append(nn.Linear(in_channels, channels, bias=bias))
            if number < len(hidden_channels):
                layers += [norm_layer(channels)] if norm_layer is not None else []
                layers.append(activation_layer(**options))
            layers.append(nn.Dropout(dropout, **options))
            in_channels = channels
        super().__init__(*layers)


class Permute(nn.Module):
    """Reorder the dimensions of the input.

    Parameters
    ----------
    dims : list of int
        The wanted order.
    """

    def __init__(self, dims):
        super().__init__()
        self.dims = dims

    def forward(self, x):
        return x.permute(*self.dims)


class FrozenBatchNorm2d(nn.Module):
    """Batch normalisation whose statistics and parameters are buffers that never change.

    Parameters
    ----------
    num_features : int
        Channels.
    eps : float, default 1e-5
        Added to the variance.
    """

    def __init__(self, num_features: int, eps: float = 1e-5):
        super().__init__()
        self.eps = eps
        for name, fill in (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1)):
            self.register_buffer(name, creation.full((num_features,), float(fill)))

    def _load_from_state_dict(self, state_dict, prefix, *args):
        state_dict.pop(prefix + "num_batches_tracked", None)  # of a batch norm that was trained
        super()._load_from_state_dict(state_dict, prefix, *args)

    def forward(self, x):
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        return x * scale.reshape(1, -1, 1, 1) + shift.reshape(1, -1, 1, 1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.weight.shape[0]}, eps={self.eps})"
