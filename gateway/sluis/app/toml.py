"""TOML into frozen dataclasses, with errors that say where, what and what would be right."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from sluis.model import ConfigError

T = TypeVar("T")


def read_toml(path: Path) -> dict[str, Any]:
    """The file as nested dictionaries. ConfigError with line and column when it is no TOML."""
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"cannot read it: {error.strerror}", where=str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(error), where=str(path), hint="See docs/reference/settings.md for an example.") from error


def build(cls: type[T], given: Mapping[str, Any], where: str) -> T:
    """An instance of the dataclass `cls`; an unknown key or a wrong type is a ConfigError that names it."""
    hints = get_type_hints(cls)
    names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]  # T is a dataclass
    for key in given:
        if key not in names:
            near = difflib.get_close_matches(key, names, 1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"unknown setting {key!r}{meant}", where=where, allowed=", ".join(names))
    values = {key: convert(hints[key], value, f"{where}.{key}") for key, value in given.items()}
    try:
        return cls(**values)
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(str(error), where=where) from error


def convert(kind: Any, value: Any, where: str) -> Any:
    """`value` as the annotation `kind` wants it."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, Mapping):
            raise ConfigError(f"is {value!r}, should be a table", where=where)
        return build(kind, value, where)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _convert_any(arguments, value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"is {value!r}, should be a list", where=where)
        return tuple(convert(arguments[0], item, f"{where}[{index}]") for index, item in enumerate(value))
    if origin in (dict, typing.Mapping, Mapping) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        if not isinstance(value, Mapping):
            raise ConfigError(f"is {value!r}, should be a table", where=where)
        return {key: convert(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if origin is typing.Literal:
        if value not in arguments:
            raise ConfigError(f"is {value!r}", where=where, allowed=", ".join(map(repr, arguments)))
        return value
    return _convert_plain(kind, value, where)


def _convert_any(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    problem: ConfigError | None = None
    for kind in kinds:
        if kind is types.NoneType:
            continue
        try:
            return convert(kind, value, where)
        except ConfigError as error:
            problem = error
    raise problem or ConfigError(f"is {value!r}", where=where)


def _convert_plain(kind: Any, value: Any, where: str) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value).expanduser()
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(kind, type) and issubclass(kind, str) and kind is not str:
        try:
            return kind(value)
        except ValueError:
            raise ConfigError(f"is {value!r}", where=where, allowed=", ".join(kind)) from None  # type: ignore[arg-type]  # StrEnum
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise ConfigError(f"is {value!r}, should be {WORDS.get(kind, kind.__name__)}", where=where)
    return value


WORDS = {
    int: "a whole number",
    float: "a number",
    str: "text in quotes",
    bool: "true or false",
    Path: "a path in quotes",
}
