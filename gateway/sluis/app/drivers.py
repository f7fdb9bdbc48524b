"""Where drivers come from: the built-in package, installed packages (entry points), files dropped into a folder.

Built-in drivers run in this process. Each other source has a driver host, a process of its own (decision 0009). A
changed file gets a new host; the old one serves until the new one has loaded, and stays when it does not. A version
that fails again and again is put aside and the last good one takes its place (decision 0012).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sluis.app.driver_sources import BUILT_IN, built_in, load_of, packages
from sluis.app.quarantine import Quarantine
from sluis.app.versions import Aside, digest
from sluis.hosted.fallen import HostDown
from sluis.hosted.host import Host
from sluis.hosted.messages import Load
from sluis.model import DriverError, NotFound
from sluis.model.faults import DriverFailed
from sluis.runtime import Clock
from sluis.runtime.waiting import within
from sluis.sdk import Driver, Registry

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class DriverFault:
    """A driver file or package that cannot be used, and why."""

    source: str
    traceback: str
    since_us: int


class DriverLoader:
    """Fills the registry, keeps it up with the drop-in folder, and keeps the driver hosts alive."""

    def __init__(self, registry: Registry, folder: Path, clock: Clock) -> None:
        self.faults: dict[str, DriverFault] = {}
        self.sources: dict[str, str] = {}
        """Driver key -> where it came from."""
        self.hosts: dict[str, Host] = {}
        """Source -> the host its drivers run in."""
        self.quarantine = Quarantine(folder, clock)
        self._registry = registry
        self._folder = folder
        self._clock = clock
        self._seen: dict[Path, tuple[int, int]] = {}
        self._packages: dict[str, Load] = {}
        self._again: list[Load] = []
        """Packages to try again."""
        self._to_put_aside: dict[str, tuple[Host, str]] = {}
        self._wake = asyncio.Event()
        self._fresh: list[Host] = []
        """Hosts that nobody looks after yet."""
        self._replaced: list[Host] = []
        """Hosts that serve until all devices are remade with their successor's drivers."""
        self._back: list[str] = []
        """Keys of drivers whose host was restarted."""

    async def load(self) -> None:
        """Everything there is now. A broken file is a fault; a broken built-in is our bug and raises."""
        await asyncio.to_thread(self.quarantine.load)
        for cls in built_in():
            self._registry.add(cls)
            self.sources[cls.about.key] = BUILT_IN
        self._packages = {one.name: one for one in await asyncio.to_thread(packages)}
        await self._take_all([*self._packages.values(), *self._changed_files()])

    async def run(self, reload: Callable[[str], Awaitable[None]]) -> None:
        """Follow the folder and look after the hosts; `reload` is told each key whose devices must be remade."""
        async with asyncio.TaskGroup() as group:
            while True:
                fresh, self._fresh = self._fresh, []
                for host in fresh:
                    group.create_task(host.run())
                self._wake.clear()
                with suppress(TimeoutError):
                    await within(self._clock, LOOK_EVERY_S, self._wake.wait())
                for key in await self.refresh():
                    await reload(key)
                self._end_replaced()

    def close(self) -> None:
        """End all hosts."""
        self._end_replaced()
        for host in self.hosts.values():
            host.close()
        self.quarantine.failures.save()

    async def refresh(self) -> list[str]:
        """Look at the drop-in folder; the keys of drivers that changed. The last good version of a file stays."""
        changed, self._back = self._back, []
        for name in self._gone_files():
            self.faults.pop(name, None)
            changed += self._forget(name)
            await asyncio.to_thread(self.quarantine.versions.forget, name)
        again, self._again = self._again, []
        changed += await self._take_all([*again, *self._changed_files()])
        await self.quarantine.keep_good(self.hosts.values())
        changed += await self._put_aside()
        await asyncio.to_thread(self.quarantine.failures.save)
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
            if host is not None and classes:
                changed += self._take(host, classes)
        return changed

    async def _started(self, what: Load) -> tuple[Host | None, list[type[Driver]]]:
        """A host for this version, or for the last good one where this one is put aside, or does not load and there
        is none yet."""
        aside = self.quarantine.versions.aside(what.name, what.version)
        if aside is not None:
            self._say_aside(what.name, what.version, aside)
            return await self._good_one(what)
        host = Host(what, self._clock, self._changed)
        try:
            return host, await host.start()
        except Exception as error:  # a stranger's code may raise anything
            host.close()
            self._fault(what.name, error)
            return (None, []) if what.name in self.hosts else await self._good_one(what)

    async def _good_one(self, what: Load) -> tuple[Host | None, list[type[Driver]]]:
        """The newest good version that is not this one."""
        for version in self.quarantine.versions.before(what.name, what.version):
            try:
                text = await asyncio.to_thread(self.quarantine.versions.text, what.name, version)
                host = Host(load_of(what.name, what.path, text), self._clock, self._changed)
                classes = await host.start()
            except Exception as error:
                log.error("the good version %s of %s cannot be used: %s", version, what.name, error)
                continue
            log.warning("version %s of driver %s takes over", version, what.name)
            return host, classes
        return None, []

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
        if self._is_wanted(host):
            self.faults.pop(host.source, None)
            self.faults.pop(_aside_of(host.source), None)
        log.info("drivers of %s loaded: %s", host.source, ", ".join(keys))
        return list(dict.fromkeys(keys + gone))

    def _is_wanted(self, host: Host) -> bool:
        """Whether it runs the version that is there, and not an older one in its place."""
        if not host.what.path:
            return True
        with suppress(OSError):
            return digest(Path(host.what.path).read_bytes()) == host.what.version
        return False

    def _end_replaced(self) -> None:
        while self._replaced:
            self._replaced.pop().close()

    def _forget(self, source: str) -> list[str]:
        """Take a source's drivers out, if it has any; their keys."""
        host = self.hosts.pop(source, None)
        self.quarantine.forget(source)
        if host is None:
            return []
        self._replaced.append(host)
        self.faults.pop(_host_of(source), None)
        keys = self._keys(source)
        for key in keys:
            self._registry.discard(key)
            del self.sources[key]
        return keys

    def _keys(self, source: str) -> list[str]:
        return [key for key, own in self.sources.items() if own == source]

    def _changed(self, host: Host) -> None:
        """A host fell or is back."""
        if self.hosts.get(host.source) is not host:
            return
        name = _host_of(host.source)
        host.decoded = 0
        if not host.reason:
            self.faults.pop(name, None)
            self._back += [family.about.key for family in host.families]
            return
        if host.parked:
            self._aside_soon(host, host.reason)
        then = "It stays down until the file changes, or is released." if host.parked else "It is restarted."
        self.faults[name] = DriverFault(name, f"{host.reason}. {then}", self._clock.stamp().at_us)

    def _fault(self, source: str, error: Exception) -> None:
        told = "\n".join([*getattr(error, "__notes__", ()), f"{type(error).__name__}: {error}"])
        self.faults[source] = DriverFault(source, told, self._clock.stamp().at_us)
        log.error("driver %s cannot be used; see its page", source)

    # -- what fails is put aside --------------------------------------------------------------------------

    def failed(self, failed: DriverFailed) -> None:
        """A driver failed: keep what it failed on, and put its version aside when that is often and there is a better
        one. A driver that only raises harms nobody but its own device, so without a better one it goes on."""
        if isinstance(failed.error, HostDown):
            return
        host = self.hosts.get(self.sources.get(failed.driver, ""))
        reason = self.quarantine.count(failed, host, self._registry.get(failed.driver))
        if host is not None and reason:
            self._aside_soon(host, reason)

    def put_aside(self, key: str) -> str:
        """Which version of a driver is put aside and why; "" for none."""
        source = self.sources.get(key) or self.quarantine.versions.source_of(key)
        fault = self.faults.get(_aside_of(source))
        return fault.traceback if fault else ""

    async def release(self, key: str) -> None:
        """Try every version of a driver again. NotFound when none is put aside."""
        source = self.sources.get(key, "") or self.quarantine.versions.source_of(key)
        if not self.quarantine.versions.put_aside_of(source):
            raise NotFound(f"no version of driver {key!r} is put aside", hint="sluis driver faults")
        await asyncio.to_thread(self.quarantine.versions.release, source)
        self.faults.pop(_aside_of(source), None)
        self._again += [self._packages[source]] if source in self._packages else []
        self._seen = {path: version for path, version in self._seen.items() if path.name != source}
        self._wake.set()

    def _aside_soon(self, host: Host, reason: str) -> None:
        if host.source not in self._to_put_aside:
            self._to_put_aside[host.source] = host, reason
            self._wake.set()

    async def _put_aside(self) -> list[str]:
        """Put aside what failed too often, and bring back what was good; the keys that changed."""
        waiting, self._to_put_aside = self._to_put_aside, {}
        changed: list[str] = []
        for source, (host, reason) in waiting.items():
            if self.hosts.get(source) is not host:
                continue
            why = Aside(reason, self._clock.stamp().at_us)
            await asyncio.to_thread(
                self.quarantine.versions.put_aside, source, host.what.version, self._keys(source), why
            )
            self._say_aside(source, host.what.version, why)
            better, classes = await self._good_one(host.what)
            if better is None:
                host.park(reason)
            else:
                changed += self._take(better, classes)
        return changed

    def _say_aside(self, source: str, version: str, why: Aside) -> None:
        told = self.quarantine.told(source, version, why)
        self.faults[_aside_of(source)] = DriverFault(_aside_of(source), told, why.since_us)
        log.error("driver %s: %s", source, told)


def _host_of(source: str) -> str:
    return f"{source} (driver host)"


def _aside_of(source: str) -> str:
    return f"{source} (put aside)"


def _version(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size
