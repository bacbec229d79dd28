"""Losses of margins, of distances, of counts, and of sequences."""

from __future__ import annotations

import math

import numpy as np

from ..autograd import op as _op
from ..autograd.grad_mode import no_grad
from ..errors import ShapeError
from . import doc
from .activation import logsigmoid, softmax
from .common import is_tensor
from .elementwise import (
    add,
    clamp,
    clamp_min,
    div,
    eq,
    exp,
    log,
    minimum,
    mul,
    ne,
    neg,
    sqrt,
    square,
    sub,
    where,
)
from .index import gather
from .loss import _reduce, _reduction, _tensors
from .reduce import logsumexp, mean, sum
from .shape import cat, reshape, select, stack, unsqueeze
from .statistics import pairwise_distance

__all__ = [
    "cosine_embedding_loss",
    "ctc_loss",
    "gaussian_nll_loss",
    "gumbel_softmax",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "poisson_nll_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


def _like(array):
    return _op.Tensor._wrap(np.asarray(array))


# ---- of pairs and triplets


@doc.reduced
def margin_ranking_loss(
    input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"
):
    """Return how much the order of two inputs misses the wanted one: ``max(0, -y (x1 - x2) + m)``.

    Parameters
    ----------
    input1, input2 : Tensor
        Of one shape.
    target : Tensor
        1 where `input1` should be greater, -1 where `input2` should.
    margin : float

    Returns
    -------
    Tensor
    """
    name = "margin_ranking_loss"
    reduction = _reduction(name, reduction, size_average, reduce)
    _tensors(name, input1=input1, input2=input2, target=target)
    if not input1.ndim == input2.ndim == target.ndim:
        raise ShapeError(
            f"{name}: all input tensors should have same dimension but got sizes: input1: "
            f"{tuple(input1.shape)}, input2: {tuple(input2.shape)}, target: {tuple(target.shape)}"
        )
    loss = clamp_min(add(mul(neg(target), sub(input1, input2)), margin), 0)
    return _reduce(loss, reduction)


@doc.reduced
def hinge_embedding_loss(
    input, target, margin=1.0, size_average=None, reduce=None, reduction="mean"
):
    """Return ``x`` where the target is 1, ``max(0, margin - x)`` where it is -1.

    Parameters
    ----------
    input : Tensor
        Distances.
    target : Tensor
        1 for pairs that belong together, -1 for the others; of the shape of `input`.
    margin : float

    Returns
    -------
    Tensor
    """
    name = "hinge_embedding_loss"
    reduction = _reduction(name, reduction, size_average, reduce)
    _tensors(name, input=input, target=target)
    apart = where(ne(target, 1), clamp_min(sub(margin, input), 0), 0.0)
    return _reduce(add(apart, where(ne(target, -1), input, 0.0)), reduction)


@doc.reduced
def cosine_embedding_loss(
    input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"
):
    """Return ``1 - cos(x1, x2)`` where the target is 1, ``max(0, cos - margin)`` where it is -1.

    Parameters
    ----------
    input1, input2 : Tensor
        (N, D), or (D,) with a target without dimensions.
    target : Tensor
        (N,), of 1 and -1.
    margin : float

    Returns
    -------
    Tensor
    """
    name = "cosine_embedding_loss"
    reduction = _reduction(name, reduction, size_average, reduce)
    _tensors(name, input1=input1, input2=input2, target=target)
    dim = target.ndim
    if dim > 1 or not dim + 1 == input1.ndim == input2.ndim:
        raise ShapeError(
            f"{name}: a {dim}-d target expects {dim + 1}-d inputs (target 0-d or 1-d), got sizes "
            f"input1 {tuple(input1.shape)}, input2 {tuple(input2.shape)}"
        )
    tiny = 1e-12
    lengths = mul(add(sum(square(input1), dim), tiny), add(sum(square(input2), dim), tiny))
    cosine = div(sum(mul(input1, input2), dim), sqrt(lengths))
    together = where(eq(target, 1), sub(1.0, cosine), 0.0)
    apart = where(eq(target, -1), clamp_min(sub(cosine, margin), 0), 0.0)
    return _reduce(add(together, apart), reduction)


@doc.reduced
def triplet_margin_loss(
    anchor,
    positive,
    negative,
    margin=1.0,
    p=2,
    eps=1e-6,
    swap=False,
    size_average=None,
    reduce=None,
    reduction="mean",
):
    """Return ``max(0, d(anchor, positive) - d(anchor, negative) + margin)``.

    Parameters
    ----------
    anchor, positive, negative : Tensor
        (N, D) or (D,)
    margin : float
    p : float
        Order of the norm that measures distances.
    eps : float
        Added to the differences.
    swap : bool
        Count the distance of positive and negative instead where it is smaller (Balntas et al.
        2016, Learning shallow convolutional feature descriptors with triplet losses).

    Returns
    -------
    Tensor
    """
    name = "triplet_margin_loss"
    reduction = _reduction(name, reduction, size_average, reduce)

    def distance(x, y):
        return pairwise_distance(x, y, p, eps)

    return _triplet(name, anchor, positive, negative, distance, margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor,
    positive,
    negative,
    *,
    distance_function=None,
    margin=1.0,
    swap=False,
    reduction="mean",
):
    """Return `triplet_margin_loss` with a distance of your own.

    Parameters
    ----------
    anchor, positive, negative : Tensor
    distance_function : callable, optional
        Of two such tensors. Default: `pairwise_distance`.
    margin : float
    swap : bool
    reduction : str
        ``"none"``, ``"mean"`` or ``"sum"``.

    Returns
    -------
    Tensor
    """
    name = "triplet_margin_with_distance_loss"
    reduction = _reduction(name, reduction, None, None)
    distance = distance_function or pairwise_distance
    return _triplet(name, anchor, positive, negative, distance, margin, swap, reduction)


def _triplet(name, anchor, positive, negative, distance, margin, swap, reduction):
    _tensors(name, anchor=anchor, positive=positive, negative=negative)
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise ShapeError(
            f"{name}: the anchor, positive, and negative tensors are expected to have the same "
            f"number of dimensions, but got: anchor {anchor.ndim}D, positive {positive.ndim}D, and "
            f"negative {negative.ndim}D inputs"
        )
    if margin <= 0:
        raise ValueError(f"{name}: margin must be greater than 0, got {margin}")
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return _reduce(clamp_min(add(sub(near, far), margin), 0), reduction)


# ---- of classes


@doc.reduced
def soft_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """Return ``log(1 + exp(-y x))``, without overflow.

    Parameters
    ----------
    input : Tensor
    target : Tensor
        1 and -1, of the shape of `input`.

    Returns
    -------
    Tensor
    """
    reduction = _reduction("soft_margin_loss", reduction, size_average, reduce)
    _tensors("soft_margin_loss", input=input, target=target)
    if input.shape != target.shape:
        raise ShapeError(
            f"soft_margin_loss: input {tuple(input.shape)} and target {tuple(target.shape)} must "
            "have one shape"
        )
    return _reduce(neg(logsigmoid(mul(target, input))), reduction)


def _rows(name, input, target, target_ndim):
    """Check (N, C) or (C,) against a target, and return both with a dimension of rows."""
    _tensors(name, input=input, target=target)
    if input.ndim not in (1, 2) or input.shape[-1] == 0:
        raise ShapeError(
            f"{name}: expected a non-empty vector or 2-D tensor for input, got {tuple(input.shape)}"
        )
    expected = tuple(input.shape)[: input.ndim - 1 + (target_ndim == 2)]
    if tuple(target.shape) != expected and not (input.ndim == 1 and target.numel() == 1):
        raise ShapeError(
            f"{name}: target must have shape {expected} for input {tuple(input.shape)}, got "
            f"{tuple(target.shape)}"
        )
    if target.dtype.category != 1:
        raise RuntimeError(f"{name}: target must hold class numbers (int64), got {target.dtype}")
    classes = input.shape[-1]
    if input.ndim == 1:
        input = unsqueeze(input, 0)
    return input, target._array.reshape(-1, *[classes] * (target_ndim - 1)).astype(np.int64)


@doc.reduced
def multi_margin_loss(
    input,
    target,
    p=1,
    margin=1.0,
    weight=None,
    size_average=None,
    reduce=None,
    reduction="mean",
):
    """Return by how much other classes come too close to the right one.

    Parameters
    ----------
    input : Tensor
        (N, C) or (C,)
    target : Tensor
        (N,) or (): class numbers, int64.
    p : int
        1 or 2.
    margin : float
    weight : Tensor, optional
        (C,): weight of each class.

    Returns
    -------
    Tensor
        ``sum over i != y of max(0, margin - x[y] + x[i]) ** p / C``
    """
    name = "multi_margin_loss"
    reduction = _reduction(name, reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError(f"{name}: only p == 1 and p == 2 supported, got {p}")
    if weight is not None and weight.ndim != 1:
        raise ValueError(f"{name}: weight must be one-dimensional, got {tuple(weight.shape)}")
    rows, numbers = _rows(name, input, target, 1)
    classes = rows.shape[1]
    if numbers.size and not (numbers.min() >= 0 and numbers.max() < classes):
        raise RuntimeError(f"{name}: target out of range: classes are 0 to {classes - 1}")
    right = gather(rows, 1, _like(numbers[:, None]))
    distance = clamp_min(add(sub(rows, right), margin), 0)
    if p == 2:
        distance = square(distance)
    if weight is not None:
        distance = mul(distance, _class_weights(weight, numbers))
    others = np.arange(classes) != numbers[:, None]
    loss = div(sum(where(_like(others), distance, 0.0), 1), float(classes))
    return _reduce(loss if input.ndim == 2 else reshape(loss, ()), reduction)


def _class_weights(weight, numbers):
    """Return the weight of the class of every row, (N, 1)."""
    return _like(weight._array[numbers][:, None])


@doc.reduced
def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """Return by how much wrong classes come too close to the right ones, of which several are.

    Parameters
    ----------
    input : Tensor
        (N, C) or (C,)
    target : Tensor
        Of the shape of `input`, int64: class numbers, up to the first -1.

    Returns
    -------
    Tensor
        ``sum over right j and wrong i of max(0, 1 - x[j] + x[i]) / C``
    """
    name = "multilabel_margin_loss"
    reduction = _reduction(name, reduction, size_average, reduce)
    rows, numbers = _rows(name, input, target, 2)
    classes = rows.shape[1]
    if numbers.size and not (numbers.min() >= -1 and numbers.max() < classes):
        raise RuntimeError(f"{name}: target is out of range: -1 and 0 to {classes - 1}")
    given = np.logical_and.accumulate(numbers >= 0, 1)
    wrong = np.ones(numbers.shape, np.bool_)
    at, place = np.nonzero(given)
    wrong[at, numbers[at, place]] = False
    right = gather(rows, 1, _like(np.where(given, numbers, 0)))
    distance = clamp_min(sub(add(unsqueeze(rows, 1), 1.0), unsqueeze(right, 2)), 0)
    counted = _like(given[:, :, None] & wrong[:, None, :])
    loss = div(sum(where(counted, distance, 0.0), (1, 2)), float(classes))
    return _reduce(loss if input.ndim == 2 else reshape(loss, ()), reduction)


@doc.reduced
def multilabel_soft_margin_loss(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean"
):
    """Return the binary cross-entropy of the sigmoid of scores, averaged over the classes.

    Parameters
    ----------
    input : Tensor
        (..., C): scores.
    target : Tensor
        From 0 to 1, of the shape of `input`.
    weight : Tensor, optional
        (C,)

    Returns
    -------
    Tensor
    """
    name = "multilabel_soft_margin_loss"
    reduction = _reduction(name, reduction, size_average, reduce)
    _tensors(name, input=input, target=target)
    positive, negative = logsigmoid(input), logsigmoid(neg(input))
    loss = neg(add(mul(target, positive), mul(sub(1, target), negative)))
    if weight is not None:
        loss = mul(loss, weight)
    return _reduce(mean(loss, -1), reduction)


# ---- of distributions


def poisson_nll_loss(
    input,
    target,
    log_input=True,
    full=False,
    size_average=None,
    eps=1e-8,
    reduce=None,
    reduction="mean",
):
    """Return the negative log-likelihood of counts under Poisson distributions.

    Parameters
    ----------
    input : Tensor
        The logarithm of the expected count; or the count, if not `log_input`.
    target : Tensor
        Counts.
    log_input : bool
    full : bool
        Add Stirling's approximation of ``log(target!)``.
    size_average, reduce : bool, optional
        Old form of `reduction`.
    eps : float
        Added to the argument of the logarithm, if not `log_input`.
    reduction : str
        ``"none"``, ``"mean"`` or ``"sum"``.

    Returns
    -------
    Tensor
    """
    name = "poisson_nll_loss"
    reduction = _reduction(name, reduction, size_average, reduce)
    _tensors(name, input=input, target=target)
    if log_input:
        loss = sub(exp(input), mul(target, input))
    else:
        loss = sub(input, mul(target, log(add(input, eps))))
    if full:
        many = target > 1
        count = where(many, target, 1.0)
        stirling = add(sub(mul(count, log(count)), count), mul(log(mul(count, 2 * math.pi)), 0.5))
        loss = add(loss, where(many, stirling, 0.0))
    return _reduce(loss, reduction)


def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """Return the negative log-likelihood of values under normal distributions.

    Parameters
    ----------
    input : Tensor
        Expected values.
    target : Tensor
    var : Tensor or float
        Variances: of the shape of `input`, or without its last dimension, or with size 1 there.
    full : bool
        Add the constant ``log(2 pi) / 2``.
    eps : float
        The least variance.
    reduction : str
        ``"none"``, ``"mean"`` or ``"sum"``.

    Returns
    -------
    Tensor
        ``(log(var) + (x - y)² / var) / 2``

    Raises
    ------
    ValueError
        If a variance is negative, or their shape does not fit.
    """
    name = "gaussian_nll_loss"
    reduction = _reduction(name, reduction, None, None)
    if not is_tensor(var):
        if var < 0:
            raise ValueError(f"{name}: var has negative entry/entries")
        var = input.new_full(input.shape, var)
    if var.shape != input.shape:
        if input.shape[:-1] == var.shape:
            var = unsqueeze(var, -1)
        elif not (input.shape[:-1] == var.shape[:-1] and var.shape[-1] == 1):
            one = _differs_in_one(input.shape, var.shape)
            if not one:
                raise ShapeError(
                    f"{name}: var is of incorrect size {tuple(var.shape)}: input "
                    f"{tuple(input.shape)}"
                )
    if (var._array < 0).any():
        raise ValueError(f"{name}: var has negative entry/entries")
    with no_grad():
        raised = sub(clamp(var, min=eps), var)
    var = add(var, raised)  # the gradient is that of var, clamped or not
    loss = mul(add(log(var), div(square(sub(input, target)), var)), 0.5)
    if full:
        loss = add(loss, 0.5 * math.log(2 * math.pi))
    return _reduce(loss, reduction)


def _differs_in_one(shape, other) -> bool:
    """Whether two shapes differ in one dimension only, in which the second has size 1."""
    if len(shape) != len(other):
        return False
    return [n for m, n in zip(shape, other, strict=True) if m != n] == [1]


# ---- of sequences

_NEVER = -1e30  # the logarithm of no probability; infinity has no differences


def ctc_loss(
    log_probs,
    targets,
    input_lengths,
    target_lengths,
    blank=0,
    reduction="mean",
    zero_infinity=False,
):
    """Return the negative log-likelihood of label sequences, summed over all alignments.

    Parameters
    ----------
    log_probs : Tensor
        (T, N, C) or (T, C): log-probabilities, as `log_softmax` returns them.
    targets : Tensor
        (N, S), or all sequences one after the other: labels, none of them `blank`.
    input_lengths, target_lengths : Tensor or sequence of int
        (N,)
    blank : int
        The class that stands for no label.
    reduction : str
        ``"none"``, ``"mean"`` (of the losses over the lengths of their targets) or ``"sum"``.
    zero_infinity : bool
        0 in place of infinite losses (of targets too long for their input).

    Returns
    -------
    Tensor

    Notes
    -----
    Graves et al. 2006, Connectionist temporal classification, equations 6 to 8. The gradient, as
    in PyTorch, is that with respect to what `log_softmax` was given.
    """
    name = "ctc_loss"
    reduction = _reduction(name, reduction, None, None)
    _tensors(name, log_probs=log_probs, targets=targets)
    single = log_probs.ndim == 2
    if single:
        log_probs = unsqueeze(log_probs, 1)
    steps, batch, classes = log_probs.shape
    lengths = [
        np.atleast_1d(x._array if is_tensor(x) else np.asarray(x, np.int64)).astype(np.int64)
        for x in (input_lengths, target_lengths)
    ]
    labels = _padded_labels(name, targets._array, *lengths, steps, batch)
    if not 0 <= blank < classes:
        raise RuntimeError(f"{name}: blank must be in label range 0 to {classes - 1}, got {blank}")
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        raise RuntimeError(f"{name}: targets must be labels from 0 to {classes - 1}")
    loss = _alignments(log_probs, labels, *lengths, blank)
    infinite = _like(loss._array > -_NEVER / 2)
    loss = where(infinite, 0.0 if zero_infinity else math.inf, loss)
    if reduction == "mean":
        divisor = np.maximum(lengths[1], 1).astype(log_probs.dtype.numpy)
        return mean(div(loss, _like(divisor)))
    if reduction == "none" and single:
        return reshape(loss, ())
    return _reduce(loss, reduction)


def _padded_labels(name, targets, input_lengths, target_lengths, steps, batch):
    """Return the labels as (N, S)."""
    for what, given in (("input_lengths", input_lengths), ("target_lengths", target_lengths)):
        if given.shape != (batch,):
            raise RuntimeError(f"{name}: {what} must be of size batch_size ({batch})")
        if (given < 0).any():
            raise RuntimeError(f"{name}: {what} must not be negative, got {given.min()}")
    if batch and input_lengths.max() > steps:
        raise RuntimeError(
            f"{name}: Expected input_lengths to have value at most {steps}, but got value "
            f"{input_lengths.max()}"
        )
    longest = int(target_lengths.max(initial=0))
    if targets.ndim == 2:
        if targets.shape[0] != batch or targets.shape[1] < longest:
            raise ShapeError(
                f"{name}: Expected targets to have shape ({batch}, {longest}) at least, got "
                f"{targets.shape}"
            )
        inside = np.arange(longest) < target_lengths[:, None]
        return np.where(inside, targets[:, :longest], 0).astype(np.int64)
    if targets.size != target_lengths.sum():
        raise ShapeError(
            f"{name}: targets have {targets.size} labels, target_lengths sum to "
            f"{target_lengths.sum()}"
        )
    labels = np.zeros((batch, longest), np.int64)
    labels[np.arange(longest) < target_lengths[:, None]] = targets
    return labels


def _alignments(log_probs, labels, input_lengths, target_lengths, blank):
    """Return minus the log-probability of all alignments, (N,), by the forward recursion."""
    steps, batch, _ = log_probs.shape
    states = 2 * labels.shape[1] + 1  # a blank before, between and after the labels
    path = np.full((batch, states), blank, np.int64)
    path[:, 1::2] = labels
    index = _like(np.broadcast_to(path, (steps, batch, states)).copy())
    emitted = gather(log_probs, 2, index)
    skips = np.zeros((batch, states), np.bool_)  # from label to label, if they differ
    skips[:, 2:] = (path[:, 2:] != blank) & (path[:, 2:] != path[:, :-2])
    skips = _like(skips)
    never = log_probs.new_full((batch, min(2, states)), _NEVER)
    start = _like(np.broadcast_to(np.arange(states) < 2, (batch, states)).copy())
    before = None
    for t in range(steps):
        now = select(emitted, 0, t)
        if before is None:
            state = where(start, now, _NEVER)
        else:
            shifted = cat([never, before], 1)
            one, two = shifted[:, 1 : states + 1], shifted[:, :states]
            if states == 1:
                one = two = never
            ways = stack([before, one, where(skips, two, _NEVER)], 0)
            state = add(logsumexp(ways, 0), now)
        running = _like((t < input_lengths)[:, None])
        before = state if before is None else where(running, state, before)
    if before is None:
        return log_probs.new_full((batch,), -_NEVER)
    ends = np.stack([2 * target_lengths, np.maximum(2 * target_lengths - 1, 0)], 1)
    last = gather(before, 1, _like(ends))
    real = np.stack([target_lengths >= 0, target_lengths > 0], 1)
    loss = neg(logsumexp(where(_like(real), last, _NEVER), 1))
    empty = _like(input_lengths == 0)
    loss = where(empty, _like(np.where(target_lengths == 0, 0.0, -_NEVER)).to(loss.dtype), loss)
    # What makes the gradient that of the logits: nothing is added to the value.
    inside = np.arange(steps)[:, None] < input_lengths
    through = sum(where(_like(inside[:, :, None]), exp(log_probs), 0.0), (0, 2))
    return add(loss, sub(through, through.detach()))


def gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1):
    """Draw from a distribution over classes, differentiably.

    Parameters
    ----------
    logits : Tensor
    tau : float
        Temperature.
    hard : bool
        Return one-hot vectors, with the gradient of the soft ones.
    eps : float
        Has no effect.
    dim : int

    Returns
    -------
    Tensor
        Of the shape of `logits`; sums to 1 along `dim`.

    Notes
    -----
    Jang et al. 2016 (arXiv 1611.01144), equation 2.
    """
    noise = neg(log(logits.new_empty(logits.shape).exponential_()))
    soft = softmax(div(add(logits, noise), tau), dim)
    if not hard:
        return soft
    index = soft.detach().argmax(dim, keepdim=True)
    one_hot = logits.new_zeros(logits.shape).scatter_(dim, index, 1.0)
    return add(sub(one_hot, soft.detach()), soft)
