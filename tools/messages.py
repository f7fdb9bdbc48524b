"""Bring the panel's catalogues up to date with its pages: `python tools/messages.py`.

New messages come in untranslated in Dutch and as they are in English; those that are gone are removed. A test fails
while any is missing, untranslated or fuzzy.
"""

from __future__ import annotations

import io
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
LOCALE = ROOT / "dashboards" / "panel" / "locale"

KEYWORDS = {"N_": None, "t": None, "tongue": None, "speech": None, "n": (1, 2), "plural": (1, 2)}


def extracted() -> Catalog:
    """Every message the panel uses."""
    catalog = Catalog(project="Sluis", charset="utf-8")
    for folder in ("gateway/sluis/panel", "dashboards/panel/templates"):
        method = [("**.py", "python"), ("**.html", "jinja2")]
        for _file, _line, message, _comments, _context in extract_from_dir(
            ROOT / folder, method, {"**.html": {"extensions": "jinja2.ext.i18n"}}, KEYWORDS
        ):
            if message:
                catalog.add(message, None)
    return catalog


def path_of(language: str) -> Path:
    return LOCALE / f"{language}.po"


def update(language: str) -> None:
    """Rewrite one catalogue, sorted, without line numbers: small differences stay small."""
    template = extracted()
    held = Catalog(locale=language)
    if path_of(language).is_file():
        with path_of(language).open("rb") as file:
            held = read_po(file, locale=language)
    made = Catalog(locale=language, project="Sluis", header_comment="# The panel's words.", fuzzy=False)
    for message in template:
        if message.id:
            made.add(message.id, _kept(held, message.id, language), flags=message.flags - {"fuzzy"})
    buffer = io.BytesIO()
    write_po(buffer, made, sort_output=True, no_location=True, omit_header=False, width=110)
    lines = [
        line for line in buffer.getvalue().splitlines() if not line.startswith((b'"POT-Creation', b'"PO-Revision'))
    ]
    path_of(language).write_bytes(b"\n".join(lines) + b"\n")


def _kept(held: Catalog, key: str | tuple[str, str], language: str) -> str | tuple[str, ...]:
    found = held.get(key if isinstance(key, str) else key[0])
    if found is not None and found.string and any(found.string):
        return found.string
    if language == "en":
        return key
    return "" if isinstance(key, str) else ("", "")


if __name__ == "__main__":
    for name in ("nl", "en"):
        update(name)
