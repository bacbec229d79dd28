"""
The receptive field, computed and measured
==========================================

How much of the image can one output see? ``minitorch.tools.receptive_field`` computes it from
kernels and strides; the gradient shows it, and shows too that the middle counts more than the rim
(Luo et al. 2016).
"""

import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle

import minitorch
from minitorch import nn
from minitorch.tools import receptive_field

minitorch.manual_seed(0)
SIZE = 64


def stack(*layers):
    return nn.Sequential(*layers)


networks = {
    "ten of 3 x 3": stack(*[nn.Conv2d(8 if i else 1, 8, 3, padding=1) for i in range(10)]),
    "three with stride 2": stack(
        *[nn.Conv2d(8 if i else 1, 8, 3, stride=2, padding=1) for i in range(3)],
        nn.Conv2d(8, 8, 3, padding=1),
    ),
    "dilated 1, 2, 4, 8": stack(
        *[nn.Conv2d(8 if d > 1 else 1, 8, 3, dilation=d, padding=d) for d in (1, 2, 4, 8)]
    ),
    "dilated 6, 6, 6": stack(
        *[nn.Conv2d(8 if i else 1, 8, 3, dilation=6, padding=6) for i in range(3)]
    ),
}


def seen(model):
    """Return the gradient of the output in the middle, its size averaged over random weights."""
    model.double()
    total = 0
    for _ in range(20):
        for name, weight in model.named_parameters():
            nn.init.normal_(weight) if name.endswith("weight") else nn.init.zeros_(weight)
        x = minitorch.zeros(1, 1, SIZE, SIZE, dtype=minitorch.float64, requires_grad=True)
        y = model(x)
        middle = y.shape[2] // 2
        y[0, 0, middle, middle].backward()
        total = total + x.grad[0, 0].abs() / x.grad.abs().max()
    return total / 20


figure, axes = plt.subplots(1, 4, figsize=(10, 3), layout="constrained")
for panel, (name, model) in zip(axes, networks.items(), strict=True):
    last = receptive_field(model, (1, 1, SIZE, SIZE))[-1]
    measured = seen(model)
    reached = (measured > 1e-12).any(1)  # what is less is rounding
    rows = reached.nonzero()[:, 0]
    extent = rows[-1].item() - rows[0].item() + 1
    print(f"{name:<20} computed {last.size[0]}, measured {extent}")
    panel.imshow(measured.sqrt().numpy(), cmap="inferno")
    side, corner = last.size[0], rows[0].item() - 0.5
    panel.add_patch(Rectangle((corner, corner), side, side, fill=False, color="C0", linewidth=1.5))
    panel.set_title(f"{name}: {side}", fontsize=10)
    panel.axis("off")
plt.show()
