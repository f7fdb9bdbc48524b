"""A drop-in driver that misbehaves, in a house with other devices: those notice nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.conftest import eventually
from tests.services.intake.conftest import Site

from sluis.app.drivers import DriverLoader
from sluis.model.commands import SYSTEM
from sluis.runtime import SystemClock

STRANGE = """
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
        if frame.data == b"hang":
            while True: pass
        if frame.data == b"die":
            os._exit(1)
        return [self.level(int(frame.data))]
"""


@dataclass
class House:
    site: Site
    loader: DriverLoader
    folder: Path

    def readings(self, key: str) -> list[object]:
        ids = {number for (device, _), number in self.site.store.ids.items() if device == key}
        return [value for point, value, _ in self.site.store.rows if point in ids]

    async def feed(self, *messages: tuple[str, bytes]) -> None:
        self.site.link.feed(*messages)
        await self.site.settle()

    async def feed_until(self, data: bytes, key: str, value: object) -> None:
        """The device keeps talking, as devices do, until a reading comes through."""

        async def through() -> bool:
            await self.site.clock.advance(1)  # its flood allowance
            await self.feed(("s/a/data", data))
            return value in self.readings(key)

        await eventually(through, 15)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A hosted device `strange-a` and a built-in one `probe-b`, both adopted."""
    (tmp_path / "strange.py").write_text(STRANGE)
    site = await Site().start()
    loader = DriverLoader(site.register.registry, tmp_path, SystemClock())
    await loader.load()
    running = asyncio.ensure_future(loader.run(site.register.reload_driver))
    made = House(site, loader, tmp_path)
    await site.register.reload_driver("strange")
    await made.feed(("s/a/hello", b""))
    await site.register.adopt("strange-a", name="a", area="", actor=SYSTEM)
    await site.adopted("b")
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    loader.close()
    await site.stop()


async def test_a_hosted_device_is_like_any_other(house: House) -> None:
    await house.feed(("s/a/data", b"1"), ("p/b/data", b'{"t": 2}'), ("s/a/data", b"3"))
    assert house.readings("strange-a") == [1, 3]
    assert house.readings("probe-b") == [2]
    assert house.loader.sources["strange"] == "strange.py"


@pytest.mark.parametrize("evil", [b"hang", b"die"])
async def test_the_others_notice_nothing_and_it_comes_back(house: House, evil: bytes) -> None:
    tokens = house.site.link.feed(
        ("p/b/data", b'{"t": 1}'), ("s/a/data", evil), ("s/a/data", b"9"), ("p/b/data", b'{"t": 2}')
    )
    await house.site.settle()
    assert house.readings("probe-b") == [1, 2]
    assert house.site.link.acknowledged[-4:] == tokens
    counters = house.site.register.counters("strange-a")
    assert counters.faults == 2
    assert "driver fault" in house.site.register.frames("strange-a")[-2][1]
    assert "It is restarted" in house.loader.faults["strange.py (driver host)"].traceback
    await house.feed_until(b"7", "strange-a", 7)
    assert house.loader.faults == {}


async def test_the_last_good_version_comes_back_also_when_the_file_is_broken_by_then(house: House) -> None:
    (house.folder / "strange.py").write_text("def (")
    os.utime(house.folder / "strange.py", ns=(1, 1))
    await eventually(lambda: "strange.py" in house.loader.faults)
    await house.feed(("s/a/data", b"die"))
    await house.feed_until(b"7", "strange-a", 7)
    assert "SyntaxError" in house.loader.faults["strange.py"].traceback


async def test_a_changed_file_is_in_use_for_the_devices_there_are(house: House) -> None:
    (house.folder / "strange.py").write_text(STRANGE.replace("int(frame.data)", "int(frame.data) * 2"))
    os.utime(house.folder / "strange.py", ns=(1, 1))
    await house.feed_until(b"7", "strange-a", 14)
    assert house.site.register.counters("strange-a").faults == 0
    assert len(house.loader.hosts) == 1


async def test_a_package_with_an_entry_point_is_hosted_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "strange_package.py").write_text(STRANGE)
    told = tmp_path / "strange_package-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: strange-package\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text("[sluis.drivers]\nstrange = strange_package:Strange\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    site = Site()
    loader = DriverLoader(site.register.registry, tmp_path / "none", SystemClock())
    await loader.load()
    try:
        assert loader.faults == {}
        assert loader.sources["strange"] == "strange-package"
        cls = site.register.registry.get("strange")
        assert cls is not None
        assert [point.key for point in cls("a").points()] == ["level"]
    finally:
        loader.close()


async def test_without_drop_ins_there_is_no_host(tmp_path: Path) -> None:
    site = Site()
    loader = DriverLoader(site.register.registry, tmp_path, SystemClock())
    await loader.load()
    assert loader.hosts == {}
