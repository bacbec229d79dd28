"""
Augmentation: one image, many
=============================

Transforms of ``minitorch.vision.transforms``, each applied five times to the same image. What they
draw at random comes from minitorch's generator, so a seed gives the same pictures again.
"""

import matplotlib.pyplot as plt
import numpy as np

import minitorch
from minitorch.vision import transforms

minitorch.manual_seed(3)


def house(size=64):
    """Return a drawn colour image, uint8, (3, size, size)."""
    y, x = np.mgrid[0:size, 0:size] / size
    image = np.stack([0.45 + 0.2 * y, 0.65 + 0.2 * y, 0.95 - 0.1 * y])

    def paint(where, *colour):
        image[:, where] = np.array(colour)[:, None]

    paint(y > 0.75, 0.35, 0.6, 0.3)
    paint((x > 0.25) & (x < 0.7) & (y > 0.45) & (y < 0.82), 0.85, 0.75, 0.6)
    paint((y > 0.2) & (y < 0.45) & (abs(x - 0.475) < (y - 0.15)), 0.7, 0.25, 0.2)
    paint((x > 0.32) & (x < 0.42) & (y > 0.62) & (y < 0.82), 0.4, 0.25, 0.15)
    paint((x > 0.5) & (x < 0.62) & (y > 0.55) & (y < 0.67), 0.95, 0.95, 0.7)
    paint((x - 0.85) ** 2 + (y - 0.18) ** 2 < 0.01, 1.0, 0.85, 0.3)
    return minitorch.from_numpy((image * 255).astype(np.uint8))


image = house()
rows = {
    "flip": transforms.RandomHorizontalFlip(),
    "crop, resized": transforms.RandomResizedCrop(64, scale=(0.3, 1.0), antialias=True),
    "rotate, shear": transforms.RandomAffine(25, translate=(0.1, 0.1), shear=15),
    "perspective": transforms.RandomPerspective(0.5, p=1.0),
    "colours": transforms.ColorJitter(0.4, 0.4, 0.6, 0.1),
    "blur": transforms.GaussianBlur(7, sigma=(0.5, 3.0)),
    "erase": transforms.RandomErasing(p=1.0),
    "RandAugment": transforms.RandAugment(num_ops=2, magnitude=12),
}

figure, axes = plt.subplots(len(rows), 6, figsize=(7, 9), layout="constrained")
for row, (name, transform) in zip(axes, rows.items(), strict=True):
    for column, panel in enumerate(row):
        shown = transform(image) if column else image
        panel.imshow(shown.permute(1, 2, 0).numpy())
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(False)
    row[0].set_ylabel(name, rotation=0, ha="right", va="center")
axes[0, 0].set_title("as it is", fontsize=9)
plt.show()

# %%
# For training, some of them one after the other, and then to floating point:

recipe = transforms.Compose(
    [
        transforms.RandomResizedCrop(64, scale=(0.5, 1.0), antialias=True),
        transforms.RandomHorizontalFlip(),
        transforms.ConvertImageDtype(minitorch.float32),
        transforms.Normalize(mean=[0.5, 0.5, 0.5], std=[0.25, 0.25, 0.25]),
    ]
)
ready = recipe(image)
print(ready.dtype, tuple(ready.shape), f"{ready.min():.2f} to {ready.max():.2f}")
