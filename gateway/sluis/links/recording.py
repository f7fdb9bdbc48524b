"""Frames in a file: one JSON object a line, as tests and the replay link read them.

    {"name": "tele-1", "topic": "tele/plug/SENSOR", "text": "{...}", "retained": false, "at_us": 1700000000000000}

`hex` stands in place of `text` when the bytes are no UTF-8. Readers need not know `at_us`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sluis.model import ConfigError, Frame, Stamp


def line_of(frame: Frame, name: str) -> str:
    """One line, without its end."""
    entry: dict[str, Any] = {"name": name, "topic": frame.source}
    try:
        entry["text"] = frame.data.decode()
    except UnicodeDecodeError:
        entry["hex"] = frame.data.hex()
    if frame.asked:
        entry["asked_hex"] = frame.asked.hex()
    if frame.rssi_dbm is not None:
        entry["rssi_dbm"] = frame.rssi_dbm
    entry["retained"] = frame.retained
    entry["at_us"] = frame.stamp.at_us
    return json.dumps(entry, ensure_ascii=False)


def frames_of(lines: Iterable[str], link: str) -> Iterator[Frame]:
    """The frames of a recording; ConfigError names the line that is none."""
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            entry = json.loads(line)
            data = bytes.fromhex(entry["hex"]) if "hex" in entry else str(entry["text"]).encode()
            stamp = Stamp(int(entry.get("at_us", 0)), int(entry.get("at_us", 0)))
            asked = bytes.fromhex(entry.get("asked_hex", ""))
            retained, rssi_dbm = bool(entry.get("retained", False)), entry.get("rssi_dbm")
            yield Frame(link, str(entry["topic"]), data, stamp, retained, rssi_dbm, asked=asked)
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"is no frame ({error})", where=f"line {number}") from error


class Recorder:
    """Appends frames to a file, from one thread; closed from any."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("a", encoding="utf-8")
        self._count = 0
        self._lock = threading.Lock()

    def write(self, frames: Sequence[Frame]) -> None:
        with self._lock:
            if self._file.closed:
                return
            for frame in frames:
                self._count += 1
                self._file.write(line_of(frame, f"recorded-{self._count}") + "\n")
            self._file.flush()

    def close(self) -> None:
        with self._lock:
            self._file.close()
