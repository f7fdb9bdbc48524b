"""How a family's announcements are recognised among all frames of a link."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Match:
    """Frames of links of these `kinds`, whose source fits one of `filters`, may announce a device of this family: its
    `sniff` is asked. Use one of the forms below."""

    filters: tuple[str, ...] = ()
    """Source filters with + and #."""
    kinds: tuple[str, ...] = ("mqtt",)
    """Kinds of link: mqtt, ble, serial, net, gpio, kernel, knx, esphome, cec."""
    services: tuple[str, ...] = ()
    """BLE: service UUIDs (`fcd2`, or 36 characters) with data or listed in the advertisement."""
    manufacturers: tuple[int, ...] = ()
    """BLE: company identifiers in manufacturer data."""
    names: tuple[str, ...] = ()
    """BLE: local names, with * and ? as wildcards."""


@dataclass(frozen=True, slots=True)
class MqttMatch(Match):
    """On these MQTT topic filters."""


@dataclass(frozen=True, slots=True)
class BleMatch(Match):
    """Advertisements that carry one of `services`, `manufacturers` or `names`."""

    kinds: tuple[str, ...] = ("ble",)


@dataclass(frozen=True, slots=True)
class LinkMatch(Match):
    """Sources of links of these `kinds`. Without filters the family announces nothing: a person adds its devices."""
