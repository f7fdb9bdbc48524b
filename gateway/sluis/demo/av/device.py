"""What every stand-in of this room is: a protocol machine that is handed frames and says what it answers.

It touches no socket and no clock: the time comes with each frame. So it is tested without a wire, and the wires
(`wires`) are written once for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class Session:
    """One connection to the device."""

    def __init__(self) -> None:
        self.is_open = True
        self.secret = b""
        """The random number of its greeting, where there is one."""
        self.is_known = False
        """The password was right."""


class AvDevice:
    """One device."""

    framing: ClassVar[Mapping[str, Any]] = {"kind": "line", "end": b"\r"}
    """How what it is told is cut (`sluis.wire.framing.splitter`)."""

    def __init__(self) -> None:
        self.told: list[bytes] = []
        """What it says to everybody unasked; the wire sends it and empties the list."""
        self.heard_frames: list[bytes] = []
        """What it was told, oldest first: for whoever tests against it."""

    def opened(self, session: Session, now_s: float) -> bytes:
        """What it says when a connection is made."""
        return b""

    def heard(self, session: Session, frame: bytes, now_s: float) -> bytes:
        """What it answers. It may close the connection: `session.is_open`."""
        self.heard_frames.append(frame)
        return self.answer(session, frame, now_s)

    def answer(self, session: Session, frame: bytes, now_s: float) -> bytes:
        raise NotImplementedError

    def tick(self, now_s: float) -> None:
        """Called some times a second: what changes by itself, and what it tells of that (`told`)."""


class Warming:
    """Power of a device that takes its time: off, warming, on, cooling."""

    def __init__(self, warm_s: float, cool_s: float) -> None:
        self.warm_s, self.cool_s = warm_s, cool_s
        self._is_on = False
        self._until_s = 0.0

    def switch(self, on: bool, now_s: float) -> None:
        if on != self._is_on:
            self._is_on, self._until_s = on, now_s + (self.warm_s if on else self.cool_s)

    def state(self, now_s: float) -> str:
        if now_s < self._until_s:
            return "warming" if self._is_on else "cooling"
        return "on" if self._is_on else "off"
