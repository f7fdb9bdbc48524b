"""The ESPHome link: a conversation with every adopted node, and their frames.

It is up whenever it runs; whether a node is there is said per node, in its `HOST:PORT/connection` frames and on the
link's page. The forms of frames and commands are in `sluis.links.esphome.forms` and `Conversation.command`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

from sluis.links.esphome.conversation import Conversation
from sluis.links.esphome.settings import EsphomeSettings
from sluis.links.loop import LoopLink
from sluis.model import LinkError
from sluis.runtime import Clock
from sluis.runtime.supervisor import supervise
from sluis.sdk import Station


class EsphomeLink(LoopLink):
    """All ESPHome nodes of this gateway."""

    kind: ClassVar[str] = "esphome"

    def __init__(self, settings: EsphomeSettings, clock: Clock, name: str = "esphome") -> None:
        super().__init__(name, clock)
        self._settings = settings
        self._changed = asyncio.Event()
        self._talks: dict[str, tuple[Conversation, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Talk with the nodes there are, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._came_up()
                while True:
                    self._changed.clear()
                    self._follow(group)
                    await self._changed.wait()
        finally:
            self._talks.clear()
            self._went_down("stopped")

    def set_stations(self, stations: Mapping[str, Station]) -> None:
        super().set_stations(stations)
        self._changed.set()

    async def send(self, data: bytes, *, to: str = "", retain: bool = False) -> None:
        """A command, `{"type": "switch", "key": N, "state": true}`, to the node `to`."""
        talk = self._talks.get(to)
        if talk is None:
            raise LinkError(f"{self.name}: {to!r} is not in use here")
        talk[0].command(data)
        self._sent += 1

    def notes(self) -> Mapping[str, Any]:
        """Node -> how its connection is."""
        return {source: talk.state for source, (talk, _) in self._talks.items()}

    def _follow(self, group: asyncio.TaskGroup) -> None:
        """A conversation for every station; a new one where its key is another."""
        for source, (talk, task) in tuple(self._talks.items()):
            station = self.stations.get(source)
            if station is not None and str(station.settings.get("key", "")) == talk.key:
                talk.refit(station)
            else:
                task.cancel()
                del self._talks[source]
        for source, station in self.stations.items():
            if source not in self._talks:
                talk = Conversation(station, self._settings, self._clock, self._deliver)
                task = group.create_task(supervise(f"ESPHome node {source}", talk.run, self._clock))
                self._talks[source] = talk, task
