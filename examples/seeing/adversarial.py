"""
Adversarial examples: a small step in the worst direction
=========================================================

The gradient with respect to the image says which way each pixel has to change for the loss to
grow. One step along its signs (FGSM, Goodfellow et al. 2015) is hardly seen and fools the network;
several small ones (PGD, Madry et al. 2018) fool it more often. Noise of the same size does
nothing.
"""

import matplotlib.pyplot as plt

import minitorch
from minitorch import nn, optim
from minitorch.nn.functional import cross_entropy
from minitorch.vision.datasets import Digits
from minitorch.vision.models import digits_net

minitorch.manual_seed(0)
train, test = Digits(train=True), Digits(train=False)
images, unseen = (part.data.unsqueeze(1).float() / 255 for part in (train, test))
model = digits_net()
optimizer = optim.Adam(model.parameters(), lr=0.003)
for _ in range(300):
    chosen = minitorch.randint(len(images), (64,))
    optimizer.zero_grad()
    cross_entropy(model(images[chosen]), train.targets[chosen]).backward()
    optimizer.step()


def fgsm(model: nn.Module, images, labels, size):
    """Move every pixel by `size` in the direction in which the loss grows."""
    images = images.clone().requires_grad_()
    cross_entropy(model(images), labels).backward()
    return (images + size * images.grad.sign()).clamp(0, 1).detach()


def pgd(model, images, labels, size, steps=8):
    """Take several steps, and never go further than `size` from where it began."""
    moved = images
    for _ in range(steps):
        moved = fgsm(model, moved, labels, size / 4)
        moved = minitorch.minimum(minitorch.maximum(moved, images - size), images + size)
    return moved.clamp(0, 1)


def noise(model, images, labels, size):
    return (images + size * minitorch.randn_like(images).sign()).clamp(0, 1)


def accuracy(images):
    with minitorch.no_grad():
        return (model(images).argmax(1) == test.targets).float().mean().item()


# %%
sizes = [0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3]
figure = plt.figure(figsize=(9, 3.4), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1, 1.25])
panel = left.subplots()
for attack in (noise, fgsm, pgd):
    right_ones = [accuracy(attack(model, unseen, test.targets, size)) for size in sizes]
    panel.plot(sizes, [100 * value for value in right_ones], "o-", label=attack.__name__)
    print(f"{attack.__name__:<6}", " ".join(f"{value:>6.1%}" for value in right_ones))
panel.set(xlabel="change of a pixel (white is 1)", ylabel="right, %", ylim=(0, 102))
panel.legend()

moved = fgsm(model, unseen, test.targets, 0.15)
with minitorch.no_grad():
    sure, fooled = model(unseen).softmax(1), model(moved).softmax(1)
wrong = (sure.argmax(1) == test.targets) & (fooled.argmax(1) != test.targets)
axes = right.subplots(3, 5)
for column, number in zip(axes.T, wrong.nonzero()[:5, 0].tolist(), strict=True):
    difference = moved[number] - unseen[number]
    column[0].imshow(unseen[number, 0].numpy(), cmap="gray_r", vmin=0, vmax=1)
    column[1].imshow(difference[0].numpy(), cmap="RdBu", vmin=-0.3, vmax=0.3)
    column[2].imshow(moved[number, 0].numpy(), cmap="gray_r", vmin=0, vmax=1)
    for panel, scores in ((column[0], sure[number]), (column[2], fooled[number])):
        panel.set_title(f"{scores.argmax().item()}: {scores.max():.0%}", fontsize=9)
for panel in axes.flat:
    panel.axis("off")
plt.show()
