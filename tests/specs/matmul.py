"""Products of matrices."""

import numpy as np
from opspecs import OpSpec, bad, sample

from minitorch.errors import ShapeError

X = np.zeros((2, 3))


def is_shape(a):
    return isinstance(a, tuple) and all(isinstance(n, int) for n in a)


def of(*groups):
    """Make samples of arrays of the shapes in each group; what is no shape stays as it is."""

    def samples(rng):
        return [
            sample(*[rng.standard_normal(a) if is_shape(a) else a for a in group])
            for group in groups
        ]

    return samples


def with_factors(*shapes):
    """Make two samples, one with other factors than 1."""

    def samples(rng):
        arrays = [rng.standard_normal(shape) for shape in shapes]
        return [sample(*arrays), sample(*arrays, beta=0.5, alpha=2)]

    return samples


def weighted(product):
    return lambda x, a, b, beta=1, alpha=1: beta * x + alpha * product(a, b)


def contracted(equation, *arrays):
    return np.einsum(equation, *arrays)


SPECS = [
    OpSpec(
        "matmul",
        np.matmul,
        of(
            ((2, 3), (3, 2)),
            ((3,), (3,)),
            ((2, 3), (3,)),
            ((3,), (3, 2)),
            ((2, 2, 3), (3, 2)),
            ((2, 1, 1, 3), (2, 3, 1)),
            ((2, 2), (2, 2, 1)),
            ((0, 3), (3, 2)),
        ),
        errors=[
            bad(
                ShapeError,
                "matmul: shapes cannot be multiplied, 3 and 2 differ: input (2, 3)",
                X,
                X,
            ),
            bad(ShapeError, "matmul: both arguments need to be at least 1D", X, np.zeros(())),
            bad(TypeError, "matmul: other must be a Tensor, got int", X, 1),
        ],
    ),
    OpSpec(
        "mm",
        np.matmul,
        of(((2, 3), (3, 2))),
        errors=[bad(ShapeError, "mm: mat2 must be 2-d, got shape (3,)", X, X[0])],
    ),
    OpSpec(
        "bmm",
        np.matmul,
        of(((2, 2, 3), (2, 3, 1))),
        errors=[bad(ShapeError, "bmm: shapes cannot be multiplied", X[None], X[None])],
    ),
    OpSpec("mv", np.matmul, of(((2, 3), (3,))), errors=[bad(ShapeError, "mv: shapes", X, X[:, 0])]),
    OpSpec("dot", np.dot, of(((3,), (3,))), errors=[bad(ShapeError, "dot: input must be", X, X)]),
    OpSpec("vdot", np.vdot, of(((3,), (3,)))),
    OpSpec("inner", np.inner, of(((2, 3), (2, 3)), ((3,), (3,)), ((), (2,)))),
    OpSpec("outer", np.outer, of(((2,), (3,)))),
    OpSpec("ger", np.outer, of(((2,), (3,)))),
    OpSpec(
        "addmm",
        weighted(np.matmul),
        with_factors((2,), (2, 3), (3, 2)),
        errors=[bad(ShapeError, "addmm: sizes 3 and 2 of dimension 1 do not match", X[0], X, X.T)],
    ),
    OpSpec("addmv", weighted(np.matmul), with_factors((2,), (2, 3), (3,))),
    OpSpec("addr", weighted(np.outer), with_factors((2, 3), (2,), (3,))),
    OpSpec("baddbmm", weighted(np.matmul), with_factors((2, 1, 2), (2, 1, 3), (2, 3, 2))),
    OpSpec(
        "addbmm",
        weighted(lambda a, b: np.matmul(a, b).sum(0)),
        with_factors((2, 2), (2, 2, 1), (2, 1, 2)),
    ),
    OpSpec(
        "chain_matmul",
        lambda *xs: np.linalg.multi_dot(xs),
        of(((2, 3), (3, 1), (1, 2))),
        errors=[bad(ShapeError, "mm: shapes cannot be multiplied", X, X)],
    ),
    OpSpec(
        "tensordot",
        np.tensordot,
        of(((2, 3), (3, 2), 1), ((2, 3), (2, 3), 2), ((2, 3), (2, 2), ([0], [1]))),
        errors=[bad(ShapeError, "tensordot: contracted dimensions need to match", X, X, 1)],
    ),
    OpSpec(
        "nn.functional.linear",
        lambda x, w, b=0: x @ w.T + b,
        of(
            ((2, 3), (2, 3)),
            ((2, 3), (2, 3), (2,)),
            ((3,), (2, 3), (2,)),
            ((2, 1, 3), (2, 3), (2,)),
            ((2, 3), (3,)),
            ((0, 3), (2, 3), (2,)),
        ),
        errors=[
            bad(ShapeError, "linear: input has 3 features but weight expects 2", X, X.T),
            bad(
                ShapeError,
                "linear: bias must have one element per output, 2: bias (3,)",
                X,
                X,
                X[0],
            ),
            bad(TypeError, "linear: weight must be a Tensor, got int", X, 1),
        ],
    ),
    OpSpec(
        "nn.functional.bilinear",
        lambda x, y, w, b=0: np.einsum("ni,kij,nj->nk", x, w, y) + b,
        of(((2, 3), (2, 2), (2, 3, 2)), ((2, 1), (2, 2), (1, 1, 2), (1,))),
        errors=[
            bad(ShapeError, "bilinear: features do not fit", X, X, np.zeros((1, 3, 2))),
            bad(ShapeError, "bilinear: weight must be 3-d", X, X, X),
        ],
    ),
    OpSpec("kron", np.kron, of(((2, 2), (1, 3)), ((2,), (2, 2)))),
    OpSpec(
        "einsum",
        contracted,
        of(
            ("ij,jk->ik", (2, 3), (3, 2)),
            ("ii->i", (3, 3)),
            ("ij,ij->", (2, 2), (2, 2)),
            ("...i,i->...", (2, 1, 2), (2,)),
            ("ab,bc,ca->b", (1, 2), (2, 2), (2, 1)),
        ),
        errors=[
            bad(ShapeError, "einsum: subscript j has size 2", "ij,jk", X, X),
            bad(ShapeError, "einsum: the equation 'ij' names 1 operands, got 2", "ij", X, X),
            bad(ShapeError, "einsum: invalid subscripts 'i1'", "i1", X),
        ],
    ),
]
