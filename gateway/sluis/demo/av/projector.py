"""A projector with PJLink class 1 or 2 (JBMIA, PJLink Specifications 2.00, sections 2 to 5).

It warms up and cools down, and says ERR3 to what it cannot do meanwhile or while it is off.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any, ClassVar

from sluis.demo.av.device import AvDevice, Session, Warming

PJLINK: Mapping[str, Any] = {"kind": "line", "end": b"\r", "max_bytes": 512}
STATES = {"off": "0", "on": "1", "cooling": "2", "warming": "3"}
NAMES = {"11": "Computer", "31": "HDMI 1", "32": "HDMI 2", "51": "Network", "6A": "Whiteboard"}
CLASS_2 = frozenset({"SNUM", "SVER", "INNM", "IRES", "RRES", "FILT", "RLMP", "RFIL", "SVOL", "MVOL", "FREZ"})


class PjlinkFound(AvDevice):
    """The UDP port of a class 2 projector, on which it answers the search (section 3.2)."""

    framing: ClassVar[Mapping[str, Any]] = PJLINK

    def __init__(self, mac: str = "02:00:5E:00:53:01") -> None:
        super().__init__()
        self.mac = mac

    def answer(self, session: Session, frame: bytes, now_s: float) -> bytes:
        return f"%2ACKN={self.mac}\r".encode() if frame == b"%2SRCH\r" else b""


class PjlinkProjector(AvDevice):
    """One projector."""

    framing: ClassVar[Mapping[str, Any]] = PJLINK

    def __init__(
        self, *, password: str = "", link_class: int = 2, warm_s: float = 20.0, cool_s: float = 20.0, lamps: int = 1
    ) -> None:
        super().__init__()
        self.password, self.link_class = password, link_class
        self.power = Warming(warm_s, cool_s)
        self.input = "31"
        self.mutes = {"1": False, "2": False}
        self.frozen = False
        self.volume = 10
        self.errors = "000000"
        self.lamps = [1200 + 100 * number for number in range(lamps)]

    def opened(self, session: Session, now_s: float) -> bytes:
        if not self.password:
            session.is_known = True
            return b"PJLINK 0\r"
        session.secret = secrets.token_hex(4).encode()
        return b"PJLINK 1 " + session.secret + b"\r"

    def answer(self, session: Session, frame: bytes, now_s: float) -> bytes:
        if not session.is_known:
            wanted = hashlib.md5(session.secret + self.password.encode(), usedforsecurity=False).hexdigest().encode()
            if frame[:32] != wanted:
                session.is_open = False
                return b"PJLINK ERRA\r"
            session.is_known, frame = True, frame[32:]
        line = frame.decode("utf-8", "replace")
        if len(line) < 8 or line[0] != "%" or line[6] != " ":
            return b"PJLINK ERR1\r" if not line.startswith("%") else f"{line[:6]}=ERR1\r".encode()
        return f"{line[:6]}={self._value(line[1], line[2:6], line[7:], now_s)}\r".encode()

    def _value(self, link_class: str, about: str, wish: str, now_s: float) -> str:
        if link_class not in ("1", "2") or int(link_class) > self.link_class:
            return "ERR1"
        if about in CLASS_2 and link_class != "2":
            return "ERR1"
        if wish.startswith("?"):
            return self._told(link_class, about, wish[1:], now_s)
        return self._do(about, wish, now_s)

    def _told(self, link_class: str, about: str, which: str, now_s: float) -> str:
        state = self.power.state(now_s)
        facts = {
            "POWR": STATES[state],
            "ERST": self.errors,
            "LAMP": " ".join(f"{hours} {state == 'on':d}" for hours in self.lamps) or "ERR1",
            "INST": " ".join(NAMES if link_class == "2" else [code for code in NAMES if code != "6A"]),
            "NAME": "Meeting room",
            "INF1": "Sluis",
            "INF2": "Stand-in",
            "INFO": "",
            "CLSS": str(self.link_class),
            "SNUM": "SN-0042",
            "SVER": "1.03",
            "INNM": NAMES.get(which, "ERR2"),
            "FILT": "300",
            "RRES": "1920x1200",
            "RLMP": "LMP-1",
            "RFIL": "FIL-1",
        }
        if about in facts:
            return facts[about]
        if about in ("INPT", "AVMT", "IRES", "FREZ") and state != "on":
            return "ERR3"
        if about == "AVMT":
            picture, sound = self.mutes["1"], self.mutes["2"]
            return {(True, True): "31", (True, False): "11", (False, True): "21"}.get((picture, sound), "30")
        return {"INPT": self.input, "IRES": "1920x1080", "FREZ": f"{self.frozen:d}"}.get(about, "ERR1")

    def _do(self, about: str, wish: str, now_s: float) -> str:
        state = self.power.state(now_s)
        if about == "POWR":
            if wish not in ("0", "1"):
                return "ERR2"
            if state in ("warming", "cooling"):
                return "ERR3"
            self.power.switch(wish == "1", now_s)
            return "OK"
        if about not in ("INPT", "AVMT", "FREZ", "SVOL", "MVOL"):
            return "ERR1"
        if state != "on":
            return "ERR3"
        return self._set(about, wish)

    def _set(self, about: str, wish: str) -> str:
        if about == "INPT" and wish in NAMES:
            self.input = wish
        elif about == "AVMT" and len(wish) == 2 and wish[0] in "123" and wish[1] in "01":
            for which in "12" if wish[0] == "3" else wish[0]:
                self.mutes[which] = wish[1] == "1"
        elif about == "FREZ" and wish in ("0", "1"):
            self.frozen = wish == "1"
        elif about in ("SVOL", "MVOL") and wish in ("0", "1"):
            self.volume += 1 if wish == "1" else -1
        else:
            return "ERR2"
        return "OK"
