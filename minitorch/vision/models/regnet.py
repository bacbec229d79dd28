"""RegNet: widths that follow a line, X without and Y with squeeze and excitation."""

from __future__ import annotations

import math
from collections import OrderedDict

from ... import nn
from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from ._api import builder
from ._utils import _make_divisible

__all__ = [
    "RegNet",
    "regnet_x_1_6gf",
    "regnet_x_3_2gf",
    "regnet_x_8gf",
    "regnet_x_16gf",
    "regnet_x_32gf",
    "regnet_x_400mf",
    "regnet_x_800mf",
    "regnet_y_1_6gf",
    "regnet_y_3_2gf",
    "regnet_y_8gf",
    "regnet_y_16gf",
    "regnet_y_32gf",
    "regnet_y_128gf",
    "regnet_y_400mf",
    "regnet_y_800mf",
]


class ResBottleneckBlock(nn.Module):
    """Convolutions 1x1, grouped 3x3 and 1x1, with squeeze and excitation in the Y family."""

    def __init__(self, channels, out, stride, norm, activation, group_width, se_ratio):
        super().__init__()
        options = {"norm_layer": norm, "activation_layer": activation}
        linear = {"norm_layer": norm, "activation_layer": None, "kernel_size": 1}
        self.proj = None
        if channels != out or stride != 1:
            self.proj = Conv2dNormActivation(channels, out, stride=stride, **linear)
        layers = OrderedDict(
            a=Conv2dNormActivation(channels, out, kernel_size=1, **options),
            b=Conv2dNormActivation(
                out, out, kernel_size=3, stride=stride, groups=out // group_width, **options
            ),
        )
        if se_ratio:
            layers["se"] = SqueezeExcitation(out, round(se_ratio * channels), activation)
        layers["c"] = Conv2dNormActivation(out, out, **linear)
        self.f = nn.Sequential(layers)
        self.activation = activation(inplace=True)

    def forward(self, x):
        return self.activation((x if self.proj is None else self.proj(x)) + self.f(x))


def _stages(depth, w_0, w_a, w_m, group_width):
    """Return (blocks, channels, channels of a group) of each stage; equation 2 to 4 of the paper.

    The widths ``w_0 + w_a * i`` are rounded to ``w_0 * w_m ** k``, then to multiples of 8; equal
    widths make a stage.
    """
    widths = []
    for i in range(depth):
        power = round(math.log((w_0 + w_a * i) / w_0) / math.log(w_m))
        widths.append(round(w_0 * w_m**power / 8) * 8)
    found = []
    for width in dict.fromkeys(widths):
        group = min(group_width, width)
        found.append((widths.count(width), _make_divisible(width, group), group))
    return found


class RegNet(nn.Module):
    """Network whose widths follow a quantised line.

    Parameters
    ----------
    depth : int
        Number of blocks.
    w_0, w_a, w_m : float
        First width, slope, and the factor between stages; `w_0` is a multiple of 8.
    group_width : int
        Channels of a group of the 3x3 convolutions.
    se_ratio : float, optional
        Channels of squeeze and excitation, per channel of a block's input; none unless given.
    num_classes : int, default 1000
    stem_width : int, default 32
        Channels of the first convolution.
    norm_layer, activation : callable, optional
        `nn.BatchNorm2d` and `nn.ReLU` unless given.

    Raises
    ------
    ValueError
        If the widths do not grow.

    Notes
    -----
    Source: I. Radosavovic et al., "Designing network design spaces", arXiv:2003.13678, section 3.3
    and appendix.
    """

    def __init__(
        self,
        depth,
        w_0,
        w_a,
        w_m,
        group_width,
        se_ratio=None,
        num_classes=1000,
        stem_width=32,
        norm_layer=None,
        activation=None,
    ):
        super().__init__()
        if w_a < 0 or w_0 <= 0 or w_m <= 1 or w_0 % 8 != 0:
            raise ValueError("Invalid RegNet settings")
        norm, activation = norm_layer or nn.BatchNorm2d, activation or nn.ReLU
        self.stem = Conv2dNormActivation(
            3, stem_width, stride=2, norm_layer=norm, activation_layer=activation
        )
        channels, trunk = stem_width, OrderedDict()
        for number, (count, out, group) in enumerate(_stages(depth, w_0, w_a, w_m, group_width), 1):
            stage = trunk[f"block{number}"] = nn.Sequential()
            for i in range(count):
                block = ResBottleneckBlock(
                    channels, out, 2 if i == 0 else 1, norm, activation, group, se_ratio
                )
                stage.add_module(f"block{number}-{i}", block)
                channels = out
        self.trunk_output = nn.Sequential(trunk)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(channels, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                fan_out = m.kernel_size[0] * m.kernel_size[1] * m.out_channels  # not per group
                nn.init.normal_(m.weight, mean=0.0, std=math.sqrt(2.0 / fan_out))
        nn.init.normal_(self.fc.weight, mean=0.0, std=0.01)
        nn.init.zeros_(self.fc.bias)

    def forward(self, x):
        return self.fc(self.avgpool(self.trunk_output(self.stem(x))).flatten(1))


def _x(name, depth, w_0, w_a, w_m, group_width):
    return builder(name, RegNet, depth, w_0, w_a, w_m, group_width)


def _y(name, depth, w_0, w_a, w_m, group_width):
    return builder(name, RegNet, depth, w_0, w_a, w_m, group_width, se_ratio=0.25)


regnet_x_400mf = _x("regnet_x_400mf", 22, 24, 24.48, 2.54, 16)
regnet_x_800mf = _x("regnet_x_800mf", 16, 56, 35.73, 2.28, 16)
regnet_x_1_6gf = _x("regnet_x_1_6gf", 18, 80, 34.01, 2.25, 24)
regnet_x_3_2gf = _x("regnet_x_3_2gf", 25, 88, 26.31, 2.25, 48)
regnet_x_8gf = _x("regnet_x_8gf", 23, 80, 49.56, 2.88, 120)
regnet_x_16gf = _x("regnet_x_16gf", 22, 216, 55.59, 2.1, 128)
regnet_x_32gf = _x("regnet_x_32gf", 23, 320, 69.86, 2.0, 168)
regnet_y_400mf = _y("regnet_y_400mf", 16, 48, 27.89, 2.09, 8)
regnet_y_800mf = _y("regnet_y_800mf", 14, 56, 38.84, 2.4, 16)
regnet_y_1_6gf = _y("regnet_y_1_6gf", 27, 48, 20.71, 2.65, 24)
regnet_y_3_2gf = _y("regnet_y_3_2gf", 21, 80, 42.63, 2.66, 24)
regnet_y_8gf = _y("regnet_y_8gf", 17, 192, 76.82, 2.19, 56)
regnet_y_16gf = _y("regnet_y_16gf", 18, 200, 106.23, 2.48, 112)
regnet_y_32gf = _y("regnet_y_32gf", 20, 232, 115.89, 2.53, 232)
regnet_y_128gf = _y("regnet_y_128gf", 27, 456, 160.83, 2.52, 264)
