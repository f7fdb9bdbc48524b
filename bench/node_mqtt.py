"""What the node's MQTT client does on MicroPython (unix port): QoS 1 messages acknowledged a second, against paho.

100 bytes, the same broker, both with thirty-two messages in flight; paho on CPython is the reference that everybody
knows. Rounds alternate, medians count. A board is some fifty times slower than this machine; what is compared is how
much a client waits between messages, in which the known clients for MicroPython differ by a factor of a hundred.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt

from bench import Figure
from bench.site import folder, plain_broker

COUNT = 5_000
ROUNDS = 3
PAYLOAD = b"x" * 100
LIB = Path(__file__).parents[1] / "firmware" / "lib"

SCRIPT = """
import asyncio, sys, time
sys.path.insert(0, {lib!r})
from sluis_node import mqtt
async def main():
    client = mqtt.Client(("127.0.0.1",), {port}, "bench-node", window=32)
    ready = asyncio.Event()
    client.on_up = ready.set
    running = asyncio.create_task(client.run())
    await ready.wait()
    began = time.ticks_us()
    for _ in range({count}):
        await client.send("bench/node", b"x" * 100)
    assert await client.flush(60)
    print({count} * 1e6 / time.ticks_diff(time.ticks_us(), began))
    running.cancel()
asyncio.run(main())
"""


def node(port: int) -> float:
    script = SCRIPT.format(lib=str(LIB), port=port, count=COUNT)
    vm = Path(sys.executable).with_name("micropython")
    ended = subprocess.run([str(vm), "-c", script], capture_output=True, text=True, timeout=120, check=True)
    return float(ended.stdout)


def paho(port: int) -> float:
    done, left = threading.Event(), COUNT

    def on_publish(*_: object) -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set()

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="bench-paho")
    client.max_inflight_messages_set(32)
    client.on_publish = on_publish
    client.connect("127.0.0.1", port)
    client.loop_start()
    began = time.perf_counter()
    for _ in range(COUNT):
        client.publish("bench/node", PAYLOAD, 1)
    assert done.wait(120)
    rate = COUNT / (time.perf_counter() - began)
    client.disconnect()
    client.loop_stop()
    return rate


def measure() -> list[Figure]:
    with folder() as where, plain_broker(where) as port:
        rounds = [(node(port), paho(port)) for _ in range(ROUNDS)]
    ours, theirs = (statistics.median(column) for column in zip(*rounds, strict=True))
    return [
        Figure("QoS 1 messages of a node", ours, "msg/s", "paho on CPython", ours / theirs, ">= 500", ours >= 500),
    ]
