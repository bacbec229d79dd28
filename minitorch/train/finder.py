"""A learning rate to begin with."""

import copy
import math

from ..nn.functional import cross_entropy
from ..random import get_rng_state, set_rng_state

__all__ = ["find_lr"]


def find_lr(model, optimizer, batches, loss=None, *, low=1e-6, high=10.0, steps=100):
    """
    Train a little with growing learning rates, and see where the loss falls fastest.

    The learning rate range test of Smith 2017 (https://arxiv.org/abs/1506.01186), with the
    smoothing and the end of fast.ai: the loss is averaged exponentially with 0.98, and the test
    ends where it exceeds four times its least value. Model, optimiser and random numbers are put
    back as they were.

    Parameters
    ----------
    model : nn.Module
        What is to be trained.
    optimizer : Optimizer
        What is to train it.
    batches : iterable of (Tensor, Tensor)
        Training data; begun anew when it ends.
    loss : callable, optional
        Cross-entropy unless given.
    low, high : float
        First and last learning rate.
    steps : int, default 100
        How many batches at most.

    Returns
    -------
    suggestion : float
        Where the smoothed loss falls fastest per factor of the learning rate.
    rates, losses : list of float
        Every learning rate that was tried, and the smoothed loss there.

    Raises
    ------
    ValueError
        `low` is not below `high`, `steps` is below 10, there are no batches, or the loss was not
        finite from the beginning.
    """
    if not 0 < low < high or steps < 10:
        raise ValueError(f"find_lr: needs 0 < low < high and steps >= 10: {low}, {high}, {steps}")
    loss = cross_entropy if loss is None else loss
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict())), get_rng_state()
    training = model.training
    try:
        rates, losses = _test(model.train(), optimizer, batches, loss, low, high, steps)
    finally:
        (weights, state), random = before
        model.load_state_dict(weights)
        optimizer.load_state_dict(state)
        optimizer.zero_grad()
        model.train(training)
        set_rng_state(random)
    if len(losses) < 3:
        raise ValueError("find_lr: the loss was not finite after fewer than three batches")
    slopes = [after - here for here, after in zip(losses, losses[2:], strict=False)]
    return rates[slopes.index(min(slopes)) + 1], rates, losses


def _test(model, optimizer, batches, loss, low, high, steps):
    rates, losses, average = [], [], 0.0
    for step, (inputs, targets) in enumerate(_endless(batches, steps)):
        rate = low * (high / low) ** (step / (steps - 1))
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        value = loss(model(inputs), targets)
        average = 0.98 * average + 0.02 * value.item()
        smooth = average / (1 - 0.98 ** (step + 1))
        if not math.isfinite(smooth) or (losses and smooth > 4 * min(losses)):
            break
        rates.append(rate)
        losses.append(smooth)
        value.backward()
        optimizer.step()
    return rates, losses


def _endless(batches, count):
    """Yield so many batches, beginning anew as often as necessary."""
    while count > 0:
        before = count
        for batch in batches:
            if count <= 0:
                return
            count -= 1
            yield batch
        if count == before:
            raise ValueError("find_lr: there are no batches")
