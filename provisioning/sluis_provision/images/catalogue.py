"""The MicroPython images that Sluis knows: `hardware/runtimes.toml`.

An image is known by its SHA-256. micropython.org publishes none, so the catalogue's come from people who downloaded the
file and wrote down what they measured; `measured` says how many did so independently. An image without a hash can only
be used after a person has vouched for the file (`Store.take`).
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sluis.shared import shared_dir
from sluis_provision.images.problem import CatalogueWrong

HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Runtime:
    """One image."""

    key: str
    board: str
    """As MicroPython calls the build: `ESP32_GENERIC_C3`."""
    chip: str
    version: str
    file: str
    """Name of the file as it is published."""
    url: str
    """Where a person gets it. Sluis itself downloads nothing."""
    at: int
    """Address in flash; a UF2 brings its own."""
    sha256: str = ""
    """Hex; "" where no hash is known."""
    size: int = 0
    """Bytes; 0 where it is not known."""
    measured: int = 0
    """How many parties, independent of each other, measured this hash of the published file."""


def catalogue(file: Path | None = None) -> dict[str, Runtime]:
    """All images by key. CatalogueWrong says which entry is wrong."""
    file = file or shared_dir("hardware") / "runtimes.toml"
    try:
        held = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CatalogueWrong(f"{file} cannot be read: {error}") from error
    return {key: _entry(file, key, entry) for key, entry in held.items()}


def _entry(file: Path, key: str, entry: Any) -> Runtime:
    try:
        unknown = set(entry) - {field.name for field in fields(Runtime)}
        if unknown:
            raise ValueError(f"it has keys that mean nothing: {', '.join(sorted(unknown))}")
        made = Runtime(**{"key": key, **entry})
        if made.sha256 and not HASH.fullmatch(made.sha256):
            raise ValueError(f"sha256 {made.sha256!r} is not 64 hex digits")
        if Path(made.file).name != made.file:
            raise ValueError(f"file {made.file!r} is not the name of a file")
        if not isinstance(made.at, int) or not isinstance(made.size, int) or made.at < 0 or made.size < 0:
            raise ValueError("at and size are whole numbers")
    except (TypeError, ValueError) as error:
        raise CatalogueWrong(f"{file}: entry {key!r}: {error}") from error
    return made
