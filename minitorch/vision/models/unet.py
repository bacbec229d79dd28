"""U-Net: a contracting path, an expanding one, and bridges between them."""

from __future__ import annotations

from ... import nn
from ...nn import functional as F
from ...ops.shape import cat
from ._api import builder

__all__ = ["UNet", "unet"]


class DoubleConv(nn.Module):
    """Twice: a 3x3 convolution that keeps the size, batch normalisation, ReLU."""

    def __init__(self, channels, out, mid=None):
        super().__init__()
        mid = mid or out
        self.double_conv = nn.Sequential(
            nn.Conv2d(channels, mid, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(mid),
            nn.ReLU(inplace=True),
            nn.Conv2d(mid, out, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(inplace=True),
        )

    def forward(self, x):
        return self.double_conv(x)


class Down(nn.Module):
    """Half the size, then `DoubleConv`."""

    def __init__(self, channels, out):
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), DoubleConv(channels, out))

    def forward(self, x):
        return self.maxpool_conv(x)


class Up(nn.Module):
    """Twice the size, beside what the bridge brings, then `DoubleConv`."""

    def __init__(self, channels, out, bilinear=True):
        super().__init__()
        if bilinear:
            self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
            self.conv = DoubleConv(channels, out, channels // 2)
        else:
            self.up = nn.ConvTranspose2d(channels, channels // 2, kernel_size=2, stride=2)
            self.conv = DoubleConv(channels, out)

    def forward(self, x, bridge):
        x = self.up(x)
        dy, dx = (a - b for a, b in zip(bridge.shape[2:], x.shape[2:], strict=True))
        if dy or dx:  # of images whose size is no multiple of 16
            x = F.pad(x, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])
        return self.conv(cat([bridge, x], dim=1))


class OutConv(nn.Module):
    """The 1x1 convolution to the classes."""

    def __init__(self, channels, out):
        super().__init__()
        self.conv = nn.Conv2d(channels, out, kernel_size=1)

    def forward(self, x):
        return self.conv(x)


class UNet(nn.Module):
    """U-Net with padding, so that the scores have the size of the image, and batch normalisation.

    Parameters
    ----------
    n_channels : int, default 3
        Of the images.
    n_classes : int, default 2
        Of each pixel.
    bilinear : bool, default False
        Enlarge by bilinear interpolation instead of transposed convolution.

    Notes
    -----
    Source: O. Ronneberger, P. Fischer, T. Brox, "U-Net: convolutional networks for biomedical image
    segmentation", arXiv:1505.04597, figure 1. The names of the parameters are those of the weights
    of the repository milesial/Pytorch-UNet.
    """

    def __init__(self, n_channels=3, n_classes=2, bilinear=False):
        super().__init__()
        self.n_channels = n_channels
        self.n_classes = n_classes
        self.bilinear = bilinear
        factor = 2 if bilinear else 1
        self.inc = DoubleConv(n_channels, 64)
        self.down1 = Down(64, 128)
        self.down2 = Down(128, 256)
        self.down3 = Down(256, 512)
        self.down4 = Down(512, 1024 // factor)
        self.up1 = Up(1024, 512 // factor, bilinear)
        self.up2 = Up(512, 256 // factor, bilinear)
        self.up3 = Up(256, 128 // factor, bilinear)
        self.up4 = Up(128, 64, bilinear)
        self.outc = OutConv(64, n_classes)

    def forward(self, x):
        x1 = self.inc(x)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        x4 = self.down3(x3)
        x = self.up1(self.down4(x4), x4)
        x = self.up4(self.up3(self.up2(x, x3), x2), x1)
        return self.outc(x)


def _without_masks(model, state):
    """Return the state without the values of the mask's classes, which those weights carry."""
    return {k: v for k, v in state.items() if k != "mask_values"}


unet = builder("unet", UNet, adapt=_without_masks)
