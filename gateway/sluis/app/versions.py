"""Which version of a driver source worked, and which was put aside: kept, so that both survive a restart.

    <folder>/<source>/versions.json    {"good": [VERSION], "aside": {VERSION: {"reason", "since_us"}}, "keys": [KEY]}
    <folder>/<source>/<VERSION>.py     the text of each good version

A version is a digest of a file's text, or a package's version with one of its entry points. Of a package there is no
text to keep: its last good version is whatever its owner installs again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sluis.links.files import write_whole

log = logging.getLogger(__name__)

GOOD = 2
"""Good versions kept of each source: the one that works now, and the one before it, in case this one's luck ends."""


@dataclass(frozen=True, slots=True)
class Aside:
    """Why a version is not to be used, and since when."""

    reason: str
    since_us: int


@dataclass(slots=True)
class _Source:
    good: list[str] = field(default_factory=list)
    """Newest first."""
    aside: dict[str, Aside] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    """Driver keys of what was put aside last."""


class Versions:
    """Methods that write are called in a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sources: dict[str, _Source] = {}

    def load(self) -> None:
        for file in sorted(self._folder.glob("*/versions.json")) if self._folder.is_dir() else ():
            try:
                told = json.loads(file.read_text("utf-8"))
                aside = {version: Aside(**one) for version, one in told["aside"].items()}
                self._sources[file.parent.name] = _Source(list(told["good"]), aside, list(told["keys"]))
            except (OSError, ValueError, KeyError, TypeError) as error:
                log.warning("what is known of a driver's versions in %s cannot be read: %s", file, error)

    def is_good(self, source: str, version: str) -> bool:
        return version in self._of(source).good

    def aside(self, source: str, version: str) -> Aside | None:
        return self._of(source).aside.get(version)

    def put_aside_of(self, source: str) -> Mapping[str, Aside]:
        return self._of(source).aside

    def source_of(self, key: str) -> str:
        """The source of a driver key that was put aside; "" when there is none."""
        named = (name for name, one in self._sources.items() if one.aside and (key in one.keys or key == name))
        return next(named, "")

    def before(self, source: str, version: str) -> Sequence[str]:
        """The good versions other than this one that may be used, newest first."""
        held = self._of(source)
        return [one for one in held.good if one != version and one not in held.aside]

    def text(self, source: str, version: str) -> bytes:
        """OSError when it is not there, or is not what was kept."""
        text = (self._folder / source / f"{version}.py").read_bytes()
        if digest(text) != version:
            raise OSError(f"the kept version {version} of {source} was changed")
        return text

    def keep(self, source: str, version: str, text: bytes) -> None:
        """This version works."""
        held = self._sources.setdefault(source, _Source())
        write_whole(self._folder / source / f"{version}.py", text)
        held.good = [version, *(one for one in held.good if one != version)]
        for gone in held.good[GOOD:]:
            (self._folder / source / f"{gone}.py").unlink(missing_ok=True)
        held.good = held.good[:GOOD]
        self._save(source)

    def put_aside(self, source: str, version: str, keys: Sequence[str], why: Aside) -> None:
        """This version is not to be used until it is released."""
        held = self._sources.setdefault(source, _Source())
        held.aside[version] = why
        held.keys = list(keys)
        self._save(source)

    def release(self, source: str) -> None:
        """Every version may be tried again."""
        self._of(source).aside.clear()
        self._save(source)

    def forget(self, source: str) -> None:
        """The source is gone, and with it what is known of it."""
        if self._sources.pop(source, None) is not None:
            shutil.rmtree(self._folder / source, ignore_errors=True)

    def _of(self, source: str) -> _Source:
        return self._sources.get(source) or _Source()

    def _save(self, source: str) -> None:
        held = self._of(source)
        told = {"good": held.good, "aside": {key: asdict(one) for key, one in held.aside.items()}, "keys": held.keys}
        write_whole(self._folder / source / "versions.json", json.dumps(told))


def digest(text: bytes) -> str:
    """The version of a file."""
    return hashlib.sha256(text).hexdigest()[:12]
