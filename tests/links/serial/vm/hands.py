"""Hands on the machine that the guest believes to be: QEMU's monitor (QMP), at the other end of a serial port.

QEMU's own FTDI adapter (`usb-serial`: 0403:6001) is plugged in and pulled out with it, while the guest runs.
"""

from __future__ import annotations

import asyncio
import json
import os
import tty
from typing import Any


class Hands:
    """One conversation with the monitor."""

    def __init__(self, port: str) -> None:
        self._port = os.open(port, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._port)
        self._heard = b""
        self._asked = 0

    async def start(self) -> None:
        os.write(self._port, b"\xff")  # whatever the port echoed of the greeting before it was raw is forgotten
        await self._do("qmp_capabilities")

    async def plug(self, name: str, *, socket: int, serial: str, wire: str) -> None:
        """Plug an adapter into a socket of the machine; `wire` is what hangs on it."""
        said = {"driver": "usb-serial", "id": name, "bus": "usb.0", "port": str(socket), "serial": serial}
        await self._do("device_add", **said, **{"chardev": wire, "always-plugged": True})

    async def pull(self, name: str) -> None:
        await self._do("device_del", id=name)

    async def _do(self, command: str, **arguments: Any) -> None:
        self._asked += 1
        asked = {"execute": command, "arguments": arguments, "id": self._asked}
        await asyncio.to_thread(os.write, self._port, json.dumps(asked).encode() + b"\n")
        said: dict[str, Any] = {}
        while said.get("id") != self._asked:  # else it is an event, or a complaint of the echo
            said = await asyncio.to_thread(self._line)
        if "error" in said:
            raise RuntimeError(f"{command}: {said['error']['desc']}")

    def _line(self) -> dict[str, Any]:
        """The next message. Half of one, as the greeting may be, is passed over."""
        while True:
            while b"\n" not in self._heard:
                self._heard += os.read(self._port, 4096)
            line, _, self._heard = self._heard.partition(b"\n")
            try:
                said: dict[str, Any] = json.loads(line)
            except ValueError:
                continue
            return said
