"""A serial server (RFC 2217) with one board on it, whose lines DTR and RTS press the board's buttons.

The protocol is pyserial's. The lines act as the usual circuit with two transistors: RTS without DTR holds the chip in
reset, DTR without RTS holds BOOT; with both or neither nothing is pressed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import serial
from serial.rfc2217 import PortManager

SETTLES_S = 0.3
"""A host that sets both lines one after the other is in between for this long at most: what BOOT is then counts."""


class Lines:
    """`take(bytes)` is what the host types; `reset(None)` when it holds the chip in reset, then `reset(load)`."""

    def __init__(self, take: Callable[[bytes], None], reset: Callable[[bool | None], None]) -> None:
        self.baud = 0
        """As the host has set it; 0 while there is none."""
        self.held = False
        """Whether it holds the chip in reset."""
        self.dtr = self.rts = False
        self._take = take
        self._reset = reset
        self._timer: asyncio.TimerHandle | None = None
        self._guest: tuple[PortManager, asyncio.StreamWriter] | None = None

    async def serve(self) -> str:
        """Listen on this machine, on a free port, until the loop ends; the address."""
        self._server = await asyncio.start_server(self._host, "127.0.0.1", 0)
        return f"rfc2217://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        self._server.close()
        if self._guest is not None:
            self._guest[1].close()

    def tell(self, data: bytes) -> bool:
        """What the board says. False when nobody is there."""
        if self._guest is None:
            return False
        manager, writer = self._guest
        writer.write(b"".join(manager.escape(data)))
        return True

    async def _host(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One host, as with a port; who comes while it is there is turned away."""
        if self._guest is not None:
            writer.close()
            return
        manager = PortManager(_Port(self), writer)
        self._guest = manager, writer
        try:
            while data := await reader.read(65536):
                typed = b"".join(manager.filter(data))
                if typed:
                    self._take(typed)
        except ConnectionError:
            pass
        finally:
            self._guest, self.baud = None, 0
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    # -- the circuit --------------------------------------------------------------------------------------

    def set(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        """One of the lines changes."""
        self.dtr = self.dtr if dtr is None else dtr
        self.rts = self.rts if rts is None else rts
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.rts and not self.dtr:
            if not self.held:
                self.held = True
                self._reset(None)
        elif self.held and self.rts:
            self._timer = asyncio.get_running_loop().call_later(SETTLES_S, self._let_go)
        elif self.held:
            self._let_go()

    def _let_go(self) -> None:
        self.held = False
        self._reset(self.dtr and not self.rts)


class _Port:
    """What pyserial's server side wants of a serial port."""

    port = "board"
    bytesize, parity, stopbits = serial.EIGHTBITS, serial.PARITY_NONE, serial.STOPBITS_ONE
    rtscts = xonxoff = break_condition = False
    cts = dsr = cd = True
    ri = False
    timeout = 0

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    @property
    def baudrate(self) -> int:
        return self._lines.baud or 115200

    @baudrate.setter
    def baudrate(self, baud: int) -> None:
        self._lines.baud = baud

    @property
    def dtr(self) -> bool:
        return self._lines.dtr

    @dtr.setter
    def dtr(self, on: bool) -> None:
        self._lines.set(dtr=bool(on))

    @property
    def rts(self) -> bool:
        return self._lines.rts

    @rts.setter
    def rts(self, on: bool) -> None:
        self._lines.set(rts=bool(on))

    def reset_input_buffer(self) -> None:
        return

    def reset_output_buffer(self) -> None:
        return

    def get_settings(self) -> dict[str, object]:
        return {}

    def apply_settings(self, settings: dict[str, object]) -> None:
        return
