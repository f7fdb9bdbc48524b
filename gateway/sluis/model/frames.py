"""A frame: bytes as they were received, with source, time and signal strength."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple


class Stamp(NamedTuple):
    """When something was received, on two clocks.

    A wall clock can be wrong and can jump; the monotonic clock can do neither but means nothing after a
    reboot. Every record carries both, so that records made before the clock was trusted can be dated
    again once it is.
    """

    at_us: int
    """Wall clock, microseconds since 1970-01-01 UTC."""
    mono_us: int
    """Monotonic clock of this boot, microseconds."""
    trusted: bool = True
    """False while the wall clock is not known to be right (no NTP or RTC yet, or it just jumped)."""

    @property
    def at(self) -> datetime:
        """The wall-clock instant as an aware UTC datetime."""
        return datetime.fromtimestamp(self.at_us / 1e6, UTC)


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes as received on a link.

    `source` says where they came from in the transport's own terms: the topic (MQTT), the address (BLE),
    the unit or station (serial buses). `token` is the link's own handle for acknowledging the frame once
    its readings are committed; None means that there is nothing to acknowledge.
    """

    link: str
    source: str
    data: bytes
    stamp: Stamp
    retained: bool = False
    """MQTT: the broker's remembered last value, delivered because we subscribed; not news."""
    rssi_dbm: int | None = None
    token: int | None = None
    delivery: int | None = None
    """The transport's own number of this delivery (MQTT packet id): the same in a redelivery. None for none."""
    duplicate: bool = False
    """The transport says that this may be a redelivery."""
    asked: bytes = b""
    """The question that this answers, on links of question and answer; b"" for a frame that came by itself."""
