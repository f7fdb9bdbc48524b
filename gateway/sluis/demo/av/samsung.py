"""A Samsung display with MDC (Multiple Display Control Protocol 2015, v13.7c): AA, what it is about, ID, length, data,
sum. It takes a moment to wake up, in which it answers nothing but its power."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sluis.demo.av.device import AvDevice, Session, Warming

TEXTS = {0x0B: b"0MZ7H9A", 0x0E: b"T-HKMLAKUC-2040.5", 0x8A: b"QM55R"}


class SamsungDisplay(AvDevice):
    """One display."""

    framing: ClassVar[Mapping[str, Any]] = {"kind": "length", "start": b"\xaa", "length_at": 3, "length_adds": 5}

    def __init__(self, display: int = 1, wake_s: float = 0.5) -> None:
        super().__init__()
        self.display = display
        self.power = Warming(wake_s, wake_s)
        self.held = {0x12: 20, 0x13: 0, 0x14: 0x21}
        self.taken = {0x12: range(101), 0x13: (0, 1), 0x14: (0x14, 0x21, 0x23, 0x25)}
        self.degrees, self.fan = 38, 0

    def answer(self, session: Session, frame: bytes, now_s: float) -> bytes:
        about, display, values = frame[1], frame[2], frame[4:-1]
        if display != self.display or sum(frame[1:-1]) & 0xFF != frame[-1]:
            return b""
        state = self.power.state(now_s)
        is_on = state in ("on", "warming")
        if about == 0x11:
            return self._power(values, is_on, now_s)
        if state in ("warming", "cooling"):
            return b""
        if about == 0x00:
            return self._taken(about, bytes([is_on, self.held[0x12], self.held[0x13], self.held[0x14], 0x10, 0, 0]))
        if about == 0x0D:
            return self._taken(about, bytes([0, 0, 2, 0, self.degrees, self.fan]))
        if about in TEXTS:
            return self._taken(about, TEXTS[about])
        if about not in self.held or (values and (not is_on or values[0] not in self.taken[about])):
            return self._said(b"N", about, b"\x02")
        if values:
            self.held[about] = values[0]
        return self._taken(about, bytes([self.held[about]]))

    def _power(self, values: bytes, is_on: bool, now_s: float) -> bytes:
        if values:
            is_on = values[0] == 1
            self.power.switch(is_on, now_s)
        return self._taken(0x11, bytes([is_on]))

    def _taken(self, about: int, values: bytes) -> bytes:
        return self._said(b"A", about, values)

    def _said(self, result: bytes, about: int, values: bytes) -> bytes:
        body = bytes([0xFF, self.display, 2 + len(values)]) + result + bytes([about]) + values
        return b"\xaa" + body + bytes([sum(body) & 0xFF])
