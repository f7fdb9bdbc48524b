"""Discovery messages in: topic and payload to a normalised, expanded configuration.

Two forms exist. *Single*: `<prefix>/<component>/[<node>/]<object>/config`, one entity. *Device*:
`<prefix>/device/[<node>/]<object>/config`, all entities of a device in `components`, each with its `platform`; some
options at the top (availability, state and command topic) hold for every entity that does not give its own.
An empty payload withdraws what the topic announced before. Keys may be abbreviated, and a topic may begin or end
with `~`, which stands for the value of the key `~`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from sluis.model import FrameError, Implausible, NotMine
from sluis.wire.ha_discovery.abbreviations import DEVICE, OPTIONS, ORIGIN

CONFIG_FILTERS = ("homeassistant/+/+/config", "homeassistant/+/+/+/config")

OUR_ORIGIN = "Sluis"
"""`origin.name` of what we publish ourselves, so that we never discover it."""

NODE_ORIGIN = "Sluis node"
"""`origin.name` of our firmware. A node tells us the same, and more, in its own words: the driver `sluis-node`."""

CONFIG_MAX = 262_144
"""Bytes of a discovery message. The largest seen, a bridge's device with all its entities, is some 60 kB."""

COMPONENTS_MAX = 300
"""Entities in one device message. A heat pump with everything has about 150."""

_TOPIC = re.compile(r"[^/]+/(?P<component>\w+)/(?:(?P<node>[a-zA-Z0-9_-]+)/)?(?P<object>[a-zA-Z0-9_-]+)/config")
_SHARED = (
    "availability",
    "availability_mode",
    "availability_template",
    "availability_topic",
    "command_topic",
    "payload_available",
    "payload_not_available",
    "state_topic",
    "qos",
    "encoding",
)

Config = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """What one discovery message says."""

    topic: str
    entities: Mapping[str, Config] | None
    """Expanded configurations by the key that tells them apart within the topic; each has its `component` and
    `object_id` in it. None when the topic was withdrawn."""
    device: Config = field(default_factory=dict)
    origin: str = ""

    @property
    def native_id(self) -> str:
        """What identifies the device: its first identifier, else its first connection, else the first unique id."""
        for identifier in as_list(self.device.get("identifiers")):
            return str(identifier)
        for connection in as_list(self.device.get("connections")):
            return str(connection[-1]) if isinstance(connection, list) and connection else ""
        for config in (self.entities or {}).values():
            return str(config.get("unique_id", ""))
        return ""


def read_announcement(topic: str, payload: bytes) -> Found:
    """What a message on a discovery topic says. NotMine on any other topic; Implausible when it cannot be read."""
    match = _TOPIC.fullmatch(topic)
    if match is None:
        raise NotMine
    if not payload:
        return Found(topic, None)
    message = _decoded(payload)
    origin = _renamed(_mapping(message.pop("origin", message.pop("o", None))), ORIGIN)
    device = _renamed(_mapping(message.pop("device", message.pop("dev", None))), DEVICE)
    message = _renamed(message, OPTIONS)
    if message.get("migrate_discovery"):
        # The maker moves from single to device form; nothing changes until the device message comes.
        raise NotMine
    if match["component"] == "device":
        entities = dict(_of_device(message))
    else:
        entities = {"": _expanded(message, match["component"], match["object"])}
    return Found(topic, entities, device, str(origin.get("name", "")))


def _decoded(payload: bytes) -> Config:
    if len(payload) > CONFIG_MAX:
        raise Implausible(f"a discovery message of {len(payload)} bytes")
    try:
        message = msgspec.json.decode(payload)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"the discovery message is no JSON: {error}") from error
    return _mapping(message, "the discovery message")


def _of_device(message: Config) -> Iterator[tuple[str, Config]]:
    components = _mapping(message.pop("components", None), "components")
    if len(components) > COMPONENTS_MAX:
        raise Implausible(f"a device with {len(components)} entities")
    shared = {key: message[key] for key in _SHARED if key in message}
    base = message.get("~")
    for key, raw in components.items():
        config = _renamed(_mapping(raw, f"component {key!r:.40}"), OPTIONS)
        platform = config.pop("platform", "")
        # With nothing but a platform the entity is withdrawn.
        if config and isinstance(platform, str):
            config.setdefault("~", base)
            yield key, _expanded({**shared, **config}, platform, key)


def _expanded(config: Config, component: str, object_id: str) -> Config:
    base = config.pop("~", None)
    availability = [
        _renamed(entry, OPTIONS) for entry in as_list(config.get("availability")) if isinstance(entry, dict)
    ]
    if availability:
        config["availability"] = availability
    if isinstance(base, str):
        _fill_in(config, base)
        for entry in availability:
            _fill_in(entry, base)
    return {**config, "component": component, "object_id": object_id}


def _fill_in(config: Config, base: str) -> None:
    for key, value in config.items():
        if isinstance(value, str) and key.endswith("topic"):
            if value.startswith("~"):
                value = base + value[1:]
            if value.endswith("~"):
                value = value[:-1] + base
            config[key] = value


def _renamed(config: Config, names: Mapping[str, str]) -> Config:
    return {names.get(key, key): value for key, value in config.items()}


def _mapping(value: Any, what: str = "") -> Config:
    if isinstance(value, dict):
        return value
    if what:
        raise Implausible(f"{what} is not an object")
    return {}


def as_list(value: Any) -> list[Any]:
    """A list, or the list of the one value; empty for none."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
