"""A stream of bytes cut into frames: lines, enclosed frames, Modbus RTU, length fields, DSMR telegrams.

Theory of operation. A splitter is fed bytes in whatever pieces the wire hands over, and returns the frames that have
become whole; how the stream was cut into pieces never matters. It knows no time: who owns the wire calls `silence`
when nothing came for the kind's gap. Whatever it is fed, it raises nothing and holds at most `max_bytes` (P1: that for
the telegram, and again for the line that comes next): a peer that never ends a line is dropped until the next end, and
counted.

`line` frames come without their end; all others come whole, from the first byte to the last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sluis.wire.modbus_rtu import answer_length, crc16


class Splitter(Protocol):
    """One direction of one stream."""

    dropped: int
    """Frames thrown away because they grew too long."""
    noise: int
    """Bytes thrown away because they belong to no frame."""
    bad: int
    """Frames whose check value did not fit."""

    def feed(self, data: bytes) -> list[bytes]:
        """Bytes arrived: the frames that are whole now, oldest first."""

    def silence(self) -> list[bytes]:
        """Nothing came for the gap that ends a frame: what is whole now."""

    def reset(self) -> None:
        """Forget what is half received (a new connection)."""

    @property
    def holding(self) -> bool:
        """Whether a frame has begun and not ended."""


class _Counted:
    """What all splitters have in common."""

    def __init__(self, max_bytes: int) -> None:
        self.dropped = self.noise = self.bad = 0
        self._max = max_bytes
        self._held = bytearray()

    @property
    def holding(self) -> bool:
        return bool(self._held)

    def silence(self) -> list[bytes]:
        return []

    def reset(self) -> None:
        self._held.clear()

    def _skip(self, count: int) -> None:
        self.noise += count
        del self._held[:count]


class Lines(_Counted):
    """Frames that end with `end`; from `start` on when there is one (then the frame holds both). With `blank` false an
    empty line is none: devices put them between their lines, and as an answer they would say nothing."""

    def __init__(self, end: bytes, max_bytes: int, start: bytes = b"", *, blank: bool = True) -> None:
        super().__init__(max_bytes)
        self._blank = blank
        self._start, self._end = start, end or b"\n"
        self._deaf = False
        self._searched = 0

    def feed(self, data: bytes) -> list[bytes]:
        self._held += data
        frames: list[bytes] = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def reset(self) -> None:
        super().reset()
        self._deaf, self._searched = False, 0

    def _next(self) -> bytes | None:
        while self._begin():
            end = self._held.find(self._end, self._searched)
            if end < 0:
                self._wait()
                return None
            frame = bytes(self._held[: end + len(self._end)])
            del self._held[: len(frame)]
            self._searched, deaf, self._deaf = len(self._start), self._deaf, False
            if deaf:
                continue
            if len(frame) > self._max:
                self.dropped += 1
                continue
            if frame == self._end and not self._blank:
                continue
            return frame if self._start else frame[: -len(self._end)]
        return None

    def _begin(self) -> bool:
        """Whether what is held begins with a frame."""
        if not self._start or self._deaf:
            return bool(self._held)
        if not self._held.startswith(self._start):
            at = self._held.find(self._start)
            if at < 0:
                # The last bytes may be the first of a start.
                self._skip(max(0, len(self._held) - len(self._start) + 1))
                self._searched = len(self._start)
                return False
            self._skip(at)
        self._searched = max(self._searched, len(self._start))
        return True

    def _wait(self) -> None:
        """The end has not come yet; a frame that is too long is forgotten up to its end."""
        if len(self._held) > self._max:
            self.dropped += not self._deaf
            self._deaf = True
        if self._deaf:
            del self._held[: max(0, len(self._held) - len(self._end) + 1)]
        self._searched = max(0 if self._deaf else len(self._start), len(self._held) - len(self._end) + 1)


class Silences(_Counted):
    """Frames that end when nothing comes for a while."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(max_bytes)
        self._deaf = False

    @property
    def holding(self) -> bool:
        return self._deaf or bool(self._held)

    def feed(self, data: bytes) -> list[bytes]:
        self._held += data
        if len(self._held) > self._max:
            self.dropped += not self._deaf
            self._deaf = True
            self._held.clear()
        return []

    def silence(self) -> list[bytes]:
        frame, deaf = bytes(self._held), self._deaf
        self._held.clear()
        self._deaf = False
        return [frame] if frame and not deaf else []

    def reset(self) -> None:
        super().reset()
        self._deaf = False


class Datagrams(_Counted):
    """Each packet is a frame."""

    def feed(self, data: bytes) -> list[bytes]:
        if len(data) > self._max:
            self.dropped += 1
            return []
        return [data] if data else []


class Lengths(_Counted):
    """Frames that say how long they are; behind `start` when there is one."""

    def __init__(self, at: int, size: int, adds: int, max_bytes: int, start: bytes = b"") -> None:
        super().__init__(max_bytes)
        self._at, self._size, self._adds, self._start = at, size, adds, start

    def feed(self, data: bytes) -> list[bytes]:
        self._held += data
        frames: list[bytes] = []
        while (length := self._length()) is not None and len(self._held) >= length:
            frames.append(bytes(self._held[:length]))
            del self._held[:length]
        return frames

    def _length(self) -> int | None:
        """How long the frame at the front is; None while that cannot be said."""
        while True:
            if not self._align() or len(self._held) < self._at + self._size:
                return None
            counted = int.from_bytes(self._held[self._at : self._at + self._size], "big")
            length = counted + self._adds
            if self._at + self._size <= length <= self._max:
                return length
            # No such frame: what stands here is no beginning, or a peer that wants to fill the memory.
            self.dropped += 1
            self._skip(1)

    def _align(self) -> bool:
        if not self._start:
            return True
        while self._held and not self._held.startswith(self._start):
            if len(self._held) < len(self._start) and self._start.startswith(bytes(self._held)):
                return False
            self._skip(1)
        return bool(self._held)


class ModbusRtu(_Counted):
    """Answers on a Modbus RTU pair (Modbus over serial line V1.02, section 2.5.1), cut by function code and length,
    proven by the CRC. Silence only serves to find the next beginning: through a USB adapter, pauses mean nothing."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(max_bytes)
        self._lost = False
        """Looking for the next beginning after bytes that made no frame: more of those are the same damage."""

    def reset(self) -> None:
        super().reset()
        self._lost = False

    def feed(self, data: bytes) -> list[bytes]:
        self._held += data
        frames: list[bytes] = []
        while (frame := self._front()) is not None:
            frames.append(frame)
        return frames

    def silence(self) -> list[bytes]:
        """What is left is no beginning of a frame: look for whole ones behind it."""
        frames: list[bytes] = []
        while self._held:
            self._lost = True
            self._skip(1)
            frames += self.feed(b"")
        self._lost = False
        return frames

    def _front(self) -> bytes | None:
        while self._held:
            length = answer_length(self._held)
            if length is None or (length and length > self._max):
                self._skip(1)
            elif not length or len(self._held) < length:
                return None
            elif crc16(self._held[:length]) == 0:
                frame = bytes(self._held[:length])
                del self._held[:length]
                self._lost = False
                return frame
            else:
                self.bad += not self._lost
                self._lost = True
                self._skip(1)
        return None


class Telegrams(_Counted):
    """DSMR P1 telegrams: from `/` to `!`, four hexadecimal digits of CRC (none before DSMR 4) and the line's end
    (DSMR 5.0.2, section 6.2). Whether the CRC fits is said by who reads it: a bad one is evidence."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(max_bytes)
        self._lines = Lines(b"\n", max_bytes)
        self._open = False

    @property
    def holding(self) -> bool:
        return self._open or self._lines.holding

    def reset(self) -> None:
        super().reset()
        self._lines.reset()
        self._open = False

    def feed(self, data: bytes) -> list[bytes]:
        frames = []
        for line in self._lines.feed(data):
            begin = line.find(b"/")  # stands nowhere else: a telegram that was cut off may share a line with the next
            if begin >= 0:
                self.noise += begin
                self._start(line[begin:])
            elif not self._open:
                self.noise += len(line) + 1
            else:
                self._held += line + b"\n"
            if self._open and len(self._held) > self._max:
                self._give_up()
            elif self._open and line.startswith(b"!"):
                frames.append(bytes(self._held))
                self._held.clear()
                self._open = False
        self.dropped += self._lines.dropped
        self._lines.dropped = 0
        return frames

    def _start(self, line: bytes) -> None:
        """A telegram begins; one that never ended is thrown away."""
        self.bad += self._open
        self.noise += len(self._held)
        self._held[:] = line + b"\n"
        self._open = True

    def _give_up(self) -> None:
        self.dropped += 1
        self._held.clear()
        self._open = False


def splitter(
    kind: str,
    *,
    start: bytes = b"",
    end: bytes = b"\r\n",
    length_at: int = 0,
    length_bytes: int = 1,
    length_adds: int = 0,
    max_bytes: int = 4096,
) -> Splitter:
    """The splitter of a kind of framing (the kinds of `sluis.sdk.Framing`). ValueError for a kind there is not."""
    if kind == "line":
        return Lines(end, max_bytes, blank=False)
    if kind == "enclosed":
        return Lines(end, max_bytes, start)
    if kind == "length":
        return Lengths(length_at, length_bytes, length_adds, max_bytes, start)
    if kind not in PLAIN:
        raise ValueError(f"there is no framing {kind!r}")
    return PLAIN[kind](max_bytes)


PLAIN: dict[str, Callable[[int], Splitter]] = {
    "silence": Silences,
    "datagram": Datagrams,
    "modbus-rtu": ModbusRtu,
    "p1": Telegrams,
}
"""Kinds that need to know nothing but how long a frame may be."""
