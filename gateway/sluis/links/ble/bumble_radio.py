"""An adapter that is reached by Bumble: a controller on a serial line or TCP, or a virtual one.

For tests, demonstrations and radios without a kernel driver. Bumble is not among the gateway's own dependencies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec

from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from sluis.links.ble.bleaking import BleakBackend
from sluis.links.ble.bumble_bleak import BumbleClient, BumbleScanner
from sluis.links.ble.bumble_host import BumbleHost
from sluis.links.ble.pairing import Pairing
from sluis.links.ble.settings import BleSettings
from sluis.links.ble.states import AdapterState, AdapterTrouble
from sluis.model import ConfigError
from sluis.runtime import Clock
from sluis.runtime.ladder import Rung


class BumbleBackend(BleakBackend):
    """One controller. ConfigError when Bumble is not installed."""

    def __init__(self, settings: BleSettings, clock: Clock) -> None:
        if find_spec("bumble") is None:
            raise ConfigError(
                f"adapter {settings.adapter!r} needs the Python package bumble, which is not installed",
                where=f"ble.{settings.name}",
                hint="Install it beside Sluis: pip install bumble. Or use a kernel adapter such as hci0.",
            )
        super().__init__(settings, clock)
        self._host: BumbleHost | None = None

    async def probe(self) -> AdapterState:
        return AdapterState.WELL if self._host is not None else AdapterState.NO_ADAPTER

    async def close(self) -> None:
        await super().close()
        host, self._host = self._host, None
        if host is not None:
            try:
                await self._call(host.close(), "closing the controller")
            except AdapterTrouble:
                return  # gone already

    def cures(self) -> Sequence[Rung]:
        return [Rung("reopen", self.close)]

    async def _ready(self) -> None:
        if self._host is None:
            try:
                self._host = await BumbleHost.open(self.settings.adapter, self._ended)
            except OSError as error:
                detail = f"{self.settings.adapter}: {error.strerror or error}"
                raise AdapterTrouble(AdapterState.NO_ADAPTER, detail) from error

    def _ended(self, reason: str) -> None:
        if self._host is not None:
            self._host = None
            self._scanner = None
            self.lost(reason)

    def _open_host(self) -> BumbleHost:
        if self._host is None:
            raise AdapterTrouble(AdapterState.NO_ADAPTER, self.settings.adapter)
        return self._host

    def _scanner_of(self, heard: Callable[[BLEDevice, AdvertisementData], None]) -> BleakScanner:
        return BleakScanner(heard, scanning_mode=self.settings.scanning, backend=BumbleScanner, host=self._open_host())

    def _client_of(
        self, device: BLEDevice, pairing: Pairing | None, lost: Callable[[BleakClient], None]
    ) -> BleakClient:
        return BleakClient(
            device,
            disconnected_callback=lost,
            pair=pairing is not None,
            timeout=self.settings.connect_timeout_s,
            backend=BumbleClient,
            host=self._open_host(),
            passkey=pairing.passkey if pairing else None,
        )

    def _structures(self, advertisement: AdvertisementData) -> bytes:
        """As they were received, damage included."""
        return bytes(advertisement.platform_data[0])
