"""Messages between this process and one beside it, through pipes that nothing else writes to."""

from __future__ import annotations

import io
import os
import pickle
import select
from collections.abc import Callable
from io import FileIO
from typing import Any

import torch
from torch import Tensor

_CHUNK = 1 << 20  # bytes


class _Pickler(pickle.Pickler):
    """Writes a tensor as the array it is."""

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is Tensor:
            return torch.from_numpy, (obj.numpy(),)
        return NotImplemented


def encode(message: object) -> memoryview:
    """Pickle a message, its length before it."""
    buffer = io.BytesIO()
    buffer.write(bytes(8))
    _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(message)
    view = buffer.getbuffer()
    view[:8] = (len(view) - 8).to_bytes(8, "little")
    return view


def _pipe() -> tuple[int, int]:
    """Open a pipe whose ends are not where a process without standard streams expects these."""
    ends, low = [*os.pipe()], []
    while min(ends) <= 2:
        i = ends.index(min(ends))
        low.append(ends[i])
        ends[i] = os.dup(ends[i])
    for end in low:
        os.close(end)
    return ends[0], ends[1]


class Channel:
    """One end of a pair of pipes.

    Parameters
    ----------
    incoming, outgoing : int
        File descriptors, which belong to the channel from now on.
    interval : float, default=0.02
        Seconds between checks whether a message is still wanted.
    """

    def __init__(self, incoming: int, outgoing: int, interval: float = 0.02) -> None:
        self._incoming = FileIO(incoming, "rb")
        self._outgoing = FileIO(outgoing, "wb")
        self._interval = interval
        for end in (incoming, outgoing):
            os.set_blocking(end, False)

    @classmethod
    def pair(cls) -> tuple[Channel, tuple[int, int]]:
        """Open one, with the two descriptors that make the other end."""
        incoming, theirs_out = _pipe()
        try:
            theirs_in, outgoing = _pipe()
        except OSError:
            os.close(incoming)
            os.close(theirs_out)
            raise
        return cls(incoming, outgoing), (theirs_in, theirs_out)

    def close(self) -> None:
        """Close both pipes."""
        self._incoming.close()
        self._outgoing.close()

    def has_sent(self, word: bytes) -> bool:
        """Whether the other side has written this word; never waits."""
        return not self._incoming.closed and self._incoming.read(len(word)) == word

    def write(self, data: bytes | memoryview, check: Callable[[], None]) -> None:
        """Write bytes, calling `check` now and then while the other side does not read."""
        rest = memoryview(data)
        while rest:
            if self._wait(self._outgoing, select.POLLOUT, check):
                rest = rest[self._outgoing.write(rest[:_CHUNK]) or 0 :]

    def send(self, message: object, check: Callable[[], None]) -> None:
        """Write one message whole, or none of it if it cannot be pickled."""
        self.write(encode(message), check)

    def receive(self, check: Callable[[], None]) -> Any:
        """Read one message, calling `check` now and then until it is there.

        Raises
        ------
        EOFError
            If the other side is gone.
        """
        size = int.from_bytes(self._read(8, check), "little")
        return pickle.loads(self._read(size, check))  # read to its end, also if that fails

    def _read(self, size: int, check: Callable[[], None]) -> bytearray:
        data = bytearray()
        while len(data) < size:
            if self._wait(self._incoming, select.POLLIN, check):
                part = self._incoming.read(min(_CHUNK, size - len(data)))
                if part == b"":
                    raise EOFError("the other side is gone")
                data += part or b""
        return data

    def _wait(self, end: FileIO, event: int, check: Callable[[], None]) -> bool:
        """Whether a pipe can be read or written now; waits a moment for it, and checks."""
        poll = select.poll()
        poll.register(end, event)
        if poll.poll(self._interval * 1000):
            return True
        check()
        return False
