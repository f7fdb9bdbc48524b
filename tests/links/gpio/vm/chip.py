"""An MCP2221A on a USB gadget, as far as the kernel's hid-mcp2221 uses it for its four pins: that driver then makes a
real /dev/gpiochip of it.

Knowledge: Microchip DS20005565, sections 3.1.11 (set GPIO, 0x50), 3.1.12 (get GPIO, 0x51), 3.1.1 (status, 0x10).

    0x50 . [change value, value, change direction, direction] * 4        0x51 -> 0x51 0 [value, direction] * 4
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

GADGET = Path("/sys/kernel/config/usb_gadget/mcp2221")
REPORTS = bytes.fromhex("0600ff0901a101150026ff007508954009018102954009019102c0")
"""HID report descriptor: 64 bytes in, 64 bytes out, of the vendor's own."""
OUT, IN = 0, 1


class Chip:
    """The chip's side of the wire: what is on its pins, and what happened to them."""

    def __init__(self) -> None:
        self.directions = [IN] * 4
        self.levels = [0] * 4
        self.history: list[tuple[int, str, int]] = []
        """(pin, "direction" | "level", value)"""
        self._plug_in()
        self._wire = os.open("/dev/hidg0", os.O_RDWR)
        threading.Thread(target=self._answer, daemon=True).start()

    def _plug_in(self) -> None:
        for folder in ("strings/0x409", "configs/c.1", "functions/hid.usb0"):
            (GADGET / folder).mkdir(parents=True)
        for file, text in (("idVendor", "0x04d8"), ("idProduct", "0x00dd"), ("strings/0x409/serialnumber", "0001")):
            (GADGET / file).write_text(text)
        function = GADGET / "functions/hid.usb0"
        for file, text in (("protocol", "0"), ("subclass", "0"), ("report_length", "64")):
            (function / file).write_text(text)
        (function / "report_desc").write_bytes(REPORTS)
        (GADGET / "configs/c.1/hid.usb0").symlink_to(function)
        (GADGET / "UDC").write_text(next(Path("/sys/class/udc").iterdir()).name)

    def _answer(self) -> None:
        while True:
            asked = os.read(self._wire, 64)
            os.write(self._wire, self.answer(asked).ljust(64, b"\0"))

    def answer(self, asked: bytes) -> bytes:
        if asked[0] == 0x50:
            return self._set(asked)
        if asked[0] == 0x51:
            value_first = not os.uname().release.startswith("6.1.")  # Linux 6.1 reads the two the other way round
            pairs = zip(*(self.levels, self.directions)[:: 1 if value_first else -1], strict=True)
            return bytes([0x51, 0, *(byte for pair in pairs for byte in pair)])
        return bytes([asked[0], 0, 0, 0x20])

    def _set(self, asked: bytes) -> bytes:
        for pin in range(4):
            change_level, level, change_direction, direction = asked[2 + 4 * pin : 6 + 4 * pin]
            if change_direction:
                self.directions[pin] = direction
                self.history.append((pin, "direction", direction))
            if change_level:
                self.levels[pin] = level
                self.history.append((pin, "level", level))
        return bytes([0x50, 0]) + asked[2:18]
