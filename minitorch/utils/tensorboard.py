"""Curves, histograms, images and texts in the event files that TensorBoard shows."""

from __future__ import annotations

import functools
import os
import socket
import struct
import time
from datetime import datetime

import numpy as np

__all__ = ["SummaryWriter"]


# ---- the file: records with checksums, of messages in protocol-buffer encoding


@functools.cache
def _crc_table():
    """Return the table of CRC-32C (polynomial 0x1EDC6F41, bits reversed)."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


def _masked_crc(data: bytes) -> int:
    """Return the CRC-32C as TFRecord files store it: rotated, and a constant added."""
    table, crc = _crc_table(), 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # negative numbers: two's complement
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, value) -> bytes:
    """Return a field: int as a varint, float as a double, text, bytes and messages by length."""
    if isinstance(value, float):
        return _varint(number << 3 | 1) + struct.pack("<d", value)
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _single(number: int, value: float) -> bytes:
    return _varint(number << 3 | 5) + struct.pack("<f", value)


def _array(values):
    """Return a tensor, number or array as a numpy array."""
    return np.asarray(values.detach().numpy() if hasattr(values, "detach") else values)


class SummaryWriter:
    """Writes an event file.

    Parameters
    ----------
    log_dir : path, optional
        Folder of the file; unless given ``runs/`` with the time, the machine and `comment`.
    comment : str
        End of the default folder.
    purge_step, max_queue, flush_secs : optional
        Accepted for compatibility: every event is written at once.
    filename_suffix : str
        End of the file's name.
    **kwargs
        Accepted.

    Notes
    -----
    The format is TensorFlow's ``event.proto`` and ``summary.proto`` in TFRecord files. Graphs,
    embeddings, meshes, audio and video are accepted and left out.
    """

    def __init__(
        self,
        log_dir=None,
        comment="",
        purge_step=None,
        max_queue=10,
        flush_secs=120,
        filename_suffix="",
        **kwargs,
    ):
        host = socket.gethostname()
        if not log_dir:
            now = datetime.now().strftime("%b%d_%H-%M-%S")
            log_dir = os.path.join("runs", f"{now}_{host}{comment}")
        self.log_dir = os.fspath(log_dir)
        os.makedirs(self.log_dir, exist_ok=True)
        name = f"events.out.tfevents.{time.time():.6f}.{host}.{os.getpid()}{filename_suffix}"
        self._file = open(os.path.join(self.log_dir, name), "wb")  # noqa: SIM115
        self._write(_field(3, "brain.Event:2"))

    def _write(self, content, step=None, walltime=None) -> None:
        event = _field(1, float(time.time() if walltime is None else walltime))
        if step is not None:
            event += _field(2, int(step))
        event += content
        length = struct.pack("<Q", len(event))
        for data in (length, event):
            self._file.write(data + struct.pack("<I", _masked_crc(data)))
        self._file.flush()

    def _add(self, tag, value, step, walltime, metadata=b"") -> None:
        summary = _field(1, tag) + metadata + value
        self._write(_field(5, _field(1, summary)), step, walltime)

    def add_scalar(
        self,
        tag,
        scalar_value,
        global_step=None,
        walltime=None,
        new_style=False,
        double_precision=False,
    ) -> None:
        """Write a number, a point of the curve `tag`.

        Parameters
        ----------
        tag : str
        scalar_value : float
        global_step : int, optional
            The place on the axis. Default: 0.
        walltime : float, optional
            Seconds since 1970. Default: now.
        new_style, double_precision : bool
            Accepted.
        """
        value = float(_array(scalar_value).reshape(()))
        self._add(tag, _single(2, value), global_step, walltime)

    def add_scalars(self, main_tag, tag_scalar_dict, global_step=None, walltime=None) -> None:
        """Write several numbers, each a point of the curve ``main_tag/name``; see `add_scalar`.

        Parameters
        ----------
        main_tag : str
        tag_scalar_dict : dict
            Numbers by name.
        """
        for name, value in tag_scalar_dict.items():
            self.add_scalar(f"{main_tag}/{name}", value, global_step, walltime)

    def add_histogram(
        self, tag, values, global_step=None, bins="tensorflow", walltime=None, max_bins=None
    ) -> None:
        """Write how values are distributed, in equal intervals; see `add_scalar`.

        Parameters
        ----------
        values : Tensor or array
        bins, max_bins : optional
            How many intervals, if `bins` is a number. Default: 64.
        """
        values = _array(values).astype(np.float64).ravel()
        if values.size == 0:
            raise ValueError("add_histogram: the input has no element")
        counts, limits = np.histogram(values, bins=64 if isinstance(bins, str) else bins)
        numbers = (values.min(), values.max(), values.size, values.sum(), values @ values)
        content = b"".join(_field(i, float(v)) for i, v in enumerate(numbers, 1))
        content += _field(6, limits[1:].astype("<f8").tobytes())
        content += _field(7, counts.astype("<f8").tobytes())
        self._add(tag, _field(5, content), global_step, walltime)

    def add_image(
        self, tag, img_tensor, global_step=None, walltime=None, dataformats="CHW"
    ) -> None:
        """Write an image; see `add_scalar`.

        Parameters
        ----------
        img_tensor : Tensor or array
            Of uint8, or other values from 0 to 1.
        dataformats : str
            The order of dimensions.
        """
        self.add_images(tag, _array(img_tensor)[None], global_step, walltime, "N" + dataformats)

    def add_images(
        self, tag, img_tensor, global_step=None, walltime=None, dataformats="NCHW"
    ) -> None:
        """Write images, side by side; see `add_image`."""
        from ..creation import as_tensor
        from ..vision.utils import encode_png, make_grid

        images = _array(img_tensor)
        if "C" not in dataformats:
            images, dataformats = images[..., None], dataformats + "C"
        images = images.transpose([dataformats.index(letter) for letter in "NCHW"])[:, :3]
        if images.dtype == np.uint8:
            images = images.astype(np.float32) / 255
        grid = make_grid(as_tensor(np.ascontiguousarray(images, np.float32)), padding=0).numpy()
        pixels = (grid * 255 + 0.5).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)
        height, width, _ = pixels.shape
        content = (
            _field(1, height) + _field(2, width) + _field(3, 3) + _field(4, encode_png(pixels))
        )
        self._add(tag, _field(4, content), global_step, walltime)

    def add_figure(self, tag, figure, global_step=None, close=True, walltime=None) -> None:
        """Write a matplotlib figure as an image; see `add_scalar`.

        Parameters
        ----------
        figure : matplotlib.figure.Figure
        close : bool
            Close it afterwards.
        """
        figure.canvas.draw()
        pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
        self.add_image(tag, pixels, global_step, walltime, "HWC")
        if close:
            import matplotlib.pyplot as plt

            plt.close(figure)

    def add_text(self, tag, text_string, global_step=None, walltime=None) -> None:
        """Write a text, which may be Markdown; see `add_scalar`.

        Parameters
        ----------
        text_string : str
        """
        metadata = _field(9, _field(1, _field(1, "text")))
        shape = _field(2, _field(2, _field(1, 1)))
        value = _field(8, _field(1, 7) + shape + _field(8, text_string))
        self._add(f"{tag}/text_summary", value, global_step, walltime, metadata)

    def add_hparams(self, hparam_dict, metric_dict, *args, **kwargs) -> None:
        """Write hyper-parameters as a text and metrics as numbers.

        Parameters
        ----------
        hparam_dict, metric_dict : dict
            By name.
        *args, **kwargs
            Accepted.
        """
        self.add_text("hparams", "\n".join(f"- {k}: {v}" for k, v in hparam_dict.items()))
        for name, value in metric_dict.items():
            self.add_scalar(name, value)

    def add_graph(self, *args, **kwargs) -> None:
        """Do nothing: graphs are not written."""

    add_embedding = add_mesh = add_audio = add_video = add_pr_curve = add_graph
    add_custom_scalars = add_graph

    def get_logdir(self) -> str:
        """Return the folder."""
        return self.log_dir

    def flush(self) -> None:
        """Do nothing: every event is written at once."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
