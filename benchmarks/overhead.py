"""Cost of a small operation: a chain of multiplications of 4x4 tensors, forward and backward.

    python benchmarks/overhead.py

With PyTorch installed both are timed in turn, and the ratio of the medians is printed.
"""

import argparse
import importlib.util
import statistics
import time

import minitorch


def step(library, length):
    """Return a function that runs the chain once, forward and backward."""
    x = library.ones(4, 4, requires_grad=True)
    w = library.ones(4, 4, requires_grad=True)
    grad = library.ones(4, 4)

    def run():
        y = x
        for _ in range(length):
            y = y * w
        y.backward(grad)
        x.grad = w.grad = None

    return run


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--length", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=300)
    options = parser.parse_args()
    steps = {"minitorch": step(minitorch, options.length)}
    if importlib.util.find_spec("torch") is not None:
        steps["torch"] = step(importlib.import_module("torch"), options.length)
    times = {name: [] for name in steps}
    for _ in range(options.rounds):
        for name, run in steps.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name:10} {1e6 * median / options.length:6.2f} us per multiplication")
    if "torch" in medians:
        print(f"torch / minitorch: {medians['torch'] / medians['minitorch']:.2f}")


if __name__ == "__main__":
    main()
