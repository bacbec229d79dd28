"""Random tensors, random writes, and dropout."""

from __future__ import annotations

import math
import operator
import warnings

import numpy as np

from .. import dtypes, kernels
from .. import random as _random
from ..autograd.op import Op
from ..errors import ShapeError
from .common import is_tensor
from .elementwise import mul
from .shape import require_tensor, zeros_for

__all__ = [
    "bernoulli",
    "multinomial",
    "normal",
    "poisson",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
]


def numpy_generator(generator, count):
    """Return a numpy generator for what the C library does not draw: `count` numbers of a stream.

    Its cost is paid by those draws only: numpy's random module is slow to import.
    """
    from numpy.random import Generator, Philox

    seed, offset = (generator or _random.default_generator).take(count)
    # Only the first word of the counter runs; what is drawn from one offset meets no other.
    return Generator(Philox(key=seed, counter=[0, offset, 0, 0]))


def _reserved(shape, dtype, generator):
    """Reserve what an array of random numbers takes of a stream; return seed and offset."""
    counters = kernels.random_counters(shape, dtype)
    return (generator or _random.default_generator).take(counters)


def _uniform(shape, dtype, generator, low=0.0, high=1.0):
    """Draw numbers from `low` (included) to `high` (not)."""
    if dtype == np.float16:  # rounding float32 could give `high`
        coarse = np.floor(_uniform(shape, np.float32, generator) * 2048) / 2048
        array = (coarse * (high - low) + low).astype(np.float16)
        if high > low:
            array[array >= high] = low
        return array
    return kernels.random_uniform(shape, dtype, *_reserved(shape, dtype, generator), low, high)


def _normal(shape, dtype, generator, mean=0.0, std=1.0):
    """Draw numbers from a normal distribution."""
    wide = np.float32 if dtype == np.float16 else dtype
    place = _reserved(shape, wide, generator)
    return kernels.random_normal(shape, wide, *place, mean, std).astype(dtype, copy=False)


# ---- new tensors


def _new(name, size, options, draw, dtype=None, floating=True):
    """Make a tensor of a size with what ``draw(shape, numpy dtype, generator)`` returns."""
    from ..creation import _options, _size

    generator = options.pop("generator", None)
    named, out, chosen, requires_grad = _options(name, **options)
    shape = _size(name, size, named, 8)
    kind = dtypes.of(chosen) if chosen is not None else out.dtype if out is not None else dtype
    kind = kind or dtypes.get_default_dtype()
    if floating and not kind.is_floating_point:
        raise NotImplementedError(f"{name}: not implemented for {kind}")
    array = draw(shape, kind.numpy, generator)
    if out is not None:
        out._array = array
        return out
    result = _tensor(array)
    return result.requires_grad_() if requires_grad else result


def _tensor(array):
    return _random.Tensor._wrap(array)


def _like(name, input, options):
    require_tensor(name, input)
    options.setdefault("dtype", input.dtype)
    options["dtype"] = options["dtype"] or input.dtype
    return tuple(input.shape)


def rand(*size, **options):
    """Make a tensor of numbers evenly distributed from 0 (included) to 1 (not).

    Parameters
    ----------
    *size : int or sequence of int
    generator : Generator, optional
    dtype : dtype, optional
        Floating-point. Default: the default dtype.
    device, requires_grad, out, layout, pin_memory : optional
        As of `zeros`.

    Returns
    -------
    Tensor
    """
    return _new("rand", size, options, _uniform)


def randn(*size, **options):
    """Make a tensor of standard normally distributed numbers; options as of `rand`."""
    return _new("randn", size, options, _normal)


def rand_like(input, **options):
    """Make a tensor of the shape and type of `input` as `rand` does.

    Parameters
    ----------
    input : Tensor
    **options
        See `rand`.
    """
    return rand(_like("rand_like", input, options), **options)


def randn_like(input, **options):
    """Make a tensor of the shape and type of `input` as `randn` does.

    Parameters
    ----------
    input : Tensor
    **options
        See `randn`.
    """
    return randn(_like("randn_like", input, options), **options)


def randint(*args, **options):
    """Make a tensor of integers: ``randint(high, size)`` or ``randint(low, high, size)``.

    Parameters
    ----------
    low : int
        Included. Default: 0.
    high : int
        Not included.
    size : sequence of int
    generator : Generator, optional
    dtype : dtype, optional
        Default: int64.
    device, requires_grad, out, layout, pin_memory : optional
        As of `zeros`.

    Returns
    -------
    Tensor
    """
    named = {k: options.pop(k) for k in ("low", "high", "size") if k in options}
    args = list(args)
    if args and isinstance(args[-1], (tuple, list)):
        named["size"] = args.pop()
    if "high" not in named and args:
        named["high"] = args.pop()
    if "low" not in named and args:
        named["low"] = args.pop()
    if args or not {"high", "size"} <= set(named):
        raise TypeError("randint: expected (high, size) or (low, high, size)")
    low, high = operator.index(named.get("low", 0)), operator.index(named["high"])
    if low >= high:
        raise RuntimeError(
            f"randint: random_ expects 'from' to be less than 'to', got {low}, {high}"
        )

    def draw(shape, dtype, generator):
        stream = numpy_generator(generator, math.prod(shape))
        return np.asarray(stream.integers(low, high, shape)).astype(dtype)

    return _new("randint", (named["size"],), options, draw, dtypes.int64, floating=False)


def randint_like(input, low, high=None, **options):
    """Make a tensor of the shape and type of `input` as `randint` does.

    Parameters
    ----------
    input : Tensor
    low, high : int
    **options
        See `randint`.
    """
    low, high = (0, low) if high is None else (low, high)
    return randint(low, high, _like("randint_like", input, options), **options)


def randperm(n, **options):
    """Make a vector of the numbers from 0 to ``n - 1`` in random order; options as of `randint`.

    Parameters
    ----------
    n : int

    Returns
    -------
    Tensor
        (n,), of int64 unless told otherwise.
    """
    n = operator.index(n)
    if n < 0:
        raise RuntimeError(f"randperm: n must be non-negative, got {n}")

    def draw(shape, dtype, generator):
        return numpy_generator(generator, n).permutation(n).astype(dtype)

    return _new("randperm", (n,), options, draw, dtypes.int64, floating=False)


def normal(mean=0.0, std=1.0, size=None, *, generator=None, **options):
    """Make a tensor of normally distributed numbers.

    Parameters
    ----------
    mean, std : float or Tensor
        They broadcast; the result has their shape.
    size : sequence of int, optional
        The shape, if both are numbers.
    generator : Generator, optional
    **options
        As of `rand`.

    Returns
    -------
    Tensor
        Not connected with the graphs of `mean` and `std`.
    """
    if size is not None:
        options["generator"] = generator
        result = randn(size, **options)
        return _scaled(result, mean, std)
    values = [x._array if is_tensor(x) else np.asarray(x) for x in (mean, std)]
    tensors = [x for x in (mean, std) if is_tensor(x)]
    if not tensors:
        raise TypeError("normal: mean or std must be a Tensor, or size be given")
    _check_std("normal", values[1])
    kind = tensors[0].dtype
    shape = np.broadcast_shapes(*[v.shape for v in values])
    array = _normal(shape, kind.numpy, generator)
    return _tensor((array * values[1] + values[0]).astype(kind.numpy))


def _scaled(tensor, mean, std):
    _check_std("normal", std)
    array = tensor._array
    np.multiply(array, std, out=array)
    np.add(array, mean, out=array)
    return tensor


def _check_std(name, std):
    if np.any(np.asarray(std) < 0):
        raise RuntimeError(f"{name}: expects std >= 0.0, but found std {np.min(std)}")


def _check_probabilities(name, p):
    array = np.asarray(p)
    if not np.all((array >= 0) & (array <= 1)):
        raise RuntimeError(
            f"{name}: expected p from 0 to 1, got {p if array.ndim == 0 else 'others'}"
        )


class Draw(Op):
    """Random numbers in place of what was there."""

    formula = "dx = 0"

    def __init__(self, name, draw):
        self.label, self.draw = name, draw

    def forward(self, input):
        return self.draw(input.shape, input.dtype)

    def backward(self, grad, needs):
        return zeros_for(grad, tuple(grad.shape))

    def name(self) -> str:
        return self.label.capitalize() + "Backward0"


def bernoulli(input, p=None, *, generator=None):
    """Draw 0 or 1 for each element of `input`, which is the probability of 1.

    Parameters
    ----------
    input : Tensor
        Floating-point, from 0 to 1.
    p : float, optional
        This probability instead of those in `input`.
    generator : Generator, optional

    Returns
    -------
    Tensor
        The shape and type of `input`; its gradient is 0.
    """
    require_tensor("bernoulli", input)
    if p is None and not input.dtype.is_floating_point:
        raise NotImplementedError(f"bernoulli: not implemented for {input.dtype}")
    chance = input._array if p is None else p
    _check_probabilities("bernoulli", chance)
    wide = np.float64 if input.dtype is dtypes.float64 else np.float32
    return Draw(
        "bernoulli", lambda shape, dtype: (_uniform(shape, wide, generator) < chance).astype(dtype)
    )(input)


def poisson(input, generator=None):
    """Draw from Poisson distributions whose rates are the elements of `input`.

    Parameters
    ----------
    input : Tensor
        Not negative.
    generator : Generator, optional

    Returns
    -------
    Tensor
        Of the same shape and type. Nothing flows back to the rates.

    Raises
    ------
    RuntimeError
        If a rate is negative.
    """
    require_tensor("poisson", input)
    if (input._array < 0).any():
        raise RuntimeError("poisson: rates must not be negative")
    rates = input._array
    stream = numpy_generator(generator, rates.size)
    return Draw("poisson", lambda shape, dtype: np.asarray(stream.poisson(rates)).astype(dtype))(
        input
    )


def multinomial(input, num_samples, replacement=False, *, generator=None):
    """Draw indices with probabilities proportional to the elements of each row.

    Parameters
    ----------
    input : Tensor
        (categories,) or (rows, categories), floating-point, not negative; need not sum to 1.
    num_samples : int
    replacement : bool
        Whether an index can be drawn again.
    generator : Generator, optional

    Returns
    -------
    Tensor
        (num_samples,) or (rows, num_samples), int64.
    """
    name = "multinomial"
    require_tensor(name, input)
    if input.ndim not in (1, 2):
        raise ShapeError(f"{name}: prob_dist must be 1 or 2 dim, got shape {tuple(input.shape)}")
    if not input.dtype.is_floating_point:
        raise RuntimeError(f"{name}: only supports floating-point dtypes, got {input.dtype}")
    if num_samples <= 0:
        raise RuntimeError(f"{name}: cannot sample n_sample <= 0 samples, got {num_samples}")
    weights = np.atleast_2d(input._array.astype(np.float64))
    if not replacement and num_samples > weights.shape[1]:
        raise RuntimeError(
            f"{name}: cannot sample n_sample > prob_dist.size(-1) samples without replacement: "
            f"{num_samples} of {weights.shape[1]}"
        )
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise RuntimeError(
            f"{name}: probability tensor contains either `inf`, `nan` or element < 0"
        )
    if not (weights.sum(1) > 0).all():
        raise RuntimeError(f"{name}: invalid multinomial distribution (sum of probabilities <= 0)")
    if replacement:
        sums = np.cumsum(weights, 1)
        stream = numpy_generator(generator, len(weights) * num_samples)
        points = stream.random((len(weights), num_samples)) * sums[:, -1:]
        pairs = zip(sums, points, strict=True)
        index = np.array([np.searchsorted(row, at, "right") for row, at in pairs])
        # A sum that rounding made equal to the last one leads past the last index.
        last = weights.shape[1] - 1 - np.argmax(weights[:, ::-1] > 0, 1)
        index = np.minimum(index, last[:, None])
    else:
        # The order of exponentially distributed times of these rates is a draw without replacement.
        stream = numpy_generator(generator, weights.size)
        with np.errstate(divide="ignore"):
            times = stream.standard_exponential(weights.shape) / weights
        index = np.argsort(times, 1, kind="stable")[:, :num_samples]
    index = index.astype(np.int64).reshape((-1, num_samples) if input.ndim == 2 else num_samples)
    return _tensor(np.ascontiguousarray(index))


# ---- writes


def _bounds(name, args, named, default):
    """Return (from, to), given by position or, as ``from`` is a keyword of Python, by dict."""
    values = dict(zip(("from", "to"), default, strict=True))
    if len(args) > 2 or set(named) - {"from", "to"}:
        raise TypeError(f"{name}: takes from and to, got {args} and {named}")
    values.update(zip(("from", "to"), args, strict=False))
    values.update(named)
    return values["from"], values["to"]


def _floating(name, input):
    require_tensor(name, input)
    if not input.dtype.is_floating_point:
        raise NotImplementedError(f"{name}: not implemented for {input.dtype}")


def uniform_(input, *bounds, generator=None, **named):
    """Overwrite with numbers evenly distributed from `from` (included) to `to` (not).

    Parameters
    ----------
    input : Tensor
    from, to : float
        Default: 0 and 1.
    generator : Generator, optional

    Returns
    -------
    Tensor
        `input`.
    """
    low, high = _bounds("uniform_", bounds, named, (0.0, 1.0))
    _floating("uniform_", input)
    if not low <= high:
        raise RuntimeError(
            f"uniform_: expects to return a [from, to) range, but found from={low} > to={high}"
        )

    def draw(shape, dtype):
        return _uniform(shape, dtype, generator, low, high)

    return Draw("uniform", draw).inplace(input)


def normal_(input, mean=0.0, std=1.0, *, generator=None):
    """Overwrite with normally distributed numbers.

    Parameters
    ----------
    input : Tensor
        Floating-point.
    mean, std : float
    generator : Generator, optional

    Returns
    -------
    Tensor
        `input`.
    """
    _floating("normal_", input)
    _check_std("normal_", std)

    def draw(shape, dtype):
        return _normal(shape, dtype, generator, mean, std)

    return Draw("normal", draw).inplace(input)


def bernoulli_(input, p=0.5, *, generator=None):
    """Overwrite with 0 or 1.

    Parameters
    ----------
    input : Tensor
    p : float or Tensor
        The probability of 1; a Tensor broadcasts to `input`.
    generator : Generator, optional

    Returns
    -------
    Tensor
        `input`.
    """
    require_tensor("bernoulli_", input)
    chance = p._array if is_tensor(p) else p
    _check_probabilities("bernoulli_", chance)
    return Draw(
        "bernoulli",
        lambda shape, dtype: (_uniform(shape, np.float64, generator) < chance).astype(dtype),
    ).inplace(input)


def random_(input, *bounds, generator=None, **named):
    """Overwrite with integers from `from` (included) to `to` (not).

    Parameters
    ----------
    input : Tensor
    from, to : int
        One number is `to`. Default: 0 to the largest number such that all are exact in the type.
    generator : Generator, optional

    Returns
    -------
    Tensor
        `input`.
    """
    require_tensor("random_", input)
    if len(bounds) == 1 and not named:
        bounds = (0, bounds[0])
    kind = input.dtype
    if kind.is_floating_point:
        largest = 1 << (np.finfo(kind.numpy).nmant + 1)
    else:
        largest = 1 if kind is dtypes.bool else int(np.iinfo(kind.numpy).max)
    low, high = _bounds("random_", bounds, named, (0, None))
    high = largest + 1 if high is None else high
    if low >= high:
        raise RuntimeError(
            f"random_: expects 'from' to be less than 'to', got from={low} >= to={high}"
        )

    def draw(shape, dtype):
        stream = numpy_generator(generator, math.prod(shape))
        return np.asarray(stream.integers(low, high - 1, shape, endpoint=True)).astype(dtype)

    return Draw("random", draw).inplace(input)


def exponential_(input, lambd=1.0, *, generator=None):
    """Overwrite with exponentially distributed numbers, of the density ``lambd exp(-lambd x)``.

    Parameters
    ----------
    input : Tensor
        Floating-point.
    lambd : float
        The rate, above 0.
    generator : Generator, optional

    Returns
    -------
    Tensor
        `input`.
    """
    _floating("exponential_", input)
    if lambd <= 0:
        raise RuntimeError(f"exponential_: expects lambda > 0.0, but found lambda={lambd}")

    def draw(shape, dtype):
        stream = numpy_generator(generator, math.prod(shape))
        return (np.asarray(stream.standard_exponential(shape)) / lambd).astype(dtype)

    return Draw("exponential", draw).inplace(input)


def cauchy_(input, median=0.0, sigma=1.0, *, generator=None):
    """Overwrite with Cauchy-distributed numbers, ``1 / (π sigma (1 + ((x - median) / sigma)²))``.

    Parameters
    ----------
    input : Tensor
        Floating-point.
    median, sigma : float
        Middle and width; `sigma` is above 0.
    generator : Generator, optional

    Returns
    -------
    Tensor
        `input`.
    """
    _floating("cauchy_", input)
    if sigma <= 0:
        raise RuntimeError(f"cauchy_: expects sigma > 0.0, but found sigma={sigma}")

    def draw(shape, dtype):
        stream = numpy_generator(generator, 2 * math.prod(shape))
        return (median + sigma * np.asarray(stream.standard_cauchy(shape))).astype(dtype)

    return Draw("cauchy", draw).inplace(input)


def log_normal_(input, mean=1.0, std=2.0, *, generator=None):
    """Overwrite with numbers whose logarithm is normally distributed; see `normal_`."""
    _floating("log_normal_", input)
    if std <= 0:
        raise RuntimeError(f"log_normal_: expects std > 0.0, but found std={std}")

    def draw(shape, dtype):
        return np.exp(_normal(shape, dtype, generator, mean, std))

    return Draw("log_normal", draw).inplace(input)


def geometric_(input, p, *, generator=None):
    """Overwrite with the number of trials until the first success, from 1.

    Parameters
    ----------
    input : Tensor
    p : float
        The probability of success, between 0 and 1.
    generator : Generator, optional

    Returns
    -------
    Tensor
        `input`.
    """
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_: expects p to be in (0, 1), but got p={p}")

    def draw(shape, dtype):
        stream = numpy_generator(generator, math.prod(shape))
        return np.asarray(stream.geometric(p, shape)).astype(dtype)

    return Draw("geometric", draw).inplace(input)


# ---- dropout


class Dropout(Op):
    """Elements set to zero at random, the others scaled such that the mean stays.

    Nothing is kept: the backward pass draws the same numbers again.
    """

    formula = "y = x m / (1 - p), m = 0 with probability p, else 1: dx = g m / (1 - p)"

    def __init__(self, p, seed, offset):
        self.p, self.seed, self.offset = p, seed, offset

    def forward(self, input):
        scale = 1 / (1 - self.p) if self.p < 1 else 0.0
        return kernels.dropout(input, self.p, scale, self.seed, self.offset)

    def backward(self, grad, needs):
        return Dropout(self.p, self.seed, self.offset)(grad)


class ChannelDropout(Dropout):
    """Whole channels set to zero at random, the others scaled such that the mean stays."""

    def __init__(self, p, seed, offset, ndim):
        super().__init__(p, seed, offset)
        self.ndim = ndim  # dimensions of a channel

    def forward(self, input):
        channels = input.shape[: input.ndim - self.ndim]
        kept = super().forward(np.ones((*channels, *(1,) * self.ndim), input.dtype))
        return kernels.binary("mul", input, kept, out=self.out)

    def backward(self, grad, needs):
        return ChannelDropout(self.p, self.seed, self.offset, self.ndim)(grad)


def _channel_dimensions(name, input, ndim):
    """Return how many dimensions belong to one channel, by PyTorch's rules for odd inputs."""
    fits = input.ndim in (ndim + 1, ndim + 2)
    if (ndim == 1 and not fits) or input.ndim < (1 if ndim == 3 else 2):
        raise ShapeError(
            f"{name}: input must have {ndim + 2} dimensions, or {ndim + 1} without a batch, got "
            f"{tuple(input.shape)}"
        )
    if not fits or (ndim == 2 and input.ndim == 3):
        read = "(N, C, ...)" if ndim == 2 else "(C, ...)"
        warnings.warn(
            f"{name}: input of shape {tuple(input.shape)} is read as {read}; for inputs that are "
            f"not (N, C, {'DHW'[-ndim:]}) use dropout or dropout1d",
            stacklevel=4,
        )
    batch = ndim == 2 or input.ndim == ndim + 2
    return input.ndim - 1 - batch


def _dropout(name, input, p, training, inplace, ndim=0):
    require_tensor(name, input)
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: dropout probability has to be between 0 and 1, but got {p}")
    ndim = ndim and _channel_dimensions(name, input, ndim)
    if not training or p == 0:
        return input
    _floating(name, input)
    drawn = input.shape[: input.ndim - ndim]
    wide = np.float64 if input.dtype is dtypes.float64 else np.float32
    place = _reserved(drawn, wide, None)
    op = ChannelDropout(p, *place, ndim) if ndim else Dropout(p, *place)
    return op.inplace(input) if inplace else op(input)


def dropout(input, p=0.5, training=True, inplace=False):
    """Set elements to zero at random, and scale the others such that the mean stays.

    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15
    (2014).

    Parameters
    ----------
    input : Tensor
    p : float
        Probability of zero.
    training : bool
        ``False``: return `input`.
    inplace : bool
        Write into `input`.

    Returns
    -------
    Tensor
    """
    return _dropout("dropout", input, p, training, inplace)


def dropout1d(input, p=0.5, training=True, inplace=False):
    """Set whole channels of (N, C, L) or (C, L) to zero at random; see `dropout`.

    Tompson et al., "Efficient object localization using convolutional networks", CVPR 2015.
    """
    return _dropout("dropout1d", input, p, training, inplace, 1)


def dropout2d(input, p=0.5, training=True, inplace=False):
    """Set whole channels of (N, C, H, W) to zero at random; see `dropout1d`.

    Three dimensions are (N, C, L), two (N, C): as in PyTorch, with a warning.
    """
    return _dropout("dropout2d", input, p, training, inplace, 2)


def dropout3d(input, p=0.5, training=True, inplace=False):
    """Set whole channels of (N, C, D, H, W) or (C, D, H, W) to zero at random; see `dropout1d`."""
    return _dropout("dropout3d", input, p, training, inplace, 3)


class AlphaDropout(Op):
    """Elements set to a low value at random, then mapped so that mean and variance stay."""

    formula = "y = a (x m + α' (1 - m)) + b: dx = a m g"

    def __init__(self, p, shape):
        self.p, self.shape = p, shape

    def forward(self, input):
        p, low = self.p, -1.7580993408473766  # -λα of SELU
        scale = 1 / math.sqrt((1 - p) * (1 + p * low * low)) if p < 1 else 0.0
        kept = (_uniform(self.shape, np.float64, None) >= p).astype(input.dtype)
        factor = kept * input.dtype.type(scale)
        self.constants = factor
        shift = (scale * low * (1 - kept) - scale * low * p).astype(input.dtype)
        result = kernels.binary("mul", input, factor, out=self.out)
        return kernels.binary("add", result, shift, out=result)

    def backward(self, grad, needs):
        return mul(grad, self.constants)


def _alpha_dropout(name, input, p, training, inplace, shape):
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0:
        return input
    _floating(name, input)
    op = AlphaDropout(p, shape)
    return op.inplace(input) if inplace else op(input)


def alpha_dropout(input, p=0.5, training=False, inplace=False):
    """Dropout that keeps mean 0 and variance 1, for networks with SELU.

    Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017.

    Parameters
    ----------
    input : Tensor
    p : float
        Probability that an element is replaced.
    training : bool
        ``False``: return `input`.
    inplace : bool
        Write into `input`.

    Returns
    -------
    Tensor
    """
    require_tensor("alpha_dropout", input)
    return _alpha_dropout("alpha_dropout", input, p, training, inplace, tuple(input.shape))


def feature_alpha_dropout(input, p=0.5, training=False, inplace=False):
    """Dropout of whole channels that keeps mean and variance; see `alpha_dropout`."""
    require_tensor("feature_alpha_dropout", input)
    if input.ndim < 2:
        raise ShapeError(
            "feature_alpha_dropout: input must have at least 2 dimensions, got "
            f"{tuple(input.shape)}"
        )
    shape = (*input.shape[:2], *(1,) * (input.ndim - 2))
    return _alpha_dropout("feature_alpha_dropout", input, p, training, inplace, shape)
