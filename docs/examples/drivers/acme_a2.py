"""ACME A2: amplifier with four inputs for a meeting room, over TCP port 5000 or RS-232.

Models: A2, firmware 1.x; 9600 baud, 8N1. Lines end with a carriage return, both ways.

    PWR? INP? VOL?         questions
    PWR n INP n VOL nn     orders, and the same lines as answers to questions and to orders
    INP n  VOL nn          also by itself, when somebody turns a knob
    ERR n                  1 unknown, 2 out of range, 3 starting up

    PWR 0 off, 1 on, 2 starting up (for ten seconds, in which it says ERR 3 to everything but PWR?)
    INP 1-4 | VOL 0-40, in half decibels
"""

from __future__ import annotations

from collections.abc import Iterable

from sluis.model import NotNow, Refused
from sluis.sdk import (
    About,
    Command,
    Decoded,
    Driver,
    Frame,
    Framing,
    Grade,
    Implausible,
    Kind,
    Link,
    LinkMatch,
    NotMine,
    Point,
    Station,
)
from sluis.sdk.payload import no_such_point, wished_number, wished_switch, wished_word

INPUTS = {"laptop": "1", "room PC": "2", "microphones": "3", "radio": "4"}
STATES = {"0": "off", "1": "on", "2": "starting"}
REFUSALS = {"ERR 1": "it does not know this order", "ERR 2": "the value is out of range"}


class AcmeA2(Driver):
    """One A2. Its native id is `192.0.2.7:5000`, or `LINK/NAME` on a serial line."""

    about = About(
        key="acme-a2",
        vendor="ACME",
        models=("A2",),
        match=LinkMatch(kinds=("net", "serial")),
        sources=("ACME A2 control protocol 1.4, sections 1 to 3",),
        grade=Grade.SILVER,
        framing=Framing("line", end=b"\r", max_bytes=64),
        sdk=2,
    )

    power = Point(kind=Kind.SWITCH, writable=True, every_s=20, settles_s=30)
    power_state = Point(kind=Kind.CHOICE, options=tuple(STATES.values()), every_s=20)
    input = Point(kind=Kind.CHOICE, options=tuple(INPUTS), writable=True, settles_s=30)
    volume = Point("", "dB", minimum=0, maximum=20, step=0.5, writable=True, settles_s=30)

    def station(self) -> Station:
        return Station(self.native_id, self.about.framing, listens=True)

    def poll_every_s(self) -> float | None:
        return 20

    async def poll(self, link: Link) -> None:
        power = await link.request(b"PWR?\r", to=self.native_id)
        if power.data == b"PWR 1":
            await link.request(b"INP?\r", to=self.native_id)
            await link.request(b"VOL?\r", to=self.native_id)

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if frame.source != self.native_id:
            raise NotMine
        about, _, said = frame.data.decode("ascii", "replace").partition(" ")
        if about == "PWR":
            return self._power(said)
        if about == "INP":
            return [self.input(word) for word, number in INPUTS.items() if number == said]
        if about == "VOL":
            return [self.volume(_half_decibels(said))]
        if about == "ERR":
            return []
        raise NotMine

    def _power(self, said: str) -> list[Decoded]:
        state = STATES.get(said)
        if state is None:
            raise Implausible(f"power is {said!r:.20}")
        return [self.power(state != "off"), self.power_state(state)]

    async def perform(self, link: Link, command: Command) -> None:
        answer = await link.request(self._order(command).encode() + b"\r", to=self.native_id)
        said = answer.data.decode("ascii", "replace")
        if said == "ERR 3":
            raise NotNow("The amplifier is starting up; it takes this when it is done.")
        if said in REFUSALS:
            raise Refused(f"The amplifier says: {REFUSALS[said]}.")

    def _order(self, command: Command) -> str:
        point, value = command.point, command.value
        if point == "power":
            return f"PWR {wished_switch(point, value):d}"
        if point == "input":
            return f"INP {INPUTS[wished_word(point, value, self.input.options)]}"
        if point == "volume":
            return f"VOL {round(min(max(wished_number(point, value), 0), 20) * 2)}"
        raise no_such_point(point)


def _half_decibels(said: str) -> float:
    if not said.isascii() or not said.isdigit() or len(said) > 2:
        raise Implausible(f"a volume of {said!r:.20}")
    return int(said) / 2
