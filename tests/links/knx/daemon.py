"""knxd, a KNX/IP interface that somebody else wrote, with a bus that nothing else is on; and a device on that bus."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xknx import XKNX
from xknx.dpt import DPTArray, DPTBinary
from xknx.io import ConnectionConfig, ConnectionType
from xknx.telegram import GroupAddress, Telegram
from xknx.telegram.apci import GroupValueRead, GroupValueResponse, GroupValueWrite

KNXD = shutil.which("knxd") or "/usr/bin/knxd"
ALIVE = bytes.fromhex("0610020700100100") + bytes.fromhex("08017f000001")
"""KNXnet/IP CONNECTIONSTATE_REQUEST for a channel that nobody has; it ends with the port to answer to."""
SETTINGS = """
[main]
name = bus
addr = 1.0.1
client-addrs = 1.0.10:8
connections = bus,ip,local
[bus]
driver = dummy
[ip]
server = ets_router
tunnel = tunnel
port = {port}
interface = lo
{router}
[local]
server = knxd_unix
path = {socket}
"""
ROUTER = """
router = router
multicast-address = {group}
"""
GROUP = "239.255.36.71"
"""Multicast group of the router: of those that stay within a site."""


def a_free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Daemon:
    """One knxd; `start` and `stop` are its power switch."""

    def __init__(self, folder: Path, *, routes: bool = False) -> None:
        """One that `routes` also speaks multicast, at some 50 telegrams a second."""
        self.port = a_free_udp_port()
        self.socket = folder / "knxd.socket"
        """Where `knxtool` meets it."""
        router = ROUTER.format(group=GROUP) if routes else ""
        self._file = folder / "knxd.ini"
        self._file.write_text(SETTINGS.format(port=self.port, router=router, socket=self.socket))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen([KNXD, str(self._file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.settimeout(0.1)
            asker.connect(("127.0.0.1", self.port))
            while time.monotonic() < deadline:
                with contextlib.suppress(OSError):
                    asker.send(ALIVE + asker.getsockname()[1].to_bytes(2, "big"))
                    if asker.recv(500):
                        return
                time.sleep(0.02)
        raise RuntimeError("knxd did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


class Device:
    """A participant on the bus through a tunnel of its own: it holds values, answers reads, and shows what is set."""

    def __init__(self, port: int) -> None:
        self.values: dict[str, DPTArray | DPTBinary] = {}
        """Group address -> value that it answers with."""
        self.shows: dict[str, str] = {}
        """Address that commands come on -> address on which it then shows the value."""
        self.reads: list[str] = []
        self.heard: list[tuple[str, Any]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._xknx = XKNX(
            connection_config=ConnectionConfig(
                connection_type=ConnectionType.TUNNELING,
                gateway_ip="127.0.0.1",
                gateway_port=port,
                local_ip="127.0.0.1",
                auto_reconnect=False,
            ),
            telegram_received_cb=self._received,
        )

    async def start(self) -> None:
        await self._xknx.start()

    async def stop(self) -> None:
        await self._xknx.stop()

    async def tell(self, address: str, value: DPTArray | DPTBinary) -> None:
        """Write a value, as a sensor does."""
        await self._send(address, GroupValueWrite(value))

    async def _send(self, address: str, payload: Any) -> None:
        await self._xknx.cemi_handler.send_telegram(Telegram(GroupAddress(address), payload=payload))

    def _received(self, telegram: Telegram) -> None:
        address = str(telegram.destination_address)
        if isinstance(telegram.payload, GroupValueRead):
            self.reads.append(address)
            if address in self.values:
                self._later(lambda: self._send(address, GroupValueResponse(self.values[address])))
        elif isinstance(telegram.payload, GroupValueWrite):
            value = telegram.payload.value
            self.heard.append((address, value))
            if address in self.shows:
                shown = self.shows[address]
                self.values[shown] = value
                self._later(lambda: self.tell(shown, value))

    def _later(self, work: Callable[[], Any]) -> None:
        task = asyncio.ensure_future(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
