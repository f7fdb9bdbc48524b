"""MicroPython libraries of others: pinned by hash, fetched when a bundle is built, never kept in our tree.

An index has the layout of MicroPython's own (mip, index version 2):

    <index>/package/py/<name>/<version>.json    {"hashes": [[path, short hash], ...]}
    <index>/file/<first two of the hash>/<short hash>

Its short hashes are eight digits and say nothing about who wrote a file, so `manifest.toml` holds the full SHA-256 of
each file, and what has another one is refused.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sluis.model import ProvisionError

LARGEST = 256 * 1024
"""Bytes of one file. The largest that a node could run is a tenth of it."""


class LibraryRefused(ProvisionError):
    """A library is not what was pinned."""

    code = "provision.library-refused"


@dataclass(frozen=True, slots=True)
class Library:
    """One `[[library]]` of the manifest."""

    name: str
    version: str
    index: str
    files: Mapping[str, str]
    """SHA-256 by the path on the node."""


def pinned(manifest: Path) -> tuple[Library, ...]:
    """The libraries of a manifest."""
    told = tomllib.loads(manifest.read_text(encoding="utf-8"))
    return tuple(
        Library(entry["name"], entry["version"], entry.get("index", told.get("index", "")), dict(entry["files"]))
        for entry in told.get("library", ())
    )


def fetched(library: Library) -> dict[str, bytes]:
    """The library's files. LibraryRefused when the index has others, or other bytes, than were pinned."""
    import httpx

    what = f"{library.name} {library.version}"
    try:
        with httpx.Client(base_url=library.index, timeout=30) as client:
            listed = client.get(f"/package/py/{library.name}/{library.version}.json").raise_for_status().json()
            places = {path: f"/file/{short[:2]}/{short}" for path, short in listed["hashes"]}
            if set(places) != set(library.files):
                raise LibraryRefused(
                    f"{what} has other files than were pinned: {sorted(set(places) ^ set(library.files))}",
                    hint="Look at what changed, and pin it anew in firmware/manifest.toml.",
                )
            files = {path: client.get(place).raise_for_status().content for path, place in places.items()}
    except (httpx.HTTPError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, ProvisionError):
            raise
        raise LibraryRefused(f"{what} cannot be had: {error}", hint="Is the index reachable?") from error
    for path, content in files.items():
        if len(content) > LARGEST or hashlib.sha256(content).hexdigest() != library.files[path]:
            raise LibraryRefused(f"{path} of {what} is not what was pinned", hint="Do not use this index.")
    return files
