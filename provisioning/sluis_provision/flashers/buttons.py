"""The two buttons of a board: RESET, and BOOT held while it is reset. Most boards have lines that press them."""

from __future__ import annotations

from typing import Protocol


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
