"""`sluis health`: the worst devices, one device, and nothing yet."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from tests.cli.conftest import Done
from tests.panel.conftest import Site

Run = Callable[..., Awaitable[Done]]


async def test_nothing_yet_then_the_worst_then_one(site: Site, run: Run) -> None:
    empty = await run("health")
    assert empty.exit_code == 0 and "No device was looked at yet" in empty.stdout
    site.register.counters("meter-two").own_clock.note(site.clock.at_us + 900_000_000, site.stamp())
    for device in site.register.devices():
        await site.house.wellness.of(device.key)
    listed = (await run("health")).stdout.splitlines()
    assert listed[1].split()[:3] == ["90", "meter-two", "Lamp"] and listed[1].endswith("its clock is 15 min ahead")
    assert listed[2].split()[:2] == ["100", "meter-one"] and listed[2].endswith("nothing is wrong")
    one = await run("health", "Lamp")
    assert "90 of 100" in one.stdout and "-10  its clock is 15 min ahead" in one.stdout
    found = json.loads((await run("health", "--limit", "1", "--json")).stdout)
    assert [each["device"] for each in found] == ["meter-two"]
    assert (await run("health", "nothing")).exit_code != 0


def test_every_reason_has_its_words() -> None:
    from sluis.cli.health import WHY
    from sluis.panel.pages.wellness import SENTENCES
    from sluis.twins.health import Signal, Signs, health

    worst = Signs(0, 1e6, 0, 1e3, 0.0, True, 0, Signal(-99.0, "dBm", -50.0), 99, 99, 1e6, 1e9)
    assert {reason.code for reason in health(worst).reasons} == set(WHY) == set(SENTENCES)
