"""Questions that were not answered in time, whose answers may still come: they must not pass for others' answers."""

from __future__ import annotations

from sluis.links.exchange.cutting import fits
from sluis.sdk import Framing

LATE_S = 0.2
"""An answer may come at least this much after its deadline and still be known for a late one (at most as long again as
the device was given). Smaller and a slow device's answer to an earlier question passes for the present one; larger
and after a lost frame the answer to the next question is thrown away once without need."""

KEPT = 4
"""Questions remembered for each station."""


class Owed:
    """By station."""

    def __init__(self) -> None:
        self._held: dict[str, list[tuple[bytes, float]]] = {}
        """Source -> (question, until when its answer counts as late)."""

    def add(self, source: str, asked: bytes, now: float, answer_s: float) -> None:
        """This one was given up."""
        held = [one for one in self._held.get(source, ()) if one[1] > now and one[0] != asked]
        self._held[source] = [*held[1 - KEPT :], (asked, now + max(LATE_S, answer_s))]

    def clear(self) -> None:
        self._held.clear()

    def fits(self, source: str, framing: Framing, frame: bytes) -> bool:
        """Whether a frame that came while nothing fitting was asked is such an answer."""
        return any(fits(framing, asked, frame) for asked, _ in self._held.get(source, ()))

    def takes(self, source: str, framing: Framing, frame: bytes, asking: bytes, now: float) -> bool:
        """Whether a frame that fits what is being asked is rather the late answer to another question, paid by it."""
        held = self._held.get(source, [])
        for entry in held:
            asked, until = entry
            if asked != asking and until > now and fits(framing, asked, frame):
                held.remove(entry)
                return True
        return False
