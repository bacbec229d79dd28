"""
Where the time goes
===================

How long do the layers of a network take, and how fast is that for the arithmetic they do? Forward
hooks are enough to ask. (``minitorch bench`` measures layers and networks more carefully, against
what the machine can do, and against PyTorch.)
"""

import time

import matplotlib.pyplot as plt

import minitorch
from minitorch import nn
from minitorch.tools import summary
from minitorch.vision.models import mobilenet_v2

minitorch.manual_seed(0)
model = mobilenet_v2(num_classes=10).eval()
image = minitorch.randn(1, 3, 128, 128)
kinds = (nn.Conv2d, nn.BatchNorm2d, nn.ReLU6, nn.Linear)
layers = {name: module for name, module in model.named_modules() if isinstance(module, kinds)}
times = {name: [] for name in layers}
started = {}


def watch(name):
    layers[name].register_forward_pre_hook(
        lambda module, args: started.update({name: time.perf_counter()})
    )
    layers[name].register_forward_hook(
        lambda module, args, output: times[name].append(time.perf_counter() - started[name])
    )


for name in layers:
    watch(name)
with minitorch.no_grad():
    for _ in range(12):
        model(image)
best = {name: min(seen[2:]) for name, seen in times.items()}  # the first runs warm up

# %%
# The arithmetic of each layer is in the summary. A depthwise convolution does little of it and
# still has to read and write its whole image, so it runs at another speed.

work = {row.path: row.macs for row in summary(model, image.shape).layers}


def kind(name):
    layer = layers[name]
    if not isinstance(layer, nn.Conv2d):
        return type(layer).__name__
    if layer.groups > 1:
        return "depthwise"
    return "1 x 1" if layer.kernel_size == (1, 1) else "first"


totals = {}
for name in layers:
    total = totals.setdefault(kind(name), [0, 0.0, 0])
    totals[kind(name)] = [total[0] + 1, total[1] + best[name], total[2] + work[name]]
print(f"{'':<12}{'layers':>6}{'ms':>8}{'GMAC/s':>9}")
for name, (count, seconds, macs) in sorted(totals.items(), key=lambda item: -item[1][1]):
    speed = f"{macs / seconds / 1e9:9.1f}" if macs else ""
    print(f"{name:<12}{count:>6}{1e3 * seconds:>8.2f}{speed}")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
names = sorted(totals, key=lambda name: totals[name][1])
left.barh(names, [1e3 * totals[name][1] for name in names])
left.set(xlabel="milliseconds per image")
for label, marker in (("1 x 1", "o"), ("depthwise", "s"), ("first", "^")):
    these = [name for name in layers if kind(name) == label]
    right.loglog([work[name] for name in these], [1e6 * best[name] for name in these], marker,
                 linestyle="none", markersize=4, label=label)  # fmt: skip
right.set(xlabel="multiply-adds", ylabel="microseconds")
right.legend()
plt.show()
