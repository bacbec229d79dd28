"""Rprop, which uses signs of gradients only, and ASGD, which averages the parameters."""

from __future__ import annotations

import numpy as np

from .optimizer import check_options
from .running import RunningOptimizer, check_lr, not_negative, scalar

__all__ = ["ASGD", "Rprop"]


class Rprop(RunningOptimizer):
    """Rprop: every element has a step size, which grows while the sign of its gradient stays.

    Parameters
    ----------
    params : iterable
        Parameters, or dicts with the groups; see `Optimizer`.
    lr : float
        First step size.
    etas : pair of float
        Factors of the step size when the sign changes, and when it stays.
    step_sizes : pair of float
        Least and greatest step size.
    capturable, differentiable : bool
        Not supported.
    foreach : bool, optional
        Accepted: there is one implementation.
    maximize : bool
        Ascend instead of descend.

    Notes
    -----
    Riedmiller and Braun 1993, A direct adaptive method for faster backpropagation learning.
    """

    rule = "rprop"
    running = ("prev", "step_size")
    late_options = {**RunningOptimizer.late_options, "capturable": False}

    def __init__(
        self,
        params,
        lr=1e-2,
        etas=(0.5, 1.2),
        step_sizes=(1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        check_lr(lr)
        check_options((0 < etas[0] < 1 < etas[1], "eta values", f"{etas[0]}, {etas[1]}"))
        super().__init__(
            params,
            {
                "lr": lr,
                "etas": etas,
                "step_sizes": step_sizes,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def start(self, group, array):
        return {"prev": np.zeros_like(array), "step_size": np.full_like(array, float(group["lr"]))}

    def settings(self, group):
        return tuple(group["etas"])

    def rates(self, group, state, step):
        return tuple(group["step_sizes"])


class ASGD(RunningOptimizer):
    """Averaged stochastic gradient descent.

    The average of the parameters is in the state, under ``"ax"``.

    Parameters
    ----------
    params : iterable
        Parameters, or dicts with the groups; see `Optimizer`.
    lr : float
        Learning rate.
    lambd : float
        Decay term.
    alpha : float
        Power by which the rate falls.
    t0 : float
        Step at which averaging starts.
    weight_decay : float
        Factor of the parameter that is added to its gradient.
    foreach : bool, optional
        Accepted: there is one implementation.
    maximize : bool
        Ascend instead of descend.
    differentiable, capturable : bool
        Not supported.

    Notes
    -----
    Polyak and Juditsky 1992, Acceleration of stochastic approximation by averaging.
    """

    rule = "asgd"
    running = ("ax",)
    late_options = {**RunningOptimizer.late_options, "capturable": False}

    def __init__(
        self,
        params,
        lr=1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ):
        check_lr(lr, *not_negative(weight_decay=weight_decay))
        super().__init__(
            params,
            {
                "lr": lr,
                "lambd": lambd,
                "alpha": alpha,
                "t0": t0,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def start(self, group, array):
        return {"eta": scalar(group["lr"]), "mu": scalar(1.0), "ax": np.zeros_like(array)}

    def settings(self, group):
        return ()

    def rates(self, group, state, step):
        eta, mu = state["eta"]._array, state["mu"]._array
        lr, lambd = float(group["lr"]), group["lambd"]
        rates = eta.item(), 1 - lambd * eta.item(), mu.item()
        eta[...] = lr / (1 + lambd * lr * step) ** group["alpha"]
        mu[...] = 1 / max(1, step - group["t0"])
        return rates
