"""What may be wired to which pin of a board. Pure; only imported while a configuration is checked.

The same facts as in firmware/boards/*.toml, which say where they come from; a test compares the two.
"""

try:
    from typing import Any
except ImportError:  # a node has no typing
    pass

_PICO = "rp2", "0-22 26-28", "", "LED", "23-25 29 are the radio's"
BOARDS = {
    "pico-w": _PICO,
    "pico-2-w": _PICO,
    "esp32": (
        "esp",
        "4 13 14 16-19 21-23 25-27 32-36 39",
        "34-36 39",
        "2",
        "0 2 5 12 15 decide how the chip starts; 1 3 are the console",
    ),
    "esp32-s3": (
        "esp",
        "1 2 4-18 21 38-42 47 48",
        "",
        "",
        "0 3 45 46 decide how the chip starts; 19 20 are USB; 35-37 are the flash's; 43 44 are the console",
    ),
    "esp32-c3": (
        "esp",
        "0 1 3-7 10",
        "",
        "",
        "2 8 9 decide how the chip starts; 18 19 are USB; 20 21 are the console",
    ),
}
"""Family, free pins, those of them that can only be read, the name of the lamp, and what is better left alone."""


class Board:
    """What is known of a board; of one that is not known, nothing, and all its pins are free."""

    def __init__(self, key: str) -> None:
        self.known = key in BOARDS
        self.key = key
        self.family, free, read_only, self.led, avoid = BOARDS.get(key, ("", "", "", "", ""))
        self.free = numbers(free)
        self.read_only = numbers(read_only)
        self.avoid: "dict[int, str]" = {}
        for clause in avoid.split(";"):
            for pin in numbers(clause):
                self.avoid[pin] = clause.strip()

    def wrong(self, pin: "Any", out: bool, risky: bool) -> str:
        """Why a pin cannot be used, as the end of a sentence; "" when it can."""
        number = plain(pin)
        if not self.known or pin == self.led or str(number) == self.led:
            return ""
        if isinstance(number, str):
            return "is no pin of the board %s: give its number" % self.key
        if number in self.avoid and not risky:
            return "should not be used on the board %s (%s); `risky_pins` allows it" % (self.key, self.avoid[number])
        if number not in self.free and number not in self.avoid:
            return "is no pin of the board %s" % self.key
        if out and number in self.read_only:
            return "can only be read on the board %s" % self.key
        return ""

    def bus_wrong(self, bus: "dict[str, Any]") -> "tuple[str, str] | None":
        """(field, what) when these pins are not those of the chip's I2C number `id`: RP2040 data sheet, table 2."""
        if self.family == "rp2" and bus.get("id") is not None:
            for field, offset in (("sda", 0), ("scl", 1)):
                pin = plain(bus.get(field))
                if isinstance(pin, int) and pin % 4 != 2 * bus["id"] + offset:
                    return field, "cannot be pin %s on I2C%d: leave `id` out, or take a pin of it" % (pin, bus["id"])
        return None

    def clock(self, pin: "Any") -> "int | None":
        """Which clock for pulses drives a pin; pins of one clock have one frequency (RP2040 data sheet, 4.5.2)."""
        number = plain(pin)
        return number // 2 % 8 if self.family == "rp2" and isinstance(number, int) else None

    def channel(self, pin: "Any") -> "int | None":
        """Pins with the same one cannot be driven apart."""
        number = plain(pin)
        return number % 16 if self.family == "rp2" and isinstance(number, int) else None


def plain(pin: "Any") -> "Any":
    """The number of a pin that is written as `GP4` or `GPIO4`; anything else as it is."""
    if isinstance(pin, str):
        for prefix in ("GPIO", "GP"):
            if pin.startswith(prefix) and pin[len(prefix) :].isdigit():
                return int(pin[len(prefix) :])
    return pin


def numbers(text: str) -> "list[int]":
    """All of `0-22 26`; words are passed over."""
    found: "list[int]" = []
    for word in text.split():
        first, _, last = word.partition("-")
        if first.isdigit():
            found += range(int(first), int(last or first) + 1)
    return found
