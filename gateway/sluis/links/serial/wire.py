"""The narrow seam to the libraries that open ports: an opener gives a wire, bytes and its loss come by callbacks."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sluis.links.serial.holder import holder
from sluis.links.serial.problem import PortProblem
from sluis.links.serial.settings import SerialSettings
from sluis.model import LinkError

OPEN_WITHIN_S = 10.0
"""Longest an open may take. A USB driver that hangs does so for minutes."""

UNSENT = 16_384
"""Bytes that may wait to go out. At 9600 Bd that is 17 s of sending: nobody reads on the other side."""


class Wire(Protocol):
    """An open port."""

    async def write(self, data: bytes) -> None:
        """Queue bytes for sending. LinkError when they cannot be."""

    async def close(self) -> None:
        """Let go of the port, within two seconds, whatever state it is in."""


@dataclass(frozen=True, slots=True)
class Ears:
    """Where a wire tells what happens, on the event loop."""

    heard: Callable[[bytes], None]
    lost: Callable[[str], None]
    """Called once, with the reason; not after `close`."""


async def open_wire(target: str, settings: SerialSettings, ears: Ears) -> Wire:
    """Open a port with the backend that the settings name. PortProblem says why it cannot be.

    RFC 2217 is always pyserial's: serialx (1.15) waits for an acknowledgement of its modem-state mask, which neither
    ser2net (4.3) nor pyserial's own server gives.

    The libraries are loaded here: they cost memory, and most gateways have no serial port.
    """
    if not settings.remote and (name := await asyncio.to_thread(holder, target)):
        raise busy(target, name)
    try:
        async with asyncio.timeout(OPEN_WITHIN_S):
            if settings.backend == "pyserial" or target.startswith("rfc2217:"):
                from sluis.links.serial import by_pyserial

                return await by_pyserial.open_port(target, settings, ears)
            from sluis.links.serial import by_serialx

            return await by_serialx.open_port(target, settings, ears)
    except TimeoutError as error:
        raise PortProblem("failed", f"{target} did not open within {OPEN_WITHIN_S:g} s") from error
    except PortProblem:
        raise
    except (OSError, ValueError, NotImplementedError) as error:
        raise _problem(target, error) from error


def busy(target: str, name: str = "") -> PortProblem:
    return PortProblem(
        "busy", f"{target} is in use by {name or 'another program'}", hint="Stop it; one port, one owner."
    )


def _problem(target: str, error: Exception) -> PortProblem:
    number = getattr(error, "errno", None)
    if number in (errno.EBUSY, errno.EWOULDBLOCK):
        return busy(target, holder(target))
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return PortProblem("missing", f"{target} is not there")
    if number in (errno.EACCES, errno.EPERM):
        return PortProblem(
            "denied", f"{target} may not be opened", hint="The service's user must be in the group `dialout`."
        )
    words = os.strerror(number) if number else str(error)
    return PortProblem("failed", f"{target}: {words}")


def gone(reason: str = "") -> LinkError:
    return LinkError(reason or "the port is closed")
