"""The little language of line maps: what a device says and is told, with captures in braces.

    In{value:int} All         text as it stands, and a whole number
    a {unit} OK{value:hex2}   {unit} is put in when the map is read; two hexadecimal digits
    {_}                       anything, that nobody wants to know
    {{ }}                     braces

Types of captures: `int` digits with or without a sign, `hex` hexadecimal digits, `number` digits with or without a
decimal point, `word` letters, digits and `-_.`, `text` everything up to what stands behind the capture (or to the end);
`int3`, `hex2`, `text4` are exactly so many characters. A capture without a type takes one of the words of its point.

Templates come from strangers, so there are no regular expressions in them: a line is read from left to right, once, and
never gone back in. Reading costs at most the line's length times the template's parts.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAX_TEMPLATE = 512
"""Characters. The longest lines of AV devices have some 100."""

MAX_DIGITS = 12
"""Digits of a number without a fixed width."""

MAX_WIDTH = 80
"""Characters of a word, and of anything with a fixed width."""

DIGITS = frozenset(string.digits)
CHARACTERS: Mapping[str, frozenset[str]] = {
    "int": DIGITS,
    "hex": frozenset(string.hexdigits),
    "number": DIGITS | {"."},
    "word": frozenset(string.ascii_letters + string.digits + "-_."),
}
TYPES = (*CHARACTERS, "text")
IGNORED = "_"

_PLACE = re.compile(r"\{\{|\}\}|\{([a-z_][a-z0-9_]*)(?::([a-z]+)([0-9]*))?\}|[{}]")
"""For the template itself, whose length is bounded; no part of it can be matched in two ways."""


@dataclass(frozen=True, slots=True)
class Capture:
    """A place in a line where something stands."""

    name: str
    type: str = ""
    """"" for one of `words`."""
    width: int = 0
    words: tuple[str, ...] = ()
    """Longest first."""
    until: str = ""
    """For `text`: the plain text behind it; "" for the end of the line."""

    def taken(self, line: str, at: int) -> int:
        """Where what stands at `at` ends; -1 when it does not fit."""
        if not self.type:
            return next((at + len(word) for word in self.words if line.startswith(word, at)), -1)
        if self.type == "text" and self.width:
            return at + self.width if at + self.width <= len(line) else -1
        if self.type == "text":
            return line.find(self.until, at) if self.until else len(line)
        start = at + (self.type in ("int", "number") and line[at : at + 1] in ("+", "-"))
        allowed = CHARACTERS[self.type]
        longest = min(
            len(line), at + self.width if self.width else start + (MAX_DIGITS if self.type != "word" else MAX_WIDTH)
        )
        end = start
        while end < longest and line[end] in allowed:
            end += 1
        return end if end > start and (not self.width or end == at + self.width) else -1

    def written(self, value: str | float) -> str:
        """How a value is sent. ValueError when it cannot be."""
        if isinstance(value, str):
            return value
        if self.type in ("", "number", "text", "word"):
            return f"{value:.10g}"
        whole = round(value)
        text = f"{whole:0{self.width}d}" if self.type == "int" else f"{whole:0{self.width}X}"
        if (self.width and len(text) != self.width) or (whole < 0 and self.type == "hex"):
            raise ValueError(f"{value:g} does not fit into {self.width} characters")
        return text


@dataclass(frozen=True, slots=True)
class Template:
    """Plain text and captures, in order."""

    parts: tuple[str | Capture, ...]

    def read(self, line: str) -> dict[str, str] | None:
        """What stands at each capture, by name; None when the line is another."""
        at = 0
        found: dict[str, str] = {}
        for part in self.parts:
            if isinstance(part, str):
                if not line.startswith(part, at):
                    return None
                at += len(part)
                continue
            end = part.taken(line, at)
            if end < 0:
                return None
            if part.name != IGNORED:
                found[part.name] = line[at:end]
            at = end
        return found if at == len(line) else None

    def write(self, value: str | float = "") -> str:
        """The line to send, with `value` at every capture. ValueError when it cannot stand there."""
        return "".join(part if isinstance(part, str) else part.written(value) for part in self.parts)

    @property
    def captures(self) -> tuple[Capture, ...]:
        return tuple(part for part in self.parts if isinstance(part, Capture))


def template(text: str, fixed: Mapping[str, str], words: Mapping[str, Sequence[str]]) -> Template:
    """The template that a text is. `fixed` are names that are put in now, `words` what may stand at captures without a
    type. ValueError says what is wrong."""
    if len(text) > MAX_TEMPLATE:
        raise ValueError(f"is longer than {MAX_TEMPLATE} characters")
    parts: list[str | Capture] = []
    for piece in _pieces(text, fixed, words):
        if isinstance(piece, str) and parts and isinstance(parts[-1], str):
            parts[-1] += piece
        elif piece != "":
            parts.append(piece)
    return Template(tuple(_bounded(parts)))


def _pieces(text: str, fixed: Mapping[str, str], words: Mapping[str, Sequence[str]]) -> list[str | Capture]:
    pieces: list[str | Capture] = []
    at = 0
    for found in _PLACE.finditer(text):
        pieces.append(text[at : found.start()])
        at = found.end()
        name, type_, width = found.group(1), found.group(2) or "", found.group(3) or ""
        if found.group() in ("{{", "}}"):
            pieces.append(found.group()[0])
        elif not name:
            raise ValueError(
                f"has a {found.group()} that belongs to nothing; write {found.group() * 2} for the brace itself"
            )
        elif name in fixed and not type_:
            pieces.append(fixed[name])
        else:
            pieces.append(_capture(name, type_, width, words))
    return [*pieces, text[at:]]


def _capture(name: str, type_: str, width: str, words: Mapping[str, Sequence[str]]) -> Capture:
    if type_ and type_ not in TYPES:
        raise ValueError(f"{type_!r} is no type; there are {', '.join(TYPES)}")
    if width and (type_ == "number" or len(width) > 2 or not 0 < int(width) <= MAX_WIDTH):
        raise ValueError(f"{type_}{width}: a width is 1 to {MAX_WIDTH}, and a number has none")
    if not type_ and name == IGNORED:
        type_ = "text"
    if not type_ and not words.get(name):
        raise ValueError(f"{{{name}}} needs a type ({', '.join(TYPES)}), as its point has no values")
    return Capture(name, type_, int(width or 0), tuple(sorted(words.get(name, ()), key=len, reverse=True)))


def _bounded(parts: Sequence[str | Capture]) -> list[str | Capture]:
    """The parts, where each `text` knows what stands behind it. ValueError where that is another capture."""
    bounded: list[str | Capture] = []
    for part, behind in zip(parts, [*parts, ""][1:], strict=True):
        if isinstance(part, Capture) and part.type == "text" and not part.width:
            if not isinstance(behind, str):
                raise ValueError("has a text with another capture right behind it: where would it end?")
            part = Capture(part.name, part.type, until=behind)
        bounded.append(part)
    return bounded
