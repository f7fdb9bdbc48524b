"""What enrolment needs of the gateway. `app` hands the real things in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from sluis.model import Actor, Device
from sluis.model.nodes import Node
from sluis_provision.enrol.issued import Place


class Records(Protocol):
    """What is kept of nodes (`sluis.store.nodes`)."""

    async def nodes(self) -> list[Node]: ...
    async def node(self, node_id: str) -> Node | None: ...
    async def save(self, *nodes: Node) -> None: ...
    async def networks(self) -> dict[str, bytes]: ...
    async def save_network(self, ssid: str, sealed: bytes, by: str, at_us: int) -> None: ...
    async def remove_network(self, ssid: str) -> bool: ...


class Accounts(Protocol):
    """Who may connect to the broker."""

    @property
    def place(self) -> Place: ...

    async def give(self, node_id: str, password: str) -> None:
        """Make or renew the node's account; a connection with an older password ends."""

    async def end(self, node_id: str) -> bool:
        """Remove it, which ends its connection. False when there was none."""

    def trouble(self, node_id: str, since_us: int, *, strangers: bool = False) -> str:
        """Why boards of this id did not get in since then, as a sentence with what to do; "" for no known reason.

        With `strangers`, also what is known of boards that nobody can tell apart.
        """


class NodeLine(Protocol):
    """Nodes that answer questions."""

    async def ask(self, node_id: str, do: str, said: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """The node's answer. NodeSilent when there is none in time, NodeRefused when it says no."""

    async def withdraw(self, node_id: str) -> None:
        """Take back what the node announced, for one that cannot do it itself."""


class Devices(Protocol):
    """The register, as far as it is about nodes."""

    def of_node(self, node_id: str) -> Device | None:
        """The device that the node announced itself as."""

    async def adopt(self, key: str, *, name: str, area: str, asset_number: str = "", actor: Actor) -> Device: ...

    async def retire(self, key: str, actor: Actor) -> Device: ...

    async def replace(self, key: str, by: str, actor: Actor, *, force: bool = False) -> Device:
        """The device `by` takes the place of the device `key`."""


class Audit(Protocol):
    async def record(
        self, actor: Actor, action: str, object: str, detail: Mapping[str, Any] = ..., *, reason: str = ""
    ) -> None: ...
