"""Which port a setting means: the same adapter as last time, wherever the kernel numbered it, or none at all.

What a setting led to is remembered. A name of the kernel (`/dev/ttyUSB0`) or of udev then means *that adapter*; another
one that appears under the same name is refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from sluis.links.files import write_whole
from sluis.links.serial.ports import Found, UsbId, usb_ports
from sluis.links.serial.problem import PortProblem
from sluis.links.serial.settings import SerialSettings

KEPT = {"port", *(field.name for field in fields(UsbId))}


class Memory:
    """Which adapter each link was found to have, in one file: {link: {"port": setting, vendor, product, ...}}."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._held: dict[str, dict[str, Any]] = _read(file) if file is not None and file.exists() else {}

    def recall(self, link: str, port: str) -> UsbId | None:
        """The adapter that this setting led to; None where it is new or has been changed."""
        held = self._held.get(link)
        if held is None or held.get("port") != port:
            return None
        return UsbId(held["vendor"], held["product"], held["serial"], held["place"])

    def keep(self, link: str, port: str, usb: UsbId) -> None:
        said = {"port": port, **asdict(usb)}
        if self._held.get(link) != said:
            self._held[link] = said
            if self._file is not None:
                write_whole(self._file, json.dumps(self._held, indent=1))


def _read(file: Path) -> dict[str, dict[str, Any]]:
    """What is sound in the file; the rest is found anew."""
    try:
        held = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    entries = held.items() if isinstance(held, dict) else ()
    return {link: one for link, one in entries if isinstance(one, dict) and set(one) == KEPT}


class Finder:
    """Finds the port of one link."""

    def __init__(
        self, settings: SerialSettings, memory: Memory, ports: Callable[[], Sequence[Found]] = usb_ports
    ) -> None:
        self._settings = settings
        self._memory = memory
        self._ports = ports

    def find(self) -> Found:
        """The port, as it is now. PortProblem when it is missing, ambiguous or swapped."""
        settings = self._settings
        if settings.remote:
            return Found(settings.port)
        ports = self._ports()
        known = self._memory.recall(settings.name, settings.port)
        found = _known(known, ports, settings) if known else _first(settings.port, ports)
        if found.usb is not None:
            self._memory.keep(settings.name, settings.port, found.usb)
        return found


def _first(port: str, ports: Sequence[Found]) -> Found:
    """What a setting means that was never looked up before."""
    if port.startswith("usb:"):
        return _only(port, [one for one in ports if one.usb is not None and _means(port, one.usb)])
    device = os.path.realpath(port)
    if not Path(device).exists():
        raise PortProblem("missing", f"{port} is not there", hint="Is it plugged in?")
    return next((one for one in ports if one.device == device), Found(device))


def _means(port: str, usb: UsbId) -> bool:
    """Whether `usb:VID:PID[:SERIAL][@PLACE]` means this adapter. ConfigError-free: what is no number fits nothing."""
    kind, _, place = port.removeprefix("usb:").partition("@")
    vendor, _, rest = kind.partition(":")
    product, colon, serial = rest.partition(":")
    fits = (vendor.lower(), product.lower()) == (f"{usb.vendor:04x}", f"{usb.product:04x}")
    return fits and (not colon or serial == usb.serial) and (not place or place == usb.place)


def _only(port: str, fitting: Sequence[Found]) -> Found:
    if not fitting:
        raise PortProblem("missing", f"no adapter {port} is plugged in")
    if len(fitting) > 1:
        places = ", ".join(f"{one.usb.text}@{one.usb.place}" for one in fitting if one.usb)
        raise PortProblem("ambiguous", f"{len(fitting)} adapters fit {port}", hint=f"Name one of: {places}")
    return fitting[0]


def _known(known: UsbId, ports: Sequence[Found], settings: SerialSettings) -> Found:
    """The adapter that was found before."""
    equal = [one for one in ports if one.usb is not None and one.usb.same_adapter(known)]
    same_place = [one for one in equal if one.usb is not None and one.usb.place == known.place]
    if same_place:
        return same_place[0]
    if known.serial:
        moved = [one for one in equal if one.usb is not None and one.usb.interface == known.interface]
        if len(moved) == 1:
            return moved[0]  # in another socket; its serial number says that it is the one
        if moved:
            return _only(known.text, moved)
    return _instead(known, ports, settings)


def _instead(known: UsbId, ports: Sequence[Found], settings: SerialSettings) -> Found:
    """Ours is gone. Another of its kind may stand in where that was allowed; else it is said what is there."""
    there = next((one for one in ports if one.usb is not None and one.usb.place == known.place), None)
    kind = [one for one in ports if one.usb and (one.usb.vendor, one.usb.product) == (known.vendor, known.product)]
    if there is not None and there.usb is not None:
        if settings.replaceable and there in kind:
            return there
        raise PortProblem(
            "swapped",
            f"another adapter is plugged in where {known.text} was: {there.usb.text} {there.words}".rstrip(),
            hint="Plug the right one in, or name the new one in the setting `port`.",
        )
    if not known.serial and kind:
        places = ", ".join(one.usb.place for one in kind if one.usb)
        raise PortProblem(
            "swapped",
            f"an adapter {known.text} is in another socket ({places}), and has no serial number to know it by",
            hint=f'Plug it in at {known.place}, or set port = "{known.text}@PLACE".',
        )
    raise PortProblem("missing", f"the adapter {known.text} is not plugged in")
