"""The twin: plausibility, staleness, availability."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluis.model import Availability, Implausible, Kind, Point, Presence, Quality, Reading, Stamp, Value
from sluis.twins import Twin

TEMPERATURE = Point("temperature", "°C", minimum=-40, maximum=85, rate_per_s=1.0, every_s=10, key="temperature")
RELAY = Point("outlet", kind=Kind.SWITCH, writable=True, key="relay")


def at(seconds: float) -> Stamp:
    return Stamp(1_700_000_000_000_000 + int(seconds * 1e6), int(seconds * 1e6))


def make_twin() -> Twin:
    return Twin("d1", [TEMPERATURE, RELAY], at(0))


def test_a_plausible_reading_is_good() -> None:
    changed = make_twin().apply(Reading("temperature", 21.5), at(1))
    assert (changed.value, changed.quality, changed.previous) == (21.5, Quality.GOOD, None)


@pytest.mark.parametrize("value", [-40.1, 85.1])
def test_outside_its_range_a_reading_is_uncertain_and_kept(value: float) -> None:
    twin = make_twin()
    assert twin.apply(Reading("temperature", value), at(1)).quality is Quality.UNCERTAIN
    assert twin.reported["temperature"].value == value


def test_faster_than_it_can_change_is_uncertain() -> None:
    twin = make_twin()
    twin.apply(Reading("temperature", 20.0), at(0))
    assert twin.apply(Reading("temperature", 29.9), at(10)).quality is Quality.GOOD
    assert twin.apply(Reading("temperature", 50.0), at(20)).quality is Quality.UNCERTAIN


def test_what_the_device_calls_bad_stays_bad() -> None:
    assert make_twin().apply(Reading("temperature", 20.0, Quality.BAD), at(1)).quality is Quality.BAD


@pytest.mark.parametrize(
    ("point", "value"),
    [
        ("temperature", "21"),
        ("temperature", True),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("relay", 1),
        ("relay", "ON"),
        ("nonsense", 1),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_whole(point: str, value: Value) -> None:
    twin = make_twin()
    with pytest.raises(Implausible):
        twin.apply(Reading(point, value), at(1))
    assert twin.reported == {}


def test_silence_makes_stale_once_and_the_device_offline() -> None:
    twin = make_twin()
    twin.apply(Reading("temperature", 21.0), at(0))
    twin.heard(at(0))
    assert twin.expire(at(24.9)) == []
    stale, gone = twin.expire(at(25))
    assert stale.stale and stale.quality is Quality.BAD and stale.value == 21.0  # type: ignore[union-attr]
    assert gone.availability is Availability.OFFLINE  # type: ignore[union-attr]
    assert twin.expire(at(26)) == []
    assert twin.apply(Reading("temperature", 21.1), at(30)).quality is Quality.GOOD


def test_whoever_knows_why_it_is_silent_is_believed() -> None:
    twin = make_twin()
    twin.apply(Reading("temperature", 21.0), at(0))
    twin.heard(at(0))
    twin.expire(at(25))
    assert (twin.availability, twin.reason) == (Availability.OFFLINE, "silence")
    assert twin.presence(Presence(Availability.OFFLINE, reason="refuses the password"), at(30)) is None
    assert (twin.reason, twin.since) == ("refuses the password", at(25))


def test_a_device_that_speaks_for_itself_is_not_declared_offline_by_silence() -> None:
    twin = make_twin()
    twin.presence(Presence(Availability.ONLINE), at(0))
    twin.apply(Reading("temperature", 21.0), at(0))
    events = twin.expire(at(100))
    assert len(events) == 1
    assert twin.availability is Availability.ONLINE


def test_its_own_offline_wins_over_frames() -> None:
    twin = make_twin()
    twin.presence(Presence(Availability.OFFLINE, reason="will"), at(0))
    assert twin.heard(at(1)) is None
    assert (twin.availability, twin.reason) == (Availability.OFFLINE, "will")


def test_a_dead_carrier_makes_unknown_and_its_return_restores_the_last_word() -> None:
    twin = make_twin()
    twin.presence(Presence(Availability.ONLINE), at(0))
    twin.block("parent:bridge", at(1))
    assert (twin.availability, twin.blocked_by) == (Availability.UNKNOWN, "parent:bridge")
    assert twin.presence(Presence(Availability.OFFLINE), at(2)) is None
    twin.unblock(at(3))
    assert twin.availability is Availability.OFFLINE


@pytest.mark.parametrize(
    ("mode", "words", "expected"),
    [
        ("all", ["online", "online"], "online"),
        ("all", ["online"], "unknown"),
        ("all", ["online", "offline"], "offline"),
        ("any", ["offline", "online"], "online"),
        ("any", ["offline"], "offline"),
        ("latest", ["online", "offline"], "offline"),
    ],
)
def test_several_availability_sources_join_by_mode(mode: str, words: list[str], expected: str) -> None:
    twin = make_twin()
    for index, word in enumerate(words):
        said = Presence(Availability(word), source=f"s{index}", sources=("s0", "s1"), mode=mode)
        twin.presence(said, at(index))
    assert twin.availability == expected


def test_a_restored_reading_is_never_fresh() -> None:
    twin = make_twin()
    twin.restore("relay", True, Quality.GOOD, at(-100))
    held = twin.reported["relay"]
    assert held.stale and held.quality is Quality.BAD


@given(st.lists(st.tuples(st.floats(0, 20), st.floats(-100, 200)), max_size=30))
def test_stale_exactly_when_silent_for_two_and_a_half_intervals(steps: list[tuple[float, float]]) -> None:
    twin = make_twin()
    now, heard = 0.0, None
    for gap, value in steps:
        now += gap
        twin.expire(at(now))
        if heard is not None:
            silent_us = at(now).mono_us - at(heard).mono_us
            assert twin.reported["temperature"].stale == (silent_us >= 25_000_000)
        twin.apply(Reading("temperature", value), at(now))
        heard = now


def test_whose_last_word_was_unclear_is_away_when_it_falls_silent() -> None:
    twin = make_twin()
    twin.presence(Presence(Availability.ONLINE), at(0))
    twin.apply(Reading("temperature", 20.0), at(1))
    twin.presence(Presence(Availability.UNKNOWN, reason="says neither"), at(2))
    assert not twin.expire(at(25))
    twin.expire(at(27))
    assert twin.availability is Availability.OFFLINE
    twin.heard(at(30))
    assert twin.availability is Availability.ONLINE


def test_a_device_that_speaks_for_itself_is_online_again_once_heard_after_its_carrier_is_back() -> None:
    twin = make_twin()
    twin.presence(Presence(Availability.UNKNOWN, reason="says neither"), at(0))
    twin.block("link:mqtt", at(1))
    twin.unblock(at(2))
    heard = twin.heard(at(3))
    assert heard is not None
    assert heard.availability is Availability.ONLINE


def test_the_last_word_of_a_device_that_is_gone_is_shown_as_stale_until_it_is_back() -> None:
    twin = make_twin()
    twin.presence(Presence(Availability.ONLINE), at(0))
    twin.apply(Reading("relay", True), at(1))
    assert twin.shown("relay") == twin.reported["relay"]
    twin.presence(Presence(Availability.OFFLINE), at(2))
    shown = twin.shown("relay")
    assert shown is not None
    assert (shown.value, shown.quality, shown.stale) == (True, Quality.BAD, True)
    twin.presence(Presence(Availability.ONLINE), at(3))
    assert twin.shown("relay") == twin.reported["relay"]
    assert twin.shown("temperature") is None
