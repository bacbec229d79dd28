"""Receptive fields against supports of gradients, overlaps counted one by one, moves by hand."""

import itertools
import json
import math
import random

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch import nn
from minitorch.tools import (
    ReceptiveFields,
    checkerboard,
    equivariance_error,
    receptive_field,
    summary,
)
from minitorch.vision import models


class Of(nn.Module):
    """A module made of a function, and of modules that it calls."""

    def __init__(self, function, *parts):
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(parts)

    def forward(self, x):
        return self.function(x, *self.parts)


def conv(n, kernel=1, *args, channels=4, **kwargs):
    return getattr(nn, f"Conv{n}d")(channels, channels, kernel, *args, **kwargs)


def same(n, dilation=1):
    return conv(n, 3, padding=dilation, dilation=dilation)


def written(x):
    """Write to a part of a tensor, in place."""
    y = x * 1
    y[:, :, 3:] += x[:, :, :-3]
    return y


def attention(x):
    q = x.flatten(2)
    return (
        ((q.transpose(1, 2) @ q).softmax(-1) @ q.transpose(1, 2)).transpose(1, 2).reshape(x.shape)
    )


# What sees neighbours evenly: the region is the support of the gradient, not only a bound.
EVEN = {
    "conv": lambda r, n: conv(n, r.choice([1, 2, 3, 5]), r.choice([1, 1, 2]), r.randint(0, 2),
                              r.choice([1, 2]), r.choice([1, 2, 4])),
    "pool": lambda r, n: getattr(nn, f"AvgPool{n}d")(3, r.choice([1, 2]), 1),
    "norm": lambda r, n: getattr(nn, f"BatchNorm{n}d")(4),
    "slice": lambda r, n: Of(lambda x: x[..., 1:] if n < 3 else x[:, :, ::2]),
    "sum": lambda r, n: Of(lambda x, a, b: a(x) + b(x), same(n), same(n, 2)),
    "parts": lambda r, n: Of(lambda x, a: minitorch.cat([a(x[:, :2]), x[:, 2:]], 1),
                             conv(n, 3, padding=1, channels=2)),
    "shuffle": lambda r, n: Of(lambda x: x.unflatten(1, (2, 2)).transpose(1, 2).flatten(1, 2)),
    "last": lambda r, n: Of(lambda x, a: a(x.movedim(1, -1)).movedim(-1, 1), nn.Linear(4, 4)),
    "layer norm": lambda r, n: Of(
        lambda x: x + F.layer_norm(x.movedim(1, -1), (4,)).movedim(-1, 1)),
    "response": lambda r, n: nn.LocalResponseNorm(3),
    "flat": lambda r, n: Of(lambda x: (x.flatten(2) * 2).reshape(x.shape)),
    "channels": lambda r, n: Of(lambda x: x.softmax(1) * x.sum(1).unsqueeze(1)),
}  # fmt: skip
BOUND = {
    "transposed": lambda r, n: getattr(nn, f"ConvTranspose{n}d")(
        4, 4, r.choice([2, 3, 4]), r.choice([1, 2, 3]), 1, dilation=r.choice([1, 2])),
    "nearest": lambda r, n: nn.Upsample(scale_factor=r.choice([2, 3, 1.5])),
    "linear": lambda r, n: nn.Upsample(None, 2, ["linear", "bilinear", "trilinear"][n - 1]),
    "adaptive": lambda r, n: getattr(nn, f"AdaptiveAvgPool{n}d")(r.choice([1, 3, 5])),
    "excite": lambda r, n: Of(
        lambda x, a: x * a(x.mean(tuple(range(2, n + 2)), keepdim=True)), conv(n)),
    "pixels": lambda r, n: Of(lambda x: F.pixel_shuffle(x.repeat(1, 4, 1, 1), 2) if n == 2 else x),
    "blocks": lambda r, n: Of(
        lambda x: x[..., : x.shape[-1] // 2 * 2].unflatten(-1, (-1, 2)).sum(-1)),
    "group norm": lambda r, n: nn.GroupNorm(2, 4),
    "roll": lambda r, n: Of(lambda x: x.roll(1, -1) + x.flip(2)),
    "windows": lambda r, n: Of(lambda x: x.unfold(-1, 2, 1).mean(-1)),
    "softmax": lambda r, n: Of(lambda x: x.softmax(-1) + x),
    "attention": lambda r, n: Of(attention),
    "in place": lambda r, n: Of(written),
}  # fmt: skip


def supports(model, x):
    """Yield what the gradient of the output at each place reaches: (first, last) per dimension."""
    x = x.clone().requires_grad_()
    y = model(x)
    sizes = y.shape[2:]
    for place in [n // 2 for n in sizes], [0] * len(sizes), [n - 1 for n in sizes]:
        (g,) = minitorch.autograd.grad(y[(0, slice(None), *place)].sum(), [x], retain_graph=True)
        influence = np.abs(g.numpy()).sum((0, 1))
        touched = (
            influence > 1e-13 * influence.max()
        )  # zeros of Winograd are zeros but for rounding
        if influence.max() > 1e-9:
            axes = range(touched.ndim)
            yield (
                place,
                [
                    np.flatnonzero(touched.any(tuple(a for a in axes if a != d)))[[0, -1]]
                    for d in axes
                ],
            )


def checked(model, x):
    """
    Compare the computed regions with supports, which must not be larger.

    Returns how many are equal, and of how many: of those that the ends of the image do not concern,
    where a way may lead through nothing but padding.
    """
    model.double().eval()
    with minitorch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.3 * parameter.abs() + 0.1)  # so that nothing cancels
        if 0 in model(x).shape:
            return 0, 0
    field = receptive_field(model, input_data=x)[-1]
    exact = total = 0
    for place, found in supports(model, x):
        for d, (first, last) in enumerate(found):
            low = field.start[d] + place[d] * field.jump[d]
            low, high = math.ceil(low - 1e-9), math.floor(low + field.size[d] - 1 + 1e-9)
            assert low <= first and last <= high, (model, field, place)
            if low >= 0 and high < x.shape[d + 2]:
                exact, total = exact + ((low, high) == (first, last)), total + 1
    return exact, total


def random_net(seed, kinds):
    r = random.Random(seed)
    minitorch.manual_seed(seed)
    n = r.choice([1, 2, 2, 3])
    layers = [r.choice(list(kinds.values()))(r, n) for _ in range(r.randint(1, 5))]
    sizes = [{1: 44, 2: 22, 3: 12}[n] + i for i in range(n)]
    return nn.Sequential(*layers), minitorch.rand(1, 4, *sizes, dtype=minitorch.float64)


class TestReceptiveField:
    @pytest.mark.parametrize("kinds", [EVEN, EVEN | BOUND], ids=["even", "any"])
    def test_random_nets(self, kinds):
        """No gradient leaves the region; where all moves evenly, it reaches its ends."""
        exact = total = 0
        for seed in range(50):
            try:
                found = checked(*random_net(seed, kinds))
            except minitorch.ShapeError:  # the kernel is larger than what is left
                continue
            exact, total = exact + found[0], total + found[1]
        assert total > 100 and exact >= (1 if kinds is EVEN else 0.8) * total

    @pytest.mark.parametrize("name", [*EVEN, *BOUND])
    @pytest.mark.parametrize("n", [1, 2, 3])
    def test_every_kind(self, name, n):
        for seed in range(3):
            layer = (EVEN | BOUND)[name](random.Random(seed), n)
            x = minitorch.rand(
                1, 4, *[[40], [20, 19], [12, 13, 14]][n - 1], dtype=minitorch.float64
            )
            exact, total = checked(nn.Sequential(same(n), layer, same(n)), x)
            assert exact == total or name in BOUND

    def test_networks(self):
        """U-Nets meet in skips; squeeze and excitation sees all of the image."""
        down = nn.Sequential(nn.AvgPool2d(2), same(2))
        up = nn.Sequential(same(2), nn.ConvTranspose2d(4, 4, 2, 2))
        net = Of(lambda x, down, up, last: last(x + up(down(x))), down, up, same(2))
        x = minitorch.rand(1, 4, 32, 30, dtype=minitorch.float64)
        total = checked(net, x)[1]
        last = receptive_field(net, input_data=x)[-1]
        assert last.jump == (1, 1) and 12 <= last.size[0] <= 14 and total > 0
        found = receptive_field(models.unet(), (1, 3, 64, 64))
        assert found[-1].jump == (1, 1) and found[-1].size[0] < 256
        block = receptive_field(models.efficientnet_b0(), (1, 3, 64, 64))["features.1.0.block.2.0"]
        assert block.jump == (0, 0) and block.start[0] <= 0 and block.size[0] >= 64
        found = receptive_field(models.shufflenet_v2_x1_0(), (1, 3, 64, 64))["conv5.2"]
        assert (found.size[0], found.jump[0]) == (527, 32)

    def test_the_figures_of_the_textbooks(self):
        def of(*layers, size=400):
            return receptive_field(nn.Sequential(*layers), (1, 1, size))[-1]

        for n in range(1, 6):
            assert of(*[nn.Conv1d(1, 1, 3) for _ in range(n)]).size == (2 * n + 1,)
        assert of(*[nn.Conv1d(1, 1, 3) for _ in range(149)]).size < (300,)
        assert of(*[nn.Conv1d(1, 1, 3) for _ in range(150)]).size >= (300,)
        assert [of(nn.Conv1d(1, 1, 3, dilation=d)).size[0] for d in (1, 2, 4)] == [3, 5, 9]
        assert [of(*[nn.Conv1d(1, 1, 1, 2) for _ in range(n)]).jump[0] for n in (1, 2, 3)] == [
            2,
            4,
            8,
        ]
        twice = [of(nn.Conv1d(1, 1, 1, s), nn.Conv1d(1, 1, 3)).size[0] - 1 for s in (1, 2)]
        assert twice == [2, 4]
        dense = of(nn.Conv1d(1, 1, 3), nn.Flatten(), nn.Linear(398, 5))
        assert (dense.size, dense.jump, dense.start) == ((400,), (0,), (0,))

    def test_it_is_the_summary(self):
        model = models.lenet5()
        found, whole = receptive_field(model, (1, 1, 28, 28)), summary(model, (1, 1, 28, 28))
        assert isinstance(found, ReceptiveFields)
        assert [row.size for row in found.layers] == [row.field for row in whole.layers]
        assert found[0] == found[found[0].path] == found.layers[0]
        assert json.loads(json.dumps(found.to_dict()))["layers"][0]["field"] == [5, 5]
        assert "  ".join(str(found).split()[:6]) == "layer  kind  output  size  jump  start"
        assert (
            "MACs" not in found.to_html() and found.to_html().count("<tr>") == len(whole.layers) + 1
        )
        with pytest.raises(TypeError, match="receptive_field: needs the shape"):
            receptive_field(model)

    def test_odd_shapes(self):
        rows = Of(lambda x: x.flatten(2).transpose(1, 2))  # pixels in one dimension: all of them
        found = receptive_field(nn.Sequential(nn.Conv2d(1, 2, 3), rows), (1, 1, 8, 9))[-1]
        assert (found.size, found.jump, found.start) == ((8, 9), (0, 0), (0, 0))
        copies = nn.Sequential(nn.AvgPool1d(4, 2), nn.AdaptiveAvgPool1d(3))  # of one place
        assert receptive_field(copies, (1, 1, 5))[-1].size == (4,)
        single = receptive_field(nn.Conv2d(1, 1, 3), (1, 8, 8))[-1]  # an image without a batch
        assert single.size == (3,)

    def test_inputs_that_are_no_images(self):
        assert receptive_field(nn.Linear(3, 2), (1, 3))[0].size is None
        pair = Of(lambda x: x)
        pair.forward = lambda image, numbers: image * numbers.sum()
        assert receptive_field(pair, [(1, 1, 4, 4), (1, 3)])[0].size == (1, 1)


def counted(sizes, kernel, stride, padding, output_padding, dilation):
    """Count what a transposed convolution adds to each element, one tap after the other."""
    settings = list(zip(sizes, kernel, stride, padding, output_padding, dilation, strict=True))
    shape = [(n - 1) * s - 2 * p + d * (k - 1) + o + 1 for n, k, s, p, o, d in settings]
    counts = np.zeros(shape, int)
    places = itertools.product(*[range(n) for n in sizes])
    for place, tap in itertools.product(list(places), itertools.product(*map(range, kernel))):
        at = tuple(
            i * s - p + t * d for i, t, (_, _, s, p, _, d) in zip(place, tap, settings, strict=True)
        )
        if all(0 <= a < n for a, n in zip(at, shape, strict=True)):
            counts[at] += 1
    return counts


class TestCheckerboard:
    @pytest.mark.parametrize("n", [1, 2, 3])
    def test_counts(self, n):
        r = random.Random(n)
        for _ in range(12 if n < 3 else 3):
            kernel, stride, dilation = (
                [r.randint(1, most) for _ in range(n)] for most in (5 if n < 3 else 3, 3, 2)
            )
            extra = [r.randrange(max(s, d)) for s, d in zip(stride, dilation, strict=True)]
            padding = [r.randint(0, d * (k - 1)) for k, d in zip(kernel, dilation, strict=True)]
            size = [r.randint(7, 9) for _ in range(n)]
            layer = getattr(nn, f"ConvTranspose{n}d")(
                4, 6, kernel, stride, padding, extra, 2, dilation=dilation
            )
            before = layer.weight.detach().numpy().copy()
            try:
                found = checkerboard(layer, size)
            except ValueError as error:
                assert "every element sees the end" in str(error)
                continue
            expected = counted(size, kernel, stride, padding, extra, dilation)
            np.testing.assert_array_equal(found.values, expected)
            inside = expected[found.interior]
            assert found.even == (np.ptp(inside) == 0)
            if dilation == [1] * n:
                assert found.even_along == tuple(
                    k % s == 0 for k, s in zip(kernel, stride, strict=True)
                )
            np.testing.assert_array_equal(layer.weight.detach().numpy(), before)

    @pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 2, 1), (5, 3, 0), (4, 2, 1)])
    def test_the_interior_does_not_know_of_the_ends(self, kernel, stride, padding):
        """A larger image leaves the counts there as they are, and changes those next to it."""
        layer = nn.ConvTranspose1d(1, 1, kernel, stride, padding)
        small = checkerboard(layer, 9)
        (inside,) = small.interior
        large = checkerboard(layer, 9 + 8).values[4 * stride :]
        np.testing.assert_array_equal(small.values[inside], large[inside])
        changed = np.flatnonzero(small.values != large[: len(small.values)])
        outer = [i for i in (inside.start - 1, inside.stop) if 0 <= i < len(small.values)]
        assert set(outer) <= set(changed.tolist())

    def test_the_published_example(self):
        """Odena, Dumoulin and Olah 2016: kernel 3, stride 2 in two dimensions, twos times twos."""
        found = checkerboard(nn.ConvTranspose2d(8, 3, 3, 2))
        np.testing.assert_array_equal(found.values[2:6, 2:6], np.outer([2, 1, 2, 1], [2, 1, 2, 1]))
        assert not found.even and found.even_along == (False, False)
        even = checkerboard(nn.ConvTranspose2d(8, 3, 4, 2, 1))
        assert even.even and np.unique(even.values[even.interior]).tolist() == [4]
        mixed = checkerboard(nn.ConvTranspose2d(1, 1, (3, 4), 2))
        assert mixed.even_along == (False, True) and not mixed.even

    @pytest.mark.parametrize("n", [1, 2, 3])
    @pytest.mark.parametrize("scale", [2, 3])
    def test_resized_images_are_even(self, n, scale):
        layer = getattr(nn, f"ResizeConv{n}d")(3, 2, 3, scale)
        found = checkerboard(layer, 6)
        assert found.even and set(found.values[found.interior].ravel()) == {3**n}
        assert found.values.shape == (6 * scale,) * n and found.values[(0,) * n] == 2**n

    def test_several_layers(self):
        layers = nn.Sequential(
            nn.ConvTranspose2d(3, 4, 3, 2, bias=False), nn.ReLU(), nn.ConvTranspose2d(4, 2, 3, 2)
        )
        ways = np.ones(8, int)
        for _ in range(2):  # in one dimension, by numpy
            spread = np.zeros(2 * len(ways) - 1, int)
            spread[::2] = ways
            ways = np.convolve(spread, [1, 1, 1])
        found = checkerboard(layers, 8)
        np.testing.assert_array_equal(found.values, np.outer(ways, ways))
        assert not found.even
        assert checkerboard(nn.Sequential(nn.Conv2d(3, 8, 3), nn.PixelShuffle(2))).even

    def test_pictures(self):
        for n in (1, 2, 3):
            picture = checkerboard(getattr(nn, f"ConvTranspose{n}d")(1, 1, 3, 2), 4)
            assert picture.pixels.dtype == np.uint8 and np.ptp(picture.pixels) > 0
            assert picture._repr_png_()[:4] == b"\x89PNG"

    def test_errors(self):
        with pytest.raises(ValueError, match="checkerboard: Upsample contains no convolution"):
            checkerboard(nn.Upsample(scale_factor=2))
        with pytest.raises(TypeError, match="expected a Module, got int"):
            checkerboard(3)
        with pytest.raises(ValueError, match="every element sees the end"):
            checkerboard(nn.ConvTranspose1d(1, 1, 9), 3)


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def images(*shape):
    return minitorch.tensor(
        np.random.default_rng(0).standard_normal(shape), dtype=minitorch.float64
    )


class TestEquivariance:
    @pytest.mark.parametrize("n", [1, 2, 3])
    @pytest.mark.parametrize("shift", [1, 3, -2])
    def test_convolution(self, n, shift):
        size = (1, 4, *[23] * n)
        for layer in (
            conv(n, 3, padding=1),
            conv(n, 5, dilation=2, padding_mode="reflect", padding=2),
        ):
            assert equivariance_error(layer.double(), shift, input_size=size) < 1e-13
        for stride in (2, 3):
            layer = conv(n, 3, stride, padding=1).double()
            assert equivariance_error(layer, shift * stride, input_size=size) < 1e-13
            assert equivariance_error(layer, shift * stride + 1, input_size=size) > 0.5
            layer = getattr(nn, f"ConvTranspose{n}d")(4, 4, 3, stride).double()
            assert equivariance_error(layer, shift, input_size=size) < 1e-13

    def test_by_hand(self):
        """A convolution of stride 2, moved by 3 pixels: the best of 1 and 2 elements."""
        layer, x = nn.Conv1d(2, 3, 3, 2).double(), images(1, 2, 21)
        y, z = (layer(t).detach().numpy() for t in (x, x.roll(3, 2)))
        # Output o sees 2 o to 2 o + 2, of which 0 to 2 are new.
        expected = min(relative(z[..., 2:10], y[..., 2 - s : 10 - s]) for s in (1, 2))
        assert equivariance_error(layer, 3, input_data=x) == pytest.approx(expected, rel=1e-12)

    def test_one_number_per_dimension(self):
        layer, x = nn.Conv2d(1, 1, 3, (2, 1)).double(), images(1, 1, 20, 20)
        assert equivariance_error(layer, (2, 5), input_data=x) < 1e-13
        assert equivariance_error(layer, (1, 0), input_data=x) > 0.1

    def test_borders(self):
        x = images(1, 4, 16, 16)
        layer = same(2).double()
        y, z = (layer(t).detach().numpy() for t in (x, x.roll((1, 1), (2, 3))))
        whole = relative(z, np.roll(y, (1, 1), (2, 3)))
        found = equivariance_error(layer, 1, input_data=x, border=0)
        assert found == pytest.approx(whole, rel=1e-12) and whole > 0.05
        assert equivariance_error(layer, 1, input_data=x, border=2) < 1e-13
        ring = conv(2, 3, padding=1, padding_mode="circular").double()
        assert equivariance_error(ring, 5, input_data=x, border=0) < 1e-13

    def test_pooling(self):
        x = images(1, 4, 32, 32)
        for pool in (nn.MaxPool2d(2), nn.AvgPool2d(2), Of(lambda x: x[:, :, ::2, ::2])):
            model = nn.Sequential(same(2).double(), nn.ReLU(), pool)
            assert equivariance_error(model, 4, input_data=x) < 1e-13
            assert equivariance_error(model, 1, input_data=x) > 0.1

    def test_vectors(self):
        """Of scores of classes it is measured whether they stay."""
        ring = conv(2, 3, padding=1, padding_mode="circular")
        whole = nn.Sequential(ring, nn.ReLU(), nn.AdaptiveAvgPool2d(1)).double()
        for model in (whole, nn.Sequential(whole, nn.Flatten(), nn.Linear(4, 3)).double()):
            assert equivariance_error(model, 7, input_size=(2, 4, 16, 16)) < 1e-13
        x = images(2, 4, 6, 6)
        model = nn.Sequential(nn.Flatten(), nn.Linear(144, 3)).double()
        for turned, settings in (
            (x.roll((1, 1), (2, 3)), {"shift": 1}),
            (x.rot90(1, (2, 3)), {"rotate": 90}),
        ):
            expected = relative(model(turned).detach().numpy(), model(x).detach().numpy())
            assert equivariance_error(model, input_data=x, **settings) == pytest.approx(
                expected, 1e-6
            )

    @pytest.mark.parametrize("stride", [1, 2])
    def test_rotation_by_hand(self, stride):
        """Sobel's operator turned by a right angle measures the other direction."""
        sobel = nn.Conv2d(1, 1, 3, stride, stride - 1, bias=False).double()
        sobel.weight.data.copy_(
            minitorch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])[None, None]
        )
        blur = nn.Conv2d(1, 1, 3, padding=1, bias=False).double()
        blur.weight.data.fill_(1.0)
        x = images(1, 1, 17, 17)
        assert equivariance_error(blur, rotate=90, input_data=x) < 1e-6
        assert equivariance_error(sobel, rotate=180, input_data=x) == pytest.approx(2, rel=1e-5)
        y, z = (sobel(t).detach().numpy()[0, 0] for t in (x, x.rot90(1, (2, 3))))
        inside = slice(stride, -stride) if stride == 1 else slice(1, -1)
        expected = relative(z[inside, inside], np.rot90(y)[inside, inside])
        found = equivariance_error(sobel, rotate=90, input_data=x, border=inside.start)
        assert found == pytest.approx(expected, rel=1e-5) and expected > 0.5

    def test_smooth_images(self):
        """What has no direction turns and grows with the image, as far as it is small."""
        y, x = np.mgrid[:65, :65] / 65 - 0.5
        image = np.exp(-30 * (y - 0.1) ** 2 - 60 * (x + 0.05) ** 2)
        image = minitorch.tensor(image)[None, None]
        k = minitorch.tensor([1.0, 2.0, 1.0])
        for stride in (1, 2):
            round_, flat = (nn.Conv2d(1, 1, 3, stride, 1, bias=False).double() for _ in range(2))
            round_.weight.data.copy_((k[:, None] * k)[None, None])
            flat.weight.data.copy_((minitorch.tensor([-1.0, 0, 1])[:, None] * k)[None, None])
            for move in ({"rotate": 30}, {"rotate": -45.0}, {"scale": 0.8}, {"scale": 1.5}):
                assert equivariance_error(round_, input_data=image, **move) < 0.02
                assert equivariance_error(flat, input_data=image, **move) > 0.2

    def test_what_is_left_alone(self):
        model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout())
        state = minitorch.get_rng_state()
        first = equivariance_error(model, 1)
        assert first == equivariance_error(model, 1) and first < 1e-5
        assert minitorch.equal(state, minitorch.get_rng_state())
        assert model.training and model[1].num_batches_tracked == 0

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda m: equivariance_error(m), "give one of shift, rotate and scale"),
            (lambda m: equivariance_error(m, 1, rotate=3), "give one of shift, rotate and scale"),
            (lambda m: equivariance_error(m, (1, 2, 3)), "shift must have 1 or 2 numbers"),
            (lambda m: equivariance_error(nn.ReLU(), 1), "ReLU contains no convolution"),
            (lambda m: equivariance_error(nn.Conv1d(1, 1, 3), rotate=90), "is no image"),
            (lambda m: equivariance_error(nn.Linear(2, 2), 1, input_size=(3, 2)), "is no image"),
            (
                lambda m: equivariance_error(m, 20, input_size=(1, 1, 16, 16)),
                "give a larger|Give a",
            ),
        ],
    )
    def test_messages(self, call, message):
        with pytest.raises(ValueError, match=message):
            call(nn.Conv2d(1, 1, 3))
