"""The office's physics: causes have their effects, and nothing runs away."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluis.demo.office import CO2_OUTSIDE_PPM, outside_c, small_office, sun_w_per_m2


def test_a_heater_draws_power_and_warms_its_room_only() -> None:
    heated, plain = small_office(8.0), small_office(8.0)
    heated.loads["heater"].on = True
    for office in (heated, plain):
        office.step(1800)
    assert heated.loads["heater"].watts == 1500
    assert heated.loads["heater"].energy_wh == pytest.approx(750)
    assert heated.rooms["Meeting room"].temperature_c > plain.rooms["Meeting room"].temperature_c + 1.0
    assert heated.rooms["Reception"].temperature_c == plain.rooms["Reception"].temperature_c


def test_people_raise_the_co2_and_an_open_window_clears_it() -> None:
    office = small_office(9.9)
    before = office.rooms["Meeting room"].co2_ppm
    office.step(3600)
    assert office.rooms["Meeting room"].people == 6
    assert office.rooms["Meeting room"].co2_ppm > before + 300
    crowded, aired = small_office(11.0), small_office(11.0)
    aired.door_open = True
    for each in (crowded, aired):
        each.step(3600)
    assert aired.rooms["Office"].co2_ppm < crowded.rooms["Office"].co2_ppm - 50
    assert aired.rooms["Office"].temperature_c < crowded.rooms["Office"].temperature_c


def test_an_empty_room_settles_at_outside_air() -> None:
    office = small_office(20.0)
    office.step(8 * 3600)
    assert office.rooms["Office"].co2_ppm == pytest.approx(CO2_OUTSIDE_PPM, abs=5)


def test_the_pump_waters_the_soil() -> None:
    office = small_office()
    before = office.rooms["Greenhouse"].soil_pct
    office.loads["pump"].on = True
    office.step(120)
    assert office.rooms["Greenhouse"].soil_pct == pytest.approx(before + 6, abs=0.5)


def test_the_sun_warms_the_greenhouse() -> None:
    office = small_office(10.0)
    office.step(3 * 3600)
    assert office.rooms["Greenhouse"].temperature_c > outside_c(13.0) + 8
    assert sun_w_per_m2(3.0) == 0
    assert office.lux("Greenhouse") > 5000


@settings(deadline=None, max_examples=25)
@given(st.floats(0, 23.9), st.sets(st.sampled_from(["heater", "pump", "grow light", "ceiling light"])), st.booleans())
def test_a_day_stays_believable(hour: float, on: set[str], door_open: bool) -> None:
    office = small_office(hour)
    office.door_open = door_open
    for name in on:
        office.loads[name].on = True
    office.step(24 * 3600 + 60)
    for room in office.rooms.values():
        assert -5 < room.temperature_c < 60
        assert 400 < room.co2_ppm < 5000
        assert 15 < room.humidity_pct < 100
    assert office.day == 1


def test_step_size_hardly_matters() -> None:
    coarse, fine = small_office(9.0), small_office(9.0)
    coarse.step(3600)
    for _ in range(3600):
        fine.step(1)
    for name, room in coarse.rooms.items():
        assert room.temperature_c == pytest.approx(fine.rooms[name].temperature_c, abs=0.15)
        assert room.co2_ppm == pytest.approx(fine.rooms[name].co2_ppm, rel=0.02)
