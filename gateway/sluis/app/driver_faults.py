"""Drivers' failures, each with the input that caused it, kept as a frames file that the driver's author can replay.

One file a driver, `<key>.jsonl`: the format of `sluis.sdk.testing.frames`, with the failure beside it under `fault`.
What a person told in secret (a bind key) is masked in it. At most `KEPT` different failures of one version are kept, so
that a hostile device cannot wear the card out by inventing inputs; the others are counted.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sluis.links.files import write_whole
from sluis.links.recording import line_of
from sluis.model import Device, Frame
from sluis.model.faults import DriverFailed
from sluis.sdk import Driver

log = logging.getLogger(__name__)

KEPT = 20
"""Different failures kept of one driver. Fewer and the one that matters may be missing; more and nobody reads them."""

TRACE_MAX = 4_000
"""Characters of a traceback kept: the last ten levels."""


@dataclass(frozen=True, slots=True)
class SavedFault:
    """One failure and how often it happened with the same input since the gateway started."""

    doing: str
    error: str
    trace: str
    device: str
    """Key of the device; "" for none."""
    version: str
    """Version of the driver's file or package."""
    at_us: int
    line: str
    """The input, as a line of a frames file."""
    count: int = 1


class DriverFaults:
    """All drivers' failures. Runs on the event loop; `save` writes what is new."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, list[SavedFault]] = {}
        self._unkept: dict[str, int] = {}
        self._unsaved: set[str] = set()

    def load(self) -> None:
        """What was kept before the gateway started. A damaged file is left alone, and said in the log."""
        for file in sorted(self._folder.glob("*.jsonl")) if self._folder.is_dir() else ():
            try:
                self._held[file.stem] = [_fault_of(line) for line in file.read_text("utf-8").splitlines() if line]
            except (OSError, ValueError, KeyError, TypeError) as error:
                log.warning("saved driver faults in %s cannot be read: %s", file, error)

    def of(self, driver: str) -> Sequence[SavedFault]:
        """Newest last."""
        return self._held.get(driver, ())

    def count(self, driver: str) -> int:
        return sum(one.count for one in self.of(driver)) + self._unkept.get(driver, 0)

    def drivers(self) -> Sequence[str]:
        return sorted(self._held)

    def add(self, failed: DriverFailed, cls: type[Driver] | None, version: str, at_us: int) -> None:
        """Keep a failure, or count it when this input is known or there are enough of them."""
        held = self._held.setdefault(failed.driver, [])
        line = _input(failed, cls, at_us, len(held) + 1)
        made = SavedFault(
            doing=failed.doing,
            error=f"{type(failed.error).__name__}: {failed.error}"[:500],
            trace="\n".join(getattr(failed.error, "__notes__", ()))[-TRACE_MAX:],
            device=failed.device.key if failed.device else "",
            version=version,
            at_us=at_us,
            line=line,
        )
        for number, one in enumerate(held):
            if (_essence(one.line), one.version) == (_essence(line), version):
                held[number] = replace(one, count=one.count + 1, at_us=at_us)
                return
        if len(held) >= KEPT:
            other = next((one for one in held if one.version != version), None)
            if other is None:
                self._unkept[failed.driver] = self._unkept.get(failed.driver, 0) + 1
                return
            held.remove(other)
        held.append(made)
        self._unsaved.add(failed.driver)

    def clear(self, driver: str) -> None:
        """Forget a driver's failures."""
        self._held.pop(driver, None)
        self._unkept.pop(driver, None)
        self._unsaved.add(driver)

    def save(self) -> None:
        """Write what changed. In a thread: the card may be slow."""
        waiting, self._unsaved = self._unsaved, set()
        for driver in waiting:
            file = self._folder / f"{driver}.jsonl"
            held = list(self._held.get(driver, ()))
            try:
                if held:
                    write_whole(file, "".join(_saved(one) + "\n" for one in held))
                else:
                    file.unlink(missing_ok=True)
            except OSError as error:
                log.warning("driver faults not saved to %s: %s", file, error)


def _input(failed: DriverFailed, cls: type[Driver] | None, at_us: int, number: int) -> str:
    """What the driver was given, as a line of a frames file."""
    name = f"fault {number} in {failed.doing}"
    entry: dict[str, Any] = {"name": name}
    if failed.frame is not None:
        entry = json.loads(line_of(_plain(failed.frame), name))
    if failed.doing == "sniff":
        entry["sniff"] = True
    if failed.device is not None:
        entry |= {"device": failed.device.native_id, "description": _description(failed.device, cls)}
    if failed.command is not None:
        entry |= {"command": failed.command.point, "value": failed.command.value, "sends": []}
    if failed.doing == "poll":
        entry["poll"] = True
    return json.dumps(entry | {"at_us": at_us}, ensure_ascii=False)


def _plain(frame: Frame) -> Frame:
    """Without half a character: such a source cannot be written."""
    return replace(frame, source=re.sub("[\ud800-\udfff]", "?", frame.source))


def _description(device: Device, cls: type[Driver] | None) -> Mapping[str, Any]:
    """What is known of the device, without what was told in secret."""
    asked = cls.about.setup if cls is not None else ()
    secret = {ask.key for ask in asked if ask.secret}
    told = device.description.get("setup")
    if not secret or not isinstance(told, Mapping):
        return device.description
    masked = {key: "***" if key in secret and value else value for key, value in told.items()}
    return {**device.description, "setup": masked}


def _essence(line: str) -> str:
    """A line without what differs each time."""
    entry = json.loads(line)
    return json.dumps({key: value for key, value in entry.items() if key not in ("name", "at_us")}, sort_keys=True)


def _saved(fault: SavedFault) -> str:
    entry = json.loads(fault.line)
    told = {"doing": fault.doing, "error": fault.error, "trace": fault.trace, "device": fault.device}
    entry["fault"] = told | {"version": fault.version, "at_us": fault.at_us, "count": fault.count}
    return json.dumps(entry, ensure_ascii=False)


def _fault_of(line: str) -> SavedFault:
    entry = json.loads(line)
    told = entry.pop("fault")
    return SavedFault(**told, line=json.dumps(entry, ensure_ascii=False))
