"""The factory test, judged: a pure function of what the node answered.

A node answers `{"do": "test"}` on its `did` topic with one object for each part that its `node.json` declares:

    {"ok": true, "rssi_dbm": -61, "firmware": "1.4.0",
     "tests": [{"what": "temperature", "part": "ds18b20", "pin": "GPIO4", "ok": true, "value": 21.5, "unit": "°C"},
               {"what": "relay", "part": "relay", "pin": "GPIO16", "ok": false, "error": "no change on GPIO17"}]}

`ok` of the whole says that the test was carried out, not that it was passed. A number outside what is plausible is the
node's to tell (`ok` false and why); a part that gives no number at all fails here as well.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

RSSI_FLOOR_DBM = -75
"""Weaker, and a door that closes or a person in the way ends the connection. Wi-Fi makers call -67 good for voice and
-80 the end; higher refuses nodes that work for years."""

MOST = 64
"""Parts of one node's test at most; a node has some thirty pins."""

TEXT = 120

CHECKS: Mapping[str, str] = {
    "ds18b20": "the data wire, and the 4.7 kOhm resistor between data and 3.3 V",
    "dht22": "the data wire and its 10 kOhm resistor; it needs two seconds after power comes",
    "bme280": "SDA and SCL (not swapped), 3.3 V, and the address (0x76, or 0x77 with SDO high)",
    "sht4x": "SDA and SCL (not swapped), 3.3 V, and the address (0x44)",
    "scd4x": "SDA and SCL (not swapped), and that 3.3 V can give 200 mA; the first value takes five seconds",
    "veml7700": "SDA and SCL (not swapped) and 3.3 V",
    "pir": "its supply (most need 5 V) and the output wire; it settles for a minute after power comes",
    "contact": "both wires and the pull-up",
    "reed": "both wires and the pull-up",
    "pulse": "the wire to S0+, the pull-up, and the polarity",
    "adc": "that the wire is on a pin with a converter, and that the voltage stays below 3.3 V",
    "relay": "the coil's supply and its transistor; a module with inverted input needs `invert`",
    "dimmer": "the control wire and the lamp's supply",
    "servo": "its own 5 V supply and the common ground",
    "ws2812": "the direction of the strip (DIN), its supply, and the first lamp",
}
"""What to look at first, by kind of part."""

ELSE = "the wire to this pin, the supply and the ground"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a node must reach to count as proven."""

    rssi_floor_dbm: int = RSSI_FLOOR_DBM


@dataclass(frozen=True, slots=True)
class Line:
    """One part's result."""

    what: str
    ok: bool
    part: str = ""
    pin: str = ""
    value: float | bool | str | None = None
    unit: str = ""
    said: str = ""
    """What is wrong, in the node's words or ours."""
    check: str = ""
    """What to check, when it failed."""

    def sentence(self) -> str:
        """For people: which pin, what, and what to check."""
        where = f"{self.what} on {self.pin}" if self.pin else self.what
        return f"{where}: {self.said}. Check {self.check}." if not self.ok else f"{where}: good"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the node counts as proven, and why not."""

    lines: tuple[Line, ...]
    rssi_dbm: int | None = None
    firmware: str = ""

    @property
    def passed(self) -> bool:
        return all(line.ok for line in self.lines)

    @property
    def fault(self) -> str:
        """All that failed, in sentences; "" when it passed."""
        return " ".join(line.sentence() for line in self.lines if not line.ok)

    def kept(self) -> tuple[dict[str, Any], ...]:
        """As it is stored with the node."""
        return tuple(asdict(line) for line in self.lines)


def judge(answer: Mapping[str, Any], *, announced: bool, bounds: Bounds | None = None) -> Verdict:
    """A node that answered: did it announce itself, is it heard well, and did each part work?

    Never raises: what a node says is a stranger's text, and one that answers nonsense has failed its test.
    """
    bounds = bounds or Bounds()
    rssi = _whole(answer.get("rssi_dbm"))
    lines = [_announced(announced), *_parts(answer.get("tests"))]
    if rssi is not None or "rssi_dbm" in answer:
        lines.insert(1, _signal(rssi, bounds.rssi_floor_dbm))
    return Verdict(tuple(lines), rssi, _text(answer.get("firmware")))


def _announced(announced: bool) -> Line:
    if announced:
        return Line("announcement", True)
    told = "it answers, but has not said which points it has"
    return Line("announcement", False, said=told, check="that its firmware and node.json belong together")


def _signal(rssi_dbm: int | None, floor_dbm: int) -> Line:
    if rssi_dbm is None:
        return Line("signal", False, said="it does not know how well it is heard", check="the antenna")
    good = floor_dbm <= rssi_dbm <= 0
    said = "" if good else f"{rssi_dbm} dBm, at least {floor_dbm} is needed"
    check = "" if good else "the antenna, metal around it, and the distance to the access point"
    return Line("signal", good, value=rssi_dbm, unit="dBm", said=said, check=check)


def _parts(told: object) -> Sequence[Line]:
    if not isinstance(told, list) or not all(isinstance(one, Mapping) for one in told):
        said = "the answer lists no tests"
        return [Line("answer", False, said=said, check="that the node has firmware of this release")]
    if len(told) > MOST:
        said = f"the answer lists {len(told)} tests, at most {MOST} are possible"
        return [Line("answer", False, said=said, check="its node.json")]
    return [_part(one) for one in told]


def _part(told: Mapping[str, Any]) -> Line:
    what, part = _text(told.get("what")) or "a part without a name", _text(told.get("part"))
    value = told.get("value")
    plain = value if isinstance(value, bool | str) or _finite(value) else None
    plain = plain[:TEXT] if isinstance(plain, str) else plain
    good = told.get("ok") is True and not (value is not None and plain is None)
    said = "" if good else _text(told.get("error")) or "it gave no value that could be true"
    check = "" if good else CHECKS.get(part, ELSE)
    return Line(what, good, part, _text(told.get("pin")), plain, _text(told.get("unit")), said, check)


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _whole(value: object) -> int | None:
    return round(value) if isinstance(value, int | float) and _finite(value) and abs(value) < 1000 else None


def _text(value: object) -> str:
    text = str(value)[:TEXT] if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return "".join(char for char in text if char.isprintable())
