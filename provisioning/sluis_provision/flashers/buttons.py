"""The two buttons of a board: RESET, and BOOT held while it is reset. Most boards have lines that press them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from sluis_provision.flashers.problem import Unplugged


class Buttons(Protocol):
    """Presses them where the port's lines do not: a fixture's relay, a virtual board."""

    async def load(self) -> None:
        """Reset into the loader."""

    async def boot(self) -> None:
        """Reset, and start what is in flash."""


class NoButtons:
    """A board without the circuit: a person presses, before the command."""

    async def load(self) -> None:
        return

    async def boot(self) -> None:
        return


class Jig:
    """A fixture that presses them for whoever writes a word into its pipe: `PORT.buttons`, beside the port."""

    def __init__(self, pipe: Path) -> None:
        self._pipe = pipe

    async def load(self) -> None:
        self._press(b"load\n")

    async def boot(self) -> None:
        self._press(b"boot\n")

    def _press(self, word: bytes) -> None:
        """Unplugged when nobody is at the other end."""
        try:
            pipe = os.open(self._pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            raise Unplugged(f"nobody presses the buttons at {self._pipe}") from error
        try:
            os.write(pipe, word)
        finally:
            os.close(pipe)


def buttons_of(port: str) -> Buttons:
    """Of a board on this port, which has no lines that press them."""
    pipe = Path(f"{port}.buttons")
    return Jig(pipe) if "://" not in port and pipe.is_fifo() else NoButtons()
