"""EfficientNet, B0 to B7, and EfficientNet v2."""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

from ... import nn
from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from ..ops.stochastic_depth import StochasticDepth
from ._api import builder
from ._utils import _make_divisible, initialize

__all__ = [
    "EfficientNet",
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_b4",
    "efficientnet_b5",
    "efficientnet_b6",
    "efficientnet_b7",
    "efficientnet_v2_l",
    "efficientnet_v2_m",
    "efficientnet_v2_s",
]


class Stage(NamedTuple):
    """A line of the tables in the papers: blocks that are wide inside, and their channels.

    ``block`` is `MBConv` or `FusedMBConv`.
    """

    block: type
    expand_ratio: float
    kernel: int
    stride: int
    input_channels: int
    out_channels: int
    num_layers: int


class _Block(nn.Module):
    """What both kinds of block share: the input is added, by stochastic depth."""

    def __init__(self, layers, channels, out, stride, stochastic_depth_prob):
        super().__init__()
        if stride not in (1, 2):
            raise ValueError("illegal stride value")
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.use_res_connect = stride == 1 and channels == out
        self.out_channels = out

    def forward(self, input):
        result = self.block(input)
        if self.use_res_connect:
            result = self.stochastic_depth(result)
            result += input
        return result


class MBConv(_Block):
    """A 1x1 convolution that widens, a depthwise one, squeeze and excitation, 1x1.

    Parameters
    ----------
    expand_ratio : float
        Channels inside, per channel of the input.
    kernel, stride : int
        Of the depthwise convolution.
    channels, out : int
    stochastic_depth_prob : float
    norm_layer : callable
    """

    def __init__(
        self, expand_ratio, kernel, stride, channels, out, stochastic_depth_prob, norm_layer
    ):
        inside = _make_divisible(channels * expand_ratio, 8)
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        layers = [conv(channels, inside, kernel_size=1)] if inside != channels else []
        layers += [
            conv(inside, inside, kernel_size=kernel, stride=stride, groups=inside),
            SqueezeExcitation(
                inside, max(1, channels // 4), activation=partial(nn.SiLU, inplace=True)
            ),
            conv(inside, out, kernel_size=1, activation_layer=None),
        ]
        super().__init__(layers, channels, out, stride, stochastic_depth_prob)


class FusedMBConv(_Block):
    """A dense convolution that widens, and a 1x1 one; parameters as `MBConv`."""

    def __init__(
        self, expand_ratio, kernel, stride, channels, out, stochastic_depth_prob, norm_layer
    ):
        inside = _make_divisible(channels * expand_ratio, 8)
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        if inside != channels:
            layers = [
                conv(channels, inside, kernel_size=kernel, stride=stride),
                conv(inside, out, kernel_size=1, activation_layer=None),
            ]
        else:
            layers = [conv(channels, out, kernel_size=kernel, stride=stride)]
        super().__init__(layers, channels, out, stride, stochastic_depth_prob)


class EfficientNet(nn.Module):
    """EfficientNet.

    Parameters
    ----------
    inverted_residual_setting : list of Stage
    dropout : float
        Before the last layer.
    stochastic_depth_prob : float, default 0.2
        Of the last block; it grows from 0 at the first.
    num_classes : int, default 1000
    norm_layer : callable, optional
        `nn.BatchNorm2d` unless given.
    last_channel : int, optional
        Channels before the last layer; 4 times those of the last stage unless given.

    Raises
    ------
    ValueError
        If there are no stages.

    Notes
    -----
    Sources: M. Tan, Q. Le, "EfficientNet", arXiv:1905.11946, table 1; M. Tan, Q. Le,
    "EfficientNetV2", arXiv:2104.00298, table 4.
    """

    def __init__(
        self,
        inverted_residual_setting,
        dropout,
        stochastic_depth_prob=0.2,
        num_classes=1000,
        norm_layer=None,
        last_channel=None,
    ):
        super().__init__()
        if not inverted_residual_setting:
            raise ValueError("The inverted_residual_setting should not be empty")
        norm = norm_layer or nn.BatchNorm2d
        conv = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.SiLU)
        total = sum(stage.num_layers for stage in inverted_residual_setting)
        done = 0
        layers = [conv(3, inverted_residual_setting[0].input_channels, kernel_size=3, stride=2)]
        for stage in inverted_residual_setting:
            blocks = []
            for i in range(stage.num_layers):
                stride, channels = stage.stride, stage.input_channels
                if i > 0:
                    stride, channels = 1, stage.out_channels
                probability = stochastic_depth_prob * float(done) / total
                blocks.append(
                    stage.block(
                        stage.expand_ratio,
                        stage.kernel,
                        stride,
                        channels,
                        stage.out_channels,
                        probability,
                        norm,
                    )
                )
                done += 1
            layers.append(nn.Sequential(*blocks))
        channels = inverted_residual_setting[-1].out_channels
        last = last_channel or 4 * channels
        layers.append(conv(channels, last, kernel_size=1))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout, inplace=True), nn.Linear(last, num_classes)
        )
        initialize(self, conv="kaiming-linear", linear=None)
        bound = 1.0 / math.sqrt(num_classes)
        nn.init.uniform_(self.classifier[1].weight, -bound, bound)
        nn.init.zeros_(self.classifier[1].bias)

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


# Widening, kernel, stride, channels in and out, blocks: of B0.
_B0 = (
    (1, 3, 1, 32, 16, 1),
    (6, 3, 2, 16, 24, 2),
    (6, 5, 2, 24, 40, 2),
    (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4),
    (6, 3, 1, 192, 320, 1),
)
# The same of v2; the first lines are of fused blocks.
_S = (
    (1, 3, 1, 24, 24, 2),
    (4, 3, 2, 24, 48, 4),
    (4, 3, 2, 48, 64, 4),
    (4, 3, 2, 64, 128, 6),
    (6, 3, 1, 128, 160, 9),
    (6, 3, 2, 160, 256, 15),
)
_M = (
    (1, 3, 1, 24, 24, 3),
    (4, 3, 2, 24, 48, 5),
    (4, 3, 2, 48, 80, 5),
    (4, 3, 2, 80, 160, 7),
    (6, 3, 1, 160, 176, 14),
    (6, 3, 2, 176, 304, 18),
    (6, 3, 1, 304, 512, 5),
)
_L = (
    (1, 3, 1, 32, 32, 4),
    (4, 3, 2, 32, 64, 7),
    (4, 3, 2, 64, 96, 7),
    (4, 3, 2, 96, 192, 10),
    (6, 3, 1, 192, 224, 19),
    (6, 3, 2, 224, 384, 25),
    (6, 3, 1, 384, 640, 7),
)


def _v1(name, width, depth, dropout, **config):
    """Return the builder of B0, its channels multiplied by `width`, its blocks by `depth`."""
    stages = [
        Stage(
            MBConv,
            widening,
            kernel,
            stride,
            _make_divisible(channels * width, 8),
            _make_divisible(out * width, 8),
            math.ceil(count * depth),
        )
        for widening, kernel, stride, channels, out, count in _B0
    ]
    return builder(name, EfficientNet, stages, dropout=dropout, **config)


def _v2(name, plan, dropout):
    fused = 3  # stages
    stages = [Stage(FusedMBConv if i < fused else MBConv, *line) for i, line in enumerate(plan)]
    norm = partial(nn.BatchNorm2d, eps=1e-3)
    return builder(name, EfficientNet, stages, dropout=dropout, last_channel=1280, norm_layer=norm)


_SLOW_NORM = {"norm_layer": partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)}

efficientnet_b0 = _v1("efficientnet_b0", 1.0, 1.0, 0.2)
efficientnet_b1 = _v1("efficientnet_b1", 1.0, 1.1, 0.2)
efficientnet_b2 = _v1("efficientnet_b2", 1.1, 1.2, 0.3)
efficientnet_b3 = _v1("efficientnet_b3", 1.2, 1.4, 0.3)
efficientnet_b4 = _v1("efficientnet_b4", 1.4, 1.8, 0.4)
efficientnet_b5 = _v1("efficientnet_b5", 1.6, 2.2, 0.4, **_SLOW_NORM)
efficientnet_b6 = _v1("efficientnet_b6", 1.8, 2.6, 0.5, **_SLOW_NORM)
efficientnet_b7 = _v1("efficientnet_b7", 2.0, 3.1, 0.5, **_SLOW_NORM)
efficientnet_v2_s = _v2("efficientnet_v2_s", _S, 0.2)
efficientnet_v2_m = _v2("efficientnet_v2_m", _M, 0.3)
efficientnet_v2_l = _v2("efficientnet_v2_l", _L, 0.4)
