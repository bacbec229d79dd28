"""Layers that hold tables of vectors."""

from __future__ import annotations

from ..autograd.grad_mode import no_grad
from ..creation import empty
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

__all__ = ["Embedding", "EmbeddingBag"]


class _Table(Module):
    """What the two layers have in common: the table."""

    def _make_table(self, weight, freeze, device, dtype):
        count, size = self.num_embeddings, self.embedding_dim
        if self.padding_idx is not None:
            if not -count <= self.padding_idx < count:
                raise AssertionError("Padding_idx must be within num_embeddings")
            self.padding_idx %= count
        if weight is None:
            table = empty((count, size), device=device, dtype=dtype)
            self.weight = Parameter(table, requires_grad=not freeze)
            self.reset_parameters()
            return
        if tuple(weight.shape) != (count, size):
            raise AssertionError(
                "Shape of weight does not match num_embeddings and embedding_dim: "
                f"{tuple(weight.shape)}, {(count, size)}"
            )
        self.weight = Parameter(weight, requires_grad=not freeze)

    def reset_parameters(self) -> None:
        """Draw the table from N(0, 1); the row of padding is zero."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)


class Embedding(_Table):
    """A table of vectors, looked up by their numbers.

    Parameters
    ----------
    num_embeddings : int
        Number of vectors.
    embedding_dim : int
        Their size.
    padding_idx : int, optional
        A vector that is zero at the start and gets no gradient.
    max_norm : float, optional
        Vectors that are looked up are first shortened to this norm, in place.
    norm_type : float
        The p of that norm.
    scale_grad_by_freq : bool
        Divide the gradient of a vector by how often it was looked up.
    sparse : bool
        Accepted; gradients are dense.
    device, dtype : optional
        Of the table.

    Attributes
    ----------
    weight : Parameter
        Shape (num_embeddings, embedding_dim), from N(0, 1) at the start.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight=None,
        _freeze: bool = False,
        device=None,
        dtype=None,
    ):
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_idx
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        self._make_table(_weight, _freeze, device, dtype)

    def forward(self, input):
        return F.embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.padding_idx is not None:
            text += f", padding_idx={self.padding_idx}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        if self.sparse:
            text += ", sparse=True"
        return text

    @classmethod
    def from_pretrained(
        cls,
        embeddings,
        freeze=True,
        padding_idx=None,
        max_norm=None,
        norm_type=2.0,
        scale_grad_by_freq=False,
        sparse=False,
    ):
        """Make a layer that holds a given table.

        Parameters
        ----------
        embeddings : Tensor
            The table, shape (num_embeddings, embedding_dim).
        freeze : bool
            Whether it is kept from training.
        padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse
            As for the class.

        Returns
        -------
        Embedding
        """
        if embeddings.ndim != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        rows, columns = embeddings.shape
        return cls(
            rows,
            columns,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight=embeddings,
            _freeze=freeze,
        )


class EmbeddingBag(_Table):
    """A table of vectors; those of a bag of numbers are added, averaged, or their maxima taken.

    Parameters
    ----------
    num_embeddings : int
        Number of vectors.
    embedding_dim : int
        Their size.
    max_norm, norm_type, scale_grad_by_freq, sparse
        As for `Embedding`.
    mode : str
        ``'sum'``, ``'mean'`` or ``'max'``.
    include_last_offset : bool
        Whether the offsets end with the end of the last bag.
    padding_idx : int, optional
        A vector that does not count.
    device, dtype : optional
        Of the table.

    Attributes
    ----------
    weight : Parameter
        Shape (num_embeddings, embedding_dim), from N(0, 1) at the start.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight=None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device=None,
        dtype=None,
    ):
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.padding_idx = padding_idx
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset
        self._make_table(_weight, False, device, dtype)

    def forward(self, input, offsets=None, per_sample_weights=None):
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        text += f", mode={self.mode!r}"
        if self.padding_idx is not None:
            text += f", padding_idx={self.padding_idx}"
        return text
