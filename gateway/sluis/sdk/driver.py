"""What a driver is.

Theory of operation. There is one driver *class* per device family and one driver *instance* per device. The
class knows how such devices make themselves known (`about.match`, `sniff`); the instance knows one device:
it is made from what that device announced (`description`), is never changed afterwards, and is replaced when
the device announces something else. So `decode` is a pure function of (description, frame): no clock, no
memory, no I/O, and the same frame file replays to the same readings for ever.

Two rules:
1. A driver never stamps time, logs, sleeps, or keeps a socket. `perform` and `poll` may await the link they
   are handed, and nothing else.
2. Whatever bytes it is fed, `decode` and `sniff` raise nothing but `FrameError`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Protocol, Self

from sluis.model import Announcement, Command, Frame, NotMine, Occurrence, Point, Presence, Reading, Roster
from sluis.sdk.match import Match
from sluis.sdk.station import Ask, Framing, Station


class Grade(StrEnum):
    """How far a driver has been proven."""

    DRAFT = "draft"
    """Decodes."""
    BRONZE = "bronze"
    """Has frames, a frame map and sources."""
    SILVER = "silver"
    """Commands, ranges and availability too."""
    GOLD = "gold"
    """Proven on hardware, or on a simulator written by somebody else."""


SDK_VERSION = 2
"""What this gateway offers drivers. 1: MQTT. 2: other links (stations, framing, polling, what a person tells).
Drivers written for an older version work: what they use stays."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a driver needs beyond the ordinary, where it runs in a driver host. Both are capped there."""

    memory_mb: int = 256
    """Address space, 2**20 bytes. A library with large tables, or with code of its own, may need more."""
    load_s: float = 10.0
    """Longest time to import it. In a driver host import large libraries at the top of the file: what is imported
    later counts against the time of a call."""


ORDINARY = Limits()


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What the gateway is to send, because the family answers questions but does not announce: `sniff` yields one
    where one device is to be asked, `About.search` has what all of them answer."""

    to: str
    data: bytes


@dataclass(frozen=True, slots=True)
class About:
    """Who a driver is for and where its knowledge comes from."""

    key: str
    """Stable, unique: `<vendor>-<model>` or the protocol's name."""
    vendor: str
    models: tuple[str, ...]
    match: Match
    sources: tuple[str, ...]
    """Documents with version and section."""
    grade: Grade = Grade.DRAFT
    acl: tuple[str, ...] = ()
    """MQTT topic patterns a device of this family needs, `{id}` for its native id, `{topic}` for the name it has in
    its topics where that is another; a leading `>` means that the device publishes there, `<` that it subscribes.
    The broker's ACL is generated from these."""
    exemptions: Mapping[str, str] = field(default_factory=dict)
    """Conformance rule -> reason why this driver is excused."""
    framing: Framing | None = None
    """How the bytes of such a device are cut into frames, on links that carry a stream of bytes."""
    setup: tuple[Ask, ...] = ()
    """What a person must tell about a device that cannot say it itself (a bind key, a register map)."""
    search: tuple[Inquiry, ...] = ()
    """What makes devices of this family known on the links of its kind, sent when a person scans and every ten seconds
    while the scan lasts (a broadcast). Answers are frames for `sniff`, on `match`."""
    requires: tuple[str, ...] = ()
    """Python distributions that the driver imports beyond the SDK; a missing one is named with the command that
    installs it. Nothing is ever installed at run time."""
    sdk: int = 1
    """The version of the SDK it needs (`SDK_VERSION` when it was written); a gateway with an older one refuses it."""
    limits: Limits = ORDINARY
    proven: str = ""
    """Grade gold: the hardware, or the simulator of somebody else, that it was proven against."""


Decoded = Reading | Occurrence | Presence | Announcement
Sniffed = Announcement | Roster | Presence | Inquiry


class Link(Protocol):
    """What a driver may do to the outside world, inside `perform` and `poll` only."""

    async def send(self, data: bytes, *, to: str = "", retain: bool = False) -> None:
        """Send bytes. `to` is the topic (MQTT), `address/characteristic` (BLE: a write), the station (serial, net)."""

    async def request(self, data: bytes, *, to: str = "", reply: str = "", timeout_s: float = 5.0) -> Frame:
        """Send bytes and return the first frame that arrives on `reply` ("" for `to`) afterwards; LinkError when none
        does. The answer reaches `decode` as well, as a frame like any other, with the question in `Frame.asked`.

        With nothing to send: BLE reads the characteristic; a station that greets (`Station.greets`) returns what it
        said when this connection was made."""


class Driver:
    """Knowledge of one device family (class) and of one device of it (instance)."""

    about: ClassVar[About]

    def __init__(self, native_id: str = "", description: Mapping[str, Any] | None = None) -> None:
        self.native_id = native_id
        self.description: Mapping[str, Any] = description or {}

    def setting(self, key: str, default: Any = "") -> Any:
        """What a person told of this device (`About.setup`)."""
        told = self.description.get("setup")
        return told.get(key, default) if isinstance(told, Mapping) else default

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Sniffed]:
        """What a frame on `about.match` announces. Nothing, for ordinary frames."""
        return ()

    def product(self) -> tuple[str, str]:
        """Vendor and model as far as the driver itself, or what a person told (which register map), says them; "" for
        what it does not. What the device announces goes before it."""
        models = self.about.models
        return self.about.vendor, models[0] if len(models) == 1 else ""

    def topics(self) -> Iterable[str]:
        """Filters of the sources on which this device's frames arrive (exact ones are cheapest): topics for MQTT; the
        device's own address elsewhere, with `ADDRESS/CHARACTERISTIC` for what a BLE device is to notify (the link keeps
        it connected for that) and `ADDRESS/+` for what is only read."""
        return () if "mqtt" in self.about.match.kinds else (self.native_id,)

    def station(self) -> Station | None:
        """What its link must know to talk with it; None where there is nothing to know (MQTT)."""
        return Station(self.native_id, self.about.framing) if self.about.framing else None

    def points(self) -> Iterable[Point]:
        """All points of this device: the declared ones, and those its description adds."""
        return declared_points(type(self))

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        """What a frame says. Pure; raises `FrameError` only, `NotMine` when it is somebody else's."""
        raise NotMine

    def identity(self, frame: Frame) -> str | None:
        """What makes this frame *this* frame if a device sends it twice (a counter, a boot id and sequence
        number, a measurement time), or None when the protocol has nothing of the kind. Two frames of one
        device with equal identities are one: the second is dropped."""
        return None

    def succeed(self, before: Self) -> None:
        """Take over what `before` remembers of the same device (a counter, half a line): this instance takes its
        place because the description changed. Without it, whoever makes a device announce something would make
        its driver forget its counter. A driver without memory needs none. `before` may be of an older description, and
        is used no more."""

    def poll_every_s(self) -> float | None:
        """How often `poll` is to be called; None for a device that speaks by itself."""
        return None

    async def poll(self, link: Link) -> None:
        """Ask what there is to know. The answers reach `decode` as frames. LinkError when it does not answer."""
        raise NotImplementedError(f"{self.about.key} is not polled")

    async def perform(self, link: Link, command: Command) -> None:
        """Make the command happen; return when it is sent. `reported` follows from the frames that come back."""
        raise NotImplementedError(f"{self.about.key} takes no commands")


def declared_points(cls: type[Driver]) -> tuple[Point, ...]:
    """The `Point` attributes of a driver class in declaration order, base classes first."""
    found: dict[str, Point] = {}
    for base in reversed(cls.__mro__):
        for value in vars(base).values():
            if isinstance(value, Point):
                found[value.key] = value
    return tuple(found.values())
