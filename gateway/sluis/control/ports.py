"""What control needs of others: the devices, a place for receipts, an audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sluis.model import Actor, Device, Point, Receipt
from sluis.sdk import Driver
from sluis.twins import Twin


class Devices(Protocol):
    def device(self, key: str) -> Device: ...

    def points(self, key: str) -> Mapping[str, Point]: ...

    def driver(self, key: str) -> Driver: ...

    def twin(self, key: str) -> Twin: ...


class CommandStore(Protocol):
    """Receipts, the newest stage of each command."""

    async def save(self, receipts: Sequence[Receipt]) -> None:
        """Insert or replace; durable when it returns."""

    async def unfinished(self) -> list[Receipt]: ...

    async def receipt(self, command_id: str) -> Receipt | None: ...

    async def receipts(self, *, device: str = "", point: str = "", limit: int = 100, before: str = "") -> list[Receipt]:
        """Newest first; `before` is the command id to page on from."""


class Audit(Protocol):
    async def record(self, actor: Actor, action: str, object: str, detail: Mapping[str, Any] = ...) -> None: ...
