"""Windows: sizes against counting by hand, and every message."""

import dataclasses
import itertools
import re

import numpy as np
import pytest

from minitorch import geometry
from minitorch.errors import ShapeError
from minitorch.geometry import Window


def count_positions(length, kernel, stride, before, after, dilation, ceil_mode):
    """Slide the window step by step."""
    end = length + before + after
    positions = 0
    while True:
        start = positions * stride
        last = start + dilation * (kernel - 1)
        if last >= end:
            break
        positions += 1
    start = positions * stride
    # Ceil mode: one more window if taps are left over and it starts in the image or before it.
    previous_last = (positions - 1) * stride + dilation * (kernel - 1) if positions else -1
    if ceil_mode and previous_last < end - 1 and start < length + before:
        positions += 1
    return positions


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_output_size_counts_positions(ceil_mode):
    cases = itertools.product(range(1, 8), range(1, 4), range(1, 5), range(3), range(3), (1, 2))
    for length, kernel, stride, before, after, dilation in cases:
        window = Window((kernel,), (stride,), ((before, after),), (dilation,), 1, ceil_mode)
        if length + before + after < window.extent[0]:
            continue
        expected = count_positions(length, kernel, stride, before, after, dilation, ceil_mode)
        assert window.output_size((length,)) == (expected,), (window, length)


def test_ceil_mode_sizes_equal_torch(torch):
    for length, kernel, stride, pad in itertools.product(
        range(1, 9), range(1, 5), range(1, 6), range(3)
    ):
        if 2 * pad > kernel:
            continue
        window = Window.of(1, kernel, stride, pad, ceil_mode=True)
        try:
            expected = torch.nn.functional.max_pool1d(
                torch.zeros(1, 1, length), kernel, stride, pad, ceil_mode=True
            ).shape[2]
        except RuntimeError:
            assert window.output_size((length,))[0] < 1
        else:
            assert window.output_size((length,)) == (expected,)


def test_input_size_inverts_output_size():
    for length, kernel, stride, pad, dilation in itertools.product(
        range(4, 9), range(1, 4), range(1, 4), range(2), range(1, 3)
    ):
        window = Window.of(1, kernel, stride, pad, dilation)
        size = window.output_size((length,))
        if size[0] < 1:
            continue
        smallest = window.input_size(size)[0]
        assert window.input_size(size, (length - smallest,)) == (length,)
        assert 0 <= length - smallest < stride
        assert window.output_size((smallest,)) == size


def test_window_is_frozen_and_hashable():
    window = Window.of(2, (3, 5), padding=1)
    assert window == Window((3, 5), (1, 1), ((1, 1), (1, 1)), (1, 1))
    assert hash(window) == hash(Window.of(2, [3, 5], padding=[1, 1]))
    assert window.ndim == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        window.groups = 2


@pytest.mark.parametrize(
    ("padding", "expected"),
    [
        (1, ((1, 1), (1, 1))),
        ((1,), ((1, 1), (1, 1))),
        ([1, 2], ((1, 1), (2, 2))),
        (((1, 2), (0, 3)), ((1, 2), (0, 3))),
        (((1, 2),), ((1, 2), (1, 2))),
        ((1, (0, 3)), ((1, 1), (0, 3))),
        ("valid", ((0, 0), (0, 0))),
        ("same", ((1, 2), (1, 1))),
        (np.int64(1), ((1, 1), (1, 1))),
        (np.array([1, 2]), ((1, 1), (2, 2))),
    ],
)
def test_padding_forms(padding, expected):
    assert Window.of(2, (4, 3), padding=padding).padding == expected


def test_same_padding_keeps_the_size():
    for kernel, dilation in itertools.product(range(1, 6), range(1, 4)):
        window = Window.of(1, kernel, padding="same", dilation=dilation)
        assert window.output_size((7,)) == (7,)


def conv(
    input=(8, 4, 9, 9), weight=(6, 2, 3, 3), bias=None, stride=1, padding=0, dilation=1, groups=2
):
    return geometry.conv_window("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def transpose(
    input=(8, 4, 9, 9),
    weight=(4, 3, 3, 3),
    bias=None,
    stride=1,
    padding=0,
    output_padding=0,
    groups=2,
    dilation=1,
):
    return geometry.conv_transpose_window(
        "conv_transpose2d",
        2,
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
    )


def pool(input=(8, 4, 9, 9), kernel_size=3, stride=None, padding=0, dilation=1, ceil_mode=False):
    return geometry.pool_window(
        "max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode
    )


def adaptive(input=(8, 4, 9, 9), output_size=3):
    return geometry.adaptive_size("adaptive_avg_pool2d", 2, input, output_size)


def test_accepted():
    assert conv() == Window((3, 3), (1, 1), ((0, 0), (0, 0)), (1, 1), 2)
    assert conv(input=(4, 9, 9)) == conv(input=(0, 4, 9, 9)) == conv(bias=(6,))
    assert transpose() == (Window.of(2, 3, groups=2), (11, 11))
    assert transpose(stride=2, output_padding=(0, 1), bias=(6,))[1] == (19, 20)
    assert pool() == pool(stride=()) == Window.of(2, 3, 3)
    assert adaptive() == (3, 3)
    assert adaptive(output_size=(None, 0)) == (9, 0)


def test_transposed_window_has_the_positions_of_the_input():
    cases = itertools.product(range(1, 5), range(1, 4), range(1, 4), range(1, 4), range(3))
    for length, taps, stride, dilation, pad in cases:
        for extra in range(max(stride, dilation)):
            size = (length - 1) * stride - 2 * pad + dilation * (taps - 1) + extra + 1
            if size < 1:
                continue
            window, result = geometry.conv_transpose_window(
                "c", 1, (1, 1, length), (1, 1, taps), None, stride, pad, extra, 1, dilation
            )
            assert result == (size,)
            assert window.output_size(result) == (length,)


def test_numbers_that_make_no_difference_are_tamed():
    """Strides out of the image and taps beyond it: the positions and their taps stay."""

    def positions(window, length, stride):
        (taps,), (dilation,), ((before, after),) = window.kernel, window.dilation, window.padding
        count = window.output_size((length,))[0]
        return [
            [
                place
                for place in range(i * stride - before, length + after, dilation)
                if place < i * stride - before + taps * dilation
            ]
            for i in range(count)
        ]

    for length, taps, stride, before, after, dilation, ceil_mode in itertools.product(
        range(1, 6),
        (1, 2, 3, 5, 7, 2**40),
        (1, 2, 3, 5, 8, 13, 2**40),
        range(3),
        range(3),
        (1, 2, 3, 2**40),
        (False, True),
    ):
        padding = ((before, after),)
        asked = Window((taps,), (stride,), padding, (dilation,), 1, ceil_mode)
        if asked.output_size((length,))[0] < 1 or 2 * max(before, after) > taps:
            continue
        arguments = ("p", 1, (1, 1, length), taps, stride, padding, dilation, ceil_mode)
        try:
            window = geometry.pool_window(*arguments)
        except ShapeError as error:
            assert "all its taps in the padding" in str(error) or "too large" in str(error)
            continue
        assert max(window.kernel + window.stride + window.dilation) <= length + before + after
        ours = positions(window, length, window.stride[0])
        assert ours == positions(asked, length, stride)
    assert conv(weight=(6, 2, 1, 3), stride=2**40, dilation=3).stride == (9, 9)
    assert conv(weight=(6, 2, 1, 1), dilation=2**40).dilation == (1, 1)
    window, size = transpose(input=(8, 4, 1, 9), stride=(2**40, 1))
    assert size == (3, 11)
    assert window == Window.of(2, 3, (3, 1), groups=2)


MESSAGES = [
    (
        conv,
        {"input": (8, 3, 32, 32), "weight": (16, 2, 3, 3)},
        "conv2d: input has 3 channels but weight expects 4 (groups=2): "
        "input (8, 3, 32, 32), weight (16, 2, 3, 3)",
    ),
    (
        conv,
        {"input": (8, 3, 9, 9), "groups": 1},
        "conv2d: input has 3 channels but weight expects 2: "
        "input (8, 3, 9, 9), weight (6, 2, 3, 3)",
    ),
    (
        conv,
        {"weight": (5, 2, 3, 3)},
        "conv2d: out_channels (5) must be divisible by groups (2): "
        "input (8, 4, 9, 9), weight (5, 2, 3, 3)",
    ),
    (
        conv,
        {"input": (9, 9)},
        "conv2d: input must have 4 dimensions, or 3 without a batch, got input (9, 9)",
    ),
    (
        conv,
        {"input": (8, 4, 0, 9), "padding": 5},
        "conv2d: input has no elements in a spatial dimension: input (8, 4, 0, 9)",
    ),
    (
        conv,
        {"weight": (6, 2, 3)},
        "conv2d: weight must have 4 dimensions (out_channels, in_channels / groups, kernel), "
        "got weight (6, 2, 3)",
    ),
    (conv, {"weight": (6, 2, 0, 3)}, "conv2d: weight is empty: weight (6, 2, 0, 3)"),
    (conv, {"weight": (0, 2, 3, 3)}, "conv2d: weight is empty: weight (0, 2, 3, 3)"),
    (
        conv,
        {"bias": (5,)},
        "conv2d: bias must have shape (6,), got bias (5,), weight (6, 2, 3, 3)",
    ),
    (
        conv,
        {"weight": (6, 2, 8, 3), "padding": ((0, 1), 0), "dilation": 2},
        "conv2d: the kernel covers (15, 5), more than the padded input (10, 9): "
        "input (8, 4, 9, 9), weight (6, 2, 8, 3), padding ((0, 1), 0), dilation 2",
    ),
    (conv, {"stride": 0}, "conv2d: stride must be positive, got 0"),
    (conv, {"stride": (1, 2, 3)}, "conv2d: stride must have 1 or 2 numbers, got (1, 2, 3)"),
    (conv, {"stride": ()}, "conv2d: stride must have 1 or 2 numbers, got ()"),
    (conv, {"stride": 2**63}, "conv2d: stride is too large: 9223372036854775808"),
    (conv, {"dilation": -1}, "conv2d: dilation must be positive, got -1"),
    (conv, {"dilation": 2**48}, "conv2d: kernel_size (3, 3) with dilation"),
    (conv, {"groups": 0}, "conv2d: groups must be positive, got 0"),
    (conv, {"padding": -1}, "conv2d: padding must be at least 0, got -1"),
    (
        conv,
        {"padding": ((1, 2, 3), 1)},
        "conv2d: padding must be given as (before, after), got (1, 2, 3)",
    ),
    (
        conv,
        {"padding": "full"},
        "conv2d: padding must be 'same', 'valid' or numbers, got 'full'",
    ),
    (conv, {"padding": 2**40}, "conv2d: the output (8, 6, "),
    (
        transpose,
        {"input": (8, 3, 9, 9)},
        "conv_transpose2d: input has 3 channels but weight expects 4: "
        "input (8, 3, 9, 9), weight (4, 3, 3, 3)",
    ),
    (
        transpose,
        {"groups": 3},
        "conv_transpose2d: in_channels (4) must be divisible by groups (3): "
        "input (8, 4, 9, 9), weight (4, 3, 3, 3)",
    ),
    (
        transpose,
        {"weight": (4, 3)},
        "conv_transpose2d: weight must have 4 dimensions "
        "(in_channels, out_channels / groups, kernel), got weight (4, 3)",
    ),
    (
        transpose,
        {"bias": (3,)},
        "conv_transpose2d: bias must have shape (6,), got bias (3,), weight (4, 3, 3, 3)",
    ),
    (
        transpose,
        {"output_padding": 1},
        "conv_transpose2d: output_padding must be smaller than stride or dilation, got "
        "output_padding (1, 1), stride (1, 1), dilation (1, 1)",
    ),
    (
        transpose,
        {"output_padding": -1},
        "conv_transpose2d: output_padding must be at least 0, got -1",
    ),
    (
        transpose,
        {"padding": 6},
        "conv_transpose2d: the output would have size (-1, -1): input (8, 4, 9, 9), "
        "weight (4, 3, 3, 3), stride 1, padding 6, output_padding 0, dilation 1",
    ),
    (transpose, {"stride": 2**40}, "conv_transpose2d: the output (8, 6, "),
    (
        pool,
        {"input": (9, 9)},
        "max_pool2d: input must have 4 dimensions, or 3 without a batch, got input (9, 9)",
    ),
    (
        pool,
        {"input": (1, 1, 0, 9)},
        "max_pool2d: input has no elements in a spatial dimension: input (1, 1, 0, 9)",
    ),
    (
        pool,
        {"padding": 2},
        "max_pool2d: padding must be at most half of the kernel, got padding 2, kernel_size (3, 3)",
    ),
    (
        pool,
        {"kernel_size": 10},
        "max_pool2d: the output would have size (0, 0): input (8, 4, 9, 9), "
        "kernel_size (10, 10), stride (10, 10), padding 0, dilation (1, 1)",
    ),
    (
        pool,
        {"input": (1, 1, 2, 9), "kernel_size": 2, "padding": 1, "dilation": 3},
        "max_pool2d: a window has all its taps in the padding: input (1, 1, 2, 9), "
        "kernel_size (2, 2), stride (2, 2), padding 1, dilation (3, 3)",
    ),
    (pool, {"kernel_size": 0}, "max_pool2d: kernel_size must be positive, got 0"),
    (
        adaptive,
        {"output_size": (2,)},
        "adaptive_avg_pool2d: output_size must have 2 numbers, got (2,)",
    ),
    (
        adaptive,
        {"output_size": (2, -1)},
        "adaptive_avg_pool2d: output_size must be at least 0, got -1",
    ),
    (
        adaptive,
        {"input": (4,)},
        "adaptive_avg_pool2d: input must have 4 dimensions, or 3 without a batch, got input (4,)",
    ),
    (adaptive, {"output_size": 2**40}, "adaptive_avg_pool2d: the output (8, 4, "),
]


@pytest.mark.parametrize(("check", "arguments", "message"), MESSAGES)
def test_messages(check, arguments, message):
    for _ in range(2):  # an error is not remembered as an answer
        with pytest.raises(ShapeError, match="^" + re.escape(message)) as caught:
            check(**arguments)
        assert isinstance(caught.value, ValueError | RuntimeError)


@pytest.mark.parametrize(
    ("check", "name", "value"),
    [
        (check, name, value)
        for check, names in (
            (conv, ("stride", "padding", "dilation", "groups")),
            (transpose, ("stride", "padding", "output_padding", "dilation", "groups")),
            (pool, ("kernel_size", "stride", "padding", "dilation")),
            (adaptive, ("output_size",)),
        )
        for name in names
        for value in (True, 1.0, (1, 1.0), (np.True_, 1), "1", {}, float("nan"), None)
        if not (isinstance(value, str) and name == "padding" and check is conv)
        if not (value is None and name in ("stride", "output_size") and check in (pool, adaptive))
    ],
)
def test_only_integers(check, name, value):
    good = (1, 1) if isinstance(value, tuple) and name != "groups" else 1
    if name not in ("groups", "output_padding"):
        check(**{name: good})  # remembered: equal to True and 1.0, which are refused all the same
    with pytest.raises(TypeError, match=f": {name} must be"):
        check(**{name: value})


def test_integers_of_numpy_and_lists():
    window = Window.of(2, 3, (1, 2), groups=2)
    assert conv(stride=[1, 2]) == conv(stride=np.array([1, 2])) == window
    assert conv(stride=(np.int64(1), np.int8(2)), groups=np.int32(2)) == window


def test_repeated_checks_give_the_same_object():
    assert conv() is conv()
    assert pool() is pool()


def test_adaptive_ranges():
    assert geometry.adaptive_ranges(7, 3) == [(0, 3), (2, 5), (4, 7)]
    assert geometry.adaptive_ranges(2, 3) == [(0, 1), (0, 2), (1, 2)]
    assert geometry.adaptive_ranges(5, 0) == []


def test_max_window_never_misses_the_image():
    """The short rule of pool_window against looking at every tap."""
    for length, kernel, stride, before, after, dilation, ceil_mode in itertools.product(
        range(1, 5), range(1, 5), range(1, 4), range(3), range(3), range(1, 6), (False, True)
    ):
        padding = ((before, after),)
        window = Window((kernel,), (stride,), padding, (dilation,), 1, ceil_mode)
        count = window.output_size((length,))[0]
        if count < 1 or 2 * max(before, after) > kernel:
            continue
        starts = [i * stride - before for i in range(count)]
        hit = all(any(0 <= s + j * dilation < length for j in range(kernel)) for s in starts)
        arguments = ("p", 1, (1, 1, length), kernel, stride, padding, dilation, ceil_mode)
        if hit:
            assert geometry.pool_window(*arguments).output_size((length,)) == (count,)
        else:
            with pytest.raises(ShapeError, match="all its taps in the padding"):
                geometry.pool_window(*arguments)
