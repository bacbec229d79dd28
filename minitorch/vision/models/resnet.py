"""ResNet, ResNeXt and wide ResNet: residual networks with basic or bottleneck blocks."""

from __future__ import annotations

from ... import nn
from ._api import builder
from ._utils import initialize

__all__ = [
    "BasicBlock",
    "Bottleneck",
    "ResNet",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "resnext101_32x8d",
    "resnext101_64x4d",
    "wide_resnet50_2",
    "wide_resnet101_2",
]


def conv3x3(in_planes, out_planes, stride=1, groups=1, dilation=1):
    """Return a 3x3 convolution whose padding keeps the size."""
    return nn.Conv2d(
        in_planes,
        out_planes,
        kernel_size=3,
        stride=stride,
        padding=dilation,
        groups=groups,
        bias=False,
        dilation=dilation,
    )


def conv1x1(in_planes, out_planes, stride=1):
    """Return a 1x1 convolution."""
    return nn.Conv2d(in_planes, out_planes, kernel_size=1, stride=stride, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, and what came in added.

    Parameters
    ----------
    inplanes, planes : int
        Channels in and out.
    stride : int, default 1
        Of the first convolution.
    downsample : Module, optional
        Applied to what is added.
    groups, base_width, dilation : int
        1, 64 and 1: other values are for `Bottleneck`.
    norm_layer : callable, optional
        `nn.BatchNorm2d` unless given.

    Raises
    ------
    ValueError, NotImplementedError
        For other values of `groups`, `base_width`, `dilation`.
    """

    expansion = 1

    def __init__(
        self,
        inplanes,
        planes,
        stride=1,
        downsample=None,
        groups=1,
        base_width=64,
        dilation=1,
        norm_layer=None,
    ):
        super().__init__()
        if groups != 1 or base_width != 64:
            raise ValueError("BasicBlock only supports groups=1 and base_width=64")
        if dilation > 1:
            raise NotImplementedError("Dilation > 1 not supported in BasicBlock")
        norm_layer = norm_layer or nn.BatchNorm2d
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm_layer(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm_layer(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        return self.relu(out)


class Bottleneck(nn.Module):
    """Convolutions 1x1, 3x3 and 1x1, and what came in added; the 3x3 one has the stride.

    Parameters
    ----------
    inplanes, planes : int
        Channels in, and a quarter of those out.
    stride : int, default 1
    downsample : Module, optional
        Applied to what is added.
    groups : int, default 1
        Of the 3x3 convolution.
    base_width : int, default 64
        Channels per group of the 3x3 convolution, for 64 planes.
    dilation : int, default 1
        Of the 3x3 convolution.
    norm_layer : callable, optional
        `nn.BatchNorm2d` unless given.
    """

    expansion = 4

    def __init__(
        self,
        inplanes,
        planes,
        stride=1,
        downsample=None,
        groups=1,
        base_width=64,
        dilation=1,
        norm_layer=None,
    ):
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        width = int(planes * (base_width / 64.0)) * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm_layer(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm_layer(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm_layer(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    """Residual network of four stages.

    Parameters
    ----------
    block : type
        `BasicBlock` or `Bottleneck`.
    layers : list of int
        Blocks of each stage.
    num_classes : int, default 1000
    zero_init_residual : bool, default False
        Start with residual branches that are zero.
    groups, width_per_group : int
        Of the bottlenecks: ResNeXt, wide ResNet.
    replace_stride_with_dilation : tuple of three bool, optional
        Which of the last three stages keep the size and dilate instead.
    norm_layer : callable, optional
        `nn.BatchNorm2d` unless given.

    Raises
    ------
    ValueError
        If `replace_stride_with_dilation` has not three entries.

    Notes
    -----
    Sources: K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition",
    arXiv:1512.03385, table 1; S. Xie et al., "Aggregated residual transformations for deep neural
    networks", arXiv:1611.05431 (ResNeXt); S. Zagoruyko, N. Komodakis, "Wide residual networks",
    arXiv:1605.07146.
    """

    def __init__(
        self,
        block,
        layers,
        num_classes=1000,
        zero_init_residual=False,
        groups=1,
        width_per_group=64,
        replace_stride_with_dilation=None,
        norm_layer=None,
    ):
        super().__init__()
        dilate = replace_stride_with_dilation or (False, False, False)
        if len(dilate) != 3:
            raise ValueError(
                "replace_stride_with_dilation should be None or a 3-element tuple, got "
                f"{replace_stride_with_dilation}"
            )
        self._norm_layer = norm_layer or nn.BatchNorm2d
        self.inplanes = 64
        self.dilation = 1
        self.groups = groups
        self.base_width = width_per_group
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = self._norm_layer(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], stride=2, dilate=dilate[0])
        self.layer3 = self._make_layer(block, 256, layers[2], stride=2, dilate=dilate[1])
        self.layer4 = self._make_layer(block, 512, layers[3], stride=2, dilate=dilate[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        initialize(self, linear=None)
        if zero_init_residual:
            for m in self.modules():
                if isinstance(m, (Bottleneck, BasicBlock)):
                    last = m.bn3 if isinstance(m, Bottleneck) else m.bn2
                    nn.init.zeros_(last.weight)

    def _make_layer(self, block, planes, blocks, stride=1, dilate=False):
        """Return a stage: the first block changes the size, and its dilation is the former one."""
        dilation = self.dilation
        if dilate:
            self.dilation *= stride
            stride = 1
        downsample = None
        out = planes * block.expansion
        if stride != 1 or self.inplanes != out:
            downsample = nn.Sequential(conv1x1(self.inplanes, out, stride), self._norm_layer(out))
        options = (self.groups, self.base_width)
        stage = [
            block(self.inplanes, planes, stride, downsample, *options, dilation, self._norm_layer)
        ]
        self.inplanes = out
        for _ in range(1, blocks):
            stage.append(block(out, planes, 1, None, *options, self.dilation, self._norm_layer))
        return nn.Sequential(*stage)

    def _forward_impl(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))

    def forward(self, x):
        return self._forward_impl(x)


resnet18 = builder("resnet18", ResNet, BasicBlock, [2, 2, 2, 2])
resnet34 = builder("resnet34", ResNet, BasicBlock, [3, 4, 6, 3])
resnet50 = builder("resnet50", ResNet, Bottleneck, [3, 4, 6, 3])
resnet101 = builder("resnet101", ResNet, Bottleneck, [3, 4, 23, 3])
resnet152 = builder("resnet152", ResNet, Bottleneck, [3, 8, 36, 3])
resnext50_32x4d = builder(
    "resnext50_32x4d", ResNet, Bottleneck, [3, 4, 6, 3], groups=32, width_per_group=4
)
resnext101_32x8d = builder(
    "resnext101_32x8d", ResNet, Bottleneck, [3, 4, 23, 3], groups=32, width_per_group=8
)
resnext101_64x4d = builder(
    "resnext101_64x4d", ResNet, Bottleneck, [3, 4, 23, 3], groups=64, width_per_group=4
)
wide_resnet50_2 = builder("wide_resnet50_2", ResNet, Bottleneck, [3, 4, 6, 3], width_per_group=128)
wide_resnet101_2 = builder(
    "wide_resnet101_2", ResNet, Bottleneck, [3, 4, 23, 3], width_per_group=128
)
