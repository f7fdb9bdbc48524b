"""The demo site: the office, its devices, and the loop that moves them on.

It runs in a process of its own, so that the gateway's processor time and memory stay the gateway's.
Orders to misbehave come in over a local socket, one JSON object a line: {"device", "kind", "for_s", "amount"}.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import random
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sluis.demo.air_monitor import AirMonitor
from sluis.demo.asked import Asked, Front
from sluis.demo.crowd import Crowd
from sluis.demo.esphome import EsphomeNode
from sluis.demo.meter import INSTALLED_KWH, EnergyMeter
from sluis.demo.mischief import Kind, Order
from sluis.demo.nodes import BoilerSite, DemoNode
from sluis.demo.office import Office, small_office
from sluis.demo.projector import RoomProjector
from sluis.demo.shelly import ShellyPlus1PM
from sluis.demo.standin import Now, StandIn
from sluis.demo.station import Access, Station
from sluis.demo.tasmota import TasmotaPlug
from sluis.demo.zigbee2mqtt import Zigbee2Mqtt

log = logging.getLogger(__name__)

TICK_S = 0.2
"""How often devices are asked what is due. Commands are answered at once; this only paces telemetry."""


def office_devices(office: Office, chance: random.Random, *, discovery_delay_s: float = 2.0) -> list[StandIn]:
    """All devices of the office. Tasmota's ten seconds before discovery are shortened for the first-time visitor."""

    def plug(name: str, friendly_name: str, mac: str) -> TasmotaPlug:
        return TasmotaPlug(
            office,
            chance,
            name=name,
            friendly_name=friendly_name,
            mac=mac,
            load=name,
            discovery_delay_s=discovery_delay_s,
        )

    return [
        plug("heater", "Meeting room heater", "D8BFC01A2B3C"),
        plug("coffee", "Coffee machine", "D8BFC04D5E6F"),
        ShellyPlus1PM(office, chance, name="lights", label="Office lights", mac="A8032AB1C2D4", load="ceiling light"),
        Zigbee2Mqtt(office, chance),
        EsphomeNode(office, chance),
        AirMonitor(office, chance),
    ]


class Site:
    """Everything that stands in for the outside world.

    `ports` says where the devices are that have to be asked (meter, projector); one that is not named is not there.
    `memory` is a file in which the meter keeps its count from one run to the next, as a real one does; `nodes` a folder
    in which the boards of our own nodes keep their flash, None for no nodes.
    """

    def __init__(
        self,
        access: Access,
        *,
        speed: float = 1.0,
        seed: int = 1,
        crowd: int = 0,
        every_s: float = 10.0,
        ports: Mapping[str, int] | None = None,
        memory: Path | None = None,
        nodes: Path | None = None,
    ) -> None:
        self.office = small_office(hour=datetime.now().astimezone().hour + 0.5)
        self.speed = speed
        self._access = access
        chance = random.Random(seed)  # noqa: S311  # a simulation's chance, not a secret
        self.standins = office_devices(self.office, chance)
        if crowd:
            self.standins.append(Crowd(self.office, chance, size=crowd, every_s=every_s))
        self.stations: dict[str, Station] = {}
        self._memory = memory
        self._meter = EnergyMeter(self.office, chance, remembered(memory))
        asked: list[Asked] = [self._meter, RoomProjector(self.office)]
        self.boiler = BoilerSite(nodes)
        self.fronts = {each.name: Front(each, ports[each.name]) for each in asked if ports and each.name in ports}

    async def run(self) -> None:
        """Until cancelled; then every device says goodbye."""
        loop = asyncio.get_running_loop()
        self.stations = {each.name: Station(each, self._access, loop, the_time) for each in self.standins}
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self._close)
            for front in self.fronts.values():
                await stack.enter_async_context(front.on_the_network())
            await stack.enter_async_context(self.boiler.at_work())
            before_s = time.monotonic()
            while True:
                now = the_time()
                passed_s = (now.s - before_s) * self.speed
                self.office.step(passed_s)
                self.boiler.step(passed_s, now)
                before_s = now.s
                for station in self.stations.values():
                    station.tick(now)
                for front in self.fronts.values():
                    await front.tick(now)
                await asyncio.sleep(TICK_S)

    def _close(self) -> None:
        for station in self.stations.values():
            station.close()
        if self._memory is not None:
            self._memory.write_text(json.dumps({"energy_kwh": self._meter.energy_kwh}))

    def misbehave(self, device: str, order: Order) -> str:
        """Carry out an order; a sentence saying what happens, or what is wrong with the order."""
        known: dict[str, Station | Front | DemoNode] = {**self.stations, **self.fronts, **self.boiler.nodes}
        if device not in known:
            return f"error: no device {device!r}; there are {', '.join(known)}"
        known[device].misbehave(order, the_time())
        return f"ok: {device}: {order.kind} for {order.for_s:g} s"


def remembered(memory: Path | None) -> float:
    """What the meter had counted, kWh."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return float(json.loads(memory.read_text())["energy_kwh"]) if memory else INSTALLED_KWH
    return INSTALLED_KWH


def the_time() -> Now:
    return Now(time.monotonic(), datetime.now(UTC))


def order_from(line: str) -> tuple[str, Order]:
    """(device, order) from a line of JSON. ValueError says what is wrong."""
    asked: Any = json.loads(line)
    if not isinstance(asked, dict) or asked.get("kind") not in list(Kind):
        raise ValueError(f"kind must be one of {', '.join(Kind)}")
    order = Order(Kind(asked["kind"]), float(asked.get("for_s", 30.0)), float(asked.get("amount", 0.0)))
    return str(asked.get("device", "")), order


@contextlib.contextmanager
def short_path(socket_file: Path) -> Iterator[str]:
    """A path to the socket that fits in the 108 bytes the kernel allows, however deep the folder lies."""
    folder = os.open(socket_file.parent, os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{socket_file.name}"
    finally:
        os.close(folder)


def make_room(socket_file: Path) -> None:
    """Its folder exists, and no socket of an earlier run is in the way."""
    socket_file.parent.mkdir(parents=True, exist_ok=True)
    socket_file.unlink(missing_ok=True)


@contextlib.asynccontextmanager
async def orders(site: Site, socket_file: Path) -> AsyncIterator[None]:
    """Listen for orders on a local socket (owner only) while the context lasts."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            try:
                said = site.misbehave(*order_from((await reader.readline()).decode()))
            except ValueError as error:
                said = f"error: {error}"
            writer.write(said.encode() + b"\n")
            await writer.drain()

    make_room(socket_file)
    with short_path(socket_file) as path:
        before = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(answer, path)
        finally:
            os.umask(before)
        try:
            yield
        finally:
            server.close()
            make_room(socket_file)


async def run_site(
    broker: str | Access,
    speed: float = 1.0,
    seed: int = 1,
    *,
    control: Path | None = None,
    crowd: int = 0,
    every_s: float = 10.0,
    ports: Mapping[str, int] | None = None,
    memory: Path | None = None,
    nodes: Path | None = None,
) -> None:
    """Run the demo site against a broker (`mqtt://user:password@host:port`) until cancelled."""
    access = Access.from_url(broker) if isinstance(broker, str) else broker
    site = Site(access, speed=speed, seed=seed, crowd=crowd, every_s=every_s, ports=ports, memory=memory, nodes=nodes)
    async with contextlib.AsyncExitStack() as stack:
        if control is not None:
            await stack.enter_async_context(orders(site, control))
        await site.run()
