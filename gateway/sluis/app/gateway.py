"""The composition root: reads configuration, builds everything, supervises it, and takes it down in order.

Theory of operation. Parts that others stand on are started first and stopped last; nested task groups give exactly
that order: store, then broker and clock, then links, then services, then doors (panel, live streams). Cancelling the
main task (SIGINT, SIGTERM) unwinds them from the inside. A part that may fail alone (a link, the broker) heals itself;
a part that must not (store, intake, control) ends the process non-zero, and the service manager starts it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from sluis.app.accounts import BrokerAccounts
from sluis.app.bench import Bench
from sluis.app.bench_keys import Keys
from sluis.app.bench_stock import Stock
from sluis.app.config import Settings
from sluis.app.drivers import DriverLoader
from sluis.app.gate import Gate
from sluis.app.lines import build_links
from sluis.app.lock import only_one
from sluis.app.node_pages import Pages
from sluis.app.node_updates import NodeUpdates
from sluis.app.nodes import MqttNodeLine, build_enrolment
from sluis.app.papers import build_papers
from sluis.app.places import Places
from sluis.app.publishing import Publishing
from sluis.app.recordings import Recordings
from sluis.app.releases import Releases
from sluis.app.rollout_devices import DeviceCarrier
from sluis.app.rollouts import NodeCarrier, RolloutFiles, Targets
from sluis.app.scanning import Scanning
from sluis.app.supply import Supply
from sluis.app.system import System
from sluis.app.timekeeper import Timekeeper
from sluis.app.watching import build_watching
from sluis.control.control import Control
from sluis.intake import Intake, Poller, Register
from sluis.links.broker import Mosquitto, joined
from sluis.links.broker.mosquitto import GATEWAY
from sluis.links.files import write_whole
from sluis.links.mdns import Announcer, services
from sluis.links.mqtt import MqttLink
from sluis.links.notify import sd_notify, watchdog_every_s
from sluis.links.serial.link import SerialLink
from sluis.links.settings import MqttSettings
from sluis.links.site_ca import SiteCa, local_names
from sluis.model import StoreError
from sluis.model.nodes import NodeUpdate
from sluis.panel.door import Door
from sluis.panel.ports import House
from sluis.panel.server import build_app
from sluis.panel.serving import PanelServer, Tls
from sluis.runtime import Bus, SystemClock
from sluis.sdk import Registry
from sluis.store.accounts import Accounts
from sluis.store.audit import AuditLog
from sluis.store.backups import Backups
from sluis.store.commands import Commands
from sluis.store.database import Database
from sluis.store.devices import Devices
from sluis.store.health import follow_condition
from sluis.store.history import History
from sluis.store.link_steps import LinkSteps
from sluis.store.nodes import Nodes
from sluis.store.readings import Readings
from sluis.store.upkeep import Upkeep
from sluis.store.writer import Condition
from sluis.updates import Rollouts
from sluis_provision.enrol import Enrolment
from sluis_provision.wiring import Wiring

log = logging.getLogger(__name__)

STOP_WITHIN_S = 10.0
"""A stop that takes longer than this is a fault: service managers and impatient people kill then."""

HASTEN_S = 1.0
"""How long after the loss of a link every commit is made at once. What a dead broker handed over last is nowhere else:
shorter and the last of it may wait for an interval; longer and a link that comes and goes wears the card."""


@dataclass(frozen=True, slots=True)
class Running:
    """What the running gateway says about itself, in run/gateway.json."""

    url: str
    pid: int
    ca: str
    broker: str
    setup_code: str = ""
    """Printed once at the first start; not written to the file."""


class Part(Protocol):
    """A long-lived part of the house."""

    async def run(self) -> None: ...


class Gateway:
    """One gateway. `run` returns after an orderly stop; what it builds is here for the parts that report on it."""

    def __init__(
        self,
        settings: Settings,
        on_ready: Callable[[Running], None] = lambda running: None,
        *,
        config_file: Path | None = None,
        clock: SystemClock | None = None,
        synchronised: Callable[[], bool] | None = None,
    ) -> None:
        self.settings = settings
        self.config_file = config_file
        self.places = Places(settings.data_dir)
        self.clock = clock or SystemClock()
        self.synchronised = synchronised
        self.bus = Bus()
        self.registry = Registry()
        self.drivers = DriverLoader(self.registry, self.places.drivers, self.clock)
        self.started = self.clock.stamp()
        self.broker: Mosquitto | None = None
        self._on_ready = on_ready

    async def run(self) -> None:
        """Everything, until cancelled or until a part fails that must not."""
        self.places.make()
        with only_one(self.places.run):
            async with self._families(), self._store(), self._ground(), self._lines(), self._services(), self._doors():
                sd_notify("READY=1")
                self._on_ready(self._announce())
                await asyncio.Event().wait()

    # -- from the ground up -------------------------------------------------------------------------------

    @asynccontextmanager
    async def _families(self) -> AsyncIterator[None]:
        """The drivers, and the processes of those that are not ours."""
        try:
            await self.drivers.load()
            yield
        finally:
            self.drivers.close()

    @asynccontextmanager
    async def _store(self) -> AsyncIterator[None]:
        """Opened first, closed last."""
        self.database = await asyncio.to_thread(Database, self.places.database, self.settings.store)
        self.database.start()
        try:
            self.readings = Readings(self.database, self.clock.stamp())
            self.history = History(self.readings)
            self.devices = Devices(self.database)
            self.link_steps = LinkSteps(self.database)
            self.audit = AuditLog(self.database, self.clock, self.places.pki, self.places.log / "audit-checkpoints")
            yield
        finally:
            self.places.info.unlink(missing_ok=True)
            await asyncio.to_thread(self.database.close)

    @asynccontextmanager
    async def _ground(self) -> AsyncIterator[None]:
        """The site's certificates, the clock's keeper, the broker."""
        self.ca = await asyncio.to_thread(SiteCa, self.places.pki, self.settings.panel.site_name)
        self.certificate = await asyncio.to_thread(self.ca.server, self._names())
        self.timekeeper = Timekeeper(
            self.clock, await self.readings.newest_us(), self.readings.redate, self.settings.time, self.synchronised
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(self.timekeeper.run())
            if not self.settings.broker.url:
                self.broker = Mosquitto(
                    self.settings.broker,
                    self.places.root,
                    self.clock,
                    self.certificate.certificate,
                    self.certificate.key,
                    ca=self.ca.ca.certificate,
                    revoked=self.ca.revocations,
                )
                self.broker.on_step(self.link_steps.append)
                self.broker.prepare()
                await self.broker.start()
                group.create_task(self.broker.run())
            yield

    @asynccontextmanager
    async def _lines(self) -> AsyncIterator[None]:
        """The links."""
        self.mqtt = MqttLink(self._mqtt_settings(), self.clock, session_file=self.places.run / "mqtt-session")
        if self.broker is not None:
            self.mqtt.on_subscribed(self.broker.save)
        self.links = build_links(self.settings, self.mqtt, self.clock, self.places.serial_ports)
        self.recordings = Recordings(self.places.recordings, self.links, self.clock.stamp)
        async with asyncio.TaskGroup() as group:
            for link in self.links.values():
                link.on_step(self.link_steps.append)
                group.create_task(link.run())
            yield

    @asynccontextmanager
    async def _services(self) -> AsyncIterator[None]:
        """Register, intake, control, watch, and what keeps the house in order."""
        self.register = Register(
            self.registry, self.devices, self.readings, self.clock, self.bus, self.audit, self.settings.intake
        )
        await self.register.load()
        self.intake = Intake(self.register, self.readings, list(self.links.values()), self.clock, self.bus)
        self.commands = Commands(self.database)
        self.control = Control(
            self.register,
            self.links,
            self.clock,
            self.bus,
            self.audit,
            self.commands,
            settings=self.settings.control,
        )
        self.mqtt.on_oversize(lambda topic, size: self.intake.refuse_oversize(self.mqtt.name, topic, size))
        for link in self.links.values():
            link.on_change(partial(self._link_changed, link.name))
        self.poller = Poller(self.register, self.links, self.clock, self.bus)
        for ears in (self.intake, self.poller, self.control):
            ears.on_driver_fault(self.drivers.failed)
        self.watching = build_watching(self)
        self.watch = self.watching.watch
        self.backups = Backups(
            self.places.root,
            self.settings.backup,
            self.clock,
            self.audit,
            config=self.config_file,
            on_problem=self._backup_changed,
        )
        self.upkeep = Upkeep(self.readings, self.clock)
        follow_condition(self.readings, self._store_changed)
        self.publishing = Publishing(self)
        self.intake.scan.own_topics = self.publishing.homeassistant.own_topics
        parts: list[Part] = [self.register, self.intake, self.poller, self.control, self.watch, self.watching.notifier]
        async with asyncio.TaskGroup() as group:
            for part in [*parts, self.audit, self.backups, self.upkeep, self.publishing]:
                group.create_task(part.run())
            group.create_task(self.watching.wellness.run())
            group.create_task(self.drivers.run(self.register.reload_driver))
            group.create_task(self._forget_old_records())
            group.create_task(self._feed_watchdog())
            yield

    @asynccontextmanager
    async def _doors(self) -> AsyncIterator[None]:
        """What people and programs come in by."""
        self.door = Door(Accounts(self.database), self.audit, self.clock, self.settings.panel)
        self.setup_code = await self.door.open() or ""
        write_whole(self.places.token, self.door.local_token())
        tls = Tls(self.certificate.certificate, self.certificate.key, self.ca.ca.certificate)
        house = self._house()
        self.server = PanelServer(build_app(house, self.settings.panel), self.settings.panel, tls)
        async with asyncio.TaskGroup() as group:
            group.create_task(self.server.run())
            group.create_task(self.bench.run())
            group.create_task(self.node_pages.run())
            group.create_task(self.node_updates.run())
            group.create_task(self.rollouts.run())
            group.create_task(self.releases.run())
            if self.wiring is not None:
                group.create_task(self.wiring.run())
            group.create_task(self.ca.keep(self._names, self.clock, self._take_certificate))
            await self.server.ready.wait()
            if self.settings.mdns.announce:
                offered = services(self.server.port, self.broker.tls_port if self.broker else -1)
                group.create_task(Announcer(self.settings.panel.hostname, offered).run())
            yield

    def _names(self) -> list[str]:
        """What the server certificate is to name."""
        return local_names(self.settings.panel.hostname)

    def _take_certificate(self) -> None:
        """The server certificate was renewed."""
        self.server.take_certificate()
        if self.broker is not None:
            self.broker.reload()

    def _house(self) -> House:
        system, nodes = System(self), self._enrolment()
        line = MqttNodeLine(self.mqtt)
        self.wiring = Wiring(nodes, line, self.clock) if nodes is not None else None
        self.node_pages = Pages(
            self.register, line, self.bus, self.clock, self.places.root / "provision" / "node-pages.json"
        )
        supply = Supply(self.places.supply, self.settings.supply, self.audit, self.clock)
        self.node_updates = NodeUpdates(
            MqttLink(
                replace(self.mqtt.settings, name="nodes", client_id=f"{self.mqtt.settings.client_id}-nodes"), self.clock
            ),
            line,
            supply.usable,
            self.audit,
            self.clock,
            self.places.root / "provision" / "node-updates.json",
        )
        self.rollouts = self._rollouts(nodes, supply)
        self.releases = Releases(
            self.settings.update,
            supply,
            self.audit,
            self.clock,
            self.places.database,
            Gate(self.links, self.registry, system.readiness),
        )
        self.bench = Bench(
            self.places.root / "provision",
            Stock(self.places.root / "images", supply, self.clock),
            Keys(nodes, self.clock) if nodes is not None else None,
            self.audit,
            self.bus,
            self.clock,
            taken=self._taken_ports,
        )
        return House(
            clock=self.clock,
            bus=self.bus,
            register=self.register,
            control=self.control,
            alerts=self.watch.alerts,
            rules=self.watch.rules,
            explain=self.watching.explain,
            wellness=self.watching.wellness,
            history=self.history,
            audit=self.audit,
            system=system,
            backups=self.backups,
            recovery=self.link_steps,
            scanning=Scanning(self.intake.scan, system.links, self.audit),
            papers=build_papers(
                self.settings.panel.site_name,
                self.database,
                self.register,
                self.control,
                self.audit,
                self.clock,
                self.places.pki,
            ),
            supply=supply,
            door=self.door,
            broker=self._broker_accounts(),
            nodes=nodes,
            wiring=self.wiring,
            node_pages=self.node_pages,
            node_updates=self.node_updates,
            rollouts=self.rollouts,
            bench=self.bench,
            releases=self.releases,
        )

    def _rollouts(self, nodes: Enrolment | None, supply: Supply) -> Rollouts:
        updates = self.node_updates
        site = Targets(nodes, updates, self.register, self.watch.alerts, supply.usable, self.clock)
        made = Rollouts(
            site,
            {"node": NodeCarrier(updates), "device": DeviceCarrier(self.control, site.asked, self.clock)},
            RolloutFiles(self.places.root / "rollouts"),
            self.audit,
            self.clock,
        )

        async def told(node_id: str, said: NodeUpdate) -> None:
            how = {"trial": said.trial, "phase": said.phase, "percent": said.percent, "reason": said.reason}
            await made.told(node_id, said.version, said.sequence, **how, back=said.back)

        updates.on_told(told)
        return made

    def _taken_ports(self) -> dict[str, str]:
        """Serial ports that links have, by device file: no board is looked for there."""
        serial = [link for link in self.links.values() if isinstance(link, SerialLink)]
        found = {str(link.notes().get("device", "")): link.name for link in serial}
        return {device: name for device, name in found.items() if device}

    def _broker_accounts(self) -> BrokerAccounts | None:
        if self.broker is None:
            return None
        hostname = self.settings.panel.hostname
        return BrokerAccounts(self.broker, self.registry, self.register, self.audit, hostname)

    def _enrolment(self) -> Enrolment | None:
        """Keys of nodes; None where the broker, and so its accounts, are somebody else's."""
        if self.broker is None:
            return None
        return build_enrolment(
            self.broker,
            self.mqtt,
            self.register,
            Nodes(self.database),
            self.places.pki,
            self.audit,
            self.clock,
            self.settings.panel.hostname,
        )

    async def _forget_old_records(self) -> None:
        """Alerts and commands that ended long ago, once an hour; never by a clock that is not believed."""
        keep_us = int(self.settings.store.records_days * 86_400e6)
        while keep_us:
            await self.clock.sleep(3_600)
            now = self.clock.stamp()
            if now.trusted:
                with contextlib.suppress(StoreError):
                    await self.commands.prune(now.at_us - keep_us)
                    await self.watching.log.prune(now.at_us - keep_us)
                    await self.link_steps.prune(now.at_us - keep_us)

    def _link_changed(self, link: str, up: bool, reason: str) -> None:
        if not up:
            self.database.writer.hasten(HASTEN_S)
        self.intake.carriers.link_changed(link, up, self.clock.stamp(), reason)

    def _backup_changed(self, problem: str) -> None:
        self.watch.report("part-failing", bool(problem), point="gateway:backup", detail=problem)

    def _store_changed(self, condition: Condition, reason: str) -> None:
        full = condition is Condition.FULL
        self.watch.report("disk-full", full, point="gateway:disk", detail=reason)
        failing = condition in (Condition.FAILING, Condition.DAMAGED)
        self.watch.report("part-failing", failing, point="gateway:store", detail=reason)

    # -- small loops --------------------------------------------------------------------------------------

    async def _feed_watchdog(self) -> None:
        """Tell the service manager that the event loop turns."""
        every_s = watchdog_every_s()
        while every_s is not None:
            sd_notify("WATCHDOG=1")
            await self.clock.sleep(every_s)

    # -- what we are --------------------------------------------------------------------------------------

    def _mqtt_settings(self) -> MqttSettings:
        """The link's settings, completed with where our broker (or the given one) is."""
        settings = self.settings.mqtt
        if self.broker is not None:
            return replace(
                settings,
                host="127.0.0.1",
                port=self.broker.local_port,
                username=GATEWAY,
                password_file=self.broker.password_file,
            )
        return joined(self.settings.broker.url, settings)

    def _announce(self) -> Running:
        running = Running(
            url=self.server.url,
            pid=os.getpid(),
            ca=str(self.ca.ca.certificate),
            setup_code=self.setup_code,
            broker=f"mqtt://{self.mqtt.settings.host}:{self.mqtt.settings.port}",
        )
        body = {key: getattr(running, key) for key in ("url", "pid", "ca", "broker")}
        write_whole(self.places.info, json.dumps(body))
        return running


def run(settings: Settings, on_ready: Callable[[Running], None] = lambda running: None) -> None:
    """Run a gateway on this thread until SIGINT or SIGTERM. Raises what made it fail."""
    asyncio.run(_until_signal(Gateway(settings, on_ready)))


async def _until_signal(gateway: Gateway) -> None:
    task = asyncio.ensure_future(gateway.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
