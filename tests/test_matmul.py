"""Products of matrices, against PyTorch."""

import numpy as np
import pytest
from compare import compare_errors, compare_programs

import minitorch

rng = np.random.default_rng(0)


def normal(*shape):
    return rng.standard_normal(shape)


SHAPES = [
    ((3, 4), (4, 5)),
    ((4,), (4,)),
    ((3, 4), (4,)),
    ((4,), (4, 5)),
    ((2, 3, 4), (4, 5)),
    ((2, 3, 4), (4,)),
    ((4,), (2, 4, 5)),
    ((3, 4), (2, 4, 5)),
    ((2, 3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (5, 4, 2)),
    ((1, 3, 4), (6, 4, 2)),
    ((2, 2, 3, 4), (4,)),
    ((0, 4), (4, 3)),
    ((3, 0), (0, 4)),
    ((0,), (0,)),
    ((2, 0, 4), (2, 4, 3)),
    ((1, 1), (1, 1)),
]


@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_matmul(torch, a, b):
    compare_programs(torch, lambda m, x, y: (x @ y, m.matmul(x, y)), normal(*a), normal(*b))


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "float32", "float16"])
def test_matmul_types(torch, dtype):
    a, b = (rng.integers(0, 9, shape).astype(dtype) for shape in ((3, 4), (4, 5)))
    compare_programs(torch, lambda m, x, y: (x @ y, x[0] @ y, x @ y[:, 0], x[0] @ y[:, 0]), a, b)


PROGRAMS = {
    "mm": (lambda m, x, y: (m.mm(x, y), x.t().mm(x)), (3, 4), (4, 5)),
    "bmm": (lambda m, x, y: m.bmm(x, y), (2, 3, 4), (2, 4, 5)),
    "bmm views": (lambda m, x, y: m.bmm(x.transpose(1, 2), y), (2, 4, 3), (2, 4, 5)),
    "mv": (lambda m, x, y: (m.mv(x, y), x.mv(y)), (3, 4), (4,)),
    "dot": (lambda m, x, y: (m.dot(x, y), m.vdot(x, x)), (4,), (4,)),
    "inner": (lambda m, x, y: m.inner(x, y), (2, 3, 4), (5, 4)),
    "inner 0-d": (lambda m, x, y: m.inner(x, y), (), (5, 4)),
    "inner vectors": (lambda m, x, y: m.inner(x, y), (4,), (4,)),
    "outer": (lambda m, x, y: (m.outer(x, y), x.ger(y)), (3,), (4,)),
    "addmm": (lambda m, x, y, z: m.addmm(x, y, z), (5,), (3, 4), (4, 5)),
    "addmm factors": (lambda m, x, y, z: x.addmm(y, z, beta=2, alpha=0.5), (3, 5), (3, 4), (4, 5)),
    "addmm_": (lambda m, x, y, z: (x * 1).addmm_(y, z), (3, 5), (3, 4), (4, 5)),
    "addmv": (lambda m, x, y, z: m.addmv(x, y, z, alpha=3), (3,), (3, 4), (4,)),
    "addr": (lambda m, x, y, z: m.addr(x, y, z, beta=0.5), (3, 4), (3,), (4,)),
    "baddbmm": (lambda m, x, y, z: m.baddbmm(x, y, z, beta=2), (2, 3, 5), (2, 3, 4), (2, 4, 5)),
    "addbmm": (lambda m, x, y, z: m.addbmm(x, y, z, alpha=2), (3, 5), (2, 3, 4), (2, 4, 5)),
    "addbmm empty": (lambda m, x, y, z: m.addbmm(x, y, z), (3, 5), (0, 3, 4), (0, 4, 5)),
    "tensordot": (lambda m, x, y: m.tensordot(x, y), (2, 3, 4), (3, 4, 5)),
    "tensordot 1": (lambda m, x, y: m.tensordot(x, y, 1), (2, 3), (3, 5)),
    "tensordot 0": (lambda m, x, y: m.tensordot(x, y, dims=0), (2,), (3,)),
    "tensordot dims": (lambda m, x, y: m.tensordot(x, y, ([0, 2], [1, 0])), (2, 3, 4), (4, 2, 5)),
    "kron": (lambda m, x, y: m.kron(x, y), (2, 3), (4, 2)),
    "kron ranks": (lambda m, x, y: m.kron(x, y), (2,), (3, 4, 2)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(torch, name):
    program, *shapes = PROGRAMS[name]
    compare_programs(torch, program, *[normal(*shape) for shape in shapes])


def test_chain_matmul(torch):
    arrays = [normal(2, 30), normal(30, 4), normal(4, 25), normal(25, 2)]

    def program(m, *xs):
        return m.chain_matmul(*xs) if m is minitorch else m.linalg.multi_dot(xs)

    compare_programs(torch, program, *arrays)


EQUATIONS = [
    ("ij->ji", (2, 3)),
    ("ij", (2, 3)),
    ("ji", (2, 3)),
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("iji->j", (3, 2, 3)),
    ("iii->i", (3, 3, 3)),
    ("ij->", (2, 3)),
    ("ij->j", (2, 3)),
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ij,jk->ki", (2, 3), (3, 4)),
    ("i,i", (3,), (3,)),
    ("i,j->ij", (3,), (4,)),
    ("i,i->i", (3,), (3,)),
    ("ij,ij->", (2, 3), (2, 3)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("bij,bkj->bik", (2, 3, 4), (2, 5, 4)),
    ("...ij,...jk->...ik", (2, 3, 4), (2, 4, 5)),
    ("...ij,jk->...ik", (2, 2, 3, 4), (4, 5)),
    ("...i,...i->...", (2, 3, 4), (3, 4)),
    ("i...->...", (2, 3, 4)),
    ("...->...", (2, 3)),
    ("...ii->...i", (2, 3, 3)),
    ("...,...", (2, 1), (1, 3)),
    ("bnd,nde->be", (2, 3, 4), (3, 4, 5)),
    ("ij,kl->ijkl", (2, 3), (4, 2)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
    ("ab,bc,cd,de->ae", (2, 3), (3, 2), (2, 3), (3, 2)),
    ("ijk,ilm,njm,nlk,abc->", (2, 2, 2), (2, 2, 2), (2, 2, 2), (2, 2, 2), (1, 2, 2)),
    ("ij,ij,ij->ij", (2, 3), (2, 3), (2, 3)),
    ("ii,jj->", (2, 2), (3, 3)),
    ("i j , j k -> i k", (2, 3), (3, 4)),
    ("Ab,bA->A", (2, 3), (3, 2)),
    ("nchw,ocij->no", (2, 3, 4, 4), (5, 3, 2, 2)),
    ("i,->i", (3,), ()),
    ("ij,jk->ik", (0, 3), (3, 4)),
    ("ij,jk->ik", (2, 0), (0, 4)),
    ("ij,jk->ik", (2, 1), (3, 4)),
    ("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4)),
]


@pytest.mark.parametrize("case", EQUATIONS, ids=lambda case: case[0])
def test_einsum(torch, case):
    equation, *shapes = case
    arrays = [normal(*shape) for shape in shapes]
    compare_programs(torch, lambda m, *xs: m.einsum(equation, *xs), *arrays)


def test_einsum_second_derivative():
    x, y = (minitorch.from_numpy(normal(3, 3)).requires_grad_() for _ in range(2))
    for equation in ("ij,jk->ik", "ij,ji->", "ii,jk->k"):
        assert minitorch.autograd.gradgradcheck(
            lambda a, b, e=equation: minitorch.einsum(e, a, b), (x, y)
        )


BAD_EINSUM = [
    ("ij,jk", (2, 3)),
    ("ij", (2, 3, 4)),
    ("i1", (2, 3)),
    ("ij,jk", (2, 3), (4, 5)),
    ("ij->ii", (2, 2)),
    ("ij->k", (2, 2)),
]


@pytest.mark.parametrize("case", BAD_EINSUM, ids=lambda case: case[0])
def test_einsum_errors(torch, case):
    equation, *shapes = case
    compare_errors(torch, lambda m, *xs: m.einsum(equation, *xs), *[np.ones(s) for s in shapes])


@pytest.mark.parametrize("shape", [(4,), (2, 4), (3, 2, 4), (0, 4)])
@pytest.mark.parametrize("with_bias", [True, False])
def test_linear(torch, shape, with_bias):
    arrays = [normal(*shape), normal(3, 4)] + ([normal(3)] if with_bias else [])

    def program(m, *xs):
        if m is minitorch:
            from minitorch.ops.matmul import linear
        else:
            linear = m.nn.functional.linear
        return linear(*xs)

    compare_programs(torch, program, *arrays)


def test_linear_message():
    from minitorch.ops.matmul import linear

    with pytest.raises(minitorch.ShapeError, match=r"linear: input has 4 features but weight expe"):
        linear(minitorch.zeros(2, 4), minitorch.zeros(3, 5))


def test_bilinear(torch):
    def program(m, *xs):
        if m is minitorch:
            from minitorch.ops.matmul import bilinear
        else:
            bilinear = m.nn.functional.bilinear
        return bilinear(*xs)

    compare_programs(torch, program, normal(2, 5, 3), normal(2, 5, 4), normal(6, 3, 4), normal(6))


ERRORS = [
    lambda m: m.ones(2, 3) @ m.ones(2, 3),
    lambda m: m.ones(2, 3) @ m.ones(2),
    lambda m: m.tensor(1.0) @ m.ones(2),
    lambda m: m.ones(2, 3).double() @ m.ones(3, 2),
    lambda m: m.ones(2, 3, 4) @ m.ones(3, 4, 2),
    lambda m: m.mm(m.ones(2), m.ones(2)),
    lambda m: m.bmm(m.ones(2, 3, 4), m.ones(3, 4, 5)),
    lambda m: m.mv(m.ones(2, 3), m.ones(2)),
    lambda m: m.dot(m.ones(2, 3), m.ones(2)),
    lambda m: m.dot(m.ones(2), m.ones(3)),
    lambda m: m.matmul(m.ones(2), 3),
    lambda m: m.addmm(m.ones(7), m.ones(2, 3), m.ones(3, 4)),
    lambda m: m.tensordot(m.ones(2, 3), m.ones(2, 3), 1),
    lambda m: m.outer(m.ones(2, 3), m.ones(2)),
]


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_errors(torch, number):
    compare_errors(torch, ERRORS[number])
