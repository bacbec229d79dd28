"""Linear algebra of small matrices.

Factorisations are LAPACK's, through numpy: the bits of their results may depend on the machine.
They are for initialisation and analysis; no layer is made of them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..autograd import op as _op
from ..autograd.op import Op
from ..errors import ShapeError
from .common import dimension, is_tensor, tensor
from .elementwise import div, mul, neg, sub, where
from .index import index_select
from .matmul import matmul
from .reduce import sum
from .shape import diagonal, movedim, roll, stack, transpose, unsqueeze

__all__ = [
    "cholesky",
    "cross",
    "det",
    "inverse",
    "logdet",
    "matrix_exp",
    "matrix_power",
    "nuclear_norm",
    "pinverse",
    "qr",
    "slogdet",
    "svd",
    "trace",
]


def _like(array):
    return _op.Tensor._wrap(np.asarray(array))


def _matrices(name, input, square=True):
    if not tensor(name, input).dtype.is_floating_point:
        raise RuntimeError(f"{name}: expected a floating-point tensor, got {input.dtype}")
    if input.ndim < 2 or (square and input.shape[-1] != input.shape[-2]):
        raise ShapeError(
            f"{name}: input must be batches of {'square ' if square else ''}matrices, got "
            f"{tuple(input.shape)}"
        )
    return input


def _factors(name, function, input):
    """Call numpy's function on an array, failures being this library's."""
    try:
        return function(input)
    except np.linalg.LinAlgError as error:
        raise RuntimeError(f"{name}: {error}: input {tuple(input.shape)}") from None


class Inverse(Op):
    """Inverse of matrices."""

    formula = "dX = -Yᵀ g Yᵀ for Y = X⁻¹"
    reads_output = True

    def forward(self, input):
        return _factors("inverse", np.linalg.inv, input)

    def backward(self, grad, needs):
        turned = transpose(self.output, -2, -1)
        return neg(matmul(matmul(turned, grad), turned))


class Determinant(Op):
    """Determinant of matrices."""

    formula = "dX = g det(X) X⁻ᵀ (of a singular matrix: its cofactors)"
    reads = {0: (0,)}

    def forward(self, input):
        return np.asarray(np.linalg.det(input), input.dtype)

    def backward(self, grad, needs):
        (input,) = self.inputs
        grad = unsqueeze(unsqueeze(grad, -1), -1)
        array = input._array if is_tensor(input) else input
        if np.linalg.det(array).all():
            value = unsqueeze(unsqueeze(Determinant()(input), -1), -1)
            return mul(mul(grad, value), transpose(Inverse()(input), -2, -1))
        return mul(grad, _cofactors(input))


def _cofactors(input):
    """Return the matrix of cofactors, from determinants of minors: right for any matrix."""
    n = input.shape[-1]
    if n == 1:
        return sub(mul(input, 0.0), -1.0)
    rows = []
    for i in range(n):
        row = []
        for j in range(n):
            keep_rows = [k for k in range(n) if k != i]
            keep_columns = [k for k in range(n) if k != j]
            minor = _selected(_selected(input, -2, keep_rows), -1, keep_columns)
            row.append(mul(Determinant()(minor), float((-1) ** (i + j))))
        rows.append(stack(row, -1))
    return stack(rows, -2)


def _selected(input, dim, index):
    if is_tensor(input):
        return index_select(input, dim, _like(np.array(index)))
    return np.take(input, index, dim)


def _without_derivative(name, function, input):
    """Apply a function of arrays with several results, none of which can be differentiated."""
    from ..autograd.grad_mode import state

    if state.grad and input.requires_grad:
        raise NotImplementedError(
            f"{name}: the derivative is not implemented; detach the input, or use no_grad()"
        )
    return tuple(_like(x) for x in _factors(name, function, input._array))


# ---- products


def trace(input):
    """Sum the diagonal of a matrix.

    Parameters
    ----------
    input : Tensor
        (n, m)

    Returns
    -------
    Tensor
        0-d; integers give int64.

    Raises
    ------
    ShapeError
        If `input` is no matrix.
    """
    if tensor("trace", input).ndim != 2:
        raise ShapeError(f"trace: expected a matrix, got {tuple(input.shape)}")
    return sum(diagonal(input))


def cross(input, other, dim=None):
    """Return the cross product of vectors of three elements along a dimension.

    Parameters
    ----------
    input, other : Tensor
        Shapes that broadcast; size 3 along `dim`.
    dim : int, optional
        Default: the first dimension of size 3.

    Returns
    -------
    Tensor
    """
    if dim is None:
        dim = next((i for i, n in enumerate(input.shape) if n == 3), None)
        if dim is None:
            raise ShapeError(f"cross: no dimension of size 3 in input {tuple(input.shape)}")
    dim = dimension("cross", input, dim)
    if input.shape[dim] != 3 or other.shape[dim - input.ndim] != 3:
        raise ShapeError(
            f"cross: inputs dimension {dim} must have length 3, got {tuple(input.shape)} and "
            f"{tuple(other.shape)}"
        )
    at = dim - input.ndim
    first = mul(roll(input, -1, at), roll(other, -2, at))
    return sub(first, mul(roll(input, -2, at), roll(other, -1, at)))


def matrix_power(input, n):
    """Return the n-th power of square matrices; negative powers are those of the inverse.

    Parameters
    ----------
    input : Tensor
        (..., k, k)
    n : int

    Returns
    -------
    Tensor
    """
    tensor("matrix_power", input)
    if input.ndim < 2 or input.shape[-1] != input.shape[-2]:
        raise ShapeError(
            f"matrix_power: input must be batches of square matrices, got {tuple(input.shape)}"
        )
    if n == 0:
        eye = np.eye(input.shape[-1], dtype=input.dtype.numpy)
        return _like(np.broadcast_to(eye, tuple(input.shape)).copy())
    base, n, result = (inverse(input), -n, None) if n < 0 else (input, n, None)
    while n:
        if n % 2:
            result = base if result is None else matmul(result, base)
        n //= 2
        if n:
            base = matmul(base, base)
    return result.clone() if result is input else result


def matrix_exp(input):
    """Return the exponential of square matrices, by scaling, a Taylor series and squaring.

    Parameters
    ----------
    input : Tensor
        (..., n, n), floating-point.

    Returns
    -------
    Tensor
        (..., n, n)
    """
    _matrices("matrix_exp", input)
    n = input.shape[-1]
    size = float(np.abs(input._array).sum(-1).max(initial=0.0))
    doublings = max(0, math.ceil(math.log2(size)) + 1) if size > 0 and math.isfinite(size) else 0
    scaled = div(input, 2.0**doublings)
    term = _like(np.broadcast_to(np.eye(n, dtype=input.dtype.numpy), tuple(input.shape)).copy())
    result = term
    for k in range(1, 19):
        term = div(matmul(term, scaled), float(k))
        result = result + term
    for _ in range(doublings):
        result = matmul(result, result)
    return result


# ---- inverses and determinants


def inverse(input):
    """Return the inverse of square matrices.

    Parameters
    ----------
    input : Tensor
        (..., n, n), floating-point.

    Returns
    -------
    Tensor

    Raises
    ------
    RuntimeError
        If a matrix is singular.
    """
    return Inverse()(_matrices("inverse", input))


def det(input):
    """Return the determinant of square matrices, (...).

    Parameters
    ----------
    input : Tensor
        (..., n, n), floating-point.

    Returns
    -------
    Tensor
        (...)
    """
    return Determinant()(_matrices("det", input))


class SignAndLog(NamedTuple):
    """Sign of a determinant, and the logarithm of its magnitude."""

    sign: object
    logabsdet: object


def slogdet(input):
    """Return sign and logarithm of the magnitude of the determinant of square matrices.

    Parameters
    ----------
    input : Tensor
        (..., n, n)

    Returns
    -------
    sign, logabsdet : Tensor
    """
    _matrices("slogdet", input)
    signs = np.linalg.slogdet(input._array)[0]
    return SignAndLog(_like(np.asarray(signs, input.dtype.numpy)), LogDeterminant()(input))


class LogDeterminant(Op):
    """Logarithm of the magnitude of the determinant."""

    formula = "dX = g X⁻ᵀ"
    reads = {0: (0,)}

    def forward(self, input):
        return np.asarray(np.linalg.slogdet(input)[1], input.dtype)

    def backward(self, grad, needs):
        turned = transpose(Inverse()(self.inputs[0]), -2, -1)
        return mul(unsqueeze(unsqueeze(grad, -1), -1), turned)


def logdet(input):
    """Return the logarithm of the determinant, NaN where it is negative; arguments as of `det`."""
    signs, logarithm = slogdet(input)
    return where(signs < 0, math.nan, logarithm)


# ---- factorisations


def cholesky(input, upper=False):
    """Return the triangular factor of symmetric positive-definite matrices (no derivative).

    Parameters
    ----------
    input : Tensor
        (..., n, n), floating-point.
    upper : bool
        Return U with ``Uᵀ U = input`` instead of L with ``L Lᵀ = input``.

    Returns
    -------
    Tensor
        (..., n, n)
    """
    _matrices("cholesky", input)
    (lower,) = _without_derivative("cholesky", lambda x: (np.linalg.cholesky(x),), input)
    return transpose(lower, -2, -1) if upper else lower


class Qr(NamedTuple):
    """An orthogonal and a triangular factor."""

    Q: object
    R: object


def qr(input, some=True):
    """Return an orthogonal and an upper triangular factor of matrices (no derivative).

    Parameters
    ----------
    input : Tensor
        (..., m, n)
    some : bool
        Reduced, (..., m, k) and (..., k, n), k the smaller of m and n; or complete.

    Returns
    -------
    Q, R : Tensor
    """
    _matrices("qr", input, False)
    mode = "reduced" if some else "complete"
    return Qr(*_without_derivative("qr", lambda x: np.linalg.qr(x, mode), input))


class Svd(NamedTuple):
    """Left singular vectors, singular values, right singular vectors."""

    U: object
    S: object
    V: object


def svd(input, some=True, compute_uv=True):
    """Return the singular value decomposition U diag(S) Vᵀ of matrices (no derivative).

    Parameters
    ----------
    input : Tensor
        (..., m, n)
    some : bool
        Reduced, or complete.
    compute_uv : bool
        False: U and V are zeros.

    Returns
    -------
    U, S, V : Tensor
    """
    _matrices("svd", input, False)
    left, values, right = _without_derivative(
        "svd", lambda x: np.linalg.svd(x, full_matrices=not some), input
    )
    if not compute_uv:
        left, right = left * 0, right * 0
    return Svd(left, values, transpose(right, -2, -1))


def pinverse(input, rcond=1e-15):
    """Return the pseudo-inverse of matrices (no derivative).

    Parameters
    ----------
    input : Tensor
        (..., n, m), floating-point.
    rcond : float
        Singular values up to `rcond` times the largest count as zero.

    Returns
    -------
    Tensor
        (..., m, n)
    """
    _matrices("pinverse", input, False)
    return _without_derivative("pinverse", lambda x: (np.linalg.pinv(x, rcond),), input)[0]


def nuclear_norm(input, dim=None, keepdim=False):
    """Return the sum of the singular values of matrices, in two dimensions (no derivative).

    Parameters
    ----------
    input : Tensor
        A matrix, or any if `dim` is given.
    dim : pair of int, optional
    keepdim : bool
        Keep these dimensions, of size 1.

    Returns
    -------
    Tensor
    """
    moved = input if dim is None else movedim(input, tuple(dim), (-2, -1))
    result = sum(svd(moved)[1], -1)
    if not keepdim:
        return result
    dims = sorted(d % input.ndim for d in (dim or range(input.ndim)))
    for d in dims:
        result = unsqueeze(result, d)
    return result
