"""What upstream needs of others: a link to publish on, the devices, and somebody who carries out commands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from sluis.model import Actor, Device, DeviceState, Frame, Point, Receipt, Value
from sluis.twins import Twin


class PublisherLink(Protocol):
    """An MQTT link of upstream's own, with its own will."""

    @property
    def up(self) -> bool: ...

    def on_change(self, listener: Callable[[bool, str], None]) -> None: ...

    def set_filters(self, filters: frozenset[str]) -> None: ...

    async def take(self) -> list[Frame]: ...

    def acknowledge(self, tokens: Sequence[int]) -> None: ...

    async def send(self, data: bytes, *, to: str = "", retain: bool = False) -> None: ...

    def tell(self, messages: Iterable[tuple[str, bytes, bool]]) -> bool:
        """Publish (topic, data, retained) without waiting for an answer; False when nothing was sent."""


class Devices(Protocol):
    """The register, as far as upstream looks at it."""

    def devices(self, *states: DeviceState) -> list[Device]: ...

    def device(self, key: str) -> Device: ...

    def points(self, key: str) -> Mapping[str, Point]: ...

    def twin(self, key: str) -> Twin: ...


class Commands(Protocol):
    """Control."""

    async def submit(
        self,
        device: str,
        point: str,
        value: Value | None,
        actor: Actor,
        *,
        deadline_s: float | None = None,
        reason: str = "",
        cause: str = "",
    ) -> Receipt: ...
