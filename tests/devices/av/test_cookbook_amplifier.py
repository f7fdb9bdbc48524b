"""The cookbook's amplifier, over the real link: the chapter's claims about starting up and turned knobs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.devices.av.conftest import Furnish

from sluis.demo.av.device import AvDevice, Session, Warming
from sluis.demo.av.wires import on_tcp
from sluis.links.net import NetLink, NetSettings
from sluis.model import Stage
from sluis.model.commands import SYSTEM
from sluis.runtime import SystemClock
from sluis.sdk.loading import drivers_of_file

Eventually = Callable[..., Awaitable[None]]
EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "drivers" / "acme_a2.py"


STATES = {"off": 0, "on": 1, "warming": 2}


class Amplifier(AvDevice):
    """As its manual says."""

    def __init__(self) -> None:
        super().__init__()
        self.power = Warming(0.5, 0.0)
        self.held = {"INP": "1", "VOL": "10"}

    def answer(self, session: Session, frame: bytes, now_s: float) -> bytes:
        line, state = frame.decode(), self.power.state(now_s)
        about, wish = line[:3], line[3:].strip()
        if about == "PWR":
            if wish in ("0", "1"):
                self.power.switch(wish == "1", now_s)
            return f"PWR {STATES[self.power.state(now_s)]}\r".encode()
        if state != "on":
            return b"ERR 3\r"
        if about not in self.held:
            return b"ERR 1\r"
        if wish != "?":
            self.held[about] = wish
        return f"{about} {self.held[about]}\r".encode()


async def test_the_amplifier_of_the_cookbook(furnish: Furnish, eventually: Eventually) -> None:
    (driver,) = drivers_of_file(EXAMPLE)
    amplifier = Amplifier()
    async with on_tcp(amplifier) as port:
        room = furnish(NetLink(NetSettings(), SystemClock()), drivers=(driver,))
        await room.add("acme-a2", "net", f"127.0.0.1:{port}")
        await room.shows(power=False)
        assert (await room.told("power", True)).stage is Stage.DONE
        assert room.values["power_state"] == "starting"
        waits = await room.control.submit(room.key, "input", "radio", SYSTEM)
        receipt = await asyncio.wait_for(room.control.outcome(waits.command.id), 15)
        assert [stage for stage, _ in receipt.history] == ["accepted", "accepted", "sent", "done"]
        assert amplifier.held["INP"] == "4"
        amplifier.told.append(b"VOL 33\r")
        await room.shows(volume=16.5)
