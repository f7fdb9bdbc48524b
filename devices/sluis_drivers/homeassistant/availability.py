"""Availability: which topics say whether a device (or one entity of it) can be reached.

In discovery every entity has its own availability; most devices give all entities the same. What most entities
share is the device's; an entity that differs has its own points marked bad while it is away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sluis.sdk import Availability, Decoded, FrameError, Kind, Point, Presence
from sluis.wire.ha_discovery.config import as_list
from sluis_drivers.homeassistant.parts import (
    Incoming,
    Options,
    Read,
    Render,
    Unusable,
    checked_topic,
    nothing_known,
)

SOURCES_MAX = 10
"""Availability topics of one entity; Zigbee2MQTT has three (bridge, group, device)."""


@dataclass(frozen=True, slots=True)
class Source:
    """One availability topic."""

    topic: str
    available: str
    not_available: str
    template: str

    def heard(self, render: Render, incoming: Incoming) -> Availability:
        """What a payload on the topic says. One that is neither word says that nobody knows."""
        try:
            word = render(incoming)
        except FrameError:
            return Availability.UNKNOWN
        if word == self.available:
            return Availability.ONLINE
        return Availability.OFFLINE if word == self.not_available else Availability.UNKNOWN


@dataclass(frozen=True, slots=True)
class Sources:
    """All availability topics of an entity, and how they are joined."""

    mode: str
    sources: tuple[Source, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(source.topic for source in self.sources)


NO_SOURCES = Sources("latest", ())


def sources_of(options: Options) -> Sources:
    """The availability of one entity; Unusable when it cannot be read."""
    raw = options.raw
    found = [
        _source(Options(entry, ""), "topic", "value_template")
        for entry in as_list(raw.get("availability"))[:SOURCES_MAX]
        if isinstance(entry, dict)
    ]
    if not found and raw.get("availability_topic"):
        found = [_source(options, "availability_topic", "availability_template")]
    mode = options.text("availability_mode", "latest")
    return Sources(mode if mode in ("all", "any", "latest") else "latest", tuple(found))


def _source(options: Options, topic: str, template: str) -> Source:
    return Source(
        checked_topic(options.required(topic)),
        options.text("payload_available", "online"),
        options.text("payload_not_available", "offline"),
        options.text(template),
    )


def shared(found: Iterable[Sources]) -> Sources:
    """What most entities have in common."""
    counted = Counter(found)
    counted.pop(NO_SOURCES, None)
    return counted.most_common(1)[0][0] if counted else NO_SOURCES


def reads_presence(sources: Sources) -> list[tuple[str, Read]]:
    """Readers that say whether the device can be reached."""
    return [(source.topic, _reads_presence(source, sources)) for source in sources.sources]


def _reads_presence(source: Source, sources: Sources) -> Read:
    said = {
        word: (Presence(word, None, _reason(word, source), source.topic, sources.names, sources.mode),)
        for word in Availability
    }
    render = _render(source)
    return lambda incoming: said[source.heard(render, incoming)]


def _reason(word: Availability, source: Source) -> str:
    return f"{word.value} on {source.topic}" if word is not Availability.UNKNOWN else f"unclear word on {source.topic}"


def _render(source: Source) -> Render:
    return Options({"value_template": source.template or None}, "").render()


def reads_absence(sources: Sources, points: Sequence[Point]) -> list[tuple[str, Read]]:
    """Readers that mark an entity's points bad while the entity itself is away."""
    if sources.mode == "any" and len(sources.sources) > 1:
        # Which of the others still says online is not in this frame.
        return []
    lost = tuple(one for point in points if point.kind is not Kind.TRIGGER for one in nothing_known(point))
    return [(source.topic, _reads_absence(source, lost)) for source in sources.sources]


def _reads_absence(source: Source, lost: tuple[Decoded, ...]) -> Read:
    render = _render(source)
    return lambda incoming: () if source.heard(render, incoming) is Availability.ONLINE else lost


__all__ = ["NO_SOURCES", "Sources", "Unusable", "reads_absence", "reads_presence", "shared", "sources_of"]
