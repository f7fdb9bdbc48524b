"""Instruction cards: one page for the people who use a device, made from what it offers, and theirs to change.

A card is Markdown: what is generated is only its first version, and whoever edits it needs no editor of ours. HTML in
it is shown as text, and pictures and links to elsewhere are not followed, because a card is read without an account.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from markdown_it import MarkdownIt

from sluis.model import Kind, ProvisionError
from sluis_provision.papers.words import Words

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
    return str(reader().render(checked(text)))


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


def checked(text: str) -> str:
    """The text; ProvisionError when it is too long."""
    if len(text) > MOST_CHARACTERS:
        raise ProvisionError(
            f"a card has at most {MOST_CHARACTERS} characters, not {len(text)}", hint="Say it in fewer words."
        )
    return text


@cache
def reader() -> MarkdownIt:
    """Reads cards: CommonMark without HTML, pictures and links."""
    return MarkdownIt("commonmark", {"html": False}).disable(["image", "link", "autolink", "reference"])
