"""A conference camera with VISCA (Sony SRG-300H technical manual): orders are taken at once and carried out later, at
most two at a time; in standby it answers for its power only. `over_ip` adds the header of VISCA over IP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sluis.demo.av.device import AvDevice, Session, Warming


class ViscaCamera(AvDevice):
    """One camera."""

    framing: ClassVar[Mapping[str, Any]] = {"kind": "line", "end": b"\xff"}

    def __init__(self, address: int = 1, *, wake_s: float = 0.5, carry_s: float = 0.02, over_ip: bool = False) -> None:
        super().__init__()
        self.address, self.carry_s, self.over_ip = address, carry_s, over_ip
        self.power = Warming(wake_s, 0.0)
        self.zoom, self.is_auto, self.preset = 0x0400, True, -1
        self.pan, self.tilt = -0x120, 0x35
        self._busy: list[float] = []
        """When the orders under way are carried out."""

    def answer(self, session: Session, frame: bytes, now_s: float) -> bytes:
        if not self.over_ip:
            return self._answer(frame.removesuffix(b"\xff"), now_s)
        if frame[:2] == b"\x02\x00":
            return b"\x02\x01\x00\x01" + frame[4:8] + b"\x01"
        said = self._answer(frame[8:].removesuffix(b"\xff"), now_s)
        return b"\x01\x11" + len(said).to_bytes(2, "big") + frame[4:8] + said if said else b""

    def tick(self, now_s: float) -> None:
        for until_s in [one for one in self._busy if one <= now_s]:
            self._busy.remove(until_s)
            if not self.over_ip:
                self.told.append(self._said(0x51))

    def _answer(self, message: bytes, now_s: float) -> bytes:
        if len(message) < 4 or message[0] != 0x80 + self.address:
            return b""
        is_on = self.power.state(now_s) == "on"
        if message[1] == 0x09:
            return self._asked(message[2:], is_on)
        if message[2:4] != b"\x04\x00" and not is_on:
            return self._said(0x61, 0x41)
        if len(self._busy) >= 2:
            return self._said(0x60, 0x03)
        if not self._do(message[2:], now_s):
            return self._said(0x60, 0x02)
        self._busy.append(now_s + self.carry_s)
        return self._said(0x41)

    def _asked(self, about: bytes, is_on: bool) -> bytes:
        if about == b"\x04\x00":
            return self._said(0x50, 2 if is_on else 3)
        if about == b"\x00\x02":
            return self._said(0x50, 0x00, 0x01, 0x05, 0x13, 0x01, 0x02, 0x02)
        if about not in (b"\x04\x47", b"\x04\x38", b"\x06\x12"):
            return self._said(0x60, 0x02)
        if not is_on:
            return self._said(0x60, 0x41)
        if about == b"\x04\x38":
            return self._said(0x50, 2 if self.is_auto else 3)
        if about == b"\x04\x47":
            return self._said(0x50, *_halves(self.zoom))
        return self._said(0x50, *_halves(self.pan & 0xFFFF), *_halves(self.tilt & 0xFFFF))

    def _do(self, order: bytes, now_s: float) -> bool:
        if order[:2] == b"\x04\x00" and order[2:] in (b"\x02", b"\x03"):
            self.power.switch(order[2] == 2, now_s)
        elif order[:2] == b"\x04\x38" and order[2:] in (b"\x02", b"\x03"):
            self.is_auto = order[2] == 2
        elif order[:2] == b"\x04\x47" and len(order) == 6:
            self.zoom = order[2] << 12 | order[3] << 8 | order[4] << 4 | order[5]
        elif order[:3] == b"\x04\x3f\x02" and len(order) == 4:
            self.preset = order[3]
        elif order == b"\x06\x04":
            self.pan = self.tilt = 0
        else:
            return False
        return True

    def _said(self, *values: int) -> bytes:
        return bytes([(self.address + 8) << 4, *values, 0xFF])


def _halves(number: int) -> tuple[int, ...]:
    return tuple(number >> shift & 0xF for shift in (12, 8, 4, 0))
