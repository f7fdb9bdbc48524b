"""What the electricity card counts: each watt once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from sluis.model import Device, Kind
from sluis.panel.pages.energy import HOUR_US, EnergyCard
from sluis.panel.pages.views import DeviceView, PointView
from sluis.runtime import ManualClock

MADE: dict[str, Any] = {
    "label": "", "kind": Kind.NUMBER, "function": "", "writable": False, "allowed": False, "reported": True,
    "value": 0.0, "text": "", "format": "", "on": "", "off": "", "quality": "good", "stale": False, "at_us": 0,
    "limit_s": None, "age_s": 0.0, "desired": "", "options": (), "minimum": None, "maximum": None, "step": None,
}  # fmt: skip


@dataclass
class Past:
    """A history in which each point has stood at its value for the last hour."""

    values: Mapping[tuple[str, str], float]

    async def series(self, device: str, point: str, start_us: int, end_us: int, buckets: int) -> list[SimpleNamespace]:
        at = SimpleNamespace(at_us=end_us - HOUR_US, count=60, mean=self.values[device, point])
        return [at] if end_us > NOW_US else []


NOW_US = ManualClock().stamp().at_us


async def kwh(devices: Mapping[str, Mapping[str, tuple[float, str, str]]], main: tuple[str, ...] = ()) -> float | None:
    """The card's total, for points of (value, unit, category)."""
    views = [
        DeviceView(
            Device(device, "driver", device, "mqtt"),
            tuple(
                PointView(device=device, key=key, quantity="power", unit=unit, category=category, **MADE)
                for key, (_, unit, category) in points.items()
            ),
            "online",
            "",
            0,
            "",
        )
        for device, points in devices.items()
    ]
    past = Past({(device, key): one[0] for device, points in devices.items() for key, one in points.items()})
    house: Any = SimpleNamespace(clock=ManualClock(), history=past)
    day = await EnergyCard(main).day(house, views)
    return day.kwh if day else None


PLUG = {"power": (500.0, "W", "")}


async def test_plugs_are_summed() -> None:
    assert await kwh({"one": PLUG, "two": PLUG}) == pytest.approx(1.0)
    assert await kwh({}) is None


async def test_a_main_meter_is_counted_alone() -> None:
    devices = {"one": PLUG, "two": PLUG, "meter": {"power": (1200.0, "W", "")}}
    assert await kwh(devices, main=("meter",)) == pytest.approx(1.2)
    assert await kwh({"one": PLUG}, main=("meter",)) == pytest.approx(0.5), "a visitor who may not see the meter"


async def test_phases_are_parts_of_their_meter() -> None:
    phases = {f"power_l{number}": (400.0, "W", "") for number in (1, 2, 3)}
    assert await kwh({"meter": {**phases, "power": (1200.0, "W", "")}}) == pytest.approx(1.2)
    assert await kwh({"meter": phases}) == pytest.approx(1.2), "one that tells no sum"


async def test_a_smart_meter_tells_kilowatts_and_what_is_fed_in_is_not_taken() -> None:
    p1 = {
        "power_export": (3.0, "kW", ""),
        "power_import": (0.75, "kW", ""),
        "power_import_l1": (0.75, "kW", ""),
        "demand": (2.0, "kW", ""),
    }
    assert await kwh({"p1": p1}) == pytest.approx(0.75)


async def test_what_is_no_power_of_mains_is_left_out() -> None:
    assert await kwh({"plug": {**PLUG, "standby": (2.0, "W", "diagnostic")}}) == pytest.approx(0.5)
    assert await kwh({"odd": {"power": (9.0, "hp", "")}}) is None
