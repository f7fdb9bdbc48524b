"""A P1 telegram read with dsmr-parser: which edition it is, whether its CRC fits, what its lines say.

`TelegramParser.parse` itself is not used: it writes to the log for each line that it cannot read, at each telegram; so
some meters fill a disk (home-assistant/core#94609). Its tables of lines and their parsers are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from sluis.model import BadChecksum, Implausible, Truncated

OLD_S = 26 * 3600.0
"""A sub-meter's value that the meter took longer ago than this is no longer to be relied on. Gas meters tell every hour
or five minutes, water meters by radio once a day; shorter and those would always be called uncertain."""


@dataclass(frozen=True, slots=True)
class SubMeter:
    """The last value of a meter on an M-Bus channel."""

    channel: int
    medium: int
    """M-Bus device type; 0 where the telegram does not say."""
    value: float
    unit: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Telegram:
    """What a telegram says."""

    header: str
    """Maker's flag and model: `ISk5\\2MT382-1000`."""
    at: datetime | None
    """The meter's clock; None before DSMR 4."""
    serial: str = ""
    electricity: Mapping[str, tuple[float | str, str]] = field(default_factory=dict)
    """Name in dsmr-parser -> (value, unit)."""
    meters: tuple[SubMeter, ...] = ()


@lru_cache(maxsize=4)  # a telegram is asked for its identity, and decoded
def read(data: bytes) -> Telegram:
    """The telegram in a frame. Truncated, BadChecksum or Implausible when it cannot be relied on."""
    text = re.sub(r"\r?\n", "\r\n", data.decode("latin-1"))  # some boxes change the line ends on the way
    if not text.startswith("/") or "!" not in text:
        raise Truncated("no telegram: it has no beginning or no end")
    edition = _edition(text)
    _check(text, edition)
    found, meters = _lines_of(edition, text)
    at = _instant(found.pop("P1_MESSAGE_TIMESTAMP", None))
    serials = [found.pop(name)[0] for name in SERIALS if name in found]
    if not found and not meters:
        raise Implausible("a telegram that says nothing")
    header = text[1:].splitlines()[0].strip()[:80]
    return Telegram(header, at, _serial(str(serials[0])) if serials else "", found, tuple(meters))


SERIALS = ("EQUIPMENT_IDENTIFIER", "BELGIUM_EQUIPMENT_IDENTIFIER", "LUXEMBOURG_EQUIPMENT_IDENTIFIER")


def _edition(text: str) -> str:
    """Which table of dsmr-parser fits: by the version line, and by lines that only one country has."""
    if re.search(r"^0-0:96\.1\.4\(", text, re.M):
        return "BELGIUM_FLUVIUS"
    if re.search(r"^1-0:1\.8\.1\(", text, re.M) is None and re.search(r"^1-0:1\.8\.0\(", text, re.M):
        return "LUXEMBOURG_SMARTY" if re.search(r"^0-0:42\.0\.0\(", text, re.M) else "SWEDEN"
    # Version 4 differs from 5 by lines that are missing, not by any that are other.
    return "V5" if re.search(r"^1-3:0\.2\.8\(", text, re.M) else "V2_2"


def _check(text: str, edition: str) -> None:
    """The CRC, where there is one: there always is from DSMR 4 on. One meter leaves out its leading zeros."""
    from dsmr_parser.exceptions import InvalidChecksumError, ParseError
    from dsmr_parser.parsers import TelegramParser

    if edition == "V2_2" and not text.rpartition("!")[2].strip():
        return
    try:
        TelegramParser.validate_checksum(text)
    except InvalidChecksumError as error:
        raise BadChecksum("the CRC does not fit") from error
    except (ParseError, ValueError) as error:
        raise Truncated("there is no CRC") from error


@cache
def _table(edition: str) -> tuple[tuple[str, re.Pattern[str], Any], ...]:
    """(name, pattern, parser) of the lines of an edition."""
    from dsmr_parser import telegram_specifications

    from sluis_drivers.dsmr.points import ELECTRICITY

    wanted = {*ELECTRICITY, *SERIALS, *METER_TYPES, *METER_READINGS, "P1_MESSAGE_TIMESTAMP"}
    return tuple(
        (one["value_name"], re.compile(one["obis_reference"], re.DOTALL | re.MULTILINE), one["value_parser"])
        for one in getattr(telegram_specifications, edition)["objects"]
        if one["value_name"] in wanted
    )


METER_TYPES = ("MBUS_DEVICE_TYPE", "DEVICE_TYPE")
METER_READINGS = ("MBUS_METER_READING", "GAS_METER_READING")


def _lines_of(edition: str, text: str) -> tuple[dict[str, Any], list[SubMeter]]:
    """(name -> (value, unit), sub-meters). A line that cannot be read is passed over: the CRC says that the meter meant
    it so."""
    found: dict[str, Any] = {}
    types: dict[int, int] = {}
    readings: dict[int, Any] = {}
    for name, item in _items(edition, text):
        channel = item.obis_id_code[1]
        if name in METER_TYPES:
            types[channel] = int(item.value)
        elif name in METER_READINGS:
            readings[channel] = item
        elif item.value is not None:
            found[name] = item.value, item.unit or ""
    meters = [
        SubMeter(channel, types.get(channel, 0), float(item.value), item.unit or "", _instant((item.datetime, "")))
        for channel, item in readings.items()
        if item.value is not None
    ]
    return found, meters


def _items(edition: str, text: str) -> Iterator[tuple[str, Any]]:
    from dsmr_parser.exceptions import ParseError

    for name, pattern, parser in _table(edition):
        for line in pattern.findall(text):
            try:
                item = parser.parse(line)
                assert item.obis_id_code and (item.value, item.unit)  # reads them: they fail only here
                if name in METER_TYPES:
                    int(item.value)
                if name in METER_READINGS and item.value is not None:
                    float(item.value)
            except (ParseError, ArithmeticError, ValueError, TypeError, IndexError, AttributeError, AssertionError):
                continue
            yield name, item


def _instant(told: Any) -> datetime | None:
    """The time in (value, unit)."""
    return told[0] if told and isinstance(told[0], datetime) else None


def _serial(told: str) -> str:
    """An identifier is written as the hexadecimal numbers of its characters."""
    try:
        text = bytes.fromhex(told).decode("ascii")
    except ValueError:
        return told[:40]
    return text[:40] if text.isprintable() else told[:40]
