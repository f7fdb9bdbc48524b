"""A Tasmota plug with an energy monitor.

After the Tasmota documentation: MQTT, Commands, Status-Responses, Energy saving (SetOption19 0, so that it
announces itself on `tasmota/discovery/<MAC>/`), as Tasmota 13 behaves.

    tele/<t>/LWT      Online | Offline, retained        tele/<t>/STATE, tele/<t>/SENSOR  every TelePeriod
    cmnd/<t>/<Name>   a command                         stat/<t>/RESULT, stat/<t>/POWER  its answer
    stat/<t>/STATUS<n>  answers to `Status n`
    cmnd/<t>/OtaUrl, cmnd/<t>/Upgrade   stat/<t>/UPGRADE says how it ended; then it starts again

It publishes with QoS 0, always: the firmware knows no other.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

from sluis.demo.office import Load, Office
from sluis.demo.standin import Every, Message, Now, StandIn, message

VERSION = "13.4.0(release-tasmota)"
OTA_URL = "http://ota.tasmota.com/tasmota/release/tasmota.bin.gz"
IMAGES = {OTA_URL: "14.2.0(release-tasmota)", "http://demo.invalid/tasmota.bin.gz": "14.3.0(release-tasmota)"}
"""What there is to download, and the version it holds; anything else is not found."""
OTA_S = 8.0
"""How long the download takes, during which the device answers to nothing."""
RESTART_S = 3.0
DISCOVERY_DELAY_S = 10.0
"""The firmware waits this long after connecting before it announces itself."""
BACKLOG_PAUSE_S = 0.2
"""SetOption34: pause between the commands of a Backlog."""
BACKLOG_LIMIT = 30
ON_WORDS = frozenset({"on", "1", "true"})
OFF_WORDS = frozenset({"off", "0", "false"})
TOGGLE_WORDS = frozenset({"toggle", "2"})
MAINS_V = 231.0


class TasmotaPlug(StandIn):
    """One relay with a power meter behind it."""

    family = "tasmota"

    def __init__(
        self,
        office: Office,
        chance: random.Random,
        *,
        name: str,
        friendly_name: str,
        mac: str,
        load: str,
        tele_period_s: int = 10,
        discovery_delay_s: float = DISCOVERY_DELAY_S,
    ) -> None:
        super().__init__(office, chance)
        self.name = name
        self.friendly_name = friendly_name
        self.mac = mac
        self.native_id = mac
        self.topic = f"tasmota_{mac[-6:]}"
        self.client_id = f"DVES_{mac[-6:]}"
        self.load_name = load
        self.filters = (f"cmnd/{self.topic}/#", "cmnd/tasmotas/#", f"cmnd/{self.client_id}_fb/#")
        own = (f">{kind}/{self.topic}/#" for kind in ("tele", "stat", "cmnd"))
        self.topics = (*own, f">tasmota/discovery/{mac}/#", *(f"<{each}" for each in self.filters))
        self.will = message(f"tele/{self.topic}/LWT", "Offline", retain=True)
        self.tele_period_s = tele_period_s
        self._tele = Every(tele_period_s, first_s=2.0)
        self._discovery_delay_s = discovery_delay_s
        self._booted_s: float | None = None
        self._mqtt_count = 0
        self._later: list[tuple[float, str, str]] = []
        self._announce_s: float | None = None
        self._shown_w = -1.0
        self.version = VERSION
        self.ota_url = OTA_URL
        self._ota_s: float | None = None
        self._restart_s: float | None = None

    @property
    def load(self) -> Load:
        return self.office.loads[self.load_name]

    # --- what it says by itself ------------------------------------------------------------------

    def connected(self, now: Now) -> Iterable[Message]:
        if self._booted_s is None:
            self._booted_s = now.s
        self._mqtt_count += 1
        self._announce_s = now.s + self._discovery_delay_s
        self._tele.again()
        yield message(f"tele/{self.topic}/LWT", "Online", retain=True)
        yield message(f"cmnd/{self.topic}/POWER", "")
        yield message(
            f"tele/{self.topic}/INFO1",
            {
                "Info1": {
                    "Module": "Sonoff S31",
                    "Version": self.version,
                    "FallbackTopic": f"cmnd/{self.client_id}_fb/",
                    "GroupTopic": "cmnd/tasmotas/",
                }
            },
        )
        yield message(
            f"tele/{self.topic}/INFO2",
            {"Info2": {"WebServerMode": "Admin", "Hostname": self._hostname, "IPAddress": self._ip}},
        )
        yield message(f"tele/{self.topic}/INFO3", {"Info3": {"RestartReason": "Power On", "BootCount": 4}})
        yield from self._power()

    def tick(self, now: Now) -> Iterable[Message]:
        if self._ota_s is not None or self._restart_s is not None:
            yield from self._updating(now)
            return
        if self._announce_s is not None and now.s >= self._announce_s:
            self._announce_s = None
            yield from self._discovery(now)
        while self._later and now.s >= self._later[0][0]:
            _, name, words = self._later.pop(0)
            yield from self._command(name, words, now)
        if self.tele_period_s and self._tele.due(now.s):
            yield message(f"tele/{self.topic}/STATE", self._state(now))
            yield self._sensor(now, period=True)
        elif self._power_jumped():
            yield self._sensor(now, period=False)

    def _updating(self, now: Now) -> Iterable[Message]:
        """The download, which holds up everything else; then, where it worked, a start as the new version."""
        if self._ota_s is not None and now.s >= self._ota_s:
            self._ota_s = None
            fetched = IMAGES.get(self.ota_url)
            said = "Failed File Not Found (404)" if fetched is None else "Successful. Restarting"
            yield message(f"stat/{self.topic}/UPGRADE", {"Upgrade": said})
            if fetched is not None:
                self.version, self._restart_s = fetched, now.s + RESTART_S
        elif self._restart_s is not None and now.s >= self._restart_s:
            self._restart_s = self._booted_s = None
            yield self.will
            yield from self.connected(now)

    def _power_jumped(self) -> bool:
        """PowerDelta 20 %: the firmware reports a large change at once."""
        shown, watts = self._shown_w, self.sees.loads[self.load_name].watts
        return shown >= 0 and abs(watts - shown) > max(2.0, 0.2 * shown)

    def _sensor(self, now: Now, *, period: bool) -> Message:
        self._shown_w = self.sees.loads[self.load_name].watts
        return message(f"tele/{self.topic}/SENSOR", {"Time": now.local, "ENERGY": self._energy(period=period)})

    def _energy(self, *, period: bool = False) -> dict[str, Any]:
        load = self.sees.loads[self.load_name]
        watts = round(load.watts * self.chance.uniform(0.99, 1.01)) if load.watts > 2 else round(load.watts)
        factor = 0.99 if load.rated_w > 400 else 0.62
        apparent = round(watts / factor)
        voltage = round(MAINS_V + self.chance.uniform(-1.5, 1.5))
        total = load.energy_wh / 1000
        energy: dict[str, Any] = {
            "TotalStartTime": "2026-01-12T08:04:11",
            "Total": round(182.331 + total, 3),
            "Yesterday": 1.204,
            "Today": round(total, 3),
        }
        if period:
            energy["Period"] = round(watts * self.tele_period_s / 3600)
        reactive = round(max(0.0, apparent**2 - watts**2) ** 0.5)
        energy |= {"Power": watts, "ApparentPower": apparent, "ReactivePower": reactive}
        return energy | {
            "Factor": factor if watts else 0.00,
            "Voltage": voltage,
            "Current": round(apparent / voltage, 3),
        }

    def _state(self, now: Now) -> dict[str, Any]:
        up_s = int(now.s - (self._booted_s or now.s))
        days, rest = divmod(up_s, 86400)
        uptime = f"{days}T{rest // 3600:02}:{rest % 3600 // 60:02}:{rest % 60:02}"
        rssi = 78 + self.chance.randint(-4, 4)
        return {
            "Time": now.local,
            "Uptime": uptime,
            "UptimeSec": up_s,
            "Heap": 25,
            "SleepMode": "Dynamic",
            "Sleep": 50,
            "LoadAvg": 19,
            "MqttCount": self._mqtt_count,
            "POWER": self._word,
            "Wifi": {
                "AP": 1,
                "SSId": "office",
                "BSSId": "2C:C5:D3:11:22:33",
                "Channel": 6,
                "Mode": "HT20",
                "RSSI": rssi,
                "Signal": rssi // 2 - 100,
                "LinkCount": self._mqtt_count,
                "Downtime": "0T00:00:03",
            },
        }

    def _discovery(self, now: Now) -> Iterable[Message]:
        config = {
            "ip": self._ip,
            "dn": self.friendly_name,
            "fn": [self.friendly_name, *[None] * 7],
            "hn": self._hostname,
            "mac": self.mac,
            "md": "Sonoff S31",
            "ty": 0,
            "if": 0,
            "cam": 0,
            "ofln": "Offline",
            "onln": "Online",
            "state": ["OFF", "ON", "TOGGLE", "HOLD"],
            "sw": self.version.split("(")[0],
            "t": self.topic,
            "ft": "%prefix%/%topic%/",
            "tp": ["cmnd", "stat", "tele"],
            "rl": [1, 0, 0, 0, 0, 0, 0, 0],
            "swc": [-1] * 8,
            "swn": [None] * 8,
            "btn": [0] * 8,
            "so": {str(option): 0 for option in (4, 11, 13, 17, 20, 30, 68, 73, 82, 114, 117)},
            "lk": 0,
            "lt_st": 0,
            "bat": 0,
            "dslp": 0,
            "sho": [0, 0, 0, 0],
            "sht": [[0, 0, 0]] * 4,
            "ver": 1,
        }
        yield message(f"tasmota/discovery/{self.mac}/config", config, retain=True)
        sensors = {"sn": {"Time": now.local, "ENERGY": self._energy()}, "ver": 1}
        yield message(f"tasmota/discovery/{self.mac}/sensors", sensors, retain=True)

    # --- what it answers -------------------------------------------------------------------------

    def received(self, topic: str, payload: bytes, now: Now) -> Iterable[Message]:
        if self._ota_s is not None or self._restart_s is not None:
            return ()
        name = topic.rpartition("/")[2]
        return self._command(name, payload.decode("utf-8", "replace"), now)

    def _command(self, name: str, words: str, now: Now) -> Iterable[Message]:
        handlers: dict[str, Callable[[str, Now], Iterable[Message]]] = {
            "power": self._on_power,
            "power0": self._on_power,
            "power1": self._on_power,
            "status": self._on_status,
            "state": lambda _words, then: [self._result(self._state(then))],
            "teleperiod": self._on_tele_period,
            "otaurl": self._on_ota_url,
            "upgrade": self._on_upgrade,
            "backlog": self._on_backlog,
            "backlog0": self._on_backlog,
            "friendlyname": lambda _words, _then: [self._result({"FriendlyName1": self.friendly_name})],
            "friendlyname1": lambda _words, _then: [self._result({"FriendlyName1": self.friendly_name})],
        }
        handler = handlers.get(name.lower())
        if handler is None:
            return [self._result({"Command": "Unknown", "Input": name.upper()})]
        return handler(words.strip(), now)

    def _on_power(self, words: str, now: Now) -> Iterable[Message]:
        word = words.lower()
        if word in ON_WORDS:
            self.load.on = True
        elif word in OFF_WORDS:
            self.load.on = False
        elif word in TOGGLE_WORDS:
            self.load.on = not self.load.on
        self.load.step(0)
        return self._power()

    def _power(self) -> Iterable[Message]:
        yield self._result({"POWER": self._word})
        yield message(f"stat/{self.topic}/POWER", self._word)

    def _on_tele_period(self, words: str, now: Now) -> Iterable[Message]:
        if words.isdigit():
            wished = int(words)
            self.tele_period_s = 300 if wished == 1 else 0 if wished == 0 else min(3600, max(10, wished))
            self._tele = Every(self.tele_period_s, first_s=1.0)
        yield self._result({"TelePeriod": self.tele_period_s})

    def _on_ota_url(self, words: str, now: Now) -> Iterable[Message]:
        if words:
            self.ota_url = OTA_URL if words == "1" else words
        yield self._result({"OtaUrl": self.ota_url})

    def _on_upgrade(self, words: str, now: Now) -> Iterable[Message]:
        if words != "1":
            return [self._result({"Upgrade": f"1 or >{self.version} to upgrade"})]
        self._ota_s = now.s + OTA_S
        return [self._result({"Upgrade": f"Version {self.version} from {self.ota_url}"})]

    def _on_backlog(self, words: str, now: Now) -> Iterable[Message]:
        wished = [piece.strip() for piece in words.split(";") if piece.strip()][:BACKLOG_LIMIT]
        for position, piece in enumerate(wished):
            name, _, rest = piece.partition(" ")
            self._later.append((now.s + position * BACKLOG_PAUSE_S, name, rest))
        yield self._result({"Backlog": "Appended" if wished else "Empty"})

    def _on_status(self, words: str, now: Now) -> Iterable[Message]:
        answers = self._statuses(now)
        if words == "0":
            return [
                message(f"stat/{self.topic}/STATUS{suffix}", body) for suffix, body in answers.items() if suffix != "8"
            ]
        suffix = words if words in answers else ""
        return [message(f"stat/{self.topic}/STATUS{suffix}", answers[suffix])]

    def _statuses(self, now: Now) -> dict[str, Any]:
        power = 1 if self.load.on else 0
        sensors = {"StatusSNS": {"Time": now.local, "ENERGY": self._energy()}}
        status = {"Module": 41, "DeviceName": self.friendly_name, "FriendlyName": [self.friendly_name]}
        status |= {"Topic": self.topic, "ButtonTopic": "0", "Power": str(power), "PowerOnState": 3, "LedState": 1}
        firmware = {"Version": self.version, "BuildDateTime": "2024-02-14T16:06:27", "Core": "2_7_6", "SDK": "2.2.2"}
        network = {"Hostname": self._hostname, "IPAddress": self._ip, "Gateway": "192.168.30.1"}
        network |= {"Subnetmask": "255.255.255.0", "Mac": ":".join(self.mac[i : i + 2] for i in range(0, 12, 2))}
        prm = {"Baudrate": 115200, "SerialConfig": "8N1", "GroupTopic": "tasmotas", "RestartReason": "Power On"}
        mqtt = {"MqttHost": "gateway", "MqttPort": 1883, "MqttClient": self.client_id, "MqttCount": self._mqtt_count}
        return {
            "": {"Status": status},
            "1": {"StatusPRM": prm | {"Uptime": self._state(now)["Uptime"], "BootCount": 4}},
            "2": {"StatusFWR": firmware},
            "5": {"StatusNET": network},
            "6": {"StatusMQT": mqtt},
            "7": {"StatusTIM": {"UTC": now.local + "Z", "Local": now.local, "Timezone": "+00:00"}},
            "8": sensors,
            "10": sensors,
            "11": {"StatusSTS": self._state(now)},
        }

    def _result(self, content: Any) -> Message:
        return message(f"stat/{self.topic}/RESULT", content)

    @property
    def _word(self) -> str:
        return "ON" if self.load.on else "OFF"

    @property
    def _hostname(self) -> str:
        return f"{self.topic.replace('_', '-')}-{int(self.mac[-4:], 16) & 0x1FFF:04}"

    @property
    def _ip(self) -> str:
        return f"192.168.30.{20 + int(self.mac[-2:], 16) % 200}"
