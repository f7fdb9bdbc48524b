"""Ports by pyserial: a thread reads, the kernel's RS-485 mode can be had, and RFC 2217 is spoken."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import serial
import serial.rs485

from sluis.links.serial.problem import PortProblem
from sluis.links.serial.settings import SerialSettings
from sluis.links.serial.wire import Ears, Wire, gone

LOOK_S = 0.2
"""How often the reading thread looks whether it is to end, where a read cannot be interrupted (a serial server)."""

PARITY = {"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD}


class _Port:
    """One open port and the thread that reads it."""

    def __init__(self, port: serial.SerialBase, ears: Ears) -> None:
        self._port = port
        self._ears = ears
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._thread = threading.Thread(target=self._read, name=f"serial {port.name}", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        """In the thread."""
        reason = ""
        while not self._closed and not reason:
            try:
                data = self._port.read(1)
                if data:
                    data += self._port.read(self._port.in_waiting)
                    self._call(self._heard, data)
            except (OSError, TypeError, AttributeError) as error:  # pyserial raises the last two when it is closed
                reason = str(error) or type(error).__name__
        self._call(self._lost, reason)

    def _call(self, function: object, *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(function, *arguments)  # type: ignore[arg-type]

    def _heard(self, data: bytes) -> None:
        if not self._closed:
            self._ears.heard(data)

    def _lost(self, reason: str) -> None:
        if not self._closed:
            self._closed = True
            self._ears.lost(reason)

    async def write(self, data: bytes) -> None:
        if self._closed:
            raise gone()
        try:
            await asyncio.to_thread(self._port.write, data)
        except (OSError, TypeError, AttributeError) as error:
            raise gone(str(error)) from error

    async def close(self) -> None:
        self._closed = True
        try:
            async with asyncio.timeout(2.0):
                await asyncio.to_thread(self._end)
        except TimeoutError:
            pass  # the driver hangs; the thread that closes it ends when the driver does

    def _end(self) -> None:
        with contextlib.suppress(OSError, TypeError, AttributeError):
            if hasattr(self._port, "cancel_read"):
                self._port.cancel_read()
        self._thread.join(1.0)
        with contextlib.suppress(OSError):
            self._port.close()


async def open_port(target: str, settings: SerialSettings, ears: Ears) -> Wire:
    """OSError or ValueError when it cannot be opened."""
    return _Port(await asyncio.to_thread(_open, target, settings), ears)


def _open(target: str, settings: SerialSettings) -> serial.SerialBase:
    port = serial.serial_for_url(
        target,
        do_not_open=True,
        baudrate=settings.baud,
        bytesize=settings.bytesize,
        parity=PARITY[settings.parity],
        stopbits=settings.stopbits,
        xonxoff=settings.xonxoff,
        rtscts=settings.rtscts,
        timeout=LOOK_S if settings.remote else 2.0,
        # pyserial's RFC 2217 client refuses one; its socket gives up by itself, after 5 s.
        write_timeout=None if target.startswith("rfc2217:") else 2.0,
    )
    port.dtr = settings.dtr
    if settings.rs485 != "kernel":
        port.rts = settings.rts
    if not settings.remote:
        port.exclusive = True
    port.open()
    if settings.rs485 == "kernel":
        try:
            port.rs485_mode = serial.rs485.RS485Settings()
        except (ValueError, NotImplementedError) as error:
            port.close()
            raise PortProblem(
                "failed",
                f"the driver of {target} cannot switch the direction of RS-485",
                hint='Set rs485 = "off" for an adapter that does it by itself.',
            ) from error
    if not settings.remote:
        with contextlib.suppress(OSError, ValueError, NotImplementedError):  # not every driver knows it
            port.set_low_latency_mode(True)
    return port
