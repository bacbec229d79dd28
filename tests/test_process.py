"""minitorch in the user's process: forks, threads, other libraries, the floating-point mode."""

import importlib.util
import itertools
import os
import subprocess
import sys

import pytest

FORKS = """
import os, signal, sys
import numpy as np
import minitorch

def work():
    x = minitorch.Tensor(np.arange(1 << 18, dtype=np.float32))
    return (x * x + x).sum().item()

minitorch.set_num_threads(2)
expected = work()
for _ in range(500):
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # a hang ends the child with a signal
        os._exit(0 if work() == expected else 1)
    assert os.waitpid(child, 0)[1] == 0, "a forked child failed or hung"
assert work() == expected
"""

IMPORTS = """
THREADS = {}
import {}
import numpy as np
import minitorch
a = np.random.default_rng(0).normal(size=(1 << 17,)).astype(np.float32)
x = minitorch.Tensor(a)
assert np.array_equal((x * x + x).numpy(), a * a + a)
assert minitorch.get_num_threads() == THREADS, minitorch.get_num_threads()
if "torch" in globals():
    t = torch.from_numpy(a.reshape(256, -1))
    assert torch.isfinite(t @ t.T).all()
    assert torch.get_num_threads() == 2, torch.get_num_threads()
if "sklearn" in globals():
    from sklearn.cluster import KMeans
    KMeans(3, n_init=1, random_state=0).fit(a[:3000].reshape(-1, 3))
assert np.array_equal((x * x + x).numpy(), a * a + a)
"""

FLOATING_POINT_MODE = """
import ctypes, ctypes.util
import numpy as np
import minitorch

libm = ctypes.CDLL(ctypes.util.find_library("m"))
denormal = np.array([1e-40], np.float32)
rounding = libm.fegetround()
x = minitorch.Tensor(np.full((64, 64, 8, 8), 1e-20, np.float32)).requires_grad_()
w = minitorch.Tensor(np.full((64, 64, 3, 3), 1e-20, np.float32)).requires_grad_()
minitorch.nn.functional.conv2d(x, w, padding=1).sum().backward()
minitorch.matmul(w.reshape(64, -1), w.reshape(-1, 64))
assert libm.fegetround() == rounding
assert (denormal * np.float32(1))[0] != 0, "denormals are flushed after a call"
"""


def run(code, **environment):
    """Run a program in a process of its own and return what it prints."""
    return subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        timeout=300,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    ).stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_500_forks_after_a_parallel_region():
    run(FORKS)


@pytest.mark.parametrize("order", list(itertools.permutations(["torch", "sklearn", "minitorch"])))
def test_coexists_in_every_order_of_import(order, torch):
    if importlib.util.find_spec("sklearn") is None:
        order = [name for name in order if name != "sklearn"]
    threads = run("import minitorch; print(minitorch.get_num_threads())", OMP_NUM_THREADS="2")
    run(IMPORTS.format(threads, ", ".join(order)), OMP_NUM_THREADS="2")


def test_floating_point_mode_of_the_caller_is_kept():
    run(FLOATING_POINT_MODE)


@pytest.mark.parametrize("isa", ["mmx", "", "neon" if os.uname().machine != "aarch64" else "avx2"])
def test_an_impossible_isa_is_refused_by_name(isa):
    result = subprocess.run(
        [sys.executable, "-c", "import minitorch"],
        capture_output=True,
        text=True,
        env={**os.environ, "MINITORCH_ISA": isa or "?"},
    )
    assert result.returncode == 1
    assert "MINITORCH_ISA" in result.stderr and "scalar" in result.stderr


def test_the_caller_may_use_fewer_threads_than_the_machine_has():
    code = "import minitorch; assert minitorch.get_num_threads() == 1"
    run(code, OMP_NUM_THREADS="1")
    if hasattr(os, "sched_setaffinity"):
        run("import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); " + code)
