"""
Where the time goes
===================

``minitorch.tools.profile`` runs a network a few times and tells how long each layer takes, forward
and backward, and how far that is from what the machine can do (the roofline, Williams, Waterman
and Patterson 2009). ``minitorch bench`` on the command line compares layers and networks with
PyTorch.
"""

import matplotlib.pyplot as plt

import minitorch
from minitorch import nn
from minitorch.tools import profile

minitorch.manual_seed(0)


def block(channels, out, stride):
    """Return the depthwise and the 1 x 1 convolution of MobileNet (Howard et al. 2017)."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, stride=stride, padding=1, groups=channels, bias=False),
        nn.BatchNorm2d(channels), nn.ReLU(),
        nn.Conv2d(channels, out, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(),
    )  # fmt: skip


model = nn.Sequential(
    nn.Conv2d(3, 32, 3, stride=2, padding=1),
    block(32, 64, 1),
    block(64, 128, 2),
    block(128, 256, 2),
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
    nn.Linear(256, 10),
)
report = profile(model, (4, 3, 128, 128))
report

# %%
# The same by kind of layer. Convolutions of 1 by 1 do nearly all of the arithmetic, depthwise ones
# and batch norms little; those have to read and write the same images for it.

modules = dict(model.named_modules())


def kind(layer):
    if layer.kind != "Conv2d":
        return layer.kind
    convolution = modules[layer.path]
    if convolution.groups > 1:
        return "depthwise"
    return "1 x 1" if convolution.kernel_size == (1, 1) else "3 x 3"


several = [profile(model, (4, 3, 128, 128), backward=False, roofline=False) for _ in range(5)]
kinds = {}
for same in zip(*(report.layers for report in several), strict=True):
    layer = same[0]
    if layer.path:
        time, work = kinds.get(kind(layer), (0.0, 0))
        least = min(seen.forward for seen in same)  # the rest is what else the machine did
        kinds[kind(layer)] = time + least, work + layer.macs
kinds = dict(sorted(kinds.items(), key=lambda item: item[1][0]))
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True, layout="constrained")
time, work = (sum(column) for column in zip(*kinds.values(), strict=True))
left.barh(list(kinds), [100 * value / time for value, _ in kinds.values()])
left.set(xlabel="share of the forward time, %")
right.barh(list(kinds), [100 * value / work for _, value in kinds.values()], color="C1")
right.set(xlabel="share of the multiply-adds, %")
plt.show()
