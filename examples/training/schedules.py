"""
Learning-rate schedules
=======================

What each schedule does over a hundred steps. They are used as in PyTorch: ``step()`` once per epoch
or per batch, after that of the optimiser.
"""

import matplotlib.pyplot as plt

import minitorch
from minitorch.optim import SGD, lr_scheduler

STEPS = 100
schedules = {
    "StepLR": lambda o: lr_scheduler.StepLR(o, step_size=25, gamma=0.5),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, milestones=[40, 80], gamma=0.2),
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, gamma=0.96),
    "PolynomialLR": lambda o: lr_scheduler.PolynomialLR(o, total_iters=STEPS, power=2),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=STEPS),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(
        o, T_0=14, T_mult=2
    ),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, max_lr=1.0, total_steps=STEPS),
    "CyclicLR": lambda o: lr_scheduler.CyclicLR(
        o, base_lr=0.1, max_lr=1.0, step_size_up=20, cycle_momentum=False
    ),
    "warm-up, then cosine": lambda o: lr_scheduler.SequentialLR(
        o,
        [
            lr_scheduler.LinearLR(o, start_factor=0.05, total_iters=10),
            lr_scheduler.CosineAnnealingLR(o, T_max=STEPS - 10),
        ],
        milestones=[10],
    ),
}


def rates(schedule):
    """Return the learning rate of every step."""
    optimizer = SGD([minitorch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = schedule(optimizer)
    seen = []
    for _ in range(STEPS):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


figure, axes = plt.subplots(3, 3, figsize=(8, 5), sharex=True, sharey=True, layout="constrained")
for panel, (name, schedule) in zip(axes.flat, schedules.items(), strict=True):
    panel.plot(rates(schedule))
    panel.set_title(name, fontsize=9)
figure.supxlabel("step")
figure.supylabel("learning rate")
plt.show()
