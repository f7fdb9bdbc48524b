"""Two nodes of the demo: our own firmware on virtual boards, wired to sensors and actuators of the boiler room.

They are enrolled, tested and taken into use as boards are (`cli.demo_nodes`): over their cable, with a key of their
own, and to the broker over TLS. Nothing of them is played here but what their pins see.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluis.demo.board import Board
from sluis.demo.boiler import BoilerRoom
from sluis.demo.mischief import Kind, Order
from sluis.demo.standin import Now
from sluis_provision.rehearsal import micropython

log = logging.getLogger(__name__)

WIRE, SDA, SCL, PUMP = 4, 20, 21, 16
GAS, DOOR = 17, 18
BME280 = 0x76


@dataclass(frozen=True, slots=True)
class Wiring:
    """What a node is, and what is at its pins."""

    uid: str
    name: str
    area: str
    asset_number: str
    config: Mapping[str, Any]
    """Its `node.json`."""
    world: Callable[[BoilerRoom, bool], Mapping[str, Any]]
    """What its pins see; True for wires that damage what is said over them."""


def boiler_world(room: BoilerRoom, damaged: bool) -> Mapping[str, Any]:
    sensor = {
        "part": "ds18b20",
        "address": "28ff641e8216c3",
        "temperature": round(room.flow_c * 16) / 16,
        "damage": damaged,
    }
    air = {
        "part": "bme280",
        "temperature": round(room.room_c, 2),
        "humidity": round(room.humidity_pct, 1),
        "pressure": round(room.pressure_hpa, 1),
    }
    return {str(WIRE): {"onewire": [sensor]}, str(SDA): {"i2c": {} if damaged else {str(BME280): air}}}


def cupboard_world(room: BoilerRoom, damaged: bool) -> Mapping[str, Any]:
    return {str(GAS): {"level": 1, "pulses": room.gas_pulses}, str(DOOR): {"level": int(room.cupboard_open)}}


NODES: Mapping[str, Wiring] = {
    "boiler-room": Wiring(
        "e66164084373b021",
        "Boiler",
        "Boiler room",
        "DEMO-010",
        {
            "name": "Boiler",
            "buses": {"wire": {"bus": "onewire", "pin": WIRE}, "main": {"bus": "i2c", "sda": SDA, "scl": SCL}},
            "parts": {
                "flow": {"part": "ds18b20", "name": "Flow temperature", "bus": "wire", "every_s": 5},
                "room": {"part": "bme280", "name": "Room", "bus": "main", "every_s": 30},
                "pump": {"part": "relay", "name": "Pump", "pin": PUMP, "quantity": "switch"},
            },
        },
        boiler_world,
    ),
    "meter-cupboard": Wiring(
        "e66164084373b022",
        "Meter cupboard",
        "Boiler room",
        "DEMO-011",
        {
            "name": "Meter cupboard",
            "parts": {
                "gas": {
                    "part": "pulse_counter",
                    "name": "Gas",
                    "pin": GAS,
                    "quantity": "gas",
                    "unit": "m³",
                    "per_pulse": 0.01,
                    "every_s": 10,
                },
                "door": {"part": "reed", "name": "Door", "pin": DOOR},
            },
        },
        cupboard_world,
    ),
}
"""By the name by which they are told to misbehave."""

BOARD = "pico-w"
"""What they are as far as their pins go."""

DOES = (Kind.DROP, Kind.SILENT, Kind.GARBAGE, Kind.STUCK, Kind.WELL)


class DemoNode:
    """One node in its surroundings."""

    def __init__(self, name: str, board: Board, room: BoilerRoom) -> None:
        self.name = name
        self.board = board
        self._wiring = NODES[name]
        self._room = room
        self._order: Order | None = None
        self._until_s = 0.0

    def prepare(self) -> None:
        """Flash it, unless it has been. Slow: for a thread."""
        if not self.board.exists:
            from sluis_provision.bundle import build

            files = {file.path: file.content for file in build(BOARD)}
            told = {"/id.json": {"board": BOARD}, "/node.json": dict(self._wiring.config)}
            self.board.flash(files | {path: json.dumps(content).encode() for path, content in told.items()})
        self.board.wire(self._wiring.world(self._room, False))

    def tick(self, now: Now) -> None:
        """What its pins see now, and the end of its misbehaviour."""
        if self._order is not None and now.s >= self._until_s:
            self._behave()
        kind = self._order.kind if self._order is not None else None
        if kind is not Kind.STUCK:
            self.board.wire(self._wiring.world(self._room, kind is Kind.GARBAGE))

    def misbehave(self, order: Order, now: Now) -> None:
        """ValueError when it cannot in this way: what it says is its own firmware's."""
        if order.kind not in DOES:
            raise ValueError(f"{self.name} is a real node: it can {', '.join(DOES)}")
        self._behave()
        if order.kind is Kind.WELL:
            return
        self._order, self._until_s = order, now.s + order.for_s
        if order.kind is Kind.DROP:
            self.board.power(False)
        self.board.hang(order.kind is Kind.SILENT)

    def _behave(self) -> None:
        self._order = None
        self.board.hang(False)
        self.board.power(True)


class BoilerSite:
    """The boiler room with its nodes. Without an interpreter for this machine there are none."""

    def __init__(self, folder: Path | None) -> None:
        self.room = BoilerRoom()
        found = micropython() if folder is not None else None
        self.nodes: dict[str, DemoNode] = {}
        if folder is not None and found is not None:
            boards = {name: Board(found, folder / name, wiring.uid) for name, wiring in NODES.items()}
            self.nodes = {name: DemoNode(name, board, self.room) for name, board in boards.items()}

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """The nodes run while the context lasts; they come up on their own time."""
        running = [asyncio.ensure_future(self._live(node)) for node in self.nodes.values()]
        try:
            yield
        finally:
            for task in running:
                task.cancel()
            for ended in await asyncio.gather(*running, return_exceptions=True):
                if isinstance(ended, Exception):
                    log.warning("a node of the demo failed: %s", ended)

    async def _live(self, node: DemoNode) -> None:
        await asyncio.to_thread(node.prepare)
        node.board.power(True)
        await node.board.run()

    def step(self, dt_s: float, now: Now) -> None:
        """Move the boiler room on, and what the nodes see of it."""
        self.room.step(dt_s)
        for node in self.nodes.values():
            if node.board.cable.is_symlink():  # it has been prepared
                node.tick(now)
        boiler = self.nodes.get("boiler-room")
        self.room.pump = boiler is not None and boiler.board.level(PUMP)
