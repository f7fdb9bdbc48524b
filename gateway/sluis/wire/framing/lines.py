"""Frames between marks: lines, enclosed frames, DSMR telegrams."""

from __future__ import annotations

from sluis.wire.framing.splitter import Counted


class Lines(Counted):
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


class Telegrams(Counted):
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
