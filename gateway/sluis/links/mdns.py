"""Be found by name on the local network: sluis.local, `_https._tcp` and `_secure-mqtt._tcp` (RFC 6762, RFC 6763)."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterable
from dataclasses import dataclass

import ifaddr
from zeroconf import InterfaceChoice, NonUniqueNameException
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """Something to be found: `_https._tcp` on a port."""

    type: str
    port: int
    properties: tuple[tuple[str, str], ...] = ()


def services(panel_port: int, tls_port: int = -1) -> tuple[Service, ...]:
    """What a gateway offers. `tls_port` of 0 or less: no broker for devices."""
    found = [Service("_https._tcp", panel_port, (("path", "/"),)), Service("_sluis._tcp", panel_port)]
    if tls_port > 0:
        found.append(Service("_secure-mqtt._tcp", tls_port))
    return tuple(found)


class Announcer:
    """Publishes a host name and services until cancelled."""

    def __init__(self, hostname: str, offered: Iterable[Service], addresses: Iterable[str] = ()) -> None:
        """`addresses` restricts it to some of this machine's; none for all but loopback."""
        self.hostname = hostname.removesuffix(".").removesuffix(".local") + ".local."
        self.published = asyncio.Event()
        self._offered = tuple(offered)
        self._addresses = tuple(addresses)

    async def run(self) -> None:
        """A network that does not let us announce is said once and harms nobody."""
        addresses = self._addresses or lan_addresses()
        if not addresses:
            log.info("no network to announce %s on", self.hostname)
            await asyncio.Event().wait()
        try:
            zeroconf = AsyncZeroconf(interfaces=list(self._addresses) or InterfaceChoice.All)
        except OSError as error:
            log.warning("cannot announce %s: %s", self.hostname, error)
            await asyncio.Event().wait()
            return
        try:
            for offered in self._offered:
                await self._publish(zeroconf, offered, addresses)
            self.published.set()
            await asyncio.Event().wait()
        finally:
            await zeroconf.async_unregister_all_services()
            await zeroconf.async_close()

    async def _publish(self, zeroconf: AsyncZeroconf, offered: Service, addresses: tuple[str, ...]) -> None:
        kind = f"{offered.type}.local."
        described = AsyncServiceInfo(
            kind,
            f"Sluis on {socket.gethostname()}.{kind}",
            port=offered.port,
            properties=dict(offered.properties),
            server=self.hostname,
            parsed_addresses=list(addresses),
        )
        try:
            await (await zeroconf.async_register_service(described, allow_name_change=True))
        except (OSError, NonUniqueNameException) as error:
            log.warning("cannot announce %s: %s", offered.type, error)


def lan_addresses() -> tuple[str, ...]:
    """This machine's IPv4 addresses that others can reach."""
    found = (str(one.ip) for adapter in ifaddr.get_adapters() for one in adapter.ips if one.is_IPv4)
    return tuple(sorted(address for address in found if not address.startswith(("127.", "169.254."))))
