"""The words on papers, in the language of who reads them."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from sluis.model import ProvisionError

LANGUAGES = ("en", "nl")


@cache
def _table() -> dict[str, dict[str, str]]:
    return tomllib.loads(files(__package__).joinpath("words.toml").read_text("utf-8"))


class Words:
    """One language's words: `words("room")`, `words("page", page=2)`. ProvisionError for a language we do not have."""

    def __init__(self, language: str) -> None:
        if language not in LANGUAGES:
            raise ProvisionError(f"there are no papers in {language!r}", hint=f"Choose from {', '.join(LANGUAGES)}.")
        self.language = language
        self._words = _table()[language]

    def __call__(self, key: str, **fill: object) -> str:
        return self._words[key].format(**fill)
