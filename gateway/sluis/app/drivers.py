"""Where drivers come from: the built-in package, installed packages (entry points), files dropped into a folder.

Built-in drivers run in this process. Each other source has a driver host, a process of its own (decision 0009). A
changed file gets a new host; the old one serves until the new one has loaded, and stays when it does not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import sluis_drivers
from sluis.hosted.host import Host
from sluis.hosted.messages import Load
from sluis.model import DriverError
from sluis.runtime import Clock
from sluis.sdk import Driver, Registry
from sluis.sdk.loading import drivers_of
from sluis.sdk.stated import stated

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
    """Fills the registry, keeps it up with the drop-in folder, and keeps the driver hosts alive."""

    def __init__(self, registry: Registry, folder: Path, clock: Clock) -> None:
        self.faults: dict[str, DriverFault] = {}
        self.sources: dict[str, str] = {}
        """Driver key -> where it came from."""
        self.hosts: dict[str, Host] = {}
        """Source -> the host its drivers run in."""
        self._registry = registry
        self._folder = folder
        self._clock = clock
        self._seen: dict[Path, tuple[int, int]] = {}
        self._fresh: list[Host] = []
        """Hosts that nobody looks after yet."""
        self._replaced: list[Host] = []
        """Hosts that serve until all devices are remade with their successor's drivers."""
        self._back: list[str] = []
        """Keys of drivers whose host was restarted."""

    async def load(self) -> None:
        """Everything there is now. A broken file is a fault; a broken built-in is our bug and raises."""
        for cls in built_in():
            self._registry.add(cls)
            self.sources[cls.about.key] = "built-in"
        packages = await asyncio.to_thread(_packages)
        await self._take_all([*packages, *self._changed_files()])

    async def run(self, reload: Callable[[str], Awaitable[None]]) -> None:
        """Follow the folder and look after the hosts; `reload` is told each key whose devices must be remade."""
        async with asyncio.TaskGroup() as group:
            while True:
                fresh, self._fresh = self._fresh, []
                for host in fresh:
                    group.create_task(host.run())
                await self._clock.sleep(LOOK_EVERY_S)
                for key in await self.refresh():
                    await reload(key)
                self._end_replaced()

    def close(self) -> None:
        """End all hosts."""
        self._end_replaced()
        for host in self.hosts.values():
            host.close()

    async def refresh(self) -> list[str]:
        """Look at the drop-in folder; the keys of drivers that changed. The last good version of a file stays."""
        changed, self._back = self._back, []
        for name in self._gone_files():
            self.faults.pop(name, None)
            changed += self._forget(name)
        changed += await self._take_all(self._changed_files())
        return list(dict.fromkeys(changed))

    # -- the folder ---------------------------------------------------------------------------------------

    def _files(self) -> dict[Path, tuple[int, int]]:
        paths = sorted(self._folder.glob("*.py")) if self._folder.is_dir() else []
        return {path: _version(path) for path in paths}

    def _gone_files(self) -> list[str]:
        gone = self._seen.keys() - self._files().keys()
        for path in gone:
            del self._seen[path]
        return sorted(path.name for path in gone)

    def _changed_files(self) -> list[Load]:
        changed = []
        for path, version in self._files().items():
            if self._seen.get(path) != version:
                self._seen[path] = version
                try:
                    changed.append(load_of(path.name, str(path), path.read_bytes()))
                except OSError as error:
                    self._fault(path.name, error)
        return changed

    # -- hosts --------------------------------------------------------------------------------------------

    async def _take_all(self, sources: Iterable[Load]) -> list[str]:
        """Load sources side by side, take them in one after the other; the keys that changed."""
        changed: list[str] = []
        for host, classes in await asyncio.gather(*map(self._started, sources)):
            if classes:
                changed += self._take(host, classes)
        return changed

    async def _started(self, what: Load) -> tuple[Host, list[type[Driver]]]:
        host = Host(what, self._clock, self._changed)
        try:
            classes = await host.start()
        except Exception as error:  # a stranger's code may raise anything
            self._fault(what.name, error)
            return host, []
        if not classes:
            host.close()
        return host, classes

    def _take(self, host: Host, classes: list[type[Driver]]) -> list[str]:
        """Put a host's drivers in the place of what its source had before; nothing of them when a key is taken."""
        keys = [cls.about.key for cls in classes]
        try:
            for cls in classes:
                held = self._registry.get(cls.about.key)
                if held is not None and self.sources.get(cls.about.key) != host.source:
                    raise DriverError(f"driver key {cls.about.key!r} is taken by {self.sources[cls.about.key]}")
        except DriverError as error:
            host.close()
            self._fault(host.source, error)
            return []
        gone = self._forget(host.source)
        for cls in classes:
            self._registry.add(cls, replace=True)
            self.sources[cls.about.key] = host.source
        self.hosts[host.source] = host
        self._fresh.append(host)
        self.faults.pop(host.source, None)
        log.info("drivers of %s loaded: %s", host.source, ", ".join(keys))
        return list(dict.fromkeys(keys + gone))

    def _end_replaced(self) -> None:
        while self._replaced:
            self._replaced.pop().close()

    def _forget(self, source: str) -> list[str]:
        """Take a source's drivers out, if it has any; their keys."""
        host = self.hosts.pop(source, None)
        if host is None:
            return []
        self._replaced.append(host)
        self.faults.pop(_host_of(source), None)
        keys = [key for key, own in self.sources.items() if own == source]
        for key in keys:
            self._registry.discard(key)
            del self.sources[key]
        return keys

    def _changed(self, host: Host) -> None:
        """A host fell or is back."""
        if self.hosts.get(host.source) is not host:
            return
        name = _host_of(host.source)
        if not host.reason:
            self.faults.pop(name, None)
            self._back += [family.about.key for family in host.families]
            return
        then = "It stays down until the file changes or the gateway restarts." if host.parked else "It is restarted."
        self.faults[name] = DriverFault(name, f"{host.reason}. {then}", self._clock.stamp().at_us)

    def _fault(self, source: str, error: Exception) -> None:
        told = "\n".join([*getattr(error, "__notes__", ()), f"{type(error).__name__}: {error}"])
        self.faults[source] = DriverFault(source, told, self._clock.stamp().at_us)
        log.error("driver %s cannot be used; see its page", source)


def load_of(name: str, path: str, text: bytes) -> Load:
    """What a driver host is told of a file."""
    return Load(name, path, text, needed=stated(text))


def _packages() -> list[Load]:
    """The installed packages with drivers, each with its entry points."""
    found: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        found.setdefault(entry.dist.name if entry.dist is not None else entry.name, []).append(entry)
    return [
        Load(name, entries=tuple(one.value for one in entries), needed=stated(b"\n".join(map(_source_of, entries))))
        for name, entries in sorted(found.items())
    ]


def _source_of(entry: EntryPoint) -> bytes:
    """The text of the module an entry point names, unimported; b"" when it is not where its package lies."""
    stem = entry.module.replace(".", "/")
    for file in (f"{stem}.py", f"{stem}/__init__.py") if entry.dist is not None else ():
        assert entry.dist is not None
        path = Path(str(entry.dist.locate_file(file)))
        if path.is_file():
            return path.read_bytes()
    return b""


def _host_of(source: str) -> str:
    return f"{source} (driver host)"


def _version(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size
