"""The floor: the least a Python gateway can do. Plain paho + SQLite: subscribe, insert in batches, forward.

Usage: python -m bench.floor PORT DATABASE   (prints "ready", runs until terminated)
"""

from __future__ import annotations

import json
import queue
import signal
import sqlite3
import sys

import paho.mqtt.client as mqtt


def main(port: int, path: str) -> None:
    waiting: queue.SimpleQueue[mqtt.MQTTMessage | None] = queue.SimpleQueue()
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE readings (topic TEXT, at REAL, value REAL)")
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="floor")
    client.on_connect = lambda c, *_: (c.subscribe("sluis/+/telemetry", 1), print("ready", flush=True))
    client.on_message = lambda _c, _u, message: waiting.put(message)
    client.connect("127.0.0.1", port)
    client.loop_start()
    signal.signal(signal.SIGTERM, lambda *_: waiting.put(None))
    while True:
        batch = [waiting.get()]
        while not waiting.empty() and len(batch) < 500:
            batch.append(waiting.get())
        rows = [(m.topic, m.timestamp, json.loads(m.payload)["temperature"]) for m in batch if m is not None]
        with database:
            database.executemany("INSERT INTO readings VALUES (?, ?, ?)", rows)
        for message in batch:
            if message is None:
                return
            client.publish("floor/" + message.topic, message.payload, 1)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
