"""Devices that tell their values and take commands: an ESPHome node, plain and encrypted, and a participant on KNX."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from aioesphomeapi import api_pb2 as pb
from xknx.dpt import DPTArray

from sluis.links.esphome import EsphomeLink, EsphomeSettings
from sluis.links.knx import KnxLink, KnxSettings
from sluis.runtime import SystemClock
from sluis.sdk import Station
from tests.links.esphome.node import KEY, Node
from tests.links.knx.daemon import Daemon, Device


class TellingRig(Protocol):
    """A link, and one device on the far side of it with one number that it tells and that can be set."""

    link: Any
    source: str
    """Where its number is told."""
    to: str
    """Where commands go."""
    nonsense: tuple[bytes, ...]
    """What is no command."""

    def command(self, n: int) -> bytes:
        """Set the number to `n`."""

    def data(self, n: int) -> bytes:
        """Of the frame that tells `n`."""

    async def start(self) -> None:
        """Run the link; the device is there."""

    async def stop(self) -> None: ...

    async def close(self) -> None:
        """The far side goes too."""

    def hold(self, n: int) -> None:
        """The device's number is `n`; nobody is told."""

    async def tell(self, *numbers: int) -> None:
        """The device tells these by itself."""

    async def lose(self) -> None:
        """The device, or the way to it, is gone without a word."""

    async def heal(self) -> None: ...

    @property
    def reached(self) -> bool:
        """Whether the link says that there is a way to the device."""

    @property
    def taken(self) -> list[int]:
        """The commands that reached the device, oldest first."""


class Running:
    """A link that runs or does not."""

    link: Any
    _task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.heal()
        self._task = asyncio.ensure_future(self.link.run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def heal(self) -> None:
        raise NotImplementedError


class EsphomeRig(Running):
    """A node with one number. The link is up whether the node is there or not."""

    nonsense = (b"", b"[]", b'{"type": "device_info"}', b'{"type": "number", "key": "x", "state": 1}')

    def __init__(self, key: str) -> None:
        self.node = Node(
            [pb.ListEntitiesNumberResponse(object_id="level", key=1, name="Level", max_value=10_000, step=1)],
            [],
            lambda said: [pb.NumberStateResponse(key=1, state=said.state)],
            key=key,
        )
        self.link = EsphomeLink(EsphomeSettings(connect_s=5, reconnect_cap_s=0.3), SystemClock())
        self.source = self.to = ""
        self._there = False

    def command(self, n: int) -> bytes:
        return json.dumps({"type": "number", "key": 1, "state": n}).encode()

    def data(self, n: int) -> bytes:
        said = {"type": "number", "key": 1, "device_id": 0, "state": float(n), "missing_state": False}
        return json.dumps(said, separators=(",", ":")).encode()

    async def heal(self) -> None:
        if self._there:
            return
        await self.node.start()
        self._there = True
        self.to = f"127.0.0.1:{self.node.port}"
        self.source = f"{self.to}/state"
        self.link.set_stations({self.to: Station(self.to, settings={"key": self.node.key})})

    async def lose(self) -> None:
        await self.node.stop()
        self._there = False

    async def close(self) -> None:
        await self.node.stop()

    def hold(self, n: int) -> None:
        self.node.hold(pb.NumberStateResponse(key=1, state=n))

    async def tell(self, *numbers: int) -> None:
        self.node.tell(*(pb.NumberStateResponse(key=1, state=n) for n in numbers))

    @property
    def reached(self) -> bool:
        return bool(self.link.notes().get(self.to) == "connected")

    @property
    def taken(self) -> list[int]:
        return [int(said.state) for said in self.node.commands]


class KnxRig(Running):
    """A participant behind knxd: commands on 1/0/1, its value on 1/0/2. The tunnel is the link."""

    nonsense = (b"", b"\x03\xd7", b"\x80")

    def __init__(self, folder: Path) -> None:
        self.daemon = Daemon(folder)
        settings = KnxSettings(
            host="127.0.0.1",
            port=self.daemon.port,
            local_ip="127.0.0.1",
            reconnect_cap_s=0.3,
            telegrams_per_s=1_000,
            connect_s=3,
        )
        self.link = KnxLink(settings, SystemClock())
        self.source, self.to = "knx/1/0/2", "knx/1/0/1"
        self.link.set_stations({"knx/room": Station("knx/room", settings={"read": ("1/0/2",)})})
        self._heard: list[tuple[str, Any]] = []
        self._held: dict[str, Any] = {}
        self._device: Device | None = None

    def command(self, n: int) -> bytes:
        return b"\x00\x80" + n.to_bytes(2, "big")

    data = command

    async def heal(self) -> None:
        if self._device is None:
            self.daemon.start()
            self._device = Device(self.daemon.port)
            self._device.shows = {"1/0/1": "1/0/2"}
            self._device.values, self._device.heard = self._held, self._heard
            await self._device.start()

    async def lose(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            await device.stop()
        self.daemon.stop()

    async def close(self) -> None:
        await self.lose()

    def hold(self, n: int) -> None:
        self._held["1/0/2"] = DPTArray(tuple(n.to_bytes(2, "big")))

    async def tell(self, *numbers: int) -> None:
        assert self._device is not None
        for n in numbers:
            await self._device.tell("1/0/2", DPTArray(tuple(n.to_bytes(2, "big"))))

    @property
    def reached(self) -> bool:
        return bool(self.link.up)

    @property
    def taken(self) -> list[int]:
        return [int.from_bytes(value.value, "big") for address, value in self._heard if address == "1/0/1"]


RIGS: dict[str, Callable[[Path], TellingRig]] = {
    "esphome": lambda folder: EsphomeRig(""),
    "esphome-encrypted": lambda folder: EsphomeRig(KEY),
    "knx": KnxRig,
}
