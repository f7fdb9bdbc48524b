"""Cameras that speak VISCA: on RS-232 and RS-422, as raw TCP or UDP, and by Sony's VISCA over IP.

Models: Sony SRG, BRC, EVI; and most conference cameras (PTZOptics, Minrray, Lumens, Aver, Tenveo, ...).

    8A 01 CC ... FF               order to camera A (1 to 7; over IP always 1)
    8A 09 CC ... FF               question
    9A is (A + 8) 0:  z0 4S FF    order taken in socket S      z0 5S FF   order carried out
    z0 50 V ... FF                answer                       z0 6S EE FF   refused
    TT LL NN P...                 VISCA over IP: T type, L length of P, N number (4 bytes), P one of the above

    T 0100 order, 0110 question, 0111 answer, 0200 control, 0201 its answer | EE 02 syntax, 03 full, 04 cancelled,
    05 no socket, 41 not now | CC 0400 power, 0447 zoom, 0438 automatic focus, 0612 pan and tilt, 0002 version,
    043F presets, 0604 home; numbers stand in the low halves of bytes: 0p 0q 0r 0s

An order is taken at once and carried out later; what comes of it is asked. The answer does not say what it is about: it
is read by its question.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sluis.model import CommandError, LinkError, NotNow, Refused
from sluis.sdk import (
    About,
    Announcement,
    Ask,
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
from sluis.sdk.payload import no_such_point, wished_number, wished_switch

POWER, ZOOM, FOCUS, PAN_TILT, VERSION = b"\x04\x00", b"\x04\x47", b"\x04\x38", b"\x06\x12", b"\x00\x02"
PRESET, HOME = b"\x04\x3f\x02", b"\x06\x04"
OPTICAL = 0x4000
"""Zoom at the long end of the lens; beyond it is digital zoom."""

HEADER_PORT = ":52381"
"""UDP port of VISCA over IP. Cameras at other ports speak without its header. Sony's answer to this port, whatever port
was sent from."""
RESET = bytes.fromhex("0200 0001 00000000 01")
"""Control order: count from 0 again (Sony SRG-300H technical manual, "VISCA over IP")."""

ANSWER_S = 1.5
"""A camera has to answer within 16 ms on a serial line; network cameras take up to a second while they move."""
EVERY_S = 10.0
SETTLES_S = 30.0
"""How long a camera may take to wake up; most take 10 to 25 s."""
TRIES = 3
"""Times that the outcome of an order is asked: the news that it was carried out may come in between, and looks like
the answer. There can be two of them, as there are two sockets."""


class ViscaCamera(Driver):
    """One camera. Its native id is `LINK/NAME`, `HOST:PORT` (raw TCP) or `udp:HOST:PORT`."""

    about = About(
        key="visca",
        vendor="",
        models=("VISCA",),
        match=LinkMatch(kinds=("serial", "net")),
        sources=(
            "Sony SRG-300H technical manual, VISCA/RS-422 and VISCA over IP: packets, messages, command list",
            "Sony FCB-EV7500/EH4300 technical manual, VISCA command and inquiry list",
        ),
        grade=Grade.SILVER,
        setup=(
            Ask("address", "Number on the serial line (1 to 7)", Kind.NUMBER, default=1),
            Ask(
                "header",
                "Header of VISCA over IP",
                options=("auto", "yes", "no"),
                default="auto",
                hint="auto: at port 52381",
            ),
            Ask("local_port", "UDP port that it answers to", Kind.NUMBER, default=52381, hint="0: the one that asked."),
            Ask("presets", "How many presets it has", Kind.NUMBER, default=10),
            Ask("every_s", "Seconds between two looks", Kind.NUMBER, default=EVERY_S),
        ),
        sdk=2,
    )

    power = Point(kind=Kind.SWITCH, writable=True, every_s=EVERY_S, settles_s=SETTLES_S)
    zoom = Point("", "%", minimum=0, maximum=200, writable=True, settles_s=SETTLES_S)
    focus_auto = Point(kind=Kind.SWITCH, writable=True, settles_s=SETTLES_S)
    preset = Point(minimum=1, step=1, writable=True, settles_s=SETTLES_S, meta={"optimistic": True})
    home = Point(kind=Kind.TRIGGER, writable=True, settles_s=SETTLES_S)
    pan = Point(category="diagnostic")
    tilt = Point(category="diagnostic")

    def __init__(self, native_id: str = "", description: Mapping[str, Any] | None = None) -> None:
        super().__init__(native_id, description)
        header = self.setting("header", "auto")
        has_header = header == "yes" or (header != "no" and native_id.endswith(HEADER_PORT))
        self._has_header = native_id.startswith("udp:") and has_header
        self._address = 1 if ":" in native_id else int(self._told("address", 1, 1, 7))
        self._presets = int(self._told("presets", 10, 1, 128))
        self._every_s = self._told("every_s", EVERY_S, 1, 3600)
        self._numbers = itertools.count()
        """VISCA over IP counts its messages: the one state that the protocol has."""
        self._is_reset = False

    def _told(self, key: str, default: float, low: float, high: float) -> float:
        value = self.setting(key, default)
        return value if isinstance(value, int | float) and low <= value <= high else default

    def station(self) -> Station:
        if self._has_header:
            framing, port = Framing("datagram", same=((4, 4, 4),)), int(self._told("local_port", 52381, 0, 65535))
            return Station(self.native_id, framing, settings={"local_port": port, "answer_s": ANSWER_S})
        framing = Framing("datagram") if self.native_id.startswith("udp:") else Framing("line", end=b"\xff")
        return Station(self.native_id, framing, settings={"answer_s": ANSWER_S})

    def points(self) -> Iterable[Point]:
        for point in super().points():
            if point.key == "preset":
                point = point.named("preset", maximum=self._presets)
            yield point if point.every_s is None else point.named(point.key, every_s=self._every_s)

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if frame.source != self.native_id:
            raise NotMine
        said = self._message(frame.data)
        if not said:
            return []
        asked = self._message(frame.asked) if frame.asked else b""
        reader = READERS.get(asked[2:]) if asked[1:2] == b"\x09" else None
        return list(reader(self, said[2:])) if reader and said[1] == 0x50 and len(said) > 2 else []

    def _message(self, data: bytes) -> bytes:
        """A message without header and FF; b"" for an answer of control. NotMine or Truncated when it is none."""
        if self._has_header:
            if len(data) < 8 or len(data) != 8 + int.from_bytes(data[2:4], "big"):
                raise Truncated(f"{len(data)} bytes")
            if data[0] == 0x02:
                return b""
            data = data[8:]
        data = data.removesuffix(b"\xff")
        if data[:1] not in (bytes([0x80 + self._address]), bytes([(self._address + 8) << 4])):
            raise NotMine
        if len(data) < 2:
            raise Truncated(f"{len(data)} bytes")
        return data

    # -- asking and telling -------------------------------------------------------------------------------

    def poll_every_s(self) -> float:
        return self._every_s

    async def poll(self, link: Link) -> None:
        await self._reset(link)
        power = await self._ask(link, POWER)
        if not self.description.get("told"):
            await self._ask(link, VERSION)
        if power[1:3] == b"\x50\x02":
            for about in (ZOOM, FOCUS, PAN_TILT):
                await self._ask(link, about)

    async def perform(self, link: Link, command: Command) -> None:
        order, about = self._order(command)
        await self._reset(link)
        answer = await self._exchange(link, b"\x01" + order)
        if answer[1] & 0xF0 == 0x60:
            raise await self._refusal(link, answer[2:3], command)
        for _ in range(TRIES if about else 0):
            if len(await self._ask(link, about)) > 2:
                return

    def _order(self, command: Command) -> tuple[bytes, bytes]:
        """(the order, what it changes)."""
        point, value = command.point, command.value
        if point == "power":
            return POWER + (b"\x02" if wished_switch(point, value) else b"\x03"), POWER
        if point == "focus_auto":
            return FOCUS + (b"\x02" if wished_switch(point, value) else b"\x03"), FOCUS
        if point == "zoom":
            percent = min(max(wished_number(point, value), 0), 200)
            return ZOOM + halves(round(percent / 100 * OPTICAL)), ZOOM
        if point == "preset":
            return PRESET + bytes([min(max(round(wished_number(point, value)), 1), self._presets) - 1]), b""
        if point == "home":
            return HOME, b""
        raise no_such_point(point)

    async def _refusal(self, link: Link, code: bytes, command: Command) -> CommandError:
        """Why the camera says no."""
        if code == b"\x03":
            return NotNow("The camera carries out two orders already; it takes this when one is done.")
        if code == b"\x41":
            power = await self._ask(link, POWER)
            if power[1:3] != b"\x50\x02" and command.point != "power":
                return Refused("The camera is in standby.", hint="Switch it on first.")
            return NotNow("The camera cannot do this at this moment.")
        return Refused(f"The camera does not know this order (error {code.hex() or '?'}).")

    async def _reset(self, link: Link) -> None:
        """Agree with the camera where counting begins, once; cameras that know no such thing say nothing."""
        if self._has_header and not self._is_reset:
            self._is_reset = True
            try:
                await link.request(RESET, to=self.native_id, timeout_s=ANSWER_S)
            except LinkError:
                return

    async def _ask(self, link: Link, about: bytes) -> bytes:
        return await self._exchange(link, b"\x09" + about)

    async def _exchange(self, link: Link, message: bytes) -> bytes:
        """What came back, without header and FF."""
        packet = bytes([0x80 + self._address]) + message + b"\xff"
        if self._has_header:
            kind = b"\x01\x10" if message[0] == 0x09 else b"\x01\x00"
            number = next(self._numbers) & 0xFFFFFFFF
            packet = kind + len(packet).to_bytes(2, "big") + number.to_bytes(4, "big") + packet
        return self._message((await link.request(packet, to=self.native_id, timeout_s=ANSWER_S)).data) or b"\0\0"


def halves(number: int) -> bytes:
    """Four bytes with a hexadecimal digit each."""
    return bytes(number >> shift & 0xF for shift in (12, 8, 4, 0))


def joined(said: bytes, *, signed: bool = False) -> int:
    """The number in four halves. Truncated or Implausible."""
    if len(said) < 4:
        raise Truncated(f"a number in {len(said)} bytes")
    if max(said[:4]) > 0xF:
        raise Implausible(f"{said[:4].hex(' ')} are no halves")
    number = said[0] << 12 | said[1] << 8 | said[2] << 4 | said[3]
    return number - 0x10000 if signed and number >= 0x8000 else number


def _switch(said: bytes) -> bool:
    if said not in (b"\x02", b"\x03"):
        raise Implausible(f"neither on nor off: {said.hex(' ')}")
    return said == b"\x02"


def _version(driver: ViscaCamera, said: bytes) -> list[Decoded]:
    if len(said) < 6:
        raise Truncated(f"a version of {len(said)} bytes")
    vendor, model, rom = said[:2].hex(), said[2:4].hex().upper(), said[4:6].hex().upper()
    if driver.description.get("told"):
        return []
    name = "Sony" if vendor in ("0001", "0020") else ""
    content = {"vendor": vendor, "model": model, "rom": rom}
    return [Announcement(driver.native_id, "told", content, vendor=name, model=f"VISCA {model}", firmware=rom)]


READERS: Mapping[bytes, Callable[[ViscaCamera, bytes], list[Decoded]]] = {
    POWER: lambda driver, said: [driver.power(_switch(said))],
    ZOOM: lambda driver, said: [driver.zoom(round(joined(said) / OPTICAL * 100, 1))],
    FOCUS: lambda driver, said: [driver.focus_auto(_switch(said))],
    PAN_TILT: lambda driver, said: [
        driver.pan(joined(said, signed=True)),
        driver.tilt(joined(said[4:], signed=True)),
    ],
    VERSION: _version,
}
