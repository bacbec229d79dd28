"""Blocks of vision networks, and operations on boxes."""

import numpy as np
import pytest

import minitorch
from minitorch import nn
from minitorch.vision import ops


def boxes(count, seed=0):
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 50, (count, 2))
    return np.concatenate([low, low + rng.uniform(1, 40, (count, 2))], 1)


def naive_iou(a, b, generalized=False):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    covered = sum((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b)) - shared
    if not generalized:
        return shared / covered
    hull = (max(a[2], b[2]) - min(a[0], b[0])) * (max(a[3], b[3]) - min(a[1], b[1]))
    return shared / covered - (hull - covered) / hull


@pytest.mark.parametrize("generalized", [False, True])
def test_overlaps(generalized):
    a, b = boxes(7), boxes(5, seed=1)
    expected = [[naive_iou(x, y, generalized) for y in b] for x in a]
    function = ops.generalized_box_iou if generalized else ops.box_iou
    found = function(minitorch.tensor(a), minitorch.tensor(b))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    with pytest.raises(ValueError, match=r"\(N, 4\), got \(7, 3\)"):
        function(minitorch.tensor(a[:, :3]), minitorch.tensor(b))


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.7])
def test_nms(threshold):
    a, scores = boxes(60), np.random.default_rng(3).permutation(60) / 60
    kept = []
    for i in np.argsort(-scores):
        if all(naive_iou(a[i], a[j]) <= threshold for j in kept):
            kept.append(i)
    found = ops.nms(minitorch.tensor(a), minitorch.tensor(scores), threshold)
    assert found.tolist() == kept and found.dtype is minitorch.int64
    assert 1 < len(kept) < 60
    groups = np.arange(60) % 3
    found = ops.batched_nms(
        minitorch.tensor(a), minitorch.tensor(scores), minitorch.tensor(groups), threshold
    )
    expected = []
    for group in range(3):
        mine = np.flatnonzero(groups == group)
        part = ops.nms(minitorch.tensor(a[mine]), minitorch.tensor(scores[mine]), threshold)
        expected += mine[part.numpy()].tolist()
    assert sorted(found.tolist()) == sorted(expected)
    assert (np.diff(scores[found.numpy()]) < 0).all()


def test_nms_of_nothing_and_of_what_does_not_fit():
    empty = minitorch.zeros(0, 4)
    assert ops.nms(empty, minitorch.zeros(0), 0.5).shape == (0,)
    assert ops.batched_nms(empty, minitorch.zeros(0), minitorch.zeros(0), 0.5).shape == (0,)
    with pytest.raises(ValueError, match=r"scores must have shape \(0,\)"):
        ops.nms(empty, minitorch.zeros(1), 0.5)


def test_box_convert():
    box = minitorch.tensor([[1.0, 2.0, 5.0, 8.0]])
    assert ops.box_convert(box, "xyxy", "xywh").tolist() == [[1, 2, 4, 6]]
    assert ops.box_convert(box, "xyxy", "cxcywh").tolist() == [[3, 5, 4, 6]]
    for a in ("xyxy", "xywh", "cxcywh"):
        for b in ("xyxy", "xywh", "cxcywh"):
            there = ops.box_convert(ops.box_convert(box, "xyxy", a), a, b)
            assert ops.box_convert(there, b, "xyxy").tolist() == box.tolist()
    with pytest.raises(ValueError, match="formats"):
        ops.box_convert(box, "xyxy", "yxyx")


def test_other_box_functions():
    a = minitorch.tensor([[-3.0, 2.0, 5.0, 8.0], [1.0, 1.0, 1.5, 9.0]])
    assert ops.clip_boxes_to_image(a, (6, 4)).tolist() == [[0, 2, 4, 6], [1, 1, 1.5, 6]]
    assert ops.remove_small_boxes(a, 1.0).tolist() == [0]
    assert ops.box_area(a).tolist() == [48, 4]


@pytest.mark.parametrize("mode", ["row", "batch"])
def test_stochastic_depth(mode):
    minitorch.manual_seed(0)
    x = minitorch.ones(1000, 2, 3)
    y = ops.stochastic_depth(x, 0.25, mode).numpy()
    rows = y.reshape(1000, -1)
    assert (rows == rows[:, :1]).all()
    assert set(np.unique(y).tolist()) <= {0.0, np.float32(1 / 0.75)}
    if mode == "row":
        assert abs((rows[:, 0] > 0).mean() - 0.75) < 0.05
    else:
        assert len(np.unique(y)) == 1
    layer = ops.StochasticDepth(0.25, mode)
    assert layer.eval()(x) is x
    assert repr(layer) == f"StochasticDepth(p=0.25, mode={mode})"
    assert ops.stochastic_depth(x, 1.0, mode).abs().sum().item() == 0
    for arguments in ((1.5, mode), (0.5, "column")):
        with pytest.raises(ValueError, match="has to be"):
            ops.stochastic_depth(x, *arguments)


def test_conv_norm_activation():
    block = ops.Conv2dNormActivation(3, 8, kernel_size=5, stride=2, dilation=2)
    assert [type(m) for m in block] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
    assert block[0].padding == (4, 4) and block[0].bias is None and block[2].inplace
    assert block.out_channels == 8
    block = ops.Conv2dNormActivation(3, 8, (3, 5), norm_layer=None, activation_layer=None)
    assert len(block) == 1 and block[0].padding == (1, 2) and block[0].bias is not None
    block = ops.Conv3dNormActivation(2, 4, activation_layer=nn.Sigmoid, inplace=None)
    assert [type(m) for m in block] == [nn.Conv3d, nn.BatchNorm3d, nn.Sigmoid]
    assert block(minitorch.zeros(1, 2, 3, 3, 3)).shape == (1, 4, 3, 3, 3)


def test_squeeze_excitation():
    block = ops.SqueezeExcitation(6, 2)
    x = minitorch.randn(2, 6, 4, 5)
    w1, w2 = (m.weight.detach().numpy()[:, :, 0, 0] for m in (block.fc1, block.fc2))
    b1, b2 = (m.bias.detach().numpy() for m in (block.fc1, block.fc2))
    hidden = np.maximum(x.numpy().mean((2, 3)) @ w1.T + b1, 0)
    scale = 1 / (1 + np.exp(-(hidden @ w2.T + b2)))
    np.testing.assert_allclose(block(x).detach(), x.numpy() * scale[:, :, None, None], rtol=1e-5)


def test_frozen_batch_norm():
    plain, frozen = nn.BatchNorm2d(3).eval(), ops.FrozenBatchNorm2d(3)
    for tensor in (plain.weight.data, plain.bias.data, plain.running_mean, plain.running_var):
        tensor.uniform_(0.5, 2)
    frozen.load_state_dict(plain.state_dict())
    x = minitorch.randn(2, 3, 4, 4)
    np.testing.assert_allclose(frozen(x), plain(x).detach(), rtol=1e-5, atol=1e-6)
    assert not list(frozen.parameters()) and repr(frozen) == "FrozenBatchNorm2d(3, eps=1e-05)"


def test_mlp_and_permute():
    block = ops.MLP(4, [8, 3], norm_layer=nn.LayerNorm, inplace=True, dropout=0.1)
    names = ["Linear", "LayerNorm", "ReLU", "Dropout", "Linear", "Dropout"]
    assert [type(m).__name__ for m in block] == names
    assert ops.Permute([0, 2, 1])(minitorch.zeros(1, 2, 3)).shape == (1, 3, 2)
