"""What every stand-in device is: a protocol machine that says what it publishes, and touches no socket.

A stand-in behaves on the wire as the real device does, from that device's own documentation. It is told
three things (connected, received, tick) and answers with the messages it sends. So each is tested without a
broker, and the connection (`station`) and the misbehaviour (`mischief`) are written once for all.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sluis.demo.office import Office

Json = dict[str, Any]
"""A JSON object."""


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT publication."""

    topic: str
    payload: bytes
    retain: bool = False
    qos: int = 0


def message(topic: str, content: Any, *, retain: bool = False, qos: int = 0) -> Message:
    """A message from bytes, text, or anything JSON can say (compact, as devices write it)."""
    if isinstance(content, bytes):
        return Message(topic, content, retain, qos)
    text = content if isinstance(content, str) else json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    return Message(topic, text.encode(), retain, qos)


@dataclass(frozen=True, slots=True)
class Now:
    """The stand-ins' idea of time: seconds on a steady clock, and the wall clock."""

    s: float
    at: datetime

    @property
    def unix_s(self) -> float:
        return self.at.timestamp()

    @property
    def local(self) -> str:
        """As devices without a time zone write it, to the second."""
        return self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


class Every:
    """True once per interval; the first time at once unless `first_s` says later."""

    def __init__(self, interval_s: float, first_s: float = 0.0) -> None:
        self.interval_s = interval_s
        self._next_s: float | None = None
        self._first_s = first_s

    def due(self, now_s: float) -> bool:
        if self._next_s is None:
            self._next_s = now_s + self._first_s
        if now_s < self._next_s:
            return False
        self._next_s = now_s + self.interval_s
        return True

    def again(self) -> None:
        """Start over, as after a reboot."""
        self._next_s = None


class Placed:
    """What stands in the office and measures it."""

    name: str
    """What people call it in `sluis demo misbehave NAME KIND`."""

    def __init__(self, office: Office, chance: random.Random) -> None:
        self.office = office
        self.chance = chance
        self._frozen: Office | None = None

    @property
    def sees(self) -> Office:
        """The office as its sensors see it: the truth, or the moment they got stuck."""
        return self._frozen or self.office

    def stick(self, stuck: bool) -> None:
        self._frozen = copy.deepcopy(self.office) if stuck else None

    def noise(self, value: float, spread: float, digits: int = 1) -> float:
        """A measured value: the truth with the sensor's own jitter, rounded as the device rounds."""
        return round(value + self.chance.uniform(-spread, spread), digits)


class StandIn(Placed):
    """One device (or bridge) with one MQTT connection."""

    client_id: str
    will: Message
    filters: tuple[str, ...]
    """What it subscribes to."""
    qos = 0
    """Of its subscriptions."""
    family: str
    """Key of the driver this device is meant for; its broker credentials are made from that."""
    native_id: str
    """Its identity in its own protocol."""
    topics: tuple[str, ...]
    """What it needs of the broker: `>filter` to publish there, `<filter` to subscribe, `filter` both."""

    def connected(self, now: Now) -> Iterable[Message]:
        """What it publishes on connecting."""
        return ()

    def received(self, topic: str, payload: bytes, now: Now) -> Iterable[Message]:
        """What it answers."""
        return ()

    def tick(self, now: Now) -> Iterator[Message] | Iterable[Message]:
        """What is due now; called a few times a second."""
        return ()

    def goodbye(self, now: Now) -> Iterable[Message]:
        """What it publishes before an orderly disconnect."""
        return ()


def parsed(payload: bytes) -> Any:
    """JSON, or the text itself where it is not JSON, as lenient devices read it."""
    text = payload.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError:
        return text
