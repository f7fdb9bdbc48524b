"""A driver that fails again and again: put aside, the last good version takes over, its input is kept."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.conftest import eventually
from tests.services.intake.conftest import Site

from sluis.app.driver_faults import KEPT, DriverFaults
from sluis.app.drivers import DriverLoader
from sluis.app.quarantine import FAULTS_MAX, GOOD_AFTER
from sluis.app.versions import Aside, Versions, digest
from sluis.cli import main
from sluis.model import Device, Frame, NotFound, Stamp
from sluis.model.commands import SYSTEM
from sluis.model.faults import DriverFailed
from sluis.runtime import SystemClock
from sluis.sdk import About, Ask, Driver, MqttMatch

GOOD = """
import os
from sluis.sdk import *

class Strange(Driver):
    about = About(key="strange", vendor="X", models=("1",), match=MqttMatch(("s/+/hello",)), sources=("here",))
    level = Point("distance", "mm", every_s=10)
    @classmethod
    def sniff(cls, frame):
        return [Announcement(frame.source.split("/")[1])]
    def topics(self):
        return (f"s/{self.native_id}/data",)
    def decode(self, frame):
        if not frame.data.isdigit():
            raise Implausible("no number")
        return [self.level(int(frame.data))]
"""
RAISES = GOOD.replace('raise Implausible("no number")', "return [self.level(int(frame.data))]")
DIES = GOOD.replace('raise Implausible("no number")', "os._exit(1)")


@dataclass
class House:
    folder: Path
    site: Site
    loader: DriverLoader
    tasks: list[asyncio.Future[None]] = field(default_factory=list)
    numbers: int = 0

    async def begin(self) -> None:
        """The gateway's part that matters here, started (again)."""
        self.loader = DriverLoader(self.site.register.registry, self.folder, SystemClock())
        await self.loader.load()
        self.site.intake.on_driver_fault(self.loader.failed)
        self.tasks.append(asyncio.ensure_future(self.loader.run(self.site.register.reload_driver)))
        await self.site.register.reload_driver("strange")

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks.clear()
        self.loader.close()
        self.site.register.registry.discard("strange")

    def drop(self, text: str) -> str:
        """Put a version into the folder; its digest."""
        self.numbers += 1
        file = self.folder / "strange.py"
        file.write_text(text)
        os.utime(file, ns=(self.numbers, self.numbers))
        return digest(text.encode())

    @property
    def version(self) -> str:
        host = self.loader.hosts.get("strange.py")
        return host.what.version if host else ""

    async def say(self, *data: bytes) -> None:
        await self.site.clock.advance(1)
        self.site.link.feed(*(("s/a/data", one) for one in data))
        await self.site.settle()

    async def proven(self, version: str) -> None:
        """This version has decoded enough to be kept."""
        await eventually(lambda: self.version == version)

        async def kept() -> bool:
            await self.say(*[b"1"] * GOOD_AFTER)
            return self.loader.quarantine.versions.is_good("strange.py", version)

        await eventually(kept)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    site = await Site().start()
    made = House(tmp_path, site, DriverLoader(site.register.registry, tmp_path, SystemClock()))
    made.drop(GOOD)
    await made.begin()
    site.link.feed(("s/a/hello", b""))
    await site.settle()
    await site.register.adopt("strange-a", name="a", area="", actor=SYSTEM)
    await site.settle()
    yield made
    await made.end()
    await site.stop()


@pytest.mark.parametrize("bad", [RAISES, DIES], ids=["raises", "dies"])
async def test_the_last_good_version_takes_over_and_survives_a_restart(house: House, bad: str) -> None:
    good = digest(GOOD.encode())
    await house.proven(good)
    worse = house.drop(bad)
    await eventually(lambda: house.version == worse)
    await house.loader.refresh()

    async def back() -> bool:
        await house.say(b"x", b"7")
        return house.version == good

    await eventually(back, 25)
    assert "The good version before it is in use" in house.loader.put_aside("strange")
    assert house.loader.quarantine.versions.aside("strange.py", worse)
    await house.say(b"12")
    await eventually(lambda: 12 in [value for _, value, _ in house.site.store.rows])

    await house.end()
    await house.begin()
    assert house.version == good
    assert worse in house.loader.put_aside("strange")
    await house.loader.release("strange")
    await eventually(lambda: house.version == worse)
    assert house.loader.put_aside("strange") == ""


async def test_without_a_better_version_one_that_only_raises_goes_on(house: House) -> None:
    worse = house.drop(RAISES)
    await eventually(lambda: house.version == worse)
    await house.say(*[b"x"] * FAULTS_MAX * 2, b"3")
    await house.loader.refresh()
    assert house.version == worse
    assert house.loader.put_aside("strange") == ""
    assert house.site.store.rows[-1][1] == 3


async def test_without_a_better_version_one_that_dies_stays_down_until_it_changes(house: House) -> None:
    worse = house.drop(DIES)
    await eventually(lambda: house.version == worse)
    house.loader.hosts["strange.py"]._backoff.first_s = 0.01

    async def aside() -> bool:
        await house.say(b"x")
        return worse in house.loader.put_aside("strange")

    await eventually(aside, 25)
    assert "takes over" not in house.loader.put_aside("strange")
    await house.end()
    await house.begin()
    assert house.version == ""
    assert "strange" not in house.loader.sources
    assert "There is no such" not in house.loader.put_aside("strange")
    better = house.drop(GOOD)
    await eventually(lambda: house.version == better)
    assert house.loader.faults == {}
    with pytest.raises(NotFound, match="no version"):
        await house.loader.release("no-such")


async def test_a_file_that_is_broken_at_the_start_of_the_gateway_gives_way_to_the_good_one(house: House) -> None:
    await house.proven(digest(GOOD.encode()))
    await house.end()
    house.drop("def (")
    await house.begin()
    assert house.version == digest(GOOD.encode())
    assert "SyntaxError" in house.loader.faults["strange.py"].traceback


async def test_a_file_that_is_taken_away_is_forgotten(house: House) -> None:
    await house.proven(digest(GOOD.encode()))
    (house.folder / "strange.py").unlink()
    await eventually(lambda: not (house.folder / ".versions" / "strange.py").exists())


async def test_what_broke_it_can_be_replayed_by_its_author(house: House) -> None:
    """The fault as the author gets it: replayed against the broken driver it fails, against the mended one it reads."""
    from click.testing import CliRunner

    worse = house.drop(RAISES)
    await eventually(lambda: house.version == worse)
    await house.say(b"one", b"one", b"two")
    await house.loader.refresh()
    failures = house.loader.quarantine.failures
    await eventually(lambda: [one.count for one in failures.of("strange")] == [2, 1])
    first, second = failures.of("strange")
    assert (first.count, second.count, first.doing, first.device) == (2, 1, "decode", "strange-a")
    assert "ValueError" in first.error
    assert "strange.py" in first.trace
    again = DriverFaults(house.folder / ".faults")
    again.load()
    assert [one.line for one in again.of("strange")] == [first.line, second.line]

    repro = house.folder / "repro.jsonl"
    repro.write_text(first.line + "\n")
    (house.folder / "mended.py").write_text(RAISES.replace("int(frame.data)", "len(frame.data)"))
    replay = ["driver", "replay", str(repro), "--driver"]
    broken = CliRunner().invoke(main, [*replay, str(house.folder / "strange.py")])
    assert "fault: ValueError" in broken.output, broken.output
    mended = CliRunner().invoke(main, [*replay, str(house.folder / "mended.py")])
    assert "level = 3" in mended.output, mended.output


class Keyed(Driver):
    about = About(
        "keyed",
        "X",
        ("1",),
        MqttMatch(("k/#",)),
        ("here",),
        setup=(Ask("bindkey", "Key", secret=True), Ask("map", "Map")),
    )


def failure(data: bytes = b"\xff", error: str = "x") -> DriverFailed:
    device = Device("k-1", "keyed", "1", "mqtt", description={"setup": {"bindkey": "231d39c1d7cc1ab1", "map": "m"}})
    frame = Frame("mqtt", "k/1\ud800", data, Stamp(1, 2), asked=b"?")
    return DriverFailed("keyed", "decode", ValueError(error), device, frame)


def test_secrets_stay_at_home(tmp_path: Path) -> None:
    faults = DriverFaults(tmp_path)
    faults.add(failure(), Keyed, "v1", 5)
    faults.save()
    kept = (tmp_path / "keyed.jsonl").read_text()
    assert "231d39" not in kept
    told = json.loads(kept)
    assert told["description"] == {"setup": {"bindkey": "***", "map": "m"}}
    assert (told["hex"], told["asked_hex"], told["fault"]["error"]) == ("ff", "3f", "ValueError: x")


def test_a_hostile_device_does_not_fill_the_card(tmp_path: Path) -> None:
    faults = DriverFaults(tmp_path)
    for number in range(KEPT * 3):
        faults.add(failure(str(number).encode()), Keyed, "v1", number)
    faults.save()
    assert len((tmp_path / "keyed.jsonl").read_text().splitlines()) == KEPT
    assert faults.count("keyed") == KEPT * 3
    faults.add(failure(), Keyed, "v2", 99)
    assert faults.of("keyed")[-1].version == "v2"
    assert len(faults.of("keyed")) == KEPT
    faults.clear("keyed")
    faults.save()
    assert not (tmp_path / "keyed.jsonl").exists()


def test_damaged_records_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "x.py").mkdir()
    (tmp_path / "x.py" / "versions.json").write_text('{"good": 1}')
    (tmp_path / "keyed.jsonl").write_text("nonsense\n")
    versions, faults = Versions(tmp_path), DriverFaults(tmp_path)
    versions.load()
    faults.load()
    assert not faults.of("keyed")
    assert not versions.before("x.py", "")
    versions.keep("x.py", digest(b"text"), b"text")
    assert versions.text("x.py", digest(b"text")) == b"text"
    (tmp_path / "x.py" / f"{digest(b'text')}.py").write_bytes(b"other")
    with pytest.raises(OSError, match="was changed"):
        versions.text("x.py", digest(b"text"))
    versions.put_aside("x.py", digest(b"text"), ["x"], Aside("because", 1))
    again = Versions(tmp_path)
    again.load()
    assert again.aside("x.py", digest(b"text")) == Aside("because", 1)
    assert again.source_of("x") == "x.py"
