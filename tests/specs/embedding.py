"""Tables of vectors."""

import numpy as np
from opspecs import OpSpec, bad, constant, sample

from minitorch.errors import ShapeError


def embedding(input, weight, *args, **kwargs):
    return weight[input]


def embedding_bag(
    input,
    weight,
    offsets=None,
    mode="mean",
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
    if input.ndim == 2:
        bags = [range(i * input.shape[1], (i + 1) * input.shape[1]) for i in range(len(input))]
    else:
        ends = [*offsets[1:], *([] if include_last_offset else [len(input)])]
        bags = [range(a, b) for a, b in zip(offsets, ends, strict=False)]
    index = input.ravel()
    factors = np.ones(index.size)
    if per_sample_weights is not None:
        factors = per_sample_weights.ravel()
    result = np.zeros((len(bags), weight.shape[1]))
    for bag, places in enumerate(bags):
        kept = [p for p in places if index[p] != padding_idx]
        if kept:
            rows = np.array([weight[index[p]] * factors[p] for p in kept])
            result[bag] = getattr(np, mode)(rows, axis=0)
    return result


def bags(rng):
    weight = rng.permutation(24).reshape(8, 3) / 5.0
    index = rng.integers(0, 8, 6)
    offsets = np.array([0, 2, 2, 5])
    return [
        sample(index.reshape(2, 3), weight),
        sample(index.reshape(3, 2), weight, mode="sum"),
        sample(np.array([[1, 2, 3], [4, 0, 5]]), weight, mode="max"),
        sample(index, weight, offsets),
        sample(index, weight, offsets, mode="sum", include_last_offset=True),
        sample(index, weight, offsets, mode="sum", per_sample_weights=rng.standard_normal(6)),
        sample(np.array([1, 2, 1, 3]), weight, np.array([0, 3]), padding_idx=1),
    ]


WEIGHT = np.ones((4, 3))
INDEX = np.array([0, 1])

SPECS = [
    OpSpec(
        "nn.functional.embedding",
        ref=embedding,
        samples=lambda rng: [
            sample(rng.integers(0, 4, (2, 3)), rng.standard_normal((4, 3))),
            sample(np.array([1, 1], np.int32), rng.standard_normal((4, 2))),
            sample(np.array(2), rng.standard_normal((4, 2))),
            sample(np.zeros((0, 2), np.int64), rng.standard_normal((4, 2))),
        ],
        errors=[
            bad(IndexError, "embedding: index out of range in self: 4", np.array([1, 4]), WEIGHT),
            bad(IndexError, "embedding: index out of range in self: -1", np.array(-1), WEIGHT),
            bad(RuntimeError, "embedding: Expected tensor for", np.ones(2), WEIGHT),
            bad(ShapeError, "embedding: 'weight' must be 2-D", INDEX, np.ones(3)),
            bad(ValueError, "embedding: Padding_idx must", INDEX, WEIGHT, 4),
            bad(TypeError, "embedding: input must be a Tensor", 0, WEIGHT),
        ],
    ),
    OpSpec(
        "nn.functional.embedding_bag",
        ref=embedding_bag,
        samples=bags,
        errors=[
            bad(ValueError, "embedding_bag: mode has to be", INDEX, WEIGHT, mode="min"),
            bad(ValueError, "embedding_bag: offsets has to be", INDEX, WEIGHT),
            bad(ValueError, "embedding_bag: input has to be 1D", np.array(1), WEIGHT),
            bad(ValueError, "embedding_bag: if input is 2D", INDEX[None], WEIGHT, INDEX),
            bad(ValueError, "embedding_bag: offsets[0]", INDEX, WEIGHT, np.array([1])),
            bad(ValueError, "embedding_bag: offsets[-1]", INDEX, WEIGHT, np.array([0, 3])),
            bad(
                NotImplementedError,
                "embedding_bag: per_sample_weights was",
                INDEX[None],
                WEIGHT,
                per_sample_weights=np.ones((1, 2)),
            ),
            bad(
                ValueError,
                "embedding_bag: expected per_sample_weights",
                INDEX[None],
                WEIGHT,
                mode="sum",
                per_sample_weights=constant(np.ones(2)),
            ),
        ],
    ),
]
