"""Advertising sensors in intake: found, told their key, heard by two radios."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from sluis.intake import Intake, Register
from sluis.intake.adverts import EVERY
from sluis.intake.known import MOVED_AFTER_S
from sluis.links.replay import ReplayLink
from sluis.model import Availability, ConfigError, DeviceState
from sluis.model.commands import SYSTEM
from sluis.runtime import Bus, ManualClock
from sluis.sdk import Registry
from sluis.twins.twin import STALE_AFTER
from sluis.wire.advertising import Advertisement, build
from sluis_drivers.bthome.v2 import BTHome
from tests.services.intake.conftest import MemoryStore

ADDRESS, KEY = "54:48:E6:8F:80:A5", "231d39c1d7cc1ab1aee224cd096db932"
SEALED = "41e445f3c9962b332211006c7c4519"  # 25.06 °C and 50.55 %, a test packet of bthome-ble
NEXT = "413e932cc7175f34221100553876af"
PLAIN, BUTTON, SLEEPY = "4002ca0903bf13", "403a01", "4402ca09"


def packet(data: str) -> bytes:
    return build(Advertisement(service_data={"fcd2": bytes.fromhex(data)}))


class House:
    """Two radios."""

    def __init__(self) -> None:
        self.clock, self.bus, self.store = ManualClock(), Bus(), MemoryStore()
        self.attic = ReplayLink("attic", self.clock, kind="ble")
        self.cellar = ReplayLink("cellar", self.clock, kind="ble")
        links = [self.attic, self.cellar]
        self.register = Register(Registry(BTHome), self.store, self.store, self.clock, self.bus, self.store)
        self.intake = Intake(self.register, self.store, links, self.clock, self.bus)
        for link in links:
            link.heal()
        self._tasks = [asyncio.ensure_future(part.run()) for part in (self.register, self.intake)]

    async def hear(self, link: ReplayLink, data: str) -> None:
        link.set_filters(frozenset({"#"}))
        link.feed(ADDRESS, packet(data))
        await self.clock.advance(1)

    async def adopted(self, data: str = PLAIN) -> str:
        """The key of a device that was found on the attic's radio and taken into use."""
        await self.hear(self.attic, data)
        (device,) = self.register.devices(DeviceState.DISCOVERED)
        await self.register.adopt(device.key, name="Cellar", area="", actor=SYSTEM)
        return device.key

    def values(self, key: str) -> dict[str, object]:
        return {point: held.value for point, held in self.register.twin(key).reported.items()}

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    yield made
    await made.stop()


async def test_its_points_are_known_when_it_is_found(house: House) -> None:
    key = await house.adopted()
    assert set(house.register.points(key)) == {"temperature", "humidity", "signal"}
    await house.hear(house.attic, PLAIN)
    assert house.values(key) == {"temperature": 25.06, "humidity": 50.55}
    await house.hear(house.attic, BUTTON)
    assert "button" in house.register.points(key), "a packet of another kind adds to them"
    assert house.values(key)["temperature"] == 25.06


async def test_an_encrypted_device_speaks_when_its_key_is_told(house: House) -> None:
    key = await house.adopted(SEALED)
    await house.hear(house.attic, SEALED)
    assert house.register.counters(key).bad == 1
    await house.register.configure(key, {"bindkey": KEY}, SYSTEM)
    await house.hear(house.attic, SEALED)
    await house.hear(house.attic, NEXT)
    assert house.values(key).keys() == {"temperature", "humidity"}
    await house.hear(house.attic, PLAIN)
    await house.hear(house.attic, SEALED)
    assert house.register.counters(key).bad == 3, "neither a plain packet nor a recording"


async def test_nobody_makes_the_gateway_forget_a_counter(house: House) -> None:
    """A forged plain packet announces a point, so the driver's instance is made anew; a recording is refused still."""
    key = await house.adopted(SEALED)
    await house.register.configure(key, {"bindkey": KEY}, SYSTEM)
    await house.hear(house.attic, NEXT)
    await house.hear(house.attic, NEXT)
    before = house.register.driver(key)
    await house.hear(house.attic, BUTTON)
    assert house.register.driver(key) is not before
    bad = house.register.counters(key).bad
    await house.hear(house.attic, SEALED)
    assert house.register.counters(key).bad == bad + 1


async def test_one_packet_disproves_a_key(house: House) -> None:
    key = await house.adopted(SEALED)
    await house.register.configure(key, {"bindkey": "00" * 16}, SYSTEM)  # nothing was heard of it yet
    await house.hear(house.attic, SEALED)
    with pytest.raises(ConfigError, match="does not open"):
        await house.register.configure(key, {"bindkey": "11" * 16}, SYSTEM)
    await house.register.configure(key, {"bindkey": KEY}, SYSTEM)
    await house.register.configure(key, {"every_s": 60}, SYSTEM)


async def test_a_sensor_that_two_radios_hear_stays_with_one_and_moves_when_that_is_deaf(house: House) -> None:
    key = await house.adopted()
    for _ in range(5):
        await house.hear(house.attic, PLAIN)
        await house.hear(house.cellar, PLAIN)
        assert house.register.device(key).link == "attic"
    await house.clock.advance(MOVED_AFTER_S)
    for _ in range(EVERY + 1):  # of a known advertiser every so manieth packet is looked at
        await house.hear(house.cellar, PLAIN)
    assert house.register.device(key).link == "cellar"
    assert house.register.twin(key).availability is Availability.ONLINE


async def test_silence_says_that_it_is_gone_unless_it_sleeps(house: House) -> None:
    key = await house.adopted()
    await house.hear(house.attic, PLAIN)
    await house.clock.advance(BTHome.every_s * STALE_AFTER + 2)
    assert house.register.twin(key).availability is Availability.OFFLINE


async def test_a_sleeping_device_is_not_offline(house: House) -> None:
    key = await house.adopted(SLEEPY)
    await house.hear(house.attic, SLEEPY)
    await house.clock.advance(24 * 3600)
    assert house.register.twin(key).availability is Availability.ONLINE


async def test_an_address_is_typed_in_any_case(house: House) -> None:
    device = await house.register.add("bthome", "attic", f" {ADDRESS.lower()}", actor=SYSTEM)
    assert device.native_id == ADDRESS
