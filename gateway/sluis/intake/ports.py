"""What intake needs of others: a place to store readings and devices, links to take frames from, an audit log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from sluis.model import Actor, Device, Frame, Point, Stamp, Value
from sluis.sdk import Link, Station


class Row(NamedTuple):
    """One reading on its way to the store."""

    point_id: int
    stamp: Stamp
    value: Value
    quality: int
    device_at_us: int | None = None


class OccurrenceRow(NamedTuple):
    """One occurrence on its way to the store."""

    point_id: int
    stamp: Stamp
    what: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """Which deliveries of a link a batch holds, so that a redelivery after a crash is known for what it is."""

    link: str
    session: str
    tokens: tuple[int, ...]
    """The transport's delivery numbers (`Frame.delivery`)."""
    digests: tuple[int, ...]
    """64-bit digest of (source, data) of each, same order: a second proof beside the number."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one group commit takes from intake."""

    rows: Sequence[Row]
    occurrences: Sequence[OccurrenceRow] = ()
    delivery: Delivery | None = None
    identities: Sequence[int] = field(default=())
    """64-bit hash of (device, `Driver.identity`) of the frames that have one."""


class ReadingStore(Protocol):
    """Durable, in order, exactly once."""

    def append(self, batch: Batch) -> Future[int]:
        """Queue a batch; the future resolves with the last sequence number after the durable commit."""

    def recent_deliveries(self, link: str, session: str) -> Mapping[int, int]:
        """Delivery number -> digest of what was committed lately in this session."""

    def recent_identities(self) -> Sequence[int]:
        """Identities committed lately, oldest first."""


class DeviceStore(Protocol):
    """Devices and the small integer ids of their points."""

    async def load(self) -> list[tuple[Device, dict[str, int]]]: ...

    async def save(self, device: Device) -> None: ...

    async def exchange(self, one: Device, other: Device) -> None:
        """Save two devices that took each other's native id; both or neither. Points stay with their keys."""

    async def point_ids(self, device_key: str, point_keys: Sequence[str]) -> dict[str, int]: ...

    async def classify(self, device_key: str, points: Iterable[Point]) -> None:
        """Told once of each new point: its kind and category decide how long its readings are kept."""

    async def forget(self, device_key: str) -> None: ...


class LatestStore(Protocol):
    """The last stored reading of each point, to start twins from."""

    async def latest(self) -> Mapping[int, tuple[Stamp, Value, int]]:
        """Point id -> (stamp, value, quality)."""


class FrameLink(Link, Protocol):
    """A link that delivers frames."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str:
        """`mqtt`, `ble`, `serial`, ...: which drivers' announcements may come on it."""

    @property
    def up(self) -> bool: ...

    @property
    def session(self) -> str:
        """Changes when the other side has forgotten what was in flight."""

    async def take(self) -> list[Frame]:
        """Everything waiting, in order; at least one frame."""

    def acknowledge(self, tokens: Sequence[int]) -> None:
        """Tell the other side that these frames are safe. Callable from any thread."""

    def set_filters(self, filters: frozenset[str]) -> None:
        """The sources whose frames are wanted, from now on."""

    def set_stations(self, stations: Mapping[str, Station]) -> None:
        """The adopted devices on this link that it must know something of, by source."""


class Audit(Protocol):
    async def record(self, actor: Actor, action: str, object: str, detail: Mapping[str, Any] = ...) -> None: ...
