"""
Segmentation: a U-Net finds shapes
==================================

Which pixels belong to a disc, which to a box, which to neither? A U-Net (Ronneberger et al. 2015)
gives every pixel a class. It shrinks the image to see far and enlarges it again, and bridges carry
the fine detail across. The images are drawn: shapes of random place, size and brightness, one in
front of the other, in noise.
"""

import matplotlib.pyplot as plt
import numpy as np

import minitorch
from minitorch import nn, optim
from minitorch.vision.models.unet import DoubleConv, Down, Up

SIZE = 32


def scenes(count, rng):
    """Return images (count, 1, SIZE, SIZE) and classes (count, SIZE, SIZE): 0, 1 disc, 2 box."""
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    images, classes = np.zeros((count, SIZE, SIZE)), np.zeros((count, SIZE, SIZE), np.int64)
    for image, label in zip(images, classes, strict=True):
        for kind in rng.permutation([1, 1, 2, 2]):
            (cx, cy), r = rng.uniform(4, SIZE - 4, 2), rng.uniform(3, 7)
            dx, dy = abs(x - cx), abs(y - cy)
            inside = dx**2 + dy**2 < r**2 if kind == 1 else np.maximum(dx, dy) < 0.85 * r
            label[inside], image[inside] = kind, rng.uniform(0.4, 1.0)
        image += rng.normal(0, 0.15, image.shape)
    return minitorch.from_numpy(images[:, None]).float(), minitorch.from_numpy(classes)


class SmallUNet(nn.Module):
    """Two levels of the U-Net; ``minitorch.vision.models.unet`` has four, and more channels."""

    def __init__(self, classes, width=12):
        super().__init__()
        self.inc = DoubleConv(1, width)
        self.down1, self.down2 = Down(width, 2 * width), Down(2 * width, 2 * width)
        self.up1, self.up2 = Up(4 * width, width), Up(2 * width, width)
        self.out = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        fine = self.inc(x)
        middle = self.down1(fine)
        coarse = self.down2(middle)
        return self.out(self.up2(self.up1(coarse, middle), fine))


minitorch.manual_seed(0)
rng = np.random.default_rng(0)
model = SmallUNet(classes=3)
optimizer = optim.AdamW(model.parameters(), lr=0.01)
schedule = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=120)
for _ in range(120):
    images, classes = scenes(16, rng)
    loss = nn.functional.cross_entropy(model(images), classes)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()

# %%
# The usual measure per class is the intersection over the union of what was found and what is
# there.

images, classes = scenes(64, np.random.default_rng(1))
model.eval()
with minitorch.no_grad():
    found = model(images).argmax(1)
for kind, name in enumerate(["neither", "disc", "box"]):
    both = ((found == kind) & (classes == kind)).sum()
    either = ((found == kind) | (classes == kind)).sum()
    print(f"{name:<8} {both / either:.1%}")

# %%
figure, axes = plt.subplots(3, 6, figsize=(8, 4.2), layout="constrained")
rows = {"image": images[:, 0], "truth": classes, "found": found}
for row, (name, pictures) in zip(axes, rows.items(), strict=True):
    for panel, picture in zip(row, pictures.numpy()[:6], strict=True):
        if name == "image":
            panel.imshow(picture, cmap="gray")
        else:
            panel.imshow(picture, cmap="viridis", vmin=0, vmax=2)
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(False)
    row[0].set_ylabel(name)
plt.show()
