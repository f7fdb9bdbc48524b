"""What every part (a sensor or an actuator) is. Adding one is one small file in `parts/`; see firmware/README.md.

A part's file is imported on CPython too, to check configurations, so `machine` and its like are imported in `start`.
"""

import asyncio

try:
    from typing import Any, Callable, Iterable

    from sluis_node.fields import Field
except ImportError:  # a node has no typing
    pass


class Fault(OSError):
    """A part does not do what it should: a sentence for people."""

    def __str__(self) -> str:
        return str(self.args[-1]) if self.args else ""


class Part:
    """One entry of `parts` in `/node.json`. A sensor has `read`; something that can be set is an `Actuator`."""

    FIELDS: "dict[str, Field]" = {}
    """What may stand in its entry, besides `part`, `name` and `every_s`."""

    EVERY_S = 30
    """How often it is read when its entry does not say; 0 when it has no `every_s` because it tells by itself."""

    EVERY_MIN_S = 1
    """Below this it cannot be read again."""

    ADDRESS = ""
    """Its address on the bus, where it has only one and so no field for it."""

    CHECK = ""
    """What a technician should look at when its test fails."""

    def __init__(self, key: str, settings: "dict[str, Any]", buses: "dict[str, Any]") -> None:
        self.key = key
        self.settings = settings
        self.buses = buses
        self.wake: "Any" = None

    # -- what a part's file fills in ----------------------------------------------------------------------

    @classmethod
    def wrong(cls, settings: "dict[str, Any]") -> "Iterable[tuple[str, str]]":
        """(field, what) for rules that bind several fields; each field by itself has been checked already."""
        return ()

    @classmethod
    def hertz(cls, settings: "dict[str, Any]") -> "int | None":
        """The frequency at which it drives its pin, when it does: neighbours on a chip share one clock."""
        return None

    def points(self) -> "dict[str, dict[str, Any]]":
        """Its points by suffix ("" for the only or the main one), as they are announced (see announce.py)."""
        raise NotImplementedError

    def start(self) -> None:
        """Open pins and buses. OSError or ValueError when that cannot be; it is tried again later."""

    async def read(self) -> "dict[str, Any]":
        """Values by suffix; None for one that has none now. OSError when it does not answer."""
        return {}

    async def test(self) -> "dict[str, Any]":
        """Factory test: the values found. Fault when something is wrong; ranges of points are checked afterwards."""
        return await self.read()

    # -- what the framework offers ------------------------------------------------------------------------

    def watch(self, pin: "Any", trigger: int) -> None:
        """From now on, a change of this pin ends `pause`."""
        flag = self.wake = asyncio.ThreadSafeFlag()
        pin.irq(lambda _: flag.set(), trigger)

    async def pause(self) -> None:
        """Until the next reading is due, or a watched pin has changed."""
        await self.pause_ms(self.every_ms())

    async def pause_ms(self, longest_ms: int) -> None:
        if self.wake is None:
            await asyncio.sleep_ms(longest_ms)
        else:
            try:
                await asyncio.wait_for_ms(self.wake.wait(), longest_ms)
            except asyncio.TimeoutError:
                pass

    def every_ms(self) -> int:
        return int(self.settings.get("every_s", 3600) * 1000)

    async def run(self, tell: "Callable[[Part, dict[str, Any]], None]") -> None:
        """Read and tell, for ever."""
        while True:
            tell(self, await self.read())
            await self.pause()

    @classmethod
    def address(cls, settings: "dict[str, Any]") -> str:
        """Its address on its bus; "" for the only one of its kind there."""
        return settings.get("address") or cls.ADDRESS

    def point(self, suffix: str) -> str:
        return self.key + "_" + suffix if suffix else self.key

    def where(self) -> str:
        """The pins it is at, for a technician: `GPIO4`."""
        found = []
        for field in ("pin", "sda", "scl", "trigger", "echo", "data"):
            for record in (self.settings, self.buses.get(self.settings.get("bus", ""), {})):
                if field in record:
                    pin = record[field]
                    found.append("GPIO%d" % pin if isinstance(pin, int) else str(pin))
        return ", ".join(found)


class Actuator(Part):
    """A part that can be set. It takes its safe state at the start, at a restart and when its node is left alone."""

    EVERY_S = 0

    async def write(self, suffix: str, value: "Any") -> None:
        """Do it. The value has been checked against the point's kind, range and options."""
        raise NotImplementedError

    def safe(self) -> None:
        """Go to the safe state, at once."""
        raise NotImplementedError
