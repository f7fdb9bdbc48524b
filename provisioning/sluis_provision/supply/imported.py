"""The bundles on this gateway: files that were checked when they came, and are checked again when they are used.

    <name>.sluis    the bundle as it was signed
    index.json      when each came, from where, by whose word; and which releases were ever here

A bundle is copied first and checked then, so that what was checked is what is kept, whatever happens to the stick.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from sluis.model import SluisError, StoreError
from sluis.wire.manifest import OutOfDate
from sluis.wire.signed import Damaged, Trust
from sluis_provision.bundle import archive
from sluis_provision.bundle.archive import BUNDLE_BYTES_MAX, Bundle
from sluis_provision.files import write_whole
from sluis_provision.supply.problem import Different, NoRoom, NoSuchBundle, Older

SPARE_BYTES = 64 * 1024 * 1024
"""What must stay free on the card: readings are written there all the time, and they come first."""

Bring = Callable[[Path], None]
"""Puts a bundle where it is told to."""

State = Literal["ready", "untrusted", "expired", "damaged"]


@dataclass(frozen=True, slots=True)
class Record:
    """How a bundle came here."""

    name: str
    board: str
    version: str
    sequence: int
    manifest: str
    """SHA-256 of its manifest."""
    bytes: int
    at_us: int
    by: str
    source: str
    allowed: str = ""
    """Why a person allowed it although a newer one had been here; "" when it was the newest."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A release that was here once. It stays known when the bundle is removed."""

    board: str
    sequence: int
    manifest: str


@dataclass(frozen=True, slots=True)
class Word:
    """Who imports, when, from where; and why, when it is older than what was here."""

    by: str
    at_us: int
    source: str
    allow_older: bool = False
    reason: str = ""


class Imported:
    """A folder of bundles. One at a time changes it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def records(self) -> list[Record]:
        """Newest first."""
        return sorted(self._index()[0].values(), key=lambda one: one.sequence, reverse=True)

    def record(self, name: str) -> Record:
        found = self._index()[0].get(name)
        if found is None:
            raise NoSuchBundle(f"there is no bundle {name!r} on this gateway")
        return found

    def highest(self, board: str) -> int:
        """The highest sequence that was ever imported for a board; 0 for none."""
        return _highest(self._index()[1], board)

    def path(self, name: str) -> Path:
        return self._folder / self.record(name).name

    def bundle(self, name: str, trust: Trust, now: datetime | None) -> Bundle:
        """A bundle to roll out: whole, as it was imported, still trusted, not expired. Raises why not."""
        record = self.record(name)
        try:
            held = archive.opened(self._folder / name)
        except OSError as error:
            raise Damaged(f"{name} cannot be read: {error.strerror}", hint="Import it again.") from error
        if held.digest != record.manifest:
            raise Damaged(f"{name} is not what was imported", hint="Import it again.")
        held.check(trust)
        _still(held, now)
        return held

    def state(self, name: str, trust: Trust, now: datetime | None) -> tuple[State, str]:
        """(whether it can be rolled out, why not)."""
        try:
            self.bundle(name, trust, now)
        except OutOfDate as error:
            return "expired", str(error)
        except Damaged as error:
            return "damaged", str(error)
        except SluisError as error:
            return "untrusted", str(error)
        return "ready", ""

    def take(
        self, bring: Callable[[Path], None], trust: Trust, now: datetime | None, word: Word
    ) -> tuple[Record, bool]:
        """(what was imported, whether it is new here).

        Raises why it is not taken: Damaged, Untrusted, OutOfDate, Different, Older, NoRoom. Nothing is left then.
        """
        with self._lock:
            self._folder.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(self._folder).free < BUNDLE_BYTES_MAX + SPARE_BYTES:
                raise NoRoom(f"less than {(BUNDLE_BYTES_MAX + SPARE_BYTES) >> 20} MiB are free on this gateway")
            beside = self._folder / ".incoming"
            try:
                bring(beside)
                held = archive.opened(beside)
                held.check(trust)
                _still(held, now)
                return self._keep(beside, held, word)
            finally:
                with suppress(OSError):
                    beside.unlink()

    def _keep(self, beside: Path, held: Bundle, word: Word) -> tuple[Record, bool]:
        records, seen = self._index()
        manifest = held.manifest
        known = records.get(held.name)
        if known is None or known.manifest != held.digest:
            allowed = _allowed(held, seen, word)
            told = (held.name, manifest.board, manifest.version, manifest.sequence, held.digest, beside.stat().st_size)
            records[held.name] = Record(*told, word.at_us, word.by, word.source, allowed)
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(self._folder / held.name)
        self._write(records, seen | {Seen(manifest.board, manifest.sequence, held.digest)})
        return records[held.name], known != records[held.name]

    def remove(self, name: str) -> Record:
        """Forget a bundle; that it was here stays known."""
        with self._lock:
            record = self.record(name)
            records, seen = self._index()
            del records[name]
            self._write(records, seen)
            (self._folder / name).unlink(missing_ok=True)
            return record

    def _index(self) -> tuple[dict[str, Record], set[Seen]]:
        """(records by name, what was ever here). StoreError when the index is damaged: it keeps old ones out."""
        try:
            told: Any = json.loads((self._folder / "index.json").read_bytes())
            return {one["name"]: Record(**one) for one in told["bundles"]}, {Seen(**one) for one in told["seen"]}
        except FileNotFoundError:
            return {}, set()
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise StoreError(
                f"{self._folder / 'index.json'} cannot be read: {error}", hint="Restore it from a backup."
            ) from error

    def _write(self, records: dict[str, Record], seen: set[Seen]) -> None:
        listed = sorted(seen, key=lambda one: (one.sequence, one.board))
        told = {"bundles": [asdict(one) for one in records.values()], "seen": [asdict(one) for one in listed]}
        write_whole(self._folder / "index.json", json.dumps(told, indent=1).encode())


def copying(source: Path) -> Callable[[Path], None]:
    """Brings a bundle from a file. Damaged when it is too large to be one, or cannot be read."""

    def bring(into: Path) -> None:
        try:
            if source.stat().st_size > BUNDLE_BYTES_MAX:
                raise Damaged(f"{source} is too large for a bundle")
            shutil.copyfile(source, into)
        except OSError as error:
            raise Damaged(f"{source} cannot be read: {error.strerror}") from error

    return bring


def _highest(seen: set[Seen], board: str) -> int:
    return max((one.sequence for one in seen if one.board == board), default=0)


def _allowed(held: Bundle, seen: set[Seen], word: Word) -> str:
    """Why a person allowed it; "" where nobody had to. Different or Older when it may not come in."""
    sequence = held.manifest.sequence
    if any(one.sequence == sequence and one.manifest != held.digest for one in seen):
        raise Different(f"{held.name} has sequence {sequence}, under which another release came before")
    highest = _highest(seen, held.manifest.board)
    if sequence >= highest:
        return ""
    if not word.allow_older or not word.reason.strip():
        raise Older(f"sequence {sequence} is older than {highest}, which is or was on this gateway")
    return word.reason.strip()


def _still(held: Bundle, now: datetime | None) -> None:
    if now is not None and now.timestamp() >= held.manifest.expires:
        raise OutOfDate(f"{held.name} was released for a time that is over")
