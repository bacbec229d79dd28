"""The training loop: batches, accuracy, checkpoints, progress, pictures."""

import importlib.util
import io
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

import minitorch
from minitorch import nn, optim
from minitorch.errors import FileFormatError
from minitorch.tensor import Tensor
from minitorch.tools import plot_curves
from minitorch.train import Batches, Trainer, load_checkpoint
from minitorch.vision.datasets import Digits

HISTORY = [
    {"epoch": n, "loss": 1 / n, "train": 1 - 0.5 / n, "test": 1 - 0.6 / n, "seconds": 0.1}
    for n in range(1, 6)
]


def make_trainer(path=None, epochs=4):
    minitorch.manual_seed(3)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Dropout(0.2))
    model.append(nn.Linear(16, 10))
    optimizer = optim.SGD(model.parameters(), 0.1, momentum=0.9)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    return Trainer(model, optimizer, scheduler=scheduler, checkpoint=path, settings={"seed": 3})


@pytest.fixture
def batches():
    train = Batches(Digits(train=True), 64, 0.3, 0.4, seed=3)
    return train, Batches(Digits(train=False), 100, 0.3, 0.4)


class TestBatches:
    def test_every_image_once_and_normalised(self):
        digits = Digits(train=False)
        batches = Batches(digits, 100, mean=0.25, std=0.5, seed=1)
        assert len(batches) == 4
        seen = list(batches)
        assert [len(labels) for _, labels in seen] == [100, 100, 100, 55]
        assert seen[0][0].shape == (100, 1, 8, 8) and seen[0][0].dtype is minitorch.float32
        images = np.concatenate([images.numpy() for images, _ in seen])
        labels = np.concatenate([labels.numpy() for _, labels in seen])
        expected = (digits.data.numpy() / 255 - 0.25) / 0.5
        order = np.lexsort(images.reshape(len(images), -1).T)
        known = np.lexsort(expected.reshape(len(expected), -1).T)
        assert np.allclose(images[order, 0], expected[known], atol=1e-6)
        assert (labels[order] == digits.targets.numpy()[known]).all()

    def test_order_is_of_seed_and_epoch(self):
        def labels(seed, epoch):
            batches = Batches(Digits(), 64, seed=seed)
            batches.set_epoch(epoch)
            return np.concatenate([labels.numpy() for _, labels in batches]).tolist()

        assert labels(1, 1) == labels(1, 1)
        assert labels(1, 1) != labels(1, 2) != labels(2, 1)
        assert labels(None, 1) == Digits().targets.tolist()

    def test_batch_size(self):
        with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
            Batches(Digits(), 0)


class TestTrainer:
    def test_history_and_report(self, batches, capsys):
        trainer = make_trainer()
        history = trainer.fit(*batches, 3)
        assert [record["epoch"] for record in history] == [1, 2, 3]
        assert history[2]["loss"] < history[0]["loss"] and history[2]["test"] > 0.8
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 3
        for line in lines:
            accuracy = r"train +\d+\.\d\d%   test +\d+\.\d\d%"
            assert re.fullmatch(rf"epoch \d/3   loss \d\.\d{{4}}   {accuracy}   \d+\.\d s", line)

    def test_evaluate(self):
        class Perfect(nn.Module):
            def forward(self, images):
                assert not self.training and not minitorch.is_grad_enabled()
                return images

        scores = Tensor._wrap(np.eye(4, dtype=np.float32))
        trainer = Trainer(Perfect(), None)
        right, wrong = Tensor._wrap(np.arange(4)), Tensor._wrap(np.array([0, 1, 0, 0]))
        assert trainer.evaluate([(scores, right), (scores, wrong)]) == 0.75
        assert trainer.evaluate([]) == 0
        assert trainer.model.training

    def test_resumed_training_is_the_same_training(self, batches, tmp_path):
        whole = make_trainer()
        whole.fit(*batches, 4)
        make_trainer(tmp_path / "c.pth").fit(*batches, 2)
        resumed = make_trainer(tmp_path / "c.pth")
        minitorch.manual_seed(99)
        resumed.resume()
        assert len(resumed.history) == 2
        resumed.fit(*batches, 4)
        for name, value in whole.model.state_dict().items():
            assert np.array_equal(value.numpy(), resumed.model.state_dict()[name].numpy()), name
        for key in ("loss", "train", "test"):
            assert [r[key] for r in whole.history] == [r[key] for r in resumed.history]

    def test_an_interruption_leaves_the_last_checkpoint(self, batches, tmp_path):
        train, test = batches
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

    def test_checkpoint_is_checked(self, tmp_path):
        minitorch.save({"weights": 1}, tmp_path / "c.pth")
        with pytest.raises(FileFormatError, match=r"c\.pth: holds no state of a training"):
            load_checkpoint(tmp_path / "c.pth")

    def test_progress_bar_on_a_terminal(self, batches, monkeypatch):
        pytest.importorskip("tqdm")

        class Terminal(io.StringIO):
            def isatty(self):
                return True

        screen = Terminal()
        monkeypatch.setattr(sys, "stdout", screen)
        make_trainer().fit(*batches, 1)
        assert "epoch 1/1: " in screen.getvalue() and "/23" in screen.getvalue()


class TestCurves:
    def test_svg_without_matplotlib(self, tmp_path, monkeypatch):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        path = plot_curves(HISTORY, tmp_path / "curve", "a < b & c")
        assert path == str(tmp_path / "curve.svg")
        root = ElementTree.parse(path).getroot()
        space = "{http://www.w3.org/2000/svg}"
        lines = [e.get("points").split() for e in root.iter(f"{space}polyline")]
        assert [len(points) for points in lines] == [5, 5, 5]  # loss; accuracy of train and test
        ends = [(points[0].split(",")[1], points[-1].split(",")[1]) for points in lines]
        assert float(ends[0][0]) < float(ends[0][1])  # the loss falls (y points down)
        assert float(ends[2][0]) > float(ends[2][1])  # the accuracy rises
        assert "a < b & c" in [e.text for e in root.iter(f"{space}text")]

    def test_svg_of_strange_histories(self, tmp_path, monkeypatch):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        nan = [{**HISTORY[0], "loss": float("nan")}, {**HISTORY[1], "loss": float("inf")}]
        for history in ([], HISTORY[:1], nan, [{**r, "loss": 1.0} for r in HISTORY] * 20):
            text = Path(plot_curves(history, tmp_path / "curve")).read_text(encoding="utf-8")
            ElementTree.fromstring(text)
            assert "nan" not in text and "inf" not in text

    def test_png_with_matplotlib(self, tmp_path):
        pytest.importorskip("matplotlib")
        path = plot_curves(HISTORY, tmp_path / "curve")
        assert path == str(tmp_path / "curve.png")
        assert Path(path).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
