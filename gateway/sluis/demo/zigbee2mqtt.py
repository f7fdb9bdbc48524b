"""A Zigbee2MQTT bridge with a few Zigbee devices behind it.

After Zigbee2MQTT 2.x's guide (MQTT topics and messages, Exposes, Device-Availability) and its bridge
extension: `bridge/state`, `bridge/info`, `bridge/devices`, `bridge/groups` and `bridge/definitions` retained;
`bridge/logging`, `bridge/event` and device state not; `bridge/request/X` answered on `bridge/response/X` with
the caller's `transaction`. Each connection publishes what is cached, as `cache_state` does.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from typing import Any

from sluis.demo import zigbee_models as models
from sluis.demo.office import Office
from sluis.demo.standin import Every, Json, Message, Now, StandIn, message, parsed

BASE = "zigbee2mqtt"
VERSION = "2.1.3"
COORDINATOR = "0x00124b0024c1a2b0"
REPORT_S = 15.0
"""How often the demo's sensors report. Real ones do so on change, or once an hour at the latest; a demo must live."""


NEWEST = 587880003
"""File version of the bulb's newest image; the demo's bridge has no other."""
OTA_STEPS = (0.0, 30.0, 65.0, 99.0)
"""Per cent of an update over the air, one each second. Real ones take half an hour."""

ACCESS_BITS = {"set": 2, "get": 4}
"""Bits of `access` (1: published)."""


class RequestError(Exception):
    """What the bridge answers with status error."""


class ZigbeeDevice:
    """One device behind the bridge: its description and its cached state."""

    role = "EndDevice"
    power_source = "Battery"
    definition: dict[str, Any]
    model_id = ""
    manufacturer = "LUMI"

    def __init__(self, ieee: str, name: str, bridge: Zigbee2Mqtt) -> None:
        self.ieee = ieee
        self.name = name
        self.bridge = bridge
        self.state: dict[str, Any] = {}
        self.every = Every(REPORT_S, first_s=bridge.chance.uniform(0.5, 3.0))

    def measure(self) -> dict[str, Any]:
        """What a report carries now; {} when there is nothing to report."""
        return {}

    def set(self, wished: dict[str, Any]) -> dict[str, Any]:
        """Carry out a command; returns the attributes that changed."""
        return {}

    def described(self) -> dict[str, Any]:
        """This device's entry in `bridge/devices`."""
        entry = {"ieee_address": self.ieee, "type": self.role, "network_address": int(self.ieee[-4:], 16)}
        entry |= {"supported": True, "friendly_name": self.name, "disabled": False, "definition": self.definition}
        entry |= {"power_source": self.power_source, "date_code": "20240218", "model_id": self.model_id}
        entry |= {"interviewing": False, "interview_completed": True, "interview_state": "SUCCESSFUL"}
        endpoint: Json = {"name": None, "scenes": [], "bindings": [], "configured_reportings": []}
        endpoint["clusters"] = {"input": ["genBasic"], "output": []}
        return entry | {"manufacturer": self.manufacturer, "endpoints": {"1": endpoint}}

    def access(self, name: str) -> int:
        """The access bits of one of its properties; 0 when it has none of that name."""
        exposes = self.definition["exposes"]
        flat = [part for each in exposes for part in each.get("features", [each])]
        return next((part["access"] for part in flat if part["property"] == name), 0)

    @property
    def quality(self) -> int:
        return 140 + self.bridge.chance.randint(-25, 25)


class Climate(ZigbeeDevice):
    """A temperature, humidity and pressure sensor in the office."""

    definition = models.CLIMATE
    model_id = "lumi.weather"

    def measure(self) -> dict[str, Any]:
        room = self.bridge.sees.rooms["Office"]
        measured = {"battery": 87, "humidity": self.bridge.noise(room.humidity_pct, 0.3, 2)}
        measured |= {"pressure": self.bridge.noise(1014.0, 0.4), "voltage": 2985}
        return measured | {"temperature": self.bridge.noise(room.temperature_c, 0.05, 2), "linkquality": self.quality}


class Bulb(ZigbeeDevice):
    """A dimmable bulb at the reception."""

    role, power_source = "Router", "Mains (single phase)"
    definition = models.BULB
    model_id, manufacturer = "TRADFRI bulb E27 WS opal 980lm", "IKEA of Sweden"

    def __init__(self, ieee: str, name: str, bridge: Zigbee2Mqtt) -> None:
        super().__init__(ieee, name, bridge)
        self.color_temp = 370
        self.version = 587814449
        self.latest = self.version
        """What the bridge knows of; it looks when it is asked."""
        self.ota: tuple[Any, float, int] | None = None
        """While an update runs: its request, when its next step is, and which."""
        self.deaf = False
        """It does not answer to the next update."""

    def update(self) -> dict[str, Any]:
        said: Json = {"installed_version": self.version, "latest_version": self.latest}
        if self.ota is not None:
            at = OTA_STEPS[min(self.ota[2], len(OTA_STEPS) - 1)]
            return said | {"state": "updating", "progress": at, "remaining": round(100 - at)}
        return said | {"state": "idle" if self.version == self.latest else "available"}

    def measure(self) -> dict[str, Any]:
        lamp = self.bridge.sees.loads["bulb light"]
        measured = {"state": "ON" if lamp.on else "OFF", "brightness": round(lamp.level * 254)}
        measured |= {"color_temp": self.color_temp, "color_mode": "color_temp", "power_on_behavior": "previous"}
        return measured | {
            "update": self.update(),
            "linkquality": self.quality,
        }

    def set(self, wished: dict[str, Any]) -> dict[str, Any]:
        lamp = self.bridge.office.loads["bulb light"]
        if isinstance(wished.get("brightness"), int | float):
            lamp.level = min(254.0, max(0.0, wished["brightness"])) / 254
            lamp.on = lamp.level > 0
        if "state" in wished:
            lamp.on = switched(str(wished["state"]), lamp.on)
        if isinstance(wished.get("color_temp"), int | float):
            self.color_temp = min(454, max(250, round(wished["color_temp"])))
        lamp.step(0)
        return self.measure()


class Plug(ZigbeeDevice):
    """A plug with a power meter, behind the printer."""

    role, power_source = "Router", "Mains (single phase)"
    definition = models.PLUG
    model_id, manufacturer = "TS011F", "_TZ3000_cehuw1lw"

    def measure(self) -> dict[str, Any]:
        load = self.bridge.sees.loads["printer"]
        voltage = round(231 + self.bridge.chance.uniform(-1, 1))
        measured: Json = {"state": "ON" if load.on else "OFF", "power": round(load.watts), "voltage": voltage}
        measured |= {"current": round(load.watts / voltage, 2), "energy": round(41.27 + load.energy_wh / 1000, 2)}
        measured |= {
            "child_lock": "UNLOCK",
            "indicator_mode": "off/on",
            "power_outage_memory": "restore",
            "countdown": 0,
        }
        return measured | {"linkquality": self.quality}

    def set(self, wished: dict[str, Any]) -> dict[str, Any]:
        load = self.bridge.office.loads["printer"]
        if "state" in wished:
            load.on = switched(str(wished["state"]), load.on)
            load.step(0)
        return self.measure()


class Contact(ZigbeeDevice):
    """A contact on the office window. It reports changes at once, and itself once in a while."""

    definition = models.CONTACT
    model_id = "lumi.sensor_magnet.aq2"

    def measure(self) -> dict[str, Any]:
        measured = {"battery": 100, "contact": not self.bridge.sees.door_open, "device_temperature": 21}
        return measured | {"voltage": 3025, "linkquality": self.quality}


class Button(ZigbeeDevice):
    """A wireless button somebody presses now and then. `action` is published alone, never kept."""

    definition = models.BUTTON
    model_id = "lumi.sensor_switch"

    def __init__(self, ieee: str, name: str, bridge: Zigbee2Mqtt) -> None:
        super().__init__(ieee, name, bridge)
        self.every = Every(90.0, first_s=20.0)

    def measure(self) -> dict[str, Any]:
        action = self.bridge.chance.choice(["single", "single", "double", "hold"])
        return {"action": action, "battery": 91, "voltage": 2995, "linkquality": self.quality}


def switched(word: str, was: bool) -> bool:
    """The state after ON, OFF or TOGGLE; anything else changes nothing."""
    return {"ON": True, "OFF": False, "TOGGLE": not was}.get(word.upper(), was)


class Zigbee2Mqtt(StandIn):
    """The bridge process."""

    family = "zigbee2mqtt"
    native_id = BASE
    client_id = "mqttjs_demo_z2m"
    filters = (f"{BASE}/#",)
    topics = (f"{BASE}/#",)
    will = message(f"{BASE}/bridge/state", {"state": "offline"}, retain=True, qos=1)

    def __init__(self, office: Office, chance: random.Random, *, name: str = "zigbee") -> None:
        super().__init__(office, chance)
        self.name = name
        self.join_until_s: float | None = None
        self.join_end_ms: int | None = None
        self._window_open = office.door_open
        made: list[ZigbeeDevice] = [
            Climate("0x00158d0004a1b2c3", "office/climate", self),
            Bulb("0x000b57fffe8e083c", "reception_lamp", self),
            Plug("0xa4c138f1e2d3b4a5", "printer_plug", self),
            Contact("0x00158d0002d4e5f6", "office/window", self),
            Button("0x00158d00029b1a2c", "reception_button", self),
        ]
        self.devices = {device.name: device for device in made}

    # --- what it says by itself ------------------------------------------------------------------

    def connected(self, now: Now) -> Iterable[Message]:
        yield message(f"{BASE}/bridge/state", {"state": "online"}, retain=True, qos=1)
        yield from (self._info(), self._devices(), self._groups(), self._definitions())
        for device in self.devices.values():
            yield message(f"{BASE}/{device.name}/availability", {"state": "online"}, retain=True, qos=1)
            if device.state:
                yield self._publish(device)
        yield self._log("info", "Zigbee2MQTT started!", "z2m")

    def goodbye(self, now: Now) -> Iterable[Message]:
        yield message(f"{BASE}/bridge/state", {"state": "offline"}, retain=True, qos=1)

    def tick(self, now: Now) -> Iterable[Message]:
        if self.join_until_s is not None and now.s >= self.join_until_s:
            self.join_until_s = self.join_end_ms = None
            yield self._info()
        moved, self._window_open = self._window_open != self.sees.door_open, self.sees.door_open
        for device in self.devices.values():
            if isinstance(device, Bulb) and device.ota is not None and now.s >= device.ota[1]:
                yield from self._updating(device, *device.ota, now)
            if device.every.due(now.s) or (moved and isinstance(device, Contact)):
                yield self._report(device, device.measure())

    def _report(self, device: ZigbeeDevice, measured: dict[str, Any]) -> Message:
        device.state |= {key: value for key, value in measured.items() if key != "action"}
        return self._publish(device, {"action": measured["action"]} if "action" in measured else {})

    def _publish(self, device: ZigbeeDevice, extra: dict[str, Any] | None = None) -> Message:
        return message(f"{BASE}/{device.name}", dict(sorted((device.state | (extra or {})).items())))

    # --- what it answers -------------------------------------------------------------------------

    def received(self, topic: str, payload: bytes, now: Now) -> Iterable[Message]:
        path = topic.removeprefix(f"{BASE}/")
        if path.startswith("bridge/request/"):
            return self._request(path.removeprefix("bridge/request/"), parsed(payload), now)
        for verb in ("set", "get"):
            name, found, attribute = path.partition(f"/{verb}")
            if found and name in self.devices and (not attribute or attribute.startswith("/")):
                return self._to_device(self.devices[name], verb, attribute[1:], payload)
            if found and (not attribute or attribute.startswith("/")):
                return [self._log("error", f"Entity '{name}' is unknown", "z2m")]
        return ()

    def _to_device(self, device: ZigbeeDevice, verb: str, attribute: str, payload: bytes) -> Iterable[Message]:
        wished = parsed(payload)
        if attribute:
            wished = {attribute: wished}
        elif isinstance(wished, str) and wished.lower() in ("on", "off", "toggle"):
            wished = {"state": wished}
        if not isinstance(wished, dict):
            return [self._log("error", f"Invalid message '{wished}', skipping...", "z2m")]
        refused = [name for name in wished if not device.access(name) & ACCESS_BITS[verb]]
        if refused:
            said = f"No converter available for '{verb}' '{refused[0]}' ({json.dumps(wished[refused[0]])})"
            return [self._log("error", said, "z2m")]
        return [self._report(device, device.set(wished) if verb == "set" else device.measure())]

    def _request(self, kind: str, asked: Any, now: Now) -> Iterable[Message]:
        handlers: dict[str, Callable[[Any, Now], tuple[dict[str, Any], list[Message]]]] = {
            "permit_join": self._permit_join,
            "device/rename": self._rename,
            "device/ota_update/check": self._ota_check,
            "health_check": lambda _asked, _now: ({"healthy": True}, []),
        }
        if kind == "device/ota_update/update":
            yield from self._ota_update(asked, now)
            return
        handler = handlers.get(kind)
        if handler is None:
            return
        transaction = (
            {"transaction": asked["transaction"]} if isinstance(asked, dict) and "transaction" in asked else {}
        )
        try:
            content, notes = handler(asked, now)
        except RequestError as error:
            yield self._log("error", f"Request '{BASE}/bridge/request/{kind}' failed with error: '{error}'", "z2m")
            failed = {"data": {}, "status": "error", "error": str(error)} | transaction
            yield message(f"{BASE}/bridge/response/{kind}", failed)
            return
        yield from notes
        yield message(f"{BASE}/bridge/response/{kind}", {"data": content, "status": "ok"} | transaction)

    def _permit_join(self, asked: Any, now: Now) -> tuple[dict[str, Any], list[Message]]:
        wished = asked.get("time") if isinstance(asked, dict) else asked
        if not isinstance(wished, int | float | str) or not str(wished).isdigit() or int(wished) > 254:
            raise RequestError("Invalid payload")
        span_s = int(wished)
        self.join_until_s = now.s + span_s if span_s else None
        self.join_end_ms = int((now.unix_s + span_s) * 1000) if span_s else None
        return {"time": span_s}, [self._info()]

    def _rename(self, asked: Any, now: Now) -> tuple[dict[str, Any], list[Message]]:
        if not isinstance(asked, dict) or "from" not in asked or "to" not in asked:
            raise RequestError("Invalid payload")
        found = next((d for d in self.devices.values() if asked["from"] in (d.name, d.ieee)), None)
        if found is None:
            raise RequestError(f"Device '{asked['from']}' does not exist")
        if asked["to"] in self.devices:
            raise RequestError(f"friendly_name '{asked['to']}' is already in use")
        was = found.name
        self.devices.pop(was)
        found.name = str(asked["to"])
        self.devices[found.name] = found
        notes = [
            message(f"{BASE}/{was}", b"", retain=True),
            message(f"{BASE}/{was}/availability", b"", retain=True, qos=1),
            message(f"{BASE}/{found.name}/availability", {"state": "online"}, retain=True, qos=1),
            self._devices(),
            self._publish(found),
        ]
        return {"from": was, "to": found.name, "homeassistant_rename": bool(asked.get("homeassistant_rename"))}, notes

    def _renewable(self, asked: Any) -> Bulb:
        wished = asked.get("id") if isinstance(asked, dict) else asked
        found = next((d for d in self.devices.values() if wished in (d.name, d.ieee)), None)
        if found is None:
            raise RequestError(f"Device '{wished}' does not exist")
        if not isinstance(found, Bulb):
            raise RequestError(f"Device '{found.name}' does not support OTA updates")
        if found.ota is not None:
            raise RequestError(f"Update or check for update already in progress for '{found.name}'")
        return found

    def _ota_check(self, asked: Any, now: Now) -> tuple[dict[str, Any], list[Message]]:
        bulb = self._renewable(asked)
        bulb.latest = NEWEST
        said = {"id": bulb.ieee, "update_available": bulb.version != bulb.latest}
        return said, [self._report(bulb, bulb.measure())]

    def _ota_update(self, asked: Any, now: Now) -> Iterable[Message]:
        """Answered when it is over; a refusal at once."""
        try:
            bulb = self._renewable(asked)
        except RequestError as error:
            yield self._ota_answer(asked, error=str(error))
            return
        bulb.latest, bulb.ota = NEWEST, (asked, now.s + 1, 0)
        yield self._report(bulb, bulb.measure())

    def _updating(self, bulb: Bulb, asked: Any, _due_s: float, step: int, now: Now) -> Iterable[Message]:
        if bulb.deaf or bulb.version == NEWEST:
            why = "Device didn't respond to OTA request" if bulb.deaf else "No image currently available"
            bulb.ota, bulb.deaf = None, False
            yield self._report(bulb, bulb.measure())
            yield self._ota_answer(asked, error=f"Update of '{bulb.name}' failed ({why})")
        elif step + 1 < len(OTA_STEPS):
            bulb.ota = (asked, now.s + 1, step + 1)
            yield self._report(bulb, bulb.measure())
        else:
            bulb.ota, bulb.version = None, NEWEST
            yield self._report(bulb, bulb.measure())
            yield self._devices()
            yield self._ota_answer(asked, {"id": bulb.ieee, "to": {"software_build_id": "1.0.021"}})

    def _ota_answer(self, asked: Any, content: dict[str, Any] | None = None, error: str = "") -> Message:
        said: Json = {"data": content or {}, "status": "error" if error else "ok"} | ({"error": error} if error else {})
        if isinstance(asked, dict) and "transaction" in asked:
            said["transaction"] = asked["transaction"]
        return message(f"{BASE}/bridge/response/device/ota_update/update", said)

    # --- what it is ------------------------------------------------------------------------------

    def _info(self) -> Message:
        network = {"pan_id": 6754, "extended_pan_id": "0x00124b0024c1a2b0", "channel": 20}
        info: Json = {"version": VERSION, "commit": "b2a7a0e5", "zigbee_herdsman": {"version": "3.4.11"}}
        info |= {"zigbee_herdsman_converters": {"version": "23.6.0"}, "network": network, "log_level": "info"}
        coordinator = {"ieee_address": COORDINATOR, "type": "ZStack3x0", "meta": {"revision": 20240710}}
        info |= {"coordinator": coordinator, "permit_join": self.join_until_s is not None}
        info |= {} if self.join_end_ms is None else {"permit_join_end": self.join_end_ms}
        config = {"availability": {"enabled": True}, "homeassistant": {"enabled": False}, "mqtt": {"base_topic": BASE}}
        info |= {"restart_required": False, "config": config, "config_schema": {}}
        return message(f"{BASE}/bridge/info", info, retain=True)

    def _devices(self) -> Message:
        coordinator = {"ieee_address": COORDINATOR, "type": "Coordinator", "network_address": 0, "supported": True}
        coordinator |= {"friendly_name": "Coordinator", "disabled": False, "definition": None, "endpoints": {}}
        coordinator |= {"interviewing": False, "interview_completed": True, "interview_state": "SUCCESSFUL"}
        listed = [coordinator, *(device.described() for device in self.devices.values())]
        return message(f"{BASE}/bridge/devices", listed, retain=True)

    def _groups(self) -> Message:
        return message(f"{BASE}/bridge/groups", [], retain=True)

    def _definitions(self) -> Message:
        return message(
            f"{BASE}/bridge/definitions", {"clusters": {}, "custom_clusters": {}, "actions": []}, retain=True
        )

    def _log(self, level: str, text: str, namespace: str) -> Message:
        return message(f"{BASE}/bridge/logging", {"level": level, "message": text, "namespace": namespace})
