"""ShuffleNet v2: half of the channels pass, and then all are shuffled."""

from __future__ import annotations

from ... import nn
from ...ops.shape import cat
from ._api import builder

__all__ = [
    "ShuffleNetV2",
    "shufflenet_v2_x0_5",
    "shufflenet_v2_x1_0",
    "shufflenet_v2_x1_5",
    "shufflenet_v2_x2_0",
]


def channel_shuffle(x, groups):
    """Return `x` with the channels of all groups by turns.

    Parameters
    ----------
    x : Tensor
        Shape (N, C, H, W).
    groups : int
    """
    n, channels, height, width = x.shape
    x = x.view(n, groups, channels // groups, height, width)
    return x.transpose(1, 2).contiguous().view(n, channels, height, width)


def _pointwise(channels, out):
    return [
        nn.Conv2d(channels, out, kernel_size=1, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU(inplace=True),
    ]


def _depthwise(channels, stride):
    return [
        nn.Conv2d(channels, channels, 3, stride, 1, bias=False, groups=channels),
        nn.BatchNorm2d(channels),
    ]


class InvertedResidual(nn.Module):
    """Two branches, of which the first is the input itself at stride 1."""

    def __init__(self, inp, oup, stride):
        super().__init__()
        if not 1 <= stride <= 3:
            raise ValueError("illegal stride value")
        half = oup // 2
        if stride == 1 and inp != 2 * half:
            raise ValueError(
                f"Invalid combination of stride {stride}, inp {inp} and oup {oup} values. If "
                "stride == 1 then inp should be equal to oup // 2 << 1."
            )
        self.stride = stride
        first = [*_depthwise(inp, stride), *_pointwise(inp, half)] if stride > 1 else []
        self.branch1 = nn.Sequential(*first)
        self.branch2 = nn.Sequential(
            *_pointwise(inp if stride > 1 else half, half),
            *_depthwise(half, stride),
            *_pointwise(half, half),
        )

    def forward(self, x):
        first, second = x.chunk(2, dim=1) if self.stride == 1 else (self.branch1(x), x)
        return channel_shuffle(cat((first, self.branch2(second)), dim=1), 2)


class ShuffleNetV2(nn.Module):
    """ShuffleNet v2.

    Parameters
    ----------
    stages_repeats : list of three int
        Blocks of each stage.
    stages_out_channels : list of five int
        Channels of the first convolution, the stages and the last convolution.
    num_classes : int, default 1000
    inverted_residual : callable, optional
        Instead of the block of the paper.

    Raises
    ------
    ValueError
        If the lists have other lengths.

    Notes
    -----
    Source: N. Ma, X. Zhang, H. Zheng, J. Sun, "ShuffleNet V2", arXiv:1807.11164, table 5.
    """

    def __init__(
        self,
        stages_repeats,
        stages_out_channels,
        num_classes=1000,
        inverted_residual=InvertedResidual,
    ):
        super().__init__()
        if len(stages_repeats) != 3:
            raise ValueError("expected stages_repeats as list of 3 positive ints")
        if len(stages_out_channels) != 5:
            raise ValueError("expected stages_out_channels as list of 5 positive ints")
        channels, *widths, last = stages_out_channels
        self._stage_out_channels = stages_out_channels
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, channels, 3, 2, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        )
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        for number, (count, width) in enumerate(zip(stages_repeats, widths, strict=True), 2):
            blocks = [inverted_residual(channels, width, 2)]
            blocks += [inverted_residual(width, width, 1) for _ in range(count - 1)]
            setattr(self, f"stage{number}", nn.Sequential(*blocks))
            channels = width
        self.conv5 = nn.Sequential(*_pointwise(channels, last))
        self.fc = nn.Linear(last, num_classes)

    def forward(self, x):
        x = self.stage4(self.stage3(self.stage2(self.maxpool(self.conv1(x)))))
        return self.fc(self.conv5(x).mean([2, 3]))


def _builder(name, *channels):
    return builder(name, ShuffleNetV2, [4, 8, 4], list(channels))


shufflenet_v2_x0_5 = _builder("shufflenet_v2_x0_5", 24, 48, 96, 192, 1024)
shufflenet_v2_x1_0 = _builder("shufflenet_v2_x1_0", 24, 116, 232, 464, 1024)
shufflenet_v2_x1_5 = _builder("shufflenet_v2_x1_5", 24, 176, 352, 704, 1024)
shufflenet_v2_x2_0 = _builder("shufflenet_v2_x2_0", 24, 244, 488, 976, 2048)
