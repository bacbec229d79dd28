"""``torch.testing``: asserting that tensors are close."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .tensor import Tensor

__all__ = ["assert_allclose", "assert_close", "make_tensor"]

# Relative and absolute tolerances, as PyTorch's.
_TOLERANCES = {"float16": (1e-3, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7)}


def assert_close(
    actual,
    expected,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg=None,
) -> None:
    """Raise AssertionError unless two tensors, or nests of them, are close.

    Parameters
    ----------
    actual, expected : Tensor, number, sequence or mapping
    allow_subclasses, check_device, check_layout : bool
        Accepted.
    rtol, atol : float, optional
        ``abs(actual - expected) <= atol + rtol * abs(expected)``. Default: by type.
    equal_nan : bool
        Whether NaN equal each other.
    check_dtype, check_stride : bool
        Require the same types, the same strides.
    msg : str or callable, optional
        The message, or what makes it of the generated one.
    """
    if (rtol is None) != (atol is None):
        raise ValueError("rtol and atol must both be specified or both be unspecified")
    if isinstance(expected, Mapping):
        pairs = [(actual[key], expected[key]) for key in expected]
    elif isinstance(expected, Sequence) and not isinstance(expected, str):
        if len(actual) != len(expected):
            raise AssertionError(f"The lengths differ: {len(actual)} != {len(expected)}")
        pairs = list(zip(actual, expected, strict=True))
    else:
        problem = _difference(actual, expected, rtol, atol, equal_nan, check_dtype, check_stride)
        if problem:
            raise AssertionError(msg(problem) if callable(msg) else msg or problem)
        return
    for one, other in pairs:
        assert_close(one, other, rtol=rtol, atol=atol, equal_nan=equal_nan,
                     check_dtype=check_dtype, check_stride=check_stride, msg=msg)  # fmt: skip


def _difference(actual, expected, rtol, atol, equal_nan, check_dtype, check_stride):
    """Return how two tensors or numbers differ, or an empty string."""
    tensors = isinstance(actual, Tensor) and isinstance(expected, Tensor)
    one, other = (
        x.detach()._array if isinstance(x, Tensor) else np.asarray(x) for x in (actual, expected)
    )
    if one.shape != other.shape:
        return f"The values for attribute 'shape' do not match: {one.shape} != {other.shape}."
    if tensors and check_dtype and one.dtype != other.dtype:
        return f"The values for attribute 'dtype' do not match: {one.dtype} != {other.dtype}."
    if tensors and check_stride and actual.stride() != expected.stride():
        return f"The strides do not match: {actual.stride()} != {expected.stride()}."
    if rtol is None:
        kinds = [_TOLERANCES.get(x.dtype.name, (0.0, 0.0)) for x in (one, other)]
        rtol, atol = max(kinds)
    wrong = ~np.isclose(one, other, rtol, atol, equal_nan)
    if not wrong.any():
        return ""
    with np.errstate(all="ignore"):
        worst = np.nanmax(np.abs(one.astype(float) - other.astype(float)))
    return (
        f"Tensor-likes are not close!\n\nMismatched elements: {int(wrong.sum())} / {wrong.size}\n"
        f"Greatest absolute difference: {worst} (up to {atol} allowed, relative {rtol})"
    )


def assert_allclose(actual, expected, rtol=None, atol=None, equal_nan=True, msg="") -> None:
    """Old form of `assert_close`."""
    assert_close(
        actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False,
        msg=msg or None,
    )  # fmt: skip


def make_tensor(*shape, dtype, device=None, low=None, high=None, requires_grad=False, **options):
    """Make a tensor of random values evenly distributed from `low` to `high`.

    Parameters
    ----------
    *shape : int or sequence of int
    dtype : dtype
    device : optional
        ``"cpu"``.
    low, high : number, optional
        Default: by type.
    requires_grad : bool
    **options
        Accepted.

    Returns
    -------
    Tensor
    """
    from .creation import empty

    shape = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
    result = empty(shape, dtype=dtype)
    if dtype.is_floating_point:
        result.uniform_(-9 if low is None else low, 9 if high is None else high)
    else:
        result.random_(0 if low is None else int(low), 10 if high is None else int(high))
    return result.requires_grad_(requires_grad)
