"""A small school building for looking at: real register, control, accounts, audit log and stream; made-up devices
with believable values, and made-up past. `python -m tests.panel.browser.site FOLDER` serves it until it is ended.
"""

# ruff: noqa: E501  (a table of things reads best a line each)
from __future__ import annotations

import asyncio
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sluis.app.bench import Bench
from sluis.app.bench_stock import Stock
from sluis.app.node_pages import Pages
from sluis.app.node_updates import NodeUpdates
from sluis.app.nodes import NodeDevices
from sluis.app.papers import build_papers
from sluis.app.rollout_devices import DeviceCarrier
from sluis.app.rollouts import NodeCarrier, RolloutFiles, Targets
from sluis.app.scanning import Scanning
from sluis.app.supply import Supply
from sluis.control import Control
from sluis.fleet import Plan, Release, Tick, Told, begin
from sluis.fleet import step as took
from sluis.intake import Register
from sluis.intake.scan import Scan
from sluis.links.mqtt import MqttLink
from sluis.links.settings import MqttSettings
from sluis.model import (
    Actor,
    AlertChanged,
    Announcement,
    Command,
    DeviceState,
    Frame,
    Kind,
    Point,
    Presence,
    Quality,
    Reading,
    Refused,
    Role,
    User,
    Value,
)
from sluis.model.commands import SYSTEM
from sluis.model.readings import Availability
from sluis.panel.door import Door
from sluis.panel.ports import House
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
from sluis.panel.server import build_app
from sluis.panel.serving import PanelServer, Tls
from sluis.panel.settings import PanelSettings
from sluis.rules.builtin import BUILTIN
from sluis.rules.parse import as_table, parse_rule
from sluis.runtime import Bus, Step, SystemClock
from sluis.sdk import About, Decoded, Driver, Link, MqttMatch, Registry
from sluis.store.accounts import Accounts
from sluis.store.audit import AuditLog
from sluis.store.backups import Backup
from sluis.store.commands import Commands
from sluis.store.database import Database
from sluis.store.devices import Devices
from sluis.store.link_steps import LinkSteps
from sluis.store.nodes import Nodes
from sluis.store.readings import Readings
from sluis.updates import Rollouts
from sluis.watch.alert import Alert, AlertStep
from sluis.watch.wellness import Wellness
from sluis_drivers.sluis.node import Node as NodeDriver
from sluis_provision.enrol import Enrolment, SiteSecret
from sluis_provision.supply.settings import SupplySettings
from sluis_provision.wiring import Wiring
from tests.panel.conftest import NodeAccounts, NodeLine
from tests.provision.flash.pretend import Board
from tests.provision.flash.tray import Tray

PASSWORD = "four random words here"
HOUR_US = 3_600_000_000

BOARDS = 3
"""On the bench; the second has another chip than the others."""

CLIMATE = (
    Point("temperature", "°C", minimum=-40, maximum=85, every_s=10, key="temperature"),
    Point("humidity", "%", minimum=0, maximum=100, every_s=10, key="humidity"),
    Point("carbon_dioxide", "ppm", minimum=300, maximum=10_000, every_s=10, key="co2"),
    Point("occupancy", kind=Kind.SWITCH, key="occupancy"),
    Point("battery", "%", minimum=0, maximum=100, key="battery", category="diagnostic"),
    Point("signal_strength", "dBm", key="rssi", category="diagnostic"),
)
PLUG = (
    Point("outlet", kind=Kind.SWITCH, writable=True, key="relay", proof="power"),
    Point("power", "W", minimum=0, maximum=3_700, every_s=10, key="power"),
    Point("energy", "kWh", key="energy"),
    Point("voltage", "V", key="voltage", category="diagnostic"),
    Point("restart", kind=Kind.TRIGGER, writable=True, key="restart", category="config"),
)
LAMP = (
    Point("light", kind=Kind.SWITCH, writable=True, key="light"),
    Point("brightness", "%", minimum=0, maximum=100, step=1, writable=True, key="brightness"),
    Point("", kind=Kind.CHOICE, options=("werk", "sfeer", "nacht"), writable=True, key="scene", name="Sfeer"),
)
CONTACT = (Point("window", kind=Kind.SWITCH, key="window"), CLIMATE[4])
HEATER = (
    Point("temperature", "°C", minimum=-40, maximum=85, every_s=10, key="temperature"),
    Point("target_temperature", "°C", minimum=5, maximum=30, step=0.5, writable=True, key="target_temperature"),
    Point("", kind=Kind.CHOICE, options=("auto", "eco", "comfort", "frost", "off"), writable=True, key="mode"),
)
KINDS = {"climate": CLIMATE, "plug": PLUG, "lamp": LAMP, "contact": CONTACT, "heater": HEATER}


class Thing(Driver):
    """What a thing offers is in its announcement."""

    about = About(
        key="school", vendor="Kanaal", models=("Serie 2",), match=MqttMatch(("s/+/hello",)), sources=("made up",)
    )

    def points(self) -> Iterable[Point]:
        return KINDS[str(self.description.get("", {}).get("kind", "climate"))]

    def topics(self) -> Iterable[str]:
        return (f"s/{self.native_id}/data",)

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        return [Reading(key, value) for key, value in json.loads(frame.data).items()]

    async def perform(self, link: Link, command: Command) -> None:
        await link.send(json.dumps({command.point: command.value}).encode(), to=self.native_id)


ROOMS = ("Entree", "Lokaal 0.1", "Lokaal 0.2", "Lokaal 1.4", "Lokaal 1.10", "Aula", "Technische ruimte")

THINGS: tuple[tuple[str, str, str, str, dict[str, Value]], ...] = (
    ("entree-lamp", "lamp", "Entreeverlichting", "Entree", {"light": True, "brightness": 80, "scene": "werk"}),
    ("entree-deur", "contact", "Raam portiersloge", "Entree", {"window": False, "battery": 88}),
    ("kl01", "climate", "Klimaat 0.1", "Lokaal 0.1", {"temperature": 21.4, "humidity": 44, "co2": 812, "occupancy": True, "battery": 91, "rssi": -61}),
    ("kl01-lamp", "lamp", "Plafondlampen", "Lokaal 0.1", {"light": True, "brightness": 100, "scene": "werk"}),
    ("kl01-bord", "plug", "Digibord", "Lokaal 0.1", {"relay": True, "power": 212.0, "energy": 148.22, "voltage": 231}),
    ("kl02", "climate", "Klimaat 0.2", "Lokaal 0.2", {"temperature": 19.1, "humidity": 41, "co2": 466, "occupancy": False, "battery": 12, "rssi": -77}),
    ("kl02-lamp", "lamp", "Plafondlampen", "Lokaal 0.2", {"light": False, "brightness": 60, "scene": "sfeer"}),
    ("kl02-verw", "heater", "Radiator 0.2", "Lokaal 0.2", {"temperature": 19.0, "target_temperature": 19.5, "mode": "auto"}),
    ("kl14", "climate", "Klimaat 1.4", "Lokaal 1.4", {"temperature": 24.8, "humidity": 52, "co2": 1684, "occupancy": True, "battery": 77, "rssi": -66}),
    ("kl14-lamp", "lamp", "Plafondlampen", "Lokaal 1.4", {"light": True, "brightness": 90, "scene": "werk"}),
    ("kl14-raam", "contact", "Raam straatzijde", "Lokaal 1.4", {"window": True, "battery": 64}),
    ("kl110", "climate", "Klimaat 1.10", "Lokaal 1.10", {"temperature": 20.6, "humidity": 46, "co2": 590, "occupancy": False, "battery": 83, "rssi": -70}),
    ("kl110-bord", "plug", "Digibord", "Lokaal 1.10", {"relay": False, "power": 1.0, "energy": 96.4, "voltage": 230}),
    ("aula", "climate", "Klimaat aula", "Aula", {"temperature": 20.2, "humidity": 43, "co2": 702, "occupancy": True, "battery": 70, "rssi": -58}),
    ("aula-koffie", "plug", "Koffieautomaat", "Aula", {"relay": True, "power": 1180.0, "energy": 802.9, "voltage": 229}),
    ("aula-beamer", "plug", "Beamer", "Aula", {"relay": False, "power": 0.6, "energy": 55.1, "voltage": 230}),
    ("tr-pomp", "plug", "Circulatiepomp", "Technische ruimte", {"relay": True, "power": 46.0, "energy": 1210.5, "voltage": 231}),
    ("tr", "climate", "Klimaat technische ruimte", "Technische ruimte", {"temperature": 26.3, "humidity": 35, "co2": 430, "occupancy": False, "battery": 95, "rssi": -49}),
)  # fmt: skip

STRANGERS = (
    ("nieuw-1", "plug", "tasmota_8F2A11", "Sonoff", "S31"),
    ("nieuw-2", "climate", "0x00158d0004a2c3", "Aqara", "WSDCGQ11LM"),
    ("nieuw-3", "lamp", "shellydimmer2-98CDAC", "Shelly", "Dimmer 2"),
)


NODE = "e661410403020100"
WIRED: dict[str, Any] = {
    "name": "Kelder",
    "buses": {"wire": {"bus": "onewire", "pin": 4}},
    "parts": {
        "aanvoer": {"part": "ds18b20", "bus": "wire", "name": "Aanvoer"},
        "pomp": {"part": "relay", "pin": 16, "name": "Pomp"},
    },
}


class SchoolNodes(NodeLine):
    """A node that keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.has = WIRED
        lines = ["[0] Sluis node 0.2.0, started by reset (61200 B free)", "[4] connected (40016 B free)"]
        trace = 'Traceback (most recent call last):\n  File "/b/sluis_node/app.py", line 218, in run\nMemoryError: 4096'
        page = {"slot": "b", "version": "0.2.0", "sequence": 12, "reset_cause": "restart"}
        self.answers[NODE, "page"] = {"ok": True, "page": {**page, "lines": lines, "traceback": trace}}

    async def ask(self, node_id: str, do: str, said: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        if do == "config" and said and "node" in said:
            self.has = said["node"]
        if do == "config":
            return {"ok": True, "node": self.has, "trial": []}
        return await super().ask(node_id, do, said)


async def with_a_node(site: Site, enrolment: Enrolment) -> None:
    """Beside the things of the school, one of our own, in a room of its own."""
    await enrolment.enrol(NODE, SYSTEM, board="pico-w")
    points = {"aanvoer": {"quantity": "temperature", "unit": "°C"}, "pomp": {"kind": "switch", "writable": True}}
    told = Announcement(NODE, content={"points": points}, name="Kelder", vendor="Sluis", model="node", firmware="0.1.0")
    site.register.announce("sluis-node", "mqtt", told)
    await site.register.adopt(f"sluis-node-{NODE}", name="Ketelnode", area="Kelder", actor=SYSTEM)
    site.say(f"sluis-node-{NODE}", "aanvoer", 48.5)


class EchoLink:
    """Devices do what they are told and say so after a moment; the pump is interlocked."""

    def __init__(self) -> None:
        self.site: Site | None = None

    async def send(self, data: bytes, *, to: str = "", retain: bool = False) -> None:
        assert self.site is not None
        if to == "tr-pomp":
            raise Refused("Pomp vergrendeld: klep gesloten")
        await asyncio.sleep(0.05)
        for point, value in json.loads(data).items():
            if value is not None:
                self.site.say(f"school-{to}", point, value)

    async def request(self, data: bytes, *, to: str = "", reply: str = "", timeout_s: float = 5.0) -> Frame:
        raise NotImplementedError


@dataclass
class Alerts:
    """Alerts without rules behind them."""

    bus: Bus
    clock: SystemClock
    held: dict[int, Alert] = field(default_factory=dict)
    written: list[AlertStep] = field(default_factory=list)

    async def open(self) -> Sequence[Alert]:
        return [one for one in self.held.values() if one.open]

    async def history(self, limit: int, before_id: int | None = None) -> Sequence[Alert]:
        ids = sorted((one for one in self.held if before_id is None or one < before_id), reverse=True)
        return [self.held[one] for one in ids[:limit]]

    async def alert(self, alert_id: int) -> Alert | None:
        return self.held.get(alert_id)

    async def steps(self, alert_id: int) -> list[AlertStep]:
        return [one for one in self.written if one.alert_id == alert_id]

    async def acknowledge(self, alert_id: int, actor: Actor, note: str = "") -> Alert:
        now_us = self.clock.stamp().at_us
        held = replace(self.held[alert_id], acknowledged_at_us=now_us, acknowledged_by=actor.label, owner=actor.label)
        return self._put(held, "acknowledged")

    async def note(self, alert_id: int, actor: Actor, text: str) -> Alert:
        self.written.append(AlertStep(alert_id, self.clock.stamp().at_us, "note", actor.label, text))
        return self.held[alert_id]

    def raise_(self, rule: str, severity: str, key: str, area: str, what: str, age_s: float, /, **more: Any) -> None:
        fields = {key: more.pop(key) for key in ("affected", "title", "about", "cleared_at_us") if key in more}
        at_us = self.clock.stamp().at_us - int(age_s * 1e6)
        point = fields.pop("about", "")
        number = len(self.held) + 1
        made = Alert(number, rule, "1", severity, key, point, area, at_us, what, more, **fields)
        self._put(made, "opened")

    def _put(self, alert: Alert, what: str) -> Alert:
        self.held[alert.id] = alert
        stamp = self.clock.stamp()
        said = AlertChanged(alert.id, what, alert.rule, alert.device, alert.point, alert.severity, alert.message, stamp)
        self.bus.publish(said)
        return alert


class Rules:
    """The built-in rules and what is saved here."""

    def __init__(self) -> None:
        self.held = {one.key: (as_table(one), "built-in") for one in BUILTIN}
        self.held["co2-hoog"] = (
            {
                "title": {"nl": "Lokaal moet luchten", "en": "Room needs air"},
                "on": {"quantity": "carbon_dioxide"},
                "when": {"above": 1200, "clear": 1000},
                "for_s": 300,
            },
            "file",
        )

    def rules(self) -> Sequence[Mapping[str, Any]]:
        return [self._shown(name) for name in self.held]

    def rule(self, name: str) -> Mapping[str, Any] | None:
        return self._shown(name) if name in self.held else None

    def _shown(self, name: str) -> Mapping[str, Any]:
        body, origin = self.held[name]
        return {"name": name, "version": parse_rule(name, body).version, "origin": origin, **body}

    async def versions(self, name: str) -> Sequence[Mapping[str, Any]]:
        return [self._shown(name)] if name in self.held else []

    async def save(self, name: str, body: Mapping[str, Any], actor: Actor) -> Mapping[str, Any]:
        self.held[name] = (as_table(parse_rule(name, dict(body))), "file")
        return self._shown(name)

    async def remove(self, name: str, actor: Actor) -> None:
        del self.held[name]


class Explain:
    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock

    async def why(self, device: str, point: str) -> Sequence[Mapping[str, Any]]:
        now_us = self._clock.stamp().at_us
        return [
            {"at_us": now_us - 900_000, "kind": "reading", "what": "Het apparaat meldde aan", "ref": "s/kl01/data"},
            {"at_us": now_us - 950_000, "kind": "command", "what": "Opdracht verstuurd: aan", "ref": "command 9f2c"},
            {"at_us": now_us - 990_000, "kind": "person", "what": "anna vroeg erom (panel)", "ref": ""},
        ]


@dataclass(frozen=True)
class ABucket:
    at_us: int
    min: float
    mean: float
    max: float
    last: float
    count: int


class History:
    """A past made of sines: warm afternoons, busy mornings. A gap of two hours shows how silence looks."""

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock

    async def series(self, device: str, point: str, start_us: int, end_us: int, buckets: int) -> Sequence[ABucket]:
        width = max(1, (end_us - start_us) // buckets)
        now_us = self._clock.stamp().at_us
        made = [self._bucket(device, point, start_us + n * width, width) for n in range(buckets)]
        return [one for one in made if one.at_us < now_us and not 9 * HOUR_US < now_us - one.at_us < 11 * HOUR_US]

    def _bucket(self, device: str, point: str, at_us: int, width: int) -> ABucket:
        if point in ("battery", "rssi"):
            return self._slow(device, point, at_us)
        hour = at_us / HOUR_US % 24
        day = math.sin((hour - 9) / 24 * 2 * math.pi)
        ripple = math.sin(at_us / HOUR_US * 5 + len(device)) * 0.3
        base, swing = {"temperature": (20.5, 1.6), "co2": (650, 320), "humidity": (44, 5), "power": (260, 240)}.get(
            point, (50, 20)
        )
        mean = max(0.0, base + swing * (day + ripple * 0.4))
        if point in ("relay", "light", "window", "occupancy"):
            on = float(8 < hour < 17)
            return ABucket(at_us, on, on, on, on, 6)
        return ABucket(at_us, mean - swing * 0.08, mean, mean + swing * 0.1, mean, 24)

    def _slow(self, device: str, point: str, at_us: int) -> ABucket:
        """Batteries go down to what they say now; the signal of one falls as well."""
        now = next((values.get(point, 80) for key, _, _, _, values in THINGS if device.endswith(key)), 80)
        days = max(0.0, (self._clock.stamp().at_us - at_us) / 24 / HOUR_US)
        per_day = {"battery": 0.4, "rssi": 1.1 if device.endswith("kl02") else 0.0}[point]
        value = min(100.0, round(float(now) + per_day * days))
        return ABucket(at_us, value, value, value, value, 24)

    async def readings(
        self, device: str, point: str, start_us: int, end_us: int, limit: int, after: int | None = None
    ) -> Sequence[Any]:
        return []


FAULT = """Traceback (most recent call last):
  File "/var/lib/sluis/drivers/ketel.py", line 12, in <module>
    class Ketel(Driver):
  File "/var/lib/sluis/drivers/ketel.py", line 18, in Ketel
    pressure = Point("presure", "bar")
ValueError: 'presure' is not a known quantity; did you mean 'pressure'?
"""


ASKED = (
    AskReport("bindkey", "Bind key", "text", secret=True, hint="From the device's own app."),
    AskReport("every_s", "Seconds between two measurements", "number", default=60),
    AskReport("map", "Register map", "text", ("klein", "groot"), required=True),
    AskReport("custom", "Own register map", "text", hint="TOML; where the map is `custom`."),
    AskReport("loud", "Loud", "switch", default=True),
)

STEPS = (
    Step("mqtt", "reconnect", 1_795_400_000_000_000, 0.4, True, "the broker closed the connection"),
    Step("ble", "rescan", 1_795_420_000_000_000, 5.1, False, "the adapter answers nothing"),
    Step("ble", "reopen", 1_795_420_010_000_000, 2.2, False, "the adapter answers nothing"),
    Step("ble", "power-cycle", 1_795_420_020_000_000, 4.8, True),
    Step("ble", "power-cycle", 1_795_500_020_000_000, 30.0, False, "not over within 30 s"),
)


class System:
    def __init__(self, clock: SystemClock, bus: Bus) -> None:
        self._clock, self._bus, self._began = clock, bus, clock.stamp().at_us - 53 * HOUR_US

    def links(self) -> Sequence[LinkReport]:
        began = self._began
        return [
            LinkReport(
                "mqtt",
                "mqtt",
                True,
                began,
                "",
                "127.0.0.1:1883",
                184_223,
                912,
                0,
                0,
                1,
                notes={"session": "kept"},
                devices=18,
                reachable=17,
                heard_us=self._clock.stamp().at_us - 2_000_000,
            ),
            LinkReport(
                "ble",
                "ble",
                False,
                began,
                "adapter hci0 niet gevonden",
                "hci0",
                reconnects=14,
                rung="power-cycle",
                recording="/var/lib/sluis/recordings/ble-20261124T081500Z.jsonl",
            ),
        ]

    async def record(self, link: str, on: bool, actor: Actor) -> str:
        return f"/var/lib/sluis/recordings/{link}-20261124T081500Z.jsonl" if on else ""

    def drivers(self) -> Sequence[DriverReport]:
        return [
            DriverReport("", "", (), "", "ketel.py", fault=FAULT),
            DriverReport("homeassistant", "Home Assistant", ("MQTT discovery",), "gold", "built-in", 6),
            DriverReport("shelly-gen2", "Shelly", ("Plus", "Pro"), "silver", "built-in", 4),
            DriverReport("tasmota", "Tasmota", ("all",), "silver", "built-in", 5),
            DriverReport(
                "school",
                "Kanaal",
                ("Serie 2",),
                "draft",
                "school.py",
                len(THINGS),
                faults=3,
                aside="version 9c41f0 failed 3 times in a minute; 7d02aa is back",
                setup=ASKED[:2],
            ),
            DriverReport("lijn", "Kanaal", ("K1",), "draft", "built-in", kinds=("ble",), addable=True, setup=ASKED),
            DriverReport("knx-points", "KNX", ("all",), "silver", "built-in", kinds=("knx",), addable=True),
        ]

    def driver_faults(self, driver: str) -> Sequence[FaultReport]:
        line = '{"name": "fault 1 in decode", "topic": "school/kl01", "text": "{"}'
        return [FaultReport("decode", "ValueError: x", FAULT, "school-kl01", "9c41f0aa", self._began, 3, line)]

    def readiness(self) -> Readiness:
        return Readiness(True, True, True)

    def settings(self) -> Mapping[str, Mapping[str, Any]]:
        return {}

    async def report(self) -> SystemReport:
        queues = [QueueReport(f"bus:{one.name}", len(one), 10_000, one.dropped) for one in self._bus.subscriptions()]
        return SystemReport(
            "0.1.0", "3.11.2", self._began, True, 74_300_000, 812.4, 21_400_000_000, 31_200_000_000, 412_000_000,
            "supervised", (*queues, QueueReport("intake:mqtt", 0, 20_000)), {"frames_received": 184_223},
            "Raspberry Pi 4 Model B, Debian 12",
            ("De voedingsspanning zakte 3 keer onder 4,63 V; gebruik een betere voeding.",),
        )  # fmt: skip

    async def storage(self) -> StorageReport:
        lines = (BudgetLine("readings", 61e6), BudgetLine("rollups", 9e6), BudgetLine("log", 4e6))
        return StorageReport(lines, 74e6, 500e6, 11.4, 17.8)


class Backups:
    def __init__(self, clock: SystemClock) -> None:
        now_us = clock.stamp().at_us
        self.held = [
            Backup("sluis-2026-11-23.bak", now_us - 20 * HOUR_US, 41_200_000, now_us - 19 * HOUR_US),
            Backup("sluis-2026-11-24.bak", now_us - HOUR_US, 41_900_000),
        ]

    async def list(self) -> Sequence[Backup]:
        return self.held

    async def create(self, actor: Actor) -> Backup:
        return self.held[-1]

    async def verify(self, name: str, actor: Actor) -> Backup:
        return self.held[0]


@dataclass
class Site:
    register: Register
    bus: Bus
    clock: SystemClock
    alerts: Alerts

    def say(self, key: str, point: str, value: Value, quality: Quality = Quality.GOOD) -> None:
        """A device reports."""
        twin, stamp = self.register.twin(key), self.clock.stamp()
        events = [one for one in (twin.heard(stamp), twin.apply(Reading(point, value, quality), stamp)) if one]
        self.bus.publish_batch(events)

    async def furnish(self) -> None:
        """Bring the building in."""
        for native_id, kind, name, area, values in THINGS:
            self.register.announce("school", "mqtt", a_thing(native_id, kind, name, "Kanaal", "Serie 2"))
            key = f"school-{native_id}"
            await self.register.adopt(key, name=name, area=area, asset_number=f"KA-{len(name):03}", actor=SYSTEM)
            for point, value in values.items():
                self.say(key, point, value)
        for native_id, kind, name, vendor, model in STRANGERS:
            self.register.announce("school", "mqtt", a_thing(native_id, kind, name, vendor, model))
        for link, native_id in (("ble", TWO_PATHS), ("mqtt", TWO_PATHS.replace(":", "").lower())):
            self.register.announce("school", link, a_thing(native_id, "lamp", "Hoeklamp", "Kanaal", "Serie 3"))
        self.trouble()

    def trouble(self) -> None:
        """What makes a facility manager look."""
        beamer = self.register.twin("school-aula-beamer")
        away = beamer.presence(Presence(Availability.OFFLINE, reason="will"), self.clock.stamp())
        self.bus.publish_batch([away] if away else [])
        self.say("school-kl110", "temperature", 20.6, Quality.UNCERTAIN)
        raise_ = self.alerts.raise_
        raise_("device-offline", "warning", "school-aula-beamer", "Aula", "offline", 2_460, device="Beamer")
        title = {"nl": "Lokaal moet luchten", "en": "Room needs air"}
        words = {"device": "Klimaat 1.4", "value": 1684, "limit": 1200, "unit": "ppm", "point": "CO₂"}
        raise_("co2-hoog", "warning", "school-kl14", "Lokaal 1.4", "above", 1_260, title=title, about="co2", **words)
        words = {"device": "Klimaat 0.2", "value": 12, "limit": 15, "unit": "%", "point": "Batterij"}
        raise_("battery-low", "info", "school-kl02", "Lokaal 0.2", "below", 90_000, about="battery", **words)
        for number in range(3):
            began = 200_000 + number * 70_000
            ended = self.clock.stamp().at_us - int((began - 4_000) * 1e6)
            raise_("device-offline", "warning", "school-aula-koffie", "Aula", "offline", began, cleared_at_us=ended,
                   device="Koffieautomaat")  # fmt: skip

    async def live(self) -> None:
        """Values move a little, for ever."""
        step = 0
        while True:
            await asyncio.sleep(0.5)
            step += 1
            for native_id, kind, _name, _area, values in THINGS:
                twin = self.register.twin(f"school-{native_id}")
                if kind in ("climate", "heater") and native_id not in ("kl02", "kl110"):
                    wave = math.sin(step / 9 + len(native_id))
                    self.say(twin.device, "temperature", round(float(values["temperature"]) + wave * 0.3, 1))
                    if "humidity" in values:
                        self.say(twin.device, "humidity", values["humidity"])
                    if "co2" in values:
                        self.say(twin.device, "co2", round(float(values["co2"]) + wave * 25))
                elif kind == "plug" and native_id != "aula-beamer":
                    on = twin.reported["relay"].value is True
                    self.say(
                        twin.device, "power", round(float(values["power"]) * on * (1 + 0.03 * math.sin(step / 4)), 1)
                    )


TWO_PATHS = "A4:C1:38:0F:00:21"
"""A lamp that speaks over Bluetooth and over MQTT."""


def a_thing(native_id: str, kind: str, name: str, vendor: str, model: str) -> Announcement:
    return Announcement(native_id, content={"kind": kind}, name=name, vendor=vendor, model=model, firmware="2.4.1")


def certificate(folder: Path) -> Tls:
    """A certificate for loopback that nobody trusts: the browser of the tests is told to."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sluis test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return Tls(folder / "cert.pem", folder / "key.pem", folder / "cert.pem")


async def with_a_rollout(rollouts: Rollouts, at_s: float) -> None:
    """One that has begun: one node fetches, one has gone back, one is left out."""
    release = Release(name="any-0.3.0-14.sluis", version="0.3.0", sequence=14, size_bytes=100_000)
    keys = (NODE, "e661410403020199", "e661410403020198")
    plan = Plan(
        id="0a1b2c3d4e5f", release=release, waves=(keys[:2], keys[2:]), left_out=(("e661410403020197", "signal"),)
    )
    made = begin(plan, {}, "person:anna", at_s)
    for event in (
        Tick(at_s=at_s),
        Told(at_s=at_s, key=keys[0], version="0.2.0", sequence=13, phase="fetching", percent=40),
        Told(at_s=at_s, key=keys[1], version="0.3.0", sequence=14, trial=True),
        Told(at_s=at_s, key=keys[1], version="0.2.0", sequence=13, back=True, reason="the broker was not reached"),
    ):
        took(made, event)
    rollouts._held[plan.id] = made


async def serve(folder: Path, *, users: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    database = Database(folder / "sluis.db")
    database.start()
    clock, bus, link = SystemClock(), Bus(), EchoLink()
    audit = AuditLog(database, clock, folder / "pki", folder / "log" / "audit-checkpoints")
    register = Register(
        Registry(Thing, NodeDriver), Devices(database), Readings(database, clock.stamp()), clock, bus, audit
    )
    control = Control(register, {"mqtt": link}, clock, bus, audit, Commands(database))
    settings = PanelSettings(port=0, trust_port=-1, site_name="Kanaalschool", area_order=ROOMS, max_streams=200)
    door = Door(Accounts(database), audit, clock, settings)
    alerts = Alerts(bus, clock)
    site = Site(register, bus, clock, alerts)
    link.site = site
    recovery, history = LinkSteps(database), History(clock)
    wellness = Wellness(register, history, {}, clock, bus)
    supply, tray, secret = (
        Supply(folder / "supply", SupplySettings(), audit, clock),
        Tray(),
        SiteSecret(folder / "secret"),
    )
    for number in range(BOARDS):
        tray.plug(Board(f"7cdfa100000{number}", chip="esp32s3" if number == 1 else "esp32c3"))
    images = Stock(folder / "images", supply, clock)
    by = {"usb": tray.usb, "flashers": tray.flasher, "files_by": tray.flasher, "patience_s": 0.0}
    bench = Bench(folder / "provision", images, None, audit, bus, clock, **by)  # type: ignore[arg-type]
    nodes = SchoolNodes()
    enrolment = Enrolment(Nodes(database), NodeAccounts(), nodes, NodeDevices(register), secret, audit, clock)
    wiring, pages = (
        Wiring(enrolment, nodes, clock),
        Pages(register, nodes, bus, clock, folder / "node-pages.json"),
    )
    updates = NodeUpdates(MqttLink(MqttSettings(port=1), clock), nodes, supply.usable, audit, clock, folder / "up.json")
    node_site = Targets(enrolment, updates, register, alerts, supply.usable, clock)  # type: ignore[arg-type]
    rollouts = Rollouts(
        node_site,
        {"node": NodeCarrier(updates), "device": DeviceCarrier(control, node_site.asked, clock)},
        RolloutFiles(folder / "rollouts"),
        audit,
        clock,
    )
    await with_a_rollout(rollouts, clock.stamp().at_us / 1e6)
    house = House(
        clock=clock,
        bus=bus,
        register=register,
        control=control,
        alerts=alerts,
        rules=Rules(),
        explain=Explain(clock),
        wellness=wellness,
        history=history,
        audit=audit,
        system=System(clock, bus),
        backups=Backups(clock),
        recovery=recovery,
        scanning=Scanning(Scan(register, clock), System(clock, bus).links, audit, lambda: ()),
        papers=build_papers(settings.site_name, database, register, control, audit, clock, folder / "pki"),
        supply=supply,
        door=door,
        nodes=enrolment,
        wiring=wiring,
        node_pages=pages,
        rollouts=rollouts,
        bench=bench,
    )
    for step in STEPS:
        recovery.append(step)
    await site.furnish()
    await with_a_node(site, enrolment)
    await pages.ask(NODE)
    for device in register.devices(DeviceState.ADOPTED):
        await wellness.of(device.key)
    if users:
        await door.add_user(User("anna", Role.ADMIN, full_name="Anna de Vries"), PASSWORD, SYSTEM)
        await door.add_user(User("piet", Role.OPERATOR, frozenset({"Aula"}), full_name="Piet Bakker"), PASSWORD, SYSTEM)
    code = await door.open()
    app = build_app(house, settings)
    server = PanelServer(app, settings, certificate(folder))
    async with asyncio.TaskGroup() as group:
        for part in (register, control, server, wellness, bench, wiring):
            group.create_task(part.run())
        group.create_task(site.live())
        await server.ready.wait()
        (folder / "address.json").write_text(json.dumps({"url": server.url, "code": code}))


if __name__ == "__main__":
    try:
        asyncio.run(serve(Path(sys.argv[1]), users="--empty" not in sys.argv))
    except KeyboardInterrupt:
        pass
