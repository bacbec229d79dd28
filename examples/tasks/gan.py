"""
A generative adversarial network with gradient penalty
======================================================

One network makes points, another learns to tell them from the true ones, and the first learns from
the second (Goodfellow et al. 2014). Here as a Wasserstein GAN whose critic is held to slopes of 1
by a penalty on its gradient (Gulrajani et al. 2017). The penalty contains a derivative and is
differentiated itself: ``create_graph=True`` records the first backward pass so that there can be a
second.
"""

import math

import matplotlib.pyplot as plt

import minitorch
from minitorch import autograd, nn, optim


def true_points(count):
    """Return points (count, 2) of eight clusters on a circle."""
    angle = minitorch.randint(8, (count,)).float() * (math.pi / 4)
    centres = minitorch.stack([angle.cos(), angle.sin()], 1)
    return 2 * centres + 0.08 * minitorch.randn(count, 2)


def network(inputs, outputs, width=96):
    return nn.Sequential(
        nn.Linear(inputs, width), nn.LeakyReLU(0.2), nn.Linear(width, width), nn.LeakyReLU(0.2),
        nn.Linear(width, outputs),
    )  # fmt: skip


def penalty(critic, true, made):
    """Return how far the slopes between true and made points are from 1."""
    share = minitorch.rand(len(true), 1)
    between = (share * true + (1 - share) * made).requires_grad_()
    (slope,) = autograd.grad(critic(between).sum(), between, create_graph=True)
    return (slope.norm(dim=1) - 1).square().mean()


minitorch.manual_seed(0)
maker, critic = network(4, 2), network(2, 1)
maker_optimizer = optim.Adam(maker.parameters(), lr=1e-3, betas=(0.5, 0.9))
critic_optimizer = optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.9))
snapshots = {}
for step in range(501):
    if step in (0, 50, 150, 500):
        with minitorch.no_grad():
            snapshots[step] = maker(minitorch.randn(600, 4))
    for _ in range(3):
        true, made = true_points(128), maker(minitorch.randn(128, 4)).detach()
        loss = critic(made).mean() - critic(true).mean() + 0.5 * penalty(critic, true, made)
        critic_optimizer.zero_grad()
        loss.backward()
        critic_optimizer.step()
    loss = -critic(maker(minitorch.randn(128, 4))).mean()
    maker_optimizer.zero_grad()
    loss.backward()
    maker_optimizer.step()

# %%
# Dots are what the maker makes, circles the clusters it has never been shown; in the last picture
# also the landscape of the critic that taught it.

figure, axes = plt.subplots(1, 4, figsize=(10, 2.9), layout="constrained", sharey=True)
side = minitorch.linspace(-3.0, 3.0, 61)
x, y = minitorch.meshgrid(side, side, indexing="xy")
with minitorch.no_grad():
    heights = critic(minitorch.stack([x, y], 2))[:, :, 0]
axes[-1].contourf(x.numpy(), y.numpy(), heights.numpy(), levels=20, cmap="Greys", alpha=0.7)
for panel, (step, points) in zip(axes, snapshots.items(), strict=True):
    turns = [number * math.pi / 4 for number in range(8)]
    panel.plot([2 * math.cos(t) for t in turns], [2 * math.sin(t) for t in turns], "o",
               markersize=14, markerfacecolor="none", color="C1")  # fmt: skip
    panel.plot(*points.T.numpy(), ".", markersize=3, color="C0")
    panel.set(title=f"step {step}", xlim=(-3, 3), ylim=(-3, 3), aspect="equal")
plt.show()
angle = minitorch.atan2(points[:, 1], points[:, 0]) / (math.pi / 4)
print("points at each cluster:", (angle.round().long() % 8).bincount(minlength=8).tolist())
