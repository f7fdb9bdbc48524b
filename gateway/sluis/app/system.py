"""What the gateway says about itself: implements the panel's `System` from the parts of the running gateway."""

from __future__ import annotations

import asyncio
import dataclasses
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sluis import __version__
from sluis.app import machine
from sluis.model import Actor, Availability, DeviceState
from sluis.panel.reports import (
    AskReport,
    BudgetLine,
    DriverReport,
    FaultReport,
    LinkReport,
    QueueReport,
    Readiness,
    StorageReport,
    SystemReport,
)
from sluis.sdk import Ask
from sluis.store.health import health
from sluis.store.writer import Condition

if TYPE_CHECKING:
    from sluis.app.gateway import Gateway

SECRET = ("password", "secret", "token", "passphrase")
"""A setting with one of these in its name is masked wherever settings are shown (a file's path is no secret)."""


class System:
    """Asked by the panel, the API, /metrics and /readyz."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def links(self) -> Sequence[LinkReport]:
        reports = []
        for link in self._gateway.links.values():
            health, heard = link.health(), self._heard(link.name)
            reports.append(
                LinkReport(
                    name=link.name,
                    kind=health.kind,
                    up=health.up,
                    since_us=health.since_us,
                    reason=health.reason,
                    address=health.address,
                    received=health.received,
                    sent=health.sent,
                    waiting=health.waiting,
                    dropped=health.dropped + health.oversize,
                    reconnects=health.reconnects,
                    last_error=health.last_error,
                    rung=health.rung,
                    recording=self._gateway.recordings.file_of(link.name),
                    notes=health.notes,
                    devices=len(heard),
                    reachable=sum(reachable for reachable, _ in heard),
                    heard_us=max((at_us for _, at_us in heard), default=0),
                )
            )
        return reports

    def _heard(self, link: str) -> list[tuple[bool, int]]:
        """(reachable, when it was last heard) of each device in use on a link."""
        return [
            (
                entry.twin.availability is Availability.ONLINE,
                entry.counters.last_at.at_us if entry.counters.last_at else 0,
            )
            for entry in self._gateway.register
            if entry.device.link == link and entry.device.state is DeviceState.ADOPTED
        ]

    async def record(self, link: str, on: bool, actor: Actor) -> str:
        """Start or stop writing what passes over a link to a file; the file."""
        recordings = self._gateway.recordings
        file = recordings.start(link) if on else recordings.stop(link)
        what = "link.record" if on else "link.record-stop"
        await self._gateway.audit.record(actor, what, link, {"file": file})
        return file

    async def recorded(self, link: str, after: int) -> tuple[Sequence[str], int]:
        return await asyncio.to_thread(self._gateway.recordings.read, link, after)

    def driver_faults(self, driver: str) -> Sequence[FaultReport]:
        held = self._gateway.drivers.quarantine.failures.of(driver)
        return [FaultReport(**dataclasses.asdict(one)) for one in held]

    async def release_driver(self, driver: str, actor: Actor) -> None:
        await self._gateway.drivers.release(driver)
        await self._gateway.audit.record(actor, "driver.release", driver)

    def drivers(self) -> Sequence[DriverReport]:
        loader, used = self._gateway.drivers, self._devices_by_driver()
        good = [
            DriverReport(
                key=cls.about.key,
                vendor=cls.about.vendor,
                models=cls.about.models,
                grade=cls.about.grade.value,
                source=loader.sources.get(cls.about.key, ""),
                devices=used.get(cls.about.key, 0),
                faults=loader.quarantine.failures.count(cls.about.key),
                aside=loader.put_aside(cls.about.key),
                documents=cls.about.sources,
                kinds=cls.about.match.kinds,
                addable=not cls.about.match.filters,
                setup=tuple(_ask(ask) for ask in cls.about.setup),
            )
            for cls in self._gateway.registry
        ]
        broken = [
            DriverReport(key=fault.source, vendor="", models=(), grade="", source=fault.source, fault=fault.traceback)
            for fault in loader.faults.values()
        ]
        return [*broken, *sorted(good, key=lambda report: report.key)]

    def readiness(self) -> Readiness:
        gateway = self._gateway
        sound = gateway.database.writer.condition is Condition.OK
        return Readiness(store=sound, broker=gateway.mqtt.up, intake=gateway.watch.started)

    def settings(self) -> Mapping[str, Mapping[str, Any]]:
        """Every setting in use, by table; secrets masked."""
        shown: dict[str, dict[str, Any]] = {"": {}}
        for field in dataclasses.fields(self._gateway.settings):
            value = getattr(self._gateway.settings, field.name)
            if dataclasses.is_dataclass(value) and not isinstance(value, type):
                shown[field.name] = {key: _shown(key, one) for key, one in dataclasses.asdict(value).items()}
            else:
                shown[""][field.name] = _shown(field.name, value)
        return shown

    async def report(self) -> SystemReport:
        gateway = self._gateway
        store = health(gateway.readings)
        free, total = await asyncio.to_thread(machine.disk, gateway.places.root)
        return SystemReport(
            version=__version__,
            python=platform.python_version(),
            started_at_us=gateway.started.at_us,
            clock_trusted=gateway.clock.trusted,
            memory_bytes=machine.resident_bytes(),
            cpu_s=machine.cpu_s(),
            disk_free_bytes=free,
            disk_total_bytes=total,
            database_bytes=store.file_bytes + store.log_bytes,
            broker=self._broker(),
            queues=tuple(
                QueueReport(one.name, len(one), one.depth, one.dropped) for one in gateway.bus.subscriptions()
            ),
            counters={
                **gateway.intake.health(),
                **gateway.control.health(),
                **gateway.watch.health(),
                "commits": store.commits,
                "uncommitted_writes": store.waiting,
                "unpacked_readings": store.tail,
            },
            platform=machine.board(),
            warnings=(*machine.power_warnings(), *self._strangers()),
        )

    def _strangers(self) -> list[str]:
        count = self._gateway.register.undiscovered
        if not count:
            return []
        return [f"more devices announce themselves than are remembered; {count} gave way (intake.max_discovered)"]

    async def storage(self) -> StorageReport:
        budget = self._gateway.upkeep.budget.report()
        note = budget.note
        if budget.stretched:
            interval = f"{budget.commit_interval_s:g} s"
            note = f"{note} More is written than the card's budget allows: commits are {interval} apart."
        return StorageReport(
            lines=tuple(BudgetLine(line.subsystem, line.bytes_per_day) for line in budget.lines),
            total_bytes_per_day=budget.total_bytes_per_day,
            budget_bytes_per_day=budget.budget_bytes_per_day,
            card_life_years=budget.card_life_years,
            bytes_per_reading=budget.bytes_per_reading,
            note=note.strip(),
        )

    def _broker(self) -> str:
        broker = self._gateway.broker
        if broker is None:
            return f"external, {self._gateway.settings.broker.url}"
        state = "supervised" if broker.up else "supervised, being started again"
        return f"{state}, {broker.restarts} restarts" if broker.restarts else state

    def _devices_by_driver(self) -> dict[str, int]:
        used: dict[str, int] = {}
        for device in self._gateway.register.devices(DeviceState.ADOPTED):
            used[device.driver] = used.get(device.driver, 0) + 1
        return used


def _ask(ask: Ask) -> AskReport:
    return AskReport(ask.key, ask.label, ask.kind.value, ask.options, ask.default, ask.required, ask.secret, ask.hint)


def _shown(key: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {inner: _shown(inner, one) for inner, one in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(key, one) for one in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, str) and value and any(word in key for word in SECRET):
        return "***"
    return value
