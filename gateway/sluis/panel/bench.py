"""What the panel needs of the bench: boards on the gateway's own ports. `sluis.app.bench` implements it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sluis.model import Actor, Device

KEEP = "keep"
"""Instead of an image: the MicroPython that is on the board stays; only files are put on it."""

OURS = "ours"
"""Instead of a release: the firmware that came with this gateway."""


@dataclass(frozen=True, slots=True)
class SocketReport:
    """A port that may have a board on it."""

    port: str
    place: str = ""
    """The USB socket."""
    words: str = ""
    """What the USB end says it is."""
    family: str = ""
    """`esp` or `rp2`, as far as the USB end tells."""
    unusable: str = ""
    """Why a board there cannot be used: a sentence; "" when it can."""
    hint: str = ""
    asked: bool = False
    """Whether the board was asked what it is; then the rest is what it said."""
    chip: str = ""
    id: str = ""
    revision: str = ""
    flash_bytes: int = 0
    version: str = ""


@dataclass(frozen=True, slots=True)
class ProfileReport:
    key: str
    name: str
    chip: str
    family: str
    image: str
    """Key of its own image."""


@dataclass(frozen=True, slots=True)
class ImageReport:
    key: str
    chip: str
    version: str
    file: str
    state: str
    """`ready`, `approved`, `missing`, `damaged`."""
    url: str


@dataclass(frozen=True, slots=True)
class FirmwareReport:
    """A release of the node firmware that can be put on a board."""

    key: str
    board: str
    version: str


@dataclass(frozen=True, slots=True)
class ChoicesReport:
    """What there is to choose from."""

    profiles: tuple[ProfileReport, ...]
    images: tuple[ImageReport, ...]
    firmwares: tuple[FirmwareReport, ...]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be done to which boards."""

    ports: tuple[str, ...]
    profile: str
    image: str = ""
    """"" for the profile's own; a key of the catalogue; `keep`."""
    firmware: str = OURS
    """"" for none; `ours`; the name of a release."""
    erase: bool = False
    key: bool = True
    """Also give it its key, and test it."""
    again: bool = False
    """Boards that are nodes already get a new key."""


@dataclass(frozen=True, slots=True)
class BoardReport:
    """One board of a run, as it stands."""

    port: str
    place: str
    id: str
    chip: str
    revision: str
    flash_bytes: int
    step: str
    percent: int
    said: str
    failed_at: str
    code: str
    next: str
    """What a person does now, where it failed."""
    started_us: int
    ended_us: int


@dataclass(frozen=True, slots=True)
class RunReport:
    """The boards of one run."""

    id: str
    by: str
    wish: Wish
    image: str
    begun_at_us: int
    ended_at_us: int
    """0 while it is under way."""
    boards: tuple[BoardReport, ...]

    @property
    def running(self) -> bool:
        return not self.ended_at_us


class Bench(Protocol):
    """Many boards at once, on this machine's ports."""

    async def sockets(self) -> Sequence[SocketReport]:
        """Ports that may have a board on them. Nothing is said to the boards."""

    async def look(self, ports: Sequence[str], family: str) -> Sequence[SocketReport]:
        """Ask the boards what they are, which restarts them. `family` where a port does not tell."""

    async def choices(self) -> ChoicesReport: ...
    def latest(self) -> RunReport | None:
        """The run under way, else the last one; None when it was put away."""

    async def begin(self, wish: Wish, actor: Actor) -> RunReport: ...
    async def stop(self, actor: Actor) -> RunReport:
        """End the run; each board says where it was left."""

    async def put_away(self, actor: Actor) -> None:
        """Forget the last run: the next tray."""

    async def place(self, node: str, actor: Actor, *, name: str, area: str, asset_number: str = "") -> Device: ...
    def report(self) -> Mapping[str, Any]:
        """What became of each board."""

    async def report_pdf(self, language: str) -> bytes: ...
