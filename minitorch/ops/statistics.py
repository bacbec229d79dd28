"""Statistics and distances: quantiles, covariances, histograms, differences, integrals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import dtypes
from ..autograd import op as _op
from ..errors import ShapeError
from .common import cast, dimension, dimensions, floating, is_tensor, tensor
from .elementwise import (
    clamp_min,
    div,
    floor,
    isnan,
    lerp,
    mul,
    sqrt,
    sub,
    where,
)
from .index import gather, sort
from .matmul import matmul
from .reduce import cumsum, mean, norm, sum
from .shape import (
    cat,
    diagonal,
    expand,
    movedim,
    narrow,
    reshape,
    squeeze,
    transpose,
    unsqueeze,
)

__all__ = [
    "cdist",
    "corrcoef",
    "cosine_similarity",
    "cov",
    "cumulative_trapezoid",
    "diff",
    "dist",
    "gradient",
    "histogram",
    "logcumsumexp",
    "mode",
    "nanquantile",
    "pairwise_distance",
    "pdist",
    "quantile",
    "renorm",
    "trapezoid",
    "trapz",
]


def _like(array):
    return _op.Tensor._wrap(np.asarray(array))


# ---- quantiles, histograms


def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """Return quantiles of all elements, or along a dimension; NaN where there is a NaN.

    Parameters
    ----------
    input : Tensor
        float32 or float64.
    q : float or Tensor
        From 0 to 1; a vector gives a first dimension to the result.
    dim : int, optional
        Default: all elements.
    keepdim : bool
        Keep the dimension, with size 1.
    interpolation : str
        Between two elements: ``"linear"``, ``"lower"``, ``"higher"``, ``"midpoint"``,
        ``"nearest"``.

    Returns
    -------
    Tensor

    Raises
    ------
    RuntimeError
        If a `q` is not from 0 to 1, or the types differ.
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


def nanquantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """Return quantiles of the elements that are not NaN; see `quantile`."""
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)


def _quantile(name, input, q, dim, keepdim, interpolation, ignore_nan):
    if tensor(name, input).dtype not in (dtypes.float32, dtypes.float64):
        raise RuntimeError(f"{name}: input tensor must be either float or double dtype")
    if not is_tensor(q):
        q = _like(np.array(q, input.dtype.numpy))
    if q.dtype is not input.dtype:
        raise RuntimeError(f"{name}: q tensor must be same dtype as the input tensor")
    if q.ndim > 1:
        raise RuntimeError(f"{name}: q must be a scalar or 1D tensor")
    modes = ("linear", "lower", "higher", "midpoint", "nearest")
    if interpolation not in modes:
        raise RuntimeError(f"{name}: interpolation must be one of {modes}, got {interpolation!r}")
    if q.numel() and not (q._array.min() >= 0 and q._array.max() <= 1):
        raise RuntimeError(f"{name}: q values must be in the range [0, 1]")
    ndim = input.ndim
    if dim is None:
        line = reshape(input, (-1,))
    else:
        dim = dimension(name, input, dim)
        line = movedim(input, dim, -1) if ndim else reshape(input, (1,))
    if line.shape[-1] == 0:
        raise RuntimeError(f"{name}: input tensor must be non-empty")
    result = _at_ranks(line, reshape(q, (-1,)), interpolation, ignore_nan)
    if dim is None:
        result = reshape(result, (*[1] * (ndim * keepdim), -1))
    elif keepdim and ndim:
        result = movedim(unsqueeze(result, -1), -2, -1)  # (..., 1, q)
        result = movedim(result, -2, dim)
    if q.ndim == 0:
        return squeeze(result, -1)
    return movedim(result, -1, 0)


def _at_ranks(line, q, interpolation, ignore_nan):
    """Return, for each row of `line`, the elements (or between them) at the shares `q`."""
    values = sort(line, -1)[0]  # NaN come last
    count = sum(~isnan(line), -1, True)._array
    if ignore_nan:
        last = np.maximum(count - 1, 0)
    else:
        last = np.full_like(count, line.shape[-1] - 1)
    rank = mul(q, _like(last.astype(line.dtype.numpy)))
    if not ignore_nan:
        broken = count < line.shape[-1]
        rank = where(_like(broken), float(line.shape[-1] - 1), rank)

    def at(round_):
        return gather(values, -1, _like(round_(rank._array).astype(np.int64)))

    rounded = {"lower": np.floor, "higher": np.ceil, "nearest": np.round}
    if interpolation in rounded:
        return at(rounded[interpolation])
    weight = sub(rank, floor(rank)) if interpolation == "linear" else rank * 0 + 0.5
    return lerp(at(np.floor), at(np.ceil), weight)


class Mode(NamedTuple):
    """The most frequent values, and where they are."""

    values: object
    indices: object


def mode(input, dim=-1, keepdim=False):
    """Return the most frequent value along a dimension, the least of several, and its last place.

    Parameters
    ----------
    input : Tensor
    dim : int
    keepdim : bool
        Keep the dimension, with size 1.

    Returns
    -------
    values, indices : Tensor
    """
    dim = dimension("mode", tensor("mode", input), dim)
    if input.ndim == 0:
        return Mode(input.clone(), _like(np.zeros((), np.int64)))
    lines = np.moveaxis(input._array, dim, -1)
    if lines.shape[-1] == 0:
        raise IndexError(f"mode: expected reduction dim {dim} to have non-zero size")
    ordered = np.sort(lines, -1)
    counts = np.zeros(lines.shape, np.int64)
    run = np.zeros(lines.shape[:-1], np.int64)
    for i in range(lines.shape[-1]):  # lengths of the runs of equal values, so far
        same = ordered[..., i] == ordered[..., i - 1] if i else True
        run = np.where(same, run + 1, 1)
        counts[..., i] = run
    best = np.take_along_axis(ordered, counts.argmax(-1, keepdims=True), -1)
    places = np.where(lines == best, np.arange(lines.shape[-1]), -1).max(-1, keepdims=True)
    indices = _like(np.moveaxis(np.maximum(places, 0), -1, dim))
    values = gather(input, dim, indices)
    if keepdim:
        return Mode(values, indices)
    return Mode(squeeze(values, dim), squeeze(indices, dim))


class Histogram(NamedTuple):
    """Counts, and the edges of the bins."""

    hist: object
    bin_edges: object


def histogram(input, bins, *, range=None, weight=None, density=False):
    """Count elements in bins.

    Parameters
    ----------
    input : Tensor
        float32 or float64.
    bins : int or Tensor
        Number of bins, or their edges in order.
    range : (float, float), optional
        Of the bins. Default: the least and the greatest element.
    weight : Tensor, optional
        What each element counts. Default: 1.
    density : bool
        Divide by the total and by the widths.

    Returns
    -------
    hist, bin_edges : Tensor
    """
    array = tensor("histogram", input)._array.reshape(-1)
    if not input.dtype.is_floating_point:
        raise RuntimeError(f"histogram: not implemented for {input.dtype}")
    if is_tensor(bins):
        bins = bins._array
    elif range is None:
        low, high = (array.min(), array.max()) if array.size else (0.0, 1.0)
        range = (low, high) if low != high else (low, high + 1)
    weights = None if weight is None else weight._array.reshape(-1)
    counts, edges = np.histogram(array, bins, range, density, weights)
    return Histogram(_like(counts.astype(array.dtype)), _like(edges.astype(array.dtype)))


# ---- covariance


def cov(input, *, correction=1, fweights=None, aweights=None):
    """Return the covariance matrix of variables.

    Parameters
    ----------
    input : Tensor
        (variables, observations), or one variable.
    correction : int
        The sums are divided by the number of observations less this.
    fweights, aweights : Tensor, optional
        Integer counts, and weights, of the observations.

    Returns
    -------
    Tensor
        (variables, variables), or without dimensions.
    """
    if tensor("cov", input).ndim > 2:
        raise ShapeError(
            f"cov: expected input to have two or fewer dimensions, got {tuple(input.shape)}"
        )
    rows = reshape(input, (1, -1)) if input.ndim < 2 else input
    rows = floating("cov", rows)
    weight = None
    for given in (fweights, aweights):
        if given is not None:
            given = cast(given, rows.dtype)
            weight = given if weight is None else mul(weight, given)
    if weight is None:
        count = rows.shape[1]
        centred = sub(rows, mean(rows, 1, True))
        product, divisor = matmul(centred, transpose(centred, 0, 1)), count - correction
        result = div(product, float(max(divisor, 0)))
    else:
        total = sum(weight)
        centred = sub(rows, div(sum(mul(rows, weight), 1, True), total))
        product = matmul(mul(centred, weight), transpose(centred, 0, 1))
        if aweights is None:
            divisor = sub(total, float(correction))
        else:
            spread = div(sum(mul(weight, cast(aweights, rows.dtype))), total)
            divisor = sub(total, mul(spread, float(correction)))
        result = div(product, clamp_min(divisor, 0.0))
    return squeeze(result) if rows.shape[0] == 1 else result


def corrcoef(input):
    """Return the matrix of correlation coefficients of variables; see `cov`."""
    result = cov(input)
    if result.ndim == 0:
        return div(result, result)
    deviation = sqrt(diagonal(result))
    result = div(div(result, unsqueeze(deviation, 1)), unsqueeze(deviation, 0))
    return result.clamp(-1.0, 1.0)


# ---- differences and integrals


def diff(input, n=1, dim=-1, prepend=None, append=None):
    """Return the differences of neighbours along a dimension, `n` times.

    Parameters
    ----------
    input : Tensor
    n : int
    dim : int
    prepend, append : Tensor, optional
        What to put before and after the elements first.

    Returns
    -------
    Tensor
    """
    if tensor("diff", input).ndim == 0:
        raise RuntimeError("diff: expects input to be at least one-dimensional")
    dim = dimension("diff", input, dim)
    parts = [x for x in (prepend, input, append) if x is not None]
    if len(parts) > 1:
        input = cat(parts, dim)
    for _ in range(n):
        length = max(input.shape[dim] - 1, 0)
        if not length:
            return narrow(input, dim, 0, 0)
        later, earlier = narrow(input, dim, 1, length), narrow(input, dim, 0, length)
        input = later ^ earlier if input.dtype is dtypes.bool else sub(later, earlier)
    return input


def _widths(name, y, x, dx, dim):
    """Return the widths between neighbours, as a number or a tensor that broadcasts."""
    if x is None:
        return dx
    if x.ndim == 1:
        if x.shape[0] != y.shape[dim]:
            raise ShapeError(
                f"{name}: there must be one x value for each sample point: x {tuple(x.shape)}, "
                f"y {tuple(y.shape)}, dim {dim}"
            )
        line = [1] * y.ndim
        line[dim] = -1
        return reshape(diff(x), line)
    return diff(x, dim=dim - y.ndim)


def _trapezoids(name, y, x, dx, dim):
    y = floating(name, y)
    dim = dimension(name, y, dim)
    length = y.shape[dim]
    if length < 2:
        return narrow(y, dim, 0, 0), dim
    middle = y.narrow(dim, 1, length - 1) + y.narrow(dim, 0, length - 1)
    return mul(middle * 0.5, _widths(name, y, x, dx, dim)), dim


def trapezoid(y, x=None, *, dx=1.0, dim=-1):
    """Integrate along a dimension by the trapezoidal rule.

    Parameters
    ----------
    y : Tensor
        The values.
    x : Tensor, optional
        Where they are. Default: `dx` apart.
    dx : float
    dim : int

    Returns
    -------
    Tensor
    """
    parts, dim = _trapezoids("trapezoid", y, x, dx, dim)
    return sum(parts, dim)


trapz = trapezoid


def cumulative_trapezoid(y, x=None, *, dx=1.0, dim=-1):
    """Integrate cumulatively along a dimension by the trapezoidal rule; see `trapezoid`."""
    parts, dim = _trapezoids("cumulative_trapezoid", y, x, dx, dim)
    return cumsum(parts, dim)


def gradient(input, *, spacing=1, dim=None, edge_order=1):
    """Estimate the gradient by central differences, along dimensions.

    Parameters
    ----------
    input : Tensor
    spacing : number or sequence of numbers
        Distance of neighbours, for all dimensions or each.
    dim : int or tuple of int, optional
        Default: all.
    edge_order : int
        Of the one-sided differences at the ends: 1 or 2.

    Returns
    -------
    tuple of Tensor
        One per dimension, of the shape of `input`.
    """
    name = "gradient"
    dims = dimensions(name, tensor(name, input), dim)
    steps = list(spacing) if isinstance(spacing, (list, tuple)) else [spacing] * len(dims)
    if any(is_tensor(step) for step in steps):
        raise NotImplementedError("gradient: spacing by coordinates is not supported; use numbers")
    input = floating(name, input)
    return tuple(
        _slope(name, input, d, step, edge_order) for d, step in zip(dims, steps, strict=True)
    )


def _slope(name, input, dim, step, edge_order):
    n = input.shape[dim]
    if n < edge_order + 1:
        raise RuntimeError(
            f"{name}: expected each dimension size to be at least edge_order+1, got "
            f"{tuple(input.shape)}"
        )

    def at(start, length=1):
        return narrow(input, dim, start, length)

    if edge_order == 1:
        first, last = sub(at(1), at(0)), sub(at(n - 1), at(n - 2))
    else:
        first = at(1) * 2.0 - at(0) * 1.5 - at(2) * 0.5
        last = at(n - 1) * 1.5 - at(n - 2) * 2.0 + at(n - 3) * 0.5
    inner = [(at(2, n - 2) - at(0, n - 2)) * 0.5] if n > 2 else []
    return div(cat([first, *inner, last], dim), float(step))


def logcumsumexp(input, dim):
    """Return the logarithms of running sums of exponentials, without overflow.

    Parameters
    ----------
    input : Tensor
        Floating-point.
    dim : int

    Returns
    -------
    Tensor
    """
    dim = dimension("logcumsumexp", floating("logcumsumexp", input), dim)
    if not input.ndim:
        return input.clone()
    # Pairs at growing distances are combined: a step subtracts the largest of its own two numbers.
    step, n = 1, input.shape[dim]
    from .special import logaddexp

    while step < n:
        earlier = narrow(input, dim, 0, n - step)
        later = narrow(input, dim, step, n - step)
        input = cat([narrow(input, dim, 0, step), logaddexp(later, earlier)], dim)
        step *= 2
    return input


def renorm(input, p, dim, maxnorm):
    """Scale the slices along a dimension whose norm exceeds `maxnorm` down to it.

    Parameters
    ----------
    input : Tensor
    p : float
        Order of the norm.
    dim : int
        The slices are ``input.select(dim, i)``.
    maxnorm : float

    Returns
    -------
    Tensor
    """
    dim = dimension("renorm", tensor("renorm", input), dim)
    others = tuple(d for d in range(input.ndim) if d != dim)
    sizes = norm(input, p, others, True)
    return mul(input, where(sizes > maxnorm, div(maxnorm, sizes + 1e-7), 1.0))


# ---- distances


def dist(input, other, p=2):
    """Return the norm of order `p` of ``input - other``, broadcast.

    Parameters
    ----------
    input, other : Tensor
        Shapes that broadcast.
    p : float
        At least 0; may be infinite.

    Returns
    -------
    Tensor
        0-d.
    """
    return norm(sub(input, other), float(p))


def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """Return the distance of vectors in the last dimension: ``‖x1 - x2 + eps‖``.

    Parameters
    ----------
    x1, x2 : Tensor
        (N, D) or (D,); shapes that broadcast.
    p : float
        Order of the norm.
    eps : float
        Added to the differences, so that the derivative exists.
    keepdim : bool
        Keep the last dimension, with size 1.

    Returns
    -------
    Tensor
    """
    return norm(sub(x1, x2) + eps, float(p), -1, keepdim)


def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """Return the cosine of the angle between vectors along a dimension.

    Parameters
    ----------
    x1, x2 : Tensor
        Shapes that broadcast.
    dim : int
    eps : float
        Least length that is divided by.

    Returns
    -------
    Tensor
        ``x1 · x2 / (max(‖x1‖, eps) max(‖x2‖, eps))``
    """
    x1, x2 = floating("cosine_similarity", x1), floating("cosine_similarity", x2)
    product = mul(x1, x2)
    dim = dimension("cosine_similarity", product, dim)
    ndim = product.ndim
    lengths = [
        clamp_min(norm(x, 2, d, True), eps) if (d := dim - ndim + x.ndim) >= 0 else None
        for x in (x1, x2)
    ]
    if None in lengths:  # a vector without that dimension is repeated along it
        shape = tuple(product.shape)
        return cosine_similarity(expand(x1, shape), expand(x2, shape), dim, eps)
    return sum(mul(div(x1, lengths[0]), div(x2, lengths[1])), dim)


def cdist(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """Return the distances of all pairs of rows of two batches of matrices.

    Parameters
    ----------
    x1 : Tensor
        (..., P, D)
    x2 : Tensor
        (..., R, D)
    p : float
        Order of the norm, 0 to infinity.
    compute_mode : str
        Accepted: distances are computed from differences, never from products.

    Returns
    -------
    Tensor
        (..., P, R)

    Raises
    ------
    ShapeError
        If the rows differ in length.
    """
    name = "cdist"
    if tensor(name, x1).ndim < 2 or tensor(name, x2, "x2").ndim < 2:
        raise ShapeError(
            f"{name}: x1 and x2 must have at least two dimensions, got {tuple(x1.shape)} and "
            f"{tuple(x2.shape)}"
        )
    if x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(
            f"{name}: x1 and x2 must have the same number of columns, got {tuple(x1.shape)} and "
            f"{tuple(x2.shape)}"
        )
    if p < 0:
        raise RuntimeError(f"{name}: only supports non-negative p values, got {p}")
    if x1.shape[-1] == 0:
        return x1.new_zeros(*x1.shape[:-1], x2.shape[-2])
    return norm(sub(unsqueeze(x1, -2), unsqueeze(x2, -3)), float(p), -1)


def pdist(input, p=2.0):
    """Return the distances of all pairs of rows, (N (N - 1) / 2,), in order.

    Parameters
    ----------
    input : Tensor
        (N, D)
    p : float
        Order of the norm.

    Returns
    -------
    Tensor
    """
    if tensor("pdist", input).ndim != 2:
        raise ShapeError(f"pdist: only supports 2D tensors, got {tuple(input.shape)}")
    first, second = np.triu_indices(input.shape[0], 1)
    return norm(sub(input[_like(first)], input[_like(second)]), float(p), -1)
