"""What one bundle has that another has not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sluis_provision.bundle.archive import Bundle

TOLD = ("board", "version", "sequence", "runtime", "since", "expires")


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file that differs."""

    path: str
    change: Literal["added", "changed", "removed"]
    before: int
    """Bytes; 0 where it was not there."""
    after: int


@dataclass(frozen=True, slots=True)
class Difference:
    """From one bundle to another."""

    told: dict[str, tuple[str | int, str | int]]
    """What the manifests say differently: before, after."""
    files: tuple[FileChange, ...]
    send_bytes: int
    """What a node that runs the one must be sent for the other: files whose content it has are not."""


def difference(old: Bundle, new: Bundle) -> Difference:
    """What changes on a node."""
    before, after = ({entry.path: entry for entry in one.manifest.files} for one in (old, new))
    files = []
    for path in sorted(before.keys() | after.keys()):
        was, now = before.get(path), after.get(path)
        if was is None or now is None or was.sha256 != now.sha256:
            change: Literal["added", "changed", "removed"]
            change = "added" if was is None else "removed" if now is None else "changed"
            files.append(FileChange(path, change, was.size if was else 0, now.size if now else 0))
    held = {entry.sha256 for entry in before.values()}
    wanted = {entry.sha256: entry.size for entry in after.values() if entry.sha256 not in held}
    told = {
        name: (getattr(old.manifest, name), getattr(new.manifest, name))
        for name in TOLD
        if getattr(old.manifest, name) != getattr(new.manifest, name)
    }
    return Difference(told, tuple(files), sum(wanted.values()))
