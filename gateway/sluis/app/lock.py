"""One gateway per data directory."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sluis.model import SluisError


class AlreadyRunning(SluisError):
    """Another gateway uses this data directory."""

    code = "already-running"
    hint = "Stop it first, or choose another --data-dir."


@contextmanager
def only_one(run_dir: Path) -> Iterator[None]:
    """Hold the data directory's lock; AlreadyRunning names the process that has it."""
    path = run_dir / "lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise AlreadyRunning(f"process {file.read().strip() or '?'} runs a gateway in {run_dir.parent}") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
