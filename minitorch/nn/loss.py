"""Loss layers: how far a prediction is from its target, as one number."""

from __future__ import annotations

import warnings

from . import functional as F
from .module import Module

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "NLLLoss",
    "SmoothL1Loss",
]


def _reduction(size_average, reduce, reduction):
    """Return the reduction, given the two arguments that came before it in PyTorch's history."""
    if size_average is None and reduce is None:
        return reduction
    size_average = True if size_average is None else size_average
    reduce = True if reduce is None else reduce
    reduction = "none" if not reduce else "mean" if size_average else "sum"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{reduction}' "
        "instead.",
        UserWarning,
        stacklevel=4,
    )
    return reduction


class _Loss(Module):
    """What all losses have in common."""

    def __init__(self, size_average=None, reduce=None, reduction: str = "mean"):
        super().__init__()
        self.reduction = _reduction(size_average, reduce, reduction)

    def forward(self, input, target):
        return self._function(input, target, reduction=self.reduction)


class _WeightedLoss(_Loss):
    """A loss with a buffer of weights."""

    def __init__(self, weight=None, size_average=None, reduce=None, reduction: str = "mean"):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class L1Loss(_Loss):
    """Absolute error |input - target|.

    Parameters
    ----------
    size_average, reduce : bool, optional
        Old form of `reduction`.
    reduction : str
        ``'mean'``, ``'sum'`` or ``'none'``.
    """

    _function = staticmethod(F.l1_loss)


class MSELoss(_Loss):
    """Squared error (input - target)²; see `L1Loss` for the parameters."""

    _function = staticmethod(F.mse_loss)


class SmoothL1Loss(_Loss):
    """Squared error where it is small, absolute error elsewhere.

    Parameters
    ----------
    size_average, reduce : bool, optional
        Old form of `reduction`.
    reduction : str
        ``'mean'``, ``'sum'`` or ``'none'``.
    beta : float
        Below this absolute error the loss is ``error² / (2 beta)``, above ``|error| - beta / 2``.

    Notes
    -----
    Girshick 2015 (arXiv 1504.08083), equation 3.
    """

    def __init__(self, size_average=None, reduce=None, reduction: str = "mean", beta: float = 1.0):
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input, target):
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """Half the squared error where it is small, a multiple of the absolute error elsewhere.

    Parameters
    ----------
    reduction : str
        ``'mean'``, ``'sum'`` or ``'none'``.
    delta : float
        Below this absolute error the loss is ``error² / 2``, above ``delta (|error| - delta / 2)``.

    Notes
    -----
    Huber 1964, Robust estimation of a location parameter.
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0):
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input, target):
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class NLLLoss(_WeightedLoss):
    """Negative log-likelihood: minus the entry of the right class of log-probabilities.

    Parameters
    ----------
    weight : Tensor, optional
        Weight of each class, shape (classes,).
    size_average : bool, optional
        Old form of `reduction`.
    ignore_index : int
        Targets of this value do not count.
    reduce : bool, optional
        Old form of `reduction`.
    reduction : str
        ``'mean'`` (weighted), ``'sum'`` or ``'none'``.
    """

    def __init__(
        self,
        weight=None,
        size_average=None,
        ignore_index: int = -100,
        reduce=None,
        reduction: str = "mean",
    ):
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input, target):
        return F.nll_loss(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class CrossEntropyLoss(_WeightedLoss):
    """Negative log-likelihood of the softmax of scores ("logits").

    Parameters
    ----------
    weight : Tensor, optional
        Weight of each class, shape (classes,).
    size_average : bool, optional
        Old form of `reduction`.
    ignore_index : int
        Targets of this value do not count.
    reduce : bool, optional
        Old form of `reduction`.
    reduction : str
        ``'mean'`` (weighted), ``'sum'`` or ``'none'``.
    label_smoothing : float
        Share of the target that is spread over all classes, 0 to 1.

    Notes
    -----
    Szegedy et al. 2015 (arXiv 1512.00567), section 7, for the smoothing.
    """

    def __init__(
        self,
        weight=None,
        size_average=None,
        ignore_index: int = -100,
        reduce=None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ):
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input, target):
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class BCELoss(_WeightedLoss):
    """Cross entropy of probabilities of two classes.

    Parameters
    ----------
    weight : Tensor, optional
        Weight of each element.
    size_average, reduce : bool, optional
        Old form of `reduction`.
    reduction : str
        ``'mean'``, ``'sum'`` or ``'none'``.
    """

    def forward(self, input, target):
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_WeightedLoss):
    """Cross entropy of the sigmoid of scores, computed without overflow.

    Parameters
    ----------
    weight : Tensor, optional
        Weight of each element.
    size_average, reduce : bool, optional
        Old form of `reduction`.
    reduction : str
        ``'mean'``, ``'sum'`` or ``'none'``.
    pos_weight : Tensor, optional
        Weight of positive targets, per class.
    """

    def __init__(
        self, weight=None, size_average=None, reduce=None, reduction: str = "mean", pos_weight=None
    ):
        super().__init__(weight, size_average, reduce, reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input, target):
        return F.binary_cross_entropy_with_logits(
            input,
            target,
            self.weight,
            pos_weight=self.pos_weight,
            reduction=self.reduction,
        )


class KLDivLoss(_Loss):
    """Kullback-Leibler divergence of log-probabilities from a target distribution.

    Parameters
    ----------
    size_average, reduce : bool, optional
        Old form of `reduction`.
    reduction : str
        ``'batchmean'`` (the mathematical definition), ``'mean'`` (per element, with a warning),
        ``'sum'`` or ``'none'``.
    log_target : bool
        Whether the target is given as log-probabilities.
    """

    def __init__(
        self, size_average=None, reduce=None, reduction: str = "mean", log_target: bool = False
    ):
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input, target):
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)
