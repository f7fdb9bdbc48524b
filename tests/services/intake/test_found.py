"""Devices found on one link (mDNS) and spoken to on another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sluis.intake import Intake, Register
from sluis.links.replay import ReplayLink
from sluis.model import ConfigError
from sluis.model.commands import SYSTEM
from sluis.runtime import Bus, SystemClock
from sluis.sdk import Registry
from sluis_drivers.esphome.native import EsphomeNative
from tests.services.intake.conftest import MemoryStore

Eventually = Callable[..., Awaitable[None]]
Start = Callable[[Awaitable[object]], asyncio.Task[object]]

FOUND = b'{"host": "room.local", "port": 6053, "txt": {"mac": "aabbcc112233"}}'


async def site(tasks: Start, eventually: Eventually, *kinds: str) -> Register:
    """Intake with replay links of these kinds; on the first a node was found."""
    clock, bus, store = SystemClock(), Bus(), MemoryStore()
    register = Register(Registry(EsphomeNative), store, store, clock, bus, store)
    links = [ReplayLink(kind, clock, kind=kind) for kind in kinds]
    intake = Intake(register, store, links, clock, bus)
    tasks(intake.run())
    tasks(links[0].run())
    links[0].feed("mdns:_esphomelib._tcp/room", FOUND)
    await eventually(lambda: intake.frames == 1)
    return register


async def test_what_is_found_lives_on_the_link_of_its_kind(tasks: Start, eventually: Eventually) -> None:
    register = await site(tasks, eventually, "mdns", "net", "esphome")
    (device,) = register.devices()
    assert (device.native_id, device.link, device.serial) == ("room.local:6053", "esphome", "AA:BB:CC:11:22:33")


async def test_what_nothing_here_can_speak_to_is_not_listed(tasks: Start, eventually: Eventually) -> None:
    assert (await site(tasks, eventually, "mdns", "net")).devices() == []


async def test_nothing_is_added_on_the_link_that_only_finds(tasks: Start, eventually: Eventually) -> None:
    register = await site(tasks, eventually, "mdns", "esphome")
    with pytest.raises(ConfigError, match="is a mdns link"):
        await register.add("esphome-native", "mdns", "room.local:6053", actor=SYSTEM)
