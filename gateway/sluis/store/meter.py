"""Counts the bytes the writer really hands to the kernel, and for whom.

Linux counts the bytes each thread writes (`/proc/thread-self/io`, `wchar`; proc(5)). The writer looks before and
after a commit, so the count holds the write-ahead log, checkpoints and all. A commit that served several
subsystems is shared out by the rows each has changed. Where the kernel does not count (no task accounting), the
meter says so and counts nothing.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping

DAY_S = 86_400


class Meter:
    """Bytes by (UTC day number, subsystem). Written by one thread; reading takes copies."""

    def __init__(self) -> None:
        self.total = 0
        self.measured = True
        self._file: int | None = None
        self._days: defaultdict[tuple[int, str], int] = defaultdict(int)

    def mark(self) -> int:
        """The thread's byte count now; call it in the thread that writes."""
        try:
            if self._file is None:
                self._file = os.open("/proc/thread-self/io", os.O_RDONLY)
            text = os.pread(self._file, 256, 0)
            return int(text[text.index(b"wchar:") + 6 : text.index(b"\n", text.index(b"wchar:"))])
        except (OSError, ValueError):
            self.measured = False
            return 0

    def add(self, day: int, bytes_written: int, rows: Mapping[str, int]) -> None:
        """Share out `bytes_written` over the subsystems by the rows they changed."""
        self.total += bytes_written
        weights = rows if any(rows.values()) else dict.fromkeys(rows, 1)
        sum_of = sum(weights.values())
        for subsystem, weight in weights.items():
            self._days[(day, subsystem)] += bytes_written * weight // sum_of

    def days(self) -> dict[tuple[int, str], int]:
        """Everything counted since the start of the process."""
        return dict(self._days)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
