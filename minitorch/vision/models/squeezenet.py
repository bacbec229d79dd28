"""SqueezeNet: few parameters by squeezing the channels before each 3x3 convolution."""

from __future__ import annotations

from ... import nn
from ...ops.shape import cat
from ._api import builder

__all__ = ["SqueezeNet", "squeezenet1_0", "squeezenet1_1"]


class Fire(nn.Module):
    """A 1x1 convolution, then 1x1 and 3x3 side by side."""

    def __init__(self, inplanes, squeeze_planes, expand1x1_planes, expand3x3_planes):
        super().__init__()
        self.inplanes = inplanes
        self.squeeze = nn.Conv2d(inplanes, squeeze_planes, kernel_size=1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze_planes, expand1x1_planes, kernel_size=1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze_planes, expand3x3_planes, kernel_size=3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x):
        x = self.squeeze_activation(self.squeeze(x))
        small = self.expand1x1_activation(self.expand1x1(x))
        large = self.expand3x3_activation(self.expand3x3(x))
        return cat([small, large], 1)


# First convolution (channels, kernel), then poolings "M" and (squeezed, expanded) channels.
_VERSIONS = {
    "1_0": (96, 7, "M", 16, 16, 32, "M", 32, 48, 48, 64, "M", 64),
    "1_1": (64, 3, "M", 16, 16, "M", 32, 32, "M", 48, 48, 64, 64),
}


class SqueezeNet(nn.Module):
    """SqueezeNet.

    Parameters
    ----------
    version : str, default ``"1_0"``
        ``"1_0"`` or ``"1_1"``.
    num_classes : int, default 1000
    dropout : float, default 0.5

    Raises
    ------
    ValueError
        If there is no such version.

    Notes
    -----
    Sources: F. Iandola et al., "SqueezeNet", arXiv:1602.07360, table 1; version 1.1 is that of the
    authors' repository.
    """

    def __init__(self, version="1_0", num_classes=1000, dropout=0.5):
        super().__init__()
        if version not in _VERSIONS:
            raise ValueError(f"Unsupported SqueezeNet version {version}: 1_0 or 1_1 expected")
        self.num_classes = num_classes
        channels, kernel, *plan = _VERSIONS[version]
        layers = [nn.Conv2d(3, channels, kernel_size=kernel, stride=2), nn.ReLU(inplace=True)]
        for entry in plan:
            if entry == "M":
                layers.append(nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True))
            else:
                layers.append(Fire(channels, entry, 4 * entry, 4 * entry))
                channels = 8 * entry
        self.features = nn.Sequential(*layers)
        last = nn.Conv2d(512, num_classes, kernel_size=1)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout), last, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1))
        )
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                if m is last:
                    nn.init.normal_(m.weight, mean=0.0, std=0.01)
                else:
                    nn.init.kaiming_uniform_(m.weight)
                nn.init.zeros_(m.bias)

    def forward(self, x):
        return self.classifier(self.features(x)).flatten(1)


squeezenet1_0 = builder("squeezenet1_0", SqueezeNet, "1_0")
squeezenet1_1 = builder("squeezenet1_1", SqueezeNet, "1_1")
