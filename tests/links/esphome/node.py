"""A node that speaks ESPHome's native API, plain or encrypted: the library's own messages in the firmware's framing.

After ESPHome's documentation of its API (developers.esphome.io, "Native API protocol"): plain frames are 0, length,
type (both varint), message; encrypted ones 1, length (2 bytes), and inside the cipher type, length (2 bytes each),
message. Judged by aioesphomeapi, whose client connects to it.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Iterable
from typing import Any

from aioesphomeapi import api_pb2 as pb
from aioesphomeapi.core import MESSAGE_TYPE_TO_PROTO
from noise.connection import NoiseConnection

NUMBERS = {proto: number for number, proto in MESSAGE_TYPE_TO_PROTO.items()}
KEY = base64.b64encode(bytes(range(32))).decode()
MAC = "AA:BB:CC:11:22:33"


class Node:
    """One node on loopback. `obey` turns a command into new states; `commands` keeps what arrived."""

    def __init__(
        self,
        entities: Iterable[Any],
        states: Iterable[Any],
        obey: Callable[[Any], Iterable[Any]] = lambda _: (),
        *,
        key: str = "",
        mac: str = MAC,
        deep_sleep: bool = False,
    ) -> None:
        self.key = key
        self.mac = mac
        self.port = 0
        self.commands: list[Any] = []
        self.connections = 0
        self._entities = list(entities)
        self._states = list(states)
        self._obey = obey
        self._deep_sleep = deep_sleep
        self._server: asyncio.Server | None = None
        self._sessions: set[Session] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """The power goes: no goodbye."""
        if self._server is not None:
            self._server.close()
            for session in tuple(self._sessions):
                session.writer.transport.abort()
            await self._server.wait_closed()
            self._server = None

    def tell(self, *states: Any) -> None:
        for session in self._sessions:
            session.send(*states)

    def hold(self, *states: Any) -> None:
        """Have these states; nobody is told."""
        self._states = list(states)

    def sleep(self) -> None:
        """Say goodbye, as a node does before its deep sleep."""
        self.tell(pb.DisconnectRequest())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(self, reader, writer)
        self.connections += 1
        try:
            await session.greet()
            self._sessions.add(session)
            while True:
                self._answer(session, await session.receive())
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._sessions.discard(session)
            writer.close()

    def _answer(self, session: Session, said: Any) -> None:
        if isinstance(said, pb.HelloRequest):
            session.send(pb.HelloResponse(api_version_major=1, api_version_minor=12, server_info="node", name="room"))
        elif isinstance(said, pb.DeviceInfoRequest):
            session.send(
                pb.DeviceInfoResponse(
                    name="room",
                    friendly_name="Room node",
                    mac_address=self.mac,
                    model="esp32dev",
                    manufacturer="Espressif",
                    esphome_version="2026.10.0",
                    has_deep_sleep=self._deep_sleep,
                    suggested_area="Room 1.4",
                )
            )
        elif isinstance(said, pb.ListEntitiesRequest):
            session.send(*self._entities, pb.ListEntitiesDoneResponse())
        elif isinstance(said, pb.SubscribeStatesRequest):
            session.send(*self._states)
        elif isinstance(said, pb.PingRequest):
            session.send(pb.PingResponse())
        elif isinstance(said, pb.DisconnectRequest):
            session.send(pb.DisconnectResponse())
        elif type(said).__name__.endswith("CommandRequest"):
            self.commands.append(said)
            session.send(*self._obey(said))


class Session:
    """One client's connection."""

    def __init__(self, node: Node, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self._node = node
        self._reader = reader
        self._cipher: NoiseConnection | None = None

    async def greet(self) -> None:
        """The handshake of an encrypted node. ConnectionError when the client's key is another."""
        if not self._node.key:
            return
        if (await self._sealed()) != b"":
            raise ConnectionError("no hello")
        mac = self._node.mac.replace(":", "").lower()
        self._seal(b"\x01room\0" + mac.encode() + b"\0")
        cipher = NoiseConnection.from_name(b"Noise_NNpsk0_25519_ChaChaPoly_SHA256")
        cipher.set_as_responder()
        cipher.set_psks(base64.b64decode(self._node.key))
        cipher.set_prologue(b"NoiseAPIInit\x00\x00")
        cipher.start_handshake()
        try:
            cipher.read_message((await self._sealed())[1:])
        except Exception as error:
            self._seal(b"\x01Handshake MAC failure")
            raise ConnectionError("another key") from error
        self._seal(b"\0" + bytes(cipher.write_message()))
        self._cipher = cipher

    async def receive(self) -> Any:
        if self._cipher is not None:
            clear = bytes(self._cipher.decrypt(await self._sealed()))
            number, data = int.from_bytes(clear[:2], "big"), clear[4:]
        else:
            if await self._reader.readexactly(1) != b"\0":
                raise ConnectionError("not plain")
            size, number = await self._varint(), await self._varint()
            data = await self._reader.readexactly(size)
        return MESSAGE_TYPE_TO_PROTO[number].FromString(data)

    def send(self, *messages: Any) -> None:
        for message in messages:
            data, number = message.SerializeToString(), NUMBERS[type(message)]
            if self._cipher is not None:
                header = number.to_bytes(2, "big") + len(data).to_bytes(2, "big")
                self._seal(bytes(self._cipher.encrypt(header + data)))
            else:
                self.writer.write(b"\0" + _varint(len(data)) + _varint(number) + data)

    async def _sealed(self) -> bytes:
        head = await self._reader.readexactly(3)
        if head[0] != 1:
            self._seal(b"\x01Bad indicator byte")
            raise ConnectionError("not encrypted")
        return await self._reader.readexactly(int.from_bytes(head[1:], "big"))

    def _seal(self, data: bytes) -> None:
        self.writer.write(b"\x01" + len(data).to_bytes(2, "big") + data)

    async def _varint(self) -> int:
        value = shift = 0
        while True:
            (byte,) = await self._reader.readexactly(1)
            value |= (byte & 0x7F) << shift
            if not byte & 0x80:
                return value
            shift += 7


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
