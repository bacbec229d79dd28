"""The softmax over many classes of which few are frequent."""

from __future__ import annotations

from typing import NamedTuple

from .. import creation, ops
from ..errors import ShapeError
from ..tensor import Tensor
from . import functional as F
from .container import ModuleList, Sequential
from .linear import Linear
from .module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class _ASMoutput(NamedTuple):
    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Negative log-likelihood of classes in clusters: the rarer, the fewer features each has.

    Input (N, in_features), targets (N,), output (N,) and a loss, 0-d; or without N.

    Grave et al., "Efficient softmax approximation for GPUs", ICML 2017 (arXiv:1609.04309).

    Parameters
    ----------
    in_features : int
    n_classes : int
        Classes are numbered from the most frequent to the rarest.
    cutoffs : sequence of int
        The first class of each cluster after the first.
    div_value : float, default 4
        A cluster has the features of the one before, divided by this.
    head_bias : bool, default False
        Whether the scores of the first cluster have a bias.
    device, dtype : optional
        Of the parameters.

    Raises
    ------
    ValueError
        If `cutoffs` are not increasing numbers from 1 to ``n_classes - 1``.
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs,
        div_value: float = 4.0,
        head_bias: bool = False,
        device=None,
        dtype=None,
    ):
        super().__init__()
        cutoffs = list(cutoffs)
        rising = all(a < b for a, b in zip([0, *cutoffs], [*cutoffs, n_classes], strict=True))
        if not cutoffs or not rising or any(int(c) != c for c in cutoffs):
            raise ValueError(
                "AdaptiveLogSoftmaxWithLoss: cutoffs should be a sequence of unique, positive "
                "integers sorted in an increasing order, where each value is between 1 and "
                f"n_classes-1, got {cutoffs} for n_classes={n_classes}"
            )
        self.in_features, self.n_classes = in_features, n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size, self.n_clusters = cutoffs[0], len(cutoffs)
        self.head_size = self.shortlist_size + self.n_clusters
        factory = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **factory)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            features = int(in_features // div_value ** (i + 1))
            classes = self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(
                Sequential(
                    Linear(in_features, features, bias=False, **factory),
                    Linear(features, classes, bias=False, **factory),
                )
            )

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        for module in self.modules():
            if isinstance(module, Linear):
                module.reset_parameters()

    def forward(self, input_, target_):
        """Return (output, loss): the log-probabilities of the targets, and minus their mean.

        Parameters
        ----------
        input_ : Tensor
            (N, in_features) or (in_features,)
        target_ : Tensor
            (N,) or 0-d, of classes.
        """
        self._check(input_, target_)
        batched = target_.ndim > 0
        input, target = (input_, target_) if batched else (input_.unsqueeze(0), target_.reshape(1))
        cluster = creation.zeros_like(target)
        for first in self.cutoffs[:-1]:
            cluster = cluster + (target >= first)
        column = ops.where(cluster == 0, target, cluster + (self.shortlist_size - 1))
        output = F.log_softmax(self.head(input), 1).gather(1, column.unsqueeze(1)).squeeze(1)
        for i, tail in enumerate(self.tail):
            rows = (cluster == i + 1).nonzero().squeeze(1)
            if rows.numel():
                inside = F.log_softmax(tail(input[rows]), 1)
                place = (target[rows] - self.cutoffs[i]).unsqueeze(1)
                output = output.index_add(0, rows, inside.gather(1, place).squeeze(1))
        return _ASMoutput(output if batched else output.squeeze(0), (-output).mean())

    def _check(self, input, target):
        name = "AdaptiveLogSoftmaxWithLoss"
        if target.ndim > 1 or input.ndim != target.ndim + 1:
            raise ShapeError(
                f"{name}: expects input (N, in_features) and target (N,), or one without N, got "
                f"{tuple(input.shape)} and {tuple(target.shape)}"
            )
        if target.ndim and len(input) != len(target):
            raise ShapeError(
                f"{name}: input and target should have the same size in the batch dimension, got "
                f"{tuple(input.shape)} and {tuple(target.shape)}"
            )
        if target.numel() and not 0 <= int(target.min()) <= int(target.max()) < self.n_classes:
            raise RuntimeError(
                f"{name}: target values should be in [0, {self.n_classes - 1}], but values in "
                f"range [{int(target.min())}, {int(target.max())}] were found"
            )

    def log_prob(self, input):
        """Return the log-probabilities of all classes, (N, n_classes).

        Parameters
        ----------
        input : Tensor
            (N, in_features)
        """
        head = F.log_softmax(self.head(input), 1)
        parts = [head[:, : self.shortlist_size]]
        for i, tail in enumerate(self.tail):
            column = head[:, self.shortlist_size + i].unsqueeze(1)
            parts.append(F.log_softmax(tail(input), 1) + column)
        return ops.cat(parts, 1)

    def predict(self, input):
        """Return the most probable class of each row, (N,).

        Parameters
        ----------
        input : Tensor
            (N, in_features)
        """
        return self.log_prob(input).argmax(1)
