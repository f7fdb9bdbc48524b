"""The kernel link over a tree of files as the kernel documents them, and this machine's own `sys`."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sluis.app.config import Settings, build
from sluis.links.kernel.link import KernelLink
from sluis.links.kernel.sensors import find, present, read
from sluis.links.kernel.settings import KernelSettings
from sluis.model import ConfigError, Frame, LinkError, Reading
from sluis.runtime import SystemClock
from sluis.sdk import Driver
from sluis.sdk.testing import Bench
from sluis_drivers.kernel.ds18b20 import Thermometer
from sluis_drivers.kernel.hwmon import Hwmon
from sluis_drivers.kernel.iio import Iio
from tests.links.kernel.tree import MEASURED, Tree, unreadable

Eventually = Callable[..., Awaitable[None]]
W1 = "w1/28-00000a1b2c3d"
BME280 = {
    "name": "bme280",
    "in_temp_input": "21500",
    "in_humidityrelative_input": "43210",
    "in_pressure_input": "101.3",
}
ADS1115 = {
    "name": "ads1015",
    "in_voltage0_raw": "16000",
    "in_voltage0_scale": "0.1875",
    "sampling_frequency": "128",
    "in_voltage0_sampling_frequency": "128",
}


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    made = Tree(tmp_path)
    made.thermometer("28-00000a1b2c3d")
    made.iio(0, "1-0076", **BME280)
    made.hwmon(2, "1-0048", name="lm75", temp1_input="23500", temp1_max="80000")
    made.hwmon(0, name="cpu_thermal", temp1_input="48312")
    return made


def settings(tree: Tree, **changes: Any) -> KernelSettings:
    return KernelSettings(True, root=tree.root, every_s=0.05, w1_every_s=0.05, scan_s=0.05, **changes)


@pytest.fixture
async def link(tree: Tree) -> AsyncIterator[KernelLink]:
    made = KernelLink(settings(tree), SystemClock())
    made.set_filters(frozenset({"w1/+/about", "iio/+/about", "hwmon/+/about", W1, "iio/1-0076", "hwmon/1-0048"}))
    running = asyncio.ensure_future(made.run())
    yield made
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def frame(link: KernelLink, source: str, fits: Callable[[dict[str, Any]], bool] = lambda said: True) -> Frame:
    async with asyncio.timeout(10):
        while True:
            for one in await link.take():
                if one.source == source and fits(json.loads(one.data)):
                    return one


def test_sensors_are_known_by_where_they_are_not_by_their_number(tree: Tree) -> None:
    found = find(tree.root, ("w1", "iio", "hwmon"))
    assert sorted(found) == ["hwmon/1-0048", "hwmon/cpu_thermal", "iio/1-0076", W1]
    assert found["iio/1-0076"].channels == ("in_humidityrelative_input", "in_pressure_input", "in_temp_input")
    tree.unplug(tree.sys / "devices/platform/soc/i2c-1/1-0076/iio:device0")
    tree.iio(7, "1-0076", **BME280)
    assert "iio/1-0076" in find(tree.root, ("iio",))


def test_two_of_a_name_are_two(tree: Tree) -> None:
    tree.hwmon(1, name="cpu_thermal", temp1_input="50000")
    assert {"hwmon/cpu_thermal", "hwmon/cpu_thermal-2"} <= find(tree.root, ("hwmon",)).keys()


def test_only_what_says_something_of_a_value_is_read(tree: Tree) -> None:
    tree.iio(1, "1-0049", **ADS1115)
    said = read(find(tree.root, ("iio",))["iio/1-0049"])
    assert said == {"in_voltage0_raw": "16000", "in_voltage0_scale": "0.1875"}
    assert read(find(tree.root, ("hwmon",))["hwmon/1-0048"]) == {"temp1_input": "23500"}


def test_other_things_on_the_buses_are_left_alone(tree: Tree) -> None:
    (tree.sys / "bus/w1/devices/w1_bus_master1").mkdir()
    tree.thermometer("3a-000000112233")  # a DS2413 switch
    tree.iio(2, "1-0010", name="trigger-only", current_timestamp_clock="realtime")
    tree.hwmon(5, "1-0011", name="fancontrol", pwm1="128")
    assert len(find(tree.root, ("w1", "iio", "hwmon"))) == 4


def test_this_machines_own_sys_can_be_looked_at() -> None:
    for sensor in find(Path("/"), ("w1", "iio", "hwmon")).values():
        with contextlib.suppress(OSError):
            assert read(sensor)
    assert set(present(Path("/"), ("w1", "iio", "hwmon"))) <= {"w1", "iio", "hwmon"}


CASES = [
    (W1, Thermometer, {"temperature": 23.125}),
    ("iio/1-0076", Iio, {"temperature": 21.5, "humidity": 43.21, "pressure": 1013.0}),
    ("hwmon/1-0048", Hwmon, {"temperature_1": 23.5}),
]


@pytest.mark.parametrize(("source", "family", "values"), CASES, ids=[case[0] for case in CASES])
async def test_from_file_to_reading(
    link: KernelLink, source: str, family: type[Driver], values: dict[str, float]
) -> None:
    bench = Bench(family)
    bench.sniff(await frame(link, f"{source}/about"))
    [driver] = bench.drivers()
    assert driver.native_id == source
    said = list(driver.decode(await frame(link, source)))
    assert {one.point: one.value for one in said if isinstance(one, Reading)} == values
    assert values.keys() <= {point.key for point in driver.points()}
    assert all(point.every_s == 0.05 for point in driver.points())


async def test_only_adopted_sensors_are_read(link: KernelLink) -> None:
    await frame(link, "hwmon/cpu_thermal/about")
    async with asyncio.timeout(10):
        seen: list[str] = []
        while seen.count(W1) < 3:
            seen += [one.source for one in await link.take()]
    assert "hwmon/cpu_thermal" not in seen


async def test_a_sensor_is_plugged_in_and_out_and_in(link: KernelLink, tree: Tree) -> None:
    await frame(link, W1)
    real = tree.sys / "devices/w1_bus_master1/28-00000a1b2c3d"
    tree.unplug(real)
    await frame(link, W1, lambda said: "gone" in said)
    tree.thermometer("28-00000a1b2c3d")
    await frame(link, f"{W1}/about")
    await frame(link, W1, lambda said: "w1_slave" in said)
    tree.thermometer("28-0000ffffffff")
    await frame(link, "w1/28-0000ffffffff/about")


async def test_a_sensor_that_does_not_answer_says_so_and_heals(link: KernelLink, tree: Tree) -> None:
    file = tree.sys / "devices/w1_bus_master1/28-00000a1b2c3d/w1_slave"
    unreadable(file)
    said = json.loads((await frame(link, W1, lambda said: "failed" in said)).data)
    assert said == {"failed": "Input/output error"}
    assert link.health().notes["failing"] == {W1: "Input/output error"}
    file.unlink()
    file.write_text(MEASURED)
    await frame(link, W1, lambda said: "w1_slave" in said)
    assert "failing" not in link.health().notes


async def test_one_channel_that_fails_leaves_the_others(tree: Tree) -> None:
    unreadable(tree.sys / "devices/platform/soc/i2c-1/1-0076/iio:device0/in_pressure_input")
    assert read(find(tree.root, ("iio",))["iio/1-0076"]).keys() == {"in_temp_input", "in_humidityrelative_input"}


async def test_a_request_reads_now(link: KernelLink, eventually: Eventually) -> None:
    await eventually(lambda: link.up)
    answer = await link.request(b"", to="hwmon/cpu_thermal")
    assert json.loads(answer.data) == {"temp1_input": "48312"}
    for data, to in ((b"x", W1), (b"", "w1/28-nothing")):
        with pytest.raises(LinkError):
            await link.request(data, to=to)
    with pytest.raises(LinkError):
        await link.send(b"x", to=W1)


def test_settings_say_what_is_wrong() -> None:
    with pytest.raises(ConfigError, match="w1, iio, hwmon"):
        build(Settings, {"kernel": {"kinds": ["i2c"]}}, "sluis.toml")
    with pytest.raises(ConfigError, match=r"0\.05 or more"):
        build(Settings, {"kernel": {"every_s": 0}}, "sluis.toml")
