"""The drivers of a host, as the gateway sees them: `Driver` classes whose calls go to the host's process."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import msgspec

from sluis.hosted import messages as m
from sluis.hosted.fallen import Fallen
from sluis.model import Command, Frame, Point
from sluis.sdk.driver import Decoded, Driver, Link, Sniffed
from sluis.sdk.station import Station

if TYPE_CHECKING:
    from sluis.hosted.host import Host
    from sluis.hosted.life import Life


class Hosted(Driver):
    """One device's driver, in a host. Remade there by itself after the host was restarted."""

    _host: ClassVar[Host]
    _sniffs: ClassVar[bool]
    _identifies: ClassVar[bool] = False
    _remembers: ClassVar[bool] = False

    def __init__(self, native_id: str = "", description: Mapping[str, Any] | None = None) -> None:
        super().__init__(native_id, description)
        self._life: Life | None = None
        self._number = 0
        made = self._make()
        self._points, self._topics = made.points, made.topics
        self._station, self._every_s, self._product = made.station, made.poll_every_s, made.product

    def _make(self) -> m.Made:
        life = self._host.alive()
        number = life.next_instance()
        unused, life.unused = tuple(life.unused), []
        request = m.Make(number, self.about.key, self.native_id, dict(self.description), unused)
        made = self._host.call(request, m.Made)
        self._life, self._number = life, number
        weakref.finalize(self, life.unused.append, number).atexit = False
        return made

    def _own_number(self) -> int:
        if self._life is not self._host.alive():
            self._make()
        return self._number

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Sniffed]:
        if not cls._sniffs:
            return ()
        return _unpacked(cls._host, cls._host.call(m.Sniff(cls.about.key, frame), m.Said))

    def succeed(self, before: Self) -> None:
        """What it remembers stays in the host: the two instances there are told of each other. What a host that fell
        held is gone, as with the gateway's own end."""
        if self._remembers and before._life is self._life is self._host.alive():
            self._host.call(m.Succeed(self._number, before._number), m.Said)

    def product(self) -> tuple[str, str]:
        return self._product

    def topics(self) -> Iterable[str]:
        return self._topics

    def points(self) -> Iterable[Point]:
        return self._points

    def station(self) -> Station | None:
        return self._station

    def poll_every_s(self) -> float | None:
        return self._every_s

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        said = self._host.call(m.Decode(self._own_number(), frame, self._identifies), m.Said)
        return _decoded(self._host, said)

    async def perform(self, link: Link, command: Command) -> None:
        await self._host.perform(self._own_number(), link, command)

    async def poll(self, link: Link) -> None:
        await self._host.poll(self._own_number(), link)


class Identifying(Hosted):
    """One whose frames have an identity. Intake asks for it first, and decodes next: one call answers both."""

    _identifies = True

    def __init__(self, native_id: str = "", description: Mapping[str, Any] | None = None) -> None:
        self._ahead: tuple[Frame, list[Decoded] | Exception] | None = None
        super().__init__(native_id, description)

    def identity(self, frame: Frame) -> str | None:
        try:
            said = self._host.call(m.Decode(self._own_number(), frame, True), m.Said)
            self._ahead = frame, _decoded(self._host, said)
        except Exception as error:
            self._ahead = frame, error
            identity: str | None = error.__dict__.get("identity")
            return identity
        return said.identity

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        ahead, self._ahead = self._ahead, None
        if ahead is None or ahead[0] is not frame:
            return super().decode(frame)
        if isinstance(ahead[1], Exception):
            raise ahead[1]
        return ahead[1]


def _decoded(host: Host, said: m.Said) -> list[Any]:
    found = _unpacked(host, said)
    host.decoded += bool(found)
    return found


def _unpacked(host: Host, said: m.Said) -> list[Any]:
    try:
        return m.unpacked(said.items)
    except (KeyError, msgspec.DecodeError) as error:
        host.fell(f"it answers with nonsense: {error}")
        raise Fallen(f"{host.source} answers with nonsense") from error


def proxy(host: Host, family: m.Family) -> type[Driver]:
    """The class that stands for a hosted family."""
    module, _, name = family.name.rpartition(".")
    base = Identifying if family.identifies else Hosted
    made: type[Driver] = type(
        name,
        (base,),
        {
            "about": family.about,
            "_host": host,
            "_sniffs": family.sniffs,
            "_remembers": family.remembers,
            "__module__": module,
        },
    )
    return made
