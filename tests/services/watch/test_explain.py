"""Why is it so: the chain from value to person, rule or script."""

from __future__ import annotations

import pytest

from sluis.model import Actor, Command, Frame, Receipt, Role, Stage, UnknownDevice, UnknownPoint, Value
from sluis.twins.twin import Desired
from sluis.watch import Explain
from tests.services.watch.conftest import OPERATOR, Site


def explain(site: Site) -> Explain:
    return Explain(site.register, site.commands, site.alerts, site.rules)


def receipt(
    number: int, value: Value, stage: Stage = Stage.DONE, *, cause: str = "", actor: Actor = OPERATOR, reason: str = ""
) -> Receipt:
    command = Command(f"c{number:03}", "solo", "relay", value, actor, number, reason=reason, cause=cause)
    history = (("accepted", number), ("sent", number + 1), (stage.value, number + 2))
    return Receipt(command, stage, number + 2, history=history)


async def kinds(site: Site, point: str = "relay") -> list[str]:
    return [step.kind for step in await explain(site).chain("solo", point)]


async def test_a_measured_value_leads_to_its_frame_and_driver(site: Site) -> None:
    await site.report("solo", "temperature", 21.5)
    stamp = site.register.twin("solo").reported["temperature"].stamp
    site.register.entry("solo").frames.append((Frame("mqtt", "s/solo/data", b'{"t": 21.5}', stamp), "1 reading"))
    steps = await explain(site).why("solo", "temperature")
    assert [step["kind"] for step in steps] == ["value", "driver", "frame"]
    assert steps[0]["text"]["nl"] == "Solo: temperature is 21,5 °C (goed)"
    assert steps[1]["what"] == "Decoded by driver sensor: 1 reading"
    assert steps[2]["what"] == 'Received over mqtt from s/solo/data: {"t": 21.5}'


async def test_a_commanded_value_leads_to_the_person(site: Site) -> None:
    await site.report("solo", "relay", True)
    await site.commands.save([receipt(1, False), receipt(5, True, Stage.EFFECTIVE, reason="it is dark")])
    steps = await explain(site).chain("solo", "relay")
    assert [step.kind for step in steps] == ["value", "stage", "stage", "stage", "command"]
    assert steps[1].sentence("en") == "Another point proves the effect"
    assert steps[-1].sentence("en") == "person:anna asked for on: it is dark"
    assert steps[-1].sentence("nl") == "person:anna vroeg om aan: it is dark"
    assert steps[-1].ref == "command:c005"


async def test_a_rule_a_script_and_a_command_before_it(site: Site) -> None:
    await site.report("solo", "relay", True)
    rule = site.rules.get("battery-low")
    assert rule is not None
    script = Actor("script", "night", Role.OPERATOR)
    await site.commands.save(
        [
            receipt(1, True, cause=f"rule:battery-low@{rule.version}"),
            receipt(5, True, cause="command:c001", actor=script),
        ]
    )
    steps = await explain(site).chain("solo", "relay")
    assert [step.kind for step in steps if step.kind in ("command", "rule")] == ["command", "command", "rule"]
    assert steps[-1].what == "why.rule"
    await site.commands.save([receipt(9, True, cause="rule:battery-low@older")])
    assert (await explain(site).chain("solo", "relay"))[-1].what == "why.rule-gone"
    await site.commands.save([receipt(12, True, cause="run:77", actor=script)])
    last = (await explain(site).chain("solo", "relay"))[-1]
    assert (last.kind, last.ref) == ("run", "run:77")


async def test_a_loop_of_causes_ends(site: Site) -> None:
    await site.report("solo", "relay", True)
    await site.commands.save([receipt(1, True, cause="command:c001")])
    assert (await kinds(site)).count("command") == 6


async def test_what_nobody_asked_for_is_said_to_be_so(site: Site) -> None:
    await site.report("solo", "relay", True)
    assert await kinds(site) == ["value", "itself"]
    await site.commands.save([receipt(1, True), receipt(5, False)])
    assert (await kinds(site))[:3] == ["value", "itself", "stage"]


async def test_a_wish_that_is_not_fulfilled(site: Site) -> None:
    await site.report("solo", "relay", False)
    site.register.twin("solo").desired["relay"] = Desired(True, site.clock.stamp(), "c001")
    await site.commands.save([receipt(1, True, Stage.EXPIRED)])
    steps = await explain(site).chain("solo", "relay")
    assert [step.kind for step in steps] == ["value", "wish", "itself", "stage", "stage", "stage", "command"]


async def test_silence_and_alerts_are_part_of_the_answer(site: Site) -> None:
    await site.report("solo", "temperature", 20)
    await site.report("solo", "battery", 5)
    await site.pass_s(60)
    said = [step.what for step in await explain(site).chain("solo", "temperature")]
    assert said[:3] == ["why.value", "why.stale", "why.unreachable"]
    assert "why.alert" in said
    steps = await explain(site).chain("solo", "battery")
    assert {step.ref for step in steps if step.kind == "rule"} == {"rule:battery-low", "rule:device-offline"}


async def test_what_is_not_there(site: Site) -> None:
    assert (await explain(site).chain("solo", "power"))[0].what == "why.none"
    with pytest.raises(UnknownPoint):
        await explain(site).chain("solo", "nothing")
    with pytest.raises(UnknownDevice):
        await explain(site).chain("nobody", "power")
