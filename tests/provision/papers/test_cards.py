"""Instruction cards: what the first version says, and that what people make of it stays harmless."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluis.model import Kind, ProvisionError
from sluis_provision.papers.card_sheet import card_pdf
from sluis_provision.papers.cards import MOST_CHARACTERS, CardSource, Offer, card_html, first_card
from sluis_provision.papers.words import LANGUAGES, Words, _table

from .conftest import codes_of, pages_of, text_of

SOURCE = CardSource(
    "Verwarming [zolder]",
    "Sluis pico-w",
    "Zolder",
    (
        Offer("Thermostaat", Kind.NUMBER, "°C", writable=True, minimum=5, maximum=25),
        Offer("Stand", Kind.CHOICE, writable=True, options=("eco", "comfort")),
        Offer("Pomp", Kind.SWITCH, writable=True),
        Offer("Herstart", Kind.TRIGGER, writable=True),
        Offer("Knop", Kind.TRIGGER),
        Offer("Temperatuur", Kind.NUMBER, "°C"),
    ),
    number="2026-0042",
    contact="de conciërge, toestel 12",
)


def test_languages_have_the_same_words_with_the_same_places() -> None:
    tables = _table()
    assert set(tables) == set(LANGUAGES)
    for key, text in tables["en"].items():
        fields = {field for _, field, _, _ in string.Formatter().parse(text) if field}
        other = {field for _, field, _, _ in string.Formatter().parse(tables["nl"][key]) if field}
        assert fields == other, key
    assert set(tables["en"]) == set(tables["nl"])
    with pytest.raises(ProvisionError, match="no papers in 'xx'"):
        Words("xx")


def test_the_first_card_says_what_can_be_done() -> None:
    html = card_html(first_card(SOURCE, "nl"))
    assert "<h1>Verwarming [zolder]</h1>" in html
    assert "Thermostaat: stel het in van 5 tot 25 °C" in html
    assert "kies uit eco, comfort" in html
    assert "Pomp: zet het aan of uit" in html
    assert "Herstart: druk op de knop" in html
    assert "Temperatuur, in °C" in html
    assert "Knop" not in html.replace("druk op de knop", "")
    assert "meld het bij de conciërge, toestel 12, met nummer 2026-0042" in html


def test_a_device_that_only_measures_says_so() -> None:
    card = first_card(CardSource("T1", "", "", (Offer("Temperature", Kind.NUMBER, "°C"),)), "en")
    assert "there is nothing to set" in card
    assert "report it to the people who look after the building." in card


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_card_is_printed_with_its_code(language: str) -> None:
    code = "https://sluis.local/c/abc"
    pdf = card_pdf(first_card(SOURCE, language), language=language, code=code, number="2026-0042")
    ((text, picture),) = pages_of(pdf)
    assert "Verwarming [zolder]" in text and "2026-0042" in text
    assert codes_of(picture) == [code]


def test_what_people_write_is_shown_and_nothing_of_it_is_followed() -> None:
    text = (
        "# Kop\n\n<script>alert(1)</script> **vet** *nadruk* [hier](https://e.example) ![x](https://e.example/x.png)\n"
    )
    html = card_html(text)
    assert "<script" not in html and "<a" not in html and "<img" not in html
    assert "<strong>vet</strong>" in html
    told = text_of(card_pdf(text, language="nl"))
    assert "<script>alert(1)</script>" in told and "vet" in told


def test_lists_are_numbered_in_print() -> None:
    told = text_of(card_pdf("1. aan\n2. wachten\n\n- los\n", language="nl"))
    assert "1" in told and "2" in told and "wachten" in told and "los" in told


def test_a_card_nobody_would_read_is_refused() -> None:
    with pytest.raises(ProvisionError, match="at most 4000 characters, not 4001"):
        card_html("x" * (MOST_CHARACTERS + 1))


@given(st.text(max_size=200))
def test_any_name_is_only_a_name(name: str) -> None:
    html = card_html(first_card(CardSource(name, "", "", ()), "en"))
    assert html.count("<h2>") == 3
    assert "<script" not in html and "<a " not in html and "<img" not in html


@given(st.text(max_size=300))
def test_any_text_can_be_printed(text: str) -> None:
    assert card_pdf(text, language="en", code="x").startswith(b"%PDF")
