"""Quantities and their units: one table for drivers, Home Assistant, UCUM and Sparkplug.

Quantities are Home Assistant's device classes, and units are written as Home Assistant writes them
(https://www.home-assistant.io/integrations/sensor/#device-class, .../number, .../binary_sensor, as of 2025.12).
UCUM codes are those of the Unified Code for Units of Measure 2.1, case sensitive form. A device may still offer a
unit that stands nowhere here: then its point has no quantity.
"""

from __future__ import annotations

from collections.abc import Mapping

from sluis.model.points import Kind, Point

_PRESSURE = "Pa hPa kPa mbar cbar bar mmHg inHg inH₂O psi"
_LENGTH = "mm cm m km in ft yd mi nmi"
_SPEED = "mm/s m/s km/h m/min in/s ft/s mph kn Beaufort mm/d mm/h in/d in/h"
_VOLUME = "mL L m³ fl. oz. gal ft³ CCF MCF"
_ENERGY = "J kJ MJ GJ mWh Wh kWh MWh GWh TWh cal kcal Mcal Gcal"
_SIZE = "bit kbit Mbit Gbit B kB MB GB TB PB EB ZB YB KiB MiB GiB TiB PiB EiB ZiB YiB"
_RATE = "bit/s kbit/s Mbit/s Gbit/s B/s kB/s MB/s GB/s KiB/s MiB/s GiB/s"
_RAIN = "mm/h mm/d in/h in/d"
_POLLUTANT = "µg/m³ ppb ppm"


def _units(words: str) -> frozenset[str]:
    """Units of a row; `fl. oz.` is one unit with a blank in it, `-` is no unit."""
    listed = words.replace("fl. oz.", "fl._oz.").split()
    return frozenset({"-": "", "fl._oz.": "fl. oz."}.get(word, word) for word in listed)


MEASURED: Mapping[str, frozenset[str]] = {
    quantity: _units(words)
    for quantity, words in {
        "absolute_humidity": "g/m³ mg/m³",
        "apparent_power": "mVA VA kVA",
        "aqi": "-",
        "area": "m² cm² km² mm² in² ft² yd² mi² ac ha",
        "atmospheric_pressure": _PRESSURE,
        "battery": "%",
        "blood_glucose_concentration": "mg/dL mmol/L",
        "carbon_dioxide": "ppm",
        "carbon_monoxide": "ppm ppb mg/m³ µg/m³",
        "conductivity": "S/cm mS/cm µS/cm",
        "current": "A mA",
        "data_rate": _RATE,
        "data_size": _SIZE,
        "distance": _LENGTH,
        "duration": "µs ms s min h d",
        "energy": _ENERGY,
        "energy_distance": "kWh/100km Wh/km mi/kWh km/kWh",
        "energy_storage": _ENERGY,
        "frequency": "mHz Hz kHz MHz GHz",
        "gas": "L m³ ft³ CCF MCF",
        "humidity": "%",
        "illuminance": "lx",
        "irradiance": "W/m² BTU/(h⋅ft²)",
        "moisture": "%",
        "monetary": "EUR USD GBP",
        "nitrogen_dioxide": _POLLUTANT,
        "nitrogen_monoxide": "µg/m³ ppb",
        "nitrous_oxide": "µg/m³",
        "ozone": _POLLUTANT,
        "ph": "-",
        "pm1": "µg/m³",
        "pm10": "µg/m³",
        "pm25": "µg/m³",
        "pm4": "µg/m³",
        "power": "mW W kW MW GW TW BTU/h",
        "power_factor": "- %",
        "precipitation": "mm cm in",
        "precipitation_intensity": _RAIN,
        "pressure": _PRESSURE,
        "reactive_energy": "varh kvarh",
        "reactive_power": "mvar var kvar",
        "signal_strength": "dB dBm",
        "sound_pressure": "dB dBA",
        "speed": _SPEED,
        "sulphur_dioxide": "µg/m³ ppb",
        "temperature": "°C °F K",
        "temperature_delta": "°C °F K",
        "volatile_organic_compounds": "µg/m³ mg/m³",
        "volatile_organic_compounds_parts": "ppm ppb",
        "voltage": "µV mV V kV MV",
        "volume": _VOLUME,
        "volume_flow_rate": "m³/h m³/min m³/s ft³/min L/h L/min L/s gal/d gal/h gal/min mL/s",
        "volume_storage": _VOLUME,
        "water": "L m³ gal ft³ CCF MCF",
        "weight": "µg mg g kg oz lb st",
        "wind_direction": "°",
        "wind_speed": _SPEED,
    }.items()
}
"""Quantity of a number -> the units it may have; "" among them when it may have none."""

SWITCHED: frozenset[str] = _units(
    "battery battery_charging carbon_monoxide cold connectivity door fan garage_door gas heat light lock moisture "
    "motion moving occupancy opening outlet plug power presence problem running safety smoke sound switch tamper "
    "update valve vibration window"
)
"""Quantities of a switch (true or false)."""

WORDED: frozenset[str] = _units(
    "awning blind climate cover curtain damper date door enum firmware garage gate lock mode shade shutter timestamp "
    "update valve window"
)
"""Quantities of a choice or a text."""

TRIGGERED: frozenset[str] = _units("button cover doorbell identify lock motion restart update valve")
"""Quantities of a trigger."""

_BY_KIND: Mapping[Kind, frozenset[str]] = {
    Kind.NUMBER: frozenset(MEASURED),
    Kind.SWITCH: SWITCHED,
    Kind.CHOICE: WORDED,
    Kind.TEXT: WORDED,
    Kind.TRIGGER: TRIGGERED,
}

UCUM: Mapping[str, str] = {
    "": "1", "%": "%", "°": "deg", "°C": "Cel", "°F": "[degF]", "K": "K", "A": "A", "mA": "mA",
    "µV": "uV", "mV": "mV", "V": "V", "kV": "kV", "MV": "MV", "mW": "mW", "W": "W", "kW": "kW", "MW": "MW", "GW": "GW",
    "TW": "TW", "BTU/h": "[Btu]/h", "mVA": "mV.A", "VA": "V.A", "kVA": "kV.A", "var": "V.A{reactive}",
    "mvar": "mV.A{reactive}", "kvar": "kV.A{reactive}", "varh": "V.A.h{reactive}", "kvarh": "kV.A.h{reactive}",
    "J": "J", "kJ": "kJ", "MJ": "MJ", "GJ": "GJ", "mWh": "mW.h", "Wh": "W.h", "kWh": "kW.h", "MWh": "MW.h",
    "GWh": "GW.h", "TWh": "TW.h", "cal": "cal", "kcal": "kcal", "Mcal": "Mcal", "Gcal": "Gcal",
    "mHz": "mHz", "Hz": "Hz", "kHz": "kHz", "MHz": "MHz", "GHz": "GHz", "lx": "lx", "W/m²": "W/m2",
    "Pa": "Pa", "hPa": "hPa", "kPa": "kPa", "mbar": "mbar", "cbar": "cbar", "bar": "bar", "mmHg": "mm[Hg]",
    "inHg": "[in_i'Hg]", "inH₂O": "[in_i'H2O]", "psi": "[psi]", "ppm": "[ppm]", "ppb": "[ppb]",
    "µg/m³": "ug/m3", "mg/m³": "mg/m3", "g/m³": "g/m3", "mg/dL": "mg/dL", "mmol/L": "mmol/L",
    "mm": "mm", "cm": "cm", "m": "m", "km": "km", "in": "[in_i]", "ft": "[ft_i]", "yd": "[yd_i]", "mi": "[mi_i]",
    "nmi": "[nmi_i]", "m²": "m2", "cm²": "cm2", "km²": "km2", "mm²": "mm2", "in²": "[in_i]2", "ft²": "[ft_i]2",
    "yd²": "[yd_i]2", "mi²": "[mi_i]2", "ac": "[acr_us]", "ha": "har", "mL": "mL", "L": "L", "m³": "m3",
    "gal": "[gal_us]", "fl. oz.": "[foz_us]", "ft³": "[ft_i]3", "CCF": "10*2.[ft_i]3", "MCF": "10*3.[ft_i]3",
    "m³/h": "m3/h", "m³/min": "m3/min", "m³/s": "m3/s", "L/h": "L/h", "L/min": "L/min", "L/s": "L/s", "mL/s": "mL/s",
    "ft³/min": "[ft_i]3/min", "gal/min": "[gal_us]/min", "gal/h": "[gal_us]/h", "gal/d": "[gal_us]/d",
    "µg": "ug", "mg": "mg", "g": "g", "kg": "kg", "oz": "[oz_av]", "lb": "[lb_av]", "st": "[stone_av]",
    "mm/s": "mm/s", "m/s": "m/s", "m/min": "m/min", "km/h": "km/h", "in/s": "[in_i]/s", "ft/s": "[ft_i]/s",
    "mph": "[mi_i]/h", "kn": "[kn_i]", "mm/h": "mm/h", "mm/d": "mm/d", "in/h": "[in_i]/h", "in/d": "[in_i]/d",
    "µs": "us", "ms": "ms", "s": "s", "min": "min", "h": "h", "d": "d", "dB": "dB", "dBm": "dB[mW]", "dBA": "dB[SPL]",
    "S/cm": "S/cm", "mS/cm": "mS/cm", "µS/cm": "uS/cm", "bit": "bit", "B": "By", "kB": "kBy", "MB": "MBy", "GB": "GBy",
    "TB": "TBy", "KiB": "KiBy", "MiB": "MiBy", "GiB": "GiBy", "TiB": "TiBy", "bit/s": "bit/s", "kbit/s": "kbit/s",
    "Mbit/s": "Mbit/s", "Gbit/s": "Gbit/s", "B/s": "By/s", "kB/s": "kBy/s", "MB/s": "MBy/s", "GB/s": "GBy/s",
    "kbit": "kbit", "Mbit": "Mbit", "Gbit": "Gbit", "PB": "PBy", "EB": "EBy", "ZB": "ZBy", "YB": "YBy",
    "KiB/s": "KiBy/s", "MiB/s": "MiBy/s", "GiB/s": "GiBy/s", "kWh/100km": "kW.h/(100.km)",
    "Wh/km": "W.h/km", "mi/kWh": "[mi_i]/(kW.h)", "km/kWh": "km/(kW.h)",
    "BTU/(h⋅ft²)": "[Btu]/(h.[ft_i]2)", "mired": "{mired}", "lqi": "{lqi}",
}  # fmt: skip
"""Unit -> UCUM code. Units that are missing have none; `ucum` then makes an annotation of them."""

SPARKPLUG: Mapping[Kind, str] = {
    Kind.NUMBER: "Double",
    Kind.SWITCH: "Boolean",
    Kind.CHOICE: "String",
    Kind.TEXT: "String",
    Kind.TRIGGER: "String",
}
"""Kind -> Sparkplug B 3.0 metric data type (specification section 6.4.16)."""


def ucum(unit: str) -> str:
    """UCUM code of a unit; an annotation `{unit}` (UCUM section 6) when there is no code."""
    return UCUM.get(unit) or "{" + "".join(char for char in unit if 32 < ord(char) < 127 and char not in "{}") + "}"


def fits(point: Point) -> str:
    """Why a point's quantity and unit cannot be; "" when they can."""
    if point.quantity and point.quantity not in _BY_KIND[point.kind]:
        return f"{point.quantity!r} is no quantity of kind {point.kind.value}"
    if point.kind is not Kind.NUMBER:
        return f"a {point.kind.value} has no unit, not {point.unit!r}" if point.unit else ""
    if point.quantity and point.unit not in MEASURED[point.quantity]:
        allowed = ", ".join(sorted(MEASURED[point.quantity])) or "none"
        return f"{point.quantity} is not measured in {point.unit!r} but in {allowed}"
    return ""


def canonical(unit: str) -> str:
    """A unit as this table writes it: the micro sign for a Greek mu, m³ for m3, lx for lux."""
    unit = unit.replace("\u03bc", "\u00b5")
    return _SPELLINGS.get(unit, unit)


_SPELLINGS = {"C": "°C", "F": "°F", "lux": "lx", "Lux": "lx", "m3": "m³", "VAr": "var", "ug/m3": "µg/m³", "dBM": "dBm"}


def quantity_for(quantity: str, unit: str, kind: Kind = Kind.NUMBER) -> str:
    """`quantity` when it may have this unit, else "": for points whose unit a device names itself."""
    return "" if fits(Point(quantity, unit, kind=kind)) else quantity
