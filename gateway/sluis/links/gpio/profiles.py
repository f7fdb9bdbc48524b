"""Boards, headers and HATs as the TOML files in `hardware/` describe them.

A board has a header; the header says what is on each position and which buses share its pins; a HAT says which pins
and buses it uses. A board may say more of a bus of its header, and have buses of its own.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from sluis.model import ConfigError
from sluis.shared import shared_dir

COMPATIBLE = Path("/proc/device-tree/compatible")
"""What the firmware says this board is: names between zero bytes, the most exact first."""


@dataclass(frozen=True, slots=True)
class Bus:
    """Pins with one use together."""

    name: str
    kind: str = ""
    """`i2c`, `spi`, `uart`, `1-wire`, `i2s`."""
    pins: Mapping[str, int] = field(default_factory=dict)
    """Signal -> BCM number."""
    device: str = ""
    enable: str = ""
    """The line in config.txt that switches it on."""
    about: str = ""
    always: bool = False
    """In use on every board, whatever the configuration says."""


@dataclass(frozen=True, slots=True)
class Header:
    key: str
    name: str
    sources: tuple[str, ...]
    pins: tuple[str, ...]
    """What is on position 1, 2, 3 ...: `GPIO17`, `GND`, `3V3`, `5V`."""
    pulls: Mapping[str, str] = field(default_factory=dict)
    bus: tuple[Bus, ...] = ()


@dataclass(frozen=True, slots=True)
class Power:
    supply: str
    pins_5v: str
    pins_3v3: str
    gpio: str


@dataclass(frozen=True, slots=True)
class Flash:
    medium: str
    how: str


@dataclass(frozen=True, slots=True)
class Board:
    key: str
    name: str
    soc: str
    chip: str
    """Label of the chip that drives the header's pins."""
    compatible: tuple[str, ...]
    header: Header
    memory: str
    sources: tuple[str, ...]
    power: Power
    flash: Flash
    notes: tuple[str, ...] = ()
    buses: Mapping[str, Bus] = field(default_factory=dict)

    def pin(self, gpio: int) -> str:
        """Where a BCM number is on the header; "" when it is not there."""
        name = f"GPIO{gpio}"
        return f"pin {self.header.pins.index(name) + 1}" if name in self.header.pins else ""


@dataclass(frozen=True, slots=True)
class HatPin:
    name: str
    gpio: int
    kind: str
    about: str = ""
    active_low: bool = False
    offered: bool = False
    """For the gateway to use, as `kind`; otherwise the HAT needs it for itself."""


@dataclass(frozen=True, slots=True)
class Hat:
    key: str
    name: str
    about: str
    sources: tuple[str, ...]
    power: str = ""
    load: str = ""
    buses: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    pin: tuple[HatPin, ...] = ()


def hardware() -> Path:
    """The folder of the profiles."""
    return shared_dir("hardware")


def boards(folder: Path | None = None) -> dict[str, Board]:
    """All boards by key. ConfigError names the file and the key that is wrong."""
    folder = folder or hardware()
    return {file.stem: _board(file) for file in sorted((folder / "boards").glob("*.toml"))}


def hats(folder: Path | None = None) -> dict[str, Hat]:
    """All HATs by key."""
    folder = folder or hardware()
    return {file.stem: _hat(file) for file in sorted((folder / "hats").glob("*.toml"))}


def board(key: str, folder: Path | None = None) -> Board:
    """One board. ConfigError names those there are."""
    return _one(boards(folder), key, "gpio.board")


def hat(key: str, folder: Path | None = None) -> Hat:
    return _one(hats(folder), key, "gpio.hats")


def recognised(known: Mapping[str, Board], compatible: Path = COMPATIBLE) -> Board | None:
    """The board this is, by what the firmware says; None when it is none of these."""
    try:
        names = compatible.read_bytes().decode().strip("\0").split("\0")
    except (OSError, UnicodeDecodeError):
        return None
    return next((one for name in names for one in known.values() if name in one.compatible), None)


Profile = TypeVar("Profile", Board, Hat)


def _one(known: Mapping[str, Profile], key: str, where: str) -> Profile:
    if key in known:
        return known[key]
    near = difflib.get_close_matches(key, known, 1)
    hint = f"Did you mean {near[0]!r}?" if near else "sluis board list"
    raise ConfigError(f"there is no profile {key!r}", where=where, allowed=", ".join(known), hint=hint)


def _board(file: Path) -> Board:
    said = _read(file)
    header = _header(file.parent.parent / "headers" / f"{said.get('header', '')}.toml", str(file))
    own = [_make(Bus, one, file, whole=False) for one in said.pop("bus", [])]
    power = _make(Power, said.get("power"), file)
    flash = _make(Flash, said.get("flash"), file)
    made = _make(Board, {**said, "key": file.stem, "header": header, "power": power, "flash": flash}, file)
    buses = {one.name: one for one in header.bus}
    for one in own:
        known = buses.get(one.name)
        told = {f.name: value for f in fields(Bus) if (value := getattr(one, f.name))}
        buses[one.name] = replace(known, **told) if known else one
    for one in buses.values():
        _check_pins(one.pins.values(), header, f"{file}: bus {one.name}")
        if not one.kind or not one.pins:
            raise ConfigError("has no kind or no pins", where=f"{file}: bus {one.name}")
    return replace(made, buses=buses)


def _header(file: Path, where: str) -> Header:
    if not file.is_file():
        raise ConfigError(f"there is no header {file.stem!r}", where=f"{where}: header")
    said = _read(file)
    buses = tuple(_make(Bus, one, file) for one in said.pop("bus", []))
    header = _make(Header, {**said, "key": file.stem, "bus": buses}, file)
    gpios = [one for one in header.pins if one.startswith("GPIO")]
    if len(set(gpios)) != len(gpios):
        raise ConfigError("a GPIO is there twice", where=f"{file}: pins")
    return header


def _hat(file: Path) -> Hat:
    said = _read(file)
    pins = tuple(_make(HatPin, one, file) for one in said.pop("pin", []))
    return _make(Hat, {**said, "key": file.stem, "pin": pins}, file)


def _check_pins(pins: Any, header: Header, where: str) -> None:
    for gpio in pins:
        if f"GPIO{gpio}" not in header.pins:
            raise ConfigError(f"GPIO{gpio} is not on {header.name}", where=where)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(error), where=str(file)) from error


Made = TypeVar("Made")


def _make(cls: type[Made], said: Any, file: Path, *, whole: bool = True) -> Made:
    """An instance of the dataclass `cls`; ConfigError names the key that is unknown, missing or of the wrong type."""
    where = f"{file}: {cls.__name__.lower()}"
    if not isinstance(said, Mapping):
        raise ConfigError("is missing", where=where)
    known = {each.name: str(each.type) for each in fields(cls)}  # type: ignore[arg-type]  # a dataclass
    for key, value in said.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"Did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"unknown key {key!r}", where=where, allowed=", ".join(known), hint=hint)
        expected = TYPES.get(known[key])
        if expected is not None and type(value) is not expected:
            raise ConfigError(f"is {value!r}", where=f"{where}.{key}", allowed=WORDS[expected])
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in said.items()}
    try:
        return cls(**values)
    except TypeError as error:
        missing = str(error).partition("argument")[2].lstrip("s: ") or str(error)
        raise ConfigError(f"{missing} is missing", where=where) from error


TYPES: Mapping[str, type] = {"str": str, "int": int, "bool": bool, "tuple[str, ...]": list, "Mapping[str, int]": dict}
WORDS: Mapping[type, str] = {str: "text", int: "a whole number", bool: "true or false", list: "a list", dict: "a table"}
