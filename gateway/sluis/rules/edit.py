"""Change one rule in the text of `rules.toml` and leave everything else, comments included, as a person wrote it."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Table

from sluis.model import ConfigError
from sluis.rules.parse import as_table
from sluis.rules.rule import Rule


def with_rule(text: str, rule: Rule) -> str:
    """The text with `rule` in it: changed in place when it was there, appended when not."""
    document, rules = _rules(text)
    held = rules.get(rule.key)
    if not isinstance(held, MutableMapping):
        held = tomlkit.table()
        rules[rule.key] = held
    _update(held, as_table(rule))
    return tomlkit.dumps(document)


def without_rule(text: str, key: str) -> str:
    """The text without the rule; unchanged when it has none of that name."""
    document, rules = _rules(text)
    if key not in rules:
        return text
    del rules[key]
    return tomlkit.dumps(document)


def _rules(text: str) -> tuple[tomlkit.TOMLDocument, MutableMapping[str, Any]]:
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise ConfigError(f"not valid TOML: {error}", where="rules.toml") from None
    held = document.get("rules")
    if isinstance(held, MutableMapping):
        return document, held
    made: Table = tomlkit.table(is_super_table=True)
    document["rules"] = made
    return document, made


def _update(held: MutableMapping[str, Any], wanted: dict[str, Any]) -> None:
    for key in [key for key in held if key not in wanted]:
        del held[key]
    for key, value in wanted.items():
        if held.get(key) == value:
            continue
        held[key] = _inline(value) if isinstance(value, dict) else _plain(value)


def _inline(table: dict[str, Any]) -> Any:
    made = tomlkit.inline_table()
    made.update({key: _plain(value) for key, value in table.items()})
    return made


def _plain(value: Any) -> Any:
    """Whole numbers without `.0`: that is how a person writes them."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
