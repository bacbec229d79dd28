"""Sampling at the points of a grid, against PyTorch; on every instruction set."""

import itertools

import numpy as np
import pytest
from compare import compare

import minitorch
import minitorch.nn.functional as F
from minitorch import kernels

RNG = np.random.default_rng(0)
PADDING = ("zeros", "border", "reflection")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [(5, 4), (1, 6), (5, 4, 3)])
def test_grid_sample_like_torch(torch, dtype, size):
    ndim = len(size)
    tolerance = 2e-4 if dtype == "float32" else 1e-9
    modes = ("bilinear", "nearest", "bicubic")[: 5 - ndim]
    for mode, padding_mode, corners in itertools.product(modes, PADDING, (True, False)):
        x = RNG.standard_normal((2, 3, *size)).astype(dtype)
        grid = (RNG.standard_normal((2, *(4, 6, 2)[:ndim], ndim)) * 1.3).astype(dtype)
        pair = F.grid_sample, torch.nn.functional.grid_sample
        settings = {"mode": mode, "padding_mode": padding_mode, "align_corners": corners}
        compare(torch, *pair, x, grid, **settings, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("corners", [True, False])
def test_spatial_transformer_like_torch(torch, corners):
    def transform(functional):
        def fn(x, theta):
            grid = functional.affine_grid(theta, (2, 3, 6, 7), align_corners=corners)
            return functional.grid_sample(x, grid, align_corners=corners)

        return fn

    x, theta = RNG.standard_normal((2, 3, 5, 6)), RNG.standard_normal((2, 2, 3))
    compare(torch, transform(F), transform(torch.nn.functional), x, theta)
    image = minitorch.from_numpy(x)
    identity = minitorch.tensor([[[1.0, 0, 0], [0, 1, 0]]] * 2, dtype=minitorch.float64)
    grid = F.affine_grid(identity, image.shape, align_corners=corners)
    same = F.grid_sample(image, grid, align_corners=corners)
    np.testing.assert_allclose(same.numpy(), x, rtol=1e-12, atol=1e-12)


def test_default_of_align_corners_warns():
    grid = minitorch.zeros(1, 1, 1, 2)
    with pytest.warns(UserWarning, match="align_corners"):
        F.grid_sample(minitorch.ones(1, 1, 2, 2), grid)
    with pytest.warns(UserWarning, match="align_corners"):
        F.affine_grid(minitorch.ones(1, 2, 3), (1, 1, 2, 2))


@pytest.mark.parametrize("name", kernels.info()["available"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kernels_on_every_instruction_set(name, dtype):
    before, threads = kernels.info()["isa"], kernels.get_num_threads()
    kernels.set_isa(name)
    x = RNG.integers(-3, 4, (2, 3, 50)).astype(dtype)
    index = RNG.integers(-1, 50, (2, 1300, 4))
    weight = RNG.integers(-3, 4, index.shape).astype(dtype)
    grad = RNG.integers(-3, 4, (2, 3, 1300)).astype(dtype)
    n, c = np.ogrid[:2, :3]
    taken = np.where(
        index[:, None] < 0, 0, x[n[..., None, None], c[..., None, None], index[:, None]]
    )
    for count in (1, 2, 7):
        kernels.set_num_threads(count)
        np.testing.assert_array_equal(
            kernels.sample(x, index, weight), (taken * weight[:, None]).sum(-1)
        )
        np.testing.assert_array_equal(
            kernels.sample_dot(x, index, grad), (taken * grad[..., None]).sum(1)
        )
        back = kernels.sample_add(grad, index, weight, 50)
        np.testing.assert_array_equal(
            (back * x).sum(), (kernels.sample(x, index, weight) * grad).sum()
        )
    kernels.set_num_threads(threads)
    kernels.set_isa(before)
