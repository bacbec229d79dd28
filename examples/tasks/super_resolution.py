"""
Super-resolution with PixelShuffle
==================================

A network that doubles the size of an image can compute at the small size and let the last layer
give four channels, which ``PixelShuffle`` lays out as squares of 2 by 2 pixels (Shi et al. 2016).
Here it learns the edges of drawn shapes, and is compared with bicubic interpolation.
"""

import math

import matplotlib.pyplot as plt
import numpy as np

import minitorch
from minitorch import nn, optim
from minitorch.nn.functional import avg_pool2d, interpolate, mse_loss

SIZE = 40


def drawings(count, rng):
    """Return grey images (count, 1, SIZE, SIZE) of polygons, with smooth edges."""
    fine = 4 * SIZE
    y, x = np.mgrid[0:fine, 0:fine] / fine
    images = np.full((count, fine, fine), 0.1, np.float32)
    for image in images:
        for _ in range(4):
            centre, radius = rng.uniform(0.1, 0.9, 2), rng.uniform(0.1, 0.3)
            corners = rng.integers(3, 6)
            angles = (rng.uniform() + np.arange(corners)) * (2 * math.pi / corners)
            sides = [(x - centre[0]) * math.cos(a) + (y - centre[1]) * math.sin(a) for a in angles]
            image[np.max(sides, axis=0) < radius / 2] = rng.uniform(0.3, 1.0)
    return avg_pool2d(minitorch.from_numpy(images[:, None]), 4)


minitorch.manual_seed(0)
rng = np.random.default_rng(0)
originals = drawings(60, rng)
model = nn.Sequential(
    nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(),
    nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(),
    nn.Conv2d(32, 4, 3, padding=1), nn.PixelShuffle(2),
)  # fmt: skip


def enlarge(small):
    """Add what the network knows to a plain enlargement."""
    return interpolate(small, scale_factor=2, mode="bilinear") + model(small)


optimizer = optim.Adam(model.parameters(), lr=0.003)
for _ in range(200):
    chosen = minitorch.randint(len(originals), (8,))
    large = originals[chosen]
    loss = mse_loss(enlarge(avg_pool2d(large, 2)), large)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

# %%
# On new drawings, as the peak signal-to-noise ratio in decibels (more is better):

large = drawings(12, np.random.default_rng(1))
small = avg_pool2d(large, 2)
with minitorch.no_grad():
    ways = {
        "nearest": interpolate(small, scale_factor=2, mode="nearest"),
        "bicubic": interpolate(small, scale_factor=2, mode="bicubic"),
        "network": enlarge(small),
    }
decibels = {name: -10 * math.log10(mse_loss(made, large)) for name, made in ways.items()}
for name, value in decibels.items():
    print(f"{name} {value:.1f} dB")

# %%
figure, axes = plt.subplots(2, 5, figsize=(9, 3.9), layout="constrained")
columns = {"small": small, **ways, "original": large}
for column, (name, images) in zip(axes.T, columns.items(), strict=True):
    for panel, number in zip(column, (0, 1), strict=True):
        panel.imshow(images[number, 0].numpy(), cmap="gray", vmin=0, vmax=1)
        panel.axis("off")
    quality = f", {decibels[name]:.1f} dB" if name in decibels else ""
    column[0].set_title(name + quality, fontsize=10)
plt.show()
