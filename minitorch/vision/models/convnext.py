"""ConvNeXt and ConvNeXt v2."""

from __future__ import annotations

import itertools
from functools import partial

from ... import creation, nn
from ...nn import functional as F
from ...nn.parameter import Parameter
from ..ops.misc import Conv2dNormActivation, Permute
from ..ops.stochastic_depth import StochasticDepth
from ._api import builder

__all__ = [
    "ConvNeXt",
    "ConvNeXtV2",
    "convnext_base",
    "convnext_large",
    "convnext_small",
    "convnext_tiny",
    "convnextv2_atto",
    "convnextv2_base",
    "convnextv2_femto",
    "convnextv2_huge",
    "convnextv2_large",
    "convnextv2_nano",
    "convnextv2_pico",
    "convnextv2_tiny",
]


class LayerNorm2d(nn.LayerNorm):
    """Layer normalisation of the channels of (N, C, H, W)."""

    def forward(self, x):
        x = x.permute(0, 2, 3, 1)
        x = F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


def _truncated_normal(model):
    for m in model.modules():
        if isinstance(m, (nn.Conv2d, nn.Linear)):
            nn.init.trunc_normal_(m.weight, std=0.02)
            if m.bias is not None:
                nn.init.zeros_(m.bias)


# ---- ConvNeXt, under torchvision's names


class CNBlock(nn.Module):
    """A depthwise 7x7 convolution, then two linear maps of the channels."""

    def __init__(self, dim, layer_scale, stochastic_depth_prob, norm_layer=None):
        super().__init__()
        norm = norm_layer or partial(nn.LayerNorm, eps=1e-6)
        self.block = nn.Sequential(
            nn.Conv2d(dim, dim, kernel_size=7, padding=3, groups=dim),
            Permute([0, 2, 3, 1]),
            norm(dim),
            nn.Linear(dim, 4 * dim),
            nn.GELU(),
            nn.Linear(4 * dim, dim),
            Permute([0, 3, 1, 2]),
        )
        self.layer_scale = Parameter(creation.full((dim, 1, 1), float(layer_scale)))
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, input):
        result = self.stochastic_depth(self.layer_scale * self.block(input))
        result += input
        return result


class ConvNeXt(nn.Module):
    """Network of depthwise 7x7 convolutions and pointwise ones.

    Parameters
    ----------
    depths, widths : list of int
        Blocks and channels of each stage.
    stochastic_depth_prob : float, default 0
        Of the last block; it grows from 0 at the first.
    layer_scale : float, default 1e-6
        With which each channel of a block starts.
    num_classes : int, default 1000
    norm_layer : callable, optional
        Outside the blocks; layer normalisation of the channels unless given.

    Raises
    ------
    ValueError
        If there are no stages.

    Notes
    -----
    Source: Z. Liu et al., "A ConvNet for the 2020s", arXiv:2201.03545, section 2 and table 9.
    """

    def __init__(
        self,
        depths,
        widths,
        stochastic_depth_prob=0.0,
        layer_scale=1e-6,
        num_classes=1000,
        norm_layer=None,
    ):
        super().__init__()
        if not depths:
            raise ValueError("ConvNeXt: there must be at least one stage")
        norm = norm_layer or partial(LayerNorm2d, eps=1e-6)
        layers = [
            Conv2dNormActivation(
                3,
                widths[0],
                kernel_size=4,
                stride=4,
                padding=0,
                norm_layer=norm,
                activation_layer=None,
                bias=True,
            )
        ]
        total, done = sum(depths), 0
        for i, (count, width) in enumerate(zip(depths, widths, strict=True)):
            if i > 0:
                before = widths[i - 1]
                layers.append(
                    nn.Sequential(norm(before), nn.Conv2d(before, width, kernel_size=2, stride=2))
                )
            blocks = []
            for _ in range(count):
                probability = stochastic_depth_prob * done / (total - 1.0)
                blocks.append(CNBlock(width, layer_scale, probability))
                done += 1
            layers.append(nn.Sequential(*blocks))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            norm(widths[-1]), nn.Flatten(1), nn.Linear(widths[-1], num_classes)
        )
        _truncated_normal(self)

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)))


def _v1(name, depth, width, probability):
    widths = [width << i for i in range(4)]
    return builder(name, ConvNeXt, [3, 3, depth, 3], widths, stochastic_depth_prob=probability)


convnext_tiny = _v1("convnext_tiny", 9, 96, 0.1)
convnext_small = _v1("convnext_small", 27, 96, 0.4)
convnext_base = _v1("convnext_base", 27, 128, 0.5)
convnext_large = _v1("convnext_large", 27, 192, 0.5)


# ---- ConvNeXt v2, under the names of its own repository


class GRN(nn.Module):
    r"""Global response normalisation: channels compete by their norm over the image.

    .. math:: y_c = x_c \gamma_c \frac{\|x_c\|}{\operatorname{mean}_k \|x_k\|} + \beta_c + x_c

    The channels come last, (N, H, W, C). Source: S. Woo et al., arXiv:2301.00808, section 3.
    """

    def __init__(self, dim):
        super().__init__()
        self.gamma = Parameter(creation.zeros(1, 1, 1, dim))
        self.beta = Parameter(creation.zeros(1, 1, 1, dim))

    def forward(self, x):
        return F.global_response_norm(x, self.gamma, self.beta, dim=-1)


class Block(nn.Module):
    """A depthwise 7x7 convolution, then two linear maps of the channels with `GRN` between."""

    def __init__(self, dim, drop_path=0.0):
        super().__init__()
        self.dwconv = nn.Conv2d(dim, dim, kernel_size=7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.pwconv1 = nn.Linear(dim, 4 * dim)
        self.act = nn.GELU()
        self.grn = GRN(4 * dim)
        self.pwconv2 = nn.Linear(4 * dim, dim)
        self.drop_path = StochasticDepth(drop_path, "row") if drop_path > 0.0 else nn.Identity()

    def forward(self, x):
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        y = self.pwconv2(self.grn(self.act(self.pwconv1(y))))
        return x + self.drop_path(y.permute(0, 3, 1, 2))


class ConvNeXtV2(nn.Module):
    """ConvNeXt v2.

    Parameters
    ----------
    in_chans : int, default 3
        Channels of the images.
    num_classes : int, default 1000
    depths, dims : list of int
        Blocks and channels of each stage.
    drop_path_rate : float, default 0
        Stochastic depth of the last block; it grows from 0 at the first.
    head_init_scale : float, default 1
        Scales the initial last layer.

    Notes
    -----
    Source: S. Woo et al., "ConvNeXt V2: co-designing and scaling ConvNets with masked
    autoencoders", arXiv:2301.00808. The names of the parameters are those of the authors' weights.
    """

    def __init__(
        self,
        in_chans=3,
        num_classes=1000,
        depths=(3, 3, 9, 3),
        dims=(96, 192, 384, 768),
        drop_path_rate=0.0,
        head_init_scale=1.0,
    ):
        super().__init__()
        norm = partial(LayerNorm2d, eps=1e-6)
        stem = nn.Sequential(nn.Conv2d(in_chans, dims[0], kernel_size=4, stride=4), norm(dims[0]))
        self.downsample_layers = nn.ModuleList([stem])
        for before, dim in itertools.pairwise(dims):
            self.downsample_layers.append(
                nn.Sequential(norm(before), nn.Conv2d(before, dim, kernel_size=2, stride=2))
            )
        total, done = sum(depths), 0
        self.stages = nn.ModuleList()
        for dim, count in zip(dims, depths, strict=True):
            rates = [drop_path_rate * (done + i) / max(1, total - 1) for i in range(count)]
            self.stages.append(nn.Sequential(*[Block(dim, rate) for rate in rates]))
            done += count
        self.norm = nn.LayerNorm(dims[-1], eps=1e-6)
        self.head = nn.Linear(dims[-1], num_classes)
        _truncated_normal(self)
        self.head.weight.data.mul_(head_init_scale)
        self.head.bias.data.mul_(head_init_scale)

    def forward_features(self, x):
        """Return the features before the last layer, (N, dims[-1]).

        Parameters
        ----------
        x : Tensor
            (N, in_chans, H, W)
        """
        for smaller, stage in zip(self.downsample_layers, self.stages, strict=True):
            x = stage(smaller(x))
        return self.norm(x.mean([-2, -1]))

    def forward(self, x):
        return self.head(self.forward_features(x))


def _v2(name, width, depths):
    dims = [width << i for i in range(4)]
    return builder(name, ConvNeXtV2, depths=depths, dims=dims)


convnextv2_atto = _v2("convnextv2_atto", 40, (2, 2, 6, 2))
convnextv2_femto = _v2("convnextv2_femto", 48, (2, 2, 6, 2))
convnextv2_pico = _v2("convnextv2_pico", 64, (2, 2, 6, 2))
convnextv2_nano = _v2("convnextv2_nano", 80, (2, 2, 8, 2))
convnextv2_tiny = _v2("convnextv2_tiny", 96, (3, 3, 9, 3))
convnextv2_base = _v2("convnextv2_base", 128, (3, 3, 27, 3))
convnextv2_large = _v2("convnextv2_large", 192, (3, 3, 27, 3))
convnextv2_huge = _v2("convnextv2_huge", 352, (3, 3, 27, 3))
