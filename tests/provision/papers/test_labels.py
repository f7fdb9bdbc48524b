"""Labels are read back by other people's eyes: zxing for the codes, pdfium for the pages."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from sluis.model import ProvisionError
from sluis_provision.papers.labels import Label, label_png, label_sheet
from sluis_provision.papers.sizes import SHEETS, TAPES, Sheet, Tape
from sluis_provision.papers.type import face, fitted, wrapped

from .conftest import codes_of, pages_of

URL = "https://sluis.local:8443/devices/sluis-node-a4cf12fe3456#c=K7QF-92MD-XW3T"
LABEL = Label("Meetkast zolder", ("Zolder", "Sluis pico-w", "Nr. 2026-0042"), URL)


@pytest.mark.parametrize("tape", TAPES.values(), ids=TAPES)
def test_a_printed_label_is_scanned(tape: Tape) -> None:
    image = Image.open(io.BytesIO(label_png(LABEL, tape)))
    assert image.mode == "1", "a thermal head knows no grey"
    assert image.size == tuple(round(side / 25.4 * tape.dpi) for side in tape.label)
    assert round(image.info["dpi"][0]) == tape.dpi
    assert codes_of(image) == [URL]


@pytest.mark.parametrize("sheet", SHEETS.values(), ids=SHEETS)
def test_every_label_of_a_full_sheet_is_scanned_in_its_place(sheet: Sheet) -> None:
    labels = [Label(f"Lamp {number}", ("Hal",), f"https://sluis.local/d/{number}") for number in range(sheet.count + 1)]
    (_, first), (text, second) = pages_of(label_sheet(labels, sheet), 300)
    for place in range(sheet.count):
        left, top = sheet.corner(place)
        sides = (left, top, left + sheet.label[0], top + sheet.label[1])
        cut = first.crop(tuple(side / 25.4 * 300 for side in sides))
        assert codes_of(cut) == [labels[place].code]
    assert codes_of(second) == [labels[-1].code]
    assert f"Lamp {sheet.count}" in text


@pytest.mark.parametrize("sheet", SHEETS.values(), ids=SHEETS)
def test_labels_stay_on_the_page_and_apart(sheet: Sheet) -> None:
    corners = [sheet.corner(place) for place in range(sheet.count)]
    for left, top in corners:
        assert left > 0 and left + sheet.label[0] < sheet.page[0]
        assert top > 0 and top + sheet.label[1] < sheet.page[1]
    assert len(set(corners)) == sheet.count


def test_used_places_are_left_alone_and_copies_follow_each_other() -> None:
    sheet = SHEETS["l7160"]
    ((_, page),) = pages_of(label_sheet([LABEL], sheet, skip=20))
    assert page.convert("L").crop((0, 0, page.width, round(page.height * 0.81))).getextrema() == (255, 255)
    ((text, page),) = pages_of(label_sheet([LABEL], sheet, copies=3))
    assert codes_of(page) == [URL] * 3
    assert text.count("Meetkast zolder") == 3
    with pytest.raises(ProvisionError, match="has 21 labels; 21 cannot be skipped"):
        label_sheet([LABEL], sheet, skip=21)


def test_the_same_labels_are_the_same_bytes() -> None:
    assert label_sheet([LABEL], SHEETS["l7163"]) == label_sheet([LABEL], SHEETS["l7163"])


def test_a_code_too_dense_to_scan_is_not_printed() -> None:
    with pytest.raises(ProvisionError, match="too dense for a label of 38 x 21 mm") as told:
        label_sheet([Label("x", (), "y" * 900)], SHEETS["l7651"])
    assert told.value.hint == "Take a larger label."


def test_text_that_does_not_fit_is_made_smaller_then_cut() -> None:
    font = face()
    assert fitted("Kast", font, 100, 11, 5) == ("Kast", 11)
    text, size = fitted("Luchtbehandelingskast noord", font, 100, 11, 5)
    assert text == "Luchtbehandelingskast noord" and 5 < size < 11
    text, size = fitted("Luchtbehandelingskast " * 9, font, 100, 11, 5)
    assert size == 5 and text.endswith("…") and font.width(text, size) <= 100


def test_lines_break_between_words_and_the_last_is_cut() -> None:
    lines = wrapped("een twee drie vier vijf zes zeven acht", face(), 10, 60, 2)
    assert len(lines) == 2 and lines[1].endswith("…")
    assert all(face().width(line, 10) <= 60 for line in lines)
    assert wrapped("", face(), 10, 60, 2) == []
