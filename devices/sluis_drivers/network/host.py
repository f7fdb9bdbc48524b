"""A host on the network: whether it is there, and waking it up.

Models: everything with an IPv4 address; waking what supports Wake-on-LAN (AMD, Magic Packet Technology, 20213, 1995).

    ping:HOST              {"answered": bool, "ms": M}                (the answer of up to three ICMP echoes)
    udp:BROADCAST:9        FF FF FF FF FF FF, then the hardware address sixteen times             (to be woken)

    M round trip in milliseconds, null without an answer
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sluis.model import ConfigError
from sluis.sdk import (
    About,
    Ask,
    Command,
    Decoded,
    Driver,
    Frame,
    Grade,
    Implausible,
    Kind,
    Link,
    LinkMatch,
    NotMine,
    Point,
)
from sluis.sdk.payload import no_such_point, number_of, object_of

MAC = re.compile(r"[0-9A-Fa-f]{2}([:-]?)(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}")


class NetworkHost(Driver):
    """One host. Its native id is `ping:HOST`. A host that is off is no fault: it stands in `present`."""

    about = About(
        key="network-host",
        vendor="Network",
        models=("host",),
        match=LinkMatch(kinds=("net",)),
        sources=("RFC 792", "AMD 20213: Magic Packet Technology"),
        grade=Grade.SILVER,
        setup=(
            Ask("mac", "Hardware address", hint="To wake it up, such as 00:11:22:33:44:55; none to look only."),
            Ask("broadcast", "Broadcast address", default="255.255.255.255", hint="Of the network the host is on."),
            Ask("every_s", "Ask every (s)", Kind.NUMBER, default=30),
        ),
    )

    def __init__(self, native_id: str = "", description: Mapping[str, Any] | None = None) -> None:
        """ConfigError for a hardware address that is none."""
        super().__init__(native_id, description)
        told = str(self.setting("mac"))
        if told and not MAC.fullmatch(told):
            raise ConfigError(f"{told!r:.30} is no hardware address", where="network-host: mac")
        self._mac = bytes.fromhex(re.sub("[:-]", "", told))
        every_s = self.setting("every_s", 30)
        self._every_s = max(5.0, float(every_s)) if isinstance(every_s, int | float) else 30.0

    def points(self) -> Iterable[Point]:
        present = Point("connectivity", kind=Kind.SWITCH, key="present", every_s=self._every_s)
        trip = Point("duration", "ms", key="round_trip", category="diagnostic")
        wake = [Point("button", kind=Kind.TRIGGER, key="wake", writable=True)] if self._mac else []
        return [present, trip, *wake]

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if frame.source != self.native_id:
            raise NotMine
        said = object_of(frame.data)
        if not isinstance(said.get("answered"), bool):
            raise Implausible("neither answered nor not")
        present, trip, *_ = self.points()
        return [present(said["answered"]), *([trip(number_of(said.get("ms")))] if said["answered"] else [])]

    def poll_every_s(self) -> float:
        return self._every_s

    async def poll(self, link: Link) -> None:
        await link.request(b"", to=self.native_id)

    async def perform(self, link: Link, command: Command) -> None:
        if command.point != "wake" or not self._mac:
            raise no_such_point(command.point)
        await link.send(b"\xff" * 6 + self._mac * 16, to=f"udp:{self.setting('broadcast')}:9")
