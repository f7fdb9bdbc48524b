"""A TV or display on HDMI-CEC: what a Raspberry Pi can switch with nothing but the HDMI cable.

Models: TVs and displays with HDMI-CEC, under whatever name (Anynet+, Bravia Sync, Simplink, Viera Link, EasyLink, ...);
sound systems at address 5 for volume and mute.

    SD OO P...        S sender and D receiver (logical addresses: 0 TV, 4 8 B players, 5 sound, F all), O opcode
    90 P              report power: 0 on, 1 standby, 2 standby to on, 3 on to standby
    82 PP PP          active source: the physical address that is shown (1000 is HDMI 1, 2000 is HDMI 2)
    36                standby, from anybody to all
    47 N...           OSD name | 87 VV VV VV vendor id | 7A P audio: bit 7 mute, the rest volume
    00 OO R           feature abort: opcode O is refused, for reason R

    to it: 04 image view on | 36 standby | 82 PP PP active source | 8F 46 8C 71 questions | 44 KK key, 45 let go

What is sent has no SD: the link puts its own address there. A TV that is switched off answers; one without power does
not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sluis.model import LinkError, Refused
from sluis.sdk import (
    About,
    Announcement,
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
    Occurrence,
    Point,
    Truncated,
)
from sluis.sdk.payload import dict_of, no_such_point, text_of, wished_switch

FEATURE_ABORT, IMAGE_VIEW_ON, STANDBY, PRESSED, RELEASED = 0x00, 0x04, 0x36, 0x44, 0x45
GIVE_OSD_NAME, SET_OSD_NAME, GIVE_AUDIO, REPORT_AUDIO, ACTIVE_SOURCE = 0x46, 0x47, 0x71, 0x7A, 0x82
VENDOR_ID, GIVE_VENDOR_ID, GIVE_POWER, REPORT_POWER = 0x87, 0x8C, 0x8F, 0x90

POWER: Mapping[int, str] = {0: "on", 1: "off", 2: "warming", 3: "cooling"}
KEYS: Mapping[str, int] = {"volume_up": 0x41, "volume_down": 0x42, "mute": 0x43}
"""Point -> user control code (HDMI 1.4b, CEC table 27)."""

VENDORS: Mapping[int, str] = {
    0x000039: "Toshiba", 0x0000F0: "Samsung", 0x0005CD: "Denon", 0x000678: "Marantz", 0x0009B0: "Onkyo",
    0x000CB8: "Medion", 0x000E03: "Loewe", 0x001582: "Pulse Eight", 0x001950: "Harman Kardon", 0x00903E: "Philips",
    0x009053: "Daewoo", 0x00A0DE: "Yamaha", 0x00D0D5: "Grundig", 0x00E036: "Pioneer", 0x00E091: "LG",
    0x08001F: "Sharp", 0x080046: "Sony", 0x18C086: "Broadcom", 0x6B746D: "Vizio", 0x8065E9: "BenQ",
}  # fmt: skip
"""IEEE OUI -> maker, of what stands in meeting rooms."""

ANSWER_S = 1.0
"""A device has to answer within a second (HDMI 1.4b, CEC 9.2)."""
EVERY_S = 20.0
SETTLES_S = 40.0
"""How long a TV may take to say that it is on; slow ones start up for half a minute."""


class Tv(Driver):
    """One device on the wire. Its native id is `LINK/ADDRESS`, `LINK/0` for the TV."""

    about = About(
        key="cec-tv",
        vendor="",
        models=("HDMI-CEC",),
        match=LinkMatch(kinds=("cec",)),
        sources=(
            "HDMI specification 1.4b, supplement 1 (CEC): tables 7 to 29",
            "linux/cec.h, kernel CEC userspace API",
        ),
        grade=Grade.GOLD,
        proven="cec-follower (v4l-utils) on the kernel's vivid CEC bus",
        setup=(
            Ask("input", "HDMI socket of the display that we are plugged into", Kind.NUMBER, default=1),
            Ask("every_s", "Seconds between two looks", Kind.NUMBER, default=EVERY_S),
        ),
        sdk=2,
    )

    power = Point(kind=Kind.SWITCH, writable=True, every_s=EVERY_S, settles_s=SETTLES_S)
    power_state = Point(kind=Kind.CHOICE, options=tuple(POWER.values()), every_s=EVERY_S)
    source = Point(kind=Kind.TEXT)
    show_us = Point(kind=Kind.TRIGGER, writable=True)
    volume = Point("", "%", minimum=0, maximum=100)
    audio_mute = Point(kind=Kind.SWITCH)
    volume_up = Point(kind=Kind.TRIGGER, writable=True)
    volume_down = Point(kind=Kind.TRIGGER, writable=True)
    mute = Point(kind=Kind.TRIGGER, writable=True)
    refused = Point(kind=Kind.TRIGGER, category="diagnostic")

    def __init__(self, native_id: str = "", description: Mapping[str, Any] | None = None) -> None:
        super().__init__(native_id, description)
        every_s, place = self.setting("every_s", EVERY_S), self.setting("input", 1)
        self._every_s = min(max(float(every_s), 1.0), 3600.0) if isinstance(every_s, int | float) else EVERY_S
        self._input = int(place) if isinstance(place, int | float) and 1 <= place <= 15 else 1
        address = native_id.rpartition("/")[2]
        self._address = int(address) if address.isascii() and address.isdigit() and len(address) < 3 else 0
        self._speaker = f"{native_id.rpartition('/')[0]}/5"

    def topics(self) -> Iterable[str]:
        """Who else speaks of what is shown: whoever plays says so to all."""
        return (self.native_id, f"{self.native_id.rpartition('/')[0]}/+")

    def points(self) -> Iterable[Point]:
        return [one if one.every_s is None else one.named(one.key, every_s=self._every_s) for one in super().points()]

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        data = frame.data
        if len(data) < 2:
            raise Truncated(f"{len(data)} bytes")
        is_mine = frame.source == self.native_id
        if frame.source.rpartition("/")[0] != self.native_id.rpartition("/")[0]:
            raise NotMine
        opcode, values = data[1], data[2:]
        if opcode == ACTIVE_SOURCE:
            return [self.source(_place(values))]
        if opcode == REPORT_AUDIO and frame.source in (self.native_id, self._speaker):
            return self._audio(values)
        if not is_mine:
            raise NotMine
        if opcode == REPORT_POWER:
            return self._power(values)
        if opcode == STANDBY:
            return self._power(b"\x01")
        if opcode == FEATURE_ABORT:
            return [Occurrence("refused", f"{values[:1].hex()}")] if values else []
        return self._told(opcode, values)

    def _power(self, values: bytes) -> list[Decoded]:
        if not values:
            raise Truncated("power without a value")
        state = POWER.get(values[0])
        if state is None:
            raise Implausible(f"power is {values[0]:02X}")
        return [self.power(state in ("on", "warming")), self.power_state(state)]

    def _audio(self, values: bytes) -> list[Decoded]:
        if not values:
            raise Truncated("audio without a value")
        level = values[0] & 0x7F
        said: list[Decoded] = [self.audio_mute(bool(values[0] & 0x80))]
        return [*said, self.volume(level)] if level <= 100 else said  # 7F: the volume is not known

    def _told(self, opcode: int, values: bytes) -> list[Decoded]:
        """What never changes, where it is news."""
        if opcode == SET_OSD_NAME:
            key, said = "name", values.split(b"\0")[0].decode("ascii", "replace").strip()[:14]
        elif opcode == VENDOR_ID:
            if len(values) < 3:
                raise Truncated(f"a vendor id of {len(values)} bytes")
            number = int.from_bytes(values[:3], "big")
            key, said = "vendor", VENDORS.get(number, f"{number:06X}")
        else:
            return []
        if not said or said == self._known(key):
            return []
        known: dict[str, Any] = {key: said}
        return [Announcement(self.native_id, "told", {key: said}, merge="add", **known)]

    def _known(self, key: str) -> str:
        return text_of(dict_of(self.description.get("told")).get(key))

    def poll_every_s(self) -> float:
        return self._every_s

    async def poll(self, link: Link) -> None:
        await self._ask(link, GIVE_POWER)
        for key, question in (("name", GIVE_OSD_NAME), ("vendor", GIVE_VENDOR_ID)):
            if not self._known(key):
                await self._perhaps(link, question)
        if self._address == 5:
            await self._perhaps(link, GIVE_AUDIO)

    async def _ask(self, link: Link, question: int) -> Frame:
        return await link.request(bytes([question]), to=self.native_id, timeout_s=ANSWER_S)

    async def _perhaps(self, link: Link, question: int) -> None:
        """Ask what not every device answers."""
        try:
            await self._ask(link, question)
        except LinkError:
            return

    async def perform(self, link: Link, command: Command) -> None:
        point = command.point
        if point == "power":
            is_on = wished_switch(point, command.value)
            await link.send(bytes([IMAGE_VIEW_ON if is_on else STANDBY]), to=self.native_id)
            await self._confirm(link)
        elif point == "show_us":
            await link.send(bytes([IMAGE_VIEW_ON]), to=self.native_id)
            place = bytes([self._input << 4, 0])
            await link.send(bytes([ACTIVE_SOURCE]) + place, to=f"{self.native_id.rpartition('/')[0]}/15")
        elif point in KEYS:
            await link.send(bytes([PRESSED, KEYS[point]]), to=self.native_id)
            await link.send(bytes([RELEASED]), to=self.native_id)
        else:
            raise no_such_point(point)

    async def _confirm(self, link: Link) -> None:
        """Ask where it is on its way to. A TV that wakes up may say nothing for a while; one that says no, says so."""
        try:
            answer = await self._ask(link, GIVE_POWER)
        except LinkError:
            return
        if answer.data[1:3] == bytes([FEATURE_ABORT, GIVE_POWER]):
            raise Refused("The display does not tell whether it is on.", hint="Its CEC is incomplete; nothing helps.")


def _place(values: bytes) -> str:
    """`HDMI 1` for the physical address 1.0.0.0; `HDMI 1 (1.2.0.0)` behind a switch there."""
    if len(values) < 2:
        raise Truncated("no physical address")
    parts = [values[0] >> 4, values[0] & 0xF, values[1] >> 4, values[1] & 0xF]
    if not any(parts):
        return "TV"
    if parts == [0xF] * 4 or not parts[0]:
        raise Implausible(f"physical address {values[:2].hex()}")
    dotted = ".".join(f"{part:x}" for part in parts)
    return f"HDMI {parts[0]}" if not any(parts[1:]) else f"HDMI {parts[0]} ({dotted})"
