"""MobileNet v1, and v2 and v3 under the path they share in torchvision."""

from __future__ import annotations

from ... import nn
from ..ops.misc import Conv2dNormActivation
from ._api import builder
from ._utils import _make_divisible, initialize
from .mobilenetv2 import MobileNetV2, mobilenet_v2
from .mobilenetv3 import MobileNetV3, mobilenet_v3_large, mobilenet_v3_small

__all__ = [
    "MobileNetV1",
    "MobileNetV2",
    "MobileNetV3",
    "mobilenet_v1",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
]

# Channels and stride of each depthwise separable convolution.
_PLAN = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *[(512, 1)] * 5,
    (1024, 2),
    (1024, 1),
)


class MobileNetV1(nn.Module):
    """MobileNet v1: depthwise 3x3 and 1x1 convolutions by turns.

    Parameters
    ----------
    num_classes : int, default 1000
    width_mult : float, default 1
        Scales all channels.
    dropout : float, default 0.001
        Before the last layer.

    Notes
    -----
    Source: A. Howard et al., "MobileNets", arXiv:1704.04861, table 1.
    """

    def __init__(self, num_classes=1000, width_mult=1.0, dropout=0.001):
        super().__init__()
        channels = _make_divisible(32 * width_mult, 8)
        layers = [Conv2dNormActivation(3, channels, stride=2)]
        for out, stride in _PLAN:
            out = _make_divisible(out * width_mult, 8)
            layers += [
                Conv2dNormActivation(channels, channels, stride=stride, groups=channels),
                Conv2dNormActivation(channels, out, kernel_size=1),
            ]
            channels = out
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout), nn.Linear(channels, num_classes))
        initialize(self)

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


mobilenet_v1 = builder("mobilenet_v1", MobileNetV1)
