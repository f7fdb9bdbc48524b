"""What carries a device's traffic: its link, its bridge. When a carrier is down nobody knows about its devices."""

from __future__ import annotations

from collections.abc import Iterable

from sluis.intake.entry import Entry
from sluis.intake.register import Register
from sluis.model import (
    Availability,
    AvailabilityChanged,
    DeviceState,
    Event,
    LinkChanged,
    Presence,
    Roster,
    Stamp,
)
from sluis.runtime import Bus


class Carriers:
    """Follows availability events to the devices behind them."""

    def __init__(self, register: Register, bus: Bus) -> None:
        self._register = register
        self._bus = bus

    def link_changed(self, link: str, up: bool, stamp: Stamp, reason: str = "") -> None:
        """A link came up or went down: its devices with it."""
        events: list[Event] = [LinkChanged(link, up, stamp, reason)]
        for entry in self._register:
            if entry.device.link == link and entry.device.state is DeviceState.ADOPTED:
                self._carry(entry, up, f"link:{link}", stamp, events)
        self._bus.publish_batch(events)

    def follow(self, events: Iterable[Event]) -> list[Event]:
        """The events that follow for the children of the devices whose availability changed."""
        followed: list[Event] = []
        for event in events:
            if isinstance(event, AvailabilityChanged):
                up = event.availability is Availability.ONLINE
                for child in self._register.children(event.device):
                    self._carry(child, up, f"parent:{event.device}", event.stamp, followed)
        return followed

    def roster(self, driver_key: str, said: Roster, stamp: Stamp) -> list[Event]:
        """A bridge's full list: children that are not on it have left."""
        parent = self._register.by_native(driver_key, said.parent)
        if parent is None:
            return []
        events: list[Event] = []
        for child in self._register.children(parent.device.key):
            if child.device.native_id not in said.native_ids:
                gone = child.twin.presence(Presence(Availability.OFFLINE, reason="left its bridge"), stamp)
                if gone:
                    events.append(gone)
        return events

    def _carry(self, entry: Entry, up: bool, cause: str, stamp: Stamp, events: list[Event]) -> None:
        if up and entry.twin.blocked_by != cause:
            return
        changed = entry.twin.unblock(stamp) if up else entry.twin.block(cause, stamp)
        if changed:
            events.append(changed)
            events += self.follow([changed])
