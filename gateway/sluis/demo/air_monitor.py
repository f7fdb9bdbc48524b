"""A CO2 monitor of no particular maker that uses Home Assistant's device-based discovery, in the meeting room.

After Home Assistant's MQTT integration (Discovery, device discovery payload): one retained config with `dev`,
`o` and `cmps`; one JSON state topic with value templates; availability by will. It publishes its config again
when `homeassistant/status` says online, as the integration asks of devices.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

from sluis.demo.office import Office
from sluis.demo.standin import Every, Json, Message, Now, StandIn, message

CALIBRATE_PPM = 425
REPORT_S = 10.0


class AirMonitor(StandIn):
    """CO2, temperature, humidity and particles; a brightness setting and a calibrate button."""

    family = "homeassistant"

    def __init__(self, office: Office, chance: random.Random, *, name: str = "air", serial: str = "am2-0047") -> None:
        super().__init__(office, chance)
        self.name = name
        self.native_id = self.client_id = serial
        self.base = f"airmon/{serial}"
        self.will = message(f"{self.base}/availability", "offline", retain=True, qos=1)
        self.topics = (f"{self.base}/#", f">homeassistant/device/{serial}/config", "<homeassistant/status")
        self.filters = (f"{self.base}/+/set", "homeassistant/status")
        self.led = 40
        self._offset_ppm = 12.0
        self._every = Every(REPORT_S, first_s=1.0)

    def connected(self, now: Now) -> Iterable[Message]:
        yield self._config()
        yield message(f"{self.base}/availability", "online", retain=True, qos=1)
        self._every.again()

    def goodbye(self, now: Now) -> Iterable[Message]:
        yield message(f"{self.base}/availability", "offline", retain=True, qos=1)

    def tick(self, now: Now) -> Iterable[Message]:
        if self._every.due(now.s):
            yield self._state()

    def received(self, topic: str, payload: bytes, now: Now) -> Iterable[Message]:
        text = payload.decode("utf-8", "replace")
        if topic == "homeassistant/status":
            return [self._config(), self._state()] if text == "online" else ()
        if topic.endswith("/led/set") and text.replace(".", "", 1).isdigit():
            self.led = min(100, int(float(text)))
            return [self._state()]
        if topic.endswith("/calibrate/set") and text == "PRESS":
            self._offset_ppm = 0.0
            return [self._state()]
        return ()

    def _state(self) -> Message:
        room = self.sees.rooms["Meeting room"]
        state: Json = {"co2": round(room.co2_ppm + self._offset_ppm + self.chance.uniform(-8, 8))}
        state |= {
            "temperature": self.noise(room.temperature_c, 0.05, 2),
            "humidity": self.noise(room.humidity_pct, 0.4),
        }
        state |= {
            "pm25": self.noise(4 + room.people * 0.6, 0.8),
            "led": self.led,
            "rssi": -57 + self.chance.randint(-3, 3),
        }
        return message(f"{self.base}/state", state, qos=1)

    def _config(self) -> Message:
        def sensor(key: str, name: str, unit: str, device_class: str, **more: Any) -> dict[str, Any]:
            part = {
                "p": "sensor",
                "name": name,
                "dev_cla": device_class,
                "unit_of_meas": unit,
                "stat_cla": "measurement",
            }
            return part | {"val_tpl": f"{{{{ value_json.{key} }}}}", "uniq_id": f"{self.native_id}_{key}"} | more

        led: Json = {
            "p": "number",
            "name": "Display brightness",
            "cmd_t": f"{self.base}/led/set",
            "min": 0,
            "max": 100,
            "step": 1,
        }
        led |= {
            "unit_of_meas": "%",
            "val_tpl": "{{ value_json.led }}",
            "uniq_id": f"{self.native_id}_led",
            "ent_cat": "config",
        }
        calibrate = {"p": "button", "name": "Calibrate to outside air", "cmd_t": f"{self.base}/calibrate/set"}
        calibrate |= {"uniq_id": f"{self.native_id}_calibrate", "ent_cat": "config"}
        device = {"ids": [self.native_id], "name": "Air monitor", "mf": "Demo Instruments", "mdl": "AM2", "sw": "2.4.0"}
        config = {
            "dev": device | {"sn": self.native_id, "sa": "Meeting room"},
            "o": {"name": "am2-firmware", "sw": "2.4.0"},
            "stat_t": f"{self.base}/state",
            "avty": [{"t": f"{self.base}/availability"}],
            "qos": 1,
            "cmps": {
                "co2": sensor("co2", "CO2", "ppm", "carbon_dioxide"),
                "temperature": sensor("temperature", "Temperature", "°C", "temperature", sug_dsp_prc=1),
                "humidity": sensor("humidity", "Humidity", "%", "humidity"),
                "pm25": sensor("pm25", "PM2.5", "µg/m³", "pm25"),
                "rssi": sensor("rssi", "Signal", "dBm", "signal_strength", ent_cat="diagnostic"),
                "led": led,
                "calibrate": calibrate,
            },
        }
        return message(f"homeassistant/device/{self.native_id}/config", config, retain=True, qos=1)
