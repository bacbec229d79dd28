"""
Your own function with your own derivative
==========================================

A function that rounds has a derivative of zero almost everywhere, and no network learns through
it. The *straight-through* estimator (Bengio et al. 2013) rounds on the way forward and does as if
it had not on the way back. With an ``autograd.Function`` that is a few lines; here it trains a
network whose weights have few values only.
"""

import matplotlib.pyplot as plt

import minitorch
from minitorch import autograd, nn, optim
from minitorch.nn.functional import conv2d, cross_entropy
from minitorch.vision.datasets import Digits


class Quantise(autograd.Function):
    """Round to `levels` values (an odd number) from -1 to 1; backward, do as if not."""

    @staticmethod
    def forward(ctx, x, levels):
        ctx.save_for_backward(x)
        half = (levels - 1) / 2
        return (x.clamp(-1, 1) * half).round() / half

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * (x.abs() <= 1), None


x = minitorch.linspace(-1.5, 1.5, 301, requires_grad=True)
y = Quantise.apply(x, 5)
y.sum().backward()

# %%
# A layer that stores full weights and uses rounded ones:


class QuantisedConv(nn.Conv2d):
    levels = 3

    def forward(self, input):
        scale = self.weight.abs().mean().detach() * 2
        weight = scale * Quantise.apply(self.weight / scale, self.levels)
        return conv2d(input, weight, self.bias, self.stride, self.padding)


train, test = Digits(train=True), Digits(train=False)
images, unseen = (part.data.unsqueeze(1).float() / 128 - 1 for part in (train, test))
results = {}
for levels in (3, 5, 9, 17):
    minitorch.manual_seed(0)
    QuantisedConv.levels = levels
    model = nn.Sequential(
        QuantisedConv(1, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(),
        QuantisedConv(24, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
        QuantisedConv(32, 10, 4), nn.Flatten(),
    )  # fmt: skip
    optimizer = optim.Adam(model.parameters(), lr=0.003)
    for _ in range(120):
        chosen = minitorch.randint(len(images), (64,))
        optimizer.zero_grad()
        cross_entropy(model(images[chosen]), train.targets[chosen]).backward()
        optimizer.step()
    model.eval()
    with minitorch.no_grad():
        right = (model(unseen).argmax(1) == test.targets).float().mean().item()
    results[levels] = right
    print(f"weights of {levels} values: {right:.1%}")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
left.plot(x.detach().numpy(), y.detach().numpy(), label="forward")
left.plot(x.detach().numpy(), x.grad.numpy(), "--", label="derivative used")
left.set(xlabel="x", title="rounding to 5 values")
left.legend()
right.bar([str(levels) for levels in results], [100 * value for value in results.values()])
right.set(xlabel="values a weight can have", ylabel="test images right, %", ylim=(90, 100))
plt.show()
