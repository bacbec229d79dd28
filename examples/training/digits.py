"""
Train a digit classifier
========================

A small network learns to read handwritten digits. They come with the package: 1,797 images of 8 by
8 pixels. The loop is the one of PyTorch.
"""

import matplotlib.pyplot as plt

import minitorch
from minitorch import nn, optim
from minitorch.utils.data import DataLoader, TensorDataset
from minitorch.vision.datasets import Digits

minitorch.manual_seed(0)


def images_of(dataset):
    return dataset.data.unsqueeze(1).float() / 255


train, test = Digits(train=True), Digits(train=False)
batches = DataLoader(
    TensorDataset(images_of(train), train.targets.long()), batch_size=64, shuffle=True
)
model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1),
    nn.BatchNorm2d(16),
    nn.ReLU(),
    nn.Conv2d(16, 32, 3, stride=2, padding=1),
    nn.BatchNorm2d(32),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(32 * 4 * 4, 10),
)

# %%
# Each epoch goes over the training images once, in a new order. Afterwards the images that were
# held back are looked at, in evaluation mode and without a graph.

optimizer = optim.AdamW(model.parameters(), lr=0.003)
losses, accuracies = [], []
for _ in range(8):
    model.train()
    total = 0.0
    for images, labels in batches:
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    losses.append(total / len(batches))
    model.eval()
    with minitorch.no_grad():
        scores = model(images_of(test))
    right = scores.argmax(1) == test.targets
    accuracies.append(right.float().mean().item())
print(f"{accuracies[-1]:.1%} of {len(test)} images, {int((~right).sum())} wrong")

# %%
# The images it is least sure of, or wrong about: what it says, with which probability, and in
# brackets what it should have said.

sure = scores.softmax(1)
doubtful = sure[minitorch.arange(len(test)), test.targets].argsort()[:6].tolist()
figure = plt.figure(figsize=(8, 3.4), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1, 1.1])
axes = left.subplots()
axes.plot(range(1, 9), losses, "o-", color="C0")
axes.set(xlabel="epoch", ylabel="loss while training", ylim=(0, None))
second = axes.twinx()
second.plot(range(1, 9), [100 * value for value in accuracies], "s-", color="C1")
second.set_ylabel("test images right, %", color="C1")
second.spines.right.set_visible(True)
for axes, number in zip(right.subplots(2, 3).flat, doubtful, strict=True):
    axes.imshow(test.data[number].numpy(), cmap="gray_r")
    said = sure[number].argmax().item()
    axes.set_title(f"{said}: {sure[number, said]:.0%} ({test.targets[number]})", fontsize=9)
    axes.axis("off")
plt.show()
