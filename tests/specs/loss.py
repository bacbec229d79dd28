"""Losses."""

import numpy as np
import reference
from opspecs import OpSpec, bad, constant, sample

from minitorch.errors import ShapeError

REDUCTIONS = ("mean", "sum", "none")


def batched(loss):
    """Let a reference for batches take a single row of classes."""

    def fn(x, target, *args, **kwargs):
        if x.ndim > 1:
            return loss(x, target, *args, **kwargs)
        result = loss(x[None], target[None], *args, **kwargs)
        return np.reshape(result, ())

    return fn


def labels(rng, smoothing=False):
    normal = rng.standard_normal
    weight = constant(rng.uniform(0.5, 2, 3))
    target = np.array([2, 0, 1, 2])
    calls = [sample(normal((4, 3)), target, reduction=r) for r in REDUCTIONS]
    calls += [
        sample(normal((4, 3)), target, weight, reduction=r, ignore_index=1) for r in REDUCTIONS
    ]
    calls += [
        sample(normal((2, 3, 2)), target.reshape(2, 2), weight),
        sample(normal(3), np.array(1)),
        sample(normal((4, 3)), target, ignore_index=1),
    ]
    if smoothing:
        calls += [
            sample(normal((4, 3)), target, weight, label_smoothing=0.2, reduction=r)
            for r in REDUCTIONS
        ]
        q = rng.random((4, 3))
        calls += [
            sample(normal((4, 3)), q, weight, label_smoothing=s, reduction=r)
            for s, r in ((0.0, "mean"), (0.3, "sum"), (0.3, "none"))
        ]
        calls += [sample(normal((2, 3, 2)), rng.random((2, 3, 2)))]
    return calls


def soft_mean(input, target, *args, reduction="mean", **kwargs):
    """The reference divides the mean over probabilities by the number of distributions."""
    return reference.cross_entropy(input, target, *args, reduction=reduction, **kwargs)


def label_errors(name):
    x = np.ones((2, 3))
    return [
        bad(IndexError, f"{name}: ", x, np.array([0, 3])),
        bad(IndexError, f"{name}: ", x, np.array([-1, 0])),
        bad(ShapeError, f"{name}: ", x, np.array([0, 1, 2])),
        bad(ShapeError, f"{name}: ", x, np.array([0, 1]), np.ones(2)),
        bad(
            ValueError, f"{name}: 'all' is not a valid value", x, np.array([0, 1]), reduction="all"
        ),
    ]


def reduced(losses, reduction):
    return {"mean": np.mean, "sum": np.sum, "none": np.asarray}[reduction](losses)


def of_differences(loss):
    """Make the reference of a loss that depends on the difference."""

    def fn(x, y, *args, reduction="mean", weight=None, **kwargs):
        losses = loss(np.abs(x - y), *args, **kwargs)
        if weight is not None:
            losses = losses * weight
            if reduction == "mean":
                return losses.sum() / np.broadcast_to(weight, losses.shape).sum()
        return reduced(losses, reduction)

    return fn


def differences(**options):
    """Pairs whose distances are not near 0, 1 or the bend given in `options`."""

    def make(rng):
        y = rng.standard_normal((2, 3))
        x = y + rng.choice([-1, 1], (2, 3)) * rng.choice([0.3, 0.4, 1.4, 1.6], (2, 3))
        calls = [sample(x, y, reduction=r) for r in REDUCTIONS]
        return calls + [sample(x, y, **{k: v}) for k, v in options.items()]

    return make


def probabilities(rng):
    x, y = rng.uniform(0.1, 0.9, (2, 2, 3))
    weight = constant(rng.random(3))
    return [sample(x, y, reduction=r) for r in REDUCTIONS] + [sample(x, y, weight)]


def binary(x, y, weight=1.0, reduction="mean"):
    return reduced(-weight * (y * np.log(x) + (1 - y) * np.log(1 - x)), reduction)


def logits(rng):
    x, y = rng.standard_normal((2, 3)), rng.random((2, 3))
    weight, positive = constant(rng.random(3)), constant(rng.uniform(0.5, 3, 3))
    calls = [sample(x, y, reduction=r) for r in REDUCTIONS]
    return calls + [sample(x, y, weight), sample(x, y, pos_weight=positive)]


def divergences(rng):
    x, y = rng.standard_normal((2, 3)), rng.uniform(0.1, 1, (2, 3))
    calls = [sample(x, y, reduction=r) for r in (*REDUCTIONS, "batchmean")]
    return calls + [sample(x, y, reduction="sum", log_target=True)]


def kl_div(x, y, reduction="mean", log_target=False):
    terms = np.exp(y) * (y - x) if log_target else y * (np.log(y) - x)
    return terms.sum() / len(x) if reduction == "batchmean" else reduced(terms, reduction)


def other_shape(name):
    return [bad(ShapeError, f"{name}: target must have the shape", np.ones((2, 3)) / 2, np.ones(3))]


SPECS = [
    OpSpec(
        "nn.functional.cross_entropy",
        batched(soft_mean),
        lambda rng: labels(rng, smoothing=True),
        errors=label_errors("cross_entropy"),
    ),
    OpSpec(
        "nn.functional.nll_loss",
        batched(reference.nll_loss),
        labels,
        errors=label_errors("nll_loss"),
    ),
    OpSpec(
        "nn.functional.mse_loss",
        of_differences(np.square),
        differences(weight=constant(np.array([0.5, 1.0, 2.0]) * np.ones((2, 1)))),
    ),
    OpSpec("nn.functional.l1_loss", of_differences(np.asarray), differences()),
    OpSpec(
        "nn.functional.smooth_l1_loss",
        of_differences(lambda d, beta=1.0: np.where(d < beta, d * d / 2 / beta, d - beta / 2)),
        differences(beta=0.35),
        errors=[
            bad(
                RuntimeError,
                "smooth_l1_loss: beta must not be negative, got -1",
                np.ones(2),
                np.ones(2),
                beta=-1,
            )
        ],
    ),
    OpSpec(
        "nn.functional.huber_loss",
        of_differences(
            lambda d, delta=1.0: np.where(d < delta, d * d / 2, delta * (d - delta / 2))
        ),
        differences(delta=0.35),
        errors=[
            bad(
                RuntimeError,
                "huber_loss: delta must be positive, got 0",
                np.ones(2),
                np.ones(2),
                delta=0,
            )
        ],
    ),
    OpSpec(
        "nn.functional.binary_cross_entropy",
        binary,
        probabilities,
        errors=[
            *other_shape("binary_cross_entropy"),
            bad(
                RuntimeError,
                "binary_cross_entropy: all elements of input should be between 0 and 1",
                np.array([2.0]),
                np.array([1.0]),
            ),
        ],
    ),
    OpSpec(
        "nn.functional.binary_cross_entropy_with_logits",
        reference.binary_cross_entropy_with_logits,
        logits,
        errors=other_shape("binary_cross_entropy_with_logits"),
    ),
    OpSpec("nn.functional.kl_div", kl_div, divergences),
]
