"""Every layer against PyTorch's with the same weights: text, state, results, gradients."""

import copy
import pickle
import warnings

import numpy as np
import pytest

import minitorch
from minitorch import nn

# name: (class, positional arguments, keyword arguments, shape of the input)
CASES = {
    "linear": ("Linear", (6, 4), {}, (3, 6)),
    "linear many": ("Linear", (6, 4), {"bias": False}, (2, 3, 6)),
    "linear one": ("Linear", (6, 4), {}, (6,)),
    "identity": ("Identity", (1, "any"), {"thing": 2}, (2, 3)),
    "flatten": ("Flatten", (), {}, (2, 3, 4)),
    "flatten some": ("Flatten", (0, 1), {}, (2, 3, 4)),
    "unflatten": ("Unflatten", (1, (2, 3)), {}, (2, 6)),
    "zero_pad1d": ("ZeroPad1d", (2,), {}, (2, 3, 4)),
    "zero_pad2d": ("ZeroPad2d", ((1, -1, 2, 0),), {}, (2, 3, 4, 4)),
    "zero_pad3d": ("ZeroPad3d", (1,), {}, (2, 3, 2, 2, 2)),
    "constant_pad1d": ("ConstantPad1d", ((1, 2), 0.5), {}, (2, 3, 4)),
    "constant_pad2d": ("ConstantPad2d", (1, -1.0), {}, (3, 4, 4)),
    "constant_pad3d": ("ConstantPad3d", (1, 2), {}, (2, 3, 2, 2, 2)),
    "reflection_pad1d": ("ReflectionPad1d", (2,), {}, (2, 3, 4)),
    "reflection_pad2d": ("ReflectionPad2d", ((1, 0, 2, 3),), {}, (2, 3, 4, 4)),
    "reflection_pad3d": ("ReflectionPad3d", (1,), {}, (2, 3, 2, 3, 2)),
    "replication_pad1d": ("ReplicationPad1d", (2,), {}, (2, 3, 4)),
    "replication_pad2d": ("ReplicationPad2d", ((1, 0, 2, 3),), {}, (2, 3, 4, 4)),
    "replication_pad3d": ("ReplicationPad3d", (1,), {}, (2, 3, 2, 3, 2)),
    "circular_pad1d": ("CircularPad1d", (2,), {}, (2, 3, 4)),
    "circular_pad2d": ("CircularPad2d", ((1, 0, 2, 3),), {}, (2, 3, 4, 4)),
    "circular_pad3d": ("CircularPad3d", (1,), {}, (2, 3, 2, 3, 2)),
    "upsample": ("Upsample", (), {"scale_factor": 2}, (2, 3, 4, 5)),
    "upsample size": ("Upsample", (7,), {"mode": "linear"}, (2, 3, 4)),
    "upsample cubic": (
        "Upsample",
        (),
        {"scale_factor": (1.5, 2), "mode": "bicubic", "align_corners": True},
        (2, 3, 4, 5),
    ),
    "upsampling nearest": ("UpsamplingNearest2d", (), {"scale_factor": 2}, (2, 3, 4, 5)),
    "upsampling bilinear": ("UpsamplingBilinear2d", ((7, 8),), {}, (2, 3, 4, 5)),
    "pixel_shuffle": ("PixelShuffle", (2,), {}, (2, 8, 3, 4)),
    "pixel_unshuffle": ("PixelUnshuffle", (2,), {}, (2, 3, 4, 6)),
    "channel_shuffle": ("ChannelShuffle", (2,), {}, (2, 6, 4, 3)),
    "unfold": ("Unfold", ((2, 3),), {"padding": 1, "stride": 2}, (2, 3, 4, 5)),
    "fold": ("Fold", ((4, 5), 2), {"dilation": 2}, (2, 8, 6)),
    "lp_pool1d": ("LPPool1d", (2, 3), {}, (2, 3, 9)),
    "lp_pool2d": ("LPPool2d", (2, (3, 2)), {"stride": 1}, (2, 3, 5, 6)),
    "lp_pool3d": ("LPPool3d", (4, 2), {"ceil_mode": True}, (2, 3, 3, 4, 3)),
    "rms_norm": ("RMSNorm", (6,), {}, (2, 3, 6)),
    "rms_norm two": ("RMSNorm", ([3, 6],), {"eps": 1e-3}, (2, 3, 6)),
    "rms_norm plain": ("RMSNorm", (6,), {"elementwise_affine": False}, (2, 3, 6)),
    "local_response_norm": ("LocalResponseNorm", (3,), {"alpha": 0.5, "k": 2.0}, (2, 7, 3, 2)),
    "cross_map wide": ("CrossMapLRN2d", (9, 0.3), {}, (2, 4, 3, 2)),
    "sync_batch_norm": ("SyncBatchNorm", (3,), {}, (4, 3, 5, 2)),
    "conv1d": ("Conv1d", (4, 6, 3), {}, (2, 4, 9)),
    "conv1d single": ("Conv1d", (4, 6, 3), {}, (4, 9)),
    "conv1d same": ("Conv1d", (4, 6, 4), {"padding": "same", "dilation": 2}, (2, 4, 9)),
    "conv2d": ("Conv2d", (3, 5, 3), {}, (2, 3, 7, 8)),
    "conv2d all": (
        "Conv2d",
        (4, 6, (3, 2)),
        {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2), "groups": 2, "bias": False},
        (2, 4, 8, 7),
    ),
    "conv2d same": ("Conv2d", (2, 3, (3, 4), 1, "same"), {}, (2, 2, 6, 5)),
    "conv2d valid": ("Conv2d", (2, 3, 3), {"padding": "valid"}, (2, 2, 6, 5)),
    "conv2d depthwise": ("Conv2d", (4, 8, 3), {"groups": 4, "padding": 1}, (2, 4, 5, 5)),
    "conv2d list": ("Conv2d", (2, 3, [3, 1]), {"padding": [1, 0]}, (2, 2, 6, 5)),
    "conv3d": ("Conv3d", (2, 3, (1, 2, 3)), {"stride": 2, "padding": 1}, (2, 2, 4, 5, 6)),
    "conv1d reflect": ("Conv1d", (2, 3, 3), {"padding": 2, "padding_mode": "reflect"}, (2, 2, 3)),
    "conv2d circular": (
        "Conv2d",
        (2, 3, 3),
        {"padding": (1, 2), "padding_mode": "circular", "stride": 2},
        (2, 2, 4, 5),
    ),
    "conv2d replicate": (
        "Conv2d",
        (2, 3, (2, 3), 1, "same"),
        {"padding_mode": "replicate", "dilation": 3},
        (2, 2, 4, 5),
    ),
    "conv3d reflect": (
        "Conv3d",
        (2, 3, 3),
        {"padding": (0, 1, 2), "padding_mode": "reflect"},
        (2, 2, 3, 4, 5),
    ),
    "conv2d single circular": (
        "Conv2d",
        (2, 3, 3),
        {"padding": 3, "padding_mode": "circular"},
        (2, 3, 4),
    ),
    "transposed 1d": ("ConvTranspose1d", (3, 4, 3), {"stride": 2}, (2, 3, 5)),
    "transposed 2d": (
        "ConvTranspose2d",
        (4, 6, (3, 2)),
        {"stride": 2, "padding": 1, "output_padding": (1, 0), "groups": 2, "dilation": (2, 1)},
        (2, 4, 4, 5),
    ),
    "transposed 3d": ("ConvTranspose3d", (2, 3, 2), {"stride": 2, "bias": False}, (1, 2, 2, 3, 2)),
    "max_pool1d": ("MaxPool1d", (3,), {"stride": 2, "padding": 1}, (2, 3, 9)),
    "max_pool2d": ("MaxPool2d", (2,), {}, (2, 3, 8, 7)),
    "max_pool2d all": (
        "MaxPool2d",
        ((3, 2),),
        {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2), "ceil_mode": True},
        (2, 3, 8, 7),
    ),
    "max_pool3d": ("MaxPool3d", (2, 1), {}, (2, 3, 4, 5, 4)),
    "avg_pool1d": ("AvgPool1d", (3,), {"stride": 2, "padding": 1}, (2, 3, 9)),
    "avg_pool2d": ("AvgPool2d", (2,), {}, (2, 3, 8, 7)),
    "avg_pool2d all": (
        "AvgPool2d",
        ((3, 2),),
        {"stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False},
        (2, 3, 8, 7),
    ),
    "avg_pool2d divisor": ("AvgPool2d", (2,), {"divisor_override": 3}, (2, 3, 8, 7)),
    "avg_pool3d": ("AvgPool3d", ((2, 1, 2),), {}, (2, 3, 4, 5, 4)),
    "adaptive_avg_pool1d": ("AdaptiveAvgPool1d", (3,), {}, (2, 3, 8)),
    "adaptive_avg_pool2d": ("AdaptiveAvgPool2d", ((None, 3),), {}, (2, 3, 5, 7)),
    "adaptive_avg_pool2d one": ("AdaptiveAvgPool2d", (1,), {}, (2, 3, 5, 7)),
    "adaptive_avg_pool3d": ("AdaptiveAvgPool3d", ((1, 2, 3),), {}, (2, 3, 3, 5, 7)),
    "adaptive_max_pool1d": ("AdaptiveMaxPool1d", (3,), {}, (2, 3, 8)),
    "adaptive_max_pool2d": ("AdaptiveMaxPool2d", ((2, 3),), {}, (2, 3, 5, 7)),
    "adaptive_max_pool3d": ("AdaptiveMaxPool3d", (2,), {}, (2, 3, 3, 5, 7)),
    "batch_norm1d": ("BatchNorm1d", (4,), {}, (5, 4)),
    "batch_norm1d long": ("BatchNorm1d", (4,), {"eps": 1e-3, "momentum": 0.4}, (5, 4, 3)),
    "batch_norm2d": ("BatchNorm2d", (3,), {}, (4, 3, 5, 2)),
    "batch_norm2d average": ("BatchNorm2d", (3,), {"momentum": None}, (4, 3, 5, 2)),
    "batch_norm2d plain": ("BatchNorm2d", (3,), {"affine": False}, (4, 3, 5, 2)),
    "batch_norm2d no bias": ("BatchNorm2d", (3,), {"bias": False}, (4, 3, 5, 2)),
    "batch_norm2d batch": ("BatchNorm2d", (3,), {"track_running_stats": False}, (4, 3, 5, 2)),
    "batch_norm3d": ("BatchNorm3d", (2,), {}, (3, 2, 2, 3, 2)),
    "instance_norm1d": ("InstanceNorm1d", (4,), {"affine": True}, (2, 4, 6)),
    "instance_norm2d": ("InstanceNorm2d", (3,), {}, (2, 3, 5, 4)),
    "instance_norm2d single": ("InstanceNorm2d", (3,), {}, (3, 5, 4)),
    "instance_norm2d tracked": (
        "InstanceNorm2d",
        (3,),
        {"affine": True, "track_running_stats": True},
        (2, 3, 5, 4),
    ),
    "instance_norm3d": ("InstanceNorm3d", (2,), {"eps": 1e-2}, (2, 2, 3, 2, 4)),
    "layer_norm": ("LayerNorm", (6,), {}, (2, 3, 6)),
    "layer_norm two": ("LayerNorm", ((3, 6),), {"eps": 1e-3, "bias": False}, (2, 3, 6)),
    "layer_norm plain": ("LayerNorm", ([6],), {"elementwise_affine": False}, (2, 3, 6)),
    "group_norm": ("GroupNorm", (2, 6), {}, (3, 6, 4, 2)),
    "group_norm plain": ("GroupNorm", (3, 6), {"affine": False, "eps": 1e-3}, (3, 6, 4)),
    "group_norm no bias": ("GroupNorm", (3, 6), {"bias": False}, (3, 6, 4)),
    "relu": ("ReLU", (), {}, (3, 7)),
    "relu inplace": ("ReLU", (True,), {}, (3, 7)),
    "relu6": ("ReLU6", (), {}, (3, 7)),
    "leaky_relu": ("LeakyReLU", (), {}, (3, 7)),
    "leaky_relu inplace": ("LeakyReLU", (0.2,), {"inplace": True}, (3, 7)),
    "prelu": ("PReLU", (), {}, (3, 7)),
    "prelu channels": ("PReLU", (7,), {"init": 0.1}, (3, 7, 2)),
    "elu": ("ELU", (), {}, (3, 7)),
    "elu alpha": ("ELU", (0.5,), {"inplace": True}, (3, 7)),
    "celu": ("CELU", (2.0,), {}, (3, 7)),
    "selu": ("SELU", (), {}, (3, 7)),
    "gelu": ("GELU", (), {}, (3, 7)),
    "gelu tanh": ("GELU", ("tanh",), {}, (3, 7)),
    "silu": ("SiLU", (), {}, (3, 7)),
    "silu inplace": ("SiLU", (True,), {}, (3, 7)),
    "mish": ("Mish", (), {}, (3, 7)),
    "sigmoid": ("Sigmoid", (), {}, (3, 7)),
    "tanh": ("Tanh", (), {}, (3, 7)),
    "hardsigmoid": ("Hardsigmoid", (), {}, (3, 7)),
    "hardswish": ("Hardswish", (), {}, (3, 7)),
    "hardtanh": ("Hardtanh", (-0.5, 0.7), {}, (3, 7)),
    "softplus": ("Softplus", (2.0, 1.0), {}, (3, 7)),
    "softsign": ("Softsign", (), {}, (3, 7)),
    "log_sigmoid": ("LogSigmoid", (), {}, (3, 7)),
    "tanhshrink": ("Tanhshrink", (), {}, (3, 7)),
    "hardshrink": ("Hardshrink", (), {}, (3, 7)),
    "softshrink": ("Softshrink", (0.3,), {}, (3, 7)),
    "threshold": ("Threshold", (0.1, 2.0), {}, (3, 7)),
    "glu": ("GLU", (1,), {}, (3, 6)),
    "softmax": ("Softmax", (1,), {}, (3, 7)),
    "softmax of 0": ("Softmax", (0,), {}, (3, 7)),
    "log_softmax": ("LogSoftmax", (-1,), {}, (3, 7)),
    "softmin": ("Softmin", (1,), {}, (3, 7)),
    "softmax2d": ("Softmax2d", (), {}, (2, 3, 4, 4)),
    "dropout": ("Dropout", (), {}, (3, 7)),
    "dropout 0": ("Dropout", (0.0,), {"inplace": True}, (3, 7)),
    "dropout 1": ("Dropout", (1.0,), {}, (3, 7)),
    "dropout1d": ("Dropout1d", (0.2,), {}, (3, 4, 7)),
    "dropout2d": ("Dropout2d", (0.2,), {}, (2, 3, 4, 4)),
    "dropout3d": ("Dropout3d", (0.2,), {}, (2, 3, 4, 4, 2)),
    "alpha_dropout": ("AlphaDropout", (0.2,), {}, (3, 7)),
    "feature_alpha_dropout": ("FeatureAlphaDropout", (0.2,), {}, (2, 3, 4)),
}
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")  # torch's

RANDOM_IN_TRAINING = {name for name in CASES if "dropout" in name} - {
    "dropout 0",
    "dropout 1",
}


# name: (class, keyword arguments, shape of the input, kind of target)
LOSSES = {
    "cross entropy": ("CrossEntropyLoss", {}, (5, 4), "classes"),
    "cross entropy all": (
        "CrossEntropyLoss",
        {"weight": [0.5, 1.0, 2.0, 0.1], "ignore_index": 1, "label_smoothing": 0.2},
        (5, 4),
        "classes",
    ),
    "cross entropy of images": ("CrossEntropyLoss", {"reduction": "sum"}, (2, 4, 3, 2), "classes"),
    "cross entropy none": ("CrossEntropyLoss", {"reduction": "none"}, (5, 4), "classes"),
    "cross entropy of probabilities": ("CrossEntropyLoss", {}, (5, 4), "probabilities"),
    "nll": ("NLLLoss", {}, (5, 4), "classes"),
    "nll all": (
        "NLLLoss",
        {"weight": [0.5, 1.0, 2.0, 0.1], "ignore_index": 1, "reduction": "sum"},
        (5, 4),
        "classes",
    ),
    "mse": ("MSELoss", {}, (5, 4), "like"),
    "mse sum": ("MSELoss", {"reduction": "sum"}, (5, 4), "like"),
    "mse none": ("MSELoss", {"reduction": "none"}, (5, 4), "like"),
    "l1": ("L1Loss", {}, (5, 4), "like"),
    "smooth l1": ("SmoothL1Loss", {"beta": 0.5}, (5, 4), "like"),
    "huber": ("HuberLoss", {"delta": 0.7, "reduction": "sum"}, (5, 4), "like"),
    "bce": ("BCELoss", {}, (5, 4), "unit"),
    "bce weighted": ("BCELoss", {"weight": [0.5, 1.0, 2.0, 0.1]}, (5, 4), "unit"),
    "bce logits": ("BCEWithLogitsLoss", {}, (5, 4), "probabilities"),
    "bce logits all": (
        "BCEWithLogitsLoss",
        {"weight": [0.5, 1.0, 2.0, 0.1], "pos_weight": [1.0, 2.0, 3.0, 4.0], "reduction": "sum"},
        (5, 4),
        "probabilities",
    ),
    "kl": ("KLDivLoss", {"reduction": "batchmean"}, (5, 4), "probabilities"),
    "kl log": ("KLDivLoss", {"reduction": "sum", "log_target": True}, (5, 4), "like"),
}


def make(torch, name):
    """Make both layers, with the same random state in float64."""
    cls, args, kwargs, shape = CASES[name]
    ours = getattr(nn, cls)(*args, **kwargs).double()
    theirs = getattr(torch.nn, cls)(*args, **kwargs).double()
    generator = np.random.default_rng(0)
    for key, value in theirs.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.from_numpy(generator.uniform(0.5, 1.5, tuple(value.shape))))
        with minitorch.no_grad():
            ours.state_dict()[key].copy_(minitorch.from_numpy(value.numpy()))
    return ours, theirs, generator.standard_normal(shape)


def both_inputs(torch, x, dtype="float64"):
    x = x.astype(dtype)
    ours = minitorch.from_numpy(x.copy()).requires_grad_()
    return ours, torch.from_numpy(x.copy()).requires_grad_()


def run(layer, x, cotangent=None):
    """Return the result, and leave gradients for a fixed cotangent."""
    result = layer(x * 1)  # not a leaf: layers may work in place
    if cotangent is None:
        cotangent = np.random.default_rng(1).standard_normal(tuple(result.shape))
    like = minitorch if isinstance(result, minitorch.Tensor) else __import__("torch")
    if result.requires_grad:
        (result * like.from_numpy(np.array(cotangent))).sum().backward()
    return result


def assert_close(ours, theirs, tolerance=1e-10):
    assert (ours is None) == (theirs is None)
    if ours is not None:
        np.testing.assert_allclose(
            ours.detach().numpy(), theirs.detach().numpy(), rtol=tolerance, atol=tolerance
        )


@pytest.mark.parametrize("name", CASES)
def test_text_and_state(torch, name):
    cls, args, kwargs, _ = CASES[name]
    ours, theirs = getattr(nn, cls)(*args, **kwargs), getattr(torch.nn, cls)(*args, **kwargs)
    assert repr(ours) == repr(theirs)
    state, state_t = ours.state_dict(), theirs.state_dict()
    assert list(state) == list(state_t)
    assert state._metadata == state_t._metadata
    for key, value in state_t.items():
        assert tuple(state[key].shape) == tuple(value.shape)
        assert str(state[key].dtype).split(".")[1] == str(value.dtype).split(".")[1]
    assert [k for k, _ in ours.named_parameters()] == [k for k, _ in theirs.named_parameters()]
    private = ("_", "training")
    for key, value in vars(theirs).items():
        if not key.startswith(private) and not isinstance(value, torch.Tensor):
            assert getattr(ours, key) == value, key


RUNS = [
    pytest.param(name, training, id=f"{name}-{'train' if training else 'eval'}")
    for name in CASES
    for training in (True, False)
    if not (training and name in RANDOM_IN_TRAINING)  # these are tested below
]


@pytest.mark.parametrize(("name", "training"), RUNS)
def test_result_and_gradients(torch, name, training):
    ours, theirs, x = make(torch, name)
    ours.train(training)
    theirs.train(training)
    for _ in range(2):  # twice: running statistics
        x_ours, x_theirs = both_inputs(torch, x)
        # torch's derivative of hardsigmoid uses 1/6 in float32
        tolerance = 1e-7 if name == "hardsigmoid" else 1e-10
        assert_close(run(ours, x_ours), run(theirs, x_theirs))
        assert_close(x_ours.grad, x_theirs.grad, tolerance)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_close(p.grad, q.grad)
    for p, q in zip(ours.buffers(), theirs.buffers(), strict=True):
        assert_close(p, q)


@pytest.mark.parametrize("name", CASES)
def test_float32_and_copies(torch, name):
    ours, theirs, x = make(torch, name)
    for copied in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        copied.float().eval()
        theirs.float().eval()
        x_ours, x_theirs = both_inputs(torch, x, "float32")
        result = copied(x_ours * 1)
        assert result.dtype is minitorch.float32
        assert_close(result, theirs(x_theirs * 1), 2e-5)


def target_of(kind, shape, generator):
    if kind == "classes":
        return generator.integers(0, shape[1], (shape[0], *shape[2:]))
    if kind == "probabilities":
        values = generator.uniform(0.1, 1, shape)
        return values / values.sum(1, keepdims=True)
    return generator.uniform(0.1, 0.9, shape) if kind == "unit" else generator.normal(size=shape)


@pytest.mark.parametrize("name", LOSSES)
def test_losses(torch, name):
    cls, options, shape, kind = LOSSES[name]
    generator = np.random.default_rng(3)
    x = generator.uniform(0.1, 0.9, shape) if kind == "unit" else generator.normal(size=shape)
    target = target_of(kind, shape, generator)

    def layer(F):
        tensors = ("weight", "pos_weight")
        made = {k: F.tensor(v, dtype=F.float64) if k in tensors else v for k, v in options.items()}
        return getattr(F.nn, cls)(**made)

    ours, theirs = layer(minitorch), layer(torch)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    x_ours, x_theirs = both_inputs(torch, x)
    result = run(lambda v: ours(v, minitorch.from_numpy(target)), x_ours)
    assert_close(result, run(lambda v: theirs(v, torch.from_numpy(target)), x_theirs))
    assert_close(x_ours.grad, x_theirs.grad)


@pytest.mark.parametrize("size_average", [None, True, False])
@pytest.mark.parametrize("reduce", [None, True, False])
def test_old_reduction_arguments(torch, size_average, reduce):
    def reduction(F):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            made = F.nn.MSELoss(size_average=size_average, reduce=reduce).reduction
        return made, [w.category for w in caught]

    assert reduction(minitorch) == reduction(torch)


@pytest.mark.parametrize("bias", [True, False])
def test_bilinear(torch, bias):
    ours, theirs = nn.Bilinear(3, 4, 5, bias).double(), torch.nn.Bilinear(3, 4, 5, bias).double()
    assert repr(ours) == repr(theirs)
    theirs.load_state_dict({k: torch.from_numpy(v.numpy()) for k, v in ours.state_dict().items()})
    generator = np.random.default_rng(0)
    a, a_t = both_inputs(torch, generator.standard_normal((6, 3)))
    b, b_t = both_inputs(torch, generator.standard_normal((6, 4)))
    assert_close(run(lambda x: ours(x, b), a), run(lambda x: theirs(x, b_t), a_t))
    for mine, other in [(a, a_t), (b, b_t), (ours.weight, theirs.weight)]:
        assert_close(mine.grad, other.grad)


def test_pooling_returns_indices(torch):
    x = np.random.default_rng(0).standard_normal((2, 3, 6, 6))
    for ours, theirs in [
        (nn.MaxPool2d(2, return_indices=True), torch.nn.MaxPool2d(2, return_indices=True)),
        (nn.AdaptiveMaxPool2d(3, True), torch.nn.AdaptiveMaxPool2d(3, True)),
    ]:
        values, indices = ours(minitorch.from_numpy(x))
        values_t, indices_t = theirs(torch.from_numpy(x))
        assert np.array_equal(values.numpy(), values_t.numpy())
        assert np.array_equal(indices.numpy(), indices_t.numpy())


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("inplace", [False, True])
def test_dropout(p, inplace):
    minitorch.manual_seed(0)
    layer = nn.Dropout(p, inplace)
    leaf = minitorch.ones(200, 200, requires_grad=True)
    x = leaf * 1
    result = layer(x)
    assert (result is x) == inplace
    values = result.detach().numpy()
    assert set(np.unique(values)) <= {np.float32(0), np.float32(1 / (1 - p))}
    assert abs((values == 0).mean() - p) < 0.02
    result.sum().backward()
    assert np.array_equal(leaf.grad.numpy(), values)
    layer.eval()
    assert layer(x) is x or np.array_equal(layer(x).detach(), x.detach())


@pytest.mark.parametrize(("cls", "ndim"), [("Dropout1d", 1), ("Dropout2d", 2), ("Dropout3d", 3)])
def test_dropout_of_channels(cls, ndim):
    minitorch.manual_seed(0)
    x = minitorch.ones(40, 50, *(3,) * ndim)
    values = getattr(nn, cls)(0.3)(x).numpy().reshape(2000, -1)
    assert (values == values[:, :1]).all()
    assert abs((values[:, 0] == 0).mean() - 0.3) < 0.05


def test_output_size_of_transposed_convolution(torch):
    ours, theirs = nn.ConvTranspose2d(2, 3, 3, 2, 1), torch.nn.ConvTranspose2d(2, 3, 3, 2, 1)
    theirs.load_state_dict({k: torch.from_numpy(v.numpy()) for k, v in ours.state_dict().items()})
    x = np.random.default_rng(0).standard_normal((1, 2, 4, 5)).astype("float32")
    for size in [(7, 9), (8, 10), (1, 3, 8, 9)]:
        result = ours(minitorch.from_numpy(x), output_size=size)
        assert_close(result, theirs(torch.from_numpy(x), output_size=list(size)), 1e-5)
    for size in [(9, 9), (6, 9), (7,)]:
        with pytest.raises(ValueError, match=r"output_?.?size"):
            ours(minitorch.from_numpy(x), output_size=size)
        with pytest.raises(ValueError, match=r"output_?.?size"):
            theirs(torch.from_numpy(x), output_size=list(size))


def test_padding_of_two_sides():
    """An extension: an entry of the padding may be a pair (before, after)."""
    layer = nn.Conv2d(1, 1, 2, padding=((1, 0), (0, 1)))
    assert layer(minitorch.ones(1, 1, 4, 4)).shape == (1, 1, 4, 4)
    assert layer._reversed_padding_repeated_twice == [0, 1, 1, 0]
    assert repr(layer) == (
        "Conv2d(1, 1, kernel_size=(2, 2), stride=(1, 1), padding=((1, 0), (0, 1)))"
    )


def test_batch_that_is_refused_does_not_count():
    layer = nn.BatchNorm1d(3)
    with pytest.raises(ValueError):
        layer(minitorch.ones(1, 3))
    assert layer.num_batches_tracked.item() == 0
    assert layer.running_mean.tolist() == [0, 0, 0]


def test_batch_norm_state_of_version_1(torch):
    ours, theirs = nn.BatchNorm2d(3), torch.nn.BatchNorm2d(3)
    for layer in (ours, theirs):
        layer.num_batches_tracked += 5
        old = layer.state_dict()
        del old["num_batches_tracked"]
        old._metadata[""]["version"] = 1
        layer.load_state_dict(old)
        old._metadata[""]["version"] = 2
        with pytest.raises(RuntimeError, match=r"Missing key.*num_batches_tracked"):
            layer.load_state_dict(old)
    assert ours.num_batches_tracked.item() == theirs.num_batches_tracked.item() == 5


@pytest.mark.parametrize("name", ["Linear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose2d"])
def test_initial_distribution(torch, name):
    args = (40, 60) if name == "Linear" else (20, 30, 3)
    minitorch.manual_seed(0)
    layer = getattr(nn, name)(*args)
    fan = torch.nn.init._calculate_fan_in_and_fan_out(getattr(torch.nn, name)(*args).weight)[0]
    bound = 1 / np.sqrt(fan)
    for p in layer.parameters():
        values = p.detach().numpy()
        assert 0.9 * bound < np.abs(values).max() <= bound
        assert abs(values.mean()) < bound * 3 / np.sqrt(values.size)


@pytest.mark.parametrize("name", ["Linear", "Conv2d", "BatchNorm2d", "PReLU"])
def test_dtype_argument(name):
    args = {"Linear": (4, 6), "Conv2d": (2, 3, 3), "BatchNorm2d": (3,), "PReLU": ()}[name]
    layer = getattr(nn, name)(*args, dtype=minitorch.float64, device="cpu")
    assert all(p.dtype is minitorch.float64 for p in layer.parameters())
    with pytest.raises(RuntimeError, match="CPU only"):
        getattr(nn, name)(*args, device="cuda")


@pytest.mark.parametrize("mode", ["reflect", "circular"])
def test_padding_beyond_the_image(torch, mode):
    size = 4 if mode == "reflect" else 3
    for F in (torch, minitorch):
        layer = F.nn.Conv1d(1, 1, 2, padding=4, padding_mode=mode)
        with pytest.raises(RuntimeError):
            layer(F.ones(1, 1, size))


ERRORS = {
    "groups": (lambda F: F.nn.Conv2d(4, 4, 3, groups=3), "divisible by groups"),
    "no groups": (lambda F: F.nn.Conv2d(4, 4, 3, groups=0), "groups must be a positive integer"),
    "out groups": (lambda F: F.nn.Conv2d(4, 3, 3, groups=4), "out_channels must be divisible"),
    "padding": (lambda F: F.nn.Conv2d(4, 4, 3, padding="full"), "Invalid padding string"),
    "mode": (lambda F: F.nn.Conv2d(4, 4, 3, padding_mode="wrap"), "padding_mode must be one of"),
    "transposed": (
        lambda F: F.nn.ConvTranspose2d(4, 4, 3, padding_mode="reflect"),
        'Only "zeros" padding mode',
    ),
    "p": (lambda F: F.nn.Dropout(1.5), "between 0 and 1, but got 1.5"),
    "batch norm": (lambda F: F.nn.BatchNorm2d(3)(F.ones(2, 3)), "expected 4D input .got 2D input"),
    "batch norm 1d": (lambda F: F.nn.BatchNorm1d(3)(F.ones(3)), "expected 2D or 3D input"),
    "group norm": (lambda F: F.nn.GroupNorm(2, 3), "must be divisible by num_groups"),
    "unflatten": (lambda F: F.nn.Unflatten(1, 3), "unflattened_size"),
    "unflatten entry": (lambda F: F.nn.Unflatten(1, (1, "a")), "pos 1"),
    "hardtanh": (lambda F: F.nn.Hardtanh(2.0, 1.0), None),
    "sigmoid": (lambda F: F.nn.Sigmoid(3), "takes 1 positional argument"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(torch, name):
    call, message = ERRORS[name]
    with pytest.raises(Exception, match=message) as theirs:
        call(torch)
    with pytest.raises(type(theirs.value), match=message):
        call(minitorch)


@pytest.mark.parametrize(("kernel", "padding"), [((3, 3, 3), 0), (3, (1, 2, 3)), (2.5, 0), (0, 0)])
def test_settings_are_checked_when_the_layer_is_made(kernel, padding):
    with pytest.raises((ValueError, TypeError), match=r"Conv2d: (kernel_size|padding)"):
        nn.Conv2d(2, 3, kernel, padding=padding)
