"""VGG, with and without batch normalisation."""

from __future__ import annotations

from ... import nn
from ._api import builder
from ._utils import initialize

__all__ = [
    "VGG",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
]

_WIDTHS = (64, 128, 256, 512, 512)


def make_layers(cfg, batch_norm: bool = False) -> nn.Sequential:
    """Return 3x3 convolutions, each with ReLU, and poolings.

    Parameters
    ----------
    cfg : list
        Channels of each convolution; ``"M"`` is a pooling.
    batch_norm : bool, default False
        Normalise after each convolution.
    """
    layers, channels = [], 3
    for entry in cfg:
        if entry == "M":
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
            continue
        layers.append(nn.Conv2d(channels, entry, kernel_size=3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(entry))
        layers.append(nn.ReLU(inplace=True))
        channels = entry
    return nn.Sequential(*layers)


class VGG(nn.Module):
    """Network of 3x3 convolutions and three linear layers.

    Parameters
    ----------
    features : Module
        The convolutions; see `make_layers`.
    num_classes : int, default 1000
    init_weights : bool, default True
        Use the initialisation below instead of that of the layers.
    dropout : float, default 0.5

    Notes
    -----
    Source: K. Simonyan, A. Zisserman, "Very deep convolutional networks for large-scale image
    recognition", arXiv:1409.1556, table 1.
    """

    def __init__(self, features, num_classes=1000, init_weights=True, dropout=0.5):
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            initialize(self)

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def _vgg(counts, batch_norm, **kwargs) -> VGG:
    """Return the VGG with so many convolutions before each pooling."""
    cfg = [entry for width, n in zip(_WIDTHS, counts, strict=True) for entry in [*[width] * n, "M"]]
    return VGG(make_layers(cfg, batch_norm), **kwargs)


def _builder(name, *counts):
    options = {"init_weights": False}
    return builder(name, _vgg, counts, name.endswith("_bn"), pretrained_options=options)


vgg11 = _builder("vgg11", 1, 1, 2, 2, 2)
vgg11_bn = _builder("vgg11_bn", 1, 1, 2, 2, 2)
vgg13 = _builder("vgg13", 2, 2, 2, 2, 2)
vgg13_bn = _builder("vgg13_bn", 2, 2, 2, 2, 2)
vgg16 = _builder("vgg16", 2, 2, 3, 3, 3)
vgg16_bn = _builder("vgg16_bn", 2, 2, 3, 3, 3)
vgg19 = _builder("vgg19", 2, 2, 4, 4, 4)
vgg19_bn = _builder("vgg19_bn", 2, 2, 4, 4, 4)
