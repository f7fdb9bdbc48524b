"""DS18B20 and its relatives (DS18S20, DS1822, DS1825, DS28EA00) on the kernel's 1-Wire bus.

Knowledge: Linux, Documentation/w1/slaves/w1_therm.rst and Documentation/ABI/testing/sysfs-driver-w1_therm; Maxim
DS18B20 datasheet 19-7487 rev 6, table 1 and figure 9.

    {"w1_slave": "72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\\n72 01 4b 46 7f ff 0e 10 57 t=23125"}
                  TT TT             R     C            V                                    t
    T  temperature register      R  0x0c after power-on, another value after a measurement      C  check byte
    V  whether the check was right, by the kernel's own reckoning                t  temperature, 1/1000 °C
    {"temperature": "23125"}     from kernels that have no w1_slave; it was checked there

What is no temperature: a wrong check; nine zero bytes (a line held low: their check is right); 127.94 °C and all ones
(no power for the conversion); 85.00 °C with R = 0x0c (the sensor was without power and has not measured since).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sluis.sdk import (
    About,
    Announcement,
    BadChecksum,
    Decoded,
    Driver,
    Frame,
    Grade,
    Implausible,
    LinkMatch,
    Point,
    Quality,
    Truncated,
)
from sluis_drivers.kernel.common import announced, every_s, files_of, number, trouble

MODELS = {"10": "DS18S20", "22": "DS1822", "28": "DS18B20", "3b": "DS1825", "42": "DS28EA00"}
LINES = re.compile(r"((?:[0-9a-f]{2} ){9}): crc=([0-9a-f]{2}) (YES|NO)\s+(?:[0-9a-f]{2} ){9}t=(-?\d{1,7})", re.ASCII)
POWER_ON = 85_000
NOT_MEASURED = 0x0C


class Thermometer(Driver):
    about = About(
        key="ds18b20",
        vendor="Maxim",
        models=tuple(MODELS.values()),
        match=LinkMatch(filters=("w1/+/about",), kinds=("kernel",)),
        sources=("Linux Documentation/w1/slaves/w1_therm.rst", "Maxim DS18B20 datasheet 19-7487 rev 6"),
        grade=Grade.BRONZE,
    )

    temperature = Point("temperature", "°C", minimum=-55, maximum=125)

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Announcement]:
        family = frame.source.removeprefix("w1/")[:2].lower()
        return announced(frame, "Maxim", MODELS.get(family, "1-Wire thermometer"))

    def points(self) -> Iterable[Point]:
        return (self.temperature.named("temperature", every_s=every_s(self.description, 30)),)

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        said = files_of(self.native_id, frame)
        problem = trouble(said)
        if problem is not None:
            yield problem
            return
        if "w1_slave" in said:
            yield self._of_scratchpad(str(said["w1_slave"]))
            return
        milli = number(said.get("temperature"))
        # Without the register nobody can tell a power-on from a hot day.
        yield self.temperature(milli / 1000, Quality.UNCERTAIN if milli == POWER_ON else Quality.GOOD)

    def _of_scratchpad(self, text: str) -> Decoded:
        found = LINES.match(text)
        if found is None:
            raise Truncated(f"{text[:60]!r} is not what the kernel writes")
        register = bytes.fromhex(found[1])
        if found[3] == "NO":
            raise BadChecksum(f"check {found[2]} is wrong: a bad contact, or a cable that is too long")
        if not any(register) or set(register) == {0xFF}:
            raise Implausible("the line is held at one level: look for a short circuit")
        milli = int(found[4])
        if milli == POWER_ON and register[6] == NOT_MEASURED and self.native_id[3:5].lower() != "10":
            raise Implausible("85 °C after power-on: the sensor lost its power and has not measured since")
        if not -55_000 <= milli <= 125_000:
            raise Implausible(f"{milli / 1000:g} °C: no power while it measured")
        return self.temperature(milli / 1000)
