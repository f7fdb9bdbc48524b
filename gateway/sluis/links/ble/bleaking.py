"""The seam's backend on the bleak API, whichever backend bleak itself uses (BlueZ, Bumble).

Every call into bleak has our deadline, and what bleak raises is translated here, once: to a state of the adapter where
it scans, to a LinkError where it talks with a device.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakCharacteristicNotFoundError, BleakDBusError, BleakGATTProtocolError

from sluis.links.ble.backend import BlePeer, Heard
from sluis.links.ble.deadlines import Deadlines
from sluis.links.ble.pairing import HINT, Pairing, PairingFailed
from sluis.links.ble.settings import BleSettings
from sluis.links.ble.states import AdapterState, AdapterTrouble, trouble_of
from sluis.model import LinkError
from sluis.runtime import Clock
from sluis.runtime.ladder import Rung
from sluis.wire.advertising import Advertisement, build, uuid16, uuid128

log = logging.getLogger(__name__)
T = TypeVar("T")

KNOWN_MAX = 2_000
"""Devices that can be connected to without hearing them again; the one heard longest ago gives way. Phones change
their address every quarter of an hour, so without a bound this grows for ever."""

UNPAIRED = {0x05, 0x08, 0x0C, 0x0F}
"""ATT errors that say: not without pairing (insufficient authentication, authorization, key size, encryption)."""

AUTHENTICATION = ".Authentication"
"""In the names of bluetoothd's errors about pairing (org.bluez.Error.AuthenticationFailed and its like)."""
BY_HAND = "bluetoothd asks a person for a passkey: pair it once with `bluetoothctl pair ADDRESS`."

short_uuid = lru_cache(4_096)(uuid16)


class BleakBackend:
    """Base: `_scanner_of` and `_client_of` say which bleak backend."""

    def __init__(self, settings: BleSettings, clock: Clock) -> None:
        self.address = settings.adapter
        self.lost: Callable[[str], None] = lambda reason: None
        self.settings = settings
        self.deadlines = Deadlines(clock)
        self._clock = clock
        self._scanner: BleakScanner | None = None
        self._known: dict[str, BLEDevice] = {}

    # -- what a concrete backend says ---------------------------------------------------------------------

    async def probe(self) -> AdapterState:
        raise NotImplementedError

    def cures(self) -> Sequence[Rung]:
        raise NotImplementedError

    async def _ready(self) -> None:
        """Make the adapter usable. Raises what bleak and its like raise."""

    def _scanner_of(self, heard: Callable[[BLEDevice, AdvertisementData], None]) -> BleakScanner:
        raise NotImplementedError

    def _client_of(
        self, device: BLEDevice, pairing: Pairing | None, lost: Callable[[BleakClient], None]
    ) -> BleakClient:
        raise NotImplementedError

    def _structures(self, advertisement: AdvertisementData) -> bytes:
        """The AD structures of what bleak heard."""
        return structures_of(advertisement)

    # -- scanning -----------------------------------------------------------------------------------------

    async def scan(self, heard: Heard) -> None:
        await self.rest()
        await self._call(self._ready(), "making the adapter ready")
        scanner: BleakScanner | None = None

        def detected(device: BLEDevice, advertisement: AdvertisementData) -> None:
            # A start that was given up may still come true: only the newest scanner is listened to.
            if scanner is self._scanner:
                self._detected(heard, device, advertisement)

        try:
            scanner = self._scanner_of(detected)
        except Exception as error:
            raise trouble_of(error, 0.0) from error
        self._scanner = scanner
        try:
            await self._call(scanner.start(), "starting to scan")
        except AdapterTrouble:
            self._scanner = None
            raise

    async def rest(self) -> None:
        scanner, self._scanner = self._scanner, None
        if scanner is not None:
            try:
                await self._call(scanner.stop(), "ending the scan")
            except AdapterTrouble as trouble:
                # bluetoothd refuses to stop what the kernel has stopped already; the next start says how things are.
                log.debug("%s: %s", self.address, trouble)

    async def close(self) -> None:
        await self.rest()

    def _detected(self, heard: Heard, device: BLEDevice, advertisement: AdvertisementData) -> None:
        address = device.address.upper()
        self._known.pop(address, None)
        self._known[address] = device
        if len(self._known) > KNOWN_MAX:
            del self._known[next(iter(self._known))]
        try:
            data = self._structures(advertisement)
        except (ValueError, OverflowError) as error:
            log.debug("%s: an advertisement that fits no AD structures: %s", address, error)
            return
        heard(address, data, advertisement.rssi if -127 < advertisement.rssi < 21 else None)

    async def _call(self, call: Coroutine[Any, Any, T], what: str) -> T:
        """Under our deadline; AdapterTrouble for all that goes wrong."""
        began_us = self._clock.stamp().mono_us
        try:
            return await self.deadlines.within(self.settings.call_timeout_s, call, what)
        except AdapterTrouble:
            raise
        except Exception as error:  # the library's own errors have no common root (KeyError, EOFError, OSError ...)
            trouble = trouble_of(error, (self._clock.stamp().mono_us - began_us) / 1e6)
            if trouble.state is AdapterState.UNKNOWN:
                log.warning("%s: %s failed", self.address, what, exc_info=error)
            raise trouble from error

    # -- talking ------------------------------------------------------------------------------------------

    async def connect(self, address: str, *, pairing: Pairing | None, lost: Callable[[], None]) -> BlePeer:
        device = self._known.get(address)
        if device is None:
            raise LinkError(f"{address} is not heard", hint="Is it powered and in reach? Some must be woken first.")
        client = self._client_of(device, pairing, lambda client: lost())
        peer = BleakPeer(client, address, self.deadlines, self.settings.call_timeout_s)
        try:
            await talk(self.deadlines.within(self.settings.connect_timeout_s, client.connect(), address), address)
        except BaseException:
            await peer.close()
            raise
        return peer


class BleakPeer:
    """A connected bleak client."""

    def __init__(self, client: BleakClient, address: str, deadlines: Deadlines, call_timeout_s: float) -> None:
        self._client = client
        self._address = address
        self._deadlines = deadlines
        self._call_timeout_s = call_timeout_s

    @property
    def alive(self) -> bool:
        return self._client.is_connected

    async def read(self, uuid: str) -> bytes:
        return bytes(await self._call(self._client.read_gatt_char(uuid128(uuid)), uuid))

    async def write(self, uuid: str, data: bytes) -> None:
        await self._call(self._client.write_gatt_char(uuid128(uuid), data), uuid)

    async def notify(self, uuid: str, told: Callable[[bytes], None]) -> None:
        await self._call(self._client.start_notify(uuid128(uuid), lambda _, value: told(bytes(value))), uuid)

    async def answers(self) -> bool:
        services = self._client.services if self._client.is_connected else ()
        readable = (one for service in services for one in service.characteristics if "read" in one.properties)
        one = next(readable, None)
        if one is None:
            return False
        try:
            await self._deadlines.within(self._call_timeout_s, self._client.read_gatt_char(one), self._address)
        except BleakGATTProtocolError:
            return True  # a refusal is an answer
        except Exception as error:  # see BleakBackend._call
            log.debug("%s: %r", self._address, error)
            return False
        return True

    async def close(self) -> None:
        try:
            await self._deadlines.within(self._call_timeout_s, self._client.disconnect(), self._address)
        except Exception as error:  # whatever it is, the connection is not ours any more
            log.debug("%s: %r while disconnecting", self._address, error)

    async def _call(self, call: Coroutine[Any, Any, T], uuid: str) -> T:
        what = f"{self._address}/{uuid}"
        return await talk(self._deadlines.within(self._call_timeout_s, call, what), what)


async def talk(call: Coroutine[Any, Any, T], what: str) -> T:
    """The result of a call about one device; LinkError with a sentence for all that goes wrong."""
    try:
        return await call
    except AdapterTrouble as trouble:
        raise LinkError(f"{what} does not answer: {trouble}", hint=trouble.hint) from trouble
    except BleakCharacteristicNotFoundError as error:
        raise LinkError(f"{what}: the device has no such characteristic") from error
    except BleakGATTProtocolError as error:
        if int(error.code) in UNPAIRED:
            raise LinkError(f"{what}: the device wants to be paired first", hint=HINT) from error
        raise LinkError(f"{what}: the device says {error.code.name}") from error
    except PairingFailed as error:
        raise LinkError(f"{what}: {error}", hint=HINT) from error
    except BleakDBusError as error:
        if AUTHENTICATION in error.dbus_error:
            raise LinkError(f"{what}: pairing failed: {error.dbus_error.rpartition('.')[2]}", hint=BY_HAND) from error
        raise LinkError(f"{what}: {error}") from error
    except TimeoutError as error:
        raise LinkError(f"{what} does not answer") from error
    except Exception as error:  # see BleakBackend._call
        raise LinkError(f"{what}: {str(error) or type(error).__name__}") from error


def structures_of(advertisement: AdvertisementData) -> bytes:
    """The AD structures of an advertisement as bleak tells it. ValueError when it fits into none."""
    return build(
        Advertisement(
            advertisement.local_name or "",
            tuple(short_uuid(uuid) for uuid in advertisement.service_uuids),
            {short_uuid(uuid): data for uuid, data in advertisement.service_data.items()},
            advertisement.manufacturer_data,
            advertisement.tx_power,
        )
    )
