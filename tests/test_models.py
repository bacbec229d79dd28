"""The models: counts, names, shapes, weights, and that they learn."""

import inspect
import zlib

import numpy as np
import pytest

import minitorch
from minitorch import nn
from minitorch.nn import init
from minitorch.vision import models
from minitorch.vision.models._published import PARAMETERS

# CRC-32 of the names and shapes in the state dict of torchvision 0.20, a line each.
NAMES = {
    "alexnet": 0x612BF7FA,
    "convnext_base": 0xFBA7C72B,
    "convnext_large": 0xD6A11EC5,
    "convnext_small": 0xF4C61DD6,
    "convnext_tiny": 0x072FE5FF,
    "densenet121": 0x1416C673,
    "densenet161": 0xA4D61317,
    "densenet169": 0xC29D136E,
    "densenet201": 0x626B3F34,
    "efficientnet_b0": 0xE6E7265D,
    "efficientnet_b1": 0x62B330FC,
    "efficientnet_b2": 0x19D98EE0,
    "efficientnet_b3": 0x4CBBBF8E,
    "efficientnet_b4": 0x8F280174,
    "efficientnet_b5": 0xA4D7A00A,
    "efficientnet_b6": 0xB498AC1A,
    "efficientnet_b7": 0x71CD60E1,
    "efficientnet_v2_l": 0xFF73E391,
    "efficientnet_v2_m": 0x0314A762,
    "efficientnet_v2_s": 0x20CC84C6,
    "googlenet": 0x7648B627,
    "inception_v3": 0x5CD933FF,
    "mnasnet0_5": 0xB293C1AD,
    "mnasnet0_75": 0xC2FF34F4,
    "mnasnet1_0": 0x224B8E9C,
    "mnasnet1_3": 0x5469840F,
    "mobilenet_v2": 0xDD2FC11E,
    "mobilenet_v3_large": 0x3069DD82,
    "mobilenet_v3_small": 0x15FD50B9,
    "regnet_x_16gf": 0xDEABE414,
    "regnet_x_1_6gf": 0xA91FD129,
    "regnet_x_32gf": 0x4D3EA255,
    "regnet_x_3_2gf": 0x262A1938,
    "regnet_x_400mf": 0xFE8C2BA1,
    "regnet_x_800mf": 0xCFA4AFA5,
    "regnet_x_8gf": 0x548F88BF,
    "regnet_y_128gf": 0xB4420B6D,
    "regnet_y_16gf": 0xABD94BD5,
    "regnet_y_1_6gf": 0x1642A7E5,
    "regnet_y_32gf": 0x867AFB5B,
    "regnet_y_3_2gf": 0xA9F37E88,
    "regnet_y_400mf": 0x703BA9C9,
    "regnet_y_800mf": 0x4F5CD6AC,
    "regnet_y_8gf": 0x56916A48,
    "resnet101": 0x8181F149,
    "resnet152": 0xA04F9E3D,
    "resnet18": 0xC2E12626,
    "resnet34": 0x8F3907E6,
    "resnet50": 0x173A2DF1,
    "resnext101_32x8d": 0x761CA0E2,
    "resnext101_64x4d": 0x38865B06,
    "resnext50_32x4d": 0xCCCF1EC5,
    "shufflenet_v2_x0_5": 0x101C6894,
    "shufflenet_v2_x1_0": 0x9FE7ECCD,
    "shufflenet_v2_x1_5": 0xAB8E7FC7,
    "shufflenet_v2_x2_0": 0x55A156D9,
    "squeezenet1_0": 0x08C62CC4,
    "squeezenet1_1": 0x39A6429A,
    "vgg11": 0xFD4FEC18,
    "vgg11_bn": 0xD82A6385,
    "vgg13": 0x07A45D81,
    "vgg13_bn": 0x96CCC26C,
    "vgg16": 0xB42E8D57,
    "vgg16_bn": 0x6055E756,
    "vgg19": 0x23F4F219,
    "vgg19_bn": 0xF5347C42,
    "wide_resnet101_2": 0xD18DA542,
    "wide_resnet50_2": 0x2283BD01,
}

# One of each family, small enough to train: the model, its options, and the size of its images.
FAMILIES = {
    "lenet5": ({}, (1, 28)),
    "alexnet": ({"dropout": 0.0}, (3, 64)),
    "vgg11_bn": ({"dropout": 0.0}, (3, 32)),
    "resnet18": ({}, (3, 64)),
    "resnet50": ({}, (3, 64)),
    "densenet121": ({}, (3, 64)),
    "squeezenet1_1": ({"dropout": 0.0}, (3, 64)),
    "googlenet": ({"dropout": 0.0, "dropout_aux": 0.0}, (3, 64)),
    "inception_v3": ({"dropout": 0.0, "aux_logits": False}, (3, 139)),
    "mobilenet_v1": ({"dropout": 0.0}, (3, 64)),
    "mobilenet_v2": ({"dropout": 0.0}, (3, 64)),
    "mobilenet_v3_small": ({"dropout": 0.0}, (3, 64)),
    "shufflenet_v2_x0_5": ({}, (3, 64)),
    "mnasnet0_5": ({"dropout": 0.0}, (3, 64)),
    "efficientnet_b0": ({"dropout": 0.0, "stochastic_depth_prob": 0.0}, (3, 64)),
    "efficientnet_v2_s": ({"dropout": 0.0, "stochastic_depth_prob": 0.0}, (3, 64)),
    "regnet_x_400mf": ({}, (3, 64)),
    "regnet_y_400mf": ({}, (3, 64)),
    "convnext_tiny": ({"stochastic_depth_prob": 0.0}, (3, 64)),
    "convnextv2_atto": ({}, (3, 64)),
}


@pytest.fixture
def uninitialized(monkeypatch):
    """Leave the weights of the layers as they come: the memory of large ones is never touched."""
    for name, function in vars(init).items():
        if name.endswith("_") and not name.startswith("_") and inspect.isfunction(function):
            monkeypatch.setattr(init, name, lambda tensor, *args, **kwargs: tensor)


def count(model):
    return sum(p.numel() for p in model.parameters())


def test_all_are_published():
    assert set(models.list_models()) == set(PARAMETERS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters(name, uninitialized):
    options = {"aux_logits": False} if name == "googlenet" else {}
    assert count(models.get_model(name, **options)) == PARAMETERS[name]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_those_of_torchvision(name, uninitialized):
    state = models.get_model(name).state_dict()
    text = "\n".join(f"{key} {tuple(value.shape)}" for key, value in state.items())
    assert zlib.crc32(text.encode()) == NAMES[name]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_small_step_lowers_the_loss(name):
    options, (channels, size) = FAMILIES[name]
    minitorch.manual_seed(0)
    model = models.get_model(name, num_classes=5, **options)
    x, target = minitorch.randn(2, channels, size, size), minitorch.tensor([1, 3])
    optimizer = minitorch.optim.Adam(model.parameters(), lr=1e-5)

    def loss():
        output = model(x)
        outputs = output if isinstance(output, tuple) else (output,)
        assert all(o.shape == (2, 5) for o in outputs)
        return sum(nn.functional.cross_entropy(o, target) for o in outputs)

    before = loss()
    before.backward()
    assert all(p.grad is not None for p in model.parameters())
    optimizer.step()
    with minitorch.no_grad():
        assert loss().item() < before.item()
        assert model.eval()(x).shape == (2, 5)


@pytest.mark.parametrize("bilinear", [False, True])
def test_unet(bilinear):
    if bilinear and not hasattr(nn, "Upsample"):
        pytest.skip("there is no nn.Upsample yet")
    model = models.unet(n_channels=1, n_classes=3, bilinear=bilinear)
    x = minitorch.randn(1, 1, 32, 48)
    assert model(x).shape == (1, 3, 32, 48)
    model(x).sum().backward()
    assert all(p.grad is not None for p in model.parameters())


class TestOptions:
    def test_dilated_resnet_keeps_the_size(self):
        dilate = {"replace_stride_with_dilation": [False, True, True]}
        model = models.resnet50(**dilate)
        found = models._utils.IntermediateLayerGetter(model, {"layer4": "out", "layer2": "mid"})
        out = found(minitorch.zeros(1, 3, 32, 32))
        assert list(out) == ["mid", "out"]
        assert out["out"].shape == (1, 2048, 4, 4) and out["mid"].shape == (1, 512, 4, 4)
        assert model.layer4[1].conv2.dilation == (4, 4)
        with pytest.raises(ValueError, match="3-element"):
            models.resnet50(replace_stride_with_dilation=[True])
        with pytest.raises(NotImplementedError, match="Dilation"):
            models.resnet18(**dilate)

    def test_zero_init_residual(self):
        model = models.resnet18(zero_init_residual=True)
        assert model.layer1[0].bn2.weight.abs().sum().item() == 0
        assert model.layer1[0].bn1.weight.abs().sum().item() == 64

    def test_memory_efficient_densenet_is_the_same(self):
        plain = models.densenet121(num_classes=3)
        thrifty = models.densenet121(num_classes=3, memory_efficient=True)
        thrifty.load_state_dict(plain.state_dict())
        x = minitorch.randn(1, 3, 32, 32)
        for model in (plain, thrifty):
            model.eval()(x).sum().backward()
        for a, b in zip(plain.parameters(), thrifty.parameters(), strict=True):
            assert a.grad.equal(b.grad)

    def test_mobilenet_v3_variants(self, uninitialized):
        model = models.mobilenet_v3_large(dilated=True, reduced_tail=True)
        assert model.features[-1].out_channels == 480
        assert model.features[-2].block[1][0].dilation == (2, 2)
        assert model.features[13].block[1][0].stride == (1, 1)

    def test_transform_input(self):
        model = models.googlenet(transform_input=True, aux_logits=False, num_classes=2).eval()
        x = minitorch.randn(1, 3, 64, 64)
        mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
        image = x.numpy() * std[:, None, None] + mean[:, None, None]
        again = minitorch.tensor((image - 0.5) / 0.5, dtype=minitorch.float32)
        expected = model(x)
        model.transform_input = False
        np.testing.assert_allclose(model(again).detach(), expected.detach(), atol=1e-4)

    @pytest.mark.parametrize(
        "build",
        [
            lambda: models.MNASNet(0.0),
            lambda: models.SqueezeNet("2_0"),
            lambda: models.RegNet(10, 50, 1.0, 2.0, 8),
            lambda: models.ShuffleNetV2([1, 1], [1] * 5),
            lambda: models.ShuffleNetV2([1, 1, 1], [1] * 4),
            lambda: models.MobileNetV2(inverted_residual_setting=[]),
            lambda: models.EfficientNet([], 0.2),
            lambda: models.MobileNetV3([], 1280),
            lambda: models.ConvNeXt([], []),
            lambda: models.GoogLeNet(blocks=[1]),
            lambda: models.Inception3(inception_blocks=[1]),
            lambda: models.resnet.BasicBlock(1, 1, groups=2),
        ],
    )
    def test_errors(self, build):
        with pytest.raises(ValueError):
            build()

    def test_as_programs_use_the_module(self):
        names = [
            name
            for name in models.__dict__
            if name.islower() and not name.startswith("__") and callable(models.__dict__[name])
        ]
        assert {"resnet18", "vgg16_bn", "inception_v3", "alexnet"} <= set(names)
        model = models.__dict__["squeezenet1_1"](num_classes=4)
        assert model.classifier[1].out_channels == 4
        assert models.resnet.resnet18 is models.resnet18
        assert "11,689,512 parameters" in models.resnet18.__doc__
        assert models.resnet18.__module__ == "minitorch.vision.models.resnet"


class TestWeights:
    def test_from_a_file(self, tmp_path):
        model = models.squeezenet1_1(num_classes=3)
        minitorch.save(model.state_dict(), tmp_path / "plain.pth")
        wrapped = {"state_dict": {f"module.{k}": v for k, v in model.state_dict().items()}}
        minitorch.save(wrapped, tmp_path / "wrapped.pth")
        for weights in (tmp_path / "plain.pth", str(tmp_path / "wrapped.pth"), model.state_dict()):
            other = models.squeezenet1_1(weights=weights, num_classes=3)
            assert other.features[0].weight.equal(model.features[0].weight)

    def test_published_ones_are_found_where_torch_keeps_them(self, tmp_path, monkeypatch):
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        with pytest.raises(FileNotFoundError, match=r"put it at .*squeezenet1_1-b8a52dc0\.pth"):
            models.squeezenet1_1(pretrained=True)
        folder = tmp_path / "hub" / "checkpoints"
        folder.mkdir(parents=True)
        model = models.squeezenet1_1()
        minitorch.save(model.state_dict(), folder / "squeezenet1_1-b8a52dc0.pth")
        kind = models.SqueezeNet1_1_Weights
        for args, kwargs in [
            ((), {"pretrained": True}),
            ((True,), {}),
            ((), {"weights": "DEFAULT"}),
            ((), {"weights": "IMAGENET1K_V1"}),
            ((), {"weights": kind.DEFAULT}),
            ((), {"weights": kind.verify("SqueezeNet1_1_Weights.IMAGENET1K_V1")}),
        ]:
            other = models.squeezenet1_1(*args, **kwargs)
            assert other.features[0].weight.equal(model.features[0].weight)
        with pytest.raises(ValueError, match="num_classes"):
            models.squeezenet1_1(weights="DEFAULT", num_classes=10)

    def test_none(self):
        for options in ({}, {"weights": None}, {"pretrained": False}):
            assert count(models.squeezenet1_1(num_classes=2, **options)) == 723522
        assert count(models.squeezenet1_1(False, num_classes=2)) == 723522

    def test_older_densenet_names(self):
        state = models.densenet121(num_classes=2).state_dict()
        old = {}
        for key, value in state.items():
            for kind in ("norm", "conv"):
                for number in "12":
                    key = key.replace(f".{kind}{number}.", f".{kind}.{number}.")
            old[key] = value
        assert any(".norm.1." in key for key in old)
        models.densenet121(weights=old, num_classes=2)

    def test_auxiliary_classifiers_are_left_out(self):
        state = models.googlenet(num_classes=2).state_dict()
        model = models.googlenet(weights=state, aux_logits=False, num_classes=2)
        assert model.aux1 is None

    def test_lists(self):
        kind = models.get_model_weights("resnet50")
        assert kind is models.ResNet50_Weights is models.get_model_weights(models.resnet50)
        assert kind.DEFAULT is kind.IMAGENET1K_V2 and len(kind) == 2
        assert models.get_weight("ResNet50_Weights.IMAGENET1K_V1") is kind.IMAGENET1K_V1
        assert kind.DEFAULT.url.endswith("/resnet50-11ad3fa6.pth")
        assert kind.DEFAULT.meta == {"num_params": 25_557_032}
        assert repr(kind.DEFAULT) == "ResNet50_Weights.IMAGENET1K_V2"
        assert models.get_model_builder("ResNet18") is models.resnet18
        assert models.list_models(include="resnet*", exclude=["*101", "*152"]) == [
            "resnet18",
            "resnet34",
            "resnet50",
        ]
        assert models.list_models(models.alexnet) == []

    def test_errors(self):
        with pytest.raises(ValueError, match="Unknown model resnet19"):
            models.get_model("resnet19")
        with pytest.raises(ValueError, match="Unknown weights"):
            models.get_weight("ResNet50_Weights.V9")
        with pytest.raises(ValueError, match="no published weights"):
            models.mobilenet_v1(pretrained=True)
        with pytest.raises(ValueError, match="no published weights"):
            models.get_model_weights("unet")
        with pytest.raises(FileNotFoundError, match="IMAGENET1K_V1, DEFAULT or a file"):
            models.resnet18(weights="IMAGENET")
        with pytest.raises(TypeError, match="ResNet18_Weights, a path or a dict"):
            models.resnet18(weights=models.ResNet34_Weights.DEFAULT)
        with pytest.raises(TypeError, match="positional"):
            models.resnet18(False, True, 10)
        with pytest.raises(TypeError, match="expected ResNet18_Weights"):
            models.ResNet18_Weights.verify(3)
