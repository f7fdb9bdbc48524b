"""The office's boiler room as physics: a gas boiler that warms its water while the pump runs, and what that costs.

Pure: it is stepped with a time step and the hour of the day. Orders of magnitude as of a small office's real one:

    water   C dT/dt = burner - radiators (T - T_building), while the pump runs - loss (T - T_room)
    room    C dT/dt = the boiler's loss - walls (T - T_cellar)
    gas     burner / efficiency / calorific value
"""

from __future__ import annotations

import math
from dataclasses import dataclass

STEP_LIMIT_S = 30.0
"""Longest single step: longer, and the burner would miss its switching points by more than three kelvins."""

BURNER_W = 20_000.0
EFFICIENCY = 0.93
GAS_J_PER_M3 = 35.17e6
"""Dutch G gas, upper calorific value."""
WATER_J_PER_K = 1.3e5
"""Some 30 litres in boiler and pipes."""
RADIATORS_W_PER_K, LOSS_W_PER_K = 150.0, 15.0
BUILDING_C, CELLAR_C = 20.0, 14.0
ROOM_J_PER_K, WALLS_W_PER_K = 3.0e5, 120.0
BURNS_BELOW_C, BURNS_TO_C = 58.0, 66.0
M3_PER_PULSE = 0.01
"""A small gas meter closes its contact once every 10 litres."""
OPENED_EVERY_S, OPENED_FOR_S = 300.0, 25.0
"""How often somebody looks into the meter cupboard, and how long."""


@dataclass
class BoilerRoom:
    """Boiler, pump and room, and the meter cupboard beside it."""

    pump: bool = False
    burning: bool = False
    flow_c: float = 24.0
    room_c: float = 15.5
    gas_m3: float = 0.0
    """Burnt since the start."""
    age_s: float = 0.0

    @property
    def gas_pulses(self) -> int:
        return int(self.gas_m3 / M3_PER_PULSE)

    @property
    def cupboard_open(self) -> bool:
        return self.age_s % OPENED_EVERY_S > OPENED_EVERY_S - OPENED_FOR_S

    @property
    def humidity_pct(self) -> float:
        """Of air that holds the same water whatever its temperature (some 8 g/m3)."""
        return min(95.0, 62.0 * math.exp(-0.058 * (self.room_c - CELLAR_C)))

    @property
    def pressure_hpa(self) -> float:
        """The weather's: it changes over hours."""
        return 1014.0 + 4.0 * math.sin(self.age_s / 9000) + 0.3 * math.sin(self.age_s / 1300)

    def step(self, dt_s: float) -> None:
        """Move everything on by `dt_s` seconds (any length; long spans are cut up)."""
        while dt_s > 0:
            piece_s = min(dt_s, STEP_LIMIT_S)
            self._step(piece_s)
            dt_s -= piece_s

    def _step(self, dt_s: float) -> None:
        self.age_s += dt_s
        self.burning = self.pump and self.flow_c < (BURNS_TO_C if self.burning else BURNS_BELOW_C)
        burner_w = BURNER_W if self.burning else 0.0
        drawn_w = RADIATORS_W_PER_K * (self.flow_c - BUILDING_C) if self.pump else 0.0
        lost_w = LOSS_W_PER_K * (self.flow_c - self.room_c)
        self.flow_c += (burner_w - drawn_w - lost_w) / WATER_J_PER_K * dt_s
        self.room_c += (lost_w - WALLS_W_PER_K * (self.room_c - CELLAR_C)) / ROOM_J_PER_K * dt_s
        self.gas_m3 += burner_w / EFFICIENCY / GAS_J_PER_M3 * dt_s
