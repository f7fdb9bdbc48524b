"""Which devices a list shows, in which order: filters, search and sorting. Used by the API and by the pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sluis.model import Actor, Availability, Device, DeviceState
from sluis.panel.auth import sees
from sluis.panel.ports import Register


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list asks for; an empty field asks for everything."""

    states: tuple[DeviceState, ...] = (DeviceState.ADOPTED,)
    area: str = ""
    driver: str = ""
    link: str = ""
    availability: Availability | None = None
    search: str = ""
    """Words that all have to be somewhere in its name, key, area, asset number, vendor, model or serial."""
    sort: str = "name"
    """`name`, `area`, `vendor`, `state`, `since`; a leading `-` turns it round."""


SORTS = ("name", "area", "vendor", "state", "since")


def devices_for(register: Register, actor: Actor, wanted: Wanted) -> list[Device]:
    """The devices this actor may see and the list asks for, in its order."""
    words = wanted.search.casefold().split()
    found = [
        device
        for device in register.devices(*wanted.states)
        if sees(actor, device) and _fits(register, device, wanted) and _holds(device, words)
    ]
    return sorted(found, key=lambda device: sort_key(register, device, wanted.sort), reverse=wanted.sort[:1] == "-")


def sort_key(register: Register, device: Device, sort: str) -> tuple[str, str]:
    """What a device is sorted by; its key breaks ties, so that pages never overlap."""
    what = sort.removeprefix("-")
    if what == "area":
        return f"{device.area.casefold()}\0{device.label.casefold()}", device.key
    if what == "vendor":
        return f"{device.vendor.casefold()}\0{device.model.casefold()}", device.key
    if what == "state":
        twin = register.twin(device.key)
        return f"{_WORST_FIRST.index(twin.availability)}{device.label.casefold()}", device.key
    if what == "since":
        return f"{register.twin(device.key).since.at_us:020d}", device.key
    return device.label.casefold(), device.key


_WORST_FIRST: Sequence[Availability] = (Availability.OFFLINE, Availability.UNKNOWN, Availability.ONLINE)


def _fits(register: Register, device: Device, wanted: Wanted) -> bool:
    if wanted.area and device.area != wanted.area:
        return False
    if wanted.driver and device.driver != wanted.driver:
        return False
    if wanted.link and device.link != wanted.link:
        return False
    return wanted.availability is None or register.twin(device.key).availability is wanted.availability


def _holds(device: Device, words: list[str]) -> bool:
    if not words:
        return True
    text = "\0".join(
        (
            device.label,
            device.key,
            device.native_id,
            device.area,
            device.asset_number,
            device.vendor,
            device.model,
            device.serial,
        )
    ).casefold()
    return all(word in text for word in words)
