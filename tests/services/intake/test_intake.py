"""Frames in, readings out: what is stored, acknowledged, told, and what harms nobody."""

from __future__ import annotations

import asyncio

import pytest

from sluis.intake import IntakeSettings
from sluis.intake.intake import digest64, digest_of
from sluis.intake.settings import AdoptionRule
from sluis.model import (
    Availability,
    AvailabilityChanged,
    DeviceState,
    Frame,
    Occurred,
    Quality,
    ReadingChanged,
    Stamp,
    StoreError,
)
from sluis.model.commands import SYSTEM

from .conftest import MemoryStore, Site


async def test_a_stranger_is_listed_and_nothing_else(site: Site) -> None:
    site.link.feed(("p/a/hello", b'{"name": "Lamp"}'), ("p/a/data", b'{"t": 20}'))
    await site.settle()
    assert [device.label for device in site.register.devices(DeviceState.DISCOVERED)] == ["Lamp"]
    assert site.store.rows == []
    assert "p/a/data" not in site.link.filters
    assert site.store.saved["probe-a"].state is DeviceState.DISCOVERED


async def test_a_reading_is_stored_acknowledged_and_told(site: Site) -> None:
    key = await site.adopted("a")
    assert "p/a/data" in site.link.filters
    site.link.feed(("p/a/data", b'{"t": 21.5, "r": true}'))
    await site.settle()
    ids = site.store.ids
    assert site.store.rows == [(ids[(key, "temperature")], 21.5, 0), (ids[(key, "relay")], True, 0)]
    changed = [event for event in site.taken() if isinstance(event, ReadingChanged)]
    assert [(event.point, event.value) for event in changed] == [("temperature", 21.5), ("relay", True)]
    assert site.register.twin(key).availability is Availability.ONLINE
    assert site.register.frames(key)[-1][1] == "2 readings"
    assert ("system:sluis", "device.adopted", key) in site.store.recorded


async def test_nothing_is_acknowledged_before_the_commit(site: Site) -> None:
    await site.adopted("a")
    site.store.hold = True
    (token,) = site.link.feed(("p/a/data", b'{"t": 21.5}'))
    await site.settle()
    assert site.register.twin("probe-a").reported["temperature"].value == 21.5
    assert token not in site.link.acknowledged
    site.store.commit()
    assert token in site.link.acknowledged


async def test_a_frame_without_readings_is_acknowledged_behind_those_before_it(site: Site) -> None:
    await site.adopted("a")
    tokens = site.link.feed(("p/a/data", b""), ("p/nobody/data", b"x"))
    await site.settle()
    assert site.link.acknowledged[-2:] == tokens


async def test_when_the_store_fails_for_good_intake_fails(site: Site) -> None:
    await site.adopted("a")
    site.store.hold = True
    (token,) = site.link.feed(("p/a/data", b'{"t": 1}'))
    await site.settle()
    site.store.commit(StoreError("gone"))
    await site.settle()
    site.link.feed(("p/a/data", b'{"t": 2}'))
    await site.settle()
    assert site._task is not None
    assert site._task.done()
    assert isinstance(site._task.exception(), ExceptionGroup)
    assert token not in site.link.acknowledged


async def test_a_redelivery_is_dropped_and_acknowledged(site: Site) -> None:
    await site.adopted("a")
    site.link.feed(("p/a/data", b'{"t": 21}'), delivery=77)
    again = site.link.feed(("p/a/data", b'{"t": 21}'), delivery=77, duplicate=True)
    await site.settle()
    assert len(site.store.rows) == 1
    assert again[0] in site.link.acknowledged
    assert site.intake.duplicates == 1


async def test_the_same_number_with_another_content_is_news(site: Site) -> None:
    await site.adopted("a")
    site.link.feed(("p/a/data", b'{"t": 21}'), delivery=77)
    site.link.feed(("p/a/data", b'{"t": 22}'), delivery=77, duplicate=True)
    site.link.feed(("p/a/data", b'{"t": 22}'), delivery=78)
    await site.settle()
    assert [value for _, value, _ in site.store.rows] == [21, 22, 22]


async def test_a_redelivery_after_a_restart_is_known_from_the_store() -> None:
    store = MemoryStore()
    store.deliveries = {5: digest_of(Frame("mqtt", "p/a/data", b'{"t": 21}', Stamp(0, 0)))}
    site = await Site(store=store).start()
    await site.adopted("a")
    site.link.feed(("p/a/data", b'{"t": 21}'), delivery=5, duplicate=True)
    await site.settle()
    assert store.rows == []
    # A new session numbers its deliveries from the start: the old numbers mean nothing there.
    site.link.session = "s2"
    site.link.feed(("p/a/data", b'{"t": 21}'), delivery=5, duplicate=True)
    await site.settle()
    assert len(store.rows) == 1
    await site.stop()


async def test_a_frame_a_device_sends_twice_is_one(site: Site) -> None:
    await site.adopted("a")
    await site.adopted("b")
    site.link.feed(("p/a/data", b'{"t": 1, "seq": 9}'), ("p/a/data", b'{"t": 1, "seq": 9}'))
    site.link.feed(("p/b/data", b'{"t": 1, "seq": 9}'))
    await site.settle()
    assert len(site.store.rows) == 2
    assert site.register.counters("probe-a").duplicates == 1
    assert site.store.batches[-1].identities == [digest64(b"probe-b\x009")]


async def test_two_equal_readings_are_two(site: Site) -> None:
    await site.adopted("a")
    site.link.feed(("p/a/data", b'{"t": 1}'), ("p/a/data", b'{"t": 1}'))
    await site.settle()
    assert len(site.store.rows) == 2


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (b"", "frame.truncated: empty"),
        (b"crash", "driver fault: ZeroDivisionError()"),
        (b"\xff\xfe", "driver fault: "),
        (b'{"t": "hot"}', "frame.implausible: "),
    ],
)
async def test_bad_input_is_counted_on_its_device_and_harms_nobody(site: Site, data: bytes, outcome: str) -> None:
    key = await site.adopted("a")
    await site.adopted("b")
    site.link.feed(("p/a/data", data), ("p/b/data", b'{"t": 5}'))
    await site.settle()
    assert any(text.startswith(outcome) for _, text in site.register.frames(key))
    counters = site.register.counters(key)
    assert counters.bad + counters.faults == 1
    assert [value for _, value, _ in site.store.rows] == [5]


async def test_a_flood_is_cut_off_and_counted_and_others_get_through() -> None:
    site = await Site(IntakeSettings(flood_per_s=10, flood_burst=20)).start()
    key = await site.adopted("a")
    await site.adopted("b")
    site.link.feed(*[("p/a/data", b'{"t": 1}')] * 100, ("p/b/data", b'{"t": 5}'))
    await site.settle()
    assert site.register.counters(key).flooded == 80
    assert len(site.store.rows) == 21
    await site.clock.advance(1)
    site.link.feed(*[("p/a/data", b'{"t": 1}')] * 100)
    await site.settle()
    assert len(site.store.rows) == 31
    await site.stop()


async def test_strangers_are_bounded() -> None:
    site = await Site(IntakeSettings(max_discovered=3)).start()
    site.link.feed(*[(f"p/{n}/hello", b"{}") for n in range(10)])
    await site.settle()
    # The newest stay: a flood of invented devices must not keep a real one out for ever.
    assert sorted(device.native_id for device in site.register.devices()) == ["7", "8", "9"]
    assert site.intake.health()["undiscovered"] == 7
    assert sorted(site.store.saved) == ["probe-7", "probe-8", "probe-9"]
    await site.stop()


async def test_a_stranger_that_withdraws_vanishes_and_an_adopted_one_stays(site: Site) -> None:
    key = await site.adopted("a")
    site.link.feed(("p/b/hello", b"{}"))
    await site.settle()
    site.link.feed(("p/a/hello", b""), ("p/b/hello", b""))
    await site.settle()
    assert [device.key for device in site.register.devices()] == [key]
    assert list(site.store.saved) == [key]


async def test_occurrences_are_told_and_stored_but_never_from_memory(site: Site) -> None:
    await site.adopted("a")
    site.link.feed(("p/a/data", b'{"press": "double"}'), retained=True)
    site.link.feed(("p/a/data", b'{"press": "single"}'))
    await site.settle()
    assert [event.occurrence.what for event in site.taken() if isinstance(event, Occurred)] == ["single"]
    assert [row.what for batch in site.store.batches for row in batch.occurrences] == ["single"]


async def test_what_the_broker_remembers_is_not_shown_as_fresh(site: Site) -> None:
    key = await site.adopted("a")
    site.link.feed(("p/a/data", b'{"t": 20, "r": true}'), retained=True)
    await site.settle()
    reported = site.register.twin(key).reported
    assert reported["temperature"].quality is Quality.UNCERTAIN
    assert reported["relay"].quality is Quality.GOOD
    site.link.feed(("p/a/data", b'{"t": 21}'))
    await site.settle()
    site.link.feed(("p/a/data", b'{"t": 20}'), retained=True)
    await site.settle()
    assert reported["temperature"].value == 21
    assert reported["temperature"].quality is Quality.GOOD


async def test_silence_is_noticed(site: Site) -> None:
    key = await site.adopted("a")
    site.link.feed(("p/a/data", b'{"t": 20}'))
    await site.settle()
    site.taken()
    await site.clock.advance(26)
    stale, gone = site.taken()
    assert isinstance(stale, ReadingChanged)
    assert (stale.stale, stale.quality) == (True, Quality.BAD)
    assert isinstance(gone, AvailabilityChanged)
    assert (gone.device, gone.availability, gone.reason) == (key, Availability.OFFLINE, "silence")


async def test_children_of_a_dead_bridge_are_unknown_with_the_cause(site: Site) -> None:
    bridge = await site.adopted("bridge")
    child = await site.adopted("child", parent="bridge")
    site.link.feed(("p/bridge/will", b"online"), ("p/child/will", b"online"))
    await site.settle()
    site.link.feed(("p/bridge/will", b"offline"))
    await site.settle()
    twin = site.register.twin(child)
    assert (twin.availability, twin.reason) == (Availability.UNKNOWN, f"parent:{bridge} is down")
    site.link.feed(("p/bridge/will", b"online"))
    await site.settle()
    assert twin.availability is Availability.ONLINE


async def test_a_child_missing_from_the_roster_has_left(site: Site) -> None:
    await site.adopted("bridge")
    child = await site.adopted("child", parent="bridge")
    site.link.feed(("p/bridge/hello", b'{"children": ["other"]}'))
    await site.settle()
    assert site.register.twin(child).reason == "left its bridge"


async def test_a_lost_link_makes_its_devices_unknown(site: Site) -> None:
    key = await site.adopted("a")
    site.link.feed(("p/a/will", b"online"))
    await site.settle()
    site.intake.carriers.link_changed("mqtt", False, site.clock.stamp(), "broker gone")
    assert site.register.twin(key).availability is Availability.UNKNOWN
    site.intake.carriers.link_changed("mqtt", True, site.clock.stamp())
    assert site.register.twin(key).availability is Availability.ONLINE


async def test_after_a_restart_devices_and_last_values_are_back_and_stale() -> None:
    store = MemoryStore()
    first = await Site(store=store).start()
    key = await first.adopted("a")
    await first.stop()
    store.last = {store.ids[(key, "relay")]: (first.clock.stamp(), True, 0)}
    second = await Site(store=store).start()
    assert second.state(key) is DeviceState.ADOPTED
    held = second.register.twin(key).reported["relay"]
    assert (held.value, held.stale) == (True, True)
    assert "p/a/data" in second.link.filters
    await second.stop()


async def test_a_decision_the_store_refuses_has_not_happened(site: Site) -> None:
    site.link.feed(("p/a/hello", b"{}"))
    await site.settle()

    async def refuses(device: object) -> None:
        raise StoreError("disk full")

    site.store.save = refuses  # type: ignore[method-assign, assignment]
    with pytest.raises(StoreError):
        await site.register.adopt("probe-a", name="x", area="y", actor=SYSTEM)
    assert site.state("probe-a") is DeviceState.DISCOVERED


async def test_a_burst_gives_other_tasks_their_turn(site: Site) -> None:
    await site.adopted("a")
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.ensure_future(other())
    before = turns
    site.link.feed(*[("p/a/data", b'{"t": 1}')] * 1000)
    while site.intake.readings < 1000:
        await asyncio.sleep(0)
    task.cancel()
    assert turns - before >= 1000 / 64


async def test_a_standing_decision_adopts_what_fits_and_nothing_else() -> None:
    rules = (AdoptionRule(driver="probe", native_id="kitchen-*", area="Kitchen"),)
    site = await Site(IntakeSettings(adopt=rules)).start()
    site.link.feed(("p/kitchen-1/hello", b'{"name": "Kettle"}'), ("p/hall/hello", b"{}"))
    await site.settle()
    assert [(device.name, device.area) for device in site.register.devices(DeviceState.ADOPTED)] == [
        ("Kettle", "Kitchen")
    ]
    assert ("rule:adopt-1", "device.adopted", "probe-kitchen-1") in site.store.recorded
    assert site.state("probe-hall") is DeviceState.DISCOVERED
    await site.stop()


async def test_a_device_whose_first_word_is_offline_was_never_online(site: Site) -> None:
    await site.adopted("a")
    site.link.feed(("p/a/will", b"offline"))
    await site.settle()
    told = [event.availability for event in site.taken() if isinstance(event, AvailabilityChanged)]
    assert told == [Availability.OFFLINE]


async def test_a_message_too_large_is_counted_on_its_device(site: Site) -> None:
    key = await site.adopted("a")
    site.intake.refuse_oversize("mqtt", "p/a/data", 10_000_000)
    assert site.register.counters(key).bad == 1
    assert site.register.frames(key)[-1][1] == "frame.oversize: 10000000 bytes, not taken in"
