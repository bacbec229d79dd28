"""Losses: how far a prediction is from its target."""

from __future__ import annotations

import math
import warnings

import numpy as np

from .. import dtypes, kernels
from ..autograd.op import Op
from ..errors import ShapeError
from . import doc
from .activation import log_softmax, logsigmoid, softmax
from .common import broadcast_shape, cast, floating, is_tensor
from .elementwise import abs as absolute
from .elementwise import add, clamp, div, exp, log, log1p, mul, neg, square, sub, where
from .index import gather
from .reduce import mean, sum
from .shape import reshape, unsqueeze

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "nll_loss",
    "smooth_l1_loss",
]


_INT64 = np.dtype(np.int64)


def _reduction(name, reduction, size_average, reduce, choices=("none", "mean", "sum")):
    """Return the reduction asked for, also by PyTorch's old arguments."""
    if size_average is not None or reduce is not None:
        if reduce is False:
            reduction = "none"
        else:
            reduction = "mean" if size_average is None or size_average else "sum"
        warnings.warn(
            f"{name}: size_average and reduce are deprecated, please use reduction='{reduction}' "
            "instead.",
            stacklevel=3,
        )
    if reduction not in choices:
        raise ValueError(f"{name}: {reduction!r} is not a valid value for reduction: {choices}")
    return reduction


def _reduce(loss, reduction):
    if reduction == "none":
        return loss
    return mean(loss) if reduction == "mean" else sum(loss)


def _tensors(name, **tensors):
    for label, value in tensors.items():
        if value is not None and not is_tensor(value):
            raise TypeError(f"{name}: {label} must be a Tensor, got {type(value).__name__}")


def _pair(name, input, target):
    """Check two tensors that are compared element by element."""
    _tensors(name, input=input, target=target)
    if input.shape != target.shape:
        broadcast_shape(name, input.shape, target.shape)
        warnings.warn(
            f"{name}: Using a target size ({tuple(target.shape)}) that is different to the input "
            f"size ({tuple(input.shape)}). This will likely lead to incorrect results due to "
            "broadcasting. Please ensure they have the same size.",
            stacklevel=3,
        )


# ---- of classes


class CrossEntropy(Op):
    """Cross-entropy of every distribution against a class, by one pass over the logits.

    With w the weight and s the smoothing, the loss is ``Σ q (lse(x) - x)``, where q is
    ``(1 - s) w`` at the target plus ``s w / C`` everywhere. With a factor the result is the sum of
    all losses times that.
    """

    formula = "dx = g (softmax(x) Σ q - q)"
    reads = {0: (0,)}

    def __init__(self, target, weight, ignore_index, label_smoothing, factor=None):
        self.target, self.weight = target, weight
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing
        self.factor = factor

    def forward(self, input):
        loss, self.constants = kernels.cross_entropy(
            input, self.target, self.weight, self.ignore_index, self.label_smoothing
        )
        if self.factor is None:
            return loss
        return kernels.binary("mul", kernels.reduce("sum", loss, None), self.factor)

    def backward(self, grad, needs):
        (input,) = self.inputs
        wanted = self._wanted(input.shape, np.dtype(getattr(input.dtype, "numpy", input.dtype)))
        slope = sub(mul(softmax(input, 1), wanted.sum(1, keepdims=True)), wanted)
        grad = unsqueeze(grad, 1) if self.factor is None else mul(grad, self.factor)
        return (mul(grad, slope),)

    def _wanted(self, shape, dtype):
        """Return q, of the shape of the logits."""
        counts = self.target != self.ignore_index
        index = np.where(counts, self.target, 0)[:, None]
        weight = np.ones(shape[1]) if self.weight is None else self.weight
        weight = np.broadcast_to(weight.reshape(-1, *[1] * (len(shape) - 2)), shape)
        wanted = self.label_smoothing / shape[1] * weight
        picked = np.take_along_axis(wanted, index, 1)
        picked = picked + (1 - self.label_smoothing) * np.take_along_axis(weight, index, 1)
        np.put_along_axis(wanted, index, picked, 1)
        return (wanted * counts[:, None]).astype(dtype)

    def fused_backward(self, grad, needs):
        (input,) = self.inputs
        if self.factor is not None:
            grad = mul(grad, self.factor)
        arguments = self.weight, self.ignore_index, self.label_smoothing
        return kernels.cross_entropy_backward(grad, input, self.target, self.constants, *arguments)


def _check_classes(name, input, target, weight):
    """Check logits (C,) or (N, C, *spatial) against a target of classes."""
    shape = input._array.shape
    expected = shape[:1] + shape[2:] if len(shape) > 1 else ()
    if target._array.shape != expected:
        raise ShapeError(
            f"{name}: target must have shape {expected} for input {tuple(input.shape)}, got "
            f"{tuple(target.shape)}"
        )
    if target._array.dtype.kind not in "iu":
        raise RuntimeError(f"{name}: target must hold class numbers (int64), got {target.dtype}")
    classes = input.shape[min(1, input.ndim - 1)]
    if weight is not None and tuple(weight.shape) != (classes,):
        raise ShapeError(
            f"{name}: weight must have one element per class, shape ({classes},), got "
            f"{tuple(weight.shape)}: input {tuple(input.shape)}"
        )


def _class_numbers(name, target, classes, ignore_index):
    """Return the target as an array, and which of it counts; raise for what is no class."""
    numbers = target._array.astype(np.int64, copy=False)
    return numbers, _check_numbers(name, numbers, classes, ignore_index)


def _check_numbers(name, numbers, classes, ignore_index):
    """Return which targets count; raise for what is no class."""
    counts = numbers != ignore_index
    wrong = counts & ((numbers < 0) | (numbers >= classes))
    if wrong.any():
        where_ = tuple(int(i[0]) for i in np.nonzero(np.atleast_1d(wrong)))
        raise IndexError(
            f"{name}: Target {int(numbers[wrong].flat[0])} is out of bounds: there are {classes} "
            f"classes, 0 to {classes - 1} (at position {where_} of target)"
        )
    return counts


def _weights_of(numbers, counts, weight, dtype):
    """Return the weight of every target, 0 where it is ignored."""
    if weight is None:
        return counts.astype(dtype)
    return np.where(counts, weight[np.where(counts, numbers, 0)], 0).astype(dtype)


def _reduce_weighted(loss, reduction, weights):
    if reduction == "mean":
        total = weights.sum(dtype=np.float64)
        with np.errstate(divide="ignore"):
            return mul(sum(loss), float(np.float64(1) / total) if total else math.nan)
    return _reduce(loss, reduction)


def cross_entropy(
    input,
    target,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
    label_smoothing=0.0,
):
    """Return the cross-entropy of unnormalised logits against classes or probabilities.

    Parameters
    ----------
    input : Tensor
        (C,), (N, C) or (N, C, \\*spatial): logits, floating-point.
    target : Tensor
        Class numbers, int64, of the shape of `input` without its dimension of classes; or
        probabilities, of the shape of `input`.
    weight : Tensor, optional
        (C,): weight of each class.
    size_average, reduce : bool, optional
        Old form of `reduction`.
    ignore_index : int
        Targets of this value count for nothing (class numbers only).
    reduction : str
        ``"none"``, ``"mean"`` (weighted by class weights) or ``"sum"``.
    label_smoothing : float
        From 0 to 1: part of each target that is spread over all classes.

    Returns
    -------
    Tensor
        A 0-d tensor, or the losses, of the shape of the class numbers.

    Raises
    ------
    IndexError
        If a target is no class.
    ShapeError
        If `target` or `weight` does not fit `input`.

    Notes
    -----
    ``-log softmax(input)[target]``; smoothing: Szegedy et al. 2015, section 7 (arXiv 1512.00567).
    """
    name = "cross_entropy"
    reduction = _reduction(name, reduction, size_average, reduce)
    _tensors(name, input=input, target=target, weight=weight)
    logits = input._array
    if logits.dtype.kind != "f" or logits.ndim == 0:
        raise RuntimeError(
            f"{name}: input must be floating-point logits (N, C, ...), got {input.dtype}, shape "
            f"{tuple(input.shape)}"
        )
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{name}: label_smoothing must be from 0 to 1, got {label_smoothing}")
    if target._array.dtype.kind == "f":
        return _soft_cross_entropy(input, target, weight, reduction, label_smoothing)
    _check_classes(name, input, target, weight)
    dtype = input.dtype
    shape = target._array.shape
    if logits.ndim == 1:
        input, target = unsqueeze(input, 0), unsqueeze(target, 0)
    if dtype is dtypes.float16:
        input = cast(input, dtypes.float32)
    numbers = target._array
    if numbers.dtype is not _INT64:
        numbers = numbers.astype(_INT64)
    array = None if weight is None else weight._array
    factor = None
    if reduction == "sum":
        factor = 1.0
    elif reduction == "mean":
        factor = _mean_factor(name, numbers, array, input, ignore_index)
    try:
        loss = CrossEntropy(numbers, array, ignore_index, label_smoothing, factor)(input)
    except IndexError:
        _check_numbers(name, numbers.reshape(shape), input.shape[1], ignore_index)
        raise
    if reduction == "none" and loss.shape != shape:
        loss = reshape(loss, shape)
    return loss if dtype is loss.dtype else cast(loss, dtype)


def _mean_factor(name, numbers, weight, input, ignore_index):
    """Return one over the sum of the weights of all targets; NaN when that is zero."""
    if weight is None:
        total = int(np.count_nonzero(numbers != ignore_index))
    else:
        counts = _check_numbers(name, numbers, input.shape[1], ignore_index)
        weights = _weights_of(numbers, counts, weight, input._array.dtype)
        total = float(weights.sum(dtype=np.float64))
    return 1 / total if total else math.nan


def _soft_cross_entropy(input, target, weight, reduction, label_smoothing):
    """Cross-entropy against probabilities of the shape of `input`."""
    if input.shape != target.shape:
        raise ShapeError(
            f"cross_entropy: target probabilities must have the shape of input "
            f"{tuple(input.shape)}, got {tuple(target.shape)}"
        )
    dim = min(1, input.ndim - 1)
    classes = input.shape[dim]
    if label_smoothing:
        target = add(mul(target, 1 - label_smoothing), label_smoothing / classes)
    terms = mul(log_softmax(input, dim), target)
    if weight is not None:
        if tuple(weight.shape) != (classes,):
            raise ShapeError(
                f"cross_entropy: weight must have shape ({classes},), got {tuple(weight.shape)}"
            )
        terms = mul(terms, reshape(weight, (classes,) + (1,) * (input.ndim - dim - 1)))
    loss = neg(sum(terms, dim))
    if reduction == "mean":
        return div(sum(loss), float(loss.numel()))
    return _reduce(loss, reduction)


def nll_loss(
    input,
    target,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
):
    """Return the negative log-likelihood of classes, given log-probabilities.

    Parameters
    ----------
    input : Tensor
        (C,), (N, C) or (N, C, \\*spatial): log-probabilities, floating-point.
    target : Tensor
        Class numbers, int64, of the shape of `input` without its dimension of classes.
    weight : Tensor, optional
        (C,): weight of each class.
    size_average, reduce : bool, optional
        Old form of `reduction`.
    ignore_index : int
        Targets of this value count for nothing.
    reduction : str
        ``"none"``, ``"mean"`` (weighted by class weights) or ``"sum"``.

    Returns
    -------
    Tensor
        A 0-d tensor, or the losses, of the shape of `target`.

    Raises
    ------
    IndexError
        If a target is no class.
    ShapeError
        If `target` or `weight` does not fit `input`.
    """
    name = "nll_loss"
    reduction = _reduction(name, reduction, size_average, reduce)
    _tensors(name, input=input, target=target, weight=weight)
    if input.ndim == 0:
        raise ShapeError(f"{name}: input must be (C,) or (N, C, ...), got a 0-d tensor")
    _check_classes(name, input, target, weight)
    dim = min(1, input.ndim - 1)
    numbers, counts = _class_numbers(name, target, input.shape[dim], ignore_index)
    array = None if weight is None else weight._array
    weights = _weights_of(numbers, counts, array, input._array.dtype)
    wrap = type(target)._wrap
    index = wrap(np.expand_dims(np.where(counts, numbers, 0), dim))
    picked = reshape(gather(input, dim, index), target.shape)
    # where, not a product with 0: what is ignored may be infinite
    picked = where(wrap(counts), picked, 0.0)
    loss = mul(neg(picked), wrap(weights))
    return _reduce_weighted(loss, reduction, weights)


# ---- of values


@doc.reduced
def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """Return the squared difference of `input` and `target`.

    Parameters
    ----------
    input, target : Tensor
        Of one shape.
    weight : Tensor, optional
        Factor of every squared difference; the mean is divided by its sum.

    Returns
    -------
    Tensor
    """
    reduction = _reduction("mse_loss", reduction, size_average, reduce)
    _pair("mse_loss", input, target)
    return _weighted(square(sub(input, target)), weight, reduction)


@doc.reduced
def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """Return the absolute difference of `input` and `target`.

    Parameters
    ----------
    input, target : Tensor
        Of one shape.
    weight : Tensor, optional
        Factor of every difference; the mean is divided by its sum.

    Returns
    -------
    Tensor
    """
    reduction = _reduction("l1_loss", reduction, size_average, reduce)
    _pair("l1_loss", input, target)
    return _weighted(absolute(sub(input, target)), weight, reduction)


def _weighted(loss, weight, reduction):
    if weight is None:
        return _reduce(loss, reduction)
    loss = mul(loss, weight)
    return div(sum(loss), sum(weight)) if reduction == "mean" else _reduce(loss, reduction)


class Huber(Op):
    """Half the square of a distance, beyond `delta` a straight line; times a scale."""

    formula = "dx = g scale min(max(x, -delta), delta)"
    reads = {0: (0,)}
    overwrites_grad = True

    def __init__(self, delta, scale):
        self.delta, self.scale = delta, scale

    def forward(self, input):
        return kernels.unary("huber", input, None, self.delta, self.scale)

    def backward(self, grad, needs):
        (input,) = self.inputs
        return mul(grad, mul(clamp(input, -self.delta, self.delta), self.scale))

    def fused_backward(self, grad, needs, out=None):
        (input,) = self.inputs
        return kernels.binary("huber_backward", grad, input, out, self.delta, self.scale)


@doc.reduced
def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """Return the squared difference where it is below `beta`, beyond that the absolute one.

    Parameters
    ----------
    input, target : Tensor
        Of one shape.
    beta : float
        Where the two pieces meet; 0 gives `l1_loss`.

    Returns
    -------
    Tensor
        ``d² / (2 beta)`` for d < beta, else ``d - beta / 2``, with d the absolute difference.

    Notes
    -----
    Girshick 2015, "Fast R-CNN", equation 3 (arXiv 1504.08083).
    """
    reduction = _reduction("smooth_l1_loss", reduction, size_average, reduce)
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss: beta must not be negative, got {beta}")
    _pair("smooth_l1_loss", input, target)
    distance = floating("smooth_l1_loss", sub(input, target))
    distance = Huber(float(beta), 1 / beta)(distance) if beta else absolute(distance)
    return _reduce(distance, reduction)


def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """Return half the squared difference up to `delta`, beyond that a straight line.

    Parameters
    ----------
    input, target : Tensor
        Of one shape.
    reduction : str
        ``"none"``, ``"mean"`` or ``"sum"``.
    delta : float
        Where the two pieces meet, positive.
    weight : Tensor, optional
        Factor of every term; the mean is divided by its sum.

    Returns
    -------
    Tensor
        ``d² / 2`` for d <= delta, else ``delta (d - delta / 2)``.

    Notes
    -----
    Huber 1964, "Robust Estimation of a Location Parameter".
    """
    reduction = _reduction("huber_loss", reduction, None, None)
    if delta <= 0:
        raise RuntimeError(f"huber_loss: delta must be positive, got {delta}")
    _pair("huber_loss", input, target)
    distance = floating("huber_loss", sub(input, target))
    return _weighted(Huber(float(delta), 1.0)(distance), weight, reduction)


# ---- of probabilities


class BinaryCrossEntropy(Op):
    """Cross-entropy of probabilities; logarithms are not below -100, so that 0 and 1 are finite."""

    formula = "dx = g (x - y) / (x (1 - x)),  dy = g (log(1 - x) - log x)"
    reads = {0: (0, 1), 1: (0,)}

    def forward(self, input, target):
        yes, no = self._logarithms(input)
        return neg(add(mul(target, yes), mul(sub(1.0, target), no)))

    def backward(self, grad, needs):
        input, target = self.inputs
        grad_input = grad_target = None
        if needs[0]:
            spread = clamp(mul(sub(1.0, input), input), 1e-12)
            grad_input = mul(grad, div(sub(input, target), spread))
        if needs[1]:
            yes, no = self._logarithms(input)
            grad_target = mul(grad, sub(no, yes))
        return grad_input, grad_target

    @staticmethod
    def _logarithms(input):
        return clamp(log(input), -100.0), clamp(log1p(neg(input)), -100.0)


def _same_shape(name, input, target):
    _tensors(name, input=input, target=target)
    if input.shape != target.shape:
        raise ShapeError(
            f"{name}: target must have the shape of input {tuple(input.shape)}, got "
            f"{tuple(target.shape)}"
        )


@doc.reduced
def binary_cross_entropy(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean"
):
    """Return the cross-entropy of probabilities of a yes against targets from 0 to 1.

    Parameters
    ----------
    input : Tensor
        Probabilities from 0 to 1.
    target : Tensor
        Of the shape of `input`.
    weight : Tensor, optional
        Factor of every term, broadcast.

    Returns
    -------
    Tensor
        ``-(y log x + (1 - y) log(1 - x))``, logarithms at least -100.

    Raises
    ------
    RuntimeError
        If an input is not from 0 to 1.
    """
    name = "binary_cross_entropy"
    reduction = _reduction(name, reduction, size_average, reduce)
    _same_shape(name, input, target)
    array = input._array
    if array.size and not (array.min() >= 0 and array.max() <= 1):
        raise RuntimeError(f"{name}: all elements of input should be between 0 and 1")
    loss = BinaryCrossEntropy()(input, cast(target, input.dtype))
    return _reduce(loss if weight is None else mul(loss, weight), reduction)


@doc.reduced
def binary_cross_entropy_with_logits(
    input,
    target,
    weight=None,
    size_average=None,
    reduce=None,
    reduction="mean",
    pos_weight=None,
):
    """Return the cross-entropy of ``sigmoid(input)`` against targets from 0 to 1, stably.

    Parameters
    ----------
    input : Tensor
        Logits.
    target : Tensor
        Of the shape of `input`.
    weight : Tensor, optional
        Factor of every term, broadcast.
    pos_weight : Tensor, optional
        Factor of the positive terms, broadcast.

    Returns
    -------
    Tensor
        ``(1 - y) x - (1 + (p - 1) y) log(sigmoid(x))``
    """
    name = "binary_cross_entropy_with_logits"
    reduction = _reduction(name, reduction, size_average, reduce)
    _same_shape(name, input, target)
    rest = neg(logsigmoid(input))
    if pos_weight is not None:
        rest = mul(rest, add(mul(sub(pos_weight, 1), target), 1))
    loss = add(mul(sub(1, target), input), rest)
    return _reduce(loss if weight is None else mul(loss, weight), reduction)


def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """Return the Kullback-Leibler divergence of `target` from the log-probabilities `input`.

    Parameters
    ----------
    input : Tensor
        Log-probabilities.
    target : Tensor
        Probabilities, or log-probabilities if `log_target`.
    size_average, reduce : bool, optional
        Old form of `reduction`.
    reduction : str
        ``"none"``, ``"batchmean"`` (the divergence: sum over the batch size), ``"mean"`` (over all
        elements) or ``"sum"``.
    log_target : bool
        Whether `target` holds logarithms.

    Returns
    -------
    Tensor
        ``y (log y - x)``, 0 where y is 0.
    """
    choices = ("none", "batchmean", "mean", "sum")
    reduction = _reduction("kl_div", reduction, size_average, reduce, choices)
    _tensors("kl_div", input=input, target=target)
    if log_target:
        loss = mul(exp(target), sub(target, input))
    else:
        loss = sub(_times_own_log(target), mul(target, input))
    if reduction == "batchmean":
        return div(sum(loss), input.shape[0]) if input.ndim else sum(loss)
    return _reduce(loss, reduction)


def _times_own_log(x):
    """Return x log x, 0 at 0, with a gradient that is finite wherever x is positive."""
    positive = x > 0
    return where(positive, mul(x, log(where(positive, x, 1.0))), 0.0)
