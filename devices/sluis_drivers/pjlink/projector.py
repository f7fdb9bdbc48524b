"""PJLink class 1 and 2: projectors (and large displays) of nearly every make, over TCP port 4352.

Models: whatever carries the PJLink mark: Epson, NEC, Panasonic, Sony, Sharp, Christie, Barco, Optoma, BenQ, ...

    PJLINK 0<CR>                  greeting of every connection: no password
    PJLINK 1 NNNNNNNN<CR>         greeting: a password is wanted
    [D]%cAAAA P<CR>               a question (P is `?`) or an order
    %cAAAA=V<CR>                  its answer: a value, OK, or ERR1 .. ERR4
    PJLINK ERRA<CR>               the password is wrong
    %2AAAA=V<CR>                  notice over UDP, from class 2 projectors: POWR, INPT, ERST, LKUP
    %2SRCH<CR>                    broadcast over UDP: which projectors are there
    %2ACKN=M<CR>                  its answer, from class 2 projectors

    c class, 1 or 2 | AAAA what it is about: POWR, INPT, AVMT, ERST, LAMP, ... | M hardware address
    N random number, hexadecimal | D md5(N + password) in 32 hexadecimal digits, before a connection's first line
    ERR1 unknown, ERR2 no such value, ERR3 not now, ERR4 the projector has failed

A projector warms up and cools down for up to some minutes, and refuses nearly everything meanwhile (ERR3). `power` is
what it was told and is on its way to, `power_state` where it is on that way. An order that comes in between waits
(NotNow) until the projector takes it. What never changes (maker, model, inputs, serial number) is asked until it is
known.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from sluis.model import LinkError, NotNow, Refused
from sluis.sdk import (
    About,
    Announcement,
    Ask,
    Command,
    Decoded,
    Driver,
    Frame,
    FrameError,
    Framing,
    Grade,
    Implausible,
    Inquiry,
    Kind,
    Link,
    LinkMatch,
    NotMine,
    Point,
    Sniffed,
    Station,
)
from sluis.sdk.payload import dict_of, no_such_point, text_of, wished_switch, wished_word
from sluis_drivers.pjlink import answers

ANSWER_S = 4.0
"""How long a projector may take to answer. The specification names no time; most take 50 ms, some in standby two
seconds. Smaller and those look dead; larger and a dead one holds up its own poll."""

SETTLES_S = 180.0
"""How long a command may wait for a projector to warm up or cool down. Lamps take up to a minute and a half to cool."""

PORT = 4352
"""TCP port of questions and orders, and UDP port of the search (class 2, sections 2.1 and 3.2)."""

MAC = re.compile(rb"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}")
EVIDENCE = "It answered the search for PJLink projectors."

EVERY_S = 20.0
NOTICES = 4352
"""UDP port of notices (class 2, section 3.3): power, input and errors are told at once."""

TOLD = "told"
"""The fragment of the description that holds what was said once."""

ONCE = ("CLSS", "INF1", "INF2", "NAME", "INST")
"""Asked until they are known."""
ONCE_CLASS_2 = ("SNUM", "SVER")
FIELDS = {"INF1": "vendor", "INF2": "model", "SNUM": "serial", "SVER": "firmware", "NAME": "name"}
"""What goes into the device's own description."""

VOLUMES = {
    "speaker_volume_up": "2SVOL 1",
    "speaker_volume_down": "2SVOL 0",
    "microphone_volume_up": "2MVOL 1",
    "microphone_volume_down": "2MVOL 0",
}
"""Class 2 knows steps only, and does not say where the volume stands."""

REFUSALS = {"ERR1": "it does not know this order", "ERR2": "it has no such value", "ERR4": "it reports a failure"}


class Projector(Driver):
    """One projector; its native id is `HOST:PORT`."""

    about = About(
        key="pjlink",
        vendor="",
        models=("PJLink class 1", "PJLink class 2"),
        match=LinkMatch(("+",), kinds=("net",)),
        search=(Inquiry(f"udp:255.255.255.255:{PORT}", b"%2SRCH\r"),),
        sources=(
            "PJLink Specifications 1.04 (JBMIA, 2013-12-10), sections 2-5",
            "PJLink Specifications 2.00 (JBMIA, 2017-01-31), sections 3-5",
        ),
        grade=Grade.GOLD,
        proven="emulator of pjlink-advance 0.2.0",
        framing=Framing("line", end=b"\r", max_bytes=512),
        setup=(
            Ask("password", "Password, where the projector wants one", secret=True),
            Ask("every_s", "Seconds between two looks", Kind.NUMBER, default=EVERY_S),
            Ask("notices", "UDP port for what it tells by itself; 0 for none", Kind.NUMBER, default=NOTICES),
        ),
    )

    power = Point(kind=Kind.SWITCH, writable=True, every_s=EVERY_S, settles_s=SETTLES_S)
    power_state = Point(kind=Kind.CHOICE, options=tuple(answers.POWER.values()), every_s=EVERY_S)
    input = Point(kind=Kind.CHOICE, writable=True, settles_s=SETTLES_S)
    input_name = Point(kind=Kind.TEXT)
    picture_mute = Point(kind=Kind.SWITCH, writable=True, settles_s=SETTLES_S)
    sound_mute = Point(kind=Kind.SWITCH, writable=True, settles_s=SETTLES_S)
    problem = Point("problem", kind=Kind.SWITCH, every_s=EVERY_S)
    lamp_hours = Point("duration", "h", minimum=0, maximum=99_999, category="diagnostic")
    freeze = Point(kind=Kind.SWITCH, writable=True, settles_s=SETTLES_S)
    speaker_volume_up = Point(kind=Kind.TRIGGER, writable=True, settles_s=SETTLES_S)
    speaker_volume_down = Point(kind=Kind.TRIGGER, writable=True, settles_s=SETTLES_S)
    microphone_volume_up = Point(kind=Kind.TRIGGER, writable=True, settles_s=SETTLES_S)
    microphone_volume_down = Point(kind=Kind.TRIGGER, writable=True, settles_s=SETTLES_S)
    filter_hours = Point("duration", "h", minimum=0, maximum=99_999, category="diagnostic")
    resolution = Point(kind=Kind.TEXT, category="diagnostic")
    port: ClassVar[int] = PORT
    CLASS_2 = frozenset({"input_name", "freeze", "filter_hours", "resolution", *VOLUMES})

    def __init__(self, native_id: str = "", description: Mapping[str, Any] | None = None) -> None:
        super().__init__(native_id, description)
        self._opened = b""
        """The greeting that this connection's password was given for: the one state that PJLink's cipher has."""
        every_s = self.setting("every_s", EVERY_S)
        self._every_s = min(max(float(every_s), 1.0), 3600.0) if isinstance(every_s, int | float) else EVERY_S
        self._inputs = [code for code in self._told("INST").split(" ") if _word(code)]
        self._class_2 = self._told("CLSS") == "2"
        self._ask_input = "2INPT ?" if self._class_2 else "1INPT ?"
        self._lamps = _lamp_count(self._told("LAMP")) or 1
        told = self.setting("notices", NOTICES)
        port = told if isinstance(told, int | float) else 0
        host = native_id.rpartition(":")[0]
        self._tells_at = f"udp:{host}:{port:.0f}" if self._class_2 and host and 0 < port < 65_536 else ""
        """Where its notices come from; "" when it sends none."""
        self._keys = frozenset(point.key for point in self.points())

    def _told(self, about: str) -> str:
        """What the projector said once; "" while it did not."""
        return text_of(dict_of(self.description.get(TOLD)).get(about), 200)

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Sniffed]:
        """Which projector answers the search."""
        if not frame.source.startswith("udp:") or not frame.data.startswith((b"%2ACKN=", b"%2LKUP=")):
            return ()
        said = MAC.fullmatch(frame.data[7:].strip())
        if said is None:
            raise Implausible(f"{frame.data[7:40]!r} is no hardware address")
        host = frame.source.removeprefix("udp:").rpartition(":")[0]
        return [Announcement(f"{host}:{cls.port}", "found", {"mac": said[0].decode().upper()}, evidence=EVIDENCE)]

    def topics(self) -> Iterable[str]:
        return (self.native_id, self._tells_at) if self._tells_at else (self.native_id,)

    def station(self) -> Station:
        # Some projectors take one connection only: it is given back between two looks.
        settings = {"idle_s": 5.0}
        if not self._tells_at:
            return Station(self.native_id, self.about.framing, greets=True, settings=settings)
        port = int(self._tells_at.rpartition(":")[2])
        tells = Station(self._tells_at, Framing("datagram"), listens=True, settings={"local_port": port})
        return Station(self.native_id, self.about.framing, greets=True, settings=settings, besides=(tells,))

    def points(self) -> Iterable[Point]:
        for point in super().points():
            if point.key in self.CLASS_2 and not self._class_2:
                continue
            if point.key == "input":
                codes = self._inputs or [f"{group}{number}" for group in "12345" for number in "123456789"]
                point = point.named("input", options=tuple(answers.input_word(code) for code in codes))
            if point.every_s is not None:
                point = point.named(point.key, every_s=self._every_s)
            if point.key != "lamp_hours" or self._told("LAMP") != "-":
                yield point
        for number in range(2, self._lamps + 1):
            yield self.lamp_hours.named(answers.lamp_key(number))
        for what in answers.TROUBLES:
            yield Point(
                kind=Kind.CHOICE, options=tuple(answers.LEVELS.values()), key=f"{what}_state", category="diagnostic"
            )

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if frame.source not in (self.native_id, self._tells_at):
            raise NotMine
        if frame.data.startswith(b"PJLINK "):
            return []
        about, said = answers.parts(frame.data)
        found = answers.readings(about, said)
        if about == "INPT" and found and (name := self._told(f"INNM {said}")):
            found.append(self.input_name(name))
        return [*self._news(about, said, frame), *(reading for reading in found if reading.point in self._keys)]

    def _news(self, about: str, said: str, frame: Frame) -> Iterable[Announcement]:
        """What of an answer is to be remembered, where it is news."""
        known: dict[str, Any] = {FIELDS[about]: said[:80]} if about in FIELDS and said not in answers.WORDS else {}
        if about == "INNM" and b"?" in frame.asked:
            about = f"INNM {frame.asked.rpartition(b'?')[2].strip().decode('ascii', 'replace')}"
        elif about == "LAMP":
            said = "-" if said == "ERR1" else " ".join(["0 0"] * _lamp_count(said))
        elif about not in (*ONCE, *ONCE_CLASS_2):
            return
        if said and said not in ("ERR3", "ERR4", self._told(about)):
            yield Announcement(self.native_id, TOLD, {about: said[:200]}, merge="add", **known)

    # -- asking -------------------------------------------------------------------------------------------

    def poll_every_s(self) -> float:
        return self._every_s

    async def poll(self, link: Link) -> None:
        state = await self._exchange(link, "1POWR ?")
        await self._exchange(link, "1ERST ?")
        if self._told("LAMP") != "-":
            await self._exchange(link, "1LAMP ?")
        known_class = self._told("CLSS") or await self._exchange(link, "1CLSS ?")
        for about in ONCE[1:]:
            if not self._told(about):
                # Asked in class 1, it leaves out the inputs that class 1 does not know.
                await self._exchange(link, f"{'2' if about == 'INST' and known_class == '2' else '1'}{about} ?")
        if state == "1":
            await self._exchange(link, self._ask_input)
            await self._exchange(link, "1AVMT ?")
        if self._class_2:
            await self._poll_class_2(link, state == "1")

    async def _poll_class_2(self, link: Link, is_on: bool) -> None:
        for about in ("FILT", "IRES", "FREZ") if is_on else ("FILT",):
            await self._exchange(link, f"2{about} ?")
        for about in ONCE_CLASS_2:
            if not self._told(about):
                await self._exchange(link, f"2{about} ?")
        for code in self._inputs:
            if not self._told(f"INNM {code}"):
                await self._exchange(link, f"2INNM ?{code}")

    async def _exchange(self, link: Link, line: str) -> str:
        """The answer to one line. LinkError when there is none, or the password is wrong."""
        for _ in range(2):
            answer, digest = await self._send(link, line)
            if not answer.startswith(b"PJLINK "):
                about, said = answers.parts(answer)
                if about != line[1:5]:
                    raise LinkError(f"{self.native_id} was asked {line!r} and answered {answer[:40]!r}")
                return said
            if digest and answer.startswith(b"PJLINK ERRA"):
                break
        raise LinkError(
            f"{self.native_id} refuses the password", hint="Give it with: sluis configure DEVICE --set password=..."
        )

    async def _send(self, link: Link, line: str) -> tuple[bytes, bytes]:
        """The answer to one line, and the password's digest before it where this connection had not had it yet."""
        greeting = (await link.request(b"", to=self.native_id, timeout_s=ANSWER_S)).data
        digest = b""
        if greeting.startswith(b"PJLINK 1 ") and self._opened != greeting:
            nonce, password = greeting[9:].strip(), text_of(self.setting("password"), 32).encode()
            digest = hashlib.md5(nonce + password, usedforsecurity=False).hexdigest().encode()
        answer = (await link.request(digest + f"%{line}\r".encode(), to=self.native_id, timeout_s=ANSWER_S)).data
        # ERRA: the connection ends. Another refusal: it had its digest before, from another of our tasks.
        self._opened = b"" if answer.startswith(b"PJLINK ERRA") else greeting
        return answer, digest

    # -- orders -------------------------------------------------------------------------------------------

    async def perform(self, link: Link, command: Command) -> None:
        line, question = self._order(command)
        said = await self._exchange(link, line)
        if said == "ERR3":
            raise self._not_now(await self._exchange(link, "1POWR ?"), command)
        if said != "OK":
            raise Refused(f"The projector says {said[:20]}: {REFUSALS.get(said, 'it did not take this')}.")
        if question:
            await self._exchange(link, question)

    def _order(self, command: Command) -> tuple[str, str]:
        """The line that does it, and the question whose answer shows it."""
        point, value = command.point, command.value
        if point == "power":
            return f"1POWR {wished_switch(point, value):d}", "1POWR ?"
        if point == "input":
            options = next(one.options for one in self.points() if one.key == "input")
            code = answers.input_code(wished_word(point, value, options))
            return f"{'2' if code[0] == '6' or code[1].isalpha() else '1'}INPT {code}", self._ask_input
        if point in ("picture_mute", "sound_mute"):
            return f"1AVMT {'1' if point == 'picture_mute' else '2'}{wished_switch(point, value):d}", "1AVMT ?"
        if point == "freeze":
            return f"2FREZ {wished_switch(point, value):d}", "2FREZ ?"
        if point in VOLUMES:
            return VOLUMES[point], ""
        raise no_such_point(point)

    def _not_now(self, state: str, command: Command) -> Refused | NotNow:
        """Why it was refused: because of where the projector is on its way, or because it is off."""
        word = answers.POWER.get(state, "")
        if word in ("warming", "cooling"):
            doing = "warms up" if word == "warming" else "cools down"
            return NotNow(f"The projector {doing}; it takes this when it is done.")
        if word == "off" and command.point != "power":
            return Refused("The projector is off.", hint="Switch it on first.")
        return Refused("The projector cannot do this now (ERR3).", hint="Look at its input and its menu.")


def _word(code: str) -> str:
    """An input as people read it; "" for what is none."""
    try:
        return answers.input_word(code)
    except FrameError:
        return ""


def _lamp_count(said: str) -> int:
    try:
        return len(answers.lamps(said))
    except FrameError:
        return 0
