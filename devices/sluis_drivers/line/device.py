"""Any device that talks in lines of text, on a serial line or over TCP, by a map of its dialogue.

Models: those of the maps in `maps/` (Extron SIS, LG, NEC, Sony, Denon and Marantz), and any other by a map of one's own
(docs/drivers/line-device.md).

    Q e          a question or an order, to the device
    A E          a line of the device: an answer, an acknowledgement, an error, or something it says by itself
    Q C e, A C E the same with a check byte, where the map says so: C all bytes xor-ed or added, modulo 256

    Q, A text of the map's templates | e, E ends of lines of the map

An answer that does not say what it is about is read by its question (`Frame.asked`). Lines are bytes: each stands for
the character of that number (Latin-1).
"""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sluis.model import ConfigError, LinkError, OutOfRange, Refused, Value
from sluis.sdk import (
    About,
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
    Occurrence,
    Point,
    Reading,
    Station,
    Truncated,
)
from sluis.sdk.payload import no_such_point, text_of, wished_number, wished_switch, wished_word
from sluis_drivers.line.mapping import Dialogue, LineMap, parsed, shipped

CUSTOM = "custom"
TELNET = re.compile(rb"\xff[\xfb-\xfe].|\xff[\xf0-\xfa]", re.DOTALL)
"""Option negotiation of telnet servers (RFC 854): it is not part of any line. Nobody answers it: AV devices send it for
good form and talk on."""
TEXT_MAX = 200
"""Characters of a text that may be sent."""


class LineDevice(Driver):
    """One device. Its native id is `HOST:PORT`, or `LINK/NAME` on a serial line."""

    about = About(
        key="line-device",
        vendor="",
        models=(),
        match=LinkMatch(kinds=("serial", "net")),
        sources=("what stands in `source` of each map", "RFC 854 (telnet), option negotiation"),
        grade=Grade.SILVER,
        setup=(
            Ask("map", "Map of its dialogue", options=(*shipped(), CUSTOM), required=True, hint="Which family is it?"),
            Ask(CUSTOM, "Own map", hint="TOML; where the map is `custom`. See docs/drivers/line-device.md."),
            Ask(
                "unit",
                "Its number or letter on the line",
                hint="Where several share a line; the map has the usual one.",
            ),
            Ask("password", "Password, where the device wants one", secret=True),
            Ask("every_s", "Ask every (s)", Kind.NUMBER, default=0, hint="0: as often as the map says."),
        ),
        sdk=2,
    )

    def __init__(self, native_id: str = "", description: Mapping[str, Any] | None = None) -> None:
        super().__init__(native_id, description)
        self._map = self._told_map()
        told = self.setting("every_s", 0)
        self._every_s = max(1.0, float(told)) if isinstance(told, int | float) and told > 0 else self._map.every_s
        self._questions: dict[bytes, list[Dialogue]] = {}
        for dialogue in self._map.dialogues.values():
            if dialogue.ask:
                self._questions.setdefault(self._sent(dialogue.ask), []).append(dialogue)

    def _told_map(self) -> LineMap:
        name = self.setting("map")
        if not name:
            return LineMap()
        if name != CUSTOM and name not in shipped():
            raise ConfigError(f"there is no map {name!r}", where=f"{self.about.key}: map", allowed=", ".join(shipped()))
        text = str(self.setting(CUSTOM)) if name == CUSTOM else shipped()[name]
        if not text.strip():
            raise ConfigError("is missing; the map is to be a custom one", where=f"{self.about.key}: {CUSTOM}")
        return parsed(text, name, text_of(str(self.setting("unit"))), text_of(self.setting("password")))

    def product(self) -> tuple[str, str]:
        return self._map.vendor, self._map.name.removeprefix(self._map.vendor).strip()

    def station(self) -> Station:
        settings = {"answer_s": self._map.answer_s, "turn_round_s": self._map.gap_s, "idle_s": self._map.idle_s}
        opening = tuple(self._sent(line) for line in self._map.opening)
        return Station(
            self.native_id,
            Framing("line", end=self._map.end, max_bytes=1024),
            listens=self._map.speaks,
            greets=self._map.greets,
            settings={**settings, "opening": opening} if opening else settings,
        )

    def points(self) -> Iterable[Point]:
        for dialogue in self._map.dialogues.values():
            point = dialogue.point
            yield point if point.every_s is None else point.named(point.key, every_s=self._every_s)

    # -- what it says -------------------------------------------------------------------------------------

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if frame.source != self.native_id:
            raise NotMine
        line = self._line(frame.data)
        asked = self._questions.get(frame.asked, [])
        found = [item for one in self._map.dialogues.values() for item in self._read(one, line, one in asked)]
        if found:
            return list(dict.fromkeys(found))
        if self._refusal(line) or any(one.read(line) is not None for one in self._map.ignore):
            return []
        if any(dialogue.answers for dialogue in asked):
            raise Implausible(f"{line!r:.60} is no answer to {frame.asked!r:.40}")
        if frame.asked and frame.asked not in self._questions:
            return []  # the acknowledgement of an order
        raise NotMine

    def _line(self, data: bytes) -> str:
        """A line without telnet's negotiation and without its check byte. Truncated or BadChecksum."""
        plain = TELNET.sub(b"", data) if data[:1] == b"\xff" else data
        if not self._map.check:
            return plain.decode("latin-1")
        if len(plain) <= self._map.check_skip + 1:
            raise Truncated(f"a line of {len(plain)} bytes")
        for whole in (plain, plain + self._map.end[:1]):  # a check byte that looks like the end of a line ended it
            body, check = whole[:-1], whole[-1]
            if self._check(body) == check:
                return body.decode("latin-1")
        raise BadChecksum(f"check byte {plain[-1]:02X}, but it has to be {self._check(plain[:-1]):02X}")

    def _check(self, body: bytes) -> int:
        add = operator.xor if self._map.check == "xor" else operator.add
        return functools.reduce(add, body[self._map.check_skip :], 0) & 0xFF

    def _read(self, dialogue: Dialogue, line: str, is_asked: bool) -> Iterator[Reading | Occurrence]:
        """What the first of a dialogue's rules that fits says."""
        for rule in (*(dialogue.answers if is_asked else ()), *dialogue.hears):
            found = rule.template.read(line)
            if found is not None:
                types = {capture.name: capture.type for capture in rule.template.captures}
                for name, text in found.items():
                    about = dialogue if name == "value" else self._map.dialogues[name]
                    value = _value(about, types[name], text, rule.scale)
                    yield about.point.occurred(str(value)) if about.point.kind is Kind.TRIGGER else about.point(value)
                return

    def _refusal(self, line: str) -> str:
        """Why the device says no; "" when it does not."""
        return next((sentence for one, sentence in self._map.errors if one.read(line) is not None), "")

    # -- what it is told ----------------------------------------------------------------------------------

    def poll_every_s(self) -> float | None:
        return self._every_s if self._questions else None

    async def poll(self, link: Link) -> None:
        """Ask everything. A device that answers nothing costs one question; one that leaves some out is there."""
        answered = False
        for question in self._questions:
            try:
                await link.request(question, to=self.native_id, timeout_s=self._map.answer_s)
                answered = True
            except LinkError:
                if not answered:
                    raise

    async def perform(self, link: Link, command: Command) -> None:
        dialogue = self._map.dialogues.get(command.point)
        if dialogue is None or not dialogue.point.writable:
            raise no_such_point(command.point)
        line = _order(dialogue, command.value)
        if self._map.send_end in line:
            raise OutOfRange(f"{command.point}: what ends a line cannot stand in one")
        order = self._sent(line)
        if self._map.acknowledges:
            answer = await link.request(order, to=self.native_id, timeout_s=self._map.answer_s)
            refusal = self._refusal(self._line(answer.data))
            if refusal:
                raise Refused(f"The device says: {refusal}")
        else:
            await link.send(order, to=self.native_id)
        if dialogue.ask:
            await self._confirm(link, dialogue)

    async def _confirm(self, link: Link, dialogue: Dialogue) -> None:
        """Ask what came of it. Many a device says nothing for a while when it was switched on or off: then the next
        poll tells."""
        try:
            await link.request(self._sent(dialogue.ask), to=self.native_id, timeout_s=self._map.answer_s)
        except LinkError:
            return

    def _sent(self, line: bytes) -> bytes:
        check = bytes([self._check(line)]) if self._map.check else b""
        return line + check + self._map.send_end


def _value(dialogue: Dialogue, type_: str, text: str, scale: float) -> Value:
    """What a capture says. Implausible when it is nothing for this point."""
    point = dialogue.point
    if not type_ or dialogue.values:
        known = next((value for value, wires in dialogue.values.items() if text in wires), None)
        if known is None:
            raise Implausible(f"{text!r:.40} is no value of {point.key}")
        return known == "on" if point.kind is Kind.SWITCH else known
    if point.kind is not Kind.NUMBER:
        return text[:TEXT_MAX].strip()
    try:
        number = int(text, 16) if type_ == "hex" else float(text) if "." in text or type_ == "number" else int(text)
    except ValueError:
        raise Implausible(f"{text!r:.40} is no number") from None
    number = number * (scale if scale != 1 else dialogue.scale) + dialogue.offset
    return int(number) if isinstance(number, float) and number.is_integer() else round(number, 9)


def _order(dialogue: Dialogue, value: Value | None) -> bytes:
    """The line that makes a point take a value. OutOfRange when there is none."""
    point = dialogue.point
    if point.kind is Kind.SWITCH:
        word = "on" if wished_switch(point.key, value) else "off"
    elif point.options:
        word = wished_word(point.key, value, point.options)
    else:
        word = ""
    if dialogue.sets:
        if word not in dialogue.sets:
            raise OutOfRange(f"{point.key} cannot be set to {word!r}", hint=f"One of: {', '.join(dialogue.sets)}")
        return dialogue.sets[word]
    assert dialogue.set is not None  # a writable point has one or the other
    try:
        return dialogue.set.write(_wire(dialogue, word, value)).encode("latin-1")
    except ValueError as error:
        raise OutOfRange(f"{point.key}: {error}") from None


def _wire(dialogue: Dialogue, word: str, value: Value | None) -> str | float:
    """How a value stands in a line."""
    point = dialogue.point
    if word:
        return dialogue.values[word][0]
    if point.kind is Kind.NUMBER:
        return (wished_number(point.key, value) - dialogue.offset) / dialogue.scale
    if point.kind is Kind.TRIGGER:
        return ""
    text = wished_word(point.key, value)
    if len(text) > TEXT_MAX or not text.isprintable():
        raise OutOfRange(f"{point.key} takes one line of at most {TEXT_MAX} characters")
    return text
