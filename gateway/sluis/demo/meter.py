"""The office's electricity meter: an Eastron SDM120 behind a Modbus TCP gateway, all loads on its one phase.

Registers as in Eastron's SDM120-Modbus protocol, all input registers, two to a float (high word first). Between them
nothing is measured; the meter reads zeros there. The server is pymodbus's own.
"""

from __future__ import annotations

import asyncio
import math
import random
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from sluis.demo.asked import HOST
from sluis.demo.office import Office
from sluis.demo.standin import Placed

if TYPE_CHECKING:
    from pymodbus.constants import ExcCodes

UNIT = 1
INPUT_REGISTERS = 4
"""The function that reads them."""
REGISTERS = 0x180
"""How many there are, the unused ones counted."""
MAINS_V, DROP_OHM = 231.0, 0.08
"""Voltage without load, and what the cable from the street costs it for each ampere."""
MAINS_HZ = 50.0
REACTIVE: Mapping[str, float] = {"ceiling light": 0.25, "printer": 0.6, "projector": 0.15, "pump": 0.7}
"""Reactive over active power of what is more than a heating element."""
INSTALLED_KWH = 4812.35
"""What it had counted when the demo's first day began."""


class EnergyMeter(Placed):
    """One meter, at unit 1."""

    name = "meter"

    def __init__(self, office: Office, chance: random.Random, counted_kwh: float = INSTALLED_KWH) -> None:
        super().__init__(office, chance)
        self._counted_kwh = counted_kwh

    @property
    def energy_kwh(self) -> float:
        """What it has counted in its life."""
        return self._counted_kwh + sum(load.energy_wh for load in self.sees.loads.values()) / 1000

    def measured(self) -> dict[int, float]:
        """Address -> value, in V, A, W, VA, var, Hz and kWh."""
        loads = self.sees.loads
        active_w = sum(load.watts for load in loads.values())
        reactive_var = sum(load.watts * REACTIVE.get(name, 0.0) for name, load in loads.items())
        apparent_va = math.hypot(active_w, reactive_var)
        volts = self.noise(MAINS_V - DROP_OHM * apparent_va / MAINS_V, 0.4)
        return {
            0x0000: volts,
            0x0006: apparent_va / volts,
            0x000C: active_w,
            0x0012: apparent_va,
            0x0018: reactive_var,
            0x001E: active_w / apparent_va if apparent_va else 1.0,
            0x0046: self.noise(MAINS_HZ, 0.02, 2),
            0x0048: self.energy_kwh,
            0x004A: 0.0,
            0x0156: self.energy_kwh,
        }

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        """pymodbus serves it while the context lasts."""
        from pymodbus.server import ModbusTcpServer
        from pymodbus.simulator import DataType, SimData, SimDevice

        cells = SimData(0, count=REGISTERS, values=0, datatype=DataType.REGISTERS, readonly=True)
        server = ModbusTcpServer(SimDevice(UNIT, [cells], action=self._refresh), address=(HOST, 0))
        await server.serve_forever(background=True)
        try:
            listening = cast(asyncio.Server, server.transport)
            yield int(listening.sockets[0].getsockname()[1])
        finally:
            await server.shutdown()  # type: ignore[no-untyped-call]

    async def _refresh(
        self,
        _function: int,
        start: int,
        _address: int,
        _count: int,
        registers: list[int],
        _wished: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        """Called by the server before each answer: the registers as they are now."""
        for address, value in self.measured().items():
            registers[address - start : address - start + 2] = struct.unpack(">HH", struct.pack(">f", value))
        return None
