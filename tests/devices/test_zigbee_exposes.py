"""Definitions of real Zigbee products (from zigbee-herdsman-converters 26.112, trimmed to what the driver reads)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sluis.model.units import fits
from sluis.sdk.testing import perform
from sluis.sdk.testing.conformance import sample_value
from sluis_drivers.zigbee2mqtt.bridge import Zigbee2Mqtt

PRODUCTS = [json.loads(line) for line in (Path(__file__).parent / "zigbee_exposes.jsonl").read_text().splitlines()]


def driver_of(product: dict[str, Any]) -> Zigbee2Mqtt:
    return Zigbee2Mqtt("0x1", {"": {"base": "zigbee2mqtt", "name": "it", "exposes": product["exposes"]}})


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product["model"])
def test_a_real_product_has_points_that_fit_and_perform(product: dict[str, Any]) -> None:
    driver = driver_of(product)
    points = list(driver.points())
    assert points
    assert not [fits(point) for point in points if fits(point)]
    assert len({point.key for point in points}) == len(points)
    for point in points:
        if point.writable:
            sent = perform(driver, point.key, sample_value(point))
            assert [one.to for one in sent] == ["zigbee2mqtt/it/set"]


def test_a_switch_with_two_endpoints_is_two_points() -> None:
    state = {"type": "binary", "name": "state", "access": 7, "value_on": "ON", "value_off": "OFF"}
    sides = [{"type": "switch", "features": [state | {"property": f"state_{side}"}]} for side in ("left", "right")]
    driver = driver_of({"exposes": sides})
    assert [(point.key, point.quantity) for point in driver.points()] == [
        ("state_left", "switch"),
        ("state_right", "switch"),
    ]
    (sent,) = perform(driver, "state_right", True)
    assert json.loads(sent.data) == {"state_right": "ON"}


def parts(exposes: list[dict[str, Any]], within: tuple[str, ...] = ()) -> list[str]:
    """The key of every single value that a definition exposes, by the properties that lead to it."""
    found: list[str] = []
    for one in exposes:
        if "features" in one:
            composite = (one["property"],) if one.get("type") == "composite" else ()
            found += parts(one["features"], (*within, *composite))
        else:
            found.append(".".join((*within, one["property"])))
    return found


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product["model"])
def test_every_value_that_is_exposed_is_a_point(product: dict[str, Any]) -> None:
    keys = {point.key.replace("_", ".") for point in driver_of(product).points()}
    assert {part.replace("_", ".") for part in parts(product["exposes"])} == keys


def test_the_products_are_of_all_sorts() -> None:
    told = json.dumps(PRODUCTS)
    assert len({(product["vendor"], product["model"]) for product in PRODUCTS}) >= 10
    for sort in ('"light"', '"contact"', '"humidity"', '"energy"', '"action"', '"cover"', '"climate"', '"occupancy"'):
        assert sort in told, sort
