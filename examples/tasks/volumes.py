"""
Volumes: a 3-d network
======================

Scans and films have a third dimension, and nothing changes but the number in the names. The task:
is the bright thing in a noisy volume a ball, a tube or a plate? A single slice cannot tell: a disc
may be a slice of any of them.
"""

import matplotlib.pyplot as plt
import numpy as np

import minitorch
from minitorch import nn, optim
from minitorch.tools import summary

SIZE, NAMES = 16, ["ball", "tube", "plate"]


def volumes(count, rng):
    """Return volumes (count, 1, SIZE, SIZE, SIZE) and what is in them."""
    kinds = rng.integers(0, 3, count)
    axis = rng.normal(size=(count, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    centre = rng.uniform(6, 10, (count, 3))
    where = np.stack(np.meshgrid(*[np.arange(SIZE)] * 3, indexing="ij"), -1)
    offset = where - centre[:, None, None, None]
    along = abs((offset * axis[:, None, None, None]).sum(-1))
    away = np.sqrt(np.maximum((offset**2).sum(-1) - along**2, 0))
    # half the length along the axis, and the radius around it
    half, radius = np.array([[4.5, 4.5], [8, 2.2], [1.5, 6.5]])[kinds].T[:, :, None, None, None]
    inside = np.where((kinds == 0)[:, None, None, None],
                      along**2 + away**2 < radius**2,
                      (along < half) & (away < radius))  # fmt: skip
    noisy = inside + rng.normal(0, 0.4, inside.shape)
    return minitorch.from_numpy(noisy[:, None]).float(), minitorch.from_numpy(kinds)


minitorch.manual_seed(0)
rng = np.random.default_rng(0)
model = nn.Sequential(
    nn.Conv3d(1, 12, 3, padding=1), nn.BatchNorm3d(12), nn.ReLU(), nn.MaxPool3d(2),
    nn.Conv3d(12, 24, 3, padding=1), nn.BatchNorm3d(24), nn.ReLU(), nn.MaxPool3d(2),
    nn.Conv3d(24, 24, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(),
    nn.Linear(24, 3),
)  # fmt: skip
print(summary(model, (1, 1, SIZE, SIZE, SIZE)))

# %%
optimizer = optim.Adam(model.parameters(), lr=0.01)
losses = []
for _ in range(90):
    batch, kinds = volumes(16, rng)
    loss = nn.functional.cross_entropy(model(batch), kinds)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())

model.eval()
batch, kinds = volumes(150, np.random.default_rng(1))
with minitorch.no_grad():
    said = model(batch).argmax(1)
print(f"{(said == kinds).float().mean():.1%} of 150 new volumes")

# %%
# One of each, as slices through the volume; beside them how many of which were taken for which.

figure = plt.figure(figsize=(9, 3.2), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[2.4, 1])
axes = left.subplots(3, 7)
for kind, row in enumerate(axes):
    volume = batch[(kinds == kind).nonzero()[0, 0]][0].numpy()
    for panel, depth in zip(row, range(2, SIZE, 2), strict=True):
        panel.imshow(volume[depth], cmap="gray", vmin=-1, vmax=2)
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(False)
    row[0].set_ylabel(NAMES[kind])
counts = np.zeros((3, 3), int)
np.add.at(counts, (kinds.numpy(), said.numpy()), 1)
panel = right.subplots()
panel.imshow(counts, cmap="Blues")
for i, j in np.ndindex(3, 3):
    panel.text(j, i, counts[i, j], ha="center", color="w" if counts[i, j] > 25 else "k")
panel.set(xticks=range(3), yticks=range(3), xticklabels=NAMES, yticklabels=NAMES)
panel.set(xlabel="said", ylabel="is")
plt.show()
