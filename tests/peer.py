"""The same program in minitorch and in PyTorch: values, types, strides, gradients, errors."""

import numpy as np
import pytest

import minitorch


def leaves(module, arrays):
    """Make leaf tensors of arrays in `module`, floating-point ones requiring gradients."""
    made = []
    for array in arrays:
        if not isinstance(array, np.ndarray):
            made.append(array)
            continue
        tensor = module.from_numpy(array.copy())
        made.append(tensor.requires_grad_() if array.dtype.kind == "f" else tensor)
    return made


def flat(result):
    """Return tensors and numbers in nested tuples and lists as one list."""
    if isinstance(result, (tuple, list)):
        return [x for item in result for x in flat(item)]
    return [result]


def kind(x):
    """Return the name of a tensor's type, without the name of the library."""
    return str(x.dtype).rpartition(".")[2]


def assert_same(ours, theirs, torch, rtol=1e-6, atol=1e-9, strides=False):
    """Check that two results are equal in shape, type and values."""
    ours, theirs = flat(ours), flat(theirs)
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        if not isinstance(other, torch.Tensor):
            assert one == other
            continue
        assert tuple(one.shape) == tuple(other.shape)
        assert kind(one) == kind(other)
        if strides and other.numel() > 1:
            wide = [i for i, n in enumerate(other.shape) if n > 1]  # others say nothing
            assert [one.stride(i) for i in wide] == [other.stride(i) for i in wide]
        np.testing.assert_allclose(
            one.detach().numpy(), other.detach().numpy(), rtol, atol, equal_nan=True
        )


def check(torch, program, *arrays, strides=False, rtol=1e-6, atol=1e-9):
    """Run ``program(module, *tensors)`` in both libraries: equal results and equal gradients."""
    results, gradients = [], []
    for module in (minitorch, torch):
        inputs = leaves(module, arrays)
        result = program(module, *inputs)
        outputs = [x for x in flat(result) if isinstance(x, module.Tensor) and x.requires_grad]
        if outputs:
            total = 0
            for i, x in enumerate(outputs):
                weights = np.cos(np.arange(x.numel()) + i).reshape(tuple(x.shape))
                weights = weights.astype(kind(x))
                total = total + (x * module.from_numpy(weights)).sum()
            total.backward()
        results.append(result)
        gradients.append([getattr(x, "grad", None) for x in inputs])
    assert_same(*results, torch, rtol, atol, strides)
    for one, other in zip(*gradients, strict=True):
        assert (one is None) == (other is None)
        if other is not None:
            np.testing.assert_allclose(one.numpy(), other.numpy(), rtol, atol)


def check_error(torch, program, *arrays):
    """Both libraries raise, and ours an exception of the type PyTorch raises."""
    with pytest.raises(Exception) as theirs:
        program(torch, *leaves(torch, arrays))
    with pytest.raises(theirs.type):
        program(minitorch, *leaves(minitorch, arrays))
