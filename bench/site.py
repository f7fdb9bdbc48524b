"""What benchmarks run on: a plain broker, a gateway of its own, loads."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from sluis.links.broker import Credentials
from sluis.links.broker.mosquitto import free_port
from sluis.selftest.crash import Victim

POINTS = {
    "temperature": {"quantity": "temperature", "unit": "°C", "min": -40, "max": 85},
    "humidity": {"quantity": "humidity", "unit": "%", "min": 0, "max": 100},
    "co2": {"quantity": "carbon_dioxide", "unit": "ppm"},
    "voltage": {"quantity": "voltage", "unit": "V"},
    "rssi": {"quantity": "signal_strength", "unit": "dBm", "category": "diagnostic"},
}


def wait_for(condition: Callable[[], bool], what: str, within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"benchmark: {what} did not happen within {within_s} s")
        time.sleep(0.005)


@contextmanager
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="sluis-bench-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def plain_broker(at: Path) -> Iterator[int]:
    """A mosquitto for the references: the same limits as the gateway's own, no accounts."""
    port = free_port()
    at.mkdir(parents=True, exist_ok=True)
    conf = at / "plain.conf"
    conf.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 0\nmax_queued_messages 200000\n"
        f"set_tcp_nodelay true\npersistence true\npersistence_location {at}/\nuser root\nlog_type error\n"
    )
    process = subprocess.Popen([shutil.which("mosquitto", path="/usr/sbin:/usr/bin") or "mosquitto", "-c", conf])
    time.sleep(0.3)
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


@dataclass
class Gateway:
    """A running gateway with one broker account that may do everything."""

    victim: Victim
    port: int
    user: str
    password: str

    @property
    def data_dir(self) -> Path:
        return self.victim.data_dir

    @property
    def process(self) -> psutil.Process:
        assert self.victim.process is not None
        return psutil.Process(self.victim.process.pid)

    @property
    def url(self) -> str:
        return str(json.loads((self.data_dir / "run" / "gateway.json").read_text())["url"])

    def stored(self) -> int:
        """Readings in the store."""
        database = sqlite3.connect(f"file:{self.data_dir / 'sluis.db'}?mode=ro", uri=True)
        try:
            return int(database.execute("SELECT coalesce(max(seq), 0) FROM readings").fetchone()[0])
        finally:
            database.close()

    def announce(self, count: int, prefix: str = "bench", points: dict[str, object] | None = None) -> None:
        """Announce `count` nodes and wait until all are in use."""
        import paho.mqtt.client as mqtt
        from paho.mqtt.enums import CallbackAPIVersion

        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="announcer")
        client.max_inflight_messages_set(1000)
        client.username_pw_set(self.user, self.password)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        body = json.dumps({"name": "Bench", "points": points or POINTS})
        for number in range(count):
            last = client.publish(f"sluis/{prefix}{number}/announce", body, 1, retain=True)
        last.wait_for_publish(30)
        client.disconnect()
        client.loop_stop()
        wait_for(lambda: self._adopted() >= count, f"{count} devices in use")
        time.sleep(0.5)  # the last subscriptions reach the broker

    def _adopted(self) -> int:
        database = sqlite3.connect(f"file:{self.data_dir / 'sluis.db'}?mode=ro", uri=True)
        try:
            return int(database.execute("SELECT count(*) FROM devices WHERE state = 'adopted'").fetchone()[0])
        finally:
            database.close()


@contextmanager
def gateway(at: Path, more: str = "") -> Iterator[Gateway]:
    port = free_port()
    at.mkdir(parents=True, exist_ok=True)
    config = at / "sluis.toml"
    config.write_text(
        f'data_dir = "{at}"\n[broker]\nlocal_port = {port}\ntls_port = -1\n[panel]\nport = 0\ntrust_port = -1\n'
        f"[intake]\nflood_per_s = 1e6\nflood_burst = 10000000\nmax_discovered = 5000\n"
        f'[[intake.adopt]]\ndriver = "sluis-node"\narea = "Bench"\n{more}'
    )
    password = Credentials(at / "broker").issue("bench", "bench", ("#",))
    victim = Victim(at, config)
    victim.start()
    try:
        yield Gateway(victim, port, "bench", password)
    finally:
        victim.stop()


def load(port: int, devices: int, count: int, rate: float = 0, *account: str) -> dict[str, float]:
    """Run the load generator and wait for its report."""
    command = [sys.executable, "-m", "bench.load", str(port), str(devices), str(count), str(rate), *account]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    report: dict[str, float] = json.loads(done.stdout)
    return report
