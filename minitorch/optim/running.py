"""What the less common optimisers share: a step by numpy, one parameter after the other."""

from __future__ import annotations

import numpy as np

from ..tensor import Tensor
from .optimizer import FusedOptimizer, check_options


class RunningOptimizer(FusedOptimizer):
    """An optimiser whose step is a few expressions on whole arrays.

    Subclasses define `start`, the state of a parameter before its first step, and `apply`, which
    changes the array of the parameter and its state in place.
    """

    # Options of groups that files of old versions lack.
    late_options = {"foreach": None, "maximize": False, "differentiable": False}

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in self.late_options.items():
                group.setdefault(name, value)
            for param in group["params"]:
                values = self.state.get(param)
                if values and not isinstance(values["step"], Tensor):
                    values["step"] = scalar(values["step"])

    def start(self, group, array) -> dict:
        """Return the names and arrays of the state, beside the number of steps.

        Parameters
        ----------
        group : dict
            With its settings.
        array : ndarray
            The parameter.
        """
        raise NotImplementedError

    def apply(self, group, array, grad, state, step) -> None:
        """Take one step.

        Parameters
        ----------
        group, array
            As of `start`.
        grad : ndarray
            With its sign and weight decay; must not be changed.
        state : dict
            The arrays that `start` named, to be changed in place.
        step : int
            Counts from 1.
        """
        raise NotImplementedError

    def _begin(self, group, param):
        """Return the state of a parameter, made new if there is none."""
        state = self.state[param]
        if not state:
            state["step"] = scalar(0.0)
            for name, value in self.start(group, param._array).items():
                state[name] = value if isinstance(value, Tensor) else Tensor._wrap(value)
        return state

    def _update(self, group, params, arrays, grads):
        decoupled = group.get("decoupled_weight_decay", False)
        decay = group.get("weight_decay", 0)
        for param, array, grad in zip(params, arrays, grads, strict=True):
            state = self._begin(group, param)
            state["step"]._array += 1
            if group["maximize"]:
                grad = -grad
            if decay and decoupled:
                array *= 1 - float(group["lr"]) * decay
            elif decay:
                grad = grad + array * decay
            step = state["step"]._array.item()
            values = {name: value._array for name, value in state.items()}
            self.apply(group, array, grad, values, step)


def scalar(value) -> Tensor:
    """Make the 0-d float32 tensor in which states keep a number."""
    return Tensor._wrap(np.array(float(value), np.float32))


def check_lr(lr, *checks) -> None:
    """Raise ValueError for a learning rate, or another option, that cannot be."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    check_options((float(lr) >= 0, "learning rate", lr), *checks)


def not_negative(**values):
    """Yield the checks that options are not negative."""
    words = {"eps": "epsilon value"}
    for name, value in values.items():
        yield value >= 0, words.get(name, f"{name} value"), value


def moments(betas, **values):
    """Yield the checks of `betas`, and of options that must not be negative."""
    yield from not_negative(**{k: v for k, v in values.items() if k == "eps"})
    for i in (0, 1):
        yield 0 <= betas[i] < 1, f"beta parameter at index {i}", betas[i]
    yield from not_negative(**{k: v for k, v in values.items() if k != "eps"})


def average(running, value, weight) -> None:
    """Move a running average towards a value, in place."""
    running += (value - running) * weight


def average_square(running, value, decay) -> None:
    """Move a running average of squares towards that of a value, in place."""
    running *= decay
    running += value * value * (1 - decay)
