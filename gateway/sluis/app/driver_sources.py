"""The sources of drivers: the built-in package, and what a driver host is told of files and installed packages."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import sluis_drivers
from sluis.app.versions import digest
from sluis.hosted.messages import Load
from sluis.sdk import Driver
from sluis.sdk.loading import drivers_of
from sluis.sdk.stated import stated

GROUP = "sluis.drivers"
BUILT_IN = "built-in"


def built_in() -> Iterator[type[Driver]]:
    """All drivers of the `sluis_drivers` package."""
    yield from drivers_of(sluis_drivers)


def load_of(name: str, path: str, text: bytes) -> Load:
    """What a driver host is told of a file."""
    return Load(name, path, text, needed=stated(text), version=digest(text))


def packages() -> list[Load]:
    """The installed packages with drivers, each with its entry points."""
    found: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        found.setdefault(entry.dist.name if entry.dist is not None else entry.name, []).append(entry)
    return [_package(name, entries) for name, entries in sorted(found.items())]


def _package(name: str, entries: list[EntryPoint]) -> Load:
    text = b"\n".join(map(_source_of, entries))
    release = entries[0].dist.version if entries[0].dist is not None else ""
    version = f"{release}-{hashlib.sha256(text).hexdigest()[:12]}"
    return Load(name, entries=tuple(one.value for one in entries), needed=stated(text), version=version)


def _source_of(entry: EntryPoint) -> bytes:
    """The text of the module an entry point names, unimported; b"" when it is not where its package lies."""
    stem = entry.module.replace(".", "/")
    for file in (f"{stem}.py", f"{stem}/__init__.py") if entry.dist is not None else ():
        assert entry.dist is not None
        path = Path(str(entry.dist.locate_file(file)))
        if path.is_file():
            return path.read_bytes()
    return b""
