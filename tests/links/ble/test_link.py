"""The BLE link over the bleak API, on Bumble's host and virtual controllers."""

from __future__ import annotations

import asyncio

import pytest

from sluis.links.ble.states import AdapterState
from sluis.model import LinkError
from sluis.sdk import Station
from sluis.wire.advertising import Advertisement, build, parse
from tests.conftest import a_free_port, eventually

from .air import BROKEN, LEVEL, SECRET, UART_IN, UART_OUT, Adapter, Air, Peripheral, bthome
from .conftest import SENSOR, Running, Starter

# -- advertisements ---------------------------------------------------------------------------------------


async def test_an_advertisement_is_a_frame_of_ad_structures(
    start: Starter, adapter: Adapter, sensor: Peripheral
) -> None:
    running = start(adapter)
    await sensor.advertise(bthome(25.06))
    (frame,) = await running.frames(SENSOR)
    assert frame.data == bthome(25.06)
    assert parse(frame.data).service_data["fcd2"] == bthome(25.06)[7:]
    assert frame.rssi_dbm == -50
    assert frame.link == "ble"


async def test_what_is_said_again_at_once_is_one_frame(start: Starter, adapter: Adapter, sensor: Peripheral) -> None:
    running = start(adapter)
    await sensor.advertise(bthome(20), every_s=0.01)
    await eventually(lambda: running.link.air.count > 20)
    await sensor.advertise(bthome(21), every_s=0.01)
    frames = await running.frames(SENSOR, 2)
    assert [frame.data for frame in frames[:2]] == [bthome(20), bthome(21)]
    assert running.link.notes()["repeats"] >= 15


async def test_a_damaged_advertisement_comes_as_it_was(start: Starter, adapter: Adapter, sensor: Peripheral) -> None:
    running = start(adapter)
    torn = bthome(25)[:-3]
    await sensor.advertise(torn)
    (frame,) = await running.frames(SENSOR)
    assert frame.data == torn
    assert running.link.up


async def test_passive_scanning_hears_too(start: Starter, adapter: Adapter, sensor: Peripheral) -> None:
    running = start(adapter, scanning="passive")
    await sensor.advertise(bthome(19))
    await running.frames(SENSOR)


async def test_two_adapters_are_two_links(start: Starter, air: Air, sensor: Peripheral) -> None:
    here = start(await air.adapter(a_free_port()), name="here")
    there = start(await air.adapter(a_free_port()), name="there")
    await sensor.advertise(bthome(18))
    assert (await here.frames(SENSOR))[0].link == "here"
    assert (await there.frames(SENSOR))[0].link == "there"


async def test_who_is_in_the_air(start: Starter, adapter: Adapter, air: Air, sensor: Peripheral) -> None:
    running = start(adapter)
    other = await air.peripheral("C4:22:22:22:22:22")
    await other.advertise(build(Advertisement(name="Kitchen", manufacturer_data={0x0499: b"\5abc"})))
    await sensor.advertise(bthome(18))
    await eventually(lambda: len(running.link.air) == 2)
    found = {heard.address: heard for heard in running.link.heard()}
    kitchen = found["C4:22:22:22:22:22"].advertisement()
    assert kitchen is not None
    assert kitchen.name == "Kitchen"
    assert found[SENSOR].rssi_dbm == -50
    assert running.link.health().notes["devices"] == 2


def notifying(running: Running) -> bool:
    notes = running.link.notes()
    return bool(notes["connected"]) and not notes["not_notifying"]


# -- characteristics --------------------------------------------------------------------------------------


async def test_read(start: Starter, adapter: Adapter, sensor: Peripheral) -> None:
    running = start(adapter)
    await sensor.advertise(bthome(20))
    await running.knows(SENSOR)
    answer = await running.link.request(b"", to=f"{SENSOR}/{LEVEL}")
    assert answer.data == bytes((84,))
    assert answer.source == f"{SENSOR}/{LEVEL}"
    assert (await running.frames(f"{SENSOR}/{LEVEL}"))[0] == answer


async def test_write_and_write_for_an_answer(start: Starter, adapter: Adapter, sensor: Peripheral) -> None:
    running = start(adapter)
    await sensor.advertise(bthome(20))
    await running.knows(SENSOR)
    await running.link.send(b"on", to=f"{SENSOR}/{UART_IN}")
    assert sensor.written == [b"on"]
    answer = await running.link.request(b"off", to=f"{SENSOR}/{UART_IN}", reply=f"{SENSOR}/{UART_OUT}")
    assert (answer.source, answer.data, answer.asked) == (f"{SENSOR}/{UART_OUT}", b"heard off", b"off")


async def test_a_source_that_names_a_characteristic_notifies(
    start: Starter, adapter: Adapter, air: Air, sensor: Peripheral
) -> None:
    running = start(adapter, idle_s=0.1)
    running.link.set_filters(frozenset({SENSOR, f"{SENSOR}/{LEVEL}"}))
    await sensor.advertise(bthome(20))
    await eventually(lambda: SENSOR in running.link.notes()["connected"])
    await eventually(lambda: not running.link.notes()["not_notifying"])
    for level in (83, 82, 81):
        await sensor.notify_level(level)
    frames = await running.frames(f"{SENSOR}/{LEVEL}", 3)
    assert [frame.data[0] for frame in frames] == [83, 82, 81]
    # It is kept, though nobody reads or writes; another that is read once is let go.
    other = await air.peripheral("C4:22:22:22:22:22")
    await other.advertise(bthome(20))
    await running.knows(other.address)
    await running.link.request(b"", to=f"{other.address}/{LEVEL}")
    await eventually(lambda: running.link.notes()["connected"] == SENSOR)


async def test_a_device_that_drops_notifies_again(start: Starter, adapter: Adapter, sensor: Peripheral) -> None:
    running = start(adapter)
    running.link.set_filters(frozenset({f"{SENSOR}/{LEVEL}"}))
    await sensor.advertise(bthome(20))
    await eventually(lambda: notifying(running))
    await sensor.drop()
    await eventually(lambda: not running.link.notes()["connected"])
    await eventually(lambda: notifying(running))
    await sensor.notify_level(7)
    assert (await running.frames(f"{SENSOR}/{LEVEL}"))[0].data == b"\7"


async def test_what_is_not_wanted_any_more_is_let_go(start: Starter, adapter: Adapter, sensor: Peripheral) -> None:
    running = start(adapter, idle_s=0.1)
    running.link.set_filters(frozenset({f"{SENSOR}/{LEVEL}"}))
    await sensor.advertise(bthome(20))
    await eventually(lambda: SENSOR in running.link.notes()["connected"])
    running.link.set_filters(frozenset({SENSOR, f"{SENSOR}/+"}))
    await eventually(lambda: not running.link.notes()["connected"])


async def test_an_idle_connection_is_closed(start: Starter, adapter: Adapter, sensor: Peripheral) -> None:
    running = start(adapter, idle_s=0.1)
    await sensor.advertise(bthome(20))
    await running.knows(SENSOR)
    await running.link.request(b"", to=f"{SENSOR}/{LEVEL}")
    await eventually(lambda: not running.link.notes()["connected"])
    assert not sensor.device.connections


async def test_more_devices_than_connections(start: Starter, adapter: Adapter, air: Air) -> None:
    running = start(adapter, connections=1, idle_s=60.0)
    addresses = [f"C4:33:33:33:33:{number:02X}" for number in range(4)]
    for address in addresses:
        device = await air.peripheral(address)
        device.level = int(address[-2:], 16)
        await device.advertise(bthome(20))
    for address in addresses:
        await running.knows(address)
    answers = await asyncio.gather(*(running.link.request(b"", to=f"{address}/{LEVEL}") for address in addresses))
    assert [answer.data[0] for answer in answers] == [0, 1, 2, 3]
    assert running.link.notes()["connected"] == addresses[-1]


async def test_pairing(start: Starter, adapter: Adapter, sensor: Peripheral) -> None:
    running = start(adapter)
    await sensor.advertise(bthome(20))
    await running.knows(SENSOR)
    with pytest.raises(LinkError, match="wants to be paired"):
        await running.link.request(b"", to=f"{SENSOR}/{SECRET}")
    running.link.set_stations({SENSOR: Station(SENSOR, settings={"pair": True})})
    await sensor.drop()
    await eventually(lambda: not running.link.notes()["connected"])
    answer = await running.link.request(b"", to=f"{SENSOR}/{SECRET}")
    assert answer.data == b"only for friends"
    # A second time with the keys of the first.
    await sensor.drop()
    await eventually(lambda: not running.link.notes()["connected"])
    assert (await running.link.request(b"", to=f"{SENSOR}/{SECRET}")).data == b"only for friends"


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("C4:99:99:99:99:99/2a19", "is not heard"),
        (f"{SENSOR}/2aff", "no such characteristic"),
        (SENSOR, "is not ADDRESS/CHARACTERISTIC"),
        (f"{SENSOR}/{BROKEN}", "UNLIKELY_ERROR"),
    ],
)
async def test_what_cannot_be_read(start: Starter, adapter: Adapter, sensor: Peripheral, to: str, said: str) -> None:
    running = start(adapter)
    await sensor.advertise(bthome(20))
    await running.knows(SENSOR)
    with pytest.raises(LinkError, match=said):
        await running.link.request(b"", to=to)


async def test_a_device_that_went_away(start: Starter, adapter: Adapter, sensor: Peripheral) -> None:
    running = start(adapter, connect_timeout_s=0.5)
    await sensor.advertise(bthome(20))
    await running.knows(SENSOR)
    await sensor.hush()
    with pytest.raises(LinkError, match=r"no connection in time|does not answer"):
        await running.link.request(b"", to=f"{SENSOR}/{LEVEL}")
    # Nothing is left behind: its slot is free, and it answers when it is there again.
    await sensor.advertise(bthome(20))
    await running.frames(SENSOR)
    assert (await running.link.request(b"", to=f"{SENSOR}/{LEVEL}")).data == bytes((84,))


# -- the adapter ------------------------------------------------------------------------------------------


async def test_no_adapter_is_said_and_waited_for(start: Starter, adapter: Adapter, sensor: Peripheral) -> None:
    await adapter.unplug()
    running = start(adapter)
    await eventually(lambda: running.link.state is AdapterState.NO_ADAPTER)
    health = running.link.health()
    assert not health.up
    assert "there is no such Bluetooth adapter" in health.reason
    assert health.notes["next_step"]
    with pytest.raises(LinkError, match="is down"):
        await running.link.request(b"", to=f"{SENSOR}/{LEVEL}")
    await adapter.plug()
    await sensor.advertise(bthome(20))
    await running.frames(SENSOR)
    assert running.link.up


async def test_an_adapter_that_is_pulled_out_and_put_back(start: Starter, adapter: Adapter, sensor: Peripheral) -> None:
    running = start(adapter)
    running.link.set_filters(frozenset({f"{SENSOR}/{LEVEL}"}))
    changes: list[tuple[bool, str]] = []
    running.link.on_change(lambda up, reason: changes.append((up, reason)))
    await sensor.advertise(bthome(20))
    await eventually(lambda: SENSOR in running.link.notes()["connected"])
    await adapter.unplug()
    await eventually(lambda: not running.link.up)
    assert running.link.notes()["connected"] == ""
    await sensor.drop()
    await adapter.plug()
    await sensor.advertise(bthome(21))
    await running.up()
    await running.frames(SENSOR)
    assert [up for up, _ in changes] == [True, False, True]
    assert running.link.health().reconnects == 1


async def test_a_mute_controller_is_noticed_and_cured_on_the_ladder(
    start: Starter, adapter: Adapter, sensor: Peripheral
) -> None:
    running = start(adapter, silent_after_s=0.5, trial_s=1.0)
    await sensor.advertise(bthome(20))
    await running.frames(SENSOR)
    adapter.controller.mute = True
    await eventually(lambda: any(step.healed for step in running.steps), within_s=20)
    steps = [(step.rung, step.healed) for step in running.steps]
    assert steps == [("rescan", False), ("reopen", True)]
    await running.up()
    await running.frames(SENSOR)


async def test_a_controller_that_nothing_cures_is_marked_failed(
    start: Starter, adapter: Adapter, sensor: Peripheral
) -> None:
    running = start(adapter, silent_after_s=0.5, trial_s=0.5)
    await sensor.advertise(bthome(20))
    await running.frames(SENSOR)
    adapter.controller.cured = False
    adapter.controller.mute = True
    await eventually(lambda: running.link.health().rung == "failed", within_s=20)
    health = running.link.health()
    assert not health.up
    assert health.notes["next_step"]
    # And it is not given up: as soon as it answers, everything goes on.
    adapter.controller.mute = False
    await running.up()
    assert running.link.health().rung == ""


async def test_a_quiet_air_is_no_fault(start: Starter, adapter: Adapter, sensor: Peripheral) -> None:
    running = start(adapter, silent_after_s=0.5, trial_s=0.3)
    await sensor.advertise(bthome(20))
    await running.frames(SENSOR)
    await sensor.hush()
    await eventually(lambda: running.link.up and running.link.notes()["quiet"], within_s=20)
    before = len(running.steps)
    assert before == 2
    await sensor.advertise(bthome(21))
    await running.frames(SENSOR)
    assert not running.link.notes()["quiet"]
    assert len(running.steps) == before


async def test_silence_while_connected_is_asked_about_first(
    start: Starter, adapter: Adapter, sensor: Peripheral
) -> None:
    """A device that is connected does not advertise: with no other in the air that is no reason to power-cycle."""
    running = start(adapter, silent_after_s=0.4)
    running.link.set_filters(frozenset({f"{SENSOR}/{LEVEL}"}))
    await sensor.advertise(bthome(20))
    await eventually(lambda: notifying(running))
    reads = sensor.reads
    await eventually(lambda: sensor.reads >= reads + 3)
    assert running.link.up
    assert not running.steps


async def test_it_stops_at_once_and_leaves_nothing(start: Starter, adapter: Adapter, sensor: Peripheral) -> None:
    running = start(adapter)
    await sensor.advertise(bthome(20))
    await running.knows(SENSOR)
    await running.link.request(b"", to=f"{SENSOR}/{LEVEL}")
    async with asyncio.timeout(3):
        await running.stop()
    await eventually(lambda: not sensor.device.connections)
    assert not running.link.up
    assert not adapter.controller.le_scan_enable
