"""SHA-256 of a network's weights after some training steps, in this process's settings.

    python benchmarks/determinism.py lenet5 --batch 8 --steps 50 --threads 2

Run it with different ``--threads``, beside another busy process, and again: for one
``MINITORCH_ISA`` the hash is always the same.
"""

import argparse
import hashlib

import minitorch
from minitorch import nn, optim
from minitorch.tools.bench.networks import NETWORKS


def weights_hash(name, batch, steps):
    """Train a network on random data from a fixed seed, and hash its state."""
    build, shape = NETWORKS[name]
    minitorch.manual_seed(0)
    model = build(nn)
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    for _ in range(steps):
        images = minitorch.randn(batch, *shape)
        labels = minitorch.randint(0, 10, (batch,))
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    digest = hashlib.sha256()
    for tensor in model.state_dict().values():
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--threads", type=int, default=0, help="default: the machine's")
    options = parser.parse_args()
    if options.threads:
        minitorch.set_num_threads(options.threads)
    print(weights_hash(options.network, options.batch, options.steps))
