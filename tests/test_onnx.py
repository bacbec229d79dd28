"""ONNX files, checked by ONNX's own checker and run by onnxruntime."""

import random
import warnings

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch import nn

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

from minitorch.errors import FileFormatError  # noqa: E402
from minitorch.onnx import export, load  # noqa: E402
from minitorch.onnx.graph import ExportError  # noqa: E402

IMAGE = (3, 8, 9, 10)  # batch, channels, height, width
FUNCTIONS = {
    "arithmetic": lambda x: 2 / (x.abs() + 1) - x * 3 + (-x) ** 2,
    "unary": lambda x: x.exp().log1p().sqrt().rsqrt() + x.sigmoid().expm1() + x.erf() + x.square(),
    "trigonometry": lambda x: x.sin() + x.cos() + x.atan() + x.tanh() + x.sinh().asinh(),
    "logarithms": lambda x: (x.abs() + 1).log2() + (x.abs() + 1).log10() + x.exp2().log(),
    "rounding": lambda x: (x * 3).floor() + (x * 3).ceil() + x.sign() + x.reciprocal(),
    "clamps": lambda x: x.clamp(-1, 1) + x.clamp(min=0.5) + x.clamp(max=x * 0),
    "compare": lambda x: (x > 0).float() + (x <= 1).float() * (x != 2).float() + (x == x).float(),
    "logic": lambda x: ((x > 0) & ~(x > 1) | (x < -1)).float(),
    "where": lambda x: minitorch.where(x > 0, x, x * 0.1).masked_fill(x > 1, 7.0),
    "extrema": lambda x: minitorch.maximum(x, -x) + minitorch.minimum(x, x * 2),
    "sums": lambda x: x.sum(1, keepdim=True) + x.mean((2, 3), keepdim=True) + x.prod(1).sum(),
    "reductions": lambda x: x.amax((1, 2)) + x.amin((1, 2)) + x.logsumexp((1, 2)),
    "variances": lambda x: x.var((2, 3)) + x.std((2, 3), correction=0) + x.norm(dim=(2, 3)),
    "max along": lambda x: x.max(1)[0] + x.max(1)[1].float() + x.argmin(1).float(),
    "cumsum": lambda x: x.cumsum(2),
    "softmaxes": lambda x: F.softmax(x, 1) + F.log_softmax(x, -1),
    "matmul": lambda x: x.matmul(x.transpose(2, 3)),
    "vectors": lambda x: x[:, 0, 0].mv(minitorch.arange(10.0)),
    "slices": lambda x: x[:, 1:5:2, None, -1, 2:-1].squeeze(2) + x[..., 0, 0:7][None, :, :2][0],
    "split": lambda x: sum(x.chunk(4, 1)) + x.split([2, 6], 1)[0] + x.unbind(1)[3].unsqueeze(1),
    "cat": lambda x: minitorch.cat([x, x[:, :1], minitorch.stack([x, x], 1)[:, 0]], 1),
    "shapes": lambda x: x.permute(0, 2, 3, 1).flatten(1).view(x.shape[0], 9, -1).transpose(1, 2),
    "batch in a product": lambda x: x.reshape(-1, 10).sum(1).view(-1, 8, 9),
    "constants": lambda x: x + minitorch.zeros(x.shape[0], 1, 1, 1) + minitorch.arange(10.0),
    "expand": lambda x: x[:, :1].expand(-1, 4, -1, -1) + minitorch.ones(1).expand_as(x)[:, 4:],
    "index": lambda x: x[:, [0, 3, 5]].index_select(2, minitorch.tensor([1, 0])),
    "gather": lambda x: x.gather(1, (x > 0).long()),
    "flip": lambda x: x.flip(2, 3) + x.tril(1).triu(-2),
    "cast": lambda x: x.double().float() + x.int().float(),
    "in place": lambda x: F.relu(x.mul(2).add_(1).mul_(3), inplace=True),
    "detach": lambda x: x * (x + 1).detach(),
    "max pool": lambda x: (F.max_pool2d(x, 3, 2, 1), F.max_pool2d(x, 3, 2, 1, ceil_mode=True)),
    "average pool": lambda x: (F.avg_pool2d(x, 3, 2, 1), F.avg_pool2d(x, 2, 2, 1, False, False)),
    "paddings": lambda x: (
        F.pad(x, (1, 2, 0, 3), value=2.0),
        F.pad(x, (1, -2), "constant"),
        F.pad(x, (1, 2, 3, 0), "reflect"),
        F.pad(x, (1, 2, 3, 0), "replicate"),
        F.pad(x, (1, 2, 3, 0), "circular"),
    ),
    "resampling": lambda x: (
        F.interpolate(x, scale_factor=2),
        F.interpolate(x, (5, 17), mode="bilinear"),
        F.interpolate(x, (5, 17), mode="bilinear", align_corners=True),
        F.interpolate(x, (5, 17), mode="bicubic"),
        F.interpolate(x, (4, 3), mode="area"),
    ),
    "patches": lambda x: (
        F.unfold(x, (3, 2), padding=1, stride=2, dilation=(1, 2)),
        F.fold(F.unfold(x, 3, padding=1), (9, 10), 3, padding=1),
    ),
    "adaptive maxima": lambda x: F.adaptive_max_pool2d(x, (3, 5)) + F.adaptive_max_pool2d(x, 1),
    "statistics of the batch": lambda x: F.batch_norm(
        x, None, None, minitorch.arange(8.0), training=True
    ),
    "sorted": lambda x: x.topk(3, 1)[0] + x.sort(1)[0][:, :3] + x.topk(3, 1)[1],
    "rolled": lambda x: x.roll((1, -3), (1, 3)),
    "one hot": lambda x: F.one_hot((x > 0).long(), 3).float(),
    "embedding": lambda x: F.embedding((x > 0).long(), minitorch.arange(6.0).view(3, 2)),
    "shuffles": lambda x: F.channel_shuffle(F.pixel_shuffle(x, 2), 2),
    "divisor": lambda x: F.avg_pool2d(x, 2, divisor_override=3),
    "adaptive pool": lambda x: F.adaptive_avg_pool2d(x, (4, 3)) + F.adaptive_avg_pool2d(x, 1),
    "normalize": lambda x: F.normalize(x) + F.layer_norm(x, (9, 10)) + F.group_norm(x, 4),
    "instance norm": lambda x: F.instance_norm(x),
    "pool 1-d": lambda x: F.max_pool1d(x[:, :, 0], 3) + F.avg_pool1d(x[:, :, 1], 3),
    "pool 3-d": lambda x: F.max_pool3d(x[:, None], 3) + F.avg_pool3d(x[:, None], 3),
}
ACTIVATIONS = [
    nn.ReLU(),
    nn.ReLU6(),
    nn.LeakyReLU(0.1),
    nn.ELU(0.5),
    nn.SELU(),
    nn.CELU(0.7),
    nn.GELU(),
    nn.GELU("tanh"),
    nn.SiLU(),
    nn.Mish(),
    nn.Hardsigmoid(),
    nn.Hardswish(),
    nn.Hardtanh(-0.5, 2),
    nn.Softplus(2, 50),
    nn.Softsign(),
    nn.LogSigmoid(),
    nn.Tanhshrink(),
    nn.Hardshrink(0.3),
    nn.Softshrink(0.4),
    nn.Threshold(0.1, 20),
    nn.PReLU(8),
    nn.Sigmoid(),
    nn.Tanh(),
    nn.Dropout(),
    nn.Identity(),
]


class Calls(nn.Module):
    """A model that is a function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)


def run(path, *inputs):
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [x.name for x in session.get_inputs()]
    return session.run(None, {n: x.numpy() for n, x in zip(names, inputs, strict=True)})


def check(model, tmp_path, *inputs, tolerance=1e-5, **options):
    """Export a model; compare what onnxruntime and `load` compute, for three batch sizes."""
    path = tmp_path / "model.onnx"
    export(model, inputs, path, **options)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    model.eval()
    for batch in (inputs[0].shape[0], 1, 5):
        given = [minitorch.randn(batch, *x.shape[1:]) for x in inputs]
        with minitorch.no_grad():
            expected = model(*given)
        expected = expected if isinstance(expected, tuple) else (expected,)
        for ours, theirs in zip(expected, run(path, *given), strict=True):
            scale = max(1.0, float(np.abs(ours.numpy()).max(initial=0)))
            assert ours.shape == theirs.shape and ours.numpy().dtype == theirs.dtype
            assert np.allclose(ours.numpy(), theirs, atol=tolerance * scale, rtol=tolerance)
        with minitorch.no_grad():
            back = load(path)(*given)
        for ours, again in zip(expected, back if isinstance(back, tuple) else (back,), strict=True):
            scale = max(1.0, float(np.abs(ours.numpy()).max(initial=0)))
            assert ours.shape == again.shape and ours.dtype is again.dtype
            assert np.allclose(ours.numpy(), again.numpy(), atol=tolerance * scale, rtol=tolerance)
    return path


@pytest.fixture(autouse=True)
def seeded():
    minitorch.manual_seed(0)


class TestOperations:
    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_functions(self, name, tmp_path):
        check(Calls(FUNCTIONS[name]), tmp_path, minitorch.randn(IMAGE))

    @pytest.mark.parametrize("module", ACTIVATIONS, ids=lambda m: repr(m))
    def test_activations(self, module, tmp_path):
        check(module, tmp_path, minitorch.randn(IMAGE) * 3)

    @pytest.mark.parametrize(
        "module",
        [
            nn.Conv2d(8, 6, 3, 2, 1, bias=False),
            nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=4),
            nn.Conv2d(8, 6, (2, 3), padding="same"),
            nn.Conv2d(8, 4, 3, padding=1, padding_mode="circular"),
            nn.ConvTranspose2d(8, 6, 3, 2, 1, output_padding=1, groups=2),
            nn.ConvTranspose2d(8, 3, 4, 2, 1),
            nn.BatchNorm2d(8),
            nn.BatchNorm2d(8, affine=False),
            nn.GroupNorm(2, 8),
            nn.LayerNorm(10),
            nn.InstanceNorm2d(8, affine=True),
            nn.Linear(10, 4),
            nn.Linear(10, 4, bias=False),
            nn.Softmax2d(),
        ],
        ids=lambda m: repr(m),
    )
    def test_layers(self, module, tmp_path):
        check(module, tmp_path, minitorch.randn(IMAGE), tolerance=1e-4)

    def test_other_dimensions(self, tmp_path):
        check(nn.Conv1d(4, 6, 3, 2), tmp_path, minitorch.randn(2, 4, 17))
        check(nn.ConvTranspose1d(4, 6, 3, 2), tmp_path, minitorch.randn(2, 4, 17))
        check(nn.Conv3d(2, 3, 3, padding=1), tmp_path, minitorch.randn(2, 2, 5, 6, 7))
        check(nn.BatchNorm1d(4), tmp_path, minitorch.randn(3, 4))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(True))
        self.conv = nn.Conv2d(8, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = self.stem(x)
        x = x + self.norm(self.conv(x))
        x = nn.functional.relu_(x)
        return self.head(self.drop(x.mean((2, 3))))


def trained():
    """A model whose statistics and weights are not those it was made with."""
    model = Residual()
    optimizer = minitorch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(3):
        loss = F.cross_entropy(model(minitorch.randn(4, 3, 10, 10)), minitorch.randint(0, 5, (4,)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


class TestModels:
    @pytest.mark.parametrize("fold", [False, True])
    def test_batch_norms_are_folded_on_request(self, tmp_path, fold):
        model = trained()
        path = check(model, tmp_path, minitorch.randn(2, 3, 10, 10), fold_batch_norm=fold)
        kinds = [node.op_type for node in onnx.load(path).graph.node]
        assert kinds.count("BatchNormalization") == (0 if fold else 2)

    def test_a_convolution_read_twice_is_not_folded(self, tmp_path):
        conv, norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)
        norm.running_mean.fill_(1.0)

        class Twice(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv, self.norm = conv, norm

            def forward(self, x):
                x = self.conv(x)
                return self.norm(x) + x

        check(Twice(), tmp_path, minitorch.randn(2, 3, 4, 4), fold_batch_norm=True)

    def test_names_and_modes_are_kept(self, tmp_path):
        model = trained()
        model.norm.eval()
        path = tmp_path / "model.onnx"
        export(
            model,
            minitorch.zeros(1, 3, 10, 10),
            path,
            input_names=["image"],
            output_names=["scores"],
        )
        assert model.training and not model.norm.training and model.stem[1].training
        graph = onnx.load(path).graph
        assert [x.name for x in graph.input] == ["image"]
        assert [x.name for x in graph.output] == ["scores"]
        stored = {x.name: onnx.numpy_helper.to_array(x) for x in graph.initializer}
        for name in ("stem.0.weight", "conv.bias", "head.weight"):
            assert np.array_equal(stored[name], model.get_parameter(name).detach().numpy())
        assert np.array_equal(stored["norm.running_var"], model.norm.running_var.numpy())

    def test_a_fixed_batch(self, tmp_path):
        path = tmp_path / "model.onnx"
        for options in ({"dynamic_batch": False}, {"dynamic_axes": {"input": {2: "h"}}}):
            export(nn.ReLU(), minitorch.zeros(2, 3), path, **options)
            size = onnx.load(path).graph.input[0].type.tensor_type.shape.dim[0]
            assert size.dim_value == 2

    def test_several_inputs_and_outputs(self, tmp_path):
        model = Calls(lambda x, y: (x + y, {"product": x * y}))
        path = tmp_path / "model.onnx"
        inputs = minitorch.randn(2, 3), minitorch.randn(2, 3)
        export(model, inputs, path)
        added, product = run(path, *inputs)
        assert np.allclose(added, (inputs[0] + inputs[1]).numpy())
        assert np.allclose(product, (inputs[0] * inputs[1]).numpy())


def from_torch(torch, tmp_path, model, *inputs):
    """Return PyTorch's results, and those of the graph that PyTorch exported, loaded here."""
    path = tmp_path / "torch.onnx"
    model.eval()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of the exporter's age
        torch.onnx.export(model, inputs, path, dynamo=False)
        expected = model(*inputs)
    return expected, load(path)


class TestLoad:
    """Graphs that others wrote."""

    @pytest.mark.parametrize(
        "layers",
        [
            lambda t: [t.Conv2d(4, 6, 3, 2, 1), t.BatchNorm2d(6), t.ReLU(), t.MaxPool2d(2)],
            lambda t: [t.ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2), t.Hardswish(), t.GELU()],
            lambda t: [t.AdaptiveAvgPool2d(1), t.Flatten(), t.Linear(4, 3), t.Softmax(1)],
            lambda t: [
                t.AvgPool2d(3, 2, 1, ceil_mode=True),
                t.AvgPool2d(2, 1, 1, count_include_pad=False),
            ],
            lambda t: [t.InstanceNorm2d(4, affine=True), t.GroupNorm(2, 4), t.LayerNorm(8)],
            lambda t: [t.Upsample(scale_factor=2), t.Upsample(scale_factor=1.5, mode="bilinear")],
            lambda t: [
                t.Upsample(size=(11, 13), mode="bilinear", align_corners=True),
                t.ReflectionPad2d(1),
            ],
            lambda t: [t.ZeroPad2d((1, 2, 0, 1)), t.ConstantPad2d(-1, 2.0), t.PixelShuffle(2)],
            lambda t: [
                t.PReLU(4),
                t.ELU(),
                t.LeakyReLU(),
                t.SiLU(),
                t.Hardtanh(),
                t.ReLU6(),
                t.LogSoftmax(1),
            ],
            lambda t: [t.Dropout(), t.MaxPool2d(3, 1, 1), t.Unflatten(1, (2, 2)), t.Flatten(1, 2)],
        ],
    )
    def test_layers(self, torch, tmp_path, layers):
        torch.manual_seed(0)
        image = torch.randn(2, 4, 9, 8)
        expected, ours = from_torch(torch, tmp_path, torch.nn.Sequential(*layers(torch.nn)), image)
        result = ours(minitorch.from_numpy(image.numpy()))
        assert np.allclose(result.detach().numpy(), expected.numpy(), atol=1e-5)

    def test_it_can_be_trained_as_pytorch_does(self, torch, tmp_path):
        torch.manual_seed(0)
        theirs = torch.nn.Sequential(
            torch.nn.Conv2d(1, 3, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(48, 2)
        )
        image, target = torch.randn(4, 1, 6, 6), torch.tensor([0, 1, 1, 0])
        _, ours = from_torch(torch, tmp_path, theirs, image)
        ours.train()
        losses = []
        for nn_, model, x, y in (
            (torch, theirs, image, target),
            (minitorch, ours, minitorch.tensor(image.numpy()), minitorch.tensor(target.numpy())),
        ):
            optimizer = nn_.optim.SGD(model.parameters(), lr=0.1)
            for _ in range(5):
                loss = nn_.nn.functional.cross_entropy(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            losses.append(float(loss.detach()))
        assert losses[1] == pytest.approx(losses[0], rel=1e-5)

    def test_statistics_are_buffers(self, tmp_path):
        path = tmp_path / "model.onnx"
        export(trained(), minitorch.zeros(1, 3, 10, 10), path)
        model = load(path)
        names = dict(model.named_buffers())
        assert "norm_running_mean" in names and "conv_weight" in dict(model.named_parameters())
        before = names["norm_running_mean"].clone()
        model(minitorch.randn(2, 3, 10, 10))
        assert minitorch.equal(before, names["norm_running_mean"])
        model.train()(minitorch.randn(2, 3, 10, 10)).sum().backward()
        assert not minitorch.equal(before, names["norm_running_mean"])
        assert all(p.grad is not None for p in model.parameters())

    def test_wrong_calls(self, tmp_path):
        path = tmp_path / "model.onnx"
        export(Calls(lambda x, y: x + y), (minitorch.ones(2), minitorch.ones(2)), path)
        model = load(path)
        assert model(minitorch.ones(2), input_1=minitorch.ones(2)).tolist() == [2, 2]
        for args in ((), (minitorch.ones(2),), (minitorch.ones(2),) * 3):
            with pytest.raises(TypeError, match=r"takes the inputs \['input_0', 'input_1'\]"):
                model(*args)

    def test_unknown_operators_are_named(self, tmp_path):
        node = onnx.helper.make_node("Det", ["x"], ["y"])
        info = [onnx.helper.make_tensor_value_info(n, 1, [2, 2]) for n in "xy"]
        graph = onnx.helper.make_graph([node], "g", info[:1], info[1:])
        onnx.save(onnx.helper.make_model(graph), tmp_path / "a.onnx")
        with pytest.raises(NotImplementedError, match=r"a\.onnx: minitorch has no .* Det"):
            load(tmp_path / "a.onnx")

    def test_damaged_files(self, tmp_path):
        path = tmp_path / "model.onnx"
        export(trained(), minitorch.zeros(1, 3, 10, 10), path)
        good = path.read_bytes()
        chooser = random.Random(0)
        refused = 0
        for _ in range(300):
            bad = bytearray(good)
            if chooser.random() < 0.5:
                del bad[chooser.randrange(1, len(bad)) :]
            for _ in range(chooser.randrange(4)):
                bad[chooser.randrange(len(bad))] ^= 1 << chooser.randrange(8)
            path.write_bytes(bad)
            try:
                load(path)
            except (FileFormatError, NotImplementedError) as error:
                assert "model.onnx: " in str(error)
                refused += 1
        assert refused > 100
        with pytest.raises(FileNotFoundError):
            load(tmp_path / "nothing.onnx")


class TestRefusals:
    """What cannot be exported is said with its place, and nothing is written."""

    @pytest.mark.parametrize(
        ("function", "message"),
        [
            (
                lambda x: F.adaptive_max_pool2d(x, (4, 3)),
                r"AdaptiveMaxPool: maxima of \(4, 3\) parts of different",
            ),
            (lambda x: x[: x.shape[0] // 2], "Slice: the part that is taken depends on the batch"),
            (lambda x: x * float(x.shape[0]), "Mul: a number that depends on the batch size: 3.0"),
            (lambda x: x if x.shape[0] == 3 else x + 1, "what the model does depends on the batch"),
            (lambda x: x.norm(p=3, dim=1), "Norm: a norm with p=3"),
            (lambda x: 3, "the model returns a int"),
        ],
    )
    def test_what_is_not_in_onnx(self, tmp_path, function, message):
        with pytest.raises(ExportError, match=message):
            export(Calls(function), minitorch.randn(IMAGE), tmp_path / "model.onnx")
        assert list(tmp_path.iterdir()) == []

    def test_views_that_are_out_of_date(self, tmp_path):
        def stale(x):
            x = x + 1
            part = x[:, 0]
            x.mul_(2)
            return part

        with pytest.raises(ExportError, match="a view read after Mul wrote"):
            export(Calls(stale), minitorch.randn(IMAGE), tmp_path / "model.onnx")

    def test_the_module_is_named(self, tmp_path):
        model = nn.Sequential(nn.ReLU(), nn.Sequential(nn.AdaptiveMaxPool2d((4, 3))))
        with pytest.raises(ExportError, match=r"AdaptiveMaxPool in module '1\.0'"):
            export(model, minitorch.randn(IMAGE), tmp_path / "model.onnx")

    def test_arguments(self, tmp_path):
        with pytest.raises(TypeError, match="args must be a tensor or a tuple"):
            export(nn.ReLU(), 3, tmp_path / "model.onnx")
        with pytest.raises(ValueError, match="2 names for 1 inputs"):
            export(nn.ReLU(), minitorch.ones(1), tmp_path / "a.onnx", input_names=["a", "b"])
        with pytest.raises(ValueError, match="opset_version 99"):
            export(nn.ReLU(), minitorch.ones(1), tmp_path / "a.onnx", opset_version=99)
