"""One stored reading, and a block of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sluis.model import Stamp, Value
from sluis.store import columns

QUALITY = 3
UNTRUSTED = 4
"""The wall clock was not to be believed when this was received."""
REDATED = 8
"""Dated again once the clock was right."""
BOOL = 16
"""The value is a bool; SQLite has only integers for it. Only in rows: blocks know the type."""

BAD = 2
"""`Quality.BAD` as stored."""


class Record(NamedTuple):
    """One reading as stored."""

    seq: int
    """Order of arrival, for ever."""
    at_us: int
    mono_us: int
    boot: int
    flags: int
    value: Value
    device_at_us: int | None

    @property
    def quality(self) -> int:
        return self.flags & QUALITY

    @property
    def stamp(self) -> Stamp:
        return Stamp(self.at_us, self.mono_us, not self.flags & UNTRUSTED)

    def redated(self, offset_us: int) -> Record:
        """The same, dated by its monotonic time."""
        return self._replace(at_us=self.mono_us + offset_us, flags=self.flags & ~UNTRUSTED | REDATED)


ROW = "seq, at_us, mono_us, boot, flags, value, device_at_us"
"""The columns of a row of `readings`, in the order of `Record`."""


def from_row(row: sqlite3.Row | tuple[object, ...]) -> Record:
    """A row of `readings` (columns `ROW`) as a record."""
    record = Record(*row)
    if record.flags & BOOL:
        return record._replace(flags=record.flags & ~BOOL, value=bool(record.value))
    return record


def pack_block(records: Sequence[Record]) -> bytes:
    """Readings of one point in order of `seq`; at least one."""
    seqs, ats, monos, boots, flags, values, device_ats = zip(*records, strict=True)
    offsets = [at - mono for at, mono in zip(ats, monos, strict=True)]
    return columns.join(len(records), (seqs, offsets, monos, boots, flags, values, device_ats))


def unpack_block(block: bytes) -> list[Record]:
    """The readings that `pack_block` was given."""
    _, (seqs, offsets, monos, boots, flags, values, device_ats) = columns.part(block)
    ats: Iterable[int] = map(int.__add__, offsets, monos)
    return list(map(Record, seqs, ats, monos, boots, flags, values, device_ats))
