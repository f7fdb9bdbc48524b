"""What the chips confirmed, by their number: so that a board that comes back is not written twice.

It is a hint and no proof: what is remembered is read back before it is relied on. So it may be lost, and need not be
synced to disk.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from sluis_provision.flashers import Part

KEPT = 500
"""Boards; the oldest are forgotten first. A file of some 100 kB."""


class Memory:
    """{number: {place: SHA-256}}, in a file or only as long as this object."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._held: dict[str, dict[str, str]] = _read(file)

    def sure(self, uid: str, part: Part) -> None:
        if uid:
            places = self._held.pop(uid, {})
            self._held[uid] = places | {part.place: part.sha256}
            self._save()

    def known(self, uid: str, parts: Sequence[Part]) -> list[Part]:
        """Those of `parts` that were confirmed on this board."""
        places = self._held.get(uid, {})
        return [part for part in parts if places.get(part.place) == part.sha256]

    def forget(self, uid: str) -> None:
        if self._held.pop(uid, None) is not None:
            self._save()

    def _save(self) -> None:
        while len(self._held) > KEPT:
            del self._held[next(iter(self._held))]
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            beside = self._file.with_name(f".{self._file.name}.new")
            beside.write_text(json.dumps(self._held))
            beside.replace(self._file)


def _read(file: Path | None) -> dict[str, dict[str, str]]:
    """What is sound in the file."""
    try:
        held = json.loads(file.read_text()) if file is not None else {}
    except (OSError, ValueError):
        return {}
    return {uid: places for uid, places in held.items() if isinstance(places, dict)} if isinstance(held, dict) else {}
