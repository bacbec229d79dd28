"""
Find a learning rate
====================

The learning rate range test (Smith 2017): train for some batches with a learning rate that grows
from one to the next, and watch the loss. It falls, falls fastest, and then bursts. The model is put
back afterwards as it was.
"""

import matplotlib.pyplot as plt

import minitorch
from minitorch import optim
from minitorch.train import ImageBatches, Trainer, find_lr
from minitorch.utils.data import DataLoader
from minitorch.vision.datasets import Digits
from minitorch.vision.models import digits_net

train = DataLoader(ImageBatches(Digits(train=True)), batch_size=64, shuffle=True)
test = DataLoader(ImageBatches(Digits(train=False)), batch_size=355)


def new():
    minitorch.manual_seed(0)
    model = digits_net()
    return model, optim.Adam(model.parameters())


model, optimizer = new()
suggestion, rates, losses = find_lr(model, optimizer, train, low=1e-5, high=1.0, steps=200)
print(f"suggested: {suggestion:.3g}")

# %%
# Was that good advice? Train two epochs with it, and with a hundredth of it and ten times of it.

tried = {factor: factor * suggestion for factor in (0.01, 1, 10)}
after = {}
for factor, rate in tried.items():
    model, optimizer = new()
    optimizer.param_groups[0]["lr"] = rate
    history = Trainer(model, optimizer, verbose=False).fit(train, test, epochs=2)
    after[factor] = history[-1]["val_accuracy"]
    print(f"learning rate {rate:.2g}: {after[factor]:.1%} of the test images")

# %%
figure, (left, right) = plt.subplots(
    1, 2, figsize=(8, 3.2), layout="constrained", width_ratios=[2, 1]
)
left.semilogx(rates, losses)
left.axvline(suggestion, color="C1", linestyle="--")
left.annotate(f" {suggestion:.2g}", (suggestion, max(losses)), color="C1", va="top")
left.set(xlabel="learning rate", ylabel="loss (smoothed)")
right.bar([f"{rate:.2g}" for rate in tried.values()], [100 * v for v in after.values()])
right.set(xlabel="learning rate", ylabel="right after 2 epochs, %", ylim=(0, 100))
plt.show()
