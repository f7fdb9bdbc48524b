"""One suite over every driver that is there. A driver without frames fails."""

from __future__ import annotations

from pathlib import Path

import pytest

import sluis_drivers
from sluis.sdk import Driver
from sluis.sdk.loading import drivers_of
from sluis.sdk.testing import check_cases, load
from sluis.sdk.testing.grading import ORDER, graded

FRAMES = Path(__file__).parent / "frames"
DRIVERS = {cls.about.key: cls for cls in drivers_of(sluis_drivers)}


@pytest.mark.parametrize("key", sorted(DRIVERS))
def test_driver_conforms(key: str) -> None:
    problems = [str(finding) for finding in check_cases(DRIVERS[key], load(FRAMES / f"{key}.jsonl")) if not finding.ok]
    assert not problems, "\n".join(problems)


def test_there_are_drivers_and_every_frames_file_has_one() -> None:
    assert {"sluis-node", "tasmota", "shelly-gen2", "zigbee2mqtt"} <= DRIVERS.keys()
    assert {file.stem for file in FRAMES.glob("*.jsonl")} <= DRIVERS.keys()


def test_a_driver_without_frames_fails() -> None:
    cls: type[Driver] = DRIVERS["sluis-node"]
    failed = {finding.rule for finding in check_cases(cls, []) if not finding.ok}
    assert {"has frames", "has a damaged frame", "has a foreign frame"} <= failed


@pytest.mark.soak
@pytest.mark.timeout(180)
@pytest.mark.parametrize("key", sorted(DRIVERS))
def test_a_driver_claims_no_more_than_its_check_gives(key: str) -> None:
    found = graded(DRIVERS[key], load(FRAMES / f"{key}.jsonl"))
    told = [str(mark.finding) for mark in found.marks if not mark.finding.ok]
    assert found.grade is not None, told
    assert ORDER.index(found.grade) >= ORDER.index(found.claimed), told
