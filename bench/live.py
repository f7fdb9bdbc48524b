"""From a device's message to an open screen: 50 messages a second, latency and CPU; against a bare paho subscriber."""

from __future__ import annotations

import json
import socket
import ssl
import statistics
import threading
import time
from urllib.parse import urlsplit

from bench import Figure
from bench.load import connect, payload, publish
from bench.site import Gateway, folder, gateway, wait_for

COUNT = 500
RATE = 50.0
DEVICES = 20


def measure() -> list[Figure]:
    with folder() as at, gateway(at) as running:
        running.announce(DEVICES)
        stream = Stream(running)
        bare = Bare(running)
        time.sleep(1)
        began_cpu, began = running.process.cpu_times(), time.perf_counter()
        sent = send(running)
        wait_for(lambda: len(stream.seen) >= COUNT, "everything on the stream")
        used = running.process.cpu_times()
        cpu = (used.user + used.system - began_cpu.user - began_cpu.system) / (time.perf_counter() - began)
        latencies = sorted((stream.seen[key] - sent[key]) * 1000 for key in sent)
        floor = statistics.median((bare.seen[key] - sent[key]) * 1000 for key in sent if key in bare.seen)
    p50, p95 = statistics.median(latencies), latencies[int(len(latencies) * 0.95)]
    return [
        Figure("message to a bare subscriber, p50", floor, "ms"),
        Figure("message to the live stream, p50", p50, "ms", "bare subscriber", p50 / floor, "< 5 ms", p50 < 5),
        Figure("message to the live stream, p95", p95, "ms"),
        Figure(f"CPU at {RATE:.0f} messages/s", cpu * 100, "% core", bar="< 5 %", met=cpu < 0.05),
    ]


def send(running: Gateway) -> dict[tuple[str, float], float]:
    """Send the load; when each value left. Every message carries a voltage of its own to be found again by."""
    link = connect(running.port, "live", running.user, running.password)
    threading.Thread(target=lambda: [None for _ in iter(lambda: link.recv(4096), b"")], daemon=True).start()
    sent = {}
    began = time.perf_counter()
    for number in range(COUNT):
        wait = began + number / RATE - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        device = f"bench{number % DEVICES}"
        mark = round(1 + number / 1000, 3)
        body = json.loads(payload("live", number)) | {"voltage": mark}
        data = publish(
            f"sluis/{device}/telemetry", json.dumps(body, separators=(",", ":")).encode(), number % 65535 + 1
        )
        sent[f"sluis-node-{device}", mark] = time.perf_counter()
        link.sendall(data)
    return sent


class Stream:
    """The cheapest possible listener to the live stream."""

    def __init__(self, running: Gateway) -> None:
        self.seen: dict[tuple[str, float], float] = {}
        info = json.loads((running.data_dir / "run" / "gateway.json").read_text())
        token = (running.data_dir / "run" / "cli-token").read_text().strip()
        url = urlsplit(info["url"])
        context = ssl.create_default_context(cafile=info["ca"])
        raw = socket.create_connection((url.hostname or "", url.port or 443))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._link = context.wrap_socket(raw, server_hostname=url.hostname)
        request = f"GET /api/v1/stream HTTP/1.1\r\nHost: {url.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n"
        self._link.sendall(request.encode())
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        rest = b""
        while True:
            data = self._link.recv(65536)
            if not data:
                return
            now = time.perf_counter()
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if line.startswith(b"data: ["):
                    self._note(json.loads(line[6:]), now)

    def _note(self, news: list[dict[str, object]], now: float) -> None:
        for one in news:
            if one.get("point") == "voltage":
                self.seen.setdefault((str(one["device"]), float(str(one["value"]))), now)


class Bare:
    """What MQTT itself costs: a paho subscriber to the same messages."""

    def __init__(self, running: Gateway) -> None:
        import paho.mqtt.client as mqtt
        from paho.mqtt.enums import CallbackAPIVersion

        self.seen: dict[tuple[str, float], float] = {}
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bare")
        client.username_pw_set(running.user, running.password)
        client.on_connect = lambda c, *_: c.subscribe("sluis/+/telemetry", 1)
        client.on_message = self._note
        client.connect("127.0.0.1", running.port)
        client.loop_start()

    def _note(self, _client: object, _data: object, message: object) -> None:
        now = time.perf_counter()
        device = message.topic.split("/")[1]  # type: ignore[attr-defined]
        self.seen[f"sluis-node-{device}", json.loads(message.payload)["voltage"]] = now  # type: ignore[attr-defined]
