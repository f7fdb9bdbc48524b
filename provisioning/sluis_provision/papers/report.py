"""The commissioning report: a certificate on paper, with room for pictures and a signature."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from PIL import Image as Picturing
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Image, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from sluis.model import ProvisionError
from sluis_provision.papers.certificate import Certificate, Check, Result, print_of
from sluis_provision.papers.type import face, ready
from sluis_provision.papers.words import Words

MARGIN = 16 * mm
ROOM = A4[0] - 2 * MARGIN

COLUMNS = (0.2, 0.24, 0.16, 0.16, 0.11, 0.13)
"""Shares of the width: device, check, expected, found, result, note."""

PICTURE_PX = 1_600
"""Longest side of a picture in the report. More makes a file too large to mail; a picture has a third of a page."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A photograph (JPEG or PNG) and what it shows."""

    data: bytes
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What is printed: the certificate, and what only paper has."""

    certificate: Certificate
    zone: datetime
    """Any aware time of the gateway's zone: times are printed as the clock on the wall said."""
    pictures: tuple[Picture, ...] = ()


def report_pdf(report: Report, language: str) -> bytes:
    """The report on A4. ProvisionError when a picture cannot be read."""
    ready()
    words, out, certificate = Words(language), io.BytesIO(), report.certificate
    title = f"{words('report')}: {certificate.room}"
    story = [Paragraph(escape(title), TITLE), *_head(report, words), *_checks(certificate.checks, words)]
    story += [_picture(picture) for picture in report.pictures]
    story.append(_signature(certificate, words))

    def foot(canvas: Canvas, page: object) -> None:
        canvas.setFont(face().name, 7)
        canvas.drawString(MARGIN, MARGIN, words("print", print=print_of(certificate)))
        canvas.drawRightString(A4[0] - MARGIN, MARGIN, words("page", page=canvas.getPageNumber()))

    document = SimpleDocTemplate(
        out,
        pagesize=A4,
        title=title,
        invariant=True,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN + 6 * mm,
    )
    document.build(story, onFirstPage=foot, onLaterPages=foot)
    return out.getvalue()


TITLE = ParagraphStyle("title", fontName="sluis-bold", fontSize=18, leading=22, spaceAfter=8)
TEXT = ParagraphStyle("text", fontName="sluis", fontSize=9, leading=12)
CELL = ParagraphStyle("cell", fontName="sluis", fontSize=7.5, leading=9.5, splitLongWords=True)
BOLD = ParagraphStyle("bold", parent=CELL, fontName="sluis-bold")
GRID = TableStyle(
    [
        ("LINEBELOW", (0, 0), (-1, 0), 0.8, colors.black),
        ("LINEBELOW", (0, 1), (-1, -1), 0.25, colors.lightgrey),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 2),
        ("RIGHTPADDING", (0, 0), (-1, -1), 2),
    ]
)


def _head(report: Report, words: Words) -> Iterator[Flowable]:
    certificate = report.certificate
    when = datetime.fromtimestamp(certificate.signed_at_us / 1e6, report.zone.tzinfo)
    for key, value in (
        ("site", certificate.site),
        ("room", certificate.room),
        ("date", f"{when:%Y-%m-%d %H:%M %Z}"),
        ("technician", certificate.technician),
    ):
        yield Paragraph(f"<b>{escape(words(key))}</b>: {escape(value)}", TEXT)
    yield Spacer(0, 4 * mm)
    count = {"passed": certificate.passed, "total": len(certificate.checks)}
    yield Paragraph(words("summary", **count) if certificate.checks else words("none"), TEXT)
    yield Spacer(0, 3 * mm)


def _checks(checks: Sequence[Check], words: Words) -> Iterator[Flowable]:
    if not checks:
        return
    heads = [Paragraph(escape(words(key)), BOLD) for key in ("device", "check", "expected", "found", "result", "note")]
    rows = [heads]
    for check in checks:
        result = Paragraph(escape(words(check.result)), CELL if check.result is Result.PASSED else BOLD)
        told = [Paragraph(escape(text), CELL) for text in (check.what, check.expected, check.found)]
        rows.append([_device(check, words), *told, result, Paragraph(escape(check.note), CELL)])
    yield Table(rows, [share * ROOM for share in COLUMNS], repeatRows=1, style=GRID)


def _device(check: Check, words: Words) -> Paragraph:
    more = [check.model, check.serial and f"{words('serial')} {check.serial}"]
    more += [check.firmware and f"{words('firmware')} {check.firmware}"]
    more += [f"{words('signal')} {check.rssi_dbm:.0f} dBm" if check.rssi_dbm is not None else ""]
    lines = [f"<b>{escape(check.name)}</b>", *(escape(text) for text in more if text)]
    return Paragraph("<br/>".join(lines), CELL)


def _picture(picture: Picture) -> Flowable:
    try:
        image = Picturing.open(io.BytesIO(picture.data))
        image.thumbnail((PICTURE_PX, PICTURE_PX))
    except (OSError, ValueError, Picturing.DecompressionBombError) as error:
        raise ProvisionError("a picture cannot be read", hint="Give JPEG or PNG files.") from error
    held = io.BytesIO()
    image.convert("RGB").save(held, "JPEG", quality=80)
    held.seek(0)
    width = ROOM * 0.6
    height = width * image.height / image.width
    if height > A4[1] / 3:
        width, height = width * A4[1] / 3 / height, A4[1] / 3
    drawn = Image(held, width, height, hAlign="LEFT")
    return KeepTogether([Spacer(0, 5 * mm), drawn, Paragraph(escape(picture.caption), CELL)])


def _signature(certificate: Certificate, words: Words) -> Flowable:
    heads = [Paragraph(escape(words(key)), CELL) for key in ("technician", "signature", "date")]
    cells = [heads, [Paragraph(escape(certificate.technician), TEXT), Paragraph("", TEXT), Paragraph("", TEXT)]]
    lines = TableStyle([("LINEBELOW", (0, 1), (-1, 1), 0.6, colors.black), ("VALIGN", (0, 1), (-1, 1), "BOTTOM")])
    widths = [0.35 * ROOM, 0.4 * ROOM, 0.25 * ROOM]
    return KeepTogether([Spacer(0, 10 * mm), Table(cells, widths, [12, 16 * mm], style=lines)])
