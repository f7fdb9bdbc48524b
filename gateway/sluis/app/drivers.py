"""Where drivers come from: the built-in package, installed packages (entry points), files dropped into a folder."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

import sluis_drivers
from sluis.runtime import Clock
from sluis.sdk import Driver, Registry
from sluis.sdk.loading import drivers_of, drivers_of_file

log = logging.getLogger(__name__)

GROUP = "sluis.drivers"
LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class DriverFault:
    """A driver file or package that cannot be used, and why."""

    source: str
    traceback: str
    since_us: int


def built_in() -> Iterator[type[Driver]]:
    """All drivers of the `sluis_drivers` package."""
    yield from drivers_of(sluis_drivers)


class DriverLoader:
    """Fills the registry, and keeps it up with the drop-in folder."""

    def __init__(self, registry: Registry, folder: Path, clock: Clock) -> None:
        self.faults: dict[str, DriverFault] = {}
        self.sources: dict[str, str] = {}
        """Driver key -> where it came from."""
        self._registry = registry
        self._folder = folder
        self._clock = clock
        self._seen: dict[Path, tuple[int, int]] = {}
        self._of_file: dict[Path, list[str]] = {}

    def load(self) -> None:
        """Everything there is now. A broken file is a fault; a broken built-in is our bug and raises."""
        for cls in built_in():
            self._registry.add(cls)
            self.sources[cls.about.key] = "built-in"
        for entry in entry_points(group=GROUP):
            try:
                self._take(entry.load(), f"{entry.name} ({entry.value})")
            except Exception:
                self._fault(entry.name)
        self.refresh()

    def refresh(self) -> list[str]:
        """Look at the drop-in folder; the keys of drivers that changed. The last good version of a file stays."""
        changed: list[str] = []
        files = {path: _version(path) for path in sorted(self._folder.glob("*.py"))} if self._folder.is_dir() else {}
        for path in [path for path in self._seen if path not in files]:
            del self._seen[path]
            self.faults.pop(path.name, None)
            for key in self._of_file.pop(path, []):
                self._registry.discard(key)
                self.sources.pop(key, None)
                changed.append(key)
        for path, version in files.items():
            if self._seen.get(path) != version:
                self._seen[path] = version
                changed += self._load_file(path)
        return changed

    def _load_file(self, path: Path) -> list[str]:
        try:
            classes = drivers_of_file(path)
            own = self._of_file.get(path, [])
            for cls in classes:
                self._take(cls, path.name, own=own)
        except BaseException as error:  # a stranger's code may raise anything, SystemExit included
            if isinstance(error, KeyboardInterrupt):
                raise
            self._fault(path.name)
            return []
        self.faults.pop(path.name, None)
        keys = [cls.about.key for cls in classes]
        gone = [key for key in own if key not in keys]
        for key in gone:
            self._registry.discard(key)
            self.sources.pop(key, None)
        self._of_file[path] = keys
        log.info("driver file %s loaded: %s", path.name, ", ".join(keys))
        return keys + gone

    def _take(self, cls: type[Driver], source: str, own: list[str] | None = None) -> None:
        key = cls.about.key
        self._registry.add(cls, replace=own is not None and key in own)
        self.sources[key] = source

    def _fault(self, source: str) -> None:
        self.faults[source] = DriverFault(source, traceback.format_exc(), self._clock.stamp().at_us)
        log.error("driver %s cannot be used; see its page", source)


def _version(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size
