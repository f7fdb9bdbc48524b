"""Ports by serialx: asyncio all through, locked by default, closed in bounded time."""

from __future__ import annotations

import asyncio
from typing import cast

import serialx

from sluis.links.serial.settings import SerialSettings
from sluis.links.serial.wire import UNSENT, Ears, Wire, gone


class _Port(asyncio.Protocol):
    """One open port; it is the wire as well."""

    def __init__(self, ears: Ears) -> None:
        self._ears = ears
        self._closed = False
        self._transport: serialx.BaseSerialTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(serialx.BaseSerialTransport, transport)

    def data_received(self, data: bytes) -> None:
        if not self._closed:
            self._ears.heard(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._lost(_why(error))

    def _lost(self, reason: str) -> None:
        if not self._closed:
            self._closed = True
            self._ears.lost(reason)

    async def write(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or self._closed:
            raise gone()
        try:
            transport.write(data)
        except OSError as error:
            self._lost(_why(error))
            raise gone(_why(error)) from error
        if transport.get_write_buffer_size() > UNSENT:
            raise gone("the port takes nothing more: nobody reads on the other side")

    async def close(self) -> None:
        self._closed = True
        if self._transport is not None:
            self._transport.abort()
            try:
                async with asyncio.timeout(2.0):
                    await self._transport.wait_closed()
            except TimeoutError:
                pass  # the driver hangs; the thread that closes it ends when the driver does


async def open_port(target: str, settings: SerialSettings, ears: Ears) -> Wire:
    """OSError or ValueError when it cannot be opened."""
    state = serialx.PinState
    _, protocol = await serialx.create_serial_connection(
        asyncio.get_running_loop(),
        lambda: _Port(ears),
        target,
        baudrate=settings.baud,
        byte_size=settings.bytesize,
        parity=serialx.Parity(settings.parity[0].upper()),
        stopbits=serialx.StopBits(settings.stopbits),
        xonxoff=settings.xonxoff,
        rtscts=settings.rtscts,
        exclusive=True,
        close_timeout=1.0,
        dtr_on_open=state.HIGH if settings.dtr else state.LOW,
        rts_on_open=state.HIGH if settings.rts else state.LOW,
    )
    return cast(_Port, protocol)


def _why(error: BaseException | None) -> str:
    return (getattr(error, "strerror", "") or str(error)) if error else "the other side closed the connection"
