"""The kernels of convolution: exact on small integers, on every instruction set and thread count.

Data are small integers, so every sum is exact whatever its order, and results are compared for
equality: with the naive reference, and forward with both gradients through the adjoint identity
<conv(x, w), g> = <x, grad_input(g, w)> = <w, grad_weight(x, g)>.
"""

import numpy as np
import pytest
import reference

from minitorch import kernels
from minitorch._library import set_conv_algorithm
from minitorch.geometry import Window

ISAS = kernels.info()["available"]
THREADS = (1, 2, 7)


@pytest.fixture(autouse=True)
def restored():
    """Begin with the direct method, which is exact; leave everything as it was."""
    before = kernels.info()
    set_conv_algorithm("direct")
    yield
    kernels.set_isa(before["isa"])
    kernels.set_num_threads(before["threads"])
    set_conv_algorithm("auto")


def case(batch, channels, size, out, kernel, stride=1, padding=0, dilation=1, groups=1):
    return batch, channels, size, out, kernel, stride, padding, dilation, groups


# (batch, channels, size, out channels, kernel, stride, padding, dilation, groups)
FAMILIES = {
    "first layer": case(2, 3, (17, 19), 16, (7, 7), 2, 3),
    "first layer, stride 1": case(2, 1, (12, 12), 6, (5, 5), 1, 2),
    "1x1": case(2, 8, (7, 9), 16, (1, 1)),
    "1x1, tails": case(3, 13, (5, 7), 11, (1, 1)),
    "1x1, strided": case(2, 8, (7, 9), 16, (1, 1), 2),
    "3x3": case(2, 8, (10, 12), 16, (3, 3), 1, 1),
    "3x3, tails": case(3, 5, (7, 7), 9, (3, 3), 1, 1),
    "3x3, strided": case(2, 6, (11, 9), 10, (3, 3), (2, 3), (1, 2)),
    "3x3, one pixel": case(1, 4, (1, 1), 4, (3, 3), 1, 1),
    "one position": case(3, 6, (4, 3), 10, (4, 3), 2),
    "one position, grouped": case(2, 6, (3, 4), 9, (3, 4), 1, 0, 1, 3),
    "padding above kernel": case(2, 3, (4, 5), 5, (2, 3), 1, (5, 4)),
    "padding above kernel, strided": case(2, 3, (4, 5), 5, (2, 3), 3, (5, 4)),
    "asymmetric padding": case(2, 3, (6, 5), 4, (3, 3), (1, 2), ((0, 2), (3, 1))),
    "even kernel": case(2, 3, (8, 8), 4, (4, 2), 2, ((1, 2), (0, 1))),
    "stride above kernel": case(2, 3, (11, 10), 4, (2, 1), (4, 3)),
    "kernel as stride": case(2, 20, (12, 11), 9, (2, 2), 2),
    "4x4, strided": case(2, 20, (16, 19), 24, (4, 4), 2, 1),
    "strided, deep": case(1, 18, (9, 8), 200, (3, 3), 2, 1),
    "strided, dilated, wide": case(1, 20, (19, 17), 9, (3, 3), (4, 6), 3, (6, 4)),
    "strided, grouped, wide": case(2, 38, (9, 7), 10, (3, 3), 2, 1, 1, 2),
    "grouped": case(2, 8, (6, 7), 12, (3, 3), 1, 1, 1, 4),
    "grouped, tails": case(2, 15, (6, 7), 9, (3, 2), 1, 1, 1, 3),
    "grouped, strided": case(2, 8, (9, 7), 16, (3, 3), 2, 1, 1, 2),
    "depthwise": case(2, 9, (9, 20), 9, (3, 3), 1, 1, 1, 9),
    "depthwise, tails": case(3, 7, (5, 7), 7, (5, 3), 1, (2, 1), 1, 7),
    "depthwise, strided": case(2, 6, (11, 37), 6, (3, 3), 2, 1, 1, 6),
    "depthwise, multiplier": case(2, 4, (8, 18), 12, (3, 3), 1, 1, 1, 4),
    "depthwise, dilated": case(2, 4, (12, 21), 4, (3, 3), 1, 2, 2, 4),
    "depthwise, 7x7": case(1, 4, (10, 40), 4, (7, 7), 1, 3, 1, 4),
    "depthwise, stride above kernel": case(2, 3, (12, 19), 6, (2, 2), 3, 1, 1, 3),
    "depthwise, across channels": case(3, 21, (7, 9), 21, (3, 3), 1, 1, 1, 21),
    "depthwise, across channels, strided": case(2, 18, (9, 8), 36, (3, 2), (2, 3), (1, 0), 1, 18),
    "depthwise, across channels, dilated": case(2, 17, (40, 12), 17, (5, 3), 1, (3, 2), 2, 17),
    "depthwise, across channels, 3-d": case(2, 19, (5, 6, 7), 19, (3, 3, 3), (1, 2, 1), 1, 1, 19),
    "dilated": case(2, 4, (11, 12), 6, (3, 3), 1, 2, 2),
    "dilated, strided": case(2, 4, (13, 12), 6, (3, 3), 2, 2, (2, 3)),
    "dilated, stride shares a factor": case(1, 3, (19, 17), 4, (3, 3), (4, 6), 3, (6, 4)),
    "1-d": case(2, 5, (70,), 8, (5,), 1, 2),
    "1-d, strided, dilated": case(2, 6, (67,), 9, (4,), 3, 5, 2, 3),
    "1-d, many phases": case(2, 18, (300,), 5, (100,), 70, 20),
    "1-d, depthwise": case(2, 6, (67,), 6, (9,), 1, 4, 1, 6),
    "3-d": case(2, 3, (5, 6, 7), 4, (3, 3, 3), 1, 1),
    "3-d, strided": case(1, 4, (6, 5, 7), 6, (2, 3, 2), (2, 1, 3), (1, 0, 2), (1, 2, 1), 2),
    "3-d, depthwise": case(1, 3, (5, 6, 9), 3, (3, 3, 3), (1, 2, 1), 1, 1, 3),
    "deep": case(1, 70, (5, 6), 9, (3, 3), 1, 1),
    "many positions": case(1, 2, (60, 61), 3, (3, 3), 1, 1),
    "no input channels": case(2, 0, (5, 5), 4, (3, 3), 1, 1),
    "no output channels": case(2, 4, (5, 5), 0, (3, 3), 1, 1),
    "empty batch": case(0, 4, (5, 5), 3, (3, 3), 1, 1),
}


def integers(rng, shape, dtype):
    return rng.integers(-3, 4, shape).astype(dtype)


def data(name, dtype):
    """Return window, input, weight, bias and grad_output of a family."""
    batch, channels, size, out, kernel, stride, padding, dilation, groups = FAMILIES[name]
    rng = np.random.default_rng(0)
    window = Window.of(len(size), kernel, stride, padding, dilation, groups)
    x = integers(rng, (batch, channels, *size), dtype)
    w = integers(rng, (out, channels // groups, *kernel), dtype)
    b = integers(rng, (out,), dtype)
    g = integers(rng, (batch, out, *window.output_size(size)), dtype)
    return window, x, w, b, g


def expected(name, x, w, b, g):
    stride, padding, dilation, groups = FAMILIES[name][5:]
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return (
        reference.conv(x, w, b, **options),
        reference.conv_grad_input(g, w, x.shape[2:], **options),
        reference.conv_grad_weight(x, g, w.shape[2:], **options),
    )


def results(window, x, w, b, g):
    return (
        kernels.conv_forward(x, w, b, window),
        kernels.conv_grad_input(g, w, window, x.shape[2:]),
        kernels.conv_grad_weight(x, g, window),
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FAMILIES)
def test_exact(name, dtype):
    window, *arrays = data(name, dtype)
    wanted = expected(name, *arrays)
    for isa in ISAS:
        kernels.set_isa(isa)
        for threads in THREADS:
            kernels.set_num_threads(threads)
            for result, want in zip(results(window, *arrays), wanted, strict=True):
                assert result.dtype == dtype
                np.testing.assert_array_equal(result, want, f"{isa}, {threads} threads")


def strided_views(array):
    """Yield the same numbers with other strides: channel slice, channels last, every second."""
    wide = np.full((len(array), array.shape[1] + 3, *array.shape[2:]), 7, array.dtype)
    wide[:, 1:-2] = array
    yield wide[:, 1:-2]
    yield np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 1, -1)), -1, 1)
    yield np.repeat(array, 2, -1)[..., ::2]
    yield np.ascontiguousarray(array[..., ::-1])[..., ::-1]


@pytest.mark.parametrize(
    "name",
    ["3x3, tails", "3x3, strided", "4x4, strided", "1x1, tails", "1x1, strided"]
    + ["depthwise, strided", "3-d", "grouped"],
)
def test_strided_input(name):
    window, x, w, b, g = data(name, np.float32)
    wanted = results(window, x, w, b, g)
    pairs = zip(strided_views(x), strided_views(g), strict=True)
    for number, (xs, gs) in enumerate(pairs):
        for result, want in zip(results(window, xs, w, b, gs), wanted, strict=True):
            np.testing.assert_array_equal(result, want, f"view {number}")


@pytest.mark.parametrize(
    "name", ["first layer", "3x3, strided", "depthwise, 7x7", "many positions"]
)
def test_bits_do_not_depend_on_threads(name):
    window, *shapes = data(name, np.float32)
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal(v.shape).astype(np.float32) for v in shapes]
    for isa in ISAS:
        kernels.set_isa(isa)
        kernels.set_num_threads(1)
        wanted = [v.tobytes() for v in results(window, *arrays)]
        for threads in (2, 3, 7):
            kernels.set_num_threads(threads)
            assert [v.tobytes() for v in results(window, *arrays)] == wanted


LARGE = {
    # grad-weight by correlation: several blocks of positions, images and channels
    "correlated": case(3, 10, (33, 40), 20, (5, 5), 1, 2),
    "correlated, one long line": case(2, 3, (3000,), 7, (9,), 1, 4),
    "correlated, grouped, strided": case(9, 24, (23, 21), 20, (3, 3), 2, 1, 1, 4),
    "correlated, dilated": case(1, 9, (60, 61), 13, (3, 2), 1, 3, (3, 4)),
    "correlated, 3-d": case(2, 3, (9, 14, 15), 5, (3, 3, 3), (2, 1, 1), 1),
    # enough work to be cut over threads, and depth to be cut into parts
    "parts": case(4, 4, (60, 60), 8, (3, 3), 1, 1),
    "rows": case(1, 64, (14, 14), 256, (3, 3), 1, 1),
    "images across panels": case(16, 32, (7, 7), 64, (3, 3), 1, 1),
    "strided": case(4, 32, (28, 28), 64, (3, 3), 2, 1),
    "first layer, stride 4": case(2, 3, (67, 75), 40, (11, 11), 4, 2),
    "depthwise": case(2, 48, (56, 56), 48, (3, 3), 1, 1, 1, 48),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LARGE)
def test_adjoint(name, dtype, monkeypatch):
    monkeypatch.setitem(FAMILIES, name, LARGE[name])
    window, x, w, _b, g = data(name, dtype)
    first = None
    for isa in ISAS:
        kernels.set_isa(isa)
        for threads in THREADS:
            kernels.set_num_threads(threads)
            y, gx, gw = results(window, x, w, None, g)
            inner = [int(np.vdot(np.int64(u), np.int64(v))) for u, v in ((y, g), (x, gx), (w, gw))]
            assert inner[0] == inner[1] == inner[2], f"{isa}, {threads} threads"
            first = first or [y, gx, gw]
            for a, c in zip(first, (y, gx, gw), strict=True):
                np.testing.assert_array_equal(a, c)


@pytest.mark.parametrize("algorithm", ["direct", "winograd"])
def test_non_finite_spreads_as_in_the_direct_method(algorithm):
    set_conv_algorithm(algorithm)
    window, x, w, _b, g = data("3x3, tails", np.float32)
    x[1, 2, 3, 3] = np.nan
    g[1, 2, 3, 3] = np.inf
    y = kernels.conv_forward(x, w, None, window)
    assert np.isnan(y[1, :, 2:5, 2:5]).all()
    assert np.isnan(y).sum() == y.shape[1] * 9
    gx = kernels.conv_grad_input(g, np.ones_like(w), window, x.shape[2:])
    assert np.isinf(gx[1, :, 2:5, 2:5]).all()
    assert np.isfinite(gx).sum() == gx.size - gx.shape[1] * 9
    x[1, 2, 3, 3] = 0
    gw = kernels.conv_grad_weight(x, g, window)
    assert np.isfinite(gw[[0, 1, *range(3, 9)]]).all() and not np.isfinite(gw[2]).any()


# stride 1: tails of tiles, lanes, rows and depth; several blocks of each; one pixel
WINOGRAD = {
    "one pixel": case(1, 1, (1, 1), 1, (3, 3), 1, 1),
    "small": case(2, 5, (7, 6), 9, (3, 3), 1, 1),
    "no padding": case(3, 4, (9, 14), 6, (3, 3), 1, 0),
    "padding above kernel": case(2, 3, (4, 5), 5, (3, 3), 1, (5, 4)),
    "asymmetric padding": case(2, 3, (6, 5), 4, (3, 3), 1, ((0, 2), (3, 1))),
    "long lines": case(1, 3, (5, 150), 2, (3, 3), 1, 1),
    "grouped": case(2, 12, (10, 9), 15, (3, 3), 1, 1, 1, 3),
    "deep": case(2, 131, (14, 13), 70, (3, 3), 1, 1),
    "large weights": case(5, 150, (13, 9), 90, (3, 3), 1, 1),
    "many tiles": case(3, 40, (30, 30), 36, (3, 3), 1, 1),
    "3-d": case(2, 4, (5, 7, 6), 6, (3, 3, 3), 1, 1),
    "3-d, strided and dilated depth": case(1, 3, (9, 6, 7), 4, (2, 3, 3), (2, 1, 1), 1, (3, 1, 1)),
    "3-d, deep": case(1, 50, (6, 9, 9), 40, (3, 3, 3), 1, 1),
    # deep with many rows and tiles: products of whole matrices, patches of blocks in their depth
    "wide": case(3, 140, (17, 18), 150, (3, 3), 1, 1),
    "wide, grouped": case(2, 280, (18, 14), 160, (3, 3), 1, 1, 1, 2),
    "wide, 5x4": case(2, 40, (17, 18), 80, (5, 4), 1, 2),
    # other kernels in blocks of 3x3, dilation on copies of the images
    "5x5": case(2, 7, (11, 10), 9, (5, 5), 1, 2),
    "2x7": case(2, 5, (9, 21), 6, (2, 7), 1, (1, 3)),
    "dilated": case(3, 6, (13, 12), 9, (3, 3), 1, 2, 2),
    "dilated unevenly": case(2, 5, (10, 23), 4, (3, 3), 1, ((3, 1), (0, 5)), (1, 4)),
    "dilated above the image": case(1, 3, (5, 4), 4, (3, 3), 1, 7, 7),
    "dilated, 4x5, grouped": case(2, 6, (17, 19), 4, (4, 5), 1, 3, (2, 3), 2),
    "dilated, 3-d": case(2, 3, (5, 9, 8), 4, (2, 3, 3), 1, 2, 2),
    # kernels of one line, line by line; strided or dilated from line to line
    "line": case(3, 33, (77,), 50, (5,), 1, 2),
    "line, even kernel": case(3, 8, (130,), 9, (8,), 1, 4),
    "line, no padding": case(2, 3, (9,), 5, (3,), 1, 0),
    "line, deep": case(1, 300, (30,), 290, (4,), 1, 2),
    "line, many tiles": case(9, 20, (200,), 70, (7,), 1, 3),
    "line, dilated": case(3, 8, (50,), 9, (5,), 1, 6, 3),
    "1x7": case(2, 20, (9, 17), 30, (1, 7), 1, (0, 3)),
    "5x5, strided and dilated height": case(2, 10, (12, 19), 30, (5, 5), (2, 1), 2, (2, 1)),
    "3-d, strided height": case(1, 10, (5, 12, 9), 8, (2, 2, 5), (2, 3, 1), 1, (1, 2, 1), 2),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", WINOGRAD)
def test_winograd_is_accurate(name, dtype, monkeypatch):
    """Errors stay below 150 roundings of the root mean square of the result."""
    monkeypatch.setitem(FAMILIES, name, WINOGRAD[name])
    window, *shapes = data(name, dtype)
    rng = np.random.default_rng(2)
    arrays = [rng.standard_normal(v.shape).astype(dtype) for v in shapes]
    wanted = results(window, *(v.astype(np.float64) for v in arrays))
    set_conv_algorithm("winograd")
    for isa in ISAS:
        kernels.set_isa(isa)
        first = None
        for threads in THREADS:
            kernels.set_num_threads(threads)
            all_three = results(window, *arrays)
            for result, want in zip(all_three, wanted, strict=True):
                bound = 150 * np.finfo(dtype).eps * np.sqrt(np.mean(want**2))
                assert np.abs(result - want).max() <= bound, f"{isa}, {threads} threads"
            bits = [v.tobytes() for v in all_three]
            first = first or bits
            assert bits == first, f"{isa}, {threads} threads"


def test_winograd_reads_strided_images(monkeypatch):
    monkeypatch.setitem(FAMILIES, "winograd", WINOGRAD["small"])
    set_conv_algorithm("winograd")
    window, x, w, b, g = data("winograd", np.float32)
    wanted = results(window, x, w, b, g)
    for xs, gs in zip(strided_views(x), strided_views(g), strict=True):
        for result, want in zip(results(window, xs, w, b, gs), wanted, strict=True):
            np.testing.assert_allclose(result, want, rtol=1e-5, atol=1e-4)


def test_winograd_does_not_overflow_before_the_result_does(monkeypatch):
    monkeypatch.setitem(FAMILIES, "winograd", WINOGRAD["small"])
    set_conv_algorithm("winograd")
    window, x, w, b, _g = data("winograd", np.float32)
    x = np.full_like(x, 3e37)
    y = kernels.conv_forward(x, np.full_like(w, 0.1), b, window)
    assert np.isfinite(y).all()


def test_unknown_algorithm():
    with pytest.raises(ValueError, match="'fft' is not one of auto, direct, winograd"):
        set_conv_algorithm("fft")


def test_float16_is_computed_in_float32():
    window, x, w, b, g = data("3x3", np.float16)
    for result, want in zip(results(window, x, w, b, g), expected("3x3", x, w, b, g), strict=True):
        assert result.dtype == np.float16
        np.testing.assert_array_equal(result, np.float16(want))
