"""Attention: averages of values, weighted by how well queries and keys agree."""

from __future__ import annotations

import math

import numpy as np

from .. import dtypes
from ..autograd import op as _op
from ..errors import ShapeError
from .activation import softmax
from .common import tensor
from .elementwise import add, mul, where
from .matmul import linear, matmul
from .random import dropout
from .reduce import amax, mean
from .shape import (
    cat,
    chunk,
    expand,
    repeat_interleave,
    reshape,
    transpose,
    unsqueeze,
    zeros_for,
)

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]


def _like(array):
    return _op.Tensor._wrap(np.asarray(array))


def _causal(queries, keys):
    """Return the mask in which a query sees the keys up to its own place."""
    return _like(np.tri(queries, keys, dtype=np.bool_))


def scaled_dot_product_attention(
    query,
    key,
    value,
    attn_mask=None,
    dropout_p=0.0,
    is_causal=False,
    scale=None,
    enable_gqa=False,
):
    """Return ``softmax(query @ keyᵀ * scale + mask) @ value``.

    Parameters
    ----------
    query : Tensor
        (..., L, E)
    key : Tensor
        (..., S, E)
    value : Tensor
        (..., S, V)
    attn_mask : Tensor, optional
        Broadcast to (..., L, S): bool, True where a key counts; or floating-point, added.
    dropout_p : float
        Probability with which a weight is dropped, always.
    is_causal : bool
        A query sees the keys up to its own place only.
    scale : float, optional
        Default: ``1 / sqrt(E)``.
    enable_gqa : bool
        Repeat the heads (dimension -3) of key and value to those of the query.

    Returns
    -------
    Tensor
        (..., L, V); zeros for queries that see no key.

    Raises
    ------
    ShapeError
        If sizes do not fit.

    Notes
    -----
    Vaswani et al. 2017 (arXiv 1706.03762), equation 1.
    """
    name = "scaled_dot_product_attention"
    for label, x in (("query", query), ("key", key), ("value", value)):
        if tensor(name, x, label).ndim < 2:
            raise ShapeError(f"{name}: {label} must have at least 2 dimensions, got {x.shape}")
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise ShapeError(
            f"{name}: query and key must agree in the last dimension, key and value in the one "
            f"before: query {tuple(query.shape)}, key {tuple(key.shape)}, value "
            f"{tuple(value.shape)}"
        )
    if enable_gqa:
        heads = query.shape[-3]
        key = repeat_interleave(key, heads // key.shape[-3], -3)
        value = repeat_interleave(value, heads // value.shape[-3], -3)
    if is_causal:
        if attn_mask is not None:
            raise RuntimeError(f"{name}: Explicit attn_mask should not be set when is_causal=True")
        attn_mask = _causal(query.shape[-2], key.shape[-2])
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = matmul(mul(query, factor), transpose(key, -2, -1))
    scores = _masked(scores, attn_mask)
    weights = softmax(scores, -1)
    if attn_mask is not None:  # a query that sees nothing
        blind = amax(scores.detach(), -1, True) == -math.inf
        weights = where(blind, 0.0, weights)
    if dropout_p > 0:
        weights = dropout(weights, dropout_p, True)
    return matmul(weights, value)


def _masked(scores, mask):
    if mask is None:
        return scores
    if mask.dtype is dtypes.bool:
        return where(mask, scores, -math.inf)
    return add(scores, mask)


def _additive(name, mask, like, what):
    """Return a mask of attention as numbers to add; True in a bool mask hides a key."""
    if mask is None or mask.dtype.is_floating_point:
        return mask
    if mask.dtype is not dtypes.bool and mask.dtype is not dtypes.uint8:
        raise RuntimeError(f"{name}: only bool and floating types of {what} are supported")
    return where(mask != 0, -math.inf, zeros_for(like, tuple(mask.shape)))


def _projected(query, key, value, weight, bias, separate):
    """Return queries, keys and values after their projections."""
    weights = separate if separate is not None else chunk(weight, 3)
    biases = (None,) * 3 if bias is None else chunk(bias, 3)
    inputs = (query, key, value)
    return [linear(x, w, b) for x, w, b in zip(inputs, weights, biases, strict=True)]


def multi_head_attention_forward(
    query,
    key,
    value,
    embed_dim_to_check,
    num_heads,
    in_proj_weight,
    in_proj_bias,
    bias_k,
    bias_v,
    add_zero_attn,
    dropout_p,
    out_proj_weight,
    out_proj_bias,
    training=True,
    key_padding_mask=None,
    need_weights=True,
    attn_mask=None,
    use_separate_proj_weight=False,
    q_proj_weight=None,
    k_proj_weight=None,
    v_proj_weight=None,
    static_k=None,
    static_v=None,
    average_attn_weights=True,
    is_causal=False,
):
    """Return attention of several heads, projected in and out, and its weights.

    Parameters
    ----------
    query : Tensor
        (L, N, E) or (L, E)
    key, value : Tensor
        (S, N, ...) or (S, ...)
    embed_dim_to_check, num_heads : int
    in_proj_weight, in_proj_bias : Tensor
        (3 E, E) and (3 E,): of queries, keys, values.
    bias_k, bias_v : Tensor, optional
        One more key and value.
    add_zero_attn : bool
        One more key and value, of zeros.
    dropout_p : float
    out_proj_weight, out_proj_bias : Tensor
    training : bool
    key_padding_mask : Tensor, optional
        (N, S): bool, True for keys that do not count; or numbers to add.
    need_weights : bool
        Return the weights too.
    attn_mask : Tensor, optional
        (L, S) or (N * num_heads, L, S), in the same way.
    use_separate_proj_weight : bool
        Use the following.
    q_proj_weight, k_proj_weight, v_proj_weight : Tensor, optional
        (E, E), (E, size of keys), (E, size of values).
    static_k, static_v : None
        Not supported.
    average_attn_weights : bool
        Return the mean of the weights over the heads.
    is_causal : bool
        That `attn_mask` is causal; needs one.

    Returns
    -------
    output : Tensor
        As `query`.
    weights : Tensor or None
        (N, L, S), or (N, num_heads, L, S).
    """
    name = "multi_head_attention_forward"
    if static_k is not None or static_v is not None:
        raise NotImplementedError(f"{name}: static_k and static_v are not supported")
    batched = query.ndim == 3
    if query.ndim not in (2, 3) or key.ndim != query.ndim or value.ndim != query.ndim:
        raise ShapeError(
            f"{name}: query, key and value must all have 2 or 3 dimensions, got "
            f"{tuple(query.shape)}, {tuple(key.shape)}, {tuple(value.shape)}"
        )
    if query.shape[-1] != embed_dim_to_check:
        raise ShapeError(
            f"{name}: was expecting embedding dimension of {embed_dim_to_check}, but got "
            f"{query.shape[-1]}: query {tuple(query.shape)}"
        )
    if key.shape[:-1] != value.shape[:-1] or (batched and key.shape[1] != query.shape[1]):
        raise ShapeError(
            f"{name}: key's sequence and batch dims must match value's and the batch query's: "
            f"query {tuple(query.shape)}, key {tuple(key.shape)}, value {tuple(value.shape)}"
        )
    if is_causal and attn_mask is None:
        raise RuntimeError(f"{name}: Need attn_mask if specifying the is_causal hint.")
    if not batched:
        query, key, value = (unsqueeze(x, 1) for x in (query, key, value))
        if key_padding_mask is not None:
            key_padding_mask = unsqueeze(key_padding_mask, 0)
    length, batch, width = query.shape
    separate = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    q, k, v = _projected(query, key, value, in_proj_weight, in_proj_bias, separate)
    attn_mask = _additive(name, attn_mask, q, "attn_mask")
    key_padding_mask = _additive(name, key_padding_mask, q, "key_padding_mask")
    extra = 0
    if bias_k is not None:
        k = cat([k, expand(bias_k, (1, batch, width))])
        v = cat([v, expand(bias_v, (1, batch, width))])
        extra += 1
    if add_zero_attn:
        zero = zeros_for(k, (1, batch, width))
        k, v = cat([k, zero]), cat([v, zero])
        extra += 1
    size = width // num_heads

    def heads(x):
        return transpose(reshape(x, (x.shape[0], batch * num_heads, size)), 0, 1)

    q, k, v = heads(q), heads(k), heads(v)
    mask = _joined_mask(name, attn_mask, key_padding_mask, q, k, batch, num_heads, extra)
    scores = matmul(mul(q, 1 / math.sqrt(size)), transpose(k, -2, -1))
    weights = softmax(scores if mask is None else add(scores, mask), -1)
    if training and dropout_p > 0:
        weights = dropout(weights, dropout_p, True)
    attended = reshape(transpose(matmul(weights, v), 0, 1), (length, batch, width))
    output = linear(attended, out_proj_weight, out_proj_bias)
    if not batched:
        output = reshape(output, (length, width))
    if not need_weights:
        return output, None
    weights = reshape(weights, (batch, num_heads, length, k.shape[1]))
    if average_attn_weights:
        weights = mean(weights, 1)
    return output, weights if batched else reshape(weights, tuple(weights.shape)[1:])


def _joined_mask(name, attn_mask, padding, q, k, batch, num_heads, extra):
    """Return both masks as one, (N * num_heads or 1, L, S), or None."""
    keys = k.shape[1] - extra
    mask = attn_mask
    if mask is not None:
        expected = (q.shape[1], keys)
        if tuple(mask.shape) not in (expected, (batch * num_heads, *expected)):
            raise ShapeError(
                f"{name}: The shape of attn_mask is {tuple(mask.shape)}, but should be {expected} "
                f"or {(batch * num_heads, *expected)}"
            )
        mask = unsqueeze(mask, 0) if mask.ndim == 2 else mask
    if padding is not None:
        if tuple(padding.shape) != (batch, keys):
            raise ShapeError(
                f"{name}: expecting key_padding_mask shape of {(batch, keys)}, but got "
                f"{tuple(padding.shape)}"
            )
        spread = expand(reshape(padding, (batch, 1, 1, keys)), (batch, num_heads, 1, keys))
        spread = reshape(spread, (batch * num_heads, 1, keys))
        mask = spread if mask is None else add(mask, spread)
    if mask is not None and extra:
        mask = cat([mask, zeros_for(mask, (*mask.shape[:-1], extra))], -1)
    return mask
