"""What watch needs of others: the devices, places to keep things, couriers, an audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sluis.model import Actor, Device, DeviceState, Frame, Point, Receipt
from sluis.rules import State
from sluis.twins import Twin
from sluis.watch.alert import Alert, AlertStep


class Counters(Protocol):
    @property
    def flooded(self) -> int: ...

    @property
    def faults(self) -> int: ...

    @property
    def clock_off_s(self) -> float | None:
        """How far the device's own clock is ahead of ours; None where its frames do not tell."""


class Devices(Protocol):
    def devices(self, *states: DeviceState) -> list[Device]: ...

    def device(self, key: str) -> Device: ...

    def points(self, key: str) -> Mapping[str, Point]: ...

    def twin(self, key: str) -> Twin: ...

    def frames(self, key: str) -> list[tuple[Frame, str]]: ...

    def counters(self, key: str) -> Counters: ...


@dataclass(frozen=True, slots=True)
class Kept:
    """The state of a rule for one subject, as kept over a restart. Times inside are monotonic µs of the boot that
    wrote it; `mono_us` and `at_us` are both clocks at the moment of writing."""

    rule: str
    version: str
    device: str
    point: str
    state: State
    at_us: int
    mono_us: int


class AlertStore(Protocol):
    async def save(self, changes: Sequence[tuple[Alert, AlertStep]]) -> None:
        """Insert or replace alerts and append what happened; all or nothing."""

    async def last_id(self) -> int: ...

    async def open_alerts(self) -> list[Alert]: ...

    async def alerts(self, limit: int, before_id: int | None = None, *, device: str = "") -> list[Alert]:
        """All alerts, newest first."""

    async def alert(self, alert_id: int) -> Alert | None: ...

    async def steps(self, alert_id: int) -> list[AlertStep]: ...

    async def keep(self, states: Sequence[Kept], forget: Sequence[tuple[str, str, str]]) -> None:
        """Keep states over a restart; forget those of these (rule, device, point)."""

    async def kept(self) -> list[Kept]: ...


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """A rule as it was at some time. `body` is its table as in `rules.toml`; empty when it was removed."""

    rule: str
    version: str
    body: Mapping[str, Any]
    author: str
    at_us: int


class RuleVersions(Protocol):
    async def add(self, versions: Sequence[RuleVersion]) -> None: ...

    async def versions(self, rule: str) -> list[RuleVersion]:
        """Newest first."""


class RuleText(Protocol):
    """The file `rules.toml`."""

    async def read(self) -> str:
        """Its text; "" when there is none."""

    async def write(self, text: str) -> None:
        """Replace it whole, or not at all."""

    async def mark(self) -> str:
        """Something that changes when the file does; cheap."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell one recipient over one channel. Rows with the same `parcel` go in one message."""

    id: int
    recipient: str
    channel: str
    """`mail` or `webhook`."""
    alert_id: int
    what: str
    """`opened` or `cleared`."""
    at_us: int
    severity: str
    parcel: str = ""
    tries: int = 0
    due_us: int = 0
    """Wall clock of the next try."""


class NoticeStore(Protocol):
    """The outbox of messages."""

    async def add(self, notices: Sequence[Notice]) -> None:
        """Ids are given here; those of the arguments are ignored."""

    async def waiting(self) -> list[Notice]:
        """All that is not delivered, oldest first."""

    async def change(self, notices: Sequence[Notice]) -> None: ...

    async def remove(self, ids: Sequence[int]) -> None: ...


@dataclass(frozen=True, slots=True)
class Message:
    """What a courier carries."""

    id: str
    """The same in every retry, so that the other side can tell a repetition."""
    to: str
    """Mail address or URL."""
    subject: str
    text: str
    body: Mapping[str, Any]
    """The same as data."""
    at_us: int


class Courier(Protocol):
    async def deliver(self, message: Message) -> None:
        """Return when the other side has taken it; raise LinkError when it has not."""


class Bucket(Protocol):
    """The numbers of one span of time, in the point's unit."""

    @property
    def at_us(self) -> int:
        """Where the span begins."""

    @property
    def min(self) -> float: ...

    @property
    def mean(self) -> float: ...

    @property
    def max(self) -> float: ...

    @property
    def last(self) -> float: ...

    @property
    def count(self) -> int: ...


class History(Protocol):
    """The stored past of a point."""

    async def series(self, device: str, point: str, start_us: int, end_us: int, buckets: int) -> Sequence[Bucket]:
        """[start_us, end_us) in at most `buckets` spans, whose edges are multiples of their width; spans in which
        nothing came are left out."""


class Carrier(Protocol):
    """A link, as far as one must know whether it is up."""

    @property
    def up(self) -> bool: ...


class Commands(Protocol):
    """Past commands, for explanations."""

    async def receipts(
        self, *, device: str = "", point: str = "", limit: int = 100, before: str = ""
    ) -> list[Receipt]: ...

    async def receipt(self, command_id: str) -> Receipt | None: ...


class Audit(Protocol):
    async def record(self, actor: Actor, action: str, object: str, detail: Mapping[str, Any] = ...) -> None: ...
