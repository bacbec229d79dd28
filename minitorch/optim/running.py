"""What the less common optimisers share: one call of C for all parameters of a group."""

from __future__ import annotations

import numpy as np

from .. import kernels
from ..tensor import Tensor
from .optimizer import FusedOptimizer, check_options


class RunningOptimizer(FusedOptimizer):
    """An optimiser that keeps running values of the gradient.

    Subclasses define `start`, the state of a parameter before its first step, and what the update
    is told: `settings` of the group and `rates` of the parameter. The formula of each `rule` is in
    ``csrc/optim_rules.inc``.
    """

    rule = ""
    running: tuple = ()  # names of the arrays in the state that the rule reads and writes

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

    def settings(self, group) -> tuple:
        """Return the numbers that hold for every parameter of a group.

        Parameters
        ----------
        group : dict
            With its settings.

        Returns
        -------
        tuple of float
            Up to three, in the order of the rule.
        """
        raise NotImplementedError

    def rates(self, group, state, step) -> tuple:
        """Return the numbers for a step of one parameter.

        Parameters
        ----------
        group : dict
            With its settings.
        state : dict
            Of the parameter; its scalars may be changed in place.
        step : float
            Counts from 1.

        Returns
        -------
        tuple of float
            Up to three, in the order of the rule; by default the learning rate.
        """
        return (float(group["lr"]),)

    def _begin(self, group, param):
        """Return the state of a parameter, made new if there is none."""
        state = self.state[param]
        if not state:
            state["step"] = scalar(0.0)
            for name, value in self.start(group, param._array).items():
                state[name] = value if isinstance(value, Tensor) else Tensor._wrap(value)
        return state

    def _update(self, group, params, arrays, grads):
        states = [self._begin(group, param) for param in params]
        rates = []
        for state in states:
            state["step"]._array += 1
            rates.append(self.rates(group, state, state["step"]._array.item()))
        decay, shrink = float(group.get("weight_decay", 0)), 1.0
        if group.get("decoupled_weight_decay"):
            decay, shrink = 0.0, 1 - float(group["lr"]) * decay
        kernels.rule_step(
            type(self).rule,
            arrays,
            grads,
            [
                [state[name]._array for state in states]
                if all(name in state for state in states)
                else None
                for name in self.running
            ],
            rates,
            self.settings(group),
            weight_decay=decay,
            shrink=shrink,
            maximize=group["maximize"],
        )


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
