"""The factory test, judged: a pure function of what the node answered.

A node answers `{"do": "test"}` on its `did` topic with a finding for each part that its `node.json` declares, and one
for its radio:

    {"ok": true, "passed": false, "findings": [
      {"part": "boiler", "kind": "ds18b20", "pin": "GPIO4", "ok": true, "values": {"boiler": 21.5}},
      {"part": "pump", "kind": "relay", "pin": "GPIO16", "ok": false, "said": "...", "check": "..."},
      {"part": "radio", "kind": "wifi", "pin": "", "ok": true, "values": {"rssi": -61}}]}

`ok` of the whole says that the test was carried out. What is plausible is the node's to know, part by part; how well it
must be heard, and that it must have announced itself, is judged here as well.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

RSSI_FLOOR_DBM = -75
"""Weaker, and a door that closes or a person in the way ends the connection. Wi-Fi makers call -67 good for voice and
-80 the end; higher refuses nodes that work for years."""

MOST = 64
"""Findings of one node at most; it has some thirty pins."""

VALUES_MOST = 16
TEXT = 200
RADIO = "radio"

LOOK = "Check the wire to this pin, the supply and the ground."
"""Where the node itself gives no advice."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a node must reach to count as proven."""

    rssi_floor_dbm: int = RSSI_FLOOR_DBM


@dataclass(frozen=True, slots=True)
class Line:
    """One finding."""

    part: str
    """Key of the part in `node.json`; `radio`, `announcement`, `configuration`, `answer` for the node as a whole."""
    ok: bool
    kind: str = ""
    pin: str = ""
    values: Mapping[str, float | bool | str] = field(default_factory=dict)
    """By point."""
    said: str = ""
    """What is wrong."""
    check: str = ""
    """What to check: a sentence."""

    def sentence(self) -> str:
        """For people: which part on which pin, what is wrong, and what to check."""
        where = f"{self.part} on {self.pin}" if self.pin else self.part
        return f"{where}: good" if self.ok else f"{where}: {self.said.rstrip('.')}. {self.check}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the node counts as proven, and why not."""

    lines: tuple[Line, ...]
    rssi_dbm: int | None = None
    """None where it has no radio."""

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


def judge(
    answer: Mapping[str, Any], *, announced: bool, configured: bool = True, bounds: Bounds | None = None
) -> Verdict:
    """A node that answered: did it announce itself, does it have the configuration that it was given, does each part
    work, and is it heard well enough?

    Never raises: what a node says is a stranger's text, and one that answers nonsense has failed its test.
    """
    floor_dbm = (bounds or Bounds()).rssi_floor_dbm
    parts = [_heard(one, floor_dbm) if one.part == RADIO else one for one in _parts(answer.get("findings"))]
    rssi = next((_rssi(one) for one in parts if one.part == RADIO), None)
    return Verdict((_announced(announced), *_configured(configured), *parts), rssi)


def _announced(announced: bool) -> Line:
    if announced:
        return Line("announcement", True)
    said = "it answers, but has not said which points it has"
    return Line("announcement", False, said=said, check="Restart it, and look at its log.")


def _configured(configured: bool) -> Sequence[Line]:
    if configured:
        return ()
    said = "it went back to an earlier configuration, because it did not reach its broker with the last one"
    return [Line("configuration", False, said=said, check="Compare the two, and give it a corrected one.")]


def _parts(told: object) -> Sequence[Line]:
    if not isinstance(told, list) or not all(isinstance(one, Mapping) for one in told):
        check = "Does it have firmware of this release?"
        return [Line("answer", False, said="the answer to the test lists no findings", check=check)]
    if len(told) > MOST:
        said = f"it lists {len(told)} findings; at most {MOST} are possible"
        return [Line("answer", False, said=said, check="Look at its configuration.")]
    return [_part(one) for one in told]


def _part(told: Mapping[str, Any]) -> Line:
    values = told.get("values")
    plain = {_text(key): _value(one) for key, one in values.items()} if isinstance(values, Mapping) else {}
    whole = len(plain) <= VALUES_MOST and None not in plain.values()
    good = told.get("ok") is True and whole
    kept = {key: one for key, one in plain.items() if one is not None} if len(plain) <= VALUES_MOST else {}
    said = "" if good else _text(told.get("said")) or "it gave no value that could be true"
    check = "" if good else _text(told.get("check")) or LOOK
    name = _text(told.get("part")) or "a part without a name"
    return Line(name, good, _text(told.get("kind")), _text(told.get("pin")), kept, said, check)


def _heard(line: Line, floor_dbm: int) -> Line:
    rssi = _rssi(line)
    if rssi is None:
        return replace(line, ok=False, said="it does not say how well it is heard", check="Check the antenna.")
    if floor_dbm <= rssi <= 0:
        return line
    check = line.check or "Check the antenna, metal around it, and the distance to the access point."
    return replace(line, ok=False, said=f"{rssi} dBm, at least {floor_dbm} dBm is needed", check=check)


def _rssi(line: Line) -> int | None:
    value = line.values.get("rssi")
    return round(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _value(value: object) -> float | bool | str | None:
    """None for what is no value."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value if math.isfinite(value) and abs(value) < 1e15 else None
    return _text(value) if isinstance(value, str) else None


def _text(value: object) -> str:
    text = value[:TEXT] if isinstance(value, str) else ""
    return "".join(char for char in text if char.isprintable())
