"""The two ways by which a node is told of a network: its console and Bluetooth LE. What they speak is in `improv.py`,
which is read when it is asked for: a node that works never needs its memory."""

import asyncio
import sys

try:
    from typing import Any, Callable
except ImportError:  # a node has no typing
    pass

LOOK_S = 1


class Onboarding:
    def __init__(self, way: "Any", *known: "Any") -> None:
        """`known`: what `improv.Improv` knows beside the way."""
        self._way = way
        self._known = known
        self._made: "Any" = None

    def _improv(self) -> "Any":
        if self._made is None:
            from sluis_node import improv

            self._made = improv.Improv(self._way, *self._known)
        return self._made

    async def by_cable(self, kind: int, data: bytes) -> None:
        """A packet from the console; kind 0 for a damaged one."""
        from sluis_node import improv

        def say(kind: int, data: bytes) -> None:
            # The end of the line keeps it apart from the log.
            sys.stdout.buffer.write(improv.packet(kind, data) + b"\n")

        if kind == improv.COMMAND:
            await self._improv().do(data, say)
        elif kind == 0:
            say(improv.ERROR, bytes((improv.BAD_PACKET,)))

    async def by_radio(self, up_s: "Callable[[], int]") -> None:
        """Ends where there is no Bluetooth. `up_s` tells the seconds since the start."""
        try:
            import bluetooth
        except ImportError:
            return
        while True:
            if self._way.seeking:
                break
            await asyncio.sleep(LOOK_S)
        from sluis_node import improv_ble

        await improv_ble.Radio(bluetooth, self._improv(), self._known[0], up_s).run(self._way)
