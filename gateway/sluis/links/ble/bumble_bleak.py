"""bleak on Bumble: a Bluetooth host in this process, for controllers that are not the kernel's and for virtual ones.

bleak takes such backends as classes. Both are handed the `host` that opened the controller.
Limits: the keys of pairing are kept in memory; descriptors can be read and written, not listed by name.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from bleak.args import SizedBuffer
from bleak.assigned_numbers import gatt_char_props_to_strs
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient, NotifyCallback
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, AdvertisementDataCallback, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakError, BleakGATTProtocolError

from sluis.links.ble.bumble_host import BumbleHost
from sluis.links.ble.pairing import PairingFailed
from sluis.model import FrameError
from sluis.wire.advertising import Advertisement, parse, uuid128

if TYPE_CHECKING:
    from bumble import device as bumble_device

T = TypeVar("T")
MTU = 247
"""What one packet of the link layer can carry whole (251 bytes less 4 of L2CAP)."""

OWN_SHARE = 0.7
"""Of the time to connect: the rest is for giving up in good order, and for what follows the connection."""

HEARD_MAX = 2_000


class BumbleScanner(BaseBleakScanner):
    """bleak's scanner. What it tells carries the AD structures as received, in `platform_data`."""

    def __init__(
        self,
        detection_callback: AdvertisementDataCallback | None,
        service_uuids: list[str] | None,
        scanning_mode: str = "active",
        *,
        host: BumbleHost,
        **others: Any,
    ) -> None:
        super().__init__(detection_callback, service_uuids)
        self._host = host
        self._active = scanning_mode == "active"
        self._heard: dict[str, bytes] = {}

    async def start(self) -> None:
        self.seen_devices = {}
        device = self._host.device
        device.on(device.EVENT_ADVERTISEMENT, self._advertised)
        await _translated(device.start_scanning(active=self._active, filter_duplicates=False))

    async def stop(self) -> None:
        device = self._host.device
        if self._advertised in device.listeners(device.EVENT_ADVERTISEMENT):
            device.remove_listener(device.EVENT_ADVERTISEMENT, self._advertised)
        await _translated(device.stop_scanning())

    def _advertised(self, said: bumble_device.Advertisement) -> None:
        address = said.address.to_string(with_type_qualifier=False)
        data = said.data_bytes
        if not said.is_scan_response:
            self._heard.pop(address, None)
            self._heard[address] = data
            if len(self._heard) > HEARD_MAX:
                del self._heard[next(iter(self._heard))]
        elif self._heard.get(address) == data:
            return  # a virtual controller answers a scan with the advertisement itself
        else:
            data = bytes(said.data)
        try:
            parsed = parse(data)
        except FrameError:
            parsed = Advertisement()
        uuids = [uuid128(uuid) for uuid in parsed.services]
        if not self.is_allowed_uuid(uuids):
            return
        advertisement = AdvertisementData(
            parsed.name or None,
            dict(parsed.manufacturer_data),
            {uuid128(uuid): value for uuid, value in parsed.service_data.items()},
            uuids,
            parsed.tx_power_dbm,
            said.rssi,
            (data,),
        )
        found = self.create_or_update_device(address, address, parsed.name or None, said.address, advertisement)
        self.call_detection_callbacks(found, advertisement)


class BumbleClient(BaseBleakClient):
    """bleak's client."""

    def __init__(
        self,
        address_or_ble_device: BLEDevice | str,
        *,
        host: BumbleHost,
        disconnected_callback: Callable[[], None] | None = None,
        timeout: float = 30.0,
        passkey: int | None = None,
        **others: Any,
    ) -> None:
        super().__init__(address_or_ble_device, disconnected_callback=disconnected_callback, timeout=timeout)
        self._host = host
        self._passkey = passkey
        details = address_or_ble_device.details if isinstance(address_or_ble_device, BLEDevice) else None
        self._peer_address: Any = details if details is not None else self.address
        self._connection: bumble_device.Connection | None = None

    @property
    def name(self) -> str:
        return self.address

    @property
    def mtu_size(self) -> int:
        return self._connection.att_mtu if self._connection else 23

    @property
    def is_connected(self) -> bool:
        return self._connection is not None

    async def connect(self, pair: bool, **others: Any) -> None:
        from bumble.device import Peer

        connection = await self._connection_made()
        self._connection = connection
        self._host.clients.add(self)
        connection.on(connection.EVENT_DISCONNECTION, lambda _reason: self.gone())
        try:
            peer = Peer(connection)
            await _translated(peer.request_mtu(MTU))
            if pair:
                await self.pair()
            await _translated(peer.discover_all())  # type: ignore[no-untyped-call]  # Bumble leaves it without types
            self.services = _services(peer, lambda: self.mtu_size - 3)
        except BaseException:
            with contextlib.suppress(BleakError):  # a device that refuses our passkey may end the connection itself
                await self.disconnect()
            raise

    async def _connection_made(self) -> bumble_device.Connection:
        from bumble import hci

        device = self._host.device
        # Bumble ends its own attempt in good time; ours would leave the controller trying.
        timeout = self._timeout * OWN_SHARE
        try:
            return await _translated(device.connect(self._peer_address, timeout=timeout))
        except asyncio.CancelledError:
            with contextlib.suppress(Exception):  # whatever it says, nobody waits for this connection any more
                await device.send_sync_command(hci.HCI_LE_Create_Connection_Cancel_Command())
            raise

    def gone(self) -> None:
        """The connection has ended."""
        self._host.clients.discard(self)
        if self._connection is not None:
            self._connection, self.services = None, None
            if self._disconnected_callback is not None:
                self._disconnected_callback()

    async def disconnect(self) -> None:
        connection = self._connection
        if connection is not None:
            try:
                await _translated(connection.disconnect())
            finally:
                self.gone()

    async def pair(self, *args: Any, **others: Any) -> None:
        """Encrypt with the keys of an earlier pairing, or pair. Keys that do not fit are forgotten: the device has
        forgotten them too, and is paired at the next try."""
        connection, store = self._alive(), self._host.device.keystore
        address = str(connection.peer_address)
        self._host.passkeys[address] = self._passkey
        if store is None or await store.get(address) is None:
            await _translated(connection.pair())
            return
        try:
            await _translated(connection.encrypt())
        except BaseException:
            await store.delete(address)
            raise

    async def unpair(self) -> None:
        connection, store = self._alive(), self._host.device.keystore
        if store is not None:
            await _translated(store.delete(str(connection.peer_address)))
        await self.disconnect()

    async def read_gatt_char(
        self, characteristic: BleakGATTCharacteristic, *, use_cached: bool = False, **others: Any
    ) -> bytearray:
        self._alive()
        return bytearray(await _translated(characteristic.obj.read_value()))

    async def write_gatt_char(self, characteristic: BleakGATTCharacteristic, data: SizedBuffer, response: bool) -> None:
        self._alive()
        await _translated(characteristic.obj.write_value(bytes(data), with_response=response))

    async def read_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, *, use_cached: bool = False, **others: Any
    ) -> bytearray:
        self._alive()
        return bytearray(await _translated(descriptor.obj.read_value()))

    async def write_gatt_descriptor(self, descriptor: BleakGATTDescriptor, data: SizedBuffer) -> None:
        self._alive()
        await _translated(descriptor.obj.write_value(bytes(data), with_response=True))

    async def start_notify(
        self, characteristic: BleakGATTCharacteristic, callback: NotifyCallback, **others: Any
    ) -> None:
        self._alive()
        await _translated(characteristic.obj.subscribe(lambda value: callback(bytearray(value))))

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        self._alive()
        await _translated(characteristic.obj.unsubscribe(force=True))

    def _alive(self) -> bumble_device.Connection:
        if self._connection is None:
            raise BleakError("Not connected")
        return self._connection


async def _translated(call: Awaitable[T]) -> T:
    """What Bumble raises, in bleak's words."""
    from bumble.att import ATT_Error
    from bumble.core import BaseBumbleError, ProtocolError
    from bumble.core import TimeoutError as BumbleTimeout

    try:
        return await call
    except ATT_Error as error:
        raise BleakGATTProtocolError(error.error_code) from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # Bumble cancels what waits for a device or a controller that has just gone.
        raise BleakError("disconnected meanwhile") from error
    except BumbleTimeout as error:
        raise TimeoutError from error
    except ProtocolError as error:
        if error.error_namespace == "smp" and error.error_code is not None:
            raise PairingFailed(error.error_code) from error
        raise BleakError(str(error)) from error
    except BaseBumbleError as error:
        raise BleakError(str(error) or type(error).__name__) from error


def _services(peer: bumble_device.Peer, write_size: Callable[[], int]) -> BleakGATTServiceCollection:
    """What was discovered, as bleak shows it."""
    found = BleakGATTServiceCollection()
    for service in peer.services:
        shown = BleakGATTService(service, service.handle, _long(service.uuid))
        found.add_service(shown)
        for one in service.characteristics:
            properties = sorted(gatt_char_props_to_strs(int(one.properties)))
            found.add_characteristic(
                BleakGATTCharacteristic(one, one.handle, _long(one.uuid), properties, write_size, shown)
            )
            characteristic = found.characteristics[one.handle]
            for descriptor in one.descriptors:
                if descriptor.handle != one.handle:
                    found.add_descriptor(
                        BleakGATTDescriptor(descriptor, descriptor.handle, _long(descriptor.type), characteristic)
                    )
    return found


def _long(uuid: Any) -> str:
    return uuid128(str(uuid.to_hex_str("-")))
