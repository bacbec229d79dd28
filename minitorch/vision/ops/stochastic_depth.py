"""Stochastic depth: residual branches that are left out at random."""

from __future__ import annotations

from ... import creation, nn

__all__ = ["StochasticDepth", "stochastic_depth"]


def stochastic_depth(input, p: float, mode: str, training: bool = True):
    """Set a residual branch to zero with probability `p`, and divide what is kept by ``1 - p``.

    Parameters
    ----------
    input : Tensor
        Shape (N, ...).
    p : float
        Probability of zero, from 0 to 1.
    mode : str
        ``'row'`` decides for every entry of the batch, ``'batch'`` for all at once.
    training : bool, default True
        Otherwise the input is returned.

    Returns
    -------
    Tensor
        Of the shape of `input`.

    Raises
    ------
    ValueError
        If `p` is no probability or `mode` is neither of the two.

    Notes
    -----
    Source: G. Huang, Y. Sun, Z. Liu, D. Sedra, K. Weinberger, "Deep networks with stochastic
    depth", ECCV 2016.
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"stochastic_depth: p has to be between 0 and 1, but got {p}")
    if mode not in ("batch", "row"):
        raise ValueError(f"stochastic_depth: mode has to be 'batch' or 'row', but got {mode!r}")
    if not training or p == 0.0:
        return input
    kept = 1.0 - p
    rows = input.shape[0] if mode == "row" else 1
    noise = creation.empty(rows, *[1] * (input.ndim - 1), dtype=input.dtype).bernoulli_(kept)
    return input * (noise / kept if kept else noise)


class StochasticDepth(nn.Module):
    """Apply `stochastic_depth` while training.

    Parameters
    ----------
    p : float
        Probability of zero.
    mode : str
        ``'row'`` or ``'batch'``.
    """

    def __init__(self, p: float, mode: str):
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, input):
        return stochastic_depth(input, self.p, self.mode, self.training)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p}, mode={self.mode})"
