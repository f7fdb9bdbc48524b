"""Which boards are on the gateway's ports, and what they say they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sluis.links.serial.ports import Found
from sluis.model import SluisError
from sluis.panel.bench import SocketReport
from sluis_provision.bench import Job, Socket
from sluis_provision.bench.sockets import boards_among, file_flasher, flasher
from sluis_provision.flashers import Flasher, Repl
from sluis_provision.flashers.drives import is_drive
from sluis_provision.flashers.problem import PortUnusable
from sluis_provision.images.profiles import profiles

FAMILIES = ("esp", "rp2")

Flashers = Callable[[Socket, Job], Flasher]


class Eyes:
    """What is plugged in. Nothing is said to a board unless a person asks for it: it would restart it."""

    def __init__(
        self, usb: Callable[[], Iterable[Found]], taken: Callable[[], Mapping[str, str]], flashers: Flashers
    ) -> None:
        self._usb = usb
        self._taken = taken
        self._flashers = flashers
        self._asked: dict[str, SocketReport] = {}

    def forget(self) -> None:
        """What the boards said."""
        self._asked.clear()

    async def sockets(self) -> list[SocketReport]:
        found, self._asked = await asyncio.to_thread(lambda: (self.found(), _there(self._asked)))
        here = {one.port for one in found}
        return [self._known(one) for one in found] + [one for port, one in self._asked.items() if port not in here]

    def found(self) -> list[SocketReport]:
        ports = [one for one in self._usb() if one.usb is not None]
        seen = [(one.device, one.usb.vendor, one.usb.place) for one in ports if one.usb is not None]
        words = {one.device: one.words for one in ports}
        return [
            SocketReport(socket.port, socket.place, words.get(socket.port, ""), family)
            for family in FAMILIES
            for socket in boards_among(seen, family)
        ]

    def _known(self, socket: SocketReport) -> SocketReport:
        """With what its board said when it was asked last, or why it cannot be used."""
        link = self._taken().get(socket.port)
        if link:
            hint = "A port of a link is left alone. Is it a board? Take the link out of the settings first."
            return replace(socket, unusable=f"the link {link} has this port", hint=hint)
        told = self._asked.get(socket.port)
        if told is None or told.place != socket.place:
            return socket
        return replace(told, words=socket.words, family=socket.family)

    async def look(self, ports: Sequence[str], family: str) -> list[SocketReport]:
        held = {one.port: one for one in await self.sockets()}
        chosen = [held.get(port) or SocketReport(port, family=family) for port in dict.fromkeys(ports)]
        told = await asyncio.gather(*(self._ask(one) for one in chosen))
        self._asked |= {one.port: one for one in told}
        return list(told)

    async def _ask(self, socket: SocketReport) -> SocketReport:
        """Its board, asked through whatever answers: its own loader, else its MicroPython."""
        if socket.port in self._taken():
            return self._known(socket)
        plain = replace(socket, unusable="", hint="", asked=True)
        try:
            usable(socket.port)
            found = await self._asker(socket).probe()
        except SluisError as error:
            return replace(plain, unusable=str(error), hint=error.hint)
        known = {"chip": found.chip, "id": found.uid, "revision": found.revision}
        return replace(plain, **known, flash_bytes=found.flash_bytes, version=found.version)  # type: ignore[arg-type]

    def _asker(self, socket: SocketReport) -> Flasher:
        kind = next((one for one in profiles().values() if one.family == socket.family), None)
        if kind is None:
            return Repl(socket.port, appears_s=2.0)
        return self._flashers(Socket(socket.port, socket.place), Job(kind, "", "", ()))


def _there(asked: Mapping[str, SocketReport]) -> dict[str, SocketReport]:
    """Those that are still plugged in."""
    return {port: one for port, one in asked.items() if "://" in port or Path(port).exists()}


def usual(socket: Socket, job: Job) -> Flasher:
    """By the chip's own loader; where its MicroPython stays, by that."""
    return flasher(socket, job.profile) if job.parts or not job.files else file_flasher(socket)


def usable(port: str) -> None:
    """PortUnusable for what can be no board: a technician may name a device, a drive or a port elsewhere, no file."""
    path = Path(port)
    if port.startswith("rfc2217://") or path.is_char_device() or is_drive(path):
        return
    raise PortUnusable(f"{port} is neither a serial port nor the drive of a board")
