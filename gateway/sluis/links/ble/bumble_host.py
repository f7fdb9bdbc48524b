"""A Bluetooth controller opened by Bumble, and the host of it in this process.

Bumble is imported where it is used, so that a gateway without it can import these modules.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from bumble import device as bumble_device
    from bumble.pairing import PairingConfig
    from bumble.transport.common import Transport

CLOSE_S = 1.0
"""How long a transport may take to say that it is closed. Not all kinds say so."""


class Client(Protocol):
    """A connection that must hear when the controller is gone."""

    def gone(self) -> None: ...


class BumbleHost:
    """A controller that was opened, and our side of it."""

    def __init__(self, transport: Transport, device: bumble_device.Device) -> None:
        self.device = device
        self.clients: set[Client] = set()
        self.passkeys: dict[str, int | None] = {}
        """Address of a device -> the passkey that it shows; None where it has none."""
        device.pairing_config_factory = self._pairing
        self._transport = transport

    @classmethod
    async def open(cls, spec: str, lost: Callable[[str], None]) -> BumbleHost:
        """Open the transport `spec` and reset its controller. `lost` is called when the transport ends by itself."""
        from bumble import hci
        from bumble.device import Device, DeviceConfiguration
        from bumble.transport import open_transport

        transport = await open_transport(spec)
        try:
            config = DeviceConfiguration(name="Sluis", address=hci.Address.generate_static_address())
            device = Device.from_config_with_hci(config, transport.source, transport.sink)
            host = cls(transport, device)
            transport.source.terminated.add_done_callback(lambda _: host._ended(lost))
            await device.power_on()
        except BaseException:
            await transport.close()
            raise
        return host

    def _pairing(self, connection: bumble_device.Connection) -> PairingConfig:
        """As a keyboard where a passkey was told, else as something with neither keys nor display."""
        from bumble.pairing import PairingConfig, PairingDelegate

        passkey = self.passkeys.get(str(connection.peer_address))
        if passkey is None:
            return PairingConfig(delegate=PairingDelegate(PairingDelegate.NO_OUTPUT_NO_INPUT))

        class Keyboard(PairingDelegate):
            async def get_number(self) -> int | None:
                return passkey

        return PairingConfig(delegate=Keyboard(PairingDelegate.KEYBOARD_INPUT_ONLY))

    def _ended(self, lost: Callable[[str], None]) -> None:
        for client in tuple(self.clients):
            client.gone()
        lost("the controller is gone")

    async def close(self) -> None:
        if self.device.powered_on:
            await self.device.power_off()
        await self._transport.close()
        await asyncio.wait((self._transport.source.terminated,), timeout=CLOSE_S)
