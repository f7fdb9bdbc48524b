"""Rules over the bus: alerts, one cause, restarts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from sluis.intake.entry import FrameCounters
from sluis.model import (
    Actor,
    AlertChanged,
    Availability,
    Command,
    CommandChanged,
    ConfigError,
    Quality,
    Receipt,
    Refused,
    Role,
    Stage,
    Value,
)
from sluis.runtime import ManualClock
from sluis.twins.twin import Desired
from sluis.watch.alerts import UnknownAlert
from sluis.watch.rulebook import UnknownRule
from tests.services.watch.conftest import OPERATOR, TECHNICIAN, Site

HOT = """
[rules.hot]
title = { en = "Too hot", nl = "Te warm" }
on = { quantity = "temperature" }
when = { above = 28, clear = 26 }
for_s = 60
severity = "critical"
"""
QUIET = """
[rules.quiet]
on = { point = "temperature" }
when = { absent_s = 60 }
"""

Eventually = Callable[..., Awaitable[None]]


async def test_an_alert_opens_is_taken_and_clears_with_its_history(tmp_path: Path) -> None:
    site = await Site(tmp_path).start(HOT)
    await site.report("solo", "temperature", 29.5)
    await site.pass_s(20)
    await site.report("solo", "temperature", 29.5)
    await site.pass_s(20)
    assert site.open() == []
    await site.report("solo", "temperature", 30)
    await site.pass_s(21)
    assert site.open() == [("hot", "solo")]
    alert = site.only()
    assert alert.sentence("nl") == "Te warm: Solo: temperature is 30 °C, boven 28 °C"
    await site.alerts.acknowledge(alert.id, OPERATOR, "on my way")
    assert site.only().owner == "anna"
    await site.report("solo", "temperature", 27)
    assert site.open() == [("hot", "solo")]
    await site.report("solo", "temperature", 25.9)
    assert site.open() == []
    steps = await site.alerts.steps(alert.id)
    assert [(step.what, step.who, step.note) for step in steps] == [
        ("opened", "", ""),
        ("acknowledged", "person:anna", "on my way"),
        ("cleared", "", ""),
    ]
    published = [event.what for event in await site.changes.take() if isinstance(event, AlertChanged)]
    assert published == ["opened", "acknowledged", "cleared"]
    assert ("person:anna", "alert.acknowledged", "1") in site.shelf.recorded
    await site.stop()


async def test_a_stale_value_never_opens_an_alert(tmp_path: Path) -> None:
    site = await Site(tmp_path).start(HOT)
    await site.report("solo", "temperature", 40)
    await site.pass_s(120)
    assert "hot" not in [rule for rule, _ in site.open()]
    await site.report("solo", "temperature", 40, Quality.UNCERTAIN)
    await site.pass_s(5)
    assert "hot" not in [rule for rule, _ in site.open()]
    await site.stop()


async def test_a_device_that_goes_offline(site: Site) -> None:
    await site.all_online()
    await site.presence("solo", Availability.OFFLINE)
    await site.pass_s(29)
    assert site.open() == []
    await site.pass_s(2)
    assert site.open() == [("device-offline", "solo")]
    await site.presence("solo", Availability.ONLINE)
    assert site.open() == []


async def test_a_lost_link_is_one_alert_with_the_evidence(site: Site) -> None:
    await site.all_online()
    await site.link(False)
    await site.pass_s(300)
    assert site.open() == [("link-down", "link:mqtt")]
    alert = site.only()
    assert set(alert.affected) == {"solo", "bridge", "child1", "child2", "child3"}
    assert alert.message == "Link mqtt is down; 5 devices cannot be reached"
    assert alert.severity == "critical"
    (cause,) = site.alerts.attention()
    assert len(cause.affected) == 5


async def test_a_short_interruption_is_no_alert(site: Site) -> None:
    await site.all_online()
    await site.link(False)
    await site.pass_s(5)
    await site.link(True)
    await site.pass_s(30)
    assert site.open() == []


async def test_a_dead_bridge_speaks_for_its_children_and_who_stays_away_gets_an_alert(site: Site) -> None:
    await site.presence("bridge", Availability.ONLINE)
    for child in ("child1", "child2", "child3"):
        await site.report(child, "battery", 80)
    await site.presence("bridge", Availability.OFFLINE)
    await site.pass_s(600)
    assert site.open() == [("device-offline", "bridge")]
    assert set(site.only().affected) == {"child1", "child2", "child3"}
    assert site.only().sentence("nl") == "Bridge is offline; 3 apparaten erachter zijn onbereikbaar"
    await site.presence("bridge", Availability.ONLINE)
    assert site.open() == []
    await site.report("child1", "battery", 80)
    await site.report("child2", "battery", 80)
    await site.pass_s(121)
    assert site.open() == [("device-not-back", "child3")]
    await site.report("child3", "battery", 80)
    assert site.open() == []


async def test_alerts_the_outage_raised_before_its_cause_are_folded_in(tmp_path: Path) -> None:
    site = await Site(tmp_path).start(QUIET)
    await site.all_online()
    for device in ("solo", "child1", "child2", "child3"):
        await site.report(device, "temperature", 20)
    await site.pass_s(61)
    await site.report("solo", "temperature", 20)
    assert {rule for rule, _ in site.open()} == {"quiet"}
    absent = {device for rule, device in site.open() if rule == "quiet"}
    assert {"child1", "child2", "child3"} <= absent
    await site.presence("bridge", Availability.OFFLINE)
    await site.pass_s(31)
    assert ("device-offline", "bridge") in site.open()
    assert not {("quiet", f"child{number}") for number in (1, 2, 3)} & set(site.open())
    cause = next(alert for alert in site.alerts.now() if alert.rule == "device-offline")
    folded = [alert for alert in await site.alerts.history(50) if alert.folded_into == cause.id]
    assert {alert.device for alert in folded} >= {"child1", "child2", "child3"}
    # Nothing new opens behind the dead bridge.
    await site.pass_s(600)
    assert not {device for _, device in site.open()} & {"child1", "child2", "child3"}
    await site.stop()


async def test_an_offline_device_is_not_absent_as_well(tmp_path: Path) -> None:
    site = await Site(tmp_path).start(QUIET)
    await site.all_online()
    await site.report("solo", "temperature", 20)
    await site.presence("solo", Availability.OFFLINE)
    await site.pass_s(300)
    assert [entry for entry in site.open() if entry[1] == "solo"] == [("device-offline", "solo")]
    # It comes back, but without its temperature: now that is the news.
    await site.presence("solo", Availability.ONLINE)
    await site.pass_s(62)
    assert [entry for entry in site.open() if entry[1] == "solo"] == [("quiet", "solo")]
    await site.stop()


async def test_forty_devices_behind_one_link_are_one_alert(tmp_path: Path) -> None:
    site = await Site(tmp_path, children=40).start(QUIET)
    await site.all_online()
    await site.link(False)
    await site.pass_s(300)
    assert site.open() == [("link-down", "link:mqtt")]
    assert len(site.only().affected) == 42
    await site.stop()


async def test_batteries_are_one_cause_in_attention(site: Site) -> None:
    for device in ("solo", "child1", "child2"):
        await site.report(device, "battery", 9)
    assert len(site.open()) == 3
    (cause,) = site.alerts.attention()
    assert cause.sentence("en") == "Solo: battery is 9 %, below 15 % (and 2 more like it)"
    assert cause.affected == ("solo", "child1", "child2")
    await site.report("solo", "battery", 19)
    assert len(site.open()) == 3
    await site.report("solo", "battery", 21)
    assert len(site.open()) == 2


def receipt(stage: Stage, value: Value = True, command_id: str = "c1", detail: str = "") -> Receipt:
    return Receipt(Command(command_id, "solo", "relay", value, OPERATOR, 0), stage, 0, detail)


async def test_desired_and_reported_that_disagree(site: Site) -> None:
    twin = site.register.twin("solo")
    twin.desired["relay"] = Desired(True, site.clock.stamp(), "c1")
    site.bus.publish(CommandChanged(receipt(Stage.ACCEPTED)), CommandChanged(receipt(Stage.EXPIRED)))
    await site.report("solo", "relay", False)
    assert site.open() == [("disagreement", "solo")]
    assert site.only().message == "Solo: relay should be on, but the device does not report that"
    await site.report("solo", "relay", True)
    assert site.open() == []


async def test_a_disagreement_ends_with_the_wish(site: Site) -> None:
    twin = site.register.twin("solo")
    twin.desired["relay"] = Desired(True, site.clock.stamp(), "c1")
    site.bus.publish(CommandChanged(receipt(Stage.EXPIRED)))
    await site.pass_s(1)
    assert site.open() == [("disagreement", "solo")]
    del twin.desired["relay"]
    site.bus.publish(CommandChanged(receipt(Stage.DONE, False, "c2")))
    await site.pass_s(1)
    assert site.open() == []


async def test_commanded_not_effective_until_the_same_wish_works(site: Site) -> None:
    site.bus.publish(CommandChanged(receipt(Stage.INEFFECTIVE, detail="power is 0")))
    await site.pass_s(1)
    assert site.open() == [("not-effective", "solo")]
    site.bus.publish(CommandChanged(receipt(Stage.EFFECTIVE, False, "c2")))
    await site.pass_s(1)
    assert site.open() == [("not-effective", "solo")]
    site.bus.publish(CommandChanged(receipt(Stage.EFFECTIVE, True, "c3")))
    await site.pass_s(1)
    assert site.open() == []


async def test_floods_and_driver_faults_are_found_and_forgotten(site: Site) -> None:
    counters: FrameCounters = site.register.counters("solo")
    counters.flooded, counters.faults = 500, 3
    await site.pass_s(11)
    assert set(site.open()) == {("flood", "solo"), ("driver-fault", "solo")}
    await site.pass_s(80)
    assert site.open() == []


async def test_the_house_reports_what_it_finds(site: Site) -> None:
    site.watch.report("disk-full", True, point="gateway:disk")
    site.watch.report("disk-full", True, point="gateway:disk")
    assert site.open() == [("disk-full", "gateway:disk")]
    site.watch.report("disk-full", False, point="gateway:disk")
    assert site.open() == []
    site.clock.trusted = False
    await site.pass_s(320)
    assert site.open() == [("clock-distrusted", "gateway:clock")]


async def test_what_healed_while_the_gateway_was_away_is_cleared_by_what_is_said_at_the_start(site: Site) -> None:
    site.watch.report("disk-full", True, point="gateway:disk")
    assert site.open() == [("disk-full", "gateway:disk")]
    await site.alerts.history(1)
    await site.stop()
    after = Site(site.folder, ManualClock(site.clock.at_us + 60_000_000))
    after.watch.report("disk-full", False, point="gateway:disk")
    await after.start()
    assert after.open() == []
    await after.stop()


async def test_a_retired_device_takes_its_alerts_along(site: Site) -> None:
    await site.report("solo", "battery", 5)
    assert site.open() == [("battery-low", "solo")]
    await site.register.retire("solo", TECHNICIAN)
    await site.pass_s(1)
    assert site.open() == []


# -- restarts -------------------------------------------------------------------------------------------------


async def test_open_alerts_survive_a_restart_with_their_owner(site: Site, tmp_path: Path) -> None:
    await site.report("solo", "battery", 5)
    alert = await site.alerts.acknowledge(site.only().id, OPERATOR)
    after = await site.restart(away_s=7200)
    assert after.only() == alert
    await after.pass_s(60)
    assert after.open() == [("battery-low", "solo")]
    await after.report("solo", "battery", 90)
    assert after.open() == []
    await after.report("child1", "battery", 3)
    assert after.only().id == alert.id + 1
    await after.stop()


async def test_a_pending_episode_goes_on_where_it_was(tmp_path: Path) -> None:
    site = await Site(tmp_path).start(HOT)
    await site.report("solo", "temperature", 30)
    await site.pass_s(20)
    after = await site.restart(away_s=30)
    await after.pass_s(5)
    assert after.open() == []
    # 20 s before, 30 s away, 5 s after: nothing opens before somebody says that it still holds.
    await after.pass_s(10)
    assert after.open() == []
    await after.report("solo", "temperature", 30)
    assert after.open() == [("hot", "solo")]
    await after.stop()


async def test_a_long_absence_proves_nothing(tmp_path: Path) -> None:
    site = await Site(tmp_path).start(HOT)
    await site.report("solo", "temperature", 30)
    await site.pass_s(20)
    after = await site.restart(away_s=2 * 3600)
    await after.report("solo", "temperature", 30)
    assert after.open() == []
    await after.stop()


async def test_facts_survive_a_restart(site: Site) -> None:
    await site.all_online()
    await site.link(False)
    await site.pass_s(11)
    after = await site.restart()
    assert after.open() == [("link-down", "link:mqtt")]
    await after.link(True)
    assert after.open() == []
    await after.stop()


async def test_an_alert_whose_rule_is_gone_clears(tmp_path: Path) -> None:
    site = await Site(tmp_path).start(HOT.replace("for_s = 60", "for_s = 0"))
    await site.report("solo", "temperature", 30)
    assert site.open() == [("hot", "solo")]
    await site.file.write("# none\n")
    after = await site.restart()
    assert after.open() == []
    await after.stop()


# -- people and rules -----------------------------------------------------------------------------------------


async def test_rights(site: Site) -> None:
    await site.report("solo", "battery", 5)
    with pytest.raises(Refused):
        await site.alerts.acknowledge(1, Actor("person", "vera", Role.VIEWER))
    with pytest.raises(Refused):
        await site.alerts.acknowledge(1, Actor("person", "karel", Role.ADMIN, frozenset({"Cellar"})))
    with pytest.raises(UnknownAlert):
        await site.alerts.acknowledge(99, OPERATOR)
    with pytest.raises(Refused):
        await site.rules.save("x", {"when": {"above": 1}}, OPERATOR)


async def test_a_rule_is_saved_takes_effect_and_keeps_its_versions(site: Site) -> None:
    await site.file.write("# ours\n")
    await site.report("solo", "temperature", 25)
    body = {"on": {"point": "temperature"}, "when": {"above": 20}}
    first = await site.rules.save("warm", body, TECHNICIAN)
    assert site.open() == [("warm", "solo")]
    assert site.only().version == first["version"]
    second = await site.rules.save("warm", body | {"when": {"above": 30}}, TECHNICIAN)
    assert site.open() == []
    versions = await site.rules.versions("warm")
    assert [(one["version"], one["author"]) for one in versions] == [
        (second["version"], "person:tess"),
        (first["version"], "person:tess"),
    ]
    assert (await site.file.read()).startswith("# ours")
    await site.rules.remove("warm", TECHNICIAN)
    assert site.rules.rule("warm") is None
    assert (await site.rules.versions("warm"))[0]["version"] == ""
    with pytest.raises(UnknownRule):
        await site.rules.remove("device-offline", TECHNICIAN)


async def test_a_wrong_rule_changes_nothing(site: Site) -> None:
    with pytest.raises(ConfigError):
        await site.rules.save("bad", {"when": {"abov": 1}}, TECHNICIAN)
    assert await site.file.read() == ""


async def test_a_broken_file_keeps_the_last_good_rules_and_says_so(tmp_path: Path, eventually: Eventually) -> None:
    site = await Site(tmp_path).start(HOT)
    await site.file.write(HOT.replace("above", "abov"))
    await site.rules.refresh()
    await site.pass_s(11)
    assert site.open() == [("rules-broken", "gateway:rules")]
    assert "did you mean 'above'" in site.only().message
    assert site.rules.rule("hot") is not None
    with pytest.raises(ConfigError):
        await site.rules.save("x", {"when": {"above": 1}}, TECHNICIAN)
    await site.file.write(HOT)
    await site.rules.refresh()
    await site.pass_s(11)
    assert site.open() == []
    await site.stop()


async def test_a_built_in_rule_can_be_switched_off(tmp_path: Path) -> None:
    site = await Site(tmp_path).start("[rules.battery-low]\nwhen = { below = 15 }\nenabled = false\n")
    await site.report("solo", "battery", 5)
    assert site.open() == []
    await site.stop()
