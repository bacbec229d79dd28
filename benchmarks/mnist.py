"""LeNet-5 on MNIST, in minitorch and in PyTorch: accuracy and seconds per epoch.

    python benchmarks/mnist.py --data FOLDER

Each library trains in a process of its own, one after the other, with the same batches, loss,
optimiser and number of threads; the time of an epoch is that of training, without evaluation.
"""

import argparse
import importlib
import subprocess
import sys
import time

import numpy as np

from minitorch.tools.bench.networks import lenet5

LIBRARIES = ("minitorch", "torch")


def train(name, folder, epochs, batch, threads):
    """Train with one library and print a line per epoch."""
    from minitorch.vision.datasets import MNIST

    library = importlib.import_module(name)
    library.set_num_threads(threads)
    library.manual_seed(0)
    images, labels = {}, {}
    for part in (True, False):
        data = MNIST(folder, train=part)
        pixels = (data.data.numpy()[:, None] / np.float32(255) - 0.1307) / 0.3081
        images[part] = library.from_numpy(pixels.astype(np.float32))
        labels[part] = library.from_numpy(data.targets.numpy().astype(np.int64))
    model = lenet5(library.nn)
    optimizer = library.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    rng = np.random.default_rng(0)
    for epoch in range(1, epochs + 1):
        order = library.from_numpy(rng.permutation(len(labels[True])))
        start = time.perf_counter()
        for i in range(0, len(order), batch):
            chosen = order[i : i + batch]
            scores = model(images[True][chosen])
            loss = library.nn.functional.cross_entropy(scores, labels[True][chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        seconds = time.perf_counter() - start
        with library.no_grad():
            right = sum(
                (model(images[False][i : i + 1000]).argmax(1) == labels[False][i : i + 1000])
                .sum()
                .item()
                for i in range(0, len(labels[False]), 1000)
            )
        accuracy = right / len(labels[False])
        print(f"{name:10} epoch {epoch}   test {accuracy:.2%}   {seconds:5.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder of the four IDX files")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--library", choices=LIBRARIES, help="run only this one, in this process")
    options = parser.parse_args()
    if options.library:
        train(options.library, options.data, options.epochs, options.batch, options.threads)
        return
    for name in LIBRARIES:
        subprocess.run([sys.executable, __file__, *sys.argv[1:], "--library", name], check=True)


if __name__ == "__main__":
    main()
