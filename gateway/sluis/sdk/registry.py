"""Which driver classes there are. Filled by `app` from the built-in package, entry points and the drop-in folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sluis.model import Announcement, Device, DriverError
from sluis.model.devices import ADDED_MOST
from sluis.sdk.driver import Driver


class Registry:
    """Driver classes by key. A key is taken once; a drop-in file may replace its own earlier version."""

    def __init__(self, *classes: type[Driver]) -> None:
        self._by_key: dict[str, type[Driver]] = {}
        for cls in classes:
            self.add(cls)

    def add(self, cls: type[Driver], *, replace: bool = False) -> None:
        """Take a driver class in. DriverError when its key is taken by another and `replace` is false."""
        held = self._by_key.get(cls.about.key)
        if held is not None and held is not cls and not replace:
            raise DriverError(f"driver key {cls.about.key!r} is taken by {held.__module__}.{held.__qualname__}")
        self._by_key[cls.about.key] = cls

    def discard(self, key: str) -> None:
        self._by_key.pop(key, None)

    def get(self, key: str) -> type[Driver] | None:
        return self._by_key.get(key)

    def instance(self, device: Device) -> Driver:
        """The driver instance of a device. DriverError when the driver is not installed."""
        cls = self._by_key.get(device.driver)
        if cls is None:
            raise DriverError(f"no driver {device.driver!r} for {device.label}", hint="sluis driver list")
        return cls(device.native_id, device.description)

    def __iter__(self) -> Iterator[type[Driver]]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)


def merge_fragment(description: Mapping[str, Any], announcement: Announcement) -> dict[str, Any]:
    """A device's description after an announcement; an empty result means that nothing is left of it."""
    merged = dict(description)
    if announcement.content is None:
        merged.pop(announcement.fragment, None)
    elif announcement.merge == "add":
        gathered = dict(merged.get(announcement.fragment, {}))
        for key, value in announcement.content.items():
            if key in gathered or len(gathered) < ADDED_MOST:
                gathered[key] = value
        merged[announcement.fragment] = gathered
    else:
        merged[announcement.fragment] = dict(announcement.content)
    return merged
