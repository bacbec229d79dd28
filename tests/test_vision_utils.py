"""Grids of images and PNG files, read back by Pillow."""

import io

import numpy as np
import pytest

import minitorch
from minitorch.vision import utils
from minitorch.vision.utils import make_grid, save_image

Image = pytest.importorskip("PIL.Image")


def images(count=5, channels=3, height=4, width=6):
    array = np.random.default_rng(0).random((count, channels, height, width), np.float32)
    return minitorch.tensor(array)


class TestMakeGrid:
    def test_places(self):
        batch = images()
        grid = make_grid(batch, nrow=3, padding=2, pad_value=0.5)
        assert grid.shape == (3, 2 * 6 + 2, 3 * 8 + 2)
        for place in range(5):
            top, left = 2 + 6 * (place // 3), 2 + 8 * (place % 3)
            piece = grid[:, top : top + 4, left : left + 6]
            assert np.array_equal(piece.numpy(), batch[place].numpy())
        assert (grid.numpy()[:, :2] == 0.5).all() and (grid.numpy()[:, 8:, 18:] == 0.5).all()

    def test_kinds_of_input(self):
        batch = images(4, 1)
        grid = make_grid(batch)
        assert grid.shape == (3, 8, 34) and np.array_equal(grid.numpy()[0], grid.numpy()[2])
        assert make_grid(batch[0]).shape == (3, 4, 6)
        assert make_grid(batch[0, 0]).shape == (3, 4, 6)
        assert np.array_equal(make_grid([*batch]).numpy(), grid.numpy())
        assert make_grid((batch * 255).byte()).dtype == minitorch.uint8

    def test_normalize(self):
        batch = images() * 7 - 3
        batch[0] = 2.0
        whole = make_grid(batch, normalize=True, padding=0).numpy()
        assert whole.min() == 0 and whole.max() == 1
        each = make_grid(batch[1:], normalize=True, scale_each=True, padding=0).numpy()
        for place in range(4):
            part = each[:, :, 6 * place : 6 * place + 6]
            assert part.min() == 0 and part.max() == 1
        fixed = make_grid(batch, normalize=True, value_range=(0.0, 2.0), padding=0).numpy()
        expected = batch.numpy()[2].clip(0, 2) / 2
        np.testing.assert_allclose(fixed[:, :, 12:18], expected, atol=1e-6)
        assert batch.numpy().min() < -2  # the input stays

    def test_errors(self):
        for value in ("x", [], [1, 2], np.ones((3, 4, 5))):
            with pytest.raises(TypeError, match="tensor or list of tensors expected"):
                make_grid(value)
        with pytest.raises(ValueError, match="different shapes"):
            make_grid([minitorch.ones(3, 2, 2), minitorch.ones(3, 2, 3)])
        with pytest.raises(ValueError, match="2 to 4 dimensions"):
            make_grid(minitorch.ones(1, 1, 3, 2, 2))
        with pytest.raises(TypeError, match="value_range has to be a tuple"):
            make_grid(images(), normalize=True, value_range=3)


class TestSaveImage:
    def test_png(self, tmp_path):
        batch = images()
        save_image(batch, tmp_path / "grid.png", nrow=3)
        found = np.asarray(Image.open(tmp_path / "grid.png"))
        expected = (make_grid(batch, nrow=3).numpy() * 255 + 0.5).astype(np.uint8)
        assert np.array_equal(found, expected.transpose(1, 2, 0))

    def test_other_kinds_and_files(self, tmp_path):
        save_image(images(1), tmp_path / "one.bmp")
        out = io.BytesIO()
        save_image(images(1), out)
        assert out.getvalue()[:8] == b"\x89PNG\r\n\x1a\n"
        assert np.array_equal(
            np.asarray(Image.open(tmp_path / "one.bmp")), np.asarray(Image.open(out))
        )
        save_image(images(1), out := io.BytesIO(), format="JPEG")
        assert Image.open(out).format == "JPEG"

    def test_values_out_of_range(self, tmp_path):
        values = minitorch.tensor([[-1.0, 0.0, 0.5], [1.0, 9.0, float("nan")]])
        save_image(values, tmp_path / "x.png")
        found = np.asarray(Image.open(tmp_path / "x.png"))
        assert found[..., 0].tolist() == [[0, 0, 128], [255, 255, 0]]

    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    @pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 13), (200, 3)])
    def test_png_writer(self, channels, height, width):
        pixels = np.random.default_rng(1).integers(
            0, 256, (height, width, channels), dtype=np.uint8
        )
        picture = Image.open(io.BytesIO(utils.encode_png(pixels)))
        picture.load()
        assert picture.mode == ["L", "LA", "RGB", "RGBA"][channels - 1]
        assert np.array_equal(np.asarray(picture).reshape(pixels.shape), pixels)

    def test_what_is_no_image(self):
        for array in (np.zeros((2, 2)), np.zeros((0, 3), np.uint8), np.zeros((2, 2, 5), np.uint8)):
            with pytest.raises(ValueError, match="encode_png"):
                utils.encode_png(array)
