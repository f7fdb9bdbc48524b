"""A whole node on the real MicroPython: what it tells, what it can be asked, and what it does when things fail."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.conftest import Broker, a_free_port
from tests.firmware.pki import Authority
from tests.firmware.vm import Node

pytestmark = pytest.mark.timeout(120)

UID = "e66118604b4a2c21"
HEAP = "288K"
"""256 kB, and the 32 kB that the simulated chip and its surroundings take."""
SENSOR = {"part": "ds18b20", "address": "28aabbccddee01", "temperature": 21.5}
WORLD = {"4": {"onewire": [SENSOR]}, "17": {"pulses": 0}}
WIRED: dict[str, Any] = {
    "name": "Attic",
    "buses": {"wire": {"bus": "onewire", "pin": 4}},
    "parts": {
        "boiler": {"part": "ds18b20", "bus": "wire", "every_s": 1, "name": "Boiler"},
        "pump": {"part": "relay", "pin": 16},
        "meter": {"part": "pulse_counter", "pin": 17, "every_s": 1, "unit": "L", "quantity": "water", "debounce_ms": 0},
    },
}


def net(port: int, **more: Any) -> dict[str, Any]:
    return {"broker": {"hosts": ["127.0.0.1"], "port": port, "tls": False}, "time": ["127.0.0.1:1"], **more}


def until(condition: Callable[[], object], within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "did not happen"
        time.sleep(0.02)


class House:
    """The other side: hears everything a node says, and asks. Keeps its session when the broker is away."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._ready = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "house", clean_session=False)
        self._client.on_message = lambda _c, _u, message: self.heard.append((message.topic, message.payload))
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.subscribe([("sluis/#", 1), ("homeassistant/#", 1)])
        self._client.loop_start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, topic: str, what: Any) -> None:
        payload = what if isinstance(what, bytes | str) else json.dumps(what)
        self._client.publish(topic, payload, 1).wait_for_publish(10)

    def said(self, topic: str) -> list[Any]:
        """Messages on a topic of the node, or a whole topic."""
        whole = topic if topic.startswith("homeassistant") else f"sluis/{UID}/{topic}"
        return [payload for at, payload in list(self.heard) if at == whole]

    def values(self, point: str) -> list[Any]:
        told = [json.loads(payload) for payload in self.said("telemetry")]
        return [one[point] for one in told if point in one]

    def ask(self, do: str, **more: Any) -> dict[str, Any]:
        call = f"{do}-{len(self.heard)}"
        self.say(f"sluis/{UID}/do", {"call": call, "do": do, **more})

        def answers() -> list[dict[str, Any]]:
            return [one for one in map(json.loads, self.said("did")) if one["call"] == call]

        until(answers)
        return answers()[0]


@pytest.fixture
def house(broker: Broker) -> Iterator[House]:
    made = House(broker.port)
    yield made
    made.stop()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path / "node", UID, heap=HEAP)
    made.show_world(WORLD)
    yield made
    made.stop()


def test_it_announces_tells_obeys_and_counts(broker: Broker, house: House, node: Node) -> None:
    node.write({"/net.json": net(broker.port), "/node.json": WIRED})
    node.start()
    until(lambda: house.said("status")[-1:] == [b"online"])
    points = json.loads(house.said("announce")[-1])["points"]
    assert set(WIRED["parts"]) < set(points)
    assert points["boiler"]["name"] == "Boiler"
    until(lambda: 21.5 in house.values("boiler"))
    assert "at" not in json.loads(house.said("telemetry")[0]), "nobody told it the time"
    house.say(f"sluis/{UID}/set/pump", True)
    until(lambda: house.values("pump")[-1:] == [True] and node.level(16) == 1)
    house.say(f"sluis/{UID}/set/pump", b'"on"')
    house.say(f"sluis/{UID}/set/boiler", 3)
    house.say(f"sluis/{UID}/set/meter/x", b"\xff{")
    node.show_world(WORLD | {"17": {"pulses": 7}})
    until(lambda: house.values("meter")[-1:] == [7])
    lines = [line for _, _, line in house.ask("log")["lines"]]
    assert "set/pump: must be true or false" in lines
    assert "set/boiler: boiler cannot be set" in lines
    # Home Assistant started anew.
    before = len(house.said(f"homeassistant/device/{UID}/config"))
    house.say("homeassistant/status", "online")
    until(lambda: len(house.said(f"homeassistant/device/{UID}/config")) > before)
    assert json.loads(house.said("update")[-1])["installed_version"]


@pytest.mark.soak
def test_a_sensor_that_goes_is_named_and_comes_back(broker: Broker, house: House, node: Node) -> None:
    node.write({"/net.json": net(broker.port), "/node.json": WIRED | {"health_every_s": 5}})
    node.start()
    until(lambda: 21.5 in house.values("boiler"))
    node.show_world({"17": {"pulses": 0}})
    until(lambda: any("answers on the bus" in text for text in house.values("faults")))
    tested = house.ask("test")
    assert tested["passed"] is False
    found = {one["part"]: one for one in tested["findings"]}
    assert found["boiler"]["pin"] == "GPIO4"
    assert "resistor" in found["boiler"]["check"]
    assert found["pump"]["ok"]
    house.heard.clear()
    node.show_world(WORLD)
    until(lambda: house.values("boiler"), within_s=60)
    assert any("boiler answers again" in line for line in node.said)


def test_nothing_is_lost_while_the_broker_is_away(broker: Broker, house: House, node: Node) -> None:
    node.write({"/net.json": net(broker.port), "/node.json": WIRED | {"lost_after_s": 2}})
    node.start()
    until(lambda: 21.5 in house.values("boiler"))
    house.say(f"sluis/{UID}/set/pump", True)
    until(lambda: node.level(16) == 1)
    broker.stop()
    until(lambda: node.level(16) == 0)  # its safe state, as nobody can reach it
    broker.start()
    connected = [line for line in node.said if line.endswith("connected")]
    until(lambda: len([line for line in node.said if line.endswith("connected")]) > len(connected))
    count = len(house.said("telemetry"))
    until(lambda: len(house.said("telemetry")) > count + 6, within_s=60)
    told = [json.loads(payload) for payload in house.said("telemetry")]
    assert len({one["boot"] for one in told}) == 1
    numbers = sorted({one["seq"] for one in told})
    assert numbers == list(range(len(numbers)))


def test_a_configuration_is_checked_tried_and_undone(broker: Broker, house: House, node: Node) -> None:
    node.write({"/net.json": net(broker.port), "/node.json": WIRED})
    node.start()
    until(lambda: house.said("status")[-1:] == [b"online"])
    wrong = house.ask("config", node={"parts": {"pump": {"part": "relay", "pin": 4, "invert": True}}})
    assert wrong["ok"] is False
    assert "parts.pump.invert" in [where for where, _ in wrong["problems"]]
    assert house.ask("config")["node"] == WIRED
    # A large one comes in pieces.
    parts = {f"relay_{n}": {"part": "relay", "pin": n, "name": f"Relay number {n:03}"} for n in range(5, 40)}
    large = {"name": "Attic", "parts": parts}
    assert len(json.dumps(large)) > 2048
    assert house.ask("config", node=large)["ok"]
    until(lambda: node.starts == 2 and b"relay_39" in house.said("announce")[-1])
    until(lambda: json.loads(node.read("/node.good") or b"{}") == large)
    before = house.ask("config", which="previous")
    assert before.get("node") == WIRED, before
    # The way to another broker is wrong; the power goes before anybody waited long enough.
    assert house.ask("config", net=net(1))["ok"]
    until(lambda: node.starts == 3 and "ECONNREFUSED" in node.said[-1])
    node.reset()
    until(lambda: node.starts == 4)
    until(lambda: house.said("status")[-1:] == [b"online"])
    assert any("went back to the last good one" in line for line in node.said)
    told = house.ask("config")
    assert told.get("trial") == [], told


def test_a_trial_that_does_not_reach_its_broker_ends_by_itself(broker: Broker, house: House, node: Node) -> None:
    node.write({"/net.json": net(broker.port), "/node.json": WIRED})
    node.start()
    until(lambda: house.said("status")[-1:] == [b"online"])
    assert "from 5 to 3600" in house.ask("config", node=WIRED, trial_s=2)["error"]
    until(lambda: node.read("/net.good") is not None and node.read("/node.good") is not None)
    changed = WIRED | {"name": "Cellar"}
    assert house.ask("config", node=changed, net=net(1), trial_s=5)["trial_s"] == 5
    until(lambda: node.starts == 2 and running(node)[1:])
    # Nobody touches it: it goes back to both, and is there again.
    until(lambda: node.starts == 3, within_s=60)
    assert any("went back to the last good one: the broker was not reached" in line for line in node.said)
    until(lambda: house.said("status")[-1:] == [b"online"], within_s=60)
    assert house.ask("config")["node"] == WIRED
    told = house.ask("config")
    assert told.get("trial") == [], told
    assert node.read("/trial.s") is None


SIX_PARTS: dict[str, Any] = {
    "health_every_s": 5,
    "buses": {"wire": {"bus": "onewire", "pin": 4}, "main": {"bus": "i2c", "sda": 20, "scl": 21}},
    "parts": {
        "boiler": {"part": "ds18b20", "bus": "wire", "every_s": 1},
        "air": {"part": "bme280", "bus": "main", "every_s": 1},
        "room": {"part": "scd4x", "bus": "main", "every_s": 5},
        "sun": {"part": "veml7700", "bus": "main", "every_s": 1},
        "lamp": {"part": "dimmer", "pin": 8},
        "pump": {"part": "relay", "pin": 16},
    },
}
SIX_WIRED = {
    "4": {"onewire": [SENSOR]},
    "20": {
        "i2c": {
            "118": {"part": "bme280", "temperature": 21.5, "humidity": 45, "pressure": 1013},
            "98": {"part": "scd4x", "co2": 512, "temperature": 25, "humidity": 37, "every_ms": 500},
            "16": {"part": "veml7700", "lux": 350},
        }
    },
}
SPARE = 30_000
"""Bytes: a TLS record of 16 kB in one piece, and as much again for a long configuration."""


@pytest.mark.soak
def test_six_parts_fit_beside_tls(broker: Broker, house: House, tmp_path: Path) -> None:
    node = Node(tmp_path / "node", UID, heap=HEAP)
    try:
        six_parts(broker, house, node, tmp_path)
    finally:
        node.stop()


def six_parts(broker: Broker, house: House, node: Node, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "site")
    port = a_free_port()
    lines = [f"listener {port} 127.0.0.1", *authority.listener("sluis.local")]
    with (broker.folder / "mosquitto.conf").open("a") as file:
        file.write("\n".join(lines) + "\n")
    broker.stop()
    broker.start()
    way = net(port)
    way["broker"] |= {"tls": True, "server": "sluis.local"}
    node.show_world(SIX_WIRED)
    node.write({"/net.json": way, "/ca.der": authority.der, "/node.json": SIX_PARTS})
    node.start()
    points = ("boiler", "air_pressure", "room_co2", "sun", "lamp", "pump")
    until(lambda: all(house.values(point) for point in points), within_s=60)
    seen = len(house.values("free_memory"))
    until(lambda: len(house.values("free_memory")) > seen + 1)
    assert min(house.values("free_memory")) > SPARE
    assert house.values("faults")[-1] == ""
    assert node.starts == 1


def test_the_same_question_twice_is_done_once(broker: Broker, house: House, node: Node) -> None:
    node.write({"/net.json": net(broker.port), "/node.json": WIRED})
    node.start()
    until(lambda: house.said("status")[-1:] == [b"online"])
    for _ in range(2):
        house.say(f"sluis/{UID}/do", {"call": "c7", "do": "about"})
    assert house.ask("log")["ok"]
    assert len([one for one in map(json.loads, house.said("did")) if one["call"] == "c7"]) == 1
    assert "identify, log" in house.ask("dance")["error"]
    assert house.ask("identify", for_s=0)["ok"] is False


def test_over_the_cable_and_wiped(broker: Broker, house: House, node: Node) -> None:
    node.write({"/net.json": net(broker.port), "/node.json": WIRED, "/ca.der": b"x"})
    node.start()
    until(lambda: house.said("status")[-1:] == [b"online"])
    for line in ("", "noise {", "{broken", "[1]", '{"do": "about", "call": 1}', '{"do": "log", "call": 2}'):
        node.type(line)
    until(lambda: len(node.answers()) == 2)
    about, log = node.answers()
    assert about["id"] == UID
    assert about["up"] is True
    assert log["lines"][0][0] == 1
    node.type('{"do": "wipe", "call": 3}')
    until(lambda: node.starts == 2)
    until(lambda: house.said("announce")[-1] == b"" == house.said(f"homeassistant/device/{UID}/config")[-1])
    for gone in ("/net.json", "/net.good", "/node.json", "/node.good", "/ca.der"):
        assert node.read(gone) is None
    assert node.read("/id.json") is not None
    until(lambda: any("started by restart" in line for line in node.said))
    node.type('{"do": "about", "call": 4}')
    until(lambda: node.answers()[-1]["call"] == 4)
    assert node.answers()[-1]["up"] is False


def test_three_failed_boots_are_safe_mode_which_a_cable_ends(node: Node) -> None:
    node.write({"/node.json": WIRED})
    node.start()
    for start in (1, 2, 3):
        until(lambda start=start: node.starts == start and len(running(node)) == start)
        node.reset()
    until(lambda: any("safe mode" in line for line in node.said))
    node.type('{"do": "test", "call": 1}')
    until(lambda: node.answers())
    assert "safe mode" in node.answers()[0]["error"]
    assert node.level(16) is None
    node.type('{"do": "config", "call": 2, "node": {}}')
    until(lambda: node.starts == 5)


def running(node: Node) -> list[str]:
    return [line for line in node.said if "Sluis node" in line]


def test_a_slot_on_trial_that_cannot_start_is_left(node: Node) -> None:
    node.write({"/b/sluis_node/__init__.py": b"", "/b/sluis_node/app.py": b"import nothere\n"})
    node.write({"/slot.json": {"run": "b", "trial": 1, "tries": 0, "old": "a", "boots": 0}, "/node.json": WIRED})
    node.start()
    until(lambda: running(node), within_s=60)
    assert node.starts == 3
    assert json.loads(node.read("/slot.json") or b"")["back"] == "b"
    node.type('{"do": "log", "call": 1}')
    until(lambda: node.answers())
    assert "nothere" in node.answers()[0]["crash"]


def test_damaged_files_are_named_and_the_cable_still_answers(node: Node) -> None:
    node.write(
        {"/net.json": b'{"broker": ', "/node.json": {"parts": {"pump": {"part": "toaster"}}}, "/slot.json": b"?"}
    )
    node.start()
    until(lambda: running(node))
    node.type('{"do": "about", "call": 1}')
    until(lambda: node.answers())
    wrong = node.answers()[0]["wrong"]
    assert ["/net.json", "is damaged"] in wrong
    assert ["/node.json parts.pump.part", "must be a part that this firmware knows"] in wrong


class TimeServer:
    """An NTP server on loopback (RFC 5905, figure 8); first it answers as one that does not know the time."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.stratum = 0
        self.asked = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            question, sender = self.socket.recvfrom(100)
            if not question:
                return
            self.asked += 1
            now = time.time() + 2208988800
            stamp = struct.pack(">II", int(now), int(now % 1 * 2**32))
            head = struct.pack(">BBbbII4s", 0x24, self.stratum, 6, -20, 0, 0, b"TEST")
            self.socket.sendto(head + stamp + question[40:48] + stamp + stamp, sender)

    def stop(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as poke:
            poke.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(10)
        self.socket.close()


def test_readings_have_an_instant_once_the_time_is_known(broker: Broker, house: House, node: Node) -> None:
    server, knowing = TimeServer(), TimeServer()
    knowing.stratum = 2
    servers = [f"127.0.0.1:{each.port}" for each in (server, knowing)]
    node.write({"/net.json": net(broker.port, time=servers), "/node.json": WIRED})
    node.start()
    try:
        until(lambda: any("at" in json.loads(payload) for payload in house.said("telemetry")))
    finally:
        server.stop()
        knowing.stop()
    assert server.asked >= 1
    at = [json.loads(payload).get("at") for payload in house.said("telemetry")][-1]
    assert abs(at - time.time()) < 60
    assert int(node.read("/clock") or b"0") > 1_700_000_000


@pytest.mark.soak
def test_it_joins_the_strongest_network_that_takes_it(broker: Broker, house: House, tmp_path: Path) -> None:
    node = Node(tmp_path / "node", UID, radio=True)
    attic, cellar = (
        {"ssid": name, "password": "p" * 8, "rssi": rssi} for name, rssi in (("attic", -50), ("cellar", -70))
    )
    known = [{"ssid": name, "password": "p" * 8} for name in ("cellar", "attic")]
    node.write({"/net.json": net(broker.port, networks=known), "/node.json": WIRED | {"health_every_s": 5}})
    node.show_world(WORLD | {"wifi": {"networks": [attic, cellar, {"ssid": "other", "rssi": -20}]}})
    node.start()
    try:
        until(lambda: -50 in house.values("rssi"))
        until(lambda: house.ask("about")["way"] == "attic")
        weak = house.ask("test", rssi_min=-40)
        assert weak["findings"][-1]["said"] == "-50 dBm is weaker than -40 dBm"
        # The strong one has another password now.
        node.show_world(WORLD | {"wifi": {"networks": [attic | {"password": "changed!"}, cellar]}})
        until(lambda: -70 in house.values("rssi"), within_s=60)
        assert any("Wi-Fi attic: wrong password" in line for line in node.said)
    finally:
        node.stop()
