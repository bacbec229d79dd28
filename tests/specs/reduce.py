"""Reductions, and running sums and products."""

import numpy as np
from opspecs import OpSpec, bad, sample


def normal(rng):
    """All dimensions, one, several, kept, no dimensions, empty."""
    x = rng.standard_normal((2, 3, 2))
    return [
        sample(x),
        sample(x, 1),
        sample(x, (0, -1)),
        sample(x, -1, True),
        sample(x, (0, 1, 2), keepdim=True),
        sample(np.array(1.5)),
        sample(x[:0], 1),
    ]


def dims_samples(rng):
    return [call for call in normal(rng) if len(call.args) > 1]


def one_dim(rng):
    x = distinct(rng, (2, 3, 2))
    return [sample(x), sample(x, 1), sample(x, -1, True), sample(x[:0], 1)]


def distinct(rng, shape):
    """Values far enough apart that a finite difference does not change their order."""
    return (rng.permutation(np.prod(shape, dtype=int)).reshape(shape) - 5.3) / 4


def ordered(rng):
    x = distinct(rng, (2, 3, 2))
    return [sample(x), sample(x, 1), sample(x, (0, 2)), sample(x, -1, True), sample(x[:0], 1)]


def factors(rng):
    x = rng.uniform(0.5, 2, (2, 3)) * rng.choice([-1, 1], (2, 3))
    one_zero, two_zeros = x.copy(), x.copy()
    one_zero[0, 1] = two_zeros[0, 0] = two_zeros[1, 0] = two_zeros[0, 2] = 0
    arrays = [x, one_zero, two_zeros]
    return [sample(y, dim) for y in arrays for dim in (0, 1)] + [sample(x[:0], 1)]


def flags(rng):
    x = rng.integers(0, 2, (2, 3, 2))
    return [sample(x), sample(x, 1), sample(x.astype(bool), (0, 2)), sample(x[:0], 1)]


def lines(rng):
    x = rng.standard_normal((2, 3))
    return [sample(x, 0), sample(x, -1), sample(x[:0], 0), sample(np.array(2.0), 0)]


def variances(rng):
    x = rng.standard_normal((2, 3, 2))
    return [
        sample(x),
        sample(x, 1),
        sample(x, (0, 2), unbiased=False),
        sample(x, (0, 1), correction=2, keepdim=True),
        sample(x, False),
    ]


def options(dim, unbiased, keepdim, correction):
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    ddof = correction if correction is not None else int(unbiased is not False)
    return {"axis": dim, "ddof": ddof, "keepdims": keepdim}


def var(x, dim=None, unbiased=None, keepdim=False, correction=None):
    return np.var(x, **options(dim, unbiased, keepdim, correction))


def mean_for_var(x, dim=None, unbiased=None, keepdim=False, correction=None):
    settings = options(dim, unbiased, keepdim, correction)
    return np.mean(x, axis=settings["axis"], keepdims=keepdim)


def norms(rng):
    x = distinct(rng, (2, 3))
    return [
        *[sample(x, p) for p in ("fro", 1, 2, 3, 0.5, 1.5, np.inf, -np.inf)],
        *[sample(x, p, 1, True) for p in (1, 2, 2.5, np.inf)],
        sample(x, 2, (0, 1)),
    ]


def norm(x, p="fro", dim=None, keepdim=False):
    p = 2 if p == "fro" else p
    magnitude = np.abs(x)
    if p == np.inf:
        return magnitude.max(axis=dim, keepdims=keepdim)
    if p == -np.inf:
        return magnitude.min(axis=dim, keepdims=keepdim)
    return (magnitude**p).sum(axis=dim, keepdims=keepdim) ** (1 / p)


def along(best, where):
    """The reference of max and min: all elements, or values and indices along a dimension."""

    def fn(x, dim=None, keepdim=False):
        if dim is None:
            return best(x)
        indices = where(x, axis=dim, keepdims=True)
        values = np.take_along_axis(x, indices, dim)
        return (values, indices) if keepdim else (values.squeeze(dim), indices.squeeze(dim))

    return fn


def lower_median(x, dim=None, keepdim=False):
    if dim is None:
        return np.sort(x, axis=None)[(x.size - 1) // 2]
    order = np.argsort(x, axis=dim)
    indices = np.take(order, [(x.shape[dim] - 1) // 2], axis=dim)
    values = np.take_along_axis(x, indices, dim)
    return (values, indices) if keepdim else (values.squeeze(dim), indices.squeeze(dim))


def cumulative(ufunc):
    def fn(x, dim):
        if x.ndim == 0:
            return x, np.zeros((), int)
        best = ufunc.accumulate(x, axis=dim)
        places = np.arange(x.shape[dim]).reshape(
            [-1 if i == dim % x.ndim else 1 for i in range(x.ndim)]
        )
        return best, np.maximum.accumulate(np.where(x == best, places, 0), axis=dim)

    return fn


def reducing(function):
    return lambda x, dim=None, keepdim=False: function(x, axis=dim, keepdims=keepdim)


def wrong_dim(name):
    return bad(IndexError, f"{name}: Dimension out of range", np.ones((2, 3)), 2)


def twice(name):
    return bad(RuntimeError, f"{name}: dim (0, 0) appears multiple times", np.ones((2, 3)), (0, 0))


def nothing(name):
    return [
        bad(
            RuntimeError,
            f"{name}: expected reduction dim to be specified for an input without elements",
            np.ones((0, 3)),
        ),
        bad(IndexError, f"{name}: expected reduction dim 0 to have non-zero", np.ones((0, 3)), 0),
    ]


def floating(name):
    return bad(RuntimeError, f"{name}: the input must be floating-point", np.array([1, 2]))


SPECS = [
    OpSpec("sum", reducing(np.sum), normal, errors=[wrong_dim("sum"), twice("sum")]),
    OpSpec("mean", reducing(np.mean), normal, errors=[wrong_dim("mean"), floating("mean")]),
    OpSpec("nansum", reducing(np.nansum), normal),
    OpSpec("nanmean", reducing(np.nanmean), normal, errors=[floating("nanmean")]),
    OpSpec("prod", reducing(np.prod), factors, errors=[wrong_dim("prod")]),
    OpSpec("max", along(np.max, np.argmax), one_dim, errors=nothing("max")),
    OpSpec("min", along(np.min, np.argmin), one_dim, errors=nothing("min")),
    OpSpec("amax", reducing(np.max), ordered, errors=nothing("amax")),
    OpSpec("amin", reducing(np.min), ordered, errors=nothing("amin")),
    OpSpec(
        "aminmax",
        lambda x, dim=None: (np.min(x, dim), np.max(x, dim)),
        lambda rng: [sample(distinct(rng, (2, 3))), sample(distinct(rng, (2, 3)), dim=1)],
    ),
    OpSpec("median", lower_median, one_dim),
    OpSpec("nanmedian", lower_median, one_dim),
    *[
        OpSpec(name, reducing(function), one_dim, differentiable=False)
        for name, function in (("argmax", np.argmax), ("argmin", np.argmin))
    ],
    *[
        OpSpec(name, reducing(function), flags, differentiable=False)
        for name, function in (("any", np.any), ("all", np.all))
    ],
    OpSpec(
        "count_nonzero",
        lambda x, dim=None: np.asarray(np.count_nonzero(x, axis=dim)),
        flags,
        differentiable=False,
    ),
    OpSpec("var", var, variances, errors=[floating("var")]),
    OpSpec("std", lambda *a, **k: np.sqrt(var(*a, **k)), variances, errors=[floating("std")]),
    OpSpec("var_mean", lambda *a, **k: (var(*a, **k), mean_for_var(*a, **k)), variances),
    OpSpec("std_mean", lambda *a, **k: (np.sqrt(var(*a, **k)), mean_for_var(*a, **k)), variances),
    OpSpec(
        "norm",
        norm,
        norms,
        errors=[
            floating("norm"),
            bad(
                NotImplementedError,
                "norm: p must be a number or 'fro', got 'nuc'",
                np.ones(2),
                "nuc",
            ),
        ],
    ),
    OpSpec(
        "logsumexp",
        lambda x, dim, keepdim=False: np.log(np.sum(np.exp(x), dim, keepdims=keepdim)),
        dims_samples,
    ),
    OpSpec("cumsum", lambda x, dim: np.cumsum(x, dim).reshape(x.shape), lines),
    OpSpec(
        "cumprod",
        lambda x, dim: np.cumprod(x, dim).reshape(x.shape),
        lambda rng: lines(rng) + factors(rng),
    ),
    OpSpec("cummax", cumulative(np.maximum), lines),
    OpSpec("cummin", cumulative(np.minimum), lines),
]
