"""Recording what passes over a link into a file of frames, until somebody stops it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from sluis.model import NotFound, Stamp, StoreError

PIECE_BYTES = 1_000_000
"""A recording is handed out in pieces of at most this size; several times the longest frame."""


class Recordable(Protocol):
    """A link, as far as this needs it."""

    def record(self, file: Path | None) -> None: ...


class Recordings:
    """Which links are recorded, and where to."""

    def __init__(self, folder: Path, links: Mapping[str, Recordable], now: Callable[[], Stamp]) -> None:
        self._folder = folder
        self._links = links
        self._now = now
        self._files: dict[str, Path] = {}

    def file_of(self, link: str) -> str:
        """The file a link is recorded to; "" when it is not."""
        return str(self._files.get(link, ""))

    def start(self, link: str) -> str:
        """Record from now on; the file. Goes on where it is recorded already. NotFound for an unknown link."""
        held = self._link(link)
        if link not in self._files:
            at = datetime.fromtimestamp(self._now().at_us / 1e6, UTC)
            file = self._folder / f"{link}-{at:%Y%m%dT%H%M%SZ}.jsonl"
            try:
                self._folder.mkdir(mode=0o700, exist_ok=True)
                held.record(file)
            except OSError as error:
                raise StoreError(f"cannot record to {file}: {error}") from error
            self._files[link] = file
        return self.file_of(link)

    def stop(self, link: str) -> str:
        """Stop; the file that was written, "" for none."""
        self._link(link).record(None)
        return str(self._files.pop(link, ""))

    def read(self, link: str, after: int) -> tuple[list[str], int]:
        """Whole lines of the present recording from this byte on, and where the next piece begins. In a thread.

        NotFound when the link is not recorded.
        """
        file = self._files.get(link)
        if file is None:
            raise NotFound(f"{link} is not recorded", hint=f"sluis record {link}")
        with file.open("rb") as recording:
            recording.seek(after)
            piece = recording.read(PIECE_BYTES)
        whole = piece[: piece.rfind(b"\n") + 1]
        return whole.decode("utf-8").splitlines(), after + len(whole)

    def _link(self, name: str) -> Recordable:
        found = self._links.get(name)
        if found is None:
            raise NotFound(f"there is no link {name!r}", hint="sluis links")
        return found
