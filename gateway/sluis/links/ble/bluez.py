"""The machine's own adapter: bleak on bluetoothd, and over D-Bus what bleak does not say (is it there, is it powered).

Three habits of bluetoothd are met here. It leaves out advertisements that repeat unless asked not to. It remembers all
manufacturer and service data that a device ever sent, and tells all of it each time: what changed since the last time
is what was heard just now. And it tells in the same way that a device was connected, or that it forgot a signal
strength: that is no advertisement, and what it holds is old.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from weakref import WeakSet

from bleak import BleakClient, BleakScanner
from bleak.args.bluez import BlueZScannerArgs, OrPattern
from bleak.assigned_numbers import AdvertisementDataType
from bleak.backends.bluezdbus.client import BleakClientBlueZDBus
from bleak.backends.bluezdbus.manager import get_global_bluez_manager
from bleak.backends.bluezdbus.scanner import BleakScannerBlueZDBus
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from sluis.links.ble.backend import Heard
from sluis.links.ble.bleaking import KNOWN_MAX, BleakBackend, structures_of
from sluis.links.ble.pairing import Pairing
from sluis.links.ble.rfkill import RadioSwitch
from sluis.links.ble.settings import BleSettings
from sluis.links.ble.states import AdapterState, AdapterTrouble, of_dbus, trouble_of
from sluis.links.ble.usb import UsbDevice
from sluis.model import LinkError
from sluis.runtime import Clock
from sluis.runtime.ladder import Rung

K = TypeVar("K")
SETTLE_S = 1.0
"""After the adapter was switched on. Sooner and the scan is refused once as "powered off" (measured)."""

SETTLING_S = 5.0
"""Refused as "powered off" within this time of being switched on, the adapter is only not ready yet."""

OFF_S = 1.0
"""How long the adapter stays off in a power cycle. Shorter and some controllers keep the state that made them hang."""

STATE = ("Connected", "ServicesResolved", "Paired", "Bonded", "Trusted", "Blocked")
"""What of a device changes without it being heard."""

NO_SIGNAL = -127
"""bleak's word for a signal strength that bluetoothd does not know (any more)."""

PASSIVE = [
    *(OrPattern(0, AdvertisementDataType.FLAGS, bytes((flags,))) for flags in (0x02, 0x04, 0x06, 0x1A)),
    OrPattern(0, AdvertisementDataType.SERVICE_DATA_UUID16, bytes.fromhex("d2fc")),
    OrPattern(0, AdvertisementDataType.SERVICE_DATA_UUID16, bytes.fromhex("95fe")),
    OrPattern(0, AdvertisementDataType.MANUFACTURER_SPECIFIC_DATA, bytes.fromhex("9904")),
]
"""bluetoothd listens passively for patterns only: the flags that nearly all devices send, and three families that may
send none (BTHome, Xiaomi, Ruuvi). No more than these seven: 5.66 says yes to nine, registers none, and dies later
(measured; seven fit the 255 bytes that it has for them)."""

_backends: WeakSet[BluezBackend] = WeakSet()
"""All in this process: they share bleak's one connection to bluetoothd."""


class BluezBackend(BleakBackend):
    """One adapter of bluetoothd."""

    def __init__(self, settings: BleSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self._named = re.fullmatch(r"hci\d+", settings.adapter) is not None
        self._adapter = settings.adapter if self._named else ""
        self._usb: UsbDevice | None = None
        self._bus: MessageBus | None = None
        self._fresh = Fresh()
        self._powered_on_us = 0
        _backends.add(self)

    async def scan(self, heard: Heard) -> None:
        try:
            await super().scan(heard)
        except AdapterTrouble as trouble:
            recent = self._clock.stamp().mono_us - self._powered_on_us < SETTLING_S * 1e6
            if trouble.state is AdapterState.POWERED_OFF and self._powered_on_us and recent:
                raise AdapterTrouble(AdapterState.SETTLING) from trouble
            raise

    async def probe(self) -> AdapterState:
        try:
            properties = await self._call(self._properties(), "asking for the adapter")
        except AdapterTrouble as trouble:
            return trouble.state
        return AdapterState.WELL if properties.get("Powered") else AdapterState.POWERED_OFF

    async def close(self) -> None:
        await super().close()
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.disconnect()

    def cures(self) -> Sequence[Rung]:
        rungs = [Rung("reopen", self._reopen)]
        if self.settings.power_cycle:
            rungs += [Rung("power-cycle", self._power_cycle), Rung("rfkill", self._rfkill)]
        if self.settings.usb_reset:
            rungs.append(Rung("usb-reset", self._usb_reset))
        return rungs

    # -- for bleak ----------------------------------------------------------------------------------------

    async def _ready(self) -> None:
        properties = await self._properties()
        self._usb = UsbDevice.behind(self._adapter) or self._usb
        if not properties.get("Powered"):
            if not self.settings.power_cycle:
                raise AdapterTrouble(AdapterState.POWERED_OFF)
            await self._power(True)

    def _scanner_of(self, heard: Callable[[BLEDevice, AdvertisementData], None]) -> BleakScanner:
        self._fresh = Fresh()
        bluez: BlueZScannerArgs = {"adapter": self._adapter, "filters": {"DuplicateData": True}}
        if self.settings.scanning == "passive":
            bluez["or_patterns"] = list(PASSIVE)
        return BleakScanner(heard, scanning_mode=self.settings.scanning, bluez=bluez, backend=BleakScannerBlueZDBus)

    def _client_of(
        self, device: BLEDevice, pairing: Pairing | None, lost: Callable[[BleakClient], None]
    ) -> BleakClient:
        return BleakClient(
            device,
            disconnected_callback=lost,
            pair=pairing is not None,
            timeout=self.settings.connect_timeout_s,
            bluez={"adapter": self._adapter},
            backend=BleakClientBlueZDBus,
        )

    def _detected(self, heard: Heard, device: BLEDevice, advertisement: AdvertisementData) -> None:
        if self._fresh.heard(advertisement):
            super()._detected(heard, device, advertisement)

    def _structures(self, advertisement: AdvertisementData) -> bytes:
        return structures_of(self._fresh.of(advertisement))

    # -- over D-Bus ---------------------------------------------------------------------------------------

    async def _ask(self, path: str, interface: str, member: str, signature: str = "", body: Sequence[Any] = ()) -> Any:
        """The answer's first value. AdapterTrouble for a refusal."""
        if self._bus is None or not self._bus.connected:
            bus = MessageBus(bus_type=BusType.SYSTEM)
            try:
                await bus.connect()
            except BaseException:
                bus.disconnect()
                raise
            self._bus = bus
        began_us = self._clock.stamp().mono_us
        reply = await self._bus.call(
            Message("org.bluez", path, interface, member, signature=signature, body=list(body))
        )
        assert reply is not None
        if reply.message_type is MessageType.ERROR:
            took_s = (self._clock.stamp().mono_us - began_us) / 1e6
            state = of_dbus(str(reply.error_name), took_s)
            detail = str(reply.body[0]).strip() if reply.body else str(reply.error_name)
            raise AdapterTrouble(state, self.address if state is AdapterState.NO_ADAPTER else detail)
        return reply.body[0] if reply.body else None

    async def _properties(self) -> Mapping[str, Any]:
        """The adapter's own; where it is known by its address, its name is found first, and again when it is gone."""
        if not self._adapter:
            self._adapter = await self._find()
        path, interface = f"/org/bluez/{self._adapter}", "org.freedesktop.DBus.Properties"
        try:
            held = await self._ask(path, interface, "GetAll", "s", ["org.bluez.Adapter1"])
            properties = {name: value.value for name, value in held.items()}
            if self._named or str(properties.get("Address", "")).upper() == self.settings.adapter.upper():
                return properties
            raise AdapterTrouble(AdapterState.NO_ADAPTER, self.address)
        except AdapterTrouble:
            if not self._named:
                self._adapter = ""
            raise

    async def _find(self) -> str:
        found = await self._ask("/", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
        for path, interfaces in found.items():
            adapter = interfaces.get("org.bluez.Adapter1")
            if adapter and adapter["Address"].value.upper() == self.settings.adapter.upper():
                return str(path).rpartition("/")[2]
        raise AdapterTrouble(AdapterState.NO_ADAPTER, self.settings.adapter)

    async def _power(self, on: bool) -> None:
        path, interface = f"/org/bluez/{self._adapter}", "org.freedesktop.DBus.Properties"
        await self._ask(path, interface, "Set", "ssv", ["org.bluez.Adapter1", "Powered", Variant("b", on)])
        if on:
            self._powered_on_us = self._clock.stamp().mono_us
        await self._clock.sleep(SETTLE_S if on else OFF_S)

    # -- cures --------------------------------------------------------------------------------------------

    async def _reopen(self) -> None:
        """A new connection to bluetoothd: it forgets what the old one had begun."""
        await self.close()
        try:
            await self._call(_let_go_of_bluez(), "letting go of bluetoothd")
        except AdapterTrouble as trouble:
            raise LinkError(str(trouble)) from trouble
        for other in _backends:
            if other is not self and other._scanner is not None:
                other.lost("another adapter made the connection to bluetoothd anew")

    async def _power_cycle(self) -> None:
        await self.rest()
        await self._call(self._power(False), "switching the adapter off")
        if (await self._call(self._properties(), "asking for the adapter")).get("Powered"):
            raise LinkError(f"{self.address} did not go off")
        await self._call(self._power(True), "switching the adapter on")

    async def _rfkill(self) -> None:
        """Off without asking the controller, and on; what follows powers it."""
        switch = RadioSwitch.of(self._adapter)
        if switch is None:
            raise LinkError(f"{self.address} has no radio switch")
        await self.rest()
        await asyncio.to_thread(switch.block, True)
        try:
            await self._clock.sleep(OFF_S)
        finally:
            await asyncio.to_thread(switch.block, False)
        await self._clock.sleep(SETTLE_S)

    async def _usb_reset(self) -> None:
        if self._usb is None:
            raise LinkError(f"{self.address} is no USB device")
        await self.rest()
        self._usb.reset()
        await self._clock.sleep(SETTLE_S)


async def _let_go_of_bluez() -> None:
    """End bleak's one connection to bluetoothd; the next use makes a new one."""
    try:
        manager = await get_global_bluez_manager()
    except Exception as error:
        raise trouble_of(error, 0.0) from error
    bus: MessageBus | None = getattr(manager, "_bus", None)
    if bus is not None and bus.connected:
        bus.disconnect()
        await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]  # dbus-fast leaves it without types


class Fresh:
    """What an advertisement said that the one before did not: see the module."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[Mapping[int, bytes], Mapping[str, bytes]]] = {}
        self._states: dict[str, tuple[Any, ...]] = {}

    def heard(self, advertisement: AdvertisementData) -> bool:
        """Whether the device was heard; not, when bluetoothd tells of its state."""
        if advertisement.rssi == NO_SIGNAL:
            return False
        path, told = advertisement.platform_data
        state = tuple(map(told.get, STATE))
        held = self._states.pop(path, None)
        self._states[path] = state
        if len(self._states) > KNOWN_MAX:
            del self._states[next(iter(self._states))]
        return held is None or held == state

    def of(self, advertisement: AdvertisementData) -> AdvertisementData:
        """Only what is new in it; all of it where nothing is (it was sent again)."""
        path = str(advertisement.platform_data[0]) if advertisement.platform_data else ""
        makers, services = advertisement.manufacturer_data, advertisement.service_data
        held = self._held.pop(path, None)
        self._held[path] = (makers, services)
        if len(self._held) > KNOWN_MAX:
            del self._held[next(iter(self._held))]
        if held is None or len(makers) + len(services) < 2:
            return advertisement
        new_makers, new_services = _changed(makers, held[0]), _changed(services, held[1])
        if not new_makers and not new_services:
            return advertisement
        return advertisement._replace(manufacturer_data=new_makers, service_data=new_services)


def _changed(now: Mapping[K, bytes], before: Mapping[K, bytes]) -> dict[K, bytes]:
    return {key: data for key, data in now.items() if before.get(key) != data}
