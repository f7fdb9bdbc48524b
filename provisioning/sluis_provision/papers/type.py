"""Type for paper: fonts that are embedded, and text that fits its place.

DejaVu Sans where Debian has it (most scripts of the world), else Bitstream Vera, its Latin ancestor that comes with the
PDF library. Both are free to embed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import reportlab
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

DEJAVU = Path("/usr/share/fonts/truetype/dejavu")
VERA = Path(reportlab.__file__).parent / "fonts"

ELLIPSIS = "…"


@dataclass(frozen=True, slots=True)
class Face:
    """A font by the name that a PDF knows it by, and its file."""

    name: str
    file: Path

    def width(self, text: str, size_pt: float) -> float:
        """In points."""
        return float(pdfmetrics.stringWidth(text, self.name, size_pt))


@cache
def face(*, bold: bool = False) -> Face:
    """The house's font, ready for the PDF library."""
    dejavu = DEJAVU / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")
    file = dejavu if dejavu.is_file() else VERA / ("VeraBd.ttf" if bold else "Vera.ttf")
    name = "sluis-bold" if bold else "sluis"
    pdfmetrics.registerFont(TTFont(name, str(file)))
    return Face(name, file)


@cache
def ready() -> None:
    """Make the font's upright and bold one family, for running text."""
    upright, bold = face().name, face(bold=True).name
    pdfmetrics.registerFontFamily(upright, normal=upright, bold=bold, italic=upright, boldItalic=bold)


def fitted(text: str, font: Face, room_pt: float, largest_pt: float, smallest_pt: float) -> tuple[str, float]:
    """The text at the largest size at which it fits; cut with an ellipsis when it fits at none."""
    size = largest_pt
    while size > smallest_pt and font.width(text, size) > room_pt:
        size = max(smallest_pt, size - 0.5)
    if font.width(text, size) <= room_pt:
        return text, size
    while text and font.width(text + ELLIPSIS, size) > room_pt:
        text = text[:-1]
    return text.rstrip() + ELLIPSIS, size


def wrapped(text: str, font: Face, size_pt: float, room_pt: float, lines: int) -> list[str]:
    """At most `lines` lines of at most the room's width; the last is cut with an ellipsis when there is more."""
    found: list[str] = []
    words = text.split()
    while words and len(found) < lines:
        line = words.pop(0)
        while words and font.width(f"{line} {words[0]}", size_pt) <= room_pt:
            line += " " + words.pop(0)
        if words and len(found) == lines - 1:
            line = " ".join([line, *words])
            words = []
        found.append(fitted(line, font, room_pt, size_pt, size_pt)[0])
    return found
