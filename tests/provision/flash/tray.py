"""Boards in memory, in USB sockets with ports that can be opened and pulled."""

from __future__ import annotations

import os
import tty
from dataclasses import dataclass, field

from sluis.links.serial.ports import Found, UsbId
from sluis_provision.bench import Socket
from sluis_provision.flashers import Flasher
from tests.provision.flash.pretend import Board, Pretend

ESPRESSIF = 0x303A


@dataclass
class Tray:
    """Boards in USB sockets, on ports that are there until they are pulled."""

    boards: dict[str, Board] = field(default_factory=dict)
    ends: dict[str, tuple[int, int]] = field(default_factory=dict)

    def plug(self, board: Board) -> str:
        master, slave = os.openpty()
        tty.setraw(slave)
        port = os.ttyname(slave)
        self.boards[port], self.ends[port] = board, (master, slave)
        return port

    def pull_all(self) -> None:
        for port in list(self.ends):
            for end in self.ends.pop(port):
                os.close(end)

    def usb(self) -> list[Found]:
        return [
            Found(port, UsbId(ESPRESSIF, 0x1001, "", f"0000:01:00.0/1.{number}:1.0"), "Espressif USB JTAG")
            for number, port in enumerate(self.boards, 1)
        ]

    def flasher(self, socket: Socket, _job: object = None) -> Flasher:
        return Pretend(self.boards[socket.port])
