"""
What excites a unit most
========================

Gradient ascent on the image instead of descent on the weights: ``minitorch.tools.maximise`` begins
with noise and raises the answer of one unit as far as it goes (Erhan et al. 2009). The units of
the last layer have names; for the digits the pictures look like them, though no digit was asked
for. Those of the convolutions show what they are for.
"""

import matplotlib.pyplot as plt

import minitorch
from minitorch import nn, optim
from minitorch.nn.functional import cross_entropy
from minitorch.tools import maximise
from minitorch.vision.datasets import Digits

minitorch.manual_seed(0)
digits = Digits()
images, labels = digits.data.unsqueeze(1).float() / 127.5 - 1, digits.targets.long()
model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
    nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Dropout(0.5), nn.Linear(512, 10),
)  # fmt: skip
optimizer = optim.AdamW(model.parameters(), lr=0.003, weight_decay=0.3)
for _ in range(300):
    chosen = minitorch.randint(len(images), (64,))
    noisy = images[chosen] + 0.3 * minitorch.randn(64, 1, 8, 8)
    optimizer.zero_grad()
    cross_entropy(model(noisy), labels[chosen]).backward()
    optimizer.step()

# %%
figure, axes = plt.subplots(3, 10, figsize=(9, 3), layout="constrained")
for unit in range(10):
    picture = maximise(model, (1, 8, 8), None, unit, steps=60)
    with minitorch.no_grad():
        sure = model(minitorch.from_numpy(picture.values)[None]).softmax(1)[0, unit]
    means = images[labels == unit].mean((0, 1))
    hidden = maximise(model, (1, 8, 8), "2", unit, steps=60)
    for panel, shown in zip(
        axes[:, unit], (picture.values[0], means, hidden.values[0]), strict=True
    ):
        panel.imshow(shown, cmap="gray_r")
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(False)
    axes[0, unit].set_title(f"{unit}: {sure:.0%}", fontsize=9)
names = ["excites it", "mean image", "second layer"]
for panel, name in zip(axes[:, 0], names, strict=True):
    panel.set_ylabel(name, rotation=0, ha="right", va="center")
plt.show()
