"""Tasmota: relays, lights, shutters, switches, buttons and sensors, over the firmware's own MQTT topics.

Models: whatever runs Tasmota 9.2 or newer with SetOption19 0 (the firmware's own discovery).

    tasmota/discovery/<MAC>/config   retained  {"t", "ft", "tp", "rl": [R...], "lt_st": L, "so": {...}, ...}
    tasmota/discovery/<MAC>/sensors  retained  {"sn": {SENSOR: {NAME: value}, "TempUnit": "C"}}
    <tele>/LWT                       retained  Online | Offline (`onln`, `ofln`)
    <tele>/STATE    {"POWERn", "Dimmer", "CT", "HSBColor": "h,s,b", "ShutterN", "Wifi": {"Signal"}}   each TelePeriod
    <tele>/SENSOR   {"ENERGY": {"Power", ...}, SENSOR: {NAME: value}, "Switch1": "ON"}                each TelePeriod
    <stat>/RESULT   the part of STATE that changed; {"Button1": {"Action": "SINGLE"}}
    <cmnd>/OtaUrl URL, <cmnd>/Upgrade 1   {"Upgrade": "Version 13.4.0(...) from URL"} in RESULT, then
    <stat>/UPGRADE  {"Upgrade": "Successful. Restarting" | "Failed WHY"}, and after the restart
    <tele>/INFO1    {"Info1": {"Module", "Version": "14.2.0(release-tasmota)"}}

    <tele> <stat> <cmnd> = `ft` with %prefix% from `tp` [cmnd, stat, tele], %topic%, %hostname%, %id%
    R  0 none 1 relay 2 light 3 shutter (two relays each) | L  1 dimmer 2 +CT 3 RGB 4 RGB+W 5 RGB+CCT
    (minimal) in a Version: half way, an ESP8266 of 1 MB makes room by it and goes on by itself.
    NAME null: the sensor did not answer. Frames carry `Time` in whole seconds, so they have no identity; the
    firmware publishes with QoS 0 and never twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

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
    Link,
    MqttMatch,
    NotMine,
    Point,
    Presence,
    Sniffed,
    firmware,
)
from sluis.sdk.payload import no_such_point, object_of, text_of, topic_word
from sluis_drivers.tasmota import parts, updates

CONFIG_KEYS = ("btn", "dn", "fn", "ft", "hn", "lk", "lt_st", "mac", "ofln", "onln", "rl", "sho", "so", "state", "swc")
"""What of the announcement the driver needs; an IP address that changes is no new description."""


class Tasmota(Driver):
    """One Tasmota device."""

    about = About(
        key="tasmota",
        vendor="Tasmota",
        models=("Tasmota 9.2+",),
        match=MqttMatch(("tasmota/discovery/+/config", "tasmota/discovery/+/sensors")),
        sources=(
            "tasmota.github.io/docs: MQTT, Commands, Status-Responses (13-15)",
            "hatasmota 0.9.2 (discovery)",
            "arendst/Tasmota support_command.ino CmndUpgrade, support_tasmota.ino (14.2: the answers of an update)",
        ),
        grade=Grade.SILVER,
        acl=(">tasmota/discovery/{id}/#", ">tele/{topic}/#", ">stat/{topic}/#", "<cmnd/{topic}/#", "<cmnd/tasmotas/#"),
    )

    def __init__(self, native_id: str = "", description: Mapping[str, Any] | None = None) -> None:
        super().__init__(native_id, description)
        config = parts.Config.of(native_id, self.description.get("config", {}))
        self._config = config
        self._tele, self._stat, self._cmnd = (config.topic(prefix) for prefix in ("tele", "stat", "cmnd"))
        self._announcement = f"tasmota/discovery/{native_id}/config"
        self._parts = [
            *parts.relays(config, self.description.get("sensors", {})),
            *parts.lights(config),
            *parts.shutters(config),
            *parts.contacts(config),
            *parts.sensors(self.description.get("sensors", {})),
            *parts.health(),
            *updates.parts(),
        ]
        self._by_name: dict[str, list[parts.Part]] = {}
        for part in self._parts:
            self._by_name.setdefault(part.path[0], []).append(part)

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Sniffed]:
        native_id, _, fragment = frame.source.removeprefix("tasmota/discovery/").partition("/")
        if not native_id or fragment not in ("config", "sensors"):
            raise NotMine
        if not frame.data:
            return [Announcement(native_id, fragment, None)]
        said = object_of(frame.data)
        if fragment == "sensors":
            return [Announcement(native_id, fragment, parts.shape(said))]
        content = {key: said[key] for key in (*CONFIG_KEYS, "t", "tp") if key in said}
        if not all(text_of(said.get(key)) for key in ("t", "ft")):
            raise Implausible("neither topic nor full topic")
        told = {field: text_of(said.get(key)) for field, key in (("name", "dn"), ("model", "md"), ("firmware", "sw"))}
        return [Announcement(native_id, fragment, content, vendor="Tasmota", serial=text_of(said.get("mac")), **told)]

    def topics(self) -> Iterable[str]:
        if not self._tele:
            return ()
        answers = "+" if self._config.option("4") else "RESULT"
        said = (f"{self._tele}{what}" for what in ("LWT", "STATE", "SENSOR", "INFO1"))
        update = () if answers == "+" else (f"{self._stat}UPGRADE",)
        return (*said, f"{self._stat}{answers}", *update, self._announcement)

    def points(self) -> Iterable[Point]:
        return {part.point.key: part.point for part in self._parts}.values()

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if frame.source == f"{self._tele}LWT":
            return [self._presence(frame)]
        if frame.source == self._announcement:
            return updates.announced(object_of(frame.data)) if frame.data else []
        if not self._tele or not frame.source.startswith((self._tele, self._stat)):
            raise NotMine
        if frame.data[:1] != b"{" and frame.source.startswith(self._stat):
            raise NotMine  # stat/<t>/POWER and the like: RESULT says the same
        return self._said(object_of(frame.data))

    def _said(self, said: dict[str, Any]) -> list[Decoded]:
        found: list[Decoded] = []
        for name, value in said.items():
            for part in self._by_name.get(name, ()):
                item = part.read(parts.dig(value, part.path[1:]))
                if item is not None:
                    found.append(item)
        return found

    def _presence(self, frame: Frame) -> Presence:
        word = topic_word(frame.data)
        if word == self._config.online:
            return Presence(Availability.ONLINE, reason="device says so")
        if word == self._config.offline:
            return Presence(Availability.OFFLINE, reason="will")
        raise NotMine

    async def perform(self, link: Link, command: Command) -> None:
        if command.point == firmware.UPDATE.key:
            await self._update(link, firmware.wanted(command.value))
            return
        for part in self._parts:
            if part.point.key == command.point and part.command is not None:
                name, words = part.command(command.value)
                await link.send(words.encode(), to=self._cmnd + name)
                return
        raise no_such_point(command.point)

    async def _update(self, link: Link, url: str) -> None:
        """From `url`, which the device keeps; without one from where it was set to (the maker's, as delivered)."""
        if url:
            await link.send(url.encode(), to=f"{self._cmnd}OtaUrl")
        await link.send(b"1", to=f"{self._cmnd}Upgrade")
