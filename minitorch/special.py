"""``torch.special``: special functions."""

from __future__ import annotations

import math

from .ops import doc
from .ops.activation import log_softmax, softmax
from .ops.elementwise import (
    eq,
    erf,
    erfc,
    erfinv,
    exp2,
    expm1,
    isnan,
    log,
    log1p,
    logical_and,
    mul,
    neg,
    round,
    where,
)
from .ops.elementwise import sigmoid as expit
from .ops.reduce import logsumexp
from .ops.special import digamma, i0, logit, polygamma, sinc, xlogy
from .ops.special import lgamma as gammaln
from .ops.special import mvlgamma as multigammaln

__all__ = [
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammaln",
    "i0",
    "log1p",
    "log_softmax",
    "logit",
    "logsumexp",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "sinc",
    "softmax",
    "xlog1py",
    "xlogy",
]

psi = digamma


@doc.floating
def entr(input):
    """Entropy of every element, ``-x log x``: 0 at 0, minus infinity below."""
    positive = input > 0
    result = neg(mul(input, log(where(positive, input, 1.0))))
    result = where(input < 0, -math.inf, result)
    return where(isnan(input), input, result)


@doc.floating
def ndtr(input):
    """Distribution function of the standard normal distribution, ``(1 + erf(x / √2)) / 2``."""
    return mul(erfc(mul(input, -math.sqrt(0.5))), 0.5)


@doc.floating
def ndtri(input):
    """Inverse of the distribution function of the standard normal distribution; see `ndtr`."""
    return mul(erfinv(input * 2 - 1), math.sqrt(2))


def xlog1py(input, other):
    """Return ``x log(1 + y)``, 0 where x is 0 (unless y is NaN).

    Parameters
    ----------
    input, other : Tensor or number
        Shapes that broadcast; at least one is a Tensor.

    Returns
    -------
    Tensor
    """
    zero = logical_and(eq(input, 0.0), ~isnan(other))
    return where(zero, 0.0, mul(input, log1p(where(zero, 0.0, other))))
