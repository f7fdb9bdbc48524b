"""The cookbook shows files that work."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluis.sdk.loading import drivers_of_file
from sluis.sdk.testing import conformance

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = DOCS / "examples" / "drivers" / "acme_t1.py"


def test_the_example_conforms() -> None:
    (cls,) = drivers_of_file(EXAMPLE)
    assert not [str(found) for found in conformance(cls, EXAMPLE.with_name("acme-t1.jsonl")) if not found.ok]


@pytest.mark.parametrize("name", ["acme_t1.py", "acme-t1.jsonl"])
def test_the_page_shows_the_file(name: str) -> None:
    assert (EXAMPLE.parent / name).read_text() in (DOCS / "driver-cookbook.md").read_text(), "paste the file again"


def test_the_node_page_shows_an_announcement_and_telemetry_that_decode() -> None:
    import json
    import re

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
