"""The proofs that ship, run for real: a gateway killed fifty times under load, its broker too, its clock moved."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluis.selftest.clock import run_clock
from sluis.selftest.crash import run_crash


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_fifty_sudden_deaths_lose_nothing_and_store_nothing_twice(tmp_path: Path) -> None:
    report = run_crash(tmp_path / "site", 50, broker_kills=10, rate_per_s=400)
    assert report.acknowledged > 1_000
    assert (report.lost, report.duplicated) == (0, 0)


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_two_weeks_of_jumping_clock_change_neither_order_nor_count(tmp_path: Path) -> None:
    report = await run_clock(tmp_path / "site")
    assert report.redated > 50
    assert report.passed, report


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_a_thousand_sudden_deaths(tmp_path: Path) -> None:
    report = run_crash(tmp_path / "site", 1_000, broker_kills=200, rate_per_s=1_000)
    assert (report.lost, report.duplicated) == (0, 0)
