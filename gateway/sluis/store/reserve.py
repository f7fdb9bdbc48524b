"""A file that is only there to be deleted: room for alerts and the audit log when the disk is full."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

MARGIN = 1_000_000
"""Bytes that must be free beside the reserve before readings are written again. Smaller and the store flutters
between full and not; larger and it stays shut although there is room for an hour of readings."""

CHUNK = bytes(1 << 16)


class Reserve:
    """`size` bytes in a file beside the database. Size 0 keeps none."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size

    @property
    def made(self) -> bool:
        try:
            return self.path.stat().st_size >= self.size
        except OSError:
            return self.size == 0

    def make(self) -> bool:
        """Take the room, where there is enough of it. True when the reserve is there."""
        if self.made:
            return True
        if self.free() < self.size + MARGIN:
            return False
        try:
            with self.path.open("wb") as file:
                # Written, not only sized: some file systems keep no blocks for a hole.
                for _ in range(-(-self.size // len(CHUNK))):
                    file.write(CHUNK)
                os.fsync(file.fileno())
        except OSError:
            self.release()
            return False
        return True

    def release(self) -> None:
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)

    def free(self) -> int:
        """Bytes this process may still write on the file system."""
        try:
            return shutil.disk_usage(self.path.parent).free
        except OSError:
            return 0

    def room_again(self) -> bool:
        """Whether readings may be written again without using the room the reserve gave up."""
        return self.made or self.free() >= self.size + MARGIN
