"""What 2,000 advertisements a second from 300 adopted sensors cost: bleak's callback to twin, store and bus.

Everything above bleak is there: the link (what changed, AD structures, who is in the air), intake, the BTHome driver,
twins, a store on disk, the bus. Below it nothing is: what bluetoothd and D-Bus cost is not in the figure. Measured as
processor time of this process while the load runs at its pace, less that of the same pace with nobody listening.

Reference: bthome-ble alone, a bare loop over the same packets with one parser object for each device.
"""

from __future__ import annotations

import asyncio
import io
import statistics
import struct
import time
from collections.abc import Callable
from pathlib import Path

from bleak.backends.bluezdbus.manager import BlueZManager
from bleak.backends.bluezdbus.scanner import BleakScannerBlueZDBus
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from dbus_fast import Message, MessageType, Variant
from dbus_fast._private.unmarshaller import Unmarshaller

from bench import Figure
from bench.site import folder
from sluis.intake import Intake, Register
from sluis.links.ble.backend import Heard
from sluis.links.ble.bluez import BluezBackend
from sluis.links.ble.link import BleLink
from sluis.links.ble.settings import BleSettings
from sluis.links.ble.states import AdapterState
from sluis.model import DeviceState
from sluis.model.commands import SYSTEM
from sluis.runtime import Bus, SystemClock
from sluis.sdk import Registry
from sluis.store.audit import AuditLog
from sluis.store.database import Database
from sluis.store.devices import Devices
from sluis.store.readings import Readings
from sluis.store.settings import StoreSettings
from sluis_drivers.bthome.v2 import BTHome

DEVICES, PER_S, FOR_S = 300, 2_000, 10.0
TICK_S = 0.01
ROUNDS = 3
BAR = 0.40
SERVICE = "0000fcd2-0000-1000-8000-00805f9b34fb"
EVERY_S = 10.0
"""How often a sensor of the ordinary kind measures anew."""


class Radio(BluezBackend):
    """bluetoothd's backend with a radio that is told what it hears."""

    told: Heard

    async def probe(self) -> AdapterState:
        return AdapterState.WELL

    async def scan(self, heard: Heard) -> None:
        self.told = heard

    def hears(self, device: BLEDevice, advertisement: AdvertisementData) -> None:
        self._detected(self.told, device, advertisement)


Packet = tuple[BLEDevice, AdvertisementData]


def packets(anew: bool, count: int) -> list[Packet]:
    """Advertisements in turn from all devices: each with values of its own, or anew every `EVERY_S` only."""
    made = []
    for number in range(count):
        device = number % DEVICES
        turn = number // DEVICES if anew else int(number / PER_S / EVERY_S)
        celsius, percent = 2_000 + turn % 900, 4_000 + (turn * 7 + device) % 2_000
        body = b"\x40\x00" + bytes((turn % 256,)) + b"\x02" + struct.pack("<h", celsius) + b"\x03"
        path = f"/org/bluez/hci0/dev_{device:012X}"
        said = {SERVICE: body + struct.pack("<H", percent)}
        advertisement = AdvertisementData("Sensor", {}, said, [], None, -60 - device % 30, (path, {}))
        made.append((BLEDevice(address(device), "Sensor", {"path": path}), advertisement))
    return made


def address(device: int) -> str:
    return f"A4:C1:38:00:{device >> 8:02X}:{device & 255:02X}"


async def pace(load: list[Packet], hears: Callable[[BLEDevice, AdvertisementData], None]) -> float:
    """Tell the load at its pace; processor seconds a second that the process used."""
    began, used, told = time.perf_counter(), time.process_time(), 0
    while told < len(load):
        due = min(len(load), int((time.perf_counter() - began) * PER_S))
        for device, advertisement in load[told:due]:
            hears(device, advertisement)
        told = due
        await asyncio.sleep(TICK_S)
    return (time.process_time() - used) / (time.perf_counter() - began)


async def cores(at: Path, anew: bool) -> tuple[float, int]:
    """(Cores that the gateway's part used, readings that it stored.)"""
    clock, bus = SystemClock(), Bus()
    database = Database(at / "sluis.db", StoreSettings())
    database.start()
    readings = Readings(database, clock.stamp())
    audit = AuditLog(database, clock, at / "pki", at / "checkpoints")
    register = Register(Registry(BTHome), Devices(database), readings, clock, bus, audit)
    settings = BleSettings()
    radio = Radio(settings, clock)
    link = BleLink(settings, clock, radio)
    intake = Intake(register, readings, [link], clock, bus)
    running = [asyncio.ensure_future(part.run()) for part in (audit, register, intake, link)]
    try:
        await until(lambda: link.up)
        for device, advertisement in packets(True, DEVICES):
            radio.hears(device, advertisement)
        await until(lambda: len(register.devices()) == DEVICES)
        for found in register.devices(DeviceState.DISCOVERED):
            await register.adopt(found.key, name=found.native_id, area="Hall", actor=SYSTEM)
        await asyncio.sleep(1)
        before = intake.readings
        used = await pace(packets(anew, int(PER_S * FOR_S)), radio.hears)
        await until(lambda: link.health().waiting == 0)
        assert not link.health().dropped
        return used, intake.readings - before
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        database.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  (a benchmark may look again)
            await asyncio.sleep(0.01)


def bare_us(load: list[Packet]) -> float:
    """The library alone, µs a packet."""
    from bthome_ble import BTHomeBluetoothDeviceData
    from habluetooth import BluetoothServiceInfoBleak

    parsers = {device.address: BTHomeBluetoothDeviceData() for device, _ in load[:DEVICES]}
    infos = [
        BluetoothServiceInfoBleak(
            name="Sensor",
            address=device.address,
            rssi=said.rssi,
            manufacturer_data={},
            service_data=said.service_data,
            service_uuids=[],
            source="bench",
            device=device,
            advertisement=said,
            connectable=False,
            time=0.0,
            tx_power=None,
        )
        for device, said in load
    ]
    began = time.process_time()
    for info in infos:
        parsers[info.address].update(info)
    return (time.process_time() - began) / len(infos) * 1e6


def below_us() -> float:
    """One signal of bluetoothd, from its bytes to bleak's callback, µs: what is below the other figures but for the
    socket and bluetoothd itself."""
    path, device = "/org/bluez/hci0/dev_A4_C1_38_00_00_01", "org.bluez.Device1"
    changed = {"RSSI": Variant("n", -60), "ServiceData": Variant("a{sv}", {SERVICE: Variant("ay", bytes(11))})}
    signal = Message(
        path=path,
        interface="org.freedesktop.DBus.Properties",
        member="PropertiesChanged",
        message_type=MessageType.SIGNAL,
        signature="sa{sv}as",
        body=[device, changed, []],
        sender=":1.5",
        serial=7,
    )
    wire, told = signal._marshall(False), 0

    def count(_: BLEDevice, advertisement: AdvertisementData) -> None:
        nonlocal told
        told += len(advertisement.service_data)

    async def listen() -> float:
        manager = BlueZManager()
        manager._properties[path] = {device: {"Adapter": "/org/bluez/hci0", "Address": address(1), "Alias": "x"}}
        scanner = BleakScannerBlueZDBus(count, None, "active", bluez={"adapter": "hci0"})
        manager._advertisement_callbacks["/org/bluez/hci0"].append(scanner._handle_advertising_data)
        began = time.process_time()
        for _ in range(PER_S):
            manager._parse_msg(Unmarshaller(io.BytesIO(wire)).unmarshall())
        return (time.process_time() - began) / PER_S * 1e6

    used = asyncio.run(listen())
    assert told == PER_S
    return used


def measure() -> list[Figure]:
    figures = [Figure("below: D-Bus signal to bleak's callback", below_us(), "us")]
    for anew, name in ((True, "every packet anew"), (False, f"anew every {EVERY_S:.0f} s")):
        load = packets(anew, int(PER_S * FOR_S))
        idle = asyncio.run(pace(load, lambda device, said: None))
        found = []
        for _ in range(ROUNDS):
            with folder() as at:
                found.append(asyncio.run(cores(at, anew)))
        used = statistics.median(one[0] for one in found) - idle
        reference = statistics.median(bare_us(load) for _ in range(ROUNDS))
        ratio = used / PER_S * 1e6 / reference
        label = f"{PER_S}/s of {DEVICES} sensors, {name}: CPU"
        figures.append(Figure(label, used * 100, "% core", "bthome-ble alone", ratio, f"< {BAR:.0%}", used < BAR))
        figures.append(Figure("readings stored of these", found[0][1] / FOR_S, "/s"))
    return figures
