"""Which rows of the log's tail belong to which point, in memory.

An index on the point would cost a page per point and commit; this costs four to eight bytes of memory per
reading that is not packed yet (at most `tail_rows`). Filled by one scan at start, then by the writer after each commit.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from collections.abc import Iterable


class Tail:
    """Sequence numbers by point, ascending. Thread-safe."""

    def __init__(self, rows: Iterable[tuple[int, int]] = ()) -> None:
        self._lock = threading.Lock()
        self._seqs: dict[int, array[int]] = {}
        self.count = 0
        self.last_seq = 0
        self.extend(rows)

    def extend(self, rows: Iterable[tuple[int, int]]) -> None:
        """Add (seq, point) of committed rows, ascending."""
        with self._lock:
            seqs = self._seqs
            for seq, point in rows:
                held = seqs.get(point)
                if held is None:
                    held = seqs[point] = array("q")
                held.append(seq)
                self.count += 1
                self.last_seq = seq

    def points(self) -> list[int]:
        with self._lock:
            return sorted(self._seqs)

    def seqs(self, point: int) -> list[int]:
        """A copy. Take it before the snapshot that it is used with: what is packed in between is in the
        snapshot's segments, so nothing is missed."""
        with self._lock:
            return list(self._seqs.get(point, ()))

    def trim(self, last_seq: int) -> None:
        """Forget what is packed."""
        with self._lock:
            for point, held in list(self._seqs.items()):
                cut = bisect_right(held, last_seq)
                self.count -= cut
                if cut == len(held):
                    del self._seqs[point]
                elif cut:
                    self._seqs[point] = held[cut:]
