"""A ladder of recovery is climbed from the lowest rung until data flows."""

from __future__ import annotations

import asyncio

from sluis.model import LinkError
from sluis.runtime import Ladder, ManualClock, Rung, Step
from sluis.runtime.ladder import STEP_WITHIN_S


class Patient:
    """Well again after the cure `helps`."""

    def __init__(self, helps: str) -> None:
        self.helps, self.tried = helps, list[str]()

    def rung(self, name: str) -> Rung:
        async def act() -> None:
            self.tried.append(name)
            if name == "impossible":
                raise LinkError("not permitted")
            if name == "hangs":
                await asyncio.Event().wait()

        return Rung(name, act)

    async def well(self) -> bool:
        return self.helps in self.tried


async def climbed(patient: Patient, *names: str) -> tuple[bool, list[Step]]:
    clock, told = ManualClock(), list[Step]()
    ladder = Ladder("radio", [patient.rung(name) for name in names], clock, told.append)
    climbing = asyncio.ensure_future(ladder.climb(patient.well))
    await clock.advance(3 * STEP_WITHIN_S)
    return await climbing, told


async def test_the_mildest_cure_that_helps_is_the_last() -> None:
    patient = Patient("reopen")
    assert (await climbed(patient, "rescan", "reopen", "reset"))[0]
    assert patient.tried == ["rescan", "reopen"]


async def test_every_step_is_told_with_its_outcome() -> None:
    healed, told = await climbed(Patient("reset"), "impossible", "hangs", "reset")
    assert healed
    assert [(step.rung, step.healed) for step in told] == [("impossible", False), ("hangs", False), ("reset", True)]
    assert told[0].detail == "not permitted"
    assert told[1].for_s == STEP_WITHIN_S
    assert "not over" in told[1].detail


async def test_the_top_may_not_help_either() -> None:
    healed, told = await climbed(Patient("nothing"), "rescan", "reopen")
    assert not healed
    assert not any(step.healed for step in told)
