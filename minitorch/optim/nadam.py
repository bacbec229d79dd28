"""Adamax, NAdam and RAdam: relatives of Adam."""

from __future__ import annotations

import math

import numpy as np

from .running import (
    RunningOptimizer,
    check_lr,
    moments,
    scalar,
)

__all__ = ["Adamax", "NAdam", "RAdam"]


class Adamax(RunningOptimizer):
    """Adamax: Adam with a running maximum in place of the root of the mean of squares.

    Parameters
    ----------
    params : iterable
        Parameters, or dicts with the groups; see `Optimizer`.
    lr : float
        Learning rate.
    betas : pair of float
        Decay of the running mean and of the running maximum.
    eps : float
        Added to the magnitude of the gradient.
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
    Kingma and Ba 2014 (arXiv 1412.6980), algorithm 2.
    """

    rule = "adamax"
    running = ("exp_avg", "exp_inf")
    late_options = {**RunningOptimizer.late_options, "capturable": False}

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ):
        check_lr(lr, *moments(betas, eps=eps, weight_decay=weight_decay))
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def start(self, group, array):
        return {"exp_avg": np.zeros_like(array), "exp_inf": np.zeros_like(array)}

    def settings(self, group):
        return *group["betas"], group["eps"]

    def rates(self, group, state, step):
        return (float(group["lr"]) / (1 - group["betas"][0] ** step),)


class NAdam(RunningOptimizer):
    """NAdam: Adam with Nesterov's momentum.

    Parameters
    ----------
    params : iterable
        Parameters, or dicts with the groups; see `Optimizer`.
    lr : float
        Learning rate.
    betas : pair of float
        Decay of the running mean and of the running mean of squares.
    eps : float
        Added to the root of the mean of squares.
    weight_decay : float
        Factor of the parameter that is added to its gradient.
    momentum_decay : float
        How fast the momentum approaches its final value.
    decoupled_weight_decay : bool
        Shrink the parameter itself instead of changing the gradient.
    foreach : bool, optional
        Accepted: there is one implementation.
    maximize : bool
        Ascend instead of descend.
    capturable, differentiable : bool
        Not supported.

    Notes
    -----
    Dozat 2016, Incorporating Nesterov momentum into Adam, algorithm 2.
    """

    rule = "nadam"
    running = ("exp_avg", "exp_avg_sq")
    late_options = {
        **RunningOptimizer.late_options,
        "capturable": False,
        "decoupled_weight_decay": False,
    }

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ):
        check_lr(
            lr, *moments(betas, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay)
        )
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum_decay": momentum_decay,
                "decoupled_weight_decay": decoupled_weight_decay,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
            },
        )

    def start(self, group, array):
        return {
            "mu_product": scalar(1.0),
            "exp_avg": np.zeros_like(array),
            "exp_avg_sq": np.zeros_like(array),
        }

    def settings(self, group):
        return *group["betas"], group["eps"]

    def rates(self, group, state, step):
        (beta1, beta2), lr = group["betas"], float(group["lr"])
        decay = group["momentum_decay"]
        mu, following = (beta1 * (1 - 0.5 * 0.96 ** (t * decay)) for t in (step, step + 1))
        state["mu_product"]._array *= mu
        product = state["mu_product"]._array.item()
        of_gradient = lr * (1 - mu) / (1 - product)
        return of_gradient, lr * following / (1 - product * following), 1 - beta2**step


class RAdam(RunningOptimizer):
    """RAdam: Adam whose adaptive step waits until the variance of its estimate is known.

    Parameters
    ----------
    params : iterable
        Parameters, or dicts with the groups; see `Optimizer`.
    lr : float
        Learning rate.
    betas : pair of float
        Decay of the running mean and of the running mean of squares.
    eps : float
        Added to the root of the mean of squares.
    weight_decay : float
        Factor of the parameter that is added to its gradient.
    decoupled_weight_decay : bool
        Shrink the parameter itself instead of changing the gradient.
    foreach : bool, optional
        Accepted: there is one implementation.
    maximize : bool
        Ascend instead of descend.
    capturable, differentiable : bool
        Not supported.

    Notes
    -----
    Liu et al. 2019 (arXiv 1908.03265), algorithm 2.
    """

    rule = "radam"
    running = ("exp_avg", "exp_avg_sq")
    late_options = {
        **RunningOptimizer.late_options,
        "capturable": False,
        "decoupled_weight_decay": False,
    }

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ):
        check_lr(lr, *moments(betas, eps=eps, weight_decay=weight_decay))
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "decoupled_weight_decay": decoupled_weight_decay,
                "differentiable": differentiable,
            },
        )

    def start(self, group, array):
        return {"exp_avg": np.zeros_like(array), "exp_avg_sq": np.zeros_like(array)}

    def settings(self, group):
        return *group["betas"], group["eps"]

    def rates(self, group, state, step):
        beta1, beta2 = group["betas"]
        left = 1 - beta2**step
        longest = 2 / (1 - beta2) - 1  # length of the simple average that the running one equals
        length = longest - 2 * step * beta2**step / left
        scale = 0.0  # too short to rectify
        if length > 5:
            ratio = (length - 4) * (length - 2) * longest
            rectified = math.sqrt(ratio / ((longest - 4) * (longest - 2) * length))
            scale = math.sqrt(left) * rectified
        return float(group["lr"]) / (1 - beta1**step), scale
