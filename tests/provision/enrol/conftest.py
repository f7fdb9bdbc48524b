"""A site that enrols nodes: real mosquitto, real database, real register; nodes that speak real MQTT over TLS."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest

from sluis.app.nodes import MqttNodeLine, build_enrolment
from sluis.intake import Intake, Register
from sluis.links.broker import Mosquitto
from sluis.links.broker.mosquitto import GATEWAY
from sluis.links.mqtt import MqttLink
from sluis.links.settings import BrokerSettings, MqttSettings
from sluis.links.site_ca import SiteCa
from sluis.model import Actor, Role
from sluis.runtime import Bus, SystemClock
from sluis.sdk import Registry
from sluis.store.audit import AuditLog
from sluis.store.database import Database
from sluis.store.devices import Devices
from sluis.store.history import History
from sluis.store.nodes import Nodes
from sluis.store.readings import Readings
from sluis.store.settings import StoreSettings
from sluis_drivers.sluis.node import Node as NodeDriver
from sluis_provision.enrol import Enrolment, Issued

ANNA = Actor("person", "anna", Role.TECHNICIAN, origin="test")
PICO = "e661410403020100"
OTHER = "e661410403020101"
POINTS = {"temperature": {"quantity": "temperature", "unit": "°C"}, "relay": {"kind": "switch", "writable": True}}
GOOD: Mapping[str, Any] = {
    "ok": True,
    "passed": True,
    "findings": [
        {"part": "temperature", "kind": "ds18b20", "pin": "GPIO4", "ok": True, "values": {"temperature": 21.5}},
        {"part": "relay", "kind": "relay", "pin": "GPIO16", "ok": True, "values": {"relay": False}},
        {"part": "radio", "kind": "wifi", "pin": "", "ok": True, "values": {"rssi": -60}},
    ],
}


@dataclass
class Site:
    """All that stands around enrolment in a gateway."""

    folder: Path
    database: Database
    broker: Mosquitto
    link: MqttLink
    register: Register
    enrolment: Enrolment
    audit: AuditLog
    ca: SiteCa
    history: History
    line: MqttNodeLine

    def again(self) -> Enrolment:
        """Enrolment as after a restart of the gateway."""
        return build_enrolment(
            self.broker,
            self.link,
            self.register,
            Nodes(self.database),
            self.folder / "pki",
            self.audit,
            SystemClock(),
            "localhost",
        )

    def hurry(self, patience_s: float) -> None:
        """How long nodes may take to answer, from now on."""
        self.line.patience_s = dict.fromkeys(("about", "test", "config", "wipe", "identify"), patience_s)

    async def restart_register(self) -> None:
        """The register as after a restart of the gateway."""
        clock = SystemClock()
        readings = Readings(self.database, clock.stamp())
        registry = Registry(NodeDriver)
        self.register = Register(registry, Devices(self.database), readings, clock, Bus(), self.audit)
        await self.register.load()


@contextlib.asynccontextmanager
async def a_site(folder: Path) -> AsyncIterator[Site]:
    ca = SiteCa(folder / "pki")
    pair = ca.server(["localhost", "127.0.0.1"])
    clock, bus = SystemClock(), Bus()
    settings = BrokerSettings(local_port=0, tls_host="127.0.0.1", tls_port=0)
    broker = Mosquitto(settings, folder, clock, pair.certificate, pair.key, ca=ca.ca.certificate)
    broker.prepare()
    await broker.start()
    database = Database(folder / "sluis.db", StoreSettings(commit_interval_s=0, reserve_mb=0))
    database.start()
    audit = AuditLog(database, clock, folder / "pki", folder / "log")
    readings = Readings(database, clock.stamp())
    register = Register(Registry(NodeDriver), Devices(database), readings, clock, bus, audit)
    await register.load()
    ours = MqttSettings(
        port=broker.local_port, username=GATEWAY, password_file=broker.password_file, reconnect_cap_s=0.3
    )
    link = MqttLink(ours, clock, session_file=folder / "session")
    intake = Intake(register, readings, [link], clock, bus)
    enrolment = build_enrolment(broker, link, register, Nodes(database), folder / "pki", audit, clock, "localhost")
    running = [asyncio.ensure_future(one.run()) for one in (broker, link, register, intake)]
    try:
        line = enrolment._line
        assert isinstance(line, MqttNodeLine)
        yield Site(folder, database, broker, link, register, enrolment, audit, ca, History(readings), line)
    finally:
        for task in reversed(running):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        database.close()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with a_site(tmp_path) as made:
        yield made


class Board:
    """A node as the firmware is, in paho's hands: it knows what it was told, announces itself, answers questions."""

    def __init__(self, issued: Issued, **answers: Any) -> None:
        self.id = issued.node.id
        self.answers: dict[str, Any] = {"test": dict(GOOD), "config": {"ok": True, "node": {}, "trial": []}, **answers}
        self.asked: list[dict[str, Any]] = []
        self.before: Callable[[dict[str, Any]], None] = lambda question: None
        self.refused = ""
        self.connected = threading.Event()
        self.settled = threading.Event()
        self.lost = threading.Event()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self.client.username_pw_set(issued.username, issued.password)
        self.client.will_set(f"sluis/{self.id}/status", b"offline", 1, retain=True)
        self.client.reconnect_delay_set(1, 1)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=issued.place.ca_der)
        self.client.tls_set_context(context)
        self.client.on_connect = self._connected
        self.client.on_message = self._asked
        self.client.on_disconnect = lambda *_: self.lost.set()
        self.client.connect("localhost", issued.place.port)
        self.client.loop_start()
        assert self.settled.wait(20)

    def _connected(self, _client: Any, _data: Any, _flags: Any, reason: Any, *_: Any) -> None:
        self.refused = str(reason) if reason.is_failure else ""
        if not self.refused:
            self.client.subscribe(f"sluis/{self.id}/do", 1)
            self.announce()
            self.connected.set()
        self.settled.set()

    def announce(self, model: str = "climate", **points: Any) -> None:
        said = {
            "name": f"Node {self.id}",
            "vendor": "Sluis",
            "model": model,
            "firmware": "1.4.0",
            "points": points or POINTS,
        }
        self.client.publish(f"sluis/{self.id}/announce", json.dumps(said), 1, retain=True)
        self.client.publish(f"sluis/{self.id}/status", b"online", 1, retain=True)

    def tell(self, seq: int, **values: Any) -> None:
        self.client.publish(f"sluis/{self.id}/telemetry", json.dumps({"boot": self.id, "seq": seq, **values}), 1)

    def _asked(self, _client: Any, _data: Any, message: Any) -> None:
        question = json.loads(message.payload)
        self.asked.append(question)
        self.before(question)
        answer = self.answers.get(question["do"], {"ok": True})
        if answer is not None:
            said = {"call": question["call"], **answer}
            self.client.publish(f"sluis/{self.id}/did", json.dumps(said), 1)

    def close(self) -> None:
        """Pulled out of its socket: its will is sent."""
        self.client.on_disconnect = None
        self.client._sock_close()
        self.client.loop_stop()


@pytest.fixture
def boards() -> Iterator[Callable[..., Board]]:
    made: list[Board] = []

    def plug_in(issued: Issued, **answers: Any) -> Board:
        made.append(Board(issued, **answers))
        return made[-1]

    yield plug_in
    for one in made:
        one.client.on_disconnect = None
        one.client.disconnect()
        one.client.loop_stop()
