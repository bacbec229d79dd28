"""
The graph of a loss, drawn
==========================

``minitorch.tools.draw`` shows what ``backward()`` will walk: a box per operation, with the formula
of its derivative. ``explain`` prints the walk step by step with the numbers. Here for a network of
a handful of weights.
"""

import matplotlib.pyplot as plt

import minitorch
from minitorch import nn
from minitorch.tools import draw, explain

minitorch.manual_seed(0)
image = minitorch.randn(1, 1, 4, 4)
model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(8, 2))
loss = nn.functional.cross_entropy(model(image), minitorch.tensor([1]))
names = dict(model.named_parameters())
draw(loss, names)

# %%
explain(loss, names)

# %%
# The same walk as a plot: how large the gradient is at each step, in a chain that is deep enough
# for it to vanish, and in one with a detour around every second layer (He et al. 2015).


def sizes(residual, depth=30):
    """Return the size of the gradient at the output of each layer."""
    minitorch.manual_seed(0)
    x = minitorch.randn(8, 32)
    seen = []
    for _ in range(depth):
        layer = nn.Linear(32, 32)
        y = layer(x).tanh()
        x = x + 0.5 * y if residual else y
        x.retain_grad()
        seen.append(x)
    x.square().mean().backward()
    return [value.grad.norm().item() for value in seen]


figure, axes = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
axes.semilogy(sizes(residual=False), "o-", markersize=3, label="plain")
axes.semilogy(sizes(residual=True), "s-", markersize=3, label="with detours")
axes.set(xlabel="layer", ylabel="size of the gradient")
axes.legend()
plt.show()
