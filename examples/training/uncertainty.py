"""
Uncertainty: several networks, or one with dropout
==================================================

A network that is asked about something it has never seen answers all the same. Two ways to notice:
train several and see whether they agree (deep ensembles, Lakshminarayanan et al. 2017), or leave
dropout on when predicting and ask often (Gal and Ghahramani 2016).
"""

import math

import matplotlib.pyplot as plt

import minitorch
from minitorch import nn, optim

minitorch.manual_seed(0)
x = minitorch.cat([minitorch.rand(40, 1) * 1.5 - 2.5, minitorch.rand(40, 1) * 1.5 + 0.7])
y = (2 * x).sin() + 0.1 * minitorch.randn(80, 1)
grid = minitorch.linspace(-4.0, 4.0, 161)[:, None]


def train(dropout, steps=400):
    first = nn.Linear(1, 64)
    nn.init.normal_(first.weight, std=2.0)
    nn.init.normal_(first.bias, std=4.0)
    model = nn.Sequential(
        first, nn.Tanh(), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(dropout), nn.Linear(64, 1)
    )  # fmt: skip
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
    return model


# %%
# Ten networks that differ in their first weights only:

members = [train(0.0) for _ in range(10)]
with minitorch.no_grad():
    ensemble = minitorch.stack([model(grid)[:, 0] for model in members])

# %%
# And one network asked a hundred times, in training mode, where dropout acts:

model = train(0.2, steps=1200).train()
with minitorch.no_grad():
    samples = minitorch.stack([model(grid)[:, 0] for _ in range(100)])

figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), sharey=True, layout="constrained")
panels = [("ensemble of 10", ensemble), ("dropout, asked 100 times", samples)]
for panel, (title, answers) in zip(axes, panels, strict=True):
    middle, spread = answers.mean(0).numpy(), answers.std(0).numpy()
    at = grid[:, 0].numpy()
    panel.fill_between(at, middle - 2 * spread, middle + 2 * spread, alpha=0.25, color="C0")
    panel.plot(at, middle, color="C0")
    panel.plot(at, [math.sin(2 * value) for value in at], ":", color="C2", label="truth")
    panel.plot(x[:, 0].numpy(), y[:, 0].numpy(), ".", color="C1", label="seen")
    panel.set(title=title, xlabel="x", ylim=(-4, 4))
    seen, unseen = abs(at) < 2, abs(at) > 3
    print(f"{title}: spread {spread[seen].mean():.2f} inside, {spread[unseen].mean():.2f} outside")
axes[0].set_ylabel("y")
axes[0].legend(loc="lower left")
plt.show()
