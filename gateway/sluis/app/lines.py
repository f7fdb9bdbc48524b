"""The links of this gateway, made from its settings. A new kind of link gets its lines here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from sluis.app.config import Settings
from sluis.intake.ports import FrameLink
from sluis.links.browse import BrowseLink
from sluis.links.cec import CecLink
from sluis.links.esphome import EsphomeLink
from sluis.links.health import LinkHealth
from sluis.links.kernel.link import KernelLink
from sluis.links.knx import KnxLink
from sluis.links.mqtt import MqttLink
from sluis.links.net import NetLink
from sluis.links.serial import SerialLink
from sluis.links.serial.finding import Memory
from sluis.model import ConfigError
from sluis.runtime import Clock, Step


class Line(FrameLink, Protocol):
    """A link as the composition root handles it."""

    def on_change(self, listener: Callable[[bool, str], None]) -> None: ...

    def on_step(self, listener: Callable[[Step], None]) -> None: ...

    def record(self, file: Path | None) -> None: ...

    async def run(self) -> None: ...

    def health(self) -> LinkHealth: ...


def build_links(settings: Settings, mqtt: MqttLink, clock: Clock, memory: Path | None = None) -> dict[str, Line]:
    """All links by name, the broker's first. `memory` is the file in which the serial ports' adapters are kept."""
    links: list[Line] = [mqtt, NetLink(settings.net, clock), EsphomeLink(settings.esphome, clock)]
    links += serial_links(settings, clock, memory)
    links += ble_links(settings, clock)
    links += [BrowseLink(clock)] if settings.mdns.browse else []
    links += [KnxLink(one, clock) for one in settings.knx]
    links += gpio_links(settings, clock)
    links += [CecLink(one, clock) for one in settings.cec]
    if settings.kernel.enabled:
        links.append(KernelLink(settings.kernel, clock))
    named = {link.name: link for link in links}
    if len(named) < len(links):
        raise ConfigError("two links have the same name", where=", ".join(sorted(link.name for link in links)))
    return named


def serial_links(settings: Settings, clock: Clock, memory: Path | None) -> list[Line]:
    """A link for each serial port."""
    known = Memory(memory)
    return [SerialLink(one, clock, known) for one in settings.serial]


def ble_links(settings: Settings, clock: Clock) -> list[Line]:
    """A link for each Bluetooth adapter. Its library is loaded only where there is one: it costs some 3 MB."""
    if not settings.ble:
        return []
    from sluis.links.ble.link import BleLink

    return [BleLink(one, clock) for one in settings.ble]


def gpio_links(settings: Settings, clock: Clock) -> list[Line]:
    """The header's pins, where some are reserved."""
    if not settings.gpio.pin:
        return []
    from sluis.links.gpio.link import GpioLink

    return [GpioLink(settings.gpio, settings.data_dir / "gpio", clock)]
