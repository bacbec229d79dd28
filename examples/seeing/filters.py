"""
Filters and feature maps
========================

What the first layer looks for, and what it answers. The network tells the direction of waves in
noisy patches; nobody told it to look for edges and stripes. A forward hook catches the output of a
layer on the way.
"""

import math

import matplotlib.pyplot as plt

import minitorch
from minitorch import nn, optim

minitorch.manual_seed(0)
SIZE, DIRECTIONS = 24, 6


def waves(count):
    """Return patches (count, 1, SIZE, SIZE) of waves in noise, and their directions."""
    direction = minitorch.randint(DIRECTIONS, (count,))
    angle = (direction.float() * (math.pi / DIRECTIONS))[:, None, None]
    length = 4 + 4 * minitorch.rand(count, 1, 1)
    at = minitorch.arange(float(SIZE))
    along = angle.cos() * at + angle.sin() * at[:, None]
    patches = (2 * math.pi * (along / length + minitorch.rand(count, 1, 1))).sin()
    return (patches + 0.7 * minitorch.randn(count, SIZE, SIZE))[:, None], direction


model = nn.Sequential(
    nn.Conv2d(1, 16, 9, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(4),
    nn.Conv2d(16, 32, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    nn.Linear(32, DIRECTIONS),
)  # fmt: skip
before = model[0].weight.detach().clone()
optimizer = optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.3)
for _ in range(300):
    patches, direction = waves(48)
    loss = nn.functional.cross_entropy(model(patches), direction)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
model.eval()
patches, direction = waves(500)
with minitorch.no_grad():
    print(f"{(model(patches).argmax(1) == direction).float().mean():.1%} right")

# %%
# The 16 kernels before and after:


def tiles(images):
    """Lay 16 square images out as 2 rows, each scaled to its own largest weight."""
    images = nn.functional.pad(images / images.abs().amax((1, 2), keepdim=True), (1, 1, 1, 1))
    side = images.shape[1]
    return images.view(2, 8, side, side).permute(0, 2, 1, 3).reshape(2 * side, 8 * side)


figure, axes = plt.subplots(2, 1, figsize=(7, 4.2), layout="constrained")
kernels = {"before": before, "after": model[0].weight.detach()}
for panel, (name, weight) in zip(axes, kernels.items(), strict=True):
    panel.imshow(tiles(weight[:, 0]).numpy(), cmap="RdBu", vmin=-1, vmax=1)
    panel.set_title(name, fontsize=10)
    panel.axis("off")
plt.show()

# %%
# And the answers of that layer to a ring, which has waves of every direction somewhere:

caught = {}
hook = model[2].register_forward_hook(lambda module, args, output: caught.update(maps=output))
at = minitorch.linspace(-1.0, 1.0, 64)
radius = (at**2 + at[:, None] ** 2).sqrt()
ring = (radius * 36).sin() * (radius < 0.95)
with minitorch.no_grad():
    model(ring[None, None])
hook.remove()

figure, axes = plt.subplots(2, 5, figsize=(8, 3.4), layout="constrained")
strongest = caught["maps"][0].amax((1, 2)).argsort(descending=True)[:9].tolist()
axes[0, 0].imshow(ring.numpy(), cmap="gray")
axes[0, 0].set_title("input", fontsize=9)
for panel, number in zip(axes.flat[1:], strongest, strict=True):
    panel.imshow(caught["maps"][0, number].numpy(), cmap="magma")
    panel.set_title(f"map {number}", fontsize=9)
for panel in axes.flat:
    panel.axis("off")
plt.show()
