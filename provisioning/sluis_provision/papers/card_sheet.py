"""An instruction card on paper."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from html import escape

import segno
from markdown_it.token import Token
from reportlab.lib.pagesizes import A5
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Image, ListFlowable, Paragraph, SimpleDocTemplate, Spacer

from sluis_provision.papers.cards import checked, reader
from sluis_provision.papers.type import ready
from sluis_provision.papers.words import Words

MARGIN = 14 * mm

STYLES = {
    "h1": ParagraphStyle("h1", fontName="sluis-bold", fontSize=18, leading=22, spaceAfter=8),
    "h2": ParagraphStyle("h2", fontName="sluis-bold", fontSize=12, leading=15, spaceBefore=8, spaceAfter=3),
    "text": ParagraphStyle("text", fontName="sluis", fontSize=10, leading=14, spaceAfter=3),
    "small": ParagraphStyle("small", fontName="sluis", fontSize=8, leading=10),
}


def card_pdf(text: str, *, language: str, code: str = "", number: str = "") -> bytes:
    """The card on A5 with a QR code of `code` below. ProvisionError when it is too long."""
    ready()
    words, out = Words(language), io.BytesIO()
    story = list(_flow(reader().parse(checked(text))))
    if code:
        story += [Spacer(0, 6 * mm), _code(code), Paragraph(escape(words("scan")), STYLES["small"])]
    if number:
        story.append(Paragraph(f"{escape(words('number'))}: {escape(number)}", STYLES["small"]))
    document = SimpleDocTemplate(
        out,
        pagesize=A5,
        title=_title(text),
        invariant=True,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
    )
    document.build(story)
    return out.getvalue()


def _title(text: str) -> str:
    return text.lstrip("# \n").partition("\n")[0]


def _flow(tokens: Sequence[Token]) -> Iterator[Flowable]:
    """Markdown's tokens as paragraphs and lists. Lists in lists are set as one."""
    style, items, kinds = "text", list[Flowable](), list[str]()
    for token in tokens:
        if token.type == "heading_open":
            style = "h1" if token.tag == "h1" else "h2"
        elif token.type in ("bullet_list_open", "ordered_list_open"):
            kinds.append("1" if token.type.startswith("ordered") else "bullet")
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            kind = kinds.pop()
            if not kinds and items:
                yield ListFlowable(items, bulletType=kind, bulletFontName="sluis", bulletFontSize=10, leftIndent=14)
                items = []
        elif token.type in ("inline", "fence", "code_block"):
            paragraph = Paragraph(_inline(token), STYLES[style])
            style = "text"
            if kinds:
                items.append(paragraph)
            else:
                yield paragraph


def _inline(token: Token) -> str:
    """One paragraph in the PDF library's small mark-up."""
    marks = {"strong_open": "<b>", "strong_close": "</b>", "em_open": "<u>", "em_close": "</u>"}
    marks |= {"softbreak": " ", "hardbreak": "<br/>"}
    if token.children is None:
        return escape(token.content)
    return "".join(marks.get(child.type, escape(child.content)) for child in token.children)


def _code(code: str) -> Image:
    picture = io.BytesIO()
    segno.make_qr(code, error="m").save(picture, kind="png", scale=8, border=4)
    picture.seek(0)
    return Image(picture, 32 * mm, 32 * mm, hAlign="LEFT")
