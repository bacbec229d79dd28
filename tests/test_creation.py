"""Making and converting tensors, against PyTorch."""

import numpy as np
import pytest
from compare import assert_same

import minitorch

RESULTS = {
    "tensor int": lambda m: m.tensor(3),
    "tensor float": lambda m: m.tensor(2.5),
    "tensor bool": lambda m: m.tensor(True),
    "tensor list": lambda m: m.tensor([[1, 2], [3, 4]]),
    "tensor mixed": lambda m: m.tensor([1, 2.5]),
    "tensor bools": lambda m: m.tensor([True, False]),
    "tensor bool int": lambda m: m.tensor([True, 2]),
    "tensor empty": lambda m: m.tensor([]),
    "tensor empty rows": lambda m: m.tensor([[], []]),
    "tensor tuple": lambda m: m.tensor(((1,), (2,))),
    "tensor size": lambda m: (m.tensor(m.ones(2, 3).shape), m.tensor([m.ones(2, 3).shape, (1, 2)])),
    "tensor dtype": lambda m: m.tensor([1.7, -1.7], dtype=m.int64),
    "tensor float16": lambda m: m.tensor([1, 2], dtype=m.float16),
    "tensor numpy": lambda m: m.tensor(np.arange(3.0)),
    "tensor numpy int8": lambda m: m.tensor(np.arange(3, dtype=np.int8)),
    "tensor numpy 0-d": lambda m: m.tensor(np.array(3.0)),
    "tensor numpy scalar": lambda m: m.tensor(np.float64(3.0)),
    "tensor numpy scalars": lambda m: m.tensor([np.float32(1), 2.0]),
    "tensor numpy doubles": lambda m: m.tensor([np.float64(1), 2.0]),
    "tensor of tensors": lambda m: m.tensor([m.tensor(1.0), 2.0]),
    "tensor range": lambda m: m.tensor(range(3)),
    "as_tensor": lambda m: m.as_tensor([1, 2]),
    "as_tensor dtype": lambda m: m.as_tensor(np.arange(3), dtype=m.float32),
    "zeros": lambda m: m.zeros(2, 3),
    "zeros sequence": lambda m: m.zeros([2, 3], dtype=m.int32),
    "zeros size": lambda m: m.zeros(m.ones(2, 3).size()),
    "zeros keyword": lambda m: m.zeros(size=(2,), dtype=m.bool),
    "zeros nothing": lambda m: m.zeros(()),
    "zeros empty": lambda m: m.zeros(0, 3),
    "ones": lambda m: m.ones(2, 2, dtype=m.float64),
    "empty": lambda m: m.empty(2, 3).shape,
    "full": lambda m: m.full((2, 2), 7),
    "full float": lambda m: m.full((2,), 7.5),
    "full bool": lambda m: m.full((2,), True),
    "full dtype": lambda m: m.full((2,), 7, dtype=m.float64),
    "zeros_like": lambda m: m.zeros_like(m.ones(2, 3, dtype=m.int8)),
    "ones_like": lambda m: m.ones_like(m.ones(2), dtype=m.float64),
    "full_like": lambda m: m.full_like(m.ones(2), 3),
    "empty_like": lambda m: m.empty_like(m.ones(2, 3)).shape,
    "scalar_tensor": lambda m: m.scalar_tensor(3),
    "eye": lambda m: (m.eye(3), m.eye(2, 3), m.eye(3, 2, dtype=m.int64)),
    "arange": lambda m: (m.arange(5), m.arange(2, 5), m.arange(5, 0, -2)),
    "arange float": lambda m: (m.arange(5.0), m.arange(0, 1, 0.3), m.arange(1, 0, -0.25)),
    "arange dtype": lambda m: (m.arange(3, dtype=m.float64), m.arange(2.5, dtype=m.int64)),
    "arange tensors": lambda m: m.arange(m.tensor(3)),
    "arange empty": lambda m: (m.arange(0), m.arange(3, 3), m.arange(0.0)),
    "arange long": lambda m: m.arange(0, 100, 0.1),
    "linspace": lambda m: (m.linspace(0, 1, 5), m.linspace(3, -3, 4), m.linspace(1, 2, 1)),
    "linspace empty": lambda m: m.linspace(0, 1, 0),
    "logspace": lambda m: (m.logspace(0, 3, 4), m.logspace(0, 3, 4, base=2)),
    "triangles": lambda m: (
        m.tril_indices(3, 4),
        m.triu_indices(3, 3, 1),
        m.tril_indices(2, 2, -1),
    ),
    "new": lambda m: (
        m.ones(2).double().new_zeros(2, 3),
        m.ones(2).new_ones((2,), dtype=m.int64),
        m.ones(2).int().new_full((2,), 3),
        m.ones(2).double().new_tensor([1, 2]),
        m.ones(2).new_empty(3).shape,
    ),
    "to": lambda m: (m.ones(2).to(m.int64), m.ones(2).to("cpu"), m.ones(2).to("cpu", m.float64)),
    "to other": lambda m: (m.ones(2).to(m.ones(1).double()), m.ones(2).to(dtype=m.float16)),
    "short names": lambda m: (
        *(m.ones(2).double(), m.ones(2).half(), m.ones(2).long(), m.ones(2).int()),
        *(m.ones(2).short(), m.ones(2).char(), m.ones(2).byte(), m.ones(2).bool()),
        *(m.ones(2).long().float(), m.ones(2).cpu(), m.ones(2).type(m.float64)),
        *(m.ones(2).type_as(m.ones(1).int()), m.ones(2).type("torch.LongTensor")),
    ),
    "legacy": lambda m: (
        *(m.FloatTensor([1, 2]), m.LongTensor([1, 2]), m.DoubleTensor([1.5]), m.IntTensor([3])),
        *(m.ByteTensor([1]), m.BoolTensor([True]), m.Tensor([1, 2]), m.FloatTensor(2, 0)),
    ),
    "is": lambda m: (
        m.is_tensor(m.ones(1)),
        m.is_tensor(1),
        isinstance(m.ones(1), m.FloatTensor),
        isinstance(m.ones(1), m.LongTensor),
    ),
    "float to int": lambda m: m.tensor([2.9, -2.9]).int(),
    "uint8 wraps": lambda m: m.tensor([256, 257]).byte(),
}


@pytest.mark.parametrize("name", RESULTS)
def test_equal_to_torch(torch, name):
    assert_same(RESULTS[name](minitorch), RESULTS[name](torch), torch, rtol=1e-6)


ERRORS = {
    "ragged": lambda m: m.tensor([[1], [1, 2]]),
    "string": lambda m: m.tensor("a"),
    "none": lambda m: m.tensor(None),
    "too large": lambda m: m.tensor(1 << 70),
    "too large for uint8": lambda m: m.tensor([300], dtype=m.uint8),
    "nan to int": lambda m: m.tensor([float("nan")], dtype=m.int64),
    "negative size": lambda m: m.zeros(-1),
    "overflow": lambda m: m.zeros(1 << 62, 8),
    "float size": lambda m: m.zeros(1.5),
    "full of none": lambda m: m.full((2,), None),
    "arange step": lambda m: m.arange(0, 1, 0),
    "arange sign": lambda m: m.arange(0, 5, -1),
    "arange inf": lambda m: m.arange(float("inf")),
    "linspace": lambda m: m.linspace(0, 1, -1),
    "from_numpy list": lambda m: m.from_numpy([1]),
    "from_numpy strings": lambda m: m.from_numpy(np.zeros(3, "U1")),
    "from_numpy negative": lambda m: m.from_numpy(np.zeros(3)[::-1]),
    "from_numpy order": lambda m: m.from_numpy(np.zeros(3, ">f4")),
    "device": lambda m: m.zeros(2, device="cuda"),
    "unknown device": lambda m: m.zeros(2).to("foo"),
    "grad of ints": lambda m: m.tensor([1], requires_grad=True),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(torch, name):
    if name == "device" and torch.cuda.is_available():
        pytest.skip("PyTorch has a GPU here")
    with pytest.raises(Exception) as theirs:
        ERRORS[name](torch)
    kind = theirs.type if theirs.type in (ValueError, TypeError) else (RuntimeError, ValueError)
    with pytest.raises(kind):
        ERRORS[name](minitorch)


def test_failed_allocation_is_a_memory_error():
    with pytest.raises(MemoryError):
        minitorch.empty(1 << 58)
    with pytest.raises(MemoryError):
        minitorch.zeros(1 << 57, dtype=minitorch.float64)


def test_messages():
    with pytest.raises(minitorch.ShapeError, match=r"zeros: .* negative dimension -3: \(2, -3\)"):
        minitorch.zeros(2, -3)
    with pytest.raises(ValueError, match=r"expected sequence of length 1 at dim 1 \(got 2\)"):
        minitorch.tensor([[1], [1, 2]])
    with pytest.raises(RuntimeError, match="minitorch computes on the CPU only"):
        minitorch.ones(2).cuda()


def test_default_dtype():
    minitorch.set_default_dtype(minitorch.float64)
    try:
        made = (minitorch.tensor(1.0), minitorch.zeros(1), minitorch.arange(1.0), minitorch.rand(1))
        assert all(x.dtype is minitorch.float64 for x in made)
    finally:
        minitorch.set_default_dtype(minitorch.float32)


def test_what_shares_memory():
    array = np.zeros(3, np.float32)
    x = minitorch.from_numpy(array)
    assert minitorch.as_tensor(x) is x
    for shared in (minitorch.as_tensor(array), minitorch.asarray(array), minitorch.asarray(x)):
        shared += 1
    assert array.tolist() == x.tolist() == [3, 3, 3]
    for copied in (
        minitorch.tensor(array),
        minitorch.asarray(array, copy=True),
        x.to(x, copy=True),
    ):
        copied += 1
    assert array.tolist() == [3, 3, 3]
    with pytest.raises(ValueError, match="cannot avoid a copy"):
        minitorch.asarray([1, 2], copy=False)
    assert x.to(minitorch.float32) is x and x.cpu() is x


def test_conversion_has_a_gradient():
    x = minitorch.ones(2, requires_grad=True)
    (x.double() * 2).half().float().sum().backward()
    assert x.grad.tolist() == [2, 2] and x.grad.dtype is minitorch.float32
    assert not x.long().requires_grad
    assert minitorch.ones(2, requires_grad=True).is_leaf


def test_foreign_byte_order_is_converted_in_a_copy():
    array = np.arange(3, dtype=">f4")
    assert minitorch.tensor(array).tolist() == minitorch.as_tensor(array).tolist() == [0, 1, 2]
