"""Averages of models: stochastic weight averaging, exponential moving averages."""

from __future__ import annotations

import copy
import math

import numpy as np

from ..autograd.grad_mode import no_grad
from ..nn.module import Module
from ..nn.norm import _BatchNorm
from ..tensor import Tensor
from .lr_scheduler import LRScheduler, _per_group

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


def _check_decay(decay):
    if decay < 0.0 or decay > 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1].")


def get_ema_avg_fn(decay: float = 0.999):
    """Return ``f(average, current, count)`` of an exponential moving average.

    Parameters
    ----------
    decay : float
        Weight of the average so far.
    """
    _check_decay(decay)

    def ema_update(ema_param, current_param, num_averaged):
        with no_grad():
            return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_ema_multi_avg_fn(decay: float = 0.999):
    """Return ``f(averages, currents, count)``, in place on lists; see `get_ema_avg_fn`."""
    _check_decay(decay)

    def ema_update(ema_param_list, current_param_list, _):
        with no_grad():
            for average, current in zip(ema_param_list, current_param_list, strict=True):
                if average.is_floating_point():
                    average.lerp_(current, 1 - decay)
                else:
                    average.copy_(average * decay + current * (1 - decay))

    return ema_update


def get_swa_avg_fn():
    """Return ``f(average, current, count)`` of a mean of all."""

    def swa_update(averaged_param, current_param, num_averaged):
        with no_grad():
            return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def get_swa_multi_avg_fn():
    """Return ``f(averages, currents, count)``, in place, of a mean of all."""

    def swa_update(averaged_param_list, current_param_list, num_averaged):
        weight = 1 / (float(num_averaged) + 1)
        with no_grad():
            for average, current in zip(averaged_param_list, current_param_list, strict=True):
                if average.is_floating_point():
                    average.lerp_(current, weight)
                else:
                    average.copy_(average + (current - average) * weight)

    return swa_update


class AveragedModel(Module):
    """A copy of a model whose parameters are averages of those of the model.

    Parameters
    ----------
    model : Module
        Copied, as `module`.
    device : optional
        The CPU.
    avg_fn : callable, optional
        From an average, the current parameter and the number of those averaged to the next
        average. Default: the mean of all.
    multi_avg_fn : callable, optional
        The same for lists of parameters, in place.
    use_buffers : bool
        Average buffers too; otherwise they are copied.

    Notes
    -----
    Izmailov et al. 2018 (arXiv 1803.05407); Polyak and Juditsky 1992.
    """

    def __init__(self, model, device=None, avg_fn=None, multi_avg_fn=None, use_buffers=False):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", Tensor._wrap(np.array(0, np.int64)))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args, **kwargs):
        """Return what the averaged model does.

        Parameters
        ----------
        *args, **kwargs
            Its arguments.
        """
        return self.module(*args, **kwargs)

    def _pairs(self, model):
        averages, currents = ([*m.parameters()] for m in (self.module, model))
        if self.use_buffers:
            averages += self.module.buffers()
            currents += model.buffers()
        return averages, currents

    def update_parameters(self, model) -> None:
        """Take the present parameters of `model` into the averages.

        Parameters
        ----------
        model : Module
            Of the kind that is averaged.
        """
        averages, currents = self._pairs(model)
        count = self.n_averaged
        with no_grad():
            if count.item() == 0:
                for average, current in zip(averages, currents, strict=True):
                    average.copy_(current)
            elif self.avg_fn is not None:
                for average, current in zip(averages, currents, strict=True):
                    average.copy_(self.avg_fn(average.detach(), current.detach(), count))
            else:
                update = self.multi_avg_fn or get_swa_multi_avg_fn()
                averages = [average.detach() for average in averages]
                update(averages, [current.detach() for current in currents], count)
            if not self.use_buffers:
                pairs = zip(self.module.buffers(), model.buffers(), strict=True)
                for mine, theirs in pairs:
                    mine.copy_(theirs)
            count += 1


def update_bn(loader, model, device=None) -> None:
    """Compute the statistics of the batch norms of a model anew, over a data set.

    Parameters
    ----------
    loader : iterable
        Of batches; of tuples and lists the first entry counts.
    model : Module
    device : optional
        The CPU.
    """
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    momenta = {m: m.momentum for m in norms}
    if not norms:
        return
    was_training = model.training
    model.train()
    with no_grad():
        for m in norms:
            m.reset_running_stats()
            m.momentum = None
        for batch in loader:
            model(batch[0] if isinstance(batch, (list, tuple)) else batch)
    for m, momentum in momenta.items():
        m.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """Let the rate go to a constant in some epochs, and stay there.

    Parameters
    ----------
    optimizer : Optimizer
    swa_lr : float or list of float
        The constant; a list has one per parameter group.
    anneal_epochs : int
        Number of epochs until then.
    anneal_strategy : str
        ``"cos"`` or ``"linear"``.
    last_epoch : int
        See `LRScheduler`.
    """

    def __init__(
        self,
        optimizer,
        swa_lr,
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ):
        for rate, group in zip(
            _per_group("swa_lr", optimizer, swa_lr), optimizer.param_groups, strict=True
        ):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must by one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, t):
        """Return which part of the way has been gone at a share `t` of the epochs."""
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def get_lr(self) -> list:
        self._check_call()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        epochs = max(1, self.anneal_epochs)
        before = self._share(max(0, min(1, (step - 1) / epochs)))
        now = self._share(max(0, min(1, step / epochs)))
        rates = []
        for group in self.optimizer.param_groups:
            target, rate = group["swa_lr"], group["lr"]
            start = target if before == 1 else (rate - before * target) / (1 - before)
            rates.append(target * now + start * (1 - now))
        return rates
