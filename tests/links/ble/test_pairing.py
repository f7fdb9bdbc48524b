"""Devices that want to be paired, with a passkey and without: on virtual controllers, Bumble's at both ends."""

from __future__ import annotations

from typing import Any

import pytest
from bumble.att import ATT_Error, ErrorCode
from bumble.gatt import Characteristic, CharacteristicValue, Service
from bumble.pairing import PairingConfig, PairingDelegate

from sluis.model import ConfigError, LinkError
from sluis.sdk import Driver, Station
from sluis_drivers.bluetooth.gatt import Gatt
from sluis_drivers.bluetooth.uart import NordicUart
from tests.conftest import eventually

from .air import Adapter, Peripheral, bthome
from .conftest import SENSOR, Starter

SAFE = "6e400009-b5a3-f393-e0a9-e50e24dcca9e"
"""Read by those only who were proven by a passkey."""
PASSKEY = 73_421


class Label(PairingDelegate):
    """A device with a passkey on its label."""

    def __init__(self, secure: bool) -> None:
        super().__init__(PairingDelegate.DISPLAY_OUTPUT_ONLY)
        self.secure = secure
        self.shown: list[int] = []

    def read(self, _: object) -> bytes:
        """Its value, for whoever proved to know the passkey."""
        if not self.shown:
            raise ATT_Error(error_code=ErrorCode.INSUFFICIENT_AUTHENTICATION)
        return b"open"

    async def generate_passkey(self) -> int:
        return PASSKEY

    async def display_number(self, number: int, digits: int) -> None:
        self.shown.append(number)


@pytest.fixture(params=[True, False], ids=["secure-connections", "legacy"])
async def label(request: pytest.FixtureRequest, sensor: Peripheral) -> Label:
    """The sensor's, which has a value for holders of the passkey."""
    made = Label(request.param)
    sensor.device.pairing_config_factory = lambda _: PairingConfig(sc=request.param, delegate=made)
    wants, value = Characteristic.Permissions.READ_REQUIRES_AUTHENTICATION, CharacteristicValue(read=made.read)
    safe: Characteristic[Any] = Characteristic(SAFE, Characteristic.Properties.READ, wants, value)
    sensor.device.add_service(Service("6e400008-b5a3-f393-e0a9-e50e24dcca9e", [safe]))
    await sensor.advertise(bthome(20))
    return made


def paired(told: str) -> dict[str, Station]:
    """The station of a device of which this was told."""
    station = Gatt(SENSOR, {"setup": {"pairing": told}}).station()
    return {SENSOR: station} if station else {}


async def test_a_device_with_a_passkey(start: Starter, adapter: Adapter, sensor: Peripheral, label: Label) -> None:
    running = start(adapter)
    await running.knows(SENSOR)
    running.link.set_stations(paired("073421"))
    assert (await running.link.request(b"", to=f"{SENSOR}/{SAFE}")).data == b"open"
    assert label.shown == [PASSKEY]
    if not label.secure:
        return  # Bumble's peripheral looks for another key than it gave, with legacy pairing
    await sensor.drop()
    await eventually(lambda: not running.link.notes()["connected"])
    assert (await running.link.request(b"", to=f"{SENSOR}/{SAFE}")).data == b"open"
    assert label.shown == [PASSKEY], "with the keys of the first time"


async def test_a_device_that_forgot_us_is_paired_again(
    start: Starter, adapter: Adapter, sensor: Peripheral, label: Label
) -> None:
    running = start(adapter)
    await running.knows(SENSOR)
    running.link.set_stations(paired("073421"))
    await running.link.request(b"", to=f"{SENSOR}/{SAFE}")
    await sensor.device.keystore.delete_all()
    await sensor.drop()
    await eventually(lambda: not running.link.notes()["connected"])
    with pytest.raises(LinkError):
        await running.link.request(b"", to=f"{SENSOR}/{SAFE}")
    await eventually(lambda: not sensor.device.connections)
    assert (await running.link.request(b"", to=f"{SENSOR}/{SAFE}")).data == b"open"
    assert label.shown == [PASSKEY, PASSKEY]


async def test_a_wrong_passkey_is_said_and_a_right_one_heals(
    start: Starter, adapter: Adapter, sensor: Peripheral, label: Label
) -> None:
    running = start(adapter)
    await running.knows(SENSOR)
    running.link.set_stations(paired("123456"))
    for _ in range(2):
        with pytest.raises(LinkError, match="pairing failed: the passkey is wrong") as said:
            await running.link.request(b"", to=f"{SENSOR}/{SAFE}")
        assert "--set pairing=" in said.value.hint
    await eventually(lambda: not sensor.device.connections)
    assert not running.link.notes()["connected"]
    running.link.set_stations(paired("073421"))
    assert (await running.link.request(b"", to=f"{SENSOR}/{SAFE}")).data == b"open"


async def test_a_wrong_passkey_is_shown_where_a_device_is_to_notify(
    start: Starter, adapter: Adapter, sensor: Peripheral, label: Label
) -> None:
    running = start(adapter)
    await running.knows(SENSOR)
    running.link.set_stations(paired("123456"))
    running.link.set_filters(frozenset({f"{SENSOR}/2a19"}))
    await eventually(lambda: "the passkey is wrong" in running.link.notes()["not_notifying"])
    running.link.set_stations(paired("073421"))
    await eventually(lambda: sensor.subscribed, 20)


@pytest.mark.parametrize("told", ["", "yes"])
async def test_without_its_passkey_it_keeps_its_value(
    start: Starter, adapter: Adapter, sensor: Peripheral, label: Label, told: str
) -> None:
    running = start(adapter)
    await running.knows(SENSOR)
    running.link.set_stations(paired(told))
    with pytest.raises(LinkError, match=r"wants to be paired first|wants a passkey") as said:
        await running.link.request(b"", to=f"{SENSOR}/{SAFE}")
    assert "--set pairing=" in said.value.hint
    assert label.shown == []


@pytest.mark.parametrize("driver", [Gatt, NordicUart])
def test_what_may_be_told(driver: type[Driver]) -> None:
    def settings(told: str) -> object:
        station = driver(SENSOR, {"setup": {"pairing": told}}).station()
        return station and dict(station.settings)

    assert settings("") is settings("no") is None
    assert settings("yes") == {"pair": True}
    assert settings(" 000042 ") == {"pair": True, "passkey": "000042"}
    for told in ("42", "1234567", "maybe", "12345a"):
        with pytest.raises(ConfigError, match="six digits"):
            settings(told)
