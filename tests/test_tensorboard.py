"""Event files for TensorBoard."""

import struct

import numpy as np
import pytest

import minitorch
from minitorch.utils import tensorboard


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
    head = b"\x09" + struct.pack("<d", 1.0) + b"\x10\x03"
    assert events[1] == head + b"\x2a" + bytes([len(value)]) + value
    assert b"both/b" in events[3] and b"\x10\xac\x02" in events[3]
    assert b"\x89PNG" in events[5] and b"text_summary" in events[7]


def test_read_by_others(tmp_path):
    """The classes that protoc made of TensorFlow's own format read what was written."""
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    values = minitorch.randn(100)
    with tensorboard.SummaryWriter(tmp_path / "log") as writer:
        writer.add_scalar("loss", 0.5, 7, walltime=2.0)
        writer.add_histogram("weights", values, 1)
        writer.add_image("image", minitorch.rand(3, 4, 5), 1)
        writer.add_text("note", "hello", 1)
    events = [event_pb2.Event.FromString(record) for record in records(tmp_path / "log")]
    assert events[0].file_version == "brain.Event:2"
    scalar, histogram, image, text = (event.summary.value[0] for event in events[1:])
    assert (events[1].step, events[1].wall_time, scalar.simple_value) == (7, 2.0, 0.5)
    assert histogram.histo.sum == pytest.approx(values.sum().item(), rel=1e-5)
    assert sum(histogram.histo.bucket) == histogram.histo.num == 100
    assert (image.image.height, image.image.width, image.image.colorspace) == (4, 5, 3)
    assert text.tensor.string_val == [b"hello"]
    assert text.metadata.plugin_data.plugin_name == "text"
