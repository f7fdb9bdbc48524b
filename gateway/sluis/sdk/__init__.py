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
from sluis.sdk.driver import About, Decoded, Driver, Grade, Inquiry, Link, MqttMatch, Sniffed
from sluis.sdk.registry import Registry

__all__ = [
    "About",
    "Announcement",
    "Availability",
    "BadChecksum",
    "Command",
    "Decoded",
    "Driver",
    "Frame",
    "FrameError",
    "Grade",
    "Implausible",
    "Inquiry",
    "Kind",
    "Link",
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
    "Truncated",
    "Value",
]
