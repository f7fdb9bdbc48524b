"""Labels: a QR code with the device's page and what sets it up, and beside it what a person wants to read.

One layout, two pens: PDF for sheets, PNG for label printers. The PNG is black and white at the printer's own dots,
because a thermal head knows no grey, and a code whose modules fall between dots is not read.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

import segno
from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from sluis.model import ProvisionError
from sluis_provision.papers.sizes import Sheet, Tape
from sluis_provision.papers.type import Face, face, fitted

QUIET = 4
"""Modules of white around a code (ISO/IEC 18004). Less and readers miss codes on dark surfaces."""

MODULE_MM = 0.25
"""The smallest module that phones still read at arm's length from a 203 dpi print. Smaller and a label is printed that
nobody can scan; the code should then carry less, or the label be larger."""

TITLE_PT, LINE_PT, SMALLEST_PT = 11.0, 8.0, 4.5


@dataclass(frozen=True, slots=True)
class Label:
    """What one label says: a title, some lines below it, and the text of its code."""

    title: str
    lines: tuple[str, ...]
    code: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text; `x` from the left, `base` its baseline from the top, in points."""

    x: float
    base: float
    text: str
    size: float
    font: Face


class Pen(Protocol):
    """Draws on one label; all in points, from the label's top left."""

    def bar(self, x: float, y: float, width: float, height: float) -> None: ...
    def text(self, line: Line) -> None: ...


def label_sheet(labels: Sequence[Label], sheet: Sheet, *, skip: int = 0, copies: int = 1) -> bytes:
    """A PDF of all labels on sheets, after `skip` places that were used up before.

    ProvisionError when a code is too dense for the label.
    """
    if not 0 <= skip < sheet.count:
        raise ProvisionError(f"a sheet has {sheet.count} labels; {skip} cannot be skipped")
    out = io.BytesIO()
    width, height = (side * mm for side in sheet.page)
    canvas = Canvas(out, pagesize=(width, height), invariant=True)
    canvas.setTitle("Labels")
    wanted = [label for label in labels for _ in range(copies)]
    for place, label in enumerate(wanted, skip):
        if place % sheet.count == 0 and place > skip:
            canvas.showPage()
        left, top = sheet.corner(place)
        _draw(label, (sheet.label[0] * mm, sheet.label[1] * mm), _PdfPen(canvas, left * mm, height - top * mm), 0.0)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def label_png(label: Label, tape: Tape) -> bytes:
    """A PNG of one bit per dot, at the printer's resolution (which it names). ProvisionError as above."""
    dot = 72 / tape.dpi
    size = (tape.label[0] * mm, tape.label[1] * mm)
    image = Image.new("1", (round(size[0] / dot), round(size[1] / dot)), 1)
    _draw(label, size, _PngPen(ImageDraw.Draw(image), dot), dot)
    out = io.BytesIO()
    image.save(out, "PNG", dpi=(tape.dpi, tape.dpi), optimize=True)
    return out.getvalue()


def _draw(label: Label, size: tuple[float, float], pen: Pen, dot: float) -> None:
    """`dot` is what sizes of modules must be a multiple of, in points; 0 for any."""
    width, height = size
    margin = max(1.2 * mm, height * 0.04)
    room = min(height - 2 * margin, width * 0.48)
    modules = tuple(segno.make_qr(label.code, error="m").matrix)
    across = len(modules) + 2 * QUIET
    module = room / across if not dot else int(room / across / dot) * dot
    if module < MODULE_MM * mm:
        raise ProvisionError(
            f"the code of {label.title!r} is too dense for a label of {width / mm:.0f} x {height / mm:.0f} mm",
            hint="Take a larger label.",
        )
    top = (height - module * across) / 2
    for y, row in enumerate(modules):
        for x, count in _runs(row):
            pen.bar(margin + (x + QUIET) * module, top + (y + QUIET) * module, count * module, module)
    left = margin + module * across
    for line in _lines(label, left, width - left - margin, height - 2 * margin, margin):
        pen.text(line)


def _runs(row: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(start, count) of the dark modules: neighbours are drawn as one, so that no hairline is left between them."""
    x = 0
    for dark, run in groupby(row):
        count = len(list(run))
        if dark:
            yield x, count
        x += count


def _lines(label: Label, left: float, room: float, height: float, margin: float) -> Iterator[Line]:
    """Title and lines, spread from the top; what does not fit below is left out, the last lines first."""
    base = margin
    for number, text in enumerate((label.title, *label.lines)):
        bold = number == 0
        text, size = fitted(text, face(bold=bold), room, TITLE_PT if bold else LINE_PT, SMALLEST_PT)
        base += size * 1.25
        if base > margin + height:
            return
        yield Line(left, base, text, size, face(bold=bold))


class _PdfPen:
    """A PDF counts upwards from the page's bottom."""

    def __init__(self, canvas: Canvas, left: float, top: float) -> None:
        self.canvas, self.left, self.top = canvas, left, top

    def bar(self, x: float, y: float, width: float, height: float) -> None:
        self.canvas.rect(self.left + x, self.top - y - height, width, height, stroke=0, fill=1)

    def text(self, line: Line) -> None:
        self.canvas.setFont(line.font.name, line.size)
        self.canvas.drawString(self.left + line.x, self.top - line.base, line.text)


class _PngPen:
    """Dots count downwards, and bars take whole dots."""

    def __init__(self, draw: ImageDraw.ImageDraw, dot: float) -> None:
        self.draw, self.dot = draw, dot

    def bar(self, x: float, y: float, width: float, height: float) -> None:
        left, top = round(x / self.dot), round(y / self.dot)
        right, bottom = left + round(width / self.dot) - 1, top + round(height / self.dot) - 1
        self.draw.rectangle((left, top, right, bottom), fill=0)

    def text(self, line: Line) -> None:
        font = ImageFont.truetype(str(line.font.file), line.size / self.dot)
        self.draw.text((line.x / self.dot, line.base / self.dot), line.text, font=font, fill=0, anchor="ls")
