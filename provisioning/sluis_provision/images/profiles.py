"""Boards that can become nodes, as `firmware/boards/*.toml` describe them."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from sluis.shared import shared_dir
from sluis_provision.images.problem import CatalogueWrong, UnknownProfile


@dataclass(frozen=True, slots=True)
class FileSystem:
    """The part of flash that holds the node's files."""

    at: int
    size: int


@dataclass(frozen=True, slots=True)
class Profile:
    """A board: its chip, its flash, and what may be wired to it."""

    key: str
    name: str
    family: str
    """`esp` or `rp2`."""
    chip: str
    image: str
    """Key in the catalogue of images."""
    flash_bytes: int
    file_system: FileSystem
    pins: tuple[int, ...]
    """GPIO numbers that are free for use."""
    adc: tuple[int, ...] = ()
    """Those of `pins` that measure voltage."""
    avoid: Mapping[str, str] = field(default_factory=dict)
    """GPIO number -> why it is better left alone."""
    led: str = ""
    """What MicroPython calls the LED that `identify` blinks: a number or a name; "" where the board has none."""
    sources: tuple[str, ...] = ()


def profiles(folder: Path | None = None) -> dict[str, Profile]:
    """All profiles by key. CatalogueWrong names the file that cannot be read."""
    files = sorted((folder or shared_dir("firmware") / "boards").glob("*.toml"))
    return {file.stem: _read(file) for file in files}


def profile(key: str, folder: Path | None = None) -> Profile:
    """UnknownProfile names the nearest."""
    known = profiles(folder)
    if key not in known:
        near = difflib.get_close_matches(key, known, 1)
        meant = f"Did you mean {near[0]}? " if near else ""
        raise UnknownProfile(f"there is no board profile {key!r}", hint=f"{meant}There are: {', '.join(known)}")
    return known[key]


def _read(file: Path) -> Profile:
    try:
        held: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
        unknown = set(held) - {one.name for one in fields(Profile)}
        if unknown:
            raise ValueError(f"it has keys that mean nothing: {', '.join(sorted(unknown))}")
        held["file_system"] = FileSystem(**held["file_system"])
        held["avoid"] = dict(held.get("avoid", {}))
        lists = {key: tuple(held.get(key, ())) for key in ("pins", "adc", "sources")}
        made = Profile(**{"key": file.stem, **held, **lists})
        _sound(made)
        return made
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CatalogueWrong(f"{file} cannot be read: {error}") from error


def _sound(made: Profile) -> None:
    """ValueError for what cannot be."""
    if made.family not in ("esp", "rp2"):
        raise ValueError(f"family {made.family!r} is neither esp nor rp2")
    if made.file_system.at + made.file_system.size > made.flash_bytes:
        raise ValueError("the file system ends past the flash")
    if not set(made.adc) <= set(made.pins) or set(made.avoid) & {str(pin) for pin in made.pins}:
        raise ValueError("adc are some of pins, and avoid none of them")
