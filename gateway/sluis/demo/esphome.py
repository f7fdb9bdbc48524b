"""An ESPHome node on MQTT with Home Assistant discovery, in the greenhouse.

After ESPHome's MQTT client component: `<node>/status` (birth and will, retained), `<node>/debug` (log lines),
`<node>/<component>/<object>/state|command` (state retained), discovery on
`homeassistant/<component>/<node>/<object>/config` in the abbreviated keys ESPHome writes by default, lights in
the JSON schema. QoS 0. ESPHome publishes discovery again when it connects, not when Home Assistant is reborn.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

from sluis.demo.office import Office
from sluis.demo.standin import Every, Json, Message, Now, StandIn, message, parsed

VERSION = "2024.10.2 (Oct 18 2024, 09:12:44)"
UPDATE_S = 10.0


class EsphomeNode(StandIn):
    """Greenhouse: climate, light and soil sensors, a door contact, a pump and a grow light."""

    family = "homeassistant"

    def __init__(
        self, office: Office, chance: random.Random, *, name: str = "greenhouse", mac: str = "a0b765c4d3e2"
    ) -> None:
        super().__init__(office, chance)
        self.name = name
        self.node = f"esp-{name}"
        self.mac = mac
        self.native_id = mac
        self.client_id = f"{self.node}-{mac}"
        self.will = message(f"{self.node}/status", "offline", retain=True)
        self.topics = (f"{self.node}/#", f">homeassistant/+/{self.node}/#")
        self.filters = (f"{self.node}/+/+/command",)
        self._every = Every(UPDATE_S, first_s=1.0)
        self._door = Every(240.0, first_s=45.0)
        self._door_open = False

    def connected(self, now: Now) -> Iterable[Message]:
        yield message(f"{self.node}/status", "online", retain=True)
        for component, object_id, config in self._entities():
            topic = f"homeassistant/{component}/{self.node}/{object_id}/config"
            yield message(topic, config | self._common(component, object_id, config), retain=True)
        yield from (self._pump(), self._light(), self._contact())
        self._every.again()

    def goodbye(self, now: Now) -> Iterable[Message]:
        yield message(f"{self.node}/status", "offline", retain=True)

    def tick(self, now: Now) -> Iterable[Message]:
        if self._every.due(now.s):
            yield from self._measure()
        if self._door.due(now.s):
            self._door_open = not self._door_open
            yield self._contact()

    def received(self, topic: str, payload: bytes, now: Now) -> Iterable[Message]:
        _, component, object_id, _ = topic.split("/")
        if (component, object_id) == ("switch", "pump"):
            load = self.office.loads["pump"]
            load.on = onoff(payload.decode("utf-8", "replace"), load.on)
            load.step(0)
            return [self._pump()]
        if (component, object_id) == ("light", "grow_light"):
            return self._set_light(parsed(payload))
        return ()

    def _set_light(self, wished: Any) -> Iterable[Message]:
        if not isinstance(wished, dict):
            return ()
        load = self.office.loads["grow light"]
        if isinstance(wished.get("brightness"), int | float):
            load.level = min(255.0, max(0.0, wished["brightness"])) / 255
        if "state" in wished:
            load.on = onoff(str(wished["state"]), load.on)
        load.step(0)
        return [self._light()]

    # --- what it says ----------------------------------------------------------------------------

    def _state(self, component: str, object_id: str, content: Any) -> Message:
        return message(f"{self.node}/{component}/{object_id}/state", content, retain=True)

    def _measure(self) -> Iterable[Message]:
        room = self.sees.rooms["Greenhouse"]
        values = {
            "temperature": (self.noise(room.temperature_c, 0.05), 1),
            "humidity": (self.noise(room.humidity_pct, 0.4), 1),
            "illuminance": (self.noise(self.sees.lux("Greenhouse"), 3.0), 0),
            "soil_moisture": (self.noise(room.soil_pct, 0.3), 0),
            "wifi_signal": (-61 + self.chance.randint(-3, 3), 0),
        }
        for object_id, (value, digits) in values.items():
            yield self._state("sensor", object_id, f"{value:.{digits}f}")
        shown = f"'Temperature': Sending state {room.temperature_c:.5f} °C with 1 decimals of accuracy"
        yield message(f"{self.node}/debug", f"\033[0;36m[D][sensor:094]: {shown}\033[0m")

    def _pump(self) -> Message:
        return self._state("switch", "pump", "ON" if self.office.loads["pump"].on else "OFF")

    def _contact(self) -> Message:
        return self._state("binary_sensor", "door", "ON" if self._door_open else "OFF")

    def _light(self) -> Message:
        load = self.office.loads["grow light"]
        state = {"color_mode": "brightness", "state": "ON" if load.on else "OFF"}
        return self._state("light", "grow_light", state | {"brightness": int(load.level * 255), "color": {}})

    # --- what it is ------------------------------------------------------------------------------

    def _entities(self) -> list[tuple[str, str, dict[str, Any]]]:
        def sensor(name: str, unit: str, dev_cla: str, **more: Any) -> dict[str, Any]:
            named = {"dev_cla": dev_cla} if dev_cla else {}
            return named | {"unit_of_meas": unit, "stat_cla": "measurement", "name": name} | more

        light = {"schema": "json", "clrm": True, "supported_color_modes": ["brightness"], "brightness": True}
        return [
            ("sensor", "temperature", sensor("Temperature", "°C", "temperature")),
            ("sensor", "humidity", sensor("Humidity", "%", "humidity")),
            ("sensor", "illuminance", sensor("Illuminance", "lx", "illuminance")),
            ("sensor", "soil_moisture", sensor("Soil moisture", "%", "moisture", ic="mdi:water-percent")),
            ("sensor", "wifi_signal", sensor("WiFi Signal", "dBm", "signal_strength", ent_cat="diagnostic")),
            ("binary_sensor", "door", {"dev_cla": "door", "name": "Door"}),
            ("switch", "pump", {"name": "Pump", "ic": "mdi:water-pump"}),
            ("light", "grow_light", light | {"name": "Grow light"}),
        ]

    def _common(self, component: str, object_id: str, config: dict[str, Any]) -> dict[str, Any]:
        base = f"{self.node}/{component}/{object_id}"
        common: dict[str, Any] = {"stat_t": f"{base}/state"}
        if component in ("switch", "light"):
            common["cmd_t"] = f"{base}/command"
        unique = f"{self.mac}-{component}-{fnv1(config['name']):08x}"
        device: Json = {"ids": self.mac, "name": self.node, "sw": VERSION, "mdl": "esp32dev", "mf": "Espressif"}
        device |= {"sa": "Greenhouse", "cns": [["mac", self.mac]]}
        return common | {"avty_t": f"{self.node}/status", "uniq_id": unique, "dev": device}


def fnv1(text: str) -> int:
    """32-bit FNV-1, with which ESPHome makes unique ids from names."""
    value = 2166136261
    for byte in text.encode():
        value = (value * 16777619 & 0xFFFFFFFF) ^ byte
    return value


def onoff(word: str, was: bool) -> bool:
    """ESPHome's parse_on_off: ON, OFF and TOGGLE in any case; anything else changes nothing."""
    return {"on": True, "off": False, "toggle": not was}.get(word.strip().lower(), was)
