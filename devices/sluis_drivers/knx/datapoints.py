"""KNX datapoint types as points: what a type's values are, and how they are read and written.

The types themselves are xknx's (KNX Standard 03/07/02 Datapoint Types); it is loaded when the first device needs it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sluis.model import OutOfRange
from sluis.model.units import canonical, quantity_for
from sluis.sdk import Implausible, Kind, Truncated, Value
from sluis.sdk.payload import wished_number, wished_switch, wished_word

NUMBER = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}")
COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
STRING_MAX = 14

SWITCHES: Mapping[str, str] = {"1.001": "switch", "1.005": "problem", "1.018": "occupancy", "1.019": "opening"}
"""Types of one bit -> quantity, where 1 is what the quantity calls on."""
UNITS: Mapping[str, str] = {
    "W": "power", "kW": "power", "Wh": "energy", "kWh": "energy", "MWh": "energy", "A": "current", "mA": "current",
    "V": "voltage", "mV": "voltage", "Hz": "frequency", "°C": "temperature", "lx": "illuminance",
    "VA": "apparent_power", "m/s": "wind_speed", "Pa": "pressure", "kg": "weight", "m³/h": "volume_flow_rate",
}  # fmt: skip
"""Units that say by themselves what is measured."""
TYPES: Mapping[str, str] = {"humidity": "humidity", "ppm": "carbon_dioxide", "volume_liquid_litre": "water"}
"""Value types -> quantity, where the unit does not say."""

Read = Callable[[bytes], Value]
Write = Callable[[str, Value | None], bytes]


@dataclass(frozen=True, slots=True)
class Datapoint:
    """One type: what its point is, and its values."""

    about: Mapping[str, Any]
    """Arguments of the `Point`."""
    small: bool
    """Whether a value is of 6 bits or fewer, and travels inside the telegram's second byte."""
    read: Read
    write: Write


@cache
def datapoint(number: str) -> Datapoint:
    """LookupError when there is no such type, or none that a point can show."""
    if not NUMBER.fullmatch(number):
        raise LookupError(number)
    if number.startswith("1."):
        bit = {"kind": Kind.SWITCH, "quantity": SWITCHES.get(number, "")}
        return Datapoint(bit, True, _read_bit, lambda key, value: bytes([wished_switch(key, value)]))
    from xknx.dpt import dpt, dpt_16, dpt_232
    from xknx.dpt.payload import DPTArray

    found = dpt.DPTBase.parse_transcoder(number)
    if found is None or found.payload_type is not DPTArray:
        raise LookupError(number)
    if issubclass(found, dpt.DPTNumeric):
        return Datapoint(_measure(found), False, _reads_number(found), _writes_number(found))
    if issubclass(found, dpt.DPTEnum):
        options = tuple(one.name.lower() for one in found.get_valid_values())
        about: dict[str, Any] = {"kind": Kind.CHOICE, "options": options}
        return Datapoint(about, False, lambda data: str(_from(found, data).name).lower(), _writes_word(found, options))
    if issubclass(found, dpt_16.DPTString):
        return Datapoint({"kind": Kind.TEXT}, False, lambda data: str(_from(found, data)), _writes_text(found))
    if found is dpt_232.DPTColorRGB:
        return Datapoint({"kind": Kind.TEXT}, False, _read_colour, _write_colour)
    raise LookupError(number)


def _measure(found: Any) -> dict[str, Any]:
    unit = canonical(str(found.unit or ""))
    unit = "" if "pulses" in unit else unit
    quantity = TYPES.get(found.value_type, UNITS.get(unit, ""))
    ends = {"minimum": found.value_min, "maximum": found.value_max}
    return {
        "unit": unit,
        "quantity": quantity_for(quantity, unit),
        **{key: end for key, end in ends.items() if math.isfinite(end)},
    }


def _from(found: Any, data: bytes) -> Any:
    """A value by the library's own reading. Truncated or Implausible when it is none."""
    from xknx.dpt.payload import DPTArray
    from xknx.exceptions import ConversionError, CouldNotParseTelegram

    try:
        return found.from_knx(DPTArray(data))
    except CouldNotParseTelegram as error:
        raise Truncated(f"{len(data)} bytes are no {found.dpt_name()}") from error
    except (ConversionError, ValueError, ArithmeticError) as error:
        raise Implausible(f"{data.hex()} is no {found.dpt_name()}") from error


def _to(found: Any, key: str, value: Any) -> bytes:
    """OutOfRange when the type has no such value."""
    from xknx.exceptions import ConversionError

    try:
        return bytes(found.to_knx(value).value)
    except (ConversionError, ValueError, ArithmeticError) as error:
        raise OutOfRange(f"{key}: {value!r:.40} is no value of {found.dpt_name()}") from error


def _read_bit(data: bytes) -> bool:
    if len(data) != 1 or data[0] > 1:
        raise Implausible(f"{data.hex()} is no single bit")
    return data[0] == 1


def _reads_number(found: Any) -> Read:
    def read(data: bytes) -> Value:
        number = _from(found, data)
        if not isinstance(number, int | float) or not math.isfinite(number):
            raise Implausible(f"{data.hex()} is no number")
        return number

    return read


def _writes_number(found: Any) -> Write:
    return lambda key, value: _to(found, key, wished_number(key, value))


def _writes_word(found: Any, options: tuple[str, ...]) -> Write:
    return lambda key, value: _to(found, key, wished_word(key, value, options))


def _writes_text(found: Any) -> Write:
    def write(key: str, value: Value | None) -> bytes:
        text = wished_word(key, value)
        if len(text) > STRING_MAX:
            raise OutOfRange(f"{key} takes {STRING_MAX} characters, not {len(text)}")
        return _to(found, key, text)

    return write


def _read_colour(data: bytes) -> str:
    if len(data) != 3:
        raise Truncated("a colour has three bytes")
    return f"#{data.hex()}"


def _write_colour(key: str, value: Value | None) -> bytes:
    text = wished_word(key, value)
    if not COLOUR.fullmatch(text):
        raise OutOfRange(f"{key}: {text[:20]!r} is no colour; write #rrggbb")
    return bytes.fromhex(text[1:])
