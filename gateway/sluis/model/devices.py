"""Devices, and how they make themselves known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class DeviceState(StrEnum):
    """Where a device stands between unknown and in use. Only *adopted* devices are used."""

    DISCOVERED = "discovered"
    """Seen on a link; nobody has decided yet. Nothing of it is stored but what it says it is."""
    ADOPTED = "adopted"
    IGNORED = "ignored"
    """A person said: not ours, do not show again."""
    RETIRED = "retired"
    """Was adopted, is out of use; its history stays."""


@dataclass(frozen=True, slots=True)
class Device:
    """One physical thing. `key` is stable for ever (URLs, history); `name` is a label that may change."""

    key: str
    driver: str
    """Driver key (`About.key`)."""
    native_id: str
    """The identity in the device's own protocol (MAC, friendly name, node id); unique per driver."""
    link: str
    state: DeviceState = DeviceState.DISCOVERED
    name: str = ""
    area: str = ""
    asset_number: str = ""
    vendor: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""
    firmware_since_us: int = 0
    """When this firmware was heard of first; 0 when that is not known (the clock was not trusted, or the device is
    known from before this was kept)."""
    parent: str = ""
    """Key of the device that carries this one's traffic (a bridge); "" for none."""
    confidence: str = "certain"
    """How sure its driver was when it was discovered (`Announcement.confidence`)."""
    evidence: str = ""
    """What that rested on."""
    same_as: str = ""
    """Key of the device that a person said this is another path to (its Bluetooth beside its MQTT); "" for none."""
    description: Mapping[str, Any] = field(default_factory=dict)
    """What the device announced, by fragment; JSON. The driver instance is made from this."""
    discovered_at_us: int = 0
    adopted_at_us: int = 0

    @property
    def label(self) -> str:
        """What a person calls it."""
        return self.name or self.native_id


@dataclass(frozen=True, slots=True)
class Announcement:
    """A device says what it is, whole or in fragments.

    Drivers yield it from `Driver.sniff`, and from `decode` where only the device's own instance can read what it offers
    (it has the key). Fragments of one device are merged by `fragment`; `content` None
    removes that fragment (and a device that was only *discovered* vanishes with its last fragment). A
    removal may not know the device it belongs to (an empty retained message): then `native_id` is "".
    """

    native_id: str
    fragment: str = ""
    content: Mapping[str, Any] | None = field(default_factory=dict)
    name: str = ""
    vendor: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""
    parent: str = ""
    """native_id of the bridge (same driver)."""
    suggested_area: str = ""
    confidence: str = "certain"
    """How sure the driver is that it can use the device: `certain` (the device says so itself), `likely` or `possible`
    (it offers what many devices offer). The first announcement counts."""
    evidence: str = ""
    """English; what that rests on, where it is not certain."""
    merge: str = "replace"
    """`replace`: `content` is the whole fragment. `add`: it is added to what the fragment holds, key by key, for a
    device that tells what it offers little by little (a sensor whose packets take turns); at most `ADDED_MOST` keys."""


ADDED_MOST = 64
"""Keys that a fragment may gather by `Announcement.merge`. No device offers as many points; without a bound a radio
that pretends to be the device could fill the store."""


@dataclass(frozen=True, slots=True)
class Roster:
    """The complete list of a bridge's children; those that are missing have left."""

    parent: str
    native_ids: frozenset[str]
