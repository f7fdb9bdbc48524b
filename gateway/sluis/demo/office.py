"""A small office as physics: rooms that warm and cool, air that people breathe, appliances that draw power.

Pure: it is stepped with a time step and an hour of the day, and knows no clock. Every number below is the
order of magnitude of a real building; the point is that causes have effects (a heater draws power and warms
its room, people raise the CO2, the sun warms the greenhouse), not that a heating engineer would sign it.

    heat    C dT/dt = heaters + people + sun + neighbours - loss (T - T_outside)
    air     V dc/dt = people * breath - V * ventilation * (c - c_outside)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

CO2_OUTSIDE_PPM = 425.0
BREATH_M3_PER_S = 5.2e-6
"""CO2 one seated adult breathes out: about 19 litres an hour (EN 16798-1, light office work)."""
PERSON_W = 90.0
"""Sensible heat of one seated adult."""
STEP_LIMIT_S = 30.0
"""Longest single integration step. Longer and the quickest room (the greenhouse, about an hour) would overshoot."""
RADIATOR_W_PER_K = 350.0
"""How hard the central heating answers each kelvin below its set point."""


@dataclass
class Room:
    """One room. Temperatures in °C, humidity in %RH, CO2 in ppm."""

    name: str
    capacity_j_per_k: float
    loss_w_per_k: float
    volume_m3: float
    window_m2: float
    ventilation_per_h: float = 1.0
    set_point_c: float = 19.0
    """Central heating holds the room at this; 0 for none."""
    temperature_c: float = 19.5
    co2_ppm: float = 480.0
    humidity_pct: float = 45.0
    people: int = 0
    soil_pct: float = 0.0
    """Soil moisture, where something grows; 0 elsewhere."""


@dataclass
class Load:
    """One appliance. `level` is how hard it works, 0 to 1; `watts` follows."""

    name: str
    room: str
    rated_w: float
    standby_w: float = 0.0
    heats: float = 1.0
    """Part of the power that ends as heat in the room."""
    inrush: float = 0.0
    on: bool = False
    level: float = 1.0
    cycle_s: float = 0.0
    """A thermostat in the appliance: on for a third of this period; 0 for a steady load."""
    watts: float = 0.0
    energy_wh: float = 0.0
    _age_s: float = field(default=0.0, repr=False)

    def step(self, dt_s: float) -> None:
        """Move the appliance on by `dt_s`; `watts` becomes what it draws, `energy_wh` counts."""
        self._age_s += dt_s
        resting = self.cycle_s and (self._age_s % self.cycle_s) > self.cycle_s / 3
        self.watts = (self.standby_w if resting else self.rated_w * self.level) if self.on else 0.0
        self.energy_wh += self.watts * dt_s / 3600


def outside_c(hour: float) -> float:
    """Outside temperature in °C at an hour of the day: coldest at five, warmest at three in the afternoon."""
    return 8.0 + 4.5 * math.sin((hour - 10.0) / 24.0 * 2 * math.pi)


def sun_w_per_m2(hour: float) -> float:
    """Sun through a window in W per square metre; none before eight or after six."""
    return 320.0 * math.sin((hour - 8.0) / 10.0 * math.pi) if 8.0 < hour < 18.0 else 0.0


def people_in(room: str, hour: float) -> int:
    """Who is usually where at an hour of the day: an office day from half past eight to half past five."""
    if room == "Office":
        if 12.5 <= hour < 13.25:
            return 1
        return 4 if 9.0 <= hour < 17.5 else 2 if 8.5 <= hour < 18.0 else 0
    if room == "Meeting room":
        return 6 if 10.0 <= hour < 11.25 or 14.0 <= hour < 15.5 else 0
    if room == "Reception":
        return 1 if 8.5 <= hour < 17.5 else 0
    return 1 if room == "Greenhouse" and 15.5 <= hour < 16.0 else 0


@dataclass
class Office:
    """All rooms and appliances of the demo site."""

    rooms: dict[str, Room]
    loads: dict[str, Load]
    hour: float = 9.0
    day: int = 0
    guests: dict[str, int] = field(default_factory=dict)
    """People on top of the usual ones, by room."""
    door_open: bool = False

    def step(self, dt_s: float) -> None:
        """Move everything on by `dt_s` seconds (any length; long spans are cut up)."""
        while dt_s > 0:
            piece_s = min(dt_s, STEP_LIMIT_S)
            self._step(piece_s)
            dt_s -= piece_s

    def _step(self, dt_s: float) -> None:
        self.hour += dt_s / 3600
        if self.hour >= 24:
            self.hour -= 24
            self.day += 1
        for load in self.loads.values():
            load.step(dt_s)
        for room in self.rooms.values():
            self._heat(room, dt_s)
            self._air(room, dt_s)

    def _heat(self, room: Room, dt_s: float) -> None:
        room.people = people_in(room.name, self.hour) + self.guests.get(room.name, 0)
        gain_w = sum(load.watts * load.heats for load in self.loads.values() if load.room == room.name)
        gain_w += room.people * PERSON_W + room.window_m2 * sun_w_per_m2(self.hour) * 0.5
        if room.set_point_c:
            gain_w += max(0.0, room.set_point_c - room.temperature_c) * RADIATOR_W_PER_K
        loss_w = room.loss_w_per_k * (room.temperature_c - outside_c(self.hour)) * (3.0 if self._aired(room) else 1.0)
        room.temperature_c += (gain_w - loss_w) / room.capacity_j_per_k * dt_s

    def _air(self, room: Room, dt_s: float) -> None:
        changes_per_s = room.ventilation_per_h * (6.0 if self._aired(room) else 1.0) / 3600
        made_ppm_per_s = room.people * BREATH_M3_PER_S / room.volume_m3 * 1e6
        room.co2_ppm += (made_ppm_per_s - changes_per_s * (room.co2_ppm - CO2_OUTSIDE_PPM)) * dt_s
        target_pct = 38.0 + 1.6 * room.people + (22.0 if room.soil_pct else 0.0) - 0.8 * (room.temperature_c - 20)
        room.humidity_pct += (max(18.0, target_pct) - room.humidity_pct) * min(1.0, dt_s / 1800)
        if room.soil_pct:
            pump = self.loads.get("pump")
            room.soil_pct += (0.05 if pump and pump.on else -0.0004) * dt_s
            room.soil_pct = min(80.0, max(12.0, room.soil_pct))

    def _aired(self, room: Room) -> bool:
        return self.door_open and room.name == "Office"

    def lux(self, room: str) -> float:
        """Light in a room: daylight through its windows and the lamps that are on."""
        lamps = sum(load.watts for load in self.loads.values() if load.room == room and "light" in load.name)
        return sun_w_per_m2(self.hour) * self.rooms[room].window_m2 * 1.8 + lamps * 6 + 2


def small_office(hour: float = 9.0) -> Office:
    """The demo site: a reception, a meeting room, an office and a greenhouse."""
    rooms = [
        Room("Reception", 1.6e6, 45, 60, 3, set_point_c=19.5, temperature_c=19.8),
        Room("Meeting room", 1.1e6, 75, 55, 2, ventilation_per_h=1.4, set_point_c=18.0, temperature_c=18.6),
        Room("Office", 3.0e6, 70, 160, 6, ventilation_per_h=1.2, set_point_c=20.0, temperature_c=20.4),
        Room("Greenhouse", 2.4e5, 75, 40, 18, set_point_c=0, temperature_c=15.0, humidity_pct=70, soil_pct=41),
    ]
    loads = [
        Load("heater", "Meeting room", 1500),
        Load("coffee", "Reception", 1250, standby_w=1.8, cycle_s=540, on=True),
        Load("ceiling light", "Office", 118, on=True),
        Load("bulb light", "Reception", 9.5, on=True, level=0.7),
        Load("printer", "Office", 420, standby_w=11, cycle_s=900, on=True),
        Load("grow light", "Greenhouse", 60, level=0.6),
        Load("pump", "Greenhouse", 28, heats=0),
        Load("projector", "Meeting room", 285, on=True, level=0.0),
    ]
    return Office({room.name: room for room in rooms}, {load.name: load for load in loads}, hour=hour)
