"""Enrolment, wired to the gateway: accounts at our own broker, nodes that answer over it, the register."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import ifaddr
import msgspec

from sluis.intake import Register
from sluis.links.broker import Mosquitto
from sluis.links.broker.refusals import Refusal
from sluis.links.mqtt import MqttLink
from sluis.model import Actor, Device, Frame, LinkError
from sluis.runtime import Clock
from sluis.store.audit import AuditLog
from sluis.store.nodes import Nodes
from sluis_provision.enrol import Enrolment, SiteSecret
from sluis_provision.enrol.errors import NodeRefused, NodeSilent
from sluis_provision.enrol.issued import Place

DRIVER = "sluis-node"

PATIENCE_S: Mapping[str, float] = {"test": 25.0, "config": 15.0, "wipe": 10.0, "update": 20.0}
"""A test waits for the slowest sensor (five seconds) and moves each actuator; the asker's own patience is 30 s."""

ELSE_S = 6.0
"""For everything else, and for whether it is there at all: what takes long is not waited for from a node that is
not."""

HOSTS = 4
"""Ways to the broker that a node is told. Addresses first: many nodes take ten seconds to find that they cannot
resolve a `.local` name. The name last: it still holds when the gateway has got another address. A broker that was
told to listen on one address is found there only."""

EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104


def build_enrolment(
    broker: Mosquitto,
    link: MqttLink,
    register: Register,
    records: Nodes,
    pki: Path,
    audit: AuditLog,
    clock: Clock,
    hostname: str,
) -> Enrolment:
    """All of it, for a gateway that runs its own broker."""
    accounts = NodeAccounts(broker, register, pki / "site-ca.pem", hostname)
    secret = SiteSecret(pki / "site.secret")
    return Enrolment(records, accounts, MqttNodeLine(link), NodeDevices(register), secret, audit, clock)


class NodeAccounts:
    """Implements enrolment's `Accounts`."""

    def __init__(self, broker: Mosquitto, register: Register, ca: Path, hostname: str) -> None:
        self._broker = broker
        self._register = register
        self._ca = ca
        self._hostname = hostname

    @property
    def place(self) -> Place:
        listens = self._broker.settings.tls_host
        hosts = (*addresses()[: HOSTS - 1], self._hostname) if listens in EVERYWHERE else (listens,)
        port = self._broker.ports.tls
        if port <= 0:
            return Place(hosts, max(0, self._broker.ports.plain))
        return Place(hosts, port, self._hostname, ssl.PEM_cert_to_DER_cert(self._ca.read_text()))

    async def give(self, node_id: str, password: str) -> None:
        cls, entry = self._register.registry.get(DRIVER), self._register.by_native(DRIVER, node_id)
        acl = cls.about.acl if cls is not None else ()
        key = entry.device.key if entry is not None else ""
        await asyncio.to_thread(self._broker.credentials.issue_device, key, DRIVER, node_id, acl, password=password)

    async def end(self, node_id: str) -> bool:
        return await asyncio.to_thread(self._broker.credentials.revoke, node_id)

    def trouble(self, node_id: str, since_us: int, *, strangers: bool = False) -> str:
        refusals = self._broker.refusals
        if refusals.twice(node_id):
            return (
                "Two boards with this id keep throwing each other out. Switch one off; if both are yours, "
                "one has a copied or worn flash chip and must not be used."
            )
        found = refusals.of(node_id, since_us)
        if found is None and strangers and refusals.let_in_us(node_id) < since_us:
            found = refusals.of_strangers(since_us)
        return _sentence(found, refusals.address(node_id)) if found is not None else ""


def _sentence(found: Refusal, known: str) -> str:
    at = datetime.fromtimestamp(found.at_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M UTC")
    who = "It" if known and known == found.address else f"A board at {found.address or 'an unknown address'}"
    if found.why == "key":
        return (
            f"{who} was refused at {at}: it has another key than the one it was given last. "
            "Enrol it again over the cable (--again)."
        )
    if "expired" in found.detail:
        return (
            f"{who} broke off at {at}: it takes this gateway's certificate for expired. Check its clock and the "
            "gateway's date."
        )
    return (
        f"{who} broke off at {at}: it does not trust this gateway's certificate ({found.detail}). It holds another "
        "site's CA. Enrol it again over the cable."
    )


class MqttNodeLine:
    """Implements enrolment's `NodeLine`: a question on `sluis/<id>/do`, its answer on `sluis/<id>/did`."""

    def __init__(self, link: MqttLink) -> None:
        self.patience_s: Mapping[str, float] = PATIENCE_S
        self._link = link

    async def ask(self, node_id: str, do: str, said: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        if self.patience_s.get(do, ELSE_S) > ELSE_S:
            await self._asked(node_id, "about", {})
        answer = await self._asked(node_id, do, said or {})
        if answer.get("ok") is not True:
            refused = NodeRefused(f"{node_id} does not do {do!r}: {_why(answer)}")
            later_s = answer.get("later_s")
            refused.later_s = float(later_s) if isinstance(later_s, int | float) else 0.0
            raise refused
        return answer

    async def _asked(self, node_id: str, do: str, said: Mapping[str, Any]) -> Mapping[str, Any]:
        call = uuid4().hex[:12]
        question = msgspec.json.encode({"call": call, "do": do, **said})
        try:
            frame = await self._link.request(
                question,
                to=f"sluis/{node_id}/do",
                reply=f"sluis/{node_id}/did",
                timeout_s=self.patience_s.get(do, ELSE_S),
                fits=lambda frame: answer_of(frame).get("call") == call,
            )
        except LinkError as error:
            raise NodeSilent(f"{node_id} did not answer to {do!r}") from error
        return answer_of(frame)

    async def withdraw(self, node_id: str) -> None:
        for topic in (
            f"sluis/{node_id}/announce",
            f"sluis/{node_id}/status",
            f"homeassistant/device/{node_id}/config",
        ):
            await self._link.send(b"", to=topic, retain=True)


def _why(answer: Mapping[str, Any]) -> str:
    """What the node finds fault with: every place in a configuration, else its sentence."""
    problems = answer.get("problems")
    if isinstance(problems, list):
        said = [f"{one[0]} {one[1]}" for one in problems[:10] if isinstance(one, list) and len(one) == 2]
        return "; ".join(said)[:500]
    return str(answer.get("error", "it gives no reason"))[:300]


def addresses() -> list[str]:
    """This machine's own IPv4 addresses that others can reach."""
    found = (str(one.ip) for adapter in ifaddr.get_adapters() for one in adapter.ips if one.is_IPv4)
    return sorted(one for one in found if not one.startswith(("127.", "169.254.")))


def answer_of(frame: Frame) -> Mapping[str, Any]:
    """What a node said; empty when it is no JSON object. Called by the network thread."""
    try:
        said = msgspec.json.decode(frame.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


class NodeDevices:
    """Implements enrolment's `Devices`."""

    def __init__(self, register: Register) -> None:
        self._register = register

    def of_node(self, node_id: str) -> Device | None:
        entry = self._register.by_native(DRIVER, node_id)
        return entry.device if entry is not None else None

    async def adopt(self, key: str, *, name: str, area: str, asset_number: str = "", actor: Actor) -> Device:
        return await self._register.adopt(key, name=name, area=area, asset_number=asset_number, actor=actor)

    async def retire(self, key: str, actor: Actor) -> Device:
        return await self._register.retire(key, actor)

    async def replace(self, key: str, by: str, actor: Actor, *, force: bool = False) -> Device:
        return await self._register.replace(key, by, actor, force=force)
