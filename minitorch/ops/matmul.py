"""Products of matrices, and what can be written as one."""

from __future__ import annotations

import math

import numpy as np

from .. import dtypes, kernels
from ..autograd.op import Op
from ..errors import ShapeError
from .common import broadcast_shape, convert, dimension, is_tensor
from .elementwise import add, mul
from .reduce import sum
from .shape import (
    copy_,
    diagonal,
    expand,
    permute,
    require_tensor,
    reshape,
    transpose,
    unsqueeze,
)

__all__ = [
    "addbmm",
    "addmm",
    "addmm_",
    "addmv",
    "addr",
    "baddbmm",
    "bmm",
    "chain_matmul",
    "dot",
    "einsum",
    "ger",
    "inner",
    "kron",
    "matmul",
    "mm",
    "mv",
    "outer",
    "tensordot",
    "vdot",
]


def _product(a, b):
    if a.dtype.kind == "f":
        return kernels.gemm(a, b) if a.ndim == b.ndim == 2 else kernels.matmul(a, b)
    return np.asarray(np.matmul(a, b))  # integers: exact, whatever the order


class Mm(Op):
    """Product of two matrices."""

    formula = "d(A B): dA = G Bᵀ, dB = Aᵀ G"
    reads = {0: (1,), 1: (0,)}

    def forward(self, input, mat2):
        return _product(input, mat2)

    def backward(self, grad, needs):
        a, b = self.inputs
        by_a = type(self)()(grad, transpose(b, -2, -1)) if needs[0] else None
        by_b = type(self)()(transpose(a, -2, -1), grad) if needs[1] else None
        return by_a, by_b


class Bmm(Mm):
    """Products of matrices, whose leading dimensions broadcast."""

    broadcasts = True


class Dot(Op):
    """Sum of the products of the elements of two vectors."""

    formula = "d(x·y) = y dx + x dy"
    reads = {0: (1,), 1: (0,)}

    def forward(self, input, tensor):
        return _product(input[None], tensor[:, None])[0, 0]

    def backward(self, grad, needs):
        x, y = self.inputs
        return mul(grad, y) if needs[0] else None, mul(grad, x) if needs[1] else None


class Mv(Op):
    """Product of a matrix and a vector."""

    formula = "d(A x): dA = g xᵀ, dx = Aᵀ g"
    reads = {0: (1,), 1: (0,)}

    def forward(self, input, vec):
        return _product(input, vec[:, None])[:, 0]

    def backward(self, grad, needs):
        a, x = self.inputs
        by_a = mul(unsqueeze(grad, 1), x) if needs[0] else None
        return by_a, Mv()(transpose(a, 0, 1), grad) if needs[1] else None


class Linear(Op):
    """Affine map of the rows of a matrix."""

    formula = "y = x Wᵀ + b: dx = G W, dW = Gᵀ x, db = sum of the rows of G"
    reads = {0: (1,), 1: (0,)}

    def forward(self, input, weight, bias=None):
        return kernels.gemm(input, weight.T, bias)

    def backward(self, grad, needs):
        input, weight = self.inputs[:2]
        return (
            Mm()(grad, weight) if needs[0] else None,
            Mm()(transpose(grad, 0, 1), input) if needs[1] else None,
            *[sum(grad, 0) if needed else None for needed in needs[2:]],
        )

    def fused_backward(self, grad, needs):
        input, weight = self.inputs[:2]
        return (
            kernels.gemm(grad, weight) if needs[0] else None,
            kernels.gemm(grad.T, input) if needs[1] else None,
            *[kernels.reduce("sum", grad, 0) if needed else None for needed in needs[2:]],
        )

    def name(self) -> str:
        return "AddmmBackward0"


def _check(name, x, what, ndim):
    require_tensor(name, x, what)
    if x.ndim != ndim:
        raise ShapeError(f"{name}: {what} must be {ndim}-d, got shape {tuple(x.shape)}")


def _same_type(name, **tensors):
    """Raise unless all tensors have one type."""
    kinds = {what: x.dtype for what, x in tensors.items()}
    if len(set(kinds.values())) > 1:
        text = ", ".join(f"{what} {kind}" for what, kind in kinds.items())
        raise RuntimeError(f"{name}: expected both to have the same dtype, got {text}")


def _fits(name, a, b, inner_a, inner_b, names=("input", "mat2")):
    if inner_a != inner_b:
        raise ShapeError(
            f"{name}: shapes cannot be multiplied, {inner_a} and {inner_b} differ: {names[0]} "
            f"{tuple(a.shape)}, {names[1]} {tuple(b.shape)}"
        )


def matmul(input, other):
    """Multiply matrices, vectors, and batches of matrices.

    Parameters
    ----------
    input, other : Tensor
        At least 1-d. Two vectors give their dot product; a vector counts as a row on the left, as a
        column on the right; dimensions before the last two broadcast.

    Returns
    -------
    Tensor
    """
    if is_tensor(input) and is_tensor(other):
        a, b = input._array, other._array
        if a.ndim == b.ndim == 2 and a.shape[1] == b.shape[0] and a.dtype is b.dtype:
            return Mm()(input, other)
    require_tensor("matmul", input)
    require_tensor("matmul", other, "other")
    if is_tensor(input) and not is_tensor(other):
        other = convert(other, dtypes.of(other.dtype))
    if not input.ndim or not other.ndim:
        raise ShapeError(
            f"matmul: both arguments need to be at least 1D, but they are {input.ndim}D and "
            f"{other.ndim}D"
        )
    _fits(
        "matmul",
        input,
        other,
        input.shape[-1],
        other.shape[-2 if other.ndim > 1 else 0],
        ("input", "other"),
    )
    _same_type("matmul", input=input, other=other)
    if input.ndim == 2 and other.ndim == 2:
        return Mm()(input, other)
    if other.ndim == 1:
        if input.ndim == 1:
            return Dot()(input, other)
        if input.ndim == 2:
            return Mv()(input, other)
        rows = reshape(input, (math.prod(input.shape[:-1]), input.shape[-1]))
        return reshape(Mv()(rows, other), tuple(input.shape[:-1]))
    if input.ndim == 1:
        return matmul(transpose(other, -2, -1), input)
    if other.ndim == 2:  # one matrix for the whole batch: more rows
        rows = reshape(input, (math.prod(input.shape[:-1]), input.shape[-1]))
        return reshape(Mm()(rows, other), (*input.shape[:-1], other.shape[1]))
    broadcast_shape("matmul", input.shape[:-2], other.shape[:-2])
    return Bmm()(input, other)


def mm(input, mat2):
    """Multiply two matrices.

    Parameters
    ----------
    input : Tensor
        (n, k)
    mat2 : Tensor
        (k, m)

    Returns
    -------
    Tensor
        (n, m)
    """
    _check("mm", input, "input", 2)
    _check("mm", mat2, "mat2", 2)
    _fits("mm", input, mat2, input.shape[1], mat2.shape[0])
    _same_type("mm", input=input, mat2=mat2)
    return Mm()(input, mat2)


def bmm(input, mat2):
    """Multiply the matrices of two batches pairwise.

    Parameters
    ----------
    input : Tensor
        (batch, n, k)
    mat2 : Tensor
        (batch, k, m)

    Returns
    -------
    Tensor
        (batch, n, m)
    """
    _check("bmm", input, "input", 3)
    _check("bmm", mat2, "mat2", 3)
    _fits("bmm", input, mat2, (input.shape[0], input.shape[2]), tuple(mat2.shape[:2]))
    _same_type("bmm", input=input, mat2=mat2)
    return Bmm()(input, mat2)


def mv(input, vec):
    """Multiply a matrix and a vector.

    Parameters
    ----------
    input : Tensor
        (n, k)
    vec : Tensor
        (k,)

    Returns
    -------
    Tensor
        (n,)
    """
    _check("mv", input, "input", 2)
    _check("mv", vec, "vec", 1)
    _fits("mv", input, vec, input.shape[1], vec.shape[0], ("input", "vec"))
    _same_type("mv", input=input, vec=vec)
    return Mv()(input, vec)


def dot(input, tensor):
    """Multiply two vectors element by element and sum up.

    Parameters
    ----------
    input, tensor : Tensor
        (n,)

    Returns
    -------
    Tensor
        0-d.
    """
    _check("dot", input, "input", 1)
    _check("dot", tensor, "tensor", 1)
    _fits("dot", input, tensor, input.shape[0], tensor.shape[0], ("input", "tensor"))
    _same_type("dot", input=input, tensor=tensor)
    return Dot()(input, tensor)


def vdot(input, other):
    """Return the dot product of two vectors; see `dot`.

    Parameters
    ----------
    other : Tensor
        (n,)
    """
    return dot(input, other)


def inner(input, other):
    """Sum products along the last dimensions of two tensors.

    Parameters
    ----------
    input, other : Tensor
        Of one size in the last dimension; or one of them 0-d: then it is a factor.

    Returns
    -------
    Tensor
        The remaining dimensions of `input`, then those of `other`.
    """
    if not input.ndim or not other.ndim:
        return mul(input, other)
    _fits("inner", input, other, input.shape[-1], other.shape[-1], ("input", "other"))
    return tensordot(input, other, ([-1], [-1]))


def outer(input, vec2):
    """Multiply every element of one vector with every element of another.

    Parameters
    ----------
    input : Tensor
        (n,)
    vec2 : Tensor
        (m,)

    Returns
    -------
    Tensor
        (n, m)
    """
    _check("outer", input, "input", 1)
    _check("outer", vec2, "vec2", 1)
    return mul(unsqueeze(input, 1), vec2)


def ger(input, vec2):
    """Return the outer product of two vectors; see `outer`."""
    return outer(input, vec2)


def _weighted(name, input, product, beta, alpha):
    """Return ``beta * input + alpha * product``, `input` broadcast to the product."""
    if broadcast_shape(name, input.shape, product.shape) != tuple(product.shape):
        raise ShapeError(
            f"{name}: input {tuple(input.shape)} does not broadcast to the product "
            f"{tuple(product.shape)}"
        )
    _same_type(name, input=input, product=product)
    product = product if alpha == 1 else mul(product, alpha)
    if beta == 0:  # even NaN in input is then ignored
        return product
    return add(input if beta == 1 else mul(input, beta), product)


def addmm(input, mat1, mat2, *, beta=1, alpha=1):
    """Return ``beta * input + alpha * (mat1 @ mat2)``.

    Parameters
    ----------
    input : Tensor
        Broadcasts to (n, m).
    mat1 : Tensor
        (n, k)
    mat2 : Tensor
        (k, m)
    beta, alpha : number

    Returns
    -------
    Tensor
        (n, m)
    """
    _check("addmm", mat1, "mat1", 2)
    _check("addmm", mat2, "mat2", 2)
    _fits("addmm", mat1, mat2, mat1.shape[1], mat2.shape[0], ("mat1", "mat2"))
    _same_type("addmm", mat1=mat1, mat2=mat2)
    return _weighted("addmm", input, Mm()(mat1, mat2), beta, alpha)


def addmm_(input, mat1, mat2, *, beta=1, alpha=1):
    """Overwrite `input` with ``beta * input + alpha * (mat1 @ mat2)``; see `addmm`."""
    return copy_(input, addmm(input, mat1, mat2, beta=beta, alpha=alpha))


def addmv(input, mat, vec, *, beta=1, alpha=1):
    """Return ``beta * input + alpha * (mat @ vec)``; see `addmm`.

    Parameters
    ----------
    mat, vec : Tensor
        (n, k) and (k,); `input` broadcasts to (n,).

    Returns
    -------
    Tensor
        (n,)
    """
    return _weighted("addmv", input, mv(mat, vec), beta, alpha)


def addr(input, vec1, vec2, *, beta=1, alpha=1):
    """Return ``beta * input + alpha * outer(vec1, vec2)``; see `addmm`.

    Parameters
    ----------
    vec1, vec2 : Tensor
        (n,) and (m,); `input` broadcasts to (n, m).

    Returns
    -------
    Tensor
        (n, m)
    """
    return _weighted("addr", input, outer(vec1, vec2), beta, alpha)


def baddbmm(input, batch1, batch2, *, beta=1, alpha=1):
    """Return ``beta * input + alpha * bmm(batch1, batch2)``.

    Parameters
    ----------
    input : Tensor
        Broadcasts to (batch, n, m).
    batch1 : Tensor
        (batch, n, k)
    batch2 : Tensor
        (batch, k, m)
    beta, alpha : number

    Returns
    -------
    Tensor
        (batch, n, m)
    """
    return _weighted("baddbmm", input, bmm(batch1, batch2), beta, alpha)


def addbmm(input, batch1, batch2, *, beta=1, alpha=1):
    """Return ``beta * input + alpha * sum(bmm(batch1, batch2), 0)``; see `baddbmm`.

    The sum over the batch is part of the product: it is one product of long matrices.
    """
    product = bmm(batch1, batch2) if 0 in batch1.shape else _summed(batch1, batch2)
    if product.ndim == 3:
        product = sum(product, 0)
    return _weighted("addbmm", input, product, beta, alpha)


def _summed(batch1, batch2):
    _check("addbmm", batch1, "batch1", 3)
    _check("addbmm", batch2, "batch2", 3)
    _fits(
        "addbmm",
        batch1,
        batch2,
        (batch1.shape[0], batch1.shape[2]),
        tuple(batch2.shape[:2]),
        ("batch1", "batch2"),
    )
    rows = reshape(transpose(batch1, 0, 1), (batch1.shape[1], -1))
    return Mm()(rows, reshape(batch2, (-1, batch2.shape[2])))


def linear(input, weight, bias=None):
    """Apply an affine map to the last dimension: ``input @ weight.T + bias``.

    Parameters
    ----------
    input : Tensor
        (*, in_features)
    weight : Tensor
        (out_features, in_features), or (in_features,)
    bias : Tensor, optional
        (out_features,), or 0-d

    Returns
    -------
    Tensor
        (*, out_features)

    Raises
    ------
    ShapeError
        If the sizes do not fit.
    """
    if is_tensor(input) and is_tensor(weight):  # the usual case in the fewest steps
        x, w = input._array, weight._array
        if x.ndim == w.ndim == 2 and x.shape[1] == w.shape[1] and x.dtype is w.dtype:
            if x.dtype.kind == "f" and bias is None:
                return Linear()(input, weight)
            if x.dtype.kind == "f" and is_tensor(bias):
                b = bias._array
                if b.dtype is x.dtype and b.shape == w.shape[:1]:
                    return Linear()(input, weight, bias)
    require_tensor("linear", input, "input")
    require_tensor("linear", weight, "weight")
    if bias is not None:
        require_tensor("linear", bias, "bias")
    shape, of_weight = _array(input).shape, _array(weight).shape
    if not shape or len(of_weight) not in (1, 2):
        raise ShapeError(
            "linear: input must be at least 1-d and weight 1-d or 2-d: input "
            f"{shape}, weight {of_weight}"
        )
    if shape[-1] != of_weight[-1]:
        raise ShapeError(
            f"linear: input has {shape[-1]} features but weight expects {of_weight[-1]}: "
            f"input {shape}, weight {of_weight}"
        )
    if bias is None:
        _same_type("linear", input=input, weight=weight)
    else:
        _same_type("linear", input=input, weight=weight, bias=bias)
    outputs = of_weight[:-1]  # empty for a vector
    fused = len(of_weight) == 2 and _array(input).dtype.kind == "f"
    if bias is not None and _array(bias).shape != outputs:
        if bias.ndim > len(outputs) or math.prod(_array(bias).shape) not in (1, math.prod(outputs)):
            raise ShapeError(
                f"linear: bias must have one element per output, {math.prod(outputs)}: bias "
                f"{_array(bias).shape}, weight {of_weight}"
            )
        fused = False
    if not fused:
        result = matmul(input, weight if weight.ndim == 1 else transpose(weight, 0, 1))
        return result if bias is None else add(result, bias)
    rows = input
    if len(shape) != 2:
        rows = reshape(input, (math.prod(shape[:-1]), shape[-1]))
    result = Linear()(rows, weight) if bias is None else Linear()(rows, weight, bias)
    if len(shape) != 2:
        result = reshape(result, (*shape[:-1], *outputs))
    return result


def _array(x):
    return x if type(x) is np.ndarray else x._array


def bilinear(input1, input2, weight, bias=None):
    """Apply a bilinear map to the last dimensions: ``x1 @ weight[k] @ x2 + bias[k]`` for each k.

    Parameters
    ----------
    input1 : Tensor
        (*, in1)
    input2 : Tensor
        (*, in2)
    weight : Tensor
        (out, in1, in2)
    bias : Tensor, optional
        (out,)

    Returns
    -------
    Tensor
        (*, out)
    """
    _check("bilinear", weight, "weight", 3)
    if input1.shape[:-1] != input2.shape[:-1]:
        raise ShapeError(
            "bilinear: inputs must have the same leading dimensions: input1 "
            f"{tuple(input1.shape)}, input2 {tuple(input2.shape)}"
        )
    if (input1.shape[-1], input2.shape[-1]) != tuple(weight.shape[1:]):
        raise ShapeError(
            f"bilinear: features do not fit: input1 {tuple(input1.shape)}, input2 "
            f"{tuple(input2.shape)}, weight {tuple(weight.shape)}"
        )
    result = einsum("...i,kij,...j->...k", input1, weight, input2)
    return result if bias is None else add(result, bias)


def chain_matmul(*matrices):
    """Multiply several matrices, in the order of the fewest multiplications.

    The classic dynamic programme: Cormen et al., Introduction to Algorithms, section 15.2.

    Parameters
    ----------
    *matrices : Tensor
        2-d, each as wide as the next is high.

    Returns
    -------
    Tensor
    """
    if len(matrices) == 1 and isinstance(matrices[0], (tuple, list)):
        matrices = tuple(matrices[0])
    if not matrices:
        raise RuntimeError("chain_matmul: expected at least one matrix")
    for i, x in enumerate(matrices):
        _check("chain_matmul", x, f"matrices[{i}]", 2)
    sizes = [matrices[0].shape[0], *[x.shape[1] for x in matrices]]
    count = len(matrices)
    cost = {(i, i): (0, None) for i in range(count)}
    for length in range(2, count + 1):
        for i in range(count - length + 1):
            j = i + length - 1
            cost[i, j] = min(
                (cost[i, k][0] + cost[k + 1, j][0] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            )

    def product(i, j):
        if i == j:
            return matrices[i]
        k = cost[i, j][1]
        return mm(product(i, k), product(k + 1, j))

    return product(0, count - 1)


def tensordot(a, b, dims=2):
    """Sum products over several dimensions of two tensors.

    Parameters
    ----------
    a, b : Tensor
    dims : int or pair of sequences of int
        The last `dims` dimensions of `a` with the first of `b`; or which of `a` with which of `b`.

    Returns
    -------
    Tensor
        The remaining dimensions of `a`, then those of `b`.
    """
    name = "tensordot"
    if is_tensor(dims):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0 or dims > min(a.ndim, b.ndim):
            raise RuntimeError(f"{name}: expects dims >= 0 and at most every ndim, got {dims}")
        of_a, of_b = range(a.ndim - dims, a.ndim), range(dims)
    else:
        of_a, of_b = dims
        of_a = [of_a] if isinstance(of_a, int) else list(of_a)
        of_b = [of_b] if isinstance(of_b, int) else list(of_b)
    of_a = [dimension(name, a, d) for d in of_a]
    of_b = [dimension(name, b, d) for d in of_b]
    if len(of_a) != len(of_b):
        raise RuntimeError(f"{name}: both dimension lists should have the same length")
    for i, j in zip(of_a, of_b, strict=True):
        if a.shape[i] != b.shape[j]:
            raise ShapeError(
                f"{name}: contracted dimensions need to match, but first has size {a.shape[i]} in "
                f"dim {i} and second has size {b.shape[j]} in dim {j}: a {tuple(a.shape)}, b "
                f"{tuple(b.shape)}"
            )
    _same_type(name, a=a, b=b)
    rest_a = [d for d in range(a.ndim) if d not in of_a]
    rest_b = [d for d in range(b.ndim) if d not in of_b]
    shape_a, shape_b = [a.shape[d] for d in rest_a], [b.shape[d] for d in rest_b]
    size = math.prod(a.shape[d] for d in of_a)
    rows = reshape(permute(a, (*rest_a, *of_a)), (math.prod(shape_a), size))
    columns = reshape(permute(b, (*of_b, *rest_b)), (size, math.prod(shape_b)))
    return reshape(Mm()(rows, columns), (*shape_a, *shape_b))


def kron(input, other):
    """Return the Kronecker product: every element of `input` times the whole of `other`.

    Parameters
    ----------
    input, other : Tensor

    Returns
    -------
    Tensor
        The sizes are the products of the sizes.
    """
    ndim = max(input.ndim, other.ndim)
    a = (1,) * (ndim - input.ndim) + tuple(input.shape)
    b = (1,) * (ndim - other.ndim) + tuple(other.shape)
    apart_a = [n for size in a for n in (size, 1)]
    apart_b = [n for size in b for n in (1, size)]
    product = mul(reshape(input, tuple(apart_a)), reshape(other, tuple(apart_b)))
    return reshape(product, tuple(m * n for m, n in zip(a, b, strict=True)))


# ---- einsum


def einsum(equation, *operands):
    """Sum products of elements of tensors, by Einstein's convention.

    Parameters
    ----------
    equation : str
        One letter per dimension, operands separated by commas: ``"ij,jk->ik"``. A letter that
        occurs twice in one operand takes its diagonal. ``...`` stands for dimensions that
        broadcast. Without ``->`` the letters that occur once are kept, in alphabetical order.
    *operands : Tensor

    Returns
    -------
    Tensor
    """
    if not isinstance(equation, str):
        raise TypeError(f"einsum: equation must be a str, got {type(equation).__name__}")
    if len(operands) == 1 and isinstance(operands[0], (tuple, list)):
        operands = tuple(operands[0])
    for i, x in enumerate(operands):
        require_tensor("einsum", x, f"operands[{i}]")
    terms, output = _subscripts(equation, operands)
    sizes = _label_sizes(equation, terms, operands)
    labelled = [
        _without_repeats(x, labels, sizes) for x, labels in zip(operands, terms, strict=True)
    ]
    tensor, labels = labelled[0]
    for position in range(1, len(labelled)):
        later = {label for _, ls in labelled[position + 1 :] for label in ls}
        tensor, labels = _contract(tensor, labels, *labelled[position], later | set(output))
    tensor, labels = _sum_out(tensor, labels, set(output))
    missing = [label for label in output if label not in labels]
    if missing:
        raise RuntimeError(f"einsum: output subscript {missing[0]} is in no operand: {equation}")
    # A letter of size 1 in one operand broadcasts; it may have kept that size.
    tensor = permute(tensor, tuple(labels.index(label) for label in output))
    return expand(tensor, tuple(sizes[label] for label in output))


def _subscripts(equation, operands):
    """Return a list of labels per operand and one for the output; ints label ``...``."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    texts = left.split(",")
    if len(texts) != len(operands):
        raise ShapeError(
            f"einsum: the equation {equation!r} names {len(texts)} operands, got {len(operands)}"
        )
    terms, dots = [], 0
    for number, (text, x) in enumerate(zip(texts, operands, strict=True)):
        letters = text.replace("...", "", 1)
        if not (letters.isalpha() and letters.isascii()) and letters:
            raise ShapeError(f"einsum: invalid subscripts {text!r} in {equation!r}")
        hidden = x.ndim - len(letters)
        if hidden < 0 or (hidden and "..." not in text):
            raise ShapeError(
                f"einsum: subscripts {text!r} do not match the {x.ndim} dimensions of operand "
                f"{number}, shape {tuple(x.shape)}"
            )
        terms.append(_labels(text, hidden))
        dots = max(dots, hidden)
    if arrow:
        letters = right.replace("...", "", 1)
        if (not (letters.isalpha() and letters.isascii()) and letters) or len(set(letters)) != len(
            letters
        ):
            raise ShapeError(f"einsum: invalid output subscripts {right!r} in {equation!r}")
        return terms, _labels(right, dots)
    counts = {}
    for text in texts:
        for letter in text.replace("...", ""):
            counts[letter] = counts.get(letter, 0) + 1
    once = sorted(letter for letter, n in counts.items() if n == 1)
    return terms, [*range(-dots, 0), *once]


def _labels(text, hidden):
    if "..." not in text:
        return list(text)
    before, after = text.split("...", 1)
    return [*before, *range(-hidden, 0), *after]


def _label_sizes(equation, terms, operands):
    sizes = {}
    for labels, x in zip(terms, operands, strict=True):
        for label, n in zip(labels, x.shape, strict=True):
            if sizes.get(label, 1) == 1:
                sizes[label] = n
            elif n not in (1, sizes[label]):
                what = "the dimensions of ..." if isinstance(label, int) else f"subscript {label}"
                raise ShapeError(
                    f"einsum: {what} has size {n} for one operand but previously {sizes[label]}, "
                    f"in {equation!r}: {', '.join(str(tuple(o.shape)) for o in operands)}"
                )
    return sizes


def _without_repeats(x, labels, sizes):
    """Take the diagonal of repeated labels."""
    labels = list(labels)
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            x = diagonal(x, 0, first, second)
            labels = [v for i, v in enumerate(labels) if i not in (first, second)] + [label]
    return x, labels


def _sum_out(x, labels, wanted):
    dims = tuple(i for i, label in enumerate(labels) if label not in wanted)
    if dims:
        x = sum(x, dims)
        labels = [label for label in labels if label in wanted]
    return x, labels


def _contract(a, labels_a, b, labels_b, wanted):
    """Multiply two labelled tensors as a batch of matrices; sum out what is not wanted later."""
    a, labels_a = _sum_out(a, labels_a, wanted | set(labels_b))
    b, labels_b = _sum_out(b, labels_b, wanted | set(labels_a))
    # A size of 1 that meets another size broadcasts: such a label cannot be part of a product.
    size_a, size_b = (
        dict(zip(labels_a, a.shape, strict=True)),
        dict(zip(labels_b, b.shape, strict=True)),
    )
    for label in [v for v in labels_a if v in size_b and size_a[v] != size_b[v]]:
        if size_a[label] == 1:
            target = tuple(size_b[v] if v == label else size_a[v] for v in labels_a)
            a, size_a[label] = expand(a, target), size_b[label]
        else:
            target = tuple(size_a[v] if v == label else size_b[v] for v in labels_b)
            b, size_b[label] = expand(b, target), size_a[label]
    batch = [v for v in labels_a if v in size_b and v in wanted]
    summed = [v for v in labels_a if v in size_b and v not in wanted]
    only_a = [v for v in labels_a if v not in size_b]
    only_b = [v for v in labels_b if v not in size_a]

    def arranged(x, labels, *groups):
        order = tuple(labels.index(v) for group in groups for v in group)
        size = dict(zip(labels, x.shape, strict=True))
        return reshape(permute(x, order), tuple(math.prod(size[v] for v in g) for g in groups))

    left = arranged(a, labels_a, batch, only_a, summed)
    right = arranged(b, labels_b, batch, summed, only_b)
    if summed:
        product = Bmm()(left, right) if batch else Mm()(left[0], right[0])
    else:
        product = mul(left, right)
    labels = [*batch, *only_a, *only_b]
    both = {**size_a, **size_b}
    return reshape(product, tuple(both[v] for v in labels)), labels
