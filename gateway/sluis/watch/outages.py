"""When what carries devices was down, and when devices said to be gone: the recent past, in memory.

A report that could not come because the link was down is not a report that was missed, so these spans are taken off
what was expected. All of it begins with the gateway; what was before is not known and is not judged.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from sluis.model import Availability, AvailabilityChanged, Event, LinkChanged
from sluis.twins.twin import SILENCE

KEPT_US = 24 * 3_600_000_000
"""How long a span is remembered: as long as reports are counted."""

FLAP_US = 60_000_000
"""Two spans nearer to each other than this are one, so that a carrier that comes and goes all day cannot fill the
memory. Larger and reports of good minutes are not expected; smaller and the spans of a day are too many."""

DROPS_KEPT = 500
"""Times a device went away that are remembered; the worst figure needs a fortieth."""


class Outages:
    """Fed with events; times are of the wall clock, as readings have them."""

    def __init__(self, since_us: int) -> None:
        self.since_us = since_us
        """From when on it is known."""
        self._down: dict[str, int] = {}
        self._past: dict[str, deque[tuple[int, int]]] = {}
        self._availability: dict[str, Availability] = {}
        self._gone: dict[str, deque[int]] = {}

    def take(self, event: Event) -> None:
        """`LinkChanged` and `AvailabilityChanged`; others say nothing here."""
        if isinstance(event, LinkChanged):
            self._carries(f"link:{event.link}", event.up, event.stamp.at_us)
        elif isinstance(event, AvailabilityChanged):
            self._became(event)

    def down(self, link: str, at_us: int) -> None:
        """A link that was not up when we began to look."""
        self._carries(f"link:{link}", False, at_us)

    def excused_s(self, carriers: Iterable[str], from_us: int, to_us: int) -> float:
        """How much of the time one of these (`link:NAME`, `device:KEY`) at least was down."""
        spans = sorted(span for carrier in carriers for span in self._spans(carrier, from_us, to_us))
        total, reached = 0, from_us
        for begin, end in spans:
            total += max(0, min(end, to_us) - max(begin, reached))
            reached = max(reached, min(end, to_us))
        return total / 1e6

    def drops(self, device: str, from_us: int) -> int | None:
        """How often a device was said to be gone since `from_us`; None while nobody ever said whether it is there."""
        gone = self._gone.get(device)
        return None if gone is None else sum(at_us >= from_us for at_us in gone)

    def forget(self, device: str) -> None:
        """It is not in use any more."""
        for held in (self._availability, self._gone):
            held.pop(device, None)
        for spans in (self._down, self._past):
            spans.pop(f"device:{device}", None)

    # -- inside -------------------------------------------------------------------------------------------

    def _became(self, event: AvailabilityChanged) -> None:
        at_us, before = event.stamp.at_us, self._availability.get(event.device)
        self._availability[event.device] = event.availability
        self._carries(f"device:{event.device}", event.availability is Availability.ONLINE, at_us)
        if event.reason == SILENCE or event.availability is not Availability.OFFLINE:
            return
        gone = self._gone.setdefault(event.device, deque(maxlen=DROPS_KEPT))
        # From unknown to gone is old news: its carrier is back, and says again what it said before.
        if before is Availability.ONLINE:
            gone.append(at_us)

    def _carries(self, carrier: str, up: bool, at_us: int) -> None:
        if up:
            began_us = self._down.pop(carrier, None)
            if began_us is not None:
                self._ended(carrier, began_us, at_us)
        else:
            self._down.setdefault(carrier, at_us)

    def _ended(self, carrier: str, began_us: int, at_us: int) -> None:
        past = self._past.setdefault(carrier, deque())
        if past and began_us - past[-1][1] < FLAP_US:
            began_us = past.pop()[0]
        past.append((began_us, at_us))
        while past and past[0][1] < at_us - KEPT_US:
            past.popleft()

    def _spans(self, carrier: str, from_us: int, to_us: int) -> Iterable[tuple[int, int]]:
        spans = list(self._past.get(carrier, ()))
        if carrier in self._down:
            spans.append((self._down[carrier], to_us))
        return [(begin, end) for begin, end in spans if begin < to_us and end > from_us]
