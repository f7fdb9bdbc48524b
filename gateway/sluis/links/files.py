"""Files that are either the old one or the new one, whatever happens to the power."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, text: str | bytes, *, mode: int = 0o600) -> None:
    """Replace `path` atomically and durably (written beside it, synced, renamed, folder synced)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(text.encode() if isinstance(text, str) else text)
        file.flush()
        os.fsync(file.fileno())
    beside.chmod(mode)
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
