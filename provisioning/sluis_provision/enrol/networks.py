"""The Wi-Fi networks that nodes of this site are told, kept sealed."""

from __future__ import annotations

from sluis.model import Actor, ConfigError, NotFound
from sluis.runtime import Clock
from sluis_provision.enrol.issued import Network
from sluis_provision.enrol.ports import Audit, Records
from sluis_provision.enrol.secret import SiteSecret

MOST = 8
"""Networks a node tries in turn; each costs it some ten seconds of every search."""

SSID_BYTES = 32
"""IEEE 802.11, 9.4.2.2."""


class Networks:
    """Told once by a person; shown again only to the node that is issued its credentials."""

    def __init__(self, records: Records, secret: SiteSecret, audit: Audit, clock: Clock) -> None:
        self._records = records
        self._secret = secret
        self._audit = audit
        self._clock = clock

    async def names(self) -> list[str]:
        """SSIDs, in the order in which they are tried."""
        return list(await self._records.networks())

    async def all(self) -> tuple[Network, ...]:
        """With their passwords: for a node only. SecretLost when they were kept under another site secret."""
        held = await self._records.networks()
        return tuple(Network(ssid, self._secret.unseal(_purpose(ssid), sealed)) for ssid, sealed in held.items())

    async def save(self, ssid: str, password: str, actor: Actor) -> None:
        """Add one, or give it another password. ConfigError for what cannot be a network."""
        _check(ssid, password)
        held = await self._records.networks()
        if ssid not in held and len(held) >= MOST:
            raise ConfigError(f"there are {MOST} networks already", where="ssid", hint="Remove one first.")
        sealed = self._secret.seal(_purpose(ssid), password)
        await self._records.save_network(ssid, sealed, actor.label, self._clock.stamp().at_us)
        await self._audit.record(actor, "node.network.saved", ssid)

    async def remove(self, ssid: str, actor: Actor) -> None:
        """Nodes that know it keep it until they are told anew. NotFound when there is none."""
        if not await self._records.remove_network(ssid):
            raise NotFound(f"no network {ssid!r} is kept", hint="List them with: sluis node networks")
        await self._audit.record(actor, "node.network.removed", ssid)


def _purpose(ssid: str) -> str:
    return f"network/{ssid}"


def _check(ssid: str, password: str) -> None:
    """A WPA passphrase has 8 to 63 printable ASCII characters (IEEE 802.11, J.4.1), a raw key 64 hex digits."""
    size = len(ssid.encode())
    if not 0 < size <= SSID_BYTES or not ssid.isprintable():
        raise ConfigError(f"has {size} bytes", where="ssid", allowed=f"1 to {SSID_BYTES} bytes, printable")
    if password and not (8 <= len(password) <= 64 and password.isascii() and password.isprintable()):
        raise ConfigError(
            "cannot be one of Wi-Fi", where="password", allowed="8 to 63 ASCII characters, or none for an open network"
        )
