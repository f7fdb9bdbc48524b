"""Instruction cards: one page for the people who use a device, made from what it offers, and theirs to change.

A card is Markdown: what is generated is only its first version, and whoever edits it needs no editor of ours. HTML in
it is shown as text, and pictures and links to elsewhere are not followed, because a card is read without an account.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape

import segno
from markdown_it import MarkdownIt
from markdown_it.token import Token
from reportlab.lib.pagesizes import A5
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Image, ListFlowable, Paragraph, SimpleDocTemplate, Spacer

from sluis.model import Kind, ProvisionError
from sluis_provision.papers.type import ready
from sluis_provision.papers.words import Words

MARGIN = 14 * mm

MOST_CHARACTERS = 4_000
"""Of a card's text. More does not fit on two sides of A5, and then nobody reads it."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A point as its users know it: its name in their language, and what can be done with it."""

    name: str
    kind: Kind
    unit: str = ""
    writable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CardSource:
    """What a first card is made from."""

    name: str
    what: str
    """Vendor and model, or what kind of thing it is."""
    area: str
    offers: tuple[Offer, ...]
    number: str = ""
    """Asset number, to be named in a report."""
    contact: str = ""
    """Whom to tell; "" for a general word."""


def first_card(source: CardSource, language: str) -> str:
    """A card's first version, as Markdown."""
    words = Words(language)
    contact = source.contact or words("contact")
    told = [offer for offer in source.offers if not offer.writable and offer.kind is not Kind.TRIGGER]
    parts = [f"# {_plain(source.name)}", f"## {words('about')}"]
    where = {"what": _plain(source.what or source.name), "area": _plain(source.area)}
    parts.append(words("is" if source.area else "is_nowhere", **where))
    parts += [f"## {words('use')}", "\n".join(_uses(source.offers, words)) or words("use_none")]
    if told:
        parts += [f"## {words('see')}", "\n".join(f"- {_told(offer, words)}" for offer in told)]
    report = {"contact": _plain(contact), "number": _plain(source.number)}
    steps = (
        words("broken_page"),
        words("broken_power"),
        words("broken_report" if source.number else "broken_report_bare", **report),
    )
    parts += [f"## {words('broken')}", "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))]
    return "\n\n".join(parts) + "\n"


def card_html(text: str) -> str:
    """The card as HTML, safe to put in a page. ProvisionError when it is too long."""
    return str(_reader().render(_checked(text)))


def card_pdf(text: str, *, language: str, code: str = "", number: str = "") -> bytes:
    """The card on A5 with a QR code of `code` below. ProvisionError when it is too long."""
    ready()
    words, out = Words(language), io.BytesIO()
    story = list(_flow(_reader().parse(_checked(text))))
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


def _uses(offers: Sequence[Offer], words: Words) -> Iterator[str]:
    for offer in offers:
        if not offer.writable:
            continue
        point = {"point": _plain(offer.name)}
        if offer.kind is Kind.NUMBER and offer.minimum is not None and offer.maximum is not None:
            span = {"minimum": f"{offer.minimum:g}", "maximum": f"{offer.maximum:g}", "unit": _plain(offer.unit)}
            yield "- " + words("use_number", **point, **span).replace("  ", " ")
        elif offer.kind in (Kind.NUMBER, Kind.TEXT):
            yield "- " + words("use_number_open", **point)
        elif offer.kind is Kind.CHOICE:
            yield "- " + words("use_choice", **point, options=", ".join(map(_plain, offer.options)))
        else:
            yield "- " + words("use_switch" if offer.kind is Kind.SWITCH else "use_trigger", **point)


def _told(offer: Offer, words: Words) -> str:
    key = "see_one" if offer.unit else "see_plain"
    return words(key, point=_plain(offer.name), unit=_plain(offer.unit))


def _plain(text: str) -> str:
    """Text that Markdown leaves as it is."""
    return "".join("\\" + sign if sign in "\\`*_[]<>#&!|~" else sign for sign in " ".join(text.split()))


def _title(text: str) -> str:
    return text.lstrip("# \n").partition("\n")[0]


def _checked(text: str) -> str:
    if len(text) > MOST_CHARACTERS:
        raise ProvisionError(
            f"a card has at most {MOST_CHARACTERS} characters, not {len(text)}", hint="Say it in fewer words."
        )
    return text


@cache
def _reader() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).disable(["image", "link", "autolink", "reference"])


STYLES = {
    "h1": ParagraphStyle("h1", fontName="sluis-bold", fontSize=18, leading=22, spaceAfter=8),
    "h2": ParagraphStyle("h2", fontName="sluis-bold", fontSize=12, leading=15, spaceBefore=8, spaceAfter=3),
    "text": ParagraphStyle("text", fontName="sluis", fontSize=10, leading=14, spaceAfter=3),
    "small": ParagraphStyle("small", fontName="sluis", fontSize=8, leading=10),
}


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
