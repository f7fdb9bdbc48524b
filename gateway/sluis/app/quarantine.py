"""When a version of a driver is put aside, and what is known of good ones (decision 0012)."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from sluis.app.driver_faults import DriverFaults
from sluis.app.driver_sources import BUILT_IN
from sluis.app.versions import Aside, Versions
from sluis.hosted.host import Host
from sluis.model.faults import DriverFailed
from sluis.runtime import Clock
from sluis.sdk import Driver

log = logging.getLogger(__name__)

GOOD_AFTER = 20
"""Frames that a version decodes one after the other, without a failure between, before it counts as good. Fewer and a
version that chokes on every tenth frame takes the place of one that does not; more and a sensor that reports once an
hour never has a good version."""

FAULTS_MAX = 5
"""Failures of a version within `WINDOW_S` after which an older good version takes over. Fewer and one odd frame sent
thrice costs the better driver; more and its device is without readings for longer."""

WINDOW_S = 600.0


class Quarantine:
    """Counts failures, keeps what caused them, and keeps the text of versions that have proven themselves."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.failures = DriverFaults(folder / ".faults")
        """What made drivers fail."""
        self.versions = Versions(folder / ".versions")
        self._clock = clock
        self._lately: dict[str, deque[int]] = {}
        """Source -> when it failed, monotonic microseconds."""

    def load(self) -> None:
        """What is known from before the gateway started."""
        self.versions.load()
        self.failures.load()

    def count(self, failed: DriverFailed, host: Host | None, cls: type[Driver] | None) -> str:
        """Keep a failure; why the driver's version must be put aside, "" when it may go on."""
        now = self._clock.stamp()
        version = host.what.version if host else BUILT_IN
        self.failures.add(failed, cls, version, now.at_us)
        if host is None:
            return ""
        host.decoded = 0
        lately = self._lately.setdefault(host.source, deque(maxlen=FAULTS_MAX))
        lately.append(now.mono_us)
        often = len(lately) == FAULTS_MAX and now.mono_us - lately[0] <= WINDOW_S * 1e6
        if not often or not self.versions.before(host.source, version):
            return ""
        return f"{FAULTS_MAX} failures, the last: {type(failed.error).__name__}: {failed.error}"

    def told(self, source: str, version: str, why: Aside) -> str:
        """What a person reads of a version that was put aside."""
        parts = [f"Version {version} was put aside: {why.reason}."]
        if self.versions.before(source, version):
            parts.append("The good version before it is in use.")
        parts.append(f"It is tried again when the file changes, or with: sluis driver release {source}")
        return " ".join(parts)

    def forget(self, source: str) -> None:
        """Another version of a source is used from now on."""
        self._lately.pop(source, None)

    async def keep_good(self, hosts: Iterable[Host]) -> None:
        """Keep the text of each version that has proven itself."""
        for host in tuple(hosts):
            what = host.what
            if what.path and host.decoded >= GOOD_AFTER and not self.versions.is_good(what.name, what.version):
                try:
                    await asyncio.to_thread(self.versions.keep, what.name, what.version, what.text)
                except OSError as error:
                    log.warning("the good version of %s is not kept: %s", what.name, error)
