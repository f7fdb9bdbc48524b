"""Commands from wish to outcome, on the real register, bus and database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from sluis.control.checks import Busy, DeviceOffline, UnknownCommand
from sluis.model import (
    Actor,
    Availability,
    CommandChanged,
    LeaseHeld,
    LinkError,
    NotNow,
    OutOfRange,
    Point,
    Presence,
    Quality,
    ReadOnly,
    Refused,
    Role,
    Stage,
    UnknownDevice,
    UnknownPoint,
    Value,
)
from tests.services.control.conftest import OPERATOR, Site

Eventually = Callable[..., Awaitable[None]]


async def test_a_command_is_accepted_sent_and_done_when_the_device_reports_it(site: Site) -> None:
    command = await site.submit("lamp", True, reason="dark")
    assert await site.stage(command) is Stage.SENT
    assert site.desired("lamp") is True
    assert site.link.sent == [("lamp", b"True")]
    site.report("lamp", True)
    assert await site.stage(command) is Stage.DONE
    assert site.desired("lamp") is None
    stages = [event.receipt.stage for event in await site.events.take() if isinstance(event, CommandChanged)]
    assert stages == [Stage.ACCEPTED, Stage.SENT, Stage.DONE]
    assert ("person:anna", "command.submit", "plug-1/lamp") in site.shelf.recorded


async def test_the_outcome_is_stored_with_its_history(site: Site, eventually: Eventually) -> None:
    command = await site.submit("lamp", True)
    site.report("lamp", True)
    await site.control.outcome(command)

    async def stored() -> bool:
        receipt = await site.commands.receipt(command)
        return receipt is not None and receipt.stage is Stage.DONE

    await eventually(stored)
    receipt = await site.commands.receipt(command)
    assert receipt is not None
    assert [stage for stage, _ in receipt.history] == ["accepted", "sent", "done"]
    assert receipt.command.actor == OPERATOR
    assert receipt == await site.control.command(command)


@pytest.mark.parametrize(
    ("device", "point", "value", "error"),
    [
        ("nobody", "lamp", True, UnknownDevice),
        ("plug-1", "nothing", True, UnknownPoint),
        ("plug-1", "power", 3.0, ReadOnly),
        ("plug-1", "lamp", 1, OutOfRange),
        ("plug-1", "lamp", None, OutOfRange),
        ("plug-1", "level", 101, OutOfRange),
        ("plug-1", "level", 52, OutOfRange),
        ("plug-1", "level", True, OutOfRange),
        ("plug-1", "level", float("nan"), OutOfRange),
        ("plug-1", "mode", "loud", OutOfRange),
        ("plug-1", "label", "x" * 1001, OutOfRange),
        ("plug-1", "press", 5, OutOfRange),
        ("plug-3", "lamp", True, Refused),
    ],
)
async def test_what_cannot_be_is_refused_with_its_reason(
    site: Site, device: str, point: str, value: Value | None, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await site.control.submit(device, point, value, OPERATOR)
    assert site.link.sent == []


async def test_a_role_holds_in_its_areas_only(site: Site) -> None:
    for actor in (
        Actor("person", "vera", Role.VIEWER),
        Actor("person", "karel", Role.ADMIN, frozenset({"Cellar"})),
    ):
        with pytest.raises(Refused, match="may not operate devices in Office"):
            await site.control.submit("plug-1", "lamp", True, actor)
        assert (actor.label, "command.refused", "plug-1/lamp") in site.shelf.recorded
    await site.submit("lamp", True, actor=Actor("person", "piet", Role.OPERATOR, frozenset({"Office"})))


@pytest.mark.parametrize("point", ["firmware_update", "renew"])
async def test_only_a_technician_or_a_rollout_updates_a_devices_firmware(site: Site, point: str) -> None:
    refused = [
        Actor("person", "anna", Role.OPERATOR),
        Actor("script", "night", Role.ADMIN),
        Actor("rule", "frost", Role.ADMIN),
        Actor("upstream", "homeassistant", Role.ADMIN),
    ]
    for actor in refused:
        with pytest.raises(Refused, match="may not update the firmware"):
            await site.control.submit("plug-1", point, None, actor)
    for actor in (Actor("person", "bert", Role.TECHNICIAN), Actor("system", "rollout 7", Role.ADMIN)):
        receipt = await site.control.submit("plug-1", point, None, actor)
        assert (await site.control.outcome(receipt.command.id)).stage is Stage.DONE


async def test_an_unreachable_device_is_said_to_be_so_at_once(site: Site) -> None:
    twin = site.register.twin("plug-1")
    twin.presence(Presence(Availability.OFFLINE, reason="will"), site.clock.stamp())
    with pytest.raises(DeviceOffline, match="offline"):
        await site.submit("lamp", True)
    twin.block("link:mqtt", site.clock.stamp())
    with pytest.raises(DeviceOffline, match="link:mqtt is down"):
        await site.submit("lamp", True)


async def test_no_report_by_the_deadline_is_expired_and_the_wish_stays(site: Site) -> None:
    command = await site.submit("lamp", True, deadline_s=5)
    site.report("lamp", False)
    await site.clock.advance(4.9)
    assert await site.stage(command) is Stage.SENT
    await site.clock.advance(0.2)
    assert await site.stage(command) is Stage.EXPIRED
    assert site.desired("lamp") is True
    site.report("lamp", True)
    await site.clock.advance(0)
    assert site.desired("lamp") is None


@pytest.mark.parametrize("how", ["bad", "old", "stale"])
async def test_only_a_fresh_good_reading_confirms(site: Site, how: str) -> None:
    await site.clock.advance(60)
    command = await site.submit("lamp", True)
    if how == "bad":
        site.report("lamp", True, Quality.BAD)
    elif how == "old":
        site.report("lamp", True, age_s=30)
    await site.clock.advance(0)
    assert await site.stage(command) is Stage.SENT


async def test_numbers_confirm_within_tolerance(site: Site) -> None:
    level = await site.submit("level", 50)
    site.report("level", 45)
    assert await site.stage(level) is Stage.SENT
    site.report("level", 51.2)
    assert await site.stage(level) is Stage.DONE
    colour = await site.submit("colour", 370)
    site.report("colour", 372)
    assert await site.stage(colour) is Stage.DONE


async def test_a_device_that_says_nothing_because_it_is_already_so(site: Site) -> None:
    site.report("lamp", True)
    await site.clock.advance(10)
    command = await site.submit("lamp", True)
    await site.clock.advance(1.1)
    assert await site.stage(command) is Stage.DONE


async def test_an_action_and_a_silent_point_are_done_when_sent(site: Site) -> None:
    assert await site.stage(await site.submit("press", None)) is Stage.DONE
    assert await site.stage(await site.submit("blind", True)) is Stage.DONE
    assert site.desired("press") is None


async def test_refusals_and_failures_end_with_a_sentence_and_drop_the_wish(site: Site) -> None:
    site.link.error = Refused("the motor is locked")
    locked = await site.submit("lamp", True)
    assert (await site.stage(locked), site.code(locked)) == (Stage.REFUSED, "command.refused")
    site.link.error = LinkError("not connected")
    lost = await site.submit("lamp", True)
    assert (await site.stage(lost), site.code(lost)) == (Stage.FAILED, "link")
    site.link.error = None
    bug = await site.submit("lamp", True, reason="bug")
    assert (await site.stage(bug), site.code(bug)) == (Stage.FAILED, "driver")
    assert site.desired("lamp") is None
    # And the lane goes on.
    good = await site.submit("lamp", True)
    site.report("lamp", True)
    assert await site.stage(good) is Stage.DONE


async def test_a_driver_that_hangs_is_cut_off_at_the_deadline(site: Site) -> None:
    site.link.open.clear()
    command = await site.submit("lamp", True, deadline_s=2)
    await site.clock.advance(2.1)
    assert await site.stage(command) is Stage.EXPIRED
    assert site.link.sent == []


async def test_a_device_between_two_states_is_asked_again_until_it_can(site: Site) -> None:
    site.link.error = NotNow("It warms up.")
    command = await site.submit("screen", True)
    assert await site.stage(command) is Stage.ACCEPTED
    assert (site.code(command), site.desired("screen")) == ("command.not-now", True)
    await site.clock.advance(30)
    assert site.link.sent == []
    site.link.error = None
    await site.clock.advance(3)
    assert site.link.sent == [("screen", b"True")]
    site.report("screen", True)
    assert await site.stage(command) is Stage.DONE
    receipt = site.control.receipt(command)
    assert receipt is not None
    assert [stage for stage, _ in receipt.history] == ["accepted", "accepted", "sent", "done"], "told once why it waits"


async def test_a_device_that_never_can_refuses_and_no_wish_is_left(site: Site) -> None:
    site.link.error = NotNow("It warms up.")
    command = await site.submit("screen", True, deadline_s=10)
    await site.clock.advance(10)
    assert await site.stage(command) is Stage.REFUSED
    assert (site.code(command), site.desired("screen")) == ("command.not-now", None)


async def test_a_point_states_how_long_its_device_takes(site: Site) -> None:
    patient, usual = await site.submit("screen", True), (await site.control.submit("plug-2", "lamp", True, OPERATOR))
    await site.clock.advance(6)
    assert await site.stage(patient) is Stage.SENT
    assert await site.stage(usual.command.id) is Stage.EXPIRED
    await site.clock.advance(60)
    assert await site.stage(patient) is Stage.EXPIRED


async def test_one_in_flight_per_device_others_wait_and_other_devices_do_not(site: Site) -> None:
    first = await site.submit("lamp", True)
    second = await site.submit("level", 50)
    other = (await site.control.submit("plug-2", "lamp", True, OPERATOR)).command.id
    await site.clock.advance(0)
    assert [to for to, _ in site.link.sent] == ["lamp", "lamp"]
    assert await site.stage(second) is Stage.ACCEPTED
    site.report("lamp", True)
    assert await site.stage(first) is Stage.DONE
    assert await site.stage(second) is Stage.SENT
    assert await site.stage(other) is Stage.SENT


async def test_a_newer_wish_takes_the_place_of_a_waiting_one(site: Site) -> None:
    await site.submit("lamp", True)
    old = await site.submit("level", 50)
    new = await site.submit("level", 60)
    assert (await site.stage(old), site.code(old)) == (Stage.REFUSED, "command.superseded")
    site.report("lamp", True)
    await site.clock.advance(0)
    assert site.link.sent[-1] == ("level", b"60")
    site.report("level", 60)
    assert await site.stage(new) is Stage.DONE


async def test_presses_do_not_replace_each_other_and_the_lane_is_bounded(site: Site) -> None:
    await site.submit("lamp", True)
    for _ in range(3):
        await site.submit("press", None)
    with pytest.raises(Busy):
        await site.submit("press", None)
    with pytest.raises(Busy):
        await site.submit("level", 50)
    site.report("lamp", True)
    await site.clock.advance(0)
    assert [to for to, _ in site.link.sent] == ["lamp", "press", "press", "press"]


async def test_waiting_too_long_behind_another_is_expired_without_being_sent(site: Site) -> None:
    await site.submit("lamp", True, deadline_s=10)
    behind = await site.submit("level", 50, deadline_s=3)
    await site.clock.advance(10.1)
    assert await site.stage(behind) is Stage.EXPIRED
    assert [to for to, _ in site.link.sent] == ["lamp"]


async def test_an_effect_is_proven_by_another_point(site: Site) -> None:
    command = await site.submit("relay", True)
    site.report("relay", True)
    assert await site.stage(command) is Stage.DONE
    waiting = asyncio.ensure_future(site.control.outcome(command, proven=True))
    site.report("power", 0.2)
    assert await site.stage(command) is Stage.DONE
    site.report("power", 42)
    assert await site.stage(command) is Stage.EFFECTIVE
    assert (await waiting).stage is Stage.EFFECTIVE


async def test_commanded_but_not_effective_is_a_finding(site: Site) -> None:
    command = await site.submit("relay", True)
    site.report("relay", True)
    await site.clock.advance(1)
    site.report("power", 0.2)
    await site.clock.advance(31)
    assert (await site.stage(command), site.code(command)) == (Stage.INEFFECTIVE, "command.not-effective")


async def test_a_proof_that_says_nothing_proves_nothing(site: Site) -> None:
    command = await site.submit("relay", True)
    site.report("relay", True)
    await site.clock.advance(31)
    receipt = await site.control.outcome(command, proven=True)
    assert receipt.stage is Stage.DONE


async def test_an_inferred_proof_is_a_finding_only_where_it_worked_before(site: Site, eventually: Eventually) -> None:
    async def switch_on(power: float) -> Stage:
        command = await site.submit("socket", True)
        site.report("socket", True)
        site.report("power", power)
        await site.clock.advance(31)
        return (await site.control.outcome(command, proven=True)).stage

    # An empty socket is no finding; a lamp that lit before and does not now is one.
    assert await switch_on(0) is Stage.DONE
    assert await switch_on(40) is Stage.EFFECTIVE

    async def stored() -> bool:
        return any(one.stage is Stage.EFFECTIVE for one in await site.control.commands())

    await eventually(stored)
    assert await switch_on(0) is Stage.INEFFECTIVE


async def test_a_meter_that_reports_every_five_minutes_gets_its_time(site: Site) -> None:
    site.report("flow", 0)
    await site.clock.advance(100)
    command = await site.submit("pump", True)
    site.report("pump", True)
    await site.clock.advance(200)
    assert await site.stage(command) is Stage.DONE
    site.report("flow", 12)
    assert await site.stage(command) is Stage.EFFECTIVE
    await site.clock.advance(1)
    second = await site.submit("pump", True)
    site.report("pump", True)
    await site.clock.advance(361)
    # Its last report is from before the command: no evidence.
    assert (await site.control.outcome(second, proven=True)).stage is Stage.DONE


async def test_a_newer_wish_ends_the_search_for_a_proof(site: Site) -> None:
    first = await site.submit("relay", True)
    site.report("relay", True)
    await site.clock.advance(1)
    second = await site.submit("relay", False)
    site.report("relay", False)
    site.report("power", 0)
    assert await site.stage(second) is Stage.EFFECTIVE
    await site.clock.advance(60)
    assert await site.stage(first) is Stage.DONE
    assert (await site.control.outcome(first, proven=True)).stage is Stage.DONE


async def test_a_crash_leaves_a_clear_receipt(tmp_path: Path, eventually: Eventually) -> None:
    before = Site(tmp_path)
    await before.start()
    sent = await before.submit("lamp", True)
    waiting = await before.submit("level", 50)
    await before.stop()
    after = Site(tmp_path)
    await after.start()
    for command in (sent, waiting):
        await eventually(lambda command=command: after.control.receipt(command) is not None)
        receipt = await after.control.command(command)
        assert (receipt.stage, receipt.code) == (Stage.FAILED, "command.interrupted")
    assert after.link.sent == []
    await eventually(lambda: _none(after))
    await after.stop()


async def _none(site: Site) -> bool:
    return await site.commands.unfinished() == []


class Held:
    """Somebody holds everything."""

    def check(self, device: str, point: Point, actor: Actor, now_us: int) -> None:
        raise LeaseHeld("script night-setback holds it until 06:00")


async def test_a_lease_is_respected(tmp_path: Path) -> None:
    site = Site(tmp_path, leases=Held())
    await site.start()
    with pytest.raises(LeaseHeld):
        await site.submit("lamp", True)
    await site.stop()


async def test_paging_and_unknown_commands(site: Site) -> None:
    ids = []
    for _ in range(3):
        ids.append(await site.submit("press", None))
        await site.clock.advance(1)
    page = await site.control.commands(device="plug-1", limit=2)
    assert [receipt.command.id for receipt in page] == ids[:0:-1]
    rest = await site.control.commands(before=page[-1].command.id)
    assert [receipt.command.id for receipt in rest] == ids[:1]
    with pytest.raises(UnknownCommand):
        await site.control.outcome("nonsense")
