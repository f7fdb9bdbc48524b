"""A device of questions and answers, one line each: on a serial port, or a TCP port."""

from __future__ import annotations

from typing import Any

DRIVER = '''"""$vendor $model: a line for a line, over $medium.

Models: $model.

    T?                ->  T=21.5              CHANGE: draw your device's frames
    RELAY?            ->  RELAY=ON | RELAY=OFF
    RELAY ON | OFF    ->  RELAY=ON | RELAY=OFF

    T temperature in °C; every line ends with CR LF
"""

from __future__ import annotations

from collections.abc import Iterable

from sluis.sdk import (
    About,
    Command,
    Decoded,
    Driver,
    Frame,
    Framing,
    Implausible,
    Kind,
    Link,
    LinkMatch,
    NotMine,
    Point,
)
from sluis.sdk.payload import no_such_point, wished_switch

END = b"\\r\\n"


class $name(Driver):
    """One $vendor $model."""

    about = About(
        key="$key",
        vendor="$vendor",
        models=("$model",),
        match=LinkMatch(kinds=("$kind",)),
        framing=Framing("line", end=END),
        sources=("CHANGE: where the knowledge comes from, with version",),
        sdk=$sdk,
    )

    temperature = Point("temperature", "°C", minimum=-40, maximum=85, every_s=30)
    relay = Point("outlet", kind=Kind.SWITCH, writable=True)

    def poll_every_s(self) -> float | None:
        return 30.0

    async def poll(self, link: Link) -> None:
        for question in (b"T?", b"RELAY?"):
            await link.request(question + END, to=self.native_id)

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if frame.source != self.native_id:
            raise NotMine
        word, _, value = frame.data.partition(b"=")
        if word == b"RELAY" and value in (b"ON", b"OFF"):
            return [self.relay(value == b"ON")]
        if word != b"T":
            raise Implausible("neither T nor RELAY")
        try:
            return [self.temperature(float(value))]
        except ValueError as error:
            raise Implausible("T is no number") from error

    async def perform(self, link: Link, command: Command) -> None:
        if command.point != "relay":
            raise no_such_point(command.point)
        word = b"ON" if wished_switch(command.point, command.value) else b"OFF"
        await link.request(b"RELAY " + word + END, to=self.native_id)
'''

STAND_IN = '''"""Stand-in for a $vendor $model. Play it: sluis driver simulate $file"""

from __future__ import annotations

from collections.abc import Iterable

from sluis.sdk.standin import StandIn


class $name(StandIn):
    kind = "$kind"

    def __init__(self) -> None:
        self.relay = b"OFF"

    def answers(self, to: str, data: bytes) -> Iterable[tuple[str, bytes]]:
        said = data.strip()
        if said in (b"RELAY ON", b"RELAY OFF"):
            self.relay = said[6:]
        if said == b"T?":
            yield to, b"T=21.5"
        elif said.startswith(b"RELAY"):
            yield to, b"RELAY=" + self.relay
'''

ADDRESS = {"serial": "bus/1", "net": "192.0.2.7:4000"}
OTHER = {"serial": "bus/2", "net": "192.0.2.8:4000"}


def lines(kind: str) -> list[dict[str, Any]]:
    """Its frames, without what the driver makes of them."""
    at = {"topic": ADDRESS[kind], "device": ADDRESS[kind]}
    sends = [{"to": ADDRESS[kind], "text": "RELAY ON\r\n"}]
    return [
        {"name": "temperature", **at, "text": "T=21.5", "asked": "T?\r\n"},
        {"name": "relay", **at, "text": "RELAY=ON", "asked": "RELAY?\r\n"},
        {"name": "relay, as it answers a command", **at, "text": "RELAY=ON", "asked": "RELAY ON\r\n"},
        {"name": "damaged: no number", **at, "text": "T=2x.5"},
        {"name": "foreign: another device", **at, "topic": OTHER[kind], "text": "T=21.5"},
        {"name": "switch on", **at, "command": "relay", "value": True, "sends": sends, "answers": ["RELAY=ON"]},
    ]
