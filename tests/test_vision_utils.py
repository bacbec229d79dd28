"""Grids of images and PNG files, read back by Pillow."""

import io
"""Grids of images, image files, and event files for TensorBoard."""

import io
import struct

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
from minitorch.utils import tensorboard
from minitorch.vision.utils import make_grid, save_image


def test_make_grid():
    x = minitorch.arange(5 * 3 * 2 * 4).reshape(5, 3, 2, 4).float()
    grid = make_grid(x, nrow=3, padding=1, pad_value=-1.0)
    expected = np.full((3, 7, 16), -1.0)
    for i in range(5):
        top, left = i // 3 * 3 + 1, i % 3 * 5 + 1
        expected[:, top : top + 2, left : left + 4] = x[i]
    np.testing.assert_array_equal(grid, expected)
    assert make_grid(list(x)).equal(make_grid(x))
    assert make_grid(x[:, :1]).shape == (3, 6, 32)
    assert make_grid(x[0]).equal(x[0])
    assert make_grid(x[0, 0]).shape == (3, 2, 4)


def test_make_grid_normalizes():
    x = minitorch.tensor([[[[2.0, 4.0]]], [[[6.0, 10.0]]]])
    assert make_grid(x, normalize=True, padding=0)[0].tolist() == [[0, 0.25, 0.5, 1]]
    each = make_grid(x, normalize=True, scale_each=True, padding=0)
    assert each[0].tolist() == [[0, 1, 0, 1]]
    fixed = make_grid(x, normalize=True, value_range=(4, 8), padding=0)
    assert fixed[0].tolist() == [[0, 0, 0.5, 1]]
    with pytest.raises(TypeError, match="tuple"):
        make_grid(x, normalize=True, value_range=3)
    with pytest.raises(TypeError, match="tensor or list"):
        make_grid(3)
    with pytest.raises(ValueError, match=r"\(N, C, H, W\), got \(1, 1, 1, 1, 2\)"):
        make_grid(minitorch.ones(1, 1, 1, 1, 2))


def test_save_image(tmp_path):
    image = pytest.importorskip("PIL.Image")
    x = minitorch.rand(3, 5, 7)
    expected = (x.numpy() * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0)
    for name in ("a.png", "a.bmp"):
        save_image(x, tmp_path / name)
        np.testing.assert_array_equal(np.asarray(image.open(tmp_path / name)), expected)
    file = io.BytesIO()
    save_image(x, file)
    file.seek(0)
    np.testing.assert_array_equal(np.asarray(image.open(file)), expected)


def records(folder):
    """Return the records of the event file, their checksums checked."""
    (path,) = folder.iterdir()
    data, found = path.read_bytes(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        assert struct.unpack("<I", data[8:12])[0] == tensorboard._masked_crc(data[:8])
        event, (crc,) = data[12 : 12 + length], struct.unpack("<I", data[12 + length : 16 + length])
        assert crc == tensorboard._masked_crc(event)
        found.append(event)
        data = data[16 + length :]
    return found


def test_checksum():
    """The check value of CRC-32C (RFC 3720, appendix B.4: 32 bytes of zero), then masked."""
    crc = 0x8A9136AA
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    assert tensorboard._masked_crc(bytes(32)) == masked


def test_event_file(tmp_path):
    with tensorboard.SummaryWriter(tmp_path / "log") as writer:
        writer.add_scalar("loss", minitorch.tensor(0.5), 3, walltime=1.0)
        writer.add_scalars("both", {"a": 1, "b": 2.0}, 300)
        writer.add_histogram("weights", minitorch.randn(100), 1)
        writer.add_image("image", minitorch.rand(3, 4, 5), 1)
        writer.add_image("grey", np.zeros((4, 5), np.uint8), 1, dataformats="HW")
        writer.add_text("note", "hello", 1)
        writer.add_hparams({"lr": 0.1}, {"accuracy": 0.9})
        writer.add_graph(None)
        writer.flush()
        assert writer.get_logdir() == str(tmp_path / "log")
    events = records(tmp_path / "log")
    assert len(events) == 10 and events[0].endswith(b"brain.Event:2")
    # double walltime (1), varint step (2), summary (5) { value (1) { tag (1), float (2) } }
    loss = b"\x0a\x04loss" + b"\x15" + struct.pack("<f", 0.5)
    value = b"\x0a" + bytes([len(loss)]) + loss
    expected = (
        b"\x09" + struct.pack("<d", 1.0) + b"\x10\x03" + b"\x2a" + bytes([len(value)]) + value
    )
    assert events[1] == expected
    assert b"both/b" in events[3] and b"\x10\xac\x02" in events[3]
    assert b"\x89PNG" in events[5] and b"text_summary" in events[7]
