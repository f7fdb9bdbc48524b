"""Is a host there? ICMP echo (RFC 792) through the kernel's datagram sockets, which need no rights of their own where
`net.ipv4.ping_group_range` holds our group (Debian's default)."""

from __future__ import annotations

import asyncio
import socket

import msgspec

from sluis.model import LinkError

PING = "ping:"
TRIES = 3
"""Echoes asked for before a host counts as away: one is lost easily on a busy radio network."""
ECHO_S = 1.0
"""How long one echo may take."""


async def ping(host: str) -> bytes:
    """`{"answered": true, "ms": 0.4}`, or `{"answered": false, "ms": null}`. LinkError when it cannot be asked."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, 0, family=socket.AF_INET, type=socket.SOCK_DGRAM)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP) as asker:
            asker.setblocking(False)
            asker.connect(found[0][4])
            for number in range(1, TRIES + 1):
                began = loop.time()
                if await _echo(loop, asker, number):
                    return msgspec.json.encode({"answered": True, "ms": round((loop.time() - began) * 1000, 2)})
    except OSError as error:
        raise LinkError(f"{host} cannot be pinged: {error.strerror or error}") from error
    return msgspec.json.encode({"answered": False, "ms": None})


async def _echo(loop: asyncio.AbstractEventLoop, asker: socket.socket, number: int) -> bool:
    """One question and its answer. The kernel fills in identifier and checksum."""
    try:
        async with asyncio.timeout(ECHO_S):
            await loop.sock_sendall(asker, b"\x08\0\0\0\0\0" + number.to_bytes(2, "big"))
            while True:
                answer = await loop.sock_recv(asker, 512)
                if answer[:1] == b"\0" and answer[6:8] == number.to_bytes(2, "big"):
                    return True
    except TimeoutError:
        return False
