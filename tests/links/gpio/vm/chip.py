"""A CP2112 by way of the kernel's uhid, as far as the kernel's hid-cp2112 uses it for its eight pins: that driver then
makes a real /dev/gpiochip of it, with edge events (it looks at the pins some 25 times a second for them).

Knowledge: Silicon Labs AN495, *CP2112 Interface Specification*, section 5 (feature reports); Linux, uapi/linux/uhid.h.

    02 DD PP SS CC  configuration: direction (1 is out), push-pull, special functions, clock divider
    03 LL           get the levels
    04 LL MM        set those levels that are in the mask
"""

from __future__ import annotations

import os
import struct
import threading

VENDOR, PRODUCT, BUS_USB = 0x10C4, 0xEA90, 3
REPORTS = bytes.fromhex("0600ff0901a101150026ff007508954009018102954009019102c0")
"""HID report descriptor: 64 bytes in, 64 bytes out, of the vendor's own."""
OUT, IN = 1, 0
CONFIGURATION, GET, SET = 0x02, 0x03, 0x04

CREATE, GET_REPORT, GET_REPLY, SET_REPORT, SET_REPLY = 11, 9, 10, 13, 14
"""Types of uhid's events; each begins with its type as 32 bits in the machine's own order."""


class Chip:
    """The chip's side of the wire: what is on its pins, and what happened to them."""

    def __init__(self) -> None:
        self.directions = [IN] * 8
        self.levels = [0] * 8
        self.looks = 0
        """How often the levels were asked for."""
        self._wire = os.open("/dev/uhid", os.O_RDWR)
        names = b"CP2112 HID USB-to-SMBus Bridge".ljust(128, b"\0") + bytes(64) + b"0001".ljust(64, b"\0")
        kind = struct.pack("=HHIIII", len(REPORTS), BUS_USB, VENDOR, PRODUCT, 0, 0)
        os.write(self._wire, struct.pack("=I", CREATE) + names + kind + REPORTS.ljust(4096, b"\0"))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            event = os.read(self._wire, 4376)
            [kind] = struct.unpack_from("=I", event)
            if kind == GET_REPORT:
                asked, report = struct.unpack_from("=IB", event, 4)
                said = self._get(report).ljust(64, b"\0")
                os.write(self._wire, struct.pack("=IIHH", GET_REPLY, asked, 0, len(said)) + said)
            elif kind == SET_REPORT:
                asked, _, _, size = struct.unpack_from("=IBBH", event, 4)
                self._set(event[12 : 12 + size])
                os.write(self._wire, struct.pack("=IIH", SET_REPLY, asked, 0))

    def _get(self, report: int) -> bytes:
        if report == GET:
            self.looks += 1
            return bytes([GET, _bits(self.levels)])
        if report == CONFIGURATION:
            return bytes([CONFIGURATION, _bits(self.directions)])
        return bytes([report])

    def _set(self, said: bytes) -> None:
        if said[0] == CONFIGURATION:
            self.directions[:] = [said[1] >> pin & 1 for pin in range(8)]
        elif said[0] == SET:
            for pin in range(8):
                if said[2] >> pin & 1 and self.directions[pin] == OUT:
                    self.levels[pin] = said[1] >> pin & 1


def _bits(pins: list[int]) -> int:
    return sum(level << pin for pin, level in enumerate(pins))
