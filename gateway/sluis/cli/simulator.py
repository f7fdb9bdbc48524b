"""Where a stand-in is played: a broker, a TCP port, a pseudo terminal, the air of virtual radios, a pipe of levels."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import tty
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sluis.cli.lazy import Failure
from sluis.sdk.standin import StandIn

Say = Callable[[str, bytes], Awaitable[None]]


MAC = r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}"


class Stage:
    """One stand-in and its transport. `echo` tells a person where to find it."""

    def __init__(
        self, stand_in: StandIn, listen: tuple[str, int], drive: Path | None, echo: Callable[[str], None]
    ) -> None:
        self._stand_in = stand_in
        self._listen = listen
        self._drive = drive
        self._echo = echo

    def play(self, broker: str | None, folder: Path, seconds: float | None) -> None:
        """Until the time is over or Ctrl-C."""
        stages = {"net": self._port, "serial": self._terminal, "ble": self._air, "gpio": self._pins}
        kind = self._stand_in.kind
        if kind == "mqtt":
            self._publish(broker, folder, seconds)
        elif kind in stages:
            with contextlib.suppress(KeyboardInterrupt, TimeoutError):
                asyncio.run(self._keep_saying(stages[kind], seconds))
        else:
            raise Failure(f"a stand-in of kind {kind!r} cannot be played", "mqtt, ble, serial, net or gpio")

    async def _keep_saying(self, stage: Any, seconds: float | None) -> None:
        async with asyncio.timeout(seconds), stage() as say:
            while True:
                for source, data in self._stand_in.says():
                    await say(source, data)
                await asyncio.sleep(self._stand_in.every_s)

    # -- streams of bytes -----------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _port(self) -> AsyncIterator[Say]:
        """A TCP port; whoever is connected hears what it says."""
        connected: set[asyncio.StreamWriter] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connected.add(writer)
            try:
                await self._converse(reader, writer.write)
            except (OSError, asyncio.IncompleteReadError):
                pass
            finally:
                connected.discard(writer)
                writer.close()

        async def say(_source: str, data: bytes) -> None:
            for writer in connected:
                writer.write(data + self._stand_in.end)

        server = await asyncio.start_server(serve, *self._listen)
        host, port = server.sockets[0].getsockname()[:2]
        self._echo(f"Listening on {host}:{port}")
        try:
            yield say
        finally:
            server.close()
            for writer in tuple(connected):
                writer.close()

    @asynccontextmanager
    async def _terminal(self) -> AsyncIterator[Say]:
        """A pseudo terminal, whose other end a serial link opens."""
        ours, theirs = os.openpty()
        tty.setraw(theirs)
        self._echo(f"Serial port {os.ttyname(theirs)}")
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
        os.set_blocking(ours, False)
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(ours), "rb", buffering=0)
        )

        def write(data: bytes) -> None:
            with contextlib.suppress(BlockingIOError):  # nobody reads it: what is said is lost, as on a wire
                os.write(ours, data)

        async def say(_source: str, data: bytes) -> None:
            write(data + self._stand_in.end)

        talking = asyncio.ensure_future(self._converse(reader, write))
        try:
            yield say
        finally:
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)
            transport.close()
            os.close(theirs)
            os.close(ours)

    async def _converse(self, reader: asyncio.StreamReader, write: Callable[[bytes], object]) -> None:
        """Answer message after message."""
        end = self._stand_in.end
        while True:
            said = await reader.readuntil(end)
            for _, answer in self._stand_in.answers("", said):
                write(answer + end)

    # -- radio and pins -------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _air(self) -> AsyncIterator[Say]:
        """Two virtual controllers that hear each other: the stand-in's, and one that a BLE link opens over TCP."""
        if find_spec("bumble") is None:
            raise Failure("the air needs the Python package bumble", "pip install bumble")
        from bumble.controller import Controller
        from bumble.device import Device, DeviceConfiguration
        from bumble.hci import Address
        from bumble.host import Host
        from bumble.link import LocalLink
        from bumble.transport.tcp_server import open_tcp_server_transport

        address = next((source for source, _ in self._stand_in.says()), "")
        if not re.fullmatch(MAC, address):
            raise Failure(f"{address!r} is no Bluetooth address", 'Its says() begins with one: "C0:FF:EE:00:00:01".')
        link, host = LocalLink(), Host()  # type: ignore[no-untyped-call]  # Bumble leaves some of itself untyped
        transport: Any = await open_tcp_server_transport(f"{self._listen[0]}:{self._listen[1]}")
        adapter = Controller("adapter", link=link)
        transport.source.set_packet_sink(adapter)
        adapter.set_packet_sink(transport.sink)
        own = Controller("stand-in", link=link)
        host.controller = own
        device = Device(config=DeviceConfiguration(name="Stand-in", address=Address(address)), host=host)
        await device.power_on()
        there = transport.server.sockets[0].getsockname()
        self._echo(f"Adapter tcp-client:{there[0]}:{there[1]}")

        async def say(_source: str, data: bytes) -> None:
            if device.is_advertising:
                await device.stop_advertising()
            await device.start_advertising(
                advertising_data=data, auto_restart=True, advertising_interval_min=100, advertising_interval_max=100
            )

        try:
            yield say
        finally:
            own.le_legacy_advertiser.stop()
            transport.server.close()

    @asynccontextmanager
    async def _pins(self) -> AsyncIterator[Say]:
        """Levels into the pipe of the mock."""
        if self._drive is None:
            raise Failure("which pipe?", "--drive FOLDER/drive, where FOLDER is gpio.mock_dir of the gateway")
        try:
            pipe = os.open(self._drive, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            raise Failure(f"{self._drive}: {error.strerror}", "Is a gateway with gpio.factory mock running?") from error
        self._echo(f"Driving pins through {self._drive}")

        async def say(source: str, data: bytes) -> None:
            os.write(pipe, b"%s %s\n" % (source.encode(), data))

        try:
            yield say
        finally:
            os.close(pipe)

    # -- a broker -------------------------------------------------------------------------------------------------

    def _publish(self, broker: str | None, folder: Path, seconds: float | None) -> None:
        import threading
        import time

        import paho.mqtt.client as mqtt
        from paho.mqtt.enums import CallbackAPIVersion

        from sluis.cli.recorder import address_of

        address = address_of(broker, folder)
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        if address.username:
            client.username_pw_set(address.username, address.password)

        def arrived(client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
            for topic, answer in self._stand_in.answers(message.topic, bytes(message.payload)):
                client.publish(topic, answer, qos=1)

        client.on_message = arrived
        client.on_connect = lambda client, *_: client.subscribe("#", 1)
        try:
            client.connect(address.host, address.port)
        except OSError as error:
            raise Failure(f"{address.host}:{address.port} cannot be reached: {error}") from error
        client.loop_start()
        self._echo(f"Publishing at {address.host}:{address.port}")
        over, until = threading.Event(), None if seconds is None else time.monotonic() + seconds
        try:
            while until is None or time.monotonic() < until:
                for topic, data in self._stand_in.says():
                    client.publish(topic, data, qos=1)
                left = (
                    self._stand_in.every_s if until is None else min(self._stand_in.every_s, until - time.monotonic())
                )
                over.wait(max(0.0, left))
        except KeyboardInterrupt:
            pass
        finally:
            client.disconnect()
            client.loop_stop()
