"""Rules from the text of `rules.toml`, with errors that say where, what is allowed, and what was probably meant.

[rules.server-room-hot]
title = { en = "Server room too hot", nl = "Serverruimte te warm" }
on = { area = "Server room", quantity = "temperature" }
when = { above = 28, clear = 26 }
for_s = 300
severity = "critical"
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from typing import Any

from sluis.model import ConfigError, Quality, Value
from sluis.rules.conditions import (
    HAPPENINGS,
    Above,
    Absent,
    Below,
    Change,
    Condition,
    Equals,
    Happens,
    Poor,
    Stuck,
    Unreachable,
)
from sluis.rules.rule import Rule, Selector, Severity

KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
RULE_KEYS = ("title", "on", "when", "for_s", "severity", "owner", "card", "enabled")
SELECTOR_KEYS = ("device", "area", "driver", "quantity", "point")
LANGUAGES = ("en", "nl")
REACH = ("offline", "unheard", "not-back")

Table = Mapping[str, Any]


def parse_rules(text: str, where: str = "rules.toml") -> dict[str, Rule]:
    """All rules of a file, by key. ConfigError on the first thing that is wrong."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not valid TOML: {error}", where=where) from None
    _known(document, ("rules",), where)
    rules = _table(document.get("rules", {}), f"{where}: rules")
    return {key: parse_rule(key, body, f"{where}: rules.{key}") for key, body in rules.items()}


def parse_rule(key: str, body: object, where: str = "") -> Rule:
    """One rule from its table. ConfigError says which key of it is wrong."""
    where = where or f"rules.{key}"
    if not KEY.fullmatch(key):
        raise ConfigError(f"{key!r} cannot be a rule's name", where=where, allowed="a-z, 0-9 and -, at most 64")
    table = _table(body, where)
    _known(table, RULE_KEYS, where)
    if "when" not in table:
        raise ConfigError("has no condition", where=f"{where}.when", allowed=", ".join(CONDITIONS))
    return Rule(
        key=key,
        when=_condition(table["when"], f"{where}.when"),
        on=_selector(table.get("on", {}), f"{where}.on"),
        for_s=_number(table, "for_s", where, 0.0, least=0.0),
        severity=_severity(table.get("severity", "warning"), f"{where}.severity"),
        title=_title(table.get("title", {}), f"{where}.title"),
        owner=_text(table.get("owner", ""), f"{where}.owner"),
        card=_text(table.get("card", ""), f"{where}.card"),
        enabled=_flag(table.get("enabled", True), f"{where}.enabled"),
    )


def as_table(rule: Rule) -> dict[str, Any]:
    """The table that parses to `rule` again; defaults are left out."""
    selected = {name: getattr(rule.on, name) for name in SELECTOR_KEYS if getattr(rule.on, name) != "*"}
    body: dict[str, Any] = {
        "title": dict(rule.title),
        "on": selected,
        "when": _condition_table(rule.when),
        "for_s": rule.for_s,
        "severity": rule.severity.word,
        "owner": rule.owner,
        "card": rule.card,
    }
    table = {name: value for name, value in body.items() if value not in ({}, "", 0.0)}
    return table if rule.enabled else {**table, "enabled": False}


# -- conditions -----------------------------------------------------------------------------------------------


def _threshold(cls: type[Above] | type[Below], word: str) -> Callable[[Table, str], Condition]:
    def make(table: Table, where: str) -> Condition:
        limit = _number(table, word, where)
        clear = _number(table, "clear", where) if "clear" in table else None
        if clear is not None and ((clear > limit) if cls is Above else (clear < limit)):
            side = "at or under" if cls is Above else "at or over"
            raise ConfigError(f"must be {side} {word} = {limit:g}", where=f"{where}.clear")
        return cls(limit, clear)

    return make


def _change(word: str, way: int) -> Callable[[Table, str], Condition]:
    def make(table: Table, where: str) -> Condition:
        by = _number(table, word, where, least=0.0)
        return Change(by, _number(table, "within_s", where, least=1.0), way)

    return make


def _equals(table: Table, where: str) -> Condition:
    value: object = table["equals"]
    if not isinstance(value, bool | int | float | str):
        raise ConfigError("must be one value", where=f"{where}.equals", allowed="true, false, a number or a text")
    wanted: Value = value
    return Equals(wanted)


def _absent(table: Table, where: str) -> Condition:
    return Absent(_number(table, "absent_s", where, least=1.0))


def _stuck(table: Table, where: str) -> Condition:
    return Stuck(_number(table, "stuck_s", where, least=1.0), _number(table, "tolerance", where, 0.0, least=0.0))


def _poor(table: Table, where: str) -> Condition:
    word = _one_of(table["quality"], ("uncertain", "bad"), f"{where}.quality")
    return Poor(Quality[word.upper()])


def _unreachable(table: Table, where: str) -> Condition:
    return Unreachable(_one_of(table["reach"], REACH, f"{where}.reach"))


def _happens(table: Table, where: str) -> Condition:
    return Happens(_one_of(table["happens"], tuple(HAPPENINGS), f"{where}.happens"))


CONDITIONS: dict[str, tuple[tuple[str, ...], Callable[[Table, str], Condition]]] = {
    "above": (("clear",), _threshold(Above, "above")),
    "below": (("clear",), _threshold(Below, "below")),
    "equals": ((), _equals),
    "absent_s": ((), _absent),
    "rises": (("within_s",), _change("rises", 1)),
    "falls": (("within_s",), _change("falls", -1)),
    "changes": (("within_s",), _change("changes", 0)),
    "stuck_s": (("tolerance",), _stuck),
    "quality": ((), _poor),
    "reach": ((), _unreachable),
    "happens": ((), _happens),
}
"""The word that names a condition in the file -> the other keys it takes, and how it is made."""


def _condition(body: object, where: str) -> Condition:
    table = _table(body, where)
    words = [word for word in CONDITIONS if word in table]
    if len(words) != 1:
        problem = "names no condition" if not words else f"names {len(words)} conditions: {', '.join(words)}"
        if not words:
            _known(table, tuple(CONDITIONS), where)
        raise ConfigError(problem, where=where, allowed=f"exactly one of {', '.join(CONDITIONS)}")
    others, make = CONDITIONS[words[0]]
    _known(table, (words[0], *others), where)
    return make(table, where)


def _condition_table(when: Condition) -> dict[str, Any]:
    match when:
        case Above(limit, clear):
            return {"above": limit} | ({} if clear is None else {"clear": clear})
        case Below(limit, clear):
            return {"below": limit} | ({} if clear is None else {"clear": clear})
        case Equals(value):
            return {"equals": value}
        case Absent(for_s):
            return {"absent_s": for_s}
        case Change(by, within_s, way):
            return {{1: "rises", -1: "falls", 0: "changes"}[way]: by, "within_s": within_s}
        case Stuck(for_s, tolerance):
            return {"stuck_s": for_s} | ({"tolerance": tolerance} if tolerance else {})
        case Poor(worst):
            return {"quality": worst.word}
        case Unreachable(how):
            return {"reach": how}
        case Happens(what):
            return {"happens": what}


# -- values ---------------------------------------------------------------------------------------------------


def _known(table: Table, allowed: Collection[str], where: str) -> None:
    for key in table:
        if key not in allowed:
            near = get_close_matches(key, allowed, 1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"unknown key {key!r}{meant}", where=where, allowed=", ".join(allowed))


def _table(body: object, where: str) -> Table:
    if not isinstance(body, dict):
        raise ConfigError("must be a table", where=where, allowed="{ key = value, ... }")
    return body


def _number(table: Table, key: str, where: str, default: float | None = None, *, least: float | None = None) -> float:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        problem = "is missing" if value is None else f"{value!r} is not a number"
        raise ConfigError(problem, where=f"{where}.{key}", allowed="a number")
    if least is not None and value < least:
        raise ConfigError(f"{value:g} is too small", where=f"{where}.{key}", allowed=f"{least:g} or more")
    return float(value)


def _one_of(value: object, allowed: tuple[str, ...], where: str) -> str:
    if not isinstance(value, str) or value not in allowed:
        near = get_close_matches(str(value), allowed, 1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"{value!r} is not known{meant}", where=where, allowed=", ".join(allowed))
    return value


def _severity(value: object, where: str) -> Severity:
    return Severity[_one_of(value, tuple(one.word for one in Severity), where).upper()]


def _selector(body: object, where: str) -> Selector:
    table = _table(body, where)
    _known(table, SELECTOR_KEYS, where)
    return Selector(**{key: _text(value, f"{where}.{key}") for key, value in table.items()})


def _title(body: object, where: str) -> dict[str, str]:
    if isinstance(body, str):
        return dict.fromkeys(LANGUAGES, body) if body else {}
    table = _table(body, where)
    _known(table, LANGUAGES, where)
    return {key: _text(value, f"{where}.{key}") for key, value in table.items()}


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or len(value) > 200:
        raise ConfigError("must be text of at most 200 characters", where=where)
    return value


def _flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{value!r} is neither true nor false", where=where, allowed="true, false")
    return value
