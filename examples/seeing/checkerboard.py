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
from minitorch.tools import checkerboard

minitorch.manual_seed(0)
ways = {
    "kernel 3, stride 2": nn.ConvTranspose2d(8, 1, 3, stride=2, padding=1, output_padding=1),
    "kernel 4, stride 2": nn.ConvTranspose2d(8, 1, 4, stride=2, padding=1),
    "enlarge, then kernel 3": nn.ResizeConv2d(8, 1, 3),
}

# %%
# How often each pixel is reached by a tap of the kernel, away from the rim. Below it
# what the layers draw with random weights from an image that is the same everywhere (the mean
# size, over 50 draws). A kernel of 4 reaches all pixels alike, but with other weights for even and
# odd ones, so it can still draw a pattern; enlarging first cannot.


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
    found = checkerboard(layer, 8)
    counts = found.values[2:-2, 2:-2]
    print(f"{name:<23} reached {sorted(set(counts.ravel().tolist()))} times, even: {found.even}")
    column[0].imshow(counts, cmap="viridis", vmin=0, vmax=9)
    column[0].set_title(name, fontsize=10)
    picture = drawn(layer)[0, 0, 2:-2, 2:-2]
    column[1].imshow(picture.numpy(), cmap="gray", vmin=0, vmax=picture.max().item())
for panel in axes.flat:
    panel.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("reached")
axes[1, 0].set_ylabel("drawn")
plt.show()
