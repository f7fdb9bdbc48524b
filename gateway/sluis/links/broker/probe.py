"""Does a broker answer? Not whether its port is open, but whether it takes us in: a whole MQTT CONNECT."""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress

ANSWER_WITHIN_S = 3.0

SILENT = "does not answer"
"""Neither yes nor no: also a broker that is full or does not know us says something."""

_REFUSALS = {1: "protocol version", 2: "client id", 3: "unavailable", 4: "user name or password", 5: "not authorised"}


async def knock(port: int, username: str, password: str, host: str = "127.0.0.1") -> str:
    """Connect, sign in and leave; "" when that worked, else why it did not."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(_connect(username, password))
                answer = await reader.readexactly(4)
                writer.write(b"\xe0\x00")
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
    except TimeoutError:
        return SILENT
    except (OSError, asyncio.IncompleteReadError) as error:
        return str(error) or type(error).__name__
    if answer[:2] != b"\x20\x02":
        return "answers, but is no MQTT broker"
    return f"refused: {_REFUSALS.get(answer[3], answer[3])}" if answer[3] else ""


def _connect(username: str, password: str) -> bytes:
    """CONNECT of MQTT 3.1.1 (section 3.1): clean session, no client id, name and password."""
    body = _text("MQTT") + bytes([4, 0x02 | (0xC0 if username else 0)]) + struct.pack("!H", 10) + _text("")
    if username:
        body += _text(username) + _text(password)
    assert len(body) < 128
    return bytes([0x10, len(body)]) + body


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("!H", len(data)) + data
