"""How batches travel from worker processes: large arrays in memory that both share.

A worker writes the arrays of a batch into a segment of shared memory that has no name (a memfd):
it is gone when the last process that maps it is, however they end. The receiver's arrays lie in
the segment; when the last of them is gone, the worker is told and uses the segment again.
"""

from __future__ import annotations

import mmap
import os
import pickle
import sys
import weakref
from multiprocessing import reduction

import numpy as np

_SHARES_MEMORY = hasattr(os, "memfd_create") and sys.platform == "linux"
_INLINE = 1 << 14  # bytes below which a message through the pipe is as good
_ALIGN = 64
_MOST_HELD = 16  # segments of one worker that may be held by arrays; then batches are copied


class Sender:
    """The worker's end.

    Parameters
    ----------
    connection : multiprocessing.connection.Connection
    """

    def __init__(self, connection):
        self.connection = connection
        self.segments = {}  # by number: the memory
        self.free = []  # numbers; filled by the thread that reads messages
        self.made = 0
        self.dropped = []  # numbers the other end has not been told yet

    def encode(self, value):
        """Return a message for a value: what to send, and the file of a new segment or None."""
        buffers = []
        body = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        pieces = [buffer.raw() for buffer in buffers]
        sizes = [len(piece) for piece in pieces]
        if not _SHARES_MEMORY or sum(sizes) + len(body) < _INLINE:
            return ("inline", body, [bytes(piece) for piece in pieces]), None
        pieces.append(memoryview(body))
        spans, end = [], 0
        for piece in pieces:
            spans.append((end, len(piece)))
            end += -(-len(piece) // _ALIGN) * _ALIGN
        number, file = self._segment(end)
        dropped, self.dropped = self.dropped, []
        target = np.frombuffer(self.segments[number], np.uint8)
        for (start, size), piece in zip(spans, pieces, strict=True):
            target[start : start + size] = np.frombuffer(piece, np.uint8)
        return ("shared", number, spans, dropped), file

    def _segment(self, size):
        """Return a free segment of at least `size` bytes, made if there is none."""
        fitting = [n for n in self.free if len(self.segments[n]) >= size]
        if fitting:
            number = min(fitting, key=lambda n: len(self.segments[n]))
            self.free.remove(number)
            return number, None
        while self.free:  # too small for what is loaded now
            self.dropped.append(self.free.pop())
            del self.segments[self.dropped[-1]]
        file = os.memfd_create("minitorch-batch")
        try:
            os.posix_fallocate(file, 0, size)  # an error here, where a write would be killed
            memory = mmap.mmap(file, size)
        except BaseException:
            os.close(file)
            raise
        self.made += 1
        self.segments[self.made] = memory
        return self.made, file

    def send(self, header, message, file):
        """Send an encoded value, and the file of its segment if that is new."""
        self.connection.send((*header, message, file is not None))
        if file is not None:
            reduction.send_handle(self.connection, file, None)
            os.close(file)


class Receiver:
    """The loader's end.

    Parameters
    ----------
    connection : multiprocessing.connection.Connection
    """

    def __init__(self, connection):
        self.connection = connection
        self.segments = {}
        self.held = {}  # by number: a weak reference to what lies in the segment
        self.freed = []  # numbers the worker has to be told

    def receive(self):
        """Return header and message; blocks. EOFError and OSError when the worker is gone."""
        *header, message, has_file = self.connection.recv()
        if has_file:
            file = reduction.recv_handle(self.connection)
            try:
                self.segments[message[1]] = mmap.mmap(file, os.fstat(file).st_size)
            finally:
                os.close(file)
        return header, message

    def decode(self, message):
        """Return the value of a message."""
        if message[0] == "inline":
            _, body, pieces = message
            return pickle.loads(body, buffers=[bytearray(piece) for piece in pieces])
        _, number, spans, dropped = message
        for old in dropped:
            del self.segments[old]
        whole = np.frombuffer(self.segments[number], np.uint8)
        if len(self.held) >= _MOST_HELD:
            whole = whole.copy()
            self.freed.append(number)
        else:
            self.held[number] = weakref.ref(whole, lambda _, n=number: self._release(n))
        *pieces, body = [whole[start : start + size] for start, size in spans]
        return pickle.loads(body, buffers=pieces)

    def discard(self, message):
        """Take note of a message whose value is not wanted."""
        if message[0] == "shared":
            for old in message[3]:
                del self.segments[old]
            self.freed.append(message[1])

    def _release(self, number):
        self.held.pop(number, None)
        self.freed.append(number)

    def take_freed(self):
        """Return the numbers of the segments that are free since the last call."""
        count = len(self.freed)
        numbers, self.freed[:count] = self.freed[:count], []
        return numbers

    def close(self):
        """Hang up. What lies in segments stays as long as arrays hold it."""
        self.connection.close()
        self.segments.clear()
        self.held.clear()
