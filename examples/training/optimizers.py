"""
Optimisers race
===============

Six optimisers on the valley of Rosenbrock (1960), :math:`(1 - x)^2 + 100 (y - x^2)^2`. To fall into
the valley is easy; to follow its flat floor to the minimum at (1, 1) is not.
"""

import matplotlib.pyplot as plt
import numpy as np

import minitorch
from minitorch import optim


def valley(x, y):
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


START, STEPS = (-1.2, 1.0), 400
racers = {
    "SGD": lambda p: optim.SGD(p, lr=0.001),
    "SGD, momentum": lambda p: optim.SGD(p, lr=0.001, momentum=0.9),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.01),
    "Adam": lambda p: optim.Adam(p, lr=0.05),
    "Rprop": lambda p: optim.Rprop(p, lr=0.01),
    "L-BFGS": lambda p: optim.LBFGS(
        p, lr=1.0, max_iter=1, max_eval=25, line_search_fn="strong_wolfe"
    ),
}
figure, (map_, curves) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
x, y = np.meshgrid(np.linspace(-1.6, 1.6, 200), np.linspace(-0.6, 1.8, 200))
map_.contourf(x, y, np.log10(valley(x, y) + 1e-3), levels=24, cmap="Greys", alpha=0.6)

for name, build in racers.items():
    point = minitorch.tensor(START, dtype=minitorch.float64, requires_grad=True)
    optimizer = build([point])

    def height(point=point, optimizer=optimizer):
        optimizer.zero_grad()
        value = valley(point[0], point[1])
        value.backward()
        return value

    path, heights = [point.tolist()], []
    for _ in range(STEPS):
        heights.append(optimizer.step(height).item())
        path.append(point.tolist())
    map_.plot(*zip(*path, strict=True), label=name, linewidth=1.5)
    curves.semilogy(np.maximum(heights, 1e-16), label=name)
    print(f"{name:<14} {heights[-1]:.1e}")
map_.plot(1, 1, "k*", markersize=10)
map_.set(xlabel="x", ylabel="y", xlim=(-1.6, 1.6), ylim=(-0.6, 1.8))
curves.set(xlabel="step", ylabel="height")
curves.legend(fontsize=8)
plt.show()
