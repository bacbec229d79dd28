"""RMSprop, Adadelta and Adagrad: steps scaled by squares of past gradients."""

from __future__ import annotations

import numpy as np

from .running import RunningOptimizer, check_lr, not_negative

__all__ = ["Adadelta", "Adagrad", "RMSprop"]


class RMSprop(RunningOptimizer):
    """RMSprop: the gradient is divided by the root of a running average of its square.

    Parameters
    ----------
    params : iterable
        Parameters, or dicts with the groups; see `Optimizer`.
    lr : float
        Learning rate.
    alpha : float
        Decay of the running average.
    eps : float
        Added to the root.
    weight_decay : float
        Factor of the parameter that is added to its gradient.
    momentum : float
        Weight of the previous update direction.
    centered : bool
        Divide by the estimated standard deviation instead.
    capturable, differentiable : bool
        Not supported.
    foreach : bool, optional
        Accepted: there is one implementation.
    maximize : bool
        Ascend instead of descend.

    Notes
    -----
    Hinton 2012, Neural Networks for Machine Learning, lecture 6; centred: Graves 2013 (arXiv
    1308.0850), equations 38 to 45. `eps` is added after the root, as in PyTorch.
    """

    rule = "rmsprop"
    running = ("square_avg", "grad_avg", "momentum_buffer")
    late_options = {
        **RunningOptimizer.late_options,
        "momentum": 0,
        "centered": False,
        "capturable": False,
    }

    def __init__(
        self,
        params,
        lr=1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        check_lr(
            lr, *not_negative(eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        )
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "alpha": alpha,
                "eps": eps,
                "centered": centered,
                "weight_decay": weight_decay,
                "capturable": capturable,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
            },
        )

    def start(self, group, array):
        state = {"square_avg": np.zeros_like(array)}
        if group["momentum"] > 0:
            state["momentum_buffer"] = np.zeros_like(array)
        if group["centered"]:
            state["grad_avg"] = np.zeros_like(array)
        return state

    def settings(self, group):
        return group["alpha"], group["momentum"], group["eps"]


class Adadelta(RunningOptimizer):
    """Adadelta: the step has the scale of past steps over that of past gradients.

    Parameters
    ----------
    params : iterable
        Parameters, or dicts with the groups; see `Optimizer`.
    lr : float
        Factor of the step.
    rho : float
        Decay of the running averages.
    eps : float
        Added under the roots.
    weight_decay : float
        Factor of the parameter that is added to its gradient.
    foreach : bool, optional
        Accepted: there is one implementation.
    capturable, differentiable : bool
        Not supported.
    maximize : bool
        Ascend instead of descend.

    Notes
    -----
    Zeiler 2012 (arXiv 1212.5701), algorithm 1.
    """

    rule = "adadelta"
    running = ("square_avg", "acc_delta")
    late_options = {**RunningOptimizer.late_options, "capturable": False}

    def __init__(
        self,
        params,
        lr=1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        check_lr(lr, (0 <= rho <= 1, "rho value", rho), *not_negative(eps=eps))
        check_lr(lr, *not_negative(weight_decay=weight_decay))
        super().__init__(
            params,
            {
                "lr": lr,
                "rho": rho,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "capturable": capturable,
                "foreach": foreach,
                "differentiable": differentiable,
            },
        )

    def start(self, group, array):
        return {"square_avg": np.zeros_like(array), "acc_delta": np.zeros_like(array)}

    def settings(self, group):
        return group["rho"], 0.0, group["eps"]


class Adagrad(RunningOptimizer):
    """Adagrad: the gradient is divided by the root of the sum of its squares so far.

    Parameters
    ----------
    params : iterable
        Parameters, or dicts with the groups; see `Optimizer`.
    lr : float
        Learning rate.
    lr_decay : float
        The rate of step t is ``lr / (1 + (t - 1) lr_decay)``.
    weight_decay : float
        Factor of the parameter that is added to its gradient.
    initial_accumulator_value : float
        What the sums start with.
    eps : float
        Added to the root.
    foreach, fused : bool, optional
        Accepted: there is one implementation.
    maximize : bool
        Ascend instead of descend.
    differentiable : bool
        Not supported.

    Notes
    -----
    Duchi et al. 2011, Adaptive subgradient methods, with a diagonal matrix.
    """

    rule = "adagrad"
    running = ("sum",)
    late_options = {**RunningOptimizer.late_options, "fused": None}

    def __init__(
        self,
        params,
        lr=1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        check_lr(
            lr,
            *not_negative(
                lr_decay=lr_decay,
                weight_decay=weight_decay,
                initial_accumulator_value=initial_accumulator_value,
                eps=eps,
            ),
        )
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "eps": eps,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "fused": fused,
            },
        )
        for group in self.param_groups:  # there from the start, as in PyTorch
            for param in group["params"]:
                self._begin(group, param)

    def start(self, group, array):
        return {"sum": np.full_like(array, group["initial_accumulator_value"])}

    def settings(self, group):
        return 0.0, 0.0, group["eps"]

    def rates(self, group, state, step):
        return (float(group["lr"]) / (1 + (step - 1) * group["lr_decay"]),)
