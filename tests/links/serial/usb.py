"""A part of sysfs as Linux 6 lays it out: USB adapters with their ports, on a Pi 4 and on a PC."""

from __future__ import annotations

from pathlib import Path

PI = "devices/platform/scb/fd500000.pcie/pci0000:00/0000:00:00.0/0000:01:00.0"


def plug(
    sys: Path,
    tty: str,
    where: str,
    kind: tuple[int, int],
    *,
    serial: str = "",
    maker: str = "",
    model: str = "",
    interface: str = "1.0",
    port_number: int | None = 0,
    controller: str = PI,
    bus: int = 1,
) -> Path:
    """Plug an adapter into `where` (`1.3`: port 3 of the hub in port 1); its folder in sysfs. `port_number` is None for
    CDC ACM, whose tty hangs on the interface itself."""
    folder = sys / controller / f"usb{bus}"
    for depth in range(1, where.count(".") + 1):
        folder /= f"{bus}-{'.'.join(where.split('.')[:depth])}"
    adapter = folder / f"{bus}-{where}"
    node = adapter / f"{bus}-{where}:{interface}"
    node.mkdir(parents=True)
    for name, text in (("idVendor", f"{kind[0]:04x}"), ("idProduct", f"{kind[1]:04x}"), ("busnum", str(bus))):
        (adapter / name).write_text(text + "\n")
    (adapter / "devnum").write_text("7\n")
    for name, text in (("serial", serial), ("manufacturer", maker), ("product", model)):
        if text:
            (adapter / name).write_text(text + "\n")
    (node / "bInterfaceNumber").write_text("00\n")
    if port_number is not None:
        node /= tty
        node.mkdir()
        (node / "port_number").write_text(f"{port_number}\n")
    shown = node / "tty" / tty
    shown.mkdir(parents=True)
    (shown / "device").symlink_to(node)
    listed = sys / "class" / "tty"
    listed.mkdir(parents=True, exist_ok=True)
    (listed / tty).symlink_to(shown)
    return adapter
