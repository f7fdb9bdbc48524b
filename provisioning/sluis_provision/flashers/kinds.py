"""What every flasher is, and the few nouns it speaks of.

A `Flasher` has one board on one port and knows how its chip is written: `Esp` (Espressif's loader, by esptool), `Uf2`
(the drive of an RP2040 or RP2350) and `Repl` (files, on a board that already runs MicroPython). All of them raise
`ProvisionError` and nothing else for what can go wrong with a board, can be cancelled at any await, and leave a board
that the next attempt repairs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from sluis_provision.flashers.port import Port

Progress = Callable[[int, int], None]
"""Bytes that are done, and bytes in all. Goes back where a retry begins anew."""


@dataclass(frozen=True, slots=True)
class BoardFound:
    """What a board said of itself."""

    chip: str
    """As esptool and MicroPython call it, in small letters: `esp32`, `esp32c3`, `rp2040`."""
    uid: str = ""
    """The chip's own number in hex (ESP: base MAC, 12 digits; RP2: flash id, 16 digits). "" where the mode the board is
    in does not tell it (BOOTSEL): it is asked after the first start."""
    revision: str = ""
    flash_bytes: int = 0
    """0 where it is not told."""
    version: str = ""
    """Of the MicroPython it runs; "" when it runs none, or cannot say."""


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes and where they go: an address in flash, or a file on the board."""

    name: str
    content: bytes = field(repr=False)
    at: int = 0
    """Address in flash, where `file` is ""."""
    file: str = ""
    """Absolute path on the board: `/main.py`."""
    sha256: str = ""
    """Hex. Worked out from the content when not given."""

    def __post_init__(self) -> None:
        if not self.sha256:
            object.__setattr__(self, "sha256", hashlib.sha256(self.content).hexdigest())

    @property
    def place(self) -> str:
        """`0x10000`, or the file's path."""
        return self.file or f"0x{self.at:x}"

    @property
    def end(self) -> int:
        return self.at + len(self.content)


def nothing_said(_done: int, _total: int) -> None:
    """The progress nobody looks at."""


def no_part_sure(_part: Part) -> None:
    """For a caller that keeps no memory of what is verified."""


class Flasher(Protocol):
    """One board on one port."""

    kind: str
    """`esp`, `uf2`, `repl`."""

    async def probe(self) -> BoardFound:
        """Ask the board what it is. Writes nothing to its flash."""

    async def enter_loader(self) -> None:
        """Bring it to where it can be written."""

    async def erase(self) -> None:
        """Everything, the board's files too."""

    async def write(
        self,
        parts: Sequence[Part],
        progress: Progress = nothing_said,
        sure: Callable[[Part], None] = no_part_sure,
    ) -> None:
        """Write all parts. `sure` is called for each part as soon as the board has confirmed it."""

    async def verify(self, parts: Sequence[Part]) -> tuple[Part, ...]:
        """Read back; the parts that are not on the board as they should be."""

    async def boot(self) -> BoardFound:
        """Start what was written, and wait until it says what it is. NotStarted when it does not."""

    def console(self) -> AbstractAsyncContextManager[Port]:
        """The board's console, open. Where the board is in its loader it says nothing."""
