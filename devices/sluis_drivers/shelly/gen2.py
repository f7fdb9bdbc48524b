"""Shelly devices of generation 2 and later, by RPC over MQTT.

Models: Plus, Pro, Mini, Gen3, Gen4, with "Enable MQTT" and RPC notifications on, as delivered.

    <id>/online       retained  true | false (will)
    <id>/events/rpc   {"src", "dst", "method": "NotifyStatus" | "NotifyFullStatus", "params": {"ts": T, C: {...}}}
                      {..., "method": "NotifyEvent", "params": {"ts": T, "events": [{"component": C, "event": E}]}}
    <id>/status/<C>   {...}   the whole status of a component (only with "Generic status update over MQTT")
    <id>/rpc          {"id": N, "src": S, "method": M, "params": {...}}    (to the device)
    S/rpc             {"id": N, "src": <id>, "dst": S, "result": {...}} | {..., "error": {"code", "message"}}

    C component, "switch:0" | T Unix seconds, to 0.01 | E single_push, ... | S ours: sluis-rpc/<id>
A Shelly does not announce itself. One that says that it is online is asked who it is (Shelly.GetDeviceInfo), what it
has (Shelly.GetStatus) and how it is set up (Shelly.GetConfig); the number of the question marks the answer. Updates of
its firmware: updates.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from sluis.model import Refused
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
    Inquiry,
    Kind,
    Link,
    MqttMatch,
    NotMine,
    Occurrence,
    Presence,
    Reading,
    Sniffed,
    Value,
    firmware,
)
from sluis.sdk.payload import dict_of, list_of, no_such_point, object_of, text_of, topic_word
from sluis_drivers.shelly import updates
from sluis_drivers.shelly.components import EVENTS, FIELDS, Field, configs, fields_of, kind_of, shape

QUESTIONS: Mapping[int, str] = {7101: "Shelly.GetDeviceInfo", 7102: "Shelly.GetStatus", 7103: "Shelly.GetConfig"}
"""Number of a question -> its method. Numbers of our own, far from the counters of other programs."""
COMMAND_ID = 7110
CLOCK_SET_S = 1_600_000_000
"""A `ts` before this (September 2020) comes from a device whose clock was never set."""
ANSWER_S = 3.0
"""How long a device may take to answer a command; on a good network it takes 20 ms, over a poor one a second."""


class ShellyGen2(Driver):
    """One Shelly device; its native id is its topic prefix."""

    about = About(
        key="shelly-gen2",
        vendor="Shelly",
        models=("Plus", "Pro", "Gen3", "Gen4"),
        match=MqttMatch(("+/online", "sluis-rpc/+/rpc")),
        sources=("shelly-api-docs.shelly.cloud/gen2: MQTT, RPC Protocol, Notifications, Components (fw 1.4-1.7)",),
        grade=Grade.SILVER,
        acl=(">{id}/#", "<{id}/rpc", "<{id}/command", "<{id}/command/+", "<shellies/command", ">sluis-rpc/{id}/rpc"),
    )

    def __init__(self, native_id: str = "", description: Mapping[str, Any] | None = None) -> None:
        super().__init__(native_id, description)
        status, config = dict_of(self.description.get("status")), dict_of(self.description.get("config"))
        self._fields: dict[str, list[Field]] = {
            name: list(fields_of(name, names, dict_of(config.get(name))))
            for name, names in status.items()
            if kind_of(name) in FIELDS
        }
        self._events, self._status = f"{native_id}/events/rpc", f"{native_id}/status/"
        self._source = f"sluis-rpc/{native_id}"

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Sniffed]:
        first, _, rest = frame.source.partition("/")
        if first == "sluis-rpc" and rest.endswith("/rpc"):
            return _introduced(rest.removesuffix("/rpc"), object_of(frame.data))
        if rest != "online" or not first or topic_word(frame.data) != "true":
            return ()
        return [Inquiry(f"{first}/rpc", _request(number, first, method)) for number, method in QUESTIONS.items()]

    def topics(self) -> Iterable[str]:
        return (f"{self.native_id}/online", self._events, f"{self._status}+", f"{self._source}/rpc")

    def points(self) -> Iterable[Any]:
        return [*(field.point for fields in self._fields.values() for field in fields), *firmware.ALL]

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if frame.source == self._events:
            return self._notified(object_of(frame.data))
        if frame.source == f"{self.native_id}/online":
            presence = _presence(frame)
            started = presence.availability is Availability.ONLINE and not frame.retained
            return [presence, *(firmware.stands(firmware.IDLE) if started else ())]
        if frame.source.startswith(self._status):
            component = frame.source.removeprefix(self._status)
            return self._components({component: object_of(frame.data)}, None)
        if frame.source == f"{self._source}/rpc":
            return self._answered(object_of(frame.data))
        raise NotMine

    def _answered(self, said: Mapping[str, Any]) -> list[Decoded]:
        number, result = said.get("id"), dict_of(said.get("result"))
        if number == 7101:
            return [*updates.installed(result)]
        if number == updates.CHECK_ID:
            return [*updates.offered(said.get("result"))]
        return self._components(result, None) if number == 7102 else []

    def identity(self, frame: Frame) -> str | None:
        """A notification's time to 10 ms with everything it says. Without a clock the time repeats: no identity."""
        if frame.source != self._events:
            return None
        at_us = _instant(dict_of(object_of(frame.data).get("params")))
        return None if at_us is None else frame.data.decode("latin-1")

    def _notified(self, said: dict[str, Any]) -> list[Decoded]:
        method, params = said.get("method"), said.get("params")
        if not isinstance(params, dict):
            raise Implausible("a notification without params")
        if method == "NotifyEvent":
            return self._happened(params)
        if method in ("NotifyStatus", "NotifyFullStatus"):
            return self._components(params, _instant(params))
        raise NotMine

    def _happened(self, params: dict[str, Any]) -> list[Decoded]:
        found: list[Decoded] = []
        for event in map(dict_of, list_of(params.get("events"))[:20]):
            if event.get("component") == "sys":
                found += updates.happened(event)
            fields = self._fields.get(text_of(event.get("component")), [])
            what = text_of(event.get("event"))
            if fields and what in EVENTS and fields[0].point.kind is Kind.TRIGGER:
                found.append(Occurrence(fields[0].point.key, what))
        return found

    def _components(self, said: Mapping[str, Any], at_us: int | None) -> list[Decoded]:
        found: list[Decoded] = [*updates.offered(dict_of(said.get("sys")).get("available_updates"))]
        for name, status in said.items():
            for field in self._fields.get(name, ()):
                value = status
                for step in field.path:
                    value = value.get(step) if isinstance(value, dict) else None
                if value is not None and field.path:
                    found.append(Reading(field.point.key, _checked(field, value), at_us=at_us))
        return found

    async def perform(self, link: Link, command: Command) -> None:
        """Ask the device; its own refusal is the command's."""
        if command.point == firmware.UPDATE.key:
            await self._ask(link, COMMAND_ID, *updates.call(command.value))
            return
        if command.point == firmware.CHECK.key:
            await self._ask(link, updates.CHECK_ID, "Shelly.CheckForUpdate", {}, firmware.STARTS_S)
            return
        fields = [field for fields in self._fields.values() for field in fields if field.point.key == command.point]
        if not fields or fields[0].call is None:
            raise no_such_point(command.point)
        await self._ask(link, COMMAND_ID, *fields[0].call(command.value))

    async def _ask(
        self, link: Link, number: int, method: str, params: Mapping[str, Any], timeout_s: float = ANSWER_S
    ) -> None:
        data = _request(number, self.native_id, method, params)
        answer = await link.request(data, to=f"{self.native_id}/rpc", reply=f"{self._source}/rpc", timeout_s=timeout_s)
        error = dict_of(object_of(answer.data).get("error"))
        if error:
            raise Refused(f"{method}: {text_of(error.get('message'), 200) or 'refused'} ({error.get('code')!s:.20})")


def _request(number: int, native_id: str, method: str, params: Mapping[str, Any] | None = None) -> bytes:
    asked: dict[str, Any] = {"id": number, "src": f"sluis-rpc/{native_id}", "method": method}
    return msgspec.json.encode(asked | ({"params": params} if params else {}))


def _introduced(native_id: str, said: dict[str, Any]) -> list[Sniffed]:
    """What a device answered about itself."""
    result, method = said.get("result"), QUESTIONS.get(said["id"]) if isinstance(said.get("id"), int) else None
    if not isinstance(result, dict) or method is None or not native_id or "/" in native_id:
        return []
    if method == "Shelly.GetStatus":
        return [Announcement(native_id, "status", shape(result))]
    if method == "Shelly.GetConfig":
        return [Announcement(native_id, "config", configs(result))]
    told = {"name": "name", "model": "app", "serial": "mac", "firmware": "ver"}
    texts = {field: text_of(result.get(key)) for field, key in told.items()}
    texts["model"] = texts["model"] or text_of(result.get("model"))
    return [Announcement(native_id, "device", {"model": text_of(result.get("model"))}, vendor="Shelly", **texts)]


def _presence(frame: Frame) -> Presence:
    word = topic_word(frame.data)
    if word not in ("true", "false"):
        raise NotMine
    up = word == "true"
    return Presence(Availability.ONLINE if up else Availability.OFFLINE, reason="device says so" if up else "will")


def _instant(params: Mapping[str, Any]) -> int | None:
    """`ts` in microseconds; None when the device has no clock."""
    ts = params.get("ts")
    if isinstance(ts, bool) or not isinstance(ts, int | float) or not CLOCK_SET_S < ts < 4e9:
        return None
    return round(ts * 1e6)


def _checked(field: Field, value: object) -> Value:
    kind = field.point.kind
    if kind is Kind.SWITCH and isinstance(value, bool):
        return value
    if kind is Kind.CHOICE and isinstance(value, str):
        return value[:40]
    if kind is Kind.NUMBER and isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise Implausible(f"{field.point.key}: {str(value)[:40]!r} is no {kind.value}")
