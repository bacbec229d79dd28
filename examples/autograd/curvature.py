"""
The curvature of a loss
=======================

The first derivative says which way is down, the second how soon that changes. A Hessian is too
large to write down, but its product with a vector costs two backward passes (Pearlmutter 1994),
and from such products the power method finds the direction of largest curvature. The highest
learning rate that gradient descent survives is 2 divided by it.
"""

import matplotlib.pyplot as plt

import minitorch
from minitorch import nn
from minitorch.autograd import grad
from minitorch.nn.functional import mse_loss, one_hot
from minitorch.vision.datasets import Digits

minitorch.manual_seed(0)
digits = Digits()
images = digits.data[:256].unsqueeze(1).float() / 255
targets = one_hot(digits.targets[:256].long(), 10).float()


def network():
    minitorch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(72, 10)
    )


def curvature(model, turns=25):
    """Return the largest eigenvalue of the Hessian of the loss."""
    weights = list(model.parameters())
    slopes = grad(mse_loss(model(images), targets), weights, create_graph=True)
    vector = [minitorch.randn_like(weight) for weight in weights]
    for _ in range(turns):
        size = sum(part.square().sum() for part in vector).sqrt()
        vector = [part / size for part in vector]
        along = sum((slope * part).sum() for slope, part in zip(slopes, vector, strict=True))
        product = grad(along, weights, retain_graph=True)
        largest = sum((p * v).sum() for p, v in zip(product, vector, strict=True)).item()
        vector = product
    return largest


# %%
# Gradient descent with three learning rates, the curvature measured on the way. Training moves to
# places of higher curvature, until the learning rate forbids (Cohen et al. 2021).

figure, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3.2), layout="constrained")
for rate in (1.0, 1.5, 2.0):
    model = network()
    losses, curvatures = [], []
    for step in range(161):
        if step % 20 == 0:
            curvatures.append(curvature(model))
        loss = mse_loss(model(images), targets)
        losses.append(loss.item())
        model.zero_grad()
        loss.backward()
        with minitorch.no_grad():
            for weight in model.parameters():
                weight -= rate * weight.grad
    (line,) = left.plot(losses, label=f"learning rate {rate}")
    right.plot(range(0, 161, 20), curvatures, "o-", markersize=3)
    right.axhline(2 / rate, color=line.get_color(), linestyle=":")
    print(f"learning rate {rate}: limit {2 / rate:.1f}, curvature at most {max(curvatures):.1f}")
left.set(xlabel="step", ylabel="loss", ylim=(0, None))
left.legend()
right.set(xlabel="step", ylabel="largest curvature (dotted: 2 / learning rate)")
plt.show()
