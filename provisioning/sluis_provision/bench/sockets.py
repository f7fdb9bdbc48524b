"""Ports that may have a board on them, and the flasher for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from sluis_provision.bench.job import Socket
from sluis_provision.flashers import Esp, Flasher, Repl, Uf2
from sluis_provision.flashers.drives import OnUsb, Whereabouts, by_name, drives
from sluis_provision.images.profiles import Profile

Seen = tuple[str, int, str]
"""Device file, USB vendor, place."""

VENDORS = {
    "esp": {0x303A, 0x10C4, 0x1A86, 0x0403},
    "rp2": {0x2E8A},
}
"""Who makes the USB end of a board: Espressif itself, Silicon Labs (CP210x), WCH (CH34x), FTDI; Raspberry Pi. An
adapter of the middle three may as well be a meter's: nothing is written before the chip has said what it is and a
person agreed."""


def boards_among(seen: Iterable[Seen], family: str) -> list[Socket]:
    """The ports that may have a board of this family."""
    found = [Socket(device, place) for device, vendor, place in seen if vendor in VENDORS[family]]
    if family == "rp2":
        found += [Socket(str(folder), place) for folder, place in drives()]
    return found


def named(ports: Sequence[str], seen: Iterable[Seen]) -> list[Socket]:
    """The ports a person named, each once, with their place where it is known."""
    places = {device: place for device, _, place in seen}
    return [Socket(port, places.get(str(Path(port).resolve()), "")) for port in dict.fromkeys(ports)]


def flasher(socket: Socket, profile: Profile) -> Flasher:
    """Who writes a board of this profile on this port."""
    if profile.family == "esp":
        return Esp(socket.port)
    files = (profile.file_system.at, profile.file_system.size)
    return Uf2(whereabouts(socket), name=socket.port, file_system=files)


def file_flasher(socket: Socket) -> Flasher:
    """Who puts files on the board there, once it runs MicroPython."""
    return Repl(whereabouts(socket).look().port or socket.port)


def whereabouts(socket: Socket) -> Whereabouts:
    """The board in this USB socket; a drive or port that is in none is taken as it was named."""
    place = socket.place.partition(":")[0] or dict(drives()).get(Path(socket.port), "")
    return OnUsb(place) if place else by_name(socket.port)


def is_back(socket: Socket, profile: Profile) -> bool:
    """Whether a board that was unplugged is there again. One with a drive may come back as that, or as another port."""
    if "://" in socket.port:
        return False
    if Path(socket.port).exists():
        return True
    spot = whereabouts(socket).look()
    return profile.family == "rp2" and (spot.drive is not None or spot.port != "")
