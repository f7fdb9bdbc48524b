"""Displays: LG and NEC on a serial line, Sony over TCP, from the makers' own descriptions of their protocols."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping
from typing import Any, ClassVar

from sluis.demo.av.device import AvDevice, Session


class LgDisplay(AvDevice):
    """`[command1][command2] [set ID] [data]` and a carriage return; `[command2] [set ID] OK[data]x` (LG 49SH7DB owner's
    manual, section "Controlling the multiple product")."""

    def __init__(self, set_id: int = 1) -> None:
        super().__init__()
        self.set_id = set_id
        self.state = {"ka": 0x00, "xb": 0x90, "kf": 0x0C, "ke": 0x01, "kd": 0x00, "dn": 0x23}
        self.taken = {"ka": (0, 1), "xb": (0x20, 0x60, 0x90, 0x91, 0xC0), "kf": range(101), "ke": (0, 1), "kd": (0, 1)}

    def answer(self, session: Session, frame: bytes, now_s: float) -> bytes:
        words = frame.decode("ascii", "replace").split(" ")
        try:
            command, set_id, data = words[0], int(words[1], 16), int(words[2], 16)
        except (IndexError, ValueError):
            return b""
        return self._said(command, data) if set_id == self.set_id else b""

    def _said(self, command: str, data: int) -> bytes:
        known = command in self.state
        is_question = data == 0xFF
        may = known and (is_question or (data in self.taken.get(command, ()) and (command == "ka" or self.state["ka"])))
        if may and not is_question:
            self.state[command] = data
        held = self.state[command] if may else data
        return f"{command[1]} {self.set_id:02x} {'OK' if may else 'NG'}{held:02x}x".encode()


class NecDisplay(AvDevice):
    """Header, message, check byte and carriage return (NEC External Control rev. 3.5, section 4)."""

    POWER = (1, 4)

    def __init__(self, monitor: str = "A") -> None:
        super().__init__()
        self.monitor = monitor
        self.power = 4
        self.held = {"0060": 0x0011, "0062": 20, "008D": 2}
        self.most = {"0060": 0x0011, "0062": 100, "008D": 2}

    def answer(self, session: Session, frame: bytes, now_s: float) -> bytes:
        text = frame.decode("latin-1")
        check = functools.reduce(operator.xor, frame[1:-1], 0)
        if len(frame) < 10 or text[:3] != f"\x010{self.monitor}" or frame[-1] != check:
            return b""
        kind, message = text[4], text[8:-2]
        if kind == "A" and message == "01D6":
            return self._reply("B", f"0200D6000004{self.power:04X}")
        if kind == "A" and message.startswith("C203D6"):
            wish = int(message[6:], 16)
            self.power = wish if wish in self.POWER else self.power
            return self._reply("B", f"00C203D6{wish:04X}")
        if kind in "CE" and message[:4] in self.held:
            return self._parameter(kind, message[:4], message[4:])
        return self._reply("B", "BE")

    def _parameter(self, kind: str, code: str, wish: str) -> bytes:
        result = "00"
        if kind == "E" and self.power == 1 and int(wish, 16) <= self.most[code]:
            self.held[code] = int(wish, 16)
        elif kind == "E":
            result = "01"
        value = f"{result}{code}00{self.most[code]:04X}{self.held[code]:04X}"
        return self._reply("D" if kind == "C" else "F", value)

    def _reply(self, kind: str, message: str) -> bytes:
        body = f"\x02{message}\x03"
        text = f"\x0100{self.monitor}{kind}{len(body):02X}{body}".encode("latin-1")
        return text + bytes([functools.reduce(operator.xor, text[1:], 0)]) + b"\r"


class BraviaDisplay(AvDevice):
    """Lines of 24 bytes: `*S`, kind, four letters, sixteen characters, line feed (pro-bravia.sony.net, Simple IP
    control). What changes is told to everybody (`*SN`)."""

    framing: ClassVar[Mapping[str, Any]] = {"kind": "line", "end": b"\n"}

    def __init__(self) -> None:
        super().__init__()
        self.held = {
            "POWR": "0" * 16,
            "INPT": "0000000100000001",
            "VOLU": "0" * 14 + "20",
            "AMUT": "0" * 16,
            "PMUT": "0" * 16,
        }

    def answer(self, session: Session, frame: bytes, now_s: float) -> bytes:
        text = frame.decode("ascii", "replace")
        if len(text) != 23 or not text.startswith("*S"):
            return b""
        kind, about, wish = text[2], text[3:7], text[7:]
        if about not in self.held:
            said = "N" * 16
        elif kind == "E":
            said = self.held[about]
        elif about != "POWR" and self.held["POWR"][-1] == "0":
            said = "F" * 16
        else:
            self.held[about], said = wish, "0" * 16
            self.told.append(f"*SN{about}{wish}\n".encode())
        return f"*SA{about}{said}\n".encode()
