"""Training gives the same bits whatever the number of threads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from minitorch import kernels

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "determinism.py"


def weights_hash(network, batch, threads, isa):
    arguments = ["--batch", str(batch), "--steps", "3", "--threads", str(threads)]
    result = subprocess.run(
        [sys.executable, str(SCRIPT), network, *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "MINITORCH_ISA": isa},
    )
    return result.stdout.strip()


@pytest.mark.parametrize("isa", kernels.info()["available"])
@pytest.mark.parametrize("batch", [1, 8])
@pytest.mark.parametrize("network", ["lenet5", "resnet20", "mobilenet"])
def test_weights_do_not_depend_on_the_number_of_threads(network, batch, isa):
    hashes = {weights_hash(network, batch, threads, isa) for threads in (1, 2, 7)}
    assert len(hashes) == 1
    assert len(hashes.pop()) == 64
