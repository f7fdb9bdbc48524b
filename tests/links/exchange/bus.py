"""A wire with devices on it, as far as an exchange sees it: bytes out, bytes in, at once or when a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sluis.links.exchange import Exchange, Pace
from sluis.model import Frame, LinkError, Stamp
from sluis.sdk import Framing, Station
from sluis.wire.modbus_rtu import crc16

RTU = Framing("modbus-rtu")


def rtu(*body: int) -> bytes:
    """A Modbus RTU frame with its check value."""
    data = bytes(body)
    return data + crc16(data).to_bytes(2, "little")


def read(unit: int, register: int = 0, count: int = 1) -> bytes:
    """A question for holding registers."""
    return rtu(unit, 3, register >> 8, register & 255, 0, count)


def values(unit: int, *registers: int) -> bytes:
    """The answer to it."""
    body = b"".join(one.to_bytes(2, "big") for one in registers)
    return rtu(unit, 3, len(body), *body)


class Bus:
    """`devices` maps a unit to what it answers; what a test `says` comes in at once."""

    def __init__(self, pace: Pace = Pace(), raw_source: str = "") -> None:  # noqa: B008  (frozen)
        self.sent: list[bytes] = []
        self.frames: list[Frame] = []
        self.devices: dict[int, Callable[[bytes], bytes]] = {}
        self.before = b""
        """Comes in before each answer: noise, or an echo when it is `echo`."""
        self.echo = False
        self.connected = True
        self.exchange = Exchange(self._ready, self._write, self._deliver, pace, raw_source=raw_source)

    def station(self, unit: int, framing: Framing = RTU, **settings: object) -> None:
        source = f"bus/{unit}"
        made = Station(source, framing, settings=settings)
        self.exchange.set_stations({**self.exchange.stations, source: made})

    def says(self, data: bytes) -> None:
        self.exchange.feed(data)

    async def _ready(self) -> None:
        if not self.connected:
            raise LinkError("the port is away")

    async def _write(self, data: bytes) -> None:
        self.sent.append(data)
        loop = asyncio.get_running_loop()
        if self.echo:
            loop.call_soon(self.says, data)
        answer = self.devices.get(data[0])
        if answer is not None:
            loop.call_soon(self.says, self.before + answer(data))

    def _deliver(self, source: str, data: bytes, *, asked: bytes = b"") -> Frame:
        frame = Frame("bus", source, data, Stamp(1, 1), asked=asked)
        self.frames.append(frame)
        return frame

    def noted(self, unit: int | str) -> dict[str, object]:
        """The counters of one address."""
        found: dict[str, object] = self.exchange.notes()["addresses"][f"bus/{unit}"]
        return found
