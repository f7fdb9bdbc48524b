"""What a smart meter may offer, by the names that dsmr-parser gives to the lines of a telegram."""

from __future__ import annotations

from collections.abc import Mapping

from sluis.sdk import Kind, Point

COUNTS = "diagnostic"


def _point(key: str, name: str, quantity: str = "", unit: str = "", **more: object) -> Point:
    return Point(quantity, unit, key=key, name=name, **more)  # type: ignore[arg-type]  # a table's words


_PHASES: dict[str, Point] = {}
for _phase in ("l1", "l2", "l3"):
    _p = _phase.upper()
    _PHASES |= {
        f"INSTANTANEOUS_VOLTAGE_{_p}": _point(
            f"voltage_{_phase}", f"Voltage {_p}", "voltage", "V", minimum=0, maximum=300
        ),
        f"INSTANTANEOUS_CURRENT_{_p}": _point(
            f"current_{_phase}", f"Current {_p}", "current", "A", minimum=0, maximum=250
        ),
        f"INSTANTANEOUS_ACTIVE_POWER_{_p}_POSITIVE": _point(
            f"power_import_{_phase}", f"Power taken {_p}", "power", "kW", minimum=0, maximum=100
        ),
        f"INSTANTANEOUS_ACTIVE_POWER_{_p}_NEGATIVE": _point(
            f"power_export_{_phase}", f"Power fed in {_p}", "power", "kW", minimum=0, maximum=100
        ),
        f"VOLTAGE_SAG_{_p}_COUNT": _point(f"voltage_sags_{_phase}", f"Voltage sags {_p}", category=COUNTS),
        f"VOLTAGE_SWELL_{_p}_COUNT": _point(f"voltage_swells_{_phase}", f"Voltage swells {_p}", category=COUNTS),
    }

ELECTRICITY: Mapping[str, Point] = {
    "CURRENT_ELECTRICITY_USAGE": _point("power_import", "Power taken", "power", "kW", minimum=0, maximum=300),
    "CURRENT_ELECTRICITY_DELIVERY": _point("power_export", "Power fed in", "power", "kW", minimum=0, maximum=300),
    "ELECTRICITY_USED_TARIFF_1": _point("energy_import_t1", "Energy taken, tariff 1", "energy", "kWh", minimum=0),
    "ELECTRICITY_USED_TARIFF_2": _point("energy_import_t2", "Energy taken, tariff 2", "energy", "kWh", minimum=0),
    "ELECTRICITY_DELIVERED_TARIFF_1": _point("energy_export_t1", "Energy fed in, tariff 1", "energy", "kWh", minimum=0),
    "ELECTRICITY_DELIVERED_TARIFF_2": _point("energy_export_t2", "Energy fed in, tariff 2", "energy", "kWh", minimum=0),
    "ELECTRICITY_IMPORTED_TOTAL": _point("energy_import", "Energy taken", "energy", "kWh", minimum=0),
    "ELECTRICITY_EXPORTED_TOTAL": _point("energy_export", "Energy fed in", "energy", "kWh", minimum=0),
    "ELECTRICITY_ACTIVE_TARIFF": _point("tariff", "Tariff", kind=Kind.CHOICE, options=("1", "2", "3", "4")),
    **_PHASES,
    "BELGIUM_CURRENT_AVERAGE_DEMAND": _point("demand", "Quarter-hour demand", "power", "kW", minimum=0, maximum=300),
    "BELGIUM_MAXIMUM_DEMAND_MONTH": _point(
        "demand_peak_month", "Highest demand this month", "power", "kW", minimum=0, maximum=300
    ),
    "CURRENT_REACTIVE_IMPORTED": _point("reactive_power_import", "Reactive power taken", "reactive_power", "kvar"),
    "CURRENT_REACTIVE_EXPORTED": _point("reactive_power_export", "Reactive power fed in", "reactive_power", "kvar"),
    "ELECTRICITY_REACTIVE_IMPORTED_TOTAL": _point(
        "reactive_energy_import", "Reactive energy taken", "reactive_energy", "kvarh", category=COUNTS
    ),
    "ELECTRICITY_REACTIVE_EXPORTED_TOTAL": _point(
        "reactive_energy_export", "Reactive energy fed in", "reactive_energy", "kvarh", category=COUNTS
    ),
    "SHORT_POWER_FAILURE_COUNT": _point("power_failures", "Power failures", category=COUNTS),
    "LONG_POWER_FAILURE_COUNT": _point("long_power_failures", "Long power failures", category=COUNTS),
}
"""Name in dsmr-parser -> point."""

MEDIA: Mapping[int, Point] = {
    2: _point("electricity", "Sub-meter electricity", "energy", "kWh", minimum=0),
    3: _point("gas", "Gas", "gas", "m³", minimum=0),
    4: _point("heat", "Heat", "energy", "GJ", minimum=0),
    6: _point("warm_water", "Warm water", "water", "m³", minimum=0),
    7: _point("water", "Water", "water", "m³", minimum=0),
    10: _point("cold", "Cold", "energy", "GJ", minimum=0),
    11: _point("cold", "Cold", "energy", "GJ", minimum=0),
    12: _point("heat", "Heat", "energy", "GJ", minimum=0),
}
"""M-Bus device type (those of EN 13757) -> point, whose key gets the channel: `gas_1`. 3, 4 and 7 occur in published
telegrams; the others were not met there."""

UNITS: Mapping[str, tuple[str, float]] = {
    "m3": ("m³", 1), "W": ("kW", 0.001), "Wh": ("kWh", 0.001), "MWh": ("kWh", 1000), "MJ": ("GJ", 0.001),
    "var": ("kvar", 0.001), "varh": ("kvarh", 0.001), "kVAr": ("kvar", 1), "kVArh": ("kvarh", 1),
}  # fmt: skip
"""Unit in a telegram -> the point's unit, and the factor to it. All others stand as they are."""

BY_KEY: Mapping[str, Point] = {point.key: point for point in ELECTRICITY.values()}


def point_of(key: str) -> Point | None:
    """The point of a key: `power_import`, or `gas_1` for the gas meter on channel 1."""
    if key in BY_KEY:
        return BY_KEY[key]
    medium, _, channel = key.rpartition("_")
    found = next((point for point in MEDIA.values() if point.key == medium), None)
    return found.named(key, name=f"{found.name}, channel {channel}") if found and channel.isdigit() else None
