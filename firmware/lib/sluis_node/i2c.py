"""What parts on an I2C bus have in common: questions and answers, checks, and what is said when a chip is silent.

Source: NXP UM10204 rev 7 (a stuck bus: 3.1.16).
"""

from sluis_node.part import Fault, Part

try:
    from typing import Any
except ImportError:  # a node has no typing
    pass

CLOCKS = 9
"""So many pulses of the clock end whatever a chip was just saying (UM10204, 3.1.16)."""


class I2cPart(Part):
    """A part with one address. Its `FIELDS` have `bus`, and `address` where the chip has a choice of them."""

    CHECK = (
        "Are its four wires at the right pins, does it have 3.3 V, and are there pull-ups (4.7 kOhm) on both wires of "
        "the bus? Is its address jumper as `address` says?"
    )

    def start(self) -> None:
        self._bus = self.buses[self.settings["bus"]]["open"]
        self._at = int(self.address(self.settings), 16)

    def where(self) -> str:
        return "%s, address %s" % (super().where(), self.address(self.settings))

    # -- the wire -----------------------------------------------------------------------------------------

    def tell(self, data: bytes) -> None:
        try:
            self._bus.writeto(self._at, data)
        except OSError:
            raise self._silent() from None

    def hear(self, size: int) -> bytes:
        try:
            return self._bus.readfrom(self._at, size)
        except OSError:
            raise self._silent() from None

    def registers(self, first: int, size: int) -> bytes:
        """`size` registers from `first` on."""
        try:
            return self._bus.readfrom_mem(self._at, first, size)
        except OSError:
            raise self._silent() from None

    def words(self, count: int) -> "list[int]":
        """Words of 16 bits as Sensirion's chips send them: the high byte first, a CRC behind each."""
        data = self.hear(3 * count)
        found = []
        for at in range(0, 3 * count, 3):
            if crc8(data[at : at + 2]) != data[at + 2]:
                raise Fault("the sensor's answer is damaged (CRC): are the wires too long, or beside a power cable?")
            found.append(data[at] << 8 | data[at + 1])
        return found

    def _silent(self) -> Fault:
        """Why nothing answers, as far as it can be seen from here."""
        bus: "dict[str, Any]" = self.buses[self.settings["bus"]]
        stuck = held_low(bus)
        if stuck:
            bus.pop("open", None)  # opened anew, which frees it if that can be done
            return Fault(stuck)
        try:
            others = ", ".join("0x%02x" % each for each in self._bus.scan())
        except OSError:
            others = ""
        there = "answering there: " + others if others else "the bus is silent altogether"
        return Fault("nothing answers at address 0x%02x; %s" % (self._at, there))


def held_low(bus: "dict[str, Any]") -> str:
    """A sentence when a wire of an idle bus is low, else ""."""
    from machine import Pin

    for wire in ("sda", "scl"):
        if not Pin(bus[wire]).value():
            return "the bus is stuck: GPIO%s (%s) stays low: a short circuit, no pull-up, or a chip that hangs" % (
                bus[wire],
                wire.upper(),
            )
    return ""


def free(sda: "Any", scl: "Any") -> None:
    """Clock a chip that hangs in the middle of an answer until it lets go of the data wire."""
    from machine import Pin

    sda.init(Pin.IN, Pin.PULL_UP)
    if sda.value():
        return
    scl.init(Pin.OPEN_DRAIN, Pin.PULL_UP, value=1)
    for _ in range(CLOCKS):
        scl.value(0)
        scl.value(1)
        if sda.value():
            break


def crc8(data: bytes) -> int:
    """Sensirion's: polynomial 0x31, from 0xFF, nothing reflected. Of BE EF it is 92 (SHT4x data sheet, 4.4)."""
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x31 if crc & 0x80 else crc << 1) & 0xFF
    return crc
