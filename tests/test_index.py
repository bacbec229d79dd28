"""Reading and writing by index, against PyTorch."""

import numpy as np
import pytest
from compare import assert_same, compare_errors, compare_programs

import minitorch

X = np.random.default_rng(0).standard_normal((4, 3, 5))
MASK = np.random.default_rng(1).random((4, 3, 5)) > 0.5


def bools(m, *values):
    return m.tensor(values)


INDICES = {
    "int": lambda m: 1,
    "negative": lambda m: -2,
    "numpy int": lambda m: np.int64(2),
    "slice": lambda m: slice(1, 3),
    "slice step": lambda m: slice(0, None, 2),
    "slice out of range": lambda m: slice(-9, 99),
    "slice empty": lambda m: slice(3, 1),
    "ellipsis": lambda m: ...,
    "last": lambda m: (..., 2),
    "none": lambda m: None,
    "mixed basic": lambda m: (slice(None), None, 1, slice(1, 4)),
    "full": lambda m: (1, 2, 3),
    "full and none": lambda m: (1, 2, 3, None),
    "ints and slices": lambda m: (slice(None), 0),
    "ellipsis inside": lambda m: (0, ..., slice(1, 3)),
    "empty tuple": lambda m: (),
    "tensor 0-d": lambda m: m.tensor(1),
    "slice of tensors": lambda m: slice(m.tensor(1), m.tensor(3)),
    "tensor": lambda m: m.tensor([0, 2, 2, -1]),
    "tensor 2-d": lambda m: m.tensor([[0, 2], [1, 1]]),
    "int32 tensor": lambda m: m.tensor([0, 2], dtype=m.int32),
    "list": lambda m: [3, 0, 3],
    "array": lambda m: np.array([1, -1]),
    "empty tensor": lambda m: m.tensor([], dtype=m.int64),
    "empty list": lambda m: [],
    "two tensors": lambda m: (m.tensor([0, 1, 1]), m.tensor([2, 0, 0])),
    "broadcast tensors": lambda m: (m.tensor([[0], [1]]), m.tensor([2, 0, 0])),
    "separated": lambda m: (m.tensor([0, 1]), slice(None), m.tensor([4, 0])),
    "separated broadcast": lambda m: (m.tensor([[0], [1]]), slice(1, 3), m.tensor([4, 0, 0])),
    "int and tensor": lambda m: (1, slice(None), m.tensor([4, 0])),
    "int and tensors": lambda m: (m.tensor([1, 1]), 2, m.tensor([4, 0])),
    "tensor in the middle": lambda m: (slice(None), m.tensor([2, 2, 0]), slice(1, None, 2)),
    "tensor at the end": lambda m: (..., m.tensor([[2, 2], [0, 4]])),
    "tensor and none": lambda m: (None, m.tensor([0, 0]), None, slice(0, 2)),
    "mask": lambda m: m.from_numpy(MASK),
    "mask of rows": lambda m: m.tensor([True, False, True, True]),
    "mask list": lambda m: [True, False, False, True],
    "mask array": lambda m: MASK[:, 0, 0],
    "mask 2-d": lambda m: m.from_numpy(MASK[:, :, 0]),
    "mask at the end": lambda m: (slice(None), m.from_numpy(MASK[0])),
    "mask and int": lambda m: (2, m.tensor([True, False, True]), 1),
    "mask and tensor": lambda m: (m.tensor([True, False, True, False]), m.tensor([0, 1])),
    "mask false": lambda m: m.zeros(4, dtype=m.bool),
    "true": lambda m: True,
    "false": lambda m: False,
    "true and int": lambda m: (True, 1),
}


@pytest.mark.parametrize("name", INDICES)
def test_getitem(torch, name):
    compare_programs(torch, lambda m, x: x[INDICES[name](m)], X)


# Where an index repeats, the last write counts, and only that has a gradient; PyTorch leaves open
# which counts and gives all of them one.
REPEATED = {"tensor", "list", "two tensors", "separated broadcast", "broadcast tensors"}
REPEATED |= {"tensor 2-d", "tensor in the middle", "tensor and none", "tensor at the end"}


@pytest.mark.parametrize("name", sorted(set(INDICES) - REPEATED - {"false"}))
@pytest.mark.parametrize("value", ["number", "tensor", "broadcast", "scalar"])
def test_setitem(torch, name, value):
    def program(m, x, y):
        z = x * 2
        index = INDICES[name](m)
        part = z[index]
        if value == "number":
            z[index] = 7
        elif value == "tensor":  # where indices repeat, the last value counts: make them equal
            z[index] = y.sum() * m.ones_like(part)
        elif value == "broadcast":
            z[index] = y[:1]
        else:
            z[index] = y[0]
        return z, z * z

    compare_programs(torch, program, X, np.arange(3.0))


def test_setitem_with_overlapping_views():
    x = minitorch.from_numpy(X).requires_grad_()

    def program(x):
        y = x * 1
        y[1:] = y[:-1]
        y[:, 0] = y[:, 1] * 2
        y[0] = y[1][None, None]
        return y

    expected = X.copy()
    expected[1:] = X[:-1]
    expected[:, 0] = expected[:, 1] * 2
    expected[0] = expected[1]
    np.testing.assert_array_equal(program(x).detach().numpy(), expected)
    assert minitorch.autograd.gradcheck(program, (x,))


def test_setitem_casts_and_broadcasts(torch):
    def program(m, x):
        y = m.zeros(2, 3, dtype=m.int64)
        y[0] = 2.7
        y[1] = m.tensor([[1.5, -1.5, 3.0]])
        z = m.zeros(3)
        z[m.tensor([0, 2])] = m.tensor([1, 2]).float()
        z[z > 1.5] = -1
        return y, z

    compare_programs(torch, program, X)


def test_index_writes_are_counted_and_checked():
    x = minitorch.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf Variable"):
        x[0] = 1
    y = x * 1
    z = y * y
    y[0] = 5
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_index_kept_for_the_gradient_may_not_change():
    x = minitorch.ones(3, requires_grad=True)
    index = minitorch.tensor([0, 1])
    y = x[index]
    index += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
    array = np.array([0, 1])
    y = x[array]
    array += 1  # an array is copied
    y.sum().backward()
    assert x.grad.tolist() == [1, 1, 0]


@pytest.mark.parametrize("name", sorted(REPEATED))
def test_setitem_with_repeated_indices(name):
    def program(x, y):
        z = x * 2
        z[INDICES[name](minitorch)] = y.expand_as(z[INDICES[name](minitorch)])
        return z

    x = minitorch.from_numpy(X).requires_grad_()
    y = minitorch.ones_like(program(x, x[0, 0, 0]).detach()[INDICES[name](minitorch)])
    for values in (y * 1, y[:1, :1] * 1, y.sum()):
        assert minitorch.autograd.gradcheck(program, (x, values.requires_grad_()))


def test_scatter_with_repeated_indices():
    x = minitorch.from_numpy(M).requires_grad_()
    y = minitorch.from_numpy(SRC).requires_grad_()
    index = minitorch.from_numpy(I2)
    assert minitorch.autograd.gradcheck(lambda x, y: x.scatter(1, index, y), (x, y))


BAD_INDICES = [
    lambda m: 4,
    lambda m: -5,
    lambda m: (0, 0, 0, 0),
    lambda m: slice(None, None, -1),
    lambda m: slice(None, None, 0),
    lambda m: m.tensor([0, 4]),
    lambda m: m.tensor([-5]),
    lambda m: m.tensor([0.5]),
    lambda m: m.tensor([True, False]),
    lambda m: (m.tensor([0, 1]), m.tensor([0, 1, 2])),
    lambda m: 1.5,
    lambda m: m.tensor(7),
]


@pytest.mark.parametrize("number", range(len(BAD_INDICES)))
def test_bad_indices(torch, number):
    compare_errors(torch, lambda m, x: x[BAD_INDICES[number](m)], X)

    def write(m, x):
        y = x * 1
        y[BAD_INDICES[number](m)] = 0

    compare_errors(torch, write, X)


def test_out_of_range_names_index_dimension_and_size():
    x = minitorch.zeros(2, 3)
    for index in ((0, 3), (slice(None), minitorch.tensor([0, 3]))):
        with pytest.raises(
            IndexError, match="index 3 is out of bounds for dimension 1 with size 3"
        ):
            x[index]
    with pytest.raises(IndexError, match="gather: index 5 is out of bounds for dimension 0 with"):
        x.gather(0, minitorch.tensor([[5]]))


I2 = np.array([[0, 2, 1], [1, 0, 0]])
M = np.random.default_rng(2).standard_normal((3, 4))
SRC = np.random.default_rng(3).standard_normal((3, 4))
N = np.array([2, 0, 2])

PROGRAMS = {
    "index_select": lambda m, x, y, i: (x.index_select(0, i), m.index_select(x, -1, i)),
    "index_select 0-d": lambda m, x, y, i: x.index_select(0, i[0]),
    "gather": lambda m, x, y, i: x.gather(1, i[None, :]),
    "gather repeated": lambda m, x, y, i: m.gather(x, 0, m.from_numpy(I2)),
    "scatter": lambda m, x, y, i: x.scatter(0, m.tensor([[0, 1, 2, 0], [1, 2, 0, 1]]), y[:2]),
    "scatter value": lambda m, x, y, i: m.scatter(x, 1, m.from_numpy(I2), 5.0),
    "scatter_": lambda m, x, y, i: (x * 1).scatter_(1, m.tensor([[0], [3], [1]]), y[:, :1]),
    "scatter_ value": lambda m, x, y, i: (x * 1).scatter_(1, m.from_numpy(I2), value=2),
    "scatter_add": lambda m, x, y, i: x.scatter_add(1, m.from_numpy(I2), y[:2, :3]),
    "scatter_add_": lambda m, x, y, i: (x * 1).scatter_add_(0, m.from_numpy(I2), y[:2, :3]),
    "scatter_add_ view": lambda m, x, y, i: (
        (x * 1).t().scatter_add_(0, m.from_numpy(I2), y[1:, 1:])
    ),
    "scatter_reduce sum": lambda m, x, y, i: x.scatter_reduce(
        0, m.from_numpy(I2), y[:2, :3], "sum"
    ),
    "scatter_reduce mean": lambda m, x, y, i: x.scatter_reduce(
        0, m.from_numpy(I2), y[:2, :3], "mean"
    ),
    "scatter_reduce amax": lambda m, x, y, i: m.scatter_reduce(
        x, 1, m.from_numpy(I2), y[:2, :3], "amax", include_self=False
    ),
    "scatter_reduce amin": lambda m, x, y, i: x.scatter_reduce(
        1, m.from_numpy(I2), y[:2, :3], "amin"
    ),
    "scatter_reduce prod": lambda m, x, y, i: x.detach().scatter_reduce(
        1, m.from_numpy(I2), y.detach(), "prod"
    ),
    "scatter reduce add": lambda m, x, y, i: x.detach().scatter(
        1, m.from_numpy(I2), 2.0, reduce="add"
    ),
    "scatter reduce multiply": lambda m, x, y, i: x.detach().scatter(
        1, m.from_numpy(I2), 2.0, reduce="multiply"
    ),
    "index_add": lambda m, x, y, i: x.index_add(0, i, y),
    "index_add alpha": lambda m, x, y, i: m.index_add(x, 1, i, y[:, :3], alpha=2),
    "index_add_": lambda m, x, y, i: (x * 1).index_add_(0, i, y),
    "index_copy": lambda m, x, y, i: x.index_copy(0, i[:2], y[:2]),
    "index_copy_": lambda m, x, y, i: (x * 1).index_copy_(1, i[:2], y[:, :2]),
    "index_fill": lambda m, x, y, i: (x.index_fill(1, i, 3), x.index_fill(0, i, y[0, 0])),
    "index_fill_": lambda m, x, y, i: (x * 1).index_fill_(0, i, -1.5),
    "index_put": lambda m, x, y, i: x.index_put((i[:2], i[:2]), y[0, :2]),
    "index_put accumulate": lambda m, x, y, i: x.index_put((i, i), y[0, :3], accumulate=True),
    "index_put_": lambda m, x, y, i: (x * 1).index_put_((i,), y[:, 0, None], accumulate=True),
    "index_put_ mask": lambda m, x, y, i: (x * 1).index_put_((x > 0,), y[0, 0]),
    "masked_fill": lambda m, x, y, i: (x.masked_fill(y > 0, 3), x.masked_fill(y > 0, y.sum())),
    "masked_fill broadcast": lambda m, x, y, i: x[:1].masked_fill(y > 0, -1),
    "masked_fill_": lambda m, x, y, i: (x * 1).masked_fill_(y[0] > 0, -1),
    "masked_select": lambda m, x, y, i: (x.masked_select(y > 0), x.masked_select(y[0] > 0)),
    "masked_scatter": lambda m, x, y, i: x.masked_scatter(x > 0, y),
    "masked_scatter_": lambda m, x, y, i: (x * 1).masked_scatter_(x[0] > 0, y),
    "take": lambda m, x, y, i: (x.take(i), m.take(x, i - 3)),
    "take_along_dim": lambda m, x, y, i: m.take_along_dim(x, i[None, :], dim=1),
    "take_along_dim flat": lambda m, x, y, i: x.take_along_dim(i),
    "put": lambda m, x, y, i: m.put(x, i[1:], y[0, :2]),
    "put_": lambda m, x, y, i: (x * 1).put_(i, y[0, :3], accumulate=True),
    "nonzero": lambda m, x, y, i: (m.nonzero(i), (x > 0).nonzero(), m.argwhere(y > 0)),
    "nonzero as_tuple": lambda m, x, y, i: m.nonzero(x > 0, as_tuple=True),
    "nonzero 0-d": lambda m, x, y, i: (i[0].nonzero(), i[1].nonzero()),
    "sort": lambda m, x, y, i: tuple(x.sort()),
    "sort descending": lambda m, x, y, i: tuple(m.sort(x, 0, descending=True)),
    "sort stable": lambda m, x, y, i: tuple(m.sort(i.repeat(5), stable=True)),
    "sort stable descending": lambda m, x, y, i: tuple(
        m.sort(i.repeat(5), descending=True, stable=True)
    ),
    "sort 0-d": lambda m, x, y, i: tuple(x[0, 0].sort()),
    "argsort": lambda m, x, y, i: (x.argsort(1), m.argsort(x, dim=0, descending=True)),
    "msort": lambda m, x, y, i: m.msort(x),
    "topk": lambda m, x, y, i: tuple(x.topk(2)),
    "topk smallest": lambda m, x, y, i: tuple(m.topk(x, 2, 0, largest=False)),
    "kthvalue": lambda m, x, y, i: tuple(x.kthvalue(2)),
    "kthvalue keepdim": lambda m, x, y, i: tuple(m.kthvalue(x, 3, 0, keepdim=True)),
    "unique": lambda m, x, y, i: m.unique(i, return_inverse=True, return_counts=True),
    "unique dim": lambda m, x, y, i: m.unique(
        i[:, None].repeat(1, 2), dim=0, return_inverse=True, return_counts=True
    ),
    "unique_consecutive": lambda m, x, y, i: m.unique_consecutive(
        m.tensor([1, 1, 2, 2, 1]), return_inverse=True, return_counts=True
    ),
    "bincount": lambda m, x, y, i: (m.bincount(i), i.bincount(minlength=5)),
    "bincount weights": lambda m, x, y, i: m.bincount(i, x[:, 0].detach().float()),
    "histc": lambda m, x, y, i: (x.detach().histc(4, -1, 1), m.histc(x.detach(), 5)),
    "searchsorted": lambda m, x, y, i: m.searchsorted(m.tensor([0.0, 1, 1, 2]), m.tensor([1.0, 5])),
    "searchsorted right": lambda m, x, y, i: m.searchsorted(
        m.tensor([[0.0, 1, 1, 2], [1, 2, 3, 4]]), m.tensor([[1.0], [2.0]]), right=True
    ),
    "bucketize": lambda m, x, y, i: m.bucketize(x.detach(), m.tensor([-1.0, 0.0, 1.0]).double()),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(torch, name):
    compare_programs(torch, PROGRAMS[name], M, SRC, N)


ERRORS = [
    lambda m, x, i: x.index_select(0, m.tensor([3])),
    lambda m, x, i: x.index_select(2, i),
    lambda m, x, i: x.index_select(0, i.float()),
    lambda m, x, i: x.index_select(0, i[None]),
    lambda m, x, i: x.gather(0, i),
    lambda m, x, i: x.gather(0, m.zeros(1, 5, dtype=m.int64)),
    lambda m, x, i: x.gather(1, m.zeros(1, 4)),
    lambda m, x, i: x.scatter(0, m.zeros(2, 2, dtype=m.int64), m.zeros(1, 2).double()),
    lambda m, x, i: x.scatter(0, m.zeros(2, 2, dtype=m.int64), x.float()),
    lambda m, x, i: x.scatter_(0, m.zeros(2, 2, dtype=m.int64), 1.0),
    lambda m, x, i: x.index_add(0, i, x[:2]),
    lambda m, x, i: x.index_fill(0, i, x),
    lambda m, x, i: x.index_put((i,), x.float()),
    lambda m, x, i: x.masked_fill(i, 0),
    lambda m, x, i: x.masked_fill(m.ones(2, dtype=m.bool), 0),
    lambda m, x, i: x.masked_select(x),
    lambda m, x, i: x.masked_scatter(x < 99, x[0]),
    lambda m, x, i: x.take(m.tensor([12])),
    lambda m, x, i: x.topk(5),
    lambda m, x, i: x.topk(2, 2),
    lambda m, x, i: x.sort(2),
    lambda m, x, i: m.bincount(-i),
    lambda m, x, i: m.bincount(x),
]


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_errors(torch, number):
    compare_errors(torch, ERRORS[number], M, N)


def test_one_hot(torch):
    from minitorch.ops.index import one_hot

    labels = np.array([[0, 3], [1, 1]])
    for classes in (-1, 6):
        ours = one_hot(minitorch.from_numpy(labels), classes)
        theirs = torch.nn.functional.one_hot(torch.from_numpy(labels), classes)
        assert_same(ours, theirs, torch)
    with pytest.raises(RuntimeError, match="smaller than num_classes"):
        one_hot(minitorch.from_numpy(labels), 3)


@pytest.mark.parametrize("width", [1, 3, 20])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64"])
def test_repeated_indices_add_up(width, dtype):
    from minitorch.ops.index import add_rows

    rng = np.random.default_rng(0)
    index = rng.integers(0, 7, 1000)
    rows = rng.integers(-8, 8, (1000, width)).astype(dtype)
    for count in (7, 100_000):
        result, expected = np.ones((count, width), dtype), np.ones((count, width), dtype)
        add_rows(result, index, rows)
        np.add.at(expected, index, rows)
        np.testing.assert_array_equal(result, expected)


def test_topk_of_many_agrees_with_sort():
    values = np.random.default_rng(0).integers(0, 50, (3, 1000)).astype(np.float32)
    values[0, 5] = np.nan
    x = minitorch.from_numpy(values)
    for largest in (True, False):
        top = x.topk(10, largest=largest)
        every = x.sort(descending=largest)
        np.testing.assert_array_equal(top.values.numpy(), every.values[:, :10].numpy())
        chosen = np.take_along_axis(values, top.indices.numpy(), 1)
        np.testing.assert_array_equal(chosen, top.values.numpy())
