"""Frames files: `tests/devices/frames/<driver key>.jsonl`, one JSON object a line.

Every line has a `name`. What else stands in it says what kind of line it is:

    announcement   topic, text | hex, announces: [{native_id, fragment, name, ..., content}]   what `sniff` says
                   (only the fields that stand there are compared; [] for nothing; also
                   {"presence": ...}, {"roster": [ids], "parent": id}, {"inquiry": topic, "json" | "text": ...});
                   or sniff: true with error: CODE
    frame          topic, text | hex, and the outcome of `decode`:
                   readings: {POINT: VALUE}   quality: {POINT: "bad"}   measured_at_us: N
                   occurrences: [[POINT, WHAT]]   presence: [{availability, ...}]   identity: ID | null
                   announced: [{native_id, content, ...}]   what `decode` announces
                   or error: CODE ("frame.not-mine" marks a foreign frame, any other a damaged one)
    command        command: POINT, value: V, sends: [{to, text | json | hex, retain}], answers: [TEXT]
                   (or answers_hex: [HEX]), or error: CODE

`topic` is the frame's source: a topic, a radio's address, a station on a bus. An answer on a link of question and
answer has `asked | asked_hex` too, a radio's frame `rssi_dbm`. `device` names the native id of the device that decodes
or performs; without it the device announced last. Its description is what the announcements above it in the file said
of that id, or `description` when that is given. `before: [HEX, ...]` are frames from the same source that this device
decoded earlier, one second apart: for protocols with a counter.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sluis.model import ConfigError, Frame
from sluis.sdk.testing.link import START


@dataclass(frozen=True, slots=True)
class Case:
    """One line of a frames file."""

    line: int
    name: str
    entry: Mapping[str, Any]
    frame: Frame = field(repr=False)
    """Empty for a command."""

    @property
    def kind(self) -> str:
        """`announcement`, `frame`, `command`, or `recorded` for a frame that says no outcome yet."""
        if "command" in self.entry:
            return "command"
        if "announces" in self.entry or self.entry.get("sniff"):
            return "announcement"
        outcomes = ("readings", "occurrences", "presence", "announced", "error", "identity")
        return "frame" if any(key in self.entry for key in outcomes) else "recorded"


def data_of(entry: Mapping[str, Any]) -> bytes:
    """The bytes of a line: `hex`, `text`, or `json`."""
    if "hex" in entry:
        return bytes.fromhex(entry["hex"])
    if "json" in entry:
        return json.dumps(entry["json"]).encode()
    return str(entry.get("text", "")).encode()


def cases_of(lines: Iterable[str], where: str = "frames") -> Iterator[Case]:
    """The cases of a frames file. ConfigError names the line that is none."""
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            entry = json.loads(line)
            frame = Frame(
                "replay",
                entry.get("topic", ""),
                data_of(entry),
                START,
                entry.get("retained", False),
                entry.get("rssi_dbm"),
                asked=bytes.fromhex(entry["asked_hex"]) if "asked_hex" in entry else entry.get("asked", "").encode(),
            )
            yield Case(number, str(entry["name"]), entry, frame)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"no case: {error!r}", where=f"{where}:{number}") from error


def load(file: Path) -> list[Case]:
    """All cases of a file; none when there is no such file."""
    if not file.exists():
        return []
    return list(cases_of(file.read_text(encoding="utf-8").splitlines(), file.name))
