"""A device that keeps what was not acknowledged: numbered QoS 1 messages, sent again until the broker has them."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

WINDOW = 200
"""Messages on their way at once. A device with a smaller one is gentler; a larger one only deepens the resend."""


EARLY = -1
"""Stands for the sequence number of a message whose answer came before its own number was noted."""


@dataclass
class Publisher:
    """Publishes `{"boot", "seq", "count"}` on `topic` at `rate_per_s` from its own thread until stopped.

    Its own client, connected anew after every loss (a clean session: what is to be sent again is decided here,
    by sequence number, so that the resend is the same message to the byte).
    """

    port: int
    username: str
    password: str
    topic: str
    rate_per_s: float
    announcement: tuple[str, bytes]
    counting: threading.Event = field(default_factory=threading.Event)
    """Set once the gateway listens: only then what is acknowledged must be stored (nobody subscribes to a stranger)."""
    boot: str = "1"
    acknowledged: set[int] = field(default_factory=set)
    sent: int = 0
    resent: int = 0
    _next: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _pending: dict[int, None] = field(default_factory=dict)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    def finish(self, within_s: float) -> bool:
        """Publish nothing new; True when all that was sent is acknowledged within the time."""
        self.rate_per_s = 0
        deadline = time.monotonic() + within_s
        while self._pending and time.monotonic() < deadline:
            time.sleep(0.02)
        self._stop.set()
        if self._thread:
            self._thread.join(10)
        return not self._pending

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._session()
            except OSError:
                self._stop.wait(0.05)

    def _session(self) -> None:
        """One connection: first what is unacknowledged, then what is new; OSError when it breaks."""
        mids: dict[int, int] = {}
        broken = threading.Event()
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"selftest-{self.boot}", clean_session=True)
        client.username_pw_set(self.username, self.password)
        client.on_disconnect = lambda *_: broken.set()
        joined = threading.Event()
        client.on_connect = lambda _c, _u, _f, reason, _p: joined.set() if not reason.is_failure else broken.set()
        client.on_publish = lambda _c, _u, mid, _r, _p: self._acknowledge(mids, mid)
        client.connect("127.0.0.1", self.port, keepalive=5)
        client.loop_start()
        try:
            if not joined.wait(5):
                raise ConnectionError("the broker did not answer")
            client.publish(*self.announcement, qos=1, retain=True)
            waiting = list(self._pending)
            self.resent += len(waiting)
            for seq in waiting:
                self._publish(client, mids, seq)
            self._stream(client, mids, broken)
        finally:
            client.disconnect()
            client.loop_stop()

    def _stream(self, client: mqtt.Client, mids: dict[int, int], broken: threading.Event) -> None:
        while not self._stop.is_set():
            if broken.is_set() or not client.is_connected():
                raise ConnectionError("the broker is gone")
            if not self.counting.is_set():
                client.publish(self.topic, json.dumps({"boot": "warm-up", "seq": time.time_ns(), "count": -1}), qos=1)
                self._stop.wait(0.05)
                continue
            rate_per_s = self.rate_per_s  # somebody else's thread changes it
            if rate_per_s <= 0 or len(self._pending) >= WINDOW:
                self._stop.wait(0.005)
                continue
            seq, self._next = self._next, self._next + 1
            self._pending[seq] = None
            self.sent += 1
            self._publish(client, mids, seq)
            self._stop.wait(1 / rate_per_s)

    def _publish(self, client: mqtt.Client, mids: dict[int, int], seq: int) -> None:
        body = json.dumps({"boot": self.boot, "seq": seq, "count": seq})
        # Never hold our lock while calling paho: it calls `_acknowledge` holding a lock of its own.
        mid = client.publish(self.topic, body, qos=1).mid
        with self._lock:
            if mids.setdefault(mid, seq) != EARLY:
                return
        self._acknowledge(mids, mid, seq)

    def _acknowledge(self, mids: dict[int, int], mid: int, seq: int | None = None) -> None:
        with self._lock:
            if seq is None and mid not in mids:
                mids[mid] = EARLY  # the answer is here before we know the number it answers
                return
            known = mids.pop(mid)
        done = known if seq is None else seq
        self._pending.pop(done, None)
        self.acknowledged.add(done)
