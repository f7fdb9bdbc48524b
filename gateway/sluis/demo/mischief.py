"""What goes wrong on purpose: a filter between a stand-in and the wire.

drop       the connection is cut without a goodbye, so the broker publishes the will
silent     connected, but says nothing more
garbage    its messages arrive damaged: cut off, not UTF-8, wrong types, huge
flood      repeats its last message RATE times a second
lag        everything it says is late by SECONDS
stuck      its sensors freeze at their present values
duplicate  everything it says arrives twice, as after a redelivery
well       stop misbehaving
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from sluis.demo.standin import Message

BIG_BYTES = 1_000_000
FLOOD_PER_S = 500.0
LAG_S = 5.0
FLOOD_BURST = 2000
"""Most messages one tick of a flood may release; keeps the site itself alive at any rate."""


class Kind(StrEnum):
    """The ways to misbehave."""

    DROP = "drop"
    SILENT = "silent"
    GARBAGE = "garbage"
    FLOOD = "flood"
    LAG = "lag"
    STUCK = "stuck"
    DUPLICATE = "duplicate"
    WELL = "well"


@dataclass(frozen=True, slots=True)
class Order:
    """One request to misbehave."""

    kind: Kind
    for_s: float = 30.0
    amount: float = 0.0
    """Rate for flood, delay for lag; 0 for the usual."""


class Mischief:
    """The misbehaviour of one stand-in: at most one kind at a time."""

    def __init__(self) -> None:
        self.order: Order | None = None
        self._until_s = 0.0
        self._waiting: list[tuple[float, Message]] = []
        self._last: Message | None = None
        self._owed = 0.0
        self._flooded_s = 0.0
        self._damaged = 0

    def start(self, order: Order, now_s: float) -> None:
        self.order = None if order.kind is Kind.WELL else order
        self._until_s = now_s + order.for_s
        self._flooded_s = now_s
        self._owed = 0.0

    def is_(self, kind: Kind, now_s: float) -> bool:
        """Whether it misbehaves in this way now; a span that is over ends here."""
        if self.order is not None and now_s >= self._until_s:
            self.order = None
        return self.order is not None and self.order.kind is kind

    def outgoing(self, messages: Iterable[Message], now_s: float) -> list[Message]:
        """What becomes of messages on their way out."""
        sent = list(messages)
        if sent:
            self._last = next((each for each in reversed(sent) if not each.retain), self._last)
        if self.is_(Kind.SILENT, now_s):
            return []
        if self.is_(Kind.GARBAGE, now_s):
            return [self._damage(each) for each in sent]
        if self.is_(Kind.DUPLICATE, now_s):
            return [each for each in sent for _ in range(2)]
        if self.is_(Kind.LAG, now_s) and self.order is not None:
            late_s = self.order.amount or LAG_S
            self._waiting += [(now_s + late_s, each) for each in sent]
            return []
        return sent

    def tick(self, now_s: float) -> list[Message]:
        """Late messages that are due, and this tick's share of a flood."""
        due = [each for at_s, each in self._waiting if at_s <= now_s]
        self._waiting = [(at_s, each) for at_s, each in self._waiting if at_s > now_s]
        if self.is_(Kind.FLOOD, now_s) and self.order is not None and self._last is not None:
            self._owed += (now_s - self._flooded_s) * (self.order.amount or FLOOD_PER_S)
            self._flooded_s = now_s
            count = min(int(self._owed), FLOOD_BURST)
            self._owed -= int(self._owed)
            due += [self._last] * count
        return due

    def _damage(self, message: Message) -> Message:
        """Damage in turn: cut off, not UTF-8, wrong types, nothing, huge. Retained messages stay whole."""
        if message.retain:
            return message
        self._damaged += 1
        forms = (
            message.payload[: len(message.payload) // 2],
            b"\xff\xfe\x00\x9f" + message.payload[::-1],
            b'{"ENERGY":{"Power":"very much"},"temperature":[],"output":7,"params":3}',
            b"",
            b'{"x":"' + b"A" * BIG_BYTES + b'"}',
        )
        return replace(message, payload=forms[self._damaged % len(forms)])
