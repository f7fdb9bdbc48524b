"""Reading a table of a map that a person writes: every key known and of the right type, and the wrong one named."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Any

from sluis.model import ConfigError


class Keys:
    """One table of a map, whose keys are known and of the right type."""

    def __init__(self, said: object, where: str, known: Mapping[str, type | tuple[type, ...]]) -> None:
        if not isinstance(said, dict):
            raise ConfigError("is no table", where=where)
        self.said: dict[str, Any] = said
        self.where = where
        for key, value in said.items():
            if key not in known:
                near = difflib.get_close_matches(key, known, 1)
                hint = f"Did you mean {near[0]!r}?" if near else ""
                raise ConfigError("there is no such key", where=self.at(key), allowed=", ".join(known), hint=hint)
            wanted = known[key]
            if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
                raise ConfigError(f"{value!r:.40} is no {_kind_of(wanted)}", where=self.at(key))
            if isinstance(value, float) and not math.isfinite(value):
                raise ConfigError(f"{value} is no number", where=self.at(key))

    def at(self, key: str) -> str:
        joint = "." if ": " in self.where else ": "
        return f"{self.where}{joint}{key}"

    def wrong(self, key: str, problem: str, allowed: str = "") -> ConfigError:
        return ConfigError(problem, where=self.at(key), allowed=allowed)

    def get(self, key: str, default: Any) -> Any:
        return self.said.get(key, default)

    def need(self, key: str) -> Any:
        """ConfigError when it is missing or empty."""
        value = self.said.get(key)
        if value is None or value == "" or value == []:
            raise self.wrong(key, "is missing")
        return value

    def among(self, key: str, default: Any, allowed: Any) -> Any:
        value = self.said.get(key, default)
        if value not in allowed:
            raise self.wrong(key, f"{value!r:.40} cannot be chosen", ", ".join(map(str, allowed)))
        return value

    def between(self, key: str, default: Any, low: float, high: float) -> Any:
        value = self.said.get(key, default)
        if not low <= value <= high:
            raise self.wrong(key, f"is {value}", f"{low} to {high}")
        return value


def _kind_of(wanted: type | tuple[type, ...]) -> str:
    names = {str: "text", int: "whole number", list: "list", dict: "table", bool: "true or false"}
    return names.get(wanted, "number") if isinstance(wanted, type) else "number"
