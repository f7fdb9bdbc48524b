"""Where an RP2040 or RP2350 is now: the drive it shows in BOOTSEL, or the serial port it has when it runs.

Both hang on the same USB socket, and that is how a board is followed through its restarts; names such as `ttyACM0`
change hands when several boards restart at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

INFO = "INFO_UF2.TXT"
COPIED_AS = "sluis.uf2"
"""What an image is called on the drive."""
BESIDE = ".bootsel"
"""Ending of the folder beside a port that is the drive of the board on it: a fixture's, a virtual board's."""
BOARDS = {"RPI-RP2": "rp2040", "RP2350": "rp2350"}
"""Board-ID in INFO_UF2.TXT -> chip (RP2040 datasheet 2.8.4.1, RP2350 datasheet 5.5)."""
USB_PART = re.compile(r"\d+-([\d.]+)(?::[\d.]+)?")


@dataclass(frozen=True, slots=True)
class Spot:
    """The board in one place."""

    drive: Path | None = None
    """Its BOOTSEL drive, when it is there."""
    port: str = ""
    """Its serial port, when it is there."""


class Whereabouts(Protocol):
    """Follows one board."""

    def look(self) -> Spot:
        """Where it is at this moment."""


class Named:
    """A board whose drive and port a person named."""

    def __init__(self, drive: Path | None = None, port: str = "") -> None:
        self._drive = drive
        self._port = port

    def look(self) -> Spot:
        drive = self._drive if self._drive is not None and is_drive(self._drive) else None
        port = self._port if "://" in self._port or (self._port and Path(self._port).exists()) else ""
        return Spot(drive, port)


def by_name(name: str) -> Named:
    """The board on a port that is in no USB socket, or of a drive: with the other of both where it lies beside it."""
    if name.endswith(BESIDE):
        return Named(Path(name), name.removesuffix(BESIDE))
    if "://" not in name and Path(name).is_dir():
        return Named(Path(name))
    return Named(None if "://" in name else Path(name + BESIDE), name)


class OnUsb:
    """The board in one USB socket: `CONTROLLER/1.3`."""

    def __init__(self, socket: str, mounts: Path = Path("/proc/self/mounts"), sys: Path = Path("/sys")) -> None:
        self._socket = socket
        self._mounts = mounts
        self._sys = sys

    def look(self) -> Spot:
        drive = next((path for path, place in drives(self._mounts, self._sys) if place == self._socket), None)
        return Spot(drive, self._tty())

    def _tty(self) -> str:
        try:
            names = sorted(one.name for one in (self._sys / "class" / "tty").iterdir() if one.name.startswith("tty"))
        except OSError:
            return ""
        for name in names:
            if usb_socket(self._sys / "class" / "tty" / name) == self._socket and Path("/dev", name).exists():
                return f"/dev/{name}"
        return ""


def drives(mounts: Path = Path("/proc/self/mounts"), sys: Path = Path("/sys")) -> list[tuple[Path, str]]:
    """Mounted BOOTSEL drives and their USB socket."""
    try:
        rows = [line.split() for line in mounts.read_text().splitlines()]
    except OSError:
        return []
    folders = [(row[0], Path(row[1].encode().decode("unicode_escape"))) for row in rows if row[0].startswith("/dev/")]
    return [
        (path, usb_socket(sys / "class" / "block" / Path(device).name)) for device, path in folders if is_drive(path)
    ]


def unmounted(labels: Path = Path("/dev/disk/by-label")) -> list[Path]:
    """Drives that are plugged in and mounted nowhere, when one is needed and none is found."""
    return [labels / name for name in BOARDS if (labels / name).exists()]


def is_drive(folder: Path) -> bool:
    try:
        return (folder / INFO).is_file()
    except OSError:
        return False


def chip_of(drive: Path) -> str:
    """The chip whose drive this is; "" for another maker's UF2 loader."""
    try:
        said = (drive / INFO).read_text(errors="replace")
    except OSError:
        return ""
    found = re.search(r"^Board-ID:\s*(\S+)", said, re.M)
    return BOARDS.get(found[1], "") if found else ""


def usb_socket(node: Path) -> str:
    """`CONTROLLER/PORT.PORT` of what a link in sysfs leads to; "" when it is not on USB."""
    try:
        parts = node.resolve(strict=True).parts
    except OSError:
        return ""
    bus = next((at for at, part in enumerate(parts) if re.fullmatch(r"usb\d+", part)), None)
    ways = [found[1] for part in parts if (found := USB_PART.fullmatch(part))]
    return f"{parts[bus - 1]}/{ways[-1]}" if bus and ways else ""
