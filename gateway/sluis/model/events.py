"""What the bus carries. An event is a fact that already happened; nobody can veto it."""

from __future__ import annotations

from dataclasses import dataclass

from sluis.model.commands import Receipt
from sluis.model.devices import Device
from sluis.model.frames import Stamp
from sluis.model.readings import Availability, Occurrence, Quality, Value


@dataclass(frozen=True, slots=True)
class ReadingChanged:
    """A reading was applied to a twin, or the reading a twin holds went stale.

    `previous` is the value before, None for the first. When `stale` is set the value is the old one, its quality
    is bad, and `stamp` still says when it was received.
    """

    device: str
    point: str
    value: Value
    quality: Quality
    stamp: Stamp
    previous: Value | None = None
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Occurred:
    device: str
    occurrence: Occurrence
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class AvailabilityChanged:
    device: str
    availability: Availability
    stamp: Stamp
    reason: str = ""
    """Why: `will`, `silence`, `link:NAME down`, `parent:KEY offline`, `device says so`."""


@dataclass(frozen=True, slots=True)
class DeviceChanged:
    """A device was discovered, adopted, renamed, retired, or announced other points."""

    device: Device
    what: str


@dataclass(frozen=True, slots=True)
class LinkChanged:
    link: str
    up: bool
    stamp: Stamp
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CommandChanged:
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class AlertChanged:
    """An alert opened, was acknowledged or cleared. The alert itself is read by its id."""

    alert_id: int
    what: str
    """`opened`, `acknowledged`, `cleared`, `escalated`."""
    rule: str
    device: str
    point: str
    severity: str
    message: str
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class BoardChanged:
    """A board on the gateway's own bench is a step further. What is known of it is asked at the bench."""

    port: str
    step: str
    percent: int
    stamp: Stamp


Event = (
    ReadingChanged
    | Occurred
    | AvailabilityChanged
    | DeviceChanged
    | LinkChanged
    | CommandChanged
    | AlertChanged
    | BoardChanged
)
