"""What the textbooks define: identities that define it, and numpy."""

from fractions import Fraction

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch import kernels, nn
from minitorch.errors import ShapeError


def close(one, other, tolerance=1e-5):
    np.testing.assert_allclose(
        one.detach().numpy(), other.detach().numpy(), rtol=tolerance, atol=tolerance
    )


def test_convolution_commutes_and_is_numpys():
    rng = np.random.default_rng(0)
    f, g = rng.standard_normal(7), rng.standard_normal(4)
    one, other = (minitorch.from_numpy(v.reshape(1, 1, -1)) for v in (f, g))
    close(F.convolve1d(one, other), F.convolve1d(other, one), 1e-12)
    for mode in ("full", "same", "valid"):
        ours = F.convolve1d(one, other, mode=mode).numpy().ravel()
        np.testing.assert_allclose(ours, np.convolve(f, g, mode), rtol=1e-12)


def test_matrix_is_convolution_and_its_transpose():
    minitorch.manual_seed(0)
    x, w = minitorch.randn(2, 3, 5, 6), minitorch.randn(4, 3, 3, 2)
    settings = {"stride": (2, 1), "padding": (1, 0)}
    matrix = F.conv_matrix(w, (5, 6), **settings)
    y = F.conv2d(x, w, **settings)
    close(x.flatten(1) @ matrix.T, y.flatten(1), 1e-4)
    close(y.flatten(1) @ matrix, F.conv_transpose2d(y, w, **settings).flatten(1), 1e-3)


def test_local_layer_with_one_kernel_is_a_convolution():
    minitorch.manual_seed(0)
    for ndim, size in ((1, (9,)), (2, (6, 7)), (3, (4, 3, 5))):
        conv = getattr(nn, f"Conv{ndim}d")(3, 4, 2, stride=2, padding=1)
        local = getattr(nn, f"LocallyConnected{ndim}d")(3, 4, size, 2, stride=2, padding=1)
        with minitorch.no_grad():
            local.weight.copy_(conv.weight)  # to every position
            local.bias.copy_(conv.bias.reshape(4, *(1,) * ndim))
        x = minitorch.randn(2, 3, *size)
        close(local(x), conv(x))
        close(local(x[0]), conv(x[0]))


@pytest.mark.parametrize("name", kernels.info()["available"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_local_kernels_are_adjoint_on_every_instruction_set(name, dtype):
    from minitorch.geometry import Window

    rng = np.random.default_rng(0)
    before, threads = kernels.info()["isa"], kernels.get_num_threads()
    kernels.set_isa(name)
    window = Window.of(2, (3, 2), (2, 1), 1, (1, 2))
    x = rng.integers(-3, 4, (70, 3, 7, 6)).astype(dtype)
    size = window.output_size((7, 6))
    w = rng.integers(-3, 4, (*size, 5, 3, 3, 2)).astype(dtype)
    g = rng.integers(-3, 4, (70, 5, *size)).astype(dtype)
    for count in (1, 2, 7):
        kernels.set_num_threads(count)
        forward = (kernels.local_forward(x, w, window).astype("f8") * g).sum()
        assert forward == (kernels.local_grad_input(g, w, window, (7, 6)).astype("f8") * x).sum()
        assert forward == (kernels.local_grad_weight(x, g, window).astype("f8") * w).sum()
    kernels.set_num_threads(threads)
    kernels.set_isa(before)


def test_a_local_layer_has_a_kernel_and_a_bias_for_every_place():
    """As the first layer of Net-3 in LeCun 1989 has."""
    layer = nn.LocallyConnected2d(1, 1, 16, 3, stride=2, padding=((0, 1), (0, 1)))
    assert layer.output_size == (8, 8)
    assert sum(p.numel() for p in layer.parameters()) == 8 * 8 * (3 * 3 + 1)


@pytest.mark.parametrize(
    ("n", "k", "s", "d"), [(7, 3, 2, 1), (8, 3, 2, 1), (9, 4, 3, 2), (5, 1, 2, 1)]
)
def test_strided_same_padding(n, k, s, d):
    x, w = minitorch.randn(1, 1, n), minitorch.randn(1, 1, k)
    total = max(0, (-(-n // s) - 1) * s + d * (k - 1) + 1 - n)
    upper = F.conv1d(x, w, stride=s, padding="same_upper", dilation=d)
    lower = F.conv1d(x, w, stride=s, padding="same_lower", dilation=d)
    assert upper.shape[-1] == lower.shape[-1] == -(-n // s)
    close(upper, F.conv1d(F.pad(x, (total // 2, total - total // 2)), w, stride=s, dilation=d))
    close(lower, F.conv1d(F.pad(x, (total - total // 2, total // 2)), w, stride=s, dilation=d))
    whole = F.conv1d(x, w, padding="same", dilation=d)
    close(F.conv1d(x, w, stride=s, padding="same", dilation=d), whole[..., ::s])
    layer = nn.Conv1d(1, 1, k, s, "same_upper", d, bias=False)
    close(layer(x), F.conv1d(x, layer.weight, stride=s, padding="same_upper", dilation=d))
    with pytest.raises(ValueError, match="padding_mode"):
        nn.Conv1d(1, 1, k, s, "same_upper", padding_mode="reflect")


def test_output_size():
    assert F.conv_output_size(28, 5).size == (24,)
    result = F.conv_output_size((25, 24), 2, 2)
    assert result == ((12, 12), (Fraction(25, 2), Fraction(12)), (1, 0))
    assert F.conv_output_size(25, 2, 2, ceil_mode=True).size == (13,)
    assert F.conv_output_size(7, 3, 2, "same_upper").size == (4,)
    with pytest.warns(UserWarning, match=r"\(25 - 2\) / 2 \+ 1 = 12.5"):
        F.conv_output_size(25, 2, 2, on_misfit="warn")
    with pytest.raises(ShapeError, match=r"do not tile the padded input \(25,\)"):
        F.conv_output_size(25, 2, 2, on_misfit="error")
    with pytest.raises(ShapeError, match="more than the padded input"):
        F.conv_output_size(2, 3)
    with pytest.raises(ValueError, match="on_misfit"):
        F.conv_output_size(2, 3, on_misfit="ceil")


def test_layers_put_together():
    minitorch.manual_seed(0)
    x = minitorch.randn(2, 4, 6, 5)
    assert nn.CopyUnpool2d(2)(minitorch.tensor([[[[1.0, 2]]]])).tolist() == [
        [[[1, 1, 2, 2], [1, 1, 2, 2]]]
    ]
    resize = nn.ResizeConv2d(4, 3, 3)
    assert resize(x).shape == (2, 3, 12, 10)
    close(resize(x), resize[1](F.interpolate(x, scale_factor=2)))
    dilated = nn.MultiDilatedConv2d(4, 6, 3, (1, 2, 3))
    assert dilated(x).shape == (2, 6, 6, 5)
    close(dilated(x)[:, 2:4], dilated.branches[1](x))
    separable = nn.SeparableConv2d(4, 7, 3, padding=1, depth_multiplier=2)
    assert separable(x).shape == (2, 7, 6, 5)
    assert [p.numel() for p in separable.parameters()] == [8 * 9, 7 * 8, 7]
    assert nn.Maxout(2)(x).shape == (2, 2, 6, 5)
    close(nn.GlobalResponseNorm(4)(x), x)
    with pytest.raises(ValueError, match="divisible by the number of dilations"):
        nn.MultiDilatedConv1d(4, 5, 3)


def test_masked_convolution_sees_only_what_is_visible():
    minitorch.manual_seed(0)
    layer = nn.MaskedConv2d(3, 4, 3, padding=1)
    x = minitorch.randn(1, 3, 6, 6)
    mask = minitorch.zeros(1, 1, 6, 6)
    mask[..., 1:4, 2:5] = 1
    y, kept = layer(x, mask)
    assert (kept == mask).all()
    assert (y * (1 - mask) == 0).all()
    hidden = x + (1 - mask) * 100  # what is hidden makes no difference
    close(layer(hidden, mask)[0], y)
    close(y[..., 2:3, 3:4], layer(x)[..., 2:3, 3:4])  # dense, where all is visible
    down, smaller = nn.MaskedConv2d(3, 2, 2, stride=2)(x, mask)
    assert smaller.flatten().tolist() == [0, 1, 1, 0, 1, 1, 0, 0, 0]
    assert down.shape == (1, 2, 3, 3)
