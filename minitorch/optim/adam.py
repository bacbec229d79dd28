"""Adam, and AdamW: steps scaled by running moments of the gradient."""

from __future__ import annotations

import numpy as np

from .. import kernels
from ..tensor import Tensor
from .optimizer import FusedOptimizer, check_options

__all__ = ["Adam", "AdamW"]


class Adam(FusedOptimizer):
    """Adam: every element has its own step size, from running moments of its gradient.

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
    amsgrad : bool
        Use the largest mean of squares seen so far.
    foreach, fused : bool, optional
        Accepted: there is one implementation, and all parameters are updated in one call.
    maximize : bool
        Ascend instead of descend.
    capturable, differentiable : bool
        Not supported.
    decoupled_weight_decay : bool
        Shrink the parameter itself instead of changing the gradient; see `AdamW`.

    Notes
    -----
    Kingma and Ba 2014 (arXiv 1412.6980), algorithm 1; Reddi et al. 2018 (arXiv 1904.09237) for
    `amsgrad`.
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ):
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        check_options(
            (float(lr) >= 0, "learning rate", lr),
            (eps >= 0, "epsilon value", eps),
            (0 <= betas[0] < 1, "beta parameter at index 0", betas[0]),
            (0 <= betas[1] < 1, "beta parameter at index 1", betas[1]),
            (weight_decay >= 0, "weight_decay value", weight_decay),
        )
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": tuple(b.item() if isinstance(b, Tensor) else b for b in betas),
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
                "fused": fused,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("amsgrad", False)
            group.setdefault("maximize", False)
            group.setdefault("foreach", None)
            group.setdefault("capturable", False)
            group.setdefault("differentiable", False)
            group.setdefault("fused", None)
            group.setdefault("decoupled_weight_decay", isinstance(self, AdamW))
            for param in group["params"]:
                values = self.state.get(param)
                if values and not isinstance(values["step"], Tensor):  # files of old versions
                    values["step"] = Tensor._wrap(np.array(values["step"], np.float32))

    def _update(self, group, params, arrays, grads):
        states = [self.state[param] for param in params]
        amsgrad = group["amsgrad"]
        for array, state in zip(arrays, states, strict=True):
            if not state:
                state["step"] = Tensor._wrap(np.zeros((), np.float32))
                state["exp_avg"] = Tensor._wrap(np.zeros_like(array))
                state["exp_avg_sq"] = Tensor._wrap(np.zeros_like(array))
                if amsgrad:
                    state["max_exp_avg_sq"] = Tensor._wrap(np.zeros_like(array))
            state["step"]._array += 1
        kernels.adam_step(
            arrays,
            grads,
            [state["exp_avg"]._array for state in states],
            [state["exp_avg_sq"]._array for state in states],
            [state["max_exp_avg_sq"]._array for state in states] if amsgrad else None,
            [state["step"]._array.item() for state in states],
            lr=float(group["lr"]),
            beta1=float(group["betas"][0]),
            beta2=float(group["betas"][1]),
            eps=float(group["eps"]),
            weight_decay=float(group["weight_decay"]),
            decoupled=group["decoupled_weight_decay"],
            maximize=group["maximize"],
        )


class AdamW(Adam):
    """Adam with decoupled weight decay: the parameter is multiplied by ``1 - lr * weight_decay``.

    Parameters
    ----------
    params : iterable
        Parameters, or dicts with the groups; see `Optimizer`.
    lr, betas, eps, amsgrad, maximize, foreach, capturable, differentiable, fused
        As for `Adam`.
    weight_decay : float
        The decay.

    Notes
    -----
    Loshchilov and Hutter 2017 (arXiv 1711.05101), algorithm 2.
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )
