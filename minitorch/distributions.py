"""``torch.distributions``: the distributions that image models and small agents draw from."""

from __future__ import annotations

import math

from .autograd.grad_mode import no_grad
from .ops import (
    bernoulli,
    broadcast_tensors,
    erf,
    erfinv,
    gather,
    logsumexp,
    multinomial,
    rand,
    randn,
    sigmoid,
    softmax,
    where,
)
from .ops.loss import binary_cross_entropy_with_logits
from .tensor import Size, Tensor

__all__ = [
    "Bernoulli",
    "Categorical",
    "Distribution",
    "Normal",
    "Uniform",
    "kl_divergence",
]


class Distribution:
    """What all distributions have in common.

    Parameters
    ----------
    batch_shape, event_shape : tuple of int
        Of the parameters, and of one draw.
    validate_args : bool, optional
        Accepted; arguments are always checked.

    Attributes
    ----------
    batch_shape, event_shape : Size
    """

    has_rsample = False

    def __init__(self, batch_shape=(), event_shape=(), validate_args=None):
        self.batch_shape, self.event_shape = Size(batch_shape), Size(event_shape)

    def _shape(self, sample_shape):
        return (*sample_shape, *self.batch_shape, *self.event_shape)

    def sample(self, sample_shape=()):
        """Draw, without gradient: (\\*sample_shape, \\*batch_shape).

        Parameters
        ----------
        sample_shape : tuple of int

        Returns
        -------
        Tensor
        """
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape=()):
        """Draw such that gradients flow to the parameters; see `sample`."""
        raise NotImplementedError(f"{type(self).__name__}: draws cannot be differentiated")

    @property
    def stddev(self):
        """Standard deviation."""
        return self.variance.sqrt()

    def perplexity(self):
        """Return the exponential of the entropy."""
        return self.entropy().exp()


def _parameters(*values):
    """Return numbers and tensors as tensors of one shape."""
    if not any(isinstance(v, Tensor) for v in values):
        from .creation import tensor

        return [tensor(float(v)) for v in values]
    like = next(v for v in values if isinstance(v, Tensor))
    tensors = [v if isinstance(v, Tensor) else like.new_tensor(float(v)) for v in values]
    return list(broadcast_tensors(*tensors))


def _check(name, parameter, valid, rule):
    if not valid.all():
        raise ValueError(f"{name}: expected {parameter} to be {rule}")


class Normal(Distribution):
    """Normal distribution.

    Parameters
    ----------
    loc, scale : float or Tensor
        Mean and standard deviation.
    validate_args : bool, optional
        Accepted.
    """

    has_rsample = True

    def __init__(self, loc, scale, validate_args=None):
        self.loc, self.scale = _parameters(loc, scale)
        _check("Normal", "scale", self.scale > 0, "positive")
        super().__init__(self.loc.shape)

    mean = mode = property(lambda self: self.loc, doc="Mean, of the shape of the parameters.")
    stddev = property(lambda self: self.scale)
    variance = property(lambda self: self.scale**2, doc="Variance of draws.")

    def rsample(self, sample_shape=()):
        return self.loc + randn(self._shape(sample_shape), dtype=self.loc.dtype) * self.scale

    def log_prob(self, value):
        """Return the logarithm of the density.

        Parameters
        ----------
        value : Tensor
            Broadcasts to the shape of the parameters.

        Returns
        -------
        Tensor
        """
        distance = (value - self.loc) / self.scale
        return -(distance**2) / 2 - self.scale.log() - math.log(math.sqrt(2 * math.pi))

    def cdf(self, value):
        """Return the distribution function; see `log_prob`."""
        return 0.5 * (1 + erf((value - self.loc) / self.scale / math.sqrt(2)))

    def icdf(self, value):
        """Return the inverse of the distribution function.

        Parameters
        ----------
        value : Tensor
            From 0 to 1.

        Returns
        -------
        Tensor
        """
        return self.loc + self.scale * erfinv(2 * value - 1) * math.sqrt(2)

    def entropy(self):
        """Return the entropy."""
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()


class Uniform(Distribution):
    """Uniform distribution.

    Parameters
    ----------
    low, high : float or Tensor
    validate_args : bool, optional
        Accepted.
    """

    has_rsample = True

    def __init__(self, low, high, validate_args=None):
        self.low, self.high = _parameters(low, high)
        _check("Uniform", "high", self.low < self.high, "greater than low")
        super().__init__(self.low.shape)

    mean = property(lambda self: (self.high + self.low) / 2, doc="Mean of the distribution.")
    variance = property(
        lambda self: (self.high - self.low) ** 2 / 12, doc="Variance of the distribution."
    )

    def rsample(self, sample_shape=()):
        spread = self.high - self.low
        return self.low + rand(self._shape(sample_shape), dtype=self.low.dtype) * spread

    def log_prob(self, value):
        """Return the logarithm of the density: minus infinity outside.

        Parameters
        ----------
        value : Tensor
            Broadcasts to the shape of the parameters.

        Returns
        -------
        Tensor
        """
        inside = (value >= self.low) & (value < self.high)
        return where(inside, self.low * 0, -math.inf) - (self.high - self.low).log()

    def entropy(self):
        """Return the entropy."""
        return (self.high - self.low).log()


def _one_of(name, probs, logits):
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")


class Bernoulli(Distribution):
    """Draws of 0 or 1.

    Parameters
    ----------
    probs : float or Tensor, optional
        Probability of 1.
    logits : float or Tensor, optional
        Or the logarithm of its odds.
    validate_args : bool, optional
        Accepted.
    """

    def __init__(self, probs=None, logits=None, validate_args=None):
        _one_of("Bernoulli", probs, logits)
        (given,) = _parameters(logits if probs is None else probs)
        if probs is None:
            self.logits, self.probs = given, sigmoid(given)
        else:
            _check("Bernoulli", "probs", (given >= 0) & (given <= 1), "from 0 to 1")
            eps = 1.2e-7 if given.itemsize < 8 else 2.3e-16
            safe = given.clamp(eps, 1 - eps)
            self.probs, self.logits = given, safe.log() - (-safe).log1p()
        super().__init__(given.shape)

    mean = property(lambda self: self.probs, doc="Mean of the distribution.")
    variance = property(
        lambda self: self.probs * (1 - self.probs), doc="Variance of the distribution."
    )

    def sample(self, sample_shape=()):
        with no_grad():
            return bernoulli(self.probs.expand(self._shape(sample_shape)))

    def _loss(self, value):
        logits, value = broadcast_tensors(self.logits, value)
        return binary_cross_entropy_with_logits(logits, value, reduction="none")

    def log_prob(self, value):
        """Return the logarithm of the probability.

        Parameters
        ----------
        value : Tensor
            0 or 1; broadcasts to the shape of the parameters.

        Returns
        -------
        Tensor
        """
        return -self._loss(value)

    def entropy(self):
        """Return the entropy."""
        return self._loss(self.probs)


class Categorical(Distribution):
    """One of several classes.

    Parameters
    ----------
    probs : Tensor, optional
        (..., classes): weights of the classes.
    logits : Tensor, optional
        Or their logarithms.
    validate_args : bool, optional
        Accepted.
    """

    def __init__(self, probs=None, logits=None, validate_args=None):
        _one_of("Categorical", probs, logits)
        if probs is not None:
            _check("Categorical", "probs", probs >= 0, "weights, not negative")
            self.probs = probs / probs.sum(-1, keepdim=True)
            eps = 1.2e-7 if probs.itemsize < 8 else 2.3e-16
            self.logits = self.probs.clamp(eps, 1 - eps).log()
        else:
            self.logits = logits - logsumexp(logits, -1, True)
            self.probs = softmax(logits, -1)
        self._num_events = self.logits.shape[-1]
        super().__init__(self.logits.shape[:-1])

    def sample(self, sample_shape=()):
        with no_grad():
            count = Size(sample_shape).numel()
            rows = self.probs.reshape(-1, self._num_events)
            drawn = multinomial(rows, count, True).t()
            return drawn.reshape(self._shape(sample_shape))

    def log_prob(self, value):
        """Return the logarithm of the probability of class numbers.

        Parameters
        ----------
        value : Tensor
            Of integers; broadcasts to `batch_shape`.

        Returns
        -------
        Tensor
        """
        value = value.long().unsqueeze(-1)
        shape = (*value.shape[:-1], self._num_events)
        return gather(self.logits.expand(shape), -1, value).squeeze(-1)

    def entropy(self):
        """Return the entropy."""
        return -(self.probs * self.logits.clamp(min=-1e30)).sum(-1)


def kl_divergence(p, q):
    """Return the Kullback-Leibler divergence of two distributions of one kind.

    Parameters
    ----------
    p, q : Distribution

    Returns
    -------
    Tensor

    Raises
    ------
    NotImplementedError
        If there is no formula for the pair.
    """
    if isinstance(p, Normal) and isinstance(q, Normal):
        ratio = (p.scale / q.scale) ** 2
        return 0.5 * (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ratio.log())
    if isinstance(p, Categorical) and isinstance(q, Categorical):
        return (p.probs * (p.logits - q.logits)).sum(-1)
    if isinstance(p, Bernoulli) and isinstance(q, Bernoulli):
        return q._loss(p.probs) - p.entropy()
    raise NotImplementedError(
        f"kl_divergence: no formula for {type(p).__name__} and {type(q).__name__}"
    )
