"""Devices that somebody else's library (ha-mqtt-discoverable) announces for Home Assistant, over a real mosquitto."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from ha_mqtt_discoverable import DeviceInfo, Settings
from ha_mqtt_discoverable.sensors import Sensor, SensorInfo, Switch, SwitchInfo

from sluis.links.mqtt import MqttLink
from sluis.links.settings import MqttSettings
from sluis.model import DeviceState
from sluis.model.commands import SYSTEM
from sluis.runtime import SystemClock
from sluis_drivers.homeassistant.mqtt import HomeAssistantMqtt

from .house import House

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # in the devices' library


class Pump:
    """A device with a thermometer and a switch."""

    def __init__(self, port: int) -> None:
        self.wishes: list[str] = []
        device = DeviceInfo(name="Pump", identifiers="pump-1", manufacturer="ACME", model="P1")
        mqtt = Settings.MQTT(host="127.0.0.1", port=port)
        warm = SensorInfo(
            name="Water", unique_id="pump-1-water", device_class="temperature", unit_of_measurement="°C", device=device
        )
        self.warm = Sensor(Settings(mqtt=mqtt, entity=warm))
        power = SwitchInfo(name="Power", unique_id="pump-1-power", device=device)
        self.power = Switch(Settings(mqtt=mqtt, entity=power), self._told)
        self.report()

    def report(self) -> None:
        """Its states are not retained, and the library publishes a switch's only when it changes."""
        self.warm.set_state(41.5)
        self.power.on()
        self.power.off()

    def _told(self, _client: Any, _data: Any, message: Any) -> None:
        self.wishes.append(message.payload.decode())
        if message.payload == b"ON":
            self.power.on()
        else:
            self.power.off()

    def close(self) -> None:
        for one in (self.warm, self.power):
            one.mqtt_client.disconnect()
            one.mqtt_client.loop_stop()
            one.mqtt_client._reset_sockets()  # paho leaves its own pair of sockets to the garbage collector


async def test_it_is_found_read_and_commanded(
    broker: Any, tmp_path: Path, eventually: Callable[..., Awaitable[None]]
) -> None:
    link = MqttLink(MqttSettings(port=broker.port), SystemClock(), session_file=tmp_path / "session")
    house = House(link, HomeAssistantMqtt)  # type: ignore[arg-type]
    pump = await asyncio.to_thread(Pump, broker.port)
    try:
        await eventually(lambda: len(house.register.devices(DeviceState.DISCOVERED)) == 1)
        (device,) = house.register.devices(DeviceState.DISCOVERED)
        assert (device.name, device.vendor, device.model) == ("Pump", "ACME", "P1")
        await eventually(lambda: any(point.writable for point in house.register.points(device.key).values()))
        await eventually(lambda: any(point.unit == "°C" for point in house.register.points(device.key).values()))
        await house.register.adopt(device.key, name="Pump", area="", actor=SYSTEM)
        points = house.register.points(device.key)
        (warm,) = (key for key, point in points.items() if point.unit == "°C")
        (power,) = (key for key, point in points.items() if point.writable)

        async def reported() -> bool:
            """It says its states again, as such devices do: the subscription may not be there the first time."""
            await asyncio.to_thread(pump.report)
            return house.values(device.key).items() >= {warm: 41.5, power: False}.items()

        await eventually(reported)
        await house.command(device.key, power, True)
        await eventually(lambda: pump.wishes == ["ON"])
        await eventually(lambda: house.values(device.key)[power] is True)
    finally:
        await asyncio.to_thread(pump.close)
        await house.stop()
