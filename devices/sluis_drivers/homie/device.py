"""Homie 5 devices over MQTT.

Models: everything that follows the Homie convention 5, under any domain (`homie` unless the maker chose another).

    D/5/<id>/$state             retained  init | ready | disconnected | sleeping | lost (will); empty: removed
    D/5/<id>/$description       retained  {"homie": "5.x", "version": N, "name", "root", "parent", "nodes": {...}}
    D/5/<id>/<node>/<prop>      retained unless the description says otherwise: the value, as its datatype writes it
    D/5/<id>/<node>/<prop>/$target   retained  the value that it is on its way to
    D/5/<id>/<node>/<prop>/set  a wish                                                         (to the device)
    D/5/<id>/$alert/A           retained  a message for people; empty: over
    D/5/<id>/$log/L             a message

    D domain | <id> of the device | A id of an alert | L debug, info, warn, error, fatal
A child's connection is its root's: when the root is lost, so is the child. Whether a property has a target is not in
the description but shows; then a command waits until the target says that it was accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sluis.model import OutOfRange
from sluis.sdk import (
    About,
    Announcement,
    Availability,
    Command,
    Decoded,
    Driver,
    Frame,
    Grade,
    Kind,
    Link,
    MqttMatch,
    NotMine,
    Point,
    Presence,
    Sniffed,
    Value,
)
from sluis.sdk.payload import dict_of, no_such_point, object_of
from sluis_drivers.homie import values
from sluis_drivers.homie.description import ID, Property, properties, trimmed

STATES: Mapping[str, tuple[Availability, str]] = {
    "init": (Availability.UNKNOWN, "starting"),
    "ready": (Availability.ONLINE, "ready"),
    "sleeping": (Availability.ONLINE, "sleeping"),
    "disconnected": (Availability.OFFLINE, "disconnected"),
    "lost": (Availability.OFFLINE, "connection lost"),
    "": (Availability.OFFLINE, "removed"),
}
"""State -> what it says. A sleeping device is well, and its last values hold."""

LOGGED = ("warn", "error", "fatal")
"""Levels that are kept; `info` and `debug` are for whoever looks over the device's own shoulder."""
ALERTS_MAX = 30
"""Kinds of alert of one device; ids are free, and a device that makes them up must not make points for ever."""
ACCEPT_S = 3.0
"""How long a device with a target may take to say that it accepted a wish."""


class Homie5(Driver):
    """One Homie device. Its native id is its own, with `domain:` before it where that is not `homie`."""

    about = About(
        key="homie-5",
        vendor="Homie",
        models=("convention 5",),
        match=MqttMatch(
            ("+/5/+/$state", "+/5/+/$description", "+/5/+/+/+/$target", "+/5/+/$alert/+"),
        ),
        sources=("The Homie Convention, version 5 (homieiot.github.io, 2024-10)",),
        grade=Grade.GOLD,
        proven="devices made with ebus-sdk, over a real mosquitto",
        acl=(">homie/5/{id}/#", "<homie/5/{id}/+/+/set", "<homie/5/$broadcast/#"),
        exemptions={
            "writable points perform": "a colour point takes #rrggbb only; the frames file sets every kind",
            "writable numbers have ranges": "a device may offer a number without saying how far it goes",
        },
    )

    state = Point(kind=Kind.CHOICE, options=tuple(filter(None, STATES)), category="diagnostic")
    log = Point(kind=Kind.TEXT, category="diagnostic")

    def __init__(self, native_id: str = "", description: Mapping[str, Any] | None = None) -> None:
        super().__init__(native_id, description)
        domain, _, name = native_id.rpartition(":")
        self._base = f"{domain or 'homie'}/5/"
        self._own = f"{self._base}{name}/"
        said = dict_of(self.description.get(f"{self._own}$description"))
        self._root = f"{self._base}{said['root']}/$state" if "root" in said else ""
        self._properties = {self._own + one.topic: one for one in properties(said)}
        self._targets = {
            f"{topic}/$target": _target(one)
            for topic, one in self._properties.items()
            if f"{topic}/$target" in self.description and one.point.kind is not Kind.TRIGGER
        }
        alerts = sorted(topic for topic in self.description if topic.startswith(f"{self._own}$alert/"))
        self._alerts = {topic: _alert(topic) for topic in alerts[:ALERTS_MAX]}

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Sniffed]:
        domain, _, rest = frame.source.partition("/5/")
        name, _, attribute = rest.partition("/")
        if not ID.fullmatch(name) or not domain:
            raise NotMine
        native_id = name if domain == "homie" else f"{domain}:{name}"
        if attribute == "$state":
            removed = Announcement(native_id, frame.source.replace("$state", "$description"), None)
            return [] if frame.data else [removed]
        if not frame.data:
            return [] if attribute.startswith("$alert/") else [Announcement("", frame.source, None)]
        if attribute != "$description":
            return [Announcement(native_id, frame.source)]
        said = trimmed(object_of(frame.data))
        parent = said.get("parent") or said.get("root", "")
        above = parent if domain == "homie" or not parent else f"{domain}:{parent}"
        told = {"name": said.get("name", name), "model": said.get("type", "")}
        return [Announcement(native_id, frame.source, said, parent=above, vendor="Homie", **told)]

    def topics(self) -> Iterable[str]:
        logs = (f"{self._own}$log/{level}" for level in LOGGED)
        root = (self._root,) if self._root else ()
        return (f"{self._own}$state", *root, *logs, *self._properties, *self._targets, *self._alerts)

    def points(self) -> Iterable[Point]:
        found = [self.state, self.log, *(one.point for one in self._properties.values())]
        found += [one.point for one in self._targets.values()]
        return found + [point for pair in self._alerts.values() for point in pair]

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        source = frame.source
        found = self._properties.get(source) or self._targets.get(source)
        if found is not None:
            return found.said(frame.data)
        if source == f"{self._own}$state":
            return self._lives(values.text(frame.data))
        if source == self._root:
            return [self._carried(values.text(frame.data))]
        if source in self._alerts:
            problem, text = self._alerts[source]
            return [problem(bool(frame.data)), text(values.text(frame.data)[: values.TEXT_MAX])]
        level = source.removeprefix(f"{self._own}$log/")
        if level in LOGGED:
            return [self.log(f"{level}: {values.text(frame.data)}"[: values.TEXT_MAX])] if frame.data else []
        raise NotMine

    def _lives(self, word: str) -> list[Decoded]:
        if word not in STATES:
            raise NotMine
        availability, reason = STATES[word]
        return [self._presence(availability, reason, "own"), *([self.state(word)] if word else [])]

    def _carried(self, word: str) -> Presence:
        """What the root's state means for its child: only `lost` counts."""
        lost = word == "lost"
        reason = "the device that carries it is lost" if lost else "carried"
        return self._presence(Availability.OFFLINE if lost else Availability.ONLINE, reason, "root")

    def _presence(self, availability: Availability, reason: str, source: str) -> Presence:
        sources = ("own", "root") if self._root else ()
        return Presence(availability, reason=reason, source=source, sources=sources, mode="all")

    async def perform(self, link: Link, command: Command) -> None:
        """Send the wish. A device with a target is waited for: LinkError when it does not accept."""
        for topic, one in self._properties.items():
            if one.point.key == command.point and one.point.writable:
                data = _wish(one, command.value).encode()
                if f"{topic}/$target" in self._targets:
                    await link.request(data, to=f"{topic}/set", reply=f"{topic}/$target", timeout_s=ACCEPT_S)
                else:
                    await link.send(data, to=f"{topic}/set")
                return
        raise no_such_point(command.point)


def _wish(one: Property, value: Value | None) -> str:
    point = one.point
    if point.kind is not Kind.TRIGGER:
        return one.write(point.key, value)
    said = point.options[0] if value is None else value
    if said not in point.options:
        raise OutOfRange(f"{point.key} has no option {value!r:.80}", hint=f"One of: {', '.join(point.options)}")
    return str(said)


def _target(one: Property) -> Property:
    """The target of a property, as a point of its own."""
    point = one.point
    changes: dict[str, Any] = {"writable": False, "category": "diagnostic"}
    if point.name:
        changes["name"] = f"{point.name} (target)"
    return Property(point.named(f"{point.key}_target", **changes), f"{one.topic}/$target", one.read, one.write)


def _alert(topic: str) -> tuple[Point, Point]:
    """Whether an alert is open, and what it says."""
    name = topic.rpartition("/")[2]
    problem = Point("problem", kind=Kind.SWITCH, key=f"alert-{name}", category="diagnostic")
    return problem, Point(kind=Kind.TEXT, key=f"alert-{name}.text", category="diagnostic")
