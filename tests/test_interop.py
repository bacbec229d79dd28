"""numpy, DLPack, copy and pickle; unusual types and sizes."""

import copy
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

import minitorch

X = np.arange(1.0, 7).reshape(2, 3)


def test_numpy_shares_memory():
    x = minitorch.zeros(3)
    array = x.numpy()
    array[0] = 1
    x[1] = 2
    assert x.tolist() == array.tolist() == [1, 2, 0]
    y = minitorch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="requires grad"):
        y.numpy()
    assert y.detach().numpy().tolist() == y.numpy(force=True).tolist() == [1, 1]


def test_asarray_follows_numpy_2():
    x = minitorch.from_numpy(X.copy())
    assert np.asarray(x) is x.numpy() or np.shares_memory(np.asarray(x), x.numpy())
    assert not np.shares_memory(np.array(x), x.numpy())
    assert np.asarray(x, np.float32).dtype == np.float32
    assert np.shares_memory(np.array(x, copy=False), x.numpy())
    with pytest.raises(ValueError, match="copy"):
        np.array(x, dtype=np.float32, copy=False)
    with pytest.raises(RuntimeError, match="requires grad"):
        np.asarray(x.requires_grad_())


OPERATORS = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / b,
    lambda a, b: a // b,
    lambda a, b: a % b,
    lambda a, b: a**b,
    lambda a, b: a < b,
    lambda a, b: a == b,
    lambda a, b: a != b,
    lambda a, b: a >= b,
]


@pytest.mark.parametrize("number", range(len(OPERATORS)))
def test_numpy_on_either_side_gives_a_tensor(number):
    operator = OPERATORS[number]
    x = minitorch.from_numpy(X.copy())
    for left, right in ((X * 2, x), (x, X * 2), (np.float64(2), x), (x, np.float64(2))):
        result = operator(left, right)
        assert isinstance(result, minitorch.Tensor)
        np.testing.assert_allclose(result.numpy(), operator(np.asarray(left), np.asarray(right)))


def test_matrix_product_with_numpy():
    x = minitorch.from_numpy(X.copy()).requires_grad_()
    for result in (X.T @ x, x.t() @ X):
        assert isinstance(result, minitorch.Tensor) and result.requires_grad
        np.testing.assert_allclose(result.detach().numpy(), X.T @ X)


def test_numpy_on_the_left_has_a_gradient():
    x = minitorch.from_numpy(X.copy()).requires_grad_()
    (X * x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), X)


def test_numpy_functions():
    x = minitorch.from_numpy(X.copy())
    for function in (np.sqrt, np.exp, np.negative):
        result = function(x)
        assert isinstance(result, minitorch.Tensor)
        np.testing.assert_array_equal(result.numpy(), function(X))
    assert np.sum(x.numpy()) == 21
    with pytest.raises(RuntimeError, match="requires grad"):
        np.sqrt(x.requires_grad_())


def test_read_only_arrays_are_shared_and_not_written():
    array = np.arange(3.0)
    array.flags.writeable = False
    x = minitorch.from_numpy(array)
    assert np.shares_memory(x.numpy(), array) and (x * 2).tolist() == [0, 2, 4]
    for write in (lambda: x.add_(1), lambda: x.zero_(), lambda: x[:1].mul_(2)):
        with pytest.raises(RuntimeError, match="read-only"):
            write()
    with pytest.raises(RuntimeError, match="read-only"):
        x[0] = 1
    with pytest.raises(RuntimeError, match="read-only"):
        x[minitorch.tensor([0])] = 1
    assert array.tolist() == [0, 1, 2]


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int16", "int32", "int64", "float16"])
def test_dlpack_with_numpy_and_torch(torch, dtype):
    array = np.arange(6).reshape(2, 3).astype(dtype)
    x = minitorch.from_numpy(array)
    np.testing.assert_array_equal(np.from_dlpack(x), array)
    assert np.shares_memory(minitorch.from_dlpack(array).numpy(), array)
    theirs = torch.from_dlpack(x)
    np.testing.assert_array_equal(theirs.numpy(), array)
    ours = minitorch.from_dlpack(theirs)
    np.testing.assert_array_equal(ours.numpy(), array)
    theirs[0, 0] = 1
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    np.testing.assert_array_equal(x.numpy(), theirs.numpy())


def test_dlpack_refuses_what_it_cannot_share(torch):
    with pytest.raises(TypeError):
        minitorch.from_dlpack([1])
    with pytest.raises((TypeError, BufferError, RuntimeError)):
        minitorch.from_dlpack(torch.ones(2, dtype=torch.complex64))
    with pytest.raises((RuntimeError, BufferError)):
        minitorch.ones(2, requires_grad=True).__dlpack__()


def test_torch_tensors_are_taken(torch):
    x = minitorch.tensor(torch.arange(3))
    assert x.tolist() == [0, 1, 2] and x.dtype is minitorch.int64


@pytest.mark.parametrize(
    "make", [copy.deepcopy, copy.copy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copy_and_pickle(make):
    x = minitorch.from_numpy(X.copy()).requires_grad_()
    x.note = "kept"
    (x * x).sum().backward()
    y = make(x)
    assert y is not x and y.requires_grad and y.is_leaf and y.note == "kept"
    np.testing.assert_array_equal(y.detach().numpy(), X)
    if make is not copy.copy:
        y.detach()[0, 0] = 100
        assert x[0, 0].item() == 1


def test_deepcopy_keeps_shared_tensors_shared():
    x = minitorch.zeros(2)
    one, other = copy.deepcopy([x, x])
    assert one is other and one is not x
    x = minitorch.ones(2, requires_grad=True)
    (x * 3).sum().backward()
    assert copy.deepcopy(x).grad.tolist() == [3, 3]
    with pytest.raises(RuntimeError, match="deepcopy"):
        copy.deepcopy(x * 2)


@pytest.mark.parametrize("dtype", ["float16", "int8", "int16", "uint8"])
def test_small_types_compute(torch, dtype):
    a = np.arange(1, 7).reshape(2, 3).astype(dtype)
    for program in (
        lambda m, x: x + x,
        lambda m, x: x * 3,
        lambda m, x: x.sum(),
        lambda m, x: x @ x.t(),
        lambda m, x: x[:, 1:].clone(),
        lambda m, x: x / 2,
        lambda m, x: m.cat([x, x]),
        lambda m, x: x.sort(descending=True).values,
    ):
        ours = program(minitorch, minitorch.from_numpy(a))
        theirs = program(torch, torch.from_numpy(a))
        assert str(ours.dtype)[10:] == str(theirs.dtype)[6:]
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def free_memory():
    try:
        with open("/proc/meminfo") as lines:
            fields = dict(line.split(":") for line in lines)
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


LARGE = """
import minitorch

count = (1 << 31) + 8
x = minitorch.zeros(count, dtype=minitorch.uint8)
x[-3:] = 7
x[0] = 1
assert x.numel() == count and x[-1].item() == 7
assert x[(1 << 31) + 5 :].tolist() == [7, 7, 7]
y = x.view(-1, 8)
assert y.shape == (count // 8, 8) and y[-1].tolist() == [0, 0, 0, 0, 0, 7, 7, 7]
assert x.nonzero().tolist() == [[0], [count - 3], [count - 2], [count - 1]]
"""


def test_more_than_2_to_the_31_elements():
    if free_memory() < 6 << 30:
        pytest.skip("needs 6 GB of memory")
    # In a process of its own: the pool keeps memory in proportion to the most ever used.
    subprocess.run([sys.executable, "-c", LARGE], check=True)
