"""A house for the panel: real database, accounts, audit log, register and control; a link that echoes; stand-ins for
the parts that other rooms build (they implement the panel's own protocols)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from sluis.app.gate import Gate
from sluis.app.node_pages import Pages
from sluis.app.node_updates import NodeUpdates
from sluis.app.nodes import NodeDevices
from sluis.app.papers import build_papers
from sluis.app.releases import Releases
from sluis.app.rollout_devices import DeviceCarrier
from sluis.app.rollouts import NodeCarrier, RolloutFiles, Targets
from sluis.app.scanning import Scanning
from sluis.app.supply import Supply
from sluis.control import Control
from sluis.intake import Register
from sluis.intake.ports import Batch, Row
from sluis.intake.scan import Scan
from sluis.links.mqtt import MqttLink
from sluis.links.settings import MqttSettings
from sluis.model import (
    Actor,
    Announcement,
    ApiToken,
    Command,
    Frame,
    Kind,
    NotFound,
    Point,
    Quality,
    Reading,
    ReadingChanged,
    Role,
    Stamp,
    User,
    Value,
)
from sluis.model.commands import SYSTEM
from sluis.panel.door import Door
from sluis.panel.ports import House
from sluis.panel.reports import (
    BackupReport,
    BudgetLine,
    DriverReport,
    FaultReport,
    LinkReport,
    QueueReport,
    Readiness,
    StorageReport,
    SystemReport,
)
from sluis.panel.server import build_app
from sluis.panel.settings import PanelSettings
from sluis.runtime import Bus, ManualClock
from sluis.sdk import About, Decoded, Driver, Link, MqttMatch, Registry
from sluis.store.accounts import Accounts
from sluis.store.alerts import AlertLog
from sluis.store.audit import AuditLog
from sluis.store.commands import Commands
from sluis.store.database import Database
from sluis.store.devices import Devices
from sluis.store.history import History
from sluis.store.link_steps import LinkSteps
from sluis.store.nodes import Nodes
from sluis.store.readings import Readings
from sluis.store.rule_versions import RuleFile, RuleHistory
from sluis.updates import Rollouts
from sluis.watch import Alert, Alerts, Explain, RuleBook
from sluis.watch.wellness import Wellness
from sluis_drivers.sluis.node import Node as NodeDriver
from sluis_provision.enrol import Enrolment, SiteSecret
from sluis_provision.enrol.errors import NodeSilent
from sluis_provision.enrol.issued import Place
from sluis_provision.gateway.settings import UpdateSettings
from sluis_provision.supply.settings import SupplySettings
from sluis_provision.wiring import Wiring
from tests.rest import CountingDatabase, resting

PASSWORD = "a perfectly long password"
HOST = "https://sluis.local"


class Meter(Driver):
    """A test family: a sensor with a relay, a mode and two buttons."""

    about = About(key="meter", vendor="Test", models=("Meter",), match=MqttMatch(("m/+/hello",)), sources=("here",))
    temperature = Point("temperature", "°C", minimum=-40, maximum=85, every_s=10)
    relay = Point("outlet", kind=Kind.SWITCH, writable=True)
    level = Point("", "%", minimum=0, maximum=100, step=1, writable=True)
    mode = Point(kind=Kind.CHOICE, options=("eco", "comfort"), writable=True)
    button = Point(kind=Kind.TRIGGER, options=("single", "double"))
    restart = Point(kind=Kind.TRIGGER, writable=True)

    def topics(self) -> Iterable[str]:
        return (f"m/{self.native_id}/data",)

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        for key, value in json.loads(frame.data).items():
            yield Reading(key, value)

    async def perform(self, link: Link, command: Command) -> None:
        await link.send(json.dumps({command.point: command.value}).encode(), to=f"m/{self.native_id}/set")


class EchoLink:
    """Devices behind it do what they are told, and say so at once."""

    def __init__(self) -> None:
        self.site: Site | None = None
        self.silent = False

    async def send(self, data: bytes, *, to: str = "", retain: bool = False) -> None:
        assert self.site is not None
        key = f"meter-{to.split('/')[1]}"
        for point, value in json.loads(data).items():
            if not self.silent and value is not None:
                self.site.say(key, point, value)

    async def request(self, data: bytes, *, to: str = "", reply: str = "", timeout_s: float = 5.0) -> Frame:
        raise NotImplementedError


class System:
    ready = True

    def links(self) -> Sequence[LinkReport]:
        return [LinkReport("mqtt", "mqtt", True, 1, received=7)]

    async def record(self, link: str, on: bool, actor: Actor) -> str:
        return f"/recordings/{link}.jsonl" if on else ""

    async def recorded(self, link: str, after: int) -> tuple[Sequence[str], int]:
        if link == "nothing":
            raise NotFound("nothing is not recorded")
        return ['{"name": "recorded-1"}'], after + 23

    def driver_faults(self, driver: str) -> Sequence[FaultReport]:
        return [FaultReport("decode", "ValueError: x", "", "meter-1", "v1", 1, 2, '{"name": "fault 1 in decode"}')]

    async def release_driver(self, driver: str, actor: Actor) -> None:
        if driver != "meter":
            raise NotFound(f"no version of driver {driver!r} is put aside")

    def drivers(self) -> Sequence[DriverReport]:
        broken = DriverReport("", "", (), "", "broken.py", fault="Traceback (most recent call last): ...")
        return [DriverReport("meter", "Test", ("Meter",), "draft", "built-in", 3), broken]

    def readiness(self) -> Readiness:
        return Readiness(True, self.ready, True)

    def settings(self) -> Mapping[str, Mapping[str, Any]]:
        return {"panel": {"port": 8443}, "notify": {"smtp_password": "********"}}

    async def report(self) -> SystemReport:
        return SystemReport(
            version="0.1.0",
            python="3.11",
            started_at_us=1,
            clock_trusted=True,
            memory_bytes=5,
            cpu_s=1.5,
            disk_free_bytes=10,
            disk_total_bytes=20,
            database_bytes=3,
            broker="supervised",
            queues=(QueueReport("bus:rules", 1, 10_000),),
            counters={"frames_received": 9},
        )

    async def storage(self) -> StorageReport:
        return StorageReport((BudgetLine("readings", 1e6),), 1e6, 1e9, 12.5, 18.0)


class Backups:
    def __init__(self) -> None:
        self.held: list[BackupReport] = []

    async def list(self) -> Sequence[BackupReport]:
        return self.held

    async def create(self, actor: Actor) -> BackupReport:
        self.held.append(BackupReport(f"backup-{len(self.held) + 1}", 1, 100))
        return self.held[-1]

    async def verify(self, name: str, actor: Actor) -> BackupReport:
        for number, one in enumerate(self.held):
            if one.name == name:
                self.held[number] = replace(one, verified_at_us=2)
                return self.held[number]
        raise NotFound(f"there is no backup {name!r}")


@dataclass(frozen=True)
class AnAccount:
    username: str
    device: str
    driver: str
    native_id: str
    topics: tuple[str, ...] = (">m/x/#",)
    password: str = "shown once"
    host: str = "sluis.local"
    port: int = 8883


class BrokerAccounts:
    def __init__(self) -> None:
        self.held: dict[str, AnAccount] = {}

    def accounts(self) -> Sequence[AnAccount]:
        return list(self.held.values())

    async def issue(self, driver: str, native_id: str, actor: Actor, topic: str = "") -> AnAccount:
        name = f"{driver}-{native_id}"
        self.held[name] = AnAccount(name, "", driver, native_id)
        return self.held[name]

    async def revoke(self, username: str, actor: Actor) -> None:
        if self.held.pop(username, None) is None:
            raise NotFound(f"there is no account {username!r}")


class NodeAccounts:
    """Accounts of nodes at a broker that is not there."""

    place = Place(("sluis.local",), 8883, "sluis.local", b"0certificate")

    def __init__(self) -> None:
        self.held: dict[str, str] = {}

    async def give(self, node_id: str, password: str) -> None:
        self.held[node_id] = password

    async def end(self, node_id: str) -> bool:
        return self.held.pop(node_id, None) is not None

    def trouble(self, node_id: str, since_us: int, *, strangers: bool = False) -> str:
        return ""


class NodeLine:
    """Nodes that answer what a test lays in; all others are silent."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], Mapping[str, Any]] = {}

    async def ask(self, node_id: str, do: str, said: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        if (node_id, do) not in self.answers:
            raise NodeSilent(f"{node_id} did not answer")
        return self.answers[node_id, do]

    async def withdraw(self, node_id: str) -> None: ...


class Browser(httpx.AsyncClient):
    """An HTTP client that behaves as a browser of the panel: cookie jar and CSRF token."""

    def __init__(self, app: FastAPI, address: str = "192.0.2.10", host: str = HOST) -> None:
        transport = httpx.ASGITransport(app, client=(address, 4711))
        super().__init__(transport=transport, base_url=host)

    async def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        answer = await self.post("/api/v1/session", json={"name": name, "password": password})
        if answer.is_success:
            self.headers["X-CSRF-Token"] = answer.json()["csrf"]
        return answer


@dataclass
class Site:
    """Everything at once, for a test."""

    database: Database
    clock: ManualClock
    bus: Bus
    register: Register
    control: Control
    door: Door
    audit: AuditLog
    house: House
    settings: PanelSettings
    app: FastAPI
    alerts: Alerts
    rules: RuleBook
    readings: Readings
    link: EchoLink
    folder: Path
    nodes: NodeLine
    clients: list[httpx.AsyncClient] = field(default_factory=list)
    feeding: asyncio.Task[None] | None = None
    """Runs the hub, until a real server takes that over."""

    def stamp(self) -> Stamp:
        return self.clock.stamp()

    def say(self, key: str, point: str, value: Value, quality: Quality = Quality.GOOD) -> None:
        """The device reports."""
        twin = self.register.twin(key)
        heard = twin.heard(self.stamp())
        changed: ReadingChanged = twin.apply(Reading(point, value, quality), self.stamp())
        self.bus.publish_batch([changed, heard] if heard else [changed])

    async def store(self, key: str, point: str, *values: Value) -> None:
        """Readings of the past, a second apart from the first second of 1970 on."""
        point_id = self.register.entry(key).point_ids[point]
        rows = [Row(point_id, Stamp(n * 1_000_000, n * 1_000_000), value, 0) for n, value in enumerate(values, 1)]
        await asyncio.wrap_future(self.readings.append(Batch(rows)))

    async def stop_feeding(self) -> None:
        """Before a real server runs the hub itself."""
        assert self.feeding is not None
        self.feeding.cancel()
        await asyncio.gather(self.feeding, return_exceptions=True)

    async def quiet(self) -> None:
        """Let everything that is under way come to its end."""
        await self.clock.rest()

    def browser(self, address: str = "192.0.2.10") -> Browser:
        made = Browser(self.app, address)
        self.clients.append(made)
        return made

    async def program(self, role: Role, areas: frozenset[str] | None = None, *nouns: str) -> Browser:
        """A client with an API token of that role."""
        name = f"{role.word}-{len(self.clients)}"
        wish = ApiToken(name, role, areas, frozenset(nouns or ("*",)))
        secret, _ = await self.door.add_token(wish, SYSTEM)
        client = self.browser()
        client.headers["Authorization"] = f"Bearer {secret}"
        return client

    async def user(self, name: str, role: Role, areas: frozenset[str] | None = None) -> User:
        return await self.door.add_user(User(name, role, areas), PASSWORD, SYSTEM)

    def alert(self, device: str, rule: str = "device-offline", affected: Sequence[str] = ()) -> Alert:
        """Open an alert of a built-in rule."""
        held = self.rules.get(rule)
        assert held is not None
        return self.alerts.begin(held, device, "", "Hal", "offline", {"device": device or "the link"}, affected)

    async def node(self, node_id: str, *, adopt: bool = False) -> str:
        """A node that was enrolled and has announced a thermometer; returns its device's key."""
        assert self.house.nodes is not None
        await self.house.nodes.enrol(node_id, SYSTEM, board="pico-w")
        told = {"points": {"attic": {"quantity": "temperature", "unit": "°C"}}}
        said = Announcement(node_id, content=told, name="Attic", vendor="Sluis", model="pico-w", firmware="1.4.0")
        self.register.announce("sluis-node", "mqtt", said)
        await self.quiet()
        key = f"sluis-node-{node_id}"
        if adopt:
            await self.register.adopt(key, name="Attic", area="Hal", actor=SYSTEM)
        return key

    async def device(self, native_id: str, name: str = "", area: str = "Hal", *, adopt: bool = True) -> str:
        """A device in the house; returns its key."""
        key = f"meter-{native_id}"
        self.register.announce("meter", "mqtt", Announcement(native_id, content={"x": 1}, name=name or native_id))
        if adopt:
            await self.register.adopt(key, name=name or native_id, area=area, actor=SYSTEM)
            self.register.twin(key).heard(self.stamp())
        return key


@asynccontextmanager
async def a_site(folder: Path, settings: PanelSettings) -> AsyncIterator[Site]:
    nodes = NodeLine()
    database = CountingDatabase(folder / "sluis.db")
    database.start()
    clock, bus, link = ManualClock(rest=resting(database)), Bus(), EchoLink()
    audit = AuditLog(database, clock, folder / "pki", folder / "log" / "audit-checkpoints")
    readings = Readings(database, clock.stamp())
    register = Register(Registry(Meter, NodeDriver), Devices(database), readings, clock, bus, audit)
    control = Control(register, {"mqtt": link}, clock, bus, audit, Commands(database))
    door = Door(Accounts(database), audit, clock, settings)
    alerts = Alerts(AlertLog(database), clock, bus, audit)
    rules = RuleBook(RuleFile(folder / "rules.toml"), RuleHistory(database), clock, audit)
    history = History(readings)
    enrolment = Enrolment(
        Nodes(database),
        NodeAccounts(),
        nodes,
        NodeDevices(register),
        SiteSecret(folder / "pki" / "site.secret"),
        audit,
        clock,
    )
    supply = Supply(folder / "supply", SupplySettings(), audit, clock)
    updates = NodeUpdates(
        MqttLink(MqttSettings(port=1), clock), nodes, supply.usable, audit, clock, folder / "node-updates.json"
    )
    targets = Targets(enrolment, updates, register, alerts, supply.usable, clock)
    rollouts = Rollouts(
        targets,
        {"node": NodeCarrier(updates), "device": DeviceCarrier(control, targets.asked, clock)},
        RolloutFiles(folder / "rollouts"),
        audit,
        clock,
    )
    house = House(
        clock=clock,
        bus=bus,
        register=register,
        control=control,
        alerts=alerts,
        rules=rules,
        explain=Explain(register, Commands(database), alerts, rules),
        wellness=Wellness(register, history, {}, clock, bus),
        history=history,
        audit=audit,
        system=System(),
        backups=Backups(),
        recovery=LinkSteps(database),
        scanning=Scanning(Scan(register, clock), System().links, audit, lambda: ()),
        papers=build_papers("Kanaalschool", database, register, control, audit, clock, folder / "pki"),
        supply=supply,
        door=door,
        broker=BrokerAccounts(),
        nodes=enrolment,
        wiring=Wiring(enrolment, nodes, clock),
        node_pages=Pages(register, nodes, bus, clock, folder / "provision" / "node-pages.json"),
        rollouts=rollouts,
        releases=Releases(
            UpdateSettings(), supply, audit, clock, database.path, Gate({}, register.registry, System().readiness), {}
        ),
    )
    app = build_app(house, settings)
    site = Site(
        database,
        clock,
        bus,
        register,
        control,
        door,
        audit,
        house,
        settings,
        app,
        alerts,
        rules,
        readings,
        link,
        folder,
        nodes,
    )
    link.site = site
    site.feeding = asyncio.ensure_future(app.state.hub.run())
    running = [asyncio.ensure_future(one) for one in (register.run(), control.run(), alerts.run())]
    await asyncio.sleep(0)
    try:
        yield site
    finally:
        for client in site.clients:
            await client.aclose()
        running.append(site.feeding)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        database.close()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A house with two adopted devices in two areas, one adopted in none, and one that waits to be adopted."""
    async with a_site(tmp_path, PanelSettings()) as made:
        await made.device("one", "Boiler", "Kelder")
        await made.device("two", "Lamp", "Hal")
        await made.device("three", "Weerstation", "")
        await made.device("four", "Nieuw", adopt=False)
        await made.quiet()
        yield made


@pytest.fixture
async def admin(site: Site) -> Browser:
    """A program with all rights."""
    return await site.program(Role.ADMIN)


Program = Callable[..., Awaitable[Browser]]
