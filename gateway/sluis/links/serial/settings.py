"""What can be set of a serial port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sluis.links.exchange.pace import Pace, character_s, t35_s


@dataclass(frozen=True, slots=True)
class SerialSettings:
    """One serial port: a line with one device, or an RS-485 pair with many. One table for each."""

    name: str
    """Name of this link. The addresses of its devices begin with it: `NAME/3`."""
    port: str
    """Which port: `usb:VID:PID`, `usb:VID:PID:SERIAL`, with `@PLACE` behind it where two are equal; a path such as
    `/dev/serial/by-id/...` or `/dev/ttyAMA0`; or a serial server, `socket://host:port` or `rfc2217://host:port`."""
    baud: int = 9600
    """Bits per second."""
    bytesize: Literal[5, 6, 7, 8] = 8
    """Data bits of a character."""
    parity: Literal["none", "even", "odd"] = "none"
    """Parity bit."""
    stopbits: Literal[1, 2] = 1
    """Stop bits."""
    xonxoff: bool = False
    """Flow control by characters."""
    rtscts: bool = False
    """Flow control by wires."""
    dtr: bool = True
    """State of the DTR wire while the port is open."""
    rts: bool = True
    """State of the RTS wire while the port is open; it feeds a P1 cable. Not used with `rs485 = "kernel"`."""
    rs485: Literal["off", "kernel"] = "off"
    """`kernel` has the port's driver switch the direction of an RS-485 transceiver by RTS (the UART of a Pi with an
    RS-485 HAT that needs it; backend `pyserial`). Adapters that switch by themselves need nothing."""
    echo: Literal["auto", "on", "off"] = "auto"
    """Whether the port hears what it sends, as two-wire adapters may; `auto` finds out on Modbus, `on` is for other
    protocols."""
    gap_s: float = 0.0
    """Quiet on the wire before each question; 0 for 3.5 characters, as Modbus RTU wants it."""
    retries: int = 2
    """How often a poll is asked again when no answer came. A command is repeated only where its driver says so."""
    backend: Literal["serialx", "pyserial"] = "serialx"
    """The library that opens the port. Only `pyserial` knows `rs485 = "kernel"`; `rfc2217://` is always its."""
    replaceable: bool = False
    """Accept another adapter of the same kind in the same place. Otherwise a swapped adapter is refused: what hangs on
    it may not be what the devices here are."""
    settle_s: float = 0.3
    """Wait after an adapter was plugged in, before it is opened."""
    reconnect_cap_s: float = 30.0
    """Longest wait between two tries to open the port."""

    def __post_init__(self) -> None:
        if not self.name or "/" in self.name or "+" in self.name or "#" in self.name:
            raise ValueError("name: some text without / + #")
        if not self.port:
            raise ValueError(f"{self.name}: port is missing")
        if self.baud <= 0:
            raise ValueError(f"{self.name}: baud must be above 0")
        if self.rs485 == "kernel" and self.backend != "pyserial":
            raise ValueError(f'{self.name}: rs485 = "kernel" needs backend = "pyserial"')

    @property
    def remote(self) -> bool:
        """A port of a serial server."""
        return "://" in self.port

    def pace(self) -> Pace:
        char_s = character_s(self.baud, self.bytesize, self.parity != "none", self.stopbits)
        return Pace(char_s, self.gap_s or t35_s(char_s, self.baud), self.retries, self.echo)
