"""Workers of the DataLoader: the same batches, errors with tracebacks, nothing left behind."""

import faulthandler
import gc
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import minitorch
from minitorch.utils import data
from minitorch.utils.data import DataLoader
from minitorch.vision import transforms as T
from minitorch.vision.datasets import Digits

ROOT = Path(__file__).parents[1]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


class Noisy(data.Dataset):
    """Samples that draw from minitorch's generator, some of them twice."""

    def __init__(self, count=29, size=(3, 5)):
        self.count, self.size = count, size

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        noise = minitorch.randn(*self.size)
        if index % 3 == 0:
            noise = noise + minitorch.rand(1)
        return noise, index


class Large(data.Dataset):
    """Samples that travel in shared memory: 100 KB each."""

    def __init__(self, count=24):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return np.full((160, 160), index, np.float32), index


class Failing(data.Dataset):
    def __init__(self, error, at=5):
        self.error, self.at = error, at

    def __len__(self):
        return 12

    def __getitem__(self, index):
        if index == self.at:
            self.fail()
        return index

    def fail(self):
        raise self.error


def numbers(batches):
    return [plain(batch) for batch in batches]


def plain(value):
    return (
        [plain(v) for v in value]
        if isinstance(value, (list, tuple))
        else np.asarray(value).tolist()
    )


def noisy_collate(samples):
    images, labels = data.default_collate(samples)
    return images + minitorch.rand(1), labels


def epochs(count=2, dataset=None, **options):
    minitorch.manual_seed(7)
    loader = DataLoader(dataset or Noisy(), batch_size=4, shuffle=True, **options)
    return [numbers(loader) for _ in range(count)]


WAYS = [
    {"num_workers": 1},
    {"num_workers": 2},
    {"num_workers": 3, "prefetch_factor": 1},
    {"num_workers": 2, "persistent_workers": True},
    {"num_workers": 2, "multiprocessing_context": "thread"},
    {"num_workers": 1, "multiprocessing_context": "spawn"},
    {"num_workers": 2, "multiprocessing_context": "forkserver"},
]


class TestReproducible:
    @pytest.mark.parametrize("way", WAYS, ids=str)
    def test_any_number_of_workers(self, way):
        assert epochs(collate_fn=noisy_collate) == epochs(collate_fn=noisy_collate, **way)

    def test_augmentation(self):
        chain = T.Compose(
            [T.RandomCrop(8, padding=2), T.RandomHorizontalFlip(), T.ColorJitter(0.3), T.ToTensor()]
        )
        digits = data.Subset(Digits(transform=chain), range(40))
        expected = epochs(dataset=digits)
        assert expected == epochs(dataset=digits, num_workers=2)
        assert expected[0] != expected[1]

    def test_combined_datasets(self):
        stack = data.StackDataset(Noisy(), Noisy())
        assert epochs(dataset=stack) == epochs(dataset=stack, num_workers=2)
        first = epochs(1, dataset=stack)[0][0]
        assert first[0][0] != first[1][0]  # the two draw one after the other
        concat = data.ConcatDataset([Noisy(5), Noisy(24)])
        assert epochs(dataset=concat) == epochs(dataset=concat, num_workers=2)

    def test_batch_size_does_not_matter(self):
        def samples(size):
            minitorch.manual_seed(1)
            loader = DataLoader(Noisy(), batch_size=size, shuffle=True)
            return [row for images, _ in loader for row in images.tolist()]

        assert samples(4) == samples(7)

    def test_epochs_and_samples_differ(self):
        first, second = epochs()
        images = [str(row) for epoch in (first, second) for batch in epoch for row in batch[0]]
        assert len(set(images)) == 58
        minitorch.manual_seed(0)
        drawn = DataLoader(Noisy(), sampler=[4, 4, 4])  # the same sample, drawn again
        assert len({str(image.tolist()) for image, _ in drawn}) == 3

    def test_loading_ahead_does_not_shift_the_model(self):
        def drawn(**options):
            minitorch.manual_seed(3)
            loader = DataLoader(Noisy(), batch_size=4, shuffle=True, **options)
            return [minitorch.rand(1).item() for _ in loader]

        assert drawn() == drawn(num_workers=2)

    def test_python_and_numpy_differ_between_workers(self):
        class Others(data.Dataset):
            def __len__(self):
                return 8

            def __getitem__(self, index):
                return random.random(), np.random.rand()

        minitorch.manual_seed(0)
        loader = DataLoader(Others(), num_workers=2)
        seen = [tuple(batch[k].item() for k in (0, 1)) for batch in loader]
        assert len({a for a, _ in seen}) == len({b for _, b in seen}) == 8
        minitorch.manual_seed(0)
        assert seen == [tuple(batch[k].item() for k in (0, 1)) for batch in loader]

    def test_a_generator_of_its_own(self):
        def run(workers):
            generator = minitorch.Generator().manual_seed(5)
            loader = DataLoader(
                Noisy(), batch_size=4, shuffle=True, generator=generator, num_workers=workers
            )
            return [numbers(loader) for _ in range(2)]

        assert run(0) == run(2)

    def test_seeding_inside_of_a_sample(self):
        class Seeds(Noisy):
            def __getitem__(self, index):
                minitorch.manual_seed(index)
                assert minitorch.initial_seed() == index
                return minitorch.rand(1)

        minitorch.manual_seed(9)
        before = minitorch.initial_seed()
        values = [batch.item() for batch in DataLoader(Seeds(5))]
        assert minitorch.initial_seed() == before and len(set(values)) == 5
        assert values == [batch.item() for batch in DataLoader(Seeds(5), num_workers=2)]


class Part(data.IterableDataset):
    def __iter__(self):
        info = data.get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        for index in range(first, 30, step):
            yield minitorch.rand(2), index


class TestResume:
    @pytest.mark.parametrize("dataset", [Noisy(), Part()], ids=["map", "iterable"])
    @pytest.mark.parametrize("workers", [0, 1, 2])
    @pytest.mark.parametrize("own_generator", [False, True])
    @pytest.mark.parametrize("stop", [0, 1, 4, 6])
    def test_every_batch_once(self, dataset, workers, own_generator, stop):
        """The state counts what the loop was given, not what was loaded ahead."""

        def make():
            generator = minitorch.Generator().manual_seed(3) if own_generator else None
            options = {"batch_size": 4, "num_workers": workers, "generator": generator}
            return DataLoader(dataset, shuffle=isinstance(dataset, Noisy) or None, **options)

        minitorch.manual_seed(1)
        loader = make()
        whole = [numbers(loader), numbers(loader), numbers(loader)]

        minitorch.manual_seed(1)
        loader = make()
        first = numbers(loader)
        seen = []
        for batch in loader:
            if len(seen) == stop:
                break
            seen += numbers([batch])
        else:
            raise AssertionError
        # (the batch that broke the loop was given as well)
        state = pickle.loads(pickle.dumps(loader.state_dict()))
        assert state["batches"] == stop + 1
        program = minitorch.get_rng_state()

        minitorch.manual_seed(99)
        loader = make()
        loader.load_state_dict(state)
        minitorch.set_rng_state(program)
        rest = numbers(loader)
        assert first == whole[0] and seen + numbers([batch]) + rest == whole[1]
        assert numbers(loader) == whole[2]

    @pytest.mark.parametrize("from_workers", [0, 2])
    @pytest.mark.parametrize("to_workers", [0, 1])
    def test_with_other_workers(self, from_workers, to_workers):
        minitorch.manual_seed(1)
        loader = DataLoader(Noisy(), batch_size=4, shuffle=True, num_workers=from_workers)
        batches = iter(loader)
        head = numbers([next(batches), next(batches)])
        state = loader.state_dict()
        tail = numbers(batches)
        other = DataLoader(Noisy(), batch_size=4, shuffle=True, num_workers=to_workers)
        other.load_state_dict(state)
        assert numbers(other) == tail and len(head) == 2

    def test_between_epochs(self):
        loader = DataLoader(Noisy(), batch_size=4, shuffle=True)
        assert loader.state_dict()["seed"] is None
        list(loader)
        state = loader.state_dict()
        assert state == {"seed": None, "batches": 0, "generators": []}
        loader.load_state_dict(state)
        assert len(list(loader)) == 8

    def test_after_the_last_batch(self):
        loader = DataLoader(Noisy(), batch_size=4)
        for _ in loader:
            state = loader.state_dict()
        loader.load_state_dict(state)
        assert list(loader) == [] and len(list(loader)) == 8

    def test_a_resumed_loop_may_be_interrupted_again(self):
        minitorch.manual_seed(1)
        loader = DataLoader(Noisy(), batch_size=4, shuffle=True)
        whole = numbers(loader)
        minitorch.manual_seed(1)
        got = []
        state = None
        while len(got) < 8:
            loader = DataLoader(Noisy(), batch_size=4, shuffle=True)
            if state is not None:
                loader.load_state_dict(state)
            for taken, batch in enumerate(loader, 1):
                got += numbers([batch])
                state = loader.state_dict()
                if taken == 3:
                    break
        assert got == whole

    @pytest.mark.parametrize(
        "state", [{}, {"seed": "x", "batches": 0, "generators": []},
                  {"seed": 1, "batches": -1, "generators": []},
                  {"seed": 1, "batches": 0, "generators": [[1, 2]]}],
    )  # fmt: skip
    def test_states_that_do_not_fit(self, state):
        with pytest.raises(ValueError, match="DataLoader"):
            DataLoader(Noisy()).load_state_dict(state)


class Picky(Exception):
    def __init__(self, one, two):
        super().__init__(one, two)


class TestErrors:
    @pytest.mark.parametrize("context", ["fork", "thread"])
    def test_traceback(self, context):
        loader = DataLoader(
            Failing(ValueError("bad sample")), num_workers=2, multiprocessing_context=context
        )
        with pytest.raises(ValueError, match="Caught ValueError in DataLoader worker") as caught:
            list(loader)
        text = str(caught.value)
        assert "Original Traceback" in text and "bad sample" in text and "in fail" in text

    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            (KeyError("name"), KeyError),
            (Picky(1, 2), RuntimeError),
            (type("Local", (Exception,), {})("x"), RuntimeError),
            (StopIteration(), RuntimeError),
            (minitorch.ShapeError("sizes"), minitorch.ShapeError),
            (FileNotFoundError("path"), FileNotFoundError),
            (UnicodeDecodeError("utf-8", b"x", 0, 1, "y"), RuntimeError),
        ],
        ids=lambda e: getattr(e, "__name__", type(e).__name__),
    )
    def test_kinds(self, error, expected):
        with pytest.raises(expected) as caught:
            list(DataLoader(Failing(error), num_workers=1))
        assert "Traceback" in str(caught.value) and "in fail\n" in str(caught.value)

    def test_the_loop_may_go_on(self):
        batches = iter(DataLoader(Failing(ValueError("x"), at=3), num_workers=2, batch_size=2))
        got = []
        for _ in range(6):
            try:
                got.append(next(batches).tolist())
            except ValueError:
                got.append("error")
        assert got == [[0, 1], "error", [4, 5], [6, 7], [8, 9], [10, 11]]

    def test_in_the_start(self):
        def start(worker):
            raise OSError("no disk")

        with pytest.raises(OSError, match="no disk"):
            list(DataLoader(Noisy(), num_workers=1, worker_init_fn=start))

    def test_what_cannot_be_sent(self):
        loader = DataLoader(Noisy(), num_workers=1, collate_fn=lambda batch: lambda: 3)
        with pytest.raises((AttributeError, pickle.PicklingError, RuntimeError), match="pickle"):
            list(loader)
        with pytest.raises(TypeError, match="default_collate"):
            list(DataLoader([object()], num_workers=1))

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
    def test_a_killed_worker(self, number):
        class Deadly(Large):
            def __getitem__(self, index):
                if index == 9:
                    faulthandler.disable()
                    os.kill(os.getpid(), number)
                    time.sleep(30)
                return super().__getitem__(index)

        start = time.monotonic()
        batches = iter(DataLoader(Deadly(), num_workers=2))
        with pytest.raises(RuntimeError, match=f"was killed by signal: {number.name}"):
            list(batches)
        with pytest.raises(RuntimeError, match="have ended"):
            next(batches)
        assert time.monotonic() - start < 20

    def test_a_worker_that_exits(self):
        class Leaves(Noisy):
            def __getitem__(self, index):
                os._exit(3)

        with pytest.raises(RuntimeError, match="exited unexpectedly with exit code 3"):
            list(DataLoader(Leaves(), num_workers=1))

    def test_persistent_workers_are_replaced(self, tmp_path):
        flag = tmp_path / "once"

        class Once(Noisy):
            def __getitem__(self, index):
                if index == 5 and not flag.exists():
                    flag.touch()
                    os.kill(os.getpid(), signal.SIGKILL)
                return index

        loader = DataLoader(Once(8), num_workers=1, persistent_workers=True)
        with pytest.raises(RuntimeError, match="SIGKILL"):
            list(loader)
        assert [int(x) for x in loader] == list(range(8))

    @pytest.mark.parametrize("context", ["fork", "thread"])
    def test_timeout(self, context):
        class Slow(Noisy):
            def __getitem__(self, index):
                time.sleep(2 if index == 1 else 0)
                return index

        loader = DataLoader(Slow(3), num_workers=1, timeout=0.3, multiprocessing_context=context)
        with pytest.raises(RuntimeError, match=r"timed out after 0\.3 seconds"):
            list(loader)


class TestWorkers:
    @pytest.mark.parametrize("context", ["fork", "thread"])
    def test_worker_info(self, context):
        class Info(Noisy):
            def __getitem__(self, index):
                info = data.get_worker_info()
                return info.id, info.num_workers, info.seed, info.dataset.count

        seeds = set()
        loader = DataLoader(Info(8), num_workers=2, multiprocessing_context=context)
        for number, (worker, count, seed, size) in enumerate(loader):
            assert (worker.item(), count.item(), size.item()) == (number % 2, 2, 8)
            seeds.add(seed.item())
        assert len(seeds) == 2 and data.get_worker_info() is None

    def test_init_function(self):
        class Told(Noisy):
            def __getitem__(self, index):
                return self.told

        def tell(worker):
            data.get_worker_info().dataset.told = worker * 10

        loader = DataLoader(Told(4), num_workers=2, worker_init_fn=tell)
        assert [batch.item() for batch in loader] == [0, 10, 0, 10]

    def test_large_batches_may_be_kept(self):
        """More of them than segments are held, and after the workers are gone."""
        batches = list(DataLoader(Large(120), batch_size=2, num_workers=2))
        gc.collect()
        for number, (images, labels) in enumerate(batches):
            assert labels.tolist() == [2 * number, 2 * number + 1]
            assert (images.numpy() == labels.numpy()[:, None, None]).all()
        images += 1  # they are the program's own
        assert (images.numpy()[0] == 119).all()

    def test_without_shared_memory(self, monkeypatch):
        """Where the system has no such memory, batches come through the pipe."""
        monkeypatch.setattr("minitorch.utils.data.transport._SHARES_MEMORY", False)
        for number, (images, labels) in enumerate(DataLoader(Large(), num_workers=2)):
            assert labels.item() == number and (images.numpy() == number).all()
            images += 1

    def test_growing_batches(self):
        class Growing(data.Dataset):
            def __getitem__(self, index):
                return np.full((index + 1) * 5000, index, np.float32)

        indices = [0, 3, 1, 9, 2, 30, 4, 29, 0, 40]
        loader = DataLoader(Growing(), sampler=indices, num_workers=2)
        for index, batch in zip(indices, loader, strict=True):
            assert batch.shape == (1, (index + 1) * 5000) and (batch.numpy() == index).all()

    def test_every_kind_of_content(self):
        samples = [
            {"name": "x" * 40000, "empty": np.zeros((0, 3)), "big": np.arange(9000.0), "n": k}
            for k in range(6)
        ]
        for batch, sample in zip(DataLoader(samples, num_workers=2), samples, strict=True):
            assert batch["name"] == [sample["name"]] and batch["empty"].shape == (1, 0, 3)
            assert np.array_equal(batch["big"].numpy()[0], sample["big"])
            assert batch["n"].item() == sample["n"]

    def test_large_messages_both_ways(self):
        """Neither end may wait for the other to read."""
        samples = ["y" * 3000] * 20000
        loader = DataLoader(
            samples, batch_sampler=[range(20000)] * 6, num_workers=2, collate_fn="".join
        )
        assert [len(text) for text in loader] == [60_000_000] * 6

    def test_not_in_order(self):
        class Slow(Noisy):
            def __getitem__(self, index):
                time.sleep(0.2 if index == 0 else 0)
                return index

        loader = DataLoader(Slow(6), num_workers=2, in_order=False)
        order = [int(x) for x in loader]
        assert sorted(order) == list(range(6)) and order[0] == 1

    def test_two_loaders_at_once(self):
        loader = DataLoader(range(6), num_workers=2)
        pairs = [(int(a), int(b)) for a, b in zip(loader, loader, strict=True)]
        assert pairs == [(k, k) for k in range(6)]

    def test_one_loader_may_end_before_another(self):
        """The workers of the second hold nothing that keeps those of the first alive."""
        first = iter(DataLoader(Large(), num_workers=2))
        second = iter(DataLoader(Large(), num_workers=2))
        next(first), next(second)
        start = time.monotonic()
        del first
        assert time.monotonic() - start < 4
        assert len(list(second)) == 23

    @LINUX
    @pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
    def test_a_fork_of_the_program_keeps_no_worker_alive(self):
        batches = iter(DataLoader(Large(), num_workers=2))
        next(batches)
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
        start = time.monotonic()
        del batches
        assert time.monotonic() - start < 4
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    def test_left_epochs_of_persistent_workers(self):
        loader = DataLoader(Large(), num_workers=2, persistent_workers=True, prefetch_factor=4)
        for _ in range(5):
            for place, (_, label) in enumerate(loader):
                assert label.item() == place
                if place == 2:
                    break
        assert [label.item() for _, label in loader] == list(range(24))

    def test_serial_in_the_worker(self):
        class Threads(Noisy):
            def __getitem__(self, index):
                x = minitorch.ones(200, 200)
                return (x @ x).sum().item(), minitorch.get_num_threads()

        minitorch.ones(300, 300) @ minitorch.ones(300, 300)  # a parallel region before the fork
        results = list(DataLoader(Threads(4), num_workers=2))
        assert all(total.item() == 200**3 and n.item() == 1 for total, n in results)


def children():
    """Return the processes that this one started."""
    found = []
    for task in Path(f"/proc/{os.getpid()}/task").iterdir():
        found += [int(pid) for pid in (task / "children").read_text().split()]
    return [pid for pid in found if "forkserver" not in read_command(pid)
            and "resource_tracker" not in read_command(pid)]  # fmt: skip


def read_command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def in_use():
    """Return open files, and mappings of shared memory."""
    gc.collect()
    maps = Path("/proc/self/maps").read_text()
    return len(os.listdir("/proc/self/fd")), maps.count("minitorch-batch")


@LINUX
class TestNothingIsLeft:
    @pytest.mark.parametrize("persistent", [False, True])
    @pytest.mark.parametrize("stop", ["end", "break", "error", "unused", "kill"])
    def test_processes_files_memory(self, stop, persistent):
        def run():
            options = {"num_workers": 2, "persistent_workers": persistent}
            dataset = Large() if stop != "error" else Failing(ValueError("x"))
            loader = DataLoader(dataset, **options)
            if stop == "unused":
                iter(loader)
                return
            try:
                for number, _ in enumerate(loader):
                    if stop == "break" and number == 3:
                        break
                    if stop == "kill" and number == 3:
                        os.kill(children()[0], signal.SIGKILL)
            except (ValueError, RuntimeError):
                pass

        run()
        gc.collect()
        shared = os.listdir("/dev/shm") if Path("/dev/shm").exists() else []
        before = in_use()
        for _ in range(4):
            run()
        assert in_use() == before and before[1] == 0 and children() == []
        assert not Path("/dev/shm").exists() or set(os.listdir("/dev/shm")) <= set(shared)

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
    def test_a_program_that_is_killed(self, number):
        """Its workers end by themselves, whatever they are doing."""
        program = (
            "import time, os, sys\n"
            "sys.path.insert(0, 'tests')\n"
            "from test_data_workers import Large, DataLoader, children\n"
            "batches = iter(DataLoader(Large(10**6), num_workers=2))\n"
            "other = iter(DataLoader(Large(10**6), num_workers=1))\n"
            "next(batches), next(other)\n"
            "print(*children(), flush=True)\n"
            "time.sleep(60)\n"
        )
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env=environment,
            # whoever started these tests in the background has had SIGINT ignored, by heritage
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        with process:
            workers = [int(pid) for pid in process.stdout.readline().split()]
            assert len(workers) == 3
            process.send_signal(number)
            process.wait(20)
        end = time.monotonic() + 20
        while any(self.runs(pid) for pid in workers):
            assert time.monotonic() < end, "workers outlive the program"
            time.sleep(0.05)

    @staticmethod
    def runs(pid):
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False

    def test_a_program_that_ends_in_the_loop(self):
        """No message, no waiting: with and without persistent workers."""
        program = (
            "import sys\n"
            "sys.path.insert(0, 'tests')\n"
            "from test_data_workers import Large, DataLoader\n"
            "kept = [DataLoader(Large(), num_workers=2, persistent_workers=p) for p in (0, 1)]\n"
            "batches = [iter(loader) for loader in kept]\n"
            "held = [next(b) for b in batches]\n"
        )
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        result = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=environment,
            timeout=60,
        )
        assert result.returncode == 0 and result.stderr == "" and result.stdout == ""

    def test_slow_workers_are_ended(self, monkeypatch):
        class Slow(Noisy):
            def __getitem__(self, index):
                time.sleep(0 if index < 2 else 60)
                return index

        monkeypatch.setattr(data.workers, "_GRACE", 0.3)
        batches = iter(DataLoader(Slow(), num_workers=2))
        next(batches)
        start = time.monotonic()
        del batches
        assert time.monotonic() - start < 10 and children() == []
