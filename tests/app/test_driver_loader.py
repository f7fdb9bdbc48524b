"""Drop-in drivers: new, changed, broken, gone; the last good version stays."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sluis.app.drivers import DriverLoader
from sluis.runtime import ManualClock
from sluis.sdk import Registry

GOOD = (Path(__file__).parents[2] / "docs" / "examples" / "drivers" / "acme_t1.py").read_text()


@pytest.fixture
async def loader(tmp_path: Path) -> AsyncIterator[DriverLoader]:
    made = DriverLoader(Registry(), tmp_path, ManualClock())
    await made.load()
    yield made
    made.close()


def drop(folder: Path, name: str, text: str, at_ns: int) -> None:
    (folder / name).write_text(text)
    os.utime(folder / name, ns=(at_ns, at_ns))


async def test_a_file_is_picked_up_changed_kept_when_broken_and_removed(loader: DriverLoader, tmp_path: Path) -> None:
    registry = loader._registry
    assert registry.get("tasmota") is not None
    drop(tmp_path, "acme.py", GOOD, 1_000)
    assert await loader.refresh() == ["acme-t1"]
    assert await loader.refresh() == []
    first = registry.get("acme-t1")
    assert first is not None
    drop(tmp_path, "acme.py", GOOD.replace("/ 10)", "/ 11)"), 2_000)
    assert await loader.refresh() == ["acme-t1"]
    second = registry.get("acme-t1")
    assert second is not first
    drop(tmp_path, "acme.py", "raise SystemExit(1)", 3_000)
    assert await loader.refresh() == []
    assert registry.get("acme-t1") is second
    assert "SystemExit" in loader.faults["acme.py"].traceback
    drop(tmp_path, "acme.py", GOOD, 4_000)
    assert await loader.refresh() == ["acme-t1"]
    assert loader.faults == {}
    (tmp_path / "acme.py").unlink()
    assert await loader.refresh() == ["acme-t1"]
    assert registry.get("acme-t1") is None


async def test_a_changed_file_may_rename_its_driver(loader: DriverLoader, tmp_path: Path) -> None:
    drop(tmp_path, "acme.py", GOOD, 1_000)
    await loader.refresh()
    drop(tmp_path, "acme.py", GOOD.replace("acme-t1", "acme-t2"), 2_000)
    assert sorted(await loader.refresh()) == ["acme-t1", "acme-t2"]
    assert loader._registry.get("acme-t1") is None
    assert "acme-t1" not in loader.sources


@pytest.mark.parametrize("text", ["1/0", "x = 1", "def (", GOOD.replace("acme-t1", "tasmota"), "import gone"])
async def test_a_broken_file_disables_itself_only(loader: DriverLoader, tmp_path: Path, text: str) -> None:
    before = {cls.about.key for cls in loader._registry}
    tasmota = loader._registry.get("tasmota")
    drop(tmp_path, "bad.py", text, 1_000)
    drop(tmp_path, "good.py", GOOD, 1_000)
    assert await loader.refresh() == ["acme-t1"]
    assert set(loader.faults) == {"bad.py"}
    assert {cls.about.key for cls in loader._registry} == before | {"acme-t1"}
    assert loader._registry.get("tasmota") is tasmota
