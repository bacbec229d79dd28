"""The training loop: epochs, accuracy, progress, checkpoints.

A `Trainer` works on any iterable of batches ``(images, labels)`` that has a length; `Batches`
makes one from a dataset held in memory.
"""

import importlib.util
import sys
import time

import numpy as np

from . import no_grad
from .errors import FileFormatError
from .nn.functional import cross_entropy
from .random import get_rng_state, set_rng_state
from .serialization import load, save
from .tensor import Tensor


class Batches:
    """
    Batches of a dataset held in memory, as normalised floating-point images.

    Parameters
    ----------
    dataset : object
        Its ``data`` are uint8 images (N, height, width), its ``targets`` the labels (N,).
    batch_size : int
        Images per batch; the last batch may be smaller.
    mean, std : float
        Of the pixels, on a scale of 0 to 1: every pixel p becomes (p / 255 - mean) / std.
    seed : int, optional
        Visit the images in an order drawn from the seed and the number of the epoch. None: in the
        order of the dataset.
    """

    def __init__(self, dataset, batch_size, mean=0.0, std=1.0, seed=None):
        if batch_size < 1:
            raise ValueError(f"Batches: batch_size must be at least 1, got {batch_size}")
        self.images = dataset.data.numpy()[:, None]
        self.labels = dataset.targets
        self.batch_size = batch_size
        self.scale = np.float32(1 / (255 * std))
        self.shift = np.float32(mean / std)
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch):
        """Choose the order of an epoch: the same number gives the same order."""
        self.epoch = epoch

    def __len__(self):
        return -(-len(self.images) // self.batch_size)

    def __iter__(self):
        order = np.arange(len(self.images))
        if self.seed is not None:
            order = np.random.default_rng((self.seed, self.epoch)).permutation(len(order))
        for start in range(0, len(order), self.batch_size):
            chosen = order[start : start + self.batch_size]
            images = self.images[chosen] * self.scale - self.shift
            yield Tensor._wrap(images), self.labels[chosen]


class Trainer:
    """
    Trains a classifier.

    Parameters
    ----------
    model : nn.Module
        Maps a batch of images to scores (N, classes).
    optimizer : Optimizer
        Updates the parameters of the model.
    loss : callable, optional
        ``loss(scores, labels)``; cross-entropy unless given.
    scheduler : LRScheduler, optional
        Stepped once after each epoch.
    checkpoint : str or os.PathLike, optional
        Where the state of the training is saved after each epoch, in one step: an interruption
        leaves the previous state or the new one.
    settings : dict, optional
        Plain values kept in the checkpoint, for whoever resumes.

    Attributes
    ----------
    history : list of dict
        Per epoch: ``epoch`` (from 1), ``loss`` (mean over the epoch), ``train`` and ``test``
        (accuracy, 0 to 1; that of training is measured while the weights change), ``seconds``.
    """

    def __init__(
        self, model, optimizer, loss=None, *, scheduler=None, checkpoint=None, settings=None
    ):
        self.model = model
        self.optimizer = optimizer
        self.loss = cross_entropy if loss is None else loss
        self.scheduler = scheduler
        self.checkpoint = checkpoint
        self.settings = settings or {}
        self.history = []

    def fit(self, train, test, epochs):
        """
        Train until `epochs` epochs are done, counting those of a resumed checkpoint.

        Parameters
        ----------
        train, test : iterable of (Tensor, Tensor)
            Batches of images and labels. ``set_epoch`` is called before each epoch where present.
        epochs : int
            How many.

        Returns
        -------
        list of dict
            The `history`.
        """
        for epoch in range(len(self.history) + 1, epochs + 1):
            start = time.perf_counter()
            if hasattr(train, "set_epoch"):
                train.set_epoch(epoch)
            loss, accuracy = self._train_epoch(_progress(train, f"epoch {epoch}/{epochs}"))
            if self.scheduler is not None:
                self.scheduler.step()
            record = {"epoch": epoch, "loss": loss, "train": accuracy, "test": self.evaluate(test)}
            record["seconds"] = time.perf_counter() - start
            self.history.append(record)
            self._save_checkpoint()
            self._report(record, epochs)
        return self.history

    def evaluate(self, batches):
        """
        Return the fraction of images that the model classifies correctly.

        Parameters
        ----------
        batches : iterable of (Tensor, Tensor)
            Images and labels.

        Returns
        -------
        float
            0 to 1.
        """
        was_training = self.model.training
        self.model.eval()
        right = count = 0
        with no_grad():
            for images, labels in batches:
                right += _right(self.model(images), labels)
                count += len(labels)
        self.model.train(was_training)
        return right / max(count, 1)

    def resume(self):
        """Continue from the checkpoint: weights, optimiser, schedule, random numbers, history."""
        state = load_checkpoint(self.checkpoint)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        set_rng_state(state["random"])
        self.history = state["history"]

    def _train_epoch(self, batches):
        self.model.train()
        total = right = count = 0
        for images, labels in batches:
            self.optimizer.zero_grad()
            scores = self.model(images)
            loss = self.loss(scores, labels)
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(labels)
            right += _right(scores, labels)
            count += len(labels)
        return total / max(count, 1), right / max(count, 1)

    def _save_checkpoint(self):
        if self.checkpoint is None:
            return
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "random": get_rng_state(),
            "history": self.history,
            "settings": self.settings,
        }
        save(state, self.checkpoint)

    def _report(self, record, epochs):
        number = f"{record['epoch']:{len(str(epochs))}}/{epochs}"
        accuracy = f"train {record['train']:7.2%}   test {record['test']:7.2%}"
        line = f"epoch {number}   loss {record['loss']:.4f}   {accuracy}"
        print(f"{line}   {record['seconds']:.1f} s", flush=True)


def load_checkpoint(path):
    """
    Read the state that a `Trainer` saved.

    Parameters
    ----------
    path : str or os.PathLike
        The file.

    Returns
    -------
    dict
        ``model``, ``optimizer``, ``scheduler``, ``random``, ``history``, ``settings``.

    Raises
    ------
    FileFormatError
        The file holds something else.
    """
    state = load(path)
    if not isinstance(state, dict) or not {"model", "optimizer", "settings"} <= state.keys():
        raise FileFormatError(f"{path}: holds no state of a training")
    return state


def _right(scores, labels):
    """Count the images whose highest score is that of their label."""
    return (scores.argmax(1) == labels).sum().item()


def _progress(batches, title):
    """Show a bar while iterating, where someone watches and tqdm is installed."""
    if not sys.stdout.isatty() or importlib.util.find_spec("tqdm") is None:
        return batches
    from tqdm import tqdm

    return tqdm(batches, desc=title, unit="batch", leave=False, file=sys.stdout)
