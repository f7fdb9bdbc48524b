"""A load generator that is cheaper than what it measures: raw MQTT 3.1.1 on one socket, QoS 1, many devices.

Usage: python -m bench.load PORT DEVICES COUNT RATE_PER_S [USER PASSWORD]
COUNT messages of 256 bytes over DEVICES ids, at RATE_PER_S (0: as fast as the window of 500 allows).
Prints one JSON line: sent, acknowledged, seconds.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
import time

WINDOW = 500


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("!H", len(data)) + data


def packet(kind: int, body: bytes) -> bytes:
    length, head = len(body), bytearray([kind])
    while True:
        length, digit = divmod(length, 128)
        head.append(digit | (128 if length else 0))
        if not length:
            return bytes(head) + body


def connect(port: int, client_id: str, user: str = "", password: str = "") -> socket.socket:
    link = socket.create_connection(("127.0.0.1", port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    flags = 0x02 | (0xC0 if user else 0)
    body = text("MQTT") + bytes([4, flags]) + struct.pack("!H", 600) + text(client_id)
    if user:
        body += text(user) + text(password)
    link.sendall(packet(0x10, body))
    answer = link.recv(4)
    if answer[:1] != b"\x20" or answer[3:4] != b"\x00":
        raise SystemExit(f"the broker refused us: {answer.hex()}")
    return link


def payload(boot: str, seq: int) -> bytes:
    """256 bytes of telemetry as a node sends it."""
    body = {
        "boot": boot,
        "seq": seq,
        "temperature": round(20 + (seq % 100) / 20, 2),
        "humidity": 40 + seq % 20,
        "co2": 400 + seq % 800,
        "voltage": 3.29,
        "rssi": -60 - seq % 20,
    }
    bare = json.dumps(body, separators=(",", ":"))
    return (bare[:-1] + ',"note":"' + "x" * (256 - len(bare) - 10) + '"}').encode()


def publish(topic: str, data: bytes, mid: int) -> bytes:
    return packet(0x32, text(topic) + struct.pack("!H", mid) + data)


def main() -> None:
    port, devices, count, rate = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    user, password = sys.argv[5:7] if len(sys.argv) > 6 else ("", "")
    link = connect(port, "load", user, password)
    window = threading.Semaphore(WINDOW)
    acknowledged = 0
    done = threading.Event()

    def read() -> None:
        nonlocal acknowledged
        while acknowledged < count:
            data = link.recv(65536)
            if not data:
                break
            for _ in range(len(data) // 4):
                acknowledged += 1
                window.release()
        done.set()

    threading.Thread(target=read, daemon=True).start()
    boot = f"b{time.time_ns() % 10**8}"
    prepared = [
        publish(f"sluis/bench{i % devices}/telemetry", payload(boot, i // devices), i % 65535 + 1) for i in range(count)
    ]
    began = time.perf_counter()
    for index, data in enumerate(prepared):
        if rate:
            wait = began + index / rate - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
        window.acquire()
        link.sendall(data)
    done.wait(60)
    seconds = time.perf_counter() - began
    print(json.dumps({"sent": count, "acknowledged": acknowledged, "seconds": seconds}))


if __name__ == "__main__":
    main()
