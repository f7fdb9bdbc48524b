"""Zigbee2MQTT: the bridge, and every Zigbee device behind it with the points its definition exposes.

Models: Zigbee2MQTT 1.17 to 2.x, any adapter; thousands of Zigbee products.

    <base>/bridge/state          retained  {"state": "online"} (2.x) | online (1.x); will offline
    <base>/bridge/info           retained  {"version", "coordinator": {"type"}, "permit_join"}
    <base>/bridge/devices        retained  [{"ieee_address", "type", "friendly_name", "definition": {"vendor", "model",
                                             "exposes": [...]}, "software_build_id", "disabled"}]
    <base>/<name>                          {PROPERTY: value, ...}   (a composite's values one level deeper)
    <base>/<name>/availability   retained  {"state": "online"} (2.x) | online (1.x)
    <base>/<name>/set                      {PROPERTY: value}                              (to the device)
    <base>/bridge/request/permit_join      {"time": seconds}                              (to the bridge)
    updates of a device's firmware (`supports_ota` in its definition): updates.py

    <base> "zigbee2mqtt" as delivered, one or two levels here | <name> friendly name, may hold slashes, may change
    PROPERTY null: not known; "" for an action: over. The native id is the IEEE address; the bridge's is <base>.
State messages carry no number and no reliable time (`last_seen` is optional), so they have no identity.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from sluis.sdk import (
    About,
    Announcement,
    Availability,
    Command,
    Decoded,
    Driver,
    Frame,
    Grade,
    Implausible,
    Kind,
    Link,
    MqttMatch,
    NotMine,
    Point,
    Presence,
    Roster,
    Sniffed,
    firmware,
)
from sluis.sdk.payload import dict_of, json_of, no_such_point, object_of, text_of, wished_switch
from sluis_drivers.zigbee2mqtt import updates
from sluis_drivers.zigbee2mqtt.exposes import Leaf, leaves, trimmed

PERMIT_JOIN = Point(kind=Kind.SWITCH, writable=True, category="config", key="permit_join", name="Permit join")
JOIN_S = 254
"""How long the network stays open for new devices: the longest that Zigbee's own request takes; it closes itself."""
MAX_DEVICES = 500
"""Devices taken from one list. A coordinator holds some 200; a longer list is an attack or another program's."""
MAX_NAME = 200


class Zigbee2Mqtt(Driver):
    """The bridge, or one device behind it."""

    about = About(
        key="zigbee2mqtt",
        vendor="Zigbee2MQTT",
        models=("Zigbee2MQTT 1.17+",),
        match=MqttMatch(
            tuple(f"{base}/bridge/{topic}" for base in ("+", "+/+") for topic in ("state", "info", "devices"))
        ),
        sources=(
            "zigbee2mqtt.io/guide/usage: MQTT topics and messages, Exposes, Device-Availability, OTA updates (2.1)",
        ),
        grade=Grade.SILVER,
        acl=(">{id}/#", "<{id}/#"),
    )

    def __init__(self, native_id: str = "", description: Mapping[str, Any] | None = None) -> None:
        super().__init__(native_id, description)
        said = dict_of(self.description.get(""))
        self._base = text_of(said.get("base"), MAX_NAME)
        name = text_of(said.get("name"), MAX_NAME)
        self._is_bridge = not name
        self._leaves: list[Leaf] = leaves(said.get("exposes"))
        self._updates = bool(name) and said.get("ota") is True
        self._topic = f"{self._base}/{name}" if name else f"{self._base}/bridge"

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Sniffed]:
        base, found, what = frame.source.rpartition("/bridge/")
        if not found or not base:
            raise NotMine
        if not frame.data:
            return ()
        if what == "devices":
            return _listed(base, json_of(frame.data))
        if what == "info":
            return [_bridge(base, object_of(frame.data))]
        if what == "state":
            _availability(frame)
            return [Announcement(base, content={"base": base}, vendor="Zigbee2MQTT", model="bridge")]
        raise NotMine

    def topics(self) -> Iterable[str]:
        if not self._base:
            return ()
        if self._is_bridge:
            return (f"{self._topic}/state", f"{self._topic}/info")
        answers = updates.topics(self._base) if self._updates else ()
        return (self._topic, f"{self._topic}/availability", *answers)

    def points(self) -> Iterable[Point]:
        if self._is_bridge:
            return [PERMIT_JOIN]
        return [*(leaf.point for leaf in self._leaves), *(firmware.ALL if self._updates else ())]

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        tail = frame.source.removeprefix(self._topic) if self._base else None
        if tail == "/info" and self._is_bridge:
            joining = object_of(frame.data).get("permit_join")
            return [PERMIT_JOIN(joining)] if isinstance(joining, bool) else []
        if tail == ("/state" if self._is_bridge else "/availability"):
            return [_presence(frame)] if frame.data else []
        if tail == "" and not self._is_bridge:
            return self._state(object_of(frame.data)) if frame.data else []
        if self._updates and frame.source in updates.topics(self._base):
            return updates.answered(frame.source.rpartition("/")[2], object_of(frame.data), self.native_id)
        raise NotMine

    def _state(self, said: dict[str, Any]) -> list[Decoded]:
        found: list[Decoded] = []
        for leaf in self._leaves:
            value: Any = said
            for step in leaf.path:
                value = value.get(step) if isinstance(value, dict) else None
            item = None if value is None else leaf.read(value)
            if item is not None:
                found.append(item)
        return [*found, *(updates.reported(said.get("update")) if self._updates else ())]

    async def perform(self, link: Link, command: Command) -> None:
        if self._is_bridge and command.point == PERMIT_JOIN.key:
            span_s = JOIN_S if wished_switch(command.point, command.value) else 0
            await link.send(msgspec.json.encode({"time": span_s}), to=f"{self._topic}/request/permit_join")
            return
        if self._updates and command.point in updates.VERBS:
            if command.point == firmware.UPDATE.key:
                firmware.newest_only(command.value)
            verb = f"device/ota_update/{updates.VERBS[command.point]}"
            await link.send(updates.request(self.native_id), to=f"{self._base}/bridge/request/{verb}")
            return
        leaf = next((leaf for leaf in self._leaves if leaf.point.key == command.point), None)
        if leaf is None or not leaf.point.writable:
            raise no_such_point(command.point)
        await link.send(msgspec.json.encode(leaf.wished(command.value)), to=f"{self._topic}/set")


def _listed(base: str, said: Any) -> list[Sniffed]:
    """Every device of a bridge's list, then the list itself: who is missing has left. A list with an entry that cannot
    be read is no complete list: it announces, but nobody has left by it."""
    if not isinstance(said, list):
        raise Implausible("bridge/devices is no list")
    found: list[Sniffed] = []
    known: set[str] = set()
    whole = len(said) <= MAX_DEVICES
    for entry in map(dict_of, said[:MAX_DEVICES]):
        ieee, name = text_of(entry.get("ieee_address")), text_of(entry.get("friendly_name"), MAX_NAME)
        if entry.get("type") == "Coordinator":
            continue
        whole = whole and bool(ieee)
        if ieee and name and not {"+", "#"} & set(name):
            known.add(ieee)
            if entry.get("disabled") is not True:
                found.append(_device(base, ieee, name, entry))
    return [*found, Roster(base, frozenset(known))] if whole else found


def _device(base: str, ieee: str, name: str, entry: Mapping[str, Any]) -> Announcement:
    definition = dict_of(entry.get("definition"))
    content = {"base": base, "name": name, "exposes": trimmed(definition.get("exposes"))}
    return Announcement(
        ieee,
        content=content | ({"ota": True} if definition.get("supports_ota") is True else {}),
        name=name,
        vendor=text_of(definition.get("vendor")) or text_of(entry.get("manufacturer")),
        model=text_of(definition.get("model")) or text_of(entry.get("model_id")),
        serial=ieee,
        firmware=text_of(entry.get("software_build_id")),
        parent=base,
    )


def _bridge(base: str, said: Mapping[str, Any]) -> Announcement:
    coordinator = text_of(dict_of(said.get("coordinator")).get("type"))
    version = text_of(said.get("version"))
    return Announcement(base, "info", {"version": version, "coordinator": coordinator}, firmware=version)


def _availability(frame: Frame) -> str:
    """`online` or `offline`, plain or as JSON. NotMine for anything else."""
    data = frame.data
    word = object_of(data).get("state") if data[:1] == b"{" else data.decode("ascii", "replace")
    if word not in ("online", "offline"):
        raise NotMine
    return str(word)


def _presence(frame: Frame) -> Presence:
    return Presence(Availability(_availability(frame)), reason="Zigbee2MQTT says so")
