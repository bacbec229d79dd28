"""
Checkerboards of transposed convolution, and the cure
=====================================================

A transposed convolution whose kernel the stride does not divide reaches some pixels more often than
others, and what it draws has a pattern (Odena, Dumoulin and Olah 2016). The gradients of a
convolution with a stride have it too: they *are* transposed convolutions.
"""

import matplotlib.pyplot as plt

import minitorch
from minitorch import nn

minitorch.manual_seed(0)
ways = {
    "kernel 3, stride 2": nn.ConvTranspose2d(8, 1, 3, stride=2, padding=1, output_padding=1),
    "kernel 4, stride 2": nn.ConvTranspose2d(8, 1, 4, stride=2, padding=1),
    "enlarge, then kernel 3": nn.Sequential(
        nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(8, 1, 3, padding=1)
    ),
}

# %%
# How often each pixel is reached: all weights one, of one channel, on an image of ones. Below it
# what the layers draw with random weights from an image that is the same everywhere (the mean
# size, over 50 draws). A kernel of 4 reaches all pixels alike, but with other weights for even and
# odd ones, so it can still draw a pattern; enlarging first cannot.


def reached(layer):
    layer = layer[1] if isinstance(layer, nn.Sequential) else layer
    taps = minitorch.ones(1, 1, *layer.kernel_size)
    image = minitorch.ones(1, 1, 8, 8)
    if isinstance(layer, nn.ConvTranspose2d):
        options = layer.stride, layer.padding, layer.output_padding
        return nn.functional.conv_transpose2d(image, taps, None, *options)
    return nn.functional.conv2d(image.repeat_interleave(2, 2).repeat_interleave(2, 3), taps)


def drawn(layer):
    """Return the mean size of what random weights make of a constant image."""
    image = minitorch.ones(1, 8, 8, 8)
    total = 0
    for _ in range(50):
        for weight in layer.parameters():
            nn.init.normal_(weight)
        with minitorch.no_grad():
            total = total + layer(image).abs()
    return total / 50


figure, axes = plt.subplots(2, 3, figsize=(8, 5), layout="constrained")
for column, (name, layer) in zip(axes.T, ways.items(), strict=True):
    counts = reached(layer)[0, 0, 2:-2, 2:-2]
    print(f"{name:<23} reached {counts.unique().int().tolist()} times")
    column[0].imshow(counts.numpy(), cmap="viridis", vmin=0, vmax=9)
    column[0].set_title(name, fontsize=10)
    picture = drawn(layer)[0, 0, 2:-2, 2:-2]
    column[1].imshow(picture.numpy(), cmap="gray", vmin=0, vmax=picture.max().item())
for panel in axes.flat:
    panel.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("reached")
axes[1, 0].set_ylabel("drawn")
plt.show()
