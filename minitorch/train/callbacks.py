"""What can accompany a training: early stopping, and records of how it goes."""

import csv
import importlib.util
import io
import json
import math
import os
import sys

from ..serialization.atomic import replacing

__all__ = ["CSVLogger", "Callback", "EarlyStopping", "JSONLogger", "TensorBoard"]


class Callback:
    """
    Something a `Trainer` calls as it goes along. Subclasses define what they need.

    What a callback must remember when a training is resumed, it returns from `state_dict`.
    """

    def on_fit_start(self, trainer):
        """Called before the first epoch, of a resumed training too.

        Parameters
        ----------
        trainer : Trainer
        """

    def on_epoch_start(self, trainer):
        """Called before each epoch; ``trainer.epoch`` is its number, from 1. See `on_fit_start`."""

    def on_batch_end(self, trainer, loss):
        """
        Called after each batch.

        Parameters
        ----------
        trainer : Trainer
            ``trainer.batches`` counts all batches since the training began.
        loss : float
            Of the batch.
        """

    def on_epoch_end(self, trainer, record):
        """
        Called after each epoch.

        Parameters
        ----------
        trainer : Trainer
            Setting ``trainer.stop = True`` ends the training.
        record : dict
            What is known of the epoch; `Trainer.history` ends with it.
        """

    def on_fit_end(self, trainer):
        """Called when the training ends, also by an exception; see `on_fit_start`."""

    def state_dict(self):
        """Return what is to be remembered, as plain values."""
        return {}

    def load_state_dict(self, state_dict):
        """Remember what `state_dict` returned.

        Parameters
        ----------
        state_dict : dict
        """


class EarlyStopping(Callback):
    """
    End a training that gets no better.

    Parameters
    ----------
    patience : int
        Epochs without improvement before the training ends.
    monitor : str, default "val_loss"
        What of the epoch's record is looked at.
    mode : {"auto", "min", "max"}
        Whether lower or higher is better; "auto": lower for names that contain "loss".
    min_delta : float, default 0
        What counts as no improvement.
    restore_best : bool, default False
        Give the model, at the end, the weights of the best epoch.
    """

    def __init__(
        self, patience, monitor="val_loss", mode="auto", min_delta=0.0, restore_best=False
    ):
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"EarlyStopping: mode must be auto, min or max, got {mode!r}")
        self.patience = patience
        self.monitor = monitor
        self.sign = -1 if mode == "min" or (mode == "auto" and "loss" in monitor) else 1
        self.min_delta = min_delta
        self.restore_best = restore_best
        self.best, self.waited, self.weights = -math.inf, 0, None

    def on_epoch_end(self, trainer, record):
        if self.monitor not in record:
            raise KeyError(f"EarlyStopping: no {self.monitor!r} in the record: {sorted(record)}")
        value = self.sign * record[self.monitor]
        if value > self.best + self.min_delta:
            self.best, self.waited = value, 0
            if self.restore_best:
                self.weights = {k: v.clone() for k, v in trainer.model.state_dict().items()}
        else:
            self.waited += 1
            trainer.stop = trainer.stop or self.waited >= self.patience

    def on_fit_end(self, trainer):
        if self.weights is not None:
            trainer.model.load_state_dict(self.weights)

    def state_dict(self):
        return {"best": self.best, "waited": self.waited, "weights": self.weights}

    def load_state_dict(self, state_dict):
        self.best, self.waited = state_dict["best"], state_dict["waited"]
        self.weights = state_dict["weights"]


class CSVLogger(Callback):
    """
    Write the history to a CSV file after every epoch.

    Parameters
    ----------
    path : str or os.PathLike
        Where to; replaced in one step.
    """

    def __init__(self, path):
        self.path = path

    def on_epoch_end(self, trainer, record):
        names = list(dict.fromkeys(name for past in trainer.history for name in past))
        with replacing(self.path) as file:
            text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
            writer = csv.DictWriter(text, names)
            writer.writeheader()
            writer.writerows(trainer.history)
            text.detach()


class JSONLogger(Callback):
    """
    Write the history to a JSON file, a list of objects, after every epoch.

    Parameters
    ----------
    path : str or os.PathLike
        Where to; replaced in one step.
    """

    def __init__(self, path):
        self.path = path

    def on_epoch_end(self, trainer, record):
        with replacing(self.path) as file:
            file.write(json.dumps(trainer.history, indent=1).encode())


class TensorBoard(Callback):
    """
    Write every number of the history, and the loss of every batch, for TensorBoard.

    Parameters
    ----------
    folder : str or os.PathLike
        Where to.
    """

    def __init__(self, folder):
        self.folder = os.fspath(folder)
        self.writer = None

    def on_fit_start(self, trainer):
        from ..utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(self.folder)

    def on_batch_end(self, trainer, loss):
        self.writer.add_scalar("batch/loss", loss, trainer.batches)

    def on_epoch_end(self, trainer, record):
        for name, value in record.items():
            if name != "epoch" and isinstance(value, (int, float)):
                self.writer.add_scalar(name, value, record["epoch"])

    def on_fit_end(self, trainer):
        if self.writer is not None:
            self.writer.close()


class Report(Callback):
    """Print a line per epoch, and a bar with the time left where someone watches."""

    def __init__(self):
        self.bar = None

    def on_epoch_start(self, trainer):
        if sys.stdout.isatty() and importlib.util.find_spec("tqdm") is not None:
            from tqdm import tqdm

            dataset = getattr(trainer.loader, "dataset", None)
            self.bar = tqdm(
                total=len(dataset) if hasattr(dataset, "__len__") else None,
                initial=trainer.tally.seen, desc=f"epoch {trainer.epoch}/{trainer.epochs}",
                unit=" images", leave=False, file=sys.stdout,
            )  # fmt: skip

    def on_batch_end(self, trainer, loss):
        if self.bar is not None:
            self.bar.update(trainer.tally.seen - self.bar.n)
            self.bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)

    def on_epoch_end(self, trainer, record):
        self.on_fit_end(trainer)
        number = f"{record['epoch']:{len(str(trainer.epochs))}}/{trainer.epochs}"
        shown = [f"epoch {number}"]
        for name, value in record.items():
            if isinstance(value, float) and name not in ("seconds", "lr"):
                shown.append(f"{name} {value:.4f}")
        print("   ".join([*shown, f"{record['seconds']:.1f} s"]), flush=True)

    def on_fit_end(self, trainer):
        if self.bar is not None:
            self.bar.close()
            self.bar = None
