"""Jump the gateway's wall clock by two weeks both ways under load; then look at what is stored.

The gateway runs in this process with a clock whose wall time can be moved; everything else is real: broker, link,
intake, store. In the end nothing may be lost, merged or out of order, and what was recorded while the clock could not
be believed must have been dated again once it could.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluis.app import Gateway, load
from sluis.runtime import SystemClock
from sluis.selftest.crash import SelftestFailed
from sluis.selftest.publisher import Publisher
from sluis.selftest.site import NODE, POINT, announcement, prepare
from sluis.store.database import connect

TWO_WEEKS_US = 14 * 86_400_000_000
CALM_S = 2.0
"""In the selftest a clock is believed again after this much calm, so that it does not take minutes."""
UNTRUSTED, REDATED = 4, 8
SLACK_US = 50_000
"""How far a record may be from its true time: two clock readings are never taken at quite the same moment."""


class SkewedClock(SystemClock):
    """The machine's clock, with the wall time moved by `skew_us`."""

    skew_us = 0

    def wall_us(self) -> int:
        return super().wall_us() + self.skew_us


@dataclass(frozen=True, slots=True)
class ClockReport:
    """The bar: nothing lost, merged, out of order or wrongly dated."""

    jumps: int
    acknowledged: int
    stored: int
    lost: int
    duplicated: int
    out_of_order: int
    """Records whose place in the log is not the order they were sent in."""
    redated: int
    still_untrusted: int
    misdated: int
    """Records further than 50 ms from their true time."""

    @property
    def passed(self) -> bool:
        wrong = (self.lost, self.duplicated, self.out_of_order, self.still_untrusted, self.misdated)
        return not any(wrong) and self.acknowledged > 0 and self.redated > 0


async def run_clock(data_dir: Path, for_s: float = 2.0, rate_per_s: float = 100.0) -> ClockReport:
    """Run the gateway, jump, and report. Takes some `5 * for_s` seconds."""
    site = prepare(data_dir, f"[time]\ncalm_s = {CALM_S}\n")
    clock = SkewedClock()
    ready = asyncio.Event()
    gateway = Gateway(load(site.config), lambda _: ready.set(), clock=clock, synchronised=lambda: False)
    publisher = Publisher(site.port, site.username, site.password, site.topic, rate_per_s, announcement())
    running = asyncio.ensure_future(gateway.run())
    await first(ready.wait(), running)
    publisher.start()
    try:
        await until(lambda: _count(gateway) > 0, running)
        publisher.counting.set()
        await _jump(clock, for_s)
        await until(lambda: clock.trusted, running)
        await asyncio.sleep(1.5)
        if not await asyncio.to_thread(publisher.finish, 30.0):
            raise SelftestFailed("the broker did not acknowledge what was sent last", hint=str(data_dir))
        await asyncio.sleep(0.5)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return _look(data_dir / "sluis.db", publisher.acknowledged, jumps=3)


async def _jump(clock: SkewedClock, for_s: float) -> None:
    """Right, two weeks ahead, two weeks behind, right again: never calm for long enough in between to be believed."""
    await asyncio.sleep(for_s)
    for skew_us in (TWO_WEEKS_US, -TWO_WEEKS_US, 0):
        clock.skew_us = skew_us
        await asyncio.sleep(min(for_s, CALM_S - 0.5))


async def first(wanted: Awaitable[object], running: asyncio.Future[None]) -> None:
    """Wait for something, but not longer than the gateway lives."""
    task = asyncio.ensure_future(wanted)
    watched: list[asyncio.Future[Any]] = [task, running]
    await asyncio.wait(watched, timeout=30, return_when=asyncio.FIRST_COMPLETED)
    if not task.done():
        task.cancel()
        if running.done():
            running.result()
        raise SelftestFailed("the gateway did not get ready")


async def until(condition: Callable[[], bool], running: asyncio.Future[None], within_s: float = 30.0) -> None:
    for _ in range(int(within_s / 0.02)):
        if condition():
            return
        if running.done():
            running.result()
        await asyncio.sleep(0.02)
    raise SelftestFailed("what should have happened did not, within 30 s")


def _count(gateway: Gateway) -> int:
    entry = gateway.register.by_native("sluis-node", NODE)
    return len(entry.twin.reported) if entry else 0


def _look(path: Path, acknowledged: set[int], jumps: int) -> ClockReport:
    connection = connect(path, read_only=True)
    try:
        rows = connection.execute(
            "SELECT value, at_us, mono_us, flags FROM readings JOIN points ON points.id = readings.point "
            "WHERE points.key = ? AND value >= 0 ORDER BY seq",
            (POINT,),
        ).fetchall()
        true_offset = _true_offset(connection)
    finally:
        connection.close()
    numbers = [int(row["value"]) for row in rows]
    return ClockReport(
        jumps=jumps,
        acknowledged=len(acknowledged),
        stored=len(set(numbers)),
        lost=len(acknowledged - set(numbers)),
        duplicated=len(numbers) - len(set(numbers)),
        out_of_order=sum(later < earlier for earlier, later in itertools.pairwise(numbers)),
        redated=sum(bool(row["flags"] & REDATED) for row in rows),
        still_untrusted=sum(bool(row["flags"] & UNTRUSTED) for row in rows),
        misdated=sum(abs(row["at_us"] - row["mono_us"] - true_offset) > SLACK_US for row in rows),
    )


def _true_offset(connection: sqlite3.Connection) -> int:
    """Wall minus monotonic time of the first record, which was made before any jump."""
    row = connection.execute("SELECT at_us, mono_us FROM readings ORDER BY seq LIMIT 1").fetchone()
    return int(row["at_us"] - row["mono_us"])
