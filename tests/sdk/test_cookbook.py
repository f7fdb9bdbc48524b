"""The cookbook shows files that work."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sluis.sdk.loading import drivers_of_file
from sluis.sdk.testing import conformance

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = sorted((DOCS / "examples" / "drivers").glob("*.py"))
CHAPTERS = [DOCS / "driver-cookbook.md", *sorted((DOCS / "cookbook").glob("*.md"))]


def frames_of(driver: Path) -> Path:
    return driver.with_name(driver.stem.replace("_", "-") + ".jsonl")


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_the_example_conforms(file: Path) -> None:
    (cls,) = drivers_of_file(file)
    assert not [str(found) for found in conformance(cls, frames_of(file)) if not found.ok]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_a_chapter_shows_the_example(file: Path) -> None:
    """Whole or in pieces: its class and its frames at least."""
    shown = [page.read_text() for page in CHAPTERS if file.name in page.read_text()]
    cls = re.search(r"^class \w+\(Driver\):\n", file.read_text(), re.M)
    assert cls is not None
    assert any(cls[0] in page and frames_of(file).read_text() in page for page in shown), "no chapter shows it"


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda page: page.stem)
def test_listings_are_cut_from_the_examples(page: Path) -> None:
    """Every Python and JSON listing stands in a tested file, word for word."""
    files = [one.read_text() for driver in EXAMPLES for one in (driver, frames_of(driver))]
    listings = re.findall(r"^```(?:python|json|jsonl)\n(.*?)^```", page.read_text(), re.M | re.S)
    assert listings
    for listing in listings:
        assert any(listing in file for file in files), f"paste this again:\n{listing}"


def test_the_node_page_shows_an_announcement_and_telemetry_that_decode() -> None:
    from sluis.model import Frame
    from sluis.sdk.testing import START, Bench, decoded
    from sluis_drivers.sluis.node import Node

    page = (DOCS / "reference" / "node-telemetry.md").read_text()
    announce, telemetry = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.S))
    bench = Bench(Node)
    bench.sniff(Frame("t", "sluis/attic/announce", json.dumps(announce).encode(), START))
    (driver,) = bench.drivers()
    said = decoded(driver.decode(Frame("t", "sluis/attic/telemetry", json.dumps(telemetry).encode(), START)))
    assert said["readings"] == {"temperature": 21.5, "relay": True, "power": 12}
