"""Any device that announces itself by Home Assistant MQTT discovery: ESPHome, Tasmota, Zigbee2MQTT, OpenMQTTGateway
(Theengs), mqtt-io, OpenBeken, WLED, Frigate and hundreds more.

Source: Home Assistant 2026.2, documentation "MQTT" with its pages per component; the behaviour of that release.

    homeassistant/<component>/[<node>/]<object>/config    retained JSON: one entity
    homeassistant/device/[<node>/]<object>/config         retained JSON: all entities of a device (`cmps`)
    (empty)                                               what this topic announced is withdrawn
    <state topic>, <availability topic> ...               as the configuration says, through its templates
    <command topic> ...                                   likewise

Components: sensor, binary_sensor, switch, light (default, json, template), cover, valve, fan, climate, number, select,
text, button, event, lock, update, device_tracker. Others (camera, scene, siren ...) are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from sluis.model import Refused, UnknownPoint
from sluis.model.firmware import AVAILABLE_KEY, INSTALLED_KEY, PROGRESS_KEY, STATE_KEY, UPDATE_KEY
from sluis.sdk import (
    About,
    Announcement,
    Command,
    Decoded,
    Driver,
    Frame,
    FrameError,
    Grade,
    Implausible,
    Kind,
    Link,
    MqttMatch,
    NotMine,
    Point,
    Reading,
)
from sluis.wire.ha_discovery import CONFIG_FILTERS, NODE_ORIGIN, OUR_ORIGIN, Found, read_announcement
from sluis.wire.topics import is_exact, matches
from sluis_drivers.homeassistant import availability, simple
from sluis_drivers.homeassistant.climate import climate
from sluis_drivers.homeassistant.lights import light
from sluis_drivers.homeassistant.moving import cover, fan, valve
from sluis_drivers.homeassistant.parts import Entity, Incoming, Options, Read, Unusable, check_wish

COMPONENTS: Mapping[str, Callable[[Options], Entity]] = {
    "sensor": simple.sensor,
    "binary_sensor": simple.binary_sensor,
    "switch": simple.switch,
    "light": light,
    "cover": cover,
    "climate": climate,
    "number": simple.number,
    "select": simple.select,
    "text": simple.text,
    "button": simple.button,
    "lock": simple.lock,
    "valve": valve,
    "fan": fan,
    "update": simple.update,
    "event": simple.event,
    "device_tracker": simple.device_tracker,
}

FIRMWARE_KEYS = frozenset({INSTALLED_KEY, AVAILABLE_KEY, STATE_KEY, PROGRESS_KEY, UPDATE_KEY})
"""A device's first update entity has these points, whatever it is called; no other entity may have them."""
POINTS_MAX = 500
"""Points of one device; further entities are passed over. A large heat pump has 200."""


class HomeAssistantMqtt(Driver):
    """See the module's description. `description` holds, per discovery topic, the expanded configurations."""

    about = About(
        key="homeassistant-mqtt",
        vendor="",
        models=("Home Assistant MQTT discovery",),
        match=MqttMatch(CONFIG_FILTERS),
        sources=("Home Assistant 2026.2, documentation: MQTT, MQTT discovery, MQTT components",),
        grade=Grade.SILVER,
        acl=(
            ">homeassistant/+/+/config",
            ">homeassistant/+/+/+/config",
            "<homeassistant/status",
            ">{id}/#",
            "<{id}/#",
        ),
        exemptions={"writable points perform": "a colour point takes #rrggbb only; the frames file sets every kind"},
    )

    def __init__(self, native_id: str = "", description: Mapping[str, Any] | None = None) -> None:
        super().__init__(native_id, description)
        self.passed_over: list[str] = []
        """Entities that cannot be used, with the reason."""
        self._points: dict[str, Point] = {}
        self._writes: dict[str, Any] = {}
        self._routes: dict[str, tuple[Read, ...]] = {}
        self._wild: tuple[str, ...] = ()
        """Those of the routes that are filters."""
        self._build()

    # -- what it is ---------------------------------------------------------------------------------------

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Announcement]:
        try:
            found = read_announcement(frame.source, frame.data)
        except NotMine:
            return
        if found.entities is None:
            yield Announcement("", fragment=found.topic, content=None)
        elif found.origin not in (OUR_ORIGIN, NODE_ORIGIN):
            yield from _announced(found)

    def topics(self) -> Iterable[str]:
        return tuple(self._routes)

    def points(self) -> Iterable[Point]:
        return tuple(self._points.values())

    # -- up -----------------------------------------------------------------------------------------------

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        reads = self._routes.get(frame.source, ())
        if self._wild:
            reads += tuple(read for each in self._wild if matches(each, frame.source) for read in self._routes[each])
        if not reads:
            raise NotMine
        incoming = Incoming(frame)
        found: list[Decoded] = []
        fault: FrameError | None = None
        for read in reads:
            try:
                found += read(incoming)
            except FrameError as error:
                fault = fault or error
            except (ArithmeticError, ValueError) as error:
                fault = fault or Implausible(f"a number that cannot be: {error}")
        # A state that twenty entities share is not lost because one template fails on it.
        if fault is not None and not found:
            raise fault
        return found

    # -- down ---------------------------------------------------------------------------------------------

    async def perform(self, link: Link, command: Command) -> None:
        point, write = self._points.get(command.point), self._writes.get(command.point)
        if point is None or write is None:
            raise UnknownPoint(f"there is nothing to set at {command.point!r}")
        check_wish(point, command.value)
        try:
            messages = list(write(command.value))
        except FrameError as error:
            raise Refused(f"the device's own template cannot express this: {error}") from error
        for message in messages:
            await link.send(message.payload.encode(), to=message.topic, retain=message.retain)

    # -- building -----------------------------------------------------------------------------------------

    def _build(self) -> None:
        entities = list(self._entities())
        told = [(entity, availability.sources_of(entity.config)) for entity in entities]
        common = availability.shared(sources for _, sources in told)
        routes: dict[str, list[Read]] = {}
        for topic, read in availability.reads_presence(common):
            routes.setdefault(topic, []).append(read)
        for entity, sources in told:
            own = [] if sources == common else availability.reads_absence(sources, entity.points)
            for topic, read in (*own, *entity.reads):
                routes.setdefault(topic, []).append(read)
            self._writes |= entity.writes
        for topic, read in self._attributes(entities):
            routes.setdefault(topic, []).append(read)
        self._routes = {topic: tuple(reads) for topic, reads in routes.items()}
        self._wild = tuple(topic for topic in routes if not is_exact(topic))
        self._prove(entities)

    def _entities(self) -> Iterator[Entity]:
        taken: set[str] = set()
        prefix = _slug(self.native_id)
        for topic, fragment in self.description.items():
            device = fragment.get("device") if isinstance(fragment, Mapping) else None
            called = str(device.get("name") or "") if isinstance(device, Mapping) else ""
            for config in _entities_in(fragment):
                if len(self._points) >= POINTS_MAX:
                    self.passed_over.append(f"{topic}: more than {POINTS_MAX} points")
                    return
                key = _free(_key(config, prefix), str(config.get("component", "")), taken)
                if config.get("component") == "update" and not taken & FIRMWARE_KEYS:
                    key = "firmware"
                    taken |= FIRMWARE_KEYS
                entity = self._entity(topic, Options(config, key, _name(config, called)))
                if entity is not None:
                    taken.add(key)
                    self._points |= {point.key: point for point in entity.points}
                    yield entity

    def _entity(self, topic: str, options: Options) -> Entity | None:
        make = COMPONENTS.get(options.raw.get("component", ""))
        if make is None:
            return None
        try:
            entity = make(options)
            availability.sources_of(options)
        except (Unusable, FrameError) as error:
            self.passed_over.append(f"{topic} {options.key}: {error}")
            return None
        return entity

    def _attributes(self, entities: Iterable[Entity]) -> Iterator[tuple[str, Read]]:
        """One text point for each attributes message that entities of the device share."""
        seen: set[tuple[str, str]] = set()
        for entity in entities:
            options = entity.config
            if options.raw.get("component") == "device_tracker" or not options.raw.get("json_attributes_topic"):
                continue
            try:
                told = (options.topic("json_attributes_topic"), options.text("json_attributes_template"))
                render = options.render("json_attributes_template")
            except Unusable as error:
                self.passed_over.append(f"attributes of {options.key}: {error}")
                continue
            if told not in seen and told != (options.raw.get("state_topic"), ""):
                seen.add(told)
                point = self._attribute_point(len(seen))
                yield told[0], _reads_attributes(point, render)

    def _attribute_point(self, number: int) -> Point:
        key = "attributes" if number == 1 else f"attributes_{number}"
        point = Point(key=key, kind=Kind.TEXT, category="diagnostic")
        self._points.setdefault(key, point)
        return point

    def _prove(self, entities: Iterable[Entity]) -> None:
        """Power drawn proves a switch, where a device has one of each."""
        switches = [
            point
            for entity in entities
            for point in entity.points
            if entity.config.raw.get("component") == "switch" and not point.category
        ]
        powers = [
            point for point in self._points.values() if point.quantity == "power" and point.unit in ("W", "kW", "mW")
        ]
        if len(switches) == 1 and len(powers) == 1:
            key = switches[0].key
            # Inferred, not declared: a plug may have nothing plugged in. See sluis.control.proofs.
            meta = {**switches[0].meta, "proof": "inferred"}
            self._points[key] = switches[0].named(key, proof=powers[0].key, meta=meta)


def _announced(found: Found) -> Iterator[Announcement]:
    native_id = found.native_id
    known = [config for config in (found.entities or {}).values() if config.get("component") in COMPONENTS]
    if not native_id or not known:
        return
    device = found.device
    parent = _word(device, "via_device")
    yield Announcement(
        native_id=native_id,
        fragment=found.topic,
        content={"device": device, "entities": dict(found.entities or {})},
        name=_word(device, "name") or str(known[0].get("name") or ""),
        vendor=_word(device, "manufacturer"),
        model=_word(device, "model") or _word(device, "model_id"),
        serial=_word(device, "serial_number"),
        firmware=_word(device, "sw_version"),
        parent=parent if parent != native_id else "",
        suggested_area=_word(device, "suggested_area"),
    )


def _word(device: Mapping[str, Any], key: str) -> str:
    value = device.get(key)
    return str(value)[:200] if isinstance(value, str | int | float) else ""


def _entities_in(fragment: Any) -> Iterator[Mapping[str, Any]]:
    entities = fragment.get("entities") if isinstance(fragment, Mapping) else None
    if isinstance(entities, Mapping):
        yield from (config for config in entities.values() if isinstance(config, Mapping))


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _key(config: Mapping[str, Any], prefix: str) -> str:
    """The object id, without the device's own id before it: it stands in the topic, so it stays as it is."""
    own = _slug(str(config.get("object_id") or ""))
    shorter = own.removeprefix(f"{prefix}_") if prefix else own
    return (shorter or own or "value")[:60]


def _free(key: str, component: str, taken: set[str]) -> str:
    if key not in taken:
        return key
    key = f"{key}_{_slug(component)}"
    number, tried = 2, key
    while tried in taken:
        tried, number = f"{key}_{number}", number + 1
    return tried


def _name(config: Mapping[str, Any], device: str) -> str:
    """The entity's name, without the device's name before it (as makers wrote until 2023)."""
    name = config.get("name")
    if not isinstance(name, str):
        return ""
    return (name.removeprefix(device).strip() if device else name)[:80] or name[:80]


def _reads_attributes(point: Point, render: Any) -> Read:
    return lambda incoming: (Reading(point.key, simple.attributes_text(render(incoming))),)
