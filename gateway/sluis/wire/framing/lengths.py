"""Frames that say how long they are, by a field or by their function; packets and what lies between silences."""

from __future__ import annotations

from sluis.wire.framing.splitter import Counted
from sluis.wire.modbus_rtu import answer_length, crc16


class Silences(Counted):
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


class Datagrams(Counted):
    """Each packet is a frame."""

    def feed(self, data: bytes) -> list[bytes]:
        if len(data) > self._max:
            self.dropped += 1
            return []
        return [data] if data else []


class Lengths(Counted):
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


class ModbusRtu(Counted):
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
