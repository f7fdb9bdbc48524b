"""From a thermometer nobody has a driver for to one that passes: the commands of a newcomer, with a radio's packets."""

from __future__ import annotations

import asyncio
import json
import struct
import sys
from pathlib import Path

import pytest

from tests.gateway.test_ble import ADDRESS, Ether, ether, peripheral

__all__ = ["ether"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

BY_HAND = (
    ("T T | H | B ...    7 bytes      CHANGE: draw your device's frames", "2 | T T | H | B | N | C"),
    ("CHANGE: where the knowledge comes from, with version", "packets recorded in hand, fridge and oven, firmware 1.0"),
    ("data[0:2]", "data[1:3]"),
    ("self.humidity(int.from_bytes(data[2:3]", "self.humidity(int.from_bytes(data[3:4]"),
    ("self.battery(int.from_bytes(data[3:4]", "self.battery(int.from_bytes(data[4:5]"),
)
"""What a person changes in the driver that was written for them: where which byte stands, and how they know."""


def packet(celsius: float, percent: int, number: int) -> bytes:
    """Manufacturer data of company FFFF: a kind, temperature, humidity, battery, number, sum."""
    body = struct.pack("<BhBBB", 2, round(celsius * 100), percent, 93, number)
    data = b"\xff\xff" + body + bytes((sum(body) & 0xFF,))
    return bytes((2, 1, 6, len(data) + 1, 0xFF)) + data


async def sluis(folder: Path, *words: str, code: int = 0) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sluis",
        *words,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == code, said.decode()
    return said.decode()


async def test_a_new_thermometer_has_a_driver_with_no_other_file_touched(ether: Ether, tmp_path: Path) -> None:
    async with peripheral(ether) as device:

        async def life() -> None:
            """In the hand, in the fridge, in the oven."""
            for number, (celsius, percent) in enumerate([(21.5, 42), (4.1, 80), (60.25, 12)] * 100):
                await device.advertise(packet(celsius, percent, number % 256))
                await asyncio.sleep(0.4)

        living = asyncio.ensure_future(life())
        adapter = ("--adapter", f"tcp-client:127.0.0.1:{ether.ours}")
        said = await sluis(tmp_path, "driver", "record", *adapter, "C4:*", "--count", "6", "--seconds", "30", "--raw")
        living.cancel()
    assert "6 frames" in said
    lines = [json.loads(line) for line in (tmp_path / "recorded.jsonl").read_text().splitlines()]
    assert {line["topic"] for line in lines} == {ADDRESS}
    await sluis(tmp_path, "driver", "new", "Klima", "T9", "--frames", "recorded.jsonl")
    driver = tmp_path / "klima_t9.py"
    text = driver.read_text()
    for old, new in BY_HAND:
        assert old in text, text
        text = text.replace(old, new)
    driver.write_text(text)
    await sluis(tmp_path, "driver", "replay", "klima-t9.jsonl", "--driver", "klima_t9.py", "--write")
    checked = await sluis(tmp_path, "driver", "check", "klima_t9.py", "--grade", "bronze")
    assert "Grade: draft" not in checked
    assert {file.name for file in tmp_path.iterdir()} == {
        "recorded.jsonl",
        "klima_t9.py",
        "klima_t9_sim.py",
        "klima-t9.jsonl",
    }
    frames = [json.loads(line) for line in (tmp_path / "klima-t9.jsonl").read_text().splitlines()]
    readings = [line["readings"] for line in frames if "readings" in line]
    assert {"temperature": 21.5, "humidity": 42, "battery": 93} in readings
    assert {"temperature": 4.1, "humidity": 80, "battery": 93} in readings
