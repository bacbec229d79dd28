"""Normalisation."""

import numpy as np
import reference
from opspecs import OpSpec, bad, constant, sample

from minitorch.errors import ShapeError


def batch_norm(x, mean, var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    return reference.batch_norm(x, weight, bias, mean, var, training, eps) if x.size else x


def batch_norm_samples(rng):
    """In training with the batch's statistics, else with given ones; nothing is updated."""
    normal = rng.standard_normal
    mean, var = constant(normal(2)), constant(rng.uniform(0.5, 2, 2))
    return [
        sample(normal((3, 2)), None, None, normal(2), normal(2), True),
        sample(normal((2, 2, 3)), None, None, normal(2), None, True),
        sample(normal((2, 2, 2, 2)), None, None, None, normal(2), True, eps=0.1),
        sample(normal((2, 2, 3)), None, None, None, None, True),
        sample(normal((3, 2)), mean, var, normal(2), normal(2)),
        sample(normal((2, 2, 3)), mean, var, None, None),
        sample(normal((0, 2, 3)), None, None, normal(2), normal(2), True),
    ]


def layer_norm(x, shape, weight=None, bias=None, eps=1e-5):
    return reference.layer_norm(x, len(shape), weight, bias, eps)


def layer_norm_samples(rng):
    normal = rng.standard_normal
    return [
        sample(normal((2, 3)), (3,), normal(3), normal(3)),
        sample(normal((2, 3, 2)), (3, 2), normal((3, 2)), normal((3, 2))),
        sample(normal((2, 3)), (3,), bias=normal(3), eps=0.1),
        sample(normal((2, 3)), (2, 3)),
        sample(normal((0, 3)), (3,)),
    ]


def group_norm_samples(rng):
    normal = rng.standard_normal
    return [
        sample(normal((2, 4)), 2, normal(4), normal(4)),
        sample(normal((2, 4, 3)), 2, normal(4), normal(4)),
        sample(normal((1, 2, 2, 2)), 1),
        sample(normal((0, 4, 3)), 2),
    ]


def instance_norm(x, mean=None, var=None, weight=None, bias=None, use_input_stats=True):
    if not use_input_stats:
        return reference.batch_norm(x, weight, bias, mean, var, False)
    return reference.group_norm(x, x.shape[1], weight, bias)


def instance_norm_samples(rng):
    normal = rng.standard_normal
    given = constant(normal(2)), constant(rng.uniform(0.5, 2, 2))
    return [
        sample(normal((2, 2, 3)), weight=normal(2), bias=normal(2)),
        sample(normal((2, 2, 2, 2))),
        sample(normal((2, 2, 3)), *given, use_input_stats=False),
    ]


def rms_norm(x, shape, weight=None, eps=None):
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    root = np.sqrt((x**2).mean(axis=axes, keepdims=True) + (0 if eps is None else eps))
    return x / root * (1 if weight is None else weight)


def local_response_norm(x, size, alpha=1e-4, beta=0.75, k=1.0):
    output = np.empty_like(x)
    for c in range(x.shape[1]):
        first = c - size // 2
        near = x[:, max(0, first) : first + size]
        output[:, c] = x[:, c] / (k + alpha / size * (near**2).sum(axis=1)) ** beta
    return output


def normalize(x, p=2.0, dim=1, eps=1e-12):
    norm = (np.abs(x) ** p).sum(axis=dim, keepdims=True) ** (1 / p)
    return x / np.maximum(norm, eps)


SPECS = [
    OpSpec(
        "nn.functional.batch_norm",
        batch_norm,
        batch_norm_samples,
        errors=[
            bad(
                ShapeError,
                "batch_norm: weight must have one element per channel, shape (3,), got (2,)",
                np.ones((2, 3)),
                None,
                None,
                np.ones(2),
                training=True,
            ),
            bad(
                ValueError,
                "batch_norm: Expected more than 1 value per channel when training",
                np.ones((1, 3)),
                None,
                None,
                training=True,
            ),
        ],
    ),
    OpSpec(
        "nn.functional.layer_norm",
        layer_norm,
        layer_norm_samples,
        errors=[
            bad(
                ShapeError,
                "layer_norm: input must end in normalized_shape (2,), got (2, 3)",
                np.ones((2, 3)),
                (2,),
            )
        ],
    ),
    OpSpec(
        "nn.functional.group_norm",
        reference.group_norm,
        group_norm_samples,
        errors=[
            bad(
                ShapeError,
                "group_norm: num_groups 2 must divide the 3 channels of input (2, 3)",
                np.ones((2, 3)),
                2,
            )
        ],
    ),
    OpSpec("nn.functional.instance_norm", instance_norm, instance_norm_samples),
    OpSpec(
        "nn.functional.rms_norm",
        rms_norm,
        lambda rng: [
            sample(rng.standard_normal((2, 3)), (3,)),
            sample(rng.standard_normal((2, 3, 2)), (3, 2), rng.random((3, 2)), 0.1),
        ],
    ),
    OpSpec(
        "nn.functional.local_response_norm",
        local_response_norm,
        lambda rng: [
            sample(rng.standard_normal((2, 4, 3)), 3, 0.5),
            sample(rng.standard_normal((1, 5, 2, 1)), 2, 0.3, 0.6, 2.0),
            sample(rng.standard_normal((0, 4, 3)), 3),
        ],
        errors=[
            bad(
                ShapeError,
                "local_response_norm: input must be (N, C, *spatial), got (2, 3)",
                np.ones((2, 3)),
                2,
            )
        ],
    ),
    OpSpec(
        "nn.functional.normalize",
        normalize,
        lambda rng: [
            sample(rng.uniform(0.5, 1, (2, 3))),
            sample(rng.uniform(0.5, 1, (2, 3)), 3.0, 0),
            sample(rng.uniform(0.5, 1, (2, 3)), eps=100.0),
        ],
    ),
]
