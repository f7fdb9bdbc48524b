"""The meeting room's projector: what it does shows in the room's power and heat."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

from sluis.demo.av.device import Session
from sluis.demo.av.projector import PjlinkProjector
from sluis.demo.av.wires import on_tcp
from sluis.demo.office import Office

DRAWS: Mapping[str, float] = {"off": 0.002, "warming": 0.75, "on": 1.0, "cooling": 0.15}
"""Part of its rated power in each state: standby of half a watt, the lamp striking, the picture, the fans alone."""


class RoomProjector(PjlinkProjector):
    """One projector of PJLink class 2, without a password."""

    name = "projector"

    def __init__(self, office: Office, *, warm_s: float = 20.0, cool_s: float = 20.0) -> None:
        super().__init__(warm_s=warm_s, cool_s=cool_s)
        self._load = office.loads["projector"]
        self._stuck_s: float | None = None

    def serving(self) -> AbstractAsyncContextManager[int]:
        return on_tcp(self)

    def stick(self, stuck: bool) -> None:
        """Its time stands still: it warms up or cools down for ever."""
        self._stuck_s = asyncio.get_running_loop().time() if stuck else None

    def answer(self, session: Session, frame: bytes, now_s: float) -> bytes:
        return super().answer(session, frame, now_s if self._stuck_s is None else self._stuck_s)

    def tick(self, now_s: float) -> None:
        state = self.power.state(now_s if self._stuck_s is None else self._stuck_s)
        self._load.level = DRAWS[state]
