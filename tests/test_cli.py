"""The command: what it prints and writes, and how it fails."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_datasets import fake_mnist

import minitorch
from minitorch.cli import main
from minitorch.tools.bench.run import table

DATA = os.environ.get("MINITORCH_DATA")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Run in a folder of its own, on one thread: other tests may keep the other cores busy."""
    monkeypatch.chdir(tmp_path)
    threads = minitorch.get_num_threads()
    minitorch.set_num_threads(1)
    yield tmp_path
    minitorch.set_num_threads(threads)


def error_of(capsys, *arguments):
    """Run a command that must fail with exit code 1; return its message."""
    assert main(list(arguments)) == 1
    return capsys.readouterr().err


class TestTrain:
    def test_the_main_job(self, folder, capsys):
        assert main(["train"]) == 0
        out = capsys.readouterr().out
        epochs = re.findall(r"epoch +(\d+)/15 .* val_accuracy (0\.\d+)", out)
        assert len(epochs) == 15 and float(epochs[-1][1]) >= 0.98
        assert "weights         minitorch-digits.pth" in out
        files = {p.name for p in folder.iterdir()}
        written = {
            "minitorch-digits.pth",
            "minitorch-digits.checkpoint.pth",
            "minitorch-digits.csv",
        }
        assert written < files
        assert files & {"minitorch-digits.png", "minitorch-digits.svg"}
        model = minitorch.vision.models.digits_net()
        model.load_state_dict(minitorch.load("minitorch-digits.pth"))

    def test_mnist_from_files(self, folder, capsys):
        fake_mnist(folder / "some where")
        arguments = ["train", "--dataset", "mnist", "--data", "some where", "--epochs", "1"]
        assert main([*arguments, "--out", "a", "--batch-size", "2", "--lr", "0.1"]) == 0
        out = capsys.readouterr().out
        assert "MNIST: 7 images, 10 classes" in out and "lenet5: 61,706 parameters" in out
        assert Path("a.pth").exists()

    def test_seed_and_threads(self, folder):
        weights = []
        for number, threads in enumerate(("1", "2")):
            out = f"run{number}"
            assert main(["train", "--epochs", "1", "--threads", threads, "--out", out]) == 0
            weights.append(minitorch.load(f"{out}.pth"))
        for name, value in weights[0].items():
            assert np.array_equal(value.numpy(), weights[1][name].numpy())

    def test_resume(self, folder, capsys, monkeypatch):
        main(["train", "--epochs", "3", "--out", "whole"])
        capsys.readouterr()
        stop_after(monkeypatch, 2)
        assert main(["train", "--epochs", "3", "--out", "parts"]) == 130
        assert "interrupted after 2 whole epochs; continue" in capsys.readouterr().err
        monkeypatch.undo()
        monkeypatch.chdir(folder)
        assert "made with epochs 3, not 4" in error_of(
            capsys, "train", "--resume", "--out", "parts", "--epochs", "4"
        )
        assert main(["train", "--resume", "--out", "parts"]) == 0
        whole, parts = minitorch.load("whole.pth"), minitorch.load("parts.pth")
        assert all(np.array_equal(whole[k].numpy(), parts[k].numpy()) for k in whole)

    def test_errors(self, folder, capsys):
        message = error_of(capsys, "train", "--dataset", "mnist", "--data", "nowhere")
        assert message.startswith("minitorch: error: MNIST: file not found; looked for")
        assert str(Path("nowhere/MNIST/raw/train-images-idx3-ubyte.gz")) in message
        assert "needs --data DIR" in error_of(capsys, "train", "--dataset", "mnist")
        assert "--data is for other data sets" in error_of(capsys, "train", "--data", "x")
        assert "there is no" in error_of(capsys, "train", "--resume")
        assert "does not exist" in error_of(capsys, "train", "--out", "no/where")
        Path("train-images-idx3-ubyte").write_bytes(b"junk")
        Path("train-labels-idx1-ubyte").write_bytes(b"junk")
        message = error_of(capsys, "train", "--dataset", "mnist", "--data", ".")
        assert "train-images-idx3-ubyte: not an IDX file" in message
        assert not list(folder.glob("*.pth"))

    @pytest.mark.parametrize(
        "arguments",
        [
            [],
            ["trian"],
            ["train", "--epochs", "0"],
            ["train", "--lr", "nan"],
            ["train", "--dataset", "x"],
        ],
    )
    def test_usage(self, arguments, capsys):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2 and "usage: minitorch" in capsys.readouterr().err

    def test_ctrl_c(self, folder):
        """A real signal to a real process: exit code 130, and a checkpoint that loads."""
        command = [sys.executable, "-m", "minitorch", "train", "--epochs", "1000"]
        environment = {**os.environ, "PYTHONPATH": str(Path(minitorch.__file__).parents[1])}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
            # whoever started these tests in the background has had the signal ignored, by heritage
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as process:  # fmt: skip
            for line in process.stdout:
                if line.startswith("epoch"):
                    process.send_signal(signal.SIGINT)
                    break
            _, errors = process.communicate()
        assert process.returncode == 130
        assert re.search(r"interrupted after \d+ whole epochs; continue from", errors)
        assert "Traceback" not in errors
        assert len(minitorch.load("minitorch-digits.checkpoint.pth")["history"]) >= 1
        assert not list(folder.glob(".*.tmp"))

    @pytest.mark.skipif(DATA is None, reason="MINITORCH_DATA names no folder of data sets")
    def test_lenet_on_mnist(self, capsys):
        data = str(Path(DATA) / "mnist")
        assert main(["train", "--dataset", "mnist", "--data", data, "--epochs", "2"]) == 0
        accuracies = re.findall(r"val_accuracy (0\.\d+)", capsys.readouterr().out)
        assert float(accuracies[-1]) >= 0.985


def stop_after(monkeypatch, epochs):
    """Press Ctrl-C when so many epochs are done."""
    from minitorch.train import Trainer

    save = Trainer._save_checkpoint

    def interrupt(self, place):
        save(self, place)
        if len(self.history) == epochs:
            raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "_save_checkpoint", interrupt)


class TestOptions:
    """What determines a training, from the command line and from a file."""

    def settings(self, *arguments):
        assert main(["train", "--epochs", "1", "--out", "a", *arguments]) == 0
        return minitorch.load("a.checkpoint.pth")["settings"]

    def test_every_option(self, folder):
        settings = self.settings(
            "--optimizer", "adamw", "--lr", "0.002", "--weight-decay", "0.01", "--schedule",
            "onecycle", "--accumulate", "2", "--clip-norm", "1", "--ema", "0.9", "--patience", "3",
            "--augment", "--batch-size", "128", "--seed", "7", "--workers", "1",
        )  # fmt: skip
        assert settings["optimizer"] == "adamw" and settings["ema"] == 0.9 and settings["augment"]
        assert minitorch.load("a.checkpoint.pth")["averaged"] is not None

    @pytest.mark.parametrize("schedule", ["step", "plateau", "constant", "cosine"])
    def test_schedules(self, folder, schedule):
        assert self.settings("--schedule", schedule)["schedule"] == schedule

    @pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
    def test_optimizers(self, folder, optimizer):
        assert self.settings("--optimizer", optimizer)["lr"] == 0.001

    @pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib is of Python 3.11")
    def test_config(self, folder, capsys):
        Path("c.toml").write_text('optimizer = "adam"\nbatch-size = 64\nlr = 0.01\n')
        settings = self.settings("--config", "c.toml", "--lr", "0.02")
        assert (settings["optimizer"], settings["batch_size"], settings["lr"]) == ("adam", 64, 0.02)
        for text, message in [
            ("speed = 3", "c.toml: unknown option 'speed'; one of dataset, model"),
            ("epochs = 1.5", "c.toml: epochs must be int, got 1.5"),
            ('optimizer = "sdg"', "c.toml: optimizer must be one of sgd, adam"),
            ("lr = -1", "c.toml: lr must not be negative"),
            ("lr = ", "c.toml: no TOML"),
        ]:
            Path("c.toml").write_text(text)
            assert message in error_of(capsys, "train", "--config", "c.toml")

    def test_unknown_model(self, folder, capsys):
        message = error_of(capsys, "train", "--model", "resnet19")
        assert "--model resnet19 is unknown; one of" in message and "lenet5" in message


@pytest.fixture(scope="class")
def trained(tmp_path_factory):
    """The checkpoint of a short training on digits."""
    out = tmp_path_factory.mktemp("trained") / "run"
    assert main(["train", "--epochs", "3", "--out", str(out)]) == 0
    return f"{out}.checkpoint.pth"


class TestApply:
    def test_eval(self, trained, capsys):
        assert main(["eval", trained, "--confusion"]) == 0
        out = capsys.readouterr().out
        history = minitorch.load(trained)["history"]
        assert f"accuracy   {history[-1]['val_accuracy']:.4f}" in out
        assert f"loss       {history[-1]['val_loss']:.4f}" in out
        rows = [line.split() for line in out.splitlines()[-10:]]
        matrix = np.array([[int(n) for n in row[1:]] for row in rows])
        assert matrix.sum() == 355 and [row[0] for row in rows] == list("0123456789")

    def test_predict(self, trained, folder, capsys):
        image = pytest.importorskip("PIL.Image")
        from minitorch.vision.datasets import Digits

        digits = Digits(train=False)
        Path("images").mkdir()
        for i in range(5):
            image.fromarray(digits.data.numpy()[i]).save(f"images/{i}.png")
        assert main(["predict", trained, "images", "images/0.png", "--top", "1", "--json"]) == 0
        found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [Path(x["image"]).name for x in found] == ["0.png", "1.png", "2.png", "3.png",
                                                          "4.png", "0.png"]  # fmt: skip
        right = [int(next(iter(x["classes"]))) == digits.targets.numpy()[i] for i, x in
                 enumerate(found[:5])]  # fmt: skip
        assert sum(right) >= 4
        assert main(["predict", trained, "images/0.png"]) == 0
        assert re.match(r"images/0\.png: \d [\d.]+%, \d [\d.]+%, \d", capsys.readouterr().out)

    def test_predict_what_is_no_image(self, trained, folder, capsys):
        pytest.importorskip("PIL.Image")
        Path("empty").mkdir()
        Path("bad.png").write_bytes(b"no image")
        assert "empty: holds no images" in error_of(capsys, "predict", trained, "empty")
        assert "bad.png: cannot be read as an image" in error_of(
            capsys, "predict", trained, "bad.png"
        )
        assert "No such file" in error_of(capsys, "predict", trained, "none.png")

    def test_export(self, trained, folder, capsys):
        runtime = pytest.importorskip("onnxruntime")
        assert main(["export", trained, "digits.onnx", "--fold"]) == 0
        assert "digits.onnx: image (batch, 1, 8, 8)" in capsys.readouterr().out
        session = runtime.InferenceSession("digits.onnx", providers=["CPUExecutionProvider"])
        scores = session.run(None, {"image": np.zeros((3, 1, 8, 8), np.float32)})[0]
        assert scores.shape == (3, 10)

    def test_wrong_files(self, folder, capsys):
        minitorch.save({"weights": 1}, "weights.pth")
        for command in (["eval"], ["predict"], ["export"]):
            more = [] if command == ["eval"] else ["x"]
            message = error_of(capsys, *command, "weights.pth", *more)
            assert "weights.pth: holds no state of a training" in message
            assert "No such file" in error_of(capsys, *command, "nothing.pth", *more)


class TestInfo:
    def test_rows(self, capsys):
        assert main(["info"]) == 0
        out = capsys.readouterr().out
        for name in ("minitorch", "instruction set", "threads", "OpenMP", "compiler", "numpy"):
            assert re.search(rf"^{name} +\S", out, re.MULTILINE)
        assert np.__version__ in out and minitorch.__version__ in out

    def test_as_a_module(self):
        environment = {**os.environ, "PYTHONPATH": str(Path(minitorch.__file__).parents[1])}
        for arguments in (["info"], ["--version"]):
            result = subprocess.run(
                [sys.executable, "-m", "minitorch", *arguments],
                capture_output=True, text=True, check=True, env=environment,
            )  # fmt: skip
            assert minitorch.__version__ in result.stdout


class TestBench:
    def test_measures_and_writes(self, folder, capsys):
        arguments = ["bench", "gemm", "overhead", "--smoke", "--alone", "--threads", "1"]
        assert main([*arguments, "--json", "figures.json"]) == 0
        out = capsys.readouterr().out
        assert "peak measured:" in out and "1024x1024x16" in out and "adam-step" in out
        figures = json.loads(Path("figures.json").read_text())
        assert figures["about"]["minitorch"]["threads"] == 1
        row = figures["families"]["gemm"][0]
        assert row["minitorch"]["seconds"] > 0 and row["work"] == 2 * 16 * 2048 * 2048
        assert out == "\n".join(table(figures)) + "\n"  # what is written says what was shown

    def test_reports_what_cannot_run(self, folder):
        from minitorch.tools.bench.run import Bench

        lines = []
        with Bench(peer=False, report=lines.append) as bench:
            bench.family("conv", ["8x3x2x2 o4 k5"], 0.001)
        assert "ShapeError" in lines[-1]

    def test_unknown_family(self, capsys):
        assert "unknown family 'cnov'" in error_of(capsys, "bench", "cnov")
