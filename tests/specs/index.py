"""Reading and writing by index."""

import numpy as np
from opspecs import OpSpec, bad, sample

import minitorch
from minitorch.errors import ShapeError

X = np.zeros((2, 3))
INDEX = np.array([[0, 2, 1], [1, 1, 0]])
MASK = np.array([[True, False, True], [False, False, True]])


class normal(tuple):
    """Stands for an array of that shape."""

    def __new__(cls, *shape):
        return super().__new__(cls, shape)


def on(shape, *arguments):
    """Make samples of one array, of different elements, with each of the arguments."""

    def samples(rng):
        return [
            sample(
                rng.permutation(np.arange(float(np.prod(shape)))).reshape(shape) / 4 + 0.1,
                *[rng.standard_normal(a) if isinstance(a, normal) else a for a in one],
            )
            for one in arguments
        ]

    return samples


def written(function):
    """Make a reference of ``function(copy, ...)``, which writes."""

    def ref(x, *args, **kwargs):
        result = x.copy()
        function(result, *args, **kwargs)
        return result

    return ref


def scatter_ref(x, dim, index, src):
    for place in np.ndindex(index.shape):
        to = list(place)
        to[dim] = index[place]
        x[tuple(to)] = src if np.ndim(src) == 0 else src[place]


def scatter_add_ref(x, dim, index, src):
    for place in np.ndindex(index.shape):
        to = list(place)
        to[dim] = index[place]
        x[tuple(to)] += src[place]


def scatter_reduce_ref(x, dim, index, src, reduce):
    counts = np.ones(x.shape)
    for place in np.ndindex(index.shape):
        to = list(place)
        to[dim] = index[place]
        to = tuple(to)
        counts[to] += 1
        functions = {"sum": np.add, "mean": np.add, "amax": np.maximum, "amin": np.minimum}
        functions["prod"] = np.multiply
        x[to] = functions[reduce](x[to], src[place])
    if reduce == "mean":
        x /= counts


def along(function):
    """Make a reference that writes rows (columns, ...) one after the other."""

    def ref(x, dim, index, src):
        x = np.moveaxis(x, dim, 0)
        rows = np.moveaxis(src, dim, 0) if np.ndim(src) else [src] * len(index)
        for i, row in zip(index, rows, strict=True):
            x[i] = function(x[i], row)

    return written(ref)


def put_ref(x, indices, values, accumulate=False):
    result = x.copy()
    if accumulate:
        np.add.at(result, indices, values)
    else:
        result[indices] = values
    return result


def sort_ref(x, dim=-1, descending=False):
    index = np.argsort(-x if descending else x, dim)
    return np.take_along_axis(x, index, dim), index


def topk_ref(x, k, dim=-1, largest=True):
    values, index = sort_ref(x, dim, largest)
    return values.take(range(k), dim), index.take(range(k), dim)


def kth_ref(x, k, dim=-1):
    values, index = sort_ref(x, dim)
    return values.take(k - 1, dim), index.take(k - 1, dim)


def setitem(x, *args):
    y = x * 1
    minitorch.setitem(y, *args)
    return y


def setitem_ref(x, index, value):
    result = x.copy()
    result[index] = value
    return result


def masked_scatter_ref(x, mask, source):
    result = x.copy()
    result[mask] = source.ravel()[: mask.sum()]
    return result


def read(*specs, **options):
    return OpSpec(*specs, differentiable=False, **options)


ROWS = np.array([1, 0, 1])
UNIQUE = np.array([1, 0])
NUMBERS = np.array([3, 1, 3, 2])

SPECS = [
    OpSpec(
        "getitem",
        lambda x, index: x[index],
        on(
            (2, 3),
            (1,),
            (slice(0, 2),),
            ((slice(None), 1),),
            ((..., None, 0),),
            (ROWS,),
            ((slice(None), ROWS),),
            ((ROWS, ROWS),),
            (MASK,),
            (([1, 0], slice(1, 3)),),
        ),
        errors=[
            bad(IndexError, "index 2 is out of bounds for dimension 0 with size 2", X, 2),
            bad(IndexError, "index -4 is out of bounds for dimension 1 with size 3", X, (0, -4)),
            bad(IndexError, "too many indices for tensor of dimension 2", X, (0, 0, 0)),
            bad(ValueError, "step must be greater than zero", X, slice(None, None, -1)),
            bad(IndexError, "The shape of the mask [3]", X, np.ones(3, bool)),
            bad(IndexError, "index 2 is out of bounds for dimension 0", X, np.array([2])),
        ],
    ),
    OpSpec(
        "setitem",
        setitem_ref,
        on(
            (2, 3),
            (1, normal(3)),
            ((slice(None), 0), normal(2)),
            (UNIQUE, normal(2, 3)),
            (MASK, 2.0),
            (MASK, normal(3)),
            ((UNIQUE, UNIQUE), normal(1)),
        ),
        fn=setitem,
        errors=[
            bad(ShapeError, "setitem: ", X, 0, np.zeros(2)),
            bad(IndexError, "index 2 is out of bounds for dimension 0 with size 2", X, 2, 0.0),
        ],
    ),
    OpSpec(
        "index_select",
        lambda x, dim, index: x.take(index, dim),
        on((2, 3), (0, ROWS), (-1, ROWS)),
        errors=[
            bad(IndexError, "index_select: index 2 is out of", X, 0, np.array([2])),
            bad(IndexError, "index_select: index is supposed to be a vector", X, 0, INDEX),
        ],
    ),
    OpSpec(
        "gather",
        lambda x, dim, index: np.take_along_axis(x, index, dim),
        on((2, 3), (1, INDEX), (0, INDEX[:1] % 2)),
        errors=[
            bad(IndexError, "gather: index 2 is out of bounds for dimension 0", X, 0, INDEX),
            bad(ShapeError, "gather: index (3,) must have as many", X, 0, ROWS),
        ],
    ),
    OpSpec(
        "scatter",
        written(scatter_ref),
        on((2, 3), (1, INDEX[:, :1], normal(2, 1)), (0, INDEX[:1] % 2, normal(2, 3))),
        errors=[bad(IndexError, "scatter: index 2 is out of bounds", X, 0, INDEX, X)],
    ),
    OpSpec("scatter_add", written(scatter_add_ref), on((2, 3), (1, INDEX, normal(2, 3)))),
    OpSpec(
        "scatter_reduce",
        written(scatter_reduce_ref),
        on(
            (2, 3),
            *[(1, INDEX, normal(2, 3), how) for how in ("sum", "mean", "amax", "amin", "prod")],
        ),
        errors=[bad(RuntimeError, "scatter_reduce: reduce argument", X, 1, INDEX, X, "median")],
    ),
    OpSpec(
        "index_add",
        along(lambda old, new: old + new),
        on((2, 3), (0, ROWS, normal(3, 3)), (1, UNIQUE, normal(2, 2))),
        errors=[bad(ShapeError, "index_add: source must have shape (3, 3)", X, 0, ROWS, X)],
    ),
    OpSpec(
        "index_copy",
        along(lambda old, new: new),
        on((2, 3), (0, UNIQUE, normal(2, 3)), (1, UNIQUE, normal(2, 2))),
    ),
    OpSpec(
        "index_fill",
        along(lambda old, new: new),
        on((2, 3), (0, UNIQUE[:1], 2.0), (1, UNIQUE, normal())),
    ),
    OpSpec(
        "index_put",
        put_ref,
        on(
            (2, 3),
            ((UNIQUE,), normal(2, 3)),
            ((ROWS, ROWS), normal(3), True),
            ((UNIQUE, UNIQUE), normal(2)),
        ),
    ),
    OpSpec(
        "masked_fill",
        lambda x, mask, value: np.where(mask, value, x),
        on((2, 3), (MASK, 2.0), (MASK[0], normal())),
        errors=[bad(RuntimeError, "masked_fill: expects mask to be boolean", X, INDEX, 0.0)],
    ),
    OpSpec(
        "masked_select",
        lambda x, mask: x[np.broadcast_to(mask, x.shape)],
        on((2, 3), (MASK,), (MASK[0],)),
    ),
    OpSpec(
        "masked_scatter",
        masked_scatter_ref,
        on((2, 3), (MASK, normal(4))),
        errors=[bad(ShapeError, "masked_scatter: source has 2 elements", X, MASK, np.zeros(2))],
    ),
    OpSpec(
        "take",
        np.take,
        on((2, 3), (INDEX,), (np.array([5, 0, -1]),)),
        errors=[bad(IndexError, "take: index 6 is out of bounds", X, np.array([6]))],
    ),
    OpSpec("take_along_dim", np.take_along_axis, on((2, 3), (INDEX, 1), (INDEX[:1], 1))),
    OpSpec(
        "put",
        lambda x, index, source: written(np.put)(x, index, source),
        on((2, 3), (np.array([5, 0]), normal(2))),
    ),
    OpSpec("sort", sort_ref, on((2, 3), (), (0,), (-1, True))),
    OpSpec("msort", lambda x: np.sort(x, 0), on((2, 3), ())),
    OpSpec(
        "topk",
        topk_ref,
        on((2, 3), (2,), (1, 0, False)),
        errors=[bad(RuntimeError, "topk: selected index k out of range", X, 4)],
    ),
    OpSpec(
        "kthvalue",
        kth_ref,
        on((2, 3), (2,), (1, 0)),
        errors=[bad(RuntimeError, "kthvalue: selected number k out of range", X, 0)],
    ),
    read("argsort", lambda x, dim=-1: np.argsort(x, dim), on((2, 3), (), (0,))),
    read("nonzero", np.argwhere, lambda rng: [sample(MASK), sample(INDEX)]),
    read("argwhere", np.argwhere, lambda rng: [sample(MASK), sample(INDEX)]),
    read(
        "unique",
        lambda x, **wanted: np.unique(x, **wanted),
        lambda rng: [sample(INDEX), sample(INDEX, return_inverse=True, return_counts=True)],
    ),
    read(
        "unique_consecutive",
        lambda x: np.array([3, 2]),
        lambda rng: [sample(np.array([3, 3, 2, 2]))],
    ),
    read(
        "bincount",
        np.bincount,
        lambda rng: [sample(NUMBERS), sample(NUMBERS, minlength=6)],
        errors=[bad(RuntimeError, "bincount: only supports", -NUMBERS)],
    ),
    read(
        "histc",
        lambda x, bins, low, high: np.histogram(x, bins, (low, high))[0].astype(x.dtype),
        on((2, 3), (4, 0.0, 2.0)),
        errors=[bad(RuntimeError, "histc: bins must be > 0", X, 0)],
    ),
    read(
        "nn.functional.one_hot",
        lambda labels, classes: np.eye(classes, dtype=np.int64)[labels],
        lambda rng: [sample(INDEX, 3), sample(ROWS, 4)],
        errors=[
            bad(RuntimeError, "one_hot: Class values must be smaller than num_classes", INDEX, 2),
            bad(RuntimeError, "one_hot: Class values must be non-negative", -INDEX),
            bad(RuntimeError, "one_hot: is only applicable to index tensor", X),
        ],
    ),
    read(
        "searchsorted",
        np.searchsorted,
        lambda rng: [sample(np.array([0.0, 1, 1, 2]), np.array([[1.0, 5.0]]))],
    ),
    read(
        "bucketize",
        lambda x, edges: np.searchsorted(edges, x),
        lambda rng: [sample(np.array([[1.0, 5.0]]), np.array([0.0, 1, 1, 2]))],
    ),
]
