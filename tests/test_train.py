"""The training loop: metrics, callbacks, exact resuming, learning rates, pictures."""

import csv
import importlib.util
import io
import json
import math
import os
import random
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

import minitorch
from minitorch import nn, optim
from minitorch.errors import FileFormatError, ShapeError
from minitorch.tensor import Tensor
from minitorch.tools import plot_curves
from minitorch.tools.curves import _ticks
from minitorch.train import (
    AUC,
    Accuracy,
    ConfusionMatrix,
    CSVLogger,
    EarlyStopping,
    ImageBatches,
    JSONLogger,
    TensorBoard,
    Trainer,
    find_lr,
    load_checkpoint,
)
from minitorch.utils.data import DataLoader, Subset
from minitorch.vision.datasets import Digits

HISTORY = [
    {
        "epoch": n, "loss": 1 / n, "accuracy": 1 - 0.5 / n, "val_accuracy": 1 - 0.6 / n,
        "val_loss": 1.1 / n, "seconds": 0.1,
    }
    for n in range(1, 6)
]  # fmt: skip


def make_model():
    minitorch.manual_seed(3)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Dropout(0.2))
    return model.append(nn.Linear(16, 10))


def make_trainer(path=None, epochs=4, **options):
    model = make_model()
    optimizer = optim.SGD(model.parameters(), 0.1, momentum=0.9)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    return Trainer(
        model, optimizer, scheduler=scheduler, checkpoint=path, settings={"seed": 3}, **options
    )


def same_weights(one, other):
    theirs = other.state_dict()
    return all(np.array_equal(v.numpy(), theirs[k].numpy()) for k, v in one.state_dict().items())


@pytest.fixture
def loaders():
    train = DataLoader(ImageBatches(Digits(train=True)), 64, shuffle=True)
    return train, DataLoader(ImageBatches(Digits(train=False)), 100)


class TestImageBatches:
    def test_every_image_normalised(self):
        digits = Digits(train=False)
        dataset = ImageBatches(digits, mean=0.25, std=0.5)
        batches = list(DataLoader(dataset, 100))
        assert [len(labels) for _, labels in batches] == [100, 100, 100, 55]
        images = np.concatenate([images.numpy() for images, _ in batches])
        assert images.shape == (355, 1, 8, 8) and images.dtype == np.float32
        assert np.allclose(images[:, 0], (digits.data.numpy() / 255 - 0.25) / 0.5, atol=1e-6)
        labels = np.concatenate([labels.numpy() for _, labels in batches])
        assert np.array_equal(labels, digits.targets.numpy())
        image, label = dataset[7]
        assert np.array_equal(image.numpy(), images[7]) and label == labels[7]

    def test_colours_and_own_statistics(self):
        class Coloured:
            data = np.random.default_rng(0).integers(0, 200, (50, 5, 6, 3)).astype(np.uint8)
            targets = [0] * 50

        images, _ = next(iter(DataLoader(ImageBatches(Coloured), 50)))
        assert images.shape == (50, 3, 5, 6)
        assert np.allclose(images.numpy().mean((0, 2, 3)), 0, atol=1e-5)
        assert np.allclose(images.numpy().std((0, 2, 3)), 1, atol=1e-5)
        repeated = ImageBatches(Digits(), channels=3)[0][0].numpy()
        assert repeated.shape == (3, 8, 8) and (repeated[0] == repeated[2]).all()

    def test_shift_and_flip(self):
        class Dot:
            data = np.zeros((400, 9, 9), np.uint8)
            targets = np.zeros(400, int)

        Dot.data[:, 4, 5] = 255
        minitorch.manual_seed(0)
        moved = ImageBatches(Dot, 0.0, 1.0, shift=2, flip=True)
        images, _ = next(iter(DataLoader(moved, 400)))
        rows, columns = np.nonzero(images.numpy()[:, 0])[1:]
        assert set(rows) == {2, 3, 4, 5, 6} and set(columns) == set(range(1, 8))

    def test_wrong_data(self):
        class Wrong:
            data = np.zeros((3, 4), np.uint8)
            targets = [0, 0, 0]

        with pytest.raises(ShapeError, match=r"data must be uint8 .* got uint8 \(3, 4\)"):
            ImageBatches(Wrong)


class TestMetrics:
    scores = np.random.default_rng(1).normal(size=(500, 7)).round(1)  # with ties
    labels = np.random.default_rng(2).integers(0, 7, 500)

    def measure(self, metric, scores=None, labels=None):
        scores = self.scores if scores is None else scores
        labels = self.labels if labels is None else labels
        for part in np.array_split(np.arange(len(labels)), 3):
            metric.update(Tensor._wrap(scores[part]), Tensor._wrap(labels[part]))
        return metric.compute()

    def test_accuracy(self):
        assert self.measure(Accuracy()) == (self.scores.argmax(1) == self.labels).mean()
        order = np.argsort(-self.scores, 1, kind="stable")
        expected = (order[:, :3] == self.labels[:, None]).any(1).mean()
        assert self.measure(Accuracy(3)) == expected
        assert self.measure(Accuracy(7)) == 1 and Accuracy().compute() == 0
        assert self.measure(Accuracy(), np.full((500, 7), np.nan)) == 0

    def test_against_sklearn(self):
        sklearn = pytest.importorskip("sklearn.metrics")
        chances = np.exp(self.scores) / np.exp(self.scores).sum(1, keepdims=True)
        expected = sklearn.roc_auc_score(self.labels, chances, multi_class="ovr")
        assert self.measure(AUC(), chances) == pytest.approx(expected, abs=1e-12)
        two = self.labels % 2
        expected = sklearn.roc_auc_score(two, self.scores[:, 1] - self.scores[:, 0])
        assert self.measure(AUC(), self.scores[:, :2], two) == pytest.approx(expected, abs=1e-12)
        expected = sklearn.confusion_matrix(self.labels, self.scores.argmax(1))
        assert np.array_equal(self.measure(ConfusionMatrix(7)), expected)

    def test_area_of_one_class(self):
        assert math.isnan(self.measure(AUC(), self.scores[:, :2], np.zeros(500, int)))

    @pytest.mark.parametrize("metric", [Accuracy(2), AUC(), ConfusionMatrix(7)])
    def test_states(self, metric):
        expected = self.measure(metric)
        state = minitorch.load(saved(metric.state_dict()))
        metric.reset()
        metric.load_state_dict(state)
        assert np.array_equal(metric.compute(), expected)

    def test_wrong_labels_and_shapes(self):
        with pytest.raises(IndexError, match="label 9 is not one of 7 classes"):
            self.measure(Accuracy(), labels=np.full(500, 9))
        with pytest.raises(ShapeError, match=r"needs scores \(N, classes\) and labels \(N,\)"):
            self.measure(Accuracy(), scores=self.scores[:, 0])
        with pytest.raises(ShapeError, match="scores of 7 classes, not 8"):
            self.measure(ConfusionMatrix(8))


def saved(value):
    file = io.BytesIO()
    minitorch.save(value, file)
    file.seek(0)
    return file


class TestTrainer:
    def test_history_and_report(self, loaders, capsys):
        history = make_trainer().fit(*loaders, 3)
        assert [record["epoch"] for record in history] == [1, 2, 3]
        assert history[2]["loss"] < history[0]["loss"] and history[2]["val_accuracy"] > 0.8
        assert history[0]["lr"] == 0.1 > history[1]["lr"] > history[2]["lr"]
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 3
        assert lines[0].startswith(f"epoch 1/3   loss {history[0]['loss']:.4f}   accuracy 0.")

    def test_evaluate(self):
        class Perfect(nn.Module):
            def forward(self, images):
                assert not self.training and not minitorch.is_grad_enabled()
                return images

        scores = Tensor._wrap(np.eye(4, dtype=np.float32))
        trainer = Trainer(Perfect(), None)
        right, wrong = Tensor._wrap(np.arange(4)), Tensor._wrap(np.array([0, 1, 0, 0]))
        results = trainer.evaluate([(scores, right), (scores, wrong)])
        assert results["accuracy"] == 0.75
        fits, misses = -np.log(np.e / (np.e + 3)), -np.log(1 / (np.e + 3))
        assert results["loss"] == pytest.approx((6 * fits + 2 * misses) / 8)
        assert trainer.evaluate([]) == {"loss": 0, "accuracy": 0}
        assert trainer.model.training

    def test_accumulated_batches_are_one_larger_batch(self, loaders):
        """4 batches of 16 give the gradient of one of 64, and the rest of an epoch its own."""
        train = Subset(ImageBatches(Digits(train=True)), range(22 * 64 + 32))
        weights = []
        for size, accumulate in ((64, 1), (16, 4)):
            model = make_model()
            model[3] = nn.Identity()
            trainer = Trainer(model, optim.SGD(model.parameters(), 0.1), accumulate=accumulate,
                              verbose=False)  # fmt: skip
            trainer.fit(DataLoader(train, size), None, 1)
            weights.append(model[1].weight.detach().numpy())
        assert np.allclose(*weights, atol=1e-5)

    def test_clipping(self, loaders):
        model = make_model()
        before = model[1].weight.detach().clone()
        trainer = Trainer(model, optim.SGD(model.parameters(), 1.0), clip_norm=1e-3, verbose=False)
        trainer.fit([next(iter(loaders[0]))], None, 1)
        moved = math.sqrt(
            sum(
                ((p - q) ** 2).sum().item()
                for p, q in zip([model[1].weight], [before], strict=True)
            )
        )
        assert 0 < moved <= 1.001e-3

    def test_average(self, loaders):
        trainer = make_trainer(ema=0.9, verbose=False)
        expected = None
        weight = trainer.model[1].weight

        class Follow(minitorch.train.Callback):
            def on_batch_end(self, trainer, loss):
                nonlocal expected
                now = weight.detach().numpy().astype(np.float64)
                expected = now if expected is None else 0.9 * expected + 0.1 * now

        trainer.callbacks.append(Follow())
        trainer.fit(*loaders, 1)
        found = trainer.averaged.module[1].weight.detach().numpy()
        assert np.allclose(found, expected, atol=1e-5)
        assert trainer.evaluate(loaders[1]) == Trainer(trainer.averaged, None).evaluate(loaders[1])

    def test_schedule_per_batch(self, loaders):
        model = make_model()
        optimizer = optim.SGD(model.parameters(), 1.0)
        scheduler = optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
        trainer = Trainer(model, optimizer, scheduler=scheduler, step_scheduler="batch",
                          accumulate=2, verbose=False)  # fmt: skip
        trainer.fit([next(iter(loaders[0]))] * 6, None, 1)
        assert optimizer.param_groups[0]["lr"] == 1 / 8

    def test_wrong_arguments(self):
        for options in ({"accumulate": 0}, {"step_scheduler": "never"}, {"ema": 1.5}):
            with pytest.raises(ValueError, match=f"Trainer: {next(iter(options))}"):
                make_trainer(**options)

    def test_checkpoint_is_checked(self, tmp_path):
        minitorch.save({"weights": 1}, tmp_path / "c.pth")
        with pytest.raises(FileFormatError, match=r"c\.pth: holds no state of a training"):
            load_checkpoint(tmp_path / "c.pth")

    def test_progress_bar_on_a_terminal(self, loaders, monkeypatch):
        pytest.importorskip("tqdm")

        class Terminal(io.StringIO):
            def isatty(self):
                return True

        screen = Terminal()
        monkeypatch.setattr(sys, "stdout", screen)
        make_trainer().fit(*loaders, 1)
        assert "epoch 1/1: " in screen.getvalue() and "/1442" in screen.getvalue()
        assert "images/s" in screen.getvalue()


class TestResume:
    def test_after_an_epoch(self, loaders, tmp_path):
        whole = make_trainer()
        whole.fit(*loaders, 4)
        make_trainer(tmp_path / "c.pth").fit(*loaders, 2)
        resumed = make_trainer(tmp_path / "c.pth")
        minitorch.manual_seed(99)
        resumed.resume()
        assert len(resumed.history) == 2
        resumed.fit(*loaders, 4)
        assert same_weights(whole.model, resumed.model)
        for key in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert [r[key] for r in whole.history] == [r[key] for r in resumed.history]

    @pytest.mark.parametrize("workers", [0, 1, 2])
    def test_after_a_kill(self, tmp_path, workers):
        """SIGKILL at any moment: what is resumed ends with the weights of what was not killed."""
        program = tmp_path / "program.py"
        program.write_text(PROGRAM)
        environment = {**os.environ, "PYTHONPATH": str(Path(minitorch.__file__).parents[1])}

        def start(name, how):
            return subprocess.Popen(
                [sys.executable, str(program), str(tmp_path / name), str(workers), how],
                env=environment, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip

        whole = start("whole", "begin")
        digest = whole.communicate()[0].split()[-1]
        chooser = random.Random(workers)
        for _ in range(4):
            process = start("parts", "resume" if (tmp_path / "parts").exists() else "begin")
            for _ in range(chooser.randrange(1, 16)):
                process.stdout.readline()  # one per batch
            process.send_signal(signal.SIGKILL)
            process.communicate()
            assert process.returncode == -signal.SIGKILL
        assert (tmp_path / "parts").exists()
        rest = start("parts", "resume").communicate()[0].split()
        assert rest[-1] == digest

    def test_an_interruption_leaves_the_last_checkpoint(self, loaders, tmp_path):
        train, test = loaders
        make_trainer(tmp_path / "c.pth").fit(train, test, 1)
        before = (tmp_path / "c.pth").read_bytes()

        class Interrupted:
            def __iter__(self):
                yield next(iter(train))
                raise KeyboardInterrupt

        trainer = make_trainer(tmp_path / "c.pth")
        trainer.resume()
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(Interrupted(), test, 2)
        assert (tmp_path / "c.pth").read_bytes() == before


PROGRAM = """
import hashlib, sys
import minitorch
from minitorch import nn, optim
from minitorch.train import Callback, EarlyStopping, ImageBatches, Trainer
from minitorch.utils.data import DataLoader, Subset
from minitorch.vision.datasets import Digits

class Tell(Callback):
    def on_batch_end(self, trainer, loss):
        print(trainer.batches, flush=True)

path, workers, how = sys.argv[1], int(sys.argv[2]), sys.argv[3]
minitorch.manual_seed(1)
minitorch.set_num_threads(1)
model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(),
                      nn.Dropout(0.3), nn.Linear(288, 10))
optimizer = optim.Adam(model.parameters(), 0.01)
trainer = Trainer(model, optimizer, ema=0.9, accumulate=3, callbacks=[EarlyStopping(9), Tell()],
                  scheduler=optim.lr_scheduler.StepLR(optimizer, 2, 0.5), checkpoint=path,
                  checkpoint_every=2, verbose=False)
data = Subset(ImageBatches(Digits(), shift=1, flip=True), range(700))
if how == "resume":
    trainer.resume()
trainer.fit(DataLoader(data, 32, shuffle=True, num_workers=workers), DataLoader(data, 200), 3)
digest = hashlib.sha256()
for state in (model.state_dict(), trainer.averaged.state_dict()):
    for value in state.values():
        digest.update(value.numpy().tobytes())
print("sha256:" + digest.hexdigest(), flush=True)
"""


class TestCallbacks:
    def test_early_stopping(self, loaders):
        losses = iter([3.0, 2.0, 2.5, 1.9, 2.0, 2.1, 2.2])
        trainer = make_trainer(verbose=False, callbacks=[EarlyStopping(2, restore_best=True)])
        weights = []

        def evaluate(batches):
            weights.append(trainer.model[1].weight.detach().clone())
            return {"loss": next(losses)}

        trainer.evaluate = evaluate
        trainer.fit([next(iter(loaders[0]))], [], 20)
        assert [record["val_loss"] for record in trainer.history] == [3.0, 2.0, 2.5, 1.9, 2.0, 2.1]
        assert minitorch.equal(trainer.model[1].weight, weights[3])

    def test_early_stopping_checks(self, loaders):
        with pytest.raises(ValueError, match="mode must be auto, min or max, got 'up'"):
            EarlyStopping(1, mode="up")
        trainer = make_trainer(verbose=False, callbacks=[EarlyStopping(1, "val_f1")])
        with pytest.raises(KeyError, match="no 'val_f1' in the record"):
            trainer.fit([next(iter(loaders[0]))], None, 1)

    def test_files(self, loaders, tmp_path):
        loggers = [CSVLogger(tmp_path / "h.csv"), JSONLogger(tmp_path / "h.json")]
        history = make_trainer(verbose=False, callbacks=loggers).fit(*loaders, 2)
        assert json.loads((tmp_path / "h.json").read_text()) == history
        with open(tmp_path / "h.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [float(row["val_loss"]) for row in rows] == [r["val_loss"] for r in history]

    def test_tensorboard(self, loaders, tmp_path):
        make_trainer(verbose=False, callbacks=[TensorBoard(tmp_path)]).fit(*loaders, 1)
        (events,) = tmp_path.glob("events*")
        content = events.read_bytes()
        for name in (b"batch/loss", b"val_accuracy", b"lr"):
            assert name in content


class TestFindLR:
    def test_it_finds_and_leaves_no_trace(self, loaders):
        trainer = make_trainer(verbose=False)
        before = {k: v.clone() for k, v in trainer.model.state_dict().items()}
        random_before = minitorch.get_rng_state()
        rate, rates, losses = find_lr(trainer.model, trainer.optimizer, loaders[0], high=100.0)
        assert 1e-3 < rate < 10 and len(rates) == len(losses) < 100
        assert rates[1] / rates[0] == pytest.approx((100 / 1e-6) ** (1 / 99))
        assert all(minitorch.equal(v, before[k]) for k, v in trainer.model.state_dict().items())
        assert trainer.optimizer.param_groups[0]["lr"] == 0.1
        assert not trainer.optimizer.state and trainer.model[1].weight.grad is None
        assert minitorch.equal(minitorch.get_rng_state(), random_before)

    def test_wrong_arguments(self, loaders):
        trainer = make_trainer(verbose=False)
        with pytest.raises(ValueError, match="needs 0 < low < high"):
            find_lr(trainer.model, trainer.optimizer, loaders[0], low=1.0, high=0.1)
        with pytest.raises(ValueError, match="there are no batches"):
            find_lr(trainer.model, trainer.optimizer, [])


class TestCurves:
    def test_svg_without_matplotlib(self, tmp_path, monkeypatch):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        path = plot_curves(HISTORY, tmp_path / "curve", "a < b & c")
        assert path == str(tmp_path / "curve.svg")
        root = ElementTree.parse(path).getroot()
        space = "{http://www.w3.org/2000/svg}"
        lines = [e.get("points").split() for e in root.iter(f"{space}polyline")]
        assert [len(points) for points in lines] == [5, 5, 5, 5]  # of loss and of accuracy
        ends = [(points[0].split(",")[1], points[-1].split(",")[1]) for points in lines]
        assert float(ends[0][0]) < float(ends[0][1])  # the loss falls (y points down)
        assert float(ends[3][0]) > float(ends[3][1])  # the accuracy rises
        assert "a < b & c" in [e.text for e in root.iter(f"{space}text")]

    def test_svg_of_strange_histories(self, tmp_path, monkeypatch):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        nan = [{**HISTORY[0], "loss": float("nan")}, {**HISTORY[1], "loss": float("inf")}]
        for history in ([], HISTORY[:1], nan, [{**r, "loss": 1.0} for r in HISTORY] * 20):
            text = Path(plot_curves(history, tmp_path / "curve")).read_text(encoding="utf-8")
            ElementTree.fromstring(text)
            assert "nan" not in text and "inf" not in text

    def test_ticks_are_round_and_enough(self):
        chooser = random.Random(0)
        for _ in range(2000):
            width = 10 ** chooser.uniform(-6, 6)
            low = chooser.uniform(-5, 5) * width
            ticks = _ticks(low, low + width)
            assert 3 <= len(ticks) <= 9
            assert all(low <= tick <= low + width for tick in ticks)
            digits = f"{ticks[1] - ticks[0]:.1e}"
            assert digits[:3] in ("1.0", "2.0", "5.0"), digits

    def test_png_with_matplotlib(self, tmp_path):
        pytest.importorskip("matplotlib")
        path = plot_curves(HISTORY, tmp_path / "curve")
        assert path == str(tmp_path / "curve.png")
        assert Path(path).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
