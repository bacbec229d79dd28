"""MobileNet v2: residual blocks that are wide inside and narrow outside."""

from __future__ import annotations

from ... import nn
from ..ops.misc import Conv2dNormActivation
from ._api import builder
from ._utils import _make_divisible, initialize

__all__ = ["MobileNetV2", "mobilenet_v2"]


class InvertedResidual(nn.Module):
    """A 1x1 convolution that widens, a depthwise one, a linear 1x1 one that narrows."""

    def __init__(self, inp, oup, stride, expand_ratio, norm_layer=None):
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        norm = norm_layer or nn.BatchNorm2d
        options = {"norm_layer": norm, "activation_layer": nn.ReLU6}
        hidden = round(inp * expand_ratio)
        layers = []
        if expand_ratio != 1:
            layers.append(Conv2dNormActivation(inp, hidden, kernel_size=1, **options))
        layers += [
            Conv2dNormActivation(hidden, hidden, stride=stride, groups=hidden, **options),
            nn.Conv2d(hidden, oup, 1, bias=False),
            norm(oup),
        ]
        self.conv = nn.Sequential(*layers)
        self.stride = stride
        self.use_res_connect = stride == 1 and inp == oup
        self.out_channels = oup

    def forward(self, x):
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


# Widening, channels, blocks, stride of the first.
_PLAN = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class MobileNetV2(nn.Module):
    """MobileNet v2.

    Parameters
    ----------
    num_classes : int, default 1000
    width_mult : float, default 1
        Scales all channels.
    inverted_residual_setting : list of lists, optional
        For each stage: widening, channels, blocks, stride of the first.
    round_nearest : int, default 8
        Channels are multiples of it.
    block, norm_layer : callable, optional
        Instead of the inverted residual, and of `nn.BatchNorm2d`.
    dropout : float, default 0.2

    Raises
    ------
    ValueError
        If the stages are not given by four numbers each.

    Notes
    -----
    Source: M. Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks",
    arXiv:1801.04381, table 2.
    """

    def __init__(
        self,
        num_classes=1000,
        width_mult=1.0,
        inverted_residual_setting=None,
        round_nearest=8,
        block=None,
        norm_layer=None,
        dropout=0.2,
    ):
        super().__init__()
        plan = _PLAN if inverted_residual_setting is None else inverted_residual_setting
        if not plan or len(plan[0]) != 4:
            raise ValueError(
                f"inverted_residual_setting should be non-empty or a 4-element list, got {plan}"
            )
        block, norm = block or InvertedResidual, norm_layer or nn.BatchNorm2d
        options = {"norm_layer": norm, "activation_layer": nn.ReLU6}
        channels = _make_divisible(32 * width_mult, round_nearest)
        layers = [Conv2dNormActivation(3, channels, stride=2, **options)]
        for widening, out, count, stride in plan:
            out = _make_divisible(out * width_mult, round_nearest)
            for i in range(count):
                first = stride if i == 0 else 1
                layers.append(block(channels, out, first, expand_ratio=widening, norm_layer=norm))
                channels = out
        self.last_channel = _make_divisible(1280 * max(1.0, width_mult), round_nearest)
        layers.append(Conv2dNormActivation(channels, self.last_channel, kernel_size=1, **options))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout), nn.Linear(self.last_channel, num_classes)
        )
        initialize(self, conv="kaiming-linear")

    def forward(self, x):
        x = nn.functional.adaptive_avg_pool2d(self.features(x), (1, 1))
        return self.classifier(x.flatten(1))


mobilenet_v2 = builder("mobilenet_v2", MobileNetV2)
