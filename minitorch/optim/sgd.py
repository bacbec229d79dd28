"""Stochastic gradient descent."""

from __future__ import annotations

import numpy as np

from .. import kernels
from ..tensor import Tensor
from .optimizer import FusedOptimizer, check_options

__all__ = ["SGD"]


class SGD(FusedOptimizer):
    """Stochastic gradient descent, with momentum if wanted.

    Parameters
    ----------
    params : iterable
        Parameters, or dicts with the groups; see `Optimizer`.
    lr : float
        Learning rate.
    momentum : float
        Weight of the previous update direction.
    dampening : float
        The gradient enters the direction with weight ``1 - dampening``.
    weight_decay : float
        Factor of the parameter that is added to its gradient.
    nesterov : bool
        Use Nesterov's momentum.
    maximize : bool
        Ascend instead of descend.
    foreach, fused : bool, optional
        Accepted: there is one implementation, and all parameters are updated in one call.
    differentiable : bool
        Not supported.

    Notes
    -----
    Sutskever et al. 2013, On the importance of initialization and momentum in deep learning, with
    the learning rate outside of the momentum as in PyTorch.
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        check_options(
            (float(lr) >= 0, "learning rate", lr),
            (momentum >= 0, "momentum value", momentum),
            (weight_decay >= 0, "weight_decay value", weight_decay),
        )
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
                "foreach": foreach,
                "differentiable": differentiable,
                "fused": fused,
            },
        )

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("nesterov", False)
            group.setdefault("maximize", False)
            group.setdefault("foreach", None)
            group.setdefault("differentiable", False)
            group.setdefault("fused", None)

    def _update(self, group, params, arrays, grads):
        buffers, fresh = None, None
        if group["momentum"] != 0:
            states = [self.state[param] for param in params]
            fresh = [state.get("momentum_buffer") is None for state in states]
            for state, array, new in zip(states, arrays, fresh, strict=True):
                if new:
                    state["momentum_buffer"] = Tensor._wrap(np.zeros_like(array))
            buffers = [state["momentum_buffer"]._array for state in states]
        kernels.sgd_step(
            arrays,
            grads,
            buffers,
            fresh,
            lr=float(group["lr"]),
            momentum=float(group["momentum"]),
            dampening=float(group["dampening"]),
            weight_decay=float(group["weight_decay"]),
            nesterov=group["nesterov"],
            maximize=group["maximize"],
        )
