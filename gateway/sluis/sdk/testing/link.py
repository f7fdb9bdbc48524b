"""A link that remembers, and running a driver's `perform` without an event loop."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from sluis.model import Frame, LinkError, Stamp

START = Stamp(1_700_000_000_000_000, 1_000_000)
"""The moment of every frame in a frames file: a driver may not depend on it."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a driver sent."""

    to: str
    data: bytes
    retain: bool = False


class RecordingLink:
    """Keeps what was sent; answers `request` from a list, in order, and with LinkError when the list is empty."""

    def __init__(self, answers: Iterable[bytes] = ()) -> None:
        self.sent: list[Sent] = []
        self._answers = list(answers)

    async def send(self, data: bytes, *, to: str = "", retain: bool = False) -> None:
        self.sent.append(Sent(to, data, retain))

    async def request(self, data: bytes, *, to: str = "", reply: str = "", timeout_s: float = 5.0) -> Frame:
        await self.send(data, to=to)
        if not self._answers:
            raise LinkError(f"no answer on {reply} within {timeout_s} s")
        return Frame("recording", reply, self._answers.pop(0), START)


def finish(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that awaits nothing but a `RecordingLink`. RuntimeError when it waits for anything else."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise RuntimeError("perform awaited something other than its link")
