"""What is to be done to each board, and whom the bench asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sluis_provision.bench.card import Card, Step
from sluis_provision.flashers import BoardFound, Flasher, Part
from sluis_provision.images.profiles import Profile
from sluis_provision.images.uf2 import is_uf2

PIECE = 256 * 1024
"""An image is written in pieces of this size, each confirmed by the chip: what an unplugging costs at most is one of
them (3 s at 921600 baud). Smaller ones erase and start more often; larger ones lose more. A multiple of every erase
block (4 and 64 KiB)."""


@dataclass(frozen=True, slots=True)
class Socket:
    """A port with, perhaps, a board on it."""

    port: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """The same for all boards of a run."""

    profile: Profile
    image: str
    """Name of the image, for people."""
    sha256: str
    """Of the whole image."""
    parts: Sequence[Part]
    version: str = ""
    """Of MicroPython, which the started board must name; "" to take what it says."""
    files: Sequence[Part] = ()
    """Put on the board through its REPL after the first start."""
    erase: bool = False


@dataclass(frozen=True, slots=True)
class Seat:
    """A running board, as those see it who test, identify and label it."""

    socket: Socket
    found: BoardFound
    job: Job
    flasher: Flasher


Approve = Callable[[Socket, BoardFound, Job], Awaitable[bool]]
"""Whether this board may be overwritten."""
Action = Callable[[Seat], Awaitable[str]]
"""A step after the start. Returns one sentence; raises ProvisionError with what to do."""
Actions = Mapping[Step, Action]
Tell = Callable[[Card], None]
"""Is told each change of a card: a progress bar, a stream, an audit trail."""


async def approve_all(_socket: Socket, _found: BoardFound, _job: Job) -> bool:
    return True


def cut(part: Part) -> Iterator[Part]:
    """A part in pieces. A file stays whole, and so does a UF2, which is taken as a whole or not at all."""
    if part.file or is_uf2(part.content) or len(part.content) <= PIECE:
        yield part
        return
    for start in range(0, len(part.content), PIECE):
        yield Part(f"{part.name}+{start >> 10}K", part.content[start : start + PIECE], part.at + start)
