"""ESPHome nodes over their native API.

Models: every board with ESPHome and an `api:` section, encrypted or not.

    HOST:PORT/description   {"device": {...}, "entities": [{"type": T, "key": N, ...}, ...], "digest": D}
    HOST:PORT/state         {"type": T, "key": N, "device_id": M, ...}
    HOST:PORT/connection    {"connected": bool, "expected": bool, "reason": "..."}
    HOST:PORT               {"type": T, "key": N, ...}                                      (a command, to the node)
    mdns:_esphomelib._tcp/NAME   {"host": H, "port": P, "txt": {"mac": ..., "friendly_name": ...}}   (found)

    T sensor, light, ... | N number of the entity, unique per M | M sub-device, 0 for the node | D checksum
The link speaks the protocol (Protocol Buffers, Noise_NNpsk0_25519_ChaChaPoly_SHA256); fields are those of its messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from sluis.sdk import (
    About,
    Announcement,
    Ask,
    Availability,
    Command,
    Decoded,
    Driver,
    Frame,
    Grade,
    Implausible,
    Link,
    LinkMatch,
    NotMine,
    Point,
    Presence,
    Sniffed,
    Station,
)
from sluis.sdk.payload import dict_of, list_of, no_such_point, object_of, text_of
from sluis_drivers.esphome.entities import TYPES
from sluis_drivers.esphome.parts import Entity, Part

ENTITIES_MAX = 300
"""More than a node's memory holds; the rest is left out."""
DEVICE = ("name", "friendly_name", "mac_address", "model", "manufacturer", "has_deep_sleep", "esphome_version")
"""What is kept of the node's own description, with its sub-devices."""

HOST = re.compile(r"[A-Za-z0-9.-]{1,200}")

Address = tuple[str, int, int]


class EsphomeNative(Driver):
    """One node. Its native id is `HOST:PORT`."""

    about = About(
        key="esphome-native",
        vendor="ESPHome",
        models=("native API",),
        match=LinkMatch(("+/description", "mdns:_esphomelib._tcp/+"), kinds=("esphome", "mdns")),
        sources=("esphome/esphome, api.proto, API 1.18 (2026.10)", "aioesphomeapi 46, model.py"),
        grade=Grade.GOLD,
        proven="a node made with ESPHome 2026.10 for its `host` platform",
        setup=(
            Ask(
                "key",
                "Encryption key",
                secret=True,
                hint="The base64 text under api: encryption: key: in the node's YAML.",
            ),
        ),
        exemptions={
            "writable points perform": "a colour point takes #rrggbb only; the frames file sets every kind",
            "writable numbers have ranges": "a device may offer a number without saying how far it goes",
        },
    )

    def __init__(self, native_id: str = "", description: Mapping[str, Any] | None = None) -> None:
        super().__init__(native_id, description)
        said = dict_of(self.description.get("description"))
        self._digest, self._device = said.get("digest"), dict_of(said.get("device"))
        self._parts: dict[Address, list[Part]] = dict(_entities(said))

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Sniffed]:
        native_id, _, what = frame.source.partition("/")
        if native_id == "mdns:_esphomelib._tcp":
            yield _found(object_of(frame.data), what)
            return
        if what != "description" or ":" not in native_id:
            raise NotMine
        said = object_of(frame.data)
        device = dict_of(said.get("device"))
        if not text_of(device.get("name")) or not isinstance(said.get("entities"), list):
            raise Implausible("a description without a name or without entities")
        subs = [_sub(one) for one in map(dict_of, list_of(device.get("devices"))[:50])]
        kept = {key: device[key] for key in DEVICE if isinstance(device.get(key), str | bool)} | {"devices": subs}
        content = {"device": kept, "entities": _kept(said["entities"]), "digest": said.get("digest")}
        yield Announcement(
            native_id,
            "description",
            content,
            name=text_of(device.get("friendly_name")) or text_of(device.get("name")),
            vendor=text_of(device.get("manufacturer")) or "ESPHome",
            model=text_of(device.get("model")),
            serial=text_of(device.get("mac_address")),
            firmware=text_of(device.get("esphome_version")),
            suggested_area=text_of(device.get("suggested_area")) or text_of(dict_of(device.get("area")).get("name")),
        )

    def topics(self) -> Iterable[str]:
        return (f"{self.native_id}/state", f"{self.native_id}/connection")

    def station(self) -> Station:
        """The link holds the node to its hardware address, and tells all states once their reader is made."""
        settings = {"key": self.setting("key"), "mac": text_of(self._device.get("mac_address"))}
        return Station(self.native_id, listens=True, settings={**settings, "described": self._digest})

    def points(self) -> Iterable[Point]:
        return [part.point for parts in self._parts.values() for part in parts]

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if frame.source == f"{self.native_id}/connection":
            return [self._presence(object_of(frame.data))]
        if frame.source != f"{self.native_id}/state":
            raise NotMine
        said = object_of(frame.data)
        parts = self._parts.get(_address(said))
        if parts is None:
            raise NotMine
        if said.get("missing_state") is True:
            return []
        read = (part.read(part.point, said) for part in parts if part.read is not None)
        return [item for item in read if item is not None]

    def _presence(self, said: Mapping[str, Any]) -> Presence:
        if said.get("connected") is True:
            return Presence(Availability.ONLINE, reason="connected")
        if said.get("expected") is True and self._device.get("has_deep_sleep") is True:
            return Presence(Availability.ONLINE, reason="sleeping")
        return Presence(Availability.OFFLINE, reason=text_of(said.get("reason"), 200) or "not connected")

    async def perform(self, link: Link, command: Command) -> None:
        for (kind, key, device), parts in self._parts.items():
            for part in parts:
                if part.point.key == command.point and part.write is not None:
                    said = {"type": kind, "key": key, **part.write(command.point, command.value)}
                    await link.send(
                        msgspec.json.encode(said | ({"device_id": device} if device else {})), to=self.native_id
                    )
                    return
        raise no_such_point(command.point)


def _found(said: Mapping[str, Any], name: str) -> Announcement:
    """A node that announces itself by mDNS; what it has is told once it is connected."""
    host, port, txt = text_of(said.get("host"), 200), said.get("port"), dict_of(said.get("txt"))
    if not HOST.fullmatch(host) or type(port) is not int or not 0 < port < 65536:
        raise Implausible("neither host nor port of a node")
    mac = text_of(txt.get("mac"), 12).upper()
    return Announcement(
        f"{host}:{port}",
        "mdns",
        {"encrypted": "api_encryption" in txt},
        name=text_of(txt.get("friendly_name")) or name[:80],
        vendor="ESPHome",
        model=text_of(txt.get("board")),
        serial=":".join(mac[at : at + 2] for at in range(0, len(mac), 2)),
        firmware=text_of(txt.get("version")),
    )


def _kept(entities: Iterable[Any]) -> list[dict[str, Any]]:
    found = [one for one in map(dict_of, entities) if text_of(one.get("type")) in TYPES and type(one.get("key")) is int]
    return found[:ENTITIES_MAX]


def _sub(said: Mapping[str, Any]) -> dict[str, Any]:
    return {"device_id": said.get("device_id"), "name": text_of(said.get("name"))}


def _entities(said: Mapping[str, Any]) -> Iterator[tuple[Address, list[Part]]]:
    """The entities of a description, each with its points. Keys are object ids, made unique by the type."""
    devices = map(dict_of, list_of(dict_of(said.get("device")).get("devices")))
    subs = {one["device_id"]: text_of(one.get("name")) for one in devices if type(one.get("device_id")) is int}
    taken: set[str] = set()
    for one in map(dict_of, list_of(said.get("entities"))):
        address = _address(one)
        kind, sub = address[0], subs.get(address[2], "")
        called = text_of(one.get("name"), 60)
        own = text_of(one.get("object_id"), 60) or called or kind
        key = _slug(f"{sub}_{own}" if sub else own)
        entity = Entity(one, key if key not in taken else f"{key}_{kind}", " ".join(filter(None, (sub, called))))
        TYPES.get(kind, _nothing)(entity)
        yield address, [_named_once(part, taken) for part in entity.parts]


def _nothing(entity: Entity) -> None:
    """A type that this version does not know."""


def _named_once(part: Part, taken: set[str]) -> Part:
    """A part of a light may be called as another entity is."""
    key, number = part.point.key, 2
    while key in taken:
        key, number = f"{part.point.key}_{number}", number + 1
    taken.add(key)
    return replace(part, point=part.point.named(key))


def _address(said: Mapping[str, Any]) -> Address:
    """Implausible when it is none."""
    kind, key, device = said.get("type"), said.get("key"), said.get("device_id", 0)
    if not isinstance(kind, str) or type(key) is not int or type(device) is not int:
        raise Implausible("neither type nor key of an entity")
    return kind, key, device


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "value"
