"""`machine` for MicroPython's unix port, wired to simulated parts: what makes a virtual board of it.

Put this folder on `sys.path` and `import machine` before a flash image is mounted at `/`; the module brings `onewire`
with it and keeps its files open, so both work when the host's file system is out of sight. What is outside the chip:

    SLUIS_WORLD      file, JSON: what is wired to each pin, read again whenever it has changed in length or content
                     {"4": {"onewire": [{"part": "ds18b20", "address": "28...", "temperature": 21.5}]},
                      "20": {"i2c": {"118": {"part": "bme280", ...}}, "hangs": 5}, "17": {"level": 1, "pulses": 12},
                     "5": {"dht22": {"temperature": 21.5, "humidity": 40, "damage": false}}}
                     `pulses` counts falling edges since the start; a bus is at its data pin, which `hangs` keeps low
                     until the clock was pulsed so often; an absent pin has nothing on it and reads its pull
    SLUIS_PINS       file, JSON: what the chip drives: {"16": {"level": 1}, "17": {"hz": 50, "high_ns": 1500000},
                     "18": {"bits": "ff0000"}}; written at every change
    SLUIS_UID        the chip's number in hex           SLUIS_RESET_CAUSE   1 power, 2 hard, 3 watchdog, 5 soft
    SLUIS_WATCHDOG   file, rewritten at every feed with the watchdog's time in ms; whoever runs the VM acts on silence

A reset leaves the VM with exit code 64 (hard) or 0 (soft); whoever runs it starts it again.
"""

import asyncio
import binascii
import io
import json
import os
import sys

from umachine import *  # noqa: F403  idle, mem8 and what else the port has itself

PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5
RESET_CODE = 64

LOOK_MS = 10
"""How often the world is looked at for a pin that wakes its program."""


class _World:
    """The file of what is wired, and the file of what is driven."""

    def __init__(self):
        self._in = self._open("SLUIS_WORLD", "r")
        self._out = self._open("SLUIS_PINS", "w")
        self._text = ""
        self._pins = {}
        self.driven = {}
        self.parts = {}
        self.rises = 0

    def _open(self, name, mode):
        path = os.getenv(name)
        return io.open(path, mode) if path else None

    def text(self):
        self.at(0)
        return self._text

    def at(self, pin):
        """What is wired to a pin; an empty mapping for nothing."""
        if self._in is not None:
            self._in.seek(0)
            text = self._in.read()
            if text != self._text:
                try:
                    self._pins = json.loads(text)
                    self._text = text
                except ValueError:  # being written just now
                    pass
        return self._pins.get(str(pin), {})

    def part(self, place, told):
        """The simulated part of a place, which lives as long as it is there; told anew what its world is like."""
        held = self.parts.get(place)
        if held is None or held[0] != told["part"]:
            module = __import__("simulated." + told["part"], None, None, ("SIMULATED",))
            held = self.parts[place] = (told["part"], module.SIMULATED())
        held[1].told = told
        return held[1]

    def drive(self, pin, **how):
        if self.driven.get(str(pin)) == how:
            return
        self.driven[str(pin)] = how
        if self._out is not None:
            text = json.dumps(self.driven)
            self._out.seek(0)
            self._out.write(text + " " * 64 + "\n")
            self._out.flush()


world = _World()
_watchdog_path = os.getenv("SLUIS_WATCHDOG")
_watchdog = io.open(_watchdog_path, "w") if _watchdog_path else None


class Pin:
    IN, OUT, OPEN_DRAIN = 0, 1, 2
    PULL_UP, PULL_DOWN = 1, 2
    IRQ_FALLING, IRQ_RISING = 4, 8
    _watched = []

    def __init__(self, id, mode=-1, pull=-1, value=None):
        if not isinstance(id, (int, str)) or (isinstance(id, int) and not 0 <= id <= 48):
            raise ValueError("invalid pin")
        self.id = id
        self.init(mode, pull, value)

    def init(self, mode=-1, pull=-1, value=None):
        self._mode = mode
        self._pull = pull
        if value is not None:
            self.value(value)

    def value(self, level=None):
        wired = world.at(self.id)
        if level is None:
            if wired.get("level") is not None:
                return int(wired["level"])
            if wired.get("hangs", 0) > world.rises:
                return 0
            if self._mode == Pin.OUT:
                return world.driven.get(str(self.id), {}).get("level", 0)
            # The wires of a bus and a wire for its own have their resistors.
            return int(self._pull == Pin.PULL_UP or self._mode == -1)
        if level and self._mode == Pin.OPEN_DRAIN:
            world.rises += 1
        world.drive(self.id, level=int(bool(level)))
        return None

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    def toggle(self):
        self.value(1 - self.value())

    def irq(self, handler=None, trigger=IRQ_FALLING | IRQ_RISING):
        if not Pin._watched:
            asyncio.create_task(_look())
        Pin._watched.append([self, handler, trigger, self.value(), world.at(self.id).get("pulses", 0)])


async def _look():
    while True:
        for watched in Pin._watched:
            pin, handler, trigger, level, pulses = watched
            watched[3], watched[4] = pin.value(), world.at(pin.id).get("pulses", 0)
            edges = max(0, watched[4] - pulses) if trigger & Pin.IRQ_FALLING else 0
            if trigger & (Pin.IRQ_RISING if watched[3] > level else Pin.IRQ_FALLING) and watched[3] != level:
                edges += 1
            for _ in range(edges):
                handler(pin)
                await asyncio.sleep_ms(LOOK_MS)
        await asyncio.sleep_ms(LOOK_MS)


class SoftI2C:
    """A bus by its data pin. A device is written to and read from as the registers of the real one."""

    def __init__(self, id=-1, *, scl, sda, freq=400000):
        self._pin = sda.id

    def _device(self, address):
        wired = world.at(self._pin)
        if wired.get("level") == 0 or wired.get("hangs", 0) > world.rises:
            raise OSError(110)  # ETIMEDOUT
        told = wired.get("i2c", {}).get(str(address))
        if told is None:
            raise OSError(19)  # ENODEV: nobody acknowledges
        return world.part((self._pin, address), told)

    def scan(self):
        return sorted(int(address) for address in world.at(self._pin).get("i2c", {}))

    def writeto(self, address, data, stop=True):
        self._device(address).write(bytes(data))
        return len(data)

    def readfrom(self, address, size, stop=True):
        return bytes(self._device(address).read(size))

    def readfrom_into(self, address, buffer, stop=True):
        buffer[:] = self.readfrom(address, len(buffer))

    def readfrom_mem(self, address, register, size, *, addrsize=8):
        self.writeto(address, register.to_bytes(addrsize // 8, "big"))
        return self.readfrom(address, size)

    def readfrom_mem_into(self, address, register, buffer, *, addrsize=8):
        buffer[:] = self.readfrom_mem(address, register, len(buffer), addrsize=addrsize)

    def writeto_mem(self, address, register, data, *, addrsize=8):
        self.writeto(address, register.to_bytes(addrsize // 8, "big") + bytes(data))


class I2C(SoftI2C):
    pass


class PWM:
    """Pulses on a pin: so many a second, each so long."""

    def __init__(self, pin, *, freq, duty_u16=None, duty_ns=None):
        self._pin = pin.id
        self._hz = freq
        self.duty_u16(duty_u16) if duty_ns is None else self.duty_ns(duty_ns)

    def duty_ns(self, value):
        world.drive(self._pin, hz=self._hz, high_ns=value)

    def duty_u16(self, value):
        world.drive(self._pin, hz=self._hz, duty_u16=value)


def bitstream(pin, encoding, timing, data):
    world.drive(pin.id, bits=bytes(data).hex())


class WDT:
    def __init__(self, id=0, timeout=5000):
        self._timeout = timeout
        self.feed()

    def feed(self):
        if _watchdog is not None:
            _watchdog.seek(0)
            _watchdog.write(str(self._timeout))
            _watchdog.flush()


def unique_id():
    return binascii.unhexlify(os.getenv("SLUIS_UID") or "e66100000000000a")


def reset_cause():
    return int(os.getenv("SLUIS_RESET_CAUSE") or PWRON_RESET)


def reset():
    sys.exit(RESET_CODE)


def soft_reset():
    sys.exit(0)


def freq(*_):
    return 125_000_000


# While the host's file system can be seen; of the parts, those that are wired at the start.
import dht  # noqa: E402, F401
import neopixel  # noqa: E402, F401
import onewire  # noqa: E402, F401
import simulated.ds18b20  # noqa: E402, F401

for _kind in ("bme280", "sht4x", "scd4x", "veml7700"):
    if _kind in world.text():
        __import__("simulated." + _kind)
