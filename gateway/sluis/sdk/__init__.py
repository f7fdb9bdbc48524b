"""The driver seam: what a driver author imports.

    from sluis.sdk import About, Driver, MqttMatch, Point
    from sluis.sdk import NotMine, Truncated, BadChecksum, Implausible

The conformance suite for a driver lives in `sluis.sdk.testing`.
"""

from sluis.model import (
    Announcement,
    Availability,
    BadChecksum,
    Command,
    Frame,
    FrameError,
    Implausible,
    Kind,
    NotMine,
    Occurrence,
    Point,
    Presence,
    Quality,
    Reading,
    Roster,
    Stamp,
    Truncated,
    Value,
)
from sluis.sdk.driver import SDK_VERSION, About, Decoded, Driver, Grade, Inquiry, Limits, Link, Sniffed
from sluis.sdk.match import BleMatch, LinkMatch, Match, MqttMatch
from sluis.sdk.registry import Registry
from sluis.sdk.station import Ask, Framing, Station

__all__ = [
    "SDK_VERSION",
    "About",
    "Announcement",
    "Ask",
    "Availability",
    "BadChecksum",
    "BleMatch",
    "Command",
    "Decoded",
    "Driver",
    "Frame",
    "FrameError",
    "Framing",
    "Grade",
    "Implausible",
    "Inquiry",
    "Kind",
    "Limits",
    "Link",
    "LinkMatch",
    "Match",
    "MqttMatch",
    "NotMine",
    "Occurrence",
    "Point",
    "Presence",
    "Quality",
    "Reading",
    "Registry",
    "Roster",
    "Sniffed",
    "Stamp",
    "Station",
    "Truncated",
    "Value",
]
