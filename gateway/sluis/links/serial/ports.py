"""The serial ports of this machine and what they are, from sysfs (Linux, Documentation/ABI/testing/sysfs-bus-usb and
the layout of /sys/class/tty): an adapter is known by vendor, product, serial number and the socket it is plugged into.
The number in `ttyUSB0` says nothing; it changes with the order of plugging.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SYS = Path("/sys")
DEV = Path("/dev")


@dataclass(frozen=True, slots=True)
class UsbId:
    """What an adapter says of itself, and where it is plugged in."""

    vendor: int
    product: int
    serial: str = ""
    """"" for an adapter that has none (many CH340)."""
    place: str = ""
    """The socket, through all hubs, and the port on the adapter: `0000:01:00.0/1.3:1.0`."""

    def same_adapter(self, other: UsbId) -> bool:
        """Whether vendor, product and serial number are equal."""
        mine, theirs = (self.vendor, self.product, self.serial), (other.vendor, other.product, other.serial)
        return mine == theirs

    @property
    def text(self) -> str:
        """As in the setting `port`."""
        return f"usb:{self.vendor:04x}:{self.product:04x}" + (f":{self.serial}" if self.serial else "")

    @property
    def interface(self) -> str:
        """The part of `place` that tells the ports of one adapter apart."""
        return self.place.partition("/")[2].partition(":")[2]


@dataclass(frozen=True, slots=True)
class Found:
    """A port that is there now."""

    device: str
    """What to open."""
    usb: UsbId | None = None
    """None for a port that is no USB adapter: a UART of the board, a pseudo terminal."""
    words: str = ""
    """Maker and model as the adapter says them."""
    reset_path: Path | None = None
    """The USB device in sysfs."""


def usb_ports(sys: Path = SYS, dev: Path = DEV) -> list[Found]:
    """All USB serial ports, in order of their place."""
    found = []
    try:
        names = sorted(entry.name for entry in (sys / "class" / "tty").iterdir())
    except OSError:
        return []
    for name in names:
        if name.startswith("tty"):
            port = _usb_port(sys / "class" / "tty" / name / "device", str(dev / name))
            if port is not None:
                found.append(port)
    return sorted(found, key=lambda port: port.usb.place if port.usb else "")


BOARD = ("ttyAMA", "ttyS", "ttyTHS", "ttymxc", "ttyO")
"""How the UARTs of boards are named."""


def board_ports(sys: Path = SYS, dev: Path = DEV) -> list[Found]:
    """The UARTs of the board itself, by name. The kernel also names ports without hardware: those are left out."""
    try:
        names = sorted(entry.name for entry in (sys / "class" / "tty").iterdir())
    except OSError:
        return []
    found = []
    for name in (one for one in names if one.startswith(BOARD)):
        tty = sys / "class" / "tty" / name
        if (tty / "device").exists() and _text(tty / "type") != "0":
            words = "console of this machine" if _text(tty / "console") == "Y" else "UART of the board"
            found.append(Found(str(dev / name), words=words))
    return found


def all_ports() -> list[Found]:
    """USB adapters first."""
    return [*usb_ports(), *board_ports()]


def _usb_port(link: Path, device: str) -> Found | None:
    """The port of a tty, when it is on USB. It may vanish while it is looked at."""
    try:
        node = link.resolve(strict=True)
        interface = node
        if not (interface / "bInterfaceNumber").exists():
            interface = node.parent  # usb-serial puts a port between tty and interface; CDC ACM does not
        adapter = interface.parent
        vendor, product = (int((adapter / name).read_text(), 16) for name in ("idVendor", "idProduct"))
        number = _text(node / "port_number")
    except (OSError, ValueError):
        return None
    place = _place(adapter, interface.name) + (f".{number}" if number not in ("", "0") else "")
    words = " ".join(filter(None, (_text(adapter / "manufacturer"), _text(adapter / "product"))))
    return Found(device, UsbId(vendor, product, _text(adapter / "serial"), place), words, adapter)


def _place(adapter: Path, interface: str) -> str:
    """`CONTROLLER/PORT.PORT:CONFIG.INTERFACE`. The number of the bus is left out: it depends on the order of start."""
    root = next((one for one in adapter.parents if one.name.startswith("usb")), None)
    controller = root.parent.name if root is not None else ""
    return f"{controller}/{interface.partition('-')[2]}"


def _text(file: Path) -> str:
    """What a small file says; "" when there is none. Adapters may say anything, so it is kept to one line."""
    try:
        return " ".join(file.read_text(errors="replace").split())
    except OSError:
        return ""
