"""One connection to a KNX bus by xknx, from start to loss. The library is loaded when the first connection is made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sluis.links.knx.settings import KnxSettings
from sluis.model import ConfigError, FrameError, LinkError
from sluis.wire import knx

if TYPE_CHECKING:
    from xknx import XKNX

STOP_S = 3.0
"""How long a goodbye may take. The interface frees the tunnel by itself when it does not come."""

Heard = Callable[[str, bytes], None]
"""(group address, telegram content)"""


class Bus:
    """A connection. `lost` is set once it is gone; then it is of no use any more."""

    def __init__(self, settings: KnxSettings, heard: Heard) -> None:
        from xknx import XKNX
        from xknx.core.connection_state import XknxConnectionState

        self.lost = asyncio.Event()
        self._heard = heard
        self._up = False

        def changed(state: XknxConnectionState) -> None:
            if state is XknxConnectionState.DISCONNECTED and self._up:
                self.lost.set()

        self._xknx: XKNX = XKNX(
            connection_config=_config(settings),
            connection_state_changed_cb=changed,
            telegram_received_cb=self._received,
        )

    async def start(self) -> str:
        """Connect; our individual address. LinkError when that fails."""
        from xknx.exceptions import XKNXException

        try:
            await self._xknx.start()
        except (XKNXException, OSError) as error:
            raise LinkError(" ".join(str(error).split())[:200]) from error
        self._up = True
        return str(self._xknx.current_address)

    async def stop(self) -> None:
        """Say goodbye, where somebody still listens."""
        from xknx.exceptions import XKNXException

        self._up = False
        with suppress(XKNXException, OSError, TimeoutError):
            async with asyncio.timeout(STOP_S):
                await self._xknx.stop()

    async def send(self, address: str, data: bytes) -> None:
        """Send a telegram and wait until the bus has carried it. LinkError when it does not."""
        from xknx.exceptions import XKNXException
        from xknx.telegram import GroupAddress, Telegram

        try:
            payload = _payload(knx.parse(data))
        except FrameError as error:
            raise LinkError(f"{address}: no group telegram: {error}") from error
        try:
            await self._xknx.cemi_handler.send_telegram(Telegram(GroupAddress(address), payload=payload))
        except (XKNXException, OSError) as error:
            raise LinkError(f"{address}: the bus did not take it: {str(error)[:120]}") from error

    def _received(self, telegram: Any) -> None:
        from xknx.telegram import GroupAddress
        from xknx.telegram.apci import GroupValueRead, GroupValueResponse, GroupValueWrite

        group = isinstance(telegram.payload, GroupValueRead | GroupValueResponse | GroupValueWrite)
        if group and isinstance(telegram.destination_address, GroupAddress):
            self._heard(str(telegram.destination_address), bytes(telegram.payload.to_knx()))


def _payload(group: knx.Group) -> Any:
    from xknx.dpt.payload import DPTArray, DPTBinary
    from xknx.telegram.apci import GroupValueRead, GroupValueResponse, GroupValueWrite

    if group.service == knx.READ:
        return GroupValueRead()
    value = DPTBinary(group.value[0]) if group.small else DPTArray(group.value)
    return GroupValueWrite(value) if group.service == knx.WRITE else GroupValueResponse(value)


def _config(settings: KnxSettings) -> Any:
    """ConfigError when the settings make no connection."""
    from xknx.io import ConnectionConfig, ConnectionType

    kinds = {
        "tunnel": ConnectionType.TUNNELING,
        "tunnel-tcp": ConnectionType.TUNNELING_TCP,
        "routing": ConnectionType.ROUTING,
    }
    kind = kinds[settings.connection]
    routed = kind is ConnectionType.ROUTING
    return ConnectionConfig(
        connection_type=kind,
        individual_address=settings.individual_address or None,
        local_ip=settings.local_ip or None,
        gateway_ip=None if routed else settings.host,
        gateway_port=settings.port,
        multicast_group=settings.multicast_group,
        multicast_port=settings.port if routed else 3671,
        auto_reconnect=False,
    )


def check(settings: KnxSettings) -> None:
    """ConfigError when the settings make no connection."""
    where = f"knx {settings.name}"
    if settings.connection not in ("tunnel", "tunnel-tcp", "routing"):
        raise ConfigError(
            f"{settings.connection!r} is no kind of connection", where=where, allowed="tunnel, tunnel-tcp, routing"
        )
    if settings.connection != "routing" and not settings.host:
        raise ConfigError("needs the host of the KNX/IP interface", where=where, hint='host = "192.0.2.5"')
