"""The history of the recovery ladders."""

from __future__ import annotations

from sluis.runtime import Step
from sluis.store.link_steps import LinkSteps, RungTally

from .conftest import Store

WIRE = Step("rs485", "reopen", 1_000_000, 0.5, False, "no such port")
CURED = Step("rs485", "reopen", 2_000_000, 1.5, True)
RADIO = Step("ble", "power-cycle", 3_000_000, 4.0, True, "mute")


async def test_steps_are_kept_newest_first_and_counted_per_rung(store: Store) -> None:
    kept = LinkSteps(store.database)
    assert await kept.steps() == []
    assert await kept.tallies() == []
    for step in (WIRE, CURED, RADIO):
        kept.append(step)
    await store.database.write(lambda c: None)  # what was queued before is written
    assert [step for _, step in await kept.steps()] == [RADIO, CURED, WIRE]
    assert [step for _, step in await kept.steps("rs485")] == [CURED, WIRE]
    [(newest, _)] = await kept.steps(limit=1)
    assert [step for _, step in await kept.steps(before_id=newest)] == [CURED, WIRE]
    assert await kept.tallies() == [
        RungTally("ble", "power-cycle", 1, 1, 4.0, 3_000_000),
        RungTally("rs485", "reopen", 2, 1, 1.0, 2_000_000),
    ]
    assert await kept.tallies("nothing") == []


async def test_old_steps_go(store: Store) -> None:
    kept = LinkSteps(store.database)
    for step in (WIRE, CURED, RADIO):
        kept.append(step)
    assert await kept.prune(3_000_000) == 2
    assert [step for _, step in await kept.steps()] == [RADIO]
