"""The far sides of the links of `test_lines`: one module a kind of link, each with a `RIGS` of its own.

A new kind of link adds a module here and its line in `ALL`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol


class Rig(Protocol):
    """A link, and one device on the far side of it."""

    link: Any
    source: str
    """The device: the source of its frames, the `to` of what is sent to it."""
    question: bytes
    """What it can be asked; a different one for each `n` by `ask`."""
    port_is_link: bool
    """Whether losing the device's wire takes the link down (a port), or only the way to that device (a network)."""

    notices: bool
    """Whether a cut is noticed by itself. Over UDP it is not."""

    def ask(self, n: int) -> bytes:
        """The n-th question."""

    def answer(self, n: int) -> bytes:
        """The data of the frame that answers it."""

    async def start(self) -> None:
        """Run the link, with the device known to it as one that may speak unasked."""

    async def stop(self) -> None: ...

    async def close(self) -> None:
        """The far side goes too."""

    async def feed(self, *frames: bytes) -> None:
        """The device says these by itself."""

    async def lose(self) -> None:
        """The wire to the device is cut."""

    async def heal(self) -> None:
        """And mended."""

    def mute(self, on: bool) -> None:
        """The device takes questions in and does not answer. When it is let speak again it answers what it was asked
        meanwhile."""

    @property
    def asked(self) -> list[bytes]:
        """The questions that reached the device, oldest first."""


Make = Callable[[Path], Rig]


def all_rigs() -> dict[str, Make]:
    """Every rig by name."""
    from tests.contracts.rigs import ble, streams

    return {**ble.RIGS, **streams.RIGS}
