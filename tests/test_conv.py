"""Convolution: against the naive reference, PyTorch, and itself."""

import itertools

import numpy as np
import pytest
import reference
from compare import compare_derivatives, leaves

import minitorch
import minitorch.nn.functional as F
from minitorch import Tensor, kernels
from minitorch._library import set_conv_algorithm

SIZES = {1: (17,), 2: (7, 9), 3: (4, 4, 5)}  # of images, per number of spatial dimensions


def families(ndim):
    """Yield (input shape, weight shape, settings): what networks use, and its edges."""
    size, three = SIZES[ndim], (3,) * ndim
    uneven, steps = ((3,), (1, 2), (3, 2, 1))[ndim - 1], ((2,), (2, 1), (1, 2, 3))[ndim - 1]
    for variant, channels, filters, strided in (
        ("plain", 4, 8, {}),
        ("tails", 3, 5, {}),
        ("strided", 3, 8, {"stride": steps}),
    ):

        def case(kind, x, w, variant=variant, strided=strided, **settings):
            return pytest.param(x, w, {**settings, **strided}, id=f"{ndim}d-{kind}-{variant}")

        image = (2, channels, *size)
        yield case("first", (2, 3, *size), (filters, 3, *(4,) * ndim))
        yield case("1x1", image, (filters, channels, *(1,) * ndim))
        yield case("3x3", image, (filters, channels, *three), padding=1)
        yield case("wide", (1, channels, *size), (filters, channels, *three), padding=4)
        yield case("dilated", image, (filters, channels, *three), padding=2, dilation=2)
        yield case("depthwise", image, (channels, 1, *three), padding=1, groups=channels)
        yield case("multiplied", image, (2 * channels, 1, *three), groups=channels)
        yield case("grouped", (2, 2 * channels, *size), (2 * filters, channels, *three), groups=2)
        yield case("uneven", image, (filters, channels, *uneven), dilation=steps)


ALL = [case for ndim in (1, 2, 3) for case in families(ndim)]
every_family = pytest.mark.parametrize(("image", "kernels_shape", "settings"), ALL)


def operands(image, weight, dtype="float64", bias=True):
    rng = np.random.default_rng(0)
    shapes = (image, weight, weight[:1]) if bias else (image, weight)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def conv_of(weight):
    return getattr(F, f"conv{len(weight) - 2}d")


def transpose_of(weight):
    return getattr(F, f"conv_transpose{len(weight) - 2}d")


@every_family
def test_equals_reference(image, kernels_shape, settings):
    x, w, b = operands(image, kernels_shape, "float32")
    expected = reference.conv(x, w, b, **settings)
    grad = np.random.default_rng(1).standard_normal(expected.shape).astype("float32")
    expected = [
        expected,
        reference.conv_grad_input(grad, w, image[2:], **settings),
        reference.conv_grad_weight(x, grad, kernels_shape[2:], **settings),
        reference.conv_grad_bias(np.float64(grad)),
    ]
    for dtype, tolerance in (("float32", 2e-4), ("float64", 1e-11)):
        tensors = leaves([array.astype(dtype) for array in (x, w, b)])
        output = conv_of(kernels_shape)(*tensors, **settings)
        output.backward(Tensor._wrap(grad.astype(dtype)))
        results = [output.detach(), *(tensor.grad for tensor in tensors)]
        for ours, wanted in zip(results, expected, strict=True):
            assert ours._array.dtype == dtype
            np.testing.assert_allclose(ours._array, wanted, tolerance, tolerance * 10)


@every_family
def test_transposed_equals_reference(image, kernels_shape, settings):
    """The same windows the other way: from the positions back to the image."""
    kernels_shape = (image[1], kernels_shape[0] // settings.get("groups", 1), *kernels_shape[2:])
    if settings.get("padding") == 4:
        settings = {**settings, "padding": 1}  # 4 would leave nothing of the output
    x, w, _ = operands(image, kernels_shape)
    b = np.arange(kernels_shape[1] * settings.get("groups", 1)) * 1.0
    output = transpose_of(kernels_shape)(*leaves([x, w, b]), **settings)
    expected = reference.conv_transpose(x, w, b, **settings)
    np.testing.assert_allclose(output.detach()._array, expected, 1e-11, 1e-10)


@every_family
def test_equals_torch(torch, image, kernels_shape, settings):
    name = f"conv{len(image) - 2}d"
    compare_derivatives(torch, name, operands(image, kernels_shape), settings)


@pytest.mark.filterwarnings("ignore:Using padding='same'")  # torch, about its own speed
@pytest.mark.parametrize(
    ("name", "image", "weight", "settings"),
    [
        ("conv_transpose1d", (2, 3, 5), (3, 4, 4), {"stride": 3, "output_padding": 2}),
        ("conv_transpose1d", (2, 3, 5), (3, 4, 2), {"dilation": 3, "output_padding": 2}),
        (
            "conv_transpose1d",
            (1, 4, 5),
            (4, 2, 2),
            {"dilation": 3, "output_padding": 2, "padding": 1, "groups": 2},
        ),
        ("conv_transpose2d", (2, 3, 5, 4), (3, 5, 4, 4), {"stride": 2, "padding": 1}),
        (
            "conv_transpose2d",
            (2, 4, 3, 4),
            (4, 3, 3, 2),
            {"stride": (2, 1), "groups": 2, "dilation": (1, 3), "output_padding": (1, 2)},
        ),
        ("conv_transpose2d", (1, 3, 1, 1), (3, 8, 4, 4), {}),
        ("conv_transpose3d", (1, 2, 3, 2, 2), (2, 3, 2, 3, 2), {"stride": 2, "padding": 1}),
        ("conv_transpose3d", (2, 3, 2, 2, 2), (3, 1, 2, 2, 2), {"groups": 3}),
        ("conv2d", (2, 3, 8, 9), (4, 3, 4, 3), {"padding": "same"}),
        ("conv2d", (2, 3, 8, 9), (4, 3, 4, 3), {"padding": "same", "dilation": (1, 3)}),
        ("conv2d", (2, 3, 8, 9), (4, 3, 4, 3), {"padding": "valid", "stride": 3}),
        ("conv2d", (3, 8, 9), (4, 3, 4, 3), {"padding": [1, 2]}),
        ("conv1d", (4, 9), (4, 2, 3), {"groups": 2}),
        ("conv3d", (2, 4, 4, 4), (3, 2, 3, 3, 3), {"padding": 1}),
        ("conv2d", (0, 3, 8, 9), (4, 3, 4, 3), {}),
        ("conv_transpose2d", (0, 3, 8, 9), (3, 4, 4, 3), {}),
    ],
)
def test_settings_equal_torch(torch, name, image, weight, settings):
    compare_derivatives(torch, name, operands(image, weight, bias=False), settings)


@pytest.mark.parametrize(
    ("image", "weight", "settings"),
    [
        ((8, 3, 32, 32), (16, 3, 3, 3), {"padding": 1}),
        ((2, 64, 15, 15), (40, 64, 3, 3), {"padding": 1}),
        ((2, 65, 15, 14), (33, 65, 1, 1), {"stride": 2}),
        ((4, 32, 28, 27), (32, 1, 3, 3), {"padding": 1, "groups": 32, "stride": 2}),
        ((1, 7, 3000), (20, 7, 9), {"dilation": 4}),
        ((2, 8, 9, 20, 20), (12, 8, 3, 3, 3), {"padding": 1}),
    ],
)
def test_large_images_equal_torch(torch, image, weight, settings):
    """Sizes at which the kernels divide the work into blocks, in float32."""
    arrays = operands(image, weight, "float32")
    name = f"conv{len(image) - 2}d"
    compare_derivatives(torch, name, arrays, settings, rtol=1e-3, atol=2e-2)


def test_asymmetric_padding_equals_a_padded_image(torch):
    x, w = operands((2, 3, 6, 7), (4, 3, 3, 4), bias=False)
    ours = F.conv2d(*leaves([x, w]), stride=2, padding=((0, 3), (2, 1)))
    padded = torch.nn.functional.pad(torch.from_numpy(x), (2, 1, 0, 3))
    theirs = torch.nn.functional.conv2d(padded, torch.from_numpy(w), stride=2)
    np.testing.assert_allclose(ours.detach()._array, theirs.numpy(), 1e-11, 1e-11)


def small_integers(rng, *shape):
    return rng.integers(-4, 5, shape).astype("float32")


@pytest.fixture
def restored_isa():
    before, threads = kernels.info()["isa"], kernels.get_num_threads()
    yield
    kernels.set_isa(before)
    kernels.set_num_threads(threads)


@pytest.fixture
def direct():
    set_conv_algorithm("direct")
    yield
    set_conv_algorithm("auto")


@every_family
def test_adjoint_identity(direct, restored_isa, image, kernels_shape, settings):
    """<conv(x, w), g> = <x, grad_input> = <w, grad_weight>, exactly, on every ISA and thread."""
    rng = np.random.default_rng(0)
    x, w = small_integers(rng, *image), small_integers(rng, *kernels_shape)
    conv, grad, first = conv_of(kernels_shape), None, None
    for isa, threads in itertools.product(kernels.info()["available"], (1, 2, 7)):
        kernels.set_isa(isa)
        kernels.set_num_threads(threads)
        tensors = leaves([x, w])
        output = conv(*tensors, **settings)
        grad = small_integers(rng, *output.shape) if grad is None else grad
        output.backward(Tensor._wrap(grad))
        results = [output.detach()._array, tensors[0].grad._array, tensors[1].grad._array]
        products = [
            int(np.sum(np.float64(a) * b)) for a, b in zip(results, (grad, x, w), strict=True)
        ]
        assert products[0] == products[1] == products[2], (isa, threads)
        first = results if first is None else first
        for one, other in zip(results, first, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("threads", [2, 7])
def test_bits_do_not_depend_on_threads(restored_isa, threads):
    arrays = operands((4, 16, 33, 31), (24, 8, 3, 3), "float32")

    def run(count):
        kernels.set_num_threads(count)
        tensors = leaves(arrays)
        output = F.conv2d(*tensors, padding=1, groups=2)
        output.backward(output.detach())
        return [output.detach()._array, *(t.grad._array for t in tensors)]

    for one, other in zip(run(1), run(threads), strict=True):
        np.testing.assert_array_equal(one, other)


def test_float16_is_computed_in_float32():
    x, w, b = operands((2, 40, 9, 8), (16, 40, 3, 3), "float16")
    half, single = leaves([x, w, b]), leaves([a.astype("float32") for a in (x, w, b)])
    outputs = [F.conv2d(*tensors, padding=1) for tensors in (half, single)]
    grad = np.random.default_rng(1).standard_normal(outputs[0].shape).astype("float16")
    outputs[0].backward(Tensor._wrap(grad))
    outputs[1].backward(Tensor._wrap(grad.astype("float32")))
    assert outputs[0].dtype is minitorch.float16
    pairs = [(outputs[0].detach(), outputs[1].detach())]
    pairs += [(a.grad, b.grad) for a, b in zip(half, single, strict=True)][:2]
    for one, other in pairs:
        np.testing.assert_array_equal(one._array, other._array.astype("float16"))


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_any_strides(order):
    """Images and weights in any order of dimensions in memory, and with gaps."""
    x, w, b = operands((2, 3, 6, 5), (4, 3, 3, 2))
    expected = F.conv2d(*leaves([x, w, b])).detach()._array
    back = np.argsort(order)

    def reordered(array):
        moved = np.repeat(np.ascontiguousarray(array.transpose(order)), 2, axis=-1)
        return moved[..., ::2].transpose(back)

    tensors = [Tensor._wrap(reordered(a)).requires_grad_() for a in (x, w)]
    tensors.append(Tensor._wrap(b[::-1].copy()[::-1]).requires_grad_())
    output = F.conv2d(*tensors)
    np.testing.assert_allclose(output.detach()._array, expected, 1e-12, 1e-12)
    grad = np.broadcast_to(np.float64(1), output.shape)
    output.backward(Tensor._wrap(grad))
    np.testing.assert_allclose(
        tensors[1].grad._array, reference.conv_grad_weight(x, grad, (3, 2)), 1e-11, 1e-11
    )
    np.testing.assert_allclose(
        tensors[0].grad._array, reference.conv_grad_input(grad, w, (6, 5)), 1e-11, 1e-11
    )


@pytest.mark.parametrize("needed", list(itertools.product([False, True], repeat=3)))
def test_only_gradients_that_are_needed(needed):
    tensors = [
        tensor.detach().requires_grad_(need)
        for tensor, need in zip(leaves(operands((1, 2, 4, 4), (3, 2, 3, 3))), needed, strict=True)
    ]
    output = F.conv2d(*tensors)
    assert output.requires_grad == any(needed)
    if any(needed):
        minitorch.sum(output).backward()
    assert tuple(tensor.grad is not None for tensor in tensors) == needed


def test_no_input_channels_leaves_the_bias():
    """An empty sum is zero (PyTorch returns an empty tensor here)."""
    x, w, b = operands((2, 0, 4, 4), (3, 0, 3, 3))
    tensors = leaves([x, w, b])
    output = F.conv2d(*tensors)
    expected = np.broadcast_to(b[:, None, None], (2, 3, 2, 2))
    np.testing.assert_array_equal(output.detach()._array, expected)
    minitorch.sum(output).backward()
    assert tensors[0].grad.shape == x.shape
    assert tensors[1].grad.shape == w.shape
    np.testing.assert_array_equal(tensors[2].grad._array, [8, 8, 8])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_bad_pixel_stays_where_its_windows_are(value):
    x, w, b = operands((1, 2, 12, 12), (3, 2, 3, 3), "float32")
    clean = F.conv2d(*leaves([x, w, b]), padding=1).detach()._array
    x[0, 1, 6, 4] = value
    touched = F.conv2d(*leaves([x, w, b]), padding=1).detach()._array
    near = np.zeros((12, 12), bool)
    near[5:8, 3:6] = True
    assert not np.isfinite(touched[..., near]).any()
    np.testing.assert_allclose(touched[..., ~near], clean[..., ~near], 1e-4, 1e-5)


def test_a_weight_changed_in_place_is_noticed():
    x, w = leaves(operands((1, 2, 4, 4), (3, 2, 3, 3), bias=False))
    output = F.conv2d(x, w)
    with minitorch.no_grad():
        w.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        minitorch.sum(output).backward()
