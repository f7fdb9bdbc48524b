"""The parts of the BLE link that need no radio."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakBluetoothNotAvailableError, BleakBluetoothNotAvailableReason, BleakDBusError, BleakError

from sluis.app.config import load
from sluis.app.lines import ble_links
from sluis.links.ble.air import DEVICES_MAX, Air
from sluis.links.ble.bluez import Fresh
from sluis.links.ble.deadlines import ABANDONED_MAX, Deadlines
from sluis.links.ble.link import BleLink
from sluis.links.ble.rfkill import RadioSwitch
from sluis.links.ble.settings import BleSettings
from sluis.links.ble.slots import Slots
from sluis.links.ble.states import AdapterState, AdapterTrouble, trouble_of
from sluis.links.ble.usb import UsbDevice
from sluis.model import ConfigError, LinkError, Stamp
from sluis.runtime import ManualClock, SystemClock
from sluis.runtime.patience import patient

# -- states -----------------------------------------------------------------------------------------------

UNAVAILABLE = BleakBluetoothNotAvailableReason


@pytest.mark.parametrize(
    ("error", "took_s", "state"),
    [
        (FileNotFoundError(2, "No such file or directory"), 0.05, AdapterState.NO_DBUS),
        (BleakDBusError("org.freedesktop.DBus.Error.ServiceUnknown", ["..."]), 0.04, AdapterState.NO_DAEMON),
        (BleakDBusError("org.freedesktop.DBus.Error.Spawn.ChildExited", ["..."]), 0.2, AdapterState.NO_DAEMON),
        (BleakBluetoothNotAvailableError("...", UNAVAILABLE.NO_BLUETOOTH), 0.05, AdapterState.NO_ADAPTER),
        (BleakError("adapter 'hci7' not found"), 0.05, AdapterState.NO_ADAPTER),
        (BleakBluetoothNotAvailableError("...", UNAVAILABLE.POWERED_OFF), 0.05, AdapterState.POWERED_OFF),
        (BleakDBusError("org.bluez.Error.NotReady", ["..."]), 0.05, AdapterState.POWERED_OFF),
        (BleakDBusError("org.bluez.Error.InProgress", ["..."]), 0.05, AdapterState.BUSY),
        (TimeoutError(), 20.0, AdapterState.DAEMON_SILENT),
        (BleakDBusError("org.bluez.Error.InProgress", ["..."]), 4.1, AdapterState.MUTE),
        (BleakDBusError("org.bluez.Error.InProgress", ["..."]), 2.1, AdapterState.MUTE),
        (BleakDBusError("org.freedesktop.DBus.Error.AccessDenied", ["..."]), 0.1, AdapterState.DENIED),
        (EOFError(), 3.0, AdapterState.NO_DBUS),
        (KeyError("Roles"), 0.1, AdapterState.UNKNOWN),
    ],
)
def test_what_the_library_raises_is_a_state(error: Exception, took_s: float, state: AdapterState) -> None:
    trouble = trouble_of(error, took_s)
    assert trouble.state is state
    assert trouble.state.cause in str(trouble)
    assert trouble.hint == state.next_step


def test_every_state_that_a_person_must_mend_says_how() -> None:
    alone = {AdapterState.WELL, AdapterState.SETTLING}
    assert {state for state in AdapterState if not state.next_step} == alone


# -- settings ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("adapter", ["hci0", "hci12", "00:1A:7D:DA:71:13", "tcp-client:127.0.0.1:9001", "usb:0"])
def test_adapters(adapter: str) -> None:
    assert BleSettings(adapter=adapter).virtual is adapter.startswith(("tcp", "usb"))


@pytest.mark.parametrize(
    "wrong", [{"adapter": "eth0"}, {"name": "a/b"}, {"name": ""}, {"connections": 0}, {"trial_s": 60}]
)
def test_settings_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        BleSettings(**wrong)  # type: ignore[arg-type]


# -- who is in the air ------------------------------------------------------------------------------------


def at(seconds: float) -> Stamp:
    return Stamp(int(1.7e15 + seconds * 1e6), int(seconds * 1e6) + 1)


def test_the_share_of_an_advertiser_that_the_radio_misses_by_turns() -> None:
    """It listens ten seconds and is deaf for five: of a beacon each second it hears two of three."""
    air = Air()
    for second in range(60):
        if second % 15 < 10:
            air.hear("A", bytes((second,)), -60, at(second))
    (heard,) = air
    assert heard.interval_s() == pytest.approx(1.0)
    share = heard.share(at(59).mono_us)
    assert share is not None
    assert 0.55 < share < 0.75
    assert heard.longest_gap_s() == pytest.approx(6.0)


def test_all_of_a_steady_advertiser_is_heard_and_silence_lowers_it() -> None:
    air = Air()
    for second in range(40):
        air.hear("A", bytes((second,)), -60, at(second))
    (heard,) = air
    assert heard.share(at(39).mono_us) == pytest.approx(1.0)
    later = heard.share(at(39 + 310).mono_us)
    assert later is not None
    assert later < 0.1


def test_signal_is_smoothed_and_an_unknown_one_changes_nothing() -> None:
    air = Air()
    air.hear("A", b"1", -60, at(0))
    air.hear("A", b"2", -70, at(1))
    air.hear("A", b"3", None, at(2))
    (heard,) = air
    assert heard.rssi_dbm == pytest.approx(-62)


def test_repeats_are_counted_and_are_no_news() -> None:
    air = Air()
    assert air.hear("A", b"1", -60, at(0))
    assert not air.hear("A", b"1", -60, at(0.2))
    assert air.hear("A", b"2", -60, at(0.3))
    assert air.hear("A", b"2", -60, at(0.9))
    assert (air.count, air.repeats) == (4, 1)


def test_invented_addresses_fill_no_memory() -> None:
    air = Air()
    for number in range(DEVICES_MAX + 100):
        air.hear(f"{number}", b"x", -60, at(number))
    assert len(air) == DEVICES_MAX
    assert air.device("0") is None
    assert air.device(f"{DEVICES_MAX + 99}") is not None


def test_a_damaged_advertisement_is_nothing_to_show() -> None:
    air = Air()
    air.hear("A", b"\x1e\x16\xd2", -60, at(0))
    (heard,) = air
    assert heard.advertisement() is None


# -- what bluetoothd gathers --------------------------------------------------------------------------------


def told(makers: dict[int, bytes], services: dict[str, bytes] | None = None) -> AdvertisementData:
    return AdvertisementData(None, makers, services or {}, [], None, -60, ("/org/bluez/hci0/dev_A", {}))


def test_only_what_changed_was_heard_just_now() -> None:
    fresh = Fresh()
    assert fresh.of(told({1: b"a"})).manufacturer_data == {1: b"a"}
    # A thermometer that puts its value where the company's number belongs: bluetoothd keeps all of them.
    assert fresh.of(told({1: b"a", 2: b"b"})).manufacturer_data == {2: b"b"}
    assert fresh.of(told({1: b"c", 2: b"b"})).manufacturer_data == {1: b"c"}
    # Sent again: nothing says which, so all of it.
    assert fresh.of(told({1: b"c", 2: b"b"})).manufacturer_data == {1: b"c", 2: b"b"}
    changed = fresh.of(told({1: b"c", 2: b"b"}, {"fcd2": b"1"}))
    assert (changed.manufacturer_data, changed.service_data) == ({}, {"fcd2": b"1"})


def test_what_bluetoothd_tells_of_a_device_is_no_advertisement() -> None:
    """It was connected, its services are known, its signal is forgotten: the values beside that are old."""
    fresh = Fresh()
    said = told({1: b"a"})

    def now(rssi: int = -60, **state: bool) -> AdvertisementData:
        return said._replace(rssi=rssi, platform_data=("/org/bluez/hci0/dev_A", state))

    heard = [now(Connected=False), now(Connected=False), now(-61, Connected=False)]
    assert [fresh.heard(one) for one in heard] == [True, True, True]
    assert not fresh.heard(now(Connected=True))
    assert not fresh.heard(now(Connected=True, ServicesResolved=True))
    assert not fresh.heard(now(-127, Connected=True, ServicesResolved=True))
    assert fresh.heard(now(Connected=True, ServicesResolved=True))


# -- deadlines --------------------------------------------------------------------------------------------


async def test_a_daemon_that_never_answers_is_not_waited_for() -> None:
    clock = ManualClock()
    waiting = asyncio.ensure_future(Deadlines(clock).within(10, asyncio.sleep(3600), "starting to scan"))
    await clock.advance(11)
    with pytest.raises(AdapterTrouble, match="starting to scan: no answer within 10 s") as raised:
        await waiting
    assert raised.value.state is AdapterState.DAEMON_SILENT


async def test_what_does_not_end_when_it_is_cancelled_is_left_behind_and_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sluis.links.ble.deadlines.GRACE_S", 0.01)
    deadlines, release = Deadlines(SystemClock()), asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    calls = [deadlines.within(0.01, stubborn(), "a call") for _ in range(ABANDONED_MAX)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(one, AdapterTrouble) for one in results)
    assert deadlines.abandoned == ABANDONED_MAX
    with pytest.raises(AdapterTrouble, match="requests are unanswered"):
        await deadlines.within(1, stubborn(), "one more")
    release.set()
    async with asyncio.timeout(5):
        while deadlines.abandoned:
            await asyncio.sleep(0)


async def test_an_answer_and_an_error_come_through() -> None:
    deadlines = Deadlines(SystemClock())
    assert await deadlines.within(1, asyncio.sleep(0, "answer"), "a call") == "answer"

    async def fails() -> None:
        raise FileNotFoundError

    with pytest.raises(FileNotFoundError):
        await deadlines.within(1, fails(), "a call")


# -- slots ------------------------------------------------------------------------------------------------


async def test_a_command_goes_before_polls_that_wait() -> None:
    slots, order = Slots(1), []

    async def use(name: str, can_wait: bool) -> None:
        patient.set(can_wait)
        async with slots.one():
            order.append(name)

    await slots.take()
    waiting = [
        asyncio.ensure_future(use(name, can_wait))
        for name, can_wait in (("poll 1", True), ("poll 2", True), ("command", False))
    ]
    while slots.awaited < 3:
        await asyncio.sleep(0)
    slots.give()
    await asyncio.gather(*waiting)
    assert order == ["command", "poll 1", "poll 2"]
    assert slots.free == 1


async def test_who_no_longer_waits_takes_no_slot() -> None:
    slots = Slots(1)
    await slots.take()
    leaves = asyncio.ensure_future(slots.take())
    stays = asyncio.ensure_future(slots.take())
    while slots.awaited < 2:
        await asyncio.sleep(0)
    leaves.cancel()
    await asyncio.gather(leaves, return_exceptions=True)
    slots.give()
    await stays
    slots.give()
    assert slots.free == 1
    # Cancelled in the very moment of being given one: it goes to the next.
    await slots.take()
    last = asyncio.ensure_future(slots.take())
    while not slots.awaited:
        await asyncio.sleep(0)
    slots.give()
    last.cancel()
    await asyncio.gather(last, return_exceptions=True)
    assert slots.free == 1


# -- USB --------------------------------------------------------------------------------------------------


def test_the_usb_device_behind_an_adapter(tmp_path: Path) -> None:
    device = tmp_path / "sys" / "devices" / "usb1" / "1-1.4"
    interface = device / "1-1.4:1.0"
    interface.mkdir(parents=True)
    (device / "busnum").write_text("1\n")
    (device / "devnum").write_text("17\n")
    adapters = tmp_path / "sys" / "class" / "bluetooth"
    (adapters / "hci0").mkdir(parents=True)
    (adapters / "hci0" / "device").symlink_to(interface)
    found = UsbDevice.behind("hci0", tmp_path / "sys", tmp_path / "dev")
    assert found is not None
    assert found.file == tmp_path / "dev" / "bus" / "usb" / "001" / "017"
    with pytest.raises(LinkError, match="cannot be opened"):
        found.reset()
    found.file.parent.mkdir(parents=True)
    found.file.write_bytes(b"")
    with pytest.raises(LinkError, match="cannot be reset"):
        found.reset()


def test_a_radio_on_the_board_is_no_usb_device(tmp_path: Path) -> None:
    uart = tmp_path / "sys" / "devices" / "platform" / "serial0-0"
    uart.mkdir(parents=True)
    (tmp_path / "sys" / "class" / "bluetooth" / "hci0").mkdir(parents=True)
    (tmp_path / "sys" / "class" / "bluetooth" / "hci0" / "device").symlink_to(uart)
    assert UsbDevice.behind("hci0", tmp_path / "sys", tmp_path / "dev") is None
    assert UsbDevice.behind("hci1", tmp_path / "sys", tmp_path / "dev") is None


# -- the radio switch -------------------------------------------------------------------------------------


def test_the_radio_switch_of_an_adapter(tmp_path: Path) -> None:
    (tmp_path / "class" / "bluetooth" / "hci0" / "rfkill7").mkdir(parents=True)
    (tmp_path / "class" / "bluetooth" / "hci0" / "rfkill7" / "index").write_text("7\n")
    file = tmp_path / "rfkill"
    switch = RadioSwitch.of("hci0", tmp_path, file)
    assert switch == RadioSwitch(7, file)
    with pytest.raises(LinkError, match="cannot be opened"):
        switch.block(True)
    file.write_bytes(b"")
    switch.block(True)
    # linux/rfkill.h: index, Bluetooth, change, blocked by software, not by hardware; 8 bytes.
    assert file.read_bytes() == bytes.fromhex("07000000 02 02 01 00")
    assert RadioSwitch.of("hci1", tmp_path, file) is None


# -- from a configuration ---------------------------------------------------------------------------------


def test_a_link_for_each_table_and_none_without(tmp_path: Path) -> None:
    file = tmp_path / "sluis.toml"
    file.write_text("")
    assert ble_links(load(file), SystemClock()) == []
    file.write_text(
        '[[ble]]\nname = "hall"\n[[ble]]\nname = "attic"\nadapter = "00:1A:7D:DA:71:13"\nscanning = "passive"\n'
    )
    links = ble_links(load(file), SystemClock())
    assert [(link.name, link.kind, link.health().address) for link in links] == [
        ("hall", "ble", "hci0"),
        ("attic", "ble", "00:1A:7D:DA:71:13"),
    ]
    file.write_text('[[ble]]\nadapter = "eth0"\n')
    with pytest.raises(ConfigError, match="neither hci0, nor an address, nor a Bumble transport"):
        load(file)


def test_bumble_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sluis.links.ble.bumble_radio.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="needs the Python package bumble") as raised:
        BleLink(BleSettings(adapter="tcp-client:127.0.0.1:9001"), SystemClock())
    assert "pip install bumble" in raised.value.hint
