"""
A gradient for every sample
===========================

``backward()`` gives the sum of the gradients of a batch. With ``minitorch.func`` each sample gets
its own: the loss as a function of the parameters, its gradient, and ``vmap`` over the samples.
They tell which samples pull hardest, and how far they agree: here, on digits of which some have
wrong labels.
"""

import matplotlib.pyplot as plt

import minitorch
from minitorch import nn, optim
from minitorch.func import functional_call, grad, vmap
from minitorch.nn.functional import cross_entropy
from minitorch.vision.datasets import Digits

minitorch.manual_seed(0)
digits = Digits()
images, labels = digits.data.unsqueeze(1).float() / 255, digits.targets.long()
wrong = minitorch.rand(len(labels)) < 0.05
labels = minitorch.where(wrong, (labels + minitorch.randint(1, 10, (len(labels),))) % 10, labels)

model = nn.Sequential(
    nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 10)
)
optimizer = optim.Adam(model.parameters(), lr=0.01)
for _ in range(100):
    chosen = minitorch.randint(len(images), (64,))
    optimizer.zero_grad()
    cross_entropy(model(images[chosen]), labels[chosen]).backward()
    optimizer.step()

# %%
parameters = {name: value.detach() for name, value in model.named_parameters()}


def loss_of_one(parameters, image, label):
    return cross_entropy(functional_call(model, parameters, (image[None],)), label[None])


per_sample = vmap(grad(loss_of_one), in_dims=(None, 0, 0))
gradients = per_sample(parameters, images[:300], labels[:300])
for name, gradient in gradients.items():
    print(f"{name:<9} {tuple(gradient.shape)}")

# %%
# Their mean is the gradient of the batch:

model.zero_grad()
cross_entropy(model(images[:300]), labels[:300]).backward()
difference = gradients["4.weight"].mean(0) - model[4].weight.grad
print(f"largest difference {difference.abs().max():.1e}")

# %%
# The images that pull hardest. Those with a cross have been given a wrong label before.

flat = minitorch.cat([gradient.flatten(1) for gradient in gradients.values()], dim=1)
sizes = flat.norm(dim=1)
figure = plt.figure(figsize=(9, 3.2), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1, 1.3])
panel = left.subplots()
bins = [0.03 * 1.4**k for k in range(25)]
for name, these in (("right label", ~wrong[:300]), ("wrong label", wrong[:300])):
    panel.hist(
        sizes[these].clamp(min=bins[0], max=bins[-1]).numpy(), bins=bins, alpha=0.7, label=name
    )
panel.set(xscale="log", yscale="log", xlabel="size of the gradient", ylabel="images")
panel.legend()
hardest = sizes.argsort(descending=True)[:18].tolist()
for panel, number in zip(right.subplots(3, 6).flat, hardest, strict=True):
    panel.imshow(images[number, 0].numpy(), cmap="gray_r")
    mark = " x" if wrong[number] else ""
    panel.set_title(f"{labels[number]}{mark}", fontsize=9)
    panel.axis("off")
marked = int(wrong[hardest].sum()), int(wrong[:300].sum())
print("{} of the 18 hardest have a wrong label, {} of 300".format(*marked))
plt.show()
