"""Devices over TCP and UDP: connections as needed, and peers that behave badly."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from sluis.links.net import NetLink, NetSettings
from sluis.links.net.address import Address, parse
from sluis.model import LinkError
from sluis.runtime import SystemClock
from sluis.runtime.patience import patient
from sluis.sdk import Framing, Station
from tests.conftest import a_free_port

Eventually = Callable[..., Awaitable[None]]
LINE = Framing(end=b"\r", max_bytes=256)
TCP_UNITS = Framing("length", length_at=4, length_bytes=2, length_adds=6, same=((0, 0, 2), (6, 6, 1)))


class Projector:
    """A TCP device: greets, answers lines; what connected and what came."""

    def __init__(self, greeting: bytes = b"") -> None:
        self.greeting, self.connections = greeting, 0
        self.answer: Callable[[bytes], bytes] = lambda data: b"=" + data
        self.writers: list[asyncio.StreamWriter] = []

    async def open(self, port: int = 0) -> str:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        return f"127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        writer.write(self.greeting)
        with contextlib.suppress(OSError):
            while data := await reader.read(4096):
                writer.write(self.answer(data))
        writer.close()
        self.writers.remove(writer)

    async def close(self) -> None:
        self.server.close()
        for writer in tuple(self.writers):
            writer.transport.abort()
        await self.server.wait_closed()
        while self.writers:
            await asyncio.sleep(0)


class Room:
    """A link that runs, and what is around it."""

    def __init__(self) -> None:
        self.devices: list[Projector] = []
        self.running: asyncio.Task[None] | None = None

    async def device(self, greeting: bytes = b"") -> tuple[Projector, str]:
        made = Projector(greeting)
        self.devices.append(made)
        return made, await made.open()

    async def link(self, *stations: Station, **others: object) -> NetLink:
        given = {"connect_s": 1.0, "idle_s": 30.0, "reconnect_cap_s": 0.3, **others}
        self.net = NetLink(NetSettings(**given), SystemClock())  # type: ignore[arg-type]
        self.net.set_stations({one.source: one for one in stations})
        self.running = asyncio.ensure_future(self.net.run())
        await asyncio.sleep(0)
        return self.net

    def peer(self, source: str) -> dict[str, object]:
        found: dict[str, object] = self.net.notes()["peers"][source]
        return found

    async def stop(self) -> None:
        if self.running is not None:
            self.running.cancel()
            await asyncio.gather(self.running, return_exceptions=True)
        for device in self.devices:
            await device.close()


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    made = Room()
    yield made
    await made.stop()


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("192.0.2.7:4352", Address("192.0.2.7", 4352)),
        ("192.0.2.7:502/3", Address("192.0.2.7", 502)),
        ("projector.local:23", Address("projector.local", 23)),
        ("[2001:db8::1]:502", Address("2001:db8::1", 502)),
        ("udp:255.255.255.255:9", Address("255.255.255.255", 9, udp=True)),
    ],
)
def test_addresses(source: str, address: Address) -> None:
    assert parse(source) == address
    assert str(address) == source.partition("/")[0]


@pytest.mark.parametrize("source", ["", "host", "host:", ":1", "host:0", "host:70000", "host:x", "udp:9", "host:٣"])
def test_what_is_no_address_is_refused(source: str) -> None:
    with pytest.raises(LinkError, match="no network address"):
        parse(source)


async def test_a_connection_is_made_when_asked_and_closed_when_idle(room: Room, eventually: Eventually) -> None:
    device, at = await room.device()
    link = await room.link(Station(at, LINE, settings={"idle_s": 0.1}))
    await asyncio.sleep(0)
    assert device.connections == 0
    await link.request(b"?\r", to=at)
    assert room.peer(at)["state"] == "connected"
    await eventually(lambda: room.peer(at)["state"] == "idle" and not device.writers)
    await link.request(b"?\r", to=at)
    assert device.connections == 2


async def test_a_device_that_speaks_unasked_is_kept_and_come_back_to(room: Room, eventually: Eventually) -> None:
    device, at = await room.device()
    link = await room.link(Station(at, LINE, listens=True, settings={"idle_s": 0.05}))
    await eventually(lambda: device.connections == 1)
    await device.close()
    await eventually(lambda: room.peer(at)["state"] == "waiting")
    assert room.peer(at)["reason"]
    await device.open(int(at.rpartition(":")[2]))
    await eventually(lambda: room.peer(at)["state"] == "connected")
    device.writers[-1].write(b"NEWS\r")
    assert [(frame.source, frame.data, frame.asked) for frame in await link.take()] == [(at, b"NEWS", b"")]
    assert link.up


async def test_each_connection_has_its_own_greeting(room: Room, eventually: Eventually) -> None:
    device, at = await room.device(b"HELLO 1\r")
    link = await room.link(Station(at, LINE, greets=True))
    assert (await link.request(b"", to=at)).data == b"HELLO 1"
    assert (await link.request(b"?\r", to=at)).data == b"=?"
    device.greeting = b"HELLO 2\r"
    device.writers[-1].transport.abort()
    await eventually(lambda: room.peer(at)["state"] != "connected")
    assert (await link.request(b"", to=at)).data == b"HELLO 2"


async def test_a_poll_does_not_knock_on_a_dead_device_and_a_command_does(room: Room, eventually: Eventually) -> None:
    at = f"127.0.0.1:{a_free_port()}"
    link = await room.link(Station(at, LINE), reconnect_cap_s=60.0)
    for _ in range(4):  # the pauses grow
        with pytest.raises(LinkError, match="nobody listens"):
            await link.request(b"?\r", to=at)

    async def poll() -> None:
        patient.set(True)
        await link.request(b"?\r", to=at)

    with pytest.raises(LinkError, match="next try in"):
        await asyncio.create_task(poll())
    device = Projector()
    room.devices.append(device)
    await device.open(int(at.rpartition(":")[2]))
    assert (await link.request(b"?\r", to=at)).data == b"=?"


async def test_units_behind_one_address_share_a_connection(room: Room) -> None:
    """As on a Modbus gateway; its transaction number tells answers apart."""
    device, at = await room.device()
    device.answer = lambda asked: asked[:4] + b"\x00\x05" + asked[6:8] + b"\x02\x00" + asked[6:7]
    link = await room.link(*(Station(f"{at}/{unit}", TCP_UNITS) for unit in (1, 2, 3)))
    asked = [bytes([0, n, 0, 0, 0, 6, n, 3, 0, 0, 0, 1]) for n in (1, 2, 3)]
    answers = await asyncio.gather(*(link.request(one, to=f"{at}/{one[6]}") for one in asked))
    assert [(one.source, one.data[-1]) for one in answers] == [(f"{at}/{n}", n) for n in (1, 2, 3)]
    assert device.connections == 1


async def test_a_peer_that_never_ends_a_line_fills_nothing_and_is_counted(room: Room, eventually: Eventually) -> None:
    device, at = await room.device()
    await room.link(Station(at, LINE, listens=True))
    await eventually(lambda: bool(device.writers))
    device.writers[0].write(b"x" * 1_000_000)
    await eventually(lambda: room.peer(at)["bytes_in"] == 1_000_000)
    assert (room.peer(at)["too_long"], room.net.health().received) == (1, 0)
    device.writers[0].write(b"\rafter\r")
    assert [frame.data for frame in await room.net.take()] == [b"after"]


async def test_a_flood_makes_the_device_wait_and_nobody_else(room: Room, eventually: Eventually) -> None:
    flooding, at = await room.device()
    _, other = await room.device()
    link = await room.link(Station(at, Framing(end=b"\r"), listens=True), Station(other, LINE), flood_per_s=100)
    await eventually(lambda: bool(flooding.writers))
    flooding.writers[0].write(b"x\r" * 100_000)
    await eventually(lambda: bool(room.peer(at)["floods"]))
    assert (await link.request(b"?\r", to=other)).data == b"=?"
    assert link.health().received < 5_000
    assert link.health().dropped == 0


async def test_a_connection_that_falls_silent_is_made_anew(room: Room) -> None:
    """A device that was switched off and on knows nothing of the old connection."""
    device, at = await room.device()
    device.answer = lambda data: b""
    link = await room.link(Station(at, LINE))
    for _ in range(4):
        with pytest.raises(LinkError, match="no answer"):
            await link.request(b"?\r", to=at, timeout_s=0.02)
    assert room.peer(at)["connections"] == 2


async def test_the_system_watches_over_an_idle_connection(room: Room) -> None:
    _, at = await room.device()
    link = await room.link(Station(at, LINE), keep_alive_s=7)
    await link.request(b"?\r", to=at)
    lines = [one for one in _sockets() if one.getpeername() == ("127.0.0.1", int(at.rpartition(":")[2]))]
    assert [line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) for line in lines] == [7]
    assert all(line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) for line in lines)


def _sockets() -> list[socket.socket]:
    """The connected TCP sockets of this process."""
    import gc

    found = []
    for one in gc.get_objects():
        if isinstance(one, socket.socket) and one.fileno() >= 0 and one.type == socket.SOCK_STREAM:
            with contextlib.suppress(OSError):
                one.getpeername()
                found.append(one)
    return found


# -- UDP ------------------------------------------------------------------------------------------------------


class Packets(asyncio.DatagramProtocol):
    """A UDP device that answers from the port it likes."""

    def __init__(self, answer: Callable[[bytes], bytes] = lambda data: b"=" + data) -> None:
        self.heard: list[bytes] = []
        self.answer = answer
        self.elsewhere: Packets | None = None

    async def open(self) -> str:
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, ("127.0.0.1", 0))
        return f"udp:127.0.0.1:{self.transport.get_extra_info('sockname')[1]}"

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        self.heard.append(data)
        (self.elsewhere or self).transport.sendto(self.answer(data), source)


async def test_an_answer_may_come_from_another_port(room: Room) -> None:
    device, other = Packets(), Packets()
    at, _ = await device.open(), await other.open()
    device.elsewhere = other
    link = await room.link(Station(at, Framing("datagram")))
    answer = await link.request(b"?", to=at)
    assert (answer.source, answer.data, answer.asked) == (at, b"=?", b"?")
    device.transport.abort()
    other.transport.abort()


async def test_a_packet_that_nobody_answers(room: Room, eventually: Eventually) -> None:
    device = Packets()
    at = await device.open()
    link = await room.link()
    await link.send(b"\xff" * 6, to=at)
    await eventually(lambda: device.heard == [b"\xff" * 6])
    device.transport.abort()


async def test_answers_to_a_broadcast_come_from_whoever_gave_them(room: Room) -> None:
    """A link that asks one address and is answered from another."""
    asked, answering = Packets(), Packets()
    at, there = await asked.open(), await answering.open()
    asked.elsewhere = answering
    link = await room.link()
    answer = await link.request(b"%2SRCH\r", to=at, reply="+", timeout_s=5)
    assert answer.data == b"=%2SRCH\r"
    assert answer.source in (at, there)
    asked.transport.abort()
    answering.transport.abort()


async def test_a_local_port_that_is_taken_is_said(room: Room) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("0.0.0.0", 0))
        number = taken.getsockname()[1]
        at = f"udp:127.0.0.1:{a_free_port()}"
        link = await room.link(Station(at, Framing("datagram"), settings={"local_port": number}))
        with pytest.raises(LinkError, match=f"UDP port {number}"):
            await link.request(b"?", to=at)


async def test_a_flood_of_packets_is_dropped_and_counted(room: Room, eventually: Eventually) -> None:
    device = Packets(lambda data: b"ok")
    at = await device.open()
    link = await room.link(Station(at, Framing("datagram"), listens=True), flood_per_s=10)
    await link.request(b"?", to=at)
    home = next(iter(link._ports.values()))._transport
    assert home is not None
    for _ in range(100):
        device.transport.sendto(b"x", ("127.0.0.1", home.get_extra_info("sockname")[1]))
        await asyncio.sleep(0)
    await eventually(lambda: bool(room.peer(at)["floods"]))
    device.transport.abort()
