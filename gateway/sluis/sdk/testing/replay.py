"""Replaying a frames file: what a driver class says of each line, as plain values."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from sluis.model import (
    Announcement,
    Command,
    CommandError,
    Frame,
    FrameError,
    LinkError,
    NotMine,
    Occurrence,
    Presence,
    Quality,
    Reading,
    Roster,
    Stamp,
)
from sluis.model.commands import SYSTEM
from sluis.sdk.driver import Decoded, Driver, Inquiry, Sniffed
from sluis.sdk.registry import merge_fragment
from sluis.sdk.testing.frames import Case, data_of
from sluis.sdk.testing.link import START, RecordingLink, Sent, finish


class Bench:
    """One driver class, and the descriptions its devices have announced so far."""

    def __init__(self, cls: type[Driver]) -> None:
        self.cls = cls
        self.descriptions: dict[str, dict[str, Any]] = {}
        self._last = ""

    def sniff(self, frame: Frame) -> list[Sniffed]:
        """What the class says of a possible announcement; its devices' descriptions are kept."""
        said = list(self.cls.sniff(frame))
        for item in said:
            if isinstance(item, Announcement) and item.native_id:
                self._last = item.native_id
                held = self.descriptions.get(item.native_id, {})
                self.descriptions[item.native_id] = merge_fragment(held, item)
        return said

    def device(self, case: Case) -> Driver:
        """The driver instance that a line of the file is about."""
        native_id = str(case.entry.get("device", self._last))
        description = case.entry.get("description", self.descriptions.get(native_id, {}))
        driver = self.cls(native_id, description)
        earlier = [bytes.fromhex(data) for data in case.entry.get("before", [])]
        for age_s, data in zip(range(len(earlier), 0, -1), earlier, strict=True):
            stamp = Stamp(START.at_us - age_s * 1_000_000, START.mono_us - age_s * 1_000_000)
            with suppress(FrameError):
                list(driver.decode(replace(case.frame, data=data, stamp=stamp)))
        return driver

    def drivers(self) -> list[Driver]:
        """An instance for every device announced; one without a description when there was none."""
        made = [self.cls(native_id, description) for native_id, description in self.descriptions.items()]
        return made or [self.cls("device")]


def perform(driver: Driver, point: str, value: Any, answers: Iterable[str | bytes] = ()) -> list[Sent]:
    """What a driver sends for a command. CommandError when it refuses."""
    link = RecordingLink(answer.encode() if isinstance(answer, str) else answer for answer in answers)
    finish(driver.perform(link, Command("c1", "device", point, value, SYSTEM, 0)))
    return link.sent


def outcome(bench: Bench, case: Case) -> Mapping[str, Any]:
    """What the driver makes of a line, in the words of the file."""
    try:
        if case.kind == "command":
            sent = perform(bench.device(case), case.entry["command"], case.entry.get("value"), _answers(case))
            return {"sends": [_sent(one) for one in sent]}
        if case.kind == "announcement":
            return {"announces": [_sniffed(item) for item in bench.sniff(case.frame)]}
        driver = bench.device(case)
        return decoded(driver.decode(case.frame)) | {"identity": driver.identity(case.frame)}
    except (FrameError, CommandError) as error:
        return {"error": error.code, "says": str(error)}


def recorded(bench: Bench, case: Case) -> dict[str, Any]:
    """What the driver makes of a line that says no outcome yet: an announcement, a frame of a device that it announced
    or that the line names, or both."""
    said: dict[str, Any] = {}
    try:
        if case.entry.get("poll"):
            return {"asks": [_sent(one) for one in polled(bench.device(case), _answers(case))]}
        if _may_announce(bench.cls, case.frame.source):
            with suppress(NotMine):
                said["announces"] = [_sniffed(item) for item in bench.sniff(case.frame)]
        for driver in _addressed(bench, case):
            said |= {"device": driver.native_id} | decoded(driver.decode(case.frame))
    except FrameError as error:
        return said | {"error": error.code, "says": str(error)}
    return said or {"says": "nobody's: no announcement, and no frame of an announced device"}


def _addressed(bench: Bench, case: Case) -> list[Driver]:
    """The devices that this frame is for."""
    if "device" in case.entry:
        return [bench.device(case)]
    if not bench.cls.about.match.filters and bench.cls.sniff.__func__ is Driver.sniff.__func__:  # type: ignore[attr-defined]
        return [bench.cls(case.frame.source)]  # it announces nothing: a person added the device at this address
    made = [bench.cls(native_id, description) for native_id, description in bench.descriptions.items()]
    return [one for one in made if any(topic_fits(topic, case.frame.source) for topic in one.topics())]


OUTCOME = ("announces", "readings", "occurrences", "presence", "quality", "measured_at_us", "identity", "error", "says")
"""What a line says of what the driver makes of it."""


def filled(bench: Bench, case: Case) -> list[dict[str, Any]]:
    """The lines to write for a line: with what the driver makes of it now. An announcement that is a device's frame too
    becomes two lines, the first time; a line that expects an announcement or a command stays as it is."""
    if case.kind in ("announcement", "command"):
        with suppress(FrameError):
            bench.sniff(case.frame)
        return [dict(case.entry)]
    known = set(bench.descriptions)
    said = recorded(bench, case)
    bare = {key: value for key, value in case.entry.items() if key not in OUTCOME and key != "at_us"}
    lines: list[dict[str, Any]] = []
    for one in said.pop("announces", ()):
        if one.get("native_id") and one["native_id"] not in known:
            told = {key: one[key] for key in ("native_id", "vendor", "model") if one.get(key)}
            lines.append(bare | {"name": f"{case.name}: it is there", "announces": [told]})
    if "error" in said:
        return [*lines, bare | {"error": said["error"]}]
    outcome = {key: value for key, value in said.items() if key in OUTCOME and value and key != "says"}
    if outcome or "readings" in said:
        lines.append(bare | {"readings": said.get("readings", {})} | outcome)
    return lines or [dict(case.entry)]


def _may_announce(cls: type[Driver], source: str) -> bool:
    """Whether `sniff` would be asked; an advertisement is judged by what it says, so there `sniff` itself decides."""
    match = cls.about.match
    by_content = "ble" in match.kinds and bool(match.services or match.manufacturers or match.names)
    return by_content or any(topic_fits(one, source) for one in match.filters)


def topic_fits(topic_filter: str, topic: str) -> bool:
    """MQTT 3.1.1 section 4.7, without `$` topics."""
    pattern = re.escape(topic_filter).replace(r"\+", "[^/]*").replace(r"/\#", "(/.*)?").replace(r"\#", ".*")
    return re.fullmatch(pattern, topic, re.DOTALL) is not None


def polled(driver: Driver, answers: Iterable[str | bytes] = ()) -> list[Sent]:
    """What a driver asks in one poll, up to the first question that has no answer."""
    link = RecordingLink(answer.encode() if isinstance(answer, str) else answer for answer in answers)
    with suppress(LinkError):
        finish(driver.poll(link))
    return link.sent


def mismatches(bench: Bench, case: Case) -> list[str]:
    """How the outcome differs from what the line expects; nothing when it does not."""
    found, entry = outcome(bench, case), case.entry
    if found.get("error") != entry.get("error"):
        said = f"{found['error']}: {found['says']}" if "error" in found else "no error"
        return [f"expected {entry.get('error', 'no error')}, got {said}"]
    if "error" in found:
        return []
    if case.kind == "command":
        wanted = [{"to": s.get("to", ""), "data": data_of(s), "retain": s.get("retain", False)} for s in entry["sends"]]
        return _differs("sends", [_comparable(s) for s in wanted], [_comparable(s) for s in found["sends"]])
    if case.kind == "announcement":
        return _subsets("announces", entry["announces"], found["announces"])
    wrong = _subsets("presence", entry.get("presence", []), found["presence"])
    wrong += _differs("occurrences", entry.get("occurrences", []), found["occurrences"])
    wrong += _differs("quality", entry.get("quality", {}), found["quality"])
    if "announced" in entry:
        wrong += _subsets("announced", entry["announced"], found["announced"])
    for optional in ("identity", "measured_at_us"):
        if optional in entry:
            wrong += _differs(optional, entry[optional], found[optional])
    return wrong + _differs("readings", entry.get("readings", {}), found["readings"])


def decoded(items: Iterable[Decoded]) -> dict[str, Any]:
    """The outcome of `decode` in the words of the file."""
    said = list(items)
    readings = [item for item in said if isinstance(item, Reading)]
    return {
        "readings": {reading.point: reading.value for reading in readings},
        "quality": {reading.point: reading.quality.word for reading in readings if reading.quality != Quality.GOOD},
        "measured_at_us": next((reading.at_us for reading in readings), None),
        "occurrences": [[item.point, item.what] for item in said if isinstance(item, Occurrence)],
        "presence": [_presence(item) for item in said if isinstance(item, Presence)],
        "announced": [_sniffed(item) for item in said if isinstance(item, Announcement)],
    }


def _answers(case: Case) -> list[str | bytes]:
    if "answers_hex" in case.entry:
        return [bytes.fromhex(answer) for answer in case.entry["answers_hex"]]
    return [answer if isinstance(answer, str) else json.dumps(answer) for answer in case.entry.get("answers", [])]


def _sent(sent: Sent) -> dict[str, Any]:
    return {"to": sent.to, "data": sent.data, "retain": sent.retain}


def _comparable(sent: Mapping[str, Any]) -> Mapping[str, Any]:
    """JSON is compared as what it says, other data as bytes."""
    try:
        return {**sent, "data": json.loads(sent["data"])}
    except ValueError:
        return sent


def _sniffed(item: Sniffed) -> dict[str, Any]:
    if isinstance(item, Announcement):
        return {field: getattr(item, field) for field in item.__slots__}
    if isinstance(item, Roster):
        return {"roster": sorted(item.native_ids), "parent": item.parent}
    if isinstance(item, Inquiry):
        return {"inquiry": item.to, "data": item.data.decode()}
    return {"presence": item.availability.value} | {k: v for k, v in _presence(item).items() if k != "availability"}


def _presence(item: Presence) -> dict[str, Any]:
    said = {field: getattr(item, field) for field in item.__slots__}
    return said | {"availability": item.availability.value, "sources": list(item.sources)}


def _subsets(what: str, wanted: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Every wanted mapping has its counterpart, whose further fields do not matter."""
    if len(wanted) != len(found):
        return [f"{what}: expected {len(wanted)}, got {len(found)}: {_short(found)}"]
    wrong: list[str] = []
    for one, other in zip(wanted, found, strict=True):
        for key, value in one.items():
            wrong += _differs(f"{what}.{key}", value, other.get(key))
    return wrong


def _differs(what: str, wanted: Any, found: Any) -> list[str]:
    return [] if _same(wanted, found) else [f"{what}: expected {_short(wanted)}, got {_short(found)}"]


def _same(wanted: Any, found: Any) -> bool:
    """Equal, where true is not 1, and NaN is NaN (a driver hands on what the twin will refuse)."""
    if isinstance(wanted, float) and isinstance(found, float) and math.isnan(wanted):
        return math.isnan(found)
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return wanted.keys() == found.keys() and all(_same(wanted[key], found[key]) for key in wanted)
    if isinstance(wanted, list | tuple) and isinstance(found, list | tuple):
        return len(wanted) == len(found) and all(map(_same, wanted, found))
    return isinstance(wanted, bool) == isinstance(found, bool) and bool(wanted == found)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 300 else text[:300] + "..."
