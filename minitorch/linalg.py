"""``torch.linalg``: norms, products and factorisations of matrices."""

from __future__ import annotations

import math

import numpy as np

from .ops import linalg as _ops
from .ops.elementwise import abs as _abs
from .ops.linalg import (
    _factors,
    _like,
    _matrices,
    _without_derivative,
    det,
    matrix_exp,
    matrix_power,
    slogdet,
)
from .ops.linalg import cholesky as _cholesky
from .ops.linalg import inverse as inv
from .ops.matmul import chain_matmul, matmul
from .ops.reduce import amax, amin
from .ops.reduce import norm as _norm
from .ops.reduce import sum as _sum
from .ops.shape import diagonal, movedim, transpose, unsqueeze

__all__ = [
    "cholesky",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "lstsq",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "vector_norm",
]


def vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None):
    """Return the norm of order `ord` of the elements as a vector.

    Parameters
    ----------
    x : Tensor
    ord : float
    dim : int or tuple of int, optional
        Default: all.
    keepdim : bool
    dtype : dtype, optional
        To convert to first.

    Returns
    -------
    Tensor
    """
    return _norm(x, float(ord), dim, keepdim, dtype)


def matrix_norm(A, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None):
    """Return a norm of matrices.

    Parameters
    ----------
    A : Tensor
        (..., m, n)
    ord : str or float
        ``"fro"``, ``"nuc"``, 1, -1, 2, -2, inf or -inf.
    dim : pair of int
        The dimensions of the matrices.
    keepdim : bool
    dtype : dtype, optional
        To convert to first.

    Returns
    -------
    Tensor
    """
    A = A if dtype is None else A.to(dtype)
    rows, columns = (d % A.ndim for d in dim)
    if ord == "fro":
        return _norm(A, 2.0, (rows, columns), keepdim)
    if ord == "nuc" or ord in (2, -2):
        values = svdvals(movedim(A, (rows, columns), (-2, -1)))
        kinds = {"nuc": _sum, 2: amax, -2: amin}
        result = kinds[ord](values, -1)
    elif ord in (1, -1, math.inf, -math.inf):
        summed, left = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = _sum(_abs(A), summed)
        result = (amax if ord > 0 else amin)(sums, left - (left > summed))
    else:
        raise ValueError(f"matrix_norm: order {ord!r} is not supported")
    for d in sorted((rows, columns)) if keepdim else ():
        result = unsqueeze(result, d)
    return result


def norm(A, ord=None, dim=None, keepdim=False, *, dtype=None):
    """Return a norm of vectors or matrices; see `vector_norm` and `matrix_norm`.

    Parameters
    ----------
    A : Tensor
    ord : str or float, optional
        Default: the 2-norm of all elements. With two dimensions it is the norm of matrices.
    dim : int or tuple of int, optional
    keepdim : bool
    dtype : dtype, optional

    Returns
    -------
    Tensor
    """
    if ord is not None and (isinstance(dim, (tuple, list)) and len(dim) == 2):
        return matrix_norm(A, ord, dim, keepdim, dtype=dtype)
    if ord is not None and dim is None and A.ndim == 2:
        return matrix_norm(A, ord, (0, 1), keepdim, dtype=dtype)
    if isinstance(ord, str):
        raise RuntimeError(f"norm: ord={ord!r} needs matrices, dim is {dim}")
    return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)


def cross(input, other, *, dim=-1):
    """Return the cross product of vectors of three elements along a dimension.

    Parameters
    ----------
    input, other : Tensor
        Of size 3 along `dim`; shapes that broadcast.
    dim : int

    Returns
    -------
    Tensor
    """
    return _ops.cross(input, other, dim)


def cholesky(A, *, upper=False):
    """Return the triangular factor of symmetric positive-definite matrices (no derivative).

    Parameters
    ----------
    A : Tensor
        (..., n, n)
    upper : bool
        Return U with ``Uᵀ U = A`` instead of L with ``L Lᵀ = A``.

    Returns
    -------
    Tensor
    """
    return _cholesky(A, upper)


def qr(A, mode="reduced"):
    """Return an orthogonal and a triangular factor; `mode` is "reduced" or "complete".

    Parameters
    ----------
    A : Tensor
        (..., m, n)
    mode : str
        Q is (..., m, k) with k = min(m, n), or with "complete" k = m.

    Returns
    -------
    Q, R
    """
    return _ops.qr(A, mode == "reduced")


def svd(A, full_matrices=True):
    """Return U, S and Vᵀ of the singular value decomposition (no derivative).

    Parameters
    ----------
    A : Tensor
        (..., m, n)
    full_matrices : bool
        U and Vᵀ are square; else (..., m, k) and (..., k, n) with k = min(m, n).

    Returns
    -------
    U, S, Vᵀ
        S is (..., k), the largest first.
    """
    left, values, right = _ops.svd(A, not full_matrices)
    return left, values, transpose(right, -2, -1)


def svdvals(A):
    """Return the singular values of matrices, the largest first (no derivative).

    Parameters
    ----------
    A : Tensor
        (..., m, n)

    Returns
    -------
    Tensor
        (..., min(m, n))
    """
    _matrices("svdvals", A, False)
    return _without_derivative("svdvals", lambda x: (np.linalg.svd(x, compute_uv=False),), A)[0]


def eigh(A, UPLO="L"):
    """Return eigenvalues, in order, and eigenvectors of symmetric matrices (no derivative).

    Parameters
    ----------
    A : Tensor
        (..., n, n)
    UPLO : str
        Which triangle is read: "L" or "U".

    Returns
    -------
    eigenvalues, eigenvectors
        (..., n), the least first, and (..., n, n), one in each column.
    """
    _matrices("eigh", A)
    return _without_derivative("eigh", lambda x: np.linalg.eigh(x, UPLO), A)


def eigvalsh(A, UPLO="L"):
    """Return the eigenvalues of symmetric matrices, in order (no derivative); see `eigh`."""
    return eigh(A, UPLO)[0]


def pinv(A, rcond=1e-15, hermitian=False):
    """Return the pseudo-inverse of matrices (no derivative).

    Parameters
    ----------
    A : Tensor
        (..., m, n)
    rcond : float
        Singular values up to `rcond` times the largest count as zero.
    hermitian : bool
        Accepted.

    Returns
    -------
    Tensor
        (..., n, m)
    """
    return _ops.pinverse(A, rcond)


def matrix_rank(A, tol=None):
    """Return the number of singular values that are not small, as int64.

    Parameters
    ----------
    A : Tensor
        (..., m, n)
    tol : float, optional
        What is small. Default: ``S.max() * max(m, n) * eps``.

    Returns
    -------
    Tensor
        (...)
    """
    return _like(np.asarray(np.linalg.matrix_rank(A._array, tol), np.int64))


def multi_dot(tensors):
    """Return the product of matrices, in the cheapest order.

    Parameters
    ----------
    tensors : sequence of Tensor
        Matrices; the first and the last may be vectors.

    Returns
    -------
    Tensor
    """
    return chain_matmul(*tensors)


def solve(A, B):
    """Return X with ``A X = B``.

    Parameters
    ----------
    A : Tensor
        (..., n, n)
    B : Tensor
        (..., n, k), or a vector (n,).

    Returns
    -------
    Tensor
        Of the shape of `B`.
    """
    _matrices("solve", A)
    return matmul(inv(A), B)


def lstsq(A, B):
    """Return the solution of least squares of ``A X = B`` (no derivative).

    Parameters
    ----------
    A : Tensor
        (m, n)
    B : Tensor
        (m, k)

    Returns
    -------
    solution, residuals, rank, singular_values
    """
    result = _factors("lstsq", lambda x: np.linalg.lstsq(x, B._array), A._array)
    return tuple(_like(np.asarray(part)) for part in result)
