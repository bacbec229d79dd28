"""The training loop: epochs, accumulation, validation, checkpoints that resume exactly."""

import copy
import time

from .. import no_grad
from ..errors import FileFormatError
from ..nn.functional import cross_entropy
from ..random import get_rng_state, set_rng_state
from ..serialization import load, save
from .callbacks import Callback, Report
from .metrics import Accuracy

__all__ = ["Trainer", "load_checkpoint"]


class Trainer:
    """
    Trains a model on batches ``(input, target)``.

    Parameters
    ----------
    model : nn.Module
        What is trained; a classifier maps images to scores (N, classes).
    optimizer : Optimizer
        Updates the parameters of the model.
    loss : callable, optional
        ``loss(output, target)``, a mean over the batch; cross-entropy unless given.
    metrics : dict of str to Metric, optional
        What is measured beside the loss; ``{"accuracy": Accuracy()}`` unless given.
    scheduler : LRScheduler, optional
        Stepped after each epoch (`ReduceLROnPlateau` with the loss of the validation).
    step_scheduler : {"epoch", "batch"}
        Step the scheduler after every update of the parameters instead.
    accumulate : int, default 1
        Batches whose gradients are averaged into one update. At the end of an epoch an update is
        made of those that are left.
    clip_norm, clip_value : float, optional
        Bound of the norm of all gradients together, or of every element.
    ema : float, optional
        Keep an exponential moving average of the weights, with this decay, and evaluate with it;
        `averaged` is that model.
    callbacks : sequence of Callback
        Called as the training goes along.
    checkpoint : str or os.PathLike, optional
        Where the state of the training is saved, in one step: an interruption at any moment leaves
        the previous state or the new one.
    checkpoint_every : int, optional
        Save after every so many batches also, not only after each epoch.
    settings : dict, optional
        Plain values kept in the checkpoint, for whoever resumes.
    verbose : bool, default True
        Print a line per epoch, and show a bar on a terminal where tqdm is installed.

    Attributes
    ----------
    history : list of dict
        Per epoch: ``epoch`` (from 1), ``loss`` and each metric over the epoch (measured while the
        weights change), the same of the validation with ``val_`` before the name, ``lr``,
        ``seconds``.
    stop : bool
        Set it, and the training ends after the epoch.

    Notes
    -----
    A training that is resumed gives, bit for bit, the weights of one that was not interrupted: the
    state holds weights, gradients being accumulated, optimiser, schedule, average, callbacks,
    random numbers and the place in the epoch. The latter needs a `DataLoader`; with other batches,
    training goes on from the last whole epoch.
    """

    def __init__(
        self,
        model,
        optimizer,
        loss=None,
        *,
        metrics=None,
        scheduler=None,
        step_scheduler="epoch",
        accumulate=1,
        clip_norm=None,
        clip_value=None,
        ema=None,
        callbacks=(),
        checkpoint=None,
        checkpoint_every=None,
        settings=None,
        verbose=True,
    ):
        if accumulate < 1:
            raise ValueError(f"Trainer: accumulate must be at least 1, got {accumulate}")
        if step_scheduler not in ("epoch", "batch"):
            raise ValueError(f"Trainer: step_scheduler must be epoch or batch, {step_scheduler!r}")
        self.model = model
        self.optimizer = optimizer
        self.loss = cross_entropy if loss is None else loss
        self.metrics = {"accuracy": Accuracy()} if metrics is None else metrics
        self.scheduler = scheduler
        self.step_scheduler = step_scheduler
        self.accumulate = accumulate
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.averaged = None if ema is None else _averaged(model, ema)
        self.callbacks = list(callbacks)
        self.report = Report() if verbose else Callback()
        self.checkpoint = checkpoint
        self.checkpoint_every = checkpoint_every
        self.settings = settings or {}
        self.history = []
        self.epoch = self.epochs = self.batches = 0
        self.stop = False
        self.loader = None
        self.tally = Tally(self.metrics)
        self._pending = 0  # batches whose gradients wait for an update
        self._place = None  # state of the loader, of a checkpoint within an epoch

    # ---- the loop

    def fit(self, train, validation=None, epochs=1):
        """
        Train until `epochs` epochs are done, counting those of a resumed checkpoint.

        Parameters
        ----------
        train, validation : DataLoader, or iterable of (Tensor, Tensor)
            Batches of inputs and targets. ``set_epoch`` is called before each epoch where present.
        epochs : int, default 1
            How many.

        Returns
        -------
        list of dict
            The `history`.
        """
        self.loader, self.epochs = train, epochs
        if not self._pending:
            self.optimizer.zero_grad()
        self._call("on_fit_start")
        try:
            while len(self.history) < epochs and not self.stop:
                self._run_epoch(train, validation)
        finally:
            self._call("on_fit_end")
        return self.history

    def _run_epoch(self, train, validation):
        start = time.perf_counter()
        self.epoch = len(self.history) + 1
        if hasattr(train, "set_epoch"):
            train.set_epoch(self.epoch)
        if self._place is not None:
            train.load_state_dict(self._place)
            self._place = None
        self._call("on_epoch_start")
        self.model.train()
        for inputs, targets in train:
            self._run_batch(inputs, targets)
        if self._pending:
            self._update()
        record = {"epoch": self.epoch, **self.tally.results()}
        if validation is not None:
            results = self.evaluate(validation)
            record |= {f"val_{name}": value for name, value in results.items()}
        record["lr"] = self.optimizer.param_groups[0]["lr"]
        if self.scheduler is not None and self.step_scheduler == "epoch":
            _step(self.scheduler, record)
        record["seconds"] = time.perf_counter() - start
        self.history.append(record)
        for callback in self.callbacks:
            callback.on_epoch_end(self, record)
        self.tally.reset()
        self._save_checkpoint(place=None)
        self.report.on_epoch_end(self, record)  # what is reported has been saved

    def _run_batch(self, inputs, targets):
        outputs = self.model(inputs)
        loss = self.loss(outputs, targets)
        (loss if self.accumulate == 1 else loss / self.accumulate).backward()
        self._pending += 1
        if self._pending == self.accumulate:
            self._update()
        self.batches += 1
        value = loss.item()
        self.tally.update(value, outputs, targets)
        self._call("on_batch_end", value)
        due = self.checkpoint_every and self.batches % self.checkpoint_every == 0
        if due and hasattr(self.loader, "state_dict"):
            self._save_checkpoint(place=self.loader.state_dict())

    def _update(self):
        """Let the optimiser use the gradients that were accumulated."""
        from ..nn import utils

        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        if self._pending < self.accumulate:  # the end of an epoch: a mean over those that are left
            for parameter in parameters:
                if parameter.grad is not None:
                    parameter.grad.mul_(self.accumulate / self._pending)
        if self.clip_value is not None:
            utils.clip_grad_value_(parameters, self.clip_value)
        if self.clip_norm is not None:
            utils.clip_grad_norm_(parameters, self.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self._pending = 0
        if self.averaged is not None:
            self.averaged.update_parameters(self.model)
        if self.scheduler is not None and self.step_scheduler == "batch":
            self.scheduler.step()

    def evaluate(self, batches):
        """
        Measure the model (its average, where one is kept) in evaluation mode.

        Parameters
        ----------
        batches : iterable of (Tensor, Tensor)
            Inputs and targets.

        Returns
        -------
        dict
            ``loss``, a mean over the samples, and each metric.
        """
        model = self.model if self.averaged is None else self.averaged
        tally = Tally(copy.deepcopy(self.metrics))
        tally.reset()
        was_training = model.training
        model.eval()
        try:
            with no_grad():
                for inputs, targets in batches:
                    outputs = model(inputs)
                    tally.update(self.loss(outputs, targets).item(), outputs, targets)
        finally:
            model.train(was_training)
        return tally.results()

    def _call(self, event, *arguments):
        for callback in (*self.callbacks, self.report):
            getattr(callback, event)(self, *arguments)

    # ---- checkpoints

    def state_dict(self, place=None):
        """
        Return everything that determines how the training goes on.

        Parameters
        ----------
        place : dict, optional
            State of the loader, within an epoch.

        Returns
        -------
        dict
            Plain values and tensors.
        """
        gradients = {name: p.grad for name, p in self.model.named_parameters()}
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "averaged": None if self.averaged is None else self.averaged.state_dict(),
            "callbacks": [callback.state_dict() for callback in self.callbacks],
            "gradients": gradients if self._pending else {},
            "tally": self.tally.state_dict(),
            "counts": [self.batches, self._pending, self.stop],
            "place": place,
            "random": get_rng_state(),
            "history": self.history,
            "settings": self.settings,
        }

    def _save_checkpoint(self, place):
        if self.checkpoint is not None:
            save(self.state_dict(place), self.checkpoint)

    def resume(self, checkpoint=None):
        """
        Continue from a checkpoint.

        Parameters
        ----------
        checkpoint : str or os.PathLike, optional
            The file; the trainer's own unless given.
        """
        state = load_checkpoint(checkpoint or self.checkpoint)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        if self.averaged is not None:
            self.averaged.load_state_dict(state["averaged"])
        for callback, own in zip(self.callbacks, state["callbacks"], strict=False):
            callback.load_state_dict(own)
        parameters = dict(self.model.named_parameters())
        for name, gradient in state["gradients"].items():
            parameters[name].grad = gradient
        self.tally.load_state_dict(state["tally"])
        self.batches, self._pending, self.stop = state["counts"]
        self._place = state["place"]
        set_rng_state(state["random"])
        self.history = state["history"]


class Tally:
    """
    The loss and the metrics over the samples seen so far.

    Parameters
    ----------
    metrics : dict of str to Metric
        Updated and reset with it.
    """

    def __init__(self, metrics):
        self.metrics = metrics
        self.seen, self.total = 0, 0.0

    def reset(self):
        """Begin anew."""
        self.seen, self.total = 0, 0.0
        for metric in self.metrics.values():
            metric.reset()

    def update(self, loss, outputs, targets):
        """Count a batch."""
        self.seen += len(targets)
        self.total += loss * len(targets)
        for metric in self.metrics.values():
            metric.update(outputs, targets)

    def results(self):
        """Return the mean loss and what each metric says."""
        results = {"loss": self.total / max(self.seen, 1)}
        return results | {name: metric.compute() for name, metric in self.metrics.items()}

    def state_dict(self):
        """Return the counts, as plain values."""
        metrics = {name: metric.state_dict() for name, metric in self.metrics.items()}
        return {"seen": self.seen, "total": self.total, "metrics": metrics}

    def load_state_dict(self, state_dict):
        """Go on counting."""
        self.seen, self.total = state_dict["seen"], state_dict["total"]
        for name, metric in self.metrics.items():
            metric.load_state_dict(state_dict["metrics"][name])


def _averaged(model, decay):
    from ..optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    if not 0 <= decay < 1:
        raise ValueError(f"Trainer: ema must be at least 0 and below 1, got {decay}")
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)


def _step(scheduler, record):
    from ..optim.lr_scheduler import ReduceLROnPlateau

    if isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step(record.get("val_loss", record["loss"]))
    else:
        scheduler.step()


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
        As `Trainer.state_dict` returns it.

    Raises
    ------
    FileFormatError
        The file holds something else.
    """
    state = load(path)
    if not isinstance(state, dict) or not {"model", "optimizer", "settings"} <= state.keys():
        raise FileFormatError(f"{path}: holds no state of a training")
    return state
