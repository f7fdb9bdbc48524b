"""What an advertisement says, by way of a parser of the Bluetooth-Devices family.

Theory of operation. These libraries (bthome-ble, xiaomi-ble, ruuvitag-ble, govee-ble, inkbird-ble) share one model: an
object with what was received goes in, a `SensorUpdate` comes out that maps keys to values and to descriptions. Here the
first is made from a frame and the second is turned into readings, occurrences and points, in our units.

A parser object gathers all that it was ever told, and would hand out yesterday's temperature with today's humidity.
So each advertisement gets a new one, and `understood` is a pure function: its answers are remembered, because a sensor
sends one packet many times and several callers ask about each. Counters are kept by the drivers.

A parser may raise anything on bytes from the air: here that becomes a `FrameError`.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from sluis.model import FrameError, Implausible, Kind, NotMine, Occurrence, Reading, Truncated, Value
from sluis.model.units import canonical, quantity_for
from sluis.wire.advertising import Advertisement, parse, uuid128

REMEMBERED = 2_048
"""Advertisements whose meaning is remembered, some 2 kB each: several of each of 300 devices. When hostile radios
invent more, each frame is parsed anew and nothing else happens."""


class Parser(Protocol):
    """A library's parser of one device's advertisements."""

    def update(self, data: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Received:
    """One advertisement as the libraries take it: what they use of `habluetooth.BluetoothServiceInfoBleak`."""

    name: str
    address: str
    manufacturer_data: Mapping[int, bytes]
    service_data: Mapping[str, bytes]
    service_uuids: list[str]
    raw: bytes
    tx_power: int | None = None
    rssi: int = 0
    source: str = "sluis"
    connectable: bool = False
    time: float = 0.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What one advertisement says."""

    essence: tuple[Any, ...]
    """The part that carries measurements: equal for the same packet, whether its name came along or not."""
    points: Mapping[str, Mapping[str, Any]]
    """Key -> quantity, unit and kind of what it measures."""
    readings: tuple[Reading, ...] = ()
    occurrences: tuple[Occurrence, ...] = ()
    name: str = ""
    vendor: str = ""
    model: str = ""
    firmware: str = ""
    sealed: bool = False
    """Encrypted."""
    counter: int | None = None
    """The packet's own number, authenticated by its cipher."""
    numbered: bool = False
    """The packet carries a number of some kind, so an equal one is the same packet."""


class Family(Protocol):
    """What a driver class tells of its library."""

    @classmethod
    def parser(cls, key: bytes) -> Parser:
        """A new parser; the library is imported here."""

    @classmethod
    def check(cls, said: Advertisement, source: str, key: bytes) -> None:
        """Refuse what the library would pass over in silence. FrameError when it is no good."""

    @classmethod
    def judged(cls, parser: Any, said: Advertisement, heard: Heard, key: bytes) -> Heard:
        """What it amounts to, with what only the parser object tells. FrameError when it is no good."""


def understood(family: type[Family], source: str, data: bytes, key: bytes = b"") -> Heard:
    """What an advertisement says. FrameError when it says nothing that can be read."""
    found = _remembered(family, source, data, key)
    if isinstance(found, FrameError):
        raise type(found)(str(found), hint=found.hint)
    return found


@lru_cache(maxsize=REMEMBERED)
def _remembered(family: type[Family], source: str, data: bytes, key: bytes) -> Heard | FrameError:
    try:
        said = parse(data)
        family.check(said, source, key)
        parser = family.parser(key)
        return family.judged(parser, said, _heard(parser, said, source, data), key)
    except FrameError as error:
        return error


def _heard(parser: Parser, said: Advertisement, source: str, data: bytes) -> Heard:
    services = {uuid128(uuid): payload for uuid, payload in said.service_data.items()}
    listed = [uuid128(uuid) for uuid in said.services]
    received = Received(said.name or source, source, said.manufacturer_data, services, listed, data, said.tx_power_dbm)
    try:
        update = parser.update(received)
        return _translated(update, said)
    except FrameError:
        raise
    except (struct.error, IndexError) as error:
        raise Truncated(f"too short for what it is: {error}") from error
    except Exception as error:  # a library on bytes from the air: whatever it raises is the sender's fault
        raise Implausible(f"{type(error).__name__}: {error}") from error


def _translated(update: Any, said: Advertisement) -> Heard:
    """A `SensorUpdate` in our words. NotMine when the library knows no such device."""
    info = next((one for one in update.devices.values() if one.model), None)
    if info is None:
        raise NotMine("the library knows no such device")
    points: dict[str, Mapping[str, Any]] = {}
    readings: list[Reading] = []
    occurrences: list[Occurrence] = []
    for where, held in update.entity_values.items():
        value = _value(held.native_value)
        described = update.entity_descriptions[where]
        if value is None or described.device_class in ("signal_strength", "packet_id"):
            continue
        unit = str(described.native_unit_of_measurement or "")
        if isinstance(value, str) and unit:
            continue  # govee-ble says "error" where a sensor failed
        key = _key(where)
        points[key] = _measured(str(described.device_class or ""), unit, value)
        readings.append(Reading(key, value))
    for where, held in update.binary_entity_values.items():
        if isinstance(held.native_value, bool):
            quantity = str(update.binary_entity_descriptions[where].device_class or "")
            key = _key(where) + ("_state" if quantity in MEASURED_TOO else "")
            points[key] = _told(quantity_for(quantity, "", Kind.SWITCH), "", Kind.SWITCH)
            readings.append(Reading(key, held.native_value))
    for where, event in update.events.items():
        key = _key(where)
        points[key] = _told(quantity_for(key.rpartition("_")[0] or key, "", Kind.TRIGGER), "", Kind.TRIGGER)
        occurrences.append(Occurrence(key, str(event.event_type)))
        for word, number in (event.event_properties or {}).items():
            if isinstance(number, int | float):
                points[f"{key}_{word}"] = _told("", "", Kind.NUMBER)
                readings.append(Reading(f"{key}_{word}", number))
    firmware = info.sw_version or ""
    return Heard(
        essence=(said.service_data, said.manufacturer_data),
        points=points,
        readings=tuple(readings),
        occurrences=tuple(occurrences),
        name=info.name or "",
        vendor=info.manufacturer or "",
        model=info.model or "",
        firmware=firmware if firmware[:1].isdigit() else "",
    )


MEASURED_TOO = frozenset({"battery", "carbon_monoxide", "gas", "moisture", "power"})
"""Quantities that exist as a number and as yes or no: the yes or no goes by `battery_state`."""

_QUANTITIES = {"dew_point": "temperature", "mass": "weight", "mass_non_stabilized": "weight"}
_UNITS = {"dBa": "dBA", "€": "EUR", "$": "USD", "ft³/m": "ft³/min", "BTU/(h×ft²)": "BTU/(h⋅ft²)"}


def _measured(quantity: str, unit: str, value: Value) -> Mapping[str, Any]:
    """What a sensor's value is, from the library's device class and unit."""
    if isinstance(value, str):
        return _told(quantity_for(quantity, "", Kind.TEXT), "", Kind.TEXT)
    if isinstance(value, bool):
        return _told(quantity_for(quantity, "", Kind.SWITCH), "", Kind.SWITCH)
    unit = canonical(_UNITS.get(unit, unit))
    quantity = _QUANTITIES.get(quantity, quantity)
    if quantity == "volatile_organic_compounds" and unit in ("ppm", "ppb"):
        quantity += "_parts"
    return _told(quantity_for(quantity, unit), unit, Kind.NUMBER)


def _told(quantity: str, unit: str, kind: Kind) -> Mapping[str, Any]:
    """A point as it stands in an announcement."""
    return {"quantity": quantity, "unit": unit, "kind": kind.value}


def _value(native: Any) -> Value | None:
    """A library's value as one of ours, or None for "not available"."""
    if native is None or isinstance(native, bool | int):
        return native
    if isinstance(native, float):
        return native if math.isfinite(native) else None
    if isinstance(native, str):
        return str(native)[:200]
    if hasattr(native, "isoformat"):
        return str(native.isoformat())
    try:
        return float(native)
    except (TypeError, ValueError):
        return None


def _key(where: Any) -> str:
    """Key of a point from a library's key: `temperature`, `temperature_2` for a second probe."""
    text = f"{where.key}_{where.device_id}" if where.device_id else str(where.key)
    return "".join(char if char.isalnum() else "_" for char in text.lower())[:80]
