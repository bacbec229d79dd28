"""MobileNet v3, small and large."""

from __future__ import annotations

from functools import partial

from ... import nn
from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from ._api import builder
from ._utils import _make_divisible, initialize

__all__ = ["MobileNetV3", "mobilenet_v3_large", "mobilenet_v3_small"]


class InvertedResidualConfig:
    """A line of the tables in the paper: channels in, inside and out, and what is between.

    Parameters
    ----------
    input_channels, kernel, expanded_channels, out_channels : int
    use_se : bool
        With squeeze and excitation.
    activation : str
        ``"RE"`` (ReLU) or ``"HS"`` (hardswish).
    stride, dilation : int
    width_mult : float
        Scales all channels.
    """

    def __init__(
        self,
        input_channels,
        kernel,
        expanded_channels,
        out_channels,
        use_se,
        activation,
        stride,
        dilation,
        width_mult,
    ):
        self.input_channels = self.adjust_channels(input_channels, width_mult)
        self.kernel = kernel
        self.expanded_channels = self.adjust_channels(expanded_channels, width_mult)
        self.out_channels = self.adjust_channels(out_channels, width_mult)
        self.use_se = use_se
        self.use_hs = activation == "HS"
        self.stride = stride
        self.dilation = dilation

    @staticmethod
    def adjust_channels(channels, width_mult):
        """Return the channels, scaled, as a multiple of 8."""
        return _make_divisible(channels * width_mult, 8)


_SE = partial(SqueezeExcitation, scale_activation=nn.Hardsigmoid)


class InvertedResidual(nn.Module):
    """A 1x1 convolution that widens, a depthwise one, squeeze and excitation, 1x1."""

    def __init__(
        self,
        cnf,
        norm_layer,
        se_layer=_SE,
    ):
        super().__init__()
        if cnf.stride not in (1, 2):
            raise ValueError("illegal stride value")
        inside = cnf.expanded_channels
        options = {
            "norm_layer": norm_layer,
            "activation_layer": nn.Hardswish if cnf.use_hs else nn.ReLU,
        }
        layers = []
        if inside != cnf.input_channels:
            layers.append(
                Conv2dNormActivation(cnf.input_channels, inside, kernel_size=1, **options)
            )
        layers.append(
            Conv2dNormActivation(
                inside,
                inside,
                kernel_size=cnf.kernel,
                stride=1 if cnf.dilation > 1 else cnf.stride,
                dilation=cnf.dilation,
                groups=inside,
                **options,
            )
        )
        if cnf.use_se:
            layers.append(se_layer(inside, _make_divisible(inside // 4, 8)))
        options["activation_layer"] = None
        layers.append(Conv2dNormActivation(inside, cnf.out_channels, kernel_size=1, **options))
        self.block = nn.Sequential(*layers)
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.out_channels = cnf.out_channels

    def forward(self, input):
        result = self.block(input)
        if self.use_res_connect:
            result += input
        return result


class MobileNetV3(nn.Module):
    """MobileNet v3.

    Parameters
    ----------
    inverted_residual_setting : list of InvertedResidualConfig
    last_channel : int
        Channels before the last layer.
    num_classes : int, default 1000
    block, norm_layer : callable, optional
        Instead of the inverted residual, and of `nn.BatchNorm2d` with eps=0.001, momentum=0.01.
    dropout : float, default 0.2

    Raises
    ------
    ValueError
        If there are no blocks.

    Notes
    -----
    Source: A. Howard et al., "Searching for MobileNetV3", arXiv:1905.02244, tables 1 and 2.
    """

    def __init__(
        self,
        inverted_residual_setting,
        last_channel,
        num_classes=1000,
        block=None,
        norm_layer=None,
        dropout=0.2,
    ):
        super().__init__()
        if not inverted_residual_setting:
            raise ValueError("The inverted_residual_setting should not be empty")
        block = block or InvertedResidual
        norm = norm_layer or partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        options = {"norm_layer": norm, "activation_layer": nn.Hardswish}
        first = inverted_residual_setting[0].input_channels
        last = inverted_residual_setting[-1].out_channels
        self.features = nn.Sequential(
            Conv2dNormActivation(3, first, kernel_size=3, stride=2, **options),
            *[block(cnf, norm) for cnf in inverted_residual_setting],
            Conv2dNormActivation(last, 6 * last, kernel_size=1, **options),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(6 * last, last_channel),
            nn.Hardswish(inplace=True),
            nn.Dropout(p=dropout, inplace=True),
            nn.Linear(last_channel, num_classes),
        )
        initialize(self, conv="kaiming-linear")

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


# Channels in, kernel, inside, out, squeeze and excitation, activation, stride. The last three lines
# are dilated or reduced on demand.
_LARGE = (
    (16, 3, 16, 16, False, "RE", 1),
    (16, 3, 64, 24, False, "RE", 2),
    (24, 3, 72, 24, False, "RE", 1),
    (24, 5, 72, 40, True, "RE", 2),
    (40, 5, 120, 40, True, "RE", 1),
    (40, 5, 120, 40, True, "RE", 1),
    (40, 3, 240, 80, False, "HS", 2),
    (80, 3, 200, 80, False, "HS", 1),
    (80, 3, 184, 80, False, "HS", 1),
    (80, 3, 184, 80, False, "HS", 1),
    (80, 3, 480, 112, True, "HS", 1),
    (112, 3, 672, 112, True, "HS", 1),
    (112, 5, 672, 160, True, "HS", 2),
    (160, 5, 960, 160, True, "HS", 1),
    (160, 5, 960, 160, True, "HS", 1),
)
_SMALL = (
    (16, 3, 16, 16, True, "RE", 2),
    (16, 3, 72, 24, False, "RE", 2),
    (24, 3, 88, 24, False, "RE", 1),
    (24, 5, 96, 40, True, "HS", 2),
    (40, 5, 240, 40, True, "HS", 1),
    (40, 5, 240, 40, True, "HS", 1),
    (40, 5, 120, 48, True, "HS", 1),
    (48, 5, 144, 48, True, "HS", 1),
    (48, 5, 288, 96, True, "HS", 2),
    (96, 5, 576, 96, True, "HS", 1),
    (96, 5, 576, 96, True, "HS", 1),
)


def _mobilenet_v3(
    plan, last_channel, width_mult=1.0, reduced_tail=False, dilated=False, **kwargs
) -> MobileNetV3:
    settings = []
    for number, (channels, kernel, inside, out, *rest) in enumerate(plan):
        tail = len(plan) - number  # counted from the end
        if reduced_tail and tail <= 3:
            out //= 2
            if tail <= 2:
                channels, inside = channels // 2, inside // 2
        dilation = 2 if dilated and tail <= 3 else 1
        settings.append(
            InvertedResidualConfig(channels, kernel, inside, out, *rest, dilation, width_mult)
        )
    last = last_channel // 2 if reduced_tail else last_channel
    last = InvertedResidualConfig.adjust_channels(last, width_mult)
    return MobileNetV3(settings, last, **kwargs)


mobilenet_v3_large = builder("mobilenet_v3_large", _mobilenet_v3, _LARGE, 1280)
mobilenet_v3_small = builder("mobilenet_v3_small", _mobilenet_v3, _SMALL, 1024)
