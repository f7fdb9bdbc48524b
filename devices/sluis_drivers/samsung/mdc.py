"""Samsung signage and hotel displays by MDC (Multiple Display Control), on RS-232 or TCP port 1515.

Models: ME, MD, UD, DB, DM, PM, QM, QB, QH and other SMART Signage displays.

    AA CC II LL D... S                question (LL = 00) or order
    AA FF II LL R  CC V... S          answer

    CC what it is about | II the display's ID | LL bytes from behind it to S | R 41 (A, taken) or 4E (N, refused)
    V values | S all bytes but AA added, modulo 256
    00 status: power, volume, mute, input, ... | 0D trouble: lamp, temperature, light sensor, no signal, °C, fan
    11 power | 12 volume | 13 mute | 14 input | 0B serial number | 0E firmware | 8A model (text)

ID FE speaks to every display on a line; none answers, so it is not used. A display in deep standby answers on RS-232
only, and with "Network standby" on also over TCP. Displays that want a PIN over TLS are not supported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sluis.model import LinkError, NotNow, Refused
from sluis.sdk import (
    About,
    Announcement,
    Ask,
    BadChecksum,
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
    Truncated,
)
from sluis.sdk.payload import dict_of, no_such_point, text_of, wished_number, wished_switch, wished_word

STATUS, SERIAL, TROUBLE, FIRMWARE, POWER, VOLUME, MUTE, INPUT, MODEL = (
    0x00,
    0x0B,
    0x0D,
    0x0E,
    0x11,
    0x12,
    0x13,
    0x14,
    0x8A,
)
ONCE = {SERIAL: "serial", FIRMWARE: "firmware", MODEL: "model"}
"""Asked until they are known -> what they are of the device."""

INPUTS: Mapping[int, str] = {
    0x04: "S-video", 0x08: "component", 0x0C: "AV", 0x14: "PC", 0x18: "DVI", 0x1E: "BNC", 0x1F: "DVI video",
    0x20: "MagicInfo", 0x21: "HDMI 1", 0x22: "HDMI 1 PC", 0x23: "HDMI 2", 0x24: "HDMI 2 PC", 0x25: "DisplayPort 1",
    0x26: "DisplayPort 2", 0x27: "DisplayPort 3", 0x30: "TV", 0x31: "HDMI 3", 0x32: "HDMI 3 PC", 0x33: "HDMI 4",
    0x34: "HDMI 4 PC", 0x40: "DTV", 0x50: "plug-in module", 0x55: "HDBaseT", 0x60: "MagicInfo S",
    0x61: "screen mirroring", 0x62: "USB", 0x63: "URL launcher",
}  # fmt: skip
READ_ONLY = (0x1F, 0x22, 0x24, 0x32, 0x34)
"""Inputs that a display reports and cannot be told: the PC timing of another."""

ANSWER_S = 2.0
EVERY_S = 20.0
SETTLES_S = 30.0
"""How long a display may take to wake up and to show another input. Most take 5 to 15 s."""
FRAMING = Framing("length", start=b"\xaa", length_at=3, length_adds=5, same=((2, 2, 1), (1, 5, 1)), max_bytes=260)
"""An answer names the ID, and what it is about, of its question."""


class Mdc(Driver):
    """One display; its native id is `HOST:PORT`, or `LINK/NAME` on a serial line."""

    about = About(
        key="samsung-mdc",
        vendor="Samsung",
        models=("SMART Signage (MDC)",),
        match=LinkMatch(kinds=("serial", "net")),
        sources=(
            "Samsung, Multiple Display Control Protocol 2015, v13.7c (2016-02-23)",
            "Samsung UD55C and MD40B user manuals, MDC control codes",
        ),
        grade=Grade.SILVER,
        framing=FRAMING,
        setup=(
            Ask("id", "The display's ID", Kind.NUMBER, default=1, hint="0 to 253; in its menu under Multi Control."),
            Ask("every_s", "Seconds between two looks", Kind.NUMBER, default=EVERY_S),
        ),
        sdk=2,
    )

    power = Point(kind=Kind.SWITCH, writable=True, every_s=EVERY_S, settles_s=SETTLES_S)
    volume = Point("", "%", minimum=0, maximum=100, step=1, writable=True, every_s=EVERY_S, settles_s=SETTLES_S)
    audio_mute = Point(kind=Kind.SWITCH, writable=True, every_s=EVERY_S, settles_s=SETTLES_S)
    input = Point(
        kind=Kind.CHOICE,
        options=tuple(word for code, word in INPUTS.items() if code not in READ_ONLY),
        writable=True,
        every_s=EVERY_S,
        settles_s=SETTLES_S,
    )
    problem = Point("problem", kind=Kind.SWITCH, every_s=EVERY_S)
    no_signal = Point(kind=Kind.SWITCH, every_s=EVERY_S)
    temperature = Point("temperature", "°C", minimum=0, maximum=120, every_s=EVERY_S, category="diagnostic")

    def __init__(self, native_id: str = "", description: Mapping[str, Any] | None = None) -> None:
        super().__init__(native_id, description)
        told, every_s = self.setting("id", 1), self.setting("every_s", EVERY_S)
        self._id = int(told) if isinstance(told, int | float) and 0 <= told <= 253 else 1
        self._every_s = min(max(float(every_s), 1.0), 3600.0) if isinstance(every_s, int | float) else EVERY_S

    def station(self) -> Station:
        return Station(self.native_id, FRAMING, settings={"answer_s": ANSWER_S, "turn_round_s": 0.05})

    def points(self) -> Iterable[Point]:
        return [one.named(one.key, every_s=self._every_s) for one in super().points()]

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if frame.source != self.native_id:
            raise NotMine
        about, is_taken, values = answer_of(frame.data, self._id)
        if not is_taken:
            return []
        if about in ONCE:
            return self._told(about, values)
        reader = READERS.get(about)
        return reader(self, values) if reader else []

    def _told(self, about: int, values: bytes) -> list[Decoded]:
        """What never changes, where it is news."""
        said = values.split(b"\0")[0].decode("ascii", "replace").strip()[:80]
        if not said or said == self._known(about):
            return []
        known: dict[str, Any] = {ONCE[about]: said}
        return [Announcement(self.native_id, "told", {ONCE[about]: said}, merge="add", **known)]

    def _known(self, about: int) -> str:
        return text_of(dict_of(self.description.get("told")).get(ONCE[about]))

    def poll_every_s(self) -> float:
        return self._every_s

    async def poll(self, link: Link) -> None:
        """The status must come; the rest a display may leave out (in standby, or for good)."""
        await self._ask(link, STATUS)
        for about in (TROUBLE, *(one for one in ONCE if not self._known(one))):
            try:
                await self._ask(link, about)
            except LinkError:
                continue

    async def perform(self, link: Link, command: Command) -> None:
        about, value = _order(command)
        order = message(about, self._id, bytes([value]))
        try:
            answer = await link.request(order, to=self.native_id, timeout_s=ANSWER_S)
        except LinkError:
            await self._woken(link, about)
            raise
        said, is_taken, values = answer_of(answer.data, self._id)
        if said == about and not is_taken:
            raise Refused(f"The display refuses this (error {values[:1].hex() or '?'}).", hint="Is it switched on?")
        await self._confirm(link, about)

    async def _woken(self, link: Link, about: int) -> None:
        """A display that wakes up answers nothing but its power: NotNow."""
        if about != POWER:
            said, is_taken, values = answer_of((await self._ask(link, POWER)).data, self._id)
            if said == POWER and is_taken and _switch(values):
                raise NotNow("The display wakes up; it takes this when it is awake.")

    async def _confirm(self, link: Link, about: int) -> None:
        """Ask what came of it; a display that goes to sleep or wakes up may say nothing for a while."""
        try:
            await self._ask(link, about)
        except LinkError:
            return

    async def _ask(self, link: Link, about: int) -> Frame:
        return await link.request(message(about, self._id), to=self.native_id, timeout_s=ANSWER_S)


def message(about: int, display: int, values: bytes = b"") -> bytes:
    """A question or an order."""
    body = bytes([about, display, len(values)]) + values
    return b"\xaa" + body + bytes([sum(body) & 0xFF])


def answer_of(data: bytes, display: int) -> tuple[int, bool, bytes]:
    """(what it is about, whether it was taken, values) of an answer. FrameError when it is none."""
    if data[:1] != b"\xaa":
        raise NotMine
    if len(data) < 7 or len(data) != data[3] + 5:
        raise Truncated(f"{len(data)} bytes")
    if sum(data[1:-1]) & 0xFF != data[-1]:
        raise BadChecksum(f"check {data[-1]:02X}, but it has to be {sum(data[1:-1]) & 0xFF:02X}")
    if data[1] != 0xFF or data[2] != display:
        raise NotMine
    if data[4] not in b"AN":
        raise Implausible(f"neither taken nor refused: {data[4]:02X}")
    return data[5], data[4] == ord("A"), data[6:-1]


def _order(command: Command) -> tuple[int, int]:
    """(what it is about, value)."""
    point, value = command.point, command.value
    if point == "power":
        return POWER, int(wished_switch(point, value))
    if point == "audio_mute":
        return MUTE, int(wished_switch(point, value))
    if point == "volume":
        return VOLUME, min(max(round(wished_number(point, value)), 0), 100)
    if point == "input":
        word = wished_word(point, value, Mdc.input.options)
        return INPUT, next(code for code, name in INPUTS.items() if name == word)
    raise no_such_point(point)


def _one(values: bytes) -> int:
    if not values:
        raise Truncated("no value")
    return values[0]


def _switch(values: bytes) -> bool:
    if _one(values) > 1:
        raise Implausible(f"neither on nor off: {values[0]:02X}")
    return values[0] == 1


def _volume(values: bytes) -> int:
    if _one(values) > 100:
        raise Implausible(f"a volume of {values[0]}")
    return values[0]


def _input(values: bytes) -> str:
    return INPUTS.get(_one(values), f"input {values[0]:02X}")


def _status(driver: Mdc, values: bytes) -> list[Decoded]:
    """In standby a display says FF for what it has no value for."""
    if len(values) < 4:
        raise Truncated(f"a status of {len(values)} values")
    said: list[Decoded] = [driver.power(_switch(values[0:]))]
    if values[1] <= 100:
        said.append(driver.volume(values[1]))
    if values[2] <= 1:
        said.append(driver.audio_mute(values[2] == 1))
    return [*said, driver.input(_input(values[3:]))] if values[3] != 0xFF else said


def _trouble(driver: Mdc, values: bytes) -> list[Decoded]:
    if len(values) < 6:
        raise Truncated(f"trouble of {len(values)} values")
    lamp, hot, sensor, signal, degrees, fan = values[:6]
    if max(lamp, hot, sensor, signal, fan) > 2:
        raise Implausible(f"trouble says {values[:6].hex(' ')}")
    return [
        driver.problem(1 in (lamp, hot, sensor, fan)),
        driver.no_signal(signal == 1),
        driver.temperature(degrees),
    ]


READERS: Mapping[int, Callable[[Mdc, bytes], list[Decoded]]] = {
    STATUS: _status,
    TROUBLE: _trouble,
    POWER: lambda driver, values: [driver.power(_switch(values))],
    VOLUME: lambda driver, values: [driver.volume(_volume(values))],
    MUTE: lambda driver, values: [driver.audio_mute(_switch(values))],
    INPUT: lambda driver, values: [driver.input(_input(values))],
}
