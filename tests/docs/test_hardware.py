"""The pages of boards and HATs are made from their profiles."""

from __future__ import annotations

import importlib.util
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import ModuleType

import pytest

from sluis.links.gpio.profiles import boards, hats

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "hardware"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hardware_pages", ROOT / "tools" / "hardware_pages.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pages_and_drawings_are_fresh_and_there_are_no_others(tool: ModuleType) -> None:
    shown = {file.name: file.read_text(encoding="utf-8") for file in PAGES.iterdir()}
    assert shown == tool.pages(), "run: python tools/hardware_pages.py"


def test_a_drawing_names_every_pin_once(tool: ModuleType) -> None:
    for board in boards().values():
        texts = [
            one.text or "" for one in ElementTree.fromstring(tool.drawing(board)).iter() if one.tag.endswith("text")
        ]
        words = " · ".join(texts).split(" · ")
        for gpio in range(28):
            assert words.count(f"GPIO{gpio}") == 1
        assert [text for text in texts if text.isdigit()] == [str(number) for number in range(1, 41)]


def test_a_hats_drawing_names_its_pins(tool: ModuleType) -> None:
    for hat in hats().values():
        drawn = tool.drawing(boards()["pi-4b"], hat)
        assert all(pin.name in drawn for pin in hat.pin)
