"""A Shelly Plus 1PM on MQTT.

After the Shelly Gen2+ API documentation (MQTT, RPC Protocol, RPC Channels, Switch, Shelly), firmware 1.4.

    <id>/online            true | false (will), retained
    <id>/events/rpc        NotifyStatus when something changed (rpc_ntf, on as delivered)
    <id>/rpc               {"id", "src", "method", "params"}  ->  answer on <src>/rpc
    <id>/status/switch:0   the whole status of a component (status_ntf, off as delivered)
    <id>/command/switch:0  on | off | toggle [,seconds]
    <id>/command           announce | status_update

It publishes and subscribes with QoS 1, and never announces itself unasked.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

from sluis.demo.office import Load, Office
from sluis.demo.standin import Every, Json, Message, Now, StandIn, message, parsed

FIRMWARE = "1.4.4"
FIRMWARE_ID = f"20241011-114449/{FIRMWARE}-g6d2a586"
NEWEST = "1.5.1"
"""What its maker offers."""
IMAGES = {"http://demo.invalid/plus1pm.zip": "1.6.2"}
"""Other images there are to download, and the version they hold; anything else is not found."""
OTA_STEPS = (0, 20, 55, 90)
"""Per cent of the download, one each second."""
MAINS_V = 231.0
POWER_STEP_W = 3.0
"""A change of power larger than this is notified at once."""


class RpcError(Exception):
    """The device's own error answer."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class ShellyPlus1PM(StandIn):
    """One relay with a power meter and a wall switch input."""

    family = "shelly-gen2"
    qos = 1

    def __init__(
        self,
        office: Office,
        chance: random.Random,
        *,
        name: str,
        label: str,
        mac: str,
        load: str,
        status_ntf: bool = False,
    ) -> None:
        super().__init__(office, chance)
        self.name = name
        self.label = label
        self.mac = mac
        self.id = f"shellyplus1pm-{mac.lower()}"
        self.native_id = self.client_id = self.id
        self.load_name = load
        self.filters = (f"{self.id}/rpc", f"{self.id}/command", f"{self.id}/command/+", "shellies/command")
        self.topics = (f">{self.id}/#", ">+/rpc", ">+/+/rpc", *(f"<{each}" for each in self.filters))
        self.will = message(f"{self.id}/online", "false", retain=True, qos=1)
        self.status_ntf = status_ntf
        self.firmware = FIRMWARE
        self._ota: tuple[str | None, float, int] | None = None
        """Version that an update is to (None where the image is not found), when its next step is, and which."""
        self.source = "init"
        self._flip_s: float | None = None
        self._timer: tuple[float, float] | None = None
        self._notified_w = 0.0
        self._booted_s: float | None = None
        self._minute: list[float] = [0.0, 0.0, 0.0]
        self._minute_wh = 0.0
        self._minutely = Every(60.0, first_s=60.0)

    @property
    def load(self) -> Load:
        return self.office.loads[self.load_name]

    # --- what it says by itself ------------------------------------------------------------------

    def connected(self, now: Now) -> Iterable[Message]:
        if self._booted_s is None:
            self._booted_s = now.s
            self._minute_wh = self.load.energy_wh
        yield message(f"{self.id}/online", "true", retain=True, qos=1)
        yield self._notify(now, {"mqtt": {"connected": True}})
        if self.status_ntf:
            yield from self._statuses(now)

    def goodbye(self, now: Now) -> Iterable[Message]:
        yield message(f"{self.id}/online", "false", retain=True, qos=1)

    def tick(self, now: Now) -> Iterable[Message]:
        if self._ota is not None and now.s >= self._ota[1]:
            yield from self._updating(*self._ota, now)
        if self._flip_s is not None and now.s >= self._flip_s:
            yield from self._set(not self.load.on, "timer", now)
        watts = self.sees.loads[self.load_name].watts
        if abs(watts - self._notified_w) > POWER_STEP_W:
            yield from self._report_power(now)
        if self._minutely.due(now.s):
            used_wh, self._minute_wh = self.load.energy_wh - self._minute_wh, self.load.energy_wh
            self._minute = [round(used_wh * 1000, 3), *self._minute[:2]]
            yield from self._report_power(now)

    def _updating(self, version: str | None, _due_s: float, step: int, now: Now) -> Iterable[Message]:
        """One step of an update: the download, its end, the start of the new version."""
        self._ota = (version, now.s + 1, step + 1)
        if step < len(OTA_STEPS) and not (version is None and step):
            percent = OTA_STEPS[step]
            begins = {"event": "ota_begin", "msg": "Waiting for data"}
            yield self._event(
                now,
                {"event": "ota_progress", "msg": "Waiting for data", "progress_percent": percent} if step else begins,
            )
        elif version is None:
            self._ota = None
            yield self._event(now, {"event": "ota_error", "msg": "Failed to fetch: HTTP status 404"})
        elif step == len(OTA_STEPS):
            yield self._event(now, {"event": "ota_success", "msg": "Update applied, rebooting"})
        else:
            self.firmware, self._ota, self._booted_s = version, None, None
            yield self.will
            yield from self.connected(now)

    def _event(self, now: Now, said: dict[str, Any]) -> Message:
        ts = round(now.unix_s, 2)
        body: Json = {"src": self.id, "dst": f"{self.id}/events", "method": "NotifyEvent"}
        body["params"] = {"ts": ts, "events": [{"component": "sys", "ts": ts} | said]}
        return message(f"{self.id}/events/rpc", body, qos=1)

    def _offered(self) -> dict[str, Any]:
        return {} if self.firmware == NEWEST else {"stable": {"version": NEWEST}}

    def _update(self, params: dict[str, Any], now: Now) -> None:
        if self._ota is not None:
            raise RpcError(-108, "Update already in progress!")
        if isinstance(params.get("url"), str):
            version = IMAGES.get(params["url"])
        elif params.get("stage") != "stable":
            raise RpcError(-103, "Missing or bad argument 'stage'!")
        elif self.firmware == NEWEST:
            raise RpcError(-114, "Resource unavailable: no update available")
        else:
            version = NEWEST
        self._ota = (version, now.s + 1, 0)

    def _report_power(self, now: Now) -> Iterable[Message]:
        """Power, current and energy: what the meter notifies every minute and on a change."""
        self._notified_w = self.sees.loads[self.load_name].watts
        status = self._switch(now)
        wanted = ("id", "apower", "current", "aenergy")
        yield self._notify(now, {"switch:0": {key: status[key] for key in wanted}})
        if self.status_ntf:
            yield self._status("switch:0", now)

    def _notify(self, now: Now, params: dict[str, Any]) -> Message:
        body: Json = {"src": self.id, "dst": f"{self.id}/events", "method": "NotifyStatus"}
        body["params"] = {"ts": round(now.unix_s, 2)} | params
        return message(f"{self.id}/events/rpc", body, qos=1)

    def _status(self, key: str, now: Now) -> Message:
        return message(f"{self.id}/status/{key}", self._components(now)[key][0], qos=1)

    def _statuses(self, now: Now) -> Iterable[Message]:
        return [self._status(key, now) for key in self._components(now)]

    # --- what it answers -------------------------------------------------------------------------

    def received(self, topic: str, payload: bytes, now: Now) -> Iterable[Message]:
        if topic == f"{self.id}/rpc":
            return self._rpc(payload, now)
        if topic in (f"{self.id}/command", "shellies/command"):
            return self._command(payload.decode("utf-8", "replace"), now)
        if topic == f"{self.id}/command/switch:0":
            return self._control(payload.decode("utf-8", "replace"), now)
        return ()

    def _command(self, word: str, now: Now) -> Iterable[Message]:
        if word == "announce":
            yield message(f"{self.id}/announce", self._device(), qos=1)
        elif word == "status_update":
            yield from self._statuses(now)

    def _control(self, words: str, now: Now) -> Iterable[Message]:
        word, _, seconds = words.partition(",")
        if word == "status_update":
            return [self._status("switch:0", now)]
        if word not in ("on", "off", "toggle"):
            return ()
        wished = not self.load.on if word == "toggle" else word == "on"
        after_s = float(seconds) if seconds.strip().replace(".", "", 1).isdigit() else None
        return self._set(wished, "MQTT", now, after_s)

    def _rpc(self, payload: bytes, now: Now) -> Iterable[Message]:
        request = parsed(payload)
        if not isinstance(request, dict) or "src" not in request or "method" not in request:
            return
        notes: list[Message] = []
        answer: dict[str, Any] = {"id": request.get("id"), "src": self.id, "dst": request["src"]}
        try:
            params = request.get("params") or {}
            answer["result"] = self._call(str(request["method"]), params, now, notes)
        except RpcError as error:
            answer["error"] = {"code": error.code, "message": str(error)}
        yield message(f"{request['src']}/rpc", answer, qos=1)
        yield from notes

    def _call(self, method: str, params: dict[str, Any], now: Now, notes: list[Message]) -> Any:
        methods: dict[str, Callable[[], Any]] = {
            "shelly.getdeviceinfo": self._device,
            "shelly.getstatus": lambda: {key: status for key, (status, _) in self._components(now).items()},
            "shelly.getconfig": lambda: {key: config for key, (_, config) in self._components(now).items()},
            "shelly.getcomponents": lambda: self._get_components(params, now),
            "shelly.listmethods": lambda: {"methods": METHODS},
            "shelly.checkforupdate": self._offered,
            "shelly.update": lambda: self._update(params, now),
            "switch.getstatus": lambda: self._one(params, self._switch(now)),
            "switch.getconfig": lambda: self._one(params, self._components(now)["switch:0"][1]),
            "switch.set": lambda: self._switch_set(params, now, notes),
            "switch.toggle": lambda: self._switch_set(params | {"on": not self.load.on}, now, notes),
            "sys.getstatus": lambda: self._components(now)["sys"][0],
            "mqtt.getstatus": lambda: {"connected": True},
            "mqtt.getconfig": lambda: self._components(now)["mqtt"][1],
            "mqtt.setconfig": lambda: self._mqtt_set(params),
            "input.getstatus": lambda: self._one(params, {"id": 0, "state": False}),
        }
        handler = methods.get(method.lower())
        if handler is None:
            raise RpcError(404, f"No handler for {method}")
        return handler()

    def _one(self, params: dict[str, Any], status: Any) -> Any:
        if "id" not in params:
            raise RpcError(-103, "Missing required argument 'id'!")
        if params["id"] != 0:
            raise RpcError(-105, f"Argument 'id', value {params['id']} not found!")
        return status

    def _switch_set(self, params: dict[str, Any], now: Now, notes: list[Message]) -> Any:
        self._one(params, None)
        if not isinstance(params.get("on"), bool):
            raise RpcError(-103, "Missing or bad argument 'on'!")
        was_on = self.load.on
        after = params.get("toggle_after")
        notes.extend(self._set(params["on"], "MQTT", now, float(after) if after is not None else None))
        return {"was_on": was_on}

    def _mqtt_set(self, params: dict[str, Any]) -> Any:
        config = params.get("config", {})
        self.status_ntf = bool(config.get("status_ntf", self.status_ntf))
        return {"restart_required": False}

    def _set(self, on: bool, source: str, now: Now, after_s: float | None = None) -> Iterable[Message]:
        changed, self.source = self.load.on != on, source
        self.load.on = on
        self.load.step(0)
        self._flip_s = None if after_s is None else now.s + after_s
        self._timer = None if after_s is None else (round(now.unix_s, 2), after_s)
        if not changed and after_s is None:
            return
        part = {"id": 0, "output": on, "source": source} | self._timer_part()
        yield self._notify(now, {"switch:0": part})
        if self.status_ntf:
            yield self._status("switch:0", now)

    # --- what it is ------------------------------------------------------------------------------

    def _timer_part(self) -> dict[str, Any]:
        return {} if self._timer is None else {"timer_started_at": self._timer[0], "timer_duration": self._timer[1]}

    def _switch(self, now: Now) -> dict[str, Any]:
        load = self.sees.loads[self.load_name]
        watts = self.noise(load.watts, 0.4) if load.watts else 0.0
        voltage = self.noise(MAINS_V, 0.8)
        warm_c = self.noise(36 + load.watts / 40, 0.3)
        status = {"id": 0, "source": self.source, "output": self.load.on} | self._timer_part()
        status |= {"apower": watts, "voltage": voltage, "freq": 50.0, "current": round(watts / voltage, 3)}
        minute_ts = int(now.unix_s) // 60 * 60
        status["aenergy"] = {
            "total": round(52418.3 + load.energy_wh, 3),
            "by_minute": self._minute,
            "minute_ts": minute_ts,
        }
        return status | {"temperature": {"tC": warm_c, "tF": round(warm_c * 1.8 + 32, 1)}}

    @property
    def _firmware_id(self) -> str:
        return FIRMWARE_ID.replace(FIRMWARE, self.firmware)

    def _device(self) -> dict[str, Any]:
        info = {"name": self.label, "id": self.id, "mac": self.mac.upper(), "slot": 1, "model": "SNSW-001P16EU"}
        info |= {"gen": 2, "fw_id": self._firmware_id, "ver": self.firmware, "app": "Plus1PM"}
        return info | {"auth_en": False, "auth_domain": None}

    def _components(self, now: Now) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
        """Key -> (status, config) of every component, as GetStatus and GetConfig give them."""
        up_s = int(now.s - (self._booted_s or now.s))
        system = {"mac": self.mac.upper(), "restart_required": False, "time": now.at.strftime("%H:%M")}
        system |= {"unixtime": int(now.unix_s), "uptime": up_s, "ram_size": 260128, "ram_free": 144752}
        system |= {
            "fs_size": 393216,
            "fs_free": 135168,
            "cfg_rev": 12,
            "kvs_rev": 0,
            "available_updates": self._offered(),
        }
        device = {"name": self.label, "mac": self.mac.upper(), "fw_id": self._firmware_id, "discoverable": True}
        relay = {"id": 0, "name": self.label, "in_mode": "follow", "initial_state": "restore_last", "auto_on": False}
        relay |= {"auto_on_delay": 60.0, "auto_off": False, "auto_off_delay": 60.0, "power_limit": 4480}
        mqtt = {
            "enable": True,
            "server": "gateway:1883",
            "client_id": self.id,
            "user": self.id,
            "topic_prefix": self.id,
        }
        mqtt |= {"rpc_ntf": True, "status_ntf": self.status_ntf, "enable_rpc": True, "enable_control": True}
        wifi = {"sta_ip": "192.168.30.61", "status": "got ip", "ssid": "office", "rssi": -58}
        return {
            "ble": ({}, {"enable": False}),
            "cloud": ({"connected": False}, {"enable": False, "server": None}),
            "input:0": ({"id": 0, "state": False}, {"id": 0, "name": None, "type": "switch", "invert": False}),
            "mqtt": ({"connected": True}, mqtt),
            "switch:0": (self._switch(now), relay),
            "sys": (system, {"device": device, "cfg_rev": 12}),
            "wifi": (wifi, {"sta": {"ssid": "office", "enable": True}}),
        }

    def _get_components(self, params: dict[str, Any], now: Now) -> Any:
        include = params.get("include", [])
        listed = []
        for key, (status, config) in self._components(now).items():
            entry: dict[str, Any] = {"key": key}
            entry |= {"status": status} if "status" in include else {}
            entry |= {"config": config} if "config" in include else {}
            listed.append(entry)
        chosen = [] if params.get("dynamic_only") else listed
        offset = int(params.get("offset", 0))
        return {"components": chosen[offset:], "cfg_rev": 12, "offset": offset, "total": len(chosen)}


METHODS = [
    "Switch.GetConfig", "Switch.GetStatus", "Switch.Set", "Switch.Toggle", "Input.GetStatus", "Mqtt.GetConfig",
    "Mqtt.GetStatus", "Mqtt.SetConfig", "Sys.GetStatus", "Shelly.GetComponents", "Shelly.GetConfig",
    "Shelly.CheckForUpdate", "Shelly.GetDeviceInfo", "Shelly.GetStatus", "Shelly.ListMethods", "Shelly.Update",
]  # fmt: skip
