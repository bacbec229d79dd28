"""Loss layers: how far a prediction is from its target, as one number."""

from __future__ import annotations

import warnings

from ..ops import doc
from . import functional as F
from .module import Module

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CTCLoss",
    "CosineEmbeddingLoss",
    "CosineSimilarity",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "NLLLoss",
    "NLLLoss2d",
    "PairwiseDistance",
    "PoissonNLLLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
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


_pairwise = doc.says(
    "Input and target have the same shape, any; the loss is 0-d, or that for ``reduction='none'``."
)
_vectors = doc.says("Inputs (..., D, ...) of one shape, output (...): without that dimension.")


@_pairwise
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


@_pairwise
class MSELoss(_Loss):
    """Squared error (input - target)²; see `L1Loss` for the parameters."""

    _function = staticmethod(F.mse_loss)


@_pairwise
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


@_pairwise
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


@_pairwise
@doc.reduced
class BCELoss(_WeightedLoss):
    """Cross entropy of probabilities of two classes.

    Parameters
    ----------
    weight : Tensor, optional
        Weight of each element.
    """

    def forward(self, input, target):
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


@_pairwise
@doc.reduced
class BCEWithLogitsLoss(_WeightedLoss):
    """Cross entropy of the sigmoid of scores, computed without overflow.

    Parameters
    ----------
    weight : Tensor, optional
        Weight of each element.
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


@_pairwise
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


class NLLLoss2d(NLLLoss):
    """Old name of `NLLLoss`."""


@_pairwise
class PoissonNLLLoss(_Loss):
    """Negative log-likelihood of counts under Poisson distributions.

    Parameters
    ----------
    log_input : bool
        Whether the input is the logarithm of the expected count.
    full : bool
        Add Stirling's approximation of ``log(target!)``.
    size_average : bool, optional
        Old form of `reduction`.
    eps : float
        Added to the argument of the logarithm, if not `log_input`.
    reduce : bool, optional
        Old form of `reduction`.
    reduction : str
        ``'mean'``, ``'sum'`` or ``'none'``.
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average=None,
        eps: float = 1e-8,
        reduce=None,
        reduction: str = "mean",
    ):
        super().__init__(size_average, reduce, reduction)
        self.log_input, self.full, self.eps = log_input, full, eps

    def forward(self, log_input, target):
        return F.poisson_nll_loss(
            log_input,
            target,
            log_input=self.log_input,
            full=self.full,
            eps=self.eps,
            reduction=self.reduction,
        )


@_pairwise
class GaussianNLLLoss(_Loss):
    """Negative log-likelihood of values under normal distributions.

    Parameters
    ----------
    full : bool
        Add the constant term.
    eps : float
        The least variance.
    reduction : str
        ``'mean'``, ``'sum'`` or ``'none'``.
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean"):
        super().__init__(None, None, reduction)
        self.full, self.eps = full, eps

    def forward(self, input, target, var):
        return F.gaussian_nll_loss(
            input, target, var, full=self.full, eps=self.eps, reduction=self.reduction
        )


class MultiLabelMarginLoss(_Loss):
    """By how much wrong classes come too close to right ones; see `L1Loss` for the parameters.

    Input (N, C) or (C,), targets class numbers in that shape up to the first -1; loss 0-d or (N,).
    """

    _function = staticmethod(F.multilabel_margin_loss)


@_pairwise
class SoftMarginLoss(_Loss):
    """``log(1 + exp(-y x))`` for targets of 1 and -1; see `L1Loss` for the parameters."""

    _function = staticmethod(F.soft_margin_loss)


@doc.reduced
class MultiLabelSoftMarginLoss(_WeightedLoss):
    """Binary cross-entropy of the sigmoid of scores, averaged over the classes.

    Input and target (N, C) or (C,), loss 0-d or, for ``reduction='none'``, (N,).

    Parameters
    ----------
    weight : Tensor, optional
        Weight of each class.
    """

    def forward(self, input, target):
        return F.multilabel_soft_margin_loss(
            input, target, weight=self.weight, reduction=self.reduction
        )


@doc.reduced
class MultiMarginLoss(_WeightedLoss):
    """By how much other classes come too close to the right one.

    Input (N, C) or (C,), target (N,) or 0-d, loss 0-d or, for ``reduction='none'``, as the target.

    Parameters
    ----------
    p : int
        1 or 2: the power.
    margin : float
    weight : Tensor, optional
        Weight of each class.
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight=None,
        size_average=None,
        reduce=None,
        reduction: str = "mean",
    ):
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ValueError("only p == 1 and p == 2 supported")
        if weight is not None and weight.dim() != 1:
            raise ValueError(f"weight must be None or 1-dimensional, got {tuple(weight.shape)}")
        self.p, self.margin = p, margin

    def forward(self, input, target):
        return F.multi_margin_loss(
            input,
            target,
            p=self.p,
            margin=self.margin,
            weight=self.weight,
            reduction=self.reduction,
        )


class _MarginLoss(_Loss):
    """A loss with a margin."""

    def __init__(
        self, margin: float = 0.0, size_average=None, reduce=None, reduction: str = "mean"
    ):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin


@_pairwise
@doc.reduced
class HingeEmbeddingLoss(_MarginLoss):
    """``x`` where the target is 1, ``max(0, margin - x)`` where it is -1.

    Parameters
    ----------
    margin : float
    """

    def __init__(
        self, margin: float = 1.0, size_average=None, reduce=None, reduction: str = "mean"
    ):
        super().__init__(margin, size_average, reduce, reduction)

    def forward(self, input, target):
        return F.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


@doc.reduced
class MarginRankingLoss(_MarginLoss):
    """``max(0, -y (x1 - x2) + margin)``: how much an order misses the wanted one.

    Both inputs and the target have one shape; see `L1Loss`.

    Parameters
    ----------
    margin : float
    """

    def forward(self, input1, input2, target):
        return F.margin_ranking_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


@doc.reduced
class CosineEmbeddingLoss(_MarginLoss):
    """``1 - cos`` where the target is 1, ``max(0, cos - margin)`` where it is -1.

    Inputs (N, D) or (D,), target (N,) or 0-d, loss 0-d or, for ``reduction='none'``, as the target.

    Parameters
    ----------
    margin : float
        From -1 to 1.
    """

    def forward(self, input1, input2, target):
        return F.cosine_embedding_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


@doc.reduced
class TripletMarginLoss(_Loss):
    """``max(0, d(anchor, positive) - d(anchor, negative) + margin)``, all three (N, D) or (D,).

    Parameters
    ----------
    margin : float
    p : float
        Order of the norm that measures distances.
    eps : float
        Added to the differences.
    swap : bool
        Count the distance of positive and negative instead where it is smaller.

    Notes
    -----
    Balntas et al. 2016, Learning shallow convolutional feature descriptors with triplet losses.
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average=None,
        reduce=None,
        reduction: str = "mean",
    ):
        super().__init__(size_average, reduce, reduction)
        if margin <= 0:
            raise ValueError(
                f"TripletMarginLoss: expected margin to be greater than 0, got {margin} instead"
            )
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap

    def forward(self, anchor, positive, negative):
        return F.triplet_margin_loss(
            anchor,
            positive,
            negative,
            margin=self.margin,
            p=self.p,
            eps=self.eps,
            swap=self.swap,
            reduction=self.reduction,
        )


class TripletMarginWithDistanceLoss(_Loss):
    """`TripletMarginLoss` with a distance of your own.

    Inputs (N, ...); the loss is 0-d, or what the distance returns for ``reduction='none'``.

    Parameters
    ----------
    distance_function : callable, optional
        Of two tensors. Default: `PairwiseDistance`.
    margin : float
    swap : bool
    reduction : str
        ``'mean'``, ``'sum'`` or ``'none'``.
    """

    def __init__(
        self,
        *,
        distance_function=None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ):
        super().__init__(None, None, reduction)
        if margin <= 0:
            raise ValueError(
                "TripletMarginWithDistanceLoss: expected margin to be greater than 0, got "
                f"{margin} instead"
            )
        self.distance_function = (
            PairwiseDistance() if distance_function is None else distance_function
        )
        self.margin, self.swap = margin, swap

    def forward(self, anchor, positive, negative):
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


class CTCLoss(_Loss):
    """Negative log-likelihood of label sequences, summed over all alignments with the input.

    Input (T, N, C) or (T, C), targets (N, S) or one after the other, loss 0-d or (N,).

    Parameters
    ----------
    blank : int
        The class that stands for no label.
    reduction : str
        ``'mean'``, ``'sum'`` or ``'none'``.
    zero_infinity : bool
        0 in place of infinite losses.

    Notes
    -----
    Graves et al. 2006, Connectionist temporal classification.
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False):
        super().__init__(reduction=reduction)
        self.blank, self.zero_infinity = blank, zero_infinity

    def forward(self, log_probs, targets, input_lengths, target_lengths):
        return F.ctc_loss(
            log_probs,
            targets,
            input_lengths,
            target_lengths,
            self.blank,
            self.reduction,
            self.zero_infinity,
        )


@_vectors
class CosineSimilarity(Module):
    """Cosine of the angle between vectors along a dimension.

    Parameters
    ----------
    dim : int
    eps : float
        Least length that is divided by.
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8):
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1, x2):
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


@_vectors
class PairwiseDistance(Module):
    """Distance of vectors in the last dimension.

    Parameters
    ----------
    p : float
        Order of the norm.
    eps : float
        Added to the differences.
    keepdim : bool
        Keep the last dimension, with size 1.
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False):
        super().__init__()
        self.norm, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1, x2):
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
