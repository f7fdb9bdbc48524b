"""What must survive a restart of ours about a broker's session: which session it is, and what it is subscribed to."""

from __future__ import annotations

import json
import os
from pathlib import Path

from sluis.links.files import write_whole


class SessionRecord:
    """In a small file, or in memory only when there is none.

    The broker numbers deliveries within a session; when it says that it knows none, the numbers start anew and
    deliveries before and after must not be taken for one another. `id` changes then.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self.id = ""
        self.filters: frozenset[str] = frozenset()
        if file is not None and file.exists():
            self._read(file)

    def begin(self) -> None:
        """The broker has lost our session, or never had one."""
        self.id = os.urandom(6).hex()
        self.filters = frozenset()
        if self._file is not None:
            write_whole(self._file, self._text())

    def subscribed(self, filters: frozenset[str]) -> None:
        """What the session is subscribed to now."""
        if filters == self.filters:
            return
        self.filters = filters
        if self._file is not None:
            # Not synced: this changes with every discovered device, and losing it costs a stale subscription only.
            beside = self._file.with_name(f".{self._file.name}.new")
            beside.write_text(self._text())
            beside.replace(self._file)

    def _read(self, file: Path) -> None:
        try:
            held = json.loads(file.read_text())
            self.id, self.filters = str(held["id"]), frozenset(map(str, held["filters"]))
        except (OSError, ValueError, KeyError, TypeError):
            self.id, self.filters = "", frozenset()  # damaged: as if there were none; it costs a resubscription

    def _text(self) -> str:
        return json.dumps({"id": self.id, "filters": sorted(self.filters)})
