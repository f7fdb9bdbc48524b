"""What one received and acknowledged message costs the process: our link against plain paho in its own thread.

256 bytes, QoS 1, as fast as the broker delivers; processor time of the whole process per message. Each
side runs as a process of its own (`python -m bench.link_in PORT ours|paho COUNT`), rounds alternate, medians count.
"""

from __future__ import annotations

import asyncio
import json
import resource
import statistics
import subprocess
import sys
import threading
import time

from bench import Figure
from bench.site import folder, plain_broker

COUNT = 20_000
ROUNDS = 3
TOPIC = "sluis/+/telemetry"


def cpu_us() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (used.ru_utime + used.ru_stime) * 1e6


def plain(port: int, count: int) -> float:
    """The reference: paho as its documentation starts it."""
    import paho.mqtt.client as mqtt

    done, got = threading.Event(), 0

    def on_message(*_: object) -> None:
        nonlocal got
        got += 1
        if got == count:
            done.set()

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="bench-link")
    client.on_connect = lambda c, *_: c.subscribe(TOPIC, 1)
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.on_message = on_message
    client.connect("127.0.0.1", port)
    before = cpu_us()
    client.loop_start()
    done.wait(120)
    return (cpu_us() - before) / count


def ours(port: int, count: int) -> float:
    return asyncio.run(_ours(port, count))


async def _ours(port: int, count: int) -> float:
    from sluis.links.mqtt import MqttLink
    from sluis.links.settings import MqttSettings
    from sluis.runtime import SystemClock

    link = MqttLink(MqttSettings(port=port, client_id="bench-link"), SystemClock())
    link.set_filters(frozenset({TOPIC}))
    before, got = cpu_us(), 0
    running = asyncio.ensure_future(link.run())
    while not link.up:  # noqa: ASYNC110  (the benchmark is all there is in this process)
        await asyncio.sleep(0.01)
    await link.send(b"", to="bench/fence")
    print("ready", flush=True)
    while got < count:
        frames = await link.take()
        link.acknowledge([frame.token for frame in frames if frame.token is not None])
        got += len(frames)
    used = (cpu_us() - before) / count
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return used


def one_round(side: str) -> tuple[float, float]:
    """(microseconds of processor time per message, messages per second)."""
    with folder() as at, plain_broker(at) as port:
        command = [sys.executable, "-m", "bench.link_in", str(port), side, str(COUNT)]
        reader = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert reader.stdout is not None and reader.stdout.readline().strip() == "ready"
        began = time.perf_counter()
        load = [sys.executable, "-m", "bench.load", str(port), "20", str(COUNT), "0"]
        subprocess.run(load, check=True, stdout=subprocess.DEVNULL)
        used = json.loads(reader.communicate(timeout=120)[0])
        return used, COUNT / (time.perf_counter() - began)


def measure() -> list[Figure]:
    rounds = [(one_round("paho"), one_round("ours")) for _ in range(ROUNDS)]
    reference = statistics.median(paho[0] for paho, _ in rounds)
    used = statistics.median(mine[0] for _, mine in rounds)
    rate = statistics.median(mine[1] for _, mine in rounds)
    rate_reference = statistics.median(paho[1] for paho, _ in rounds)
    ratio = used / reference
    return [
        Figure("message in, acknowledged: CPU", used, "us", "plain paho", ratio, "<= 1.3", ratio <= 1.3),
        Figure("message in, acknowledged: rate", rate, "/s", "plain paho", rate / rate_reference),
    ]


if __name__ == "__main__":
    print(json.dumps({"paho": plain, "ours": ours}[sys.argv[2]](int(sys.argv[1]), int(sys.argv[3]))))
