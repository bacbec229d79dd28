"""The C library as a good citizen: threads, forks, floating-point mode, memory."""

import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

from minitorch import kernels, memory
from minitorch.geometry import Window

ISAS = kernels.info()["available"]


@pytest.fixture(autouse=True)
def restored():
    before = kernels.info()
    yield
    kernels.set_isa(before["isa"])
    kernels.set_num_threads(before["threads"])


def run(code, **environment):
    """Run a program in a process of its own and return what it printed."""
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return result.stdout.strip() if result.returncode == 0 else result.stderr


def test_isa_from_the_environment():
    code = "from minitorch import kernels; print(kernels.info()['isa'])"
    for isa in ISAS:
        assert run(code, MINITORCH_ISA=isa) == isa
    assert run(code, MINITORCH_ISA="") == ISAS[-1]
    unknown = run(code, MINITORCH_ISA="mmx")
    assert "ImportError: MINITORCH_ISA=mmx: this instruction set is unknown" in unknown
    assert ", ".join(ISAS) in unknown
    foreign = "avx2" if "neon" in ISAS else "neon"
    assert "cannot be used on this machine" in run(code, MINITORCH_ISA=foreign)


def test_set_isa_names_what_there_is():
    with pytest.raises(RuntimeError, match="'mmx' is not one of scalar"):
        kernels.set_isa("mmx")


def test_thread_count_from_the_environment():
    code = "from minitorch import kernels; print(kernels.get_num_threads())"
    assert run(code, OMP_NUM_THREADS="1") == "1"
    assert run(code, OMP_NUM_THREADS="1,4") == "1"
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert 1 <= int(run(code, OMP_NUM_THREADS="0")) <= cpus
    assert 1 <= int(run(code, OMP_NUM_THREADS="junk")) <= cpus


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_thread_count_respects_affinity():
    code = """
        import os
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        from minitorch import kernels
        print(kernels.get_num_threads())
    """
    assert run(code, OMP_NUM_THREADS="8") == "1"


def test_set_num_threads():
    most = 256 if kernels.info()["openmp"] else 1
    for wanted in (3, 10**6):
        kernels.set_num_threads(wanted)
        assert kernels.get_num_threads() == min(wanted, most)
    with pytest.raises(ValueError, match="at least 1 thread, got 0"):
        kernels.set_num_threads(0)


def work(seed):
    """Multiply and convolve enough to use all threads; return the bits."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((150, 400)).astype(np.float32)
    x = rng.standard_normal((2, 8, 40, 40)).astype(np.float32)
    w = rng.standard_normal((16, 8, 3, 3)).astype(np.float32)
    window = Window.of(2, (3, 3), 1, 1)
    y = kernels.conv_forward(x, w, None, window)
    parts = (
        kernels.gemm(a, a.T),
        y,
        kernels.conv_grad_input(y, w, window, (40, 40)),
        kernels.conv_grad_weight(x, y, window),
    )
    return b"".join(part.tobytes() for part in parts)


def test_several_python_threads_at_once():
    kernels.set_num_threads(2)
    wanted = [work(seed) for seed in range(4)]
    wrong = []

    def check(seed):
        for _ in range(10):
            if work(seed) != wanted[seed]:
                wrong.append(seed)

    threads = [threading.Thread(target=check, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_fork_after_a_parallel_region():
    code = """
        import os, sys, warnings
        sys.path.insert(0, "tests")
        warnings.simplefilter("ignore")  # forking with threads is what is tested
        from test_runtime import kernels, work
        kernels.set_num_threads(2)
        wanted = work(0)
        for _ in range(20):
            child = os.fork()
            if not child:
                os._exit(0 if work(0) == wanted else 1)
            assert os.waitpid(child, 0)[1] == 0
            assert work(0) == wanted
        print("done")
    """
    assert run(code) == "done"


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts threads in /proc")
def test_threads_of_the_process_are_few_and_signals_are_not_theirs():
    code = """
        import os, signal, sys, threading, time
        sys.path.insert(0, "tests")
        from test_runtime import kernels, work
        kernels.set_num_threads(3)
        before = len(os.listdir("/proc/self/task"))
        for _ in range(3):
            callers = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
            for caller in callers:
                caller.start()
            for caller in callers:
                caller.join()
            work(0)
        # two that help, and the one that holds them; those that called take their time to go
        for _ in range(100):
            ours = len(os.listdir("/proc/self/task")) - before
            if ours == 3:
                break
            time.sleep(0.1)
        print(ours)
        blocked = 0
        for task in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{task}/status") as file:
                mask = next(int(line.split()[1], 16) for line in file if line.startswith("SigBlk"))
            blocked += mask >> (signal.SIGINT - 1) & 1
        print(blocked)
    """
    assert run(code).split() == (["3", "3"] if kernels.info()["openmp"] else ["0", "0"])


def test_floating_point_mode_is_flushed_inside_and_restored():
    tiny = np.float32(1e-40)
    a = np.full((64, 512), tiny, np.float32)
    kernels.set_num_threads(2)
    for isa in ISAS:
        kernels.set_isa(isa)
        assert (kernels.gemm(a, np.ones((512, 64), np.float32)) == 0).all()
        work(0)
        assert tiny * np.float32(1) == tiny and tiny > 0  # the caller still has denormals
        assert (a[0] * np.float32(0.5) > 0).all()


@pytest.mark.parametrize("isa", ISAS)
def test_nothing_is_written_beside_the_outputs(isa, monkeypatch):
    """Every output lies between guards; sizes are eq, below and above tiles."""
    kernels.set_isa(isa)
    guarded = []

    def empty(shape, dtype):
        size = int(np.prod(shape))
        whole = np.full(size + 128, 77, dtype)
        guarded.append(whole)
        return whole[64 : 64 + size].reshape(shape)

    monkeypatch.setattr(memory, "empty", empty)
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        for m, n, k in [(1, 1, 1), (8, 48, 192), (7, 47, 5), (9, 49, 193), (1, 33, 9), (33, 1, 9)]:
            a, b = np.ones((m, k), dtype), np.ones((k, n), dtype)
            kernels.gemm(a, b)
            kernels.gemm(np.asfortranarray(a), np.asfortranarray(b))
        for groups, stride, size in [(1, 1, 9), (1, 2, 7), (6, 1, 17), (6, 2, 9), (2, 3, 8)]:
            window = Window.of(2, (3, 3), stride, 1, 1, groups)
            x = rng.standard_normal((2, 6, size, size + 1)).astype(dtype)
            w = np.ones((6, 6 // groups, 3, 3), dtype)
            y = kernels.conv_forward(x, w, None, window)
            kernels.conv_grad_input(y, w, window, x.shape[2:])
            kernels.conv_grad_weight(x, y, window)
    for whole in guarded:
        assert (whole[:64] == 77).all() and (whole[-64:] == 77).all()


def test_pool_recycles_blocks_when_the_last_array_is_gone():
    memory.trim()
    array = memory.empty((300, 1000), np.float32)
    where = array.ctypes.data
    assert where % 64 == 0
    view = array[5:, ::2].T
    del array
    other = memory.empty((300, 1000), np.float32)
    assert other.ctypes.data != where  # the view still uses the block
    del view
    assert memory.empty((300, 1000), np.float32).ctypes.data == where


def test_pool_prefers_a_larger_idle_block_to_a_fresh_one():
    memory.trim()
    rest = memory.lib.mt_pool_used()
    big = [memory.empty((40 << 20,), np.uint8) for _ in range(8)]
    del big
    idle = memory.lib.mt_pool_idle()
    small = [memory.empty((20 << 20,), np.uint8) for _ in range(8)]  # of another size class
    assert memory.lib.mt_pool_idle() + memory.lib.mt_pool_used() - rest <= idle * 1.25 + (64 << 20)
    assert memory.lib.mt_pool_idle() > 0  # not all of it was freed
    del small
    memory.trim()


def test_pool_is_bounded():
    memory.trim()
    for size in range(20, 120):
        memory.empty((size << 16,), np.float32)
    most = 119 << 18
    assert memory.lib.mt_pool_idle() <= most * 1.5 + (64 << 20)
    memory.trim()
    assert memory.lib.mt_pool_idle() == 0


def test_memory_that_cannot_be_had():
    with pytest.raises(MemoryError, match="cannot allocate"):
        memory.empty((1 << 45,), np.float64)
    with pytest.raises(MemoryError, match="cannot allocate"):
        memory.empty((1 << 40, 1 << 40), np.float64)


def test_pool_from_several_threads():
    wrong = []

    def check(number):
        for i in range(200):
            array = memory.empty((20000 + 500 * (i % 7),), np.float64)
            array[:] = number
            if (array != number).any():
                wrong.append(number)

    threads = [threading.Thread(target=check, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
