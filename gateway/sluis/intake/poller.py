"""Ask the devices that must be asked, each in its own rhythm; what they answer comes in as frames like any other.

Each adopted device whose driver has a `poll_every_s` gets a task of its own. The link decides who goes first on a
shared wire. A device that does not answer `MISSES` times is offline, and asked more rarely until it answers: one dead
meter may not take its time-out from the others on the pair at every round.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping

from sluis.intake.entry import Entry
from sluis.intake.register import Register
from sluis.model import Availability, DeviceState, DriverError, LinkError, Presence, SluisError
from sluis.model.faults import DriverFailed
from sluis.runtime import Bus, Clock
from sluis.runtime.patience import patient
from sluis.runtime.waiting import within
from sluis.sdk import Driver, Link

log = logging.getLogger(__name__)

MISSES = 3
"""Polls in vain before a device is said to be offline. One or two happen on every noisy pair; more and a dead device
looks alive for minutes."""

RARELY = 8
"""A device that does not answer is asked at most this many times more rarely than its rhythm (and at least once in
`RARELY_S`)."""

RARELY_S = 60.0

POLL_WITHIN_S = 30.0
"""Longest a whole poll may take, waiting for its turn on the wire included."""


class Poller:
    """Follows the register. `run` ends only by cancellation."""

    def __init__(self, register: Register, links: Mapping[str, Link], clock: Clock, bus: Bus) -> None:
        self._register = register
        self._links = links
        self._clock = clock
        self._bus = bus
        self._on_driver_fault: Callable[[DriverFailed], None] = lambda failed: None
        self._asking: dict[str, tuple[Driver, asyncio.Task[None]]] = {}
        self._polling: set[str] = set()
        """Devices that are being asked at this moment."""

    def on_driver_fault(self, listener: Callable[[DriverFailed], None]) -> None:
        """Call `listener` whenever a driver itself fails."""
        self._on_driver_fault = listener

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._register.polls_changed.clear()
                    self._follow(group)
                    await self._register.polls_changed.wait()
        finally:
            self._asking.clear()

    def _follow(self, group: asyncio.TaskGroup) -> None:
        """A task for every device that is to be polled, a new one where its driver is another. A poll under way is not
        broken off for that: a device that tells what it is while it is asked would never be asked to the end."""
        wanted = {entry.device.key: entry for entry in self._register if _polled(entry)}
        for key, (driver, task) in tuple(self._asking.items()):
            if key not in wanted or (wanted[key].driver is not driver and key not in self._polling):
                task.cancel()
                del self._asking[key]
        for key, entry in wanted.items():
            if key not in self._asking and entry.driver is not None:
                self._asking[key] = entry.driver, group.create_task(self._ask(entry, entry.driver))

    async def _ask(self, entry: Entry, driver: Driver) -> None:
        patient.set(True)  # in this task only: whoever commands goes before it on a shared wire
        every_s = driver.poll_every_s() or RARELY_S
        # Not all at once after a start.
        await self._clock.sleep(random.uniform(0, min(every_s, 2.0)))  # noqa: S311  (chance, not a secret)
        missed = 0
        while True:
            began = self._clock.stamp().mono_us
            self._polling.add(entry.device.key)
            try:
                problem = await self._poll_once(entry, driver)
            finally:
                self._polling.discard(entry.device.key)
                if entry.driver is not driver:
                    self._register.polls_changed.set()
            if not problem and missed >= MISSES:
                self._say(entry, Availability.ONLINE, "it answers again")
            missed = missed + 1 if problem else 0
            if missed == MISSES:
                self._say(entry, Availability.OFFLINE, problem)
            wait_s = every_s if missed < MISSES else min(every_s * RARELY, max(every_s, RARELY_S))
            await self._clock.sleep(max(0.0, wait_s - (self._clock.stamp().mono_us - began) / 1e6))

    async def _poll_once(self, entry: Entry, driver: Driver) -> str:
        """What went wrong; "" when it answered."""
        link = self._links.get(entry.device.link)
        if link is None:
            return f"there is no link {entry.device.link!r}"
        try:
            await within(self._clock, POLL_WITHIN_S, driver.poll(link))
        except TimeoutError:
            return f"the poll was not over within {POLL_WITHIN_S:.0f} s"
        except (LinkError, OSError) as error:
            return str(error)
        except SluisError as error:
            if isinstance(error, DriverError):
                entry.counters.faults += 1
                self._on_driver_fault(DriverFailed(entry.device.driver, "poll", error, entry.device))
            else:
                entry.counters.bad += 1
            return str(error)
        except Exception as error:  # a driver that breaks its contract stops polling nobody but itself
            entry.counters.faults += 1
            log.exception("driver %s failed while polling", entry.device.driver)
            self._on_driver_fault(DriverFailed(entry.device.driver, "poll", error, entry.device))
            return f"driver fault: {error!r}"
        return ""

    def _say(self, entry: Entry, availability: Availability, reason: str) -> None:
        changed = entry.twin.presence(Presence(availability, reason=reason), self._clock.stamp())
        if changed:
            self._bus.publish(changed)


def _polled(entry: Entry) -> bool:
    if entry.driver is None or entry.device.state is not DeviceState.ADOPTED:
        return False
    try:
        return entry.driver.poll_every_s() is not None
    except Exception:
        log.exception("driver %s cannot say how often it is to poll", entry.device.driver)
        return False
