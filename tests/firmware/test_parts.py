"""Every part of a node at a simulated chip that speaks its data sheet's protocol, on both interpreters: what they read
when all is well, what they say when it is not, and what they drive."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.firmware.vm import LIB, ROOT, UNIX, micropython, run

HERE = Path(__file__).parent
BUS = {"b": {"bus": "i2c", "sda": 20, "scl": 21}}

AIR = {"part": "bme280", "temperature": 21.5, "humidity": 45, "pressure": 1013.25}
SHT = {"part": "sht4x", "temperature": -3.2, "humidity": 45}
CO2 = {"part": "scd4x", "co2": 500, "temperature": 25, "humidity": 37, "every_ms": 20}
LIGHT = {"part": "veml7700", "lux": 350}


@pytest.fixture
def tried(tmp_path: Path) -> Any:
    """Runs the factory test of some parts in a world, on both interpreters at once: what they agree on, the findings by
    part, and the lines of what was set."""

    def trial(parts: dict[str, Any], world: dict[str, Any], **more: Any) -> tuple[dict[str, Any], list[Any]]:
        wired = more.pop("buses", BUS)
        (tmp_path / "world.json").write_text(json.dumps(world))
        (tmp_path / "told.json").write_text(json.dumps({"config": {"buses": wired, "parts": parts}, **more}))
        vms = [micropython(), "-X", "heapsize=512K"], [sys.executable]
        script = [str(HERE / "try_parts.py"), str(LIB), str(UNIX), str(tmp_path / "told.json")]
        env = {"SLUIS_WORLD": str(tmp_path / "world.json")}
        running = [
            subprocess.Popen([*vm, *script], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for vm in vms
        ]
        heard = [each.communicate(timeout=50)[0].decode() for each in running]
        assert [each.returncode for each in running] == [0, 0], heard
        (found, told), other = (sorted_out(each) for each in heard)
        assert (found, told) == other
        return found, told

    return trial


def sorted_out(heard: str) -> tuple[dict[str, Any], list[Any]]:
    lines = [json.loads(line) for line in heard.splitlines()]
    return {one["part"]: one for one in lines if "part" in one}, [one for one in lines if "set" in one]


def near(found: dict[str, Any], **wanted: float) -> None:
    assert found["ok"], found
    assert found["values"] == pytest.approx(wanted, abs=0.06)


def test_sensors_read_what_is_there(tried: Any) -> None:
    chips = {"118": AIR, "119": {**AIR, "temperature": -12, "humidity": 99, "pressure": 870}, "68": SHT, "98": CO2}
    world = {"20": {"i2c": {**chips, "16": LIGHT}}, "5": {"dht22": {"temperature": -3.5, "humidity": 40.1}}}
    world |= {"6": {"level": 1}, "7": {"level": 0}}
    found, _ = tried(
        {
            "air": {"part": "bme280", "bus": "b", "offset": -0.5},
            "cold": {"part": "bme280", "bus": "b", "address": "0x77"},
            "sht": {"part": "sht4x", "bus": "b"},
            "room": {"part": "scd4x", "bus": "b", "altitude_m": 12},
            "sun": {"part": "veml7700", "bus": "b"},
            "dht": {"part": "dht22", "pin": 5},
            "hall": {"part": "pir", "pin": 6},
            "door": {"part": "reed", "pin": 7, "inverted": True},
        },
        world,
    )
    near(found["air"], air_temperature=21, air_humidity=45, air_pressure=1013.25)
    near(found["cold"], cold_temperature=-12, cold_humidity=99, cold_pressure=870)
    near(found["sht"], sht_temperature=-3.2, sht_humidity=45)
    near(found["room"], room_co2=500, room_temperature=25, room_humidity=37)
    near(found["dht"], dht_temperature=-3.5, dht_humidity=40.1)
    assert found["sun"]["values"]["sun"] == pytest.approx(350, rel=0.002)
    assert found["hall"]["values"] == {"hall": True}
    assert found["door"]["values"] == {"door": True}
    assert found["cold"]["pin"] == "GPIO20, GPIO21, address 0x77"


def test_light_is_found_at_every_sensitivity(tried: Any) -> None:
    lights = {"dark": 0.0, "lamp": 30.0, "window": 1200.0, "sky": 90000.0}
    wires = {key: 2 * at for at, key in enumerate(lights)}
    world = {str(wires[key]): {"i2c": {"16": {**LIGHT, "lux": lux}}} for key, lux in lights.items()}
    buses = {key: {"bus": "i2c", "sda": pin, "scl": pin + 1} for key, pin in wires.items()}
    found, _ = tried({key: {"part": "veml7700", "bus": key} for key in lights}, world, buses=buses)
    assert {key: one["values"][key] for key, one in found.items()} == pytest.approx(lights, rel=0.01)


def said(found: dict[str, Any], part: str) -> str:
    assert not found[part]["ok"], found[part]
    assert found[part]["check"]
    text: str = found[part]["said"]
    return text


def test_what_is_wrong_is_said_with_the_pin_and_what_to_check(tried: Any) -> None:
    chips = {"119": {**AIR, "identity": 88}, "68": {**SHT, "damage": True}, "98": {**CO2, "damage": True}}
    chips |= {"69": {**SHT, "temperature": 129}, "16": {**LIGHT, "lux": 1e9}}
    found, _ = tried(
        {
            "absent": {"part": "bme280", "bus": "b"},
            "other": {"part": "bme280", "bus": "b", "address": "0x77"},
            "torn": {"part": "sht4x", "bus": "b"},
            "hot": {"part": "sht4x", "bus": "b", "address": "0x45"},
            "room": {"part": "scd4x", "bus": "b"},
            "sun": {"part": "veml7700", "bus": "b"},
            "gone": {"part": "dht22", "pin": 5},
            "sums": {"part": "dht22", "pin": 6},
            "low": {"part": "dht22", "pin": 7},
        },
        {
            "20": {"i2c": chips},
            "6": {"dht22": {"temperature": 21, "humidity": 40, "damage": True}},
            "7": {"dht22": {"temperature": 0, "humidity": 0}},
        },
    )
    there = "0x10, 0x44, 0x45, 0x62, 0x77"
    assert said(found, "absent") == "nothing answers at address 0x76; answering there: " + there
    assert "BMP280" in said(found, "other")
    assert "CRC" in said(found, "torn")
    assert said(found, "hot") == "hot_temperature is 129.0, which cannot be"
    assert "CRC" in said(found, "room")
    assert "more light" in said(found, "sun")
    assert "nothing answers" in said(found, "gone")
    assert "wrong sum" in said(found, "sums")
    assert "zeros" in said(found, "low")
    assert found["gone"]["pin"] == "GPIO5"
    assert "10 kOhm" in found["gone"]["check"]


def test_a_chip_that_never_measures_and_an_empty_bus(tried: Any) -> None:
    parts = {"air": {"part": "bme280", "bus": "b"}, "sht": {"part": "sht4x", "bus": "c"}}
    buses = {**BUS, "c": {"bus": "i2c", "sda": 2, "scl": 3}}
    found, _ = tried(parts, {"20": {"i2c": {"118": {**AIR, "asleep": True}}}}, buses=buses)
    assert "did not measure" in said(found, "air")
    assert said(found, "sht") == "nothing answers at address 0x44; the bus is silent altogether"


def test_a_stuck_bus_is_named_and_a_hanging_chip_is_clocked_free(tried: Any) -> None:
    sht = {"sht": {"part": "sht4x", "bus": "b"}}
    found, _ = tried(sht, {"20": {"i2c": {"68": SHT}, "level": 0}})
    assert "GPIO20 (SDA) stays low" in said(found, "sht")
    found, _ = tried(sht, {"20": {"i2c": {"68": SHT}}, "21": {"level": 0}})
    assert found["sht"]["ok"], "clock and data are two wires: only a bus that does not answer is looked at"
    found, _ = tried(sht, {"20": {"i2c": {"68": SHT}, "hangs": 7}})
    near(found["sht"], sht_temperature=-3.2, sht_humidity=45)


def test_actuators_drive_their_pins_and_begin_safe(tried: Any) -> None:
    parts = {
        "lamp": {"part": "dimmer", "pin": 8, "safe": 20, "least": 10, "curve": "eye"},
        "fan": {"part": "dimmer", "pin": 12, "inverted": True},
        "valve": {"part": "servo", "pin": 10, "safe": 45},
        "strip": {"part": "ws2812", "pin": 11, "count": 2, "limit": 50},
        "white": {"part": "ws2812", "pin": 13, "count": 1, "order": "GRBW", "safe": 100},
    }
    wishes = [["lamp", 100], ["fan", 25], ["valve", 90], ["strip_color", "#ff8000"], ["strip", 100]]
    wishes += [["strip_color", "red"], ["valve", 91], ["lamp", 0]]
    found, told = tried(parts, {}, board="pico-w", set=wishes)
    assert all(one["ok"] for one in found.values()), found
    assert found["lamp"]["values"] == {"lamp": 20}
    first, refused, last = told[0]["pins"], told[5:7], told[-1]["pins"]
    assert first["8"] == {"hz": 1000, "duty_u16": 65535}
    assert first["10"] == {"hz": 50, "high_ns": 1_500_000}, "45 of 90 degrees, its safe state"
    assert first["11"] == {"bits": "000000" * 2}
    assert first["13"] == {"bits": "000000ff"}, "what is white is the white lamp's"
    assert [one["refused"] for one in refused] == ["must be a colour such as #ff8800", "must be from 0 to 90"]
    assert last["8"]["duty_u16"] == 0
    assert last["12"]["duty_u16"] == 65535 - round(65535 * 0.25)
    assert last["10"]["high_ns"] == 2_000_000
    assert last["11"] == {"bits": "408000" * 2}, "green, red, blue, at half of what it could"


def test_boards_are_what_their_profiles_say() -> None:
    told = json.loads(
        subprocess.run(
            [
                sys.executable,
                "-c",
                "import json; from sluis_node.pins import BOARDS, Board\n"
                "print(json.dumps({k: [b.family, b.free, sorted(b.avoid), b.led]"
                " for k in BOARDS for b in [Board(k)]}))",
            ],
            env={"PYTHONPATH": str(LIB)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    profiles = {file.stem: tomllib.loads(file.read_text()) for file in (ROOT / "firmware" / "boards").glob("*.toml")}
    assert told == {
        key: [one["family"], one["pins"], sorted(int(pin) for pin in one["avoid"]), one.get("led", "")]
        for key, one in profiles.items()
    }


def test_a_part_imports_the_chip_only_when_it_starts() -> None:
    for file in sorted((LIB / "sluis_node" / "parts").glob("*.py")):
        for node in ast.parse(file.read_text()).body:
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {"machine", "onewire", "dht", "neopixel"} & set(names), file


def test_unused_parts_cost_nothing() -> None:
    loaded = run(
        "import sys\nfrom sluis_node import config\n"
        "config.check({'parts': {'a': {'part': 'relay', 'pin': 4}}})\n"
        "print(sorted(name for name in sys.modules if name.startswith('sluis_node.parts.')))"
    )
    assert loaded == "['sluis_node.parts.relay']\n"


def test_the_page_of_parts_is_fresh() -> None:
    script = "import node_parts_reference as made; print(made.page(), end='')"
    ended = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(ROOT / "tools")}, capture_output=True, check=True
    )
    page = (ROOT / "docs" / "reference" / "node-parts.md").read_bytes()
    assert page == ended.stdout, "run: python tools/node_parts_reference.py"
