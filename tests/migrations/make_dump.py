"""Write `NNNN.sql`, a small database of the present schema version as SQL. Run it once when a version is released
(and for version 1 whenever its files change before that): python tests/migrations/make_dump.py"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from pathlib import Path

from sluis.intake.ports import Batch, Delivery, Row
from sluis.model import Device, DeviceState, Stamp
from sluis.store.database import Database
from sluis.store.devices import Devices
from sluis.store.migrations import versions
from sluis.store.packing import Packing
from sluis.store.readings import Readings
from sluis.store.settings import StoreSettings

T0_US = 1_795_500_000_000_000


def stamp(second: int) -> Stamp:
    return Stamp(T0_US + second * 1_000_000, second * 1_000_000)


async def fill(path: Path) -> None:
    database = Database(path, StoreSettings(commit_interval_s=0, reserve_mb=0))
    database.start()
    readings = Readings(database, stamp(0))
    devices = Devices(database)
    await devices.save(Device("heater", "driver", "native", "mqtt", DeviceState.ADOPTED, name="Heater"))
    points = await devices.point_ids("heater", ["temperature", "on", "mode"])
    for second in range(0, 120, 10):
        values = {"temperature": 20 + second / 10, "on": second % 20 == 0, "mode": "heat"}
        rows = [Row(points[key], stamp(second), value, 0) for key, value in values.items()]
        batch = Batch(rows, delivery=Delivery("mqtt", "session", (second,), (second * 7,)), identities=(second,))
        await asyncio.wrap_future(readings.append(batch))
        if second == 80:
            await Packing(readings).pack(stamp(second))
    rows = [Row(points["temperature"], stamp(130), 21.5, 0), Row(points["on"], stamp(130), True, 0)]
    await asyncio.wrap_future(readings.append(Batch(rows)))
    database.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sluis.db"
        asyncio.run(fill(path))
        connection = sqlite3.connect(path)
        version = versions()[-1]
        text = "\n".join([*connection.iterdump(), f"PRAGMA user_version={version};", ""])
        connection.close()
    (Path(__file__).parent / f"{version:04}.sql").write_text(text)


if __name__ == "__main__":
    main()
