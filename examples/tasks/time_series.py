"""
Time series: a 1-d network tells waves apart
============================================

The fully convolutional network of Wang, Yan and Oates (2017): three convolutions along time, then
the mean over all of time, then one linear layer. Because of the mean it takes series of any length,
and because the last layer is linear, the score of a class is a mean over the moments: its *class
activation map* shows when the network saw what it names.
"""

import matplotlib.pyplot as plt
import numpy as np

import minitorch
from minitorch import nn, optim

NAMES = ["none", "bump", "step", "ringing"]


def series(count, rng, length=128):
    """Return noisy series (count, 1, length), with one event somewhere, and its kind."""
    kinds = rng.integers(0, 4, count)
    time = np.arange(length) - rng.uniform(0.2, 0.8, (count, 1)) * length
    events = np.stack(
        [
            np.zeros_like(time),
            np.exp(-(time**2) / 30),
            0.7 * np.tanh(time / 2),
            np.where(time > 0, np.sin(time) * np.exp(-abs(time) / 12), 0),
        ]
    )
    walk = np.cumsum(rng.normal(0, 0.06, time.shape), axis=1)
    values = events[kinds, np.arange(count)] + walk + rng.normal(0, 0.2, time.shape)
    return minitorch.from_numpy(values[:, None]).float(), minitorch.from_numpy(kinds)


class FCN(nn.Module):
    def __init__(self, classes, width=32):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, width, 8, padding="same"), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Conv1d(width, 2 * width, 5, padding="same"), nn.BatchNorm1d(2 * width), nn.ReLU(),
            nn.Conv1d(2 * width, width, 3, padding="same"), nn.BatchNorm1d(width), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        return self.head(self.features(x).mean(2))


minitorch.manual_seed(0)
rng = np.random.default_rng(0)
model = FCN(len(NAMES))
optimizer = optim.Adam(model.parameters(), lr=0.003)
for _ in range(150):
    values, kinds = series(64, rng)
    loss = nn.functional.cross_entropy(model(values), kinds)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

# %%
# New series, and longer ones than it has ever seen:

model.eval()
for length in (128, 200):
    values, kinds = series(500, np.random.default_rng(1), length)
    with minitorch.no_grad():
        right = (model(values).argmax(1) == kinds).float().mean()
    print(f"length {length}: {right:.1%}")

# %%
# When did it see it? The map is the last layer applied at every moment, for the class it names.

figure, axes = plt.subplots(3, 1, figsize=(7, 4.6), sharex=True, layout="constrained")
for panel, kind in zip(axes, (1, 2, 3), strict=True):
    number = (kinds == kind).nonzero()[3, 0].item()
    with minitorch.no_grad():
        features = model.features(values[number : number + 1])[0]
        said = model(values[number : number + 1])[0].argmax().item()
        evidence = (model.head.weight[said] @ features).numpy()
    curve = values[number, 0].numpy()
    panel.plot(curve, color="0.5", linewidth=0.8)
    points = panel.scatter(range(len(curve)), curve, c=evidence, cmap="plasma", s=8)
    panel.set_title(f"is {NAMES[kind]}, said {NAMES[said]}", fontsize=9)
    figure.colorbar(points, ax=panel, label="evidence")
axes[-1].set_xlabel("time")
plt.show()
