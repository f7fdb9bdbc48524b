"""One table of units: consistent with itself."""

from __future__ import annotations

import pytest

from sluis.model import Kind, Point
from sluis.model.units import MEASURED, SPARKPLUG, SWITCHED, UCUM, canonical, fits, quantity_for, ucum


def test_every_unit_but_money_and_rare_ones_has_a_ucum_code() -> None:
    without = set().union(*MEASURED.values()) - UCUM.keys()
    assert without == {"EUR", "USD", "GBP", "Beaufort", "PiB", "EiB", "ZiB", "YiB"}
    assert not [code for code in UCUM.values() if not code.isascii() or " " in code]


@pytest.mark.parametrize(
    ("point", "good"),
    [
        (Point("temperature", "°C"), True),
        (Point("temperature", "C"), False),
        (Point("temperature"), False),
        (Point("power_factor"), True),
        (Point("door", kind=Kind.SWITCH), True),
        (Point("temperature", kind=Kind.SWITCH), False),
        (Point("carbon_monoxide", kind=Kind.SWITCH), True),
        (Point("", "lqi"), True),
        (Point("", "°C", kind=Kind.TEXT), False),
        (Point("volume", "fl. oz."), True),
        (Point("ph"), True),
    ],
)
def test_fits(point: Point, good: bool) -> None:
    assert (fits(point) == "") is good


def test_what_devices_write_becomes_what_the_table_holds() -> None:
    assert canonical("\u03bcg/m³") == "µg/m³"
    assert quantity_for("pm25", canonical("ug/m3")) == "pm25"
    assert quantity_for("temperature", "furlong") == ""
    assert ucum("°C") == "Cel"
    assert ucum("kopjes koffie") == "{kopjeskoffie}"
    assert set(SPARKPLUG) == set(Kind)
    assert "battery" in SWITCHED
