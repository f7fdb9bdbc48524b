"""Drivers of advertising sensors: what takes more than one frame, or hostile ones."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluis.model import (
    Announcement,
    BadChecksum,
    ConfigError,
    Frame,
    FrameError,
    Implausible,
    Kind,
    Occurrence,
    Reading,
    Stamp,
)
from sluis.sdk.registry import merge_fragment
from sluis.sdk.testing import load
from sluis.wire.advertising import Advertisement, build, parse
from sluis_drivers.bluetooth.advertiser import RESTART_AFTER_S, SIGNAL_EVERY_S, Advertiser
from sluis_drivers.bthome.v2 import REPEATED_FOR_S, BTHome
from sluis_drivers.govee.sensor import Govee
from sluis_drivers.inkbird.sensor import Inkbird
from sluis_drivers.ruuvi.tag import RuuviTag
from sluis_drivers.xiaomi.mibeacon import MiBeacon

FAMILIES = [BTHome, MiBeacon, RuuviTag, Govee, Inkbird]
ADDRESS = "54:48:E6:8F:80:A5"
KEY = "231d39c1d7cc1ab1aee224cd096db932"
FRAMES = Path(__file__).parent / "frames"

# Counters 0x112233, 0x112234 and 0x112232 with one key, 0xFFFFFFFF and 0: the test packets of bthome-ble.
FIRST, NEXT, EARLIER = (
    "41e445f3c9962b332211006c7c4519",
    "413e932cc7175f34221100553876af",
    "41723d3035fb88322211009e7414c0",
)
LAST, NOUGHT = "41ba0db07aeef6ffffffff21fd4600", "41de40b50e676600000000d7cb95de"


def bthome(data: str, at_s: float = 1, name: str = "", source: str = ADDRESS, rssi_dbm: int | None = None) -> Frame:
    ad = build(Advertisement(name, service_data={"fcd2": bytes.fromhex(data)}))
    return Frame("ble", source, ad, Stamp(0, int(at_s * 1e6)), rssi_dbm=rssi_dbm)


def device(*frames: Frame, key: str = "") -> Advertiser:
    """A BTHome device that was heard to send these, with a bind key where there is one."""
    description: dict[str, Any] = {"setup": {"bindkey": key}} if key else {}
    for frame in frames:
        said: Iterable[object] = BTHome(ADDRESS, description).decode(frame) if key else BTHome.sniff(frame)
        for item in said:
            if isinstance(item, Announcement):
                description = merge_fragment(description, item)
    return BTHome(ADDRESS, description)


def readings(said: Iterable[object]) -> dict[str, Any]:
    return {item.point: item.value for item in said if isinstance(item, Reading)}


def occurrences(said: Iterable[object]) -> list[tuple[str, str]]:
    return [(item.point, item.what) for item in said if isinstance(item, Occurrence)]


# -- points become known -----------------------------------------------------------------------------------------


def test_packets_that_take_turns_add_to_the_points() -> None:
    driver = device(bthome("4002ca09"), bthome("400164"))
    assert {point.key: point.quantity for point in driver.points()} == {
        "temperature": "temperature",
        "battery": "battery",
        "signal": "signal_strength",
    }
    assert readings(driver.decode(bthome("400164"))) == {"battery": 100}, "only what this packet holds"


def test_the_key_makes_the_points_of_an_encrypted_device_known() -> None:
    assert [point.key for point in device(bthome(FIRST)).points()] == ["signal"]
    driver = device(bthome(FIRST), key=KEY)
    assert [point.key for point in driver.points()] == ["temperature", "humidity", "signal"]


def test_nobody_without_the_key_adds_points_to_an_encrypted_device() -> None:
    description: dict[str, Any] = {"setup": {"bindkey": KEY}}
    for item in BTHome.sniff(bthome("40120000")):
        assert isinstance(item, Announcement)
        description = merge_fragment(description, item)
    assert [point.key for point in BTHome(ADDRESS, description).points()] == ["signal"]


def test_a_sleeping_device_has_no_interval_and_another_one_has() -> None:
    def every_s(data: str) -> dict[str, float | None]:
        return {point.key: point.every_s for point in device(bthome(data)).points()}

    assert every_s("44016402ca09") == {"battery": None, "temperature": None, "signal": None}
    assert every_s("40016402ca09") == {"battery": None, "temperature": BTHome.every_s, "signal": None}


def test_a_person_may_say_how_often_it_measures() -> None:
    description = merge_fragment({"setup": {"every_s": 60}}, next(iter(BTHome.sniff(bthome("4002ca09")))))  # type: ignore[arg-type]
    assert next(iter(BTHome(ADDRESS, description).points())).every_s == 60


# -- repeats ------------------------------------------------------------------------------------------------------


def test_a_repeat_is_silent_until_its_readings_would_grow_old() -> None:
    driver, said = device(bthome("4002ca09")), []
    for at_s in range(1, 62):
        said.append(readings(driver.decode(bthome("4002ca09", at_s))))
    assert [at for at, one in enumerate(said) if one] == [0, 20, 40, 60]
    assert said[20] == {"temperature": 25.06}


def test_a_changed_packet_is_told_at_once_and_its_name_changes_nothing() -> None:
    driver = device(bthome("4002ca09"))
    assert readings(driver.decode(bthome("4002ca09", 1))) == {"temperature": 25.06}
    assert readings(driver.decode(bthome("4002ca09", 2, name="Cellar"))) == {}
    assert readings(driver.decode(bthome("4002cb09", 3))) == {"temperature": 25.07}


def test_a_press_is_told_once_however_often_its_packet_is_sent() -> None:
    driver = device(bthome("4000073a01"))
    told = [occurrences(driver.decode(bthome("4000073a01", at_s))) for at_s in (1, 1.1, 1.3, 30, 60)]
    assert told == [[("button", "press")], [], [], [], []]
    assert occurrences(driver.decode(bthome("4000083a01", 61))) == [("button", "press")]


def test_a_press_without_packet_number_is_another_one_after_a_pause() -> None:
    driver = device(bthome("403a01"))
    told = [occurrences(driver.decode(bthome("403a01", at_s))) for at_s in (1, 2, 5.5, 30)]
    assert told == [[("button", "press")], [], [], [("button", "press")]]


def test_the_signal_is_told_once_a_minute() -> None:
    driver = device(bthome("4002ca09"))
    told = [
        at_s
        for at_s in range(1, 200)
        if "signal" in readings(driver.decode(bthome(f"4002{at_s:02x}09", at_s, rssi_dbm=-60)))
    ]
    assert told == [1, 1 + SIGNAL_EVERY_S, 1 + 2 * SIGNAL_EVERY_S, 1 + 3 * SIGNAL_EVERY_S]


@pytest.mark.parametrize("rssi_dbm", [127, -127, None])
def test_an_unknown_signal_is_none(rssi_dbm: int | None) -> None:
    assert readings(device(bthome("4002ca09")).decode(bthome("4002ca09", rssi_dbm=rssi_dbm))) == {"temperature": 25.06}


# -- counters -----------------------------------------------------------------------------------------------------


def test_counters_rise() -> None:
    driver = device(bthome(FIRST), key=KEY)
    assert readings(driver.decode(bthome(FIRST, 1)))
    assert readings(driver.decode(bthome(NEXT, 2)))
    for recorded in (FIRST, EARLIER):
        with pytest.raises(Implausible, match="a recording"):
            list(driver.decode(bthome(recorded, 3)))
    with pytest.raises(Implausible, match="a recording"):
        list(driver.decode(bthome(FIRST, 3 + 3600)))


def test_a_new_battery_begins_at_nought_after_a_silence() -> None:
    driver = device(bthome(LAST), key=KEY)
    assert readings(driver.decode(bthome(LAST, 1)))
    with pytest.raises(Implausible, match="a recording"):
        list(driver.decode(bthome(NOUGHT, 2)))
    assert readings(driver.decode(bthome(NOUGHT, 2 + RESTART_AFTER_S)))


def test_a_refused_packet_does_not_keep_a_device_alive_for_a_new_battery() -> None:
    driver = device(bthome(LAST), key=KEY)
    list(driver.decode(bthome(LAST, 1)))
    for at_s in range(2, 40, 5):
        try:
            list(driver.decode(bthome(NOUGHT, at_s)))
        except Implausible:
            continue
        assert at_s >= 1 + RESTART_AFTER_S
        return
    pytest.fail("a device with a new battery is never heard again")


def test_one_packet_for_a_quarter_of_an_hour_is_a_recording() -> None:
    driver = device(bthome(FIRST), key=KEY)
    for at_s in range(1, int(REPEATED_FOR_S), 100):
        list(driver.decode(bthome(FIRST, at_s)))
    with pytest.raises(Implausible, match="quarter of an hour"):
        list(driver.decode(bthome(FIRST, REPEATED_FOR_S + 2)))


def test_a_counter_used_twice_is_refused() -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM

    def sealed(content: str) -> str:
        head, counter = b"\x41", (7).to_bytes(4, "little")
        nonce = bytes.fromhex(ADDRESS.replace(":", "")) + b"\xd2\xfc" + head + counter
        whole = AESCCM(bytes.fromhex(KEY), tag_length=4).encrypt(nonce, bytes.fromhex(content), None)
        return (head + whole[:-4] + counter + whole[-4:]).hex()

    driver = device(bthome(sealed("02ca09")), key=KEY)
    assert readings(driver.decode(bthome(sealed("02ca09"), 1))) == {"temperature": 25.06}
    with pytest.raises(Implausible, match="a second time"):
        list(driver.decode(bthome(sealed("02cb09"), 2)))


def test_xiaomi_counters_rise_too() -> None:
    key = "7475a4a77584401780ffc3ee62dd353c"
    address = "A4:C1:38:05:8E:E9"
    now = b"XY\xeb*\xc1\xe9\x8e\x058\xc1\xa4\x07YS\x0f\x8d8\x00\x00\xb7zp\xf8"  # HS1BB, test packet of xiaomi-ble

    def frame(data: bytes, at_s: int) -> Frame:
        return Frame("ble", address, build(Advertisement(service_data={"fe95": data})), Stamp(0, at_s * 1_000_000))

    driver = MiBeacon(address, {"setup": {"bindkey": key}})
    assert any(isinstance(item, Announcement) for item in driver.decode(frame(now, 1)))
    driver.admit(understood_counter(0x39), frame(now, 2))
    with pytest.raises(Implausible, match="a recording"):
        list(driver.decode(frame(now, 3)))


def understood_counter(counter: int) -> Any:
    from sluis_drivers.bluetooth.heard import Heard

    return Heard((), {}, counter=counter)


# -- keys ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [KEY, KEY.upper(), " ".join(KEY[at : at + 2] for at in range(0, 32, 2))])
def test_one_packet_proves_a_key(told: str) -> None:
    assert readings(device(bthome(FIRST), key=told).decode(bthome(FIRST)))


def test_one_packet_disproves_a_key() -> None:
    with pytest.raises(BadChecksum):
        list(BTHome(ADDRESS, {"setup": {"bindkey": "00" * 16}}).decode(bthome(FIRST)))


@pytest.mark.parametrize("told", ["xyz", "00", "00" * 12])
def test_what_is_no_key_is_refused_when_it_is_told(told: str) -> None:
    with pytest.raises(ConfigError, match="bindkey"):
        BTHome(ADDRESS, {"setup": {"bindkey": told}})


# -- hostile ------------------------------------------------------------------------------------------------------


payloads = st.binary(max_size=40)
near = st.sampled_from(["fcd2", "fe95", "181d", "181b", "fd50", "181c", "181e"])
advertisements = st.builds(
    Advertisement,
    name=st.sampled_from(["", "sps", "tps", "iBBQ", "xBBQ", "GVH5075_1", "GV5121", "B5178", "ATC_1", "Ruuvi Air"]),
    services=st.lists(st.sampled_from(["ec88", "5550", "8151", "fff0"]), max_size=2).map(tuple),
    service_data=st.dictionaries(
        near, payloads | st.sampled_from([b"\x40\x02", b"\x41", b"\x58\x58\x5b\x05"]), max_size=2
    ),
    manufacturer_data=st.dictionaries(
        st.sampled_from([0x0499, 0xEC88, 0xEF88, 0x8801, 0x8843, 1, 0, 0x2449, 12628, 12884, 2044, 44847]),
        payloads | st.binary(min_size=23, max_size=26).map(lambda rest: b"\x05" + rest),
        max_size=2,
    ),
)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda cls: cls.about.key)
@given(advertisement=advertisements)
def test_whatever_is_in_the_air_raises_frame_error_only(family: type[Advertiser], advertisement: Advertisement) -> None:
    frame = Frame("ble", ADDRESS, build(advertisement), Stamp(0, 1))
    key = {"setup": {"bindkey": KEY}} if family.key_bytes else {}
    for said in (family.sniff, family(ADDRESS).decode, family(ADDRESS, key).decode):
        try:
            items = list(said(frame))
        except FrameError:
            continue
        for item in items:
            if isinstance(item, Announcement):
                points = family(ADDRESS, merge_fragment(key, item)).points()
                assert all(point.kind in Kind for point in points)


class Breaking:
    """A library with a fault."""

    def update(self, data: object) -> object:
        raise RecursionError("deep")


class WithFault(BTHome):
    @classmethod
    def parser(cls, key: bytes) -> Breaking:
        return Breaking()


def test_a_parser_that_breaks_is_the_senders_fault() -> None:
    for _ in range(2):  # the second time it is remembered
        with pytest.raises(Implausible, match="RecursionError: deep"):
            list(WithFault.sniff(bthome("4002ca09")))


# -- the link looks into the advertisement ------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES, ids=lambda cls: cls.about.key)
def test_every_device_of_the_frames_is_matched(family: type[Advertiser]) -> None:
    """By service, company or name: without that nobody would ask `sniff`."""
    from fnmatch import fnmatchcase

    match = family.about.match
    for case in load(FRAMES / f"{family.about.key}.jsonl"):
        if case.entry.get("announces"):
            ad = parse(case.frame.data)
            fits = any(uuid in ad.service_data or uuid in ad.services for uuid in match.services)
            fits |= any(company in ad.manufacturer_data for company in match.manufacturers)
            fits |= any(fnmatchcase(ad.name, name) for name in match.names)
            assert fits, case.name
