"""Accounts at our own broker, for the panel and the command line: issued from a driver's topics, and audited."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sluis.intake import Register
from sluis.links.broker import Account, Mosquitto
from sluis.model import Actor, Refused, SluisError
from sluis.sdk import Registry
from sluis.store.audit import AuditLog


class UnknownAccount(SluisError, LookupError):
    """The broker has no such account."""

    code: ClassVar[str] = "broker.unknown-account"
    hint = "List the accounts with: sluis broker accounts"


class UnknownFamily(SluisError, LookupError):
    """There is no such driver."""

    code: ClassVar[str] = "driver.unknown"
    hint = "List the drivers with: sluis driver list"


@dataclass(frozen=True, slots=True)
class IssuedAccount:
    """A fresh account with its password, to be shown once."""

    username: str
    device: str
    driver: str
    native_id: str
    topics: tuple[str, ...]
    password: str
    host: str
    port: int


class BrokerAccounts:
    """Implements the panel's `BrokerAccounts`."""

    def __init__(
        self, broker: Mosquitto, registry: Registry, register: Register, audit: AuditLog, hostname: str
    ) -> None:
        self._broker = broker
        self._registry = registry
        self._register = register
        self._audit = audit
        self._hostname = hostname

    def accounts(self) -> Sequence[Account]:
        """All but the gateway's own."""
        return [one for one in self._broker.credentials.accounts() if one.device != "gateway"]

    async def issue(self, driver: str, native_id: str, actor: Actor, topic: str = "") -> IssuedAccount:
        """Make or renew the account of a device. UnknownFamily, or Refused for an id that cannot stand in a topic."""
        cls = self._registry.get(driver)
        if cls is None:
            raise UnknownFamily(f"there is no driver {driver!r}")
        entry = self._register.by_native(driver, native_id)
        key = entry.device.key if entry else ""
        credentials = self._broker.credentials
        try:
            username, password = await asyncio.to_thread(
                credentials.issue_device, key, driver, native_id, cls.about.acl, topic
            )
        except ValueError as error:
            raise Refused(str(error)) from error
        await self._audit.record(actor, "broker.account.issued", username, {"driver": driver, "native_id": native_id})
        made = next(one for one in credentials.accounts() if one.username == username)
        port = max(0, self._broker.ports.tls)
        return IssuedAccount(username, key, driver, native_id, made.topics, password, self._hostname, port)

    async def revoke(self, username: str, actor: Actor) -> None:
        """UnknownAccount when there is none (the gateway's own is none of yours)."""
        if all(one.username != username for one in self.accounts()):
            raise UnknownAccount(f"the broker has no account {username!r}")
        await asyncio.to_thread(self._broker.credentials.revoke, username)
        await self._audit.record(actor, "broker.account.revoked", username)
