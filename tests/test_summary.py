"""The summary of a model, against true supports of gradients and published figures."""

import json

import numpy as np
import pytest

import minitorch
from minitorch import nn
from minitorch.cli import main
from minitorch.tools import summary
from minitorch.vision import models


class Branches(nn.Module):
    """Two branches of different reach that meet, and a concatenation."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 3, 2)
        self.near = nn.Conv2d(4, 4, 1)
        self.far = nn.Sequential(nn.Conv2d(4, 4, 3, padding=2, dilation=2), nn.AvgPool2d(3, 1, 1))
        self.last = nn.Conv2d(8, 3, (3, 1), (2, 1))

    def forward(self, x):
        x = self.stem(x)
        y = self.near(x) + self.far(x)
        return self.last(minitorch.cat([x, y], 1))


MODELS = {
    "plain": (nn.Sequential(nn.Conv2d(1, 2, 5, 2, 1), nn.AvgPool2d(3, 2), nn.Conv2d(2, 2, 3)),
              (1, 1, 61, 67)),
    "branches": (Branches(), (1, 2, 47, 41)),
    "one dimension": (nn.Sequential(nn.Conv1d(1, 2, 7, 3, 2, 2), nn.ReLU(), nn.AvgPool1d(4)),
                      (1, 1, 103)),
    "three dimensions": (nn.Sequential(nn.Conv3d(1, 1, 3, padding=1), nn.AvgPool3d(2)),
                         (1, 1, 9, 8, 10)),
}  # fmt: skip


def support(model, size, place):
    """Return the slice per dimension outside of which the input has no influence on an output."""
    x = minitorch.rand(size, requires_grad=True)
    y = model(x)
    y[(0, slice(None), *place)].sum().backward()
    influence = np.abs(x.grad.numpy()).sum((0, 1))
    touched = influence > 1e-5 * influence.max()  # Winograd's zeros are zeros but for rounding
    return [np.flatnonzero(touched.any(tuple(set(range(touched.ndim)) - {d})))[[0, -1]]
            for d in range(touched.ndim)]  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_receptive_fields_are_those_of_the_gradient(name):
    model, size = MODELS[name]
    with minitorch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.abs() + 0.1)  # so that nothing cancels
    last = summary(model, size).layers[-1]
    for place in ([n // 2 for n in last.output_shape[2:]], [0] * (len(size) - 2)):
        found = support(model, size, place)
        for d, (first, end) in enumerate(found):
            low = last.start[d] + place[d] * last.jump[d]
            expected = max(0, low), min(size[d + 2], low + last.field[d]) - 1
            assert (first, end) == expected


def test_published_figures():
    """Receptive fields: Araujo, Norris and Sim 2019, table 1; MACs as torchvision states them."""
    found = summary(models.resnet18(), (1, 3, 224, 224))
    assert found.parameters == 11_689_512 and round(found.macs / 1e9, 2) == 1.81
    by_path = {layer.path: layer for layer in found.layers}
    assert by_path["layer4.1"].field == (435, 435) and by_path["layer4.1"].jump == (32, 32)
    found = summary(models.vgg16(), (1, 3, 224, 224))
    assert found.parameters == 138_357_544 and round(found.macs / 1e9, 2) == 15.47
    assert {layer.path: layer for layer in found.layers}["features.30"].field == (212, 212)
    found = summary(models.alexnet(), (1, 3, 224, 224))
    assert {layer.path: layer for layer in found.layers}["features.12"].field == (195, 195)


def count_macs(x, w, stride, padding, groups):
    """Count the multiplications of a convolution one by one."""
    n, _, *size = x
    out, per_group, *kernel = w
    total = 0
    for h in range(-padding, size[0] + padding - kernel[0] + 1, stride):
        for _ in range(-padding, size[1] + padding - kernel[1] + 1, stride):
            total += n * out * per_group * kernel[0] * kernel[1]
            assert h >= -padding
    return total


@pytest.mark.parametrize(("stride", "padding", "groups"), [(1, 0, 1), (2, 1, 2), (3, 2, 4)])
def test_macs_are_those_counted(stride, padding, groups):
    conv = nn.Conv2d(4, 8, (3, 2), stride, padding, groups=groups)
    found = summary(conv, (2, 4, 11, 9))
    expected = count_macs((2, 4, 11, 9), conv.weight.shape, stride, padding, groups)
    assert found.macs == expected
    transposed = nn.ConvTranspose2d(8, 4, (3, 2), stride, 1, groups=groups)
    assert summary(transposed, (1, 8, 5, 5)).macs == 25 * 8 * 4 // groups * 6
    assert summary(nn.Linear(7, 3), (5, 7)).macs == 105


def test_what_does_not_tile_is_told():
    model = nn.Sequential(nn.Conv2d(1, 1, 3, 2), nn.MaxPool2d(2))
    found = summary(model, (1, 1, 12, 13))
    assert [layer.lost for layer in found.layers] == [(1, 0), (1, 0)]
    assert "0 does not look at the last 1x0 rows and columns" in str(found)
    assert found.layers[1].kept == 6 / 30 and "1 keeps 20.0% of the elements" in str(found)


def test_shared_and_frozen_parameters():
    linear = nn.Linear(4, 4)
    model = nn.Sequential(linear, nn.ReLU(), linear, nn.BatchNorm1d(4))
    linear.bias.requires_grad_(False)
    found = summary(model, (3, 4))
    assert (found.parameters, found.trainable, found.buffers) == (28, 24, 9)
    assert sum(layer.parameters for layer in found.layers) == 28
    assert found.macs == 2 * 3 * 16
    assert "28 (112 B), 4 of them frozen" in str(found)


def test_modes_and_numbers_are_left_alone():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5))
    model[1].eval()
    state = minitorch.get_rng_state()
    summary(model, (2, 1, 5, 5))
    assert [m.training for m in model.modules()] == [True, True, False, True]
    assert model[1].num_batches_tracked == 0
    assert minitorch.equal(state, minitorch.get_rng_state())


def test_several_inputs():
    class Two(nn.Module):
        def forward(self, x, y):
            return x @ y

    assert summary(Two(), [(2, 3), (3, 4)]).macs == 24
    assert summary(Two(), input_data=[minitorch.ones(2, 3), minitorch.ones(3, 5)]).macs == 30
    with pytest.raises(TypeError, match=r"failed on inputs of shape 2x3: .* several inputs needs"):
        summary(Two(), (2, 3))
    with pytest.raises(TypeError, match="needs the shape of the input with batch, such as"):
        summary(Two())
    words = nn.Embedding(5, 3)
    with pytest.raises(TypeError, match=r"inputs of shape 1x4: embedding.*or the inputs"):
        summary(words, (1, 4))
    assert summary(words, (1, 4), dtype=minitorch.int64).layers[0].output_shape == (1, 4, 3)


def test_ways_that_depend_on_values():
    class Loop(nn.Module):
        def forward(self, x):
            for _ in range(int(x.sum())):
                x = x * 2
            return x

    found = summary(Loop(), minitorch.ones(3))
    assert len(found.reads) == 1 and found.layers[0].activation_bytes == 4 + 3 * 3 * 4
    assert f"looks at values: {__file__}:" in str(found) and found.reads[0] in found.to_html()
    assert found.to_dict()["reads"] == found.reads


def test_drawing(tmp_path, capsys):
    path = tmp_path / "net.svg"
    command = ["summary", "resnet18", "--size", "1x3x32x32", "--draw", str(path), "--depth", "1"]
    assert main(command) == 0
    assert path.read_text(encoding="utf-8").count("<g ") == 13 and "bn1" in capsys.readouterr().out


def test_forms(capsys):
    found = summary(models.lenet5(), (1, 1, 28, 28))
    assert json.loads(json.dumps(found.to_dict()))["parameters"] == 61_706
    assert found.to_html().count("<tr>") == 13
    assert main(["summary", "lenet5", "--size", "1x1x28x28"]) == 0
    assert str(found) in capsys.readouterr().out
    assert main(["summary", "lenet5", "--size", "1x1x28x28", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["macs"] == found.macs
    for arguments in (["lenet6"], ["lenet5", "--size", "big"], ["lenet5"]):
        assert main(["summary", *arguments]) == 1
        assert capsys.readouterr().err.startswith("minitorch: error: ")
