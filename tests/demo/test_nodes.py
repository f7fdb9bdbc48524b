"""The demo's boiler room, and its nodes: real firmware on virtual boards, asked over their cables."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from sluis.demo.boiler import M3_PER_PULSE, BoilerRoom
from sluis.demo.mischief import Kind, Order
from sluis.demo.nodes import NODES, BoilerSite
from sluis.demo.site import the_time
from sluis_provision.enrol.cable import Cable
from sluis_provision.enrol.errors import NodeSilent
from sluis_provision.flashers.port import open_port
from sluis_provision.flashers.problem import ProvisionError, Unplugged
from sluis_provision.rehearsal import micropython

Eventually = Callable[..., Awaitable[None]]


def test_a_pump_that_runs_burns_gas_and_warms_the_water() -> None:
    room = BoilerRoom()
    room.step(3600)
    assert (room.gas_m3, room.burning) == (0, False)
    assert 14 < room.flow_c < 24, "it cools to its room"
    room.pump = True
    room.step(1800)
    assert 55 < room.flow_c < 70, "between the burner's switching points"
    heat_m3 = room.gas_m3
    assert 0.3 < heat_m3 < 1.2, "half an hour of a small boiler"
    assert room.gas_pulses == int(heat_m3 / M3_PER_PULSE)
    room.pump = False
    room.step(7200)
    assert room.gas_m3 == heat_m3
    assert room.flow_c < 40


def test_somebody_looks_into_the_cupboard_now_and_then() -> None:
    room, seen = BoilerRoom(), set()
    for _ in range(600):
        room.step(1)
        seen.add(room.cupboard_open)
    assert seen == {True, False}
    assert 20 < room.humidity_pct < 95
    assert 990 < room.pressure_hpa < 1040


@contextlib.asynccontextmanager
async def living(folder: Path) -> AsyncIterator[BoilerSite]:
    """At work, with its time running."""
    site = BoilerSite(folder)

    async def live() -> None:
        while True:
            site.step(0.05, the_time())
            await asyncio.sleep(0.05)

    async with site.at_work():
        task = asyncio.ensure_future(live())
        try:
            yield site
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.mark.skipif(micropython() is None, reason="no MicroPython for this machine")
@pytest.mark.timeout(120)
async def test_nodes_measure_obey_and_lose_their_power(tmp_path: Path, eventually: Eventually) -> None:
    before = set(psutil.Process().children())
    async with living(tmp_path) as site:
        boiler, cupboard = site.nodes["boiler-room"], site.nodes["meter-cupboard"]

        async def ask(name: str, do: str, answer_s: float = 10.0) -> dict[str, Any]:
            async with await open_port(str(site.nodes[name].board.cable)) as port:
                return dict(await Cable(port, answer_s).ask(do, tries=1))

        async def answers(name: str) -> bool:
            try:
                return (await ask(name, "about", 2.0))["id"] == NODES[name].uid
            except (ProvisionError, OSError):
                return False

        for name in site.nodes:
            await eventually(lambda name=name: answers(name), within_s=40)
        found = await ask("boiler-room", "test")
        assert found["passed"], found
        values = {finding["part"]: finding["values"] for finding in found["findings"]}
        assert values["flow"]["flow"] == pytest.approx(site.room.flow_c, abs=0.2)
        assert values["room"]["room_pressure"] == pytest.approx(site.room.pressure_hpa, abs=0.5)
        found = await ask("meter-cupboard", "test")
        assert found["passed"], found

        boiler.misbehave(Order(Kind.GARBAGE, 600), the_time())
        await eventually(lambda: failed(ask), within_s=20)
        with pytest.raises(ValueError, match="real node"):
            boiler.misbehave(Order(Kind.FLOOD, 600), the_time())
        boiler.misbehave(Order(Kind.DROP, 600), the_time())
        with pytest.raises((NodeSilent, Unplugged)):
            await ask("boiler-room", "about", 0.5)
        boiler.misbehave(Order(Kind.WELL), the_time())
        await eventually(lambda: answers("boiler-room"), within_s=40)
        cupboard.misbehave(Order(Kind.SILENT, 600), the_time())
        with pytest.raises(NodeSilent):
            await ask("meter-cupboard", "about", 0.5)
    await eventually(lambda: set(psutil.Process().children()) <= before)


async def failed(ask: Callable[..., Awaitable[dict[str, Any]]]) -> bool:
    """Both sensors are named, with what is wrong."""
    found = await ask("boiler-room", "test")
    return {one["part"] for one in found["findings"] if not one["ok"]} == {"flow", "room"}
