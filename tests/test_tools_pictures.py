"""Pictures of networks: their numbers against PyTorch and scikit-learn, and their pixels."""

import builtins
import importlib
import struct
import xml.etree.ElementTree as ElementTree
import zlib

import numpy as np
import pytest

import minitorch
from minitorch import nn
from minitorch.tools import (
    confusion_matrix,
    curves,
    feature_maps,
    filters,
    grad_cam,
    maximise,
    saliency,
)
from minitorch.tools.picture import coloured, grid


def net(library):
    nn = library.nn
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(4, 5, 3, padding=1), nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Dropout(), nn.Linear(5, 3),
    )  # fmt: skip


@pytest.fixture
def pair(torch):
    """The same network in both libraries, and images."""
    minitorch.manual_seed(1)
    ours, theirs = net(minitorch), net(torch)
    state = {k: torch.from_numpy(np.array(v.numpy())) for k, v in ours.state_dict().items()}
    theirs.load_state_dict(state)
    x = np.random.default_rng(0).standard_normal((2, 3, 13, 11)).astype(np.float32)
    return ours, theirs.eval(), minitorch.tensor(x), torch.from_numpy(x).requires_grad_()


def decoded(content):
    """Read a PNG file of one byte per channel, whose lines are differences from those above."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    at, data = 8, b""
    while at < len(content):
        size, kind = struct.unpack(">I4s", content[at : at + 8])
        data += content[at + 8 : at + 8 + size] if kind == b"IDAT" else b""
        at += size + 12
    lines = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, -1)
    assert (lines[:, 0] == 2).all()
    return np.cumsum(lines[:, 1:], 0, np.uint8).reshape(height, width, -1)


class TestTruth:
    @pytest.mark.parametrize("target", [None, 2, [0, 1]])
    def test_saliency_is_the_gradient_of_the_score(self, pair, torch, target):
        ours, theirs, x, tx = pair
        scores = theirs(tx)
        chosen = scores.argmax(1) if target is None else torch.as_tensor(target).expand(2)
        scores[torch.arange(2), chosen].sum().backward()
        found = saliency(ours, x, target).values
        np.testing.assert_allclose(found, tx.grad.abs().amax(1).numpy(), rtol=1e-4, atol=1e-7)
        assert ours.training and all(p.grad is None for p in ours.parameters())

    @pytest.mark.parametrize("layer", ["0", "1", "4", "5"])
    def test_grad_cam_is_equations_1_and_2(self, pair, torch, layer):
        ours, theirs, x, tx = pair
        n = int(layer) + 1
        maps = theirs[:n](tx).detach().requires_grad_()
        theirs[n:](maps * 1)[:, 1].sum().backward()
        found = grad_cam(ours, x, layer, 1).values
        expected = np.zeros(found.shape)
        for i in range(2):
            for k in range(maps.shape[1]):
                alpha = maps.grad[i, k].sum() / maps.grad[i, k].numel()  # equation 1
                expected[i] += (alpha * maps[i, k]).detach().numpy()
        np.testing.assert_allclose(found, np.maximum(expected, 0), rtol=1e-4, atol=1e-7)
        assert found.max() > 0  # equation 2: some of it is positive

    def test_grad_cam_of_a_net_that_ends_in_an_average_is_its_class_activation_map(self):
        """For these Grad-CAM is CAM (section 3.1), up to the size of the map, and its sign."""
        minitorch.manual_seed(0)
        last = nn.Linear(5, 3)
        model = nn.Sequential(nn.Conv2d(3, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), last)
        x = minitorch.randn(1, 3, 8, 8)
        maps = model[0](x).detach().numpy()[0]
        cam = np.einsum("k,khw->hw", last.weight.detach().numpy()[2], maps) / 36
        found = grad_cam(model, x, model[0], 2).values[0]
        np.testing.assert_allclose(found, np.maximum(cam, 0), rtol=1e-4, atol=1e-6)

    def test_frozen_networks(self, pair):
        ours, _, x, _ = pair
        expected = grad_cam(ours, x, "4").values
        ours.requires_grad_(False)
        with minitorch.no_grad():
            np.testing.assert_array_equal(grad_cam(ours, x, "4").values, expected)

    def test_feature_maps(self, pair):
        ours, theirs, x, tx = pair
        for n in (0, 1, 4):  # 1: what follows writes into it
            expected = theirs[: n + 1](tx).detach().numpy()
            found = feature_maps(ours, x, str(n)).values
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)

    def test_maximise_raises_the_activation(self, pair):
        ours, _, _, _ = pair
        for layer, unit in ((None, 2), ("4", 3), (ours[4], (3, 1, 2))):
            found = maximise(ours, (3, 13, 11), layer, unit, steps=30)
            assert len(found.activations) == 31
            assert found.activations[-1] > max(found.activations[0], 0)
            assert np.linalg.norm(found.values) == pytest.approx(np.sqrt(found.values.size), 1e-4)

    def test_maximise_of_a_linear_unit_is_its_weight(self):
        """The maximum of w x among x of length ρ is ρ w / |w|."""
        layer = nn.Linear(6, 2)
        w = layer.weight.detach().numpy()[1]
        net = nn.Sequential(nn.Flatten(), layer)
        found = maximise(net, (1, 2, 3), None, 1, norm=2.0, lr=0.02, steps=400).values.ravel()
        np.testing.assert_allclose(found, 2 * w / np.linalg.norm(w), atol=0.05)

    def test_confusion_matrix(self):
        metrics = pytest.importorskip("sklearn.metrics")
        rng = np.random.default_rng(0)
        labels, predictions = rng.integers(0, 5, 100), rng.integers(0, 4, 100)
        expected = metrics.confusion_matrix(labels, predictions, labels=range(5))
        np.testing.assert_array_equal(confusion_matrix(labels, predictions).values, expected)
        scores = minitorch.tensor(np.eye(5)[predictions])
        chart = confusion_matrix(minitorch.tensor(labels), scores, classes=list("ab<de"))
        np.testing.assert_array_equal(chart.values, expected)
        np.testing.assert_array_equal(confusion_matrix(chart.values).values, expected)
        texts = [e.text for e in ElementTree.fromstring(chart.svg).iter() if e.text]
        assert {"label", "prediction", "b<"[1], str(expected.max())} <= set(texts)
        shown = [t for t in texts if t.isdigit()]
        assert sorted(map(int, shown)) == sorted(int(n) for n in expected.ravel() if n)

    def test_curves(self):
        history = [{"epoch": i, "loss": 1 / i, "val_loss": 2 / i} for i in range(1, 5)]
        values = curves(history).values
        assert list(values) == ["epoch", "loss", "val_loss"]
        np.testing.assert_array_equal(values["val_loss"], [2 / i for i in range(1, 5)])


class TestPixels:
    def test_png_and_matplotlib(self, pair, tmp_path):
        picture = filters(pair[0])
        picture.save(tmp_path / "a.png")
        content = (tmp_path / "a.png").read_bytes()
        np.testing.assert_array_equal(decoded(content), picture.pixels)
        assert picture._repr_html_().startswith('<img src="data:image/png;base64,iVBOR')
        np.testing.assert_array_equal(np.asarray(picture), pair[0][0].weight.detach().numpy())
        pytest.importorskip("matplotlib")
        (image,) = picture.plot().axes[0].images
        np.testing.assert_array_equal(image.get_array(), picture.pixels)
        for chart in (curves([{"epoch": 1, "loss": 2.0}]), confusion_matrix([0, 1], [0, 0])):
            chart.save(tmp_path / "b.png")
            assert (tmp_path / "b.png").read_bytes()[:4] == b"\x89PNG"
            chart.save(tmp_path / "b.svg")
            assert ElementTree.parse(tmp_path / "b.svg") and chart.plot().axes

    def test_without_matplotlib(self, monkeypatch, tmp_path):
        load = builtins.__import__

        def missing(name, *args, **kwargs):
            if name.startswith("matplotlib"):
                raise ImportError(name)
            return load(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", missing)
        for drawn in (filters(nn.Conv2d(1, 2, 3)), confusion_matrix([0], [0])):
            with pytest.raises(ImportError, match="pip install matplotlib"):
                drawn.plot()
        confusion_matrix([0], [0]).save(tmp_path / "a.svg")

    def test_filters_are_where_they_belong(self):
        layer = nn.Conv2d(1, 4, 2, bias=False)
        layer.weight.data.copy_(minitorch.arange(16.0).reshape(4, 1, 2, 2) % 4)
        pixels = filters(layer).pixels
        tile = (pixels.shape[0] - 2) // 2
        for row in range(2):
            for column in range(2):
                assert tuple(pixels[2 + row * tile, 2 + column * tile]) == (0, 0, 0)
                assert tuple(pixels[row * tile + tile - 1, column * tile + tile - 1]) == (255,) * 3
        whole = grid(np.ones((4, 2, 2, 3)) * np.arange(4).reshape(4, 1, 1, 1) / 3)
        middle = whole[whole.shape[0] // 4 :: whole.shape[0] // 2, whole.shape[1] // 4 ::
                       whole.shape[1] // 2, 0]  # fmt: skip
        np.testing.assert_array_equal(middle, [[0, 85], [170, 255]])

    def test_colours(self):
        for value, colour in ((0, "440154"), (1, "fde725"), (2, "fde725")):
            found = np.round(coloured(np.array(value)) * 255).astype(int)
            assert "".join(f"{c:02x}" for c in found) == colour
        brightness = coloured(np.linspace(0, 1, 100)) @ [0.3, 0.6, 0.1]
        assert (np.diff(brightness) > 0).all()

    @pytest.mark.parametrize("n", [1, 2, 3])
    def test_dimensions(self, n):
        conv = getattr(nn, f"Conv{n}d")
        model = nn.Sequential(conv(2, 3, 3), nn.Flatten(), nn.LazyLinear(2))
        x = minitorch.randn(2, 2, *[7, 6, 5][:n])
        model(x)
        for picture in (
            filters(model), feature_maps(model, x, "0"), saliency(model, x),
            grad_cam(model, x, "0"), maximise(model, x.shape[1:], "0", 1, steps=2),
        ):  # fmt: skip
            assert picture.pixels.ndim == 3 and np.ptp(picture.pixels) > 0


class TestErrors:
    @pytest.mark.parametrize(
        ("call", "error", "message"),
        [
            (lambda m, x: filters(nn.ReLU()), ValueError, "contains no convolution"),
            (lambda m, x: filters(m, "1"), ValueError, "1 is no convolution but BatchNorm2d"),
            (lambda m, x: filters(m, "no"), ValueError, "there is no layer 'no'; one of 0, 1, 2"),
            (lambda m, x: feature_maps(m, x, "9"), ValueError, r"no image .* but \(2, 3\)"),
            (lambda m, x: grad_cam(m, x, "4", 3), ValueError, "with 3 classes"),
            (lambda m, x: saliency(m[:5], x), ValueError, "give a function as target"),
            (lambda m, x: saliency(m, x[:, :2]), TypeError, "the model failed on inputs"),
            (lambda m, x: saliency(3, x), TypeError, "expected a Module, got int"),
            (lambda m, x: confusion_matrix([0, 1], [0]), ValueError, r"labels \(2,\), predictions"),
            (lambda m, x: confusion_matrix([0, 1]), ValueError, "no square; predictions missing?"),
            (lambda m, x: confusion_matrix([0, -1], [0, 0]), ValueError, "numbers from 0"),
            (lambda m, x: confusion_matrix([3], [0], "ab"), ValueError, "2 names for 4 classes"),
        ],
    )
    def test_messages(self, pair, call, error, message):
        with pytest.raises(error, match=message):
            call(pair[0], pair[2])

    def test_a_layer_that_is_not_called(self):
        model = nn.Sequential(nn.Conv2d(1, 1, 1))
        model.spare = nn.Conv2d(1, 1, 1)
        model.forward = lambda x: model[0](x)
        with pytest.raises(ValueError, match="'spare' was not called"):
            feature_maps(model, minitorch.ones(1, 1, 2, 2), "spare")

    def test_functions_as_targets(self):
        model = nn.Conv2d(1, 2, 1, bias=False)
        found = saliency(model, minitorch.ones(1, 1, 2, 2), lambda y: y[:, 1, 0, 0].sum()).values
        weight = abs(float(model.weight[1, 0, 0, 0]))
        np.testing.assert_allclose(found[0], [[weight, 0], [0, 0]])


def test_one_writer_of_png():
    """Everything that writes PNG files does it by vision.utils."""
    from minitorch.tools import picture

    assert picture.encode_png is importlib.import_module("minitorch.vision.utils").encode_png
