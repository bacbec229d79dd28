"""MNASNet, variant B1."""

from __future__ import annotations

from ... import nn
from ._api import builder
from ._utils import _make_divisible

__all__ = ["MNASNet", "mnasnet0_5", "mnasnet0_75", "mnasnet1_0", "mnasnet1_3"]

_MOMENTUM = 1 - 0.9997


def _conv(channels, out, kernel_size=1, stride=1, groups=1, activation=True):
    """Return a convolution, its normalisation, and ReLU."""
    layers = [
        nn.Conv2d(
            channels,
            out,
            kernel_size,
            padding=kernel_size // 2,
            stride=stride,
            groups=groups,
            bias=False,
        ),
        nn.BatchNorm2d(out, momentum=_MOMENTUM),
    ]
    return layers + [nn.ReLU(inplace=True)] * activation


class _InvertedResidual(nn.Module):
    def __init__(self, channels, out, kernel_size, stride, expansion_factor):
        super().__init__()
        inside = channels * expansion_factor
        self.apply_residual = channels == out and stride == 1
        self.layers = nn.Sequential(
            *_conv(channels, inside),
            *_conv(inside, inside, kernel_size, stride, groups=inside),
            *_conv(inside, out, activation=False),
        )

    def forward(self, input):
        return self.layers(input) + input if self.apply_residual else self.layers(input)


# Kernel, stride of the first block, widening, blocks.
_PLAN = ((3, 2, 3, 3), (5, 2, 3, 3), (5, 2, 6, 3), (3, 1, 6, 2), (5, 2, 6, 4), (3, 1, 6, 1))


class MNASNet(nn.Module):
    """Network of inverted residuals that was found by a search.

    Parameters
    ----------
    alpha : float
        Scales the channels.
    num_classes : int, default 1000
    dropout : float, default 0.2

    Raises
    ------
    ValueError
        If `alpha` is not positive.

    Notes
    -----
    Source: M. Tan et al., "MnasNet: platform-aware neural architecture search for mobile",
    arXiv:1807.11626, figure 7 without squeeze and excitation.
    """

    _version = 2  # the first convolutions are scaled too; before, they were not

    def __init__(self, alpha, num_classes=1000, dropout=0.2):
        super().__init__()
        if alpha <= 0.0:
            raise ValueError(f"alpha should be greater than 0.0 instead of {alpha}")
        self.alpha = alpha
        self.num_classes = num_classes
        widths = (32, 16, 24, 40, 80, 96, 192, 320)
        first, channels, *widths = [_make_divisible(width * alpha, 8) for width in widths]
        layers = [
            *_conv(3, first, 3, stride=2),
            *_conv(first, first, 3, groups=first),
            *_conv(first, channels, activation=False),
        ]
        for width, (kernel, stride, widening, count) in zip(widths, _PLAN, strict=True):
            blocks = [_InvertedResidual(channels, width, kernel, stride, widening)]
            blocks += [
                _InvertedResidual(width, width, kernel, 1, widening) for _ in range(count - 1)
            ]
            layers.append(nn.Sequential(*blocks))
            channels = width
        self.layers = nn.Sequential(*layers, *_conv(channels, 1280))
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout, inplace=True), nn.Linear(1280, num_classes)
        )
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(m, nn.Linear):
                nn.init.kaiming_uniform_(m.weight, mode="fan_out", nonlinearity="sigmoid")
                nn.init.zeros_(m.bias)

    def forward(self, x):
        return self.classifier(self.layers(x).mean([2, 3]))


mnasnet0_5 = builder("mnasnet0_5", MNASNet, 0.5)
mnasnet0_75 = builder("mnasnet0_75", MNASNet, 0.75)
mnasnet1_0 = builder("mnasnet1_0", MNASNet, 1.0)
mnasnet1_3 = builder("mnasnet1_3", MNASNet, 1.3)
