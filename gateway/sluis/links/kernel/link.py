"""The kernel link: sensors that the kernel already reads, polled and watched for coming and going.

Sources are `w1/28-00000a1b2c3d`, `iio/1-0076`, `hwmon/1-0048`. What a frame holds, as JSON:

    SOURCE/about   {"name": "bme280", "channels": ["in_temp_input", ...], "labels": {...}, "every_s": 10}
    SOURCE         {"in_temp_input": "21500", ...}       the kernel's own files and words
                   {"failed": "Input/output error"}      it is there and cannot be read
                   {"gone": "..."}                       it was unplugged

`about` comes when a sensor is found, so that it is announced as a device that a person may adopt. Only adopted sensors
are read.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from sluis.links.kernel import sensors
from sluis.links.kernel.sensors import Sensor
from sluis.links.kernel.settings import KernelSettings
from sluis.links.loop import LoopLink
from sluis.model import Frame, LinkError
from sluis.runtime import Clock


class KernelLink(LoopLink):
    """One per gateway."""

    kind = "kernel"

    def __init__(self, settings: KernelSettings, clock: Clock, *, name: str = "kernel") -> None:
        super().__init__(name, clock, address=str(settings.root / "sys"))
        self.settings = settings
        self._sensors: dict[str, Sensor] = {}
        self._failing: dict[str, str] = {}
        self._wanted = {kind: asyncio.Event() for kind in settings.kinds}

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch())
                for kind in self.settings.kinds:
                    group.create_task(self._poll(kind))
        finally:
            self._went_down("stopped")

    def set_filters(self, filters: frozenset[str]) -> None:
        fresh = filters - self.filters
        super().set_filters(filters)
        for source in fresh:
            wanted = self._wanted.get(source.partition("/")[0])
            if wanted is not None:
                wanted.set()

    async def request(self, data: bytes, *, to: str = "", reply: str = "", timeout_s: float = 5.0) -> Frame:
        """Read the sensor at `to` now. Nothing can be sent to it."""
        sensor = self._sensors.get(to)
        if data or sensor is None:
            raise LinkError(f"{self.name}: " + ("a sensor takes no data" if data else f"there is no sensor {to!r}"))
        try:
            async with asyncio.timeout(timeout_s):
                return await self._read(sensor)
        except TimeoutError:
            raise LinkError(f"{self.name}: {to} was not read within {timeout_s:g} s") from None

    def notes(self) -> Mapping[str, Any]:
        found: dict[str, Any] = {"sensors": sorted(self._sensors)}
        if self._failing:
            found["failing"] = dict(self._failing)
        return found

    async def _watch(self) -> None:
        """Who is there."""
        while True:
            try:
                await self._look()
            except OSError as error:  # a folder went away while it was read
                self._went_down(str(error))
            await self._clock.sleep(self.settings.scan_s)

    async def _look(self) -> None:
        settings = self.settings
        if await asyncio.to_thread(sensors.present, settings.root, settings.kinds):
            found = await asyncio.to_thread(sensors.find, settings.root, settings.kinds)
            self._came_up()
            self._compare(found)
        else:
            self._went_down(f"this kernel shows no {', '.join(settings.kinds)} in {settings.root / 'sys'}")
            self._compare({})

    def _compare(self, found: dict[str, Sensor]) -> None:
        before, self._sensors = self._sensors, found
        for source, sensor in found.items():
            if before.get(source) != sensor:
                self._say(f"{source}/about", self._about(sensor))
                self._wanted[sensor.kind].set()
        for source in before.keys() - found.keys():
            self._failing.pop(source, None)
            if source in self.filters:
                self._say(source, {"gone": "it was unplugged"})

    def _about(self, sensor: Sensor) -> dict[str, Any]:
        return {
            "name": sensor.name,
            "channels": list(sensor.channels),
            "labels": dict(sensor.labels),
            "every_s": self.settings.rhythm_s(sensor.kind),
        }

    async def _poll(self, kind: str) -> None:
        """One after the other: on a bus they cannot do otherwise."""
        while True:
            self._wanted[kind].clear()
            for sensor in tuple(self._sensors.values()):
                if sensor.kind == kind and sensor.source in self.filters:
                    await self._read(sensor)
            waiting = asyncio.ensure_future(self._wanted[kind].wait())
            resting = asyncio.ensure_future(self._clock.sleep(self.settings.rhythm_s(kind)))
            try:
                await asyncio.wait((waiting, resting), return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiting.cancel()
                resting.cancel()

    async def _read(self, sensor: Sensor) -> Frame:
        try:
            said: Mapping[str, str] = await asyncio.to_thread(sensors.read, sensor)
            self._failing.pop(sensor.source, None)
        except OSError as error:
            said = {"failed": error.strerror or str(error)}
            self._failing[sensor.source] = said["failed"]
        return self._say(sensor.source, said)

    def _say(self, source: str, said: Mapping[str, Any]) -> Frame:
        return self._deliver(source, json.dumps(said).encode())
