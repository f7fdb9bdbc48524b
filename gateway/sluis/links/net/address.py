"""Where a net source leads: `HOST:PORT` is TCP, `udp:HOST:PORT` is UDP; what follows a slash tells stations behind one
address apart (the units of a Modbus gateway: `192.0.2.7:502/3`)."""

from __future__ import annotations

from typing import NamedTuple

from sluis.model import LinkError

UDP = "udp:"


class Address(NamedTuple):
    host: str
    port: int
    udp: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{UDP if self.udp else ''}{host}:{self.port}"


def parse(source: str) -> Address:
    """The address in a source. LinkError when there is none in it."""
    udp = source.startswith(UDP)
    place = source.removeprefix(UDP).partition("/")[0]
    host, colon, port = place.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise LinkError(f"{source!r} is no network address", hint="HOST:PORT for TCP, udp:HOST:PORT for UDP")
    return Address(host, int(port), udp)
