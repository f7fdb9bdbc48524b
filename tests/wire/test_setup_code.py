"""The set-up code of a label: written, read, misread."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluis.wire.setup_code import ALPHABET, BadSetupCode, SetupCode, code_of, parse

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "setup_code.json").read_text())

nodes = st.from_regex(r"[0-9a-f]{12}([0-9a-f]{4})?", fullmatch=True)
codes = st.binary(min_size=7, max_size=8).map(code_of)
made = st.builds(SetupCode, nodes, codes, st.from_regex(r"[0-9a-f]{8}", fullmatch=True))


@pytest.mark.parametrize("vector", VECTORS, ids=[one["text"] for one in VECTORS])
def test_it_is_written_as_ever(vector: dict[str, str]) -> None:
    code = SetupCode(vector["node"], vector["adoption_code"], vector["key_print"])
    assert code.text() == vector["text"]
    assert parse(vector["text"]) == code


@given(made)
def test_what_is_written_is_read(code: SetupCode) -> None:
    text = code.text()
    assert parse(text) == code
    assert set(text) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"), "QR's alphanumeric set"


@given(made)
def test_people_may_write_it_as_they_read_it(code: SetupCode) -> None:
    text = code.text()
    spaced = " ".join(text.lower()[at : at + 4] for at in range(0, len(text), 4))
    assert parse(spaced) == code
    parts = text.split(":")
    parts[2] = parts[2].replace("1", "I").replace("0", "O")
    assert parse(":".join(parts)) == code


@pytest.mark.parametrize("vector", VECTORS, ids=[one["text"] for one in VECTORS])
def test_a_misread_character_is_seen(vector: dict[str, str]) -> None:
    """Ten check bits: one in a thousand passes, and of these words and this alphabet fewer than one in a hundred."""
    text, passed = vector["text"], 0
    wrong = [text[:at] + other + text[at + 1 :] for at in range(len(text)) for other in ALPHABET if other != text[at]]
    for one in wrong:
        try:
            parse(one)
            passed += 1
        except BadSetupCode as error:
            assert error.hint
    assert passed < len(wrong) / 100


@given(st.text(max_size=200))
def test_nonsense_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(BadSetupCode):
        parse(text)
