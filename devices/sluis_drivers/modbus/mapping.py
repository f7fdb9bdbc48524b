"""Register maps: what stands in which register of a Modbus device, as TOML.

A map is data, the same for those that ship (`maps/*.toml`, part of this package) and for one that a person hands over
as text. Every key is documented in docs/drivers/modbus.md; whatever is wrong with a map is a ConfigError that names
the key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from sluis.model import ConfigError, Kind, Point
from sluis.model.units import fits
from sluis.sdk.tables import Keys

FORMATS: Mapping[str, tuple[str, int]] = {
    "u16": ("H", 1), "s16": ("h", 1), "u32": ("I", 2), "s32": ("i", 2), "u64": ("Q", 4), "s64": ("q", 4),
    "float32": ("f", 2), "float64": ("d", 4), "string": ("s", 0), "bit": ("?", 1),
}  # fmt: skip
"""Type of a value -> how `struct` writes it, and how many registers it takes (0: as many as `words` says)."""

ORDERS = ("ABCD", "CDAB", "BADC", "DCBA")
"""How the bytes of 0xABCD lie in two registers: as Modbus has them, low word first, bytes swapped, both."""

READS = {1: "coils", 2: "discrete inputs", 3: "holding registers", 4: "input registers"}
WRITES = {1: (5, 15), 3: (6, 16, 22)}
"""Reading function -> functions that write what it reads. 22 (mask write) changes single bits of a register."""

MAX_REGISTERS = 125
"""Registers in one answer at most (Modbus application protocol V1.1b3, section 6.3)."""
MAX_TEXT = 100_000
"""Longest map, characters: 1,000 registers at 100 each. Parsing is on the event loop, so it has to end soon."""

MAP_KEYS: Mapping[str, type | tuple[type, ...]] = {
    "name": str, "vendor": str, "models": list, "source": str, "function": int, "base": int, "order": str,
    "every_s": (int, float), "max_gap": int, "max_block": int, "answer_s": (int, float), "registers": dict,
}  # fmt: skip
REGISTER_KEYS: Mapping[str, type | tuple[type, ...]] = {
    "address": int, "function": int, "type": str, "words": int, "order": str, "scale": (int, float),
    "offset": (int, float), "bit": int, "bits": list, "switch": bool, "choices": dict, "none": list, "name": str,
    "quantity": str, "unit": str, "category": str, "minimum": (int, float), "maximum": (int, float),
    "step": (int, float), "every_s": (int, float), "proof": str, "writable": bool, "write_address": int,
    "write_function": int, "write_choices": dict,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Register:
    """One value of a device: where it stands, how it is written, and the point that it is."""

    point: Point
    function: int
    address: int
    """As it is on the wire, from 0."""
    type: str
    words: int
    """Registers (for functions 1 and 2: bits) that it takes."""
    order: str = "ABCD"
    scale: float = 1
    offset: float = 0
    low: int = 0
    """Lowest bit of a bit field."""
    width: int = 0
    """Bits of a bit field; 0 for the whole value."""
    choices: Mapping[int, str] | None = None
    none: tuple[float, ...] = ()
    every_s: float = 10.0
    write_function: int = 0
    """0 where it cannot be written."""
    write_address: int = 0
    write_choices: Mapping[int, str] | None = None

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.address + self.words


@dataclass(frozen=True, slots=True)
class RegisterMap:
    """All that is to be known of one model of device."""

    name: str
    vendor: str
    models: tuple[str, ...]
    source: str
    registers: tuple[Register, ...]
    max_gap: int = 0
    max_block: int = 60
    answer_s: float = 0.0
    """How long the device may take to answer; 0 for what is usual."""

    @property
    def product(self) -> str:
        """The name without the vendor's."""
        return self.name.removeprefix(self.vendor).strip()


NO_MAP = RegisterMap("", "", (), "", ())
"""Of a device that nobody has told anything about."""


@cache
def shipped() -> Mapping[str, str]:
    """Name -> text of the maps that come with this package, read once."""
    folder = files("sluis_drivers.modbus") / "maps"
    found = sorted(folder.iterdir(), key=lambda file: file.name)
    return {
        file.name.removesuffix(".toml"): file.read_text(encoding="utf-8")
        for file in found
        if file.name.endswith(".toml")
    }


@cache
def parsed(text: str, where: str) -> RegisterMap:
    """The map that a text is. ConfigError names the key that is wrong."""
    if len(text) > MAX_TEXT:
        raise ConfigError(f"is longer than {MAX_TEXT} characters", where=where)
    try:
        said = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"is no TOML: {error}", where=where) from None
    top = Keys(said, where, MAP_KEYS)
    tables = top.get("registers", {})
    if not tables:
        raise ConfigError("there is no [registers.KEY]", where=f"{where}: registers")
    registers = [_register(key, table, top) for key, table in tables.items()]
    _refuse_overlaps(registers, where)
    max_block = top.between("max_block", 60, 1, MAX_REGISTERS)
    _refuse_proofs(registers, where)
    return RegisterMap(
        name=top.need("name"),
        vendor=top.need("vendor"),
        models=tuple(str(model) for model in top.need("models")),
        source=top.need("source"),
        registers=tuple(sorted(registers, key=lambda one: (one.function, one.address, one.low))),
        max_gap=top.between("max_gap", 0, 0, MAX_REGISTERS),
        max_block=max(max_block, *(one.words for one in registers)),
        answer_s=top.between("answer_s", 0.0, 0.0, 10.0),
    )


def _register(key: str, table: object, top: Keys) -> Register:
    keys = Keys(table, f"{top.where}: registers.{key}", REGISTER_KEYS)
    if not (key.isascii() and key.replace("_", "").isalnum() and key == key.lower() and len(key) <= 60):
        raise ConfigError("a key is lower-case letters, digits and _", where=keys.where)
    function = keys.among("function", top.among("function", 3, READS), READS)
    kind = keys.among("type", "bit" if function < 3 else "u16", FORMATS)
    if (function < 3) != (kind == "bit"):
        raise keys.wrong(
            "type", f"{kind} cannot be read with function {function}", "bit with 1 and 2, others with 3, 4"
        )
    words = FORMATS[kind][1] or keys.between("words", 0, 1, MAX_REGISTERS)
    if "words" in keys.said and kind != "string":
        raise keys.wrong("words", "only a string says how many registers it takes")
    low, width = _bits(keys, kind, words)
    base = top.between("base", 0, 0, 1)
    address = keys.need("address") - base if "address" in keys.said else keys.need("address")
    if not 0 <= address <= 65536 - words:
        raise keys.wrong("address", f"is {address + base}", f"{base} to {65536 - words + base}")
    every_s = keys.between("every_s", top.between("every_s", 10.0, 0.1, 86_400.0), 0.1, 86_400.0)
    point = _point(key, keys, kind, width, every_s)
    if keys.get("scale", 1) == 0:
        raise keys.wrong("scale", "is 0")
    write_function, write_address = _writing(keys, point, function, address, words, width, base)
    return Register(
        point=point,
        function=function,
        address=address,
        type=kind,
        words=words,
        order=keys.among("order", top.among("order", "ABCD", ORDERS), ORDERS),
        scale=keys.get("scale", 1),
        offset=keys.get("offset", 0),
        low=low,
        width=width,
        choices=_choices(keys, "choices"),
        none=_none(keys),
        every_s=float(every_s),
        write_function=write_function,
        write_address=write_address,
        write_choices=_choices(keys, "write_choices"),
    )


def _bits(keys: Keys, kind: str, words: int) -> tuple[int, int]:
    """(lowest bit, how many bits) of a bit field; (0, 0) for the whole value."""
    if "bit" not in keys.said and "bits" not in keys.said:
        return 0, 0
    name = "bit" if "bit" in keys.said else "bits"
    said = [keys.said["bit"]] * 2 if name == "bit" else keys.said["bits"]
    if kind not in ("u16", "u32"):
        raise keys.wrong(name, f"a {kind} has no bits to name", "u16, u32")
    last = 16 * words - 1
    fine = len(said) == 2 and all(isinstance(bit, int) for bit in said) and 0 <= said[0] <= said[1] <= last
    if not fine or ("bit" in keys.said and "bits" in keys.said):
        raise keys.wrong(name, f"{keys.said[name]!r} is no bit field", f"0 to {last}, the lowest first")
    return said[0], said[1] - said[0] + 1


def _point(key: str, keys: Keys, type_: str, width: int, every_s: float) -> Point:
    """The point of a register, with its kind found from how it is described."""
    switched = type_ == "bit" or "bit" in keys.said or keys.get("switch", False)
    kind = Kind.SWITCH if switched else Kind.TEXT if type_ == "string" else Kind.NUMBER
    if "choices" in keys.said:
        if kind is not Kind.NUMBER or type_.startswith("float"):
            raise keys.wrong("choices", "only a whole number has choices")
        kind = Kind.CHOICE
    if kind is Kind.SWITCH and type_.startswith(("float", "string")):
        raise keys.wrong("switch", f"a {type_} is no switch")
    written = _choices(keys, "write_choices") or _choices(keys, "choices") or {}
    point = Point(
        quantity=keys.get("quantity", ""),
        unit=keys.get("unit", ""),
        kind=kind,
        minimum=keys.get("minimum", None),
        maximum=keys.get("maximum", None),
        step=keys.get("step", None),
        options=tuple(dict.fromkeys([*(_choices(keys, "choices") or {}).values(), *written.values()])),
        writable=keys.get("writable", False),
        every_s=float(every_s),
        key=key,
        name=keys.get("name", ""),
        category=keys.among("category", "", ("", "diagnostic", "config")),
        proof=keys.get("proof", ""),
    )
    problem = fits(point)
    if problem:
        raise keys.wrong("unit" if "unit" in problem or "measured" in problem else "quantity", problem)
    if point.minimum is not None and point.maximum is not None and point.minimum > point.maximum:
        raise keys.wrong("minimum", f"{point.minimum} is above the maximum")
    return point


def _choices(keys: Keys, name: str) -> Mapping[int, str] | None:
    """Value of the register -> word."""
    if name not in keys.said:
        return None
    made: dict[int, str] = {}
    for value, word in keys.said[name].items():
        try:
            number = int(value, 0)
        except ValueError:
            raise keys.wrong(f"{name}.{value}", "is no whole number") from None
        if not isinstance(word, str) or not word or word in made.values() or number in made:
            raise keys.wrong(f"{name}.{value}", f"{word!r:.40} is no word, or the second of its kind")
        made[number] = word
    if not made:
        raise keys.wrong(name, "is empty")
    return made


def _none(keys: Keys) -> tuple[float, ...]:
    said = keys.get("none", [])
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in said):
        raise keys.wrong("none", "holds something that is no number")
    return tuple(said)


def _writing(
    keys: Keys, point: Point, function: int, address: int, words: int, width: int, base: int
) -> tuple[int, int]:
    """(function, address) that writes a register; (0, 0) where nothing does."""
    given = [key for key in keys.said if key.startswith("write_")]
    if not point.writable:
        if given:
            raise keys.wrong(given[0], "only with writable = true")
        return 0, 0
    if "write_address" not in keys.said and function not in WRITES:
        raise keys.wrong("writable", f"{READS[function]} cannot be written; where is it written?", "with write_address")
    if point.kind is Kind.TEXT:
        raise keys.wrong("writable", "a string cannot be written")
    if point.kind is Kind.NUMBER and (point.minimum is None or point.maximum is None):
        raise keys.wrong("writable", "a number can only be written between a minimum and a maximum")
    if "write_choices" in keys.said and point.kind is not Kind.CHOICE:
        raise keys.wrong("write_choices", "only where there are choices")
    usual = 22 if width else 5 if function < 3 else 6 if words == 1 else 16
    allowed = [5, 15] if function < 3 else [22] if width else [16] if words > 1 else [6, 16]
    to = keys.get("write_address", address + base) - base
    if not 0 <= to <= 65536 - words:
        raise keys.wrong("write_address", f"is {to + base}")
    if width and (words > 1 or keys.get("order", "ABCD") in ("BADC", "DCBA")):
        raise keys.wrong("writable", "only bits of a single register with its bytes in order can be written")
    return keys.among("write_function", usual, allowed), to


def _refuse_overlaps(registers: list[Register], where: str) -> None:
    """No two values in the same registers, but for bit fields of one register."""
    for index, one in enumerate(registers):
        for other in registers[index + 1 :]:
            apart = one.function != other.function or one.end <= other.address or other.end <= one.address
            fields = one.width and other.width and (one.address, one.type) == (other.address, other.type)
            if fields:
                apart = one.low + one.width <= other.low or other.low + other.width <= one.low
            if not apart:
                raise ConfigError(
                    f"overlaps with {one.point.key}", where=f"{where}: registers.{other.point.key}.address"
                )


def _refuse_proofs(registers: list[Register], where: str) -> None:
    known = {one.point.key for one in registers}
    for one in registers:
        if one.point.proof and one.point.proof not in known:
            raise ConfigError(
                f"{one.point.proof!r} is no register of this map", where=f"{where}: registers.{one.point.key}.proof"
            )
