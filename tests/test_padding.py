"""Padding, resampling and embedding: against PyTorch, on many random settings."""

import warnings

import numpy as np
import pytest
from compare import compare

import minitorch
import minitorch.nn.functional as F

MODES = {
    1: ("nearest", "nearest-exact", "linear", "area"),
    2: ("nearest", "nearest-exact", "bilinear", "bicubic", "area"),
    3: ("nearest", "nearest-exact", "trilinear", "area"),
}


def random_pad(rng):
    ndim = int(rng.integers(1, 4))
    lead = (2, 1)[: int(rng.integers(1, 3))]
    size = tuple(int(n) for n in rng.integers(2, 8, ndim))
    mode = ("constant", "reflect", "replicate", "circular")[rng.integers(4)]
    pairs = 2 * ndim if mode != "constant" else 2 * int(rng.integers(0, len(lead) + ndim + 1))
    low = 0 if mode == "circular" else -1  # torch leaves elements unset there
    numbers = [int(n) for n in rng.integers(low, 5, pairs)]
    value = (None, 0, 1.5)[rng.integers(3)] if mode == "constant" else None
    return (*lead, *size), numbers, mode, value


@pytest.mark.parametrize("seed", range(8))
def test_pad_like_torch(torch, seed):
    rng = np.random.default_rng(seed)
    for _ in range(40):
        shape, numbers, mode, value = random_pad(rng)
        x = rng.standard_normal(shape).astype(("float32", "float64")[seed % 2])
        compare(torch, F.pad, torch.nn.functional.pad, x, numbers, mode, value)


@pytest.mark.parametrize("dtype", ["float16", "uint8", "int32", "int64", "bool"])
def test_pad_of_any_type(torch, dtype):
    x = (np.arange(6).reshape(1, 2, 3) % 2 + (dtype != "bool")).astype(dtype)
    for mode in ("constant", "circular") if dtype == "bool" else ("constant", "reflect"):
        compare(torch, F.pad, torch.nn.functional.pad, x, (1, 2), mode, grad=False)


def test_pad_of_large_images_like_numpy():
    x = np.random.default_rng(0).standard_normal((3, 70, 90)).astype(np.float32)
    for mode, name in (("constant", "constant"), ("reflect", "reflect"), ("circular", "wrap")):
        expected = np.pad(x, ((0, 0), (5, 7), (1, 30)), name)
        result = F.pad(minitorch.from_numpy(x), (1, 30, 5, 7), mode)
        np.testing.assert_array_equal(result.numpy(), expected)


def random_resampling(rng):
    ndim = int(rng.integers(1, 4))
    most = 30 if ndim < 3 else 8
    mode = MODES[ndim][rng.integers(len(MODES[ndim]))]
    settings = {"mode": mode}
    if mode in ("bilinear", "bicubic"):
        settings["antialias"] = bool(rng.integers(2))
    # torch's antialias fails where the result has one column, its gradient of nearest where a
    # factor changes nothing.
    least = 2 if mode in ("linear", "trilinear") else 4
    size = tuple(int(n) for n in rng.integers(least, most, ndim))
    if rng.random() < 0.5:
        settings["size"] = tuple(int(n) for n in rng.integers(2, most, ndim))
    else:
        settings["scale_factor"] = tuple(float(f) for f in rng.choice([0.6, 1, 1.3, 2, 4], ndim))
        if rng.random() < 0.3:
            settings["recompute_scale_factor"] = True
    if mode not in ("nearest", "nearest-exact", "area"):
        settings["align_corners"] = (None, False, True)[rng.integers(3)]
    return (2, 3, *size), settings


@pytest.mark.parametrize("seed", range(8))
def test_interpolate_like_torch(torch, seed):
    rng = np.random.default_rng(seed)
    dtype, tolerance = (("float64", 1e-9), ("float32", 1e-4))[seed % 2]
    for _ in range(40):
        shape, settings = random_resampling(rng)
        x = rng.standard_normal(shape).astype(dtype)
        pair = F.interpolate, torch.nn.functional.interpolate
        compare(torch, *pair, x, **settings, rtol=tolerance, atol=tolerance)


def test_interpolate_bytes(torch):
    x = np.random.default_rng(0).integers(0, 256, (1, 3, 7, 9), np.uint8)
    for mode in ("nearest", "bilinear", "bicubic"):
        expected = torch.nn.functional.interpolate(torch.from_numpy(x), (12, 5), mode=mode)
        result = F.interpolate(minitorch.from_numpy(x), (12, 5), mode=mode)
        assert result.dtype is minitorch.uint8
        difference = result.numpy().astype(int) - expected.numpy()
        assert abs(difference).max() <= (0 if mode == "nearest" else 1)


def test_interpolate_returns_its_own_memory():
    x = minitorch.ones(1, 1, 3, 3)
    F.interpolate(x, 3, mode="bilinear").zero_()
    assert x.sum() == 9


def test_non_finite_pixels_stay_where_they_are(torch):
    x = np.ones((1, 1, 40, 40), np.float32)
    x[0, 0, 11, 17] = np.inf
    for mode in ("nearest", "bilinear", "bicubic", "area"):
        theirs = torch.nn.functional.interpolate(torch.from_numpy(x), 25, mode=mode)
        ours = F.interpolate(minitorch.from_numpy(x), 25, mode=mode)
        np.testing.assert_array_equal(np.isfinite(ours.numpy()), np.isfinite(theirs.numpy()))


def test_old_names_warn():
    for name in ("upsample", "upsample_nearest", "upsample_bilinear"):
        with pytest.warns(UserWarning, match="deprecated"):
            getattr(F, name)(minitorch.ones(1, 1, 2, 2), scale_factor=2)


def test_conv_padded_with_the_mean():
    conv = minitorch.nn.Conv2d(2, 3, 3, padding=1, padding_mode="mean")
    x = minitorch.randn(2, 2, 4, 5)
    mean = x.numpy().mean((2, 3), keepdims=True)
    padded = np.broadcast_to(mean, (2, 2, 6, 7)).copy()
    padded[:, :, 1:-1, 1:-1] = x.numpy()
    expected = F.conv2d(minitorch.from_numpy(padded), conv.weight, conv.bias)
    np.testing.assert_allclose(
        conv(x).detach().numpy(), expected.detach().numpy(), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"padding_idx": 1},
        {"padding_idx": -2, "scale_grad_by_freq": True},
        {"max_norm": 1.0},
        {"max_norm": 0.7, "norm_type": 1.0},
    ],
)
def test_embedding_like_torch(torch, settings):
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((5, 3))
    index = np.array([[1, 1, 3], [0, 3, 1]])
    results = []
    for package in (torch, minitorch):
        functional = package.nn.functional
        table = package.from_numpy(weight.copy()).requires_grad_()
        rows = functional.embedding(package.from_numpy(index), table, **settings)
        (rows * package.from_numpy(np.arange(18.0).reshape(2, 3, 3))).sum().backward()
        results.append([rows.detach().numpy(), table.grad.numpy(), table.detach().numpy()])
    for theirs, ours in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, 1e-12)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding_idx", [None, 3])
def test_embedding_bag_like_torch(torch, mode, padding_idx):
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((5, 3))
    index, offsets = np.array([1, 1, 3, 0, 3, 2]), np.array([0, 2, 3, 3])
    results = []
    for package in (torch, minitorch):
        settings = {"mode": mode, "padding_idx": padding_idx}
        table = package.from_numpy(weight.copy()).requires_grad_()
        rows = package.nn.functional.embedding_bag(
            package.from_numpy(index), table, package.from_numpy(offsets), **settings
        )
        (rows * package.from_numpy(np.arange(12.0).reshape(4, 3))).sum().backward()
        results.append([rows.detach().numpy(), table.grad.numpy()])
    for theirs, ours in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, 1e-12)


def test_embedding_from_pretrained(torch):
    weight = np.arange(6.0).reshape(3, 2)
    for package in (torch, minitorch):
        layer = package.nn.Embedding.from_pretrained(package.from_numpy(weight), padding_idx=-1)
        assert not layer.weight.requires_grad
        assert layer.padding_idx == 2
        assert layer.weight.tolist() == weight.tolist()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (minitorch.nn.Embedding(4, 2, 1).weight[1] == 0).all()
