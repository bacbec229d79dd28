"""Operations that move or view elements."""

import numpy as np
from opspecs import OpSpec, bad, sample

from minitorch.errors import ShapeError

X = np.zeros((2, 3))


def each(*arguments, shape=(2, 3), **options):
    """Make samples: one array of `shape` with each of the arguments (tuples are several)."""

    def samples(rng):
        made = []
        for one in arguments or ((),):
            args, kwargs = (one, {}) if isinstance(one, tuple) else ((), one)
            made.append(sample(rng.standard_normal(shape), *args, **kwargs))
        return made

    return samples


def several(*shapes, as_list=True, **options):
    """Make one sample of several arrays."""

    def samples(rng):
        arrays = [rng.standard_normal(shape) for shape in shapes]
        return [sample(arrays, **options) if as_list else sample(*arrays, **options)]

    return samples


def sized(x, *shape):
    return shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape


def flattened(x, start_dim=0, end_dim=-1):
    start, end = start_dim % x.ndim, end_dim % x.ndim
    return x.reshape(*x.shape[:start], -1, *x.shape[end + 1 :])


def expanded(x, *shape):
    shape = sized(x, *shape)
    old = (1,) * (len(shape) - x.ndim) + x.shape
    return np.broadcast_to(x, [o if n == -1 else n for o, n in zip(old, shape, strict=True)])


def split_ref(x, size, dim=0):
    if isinstance(size, int):
        return tuple(np.split(x, range(size, x.shape[dim], size), dim))
    return tuple(np.split(x, np.cumsum(size)[:-1], dim))


def unfold_ref(x, dim, size, step):
    starts = range(0, x.shape[dim] - size + 1, step)
    parts = [np.moveaxis(x.take(range(i, i + size), dim), dim, -1) for i in starts]
    return np.stack(parts, dim)


def diag_embed_ref(x, offset=0, dim1=-2, dim2=-1):
    n = x.shape[-1]
    result = np.zeros((*x.shape[:-1], n + abs(offset), n + abs(offset)))
    for i in range(n):
        result[..., i + max(-offset, 0), i + max(offset, 0)] = x[..., i]
    return np.moveaxis(result, (-2, -1), (dim1, dim2))


def repeat_ref(x, *repeats):
    return np.tile(x, sized(x, *repeats))


def rot_ref(x, k=1, dims=(0, 1)):
    return np.rot90(x, k, dims)


MATRIX = each((), shape=(3, 3))
PAIR = several((2, 3), (2, 3))

SPECS = [
    OpSpec("clone", np.copy, each()),
    OpSpec(
        "view", lambda x, *s: x.reshape(sized(x, *s)), each((3, 2), ((6,),), (-1, 3)), dtypes=[]
    ),
    OpSpec(
        "reshape",
        lambda x, *s: x.reshape(sized(x, *s)),
        each((3, 2), ((6,),), (-1, 1, 3)),
        errors=[
            bad(ShapeError, "reshape: shape (4, 2) is invalid for input of size 6: ", X, 4, 2),
            bad(ShapeError, "reshape: only one dimension can be inferred", X, -1, -1),
            bad(ShapeError, "reshape: invalid shape dimension -2", X, -2, 3),
            bad(TypeError, "reshape: sizes must be ints", X, 2.0, 3),
        ],
    ),
    OpSpec("view_as", lambda x, y: x.reshape(y.shape), None, dtypes=[]),
    OpSpec("reshape_as", lambda x, y: x.reshape(y.shape), None),
    OpSpec(
        "flatten",
        flattened,
        each((), (1,), (0, 1), shape=(2, 3, 2)),
        errors=[bad(RuntimeError, "flatten: start_dim cannot come after end_dim", X, 1, 0)],
    ),
    OpSpec("ravel", np.ravel, each()),
    OpSpec(
        "unflatten",
        lambda x, dim, sizes: x.reshape(2, 2, 2),
        each((1, (2, 2)), (-1, (-1, 2)), shape=(2, 4)),
        dtypes=[],
        errors=[bad(ShapeError, "unflatten: provided sizes (2, 2) don't multiply", X, 1, (2, 2))],
    ),
    OpSpec(
        "squeeze",
        lambda x, dim=None: np.squeeze(x, dim),
        each((), (1,), (-1,), ((1, 3),), shape=(2, 1, 3, 1)),
        errors=[bad(IndexError, "squeeze: Dimension out of range", X, 2)],
    ),
    OpSpec(
        "unsqueeze",
        np.expand_dims,
        each((0,), (1,), (-1,)),
        errors=[
            bad(IndexError, "unsqueeze: Dimension out of range", X, 3),
            bad(TypeError, "unsqueeze: dim must be an int", X, 1.5),
        ],
    ),
    OpSpec(
        "expand",
        expanded,
        each((2, 3), (4, -1, 3), ((2, 2, 3),), shape=(2, 3)),
        errors=[bad(ShapeError, "expand: input (2, 3) cannot be expanded to (3, 3)", X, 3, 3)],
    ),
    OpSpec("expand_as", lambda x, y: np.broadcast_to(x, y.shape), None),
    OpSpec("broadcast_to", np.broadcast_to, each(((4, 2, 3),))),
    OpSpec(
        "broadcast_tensors",
        lambda *xs: tuple(np.broadcast_arrays(*xs)),
        several((2, 1), (3,), (1, 1), as_list=False),
        errors=[bad(ShapeError, "broadcast_tensors: sizes 3 and 2", X, np.zeros((2, 2)))],
    ),
    OpSpec(
        "permute",
        lambda x, *dims: x.transpose(dims),
        each((1, 0, 2), (-1, 0, 1), shape=(2, 3, 2)),
        errors=[
            bad(ShapeError, "permute: number of dimensions", X, 0),
            bad(RuntimeError, "permute: duplicate dims", X, 0, 0),
        ],
    ),
    OpSpec(
        "transpose",
        np.swapaxes,
        each((0, 1), (-1, 1), shape=(2, 3, 2)),
        errors=[bad(IndexError, "transpose: Dimension out of range", X, 0, 2)],
    ),
    OpSpec("swapaxes", np.swapaxes, each((0, 1))),
    OpSpec("swapdims", np.swapaxes, each((0, 1))),
    OpSpec("t", np.transpose, each(()), errors=[bad(RuntimeError, "t: expects a tensor", X[None])]),
    OpSpec(
        "adjoint",
        lambda x: x.swapaxes(-1, -2),
        each(()),
        errors=[bad(RuntimeError, "adjoint: tensor.mT is only supported", X[0])],
    ),
    OpSpec(
        "movedim",
        np.moveaxis,
        each((0, 2), ((0, 1), (2, 0)), shape=(2, 3, 2)),
        errors=[bad(RuntimeError, "movedim: repeated dim", X, (0, 0), (0, 1))],
    ),
    OpSpec("moveaxis", np.moveaxis, each((0, -1))),
    OpSpec(
        "narrow",
        lambda x, dim, start, n: x.take(range(start % 3, start % 3 + n), dim),
        each((1, 1, 2), (-1, -2, 1), (1, 0, 0)),
        errors=[bad(ShapeError, "narrow: start (1) + length (3) exceeds", X, 1, 1, 3)],
    ),
    OpSpec(
        "select",
        lambda x, dim, index: x.take(index, dim),
        each((1, 1), (0, -1)),
        errors=[bad(IndexError, "select: index 3 is out of bounds for dimension 1", X, 1, 3)],
    ),
    OpSpec(
        "split",
        split_ref,
        each((2, 1), ([1, 0, 2], 1), (1,)),
        errors=[bad(ShapeError, "split: split_sizes (1, 1) must be", X, [1, 1], 1)],
    ),
    OpSpec("split_with_sizes", split_ref, each(([1, 2], 1))),
    OpSpec(
        "chunk",
        lambda x, n, dim=0: split_ref(x, -(-x.shape[dim] // n), dim),
        each((2, 1), (3,)),
        errors=[bad(RuntimeError, "chunk: expects `chunks` to be greater than 0", X, 0)],
    ),
    OpSpec(
        "tensor_split",
        lambda x, n, dim=0: tuple(np.array_split(x, n, dim)),
        each((2, 1), ((1, 2), 1), (3,)),
        errors=[bad(RuntimeError, "tensor_split: number of sections", X, 0)],
    ),
    OpSpec(
        "hsplit",
        lambda x, n: tuple(np.hsplit(x, n)),
        each((3,)),
        errors=[bad(RuntimeError, "hsplit: dimension 1 of input (2, 3) is not", X, 2)],
    ),
    OpSpec("vsplit", lambda x, n: tuple(np.vsplit(x, n)), each((2,))),
    OpSpec("dsplit", lambda x, n: tuple(np.dsplit(x, n)), each(((1,),), shape=(1, 2, 3))),
    OpSpec(
        "unbind",
        lambda x, dim=0: tuple(np.moveaxis(x, dim, 0)),
        each((), (1,)),
        errors=[bad(IndexError, "unbind: Dimension out of range", X, 2)],
    ),
    OpSpec(
        "diagonal",
        lambda x, offset=0, dim1=0, dim2=1: x.diagonal(offset, dim1, dim2),
        each((), (1, 1, 2), (-1, -1, 0), shape=(2, 3, 3)),
        errors=[bad(RuntimeError, "diagonal: diagonal dimensions cannot be identical", X, 0, 1, 1)],
    ),
    OpSpec(
        "diag_embed",
        diag_embed_ref,
        each((), (1,), (-1, 0, 2)),
        errors=[bad(IndexError, "diag_embed: Dimension out of range", X, 0, 3)],
    ),
    OpSpec(
        "diag",
        np.diag,
        lambda rng: (
            [sample(rng.standard_normal(3), k) for k in (0, -1)]
            + [sample(rng.standard_normal((2, 3)), k) for k in (0, 1)]
        ),
        errors=[bad(RuntimeError, "diag: expected a 1-d or 2-d tensor", X[None])],
    ),
    OpSpec(
        "unfold",
        unfold_ref,
        each((1, 2, 1), (1, 2, 2), (0, 1, 1), shape=(2, 4)),
        errors=[
            bad(ShapeError, "unfold: maximum size for tensor at dimension 1 is 3", X, 1, 4, 1),
            bad(ShapeError, "unfold: step is 0", X, 1, 2, 0),
        ],
    ),
    OpSpec(
        "cat",
        lambda xs, dim=0: np.concatenate(xs, dim),
        lambda rng: [*several((2, 3), (1, 3))(rng), *several((2, 1), (2, 0), (2, 2), dim=1)(rng)],
        errors=[
            bad(ShapeError, "cat: Sizes of tensors must match", [X, np.zeros((2, 2))]),
            bad(ShapeError, "cat: expected a non-empty list", []),
            bad(TypeError, "cat: tensors[1] must be a Tensor, got int", [X, 1]),
            bad(TypeError, "cat: tensors must be a tuple or list", X),
        ],
    ),
    OpSpec("concat", lambda xs, dim=0: np.concatenate(xs, dim), PAIR),
    OpSpec("concatenate", lambda xs, dim=0: np.concatenate(xs, dim), PAIR),
    OpSpec(
        "stack",
        lambda xs, dim=0: np.stack(xs, dim),
        lambda rng: [*PAIR(rng), *several((2, 3), (2, 3), dim=1)(rng)],
        errors=[bad(ShapeError, "stack: expects each tensor to be equal size", [X, X[0]])],
    ),
    OpSpec("hstack", np.hstack, lambda rng: [*PAIR(rng), *several((2,), (3,))(rng)]),
    OpSpec("vstack", np.vstack, lambda rng: [*PAIR(rng), *several((3,), (3,))(rng)]),
    OpSpec("row_stack", np.vstack, PAIR),
    OpSpec("dstack", np.dstack, lambda rng: [*PAIR(rng), *several((3,), (3,))(rng)]),
    OpSpec("column_stack", np.column_stack, several((2, 3), (2,))),
    OpSpec("atleast_1d", np.atleast_1d, each((), shape=())),
    OpSpec("atleast_2d", np.atleast_2d, each((), shape=(3,))),
    OpSpec("atleast_3d", np.atleast_3d, lambda rng: [*each()(rng), *each((), shape=(3,))(rng)]),
    OpSpec(
        "meshgrid",
        lambda *xs, indexing="ij": tuple(np.meshgrid(*xs, indexing=indexing)),
        lambda rng: [
            *several((2,), (3,), as_list=False)(rng),
            *several((2,), (3,), as_list=False, indexing="xy")(rng),
        ],
        errors=[bad(ShapeError, "meshgrid: expected scalar or 1D", X)],
    ),
    OpSpec(
        "repeat",
        repeat_ref,
        each((2, 1), (2, 1, 2), (0, 1)),
        errors=[bad(ShapeError, "repeat: number of dimensions", X, 2)],
    ),
    OpSpec("tile", repeat_ref, each((2,), (1, 2))),
    OpSpec(
        "repeat_interleave",
        np.repeat,
        each((2,), (2, 1)),
        errors=[bad(RuntimeError, "repeat_interleave: repeats can not be negative", X, -1)],
    ),
    OpSpec(
        "flip",
        lambda x, *dims: np.flip(x, dims),
        each((0,), (0, 1)),
        errors=[bad(IndexError, "flip: Dimension out of range", X, 2)],
    ),
    OpSpec("fliplr", np.fliplr, each()),
    OpSpec("flipud", np.flipud, each()),
    OpSpec(
        "roll",
        np.roll,
        each((1,), ((1, 2), (0, 1)), (-1, 1)),
        errors=[bad(RuntimeError, "roll: shifts and dimensions must align", X, (1, 2), 0)],
    ),
    OpSpec(
        "rot90",
        rot_ref,
        each((), (2,), (-1,), (4,)),
        errors=[bad(RuntimeError, "rot90: expected two different dims", X, 1, (0, 0))],
    ),
    OpSpec(
        "tril",
        np.tril,
        each((), (1,), (-1,), shape=(3, 3)),
        errors=[bad(RuntimeError, "tril: input tensor must have at least 2", X[0])],
    ),
    OpSpec("triu", np.triu, each((), (1,), (-1,), shape=(3, 3))),
]

for spec in SPECS:
    if spec.samples is None:  # with a second tensor, of which only the shape counts
        wanted = (2, 2, 3) if spec.name == "expand_as" else (3, 2)
        spec.samples = lambda rng, wanted=wanted: [
            sample(rng.standard_normal((2, 3)), np.zeros(wanted, np.int64))
        ]
