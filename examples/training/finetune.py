"""
Transfer learning: start from a file of weights
===============================================

A network that has learned one thing is a good beginning for another. Here one learns to read
digits and is saved as a ``.pth`` file, as PyTorch writes them. Then the pictures get worse and the
question is another: even or odd, in noise, from 20 images. The weights are read by their names
into a network with a new last layer.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import minitorch
from minitorch import optim
from minitorch.nn.functional import cross_entropy
from minitorch.vision.datasets import Digits
from minitorch.vision.models import digits_net

train, test = Digits(train=True), Digits(train=False)
images, test_images = (part.data.unsqueeze(1).float() / 128 - 1 for part in (train, test))


def fit(model, optimizer, images, labels, steps, batch):
    for _ in range(steps):
        chosen = minitorch.randint(len(images), (batch,))
        optimizer.zero_grad()
        cross_entropy(model(images[chosen]), labels[chosen]).backward()
        optimizer.step()


def accuracy(model, images, labels):
    with minitorch.no_grad():
        return (model(images).argmax(1) == labels).float().mean().item()


minitorch.manual_seed(0)
teacher = digits_net()
fit(teacher, optim.Adam(teacher.parameters(), lr=0.002), images, train.targets, 150, 64)
print(f"reads {accuracy(teacher, test_images, test.targets):.1%} of the clean images")
path = Path(tempfile.mkdtemp()) / "reader.pth"
minitorch.save(teacher.state_dict(), path)

# %%
# Loading by name
# ---------------
#
# The new network has two classes, so the last layer is left out of the file's weights, and
# ``strict=False`` lets the rest in. What was missing is said.


def student():
    model = digits_net(num_classes=2)
    state = minitorch.load(path)
    body = {name: value for name, value in state.items() if not name.startswith("9.")}
    return model, model.load_state_dict(body, strict=False)


print(student()[1])

# %%
# Three ways to learn from few images
# -----------------------------------
#
# From nothing; only the new layer; or all of them, those that were read at a tenth of the learning
# rate. Each way is tried three times, with other random numbers.


def from_nothing():
    model = digits_net(num_classes=2)
    return model, optim.Adam(model.parameters(), lr=0.003)


def frozen():
    model, _ = student()
    model.requires_grad_(False)
    model[9].requires_grad_(True)
    return model, optim.Adam(model[9].parameters(), lr=0.003)


def tuned():
    model, _ = student()
    body = [p for name, p in model.named_parameters() if not name.startswith("9.")]
    groups = [{"params": body, "lr": 0.0003}, {"params": model[9].parameters()}]
    return model, optim.Adam(groups, lr=0.003)


def spoil(images):
    return images + 0.6 * minitorch.randn_like(images)


few = minitorch.cat([(train.targets == digit).nonzero()[:2, 0] for digit in range(10)])
seen, seen_labels = spoil(images[few]), train.targets[few] % 2
unseen, labels = spoil(test_images), test.targets % 2
figure, (left, right) = plt.subplots(
    1, 2, figsize=(8, 3.4), layout="constrained", width_ratios=[1, 2]
)
left.imshow(seen.view(5, 4, 8, 8).permute(0, 2, 1, 3).reshape(40, 32).numpy(), cmap="gray_r")
left.set_title("all it learns from", fontsize=10)
left.axis("off")
for way in (from_nothing, frozen, tuned):
    curves = []
    for seed in range(3):
        minitorch.manual_seed(seed)
        model, optimizer = way()
        curves.append([])
        for _ in range(12):
            fit(model, optimizer, seen, seen_labels, 5, 20)
            curves[-1].append(accuracy(model, unseen, labels))
    curve = 100 * minitorch.tensor(curves).mean(0)
    right.plot(range(5, 65, 5), curve.numpy(), label=way.__name__.replace("_", " "))
    print(f"{way.__name__:<12} {curve[-1]:.1f} %")
right.set(xlabel="steps", ylabel="even or odd right, %")
right.legend()
plt.show()
