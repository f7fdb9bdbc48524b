"""Where drivers come from: the built-in package, installed packages (entry points), files dropped into a folder."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import logging
import pkgutil
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

import sluis_drivers
from sluis.model import DriverError
from sluis.runtime import Clock
from sluis.sdk import Driver, Registry

log = logging.getLogger(__name__)

GROUP = "sluis.drivers"
LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class DriverFault:
    """A driver file or package that cannot be used, and why."""

    source: str
    traceback: str
    since_us: int


def drivers_in(module: ModuleType) -> Iterator[type[Driver]]:
    """The driver classes a module defines (not those it imports)."""
    for _, cls in inspect.getmembers(module, inspect.isclass):
        if issubclass(cls, Driver) and cls.__module__ == module.__name__ and "about" in vars(cls):
            yield cls


def built_in() -> Iterator[type[Driver]]:
    """All drivers of the `sluis_drivers` package."""
    for found in pkgutil.walk_packages(sluis_drivers.__path__, "sluis_drivers."):
        yield from drivers_in(importlib.import_module(found.name))


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
        name = f"sluis_dropin_{path.stem}"
        try:
            spec = importlib.util.spec_from_file_location(name, path)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)
            classes = list(drivers_in(module))
            if not classes:
                raise DriverError(f"{path.name} defines no driver", hint="A driver is a class with an `about`.")
            for cls in classes:
                self._take(cls, path.name, own=self._of_file.get(path, []))
        except BaseException as error:  # a stranger's code may raise anything, SystemExit included
            if isinstance(error, KeyboardInterrupt):
                raise
            self._fault(path.name)
            return []
        self.faults.pop(path.name, None)
        self._of_file[path] = [cls.about.key for cls in classes]
        log.info("driver file %s loaded: %s", path.name, ", ".join(self._of_file[path]))
        return self._of_file[path]

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
